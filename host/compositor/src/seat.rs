//! Input from the viewer, and who gets it: focus, grabs, cursor, pointer lock, drag and drop.
//!
//! Owns what the viewer's hands hold (keys, buttons, fingers) so that all of it can be let go at once. Positions come in
//! canvas pixels and leave in surface coordinates. Handlers that smithay calls while it holds a seat's lock only take
//! notes; they must never call back into the pointer, the keyboard or the touch screen.

use smithay::backend::input::{Axis, AxisSource, ButtonState, KeyState, TouchSlot};
use smithay::desktop::{PopupKeyboardGrab, PopupKind, PopupPointerGrab, PopupUngrabStrategy, find_popup_root_surface};
use smithay::input::keyboard::{FilterResult, Keycode};
use smithay::input::pointer::{
    AxisFrame, ButtonEvent, CursorImageStatus, Focus, MotionEvent, PointerHandle, RelativeMotionEvent,
};
use smithay::input::touch::{DownEvent, MotionEvent as TouchMotion, UpEvent};
use smithay::input::{Seat, SeatHandler, SeatState};
use smithay::reexports::wayland_server::Resource;
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::utils::{IsAlive, Logical, Point, SERIAL_COUNTER, Serial};
use smithay::wayland::compositor::{SurfaceAttributes, with_states};
use smithay::wayland::pointer_constraints::{PointerConstraint, PointerConstraintsHandler, with_pointer_constraint};
use smithay::wayland::selection::SelectionHandler;
use smithay::wayland::selection::data_device::set_data_device_focus;
use smithay::wayland::selection::primary_selection::{
    PrimarySelectionHandler, PrimarySelectionState, set_primary_focus,
};
use smithay::wayland::shell::xdg::PopupSurface;
use smithay::wayland::tablet_manager::TabletSeatHandler;

use crate::limits::{MAX_COMMIT_TEXT, MAX_HELD};
use crate::state::State;
use crate::types::{Button, CanvasId, Event, Input, Key, KeyboardLayout, Position, TouchPhase, WheelSource};
use crate::window::Window;

/// What the viewer's hands hold and where they are.
pub(crate) struct Hands {
    keys: Vec<Key>,
    buttons: Vec<Button>,
    /// Which fingers touch, and where they were last.
    fingers: Vec<(u8, CanvasId, Position)>,
    /// The canvas under the pointer and where on it.
    pointer: Option<(CanvasId, Position)>,
    /// The canvas that has the keyboard.
    active: Option<CanvasId>,
    /// No viewer has the keyboard: nothing takes the focus by itself.
    absent: bool,
    locked: Option<CanvasId>,
    pub(crate) layout: KeyboardLayout,
}

impl Hands {
    pub(crate) fn new(layout: KeyboardLayout) -> Self {
        Self {
            keys: Vec::new(),
            buttons: Vec::new(),
            fingers: Vec::new(),
            pointer: None,
            active: None,
            absent: false,
            locked: None,
            layout,
        }
    }

    /// The canvas that the pointer is on.
    pub(crate) fn pointed(&self) -> Option<CanvasId> {
        self.pointer.map(|(on, _)| on)
    }

    /// Where the pointer is, if it is on this canvas.
    pub(crate) fn drag_place(&self, canvas: CanvasId) -> Option<Position> {
        self.pointer.filter(|(on, _)| *on == canvas).map(|(_, at)| at)
    }
}

/// The surface under a point, and the point and that surface's origin in the canvas's logical coordinates.
type Under = (Option<(WlSurface, Point<f64, Logical>)>, Point<f64, Logical>);

