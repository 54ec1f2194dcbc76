// The page: the bar, the stage, the cards, and what the person's hands do. Connection and pixels are the worker's.

import { cardOf } from './cards';
import { make } from './dom';
import { NOTICES } from './ends';
import { Typing } from './ime';
import { Buttons, chord, Fingers, isOfMethod, isOn, Keyboard, Wheel, type Shortcut } from './input';
import { evdev } from './keys';
import type { Figures, Input, State, ToPage, ToWorker } from './messages';
import { MENU_KEYS, openMenu } from './menu';
import { Stage, type View } from './stage';
import { languageOf, Texts } from './texts';
import { servePeer } from './peer';
import workerAddress from './worker?worker&url';

/** A notice stays this long: as long as two short sentences take to read, twice. */
const NOTICE_FOR = 8_000;

/** A finger on a touch pad was lifted when nothing came for so long. */
const LIFTED_AFTER = 120;

declare global {
  interface Window {
    trustedTypes?: { createPolicy(name: string, rules: { createScriptURL(address: string): string }): { createScriptURL(address: string): unknown } };
  }
}

/** The one script that this page starts, in the form that a strict policy of the browser wants. */
function worker(): Worker {
  const known = new URL(workerAddress, import.meta.url).href;
  const policy = window.trustedTypes?.createPolicy('shoji', {
    createScriptURL: (address) => {
      if (address !== known) throw new TypeError('not a script of this page');
      return address;
    },
  });
  return new Worker((policy?.createScriptURL(known) ?? known) as string, { type: 'module' });
}

const isSupported = (): boolean =>
  isSecureContext && typeof OffscreenCanvas !== 'undefined' && 'transferControlToOffscreen' in HTMLCanvasElement.prototype && crypto.subtle !== undefined;

class Page {
  private readonly texts = new Texts(languageOf(navigator.languages));
  private readonly hasTouch = navigator.maxTouchPoints > 0;
  private readonly tabs = make('div', { class: 'tabs', role: 'group', 'aria-label': this.texts.say('WebWindows'), hidden: true });
  private readonly field = make('textarea', {
    class: 'typing', autocapitalize: 'off', autocomplete: 'off', autocorrect: 'off', spellcheck: 'false', rows: 1,
    'aria-label': this.texts.say('WebTyping'), tabindex: -1,
  });
  private readonly hidden = make('input', {
    class: 'typing', type: 'password', autocomplete: 'off', 'aria-label': this.texts.say('WebTyping'), tabindex: -1,
  });
  private readonly plain = make('div', { class: 'plain', tabindex: 0, role: 'application', 'aria-label': this.texts.say('WebScreen', { key: MENU_KEYS }) });
  private readonly surface = make('main', { class: 'stage' }, this.plain, this.field, this.hidden);
  private readonly live = make('div', { class: 'unseen', role: 'status', 'aria-live': 'polite' });
  private readonly keyboardButton = make('button', { type: 'button', click: () => this.typing.show() }, this.texts.say('WebKeyboard'));
  /** With its keys in sight: the session takes Tab, so whoever has no mouse comes here by them alone. */
  private readonly menuButton = make(
    'button',
    { type: 'button', 'aria-haspopup': 'dialog', 'aria-keyshortcuts': 'Control+Alt+Shift+M', click: () => this.menu() },
    this.texts.say('MenuTitle'),
    make('kbd', { 'aria-hidden': 'true' }, MENU_KEYS),
  );
  private readonly bar = make(
    'header', { class: 'bar' },
    make('span', { class: 'segment' }, this.texts.say('Segment')),
    this.tabs,
    make('div', { class: 'tools', role: 'group', 'aria-label': this.texts.say('WebBar') }, this.keyboardButton, this.menuButton),
  );
  private readonly stage = new Stage(this.surface, (surface, canvas) => this.tell({ kind: 'surface', surface, canvas }, [canvas]), () => this.redraw());
  private worker: Worker | null;
  private readonly keyboard = new Keyboard();
  private readonly buttons = new Buttons();
  private readonly fingers = new Fingers();
  private readonly wheel = new Wheel();
  private readonly typing: Typing;
  private state: State = { kind: 'starting' };
  private cover: HTMLElement | null = null;
  private banner: HTMLElement | null = null;
  private toast: HTMLElement | null = null;
  private toastTimer: ReturnType<typeof setTimeout> | undefined;
  private details: { element: HTMLElement; list: HTMLElement } | null = null;
  private focused: number | null = null;
  /** The session has the pointer locked. */
  private isHostLocked = false;
  private lifting: ReturnType<typeof setTimeout> | undefined;
  private sizeTold = '';

