//! Events as rows of 32-bit numbers: a kind, then what belongs to it. `core.ts` reads them.
//!
//! Owns the numbers of the kinds. A number of 64 bits is two words, the lower first; something that may be absent is one more
//! than itself, or 0. It must never hold text.

use shoji_codec::{Rect, Wanted};
use shoji_protocol::viewer::Event;
use shoji_protocol::{CanvasId, CloseCode, TextPlace, UpdateId};

/// Kinds of event.
mod kind {
    pub(super) const ATTACHED: u32 = 1;
    pub(super) const CANVAS_OPENED: u32 = 2;
    pub(super) const CANVAS_CLOSED: u32 = 3;
    pub(super) const WINDOW: u32 = 4;
    pub(super) const UPDATED: u32 = 5;
    pub(super) const CURSOR: u32 = 6;
    pub(super) const CURSOR_IMAGE: u32 = 7;
    pub(super) const POINTER_LOCK: u32 = 8;
    pub(super) const TEXT_PLACE: u32 = 9;
    pub(super) const NOTICE: u32 = 10;
    pub(super) const CLOSED: u32 = 11;
    pub(super) const PICTURE: u32 = 12;
}

/// The words of the last event.
#[derive(Debug, Default)]
pub(crate) struct Words(Vec<u32>);

impl Words {
    pub(crate) fn all(&self) -> &[u32] {
        &self.0
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    fn set(&mut self, words: &[u32]) {
        self.0.clear();
        self.0.extend_from_slice(words);
    }

    /// An event that the page is told as it is; `false`: it is one that the core deals with.
    pub(crate) fn tell(&mut self, event: &Event<'_>) -> bool {
        match *event {
            Event::Attached { session, token, resumed, capabilities } => {
                let [s, t] = halves(session.0);
                let ([a, b], [c, d]) = (halves(token.0 as u64), halves((token.0 >> 64) as u64));
                self.set(&[kind::ATTACHED, s, t, a, b, c, d, resumed.into(), capabilities.0]);
            }
            Event::CanvasOpened { canvas, kind, parent, size } => {
                let parent = parent.map_or(0, |parent| parent.0.saturating_add(1));
                let (width, height) = (size.width().into(), size.height().into());
                self.set(&[kind::CANVAS_OPENED, canvas.0, kind as u32, parent, width, height]);
            }
            Event::CanvasClosed { canvas } => self.set(&[kind::CANVAS_CLOSED, canvas.0]),
            Event::Window { canvas, state } => self.set(&[kind::WINDOW, canvas.0, state as u32]),
            Event::Cursor { shape } => self.set(&[kind::CURSOR, shape as u32]),
            Event::CursorImage { size, hotspot, .. } => {
                let [width, height, x, y] = [size.width(), size.height(), hotspot.x(), hotspot.y()].map(u32::from);
                self.set(&[kind::CURSOR_IMAGE, width, height, x, y]);
            }
            Event::PointerLock { canvas, locked } => self.set(&[kind::POINTER_LOCK, canvas.0, locked.into()]),
            Event::TextPlace { place } => self.place(place),
            Event::Notice { notice } => self.set(&[kind::NOTICE, notice as u32]),
            Event::Closed { code } => self.closed(code),
            Event::Update { .. } => return false,
        }
        true
    }

    fn place(&mut self, place: TextPlace) {
        match place {
            TextPlace::Nowhere => self.set(&[kind::TEXT_PLACE, 0]),
            TextPlace::Secret => self.set(&[kind::TEXT_PLACE, 1]),
            TextPlace::Field { canvas, field, caret } => {
                self.set(&[kind::TEXT_PLACE, 2, canvas.0, field.0]);
                if let Some(caret) = caret {
                    self.0.extend([caret.x, caret.y, caret.width, caret.height].map(|place| u32::from(place.get())));
                }
            }
        }
    }

    /// The connection is over.
    pub(crate) fn closed(&mut self, code: CloseCode) {
        self.set(&[kind::CLOSED, code.number().into()]);
    }

    /// A canvas has a new picture, whole, of this size; these areas of it changed.
    pub(crate) fn updated(
        &mut self,
        (canvas, update): (CanvasId, UpdateId),
        (width, height): (u32, u32),
        (input, bytes): (u64, u32),
        areas: &[Rect],
    ) {
        let ([a, b], [c, d]) = (halves(update.0), halves(input));
        self.set(&[kind::UPDATED, canvas.0, a, b, width, height, c, d, bytes]);
        self.0.extend(areas.iter().flat_map(|area| [area.x, area.y, area.width, area.height]));
    }

    /// A picture is to be decoded; its access unit lies in the outgoing buffer.
    pub(crate) fn picture(&mut self, canvas: CanvasId, wanted: &Wanted) {
        let (begins, key) = (wanted.begins.into(), wanted.key.into());
        let size = wanted.size;
        self.set(&[kind::PICTURE, canvas.0, wanted.stream.into(), begins, key, size.width, size.height]);
    }
}

/// The lower and the upper half.
fn halves(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}
