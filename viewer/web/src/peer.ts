// The page's part of WebRTC: the connection itself, which a worker cannot have. Packets go through as they are.

/** What the worker tells; a buffer is a packet. */
export type ToPeer = { kind: 'answer'; sdp: string } | { kind: 'close' } | ArrayBuffer;

/** What the worker is told; a buffer is a packet. */
export type FromPeer = { kind: 'offer'; sdp: string } | { kind: 'answered' } | { kind: 'open' } | { kind: 'closed' } | ArrayBuffer;

/** The data channel's number: agreed with the host. */
const CHANNEL = 0;

/** Packets in the browser's queue: more would only be old when they leave. What is dropped is sent again. */
const MAX_BUFFERED = 128 * 1024;

/** What was said last may take so long to leave before the connection is closed anyway. */
const FAREWELL = 500;

/** Makes an offer, and serves the port until one of both sides closes. */
export function servePeer(port: MessagePort): void {
  const tell = (message: FromPeer, transfer: Transferable[] = []) => port.postMessage(message, transfer);
  let peer: RTCPeerConnection;
  let channel: RTCDataChannel;
  try {
    // No server is asked for addresses: the host's own is in its answer.
    peer = new RTCPeerConnection({ iceServers: [] });
    channel = peer.createDataChannel('shoji', { negotiated: true, id: CHANNEL, ordered: false, maxRetransmits: 0 });
  } catch {
    // A browser without WebRTC, or one whose owner forbids it.
    tell({ kind: 'closed' });
    return port.close();
  }
  let isOver = false;
  const close = (wait: number) => {
    if (isOver) return;
    isOver = true;
    channel.close();
    setTimeout(() => peer.close(), wait);
    tell({ kind: 'closed' });
    // Else the connection would be kept for as long as the page is.
    port.close();
  };
  channel.binaryType = 'arraybuffer';
  channel.onopen = () => tell({ kind: 'open' });
  channel.onclose = () => close(0);
  channel.onmessage = ({ data }: MessageEvent<unknown>) => (data instanceof ArrayBuffer ? tell(data, [data]) : close(0));
  // Packets pass both ways; keys are still to be agreed on.
  peer.oniceconnectionstatechange = () => {
    if (peer.iceConnectionState === 'connected') tell({ kind: 'answered' });
  };
  peer.onconnectionstatechange = () => {
    if (peer.connectionState === 'failed') close(0);
  };
  port.onmessage = ({ data }: MessageEvent<ToPeer>) => {
    if (data instanceof ArrayBuffer) {
      if (channel.readyState === 'open' && channel.bufferedAmount < MAX_BUFFERED) channel.send(data);
    } else if (data.kind === 'answer') {
      peer.setRemoteDescription({ type: 'answer', sdp: data.sdp }).catch(() => close(0));
    } else close(FAREWELL);
  };
  const offer = async () => {
    await peer.setLocalDescription();
    tell({ kind: 'offer', sdp: peer.localDescription?.sdp ?? '' });
  };
  offer().catch(() => close(0));
}
