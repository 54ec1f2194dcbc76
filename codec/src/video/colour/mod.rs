//! BGRX to I420 and back: BT.709, full range.
//!
//! Owns the planes of one picture and what a colour becomes: [`Weights`] and [`Lines::scalar`] are the specification, and every
//! instruction set gives their result bit for bit. It must never use another matrix or range than the stream announces.
//!
//! Towards I420 the kernels are our own. Frames of 1080p from memory take them no longer than reading that memory takes (0.95
//! to 1.0 of it; the `yuv` crate's balanced mode 1.3). From the cache they are 2 times as fast as the crate with AVX-512, 1.5
//! times with AVX2, and with SSE4.1 as fast as the crate with AVX2. The way back is the crate's: it takes 1.25 times as long as
//! writing the pixels alone, so nothing of ours could be much faster. `shoji-bench codec` measures it.

#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::Failed;
use crate::geometry::{Frame, Pixel, Rect};
use crate::simd::{Level, Set};
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_bgra};

/// A picture in 4:2:0: full luma, chroma of half the width and height. Width and height are multiples of 16.
#[derive(Debug, Clone)]
pub(crate) struct Planes {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) y: Vec<u8>,
    pub(crate) u: Vec<u8>,
    pub(crate) v: Vec<u8>,
}

impl Planes {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        let area = width as usize * height as usize;
        Self { width, height, y: vec![0; area], u: vec![128; area / 4], v: vec![128; area / 4] }
    }

    /// Takes the part of a frame in; `area` is the planes' place on the canvas and may reach beyond the frame's right and bottom
    /// edges, where the last column and row are repeated.
    /// The result is the same at every level.
    pub(crate) fn take(&mut self, level: Level, frame: &Frame<'_>, area: Rect) -> Result<(), Failed> {
        let seen = area.intersect(frame.size.rect()).ok_or(Failed)?;
        if !frame.is_well_formed() || (area.width, area.height) != (self.width, self.height) {
            return Err(Failed);
        }
        let (width, lines) = (seen.width as usize, seen.height as usize);
        let stride = self.width as usize;
        let row = |line: usize| frame.row(seen.y as usize + line, seen.x as usize, width);
        let y = self.y.chunks_exact_mut(2 * stride);
        let (u, v) = (self.u.chunks_exact_mut(stride / 2), self.v.chunks_exact_mut(stride / 2));
        for (i, ((y, u), v)) in y.zip(u).zip(v).take(lines.div_ceil(2)).enumerate() {
            let (above, below) = y.split_at_mut(stride);
            let (even, half) = (width.next_multiple_of(2), width.div_ceil(2));
            // Below an odd last line there is none: it is repeated.
            let pair = |i: usize| [2 * i, 2 * i + 1].map(|line| row(line.min(lines - 1)));
            Lines {
                bgrx: pair(i),
                ahead: pair(i + 1),
                y: [&mut above[..even], &mut below[..even]],
                u: &mut u[..half],
                v: &mut v[..half],
            }
            .convert(level);
        }
        pad(&mut self.y, (self.width, self.height), (seen.width, seen.height));
        let seen = (seen.width.div_ceil(2), seen.height.div_ceil(2));
        pad(&mut self.u, (self.width / 2, self.height / 2), seen);
        pad(&mut self.v, (self.width / 2, self.height / 2), seen);
        Ok(())
    }

    /// Writes `rect` of the picture (in the picture's own pixels; `y` and height are even) as BGRX rows of `stride` pixels.
    pub(crate) fn give(&self, rect: Rect, out: &mut [Pixel], stride: usize) -> Result<(), Failed> {
        let x = rect.x as usize & !1;
        let (luma, chroma) = (self.width as usize, self.width as usize / 2);
        let at = rect.y as usize * luma + x;
        let at_chroma = rect.y as usize / 2 * chroma + x / 2;
        let image = YuvPlanarImage {
            y_plane: &self.y[at..],
            y_stride: self.width,
            u_plane: &self.u[at_chroma..],
            u_stride: self.width / 2,
            v_plane: &self.v[at_chroma..],
            v_stride: self.width / 2,
            width: rect.right() - x as u32,
            height: rect.height,
        };
        let stride = u32::try_from(stride * 4).map_err(|_| Failed)?;
        let (range, matrix) = (YuvRange::Full, YuvStandardMatrix::Bt709);
        yuv420_to_bgra(&image, out.as_flattened_mut(), stride, range, matrix).map_err(|_| Failed)
    }
}

