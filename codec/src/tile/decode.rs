//! The decoder's half of the tile coder: bytes that are not trusted in, pixels out.

use super::palette::Ring;
use super::unpack::Unpacker;
use super::{MAX_STREAM, MAX_TILE_AREA, MAX_TILES, Mode, STREAMS, predict, restore, token};
use crate::canvas::Canvas;
use crate::error::DecodeError;
use crate::geometry::{BLACK, Pixel, Rect};
use crate::update::Reader;

/// What a stream has room for from the beginning, as much as our encoder ever sends, so that no picture waits for memory: what is
/// never written takes none. In a browser it would take it.
const ROOM: usize = if cfg!(target_family = "wasm") { 0 } else { 1 << 20 };

/// Paints Tiles operations. Holds the unpacking buffers, so that nothing is allocated per update.
pub(crate) struct Decoder {
    ring: Ring,
    unpacked: [Vec<u8>; STREAMS],
    /// What an empty stream of blue and red stands for; never anything but 0.
    zeros: Vec<u8>,
    tiles: Vec<(Rect, Mode)>,
    zstd: Option<Unpacker>,
}

impl core::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("tile::Decoder").finish_non_exhaustive()
    }
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Self {
            ring: Ring::new(),
            unpacked: std::array::from_fn(|_| Vec::with_capacity(ROOM)),
            zeros: Vec::with_capacity(ROOM),
            tiles: Vec::with_capacity(if ROOM > 0 { MAX_TILES as usize } else { 0 }),
            zstd: None,
        }
    }

    /// The canvas starts anew, and with it the ring.
    pub(crate) fn reset(&mut self) {
        self.ring.reset();
    }

    /// Reads one operation after its kind and paints it. `spend(pixels)` is asked before any work for a rectangle.
    pub(crate) fn apply(
        &mut self,
        reader: &mut Reader<'_>,
        canvas: &mut Canvas,
        mut spend: impl FnMut(Rect) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let count = reader.short()?;
        if count == 0 || count > MAX_TILES {
            return Err(DecodeError::BadTile);
        }
        self.tiles.clear();
        for _ in 0..count {
            let tile = reader.rect(canvas.size())?;
            let mode = match reader.byte()? {
                0 => Mode::Screen,
                1 => Mode::Photo,
                _ => return Err(DecodeError::BadKind),
            };
            if tile.area() > MAX_TILE_AREA {
                return Err(DecodeError::BadTile);
            }
            spend(tile)?;
            self.tiles.push((tile, mode));
        }
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            none => none.insert(Unpacker::new()?),
        };
        let [ops, places, green, blue_red] = &mut self.unpacked;
        let ops = unpack(reader, ops, zstd)?;
        let places = unpack(reader, places, zstd)?;
        let green = unpack(reader, green, zstd)?;
        let zeros = green.len() * 2;
        let mut blue_red = unpack(reader, blue_red, zstd)?;
        if blue_red.is_empty() {
            // Only grey: the differences of blue and red are all 0.
            if self.zeros.len() < zeros {
                self.zeros.resize(zeros, 0);
            }
            blue_red = &self.zeros[..zeros];
        }
        let (blue_red, odd) = blue_red.as_chunks::<2>();
        if green.len() != blue_red.len() || !odd.is_empty() {
            return Err(DecodeError::BadTile);
        }
        let mut streams = Streams { ops: Reader::new(ops), places, green, blue_red };
        for (tile, mode) in &self.tiles {
            match mode {
                Mode::Screen => screen(&mut streams, &mut self.ring, canvas, *tile)?,
                Mode::Photo => photo(&mut streams, canvas, *tile)?,
            }
        }
        if streams.ops.is_empty() && streams.places.is_empty() && streams.green.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::BadTile)
        }
    }
}

/// Reads one stream's header and gives its bytes, unpacked into `buffer` if they are packed.
fn unpack<'payload: 'b, 'b>(
    reader: &mut Reader<'payload>,
    buffer: &'b mut Vec<u8>,
    zstd: &mut Unpacker,
) -> Result<&'b [u8], DecodeError> {
    let head = reader.varint()?;
    let length = (head >> 1) as usize;
    if length > MAX_STREAM {
        return Err(DecodeError::BadStream);
    }
    if head & 1 == 0 {
        return reader.bytes(length);
    }
    let packed = reader.varint()? as usize;
    let packed = reader.bytes(packed)?;
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    zstd.unpack(packed, &mut buffer[..length])?;
    Ok(&buffer[..length])
}

