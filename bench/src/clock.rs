//! Owns the bench's clock and its relation to the page's clock.
//!
//! The bench, the host and the viewer read `CLOCK_MONOTONIC` of one machine, so their times compare directly. The page reads
//! `performance.now()`, which runs at the same pace from an origin that the bench does not know. [`Relation`] bounds that origin
//! from request and answer exchanges; it must never guess beyond those bounds.
//!
//! ```
//! use shoji_bench::clock::{Exchange, Relation};
//! // The page asked at 10 ms of its clock, the bench answered at 5,010.4 ms of its own, the page had the answer at 11 ms.
//! let relation = Relation::from_exchanges(&[Exchange { asked_ms: 10.0, answered_ns: 5_010_400_000, received_ms: 11.0 }]).unwrap();
//! assert_eq!(relation.uncertainty_ns(), 500_000);
//! ```

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub type Nanos = u64;

/// Nanoseconds of `CLOCK_MONOTONIC` now.
#[must_use]
pub fn now() -> Nanos {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// One question of the page to the bench: what time is it?
#[derive(Debug, Clone, Copy)]
pub struct Exchange {
    /// The page's clock before it asked, in milliseconds.
    pub asked_ms: f64,
    /// The bench's clock while it answered.
    pub answered_ns: Nanos,
    /// The page's clock when it had the answer, in milliseconds.
    pub received_ms: f64,
}

/// Where the page's clock began, in the bench's nanoseconds: somewhere between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relation {
    earliest: i64,
    latest: i64,
}

/// The page's clock cannot be related to the bench's.
#[derive(Debug, PartialEq, Eq)]
pub enum ClockError {
    /// There was no exchange at all.
    NoExchange,
    /// Two exchanges contradict each other: the clocks do not run at one pace.
    Contradiction,
}

impl std::fmt::Display for ClockError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::NoExchange => "the page made no clock exchange",
            Self::Contradiction => {
                "the page's clock and the machine's monotonic clock do not run at one pace; was the machine suspended?"
            }
        })
    }
}

impl std::error::Error for ClockError {}

impl Relation {
    /// The bounds that hold for every exchange: an answer was given after its question and before its receipt.
    ///
    /// # Errors
    /// If there is no exchange, or if no origin satisfies all of them.
    pub fn from_exchanges(exchanges: &[Exchange]) -> Result<Self, ClockError> {
        let mut bounds: Option<Self> = None;
        for exchange in exchanges {
            let answered = exchange.answered_ns.cast_signed();
            let one = Self {
                earliest: answered - to_nanoseconds(exchange.received_ms),
                latest: answered - to_nanoseconds(exchange.asked_ms),
            };
            bounds = Some(match bounds {
                None => one,
                Some(so_far) => so_far.narrowed(one)?,
            });
        }
        bounds.ok_or(ClockError::NoExchange)
    }

    /// What holds under both relations.
    ///
    /// # Errors
    /// If they contradict each other.
    pub fn narrowed(self, other: Self) -> Result<Self, ClockError> {
        let both = Self { earliest: self.earliest.max(other.earliest), latest: self.latest.min(other.latest) };
        if both.earliest > both.latest { Err(ClockError::Contradiction) } else { Ok(both) }
    }

    /// A moment of the page's clock in the bench's: the middle of what is possible.
    #[must_use]
    pub fn to_monotonic(self, page_ms: f64) -> i64 {
        i64::midpoint(self.earliest, self.latest) + to_nanoseconds(page_ms)
    }

    /// How far the truth can lie from [`Relation::to_monotonic`], in either direction.
    #[must_use]
    pub fn uncertainty_ns(self) -> u64 {
        ((self.latest - self.earliest) / 2).unsigned_abs()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "page clocks are far below 2^63 nanoseconds")]
fn to_nanoseconds(milliseconds: f64) -> i64 {
    (milliseconds * 1e6).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(asked_ms: f64, answered_ns: Nanos, received_ms: f64) -> Exchange {
        Exchange { asked_ms, answered_ns, received_ms }
    }

    #[test]
    fn the_tightest_bounds_of_different_exchanges_are_combined() {
        // True origin 1,000 ms. One exchange has a fast way there, another a fast way back.
        let relation =
            Relation::from_exchanges(&[exchange(1.0, 1_001_100_000, 3.0), exchange(5.0, 1_006_900_000, 7.0)])
                .expect("the exchanges agree");
        assert_eq!(relation.uncertainty_ns(), 100_000);
        assert_eq!(relation.to_monotonic(0.0), 1_000_000_000);
    }

    #[test]
    fn clocks_of_different_pace_are_refused() {
        let told =
            Relation::from_exchanges(&[exchange(1.0, 1_001_500_000, 2.0), exchange(1000.0, 2_050_000_000, 1001.0)]);
        assert_eq!(told, Err(ClockError::Contradiction));
    }

    #[test]
    fn no_exchange_gives_no_relation() {
        assert_eq!(Relation::from_exchanges(&[]), Err(ClockError::NoExchange));
    }
}
