//! The remote pointer's shape as one of this PC's.
//!
//! Owns the table of shapes. The pointer itself is drawn by the PC, so it never
//! lags behind the hand.

use shoji_protocol::CursorShape;
use winit::window::CursorIcon;

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
