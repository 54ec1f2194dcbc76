//! What was typed before its text field was ready: texts, and the keys behind them, in order.
//!
//! Owns the list, how long it may wait and how much may. It must never reorder what it holds, and never forget that a key
//! was let go: such a key would stay down for good.

use crate::limits::{MAX_WAITING_INPUT, MAX_WAITING_TEXT};
use crate::types::{Key, Time};

/// How long text waits for a field, microseconds: longer than a busy page needs to tell that a click focused one, and short
/// enough that keys behind text that no field wants, shortcuts among them, are not taken for lost.
const PATIENCE: u64 = 2_000_000;

/// Something typed.
pub(crate) enum Held {
    Text(String),
    Key(Key, bool),
}

/// What waits. Not to be printed: it may hold what somebody types.
#[derive(Default)]
pub(crate) struct Waiting {
    held: Vec<Held>,
    /// Bytes of all text.
    bytes: usize,
    /// Until when it waits for a field.
    until: Time,
    /// There was too much: no text is taken until then, lest a field get the tail of something without its head.
    full_until: Time,
}

impl Waiting {
    /// Until when something waits for a field.
    pub(crate) fn deadline(&self) -> Option<Time> {
        (!self.held.is_empty()).then_some(self.until)
    }

    /// Whether a key waits behind a text.
    pub(crate) fn holds_keys(&self) -> bool {
        self.held.iter().any(|held| matches!(held, Held::Key(..)))
    }

    /// Gives back what could not be held: more than somebody types, or text right after such an excess.
    pub(crate) fn hold(&mut self, held: Held, now: Time) -> Result<(), Held> {
        let bytes = if let Held::Text(text) = &held { text.len() } else { 0 };
        if self.held.len() >= MAX_WAITING_INPUT || self.bytes + bytes > MAX_WAITING_TEXT {
            self.full_until = self.until;
            return Err(held);
        }
        if bytes > 0 && now < self.full_until {
            return Err(held);
        }
        if self.held.is_empty() {
            self.until = Time(now.0.saturating_add(PATIENCE));
        }
        self.bytes += bytes;
        self.held.push(held);
        Ok(())
    }

    /// All of it, in order; nothing waits any more.
    pub(crate) fn take(&mut self) -> Vec<Held> {
        self.bytes = 0;
        std::mem::take(&mut self.held)
    }

    /// Another place is meant from now on: text for it is welcome.
    pub(crate) fn forget_excess(&mut self) {
        self.full_until = Time::default();
    }

    /// Keeps nothing but keys that were let go, and these for no longer; gives the number of texts that are lost by it.
    pub(crate) fn keep_releases(&mut self) -> usize {
        let texts = self.held.iter().filter(|held| matches!(held, Held::Text(_))).count();
        self.held.retain(|held| matches!(held, Held::Key(_, false)));
        (self.bytes, self.until) = (0, Time::default());
        self.forget_excess();
        texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: usize) -> Held {
        Held::Text("x".repeat(bytes))
    }

    #[test]
    fn what_follows_an_excess_is_refused_until_the_first_would_have_been_given_up() {
        let mut waiting = Waiting::default();
        let start = Time(5);
        assert!(waiting.hold(text(MAX_WAITING_TEXT), start).is_ok());
        assert!(waiting.hold(text(1), Time(6)).is_err());
        assert_eq!(waiting.take().len(), 1);
        assert!(waiting.hold(text(1), Time(5 + PATIENCE - 1)).is_err(), "a tail without its head");
        assert!(waiting.hold(text(1), Time(5 + PATIENCE)).is_ok());
    }

    #[test]
    fn another_place_takes_text_at_once_after_an_excess() {
        let mut waiting = Waiting::default();
        assert!(waiting.hold(text(MAX_WAITING_TEXT), Time(5)).is_ok());
        assert!(waiting.hold(text(1), Time(6)).is_err());
        waiting.take();
        waiting.forget_excess();
        assert!(waiting.hold(text(1), Time(7)).is_ok());
    }

    #[test]
    fn of_what_waits_for_a_window_that_is_left_only_releases_stay() {
        let mut waiting = Waiting::default();
        for held in [text(1), Held::Key(Key(42), true), Held::Key(Key(42), false), text(2)] {
            assert!(waiting.hold(held, Time(5)).is_ok());
        }
        assert_eq!(waiting.keep_releases(), 2);
        assert!(matches!(waiting.take()[..], [Held::Key(Key(42), false)]));
    }
}
