//! How the made viewer's frames travel: over QUIC, over TLS/TCP, or over a browser's WebSocket or WebTransport.

use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, ConnectionError, Endpoint, RecvStream, SendStream};
use rustls::AlertDescription;
use rustls::pki_types::ServerName;
use shoji_host::pki::Bundle;
use shoji_protocol::frame::{Decoder, Kind};
use shoji_protocol::{Channel, CloseCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::browser;
use super::client::{identity, tls};
use super::fixture::{Host, PATIENCE};

/// A way to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Quic,
    TlsTcp,
    WebSocket,
    WebTransport,
}

impl Carrier {
    /// Whether it carries a browser, which has no certificate but a ticket.
    pub(crate) fn is_browsers(self) -> bool {
        matches!(self, Self::WebSocket | Self::WebTransport)
    }

    /// Whether each channel has a stream of its own.
    pub(crate) fn has_streams(self) -> bool {
        matches!(self, Self::Quic | Self::WebTransport)
    }
}

/// Makes a test of each carrier of a device with a certificate out of one body.
macro_rules! over_every_native_carrier {
    ($( async fn $name:ident($carrier:ident: Carrier) $body:block )*) => {
        $(
            mod $name {
                use super::*;

                async fn test($carrier: Carrier) $body

                #[tokio::test]
                async fn over_quic() {
                    test(Carrier::Quic).await;
                }

                #[tokio::test]
                async fn over_tls_tcp() {
                    test(Carrier::TlsTcp).await;
                }
            }
        )*
    };
}
pub(crate) use over_every_native_carrier;

/// Makes a test of each carrier out of one body.
macro_rules! over_every_carrier {
    ($( async fn $name:ident($carrier:ident: Carrier) $body:block )*) => {
        $(
            mod $name {
                use super::*;

                async fn test($carrier: Carrier) $body

                #[tokio::test]
                async fn over_quic() {
                    test(Carrier::Quic).await;
                }

                #[tokio::test]
                async fn over_tls_tcp() {
                    test(Carrier::TlsTcp).await;
                }

                #[tokio::test]
                async fn over_websocket() {
                    test(Carrier::WebSocket).await;
                }

                #[tokio::test]
                async fn over_webtransport() {
                    test(Carrier::WebTransport).await;
                }
            }
        )*
    };
}
pub(crate) use over_every_carrier;

/// A device for a carrier: with a certificate, or a browser that was approved.
pub(crate) async fn device(carrier: Carrier, host: &Host, name: &str) -> Bundle {
    match carrier {
        Carrier::Quic | Carrier::TlsTcp => host.device(name),
        Carrier::WebSocket | Carrier::WebTransport => browser::device(host, name).await,
    }
}

/// A connection.
pub(crate) enum Wire {
    Quic(Box<Quic>),
    TlsTcp(Box<TlsTcp>),
    WebSocket(Box<browser::Socket>),
    WebTransport(Box<browser::Transport>),
}

pub(crate) struct Quic {
    connection: quinn::Connection,
    _endpoint: Endpoint,
    control_out: SendStream,
    control_in: RecvStream,
    input_out: SendStream,
    updates_in: Option<RecvStream>,
    control: Decoder,
    updates: Decoder,
}

pub(crate) struct TlsTcp {
    stream: TlsStream<TcpStream>,
    decoder: Decoder,
}

/// The connection is over: with this code, where the carrier has one.
#[derive(Debug)]
pub(crate) struct Closed(pub(crate) Option<CloseCode>);

/// A QUIC connection with this TLS.
pub(crate) async fn connect_quic(
    bundle: &Bundle,
    tls: rustls::ClientConfig,
) -> Result<(Endpoint, quinn::Connection), ConnectionError> {
    let mut endpoint = Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let mut transport = quinn::TransportConfig::default();
    transport.stream_receive_window((16_u32 << 20).into());
    config.transport_config(Arc::new(transport));
    endpoint.set_default_client_config(config);
    let connection = endpoint.connect(bundle.host.parse().unwrap(), &bundle.server_name).unwrap().await?;
    Ok((endpoint, connection))
}

