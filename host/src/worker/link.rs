//! The worker's end of the socket to the supervisor.
//!
//! Owns the socket and what the supervisor has not taken yet. One update at most waits here: while anything waits, nothing
//! new is encoded, so the newest pixels win. It must never block.

use std::io::{self, IoSlice, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use shoji_protocol::frame::{self, Decoder, Kind};
use shoji_protocol::worker::{ToSupervisor, ToWorker};
use shoji_protocol::{DecodeError, ToHost, ToViewer};

/// What the supervisor says: its own messages and the viewer's.
#[derive(Debug)]
pub(super) enum Message {
    /// The supervisor's own.
    Supervisor(ToWorker),
    /// The viewer's.
    Viewer(ToHost),
}

/// The supervisor is gone or speaks nonsense: the worker ends.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It closed the socket: it stopped, or wants this session to end.
    #[error("the supervisor is gone")]
    Gone,
    /// The socket failed.
    #[error("the supervisor's socket failed: {0}")]
    Socket(#[from] io::Error),
    /// It sent no frame.
    #[error("the supervisor sent {0}")]
    Frame(#[from] frame::FrameError),
    /// It sent no message.
    #[error("the supervisor sent no valid message: {0}")]
    Message(#[from] DecodeError),
}

/// The worker's end.
#[derive(Debug)]
pub(super) struct Link {
    stream: UnixStream,
    decoder: Decoder,
    buffer: Vec<u8>,
    unsent: Vec<u8>,
    taken: usize,
    head: Vec<u8>,
}

impl Link {
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            decoder: Decoder::new(&[Kind::ToHost, Kind::ToWorker]),
            buffer: vec![0; 16 << 10],
            unsent: Vec::new(),
            taken: 0,
            head: Vec::new(),
        })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Whether the supervisor has not taken everything yet.
    pub(super) fn has_unsent(&self) -> bool {
        self.taken < self.unsent.len()
    }

    /// Reads what is there, once. Call [`Self::next`] until it is empty.
    pub(super) fn receive(&mut self) -> Result<(), LinkError> {
        match self.stream.read(&mut self.buffer) {
            Ok(0) => Err(LinkError::Gone),
            Ok(read) => {
                self.decoder.push(&self.buffer[..read]);
                Ok(())
            }
            Err(error) if is_temporary(&error) => Ok(()),
            Err(error) => Err(broken(error)),
        }
    }

    /// The next message that was received.
    pub(super) fn next(&mut self) -> Result<Option<Message>, LinkError> {
        let Some(frame) = self.decoder.next_frame()? else { return Ok(None) };
        Ok(Some(match frame.kind {
            Kind::ToHost => Message::Viewer(ToHost::decode(frame.body)?),
            _ => Message::Supervisor(ToWorker::decode(frame.body)?),
        }))
    }

    /// Sends a message of the worker's own.
    pub(super) fn tell(&mut self, message: &ToSupervisor) -> Result<(), LinkError> {
        frame::encode_to_supervisor(message, &mut self.unsent);
        self.push()
    }

    /// Sends a message to the viewer; its pixels go to the socket from where they are.
    pub(super) fn show(&mut self, message: &ToViewer<'_>) -> Result<(), LinkError> {
        self.head.clear();
        let pixels = frame::encode_to_viewer_without_pixels(message, &mut self.head);
        if self.has_unsent() {
            self.unsent.extend_from_slice(&self.head);
            self.unsent.extend_from_slice(pixels);
            return self.push();
        }
        let mut sent = 0;
        while sent < self.head.len() {
            let parts = [IoSlice::new(&self.head[sent..]), IoSlice::new(pixels)];
            match self.stream.write_vectored(&parts) {
                Ok(written) => sent += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_temporary(&error) => break,
                Err(error) => return Err(broken(error)),
            }
        }
        match sent.checked_sub(self.head.len()) {
            Some(of_pixels) => self.unsent.extend_from_slice(&pixels[of_pixels..]),
            None => {
                self.unsent.extend_from_slice(&self.head[sent..]);
                self.unsent.extend_from_slice(pixels);
            }
        }
        self.push()
    }

    /// Sends what waits, as far as the socket takes it now.
    pub(super) fn push(&mut self) -> Result<(), LinkError> {
        while self.has_unsent() {
            match self.stream.write(&self.unsent[self.taken..]) {
                Ok(written) => self.taken += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_temporary(&error) => return Ok(()),
                Err(error) => return Err(broken(error)),
            }
        }
        self.taken = 0;
        self.unsent.clear();
        // One large update must not keep its memory for the session's life.
        self.unsent.shrink_to(64 << 10);
        Ok(())
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn broken(error: io::Error) -> LinkError {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => LinkError::Gone,
        _ => LinkError::Socket(error),
    }
}

#[cfg(test)]
mod tests {
    use shoji_protocol::{CanvasId, InputSequence, Pixels, Size, UpdateId};

    use super::*;

    #[test]
    fn an_update_larger_than_the_socket_arrives_whole_and_in_order() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut link = Link::new(ours).unwrap();
        let pixels: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
        let update = ToViewer::Update {
            canvas: CanvasId(1),
            update: UpdateId(1),
            size: Size::new(640, 480).unwrap(),
            input: InputSequence(0),
            more: false,
            pixels: Pixels::new(&pixels).unwrap(),
        };
        let mut expected = Vec::new();
        frame::encode_to_viewer(&update, &mut expected);
        frame::encode_to_supervisor(&ToSupervisor::LastCanvasClosed, &mut expected);
        link.show(&update).unwrap();
        assert!(link.has_unsent());
        link.tell(&ToSupervisor::LastCanvasClosed).unwrap();
        let reader = std::thread::spawn(move || {
            let mut received = vec![0; expected.len()];
            (&theirs).read_exact(&mut received).unwrap();
            assert!(received == expected);
        });
        while link.has_unsent() {
            let mut writable = [rustix::event::PollFd::from_borrowed_fd(link.fd(), rustix::event::PollFlags::OUT)];
            rustix::event::poll(&mut writable, None).unwrap();
            link.push().unwrap();
        }
        reader.join().unwrap();
    }
}
