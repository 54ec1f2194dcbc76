//! Owns the comparison of single pieces: lossless coders on the same rectangles, and conversion of colours.
//!
//! Each rectangle goes through every coder, one after the other. Must never compare what was not decoded and found equal.

use std::hint::black_box;
use std::io::Cursor;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use shoji_codec::measure::{Exact, Picture};
use shoji_codec::{Decoder, Frame, Level, Limits, Rect, Size};
use yuv::{YuvChromaSubsampling, YuvPlanarImageMut, bgra_to_yuv420};

use super::full::CONVERSION;
use crate::stats;

/// The effort of zstd on raw pixels: its fastest usual one.
const ZSTD: i32 = 1;

/// One coder on one clip's changed rectangles.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Coder {
    /// Its name.
    pub name: String,
    /// Nanoseconds per pixel, encoding and decoding, over all rectangles.
    pub encode_ns: f64,
    /// The same, decoding.
    pub decode_ns: f64,
    /// Bits per pixel.
    pub bits: f64,
}

#[derive(Default)]
struct Sums {
    encode: f64,
    decode: f64,
    bytes: usize,
}

/// Lossless coders on rectangles of one clip.
pub struct Lossless {
    exact: Exact,
    decoder: Decoder,
    packer: zstd::bulk::Compressor<'static>,
    unpacker: zstd::bulk::Decompressor<'static>,
    sums: [Sums; 4],
    pixels: u64,
}

const NAMES: [&str; 4] = ["shoji", "png (fdeflate)", "qoi", "zstd -1"];

fn nanoseconds(since: Instant) -> f64 {
    since.elapsed().as_nanos() as f64
}

impl Lossless {
    /// Nothing yet.
    ///
    /// # Errors
    /// If a library cannot be set up.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            exact: Exact::new(Level::detect())?,
            decoder: Decoder::new(Limits::default()),
            packer: zstd::bulk::Compressor::new(ZSTD)?,
            unpacker: zstd::bulk::Decompressor::new()?,
            sums: Default::default(),
            pixels: 0,
        })
    }

    /// Codes a rectangle with each coder.
    ///
    /// # Errors
    /// If a coder fails, or gives back other pixels.
    pub fn add(&mut self, frame: &Frame<'_>, rect: Rect) -> anyhow::Result<()> {
        self.pixels += rect.area();
        let (width, height) = (rect.width, rect.height);
        let mut cut = Vec::with_capacity(rect.area() as usize * 4);
        for y in rect.y..rect.bottom() {
            let start = y as usize * frame.stride + rect.x as usize * 4;
            cut.extend_from_slice(&frame.pixels[start..start + width as usize * 4]);
        }
        let rgb: Vec<u8> = cut.as_chunks::<4>().0.iter().flat_map(|p| [p[2], p[1], p[0]]).collect();

        let mut out = Vec::new();
        // A picture of its own, so that our decoder has no other pixels to clear either.
        let size = Size { width, height };
        let alone = Frame { size, stride: width as usize * 4, pixels: &cut };
        let at = Instant::now();
        self.exact.encode(&alone, size.rect(), &mut out);
        self.sums[0].encode += nanoseconds(at);
        let at = Instant::now();
        self.decoder.apply(&out)?;
        self.sums[0].decode += nanoseconds(at);
        self.sums[0].bytes += out.len();
        let shown = self.decoder.canvas().pixels().as_chunks::<4>().0;
        let same = shown.iter().zip(cut.as_chunks::<4>().0).all(|(a, b)| a[..3] == b[..3]);
        anyhow::ensure!(same, "the exact coder gave other pixels back");

        let mut packed = Vec::new();
        let at = Instant::now();
        let mut png = png::Encoder::new(&mut packed, width, height);
        png.set_color(png::ColorType::Rgb);
        png.set_compression(png::Compression::Fast);
        let mut writer = png.write_header()?;
        writer.write_image_data(&rgb)?;
        drop(writer);
        self.sums[1].encode += nanoseconds(at);
        let mut back = vec![0; rgb.len()];
        let at = Instant::now();
        png::Decoder::new(Cursor::new(&packed)).read_info()?.next_frame(&mut back)?;
        self.sums[1].decode += nanoseconds(at);
        self.sums[1].bytes += packed.len();
        anyhow::ensure!(back == rgb, "png gave other pixels back");

        let at = Instant::now();
        let packed = qoi::encode_to_vec(&rgb, width, height)?;
        self.sums[2].encode += nanoseconds(at);
        let at = Instant::now();
        let (_, back) = qoi::decode_to_vec(&packed)?;
        self.sums[2].decode += nanoseconds(at);
        self.sums[2].bytes += packed.len();
        anyhow::ensure!(back == rgb, "qoi gave other pixels back");

        let at = Instant::now();
        let packed = self.packer.compress(&cut)?;
        self.sums[3].encode += nanoseconds(at);
        let at = Instant::now();
        let back = self.unpacker.decompress(&packed, cut.len())?;
        self.sums[3].decode += nanoseconds(at);
        self.sums[3].bytes += packed.len();
        anyhow::ensure!(back == cut, "zstd gave other pixels back");
        Ok(())
    }

    /// What came of it; nothing if there were no rectangles.
    #[must_use]
    pub fn figures(&self) -> Vec<Coder> {
        if self.pixels == 0 {
            return Vec::new();
        }
        let n = self.pixels as f64;
        let rows = NAMES.iter().zip(&self.sums);
        rows.map(|(name, sums)| Coder {
            name: (*name).to_owned(),
            encode_ns: sums.encode / n,
            decode_ns: sums.decode / n,
            bits: sums.bytes as f64 * 8.0 / n,
        })
        .collect()
    }
}

