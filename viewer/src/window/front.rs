//! What lies in front of the page and takes the hands before it does: the menu, its button, and the help card.
//!
//! Owns which of them is open in which window, and what choosing means for window and session. While one is open no key
//! and no click reaches the page; what was down at the host is lifted when it opens, and releases go their usual way, so
//! that none is lost. What can be chosen is decided by [`menu`], how it looks by [`ui`](crate::ui).

use std::time::{Duration, Instant};

use shoji_protocol::{Input, Key, Position, TouchPhase as Phase, WindowState};
use winit::{
    dpi::PhysicalPosition,
    event::{ElementState, KeyEvent, MouseButton, MouseScrollDelta, TouchPhase, WindowEvent},
    event_loop::ActiveEventLoop,
    window::{CursorIcon, WindowId},
};

use super::{
    app::App,
    input::{Shortcut, keys_of},
    menu::{self, Choice, Combination, Facts, Menu, MenuKey, Opener, Opens, Outcome},
    pane::{Overlay, Pane},
};
use crate::{
    keys,
    memory::Memory,
    scene::State,
    ui::{
        frame,
        help::{self, Words},
        image::Area,
        menu as look,
    },
};

/// How long the pointer rests at the upper edge in full screen until the button comes: whoever passes it on the way to
/// the browser's tabs takes less.
const REST: Duration = Duration::from_millis(250);

/// What is open.
#[derive(Debug)]
enum Open {
    /// The menu, where its rows are in the window, the whole of it, and how it was drawn.
    Menu { menu: Menu, rows: Vec<(usize, Area)>, area: Area, first: usize, facts: Facts },
    /// The help card.
    Help,
}

/// The button that hangs from the upper edge in full screen.
#[derive(Debug, Clone, Copy)]
enum Tab {
    /// The pointer is at the edge since a while; the button comes then.
    Resting(WindowId, Instant),
    /// It is there.
    Shown(WindowId),
}

/// Everything in front of the pages of a session.
#[derive(Debug, Default)]
pub(super) struct Front {
    opener: Opener,
    shortcuts: bool,
    zoom: u16,
    memory: Option<Memory>,
    /// The help card that is open is the one of the first start.
    explains: bool,
    open: Option<(WindowId, Open)>,
    /// Where the pointer is.
    pointer: Option<(WindowId, f64, f64)>,
    /// The button that the pointer is over, and in which window.
    lit: Option<WindowId>,
    tab: Option<Tab>,
    wheel: f64,
    stale: bool,
}

impl Front {
    pub(super) fn new(key: MenuKey, shortcuts: bool, memory: Option<Memory>) -> Self {
        let key = if shortcuts { key } else { MenuKey::None };
        let zoom = memory.as_ref().and_then(|memory| memory.zoom(&menu::ZOOMS)).unwrap_or(menu::ZOOMS[0]);
        Self { opener: Opener::new(key), shortcuts, zoom, memory, ..Self::default() }
    }

    /// How large the person wants the session, as a factor of the display's scale.
    pub(super) fn zoom(&self) -> f64 {
        f64::from(self.zoom) / 100.0
    }

    /// Whether something is open, so that the page gets no hands.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    fn is_open_in(&self, id: WindowId) -> bool {
        self.open.as_ref().is_some_and(|(window, _)| *window == id)
    }

    fn at(&self, id: WindowId) -> Option<(f64, f64)> {
        self.pointer.and_then(|(window, x, y)| (window == id).then_some((x, y)))
    }
}

fn holds(area: Area, (x, y): (f64, f64)) -> bool {
    f64::from(area.x) <= x && x < f64::from(area.right()) && f64::from(area.y) <= y && y < f64::from(area.bottom())
}

impl App {
    /// Shows the help card where the program starts for the first time.
    pub(super) fn welcome(&mut self) {
        let first = self.front.memory.as_ref().is_some_and(|memory| !memory.has_explained());
        if first && let Some(id) = self.panes.first().map(|pane| pane.window.id()) {
            self.front.explains = true;
            self.bring(id, Open::Help);
        }
    }

