//! From a packet to an authenticated connection with its streams.
//!
//! Owns admission: how many handshakes at once, for how long, and who passes. It must never make a session: that takes an
//! `Attach`.

use std::sync::Arc;
use std::time::Duration;

use quinn::{ConnectionError, Endpoint, Incoming};
use rustls_pki_types::CertificateDer;
use shoji_protocol::{CloseCode, Fault};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::connection::{Connection, Outcome, Streams, quic_code};
use super::hub::Hub;
use crate::registry::Fingerprint;
use crate::{clock, limits};

/// Accepts until the endpoint closes.
pub(super) async fn run(hub: Arc<Hub>, endpoint: Endpoint) {
    let handshakes = Arc::new(Semaphore::new(limits::MAX_HANDSHAKES));
    let mut crowded_told: Option<Instant> = None;
    while let Some(incoming) = endpoint.accept().await {
        let busy = limits::MAX_HANDSHAKES - handshakes.available_permits();
        if busy >= limits::UNVALIDATED_HANDSHAKES && !incoming.remote_address_validated() {
            // Stateless: the address has to prove itself first.
            let _ = incoming.retry();
            continue;
        }
        let Ok(permit) = handshakes.clone().try_acquire_owned() else {
            // One line in a while: whoever floods the port must not flood the log too.
            if crowded_told.is_none_or(|at| at.elapsed() > limits::HANDSHAKE_TIMEOUT) {
                crowded_told = Some(Instant::now());
                warn!(peer = %incoming.remote_address(), fault = ?Fault::Viewer, "Viewers refused: too many handshakes");
            }
            incoming.refuse();
            continue;
        };
        let peer = incoming.remote_address();
        let hub = hub.clone();
        tokio::spawn(async move {
            let connection = timeout(limits::HANDSHAKE_TIMEOUT, handshake(incoming)).await;
            drop(permit);
            match connection {
                Ok(Ok(connection)) => serve(hub, connection).await,
                // A stranger, or a device whose certificate ended or was revoked; the reason is TLS's own.
                Ok(Err(error)) => info!(%peer, fault = ?Fault::Viewer, %error, "Viewer refused"),
                Err(_) => info!(%peer, fault = ?Fault::Viewer, "Viewer refused: its handshake took too long"),
            }
        });
    }
}

async fn handshake(incoming: Incoming) -> Result<quinn::Connection, ConnectionError> {
    incoming.accept()?.await
}

async fn serve(hub: Arc<Hub>, connection: quinn::Connection) {
    let Some(fingerprint) = fingerprint(&connection) else {
        // Cannot be: TLS asked for a certificate.
        connection.close(quic_code(CloseCode::Revoked), b"");
        return;
    };
    let Some((listed, told)) = hub.list(fingerprint) else {
        let code = CloseCode::NoCapacity;
        warn!(peer = %connection.remote_address(), code = ?code, fault = ?code.fault(), "Viewer refused: too many connections");
        connection.close(quic_code(code), b"");
        return;
    };
    // Listed first: a revocation from now on reaches this connection.
    let Some((identity, not_after)) = hub.identify(fingerprint) else {
        let code = CloseCode::DeviceUnknown;
        warn!(peer = %connection.remote_address(), code = ?code, fault = ?code.fault(), "Viewer refused");
        connection.close(quic_code(code), b"");
        return;
    };
    let device = identity.device.clone();
    let streams = match timeout(limits::STREAMS_TIMEOUT, open_streams(&connection)).await {
        Ok(Ok(streams)) => streams,
        Ok(Err(error)) => {
            info!(%device, %error, "Viewer left");
            return;
        }
        Err(_) => {
            let code = CloseCode::HandshakeTimeout;
            info!(%device, code = ?code, fault = ?code.fault(), "Viewer opened no streams");
            connection.close(quic_code(code), b"");
            return;
        }
    };
    let left = Duration::from_secs(not_after.saturating_sub(clock::unix_seconds()));
    let expires = Instant::now() + left;
    let mut relay = Connection::new(hub.clone(), identity, expires, connection.clone(), streams);
    let outcome = relay.run(told).await;
    drop(listed);
    match outcome {
        Outcome::Closed(code) => {
            info!(%device, code = ?code, fault = ?code.fault(), "Viewer gone");
            connection.close(quic_code(code), b"");
        }
        Outcome::Lost(error) => {
            info!(%device, error, "Viewer lost");
            connection.close(quic_code(CloseCode::KeepAliveLost), b"");
        }
    }
}

async fn open_streams(connection: &quinn::Connection) -> Result<Streams, ConnectionError> {
    let updates = connection.open_uni().await?;
    let (control_out, control_in) = connection.accept_bi().await?;
    // A close or a notice goes before a large update.
    let _ = control_out.set_priority(1);
    Ok(Streams { control_out, control_in, updates })
}

fn fingerprint(connection: &quinn::Connection) -> Option<Fingerprint> {
    let identity = connection.peer_identity()?;
    let chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    Some(Fingerprint::of(chain.first()?))
}