/// Luma or a colour difference in whole numbers: `((sum of weights and bytes + offset) * factor) >> 16`.
///
/// A byte is enough for every weight, and still no colour is wrong by more than 0.2 of a step before it is rounded. Greys come
/// out exactly.
#[derive(Clone, Copy)]
struct Weights {
    /// Of blue, green, red and the byte that means nothing.
    bgrx: [i8; 4],
    /// Added before the division: half a step for rounding, and for chroma the middle of the range.
    offset: i32,
    /// 65,536 divided by the weight of one step.
    factor: u16,
}

/// 0.0722 B + 0.7152 G + 0.2126 R in steps of 1/151.
const LUMA: Weights = Weights { bgrx: [11, 108, 32, 0], offset: 75, factor: 434 };
/// (B - Y) / 1.8556 in steps of 1/210, around 128.
const BLUE: Weights = Weights { bgrx: [105, -81, -24, 0], offset: 128 * 210 + 105, factor: 312 };
/// (R - Y) / 1.5748 in steps of 1/240, around 128.
const RED: Weights = Weights { bgrx: [-11, -109, 120, 0], offset: 128 * 240 + 120, factor: 273 };

impl Weights {
    /// The value of a pixel: from 0 to 255 whatever its bytes are.
    #[inline(always)]
    fn of(self, pixel: u32) -> u8 {
        let [b, g, r, _] = self.bgrx.map(|weight| i16::from(weight).cast_unsigned());
        let part = |shift: u32, weight: u16| ((pixel >> shift & 255) as u16).wrapping_mul(weight);
        // From 75 to 61,440: 16 bits are enough, though parts may be negative and wrap.
        let sum = part(0, b).wrapping_add(part(8, g)).wrapping_add(part(16, r)).wrapping_add(self.offset as u16);
        ((u32::from(sum) * u32::from(self.factor)) >> 16) as u8
    }
}

/// The mean of every byte of two pixels, halves rounded up.
#[inline(always)]
fn mean(a: u32, b: u32) -> u32 {
    (a | b) - ((a ^ b) >> 1 & 0x7f7f_7f7f)
}

