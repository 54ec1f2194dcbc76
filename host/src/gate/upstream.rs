//! The gate's connection to its host, for one viewer: QUIC, or TLS over TCP where UDP does not come through.
//!
//! Owns the bytes on that side, and the words with which the gate says for which device it speaks: 32 bytes, the fingerprint of that
//! device's certificate, before the first frame on the control stream. It must never connect to anything but the host that the gate's
//! configuration names, nor read the updates while nobody takes them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use quinn::{Endpoint, RecvStream, SendStream};
use rustls::pki_types::ServerName;
use shoji_protocol::{Capabilities, Channel, CloseCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::config::Carrier as Choice;
use crate::registry::Fingerprint;
use crate::serve::carrier::{Lost, quic_code};
use crate::{limits, serve};

/// Read from the host at once.
const READ: usize = 256 << 10;

/// Where the host is, and how it is spoken with.
pub(super) struct Target {
    /// `host:port`.
    pub(super) address: String,
    /// The name to expect in its certificate.
    pub(super) name: ServerName<'static>,
    pub(super) choice: Choice,
    pub(super) tls: Arc<rustls::ClientConfig>,
    pub(super) quic: quinn::ClientConfig,
    /// One socket for the connections of all viewers, of each kind of address.
    pub(super) endpoints: [Option<Endpoint>; 2],
}

/// The host cannot be spoken with.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Its name has no address.
    #[error("the host {0} has no address: check `host` in gate.toml and the gate's name service")]
    Address(String),
    /// Nothing came back in time.
    #[error("the host {0} does not answer: check that it runs, and that its port is open to the gate by UDP or TCP")]
    Silent(String),
    /// It refused, or is not who it should be.
    #[error(
        "the connection to the host {host} failed: {why}: check that the gate is listed there (`shoji-host device list`) and not revoked"
    )]
    Refused {
        /// Where.
        host: String,
        /// The carrier's own reason.
        why: Lost,
    },
    /// The host closed with a reason of the protocol.
    #[error("the host closed the connection: {0:?}")]
    Closed(CloseCode),
}

impl Error {
    /// What the viewer is told.
    pub(super) fn close_code(&self) -> CloseCode {
        match self {
            Self::Closed(code) => *code,
            Self::Address(_) | Self::Silent(_) | Self::Refused { .. } => CloseCode::KeepAliveLost,
        }
    }
}

/// What came.
pub(super) enum Told {
    Channel(Channel, Bytes),
    Shared(Bytes),
    Datagram(Bytes),
    Wrote,
}

/// A connection to the host.
pub(super) enum Upstream {
    Quic(Box<Quic>),
    Tcp(Box<Tcp>),
}

pub(super) struct Quic {
    connection: quinn::Connection,
    control_out: SendStream,
    control_in: RecvStream,
    input_out: SendStream,
    updates: Option<RecvStream>,
    control: BytesMut,
    input: BytesMut,
}

pub(super) struct Tcp {
    read: ReadHalf<TlsStream<TcpStream>>,
    write: WriteHalf<TlsStream<TcpStream>>,
    received: BytesMut,
    waiting: BytesMut,
    /// What the stream took may not have left it.
    unflushed: bool,
}

impl Target {
    /// Connects for a device.
    pub(super) async fn connect(&self, device: Fingerprint) -> Result<Upstream, Error> {
        let silent = || Error::Silent(self.address.clone());
        let found = timeout(limits::GATE_CONNECT_TIMEOUT, tokio::net::lookup_host(&self.address)).await;
        let address = found.ok().and_then(Result::ok).and_then(|mut found| found.next());
        let address = address.ok_or_else(|| Error::Address(self.address.clone()))?;
        let quic_patience = match self.choice {
            Choice::Auto => limits::GATE_QUIC_TIMEOUT,
            Choice::Quic | Choice::Tls => limits::GATE_CONNECT_TIMEOUT,
        };
        if self.choice != Choice::Tls {
            match timeout(quic_patience, self.connect_quic(address, device)).await {
                // A host that answers and refuses refuses over TCP too.
                Ok(result) => return result,
                Err(_) if self.choice == Choice::Quic => return Err(silent()),
                Err(_) => {}
            }
        }
        timeout(limits::GATE_CONNECT_TIMEOUT, self.connect_tcp(address, device)).await.map_err(|_| silent())?
    }

