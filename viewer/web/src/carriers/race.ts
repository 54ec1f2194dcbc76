// Which carrier is taken: the best that works, and a blocked one costs a moment only.

import type { Offer, Opened, Opener } from './carrier';

/**
 * When the next carrier begins after one of these, counted from the beginning of the race, so that one that fails at once gives its time to
 * those after it. WebTransport needs three round trips and is through by then on most links; WebRTC needs seven, but has heard from the host
 * after two. Where UDP is closed the WebSocket begins after both, which is less than a person notices.
 */
export const HEAD_STARTS: Readonly<Record<Offer['kind'], number>> = { webtransport: 150, webrtc: 250, websocket: 450 };

/** One that heard from the host is waited for so long when a lesser one opens first: it is better for as long as the session lasts. */
export const GRACE = 500;

/** Nothing is waited for longer than this. */
export const OPEN_WITHIN = 8_000;

/**
 * Opens the offered carriers, best first, each a head start after the one before or at once if that one fails, and gives the
 * first that opens, or a better one that heard from the host by then and opens soon; the others are closed.
 */
export function race(
  offers: readonly Offer[],
  openers: Partial<Record<Offer['kind'], Opener>>,
  headStarts: Readonly<Record<Offer['kind'], number>> = HEAD_STARTS,
): Promise<Opened> {
  const runners = offers.flatMap((offer) => {
    const open = openers[offer.kind];
    return open === undefined ? [] : [{ offer, open }];
  });
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const abort = new AbortController();
    const limit = setTimeout(() => finish(held, new Error('no carrier opened in time')), OPEN_WITHIN);
    /** Those that heard from the host and are not open yet. */
    const answered = new Set<number>();
    let [started, running, isOver] = [0, 0, false];
    /** Open, while a better one is waited for. */
    let held: Opened | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let grace: ReturnType<typeof setTimeout> | undefined;

    function finish(opened: Opened | null, error: unknown): void {
      if (isOver) {
        opened?.close();
        return;
      }
      isOver = true;
      for (const one of [timer, limit, grace]) clearTimeout(one);
      if (held !== opened) held?.close();
      if (opened === null) reject(error);
      else resolve(opened);
      abort.abort();
    }

    function open(at: number, opened: Opened): void {
      answered.delete(at);
      if (isOver || held !== null || ![...answered].some((better) => better < at)) return finish(opened, null);
      held = opened;
      grace = setTimeout(() => finish(opened, null), GRACE);
    }

    function fail(at: number): void {
      running -= 1;
      answered.delete(at);
      if (held !== null && answered.size === 0) finish(held, null);
      else next();
    }

    function next(): void {
      clearTimeout(timer);
      const at = started;
      const runner = runners[at];
      if (isOver || runner === undefined) {
        if (running === 0) finish(null, new Error('no carrier could be opened'));
        return;
      }
      started += 1;
      running += 1;
      timer = setTimeout(next, Math.max(0, began + headStarts[runner.offer.kind] - performance.now()));
      // What a browser does not have may throw at once.
      const opening = async () => runner.open(runner.offer, abort.signal, () => void answered.add(at));
      opening().then((opened) => open(at, opened), () => fail(at));
    }

    next();
  });
}
