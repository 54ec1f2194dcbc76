// What lies between a page and the host: both kinds of packets on one port number, with a seeded bad link and a cut.

import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Conditions {
  /** Whether UDP passes; if not, it is swallowed, as by a firewall that drops. Or only what is WebRTC's, as by one that knows QUIC. */
  udp: boolean | 'webrtc';
  /** Milliseconds that a packet and its answer take longer. */
  roundTrip: number;
  /** How many of a thousand datagrams are lost, of a flow that stands. */
  loss: number;
}

/** A flow's first datagrams all arrive: where one of its handshake is lost, another carrier wins the race, and rightly. */
const SPARED = 40;

/** The same numbers each time. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Datagrams of one browser's port. */
interface Flow {
  to: DatagramSocket;
  /** In both directions so far. */
  count: number;
}

export class Relay {
  private readonly streams = new Set<Socket>();
  private readonly peers = new Map<string, Flow>();
  private readonly draw = random(7);
  private isCut = false;
  /** Datagrams that were carried, and that were lost. */
  carried = 0;
  lost = 0;

  private constructor(
    private readonly tcp: Server,
    private readonly udp: DatagramSocket,
    private readonly host: number,
    private readonly conditions: Conditions,
  ) {
    tcp.on('connection', (socket) => this.stream(socket));
    udp.on('message', (datagram, { port }) => this.datagram(datagram, port));
  }

  /** Before a host on this port of the loopback address. */
  static async start(host: number, conditions: Conditions): Promise<Relay> {
    for (;;) {
      const tcp = createServer().listen(0, '127.0.0.1');
      await once(tcp, 'listening');
      const address = tcp.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const udp = createSocket('udp4');
      // Chromium's receive buffer is what a burst meets; this one must not be the smaller.
      const bound = new Promise<boolean>((resolve) => udp.once('listening', () => resolve(true)).once('error', () => resolve(false)));
      udp.bind(port, '127.0.0.1');
      if (await bound) {
        udp.setRecvBufferSize(4 << 20);
        return new Relay(tcp, udp, host, conditions);
      }
      // Somebody has this number for UDP; another is free for both.
      tcp.close();
    }
  }

  get port(): number {
    return this.udp.address().port;
  }

  /** Nothing passes any more: what is open falls silent, and nothing new comes through. */
  cut(): void {
    this.isCut = true;
    for (const socket of this.streams) socket.pause();
  }

  /** New connections pass again; streams that were cut are gone. */
  mend(): void {
    this.isCut = false;
    for (const socket of this.streams) socket.destroy();
  }

  stop(): void {
    for (const socket of this.streams) socket.destroy();
    for (const { to } of this.peers.values()) to.close();
    this.tcp.close();
    this.udp.close();
  }

  private stream(socket: Socket): void {
    const other = connect(this.host, '127.0.0.1');
    for (const [from, to] of [[socket, other], [other, socket]] as const) {
      this.streams.add(from);
      from.setNoDelay(true);
      from.on('data', (bytes) => void setTimeout(() => this.isCut || to.destroyed || to.write(bytes), this.conditions.roundTrip / 2));
      from.on('error', () => undefined);
      from.on('close', () => {
        this.streams.delete(from);
        setTimeout(() => to.destroy(), this.conditions.roundTrip / 2);
      });
    }
    if (this.isCut) [socket, other].forEach((one) => one.pause());
  }

  private datagram(datagram: Buffer, client: number): void {
    if (!this.conditions.udp) return;
    // The bit that every packet of QUIC has.
    if (this.conditions.udp === 'webrtc' && ((datagram[0] ?? 0) & 0x40) !== 0) return;
    const key = String(client);
    const flow = this.peers.get(key) ?? { to: createSocket('udp4'), count: 0 };
    if (!this.peers.has(key)) {
      flow.to.on('message', (answer) => this.later(flow, () => this.udp.send(answer, client, '127.0.0.1')));
      flow.to.on('error', () => undefined);
      this.peers.set(key, flow);
    }
    this.later(flow, () => flow.to.send(datagram, this.host, '127.0.0.1'));
  }

  private later(flow: Flow, send: () => void): void {
    if (this.isCut) return;
    flow.count += 1;
    if (flow.count > SPARED && this.draw() * 1_000 < this.conditions.loss) {
      this.lost += 1;
      return;
    }
    this.carried += 1;
    setTimeout(send, this.conditions.roundTrip / 2);
  }
}
