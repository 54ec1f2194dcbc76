//! The update's payload: how operations become bytes and bytes operations. `FORMAT.md` specifies it.
//!
//! Owns every number of the format. It must never touch a pixel, and the parser must never trust a length: every read is
//! checked against what is there.

use crate::error::DecodeError;
use crate::geometry::{Rect, Size};

/// First byte of every payload. Another number means another format.
pub(crate) const VERSION: u8 = 2;

/// Flag in the header: the canvas starts anew, black, in the header's size.
pub(crate) const FLAG_RESET: u8 = 1;

/// Bytes of the header: version, flags, width, height.
pub(crate) const HEADER_BYTES: usize = 6;

/// Kinds of operation.
pub(crate) mod kind {
    pub(crate) const COPY: u8 = 1;
    pub(crate) const FILL: u8 = 2;
    pub(crate) const TILES: u8 = 3;
    pub(crate) const VIDEO: u8 = 4;
    pub(crate) const VIDEO_END: u8 = 5;
}

/// Writes the header of a payload.
pub(crate) fn header(out: &mut Vec<u8>, reset: bool, size: Size) {
    out.push(VERSION);
    out.push(if reset { FLAG_RESET } else { 0 });
    short(out, size.width);
    short(out, size.height);
}

/// Writes a number of a pixel position or length; canvases are below 65536 pixels each way.
pub(crate) fn short(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&(value as u16).to_le_bytes());
}

/// Writes a shift in pixels, which lies within a canvas's size.
pub(crate) fn signed(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(&(value as i16).to_le_bytes());
}

/// Writes a rectangle as four short numbers.
pub(crate) fn rect(out: &mut Vec<u8>, r: Rect) {
    for value in [r.x, r.y, r.width, r.height] {
        short(out, value);
    }
}

/// Writes a number seven bits at a time, lowest first; the top bit of each byte says that another follows.
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A cursor over a payload that is not trusted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Bytes that were not read yet.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn bytes(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn short(&mut self) -> Result<u32, DecodeError> {
        let b = self.bytes(2)?;
        Ok(u32::from(u16::from_le_bytes([b[0], b[1]])))
    }

    pub(crate) fn signed(&mut self) -> Result<i32, DecodeError> {
        let b = self.bytes(2)?;
        Ok(i32::from(i16::from_le_bytes([b[0], b[1]])))
    }

    /// At most five bytes, and no bit beyond the 32nd.
    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let b = self.byte()?;
            if shift == 28 && b > 0x0f {
                return Err(DecodeError::BadNumber);
            }
            value |= u32::from(b & 0x7f) << shift;
            if b & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::BadNumber)
    }

    /// A rectangle that is not empty and lies inside `canvas`.
    pub(crate) fn rect(&mut self, canvas: Size) -> Result<Rect, DecodeError> {
        let r = Rect { x: self.short()?, y: self.short()?, width: self.short()?, height: self.short()? };
        if r.is_empty() || !canvas.rect().contains(r) {
            return Err(DecodeError::OutsideCanvas);
        }
        Ok(r)
    }
}