    /// Looks at an event before the page may have it; `true` means that the page must not.
    pub(super) fn front_takes(&mut self, events: &ActiveEventLoop, id: WindowId, event: &WindowEvent) -> bool {
        match event {
            WindowEvent::KeyboardInput { event, is_synthetic, .. } => {
                !(*is_synthetic && event.state == ElementState::Pressed) && self.front_key(events, id, event)
            }
            WindowEvent::CursorMoved { position, .. } => self.front_motion(events, id, (position.x, position.y)),
            WindowEvent::CursorLeft { .. } => {
                self.front.pointer = None;
                self.light(events, id, false);
                self.drop_tab();
                false
            }
            WindowEvent::MouseInput { state, button, .. } => {
                self.front.opener.interrupt();
                let at = self.front.at(id);
                self.front_press(events, id, *button == MouseButton::Left, state.is_pressed(), at)
            }
            WindowEvent::MouseWheel { delta, .. } => self.front_wheel(events, id, delta),
            WindowEvent::Touch(touch) => {
                let at = (touch.location.x, touch.location.y);
                match touch.phase {
                    TouchPhase::Started => self.front_press(events, id, true, true, Some(at)),
                    TouchPhase::Ended => self.front_press(events, id, true, false, Some(at)),
                    TouchPhase::Moved | TouchPhase::Cancelled => self.front.is_open_in(id),
                }
            }
            WindowEvent::Ime(_) => self.front.is_open_in(id),
            WindowEvent::Focused(focused) => {
                self.front.opener.interrupt();
                if !focused && matches!(&self.front.open, Some((window, Open::Menu { .. })) if *window == id) {
                    self.put_away(events);
                }
                false
            }
            WindowEvent::Resized(_) | WindowEvent::ScaleFactorChanged { .. } => {
                self.front.stale = true;
                false
            }
            _ => false,
        }
    }

    fn front_key(&mut self, events: &ActiveEventLoop, id: WindowId, event: &KeyEvent) -> bool {
        let Some(code) = keys::of_window(event.physical_key) else { return self.front.is_open_in(id) };
        let pressed = event.state.is_pressed();
        if !self.front.is_open_in(id) {
            if event.repeat {
                return false;
            }
            let opens = self.front.opener.key(code, pressed, |code| self.keyboard.is_down(code));
            if opens == Opens::Now {
                self.open_menu(id);
            }
            // A key that opens when it comes up was the page's when it went down.
            return opens == Opens::Now;
        }
        if !pressed {
            // What is down at the host is lifted there; nothing else is told of it.
            return false;
        }
        let is_opener = self.front.opener.is(code);
        match &mut self.front.open {
            Some((_, Open::Menu { menu, facts, .. })) => {
                let outcome = match (is_opener, event.repeat) {
                    (true, false) => Outcome::Closed,
                    (true, true) => Outcome::Nothing,
                    (false, repeat) => menu.key(code, repeat, facts),
                };
                self.follow(events, id, outcome);
            }
            Some((_, Open::Help)) if !event.repeat => self.put_away(events),
            _ => {}
        }
        true
    }

    fn front_motion(&mut self, events: &ActiveEventLoop, id: WindowId, at: (f64, f64)) -> bool {
        self.front.pointer = Some((id, at.0, at.1));
        match &mut self.front.open {
            Some((window, open)) if *window == id => {
                if let Open::Menu { menu, rows, .. } = open {
                    let row = rows.iter().find(|(_, area)| holds(*area, at)).map(|(row, _)| *row);
                    let outcome = menu.over(row);
                    self.follow(events, id, outcome);
                }
                return true;
            }
            _ => {}
        }
        if self.locked.is_some() {
            return false;
        }
        let Some(pane) = self.panes.iter().find(|pane| pane.window.id() == id) else { return false };
        let held = pane.buttons.any();
        let tab = pane.overlay_area(Overlay::Tab);
        let (on_tab, on_button) = (tab.is_some_and(|area| holds(area, at)), holds(pane.button(), at));
        let at_edge = pane.button().is_empty() && at.1 < f64::from(pane.content().y);
        self.light(events, id, !held && (on_tab || on_button));
        match (&self.front.tab, at_edge && !held) {
            (None, true) => self.front.tab = Some(Tab::Resting(id, Instant::now() + REST)),
            (Some(Tab::Resting(..)), false) => self.front.tab = None,
            (Some(Tab::Shown(_)), false) if !on_tab => self.drop_tab(),
            _ => {}
        }
        if on_tab && !held {
            self.pointer_left(id);
        }
        on_tab && !held
    }

