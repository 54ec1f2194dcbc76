//! The web service of the host program: how a browser becomes a device, and what of it an administrator sees.

use serde_json::json;
use shoji_host::registry;
use shoji_protocol::{AttachHow, CloseCode};
use tokio_rustls::TlsConnector;
use web_transport_proto::ConnectRequest;

use super::browser::{self, device, key, post, stranger, ticket};
use super::client::{Client, tls};
use super::fixture::{Host, until};
use super::http3::Browser;
use super::wire::{Carrier, Wire};

#[tokio::test]
async fn a_browser_waits_until_an_administrator_approves_its_code() {
    let host = Host::start();
    let bundle = stranger(&host, "pc");
    let body = json!({ "key": key(&bundle), "name": "総務課 PC" });
    let (status, answer) = post(&bundle, "/api/enrol", &body).await;
    let code = answer["code"].as_str().unwrap();
    assert_eq!(status, 201);
    let list = host.run(&["device", "list"]);
    assert!(list.contains(code) && list.contains("総務課 PC") && list.contains("127.0.0.1"), "{list}");
    assert_eq!(ticket(&bundle).await, Err("waiting".to_owned()));
    // As people type it.
    let typed = code.to_lowercase().replace('-', "");
    let said = host.run(&["device", "approve", &typed, "--days", "30"]);
    assert!(said.contains("総務課-PC of hanako"), "{said}");
    assert_eq!(post(&bundle, "/api/enrol", &body).await, (200, json!({ "device": "総務課-PC" })));
    assert!(ticket(&bundle).await.is_ok());
    let list = host.run(&["device", "list"]);
    assert!(
        list.contains("総務課-PC\thanako\t29 days left\tbrowser") || list.contains("30 days left\tbrowser"),
        "{list}"
    );
    assert!(!list.contains(code), "{list}");
}

#[tokio::test]
async fn a_refused_browser_is_no_longer_listed_and_a_wrong_code_is_explained() {
    let host = Host::start();
    let bundle = stranger(&host, "pc");
    let (_, answer) = post(&bundle, "/api/enrol", &json!({ "key": key(&bundle), "name": "pc" })).await;
    let code = answer["code"].as_str().unwrap();
    host.run(&["device", "refuse", code]);
    assert_eq!(host.run(&["device", "list"]), "");
    assert_eq!(ticket(&bundle).await, Err("unknown".to_owned()));
    let output = host.try_run(&["device", "approve", code]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("device list"), "{error}");
}

#[tokio::test]
async fn a_waiting_browser_survives_a_restart_of_the_host() {
    let mut host = Host::start();
    let bundle = stranger(&host, "pc");
    let (_, answer) = post(&bundle, "/api/enrol", &json!({ "key": key(&bundle), "name": "pc" })).await;
    host.stop();
    // Approved while no host runs: it reads the registry when it starts.
    host.run(&["device", "approve", answer["code"].as_str().unwrap()]);
    assert!(host.run(&["device", "list"]).starts_with("pc\thanako"));
}

#[tokio::test]
async fn an_approval_that_ends_ends_its_live_session() {
    let host = Host::start();
    let bundle = device(&host, "soon").await;
    let store = registry::Store::new(&host.state());
    let name = "soon".parse().unwrap();
    let end = shoji_host::clock::unix_seconds() + 15;
    store
        .change(|registry| {
            registry.devices.get_mut(&name).unwrap().not_after = end;
            Ok::<(), registry::Error>(())
        })
        .unwrap();
    host.run(&["user", "add", "makes-the-host-read-the-registry"]);
    let (mut client, _) = Client::with_picture_over(Carrier::WebSocket, &bundle).await;
    assert_eq!(client.until_closed().await, CloseCode::CertificateExpired);
    assert_eq!(ticket(&bundle).await, Err("expired".to_owned()));
}

