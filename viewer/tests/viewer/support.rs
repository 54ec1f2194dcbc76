//! A host for tests: real QUIC and TLS, the protocol's own host state machine, and a hand that does what a test wants.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use quinn::{Endpoint, RecvStream, SendStream, crypto::rustls::QuicServerConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::{RootCertStore, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use shoji_codec::{Budget, Encoder, Frame, Time};
use shoji_protocol::{
    CanvasId, CanvasKind, Channel, CloseCode, Input, InputSequence, Notice, Pixels, ResumeToken, SessionId, Size,
    ToHost, ToViewer, UpdateId, Viewport, frame,
    host::{Config, Connection, Event},
    time::Instant,
};
use shoji_viewer::{bundle::Bundle, clock};
use tokio::runtime::Runtime;

/// Nothing in these tests takes longer unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// An authority for hosts and devices.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("a certificate") }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    fn issue(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a valid name");
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        (certificate.pem(), key.serialize_pem())
    }

    /// A device file of a device that this authority knows, for a host that `trusted` vouches for.
    pub(crate) fn bundle(&self, host: SocketAddr, trusted: &Self, not_after: u64) -> String {
        let (certificate, key) = self.issue("device", ExtendedKeyUsagePurpose::ClientAuth);
        serde_json::json!({
            "version": 1, "name": "pc-012", "host": host.to_string(), "server_name": "shoji-host",
            "ca": trusted.pem(), "certificate": certificate, "key": key, "not_after": not_after,
        })
        .to_string()
    }
}

/// How a host differs from a good one.
#[derive(Clone)]
pub(crate) struct Oddities {
    pub(crate) alpn: &'static [u8],
    pub(crate) receive_window: u32,
}

impl Default for Oddities {
    fn default() -> Self {
        Self { alpn: b"shoji/1", receive_window: 1 << 20 }
    }
}

/// A host that accepts one connection at a time.
pub(crate) struct Host {
    runtime: Arc<Runtime>,
    endpoint: Endpoint,
    pub(crate) authority: Authority,
    pub(crate) address: SocketAddr,
}

impl Host {
    pub(crate) fn start() -> Self {
        Self::odd(&Oddities::default())
    }

    pub(crate) fn odd(oddities: &Oddities) -> Self {
        let authority = Authority::new();
        let (certificate, key) = authority.issue("shoji-host", ExtendedKeyUsagePurpose::ServerAuth);
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(der(&authority.pem())).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().expect("a verifier");
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![der(&certificate)], PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key"))
            .expect("a pair");
        tls.alpn_protocols = vec![oddities.alpn.to_vec()];
        let mut config =
            quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).expect("TLS 1.3 suites")));
        let mut transport = quinn::TransportConfig::default();
        transport.stream_receive_window(oddities.receive_window.into());
        config.transport_config(Arc::new(transport));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = Arc::new(runtime.expect("a runtime"));
        let endpoint = runtime
            .block_on(async { Endpoint::server(config, "127.0.0.1:0".parse().expect("an address")) })
            .expect("a port");
        let address = endpoint.local_addr().expect("bound");
        Self { runtime, endpoint, authority, address }
    }

    pub(crate) fn bundle_text(&self) -> String {
        self.authority.bundle(self.address, &self.authority, u64::from(u32::MAX))
    }

    pub(crate) fn bundle(&self) -> Bundle {
        Bundle::parse(self.bundle_text().as_bytes()).expect("a good bundle")
    }

    /// Waits for a viewer and its control stream; what it says first has been said.
    pub(crate) fn accept(&self) -> Peer {
        self.block("a viewer", async {
            let carrier = self.endpoint.accept().await.expect("open").await.expect("a handshake");
            let (control_out, control_in) = carrier.accept_bi().await.expect("a control stream");
            let updates = carrier.open_uni().await.expect("an updates stream");
            Peer {
                runtime: self.runtime.clone(),
                carrier,
                control: (control_out, control_in, frame::Decoder::new(&[frame::Kind::ToHost])),
                input: None,
                updates,
                sent: 0,
                lost: None,
                machine: Connection::new(Config::default(), now()),
                encoders: Vec::new(),
                update: 0,
                viewport: None,
            }
        })
    }

    /// Turns a viewer's handshake away, as an endpoint does that is closed or has too many of them.
    pub(crate) fn turn_away(&self) {
        self.block("a viewer", async {
            self.endpoint.accept().await.expect("open").refuse();
        });
    }

    /// Takes a connection and fails or drops it, whichever happens.
    pub(crate) fn accept_badly(&self) {
        self.block("a viewer", async {
            let _ = self.endpoint.accept().await.expect("open").await;
        });
    }

    fn block<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        block(&self.runtime, what, future)
    }
}

