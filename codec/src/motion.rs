//! Which changed pixels only moved: scrolls and pans, vertical, horizontal or both at once.
//!
//! A vector says where the new picture's pixels lay in the old one. Candidates are the vectors that worked last, then
//! those on which small distinctive pieces of the new picture (anchors) agree. A vector is only a guess: every unit is
//! compared pixel by pixel before it is copied, so that a fixed header or sidebar stays put by itself.
//! Owns the guess, the proof and the copies' order. It must never copy a pixel that would not be right.

use crate::canvas::Canvas;
use crate::damage::{UNIT_HEIGHT, UNIT_WIDTH, Units, unit_rect};
use crate::geometry::{Frame, Pixel, Rect, Size};
use crate::refine::Mask;
use crate::simd::Level;

/// Fewer changed units than this are cheaper to send than to search for: 24 units are 12 kpx, about a line of text.
const MIN_UNITS: usize = 24;

/// A copy must save at least this many changed units, or its operations cost more than the pixels.
const MIN_GAIN: usize = 8;

/// Pixels of an anchor. Long enough that 32 equal pixels in a row of text are no accident.
const ANCHOR: usize = 32;

/// An anchor must change colour at least this often, so that blank paper and rulers do not vote.
const ANCHOR_EDGES: u32 = 8;

/// Anchors per search. Half of them may be lost to what is newly exposed or does not move.
const ANCHORS: usize = 16;

/// How far a vertical or horizontal scroll is searched, in pixels: a page down at 4K.
const REACH: i32 = 2_160;

/// How far a pan is searched each way, in pixels per frame: a fast hand on a map.
const PAN_REACH: (i32, i32) = (192, 96);

/// Most places at which one anchor may match; one that matches more often (a table's rule) says nothing.
const MAX_PLACES: usize = 8;

/// So many anchors in agreement end a search.
const ENOUGH_VOTES: u32 = 4;

/// Vectors remembered from earlier frames.
const REMEMBERED: usize = 2;

/// Vectors tried per frame: several areas may move differently.
const MAX_VECTORS: usize = 3;

/// A further vector is sought only if this share (one in so many) of the change is still unexplained.
const WORTH_SHARE: usize = 5;

/// Units that are looked at to judge a vector.
const SAMPLES: usize = 32;

/// With so many of the samples right a vector from an earlier frame is taken without asking the anchors.
const SURE: usize = 22;

/// With fewer of the samples right a whole compare is not worth its time.
const LIKELY: usize = 3;

/// Most copies of one vector; beyond it the smallest are left to the tiles.
const MAX_COPIES: usize = 64;

/// From a pixel's new place to its old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vector {
    pub(crate) dx: i32,
    pub(crate) dy: i32,
}

/// One move, with its pixels proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) to: Rect,
    pub(crate) by: Vector,
}

/// The search, with its memory of what worked.
#[derive(Debug, Default)]
pub(crate) struct Search {
    recent: Vec<Vector>,
    votes: Vec<(Vector, u32)>,
    matched: Vec<bool>,
    words: Vec<u64>,
    band: Vec<u64>,
    open: Vec<Rect>,
    found: Vec<Rect>,
}

impl Search {
    /// Forgets what worked on another canvas.
    pub(crate) fn reset(&mut self, size: Size) {
        let columns = size.width.div_ceil(UNIT_WIDTH) as usize;
        let bands = size.height.div_ceil(UNIT_HEIGHT) as usize;
        self.recent.clear();
        self.recent.reserve(REMEMBERED + 1);
        self.votes.reserve(ANCHORS * MAX_PLACES);
        self.matched.clear();
        self.matched.resize(columns * bands, false);
        for words in [&mut self.words, &mut self.band] {
            words.clear();
            words.resize(columns, 0);
        }
        self.found.reserve(columns * bands);
    }