  constructor() {
    document.documentElement.lang = this.texts.language;
    document.title = this.texts.say('WindowTitle');
    document.body.append(this.bar, this.surface, this.live);
    this.typing = new Typing(this.field, this.plain, this.hidden, this.texts.language === 'ja', (events) => this.send(events));
    this.worker = isSupported() ? worker() : null;
    this.hands();
    new ResizeObserver(() => this.resized()).observe(this.surface);
    this.ratioChanged();
    if (this.worker === null) {
      this.stand({ kind: 'ended', end: { kind: 'unsupported' } });
      return;
    }
    this.worker.onmessage = ({ data }: MessageEvent<ToPage>) => this.heard(data);
    this.worker.onerror = () => {
      // It may be in any state; another is begun with the page.
      this.worker?.terminate();
      this.worker = null;
      this.stand({ kind: 'ended', end: { kind: 'fault' } });
    };
    const viewport = this.stage.viewport();
    this.tell({ kind: 'start', locale: this.texts.language, jis: this.texts.language === 'ja', touch: this.hasTouch, viewport });
    this.stand(this.state);
  }

  private tell(message: ToWorker, transfer: Transferable[] = []): void {
    this.worker?.postMessage(message, transfer);
  }

  private send(events: readonly Input[], at = performance.now()): void {
    if (this.state.kind !== 'attached' && this.state.kind !== 'silent') return;
    for (const event of events) this.tell({ kind: 'input', event, at: performance.timeOrigin + at });
  }

  // ---- what the worker says ----

  private heard(message: ToPage): void {
    switch (message.kind) {
      case 'state':
        return this.stand(message.state);
      case 'opened':
        return this.stage.opened(message);
      case 'closed':
        return this.stage.closed(message.surface);
      case 'sized':
        return this.stage.sized(message.surface, message.width, message.height);
      case 'shown':
        this.sizeTold = '';
        this.stage.shown(message.surface);
        return this.resized();
      case 'window':
        // 2: a page wants the whole screen. It gets it where the browser lets it without a gesture, else by the menu.
        if (message.state === 2 && document.fullscreenElement === null) void this.fullscreen();
        return;
      case 'cursor':
        return this.stage.cursor(message.shape);
      case 'pointer':
        return this.stage.pointer(message.url, message.x, message.y);
      case 'lock':
        return this.lock(message.locked);
      case 'place':
        return this.typing.follow(message.place, (caret, canvas) => this.stage.area(canvas, caret));
      case 'notice': {
        const id = NOTICES[message.notice];
        return id === undefined ? undefined : this.say(this.texts.say(id));
      }
      case 'may-lack-input':
        return this.say(this.texts.say('MayLackInput'));
      case 'novideo':
        return this.say(this.texts.say('WebNoVideo'));
      case 'peer':
        return servePeer(message.port);
      case 'figures':
        return this.figures(message.figures);
    }
  }

