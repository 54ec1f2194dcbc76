//! The state behind every Wayland object, and what happens when a surface is committed.
//!
//! Owns the globals, the surfaces' contents and the list of windows, and brings commits to their canvases. Requests are
//! handled one by one while the display dispatches; composition happens once afterwards ([`State::finish`]), so that
//! several commits in one dispatch cost one copy. It must never block, read a clock or open a file.

use std::collections::VecDeque;

use smithay::desktop::{PopupGrab, PopupKind, PopupManager, find_popup_root_surface};
use smithay::input::keyboard::KeyboardHandle;
use smithay::input::pointer::{CursorImageStatus, PointerHandle};
use smithay::input::touch::TouchHandle;
use smithay::input::{Seat, SeatState};
use smithay::output::{Mode, Output, PhysicalProperties, Scale as OutputScale, Subpixel};
use smithay::reexports::wayland_server::protocol::wl_buffer::WlBuffer;
use smithay::reexports::wayland_server::protocol::wl_callback::WlCallback;
use smithay::reexports::wayland_server::protocol::wl_surface::{self, WlSurface};
use smithay::reexports::wayland_server::{Client, DisplayHandle, Resource};
use smithay::utils::Transform;
use smithay::wayland::buffer::BufferHandler;
use smithay::wayland::compositor::{
    CompositorClientState, CompositorHandler, CompositorState, SubsurfaceCachedState, SurfaceAttributes,
    TraversalAction, get_children, get_parent, get_role, is_sync_subsurface, send_surface_state, with_states,
    with_surface_tree_downward,
};
use smithay::wayland::cursor_shape::CursorShapeManagerState;
use smithay::wayland::fractional_scale::{FractionalScaleHandler, FractionalScaleManagerState, with_fractional_scale};
use smithay::wayland::output::{OutputHandler, OutputManagerState};
use smithay::wayland::pointer_constraints::PointerConstraintsState;
use smithay::wayland::presentation::{PresentationFeedbackCachedState, PresentationState, Refresh};
use smithay::wayland::relative_pointer::RelativePointerManagerState;
use smithay::wayland::selection::data_device::DataDeviceState;
use smithay::wayland::selection::primary_selection::PrimarySelectionState;
use smithay::wayland::shell::xdg::decoration::XdgDecorationState;
use smithay::wayland::shell::xdg::{PopupSurface, XdgShellState};
use smithay::wayland::single_pixel_buffer::SinglePixelBufferState;
use smithay::wayland::viewporter::ViewporterState;
use smithay::wayland::xdg_activation::XdgActivationState;

use crate::canvas::{Contents, Layer};
use crate::clients::{ClientState, blame};
use crate::content::Content;
use crate::foreign::Exports;
use crate::limits::{MAX_EVENTS, MAX_FRAME_CALLBACKS, MAX_SUBSURFACE_DEPTH, MAX_SURFACES};
use crate::seat::Hands;
use crate::text_input::TextInputs;
use crate::types::{CanvasId, Config, Cursor, Error, Event, Limit, Scale, Time, Viewport};
use crate::window::{Feedbacks, Window};

/// Everything that requests act on.
pub(crate) struct State {
    pub(crate) display: DisplayHandle,
    pub(crate) compositor: CompositorState,
    pub(crate) shell: XdgShellState,
    pub(crate) exports: Exports,
    pub(crate) activation: XdgActivationState,
    pub(crate) seats: SeatState<Self>,
    pub(crate) data_device: DataDeviceState,
    pub(crate) primary: PrimarySelectionState,
    pub(crate) seat: Seat<Self>,
    pub(crate) keyboard: KeyboardHandle<Self>,
    pub(crate) keymaps: crate::keymap::Keymaps,
    pub(crate) pointer: PointerHandle<Self>,
    pub(crate) touch: TouchHandle<Self>,
    pub(crate) output: Output,
    pub(crate) viewport: Viewport,
    pub(crate) now: Time,

