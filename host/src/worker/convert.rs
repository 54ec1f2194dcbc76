//! Between the protocol's words and the compositor's.
//!
//! Two vocabularies for the same things, kept apart so that the compositor knows nothing of the wire; this module is the
//! only place that knows both. It must never change a meaning.

use shoji_compositor as compositor;
use shoji_protocol as protocol;

pub(super) fn viewport(viewport: protocol::Viewport) -> compositor::Viewport {
    let size = viewport.size();
    compositor::Viewport {
        size: compositor::Size::new(size.width().into(), size.height().into()),
        scale: compositor::Scale::from_120ths(viewport.scale().get()),
        refresh: viewport.refresh().get(),
    }
}

pub(super) fn keyboard(layout: protocol::KeyboardLayout) -> compositor::KeyboardLayout {
    match layout {
        protocol::KeyboardLayout::Jp => compositor::KeyboardLayout::Jp,
        protocol::KeyboardLayout::Us => compositor::KeyboardLayout::Us,
        protocol::KeyboardLayout::UsInternational => compositor::KeyboardLayout::UsInternational,
        protocol::KeyboardLayout::Gb => compositor::KeyboardLayout::Gb,
        protocol::KeyboardLayout::De => compositor::KeyboardLayout::De,
        protocol::KeyboardLayout::Fr => compositor::KeyboardLayout::Fr,
        protocol::KeyboardLayout::Es => compositor::KeyboardLayout::Es,
        protocol::KeyboardLayout::It => compositor::KeyboardLayout::It,
        protocol::KeyboardLayout::Pt => compositor::KeyboardLayout::Pt,
        protocol::KeyboardLayout::Br => compositor::KeyboardLayout::Br,
        protocol::KeyboardLayout::Kr => compositor::KeyboardLayout::Kr,
    }
}

pub(super) fn canvas_in(canvas: protocol::CanvasId) -> compositor::CanvasId {
    compositor::CanvasId(canvas.0)
}

pub(super) fn canvas_out(canvas: compositor::CanvasId) -> protocol::CanvasId {
    protocol::CanvasId(canvas.0)
}

/// The caret as the encoder knows it.
pub(super) fn caret(place: compositor::TextPlace) -> Option<(protocol::CanvasId, shoji_codec::Rect)> {
    let compositor::TextPlace::Field { canvas, caret: Some(rect), .. } = place else { return None };
    let rect = shoji_codec::Rect { x: rect.x, y: rect.y, width: rect.width, height: rect.height };
    Some((canvas_out(canvas), rect))
}

pub(super) fn text_place(place: compositor::TextPlace) -> protocol::TextPlace {
    let side = |pixels: u32| protocol::CaretPlace::clamped(u16::try_from(pixels).unwrap_or(u16::MAX));
    match place {
        compositor::TextPlace::Nowhere => protocol::TextPlace::Nowhere,
        compositor::TextPlace::Secret => protocol::TextPlace::Secret,
        compositor::TextPlace::Field { canvas, field, caret } => protocol::TextPlace::Field {
            canvas: canvas_out(canvas),
            field: protocol::TextField(field),
            caret: caret.map(|caret| protocol::CaretArea {
                x: side(caret.x),
                y: side(caret.y),
                width: side(caret.width),
                height: side(caret.height),
            }),
        },
    }
}

fn position(position: protocol::Position) -> compositor::Position {
    compositor::Position::new(position.x.to_pixels(), position.y.to_pixels())
}

pub(super) fn input(input: protocol::Input) -> compositor::Input {
    match input {
        protocol::Input::Key { key, pressed } => compositor::Input::Key { key: compositor::Key(key.get()), pressed },
        protocol::Input::PointerMotion { canvas, position: at } => {
            compositor::Input::PointerMotion { canvas: canvas_in(canvas), position: position(at) }
        }
        protocol::Input::PointerRelative { dx, dy } => {
            compositor::Input::PointerRelative { dx: dx.to_pixels(), dy: dy.to_pixels() }
        }
        protocol::Input::PointerButton { button, pressed } => {
            let button = match button {
                protocol::Button::Left => compositor::Button::Left,
                protocol::Button::Middle => compositor::Button::Middle,
                protocol::Button::Right => compositor::Button::Right,
                protocol::Button::Back => compositor::Button::Back,
                protocol::Button::Forward => compositor::Button::Forward,
            };
            compositor::Input::PointerButton { button, pressed }
        }
        protocol::Input::PointerLeave => compositor::Input::PointerLeave,
        protocol::Input::Wheel { horizontal, vertical, source } => compositor::Input::Wheel {
            horizontal: horizontal.get(),
            vertical: vertical.get(),
            source: match source {
                protocol::WheelSource::Wheel => compositor::WheelSource::Wheel,
                protocol::WheelSource::Finger => compositor::WheelSource::Finger,
            },
        },
        protocol::Input::Touch { finger, phase, canvas, position: at } => compositor::Input::Touch {
            finger: finger.get(),
            phase: match phase {
                protocol::TouchPhase::Down => compositor::TouchPhase::Down,
                protocol::TouchPhase::Motion => compositor::TouchPhase::Motion,
                protocol::TouchPhase::Up => compositor::TouchPhase::Up,
                protocol::TouchPhase::Cancel => compositor::TouchPhase::Cancel,
            },
            canvas: canvas_in(canvas),
            position: position(at),
        },
        protocol::Input::Focus { canvas } => compositor::Input::Focus { canvas: canvas.map(canvas_in) },
        protocol::Input::Preedit { text, cursor } => compositor::Input::Preedit {
            text: text.as_str().to_owned(),
            cursor: cursor.map(|cursor| (cursor.from.get().into(), cursor.to.get().into())),
        },
        protocol::Input::StillHeld => compositor::Input::StillHeld,
        protocol::Input::Lock { lock, on } => {
            let lock = match lock {
                protocol::Lock::Caps => compositor::Lock::Caps,
                protocol::Lock::Num => compositor::Lock::Num,
            };
            compositor::Input::Lock { lock, on }
        }
        protocol::Input::Commit { text } => compositor::Input::Commit { text: text.as_str().to_owned() },
    }
}

