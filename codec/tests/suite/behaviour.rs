//! What a user would notice: text is exact at once, films are cheap, rest is exact, nothing costs nothing.

use crate::common::{Noise, Page, Pair};
use shoji_codec::{Budget, Config, EncodeError, Encoder, Frame, Level, Rect, Size, Time, digest};

fn hd() -> (Page, Pair) {
    let mut page = Page::new(1920, 1080);
    page.text(page.size.rect(), 0);
    let mut pair = Pair::new(true);
    pair.send(&page, &[]);
    (page, pair)
}

#[test]
fn text_is_exact_on_its_first_frame_whatever_the_budget() {
    let mut page = Page::new(1280, 720);
    page.text(page.size.rect(), 0);
    let mut pair = Pair::new(true);
    pair.budget = Budget { bytes: 1 };
    pair.send(&page, &[]);
    assert!(pair.encoder.is_exact() && pair.encoder.refine_at().is_none());
    page.text(page.size.rect(), 5_000);
    pair.now.0 += 16_000;
    pair.send(&page, &[page.size.rect()]);
    assert!(pair.encoder.is_exact());
}

#[test]
fn a_whole_page_comes_in_parts_of_bounded_work() {
    let mut page = Page::new(1920, 1080);
    page.text(page.size.rect(), 0);
    let mut pair = Pair::new(true);
    let mut parts = vec![pair.send_part(&page, &[])];
    while parts[parts.len() - 1].more {
        parts.push(pair.send_part(&page, &[]));
    }
    pair.check(&page);
    assert!(pair.encoder.is_exact());
    assert!((6..=10).contains(&parts.len()), "{}", parts.len());
    // A part may end a band of units late.
    assert!(parts.iter().all(|part| part.stats.exact <= (1 << 18) + 1920 * 8));
    assert_eq!(parts.iter().map(|part| part.stats.exact).sum::<u64>(), page.size.area());
}

#[test]
fn a_part_that_ends_between_overlapping_rectangles_does_not_promise_more() {
    let mut page = Page::new(1920, 1080);
    let mut pair = Pair::new(true);
    pair.send(&page, &[]);
    let mut change = |x, y, width, height| {
        page.fill(Rect { x, y, width, height }, |x, y| [(x * 7 + y * 13) as u8 & 0xf0; 3]);
    };
    // Nearly a part; then a column of units inside the box of another group, which takes all but 4,096 pixels of the rest.
    change(0, 0, 1920, 108);
    change(0, 160, 384, 88);
    change(512, 160, 64, 80);
    change(0, 240, 576, 8);
    pair.send(&page, &[page.size.rect()]);
    assert!(pair.encoder.is_exact());
}

#[test]
fn a_picture_that_changes_between_its_parts_ends_exact() {
    let size = Size { width: 1300, height: 900 };
    let mut page = Page::new(size.width, size.height);
    let mut pair = Pair::new(true);
    let mut noise = Noise(7);
    let mut was_cut = 0;
    for step in 0..120u32 {
        let mut number = |below: u32| noise.next() % below;
        let (x, y) = (number(size.width - 100), number(size.height - 100));
        let area = Rect { x, y, width: 1 + number(size.width - x), height: 1 + number(size.height - y) };
        match number(5) {
            // Text that scrolls, text that jumps, a film, and a picture that the viewer lost.
            0 | 1 => page.text(page.size.rect(), step * 6),
            2 => page.text(area, number(5_000)),
            3 => page.film(area, step),
            _ if number(4) == 0 => pair.encoder.repaint(),
            _ => page.fill(area, |x, y| [x as u8, y as u8, step as u8]),
        }
        pair.now.0 += 16_000;
        let damage = [page.size.rect()];
        // Often only a part is sent before the next change.
        for _ in 0..number(3) {
            was_cut += u32::from(pair.send_part(&page, &damage).more);
        }
        if number(8) == 0 {
            pair.send(&page, &damage);
        }
        if pair.encoder.is_exact() && step % 2 == 0 {
            // Nothing was drawn since: exact means exact.
            let outcome = pair.send(&page, &damage);
            assert!(outcome.empty || outcome.stats.exact + outcome.stats.copied + outcome.stats.video > 0);
        }
    }
    pair.send(&page, &[page.size.rect()]);
    pair.rest(&page);
    assert!(was_cut > 10, "{was_cut}");
}