    pub(crate) windows: Vec<Window>,
    /// Windows of other programs than the one that has windows are not shown.
    pub(crate) refuses_strangers: bool,
    pub(crate) contents: Contents,
    pub(crate) popups: PopupManager,
    /// In the order they were made: parents before children.
    pub(crate) popup_list: Vec<PopupSurface>,
    pub(crate) popup_grab: Option<PopupGrab<Self>>,
    pub(crate) hands: Hands,
    pub(crate) holds: crate::hold::Holds,
    pub(crate) text_inputs: TextInputs,
    pub(crate) drag: crate::drag::Drag,
    pub(crate) cursor: CursorImageStatus,
    pub(crate) cursor_changed: bool,
    pub(crate) told_cursor: Cursor,

    events: VecDeque<Event>,
    next_canvas: u32,
    presented: u64,
    committed: bool,
    /// The layers under the pointer changed: it may be over another surface now.
    repoint: bool,
    /// Callbacks of surfaces that are on no canvas: answered at the end of the dispatch, or they would wait forever.
    homeless: (Vec<WlCallback>, Feedbacks),
    spare_layers: Vec<Layer>,
}

impl State {
    pub(crate) fn new(display: &DisplayHandle, config: &Config) -> Result<Self, Error> {
        let mut seats = SeatState::new();
        let mut seat = seats.new_wl_seat(display, "seat0");
        let keyboard = seat
            .add_keyboard(crate::keymap::xkb_config(config.keyboard), REPEAT_DELAY_MS, REPEAT_PER_SECOND)
            .map_err(|_| Error::Keymap(config.keyboard))?;
        let pointer = seat.add_pointer();
        let touch = seat.add_touch();
        let output = Output::new(
            "SHOJI-1".to_owned(),
            PhysicalProperties {
                size: (0, 0).into(),
                subpixel: Subpixel::None,
                make: "Shoji".to_owned(),
                model: "Canvas".to_owned(),
            },
        );
        output.create_global::<Self>(display);
        crate::text_input::create_global(display);
        crate::foreign::create_globals(display);
        create_global_shm(display);
        // The states below keep nothing that we ask for later; their globals live as long as the display.
        let _ = (
            OutputManagerState::new_with_xdg_output::<Self>(display),
            ViewporterState::new::<Self>(display),
            FractionalScaleManagerState::new::<Self>(display),
            SinglePixelBufferState::new::<Self>(display),
            CursorShapeManagerState::new::<Self>(display),
            RelativePointerManagerState::new::<Self>(display),
            PointerConstraintsState::new::<Self>(display),
            XdgDecorationState::new::<Self>(display),
            PresentationState::new::<Self>(display, CLOCK_MONOTONIC),
        );
        let mut state = Self {
            display: display.clone(),
            compositor: CompositorState::new_v6::<Self>(display),
            shell: XdgShellState::new::<Self>(display),
            exports: Exports::default(),
            activation: XdgActivationState::new::<Self>(display),
            seats,
            data_device: DataDeviceState::new::<Self>(display),
            primary: PrimarySelectionState::new::<Self>(display),
            seat,
            keyboard,
            keymaps: crate::keymap::Keymaps::default(),
            pointer,
            touch,
            output,
            viewport: config.viewport,
            now: Time::default(),
            windows: Vec::new(),
            refuses_strangers: false,
            contents: Contents::new(),
            popups: PopupManager::default(),
            popup_list: Vec::new(),
            popup_grab: None,
            hands: Hands::new(config.keyboard),
            holds: crate::hold::Holds::default(),
            text_inputs: TextInputs::default(),
            drag: crate::drag::Drag::default(),
            cursor: CursorImageStatus::default_named(),
            cursor_changed: false,
            told_cursor: Cursor::Shape(crate::types::CursorShape::Default),
            events: VecDeque::new(),
            next_canvas: 1,
            presented: 0,
            committed: false,
            repoint: false,
            homeless: (Vec::new(), Vec::new()),
            spare_layers: Vec::new(),
        };
        state.set_viewport(config.viewport);
        Ok(state)
    }

