//! The viewer's end: payloads that are not trusted in, a canvas out.
//!
//! Owns the canvas and the limits on what one update may cost. It must never panic, never hold a canvas beyond
//! [`Limits`], and never paint more than a fixed multiple of the canvas per update.

use crate::canvas::Canvas;
use crate::error::DecodeError;
use crate::geometry::{MAX_HEIGHT, MAX_WIDTH, Rect, Size};
use crate::tile;
use crate::update::{FLAG_RESET, Reader, VERSION, kind};
use crate::video::{ALIGN, MAX_PAINTS, MAX_STREAMS, Receiver};

/// How many times its own area a canvas may be painted by one update: copied, then painted by video, then by tiles
/// whose rectangles may overlap a little.
const MAX_REPAINTS: u64 = 4;

/// What one operation costs beyond its pixels, in pixels: bounds the number of operations too.
const COST_OF_OPERATION: u64 = 64;

/// What every update may cost beyond its share of the canvas, in pixels: lets a tiny canvas have some operations.
const COST_FLOOR: u64 = 1 << 18;

/// Most rectangles reported for one update; further ones widen the last. A window presents so many without loss.
const MAX_CHANGED: usize = 256;

/// What a decoder accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest canvas, each side by itself, in pixels.
    pub size: Size,
    /// Whether video operations are decoded; otherwise they are an error.
    pub h264: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { size: Size { width: MAX_WIDTH, height: MAX_HEIGHT }, h264: true }
    }
}

/// Applies updates to a canvas.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    canvas: Canvas,
    tiles: tile::Decoder,
    streams: [Option<Receiver>; MAX_STREAMS],
    paints: Vec<Rect>,
    changed: Vec<Rect>,
    /// No canvas yet, or one that an update left half painted.
    needs_complete: bool,
}

/// How much work an update may still ask for, in pixels.
struct Purse(u64);

impl Purse {
    fn spend(&mut self, area: u64) -> Result<(), DecodeError> {
        self.0 = self.0.checked_sub(area + COST_OF_OPERATION).ok_or(DecodeError::TooMuchWork)?;
        Ok(())
    }
}

