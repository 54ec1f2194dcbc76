//! A viewer made for tests: it speaks the protocol by hand, so that it can also break it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use shoji_host::pki::Bundle;
use shoji_protocol::frame;
use shoji_protocol::{
    AttachHow, CanvasId, Capabilities, Channel, CloseCode, Input, InputSequence, KeyboardLayout, Locale, Notice, Rate,
    ResumeToken, Scale, SessionId, Size, ToHost, ToViewer, UpdateId, Viewport, limits,
};
use tokio::time::timeout;

use super::fixture::PATIENCE;
use super::wire::{Carrier, Wire};

pub(crate) struct Client {
    pub(crate) wire: Wire,
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

pub(crate) fn viewport(width: u16, height: u16) -> Viewport {
    Viewport::new(Size::new(width, height).unwrap(), Scale::ONE, Rate::HZ_60).unwrap()
}

impl Client {
    /// Connects by QUIC and opens the streams; says nothing yet.
    pub(crate) async fn open(bundle: &Bundle) -> Self {
        Self::open_over(Carrier::Quic, bundle).await
    }

    /// Connects and opens the streams; says nothing yet.
    pub(crate) async fn open_over(carrier: Carrier, bundle: &Bundle) -> Self {
        Self::of(Wire::open(carrier, bundle).await)
    }

    /// On a connection that is there.
    pub(crate) fn of(wire: Wire) -> Self {
        Self { wire, sequence: 0, pictures: BTreeMap::new(), acknowledges: true }
    }

    /// Says hello to a host that may have closed meanwhile.
    pub(crate) async fn try_hello(&mut self) {
        self.answer(&ToHost::Hello { minor: limits::MINOR, capabilities: Capabilities::ALL, locale: Locale::Ja }).await;
    }

    /// A viewer with a session whose first picture has come, by QUIC.
    pub(crate) async fn with_picture(bundle: &Bundle) -> (Self, ResumeToken) {
        Self::with_picture_over(Carrier::Quic, bundle).await
    }

    /// A viewer with a session whose first picture has come.
    pub(crate) async fn with_picture_over(carrier: Carrier, bundle: &Bundle) -> (Self, ResumeToken) {
        let mut client = Self::open_over(carrier, bundle).await;
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
        assert!(self.write(message).await, "the host takes nothing more");
    }

    /// Answers what came; the host may have closed meanwhile, which is read next.
    async fn answer(&mut self, message: &ToHost) {
        let _ = self.write(message).await;
    }

    async fn write(&mut self, message: &ToHost) -> bool {
        let mut bytes = Vec::new();
        frame::encode_to_host(message, &mut bytes);
        self.wire.write(message.channel(), &bytes).await
    }

    /// Writes bytes where the frames of the control channel go.
    pub(crate) async fn write_control(&mut self, bytes: &[u8]) {
        assert!(self.wire.write(Channel::Control, bytes).await, "the host takes nothing more");
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
        let body = match self.wire.frame().await {
            Ok(body) => body,
            Err(closed) => return Seen::Close(closed.0.expect("the host closed without a word")),
        };
        let message = ToViewer::decode(&body).unwrap();
        let saw = seen(&message);
        match message {
            ToViewer::Ping { nonce } => self.answer(&ToHost::Pong { nonce }).await,
            ToViewer::Update { canvas, update, more, pixels, .. } => {
                let limits = shoji_codec::Limits::default();
                let picture = self.pictures.entry(canvas).or_insert_with(|| shoji_codec::Decoder::new(limits));
                picture.apply(pixels.bytes()).unwrap();
                if self.acknowledges && !more {
                    self.answer(&ToHost::Presented { canvas, update }).await;
                }
            }
            _ => {}
        }
        saw
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

    /// Reads on until the host closes, and says with which code: that of its message, which is also the carrier's if it has one.
    pub(crate) async fn until_closed(&mut self) -> CloseCode {
        let said = loop {
            if let Seen::Close(code) = self.next().await {
                break code;
            }
        };
        self.wire.until_closed(said).await;
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
