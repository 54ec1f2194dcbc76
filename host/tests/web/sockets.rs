//! The session's WebSocket: who gets one, and what may be said on it.

use std::sync::atomic::Ordering;

use futures_util::{SinkExt as _, StreamExt as _};
use shoji_host::limits;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::fixture::{House, PATIENCE, until};

type Client = WebSocketStream<TlsStream<TcpStream>>;

/// The code that the host closes with; what comes before does not matter.
async fn closed_with(client: &mut Client) -> u16 {
    loop {
        match timeout(PATIENCE, client.next()).await.expect("the host closes") {
            Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
            Some(Ok(_)) => {}
            other => panic!("closed without a word: {other:?}"),
        }
    }
}

async fn says_back(client: &mut Client, message: &[u8]) {
    client.send(Message::binary(message.to_vec())).await.unwrap();
    let answer = timeout(PATIENCE, client.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(answer.into_data(), message);
}

/// A session of a new device.
async fn session(house: &House, name: &str) -> Client {
    let browser = house.device(name).await;
    let ticket = house.ticket(&browser).await;
    let mut client = house.socket().await;
    client.send(Message::binary(ticket)).await.unwrap();
    client
}

#[tokio::test]
async fn a_ticket_opens_a_session() {
    let house = House::new().await;
    let mut client = session(&house, "pc").await;
    says_back(&mut client, b"hello").await;
    says_back(&mut client, &vec![1; limits::WEB_MESSAGE]).await;
    assert_eq!(house.desk.sessions.load(Ordering::Relaxed), 1);
    until("the session is no longer counted as a browser's connection", || house.service.connections() == 0).await;
}

#[tokio::test]
async fn a_ticket_is_good_once() {
    let house = House::new().await;
    let browser = house.device("pc").await;
    let ticket = house.ticket(&browser).await;
    let mut client = house.socket().await;
    client.send(Message::binary(ticket.clone())).await.unwrap();
    says_back(&mut client, b"hello").await;
    let mut thief = house.socket().await;
    thief.send(Message::binary(ticket)).await.unwrap();
    assert_eq!(closed_with(&mut thief).await, 4401);
    says_back(&mut client, b"still here").await;
}

#[tokio::test]
async fn a_ticket_is_good_for_half_a_minute() {
    let house = House::new().await;
    let browser = house.device("pc").await;
    let ticket = house.ticket(&browser).await;
    house.let_pass(limits::WEB_SECRET_LIFE).await;
    let mut client = house.socket().await;
    client.send(Message::binary(ticket)).await.unwrap();
    assert_eq!(closed_with(&mut client).await, 4401);
}

#[tokio::test]
async fn whatever_is_no_ticket_as_first_message_closes() {
    let house = House::new().await;
    let browser = house.device("pc").await;
    let mut longer = house.ticket(&browser).await;
    longer.push(0);
    for wrong in [
        Message::binary(vec![0; 32]),
        Message::binary(longer),
        Message::binary(vec![]),
        Message::binary(vec![0; 31]),
        Message::text("A".repeat(43)),
    ] {
        let mut client = house.socket().await;
        client.send(wrong).await.unwrap();
        assert_eq!(closed_with(&mut client).await, 4401);
    }
    assert_eq!(house.desk.sessions.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_silent_websocket_is_closed() {
    let house = House::new().await;
    let mut client = house.socket().await;
    house.let_pass(limits::WEB_TICKET_TIMEOUT).await;
    assert_eq!(closed_with(&mut client).await, 4401);
    until("its place is free again", || house.service.connections() == 0).await;
}

#[tokio::test]
async fn an_upgrade_from_another_page_or_for_another_protocol_is_refused() {
    let house = House::new().await;
    for (headers, status) in [
        (&[("origin", "")][..], 403),
        (&[("origin", "https://evil.example")], 403),
        (&[("origin", "http://localhost")], 403),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("host", "evil.example")], 421),
        (&[("sec-websocket-protocol", "")], 400),
        (&[("sec-websocket-protocol", "shoji.2")], 400),
        (&[("sec-websocket-version", "8")], 400),
    ] {
        assert_eq!(house.try_socket(headers).await.err(), Some(status), "{headers:?}");
    }
}

#[tokio::test]
async fn text_empty_and_oversize_messages_end_the_session() {
    let house = House::new().await;
    let (mut one, mut two) = (session(&house, "one").await, session(&house, "two").await);
    let (mut three, mut other) = (session(&house, "three").await, session(&house, "other").await);
    one.send(Message::text("hello")).await.unwrap();
    assert_eq!(closed_with(&mut one).await, 4999);
    two.send(Message::binary(vec![])).await.unwrap();
    assert_eq!(closed_with(&mut two).await, 4999);
    three.send(Message::binary(vec![0; limits::WEB_MESSAGE + 1])).await.unwrap();
    assert_eq!(closed_with(&mut three).await, 4999);
    says_back(&mut other, b"another's session goes on").await;
}

/// A frame of a browser, with a mask that changes nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

#[tokio::test]
async fn a_message_may_come_in_pieces_and_empty_ones_without_end_close() {
    const BEGINNING: u8 = 2;
    const MORE: u8 = 0;
    const LAST: u8 = 0x80;
    let house = House::new().await;
    let mut client = session(&house, "pc").await;
    says_back(&mut client, b"hello").await;
    let pieces = [frame(BEGINNING, b"hel"), frame(MORE, b""), frame(LAST, b"lo")].concat();
    client.get_mut().write_all(&pieces).await.unwrap();
    assert_eq!(timeout(PATIENCE, client.next()).await.unwrap().unwrap().unwrap().into_data(), "hello");
    let nothing = [frame(BEGINNING, b""), frame(MORE, b"").repeat(20_000)].concat();
    // The host may close before it has read all of it.
    let _ = client.get_mut().write_all(&nothing).await;
    assert_eq!(closed_with(&mut client).await, 4999);
}

#[tokio::test]
async fn pings_are_answered_and_a_flood_of_them_ends_the_session() {
    let house = House::new().await;
    let mut client = session(&house, "pc").await;
    client.send(Message::Ping("x".into())).await.unwrap();
    let pong = timeout(PATIENCE, client.next()).await.unwrap().unwrap().unwrap();
    assert!(matches!(pong, Message::Pong(_)), "{pong:?}");
    for _ in 0..100 {
        if client.send(Message::Ping("x".into())).await.is_err() {
            break;
        }
    }
    loop {
        match timeout(PATIENCE, client.next()).await.expect("the host closes") {
            Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            Some(Ok(_)) => {}
        }
    }
}

#[tokio::test]
async fn a_browser_that_does_not_read_lets_nothing_pile_up() {
    let house = House::with(&[], true).await;
    let mut client = session(&house, "pc").await;
    until("the session has begun to send", || house.desk.taken.load(Ordering::Relaxed) > 0).await;
    // Until the kernel's buffers of both ends are full, and another turn brings no more into them.
    let mut before = usize::MAX;
    loop {
        house.turns().await;
        let taken = house.desk.taken.load(Ordering::Relaxed);
        if taken == before {
            break;
        }
        before = taken;
    }
    assert!(before < 16 << 20, "{before} bytes were taken for somebody who reads nothing");
    // Whoever reads again gets on.
    while house.desk.taken.load(Ordering::Relaxed) < before * 2 {
        timeout(PATIENCE, client.next()).await.unwrap().unwrap().unwrap();
    }
    house.desk.end.send_replace(true);
    while let Some(Ok(_)) = timeout(PATIENCE, client.next()).await.unwrap() {}
}
