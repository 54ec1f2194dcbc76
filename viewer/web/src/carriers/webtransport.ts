// WebTransport: HTTP/3 over UDP, each channel on a stream of its own, so that a lost packet of a picture delays no key, and
// datagrams for copies of input and of updates. The browser knows the host by the hashes of its certificates, which came with the ticket.

import { fromBase64Url } from '../base64';
import type { Carrier, Listener, Offer, Opened } from './carrier';

/** The host closes with this code when the ticket is not good. */
const TICKET_REFUSED = 4401;

/** A session ends with the protocol's close code, at most two digits, added to this. */
const CODES_FROM = 4000;

/** Channels, as the core counts them. */
const [CONTROL, INPUT, UPDATES] = [0, 1, 2];

/** And datagrams. */
const DATAGRAM = 4;

/** What was said last may take so long to leave before the connection is closed anyway. */
const FAREWELL = 500;

/** A copy of input that waited so long is of no use: the stream has brought the input meanwhile. */
const COPY_LIFE = 100;

export async function openWebTransport(offer: Offer, signal: AbortSignal): Promise<Opened> {
  const hashes = (offer.certificates ?? []).slice(0, 4).map((hash) => ({ algorithm: 'sha-256', value: fromBase64Url(hash) }));
  if (typeof WebTransport === 'undefined' || hashes.length === 0) throw new Error('WebTransport cannot be used here');
  const transport = new WebTransport(new URL('session', location.origin + '/').href, {
    serverCertificateHashes: hashes,
    congestionControl: 'low-latency',
    // Over TCP the WebSocket is the better one.
    requireUnreliable: true,
  });
  let isOpen = false;
  // Whoever listens hears of it there; nobody else has to.
  transport.closed.catch(() => undefined);
  signal.addEventListener('abort', () => isOpen || transport.close());
  await transport.ready;
  isOpen = true;
  return { admit: (ticket, listener) => admit(transport, ticket, listener), close: () => transport.close() };
}

/** Bytes on their way into one stream. */
class Sender {
  /** Given to the browser and not taken by the network yet. */
  pending = 0;
  private waiting: Uint8Array[] = [];
  private size = 0;

  constructor(private readonly writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>) {}

  /** Frames that are made together leave together. */
  send(bytes: Uint8Array): void {
    if (this.size === 0) queueMicrotask(() => this.flush());
    this.waiting.push(bytes);
    this.size += bytes.length;
  }

  private flush(): void {
    const { size, waiting } = this;
    if (size === 0) return;
    [this.waiting, this.size] = [[], 0];
    const all = new Uint8Array(size);
    waiting.reduce((at, bytes) => (all.set(bytes, at), at + bytes.length), 0);
    this.pending += size;
    // A stream that broke is one of a connection that did, and that is told.
    this.writer.write(all).then(() => (this.pending -= size), () => undefined);
  }

  /** After what was sent. */
  async end(): Promise<void> {
    this.flush();
    await this.writer.close();
  }
}

/** Copies of updates that may wait for this thread: all that the host sends at once (16 KiB), and as many again. A browser keeps one. */
const COPIES_WAITING = 32;

/** What a `WebTransport` has for datagrams: the second is the newer name. */
interface Datagrams {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  incomingHighWaterMark: number;
  readonly maxDatagramSize: number;
  readonly writable?: WritableStream<Uint8Array<ArrayBuffer>>;
  createWritable?(): WritableStream<Uint8Array<ArrayBuffer>>;
}

async function admit(transport: WebTransport, ticket: Uint8Array<ArrayBuffer>, listener: Listener): Promise<Carrier> {
  let isOver = false;
  const ended = (code: number | null) => {
    const isOurs = code !== null && CODES_FROM <= code && code < CODES_FROM + 100;
    if (!isOver) listener.ended(code === TICKET_REFUSED, isOurs ? code - CODES_FROM : null);
    isOver = true;
  };
  transport.closed.then(({ closeCode }) => ended(closeCode ?? null), () => ended(null));

  async function read(stream: ReadableStream<Uint8Array<ArrayBuffer>>, channel: number): Promise<void> {
    const reader = stream.getReader();
    // A stream that broke is one of a connection that did.
    const next = () => reader.read().catch(() => null);
    for (let came = await next(); came !== null && !came.done && !isOver; came = await next()) listener.received(channel, came.value);
  }

  async function updates(): Promise<void> {
    const streams = (transport.incomingUnidirectionalStreams as ReadableStream<ReadableStream<Uint8Array<ArrayBuffer>>>).getReader();
    const first = await streams.read().catch(() => null);
    if (first?.value !== undefined) await read(first.value, UPDATES);
  }

  /** A fault of ours is one here as in a WebSocket's event: told as such, and the end. */
  function fault(error: unknown): void {
    transport.close();
    reportError(error);
  }

  const [control, input] = await Promise.all([transport.createBidirectionalStream(), transport.createUnidirectionalStream()]);
  const senders = [new Sender(control.writable.getWriter()), new Sender(input.getWriter())] as const;
  senders[0].send(ticket);
  read(control.readable as ReadableStream<Uint8Array<ArrayBuffer>>, CONTROL).catch(fault);
  updates().catch(fault);

  const datagrams = transport.datagrams as Datagrams;
  datagrams.incomingHighWaterMark = COPIES_WAITING;
  read(datagrams.readable, DATAGRAM).catch(fault);
  transport.datagrams.outgoingMaxAge = COPY_LIFE;
  const copies = (datagrams.createWritable?.() ?? datagrams.writable)?.getWriter();
  const datagram = (bytes: Uint8Array<ArrayBuffer>) => {
    // One that would wait is of no use, and the next holds what it held.
    if (copies === undefined || (copies.desiredSize ?? 0) <= 0 || bytes.length > datagrams.maxDatagramSize) return;
    copies.write(bytes).catch(() => undefined);
  };

  return {
    kind: 'webtransport',
    datagram,
    hearsCopies: true,
    get backlog() {
      return senders[0].pending + senders[1].pending;
    },
    send(channel, frame) {
      senders[channel === INPUT ? 1 : 0].send(frame);
    },
    close() {
      isOver = true;
      const said = Promise.allSettled(senders.map((sender) => sender.end()));
      const late = new Promise((resolve) => setTimeout(resolve, FAREWELL));
      void Promise.race([said, late]).then(() => transport.close());
    },
  };
}