fn block<T>(runtime: &Runtime, what: &str, future: impl Future<Output = T>) -> T {
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await }).unwrap_or_else(|_| panic!("no {what}"))
}

fn now() -> Instant {
    Instant::from_micros(clock::now().0 / 1_000)
}

/// One viewer, seen from the host.
pub(crate) struct Peer {
    runtime: Arc<Runtime>,
    pub(crate) carrier: quinn::Connection,
    control: (SendStream, RecvStream, frame::Decoder),
    input: Option<(RecvStream, frame::Decoder)>,
    updates: SendStream,
    /// Bytes that went into the stream of updates, or should have.
    sent: u64,
    /// What the network lost of it, while it loses.
    lost: Option<Vec<u8>>,
    machine: Connection,
    encoders: Vec<(CanvasId, Encoder)>,
    update: u64,
    viewport: Option<Viewport>,
}

impl Peer {
    /// Gives the viewer a session; tells how it asked for it.
    pub(crate) fn attach(&mut self, token: u128, resumed: bool) -> shoji_protocol::AttachHow {
        let Event::AttachRequested { how, viewport, .. } = self.event() else { panic!("the viewer asks first") };
        self.viewport = Some(viewport);
        assert!(self.machine.attached(SessionId(1), ResumeToken(token), resumed, now()));
        self.flush();
        how
    }

    pub(crate) fn viewport(&self) -> Viewport {
        self.viewport.expect("attached")
    }

    /// The next thing that the viewer wants.
    pub(crate) fn event(&mut self) -> Event {
        let runtime = self.runtime.clone();
        block(&runtime, "message of the viewer", async {
            loop {
                if let Some(event) = self.machine.poll_event() {
                    return event;
                }
                let (channel, body) = self.read().await;
                self.machine.handle_frame(channel, &body, now()).expect("a good viewer");
                while let Some((_, bytes)) = self.machine.poll_send() {
                    self.control.0.write_all(&bytes).await.expect("an open stream");
                }
            }
        })
    }

    /// Answers what the viewer has asked so far, as a host does all the time; its wishes wait for [`event`](Self::event).
    pub(crate) fn answer(&mut self) {
        let runtime = self.runtime.clone();
        runtime.block_on(async {
            // What can be read at once is read; a read that is given up here has taken nothing.
            while let Ok((channel, body)) = tokio::time::timeout(Duration::from_millis(5), self.read()).await {
                self.machine.handle_frame(channel, &body, now()).expect("a good viewer");
                while let Some((_, bytes)) = self.machine.poll_send() {
                    self.control.0.write_all(&bytes).await.expect("an open stream");
                }
            }
        });
    }

    async fn read(&mut self) -> (Channel, Vec<u8>) {
        loop {
            if let Some(frame) = self.control.2.next_frame().expect("a frame") {
                return (Channel::Control, frame.body.to_vec());
            }
            if let Some((_, decoder)) = &mut self.input
                && let Some(frame) = decoder.next_frame().expect("a frame")
            {
                return (Channel::Input, frame.body.to_vec());
            }
            let (mut control, mut input) = ([0; 4096], [0; 4096]);
            tokio::select! {
                count = self.control.1.read(&mut control) => {
                    self.control.2.push(&control[..count.expect("open").expect("open")]);
                }
                count = async {
                    match &mut self.input {
                        Some((stream, _)) => stream.read(&mut input).await,
                        None => std::future::pending().await,
                    }
                } => {
                    let count = count.expect("open").expect("open");
                    self.input.as_mut().expect("just read").1.push(&input[..count]);
                }
                stream = self.carrier.accept_uni(), if self.input.is_none() => {
                    self.input = Some((stream.expect("open"), frame::Decoder::new(&[frame::Kind::ToHost])));
                }
            }
        }
    }

    /// The next message for the worker that is not an acknowledgement.
    pub(crate) fn message(&mut self) -> ToHost {
        match self.wish() {
            Event::ForWorker(message) => message,
            other => panic!("{other:?} instead of a message"),
        }
    }