#[test]
fn nothing_changed_is_no_bytes() {
    let (page, mut pair) = hd();
    for damage in [&[][..], &[page.size.rect()], &[Rect { x: 7, y: 7, width: 9_999, height: 1 }; 3]] {
        let outcome = pair.send(&page, damage);
        assert!(outcome.empty);
        assert_eq!(outcome.stats.bytes, 0);
    }
}

#[test]
fn a_caret_costs_a_few_bytes() {
    let (mut page, mut pair) = hd();
    let caret = Rect { x: 500, y: 300, width: 1, height: 33 };
    for blink in 0..4 {
        page.fill(caret, |_, _| [if blink % 2 == 0 { 0 } else { 255 }; 3]);
        let outcome = pair.send(&page, &[caret]);
        assert!(outcome.stats.bytes <= 48, "{}", outcome.stats.bytes);
    }
}

#[test]
fn over_reported_damage_costs_no_more_bytes_than_tight_damage() {
    let key = Rect { x: 400, y: 400, width: 9, height: 16 };
    let [loose, tight] = [Rect { x: 0, y: 0, width: 1920, height: 1080 }, key].map(|damage| {
        let (mut page, mut pair) = hd();
        page.fill(key, |_, _| [255; 3]);
        pair.send(&page, &[key]);
        page.fill(key, |x, y| [(x * y) as u8 & 0xc0; 3]);
        pair.send(&page, &[damage]).stats
    });
    assert_eq!(loose, tight);
    assert!(loose.bytes < 200, "{}", loose.bytes);
}

#[test]
fn a_letter_typed_again_finds_its_colours_in_the_ring() {
    let (mut page, mut pair) = hd();
    let mut type_at = |x: u32| {
        let key = Rect { x, y: 400, width: 12, height: 16 };
        // A letter's edges in shades between paper and ink, both a little coloured.
        page.fill(key, |x, y| [0, 1, 2].map(|c| 250 - c * 3 - ((x * 5 + y * 11) % 23) as u8 * (9 - c)));
        pair.now.0 += 100_000;
        pair.send(&page, &[key]).stats.bytes
    };
    let (first, second) = (type_at(400), type_at(420));
    assert!(second + 40 < first, "{first} {second}");
}

#[test]
fn a_scrolled_page_with_fixed_header_and_sidebar_is_copied() {
    let mut page = Page::new(1920, 1080);
    let header = Rect { x: 0, y: 0, width: 1920, height: 87 };
    let sidebar = Rect { x: 0, y: 87, width: 301, height: 993 };
    let body = Rect { x: 301, y: 87, width: 1619, height: 993 };
    page.text(header, 0);
    page.text(sidebar, 400);
    page.text(body, 0);
    let mut pair = Pair::new(true);
    pair.send(&page, &[]);
    let mut scroll = 0;
    for step in [3, 22, 17, 90, 5, 5] {
        scroll += step;
        page.text(body, scroll);
        pair.now.0 += 16_000;
        let stats = pair.send(&page, &[page.size.rect()]).stats;
        assert!(pair.encoder.is_exact());
        // Only what had to change is copied, and only what is newly seen is sent.
        assert!(stats.copied > 600_000, "{step}: {stats:?}");
        assert!(stats.exact < 1619 * (u64::from(step) + 8), "{step}: {stats:?}");
    }
}

