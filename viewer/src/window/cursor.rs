//! The remote pointer's shape as one of this PC's, and whether a page holds it fast.
//!
//! Owns the table of shapes. The pointer itself is drawn by the PC, so it never
//! lags behind the hand.

use std::sync::Arc;

use shoji_protocol::{CanvasId, CursorShape};
use winit::{
    event_loop::ActiveEventLoop,
    window::{CursorGrabMode, CursorIcon, CustomCursor},
};

use super::app::App;
use crate::scene::{Model, Pointer};

/// The PC's icon for a shape; `None` hides the pointer.
pub(crate) fn icon(shape: CursorShape) -> Option<CursorIcon> {
    use CursorIcon as I;
    use CursorShape as S;
    Some(match shape {
        S::Hidden => return None,
        S::Default => I::Default,
        S::ContextMenu => I::ContextMenu,
        S::Help => I::Help,
        S::Pointer => I::Pointer,
        S::Progress => I::Progress,
        S::Wait => I::Wait,
        S::Cell => I::Cell,
        S::Crosshair => I::Crosshair,
        S::Text => I::Text,
        S::VerticalText => I::VerticalText,
        S::Alias => I::Alias,
        S::Copy => I::Copy,
        S::Move => I::Move,
        S::NoDrop => I::NoDrop,
        S::NotAllowed => I::NotAllowed,
        S::Grab => I::Grab,
        S::Grabbing => I::Grabbing,
        S::EResize => I::EResize,
        S::NResize => I::NResize,
        S::NeResize => I::NeResize,
        S::NwResize => I::NwResize,
        S::SResize => I::SResize,
        S::SeResize => I::SeResize,
        S::SwResize => I::SwResize,
        S::WResize => I::WResize,
        S::EwResize => I::EwResize,
        S::NsResize => I::NsResize,
        S::NeswResize => I::NeswResize,
        S::NwseResize => I::NwseResize,
        S::ColResize => I::ColResize,
        S::RowResize => I::RowResize,
        S::AllScroll => I::AllScroll,
        S::ZoomIn => I::ZoomIn,
        S::ZoomOut => I::ZoomOut,
        S::DndAsk => I::DndAsk,
        S::AllResize => I::AllResize,
    })
}

impl App {
    pub(super) fn new_pointer(&mut self, model: &Model) -> Option<Pointer> {
        if self.front.is_open() {
            // In front of the page the pointer is the PC's own.
            return None;
        }
        let same = match (&self.pointer, &model.pointer) {
            (Some(Pointer::Arrow), Pointer::Arrow) => true,
            (Some(Pointer::Shape(old)), Pointer::Shape(new)) => old == new,
            (Some(Pointer::Picture(old)), Pointer::Picture(new)) => Arc::ptr_eq(old, new),
            _ => false,
        };
        if same {
            return None;
        }
        self.pointer = Some(model.pointer.clone());
        self.pointer.clone()
    }

    /// The pointer was shaped for something else; the next look at the scene gives it the page's shape again.
    pub(super) fn forget_pointer_shape(&mut self) {
        self.pointer = None;
    }

    pub(super) fn show_pointer(&mut self, events: &ActiveEventLoop, pointer: Pointer) {
        let icon = match &pointer {
            Pointer::Arrow => Some(winit::window::CursorIcon::Default.into()),
            Pointer::Shape(shape) => icon(*shape).map(winit::window::Cursor::from),
            Pointer::Picture(picture) => {
                let (width, height) = (picture.width, picture.height);
                let (x, y) = picture.hotspot;
                // A picture the window system cannot take becomes the arrow.
                let custom = CustomCursor::from_rgba(picture.rgba.clone(), width, height, x, y)
                    .map(|source| winit::window::Cursor::Custom(events.create_custom_cursor(source)));
                Some(custom.unwrap_or_default())
            }
        };
        for pane in &self.panes {
            pane.window.set_cursor_visible(icon.is_some() && self.locked.is_none());
            if let Some(icon) = &icon {
                pane.window.set_cursor(icon.clone());
            }
        }
    }

    pub(super) fn follow_lock(&mut self, lock: Option<CanvasId>) {
        if self.locked == lock {
            return;
        }
        for pane in &self.panes {
            let here = lock.is_some() && pane.canvas == lock;
            let grabbed = if here {
                let window = &pane.window;
                window
                    .set_cursor_grab(CursorGrabMode::Locked)
                    .or_else(|_| window.set_cursor_grab(CursorGrabMode::Confined))
            } else {
                pane.window.set_cursor_grab(CursorGrabMode::None)
            };
            if let Err(error) = grabbed {
                // The page still gets relative motion; the pointer may leave the window.
                tracing::debug!(%error, "The window system does not lock the pointer");
            }
            pane.window.set_cursor_visible(!here);
        }
        self.locked = lock;
        if lock.is_none() {
            // Shows the last shape again.
            self.pointer = None;
        }
    }
}
