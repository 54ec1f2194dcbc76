//! Canvases whose window was taken away from outside.
//!
//! Owns how long such a page may take to close before its window comes back: a page that asks whether it may really
//! close has to be seen. Pure: the time is an argument.

use std::time::{Duration, Instant};

use shoji_protocol::CanvasId;

/// Time for a page to close. It takes a few round trips; one that is still there then wants to be asked.
const DEPARTURE: Duration = Duration::from_secs(3);

/// The canvases without a window that were told to close.
#[derive(Debug, Default)]
pub(super) struct Departed(Vec<(CanvasId, Instant)>);

impl Departed {
    /// The window of this canvas is gone, and its page was told to close.
    pub(super) fn add(&mut self, canvas: CanvasId, now: Instant) {
        self.0.push((canvas, now + DEPARTURE));
    }

    /// Whether this canvas needs no window now.
    pub(super) fn has(&self, canvas: CanvasId) -> bool {
        self.0.iter().any(|(departed, _)| *departed == canvas)
    }

    /// All of them.
    pub(super) fn canvases(&self) -> Vec<CanvasId> {
        self.0.iter().map(|(canvas, _)| *canvas).collect()
    }

    /// Forgets the canvases that are closed.
    pub(super) fn keep(&mut self, is_open: impl Fn(CanvasId) -> bool) {
        self.0.retain(|(canvas, _)| is_open(*canvas));
    }

    /// Forgets those that did not close in time; says whether there were any.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let before = self.0.len();
        self.0.retain(|(_, until)| now < *until);
        self.0.len() < before
    }

    /// When to ask [`expire`](Self::expire) again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().map(|(_, until)| *until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_stays_away_while_its_page_may_close_and_comes_back_after_that() {
        let begun = Instant::now();
        let mut departed = Departed::default();
        departed.add(CanvasId(2), begun);
        assert!(!departed.expire(begun + DEPARTURE / 2) && departed.has(CanvasId(2)));
        assert_eq!(departed.next(), Some(begun + DEPARTURE));
        assert!(departed.expire(begun + DEPARTURE) && !departed.has(CanvasId(2)));
        assert_eq!(departed.next(), None);
    }

    #[test]
    fn a_closed_page_is_forgotten() {
        let begun = Instant::now();
        let mut departed = Departed::default();
        departed.add(CanvasId(2), begun);
        departed.keep(|canvas| canvas != CanvasId(2));
        assert!(!departed.expire(begun + DEPARTURE));
    }
}
