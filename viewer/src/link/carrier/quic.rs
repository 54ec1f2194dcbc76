//! QUIC: a stream for each channel, and datagrams for copies of input and of updates.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use quinn::{Endpoint, RecvStream, SendStream, VarInt, WriteError};
use shoji_protocol::{Channel, CloseCode};

use super::{Chunks, Told};
use crate::{
    bundle::Bundle,
    link::{
        Error, tls,
        wire::{Outgoing, Waiting},
    },
};

/// Receive buffer asked of the system: a whole page of text (half a megabyte) may arrive while this thread decodes.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// A QUIC connection with its streams; the host's stream of updates comes with its first update.
pub(in crate::link) struct Quic {
    connection: quinn::Connection,
    /// Ends its connection when it is dropped.
    _endpoint: Endpoint,
    control_out: SendStream,
    control_in: RecvStream,
    input_out: SendStream,
    updates: Option<RecvStream>,
    host: String,
}

impl Quic {
    /// Connects, which the caller may give up.
    pub(super) async fn connect(
        address: SocketAddr,
        bundle: &Bundle,
        config: quinn::ClientConfig,
    ) -> Result<Self, Error> {
        let local = |error: std::io::Error| Error::Local(error.kind().to_string());
        let any: SocketAddr =
            if address.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let socket = std::net::UdpSocket::bind(any).map_err(local)?;
        // The system may grant less; then a burst costs a retransmission, nothing more.
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
        let runtime = quinn::default_runtime().ok_or_else(|| Error::Local("no runtime".into()))?;
        let mut endpoint = Endpoint::new(quinn::EndpointConfig::default(), None, socket, runtime).map_err(local)?;
        endpoint.set_default_client_config(config);
        let host = bundle.host().to_owned();
        let unreachable = || Error::Unreachable { host: host.clone() };
        let connecting = endpoint.connect(address, bundle.server_name()).map_err(|_| unreachable())?;
        let connection = connecting.await.map_err(|error| tls::explain(&error, &host, false))?;
        let explain = |error| tls::explain(&error, &host, true);
        let (control_out, control_in) = connection.open_bi().await.map_err(explain)?;
        let input_out = connection.open_uni().await.map_err(explain)?;
        // What a person does goes before everything else.
        let _ = input_out.set_priority(1);
        Ok(Self { connection, _endpoint: endpoint, control_out, control_in, input_out, updates: None, host })
    }

    pub(super) fn connection(&self) -> &quinn::Connection {
        &self.connection
    }

    pub(super) async fn next(&mut self, outgoing: &mut Outgoing, chunks: &mut Chunks) -> Result<Told, Error> {
        let Self { connection, control_out, control_in, input_out, updates, .. } = self;
        let Outgoing { control, input, .. } = outgoing;
        let (writes_input, writes_control) = (!input.rest().is_empty(), !control.rest().is_empty());
        let has_updates = updates.is_some();
        let wrote = |result: Result<usize, WriteError>, waiting: &mut Waiting| match result {
            Ok(count) => {
                waiting.took(count);
                Ok(Told::Wrote)
            }
            Err(WriteError::Stopped(_)) => Err(Error::HostStalled),
            Err(_) => Err(Error::Lost),
        };
        let read = |channel, count: Option<usize>| match count {
            Some(count) => Told::Channel(channel, count),
            None => Told::Finished,
        };
        let mut other: Chunks = std::array::from_fn(|_| bytes::Bytes::new());
        tokio::select! {
            biased;
            result = input_out.write(input.rest()), if writes_input => wrote(result, input),
            result = control_out.write(control.rest()), if writes_control => wrote(result, control),
            result = control_in.read_chunks(&mut other) => {
                let count = result.map_err(|_| Error::Lost)?;
                *chunks = other;
                Ok(read(Channel::Control, count))
            }
            result = async {
                match updates {
                    Some(stream) => stream.read_chunks(chunks).await,
                    None => std::future::pending().await,
                }
            } => Ok(read(Channel::Updates, result.map_err(|_| Error::Lost)?)),
            result = connection.read_datagram() => Ok(Told::Datagram(result.map_err(|_| Error::Lost)?)),
            result = connection.accept_uni(), if !has_updates => {
                *updates = Some(result.map_err(|_| Error::Lost)?);
                Ok(Told::Wrote)
            }
        }
    }

    pub(super) fn reason(&self) -> Option<Error> {
        self.connection.close_reason().map(|reason| tls::explain(&reason, &self.host, true))
    }

    pub(super) async fn closed(&self) -> Error {
        tls::explain(&self.connection.closed().await, &self.host, true)
    }

    pub(super) async fn farewell(&mut self, outgoing: &mut Outgoing, patience: Duration, code: CloseCode) {
        if self.connection.close_reason().is_none() {
            let send = &mut self.control_out;
            let saying = async {
                let _ = send.write_all(outgoing.control.rest()).await;
                let _ = send.finish();
                let _ = send.stopped().await;
            };
            let _ = tokio::time::timeout(patience, saying).await;
        }
        self.connection.close(VarInt::from_u32(code.number().into()), b"");
    }
}