  private stand(state: State): void {
    const had = this.state.kind;
    this.state = state;
    document.documentElement.dataset['state'] = state.kind;
    if (state.kind === 'reconnecting' && (had === 'attached' || had === 'silent' || had === 'preparing')) {
      this.keyboard.forget();
      this.buttons.lift();
      this.fingers.lift();
      this.focused = null;
      this.isHostLocked = false;
      document.exitPointerLock();
      this.stage.age();
    }
    // What was seen of a session that is over, or of one that this device may no longer have.
    if (state.kind === 'ended' || state.kind === 'enrol' || state.kind === 'unenrolled') {
      this.isHostLocked = false;
      this.stage.clear();
      document.exitPointerLock();
      if (document.fullscreenElement !== null) void document.exitFullscreen();
    }
    if (state.kind === 'attached' && had !== 'attached') this.begin();
    const card = cardOf(state, this.texts, location.host, {
      enrol: (name) => this.tell({ kind: 'enrol', name }),
      again: () => (this.worker === null ? location.reload() : this.tell({ kind: 'again' })),
    });
    const isBehind = this.stage.hasPicture;
    this.cover?.remove();
    // While a picture is there, a person looks at that and at a few words.
    this.cover = card === null || (isBehind && state.kind === 'preparing') ? null : make('div', { class: isBehind ? 'cover over' : 'cover' }, card);
    if (this.cover !== null) {
      this.surface.append(this.cover);
      const first = this.cover.querySelector<HTMLElement>('input, button') ?? this.cover.querySelector('h1');
      first?.focus();
    }
    this.keyboardButton.hidden = !this.hasTouch || this.cover !== null;
    this.menuButton.hidden = this.cover !== null;
    this.plain.hidden = this.cover !== null;
    this.banner?.remove();
    this.banner = null;
    const stem = state.kind === 'silent' ? 'Silent' : state.kind === 'reconnecting' ? 'Reconnecting' : null;
    if (stem !== null) {
      const attempt = state.kind === 'reconnecting' ? state.attempt : 0;
      const lines = ['Body', 'Next'].map((part) => make('div', {}, this.texts.say(stem + part, { attempt })));
      this.banner = make('div', { class: 'banner' }, make('strong', {}, this.texts.say(`${stem}Title`)), ...lines);
      this.surface.append(this.banner);
    }
    this.surface.classList.toggle('dimmed', stem !== null);
    const heading = this.cover?.querySelector('h1')?.textContent ?? this.banner?.querySelector('strong')?.textContent ?? '';
    if (this.live.textContent !== heading) this.live.textContent = heading;
    this.redraw();
  }

  /** There is a session to type into. */
  private begin(): void {
    this.plain.hidden = false;
    if (document.querySelector('dialog[open]') === null) this.typing.focus();
    this.focus();
  }

  private redraw(): void {
    const { windows, front } = this.stage;
    this.tabs.hidden = windows.length < 2;
    const shown = windows.length < 2 ? [] : windows;
    const hadFocus = this.tabs.contains(document.activeElement);
    this.tabs.replaceChildren(
      ...shown.map((view, at) => {
        const isCurrent = view === front.window;
        const number = at + 1;
        const close = this.texts.say('WebCloseWindow', { number });
        return make(
          'div', { class: isCurrent ? 'tab current' : 'tab' },
          make('button', { type: 'button', 'aria-pressed': String(isCurrent), click: () => this.choose(view) }, this.texts.say('WebWindow', { number })),
          make('button', { type: 'button', 'aria-label': close, title: close, click: () => this.tell({ kind: 'close', canvas: view.canvas }) }, '×'),
        );
      }),
    );
    this.stage.lay();
    // The buttons are others now, or gone: the keyboard goes back to the picture, not to the PC's own browser.
    if (hadFocus) this.typing.focus();
    this.focus();
  }

  private choose(view: View): void {
    this.stage.choose(view.surface);
    this.sizeTold = '';
    this.resized();
    this.typing.focus();
  }

