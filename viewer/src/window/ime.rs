//! The PC's input method: what it composes and commits becomes input, and its candidates open at the browser's caret.
//!
//! Owns what is being composed right now. It must never let a text come twice: what the session took as finished (the
//! keyboard went elsewhere, a click, a lost connection) is not taken from the input method again. And it must never open the
//! input method where a secret is typed.
//!
//! Where typed text goes is known one round trip late, and what is typed meanwhile can be decided on only once: the window library
//! gives no key back to an input method, and what one composed are no keys any more. Coming from nowhere, a click or Tab may as well
//! lead to a password as to a text, so the input method stays closed until the host has told which: the first keys of somebody who is
//! faster than the link come as plain letters, which are seen and can be typed again; a password that an input method has seen
//! cannot be taken back, and its first letters would be missing. Only after keys by which the browser itself takes a text, as
//! Ctrl+L for an address, the input method opens at once ([`Composer::expect`]): no secret is typed there, and it is the place that
//! people go to by keys and type on without a pause. From field to field it stays open, as it must for a form to be filled in at
//! speed; there what was composed before the host tells of a secret goes to nobody.

use std::time::{Duration, Instant};

use shoji_protocol::{CanvasId, Input, PreeditCursor, Text, TextField, TextOffset, TextPlace, limits};
use winit::{
    dpi::{PhysicalPosition, PhysicalSize},
    event::Ime as Event,
    window::WindowId,
};

use super::{app::App, pane::Pane};
use crate::{scene::State, ui::image::Area};

/// How long the input method stays open without a field: a page that moves the keyboard between two fields closes one
/// before it opens the next, and whoever types on meanwhile means the next.
const LINGER: Duration = Duration::from_millis(150);

/// How long the input method stays open for a field that was asked for by keys and of which the host has not told: several round
/// trips of a slow link. A page may take those keys for itself, and then other keys are commands that must not be composed for long.
const EXPECTED: Duration = Duration::from_millis(300);

/// What is being composed, and whether the input method may compose at all.
#[derive(Default)]
pub(super) struct Composer {
    field: Option<(CanvasId, TextField)>,
    /// Not to be printed. Empty: nothing.
    composing: String,
    /// What the input method says belongs to a composition that is over, until it begins another.
    muted: bool,
    /// Since when there is no field although the input method is still open.
    left: Option<Instant>,
    /// Until when a field is expected of which the host has not told.
    expected: Option<Instant>,
}

/// What has to be done with the PC's input method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// It may compose.
    Open,
    /// It may not.
    Closed,
    /// It may compose, but has to give up what it composes now.
    Reset,
}

impl Composer {
    /// Follows where typed text goes; `None`: nowhere at all in this window.
    pub(super) fn follow(&mut self, place: TextPlace, now: Instant) -> Method {
        let field = match place {
            TextPlace::Field { canvas, field, .. } => Some((canvas, field)),
            TextPlace::Nowhere | TextPlace::Secret => None,
        };
        // What was composed in expectation of a field was composed for it.
        let is_new = field.is_some() && field != self.field && self.expected.is_none();
        if field.is_some() {
            (self.field, self.left, self.expected) = (field, None, None);
            return if is_new && self.give_up().is_some() { Method::Reset } else { Method::Open };
        }
        if place == TextPlace::Nowhere && self.expected.is_some_and(|until| now < until) {
            return Method::Open;
        }
        self.expected = None;
        if place == TextPlace::Secret || self.field.is_none() || !self.composing.is_empty() {
            self.give_up();
            (self.field, self.left) = (None, None);
            return Method::Closed;
        }
        if now < *self.left.get_or_insert(now) + LINGER {
            return Method::Open;
        }
        (self.field, self.left) = (None, None);
        Method::Closed
    }

    /// When to [`follow`](Self::follow) again although nothing happened.
    pub(super) fn next(&self) -> Option<Instant> {
        self.expected.or(self.left.map(|left| left + LINGER))
    }

    /// The browser was asked by keys for one of its own fields, which takes no secrets. Where there is a field, or a secret is
    /// typed, everything stays as it is until the host tells.
    pub(super) fn expect(&mut self, place: TextPlace, now: Instant) {
        if place == TextPlace::Nowhere {
            (self.expected, self.left, self.muted) = (Some(now + EXPECTED), None, false);
        }
    }

    fn takes_text(&self) -> bool {
        !self.muted && (self.field.is_some() || self.expected.is_some())
    }

    /// What is composed is over, whatever the input method says of it. Gives it, if there was anything.
    pub(super) fn give_up(&mut self) -> Option<String> {
        let text = std::mem::take(&mut self.composing);
        self.muted |= !text.is_empty();
        (!text.is_empty()).then_some(text)
    }

