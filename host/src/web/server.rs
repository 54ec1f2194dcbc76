//! Connections of browsers: how many, for how long, and HTTP on each.
//!
//! Owns the limits below a request. A connection that became a session's is no longer counted here: the list of
//! viewers' connections counts it. It must never keep a connection that does nothing, nor let one address take all there are.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tracing::{debug, info, warn};

use super::api::{self, Refusal, Shared};
use super::counted::{Count, Counted};
use super::transport::{self, Away, Stranger};
use super::{Admission, Settings, Way, headers};
use crate::source::Source;
use crate::{limits, tls};

/// The web service.
#[derive(Debug)]
pub struct Service {
    shared: Arc<Shared>,
    router: Router,
    places: Arc<Places>,
    /// Of those that came over QUIC: who takes them all leaves TCP its own.
    strangers: Arc<Places>,
    stopping: watch::Sender<bool>,
}

impl Service {
    /// A service that asks `admission` about browsers.
    pub fn new(settings: Settings, admission: Arc<dyn Admission>) -> Self {
        let shared = Arc::new(Shared::new(settings, admission));
        let router = api::router(shared.clone());
        Self {
            shared,
            router,
            places: Places::new(limits::WEB_CONNECTIONS, limits::WEB_CONNECTIONS_OF_ADDRESS),
            strangers: Places::new(limits::WEB_STRANGERS, limits::WEB_STRANGERS_OF_ADDRESS),
            stopping: watch::Sender::new(false),
        }
    }

    /// Asks every connection to finish; each does so within [`limits::WEB_FINISH`]. Sessions end with the host.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// How many connections are being served, sessions not counted.
    pub fn connections(&self) -> usize {
        [&self.places, &self.strangers, &self.shared.unadmitted]
            .iter()
            .map(|places| places.taken().values().sum::<usize>())
            .sum()
    }

    /// Serves one connection until it ends, becomes a session's, or has lasted long enough.
    pub async fn serve<S>(&self, stream: TlsStream<S>, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(place) = self.places.take(peer.ip()) else {
            self.shared.lines.crowded.tell(|left_out| {
                warn!(%peer, left_out, "Browsers refused: too many connections");
            });
            return;
        };
        let place = Arc::new(place);
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(tls::HTTP_2);
        let (shared, router) = (self.shared.clone(), self.router.clone());
        let (stream, came) = Counted::new(stream);
        let answers = service_fn(move |request| {
            let (shared, router) = (shared.clone(), router.clone());
            let connection = (place.clone(), came.clone());
            async move { Ok::<_, Infallible>(answer(&shared, router, peer, connection, request).await) }
        });
        let stream = TokioIo::new(stream);
        // Both kinds of connection have the same methods, but no trait that says so.
        macro_rules! run {
            ($connection:expr) => {{
                let mut connection = pin!($connection);
                let mut stopping = self.stopping.subscribe();
                tokio::select! {
                    ended = connection.as_mut() => { told(peer, ended); return }
                    () = tokio::time::sleep(limits::WEB_CONNECTION_LIFE) => {}
                    _ = stopping.wait_for(|stopping| *stopping) => {}
                }
                connection.as_mut().graceful_shutdown();
                if let Ok(ended) = timeout(limits::WEB_FINISH, connection).await {
                    told(peer, ended);
                }
            }};
        }
        if is_http2 {
            let mut http = http2::Builder::new(TokioExecutor::new());
            http.timer(TokioTimer::new())
                .max_concurrent_streams(limits::WEB_STREAMS)
                .max_header_list_size(limits::WEB_HEADERS as u32)
                .max_send_buf_size(limits::WEB_SEND_BUFFER)
                .initial_stream_window_size(limits::WEB_BODY as u32 * 2)
                .initial_connection_window_size(limits::WEB_BODY as u32 * 2 * limits::WEB_STREAMS)
                // Whoever does not answer a ping within a header's time is gone.
                .keep_alive_interval(limits::WEB_HEADER_TIMEOUT)
                .keep_alive_timeout(limits::WEB_HEADER_TIMEOUT);
            run!(http.serve_connection(stream, answers));
        } else {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new())
                .header_read_timeout(limits::WEB_HEADER_TIMEOUT)
                .max_headers(limits::WEB_HEADER_COUNT)
                .max_buf_size(limits::WEB_HEADERS);
            run!(http.serve_connection(stream, answers).with_upgrades());
        }
    }
}

