//! What somebody tried and policy does not allow, as far as the worker can see it, and when that is told.
//!
//! Seen are keys that every browser prints by, and dialogs for files; nothing of a page is read. Pure bookkeeping; the time
//! is an argument, in microseconds.

use shoji_protocol::{Input, Notice};

use crate::limits;

/// Evdev numbers; P is at the same place in every layout.
const P: u16 = 25;
const CONTROL: [u16; 2] = [29, 97];
const ALT: [u16; 2] = [56, 100];

/// Which keys are down that matter here, and what was told when.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// Control and Alt, left and right.
    held: [bool; 4],
    told: [Option<u64>; 2],
}

impl Refusals {
    /// The viewer's hands did something: what is to be told of it.
    pub(super) fn input(&mut self, input: &Input, now: u64) -> Option<Notice> {
        match input {
            Input::Key { key, pressed } => {
                let code = key.get();
                if let Some(at) = CONTROL.iter().chain(&ALT).position(|of| *of == code) {
                    self.held[at] = *pressed;
                }
                let [left, right, alt, other] = self.held;
                let prints = code == P && *pressed && (left || right) && !(alt || other);
                if prints { self.tell(Notice::PolicyRefusedPrint, now) } else { None }
            }
            Input::Focus { .. } => {
                self.held = [false; 4];
                None
            }
            _ => None,
        }
    }

    /// A dialog that chooses files was closed before it could be seen: what is to be told of it.
    pub(super) fn dialog(&mut self, now: u64) -> Option<Notice> {
        self.tell(Notice::PolicyRefusedUpload, now)
    }

    fn tell(&mut self, notice: Notice, now: u64) -> Option<Notice> {
        let pause = u64::try_from(limits::REFUSAL_PAUSE.as_micros()).unwrap_or(u64::MAX);
        let told = &mut self.told[usize::from(notice == Notice::PolicyRefusedPrint)];
        if told.is_some_and(|told| now < told.saturating_add(pause)) {
            return None;
        }
        *told = Some(now);
        Some(notice)
    }
}

#[cfg(test)]
mod tests {
    use shoji_protocol::Key;

    use super::*;

    fn key(refusals: &mut Refusals, code: u16, pressed: bool, now: u64) -> Option<Notice> {
        refusals.input(&Input::Key { key: Key::new(code).unwrap(), pressed }, now)
    }

    #[test]
    fn keys_that_print_are_told_once_in_a_while_and_other_keys_never() {
        let mut refusals = Refusals::default();
        assert_eq!(key(&mut refusals, P, true, 0), None);
        for control in CONTROL {
            let now = refusals.told[1].map_or(0, |told| told + 5_000_000);
            key(&mut refusals, control, true, now);
            assert_eq!(key(&mut refusals, P, true, now), Some(Notice::PolicyRefusedPrint));
            assert_eq!(key(&mut refusals, P, false, now), None);
            assert_eq!(key(&mut refusals, P, true, now + 4_999_999), None);
            key(&mut refusals, control, false, now);
        }
        assert_eq!(key(&mut refusals, P, true, u64::MAX), None);
        key(&mut refusals, CONTROL[0], true, 0);
        key(&mut refusals, ALT[1], true, 0);
        assert_eq!(key(&mut refusals, P, true, u64::MAX), None, "AltGr types a sign");
        key(&mut refusals, ALT[1], false, 0);
        refusals.input(&Input::Focus { canvas: None }, 0);
        assert_eq!(key(&mut refusals, P, true, u64::MAX), None, "control was lifted with the keyboard's going");
    }

    #[test]
    fn a_dialog_is_told_of_whatever_was_told_of_printing() {
        let mut refusals = Refusals::default();
        key(&mut refusals, CONTROL[0], true, 0);
        key(&mut refusals, P, true, 0);
        assert_eq!(refusals.dialog(0), Some(Notice::PolicyRefusedUpload));
        assert_eq!(refusals.dialog(1), None);
        assert_eq!(refusals.dialog(5_000_000), Some(Notice::PolicyRefusedUpload));
    }
}
