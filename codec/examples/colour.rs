//! What the conversion of colours costs beside reading the frame's memory and beside the `yuv` crate.
//!
//! `cargo run --release -p shoji-codec --example colour [rounds [frames [width height]]]`. Twelve frames of 1080p take turns,
//! so that none is still in a cache, and so do the ways to convert them, so that all see the same noise. One small frame
//! shows what the instructions cost alone.

use shoji_codec::measure::Picture;
use shoji_codec::{Frame, Level, Size};
use std::hint::black_box;
use std::time::Instant;
use yuv::{
    YuvChromaSubsampling, YuvConversionMode, YuvPlanarImage, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
    bgra_to_yuv420, yuv420_to_bgra,
};

const RANGE: YuvRange = YuvRange::Full;
const MATRIX: YuvStandardMatrix = YuvStandardMatrix::Bt709;

/// The sum of a frame's bytes as numbers of 64 bits: the least that reading all of it can be.
fn sum(pixels: &[u8]) -> u64 {
    let (chunks, _) = pixels.as_chunks::<256>();
    let mut sums = [0u64; 32];
    for chunk in chunks {
        for (sum, bytes) in sums.iter_mut().zip(chunk.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*bytes));
        }
    }
    sums.into_iter().fold(0, u64::wrapping_add)
}

fn main() {
    let argument = |i, default| std::env::args().nth(i).map_or(default, |n| n.parse().expect("a number"));
    let (rounds, frames) = (argument(1, 40), argument(2, 12));
    let view = Size { width: argument(3, 1920), height: argument(4, 1080) };
    let stride = view.width as usize * 4;
    let region = Size { width: view.width.next_multiple_of(16), height: view.height.next_multiple_of(16) };
    let mut state = 1u32;
    let mut frames: Vec<Vec<u8>> = (0..frames)
        .map(|_| {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            };
            (0..stride * view.height as usize + 64).map(|_| next()).collect()
        })
        .collect();
    let mut planes = YuvPlanarImageMut::<u8>::alloc(view.width, view.height, YuvChromaSubsampling::Yuv420);
    let picture = std::cell::RefCell::new(Picture::new(region));
    let mut fill = 0u8;

    type Way<'a> = (String, Box<dyn FnMut(&mut [u8]) + 'a>);
    let mut ways: Vec<Way<'_>> = vec![("read the memory".into(), Box::new(|pixels| _ = black_box(sum(pixels))))];
    ways.push((
        "yuv, balanced".into(),
        Box::new(|pixels| {
            bgra_to_yuv420(&mut planes, pixels, stride as u32, RANGE, MATRIX, YuvConversionMode::Balanced)
                .expect("sizes fit");
        }),
    ));
    for level in Level::all() {
        let picture = &picture;
        ways.push((
            format!("ours, {}", level.name()),
            Box::new(move |pixels| {
                let frame = Frame { size: view, stride, pixels };
                assert!(picture.borrow_mut().take(level, &frame, region.rect()));
            }),
        ));
    }
    ways.push((
        "write the memory".into(),
        Box::new(|pixels| {
            fill = fill.wrapping_add(1);
            black_box(pixels).fill(fill);
        }),
    ));
    let picture = &picture;
    let whole = |picture: &Picture, top: usize, lines: usize, out: &mut [u8]| {
        let [y, u, v] = picture.planes();
        let image = YuvPlanarImage {
            y_plane: &y[top * region.width as usize..],
            y_stride: region.width,
            u_plane: &u[top / 2 * region.width as usize / 2..],
            u_stride: region.width / 2,
            v_plane: &v[top / 2 * region.width as usize / 2..],
            v_stride: region.width / 2,
            width: view.width,
            height: lines as u32,
        };
        yuv420_to_bgra(&image, out, stride as u32, RANGE, MATRIX).expect("sizes fit");
    };
    let height = view.height as usize;
    ways.push(("back, yuv".into(), Box::new(move |pixels| whole(&picture.borrow(), 0, height, pixels))));
    let mut lines = vec![0; 8 * stride];
    ways.push((
        "back, yuv, 8 lines".into(),
        Box::new(move |_| {
            for top in (0..height).step_by(8) {
                whole(&picture.borrow(), top, 8, &mut lines);
            }
        }),
    ));
    let mut times = vec![Vec::new(); ways.len()];
    for _ in 0..rounds {
        for ((_, way), times) in ways.iter_mut().zip(&mut times) {
            for frame in &mut frames {
                // Shared memory begins at a page, so lines of the cache are not cut here either.
                let start = frame.as_ptr().align_offset(64);
                let frame = &mut frame[start..][..stride * height];
                let start = Instant::now();
                way(frame);
                times.push(start.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    let mut limit = None;
    println!("median (least, upper quartile) in us, and the median beside the memory's");
    for ((name, _), mut times) in ways.iter().zip(times) {
        times.sort_by(f64::total_cmp);
        let [least, median, upper] = [0, 2, 3].map(|quarter| times[times.len() * quarter / 4]);
        let limit = limit.get_or_insert(median);
        println!("{name:20} {median:7.1} ({least:.1}, {upper:.1}) {:.2}", median / *limit);
    }
}
