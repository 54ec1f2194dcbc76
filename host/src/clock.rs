//! The one place that reads clocks.
//!
//! State machines get the time as an argument; this module makes that argument. It must never be called from inside
//! one of them.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of `CLOCK_MONOTONIC`; the same clock in every process of this machine.
pub fn nanoseconds() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// Microseconds of `CLOCK_MONOTONIC`.
pub fn microseconds() -> u64 {
    nanoseconds() / 1_000
}

/// Seconds since 1970 by the wall clock: for certificates and records only, it may jump.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
