//! The requests: files, and the three steps from a key to a ticket.
//!
//! Owns what is answered to each. Words of errors are a closed list. Only `enrol` puts a browser on the list of those who wait,
//! when its person asks; `challenge` says how it stands with that. Nothing of a request comes back in an answer or goes
//! into a log but the address it came from and a device's fingerprint; keys, challenges and tickets never do.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::bodies::{self, Challenge, Enrol, Malformed, Offer, Ticket};
use super::names::{self, Foreign, only};
use super::once::{Once, SECRET};
use super::peer::Peer;
use super::rates::Rates;
use super::server::{Place, Places};
use super::{Admission, Settings, Way, socket};
use crate::enrolment::{Asked, NotAdmitted};
use crate::registry::Fingerprint;
use crate::seldom::Seldom;
use crate::{clock, limits};

/// What all requests share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) admission: Arc<dyn Admission>,
    books: Mutex<Books>,
    /// One enrolment is written at a time.
    writing: Semaphore,
    pub(super) lines: Lines,
    /// Of peers that have not shown a ticket.
    pub(super) unadmitted: Arc<Places>,
}

/// The log lines that strangers can cause.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) crowded: Seldom,
    pub(super) no_ticket: Seldom,
    no_room: Seldom,
    too_many_asks: Seldom,
    refused: Seldom,
    no_randomness: Seldom,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            crowded: Seldom::new(1),
            no_ticket: Seldom::new(limits::REFUSALS_TOLD),
            no_room: Seldom::new(1),
            too_many_asks: Seldom::new(1),
            refused: Seldom::new(limits::REFUSALS_TOLD),
            no_randomness: Seldom::new(1),
        }
    }
}

/// What is remembered of requests. Each change is one call.
#[derive(Debug)]
struct Books {
    challenges: Once<Fingerprint>,
    tickets: Once<Fingerprint>,
    /// Each lets a device make one offer.
    passes: Once<Fingerprint>,
    requests: Rates,
    sign_ins: Rates,
    asks: Rates,
    writes: Rates,
}

/// Where a request came from, and what it called this host. Requests by HTTP/1.1 and HTTP/2 carry it to whoever answers them: without it
/// none was admitted, and none is answered.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) peer: SocketAddr,
    pub(super) authority: Authority,
}

/// Why a request is refused: one short word, and the status that says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Host,
    Origin,
    Headers,
    Body,
    BodyKind,
    BodyLength,
    BodyTime,
    Name,
    Busy,
    NotAdmitted(NotAdmitted),
    Challenge,
    Signature,
    Pass,
    Offer,
}

impl Refusal {
    fn word(self) -> &'static str {
        match self {
            Self::Host | Self::Origin => "origin",
            Self::Headers => "headers",
            Self::Body | Self::BodyKind | Self::BodyLength | Self::BodyTime => "body",
            Self::Name => "name",
            Self::Busy => "busy",
            Self::NotAdmitted(NotAdmitted::Unknown) => "unknown",
            Self::NotAdmitted(NotAdmitted::Waiting(_)) => "waiting",
            Self::NotAdmitted(NotAdmitted::Expired) => "expired",
            Self::NotAdmitted(NotAdmitted::Revoked) => "revoked",
            Self::Challenge => "challenge",
            Self::Signature => "signature",
            Self::Pass => "pass",
            Self::Offer => "offer",
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Headers => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Body | Self::Name | Self::Offer => StatusCode::BAD_REQUEST,
            Self::BodyKind => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyLength => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTime => StatusCode::REQUEST_TIMEOUT,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Origin | Self::NotAdmitted(_) | Self::Challenge | Self::Signature | Self::Pass => {
                StatusCode::FORBIDDEN
            }
        }
    }
}

