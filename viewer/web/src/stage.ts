// The canvases on the page: which is shown, how large, and where a place on the page lies on them.
//
// Owns the elements. The windows of a session are a strip of tabs; a dialog lies over its window. The last picture stays,
// dimmed, until the next connection's first is whole.

import { CURSORS } from './cursors';
import { make } from './dom';
import type { ToPage, Viewport } from './messages';

export interface View {
  surface: number;
  canvas: number;
  window: boolean;
  parent: number | null;
  width: number;
  height: number;
  element: HTMLCanvasElement;
  isShown: boolean;
}

/** The protocol's limits of a window, in physical pixels. */
const MIN = { width: 320, height: 240 };
const MAX = { width: 3840, height: 2160 };

/** Rates are not told by browsers; at most this many pictures a second are worth making. */
const RATE = 60_000;

export class Stage {
  private views: View[] = [];
  /** Pictures of the last connection. */
  private old: View[] = [];
  private chosen: number | null = null;
  /** The canvases that there were when the connection was lost and that did not come again yet, and of which the window in front is. */
  private lost = new Set<number>();
  private lostFront: number | null = null;
  zoom = 100;
  private pointerAddress: string | null = null;

  constructor(
    readonly element: HTMLElement,
    private readonly give: (surface: number, canvas: OffscreenCanvas) => void,
    private readonly changed: () => void,
  ) {}

  /** The windows, oldest first. */
  get windows(): readonly View[] {
    return this.views.filter(({ window }) => window);
  }

  /** The window in front, and over it its newest dialog. */
  get front(): { window: View | null; top: View | null } {
    const window = this.windows.find(({ surface }) => surface === this.chosen) ?? this.windows.at(-1) ?? null;
    const dialog = this.views.filter((view) => !view.window && view.parent === window?.canvas).at(-1);
    return { window, top: dialog ?? window };
  }

  get hasPicture(): boolean {
    return this.old.length > 0 || this.views.some(({ isShown }) => isShown);
  }

  /** The size of the stage in physical pixels, as a window of the host. */
  viewport(): Viewport {
    const ratio = devicePixelRatio;
    const { clientWidth, clientHeight } = this.element;
    const width = Math.min(MAX.width, Math.max(MIN.width, Math.round(clientWidth * ratio)));
    const height = Math.min(MAX.height, Math.max(MIN.height, Math.round(clientHeight * ratio)));
    const scale = Math.min(360, Math.max(120, Math.round((120 * ratio * this.zoom) / 100)));
    return { width, height, scale, rate: RATE };
  }

  /** The connection is lost or over: what is there stays until another picture takes its place. */
  age(): void {
    if (this.views.length > 0) {
      this.lost = new Set(this.views.map(({ canvas }) => canvas));
      this.lostFront = this.front.window?.canvas ?? null;
    }
    // What is behind another window is not what the person looks at.
    const seen = this.views.filter(({ isShown, element }) => isShown && !element.hidden);
    for (const view of this.views) if (!seen.includes(view)) view.element.remove();
    this.old.push(...seen);
    this.views = [];
    this.changed();
  }

  /** Nothing is to be seen any more. */
  clear(): void {
    this.age();
    for (const view of this.old) view.element.remove();
    this.old = [];
    this.lost.clear();
  }

  opened({ surface, canvas, window, parent, width, height }: Extract<ToPage, { kind: 'opened' }>): void {
    const element = make('canvas', { width, height, hidden: true, 'aria-hidden': 'true', ...(window ? {} : { class: 'dialog' }) });
    this.element.append(element);
    this.views.push({ surface, canvas, window, parent, width, height, element, isShown: false });
    this.give(surface, element.transferControlToOffscreen());
    this.changed();
  }

  closed(surface: number): void {
    this.views.find((view) => view.surface === surface)?.element.remove();
    this.views = this.views.filter((view) => view.surface !== surface);
    if (this.chosen === surface) this.chosen = null;
    this.changed();
  }

  sized(surface: number, width: number, height: number): void {
    const view = this.views.find((view) => view.surface === surface);
    if (view === undefined) return;
    [view.width, view.height] = [width, height];
    this.lay();
  }