impl Service {
    /// Serves a browser that came over QUIC until its session ends, if it gets one.
    pub async fn serve_stranger(&self, stranger: Stranger) {
        let peer = stranger.peer();
        let Some(place) = self.strangers.take(peer.ip()) else {
            self.shared.lines.crowded.tell(|left_out| {
                warn!(%peer, left_out, "Browsers refused: too many connections");
            });
            stranger.send_away(Away::Crowded);
            return;
        };
        let mut stopping = self.stopping.subscribe();
        let admitted = tokio::select! {
            admitted = timeout(limits::WEB_TICKET_TIMEOUT, transport::admit(&self.shared, &stranger)) => admitted,
            _ = stopping.wait_for(|stopping| *stopping) => return stranger.send_away(Away::Stopping),
            never = stranger.without_datagrams() => match never {},
        };
        match admitted {
            Ok(Ok((fingerprint, transport))) => {
                // From here on the list of viewers' connections counts it.
                drop(place);
                self.shared.admission.clone().session(fingerprint, Way::Transport(transport)).await;
            }
            Ok(Err(why)) if why.is_of_the_line() && stranger.has_left() => {
                debug!(%peer, "Browser left without a session");
            }
            Ok(Err(why)) => {
                self.tell_refusal(peer, &why);
                why.close(&stranger);
            }
            Err(_) => {
                self.tell_refusal(peer, &"it took too long to show a ticket");
                stranger.send_away(Away::Late);
            }
        }
    }

    fn tell_refusal(&self, peer: SocketAddr, error: &dyn std::fmt::Display) {
        self.shared.lines.no_ticket.tell(|left_out| info!(%peer, %error, left_out, "Browser's WebTransport refused"));
    }
}

fn told(peer: SocketAddr, ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        debug!(%peer, %error, "Browser's connection broke");
    }
}

/// Answers one request, with the headers that every answer has.
async fn answer(
    shared: &Shared,
    router: Router,
    peer: SocketAddr,
    (place, came): (Arc<Place>, Count),
    request: Request<Incoming>,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut response = match shared.admit(peer, &parts) {
        Err(refusal) => refusal.into_response(),
        Ok(asker) => {
            parts.extensions.insert(asker);
            // A connection that is upgraded keeps its place until its ticket was seen.
            parts.extensions.insert(place);
            parts.extensions.insert(came);
            let request = Request::from_parts(parts, Body::new(body));
            let answered = TowerToHyperService::new(router).call(request);
            match timeout(limits::WEB_ANSWER_TIMEOUT, answered).await {
                Ok(Ok(response)) => response,
                Err(_) => Refusal::BodyTime.into_response(),
            }
        }
    };
    headers::add(response.headers_mut());
    response
}

/// How many connections each source has.
#[derive(Debug)]
pub(super) struct Places {
    all: usize,
    of_source: usize,
    taken: Mutex<BTreeMap<Source, usize>>,
}

/// One connection's place; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    source: Source,
}

impl Places {
    fn taken(&self) -> std::sync::MutexGuard<'_, BTreeMap<Source, usize>> {
        // Each change of it is one call.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn new(all: usize, of_source: usize) -> Arc<Self> {
        Arc::new(Self { all, of_source, taken: Mutex::default() })
    }

    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let source = Source::from(address);
        let mut taken = self.taken();
        let total: usize = taken.values().sum();
        let of_address = taken.get(&source).copied().unwrap_or_default();
        if total >= self.all || of_address >= self.of_source {
            return None;
        }
        taken.insert(source, of_address + 1);
        Some(Place { places: self.clone(), source })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(count) = taken.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: usize = 64;
    const OF_SOURCE: usize = 16;

    fn places() -> Arc<Places> {
        Places::new(ALL, OF_SOURCE)
    }

    #[test]
    fn one_address_cannot_take_every_place_and_places_come_back() {
        let places = places();
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let greedy: Vec<_> = std::iter::from_fn(|| places.take(address(1))).collect();
        assert_eq!(greedy.len(), OF_SOURCE);
        let others: Vec<_> = (2..=255)
            .flat_map(|last| (0..4).map_while(move |_| Some(last)))
            .filter_map(|last| places.take(address(last)))
            .collect();
        assert_eq!(greedy.len() + others.len(), ALL);
        drop(greedy);
        assert!(places.take(address(1)).is_some());
        drop(others);
        assert!(places.taken().is_empty());
    }

    #[test]
    fn all_addresses_of_one_ipv6_network_share_their_places() {
        let places = places();
        let address = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        let taken: Vec<_> = (0..=u16::MAX).map_while(|last| places.take(address(last))).collect();
        assert_eq!(taken.len(), OF_SOURCE);
        assert!(places.take([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1].into()).is_some());
    }
}
