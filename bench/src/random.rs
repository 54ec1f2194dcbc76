//! Owns the bench's seeded randomness (splitmix64), so that a run's gaps and keys can be repeated. Must never be used for secrets.

use std::time::Duration;

/// A small generator of repeatable numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator that gives the same numbers for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `0` to `below - 1`; `0` if `below` is zero.
    pub fn below(&mut self, below: u64) -> u64 {
        self.draw() % below.max(1)
    }

    /// A pause between `shortest_ms` and `longest_ms` milliseconds, in steps of a microsecond: it locks to no clock of the browser.
    pub fn pause(&mut self, shortest_ms: u64, longest_ms: u64) -> Duration {
        let range = longest_ms.saturating_sub(shortest_ms) * 1000;
        Duration::from_micros(shortest_ms * 1000 + self.below(range + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_pauses_within_their_range() {
        let (mut one, mut other) = (Random::new(7), Random::new(7));
        for _ in 0..1000 {
            let pause = one.pause(120, 280);
            assert_eq!(pause, other.pause(120, 280));
            assert!((Duration::from_millis(120)..=Duration::from_millis(280)).contains(&pause));
        }
    }
}