    fn front_press(
        &mut self,
        events: &ActiveEventLoop,
        id: WindowId,
        main: bool,
        pressed: bool,
        at: Option<(f64, f64)>,
    ) -> bool {
        if self.front.is_open_in(id) {
            let outcome = match &mut self.front.open {
                Some((_, Open::Menu { menu, rows, area, facts, .. })) if main => {
                    let row = at.and_then(|at| rows.iter().find(|(_, area)| holds(*area, at)).map(|(row, _)| *row));
                    let inside = at.is_some_and(|at| holds(*area, at));
                    if pressed { menu.press(inside.then_some(row)) } else { menu.release(row, facts) }
                }
                Some((_, Open::Help)) if pressed => Outcome::Closed,
                _ => Outcome::Nothing,
            };
            self.follow(events, id, outcome);
            return true;
        }
        let Some(pane) = self.panes.iter().find(|pane| pane.window.id() == id) else { return false };
        let on = at.is_some_and(|at| {
            holds(pane.button(), at) || pane.overlay_area(Overlay::Tab).is_some_and(|area| holds(area, at))
        });
        if !on || pane.buttons.any() || self.locked.is_some() {
            return false;
        }
        if main && pressed {
            self.open_menu(id);
        }
        true
    }

    fn front_wheel(&mut self, events: &ActiveEventLoop, id: WindowId, delta: &MouseScrollDelta) -> bool {
        if !self.front.is_open_in(id) {
            return false;
        }
        self.front.wheel += match delta {
            MouseScrollDelta::LineDelta(_, y) => f64::from(*y),
            MouseScrollDelta::PixelDelta(by) => by.y / 32.0,
        };
        let rows = self.front.wheel.clamp(-1.0, 1.0).trunc();
        if rows != 0.0 {
            self.front.wheel = 0.0;
            if let Some((_, Open::Menu { menu, facts, .. })) = &mut self.front.open {
                // The wheel counts where the rows go, the menu where the choice goes.
                let outcome = menu.turn(if rows < 0.0 { 1 } else { -1 }, facts);
                self.follow(events, id, outcome);
            }
        }
        true
    }

    fn follow(&mut self, events: &ActiveEventLoop, id: WindowId, outcome: Outcome) {
        match outcome {
            Outcome::Nothing => {}
            Outcome::Changed => self.draw_front(),
            Outcome::Closed => self.put_away(events),
            Outcome::Do(choice) => {
                self.put_away(events);
                self.carry_out(id, choice);
            }
            Outcome::Try(choice) => {
                self.carry_out(id, choice);
                self.draw_front();
            }
        }
    }

    fn carry_out(&mut self, id: WindowId, choice: Choice) {
        match choice {
            Choice::Fullscreen => {
                let by_page = self.pane(id).is_some_and(|pane| pane.wished == Some(WindowState::Fullscreen));
                if by_page {
                    // The browser asked for it, so the browser has to leave it: its own key does that.
                    self.send_keys(Combination::F11);
                }
                if !by_page || self.pane(id).is_some_and(|pane| pane.local_fullscreen) {
                    self.shortcut(Shortcut::Fullscreen, id);
                }
            }
            Choice::Details => self.shortcut(Shortcut::Details, id),
            Choice::Help => self.bring(id, Open::Help),
            Choice::Zoom(zoom) => {
                self.front.zoom = zoom;
                if let Some(memory) = &self.front.memory {
                    memory.keep_zoom(zoom);
                }
                self.tell_sizes();
            }
            Choice::Send(keys) => self.send_keys(keys),
            Choice::End => {
                if let Some(link) = &self.link {
                    link.end();
                    // The end that comes now is the one that was asked for.
                    self.closing = Some(Instant::now());
                }
            }
            // The menu's own business.
            Choice::Page(_) | Choice::Back | Choice::Sound => {}
        }
    }

