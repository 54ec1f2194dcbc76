//! Payloads from nobody we trust: every one ends in an error or a picture, never in a panic or much work.

use crate::common::{Noise, Page, Pair};
use proptest::prelude::*;
use shoji_codec::{Budget, DecodeError, Decoder, Fault, Limits, Rect, Size};

const WHOLE: u8 = 1;

fn header(flags: u8, width: u16, height: u16) -> Vec<u8> {
    let mut bytes = vec![2, flags];
    bytes.extend_from_slice(&width.to_le_bytes());
    bytes.extend_from_slice(&height.to_le_bytes());
    bytes
}

fn numbers(bytes: &mut Vec<u8>, values: &[u16]) {
    values.iter().for_each(|v| bytes.extend_from_slice(&v.to_le_bytes()));
}

/// Payloads that use every operation: complete, copied, tiled, filmed, refined.
fn samples() -> Vec<Vec<u8>> {
    let mut page = Page::new(300, 260);
    let mut pair = Pair::new(true);
    pair.budget = Budget { bytes: 20_000 };
    let mut samples = Vec::new();
    let mut keep = |pair: &Pair| samples.push(pair.payload.clone());
    page.text(page.size.rect(), 0);
    pair.send(&page, &[]);
    keep(&pair);
    page.text(page.size.rect(), 24);
    assert!(pair.send(&page, &[page.size.rect()]).stats.copied > 0);
    keep(&pair);
    for time in 0..4 {
        pair.now.0 += 33_000;
        page.film(Rect { x: 30, y: 20, width: 200, height: 150 }, time);
        pair.send(&page, &[page.size.rect()]);
        keep(&pair);
    }
    pair.now.0 += 500_000;
    assert!(pair.send(&page, &[]).stats.refined > 0);
    keep(&pair);
    samples
}

#[test]
fn an_update_before_the_first_complete_one_is_refused() {
    let mut decoder = Decoder::new(Limits::default());
    assert_eq!(decoder.apply(&header(0, 64, 64)).unwrap_err(), DecodeError::NeedsComplete);
    decoder.apply(&header(WHOLE, 64, 64)).unwrap();
    assert!(decoder.apply(&header(0, 64, 64)).unwrap().is_empty());
    assert_eq!(decoder.apply(&header(0, 65, 64)).unwrap_err(), DecodeError::SizeMismatch);
    // One failed update poisons the canvas until a complete one comes.
    assert_eq!(decoder.apply(&header(0, 64, 64)).unwrap_err(), DecodeError::NeedsComplete);
    decoder.apply(&header(WHOLE, 64, 64)).unwrap();
}

#[test]
fn versions_flags_and_kinds_that_do_not_exist_are_refused() {
    let mut decoder = Decoder::new(Limits::default());
    assert_eq!(decoder.apply(&[3, 1, 0, 0, 0, 0]).unwrap_err(), DecodeError::BadVersion(3));
    assert_eq!(decoder.apply(&header(3, 64, 64)).unwrap_err(), DecodeError::BadKind);
    for kind in (0..=255).filter(|k| !(1..=5).contains(k)) {
        let mut bytes = header(WHOLE, 64, 64);
        bytes.push(kind);
        bytes.extend_from_slice(&[0; 40]);
        assert_eq!(decoder.apply(&bytes).unwrap_err(), DecodeError::BadKind);
    }
}

#[test]
fn a_canvas_is_never_larger_than_the_limits() {
    let size = Size { width: 640, height: 480 };
    let mut decoder = Decoder::new(Limits { size, h264: true });
    for (width, height) in [(641, 480), (640, 481), (0, 10), (10, 0), (65_535, 65_535)] {
        let error = decoder.apply(&header(WHOLE, width, height)).unwrap_err();
        assert_eq!(error, DecodeError::BadSize { width: width.into(), height: height.into() });
        assert_eq!(error.fault(), Fault::Sender);
    }
    decoder.apply(&header(WHOLE, 640, 480)).unwrap();
    // Not even limits allow more than a canvas may have.
    let huge = Size { width: u32::MAX, height: u32::MAX };
    let mut decoder = Decoder::new(Limits { size: huge, h264: true });
    assert!(decoder.apply(&header(WHOLE, 3_841, 2_160)).is_err());
}

