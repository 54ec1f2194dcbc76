//! What the web service asks of the host: who may have a session, who wants to become a device, and the session itself.
//!
//! Owns the way from a ticket to a connection, which is that of every other carrier from there on. It must never admit what
//! the registry does not.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};

use tracing::error;

use super::accept::serve_carrier;
use super::carrier::{Messages, WebRtc, WebTransport};
use super::hub::Hub;
use crate::clock;
use crate::enrolment::{Asked, Code, Label, NotAdmitted};
use crate::registry::{self, Fingerprint};
use crate::web::{Admission, Way};

impl Admission for Hub {
    fn admits(&self, fingerprint: &Fingerprint) -> Result<(), NotAdmitted> {
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        registry.admits_browser(fingerprint, clock::unix_seconds())
    }

    fn foresee(&self, fingerprint: &Fingerprint, from: IpAddr) -> Option<Asked> {
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        registry.foresee(fingerprint, from, clock::unix_seconds())
    }

    fn ask(&self, label: Label, fingerprint: Fingerprint, from: IpAddr) -> Option<Asked> {
        let Some(code) = Code::draw() else {
            self.unwritten.tell(|left_out| error!(left_out, "The system has no randomness"));
            return None;
        };
        // The command line may have changed the file meanwhile: both go through its lock.
        let asked = self.store.change(|registry| {
            Ok::<_, registry::Error>(registry.ask(code, label, fingerprint, from, clock::unix_seconds()))
        });
        asked
            .and_then(|asked| self.reload().map(|_| asked))
            .inspect_err(|error| {
                self.unwritten.tell(|left_out| error!(%error, left_out, "Browser cannot be put on the waiting list"));
            })
            .ok()
    }

    fn session(self: Arc<Self>, fingerprint: Fingerprint, way: Way) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match way {
            Way::Socket(socket) => {
                let peer = socket.peer();
                Box::pin(serve_carrier(self, fingerprint, Messages::new(socket, peer)))
            }
            Way::Peer(peer) => Box::pin(serve_carrier(self, fingerprint, WebRtc::new(peer))),
            Way::Transport(transport) => Box::pin(serve_carrier(self, fingerprint, WebTransport::new(transport))),
        }
    }
}