    /// The viewport that new windows and the output have.
    pub(crate) fn set_viewport(&mut self, viewport: Viewport) {
        self.viewport = viewport;
        let mode = Mode {
            size: (viewport.size.width as i32, viewport.size.height as i32).into(),
            refresh: i32::try_from(viewport.refresh).unwrap_or(i32::MAX),
        };
        if let Some(old) = self.output.current_mode()
            && old != mode
        {
            self.output.delete_mode(old);
        }
        let scale = OutputScale::Fractional(viewport.scale.factor());
        self.output.change_current_state(Some(mode), Some(Transform::Normal), Some(scale), Some((0, 0).into()));
        self.output.set_preferred(mode);
    }

    pub(crate) fn event(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS {
            let droppable = |event: &Event| matches!(event, Event::Cursor(_) | Event::TextPlace);
            if let Some(oldest) = self.events.iter().position(droppable) {
                self.events.remove(oldest);
            }
        }
        self.events.push_back(event);
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn new_canvas_id(&mut self) -> CanvasId {
        let id = CanvasId(self.next_canvas);
        self.next_canvas += 1;
        id
    }

    pub(crate) fn window(&self, id: CanvasId) -> Option<&Window> {
        self.windows.iter().find(|window| window.id == id && window.opened)
    }

    pub(crate) fn window_mut(&mut self, id: CanvasId) -> Option<&mut Window> {
        self.windows.iter_mut().find(|window| window.id == id && window.opened)
    }

    /// The window that `surface` is drawn in: its own, its parent surface's or its popup's.
    pub(crate) fn window_of(&self, surface: &WlSurface) -> Option<usize> {
        let root = self.root_of(surface)?;
        self.windows.iter().position(|window| *window.toplevel.wl_surface() == root)
    }

    fn root_of(&self, surface: &WlSurface) -> Option<WlSurface> {
        let mut root = surface.clone();
        while let Some(parent) = get_parent(&root) {
            root = parent;
        }
        match self.popup_list.iter().find(|popup| *popup.wl_surface() == root) {
            Some(popup) => find_popup_root_surface(&PopupKind::Xdg(popup.clone())).ok(),
            None => Some(root),
        }
    }

    /// Composes what was committed and answers what waits for nothing. Called once per dispatch.
    pub(crate) fn finish(&mut self) {
        self.refresh_grab();
        if std::mem::take(&mut self.committed) || self.windows.iter().any(|window| window.dirty) {
            for index in 0..self.windows.len() {
                if self.windows[index].dirty {
                    self.compose(index);
                }
            }
            // What lies on no canvas (cursors, unmapped surfaces) still gets its buffers back.
            for content in self.contents.values_mut().filter(|content| content.waiting.is_some()) {
                content.store();
            }
        }
        if std::mem::take(&mut self.repoint) {
            self.point_again();
        }
        self.tell_cursor();
        self.tell_pointer_lock();
        let now = self.now;
        let (callbacks, feedbacks) = std::mem::take(&mut self.homeless);
        for callback in callbacks {
            callback.done(now.millis());
        }
        for feedback in feedbacks {
            feedback.discarded();
        }
    }

    fn compose(&mut self, index: usize) {
        let mut layers = std::mem::take(&mut self.spare_layers);
        layers.clear();
        let window = &mut self.windows[index];
        window.dirty = false;
        if !window.mapped {
            self.spare_layers = layers;
            return;
        }
        let size = crate::layout::lay_out(
            window,
            &self.contents,
            &self.popup_list,
            self.drag.icon.as_ref().zip(self.hands.drag_place(window.id)),
            &mut layers,
        );
        let old = window.picture.size();
        window.picture.compose(size, &window.toplevel.wl_surface().id(), &mut layers, &mut self.contents);
        self.repoint |= window.picture.layers() != layers;
        layers.clear();
        self.spare_layers = layers;
        let (id, opened) = (window.id, window.opened);
        if !opened {
            self.open(index);
        } else if old != size {
            self.event(Event::CanvasResized { canvas: id, size });
            self.replace_popups(index);
        }
        let window = &mut self.windows[index];
        let damaged = window.picture.has_damage() && !std::mem::replace(&mut window.told_damage, true);
        let waiting = !(window.callbacks.is_empty() && window.feedbacks.is_empty());
        let wanted = waiting && !window.told_wanted;
        window.told_wanted |= waiting;
        if damaged {
            self.event(Event::Damaged { canvas: id });
        }
        if wanted {
            self.event(Event::FrameWanted { canvas: id });
        }
    }

    /// The update with this canvas's picture left: its clients may draw the next one.
    pub(crate) fn frame_done(&mut self, id: CanvasId, now: Time) {
        self.now = self.now.max(now);
        self.presented += 1;
        let sequence = self.presented;
        let output = self.output.clone();
        let Some(window) = self.window_mut(id) else { return };
        window.told_wanted = false;
        for callback in window.callbacks.drain(..) {
            callback.done(now.millis());
        }
        let refresh = std::time::Duration::from_nanos(1_000_000_000_000 / u64::from(window.wanted.refresh.max(1)));
        for feedback in window.feedbacks.drain(..) {
            use smithay::reexports::wayland_protocols::wp::presentation_time::server::wp_presentation_feedback::Kind;
            let at = std::time::Duration::from_micros(now.0);
            feedback.presented(&output, at, Refresh::fixed(refresh), sequence, Kind::empty());
        }
    }

    /// Takes over the state that a commit applied to `surface` and the subsurfaces below it.
    fn take_over(&mut self, surface: &WlSurface) {
        let window = self
            .window_of(surface)
            .filter(|index| self.windows[*index].mapped || self.windows[*index].has_content(&self.contents));
        let (callbacks, feedbacks) = match window {
            Some(index) => {
                let window = &mut self.windows[index];
                (&mut window.callbacks, &mut window.feedbacks)
            }
            None => (&mut self.homeless.0, &mut self.homeless.1),
        };
        let contents = &mut self.contents;
        with_surface_tree_downward(
            surface,
            0_usize,
            |_, _, depth| TraversalAction::DoChildren(depth + 1),
            |surface, states, depth| {
                if *depth == 1 {
                    // The place of a subsurface is its parent's state: it changes by the parent's commit.
                    let mut guard = states.cached_state.get::<SubsurfaceCachedState>();
                    let location = guard.pending().location;
                    guard.current().location = location;
                }
                {
                    let mut guard = states.cached_state.get::<SurfaceAttributes>();
                    callbacks.append(&mut guard.current().frame_callbacks);
                }
                {
                    let mut guard = states.cached_state.get::<PresentationFeedbackCachedState>();
                    feedbacks.append(&mut guard.current().callbacks);
                }
                if let Some(content) = contents.get_mut(&surface.id()) {
                    content.commit(states);
                }
            },
            |_, _, _| true,
        );
        let waiting = callbacks.len() + feedbacks.len();
        if waiting > MAX_FRAME_CALLBACKS
            && let Some(client) = surface.client()
        {
            blame(&client, &self.display, Limit::FrameCallbacks);
        }
    }

    /// Tells `surface` the scale of the canvas it is (or will be) drawn in.
    pub(crate) fn tell_scale(&self, surface: &WlSurface, scale: Scale) {
        let integer = i32::from(scale.in_120ths().div_ceil(120));
        with_states(surface, |states| {
            send_surface_state(surface, states, integer, Transform::Normal);
            with_fractional_scale(states, |fractional| fractional.set_preferred_scale(scale.factor()));
        });
    }
}

impl CompositorHandler for State {
    fn compositor_state(&mut self) -> &mut CompositorState {
        &mut self.compositor
    }

