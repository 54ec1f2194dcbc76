// The figures of the details: counted over a sliding time, from what the worker sees.

/** What is counted is not older than this, in milliseconds. */
const SPAN = 2_000;

/** Inputs that wait for their picture, and the last times from input to picture: a few seconds of typing. */
const MOST = 256;

export class Counter {
  private shown: { at: number; bytes: number }[] = [];
  private readonly waiting = new Map<number, number>();
  private echoes: number[] = [];

  /** An input left that was made at this time. */
  sent(place: number, at: number): void {
    if (place === 0) return;
    if (this.waiting.size >= MOST) this.waiting.delete(this.waiting.keys().next().value ?? 0);
    this.waiting.set(place, at);
  }

  /** A picture is shown that has all input up to this place. */
  presented(input: number, bytes: number, now: number): void {
    this.shown = [...this.shown.filter(({ at }) => now - at < SPAN), { at: now, bytes }].slice(-MOST);
    for (const [place, at] of this.waiting) {
      if (place > input) break;
      this.waiting.delete(place);
      this.echoes = [...this.echoes, now - at].slice(-MOST);
    }
  }

  at(now: number): { frames: number; bandwidth: number; echo: [number, number] | null } {
    const shown = this.shown.filter(({ at }) => now - at < SPAN);
    const bytes = shown.reduce((sum, { bytes: more }) => sum + more, 0);
    const sorted = [...this.echoes].sort((a, b) => a - b);
    const part = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return {
      frames: (shown.length * 1000) / SPAN,
      bandwidth: (bytes * 8 * 1000) / SPAN,
      echo: sorted.length === 0 ? null : [part(0.5), part(0.95)],
    };
  }
}
