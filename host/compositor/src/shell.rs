//! Windows and popups: xdg-shell, its decorations, activation and foreign parents.
//!
//! Owns when a window opens and closes, what it is configured to, and where popups may be. A popup always ends up inside
//! its canvas: first by the client's own constraint adjustments, and if those do not suffice by sliding it. It must never
//! let one client's window decide about another client's.

use std::sync::PoisonError;

use smithay::desktop::{PopupKind, PopupManager, find_popup_root_surface};
use smithay::reexports::wayland_protocols::xdg::decoration::zv1::server::zxdg_toplevel_decoration_v1::Mode;
use smithay::reexports::wayland_server::Resource;
use smithay::reexports::wayland_server::protocol::wl_output::WlOutput;
use smithay::reexports::wayland_server::protocol::wl_seat::WlSeat;
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::utils::{Logical, Rectangle, Serial};
use smithay::wayland::compositor::with_states;
use smithay::wayland::shell::xdg::decoration::XdgDecorationHandler;
use smithay::wayland::shell::xdg::{
    PopupSurface, PositionerState, ToplevelSurface, XdgShellHandler, XdgShellState, XdgToplevelSurfaceData,
};
use smithay::wayland::xdg_activation::{
    XdgActivationHandler, XdgActivationState, XdgActivationToken, XdgActivationTokenData,
};

use crate::clients::blame;
use crate::layout::parents_place;
use crate::limits::{MAX_ACTIVATION_TOKENS, MAX_CANVASES, MAX_CONFIGURES, MAX_POPUP_DEPTH};
use crate::state::State;
use crate::types::{CanvasId, CanvasKind, Event, Limit, Viewport, WindowState};
use crate::window::{Sizing, Window};

impl State {
    fn window_index(&self, toplevel: &ToplevelSurface) -> Option<usize> {
        self.windows.iter().position(|window| window.toplevel == *toplevel)
    }

    /// A commit reached a toplevel's surface.
    pub(crate) fn toplevel_committed(&mut self, surface: &WlSurface) {
        let Some(index) = self.windows.iter().position(|window| window.toplevel.wl_surface() == surface) else {
            return;
        };
        let has_content = self.windows[index].has_content(&self.contents);
        let refuses = self.refuses_strangers && self.is_stranger(&self.windows[index]);
        let window = &mut self.windows[index];
        if window.refused {
            return;
        }
        if !window.toplevel.is_initial_configure_sent() {
            if refuses {
                // Without a configure it may not show anything, whatever becomes of its being closed.
                window.refused = true;
                window.toplevel.send_close();
                self.event(Event::StrangerRefused);
                return;
            }
            window.prepare_configure();
            window.toplevel.send_configure();
            return;
        }
        if has_content && !window.mapped {
            if window.toplevel.ensure_configured() {
                window.mapped = true;
            }
        } else if !has_content && window.mapped {
            window.mapped = false;
            window.toplevel.reset_initial_configure_sent();
            self.close_canvas(index);
        }
    }

    /// The first picture of a window is there.
    pub(crate) fn open(&mut self, index: usize) {
        let window = &self.windows[index];
        let parent = match window.toplevel.parent() {
            Some(parent) => self.window_of(&parent).map(|index| &self.windows[index]),
            None => self.owner_of_stranger(window),
        };
        let parent = parent.filter(|parent| parent.opened).map(|parent| parent.id);
        let owned = parent.is_some() || window.toplevel.parent().is_some();
        let kind = if owned { CanvasKind::Dialog } else { CanvasKind::Window };
        let (canvas, size, state) = (window.id, window.picture.size(), window.state);
        self.windows[index].opened = true;
        self.event(Event::CanvasOpened { canvas, kind, parent, size });
        if state != WindowState::Normal {
            self.event(Event::Window { canvas, state });
        }
        self.activate_opened(canvas);
        // Only now is it known how small the client can draw it.
        let window = &self.windows[index];
        if window.sizing == Sizing::Viewport && window.fitted(window.wanted) != window.wanted {
            self.resize(canvas, window.wanted);
        }
    }