    fn client_compositor_state<'a>(&self, client: &'a Client) -> &'a CompositorClientState {
        &ClientState::of(client).compositor
    }

    fn new_surface(&mut self, surface: &WlSurface) {
        let Some(client) = surface.client() else { return };
        match ClientState::of(&client).surfaces.take(MAX_SURFACES) {
            Some(ticket) => {
                self.contents.insert(surface.id(), Content::new(ticket));
                self.output.enter(surface);
                self.tell_scale(surface, self.viewport.scale);
            }
            None => blame(&client, &self.display, Limit::Surfaces),
        }
    }

    fn new_subsurface(&mut self, surface: &WlSurface, parent: &WlSurface) {
        let mut depth = 0;
        let mut above = Some(parent.clone());
        while let Some(next) = above.filter(|_| depth <= MAX_SUBSURFACE_DEPTH) {
            depth += 1;
            above = get_parent(&next);
        }
        if depth + height_of(surface, MAX_SUBSURFACE_DEPTH) > MAX_SUBSURFACE_DEPTH {
            surface.post_error(wl_surface::Error::DefunctRoleObject, "subsurfaces are nested too deep");
        }
        if let Some(index) = self.window_of(parent) {
            let scale = self.windows[index].wanted.scale;
            self.tell_scale(surface, scale);
        }
    }

    fn commit(&mut self, surface: &WlSurface) {
        if is_sync_subsurface(surface) {
            return;
        }
        self.committed = true;
        self.take_over(surface);
        self.popups.commit(surface);
        match get_role(surface) {
            Some("xdg_toplevel") => self.toplevel_committed(surface),
            Some("xdg_popup") => self.popup_committed(surface),
            Some("cursor_image") => self.cursor_changed = true,
            _ => {}
        }
        if let Some(index) = self.window_of(surface) {
            self.windows[index].dirty = true;
        } else if self.drag.icon.as_ref() == Some(surface) {
            self.redraw_drag_icon();
        }
    }

    fn destroyed(&mut self, surface: &WlSurface) {
        self.contents.remove(&surface.id());
        self.committed = true;
        if self.drag.icon.as_ref() == Some(surface) {
            self.drag.icon = None;
            self.redraw_drag_icon();
        }
        // A destroyed subsurface leaves a hole wherever it was.
        for window in &mut self.windows {
            window.dirty |= window.picture.layers().iter().any(|layer| layer.surface == *surface);
        }
    }
}

