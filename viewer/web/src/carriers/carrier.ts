// What moves the protocol's bytes: nothing here knows what they mean.

/** A way to the host that it offers with a ticket. */
export interface Offer {
  kind: 'websocket' | 'webtransport' | 'webrtc';
  port?: number;
  certificates?: string[];
  pass?: string;
}

/** What a carrier tells. `stream` is one of a channel (0 control, 1 input, 2 updates), the one of all (3), or a datagram (4). */
export interface Listener {
  received(stream: number, bytes: Uint8Array): void;
  /** It is over; `refused`: the host did not accept the ticket. With the protocol's close code, if the host gave it. */
  ended(refused: boolean, code: number | null): void;
}

/** A carrier that is open and was admitted. */
export interface Carrier {
  readonly kind: Offer['kind'];
  /** Whether copies of input may go beside the streams. */
  readonly datagram?: (bytes: Uint8Array<ArrayBuffer>) => void;
  /** Whether copies of updates are heard beside the streams. */
  readonly hearsCopies?: boolean;
  /** Bytes given to it that have not left yet. */
  readonly backlog: number;
  send(channel: number, frame: Uint8Array<ArrayBuffer>): void;
  /** After what was sent; nothing is told any more. */
  close(): void;
}

/** A transport that is open, but has not shown the ticket: of several, only the one that is taken shows it. */
export interface Opened {
  admit(ticket: Uint8Array<ArrayBuffer>, listener: Listener): Promise<Carrier> | Carrier;
  close(): void;
}

/** Opens a transport; rejects if that is not possible. One that hears from the host before it is open may say so by `answered`. */
export type Opener = (offer: Offer, signal: AbortSignal, answered: () => void) => Promise<Opened>;