    /// The next event that is not an acknowledgement.
    pub(crate) fn wish(&mut self) -> Event {
        loop {
            match self.event() {
                Event::ForWorker(ToHost::Presented { .. }) => {}
                event => return event,
            }
        }
    }

    /// The next input.
    pub(crate) fn input(&mut self) -> (InputSequence, Input) {
        loop {
            if let ToHost::Input { sequence, event } = self.message() {
                return (sequence, event);
            }
        }
    }

    /// The next size that the viewer asks for and that is as wished; it counts as its viewport from now on.
    pub(crate) fn resized(&mut self, is_it: impl Fn(shoji_protocol::Size) -> bool) -> shoji_protocol::Size {
        loop {
            if let Event::ForWorker(ToHost::Resize { viewport, .. }) = self.event()
                && is_it(viewport.size())
            {
                self.viewport = Some(viewport);
                return viewport.size();
            }
        }
    }

    /// The next acknowledgement.
    pub(crate) fn presented(&mut self) -> (CanvasId, UpdateId) {
        loop {
            if let Event::ForWorker(ToHost::Presented { canvas, update }) = self.event() {
                return (canvas, update);
            }
        }
    }

    /// Sends what a good host may say, through its state machine.
    pub(crate) fn say(&mut self, message: &ToViewer<'_>) {
        let mut body = Vec::new();
        message.encode(&mut body);
        let channel = self.machine.forward(&body, now()).expect("allowed").expect("attached");
        let mut bytes = Vec::new();
        frame::encode_to_viewer(message, &mut bytes);
        self.raw(channel, &bytes);
    }

    /// From now on the stream of updates brings nothing; only copies arrive.
    pub(crate) fn lose_updates(&mut self) {
        self.lost = Some(Vec::new());
    }

    /// What was lost is sent again.
    pub(crate) fn repeat_updates(&mut self) {
        let lost = self.lost.take().expect("it was lost");
        block(&self.runtime, "room in the stream", self.updates.write_all(&lost)).expect("an open stream");
    }

    /// Sends any bytes.
    pub(crate) fn raw(&mut self, channel: Channel, bytes: &[u8]) {
        if channel == Channel::Updates {
            let place = self.sent;
            self.sent += bytes.len() as u64;
            if let Some(lost) = &mut self.lost {
                lost.extend_from_slice(bytes);
                for (number, piece) in bytes.chunks(1_000).enumerate() {
                    let place = place + number as u64 * 1_000;
                    let datagram = [&place.to_le_bytes()[..], piece].concat();
                    self.carrier.send_datagram(datagram.into()).expect("the viewer takes datagrams");
                }
                return;
            }
        }
        let stream = match channel {
            Channel::Updates => &mut self.updates,
            _ => &mut self.control.0,
        };
        block(&self.runtime, "room in the stream", stream.write_all(bytes)).expect("an open stream");
    }

    /// Sends a message without asking the state machine.
    pub(crate) fn blurt(&mut self, channel: Channel, message: &ToViewer<'_>) {
        let mut bytes = Vec::new();
        frame::encode_to_viewer(message, &mut bytes);
        self.raw(channel, &bytes);
    }

    fn flush(&mut self) {
        while let Some((channel, bytes)) = self.machine.poll_send() {
            self.raw(channel, &bytes);
        }
    }

    pub(crate) fn open(&mut self, canvas: u32, kind: CanvasKind, parent: Option<u32>, size: Size) {
        self.say(&ToViewer::CanvasOpened { canvas: CanvasId(canvas), kind, parent: parent.map(CanvasId), size });
        self.encoders.push((CanvasId(canvas), Encoder::new(shoji_codec::Config::default()).expect("an encoder")));
    }

    /// Encodes and sends a picture; gives its last update's number.
    pub(crate) fn show(&mut self, canvas: u32, picture: &Picture, input: u64) -> UpdateId {
        let whole = [picture.frame().size.rect()];
        let (mut update, mut more) = self.show_part(canvas, picture, &whole, input);
        while more {
            (update, more) = self.show_part(canvas, picture, &[], input);
        }
        update
    }