  shown(surface: number): void {
    const view = this.views.find((view) => view.surface === surface);
    if (view === undefined) return;
    view.isShown = true;
    for (const { element } of this.old) element.remove();
    this.old = [];
    // A window that only came back stays where it was.
    const isBack = this.lost.delete(view.canvas);
    if (view.window && (!isBack || view.canvas === this.lostFront)) this.chosen = surface;
    this.changed();
  }

  choose(surface: number): void {
    this.chosen = surface;
    this.changed();
  }

  /** Puts every canvas in its place: at its own pixels where they fit, else scaled until the host has followed. */
  lay(): void {
    const ratio = devicePixelRatio;
    const { clientWidth, clientHeight } = this.element;
    const { window } = this.front;
    for (const view of [...this.old, ...this.views]) {
      const { element, width, height } = view;
      const isOld = this.old.includes(view);
      element.hidden = isOld ? false : !view.isShown || (view.window ? view !== window : view.parent !== window?.canvas);
      const [natural, tall] = [width / ratio, height / ratio];
      // A size that is off by a pixel of rounding is the size that was asked for.
      const fits = view.window && Math.abs(natural - clientWidth) * ratio <= 1.5 && Math.abs(tall - clientHeight) * ratio <= 1.5;
      const isMinimum = width === MIN.width || height === MIN.height;
      const scale = fits || isMinimum ? 1 : view.window ? Math.min(clientWidth / natural, clientHeight / tall) : Math.min(1, clientWidth / natural, clientHeight / tall);
      const { style } = element;
      style.width = `${natural * scale}px`;
      style.height = `${tall * scale}px`;
      element.classList.toggle('exact', scale === 1);
      if (!view.window) {
        // On whole physical pixels, so that nothing is blurred.
        const middle = (free: number) => Math.max(0, Math.round((free / 2) * ratio) / ratio);
        style.left = `${middle(clientWidth - natural * scale)}px`;
        style.top = `${middle(clientHeight - tall * scale)}px`;
      }
    }
  }

  /** The place of a view's pixel under a place of the page. */
  place(view: View, clientX: number, clientY: number): { x: number; y: number } {
    const { left, top, width, height } = view.element.getBoundingClientRect();
    return { x: ((clientX - left) * view.width) / (width || 1), y: ((clientY - top) * view.height) / (height || 1) };
  }

  /** The place on the stage of an area of a canvas. */
  area(canvas: number, { x, y, width, height }: { x: number; y: number; width: number; height: number }): DOMRect | null {
    const view = this.views.find((view) => view.canvas === canvas);
    if (view === undefined) return null;
    const { left, top } = this.element.getBoundingClientRect();
    const stage = { left: left + this.element.clientLeft, top: top + this.element.clientTop };
    const at = view.element.getBoundingClientRect();
    const factor = at.width / view.width || 1;
    return new DOMRect(at.left - stage.left + x * factor, at.top - stage.top + y * factor, width * factor, height * factor);
  }

  /** The view of a canvas that is to be seen. */
  seen(canvas: number): View | null {
    return this.views.find((view) => view.canvas === canvas && view.isShown && !view.element.hidden) ?? null;
  }

  of(surface: number): View | null {
    return this.views.find((view) => view.surface === surface) ?? null;
  }

  cursor(shape: number): void {
    this.element.style.cursor = CURSORS[shape] ?? 'default';
  }

  pointer(picture: Blob, x: number, y: number): void {
    if (this.pointerAddress !== null) URL.revokeObjectURL(this.pointerAddress);
    this.pointerAddress = URL.createObjectURL(picture);
    const ratio = devicePixelRatio;
    const address = `url("${this.pointerAddress}")`;
    // Its pixels are physical ones.
    const scaled = `image-set(${address} ${ratio}x) ${Math.round(x / ratio)} ${Math.round(y / ratio)}, default`;
    this.element.style.cursor = scaled;
    if (this.element.style.cursor === '') this.element.style.cursor = `${address} ${x} ${y}, default`;
  }
}