#[test]
fn a_pan_in_two_directions_is_copied() {
    let mut map = Page::new(1400, 1200);
    map.fill(Rect { x: 0, y: 0, width: 1400, height: 1200 }, |x, y| {
        // Land, water and parks with crooked borders.
        let wave = (x as f32 / 61.0).sin() * 40.0
            + (y as f32 / 47.0).cos() * 40.0
            + (x as f32 * y as f32 / 90_000.0).sin() * 30.0;
        [[200, 230, 240], [230, 200, 150], [180, 220, 190], [255, 255, 255]][(wave + 200.0) as usize / 11 % 4]
    });
    for label in 0..60 {
        let mut noise = Noise(label * 7_777 + 1);
        noise.next();
        let area = Rect { x: noise.next() % 1300, y: noise.next() % 1150, width: 90, height: 40 };
        map.text(area, label * 40);
    }
    let view = |x: u32, y: u32| {
        let mut page = Page::new(800, 600);
        page.fill(page.size.rect(), |px, py| {
            let at = ((py + y) * 1400 + px + x) as usize * 4;
            [map.pixels[at], map.pixels[at + 1], map.pixels[at + 2]]
        });
        page
    };
    let mut pair = Pair::new(true);
    pair.send(&view(300, 300), &[]);
    for (x, y) in [(311, 305), (322, 310), (322, 290), (280, 291), (250, 330)] {
        pair.now.0 += 16_000;
        let page = view(x, y);
        let stats = pair.send(&page, &[page.size.rect()]).stats;
        assert!(stats.copied > 350_000, "{x},{y}: {stats:?}");
    }
}

#[test]
fn a_film_goes_as_video_on_its_region_only_and_is_exact_200_ms_after_it_rests() {
    let (mut page, mut pair) = hd();
    let film = Rect { x: 333, y: 211, width: 641, height: 359 };
    let mut filmed = 0;
    for time in 0..30 {
        page.film(film, time);
        pair.now.0 += 33_000;
        let stats = pair.send(&page, &[film]).stats;
        filmed += u32::from(stats.video > 0);
        // Blocks of 64 pixels around the region, no more.
        assert!(stats.video <= 768 * 512, "{stats:?}");
        if time > 6 {
            assert!(stats.bytes < 100_000, "{time}: {stats:?}");
        }
    }
    assert!(filmed >= 26, "{filmed}");
    assert!(!pair.encoder.is_exact());
    let micros = pair.rest(&page);
    assert!(micros <= 200_000, "{micros}");
    assert_eq!(digest(&pair.decoder.canvas().frame()), digest(&page.frame()));
}

#[test]
fn a_film_obeys_a_small_budget() {
    let (mut page, mut pair) = hd();
    pair.budget = Budget { bytes: 8_000 };
    let film = Rect { x: 320, y: 192, width: 640, height: 384 };
    let mut late = 0;
    for time in 0..60 {
        page.film(film, time);
        pair.now.0 += 33_000;
        let stats = pair.send(&page, &[film]).stats;
        if time >= 40 {
            late += stats.bytes;
        }
    }
    assert!(late / 20 < 16_000, "{}", late / 20);
    // Refinement keeps to the budget as well.
    let mut most = 0;
    while let Some(at) = pair.encoder.refine_at() {
        pair.now = Time(at.0.max(pair.now.0 + 5_000));
        most = most.max(pair.send(&page, &[]).stats.bytes);
    }
    assert!(pair.encoder.is_exact());
    assert!(most < 24_000, "{most}");
}

#[test]
fn fresh_text_goes_before_refinement() {
    let (mut page, mut pair) = hd();
    pair.budget = Budget { bytes: 8_000 };
    let film = Rect { x: 320, y: 192, width: 640, height: 384 };
    for time in 0..6 {
        page.film(film, time);
        pair.now.0 += 33_000;
        pair.send(&page, &[film]);
    }
    pair.now.0 += 300_000;
    let text = Rect { x: 0, y: 700, width: 1920, height: 380 };
    page.text(text, 9_999);
    let stats = pair.send(&page, &[text]).stats;
    assert_eq!(stats.refined, 0, "{stats:?}");
    assert!(pair.encoder.is_pixel_exact(100, 800));
    pair.rest(&page);
}