    /// Presses and lifts keys as if they had been struck.
    fn send_keys(&self, keys: Combination) {
        let Some(link) = &self.link else { return };
        let codes = keys.codes();
        let strokes = codes.iter().map(|code| (code, true)).chain(codes.iter().rev().map(|code| (code, false)));
        for (&code, pressed) in strokes {
            if let Ok(key) = Key::new(code) {
                link.input(Input::Key { key, pressed });
            }
        }
    }

    /// Tells the host every window's size and scale where they are others than it knows.
    fn tell_sizes(&mut self) {
        for at in 0..self.panes.len() {
            let size = self.panes[at].window.inner_size();
            let id = self.panes[at].window.id();
            self.resized(id, size);
        }
    }

    fn open_menu(&mut self, id: WindowId) {
        let Some(facts) = self.facts(id) else { return };
        let menu = Menu::new();
        self.bring(id, Open::Menu { menu, rows: Vec::new(), area: Area::default(), first: 0, facts });
    }

    /// Puts something in front of a window's page. Nothing stays down at the host.
    fn bring(&mut self, id: WindowId, open: Open) {
        let link = self.link.clone();
        let mut inputs = self.keyboard.lift();
        self.drop_tab();
        if let Some(pane) = self.panes.iter_mut().find(|pane| pane.window.id() == id) {
            inputs.extend(pane.buttons.lift());
            if let Some(canvas) = pane.canvas {
                let position = Position::from_pixels(0.0, 0.0);
                let cancel = |finger| Input::Touch { finger, phase: Phase::Cancel, canvas, position };
                inputs.extend(pane.fingers.lift_all().into_iter().map(cancel));
            }
            pane.window.set_cursor(CursorIcon::Default);
            pane.window.set_cursor_visible(true);
        }
        if let Some(link) = link {
            for input in inputs {
                link.input(input);
            }
        }
        self.pointer_left(id);
        self.front.lit = None;
        self.front.wheel = 0.0;
        self.front.open = Some((id, open));
        self.follow_lock(None);
        self.redraw_bar(id);
        self.draw_front();
    }

    /// Gives the hands back to the page.
    fn put_away(&mut self, events: &ActiveEventLoop) {
        let Some((id, open)) = self.front.open.take() else { return };
        if matches!(open, Open::Help)
            && std::mem::take(&mut self.front.explains)
            && let Some(memory) = &self.front.memory
        {
            memory.explained();
        }
        if let Some(pane) = self.pane(id) {
            pane.place(Overlay::Front, None);
        }
        self.redraw_bar(id);
        self.forget_pointer_shape();
        self.reconcile(events);
        if let Some((x, y)) = self.front.at(id) {
            // The page was told that the pointer left; a click without a motion has to reach it.
            self.pointer_moved(id, PhysicalPosition::new(x, y));
        }
    }

    /// Draws what is open anew.
    fn draw_front(&mut self) {
        self.front.stale = false;
        let Some((id, mut open)) = self.front.open.take() else { return };
        let now = self.facts(id);
        let Some(at) = self.panes.iter().position(|pane| pane.window.id() == id) else { return };
        let pane = &mut self.panes[at];
        let (content, scale) = (pane.content(), pane.scale());
        match &mut open {
            Open::Menu { menu, rows, area, first, facts } => {
                *facts = now.unwrap_or(*facts);
                let room = (content.width, content.height);
                let sheet = look::draw(&mut self.painter, &menu.page(facts, self.language), room, *first, scale);
                let (width, height) = (sheet.image.width(), sheet.image.height());
                let button = pane.button();
                // Below its button: at the right in a window, in the middle in full screen.
                let x = if button.is_empty() {
                    content.x + content.width.saturating_sub(width) / 2
                } else {
                    content.right().saturating_sub(width)
                };
                *area = Area::new(x.max(content.x), content.y, width, height);
                *rows = sheet.rows.into_iter().map(|(row, place)| (row, place.shifted(area.x, area.y))).collect();
                *first = sheet.first;
                pane.place(Overlay::Front, Some((area.x, area.y, sheet.image)));
            }
            Open::Help => {
                let words = Words::new(self.language, self.front.opener.menu_key().name());
                let image = help::card(&mut self.painter, &words, content.width, content.height, scale);
                pane.place(Overlay::Front, Some((content.x, content.y, image)));
            }
        }
        self.front.open = Some((id, open));
    }

