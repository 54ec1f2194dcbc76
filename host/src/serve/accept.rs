//! From a packet to a QUIC connection with its streams, of a device or of a browser, and from a carrier of any kind to a
//! served viewer.
//!
//! Owns admission: how many QUIC handshakes at once, for how long, and who passes ([`super::newcomer`]). It must never make a
//! session: that takes an `Attach`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{ConnectionError, Endpoint, Incoming};
use shoji_protocol::{Channel, CloseCode, Fault, ToViewer, frame};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::carrier::{Carrier, Quic, quic_code};
use super::connection::{Connection, Outcome};
use super::hub::{Hub, Listed, Speaker};
use super::newcomer::{Device, Newcomer};
use super::table::Identity;
use crate::registry::Fingerprint;
use crate::seldom::Seldom;
use crate::{clock, limits, web};

/// What newcomers meet.
struct Door {
    hub: Arc<Hub>,
    web: Option<Arc<web::Service>>,
    refusals: Seldom,
}

/// Accepts until the endpoint closes.
pub(super) async fn run(hub: Arc<Hub>, endpoint: Endpoint, web: Option<Arc<web::Service>>) {
    let door = Arc::new(Door { hub, web, refusals: Seldom::new(limits::REFUSALS_TOLD) });
    let handshakes = Arc::new(Semaphore::new(limits::MAX_HANDSHAKES));
    let crowded = Seldom::new(1);
    while let Some(incoming) = endpoint.accept().await {
        let busy = limits::MAX_HANDSHAKES - handshakes.available_permits();
        if busy >= limits::UNVALIDATED_HANDSHAKES && !incoming.remote_address_validated() {
            // Stateless: the address has to prove itself first.
            let _ = incoming.retry();
            continue;
        }
        let Ok(permit) = handshakes.clone().try_acquire_owned() else {
            crowded.tell(|left_out| {
                let peer = incoming.remote_address();
                warn!(%peer, fault = ?Fault::Viewer, left_out, "Viewers refused: too many handshakes");
            });
            incoming.refuse();
            continue;
        };
        let peer = incoming.remote_address();
        let door = door.clone();
        tokio::spawn(async move {
            let connection = timeout(limits::HANDSHAKE_TIMEOUT, handshake(incoming)).await;
            drop(permit);
            let refused = match connection {
                Ok(Ok(newcomer)) => return door.enter(newcomer).await,
                // A stranger, or a device whose certificate ended or was revoked; the reason is TLS's own.
                Ok(Err(error)) => error.to_string(),
                Err(_) => "its handshake took too long".to_owned(),
            };
            door.refusals.tell(|left_out| {
                info!(%peer, fault = ?Fault::Viewer, error = refused, left_out, "Viewer refused");
            });
        });
    }
}

async fn handshake(incoming: Incoming) -> Result<Newcomer, ConnectionError> {
    Ok(Newcomer::of(incoming.accept()?.await?))
}

impl Door {
    async fn enter(&self, newcomer: Newcomer) {
        match (newcomer, &self.web) {
            (Newcomer::Device(device), _) => serve(&self.hub, device).await,
            (Newcomer::Gate(gate), _) => serve_gate(&self.hub, gate).await,
            (Newcomer::Stranger(stranger), Some(web)) => web.serve_stranger(stranger).await,
            // Cannot be: without a web service TLS speaks no browser's protocol.
            (Newcomer::Stranger(_), None) => {}
            (Newcomer::Nobody(connection), _) => {
                let peer = connection.remote_address();
                connection.close(quic_code(CloseCode::Revoked), b"");
                self.refusals.tell(|left_out| {
                    info!(%peer, fault = ?Fault::Viewer, left_out, "Viewer refused: it has no certificate");
                });
            }
        }
    }
}

async fn serve(hub: &Arc<Hub>, newcomer: Device) {
    let admitted = match admit(hub, newcomer.fingerprint().into(), newcomer.peer()) {
        Ok(admitted) => admitted,
        Err(code) => {
            newcomer.connection().close(quic_code(code), b"");
            return;
        }
    };
    let device = &admitted.identity.device;
    match timeout(limits::STREAMS_TIMEOUT, Quic::open(&newcomer)).await {
        Ok(Ok(carrier)) => relay(hub, admitted, carrier).await,
        Ok(Err(error)) => info!(%device, %error, "Viewer left"),
        Err(_) => {
            let code = CloseCode::HandshakeTimeout;
            info!(%device, code = ?code, fault = ?code.fault(), "Viewer opened no streams");
            newcomer.connection().close(quic_code(code), b"");
        }
    }
}

