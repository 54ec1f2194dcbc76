// What the person reads and chooses before, between and after sessions: a card, and nothing else on the page.

import { make } from './dom';
import { textsOf } from './ends';
import type { End, State, Trouble } from './messages';
import type { Texts } from './texts';

export interface Wishes {
  enrol(name: string): void;
  again(): void;
}

/** Characters of a device's name, as the host takes them. */
const MAX_NAME = 32;

/** The card of a state; `null`: the picture is all there is to see. */
export function cardOf(state: State, texts: Texts, host: string, wishes: Wishes): HTMLElement | null {
  const { say } = { say: (id: string, parts?: Record<string, string | number>) => texts.say(id, { host, ...parts }) };
  const card = (stem: string, ...more: (Node | string)[]) =>
    make('div', { class: 'card' }, make('h1', { tabindex: -1 }, say(`${stem}Title`)), make('p', {}, say(`${stem}Body`)), ...more);
  const busy = (stem: string) => card(stem, make('p', { class: 'next' }, say(`${stem}Next`)), make('div', { class: 'busy' }));
  switch (state.kind) {
    case 'starting':
    case 'connecting':
      return busy('Connecting');
    case 'preparing':
      return busy('Preparing');
    case 'enrol':
      return enrol(state.trouble, say, card, wishes);
    case 'unenrolled': {
      const stem = state.why === 'expired' ? 'WebExpired' : 'WebGone';
      const ask: HTMLButtonElement = make('button', { class: 'first', click: () => ((ask.disabled = true), wishes.enrol('')) }, say('WebAskAgain'));
      return card(stem, ...troubled(state.trouble, say), make('p', { class: 'next' }, say(`${stem}Next`)), make('div', { class: 'actions' }, ask));
    }
    case 'waiting':
      return card(
        'WebWaiting',
        make('p', { class: 'code', 'aria-label': `${say('WebWaitingCode')} ${[...state.code].join(' ')}` }, state.code),
        make('p', { class: 'next' }, say('WebWaitingNext')),
        make('div', { class: 'busy' }),
      );
    case 'ended':
      return ended(state.end, say, wishes);
    case 'attached':
    case 'silent':
    case 'reconnecting':
      return null;
  }
}

type Say = (id: string, parts?: Record<string, string | number>) => string;

/** Why the last request came to nothing, if it did. */
function troubled(trouble: Trouble | null, say: Say): HTMLElement[] {
  const words = { busy: 'WebEnrolBusy', name: 'WebEnrolOtherName', unreachable: 'WebEnrolUnreachable', refused: 'WebEnrolRefused' } as const;
  return trouble === null ? [] : [make('p', { class: 'trouble', role: 'alert' }, say(words[trouble]))];
}

function enrol(
  trouble: Trouble | null,
  say: Say,
  card: (stem: string, ...more: Node[]) => HTMLElement,
  wishes: Wishes,
): HTMLElement {
  const input = make('input', { id: 'name', type: 'text', maxlength: MAX_NAME, required: true, autocomplete: 'off', 'aria-describedby': 'name-hint' });
  const submit = make('button', { type: 'submit', class: 'first' }, say('WebEnrolDo'));
  const form = make(
    'form',
    {
      submit: (event: Event) => {
        event.preventDefault();
        const name = input.value.trim();
        if (name === '') return;
        submit.disabled = true;
        wishes.enrol(name);
      },
    },
    make('label', { for: 'name' }, say('WebEnrolName')),
    input,
    make('p', { class: 'hint', id: 'name-hint' }, say('WebEnrolHint')),
    make('div', { class: 'actions' }, submit),
  );
  return card('WebEnrol', ...troubled(trouble, say), form);
}

function ended(end: End, say: Say, wishes: Wishes): HTMLElement {
  const [title, body, next] = textsOf(end);
  const code = end.kind === 'closed' ? end.code : 0;
  const button = make('button', { class: 'first', click: () => wishes.again() }, say('WebConnect'));
  return make(
    'div',
    { class: 'card' },
    make('h1', { tabindex: -1 }, say(title)),
    make('p', {}, say(body, { code })),
    make('p', { class: 'next' }, say(next, { code })),
    make('div', { class: 'actions' }, button),
  );
}
