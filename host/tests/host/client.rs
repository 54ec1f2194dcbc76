//! A viewer made for tests: it speaks the protocol by hand, so that it can also break it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, ConnectionError, Endpoint, RecvStream, SendStream};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use shoji_host::pki::Bundle;
use shoji_protocol::frame::{self, Decoder, Kind};
use shoji_protocol::{
    AttachHow, CanvasId, Capabilities, CloseCode, Input, InputSequence, KeyboardLayout, Locale, Notice, Rate,
    ResumeToken, Scale, SessionId, Size, ToHost, ToViewer, UpdateId, Viewport, limits,
};
use tokio::time::timeout;

use super::fixture::PATIENCE;

pub(crate) struct Client {
    pub(crate) connection: quinn::Connection,
    _endpoint: Endpoint,
    pub(crate) control_out: SendStream,
    control_in: RecvStream,
    pub(crate) input_out: SendStream,
    updates_in: Option<RecvStream>,
    control: Decoder,
    updates: Decoder,
    pub(crate) sequence: u64,
    pub(crate) pictures: BTreeMap<CanvasId, shoji_codec::Decoder>,
    /// Whether updates are acknowledged.
    pub(crate) acknowledges: bool,
}

/// What the host said, without what borrows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Welcome,
    Attached { session: SessionId, token: ResumeToken, resumed: bool },
    Opened(CanvasId, Size),
    Update { canvas: CanvasId, update: UpdateId, input: InputSequence, bytes: usize, complete: bool },
    Notice(Notice),
    Pong,
    Close(CloseCode),
    Other,
}

pub(crate) fn identity(bundle: &Bundle) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let certificate = CertificateDer::from_pem_slice(bundle.certificate.as_bytes()).unwrap();
    (vec![certificate], PrivateKeyDer::from_pem_slice(bundle.key.as_bytes()).unwrap())
}

/// A client's TLS configuration; without an identity it shows no certificate.
pub(crate) fn tls(
    bundle: &Bundle,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(bundle.ca.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"shoji/1".to_vec()];
    config
}