    fn refused(&self, why: impl std::fmt::Display) -> Error {
        Error::Refused { host: self.address.clone(), why: Lost::because(why) }
    }

    async fn connect_quic(&self, address: SocketAddr, device: Fingerprint) -> Result<Upstream, Error> {
        let endpoint = self.endpoints[usize::from(address.is_ipv6())].as_ref();
        let endpoint = endpoint.ok_or_else(|| Error::Address(self.address.clone()))?;
        let connecting = endpoint
            .connect_with(self.quic.clone(), address, &self.name.to_str())
            .map_err(|error| self.refused(error))?;
        let connection = connecting.await.map_err(|error| self.refused(error))?;
        let open = async {
            let (mut control_out, control_in) = connection.open_bi().await.map_err(Lost::because)?;
            let input_out = connection.open_uni().await.map_err(Lost::because)?;
            let _ = input_out.set_priority(1);
            control_out.write_all(device.bytes()).await.map_err(Lost::because)?;
            Ok::<_, Lost>((control_out, control_in, input_out))
        };
        let (control_out, control_in, input_out) = match open.await {
            Ok(streams) => streams,
            Err(lost) => return Err(closed(&connection).map_or_else(|| self.refused(lost), Error::Closed)),
        };
        let (control, input) = Default::default();
        let quic = Quic { connection, control_out, control_in, input_out, updates: None, control, input };
        Ok(Upstream::Quic(Box::new(quic)))
    }

    async fn connect_tcp(&self, address: SocketAddr, device: Fingerprint) -> Result<Upstream, Error> {
        let stream = TcpStream::connect(address).await.map_err(|error| self.refused(error))?;
        serve::tune(&stream).map_err(|error| self.refused(error))?;
        let connector = TlsConnector::from(self.tls.clone());
        let stream = connector.connect(self.name.clone(), stream).await.map_err(|error| self.refused(error))?;
        if stream.get_ref().1.alpn_protocol() != Some(crate::tls::GATE) {
            return Err(self.refused("it speaks no protocol for gates"));
        }
        let (read, write) = tokio::io::split(stream);
        let waiting = BytesMut::from(&device.bytes()[..]);
        Ok(Upstream::Tcp(Box::new(Tcp { read, write, received: BytesMut::new(), waiting, unflushed: false })))
    }
}

/// The gate's sockets towards its host.
pub(super) fn endpoints() -> std::io::Result<[Option<Endpoint>; 2]> {
    let four = Endpoint::client((Ipv4Addr::UNSPECIFIED, 0).into())?;
    // A machine may have no IPv6.
    let six = Endpoint::client((Ipv6Addr::UNSPECIFIED, 0).into()).ok();
    Ok([Some(four), six])
}

fn closed(connection: &quinn::Connection) -> Option<CloseCode> {
    match connection.close_reason()? {
        quinn::ConnectionError::ApplicationClosed(close) => {
            u16::try_from(close.error_code.into_inner()).ok().and_then(CloseCode::from_number)
        }
        _ => None,
    }
}