impl State {
    /// Acts on one input event.
    pub(crate) fn input(&mut self, input: Input) {
        self.give_up_late();
        match input {
            Input::Key { key, pressed } => self.type_key(key, pressed),
            Input::PointerMotion { canvas, position } => self.pointer_motion(canvas, position),
            Input::PointerRelative { dx, dy } => self.pointer_relative(dx, dy),
            Input::PointerButton { button, pressed } => {
                self.leave_field_if(pressed);
                self.pointer_button(button, pressed);
            }
            Input::PointerLeave => self.pointer_leave(),
            Input::Wheel { horizontal, vertical, source } => {
                self.leave_field_if(false);
                self.wheel(horizontal, vertical, source);
            }
            Input::Touch { finger, phase, canvas, position } => {
                self.leave_field_if(phase == TouchPhase::Down);
                self.touched(finger, phase, canvas, position);
            }
            Input::Focus { canvas } => self.focus(canvas),
            Input::StillHeld => self.holds.confirm(self.now),
            Input::Lock { lock, on } => self.set_lock(lock, on),
            Input::Preedit { text, cursor } => {
                if text.len() <= MAX_COMMIT_TEXT {
                    self.compose_text(text, cursor);
                }
            }
            Input::Commit { text } => {
                if text.len() <= MAX_COMMIT_TEXT {
                    self.type_text(text);
                }
            }
        }
    }

    /// A press at another place ends the wait of text, and whatever meets a waiting key (Ctrl and the wheel) comes after it.
    fn leave_field_if(&mut self, elsewhere: bool) {
        if elsewhere {
            self.leave_field();
        } else if self.keys_wait() {
            self.stop_waiting();
        }
    }

    pub(crate) fn key(&mut self, key: Key, pressed: bool) {
        let held = self.hands.keys.contains(&key);
        self.holds.take(key, pressed, self.now);
        if held == pressed || (pressed && self.hands.keys.len() >= MAX_HELD) {
            return;
        }
        if pressed {
            self.hands.keys.push(key);
        } else {
            self.hands.keys.retain(|other| *other != key);
        }
        let state = if pressed { KeyState::Pressed } else { KeyState::Released };
        let code = Keycode::new(u32::from(key.0) + EVDEV_OFFSET);
        let (keyboard, serial, time) = (self.keyboard.clone(), SERIAL_COUNTER.next_serial(), self.now.millis());
        keyboard.input::<(), _>(self, code, state, serial, time, |_, _, _| FilterResult::Forward);
    }

    fn under(&self, canvas: CanvasId, at: Position) -> Option<Under> {
        let window = self.window(canvas)?;
        let scale = window.scale.factor();
        let logical = Point::<f64, Logical>::from((at.x / scale, at.y / scale));
        let (x, y) = (at.x.floor() as i32, at.y.floor() as i32);
        let hit = window.picture.layers().iter().rev().find_map(|layer| {
            if !layer.area.has(x, y) || self.drag.icon.as_ref() == Some(&layer.surface) {
                return None;
            }
            let local = layer.local(at.x, at.y);
            let point = Point::<f64, Logical>::from(local).to_i32_floor::<i32>();
            let takes = with_states(&layer.surface, |states| {
                let mut guard = states.cached_state.get::<SurfaceAttributes>();
                guard.current().input_region.as_ref().is_none_or(|region| region.contains(point))
            });
            takes.then(|| (layer.surface.clone(), logical - Point::from(local)))
        });
        Some((hit, logical))
    }

    fn pointer_motion(&mut self, canvas: CanvasId, position: Position) {
        if self.hands.locked.is_some() || !(position.x.is_finite() && position.y.is_finite()) {
            return;
        }
        let Some((under, location)) = self.under(canvas, position) else { return };
        let moved_away = self.hands.pointer.map(|(on, _)| on).filter(|on| *on != canvas);
        self.hands.pointer = Some((canvas, position));
        let (pointer, serial, time) = (self.pointer.clone(), SERIAL_COUNTER.next_serial(), self.now.millis());
        let target = under.as_ref().map(|(surface, _)| surface.clone());
        pointer.motion(self, under, &MotionEvent { location, serial, time });
        pointer.frame(self);
        if target.is_none() {
            self.drag_left();
            self.cursor_image_to(CursorImageStatus::default_named());
        }
        if let Some(surface) = target {
            self.activate_constraint(&surface);
        }
        if self.drag.icon.is_some() {
            for window in &mut self.windows {
                window.dirty |= window.id == canvas || Some(window.id) == moved_away;
            }
        }
    }

