//! The UDP socket that QUIC and WebRTC share.
//!
//! Owns nothing but the sorting: packets of WebRTC go to [`Peers`], all others to QUIC, which does not see the difference. Must
//! never change a packet.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

use super::peers::{Peers, is_peers};

/// QUIC's view of the socket.
pub struct SharedSocket {
    socket: Arc<dyn AsyncUdpSocket>,
    peers: Arc<Peers>,
}

impl SharedSocket {
    /// Gives the peers a socket to send through, and sorts what comes.
    pub fn new(socket: Arc<dyn AsyncUdpSocket>, peers: Arc<Peers>) -> Self {
        peers.send_through(socket.clone());
        Self { socket, peers }
    }
}

impl fmt::Debug for SharedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSocket").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl AsyncUdpSocket for SharedSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.socket.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.try_send(transmit)
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(self.socket.poll_recv(context, buffers, metas))?;
        for (buffer, meta) in buffers.iter().zip(metas.iter_mut()).take(count) {
            let Some(packets) = buffer.get(..meta.len) else { continue };
            // Several of one sender and of one length may come together. One that mixes both kinds gains nothing: QUIC drops what
            // is not its own.
            if is_peers(packets) {
                for packet in packets.chunks(meta.stride.max(1)) {
                    self.peers.deliver(meta.addr, meta.dst_ip, packet);
                }
                meta.len = 0;
            }
        }
        Poll::Ready(Ok(count))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.socket.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}
