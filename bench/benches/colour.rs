//! What converting colours for the video encoder costs, beside reading the frame's memory and beside the `yuv` crate.
//!
//! Run with `cargo bench -p shoji-bench --bench colour`. Twelve frames of 1080p take turns, so that none is still in a cache;
//! compare with the `read the memory` row of the same run. Criterion runs one row after the other: on a machine with other
//! work, `cargo run --release -p shoji-codec --example colour`, where rows take turns too, compares better.
//! The crate's fast mode is not measured: it is a feature that we do not build, and less exact.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shoji_codec::measure::Picture;
use shoji_codec::{Frame, Level, Size};
use std::hint::black_box;
use yuv::{YuvChromaSubsampling, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix, bgra_to_yuv420};

const VIEW: Size = Size { width: 1920, height: 1080 };
/// What a region of this height is: the next multiple of 16.
const REGION: Size = Size { width: 1920, height: 1088 };
const STRIDE: usize = VIEW.width as usize * 4;
const BYTES: usize = STRIDE * VIEW.height as usize;
const FRAMES: usize = 12;

/// Frames of noise that take turns.
struct Frames {
    /// Each with room to begin at a cache line, as the shared memory of a page does.
    pixels: Vec<Vec<u8>>,
    next: usize,
}

impl Frames {
    fn new() -> Self {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let pixels = (0..FRAMES).map(|_| (0..BYTES + 64).map(|_| noise()).collect()).collect();
        Self { pixels, next: 0 }
    }

    fn next(&mut self) -> &[u8] {
        self.next = (self.next + 1) % FRAMES;
        let pixels = &self.pixels[self.next];
        &pixels[pixels.as_ptr().align_offset(64)..][..BYTES]
    }
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

fn colour(c: &mut Criterion) {
    let mut frames = Frames::new();
    let mut group = c.benchmark_group("BGRX to I420 1920x1080");
    group.throughput(Throughput::Bytes(BYTES as u64));
    group.bench_function("read the memory", |bench| bench.iter(|| black_box(sum(frames.next()))));
    let mut planes = YuvPlanarImageMut::<u8>::alloc(VIEW.width, VIEW.height, YuvChromaSubsampling::Yuv420);
    group.bench_function("yuv, balanced", |bench| {
        bench.iter(|| {
            let (range, matrix) = (YuvRange::Full, YuvStandardMatrix::Bt709);
            let balanced = YuvConversionMode::Balanced;
            bgra_to_yuv420(&mut planes, frames.next(), STRIDE as u32, range, matrix, balanced).expect("sizes fit");
        });
    });
    let mut picture = Picture::new(REGION);
    for level in Level::all() {
        group.bench_function(format!("ours, {}", level.name()), |bench| {
            bench.iter(|| {
                let frame = Frame { size: VIEW, stride: STRIDE, pixels: frames.next() };
                assert!(picture.take(level, &frame, REGION.rect()));
            });
        });
    }
}

criterion_group!(benches, colour);
criterion_main!(benches);