    fn is_composing(&self) -> bool {
        !self.composing.is_empty()
    }

    /// What is composed is finished as it is.
    pub(super) fn finish(&mut self) -> Vec<Input> {
        self.give_up().map_or(Vec::new(), |text| pieces(&text))
    }

    /// The input method is another one, or begins anew.
    pub(super) fn begin(&mut self) {
        self.muted = false;
    }

    /// It composes this now.
    pub(super) fn preedit(&mut self, text: &str, cursor: Option<(usize, usize)>) -> Option<Input> {
        if !self.takes_text() || (text.is_empty() && self.composing.is_empty()) {
            return None;
        }
        let text = &text[..text.floor_char_boundary(limits::MAX_TEXT)];
        text.clone_into(&mut self.composing);
        let offset = |at: usize| TextOffset::clamped(u16::try_from(at.min(text.len())).unwrap_or(u16::MAX));
        let cursor = cursor.filter(|_| !text.is_empty());
        let cursor = cursor.map(|(from, to)| PreeditCursor { from: offset(from), to: offset(to) });
        Some(Input::Preedit { text: Text::new(text).ok()?, cursor })
    }

    /// It is finished with this. More than one input where it is longer than a person makes at once.
    pub(super) fn commit(&mut self, text: &str) -> Vec<Input> {
        if !self.takes_text() {
            return Vec::new();
        }
        self.composing.clear();
        pieces(text)
    }
}

/// A text as the protocol carries it.
fn pieces(mut text: &str) -> Vec<Input> {
    let mut all = Vec::new();
    while !text.is_empty() {
        let (head, tail) = text.split_at(text.floor_char_boundary(limits::MAX_TEXT));
        all.extend(Text::new(head).ok().map(|text| Input::Commit { text }));
        text = tail;
    }
    all
}

impl App {
    /// Opens or closes the PC's input method for the window that has the keyboard, and shows it the caret.
    pub(super) fn follow_text_place(&mut self, now: Instant) {
        let Some(link) = self.link.clone() else { return };
        let (attached, place) = {
            let model = link.scene().lock();
            (matches!(model.state, State::Attached), model.text_place)
        };
        let Some(focused) = self.focused else { return };
        let is_free = attached && !self.front.is_open();
        if attached && !is_free {
            // What the viewer itself puts in front takes the keyboard: the page keeps what was composed for it.
            self.finish_composing(focused);
        }
        let Some(pane) = self.panes.iter_mut().find(|pane| pane.window.id() == focused) else { return };
        let here = |canvas: CanvasId| is_free && !pane.is_covered() && pane.canvas == Some(canvas);
        let place = match place {
            TextPlace::Field { canvas, .. } if !here(canvas) => TextPlace::Secret,
            _ if !is_free => TextPlace::Secret,
            place => place,
        };
        let was_composing = self.composer.is_composing();
        let method = self.composer.follow(place, now);
        if was_composing && !self.composer.is_composing() && attached {
            // The browser ended it in the field that it left; what it may show of it in the next is taken back.
            let text = Text::new("").expect("nothing is short enough");
            link.input(Input::Preedit { text, cursor: None });
        }
        match method {
            Method::Open => allow(pane, true),
            Method::Closed => allow(pane, false),
            Method::Reset => reset(pane),
        }
        if let TextPlace::Field { caret: Some(caret), .. } = place {
            let [x, y, width, height] = [caret.x, caret.y, caret.width, caret.height].map(|side| side.get().into());
            show_caret(pane, Area { x, y, width, height });
        }
    }

    /// The browser is asked by keys for one of its own fields: the input method opens before the host has told of it.
    pub(super) fn expect_field(&mut self, now: Instant) {
        let place = self.link.as_ref().map(|link| link.scene().lock().text_place);
        if let Some(place) = place {
            self.composer.expect(place, now);
            self.follow_text_place(now);
        }
    }

    /// The input method said something.
    pub(super) fn ime(&mut self, id: WindowId, event: &Event) {
        let inputs = match event {
            Event::Enabled => {
                self.composer.begin();
                return;
            }
            // What comes after the keyboard went was finished at the host when it went.
            _ if self.focused != Some(id) => return,
            Event::Preedit(text, cursor) => self.composer.preedit(text, *cursor).into_iter().collect(),
            Event::Commit(text) => self.composer.commit(text),
            // It closed by itself; after the viewer closed it nothing is left.
            Event::Disabled => self.composer.finish(),
        };
        if let Some(link) = &self.link {
            for input in inputs {
                link.input(input);
            }
        }
    }

