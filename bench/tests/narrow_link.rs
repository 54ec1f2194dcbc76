//! Flow and codec together on a narrow link, in virtual time, with pictures of a real Chromium. What is asserted are the
//! times that bytes take on the simulated wire; encoding and decoding take none.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use shoji_bench::corpus::clip::Player;
use shoji_codec::{Budget, Config, Decoder, Encoder, Frame, Limits, Outcome, Rect, Size, Time};
use shoji_protocol::host::flow::{self, Flow};
use shoji_protocol::time::Instant;
use shoji_protocol::{CanvasId, Rate, UpdateId};

const CANVAS: CanvasId = CanvasId(1);

/// 2 Mbit/s, in bytes per second.
const NARROW: u64 = 250_000;

/// From one end to the other, microseconds.
const ONE_WAY: u64 = 10_000;

/// What the browser has drawn: a player's frame with something painted over it.
struct Screen {
    size: Size,
    pixels: Vec<u8>,
}

impl Screen {
    fn take(&mut self, frame: &Frame<'_>) {
        self.size = frame.size;
        self.pixels.clear();
        for y in 0..frame.size.height as usize {
            let row = &frame.pixels[y * frame.stride..][..frame.size.width as usize * 4];
            self.pixels.extend_from_slice(row);
        }
    }

    fn frame(&self) -> Frame<'_> {
        Frame { size: self.size, stride: self.size.width as usize * 4, pixels: &self.pixels }
    }

    fn paint(&mut self, rect: Rect, shade: u8) {
        for y in rect.y..rect.bottom() {
            let start = (y * self.size.width + rect.x) as usize * 4;
            self.pixels[start..start + rect.width as usize * 4].fill(shade);
        }
    }
}

/// A picture on the wire.
struct Sent {
    update: UpdateId,
    parts: Vec<Vec<u8>>,
    /// When the oldest change in it was drawn.
    drawn: u64,
    /// When it is shown, and when the host hears of that.
    shown: u64,
    heard: u64,
}

/// A host and a viewer with a link between them, by the rules of a session's worker.
struct Session {
    rate: u64,
    encoder: Encoder,
    decoder: Decoder,
    flow: Flow,
    now: u64,
    wire_free: u64,
    wire: VecDeque<Sent>,
    unheard: VecDeque<(u64, UpdateId)>,
    last: u64,
    damage: Vec<Rect>,
    /// When the oldest change that was not sent was drawn.
    drawn: Option<u64>,
    has_more: bool,
    /// Of each picture with something new: when it was shown, and how old its oldest change was then.
    ages: Vec<(u64, u64)>,
    bytes: u64,
    video: u64,
    /// A key's picture that is waited for, since when, and how long such took.
    key: Option<(Rect, u64)>,
    waits: Vec<u64>,
}

impl Session {
    fn new(rate: u64) -> Self {
        Self {
            rate,
            encoder: Encoder::new(Config::default()).expect("the libraries work"),
            decoder: Decoder::new(Limits::default()),
            flow: Flow::new(flow::Config { refresh: Rate::HZ_60 }),
            now: 1_000_000,
            wire_free: 0,
            wire: VecDeque::new(),
            unheard: VecDeque::new(),
            last: 0,
            damage: vec![],
            drawn: Some(1_000_000),
            has_more: false,
            ages: vec![],
            bytes: 0,
            video: 0,
            key: None,
            waits: vec![],
        }
    }

    fn changed(&mut self, damage: &[Rect]) {
        self.damage.extend_from_slice(damage);
        self.drawn.get_or_insert(self.now);
    }

