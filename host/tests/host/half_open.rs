//! Connections that never become a viewer's: they are bounded, cost the log little, and keep nobody out.

use std::io::Read as _;
use std::net::TcpStream;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::browser;
use super::client::Client;
use super::fixture::{Host, PATIENCE, until};
use super::http3::Browser;
use super::wire::Carrier;

/// Enough to fill what the host lets be unfinished several times over.
const FLOOD: usize = 2_000;

fn files(host: &Host) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", host.id())).unwrap().count()
}

#[tokio::test]
async fn thousands_of_silent_connections_keep_nobody_out_and_are_given_back() {
    let host = Host::start();
    let bundle = host.device("pc");
    let before = files(&host);
    let mut flood = Vec::new();
    for turn in 0..FLOOD {
        // The flood's own end may run out of backlog for a moment; then it waits like anybody.
        flood.push(TcpStream::connect(host.address).unwrap());
        if turn % 500 == 499 {
            for carrier in [Carrier::Quic, Carrier::TlsTcp] {
                let mut client = Client::open_over(carrier, &bundle).await;
                client.hello().await;
                client.until("the welcome", |seen| *seen == super::client::Seen::Welcome).await;
            }
        }
    }
    until("the oldest made room", || host.log().contains("do not finish their handshake")).await;
    // Those that are given up are closed a moment later.
    let most = before + shoji_host::limits::HALF_OPEN + 16;
    until("no more are held than may be unfinished", || files(&host) <= most).await;
    let lines = host.log().lines().filter(|line| line.contains("refused")).count();
    assert!(lines <= 2 + 2 * shoji_host::limits::REFUSALS_TOLD as usize, "{lines} lines are told");
    drop(flood);
    until("files are given back", || files(&host) <= before + 8).await;
}

#[tokio::test]
async fn browsers_that_fall_silent_over_quic_keep_nobody_out_and_are_given_back() {
    let host = Host::start();
    let (bundle, tablet) = (host.device("pc"), browser::device(&host, "tablet").await);
    let (_, hashes) = browser::ticket_and_hashes(&tablet).await.unwrap();
    let mut silent = Vec::new();
    for turn in 0..200 {
        let mut browser = Browser::connect(host.address, hashes.clone()).await.unwrap();
        // Some say nothing at all, some stop after their request.
        if turn % 2 == 0 {
            browser.greet().await;
            browser::asked(&browser, &tablet).await;
        }
        silent.push(browser);
    }
    for (carrier, bundle) in [(Carrier::Quic, &bundle), (Carrier::WebTransport, &tablet)] {
        let mut client = Client::open_over(carrier, bundle).await;
        client.hello().await;
        client.until("the welcome", |seen| *seen == super::client::Seen::Welcome).await;
    }
    for browser in &silent {
        timeout(PATIENCE, browser.connection.closed()).await.expect("the host gives it up");
    }
    let told = host.log().lines().filter(|line| line.contains("WebTransport refused")).count();
    let spans = PATIENCE.as_secs().div_ceil(shoji_host::limits::HANDSHAKE_TIMEOUT.as_secs());
    assert!(0 < told && told <= shoji_host::limits::REFUSALS_TOLD as usize * spans as usize, "{told} lines are told");
    assert!(host.sessions().is_empty());
}

/// A client's first message, as any viewer sends it.
fn client_hello() -> Vec<u8> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = vec![shoji_host::tls::ALPN.to_vec()];
    let mut client = rustls::ClientConnection::new(config.into(), "localhost".try_into().unwrap()).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn those_who_fall_silent_after_the_hosts_answer_keep_nobody_out() {
    let host = Host::start();
    let bundle = host.device("pc");
    let mut silent = Vec::new();
    for _ in 0..shoji_host::limits::HALF_OPEN {
        let mut stream = tokio::net::TcpStream::connect(host.address).await.unwrap();
        stream.write_all(&client_hello()).await.unwrap();
        let answered = timeout(PATIENCE, stream.read(&mut [0; 64])).await.unwrap().unwrap();
        assert!(answered > 0, "the host answers each");
        silent.push(stream);
    }
    let mut client = Client::open_over(Carrier::TlsTcp, &bundle).await;
    client.hello().await;
    client.until("the welcome", |seen| *seen == super::client::Seen::Welcome).await;
}

#[tokio::test]
async fn a_handshake_that_is_begun_and_not_finished_is_ended() {
    let host = Host::start();
    let mut stream = tokio::net::TcpStream::connect(host.address).await.unwrap();
    // The header of a TLS record, and nothing in it.
    stream.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
    let ended = timeout(PATIENCE, stream.read(&mut [0; 64])).await.unwrap();
    assert!(matches!(ended, Ok(0)) || ended.is_err(), "{ended:?}");
    until("it is logged", || host.log().contains("took too long")).await;
}

#[tokio::test]
async fn what_is_no_tls_is_refused_at_once() {
    let host = Host::start();
    let mut stream = tokio::net::TcpStream::connect(host.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shoji\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    // At most an alert: a record of type 21.
    assert!(answer.first().is_none_or(|kind| *kind == 21), "{answer:?}");
    until("it is logged", || host.log().contains("Viewer refused over TCP")).await;
}

#[tokio::test]
async fn a_host_that_stops_frees_its_tcp_port() {
    let mut host = Host::start();
    let mut stream = TcpStream::connect(host.address).unwrap();
    host.stop();
    // Closed or reset, but over.
    let ended = stream.read(&mut [0]);
    assert!(matches!(ended, Ok(0)) || ended.is_err(), "{ended:?}");
    assert!(std::net::TcpListener::bind(host.address).is_ok());
}
