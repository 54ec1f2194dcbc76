// What keyboard, mouse, wheel and fingers did, in the protocol's terms. Pure: events in, input out.
//
// Owns what is held down right now. It must never leave a key down at the host that is up here.

import { evdev, isModifier } from './keys';
import { LOCKS, type Input, type Lock } from './messages';

/** Fingers the protocol knows at once. */
const FINGERS = 10;

/** Keys that switch an input method, by what they do here. */
const OF_METHOD = new Set([
  'Zenkaku', 'Hankaku', 'ZenkakuHankaku', 'Hiragana', 'Katakana', 'HiraganaKatakana', 'KanaMode', 'KanjiMode', 'Romaji', 'Eisu',
  'Alphanumeric', 'HangulMode', 'HanjaMode',
]);

/** Whether a key switches an input method. */
export const isOfMethod = (key: string): boolean => OF_METHOD.has(key);

/** Something the viewer does itself, by keys that no page uses. */
export type Shortcut = 'details' | 'fullscreen' | 'menu';

const FIELD_KEYS = new Set(['KeyL', 'KeyK', 'KeyE', 'KeyT', 'KeyN', 'KeyF']);

/** Number of Caps Lock and of Num Lock. */
const LOCK_KEYS = [58, 69];

/** Whether a lock is on, by a key's event. Some systems do not report Num Lock: there the keypad's digit tells. */
export function isOn(event: Pick<KeyboardEvent, 'code' | 'key' | 'shiftKey' | 'getModifierState'>, lock: Lock): boolean {
  const isDigit = /^Numpad([0-9]|Decimal)$/.test(event.code);
  return lock === 'NumLock' && isDigit && !event.shiftKey ? event.key.length === 1 : event.getModifierState(lock);
}

export class Keyboard {
  private readonly down = new Set<number>();
  /** What the host knows of the locks. */
  private readonly locks = new Map<Lock, boolean>();

  /** A key went down or up, by its `code`. */
  key(code: string, pressed: boolean): Input[] | Shortcut {
    const number = evdev(code);
    if (number === null) return [];
    if (pressed) {
      const shortcut = this.shortcut(number);
      if (shortcut !== null) return shortcut;
      if (this.down.has(number)) return [];
      this.down.add(number);
      return [{ kind: 'key', code: number, pressed }];
    }
    if (!this.down.delete(number)) return [];
    const lifted: Input[] = [{ kind: 'key', code: number, pressed }];
    // While the command key of a Mac is held, no other key's release is told.
    return code.startsWith('Meta') ? [...this.lift((held) => !isModifier(held)), ...lifted] : lifted;
  }

  /**
   * Which locks are on at the PC as a key goes down, where the host does not know it: to be sent before the key. A key that locks
   * switches the host's by itself, and before or after its event the PC's, as the system likes.
   */
  lock(code: string, isOn: (lock: Lock) => boolean): Input[] {
    if (LOCK_KEYS.includes(evdev(code) ?? 0)) {
      this.locks.clear();
      return [];
    }
    const changed = LOCKS.filter((lock) => this.locks.get(lock) !== isOn(lock));
    changed.forEach((lock) => this.locks.set(lock, isOn(lock)));
    return changed.map((lock) => ({ kind: 'lock', lock, on: isOn(lock) }));
  }

  /**
   * Whether a key that is down is the last of those by which every browser takes a text of its own: an address (Ctrl+L, Alt+D, Ctrl+K,
   * Ctrl+E, and with a new tab or window), or what to look for in a page (Ctrl+F). None of them takes a secret.
   */
  asksForField(code: string): boolean {
    const any = (...codes: number[]) => codes.some((held) => this.down.has(held));
    const [ctrl, alt] = [any(29, 97), any(56, 100)];
    if (any(42, 54, 125, 126)) return false;
    return (ctrl && !alt && FIELD_KEYS.has(code)) || (alt && !ctrl && code === 'KeyD');
  }

  /** Lets go of keys: their releases. */
  lift(which: (code: number) => boolean = () => true): Input[] {
    const held = [...this.down].filter(which);
    held.forEach((code) => this.down.delete(code));
    return held.map((code) => ({ kind: 'key', code, pressed: false }));
  }

  /** The keyboard went elsewhere: the host lifts all keys by itself. */
  forget(): void {
    this.down.clear();
    this.locks.clear();
  }