    /// Sends what may be sent now.
    fn send(&mut self, screen: &Screen) {
        loop {
            let now = Instant::from_micros(self.now);
            let refines = self.encoder.refine_at().is_some_and(|at| at.0 <= self.now) && self.flow.may_refine();
            let wants = self.drawn.is_some() || self.has_more || refines;
            if !wants || !self.flow.may_send(now) {
                return;
            }
            let budget = self.flow.budget(now).bytes;
            self.encoder.set_refining(self.flow.may_refine());
            let (mut parts, mut bytes, mut complete) = (vec![], 0, false);
            let drawn = self.drawn.take();
            loop {
                let damage = std::mem::take(&mut self.damage);
                let mut payload = vec![];
                let Outcome { empty, more, complete: anew, stats, .. } = self
                    .encoder
                    .encode(screen.frame(), &damage, Budget { bytes: budget }, Time(self.now), &mut payload)
                    .expect("the frame is sound");
                self.has_more = more;
                if empty {
                    break;
                }
                (bytes, complete) = (bytes + payload.len(), complete | anew);
                self.video += stats.video;
                parts.push(payload);
                if !more || (!complete && bytes >= budget) {
                    break;
                }
            }
            if parts.is_empty() {
                return;
            }
            self.last += 1;
            let update = UpdateId(self.last);
            self.flow.sent(CANVAS, update, bytes, now).expect("there was room");
            self.bytes += bytes as u64;
            self.wire_free = self.wire_free.max(self.now) + bytes as u64 * 1_000_000 / self.rate;
            let shown = self.wire_free + ONE_WAY;
            // A refinement, or the rest of a change whose first part was counted, is as old as it may be.
            self.wire.push_back(Sent {
                update,
                parts,
                drawn: drawn.unwrap_or(u64::MAX),
                shown,
                heard: shown + ONE_WAY,
            });
        }
    }

    /// Lets time pass; whatever there is room for meanwhile goes out.
    fn pass(&mut self, until: u64, screen: &Screen) {
        loop {
            let due = self.encoder.refine_at().map_or(u64::MAX, |at| at.0.max(self.now + 1_000));
            let shown = self.wire.front().map_or(u64::MAX, |sent| sent.shown);
            let heard = self.unheard.front().map_or(u64::MAX, |(at, _)| *at);
            let next = due.min(shown).min(heard);
            if next > until {
                break;
            }
            self.now = next;
            if next == shown {
                let sent = self.wire.pop_front().expect("it was looked at");
                for part in &sent.parts {
                    self.decoder.apply(part).expect("an honest host's update");
                }
                if let Some((patch, pressed)) = self.key
                    && self.shows(screen, patch)
                {
                    self.waits.push(sent.shown - pressed);
                    self.key = None;
                }
                if sent.drawn != u64::MAX {
                    self.ages.push((sent.shown, sent.shown - sent.drawn));
                }
                self.unheard.push_back((sent.heard, sent.update));
            } else if next == heard {
                let (_, update) = self.unheard.pop_front().expect("it was looked at");
                self.flow.presented(CANVAS, update, Instant::from_micros(self.now)).expect("it is on its way");
            }
            self.send(screen);
        }
        self.now = until;
    }

    fn shows(&self, screen: &Screen, area: Rect) -> bool {
        let width = screen.size.width as usize;
        if self.decoder.canvas().size() != screen.size {
            return false;
        }
        let canvas = self.decoder.canvas().pixels();
        (area.y..area.bottom()).all(|y| {
            let row = (y as usize * width + area.x as usize) * 4..(y as usize * width + area.right() as usize) * 4;
            let pairs = canvas[row.clone()].as_chunks::<4>().0.iter().zip(screen.pixels[row].as_chunks::<4>().0);
            pairs.into_iter().all(|(a, b)| a[..3] == b[..3])
        })
    }

    /// Rests until everything is exact; how long that took.
    fn rest(&mut self, screen: &Screen) -> u64 {
        let began = self.now;
        self.send(screen);
        while !self.shows(screen, screen.size.rect()) {
            assert!(self.now - began < 120_000_000, "it never becomes exact");
            self.pass(self.now + 10_000, screen);
        }
        self.now - began
    }

    /// The age that 95 of 100 pictures stay below, of those that were shown in a time.
    fn age_p95(&self, from: u64, to: u64) -> u64 {
        let mut ages: Vec<u64> =
            self.ages.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, age)| *age).collect();
        ages.sort_unstable();
        ages[ages.len() * 95 / 100]
    }
}

fn clip(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(format!("{name}.clip"))
}

