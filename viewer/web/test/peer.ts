// A host for tests of the page: serves the built page with the policy of the real one, enrols, gives tickets, and speaks the
// protocol on a WebSocket as the test says. On loopback over plain HTTP, which browsers count as secure.

import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { webcrypto } from 'node:crypto';
import { WebSocketServer, type WebSocket } from 'ws';
import { attached, canvasOpened, frame, messages, pong, update, welcome, type Said } from './host';

const dist = new URL('../dist/', import.meta.url);

const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
  "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
  "require-trusted-types-for 'script'; trusted-types shoji";

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', wasm: 'application/wasm', svg: 'image/svg+xml',
};

/** Waits for a condition; a test that waits in vain says for what. */
export async function until<T>(what: string, condition: () => T | null | undefined | false, within = 15_000): Promise<T> {
  for (const end = Date.now() + within; ; ) {
    const value = condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** One connection of a viewer. */
export class Session {
  readonly said: Said[] = [];
  isClosed = false;
  private number = 0;

  constructor(private readonly socket: WebSocket) {
    socket.on('close', () => (this.isClosed = true));
  }

  take(bytes: Uint8Array): void {
    for (const message of messages(bytes)) {
      this.said.push(message);
      if (message.kind === 'ping' && this.answers) this.send(pong(message.nonce));
    }
  }

  answers = true;

  send(...bodies: Uint8Array[]): void {
    for (const body of bodies) this.socket.send(frame(body));
  }

  /** An update of a canvas. */
  show(canvas: number, width: number, height: number, payload: Uint8Array, input = 0): number {
    this.number += 1;
    this.send(update(canvas, this.number, width, height, input, false, payload));
    return this.number;
  }

  all<K extends Said['kind']>(kind: K): Extract<Said, { kind: K }>[] {
    return this.said.filter((message): message is Extract<Said, { kind: K }> => message.kind === kind);
  }

  drop(code?: number): void {
    if (code === undefined) this.socket.terminate();
    else this.socket.close(code);
  }
}

/** A whole canvas of one colour, with a patch of another. */
export function plain(width: number, height: number, [red, green, blue]: [number, number, number], patch?: [number, number, number, number]): Uint8Array {
  const short = (number: number) => [number & 255, number >> 8];
  const fill = (x: number, y: number, w: number, h: number, colour: number[]) => [2, ...short(x), ...short(y), ...short(w), ...short(h), ...colour];
  const whole = fill(0, 0, width, height, [blue, green, red]);
  return Uint8Array.of(2, 1, ...short(width), ...short(height), ...whole, ...(patch === undefined ? [] : fill(...patch, [0, 0, 200])));
}

/** Of whoever waits. */
const CODE = 'K7QM-4TXR';

export class Peer {
  readonly sessions: Session[] = [];
  /** Devices by key, and how they stand. */
  readonly devices = new Map<string, 'waiting' | 'approved' | 'revoked' | 'expired'>();
  /** How often somebody asked to be enrolled. */
  asked = 0;
  /** What a request asked for that the policy of the page would forbid, or that is not there. */
  readonly strange: string[] = [];
  /** Sessions begin by themselves with one window, as the real host's. */
  begins = true;
  tickets = true;
  /** What the worker does before anything else: a browser that lacks something. */
  lacks = '';
  private readonly challenges = new Map<string, string>();
  private readonly goodTickets = new Set<string>();

  private constructor(
    private readonly server: Server,
    private readonly sockets: WebSocketServer,
  ) {}

  static async start(): Promise<Peer> {
    const server = createServer();
    const sockets = new WebSocketServer({ server, path: '/session', handleProtocols: (names) => (names.has('shoji.1') ? 'shoji.1' : false) });
    const peer = new Peer(server, sockets);
    server.on('request', (request, response) => void peer.answer(request, response));
    sockets.on('connection', (socket) => peer.admit(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return peer;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get session(): Session | undefined {
    return this.sessions.at(-1);
  }

  async stop(): Promise<void> {
    this.sockets.clients.forEach((socket) => socket.terminate());
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  approve(): void {
    for (const key of this.devices.keys()) this.devices.set(key, 'approved');
  }

  /** The administrator refuses whoever waits: the host knows them no more. */
  refuse(): void {
    this.devices.clear();
  }

  private admit(socket: WebSocket): void {
    let session: Session | null = null;
    socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) return socket.close(1003);
      if (session !== null) {
        session.take(data);
        return this.greet(session);
      }
      if (!this.goodTickets.delete(data.toString('base64url'))) return socket.close(4401);
      session = new Session(socket);
      this.sessions.push(session);
    });
  }

  private greet(session: Session): void {
    const [attach] = session.all('attach');
    if (!this.begins || attach === undefined) return;
    const [hello] = session.all('hello');
    if (hello === undefined || greeted.has(session)) return;
    greeted.add(session);
    const { width, height } = attach;
    session.send(welcome(hello.capabilities), attached(77n, attach.how === 77n), canvasOpened(1, width, height));
    session.show(1, width, height, plain(width, height, [250, 250, 252], [40, 40, 200, 120]));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', this.address);
    const say = (status: number, body: object) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.method === 'POST') {
      let text = '';
      for await (const part of request) text += String(part);
      if (request.headers.origin !== this.address || request.headers['sec-fetch-site'] !== 'same-origin') return void say(403, { error: 'origin' });
      return this.post(pathname, JSON.parse(text) as Record<string, string>, say);
    }
    const name = pathname === '/' ? 'index.html' : pathname.slice(1);
    try {
      if (pathname !== '/' && !pathname.startsWith('/assets/')) throw new Error('not served');
      const file = readFileSync(new URL(name, dist));
      const body = name.startsWith('assets/worker') ? Buffer.concat([Buffer.from(this.lacks), file]) : file;
      response.writeHead(200, {
        'content-type': TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream',
        'content-security-policy': POLICY,
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
        'cross-origin-resource-policy': 'same-origin',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      });
      response.end(body);
    } catch {
      this.strange.push(pathname);
      response.writeHead(404).end();
    }
  }

  private async post(path: string, body: Record<string, string>, say: (status: number, body: object) => void): Promise<void> {
    const { key = '' } = body;
    const stands = this.devices.get(key);
    if (path === '/api/enrol') {
      this.asked += 1;
      if (body['name']?.includes('"')) return say(400, { error: 'name' });
      if (stands === 'approved') return say(200, { device: 'pc-102' });
      if (stands === 'revoked') return say(403, { error: 'revoked' });
      this.devices.set(key, 'waiting');
      return say(201, { code: CODE });
    }
    if (stands === 'waiting') return say(403, { error: 'waiting', code: CODE });
    if (stands !== 'approved') return say(403, { error: stands ?? 'unknown' });
    if (path === '/api/challenge') {
      const challenge = Buffer.from(webcrypto.getRandomValues(new Uint8Array(32))).toString('base64url');
      this.challenges.set(key, challenge);
      return say(200, { challenge });
    }
    const { challenge = '', signature = '' } = body;
    const publicKey = await webcrypto.subtle.importKey('raw', Buffer.from(key, 'base64url'), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
    const text = new TextEncoder().encode(`shoji ticket 1\n${this.address}\n${challenge}`);
    const isGood = await webcrypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, publicKey, Buffer.from(signature, 'base64url'), text);
    if (this.challenges.get(key) !== challenge) return say(403, { error: 'challenge' });
    this.challenges.delete(key);
    if (!isGood) return say(403, { error: 'signature' });
    if (!this.tickets) return say(429, { error: 'busy' });
    const ticket = Buffer.from(webcrypto.getRandomValues(new Uint8Array(32))).toString('base64url');
    this.goodTickets.add(ticket);
    say(200, { ticket, carriers: [{ kind: 'websocket' }] });
  }
}

const greeted = new WeakSet<Session>();