/// How many levels of subsurfaces hang below `surface`, itself included; counted no further than `limit`.
fn height_of(surface: &WlSurface, limit: usize) -> usize {
    let mut level = vec![surface.clone()];
    let mut height = 0;
    while !level.is_empty() && height <= limit {
        height += 1;
        // A surface is among its own children.
        level = level
            .iter()
            .flat_map(|parent| get_children(parent).into_iter().filter(move |child| child != parent))
            .collect();
    }
    height
}

impl BufferHandler for State {
    fn buffer_destroyed(&mut self, _: &WlBuffer) {}
}

impl OutputHandler for State {}

impl FractionalScaleHandler for State {
    fn new_fractional_scale(&mut self, surface: WlSurface) {
        let scale = self.window_of(&surface).map_or(self.viewport.scale, |index| self.windows[index].wanted.scale);
        self.tell_scale(&surface, scale);
    }
}

fn create_global_shm(display: &DisplayHandle) {
    use smithay::reexports::wayland_server::protocol::wl_shm::WlShm;
    display.create_global::<State, WlShm, ()>(1, ());
}

/// How long a key is held before the client repeats it, as desktops commonly do.
const REPEAT_DELAY_MS: i32 = 600;
/// How often the client repeats a held key.
const REPEAT_PER_SECOND: i32 = 30;
/// The clock of [`Time`], as `wp_presentation.clock_id` names it.
const CLOCK_MONOTONIC: u32 = 1;

smithay::delegate_output!(State);
smithay::delegate_viewporter!(State);
smithay::delegate_fractional_scale!(State);
smithay::delegate_single_pixel_buffer!(State);
smithay::delegate_presentation!(State);
