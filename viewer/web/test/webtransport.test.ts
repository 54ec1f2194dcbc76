// The opener of WebTransport against one that the test makes: what it asks for, what goes where, and how it ends.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { toBase64Url } from '../src/base64';
import type { Carrier, Listener } from '../src/carriers/carrier';
import { openWebTransport } from '../src/carriers/webtransport';
import { until } from './peer';

type Bytes = Uint8Array<ArrayBuffer>;

/** A stream whose bytes the test has, and which takes some only when the test says so. */
class Sink {
  readonly taken: number[][] = [];
  isFinished = false;
  takes: Promise<void> = Promise.resolve();
  readonly writable = new WritableStream<Bytes>({
    write: async (bytes) => {
      await this.takes;
      this.taken.push([...bytes]);
    },
    close: () => void (this.isFinished = true),
  });
}

class Made {
  static last: Made;
  static fails = false;
  readonly control = new Sink();
  readonly input = new Sink();
  readonly copies = new Sink();
  /** A datagram comes. */
  copy: (bytes: Bytes) => void = () => undefined;
  readonly datagrams = {
    writable: this.copies.writable,
    readable: new ReadableStream<Bytes>({ start: (stream) => void (this.copy = (bytes) => stream.enqueue(bytes)) }),
    maxDatagramSize: 1200,
    outgoingMaxAge: null,
    incomingHighWaterMark: 1,
  };
  end: (info: { closeCode?: number }) => void = () => undefined;
  breaks: (error: Error) => void = () => undefined;
  say: (bytes: Bytes) => void = () => undefined;
  update: (bytes: Bytes) => void = () => undefined;
  isClosed = false;
  readonly closed = new Promise<{ closeCode?: number }>((resolve, reject) => ([this.end, this.breaks] = [resolve, reject]));
  readonly ready: Promise<void>;
  readonly incomingUnidirectionalStreams = new ReadableStream<ReadableStream<Bytes>>({
    start: (streams) => streams.enqueue(new ReadableStream<Bytes>({ start: (stream) => void (this.update = (bytes) => stream.enqueue(bytes)) })),
  });

  constructor(
    readonly address: string,
    readonly options: WebTransportOptions,
  ) {
    Made.last = this;
    this.ready = Made.fails ? Promise.reject(new Error('blocked')) : Promise.resolve();
  }

  async createBidirectionalStream() {
    return { writable: this.control.writable, readable: new ReadableStream<Bytes>({ start: (stream) => void (this.say = (bytes) => stream.enqueue(bytes)) }) };
  }

  async createUnidirectionalStream() {
    return this.input.writable;
  }

  close(): void {
    this.isClosed = true;
    this.end({});
  }
}

