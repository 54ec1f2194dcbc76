//! QUIC: a stream for each channel, and datagrams for copies of input and of updates.
//!
//! Owns the streams and their priorities, and when a copy of an update is sent. A frame leaves as the bytes that came; only what
//! gets a copy is copied.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use quinn::{ConnectionError, ReadError, RecvStream, SendStream, VarInt, WriteError};
use shoji_protocol::splice::Copier;
use shoji_protocol::{Channel, CloseCode};
use tokio::time::{Instant, timeout};

use super::losses::Losses;
use super::{Carrier, Lost, Told};
use crate::{clock, limits};

/// Read from a viewer's stream at once; input frames are about 20 bytes.
const READ: usize = 16 << 10;

/// A QUIC connection with its streams; the viewer's input stream comes with its first input.
pub(in crate::serve) struct Quic {
    connection: quinn::Connection,
    control_in: Receiving,
    input: Option<Receiving>,
    control_out: Sending,
    updates: Sending,
    copier: Copier,
    losses: Losses,
    /// The viewer takes copies.
    copies: bool,
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

impl Quic {
    /// Opens the host's stream of updates and waits for the viewer's control stream.
    pub(in crate::serve) async fn open(connection: quinn::Connection) -> Result<Self, ConnectionError> {
        let updates = connection.open_uni().await?;
        let (control_out, control_in) = connection.accept_bi().await?;
        // A close or a notice goes before a large update.
        let _ = control_out.set_priority(1);
        Ok(Self {
            connection,
            control_in: Receiving::new(control_in),
            input: None,
            control_out: Sending::new(control_out),
            updates: Sending::new(updates),
            copier: Copier::default(),
            losses: Losses::new(Instant::now()),
            copies: false,
        })
    }
}

impl Quic {
    fn copies_help(&mut self) -> bool {
        let Self { connection, losses, .. } = self;
        losses.copies_help(Instant::now(), || {
            let path = connection.stats().path;
            (path.lost_packets, path.rtt)
        })
    }

    /// Sends the copies that are due, as far as the carrier has room: if it still holds many, the link is full.
    fn send_copies(&mut self) {
        while let Some(datagram) = self.copier.take_due(now()) {
            if self.connection.datagram_send_buffer_space() >= datagram.len() {
                // A viewer that takes no datagrams has the stream.
                let _ = self.connection.send_datagram(datagram.into());
            }
        }
    }
}

/// The protocol's clock.
fn now() -> shoji_protocol::time::Instant {
    shoji_protocol::time::Instant::from_micros(clock::microseconds())
}

/// The QUIC close code of a close code.
pub(in crate::serve) fn close_code(code: CloseCode) -> VarInt {
    VarInt::from_u32(u32::from(code.number()))
}

/// What woke [`Quic::next`].
enum Wake {
    Opened(Result<RecvStream, ConnectionError>),
    Read(Channel, Result<Option<Bytes>, ReadError>),
    Datagram(Result<Bytes, ConnectionError>),
    Wrote(Result<(), WriteError>),
    CopyDue,
}

impl Carrier for Quic {
    const NAME: &'static str = "QUIC";
    const HAS_DATAGRAMS: bool = true;

    fn peer(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    fn queue(&mut self, channel: Channel, frame: Bytes) {
        match channel {
            Channel::Updates => {
                let copied = self.copies && frame.len() <= limits::COPIED_FRAME && self.copies_help();
                self.copier.sent(&frame, copied, now());
                self.updates.waiting.push(frame);
            }
            Channel::Control | Channel::Input => self.control_out.waiting.push(frame),
        }
    }

    fn copy_updates(&mut self) {
        self.copies = true;
    }

    fn is_drained(&self) -> bool {
        // Control has a stream of its own, on which nothing large goes.
        self.updates.is_empty()
    }

    async fn next(&mut self) -> Result<Told, Lost> {
        loop {
            self.send_copies();
            let due = self.copier.deadline().map(|at| Duration::from(at.since(now())));
            let Self { connection, control_in, input, control_out, updates, .. } = self;
            if control_out.waiting.iter().map(Bytes::len).sum::<usize>() > limits::CONTROL_BACKLOG {
                return Err(Lost::unread());
            }
            let (has_control, has_updates) = (!control_out.is_empty(), !updates.is_empty());
            let from_input = async {
                match input {
                    None => Wake::Opened(connection.accept_uni().await),
                    Some(input) if input.open => Wake::Read(Channel::Input, input.read().await),
                    Some(_) => std::future::pending().await,
                }
            };
            let wake = tokio::select! {
                biased;
                wake = from_input => wake,
                datagram = connection.read_datagram() => Wake::Datagram(datagram),
                bytes = control_in.read(), if control_in.open => Wake::Read(Channel::Control, bytes),
                wrote = control_out.write(), if has_control => Wake::Wrote(wrote),
                wrote = updates.write(), if has_updates => Wake::Wrote(wrote),
                () = tokio::time::sleep(due.unwrap_or_default()), if due.is_some() => Wake::CopyDue,
            };
            match wake {
                Wake::Opened(stream) => self.input = Some(Receiving::new(stream.map_err(Lost::because)?)),
                Wake::Read(channel, bytes) => match bytes.map_err(Lost::because)? {
                    Some(bytes) => return Ok(Told::Channel(channel, bytes)),
                    // Nothing more comes on this stream; the keep-alive decides about the rest.
                    None => match &mut self.input {
                        Some(input) if channel == Channel::Input => input.open = false,
                        _ => self.control_in.open = false,
                    },
                },
                Wake::Datagram(datagram) => return Ok(Told::Datagram(datagram.map_err(Lost::because)?)),
                Wake::Wrote(wrote) => return wrote.map(|()| Told::Wrote).map_err(Lost::because),
                Wake::CopyDue => {}
            }
        }
    }

    async fn farewell(&mut self, code: CloseCode) {
        let send = async {
            while !self.control_out.is_empty() {
                self.control_out.write().await.ok()?;
            }
            self.control_out.stream.finish().ok()?;
            self.control_out.stream.stopped().await.ok()
        };
        let _ = timeout(limits::FAREWELL, send).await;
        self.connection.close(close_code(code), b"");
    }
}
