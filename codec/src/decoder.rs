//! The viewer's end: payloads that are not trusted in, a canvas out.
//!
//! Owns the canvas and the limits on what one update may cost. It must never panic, never hold a canvas beyond
//! [`Limits`], and never paint more than a fixed multiple of the canvas per update.

use crate::canvas::Canvas;
use crate::error::DecodeError;
use crate::geometry::{MAX_HEIGHT, MAX_WIDTH, Rect, Size};
use crate::tile;
use crate::update::{FLAG_RESET, HEADER_BYTES, Reader, VERSION, kind};
use crate::video::{ALIGN, MAX_PAINTS, MAX_STREAMS, Receiver};
use std::ops::Range;

/// How many times its own area a canvas may be painted by one update: copied, then painted by video, then by tiles
/// whose rectangles may overlap a little.
const MAX_REPAINTS: u64 = 4;

/// What one operation costs beyond its pixels, in pixels: bounds the number of operations too.
const COST_OF_OPERATION: u64 = 64;

/// What every update may cost beyond its share of the canvas, in pixels: lets a tiny canvas have some operations.
const COST_FLOOR: u64 = 1 << 18;

/// Most rectangles reported for one update; further ones widen the last. A window presents so many without loss.
const MAX_CHANGED: usize = 256;

/// Most moves that are listed as such.
const MAX_MOVES: usize = 256;

/// A part of the canvas that an update moves before it brings any pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Where the pixels go, inside the canvas.
    pub to: Rect,
    /// They come from so many pixels further to the right.
    pub dx: i32,
    /// They come from so many pixels further down.
    pub dy: i32,
}

/// The moves that an update for a canvas of this size begins with, for whoever holds a copy of the canvas and would rather move
/// its pixels than be sent them. Empty for a complete update and for one that [`Decoder::apply`] will refuse at its beginning.
pub fn leading_moves(payload: &[u8], size: Size, moves: &mut Vec<Move>) {
    moves.clear();
    let mut reader = Reader::new(payload);
    let Ok((flags, of)) = header(&mut reader) else { return };
    while flags == 0 && of == size && moves.len() < MAX_MOVES {
        match reader.byte() {
            Ok(kind::COPY) => {}
            _ => return,
        }
        let Ok(next) = Move::read(&mut reader, size) else { return };
        moves.push(next);
    }
}

impl Move {
    fn read(reader: &mut Reader<'_>, size: Size) -> Result<Self, DecodeError> {
        let to = reader.rect(size)?;
        let moved = Self { to, dx: reader.signed()?, dy: reader.signed()? };
        moved.from(size).map(|_| moved)
    }

    /// Where its pixels come from, inside a canvas of this size.
    fn from(&self, size: Size) -> Result<Rect, DecodeError> {
        let shifted = |at: u32, by: i32| at.checked_add_signed(by).ok_or(DecodeError::OutsideCanvas);
        let from = Rect { x: shifted(self.to.x, self.dx)?, y: shifted(self.to.y, self.dy)?, ..self.to };
        if size.rect().contains(from) { Ok(from) } else { Err(DecodeError::OutsideCanvas) }
    }

    /// Whether both its ends lie inside a canvas of this size.
    #[must_use]
    pub fn is_inside(&self, size: Size) -> bool {
        !self.to.is_empty() && size.rect().contains(self.to) && self.from(size).is_ok()
    }
}

/// Reads a payload's header: its flags, of which the unknown are an error, and the canvas's size.
fn header(reader: &mut Reader<'_>) -> Result<(u8, Size), DecodeError> {
    let version = reader.byte()?;
    if version != VERSION {
        return Err(DecodeError::BadVersion(version));
    }
    let flags = reader.byte()?;
    if flags & !FLAG_RESET != 0 {
        return Err(DecodeError::BadKind);
    }
    Ok((flags, Size { width: reader.short()?, height: reader.short()? }))
}

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

/// How far an update was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All of it: [`Decoder::changed`] says where.
    Done,
    /// Up to a picture that somebody else has to decode, and to hand to [`Decoder::supply`].
    Picture(Wanted),
}

/// A picture that is to be decoded. Its access unit was checked: one picture of Constrained Baseline in this size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The stream it belongs to: 0 or 1.
    pub stream: u8,
    /// The stream begins: what was decoded for another of the same number is over.
    pub begins: bool,
    /// It needs no picture before it, and brings its parameter sets.
    pub key: bool,
    /// The picture's size in pixels, multiples of 16.
    pub size: Size,
    /// Where in the payload its access unit lies, with start codes.
    pub unit: Range<usize>,
}

