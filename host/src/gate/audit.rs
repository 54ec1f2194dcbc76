//! What is written down of each viewer's way through the gate: who, what passed, and what the gate did about it.
//!
//! Owns the events. It must never hold what was typed or shown: numbers, names and words of ours only.

use std::fmt::Debug;
use std::net::SocketAddr;

use shoji_protocol::{CanvasId, CloseCode, SessionId};
use tracing::{info, warn};

use super::pace::Class;
use super::relay::Counts;
use crate::registry::Fingerprint;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody was not let in; `device` where a certificate was shown.
    Refused {
        /// Whose certificate.
        device: Option<Fingerprint>,
        /// From where.
        peer: SocketAddr,
        /// Why.
        why: String,
    },
    /// A viewer has a session.
    Attached {
        /// Whose certificate.
        device: Fingerprint,
        /// From where.
        peer: SocketAddr,
        /// Which one.
        session: SessionId,
        /// Whether it was there before.
        resumed: bool,
    },
    /// Input is held back because there was more than a person makes.
    Delayed {
        /// Whose certificate.
        device: Fingerprint,
        /// Of what there was more.
        class: Class,
    },
    /// A picture of the host's could not be decoded; the whole of it is asked for.
    Spoilt {
        /// Whose certificate.
        device: Fingerprint,
        /// Of what.
        canvas: CanvasId,
    },
    /// The gate ended a connection.
    Cut {
        /// Whose certificate.
        device: Fingerprint,
        /// What both sides are told.
        code: CloseCode,
        /// Why.
        why: String,
    },
    /// A connection is over.
    Ended {
        /// Whose certificate.
        device: Fingerprint,
        /// Why.
        code: CloseCode,
        /// What passed.
        counts: Counts,
    },
}

/// Where events go.
pub trait Audit: Debug + Send + Sync {
    /// Takes one.
    fn write(&self, event: Event);
}

/// To the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log;

impl Audit for Log {
    fn write(&self, event: Event) {
        match event {
            Event::Refused { device, peer, why } => {
                let device = device.map(|device| device.to_string()).unwrap_or_default();
                warn!(%device, %peer, %why, verdict = "refused", "Gate");
            }
            Event::Attached { device, peer, session, resumed } => {
                info!(%device, %peer, session.id = session.0, resumed, verdict = "attached", "Gate");
            }
            Event::Delayed { device, class } => warn!(%device, class = class.word(), verdict = "delayed", "Gate"),
            Event::Spoilt { device, canvas } => warn!(%device, canvas.id = canvas.0, verdict = "spoilt", "Gate"),
            Event::Cut { device, code, why } => {
                warn!(%device, code = ?code, fault = ?code.fault(), %why, verdict = "cut", "Gate");
            }
            Event::Ended { device, code, counts } => {
                let Counts { inputs, updates, update_bytes, delays } = counts;
                info!(%device, code = ?code, inputs, updates, update_bytes, delays, verdict = "ended", "Gate");
            }
        }
    }
}
