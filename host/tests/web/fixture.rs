//! A web service with its own authority and registry, on a free port of the loopback address.

use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use shoji_host::enrolment::{Asked, Code, Label, NotAdmitted};
use shoji_host::pki::Authority;
use shoji_host::registry::{Fingerprint, Name, Registry};
use shoji_host::web::assets::{Asset, Assets};
use shoji_host::web::bodies::{self, text};
use shoji_host::web::certificates::Certificates;
use shoji_host::web::names::Names;
use shoji_host::web::peers::Peers;
use shoji_host::web::{Admission, Arrival, Came, Peer, Service, Settings, Socket, Stranger, Transport, Way};
use shoji_host::{clock, limits, tls};
use shoji_protocol::Channel;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

/// After this, a wait is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A page and one of its files, as the build would embed them.
const ASSETS: [Asset; 2] = [
    Asset { path: "/index.html", kind: "text/html; charset=utf-8", bytes: b"<!doctype html>", brotli: None },
    Asset { path: "/assets/a-1.js", kind: "text/javascript", bytes: &[b'a'; 4 << 20], brotli: Some(b"small") },
];

pub(crate) struct House {
    pub(crate) service: Arc<Service>,
    pub(crate) address: SocketAddr,
    /// Where the browsers of this test are.
    pub(crate) from: IpAddr,
    pub(crate) desk: Arc<Desk>,
    /// Where it is found by QUIC.
    pub(crate) quic: SocketAddr,
    pub(crate) certificates: Arc<Certificates>,
    /// The host's own.
    pub(crate) certificate: CertificateDer<'static>,
    connector: Arc<rustls::ClientConfig>,
    accept: [JoinHandle<()>; 2],
    _state: tempfile::TempDir,
}

/// What the service asks: a registry in memory, and sessions that say back what they are told.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) registry: RwLock<Registry>,
    /// Requests that were to be written down.
    pub(crate) writes: AtomicUsize,
    /// Sessions that have begun.
    pub(crate) sessions: AtomicUsize,
    /// Sessions over WebTransport that have ended.
    pub(crate) ended: AtomicUsize,
    /// Bytes that the sessions' network took.
    pub(crate) taken: AtomicUsize,
    /// Whether sessions send without end instead.
    pub(crate) floods: bool,
    /// Ends all sessions.
    pub(crate) end: watch::Sender<bool>,
}

impl Admission for Desk {
    fn admits(&self, fingerprint: &Fingerprint) -> Result<(), NotAdmitted> {
        self.registry.read().unwrap().admits_browser(fingerprint, clock::unix_seconds())
    }

    fn foresee(&self, fingerprint: &Fingerprint, from: IpAddr) -> Option<Asked> {
        self.registry.read().unwrap().foresee(fingerprint, from, clock::unix_seconds())
    }

    fn ask(&self, label: Label, fingerprint: Fingerprint, from: IpAddr) -> Option<Asked> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let code = Code::draw().unwrap();
        Some(self.registry.write().unwrap().ask(code, label, fingerprint, from, clock::unix_seconds()))
    }

    fn session(self: Arc<Self>, _: Fingerprint, way: Way) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.sessions.fetch_add(1, Ordering::Relaxed);
        match way {
            Way::Peer(peer) => Box::pin(on_peer(*peer)),
            Way::Socket(socket) => Box::pin(self.on_socket(socket)),
            Way::Transport(transport) => Box::pin(self.on_transport(transport)),
        }
    }
}

/// What comes on any channel goes back on control or as updates.
async fn on_peer(mut peer: Peer) {
    while let Ok(came) = peer.next().await {
        if let Came::Bytes(channel, bytes) = came {
            let back = if channel == Channel::Control { channel } else { Channel::Updates };
            peer.write(back, &bytes);
        }
    }
}