#[test]
fn a_copy_from_or_to_outside_the_canvas_is_refused() {
    let mut decoder = Decoder::new(Limits::default());
    for (to, by) in [
        ([60, 0, 5, 5], [0i16, 0]),
        ([0, 0, 5, 5], [-1, 0]),
        ([0, 0, 5, 5], [0, 60]),
        ([0, 0, 0, 5], [1, 1]),
        ([65_535, 65_535, 65_535, 65_535], [1, 1]),
        ([0, 0, 64, 64], [i16::MIN, i16::MAX]),
    ] {
        let mut bytes = header(WHOLE, 64, 64);
        bytes.push(1);
        numbers(&mut bytes, &to);
        numbers(&mut bytes, &by.map(|v| v as u16));
        assert_eq!(decoder.apply(&bytes).unwrap_err(), DecodeError::OutsideCanvas, "{to:?} {by:?}");
    }
}

#[test]
fn the_work_of_one_update_is_bounded() {
    let mut bytes = header(WHOLE, 3_840, 2_160);
    for _ in 0..6 {
        bytes.push(2);
        numbers(&mut bytes, &[0, 0, 3_840, 2_160]);
        bytes.extend_from_slice(&[1, 2, 3]);
    }
    assert_eq!(Decoder::new(Limits::default()).apply(&bytes).unwrap_err(), DecodeError::TooMuchWork);
    // Many tiny operations cost too.
    let mut bytes = header(WHOLE, 64, 64);
    for _ in 0..100_000 {
        bytes.push(2);
        numbers(&mut bytes, &[0, 0, 1, 1]);
        bytes.extend_from_slice(&[1, 2, 3]);
    }
    assert_eq!(Decoder::new(Limits::default()).apply(&bytes).unwrap_err(), DecodeError::TooMuchWork);
}

#[test]
fn a_packed_stream_that_unpacks_to_more_than_it_says_is_refused() {
    let bomb = zstd::bulk::compress(&vec![0; 60 << 20], 19).unwrap();
    for claimed in [100u32, 1 << 21, (1 << 21) + 1, u32::MAX >> 1] {
        let mut bytes = header(WHOLE, 64, 64);
        bytes.push(3);
        numbers(&mut bytes, &[1, 0, 0, 8, 8]);
        bytes.push(0);
        for mut value in [claimed << 1 | 1, bomb.len() as u32] {
            while value >= 0x80 {
                bytes.push(value as u8 | 0x80);
                value >>= 7;
            }
            bytes.push(value as u8);
        }
        bytes.extend_from_slice(&bomb);
        bytes.extend_from_slice(&[0, 0, 0]);
        assert_eq!(Decoder::new(Limits::default()).apply(&bytes).unwrap_err(), DecodeError::BadStream);
    }
}

#[test]
fn video_is_refused_where_it_is_switched_off() {
    let film = samples();
    let mut decoder = Decoder::new(Limits { h264: false, ..Limits::default() });
    let refused = film.iter().map(|p| decoder.apply(p).err()).any(|e| e == Some(DecodeError::VideoNotAccepted));
    assert!(refused);
}

#[test]
fn every_truncation_ends_in_an_error_or_a_shorter_update() {
    let samples = samples();
    for (i, payload) in samples.iter().enumerate() {
        let step = (payload.len() / 200).max(1);
        for n in (0..payload.len()).step_by(step) {
            let mut decoder = Decoder::new(Limits::default());
            for earlier in &samples[..i] {
                decoder.apply(earlier).unwrap();
            }
            if decoder.apply(&payload[..n]).is_err() {
                assert_eq!(decoder.apply(&header(0, 300, 260)).unwrap_err(), DecodeError::NeedsComplete);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), kind in 1u8..6) {
        let mut decoder = Decoder::new(Limits::default());
        let _ = decoder.apply(&bytes);
        let mut framed = header(WHOLE, 200, 100);
        framed.push(kind);
        framed.append(&mut bytes);
        let _ = decoder.apply(&framed);
    }
}

#[test]
fn mutated_updates_never_panic_and_never_leave_the_canvas() {
    let samples = samples();
    let mut noise = Noise(77);
    for round in 0..300 {
        let mut decoder = Decoder::new(Limits { size: Size { width: 400, height: 300 }, h264: true });
        for payload in &samples {
            let mut payload = payload.clone();
            if noise.next().is_multiple_of(3) {
                for _ in 0..1 + noise.next() % 4 {
                    let at = noise.next() as usize % payload.len();
                    // Mostly near the front, where the structure is.
                    let at = if round % 2 == 0 { at % 64.min(payload.len()) } else { at };
                    payload[at] = payload[at].wrapping_add(noise.next() as u8);
                }
            }
            let changed = decoder.apply(&payload).map(<[Rect]>::to_vec).unwrap_or_default();
            let canvas = decoder.canvas().size();
            assert!(canvas.width <= 400 && canvas.height <= 300);
            assert!(changed.iter().all(|r| canvas.rect().contains(*r)));
        }
    }
}