impl Upstream {
    /// What it is called in logs.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Quic(_) => "QUIC",
            Self::Tcp(_) => "TLS/TCP",
        }
    }

    /// What it can carry beside the streams.
    pub(super) fn carried(&self) -> Capabilities {
        match self {
            Self::Quic(_) => Capabilities::INPUT_COPIES | Capabilities::UPDATE_COPIES,
            Self::Tcp(_) => Capabilities::NONE,
        }
    }

    /// Takes a whole frame; [`next`](Self::next) sends it.
    pub(super) fn queue(&mut self, channel: Channel, frame: &[u8]) -> Result<(), Lost> {
        let waiting = match self {
            Self::Quic(quic) if channel == Channel::Input => &mut quic.input,
            Self::Quic(quic) => &mut quic.control,
            Self::Tcp(tcp) => &mut tcp.waiting,
        };
        if limits::GATE_BACKLOG < waiting.len() + frame.len() {
            return Err(Lost("the host does not read what it is told".to_owned()));
        }
        waiting.extend_from_slice(frame);
        Ok(())
    }

    /// Sends a datagram, if there is room: the streams have what it says.
    pub(super) fn send_datagram(&self, datagram: Vec<u8>) {
        if let Self::Quic(quic) = self {
            let _ = quic.connection.send_datagram(datagram.into());
        }
    }

    /// Sends what is queued, until there is something to tell. `reads`: updates are taken now; where all channels share a stream,
    /// nothing is read while they are not. Safe to drop at any time.
    pub(super) async fn next(&mut self, reads: bool) -> Result<Told, Lost> {
        match self {
            Self::Quic(quic) => quic.next(reads).await,
            Self::Tcp(tcp) => tcp.next(reads).await,
        }
    }

    /// Why the host closed, where its carrier says so.
    pub(super) fn closed(&self) -> Option<CloseCode> {
        match self {
            Self::Quic(quic) => closed(&quic.connection),
            Self::Tcp(_) => None,
        }
    }

    /// Sends what is left and closes.
    pub(super) async fn farewell(&mut self, code: CloseCode) {
        let say = async {
            match self {
                Self::Quic(quic) => {
                    quic.control_out.write_all(&quic.control).await.ok()?;
                    quic.control_out.finish().ok()?;
                    quic.control_out.stopped().await.ok().map(|_| ())
                }
                Self::Tcp(tcp) => {
                    tcp.write.write_all(&tcp.waiting).await.ok()?;
                    tcp.write.shutdown().await.ok()?;
                    while tcp.read.read(&mut [0; 1 << 10]).await.ok()? > 0 {}
                    Some(())
                }
            }
        };
        let _ = timeout(limits::FAREWELL, say).await;
        if let Self::Quic(quic) = self {
            quic.connection.close(quic_code(code), b"");
        }
    }
}

impl Quic {
    async fn next(&mut self, reads: bool) -> Result<Told, Lost> {
        let ended = || Lost("the host closed the connection".to_owned());
        let Self { connection, control_out, control_in, input_out, updates, control, input } = self;
        let (has_input, has_control, lacks_updates) = (!input.is_empty(), !control.is_empty(), updates.is_none());
        let from_updates = async {
            match updates {
                Some(stream) => stream.read_chunk(READ, true).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            wrote = input_out.write(input), if has_input => {
                let count = wrote.map_err(Lost::because)?;
                let _ = input.split_to(count);
                Ok(Told::Wrote)
            }
            wrote = control_out.write(control), if has_control => {
                let count = wrote.map_err(Lost::because)?;
                let _ = control.split_to(count);
                Ok(Told::Wrote)
            }
            chunk = control_in.read_chunk(READ, true) => {
                let chunk = chunk.map_err(Lost::because)?.ok_or_else(ended)?;
                Ok(Told::Channel(Channel::Control, chunk.bytes))
            }
            chunk = from_updates, if reads => {
                let chunk = chunk.map_err(Lost::because)?.ok_or_else(ended)?;
                Ok(Told::Channel(Channel::Updates, chunk.bytes))
            }
            datagram = connection.read_datagram(), if reads => Ok(Told::Datagram(datagram.map_err(Lost::because)?)),
            stream = connection.accept_uni(), if lacks_updates => {
                *updates = Some(stream.map_err(Lost::because)?);
                Ok(Told::Wrote)
            }
        }
    }
}

impl Tcp {
    async fn next(&mut self, reads: bool) -> Result<Told, Lost> {
        let Self { read, write, received, waiting, unflushed } = self;
        let has_waiting = !waiting.is_empty();
        received.reserve(READ / 16);
        tokio::select! {
            biased;
            wrote = async { if has_waiting { write.write(waiting).await } else { write.flush().await.map(|()| 0) } },
                if has_waiting || *unflushed =>
            {
                let count = wrote.map_err(Lost::because)?;
                let _ = waiting.split_to(count);
                *unflushed = has_waiting;
                Ok(Told::Wrote)
            }
            count = read.read_buf(received), if reads => match count.map_err(Lost::because)? {
                0 => Err(Lost("the host closed the connection".to_owned())),
                _ => Ok(Told::Shared(received.split().freeze())),
            },
        }
    }
}