impl Desk {
    async fn on_socket(self: Arc<Self>, mut socket: Socket) {
        let mut end = self.end.subscribe();
        tokio::select! {
            () = async {
                if self.floods {
                    while give(&mut socket, Bytes::from(vec![7; limits::MESSAGE])).await {
                        self.taken.fetch_add(limits::MESSAGE, Ordering::Relaxed);
                    }
                } else {
                    while let Some(Ok(message)) = poll_fn(|context| socket.poll_receive(context)).await {
                        give(&mut socket, message).await;
                    }
                }
            } => {}
            _ = end.wait_for(|end| *end) => {}
        }
        let _ = timeout(limits::FAREWELL, poll_fn(|context| socket.poll_close(4999, context))).await;
    }

    /// What comes on the control stream goes back there, what comes otherwise goes back as updates.
    async fn on_transport(self: Arc<Self>, transport: Transport) {
        let Transport { mut line, mut control_in, mut control_out, mut updates } = transport;
        let mut input: Option<quinn::RecvStream> = None;
        loop {
            let from_input = async {
                match &mut input {
                    Some(input) => input.read_chunk(1 << 10, true).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Ok(Some(chunk)) = control_in.read_chunk(1 << 10, true) => {
                    let _ = control_out.write_chunk(chunk.bytes).await;
                }
                Ok(Some(chunk)) = from_input => {
                    let _ = updates.write_chunk(chunk.bytes).await;
                }
                arrival = line.next() => match arrival {
                    Ok(Arrival::Input(stream)) => input = Some(stream),
                    Ok(Arrival::Datagram(datagram)) => {
                        let _ = updates.write_chunk(datagram).await;
                    }
                    Err(_) => break,
                },
            }
        }
        self.ended.fetch_add(1, Ordering::Relaxed);
        let _ = timeout(limits::FAREWELL, line.end(4999)).await;
        line.close();
    }
}

async fn give(socket: &mut Socket, message: Bytes) -> bool {
    let ready = poll_fn(|context| socket.poll_ready(context)).await.is_ok();
    ready && socket.send(message).is_ok() && poll_fn(|context| socket.poll_flush(context)).await.is_ok()
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(&ASSETS, false).await
    }

    /// With somebody who speaks WebRTC.
    pub(crate) async fn with_peers(peers: Arc<Peers>) -> Self {
        Self::with_all(&ASSETS, false, peers).await
    }

    pub(crate) async fn with(assets: &[Asset], floods: bool) -> Self {
        Self::with_all(assets, floods, Arc::default()).await
    }

