// The worker: from "this device may connect" to pixels on the page's canvases, and again when the connection is lost.
//
// Owns the order of those things, the one core, and the pauses between tries. The page hears of it as states.

import coreAddress from './generated/core.wasm?url';
import { Access, type Refusal } from './access';
import type { Carrier, Listener, Opened, Opener } from './carriers/carrier';
import { OPEN_WITHIN, race } from './carriers/race';
import { openWebRtc } from './carriers/webrtc';
import { openWebSocket } from './carriers/websocket';
import { openWebTransport } from './carriers/webtransport';
import { Capability, Core, Next, type CoreEvent, type How } from './core';
import { CloseCode, endOf, endsEnrolment, leavesSession, passes } from './ends';
import { Counter } from './figures';
import type { End, State, ToPage, ToWorker, Trouble } from './messages';
import { Surface } from './painter';
import { canDecode, Video } from './video';

/** First pause before trying again, doubled each time, and the longest: as the native viewer's. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 2_000;

/** How often a first connection is tried before the person is asked, and how long a lost one is. */
const ATTEMPTS = 3;
const PATIENCE = 300_000;

/** How often to ask whether the administrator approved; then ever more seldom. */
const ASK_FIRST = 2_000;
const ASK_SELDOM = 10_000;

/** Most bytes that wait while a picture is decoded: twice what the protocol lets be in flight. */
const MAX_WAITING = 4 * 16 * 1024 * 1024;

/** The details are refreshed this often. */
const DETAILS_EVERY = 500;

const post = (message: ToPage, transfer: Transferable[] = []) => (self as unknown as Worker).postMessage(message, transfer);
const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** The port of a new connection by WebRTC, which the page holds. */
function connectPeer(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  post({ kind: 'peer', port: port2 }, [port2]);
  return port1;
}

type Start = Extract<ToWorker, { kind: 'start' }>;

class Viewer {
  private readonly access = new Access();
  private readonly surfaces = new Map<number, Surface>();
  private readonly video = new Video();
  private counter = new Counter();
  private hasVideo = false;
  private token: Uint8Array | null = null;
  private carrier: Carrier | null = null;
  /** The connection is over TCP, although the host offered another. */
  private udpSeemsClosed = false;
  private attached = false;
  /** What was done just before the last connection was lost may not have arrived. */
  private mayLackInput = false;
  private silent = false;
  private nextSurface = 1;
  /** What came while a picture is decoded. */
  private waiting: { stream: number; bytes: Uint8Array }[] = [];
  private waitingBytes = 0;
  private isDecoding = false;
  /** Counts connections: what was begun in an earlier one is of no use in the next. */
  private generation = 0;
  /** Counts the pointer's looks, of which pictures take a moment. */
  private looks = 0;
  /** The person ended the session while there was no connection. */
  private leaves = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private details: ReturnType<typeof setInterval> | undefined;
  private finish: (end: End) => void = () => undefined;
  private wake: () => void = () => undefined;
  private wishes: { name: string } | null = null;

  constructor(
    private readonly core: Core,
    private readonly start: Start,
  ) {}

  /** Never returns. */
  async run(): Promise<void> {
    this.hasVideo = await canDecode();
    if (!this.hasVideo) post({ kind: 'novideo' });
    let wasTurnedAway = false;
    for (;;) {
      const wasKnown = await this.enrolled();
      // A host that contradicts itself must not be asked without a pause.
      if (wasTurnedAway && wasKnown) await sleep(ASK_FIRST);
      const end = await this.sessions();
      if (!leavesSession(end)) this.token = null;
      // The device is to be enrolled again: that is all that its person can do.
      wasTurnedAway = endsEnrolment(end);
      if (wasTurnedAway) continue;
      this.tell({ kind: 'ended', end });
      await this.woken();
    }
  }

  private tell(state: State): void {
    post({ kind: 'state', state });
  }

  /** Until the person asks for something. */
  private woken(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }

  /**
   * Until this device is one that may connect; gives whether it was one already. The host is asked to enrol it only when the person asks
   * for that.
   */
  private async enrolled(): Promise<boolean> {
    let wasKnown = true;
    let trouble: Trouble | null = null;
    let why: Extract<State, { kind: 'unenrolled' }>['why'] | null = null;
    for (;;) {
      if (trouble === null && (await this.access.isKnown())) {
        const stands = await this.access.challenge();
        if ('ok' in stands) return wasKnown;
        wasKnown = false;
        if (stands.code !== undefined) {
          await this.approved(stands.code);
          continue;
        }
        if (stands.refused !== 'unknown' && stands.refused !== 'expired') return true;
        why = stands.refused === 'expired' ? 'expired' : this.access.hasAsked ? 'gone' : null;
      }
      this.tell(why === null ? { kind: 'enrol', trouble } : { kind: 'unenrolled', why, trouble });
      await this.woken();
      if (this.wishes === null) continue;
      const asked = await this.access.enrol(this.wishes.name);
      this.wishes = null;
      if ('refused' in asked) {
        const { refused } = asked;
        trouble = refused === 'busy' || refused === 'name' || refused === 'unreachable' ? refused : 'refused';
        continue;
      }
      trouble = null;
      if (asked.ok !== null) await this.approved(asked.ok);
    }
  }

  /** Until the administrator approved or refused, or the request ran out. */
  private async approved(code: string): Promise<void> {
    this.tell({ kind: 'waiting', code, name: this.access.name });
    for (let pause = ASK_FIRST; ; pause = Math.min(pause * 1.2, ASK_SELDOM)) {
      await sleep(pause);
      const answer = await this.access.challenge();
      if ('ok' in answer) return;
      if (answer.refused === 'revoked' || answer.refused === 'expired' || answer.refused === 'unknown') return;
    }
  }