/// Microseconds per 1080p frame, medians.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Conversion {
    /// What was done.
    pub name: String,
    /// Microseconds.
    pub us: f64,
}

/// Frames that take turns, so that none is still in a cache, and how often all of them do.
const FRAMES: usize = 12;
const TURNS: usize = 6;

/// Converts 1080p frames by `yuv` and by our kernels, in turns, beside reading the memory once.
///
/// # Errors
/// If a library refuses the sizes.
pub fn conversions() -> anyhow::Result<Vec<Conversion>> {
    const SIZE: Size = Size { width: 1920, height: 1072 };
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let frames: Vec<Vec<u8>> = (0..FRAMES).map(|_| (0..SIZE.area() * 4).map(|_| noise()).collect()).collect();
    let levels: Vec<Level> = Level::all().collect();
    let mut names = vec!["read the memory once".to_owned(), "yuv balanced".to_owned()];
    names.extend(levels.iter().map(|level| format!("shoji {}", level.name())));
    let mut times = vec![Vec::new(); names.len()];
    let mut theirs = YuvPlanarImageMut::<u8>::alloc(SIZE.width, SIZE.height, YuvChromaSubsampling::Yuv420);
    let mut ours = Picture::new(SIZE);
    for turn in 0..TURNS * FRAMES {
        for (row, times) in times.iter_mut().enumerate() {
            let pixels = &frames[(turn * names.len() + row) % FRAMES];
            let frame = Frame { size: SIZE, stride: SIZE.width as usize * 4, pixels };
            let at = Instant::now();
            match row {
                0 => {
                    black_box(sum(pixels));
                }
                1 => bgra_to_yuv420(&mut theirs, pixels, SIZE.width * 4, CONVERSION.0, CONVERSION.1, CONVERSION.2)?,
                _ => anyhow::ensure!(ours.take(levels[row - 2], &frame, SIZE.rect()), "the sizes fit"),
            }
            times.push(nanoseconds(at) / 1e3);
        }
    }
    Ok(names
        .into_iter()
        .zip(&times)
        .map(|(name, t)| Conversion { name, us: stats::median(t).unwrap_or(0.0) })
        .collect())
}

/// The sum of a frame's bytes as numbers of 64 bits: the least that reading all of it can be.
fn sum(pixels: &[u8]) -> u64 {
    let mut sums = [0u64; 32];
    for chunk in pixels.as_chunks::<256>().0 {
        for (sum, bytes) in sums.iter_mut().zip(chunk.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*bytes));
        }
    }
    sums.into_iter().fold(0, u64::wrapping_add)
}
