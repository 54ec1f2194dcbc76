//! The session's WebTransport: who gets one, and what may be said on it.

use std::sync::atomic::Ordering;

use quinn::{ConnectionError, RecvStream, SendStream};
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use shoji_host::{clock, limits};
use tokio::time::timeout;
use web_transport_proto::{Frame, StreamUni, VarInt};

use super::fixture::{House, PATIENCE, until};
use super::http3::{Browser, Session};

/// A browser that knows this host.
async fn browser(house: &House) -> Browser {
    let hashes = house.certificates.hashes(clock::unix_seconds()).into();
    let mut browser = Browser::connect(house.quic, hashes).await.unwrap();
    browser.greet().await;
    browser
}

/// A request as the page makes it, with other headers.
async fn ask(house: &House, browser: &Browser, headers: &[(&str, &str)]) -> Result<Session, u16> {
    let origin = house.origin();
    let headers: Vec<_> = [("origin", &*origin)].into_iter().chain(headers.iter().copied()).collect();
    timeout(PATIENCE, browser.ask(&format!("{origin}/session"), &headers)).await.unwrap()
}

/// A session that has shown these bytes as its ticket.
async fn shown(house: &House, browser: &Browser, ticket: &[u8]) -> (Session, SendStream, RecvStream) {
    let session = ask(house, browser, &[]).await.unwrap();
    let (mut control_out, control_in) = session.open_bi().await;
    control_out.write_all(ticket).await.unwrap();
    (session, control_out, control_in)
}

async fn says_back(control_out: &mut SendStream, control_in: &mut RecvStream, message: &[u8]) {
    control_out.write_all(message).await.unwrap();
    reads(control_in, message).await;
}

async fn reads(stream: &mut RecvStream, message: &[u8]) {
    let mut read = vec![0; message.len()];
    timeout(PATIENCE, stream.read_exact(&mut read)).await.unwrap().unwrap();
    assert_eq!(read, message);
}

/// A session of a new device.
struct Client {
    browser: Browser,
    session: Session,
    control_out: SendStream,
    control_in: RecvStream,
}

impl Client {
    async fn new(house: &House, name: &str) -> Self {
        let ticket = house.ticket(&house.device(name).await).await;
        let browser = browser(house).await;
        let (session, mut control_out, mut control_in) = shown(house, &browser, &ticket).await;
        says_back(&mut control_out, &mut control_in, b"hello").await;
        Self { browser, session, control_out, control_in }
    }
}

/// HTTP/3's codes with which a connection ends. Only [`code::LATE`] comes of waiting: whoever is refused for what he did gets another.
mod code {
    /// The host is done with it.
    pub(super) const DONE: u64 = 0x100;
    /// There was no ticket in time.
    pub(super) const LATE: u64 = 0x10d;
    /// What came was no message of a browser's.
    pub(super) const WRONG: u64 = 0x10e;
}