#[test]
fn a_photograph_over_the_budget_comes_lossy_first() {
    let (mut page, mut pair) = hd();
    pair.budget = Budget { bytes: 100_000 };
    let photo = Rect { x: 100, y: 100, width: 800, height: 600 };
    page.film(photo, 1);
    pair.now.0 += 16_000;
    let stats = pair.send(&page, &[page.size.rect()]).stats;
    assert!(stats.video > 400_000 && stats.bytes < 200_000, "{stats:?}");
    pair.rest(&page);
}

#[test]
fn without_h264_a_film_is_exact_all_the_time() {
    let mut page = Page::new(640, 480);
    let mut pair = Pair::new(false);
    for time in 0..6 {
        page.film(page.size.rect(), time);
        pair.now.0 += 33_000;
        assert_eq!(pair.send(&page, &[page.size.rect()]).stats.video, 0);
        assert!(pair.encoder.is_exact());
    }
}

#[test]
fn every_odd_size_can_play_a_film() {
    for (width, height) in [(1, 1), (15, 17), (65, 63), (333, 251), (127, 500)] {
        let mut page = Page::new(width, height);
        let mut pair = Pair::new(true);
        pair.budget = Budget { bytes: 100 };
        for time in 0..8 {
            page.film(page.size.rect(), time);
            pair.now.0 += 33_000;
            pair.send(&page, &[page.size.rect()]);
        }
        pair.rest(&page);
    }
}

#[test]
fn the_largest_canvas_works() {
    let mut page = Page::new(3840, 2160);
    page.text(page.size.rect(), 0);
    let mut pair = Pair::new(true);
    pair.send(&page, &[]);
    assert!(pair.encoder.is_exact());
    page.film(Rect { x: 0, y: 0, width: 3840, height: 2160 }, 1);
    pair.now.0 += 16_000;
    pair.budget = Budget { bytes: 300_000 };
    let stats = pair.send(&page, &[page.size.rect()]).stats;
    assert!(stats.video > 0);
    pair.rest(&page);
}

#[test]
fn a_malformed_frame_is_the_callers_error_and_changes_nothing() {
    let mut encoder = Encoder::new(Config::default()).unwrap();
    let mut out = vec![1, 2, 3];
    let size = Size { width: 4, height: 4 };
    for (size, stride, length) in [
        (Size { width: 0, height: 4 }, 16, 64),
        (Size { width: 3_841, height: 1 }, 3_841 * 4, 3_841 * 4),
        (Size { width: 1, height: 2_161 }, 4, 2_161 * 4),
        (size, 15, 64),
        (size, 16, 63),
        (size, usize::MAX, 64),
    ] {
        let pixels = vec![0; length];
        let frame = Frame { size, stride, pixels: &pixels };
        let result = encoder.encode(frame, &[], Budget { bytes: 1 }, Time(0), &mut out);
        assert_eq!(result, Err(EncodeError::BadFrame));
    }
    assert_eq!(out, [1, 2, 3]);
    // The last row need not be padded to the stride.
    let pixels = vec![0; 3 * 20 + 16];
    encoder.encode(Frame { size, stride: 20, pixels: &pixels }, &[], Budget { bytes: 1 }, Time(0), &mut out).unwrap();
}

#[test]
fn every_instruction_set_makes_the_same_bytes() {
    let mut all = Vec::new();
    for level in Level::all() {
        let mut encoder = Encoder::new(Config { h264: true, level }).unwrap();
        let mut page = Page::new(700, 501);
        let mut bytes = Vec::new();
        for step in 0..6 {
            page.text(Rect { x: 11, y: 40, width: 600, height: 400 }, step * 13);
            page.film(Rect { x: 300, y: 100, width: 200, height: 150 }, step);
            let now = Time(u64::from(step) * 33_000);
            let damage = [page.size.rect()];
            encoder.encode(page.frame(), &damage, Budget { bytes: 30_000 }, now, &mut bytes).unwrap();
        }
        all.push(bytes);
    }
    assert!(all.windows(2).all(|w| w[0] == w[1]));
}

#[test]
fn encoder_and_decoder_may_move_between_threads() {
    fn movable<T: Send>() {}
    movable::<Encoder>();
    movable::<shoji_codec::Decoder>();
}