    /// Gives the pointer to the surface that lies under it now, though it has not moved.
    pub(crate) fn point_again(&mut self) {
        let Some((canvas, position)) = self.hands.pointer.filter(|_| !self.drag.is_on) else { return };
        let Some((under, _)) = self.under(canvas, position) else { return };
        if under.map(|(surface, _)| surface) != self.pointer.current_focus() {
            self.pointer_motion(canvas, position);
        }
    }

    fn cursor_image_to(&mut self, image: CursorImageStatus) {
        self.cursor = image;
        self.cursor_changed = true;
    }

    fn pointer_relative(&mut self, dx: f64, dy: f64) {
        let scale = self.hands.locked.and_then(|id| self.window(id)).map(|window| window.scale.factor());
        let (Some(scale), true) = (scale, dx.is_finite() && dy.is_finite()) else { return };
        let pointer = self.pointer.clone();
        let focus = pointer.current_focus().map(|surface| (surface, pointer.current_location()));
        let delta = Point::<f64, Logical>::from((dx / scale, dy / scale));
        let event = RelativeMotionEvent { delta, delta_unaccel: delta, utime: self.now.0 };
        pointer.relative_motion(self, focus, &event);
        pointer.frame(self);
    }

    fn pointer_button(&mut self, button: Button, pressed: bool) {
        if self.hands.buttons.contains(&button) == pressed {
            return;
        }
        if pressed {
            self.hands.buttons.push(button);
            if let Some((canvas, _)) = self.hands.pointer
                && self.hands.active != Some(canvas)
                && !self.hands.absent
            {
                self.activate(Some(canvas));
            }
        } else {
            self.hands.buttons.retain(|other| *other != button);
        }
        let event = ButtonEvent {
            serial: SERIAL_COUNTER.next_serial(),
            time: self.now.millis(),
            button: match button {
                Button::Left => 0x110,
                Button::Right => 0x111,
                Button::Middle => 0x112,
                Button::Back => 0x113,
                Button::Forward => 0x114,
            },
            state: if pressed { ButtonState::Pressed } else { ButtonState::Released },
        };
        let pointer = self.pointer.clone();
        pointer.button(self, &event);
        pointer.frame(self);
    }

    fn pointer_leave(&mut self) {
        let Some((canvas, _)) = self.hands.pointer.take() else { return };
        let (pointer, serial, time) = (self.pointer.clone(), SERIAL_COUNTER.next_serial(), self.now.millis());
        let location = pointer.current_location();
        pointer.motion(self, None, &MotionEvent { location, serial, time });
        pointer.frame(self);
        if self.drag.icon.is_some()
            && let Some(window) = self.window_mut(canvas)
        {
            window.dirty = true;
        }
    }

    fn wheel(&mut self, horizontal: i32, vertical: i32, source: WheelSource) {
        let scale = self.hands.pointer.and_then(|(id, _)| self.window(id)).map_or(1.0, |w| w.scale.factor());
        let mut frame = AxisFrame::new(self.now.millis());
        for (axis, amount) in [(Axis::Horizontal, horizontal), (Axis::Vertical, vertical)] {
            frame = match source {
                WheelSource::Wheel if amount != 0 => {
                    frame.value(axis, f64::from(amount) / 120.0 * PIXELS_PER_NOTCH).v120(axis, amount)
                }
                WheelSource::Finger if amount != 0 => frame.value(axis, f64::from(amount) / 256.0 / scale),
                WheelSource::Finger if horizontal == 0 && vertical == 0 => frame.stop(axis),
                _ => frame,
            };
        }
        frame = frame.source(match source {
            WheelSource::Wheel => AxisSource::Wheel,
            WheelSource::Finger => AxisSource::Finger,
        });
        let pointer = self.pointer.clone();
        pointer.axis(self, frame);
        pointer.frame(self);
    }