    /// The window that a window of another connection belongs to. GTK's dialogs inside Chromium are such strangers, and
    /// they import their parent only after they are mapped: too late for a viewer that has opened a window for them.
    fn owner_of_stranger(&self, window: &Window) -> Option<&Window> {
        if !self.is_stranger(window) {
            return None;
        }
        let exported = self.exports.newest().and_then(|surface| self.window_of(&surface));
        exported.map(|index| &self.windows[index]).or_else(|| self.active_window())
    }

    /// Whether a window's connection has no other one, while another connection has.
    fn is_stranger(&self, window: &Window) -> bool {
        let client = window.toplevel.wl_surface().client();
        let mut others = self.windows.iter().filter(|other| other.opened && other.id != window.id).peekable();
        others.peek().is_some() && others.all(|other| other.toplevel.wl_surface().client() != client)
    }

    /// A window lost its picture: its canvas is gone. If it comes back it is another canvas.
    fn close_canvas(&mut self, index: usize) {
        let id = self.windows[index].id;
        let opened = std::mem::replace(&mut self.windows[index].opened, false);
        self.windows[index].picture = crate::canvas::Picture::default();
        self.windows[index].callbacks.clear();
        self.windows[index].feedbacks.drain(..).for_each(|feedback| feedback.discarded());
        self.windows[index].told_damage = false;
        self.windows[index].told_wanted = false;
        self.windows[index].id = self.new_canvas_id();
        if opened {
            self.deactivate_closed(id);
            self.event(Event::CanvasClosed { canvas: id });
        }
    }

    /// A viewer shows a window at another size or scale.
    pub(crate) fn resize(&mut self, id: CanvasId, viewport: Viewport) {
        let Some(index) = self.windows.iter().position(|window| window.id == id && window.opened) else { return };
        let window = &mut self.windows[index];
        let viewport = window.fitted(viewport);
        let rescaled = window.wanted.scale != viewport.scale;
        window.wanted = viewport;
        window.sizing = Sizing::Viewport;
        if rescaled {
            let surfaces: Vec<WlSurface> = window.picture.layers().iter().map(|layer| layer.surface.clone()).collect();
            for surface in surfaces {
                self.tell_scale(&surface, viewport.scale);
            }
        }
        let window = &mut self.windows[index];
        window.configure();
        // The client may have drawn for this size already.
        window.dirty = true;
    }

    /// Puts popups back inside a canvas that changed its size.
    pub(crate) fn replace_popups(&mut self, index: usize) {
        let root = self.windows[index].toplevel.wl_surface().clone();
        let popups: Vec<PopupSurface> = self.popup_list.clone();
        for popup in popups {
            let kind = PopupKind::Xdg(popup.clone());
            if find_popup_root_surface(&kind).ok().as_ref() != Some(&root) {
                continue;
            }
            let positioner = popup.with_pending_state(|pending| pending.positioner);
            let place = self.constrained(&popup, positioner);
            let held = popup.with_pending_state(|pending| pending.geometry);
            if place == held {
                continue;
            }
            if positioner.reactive {
                popup.with_pending_state(|pending| pending.geometry = place);
                // A popup that cannot be configured yet gets its place with its first configure.
                let _ = popup.send_pending_configure();
            } else {
                let _ = PopupManager::dismiss_popup(&root, &kind);
            }
        }
    }

    /// Where a popup goes: inside the canvas, as near as possible to where it asked.
    fn constrained(&self, popup: &PopupSurface, positioner: PositionerState) -> Rectangle<i32, Logical> {
        let Some((root, x, y)) = parents_place(popup, &self.popup_list) else {
            return positioner.get_geometry();
        };
        let Some(window) = self.window_of(&root).map(|index| &self.windows[index]) else {
            return positioner.get_geometry();
        };
        // The part of the geometry that the canvas shows, so not what rounding crops.
        let (size, scale) = (window.picture.size(), window.scale.factor());
        let visible = ((f64::from(size.width) / scale) as i32, (f64::from(size.height) / scale) as i32);
        let target = Rectangle::new((-x, -y).into(), visible.into());
        let mut place = positioner.get_unconstrained_geometry(target);
        let slide = |at: i32, length: i32, start: i32, room: i32| at.min(start + room - length).max(start);
        place.loc.x = slide(place.loc.x, place.size.w, target.loc.x, target.size.w);
        place.loc.y = slide(place.loc.y, place.size.h, target.loc.y, target.size.h);
        place
    }

