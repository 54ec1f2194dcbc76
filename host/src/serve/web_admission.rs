//! What the web service asks of the host: who may have a session, who wants to become a device, and the session itself.
//!
//! Owns the way from a ticket to a connection, which is that of every other carrier from there on. It must never admit what
//! the registry does not.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};

use tracing::{error, warn};

use super::accept::serve_carrier;
use super::carrier::{Messages, WebTransport};
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

    fn asked(&self, fingerprint: &Fingerprint) -> Option<Asked> {
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        registry.asked(fingerprint, clock::unix_seconds())
    }

    fn ask(&self, label: Label, fingerprint: Fingerprint, from: IpAddr) -> Asked {
        let Some(code) = Code::draw() else {
            error!("The system has no randomness");
            return Asked::Busy;
        };
        // The command line may have changed the file meanwhile: both go through its lock.
        let asked = self.store.change(|registry| {
            Ok::<_, registry::Error>(registry.ask(code, label, fingerprint, from, clock::unix_seconds()))
        });
        match asked.and_then(|asked| self.reload().map(|_| asked)) {
            Ok(asked) => {
                if asked == Asked::Busy {
                    warn!(peer = %from, "Browser refused: too many wait to be approved (`shoji-host device list`)");
                }
                asked
            }
            Err(error) => {
                error!(%error, "Browser cannot be put on the waiting list");
                Asked::Busy
            }
        }
    }

    fn session(self: Arc<Self>, fingerprint: Fingerprint, way: Way) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match way {
            Way::Socket(socket) => {
                let peer = socket.peer();
                Box::pin(serve_carrier(self, fingerprint, Messages::new(socket, peer)))
            }
            Way::Transport(transport) => Box::pin(serve_carrier(self, fingerprint, WebTransport::new(transport))),
        }
    }
}
