//! The flow of updates over simulated links, in virtual time.

use std::collections::VecDeque;

use shoji_protocol::host::flow::{Config, Flow, FlowError};
use shoji_protocol::time::{Duration, Instant};
use shoji_protocol::{CanvasId, Rate, UpdateId, limits};

use crate::pair::ms;

const CANVAS: CanvasId = CanvasId(1);

/// A link and a viewer: bytes leave at a rate, travel, are decoded and shown; the acknowledgement travels back.
#[derive(Clone, Copy)]
struct Link {
    bytes_per_second: u64,
    one_way: Duration,
    decode: Duration,
    /// The viewer shows pictures at this interval only; zero: at once.
    screen: Duration,
}

const LOOPBACK: Link = Link {
    bytes_per_second: 1_000_000_000,
    one_way: Duration::from_micros(100),
    decode: Duration::from_micros(1_500),
    screen: Duration::ZERO,
};
const LAN: Link = Link {
    bytes_per_second: 110_000_000,
    one_way: Duration::from_micros(400),
    decode: Duration::from_micros(4_000),
    screen: Duration::from_micros(16_667),
};
const WIDE: Link = Link {
    bytes_per_second: 12_500_000,
    one_way: Duration::from_micros(40_000),
    decode: Duration::from_micros(3_000),
    screen: Duration::from_micros(16_667),
};
const NARROW: Link = Link {
    bytes_per_second: 250_000,
    one_way: Duration::from_micros(10_000),
    decode: Duration::from_micros(1_000),
    screen: Duration::ZERO,
};

/// What came of it.
#[derive(Debug)]
struct Figures {
    per_second: f64,
    bytes_per_second: f64,
    /// From the moment the pixels are made until they are shown.
    age_p95: Duration,
    largest_in_flight: usize,
}

/// A page that changes at each tick and needs `wanted` bytes for it, for a time; an encoder that keeps its budget but for
/// some bytes. Damage that may not be sent at its tick is merged and sent with the newest pixels when there is room.
struct Run {
    link: Link,
    flow: Flow,
    now: Instant,
    wire_free: Instant,
    on_the_way: VecDeque<(Instant, UpdateId)>,
    next_update: u64,
    shown: Vec<(Instant, Duration, usize)>,
}

impl Run {
    fn new(link: Link) -> Self {
        let now = Instant::from_micros(5_000_000);
        Self {
            link,
            flow: Flow::new(Config { refresh: Rate::HZ_60 }),
            now,
            wire_free: now,
            on_the_way: VecDeque::new(),
            next_update: 1,
            shown: Vec::new(),
        }
    }

    fn send(&mut self, bytes: usize) {
        let id = UpdateId(self.next_update);
        self.next_update += 1;
        self.flow.sent(CANVAS, id, bytes, self.now).unwrap();
        let takes = Duration::from_micros(bytes as u64 * 1_000_000 / self.link.bytes_per_second);
        self.wire_free = self.wire_free.max(self.now) + takes;
        let mut shown = self.wire_free + self.link.one_way + self.link.decode;
        let screen = self.link.screen.as_micros();
        if 0 < screen {
            shown = Instant::from_micros(shown.as_micros().div_ceil(screen) * screen);
        }
        self.shown.push((shown, shown.since(self.now), bytes));
        self.on_the_way.push_back((shown + self.link.one_way, id));
    }

    fn acknowledge_until(&mut self, until: Instant, mut on_room: impl FnMut(&mut Self)) {
        while let Some(&(at, id)) = self.on_the_way.front() {
            if until < at {
                break;
            }
            self.on_the_way.pop_front();
            self.now = self.now.max(at);
            self.flow.presented(CANVAS, id, self.now).unwrap();
            on_room(self);
        }
        self.now = until;
    }

