//! What becomes of a browser without a window: how long it may go without one, and what the supervisor is told then.
//!
//! Pure bookkeeping; the time is an argument, in microseconds.

use std::time::Duration;

use shoji_protocol::worker::ToSupervisor;

use crate::limits;

/// Why there is no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// The browser closed its last one.
    Closed,
    /// The browser has not opened one, or lost its display.
    Lost,
}

/// Until when the browser has time to open a window or to leave, and what it means if it does neither.
#[derive(Debug, Default)]
pub(super) struct Windowless(Option<(u64, Why)>);

impl Windowless {
    /// A window opened.
    pub(super) fn opened(&mut self) {
        self.0 = None;
    }

    /// The last window was closed: the browser leaves, or is made to.
    pub(super) fn last_closed(&mut self, now: u64) {
        self.0 = Some((after(now, limits::BROWSER_LEAVE_TIMEOUT), Why::Closed));
    }

    /// A browser is about to start, or is gone. One that crashed is its launcher's affair; but it may live on without a
    /// display, or the next one may never open a window.
    pub(super) fn lost(&mut self, now: u64) {
        self.0 = Some((after(now, limits::BROWSER_WINDOW_TIMEOUT), Why::Lost));
    }

    /// What to tell the supervisor now. A browser that opens no window is ended, and the next one has as long.
    pub(super) fn due(&mut self, now: u64) -> Option<ToSupervisor> {
        let (_, why) = self.0.take_if(|(until, _)| *until <= now)?;
        Some(match why {
            Why::Closed => ToSupervisor::LastCanvasClosed,
            Why::Lost => {
                self.lost(now);
                ToSupervisor::BrowserMisbehaved
            }
        })
    }

    /// When something will be due.
    pub(super) fn deadline(&self) -> Option<u64> {
        self.0.map(|(until, _)| until)
    }
}

fn after(now: u64, time: Duration) -> u64 {
    now.saturating_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_that_opens_no_window_is_told_of_once_in_each_of_its_times() {
        let mut windowless = Windowless::default();
        assert_eq!((windowless.deadline(), windowless.due(u64::MAX)), (None, None));
        windowless.lost(1_000);
        for _ in 0..3 {
            let at = windowless.deadline().unwrap();
            assert_eq!(windowless.due(at - 1), None);
            assert_eq!(windowless.due(at), Some(ToSupervisor::BrowserMisbehaved));
            assert_eq!(windowless.due(at), None);
            assert_eq!(windowless.deadline(), Some(after(at, limits::BROWSER_WINDOW_TIMEOUT)));
        }
        windowless.opened();
        assert_eq!((windowless.deadline(), windowless.due(u64::MAX)), (None, None));
    }

    #[test]
    fn a_browser_that_stays_after_its_last_window_ends_its_session_once() {
        let mut windowless = Windowless::default();
        windowless.last_closed(1_000);
        let at = windowless.deadline().unwrap();
        assert_eq!(windowless.due(at), Some(ToSupervisor::LastCanvasClosed));
        assert_eq!((windowless.deadline(), windowless.due(u64::MAX)), (None, None));
    }
}
