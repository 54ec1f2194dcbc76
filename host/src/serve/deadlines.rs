//! When a session ends by the clock, and when its viewer is told that it will.
//!
//! Owns a session's deadlines. Pure: the time is an argument. It must never end a session itself.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Sessions;
use crate::limits;

/// The deadlines of one session; the earliest wakes its task.
#[derive(Debug)]
pub(super) struct Deadlines {
    limits: Sessions,
    /// The longest a session may live.
    absolute: Instant,
    /// Set while nobody is attached.
    detached: Option<Instant>,
    /// When to look whether there was input.
    idle: Instant,
    /// A connection that was told to let go has to have done so.
    hand_over: Option<Instant>,
    /// When to tell the viewer that the session reaches its longest life; `None`: it was told.
    tell_absolute: Option<Instant>,
    /// The viewer was told that the session ends without input, and there was none since.
    told_idle: bool,
}

/// What a deadline brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// The viewer has to be told that the session ends soon.
    EndsSoon,
    /// The session is over.
    Over,
    /// The connection that had to let go did not.
    NotHandedOver,
}

/// How long before the end of a span its viewer is told: [`limits::END_NOTICE`], and not before half of a short span.
fn ahead(span: Duration) -> Duration {
    limits::END_NOTICE.min(span / 2)
}

impl Deadlines {
    /// Of a session that begins now, without a viewer.
    pub(super) fn new(limits: Sessions, now: Instant) -> Self {
        Self {
            limits,
            absolute: now + limits.longest,
            detached: Some(now + limits.detached),
            idle: now + limits.idle - ahead(limits.idle),
            hand_over: None,
            tell_absolute: Some(now + limits.longest - ahead(limits.longest)),
            told_idle: false,
        }
    }

    /// When to ask [`Self::due`] again.
    pub(super) fn earliest(&self) -> Instant {
        let optional = [self.detached, self.hand_over, self.tell_absolute];
        optional.into_iter().flatten().fold(self.absolute.min(self.idle), Instant::min)
    }

    /// A viewer attached, which counts as input. It knows nothing of what the one before it was told.
    pub(super) fn attached(&mut self, now: Instant) {
        self.detached = None;
        self.hand_over = None;
        self.tell_absolute = Some(self.absolute - ahead(self.limits.longest));
        self.told_idle = false;
        self.idle = now + self.limits.idle - ahead(self.limits.idle);
    }

    /// Nobody is attached any more.
    pub(super) fn detached(&mut self, now: Instant) {
        self.detached = Some(now + self.limits.detached);
    }

    /// The attached connection was told to let the session go.
    pub(super) fn hand_over(&mut self, now: Instant) {
        self.hand_over = Some(now + limits::HAND_OVER_TIMEOUT);
    }

    /// What is due now; `quiet` is the time since the last input.
    pub(super) fn due(&mut self, now: Instant, quiet: Duration) -> Due {
        let is_due = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now);
        if is_due(self.hand_over) {
            return Due::NotHandedOver;
        }
        if self.absolute <= now || is_due(self.detached) {
            return Due::Over;
        }
        let mut due = Due::Nothing;
        if is_due(self.tell_absolute) {
            self.tell_absolute = None;
            due = Due::EndsSoon;
        }
        if self.idle <= now {
            let Some(left) = self.limits.idle.checked_sub(quiet).filter(|left| !left.is_zero()) else {
                return Due::Over;
            };
            let ahead = ahead(self.limits.idle);
            if left > ahead {
                self.told_idle = false;
                self.idle = now + (left - ahead);
            } else {
                if !self.told_idle {
                    self.told_idle = true;
                    due = Due::EndsSoon;
                }
                self.idle = now + left;
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn sessions() -> Sessions {
        Sessions {
            at_once: 1,
            per_device: 1,
            detached: 30 * MINUTE,
            idle: 60 * MINUTE,
            longest: 600 * MINUTE,
            first_user_id: 61_000,
        }
    }

    /// A session with a viewer since `now`.
    fn attached(now: Instant) -> Deadlines {
        let mut deadlines = Deadlines::new(sessions(), now);
        deadlines.attached(now);
        deadlines
    }

    #[test]
    fn a_viewer_is_told_once_before_its_session_ends_without_input() {
        let begun = Instant::now();
        let mut deadlines = attached(begun);
        assert_eq!(deadlines.earliest(), begun + 55 * MINUTE);
        assert_eq!(deadlines.due(begun + 55 * MINUTE, 55 * MINUTE), Due::EndsSoon);
        assert_eq!(deadlines.earliest(), begun + 60 * MINUTE);
        assert_eq!(deadlines.due(begun + 58 * MINUTE, 58 * MINUTE), Due::Nothing);
        assert_eq!(deadlines.due(begun + 60 * MINUTE, 60 * MINUTE), Due::Over);
    }

    #[test]
    fn input_keeps_a_session_and_the_next_silence_is_told_again() {
        let begun = Instant::now();
        let mut deadlines = attached(begun);
        assert_eq!(deadlines.due(begun + 55 * MINUTE, 55 * MINUTE), Due::EndsSoon);
        // Input in the 59th minute.
        assert_eq!(deadlines.due(begun + 60 * MINUTE, MINUTE), Due::Nothing);
        assert_eq!(deadlines.earliest(), begun + 114 * MINUTE);
        assert_eq!(deadlines.due(begun + 114 * MINUTE, 55 * MINUTE), Due::EndsSoon);
    }

    #[test]
    fn the_longest_life_is_told_ahead_and_again_to_a_viewer_that_comes_after() {
        let begun = Instant::now();
        let mut deadlines = attached(begun);
        let told = begun + 595 * MINUTE;
        assert_eq!(deadlines.due(told, MINUTE), Due::EndsSoon);
        assert_eq!(deadlines.due(told + MINUTE, MINUTE), Due::Nothing);
        deadlines.attached(told + MINUTE);
        assert_eq!(deadlines.due(told + MINUTE, Duration::ZERO), Due::EndsSoon);
        assert_eq!(deadlines.due(begun + 600 * MINUTE, MINUTE), Due::Over);
    }

    #[test]
    fn a_session_without_a_viewer_ends_after_its_time_and_not_with_one() {
        let begun = Instant::now();
        let mut deadlines = attached(begun);
        deadlines.detached(begun);
        assert_eq!(deadlines.due(begun + 29 * MINUTE, 29 * MINUTE), Due::Nothing);
        assert_eq!(deadlines.due(begun + 30 * MINUTE, 30 * MINUTE), Due::Over);
        deadlines.attached(begun + 29 * MINUTE);
        assert_eq!(deadlines.due(begun + 30 * MINUTE, MINUTE), Due::Nothing);
    }

    #[test]
    fn a_connection_that_does_not_let_go_is_noticed() {
        let begun = Instant::now();
        let mut deadlines = attached(begun);
        deadlines.hand_over(begun);
        assert_eq!(deadlines.due(begun + limits::HAND_OVER_TIMEOUT, MINUTE), Due::NotHandedOver);
    }
}