    fn play(&mut self, wanted: usize, time: Duration) -> Figures {
        let from = self.shown.len();
        let start = self.now;
        let mut largest = 0;
        let mut damage = 0;
        let ticks = time.as_micros() / 16_667;
        for tick in 0..ticks {
            damage = (damage + wanted).min(3 * wanted);
            let mut try_send = |run: &mut Self| {
                if 0 < damage && run.flow.may_send(run.now) {
                    let bytes = damage.min(run.flow.budget(run.now).bytes * 11 / 10);
                    damage = 0;
                    run.send(bytes);
                    largest = largest.max(run.flow.bytes_in_flight());
                }
            };
            try_send(self);
            self.acknowledge_until(start + Duration::from_micros((tick + 1) * 16_667), try_send);
        }
        let seconds = self.now.since(start).as_micros() as f64 / 1e6;
        let now = self.now;
        let shown: Vec<_> = self.shown[from..].iter().filter(|(at, ..)| *at <= now).collect();
        let mut ages: Vec<_> = shown.iter().map(|(_, age, _)| *age).collect();
        ages.sort();
        let bytes: usize = shown.iter().map(|(.., bytes)| bytes).sum();
        Figures {
            per_second: shown.len() as f64 / seconds,
            bytes_per_second: bytes as f64 / seconds,
            age_p95: ages[ages.len() * 95 / 100],
            largest_in_flight: largest,
        }
    }
}

#[test]
fn sixty_updates_a_second_on_loopback_lan_and_a_wide_link() {
    for (link, name) in [(LOOPBACK, "loopback"), (LAN, "lan"), (WIDE, "wide")] {
        let mut run = Run::new(link);
        run.play(20_000, ms(300));
        let figures = run.play(20_000, ms(3_000));
        assert!(58.5 <= figures.per_second, "{name}: {figures:?}");
        let figures = run.play(20_000, ms(3_000));
        assert!(58.5 <= figures.per_second, "{name}, later: {figures:?}");
    }
}

#[test]
fn large_updates_are_not_cut_on_a_fast_link() {
    for link in [LOOPBACK, LAN] {
        let mut run = Run::new(link);
        // A first picture, some keys, and then a whole page.
        run.play(100_000, ms(100));
        run.play(100, ms(2_000));
        assert!(500_000 <= run.flow.budget(run.now).bytes, "{:?} at {:?}", run.flow.budget(run.now), run.flow.rate());
    }
}

#[test]
fn two_megabits_hold_no_queue_and_are_used() {
    let mut run = Run::new(NARROW);
    run.play(20_000, ms(3_000));
    let figures = run.play(20_000, ms(10_000));
    assert!(200_000.0 <= figures.bytes_per_second, "{figures:?}");
    assert!(figures.age_p95 <= ms(90), "{figures:?}");
    assert!(20.0 <= figures.per_second, "{figures:?}");
    assert!(figures.largest_in_flight <= 20_000, "{figures:?}");
}

#[test]
fn a_link_that_becomes_narrow_is_noticed_within_a_second_or_two() {
    let mut run = Run::new(LAN);
    run.play(40_000, ms(2_000));
    run.link = NARROW;
    run.play(40_000, ms(3_000));
    let figures = run.play(40_000, ms(5_000));
    assert!(figures.age_p95 <= ms(120), "{figures:?}");
    assert!(180_000.0 <= figures.bytes_per_second, "{figures:?}");
}

#[test]
fn a_link_that_becomes_wide_again_is_noticed() {
    let mut run = Run::new(NARROW);
    run.play(40_000, ms(3_000));
    run.link = LAN;
    run.play(40_000, ms(2_000));
    let figures = run.play(40_000, ms(3_000));
    assert!(58.5 <= figures.per_second, "{figures:?}");
    assert!(40_000.0 * 55.0 <= figures.bytes_per_second, "{figures:?}");
}

#[test]
fn keys_are_small_and_never_wait_on_any_link() {
    for link in [LOOPBACK, LAN, WIDE, NARROW] {
        let mut run = Run::new(link);
        for _ in 0..50 {
            assert!(run.flow.may_send(run.now));
            run.send(100);
            run.acknowledge_until(run.now + ms(120), |_| ());
        }
        assert_eq!(run.flow.in_flight(), 0);
        // Keys say nothing about the link: nothing is cut for them.
        assert_eq!(run.flow.rate(), None);
    }
}

