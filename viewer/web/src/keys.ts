// Keys by their places: `KeyboardEvent.code` to Linux's evdev numbers. The table of `viewer/src/keys.rs`, which a test compares.

/** What a layout makes of a key is the host's matter. */
const TABLE: Readonly<Record<string, number>> = {
  Escape: 1, Digit1: 2, Digit2: 3, Digit3: 4, Digit4: 5, Digit5: 6, Digit6: 7, Digit7: 8, Digit8: 9, Digit9: 10,
  Digit0: 11, Minus: 12, Equal: 13, Backspace: 14, Tab: 15, KeyQ: 16, KeyW: 17, KeyE: 18, KeyR: 19, KeyT: 20,
  KeyY: 21, KeyU: 22, KeyI: 23, KeyO: 24, KeyP: 25, BracketLeft: 26, BracketRight: 27, Enter: 28, ControlLeft: 29,
  KeyA: 30, KeyS: 31, KeyD: 32, KeyF: 33, KeyG: 34, KeyH: 35, KeyJ: 36, KeyK: 37, KeyL: 38, Semicolon: 39, Quote: 40,
  Backquote: 41, ShiftLeft: 42, Backslash: 43, KeyZ: 44, KeyX: 45, KeyC: 46, KeyV: 47, KeyB: 48, KeyN: 49, KeyM: 50,
  Comma: 51, Period: 52, Slash: 53, ShiftRight: 54, NumpadMultiply: 55, AltLeft: 56, Space: 57, CapsLock: 58, F1: 59,
  F2: 60, F3: 61, F4: 62, F5: 63, F6: 64, F7: 65, F8: 66, F9: 67, F10: 68, NumLock: 69, ScrollLock: 70, Numpad7: 71,
  Numpad8: 72, Numpad9: 73, NumpadSubtract: 74, Numpad4: 75, Numpad5: 76, Numpad6: 77, NumpadAdd: 78, Numpad1: 79,
  Numpad2: 80, Numpad3: 81, Numpad0: 82, NumpadDecimal: 83, Lang5: 85, IntlBackslash: 86, F11: 87, F12: 88,
  IntlRo: 89, Lang3: 90, Lang4: 91, Convert: 92, KanaMode: 93, NonConvert: 94, NumpadEnter: 96, ControlRight: 97,
  NumpadDivide: 98, PrintScreen: 99, AltRight: 100, Home: 102, ArrowUp: 103, PageUp: 104, ArrowLeft: 105,
  ArrowRight: 106, End: 107, ArrowDown: 108, PageDown: 109, Insert: 110, Delete: 111, AudioVolumeMute: 113,
  AudioVolumeDown: 114, AudioVolumeUp: 115, NumpadEqual: 117, Pause: 119, NumpadComma: 121, Lang1: 122, Lang2: 123,
  IntlYen: 124, MetaLeft: 125, MetaRight: 126, ContextMenu: 127, BrowserBack: 158, BrowserForward: 159,
  MediaTrackNext: 163, MediaPlayPause: 164, MediaTrackPrevious: 165, MediaStop: 166, BrowserHome: 172,
  BrowserRefresh: 173, F13: 183, F14: 184, F15: 185, F16: 186, F17: 187, F18: 188, F19: 189, F20: 190, F21: 191,
  F22: 192, F23: 193, F24: 194, BrowserSearch: 217,
  // Names that some browsers give instead.
  OSLeft: 125, OSRight: 126, VolumeMute: 113, VolumeDown: 114, VolumeUp: 115,
};

/** The evdev number of a key; `null`: it has none that the protocol carries. */
export const evdev = (code: string): number | null => (Object.hasOwn(TABLE, code) ? (TABLE[code] ?? null) : null);

export const Code = { ctrl: 29, alt: 56, shift: 42, meta: 125, tab: 15, enter: 28, backspace: 14, t: 20, w: 17, n: 49 } as const;

/** Whether a key is held with others. */
export const isModifier = (code: number): boolean => [29, 42, 54, 56, 58, 69, 70, 97, 100, 125, 126].includes(code);

/** Characters by the first key of a row, without and with shift; `\0` where there is none. */
const ROWS: Record<'jis' | 'us', [first: number, plain: string, shifted: string][]> = {
  jis: [
    [2, '1234567890-^', '!"#$%&\'()\0=~'],
    [16, 'qwertyuiop@[', 'QWERTYUIOP`{'],
    [30, 'asdfghjkl;:', 'ASDFGHJKL+*'],
    [43, ']zxcvbnm,./', '}ZXCVBNM<>?'],
    [57, ' ', '\0'],
    [89, '\\', '_'],
    [124, '\0', '|'],
  ],
  us: [
    [2, '1234567890-=', '!@#$%^&*()_+'],
    [16, 'qwertyuiop[]', 'QWERTYUIOP{}'],
    [30, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
    [43, '\\zxcvbnm,./', '|ZXCVBNM<>?'],
    [57, ' ', '\0'],
  ],
};

/** Where an ASCII character lies on a keyboard; `null`: nowhere. */
export function stroke(character: string, jis: boolean): { code: number; shift: boolean } | null {
  for (const [first, ...sides] of ROWS[jis ? 'jis' : 'us']) {
    for (const [shift, row] of sides.entries()) {
      const at = character === '\0' ? -1 : row.indexOf(character);
      if (at >= 0) return { code: first + at, shift: shift === 1 };
    }
  }
  return null;
}
