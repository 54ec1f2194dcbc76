//! Peers that are many, slow or silent: what they take is bounded, and others are served.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use shoji_host::{limits, tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::fixture::{House, PATIENCE, http2, until};

#[tokio::test]
async fn a_peer_that_says_nothing_or_never_finishes_its_headers_is_closed() {
    let house = House::new().await;
    for (alpn, beginning) in
        [(tls::HTTP_1, &b""[..]), (tls::HTTP_1, b"GET / HTTP/1.1\r\nhost: loc"), (tls::HTTP_2, b"")]
    {
        let mut stream = house.connect(alpn).await;
        stream.write_all(beginning).await.unwrap();
        until("it is served", || house.service.connections() == 1).await;
        // Over HTTP/2 a ping goes unanswered first.
        house.let_pass(limits::WEB_HEADER_TIMEOUT).await;
        house.let_pass(limits::WEB_HEADER_TIMEOUT).await;
        house.let_pass(limits::WEB_CONNECTION_LIFE).await;
        house.let_pass(limits::WEB_FINISH).await;
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the host closes");
        until("its place is free again", || house.service.connections() == 0).await;
    }
}

#[tokio::test]
async fn a_body_that_never_comes_is_not_waited_for() {
    let house = House::new().await;
    let mut stream = house.connect(tls::HTTP_1).await;
    let head = format!(
        "POST /api/enrol HTTP/1.1\r\nhost: {0}\r\norigin: https://{0}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        house.authority()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    house.let_pass(limits::WEB_ANSWER_TIMEOUT).await;
    let mut answer = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn a_body_without_end_is_cut_off_at_the_limit() {
    let house = House::new().await;
    let mut stream = house.connect(tls::HTTP_1).await;
    let head = format!(
        "POST /api/enrol HTTP/1.1\r\nhost: {0}\r\norigin: https://{0}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        house.authority()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..64 {
        if stream.write_all(format!("400\r\n{}\r\n", " ".repeat(1_024)).as_bytes()).await.is_err() {
            break;
        }
    }
    let mut answer = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_connection_does_not_last_for_ever_however_busy_it_is() {
    let house = House::new().await;
    let (mut sender, connection) = http2(house.connect(tls::HTTP_2).await).await;
    let request = || {
        let uri = format!("https://{}/", house.authority());
        Request::builder().method(Method::GET).uri(uri).body(Full::new(Bytes::new())).unwrap()
    };
    assert_eq!(sender.send_request(request()).await.unwrap().status(), 200);
    house.let_pass(limits::WEB_CONNECTION_LIFE).await;
    timeout(PATIENCE, connection).await.expect("the host says that it is over").unwrap();
    assert!(sender.send_request(request()).await.is_err());
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_answers_is_let_go() {
    let house = House::new().await;
    let mut stream = house.connect(tls::HTTP_1).await;
    let request = format!("GET /assets/a-1.js HTTP/1.1\r\nhost: {}\r\n\r\n", house.authority());
    stream.write_all(request.repeat(50).as_bytes()).await.unwrap();
    until("it is served", || house.service.connections() == 1).await;
    house.let_pass(limits::WEB_CONNECTION_LIFE).await;
    house.let_pass(limits::WEB_FINISH).await;
    until("its place is free again", || house.service.connections() == 0).await;
}

#[tokio::test]
async fn half_open_requests_by_the_thousand_stay_bounded_and_leave_when_their_time_is_over() {
    let house = House::new().await;
    let mut held = Vec::new();
    for _ in 0..2_000 {
        let mut stream = house.connect(tls::HTTP_1).await;
        let _ = stream.write_all(b"POST /api/challenge HTTP/1.1\r\nhost:").await;
        held.push(stream);
        assert!(house.service.connections() <= limits::WEB_CONNECTIONS_OF_ADDRESS);
    }
    until("all places of the address are taken", || house.service.connections() == limits::WEB_CONNECTIONS_OF_ADDRESS)
        .await;
    house.let_pass(limits::WEB_HEADER_TIMEOUT).await;
    until("their places are free again", || house.service.connections() == 0).await;
    assert_eq!(house.get("/").await.status, 200);
}

#[tokio::test]
async fn half_open_requests_of_one_http_2_connection_are_bounded() {
    let house = House::new().await;
    let (sender, connection) = http2(house.connect(tls::HTTP_2).await).await;
    let held = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = Vec::new();
    for _ in 0..1_000 {
        let uri = format!("https://{}/assets/a-1.js", house.authority());
        let request = Request::builder().uri(uri).body(Full::new(Bytes::new())).unwrap();
        let (mut sender, held) = (sender.clone(), held.clone());
        waiting.push(tokio::spawn(async move {
            // Those sent before the host has said how many it takes are refused.
            if let Ok(answer) = sender.send_request(request).await {
                held.lock().unwrap().push(answer);
            }
        }));
    }
    // The bodies of the answers are not read, so no more are answered than may be open at once.
    let open = || held.lock().unwrap().len();
    until("as many as may be are open", || open() == limits::WEB_STREAMS as usize).await;
    house.turns().await;
    assert_eq!(open(), limits::WEB_STREAMS as usize);
    assert_eq!(house.get("/").await.status, 200);
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    connection.abort();
}
