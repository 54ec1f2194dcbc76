//! Golden vectors: payloads and the canvases that they make, for every decoder in whatever language.
//!
//! `NAME.updates` holds payloads, each after its length as four little-endian bytes. `NAME.canvas` holds the canvas after the
//! last one: width and height as two little-endian bytes each, then its pixels. Video is compared within 3 steps per channel, because
//! the rounding of colour conversion is a decoder's own; everything else is exact.
//! With `SHOJI_WRITE_VECTORS` set the files are written anew: only for a new version of the format.

use crate::common::{Page, Pair};
use shoji_codec::{Budget, Decoder, Limits, Rect};
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "vectors", name].iter().collect()
}

/// Applies the payloads of a vector and compares the canvas; `slack` is the largest allowed difference of a channel.
fn check(name: &str, slack: u8, make: impl FnOnce() -> Vec<Vec<u8>>) {
    let (updates, canvas) = (path(&format!("{name}.updates")), path(&format!("{name}.canvas")));
    if std::env::var_os("SHOJI_WRITE_VECTORS").is_some() {
        let payloads = make();
        let mut decoder = Decoder::new(Limits::default());
        let mut bytes = Vec::new();
        for payload in &payloads {
            decoder.apply(payload).unwrap();
            bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
            bytes.extend_from_slice(payload);
        }
        std::fs::write(&updates, bytes).unwrap();
        let size = decoder.canvas().size();
        let mut bytes = [size.width as u16, size.height as u16].map(u16::to_le_bytes).concat();
        bytes.extend_from_slice(decoder.canvas().pixels());
        std::fs::write(&canvas, bytes).unwrap();
    }
    let (updates, canvas) = (std::fs::read(updates).unwrap(), std::fs::read(canvas).unwrap());
    let mut decoder = Decoder::new(Limits::default());
    let mut rest = &updates[..];
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (payload, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        decoder.apply(payload).unwrap();
        rest = after;
    }
    let size = decoder.canvas().size();
    assert_eq!(canvas[..4], [size.width as u16, size.height as u16].map(u16::to_le_bytes).concat());
    let pairs = decoder.canvas().pixels().iter().zip(&canvas[4..]);
    assert_eq!(decoder.canvas().pixels().len(), canvas.len() - 4);
    assert!(pairs.clone().all(|(a, b)| a.abs_diff(*b) <= slack), "{name}");
}

/// A payload by hand.
fn payload(complete: bool, width: u16, height: u16, operations: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![2, u8::from(complete)];
    bytes.extend_from_slice(&width.to_le_bytes());
    bytes.extend_from_slice(&height.to_le_bytes());
    operations.iter().for_each(|o| bytes.extend_from_slice(o));
    bytes
}

#[test]
fn fills_and_overlapping_copies() {
    check("fill-copy", 0, || {
        let stripes: Vec<Vec<u8>> =
            (0..8u8).map(|i| vec![2, i * 4, 0, i * 2, 0, 4, 0, 20, 0, i * 30, 255 - i * 20, i * 7]).collect();
        let stripes: Vec<&[u8]> = stripes.iter().map(Vec::as_slice).collect();
        let copies: [&[u8]; 3] = [
            &[1, 0, 0, 0, 0, 32, 0, 20, 0, 5, 0, 3, 0],
            &[1, 9, 0, 11, 0, 30, 0, 20, 0, 0xf9, 0xff, 0xfb, 0xff],
            &[1, 10, 0, 0, 0, 20, 0, 30, 0, 0xfe, 0xff, 4, 0],
        ];
        vec![payload(true, 40, 34, &stripes), payload(false, 40, 34, &copies), payload(false, 40, 34, &[])]
    });
}

#[test]
fn every_kind_of_run_in_a_screen_tile() {
    check("screen-by-hand", 0, || {
        // A tile of 5x4 at 2,1: literals, the ring, a run to the left over a row's end, a run from above.
        let tile = [
            &[3, 1, 0, 2, 0, 1, 0, 5, 0, 4, 0, 0][..],
            &[5 << 1, 3 << 6 | 2, 2 << 6 | 1, 5, 1 << 6 | 4, 3],
            &[2 << 1, 2, 0],
            &[3 << 1, 10, 250, 7],
            &[6 << 1, 1, 2, 3, 4, 5, 6],
        ]
        .concat();
        vec![payload(true, 9, 6, &[&tile])]
    });
}

#[test]
fn grey_pixels_without_a_stream_of_blue_and_red() {
    check("grey-by-hand", 0, || {
        // Four greys, the ring, a run; the last stream is empty.
        let tile = [
            &[3, 1, 0, 1, 0, 1, 0, 4, 0, 2, 0, 0][..],
            &[3 << 1, 3 << 6 | 3, 2 << 6 | 1, 1],
            &[2 << 1, 3, 1],
            &[4 << 1, 255, 40, 40, 100],
            &[0],
        ]
        .concat();
        vec![payload(true, 6, 4, &[&tile])]
    });
}

#[test]
fn text_in_packed_streams() {
    check("text", 0, || {
        let mut page = Page::new(160, 100);
        let mut pair = Pair::new(false);
        page.text(page.size.rect(), 0);
        let mut all = Vec::new();
        for (step, area) in
            [(0, page.size.rect()), (7, page.size.rect()), (90, Rect { x: 33, y: 21, width: 70, height: 50 })]
        {
            page.text(area, step);
            pair.send(&page, &[area]);
            all.push(pair.payload.clone());
        }
        all
    });
}

#[test]
fn photographs_and_a_new_size() {
    check("photo", 0, || {
        let mut pair = Pair::new(false);
        let mut all = Vec::new();
        for (width, height) in [(64, 64), (131, 77)] {
            let mut page = Page::new(width, height);
            page.film(page.size.rect(), 3);
            pair.send(&page, &[]);
            all.push(pair.payload.clone());
        }
        all
    });
}

#[test]
fn a_long_run_and_a_full_ring() {
    check("long-run", 0, || {
        let mut page = Page::new(130, 90);
        page.fill(Rect { x: 0, y: 60, width: 130, height: 5 }, |x, y| {
            [(x * 5) as u8, (y * 3 + x / 7) as u8, (x / 2) as u8]
        });
        page.fill(Rect { x: 0, y: 70, width: 130, height: 3 }, |x, _| [(x * 5) as u8, 200, (x / 2) as u8]);
        let mut pair = Pair::new(false);
        pair.send(&page, &[]);
        vec![pair.payload]
    });
}

#[test]
fn a_film_in_a_region_and_its_end() {
    check("video", 3, || {
        let mut page = Page::new(200, 150);
        page.text(page.size.rect(), 0);
        let mut pair = Pair::new(true);
        pair.budget = Budget { bytes: 9_000 };
        let mut all = Vec::new();
        for time in 0..5 {
            pair.now.0 += 33_000;
            page.film(Rect { x: 40, y: 30, width: 155, height: 117 }, time);
            pair.send(&page, &[page.size.rect()]);
            all.push(pair.payload.clone());
        }
        pair.now.0 += 3_000_000;
        page.fill(Rect { x: 3, y: 3, width: 5, height: 5 }, |_, _| [0, 0, 255]);
        pair.budget = Budget { bytes: 1 };
        pair.send(&page, &[page.size.rect()]);
        all.push(pair.payload.clone());
        all
    });
}
