//! Owns one direction of a link as a pure state machine: a queue before a wire of some rate, chance that loses, and distance.
//!
//! Time is an argument, in nanoseconds of any clock that never goes back; chance is seeded. What is offered at the same times under
//! the same seed meets the same fate. Must never reorder, and never hold more than its bounds.
//!
//! ```
//! use shoji_bench::relay::way::{Shape, Way};
//! let shape = Shape { delay_ns: 25_000_000, ..Shape::default() };
//! let mut way = Way::new(shape, 1);
//! way.offer(0, 1200, "a datagram");
//! assert_eq!((way.take(24_999_999), way.due()), (None, Some(25_000_000)));
//! assert_eq!(way.take(25_000_000), Some("a datagram"));
//! ```

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::clock::Nanos;
use crate::random::Random;

/// Bytes of an IPv4 and a UDP header, which a link of some rate carries too.
pub const HEADERS: usize = 28;

/// Bytes that may be on their way in one direction, whatever the shape: 1.3 Gbit/s over 50 ms. Beyond it datagrams are dropped.
pub const MOST_BYTES: usize = 8 << 20;

/// Datagrams that may be on their way in one direction: [`MOST_BYTES`] of a kilobyte each.
pub const MOST_DATAGRAMS: usize = 8192;

/// How one direction treats what it carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    /// From one end to the other, nanoseconds, after the last bit left.
    pub delay_ns: u64,
    /// How many of a million datagrams are lost on the wire.
    pub loss_ppm: u32,
    /// Bits per second, headers included; `None`: no limit.
    pub rate: Option<u64>,
    /// Bytes that may wait for the wire; used only with a rate.
    pub queue: usize,
}

/// What became of datagrams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Offered.
    pub offered: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Dropped because the queue was full.
    pub dropped: u64,
    /// Delivered.
    pub delivered: u64,
    /// Bytes of payload delivered.
    pub bytes: u64,
}

/// What becomes of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives then.
    Arrives(Nanos),
    /// Chance loses it on the wire, whose time it took.
    Lost,
    /// There was no room for it.
    Dropped,
}

/// One direction.
#[derive(Debug)]
pub struct Way<T> {
    shape: Shape,
    random: Random,
    wire_free: Nanos,
    travelling: VecDeque<(Nanos, usize, T)>,
    bytes: usize,
    counts: Counts,
}

impl<T> Way<T> {
    /// An empty direction.
    #[must_use]
    pub fn new(shape: Shape, seed: u64) -> Self {
        let random = Random::new(seed);
        Self { shape, random, wire_free: 0, travelling: VecDeque::new(), bytes: 0, counts: Counts::default() }
    }

    /// Takes a datagram with `size` bytes of payload.
    pub fn offer(&mut self, now: Nanos, size: usize, datagram: T) -> Fate {
        self.carry(now, size, datagram, false)
    }

    /// Takes one that chance does not lose.
    pub fn spare(&mut self, now: Nanos, size: usize, datagram: T) -> Fate {
        self.carry(now, size, datagram, true)
    }

    fn carry(&mut self, now: Nanos, size: usize, datagram: T, is_spared: bool) -> Fate {
        self.counts.offered += 1;
        // One draw for each, whatever happens to it: a full queue does not change the luck of the next.
        let unlucky = self.random.below(1_000_000) < u64::from(self.shape.loss_ppm) && !is_spared;
        let begins = self.wire_free.max(now);
        let mut left = now;
        if let Some(rate) = self.shape.rate.filter(|rate| *rate > 0) {
            let waiting = u128::from(begins - now) * u128::from(rate) / 8_000_000_000;
            if waiting + (size as u128) > self.shape.queue as u128 {
                self.counts.dropped += 1;
                return Fate::Dropped;
            }
            let takes = (size + HEADERS) as u128 * 8_000_000_000 / u128::from(rate);
            left = begins.saturating_add(u64::try_from(takes).unwrap_or(u64::MAX));
            self.wire_free = left;
        }
        if unlucky {
            self.counts.lost += 1;
            return Fate::Lost;
        }
        if self.bytes + size > MOST_BYTES || self.travelling.len() >= MOST_DATAGRAMS {
            self.counts.dropped += 1;
            return Fate::Dropped;
        }
        let due = left.saturating_add(self.shape.delay_ns);
        self.bytes += size;
        self.travelling.push_back((due, size, datagram));
        Fate::Arrives(due)
    }

    /// When the next datagram arrives.
    #[must_use]
    pub fn due(&self) -> Option<Nanos> {
        self.travelling.front().map(|(due, ..)| *due)
    }

    /// A datagram that has arrived by now, in the order in which they were offered.
    pub fn take(&mut self, now: Nanos) -> Option<T> {
        if self.due()? > now {
            return None;
        }
        let (_, size, datagram) = self.travelling.pop_front()?;
        self.bytes -= size;
        self.counts.delivered += 1;
        self.counts.bytes += size as u64;
        Some(datagram)
    }

    /// Loses everything that is on its way.
    pub fn clear(&mut self) {
        self.counts.lost += self.travelling.len() as u64;
        self.travelling.clear();
        self.bytes = 0;
        self.wire_free = 0;
    }

