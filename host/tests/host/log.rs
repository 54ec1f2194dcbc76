//! What strangers can make the host write: a few lines, however often they come.

use serde_json::json;
use shoji_host::limits::REFUSALS_TOLD;
use tokio::time::timeout;

use super::browser::{Socket, connect_for, key, post, stranger};
use super::client::tls;
use super::fixture::{Host, PATIENCE, until};
use super::memory::{IS_ANSWER, PING, PREFACE, SETTINGS, http_2, say};
use super::wire::connect_quic;

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
        let (_endpoint, connection) = connect_quic(&bundle, tls(&bundle, None)).await.unwrap();
        timeout(PATIENCE, connection.closed()).await.unwrap();
    }
    for kind in ["Browser refused", "WebSocket refused", "Viewer refused"] {
        let lines = || host.log().lines().filter(|line| line.contains(kind)).count();
        until("the first are told", || lines() >= REFUSALS_TOLD as usize).await;
        assert_eq!(lines(), REFUSALS_TOLD as usize, "{kind}");
    }
}

#[tokio::test]
async fn what_libraries_think_of_a_strangers_frames_is_not_logged() {
    let host = Host::start();
    let mut stream = connect_for(&stranger(&host, "pc"), b"h2").await;
    let before = host.log().len();
    // Answers to a question that was never asked.
    let answers = http_2(PING, IS_ANSWER, 0, b"nonsense").repeat(1_000);
    say(&mut stream, [PREFACE, &http_2(SETTINGS, 0, 0, b""), &answers].concat()).await;
    assert_eq!(host.log().len(), before, "{}", host.log());
}
