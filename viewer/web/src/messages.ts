// What the page and its worker say to each other. The worker has the network, the core and the pixels; the page has the person.

/** What a session is shown in: physical pixels, 1/120 per page pixel, mHz. */
export interface Viewport {
  width: number;
  height: number;
  scale: number;
  rate: number;
}

/** The keys that lock, as browsers name them and in the core's order. */
export const LOCKS = ['CapsLock', 'NumLock'] as const;
export type Lock = (typeof LOCKS)[number];

/** Something that a person did. Places are in physical pixels of a canvas. */
export type Input =
  | { kind: 'key'; code: number; pressed: boolean }
  | { kind: 'motion'; canvas: number; x: number; y: number }
  | { kind: 'relative'; dx: number; dy: number }
  | { kind: 'button'; button: number; pressed: boolean }
  | { kind: 'leave' }
  | { kind: 'lock'; lock: Lock; on: boolean }
  | { kind: 'wheel'; horizontal: number; vertical: number; finger: boolean }
  | { kind: 'touch'; finger: number; phase: number; canvas: number; x: number; y: number }
  | { kind: 'focus'; canvas: number | null }
  | { kind: 'commit'; text: string }
  | { kind: 'preedit'; text: string; from: number; to: number };

/** Where typed text goes. */
export type TextPlace =
  | { kind: 'nowhere' }
  | { kind: 'secret' }
  | { kind: 'field'; canvas: number; field: number; caret: { x: number; y: number; width: number; height: number } | null };

/** Why there is no session, and none is tried for. */
export type End =
  | { kind: 'closed'; code: number }
  | { kind: 'unreachable' }
  | { kind: 'version' }
  | { kind: 'refused' }
  | { kind: 'revoked' }
  | { kind: 'expired' }
  | { kind: 'lost' }
  | { kind: 'busy' }
  | { kind: 'fault' }
  | { kind: 'unsupported' };

/** Why a request to be enrolled came to nothing. */
export type Trouble = 'busy' | 'name' | 'unreachable' | 'refused';

/** Where the connection stands. `unenrolled`: an earlier request was refused or ran out, or the enrolment has expired. */
export type State =
  | { kind: 'starting' }
  | { kind: 'enrol'; trouble: Trouble | null }
  | { kind: 'unenrolled'; why: 'gone' | 'expired'; trouble: Trouble | null }
  | { kind: 'waiting'; code: string; name: string }
  | { kind: 'connecting' }
  | { kind: 'preparing' }
  | { kind: 'attached' }
  | { kind: 'silent' }
  | { kind: 'reconnecting'; attempt: number }
  | { kind: 'ended'; end: End };

/** What the details show; `null`: not known yet. Milliseconds, bits a second. */
export interface Figures {
  roundTrip: number | null;
  frames: number;
  bandwidth: number;
  echo: [number, number] | null;
  /** Bytes of updates that a copy brought where a packet was lost, in this connection. */
  spliced: number;
  carrier: string | null;
  /** The host is reached over TCP, and over UDP it was not. */
  udpSeemsClosed: boolean;
  device: string | null;
  video: boolean;
}

export type ToWorker =
  | { kind: 'start'; locale: 'ja' | 'en'; jis: boolean; touch: boolean; viewport: Viewport }
  | { kind: 'enrol'; name: string }
  | { kind: 'again' }
  | { kind: 'surface'; surface: number; canvas: OffscreenCanvas }
  | { kind: 'input'; event: Input; at: number }
  | { kind: 'resize'; canvas: number; viewport: Viewport }
  | { kind: 'close'; canvas: number }
  | { kind: 'depart'; ends: boolean }
  | { kind: 'details'; open: boolean };

export type ToPage =
  | { kind: 'state'; state: State }
  | { kind: 'opened'; surface: number; canvas: number; window: boolean; parent: number | null; width: number; height: number }
  | { kind: 'closed'; surface: number }
  | { kind: 'sized'; surface: number; width: number; height: number }
  | { kind: 'shown'; surface: number }
  | { kind: 'window'; surface: number; state: number }
  | { kind: 'cursor'; shape: number }
  | { kind: 'pointer'; url: Blob; x: number; y: number }
  | { kind: 'lock'; surface: number; locked: boolean }
  | { kind: 'place'; place: TextPlace }
  | { kind: 'notice'; notice: number }
  /** The session is back, and what was done just before its connection was lost may not have arrived. */
  | { kind: 'may-lack-input' }
  | { kind: 'novideo' }
  | { kind: 'figures'; figures: Figures }
  /** A connection by WebRTC is wanted; what it says goes through the port. */
  | { kind: 'peer'; port: MessagePort };
