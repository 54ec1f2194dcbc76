//! What the pointer looks like, told when it changes.
//!
//! Owns the translation from a client's cursor (a shape's name or a surface) to [`Cursor`]. A picture is told as a copy;
//! it must never reach over [`MAX_CURSOR_SIZE`].

use smithay::input::pointer::{CursorIcon, CursorImageStatus, CursorImageSurfaceData};
use smithay::reexports::wayland_server::Resource;
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::utils::IsAlive;
use smithay::wayland::compositor::with_states;

use crate::canvas::{Draw, Layer};
use crate::content::Pixels;
use crate::limits::MAX_CURSOR_SIZE;
use crate::pixels::{BPP, Target};
use crate::region::Area;
use crate::state::State;
use crate::types::{Cursor, CursorShape, Event, Size};

impl State {
    /// Reports the cursor if it changed since the last time.
    pub(crate) fn tell_cursor(&mut self) {
        let dead = matches!(&self.cursor, CursorImageStatus::Surface(surface) if !surface.alive());
        if dead {
            self.cursor = CursorImageStatus::default_named();
            self.cursor_changed = true;
        }
        if !std::mem::take(&mut self.cursor_changed) {
            return;
        }
        let dragged = self.drag.cursor().map(Cursor::Shape);
        let cursor = dragged.unwrap_or_else(|| match &self.cursor {
            CursorImageStatus::Hidden => Cursor::Hidden,
            CursorImageStatus::Named(icon) => Cursor::Shape(shape(*icon)),
            CursorImageStatus::Surface(surface) => self.picture_of(surface).unwrap_or(Cursor::Hidden),
        });
        if cursor != self.told_cursor {
            self.told_cursor = cursor.clone();
            self.event(Event::Cursor(cursor));
        }
    }

    /// The picture of a cursor surface in physical pixels; None while it shows nothing.
    fn picture_of(&self, surface: &WlSurface) -> Option<Cursor> {
        let content = self.contents.get(&surface.id())?;
        let Pixels::Stored(image) = &content.pixels else { return None };
        let scale = self.viewport.scale.factor();
        let layer = Layer::place(surface, surface.id(), content, (0.0, 0.0), scale)?;
        let width = layer.area.width().min(MAX_CURSOR_SIZE as i32);
        let height = layer.area.height().min(MAX_CURSOR_SIZE as i32);
        let mut pixels = vec![0; width as usize * height as usize * BPP];
        let mut target = Target { width, height, data: &mut pixels };
        match layer.draw {
            Draw::Copy(x, y) => target.copy(image, Area::of_size(width, height), (x, y)),
            Draw::Mapped(map) => target.draw_mapped(image, Area::of_size(width, height), &map),
        }
        let hotspot = with_states(surface, |states| {
            let data = states.data_map.get::<CursorImageSurfaceData>()?.lock().ok()?;
            Some((data.hotspot.x, data.hotspot.y))
        });
        let (x, y) = hotspot.unwrap_or_default();
        let inside = |at: i32, end: i32| (f64::from(at) * scale).round().clamp(0.0, f64::from(end - 1)) as u32;
        Some(Cursor::Image {
            size: Size::new(width as u32, height as u32),
            hotspot: (inside(x, width), inside(y, height)),
            pixels,
        })
    }
}

fn shape(icon: CursorIcon) -> CursorShape {
    match icon {
        CursorIcon::ContextMenu => CursorShape::ContextMenu,
        CursorIcon::Help => CursorShape::Help,
        CursorIcon::Pointer => CursorShape::Pointer,
        CursorIcon::Progress => CursorShape::Progress,
        CursorIcon::Wait => CursorShape::Wait,
        CursorIcon::Cell => CursorShape::Cell,
        CursorIcon::Crosshair => CursorShape::Crosshair,
        CursorIcon::Text => CursorShape::Text,
        CursorIcon::VerticalText => CursorShape::VerticalText,
        CursorIcon::Alias => CursorShape::Alias,
        CursorIcon::Copy => CursorShape::Copy,
        CursorIcon::Move => CursorShape::Move,
        CursorIcon::NoDrop => CursorShape::NoDrop,
        CursorIcon::NotAllowed => CursorShape::NotAllowed,
        CursorIcon::Grab => CursorShape::Grab,
        CursorIcon::Grabbing => CursorShape::Grabbing,
        CursorIcon::EResize => CursorShape::EResize,
        CursorIcon::NResize => CursorShape::NResize,
        CursorIcon::NeResize => CursorShape::NeResize,
        CursorIcon::NwResize => CursorShape::NwResize,
        CursorIcon::SResize => CursorShape::SResize,
        CursorIcon::SeResize => CursorShape::SeResize,
        CursorIcon::SwResize => CursorShape::SwResize,
        CursorIcon::WResize => CursorShape::WResize,
        CursorIcon::EwResize => CursorShape::EwResize,
        CursorIcon::NsResize => CursorShape::NsResize,
        CursorIcon::NeswResize => CursorShape::NeswResize,
        CursorIcon::NwseResize => CursorShape::NwseResize,
        CursorIcon::ColResize => CursorShape::ColResize,
        CursorIcon::RowResize => CursorShape::RowResize,
        CursorIcon::AllScroll => CursorShape::AllScroll,
        CursorIcon::ZoomIn => CursorShape::ZoomIn,
        CursorIcon::ZoomOut => CursorShape::ZoomOut,
        CursorIcon::DndAsk => CursorShape::DndAsk,
        CursorIcon::AllResize => CursorShape::AllResize,
        // The enum is open; a shape that the protocol does not know is the default one.
        _ => CursorShape::Default,
    }
}
