//! What the viewer says by itself when somebody tries what does not cross between the frame and this PC.
//!
//! Owns when that is said: from keys, the keyboard's coming and going, and what is dragged; never from a clipboard, of
//! which the viewer reads nothing. Pure: the time is an argument. Where policy is to let text cross one day, it begins
//! here: the same occasions are the ones at which a clipboard would be offered.

use std::time::{Duration, Instant};

use shoji_protocol::CursorShape;

use crate::texts::Text;

/// Whoever goes to another program so soon after copying means to paste there.
const SOON: Duration = Duration::from_secs(10);

/// The keyboard that leaves one window of the viewer for another is without a window for less than this.
const BETWEEN: Duration = Duration::from_millis(300);

/// What was said is not said again for so long: a person who works on knows it by then.
const ONCE: Duration = Duration::from_secs(60);

/// The same for what is one movement of the hand and comes as many events.
const MOVEMENT: Duration = Duration::from_secs(6);

/// Something that was tried and does not cross.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hint {
    /// To paste in the frame what was copied on this PC.
    Paste,
    /// To paste on this PC what was copied in the frame.
    Copy,
    /// To drop a file of this PC into the frame.
    File,
    /// To drag something out of the frame.
    Drag,
}

impl Hint {
    pub(super) fn text(self) -> Text {
        match self {
            Self::Paste => Text::HintPaste,
            Self::Copy => Text::HintCopy,
            Self::File => Text::HintFile,
            Self::Drag => Text::HintDrag,
        }
    }

    fn rest(self) -> Duration {
        match self {
            Self::Paste | Self::Copy => ONCE,
            Self::File | Self::Drag => MOVEMENT,
        }
    }
}

/// What was done lately that decides what is said.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// Something was copied in the frame since the keyboard came to it.
    copied: Option<Instant>,
    /// When the keyboard left, while it is not known where to.
    leaving: Option<Instant>,
    /// Something is dragged in the frame since a button went down.
    dragging: bool,
    told: [Option<Instant>; 4],
}

/// The chords that copy and paste in every browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chord {
    Copy,
    Paste,
}

impl Hints {
    fn tell(&mut self, hint: Hint, now: Instant) -> Option<Hint> {
        let told = &mut self.told[hint as usize];
        if told.is_some_and(|told| now < told + hint.rest()) {
            return None;
        }
        *told = Some(now);
        Some(hint)
    }

    /// A key went down in the frame.
    pub(super) fn key(&mut self, code: u16, is_down: impl Fn(u16) -> bool, now: Instant) -> Option<Hint> {
        match chord(code, is_down)? {
            Chord::Copy => {
                self.copied = Some(now);
                None
            }
            Chord::Paste if self.copied.is_none() => self.tell(Hint::Paste, now),
            Chord::Paste => None,
        }
    }

    /// The keyboard left a window of the viewer.
    pub(super) fn keyboard_left(&mut self, now: Instant) {
        self.leaving = Some(now);
    }

    /// The keyboard came to a window of the viewer.
    pub(super) fn keyboard_came(&mut self) {
        if self.leaving.take().is_none() {
            // From another program, where something newer may have been copied.
            self.copied = None;
        }
    }

    /// When [`due`](Self::due) is to be called.
    pub(super) fn next(&self) -> Option<Instant> {
        self.leaving.map(|left| left + BETWEEN)
    }

    /// The keyboard that left has come to no other window of the viewer: it is another program's now.
    pub(super) fn due(&mut self, now: Instant) -> Option<Hint> {
        let left = self.leaving.take_if(|left| *left + BETWEEN <= now)?;
        let copied = self.copied.take()?;
        if left < copied + SOON { self.tell(Hint::Copy, now) } else { None }
    }

    /// A file of this PC is over the window, or was dropped on it.
    pub(super) fn file(&mut self, now: Instant) -> Option<Hint> {
        self.tell(Hint::File, now)
    }

    /// A button went down.
    pub(super) fn pressed(&mut self) {
        self.dragging = false;
    }

    /// The pointer was moved with a button down and looks like this. A hand that grabs may as well move a map.
    pub(super) fn dragged(&mut self, shape: CursorShape) {
        use CursorShape as Shape;
        self.dragging |= matches!(
            shape,
            Shape::Copy | Shape::Alias | Shape::Move | Shape::NoDrop | Shape::NotAllowed | Shape::DndAsk
        );
    }

