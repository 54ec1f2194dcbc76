// The parts of the page that need no browser.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { race } from '../src/carriers/race';
import type { Offer, Opened, Opener } from '../src/carriers/carrier';
import { bytesBefore, pieces } from '../src/core';
import { Counter } from '../src/figures';
import { Composer, typed } from '../src/ime';
import { Buttons, chord, Fingers, isOfMethod, Keyboard, Wheel } from '../src/input';
import { bands, merge } from '../src/painter';
import { codecOf } from '../src/video';

describe('the race of carriers', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const offers: Offer[] = [{ kind: 'webtransport' }, { kind: 'webrtc' }, { kind: 'websocket' }];
  const closed: string[] = [];
  const after = (milliseconds: number, name: string, fails = false): Opener => () =>
    new Promise((resolve, reject) => {
      const opened = { name, admit: () => { throw new Error(); }, close: () => closed.push(name) } as unknown as Opened;
      setTimeout(() => (fails ? reject(new Error(name)) : resolve(opened)), milliseconds);
    });
  const name = (opened: Opened) => (opened as unknown as { name: string }).name;

  it('takes the best one where it works, and begins no other', async () => {
    const other = vi.fn(after(1, 'websocket'));
    const won = race(offers, { webtransport: after(50, 'webtransport'), websocket: other });
    await vi.advanceTimersByTimeAsync(60);
    expect(name(await won)).toBe('webtransport');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(other).not.toHaveBeenCalled();
  });

  it('loses a moment only to one that is blocked, and closes it if it comes late', async () => {
    closed.length = 0;
    const won = race(offers, { webtransport: after(3_000, 'webtransport'), websocket: after(20, 'websocket') });
    await vi.advanceTimersByTimeAsync(250);
    expect(name(await won)).toBe('websocket');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(closed).toEqual(['webtransport']);
  });

  it('goes on at once when one fails', async () => {
    const won = race(offers, { webtransport: after(5, 'webtransport', true), webrtc: after(5, 'webrtc', true), websocket: after(5, 'websocket') });
    await vi.advanceTimersByTimeAsync(20);
    expect(name(await won)).toBe('websocket');
  });

  it('waits a little for a better one that heard from the host, but not for long and not if it fails', async () => {
    const answers = (milliseconds: number, name: string, fails = false): Opener => (offer, signal, answered) => {
      setTimeout(answered, 20);
      return after(milliseconds, name, fails)(offer, signal, answered);
    };
    for (const [webrtc, wins, within] of [
      [answers(500, 'webrtc'), 'webrtc', 510],
      [answers(60_000, 'webrtc'), 'websocket', 810],
      [answers(300, 'webrtc', true), 'websocket', 310],
      [after(500, 'webrtc'), 'websocket', 310],
    ] as const) {
      closed.length = 0;
      const won = race([{ kind: 'webrtc' }, { kind: 'websocket' }], { webrtc, websocket: after(50, 'websocket') });
      let winner = '';
      void won.then((opened) => (winner = name(opened)));
      await vi.advanceTimersByTimeAsync(within);
      expect(winner).toBe(wins);
      await vi.advanceTimersByTimeAsync(70_000);
      expect(closed).not.toContain(wins);
    }
  });

  it('gives the time of one that a browser lacks to the next', async () => {
    const other = vi.fn(after(5, 'websocket'));
    const won = race(offers, { webtransport: after(0, 'webtransport', true), webrtc: after(200, 'webrtc'), websocket: other });
    await vi.advanceTimersByTimeAsync(210);
    expect(name(await won)).toBe('webrtc');
    expect(other).not.toHaveBeenCalled();
  });

  it('fails when nothing opens, and when nothing is offered that the page knows', async () => {
    const lost = expect(race(offers, { websocket: after(5, 'websocket', true) })).rejects.toThrow();
    const hung = expect(race(offers, { websocket: after(60_000, 'websocket') })).rejects.toThrow();
    await expect(race([{ kind: 'webrtc' }], {})).rejects.toThrow();
    await vi.advanceTimersByTimeAsync(10_000);
    await lost;
    await hung;
  });
});

describe('areas to paint', () => {
  const area = (x: number, y: number, width: number, height: number) => ({ x, y, width, height });

  it('that overlap or touch become one, and those far apart stay apart', () => {
    expect(merge([area(0, 0, 100, 20), area(0, 20, 100, 20)])).toEqual([area(0, 0, 100, 40)]);
    expect(merge([area(0, 0, 100, 20), area(800, 900, 100, 20)])).toHaveLength(2);
    expect(merge([])).toEqual([]);
  });

  it('are few, and hold every pixel of those that came', () => {
    const scattered = Array.from({ length: 100 }, (_, at) => area((at * 37) % 1900, (at * 91) % 1000, 60, 60));
    const merged = merge(scattered);
    expect(merged.length).toBeLessThanOrEqual(16);
    for (const { x, y, width, height } of scattered) {
      const holds = merged.some((m) => m.x <= x && m.y <= y && m.x + m.width >= x + width && m.y + m.height >= y + height);
      expect(holds, `${x},${y}`).toBe(true);
    }
  });

  it('are cut into bands that cover them', () => {
    expect([...bands(area(5, 7, 10, 25), 100)]).toEqual([area(5, 7, 10, 10), area(5, 17, 10, 10), area(5, 27, 10, 5)]);
    expect([...bands(area(0, 0, 500, 2), 100)]).toHaveLength(2);
  });
});