impl From<Foreign> for Refusal {
    fn from(foreign: Foreign) -> Self {
        match foreign {
            Foreign::Host => Self::Host,
            Foreign::Origin => Self::Origin,
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(why: Malformed) -> Self {
        match why {
            Malformed::Form => Self::Body,
            Malformed::Name => Self::Name,
        }
    }
}

impl From<NotAdmitted> for Refusal {
    fn from(why: NotAdmitted) -> Self {
        Self::NotAdmitted(why)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.word() });
        // A page that is opened again shows it again, and puts nothing on the list for that.
        if let Self::NotAdmitted(NotAdmitted::Waiting(code)) = self {
            body["code"] = code.to_string().into();
        }
        let mut response = answer(self.status(), &body);
        if self == Self::Busy {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

impl Shared {
    pub(super) fn new(settings: Settings, admission: Arc<dyn Admission>) -> Self {
        let rates = |of_address, of_all| Rates::new(of_address, of_all, limits::WEB_ADDRESSES);
        let once = |room| Once::new(room, limits::WEB_SECRETS_OF_DEVICE, limits::WEB_SECRET_LIFE);
        Self {
            settings,
            admission,
            books: Mutex::new(Books {
                challenges: once(limits::WEB_CHALLENGES),
                tickets: once(limits::WEB_TICKETS),
                passes: once(limits::WEB_TICKETS),
                requests: rates(limits::WEB_REQUESTS_OF_ADDRESS, limits::WEB_REQUESTS),
                sign_ins: rates(limits::WEB_SIGN_INS_OF_ADDRESS, limits::WEB_SIGN_INS),
                asks: rates(limits::WEB_ASKS_OF_ADDRESS, limits::WEB_ASKS),
                writes: rates(limits::WEB_ENROLMENT_WRITES_OF_ADDRESS, limits::WEB_ENROLMENT_WRITES),
            }),
            writing: Semaphore::new(1),
            lines: Lines::default(),
            unadmitted: Places::new(limits::PEERS_UNADMITTED, limits::PEERS_UNADMITTED_OF_ADDRESS),
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // A panic elsewhere leaves the books whole.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request, before anything is done for it, and finds out what it calls this host.
    pub(super) fn admit(&self, peer: SocketAddr, parts: &Parts) -> Result<Asker, Refusal> {
        if !self.books().requests.allow(peer.ip(), Instant::now()) {
            return Err(Refusal::Busy);
        }
        // HTTP/1.1 counts them as it reads; HTTP/2 and HTTP/3 count bytes alone, of which empty headers are few.
        if parts.headers.len() > limits::WEB_HEADER_COUNT {
            return Err(Refusal::Headers);
        }
        let authority = names::authority(parts, &self.settings.names)?;
        Ok(Asker { peer, authority })
    }

    /// Where a page that knows this host by a name finds its UDP port. An address that the page has reached is right, even
    /// through a port that is forwarded; behind a name are those of the machine.
    fn addresses(&self, authority: &Authority) -> Vec<SocketAddr> {
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        match (host.parse(), self.settings.peers.port()) {
            (Ok(address), _) => vec![SocketAddr::new(address, authority.port_u16().unwrap_or(443))],
            (Err(_), Some(port)) => {
                self.settings.addresses.iter().map(|address| SocketAddr::new(*address, port)).collect()
            }
            (Err(_), None) => Vec::new(),
        }
    }

    /// To whom a ticket was given, if it is still good; it is used up.
    pub(super) fn redeem(&self, ticket: &[u8; SECRET]) -> Option<Fingerprint> {
        self.books().tickets.redeem(ticket, Instant::now())
    }
}

/// All requests that are answered.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/api/enrol", post(enrol))
        .route("/api/challenge", post(challenge))
        .route("/api/ticket", post(ticket))
        .route("/api/peer", post(peer))
        .route("/session", get(socket::session))
        .fallback(get(file))
        .with_state(shared)
}

async fn file(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    shared.settings.assets.answer(request.uri().path(), request.headers())
}

/// Who asks, from which page of ours, and the body.
async fn read(request: Request) -> Result<(Asker, String, Vec<u8>), Refusal> {
    let (parts, body) = request.into_parts();
    let (asker, origin) = head(parts, "application/json")?;
    Ok((asker, origin, bytes(body).await?))
}

/// What matters of a request's head. It is gone afterwards: while a body is waited for, nobody needs it, and it can be long.
fn head(parts: Parts, wanted: &str) -> Result<(Asker, String), Refusal> {
    let asker = parts.extensions.get::<Asker>().cloned().ok_or(Refusal::Host)?;
    let origin = names::own_origin(&parts, &asker.authority)?;
    let kind = only(&parts.headers, &header::CONTENT_TYPE).ok().flatten().unwrap_or_default();
    let (kind, parameter) = kind.split_once(';').unwrap_or((kind, ""));
    let is_utf8 = parameter.is_empty() || parameter.trim().eq_ignore_ascii_case("charset=utf-8");
    if !kind.trim().eq_ignore_ascii_case(wanted) || !is_utf8 {
        return Err(Refusal::BodyKind);
    }
    Ok((asker, origin))
}

async fn bytes(body: Body) -> Result<Vec<u8>, Refusal> {
    use axum::body::HttpBody as _;
    if body.size_hint().lower() > limits::WEB_BODY as u64 {
        return Err(Refusal::BodyLength);
    }
    let read = axum::body::to_bytes(body, limits::WEB_BODY).await;
    // A connection that breaks ends here too, but then nobody reads the answer.
    read.map(Into::into).map_err(|_| Refusal::BodyLength)
}

/// A key asks to become a device.
async fn enrol(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Refusal> {
    let (asker, _, body) = read(request).await?;
    let Enrol { key, label } = Enrol::parse(&body)?;
    let (from, fingerprint) = (asker.peer.ip().to_canonical(), key.fingerprint());
    if !shared.books().asks.allow(from, Instant::now()) {
        return Err(Refusal::Busy);
    }
    let asked = match shared.admission.foresee(&fingerprint, from) {
        Some(asked) => asked,
        None => write_down(&shared, label, fingerprint, from).await?,
    };
    match asked {
        Asked::Waits(code) => Ok(answer(StatusCode::CREATED, &json!({ "code": code.to_string() }))),
        Asked::IsDevice(name) => Ok(answer(StatusCode::OK, &json!({ "device": name.as_str() }))),
        Asked::Revoked => Err(NotAdmitted::Revoked.into()),
        Asked::Busy => {
            shared.lines.no_room.tell(|left_out| {
                warn!(peer = %from, left_out, "Browser refused: too many wait to be approved (`shoji-host device list`)");
            });
            Err(Refusal::Busy)
        }
    }
}

async fn write_down(
    shared: &Arc<Shared>,
    label: crate::enrolment::Label,
    fingerprint: Fingerprint,
    from: std::net::IpAddr,
) -> Result<Asked, Refusal> {
    if !shared.books().writes.allow(from, Instant::now()) {
        shared.lines.too_many_asks.tell(|left_out| {
            warn!(peer = %from, left_out, "Browsers refused: too many ask to become devices");
        });
        return Err(Refusal::Busy);
    }
    let _turn = shared.writing.acquire().await.map_err(|_| Refusal::Busy)?;
    let admission = shared.admission.clone();
    let written = tokio::task::spawn_blocking(move || admission.ask(label, fingerprint, from)).await;
    let asked = written.ok().flatten().ok_or(Refusal::Busy)?;
    if let Asked::Waits(code) = &asked {
        // Strangers cause these lines, but no faster than they may be put on the list.
        info!(peer = %from, %code, "Browser waits to be approved");
    }
    Ok(asked)
}

/// A device gets something to sign.
async fn challenge(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Refusal> {
    let (asker, _, body) = read(request).await?;
    let Challenge { key } = Challenge::parse(&body)?;
    let fingerprint = key.fingerprint();
    if !shared.books().sign_ins.allow(asker.peer.ip(), Instant::now()) {
        return Err(Refusal::Busy);
    }
    shared.admission.admits(&fingerprint)?;
    let secret = random(&shared)?;
    if !shared.books().challenges.issue(secret, fingerprint, Instant::now()) {
        return Err(Refusal::Busy);
    }
    Ok(answer(StatusCode::OK, &json!({ "challenge": bodies::text(&secret) })))
}

/// A device that signed it gets a ticket.
async fn ticket(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Refusal> {
    let (asker, origin, body) = read(request).await?;
    let Ticket { key, challenge, signature } = Ticket::parse(&body)?;
    let fingerprint = key.fingerprint();
    let issued_to = {
        let mut books = shared.books();
        if !books.sign_ins.allow(asker.peer.ip(), Instant::now()) {
            return Err(Refusal::Busy);
        }
        // Used up even if the signature turns out wrong: nobody tries twice with one.
        books.challenges.redeem(&challenge, Instant::now())
    };
    let refused = |refusal: Refusal| {
        shared.lines.refused.tell(|left_out| {
            info!(peer = %asker.peer, device.key = %fingerprint, word = refusal.word(), left_out, "Browser refused");
        });
        refusal
    };
    if issued_to != Some(fingerprint) {
        return Err(refused(Refusal::Challenge));
    }
    let text = bodies::signed_text(&origin, &challenge);
    let verifier = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.point());
    verifier.verify(text.as_bytes(), &signature).map_err(|_| refused(Refusal::Signature))?;
    // The registry may have changed since the challenge.
    shared.admission.admits(&fingerprint).map_err(|why| refused(why.into()))?;
    let secret = random(&shared)?;
    if !shared.books().tickets.issue(secret, fingerprint, Instant::now()) {
        return Err(Refusal::Busy);
    }
    // Best first. The browser knows the certificates by this answer alone.
    let hashes = shared.settings.certificates.hashes(clock::unix_seconds());
    let mut carriers = vec![Offer::WebTransport { certificates: hashes.map(|hash| bodies::text(&hash)).into() }];
    if shared.settings.peers.port().is_some() {
        let pass = random(&shared)?;
        if shared.books().passes.issue(pass, fingerprint, Instant::now()) {
            carriers.push(Offer::WebRtc { pass: bodies::text(&pass) });
        }
    }
    carriers.push(Offer::WebSocket);
    Ok(answer(StatusCode::OK, &json!({ "ticket": bodies::text(&secret), "carriers": carriers })))
}

/// A device's page offers WebRTC; what follows runs in a task of its own.
async fn peer(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let pass = only(&parts.headers, &header::AUTHORIZATION).ok().flatten();
    let pass = pass.and_then(|pass| bodies::secret(pass.strip_prefix("Bearer ")?));
    let (asker, _) = head(parts, "application/sdp")?;
    let body = bytes(body).await?;
    let refused = |refusal: Refusal| {
        shared.lines.refused.tell(|left_out| {
            info!(peer = %asker.peer, word = refusal.word(), left_out, "Browser's WebRTC refused");
        });
        refusal
    };
    let pass = pass.ok_or_else(|| refused(Refusal::Pass))?;
    let device = shared.books().passes.redeem(&pass, Instant::now()).ok_or_else(|| refused(Refusal::Pass))?;
    let Some(place) = shared.unadmitted.take(asker.peer.ip()) else {
        shared.lines.crowded.tell(|left_out| {
            warn!(peer = %asker.peer, left_out, "Browsers refused: too many connections by WebRTC that show no ticket");
        });
        return Err(Refusal::Busy);
    };
    let addresses = shared.addresses(&asker.authority);
    let answered = Peer::answer(&shared.settings.peers, &body, &addresses, asker.peer);
    let (peer, answer) = answered.map_err(|error| {
        shared.lines.refused.tell(|left_out| {
            info!(peer = %asker.peer, %error, left_out, "Browser's WebRTC refused");
        });
        Refusal::Offer
    })?;
    tokio::spawn(serve_peer(shared, device, Box::new(peer), place));
    Ok((StatusCode::CREATED, [(header::CONTENT_TYPE, "application/sdp")], answer).into_response())
}

/// Until its session is over, or it turned out to get none.
async fn serve_peer(shared: Arc<Shared>, device: Fingerprint, mut peer: Box<Peer>, place: Place) {
    let from = peer.remote();
    let admitted = tokio::time::timeout(limits::PEER_TIMEOUT, peer.admit(&shared, &device)).await;
    match admitted {
        Ok(Ok(true)) => {
            // From here on the list of viewers' connections counts it.
            drop(place);
            shared.admission.clone().session(device, Way::Peer(peer)).await;
        }
        Ok(Ok(false)) => {
            shared.lines.no_ticket.tell(|left_out| {
                info!(peer = %from, left_out, "Browser's WebRTC refused: it has no ticket");
            });
            peer.end(socket::NO_TICKET).await;
        }
        // Of several ways a page takes the first that opens, and leaves the others.
        Ok(Err(error)) => debug!(peer = %from, %error, "Browser left without a session"),
        Err(_) => debug!(peer = %from, "Browser did not come by WebRTC"),
    }
}

fn random(shared: &Shared) -> Result<[u8; SECRET], Refusal> {
    let mut secret = [0; SECRET];
    getrandom::fill(&mut secret).map_err(|error| {
        shared.lines.no_randomness.tell(|left_out| warn!(%error, left_out, "The system has no randomness"));
        Refusal::Busy
    })?;
    Ok(secret)
}
