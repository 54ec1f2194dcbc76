//! What a browser's page does to get a session: enrolment, challenge, ticket, WebSocket or WebTransport. By hand, over real TLS.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use quinn::{ReadError, RecvStream, SendStream};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use serde_json::{Value, json};
use shoji_host::pki::Bundle;
use shoji_host::web::bodies::signed_text;
use shoji_protocol::CloseCode;
use shoji_protocol::frame::{Decoder, Kind};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::client::tls;
use super::fixture::{Host, PATIENCE};
use super::http3::{Browser, Session};
use super::wire::Closed;

/// A browser of this name asks and is approved. Its bundle holds what a page would keep.
pub(crate) async fn device(host: &Host, name: &str) -> Bundle {
    let bundle = stranger(host, name);
    let (status, answer) = post(&bundle, "/api/enrol", &json!({ "key": key(&bundle), "name": name })).await;
    assert_eq!(status, 201, "{answer}");
    let code = answer["code"].as_str().unwrap();
    host.run(&["device", "approve", code, "--user", "hanako", "--name", name]);
    bundle.write(&host.directory.path().join(format!("{name}.shoji"))).unwrap();
    bundle
}

/// A browser that nobody knows.
pub(crate) fn stranger(host: &Host, name: &str) -> Bundle {
    Bundle {
        version: 1,
        name: name.to_owned(),
        host: host.address.to_string(),
        server_name: host.address.ip().to_string(),
        ca: host.run(&["ca"]),
        certificate: String::new(),
        key: rcgen::KeyPair::generate().unwrap().serialize_pem(),
        not_after: 0,
    }
}

fn pair(bundle: &Bundle) -> EcdsaKeyPair {
    let key = PrivatePkcs8KeyDer::from_pem_slice(bundle.key.as_bytes()).unwrap();
    let random = SystemRandom::new();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_pkcs8_der(), &random).unwrap()
}

pub(crate) fn key(bundle: &Bundle) -> String {
    URL_SAFE_NO_PAD.encode(pair(bundle).public_key())
}

async fn connect(bundle: &Bundle) -> TlsStream<TcpStream> {
    connect_for(bundle, b"http/1.1").await
}

