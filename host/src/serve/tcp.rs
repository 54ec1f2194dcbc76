//! From a TCP connection to an authenticated viewer, for networks that let no UDP through.
//!
//! Owns admission over TCP: how many connections may be unfinished, for how long, and which
//! service a client speaks to, which its first message says (ALPN). It has limits of its own, so that a flood of TCP leaves
//! QUIC's alone. It must never make a session: that takes an `Attach`.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{Acceptor, ClientHello};
use shoji_protocol::{CloseCode, Fault};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};
use tracing::{info, warn};

use super::accept::{is_gate, serve_carrier, serve_speaker, turn_away};
use super::carrier::Stream;
use super::hub::{Hub, Speaker};
use crate::registry::Fingerprint;
use crate::seldom::Seldom;
use crate::{limits, tls, web};

/// Accepts until it is dropped.
pub(super) async fn run(hub: Arc<Hub>, listener: TcpListener, viewers: Arc<ServerConfig>, web: Option<Web>) {
    let door = Arc::new(Door { hub, viewers, web, refusals: Seldom::new(limits::REFUSALS_TOLD) });
    let mut half_open: VecDeque<AbortHandle> = VecDeque::new();
    let (crowded, failing) = (Seldom::new(1), Seldom::new(1));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                failing.tell(|left_out| {
                    warn!(%error, fault = ?Fault::Host, left_out, "Viewers cannot be accepted over TCP");
                });
                // A connection that is gone already costs nothing; without file descriptors the next try fails at once.
                sleep(limits::ACCEPT_PAUSE).await;
                continue;
            }
        };
        half_open.retain(|handshake| !handshake.is_finished());
        if half_open.len() >= limits::HALF_OPEN
            && let Some(oldest) = half_open.pop_front()
        {
            oldest.abort();
            crowded.tell(|left_out| {
                warn!(%peer, fault = ?Fault::Viewer, left_out, "Viewers refused: too many connections that do not finish their handshake");
            });
        }
        half_open.push_back(tokio::spawn(enter(door.clone(), stream, peer)).abort_handle());
    }
}

/// The web service and its TLS configuration.
pub(super) struct Web {
    pub(super) tls: Arc<ServerConfig>,
    pub(super) service: Arc<web::Service>,
}

/// What a newcomer meets.
struct Door {
    hub: Arc<Hub>,
    /// The TLS configuration for viewers.
    viewers: Arc<ServerConfig>,
    web: Option<Web>,
    refusals: Seldom,
}

/// Which service a client speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    /// A native viewer, with its device's certificate. Also whoever names a protocol that nobody speaks: TLS tells him so.
    Viewer,
    /// A browser.
    Web,
}

fn service(hello: &ClientHello<'_>) -> Service {
    match hello.alpn() {
        None => Service::Web,
        Some(mut names) => {
            if names.any(|name| name == tls::HTTP_2 || name == tls::HTTP_1) {
                Service::Web
            } else {
                Service::Viewer
            }
        }
    }
}

/// One newcomer until the end of its handshake; then its connection has a task of its own.
async fn enter(door: Arc<Door>, stream: TcpStream, peer: SocketAddr) {
    let refused = match timeout(limits::HANDSHAKE_TIMEOUT, door.handshake(stream, peer)).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "its handshake took too long".to_owned(),
    };
    // A stranger, or a device whose certificate ended or was revoked; the reason is TLS's own.
    door.refusals.tell(|left_out| {
        info!(%peer, fault = ?Fault::Viewer, error = refused, left_out, "Viewer refused over TCP");
    });
}

impl Door {
    async fn handshake(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        tune(&stream)?;
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        // No further limit counts who may begin: whoever then falls silent would keep a place from those who go on. A handshake
        // costs about a millisecond of CPU in a task that waits for nobody, and the oldest of too many is given up.
        match (service(&start.client_hello()), &self.web) {
            (Service::Web, Some(web)) => self.web(web, start, peer).await,
            // Without a web service a browser is told that nobody speaks its protocol.
            (Service::Viewer, _) | (Service::Web, None) => self.viewer(start, peer).await,
        }
    }

    async fn viewer(&self, start: StartHandshake<TcpStream>, peer: SocketAddr) -> io::Result<()> {
        let accept = start.into_stream_with(self.viewers.clone(), |tls| tls.set_buffer_limit(Some(limits::TLS_UNSENT)));
        let mut stream = match accept.into_fallible().await {
            Ok(stream) => stream,
            Err((error, stream)) => {
                linger(stream).await;
                return Err(error);
            }
        };
        // Cannot be missing: TLS asked for a certificate.
        let fingerprint = fingerprint(&stream).ok_or_else(|| io::Error::from(io::ErrorKind::PermissionDenied))?;
        if stream.get_ref().1.alpn_protocol() == Some(tls::GATE) {
            if !is_gate(&self.hub, fingerprint, peer) {
                tokio::spawn(turn_away(Stream::new(stream, peer), CloseCode::DeviceUnknown));
                return Ok(());
            }
            let mut named = [0; Fingerprint::BYTES];
            stream.read_exact(&mut named).await?;
            let speaker = Speaker { device: Fingerprint::from_bytes(named), gate: Some(fingerprint) };
            tokio::spawn(serve_speaker(self.hub.clone(), speaker, Stream::new(stream, peer)));
            return Ok(());
        }
        tokio::spawn(serve_carrier(self.hub.clone(), fingerprint, Stream::new(stream, peer)));
        Ok(())
    }

    async fn web(&self, web: &Web, start: StartHandshake<TcpStream>, peer: SocketAddr) -> io::Result<()> {
        let accept = start.into_stream_with(web.tls.clone(), |tls| tls.set_buffer_limit(Some(limits::TLS_UNSENT)));
        let stream = match accept.into_fallible().await {
            Ok(stream) => stream,
            Err((error, stream)) => {
                linger(stream).await;
                return Err(error);
            }
        };
        let service = web.service.clone();
        tokio::spawn(async move { service.serve(stream, peer).await });
        Ok(())
    }
}

/// Lets the alert arrive that says why: a socket that is dropped with bytes unread takes back what is still on its way.
async fn linger(mut stream: TcpStream) {
    let until_closed = async {
        stream.shutdown().await?;
        let mut unread = [0; 1 << 10];
        while stream.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = timeout(limits::FAREWELL, until_closed).await;
}

pub(crate) fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_notsent_lowat(limits::TCP_UNSENT)?;
    socket.set_tcp_user_timeout(Some(limits::IDLE_TIMEOUT))?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(limits::KEEP_ALIVE).with_interval(limits::KEEP_ALIVE))
}

pub(crate) fn fingerprint(stream: &TlsStream<TcpStream>) -> Option<Fingerprint> {
    let (_, tls) = stream.get_ref();
    Some(Fingerprint::of(tls.peer_certificates()?.first()?))
}
