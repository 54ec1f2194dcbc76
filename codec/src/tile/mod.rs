//! Exact tiles: a lossless coder made for rendered screens, and its decoder.
//!
//! A screen is runs: of the pixel to the left, and of the pixel above. What is neither comes from a small palette of
//! recent colours, or is written out. Four streams (operations, palette places, green, blue and red) go through zstd where
//! that pays. Photographs have no runs: for them each pixel is predicted from its neighbours. `FORMAT.md` is the
//! specification. Owns both modes and the palette.
//! It must never lose a bit of colour, and the decoder's work is bounded by the area of the rectangles that it was given.

mod decode;
#[cfg(not(target_family = "wasm"))]
mod encode;
mod palette;
mod unpack;

pub(crate) use decode::Decoder;
#[cfg(not(target_family = "wasm"))]
pub(crate) use encode::Coder;

use crate::geometry::Pixel;

/// How a rectangle's pixels are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Runs, palette and literals: text and user interface.
    Screen = 0,
    /// Every pixel predicted from left, above and above left: photographs.
    Photo = 1,
}

/// The streams of a Tiles operation, in the order of the payload: operations, palette places, green, blue and red.
const STREAMS: usize = 4;

/// Upper two bits of an operation byte in screen mode.
pub(crate) mod token {
    pub(crate) const LEFT: u8 = 0;
    pub(crate) const ABOVE: u8 = 1;
    pub(crate) const PALETTE: u8 = 2;
    pub(crate) const LITERAL: u8 = 3;
    /// Longest length that fits the byte is this many; the value itself says that more follows.
    pub(crate) const INLINE: usize = 63;
}

/// Most rectangles in one Tiles operation.
pub(crate) const MAX_TILES: u32 = 4_096;

/// Most pixels in one rectangle of a Tiles operation. Bounds what one stream can grow to before it is flushed.
pub(crate) const MAX_TILE_AREA: u64 = 1 << 18;

/// Most bytes of one unpacked stream. The encoder flushes at 512 KiB and one tile adds at most 512 KiB more.
pub(crate) const MAX_STREAM: usize = 1 << 21;

/// The prediction for a photograph's pixel: left + above - above left, held between left and above, per channel.
#[inline(always)]
fn predict(left: Pixel, above: Pixel, corner: Pixel) -> Pixel {
    let channel = |i: usize| {
        let (a, b, c) = (left[i], above[i], corner[i]);
        let (low, high) = (a.min(b), a.max(b));
        // a + b - c held in [low, high]: c above the range gives low, below it gives high.
        if c >= high {
            low
        } else if c <= low {
            high
        } else {
            a.wrapping_add(b).wrapping_sub(c)
        }
    };
    [channel(0), channel(1), channel(2), 255]
}

/// The difference of a pixel from its prediction: green, then blue and red less the green's difference.
#[inline(always)]
fn residual(pixel: Pixel, predicted: Pixel) -> (u8, [u8; 2]) {
    let green = pixel[1].wrapping_sub(predicted[1]);
    let blue = pixel[0].wrapping_sub(predicted[0]).wrapping_sub(green);
    let red = pixel[2].wrapping_sub(predicted[2]).wrapping_sub(green);
    (green, [blue, red])
}

/// The pixel again from its difference.
#[inline(always)]
fn restore(green: u8, blue_red: [u8; 2], predicted: Pixel) -> Pixel {
    [
        predicted[0].wrapping_add(blue_red[0]).wrapping_add(green),
        predicted[1].wrapping_add(green),
        predicted[2].wrapping_add(blue_red[1]).wrapping_add(green),
        255,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prediction_is_the_median_of_left_above_and_gradient() {
        for a in (0..=255u8).step_by(5) {
            for b in (0..=255u8).step_by(3) {
                for c in (0..=255u8).step_by(7) {
                    let gradient = i32::from(a) + i32::from(b) - i32::from(c);
                    let expected = gradient.clamp(i32::from(a.min(b)), i32::from(a.max(b))) as u8;
                    assert_eq!(predict([a; 4], [b; 4], [c; 4])[0], expected, "{a} {b} {c}");
                }
            }
        }
    }

    #[test]
    fn a_residual_restores_its_pixel() {
        let (pixel, predicted) = ([3, 250, 128, 255], [200, 7, 90, 255]);
        let (green, blue_red) = residual(pixel, predicted);
        assert_eq!(restore(green, blue_red, predicted), pixel);
    }
}
