//! The session's WebTransport: the request on a QUIC connection, the ticket, and streams and datagrams from then on.
//!
//! Owns what a browser may send on such a connection: HTTP/3's own streams (whose contents are of no interest and are not
//! read), one request, one stream both ways that begins with a ticket, one stream of input, and datagrams. Whatever else
//! comes ends the connection. HTTP/3 itself is as much of it as one request needs: the crate reads its fields, within
//! limits of its own. It must never serve a file, take a second request, or read a ticket before the request was found to
//! come from our own page.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use axum::http::request::Parts;
use axum::http::{Method, Request, StatusCode};
use bytes::{Bytes, BytesMut};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::time::timeout;
use web_transport_proto::{Capsule, ConnectRequest, ConnectResponse, Frame, Settings, StreamUni};

use super::api::{Refusal, Shared};
use super::names;
use super::once::SECRET;
use crate::limits;
use crate::registry::Fingerprint;

/// Where the page asks for its session.
const PATH: &str = "/session";

/// HTTP/3's error codes, as far as they are said here.
mod code {
    use quinn::VarInt;

    pub(super) const NO_ERROR: VarInt = VarInt::from_u32(0x100);
    pub(super) const STREAM_CREATION: VarInt = VarInt::from_u32(0x103);
    pub(super) const EXCESSIVE_LOAD: VarInt = VarInt::from_u32(0x107);
    pub(super) const REQUEST_INCOMPLETE: VarInt = VarInt::from_u32(0x10d);
    pub(super) const MESSAGE: VarInt = VarInt::from_u32(0x10e);
}

/// A stream's code of the session's as HTTP/3 carries it.
pub fn stream_code(code: u32) -> VarInt {
    VarInt::from_u64(web_transport_proto::error_to_http3(code))
        .expect("the crate keeps to the range that HTTP/3 set aside for it")
}

/// A QUIC connection of somebody who has shown nothing yet.
#[derive(Debug)]
pub struct Stranger(Connection);

impl Stranger {
    /// Whoever this is: a stranger has no rights but to ask.
    pub fn new(connection: Connection) -> Self {
        Self(connection)
    }

    /// Where it is.
    pub fn peer(&self) -> SocketAddr {
        self.0.remote_address()
    }

    /// Whether it went by itself, as one does whose page came by another way meanwhile.
    pub(super) fn has_left(&self) -> bool {
        self.0.close_reason().is_some()
    }

    /// Reads what comes in datagrams and forgets it: nobody asked for any yet, and each would be kept with the packet that it came in.
    pub(super) async fn without_datagrams(&self) -> std::convert::Infallible {
        while self.0.read_datagram().await.is_ok() {}
        std::future::pending().await
    }

    /// Sends it away before it said what it wants.
    pub(super) fn send_away(self, why: Away) {
        let code = match why {
            Away::Crowded => code::EXCESSIVE_LOAD,
            Away::Late => code::REQUEST_INCOMPLETE,
            Away::Stopping => code::NO_ERROR,
        };
        self.0.close(code, b"");
    }
}

/// Why a stranger is sent away that has done nothing wrong yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Away {
    /// There are too many.
    Crowded,
    /// It took too long to show a ticket.
    Late,
    /// The service stops.
    Stopping,
}

