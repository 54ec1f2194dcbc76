//! Encoder and decoder together: random canvases, damages and sizes.

use proptest::prelude::*;
use shoji_codec::{Budget, Config, Decoder, Encoder, Frame, Limits, Rect, Size, Time};

/// Pixels made of flat areas, stripes and noise, so that every kind of operation is used.
fn paint(pixels: &mut [u8], size: Size, area: Rect, kind: u8, seed: u32) {
    let mut state = seed | 1;
    for y in area.y..area.bottom().min(size.height) {
        for x in area.x..area.right().min(size.width) {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let colour = match kind % 5 {
                0 => [seed as u8, 80, 90, 0],
                1 => [(x * 3) as u8 & 0xf0, (y * 3) as u8 & 0xe0, 7, 1],
                2 => state.to_le_bytes(),
                3 => [if state & 7 == 0 { 0 } else { 255 }; 4],
                _ => [(x + y) as u8, x as u8, y as u8, 9],
            };
            let at = (y * size.width + x) as usize * 4;
            pixels[at..at + 4].copy_from_slice(&colour);
        }
    }
}

fn same(canvas: &[u8], frame: &[u8]) -> bool {
    canvas.len() == frame.len() && canvas.chunks(4).zip(frame.chunks(4)).all(|(a, b)| a[..3] == b[..3] && a[3] == 255)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn without_video_every_update_makes_the_canvas_equal_to_the_frame(
        width in 1u32..300, height in 1u32..200,
        steps in proptest::collection::vec((0u32..300, 0u32..200, 1u32..300, 1u32..200, any::<u8>(), any::<u32>()), 1..8),
    ) {
        let size = Size { width, height };
        let mut pixels = vec![0; (width * height * 4) as usize];
        let mut encoder = Encoder::new(Config { h264: false, ..Config::default() }).unwrap();
        let mut decoder = Decoder::new(Limits::default());
        for (i, (x, y, w, h, kind, seed)) in steps.into_iter().enumerate() {
            let area = Rect { x, y, width: w, height: h };
            paint(&mut pixels, size, area, kind, seed);
            let frame = Frame { size, stride: width as usize * 4, pixels: &pixels };
            let mut payload = vec![7];
            let outcome = encoder.encode(frame, &[area], Budget { bytes: 1 << 20 }, Time(i as u64), &mut payload).unwrap();
            prop_assert_eq!(outcome.empty, payload.len() == 1);
            if !outcome.empty {
                decoder.apply(&payload[1..]).unwrap();
            }
            prop_assert!(same(decoder.canvas().pixels(), &pixels));
            payload.clear();
            let again = encoder.encode(frame, &[size.rect()], Budget { bytes: 1 << 20 }, Time(i as u64), &mut payload).unwrap();
            prop_assert!(again.empty);
            prop_assert!(payload.is_empty());
        }
    }
}
