// WebRTC: one data channel that repairs nothing and keeps no order, and above it the core's reliable channels, because WebRTC's own
// repair takes a second. The page holds the connection, for a worker has none; everything else is here.

import type { Core } from '../core';
import type { FromPeer, ToPeer } from '../peer';
import type { Carrier, Listener, Offer, Opened, Opener } from './carrier';

/** The host closes with this code when the ticket is not good. */
const TICKET_REFUSED = 4401;

/** A session ends with the protocol's close code, at most two digits, added to this. */
const CODES_FROM = 4000;

/** The channel on which the ticket goes. */
const CONTROL = 0;

/** Opens with the page's help: `connect` gives the port of a new connection there. */
export const openWebRtc =
  (core: Core, connect: () => MessagePort): Opener =>
  (offer, signal, answered) =>
    new Promise<Opened>((resolve, reject) => {
      const port = connect();
      const tell = (message: ToPeer, transfer: Transferable[] = []) => port.postMessage(message, transfer);
      let isOpen = false;
      const fail = () => {
        tell({ kind: 'close' });
        reject(new Error('WebRTC did not open'));
      };
      signal.addEventListener('abort', () => isOpen || fail());
      port.onmessage = ({ data }: MessageEvent<FromPeer>) => {
        if (data instanceof ArrayBuffer) return;
        if (data.kind === 'offer') {
          answer(offer, data.sdp, signal).then((sdp) => tell({ kind: 'answer', sdp }), fail);
        } else if (data.kind === 'answered') {
          answered();
        } else if (data.kind === 'open') {
          isOpen = true;
          resolve({ admit: (ticket, listener) => admit(core, port, ticket, listener), close: () => tell({ kind: 'close' }) });
        } else fail();
      };
    });

/** The host's answer to the page's offer. */
async function answer(offer: Offer, sdp: string, signal: AbortSignal): Promise<string> {
  const headers = { 'content-type': 'application/sdp', authorization: `Bearer ${offer.pass ?? ''}` };
  const init: RequestInit = { method: 'POST', headers, body: sdp, credentials: 'omit', cache: 'no-store', redirect: 'error', signal };
  const response = await fetch(new URL('api/peer', location.origin + '/'), init);
  if (!response.ok) throw new Error('the host takes no WebRTC');
  return await response.text();
}

function admit(core: Core, port: MessagePort, ticket: Uint8Array<ArrayBuffer>, listener: Listener): Carrier {
  let isOver = false;
  let isPumped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tell = (message: ToPeer, transfer: Transferable[] = []) => port.postMessage(message, transfer);
  const end = (code: number | null) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    tell({ kind: 'close' });
    const isOurs = code !== null && CODES_FROM <= code && code < CODES_FROM + 100;
    listener.ended(code === TICKET_REFUSED, isOurs ? code - CODES_FROM : null);
  };

  function leave(): void {
    for (let packet = core.linePacket(); packet !== null; packet = core.linePacket()) tell(packet.buffer, [packet.buffer]);
  }

  /** What came is passed on, and what is to be sent now is sent. */
  function pump(): void {
    isPumped = false;
    for (let read = core.lineRead(); read !== null && !isOver; read = core.lineRead()) listener.received(read.channel, read.bytes);
    if (isOver) return;
    leave();
    const code = core.lineEnded();
    if (code !== null) return end(code);
    clearTimeout(timer);
    const wait = core.lineWait();
    if (wait !== null) timer = setTimeout(due, wait);
  }

  function due(): void {
    core.lineDue();
    pump();
  }

  /** Frames that are made together leave together. */
  function soon(): void {
    if (isPumped) return;
    isPumped = true;
    queueMicrotask(() => isOver || pump());
  }

  function write(channel: number, bytes: Uint8Array): void {
    // The host has taken nothing for as long as it takes a person to fill this.
    if (core.lineWrite(channel, bytes) < bytes.length) queueMicrotask(() => end(null));
    soon();
  }

  core.lineBegin();
  port.onmessage = ({ data }: MessageEvent<FromPeer>) => {
    if (isOver) return;
    if (!(data instanceof ArrayBuffer)) {
      if (data.kind === 'closed') end(null);
    } else if (core.lineReceive(new Uint8Array(data))) pump();
    else end(null);
  };
  write(CONTROL, ticket);

  return {
    kind: 'webrtc',
    get backlog() {
      return core.lineWaiting();
    },
    send: write,
    close() {
      if (isOver) return;
      core.lineEnd(0);
      leave();
      isOver = true;
      clearTimeout(timer);
      tell({ kind: 'close' });
    },
  };
}