    /// The button was let go outside of the window.
    pub(super) fn dropped_outside(&mut self, now: Instant) -> Option<Hint> {
        if std::mem::take(&mut self.dragging) { self.tell(Hint::Drag, now) } else { None }
    }
}

fn chord(code: u16, is_down: impl Fn(u16) -> bool) -> Option<Chord> {
    const INSERT: u16 = 110;
    const DELETE: u16 = 111;
    const C: u16 = 46;
    const X: u16 = 45;
    const V: u16 = 47;
    let either = |left, right| is_down(left) || is_down(right);
    let (control, shift, alt) = (either(29, 97), either(42, 54), either(56, 100));
    match (code, control, shift, alt) {
        (C | X | INSERT, true, false, false) | (DELETE, false, true, false) => Some(Chord::Copy),
        // With Shift, without the look of what was copied.
        (V, true, _, false) | (INSERT, false, true, false) => Some(Chord::Paste),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(hints: &mut Hints, keys: &[u16], now: Instant) -> Option<Hint> {
        let (last, held) = keys.split_last().expect("a key");
        hints.key(*last, |code| held.contains(&code), now)
    }

    const COPY: [u16; 2] = [29, 46];
    const PASTE: [u16; 2] = [97, 47];

    #[test]
    fn pasting_after_coming_from_another_program_is_told_once_and_pasting_what_was_copied_inside_never() {
        let (mut hints, start) = (Hints::default(), Instant::now());
        hints.keyboard_came();
        assert_eq!(press(&mut hints, &[46], start), None);
        assert_eq!(press(&mut hints, &PASTE, start), Some(Hint::Paste));
        assert_eq!(press(&mut hints, &PASTE, start + MOVEMENT), None);
        assert_eq!(press(&mut hints, &[42, 110], start + ONCE), Some(Hint::Paste));
        assert_eq!(press(&mut hints, &COPY, start + ONCE), None);
        assert_eq!(press(&mut hints, &PASTE, start + 3 * ONCE), None);
        // To another program, long after copying, and back.
        hints.keyboard_left(start + 3 * ONCE);
        assert_eq!(hints.due(start + 3 * ONCE + BETWEEN), None);
        hints.keyboard_came();
        assert_eq!(press(&mut hints, &[29, 42, 47], start + 4 * ONCE), Some(Hint::Paste));
    }

    #[test]
    fn leaving_for_another_program_right_after_copying_is_told_and_for_another_window_is_not() {
        let (mut hints, start) = (Hints::default(), Instant::now());
        hints.keyboard_came();
        for copy in [&COPY[..], &[29, 45], &[29, 110], &[42, 111]] {
            press(&mut hints, copy, start);
            assert!(hints.copied.take().is_some(), "{copy:?}");
        }
        press(&mut hints, &COPY, start);
        hints.keyboard_left(start);
        assert_eq!(hints.due(start + BETWEEN / 2), None);
        hints.keyboard_came();
        assert_eq!((hints.next(), press(&mut hints, &PASTE, start)), (None, None));
        hints.keyboard_left(start);
        let due = hints.next().expect("it is to be looked at");
        assert_eq!(hints.due(due), Some(Hint::Copy));
        assert_eq!((hints.next(), hints.due(due)), (None, None));
    }

    #[test]
    fn a_file_and_a_drag_are_told_once_for_each_movement() {
        let (mut hints, start) = (Hints::default(), Instant::now());
        assert_eq!(hints.file(start), Some(Hint::File));
        assert_eq!(hints.file(start + MOVEMENT / 2), None);
        assert_eq!(hints.file(start + MOVEMENT), Some(Hint::File));
        hints.pressed();
        hints.dragged(CursorShape::Grabbing);
        assert_eq!(hints.dropped_outside(start), None, "a map was moved");
        hints.dragged(CursorShape::Alias);
        hints.pressed();
        assert_eq!(hints.dropped_outside(start), None);
        hints.dragged(CursorShape::Alias);
        assert_eq!((hints.dropped_outside(start), hints.dropped_outside(start)), (Some(Hint::Drag), None));
    }
}
