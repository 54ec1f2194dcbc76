//! Counts allocations and memory. A test program of its own, because the counting allocator sees every thread.

use shoji_codec::{Budget, Config, Decoder, Encoder, Frame, Limits, Rect, Size, Time};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);
static HELD: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SIZE: Size = Size { width: 1920, height: 1080 };

/// Something like text: columns of strokes that depend on line and scroll.
fn page(pixels: &mut [u8], scroll: u32) {
    for (i, pixel) in pixels.chunks_exact_mut(4).enumerate() {
        let (x, y) = (i as u32 % SIZE.width, i as u32 / SIZE.width + scroll);
        let glyph = (x / 9).wrapping_mul(2_654_435_761) ^ (y / 18).wrapping_mul(40_503);
        let ink = x % 9 < 7 && y % 18 < 13 && (glyph >> (8 + (x % 9 + y % 18) % 16)) & 1 == 0;
        let shade = if ink { (glyph >> 24) as u8 & 0xe0 } else { 255 };
        pixel[..3].fill(shade);
    }
}

#[test]
fn nothing_is_allocated_per_frame_and_an_encoder_holds_less_than_20_mib() {
    let mut pixels = vec![0; SIZE.area() as usize * 4];
    page(&mut pixels, 0);
    let mut payload = Vec::with_capacity(4 << 20);
    let budget = Budget { bytes: 1 << 20 };
    let before = HELD.load(Ordering::Relaxed);
    let mut encoder = Encoder::new(Config { h264: false, ..Config::default() }).unwrap();
    let mut decoder = Decoder::new(Limits::default());
    let mut encoder_held = 0;
    let mut send = |pixels: &[u8], damage: Rect, now: u64| {
        let frame = Frame { size: SIZE, stride: SIZE.width as usize * 4, pixels };
        let (mut more, mut damage) = (true, &[damage][..]);
        while more {
            payload.clear();
            let outcome = encoder.encode(frame, damage, budget, Time(now), &mut payload).unwrap();
            if encoder_held == 0 {
                encoder_held = HELD.load(Ordering::Relaxed) - before;
            }
            if !outcome.empty {
                decoder.apply(&payload).unwrap();
            }
            (more, damage) = (outcome.more, &[]);
        }
    };
    let mut calls = Vec::new();
    for round in 0..14u32 {
        // A page load, a scroll, a typed key and nothing at all.
        page(&mut pixels, round * 1_000);
        let start = CALLS.load(Ordering::Relaxed);
        send(&pixels, SIZE.rect(), u64::from(round) * 100_000);
        let mut made = CALLS.load(Ordering::Relaxed) - start;
        page(&mut pixels, round * 1_000 + 17);
        let start = CALLS.load(Ordering::Relaxed);
        send(&pixels, SIZE.rect(), u64::from(round) * 100_000 + 1);
        let key = Rect { x: 800, y: 500, width: 12, height: 16 };
        for y in key.y..key.bottom() {
            let at = (y * SIZE.width + key.x) as usize * 4;
            pixels[at..at + 48].fill((y * round) as u8);
        }
        send(&pixels, key, u64::from(round) * 100_000 + 2);
        send(&pixels, SIZE.rect(), u64::from(round) * 100_000 + 3);
        made += CALLS.load(Ordering::Relaxed) - start;
        calls.push(made);
    }
    // Buffers may grow to their working size first.
    assert_eq!(calls[8..], [0; 6], "allocations per round: {calls:?}");
    assert!(encoder_held <= 20 << 20, "{encoder_held}");
    assert!(HELD.load(Ordering::Relaxed) - before <= 40 << 20);
}
