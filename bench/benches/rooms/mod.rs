//! What each room of the codec costs alone: one group for each, by the room's name.
//!
//! Owns the rooms' inputs: pictures of the corpus with their recorded damage, played forwards and backwards, so that every
//! step is one that a page made. Each measurement takes less than a second. Must never reach past `shoji_codec::measure` and
//! the codec's own interface.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use shoji_bench::corpus::clip::Player;
use shoji_codec::measure::{Approximate, Changes, Exact, Film, Picture, Rate};
use shoji_codec::{Decoder, Frame, Level, Limits, Rect, Size, Time};

/// The finest quantization that video is sent with, and the most costly.
const QP: u8 = 24;

/// Pictures of a clip, and a way through them.
struct Pictures {
    size: Size,
    all: Vec<(Vec<u8>, Vec<Rect>)>,
    at: usize,
    is_backwards: bool,
}

impl Pictures {
    /// The first `count` pictures of a clip, from its `from`th on, that differ from the one before.
    fn of(clip: &str, from: usize, count: usize) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(clip).with_extension("clip");
        let mut player = Player::open(&path).expect("the corpus holds this clip");
        let mut all: Vec<(Vec<u8>, Vec<Rect>)> = Vec::new();
        let mut seen = 0;
        while all.len() < count && player.step().expect("the corpus is whole") {
            let frame = player.frame();
            if all.last().is_none_or(|(before, _)| before != frame.pixels) {
                seen += 1;
                if seen > from {
                    all.push((frame.pixels.to_vec(), player.damage().to_vec()));
                }
            }
        }
        assert_eq!(all.len(), count, "{clip} is long enough");
        Self { size: player.frame().size, all, at: 0, is_backwards: false }
    }

    fn frame(&self, at: usize) -> Frame<'_> {
        Frame { size: self.size, stride: self.size.width as usize * 4, pixels: &self.all[at].0 }
    }

    /// The next picture on the way, and what has changed since the last one.
    fn step(&mut self) -> (Frame<'_>, &[Rect]) {
        if self.at + 1 == self.all.len() {
            self.is_backwards = true;
        } else if self.at == 0 {
            self.is_backwards = false;
        }
        // Damage belongs to the later of two pictures, whichever way one goes.
        let later = if self.is_backwards { self.at } else { self.at + 1 };
        self.at = if self.is_backwards { self.at - 1 } else { self.at + 1 };
        (self.frame(self.at), &self.all[later].1)
    }
}

fn room<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(600));
    group
}

/// Comparing damage with what the viewer holds, and joining what changed into rectangles.
pub(crate) fn damage(c: &mut Criterion) {
    let (scroll, mut typing) = (Pictures::of("scroll", 0, 2), Pictures::of("typing", 0, 8));
    let all = [scroll.size.rect()];
    for level in Level::all() {
        let mut group = room(c, &format!("damage {}", level.name()));
        let mut changes = Changes::since(level, &scroll.frame(0));
        group.bench_function("nothing changed in full damage", |bench| {
            bench.iter(|| changes.mark(&scroll.frame(0), &all));
        });
        group.bench_function("scroll", |bench| bench.iter(|| changes.mark(&scroll.frame(1), &scroll.all[1].1)));
        group.bench_function("scroll, joined", |bench| bench.iter(|| changes.join()));
        let mut changes = Changes::since(level, &typing.frame(typing.at));
        group.bench_function("typing", |bench| {
            bench.iter(|| {
                let (frame, damage) = typing.step();
                let marked = changes.mark(&frame, damage);
                changes.settle(&frame);
                marked
            });
        });
    }
}

/// Finding what only moved. Taking the rest over, so that the next step begins from what the viewer then holds, is not measured.
pub(crate) fn motion(c: &mut Criterion) {
    let mut group = room(c, "motion");
    for (name, clip, count) in [("scroll", "scroll", 8), ("pan", "map", 6), ("nothing moved", "video", 4)] {
        let mut pictures = Pictures::of(clip, 1, count);
        let mut changes = Changes::since(Level::detect(), &pictures.frame(0));
        group.bench_function(name, |bench| {
            bench.iter_custom(|times| {
                let mut spent = Duration::ZERO;
                for _ in 0..times {
                    let (frame, damage) = pictures.step();
                    let began = Instant::now();
                    black_box(changes.follow(&frame, damage));
                    spent += began.elapsed();
                    changes.settle(&frame);
                }
                spent
            });
        });
    }
}

