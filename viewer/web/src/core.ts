// The core in WebAssembly: its functions, and its events out of rows of numbers. `core/src/abi.rs` and `words.rs` are the other side.

/** What the core exports; every argument and result is a number. */
interface Exports {
  memory: WebAssembly.Memory;
  shoji_room(n: number): number;
  shoji_out_at(): number;
  shoji_out_length(): number;
  shoji_words_at(): number;
  shoji_words_length(): number;
  shoji_connect(how: number, capabilities: number, locale: number, keyboard: number, width: number, height: number, scale: number, rate: number, now: number): void;
  shoji_receive(stream: number, n: number, now: number): void;
  shoji_step(now: number): number;
  shoji_picture(layout: number, n: number, now: number): number;
  shoji_paint(canvas: number, x: number, y: number, width: number, height: number): number;
  shoji_digest(canvas: number, half: number): number;
  shoji_send(): number;
  shoji_datagram(): number;
  shoji_key(code: number, pressed: number, now: number): number;
  shoji_motion(canvas: number, x: number, y: number, now: number): number;
  shoji_relative(dx: number, dy: number, now: number): number;
  shoji_button(button: number, pressed: number, now: number): number;
  shoji_leave(now: number): number;
  shoji_lock(lock: number, on: number, now: number): number;
  shoji_wheel(horizontal: number, vertical: number, finger: number, now: number): number;
  shoji_touch(finger: number, phase: number, canvas: number, x: number, y: number, now: number): number;
  shoji_focus(canvas: number, now: number): number;
  shoji_commit(n: number, now: number): number;
  shoji_preedit(n: number, from: number, to: number, now: number): number;
  shoji_resize(canvas: number, width: number, height: number, scale: number, rate: number, now: number): void;
  shoji_close_canvas(canvas: number, now: number): void;
  shoji_presented(canvas: number, low: number, high: number): void;
  shoji_ping(now: number): void;
  shoji_depart(ends: number, now: number): void;
  shoji_close(code: number): void;
  shoji_deadline(): number;
  shoji_due(now: number): void;
  shoji_is_silent(): number;
  shoji_is_input_unconfirmed(): number;
  shoji_round_trip(): number;
  shoji_spliced(): number;
  shoji_line_begin(now: number): void;
  shoji_line_write(channel: number, n: number): number;
  shoji_line_waiting(): number;
  shoji_line_receive(n: number, now: number): number;
  shoji_line_read(): number;
  shoji_line_packet(now: number): number;
  shoji_line_deadline(): number;
  shoji_line_due(now: number): void;
  shoji_line_end(code: number): void;
  shoji_line_ended(): number;
}

import { LOCKS, type Input, type TextPlace, type Viewport } from './messages';

export const Capability = { h264: 1, pointerLock: 2, touch: 4, cursorImage: 8, inputCopies: 16, updateCopies: 32 } as const;

/** What bytes of the host come on: the stream of a channel, the one of all, or a datagram. */
export const Stream = { control: 0, input: 1, updates: 2, all: 3, datagram: 4 } as const;

export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** An update's number, in halves: it may have 64 bits. */
export interface Update {
  low: number;
  high: number;
}

export type CoreEvent =
  | { kind: 'attached'; session: string; token: Uint8Array; resumed: boolean; capabilities: number }
  | { kind: 'opened'; canvas: number; window: boolean; parent: number | null; width: number; height: number }
  | { kind: 'closed-canvas'; canvas: number }
  | { kind: 'window'; canvas: number; state: number }
  | { kind: 'updated'; canvas: number; update: Update; width: number; height: number; input: number; bytes: number; areas: Area[] }
  | { kind: 'cursor'; shape: number }
  | { kind: 'pointer'; width: number; height: number; x: number; y: number; rgba: Uint8ClampedArray<ArrayBuffer> }
  | { kind: 'lock'; canvas: number; locked: boolean }
  | { kind: 'place'; place: TextPlace }
  | { kind: 'notice'; notice: number }
  | { kind: 'ended'; code: number }
  | { kind: 'picture'; canvas: number; stream: number; begins: boolean; key: boolean; width: number; height: number; unit: Uint8Array<ArrayBuffer> };

/** What taking the next frame led to. */
export const Next = { nothing: 0, event: 1, taken: 2, waiting: 3 } as const;

export type How = { kind: 'own' } | { kind: 'new' } | { kind: 'resume'; token: Uint8Array };

/** Most bytes of a text that goes at once: `MAX_TEXT` of the protocol. */
const MAX_TEXT = 768;

const LOWER = 0x1_0000_0000;
const utf8 = new TextEncoder();

/** Text in pieces of at most so many bytes, cut between characters. */
export function pieces(text: string, most = MAX_TEXT): string[] {
  const all: string[] = [];
  let piece = '';
  let size = 0;
  for (const character of text) {
    const more = utf8.encode(character).length;
    if (size + more > most) {
      all.push(piece);
      [piece, size] = ['', 0];
    }
    piece += character;
    size += more;
  }
  if (piece !== '') all.push(piece);
  return all;
}

