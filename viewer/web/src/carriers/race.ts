// Which carrier is taken: the best that works, and a blocked one costs a moment only.

import type { Offer, Opened, Opener } from './carrier';

/**
 * The head start of each carrier before the next begins. WebTransport needs three round trips and WebRTC seven, so the second loses
 * nothing by beginning soon; where UDP is closed the WebSocket begins after both, which is less than a person notices.
 */
export const HEAD_STARTS: Readonly<Record<Offer['kind'], number>> = { webtransport: 100, webrtc: 190, websocket: 200 };

/** Nothing is waited for longer than this. */
export const OPEN_WITHIN = 8_000;

/**
 * Opens the offered carriers, best first, each a head start after the one before or at once if that one fails, and gives the
 * first that opens; the others are closed.
 */
export function race(
  offers: readonly Offer[],
  openers: Partial<Record<Offer['kind'], Opener>>,
  headStart: Readonly<Record<Offer['kind'], number>> | number = HEAD_STARTS,
): Promise<Opened> {
  const runners = offers.flatMap((offer) => {
    const open = openers[offer.kind];
    return open === undefined ? [] : [{ offer, open }];
  });
  return new Promise((resolve, reject) => {
    const abort = new AbortController();
    const limit = setTimeout(() => finish(null, new Error('no carrier opened in time')), OPEN_WITHIN);
    let [started, running, isOver] = [0, 0, false];
    let timer: ReturnType<typeof setTimeout> | undefined;

    function finish(opened: Opened | null, error: unknown): void {
      if (isOver) {
        opened?.close();
        return;
      }
      isOver = true;
      clearTimeout(timer);
      clearTimeout(limit);
      if (opened === null) reject(error);
      else resolve(opened);
      abort.abort();
    }

    function next(): void {
      clearTimeout(timer);
      const runner = runners[started];
      if (isOver || runner === undefined) {
        if (running === 0) finish(null, new Error('no carrier could be opened'));
        return;
      }
      started += 1;
      running += 1;
      timer = setTimeout(next, typeof headStart === 'number' ? headStart : headStart[runner.offer.kind]);
      runner.open(runner.offer, abort.signal).then(
        (opened) => finish(opened, null),
        () => {
          running -= 1;
          next();
        },
      );
    }

    next();
  });
}
