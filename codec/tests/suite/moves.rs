//! Moves at awkward edges: each of these once left wrong pixels at the viewer, or might.

use crate::common::{Noise, Page, Pair};
use proptest::prelude::*;
use shoji_codec::Rect;

/// Shifts the page's part `area` by so many pixels; what is newly seen is drawn by `fresh`.
fn shift(page: &mut Page, area: Rect, (dx, dy): (i32, i32), mut fresh: impl FnMut(u32, u32) -> [u8; 3]) {
    let old = page.clone();
    let width = page.size.width;
    page.fill(area, |x, y| {
        let (x, y) = ((x - area.x) as i32 + dx, (y - area.y) as i32 + dy);
        if (0..area.width as i32).contains(&x) && (0..area.height as i32).contains(&y) {
            let at = (((area.y as i32 + y) as u32 * width + area.x) as i32 + x) as usize * 4;
            [old.pixels[at], old.pixels[at + 1], old.pixels[at + 2]]
        } else {
            fresh(x.unsigned_abs(), y.unsigned_abs())
        }
    });
}

fn noise(seed: u32) -> impl FnMut(u32, u32) -> [u8; 3] {
    let mut noise = Noise(seed | 1);
    move |_, _| {
        let n = noise.next();
        [n as u8, (n >> 8) as u8, (n >> 16) as u8]
    }
}

#[test]
fn what_is_only_approximate_is_not_moved_even_by_a_few_lines_at_the_edge_of_what_scrolls() {
    let mut page = Page::new(640, 200);
    page.fill(page.size.rect(), noise(7));
    let film = Rect { x: 0, y: 64, width: 640, height: 64 };
    let mut pair = Pair::new(true);
    pair.budget.bytes = 3_000;
    pair.send(&page, &[]);
    pair.rest(&page);
    for time in 0..4 {
        page.film(film, time);
        pair.now.0 += 30_000;
        pair.send(&page, &[film]);
    }
    assert!(!pair.encoder.is_pixel_exact(0, 64), "the film is approximate");
    // A page of 132 lines, above a footer that stays, moves down by 64: the film's first four lines come to its end.
    pair.now.0 += 16_000;
    shift(&mut page, Rect { x: 0, y: 0, width: 640, height: 132 }, (0, -64), noise(99));
    pair.send(&page, &[page.size.rect()]);
    pair.rest(&page);
}

#[test]
fn lines_of_a_cut_last_band_are_moved_whole_or_not_at_all() {
    let mut page = Page::new(256, 468);
    page.fill(page.size.rect(), |_, _| [255; 3]);
    let strip = Rect { x: 100, y: 0, width: 10, height: 468 };
    page.fill(strip, noise(5));
    let black = |page: &mut Page| {
        for x in [0, 110] {
            page.fill(Rect { x, y: 464, width: if x == 0 { 100 } else { 146 }, height: 4 }, |_, _| [0; 3]);
        }
    };
    black(&mut page);
    let mut pair = Pair::new(true);
    pair.send(&page, &[]);
    let before = page.clone();
    shift(&mut page, strip, (0, -8), noise(77));
    pair.now.0 += 16_000;
    pair.send(&page, &[page.size.rect()]);
    // The last four lines go back to what they were.
    let mut back = page.clone();
    for y in 464..468 {
        let row = y * 256 * 4..(y + 1) * 256 * 4;
        back.pixels[row.clone()].copy_from_slice(&before.pixels[row]);
    }
    pair.now.0 += 16_000;
    pair.send(&back, &[back.size.rect()]);
    pair.rest(&back);
}

#[test]
fn a_page_that_scrolls_below_a_strip_that_changes_is_copied_whole() {
    let mut page = Page::new(1920, 1080);
    let body = Rect { x: 360, y: 91, width: 1185, height: 989 };
    // A row of squares over the page's left edge, at its top and at its end, other ones in each picture.
    let strips = |page: &mut Page, time: u32| {
        for y in [91, 1032] {
            for bit in 0..16 {
                let dark = time >> bit & 1 == 1;
                page.fill(Rect { x: bit * 24, y, width: 24, height: 24 }, |_, _| [if dark { 0 } else { 255 }; 3]);
                page.fill(Rect { x: bit * 24, y: y + 24, width: 24, height: 24 }, |_, _| {
                    [if dark { 255 } else { 0 }; 3]
                });
            }
        }
    };
    page.text(body, 0);
    strips(&mut page, 0);
    let mut pair = Pair::new(true);
    pair.send(&page, &[]);
    let mut exact = 0;
    for time in 1..40u32 {
        page.text(body, time * 6);
        strips(&mut page, time * 0x0101);
        pair.now.0 += 16_000;
        exact += pair.send(&page, &[page.size.rect()]).stats.exact;
    }
    // Six new lines at the end, and as much again for what the strips changed and uncovered; once it was five times as much.
    let seen = 3 * 1185 * 6;
    assert!(exact < 39 * seen, "{exact} of {}", 39 * seen);
    pair.rest(&page);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn areas_that_move_beside_and_after_each_other_end_exact(
        (width, height) in (200u32..420, 130u32..330),
        seed in any::<u32>(),
        steps in proptest::collection::vec(
            (0u32..60, 0u32..60, 60u32..300, 40u32..250, -3i32..4, -3i32..4, 1i32..9, any::<bool>(), any::<bool>()),
            1..6,
        ),
    ) {
        let mut page = Page::new(width, height);
        page.text(page.size.rect(), seed % 500);
        page.fill(Rect { x: width / 3, y: 0, width: 9, height }, noise(seed));
        let mut pair = Pair::new(true);
        pair.budget.bytes = 6_000;
        pair.send(&page, &[]);
        for (x, y, w, h, dx, dy, unit, plays, is_tight) in steps {
            let area = Rect { x, y, width: w.min(width - x), height: h.min(height - y) };
            if plays {
                for time in 0..4 {
                    page.film(area, time);
                    pair.now.0 += 20_000;
                    pair.send(&page, &[area]);
                }
            }
            // Steps of eight lines are as long as the codec's bands.
            let by = (dx * unit, if unit > 4 { dy * 8 } else { dy * unit });
            shift(&mut page, area, by, noise(seed ^ 0x5555));
            pair.now.0 += 16_000;
            let damage = if is_tight { area } else { page.size.rect() };
            if plays {
                // Only the first part, and then another picture.
                pair.send_part(&page, &[damage]);
                shift(&mut page, area, (by.1, by.0), noise(seed ^ 0x3333));
            }
            pair.send(&page, &[damage]);
        }
        pair.rest(&page);
    }
}
