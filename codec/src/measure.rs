//! A way in for benches to parts that no caller uses alone; outside the API, and it may change at any time.
//!
//! Owns nothing. It must never do anything that the codec itself does not do in the same way.

use crate::geometry::{Frame, Rect, Size};
use crate::simd::Level;
use crate::video::Planes;

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
        self.0.take_with(level, frame, area).is_ok()
    }

    /// Luma and the two planes of chroma.
    #[must_use]
    pub fn planes(&self) -> [&[u8]; 3] {
        [&self.0.y, &self.0.u, &self.0.v]
    }
}