/// Serves whom a gate names over QUIC.
async fn serve_gate(hub: &Arc<Hub>, newcomer: Device) {
    let close = |code| newcomer.connection().close(quic_code(code), b"");
    if !is_gate(hub, newcomer.fingerprint(), newcomer.peer()) {
        return close(CloseCode::DeviceUnknown);
    }
    match timeout(limits::STREAMS_TIMEOUT, Quic::open_of_gate(&newcomer)).await {
        Ok(Ok((carrier, device))) => {
            serve_speaker(hub.clone(), Speaker { device, gate: Some(newcomer.fingerprint()) }, carrier).await;
        }
        Ok(Err(error)) => info!(peer = %newcomer.peer(), %error, "Gate left"),
        Err(_) => {
            info!(peer = %newcomer.peer(), code = ?CloseCode::HandshakeTimeout, "Gate named no device");
            close(CloseCode::HandshakeTimeout);
        }
    }
}

/// Whether this certificate is a gate's; if not, that is told.
pub(super) fn is_gate(hub: &Hub, fingerprint: Fingerprint, peer: SocketAddr) -> bool {
    let gate = hub.gate(fingerprint);
    if gate.is_none() {
        let code = CloseCode::DeviceUnknown;
        hub.refusals.tell(|left_out| {
            warn!(%peer, %fingerprint, code = ?code, fault = ?code.fault(), left_out, "Refused: it speaks for others and is no gate");
        });
    }
    gate.is_some()
}

/// Serves a viewer whose device has been authenticated, over a carrier that is ready, until it is gone.
pub(crate) async fn serve_carrier<C: Carrier>(hub: Arc<Hub>, fingerprint: Fingerprint, carrier: C) {
    serve_speaker(hub, fingerprint.into(), carrier).await;
}

/// The same for whoever speaks for it.
pub(super) async fn serve_speaker<C: Carrier>(hub: Arc<Hub>, speaker: Speaker, carrier: C) {
    match admit(&hub, speaker, carrier.peer()) {
        Ok(admitted) => relay(&hub, admitted, carrier).await,
        Err(code) => turn_away(carrier, code).await,
    }
}

/// Says why, and closes.
pub(crate) async fn turn_away<C: Carrier>(mut carrier: C, code: CloseCode) {
    let mut frame = Vec::new();
    frame::encode_to_viewer(&ToViewer::Close { code }, &mut frame);
    carrier.queue(Channel::Control, frame.into());
    carrier.farewell(code).await;
}

/// A viewer that may have a connection.
struct Admitted<'a> {
    listed: Listed<'a>,
    told: mpsc::Receiver<CloseCode>,
    identity: Identity,
    /// When the device's certificate ends.
    expires: Instant,
}

/// Lists a connection and looks its device up; `Err`: why it is refused.
fn admit(hub: &Hub, speaker: Speaker, peer: SocketAddr) -> Result<Admitted<'_>, CloseCode> {
    let Some((listed, told)) = hub.list(speaker) else {
        let code = CloseCode::NoCapacity;
        hub.refusals.tell(|left_out| {
            warn!(%peer, code = ?code, fault = ?code.fault(), left_out, "Viewer refused: too many connections");
        });
        return Err(code);
    };
    // Listed first: a revocation from now on reaches this connection.
    let Some((identity, not_after)) = hub.identify(speaker) else {
        let code = CloseCode::DeviceUnknown;
        hub.refusals.tell(|left_out| warn!(%peer, code = ?code, fault = ?code.fault(), left_out, "Viewer refused"));
        return Err(code);
    };
    if let Some(gate) = speaker.gate.and_then(|gate| hub.gate(gate)) {
        info!(device = %identity.device, %gate, %peer, "Viewer comes through a gate");
    }
    let left = Duration::from_secs(not_after.saturating_sub(clock::unix_seconds()));
    Ok(Admitted { listed, told, identity, expires: Instant::now() + left })
}

async fn relay<C: Carrier>(hub: &Arc<Hub>, admitted: Admitted<'_>, carrier: C) {
    let Admitted { listed, told, identity, expires } = admitted;
    let device = identity.device.clone();
    let mut connection = Connection::new(hub.clone(), identity, expires, carrier);
    let outcome = connection.run(told).await;
    drop(listed);
    match outcome {
        Outcome::Closed(code) => {
            info!(%device, carrier = C::NAME, code = ?code, fault = ?code.fault(), "Viewer gone");
        }
        Outcome::Lost(error) => info!(%device, carrier = C::NAME, %error, "Viewer lost"),
    }
}
