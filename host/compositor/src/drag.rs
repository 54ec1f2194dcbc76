//! Drag and drop inside the session: from one of its surfaces to another, never out of it or in.
//!
//! Owns the drag that is going on: its icon, and what the pointer looks like meanwhile. No client says that, for none has the pointer
//! while something is dragged; the viewer needs it to show what a drop would do, and to tell a person that nothing can be dragged out.
//! Must never look at what is carried.

use smithay::input::Seat;
use smithay::reexports::wayland_server::protocol::wl_data_device_manager::DndAction;
use smithay::reexports::wayland_server::protocol::wl_data_source::WlDataSource;
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::wayland::selection::data_device::{
    ClientDndGrabHandler, DataDeviceHandler, DataDeviceState, ServerDndGrabHandler, default_action_chooser,
    with_source_metadata,
};

use crate::state::State;
use crate::types::CursorShape;

/// How the type begins by which Chromium drags its own tabs and windows: they may well leave the window.
const OWN_WINDOW: &str = "chromium/x-window";

/// What is dragged.
#[derive(Debug, Default)]
pub(crate) struct Drag {
    pub(crate) icon: Option<WlSurface>,
    /// Somebody drags.
    pub(crate) is_on: bool,
    /// It is a part of the browser itself.
    is_window: bool,
    /// What a drop would do where the pointer is.
    action: Option<DndAction>,
}

impl Drag {
    /// What the pointer looks like, as long as something is dragged.
    pub(crate) fn cursor(&self) -> Option<CursorShape> {
        let shape = match self.action {
            _ if self.is_window => CursorShape::Grabbing,
            Some(DndAction::Copy) => CursorShape::Copy,
            Some(DndAction::Move) => CursorShape::Move,
            Some(DndAction::Ask) => CursorShape::DndAsk,
            _ => CursorShape::NoDrop,
        };
        self.is_on.then_some(shape)
    }
}

impl State {
    /// Draws the canvas under the pointer anew: the drag icon came, changed or went.
    pub(crate) fn redraw_drag_icon(&mut self) {
        if let Some(window) = self.hands.pointed().and_then(|canvas| self.window_mut(canvas)) {
            window.dirty = true;
        }
    }

    /// What is dragged can be dropped on nothing where the pointer is now.
    pub(crate) fn drag_left(&mut self) {
        self.drag_would(None);
    }

    fn drag_would(&mut self, action: Option<DndAction>) {
        self.cursor_changed |= self.drag.is_on && self.drag.action != action;
        self.drag.action = action;
    }
}

impl DataDeviceHandler for State {
    fn data_device_state(&self) -> &DataDeviceState {
        &self.data_device
    }

    fn action_choice(&mut self, available: DndAction, preferred: DndAction) -> DndAction {
        let chosen = default_action_chooser(available, preferred);
        self.drag_would(Some(chosen));
        chosen
    }
}

impl ClientDndGrabHandler for State {
    fn started(&mut self, source: Option<WlDataSource>, icon: Option<WlSurface>, _: Seat<Self>) {
        let is_window = source.is_some_and(|source| {
            let types = with_source_metadata(&source, |source| source.mime_types.clone());
            types.is_ok_and(|types| types.iter().any(|name| name.starts_with(OWN_WINDOW)))
        });
        self.drag = Drag { icon, is_on: true, is_window, action: None };
        self.cursor_changed = true;
        self.redraw_drag_icon();
    }

    fn dropped(&mut self, _: Option<WlSurface>, _: bool, _: Seat<Self>) {
        self.drag = Drag::default();
        self.cursor_changed = true;
        self.redraw_drag_icon();
    }
}

impl ServerDndGrabHandler for State {}
