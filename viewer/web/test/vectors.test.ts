// The codec's golden vectors through the core in WebAssembly, as a host's frames: the same canvases as everywhere.
// The one with video needs a browser: see page.test.ts.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Core, Next, Stream, type CoreEvent } from '../src/core';
import { attached, canvasOpened, cursor, frame, update, welcome } from './host';

const folder = new URL('../../../codec/vectors/', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, import.meta.url));

export function payloads(name: string): Uint8Array[] {
  const bytes = readFileSync(new URL(`${name}.updates`, folder));
  const all: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    all.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return all;
}

async function load(): Promise<Core> {
  const { instance } = await WebAssembly.instantiate(read('../src/generated/core.wasm'), {});
  let now = 1_000_000;
  return new Core(instance.exports as never, () => (now += 20_000));
}

/** Takes all frames there are, and gives what happened. */
function drain(core: Core): CoreEvent[] {
  const all: CoreEvent[] = [];
  for (;;) {
    const { next, event } = core.step();
    if (event !== null) all.push(event);
    if (next === Next.nothing || next === Next.waiting) return all;
  }
}

async function joined(capabilities = 31): Promise<Core> {
  const core = await load();
  core.connect({ kind: 'own' }, capabilities, 'ja', true, { width: 800, height: 600, scale: 120, rate: 60_000 });
  core.receive(Stream.control, frame(welcome(capabilities)));
  core.receive(Stream.control, frame(attached()));
  return core;
}

/** A copy of bytes of the updates' stream, from this place on. */
function copy(place: number, bytes: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(8 + bytes.length);
  new DataView(datagram.buffer).setBigUint64(0, BigInt(place), true);
  datagram.set(bytes, 8);
  return datagram;
}

const names = readdirSync(folder).filter((name) => name.endsWith('.updates')).map((name) => name.replace('.updates', ''));

describe('the core in WebAssembly', () => {
  it('says hello and asks for a session at once', async () => {
    const core = await load();
    core.connect({ kind: 'own' }, 9, 'ja', true, { width: 800, height: 600, scale: 120, rate: 60_000 });
    const frames: Uint8Array[] = [];
    core.flush((channel, bytes) => {
      expect(channel).toBe(0);
      frames.push(bytes);
    });
    // Hello: minor 1, capabilities 9, Japanese. Attach: one's own, 800x600, scale 120, 60 Hz, JIS.
    expect(frames.map((bytes) => Buffer.from(bytes).toString('hex'))).toEqual(['0400000001' + '00010900', '0b00000001' + '0102a006d80478e0d40300']);
  });

  it.each(names.filter((name) => name !== 'video'))('paints the vector %s as the codec does', async (name) => {
    const core = await joined();
    const expected = readFileSync(new URL(`${name}.canvas`, folder));
    const [first] = payloads(name);
    const size = (payload: Uint8Array) => Buffer.from(payload).readUInt32LE(2);
    if (first === undefined) throw new Error('an empty vector');
    core.receive(Stream.all, frame(canvasOpened(7, size(first) & 0xffff, size(first) >>> 16)));
    let [number, shown] = [0, 0];
    drain(core);
    for (const payload of payloads(name)) {
      number += 1;
      core.receive(Stream.all, frame(update(7, number, size(payload) & 0xffff, size(payload) >>> 16, 0, false, payload)));
      for (const event of drain(core)) if (event.kind === 'updated') shown += 1;
    }
    expect(shown).toBe(number);
    const [width, height] = [expected.readUInt16LE(0), expected.readUInt16LE(2)];
    const rgba = core.paint(7, { x: 0, y: 0, width, height });
    const wanted = expected.subarray(4);
    expect(rgba.length).toBe(wanted.length);
    const bgrx = Buffer.from(rgba);
    for (let at = 0; at < bgrx.length; at += 4) [bgrx[at], bgrx[at + 2]] = [bgrx[at + 2] ?? 0, bgrx[at] ?? 0];
    expect(bgrx.equals(wanted)).toBe(true);
  });

  it('gives a picture in parts only when it is whole', async () => {
    const core = await joined();
    const [payload] = payloads('fill-copy');
    if (payload === undefined) throw new Error('an empty vector');
    core.receive(Stream.all, frame(canvasOpened(1, 40, 34)));
    core.receive(Stream.all, frame(update(1, 1, 40, 34, 0, true, payload)));
    expect(drain(core).map(({ kind }) => kind)).toEqual(['attached', 'opened']);
    core.receive(Stream.all, frame(update(1, 2, 40, 34, 0, false, Uint8Array.of(2, 0, 40, 0, 34, 0))));
    const [event] = drain(core);
    expect(event).toMatchObject({ kind: 'updated', areas: [{ x: 0, y: 0, width: 40, height: 34 }] });
  });

  it('takes from a copy what the stream of updates lacks, and nothing twice', async () => {
    const core = await joined(63);
    drain(core);
    const [one, other] = [frame(cursor(1)), frame(cursor(2))];
    core.receive(Stream.datagram, copy(one.length, other));
    expect(drain(core), 'what comes before it is missing').toEqual([]);
    core.receive(Stream.datagram, copy(0, one));
    expect(drain(core)).toEqual([{ kind: 'cursor', shape: 1 }, { kind: 'cursor', shape: 2 }]);
    expect(core.spliced()).toBe(one.length + other.length);
    for (const bytes of [one, other, one]) core.receive(Stream.updates, bytes);
    expect(drain(core), 'what was lost comes late').toEqual([{ kind: 'cursor', shape: 1 }]);
  });

  it('closes the connection when a datagram comes that was not agreed on or is none', async () => {
    for (const [capabilities, datagram, code] of [[31, copy(0, frame(cursor(1))), 34], [63, Uint8Array.of(1, 2, 3), 30]] as const) {
      const core = await joined(capabilities);
      drain(core);
      core.receive(Stream.datagram, datagram);
      expect(drain(core)).toEqual([{ kind: 'ended', code }]);
    }
  });

  it('closes the connection once, with the reason, when the host sends what is no message', async () => {
    const core = await joined();
    core.receive(Stream.all, frame(Uint8Array.of(99)));
    expect(drain(core).at(-1)).toEqual({ kind: 'ended', code: 30 });
    expect(drain(core)).toEqual([]);
  });

  it('asks for the whole picture when one cannot be decoded, and gives up when that does not help', async () => {
    const core = await joined();
    core.receive(Stream.all, frame(canvasOpened(1, 40, 34)));
    drain(core);
    core.flush(() => undefined);
    core.receive(Stream.all, frame(update(1, 1, 40, 34, 0, false, Uint8Array.of(2, 1, 40, 0, 34, 0, 77))));
    expect(drain(core)).toEqual([]);
    const sent: number[] = [];
    core.flush((_, bytes) => sent.push(bytes[5] ?? -1));
    expect(sent, 'presented, and a repaint asked for').toEqual([7, 6]);
    core.receive(Stream.all, frame(update(1, 2, 40, 34, 0, false, Uint8Array.of(2, 1, 40, 0, 34, 0, 77))));
    expect(drain(core)).toEqual([{ kind: 'ended', code: 30 }]);
  });
});