/// The host ends the connection: with this code.
async fn closed(browser: &Browser) -> u64 {
    match timeout(PATIENCE, browser.connection.closed()).await.expect("the host closes") {
        ConnectionError::ApplicationClosed(close) => close.error_code.into(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_ticket_opens_a_session_with_streams_and_datagrams() {
    let house = House::new().await;
    let mut client = Client::new(&house, "pc").await;
    says_back(&mut client.control_out, &mut client.control_in, &vec![1; 100_000]).await;
    let mut updates = timeout(PATIENCE, client.session.accept_uni()).await.unwrap().unwrap();
    let mut input = client.session.open_uni().await;
    input.write_all(b"input").await.unwrap();
    reads(&mut updates, b"input").await;
    client.session.send_datagram(b"copy");
    reads(&mut updates, b"copy").await;
    assert_eq!(house.desk.sessions.load(Ordering::Relaxed), 1);
    until("the session is no longer counted as a browser's connection", || house.service.connections() == 0).await;
}

#[tokio::test]
async fn a_ticket_is_good_once_and_on_one_carrier() {
    let house = House::new().await;
    let device = house.device("pc").await;
    let ticket = house.ticket(&device).await;
    let first = browser(&house).await;
    let (_session, mut control_out, mut control_in) = shown(&house, &first, &ticket).await;
    says_back(&mut control_out, &mut control_in, b"hello").await;
    let thief = browser(&house).await;
    let (mut stolen, ..) = shown(&house, &thief, &ticket).await;
    assert_eq!(stolen.closed().await, Some(4401));
    assert_eq!(closed(&thief).await, code::DONE);
    says_back(&mut control_out, &mut control_in, b"still here").await;
    assert_eq!(house.desk.sessions.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_ticket_is_good_for_half_a_minute() {
    let house = House::new().await;
    let ticket = house.ticket(&house.device("pc").await).await;
    house.let_pass(limits::WEB_SECRET_LIFE).await;
    let browser = browser(&house).await;
    let (mut session, ..) = shown(&house, &browser, &ticket).await;
    assert_eq!(session.closed().await, Some(4401));
    assert_eq!(house.desk.sessions.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn whatever_is_no_ticket_gets_nothing() {
    let house = House::new().await;
    let guess = browser(&house).await;
    let (mut session, _control_out, mut control_in) = shown(&house, &guess, &[0; 32]).await;
    assert_eq!(session.closed().await, Some(4401));
    assert!(!matches!(control_in.read_chunk(1, true).await, Ok(Some(_))), "nothing was said to it");
    // Half a ticket, and no more.
    let half = browser(&house).await;
    let (_session, mut control_out, _control_in) = shown(&house, &half, &[0; 31]).await;
    control_out.finish().unwrap();
    assert_eq!(closed(&half).await, code::WRONG);
    assert_eq!(house.desk.sessions.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_browser_that_falls_silent_is_dropped_wherever_it_does() {
    let house = House::new().await;
    let hashes = house.certificates.hashes(clock::unix_seconds()).to_vec();
    let at_once = Browser::connect(house.quic, hashes).await.unwrap();
    let greeted = browser(&house).await;
    let begun = browser(&house).await;
    let mut request = begun.connection.open_bi().await.unwrap();
    request.0.write_all(&[1, 0x40]).await.unwrap();
    let asked = browser(&house).await;
    let _session = ask(&house, &asked, &[]).await.unwrap();
    let opened = browser(&house).await;
    let _shown = shown(&house, &opened, &[7; 5]).await;
    until("each has a place", || house.service.connections() == 5).await;
    house.let_pass(limits::WEB_TICKET_TIMEOUT).await;
    for browser in [at_once, greeted, begun, asked, opened] {
        assert_eq!(closed(&browser).await, code::LATE);
    }
    until("their places are free again", || house.service.connections() == 0).await;
}

#[tokio::test]
async fn a_request_from_another_page_for_another_host_or_for_something_else_is_refused() {
    let house = House::new().await;
    let (own, port) = (house.origin(), house.address.port());
    let evil = format!("https://evil.example:{port}");
    for (url, headers, status) in [
        (format!("{own}/session"), vec![], 403),
        (format!("{own}/session"), vec![("origin", "https://evil.example")], 403),
        (format!("{own}/session"), vec![("origin", "https://localhost")], 403),
        (format!("{own}/session"), vec![("origin", "null")], 403),
        (format!("{own}/session"), vec![("origin", &*own), ("sec-fetch-site", "cross-site")], 403),
        (format!("https://127.0.0.1:{port}/session"), vec![("origin", &*own)], 403),
        (format!("{evil}/session"), vec![("origin", &*evil)], 421),
        (format!("https://user@localhost:{port}/session"), vec![("origin", &*own)], 421),
        (format!("{own}/session"), vec![("origin", &*own), ("host", "evil.example")], 421),
        (format!("{own}/"), vec![("origin", &*own)], 404),
        (format!("{own}/session/x"), vec![("origin", &*own)], 404),
        (format!("{own}/session?ticket=1"), vec![("origin", &*own)], 404),
        (format!("{own}/api/ticket"), vec![("origin", &*own)], 404),
    ] {
        let browser = browser(&house).await;
        let refused = timeout(PATIENCE, browser.ask(&url, &headers)).await.unwrap();
        assert_eq!(refused.err(), Some(status), "{url} {headers:?}");
        assert_eq!(closed(&browser).await, code::DONE, "{url} {headers:?}");
    }
    until("no place is kept", || house.service.connections() == 0).await;
}

#[tokio::test]
async fn whatever_is_no_request_for_a_session_ends_the_connection() {
    let house = House::new().await;
    // A GET of /, as any HTTP/3 client sends it: static fields 17 (GET), 1 (/), 23 (https), and the authority by its name.
    let mut get = vec![0, 0, 0xc0 | 17, 0xc0 | 1, 0xc0 | 23, 0x50, 9];
    get.extend(b"localhost");
    let framed = |kind: u8, body: &[u8]| [&[kind, u8::try_from(body.len()).unwrap()], body].concat();
    let mut huge = vec![1];
    VarInt::from_u32(1 << 20).encode(&mut huge);
    for wrong in [
        framed(1, &get),
        // References to a table that we do not have.
        framed(1, &[0, 0, 0x80]),
        framed(1, &[0xff; 40]),
        // Data before the request, and a frame of a megabyte.
        framed(0, b"data"),
        huge,
        // A stream of a session that does not exist.
        vec![0x40, 0x41, 0],
    ] {
        let browser = browser(&house).await;
        let (mut request_out, _answer) = browser.connection.open_bi().await.unwrap();
        request_out.write_all(&wrong).await.unwrap();
        assert_eq!(closed(&browser).await, code::WRONG, "{wrong:?}");
    }
    assert_eq!(house.desk.sessions.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn one_request_and_one_stream_both_ways_are_all_there_are() {
    let house = House::new().await;
    let mut client = Client::new(&house, "pc").await;
    let third = timeout(std::time::Duration::from_millis(200), client.browser.connection.open_bi()).await;
    assert!(third.is_err(), "QUIC itself lets no more be opened");
    says_back(&mut client.control_out, &mut client.control_in, b"still here").await;
    // Before the request was taken, not even a second.
    let other = browser(&house).await;
    let _request = other.connection.open_bi().await.unwrap();
    let second = timeout(std::time::Duration::from_millis(200), other.connection.open_bi()).await;
    assert!(second.is_err());
}

#[tokio::test]
async fn a_control_stream_of_another_session_gets_nothing() {
    let house = House::new().await;
    let ticket = house.ticket(&house.device("pc").await).await;
    let browser = browser(&house).await;
    let _session = ask(&house, &browser, &[]).await.unwrap();
    let (mut control_out, _control_in) = browser.connection.open_bi().await.unwrap();
    let mut head = Vec::new();
    Frame::WEBTRANSPORT.encode(&mut head);
    VarInt::from_u32(8).encode(&mut head);
    control_out.write_all(&head).await.unwrap();
    control_out.write_all(&ticket).await.unwrap();
    assert_eq!(closed(&browser).await, code::WRONG);
    assert_eq!(house.desk.sessions.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_second_stream_of_input_and_a_fourth_of_http_end_the_session() {
    let house = House::new().await;
    let twice = Client::new(&house, "twice").await;
    let (_one, _two) = (twice.session.open_uni().await, twice.session.open_uni().await);
    assert_eq!(closed(&twice.browser).await, code::DONE);
    let greets = Client::new(&house, "greets").await;
    let mut fourth = greets.browser.connection.open_uni().await.unwrap();
    fourth.write_all(&[0]).await.unwrap();
    assert_eq!(closed(&greets.browser).await, code::DONE);
    let foreign = Client::new(&house, "foreign").await;
    let mut stream = foreign.browser.connection.open_uni().await.unwrap();
    stream.write_all(&[0x40, 0x54, 8]).await.unwrap();
    assert_eq!(closed(&foreign.browser).await, code::DONE);
    until("the sessions have ended", || house.desk.ended.load(Ordering::Relaxed) == 3).await;
}

#[tokio::test]
async fn a_stream_of_a_kind_that_nobody_knows_is_given_up_and_harms_nobody() {
    let house = House::new().await;
    let mut client = Client::new(&house, "pc").await;
    // More of them than may be open at once: each makes room.
    for _ in 0..20 {
        let mut stream = timeout(PATIENCE, client.browser.connection.open_uni()).await.unwrap().unwrap();
        stream.write_all(&[0x21, 1, 2, 3]).await.unwrap();
        let _ = stream.finish();
    }
    // One that says nothing keeps no other from its use.
    let mut silent = client.browser.connection.open_uni().await.unwrap();
    silent.write_all(&[0x40]).await.unwrap();
    let mut input = client.session.open_uni().await;
    input.write_all(b"input").await.unwrap();
    let mut updates = timeout(PATIENCE, client.session.accept_uni()).await.unwrap().unwrap();
    reads(&mut updates, b"input").await;
    says_back(&mut client.control_out, &mut client.control_in, b"still here").await;
}

#[tokio::test]
async fn a_datagram_of_another_session_ends_it_and_a_flood_before_it_does_not_matter() {
    let house = House::new().await;
    let ticket = house.ticket(&house.device("flood").await).await;
    let flood = browser(&house).await;
    for _ in 0..2_000 {
        flood.connection.send_datagram(vec![0; 1_000].into()).unwrap();
    }
    let (_session, mut control_out, mut control_in) = shown(&house, &flood, &ticket).await;
    says_back(&mut control_out, &mut control_in, b"hello").await;
    for (name, wrong) in [("empty", &b""[..]), ("other", &[1]), ("far", &[0xff; 8]), ("cut", &[0x40])] {
        let other = Client::new(&house, name).await;
        other.browser.connection.send_datagram(wrong.to_vec().into()).unwrap();
        assert_eq!(closed(&other.browser).await, code::DONE);
    }
    says_back(&mut control_out, &mut control_in, b"still here").await;
}

#[tokio::test]
async fn too_much_on_the_stream_of_the_request_ends_the_session() {
    let house = House::new().await;
    let mut client = Client::new(&house, "pc").await;
    // The host may close while it is still being written.
    let _ = client.session.request_out.write_all(&vec![0; limits::WEB_TRANSPORT_REQUEST_REST + 1]).await;
    assert_eq!(closed(&client.browser).await, code::DONE);
}

#[tokio::test]
async fn a_page_that_ends_its_session_is_let_go_at_once() {
    let house = House::new().await;
    let mut finishes = Client::new(&house, "finishes").await;
    finishes.session.request_out.finish().unwrap();
    assert_eq!(closed(&finishes.browser).await, code::DONE);
    let mut resets = Client::new(&house, "resets").await;
    resets.session.request_out.reset(0x10c_u32.into()).unwrap();
    assert_eq!(closed(&resets.browser).await, code::DONE);
    let closes = Client::new(&house, "closes").await;
    closes.browser.connection.close(0x100_u32.into(), b"");
    until("the sessions have ended", || house.desk.ended.load(Ordering::Relaxed) == 3).await;
}

#[tokio::test]
async fn strangers_over_quic_and_browsers_over_tcp_take_no_places_from_each_other() {
    let house = House::new().await;
    let stranger = browser(&house).await;
    until("it has a place", || house.service.connections() == 1).await;
    stranger.connection.close(0_u32.into(), b"");
    until("its place is free again", || house.service.connections() == 0).await;
    let mut full = Vec::new();
    for _ in 0..limits::WEB_CONNECTIONS_OF_ADDRESS {
        full.push(house.connect(shoji_host::tls::HTTP_2).await);
    }
    until("every place is taken", || house.service.connections() == limits::WEB_CONNECTIONS_OF_ADDRESS).await;
    let one_more = browser(&house).await;
    assert!(ask(&house, &one_more, &[]).await.is_ok(), "its request is answered");
    assert_eq!(house.service.connections(), limits::WEB_CONNECTIONS_OF_ADDRESS + 1);
    drop(full);
    one_more.connection.close(0_u32.into(), b"");
    until("the places are free again", || house.service.connections() == 0).await;
    Client::new(&house, "pc").await;
}

#[tokio::test]
async fn requests_over_quic_count_like_all_others() {
    let house = House::new().await;
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        while house.get("/nothing").await.status != 429 {
            assert!(std::time::Instant::now() < deadline, "the rate is never used up");
        }
        // The next one comes back ten milliseconds later, which a busy machine may need for this.
        let browser = browser(&house).await;
        if ask(&house, &browser, &[]).await.err() == Some(429) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "a request over QUIC is never one too many");
    }
}

#[tokio::test]
async fn a_service_that_stops_lets_strangers_go() {
    let house = House::new().await;
    let browser = browser(&house).await;
    let _session = ask(&house, &browser, &[]).await.unwrap();
    house.service.stop();
    assert_eq!(closed(&browser).await, code::DONE);
    until("its place is free", || house.service.connections() == 0).await;
}

/// The certificate that the host showed.
fn shown_to(browser: &Browser) -> CertificateDer<'static> {
    let chain = browser.connection.peer_identity().unwrap().downcast::<Vec<CertificateDer<'static>>>().unwrap();
    chain[0].clone()
}

fn hash(certificate: &CertificateDer<'_>) -> [u8; 32] {
    Sha256::digest(certificate).into()
}

#[tokio::test]
async fn a_host_shows_browsers_the_certificate_whose_hash_came_with_the_ticket_and_viewers_its_own() {
    let house = House::new().await;
    let [on_duty, next] = house.certificates.hashes(clock::unix_seconds());
    let browser = browser(&house).await;
    assert_eq!(hash(&shown_to(&browser)), on_duty);
    let own = vec![hash(&house.certificate)];
    let as_viewer = Browser::connect_for(house.quic, own.clone(), shoji_host::tls::ALPN).await.unwrap();
    assert_eq!(shown_to(&as_viewer), house.certificate);
    for (known, protocol) in [(own, shoji_host::tls::HTTP_3), (vec![on_duty, next], shoji_host::tls::ALPN)] {
        let other = Browser::connect_for(house.quic, known, protocol).await.err();
        // The client's own TLS ends it: QUIC carries an alert as 0x100 and its number.
        let Some(ConnectionError::TransportError(error)) = other else { panic!("{other:?}") };
        assert!((0x100..0x200).contains(&u64::from(error.code)), "{error}");
    }
}

#[tokio::test]
async fn http3_begins_with_the_hosts_settings() {
    let house = House::new().await;
    let browser = browser(&house).await;
    let mut settings = timeout(PATIENCE, browser.connection.accept_uni()).await.unwrap().unwrap();
    assert_eq!(VarInt::read(&mut settings).await.unwrap(), StreamUni::CONTROL.0);
}
