//! One canvas as its worker keeps it: what the viewer was told, what it has not seen yet, and when the browser may draw.
//!
//! Pure bookkeeping around the encoder; the time is an argument.

use shoji_codec::{Encoder, Rect};
use shoji_compositor::{CanvasKind, Damage, Size, WindowState};
use shoji_protocol::{CanvasId, InputSequence};

use super::typed::{BEYOND_BUDGET, Typed};

/// Rectangles of damage that wait for the link. More are merged into the box around them: the encoder compares pixels
/// anyway, so a larger rectangle costs time and no bytes.
const MAX_DAMAGE: usize = 64;

/// Between two pictures that the browser draws while the rest of a change waits for the link, microseconds. Seldom enough that
/// the rest gets most of the link.
const MEANWHILE: u64 = 100_000;

/// How long a canvas has to rest before its digest is traced, microseconds: longer than the pauses of somebody who types and
/// than a caret's blinking. A digest takes milliseconds, which would be most of the CPU time that the trace is there to measure.
const REST: u64 = 600_000;

/// One canvas.
pub(super) struct Canvas {
    pub(super) kind: CanvasKind,
    pub(super) parent: Option<CanvasId>,
    pub(super) size: Size,
    pub(super) state: Option<WindowState>,
    pub(super) encoder: Encoder,
    /// The viewer knows that the canvas is open.
    pub(super) is_told: bool,
    /// The viewer does not know the window's state yet.
    pub(super) state_changed: bool,
    /// There is something to encode: new pixels, or a picture that was asked for again.
    pub(super) is_changed: bool,
    damage: Vec<Rect>,
    /// The encoder holds the rest of a large change back.
    pub(super) has_more: bool,
    /// A picture of which parts were sent and the last was not.
    pub(super) picture: Option<Picture>,
    /// The last picture took more than one part.
    pub(super) goes_in_parts: bool,
    /// When the newest pixels were noticed and composed, nanoseconds; for the trace.
    pub(super) noticed: u64,
    pub(super) composed: u64,
    /// The last input given to the browser before the newest pixels.
    pub(super) input: InputSequence,
    pub(super) last_update: u64,
    /// When that one was sent, microseconds.
    pub(super) updated: u64,
    pub(super) presented: u64,
    /// The last update after which "exact and presented" was traced.
    pub(super) rested: u64,
    /// The browser waits for leave to draw.
    pub(super) wants_frame: bool,
    /// When it last got leave, microseconds.
    frame_given: u64,
    /// What is owed to what was typed here.
    pub(super) typed: Typed,
}

/// A picture that goes in parts: the viewer presents and acknowledges it as one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picture {
    /// How many bytes it should have.
    pub(crate) budget: usize,
    /// It goes although the window is full.
    beyond: bool,
    bytes: usize,
    complete: bool,
}

impl Picture {
    pub(crate) fn new(budget: usize) -> Self {
        Self { budget, beyond: false, bytes: 0, complete: false }
    }

    /// One that is owed to what was typed, although the window is full.
    pub(super) fn beyond_the_window() -> Self {
        Self { beyond: true, ..Self::new(BEYOND_BUDGET) }
    }

    /// Takes a part in; whether another may follow. A picture over its budget ends, and the rest waits for the viewer's
    /// acknowledgement; but a canvas that starts anew is shown whole, unless it is larger than any picture may be.
    pub(crate) fn add(&mut self, bytes: usize, complete: bool) -> bool {
        self.bytes += bytes;
        self.complete |= complete;
        self.bytes < MAX_PICTURE && (self.complete || self.bytes < self.budget)
    }
}

/// No picture becomes larger than this by its parts: the viewer lets twice the largest update be on its way.
const MAX_PICTURE: usize = shoji_protocol::limits::MAX_UPDATE / 2;

impl Canvas {
    pub(super) fn new(kind: CanvasKind, parent: Option<CanvasId>, size: Size, encoder: Encoder) -> Self {
        Self {
            kind,
            parent,
            size,
            state: None,
            encoder,
            is_told: false,
            state_changed: false,
            is_changed: true,
            damage: Vec::new(),
            has_more: false,
            picture: None,
            goes_in_parts: false,
            noticed: 0,
            composed: 0,
            input: InputSequence::NONE,
            last_update: 0,
            updated: 0,
            presented: 0,
            rested: 0,
            wants_frame: false,
            frame_given: 0,
            typed: Typed::default(),
        }
    }

    /// A new viewer: it knows nothing of this canvas.
    pub(super) fn start_over(&mut self, encoder: Encoder) {
        self.encoder = encoder;
        self.is_told = false;
        self.state_changed = self.state.is_some();
        self.input = InputSequence::NONE;
        self.damage.clear();
        (self.has_more, self.picture, self.goes_in_parts) = (false, None, false);
        self.show_anew();
    }

    /// All of it has to be shown once more.
    pub(super) fn show_anew(&mut self) {
        self.is_changed = true;
        self.typed.start_over();
    }