    /// Somebody clicks, or the keyboard goes: what is composed is finished where it is, as in a local browser.
    pub(super) fn finish_composing(&mut self, id: WindowId) {
        let inputs = self.composer.finish();
        if inputs.is_empty() {
            return;
        }
        if let Some(link) = &self.link {
            for input in inputs {
                link.input(input);
            }
        }
        if let Some(pane) = self.pane(id) {
            reset(pane);
        }
    }
}

fn allow(pane: &mut Pane, allowed: bool) {
    if pane.ime_allowed != allowed {
        pane.ime_allowed = allowed;
        pane.window.set_ime_allowed(allowed);
        nudge(pane);
    }
}

/// Window systems have no word for "give up what you compose"; to be closed makes every input method do it.
fn reset(pane: &mut Pane) {
    pane.window.set_ime_allowed(false);
    pane.window.set_ime_allowed(true);
    pane.ime_allowed = true;
    nudge(pane);
}

/// On X11 the window library does what the input method is told only when the next event of a window comes, which may be
/// the first key for the field. A property that is set again makes one.
fn nudge(pane: &Pane) {
    if pane.is_x11() {
        pane.name();
    }
}

fn show_caret(pane: &mut Pane, caret: Area) {
    let Some(area) = pane.place_of(caret) else { return };
    if pane.caret == Some(area) {
        return;
    }
    pane.caret = Some(area);
    let (position, size) = candidates_at(area, pane.is_x11());
    pane.window.set_ime_cursor_area(position, size);
}

/// Where the input method is to open its candidates, in physical pixels of the window, for a caret that lies there.
fn candidates_at(caret: Area, is_x11: bool) -> (PhysicalPosition<u32>, PhysicalSize<u32>) {
    // On X11 only a point is told, and candidates open below it.
    let y = if is_x11 { caret.bottom() } else { caret.y };
    (PhysicalPosition::new(caret.x, y), PhysicalSize::new(caret.width, caret.height))
}

#[cfg(test)]
mod tests {
    use winit::dpi::LogicalPosition;

    use super::*;
    use crate::{ui::frame::Frame, window::compose::Placement};

    fn field(number: u32) -> TextPlace {
        TextPlace::Field { canvas: CanvasId(1), field: TextField(number), caret: None }
    }

    fn composer() -> (Composer, Instant) {
        let (mut composer, now) = (Composer::default(), Instant::now());
        assert_eq!(composer.follow(field(1), now), Method::Open);
        composer.begin();
        (composer, now)
    }