    fn facts(&self, id: WindowId) -> Option<Facts> {
        let pane = self.panes.iter().find(|pane| pane.window.id() == id)?;
        let attached = self.link.as_ref().is_some_and(|link| matches!(link.scene().lock().state, State::Attached));
        let largest = 3.0 / self.scale.unwrap_or(pane.scale()).max(1.0) * 100.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 300")]
        let largest = largest.round().clamp(100.0, 300.0) as u16;
        Some(Facts {
            fullscreen: pane.window.fullscreen().is_some(),
            details: self.details.is_some(),
            attached,
            zoom: self.front.zoom,
            largest,
            key: self.front.opener.menu_key(),
            shortcuts: self.front.shortcuts.then(|| [keys_of(Shortcut::Fullscreen), keys_of(Shortcut::Details)]),
        })
    }

    /// Whatever is due by the clock or was overtaken by the session. Gives the next moment to look again.
    pub(super) fn front_tick(&mut self, now: Instant) -> Option<Instant> {
        let gone = |id: WindowId, panes: &[Pane]| !panes.iter().any(|pane| pane.window.id() == id);
        if self.front.open.as_ref().is_some_and(|(id, _)| gone(*id, &self.panes)) {
            self.front.open = None;
        }
        let overtaken = match &self.front.open {
            Some((id, Open::Menu { facts, .. })) => self.facts(*id).is_some_and(|now| now != *facts),
            _ => false,
        };
        if overtaken || (self.front.stale && self.front.is_open()) {
            self.draw_front();
        }
        self.front.stale = false;
        match self.front.tab {
            Some(Tab::Resting(id, due)) if due <= now => {
                self.front.tab = Some(Tab::Shown(id));
                self.draw_tab(id);
                None
            }
            Some(Tab::Resting(_, due)) => Some(due),
            Some(Tab::Shown(id))
                if self.panes.iter().any(|pane| pane.window.id() == id && !pane.button().is_empty()) =>
            {
                self.drop_tab();
                None
            }
            _ => None,
        }
    }

    fn draw_tab(&mut self, id: WindowId) {
        let lit = self.front.lit == Some(id);
        let Some(pane) = self.panes.iter_mut().find(|pane| pane.window.id() == id) else { return };
        let image = frame::tab(&mut self.painter, self.language, pane.scale(), lit);
        let content = pane.content();
        let x = content.x + content.width.saturating_sub(image.width()) / 2;
        pane.place(Overlay::Tab, Some((x, 0, image)));
    }

    fn drop_tab(&mut self) {
        if let Some(Tab::Shown(id)) = self.front.tab.take()
            && let Some(pane) = self.pane(id)
        {
            pane.place(Overlay::Tab, None);
        }
    }

    /// Lights the button under the pointer, or darkens it.
    fn light(&mut self, events: &ActiveEventLoop, id: WindowId, lit: bool) {
        if lit == (self.front.lit == Some(id)) {
            return;
        }
        self.front.lit = lit.then_some(id);
        if lit {
            if let Some(pane) = self.pane(id) {
                pane.window.set_cursor(CursorIcon::Default);
                pane.window.set_cursor_visible(true);
            }
        } else {
            self.forget_pointer_shape();
            self.reconcile(events);
        }
        self.redraw_bar(id);
        if matches!(self.front.tab, Some(Tab::Shown(_))) {
            self.draw_tab(id);
        }
    }

    fn redraw_bar(&mut self, id: WindowId) {
        let lit = self.front.lit == Some(id) || self.front.is_open_in(id);
        if let Some(pane) = self.panes.iter_mut().find(|pane| pane.window.id() == id) {
            pane.light_button(lit, &mut self.painter);
        }
    }
}