struct Streams<'a> {
    ops: Reader<'a>,
    places: &'a [u8],
    green: &'a [u8],
    blue_red: &'a [[u8; 2]],
}

impl<'a> Streams<'a> {
    /// The next differences of `n` pixels.
    fn colours(&mut self, n: usize) -> Result<(&'a [u8], &'a [[u8; 2]]), DecodeError> {
        let (green, green_rest) = self.green.split_at_checked(n).ok_or(DecodeError::BadTile)?;
        let (blue_red, blue_red_rest) = self.blue_red.split_at_checked(n).ok_or(DecodeError::BadTile)?;
        (self.green, self.blue_red) = (green_rest, blue_red_rest);
        Ok((green, blue_red))
    }
}

/// Runs up to this long are written with one fixed-size store instead of a call.
const SHORT: usize = 8;

fn screen(streams: &mut Streams<'_>, ring: &mut Ring, canvas: &mut Canvas, tile: Rect) -> Result<(), DecodeError> {
    let stride = canvas.size().width as usize;
    let pixels = canvas.all_mut();
    let n = tile.width as usize;
    let first = tile.y as usize * stride + tile.x as usize;
    let mut left_to_do = tile.area() as usize;
    // Where the next pixel goes, and how many pixels its row still wants.
    let (mut at, mut room) = (first, n);
    let mut last = BLACK;
    while left_to_do > 0 {
        let op = streams.ops.byte()?;
        let mut length = usize::from(op & 63) + 1;
        if length > token::INLINE {
            length += streams.ops.varint()? as usize;
        }
        left_to_do = left_to_do.checked_sub(length).ok_or(DecodeError::BadTile)?;
        while length > 0 {
            if room == 0 {
                at += stride - n;
                room = n;
            }
            let now = length.min(room);
            match op >> 6 {
                // What a short run writes too much lies in the same row of the tile and is overwritten next.
                token::LEFT if now <= SHORT && room >= SHORT => pixels[at..at + SHORT].fill(last),
                token::LEFT => pixels[at..at + now].fill(last),
                token::ABOVE if now <= SHORT && room >= SHORT && at >= first + n => {
                    let above: [Pixel; SHORT] = std::array::from_fn(|i| pixels[at - stride + i]);
                    pixels[at..at + SHORT].copy_from_slice(&above);
                    last = above[now - 1];
                }
                token::ABOVE => {
                    if at < first + n {
                        return Err(DecodeError::BadTile);
                    }
                    let (done, rest) = pixels.split_at_mut(at);
                    rest[..now].copy_from_slice(&done[at - stride..][..now]);
                    last = rest[now - 1];
                }
                token::PALETTE => {
                    let (places, rest) = streams.places.split_at_checked(now).ok_or(DecodeError::BadTile)?;
                    streams.places = rest;
                    for (pixel, place) in pixels[at..at + now].iter_mut().zip(places) {
                        *pixel = ring.at(*place);
                    }
                    last = pixels[at + now - 1];
                }
                _ => {
                    let (green, blue_red) = streams.colours(now)?;
                    for ((pixel, green), blue_red) in pixels[at..at + now].iter_mut().zip(green).zip(blue_red) {
                        last = restore(*green, *blue_red, last);
                        ring.push(last);
                        *pixel = last;
                    }
                }
            }
            at += now;
            room -= now;
            length -= now;
        }
    }
    Ok(())
}

fn photo(streams: &mut Streams<'_>, canvas: &mut Canvas, tile: Rect) -> Result<(), DecodeError> {
    let n = tile.width;
    for y in tile.y..tile.bottom() {
        let (green, blue_red) = streams.colours(n as usize)?;
        if y == tile.y {
            let mut last: Pixel = BLACK;
            for ((pixel, green), blue_red) in canvas.row_mut(y, tile.x, n).iter_mut().zip(green).zip(blue_red) {
                last = restore(*green, *blue_red, last);
                *pixel = last;
            }
        } else {
            let stride = canvas.size().width as usize;
            let at = y as usize * stride + tile.x as usize;
            let (done, rest) = canvas.all_mut().split_at_mut(at);
            let above = &done[at - stride..][..n as usize];
            let row = &mut rest[..n as usize];
            // Left of the row lies nothing: its first pixel is predicted from above alone.
            let (mut left, mut corner) = (above[0], above[0]);
            for (((pixel, above), green), blue_red) in row.iter_mut().zip(above).zip(green).zip(blue_red) {
                left = restore(*green, *blue_red, predict(left, *above, corner));
                corner = *above;
                *pixel = left;
            }
        }
    }
    Ok(())
}