  private say(text: string): void {
    this.toast?.remove();
    this.toast = make('div', { class: 'toast', role: 'status' }, text);
    this.surface.append(this.toast);
    clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => this.toast?.remove(), NOTICE_FOR);
  }

  private figures(figures: Figures): void {
    if (this.details === null) return;
    const none = this.texts.say('DetailsNone');
    const milliseconds = (time: number | null) => (time === null ? none : `${time.toFixed(1)} ms`);
    const { window } = this.stage.front;
    const names = { websocket: 'WebSocket (TLS)', webtransport: 'WebTransport', webrtc: 'WebRTC' } as Record<string, string>;
    const carrier = figures.carrier === null ? none : (names[figures.carrier] ?? none);
    const port = location.port === '' ? '443' : location.port;
    const rows: [string, string][] = [
      ['DetailsRoundTrip', milliseconds(figures.roundTrip)],
      ['DetailsFrames', figures.frames.toFixed(1)],
      ['DetailsBandwidth', `${(figures.bandwidth / 1e6).toFixed(2)} Mbit/s`],
      ['DetailsEcho', figures.echo === null ? none : figures.echo.map((time) => `${time.toFixed(1)}`).join(' / ') + ' ms'],
      ['DetailsCarrier', figures.udpSeemsClosed ? this.texts.say('DetailsUdpClosed', { carrier, port }) : carrier],
      ['DetailsSize', window === null ? none : `${window.width} × ${window.height}`],
      ['DetailsHost', location.host],
      ['DetailsDevice', figures.device ?? none],
    ];
    this.details.element.dataset['spliced'] = String(figures.spliced);
    this.details.list.replaceChildren(...rows.flatMap(([id, value]) => [make('dt', {}, this.texts.say(id)), make('dd', {}, value)]));
  }

  // ---- what the person does ----

  private shortcut(shortcut: Shortcut): void {
    this.send(this.keyboard.lift());
    if (shortcut === 'details') this.toggleDetails();
    else if (shortcut === 'fullscreen') void this.fullscreen();
    else this.menu();
  }

  private menu(): void {
    this.typing.finish();
    this.letGo();
    openMenu(this.texts, this.stage.zoom, this.hasTouch, {
      fullscreen: () => void this.fullscreen(),
      zoom: (percent) => {
        this.stage.zoom = percent;
        this.resized();
      },
      send: (events) => {
        this.typing.focus();
        this.focus();
        this.send(events);
      },
      details: () => this.toggleDetails(),
      keyboard: () => this.typing.show(),
      end: () => this.tell({ kind: 'depart', ends: true }),
      closed: () => this.typing.focus(),
    });
  }

  /** A dialog takes the pointer: what a hand holds down in the session is let go, since its release may never be told here. */
  private letGo(): void {
    this.send([...this.fingers.lift(), ...this.buttons.lift()]);
  }

  private toggleDetails(): void {
    if (this.details !== null) {
      this.details.element.remove();
      this.details = null;
    } else {
      const list = make('dl');
      const element = make('section', { class: 'details', 'aria-label': this.texts.say('DetailsTitle') }, make('h2', {}, this.texts.say('DetailsTitle')), list);
      this.surface.append(element);
      this.details = { element, list };
    }
    this.tell({ kind: 'details', open: this.details !== null });
  }

  private async fullscreen(): Promise<void> {
    try {
      if (document.fullscreenElement !== null) {
        await document.exitFullscreen();
        return;
      }
      await document.documentElement.requestFullscreen({ navigationUI: 'hide' });
      this.say(this.texts.say('FullscreenHint', { keys: 'Ctrl+Alt+Shift+F' }));
      // With it, Ctrl+W and its like reach the session. Not every browser has it.
      const { keyboard } = navigator as { keyboard?: { lock?: () => Promise<void> } };
      await keyboard?.lock?.();
    } catch {
      // The browser wants a gesture: the menu is one.
    }
    this.typing.focus();
  }

  private lock(locked: boolean): void {
    this.isHostLocked = locked;
    if (!locked) {
      document.exitPointerLock();
      return;
    }
    const wanted = this.surface.requestPointerLock() as unknown;
    if (wanted instanceof Promise) {
      wanted.then(
        () => this.say(this.texts.say('WebLock')),
        () => this.unlock(),
      );
    }
  }

  /** The browser took the lock back, or never gave it: the page that asked hears of it as it would on this PC, by Escape. */
  private unlock(): void {
    if (!this.isHostLocked) return;
    this.isHostLocked = false;
    this.send(chord(1));
  }

  /** Tells which canvas has the keyboard. */
  private focus(): void {
    const has = document.hasFocus() && this.typing.has;
    const isThere = this.state.kind === 'attached' || this.state.kind === 'silent';
    const canvas = has && isThere ? (this.stage.front.top?.canvas ?? null) : null;
    if (canvas === this.focused) return;
    if (canvas === null) {
      this.typing.finish();
      this.keyboard.forget();
      this.letGo();
    }
    this.focused = canvas;
    this.send([{ kind: 'focus', canvas }]);
  }

  private resized(): void {
    this.stage.lay();
    const viewport = this.stage.viewport();
    const { window } = this.stage.front;
    const told = JSON.stringify([viewport, window?.surface ?? null]);
    if (told === this.sizeTold) return;
    this.sizeTold = told;
    this.tell({ kind: 'resize', canvas: window?.canvas ?? 0, viewport });
  }

  private ratioChanged(): void {
    this.resized();
    matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener('change', () => this.ratioChanged(), { once: true });
  }

  private key(event: KeyboardEvent, pressed: boolean): void {
    // What an input method takes for itself is no key of the session; a lone release of it neither.
    if (pressed && (event.isComposing || event.keyCode === 229 || this.typing.isComposing)) return;
    if (isOfMethod(event.key)) {
      // Left to the PC's input method as well; some systems never tell its release.
      const down = pressed ? this.keyboard.key(event.code, true) : [];
      if (typeof down !== 'string' && down.length > 0) this.send([...down, ...this.keyboard.lift((code) => code === evdev(event.code))]);
      return;
    }
    const did = this.keyboard.key(event.code, pressed);
    // A keyboard on the screen has keys without a place: what they do comes as text.
    if (event.code === '' || event.code === 'Unidentified') return;
    event.preventDefault();
    if (typeof did === 'string') {
      this.shortcut(did);
      return;
    }
    const isThere = this.state.kind === 'attached' || this.state.kind === 'silent';
    const locks = pressed && !event.repeat && isThere ? this.keyboard.lock(event.code, (lock) => isOn(event, lock)) : [];
    this.send([...locks, ...did], event.timeStamp);
    if (pressed && isThere && this.keyboard.asksForField(event.code)) this.typing.expect();
  }

  private hands(): void {
    for (const element of [this.field, this.plain, this.hidden] as HTMLElement[]) {
      element.addEventListener('keydown', (event) => this.key(event, true));
      element.addEventListener('keyup', (event) => this.key(event, false));
      element.addEventListener('focus', () => this.focus());
      element.addEventListener('blur', () => setTimeout(() => this.focus()));
    }
    addEventListener('focus', () => this.focus());
    addEventListener('blur', () => this.focus());
    document.addEventListener('pointerlockchange', () => {
      if (document.pointerLockElement === null) this.unlock();
    });
    const { surface } = this;
    surface.addEventListener('contextmenu', (event) => event.preventDefault());
    surface.addEventListener('pointermove', (event) => this.moved(event));
    surface.addEventListener('pointerdown', (event) => this.pressed(event));
    surface.addEventListener('pointerup', (event) => this.released(event));
    surface.addEventListener('pointercancel', (event) => this.released(event, true));
    surface.addEventListener('pointerleave', (event) => {
      if (event.pointerType !== 'touch' && this.isOver(event)) this.send([{ kind: 'leave' }]);
    });
    surface.addEventListener('wheel', (event) => this.scrolled(event), { passive: false });
    // A click with the middle button must not open a page of this PC's browser, and none of its buttons goes back in it.
    for (const kind of ['auxclick', 'mousedown', 'mouseup'] as const) {
      surface.addEventListener(kind, (event) => {
        if (event.button !== 0 && this.isOver(event)) event.preventDefault();
      });
    }
    for (const kind of ['dragover', 'drop'] as const) {
      addEventListener(kind, (event) => {
        event.preventDefault();
        if (kind === 'drop') this.say(this.texts.say('HintFile'));
      });
    }
    this.bar.addEventListener('pointerdown', () => this.typing.finish());
  }

  /** Whether an event is the session's: over the picture, and not over what lies on it. */
  private isOver(event: Event): boolean {
    const { target } = event;
    return target === this.plain || target === this.field || target === this.hidden || target === this.surface || target instanceof HTMLCanvasElement;
  }

  private at(event: PointerEvent): { view: View; x: number; y: number } | null {
    const { top } = this.stage.front;
    return top === null || !top.isShown ? null : { view: top, ...this.stage.place(top, event.clientX, event.clientY) };
  }

  /** Where a finger is on the canvas that it began on; `null`: that is not to be seen. */
  private touched(event: PointerEvent): { canvas: number; x: number; y: number } | null {
    const canvas = this.fingers.canvas(event.pointerId);
    const view = canvas === null ? null : this.stage.seen(canvas);
    return view === null ? null : { canvas: view.canvas, ...this.stage.place(view, event.clientX, event.clientY) };
  }

  private moved(event: PointerEvent): void {
    if (event.pointerType === 'touch') {
      this.send(this.fingers.move(event.pointerId, this.touched(event)), event.timeStamp);
      return;
    }
    if (!this.isOver(event)) return;
    // A second button while one is held comes as a motion.
    const turned = event.button >= 0;
    const changed = turned ? this.buttons.button(event.button, (event.buttons & ([1, 4, 2, 8, 16][event.button] ?? 0)) !== 0) : [];
    if (document.pointerLockElement !== null) {
      const ratio = devicePixelRatio;
      this.send([{ kind: 'relative', dx: event.movementX * ratio, dy: event.movementY * ratio }, ...changed], event.timeStamp);
      return;
    }
    const at = this.at(event);
    if (at === null) {
      this.send(changed, event.timeStamp);
      return;
    }
    const { view, x, y } = at;
    this.send([{ kind: 'motion', canvas: view.canvas, x, y }, ...changed], event.timeStamp);
  }

  private pressed(event: PointerEvent): void {
    if (!this.isOver(event) || this.cover !== null) return;
    event.preventDefault();
    this.typing.finish();
    if (event.pointerType !== 'touch' || !this.typing.has) this.typing.focus();
    this.focus();
    const at = this.at(event);
    if (at === null) return;
    const { view, x, y } = at;
    if (document.pointerLockElement === null) this.surface.setPointerCapture(event.pointerId);
    if (event.pointerType === 'touch') {
      this.send(this.fingers.down(event.pointerId, { canvas: view.canvas, x, y }), event.timeStamp);
      return;
    }
    const motion: Input[] = document.pointerLockElement === null ? [{ kind: 'motion', canvas: view.canvas, x, y }] : [];
    this.send([...motion, ...this.buttons.button(event.button, true)], event.timeStamp);
  }

  private released(event: PointerEvent, isCancelled = false): void {
    if (event.pointerType === 'touch') {
      this.send(this.fingers.up(event.pointerId, this.touched(event), isCancelled), event.timeStamp);
      return;
    }
    this.send(isCancelled ? this.buttons.lift() : this.buttons.button(event.button, false), event.timeStamp);
  }

  private scrolled(event: WheelEvent): void {
    if (!this.isOver(event)) return;
    event.preventDefault();
    const turned = this.wheel.turn(event as WheelEvent & { wheelDeltaX?: number; wheelDeltaY?: number }, devicePixelRatio);
    this.send(turned, event.timeStamp);
    clearTimeout(this.lifting);
    if (turned.some((input) => input.kind === 'wheel' && input.finger)) {
      this.lifting = setTimeout(() => this.send([{ kind: 'wheel', horizontal: 0, vertical: 0, finger: true }]), LIFTED_AFTER);
    }
  }
}

new Page();
