//! Held keys: a client repeats them by itself, and may do so only while the viewer says that they are still held.
//!
//! Owns until when that is believed. Pure: the time is an argument. Must never take a modifier for a key that repeats: what
//! follows it would mean something else.

use crate::types::{Key, Time};

/// How long a key counts as held after it went down, microseconds: less than the time after which clients repeat, so that a
/// release that is late costs no second letter.
const FIRST: u64 = 560_000;

/// How long it counts as held after the viewer said so, microseconds: three of the viewer's words, and one lost packet.
const AGAIN: u64 = 300_000;

/// How long after such a word a key that was lifted too early goes down again, microseconds: the release may follow in the
/// same late bunch, and then the key must not go down a second time.
const RETURN: u64 = 80_000;

/// Linux's codes of the keys that do not repeat: control, shift, alt, super, and the locks.
const MODIFIERS: [u16; 11] = [29, 42, 54, 56, 58, 69, 70, 97, 100, 125, 126];

/// The keys that repeat.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    held: Vec<Key>,
    /// Lifted here although the hand may still hold them.
    lifted: Vec<Key>,
    until: Time,
    /// When the lifted keys go down again.
    back_at: Option<Time>,
}

impl Holds {
    /// A key went down or up.
    pub(crate) fn take(&mut self, key: Key, pressed: bool, now: Time) {
        self.lifted.retain(|lifted| *lifted != key);
        self.held.retain(|held| *held != key);
        if self.lifted.is_empty() {
            self.back_at = None;
        }
        if pressed && !MODIFIERS.contains(&key.0) {
            self.held.push(key);
            self.until = self.until.max(Time(now.0.saturating_add(FIRST)));
        }
    }

    /// The viewer says that all keys that are down are held.
    pub(crate) fn confirm(&mut self, now: Time) {
        self.until = self.until.max(Time(now.0.saturating_add(AGAIN)));
        if !self.lifted.is_empty() {
            self.back_at.get_or_insert(Time(now.0.saturating_add(RETURN)));
        }
    }

    /// The keys that were lifted too early and go down again now.
    pub(crate) fn returning(&mut self, now: Time) -> Vec<Key> {
        match self.back_at {
            Some(at) if at <= now => {
                self.back_at = None;
                std::mem::take(&mut self.lifted)
            }
            _ => Vec::new(),
        }
    }

    /// When keys are to be lifted if nothing is said before.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let held = (!self.held.is_empty()).then_some(self.until);
        [held, self.back_at].into_iter().flatten().min()
    }

    /// The keys to be lifted now, because nobody says that they are held.
    pub(crate) fn expire(&mut self, now: Time) -> Vec<Key> {
        if now < self.until {
            return Vec::new();
        }
        std::mem::take(&mut self.held)
    }

    /// These were lifted by nobody's hand.
    pub(crate) fn remember(&mut self, keys: Vec<Key>) {
        self.lifted.extend(keys);
    }

    /// A hand lets go of everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Key = Key(30);
    const SHIFT: Key = Key(42);

    fn at(millis: u64) -> Time {
        Time(millis * 1_000)
    }

    #[test]
    fn a_key_whose_release_is_late_is_lifted_before_it_repeats() {
        let mut holds = Holds::default();
        holds.take(A, true, at(0));
        assert_eq!(holds.deadline(), Some(at(560)));
        assert!(holds.expire(at(559)).is_empty());
        let keys = holds.expire(at(560));
        assert_eq!(keys, [A]);
        holds.remember(keys);
        assert_eq!(holds.deadline(), None);
        holds.take(A, false, at(900));
        holds.confirm(at(901));
        assert_eq!(holds.deadline(), None, "it was let go");
    }

    #[test]
    fn a_key_that_is_said_to_be_held_stays_down_and_comes_back_if_the_word_was_late() {
        let mut holds = Holds::default();
        holds.take(A, true, at(0));
        for millis in (350..3_000).step_by(80) {
            assert!(holds.expire(at(millis)).is_empty());
            holds.confirm(at(millis));
        }
        let keys = holds.expire(at(4_000));
        assert_eq!(keys, [A]);
        holds.remember(keys);
        holds.confirm(at(4_100));
        assert_eq!(holds.deadline(), Some(at(4_180)));
        assert!(holds.returning(at(4_179)).is_empty());
        assert_eq!(holds.returning(at(4_180)), [A]);
    }

    #[test]
    fn a_word_and_a_release_that_come_late_together_press_nothing_again() {
        let mut holds = Holds::default();
        holds.take(A, true, at(0));
        let keys = holds.expire(at(560));
        holds.remember(keys);
        holds.confirm(at(700));
        holds.take(A, false, at(700));
        assert_eq!((holds.deadline(), holds.returning(at(9_000))), (None, Vec::new()));
    }

    #[test]
    fn a_modifier_is_never_lifted() {
        let mut holds = Holds::default();
        holds.take(SHIFT, true, at(0));
        assert_eq!(holds.deadline(), None);
        holds.take(A, true, at(0));
        assert_eq!(holds.expire(at(9_000)), [A]);
    }

    #[test]
    fn what_is_let_go_at_once_is_not_pressed_again() {
        let mut holds = Holds::default();
        holds.take(A, true, at(0));
        let keys = holds.expire(at(1_000));
        holds.remember(keys);
        holds.clear();
        holds.confirm(at(1_001));
        assert_eq!((holds.deadline(), holds.returning(at(9_000))), (None, Vec::new()));
    }
}