/// Connects; the host's verdict on the certificate may come only with the first use of the connection.
pub(crate) async fn connect(
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

/// Connects in vain: how the host ended it.
pub(crate) async fn refused(bundle: &Bundle, tls: rustls::ClientConfig) -> ConnectionError {
    match connect(bundle, tls).await {
        Err(error) => error,
        Ok((_endpoint, connection)) => timeout(PATIENCE, connection.closed()).await.unwrap(),
    }
}

pub(crate) fn viewport(width: u16, height: u16) -> Viewport {
    Viewport::new(Size::new(width, height).unwrap(), Scale::ONE, Rate::HZ_60).unwrap()
}

impl Client {
    /// Connects and opens the streams; says nothing yet.
    pub(crate) async fn open(bundle: &Bundle) -> Self {
        let (endpoint, connection) = connect(bundle, tls(bundle, Some(identity(bundle)))).await.unwrap();
        let (control_out, control_in) = connection.open_bi().await.unwrap();
        let input_out = connection.open_uni().await.unwrap();
        Self {
            connection,
            _endpoint: endpoint,
            control_out,
            control_in,
            input_out,
            updates_in: None,
            control: Decoder::new(&[Kind::ToViewer]),
            updates: Decoder::new(&[Kind::ToViewer]),
            sequence: 0,
            pictures: BTreeMap::new(),
            acknowledges: true,
        }
    }

    /// A viewer with a session whose first picture has come.
    pub(crate) async fn with_picture(bundle: &Bundle) -> (Self, ResumeToken) {
        let mut client = Self::open(bundle).await;
        let token = client.attach(AttachHow::New).await.unwrap();
        client.until_update().await;
        (client, token)
    }

    pub(crate) async fn hello(&mut self) {
        let hello = ToHost::Hello { minor: limits::MINOR, capabilities: Capabilities::ALL, locale: Locale::Ja };
        self.say(&hello).await;
    }

    pub(crate) async fn ask(&mut self, how: AttachHow) {
        let attach = ToHost::Attach { how, viewport: viewport(1280, 800), keyboard: KeyboardLayout::Jp };
        self.say(&attach).await;
    }

    /// Says hello and attaches; `Err`: the code that the host closed with.
    pub(crate) async fn attach(&mut self, how: AttachHow) -> Result<ResumeToken, CloseCode> {
        self.hello().await;
        self.ask(how).await;
        loop {
            match self.next().await {
                Seen::Attached { token, .. } => return Ok(token),
                Seen::Close(code) => return Err(code),
                _ => {}
            }
        }
    }

    /// Sends a message on its channel.
    pub(crate) async fn say(&mut self, message: &ToHost) {
        self.write(message).await.unwrap();
    }

    /// Answers what came; the host may have closed meanwhile, which is read next.
    async fn answer(&mut self, message: &ToHost) {
        let _ = self.write(message).await;
    }

    async fn write(&mut self, message: &ToHost) -> Result<(), quinn::WriteError> {
        let mut bytes = Vec::new();
        frame::encode_to_host(message, &mut bytes);
        match message.channel() {
            shoji_protocol::Channel::Input => self.input_out.write_all(&bytes).await,
            _ => self.control_out.write_all(&bytes).await,
        }
    }

    /// Sends an input event with the next sequence number.
    pub(crate) async fn input(&mut self, event: Input) {
        self.sequence += 1;
        self.say(&ToHost::Input { sequence: InputSequence(self.sequence), event }).await;
    }

    /// What the host says next.
    pub(crate) async fn next(&mut self) -> Seen {
        timeout(PATIENCE, self.read()).await.expect("the host says nothing")
    }

    async fn read(&mut self) -> Seen {
        loop {
            if let Some(frame) = self.control.next_frame().unwrap() {
                let message = ToViewer::decode(frame.body).unwrap();
                let saw = seen(&message);
                if let ToViewer::Ping { nonce } = message {
                    self.answer(&ToHost::Pong { nonce }).await;
                }
                return saw;
            }
            if let Some(frame) = self.updates.next_frame().unwrap() {
                let message = ToViewer::decode(frame.body).unwrap();
                let saw = seen(&message);
                if let ToViewer::Update { canvas, update, more, pixels, .. } = message {
                    let limits = shoji_codec::Limits::default();
                    let picture = self.pictures.entry(canvas).or_insert_with(|| shoji_codec::Decoder::new(limits));
                    picture.apply(pixels.bytes()).unwrap();
                    if self.acknowledges && !more {
                        self.answer(&ToHost::Presented { canvas, update }).await;
                    }
                }
                return saw;
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
                    _ => return closed(&self.connection).await,
                },
                opened = from_updates => match opened {
                    Ok(Ok(Some(chunk))) => self.updates.push(&chunk.bytes),
                    Err(Ok(stream)) => self.updates_in = Some(stream),
                    _ => return closed(&self.connection).await,
                },
            }
        }
    }

    pub(crate) async fn until(&mut self, what: &str, mut is_it: impl FnMut(&Seen) -> bool) -> Seen {
        loop {
            let seen = self.next().await;
            if is_it(&seen) {
                return seen;
            }
            if let Seen::Close(code) = seen {
                panic!("closed with {code:?} while waiting for {what}");
            }
        }
    }

    pub(crate) async fn until_update(&mut self) -> CanvasId {
        match self.until("an update", |seen| matches!(seen, Seen::Update { .. })).await {
            Seen::Update { canvas, .. } => canvas,
            _ => unreachable!(),
        }
    }

    /// Reads on until the host closes, and says with which code: that of its message, which is also QUIC's.
    pub(crate) async fn until_closed(&mut self) -> CloseCode {
        let said = loop {
            if let Seen::Close(code) = self.next().await {
                break code;
            }
        };
        let closed = timeout(PATIENCE, self.connection.closed()).await.expect("the host does not close");
        match closed {
            ConnectionError::ApplicationClosed(close) => {
                assert_eq!(close.error_code.into_inner(), u64::from(said.number()));
            }
            other => panic!("{other}"),
        }
        said
    }

    /// The session still answers: its host to a ping, and its worker to the wish for a new picture.
    pub(crate) async fn is_alive(&mut self) {
        self.say(&ToHost::Ping { nonce: shoji_protocol::Nonce(7) }).await;
        self.until("a pong", |seen| *seen == Seen::Pong).await;
        let canvas = *self.pictures.keys().next().expect("a session with a picture");
        self.say(&ToHost::Repaint { canvas }).await;
        self.until("a new picture", |seen| matches!(seen, Seen::Update { complete: true, .. })).await;
    }

    /// Reads (and acknowledges) what comes, until nothing has come for `quiet`.
    pub(crate) async fn until_quiet(&mut self, quiet: Duration) {
        while timeout(quiet, self.next()).await.is_ok() {}
    }
}

async fn closed(connection: &quinn::Connection) -> Seen {
    match connection.closed().await {
        ConnectionError::ApplicationClosed(close) => {
            let number = u16::try_from(close.error_code.into_inner()).unwrap();
            Seen::Close(CloseCode::from_number(number).unwrap())
        }
        other => panic!("{other}"),
    }
}

fn seen(message: &ToViewer<'_>) -> Seen {
    match *message {
        ToViewer::Welcome { .. } => Seen::Welcome,
        ToViewer::Attached { session, token, resumed } => Seen::Attached { session, token, resumed },
        ToViewer::CanvasOpened { canvas, size, .. } => Seen::Opened(canvas, size),
        ToViewer::Update { canvas, update, input, pixels, .. } => {
            // The payload's second byte is its flags; the lowest: the canvas starts anew.
            let complete = pixels.bytes().get(1).is_some_and(|flags| flags & 1 == 1);
            Seen::Update { canvas, update, input, bytes: pixels.bytes().len(), complete }
        }
        ToViewer::Notice { notice } => Seen::Notice(notice),
        ToViewer::Pong { .. } => Seen::Pong,
        ToViewer::Close { code } => Seen::Close(code),
        _ => Seen::Other,
    }
}
