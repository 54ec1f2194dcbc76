//! Files, headers, names and methods, over both kinds of HTTP.

use bytes::Bytes;
use hyper::{Method, Uri};
use serde_json::json;
use shoji_host::{limits, tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::fixture::{Answer, Browser, House, PATIENCE, http2};

#[tokio::test]
async fn the_page_and_its_files_are_served_with_every_header() {
    let house = House::new().await;
    let page = house.get("/").await;
    assert_eq!((page.status, &page.body[..]), (200, &b"<!doctype html>"[..]));
    assert_eq!(page.headers["cache-control"], "no-cache");
    let script = house.get("/assets/a-1.js").await;
    assert_eq!((script.status, script.body.len()), (200, 4 << 20));
    assert_eq!(script.headers["cache-control"], "public, max-age=31536000, immutable");
    let request = house.request(Method::GET, "/assets/a-1.js", &[("accept-encoding", "gzip, br")], Bytes::new());
    let compressed = house.ask(request).await;
    assert_eq!(
        (&compressed.headers["content-encoding"], &compressed.body[..]),
        (&"br".parse().unwrap(), &b"small"[..])
    );
}

#[tokio::test]
async fn every_refusal_carries_the_headers_too() {
    let house = House::new().await;
    // Reading an answer checks them.
    for (method, path, status) in [
        (Method::GET, "/none", 404),
        (Method::GET, "/assets/../../etc/passwd", 404),
        (Method::GET, "/api/enrol", 405),
        (Method::POST, "/", 405),
        (Method::OPTIONS, "/api/ticket", 405),
        (Method::DELETE, "/assets/a-1.js", 405),
        (Method::GET, "/session", 400),
    ] {
        let answer = house.ask(house.request(method.clone(), path, &[], Bytes::new())).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn http_2_carries_files_and_requests_on_one_connection() {
    let house = House::new().await;
    let (sender, connection) = http2(house.connect(tls::HTTP_2).await).await;
    let ask = |method: Method, path: &str, body: Bytes| {
        let mut request = house.request(method, path, &[("host", "")], body);
        *request.uri_mut() = format!("https://{}{path}", house.authority()).parse::<Uri>().unwrap();
        let mut sender = sender.clone();
        async move { Answer::read(timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap()).await }
    };
    let body = json!({ "key": Browser::new().key(), "name": "pc" }).to_string();
    let (page, script, enrolled) = tokio::join!(
        ask(Method::GET, "/", Bytes::new()),
        ask(Method::GET, "/assets/a-1.js", Bytes::new()),
        ask(Method::POST, "/api/enrol", body.into()),
    );
    assert_eq!((page.status, script.status, enrolled.status), (200, 200, 201));
    assert_eq!(script.body.len(), 4 << 20);
    assert_eq!(house.service.connections(), 1);
    connection.abort();
}

#[tokio::test]
async fn a_request_for_another_name_gets_nothing() {
    let house = House::new().await;
    for host in ["evil.example", "localhost.evil.example", "127.0.0.2"] {
        let request = house.request(Method::GET, "/", &[("host", host)], Bytes::new());
        assert_eq!(house.ask(request).await.refusal(), (421, "origin".to_owned()), "{host}");
    }
    let request = house.request(Method::GET, "/", &[("host", "127.0.0.1")], Bytes::new());
    assert_eq!(house.ask(request).await.status, 200);
}

#[tokio::test]
async fn a_host_without_the_web_viewer_answers_with_a_page_that_says_so() {
    let house = House::with(&[], false).await;
    let page = house.get("/").await;
    assert_eq!(page.status, 503);
    assert!(String::from_utf8(page.body.to_vec()).unwrap().contains("npm run build"));
}

/// Says something that no client library would, and reads until the host closes.
async fn say(house: &House, bytes: &[u8]) -> String {
    let mut stream = house.connect(tls::HTTP_1).await;
    // The host may answer and close before it has read all of it.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the host closes");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn what_is_no_http_or_has_too_many_headers_is_refused() {
    let house = House::new().await;
    assert!(say(&house, b"\x16\x03\x01 hello\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    let host = house.authority();
    let many = "x: y\r\n".repeat(100);
    let answer = say(&house, format!("GET / HTTP/1.1\r\nhost: {host}\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let long = "x".repeat(64 << 10);
    let answer = say(&house, format!("GET / HTTP/1.1\r\nhost: {host}\r\nx: {long}\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(house.get("/").await.status, 200);
}

#[tokio::test]
async fn too_many_headers_are_refused_over_http_2_too() {
    let house = House::new().await;
    let (mut sender, connection) = http2(house.connect(tls::HTTP_2).await).await;
    let mut request = house.request(Method::GET, "/", &[("host", "")], Bytes::new());
    *request.uri_mut() = format!("https://{}/", house.authority()).parse::<Uri>().unwrap();
    for _ in 0..limits::WEB_HEADER_COUNT {
        request.headers_mut().append("x", "y".parse().unwrap());
    }
    let answer = Answer::read(timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap()).await;
    assert_eq!(answer.refusal(), (431, "headers".to_owned()));
    connection.abort();
}

#[tokio::test]
async fn the_service_finishes_its_connections_when_it_is_stopped() {
    let house = House::new().await;
    let mut stream = house.connect(tls::HTTP_1).await;
    let request = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", house.authority());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    house.service.stop();
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
}
