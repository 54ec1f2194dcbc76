//! What strangers can make the host write: a few lines, however often they come.

use serde_json::json;
use shoji_host::limits::REFUSALS_TOLD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::browser::{Socket, connect_for, key, post, stranger};
use super::client::tls;
use super::fixture::{Host, PATIENCE, until};
use super::wire::{Carrier, refused};

/// More of each than is told.
const FLOOD: usize = REFUSALS_TOLD as usize * 2;

#[tokio::test]
async fn a_flood_of_strangers_leaves_few_lines() {
    let host = Host::start();
    let bundle = stranger(&host, "pc");
    let none = json!({ "key": key(&bundle), "challenge": "A".repeat(43), "signature": "A".repeat(86) });
    for _ in 0..FLOOD {
        assert_eq!(post(&bundle, "/api/ticket", &none).await.0, 403);
        let mut socket = Socket::open_with(&bundle, vec![0; 32]).await;
        assert!(socket.frame().await.is_err());
        refused(Carrier::Quic, &bundle, tls(&bundle, None)).await;
    }
    for kind in ["Browser refused", "WebSocket refused", "Viewer refused"] {
        let lines = || host.log().lines().filter(|line| line.contains(kind)).count();
        until("the first are told", || lines() >= REFUSALS_TOLD as usize).await;
        assert_eq!(lines(), REFUSALS_TOLD as usize, "{kind}");
    }
}

/// One frame of HTTP/2 of the connection itself.
fn http_2(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, 0], body].concat()
}

#[tokio::test]
async fn what_libraries_think_of_a_strangers_frames_is_not_logged() {
    const PING: u8 = 6;
    const IS_ANSWER: u8 = 1;
    let host = Host::start();
    let mut stream = connect_for(&stranger(&host, "pc"), b"h2").await;
    let before = host.log().len();
    let mut said = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    said.extend(http_2(4, 0, b""));
    for _ in 0..1_000 {
        // The answer to a question that was never asked.
        said.extend(http_2(PING, IS_ANSWER, b"nonsense"));
    }
    said.extend(http_2(PING, 0, b"the last"));
    stream.write_all(&said).await.unwrap();
    let last = http_2(PING, IS_ANSWER, b"the last");
    let mut answer = Vec::new();
    while !answer.windows(last.len()).any(|window| window == last) {
        let count = timeout(PATIENCE, stream.read_buf(&mut answer)).await.expect("the host has read it all").unwrap();
        assert!(count > 0, "the host closed");
    }
    assert_eq!(host.log().len(), before, "{}", host.log());
}
