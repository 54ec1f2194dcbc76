//! How fast one session may ask.
//!
//! Owns one session's budget. Whoever is over it waits for its turn: a page that opens much at once is a little slower, and a hostile one
//! costs the others nothing. It must never refuse.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Instant, sleep_until};

use crate::limits;

/// A budget.
#[derive(Debug)]
pub(super) struct Pace {
    /// The moment up to which everything is spent. It lies in the past while there is something left.
    spent: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { spent: Mutex::new(now.checked_sub(limits::EGRESS_EVERY * limits::EGRESS_AT_ONCE).unwrap_or(now)) }
    }

    /// Waits for the next turn.
    pub(super) async fn turn(&self) {
        let at = {
            // Each change of it is whole, whatever happens to who makes it.
            let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let fullest = now.checked_sub(limits::EGRESS_EVERY * limits::EGRESS_AT_ONCE).unwrap_or(now);
            *spent = (*spent).max(fullest) + limits::EGRESS_EVERY;
            *spent
        };
        if at > Instant::now() {
            sleep_until(at).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_what_comes_after_it_waits() {
        // The paused clock begins at the machine's own, which may be younger than the budget.
        tokio::time::advance(limits::EGRESS_EVERY * limits::EGRESS_AT_ONCE * 2).await;
        let (pace, begun) = (Pace::new(), Instant::now());
        for _ in 0..limits::EGRESS_AT_ONCE {
            pace.turn().await;
        }
        assert!(begun.elapsed().is_zero());
        for _ in 0..10 {
            pace.turn().await;
        }
        assert!(begun.elapsed() >= limits::EGRESS_EVERY * 10);
    }
}
