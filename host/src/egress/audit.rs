//! What is written down of each connection: who, where to, how much, and what was decided.
//!
//! Owns the event. It must never hold more of an address than host and port: paths and queries are what people read and write.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use super::policy::{Destination, Refusal};
use super::stream::Count;

/// One connection, when it is over; or one refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The session.
    pub session: u64,
    /// What was asked for; `None` where that could not be understood.
    pub to: Option<Destination>,
    /// `None`: it was allowed and made.
    pub refusal: Option<Refusal>,
    /// Bytes from the browser.
    pub sent: u64,
    /// Bytes to the browser.
    pub received: u64,
    /// How long it lasted.
    pub lasted: Duration,
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
        let (host, port) = match &event.to {
            Some(to) => (to.host.to_string(), to.port),
            None => (String::new(), 0),
        };
        let verdict = match event.refusal {
            None => "allowed",
            Some(refusal) if refusal.is_policy() => "refused",
            Some(_) => "failed",
        };
        let why = event.refusal.map_or("", Refusal::word);
        let (sent, received) = (event.sent, event.received);
        let milliseconds = u64::try_from(event.lasted.as_millis()).unwrap_or(u64::MAX);
        info!(session.id = event.session, host, port, verdict, why, sent, received, milliseconds, "Egress");
    }
}

/// Writes the event of a connection when it is dropped, however it ends.
#[derive(Debug)]
pub(super) struct Tally {
    audit: Arc<dyn Audit>,
    session: u64,
    to: Option<Destination>,
    pub(super) refusal: Option<Refusal>,
    pub(super) count: Arc<Count>,
    begun: Instant,
}

impl Tally {
    /// Of a connection that is still to be made: nothing counts as allowed before it is.
    pub(super) fn new(audit: Arc<dyn Audit>, session: u64, to: Option<Destination>) -> Self {
        Self { audit, session, to, refusal: Some(Refusal::GivenUp), count: Arc::default(), begun: Instant::now() }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.audit.write(Event {
            session: self.session,
            to: self.to.take(),
            refusal: self.refusal,
            sent: self.count.sent.load(Ordering::Relaxed),
            received: self.count.received.load(Ordering::Relaxed),
            lasted: self.begun.elapsed(),
        });
    }
}