    /// Finds moves that make marked units right, carries them out on the shadow, takes the marks of what is right now
    /// away, and appends the copies in the order in which they have to be made.
    pub(crate) fn run(&mut self, scene: &mut Scene<'_>, copies: &mut Vec<Copy>) {
        let began = scene.units.count(usize::MAX);
        let mut tried = [None; MAX_VECTORS];
        for round in 0..MAX_VECTORS {
            // What is left after the first move is mostly what it uncovered.
            if scene.units.count(usize::MAX) < MIN_UNITS.max(began / WORTH_SHARE * round.min(1)) {
                return;
            }
            let Some(vector) = self.choose(scene, &tried) else { return };
            tried[round] = Some(vector);
            if self.prove(scene, vector, copies) {
                self.recent.retain(|v| *v != vector);
                self.recent.insert(0, vector);
                self.recent.truncate(REMEMBERED);
            }
        }
    }

    /// The best vector: one that worked lately if it is clearly right, otherwise the best of those and the anchors' guess.
    fn choose(&mut self, scene: &Scene<'_>, tried: &[Option<Vector>]) -> Option<Vector> {
        let mut best = (LIKELY, None);
        for vector in self.recent.iter().filter(|v| !tried.contains(&Some(**v))) {
            let score = scene.score(*vector);
            if score >= SURE {
                return Some(*vector);
            }
            if score > best.0 {
                best = (score, Some(*vector));
            }
        }
        if let Some(vector) = self.guess(scene, tried)
            && scene.score(vector) > best.0
        {
            return Some(vector);
        }
        best.1
    }

    /// The vector that most anchors agree on, other than those tried already.
    fn guess(&mut self, scene: &Scene<'_>, tried: &[Option<Vector>]) -> Option<Vector> {
        let mut anchors = [Anchor { x: 0, y: 0, pixels: [[0; 4]; ANCHOR] }; ANCHORS];
        let n = scene.anchors(&mut anchors);
        let anchors = &anchors[..n];
        for direction in [Direction::Vertical, Direction::Horizontal, Direction::Both] {
            self.votes.clear();
            for anchor in anchors {
                scene.places(anchor, direction, |vector| {
                    if tried.contains(&Some(vector)) {
                        return;
                    }
                    match self.votes.iter_mut().find(|(v, _)| *v == vector) {
                        Some((_, n)) => *n += 1,
                        None => self.votes.push((vector, 1)),
                    }
                });
                if let Some((vector, _)) = self.votes.iter().find(|(_, n)| *n >= ENOUGH_VOTES) {
                    return Some(*vector);
                }
            }
            if let Some((vector, 2..)) = self.votes.iter().max_by_key(|(_, n)| *n) {
                return Some(*vector);
            }
        }
        None
    }

