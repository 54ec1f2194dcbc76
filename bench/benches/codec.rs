//! What the hot path costs, beside what the machine's memory allows.
//!
//! Run with `cargo bench -p shoji-bench`; compare every row with the `memory` rows of the same run, because the memory of one
//! machine is four times as fast as that of another. The `whole screen as H.264` rows are what a plain screen streamer pays for
//! the same changes, with the same library. Pages are made up, but like real ones: text of grey glyphs on white.
//! Groups that are called like a room of the codec measure that room alone, on pictures of the corpus.
//! `SHOJI_BENCH_PAGE=file.png` (1920 pixels wide, taller than 1080) measures a screenshot instead.

#[expect(dead_code, reason = "the tests use the rest of it")]
#[path = "../../codec/tests/suite/common.rs"]
mod common;
mod rooms;

use common::{Page, Pair};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use openh264::OpenH264API;
use openh264::encoder::{Complexity, EncoderConfig, RateControlMode, UsageType};
use openh264::formats::YUVSlices;
use shoji_codec::{Budget, Config, Decoder, Encoder, Frame, Level, Limits, Rect, Size, Time};
use std::hint::black_box;
use yuv::{YuvChromaSubsampling, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix, bgra_to_yuv420};

const VIEW: Size = Size { width: 1920, height: 1080 };
const STRIDE: usize = VIEW.width as usize * 4;
const BUDGET: Budget = Budget { bytes: 1 << 24 };

/// A page three screens long, as bytes of BGRX.
fn long_page() -> Vec<u8> {
    if let Some(path) = std::env::var_os("SHOJI_BENCH_PAGE") {
        let picture = image::open(path).expect("a readable picture").to_rgba8();
        assert!(picture.width() == VIEW.width && picture.height() > VIEW.height + 400);
        let mut pixels = picture.into_raw();
        pixels.chunks_exact_mut(4).for_each(|p| p.swap(0, 2));
        return pixels;
    }
    let mut page = Page::new(VIEW.width, 2_160);
    page.text(page.size.rect(), 0);
    let mut below = Page::new(VIEW.width, 1_080);
    below.text(below.size.rect(), 2_160);
    page.pixels.extend_from_slice(&below.pixels);
    page.pixels
}

fn at(page: &[u8], line: usize) -> Frame<'_> {
    Frame { size: VIEW, stride: STRIDE, pixels: &page[line * STRIDE..][..VIEW.height as usize * STRIDE] }
}

fn memory(c: &mut Criterion) {
    let (a, mut b) = (vec![7u8; VIEW.area() as usize * 4], vec![7u8; VIEW.area() as usize * 4]);
    let mut group = c.benchmark_group("memory");
    group.bench_function("compare a frame", |bench| bench.iter(|| black_box(&a) == black_box(&b)));
    group.bench_function("copy a frame", |bench| bench.iter(|| black_box(&mut b).copy_from_slice(black_box(&a))));
}

fn encoders(c: &mut Criterion) {
    let page = long_page();
    for level in Level::all() {
        let mut group = c.benchmark_group(format!("encode {}", level.name()));
        let config = Config { h264: false, level };
        let mut encoder = Encoder::new(config).expect("the library works");
        let mut out = Vec::new();
        let mut encode = |frame: Frame<'_>, damage: &[Rect], complete: bool| {
            if complete {
                encoder.repaint();
            }
            let (mut bytes, mut damage, mut more) = (0, damage, true);
            while more {
                out.clear();
                let part = encoder.encode(frame, damage, BUDGET, Time(0), &mut out).expect("the frame is well formed");
                bytes += out.len();
                (damage, more) = (&[], part.more);
            }
            bytes
        };
        let bytes = encode(at(&page, 0), &[], true);
        println!("page: {bytes} bytes");
        group.bench_function("page", |bench| bench.iter(|| encode(at(&page, 0), &[], true)));
        group.bench_function("nothing, no damage", |bench| bench.iter(|| encode(at(&page, 0), &[], false)));
        group.bench_function("nothing, full damage", |bench| {
            bench.iter(|| encode(at(&page, 0), &[VIEW.rect()], false));
        });
        let mut typed = page.clone();
        let key = Rect { x: 900, y: 500, width: 14, height: 18 };
        let mut strokes = 0;
        let mut press = |typed: &mut Vec<u8>| {
            strokes += 1;
            for y in 0..key.height as usize {
                let (from, to) = ((y + 60) * STRIDE + (strokes * 40 % 1_500) * 4, (500 + y) * STRIDE + 900 * 4);
                typed.copy_within(from..from + 14 * 4, to);
            }
        };
        group.bench_function("key, tight damage", |bench| {
            bench.iter(|| {
                press(&mut typed);
                encode(at(&typed, 0), &[key], false)
            });
        });
        group.bench_function("key, full damage", |bench| {
            bench.iter(|| {
                press(&mut typed);
                encode(at(&typed, 0), &[Rect { x: 0, y: 56, width: 1920, height: 1024 }], false)
            });
        });
        let (mut line, mut step, mut sum, mut frames) = (0, 0, 0, 0);
        group.bench_function("scroll", |bench| {
            bench.iter(|| {
                step += 1;
                line = (line + [5, 12, 20, 22, 17, 9, 40][step % 7]) % 600;
                sum += encode(at(&page, line), &[VIEW.rect()], false);
                frames += 1;
            });
        });
        println!("scroll: {} bytes per frame", sum / frames.max(1));
    }
}