    /// A commit reached a popup's surface.
    pub(crate) fn popup_committed(&mut self, surface: &WlSurface) {
        let Some(popup) = self.popup_list.iter().find(|popup| popup.wl_surface() == surface) else { return };
        if !popup.is_initial_configure_sent() {
            // Fails only for a popup without a parent, which shows nothing.
            let _ = popup.send_configure();
        } else if self.contents.get(&surface.id()).is_some_and(|content| content.size.is_some()) {
            popup.ensure_configured();
        }
    }

    /// A wish for a state is always answered, even by the same state again, as the protocol promises.
    fn answer(&self, toplevel: &ToplevelSurface) {
        if !toplevel.is_initial_configure_sent() {
            return;
        }
        let unread = with_states(toplevel.wl_surface(), |states| {
            let data = states.data_map.get::<XdgToplevelSurfaceData>();
            data.map_or(0, |data| data.lock().unwrap_or_else(PoisonError::into_inner).pending_configures().len())
        });
        if unread < MAX_CONFIGURES {
            toplevel.send_configure();
        } else if let Some(client) = toplevel.wl_surface().client() {
            blame(&client, &self.display, Limit::Configures);
        }
    }

    fn set_state(&mut self, index: usize, state: WindowState, sizing: Sizing) {
        let window = &mut self.windows[index];
        let changed = window.state != state;
        window.state = state;
        window.sizing = sizing;
        window.prepare_configure();
        let (canvas, opened, toplevel) = (window.id, window.opened, window.toplevel.clone());
        self.answer(&toplevel);
        if changed && opened {
            self.event(Event::Window { canvas, state });
        }
    }
}

impl XdgShellHandler for State {
    fn xdg_shell_state(&mut self) -> &mut XdgShellState {
        &mut self.shell
    }

    fn new_toplevel(&mut self, toplevel: ToplevelSurface) {
        if self.windows.len() >= MAX_CANVASES {
            toplevel.send_close();
            return;
        }
        let id = self.new_canvas_id();
        let mut window = Window::new(id, toplevel, self.viewport);
        if self.windows.is_empty() {
            window.state = WindowState::Maximized;
            window.before_fullscreen = WindowState::Maximized;
            window.sizing = Sizing::Viewport;
            window.active = true;
        }
        self.windows.push(window);
    }

    fn toplevel_destroyed(&mut self, toplevel: ToplevelSurface) {
        if let Some(index) = self.window_index(&toplevel) {
            self.close_canvas(index);
            self.windows.remove(index);
        }
    }

    fn new_popup(&mut self, popup: PopupSurface, positioner: PositionerState) {
        self.popup_list.push(popup.clone());
        if popup.get_parent_surface().is_none() {
            // Its parent would come by a protocol that is not offered here.
            popup.send_popup_done();
            return;
        }
        let depth = popup_depth(&popup, &self.popup_list);
        if depth > MAX_POPUP_DEPTH {
            if let Some(client) = popup.wl_surface().client() {
                blame(&client, &self.display, Limit::PopupDepth);
            }
            return;
        }
        let place = self.constrained(&popup, positioner);
        popup.with_pending_state(|pending| {
            pending.geometry = place;
            pending.positioner = positioner;
        });
        if let Some(index) = self.window_of(popup.wl_surface()) {
            let scale = self.windows[index].wanted.scale;
            self.tell_scale(popup.wl_surface(), scale);
        }
        // Fails only for a dead popup.
        let _ = self.popups.track_popup(PopupKind::Xdg(popup));
    }

    fn reposition_request(&mut self, popup: PopupSurface, positioner: PositionerState, token: u32) {
        let place = self.constrained(&popup, positioner);
        popup.with_pending_state(|pending| {
            pending.geometry = place;
            pending.positioner = positioner;
        });
        popup.send_repositioned(token);
    }

    fn popup_destroyed(&mut self, popup: PopupSurface) {
        for window in &mut self.windows {
            window.dirty |= window.picture.layers().iter().any(|layer| layer.surface == *popup.wl_surface());
        }
        self.popup_list.retain(|held| *held != popup);
        self.popups.cleanup();
    }

