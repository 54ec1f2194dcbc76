//! Who comes in at the gate: QUIC and TLS over TCP on one port, devices with a certificate of the host's authority and nobody else.
//!
//! Owns admission on this side, the connection to the host for each viewer, and the budgets of input by device. The host asks its
//! registry for each device in any case. It must never serve a connection without a certificate that TLS found good.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use quinn::{Endpoint, Incoming};
use shoji_decoder::Decoders;
use shoji_protocol::time::Instant;
use shoji_protocol::{Capabilities, CloseCode};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use super::audit::{Audit, Event};
use super::connection;
use super::figures::Figures;
use super::pace::Budget;
use super::relay;
use super::upstream::{self, Target, Upstream};
use crate::registry::Fingerprint;
use crate::seldom::Seldom;
use crate::serve::carrier::{Carrier, Quic, Stream, quic_code};
use crate::{clock, limits, serve};

/// What all connections of the gate share.
pub(super) struct Gate {
    pub(super) policy: relay::Policy,
    pub(super) connections: Arc<Semaphore>,
    /// How many of them there may be.
    pub(super) most: usize,
    /// Empty: all that the authority signed.
    pub(super) devices: Vec<Fingerprint>,
    pub(super) target: Target,
    /// Of pixels mode.
    pub(super) decoders: Decoders,
    pub(super) audit: Arc<dyn Audit>,
    pub(super) figures: Arc<Figures>,
    pub(super) budgets: Mutex<HashMap<Fingerprint, Known>>,
    pub(super) refusals: Seldom,
    pub(super) cuts: Seldom,
    pub(super) unreachable: AtomicBool,
    /// True: everybody leaves.
    pub(super) stopping: watch::Receiver<bool>,
    /// Each connection holds one; when all are dropped, the last is gone.
    pub(super) alive: mpsc::Sender<()>,
}

/// What a device has left, and when it was last asked for.
pub(super) struct Known {
    budget: Arc<Mutex<Budget>>,
    asked: Instant,
}

fn now() -> Instant {
    Instant::from_micros(clock::microseconds())
}

impl Gate {
    /// What a device has left. It outlives its connections, so that connecting again does not renew it.
    pub(super) fn budget(&self, device: Fingerprint) -> Arc<Mutex<Budget>> {
        let now = now();
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = limits::GATE_BUDGET_KEPT.into();
        if limits::GATE_BUDGETS <= budgets.len() {
            budgets.retain(|_, known| 1 < Arc::strong_count(&known.budget) || now.since(known.asked) < kept);
        }
        let known = budgets.entry(device).or_insert_with(|| Known {
            budget: Arc::new(Mutex::new(Budget::new(&self.policy.input, now))),
            asked: now,
        });
        known.asked = now;
        known.budget.clone()
    }

    /// What passes over a carrier.
    pub(super) fn policy_for<C: Carrier>(&self) -> relay::Policy {
        let mut policy = self.policy;
        if !C::COPIES_UPDATES {
            policy.capabilities = policy.capabilities.without(Capabilities::UPDATE_COPIES);
        }
        if !C::HAS_DATAGRAMS {
            policy.capabilities = policy.capabilities.without(Capabilities::INPUT_COPIES);
        }
        policy
    }

    /// A connection to the host on behalf of a device.
    pub(super) async fn connect(&self, device: Fingerprint) -> Result<Upstream, upstream::Error> {
        let result = self.target.connect(device).await;
        self.figures.host_unreachable.store(u64::from(result.is_err()), Ordering::Relaxed);
        if let Err(error) = &result {
            self.figures.host_failures.fetch_add(1, Ordering::Relaxed);
            if !self.unreachable.swap(true, Ordering::Relaxed) {
                warn!(%error, code = ?error.close_code(), "The host cannot be reached");
            }
        } else {
            self.unreachable.store(false, Ordering::Relaxed);
        }
        result
    }

    /// The gate ends a connection.
    pub(super) fn cut(&self, device: Fingerprint, code: CloseCode, why: &dyn std::fmt::Display) {
        self.figures.cut.fetch_add(1, Ordering::Relaxed);
        self.cuts.tell(|_| self.audit.write(Event::Cut { device, code, why: why.to_string() }));
    }

    fn refused(&self, device: Option<Fingerprint>, peer: SocketAddr, why: impl std::fmt::Display) {
        self.figures.refused.fetch_add(1, Ordering::Relaxed);
        self.refusals.tell(|left_out| {
            let others = left_out.map(|count| format!(" ({count} more since the last line)")).unwrap_or_default();
            self.audit.write(Event::Refused { device, peer, why: format!("{why}{others}") });
        });
    }

    /// Whether a device may pass; `Err`: the code that says why not.
    fn admit(&self, device: Fingerprint, peer: SocketAddr) -> Result<tokio::sync::OwnedSemaphorePermit, CloseCode> {
        if !self.devices.is_empty() && !self.devices.contains(&device) {
            self.refused(Some(device), peer, "the device is not in `devices` of gate.toml");
            return Err(CloseCode::DeviceUnknown);
        }
        self.connections.clone().try_acquire_owned().map_err(|_| {
            self.refused(Some(device), peer, "too many connections: see `connections` in gate.toml");
            CloseCode::NoCapacity
        })
    }