  private shortcut(code: number): Shortcut | null {
    const any = (...codes: number[]) => codes.some((held) => this.down.has(held));
    if (!(any(29, 97) && any(56, 100) && any(42, 54))) return null;
    return code === 23 ? 'details' : code === 33 ? 'fullscreen' : code === 50 ? 'menu' : null;
  }
}

/** A chord: all down, then all up again. */
export function chord(...codes: number[]): Input[] {
  const down: Input[] = codes.map((code) => ({ kind: 'key', code, pressed: true }));
  const up: Input[] = [...codes].reverse().map((code) => ({ kind: 'key', code, pressed: false }));
  return [...down, ...up];
}

export interface WheelLike {
  deltaX: number;
  deltaY: number;
  deltaMode: number;
  wheelDeltaX?: number;
  wheelDeltaY?: number;
}

/** Pixels of a line where a browser scrolls by lines: it takes three of them for a notch. */
const NOTCH_LINES = 3;

export class Wheel {
  private rest = [0, 0];

  /** Distances in 1/120 notch, or for a touch pad in 1/256 physical pixel; what is less than one stays for the next time. */
  turn(event: WheelLike, scale: number): Input[] {
    const { wheelDeltaX = 0, wheelDeltaY = 0 } = event;
    // A wheel turns by whole notches, which browsers still count in 120ths beside their own pixels.
    const isNotch = event.deltaMode === 0 && (wheelDeltaX !== 0 || wheelDeltaY !== 0) && wheelDeltaX % 120 === 0 && wheelDeltaY % 120 === 0;
    const finger = event.deltaMode === 0 && !isNotch;
    const factor = event.deltaMode === 1 ? 120 / NOTCH_LINES : event.deltaMode === 2 ? 120 * 8 : scale * 256;
    const [x, y] = isNotch ? [-wheelDeltaX, -wheelDeltaY] : [event.deltaX * factor, event.deltaY * factor];
    const exact = [x + (this.rest[0] ?? 0), y + (this.rest[1] ?? 0)];
    const [horizontal = 0, vertical = 0] = exact.map(Math.trunc);
    this.rest = [(exact[0] ?? 0) - horizontal, (exact[1] ?? 0) - vertical];
    if (horizontal === 0 && vertical === 0) return [];
    return [{ kind: 'wheel', horizontal: horizontal + 0, vertical: vertical + 0, finger }];
  }
}

export class Buttons {
  private readonly down = new Set<number>();

  button(button: number, pressed: boolean): Input[] {
    if (button < 0 || button > 4 || pressed === this.down.has(button)) return [];
    if (pressed) this.down.add(button);
    else this.down.delete(button);
    return [{ kind: 'button', button, pressed }];
  }

  lift(): Input[] {
    return [...this.down].flatMap((button) => this.button(button, false));
  }
}

/** Where a finger is: a canvas, and a place on it. */
interface Touched {
  canvas: number;
  x: number;
  y: number;
}

/** Phases of a touch, as the protocol counts them. */
const Phase = { down: 0, motion: 1, up: 2, cancel: 3 } as const;

export class Fingers {
  private readonly held: ({ id: number; at: Touched } | null)[] = Array<null>(FINGERS).fill(null);

  /** A finger touches; nothing if there are too many. */
  down(id: number, at: Touched): Input[] {
    const finger = this.held.indexOf(null);
    if (finger < 0) return [];
    this.held[finger] = { id, at };
    return [{ kind: 'touch', finger, phase: Phase.down, ...at }];
  }

  /** The canvas that a finger began on: its touch stays there, whatever opens above. */
  canvas(id: number): number | null {
    return this.held.find((held) => held?.id === id)?.at.canvas ?? null;
  }

  /** A finger moved; `null`: its canvas is not to be seen. */
  move(id: number, at: Touched | null): Input[] {
    const finger = this.held.findIndex((held) => held?.id === id);
    if (finger < 0 || at === null) return [];
    this.held[finger] = { id, at };
    return [{ kind: 'touch', finger, phase: Phase.motion, ...at }];
  }

  /** A finger is lifted, or the system took the touch; `null`: where it was last. */
  up(id: number, at: Touched | null, isCancelled: boolean): Input[] {
    const finger = this.held.findIndex((held) => held?.id === id);
    const last = this.held[finger]?.at;
    if (last === undefined) return [];
    this.held[finger] = null;
    return [{ kind: 'touch', finger, phase: isCancelled ? Phase.cancel : Phase.up, ...(at ?? last) }];
  }

  /** Something else takes the touches. */
  lift(): Input[] {
    return this.held.flatMap((held) => (held === null ? [] : this.up(held.id, null, true)));
  }
}