#[tokio::test]
async fn a_user_takes_up_the_session_of_the_native_viewer_in_a_browser() {
    let host = Host::start();
    let (mut native, token) = Client::with_picture(&host.device("pc")).await;
    let mut web = Client::open_over(Carrier::WebSocket, &device(&host, "tablet").await).await;
    assert_eq!(web.attach(AttachHow::Own).await, Ok(token));
    assert_eq!(native.until_closed().await, CloseCode::Replaced);
    web.until_update().await;
    web.is_alive().await;
}

#[tokio::test]
async fn a_browser_that_leaves_without_a_word_leaves_its_session() {
    let host = Host::start();
    let (client, _) = Client::with_picture_over(Carrier::WebSocket, &device(&host, "pc").await).await;
    drop(client);
    until("the session is detached", || host.sessions().iter().all(|session| !session.attached)).await;
    assert_eq!(host.sessions().len(), 1);
}

/// A browser that finds a stream without an end when its session is over may crash.
#[tokio::test]
async fn no_stream_of_a_session_in_a_browser_is_left_open_when_the_host_ends_it() {
    let host = Host::start();
    let (mut client, _) = Client::with_picture_over(Carrier::WebTransport, &device(&host, "pc").await).await;
    host.run(&["device", "revoke", "pc"]);
    assert_eq!(client.until_closed().await, CloseCode::Revoked);
    let Wire::WebTransport(transport) = &mut client.wire else { panic!("it came by another carrier") };
    assert_eq!(transport.updates_end().await, Err(quinn::ReadError::Reset(shoji_host::web::stream_code(0))));
}

#[tokio::test]
async fn the_certificate_of_a_browsers_key_is_no_way_past_the_web_service() {
    let host = Host::start();
    let bundle = device(&host, "pc").await;
    // The native protocol asks for a certificate, and a browser has none.
    let config = tls(&bundle, None);
    let stream = tokio::net::TcpStream::connect(host.address).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("shoji-host").unwrap();
    let connected = TlsConnector::from(std::sync::Arc::new(config)).connect(name, stream).await;
    let refused = match connected {
        Err(_) => true,
        Ok(mut stream) => {
            use tokio::io::AsyncReadExt as _;
            stream.read(&mut [0]).await.is_err()
        }
    };
    assert!(refused);
}

#[tokio::test]
async fn a_host_without_the_web_service_speaks_to_no_browser() {
    let host = Host::start_with(&[], "[web]\nenabled = false\n");
    let bundle = stranger(&host, "pc");
    let mut config = tls(&bundle, None);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = tokio::net::TcpStream::connect(host.address).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let error = TlsConnector::from(std::sync::Arc::new(config)).connect(name, stream).await.unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    assert!(!host.log().contains("Web viewer"));
}

#[tokio::test]
async fn nothing_that_a_stranger_says_over_quic_is_in_the_log() {
    let host = Host::start();
    let (_, hashes) = browser::ticket_and_hashes(&device(&host, "pc").await).await.unwrap();
    let connect = async || Browser::connect(host.address, hashes.clone()).await.unwrap();
    connect().await.connection.close(7_u32.into(), b"evil-words");
    let asks = connect().await;
    let (mut request_out, _answer) = asks.connection.open_bi().await.unwrap();
    let url = format!("evil-words://{}/session", host.address).parse::<url::Url>().unwrap();
    let request = ConnectRequest::new(url).with_protocol("evil-words");
    request.write(&mut request_out).await.unwrap();
    asks.connection.closed().await;
    until("it is told", || host.log().contains("Browser's WebTransport refused")).await;
    assert!(!host.log().contains("evil"), "{}", host.log());
}

#[tokio::test]
async fn the_log_of_a_sign_in_holds_no_secret() {
    let host = Host::start();
    let bundle = device(&host, "pc").await;
    let shown = ticket(&bundle).await.unwrap();
    browser::Socket::open(&bundle).await.leave().await;
    let (log, shown) = (host.log(), shoji_host::web::bodies::text(&shown));
    assert!(
        log.contains("Browser waits to be approved") && !log.contains(&shown) && !log.contains(&key(&bundle)),
        "{log}"
    );
}
