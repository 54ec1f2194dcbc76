//! One connection of a browser to the proxy: plain HTTP requests, or one tunnel.
//!
//! Owns what is asked and answered. hyper parses both sides; nothing of HTTP is parsed here. It must never pass on what is between
//! the browser and its proxy (hop-by-hop headers, credentials), nor anything of a request before policy has spoken.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1 as client;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional_with_sizes};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::audit::{Audit, Tally};
use super::blockpage;
use super::dial::{Dialed, Dialer};
use super::pace::Pace;
use super::policy::{Destination, Refusal};
use super::stream::Metered;
use crate::limits;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) dialer: Dialer,
    pub(super) audit: Arc<dyn Audit>,
    /// Whom the block page names.
    pub(super) contact: String,
}

/// One connection's session.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) id: u64,
    pub(super) pace: Arc<Pace>,
    /// Places for names that are looked up.
    pub(super) lookups: Arc<Semaphore>,
}

type Page = UnsyncBoxBody<Bytes, hyper::Error>;

/// A tunnel whose answer is on its way.
struct Tunnel {
    browser: OnUpgrade,
    outside: Box<dyn Io>,
    tally: Tally,
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Io for S {}

/// Serves one connection until it ends.
pub(super) async fn serve<S>(session: Session, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let place: Arc<Mutex<Option<Tunnel>>> = Arc::default();
    let service = service_fn(|request| {
        let (session, place) = (session.clone(), place.clone());
        async move {
            session.pace.turn().await;
            let answer = match *request.method() {
                Method::CONNECT => connect(&session, request, &place).await,
                _ => fetch(&session, request).await,
            };
            Ok::<_, Infallible>(answer)
        }
    });
    let mut builder = server::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits::EGRESS_HEAD_TIMEOUT)
        .max_headers(limits::EGRESS_HEADERS)
        // The other counts only what is read at once.
        .max_header_size(limits::EGRESS_HEADER_BYTES)
        .max_buf_size(limits::EGRESS_HEADER_BYTES);
    // What goes wrong here is the browser's own business: hyper has answered what could be answered.
    let _ = builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
    let tunnel = place.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(Tunnel { browser, mut outside, tally }) = tunnel
        && let Ok(upgraded) = browser.await
    {
        let mut browser = TokioIo::new(upgraded);
        let (one, other) = (limits::EGRESS_BUFFER, limits::EGRESS_BUFFER);
        let _ = copy_bidirectional_with_sizes(&mut browser, &mut outside, one, other).await;
        drop(tally);
    }
}

/// CONNECT: a tunnel.
async fn connect(session: &Session, mut request: Request<Incoming>, place: &Mutex<Option<Tunnel>>) -> Response<Page> {
    let port = request.uri().authority().and_then(hyper::http::uri::Authority::port_u16);
    let Some(to) = port.and_then(|port| destination(request.uri(), port)) else {
        return refuse(session, None, Refusal::Malformed);
    };
    let mut tally = Tally::new(session.shared.audit.clone(), session.id, Some(to.clone()));
    let outside = match tunnel(session, &to, &tally).await {
        Ok(outside) => outside,
        Err(refusal) => {
            tally.refusal = Some(refusal);
            return page(session, Some(&to), refusal);
        }
    };
    tally.refusal = None;
    let browser = hyper::upgrade::on(&mut request);
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(Tunnel { browser, outside, tally });
    Response::new(empty())
}

async fn tunnel(session: &Session, to: &Destination, tally: &Tally) -> Result<Box<dyn Io>, Refusal> {
    let dialer = &session.shared.dialer;
    let metered = |stream| Metered::new(stream, tally.count.clone(), limits::EGRESS_IDLE);
    match (dialer.dial(to, &session.lookups).await?, &dialer.upstream) {
        (Dialed::Direct(stream), _) => {
            no_delay(&stream);
            Ok(Box::new(metered(stream)))
        }
        (Dialed::Upstream(stream), Some(upstream)) => {
            no_delay(&stream);
            let opened = timeout(limits::EGRESS_UPSTREAM_TIMEOUT, upstream.tunnel(metered(stream), to)).await;
            Ok(Box::new(opened.map_err(|_| Refusal::Upstream)??))
        }
        (Dialed::Upstream(_), None) => Err(Refusal::Upstream),
    }
}

/// Small packets leave at once; where that cannot be said, they leave a little later.
fn no_delay(stream: &tokio::net::TcpStream) {
    let _ = stream.set_nodelay(true);
}

/// What a URI of a request names. A user and a password in it are nothing that a browser sends to a proxy.
fn destination(uri: &Uri, port: u16) -> Option<Destination> {
    let authority = uri.authority()?;
    if authority.as_str().contains('@') {
        return None;
    }
    Destination::new(authority.host(), port)
}

/// Any other method: a request for a page of plain HTTP, by its whole address.
async fn fetch(session: &Session, request: Request<Incoming>) -> Response<Page> {
    let uri = request.uri();
    let is_http = uri.scheme() == Some(&hyper::http::uri::Scheme::HTTP);
    let port = uri.authority().map(|authority| authority.port_u16().unwrap_or(80));
    // `host:` with nothing or nonsense behind it is no port 80.
    let is_whole = uri
        .authority()
        .is_some_and(|authority| authority.port().is_some() || authority.as_str().len() == authority.host().len());
    let to = if is_http && is_whole { port.and_then(|port| destination(uri, port)) } else { None };
    let Some(to) = to else { return refuse(session, None, Refusal::Malformed) };
    let mut tally = Tally::new(session.shared.audit.clone(), session.id, Some(to.clone()));
    match forward(session, request, &to, &tally).await {
        Ok((answer, driver)) => {
            tally.refusal = None;
            let (mut head, body) = answer.into_parts();
            for_one_hop_only(&mut head.headers);
            head.version = Version::HTTP_11;
            Response::from_parts(head, Fetched { body, _driver: driver, _tally: tally }.boxed_unsync())
        }
        Err(refusal) => {
            tally.refusal = Some(refusal);
            page(session, Some(&to), refusal)
        }
    }
}