pub(super) fn size(size: compositor::Size) -> protocol::Size {
    protocol::Size::clamped(size.width, size.height)
}

pub(super) fn kind(kind: compositor::CanvasKind) -> protocol::CanvasKind {
    match kind {
        compositor::CanvasKind::Window => protocol::CanvasKind::Window,
        compositor::CanvasKind::Dialog => protocol::CanvasKind::Dialog,
    }
}

pub(super) fn window_state(state: compositor::WindowState) -> protocol::WindowState {
    match state {
        compositor::WindowState::Normal => protocol::WindowState::Normal,
        compositor::WindowState::Maximized => protocol::WindowState::Maximized,
        compositor::WindowState::Fullscreen => protocol::WindowState::Fullscreen,
        compositor::WindowState::Minimized => protocol::WindowState::Minimized,
    }
}

/// A cursor as a message; a picture that is no legal cursor becomes the arrow.
pub(super) fn cursor(cursor: &compositor::Cursor, pictures: bool) -> protocol::ToViewer<'_> {
    let shape = |shape| protocol::ToViewer::Cursor { shape };
    match cursor {
        compositor::Cursor::Shape(of) => shape(cursor_shape(*of)),
        compositor::Cursor::Hidden => shape(protocol::CursorShape::Hidden),
        compositor::Cursor::Image { .. } if !pictures => shape(protocol::CursorShape::Default),
        compositor::Cursor::Image { size, hotspot, pixels } => {
            picture(*size, *hotspot, pixels).unwrap_or(shape(protocol::CursorShape::Default))
        }
    }
}

fn picture(size: compositor::Size, hotspot: (u32, u32), pixels: &[u8]) -> Option<protocol::ToViewer<'_>> {
    let side = |pixels: u32| u8::try_from(pixels).ok();
    let size = protocol::CursorSize::new(side(size.width)?, side(size.height)?).ok()?;
    let hotspot = protocol::Hotspot::new(side(hotspot.0)?, side(hotspot.1)?).ok()?;
    let fits = hotspot.is_within(size) && pixels.len() == size.bytes();
    let pixels = protocol::Pixels::new(pixels).ok()?;
    fits.then_some(protocol::ToViewer::CursorImage { size, hotspot, pixels })
}

/// Both vocabularies took the names of the CSS cursors.
macro_rules! shapes {
    ($shape:expr, $($name:ident)*) => {
        match $shape { $(compositor::CursorShape::$name => protocol::CursorShape::$name,)* }
    };
}

fn cursor_shape(shape: compositor::CursorShape) -> protocol::CursorShape {
    shapes!(shape,
        Default ContextMenu Help Pointer Progress Wait Cell Crosshair Text VerticalText Alias Copy Move NoDrop
        NotAllowed Grab Grabbing EResize NResize NeResize NwResize SResize SeResize SwResize WResize EwResize NsResize
        NeswResize NwseResize ColResize RowResize AllScroll ZoomIn ZoomOut DndAsk AllResize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_picture_that_is_too_large_becomes_the_arrow() {
        let image = |side: u32, hotspot| compositor::Cursor::Image {
            size: compositor::Size::new(side, side),
            hotspot,
            pixels: vec![0; (side * side * 4) as usize],
        };
        let is_picture = |of: &compositor::Cursor| matches!(cursor(of, true), protocol::ToViewer::CursorImage { .. });
        assert!(is_picture(&image(32, (3, 3))));
        assert!(!is_picture(&image(300, (3, 3))));
        assert!(!is_picture(&image(32, (40, 3))));
    }
}
