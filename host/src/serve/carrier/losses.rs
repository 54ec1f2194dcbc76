//! Whether copies of updates are worth their bytes on a link.
//!
//! Where packets are lost by chance, as by radio, a copy saves a round trip and more. Where they are lost because the link is full, a
//! copy makes it worse; then the round trip is long too, for full links queue first. Pure bookkeeping: time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits;

/// What is known of a link.
#[derive(Debug)]
pub(super) struct Losses {
    looked: Option<Instant>,
    lost: u64,
    /// When the last packet was seen to be lost.
    lost_at: Option<Instant>,
    /// The shortest round trips of the present and of the former period.
    nearest: [Option<Duration>; 2],
    since: Instant,
    copies_help: bool,
}

impl Losses {
    pub(super) fn new(now: Instant) -> Self {
        Self { looked: None, lost: 0, lost_at: None, nearest: [None; 2], since: now, copies_help: false }
    }

    /// Whether copies help now. `path` gives the packets lost so far and the round trip; it is not asked at every call.
    pub(super) fn copies_help(&mut self, now: Instant, path: impl FnOnce() -> (u64, Duration)) -> bool {
        if self.looked.is_none_or(|at| at + limits::LOOK_AT_LINK <= now) {
            self.looked = Some(now);
            let (lost, round_trip) = path();
            self.look(lost, round_trip, now);
        }
        self.copies_help
    }

    fn look(&mut self, lost: u64, round_trip: Duration, now: Instant) {
        if self.lost < lost {
            self.lost = lost;
            self.lost_at = Some(now);
        }
        if self.since + limits::NEAREST_FOR <= now {
            self.since = now;
            self.nearest = [None, self.nearest[0]];
        }
        self.nearest[0] = Some(self.nearest[0].map_or(round_trip, |nearest| nearest.min(round_trip)));
        let nearest = self.nearest.iter().flatten().min().copied().unwrap_or(round_trip);
        let is_lossy = self.lost_at.is_some_and(|at| now < at + limits::LOSSY_FOR);
        // What varies without a queue is small beside the way itself; a near link varies by what the machines do.
        let is_full = nearest + nearest / 4 + Duration::from_millis(10) < round_trip;
        self.copies_help = is_lossy && !is_full;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn copies_help_for_a_minute_after_a_loss() {
        let start = Instant::now();
        let mut losses = Losses::new(start);
        assert!(!losses.copies_help(start, || (0, ms(60))));
        assert!(losses.copies_help(start + ms(100), || (1, ms(60))));
        assert!(losses.copies_help(start + ms(60_000), || (1, ms(60))));
        assert!(!losses.copies_help(start + ms(60_100), || (1, ms(60))));
    }

    #[test]
    fn a_link_whose_round_trip_has_grown_is_full_and_gets_none() {
        let start = Instant::now();
        let mut losses = Losses::new(start);
        losses.copies_help(start, || (0, ms(60)));
        assert!(!losses.copies_help(start + ms(100), || (5, ms(90))));
        assert!(losses.copies_help(start + ms(200), || (6, ms(70))));
    }

    #[test]
    fn a_longer_route_is_believed_after_a_minute() {
        let start = Instant::now();
        let mut losses = Losses::new(start);
        for second in 0..=61 {
            let round_trip = if second == 0 { ms(10) } else { ms(100) };
            let help = losses.copies_help(start + ms(second * 1_000), || (second, round_trip));
            assert_eq!(help, second > 59, "{second}");
        }
    }

    #[test]
    fn the_link_is_not_asked_at_every_call() {
        let start = Instant::now();
        let mut losses = Losses::new(start);
        losses.copies_help(start, || (1, ms(60)));
        assert!(losses.copies_help(start + ms(49), || unreachable!("asked too soon")));
    }
}