    /// Compares every unit within the marked area with its source, joins those that are right, and moves them.
    /// Whether that was worth it; if not, nothing has changed.
    fn prove(&mut self, scene: &mut Scene<'_>, by: Vector, copies: &mut Vec<Copy>) -> bool {
        let size = scene.frame.size;
        let (left, top, right, bottom) = scene.units.extent();
        let (columns, _) = scene.units.grid();
        // Units whose source lies inside the canvas from the left and to the right.
        let left = left.max((by.dx.min(0).unsigned_abs()).div_ceil(UNIT_WIDTH) as usize);
        let right = if by.dx > 0 {
            right.min((size.width as i32 - by.dx).max(0) as usize / UNIT_WIDTH as usize)
        } else {
            right
        };
        if left >= right {
            return false;
        }
        let x = left * UNIT_WIDTH as usize;
        let n = (right * UNIT_WIDTH as usize).min(size.width as usize) - x;
        let width = size.width as usize;
        let shadow = scene.shadow.all();
        let mut gain = 0;
        for band in top..bottom {
            let lines = band as u32 * UNIT_HEIGHT..((band as u32 + 1) * UNIT_HEIGHT).min(size.height);
            let units = &mut self.matched[band * columns + left..band * columns + right];
            let first = lines.start as i32 + by.dy;
            let last = lines.end as i32 + by.dy;
            if first < 0 || last > size.height as i32 {
                units.fill(false);
                continue;
            }
            let wrong = &mut self.band[..right - left];
            wrong.fill(0);
            for y in lines {
                let source = (y as i32 + by.dy) as usize * width + (x as i32 + by.dx) as usize;
                let words = &mut self.words[..right - left];
                scene.level.differ(scene.frame.row(y as usize, x, n), &shadow[source..source + n], words);
                for (wrong, word) in wrong.iter_mut().zip(words) {
                    *wrong |= *word;
                }
            }
            for (i, (unit, wrong)) in units.iter_mut().zip(wrong).enumerate() {
                *unit = *wrong == 0 && !scene.is_source_lossy(unit_rect(left + i, band, size), by);
                gain += usize::from(*unit && scene.units.is_marked(left + i, band));
            }
        }
        if gain < MIN_GAIN {
            return false;
        }
        self.join(scene.units, (left, top, right, bottom), size);
        let mut all = std::mem::take(&mut self.found);
        if all.len() > MAX_COPIES {
            all.sort_unstable_by_key(|r| std::cmp::Reverse(r.area()));
            all.truncate(MAX_COPIES);
        }
        for i in 0..all.len() {
            let wider = scene.stretch(all[i], by);
            if all.iter().enumerate().all(|(j, other)| j == i || other.intersect(wider).is_none()) {
                all[i] = wider;
            }
        }
        let ordered = order(&mut all, by);
        for to in &all[..ordered] {
            copies.push(Copy { to: *to, by });
            scene.settle(*to);
        }
        self.found = all;
        ordered > 0
    }

    /// Joins matched units into rectangles: runs of a band that repeat below. Runs without a marked unit are left out.
    fn join(&mut self, units: &Units, (left, top, right, bottom): (usize, usize, usize, usize), size: Size) {
        let (columns, _) = units.grid();
        self.found.clear();
        self.open.clear();
        for band in top..bottom {
            let started = self.open.len();
            let mut column = left;
            while column < right {
                if !self.matched[band * columns + column] {
                    column += 1;
                    continue;
                }
                let first = column;
                while column < right && self.matched[band * columns + column] {
                    column += 1;
                }
                let run = unit_rect(first, band, size).union(unit_rect(column - 1, band, size));
                let above = self.open[..started]
                    .iter()
                    .position(|r| r.x == run.x && r.width == run.width && r.bottom() == run.y);
                match above {
                    Some(i) => self.open[i] = self.open[i].union(run),
                    None => self.open.push(run),
                }
            }
            let found = &mut self.found;
            self.open.retain(|r| {
                let grows = r.bottom() == unit_rect(0, band, size).bottom();
                if !grows && units.count_in(*r, 2) >= 2 {
                    found.push(*r);
                }
                grows
            });
        }
        let found = &mut self.found;
        self.open.drain(..).filter(|r| units.count_in(*r, 2) >= 2).for_each(|r| found.push(r));
    }
}

/// What a search works on.
pub(crate) struct Scene<'a> {
    pub(crate) level: Level,
    pub(crate) frame: &'a Frame<'a>,
    pub(crate) shadow: &'a mut Canvas,
    pub(crate) units: &'a mut Units,
    pub(crate) lossy: &'a Mask,
}

/// A small distinctive piece of the new picture.
#[derive(Clone, Copy)]
struct Anchor {
    x: usize,
    y: usize,
    pixels: [Pixel; ANCHOR],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Vertical,
    Horizontal,
    Both,
}