async fn forward(
    session: &Session,
    request: Request<Incoming>,
    to: &Destination,
    tally: &Tally,
) -> Result<(Response<Incoming>, Driver), Refusal> {
    let dialer = &session.shared.dialer;
    let (stream, upstream) = match dialer.dial(to, &session.lookups).await? {
        Dialed::Direct(stream) => (stream, None),
        Dialed::Upstream(stream) => (stream, dialer.upstream.as_ref()),
    };
    no_delay(&stream);
    let (mut head, body) = request.into_parts();
    for_one_hop_only(&mut head.headers);
    // hyper has answered it by itself.
    head.headers.remove(header::EXPECT);
    head.version = Version::HTTP_11;
    // The address decides, not what else the request says of where it goes.
    let place = if to.port == 80 { to.host.to_string() } else { to.to_string() };
    head.headers.insert(header::HOST, HeaderValue::from_str(&place).map_err(|_| Refusal::Malformed)?);
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let target = if upstream.is_some() { format!("http://{place}{path}") } else { path };
    head.uri = target.parse().map_err(|_| Refusal::Malformed)?;
    if let Some(authorization) = upstream.and_then(|upstream| upstream.authorization()) {
        head.headers.insert(header::PROXY_AUTHORIZATION, authorization.clone());
    }
    let metered = Metered::new(stream, tally.count.clone(), limits::EGRESS_IDLE);
    let mut builder = client::Builder::new();
    builder
        .max_headers(limits::EGRESS_HEADERS)
        .max_header_size(limits::EGRESS_HEADER_BYTES)
        .max_buf_size(limits::EGRESS_HEADER_BYTES);
    let (mut sender, connection) = builder.handshake(TokioIo::new(metered)).await.map_err(|_| Refusal::Answer)?;
    let driver = Driver(tokio::spawn(async move {
        let _ = connection.await;
    }));
    let answer = sender.send_request(Request::from_parts(head, body)).await.map_err(|_| Refusal::Answer)?;
    if upstream.is_some() && answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        // The browser must never be asked for the organisation's password.
        return Err(Refusal::Upstream);
    }
    Ok((answer, driver))
}

/// Takes away what is for the next hop only (RFC 9110, 7.6.1), what names itself in `Connection` included.
fn for_one_hop_only(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // What frames the message stays: hyper has understood it.
        .filter(|name| name != header::CONTENT_LENGTH && name != header::HOST)
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        header::CONNECTION,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ] {
        headers.remove(name);
    }
}

/// A refusal before there was a connection to speak of.
fn refuse(session: &Session, to: Option<&Destination>, refusal: Refusal) -> Response<Page> {
    let mut tally = Tally::new(session.shared.audit.clone(), session.id, to.cloned());
    tally.refusal = Some(refusal);
    page(session, to, refusal)
}

fn page(session: &Session, to: Option<&Destination>, refusal: Refusal) -> Response<Page> {
    let host = to.map(|to| to.host.to_string()).unwrap_or_default();
    let text = blockpage::page(&host, refusal, &session.shared.contact);
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = match refusal {
        Refusal::Malformed => StatusCode::BAD_REQUEST,
        refusal if refusal.is_policy() => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_GATEWAY,
    };
    let headers = response.headers_mut();
    headers.insert("shoji-refused", HeaderValue::from_static(refusal.word()));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let nothing =
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, nothing);
    // A refused request's body is not waited for.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn empty() -> Page {
    Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync()
}

/// The task that moves the bytes of a connection to the outside; dropping it ends both.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer's body with what it comes through.
struct Fetched {
    body: Incoming,
    _driver: Driver,
    _tally: Tally,
}

impl Body for Fetched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::{Duration, Instant, sleep};

    use super::*;
    use crate::egress::audit::Log;
    use crate::egress::policy::Policy;
    use crate::egress::resolve::System;

    fn session() -> Session {
        let dialer = Dialer { policy: Policy::default(), resolver: Arc::new(System), upstream: None, own: Vec::new };
        let shared = Shared { dialer, audit: Arc::new(Log), contact: String::new() };
        Session { shared: Arc::new(shared), id: 1, pace: Arc::new(Pace::new()), lookups: Arc::new(Semaphore::new(1)) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_comes_byte_by_byte_or_not_at_all_does_not_hold_its_connection() {
        for is_silent in [true, false] {
            let (mut browser, stream) = duplex(1_024);
            let serving = tokio::spawn(serve(session(), stream));
            let begun = Instant::now();
            if !is_silent {
                tokio::spawn(async move {
                    while browser.write_all(b"G").await.is_ok() {
                        sleep(Duration::from_secs(1)).await;
                    }
                });
                serving.await.unwrap();
            } else {
                let mut rest = Vec::new();
                browser.read_to_end(&mut rest).await.unwrap();
                serving.await.unwrap();
            }
            assert!(begun.elapsed() <= 2 * limits::EGRESS_HEAD_TIMEOUT, "{:?}", begun.elapsed());
        }
    }
}
