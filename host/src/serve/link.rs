//! The supervisor's end of a worker's socket.
//!
//! Owns the socket, the bytes read from it that are no whole frame yet, and the bytes that the worker has not taken yet
//! (bounded). It is handed from the session's task to the connection that is attached and back, so one hop lies between
//! worker and network. It must never look into an update: frames for the viewer leave as the bytes that came.

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use shoji_protocol::frame::{self, HEADER_BYTES, Header, Kind};
use shoji_protocol::worker::{Attachment, ToSupervisor, ToWorker};
use shoji_protocol::{DecodeError, ToHost};
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::limits;

/// The worker's socket, seen from the supervisor.
#[derive(Debug)]
pub(super) struct Link {
    stream: UnixStream,
    received: BytesMut,
    unsent: BytesMut,
    /// Frames for a viewer are dropped until the worker answers this attachment.
    awaited: Option<Attachment>,
}

/// What a worker sent.
#[derive(Debug)]
pub(super) enum FromWorker {
    /// A whole frame for the viewer that is attached, header included.
    ForViewer(Bytes),
    /// A message for the supervisor itself.
    ForSupervisor(ToSupervisor),
}

/// The worker is gone, or what it sends makes no sense. Either way its session is over.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// It closed its end: it died.
    #[error("the worker is gone")]
    Gone,
    /// The socket failed.
    #[error("the worker's socket failed: {0}")]
    Socket(#[from] io::Error),
    /// It sent no frame.
    #[error("the worker sent {0}")]
    Frame(#[from] frame::FrameError),
    /// It sent no message.
    #[error("the worker sent no valid message: {0}")]
    Message(#[from] DecodeError),
    /// It does not read.
    #[error("the worker does not read its input")]
    Hung,
}

impl Link {
    /// Takes over a connected socket.
    pub(super) fn new(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: UnixStream::from_std(stream)?,
            received: BytesMut::new(),
            unsent: BytesMut::new(),
            awaited: None,
        })
    }

    /// Sends a message of the supervisor. An `Attached` makes the link drop what was meant for the viewer before.
    pub(super) fn tell(&mut self, message: &ToWorker) -> Result<(), LinkError> {
        if let ToWorker::Attached { attachment, .. } = message {
            self.awaited = Some(*attachment);
        }
        let mut bytes = Vec::new();
        frame::encode_to_worker(message, &mut bytes);
        self.unsent.extend_from_slice(&bytes);
        self.push()
    }

    /// Adds a viewer's message to what [`Self::push`] sends.
    pub(super) fn queue(&mut self, message: &ToHost, scratch: &mut Vec<u8>) {
        scratch.clear();
        frame::encode_to_host(message, scratch);
        self.unsent.extend_from_slice(scratch);
    }

    /// Sends what is queued, as far as the socket takes it now.
    pub(super) fn push(&mut self) -> Result<(), LinkError> {
        while !self.unsent.is_empty() {
            match self.stream.try_write(&self.unsent) {
                Ok(0) => return Err(LinkError::Gone),
                Ok(written) => self.unsent.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(broken(error)),
            }
        }
        if self.unsent.len() > limits::WORKER_BACKLOG {
            return Err(LinkError::Hung);
        }
        Ok(())
    }

    /// Whether the worker has not taken everything yet.
    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Waits until the worker took more of what is queued. Safe to drop at any time.
    pub(super) async fn drain(&mut self) -> Result<(), LinkError> {
        self.stream.writable().await?;
        self.push()
    }

    /// The next frame from the worker; sends what is queued meanwhile. Safe to drop at any time.
    pub(super) async fn next(&mut self) -> Result<FromWorker, LinkError> {
        loop {
            while let Some((kind, frame)) = self.take_frame()? {
                match kind {
                    Kind::ToViewer if self.awaited.is_none() => return Ok(FromWorker::ForViewer(frame)),
                    Kind::ToViewer => {}
                    _ => {
                        let message = ToSupervisor::decode(&frame[HEADER_BYTES..])?;
                        match message {
                            ToSupervisor::Attached { attachment } => {
                                if self.awaited == Some(attachment) {
                                    self.awaited = None;
                                }
                            }
                            message => return Ok(FromWorker::ForSupervisor(message)),
                        }
                    }
                }
            }
            let interest = if self.has_unsent() { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            let ready = self.stream.ready(interest).await?;
            if ready.is_writable() {
                self.push()?;
            }
            if ready.is_readable() {
                self.read()?;
            }
        }
    }

    fn read(&mut self) -> Result<(), LinkError> {
        // A new block only when this one is nearly used up: small frames share one.
        if self.received.capacity() - self.received.len() < limits::WORKER_READ / 16 {
            let rest = match self.received.first_chunk() {
                Some(header) => Header::parse(header, EXPECTED)?.len + HEADER_BYTES,
                None => 0,
            };
            let missing = rest.saturating_sub(self.received.len());
            self.received.reserve(missing.max(limits::WORKER_READ));
        }
        match self.stream.try_read_buf(&mut self.received) {
            Ok(0) => Err(LinkError::Gone),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(broken(error)),
        }
    }

    fn take_frame(&mut self) -> Result<Option<(Kind, Bytes)>, LinkError> {
        let Some(header) = self.received.first_chunk() else { return Ok(None) };
        let header = Header::parse(header, EXPECTED)?;
        let length = HEADER_BYTES + header.len;
        if self.received.len() < length {
            return Ok(None);
        }
        Ok(Some((header.kind, self.received.split_to(length).freeze())))
    }
}

const EXPECTED: &[Kind] = &[Kind::ToViewer, Kind::ToSupervisor];

fn broken(error: io::Error) -> LinkError {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => LinkError::Gone,
        _ => LinkError::Socket(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use shoji_protocol::{CursorShape, ToViewer};

    use super::*;

    fn pair() -> (Link, std::os::unix::net::UnixStream) {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        (Link::new(ours).unwrap(), theirs)
    }

    fn cursor(shape: CursorShape) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame::encode_to_viewer(&ToViewer::Cursor { shape }, &mut bytes);
        bytes
    }

    #[tokio::test]
    async fn frames_for_the_viewer_before_are_dropped() {
        let (mut link, mut worker) = pair();
        link.awaited = Some(Attachment(2));
        let mut bytes = cursor(CursorShape::Wait);
        for attachment in [1, 2] {
            let message = ToSupervisor::Attached { attachment: Attachment(attachment) };
            frame::encode_to_supervisor(&message, &mut bytes);
        }
        let fresh = cursor(CursorShape::Text);
        bytes.extend_from_slice(&fresh);
        // In two pieces, cut within a header.
        worker.write_all(&bytes[..3]).unwrap();
        let (first, rest) = (link.next(), &bytes[3..]);
        let write = async { worker.write_all(rest).unwrap() };
        let (frame, ()) = tokio::join!(first, write);
        let Ok(FromWorker::ForViewer(frame)) = frame else { panic!("{frame:?}") };
        assert_eq!(frame, fresh);
    }

    #[tokio::test]
    async fn a_worker_that_died_is_noticed() {
        let (mut link, worker) = pair();
        drop(worker);
        assert!(matches!(link.next().await, Err(LinkError::Gone)));
    }

    #[tokio::test]
    async fn an_oversized_frame_is_refused_at_its_header() {
        let (mut link, mut worker) = pair();
        worker.write_all(&[0xff, 0xff, 0xff, 0x7f, 2]).unwrap();
        assert!(matches!(link.next().await, Err(LinkError::Frame(_))));
    }

    #[tokio::test]
    async fn a_worker_that_does_not_read_is_noticed() {
        let (mut link, _worker) = pair();
        let error = loop {
            if let Err(error) = link.tell(&ToWorker::Detached) {
                break error;
            }
        };
        assert!(matches!(error, LinkError::Hung));
    }
}