impl Scene<'_> {
    /// How many of up to [`SAMPLES`] marked units, spread over the change, match at this vector; scaled to [`SAMPLES`].
    fn score(&self, by: Vector) -> usize {
        let every = (self.units.count(usize::MAX) / SAMPLES).max(1);
        let (mut seen, mut tested, mut right) = (0, 0, 0);
        self.units.for_each_marked(|column, band| {
            seen += 1;
            if seen % every == 0 {
                tested += 1;
                right += usize::from(self.is_moved(unit_rect(column, band, self.frame.size), by));
            }
        });
        right * SAMPLES / tested.max(1)
    }

    /// Whether a rectangle of the frame equals the shadow at the vector's other end.
    fn is_moved(&self, to: Rect, by: Vector) -> bool {
        let Some(from) = shifted(to, by, self.frame.size) else { return false };
        let n = to.width as usize;
        (0..to.height).all(|line| {
            let new = self.frame.row((to.y + line) as usize, to.x as usize, n);
            let old = self.shadow.row(from.y + line, from.x, from.width);
            new.iter().zip(old).fold(0, |wrong, (a, b)| wrong | colour(*a) ^ colour(*b)) == 0
        })
    }

    /// Whether the source of a unit holds a pixel that the viewer has only approximately.
    fn is_source_lossy(&self, to: Rect, by: Vector) -> bool {
        !self.lossy.is_empty() && shifted(to, by, self.frame.size).is_none_or(|from| self.lossy.touches(from))
    }

    /// Fills `out` with distinctive pieces from marked units that are spread over the change; gives their number.
    fn anchors(&self, out: &mut [Anchor; ANCHORS]) -> usize {
        let every = (self.units.count(usize::MAX) / ANCHORS).max(1);
        let (mut seen, mut next, mut n) = (0, 0, 0);
        self.units.for_each_marked(|column, band| {
            seen += 1;
            if seen <= next || n == out.len() {
                return;
            }
            let unit = unit_rect(column, band, self.frame.size);
            if let Some(anchor) = self.anchor(unit) {
                out[n] = anchor;
                n += 1;
                next = seen + every - 1;
            }
        });
        n
    }

    fn anchor(&self, unit: Rect) -> Option<Anchor> {
        let mut best = (ANCHOR_EDGES, None);
        for y in unit.y..unit.bottom() {
            let row = self.frame.row(y as usize, unit.x as usize, unit.width as usize);
            for (half, piece) in row.as_chunks::<ANCHOR>().0.iter().enumerate() {
                let edges = piece.windows(2).fold(0, |n, p| n + u32::from(colour(p[0]) != colour(p[1])));
                if edges > best.0 {
                    let x = unit.x as usize + half * ANCHOR;
                    let pixels = piece.map(|p| [p[0], p[1], p[2], 255]);
                    best = (edges, Some(Anchor { x, y: y as usize, pixels }));
                }
            }
        }
        best.1
    }

    /// Calls `found` for each place in the shadow that looks like the anchor, unless there are too many.
    fn places(&self, anchor: &Anchor, direction: Direction, mut found: impl FnMut(Vector)) {
        let size = self.frame.size;
        let (width, height) = (size.width as i32, size.height as i32);
        let (x, y) = (anchor.x as i32, anchor.y as i32);
        let (reach_x, reach_y) = match direction {
            Direction::Vertical => (0, REACH),
            Direction::Horizontal => (REACH, 0),
            Direction::Both => PAN_REACH,
        };
        let left = (x - reach_x).max(0) as usize;
        let right = ((x + reach_x).min(width - ANCHOR as i32) + ANCHOR as i32) as usize;
        let mut places = [Vector { dx: 0, dy: 0 }; MAX_PLACES];
        let mut n = 0;
        for row in (y - reach_y).max(0)..=(y + reach_y).min(height - 1) {
            let pixels = self.shadow.row(row as u32, left as u32, (right - left) as u32);
            let mut hit = |at: usize| {
                let by = Vector { dx: (left + at) as i32 - x, dy: row - y };
                if (by.dx, by.dy) != (0, 0) && pixels[at..at + ANCHOR] == anchor.pixels {
                    if n < MAX_PLACES {
                        places[n] = by;
                    }
                    n += 1;
                }
            };
            if pixels.len() == ANCHOR {
                hit(0);
                continue;
            }
            let starts = pixels.len() - ANCHOR + 1;
            for (i, chunk) in pixels[..starts].chunks(16).enumerate() {
                if chunk.iter().fold(false, |any, p| any | (*p == anchor.pixels[0])) {
                    (0..chunk.len()).for_each(|k| hit(i * 16 + k));
                }
            }
        }
        if n <= MAX_PLACES {
            places[..n].iter().for_each(|v| found(*v));
        }
    }

    /// Widens a proven rectangle line by line, within the units next to it, as long as all of the line is right too.
    fn stretch(&self, area: Rect, by: Vector) -> Rect {
        let size = self.frame.size;
        let mut r = area;
        let right = |line: Rect| self.is_moved(line, by) && !self.is_source_lossy(line, by);
        for _ in 1..UNIT_HEIGHT {
            if r.y > 0 && right(Rect { y: r.y - 1, height: 1, ..r }) {
                r = Rect { y: r.y - 1, height: r.height + 1, ..r };
            }
            if r.bottom() < size.height && right(Rect { y: r.bottom(), height: 1, ..r }) {
                r = Rect { height: r.height + 1, ..r };
            }
        }
        for _ in 1..UNIT_WIDTH {
            if r.x > 0 && right(Rect { x: r.x - 1, width: 1, ..r }) {
                r = Rect { x: r.x - 1, width: r.width + 1, ..r };
            }
            if r.right() < size.width && right(Rect { x: r.right(), width: 1, ..r }) {
                r = Rect { width: r.width + 1, ..r };
            }
        }
        r
    }

    /// Brings the shadow to what the viewer holds after a copy, and the marks to what is still wrong.
    fn settle(&mut self, to: Rect) {
        for band in to.y / UNIT_HEIGHT..to.bottom().div_ceil(UNIT_HEIGHT) {
            for column in to.x / UNIT_WIDTH..to.right().div_ceil(UNIT_WIDTH) {
                let (column, band) = (column as usize, band as usize);
                if !self.units.is_marked(column, band) {
                    continue;
                }
                let unit = unit_rect(column, band, self.frame.size);
                if let Some(part) = unit.intersect(to) {
                    self.shadow.take(self.frame, part);
                }
                self.units.unmark(column, band);
                if !to.contains(unit) {
                    self.units.mark(self.level, self.frame, self.shadow.all(), unit);
                }
            }
        }
    }
}

fn colour(p: Pixel) -> u32 {
    u32::from_le_bytes(p) & 0x00ff_ffff
}

/// The rectangle at the vector's other end, if it is inside the canvas.
fn shifted(r: Rect, by: Vector, size: Size) -> Option<Rect> {
    let moved = Rect { x: r.x.checked_add_signed(by.dx)?, y: r.y.checked_add_signed(by.dy)?, ..r };
    size.rect().contains(moved).then_some(moved)
}

/// Sorts disjoint moves of one vector so that none overwrites what a later one reads; gives how many could be sorted.
/// Rectangles can always be moved apart one after another in one direction, so that is all of them.
fn order(moves: &mut [Rect], by: Vector) -> usize {
    let reads = |r: Rect| Rect { x: r.x.saturating_add_signed(by.dx), y: r.y.saturating_add_signed(by.dy), ..r };
    for done in 0..moves.len() {
        let rest = &moves[done..];
        let free = (0..rest.len())
            .find(|&i| rest.iter().enumerate().all(|(j, other)| i == j || reads(*other).intersect(rest[i]).is_none()));
        match free {
            Some(i) => moves.swap(done, done + i),
            None => return done,
        }
    }
    moves.len()
}