  /** Connects until there is a session, and again when it is lost, as long as that makes sense. */
  private async sessions(): Promise<End> {
    let [attempt, pause] = [0, FIRST_PAUSE];
    this.leaves = false;
    let lost: number | null = null;
    for (;;) {
      attempt += 1;
      this.tell(lost === null ? { kind: 'connecting' } : { kind: 'reconnecting', attempt });
      const end = await this.once();
      const wasAttached = this.attached;
      this.attached = false;
      if (this.leaves) return endOf(CloseCode.sessionEnded);
      if (wasAttached) [attempt, pause, lost] = [0, FIRST_PAUSE, performance.now()];
      const givesUp = lost === null ? attempt >= ATTEMPTS : performance.now() - lost > PATIENCE;
      if (!passes(end) || givesUp) return end;
      // The first try after a loss is immediate.
      if (wasAttached) continue;
      await Promise.race([sleep(pause), this.woken()]);
      if (this.leaves) return endOf(CloseCode.sessionEnded);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  /** One connection, from ticket to end. */
  private async once(): Promise<End> {
    const challenge = await this.access.challenge();
    if ('refused' in challenge) return refusal(challenge.refused);
    const ticket = await this.access.ticket(challenge.ok);
    if ('refused' in ticket) return refusal(ticket.refused);
    let carrier: Carrier;
    const ended = new Promise<End>((resolve) => (this.finish = resolve));
    const listener: Listener = {
      received: (stream, bytes) => this.received(stream, bytes),
      // The host's last message may still wait behind a picture; the carrier carries its number too.
      ended: (refused, code) => this.finish(code !== null ? endOf(code) : { kind: refused ? 'unreachable' : 'lost' }),
    };
    const unreachable: End = { kind: 'unreachable' };
    let opened: Opened | null = null;
    let peerAnswered = false;
    const webrtc: Opener = (offer, signal, answered) =>
      openWebRtc(this.core, connectPeer)(offer, signal, () => {
        peerAnswered = true;
        answered();
      });
    try {
      opened = await race(ticket.ok.offers, { webtransport: openWebTransport, webrtc, websocket: openWebSocket });
      const admitted = Promise.resolve(opened.admit(ticket.ok.ticket, listener)).then((carrier) => ({ carrier }));
      // A host may grant no stream, or be gone by now; then nothing else would ever happen.
      const failed = Promise.race([ended, sleep(OPEN_WITHIN).then(() => unreachable)]).then((end) => ({ end }));
      const outcome = await Promise.race([admitted, failed]);
      if ('end' in outcome) {
        opened.close();
        return outcome.end;
      }
      carrier = outcome.carrier;
    } catch {
      opened?.close();
      return unreachable;
    }
    this.carrier = carrier;
    const hasTransport = ticket.ok.offers.some(({ kind }) => kind === 'webtransport') && typeof WebTransport !== 'undefined';
    // WebRTC alone proves nothing: in a browser that has just been started the WebSocket may be faster than its first packet.
    this.udpSeemsClosed = carrier.kind === 'websocket' && hasTransport && !peerAnswered;
    const { pointerLock, touch, cursorImage, inputCopies, updateCopies, h264 } = Capability;
    const capabilities =
      pointerLock |
      cursorImage |
      (this.start.touch ? touch : 0) |
      (carrier.datagram ? inputCopies : 0) |
      (carrier.hearsCopies ? updateCopies : 0) |
      (this.hasVideo ? h264 : 0);
    const how: How = this.token === null ? { kind: 'own' } : { kind: 'resume', token: this.token };
    this.core.connect(how, capabilities, this.start.locale, this.start.jis, this.start.viewport);
    this.flush();
    const end = await ended;
    // In a session that is over for good there is nothing to look for.
    this.mayLackInput = passes(end) && (this.mayLackInput || this.core.isInputUnconfirmed());
    this.flush();
    clearTimeout(this.timer);
    carrier.close();
    this.carrier = null;
    this.reset();
    return end;
  }

  private reset(): void {
    [this.waiting, this.waitingBytes, this.silent] = [[], 0, false];
    [this.generation, this.isDecoding] = [this.generation + 1, false];
    this.video.forget(null);
    this.surfaces.clear();
    this.counter = new Counter();
  }

  private received(stream: number, bytes: Uint8Array): void {
    if (this.isDecoding) {
      this.waiting.push({ stream, bytes });
      this.waitingBytes += bytes.length;
      if (this.waitingBytes > MAX_WAITING) {
        this.core.close(CloseCode.hostTooFast);
        // The core has its say only when the picture is decoded; nothing more is kept until then.
        this.waiting = [];
        this.finish(endOf(CloseCode.hostTooFast));
      }
      return;
    }
    this.core.receive(stream, bytes);
    this.drain();
  }

  /** Takes all that came, up to a picture that has to be decoded first. */
  private drain(): void {
    for (;;) {
      const { next, event } = this.core.step();
      if (event !== null) this.happened(event);
      if (next === Next.nothing || next === Next.waiting || this.isDecoding) break;
    }
    this.flush();
  }

  /** Sends what is to be sent, and sets the clock. After every call of the core. */
  private flush(): void {
    const { carrier } = this;
    if (carrier === null) return;
    this.core.flush((channel, frame) => carrier.send(channel, frame), carrier.datagram);
    if (this.attached && this.silent !== this.core.isSilent()) {
      this.silent = !this.silent;
      this.tell({ kind: this.silent ? 'silent' : 'attached' });
    }
    clearTimeout(this.timer);
    const wait = this.core.wait();
    if (wait !== null) {
      this.timer = setTimeout(() => {
        this.core.due();
        this.drain();
      }, Math.min(wait, 60_000));
    }
  }

  private happened(event: CoreEvent): void {
    switch (event.kind) {
      case 'attached':
        this.token = event.token;
        this.attached = true;
        this.mayLackInput &&= event.resumed;
        this.tell({ kind: 'preparing' });
        // Where each channel has a stream of its own, pictures may be here before this word.
        for (const surface of this.surfaces.values()) if (surface.hasPicture) this.shown(surface);
        break;
      case 'opened': {
        const surface = new Surface(this.nextSurface, event.canvas);
        this.nextSurface += 1;
        this.surfaces.set(event.canvas, surface);
        const { canvas, window, parent, width, height } = event;
        post({ kind: 'opened', surface: surface.number, canvas, window, parent, width, height });
        break;
      }
      case 'closed-canvas': {
        const surface = this.surfaces.get(event.canvas);
        if (surface !== undefined) post({ kind: 'closed', surface: surface.number });
        this.surfaces.delete(event.canvas);
        this.video.forget(event.canvas);
        break;
      }
      case 'updated':
        this.updated(event);
        break;
      case 'picture':
        void this.decode(event);
        break;
      case 'window': {
        const surface = this.surfaces.get(event.canvas);
        if (surface !== undefined) post({ kind: 'window', surface: surface.number, state: event.state });
        break;
      }
      case 'lock': {
        const surface = this.surfaces.get(event.canvas);
        if (surface !== undefined) post({ kind: 'lock', surface: surface.number, locked: event.locked });
        break;
      }
      case 'cursor':
        this.looks += 1;
        post({ kind: 'cursor', shape: event.shape });
        break;
      case 'pointer':
        void this.pointer(event);
        break;
      case 'place':
        post({ kind: 'place', place: event.place });
        break;
      case 'notice':
        post({ kind: 'notice', notice: event.notice });
        break;
      case 'ended':
        this.finish(endOf(event.code));
        break;
    }
  }

  private updated(event: Extract<CoreEvent, { kind: 'updated' }>): void {
    const surface = this.surfaces.get(event.canvas);
    if (surface === undefined) return;
    const isNew = surface.isNew(event.width, event.height);
    surface.paint(this.core, event.width, event.height, event.areas);
    // Shown with the next picture of the screen. To wait for that would halve the speed: the host thinks meanwhile.
    this.core.presented(event.canvas, event.update);
    this.counter.presented(event.input, event.bytes, performance.now());
    if (isNew) post({ kind: 'sized', surface: surface.number, width: event.width, height: event.height });
    if (surface.first() && this.attached) this.shown(surface);
  }

  private shown(surface: Surface): void {
    post({ kind: 'shown', surface: surface.number });
    this.tell({ kind: this.silent ? 'silent' : 'attached' });
    // Once the picture is there in which they can look whether it is.
    if (this.mayLackInput) post({ kind: 'may-lack-input' });
    this.mayLackInput = false;
  }

  private async decode(event: Extract<CoreEvent, { kind: 'picture' }>): Promise<void> {
    this.isDecoding = true;
    const { generation } = this;
    let next: CoreEvent | null = null;
    try {
      const { canvas, stream, begins, unit, key, width, height } = event;
      const { bytes, layout } = await this.video.decode(canvas, stream, begins, unit, key, width, height);
      if (generation === this.generation) next = this.core.picture(bytes, layout);
    } catch (error) {
      if (generation === this.generation) {
        console.warn('H.264 cannot be decoded here', error);
        // Without video from now on, by a connection that says so; the picture is on the screen meanwhile.
        this.hasVideo = false;
        post({ kind: 'novideo' });
        this.core.picture(null);
        this.isDecoding = false;
        this.finish({ kind: 'lost' });
      }
    }
    if (generation !== this.generation) return;
    this.isDecoding = false;
    if (next !== null) this.happened(next);
    if (this.isDecoding) return;
    const { waiting } = this;
    [this.waiting, this.waitingBytes] = [[], 0];
    this.drain();
    for (const { stream, bytes } of waiting) this.received(stream, bytes);
    this.flush();
  }

  private async pointer({ width, height, x, y, rgba }: Extract<CoreEvent, { kind: 'pointer' }>): Promise<void> {
    this.looks += 1;
    const look = this.looks;
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext('2d')?.putImageData(new ImageData(rgba, width, height), 0, 0);
    const url = await canvas.convertToBlob({ type: 'image/png' });
    if (look === this.looks) post({ kind: 'pointer', url, x, y });
  }

  /** Gives the network back, after a fault that nobody foresaw. */
  abandon(): void {
    clearTimeout(this.timer);
    clearInterval(this.details);
    this.carrier?.close();
    this.carrier = null;
  }

  private tellFigures(): void {
    this.core.ping();
    this.flush();
    const { carrier } = this;
    const figures = this.counter.at(performance.now());
    const roundTrip = this.core.roundTrip();
    post({
      kind: 'figures',
      figures: {
        ...figures,
        roundTrip,
        spliced: this.core.spliced(),
        carrier: carrier?.kind ?? null,
        udpSeemsClosed: this.udpSeemsClosed,
        device: this.access.device ?? this.access.name,
        video: this.hasVideo,
      },
    });
  }

  heard(message: ToWorker): void {
    switch (message.kind) {
      case 'enrol':
        this.wishes = { name: message.name };
        this.wake();
        break;
      case 'again':
        this.wake();
        break;
      case 'surface':
        for (const surface of this.surfaces.values()) {
          if (surface.number === message.surface) surface.attach(message.canvas, this.core);
        }
        break;
      case 'input': {
        if (!this.attached) break;
        const place = this.core.input(message.event);
        if (isEchoed(message)) this.counter.sent(place, message.at - performance.timeOrigin);
        this.flush();
        break;
      }
      case 'resize':
        this.start.viewport = message.viewport;
        if (this.attached) {
          this.core.resize(message.canvas, message.viewport);
          this.flush();
        }
        break;
      case 'close':
        this.core.closeCanvas(message.canvas);
        this.flush();
        break;
      case 'depart':
        if (this.attached) {
          this.core.depart(message.ends);
          this.flush();
        } else {
          this.leaves = true;
          this.finish(endOf(CloseCode.sessionEnded));
          this.wake();
        }
        break;
      case 'details':
        clearInterval(this.details);
        if (message.open) {
          this.tellFigures();
          this.details = setInterval(() => this.tellFigures(), DETAILS_EVERY);
        }
        break;
      case 'start':
        break;
    }
  }
}

/** Whether a person expects to see something of it. */
const isEchoed = ({ event }: Extract<ToWorker, { kind: 'input' }>): boolean =>
  (event.kind === 'key' && event.pressed) || event.kind === 'commit' || event.kind === 'preedit' || (event.kind === 'button' && event.pressed);

function refusal(refused: Refusal): End {
  switch (refused) {
    case 'unreachable':
      return { kind: 'unreachable' };
    case 'revoked':
      return { kind: 'revoked' };
    case 'expired':
      return { kind: 'expired' };
    case 'busy':
      return { kind: 'busy' };
    case 'unknown':
    case 'waiting':
      return { kind: 'refused' };
    case 'name':
    case 'other':
      return { kind: 'fault' };
  }
}

let viewer: Viewer | null = null;
let early: ToWorker[] = [];
/** With what to begin again after a fault, if the person wishes. */
let failed: Start | null = null;

async function begin(start: Start): Promise<void> {
  failed = null;
  try {
    const response = await fetch(coreAddress);
    viewer = new Viewer(await Core.load(await response.arrayBuffer()), start);
    early.forEach((message) => viewer?.heard(message));
    early = [];
    await viewer.run();
  } catch (error) {
    // A core that failed is not called again: its memory may be in any state.
    console.error(error);
    viewer?.abandon();
    [viewer, failed] = [null, start];
    post({ kind: 'state', state: { kind: 'ended', end: { kind: 'fault' } } });
  }
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === 'start') void begin(data);
  else if (failed !== null) {
    if (data.kind === 'again') void begin(failed);
  }
  else if (viewer === null) early = [...early, data].slice(-64);
  else viewer.heard(data);
};