    /// Encodes and sends a part of a picture; gives its update's number, and whether there is more.
    pub(crate) fn show_part(
        &mut self,
        canvas: u32,
        picture: &Picture,
        damage: &[shoji_codec::Rect],
        input: u64,
    ) -> (UpdateId, bool) {
        let canvas = CanvasId(canvas);
        let (_, encoder) = self.encoders.iter_mut().find(|(id, _)| *id == canvas).expect("opened");
        let mut payload = Vec::new();
        let outcome = encoder
            .encode(picture.frame(), damage, Budget { bytes: 8 << 20 }, Time(self.update * 100_000), &mut payload)
            .expect("a picture");
        self.update += 1;
        let update = UpdateId(self.update);
        let size = Size::clamped(picture.width, picture.height);
        let pixels = Pixels::new(&payload).expect("small");
        let (input, more) = (InputSequence(input), outcome.more);
        self.say(&ToViewer::Update { canvas, update, size, input, more, pixels });
        (update, more)
    }

    /// The next picture is a whole one, as a host makes it when it is asked for that.
    pub(crate) fn repaint(&mut self, canvas: u32) {
        let (_, encoder) = self.encoders.iter_mut().find(|(id, _)| id.0 == canvas).expect("opened");
        encoder.repaint();
    }

    /// Closes as a host does: a message, then the carrier with the same number.
    pub(crate) fn close(mut self, code: CloseCode) {
        self.machine.close(code);
        self.flush();
        let stream = &mut self.control.0;
        let _ = stream.finish();
        // A viewer may be gone before it acknowledges the end of the stream.
        let _ = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, stream.stopped()).await });
        self.carrier.close(u32::from(code.number()).into(), b"");
    }

    /// The code with which the viewer closes.
    pub(crate) fn closed_by_viewer(&mut self) -> CloseCode {
        let reason = block(&self.runtime, "close", self.carrier.closed());
        match reason {
            quinn::ConnectionError::ApplicationClosed(close) => {
                let number = u16::try_from(close.error_code.into_inner()).expect("a number of ours");
                CloseCode::from_number(number).expect("a code of ours")
            }
            other => panic!("{other} instead of a close with a code"),
        }
    }

    /// A notice from the host itself.
    pub(crate) fn notice(&mut self, notice: Notice) {
        self.machine.notice(notice);
        self.flush();
    }

    /// The payload of a picture, from an encoder of its own.
    pub(crate) fn encode(&self, picture: &Picture) -> Vec<u8> {
        let mut payload = Vec::new();
        let whole = [picture.frame().size.rect()];
        let mut encoder = Encoder::new(shoji_codec::Config::default()).expect("an encoder");
        encoder.encode(picture.frame(), &whole, Budget { bytes: 8 << 20 }, Time(0), &mut payload).expect("a picture");
        payload
    }

    /// Numbers that a test used by itself.
    pub(crate) fn skip_updates(&mut self, count: u64) {
        self.update += count;
    }
}

/// A picture made up for tests.
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) pixels: Vec<u8>,
}

impl Picture {
    /// Stripes and blocks whose colours tell their place; `seed` makes different ones.
    pub(crate) fn pattern(width: u32, height: u32, seed: u32) -> Self {
        let mut pixels = Vec::with_capacity((width * height * 4) as usize);
        for y in 0..height {
            for x in 0..width {
                let [b, g, r] = [(x / 16 * 16 + seed) as u8, (y / 16 * 16) as u8, (seed * 40) as u8];
                pixels.extend([b, g, r, 255]);
            }
        }
        Self { width, height, pixels }
    }

    pub(crate) fn of(viewport: Viewport, seed: u32) -> Self {
        Self::pattern(viewport.size().width().into(), viewport.size().height().into(), seed)
    }

    pub(crate) fn fill(&mut self, x: u32, y: u32, width: u32, height: u32, bgr: [u8; 3]) {
        for row in y..y + height {
            for column in x..x + width {
                let at = ((row * self.width + column) * 4) as usize;
                self.pixels[at..at + 3].copy_from_slice(&bgr);
            }
        }
    }

    pub(crate) fn frame(&self) -> Frame<'_> {
        let size = shoji_codec::Size { width: self.width, height: self.height };
        Frame { size, stride: self.width as usize * 4, pixels: &self.pixels }
    }

    pub(crate) fn digest(&self) -> u64 {
        shoji_codec::digest(&self.frame()).expect("well formed")
    }

    /// Red, green, blue at a place.
    pub(crate) fn rgb(&self, x: u32, y: u32) -> [u8; 3] {
        let at = ((y * self.width + x) * 4) as usize;
        [self.pixels[at + 2], self.pixels[at + 1], self.pixels[at]]
    }
}