fn decoder(c: &mut Criterion) {
    let page = long_page();
    let mut group = c.benchmark_group("decode");
    let mut encoder = Encoder::new(Config { h264: false, ..Config::default() }).expect("the library works");
    let mut payloads = Vec::new();
    for line in [0, 20] {
        let (mut parts, mut more) = (Vec::new(), true);
        while more {
            let mut out = Vec::new();
            let damage = if parts.is_empty() { &[VIEW.rect()][..] } else { &[] };
            let frame = at(&page, line);
            more = encoder.encode(frame, damage, BUDGET, Time(0), &mut out).expect("the frame is well formed").more;
            parts.push(out);
        }
        payloads.push(parts);
    }
    let mut decoder = Decoder::new(Limits::default());
    let mut apply = |parts: &[Vec<u8>]| parts.iter().all(|part| decoder.apply(part).is_ok());
    group.bench_function("page", |b| b.iter(|| apply(&payloads[0])));
    group.bench_function("scroll", |b| b.iter(|| apply(&payloads[1])));
}

fn film(c: &mut Criterion) {
    let mut group = c.benchmark_group("film 1280x720");
    group.sample_size(20);
    let mut frames = Vec::new();
    let area = Rect { x: 320, y: 192, width: 1280, height: 720 };
    let mut page = Page::new(VIEW.width, VIEW.height);
    for time in 0..8 {
        page.film(area, time);
        frames.push(page.clone());
    }
    let mut pair = Pair::new(true);
    pair.budget = Budget { bytes: 40_000 };
    let mut n = 0;
    let mut next = || {
        n += 1;
        n % frames.len()
    };
    group.bench_function("encode", |b| {
        b.iter_batched(
            &mut next,
            |i| {
                pair.now.0 += 33_000;
                pair.payload.clear();
                pair.encoder.encode(frames[i].frame(), &[area], pair.budget, pair.now, &mut pair.payload)
            },
            BatchSize::SmallInput,
        );
    });
}

/// The same changes as a plain screen streamer sends them: all of the screen, converted and given to the video encoder, at
/// the library's own quantizer (26), where text is legible and not sharp.
fn whole_screen(c: &mut Criterion) {
    let page = long_page();
    let (width, height) = (VIEW.width as usize, VIEW.height as usize);
    let config = EncoderConfig::new()
        .usage_type(UsageType::CameraVideoRealTime)
        .rate_control_mode(RateControlMode::Off)
        .complexity(Complexity::Low)
        .skip_frames(false)
        .scene_change_detect(false)
        .background_detection(false)
        .adaptive_quantization(false)
        .num_threads(1);
    let mut encoder =
        openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), config).expect("the library works");
    let mut planes = YuvPlanarImageMut::<u8>::alloc(VIEW.width, VIEW.height, YuvChromaSubsampling::Yuv420);
    let mut encode = |frame: Frame<'_>, key: bool| {
        let (range, matrix) = (YuvRange::Full, YuvStandardMatrix::Bt709);
        let balanced = YuvConversionMode::Balanced;
        bgra_to_yuv420(&mut planes, frame.pixels, STRIDE as u32, range, matrix, balanced).expect("sizes fit");
        if key {
            encoder.force_intra_frame();
        }
        let (y, u, v) = (planes.y_plane.borrow(), planes.u_plane.borrow(), planes.v_plane.borrow());
        let source = YUVSlices::new((y, u, v), (width, height), (width, width / 2, width / 2));
        encoder.encode(&source).expect("the library works").to_vec().len()
    };
    let mut group = c.benchmark_group("whole screen as H.264");
    group.sample_size(20);
    println!("page: {} bytes", encode(at(&page, 0), true));
    group.bench_function("page", |bench| bench.iter(|| encode(at(&page, 0), true)));
    group.bench_function("nothing", |bench| bench.iter(|| encode(at(&page, 0), false)));
    let mut typed = page.clone();
    let mut strokes = 0;
    let (mut sum, mut frames) = (0, 0);
    group.bench_function("key", |bench| {
        bench.iter(|| {
            strokes += 1;
            for y in 0..18 {
                let (from, to) = ((y + 60) * STRIDE + (strokes * 40 % 1_500) * 4, (500 + y) * STRIDE + 900 * 4);
                typed.copy_within(from..from + 14 * 4, to);
            }
            sum += encode(at(&typed, 0), false);
            frames += 1;
        });
    });
    println!("key: {} bytes", sum / frames.max(1));
    let (mut line, mut step, mut sum, mut frames) = (0, 0, 0, 0);
    group.bench_function("scroll", |bench| {
        bench.iter(|| {
            step += 1;
            line = (line + [5, 12, 20, 22, 17, 9, 40][step % 7]) % 600;
            sum += encode(at(&page, line), false);
            frames += 1;
        });
    });
    println!("scroll: {} bytes per frame", sum / frames.max(1));
}

criterion_group!(benches, memory, encoders, decoder, film, whole_screen);
criterion_group!(
    alone,
    rooms::damage,
    rooms::motion,
    rooms::tile,
    rooms::video,
    rooms::refine,
    rooms::rate,
    rooms::colour
);
criterion_main!(benches, alone);
