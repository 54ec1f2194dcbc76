//! The encoder's half of the tile coder.

use super::palette::Index;
use super::{MAX_TILE_AREA, MAX_TILES, Mode, STREAMS, predict, residual, token};
use crate::canvas::Canvas;
use crate::error::EncodeError;
use crate::geometry::{BLACK, Frame, MAX_WIDTH, Pixel, Rect};
use crate::simd::Level;
use crate::update::{kind, rect, short, varint};

/// A stream shorter than this goes as it is: the entropy coder's tables would cost more than they save.
const PACK_FROM: usize = 256;

/// The streams are written out when they hold this much together, so that they stay in the second-level cache.
const FLUSH_AT: usize = 1 << 19;

/// The longest that a stream becomes: two bytes for each pixel of a tile that follows when it is almost time to write.
const LONGEST: usize = FLUSH_AT + 2 * MAX_TILE_AREA as usize;

/// Words of the widest row's bits.
const ROW_WORDS: usize = MAX_WIDTH as usize / 64 + 1;

/// zstd's fast strategy; higher levels cost more time than a local network does.
const ZSTD_LEVEL: i32 = 1;

/// Turns rectangles of a canvas into Tiles operations. Holds all buffers, so that nothing is allocated per frame.
pub(crate) struct Coder {
    level: Level,
    index: Index,
    streams: [Vec<u8>; STREAMS],
    tiles: Vec<(Rect, Mode)>,
    /// Bits of a row: differs from the pixel above; differs from the pixel to the left.
    above: Vec<u64>,
    left: Vec<u64>,
    packed: Vec<u8>,
    zstd: zstd::bulk::Compressor<'static>,
}

impl core::fmt::Debug for Coder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Coder").field("level", &self.level).finish_non_exhaustive()
    }
}

/// An operation that may still grow.
struct Pending {
    kind: u8,
    length: usize,
}

impl Pending {
    #[inline(always)]
    fn add(&mut self, ops: &mut Vec<u8>, kind: u8, n: usize) {
        if self.kind == kind {
            self.length += n;
        } else {
            self.flush(ops);
            (self.kind, self.length) = (kind, n);
        }
    }

    #[inline(always)]
    fn flush(&mut self, ops: &mut Vec<u8>) {
        if self.length == 0 {
            return;
        }
        let short = self.length - 1;
        if short < token::INLINE {
            ops.push(self.kind << 6 | short as u8);
        } else {
            ops.push(self.kind << 6 | token::INLINE as u8);
            varint(ops, (short - token::INLINE) as u32);
        }
        self.length = 0;
    }
}

/// Number of 0 bits from bit `from` on, at most up to `end`.
#[inline(always)]
fn zeros(words: &[u64], from: usize, end: usize) -> usize {
    let mut at = from;
    while at < end {
        let word = words[at / 64] >> (at % 64);
        if word != 0 {
            return (at + word.trailing_zeros() as usize).min(end) - from;
        }
        at = (at / 64 + 1) * 64;
    }
    end - from
}

impl Coder {
    pub(crate) fn new(level: Level) -> Result<Self, EncodeError> {
        let mut zstd = zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(|_| EncodeError::Library)?;
        zstd.include_checksum(false).map_err(|_| EncodeError::Library)?;
        zstd.include_contentsize(false).map_err(|_| EncodeError::Library)?;
        Ok(Self {
            level,
            index: Index::new(),
            // As long as they may become, so that no picture has to wait for memory; what is never written takes none.
            streams: std::array::from_fn(|_| Vec::with_capacity(LONGEST)),
            tiles: Vec::with_capacity(MAX_TILES as usize),
            above: Vec::with_capacity(ROW_WORDS),
            left: Vec::with_capacity(ROW_WORDS),
            packed: Vec::with_capacity(LONGEST),
            zstd,
        })
    }

    /// Adds the exact pixels of a rectangle of the frame, and takes them over into the shadow. Bytes appear in `out` at the
    /// latest at [`Coder::finish`].
    pub(crate) fn add(&mut self, frame: &Frame<'_>, canvas: &mut Canvas, area: Rect, mode: Mode, out: &mut Vec<u8>) {
        let most = (MAX_TILE_AREA as u32 / area.width.max(1)).max(1);
        let mut y = area.y;
        while y < area.bottom() {
            let bottom = area.bottom().min(y + most);
            let tile = Rect::between(area.x, y, area.right(), bottom);
            match mode {
                Mode::Screen => self.screen(frame, canvas, tile),
                Mode::Photo => self.photo(frame, canvas, tile),
            }
            self.tiles.push((tile, mode));
            y = bottom;
            if self.pending() >= FLUSH_AT || self.tiles.len() >= MAX_TILES as usize {
                self.finish(out);
            }
        }
    }

    /// Bytes that wait to be packed.
    pub(crate) fn pending(&self) -> usize {
        self.streams.iter().map(Vec::len).sum()
    }

