//! A way in for benches to parts that no caller uses alone; outside the API, and it may change at any time.
//!
//! Owns nothing. It must never do anything that the codec itself does not do in the same way.

use crate::canvas::Canvas;
use crate::error::EncodeError;
use crate::geometry::{Frame, Rect, Size};
use crate::simd::Level;
use crate::tile::{Coder, Mode};
use crate::update;
use crate::video::Planes;

/// The exact coder on its own, without looking for what changed or moved.
#[derive(Debug)]
pub struct Exact {
    coder: Coder,
    canvas: Canvas,
}

impl Exact {
    /// A coder without anything in its memory.
    ///
    /// # Errors
    /// If the compression library cannot be set up.
    pub fn new(level: Level) -> Result<Self, EncodeError> {
        Ok(Self { coder: Coder::new(level)?, canvas: Canvas::default() })
    }

    /// Appends a payload that paints a rectangle of the frame on a new canvas of its size.
    pub fn encode(&mut self, frame: &Frame<'_>, rect: Rect, out: &mut Vec<u8>) {
        if frame.size != self.canvas.size() {
            self.canvas.reset(frame.size);
        }
        self.coder.reset();
        update::header(out, true, frame.size);
        self.coder.add(frame, &mut self.canvas, rect, Mode::Screen, out);
        self.coder.finish(out);
    }
}

/// The picture that a frame becomes on its way to the video encoder.
#[derive(Debug)]
pub struct Picture(Planes);

impl Picture {
    /// A black picture; the sides must be multiples of 16.
    #[must_use]
    pub fn new(size: Size) -> Self {
        Self(Planes::new(size.width, size.height))
    }

    /// Takes `area` of the frame in, which must have the picture's size. Whether that was possible.
    #[must_use]
    pub fn take(&mut self, level: Level, frame: &Frame<'_>, area: Rect) -> bool {
        self.0.take(level, frame, area).is_ok()
    }

    /// Luma and the two planes of chroma.
    #[must_use]
    pub fn planes(&self) -> [&[u8]; 3] {
        [&self.0.y, &self.0.u, &self.0.v]
    }
}