/// A session that shows a clip's first picture.
fn shown(name: &str, rate: u64) -> (Session, Player, Screen) {
    let mut player = Player::open(&clip(name)).expect("the corpus is there");
    assert!(player.step().expect("it is sound"));
    let mut screen = Screen { size: Size::default(), pixels: vec![] };
    screen.take(&player.frame());
    let mut session = Session::new(rate);
    session.rest(&screen);
    session.pass(session.now + 1_000_000, &screen);
    (session, player, screen)
}

/// Plays what is left of a clip; `each` may paint over its pictures, and gives what it damaged.
fn play(
    session: &mut Session,
    player: &mut Player,
    screen: &mut Screen,
    mut each: impl FnMut(&mut Screen, &mut Session) -> Option<Rect>,
) {
    let began = session.now;
    while let Some(at) = player.upcoming().expect("it is sound") {
        session.pass((began + at).max(session.now), screen);
        player.step().expect("it is sound");
        screen.take(&player.frame());
        let more = each(screen, session);
        session.changed(player.damage());
        session.changed(more.as_slice());
        session.send(screen);
    }
}

#[test]
fn typed_text_on_two_megabits_is_shown_exactly_and_at_once() {
    let (mut session, mut player, mut screen) = shown("typing", NARROW);
    let began = session.now;
    play(&mut session, &mut player, &mut screen, |_, _| None);
    let age = session.age_p95(began, u64::MAX);
    // The wire takes 10 ms, and a kilobyte 4 more.
    assert!(age < 60_000, "{age}");
    assert_eq!(session.video, 0);
    session.rest(&screen);
}

#[test]
fn a_film_on_two_megabits_loses_quality_and_not_time() {
    let (mut session, _, mut screen) = shown("video", NARROW);
    let (began, before) = (session.now, session.bytes);
    for _ in 0..6 {
        let mut player = Player::open(&clip("video")).expect("the corpus is there");
        play(&mut session, &mut player, &mut screen, |_, _| None);
    }
    let third = (session.now - began) / 3;
    let (early, late) = (session.age_p95(began, began + third), session.age_p95(began + 2 * third, session.now));
    assert!(early < 150_000 && late < 150_000, "{early} {late}");
    let rate = (session.bytes - before) * 1_000_000 / (session.now - began);
    assert!(session.video > 0 && rate < NARROW, "{rate}");
    let rest = session.rest(&screen);
    assert!(rest < 10_000_000, "{rest}");
}

#[test]
fn a_key_pressed_while_a_film_plays_on_two_megabits_is_seen_at_once() {
    let (mut session, _, mut screen) = shown("video", NARROW);
    let patch = Rect { x: 40, y: 40, width: 12, height: 20 };
    let (mut shade, mut quiet_until) = (0u8, 0);
    for _ in 0..8 {
        let mut player = Player::open(&clip("video")).expect("the corpus is there");
        play(&mut session, &mut player, &mut screen, |screen, session| {
            // A new key a while after the last one was seen.
            let press = session.key.is_none() && session.now >= quiet_until;
            if press {
                shade = shade.wrapping_add(40);
                session.key = Some((patch, session.now));
                quiet_until = session.now + 100_000;
            }
            screen.paint(patch, shade);
            press.then_some(patch)
        });
    }
    let mut waits = session.waits.clone();
    waits.sort_unstable();
    assert!(waits.len() > 15 && waits[waits.len() / 2] < 60_000 && waits[waits.len() - 1] < 200_000, "{waits:?}");
}

#[test]
fn a_page_on_two_megabits_comes_text_first_and_ends_exact() {
    let (mut session, mut player, mut screen) = shown("news", NARROW);
    let began = session.now;
    play(&mut session, &mut player, &mut screen, |_, _| None);
    // The first picture after a pause is a page's worth of text; the link is full meanwhile, and no longer.
    let (largest, usual) = (session.ages.iter().map(|(_, age)| *age).max(), session.age_p95(began, u64::MAX));
    assert!(largest < Some(1_000_000) && usual < 250_000, "{largest:?} {usual}");
    let rest = session.rest(&screen);
    assert!(rest < 10_000_000, "{rest}");
}