describe('keys', () => {
  it('that repeat are sent once, and are lifted all', () => {
    const keyboard = new Keyboard();
    expect(keyboard.key('KeyA', true)).toEqual([{ kind: 'key', code: 30, pressed: true }]);
    expect(keyboard.key('KeyA', true)).toEqual([]);
    expect(keyboard.key('ShiftLeft', true)).toHaveLength(1);
    expect(keyboard.lift()).toEqual([{ kind: 'key', code: 30, pressed: false }, { kind: 'key', code: 42, pressed: false }]);
    expect(keyboard.key('KeyA', false)).toEqual([]);
  });

  it("are let go with a Mac's command key, whose release is all that is told", () => {
    const keyboard = new Keyboard();
    keyboard.key('MetaLeft', true);
    keyboard.key('KeyC', true);
    expect(keyboard.key('MetaLeft', false)).toEqual([{ kind: 'key', code: 46, pressed: false }, { kind: 'key', code: 125, pressed: false }]);
  });

  it('that ask for an address or for what to look for are known, and the same letters alone are not', () => {
    const asks = (code: string, ...held: string[]) => {
      const keyboard = new Keyboard();
      [...held, code].forEach((each) => keyboard.key(each, true));
      return keyboard.asksForField(code);
    };
    expect([asks('KeyL', 'ControlLeft'), asks('KeyF', 'ControlRight'), asks('KeyD', 'AltLeft')]).toEqual([true, true, true]);
    expect([asks('KeyL'), asks('KeyL', 'AltLeft'), asks('KeyD', 'ControlLeft'), asks('KeyL', 'ControlLeft', 'ShiftLeft')]).not.toContain(true);
    expect([asks('Tab'), asks('Tab', 'ControlLeft'), asks('KeyA', 'ControlLeft')], 'these lead anywhere').not.toContain(true);
  });

  it('that switch an input method are known by what they do, whatever their place', () => {
    expect(['Hankaku', 'Eisu', 'Convert', 'a', '`'].map(isOfMethod)).toEqual([true, true, false, false, false]);
  });

  it('tell which locks are on at the PC, where the host does not know it', () => {
    const keyboard = new Keyboard();
    const on = new Set<string>(['NumLock']);
    const isOn = (lock: string) => on.has(lock);
    expect(keyboard.lock('Numpad7', isOn)).toEqual([{ kind: 'lock', lock: 'CapsLock', on: false }, { kind: 'lock', lock: 'NumLock', on: true }]);
    expect(keyboard.lock('KeyA', isOn)).toEqual([]);
    expect(keyboard.lock('NumLock', isOn), 'the host hears the key itself').toEqual([]);
    on.clear();
    expect(keyboard.lock('KeyA', isOn)).toHaveLength(2);
    keyboard.forget();
    expect(keyboard.lock('KeyA', isOn)).toHaveLength(2);
  });

  it('of the viewer itself are not sent', () => {
    const keyboard = new Keyboard();
    for (const code of ['ControlLeft', 'AltLeft', 'ShiftLeft']) keyboard.key(code, true);
    expect(keyboard.key('KeyF', true)).toBe('fullscreen');
    expect(keyboard.key('KeyF', false)).toEqual([]);
    expect(chord(29, 17)).toHaveLength(4);
  });
});

