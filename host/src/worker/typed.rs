//! What is owed to typed text: leave to draw its picture and an update to carry it, although a film fills the link.
//!
//! Pure bookkeeping; the time is an argument. Must never owe more than one key earns, or for longer than its picture takes, and
//! must never let the window be overrun by more than [`MOST_BEYOND`]: what goes beyond it makes everything behind it later.

use shoji_protocol::Input;

/// Leaves to draw, and updates, that a key earns. The browser has up to two pictures of a film under way before it takes the
/// key up, and may draw the key and what it changes around it one after the other.
const EARNED: u8 = 5;

/// A browser that draws later than this after a key is not echoing it, microseconds: from a key to its pixels it takes 6 ms, and a
/// page that is busy with a film takes some tens.
const OWED_FOR: u64 = 250_000;

/// The soft budget of an update beyond the window, bytes: some typed characters with the line around them, exact. On 2 Mbit/s
/// it takes 4 ms.
pub(super) const BEYOND_BUDGET: usize = 1024;

/// Bytes that may go beyond the window before it opens again. On 2 Mbit/s this is 16 ms of queue: less than the window's own
/// headroom, and less than typing would lose by waiting for the window.
const MOST_BEYOND: usize = 4 * BEYOND_BUDGET;

/// What one canvas owes to what was typed on it.
#[derive(Debug, Default)]
pub(super) struct Typed {
    leaves: u8,
    updates: u8,
    /// When nothing is owed any more, microseconds.
    until: u64,
    /// Bytes that went beyond the window since it was last open.
    beyond: usize,
    /// The canvas's whole picture left: what comes now is small.
    whole_left: bool,
}

impl Typed {
    /// Something was typed at `now`.
    pub(super) fn earn(&mut self, now: u64) {
        (self.leaves, self.updates, self.until) = (EARNED, EARNED, now + OWED_FOR);
    }

    /// The whole picture comes anew: until it left nothing is owed, since it is large and shows what was typed.
    pub(super) fn start_over(&mut self) {
        (self.leaves, self.updates, self.whole_left) = (0, 0, false);
    }

    /// Whether the browser may draw although the link is full.
    pub(super) fn owes_leave(&self, now: u64) -> bool {
        self.leaves > 0 && self.owes_update(now)
    }

    /// Whether an update may go although the link is full.
    pub(super) fn owes_update(&self, now: u64) -> bool {
        self.updates > 0 && now < self.until && self.beyond < MOST_BEYOND && self.whole_left
    }

    /// The browser got leave to draw, owed or not.
    pub(super) fn leave_given(&mut self) {
        self.leaves = self.leaves.saturating_sub(1);
    }

    /// A picture of so many bytes left; `beyond` the window, or within it.
    pub(super) fn update_left(&mut self, bytes: usize, beyond: bool) {
        self.whole_left = true;
        self.updates = self.updates.saturating_sub(1);
        self.beyond = if beyond { self.beyond + bytes } else { 0 };
    }
}

/// Whether an input is typed text whose picture somebody waits for.
pub(super) fn is_typed(input: &Input) -> bool {
    matches!(input, Input::Key { pressed: true, .. } | Input::Preedit { .. } | Input::Commit { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a canvas whose whole picture left.
    fn shown() -> Typed {
        let mut typed = Typed::default();
        typed.update_left(100_000, false);
        typed
    }

    #[test]
    fn a_key_earns_some_leaves_and_updates_and_they_do_not_add_up() {
        let mut typed = shown();
        assert!(!typed.owes_leave(0) && !typed.owes_update(0));
        typed.earn(0);
        typed.earn(1_000);
        for _ in 0..EARNED {
            assert!(typed.owes_leave(1_000) && typed.owes_update(1_000));
            typed.leave_given();
            typed.update_left(10, true);
        }
        assert!(!typed.owes_leave(1_000) && !typed.owes_update(1_000));
    }

    #[test]
    fn a_picture_drawn_in_time_and_within_the_window_pays_the_debt_too() {
        let mut typed = shown();
        typed.earn(0);
        for _ in 0..EARNED {
            typed.leave_given();
            typed.update_left(100_000, false);
        }
        assert!(!typed.owes_leave(1) && !typed.owes_update(1));
    }

    #[test]
    fn a_debt_lapses() {
        let mut typed = shown();
        typed.earn(1_000);
        assert!(typed.owes_leave(1_000 + OWED_FOR - 1));
        assert!(!typed.owes_leave(1_000 + OWED_FOR) && !typed.owes_update(1_000 + OWED_FOR));
    }

    #[test]
    fn nothing_is_owed_until_a_picture_that_starts_anew_has_left_within_the_window() {
        let mut typed = shown();
        typed.earn(1_000);
        typed.start_over();
        assert!(!typed.owes_leave(1_000) && !typed.owes_update(1_000));
        typed.earn(2_000);
        assert!(!typed.owes_leave(2_000) && !typed.owes_update(2_000));
        typed.update_left(100_000, false);
        typed.earn(3_000);
        assert!(typed.owes_leave(3_000) && typed.owes_update(3_000));
    }

    #[test]
    fn fast_typing_overruns_the_window_by_a_bounded_count_of_bytes() {
        let (mut typed, mut sent) = (shown(), 0);
        for now in 0..1_000 {
            typed.earn(now);
            if typed.owes_update(now) {
                typed.update_left(BEYOND_BUDGET + 200, true);
                sent += BEYOND_BUDGET + 200;
            }
        }
        assert!(sent < MOST_BEYOND + BEYOND_BUDGET + 200, "{sent}");
        // Leave to draw without an update to carry it would only make the browser busy.
        assert!(!typed.owes_leave(1_000));
        typed.update_left(50_000, false);
        typed.earn(1_001);
        assert!(typed.owes_leave(1_001) && typed.owes_update(1_001));
    }

    #[test]
    fn only_what_is_typed_earns() {
        let up = Input::Key { key: shoji_protocol::Key::clamped(30), pressed: false };
        assert!(!is_typed(&up) && !is_typed(&Input::PointerLeave) && !is_typed(&Input::Focus { canvas: None }));
    }
}
