//! One video stream on the canvas: the sender's and the receiver's side of it.
//!
//! Owns a region, its planes and its library object. It must never outlive a change of its region: another region is another stream.

use super::Planes;
use super::parameters::{Unit, check};
#[cfg(not(target_family = "wasm"))]
use super::{Decode, Encode, Failed, openh264};
use crate::canvas::Canvas;
use crate::decoder::{Layout, Picture};
use crate::error::DecodeError;
use crate::geometry::{Pixel, Rect};
#[cfg(not(target_family = "wasm"))]
use crate::{geometry::Frame, simd::Level};

/// The host's side.
#[cfg(not(target_family = "wasm"))]
pub(crate) struct Sender {
    area: Rect,
    planes: Planes,
    library: Box<dyn Encode + Send>,
}

#[cfg(not(target_family = "wasm"))]
impl core::fmt::Debug for Sender {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sender").field("area", &self.area).finish_non_exhaustive()
    }
}

#[cfg(not(target_family = "wasm"))]
impl Sender {
    /// A stream for a region whose corner and size are multiples of 16; it may reach beyond the canvas's right and bottom edges.
    pub(crate) fn new(area: Rect, qp: u8) -> Result<Self, Failed> {
        let library = Box::new(openh264::Encoder::new(area.width, area.height, qp)?);
        Ok(Self { area, planes: Planes::new(area.width, area.height), library })
    }

    /// The region, in canvas pixels.
    pub(crate) fn area(&self) -> Rect {
        self.area
    }

    /// Appends the access unit of the frame's pixels in the region.
    pub(crate) fn send(&mut self, level: Level, frame: &Frame<'_>, qp: u8, out: &mut Vec<u8>) -> Result<(), Failed> {
        self.planes.take(level, frame, self.area)?;
        self.library.encode(&self.planes, qp, false, out)
    }
}

/// The viewer's side.
pub(crate) struct Receiver {
    area: Rect,
    planes: Planes,
    /// Made with the first access unit that is decoded here.
    #[cfg(not(target_family = "wasm"))]
    library: Option<Box<dyn Decode + Send>>,
    begun: bool,
    /// Lines of a painted rectangle, converted.
    lines: Vec<Pixel>,
}

impl core::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Receiver").field("area", &self.area).finish_non_exhaustive()
    }
}

impl Receiver {
    /// A stream for a region whose corner and size are multiples of 16; it may reach beyond the canvas's right and bottom edges.
    pub(crate) fn new(area: Rect) -> Self {
        Self {
            area,
            planes: Planes::new(area.width, area.height),
            #[cfg(not(target_family = "wasm"))]
            library: None,
            begun: false,
            lines: Vec::new(),
        }
    }

    /// The region, in canvas pixels.
    pub(crate) fn area(&self) -> Rect {
        self.area
    }

    /// Checks the next access unit: any decoder may have it after that.
    pub(crate) fn check(&mut self, unit: &[u8]) -> Result<Unit, DecodeError> {
        let kind = check(unit, self.area.width, self.area.height).map_err(|_| DecodeError::VideoParameters)?;
        if !kind.key && !self.begun {
            return Err(DecodeError::VideoOutOfOrder);
        }
        self.begun = true;
        Ok(kind)
    }

    /// Decodes an access unit that was checked.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn decode(&mut self, unit: &[u8]) -> Result<(), DecodeError> {
        let library = match &mut self.library {
            Some(library) => library,
            none => none.insert(Box::new(openh264::Decoder::new().map_err(|_| DecodeError::Library)?)),
        };
        library.decode(unit, &mut self.planes).map_err(|_| DecodeError::BadVideo)
    }

    /// Takes the picture that another decoder made of an access unit that was checked.
    pub(crate) fn take(&mut self, picture: Picture<'_>) -> Result<(), DecodeError> {
        let Planes { y, u, v, .. } = &mut self.planes;
        let (luma, chroma) = picture.bytes.split_at_checked(y.len()).ok_or(DecodeError::BadVideo)?;
        if chroma.len() != u.len() + v.len() {
            return Err(DecodeError::BadVideo);
        }
        y.copy_from_slice(luma);
        match picture.layout {
            Layout::I420 => {
                let (blue, red) = chroma.split_at(u.len());
                u.copy_from_slice(blue);
                v.copy_from_slice(red);
            }
            Layout::Nv12 => {
                for ((u, v), [blue, red]) in u.iter_mut().zip(v).zip(chroma.as_chunks().0) {
                    (*u, *v) = (*blue, *red);
                }
            }
        }
        Ok(())
    }

    /// Paints a part of the last picture, given in canvas pixels inside both the region and the canvas.
    pub(crate) fn paint(&mut self, part: Rect, canvas: &mut Canvas) -> Result<(), DecodeError> {
        // Chroma has half the resolution: begin at an even pixel of the region and cut what is too much.
        let (x, y) = (part.x - self.area.x, part.y - self.area.y);
        let (left, top) = (x & !1, y & !1);
        let width = (x + part.width - left) as usize;
        let height = (y + part.height - top) as usize;
        // So many lines at a time that they stay in the first-level cache.
        let step = 8;
        self.lines.resize(width * step, [0; 4]);
        for first in (0..height).step_by(step) {
            let lines = step.min(height - first);
            // The picture's height is even, so there is a line to make an odd number even.
            let even = lines.next_multiple_of(2) as u32;
            let source = Rect { x: left, y: top + first as u32, width: width as u32, height: even };
            self.planes.give(source, &mut self.lines, width).map_err(|_| DecodeError::Library)?;
            for (i, line) in self.lines.chunks_exact(width).take(lines).enumerate() {
                let at = (first + i) as u32 + top;
                if at >= y {
                    let target = canvas.row_mut(self.area.y + at, part.x, part.width);
                    target.copy_from_slice(&line[(x - left) as usize..]);
                }
            }
        }
        Ok(())
    }
}