describe('WebTransport', () => {
  const hash = new Uint8Array(32).fill(7);
  const offer = { kind: 'webtransport' as const, certificates: [toBase64Url(hash)] };
  const heard: [number, number[]][] = [];
  const ends: [boolean, number | null][] = [];
  const listener: Listener = {
    received: (stream, bytes) => heard.push([stream, [...bytes]]),
    ended: (refused, code) => ends.push([refused, code]),
  };

  beforeEach(() => {
    [heard.length, ends.length, Made.fails] = [0, 0, false];
    vi.stubGlobal('WebTransport', Made);
    vi.stubGlobal('location', { origin: 'https://host.example:4433' });
  });
  afterEach(() => void vi.unstubAllGlobals());

  async function open(other: Partial<Listener> = {}): Promise<Carrier> {
    const opened = await openWebTransport(offer, new AbortController().signal);
    return opened.admit(Uint8Array.of(1, 2, 3), { ...listener, ...other });
  }

  it('is opened where the page came from, for the certificates of the ticket, and never over TCP', async () => {
    await open();
    expect(Made.last.address).toBe('https://host.example:4433/session');
    const { serverCertificateHashes, congestionControl, requireUnreliable } = Made.last.options;
    expect({ congestionControl, requireUnreliable }).toEqual({ congestionControl: 'low-latency', requireUnreliable: true });
    expect(serverCertificateHashes).toEqual([{ algorithm: 'sha-256', value: hash }]);
  });

  it('is not tried where the browser has none or the host names no certificate', async () => {
    await expect(openWebTransport({ kind: 'webtransport' }, new AbortController().signal)).rejects.toThrow();
    vi.stubGlobal('WebTransport', undefined);
    await expect(openWebTransport(offer, new AbortController().signal)).rejects.toThrow();
  });

  it('is given up when another won, and kept when it won itself', async () => {
    const lost = new AbortController();
    const opening = openWebTransport(offer, lost.signal);
    lost.abort();
    await opening.catch(() => undefined);
    expect(Made.last.isClosed).toBe(true);
    const won = new AbortController();
    await openWebTransport(offer, won.signal);
    won.abort();
    expect(Made.last.isClosed).toBe(false);
    Made.fails = true;
    await expect(openWebTransport(offer, new AbortController().signal)).rejects.toThrow('blocked');
  });

  it('shows the ticket first, and has a stream for each channel', async () => {
    const carrier = await open();
    carrier.send(0, Uint8Array.of(4));
    carrier.send(1, Uint8Array.of(5));
    carrier.send(1, Uint8Array.of(6));
    await until('all is taken', () => Made.last.input.taken.length > 0 && Made.last.control.taken.flat().length === 4);
    expect(Made.last.control.taken.flat()).toEqual([1, 2, 3, 4]);
    expect(Made.last.input.taken, 'what is made together goes together').toEqual([[5, 6]]);
    Made.last.say(Uint8Array.of(7));
    Made.last.update(Uint8Array.of(8));
    await until('both are heard', () => heard.length === 2);
    expect(heard).toContainEqual([0, [7]]);
    expect(heard).toContainEqual([2, [8]]);
  });

  it('hears copies of updates in datagrams, and lets more than one of them wait', async () => {
    const carrier = await open();
    expect(carrier.hearsCopies).toBe(true);
    expect(Made.last.datagrams.incomingHighWaterMark, 'what the host sends at once').toBeGreaterThanOrEqual(16);
    Made.last.copy(Uint8Array.of(1));
    Made.last.copy(Uint8Array.of(2));
    await until('both are heard', () => heard.length === 2);
    expect(heard).toEqual([[4, [1]], [4, [2]]]);
  });

  it('knows what waits, and drops copies that would', async () => {
    const carrier = await open();
    await until('the ticket is taken', () => carrier.backlog === 0 && Made.last.control.taken.length === 1);
    let go: () => void = () => undefined;
    Made.last.input.takes = Made.last.copies.takes = new Promise((resolve) => (go = resolve));
    carrier.send(1, new Uint8Array(20));
    carrier.datagram?.(Uint8Array.of(1));
    carrier.datagram?.(Uint8Array.of(2));
    carrier.datagram?.(new Uint8Array(1201));
    await until('it waits', () => carrier.backlog === 20);
    go();
    await until('it is taken', () => carrier.backlog === 0);
    carrier.datagram?.(new Uint8Array(1201));
    carrier.datagram?.(Uint8Array.of(3));
    await until('the copies that found room are taken', () => Made.last.copies.taken.length === 2);
    expect(Made.last.copies.taken).toEqual([[1], [3]]);
  });

  it.each([
    [4401, true, null],
    [4006, false, 6],
    [4000, false, 0],
    [0, false, null],
    [4100, false, null],
  ])('ends with what code %i means', async (closeCode, refused, code) => {
    await open();
    Made.last.end({ closeCode });
    await until('the end is told', () => ends.length === 1);
    expect(ends).toEqual([[refused, code]]);
  });

  it('ends without a code when the connection breaks, once', async () => {
    await open();
    Made.last.breaks(new Error('lost'));
    await until('the end is told', () => ends.length === 1);
    expect(ends).toEqual([[false, null]]);
  });

  it('ends with a fault of whoever listens, and hides it from nobody', async () => {
    const reported: unknown[] = [];
    vi.stubGlobal('reportError', (error: unknown) => reported.push(error));
    await open({ received: () => { throw new Error('ours'); } });
    Made.last.update(Uint8Array.of(8));
    await until('it is closed', () => Made.last.isClosed);
    expect(reported).toEqual([new Error('ours')]);
  });

  it('closes after what was sent, and tells nothing any more', async () => {
    const carrier = await open();
    carrier.send(0, Uint8Array.of(9));
    carrier.close();
    await until('it is closed', () => Made.last.isClosed);
    expect(Made.last.control.taken.flat()).toEqual([1, 2, 3, 9]);
    expect([Made.last.control.isFinished, Made.last.input.isFinished]).toEqual([true, true]);
    Made.last.say(Uint8Array.of(7));
    await new Promise((resolve) => setTimeout(resolve));
    expect([heard, ends]).toEqual([[], []]);
  });
});
