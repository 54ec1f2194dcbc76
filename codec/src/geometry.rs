//! Sizes, rectangles, frames, time: the plain values that every other room speaks in.
//!
//! Owns the limits of a canvas and the shape of a pixel. All lengths are physical pixels unless a name says bytes.
//! It must never know what a pixel is used for.
//!
//! ```
//! use shoji_codec::Rect;
//! let page = Rect { x: 0, y: 0, width: 640, height: 480 };
//! let caret = Rect { x: 639, y: 10, width: 4, height: 16 };
//! assert_eq!(page.intersect(caret).map(|r| r.width), Some(1));
//! ```

/// One pixel as it lies in memory: blue, green, red, and a fourth byte that is 255 in a canvas and ignored in a frame.
pub type Pixel = [u8; 4];

/// The colour of a new canvas: black.
pub const BLACK: Pixel = [0, 0, 0, 255];

/// Largest width of a canvas in pixels. The larger side that the H.264 encoder accepts.
pub const MAX_WIDTH: u32 = 3_840;

/// Largest height of a canvas in pixels: the smaller side of the largest picture that the H.264 encoder accepts.
pub const MAX_HEIGHT: u32 = 2_160;

/// Width and height in physical pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Size {
    /// Number of pixels.
    #[must_use]
    pub const fn area(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// The rectangle that covers everything of this size.
    #[must_use]
    pub const fn rect(self) -> Rect {
        Rect { x: 0, y: 0, width: self.width, height: self.height }
    }

    /// Whether a canvas may have this size: at least 1x1, at most [`MAX_WIDTH`] x [`MAX_HEIGHT`].
    #[must_use]
    pub const fn is_canvas(self) -> bool {
        self.width >= 1 && self.height >= 1 && self.width <= MAX_WIDTH && self.height <= MAX_HEIGHT
    }
}

/// A rectangle of canvas pixels; the right and bottom edges are not part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Left edge, pixels from the left of the canvas.
    pub x: u32,
    /// Top edge, pixels from the top of the canvas.
    pub y: u32,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Rect {
    /// The rectangle between two corners; `right` and `bottom` are not part of it. Empty if they lie before `x`, `y`.
    #[must_use]
    pub const fn between(x: u32, y: u32, right: u32, bottom: u32) -> Self {
        Self { x, y, width: right.saturating_sub(x), height: bottom.saturating_sub(y) }
    }

    /// First pixel column right of the rectangle.
    #[must_use]
    pub const fn right(self) -> u32 {
        self.x.saturating_add(self.width)
    }

    /// First pixel row below the rectangle.
    #[must_use]
    pub const fn bottom(self) -> u32 {
        self.y.saturating_add(self.height)
    }

    /// Number of pixels.
    #[must_use]
    pub const fn area(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// Whether there is no pixel in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// The common part, or `None` if there is none.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        let r = Self::between(
            self.x.max(other.x),
            self.y.max(other.y),
            self.right().min(other.right()),
            self.bottom().min(other.bottom()),
        );
        (!r.is_empty()).then_some(r)
    }

    /// The smallest rectangle around both. An empty one counts as nothing.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        Self::between(
            self.x.min(other.x),
            self.y.min(other.y),
            self.right().max(other.right()),
            self.bottom().max(other.bottom()),
        )
    }

    /// Whether every pixel of `other` is in `self`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        other.x >= self.x && other.y >= self.y && other.right() <= self.right() && other.bottom() <= self.bottom()
    }
}

/// A borrowed picture of the whole canvas as the compositor holds it.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// Size of the canvas in pixels.
    pub size: Size,
    /// Bytes from one row to the next; at least `4 * size.width`.
    pub stride: usize,
    /// Rows of BGRX pixels, four bytes each; the fourth byte is ignored and the picture is taken as opaque.
    pub pixels: &'a [u8],
}

impl core::fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Frame").field("size", &self.size).field("stride", &self.stride).finish_non_exhaustive()
    }
}

impl<'a> Frame<'a> {
    /// Whether the size is allowed and the slice holds all rows.
    pub(crate) fn is_well_formed(&self) -> bool {
        let line = self.size.width as usize * 4;
        self.size.is_canvas()
            && self.stride >= line
            && self
                .stride
                .checked_mul(self.size.height as usize - 1)
                .and_then(|n| n.checked_add(line))
                .is_some_and(|n| n <= self.pixels.len())
    }

    /// The pixels `x..x + n` of row `y`. The frame must be well formed and the range inside it.
    pub(crate) fn row(&self, y: usize, x: usize, n: usize) -> &'a [Pixel] {
        let start = y * self.stride + x * 4;
        self.pixels[start..start + n * 4].as_chunks().0
    }
}

/// A moment on the caller's clock in microseconds from any fixed start. It must not run backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// This moment plus a number of microseconds.
    #[must_use]
    pub const fn plus(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds since `earlier`; 0 if that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// How much one update may weigh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Soft target for the bytes of this update. Text is sent exactly even above it; video and refinement keep to it.
    pub bytes: usize,
}
