//! Where the user is likely to look: around the pointer and the caret.
//!
//! Owns those places. It must never decide whether something is sent, only what goes first.

use crate::geometry::{Rect, Size};

/// How far around a place counts as near, pixels: some words of a line to either side, and a few lines.
const ACROSS: u32 = 256;
const DOWN: u32 = 96;

/// The places, at most one for the pointer and one for the caret.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Focus {
    near: [Rect; 2],
}

impl Focus {
    /// The neighbourhood of these places on a canvas of any size; a place outside it has none.
    pub(crate) fn around(places: [Option<Rect>; 2]) -> Self {
        let near = |place: Rect| {
            let (right, bottom) = (place.right().saturating_add(ACROSS), place.bottom().saturating_add(DOWN));
            Rect::between(place.x.saturating_sub(ACROSS), place.y.saturating_sub(DOWN), right, bottom)
        };
        Self { near: places.map(|place| place.map_or(Rect::default(), near)) }
    }

    /// Whether there is any such place on a canvas of this size.
    pub(crate) fn is_on(&self, size: Size) -> bool {
        self.is_near(size.rect())
    }

    /// Whether a rectangle touches a place's neighbourhood.
    pub(crate) fn is_near(&self, rect: Rect) -> bool {
        self.near.iter().any(|near| near.intersect(rect).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_touches_the_surroundings_of_pointer_or_caret_is_near() {
        let size = Size { width: 1920, height: 1080 };
        assert!(!Focus::default().is_on(size));
        let caret = Rect { x: 100, y: 50, width: 2, height: 20 };
        let focus = Focus::around([None, Some(caret)]);
        assert!(focus.is_on(size));
        let at = |x, y| focus.is_near(Rect { x, y, width: 64, height: 8 });
        assert!(at(0, 0) && at(320, 160) && !at(384, 0) && !at(0, 168));
        let far = Rect { x: u32::MAX, y: u32::MAX, width: 0, height: 0 };
        assert!(!Focus::around([Some(far), None]).is_on(size));
    }
}
