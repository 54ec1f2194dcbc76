// Paints what changed of a canvas, and nothing else.

import type { Area, Core } from './core';

/** Areas painted one by one; more are put together. */
const MAX_AREAS = 16;

/** Pixels converted at a time: 4 MiB, so that a large picture needs no memory of its size. */
const MAX_BAND = 1 << 20;

const size = (area: Area): number => area.width * area.height;

export function union(a: Area, b: Area): Area {
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  const right = Math.max(a.x + a.width, b.x + b.width);
  const bottom = Math.max(a.y + a.height, b.y + b.height);
  return { x, y, width: right - x, height: bottom - y };
}

/** Fewer areas that hold all of them: what overlaps or nearly touches becomes one. */
export function merge(areas: readonly Area[], most = MAX_AREAS): Area[] {
  const merged: Area[] = [];
  for (let area of areas) {
    for (let at = 0; at < merged.length; ) {
      const other = merged[at];
      const both = other && union(other, area);
      // A call for each area costs about as much as a thousand pixels.
      if (other && both && size(both) <= size(other) + size(area) + 1024) {
        area = both;
        merged.splice(at, 1);
        at = 0;
      } else {
        at += 1;
      }
    }
    merged.push(area);
  }
  while (merged.length > most) {
    const last = merged.pop();
    const before = merged.pop();
    if (last && before) merged.push(union(before, last));
  }
  return merged;
}

/** Cuts an area into bands of bounded size. */
export function* bands(area: Area, most = MAX_BAND): Generator<Area> {
  const rows = Math.max(1, Math.floor(most / area.width));
  for (let y = area.y; y < area.y + area.height; y += rows) {
    yield { ...area, y, height: Math.min(rows, area.y + area.height - y) };
  }
}

/** A canvas of the page. */
export class Surface {
  private context: OffscreenCanvasRenderingContext2D | null = null;
  private width = 0;
  private height = 0;
  private isShown = false;

  constructor(
    readonly number: number,
    readonly canvas: number,
  ) {}

  /** The page has made its element. */
  attach(element: OffscreenCanvas, core: Core): void {
    this.context = element.getContext('2d', { alpha: false, desynchronized: true });
    const { width, height } = this;
    if (width > 0) {
      this.width = 0;
      this.paint(core, width, height, []);
    }
  }

  /** Whether a picture of this size is the first of its size. */
  isNew(width: number, height: number): boolean {
    return width !== this.width || height !== this.height;
  }

  /** Whether a picture came. */
  get hasPicture(): boolean {
    return this.isShown;
  }

  /** Whether this is the first picture; once. */
  first(): boolean {
    const is = !this.isShown;
    this.isShown = true;
    return is;
  }

  /** Paints what changed; if the page has not made its element yet, all of it when it has. */
  paint(core: Core, width: number, height: number, areas: readonly Area[]): void {
    const isNew = this.isNew(width, height);
    [this.width, this.height] = [width, height];
    if (this.context === null) return;
    if (isNew) {
      this.context.canvas.width = width;
      this.context.canvas.height = height;
    }
    for (const area of merge(isNew ? [{ x: 0, y: 0, width, height }] : areas)) {
      for (const band of bands(area)) {
        const rgba = core.paint(this.canvas, band);
        if (rgba.length === band.width * band.height * 4) {
          this.context.putImageData(new ImageData(rgba, band.width, band.height), band.x, band.y);
        }
      }
    }
  }
}
