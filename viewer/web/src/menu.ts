// The menu, the help and the question before a session is ended: dialogs of the browser, so that keys and readers know them.

import { make } from './dom';
import { chord } from './input';
import { Code } from './keys';
import type { Input } from './messages';
import type { Texts } from './texts';

export interface Choices {
  fullscreen(): void;
  zoom(percent: number): void;
  send(events: Input[]): void;
  details(): void;
  keyboard(): void;
  end(): void;
  /** The dialog is closed: the keyboard goes back to the session. */
  closed(): void;
}

const ZOOMS = [100, 125, 150, 200];

/** The keys that open the menu from within the session, which takes all others: as people read it. */
export const MENU_KEYS = 'Ctrl+Alt+Shift+M';

/** What the browser around the page keeps to itself. */
const CHORDS: [string, number[]][] = [
  ['Ctrl+T', [Code.ctrl, Code.t]],
  ['Ctrl+W', [Code.ctrl, Code.w]],
  ['Ctrl+N', [Code.ctrl, Code.n]],
  ['Ctrl+Shift+T', [Code.ctrl, Code.shift, Code.t]],
  ['Ctrl+Tab', [Code.ctrl, Code.tab]],
  ['Alt+Tab', [Code.alt, Code.tab]],
];

function open(dialog: HTMLDialogElement, choices: Choices): void {
  // In full screen only what lies in the element that fills it is seen.
  (document.fullscreenElement ?? document.body).append(dialog);
  dialog.addEventListener('close', () => {
    dialog.remove();
    choices.closed();
  });
  // A click beside it closes it.
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.showModal();
}

export function openMenu(texts: Texts, zoom: number, hasTouch: boolean, choices: Choices): void {
  const { say } = { say: (id: string) => texts.say(id) };
  const item = (text: string, act: () => void, pressed?: boolean) =>
    make(
      'button',
      {
        type: 'button',
        ...(pressed === undefined ? {} : { 'aria-pressed': String(pressed) }),
        click: () => {
          dialog.close();
          act();
        },
      },
      text,
    );
  const group = (title: string, ...items: Node[]) =>
    make('div', { class: 'group', role: 'group', 'aria-label': title }, make('span', { 'aria-hidden': 'true' }, title), make('div', {}, ...items));
  const isFull = document.fullscreenElement !== null;
  const items = make('div', { class: 'items' });
  const dialog = make('dialog', { class: 'menu', 'aria-labelledby': 'menu-title' }, make('h2', { id: 'menu-title' }, say('MenuTitle')), items);
  items.append(
    item(say(isFull ? 'MenuLeaveFullscreen' : 'MenuFullscreen'), () => choices.fullscreen()),
    ...(hasTouch ? [item(say('WebKeyboard'), () => choices.keyboard())] : []),
    group(say('MenuZoom'), ...ZOOMS.map((percent) => item(texts.say('WebZoomPart', { percent }), () => choices.zoom(percent), percent === zoom))),
    group(
      say('MenuKeys'),
      ...CHORDS.map(([name, codes]) => item(name, () => choices.send(chord(...codes)))),
      item(say('MenuKeySuper'), () => choices.send(chord(Code.meta))),
    ),
    item(say('MenuDetails'), () => choices.details()),
    item(say('MenuHelp'), () => openHelp(texts, choices)),
    item(say('MenuEnd'), () => openQuestion(texts, choices)),
  );
  dialog.addEventListener('keydown', (event) => {
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const all = [...dialog.querySelectorAll('button')];
    const at = all.findIndex((button) => button === document.activeElement);
    all[(at + by + all.length) % all.length]?.focus();
  });
  open(dialog, choices);
}

function openHelp(texts: Texts, choices: Choices): void {
  const lines = ['HelpType', 'HelpCopy', 'HelpMenuKey', 'HelpEnd'].map((id) => make('li', {}, texts.say(id, { key: MENU_KEYS })));
  const close: HTMLButtonElement = make('button', { class: 'first', click: () => dialog.close() }, texts.say('WebClose'));
  const dialog = make(
    'dialog',
    { class: 'help', 'aria-labelledby': 'help-title' },
    make('div', { class: 'inside' }, make('h2', { id: 'help-title' }, texts.say('HelpTitle')), make('ul', {}, ...lines), make('div', { class: 'actions' }, close)),
  );
  open(dialog, choices);
}

function openQuestion(texts: Texts, choices: Choices): void {
  const end = () => {
    dialog.close();
    choices.end();
  };
  const no: HTMLButtonElement = make('button', { autofocus: true, click: () => dialog.close() }, texts.say('MenuEndNo'));
  const dialog = make(
    'dialog',
    { 'aria-labelledby': 'end-title', 'aria-describedby': 'end-note' },
    make(
      'div',
      { class: 'inside' },
      make('h2', { id: 'end-title' }, texts.say('MenuEndQuestion')),
      make('p', { id: 'end-note' }, texts.say('MenuEndNote')),
      make('div', { class: 'actions' }, no, make('button', { class: 'first', click: end }, texts.say('MenuEndYes'))),
    ),
  );
  open(dialog, choices);
}