async fn connect_tcp(bundle: &Bundle, tls: rustls::ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(&bundle.host).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = ServerName::try_from(bundle.server_name.clone()).unwrap();
    TlsConnector::from(Arc::new(tls)).connect(name, stream).await
}

/// Connects in vain: the TLS alert with which the host ended it. The host's verdict on the certificate may come only with the first
/// use of the connection.
pub(crate) async fn refused(carrier: Carrier, bundle: &Bundle, tls: rustls::ClientConfig) -> AlertDescription {
    match carrier {
        Carrier::Quic => {
            let error = match connect_quic(bundle, tls).await {
                Err(error) => error,
                Ok((_endpoint, connection)) => timeout(PATIENCE, connection.closed()).await.unwrap(),
            };
            let code = match error {
                ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
                ConnectionError::TransportError(error) => u64::from(error.code),
                other => panic!("{other}"),
            };
            // QUIC carries an alert as 0x100 and its number.
            AlertDescription::from(u8::try_from(code - 0x100).unwrap())
        }
        Carrier::TlsTcp => {
            let error = match connect_tcp(bundle, tls).await {
                Err(error) => error,
                Ok(mut stream) => {
                    // Like a viewer that says hello before it knows the verdict: the alert still arrives.
                    let _ = stream.write_all(b"hello").await;
                    timeout(PATIENCE, stream.read(&mut [0])).await.unwrap().unwrap_err()
                }
            };
            let tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
            match tls {
                Some(rustls::Error::AlertReceived(alert)) => *alert,
                _ => panic!("{error}"),
            }
        }
        Carrier::WebSocket | Carrier::WebTransport => panic!("a browser has no certificate to refuse"),
    }
}

impl Wire {
    /// Connects and opens the streams; says nothing yet.
    pub(crate) async fn open(carrier: Carrier, bundle: &Bundle) -> Self {
        match carrier {
            Carrier::Quic | Carrier::TlsTcp => {
                Self::open_with(carrier, bundle, tls(bundle, Some(identity(bundle)))).await
            }
            Carrier::WebSocket => Self::WebSocket(Box::new(browser::Socket::open(bundle).await)),
            Carrier::WebTransport => Self::WebTransport(Box::new(browser::Transport::open(bundle).await)),
        }
    }

    /// The same with this TLS, for a device with a certificate.
    pub(crate) async fn open_with(carrier: Carrier, bundle: &Bundle, tls: rustls::ClientConfig) -> Self {
        let decoder = || Decoder::new(&[Kind::ToViewer]);
        match carrier {
            Carrier::Quic => {
                let (endpoint, connection) = connect_quic(bundle, tls).await.unwrap();
                let (control_out, control_in) = connection.open_bi().await.unwrap();
                let input_out = connection.open_uni().await.unwrap();
                Self::Quic(Box::new(Quic {
                    connection,
                    _endpoint: endpoint,
                    control_out,
                    control_in,
                    input_out,
                    updates_in: None,
                    control: decoder(),
                    updates: decoder(),
                }))
            }
            Carrier::TlsTcp => {
                let stream = connect_tcp(bundle, tls).await.unwrap();
                Self::TlsTcp(Box::new(TlsTcp { stream, decoder: decoder() }))
            }
            Carrier::WebSocket | Carrier::WebTransport => panic!("a browser's TLS is the page's"),
        }
    }

    /// Writes these bytes where the frames of a channel go; `false`: the host takes them no more.
    pub(crate) async fn write(&mut self, channel: Channel, bytes: &[u8]) -> bool {
        match self {
            Self::Quic(quic) if channel == Channel::Input => quic.input_out.write_all(bytes).await.is_ok(),
            Self::Quic(quic) => quic.control_out.write_all(bytes).await.is_ok(),
            Self::TlsTcp(tcp) => tcp.stream.write_all(bytes).await.is_ok() && tcp.stream.flush().await.is_ok(),
            Self::WebSocket(socket) => socket.write(bytes).await,
            Self::WebTransport(web) if channel == Channel::Input => web.input_out.write_all(bytes).await.is_ok(),
            Self::WebTransport(web) => web.control_out.write_all(bytes).await.is_ok(),
        }
    }

