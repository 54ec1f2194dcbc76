//! A QUIC stream for each channel, as QUIC itself and WebTransport have them.
//!
//! Owns the streams and their priorities. A frame leaves as the bytes that came; nothing is copied here.

use bytes::Bytes;
use quinn::{ReadError, RecvStream, SendStream, VarInt, WriteError};
use shoji_protocol::Channel;

use super::{Lost, Told};
use crate::limits;

/// Read from a viewer's stream at once; input frames are about 20 bytes.
const READ: usize = 16 << 10;

/// The streams of a connection; the viewer's input stream comes with its first input.
pub(super) struct Streams {
    control_in: Receiving,
    input: Option<Receiving>,
    control_out: Sending,
    updates: Sending,
}

/// A stream from the viewer.
struct Receiving {
    stream: RecvStream,
    open: bool,
}

/// Frames on their way into one stream to the viewer.
struct Sending {
    stream: SendStream,
    waiting: Vec<Bytes>,
}

/// What comes beside the streams that are there.
pub(super) enum Beside {
    /// The stream of input.
    Input(RecvStream),
    /// A datagram.
    Datagram(Bytes),
    /// A copy of an update is due.
    CopyDue,
}

impl Receiving {
    fn new(stream: RecvStream) -> Self {
        Self { stream, open: true }
    }

    /// The next bytes; `None`: the viewer finished the stream. Safe to drop at any time.
    async fn read(&mut self) -> Result<Option<Bytes>, ReadError> {
        Ok(self.stream.read_chunk(READ, true).await?.map(|chunk| chunk.bytes))
    }
}

impl Sending {
    fn new(stream: SendStream) -> Self {
        Self { stream, waiting: Vec::new() }
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Gives the transport what it takes now. Safe to drop at any time.
    async fn write(&mut self) -> Result<(), WriteError> {
        self.stream.write_chunks(&mut self.waiting).await?;
        // Chunks that were taken whole are empty now.
        self.waiting.retain(|chunk| !chunk.is_empty());
        Ok(())
    }
}

/// What woke [`Streams::next`].
enum Wake {
    Read(Channel, Result<Option<Bytes>, ReadError>),
    Beside(Result<Beside, Lost>),
    Wrote(Result<(), WriteError>),
}

impl Streams {
    /// Of streams that are open.
    pub(super) fn new(control_in: RecvStream, control_out: SendStream, updates: SendStream) -> Self {
        // A close or a notice goes before a large update.
        let _ = control_out.set_priority(1);
        Self {
            control_in: Receiving::new(control_in),
            input: None,
            control_out: Sending::new(control_out),
            updates: Sending::new(updates),
        }
    }

    /// Whether the stream of input has not come yet.
    pub(super) fn lacks_input(&self) -> bool {
        self.input.is_none()
    }

    /// Adds a whole frame.
    pub(super) fn queue(&mut self, channel: Channel, frame: Bytes) {
        match channel {
            Channel::Updates => self.updates.waiting.push(frame),
            Channel::Control | Channel::Input => self.control_out.waiting.push(frame),
        }
    }

    /// Whether the transport took every update.
    pub(super) fn is_drained(&self) -> bool {
        // Control has a stream of its own, on which nothing large goes.
        self.updates.is_empty()
    }

    /// Reads and writes until there is something to tell; `None`: look again. `beside` brings what is no stream yet. Safe to
    /// drop at any time.
    pub(super) async fn next(
        &mut self,
        beside: impl Future<Output = Result<Beside, Lost>>,
    ) -> Result<Option<Told>, Lost> {
        let Self { control_in, input, control_out, updates } = self;
        if control_out.waiting.iter().map(Bytes::len).sum::<usize>() > limits::CONTROL_BACKLOG {
            return Err(Lost::unread());
        }
        let (has_control, has_updates) = (!control_out.is_empty(), !updates.is_empty());
        let from_input = async {
            match input {
                Some(input) if input.open => input.read().await,
                _ => std::future::pending().await,
            }
        };
        let wake = tokio::select! {
            biased;
            bytes = from_input => Wake::Read(Channel::Input, bytes),
            beside = beside => Wake::Beside(beside),
            bytes = control_in.read(), if control_in.open => Wake::Read(Channel::Control, bytes),
            wrote = control_out.write(), if has_control => Wake::Wrote(wrote),
            wrote = updates.write(), if has_updates => Wake::Wrote(wrote),
        };
        match wake {
            Wake::Read(channel, bytes) => match bytes.map_err(Lost::because)? {
                Some(bytes) => return Ok(Some(Told::Channel(channel, bytes))),
                // Nothing more comes on this stream; the keep-alive decides about the rest.
                None => match &mut self.input {
                    Some(input) if channel == Channel::Input => input.open = false,
                    _ => self.control_in.open = false,
                },
            },
            Wake::Beside(Ok(Beside::Input(stream))) => self.input = Some(Receiving::new(stream)),
            Wake::Beside(Ok(Beside::Datagram(datagram))) => return Ok(Some(Told::Datagram(datagram))),
            Wake::Beside(Ok(Beside::CopyDue)) => {}
            Wake::Beside(Err(lost)) => return Err(lost),
            Wake::Wrote(wrote) => return wrote.map(|()| Some(Told::Wrote)).map_err(Lost::because),
        }
        Ok(None)
    }

    /// Takes back what has not left of the updates, and says so. None may follow.
    pub(super) fn give_up_updates(&mut self, code: VarInt) {
        self.updates.waiting.clear();
        // It was given up before, then.
        let _ = self.updates.stream.reset(code);
    }

    /// Sends what is left but for updates, and waits until the viewer has it; `None`: it cannot be.
    pub(super) async fn farewell(&mut self) -> Option<()> {
        while !self.control_out.is_empty() {
            self.control_out.write().await.ok()?;
        }
        self.control_out.stream.finish().ok()?;
        self.control_out.stream.stopped().await.ok().map(|_| ())
    }
}
