//! Copies of updates beside a stream of QUIC's: which frames get one, and when it is sent.
//!
//! Owns the copies that wait. It must never hold back a frame, nor send a copy where the link is full ([`super::losses`]). Only what
//! gets a copy is copied.

use std::time::Duration;

use shoji_protocol::splice::Copier;
use tokio::time::Instant;

use super::losses::{Losses, Path};
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

    /// The stream of updates was given this frame, on this way.
    pub(super) fn sent(&mut self, frame: &[u8], path: impl FnOnce() -> quinn::PathStats) {
        self.sent_on(frame, || {
            let path = path();
            Path { lost: path.lost_packets, round_trip: path.rtt, shortest: path.min_rtt, window: path.cwnd }
        });
    }

    fn sent_on(&mut self, frame: &[u8], path: impl FnOnce() -> Path) {
        let helps = self.losses.copy_helps(frame.len(), Instant::now(), path);
        let copied = self.wanted && helps && frame.len() <= limits::COPIED_FRAME;
        self.copier.sent(frame, copied, now());
    }

    /// Gives each copy that is due to the carrier.
    pub(super) fn send_due(&mut self, send: impl Fn(Vec<u8>)) {
        while let Some(datagram) = self.copier.take_due(now()) {
            send(datagram);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Two frames were sent, the second after a loss.
    async fn two(first: usize, second: usize, wanted: bool, lost: u64) -> Copies {
        let mut copies = Copies::new();
        if wanted {
            copies.want();
        }
        let (round_trip, shortest) = (Duration::from_millis(60), Duration::from_millis(60));
        let path = |lost| move || Path { lost, round_trip, shortest, window: 64 << 10 };
        copies.sent_on(&vec![1; first], path(0));
        tokio::time::advance(limits::LOOK_AT_LINK).await;
        copies.sent_on(&[], path(lost));
        tokio::time::advance(Duration::from_secs(1)).await;
        copies.sent_on(&vec![2; second], path(lost));
        copies
    }

    fn waits(copies: &Copies) -> bool {
        copies.copier.deadline().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_loss_a_small_frame_gets_a_copy_at_its_place_in_the_stream() {
        let mut copies = two(100_000, 3, true, 1).await;
        let due = copies.copier.deadline().expect("a copy waits");
        let datagram = copies.copier.take_due(due).expect("it is due");
        assert_eq!(datagram, [&100_000_u64.to_le_bytes()[..], &[2, 2, 2]].concat());
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_no_copy_without_a_loss_nor_for_a_viewer_that_takes_none_nor_of_a_large_frame() {
        assert!(waits(&two(10, limits::COPIED_FRAME, true, 1).await));
        assert!(!waits(&two(10, limits::COPIED_FRAME + 1, true, 1).await));
        assert!(!waits(&two(10, 10, true, 0).await));
        assert!(!waits(&two(10, 10, false, 1).await));
    }
}