    fn touched(&mut self, finger: u8, phase: TouchPhase, canvas: CanvasId, at: Position) {
        let (touch, serial, time) = (self.touch.clone(), SERIAL_COUNTER.next_serial(), self.now.millis());
        let slot = TouchSlot::from(Some(u32::from(finger)));
        let held = self.hands.fingers.iter().any(|(held, ..)| *held == finger);
        match phase {
            TouchPhase::Down if !held => {
                let Some((focus, location)) = self.under(canvas, at) else { return };
                self.hands.fingers.push((finger, canvas, at));
                if self.hands.active != Some(canvas) && !self.hands.absent {
                    self.activate(Some(canvas));
                }
                touch.down(self, focus, &DownEvent { slot, location, serial, time });
            }
            TouchPhase::Motion if held => {
                let Some((focus, location)) = self.under(canvas, at) else { return };
                self.hands.fingers.retain(|(held, ..)| *held != finger);
                self.hands.fingers.push((finger, canvas, at));
                touch.motion(self, focus, &TouchMotion { slot, location, time });
            }
            TouchPhase::Up if held => {
                self.hands.fingers.retain(|(held, ..)| *held != finger);
                touch.up(self, &UpEvent { slot, serial, time });
            }
            TouchPhase::Cancel => {
                self.cancel_touches();
                return;
            }
            _ => return,
        }
        touch.frame(self);
    }

    fn cancel_touches(&mut self) {
        let touch = self.touch.clone();
        let fingers = std::mem::take(&mut self.hands.fingers);
        for (finger, canvas, at) in &fingers {
            // smithay cancels only touches with news since their last frame.
            let slot = TouchSlot::from(Some(u32::from(*finger)));
            if let Some((focus, location)) = self.under(*canvas, *at) {
                touch.motion(self, focus, &TouchMotion { slot, location, time: self.now.millis() });
            }
        }
        if !fingers.is_empty() {
            touch.cancel(self);
            touch.frame(self);
        }
    }

    /// The viewer's keyboard went to a canvas, or away.
    pub(crate) fn focus(&mut self, canvas: Option<CanvasId>) {
        self.hands.absent = canvas.is_none();
        match canvas {
            Some(_) if self.hands.active == canvas => {}
            Some(id) => {
                if self.window(id).is_some() {
                    self.activate(canvas);
                }
            }
            None => {
                self.release_all();
                self.activate(None);
            }
        }
    }

    /// Lets go of every key.
    fn release_keys(&mut self) {
        for key in self.hands.keys.clone() {
            self.key(key, false);
        }
        self.holds.clear();
    }

    /// Lets go of keys that would repeat although nobody says that they are still held, and takes up those that are.
    pub(crate) fn lift_unconfirmed(&mut self) {
        // What waits for its field goes before them, and their own release may wait there.
        if self.text_inputs.deadline().is_none() {
            for key in self.holds.returning(self.now) {
                self.key(key, true);
            }
        }
        let keys = self.holds.expire(self.now);
        for key in &keys {
            self.key(*key, false);
        }
        self.holds.remember(keys);
    }

    /// Lets go of every key, button and finger, and of a pointer lock.
    pub(crate) fn release_all(&mut self) {
        // A key that waits behind text is held in no hand yet: it goes down now, and up with the others.
        self.leave_field();
        self.release_keys();
        for button in self.hands.buttons.clone() {
            self.pointer_button(button, false);
        }
        self.cancel_touches();
        if let Some(surface) = self.pointer.current_focus() {
            with_pointer_constraint(&surface, &self.pointer, |constraint| {
                if let Some(constraint) = constraint.filter(|constraint| constraint.is_active()) {
                    constraint.deactivate();
                }
            });
        }
    }