/// A TLS connection of one kind of HTTP.
pub(crate) async fn connect_for(bundle: &Bundle, alpn: &[u8]) -> TlsStream<TcpStream> {
    let mut config = tls(bundle, None);
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(&bundle.host).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = ServerName::try_from(bundle.server_name.clone()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// A POST as the page sends it: the status and the body.
pub(crate) async fn post(bundle: &Bundle, path: &str, body: &Value) -> (u16, Value) {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(connect(bundle).await)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::post(path)
        .header("host", &bundle.host)
        .header("origin", format!("https://{}", bundle.host))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    let answer = timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    connection.abort();
    (status, serde_json::from_slice(&body).unwrap())
}

/// A ticket; `Err`: the word that the browser was refused with.
pub(crate) async fn ticket(bundle: &Bundle) -> Result<Vec<u8>, String> {
    Ok(ticket_and_hashes(bundle).await?.0)
}

/// A ticket, and the hashes by which a page knows the host over QUIC.
pub(crate) async fn ticket_and_hashes(bundle: &Bundle) -> Result<(Vec<u8>, Vec<[u8; 32]>), String> {
    let word = |answer: &Value| answer["error"].as_str().unwrap().to_owned();
    let (status, answer) = post(bundle, "/api/challenge", &json!({ "key": key(bundle) })).await;
    if status != 200 {
        return Err(word(&answer));
    }
    let challenge = answer["challenge"].as_str().unwrap();
    let secret: [u8; 32] = URL_SAFE_NO_PAD.decode(challenge).unwrap().try_into().unwrap();
    let text = signed_text(&format!("https://{}", bundle.host), &secret);
    let signature = pair(bundle).sign(&SystemRandom::new(), text.as_bytes()).unwrap();
    let body = json!({ "key": key(bundle), "challenge": challenge, "signature": URL_SAFE_NO_PAD.encode(signature) });
    match post(bundle, "/api/ticket", &body).await {
        (200, answer) => {
            let offers = answer["carriers"].as_array().unwrap();
            let kinds: Vec<_> = offers.iter().map(|offer| &offer["kind"]).collect();
            assert_eq!(kinds, ["webtransport", "webrtc", "websocket"]);
            let hashes = offers[0]["certificates"].as_array().unwrap().iter();
            let bytes = |text: &Value| URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap();
            Ok((bytes(&answer["ticket"]), hashes.map(|hash| bytes(hash).try_into().unwrap()).collect()))
        }
        (_, answer) => Err(word(&answer)),
    }
}

/// A session's WebSocket, with its ticket shown.
pub(crate) struct Socket {
    stream: WebSocketStream<TlsStream<TcpStream>>,
    decoder: Decoder,
}

impl Socket {
    pub(crate) async fn open(bundle: &Bundle) -> Self {
        // Sign-ins have a rate; whoever comes too soon comes again, as the page does.
        let deadline = Instant::now() + PATIENCE;
        let ticket = loop {
            match ticket(bundle).await {
                Ok(ticket) => break ticket,
                Err(word) => assert!(word == "busy" && Instant::now() < deadline, "no ticket: {word}"),
            }
            sleep(Duration::from_millis(100)).await;
        };
        Self::open_with(bundle, ticket).await
    }

    /// With a ticket that may be none.
    pub(crate) async fn open_with(bundle: &Bundle, ticket: Vec<u8>) -> Self {
        let mut request = format!("wss://{}/session", bundle.host).into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("origin", format!("https://{}", bundle.host).parse().unwrap());
        headers.insert("sec-websocket-protocol", "shoji.1".parse().unwrap());
        let (mut stream, _) = tokio_tungstenite::client_async(request, connect(bundle).await).await.unwrap();
        stream.send(Message::binary(ticket)).await.unwrap();
        Self { stream, decoder: Decoder::new(&[Kind::ToViewer]) }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> bool {
        for message in bytes.chunks(shoji_host::limits::WEB_MESSAGE) {
            if self.stream.send(Message::binary(message.to_vec())).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Safe to drop at any time.
    pub(crate) async fn frame(&mut self) -> Result<Vec<u8>, Closed> {
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                return Ok(frame.body.to_vec());
            }
            match self.stream.next().await {
                Some(Ok(Message::Binary(bytes))) => {
                    assert!(bytes.len() <= shoji_host::limits::MESSAGE, "{} bytes in one message", bytes.len());
                    self.decoder.push(&bytes);
                }
                Some(Ok(Message::Close(frame))) => {
                    let number = frame.and_then(|frame| u16::from(frame.code).checked_sub(4_000));
                    return Err(Closed(number.and_then(CloseCode::from_number)));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(Closed(None)),
            }
        }
    }

    pub(crate) async fn leave(mut self) {
        self.stream.close(None).await.unwrap();
    }
}

/// A session's WebTransport, with its ticket shown.
pub(crate) struct Transport {
    pub(crate) session: Session,
    pub(crate) browser: Browser,
    pub(crate) control_out: SendStream,
    control_in: RecvStream,
    pub(crate) input_out: SendStream,
    updates_in: RecvStream,
    control: Decoder,
    updates: Decoder,
}

impl Transport {
    pub(crate) async fn open(bundle: &Bundle) -> Self {
        let (ticket, hashes) = ticket_and_hashes(bundle).await.unwrap();
        let mut browser = Browser::connect(bundle.host.parse().unwrap(), hashes).await.unwrap();
        browser.greet().await;
        let session = asked(&browser, bundle).await;
        let (mut control_out, control_in) = session.open_bi().await;
        control_out.write_all(&ticket).await.unwrap();
        let input_out = session.open_uni().await;
        let updates_in = timeout(PATIENCE, session.accept_uni()).await.unwrap().unwrap();
        let decoder = || Decoder::new(&[Kind::ToViewer]);
        let (control, updates) = (decoder(), decoder());
        Self { session, browser, control_out, control_in, input_out, updates_in, control, updates }
    }

    /// Safe to drop at any time.
    pub(crate) async fn frame(&mut self) -> Result<Vec<u8>, Closed> {
        loop {
            for decoder in [&mut self.control, &mut self.updates] {
                if let Some(frame) = decoder.next_frame().unwrap() {
                    return Ok(frame.body.to_vec());
                }
            }
            let Self { control_in, updates_in, .. } = self;
            tokio::select! {
                biased;
                chunk = control_in.read_chunk(1 << 16, true) => match chunk {
                    Ok(Some(chunk)) => self.control.push(&chunk.bytes),
                    _ => break,
                },
                chunk = updates_in.read_chunk(1 << 20, true) => match chunk {
                    Ok(Some(chunk)) => self.updates.push(&chunk.bytes),
                    _ => break,
                },
            }
        }
        let code = self.session.closed().await;
        let number = code.and_then(|code| u16::try_from(code).ok()?.checked_sub(4_000));
        Err(Closed(number.and_then(CloseCode::from_number)))
    }

    /// How the stream of updates ended, after all that came on it.
    pub(crate) async fn updates_end(&mut self) -> Result<(), ReadError> {
        while self.updates_in.read_chunk(1 << 20, true).await?.is_some() {}
        Ok(())
    }

    /// As a page that is closed does.
    pub(crate) async fn leave(mut self) {
        self.session.request_out.finish().unwrap();
        let _ = timeout(PATIENCE, self.browser.connection.closed()).await.unwrap();
    }
}

/// A session as the page asks for it.
pub(crate) async fn asked(browser: &Browser, bundle: &Bundle) -> Session {
    let origin = format!("https://{}", bundle.host);
    browser.ask(&format!("{origin}/session"), &[("origin", &origin)]).await.unwrap()
}
