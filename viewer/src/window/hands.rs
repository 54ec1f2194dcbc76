//! What hands do to the windows, passed on to the session or kept for the viewer itself.
//!
//! Owns the way from a window event to [`Link::input`]. Which pixels are whose is asked of the pane.

use std::time::{Duration, Instant};

use shoji_protocol::{Fixed, Input, Position, TouchPhase as Phase};
use winit::{
    dpi::{PhysicalPosition, PhysicalSize},
    event::{MouseButton, MouseScrollDelta, TouchPhase},
    event_loop::ActiveEventLoop,
    window::WindowId,
};

use super::{
    app::{App, IMPATIENCE},
    input::{Meaning, code_of},
};
use crate::{
    link::Link,
    scene::{Pointer, State},
};

/// A page that asks whether it may close is answered within this. What ends the session later has another reason, which is to be read.
const ANSWERED: Duration = Duration::from_secs(60);

fn send(link: Option<&Link>, input: Input) {
    if let Some(link) = link {
        link.input(input);
    }
}

impl App {
    pub(super) fn close(&mut self, events: &ActiveEventLoop, id: WindowId) {
        let state = self.link.as_ref().map(|link| link.scene().lock().state.clone());
        let attached = matches!(state, Some(State::Attached));
        let waits = matches!(state, Some(State::Silent | State::Reconnecting { .. }));
        let last = self.panes.len() <= 1;
        let canvas = self.pane(id).and_then(|pane| pane.canvas);
        let again = self.closing.is_some_and(|wished| wished.elapsed() < IMPATIENCE);
        match (attached, canvas, &self.link) {
            // The page may ask; a second wish at once leaves without asking.
            (true, Some(canvas), Some(link)) if !(again && last) => {
                link.close_canvas(canvas);
                self.closing = last.then(Instant::now);
            }
            // Nobody answers at the moment: the other windows stay, and this one comes back if its page is not closed.
            (false, Some(_), Some(_)) if waits && !last => self.gone(events, id),
            _ => events.exit(),
        }
    }

    /// Whether the session ends because the person wished it, a moment ago.
    pub(super) fn wished_to_close(&self) -> bool {
        self.closing.is_some_and(|wished| wished.elapsed() < ANSWERED)
    }

    /// The window system took a window away without asking: its page is asked to close, as by the window's own button, and
    /// if it does not, its window comes back. With the last one the program leaves its session.
    pub(super) fn gone(&mut self, events: &ActiveEventLoop, id: WindowId) {
        let Some(at) = self.panes.iter().position(|pane| pane.window.id() == id) else { return };
        self.focus(id, false);
        let pane = self.panes.remove(at);
        if self.locked.is_some() && self.locked == pane.canvas {
            self.locked = None;
        }
        if self.panes.is_empty() {
            events.exit();
        } else if let (Some(canvas), Some(link)) = (pane.canvas, &self.link) {
            link.close_canvas(canvas);
            self.departed.add(canvas, Instant::now());
        }
    }

    pub(super) fn resized(&mut self, id: WindowId, size: PhysicalSize<u32>) {
        let Some(at) = self.panes.iter().position(|pane| pane.window.id() == id) else { return };
        self.panes[at].measure(size, &mut self.painter);
        let viewport = self.viewport(&self.panes[at]);
        let pane = &mut self.panes[at];
        if let Some(link) = &self.link {
            if let (Some(canvas), true) = (pane.canvas, pane.told != Some(viewport)) {
                pane.told = Some(viewport);
                link.resize(canvas, viewport);
            }
            if at == 0 {
                link.next_viewport(viewport);
            }
        }
        if self.details.is_some() {
            self.details = Some(Instant::now());
        }
    }

    pub(super) fn focus(&mut self, id: WindowId, focused: bool) {
        self.keyboard.forget();
        let link = self.link.clone();
        self.finish_composing(id);
        if focused {
            self.hints.keyboard_came();
            self.hurry_banner(Instant::now());
            self.focused = Some(id);
            // A page of the same session may have lost the keyboard in between.
            self.focus_told = None;
            self.tell_focus();
            self.follow_text_place(Instant::now());
        } else if self.focused == Some(id) {
            self.hints.keyboard_left(Instant::now());
            self.focused = None;
            self.focus_told = None;
            if let Some(pane) = self.pane(id) {
                pane.buttons.forget();
            }
            send(link.as_ref(), Input::Focus { canvas: None });
        }
    }

