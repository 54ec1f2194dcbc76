//! How often a crashed browser comes back.
//!
//! Pure: the time is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use crate::limits;

/// What to do after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Start it again.
    Restart,
    /// It keeps crashing: end the session.
    GiveUp,
}

/// Remembers the crashes of one session's browser.
#[derive(Debug, Default)]
pub struct Rule {
    crashes: VecDeque<Duration>,
}

impl Rule {
    /// Notes a crash at `now` (on any clock that only goes forward).
    pub fn crashed(&mut self, now: Duration) -> Verdict {
        let recent = |at: &Duration| now.saturating_sub(*at) < limits::BROWSER_RESTART_SPAN;
        self.crashes.retain(recent);
        if self.crashes.len() >= limits::BROWSER_RESTARTS {
            return Verdict::GiveUp;
        }
        self.crashes.push_back(now);
        Verdict::Restart
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_crash_within_the_span_ends_the_session() {
        let mut rule = Rule::default();
        for second in 0..3 {
            let verdict = rule.crashed(Duration::from_secs(second));
            assert_eq!(verdict, Verdict::Restart);
        }
        assert_eq!(rule.crashed(Duration::from_secs(9)), Verdict::GiveUp);
    }

    #[test]
    fn a_rare_crash_is_always_followed_by_a_restart() {
        let mut rule = Rule::default();
        for hour in 0..100 {
            let verdict = rule.crashed(Duration::from_secs(hour * 3_600));
            assert_eq!(verdict, Verdict::Restart);
        }
    }
}
