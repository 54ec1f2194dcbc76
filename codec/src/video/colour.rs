//! BGRX to I420 and back: BT.709, full range.
//!
//! Owns the planes of one picture. It must never use another matrix or range than the stream announces.

use super::Failed;
use crate::geometry::{Frame, Pixel, Rect};
use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPlanarImage, YuvPlanarImageMut, YuvRange, YuvStandardMatrix, bgra_to_yuv420,
    yuv420_to_bgra,
};

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
    pub(crate) fn take(&mut self, frame: &Frame<'_>, area: Rect) -> Result<(), Failed> {
        let seen = area.intersect(frame.size.rect()).ok_or(Failed)?;
        let (width, half) = (self.width, self.width / 2);
        // The library takes the last row of an odd height from the end of its slices, so they must end with that row.
        let lines = seen.height as usize;
        let start = seen.y as usize * frame.stride + seen.x as usize * 4;
        let end = start + (lines - 1) * frame.stride + seen.width as usize * 4;
        let luma = lines * width as usize;
        let chroma = lines.div_ceil(2) * half as usize;
        let mut image = YuvPlanarImageMut {
            y_plane: BufferStoreMut::Borrowed(&mut self.y[..luma]),
            y_stride: width,
            u_plane: BufferStoreMut::Borrowed(&mut self.u[..chroma]),
            u_stride: half,
            v_plane: BufferStoreMut::Borrowed(&mut self.v[..chroma]),
            v_stride: half,
            width: seen.width,
            height: seen.height,
        };
        let stride = u32::try_from(frame.stride).map_err(|_| Failed)?;
        let (range, matrix) = (YuvRange::Full, YuvStandardMatrix::Bt709);
        bgra_to_yuv420(&mut image, &frame.pixels[start..end], stride, range, matrix, YuvConversionMode::Balanced)
            .map_err(|_| Failed)?;
        pad(&mut self.y, (width, self.height), (seen.width, seen.height));
        let seen = (seen.width.div_ceil(2), seen.height.div_ceil(2));
        pad(&mut self.u, (half, self.height / 2), seen);
        pad(&mut self.v, (half, self.height / 2), seen);
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