    /// Sends these bytes beside the streams.
    pub(crate) fn send_datagram(&self, bytes: &[u8]) {
        match self {
            Self::Quic(quic) => quic.connection.send_datagram(bytes.to_vec().into()).unwrap(),
            Self::WebTransport(web) => web.session.send_datagram(bytes),
            Self::TlsTcp(_) | Self::WebSocket(_) => panic!("this carrier has no datagrams"),
        }
    }

    /// The body of the next frame. Safe to drop at any time.
    pub(crate) async fn frame(&mut self) -> Result<Vec<u8>, Closed> {
        match self {
            Self::Quic(quic) => quic.frame().await,
            Self::TlsTcp(tcp) => tcp.frame().await,
            Self::WebSocket(socket) => socket.frame().await,
            Self::WebTransport(web) => web.frame().await,
        }
    }

    /// Waits until the host has closed for this reason, as far as the carrier can say one.
    pub(crate) async fn until_closed(&mut self, code: CloseCode) {
        let closed = loop {
            match timeout(PATIENCE, self.frame()).await.expect("the host does not close") {
                // What was on its way.
                Ok(_) => {}
                Err(closed) => break closed,
            }
        };
        match self {
            Self::Quic(_) | Self::WebSocket(_) | Self::WebTransport(_) => assert_eq!(closed.0, Some(code)),
            Self::TlsTcp(_) => assert!(closed.0.is_none()),
        }
    }

    /// Leaves without a word of the protocol.
    pub(crate) async fn leave(self) {
        match self {
            Self::Quic(quic) => quic.connection.close(0_u32.into(), b""),
            Self::TlsTcp(mut tcp) => tcp.stream.shutdown().await.unwrap(),
            Self::WebSocket(socket) => socket.leave().await,
            Self::WebTransport(web) => web.leave().await,
        }
    }

    /// Leaves when the host has what was written.
    pub(crate) async fn leave_when_read(mut self) {
        let control_out = match &mut self {
            Self::Quic(quic) => Some(&mut quic.control_out),
            Self::WebTransport(web) => Some(&mut web.control_out),
            Self::TlsTcp(_) | Self::WebSocket(_) => None,
        };
        if let Some(control_out) = control_out {
            control_out.finish().unwrap();
            let _ = control_out.stopped().await;
        }
        self.leave().await;
    }
}

impl Quic {
    async fn frame(&mut self) -> Result<Vec<u8>, Closed> {
        loop {
            for decoder in [&mut self.control, &mut self.updates] {
                if let Some(frame) = decoder.next_frame().unwrap() {
                    return Ok(frame.body.to_vec());
                }
            }
            let Self { control_in, updates_in, connection, .. } = self;
            let from_updates = async {
                match updates_in {
                    Some(stream) => Ok(stream.read_chunk(1 << 20, true).await),
                    None => Err(connection.accept_uni().await),
                }
            };
            tokio::select! {
                biased;
                chunk = control_in.read_chunk(1 << 16, true) => match chunk {
                    Ok(Some(chunk)) => self.control.push(&chunk.bytes),
                    _ => return Err(closed(&self.connection).await),
                },
                opened = from_updates => match opened {
                    Ok(Ok(Some(chunk))) => self.updates.push(&chunk.bytes),
                    Err(Ok(stream)) => self.updates_in = Some(stream),
                    _ => return Err(closed(&self.connection).await),
                },
            }
        }
    }
}

async fn closed(connection: &quinn::Connection) -> Closed {
    match connection.closed().await {
        ConnectionError::ApplicationClosed(close) => {
            let number = u16::try_from(close.error_code.into_inner()).unwrap();
            Closed(Some(CloseCode::from_number(number).unwrap()))
        }
        other => panic!("{other}"),
    }
}

impl TlsTcp {
    async fn frame(&mut self) -> Result<Vec<u8>, Closed> {
        let mut room = vec![0; 64 << 10];
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                return Ok(frame.body.to_vec());
            }
            match self.stream.read(&mut room).await {
                Ok(count) if count > 0 => self.decoder.push(&room[..count]),
                _ => return Err(Closed(None)),
            }
        }
    }
}