    /// Gives the keyboard to a canvas. None takes it away and leaves the windows looking as they were.
    fn activate(&mut self, canvas: Option<CanvasId>) {
        let serial = SERIAL_COUNTER.next_serial();
        if self.hands.active != canvas {
            self.dismiss_grab();
        }
        self.hands.active = canvas;
        let keyboard = self.keyboard.clone();
        let surface = canvas.and_then(|id| self.window(id)).map(|window| window.toplevel.wl_surface().clone());
        if surface.is_some() {
            for window in &mut self.windows {
                window.active = Some(window.id) == canvas;
                window.configure();
            }
        }
        if surface.is_none() {
            // The seat tells of a new focus, but not that there is none.
            self.move_text_focus(None);
        }
        keyboard.set_focus(self, surface, serial);
    }

    /// The window that has the keyboard.
    pub(crate) fn active_window(&self) -> Option<&Window> {
        self.hands.active.and_then(|id| self.window(id))
    }

    /// A window opened or asked for attention: it gets the keyboard unless no viewer is there.
    pub(crate) fn activate_opened(&mut self, canvas: CanvasId) {
        if !self.hands.absent && self.hands.active != Some(canvas) && self.window(canvas).is_some() {
            self.activate(Some(canvas));
        }
    }

    /// A canvas closed: the keyboard goes to the newest one left.
    pub(crate) fn deactivate_closed(&mut self, canvas: CanvasId) {
        if self.hands.pointer.is_some_and(|(on, _)| on == canvas) {
            self.hands.pointer = None;
        }
        if self.hands.active == Some(canvas) {
            let next = self.windows.iter().rev().find(|window| window.opened && window.id != canvas).map(|w| w.id);
            self.activate(next);
        }
    }

    /// A popup asks to be a menu: the keyboard goes to it, and a click elsewhere dismisses it.
    pub(crate) fn grab_popup(&mut self, popup: PopupSurface, serial: Serial) {
        let kind = PopupKind::Xdg(popup);
        let Ok(root) = find_popup_root_surface(&kind) else { return };
        if self.drag.is_on || self.window_of(&root).is_none() {
            return;
        }
        let seat = self.seat.clone();
        let Ok(grab) = self.popups.grab_popup(root, kind, &seat, serial) else { return };
        let (keyboard, pointer) = (self.keyboard.clone(), self.pointer.clone());
        keyboard.set_focus(self, grab.current_grab(), serial);
        keyboard.set_grab(self, PopupKeyboardGrab::new(&grab), serial);
        pointer.set_grab(self, PopupPointerGrab::new(&grab), serial, Focus::Keep);
        self.popup_grab = Some(grab);
    }

    /// Keeps the keyboard on the topmost menu, and gives it back when the last one is gone.
    pub(crate) fn refresh_grab(&mut self) {
        let Some(grab) = &self.popup_grab else { return };
        let (keyboard, pointer) = (self.keyboard.clone(), self.pointer.clone());
        let (serial, time) = (SERIAL_COUNTER.next_serial(), self.now.millis());
        if grab.has_ended() {
            self.popup_grab = None;
            if pointer.with_grab(|_, grab| grab.is::<PopupPointerGrab<Self>>()) == Some(true) {
                pointer.unset_grab(self, serial, time);
            }
            if keyboard.with_grab(|_, grab| grab.is::<PopupKeyboardGrab<Self>>()) == Some(true) {
                keyboard.unset_grab(self);
            }
            let surface = self.hands.active.and_then(|id| self.window(id)).map(|w| w.toplevel.wl_surface().clone());
            if keyboard.current_focus() != surface {
                keyboard.set_focus(self, surface, serial);
            }
        } else {
            let current = grab.current_grab();
            if keyboard.current_focus() != current {
                keyboard.set_focus(self, current, serial);
            }
        }
    }

