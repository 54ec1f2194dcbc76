//! What strangers hold of the host's memory: as little as its limits say.

use serde_json::json;
use shoji_host::limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::browser::{connect_for, key, post, stranger};
use super::fixture::{Host, PATIENCE, status};

/// Enough to measure, and few enough that no rate is in the way.
const CONNECTIONS: usize = 24;

/// Kinds of frames of HTTP/2.
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;

/// A PING's flag: it is an answer.
pub(crate) const IS_ANSWER: u8 = 1;

/// HEADERS' flag: they are all.
const ARE_ALL: u8 = 4;

/// How a client of HTTP/2 begins.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One frame of HTTP/2, of a stream or of the connection itself.
pub(crate) fn http_2(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), body].concat()
}

/// Says these bytes, and waits until the host has read them: until it answers a question behind them.
pub(crate) async fn say<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(stream: &mut S, mut said: Vec<u8>) {
    said.extend(http_2(PING, 0, 0, b"the last"));
    let last = http_2(PING, IS_ANSWER, 0, b"the last");
    let (mut reading, mut writing) = tokio::io::split(stream);
    let read = async {
        let mut answer = Vec::new();
        while !answer.windows(last.len()).any(|window| window == last) {
            let count = timeout(PATIENCE, reading.read_buf(&mut answer)).await.expect("the host reads").unwrap();
            assert!(count > 0, "the host closed");
        }
    };
    let (written, ()) = tokio::join!(writing.write_all(&said), read);
    written.unwrap();
}

/// A header as it is, without any table.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| {
        let rest = text.len().checked_sub(127);
        match rest {
            None => vec![text.len() as u8],
            Some(rest) if rest < 128 => vec![127, rest as u8],
            Some(rest) => vec![127, rest as u8 | 128, (rest >> 7) as u8],
        }
    };
    [&[0], &length(name)[..], name.as_bytes(), &length(value), value.as_bytes()].concat()
}

/// The head of a request with a body, as long as one may be.
fn head(authority: &str) -> Vec<u8> {
    let origin = format!("https://{authority}");
    let own = [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", "/api/enrol"),
        (":authority", authority),
        ("origin", &origin),
        ("content-type", "application/json"),
    ];
    let long = "y".repeat(limits::WEB_HEADERS / limits::WEB_HEADER_COUNT - 40);
    let more = (0..limits::WEB_HEADER_COUNT - own.len()).map(|number| literal(&format!("x{number}"), &long));
    own.iter().map(|(name, value)| literal(name, value)).chain(more).flatten().collect()
}

#[tokio::test]
async fn a_stranger_who_holds_all_that_a_connection_may_have_holds_no_more_than_it_says() {
    let host = Host::start();
    let bundle = stranger(&host, "pc");
    let memory = || status(host.id(), "VmRSS").unwrap().trim_end_matches(" kB").trim().parse::<usize>().unwrap();
    let answered = async || post(&bundle, "/api/challenge", &json!({ "key": key(&bundle) })).await.0;
    let begin = async || {
        let mut stream = connect_for(&bundle, b"h2").await;
        say(&mut stream, [PREFACE, &http_2(SETTINGS, 0, 0, b"")].concat()).await;
        stream
    };
    // What is made once for all.
    assert_eq!(answered().await, 403);
    drop(begin().await);
    let before = memory();
    let head = head(&bundle.host);
    assert!(head.len() < 16 << 10, "{} bytes", head.len());
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = begin().await;
        let mut said = Vec::new();
        for stream in (1..).step_by(2).take(limits::WEB_STREAMS as usize) {
            said.extend(http_2(HEADERS, ARE_ALL, stream, &head));
            // All of a body but its end.
            said.extend(http_2(DATA, 0, stream, &vec![b' '; limits::WEB_BODY]));
        }
        say(&mut stream, said).await;
        held.push(stream);
    }
    // Whatever was begun before this has been done.
    assert_eq!(answered().await, 403);
    let each = memory().saturating_sub(before) / CONNECTIONS;
    assert!(each <= limits::WEB_CONNECTION_KIB, "{each} KiB for each connection");
}
