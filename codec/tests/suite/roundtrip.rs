//! Encoder and decoder together: random canvases, damages, moves, sizes and budgets.

use crate::common::{Noise, Page, Pair};
use proptest::prelude::*;
use shoji_codec::{Budget, Rect};

/// One thing that happens to a page.
#[derive(Clone, Debug)]
enum Event {
    Paint {
        area: Rect,
        kind: u8,
        seed: u32,
    },
    Scroll {
        area: Rect,
        dx: i32,
        dy: i32,
    },
    Film {
        area: Rect,
        frames: u32,
    },
    Resize {
        width: u32,
        height: u32,
    },
    Budget(usize),
    Repaint,
    Wait(u64),
    /// Something changes, and only the first part of it leaves for a time.
    Part {
        area: Rect,
        kind: u8,
        seed: u32,
        gap: u64,
    },
    Rest,
}

fn area() -> impl Strategy<Value = Rect> {
    (0u32..400, 0u32..300, 1u32..400, 1u32..300).prop_map(|(x, y, width, height)| Rect { x, y, width, height })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (area(), 0u8..5, any::<u32>()).prop_map(|(area, kind, seed)| Event::Paint { area, kind, seed }),
        4 => (area(), -70i32..70, -70i32..70).prop_map(|(area, dx, dy)| Event::Scroll { area, dx, dy }),
        2 => (area(), 0i32..1, -40i32..40).prop_map(|(area, dx, dy)| Event::Scroll { area, dx, dy }),
        3 => (area(), 1u32..7).prop_map(|(area, frames)| Event::Film { area, frames }),
        1 => (1u32..420, 1u32..320).prop_map(|(width, height)| Event::Resize { width, height }),
        2 => prop_oneof![Just(0), 500usize..5_000, Just(1 << 20)].prop_map(Event::Budget),
        1 => Just(Event::Repaint),
        2 => (0u64..400_000).prop_map(Event::Wait),
        4 => (area(), 0u8..5, any::<u32>(), 0u64..400_000)
            .prop_map(|(area, kind, seed, gap)| Event::Part { area, kind, seed, gap }),
        1 => Just(Event::Rest),
    ]
}

fn paint(page: &mut Page, area: Rect, kind: u8, seed: u32) {
    let mut noise = Noise(seed | 1);
    match kind {
        0 => page.fill(area, |_, _| [seed as u8, 80, 90]),
        1 => page.fill(area, |x, y| [(x * 3) as u8 & 0xf0, (y * 3) as u8 & 0xe0, 7]),
        2 => page.fill(area, |_, _| [noise.next() as u8, noise.next() as u8, noise.next() as u8]),
        3 => page.text(area, seed % 1_000),
        _ => page.fill(area, |x, y| [(x + y) as u8, x as u8, y as u8]),
    }
}

/// Moves what is in an area, as a scrolled page would; what comes in is whatever was there.
fn scroll(page: &mut Page, area: Rect, dx: i32, dy: i32) {
    let old = page.clone();
    let Some(area) = area.intersect(page.size.rect()) else { return };
    page.fill(area, |x, y| {
        let (sx, sy) = ((x as i32 + dx).max(0) as u32, (y as i32 + dy).max(0) as u32);
        let (sx, sy) = (sx.clamp(area.x, area.right() - 1), sy.clamp(area.y, area.bottom() - 1));
        let at = (sy * old.size.width + sx) as usize * 4;
        [old.pixels[at], old.pixels[at + 1], old.pixels[at + 2]]
    });
}

/// How much damage is reported.
#[derive(Clone, Copy, PartialEq)]
enum Report {
    Tight,
    WholeCanvas,
}

