//! QUIC: a stream for each channel, and datagrams for copies of input and of updates.
//!
//! Owns how the streams come to be. A host must never serve anybody here but a [`Device`], or a device whose gate is one.

use std::net::SocketAddr;

use bytes::Bytes;
use quinn::VarInt;
use shoji_protocol::{Channel, CloseCode};
use tokio::time::timeout;

use super::copies::Copies;
use super::streams::{Beside, Streams};
use super::{Carrier, Lost, Told};
use crate::limits;
use crate::registry::Fingerprint;
use crate::serve::newcomer::Device;

/// A QUIC connection with its streams.
pub(crate) struct Quic {
    connection: quinn::Connection,
    streams: Streams,
    copies: Copies,
}

impl Quic {
    /// Opens the host's stream of updates and waits for the viewer's control stream.
    pub(in crate::serve) async fn open(device: &Device) -> Result<Self, Lost> {
        Self::open_on(device.connection()).await
    }

    /// The same for a gate, which first names the device that it speaks for.
    pub(in crate::serve) async fn open_of_gate(gate: &Device) -> Result<(Self, Fingerprint), Lost> {
        let connection = gate.connection().clone();
        let updates = connection.open_uni().await.map_err(Lost::because)?;
        let (control_out, mut control_in) = connection.accept_bi().await.map_err(Lost::because)?;
        let mut named = [0; Fingerprint::BYTES];
        control_in.read_exact(&mut named).await.map_err(Lost::because)?;
        let streams = Streams::new(control_in, control_out, updates);
        Ok((Self { connection, streams, copies: Copies::new() }, Fingerprint::from_bytes(named)))
    }

    /// On a connection whose other end its caller has authenticated.
    pub(crate) async fn open_on(connection: &quinn::Connection) -> Result<Self, Lost> {
        let connection = connection.clone();
        let updates = connection.open_uni().await.map_err(Lost::because)?;
        let (control_out, control_in) = connection.accept_bi().await.map_err(Lost::because)?;
        let streams = Streams::new(control_in, control_out, updates);
        Ok(Self { connection, streams, copies: Copies::new() })
    }
}

/// The QUIC close code of a close code.
pub(crate) fn close_code(code: CloseCode) -> VarInt {
    VarInt::from_u32(u32::from(code.number()))
}

/// Sends a copy as a datagram, as far as there is room: while many wait, it is dropped, and so it is by a viewer that takes none. The
/// stream has its bytes.
fn send_copy(connection: &quinn::Connection, copy: Vec<u8>) {
    if connection.datagram_send_buffer_space() >= copy.len() {
        let _ = connection.send_datagram(copy.into());
    }
}

impl Carrier for Quic {
    const NAME: &'static str = "QUIC";
    const HAS_DATAGRAMS: bool = true;
    const COPIES_UPDATES: bool = true;

    fn peer(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    fn queue(&mut self, channel: Channel, frame: Bytes) {
        if channel == Channel::Updates {
            self.copies.sent(&frame, || self.connection.stats().path);
        }
        self.streams.queue(channel, frame);
    }

    fn copy_updates(&mut self) {
        self.copies.want();
    }

    fn is_drained(&self) -> bool {
        self.streams.is_drained()
    }

    async fn next(&mut self) -> Result<Told, Lost> {
        loop {
            let Self { connection, streams, copies } = self;
            copies.send_due(|copy| send_copy(connection, copy));
            let lacks_input = streams.lacks_input();
            let beside = async {
                tokio::select! {
                    biased;
                    stream = connection.accept_uni(), if lacks_input => stream.map(Beside::Input),
                    datagram = connection.read_datagram() => datagram.map(Beside::Datagram),
                    () = copies.wait() => Ok(Beside::CopyDue),
                }
                .map_err(Lost::because)
            };
            if let Some(told) = streams.next(beside).await? {
                return Ok(told);
            }
        }
    }

    async fn farewell(&mut self, code: CloseCode) {
        let _ = timeout(limits::FAREWELL, self.streams.farewell()).await;
        self.connection.close(close_code(code), b"");
    }
}