/// The exact coder, both ends, without looking for what changed or moved.
pub(crate) fn tile(c: &mut Criterion) {
    let mut group = room(c, "tile");
    for (name, clip) in [("page", "scroll"), ("map", "map"), ("table", "grid")] {
        let pictures = Pictures::of(clip, 0, 1);
        let mut coder = Exact::new(Level::detect()).expect("the library works");
        let mut payload = Vec::new();
        group.bench_function(format!("{name}, encode"), |bench| {
            bench.iter(|| {
                payload.clear();
                coder.encode(&pictures.frame(0), pictures.size.rect(), &mut payload);
            });
        });
        let mut decoder = Decoder::new(Limits::default());
        group.bench_function(format!("{name}, decode"), |bench| {
            bench.iter(|| assert!(decoder.apply(&payload).is_ok(), "it is the coder's own"));
        });
    }
}

/// The largest region inside a rectangle that a stream can have.
fn region(of: Rect) -> Rect {
    let down = |n: u32| n / 16 * 16;
    Rect::between(of.x.next_multiple_of(16), of.y.next_multiple_of(16), down(of.right()), down(of.bottom()))
}

/// One stream of video, both ends.
pub(crate) fn video(c: &mut Criterion) {
    let mut group = room(c, "video");
    let mut pictures = Pictures::of("video", 1, 4);
    let area = region(pictures.all[1].1.iter().fold(Rect::default(), |all, rect| all.union(*rect)));
    let new = || Film::new(Level::detect(), Size { width: 3_840, height: 2_160 }, area, QP).expect("the library works");
    let mut film = new();
    let mut unit = Vec::new();
    group.bench_function(format!("{}x{}, encode", area.width, area.height), |bench| {
        bench.iter(|| {
            let (frame, _) = pictures.step();
            unit.clear();
            assert!(film.send(&frame, QP, &mut unit), "the library works");
        });
    });
    // A stream that begins again and again: its first picture stands alone.
    let mut film = new();
    let units: Vec<Vec<u8>> = (0..pictures.all.len())
        .map(|at| {
            let mut unit = Vec::new();
            assert!(film.send(&pictures.frame(at), QP, &mut unit), "the library works");
            unit
        })
        .collect();
    let mut next = units.iter().cycle();
    group.bench_function(format!("{}x{}, decode", area.width, area.height), |bench| {
        bench.iter(|| assert!(film.receive(next.next().expect("it goes round")), "it is the sender's own"));
    });
    group.bench_function(format!("{}x{}, paint", area.width, area.height), |bench| {
        bench.iter(|| assert!(film.paint(), "it lies on the canvas"));
    });
}

/// Keeping account of what is only approximately at the viewer, for a film of 1280x720.
pub(crate) fn refine(c: &mut Criterion) {
    let mut group = room(c, "refine");
    let film = Rect { x: 320, y: 192, width: 1_280, height: 720 };
    let mut marks = Approximate::new(Size { width: 1_920, height: 1_080 });
    let mut now = Time(0);
    group.bench_function("paint", |bench| bench.iter(|| marks.paint(black_box(film), now)));
    group.bench_function("when it is due", |bench| bench.iter(|| marks.due()));
    group.bench_function("paint, rest, make exact", |bench| {
        bench.iter(|| {
            marks.paint(film, now);
            now = now.plus(200_000);
            assert!(marks.refine(now) > 0, "it has rested");
        });
    });
}

/// The control of quantization: a thousand pictures whose weight follows it.
pub(crate) fn rate(c: &mut Criterion) {
    let mut group = room(c, "rate");
    group.bench_function("a thousand pictures", |bench| {
        bench.iter(|| {
            let mut rate = Rate::new(1_280 * 720, black_box(20_000));
            (0..1_000).fold(30, |qp: u8, i| rate.weighed((320_000 + i * 200) >> (qp / 6), 20_000))
        });
    });
}

/// Colours on their way to the video encoder at every level, and back.
pub(crate) fn colour(c: &mut Criterion) {
    let mut group = room(c, "colour");
    let pictures = Pictures::of("news", 0, 1);
    // All of the screen but its last lines: a stream's sides are multiples of 16.
    let area = region(pictures.size.rect());
    let size = Size { width: area.width, height: area.height };
    let mut picture = Picture::new(size);
    for level in Level::all() {
        group.bench_function(format!("to video, {}", level.name()), |bench| {
            bench.iter(|| assert!(picture.take(level, &pictures.frame(0), area), "the sizes are equal"));
        });
    }
    let mut shown = vec![[0; 4]; size.area() as usize];
    group.bench_function("from video", |bench| bench.iter(|| assert!(picture.give(&mut shown), "the sizes are equal")));
}