    /// What became of everything so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn arrivals(shape: Shape, seed: u64, offers: impl IntoIterator<Item = (u64, usize)>) -> Vec<Fate> {
        let mut way = Way::new(shape, seed);
        offers.into_iter().map(|(now, size)| way.offer(now, size, ())).collect()
    }

    #[test]
    fn without_loss_and_rate_everything_arrives_in_order_after_the_delay() {
        let mut way = Way::new(Shape { delay_ns: 50 * MS, ..Shape::default() }, 1);
        for n in 0..100_u64 {
            assert_eq!(way.offer(n * MS, 1200, n), Fate::Arrives((n + 50) * MS));
        }
        assert_eq!(way.take(50 * MS - 1), None);
        let taken: Vec<u64> = std::iter::from_fn(|| way.take(200 * MS)).collect();
        assert_eq!(taken, (0..100).collect::<Vec<_>>());
        assert_eq!((way.due(), way.counts().delivered, way.counts().bytes), (None, 100, 120_000));
    }

    #[test]
    fn the_share_of_lost_datagrams_is_what_was_asked_for_and_repeats_with_the_seed() {
        let shape = Shape { loss_ppm: 30_000, ..Shape::default() };
        let fates = |seed| arrivals(shape, seed, (0..100_000).map(|n| (n * MS, 100)));
        let lost = fates(7).iter().filter(|fate| **fate == Fate::Lost).count();
        assert!((2_800..3_200).contains(&lost), "{lost}");
        assert_eq!(fates(7), fates(7));
        assert_ne!(fates(7), fates(8));
    }

    #[test]
    fn what_is_spared_arrives_and_does_not_change_the_luck_of_the_others() {
        let shape = Shape { loss_ppm: 500_000, ..Shape::default() };
        let usual = arrivals(shape, 7, (0..100).map(|n| (n * MS, 100)));
        let mut way = Way::new(shape, 7);
        let spared: Vec<Fate> = (0..50).map(|n| way.spare(n * MS, 100, ())).collect();
        let later: Vec<Fate> = (50..100).map(|n| way.offer(n * MS, 100, ())).collect();
        assert!(!spared.contains(&Fate::Lost) && usual[..50].contains(&Fate::Lost));
        assert_eq!(later, usual[50..]);
    }

    #[test]
    fn a_wire_of_some_rate_sends_one_after_the_other() {
        // 1000 bytes with headers at 2 Mbit/s take 4 ms.
        let shape = Shape { delay_ns: 30 * MS, rate: Some(2_000_000), queue: 40_000, ..Shape::default() };
        let fates = arrivals(shape, 1, [(0, 972), (0, 972), (100 * MS, 972)]);
        assert_eq!(fates, [34, 38, 134].map(|ms| Fate::Arrives(ms * MS)));
    }

    #[test]
    fn what_finds_the_queue_full_is_dropped_and_room_comes_back_with_time() {
        let shape = Shape { rate: Some(8_000_000), queue: 3_000, ..Shape::default() };
        // 1000 bytes take 1 ms. The first leaves at once, so four are taken: one on the wire, and three that wait.
        let fates = arrivals(shape, 1, (0..6).map(|_| (0, 972)).chain([(2 * MS, 972)]));
        let dropped: Vec<bool> = fates.iter().map(|fate| *fate == Fate::Dropped).collect();
        assert_eq!(dropped, [false, false, false, true, true, true, false]);
    }

    #[test]
    fn what_is_lost_took_its_time_of_the_wire() {
        let shape = Shape { rate: Some(8_000_000), queue: 1 << 20, loss_ppm: 1_000_000, ..Shape::default() };
        let mut way = Way::new(shape, 1);
        assert_eq!(way.offer(0, 972, ()), Fate::Lost);
        way.shape.loss_ppm = 0;
        assert_eq!(way.offer(0, 972, ()), Fate::Arrives(2 * MS));
    }

    #[test]
    fn a_stalled_receiver_costs_no_more_than_the_bounds() {
        let mut way = Way::new(Shape::default(), 1);
        for _ in 0..3 * MOST_DATAGRAMS {
            way.offer(0, 1200, ());
        }
        assert!(way.travelling.len() <= MOST_DATAGRAMS && way.bytes <= MOST_BYTES);
        let mut way = Way::new(Shape::default(), 1);
        for _ in 0..400 {
            way.offer(0, 65_507, ());
        }
        assert!(way.bytes <= MOST_BYTES, "{}", way.bytes);
    }

    #[test]
    fn a_cut_loses_what_is_on_its_way_and_frees_the_wire() {
        let shape = Shape { delay_ns: 10 * MS, rate: Some(8_000), queue: 1 << 20, ..Shape::default() };
        let mut way = Way::new(shape, 1);
        way.offer(0, 972, ());
        way.offer(0, 972, ());
        way.clear();
        assert_eq!((way.take(u64::MAX), way.counts().lost), (None, 2));
        assert_eq!(way.offer(MS, 972, ()), Fate::Arrives(1011 * MS));
    }
}