#[test]
fn one_hiccup_of_the_viewer_is_forgotten_after_a_few_updates() {
    let mut run = Run::new(LAN);
    run.play(30_000, ms(1_000));
    run.link.decode = ms(200);
    run.send(30_000);
    run.acknowledge_until(run.now + ms(300), |_| ());
    run.link.decode = LAN.decode;
    for _ in 0..5 {
        let bytes = run.flow.budget(run.now).bytes.min(300_000);
        run.send(bytes);
        run.acknowledge_until(run.now + ms(60), |_| ());
    }
    assert!(200_000 <= run.flow.budget(run.now).bytes, "{:?}", run.flow.budget(run.now));
}

#[test]
fn a_viewer_that_never_acknowledges_gets_a_few_updates_and_no_more() {
    let mut flow = Flow::new(Config { refresh: Rate::HZ_60 });
    let now = Instant::from_micros(1);
    let mut sent = 0;
    while flow.may_send(now) {
        sent += 1;
        flow.sent(CANVAS, UpdateId(sent), 1_000, now).unwrap();
    }
    assert_eq!(sent, 2);
}

#[test]
fn bytes_on_their_way_stay_below_what_the_protocol_allows() {
    let mut flow = Flow::new(Config { refresh: Rate::HZ_60 });
    let now = Instant::from_micros(1);
    flow.sent(CANVAS, UpdateId(1), limits::MAX_UPDATE, now).unwrap();
    assert!(flow.may_send(now));
    flow.sent(CANVAS, UpdateId(2), 1, now).unwrap();
    assert!(!flow.may_send(now));
}

#[test]
fn an_acknowledgement_of_nothing_and_an_update_too_many_are_errors() {
    let mut flow = Flow::new(Config { refresh: Rate::HZ_60 });
    let now = Instant::from_micros(1);
    assert_eq!(
        flow.presented(CANVAS, UpdateId(1), now),
        Err(FlowError::NotInFlight { canvas: CANVAS, update: UpdateId(1) })
    );
    for id in 0..limits::MAX_IN_FLIGHT as u64 {
        flow.sent(CANVAS, UpdateId(id), 1, now).unwrap();
    }
    assert_eq!(flow.sent(CANVAS, UpdateId(99), 1, now), Err(FlowError::WindowFull));
    flow.forget(CANVAS);
    assert_eq!((flow.in_flight(), flow.bytes_in_flight()), (0, 0));
}

#[test]
fn canvases_share_the_window_and_are_acknowledged_apart() {
    let mut flow = Flow::new(Config { refresh: Rate::HZ_60 });
    let now = Instant::from_micros(1);
    flow.sent(CanvasId(1), UpdateId(1), 10, now).unwrap();
    flow.sent(CanvasId(2), UpdateId(2), 20, now).unwrap();
    assert!(!flow.may_send(now));
    flow.presented(CanvasId(2), UpdateId(2), now + ms(1)).unwrap();
    assert_eq!((flow.in_flight(), flow.bytes_in_flight()), (1, 10));
}

#[test]
fn parts_of_a_picture_are_one_update_on_its_way_from_the_first_to_its_acknowledgement() {
    let mut flow = Flow::new(Config { refresh: Rate::HZ_60 });
    let at = |time: u64| Instant::from_micros(1_000_000 + time);
    flow.part(CANVAS, UpdateId(1), 1_000, at(0)).unwrap();
    assert_eq!((flow.in_flight(), flow.bytes_in_flight()), (1, 1_000));
    flow.part(CanvasId(2), UpdateId(1), 5, at(1)).unwrap();
    flow.part(CANVAS, UpdateId(2), 2_000, at(2_000)).unwrap();
    flow.sent(CANVAS, UpdateId(3), 4_000, at(4_000)).unwrap();
    assert_eq!((flow.in_flight(), flow.bytes_in_flight()), (2, 7_005));
    // A part by itself is never presented.
    let part = FlowError::NotInFlight { canvas: CANVAS, update: UpdateId(2) };
    assert_eq!(flow.presented(CANVAS, UpdateId(2), at(5_000)), Err(part));
    flow.presented(CANVAS, UpdateId(3), at(6_000)).unwrap();
    assert_eq!((flow.in_flight(), flow.bytes_in_flight()), (1, 5));
    // From the first part on: the link was busy with it.
    assert_eq!(flow.round_trip(), Some(ms(6)));
    flow.forget(CanvasId(2));
    assert_eq!(flow.in_flight(), 0);
}

