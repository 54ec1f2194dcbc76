//! Copies of updates on a QUIC connection: which frames get one, and when it is sent.
//!
//! Owns the copies that wait. It must never hold back a frame, nor send a copy where the link is full ([`super::losses`]). Only what
//! gets a copy is copied.

use std::time::Duration;

use shoji_protocol::splice::Copier;
use tokio::time::Instant;

use super::losses::Losses;
use crate::{clock, limits};

/// Copies on their way.
pub(super) struct Copies {
    copier: Copier,
    losses: Losses,
    /// The viewer takes them.
    wanted: bool,
}

impl Copies {
    pub(super) fn new() -> Self {
        Self { copier: Copier::default(), losses: Losses::new(Instant::now()), wanted: false }
    }

    /// The viewer takes copies from now on.
    pub(super) fn want(&mut self) {
        self.wanted = true;
    }

    /// The stream of updates was given this frame.
    pub(super) fn sent(&mut self, frame: &[u8], connection: &quinn::Connection) {
        let path = || {
            let path = connection.stats().path;
            (path.lost_packets, path.rtt)
        };
        let copied =
            self.wanted && frame.len() <= limits::COPIED_FRAME && self.losses.copies_help(Instant::now(), path);
        self.copier.sent(frame, copied, now());
    }

    /// Sends the copies that are due, as far as the carrier has room: if it still holds many, the link is full.
    pub(super) fn send_due(&mut self, connection: &quinn::Connection) {
        while let Some(datagram) = self.copier.take_due(now()) {
            if connection.datagram_send_buffer_space() >= datagram.len() {
                // A viewer that takes no datagrams has the stream.
                let _ = connection.send_datagram(datagram.into());
            }
        }
    }

    /// Until a copy is due; for ever if none waits. Safe to drop at any time.
    pub(super) async fn wait(&self) {
        match self.copier.deadline() {
            Some(due) => tokio::time::sleep(Duration::from(due.since(now()))).await,
            None => std::future::pending().await,
        }
    }
}

/// The protocol's clock.
fn now() -> shoji_protocol::time::Instant {
    shoji_protocol::time::Instant::from_micros(clock::microseconds())
}
