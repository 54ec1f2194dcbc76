// The PC's or tablet's input method: what it composes and commits in a hidden field becomes input, and its candidates open at
// the remote caret, because the field lies there.
//
// Owns what is being composed. It must never let a text come twice, and never let an input method see a secret: where one is
// typed, the keyboard goes to an element that takes no text.
//
// Where typed text goes is known one round trip late. From nowhere a click or Tab may as well lead to a secret as to a text, so the
// keyboard stays with the element that takes none until the host has told which; only for the browser's own fields, which are asked for
// by keys and take no secrets, the other one has it at once. The reasons are in viewer/src/window/ime.rs.

import { bytesBefore } from './core';
import { chord } from './input';
import { Code, stroke } from './keys';
import type { Input, TextPlace } from './messages';

export class Composer {
  private composing = '';
  /** What is said belongs to a composition that is over, until another begins. */
  private muted = false;

  get isComposing(): boolean {
    return this.composing !== '';
  }

  begin(): void {
    this.muted = false;
    this.composing = '';
  }

  /** It composes this now; the caret is at a place in it. */
  update(text: string, caret: number): Input[] {
    if (this.muted || (text === '' && this.composing === '')) return [];
    this.composing = text;
    const at = bytesBefore(text, caret);
    return [{ kind: 'preedit', text, from: text === '' ? -1 : at, to: text === '' ? -1 : at }];
  }

  /** It gave finished text; none: it gave up. */
  end(text: string): Input[] {
    const was = this.composing;
    this.composing = '';
    if (this.muted) return [];
    if (text !== '') return [{ kind: 'commit', text }];
    return was === '' ? [] : [{ kind: 'preedit', text: '', from: -1, to: -1 }];
  }

  /** What is composed is over, whatever the input method says of it later. Gives it as finished text. */
  finish(): Input[] {
    const text = this.giveUp();
    return text === '' ? [] : [{ kind: 'commit', text }];
  }

  /** The same, without a word: the field is another one, which ended it at the host. */
  giveUp(): string {
    const text = this.composing;
    this.composing = '';
    this.muted ||= text !== '';
    return text;
  }
}

/** What a keyboard on the screen did to the hidden field, where it presses no keys. */
export function typed(inputType: string, data: string | null): Input[] {
  switch (inputType) {
    case 'insertText':
    case 'insertReplacementText':
      return data === null || data === '' ? [] : [{ kind: 'commit', text: data }];
    case 'insertLineBreak':
    case 'insertParagraph':
      return chord(Code.enter);
    case 'deleteContentBackward':
    case 'deleteWordBackward':
      return chord(Code.backspace);
    default:
      // Composed text comes by the events of composing; what is pasted does not cross.
      return [];
  }
}

/** Text of a keyboard on the screen as presses of keys: where a secret is typed no text is taken. */
export function pressed(text: string, jis: boolean): Input[] {
  return [...text].flatMap((character) => {
    const place = stroke(character, jis);
    return place === null ? [] : chord(...(place.shift ? [Code.shift] : []), place.code);
  });
}

/** What the hidden field holds, so that a keyboard on the screen has something to delete. */
const FILLER = '  ';

/** How long a field that was asked for by keys is expected: as in the native viewer. */
const EXPECTED = 300;