    fn dismiss_grab(&mut self) {
        if let Some(grab) = &mut self.popup_grab {
            grab.ungrab(PopupUngrabStrategy::All);
        }
        self.popup_grab_ended();
    }

    fn popup_grab_ended(&mut self) {
        let Some(grab) = self.popup_grab.take() else { return };
        drop(grab);
        let (keyboard, pointer) = (self.keyboard.clone(), self.pointer.clone());
        if pointer.with_grab(|_, grab| grab.is::<PopupPointerGrab<Self>>()) == Some(true) {
            pointer.unset_grab(self, SERIAL_COUNTER.next_serial(), self.now.millis());
        }
        if keyboard.with_grab(|_, grab| grab.is::<PopupKeyboardGrab<Self>>()) == Some(true) {
            keyboard.unset_grab(self);
        }
    }

    fn activate_constraint(&mut self, surface: &WlSurface) {
        if self.hands.absent {
            return;
        }
        with_pointer_constraint(surface, &self.pointer, |constraint| {
            if let Some(constraint) = constraint.filter(|constraint| !constraint.is_active()) {
                constraint.activate();
            }
        });
    }

    /// Reports a pointer lock that came or went since the last time.
    pub(crate) fn tell_pointer_lock(&mut self) {
        let locked = self.pointer.current_focus().filter(IsAlive::alive).and_then(|surface| {
            let locked = with_pointer_constraint(&surface, &self.pointer, |constraint| {
                constraint.is_some_and(|c| c.is_active() && matches!(*c, PointerConstraint::Locked(_)))
            });
            let index = self.window_of(&surface).filter(|_| locked)?;
            Some(self.windows[index].id)
        });
        if locked == self.hands.locked {
            return;
        }
        if let Some(canvas) = std::mem::replace(&mut self.hands.locked, locked) {
            self.event(Event::PointerLock { canvas, locked: false });
        }
        if let Some(canvas) = locked {
            self.event(Event::PointerLock { canvas, locked: true });
        }
    }
}

impl SeatHandler for State {
    type KeyboardFocus = WlSurface;
    type PointerFocus = WlSurface;
    type TouchFocus = WlSurface;

    fn seat_state(&mut self) -> &mut SeatState<Self> {
        &mut self.seats
    }

    fn focus_changed(&mut self, seat: &Seat<Self>, focused: Option<&WlSurface>) {
        let client = focused.and_then(Resource::client);
        set_data_device_focus(&self.display, seat, client.clone());
        set_primary_focus(&self.display, seat, client);
        self.move_text_focus(focused);
    }

    fn cursor_image(&mut self, _: &Seat<Self>, image: CursorImageStatus) {
        self.cursor = image;
        self.cursor_changed = true;
    }
}

impl TabletSeatHandler for State {}

impl PointerConstraintsHandler for State {
    fn new_constraint(&mut self, surface: &WlSurface, pointer: &PointerHandle<Self>) {
        if pointer.current_focus().as_ref() == Some(surface) {
            self.activate_constraint(surface);
        }
    }

    fn cursor_position_hint(&mut self, _: &WlSurface, _: &PointerHandle<Self>, _: Point<f64, Logical>) {
        // The viewer's own pointer stays where it was: it cannot be moved from here.
    }
}

impl SelectionHandler for State {
    type SelectionUserData = ();
}

impl PrimarySelectionHandler for State {
    fn primary_selection_state(&self) -> &PrimarySelectionState {
        &self.primary
    }
}

/// Between Linux key codes and those of xkb.
const EVDEV_OFFSET: u32 = 8;
/// Logical pixels that one notch of a wheel means where a client does not count notches; what libinput's users send.
const PIXELS_PER_NOTCH: f64 = 15.0;

smithay::delegate_seat!(State);
smithay::delegate_cursor_shape!(State);
smithay::delegate_relative_pointer!(State);
smithay::delegate_pointer_constraints!(State);
smithay::delegate_primary_selection!(State);
