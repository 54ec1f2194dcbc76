//! One ordered stream of bytes each way, as TLS over TCP has it: all frames follow one another.
//!
//! Owns the stream. Nothing is read ahead of what the connection takes, and no more than one update waits.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use shoji_protocol::{Channel, CloseCode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::outgoing::Outgoing;
use super::{Carrier, Lost, Told};
use crate::limits;

/// Read from a viewer at once; input frames are about 20 bytes, and a TLS record holds no more than this.
const READ: usize = 16 << 10;

/// Frames given to the transport at once: an update and what little may go before it.
const FRAMES: usize = 8;

/// A carrier over a stream.
pub(crate) struct Stream<S> {
    stream: S,
    peer: SocketAddr,
    received: BytesMut,
    outgoing: Outgoing,
    /// What the stream took has also left it.
    flushed: bool,
}

impl<S> Stream<S> {
    /// Of a stream whose viewer has been authenticated.
    pub(crate) fn new(stream: S, peer: SocketAddr) -> Self {
        Self { stream, peer, received: BytesMut::new(), outgoing: Outgoing::default(), flushed: true }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream<S> {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Told, Lost>> {
        self.outgoing.check()?;
        // What a person does goes first.
        if let Poll::Ready(received) = self.poll_read(context) {
            return Poll::Ready(received.map(Told::Shared));
        }
        if self.is_drained() {
            return Poll::Pending;
        }
        ready!(self.poll_write(context)).map_err(Lost::because)?;
        Poll::Ready(Ok(Told::Wrote))
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, Lost>> {
        // A new block only when this one is nearly used up: small frames share one.
        if self.received.capacity() < READ / 16 {
            self.received.reserve(READ);
        }
        // This future keeps nothing between two polls.
        let read = ready!(pin!(self.stream.read_buf(&mut self.received)).poll(context)).map_err(Lost::because)?;
        if read == 0 {
            return Poll::Ready(Err(Lost("the viewer closed the connection".to_owned())));
        }
        Poll::Ready(Ok(self.received.split().freeze()))
    }

    /// Ready when everything has left.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            let mut room = [IoSlice::new(&[]); FRAMES];
            let count = self.outgoing.slices(&mut room);
            let stream = Pin::new(&mut self.stream);
            let written = ready!(stream.poll_write_vectored(context, &room[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.flushed = false;
            self.outgoing.took(written);
        }
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.flushed = true;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Carrier for Stream<S> {
    const NAME: &'static str = "TLS/TCP";
    const HAS_DATAGRAMS: bool = false;

    fn peer(&self) -> SocketAddr {
        self.peer
    }

    fn queue(&mut self, channel: Channel, frame: Bytes) {
        self.outgoing.queue(channel, frame);
    }

    fn is_drained(&self) -> bool {
        self.flushed && self.outgoing.is_empty()
    }

    async fn next(&mut self) -> Result<Told, Lost> {
        poll_fn(|context| self.poll_next(context)).await
    }

    async fn farewell(&mut self, _code: CloseCode) {
        self.outgoing.forget_updates();
        let send = async {
            poll_fn(|context| self.poll_write(context)).await?;
            self.stream.shutdown().await?;
            // A stream that is dropped with bytes unread takes back what is still on its way. So the viewer closes first.
            loop {
                self.received.clear();
                self.received.reserve(READ);
                if self.stream.read_buf(&mut self.received).await? == 0 {
                    return io::Result::Ok(());
                }
            }
        };
        let _ = timeout(limits::FAREWELL, send).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    fn pair(room: usize) -> (Stream<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(room);
        (Stream::new(ours, ([127, 0, 0, 1], 1).into()), theirs)
    }

    #[tokio::test]
    async fn what_the_viewer_sends_comes_before_what_is_written() {
        let (mut carrier, mut viewer) = pair(64);
        carrier.queue(Channel::Control, Bytes::from_static(b"welcome"));
        viewer.write_all(b"hello").await.unwrap();
        let Ok(Told::Shared(bytes)) = carrier.next().await else { panic!("no bytes") };
        assert_eq!(bytes, "hello");
        assert!(!carrier.is_drained() && matches!(carrier.next().await, Ok(Told::Wrote)) && carrier.is_drained());
    }

    #[tokio::test]
    async fn it_is_drained_only_when_the_viewer_made_room_for_all() {
        let (mut carrier, mut viewer) = pair(4);
        carrier.queue(Channel::Updates, Bytes::from_static(b"0123456789"));
        let mut read = Vec::new();
        while !carrier.is_drained() {
            // Dropped again and again while it writes: nothing is lost, nothing is sent twice.
            tokio::select! {
                biased;
                told = carrier.next() => assert!(matches!(told, Ok(Told::Wrote))),
                count = viewer.read_buf(&mut read) => assert!(0 < count.unwrap()),
            }
        }
        drop(carrier);
        viewer.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"0123456789");
    }

    #[tokio::test]
    async fn a_viewer_that_left_is_lost() {
        let (mut carrier, viewer) = pair(4);
        drop(viewer);
        assert!(carrier.next().await.is_err());
    }

    #[tokio::test]
    async fn a_farewell_leaves_whole_frames_and_no_update_that_was_not_begun() {
        let (mut carrier, mut viewer) = pair(4);
        carrier.queue(Channel::Updates, Bytes::from_static(b"012345"));
        tokio::select! {
            biased;
            _ = carrier.next() => panic!("there is no room"),
            () = tokio::task::yield_now() => {}
        }
        carrier.queue(Channel::Updates, Bytes::from_static(b"later"));
        carrier.queue(Channel::Control, Bytes::from_static(b"close"));
        let mut read = Vec::new();
        let bye = carrier.farewell(CloseCode::Normal);
        let reads = async {
            viewer.read_to_end(&mut read).await.unwrap();
            drop(viewer);
        };
        tokio::join!(bye, reads);
        assert_eq!(read, b"012345close");
    }
}