/// Two lines of pixels and what becomes of them. All lines are equally long; `y` has one more if that is odd, and `u` and
/// `v` have half of `y`.
struct Lines<'a> {
    bgrx: [&'a [Pixel]; 2],
    /// The lines that come next, for the cache: the machine foresees what is read within a page of memory but not beyond,
    /// and waiting there would cost an eighth of the time.
    ahead: [&'a [Pixel]; 2],
    y: [&'a mut [u8]; 2],
    u: &'a mut [u8],
    v: &'a mut [u8],
}

impl Lines<'_> {
    #[inline]
    fn convert(self, level: Level) {
        match level.set() {
            // All there is on ARM: no kernel for it could be run and compared here, and the compiler, which may use NEON
            // always, makes vectors of the plain code.
            Set::Scalar => self.scalar(),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Level` of this set exists only where the machine reported SSSE3 and SSE4.1 (see its invariant).
            #[expect(unsafe_code, reason = "run-time dispatch")]
            Set::Sse41 => unsafe { x86::sse41(self) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Level` of this set exists only where the machine reported AVX2 (see its invariant).
            #[expect(unsafe_code, reason = "run-time dispatch")]
            Set::Avx2 => unsafe { x86::avx2(self) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Level` of this set exists only where the machine reported AVX-512 F, BW and VNNI (see its invariant).
            #[expect(unsafe_code, reason = "run-time dispatch")]
            Set::Avx512 => unsafe { x86::avx512(self) },
        }
    }

    /// The specification: luma of every pixel, chroma of every square of 2x2, whose colour is first the mean of each column,
    /// then of both. What rounding up adds to all channels alike changes no chroma; at worst it is 3/8 of a step.
    /// In blocks, so that the compiler finds vectors in it.
    fn scalar(self) {
        self.blocks::<32, 16>(|bgrx, _, y, [u, v]| {
            let [above, below] = bgrx.map(|line| line.map(u32::from_le_bytes));
            for (pixels, y) in [&above, &below].into_iter().zip(y) {
                for (pixel, y) in pixels.iter().zip(y) {
                    *y = LUMA.of(*pixel);
                }
            }
            for i in 0..16 {
                let column = |x: usize| mean(above[x], below[x]);
                let colour = mean(column(2 * i), column(2 * i + 1));
                (u[i], v[i]) = (BLUE.of(colour), RED.of(colour));
            }
        });
    }

    /// Whole blocks of `N` columns by `block`, whose `H` is half of `N`, and the rest in a block filled up with its last column.
    #[inline(always)]
    fn blocks<const N: usize, const H: usize>(
        self,
        block: impl Fn([&[Pixel; N]; 2], [&[Pixel; N]; 2], [&mut [u8; N]; 2], [&mut [u8; H]; 2]),
    ) {
        let Lines { bgrx: [above, below], ahead: [next, after], y: [y_above, y_below], u, v } = self;
        let ((above, above_rest), (below, below_rest)) = (above.as_chunks::<N>(), below.as_chunks::<N>());
        // Of an odd rest the samples are one more than the pixels, and may fill a block.
        let (whole, whole_half) = (above.len() * N, above.len() * H);
        let ((y_above, y_above_rest), (y_below, y_below_rest)) =
            (y_above.split_at_mut(whole), y_below.split_at_mut(whole));
        let ((u, u_rest), (v, v_rest)) = (u.split_at_mut(whole_half), v.split_at_mut(whole_half));
        let y = y_above.as_chunks_mut().0.iter_mut().zip(y_below.as_chunks_mut().0);
        let uv = u.as_chunks_mut().0.iter_mut().zip(v.as_chunks_mut().0);
        let ahead = next.as_chunks().0.iter().zip(after.as_chunks().0);
        for ((((above, below), ahead), (y_above, y_below)), (u, v)) in above.iter().zip(below).zip(ahead).zip(y).zip(uv)
        {
            block([above, below], ahead.into(), [y_above, y_below], [u, v]);
        }
        if let ([.., last_above], [.., last_below]) = (above_rest, below_rest) {
            let (mut above, mut below) = ([*last_above; N], [*last_below; N]);
            above[..above_rest.len()].copy_from_slice(above_rest);
            below[..below_rest.len()].copy_from_slice(below_rest);
            let (mut y, mut uv) = ([[0; N]; 2], [[0; H]; 2]);
            block([&above, &below], [&above, &below], y.each_mut(), uv.each_mut());
            for (rest, out) in [(y_above_rest, &y[0]), (y_below_rest, &y[1])] {
                rest.copy_from_slice(&out[..rest.len()]);
            }
            for (rest, out) in [(u_rest, &uv[0]), (v_rest, &uv[1])] {
                rest.copy_from_slice(&out[..rest.len()]);
            }
        }
    }
}

/// Repeats the last column and row of the part that was filled.
fn pad(plane: &mut [u8], (width, height): (u32, u32), (filled_width, filled_height): (u32, u32)) {
    let (width, filled) = (width as usize, filled_width as usize);
    if filled < width {
        for row in plane.chunks_exact_mut(width).take(filled_height as usize) {
            let last = row[filled - 1];
            row[filled..].fill(last);
        }
    }
    let last = (filled_height as usize - 1) * width;
    for y in filled_height as usize..height as usize {
        plane.copy_within(last..last + width, y * width);
    }
}
