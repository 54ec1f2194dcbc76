//! Whether copies of updates are worth their bytes on a link.
//!
//! Where packets are lost by chance, as by radio, a copy saves a round trip and more. Where they are lost because the link is full, a
//! copy makes it worse. A link that others fill shows by its round trip, for links queue before they lose; that this session fills it
//! shows by what was given to the stream: copies go only while that is less than half of what the congestion window lets through. Pure
//! bookkeeping: time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits;

/// What the carrier says of the way to the viewer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path {
    /// Packets lost so far.
    pub(super) lost: u64,
    /// The smoothed round trip, and the shortest there was.
    pub(super) round_trip: Duration,
    pub(super) shortest: Duration,
    /// Bytes that may be in flight.
    pub(super) window: u64,
}

/// What is known of a link.
#[derive(Debug)]
pub(super) struct Losses {
    looked: Option<Instant>,
    lost: u64,
    /// When a packet was last seen to be lost although the link was not full.
    lost_at: Option<Instant>,
    is_full: bool,
    /// Half the congestion window, and the bytes a second that it lets through.
    most: i64,
    rate: u64,
    /// Bytes that may be given to the stream and still get copies.
    room: i64,
    filled: Instant,
}

impl Losses {
    pub(super) fn new(now: Instant) -> Self {
        Self { looked: None, lost: 0, lost_at: None, is_full: false, most: 0, rate: 0, room: 0, filled: now }
    }

    /// The stream was given so many bytes: whether a copy of them helps. `path` is not asked at every call.
    pub(super) fn copy_helps(&mut self, bytes: usize, now: Instant, path: impl FnOnce() -> Path) -> bool {
        if self.looked.is_none_or(|at| at + limits::LOOK_AT_LINK <= now) {
            self.looked = Some(now);
            self.look(path(), now);
        }
        let gained = u128::from(self.rate) * now.duration_since(self.filled).as_micros() / 1_000_000;
        self.filled = now;
        self.room = self.room.saturating_add(i64::try_from(gained).unwrap_or(i64::MAX)).min(self.most);
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let has_room = bytes <= self.room;
        self.room = self.room.saturating_sub(bytes).max(-limits::COPIES_DEBT);
        let is_lossy = self.lost_at.is_some_and(|at| now < at + limits::LOSSY_FOR);
        is_lossy && !self.is_full && has_room
    }

    fn look(&mut self, path: Path, now: Instant) {
        // What varies without a queue is small beside the way itself; a near link varies by what the machines do.
        self.is_full = path.shortest + path.shortest / 4 + Duration::from_millis(10) < path.round_trip;
        if self.lost < path.lost && !self.is_full {
            self.lost_at = Some(now);
        }
        self.lost = path.lost;
        let round_trip = u64::try_from(path.round_trip.as_micros()).unwrap_or(u64::MAX).max(1_000);
        self.most = i64::try_from(path.window / 2).unwrap_or(i64::MAX);
        self.rate = path.window.saturating_mul(500_000) / round_trip;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn path(lost: u64, round_trip: u64) -> Path {
        Path { lost, round_trip: ms(round_trip), shortest: ms(60), window: 14_720 }
    }

    /// A link on which a packet was lost, and some time ago.
    fn lossy(start: Instant) -> Losses {
        let mut losses = Losses::new(start);
        assert!(!losses.copy_helps(100, start, || path(0, 60)));
        losses.copy_helps(100, start + ms(100), || path(1, 60));
        losses
    }

    #[test]
    fn copies_help_for_a_minute_after_a_loss() {
        let start = Instant::now();
        let mut losses = lossy(start);
        assert!(losses.copy_helps(100, start + ms(200), || path(1, 60)));
        assert!(losses.copy_helps(100, start + ms(60_000), || path(1, 60)));
        assert!(!losses.copy_helps(100, start + ms(60_100), || path(1, 60)));
    }

    #[test]
    fn a_link_whose_round_trip_has_grown_is_full_and_what_it_loses_is_no_reason_for_copies() {
        let start = Instant::now();
        let mut losses = Losses::new(start);
        losses.copy_helps(100, start, || path(0, 60));
        assert!(!losses.copy_helps(100, start + ms(100), || path(50, 90)));
        assert!(!losses.copy_helps(100, start + ms(200), || path(50, 60)));
        assert!(losses.copy_helps(100, start + ms(300), || path(51, 60)));
        assert!(!losses.copy_helps(100, start + ms(400), || path(52, 90)));
    }

    #[test]
    fn what_fills_the_link_gets_no_copies_and_neither_does_what_waits_behind_it() {
        let start = Instant::now();
        let mut losses = lossy(start);
        let at = |millis: u64| start + ms(1_000 + millis);
        assert!(losses.copy_helps(5_000, at(0), || path(1, 60)));
        assert!(!losses.copy_helps(5_000, at(1), || path(1, 60)), "half a window was given");
        // A page of 128 KiB takes half a second on this link.
        assert!(!losses.copy_helps(128 << 10, at(100), || path(1, 60)));
        assert!(!losses.copy_helps(400, at(600), || path(1, 60)));
        assert!(losses.copy_helps(400, at(1_400), || path(1, 60)));
    }

    #[test]
    fn a_film_of_a_third_of_the_link_gets_copies() {
        let start = Instant::now();
        let mut losses = lossy(start);
        for picture in 1..100 {
            let now = start + ms(1_000 + picture * 33);
            assert!(losses.copy_helps(2_500, now, || path(1, 60)), "{picture}");
        }
    }

    #[test]
    fn the_link_is_not_asked_at_every_call() {
        let start = Instant::now();
        let mut losses = lossy(start);
        assert!(losses.copy_helps(100, start + ms(149), || unreachable!("asked too soon")));
    }
}