describe('wheel, buttons and fingers', () => {
  it('a wheel turns by notches and a touch pad by pixels, and nothing of a small turn is lost', () => {
    const wheel = new Wheel();
    expect(wheel.turn({ deltaX: 0, deltaY: 100, deltaMode: 0, wheelDeltaX: 0, wheelDeltaY: -120 }, 1)).toEqual([{ kind: 'wheel', horizontal: 0, vertical: 120, finger: false }]);
    expect(wheel.turn({ deltaX: 0, deltaY: 3, deltaMode: 1 }, 1)).toEqual([{ kind: 'wheel', horizontal: 0, vertical: 120, finger: false }]);
    expect(wheel.turn({ deltaX: 0, deltaY: 2.5, deltaMode: 0, wheelDeltaY: -8 }, 2)).toEqual([{ kind: 'wheel', horizontal: 0, vertical: 1280, finger: true }]);
    const small = Array.from({ length: 1000 }, () => wheel.turn({ deltaX: 0.001, deltaY: 0, deltaMode: 0, wheelDeltaX: 1 }, 1)).flat();
    const total = small.reduce((sum, input) => sum + (input.kind === 'wheel' ? input.horizontal : 0), 0);
    expect(Math.abs(total - 256)).toBeLessThanOrEqual(1);
  });

  it('a button that was never pressed is never lifted', () => {
    const buttons = new Buttons();
    expect(buttons.button(0, false)).toEqual([]);
    expect(buttons.button(7, true)).toEqual([]);
    buttons.button(2, true);
    expect(buttons.button(2, true)).toEqual([]);
    expect(buttons.lift()).toEqual([{ kind: 'button', button: 2, pressed: false }]);
  });

  it('fingers have places, and an eleventh has none', () => {
    const fingers = new Fingers();
    const at = { canvas: 1, x: 2, y: 3 };
    for (let id = 0; id < 10; id += 1) expect(fingers.down(id + 50, at)).toEqual([{ kind: 'touch', finger: id, phase: 0, ...at }]);
    expect(fingers.down(99, at)).toEqual([]);
    expect(fingers.up(53, { ...at, x: 4 }, false)).toEqual([{ kind: 'touch', finger: 3, phase: 2, ...at, x: 4 }]);
    expect(fingers.down(99, at)).toEqual([{ kind: 'touch', finger: 3, phase: 0, ...at }]);
    expect(fingers.canvas(53)).toBe(null);
  });

  it('a finger that is lifted out of sight is lifted where it was last, and all are when something takes them', () => {
    const fingers = new Fingers();
    const at = { canvas: 1, x: 2, y: 3 };
    fingers.down(50, at);
    fingers.move(50, { ...at, y: 9 });
    expect(fingers.move(50, null)).toEqual([]);
    expect(fingers.up(50, null, false)).toEqual([{ kind: 'touch', finger: 0, phase: 2, ...at, y: 9 }]);
    expect(fingers.up(50, null, false)).toEqual([]);
    fingers.down(51, at);
    fingers.down(52, at);
    expect(fingers.lift().map(({ kind, ...rest }) => [kind, rest])).toEqual([['touch', { finger: 0, phase: 3, ...at }], ['touch', { finger: 1, phase: 3, ...at }]]);
    expect(fingers.lift()).toEqual([]);
  });
});

describe('composed text', () => {
  it('goes out once, however often its end is told', () => {
    const composer = new Composer();
    composer.begin();
    expect(composer.update('しょ', 2)).toEqual([{ kind: 'preedit', text: 'しょ', from: 6, to: 6 }]);
    expect(composer.finish()).toEqual([{ kind: 'commit', text: 'しょ' }]);
    expect(composer.end('しょ')).toEqual([]);
    composer.begin();
    expect(composer.end('次')).toEqual([{ kind: 'commit', text: '次' }]);
  });

  it('that is given up is taken away at the host', () => {
    const composer = new Composer();
    composer.begin();
    composer.update('あ', 1);
    expect(composer.end('')).toEqual([{ kind: 'preedit', text: '', from: -1, to: -1 }]);
    expect(composer.end('')).toEqual([]);
  });

  it('is cut between characters where it is long', () => {
    const long = '長'.repeat(600);
    expect(pieces(long).join('')).toBe(long);
    expect(pieces(long).every((piece) => new TextEncoder().encode(piece).length <= 768)).toBe(true);
    expect(bytesBefore('日本', 1)).toBe(3);
    expect(pieces('')).toEqual([]);
  });

  it('of a keyboard on the screen is text, and its other keys are keys', () => {
    expect(typed('insertText', 'か')).toEqual([{ kind: 'commit', text: 'か' }]);
    expect(typed('deleteContentBackward', null)).toHaveLength(2);
    expect(typed('insertLineBreak', null)).toHaveLength(2);
    expect(typed('insertFromPaste', 'x')).toEqual([]);
    expect(typed('insertCompositionText', 'x')).toEqual([]);
  });
});

describe('figures', () => {
  it('count the time from an input to its picture', () => {
    const counter = new Counter();
    counter.sent(1, 100);
    counter.sent(2, 110);
    counter.presented(1, 500, 120);
    expect(counter.at(130).echo).toEqual([20, 20]);
    counter.presented(2, 500, 150);
    expect(counter.at(160)).toEqual({ frames: 1, bandwidth: 4000, echo: [40, 40] });
    expect(counter.at(5_000).frames).toBe(0);
  });
});

describe('video', () => {
  it("finds the codec's name in the parameters of a key picture", () => {
    expect(codecOf(Uint8Array.of(0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 1, 2, 3))).toBe('avc1.42c01f');
    expect(codecOf(Uint8Array.of(0, 0, 1, 0x65, 0x42, 0xc0, 0x1f, 1, 2))).toBe(null);
    expect(codecOf(new Uint8Array(0))).toBe(null);
  });
});