    async fn with_all(assets: &[Asset], floods: bool, peers: Arc<Peers>) -> Self {
        let state = tempfile::tempdir().unwrap();
        let now = clock::unix_seconds();
        let names = Names::new(["localhost", "127.0.0.1"]);
        let identity = Authority::open(state.path(), now).unwrap().identity(now, &names).unwrap();
        let mut registry = Registry::default();
        registry.add_user("hanako".parse().unwrap(), now).unwrap();
        let desk = Arc::new(Desk {
            registry: RwLock::new(registry),
            writes: AtomicUsize::new(0),
            sessions: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            floods,
            end: watch::Sender::new(false),
        });
        let certificates = Arc::new(Certificates::new(now).unwrap());
        let settings = Settings {
            assets: Assets::new(assets),
            names,
            certificates: certificates.clone(),
            peers,
            addresses: vec![Ipv4Addr::LOCALHOST.into()],
        };
        let service = Arc::new(Service::new(settings, desk.clone()));
        let registry = Arc::new(RwLock::new(Registry::default()));
        let endpoint = endpoint(tls::shared_config(&identity, registry, certificates.clone()).unwrap());
        let accept_quic = tokio::spawn(accept_quic(endpoint.clone(), service.clone()));
        let acceptor = TlsAcceptor::from(Arc::new(tls::web_config(&identity).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accept = tokio::spawn(accept(listener, acceptor, service.clone()));
        let connector = Arc::new(trusting(&identity.authority));
        let quic = endpoint.local_addr().unwrap();
        let (accept, certificate) = ([accept, accept_quic], identity.certificate);
        let from = Ipv4Addr::LOCALHOST.into();
        Self { service, address, from, quic, certificates, certificate, desk, connector, accept, _state: state }
    }

    /// The host as browsers call it.
    pub(crate) fn authority(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    pub(crate) fn origin(&self) -> String {
        format!("https://{}", self.authority())
    }

    /// A TLS connection of one kind of HTTP.
    pub(crate) async fn connect(&self, alpn: &[u8]) -> TlsStream<TcpStream> {
        self.connect_from(self.from, alpn).await
    }

    async fn connect_from(&self, from: IpAddr, alpn: &[u8]) -> TlsStream<TcpStream> {
        let mut config = (*self.connector).clone();
        config.alpn_protocols = vec![alpn.to_vec()];
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let stream = socket.connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, request: Request<Full<Bytes>>) -> Answer {
        Self::ask_on(self.connect(tls::HTTP_1).await, request).await
    }

    async fn ask_on(stream: TlsStream<TcpStream>, request: Request<Full<Bytes>>) -> Answer {
        let stream = TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let answer = Answer::read(timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap()).await;
        connection.abort();
        answer
    }

    /// Until the host has done what it could do at once: somebody else was served from the first packet to the answer, and
    /// everything here runs in turns on one thread.
    pub(crate) async fn turns(&self) {
        let stream = self.connect_from([127, 0, 0, 99].into(), tls::HTTP_1).await;
        Self::ask_on(stream, self.request(Method::GET, "/", &[], Bytes::new())).await;
    }

    /// Lets the time pass that everything here waits by; what was sent before counts from before.
    pub(crate) async fn let_pass(&self, time: Duration) {
        self.turns().await;
        tokio::time::pause();
        tokio::time::advance(time).await;
        tokio::time::resume();
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(self.request(Method::GET, path, &[], Bytes::new())).await
    }

    /// A POST as the web viewer sends it.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, &[], body.to_string()).await
    }

    /// A POST with other headers; an empty value leaves the header out.
    pub(crate) async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        self.ask(self.request(Method::POST, path, headers, body.into())).await
    }

    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Request<Full<Bytes>> {
        let mut all = HeaderMap::new();
        let (authority, origin) = (self.authority(), self.origin());
        let usual = [("host", &*authority), ("origin", &origin), ("content-type", "application/json")];
        for (name, value) in usual.iter().chain(headers) {
            let name = HeaderName::try_from(*name).unwrap();
            if value.is_empty() {
                all.remove(name);
            } else {
                all.insert(name, HeaderValue::try_from(*value).unwrap());
            }
        }
        let mut request = Request::new(Full::new(body));
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) =
            (method, path.parse::<Uri>().unwrap(), all);
        request
    }

    /// A browser that was approved.
    pub(crate) async fn device(&self, name: &str) -> Browser {
        let browser = Browser::new();
        let answer = self.post("/api/enrol", &json!({ "key": browser.key(), "name": name })).await;
        let code: Code = answer.json()["code"].as_str().unwrap().parse().unwrap();
        let user = "hanako".parse().unwrap();
        self.desk.registry.write().unwrap().approve(code, None, user, 30, clock::unix_seconds()).unwrap();
        browser
    }

    pub(crate) fn revoke(&self, name: &str) {
        let name: Name = name.parse().unwrap();
        self.desk.registry.write().unwrap().revoke(&name, clock::unix_seconds()).unwrap();
    }

