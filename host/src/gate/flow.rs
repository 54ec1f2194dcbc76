//! How many updates, and bytes of them, pass in a second for one viewer.
//!
//! Owns the count. What is over the rate is not dropped here: it is not read, and the host's own flow control waits. Pure.

use shoji_protocol::time::{Duration, Instant};

const SECOND: i64 = 1_000_000;

/// A rate of updates.
#[derive(Debug)]
pub(super) struct Flow {
    /// By bytes, and by updates.
    levels: [Level; 2],
    now: Instant,
}

/// A bucket that may go below zero: how large an update is shows only when it is here.
#[derive(Debug)]
struct Level {
    per_second: i64,
    /// Millionths.
    level: i64,
}

impl Flow {
    /// With a second's worth at once.
    pub(super) fn new(bytes: u32, updates: u32, now: Instant) -> Self {
        let level = |per_second: u32| Level { per_second: per_second.into(), level: i64::from(per_second) * SECOND };
        Self { levels: [level(bytes), level(updates)], now }
    }

    /// Whether an update may be read.
    pub(super) fn may_pass(&mut self, now: Instant) -> bool {
        let gained = i64::try_from(now.since(self.now).as_micros()).unwrap_or(i64::MAX);
        self.now = self.now.max(now);
        for Level { per_second, level } in &mut self.levels {
            *level = level.saturating_add(per_second.saturating_mul(gained)).min(*per_second * SECOND);
        }
        self.levels.iter().all(|level| 0 <= level.level)
    }

    /// An update of so many bytes passed.
    pub(super) fn passed(&mut self, bytes: usize, now: Instant) {
        self.may_pass(now);
        for (Level { level, .. }, cost) in self.levels.iter_mut().zip([bytes, 1]) {
            *level = level.saturating_sub(i64::try_from(cost).unwrap_or(i64::MAX / SECOND).saturating_mul(SECOND));
        }
    }

    /// When the next one may pass, if none may now.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let wait =
            |Level { per_second, level }: &Level| (*level < 0).then(|| (-level).div_euclid((*per_second).max(1)) + 1);
        let longest = self.levels.iter().filter_map(wait).max()?;
        Some(self.now + Duration::from_micros(u64::try_from(longest).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_update_passes_and_the_next_one_waits_for_as_long_as_it_was() {
        let start = Instant::from_micros(5);
        let mut flow = Flow::new(1_000, 100, start);
        assert!(flow.may_pass(start) && flow.deadline().is_none());
        flow.passed(3_000, start);
        assert!(!flow.may_pass(start));
        let next = flow.deadline().unwrap();
        assert!((2_000_000..2_000_100).contains(&next.since(start).as_micros()), "{next:?}");
        assert!(flow.may_pass(next));
    }

    #[test]
    fn many_small_updates_wait_too() {
        let start = Instant::from_micros(5);
        let mut flow = Flow::new(1_000_000, 10, start);
        let passed = (0..100)
            .take_while(|_| {
                flow.may_pass(start) && {
                    flow.passed(1, start);
                    true
                }
            })
            .count();
        assert_eq!(passed, 11);
    }
}