fn run(h264: bool, report: Report, width: u32, height: u32, events: Vec<Event>) {
    let mut page = Page::new(width, height);
    page.text(page.size.rect(), 0);
    let mut pair = Pair::new(h264);
    pair.send(&page, &[]);
    let damage = |page: &Page, area: Rect| if report == Report::Tight { area } else { page.size.rect() };
    let mut waits = false;
    for event in events {
        pair.now.0 += 16_000;
        waits &= matches!(event, Event::Budget(_));
        match event {
            Event::Paint { area, kind, seed } => {
                paint(&mut page, area, kind, seed);
                pair.send(&page, &[damage(&page, area)]);
            }
            Event::Scroll { area, dx, dy } => {
                for _ in 0..2 {
                    scroll(&mut page, area, dx, dy);
                    pair.send(&page, &[damage(&page, area)]);
                }
            }
            Event::Film { area, frames } => {
                for time in 0..frames {
                    page.film(area, time);
                    pair.now.0 += 33_000;
                    pair.send(&page, &[Rect { x: 0, y: 0, width: 9, height: 3 }, damage(&page, area)]);
                }
            }
            Event::Resize { width, height } => {
                page = Page::new(width, height);
                page.text(page.size.rect(), width);
                pair.send(&page, &[]);
            }
            Event::Budget(bytes) => pair.budget = Budget { bytes },
            Event::Repaint => {
                pair.encoder.repaint();
                pair.send(&page, &[]);
            }
            Event::Wait(micros) => {
                pair.now.0 += micros;
                pair.send(&page, &[]);
            }
            Event::Part { area, kind, seed, gap } => {
                paint(&mut page, area, kind, seed);
                let part = pair.send_part(&page, &[damage(&page, area)]);
                pair.now.0 += gap;
                waits = part.more;
            }
            Event::Rest => {
                pair.send(&page, &[]);
                pair.rest(&page);
            }
        }
        if !h264 && !waits {
            assert!(pair.encoder.is_exact());
        }
    }
    pair.send(&page, &[]);
    pair.rest(&page);
    // Over-reported damage of an unchanged page is nothing.
    assert!(pair.send(&page, &[page.size.rect()]).empty);
}

/// Scrolls of large areas, one within another, and what disturbs them.
fn large_event() -> impl Strategy<Value = Event> {
    let area = || {
        (0u32..300, 0u32..250, 200u32..900, 200u32..700).prop_map(|(x, y, width, height)| Rect { x, y, width, height })
    };
    prop_oneof![
        4 => (area(), Just(0), -60i32..60).prop_map(|(area, dx, dy)| Event::Scroll { area, dx, dy }),
        2 => (area(), -60i32..60, -60i32..60).prop_map(|(area, dx, dy)| Event::Scroll { area, dx, dy }),
        2 => (area(), 0u8..5, any::<u32>()).prop_map(|(area, kind, seed)| Event::Paint { area, kind, seed }),
        1 => (area(), 1u32..5).prop_map(|(area, frames)| Event::Film { area, frames }),
        1 => Just(Event::Rest),
    ]
}

/// 64 runs in the tests; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn without_video_every_update_makes_the_canvas_equal_to_the_frame(
        width in 1u32..420, height in 1u32..320, events in proptest::collection::vec(event(), 1..10),
    ) {
        run(false, Report::Tight, width, height, events);
    }

    #[test]
    fn with_video_what_is_called_exact_is_exact_and_at_rest_everything_is(
        width in 1u32..420, height in 1u32..320, events in proptest::collection::vec(event(), 1..10),
    ) {
        run(true, Report::Tight, width, height, events);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() / 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn over_reported_scrolls_of_large_canvases_come_out_right(
        width in 500u32..900, height in 400u32..700, events in proptest::collection::vec(large_event(), 1..6),
    ) {
        run(true, Report::WholeCanvas, width, height, events);
    }
}

#[test]
fn a_unit_of_which_a_copy_covers_only_a_part_is_still_sent() {
    let area = |x, y, width, height| Rect { x, y, width, height };
    let events = vec![
        Event::Scroll { area: area(134, 169, 52, 68), dx: 0, dy: 2 },
        Event::Paint { area: area(131, 180, 55, 46), kind: 0, seed: 0 },
        Event::Scroll { area: area(58, 174, 73, 70), dx: 0, dy: 2 },
    ];
    run(false, Report::Tight, 186, 244, events);
}