    /// New pixels.
    pub(super) fn add_damage(&mut self, damage: &Damage) {
        self.is_changed = true;
        for rect in damage.rects() {
            self.damage.push(Rect { x: rect.x, y: rect.y, width: rect.width, height: rect.height });
        }
        if self.damage.len() > MAX_DAMAGE {
            let around = self.damage.iter().copied().reduce(union).expect("there is at least one");
            self.damage.clear();
            self.damage.push(around);
        }
    }

    /// The damage since the last update.
    pub(super) fn take_damage(&mut self) -> Vec<Rect> {
        self.is_changed = false;
        std::mem::take(&mut self.damage)
    }

    /// Gives back what [`Self::take_damage`] allocated.
    pub(super) fn recycle(&mut self, mut damage: Vec<Rect>) {
        if self.damage.is_empty() {
            damage.clear();
            self.damage = damage;
        }
    }

    /// When the browser may draw again; `None`: it does not want to.
    pub(super) fn frame_at(&self, interval: u64) -> Option<u64> {
        self.wants_frame.then_some(self.frame_given + interval)
    }

    /// Whether all of the last picture left and the browser may draw the next at `now`.
    pub(super) fn may_draw(&self, now: u64, interval: u64) -> bool {
        !self.is_changed && !self.has_more && self.frame_at(interval).is_some_and(|at| at <= now)
    }

    /// When the browser may draw although the rest of a large change still waits for a slow link: what is typed meanwhile, and a
    /// film, must not stand still until the last of a page's text has left. A picture that was begun is not made longer.
    pub(super) fn meanwhile_at(&self) -> Option<u64> {
        let waits = self.has_more && self.picture.is_none() && !self.is_changed;
        if waits { self.frame_at(MEANWHILE) } else { None }
    }

    /// When the browser may draw what was typed although the link is full, at `now` or later; `None`: nothing is owed, or what
    /// was drawn already goes first.
    pub(super) fn typed_at(&self, now: u64, interval: u64) -> Option<u64> {
        let is_owed = self.typed.owes_leave(now) && self.picture.is_none() && !self.is_changed;
        if is_owed { self.frame_at(interval) } else { None }
    }

    /// Whether what was drawn may go although the link is full, because it is owed to what was typed.
    pub(super) fn may_go_beyond(&self, now: u64) -> bool {
        self.is_changed && self.picture.is_none() && self.typed.owes_update(now)
    }

    /// All of a picture left.
    pub(super) fn picture_left(&mut self, picture: &Picture) {
        self.typed.update_left(picture.bytes, picture.beyond);
    }

    /// Whether the browser may draw the next picture while the last one is encoded. One that goes in parts is waited for: what
    /// is drawn meanwhile would make it longer. How this one will go is not known yet; most are like the one before.
    pub(super) fn may_draw_ahead(&self, now: u64, interval: u64) -> bool {
        !self.goes_in_parts && !self.has_more && self.frame_at(interval).is_some_and(|at| at <= now)
    }

    /// The browser got leave to draw at `now`. Being woken a little late does not shift the rhythm.
    pub(super) fn frame_done(&mut self, now: u64, interval: u64) {
        self.wants_frame = false;
        self.typed.leave_given();
        let due = self.frame_given + interval;
        self.frame_given = if now - due.min(now) < interval / 4 { due.min(now) } else { now };
    }

    /// When it will have rested for [`REST`], microseconds; `None` while the viewer does not show exactly what the browser
    /// drew, or if this was noted already.
    pub(super) fn rests_at(&self) -> Option<u64> {
        let rests = !self.is_changed
            && self.encoder.is_exact()
            && self.presented == self.last_update
            && self.rested != self.last_update;
        rests.then_some(self.updated + REST)
    }

    /// Whether it has rested long enough by `now`; `true` once per rest.
    pub(super) fn comes_to_rest(&mut self, now: u64) -> bool {
        let rests = self.rests_at().is_some_and(|at| at <= now);
        if rests {
            self.rested = self.last_update;
        }
        rests
    }
}