    pub(super) fn key(&mut self, id: WindowId, event: &winit::event::KeyEvent) {
        let Some(code) = code_of(event) else { return };
        let pressed = event.state.is_pressed();
        let covered = self.pane(id).is_some_and(|pane| pane.is_covered());
        if pressed
            && !covered
            && let Some(lock) = self.keyboard.lock(code, &event.logical_key)
        {
            let sent = self.link.as_ref().and_then(|link| link.input(lock));
            if sent.is_none() {
                self.keyboard.forget_locks();
            }
        }
        match self.keyboard.key(code, pressed) {
            Meaning::Local(shortcut) => self.shortcut(shortcut, id),
            Meaning::Send(input) if !covered || !pressed => {
                send(self.link.as_ref(), input);
                if pressed {
                    let now = Instant::now();
                    if self.keyboard.asks_for_field(code) {
                        self.expect_field(now);
                    }
                    let hint = self.hints.key(code, |code| self.keyboard.is_down(code), now);
                    self.hint(hint, now);
                }
            }
            Meaning::Send(_) => {
                // On a page of the viewer's own the keys are the viewer's.
                if let (28 | 96, Some(link)) = (code, &self.link) {
                    link.again();
                }
            }
            Meaning::Nothing => {}
        }
    }

    pub(super) fn pointer_moved(&mut self, id: WindowId, position: PhysicalPosition<f64>) {
        let link = self.link.clone();
        if self.locked.is_some() {
            return;
        }
        let Some(pane) = self.pane(id) else { return };
        let Some((canvas, ((x, y), inside))) = pane.canvas.zip(pane.to_canvas(position.x, position.y)) else { return };
        let (drags, outside) = (pane.buttons.any(), pane.is_outside(position));
        if inside || drags {
            pane.pointer_inside = true;
            pane.pointer_outside = outside;
            if let (true, Some(Pointer::Shape(shape))) = (drags, &self.pointer) {
                self.hints.dragged(*shape);
            }
            send(link.as_ref(), Input::PointerMotion { canvas, position: Position::from_pixels(x, y) });
        } else {
            self.pointer_left(id);
        }
    }

    pub(super) fn pointer_left(&mut self, id: WindowId) {
        let link = self.link.clone();
        let Some(pane) = self.pane(id) else { return };
        if pane.pointer_inside && !pane.buttons.any() {
            pane.pointer_inside = false;
            send(link.as_ref(), Input::PointerLeave);
        }
    }

    pub(super) fn touch(&mut self, id: WindowId, touch: winit::event::Touch) {
        if touch.phase == TouchPhase::Started {
            self.finish_composing(id);
        }
        let link = self.link.clone();
        let Some(pane) = self.pane(id) else { return };
        let Some((canvas, ((x, y), inside))) = pane.canvas.zip(pane.to_canvas(touch.location.x, touch.location.y))
        else {
            return;
        };
        let phase = match touch.phase {
            TouchPhase::Started => Phase::Down,
            TouchPhase::Moved => Phase::Motion,
            TouchPhase::Ended => Phase::Up,
            TouchPhase::Cancelled => Phase::Cancel,
        };
        let Some(finger) = pane.fingers.of(touch.id, phase == Phase::Down && inside) else { return };
        if matches!(phase, Phase::Up | Phase::Cancel) {
            pane.fingers.lift(finger);
        }
        send(link.as_ref(), Input::Touch { finger, phase, canvas, position: Position::from_pixels(x, y) });
    }

    pub(super) fn button(&mut self, id: WindowId, button: MouseButton, pressed: bool) {
        if pressed {
            self.finish_composing(id);
            self.hints.pressed();
        }
        let link = self.link.clone();
        let Some(pane) = self.pane(id) else { return };
        let inside = pane.pointer_inside;
        let outside = pane.pointer_outside;
        if let Some(input) = pane.buttons.button(button, pressed, inside) {
            send(link.as_ref(), input);
            if !pressed && outside {
                let now = Instant::now();
                let hint = self.hints.dropped_outside(now);
                self.hint(hint, now);
            }
        }
    }

    pub(super) fn wheel(&mut self, id: WindowId, delta: MouseScrollDelta, phase: TouchPhase) {
        let link = self.link.clone();
        let Some(pane) = self.pane(id).filter(|pane| pane.pointer_inside) else { return };
        let lifted = matches!(phase, TouchPhase::Ended | TouchPhase::Cancelled);
        if let Some(input) = pane.wheel.turn(delta, lifted) {
            send(link.as_ref(), input);
        }
    }

    /// The mouse moved by this much, wherever the pointer is.
    pub(super) fn pointer_pushed(&mut self, (dx, dy): (f64, f64)) {
        if self.locked.is_some() && self.focused.is_some() {
            let input = Input::PointerRelative { dx: Fixed::from_pixels(dx), dy: Fixed::from_pixels(dy) };
            send(self.link.as_ref(), input);
        }
    }
}
