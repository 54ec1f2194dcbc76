//! Messages in both directions, as a WebSocket has them: each is a piece of the stream of all frames.
//!
//! Owns how frames are cut into messages. One message is given to the socket at a time, so that what comes later may go first.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use shoji_protocol::{Channel, CloseCode};
use tokio::time::timeout;

use super::outgoing::Outgoing;
use super::{Carrier, Lost, Told};
use crate::limits;

/// What moves messages to one viewer and back.
pub(crate) trait Socket: Send {
    /// What it is called in logs.
    const NAME: &'static str;

    /// The viewer's next message, of a length that the socket bounds; `None`: the viewer closed.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Lost>>>;

    /// Ready when the socket takes a message.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>>;

    /// Takes a message; only after [`poll_ready`](Self::poll_ready).
    fn send(&mut self, message: Bytes) -> Result<(), Lost>;

    /// Ready when all messages went into the transport.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>>;

    /// Says the code in the socket's own way, and is ready when the viewer has closed too.
    fn poll_close(&mut self, code: CloseCode, context: &mut Context<'_>) -> Poll<()>;
}

/// A carrier over messages.
pub(crate) struct Messages<S> {
    socket: S,
    peer: SocketAddr,
    outgoing: Outgoing,
    flushed: bool,
}

impl<S: Socket> Messages<S> {
    /// Of a socket whose viewer has been authenticated.
    pub(crate) fn new(socket: S, peer: SocketAddr) -> Self {
        Self { socket, peer, outgoing: Outgoing::default(), flushed: true }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Told, Lost>> {
        self.outgoing.check()?;
        // What a person does goes first.
        if let Poll::Ready(message) = self.socket.poll_receive(context) {
            let closed = || Err(Lost("the viewer closed the connection".to_owned()));
            return Poll::Ready(message.unwrap_or_else(closed).map(Told::Shared));
        }
        if self.is_drained() {
            return Poll::Pending;
        }
        ready!(self.poll_write(context))?;
        Poll::Ready(Ok(Told::Wrote))
    }

    /// Ready when everything has left.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        loop {
            if !self.flushed {
                ready!(self.socket.poll_flush(context))?;
                self.flushed = true;
            }
            if self.outgoing.is_empty() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.socket.poll_ready(context))?;
            if let Some(message) = self.outgoing.take(limits::MESSAGE) {
                self.flushed = false;
                self.socket.send(message)?;
            }
        }
    }
}

impl<S: Socket> Carrier for Messages<S> {
    const NAME: &'static str = S::NAME;
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

    async fn farewell(&mut self, code: CloseCode) {
        self.outgoing.forget_updates();
        let send = async {
            poll_fn(|context| self.poll_write(context)).await?;
            poll_fn(|context| self.socket.poll_close(code, context)).await;
            Ok::<(), Lost>(())
        };
        let _ = timeout(limits::FAREWELL, send).await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// A socket whose viewer is the test.
    #[derive(Default)]
    struct Made {
        received: VecDeque<Bytes>,
        sent: Vec<Bytes>,
        /// How many messages the transport takes.
        room: usize,
        closed: Option<CloseCode>,
    }

    impl Socket for Made {
        const NAME: &'static str = "made for a test";

        fn poll_receive(&mut self, _context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Lost>>> {
            self.received.pop_front().map_or(Poll::Pending, |message| Poll::Ready(Some(Ok(message))))
        }

        fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
            Poll::Ready(Ok(()))
        }

        fn send(&mut self, message: Bytes) -> Result<(), Lost> {
            self.sent.push(message);
            Ok(())
        }

        fn poll_flush(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
            if self.sent.len() <= self.room { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn poll_close(&mut self, code: CloseCode, _context: &mut Context<'_>) -> Poll<()> {
            self.closed = Some(code);
            Poll::Ready(())
        }
    }

    fn carrier(room: usize) -> Messages<Made> {
        Messages::new(Made { room, ..Made::default() }, ([127, 0, 0, 1], 1).into())
    }

    #[tokio::test]
    async fn a_large_frame_goes_in_pieces_and_only_one_that_is_not_flushed() {
        let mut carrier = carrier(1);
        carrier.queue(Channel::Updates, vec![1; limits::MESSAGE * 3 + 1].into());
        tokio::select! {
            biased;
            _ = carrier.next() => panic!("the transport has no room"),
            () = tokio::task::yield_now() => {}
        }
        assert!(carrier.socket.sent.len() == 2 && !carrier.is_drained());
        carrier.socket.room = 9;
        assert!(matches!(carrier.next().await, Ok(Told::Wrote)) && carrier.is_drained());
        let lengths: Vec<_> = carrier.socket.sent.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [limits::MESSAGE, limits::MESSAGE, limits::MESSAGE, 1]);
    }

    #[tokio::test]
    async fn a_farewell_closes_the_socket_after_the_close_message() {
        let mut carrier = carrier(9);
        carrier.queue(Channel::Updates, Bytes::from_static(b"never"));
        carrier.queue(Channel::Control, Bytes::from_static(b"close"));
        carrier.farewell(CloseCode::Revoked).await;
        assert_eq!((carrier.socket.sent, carrier.socket.closed), (vec!["close".into()], Some(CloseCode::Revoked)));
    }
}