    fn texts(inputs: &[Input]) -> Vec<&str> {
        inputs
            .iter()
            .map(|input| match input {
                Input::Commit { text } | Input::Preedit { text, .. } => text.as_str(),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn what_is_composed_and_finished_goes_to_the_host() {
        let (mut composer, _) = composer();
        let Some(Input::Preedit { text, cursor: Some(cursor) }) = composer.preedit("しょうじ", Some((3, 99)))
        else {
            panic!("it is sent")
        };
        assert_eq!((text.as_str(), cursor.from.get(), cursor.to.get()), ("しょうじ", 3, 12));
        assert_eq!(composer.preedit("", None), Some(Input::Preedit { text: Text::new("").unwrap(), cursor: None }));
        assert_eq!(texts(&composer.commit("障子")), ["障子"]);
    }

    #[test]
    fn an_end_without_a_beginning_is_not_sent() {
        let (mut composer, _) = composer();
        assert_eq!(composer.preedit("", None), None);
        composer.preedit("し", None);
        composer.commit("詩");
        assert_eq!(composer.preedit("", None), None);
    }

    #[test]
    fn long_text_is_committed_in_pieces_and_long_composed_text_is_cut_between_characters() {
        let (mut composer, _) = composer();
        let long = "長".repeat(600);
        assert_eq!(texts(&composer.commit(&long)).concat(), long);
        let Some(Input::Preedit { text, .. }) = composer.preedit(&long, None) else { panic!("it is sent") };
        assert!(long.starts_with(text.as_str()) && text.as_str().len() == limits::MAX_TEXT);
    }

    #[test]
    fn what_the_session_finished_is_not_taken_again() {
        let (mut composer, _) = composer();
        composer.preedit("しょうじ", None);
        assert_eq!(texts(&composer.finish()), ["しょうじ"]);
        assert_eq!(composer.preedit("", None), None);
        assert!(composer.commit("しょうじ").is_empty(), "the input method's own end comes late");
        composer.begin();
        assert_eq!(texts(&composer.commit("次")), ["次"]);
        assert!(composer.finish().is_empty());
        assert_eq!(texts(&composer.commit("次")), ["次"], "nothing was composed, nothing is refused");
    }

    #[test]
    fn another_field_ends_what_is_composed_and_the_same_one_does_not() {
        let (mut composer, now) = composer();
        composer.preedit("しょ", None);
        assert_eq!(composer.follow(field(1), now), Method::Open);
        assert_eq!(composer.follow(field(2), now), Method::Reset);
        assert!(composer.commit("しょ").is_empty());
    }

    #[test]
    fn between_two_fields_the_input_method_stays_open_for_a_moment() {
        let (mut composer, now) = composer();
        assert_eq!(composer.follow(TextPlace::Nowhere, now), Method::Open);
        assert_eq!(composer.next(), Some(now + LINGER));
        assert_eq!(composer.follow(TextPlace::Nowhere, now + LINGER), Method::Closed);
        assert_eq!(composer.next(), None);
        assert_eq!(composer.follow(field(2), now), Method::Open);
        composer.follow(TextPlace::Nowhere, now);
        assert_eq!(composer.follow(field(3), now + LINGER), Method::Open);
        assert_eq!(composer.next(), None);
    }

    #[test]
    fn a_field_that_was_asked_for_by_keys_gets_what_is_composed_before_the_host_tells_of_it() {
        let (mut composer, now) = (Composer::default(), Instant::now());
        assert_eq!(composer.follow(TextPlace::Nowhere, now), Method::Closed);
        composer.expect(TextPlace::Nowhere, now);
        assert_eq!(composer.follow(TextPlace::Nowhere, now), Method::Open);
        composer.begin();
        assert!(composer.preedit("か", None).is_some());
        assert_eq!(composer.follow(field(1), now), Method::Open, "nothing is given up");
        assert!(composer.preedit("かん", None).is_some());
        assert_eq!(texts(&composer.commit("缶")), ["缶"]);
        assert_eq!(composer.next(), None);
        assert_eq!(composer.follow(field(2), now), Method::Open);
    }

    #[test]
    fn a_field_that_was_asked_for_and_does_not_come_closes_the_input_method_again() {
        let (mut composer, now) = (Composer::default(), Instant::now());
        composer.expect(TextPlace::Nowhere, now);
        composer.preedit("か", None);
        assert_eq!(composer.next(), Some(now + EXPECTED));
        assert_eq!(composer.follow(TextPlace::Nowhere, now + EXPECTED), Method::Closed);
        assert_eq!((composer.preedit("かん", None), composer.next()), (None, None));
        composer.begin();
        assert!(composer.commit("缶").is_empty());
    }

    #[test]
    fn a_secret_is_never_expected_to_be_a_field() {
        let (mut composer, now) = (Composer::default(), Instant::now());
        composer.expect(TextPlace::Secret, now);
        assert_eq!(composer.follow(TextPlace::Secret, now), Method::Closed);
        assert_eq!(composer.follow(TextPlace::Nowhere, now), Method::Closed, "it was not asked for from nowhere");
        composer.expect(TextPlace::Nowhere, now);
        composer.preedit("ひ", None);
        assert_eq!(composer.follow(TextPlace::Secret, now), Method::Closed);
        assert_eq!((composer.preedit("ひみ", None), composer.next()), (None, None));
        assert_eq!(composer.follow(TextPlace::Nowhere, now), Method::Closed);
    }

    #[test]
    fn the_candidates_open_at_the_caret_whatever_the_scale() {
        for (scale, logical) in [(1.0, (4.0 + 100.0, 22.0 + 200.0)), (2.0, (4.0 + 50.0, 22.0 + 100.0))] {
            // A session is rendered at the display's scale: its canvas has as many pixels as the window has for it.
            let frame = Frame::new(Frame::around((800, 600), scale), scale, false);
            let caret = Placement::new(frame.content(), (800, 600)).place_of(Area::new(100, 200, 2, 40));
            let (position, size) = candidates_at(caret, false);
            assert_eq!(size, PhysicalSize::new(2, 40));
            // Window systems that count in logical pixels are told by the window library in those.
            assert_eq!(position.to_logical::<f64>(scale), LogicalPosition::new(logical.0, logical.1));
            let (below, _) = candidates_at(caret, true);
            assert_eq!((below.x, below.y), (position.x, position.y + 40));
        }
    }

    #[test]
    fn a_secret_closes_the_input_method_at_once_and_nothing_of_it_is_sent() {
        let (mut composer, now) = composer();
        composer.preedit("ひ", None);
        assert_eq!(composer.follow(TextPlace::Secret, now), Method::Closed);
        assert_eq!(composer.preedit("ひみ", None), None);
        composer.begin();
        assert!(composer.commit("秘密").is_empty());
    }
}
