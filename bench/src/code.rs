//! Owns reading the page's codes from a canvas: two strips, each a row of sixteen blocks over its inverse.
//!
//! A code counts only if both strips show it, every block agrees with its inverse and every block is plainly black or white; a
//! half-drawn strip never reads as a code. Must never change a pixel, and reads 96 pixels at most per picture.

/// Physical pixels of one block's side, as the page draws them at scale 1.
pub const BLOCK: u32 = 24;
/// Bits of a code.
pub const BITS: u32 = 16;
/// Height of a strip in CSS pixels: a row and its inverse.
pub const STRIP_HEIGHT: u32 = 2 * BLOCK;

/// A block darker than this is black, one brighter than 255 minus this is white, anything between is not yet drawn.
const DARK: u8 = 80;

/// A picture to read from: BGRX, four bytes per pixel.
#[derive(Clone, Copy)]
pub struct Picture<'a> {
    /// Width in physical pixels.
    pub width: u32,
    /// Height in physical pixels.
    pub height: u32,
    /// Bytes from one row to the next.
    pub stride: usize,
    /// The rows.
    pub pixels: &'a [u8],
}

/// Where the two strips lie in the canvas, and how large their blocks are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strips {
    /// Left edge of both strips, physical pixels.
    pub left: u32,
    /// Top edge of the upper strip.
    pub upper: u32,
    /// Top edge of the lower strip.
    pub lower: u32,
    /// Physical pixels per CSS pixel.
    pub ratio: f64,
}

impl Picture<'_> {
    /// Whether the block around a point is white (`Some(true)`), black (`Some(false)`) or neither.
    fn white(&self, x: u32, y: u32) -> Option<bool> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let at = y as usize * self.stride + x as usize * 4;
        let pixel = self.pixels.get(at..at + 3)?;
        if pixel.iter().all(|&channel| channel > 255 - DARK) {
            Some(true)
        } else if pixel.iter().all(|&channel| channel < DARK) {
            Some(false)
        } else {
            None
        }
    }
}

impl Strips {
    /// The code that both strips show.
    #[must_use]
    pub fn read(&self, picture: &Picture<'_>) -> Option<u16> {
        let upper = self.read_at(picture, self.upper)?;
        (self.read_at(picture, self.lower)? == upper).then_some(upper)
    }