#[test]
fn the_browser_draws_ahead_only_for_a_viewer_that_shows_each_picture_before_the_next() {
    let interval = Rate::HZ_60.interval();
    let may = |link: Link, sizes: &[usize]| {
        let mut run = Run::new(link);
        assert!(!run.flow.may_draw_ahead(interval), "nothing is known of the link yet");
        for bytes in sizes {
            run.send(*bytes);
            assert!(!run.flow.may_draw_ahead(interval), "one is on its way");
            run.acknowledge_until(run.now + ms(1_500), |_| ());
        }
        run.flow.may_draw_ahead(interval)
    };
    let near = |bytes_per_second| Link { bytes_per_second, one_way: Duration::from_micros(300), ..LOOPBACK };
    assert!(may(LOOPBACK, &[20_000; 8]));
    assert!(may(near(12_500_000), &[20_000; 8]));
    assert!(!may(WIDE, &[20_000; 8]));
    // A near link that has shown to be narrow: small pictures are shown in time, large ones are not.
    let mut sizes = vec![200; 8];
    sizes.extend([128_000; 3]);
    sizes.extend([200; 60]);
    assert!(may(near(1_250_000), &sizes));
    sizes.push(40_000);
    assert!(!may(near(1_250_000), &sizes));
    assert!(may(near(12_500_000), &sizes));
}

#[test]
fn nothing_is_refined_behind_the_first_picture_of_an_unknown_link() {
    let mut flow = Flow::new(Config { refresh: Rate::HZ_60 });
    let now = Instant::from_micros(1_000_000);
    assert!(flow.may_refine());
    flow.sent(CANVAS, UpdateId(1), 150_000, now).unwrap();
    assert!(flow.may_send(now) && !flow.may_refine());
    flow.presented(CANVAS, UpdateId(1), now + ms(600)).unwrap();
    flow.sent(CANVAS, UpdateId(2), 4_000, now + ms(610)).unwrap();
    assert!(flow.may_refine());
}

#[test]
fn a_slow_start_is_forgotten_by_a_near_viewer_of_small_pictures() {
    let interval = Rate::HZ_60.interval();
    let mut run = Run::new(LOOPBACK);
    run.link.decode = ms(400);
    run.send(300);
    run.acknowledge_until(run.now + ms(1_000), |_| ());
    assert!(!run.flow.may_draw_ahead(interval));
    run.link.decode = ms(1);
    for _ in 0..60 {
        run.send(300);
        run.acknowledge_until(run.now + ms(100), |_| ());
    }
    assert!(run.flow.may_draw_ahead(interval));
}

#[test]
fn a_little_may_be_added_to_a_full_window_but_never_beyond_the_protocols_limits() {
    let mut flow = Flow::new(Config { refresh: Rate::HZ_60 });
    let now = Instant::from_micros(1);
    for id in 0..limits::MAX_IN_FLIGHT as u64 {
        assert!(flow.may_add_little());
        flow.sent(CANVAS, UpdateId(id), 1, now).unwrap();
    }
    assert!(!flow.may_add_little() && !flow.may_send(now));
    let mut flow = Flow::new(Config { refresh: Rate::HZ_60 });
    flow.sent(CANVAS, UpdateId(0), limits::MAX_UPDATE, now).unwrap();
    assert!(flow.may_add_little(), "another of the largest still fits");
    flow.sent(CANVAS, UpdateId(1), 1, now).unwrap();
    assert!(!flow.may_add_little());
}
