// WebSocket over TLS: all channels one after the other. It works wherever the page itself could be fetched.

import type { Carrier, Listener, Offer, Opened } from './carrier';

/** The host closes with this code when the ticket is not good. */
const TICKET_REFUSED = 4401;

/** A session ends with the protocol's close code, at most two digits, added to this. */
const CODES_FROM = 4000;

/** Most bytes of one message to the host. */
const MAX_MESSAGE = 16 * 1024;

/** Most bytes of one message of the host. */
const MAX_RECEIVED = 64 * 1024;

/** All channels come on one stream. */
const ALL = 3;

export function openWebSocket(_offer: Offer, signal: AbortSignal): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const address = new URL('session', location.origin + '/');
    address.protocol = address.protocol === 'http:' ? 'ws:' : 'wss:';
    const socket = new WebSocket(address, 'shoji.1');
    socket.binaryType = 'arraybuffer';
    let isOpen = false;
    signal.addEventListener('abort', () => isOpen || socket.close());
    socket.onclose = () => reject(new Error('the WebSocket did not open'));
    socket.onopen = () => {
      isOpen = true;
      resolve({ admit: (ticket, listener) => admit(socket, ticket, listener), close: () => socket.close() });
    };
  });
}

function admit(socket: WebSocket, ticket: Uint8Array<ArrayBuffer>, listener: Listener): Carrier {
  let isOver = false;
  socket.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (isOver) return;
    if (data instanceof ArrayBuffer && data.byteLength <= MAX_RECEIVED) listener.received(ALL, new Uint8Array(data));
    else socket.close();
  };
  socket.onclose = ({ code }) => {
    const isOurs = CODES_FROM <= code && code < CODES_FROM + 100;
    if (!isOver) listener.ended(code === TICKET_REFUSED, isOurs ? code - CODES_FROM : null);
    isOver = true;
  };
  if (socket.readyState === WebSocket.OPEN) socket.send(ticket);
  else queueMicrotask(() => listener.ended(false, null));
  // Frames that are made together leave together: a message each would cost the host a read each.
  let waiting: Uint8Array[] = [];
  let size = 0;
  const flush = () => {
    if (size === 0) return;
    const message = new Uint8Array(size);
    waiting.reduce((at, frame) => (message.set(frame, at), at + frame.length), 0);
    [waiting, size] = [[], 0];
    if (socket.readyState === WebSocket.OPEN) socket.send(message);
  };
  return {
    kind: 'websocket',
    get backlog() {
      return socket.bufferedAmount;
    },
    send(_channel, frame) {
      if (size + frame.length > MAX_MESSAGE) flush();
      if (size === 0) queueMicrotask(flush);
      waiting.push(frame);
      size += frame.length;
    },
    close() {
      isOver = true;
      flush();
      socket.close(1000);
    },
  };
}
