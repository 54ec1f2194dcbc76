//! Rate limits as token buckets on the caller's time. Owns the counting; the numbers are in [`limits`](crate::limits).

use crate::limits::RateLimit;
use crate::time::Instant;
use crate::{Side, Violation};

/// Millionths of a token in one token: then a microsecond adds exactly `per_second` of them.
const TOKEN: u64 = 1_000_000;

#[derive(Debug)]
pub(crate) struct Bucket {
    limit: RateLimit,
    level: u64,
    filled: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(crate) const fn new(limit: RateLimit, now: Instant) -> Self {
        Self { limit, level: limit.burst as u64 * TOKEN, filled: now }
    }

    /// Takes one token, if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Violation> {
        let gained = now.since(self.filled).as_micros().saturating_mul(u64::from(self.limit.per_second));
        self.filled = self.filled.max(now);
        self.level = self.level.saturating_add(gained).min(u64::from(self.limit.burst) * TOKEN);
        match self.level.checked_sub(TOKEN) {
            Some(level) => {
                self.level = level;
                Ok(())
            }
            None => Err(Violation::TooFast(self.limit.name)),
        }
    }
}

impl Violation {
    /// The error, if `side` did it.
    pub(crate) const fn by(self, side: Side) -> crate::Error {
        crate::Error { side, violation: self }
    }
}