impl Decoder {
    /// A decoder without a canvas; the first update has to be a complete one.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            canvas: Canvas::default(),
            tiles: tile::Decoder::new(),
            streams: Default::default(),
            paints: Vec::new(),
            changed: Vec::new(),
            needs_complete: true,
        }
    }

    /// The picture after the last update; 0x0 before the first.
    #[must_use]
    pub fn canvas(&self) -> &Canvas {
        &self.canvas
    }

    /// Applies one update's payload. Gives the rectangles that may have changed (they may overlap); a new canvas is
    /// reported as one rectangle.
    ///
    /// # Errors
    /// Whatever is malformed, outside the canvas, beyond the limits or out of order. After an error the canvas may be
    /// partly painted, and every update but a complete one is refused.
    pub fn apply(&mut self, payload: &[u8]) -> Result<&[Rect], DecodeError> {
        self.changed.clear();
        match self.run(payload) {
            Ok(()) => Ok(&self.changed),
            Err(error) => {
                self.needs_complete = true;
                Err(error)
            }
        }
    }

    fn run(&mut self, payload: &[u8]) -> Result<(), DecodeError> {
        let mut reader = Reader::new(payload);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(DecodeError::BadVersion(version));
        }
        let flags = reader.byte()?;
        if flags & !FLAG_RESET != 0 {
            return Err(DecodeError::BadKind);
        }
        let size = Size { width: reader.short()?, height: reader.short()? };
        if flags & FLAG_RESET != 0 {
            self.begin(size)?;
        } else if self.needs_complete {
            return Err(DecodeError::NeedsComplete);
        } else if size != self.canvas.size() {
            return Err(DecodeError::SizeMismatch);
        }
        let mut purse = Purse(size.area() * MAX_REPAINTS + COST_FLOOR);
        while !reader.is_empty() {
            self.operation(&mut reader, &mut purse)?;
        }
        self.needs_complete = false;
        Ok(())
    }

    fn begin(&mut self, size: Size) -> Result<(), DecodeError> {
        let most = self.limits.size;
        if !size.is_canvas() || size.width > most.width || size.height > most.height {
            return Err(DecodeError::BadSize { width: size.width, height: size.height });
        }
        self.streams = Default::default();
        self.tiles.reset();
        self.canvas.reset(size);
        changed(&mut self.changed, size.rect());
        Ok(())
    }

    fn operation(&mut self, reader: &mut Reader<'_>, purse: &mut Purse) -> Result<(), DecodeError> {
        let size = self.canvas.size();
        match reader.byte()? {
            kind::COPY => {
                let to = reader.rect(size)?;
                let (dx, dy) = (reader.signed()?, reader.signed()?);
                purse.spend(to.area())?;
                let shifted = |at: u32, by: i32| at.checked_add_signed(by).ok_or(DecodeError::OutsideCanvas);
                let from = Rect { x: shifted(to.x, dx)?, y: shifted(to.y, dy)?, ..to };
                if !size.rect().contains(from) {
                    return Err(DecodeError::OutsideCanvas);
                }
                self.canvas.copy(to, dx, dy);
                changed(&mut self.changed, to);
            }
            kind::FILL => {
                let area = reader.rect(size)?;
                let colour = reader.bytes(3)?;
                purse.spend(area.area())?;
                for y in area.y..area.bottom() {
                    self.canvas.row_mut(y, area.x, area.width).fill([colour[0], colour[1], colour[2], 255]);
                }
                changed(&mut self.changed, area);
            }
            kind::TILES => {
                let list = &mut self.changed;
                self.tiles.apply(reader, &mut self.canvas, |tile| {
                    purse.spend(tile.area())?;
                    changed(list, tile);
                    Ok(())
                })?;
            }
            kind::VIDEO => self.video(reader, purse)?,
            kind::VIDEO_END => {
                let index = usize::from(reader.byte()?);
                let slot = self.streams.get_mut(index).ok_or(DecodeError::BadKind)?;
                slot.take().ok_or(DecodeError::VideoOutOfOrder)?;
            }
            _ => return Err(DecodeError::BadKind),
        }
        Ok(())
    }

    fn video(&mut self, reader: &mut Reader<'_>, purse: &mut Purse) -> Result<(), DecodeError> {
        if !self.limits.h264 {
            return Err(DecodeError::VideoNotAccepted);
        }
        let size = self.canvas.size();
        let index = usize::from(reader.byte()?);
        let slot = self.streams.get_mut(index).ok_or(DecodeError::BadKind)?;
        match reader.byte()? {
            0 => {}
            1 => {
                let area = region(reader, size)?;
                *slot = None;
                *slot = Some(Receiver::new(area).map_err(|_| DecodeError::Library)?);
            }
            _ => return Err(DecodeError::BadKind),
        }
        let stream = slot.as_mut().ok_or(DecodeError::VideoOutOfOrder)?;
        let count = reader.varint()?;
        if count == 0 || count > MAX_PAINTS {
            return Err(DecodeError::VideoParameters);
        }
        purse.spend(stream.area().area())?;
        self.paints.clear();
        for _ in 0..count {
            let paint = reader.rect(size)?;
            if !stream.area().contains(paint) {
                return Err(DecodeError::OutsideCanvas);
            }
            purse.spend(paint.area())?;
            self.paints.push(paint);
        }
        let length = reader.varint()? as usize;
        stream.receive(reader.bytes(length)?)?;
        for paint in &self.paints {
            stream.paint(*paint, &mut self.canvas)?;
            changed(&mut self.changed, *paint);
        }
        Ok(())
    }
}

/// Reads a stream's region: aligned, not empty, and no further beyond the canvas than alignment asks for.
fn region(reader: &mut Reader<'_>, canvas: Size) -> Result<Rect, DecodeError> {
    let aligned = Size { width: canvas.width.next_multiple_of(ALIGN), height: canvas.height.next_multiple_of(ALIGN) };
    let area = reader.rect(aligned)?;
    if [area.x, area.y, area.width, area.height].iter().all(|v| v % ALIGN == 0) {
        Ok(area)
    } else {
        Err(DecodeError::VideoParameters)
    }
}

/// Notes a changed rectangle, unless what is noted covers it already.
fn changed(list: &mut Vec<Rect>, area: Rect) {
    if list.first().is_some_and(|all| all.contains(area)) {
        return;
    }
    if list.len() < MAX_CHANGED {
        list.push(area);
    } else if let Some(last) = list.last_mut() {
        *last = last.union(area);
    }
}