/// Why a stranger gets no session. The words are ours alone: this goes into the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unwelcome {
    /// The request is not for us, not from our page, or one too many.
    #[error("its request was refused ({0:?})")]
    Refused(Refusal),
    /// It is for another path.
    #[error("its request was for something that is not here")]
    Path,
    /// It is no request for a WebTransport session.
    #[error("its request is none for a session")]
    Request(#[from] web_transport_proto::ConnectError),
    /// The first bytes were no ticket, or one that is not good.
    #[error("it has no ticket")]
    Ticket,
    /// It left, or sent something that a browser does not.
    #[error("it left, or sent what no browser sends")]
    Broken(#[from] Broken),
}

/// Why a browser's WebTransport is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It closed the session.
    #[error("the viewer closed the connection")]
    Closed,
    /// A second stream of input, or more streams of HTTP/3 than there are.
    #[error("the browser opened a stream that has no use here")]
    Stream,
    /// A datagram of another session, or of none.
    #[error("the browser sent a datagram of another session")]
    Datagram,
    /// More bytes after the request than the end of a session takes.
    #[error("the browser sends too much on the stream of its request")]
    Request,
    /// The network, or the browser's program.
    #[error("{0}")]
    Connection(#[from] quinn::ConnectionError),
    /// A stream was given up, or ended before it said what it is.
    #[error("{0}")]
    ReadExact(#[from] quinn::ReadExactError),
    /// A stream was given up.
    #[error("{0}")]
    Write(#[from] quinn::WriteError),
}

/// A session's connection, whose ticket was good, and its streams.
#[derive(Debug)]
pub struct Transport {
    /// All but the streams that the host sends on or reads from.
    pub line: Line,
    /// The browser's control stream, from behind the ticket on.
    pub control_in: RecvStream,
    /// The host's control stream.
    pub control_out: SendStream,
    /// The host's updates.
    pub updates: SendStream,
}

/// What came beside the control stream.
#[derive(Debug)]
pub enum Arrival {
    /// The browser's stream of input.
    Input(RecvStream),
    /// A datagram.
    Datagram(Bytes),
}

/// The connection itself, its request, and the streams that HTTP/3 wants to be kept.
#[derive(Debug)]
pub struct Line {
    connection: Connection,
    session: u64,
    request_in: RecvStream,
    /// Bytes that came on it since the request.
    request_rest: usize,
    request_out: SendStream,
    /// Streams that have not said yet what they are.
    arriving: Vec<Arriving>,
    /// HTTP/3 forbids to close these: the browser's, and our settings.
    kept: Vec<RecvStream>,
    _settings: SendStream,
    has_input: bool,
    is_over: bool,
}

/// Answers a stranger's request: its session, and whose it is.
pub(super) async fn admit(shared: &Shared, stranger: &Stranger) -> Result<(Fingerprint, Transport), Unwelcome> {
    let connection = &stranger.0;
    let settings = settings(connection).await?;
    let (mut request_out, mut request_in) = connection.accept_bi().await.map_err(Broken::from)?;
    let request = ConnectRequest::read(&mut request_in).await?;
    if let Err(why) = check(shared, stranger.peer(), &request) {
        let status = if let Unwelcome::Refused(refusal) = &why { refusal.status() } else { StatusCode::NOT_FOUND };
        let _ = ConnectResponse::new(status).write(&mut request_out).await;
        let _ = request_out.finish();
        let _ = timeout(limits::FAREWELL, request_out.stopped()).await;
        return Err(why);
    }
    connection.set_max_concurrent_bi_streams(VarInt::from_u32(limits::WEB_TRANSPORT_BIDI_STREAMS));
    connection.set_max_concurrent_uni_streams(VarInt::from_u32(limits::WEB_TRANSPORT_UNI_STREAMS));
    ConnectResponse::OK.write(&mut request_out).await?;
    let mut line = Line {
        session: u64::from(VarInt::from(request_in.id())),
        connection: connection.clone(),
        request_in,
        request_rest: 0,
        request_out,
        arriving: Vec::new(),
        kept: Vec::new(),
        _settings: settings,
        has_input: false,
        is_over: false,
    };
    match line.redeem(shared).await {
        Ok(Some((fingerprint, control_out, control_in))) => {
            let updates = line.open().await?;
            Ok((fingerprint, Transport { line, control_in, control_out, updates }))
        }
        Ok(None) => {
            let _ = timeout(limits::FAREWELL, line.end(super::socket::NO_TICKET)).await;
            Err(Unwelcome::Ticket)
        }
        Err(broken) => Err(broken.into()),
    }
}

/// Says which HTTP/3 is spoken here.
async fn settings(connection: &Connection) -> Result<SendStream, Broken> {
    let mut stream = connection.open_uni().await?;
    let mut settings = Settings::default();
    settings.enable_webtransport(1);
    let mut bytes = BytesMut::new();
    settings.encode(&mut bytes);
    stream.write_all(&bytes).await?;
    Ok(stream)
}

/// A request's bytes as they come on its stream; `None`: it is none for a session. Pure, so that a fuzz program can sit in the
/// browser's place.
pub fn read_request(mut bytes: &[u8]) -> Option<Parts> {
    parts(&ConnectRequest::decode(&mut bytes).ok()?)
}

/// A request in the form in which all others come.
fn parts(request: &ConnectRequest) -> Option<Parts> {
    let whole = Request::builder().method(Method::CONNECT).uri(request.url.as_str()).body(()).ok()?;
    let (mut parts, ()) = whole.into_parts();
    parts.headers = request.headers.clone();
    Some(parts)
}

/// Whether a request is for a session, for this host, and from our own page.
///
/// Unlike over HTTP/1.1 and HTTP/2, a header that was there twice is not seen to be: the crate keeps one value of each name, the
/// last. So the last `Origin` counts here. It opens no door: a page cannot set it, browsers send one, and whoever is no browser may
/// write what he likes and still has no ticket.
fn check(shared: &Shared, peer: SocketAddr, request: &ConnectRequest) -> Result<(), Unwelcome> {
    let parts = parts(request).ok_or(Unwelcome::Refused(Refusal::Host))?;
    let asker = shared.admit(peer, &parts).map_err(Unwelcome::Refused)?;
    names::own_origin(&parts, &asker.authority).map_err(|foreign| Unwelcome::Refused(foreign.into()))?;
    let is_ours = parts.uri.path_and_query().is_some_and(|path| path.as_str() == PATH);
    if is_ours { Ok(()) } else { Err(Unwelcome::Path) }
}

impl Line {
    /// Where the browser is.
    pub fn peer(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    /// Reads the beginning of the control stream: to whom its ticket was given.
    async fn redeem(&self, shared: &Shared) -> Result<Option<(Fingerprint, SendStream, RecvStream)>, Broken> {
        let (control_out, mut control_in) = self.connection.accept_bi().await?;
        let mut head = Vec::new();
        Frame::WEBTRANSPORT.encode(&mut head);
        head.extend(self.id());
        let mut begins = vec![0; head.len()];
        control_in.read_exact(&mut begins).await?;
        if begins != head {
            return Err(Broken::Stream);
        }
        let mut ticket = [0; SECRET];
        control_in.read_exact(&mut ticket).await?;
        Ok(shared.redeem(&ticket).map(|fingerprint| (fingerprint, control_out, control_in)))
    }

    /// A stream of the session's to the browser.
    async fn open(&self) -> Result<SendStream, Broken> {
        let mut stream = self.connection.open_uni().await?;
        let mut head = Vec::new();
        StreamUni::WEBTRANSPORT.encode(&mut head);
        head.extend(self.id());
        stream.write_all(&head).await?;
        Ok(stream)
    }

    /// The session's number as it stands before what belongs to it.
    fn id(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        web_transport_proto::VarInt::try_from(self.session).expect("a stream's number is one").encode(&mut bytes);
        bytes
    }

    /// What comes next beside the control stream. Safe to drop at any time.
    pub async fn next(&mut self) -> Result<Arrival, Broken> {
        loop {
            let Self { connection, request_in, arriving, .. } = self;
            tokio::select! {
                biased;
                (stream, kind) = std::future::poll_fn(|context| poll_arriving(arriving, context)) => {
                    if let Some(input) = self.arrived(stream, kind)? {
                        return Ok(Arrival::Input(input));
                    }
                }
                datagram = connection.read_datagram() => return self.datagram(datagram?).map(Arrival::Datagram),
                // They cannot pile up: QUIC lets only so many be open.
                stream = connection.accept_uni() => arriving.push(Arriving { stream: stream?, head: Vec::new() }),
                rest = request_in.read_chunk(limits::WEB_TRANSPORT_REQUEST_REST, true) => {
                    // Finished or given up: both end a session.
                    let Ok(Some(rest)) = rest else {
                        self.is_over = true;
                        return Err(Broken::Closed);
                    };
                    self.request_rest += rest.bytes.len();
                    if self.request_rest > limits::WEB_TRANSPORT_REQUEST_REST {
                        return Err(Broken::Request);
                    }
                }
            }
        }
    }

    /// A stream has said what it is. `Some`: the stream of input.
    fn arrived(&mut self, mut stream: RecvStream, kind: Kind) -> Result<Option<RecvStream>, Broken> {
        match kind {
            Kind::Session(session) if session == self.session && !self.has_input => {
                self.has_input = true;
                Ok(Some(stream))
            }
            Kind::Session(_) => Err(Broken::Stream),
            Kind::Http if self.kept.len() < limits::UNI_STREAMS as usize => {
                self.kept.push(stream);
                Ok(None)
            }
            Kind::Http => Err(Broken::Stream),
            // HTTP/3 has whoever does not know a stream's kind give it up.
            Kind::Unknown => {
                let _ = stream.stop(code::STREAM_CREATION);
                Ok(None)
            }
        }
    }

    /// What QUIC knows of the way to the browser.
    pub fn path(&self) -> quinn::PathStats {
        self.connection.stats().path
    }

    /// Sends a copy in a datagram of the session's, as far as there is room: while many wait, it is dropped, and so it is by a browser that
    /// takes none. The stream has its bytes.
    pub fn send_copy(&self, copy: &[u8]) {
        let mut datagram = BytesMut::with_capacity(size_of::<u64>() + copy.len());
        // By a fourth of its number, as in `datagram`.
        web_transport_proto::VarInt::try_from(self.session / 4)
            .expect("a stream's number is one")
            .encode(&mut datagram);
        datagram.extend_from_slice(copy);
        if self.connection.datagram_send_buffer_space() >= datagram.len() {
            let _ = self.connection.send_datagram(datagram.freeze());
        }
    }

    /// The contents of a datagram of the session's.
    fn datagram(&self, mut datagram: Bytes) -> Result<Bytes, Broken> {
        // By a fourth of its number: requests have every fourth.
        match web_transport_proto::VarInt::decode(&mut datagram) {
            Ok(quarter) if quarter.into_inner() == self.session / 4 => Ok(datagram),
            _ => Err(Broken::Datagram),
        }
    }

    /// Ends the session with a code of ours, and waits until the browser has it; `None`: it cannot be.
    pub async fn end(&mut self, code: u16) -> Option<()> {
        let mut capsule = BytesMut::new();
        Capsule::CloseWebTransportSession { code: code.into(), reason: String::new() }.encode(&mut capsule);
        let mut bytes = BytesMut::new();
        Frame::DATA.encode(&mut bytes);
        web_transport_proto::VarInt::from_u32(capsule.len() as u32).encode(&mut bytes);
        bytes.extend_from_slice(&capsule);
        self.request_out.write_all(&bytes).await.ok()?;
        self.request_out.finish().ok()?;
        self.request_out.stopped().await.ok().map(|_| ())
    }

    /// Whether the browser has ended the session, so that nothing more need be said.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Closes the connection. Nothing may follow.
    pub fn close(&self) {
        self.connection.close(code::NO_ERROR, b"");
    }
}

impl Unwelcome {
    /// Whether it is what one sees of a browser that left.
    pub(super) fn is_of_the_line(&self) -> bool {
        matches!(self, Self::Request(_) | Self::Broken(_))
    }

    /// What the connection is closed with.
    pub(super) fn close(&self, stranger: &Stranger) {
        let code = match self {
            Self::Request(_) | Self::Broken(_) => code::MESSAGE,
            Self::Refused(_) | Self::Path | Self::Ticket => code::NO_ERROR,
        };
        stranger.0.close(code, b"");
    }
}

/// A stream that has not said yet what it is.
#[derive(Debug)]
struct Arriving {
    stream: RecvStream,
    head: Vec<u8>,
}

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Part of a session, of this number.
    Session(u64),
    /// HTTP/3's own.
    Http,
    /// Nothing that we know, or it ended before it said so.
    Unknown,
}

/// What the first bytes of a stream say that it is; `None`: there are too few.
fn kind(mut head: &[u8]) -> Option<Kind> {
    let kind = StreamUni::decode(&mut head).ok()?;
    match kind {
        StreamUni::CONTROL | StreamUni::QPACK_ENCODER | StreamUni::QPACK_DECODER => Some(Kind::Http),
        StreamUni::WEBTRANSPORT => {
            let session = web_transport_proto::VarInt::decode(&mut head).ok()?;
            Some(Kind::Session(session.into_inner()))
        }
        _ => Some(Kind::Unknown),
    }
}

/// Ready with one of the streams when it has said what it is.
fn poll_arriving(arriving: &mut Vec<Arriving>, context: &mut Context<'_>) -> Poll<(RecvStream, Kind)> {
    for at in 0..arriving.len() {
        if let Poll::Ready(kind) = arriving[at].poll(context) {
            return Poll::Ready((arriving.swap_remove(at).stream, kind));
        }
    }
    Poll::Pending
}

impl Arriving {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Kind> {
        loop {
            if let Some(kind) = kind(&self.head) {
                return Poll::Ready(kind);
            }
            // One byte after the other: what follows the head is not ours to read. Two numbers are sixteen at most.
            let mut byte = [0];
            match std::task::ready!(self.stream.poll_read(context, &mut byte)) {
                Ok(1..) => self.head.extend(byte),
                // It ended, or was given up.
                Ok(0) | Err(_) => return Poll::Ready(Kind::Unknown),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Field lines as a browser without a table writes them: each a name and a value, both in so many words.
    fn request(fields: &[(&str, &str)]) -> Vec<u8> {
        let mut lines = vec![0, 0];
        for (name, value) in fields {
            let (short, value_length) = (name.len().min(7), u8::try_from(value.len()).unwrap());
            lines.push(0x20 | u8::try_from(short).unwrap());
            if short == 7 {
                lines.push(u8::try_from(name.len() - short).unwrap());
            }
            lines.extend(name.bytes());
            lines.push(value_length);
            lines.extend(value.bytes());
        }
        let mut bytes = Vec::new();
        Frame::HEADERS.encode(&mut bytes);
        web_transport_proto::VarInt::try_from(lines.len()).unwrap().encode(&mut bytes);
        [bytes, lines].concat()
    }

    #[test]
    fn of_a_header_that_is_there_twice_only_the_last_is_seen() {
        let twice = request(&[
            (":method", "CONNECT"),
            (":protocol", "webtransport"),
            (":scheme", "https"),
            (":authority", "localhost:4433"),
            (":path", PATH),
            ("origin", "https://evil.example"),
            ("origin", "https://localhost:4433"),
        ]);
        let parts = read_request(&twice).expect("it is a request for a session");
        let seen: Vec<_> = parts.headers.get_all("origin").iter().collect();
        assert_eq!(seen, ["https://localhost:4433"]);
    }

    #[test]
    fn a_stream_says_what_it_is_in_its_first_bytes() {
        assert_eq!(kind(&[]), None);
        for http in [0, 2, 3] {
            assert_eq!(kind(&[http]), Some(Kind::Http));
        }
        // Kind 0x54 in two bytes, then the session's number.
        assert_eq!(kind(&[0x40]), None);
        assert_eq!(kind(&[0x40, 0x54]), None);
        assert_eq!(kind(&[0x40, 0x54, 4]), Some(Kind::Session(4)));
        assert_eq!(kind(&[0x40, 0x54, 0xc0, 0, 0, 0, 0, 0, 0]), None);
        // A push, which no client has, and what browsers send so that nobody relies on it.
        assert_eq!(kind(&[1]), Some(Kind::Unknown));
        assert_eq!(kind(&[0x21]), Some(Kind::Unknown));
    }
}
