//! The one clock of the viewer: monotonic time in nanoseconds.
//!
//! On Linux it is `CLOCK_MONOTONIC` itself, so that a trace written here can be laid beside the host's traces from the
//! same machine. Elsewhere it counts from the start of the program. Nothing else in this crate reads a clock for the
//! protocol or for measurements. It must never be used as a date.

/// A moment, in nanoseconds of the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp(pub u64);

impl Stamp {
    /// The time from `earlier` to `self`; zero if it lies in the future.
    #[must_use]
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Now.
#[cfg(target_os = "linux")]
#[must_use]
pub fn now() -> Stamp {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    Stamp(seconds * 1_000_000_000 + nanos)
}

/// Now.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn now() -> Stamp {
    use std::{sync::OnceLock, time::Instant};
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    Stamp(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_runs_backwards() {
        let earlier = now();
        let later = now();
        assert!(later >= earlier);
        assert_eq!(earlier.since(Stamp(later.0 + 1)), std::time::Duration::ZERO);
    }
}