fn union(one: Rect, other: Rect) -> Rect {
    let (x, y) = (one.x.min(other.x), one.y.min(other.y));
    let right = (one.x + one.width).max(other.x + other.width);
    let bottom = (one.y + one.height).max(other.y + other.height);
    Rect { x, y, width: right - x, height: bottom - y }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas() -> Canvas {
        let encoder = Encoder::new(shoji_codec::Config::default()).unwrap();
        Canvas::new(CanvasKind::Window, None, Size::new(640, 480), encoder)
    }

    #[test]
    fn a_rest_is_noted_once_and_only_when_it_has_lasted() {
        let mut canvas = canvas();
        let pixels = vec![0; 64 * 64 * 4];
        let frame =
            shoji_codec::Frame { size: shoji_codec::Size { width: 64, height: 64 }, stride: 64 * 4, pixels: &pixels };
        let budget = shoji_codec::Budget { bytes: 1 << 20 };
        canvas.encoder.encode(frame, &[], budget, shoji_codec::Time(0), &mut Vec::new()).unwrap();
        canvas.take_damage();
        (canvas.last_update, canvas.presented, canvas.updated) = (1, 1, 5_000);
        assert!(!canvas.comes_to_rest(5_000 + REST - 1));
        assert!(canvas.comes_to_rest(5_000 + REST));
        assert!(!canvas.comes_to_rest(5_000 + 2 * REST));
    }

    #[test]
    fn a_picture_over_its_budget_ends_unless_its_canvas_starts_anew() {
        let mut picture = Picture::new(100);
        assert!(picture.add(60, false));
        assert!(!picture.add(60, false));
        let mut picture = Picture::new(100);
        assert!(picture.add(60, true) && picture.add(60, false));
        assert!(!picture.add(MAX_PICTURE, false));
    }

    #[test]
    fn a_change_after_idle_may_be_followed_at_once_and_then_at_the_rate() {
        let mut canvas = canvas();
        let interval = 16_667;
        canvas.wants_frame = true;
        assert!(canvas.frame_at(interval) <= Some(1_000_000));
        canvas.frame_done(1_000_000, interval);
        assert_eq!(canvas.frame_at(interval), None);
        canvas.wants_frame = true;
        assert_eq!(canvas.frame_at(interval), Some(1_016_667));
    }

    #[test]
    fn the_next_picture_may_be_drawn_while_one_is_encoded_unless_pictures_go_in_parts() {
        let mut canvas = canvas();
        let (now, interval) = (1_000_000, 16_667);
        assert!(!canvas.may_draw_ahead(now, interval), "the browser does not want to draw");
        canvas.wants_frame = true;
        assert!(canvas.is_changed && canvas.may_draw_ahead(now, interval) && !canvas.may_draw(now, interval));
        (canvas.has_more, canvas.goes_in_parts) = (true, true);
        canvas.take_damage();
        assert!(!canvas.may_draw_ahead(now, interval) && !canvas.may_draw(now, interval));
        canvas.has_more = false;
        assert!(!canvas.may_draw_ahead(now, interval) && canvas.may_draw(now, interval));
        canvas.goes_in_parts = false;
        canvas.frame_done(now, interval);
        canvas.wants_frame = true;
        assert!(!canvas.may_draw_ahead(now + 1, interval), "not more often than at the rate");
    }

    #[test]
    fn the_browser_draws_now_and_then_while_the_rest_of_a_change_waits() {
        let mut canvas = canvas();
        canvas.frame_done(1_000_000, MEANWHILE);
        canvas.take_damage();
        canvas.wants_frame = true;
        assert_eq!(canvas.meanwhile_at(), None, "nothing waits");
        canvas.has_more = true;
        assert_eq!(canvas.meanwhile_at(), Some(1_000_000 + MEANWHILE));
        canvas.picture = Some(Picture::new(1));
        assert_eq!(canvas.meanwhile_at(), None, "a picture that was begun is let through");
        (canvas.picture, canvas.is_changed) = (None, true);
        assert_eq!(canvas.meanwhile_at(), None, "what it drew goes first");
    }

    #[test]
    fn what_was_typed_is_drawn_and_goes_although_the_link_is_full() {
        let mut canvas = canvas();
        let (now, interval) = (1_000_000, 16_667);
        canvas.wants_frame = true;
        canvas.typed.earn(now);
        assert!(!canvas.may_go_beyond(now), "its first picture is large");
        canvas.take_damage();
        canvas.picture_left(&Picture::new(1));
        canvas.typed.earn(now);
        canvas.has_more = true;
        assert_eq!(canvas.typed_at(now, interval), canvas.frame_at(interval));
        canvas.frame_done(now, interval);
        canvas.is_changed = true;
        assert!(canvas.may_go_beyond(now) && canvas.typed_at(now, interval).is_none());
        canvas.picture = Some(Picture::beyond_the_window());
        assert!(!canvas.may_go_beyond(now), "a picture that was begun is not begun again");
        canvas.picture = None;
        canvas.show_anew();
        assert!(!canvas.may_go_beyond(now));
    }

    #[test]
    fn a_late_wake_up_does_not_shift_the_rhythm() {
        let mut canvas = canvas();
        let interval = 16_667;
        let mut now = 1_000_000;
        canvas.frame_done(now, interval);
        for _ in 0..60 {
            canvas.wants_frame = true;
            now = canvas.frame_at(interval).unwrap() + 900;
            canvas.frame_done(now, interval);
        }
        assert!(now < 1_000_000 + 60 * interval + 1_000, "{now}");
    }

    #[test]
    fn the_box_around_two_rectangles_holds_both() {
        let one = Rect { x: 1, y: 20, width: 3, height: 4 };
        let other = Rect { x: 10, y: 2, width: 5, height: 5 };
        assert_eq!(union(one, other), Rect { x: 1, y: 2, width: 14, height: 22 });
    }
}
