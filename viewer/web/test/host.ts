// The host's side of the protocol, as far as tests of the page need it: messages are written by hand, byte for byte.

/** A number, seven bits at a time. */
export function varint(number: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt(number);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

const TO_VIEWER = 2;

/** A message's frame. */
export function frame(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(5 + body.length);
  new DataView(bytes.buffer).setUint32(0, body.length, true);
  bytes[4] = TO_VIEWER;
  bytes.set(body, 5);
  return bytes;
}

export const welcome = (capabilities: number) => Uint8Array.of(0, ...varint(1), ...varint(capabilities), ...varint(5000));
export const attached = (token = 77n, resumed = false) => Uint8Array.of(1, ...varint(42), ...varint(token), Number(resumed));
export const canvasOpened = (canvas: number, width: number, height: number, dialogOf: number | null = null) =>
  Uint8Array.of(2, ...varint(canvas), dialogOf === null ? 0 : 1, ...(dialogOf === null ? [0] : [1, ...varint(dialogOf)]), ...varint(width), ...varint(height));
export const canvasClosed = (canvas: number) => Uint8Array.of(3, ...varint(canvas));
export function update(canvas: number, number: number, width: number, height: number, input: number, more: boolean, payload: Uint8Array): Uint8Array {
  const head = [5, ...varint(canvas), ...varint(number), ...varint(width), ...varint(height), ...varint(input), Number(more), ...varint(payload.length)];
  const bytes = new Uint8Array(head.length + payload.length);
  bytes.set(head);
  bytes.set(payload, head.length);
  return bytes;
}
export const cursor = (shape: number) => Uint8Array.of(6, shape);
export const notice = (number: number) => Uint8Array.of(9, number);
export const pong = (nonce: number) => Uint8Array.of(11, ...varint(nonce));
export const close = (code: number) => Uint8Array.of(12, ...varint(code));
export const nowhere = () => Uint8Array.of(13, 0);
export const secret = () => Uint8Array.of(13, 1);
export const field = (canvas: number, number: number, caret: [number, number, number, number]) =>
  Uint8Array.of(13, 2, ...varint(canvas), ...varint(number), 1, ...caret.flatMap(varint));

/** What a viewer said, as far as tests look at it. */
export type Said =
  | { kind: 'hello'; capabilities: number }
  | { kind: 'attach'; how: 'new' | 'own' | bigint; width: number; height: number; scale: number }
  | { kind: 'resize'; canvas: number; width: number; height: number; scale: number }
  | { kind: 'close-canvas'; canvas: number }
  | { kind: 'repaint'; canvas: number }
  | { kind: 'presented'; canvas: number; update: number }
  | { kind: 'key'; sequence: number; code: number; pressed: boolean }
  | { kind: 'motion'; canvas: number; x: number; y: number }
  | { kind: 'button'; button: number; pressed: boolean }
  | { kind: 'wheel'; horizontal: number; vertical: number; finger: boolean }
  | { kind: 'touch'; finger: number; phase: number; canvas: number }
  | { kind: 'focus'; canvas: number | null }
  | { kind: 'commit'; sequence: number; text: string }
  | { kind: 'preedit'; text: string; cursor: [number, number] | null }
  | { kind: 'lock'; lock: number; on: boolean }
  | { kind: 'ping'; nonce: number }
  | { kind: 'end' }
  | { kind: 'detach' }
  | { kind: 'close'; code: number }
  | { kind: 'other'; number: number };

class Reader {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}
  byte(): number {
    return this.bytes[this.at++] ?? 0;
  }
  long(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  }
  number(): number {
    return Number(this.long());
  }
  signed(): number {
    const value = this.long();
    return Number(value & 1n ? -(value >> 1n) - 1n : value >> 1n);
  }
  text(): string {
    const length = this.number();
    this.at += length;
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
  }
}

function viewport(reader: Reader): { width: number; height: number; scale: number } {
  const [width, height, scale] = [reader.number(), reader.number(), reader.number()];
  reader.number();
  return { width, height, scale };
}

function input(reader: Reader): Said {
  const sequence = reader.number();
  const kind = reader.byte();
  const place = () => ({ x: reader.signed() / 256, y: reader.signed() / 256 });
  switch (kind) {
    case 0:
      return { kind: 'key', sequence, code: reader.number(), pressed: reader.byte() === 1 };
    case 1:
      return { kind: 'motion', canvas: reader.number(), ...place() };
    case 3:
      return { kind: 'button', button: reader.byte(), pressed: reader.byte() === 1 };
    case 5:
      return { kind: 'wheel', horizontal: reader.signed(), vertical: reader.signed(), finger: reader.byte() === 1 };
    case 6:
      return { kind: 'touch', finger: reader.byte(), phase: reader.byte(), canvas: reader.number() };
    case 7:
      return { kind: 'focus', canvas: reader.byte() === 1 ? reader.number() : null };
    case 8:
      return { kind: 'commit', sequence, text: reader.text() };
    case 9:
      return { kind: 'preedit', text: reader.text(), cursor: reader.byte() === 1 ? [reader.number(), reader.number()] : null };
    case 11:
      return { kind: 'lock', lock: reader.byte(), on: reader.byte() === 1 };
    default:
      return { kind: 'other', number: 100 + kind };
  }
}

function said(body: Uint8Array): Said {
  const reader = new Reader(body);
  const kind = reader.byte();
  switch (kind) {
    case 0:
      reader.number();
      return { kind: 'hello', capabilities: reader.number() };
    case 1: {
      const how = reader.byte();
      const which = how === 1 ? reader.long() : how === 0 ? ('new' as const) : ('own' as const);
      return { kind: 'attach', how: which, ...viewport(reader) };
    }
    case 2:
      return { kind: 'detach' };
    case 3:
      return { kind: 'end' };
    case 4:
      return { kind: 'resize', canvas: reader.number(), ...viewport(reader) };
    case 5:
      return { kind: 'close-canvas', canvas: reader.number() };
    case 6:
      return { kind: 'repaint', canvas: reader.number() };
    case 7:
      return { kind: 'presented', canvas: reader.number(), update: reader.number() };
    case 8:
      return input(reader);
    case 9:
      return { kind: 'ping', nonce: reader.number() };
    case 11:
      return { kind: 'close', code: reader.number() };
    default:
      return { kind: 'other', number: kind };
  }
}

/** The messages in whole frames. */
export function messages(bytes: Uint8Array): Said[] {
  const all: Said[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint32(at, true);
    all.push(said(bytes.subarray(at + 5, at + 5 + length)));
    at += 5 + length;
  }
  return all;
}