/** Where a place in UTF-16 units lies in UTF-8 bytes. */
export const bytesBefore = (text: string, place: number): number => utf8.encode(text.slice(0, place)).length;

export class Core {
  constructor(
    private readonly core: Exports,
    /** Microseconds since the page began. */
    private readonly now: () => number = () => performance.now() * 1000,
  ) {}

  static async load(bytes: BufferSource): Promise<Core> {
    const { instance } = await WebAssembly.instantiate(bytes, {});
    return new Core(instance.exports as unknown as Exports);
  }

  private write(bytes: Uint8Array): number {
    const at = this.core.shoji_room(bytes.length);
    if (at === 0) throw new RangeError('more bytes than the core takes at once');
    new Uint8Array(this.core.memory.buffer, at, bytes.length).set(bytes);
    return bytes.length;
  }

  /** A copy of the bytes that the last call left. */
  private out(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.core.memory.buffer as ArrayBuffer, this.core.shoji_out_at(), this.core.shoji_out_length()).slice();
  }

  connect(how: How, capabilities: number, locale: 'ja' | 'en', jis: boolean, viewport: Viewport): void {
    if (how.kind === 'resume') this.write(how.token);
    const number = how.kind === 'new' ? 0 : how.kind === 'own' ? 1 : 2;
    const { width, height, scale, rate } = viewport;
    this.core.shoji_connect(number, capabilities, locale === 'ja' ? 0 : 1, jis ? 0 : 1, width, height, scale, rate, this.now());
  }

  receive(stream: number, bytes: Uint8Array): void {
    this.core.shoji_receive(stream, this.write(bytes), this.now());
  }

  /** Takes the next frame. */
  step(): { next: number; event: CoreEvent | null } {
    const next = this.core.shoji_step(this.now());
    return { next, event: next === Next.event ? this.event() : null };
  }

  /** Gives the picture that was asked for; `null`: it could not be decoded. */
  picture(bytes: Uint8Array | null, layout: 'I420' | 'NV12' = 'I420'): CoreEvent | null {
    const number = bytes === null ? 2 : layout === 'I420' ? 0 : 1;
    const next = this.core.shoji_picture(number, bytes === null ? 0 : this.write(bytes), this.now());
    return next === Next.event ? this.event() : null;
  }

  /** An area as opaque RGBA; in the core's memory, so good until the next call. */
  paint(canvas: number, area: Area): Uint8ClampedArray<ArrayBuffer> {
    const length = this.core.shoji_paint(canvas, area.x, area.y, area.width, area.height);
    return new Uint8ClampedArray(this.core.memory.buffer as ArrayBuffer, this.core.shoji_out_at(), length);
  }

  digest(canvas: number): string {
    const half = (number: number) => (this.core.shoji_digest(canvas, number) >>> 0).toString(16).padStart(8, '0');
    return half(1) + half(0);
  }

  /** Gives every frame that is to be sent, and its channel, to `send`. */
  flush(send: (channel: number, frame: Uint8Array<ArrayBuffer>) => void, datagram?: (bytes: Uint8Array<ArrayBuffer>) => void): void {
    for (let channel = this.core.shoji_send(); channel !== 0; channel = this.core.shoji_send()) send(channel - 1, this.out());
    while (datagram !== undefined && this.core.shoji_datagram() !== 0) datagram(this.out());
  }

  /** Gives its place in the attachment; 0: it was not taken. */
  input(event: Input): number {
    const { core } = this;
    const now = this.now();
    switch (event.kind) {
      case 'key':
        return core.shoji_key(event.code, Number(event.pressed), now);
      case 'motion':
        return core.shoji_motion(event.canvas, event.x, event.y, now);
      case 'relative':
        return core.shoji_relative(event.dx, event.dy, now);
      case 'button':
        return core.shoji_button(event.button, Number(event.pressed), now);
      case 'lock':
        return core.shoji_lock(LOCKS.indexOf(event.lock), Number(event.on), now);
      case 'leave':
        return core.shoji_leave(now);
      case 'wheel':
        return core.shoji_wheel(event.horizontal, event.vertical, Number(event.finger), now);
      case 'touch':
        return core.shoji_touch(event.finger, event.phase, event.canvas, event.x, event.y, now);
      case 'focus':
        return core.shoji_focus(event.canvas === null ? 0 : event.canvas + 1, now);
      case 'commit':
        return pieces(event.text).reduce((_, piece) => core.shoji_commit(this.write(utf8.encode(piece)), now), 0);
      case 'preedit': {
        const [text = ''] = pieces(event.text);
        return core.shoji_preedit(this.write(utf8.encode(text)), event.from, event.to, now);
      }
    }
  }

  resize(canvas: number, { width, height, scale, rate }: Viewport): void {
    this.core.shoji_resize(canvas, width, height, scale, rate, this.now());
  }

  closeCanvas(canvas: number): void {
    this.core.shoji_close_canvas(canvas, this.now());
  }

  presented(canvas: number, update: Update): void {
    this.core.shoji_presented(canvas, update.low, update.high);
  }

  ping(): void {
    this.core.shoji_ping(this.now());
  }

  depart(ends: boolean): void {
    this.core.shoji_depart(Number(ends), this.now());
  }

  close(code: number): void {
    this.core.shoji_close(code);
  }

  /** Milliseconds until something is due; `null`: never. */
  wait(): number | null {
    const at = this.core.shoji_deadline();
    return at < 0 ? null : Math.max(0, (at - this.now()) / 1000);
  }

  due(): void {
    this.core.shoji_due(this.now());
  }

  isSilent(): boolean {
    return this.core.shoji_is_silent() !== 0;
  }

  /** Whether a person did something of which nobody knows whether it arrived. Asked when the connection is over. */
  isInputUnconfirmed(): boolean {
    return this.core.shoji_is_input_unconfirmed() !== 0;
  }

  /** In milliseconds. */
  roundTrip(): number | null {
    const micros = this.core.shoji_round_trip();
    return micros < 0 ? null : micros / 1000;
  }

  /** Bytes of updates that came by copies before their stream brought them. */
  spliced(): number {
    return this.core.shoji_spliced();
  }

  // ---- the reliable channels of a carrier that has none ----

  lineBegin(): void {
    this.core.shoji_line_begin(this.now());
  }

  /** Gives how many of the bytes were taken. */
  lineWrite(channel: number, bytes: Uint8Array): number {
    return this.core.shoji_line_write(channel, this.write(bytes));
  }

  /** Bytes of input that the host does not have yet. */
  lineWaiting(): number {
    return this.core.shoji_line_waiting();
  }

  /** Whether the packet is one. */
  lineReceive(packet: Uint8Array): boolean {
    return this.core.shoji_line_receive(this.write(packet), this.now()) !== 0;
  }

  /** The next bytes of a channel. */
  lineRead(): { channel: number; bytes: Uint8Array<ArrayBuffer> } | null {
    const channel = this.core.shoji_line_read();
    return channel === 0 ? null : { channel: channel - 1, bytes: this.out() };
  }

  /** The next packet that is to be sent now. */
  linePacket(): Uint8Array<ArrayBuffer> | null {
    return this.core.shoji_line_packet(this.now()) === 0 ? null : this.out();
  }

  /** Milliseconds until something is due; `null`: never. */
  lineWait(): number | null {
    const at = this.core.shoji_line_deadline();
    // A browser's clock cuts fractions off: it would be woken too early, and at once again.
    return at < 0 ? null : Math.max(0, Math.ceil((at - this.now()) / 1000));
  }

  lineDue(): void {
    this.core.shoji_line_due(this.now());
  }

  lineEnd(code: number): void {
    this.core.shoji_line_end(code);
  }

  /** The host ended it with this code. */
  lineEnded(): number | null {
    const code = this.core.shoji_line_ended();
    return code < 0 ? null : code;
  }

  private event(): CoreEvent {
    const words = new Uint32Array(this.core.memory.buffer, this.core.shoji_words_at(), this.core.shoji_words_length());
    const w = (at: number): number => words[at] ?? 0;
    switch (w(0)) {
      case 1: {
        const token = new Uint8Array(words.slice(3, 7).buffer);
        const session = (w(2) * LOWER + w(1)).toString(16);
        return { kind: 'attached', session, token, resumed: w(7) !== 0, capabilities: w(8) };
      }
      case 2:
        return { kind: 'opened', canvas: w(1), window: w(2) === 0, parent: w(3) === 0 ? null : w(3) - 1, width: w(4), height: w(5) };
      case 3:
        return { kind: 'closed-canvas', canvas: w(1) };
      case 4:
        return { kind: 'window', canvas: w(1), state: w(2) };
      case 5: {
        const areas: Area[] = [];
        for (let at = 9; at < words.length; at += 4) areas.push({ x: w(at), y: w(at + 1), width: w(at + 2), height: w(at + 3) });
        const update = { low: w(2), high: w(3) };
        return { kind: 'updated', canvas: w(1), update, width: w(4), height: w(5), input: w(7) * LOWER + w(6), bytes: w(8), areas };
      }
      case 6:
        return { kind: 'cursor', shape: w(1) };
      case 7: {
        const rgba = new Uint8ClampedArray(this.out().buffer);
        return { kind: 'pointer', width: w(1), height: w(2), x: w(3), y: w(4), rgba };
      }
      case 8:
        return { kind: 'lock', canvas: w(1), locked: w(2) !== 0 };
      case 9: {
        if (w(1) === 0) return { kind: 'place', place: { kind: 'nowhere' } };
        if (w(1) === 1) return { kind: 'place', place: { kind: 'secret' } };
        const caret = words.length > 4 ? { x: w(4), y: w(5), width: w(6), height: w(7) } : null;
        return { kind: 'place', place: { kind: 'field', canvas: w(2), field: w(3), caret } };
      }
      case 10:
        return { kind: 'notice', notice: w(1) };
      case 11:
        return { kind: 'ended', code: w(1) };
      case 12:
        return { kind: 'picture', canvas: w(1), stream: w(2), begins: w(3) !== 0, key: w(4) !== 0, width: w(5), height: w(6), unit: this.out() };
      default:
        throw new RangeError(`the core said ${w(0)}, which this page does not know`);
    }
  }
}
