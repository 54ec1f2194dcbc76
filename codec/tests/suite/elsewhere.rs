//! Pictures that are decoded elsewhere, as in a browser: the decoder stops at them and goes on with what it is given.

use crate::common::{Page, Pair};
use openh264::{decoder::Decoder as Library, formats::YUVSource as _};
use shoji_codec::{Budget, DecodeError, Decoder, Layout, Limits, Picture, Progress, Rect, Wanted};

/// The updates of a film in a page, and of its end.
fn film() -> (Vec<Vec<u8>>, Decoder) {
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
    (all, pair.decoder)
}

/// Decodes a picture as a browser would, and packs its planes.
fn decode(library: &mut Library, unit: &[u8], layout: Layout) -> Vec<u8> {
    let picture = library.decode(unit).unwrap().expect("one unit is one picture");
    let (width, height) = picture.dimensions();
    let (luma, chroma, _) = picture.strides();
    let rows = |plane: &[u8], stride: usize, width: usize, height: usize| -> Vec<u8> {
        plane.chunks(stride).take(height).flat_map(|row| row[..width].to_vec()).collect()
    };
    let (u, v) = (rows(picture.u(), chroma, width / 2, height / 2), rows(picture.v(), chroma, width / 2, height / 2));
    let mut bytes = rows(picture.y(), luma, width, height);
    match layout {
        Layout::I420 => bytes.extend([u, v].concat()),
        Layout::Nv12 => bytes.extend(u.iter().zip(&v).flat_map(|(u, v)| [*u, *v])),
    }
    bytes
}

#[test]
fn pictures_decoded_elsewhere_make_the_same_canvas_in_either_layout() {
    let (payloads, expected) = film();
    for layout in [Layout::I420, Layout::Nv12] {
        let (mut decoder, mut library, mut pictures) = (Decoder::new(Limits::default()), Library::new().unwrap(), 0);
        for payload in &payloads {
            let mut progress = decoder.start(payload).unwrap();
            while let Progress::Picture(Wanted { unit, begins, key, size, .. }) = progress {
                assert!(!begins || key);
                let bytes = decode(&mut library, &payload[unit], layout);
                assert_eq!(bytes.len() as u64, size.area() * 3 / 2);
                progress = decoder.supply(payload, Picture { layout, bytes: &bytes }).unwrap();
                pictures += 1;
            }
            assert!(!decoder.changed().is_empty());
        }
        assert!(pictures >= 2, "there was a film");
        assert!(decoder.canvas().pixels() == expected.canvas().pixels(), "{layout:?}");
    }
}

#[test]
fn a_picture_of_another_size_is_refused_and_a_whole_update_asked_for() {
    let (payloads, _) = film();
    let mut decoder = Decoder::new(Limits::default());
    let at = payloads.iter().position(|payload| matches!(decoder.start(payload), Ok(Progress::Picture(_)))).unwrap();
    let short = Picture { layout: Layout::I420, bytes: &[0; 384] };
    assert_eq!(decoder.supply(&payloads[at], short), Err(DecodeError::BadVideo));
    assert_eq!(decoder.start(&payloads[at + 1]), Err(DecodeError::NeedsComplete));
}

#[test]
fn an_update_that_waits_for_its_picture_is_given_up_by_the_next() {
    let (payloads, _) = film();
    let mut decoder = Decoder::new(Limits::default());
    let at = payloads.iter().position(|payload| matches!(decoder.start(payload), Ok(Progress::Picture(_)))).unwrap();
    assert_eq!(decoder.start(&payloads[at + 1]), Err(DecodeError::NeedsComplete));
    let late = Picture { layout: Layout::I420, bytes: &[0; 384] };
    assert_eq!(decoder.supply(&payloads[at], late), Err(DecodeError::VideoOutOfOrder));
}
