//! The canvas as the viewer holds it, and its digest.
//!
//! Owns the pixels of one browser window. Every pixel's fourth byte is 255, always. It must never hold two sizes at once:
//! a new size is a new, black canvas.

use crate::decoder::Move;
use crate::geometry::{BLACK, Frame, Pixel, Rect, Size};

/// A picture: rows of BGRX pixels without gaps, the fourth byte always 255.
#[derive(Clone, Default)]
pub struct Canvas {
    size: Size,
    pixels: Vec<Pixel>,
}

impl core::fmt::Debug for Canvas {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Canvas").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Canvas {
    /// Starts over, black, in this size. Memory is kept where it suffices.
    pub(crate) fn reset(&mut self, size: Size) {
        self.size = size;
        self.pixels.clear();
        let area = size.area() as usize;
        if self.pixels.capacity() > 2 * area {
            self.pixels.shrink_to(area);
        }
        self.pixels.resize(area, BLACK);
    }

    /// A black canvas, for a program that gets its pixels from a decoder elsewhere.
    #[must_use]
    pub fn blank(size: Size) -> Self {
        let mut canvas = Self::default();
        canvas.reset(size);
        canvas
    }

    /// The rows of a rectangle as bytes, from top to bottom, to be filled with pixels of any fourth bytes; then call
    /// [`make_opaque`](Self::make_opaque). Empty if the rectangle is not inside the canvas.
    pub fn rows_mut(&mut self, rect: Rect) -> impl Iterator<Item = &mut [u8]> {
        let inside = !rect.is_empty() && self.size.rect().contains(rect);
        let (width, left, right) = (self.size.width as usize, rect.x as usize, rect.right() as usize);
        let (first, past) = if inside { (rect.y as usize * width, rect.bottom() as usize * width) } else { (0, 0) };
        let rows = self.pixels[first..past].chunks_exact_mut(width.max(1));
        rows.map(move |row| row[left..right].as_flattened_mut())
    }

    /// The rows of a rectangle as bytes, from top to bottom. Empty if the rectangle is not inside the canvas.
    pub fn rows(&self, rect: Rect) -> impl Iterator<Item = &[u8]> {
        let inside = !rect.is_empty() && self.size.rect().contains(rect);
        let (top, bottom) = if inside { (rect.y, rect.bottom()) } else { (0, 0) };
        (top..bottom).map(move |y| self.row(y, rect.x, rect.width).as_flattened())
    }

    /// Sets the fourth byte of a rectangle's pixels, which whoever filled [`rows_mut`](Self::rows_mut) may have left as it liked.
    pub fn make_opaque(&mut self, rect: Rect) {
        for row in self.rows_mut(rect) {
            for pixel in row.as_chunks_mut::<4>().0 {
                *pixel = (u32::from_le_bytes(*pixel) | 0xff00_0000).to_le_bytes();
            }
        }
    }

    /// Moves pixels as an update does. Does nothing if an end of it is not inside the canvas.
    pub fn shift(&mut self, by: Move) {
        if by.is_inside(self.size) {
            self.copy(by.to, by.dx, by.dy);
        }
    }

    /// Size in pixels; 0x0 before the first update.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Bytes from one row to the next: four per pixel, no padding.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.size.width as usize * 4
    }

    /// All pixels as bytes: blue, green, red, 255; rows from top to bottom.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        self.pixels.as_flattened()
    }

    /// The same pixels as a frame, for comparing or encoding again.
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        Frame { size: self.size, stride: self.stride(), pixels: self.pixels() }
    }

    /// All pixels, row after row.
    pub(crate) fn all(&self) -> &[Pixel] {
        &self.pixels
    }

    /// All pixels, row after row. The fourth byte must stay 255.
    pub(crate) fn all_mut(&mut self) -> &mut [Pixel] {
        &mut self.pixels
    }

    /// Pixels of a row.
    pub(crate) fn row(&self, y: u32, x: u32, n: u32) -> &[Pixel] {
        let start = y as usize * self.size.width as usize + x as usize;
        &self.pixels[start..start + n as usize]
    }

    /// Pixels of a row, to be painted.
    pub(crate) fn row_mut(&mut self, y: u32, x: u32, n: u32) -> &mut [Pixel] {
        let start = y as usize * self.size.width as usize + x as usize;
        &mut self.pixels[start..start + n as usize]
    }

    /// Copies the pixels at `to + (dx, dy)` to `to` as if through a buffer. Both rectangles must be inside.
    pub(crate) fn copy(&mut self, to: Rect, dx: i32, dy: i32) {
        let width = self.size.width as usize;
        let mut line = |y: u32| {
            let target = y as usize * width + to.x as usize;
            let source = (y as i32 + dy) as usize * width + (to.x as i32 + dx) as usize;
            self.pixels.copy_within(source..source + to.width as usize, target);
        };
        if dy < 0 {
            (to.y..to.bottom()).rev().for_each(&mut line);
        } else {
            (to.y..to.bottom()).for_each(&mut line);
        }
    }

    /// Takes a rectangle of a frame over, with the fourth byte set to 255.
    pub(crate) fn take(&mut self, frame: &Frame<'_>, rect: Rect) {
        for y in rect.y..rect.bottom() {
            let from = frame.row(y as usize, rect.x as usize, rect.width as usize);
            for (to, from) in self.row_mut(y, rect.x, rect.width).iter_mut().zip(from) {
                // As one number, so that it becomes one wide operation for many pixels.
                *to = (u32::from_le_bytes(*from) | 0xff00_0000).to_le_bytes();
            }
        }
    }
}

/// A number for the picture in a frame: equal for equal size and colours, whatever the stride and the fourth bytes are.
/// Stable across machines and versions of the program. For tests and for checks at rest; not a cryptographic hash.
///
/// ```
/// use shoji_codec::{Frame, Size, digest};
/// let size = Size { width: 1, height: 1 };
/// let a = digest(&Frame { size, stride: 4, pixels: &[1, 2, 3, 0] });
/// let b = digest(&Frame { size, stride: 8, pixels: &[1, 2, 3, 255, 9, 9, 9, 9] });
/// assert_eq!(a, Some(b.unwrap()));
/// ```
///
/// `None` if the frame's size, stride and pixels do not fit together.
#[must_use]
pub fn digest(frame: &Frame<'_>) -> Option<u64> {
    if !frame.is_well_formed() {
        return None;
    }
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |h: u64, v: u64| (h ^ v).wrapping_mul(PRIME).rotate_left(29);
    let size = u64::from(frame.size.width) << 32 | u64::from(frame.size.height);
    // Four independent lanes, so that a multiplication need not wait for the one before it.
    let mut lanes = [1u64, 2, 3, 4].map(|lane| mix(size, lane));
    for y in 0..frame.size.height as usize {
        let row = frame.row(y, 0, frame.size.width as usize);
        let colour = |p: &Pixel| u64::from(u32::from_le_bytes(*p) & 0x00ff_ffff);
        let (fours, rest) = row.as_chunks::<4>();
        for four in fours {
            for (lane, p) in lanes.iter_mut().zip(four) {
                *lane = mix(*lane, colour(p));
            }
        }
        for p in rest {
            lanes[0] = mix(lanes[0], colour(p));
        }
    }
    Some(lanes.into_iter().fold(size, mix))
}