    /// Writes what was added as one operation, if anything was.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.tiles.is_empty() {
            return;
        }
        out.push(kind::TILES);
        short(out, self.tiles.len() as u32);
        for (tile, mode) in self.tiles.drain(..) {
            rect(out, tile);
            out.push(mode as u8);
        }
        // Text is mostly grey, and grey needs no other colours: a typed letter then takes no packing at all.
        if let [.., blue_red] = &mut self.streams
            && blue_red.iter().all(|difference| *difference == 0)
        {
            blue_red.clear();
        }
        for bytes in &mut self.streams {
            let packed = if bytes.len() < PACK_FROM {
                None
            } else {
                self.packed.clear();
                self.packed.reserve(bytes.len());
                self.zstd
                    .compress_to_buffer(bytes.as_slice(), &mut self.packed)
                    .ok()
                    .filter(|n| n + n / 64 < bytes.len())
            };
            match packed {
                Some(n) => {
                    varint(out, (bytes.len() as u32) << 1 | 1);
                    varint(out, n as u32);
                    out.extend_from_slice(&self.packed[..n]);
                }
                None => {
                    varint(out, (bytes.len() as u32) << 1);
                    out.extend_from_slice(bytes);
                }
            }
            bytes.clear();
        }
    }

    /// The viewer's canvas starts anew, and with it the ring.
    pub(crate) fn reset(&mut self) {
        self.index.reset();
    }

    fn screen(&mut self, frame: &Frame<'_>, canvas: &mut Canvas, tile: Rect) {
        let n = tile.width as usize;
        let words = n.div_ceil(64);
        self.above.clear();
        self.above.resize(words, u64::MAX);
        self.left.clear();
        self.left.resize(words, 0);
        let [ops, places, green, blue_red] = &mut self.streams;
        let mut pending = Pending { kind: token::LEFT, length: 0 };
        let mut last = BLACK;
        for y in tile.y..tile.bottom() {
            let (row, previous) = take_row(frame, canvas, tile, y);
            if y > tile.y {
                self.level.differ(row, previous, &mut self.above);
                if self.above.iter().all(|w| *w == 0) {
                    pending.add(ops, token::ABOVE, n);
                    last = row[n - 1];
                    continue;
                }
            }
            left_bits(self.level, row, last, &mut self.left);
            let (above, left) = (&self.above[..], &self.left[..]);
            let mut at = 0;
            while at < n {
                // Where the next run of at least three begins, within this word; up to there, pixels for themselves.
                let (up, back) = (!above[at / 64], !left[at / 64]);
                let runs = ((up & up >> 1 & up >> 2) | (back & back >> 1 & back >> 2)) >> (at % 64);
                let lone = (runs.trailing_zeros() as usize).min(64 - at % 64).min(n - at);
                if lone > 0 {
                    let pixels = &row[at..at + lone];
                    pixel_tokens(&mut self.index, ops, places, green, blue_red, &mut pending, pixels, last);
                    at += lone;
                    last = row[at - 1];
                    continue;
                }
                let (up, back) = (zeros(above, at, n), zeros(left, at, n));
                let keep_up = up > back || (up == back && pending.kind == token::ABOVE);
                let run = up.max(back);
                pending.add(ops, if keep_up { token::ABOVE } else { token::LEFT }, run);
                at += run;
                last = row[at - 1];
            }
        }
        pending.flush(ops);
    }

    fn photo(&mut self, frame: &Frame<'_>, canvas: &mut Canvas, tile: Rect) {
        let [_, _, green, blue_red] = &mut self.streams;
        for y in tile.y..tile.bottom() {
            let (row, previous) = take_row(frame, canvas, tile, y);
            let mut put = |pixel: Pixel, predicted: Pixel| {
                let (g, br) = residual(pixel, predicted);
                green.push(g);
                blue_red.extend_from_slice(&br);
            };
            if y == tile.y {
                put(row[0], BLACK);
                for pair in row.windows(2) {
                    put(pair[1], pair[0]);
                }
            } else {
                put(row[0], previous[0]);
                for (pair, up) in row.windows(2).zip(previous.windows(2)) {
                    put(pair[1], predict(pair[0], up[1], up[0]));
                }
            }
        }
    }
}

/// Takes one row of a tile over from the frame while it is in the nearest cache; gives it and the row above it (empty for the first).
fn take_row<'a>(frame: &Frame<'_>, canvas: &'a mut Canvas, tile: Rect, y: u32) -> (&'a [Pixel], &'a [Pixel]) {
    canvas.take(frame, Rect { y, height: 1, ..tile });
    let previous = if y > tile.y { canvas.row(y - 1, tile.x, tile.width) } else { &[] };
    (canvas.row(y, tile.x, tile.width), previous)
}

/// One bit per pixel: differs from the pixel before it; `last` comes before the first.
fn left_bits(level: Level, row: &[Pixel], last: Pixel, out: &mut [u64]) {
    let n = row.len();
    let inner = (n - 1).div_ceil(64);
    level.differ(&row[1..], &row[..n - 1], &mut out[..inner]);
    if inner < out.len() {
        out[inner] = 0;
    }
    let mut carry = u64::from(row[0] != last);
    for word in out {
        let next = *word >> 63;
        *word = *word << 1 | carry;
        carry = next;
    }
}

/// Writes at most 64 pixels that are no runs: places of the ring, or literals. `last` is the pixel before them.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the innermost step; its state lives in registers")]
fn pixel_tokens(
    index: &mut Index,
    ops: &mut Vec<u8>,
    places: &mut Vec<u8>,
    green: &mut Vec<u8>,
    blue_red: &mut Vec<u8>,
    pending: &mut Pending,
    pixels: &[Pixel],
    mut last: Pixel,
) {
    let mut rest = pixels;
    while !rest.is_empty() {
        let mut known = [0; 64];
        let mut n = 0;
        for (place, pixel) in known.iter_mut().zip(rest) {
            let Some(found) = index.find(*pixel) else { break };
            *place = found;
            n += 1;
        }
        if n > 0 {
            pending.add(ops, token::PALETTE, n);
            places.extend_from_slice(&known[..n]);
            last = rest[n - 1];
            rest = &rest[n..];
        }
        while let Some((pixel, after)) = rest.split_first() {
            if index.find(*pixel).is_some() {
                break;
            }
            pending.add(ops, token::LITERAL, 1);
            let (g, br) = residual(*pixel, last);
            green.push(g);
            blue_red.extend_from_slice(&br);
            index.push(*pixel);
            last = *pixel;
            rest = after;
        }
    }
}