/** The elements that have the keyboard during a session: one that takes text, one that does not, and one for secrets on a tablet. */
export class Typing {
  private readonly composer = new Composer();
  private place: TextPlace = { kind: 'nowhere' };
  private data = '';
  /** The person asked for a keyboard on the screen, whatever has the caret. */
  private isWanted = false;
  private leaving: ReturnType<typeof setTimeout> | undefined;
  /** Runs while a field was asked for by keys and the host has not told of it. */
  private expecting: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly field: HTMLTextAreaElement,
    private readonly plain: HTMLElement,
    private readonly hidden: HTMLInputElement,
    jis: boolean,
    private readonly send: (events: Input[]) => void,
  ) {
    field.addEventListener('compositionstart', () => this.composer.begin());
    field.addEventListener('compositionupdate', ({ data }) => (this.data = data));
    field.addEventListener('compositionend', ({ data }) => {
      send(this.composer.end(data));
      this.clear();
    });
    field.addEventListener('input', (event) => {
      const { inputType, data, isComposing } = event as InputEvent;
      if (isComposing || this.composer.isComposing) {
        // Only now the field shows what is composed, and where the caret is in it.
        if (isComposing) send(this.composer.update(this.data, this.caretIn(this.data)));
        return;
      }
      send(typed(inputType, data));
      this.clear();
    });
    hidden.addEventListener('input', (event) => {
      const { inputType, data } = event as InputEvent;
      const events = typed(inputType, data);
      send(events.flatMap((input) => (input.kind === 'commit' ? pressed(input.text, jis) : [input])));
      hidden.value = FILLER;
    });
    hidden.value = FILLER;
    for (const element of [field, hidden] as HTMLElement[]) {
      for (const kind of ['paste', 'copy', 'cut', 'drop', 'dragover'] as const) {
        element.addEventListener(kind, (event) => event.preventDefault());
      }
    }
    field.addEventListener('blur', () => (this.isWanted = false));
    field.readOnly = true;
    this.clear();
  }

  get isComposing(): boolean {
    return this.composer.isComposing;
  }

  /** Whether the keyboard is the session's. */
  get has(): boolean {
    const { activeElement } = document;
    return activeElement === this.field || activeElement === this.plain || activeElement === this.hidden;
  }

  /** Which of them has the keyboard. */
  get target(): HTMLElement {
    return this.takesText ? this.field : this.plain;
  }

  private get takesText(): boolean {
    return this.place.kind === 'field' || this.isWanted || this.expecting !== null;
  }

  /** The browser was asked by keys for one of its own fields, which takes no secrets: from nowhere, typed text is for that. */
  expect(): void {
    if (this.place.kind !== 'nowhere') return;
    this.stopExpecting();
    this.expecting = setTimeout(() => {
      this.expecting = null;
      this.become({ kind: 'nowhere' }, true);
    }, EXPECTED);
    this.become(this.place, false);
  }

  private stopExpecting(): void {
    clearTimeout(this.expecting ?? undefined);
    this.expecting = null;
  }

  /** A keyboard on the screen is shown for something that takes text, in a gesture. Over a secret it is one that learns nothing. */
  show(): void {
    this.field.blur();
    if (this.place.kind === 'secret') {
      this.hidden.focus({ preventScroll: true });
      return;
    }
    this.isWanted = true;
    this.field.readOnly = false;
    this.field.focus({ preventScroll: true });
  }

  /** Typed text goes elsewhere. `at` places a caret of a canvas on the page, in its pixels. */
  follow(place: TextPlace, at: (caret: { x: number; y: number; width: number; height: number }, canvas: number) => DOMRect | null): void {
    const old = this.place;
    // What was composed in expectation of a field was composed for it.
    const isNew = this.expecting === null && place.kind === 'field' && !(old.kind === 'field' && old.field === place.field && old.canvas === place.canvas);
    clearTimeout(this.leaving);
    if (place.kind === 'nowhere' && old.kind === 'field' && !this.composer.isComposing) {
      // A page that moves the keyboard from field to field closes one before it opens the next.
      this.leaving = setTimeout(() => this.become({ kind: 'nowhere' }, true), 150);
      return;
    }
    if (place.kind === 'nowhere' && this.expecting !== null) return;
    this.stopExpecting();
    this.become(place, isNew || place.kind !== 'field');
    if (place.kind === 'field' && place.caret !== null) {
      const caret = at(place.caret, place.canvas);
      if (caret !== null) this.lie(caret);
    }
  }

  private become(place: TextPlace, isNew: boolean): void {
    const had = this.has;
    this.place = place;
    this.field.readOnly = !this.takesText;
    if (isNew && this.composer.giveUp() !== '') {
      this.field.blur();
      this.clear();
    }
    if (had) this.focus();
  }

  /** Gives the keyboard to the session. */
  focus(): void {
    if (document.activeElement !== this.target) this.target.focus({ preventScroll: true });
  }

  /** The keyboard went elsewhere, or a click did: what is composed is finished as it is. */
  finish(): void {
    const events = this.composer.finish();
    if (events.length === 0) return;
    this.send(events);
    this.clear();
  }

  private lie(caret: DOMRect): void {
    const { style } = this.field;
    const height = Math.max(12, Math.min(caret.height, 96));
    style.left = `${Math.max(0, Math.min(caret.x, innerWidth - 40))}px`;
    style.top = `${Math.max(0, Math.min(caret.y, innerHeight - height))}px`;
    style.height = `${height}px`;
    style.fontSize = `${Math.max(10, height * 0.7)}px`;
  }

  private caretIn(text: string): number {
    const { value, selectionStart } = this.field;
    const begins = value.lastIndexOf(text);
    return begins < 0 ? text.length : Math.max(0, Math.min(text.length, selectionStart - begins));
  }

  private clear(): void {
    this.field.value = FILLER;
    this.field.setSelectionRange(FILLER.length, FILLER.length);
  }
}
