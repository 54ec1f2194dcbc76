//! Keys that a hand holds down, and when the host is to be told that it still does.
//!
//! The browser repeats a held key by itself. If the word that a key was let go is late, it would go on repeating; so the host
//! lets it repeat only as long as it hears that the key is still held. Owns which keys are down. Must never say that a key is
//! held which is not.

use crate::time::Instant;
use crate::{Input, Key, limits};
use alloc::vec::Vec;

#[derive(Debug)]
pub(crate) struct Held {
    keys: Vec<Key>,
    due: Instant,
}

impl Held {
    pub(crate) fn new(now: Instant) -> Self {
        Self { keys: Vec::new(), due: now }
    }

    /// An event leaves.
    pub(crate) fn take(&mut self, event: &Input, now: Instant) {
        match *event {
            Input::Key { key, .. } if key.is_modifier() => {}
            Input::Key { key, pressed: true }
                if self.keys.len() < limits::MAX_HELD_KEYS && !self.keys.contains(&key) =>
            {
                self.keys.push(key);
                self.due = now + limits::HELD_FIRST;
            }
            Input::Key { key, pressed: false } => self.keys.retain(|held| *held != key),
            Input::Focus { canvas: None } => self.keys.clear(),
            _ => {}
        }
    }

    /// When to tell the host, if nothing is let go before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        (!self.keys.is_empty()).then_some(self.due)
    }

    /// The host is told now.
    pub(crate) fn told(&mut self, now: Instant) {
        self.due = now + limits::HELD_AGAIN;
    }
}