    fn grab(&mut self, popup: PopupSurface, seat: WlSeat, serial: Serial) {
        if self.seat.owns(&seat) {
            self.grab_popup(popup, serial);
        }
    }

    fn maximize_request(&mut self, toplevel: ToplevelSurface) {
        let Some(index) = self.window_index(&toplevel) else { return };
        if self.windows[index].state == WindowState::Fullscreen {
            self.windows[index].before_fullscreen = WindowState::Maximized;
        } else {
            self.set_state(index, WindowState::Maximized, Sizing::Viewport);
        }
    }

    fn unmaximize_request(&mut self, toplevel: ToplevelSurface) {
        let Some(index) = self.window_index(&toplevel) else { return };
        // A window of the viewport's size stays so: on the viewer it is a window of the viewer's own system, whose
        // size the viewer decides.
        let (state, sizing) = (self.windows[index].state, self.windows[index].sizing);
        self.set_state(index, state, sizing);
    }

    fn fullscreen_request(&mut self, toplevel: ToplevelSurface, _: Option<WlOutput>) {
        let Some(index) = self.window_index(&toplevel) else { return };
        if self.windows[index].state != WindowState::Fullscreen {
            self.windows[index].before_fullscreen = self.windows[index].state;
        }
        self.set_state(index, WindowState::Fullscreen, Sizing::Viewport);
    }

    fn unfullscreen_request(&mut self, toplevel: ToplevelSurface) {
        let Some(index) = self.window_index(&toplevel) else { return };
        let state = self.windows[index].before_fullscreen;
        let sizing = if state == WindowState::Maximized { Sizing::Viewport } else { Sizing::Own };
        self.set_state(index, state, sizing);
    }

    fn minimize_request(&mut self, toplevel: ToplevelSurface) {
        let Some(index) = self.window_index(&toplevel) else { return };
        if self.windows[index].opened {
            let canvas = self.windows[index].id;
            self.event(Event::Window { canvas, state: WindowState::Minimized });
        }
    }
}

/// How many popups lie below and including `popup`.
fn popup_depth(popup: &PopupSurface, popups: &[PopupSurface]) -> usize {
    let mut depth = 1;
    let mut parent = popup.get_parent_surface();
    while let Some(surface) = parent.take().filter(|_| depth <= MAX_POPUP_DEPTH) {
        if let Some(above) = popups.iter().find(|held| *held.wl_surface() == surface) {
            depth += 1;
            parent = above.get_parent_surface();
        }
    }
    depth
}

impl XdgDecorationHandler for State {
    fn new_decoration(&mut self, toplevel: ToplevelSurface) {
        // "Server side", and we draw none: the frame is the viewer's own window.
        toplevel.with_pending_state(|pending| pending.decoration_mode = Some(Mode::ServerSide));
    }

    fn request_mode(&mut self, toplevel: ToplevelSurface, _: Mode) {
        self.answer(&toplevel);
    }

    fn unset_mode(&mut self, toplevel: ToplevelSurface) {
        self.answer(&toplevel);
    }
}

impl XdgActivationHandler for State {
    fn activation_state(&mut self) -> &mut XdgActivationState {
        &mut self.activation
    }

    fn token_created(&mut self, _: XdgActivationToken, _: XdgActivationTokenData) -> bool {
        while self.activation.tokens().count() >= MAX_ACTIVATION_TOKENS {
            let oldest =
                self.activation.tokens().min_by_key(|(_, data)| data.timestamp).map(|(token, _)| token.clone());
            let Some(oldest) = oldest else { break };
            self.activation.remove_token(&oldest);
        }
        true
    }

    fn request_activation(&mut self, token: XdgActivationToken, _: XdgActivationTokenData, surface: WlSurface) {
        if let Some(index) = self.window_of(&surface) {
            let id = self.windows[index].id;
            self.activate_opened(id);
        }
        self.activation.remove_token(&token);
    }
}

smithay::delegate_xdg_shell!(State);
smithay::delegate_xdg_decoration!(State);
smithay::delegate_xdg_activation!(State);
