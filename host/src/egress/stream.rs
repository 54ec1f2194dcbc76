//! A connection to the outside, counted, that ends when nothing moves for too long.
//!
//! Owns the count of bytes both ways and the time of the last one. It must never look at what it carries.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Bytes so far.
#[derive(Debug, Default)]
pub(super) struct Count {
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
}

/// A stream that is counted and does not wait for ever.
#[derive(Debug)]
pub(super) struct Metered<S> {
    stream: S,
    count: Arc<Count>,
    idle: Duration,
    last: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl<S> Metered<S> {
    pub(super) fn new(stream: S, count: Arc<Count>, idle: Duration) -> Self {
        Self { stream, count, idle, last: Instant::now(), alarm: Box::pin(sleep(idle)) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = room.filled().len();
        if let Poll::Ready(done) = Pin::new(&mut this.stream).poll_read(context, room) {
            this.count.received.fetch_add((room.filled().len() - before) as u64, Ordering::Relaxed);
            this.last = Instant::now();
            return Poll::Ready(done);
        }
        // Whoever uses the stream always waits for bytes too, so this one alarm is enough for both directions.
        while this.alarm.as_mut().poll(context).is_ready() {
            let until = this.last + this.idle;
            if until <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            this.alarm.as_mut().reset(until);
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(written)) = written {
            self.count.sent.fetch_add(written as u64, Ordering::Relaxed);
            self.last = Instant::now();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it_and_every_byte_puts_that_off() {
        let (stream, mut other) = duplex(64);
        let count = Arc::new(Count::default());
        let mut metered = Metered::new(stream, count.clone(), IDLE);
        let begun = Instant::now();
        sleep(IDLE - Duration::from_secs(1)).await;
        metered.write_all(b"up").await.unwrap();
        other.write_all(b"down").await.unwrap();
        let mut four = [0; 4];
        metered.read_exact(&mut four).await.unwrap();
        let error = metered.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= 2 * IDLE - Duration::from_secs(1));
        let (sent, received) = (count.sent.load(Ordering::Relaxed), count.received.load(Ordering::Relaxed));
        assert_eq!((sent, received), (2, 4));
    }
}