    /// The rows that [`read`](Self::read) looks at.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positions within a canvas of at most 3840 pixels"
    )]
    pub fn rows(&self) -> [u32; 4] {
        let middle = |css: u32| (f64::from(css) * self.ratio) as u32;
        let (plain, inverse) = (middle(BLOCK / 2), middle(BLOCK + BLOCK / 2));
        [self.upper + plain, self.upper + inverse, self.lower + plain, self.lower + inverse]
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positions within a canvas of at most 3840 pixels"
    )]
    fn read_at(&self, picture: &Picture<'_>, top: u32) -> Option<u16> {
        let scaled = |css: u32| (f64::from(css) * self.ratio) as u32;
        let mut code = 0_u16;
        for bit in 0..BITS {
            let x = self.left + scaled(bit * BLOCK + BLOCK / 2);
            let on = !picture.white(x, top + scaled(BLOCK / 2))?;
            let inverse = !picture.white(x, top + scaled(BLOCK + BLOCK / 2))?;
            if on == inverse {
                return None;
            }
            code = code << 1 | u16::from(on);
        }
        Some(code)
    }

    /// Finds the strips of a page of `width`×`height` CSS pixels that shows `code`, wherever the browser's frame put it.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positions within a canvas of at most 3840 pixels"
    )]
    pub fn find(picture: &Picture<'_>, width: u32, height: u32, ratio: f64, code: u16) -> Option<Self> {
        let page = (f64::from(height) * ratio).round() as u32;
        let strip = (f64::from(STRIP_HEIGHT) * ratio).round() as u32;
        let room = picture.height.checked_sub(page)?;
        let margin = picture.width.checked_sub((f64::from(width) * ratio).round() as u32)?;
        // The window's frame and the browser's bars are above the page: begin at the lowest place and walk up.
        for left in 0..=margin {
            for upper in (0..=room).rev() {
                let strips = Self { left, upper, lower: upper + page - strip, ratio };
                if strips.read(picture) == Some(code) && strips.is_exactly_here(picture) {
                    return Some(strips);
                }
            }
        }
        None
    }

    /// Centres within a block read the same code; the edge between a row and its inverse fixes the place.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positions within a canvas of at most 3840 pixels"
    )]
    fn is_exactly_here(&self, picture: &Picture<'_>) -> bool {
        let edge = self.upper + (f64::from(BLOCK) * self.ratio).round() as u32;
        let x = self.left + (f64::from(BLOCK) * self.ratio / 2.0) as u32;
        let (Some(above), Some(below)) = (picture.white(x, edge.saturating_sub(2)), picture.white(x, edge + 1)) else {
            return false;
        };
        above != below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: u32 = 640;
    const HEIGHT: u32 = 400;
    const BAR: u32 = 87;

    fn canvas(upper: u16, lower: u16) -> Vec<u8> {
        let mut pixels = vec![0xff; (WIDTH * HEIGHT * 4) as usize];
        for (code, top) in [(upper, BAR), (lower, HEIGHT - STRIP_HEIGHT)] {
            for row in 0..STRIP_HEIGHT {
                for x in 0..BITS * BLOCK {
                    let on = code >> (BITS - 1 - x / BLOCK) & 1 == 1;
                    if on != (row >= BLOCK) {
                        let at = (((top + row) * WIDTH + x) * 4) as usize;
                        pixels[at..at + 3].fill(0);
                    }
                }
            }
        }
        pixels
    }

    fn picture(pixels: &[u8]) -> Picture<'_> {
        Picture { width: WIDTH, height: HEIGHT, stride: WIDTH as usize * 4, pixels }
    }

    fn strips() -> Strips {
        Strips { left: 0, upper: BAR, lower: HEIGHT - STRIP_HEIGHT, ratio: 1.0 }
    }

    #[test]
    fn a_code_in_both_strips_is_read() {
        for code in [0, 1, 0xffff, 0xa5c3] {
            assert_eq!(strips().read(&picture(&canvas(code, code))), Some(code));
        }
    }

    #[test]
    fn the_rows_that_are_named_are_enough_to_read_a_code() {
        let (all, mut some) = (canvas(0x1234, 0x1234), vec![0x80; (WIDTH * HEIGHT * 4) as usize]);
        for row in strips().rows() {
            let at = (row * WIDTH * 4) as usize..((row + 1) * WIDTH * 4) as usize;
            some[at.clone()].copy_from_slice(&all[at]);
        }
        assert_eq!(strips().read(&picture(&some)), Some(0x1234));
    }

    #[test]
    fn a_picture_that_is_only_half_new_shows_no_code() {
        assert_eq!(strips().read(&picture(&canvas(5, 4))), None);
    }

    #[test]
    fn a_block_without_its_inverse_is_no_code() {
        let mut pixels = canvas(0xffff, 0xffff);
        let at = ((BAR + BLOCK + BLOCK / 2) * WIDTH + BLOCK / 2) as usize * 4;
        pixels[at..at + 3].fill(0);
        assert_eq!(strips().read(&picture(&pixels)), None);
    }

    #[test]
    fn the_strips_are_found_below_the_browsers_bars() {
        let pixels = canvas(0x1234, 0x1234);
        let found = Strips::find(&picture(&pixels), WIDTH, HEIGHT - BAR, 1.0, 0x1234);
        assert_eq!(found, Some(strips()));
    }

    #[test]
    fn a_page_that_shows_another_code_is_not_found() {
        let pixels = canvas(0x1234, 0x1234);
        assert_eq!(Strips::find(&picture(&pixels), WIDTH, HEIGHT - BAR, 1.0, 0x1235), None);
    }
}
