//! Where the user is likely to look: at the pointer and at the caret. The encoder sends what is near them first.
//!
//! Pure bookkeeping. Must never hold more than the last place of each.

use shoji_codec::Rect;
use shoji_protocol::{CanvasId, Input};

/// The last known places.
#[derive(Debug, Default)]
pub(super) struct Look {
    pointer: Option<(CanvasId, Rect)>,
    caret: Option<(CanvasId, Rect)>,
    focus: Option<CanvasId>,
}

impl Look {
    /// The user did something.
    pub(super) fn take_input(&mut self, input: &Input) {
        match input {
            Input::PointerMotion { canvas, position } => {
                // What lies left of or above the canvas comes to its edge, and what lies beyond it is on no canvas.
                let place = |fixed: f64| fixed.max(0.0) as u32;
                let (x, y) = (place(position.x.to_pixels()), place(position.y.to_pixels()));
                self.pointer = Some((*canvas, Rect { x, y, width: 1, height: 1 }));
            }
            Input::PointerLeave => self.pointer = None,
            Input::Focus { canvas } => self.focus = *canvas,
            _ => {}
        }
    }

    /// The caret moved, appeared or went.
    pub(super) fn set_caret(&mut self, caret: Option<(CanvasId, Rect)>) {
        self.caret = caret;
    }

    /// The canvas on which typed text appears: the caret's, or where no caret is known the keyboard's.
    pub(super) fn typed_on(&self) -> Option<CanvasId> {
        self.caret.map(|(canvas, _)| canvas).or(self.focus)
    }

    /// The places of pointer and caret on a canvas.
    pub(super) fn on(&self, canvas: CanvasId) -> (Option<Rect>, Option<Rect>) {
        let here = |place: Option<(CanvasId, Rect)>| place.filter(|(of, _)| *of == canvas).map(|(_, rect)| rect);
        (here(self.pointer), here(self.caret))
    }
}

#[cfg(test)]
mod tests {
    use shoji_protocol::Position;

    use super::*;

    #[test]
    fn pointer_and_caret_are_known_on_their_own_canvas_until_they_leave() {
        let mut look = Look::default();
        let position = Position::from_pixels(-3.0, 40.5);
        look.take_input(&Input::PointerMotion { canvas: CanvasId(1), position });
        let caret = Rect { x: 5, y: 6, width: 2, height: 20 };
        look.set_caret(Some((CanvasId(2), caret)));
        assert_eq!(look.on(CanvasId(1)), (Some(Rect { x: 0, y: 40, width: 1, height: 1 }), None));
        assert_eq!(look.on(CanvasId(2)), (None, Some(caret)));
        look.take_input(&Input::PointerLeave);
        look.set_caret(None);
        assert_eq!(look.on(CanvasId(1)), (None, None));
    }

    #[test]
    fn text_appears_at_the_caret_or_else_where_the_keyboard_is() {
        let mut look = Look::default();
        assert_eq!(look.typed_on(), None);
        look.take_input(&Input::Focus { canvas: Some(CanvasId(1)) });
        assert_eq!(look.typed_on(), Some(CanvasId(1)));
        look.set_caret(Some((CanvasId(2), Rect { x: 0, y: 0, width: 1, height: 9 })));
        assert_eq!(look.typed_on(), Some(CanvasId(2)));
    }
}