    /// Relays for a device that may pass.
    async fn serve<C: Carrier>(self: &Arc<Self>, device: Fingerprint, carrier: C) {
        let _permit = match self.admit(device, carrier.peer()) {
            Ok(permit) => permit,
            Err(code) => return serve::accept::turn_away(carrier, code).await,
        };
        self.figures.accepted.fetch_add(1, Ordering::Relaxed);
        let (_alive, mut stopping) = (self.alive.clone(), self.stopping.clone());
        let (stop, stopped) = mpsc::channel(1);
        let tell = async move {
            // The gate's own end drops the sender: that is a stop too.
            let _ = stopping.wait_for(|stopping| *stopping).await;
            let _ = stop.send(CloseCode::HostStopping).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = connection::run(self, device, carrier, stopped) => {}
            () = tell => {}
        }
    }

    async fn enter(self: Arc<Self>, incoming: Incoming) {
        let peer = incoming.remote_address();
        let handshake = async { incoming.accept()?.await };
        let connection = match timeout(limits::HANDSHAKE_TIMEOUT, handshake).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return self.refused(None, peer, error),
            Err(_) => return self.refused(None, peer, "its handshake took too long"),
        };
        // Cannot be missing: TLS asked for a certificate.
        let Some(device) = serve::certificate(&connection) else {
            return self.refused(None, peer, "it showed no certificate");
        };
        match timeout(limits::STREAMS_TIMEOUT, Quic::open_on(&connection)).await {
            Ok(Ok(carrier)) => self.serve(device, carrier).await,
            Ok(Err(error)) => self.refused(Some(device), peer, error),
            Err(_) => {
                connection.close(quic_code(CloseCode::HandshakeTimeout), b"");
                self.refused(Some(device), peer, "it opened no streams");
            }
        }
    }

    async fn enter_tcp(self: Arc<Self>, acceptor: TlsAcceptor, stream: TcpStream, peer: SocketAddr) {
        let handshake = async {
            serve::tune(&stream)?;
            acceptor.accept_with(stream, |tls| tls.set_buffer_limit(Some(limits::TLS_UNSENT))).await
        };
        match timeout(limits::HANDSHAKE_TIMEOUT, handshake).await {
            Ok(Ok(stream)) => match serve::fingerprint(&stream) {
                // A task of its own: this one is given up where too many do not come so far.
                Some(device) => {
                    tokio::spawn(async move { self.serve(device, Stream::new(stream, peer)).await });
                }
                None => self.refused(None, peer, "it showed no certificate"),
            },
            Ok(Err(error)) => self.refused(None, peer, error),
            Err(_) => self.refused(None, peer, "its handshake took too long"),
        }
    }
}

/// Accepts over QUIC until the endpoint closes.
pub(super) async fn quic(gate: Arc<Gate>, endpoint: Endpoint) {
    let handshakes = Arc::new(Semaphore::new(room(&gate)));
    while let Some(incoming) = endpoint.accept().await {
        let relaying = gate.most - gate.connections.available_permits();
        let busy = room(&gate) - handshakes.available_permits() >= relaying + limits::UNVALIDATED_HANDSHAKES;
        if busy && !incoming.remote_address_validated() {
            // Stateless: the address has to prove itself first.
            let _ = incoming.retry();
            continue;
        }
        let Ok(permit) = handshakes.clone().try_acquire_owned() else {
            gate.refused(None, incoming.remote_address(), "too many connections");
            incoming.refuse();
            continue;
        };
        let gate = gate.clone();
        tokio::spawn(async move {
            gate.enter(incoming).await;
            drop(permit);
        });
    }
}

/// Tasks of QUIC at once: those that relay, and those on their way in.
fn room(gate: &Gate) -> usize {
    gate.most + limits::MAX_HANDSHAKES
}

/// Accepts over TCP. Whoever does not finish its handshake keeps nobody out: the oldest of too many is given up.
pub(super) async fn tcp(gate: Arc<Gate>, listener: TcpListener, tls: Arc<rustls::ServerConfig>) {
    let acceptor = TlsAcceptor::from(tls);
    let mut half_open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // Without file descriptors the next try fails at once.
            sleep(limits::ACCEPT_PAUSE).await;
            continue;
        };
        half_open.retain(|handshake| !handshake.is_finished());
        if half_open.len() >= limits::HALF_OPEN
            && let Some(oldest) = half_open.pop_front()
        {
            oldest.abort();
            gate.refused(None, peer, "too many connections that do not finish their handshake: the oldest is given up");
        }
        half_open.push_back(tokio::spawn(gate.clone().enter_tcp(acceptor.clone(), stream, peer)).abort_handle());
    }
}