    /// A challenge for a browser.
    pub(crate) async fn challenge(&self, browser: &Browser) -> String {
        let answer = self.post("/api/challenge", &json!({ "key": browser.key() })).await;
        assert_eq!(answer.status, 200, "{}", answer.word());
        answer.json()["challenge"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn try_ticket(&self, browser: &Browser, challenge: &str, signature: &str) -> Answer {
        let body = json!({ "key": browser.key(), "challenge": challenge, "signature": signature });
        self.post("/api/ticket", &body).await
    }

    /// A ticket, by all the steps to it.
    pub(crate) async fn ticket(&self, browser: &Browser) -> Vec<u8> {
        let challenge = self.challenge(browser).await;
        let answer = self.try_ticket(browser, &challenge, &browser.sign(&self.origin(), &challenge)).await;
        assert_eq!(answer.status, 200, "{}", answer.word());
        bytes_of(answer.json()["ticket"].as_str().unwrap())
    }

    /// A WebSocket without a ticket yet.
    pub(crate) async fn socket(&self) -> WebSocketStream<TlsStream<TcpStream>> {
        self.try_socket(&[]).await.unwrap()
    }

    /// `Err`: the status that the upgrade was refused with.
    pub(crate) async fn try_socket(
        &self,
        headers: &[(&str, &str)],
    ) -> Result<WebSocketStream<TlsStream<TcpStream>>, u16> {
        let mut request = format!("wss://{}/session", self.authority()).into_client_request().unwrap();
        let origin = self.origin();
        for (name, value) in [("origin", &*origin), ("sec-websocket-protocol", "shoji.1")].iter().chain(headers) {
            let name = HeaderName::try_from(*name).unwrap();
            if value.is_empty() {
                request.headers_mut().remove(name);
            } else {
                request.headers_mut().insert(name, HeaderValue::try_from(*value).unwrap());
            }
        }
        let stream = self.connect(tls::HTTP_1).await;
        match timeout(PATIENCE, tokio_tungstenite::client_async(request, stream)).await.unwrap() {
            Ok((socket, response)) => {
                assert_eq!(response.headers()["sec-websocket-protocol"], "shoji.1");
                assert!(!response.headers().contains_key("sec-websocket-extensions"), "nothing is compressed");
                carries_the_headers(response.headers());
                Ok(socket)
            }
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                carries_the_headers(response.headers());
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.accept.iter().for_each(JoinHandle::abort);
    }
}

/// As the host opens its own.
fn endpoint(tls: rustls::ServerConfig) -> quinn::Endpoint {
    let crypto = quinn::crypto::rustls::QuicServerConfig::try_from(tls).unwrap();
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(shoji_host::serve::transport()));
    quinn::Endpoint::server(config, ([127, 0, 0, 1], 0).into()).unwrap()
}

async fn accept_quic(endpoint: quinn::Endpoint, service: Arc<Service>) {
    while let Some(incoming) = endpoint.accept().await {
        let service = service.clone();
        tokio::spawn(async move {
            if let Ok(connection) = incoming.await {
                service.serve_stranger(Stranger::new(connection)).await;
            }
        });
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, service: Arc<Service>) {
    loop {
        let (stream, peer) = listener.accept().await.unwrap();
        let (acceptor, service) = (acceptor.clone(), service.clone());
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                service.serve(stream, peer).await;
            }
        });
    }
}

fn trusting(authority: &CertificateDer<'static>) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Reads it whole; every answer carries the headers.
    pub(crate) async fn read(response: hyper::Response<hyper::body::Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        carries_the_headers(&parts.headers);
        let body = timeout(PATIENCE, body.collect()).await.unwrap().unwrap().to_bytes();
        Self { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    /// The word of an error, which is all that an error says.
    pub(crate) fn word(&self) -> String {
        let body = self.json();
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        body["error"].as_str().unwrap_or_default().to_owned()
    }

    /// Its status and word.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status, self.word())
    }
}

fn carries_the_headers(headers: &HeaderMap) {
    for (name, value) in shoji_host::web::headers::ALL {
        assert_eq!(headers.get(name).map(HeaderValue::as_bytes), Some(value.as_bytes()), "{name}");
    }
    assert!(headers.contains_key("cache-control"));
    assert!(!headers.contains_key("set-cookie") && !headers.contains_key("strict-transport-security"));
}

/// A browser's key.
pub(crate) struct Browser {
    pair: EcdsaKeyPair,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap();
        Self { pair }
    }

    pub(crate) fn key(&self) -> String {
        text(self.pair.public_key().as_ref())
    }

    pub(crate) fn sign(&self, origin: &str, challenge: &str) -> String {
        let secret: [u8; 32] = bytes_of(challenge).try_into().unwrap();
        let signed = bodies::signed_text(origin, &secret);
        text(self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref())
    }
}

pub(crate) fn bytes_of(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Waits for something that only polling can see.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An HTTP/2 client on a connection.
pub(crate) async fn http2(
    stream: TlsStream<TcpStream>,
) -> (hyper::client::conn::http2::SendRequest<Full<Bytes>>, JoinHandle<()>) {
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(async move {
        let _ = connection.await;
    });
    (sender, connection)
}
