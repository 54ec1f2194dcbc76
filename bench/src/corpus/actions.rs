//! Owns how a script becomes input for the bare compositor, in a person's rhythm. Must never send anything itself.

use shoji_compositor::{Button, Key, Position, WheelSource};
use shoji_viewer::keys::{self, Layout};
use shoji_viewer::script::{Click, Line, Point, Step};

/// Between two keys of a quick typist, microseconds.
const KEY_PAUSE: u64 = 90_000;
/// How long a key is held, microseconds.
const KEY_HELD: u64 = 30_000;
/// Between two places of the pointer in a drag: a mouse of 125 Hz is faster, a frame is slower.
const DRAG_PAUSE: u64 = 12_000;
/// Places of a drag.
const DRAG_STEPS: u32 = 24;
/// Between two notches of a wheel, microseconds.
const NOTCH_PAUSE: u64 = 120_000;

/// One thing that happens, and how long after the one before it, in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Microseconds since the action before.
    pub after: u64,
    /// What happens.
    pub what: What,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A key goes down or up.
    Key(Key, bool),
    /// Text is committed.
    Commit(String),
    /// The pointer moves.
    Move(Position),
    /// A button goes down or up.
    Button(Button, bool),
    /// The wheel turns by so many 120ths of a notch.
    Wheel(i32, WheelSource),
    /// Nothing, until the picture has rested for so many microseconds.
    Quiet(u64),
    /// Nothing, until the picture has changed.
    Change,
}

/// Why a script cannot be recorded.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {0}: a clip has one size and is itself the picture; take `resize` and `screenshot` out of its script")]
pub struct NotForClips(pub usize);

/// The actions of a checked script.
///
/// # Errors
/// If a step makes no sense in a recording.
pub fn of(script: &[Line], layout: Layout) -> Result<Vec<Action>, NotForClips> {
    let mut all = Actions(Vec::new());
    for line in script {
        match &line.step {
            Step::Type(text) => all.text(text, layout),
            Step::Key(codes) => all.chord(codes),
            Step::Click(point, click) => {
                let (button, times) = match click {
                    Click::Left => (Button::Left, 1),
                    Click::Double => (Button::Left, 2),
                    Click::Right => (Button::Right, 1),
                    Click::Middle => (Button::Middle, 1),
                };
                all.add(0, What::Move(position(*point)));
                for _ in 0..times {
                    all.add(KEY_HELD, What::Button(button, true));
                    all.add(KEY_HELD, What::Button(button, false));
                }
            }
            Step::Move(point) => all.add(KEY_HELD, What::Move(position(*point))),
            Step::Drag(from, to) => {
                all.add(KEY_HELD, What::Move(position(*from)));
                all.add(KEY_HELD, What::Button(Button::Left, true));
                for step in 1..=DRAG_STEPS {
                    let part = f64::from(step) / f64::from(DRAG_STEPS);
                    let between = |from: f64, to: f64| (from + (to - from) * part).round();
                    let place = Point { x: between(from.x, to.x), y: between(from.y, to.y) };
                    all.add(DRAG_PAUSE, What::Move(position(place)));
                }
                all.add(KEY_HELD, What::Button(Button::Left, false));
            }
            Step::Scroll(point, notches) => {
                all.add(0, What::Move(position(*point)));
                let whole = notches.abs().ceil().max(1.0);
                #[expect(clippy::cast_possible_truncation, reason = "at most 1,000 notches of 120")]
                let (times, each) = (whole as u32, (notches * 120.0 / whole).round() as i32);
                for _ in 0..times {
                    all.add(NOTCH_PAUSE, What::Wheel(each, WheelSource::Wheel));
                }
            }
            Step::WaitQuiet(settle) => {
                all.add(0, What::Quiet(u64::try_from(settle.as_micros()).unwrap_or(u64::MAX)));
            }
            Step::WaitChange => all.add(0, What::Change),
            Step::Resize(..) | Step::Screenshot(_) => return Err(NotForClips(line.line)),
        }
    }
    Ok(all.0)
}

fn position(point: Point) -> Position {
    Position::new(point.x, point.y)
}

struct Actions(Vec<Action>);

impl Actions {
    fn add(&mut self, after: u64, what: What) {
        self.0.push(Action { after, what });
    }

    fn chord(&mut self, codes: &[u16]) {
        for (i, &code) in codes.iter().enumerate() {
            self.add(if i == 0 { KEY_PAUSE } else { 0 }, What::Key(Key(code), true));
        }
        for (i, &code) in codes.iter().rev().enumerate() {
            self.add(if i == 0 { KEY_HELD } else { 0 }, What::Key(Key(code), false));
        }
    }

    fn text(&mut self, text: &str, layout: Layout) {
        let mut commit = String::new();
        for char in text.chars() {
            match keys::of_char(char, layout) {
                Some(stroke) => {
                    self.commit(&mut commit);
                    let both = [keys::SHIFT, stroke.code];
                    self.chord(if stroke.shift { &both } else { &both[1..] });
                }
                None => commit.push(char),
            }
        }
        self.commit(&mut commit);
    }

    fn commit(&mut self, text: &mut String) {
        if !text.is_empty() {
            self.add(KEY_PAUSE, What::Commit(std::mem::take(text)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shoji_viewer::script::parse;

    fn actions(script: &str) -> Result<Vec<Action>, NotForClips> {
        of(&parse(script, Layout::Jp).expect("a valid script"), Layout::Jp)
    }

    #[test]
    fn latin_letters_are_keys_and_japanese_is_committed() {
        let all = actions("type \"aB市\"").expect("it can be recorded");
        let keys: Vec<_> = all.iter().filter(|a| matches!(a.what, What::Key(..))).collect();
        assert_eq!(keys.len(), 6, "a, and B with its shift, each down and up");
        assert_eq!(all.last().map(|a| &a.what), Some(&What::Commit("市".into())));
    }

    #[test]
    fn notches_come_one_by_one() {
        let all = actions("scroll 10 10 3").expect("it can be recorded");
        let turns = all.iter().filter(|a| a.what == What::Wheel(120, WheelSource::Wheel)).count();
        assert_eq!(turns, 3);
    }

    #[test]
    fn a_clip_cannot_change_its_size() {
        assert_eq!(actions("wait quiet\nresize 800 600"), Err(NotForClips(2)));
    }
}