/// How the samples of a decoded picture lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// All luma, then all blue differences, then all red ones.
    I420,
    /// All luma, then blue and red differences in turn.
    Nv12,
}

/// A decoded picture in 4:2:0, its planes one after the other without gaps.
#[derive(Clone, Copy)]
pub struct Picture<'a> {
    /// How its samples lie.
    pub layout: Layout,
    /// One and a half bytes for each pixel.
    pub bytes: &'a [u8],
}

/// Where an update that is not done goes on.
#[derive(Debug)]
struct Paused {
    stream: usize,
    /// Bytes of the payload that are done.
    at: usize,
    purse: Purse,
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
    /// As `changed`, without the first moves.
    painted: Vec<Rect>,
    /// Moves before anything was painted.
    moves: usize,
    /// No canvas yet, or one that an update left half painted.
    needs_complete: bool,
    /// An update waits for its picture.
    paused: Option<Paused>,
}

/// How much work an update may still ask for, in pixels.
#[derive(Debug)]
struct Purse(u64);

impl core::fmt::Debug for Picture<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Picture").field("layout", &self.layout).finish_non_exhaustive()
    }
}

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
            painted: Vec::new(),
            moves: 0,
            needs_complete: true,
            paused: None,
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
    #[cfg(not(target_family = "wasm"))]
    pub fn apply(&mut self, payload: &[u8]) -> Result<&[Rect], DecodeError> {
        let mut progress = self.start(payload)?;
        while let Progress::Picture(Wanted { unit, .. }) = progress {
            progress = self.proceed(payload, |stream| stream.decode(&payload[unit.clone()]))?;
        }
        Ok(&self.changed)
    }

    /// Applies one update's payload up to the first picture that has to be decoded elsewhere. An update that waits for its
    /// picture is given up.
    ///
    /// # Errors
    /// As `apply`, which is this with the pictures decoded here.
    pub fn start(&mut self, payload: &[u8]) -> Result<Progress, DecodeError> {
        self.changed.clear();
        self.painted.clear();
        self.moves = 0;
        let is_cut = self.paused.take().is_some();
        self.needs_complete |= is_cut;
        let result = self.head(payload).and_then(|purse| self.run(payload, HEADER_BYTES, purse));
        self.guard(result)
    }

    /// Goes on with the same payload, now that its picture is decoded.
    ///
    /// # Errors
    /// As [`start`](Self::start); a picture of another size; or nothing waits for a picture.
    pub fn supply(&mut self, payload: &[u8], picture: Picture<'_>) -> Result<Progress, DecodeError> {
        self.proceed(payload, |stream| stream.take(picture))
    }

    /// The rectangles that the last update may have changed, so far; they may overlap.
    #[must_use]
    pub fn changed(&self) -> &[Rect] {
        &self.changed
    }

    /// Whether every update but a complete one is refused.
    #[must_use]
    pub fn needs_complete(&self) -> bool {
        self.needs_complete
    }

    /// As [`changed`](Self::changed), but without what only the [`leading_moves`] of the update changed.
    #[must_use]
    pub fn painted(&self) -> &[Rect] {
        &self.painted
    }

    fn guard<T>(&mut self, result: Result<T, DecodeError>) -> Result<T, DecodeError> {
        self.needs_complete |= result.is_err();
        result
    }

    fn proceed(
        &mut self,
        payload: &[u8],
        picture: impl FnOnce(&mut Receiver) -> Result<(), DecodeError>,
    ) -> Result<Progress, DecodeError> {
        let Some(Paused { stream, at, purse }) = self.paused.take() else {
            return self.guard(Err(DecodeError::VideoOutOfOrder));
        };
        let result = self.paint(stream, picture).and_then(|()| self.run(payload, at, purse));
        self.guard(result)
    }

    /// Paints what the paused video operation wants of its stream's picture.
    fn paint(
        &mut self,
        stream: usize,
        picture: impl FnOnce(&mut Receiver) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let stream = self.streams[stream].as_mut().ok_or(DecodeError::VideoOutOfOrder)?;
        picture(stream)?;
        for paint in &self.paints {
            stream.paint(*paint, &mut self.canvas)?;
            changed(&mut self.changed, *paint);
            changed(&mut self.painted, *paint);
        }
        Ok(())
    }

    /// Reads the header and gives what the operations may cost.
    fn head(&mut self, payload: &[u8]) -> Result<Purse, DecodeError> {
        let mut reader = Reader::new(payload);
        let (flags, size) = header(&mut reader)?;
        if flags & FLAG_RESET != 0 {
            self.begin(size)?;
        } else if self.needs_complete {
            return Err(DecodeError::NeedsComplete);
        } else if size != self.canvas.size() {
            return Err(DecodeError::SizeMismatch);
        }
        Ok(Purse(size.area() * MAX_REPAINTS + COST_FLOOR))
    }

    /// Does the operations from byte `at` on.
    fn run(&mut self, payload: &[u8], at: usize, mut purse: Purse) -> Result<Progress, DecodeError> {
        let mut reader = Reader::new(payload.get(at..).ok_or(DecodeError::Truncated)?);
        while !reader.is_empty() {
            if let Some(Video { stream, begins, key, size, length }) = self.operation(&mut reader, &mut purse)? {
                let at = payload.len() - reader.left();
                self.paused = Some(Paused { stream, at, purse });
                let stream = u8::try_from(stream).map_err(|_| DecodeError::BadKind)?;
                return Ok(Progress::Picture(Wanted { stream, begins, key, size, unit: at - length..at }));
            }
        }
        self.needs_complete = false;
        Ok(Progress::Done)
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
        changed(&mut self.painted, size.rect());
        Ok(())
    }

    /// Does the next operation, or all of it but the picture.
    fn operation(&mut self, reader: &mut Reader<'_>, purse: &mut Purse) -> Result<Option<Video>, DecodeError> {
        let size = self.canvas.size();
        match reader.byte()? {
            kind::COPY => {
                let next = Move::read(reader, size)?;
                purse.spend(next.to.area())?;
                self.canvas.copy(next.to, next.dx, next.dy);
                changed(&mut self.changed, next.to);
                if self.painted.is_empty() && self.moves < MAX_MOVES {
                    self.moves += 1;
                } else {
                    changed(&mut self.painted, next.to);
                }
            }
            kind::FILL => {
                let area = reader.rect(size)?;
                let colour = reader.bytes(3)?;
                purse.spend(area.area())?;
                for y in area.y..area.bottom() {
                    self.canvas.row_mut(y, area.x, area.width).fill([colour[0], colour[1], colour[2], 255]);
                }
                changed(&mut self.changed, area);
                changed(&mut self.painted, area);
            }
            kind::TILES => {
                let (all, painted) = (&mut self.changed, &mut self.painted);
                self.tiles.apply(reader, &mut self.canvas, |tile| {
                    purse.spend(tile.area())?;
                    changed(all, tile);
                    changed(painted, tile);
                    Ok(())
                })?;
            }
            kind::VIDEO => return self.video(reader, purse).map(Some),
            kind::VIDEO_END => {
                let index = usize::from(reader.byte()?);
                let slot = self.streams.get_mut(index).ok_or(DecodeError::BadKind)?;
                slot.take().ok_or(DecodeError::VideoOutOfOrder)?;
            }
            _ => return Err(DecodeError::BadKind),
        }
        Ok(None)
    }

    fn video(&mut self, reader: &mut Reader<'_>, purse: &mut Purse) -> Result<Video, DecodeError> {
        if !self.limits.h264 {
            return Err(DecodeError::VideoNotAccepted);
        }
        let size = self.canvas.size();
        let index = usize::from(reader.byte()?);
        let slot = self.streams.get_mut(index).ok_or(DecodeError::BadKind)?;
        let begins = match reader.byte()? {
            0 => false,
            1 => {
                let area = region(reader, size)?;
                *slot = None;
                *slot = Some(Receiver::new(area));
                true
            }
            _ => return Err(DecodeError::BadKind),
        };
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
        let key = stream.check(reader.bytes(length)?)?.key;
        let Rect { width, height, .. } = stream.area();
        Ok(Video { stream: index, begins, key, size: Size { width, height }, length })
    }
}

/// A video operation whose picture is to be decoded.
struct Video {
    stream: usize,
    begins: bool,
    key: bool,
    size: Size,
    length: usize,
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
