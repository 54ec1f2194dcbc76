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

/// How far anchors are sought, in pixels across and down, one after the other: a wheel or finger; a page down at 4K; a
/// horizontal scroll; a fast hand on a map.
const REACHES: [(i32, i32); 4] = [(0, 128), (0, 2_160), (2_160, 0), (192, 96)];

/// A damaged rectangle of so many units (128 kpx) is worth sampling before it is compared.
const LARGE_UNITS: usize = 256;

/// Most places at which one anchor may match; one that matches more often (a table's rule) says nothing.
const MAX_PLACES: usize = 8;

/// So many anchors in agreement end a search.
const ENOUGH_VOTES: u32 = 4;

/// If the first so many anchors, which lie all over the change, match nowhere in a reach, the rest are not asked. With a
/// quarter of the change moved, nine searches of ten still find it.
const PATIENCE: usize = 8;

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
    /// Per unit, at the vector that is being proven: the pixel columns and lines that are not right.
    wrong_columns: Vec<u64>,
    wrong_lines: Vec<u8>,
    words: Vec<u64>,
    samples: Vec<(u16, u16)>,
    open: Vec<Rect>,
    found: Vec<Rect>,
    /// Changed units of this update in whose damage no vector was found: there is no need to look again.
    hopeless: usize,
    /// No vector was found in the rectangle that was looked at last.
    is_hopeless: bool,
    /// The shadow holds a unit that no copy brought to the viewer; its mark will send it as a tile. Until then no copy may
    /// read it, so that there are no more copies until every mark is sent.
    ahead: bool,
}

impl Search {
    /// Forgets what worked on another canvas.
    pub(crate) fn reset(&mut self, size: Size) {
        let columns = size.width.div_ceil(UNIT_WIDTH) as usize;
        let bands = size.height.div_ceil(UNIT_HEIGHT) as usize;
        self.recent.clear();
        self.recent.reserve(REMEMBERED + 1);
        self.votes.reserve(ANCHORS * MAX_PLACES);
        self.wrong_columns.clear();
        self.wrong_columns.resize(columns * bands, 0);
        self.wrong_lines.clear();
        self.wrong_lines.resize(columns * bands, 0);
        self.words.clear();
        self.words.resize(columns, 0);
        self.samples.reserve(SAMPLES * 2);
        self.found.reserve(columns * bands);
        self.open.reserve(columns);
    }

    /// Begins the next update.
    pub(crate) fn begin(&mut self) {
        self.hopeless = 0;
    }

    /// A rectangle that [`Self::run_unmarked`] left is marked now; if no vector was found in it, none will be.
    pub(crate) fn note_hopeless(&mut self, units: &Units, damage: Rect) {
        if std::mem::take(&mut self.is_hopeless)
            && let Some(damage) = damage.intersect(units.size().rect())
        {
            self.hopeless += units.count_in(damage, usize::MAX);
        }
    }

    /// Everything that was marked was sent: the viewer holds what the shadow holds.
    pub(crate) fn settled(&mut self) {
        self.ahead = false;
    }

    /// The viewer's canvas starts anew, and everything is marked: no copies until it is settled.
    pub(crate) fn hold(&mut self) {
        self.ahead = true;
    }

    /// For a large damaged rectangle that is not compared yet: if a few samples say that it moved, compares, moves and marks it
    /// in one pass over memory. Whether it did; if not, nothing has changed.
    pub(crate) fn run_unmarked(&mut self, scene: &mut Scene<'_>, damage: Rect, copies: &mut Vec<Copy>) -> bool {
        let size = scene.frame.size;
        let Some(damage) = damage.intersect(size.rect()) else { return false };
        let (left, right) = ((damage.x / UNIT_WIDTH) as usize, damage.right().div_ceil(UNIT_WIDTH) as usize);
        let (top, bottom) = ((damage.y / UNIT_HEIGHT) as usize, damage.bottom().div_ceil(UNIT_HEIGHT) as usize);
        let all = (right - left) * (bottom - top);
        if all < LARGE_UNITS || self.ahead {
            return false;
        }
        // A stride that shares no factor with most widths walks over the columns too.
        let every = (all / (4 * SAMPLES)).max(1) | 1;
        self.samples.clear();
        for i in (0..all).step_by(every) {
            let (column, band) = (left + i % (right - left), top + i / (right - left));
            if self.samples.len() < 2 * SAMPLES
                && !scene.is_moved(unit_rect(column, band, size), Vector { dx: 0, dy: 0 })
            {
                self.samples.push((column as u16, band as u16));
            }
        }
        if self.samples.len() < SAMPLES / 2 {
            return false;
        }
        let Some((vector, score)) = self.choose(scene, &[]) else {
            self.is_hopeless = true;
            return false;
        };
        if score < SURE {
            return false;
        }
        self.prove(scene, vector, Some((left, top, right, bottom)), copies);
        self.remember(vector);
        true
    }

    /// Finds moves that make marked units right, carries them out on the shadow, takes the marks of what is right now
    /// away, and appends the copies in the order in which they have to be made. `began` units had changed before any move.
    pub(crate) fn run(&mut self, scene: &mut Scene<'_>, began: usize, copies: &mut Vec<Copy>) {
        let mut tried = [None; MAX_VECTORS];
        for round in 0..MAX_VECTORS {
            // What is left after the first move is mostly what it uncovered.
            let moved = usize::from(round > 0 || !copies.is_empty());
            let left = scene.units.count(usize::MAX);
            if self.ahead || left < MIN_UNITS.max(began / WORTH_SHARE * moved) + self.hopeless {
                return;
            }
            let every = (left / SAMPLES).max(1);
            let (samples, mut seen) = (&mut self.samples, 0);
            samples.clear();
            scene.units.for_each_marked(|column, band| {
                seen += 1;
                if seen % every == 0 && samples.len() < 2 * SAMPLES {
                    samples.push((column as u16, band as u16));
                }
            });
            let Some((vector, _)) = self.choose(scene, &tried) else { return };
            tried[round] = Some(vector);
            if self.prove(scene, vector, None, copies) {
                self.remember(vector);
            }
        }
    }

    fn remember(&mut self, vector: Vector) {
        self.recent.retain(|v| *v != vector);
        self.recent.insert(0, vector);
        self.recent.truncate(REMEMBERED);
    }

    /// The best vector and its score: one that worked lately if it is clearly right, otherwise the best of those and the
    /// anchors' guess.
    fn choose(&mut self, scene: &Scene<'_>, tried: &[Option<Vector>]) -> Option<(Vector, usize)> {
        let mut best = None;
        let mut least = LIKELY;
        for vector in self.recent.iter().filter(|v| !tried.contains(&Some(**v))) {
            let score = self.score(scene, *vector);
            if score >= SURE {
                return Some((*vector, score));
            }
            if score > least {
                (least, best) = (score, Some((*vector, score)));
            }
        }
        if let Some(vector) = self.guess(scene, tried) {
            let score = self.score(scene, vector);
            if score > least {
                best = Some((vector, score));
            }
        }
        best
    }

    /// How many of the sampled units match at this vector, scaled to [`SAMPLES`].
    fn score(&self, scene: &Scene<'_>, by: Vector) -> usize {
        let size = scene.frame.size;
        let right = self
            .samples
            .iter()
            .filter(|(column, band)| scene.is_moved(unit_rect(usize::from(*column), usize::from(*band), size), by));
        right.count() * SAMPLES / self.samples.len().max(1)
    }

    /// The vector that most anchors agree on, other than those tried already.
    fn guess(&mut self, scene: &Scene<'_>, tried: &[Option<Vector>]) -> Option<Vector> {
        let mut anchors = [Anchor { x: 0, y: 0, pixels: [[0; 4]; ANCHOR], rare: 0 }; ANCHORS];
        let mut n = 0;
        let every = (self.samples.len() / ANCHORS).max(1);
        let mut next = 0;
        for (i, (column, band)) in self.samples.iter().enumerate() {
            if i < next || n == ANCHORS {
                continue;
            }
            if let Some(anchor) = scene.anchor(unit_rect(usize::from(*column), usize::from(*band), scene.frame.size)) {
                anchors[n] = anchor;
                n += 1;
                next = i + every;
            }
        }
        for reach in REACHES {
            self.votes.clear();
            // Every other one first: those too lie all over the change.
            let spread = anchors[..n].iter().step_by(2).chain(anchors[..n].iter().skip(1).step_by(2));
            for (asked, anchor) in spread.enumerate() {
                if asked == PATIENCE && self.votes.is_empty() {
                    break;
                }
                scene.places(anchor, reach, |vector| {
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

    /// Compares every unit of an area with its source, takes those that are right over into the shadow, and joins them into
    /// copies. The area is what is marked, or an unmarked one that is marked on the way. Whether any copy came of it: if
    /// not, the marks stay, so that nothing is lost.
    fn prove(
        &mut self,
        scene: &mut Scene<'_>,
        by: Vector,
        unmarked: Option<(usize, usize, usize, usize)>,
        copies: &mut Vec<Copy>,
    ) -> bool {
        let size = scene.frame.size;
        let (left, top, right, bottom) = unmarked.unwrap_or_else(|| scene.units.extent());
        let (columns, _) = scene.units.grid();
        let area = |band: usize| unit_rect(left, band, size).union(unit_rect(right - 1, band, size));
        // Units whose source lies inside the canvas from the left and to the right.
        let first = left.max(by.dx.min(0).unsigned_abs().div_ceil(UNIT_WIDTH) as usize);
        let past = if by.dx > 0 {
            right.min((size.width as i32 - by.dx).max(0) as usize / UNIT_WIDTH as usize)
        } else {
            right
        };
        let n = past.saturating_sub(first);
        let mut gain = 0;
        for i in 0..bottom - top {
            // In the direction of the move, so that no band overwrites what a later one is compared with.
            let band = if by.dy >= 0 { top + i } else { bottom - 1 - i };
            self.wrong_lines[band * columns + left..band * columns + right].fill(u8::MAX);
            self.wrong_columns[band * columns + left..band * columns + right].fill(u64::MAX);
            if n > 0 {
                let units = band * columns + first..band * columns + past;
                self.compare(scene, band, units.clone(), by);
                if !scene.lossy.is_empty() {
                    for (unit, wrong) in units.clone().zip(&mut self.wrong_lines[units]) {
                        if *wrong == 0 && scene.is_source_lossy(unit_rect(unit % columns, band, size), by) {
                            *wrong = u8::MAX;
                        }
                    }
                }
            }
            if unmarked.is_some() {
                scene.units.mark(scene.level, scene.frame, scene.shadow.all(), area(band));
            }
            let mut column = first;
            while column < past {
                // Runs of units that are right, from the first to the last one that had to change.
                let (start, mut run) = (column, Rect::default());
                while column < past && self.wrong_lines[band * columns + column] == 0 {
                    if scene.units.is_marked(column, band) {
                        run = run.union(unit_rect(column, band, size));
                        gain += 1;
                    }
                    column += 1;
                }
                scene.shadow.take(scene.frame, run);
                column += usize::from(column == start);
            }
        }
        if gain < MIN_GAIN {
            self.ahead |= gain > 0;
            return false;
        }
        self.join(scene.units, (left, top, right, bottom), size);
        let mut all = std::mem::take(&mut self.found);
        if all.len() > MAX_COPIES {
            all.sort_unstable_by_key(|r| std::cmp::Reverse(r.area()));
            all.truncate(MAX_COPIES);
        }
        for i in 0..all.len() {
            let wider = self.stretch(all[i], (left, top, right, bottom), columns, size);
            let alone = all.iter().enumerate().all(|(j, other)| j == i || other.intersect(wider).is_none());
            let inside = shifted(wider, by, size).is_some();
            if alone && inside && !scene.is_source_lossy(wider, by) {
                all[i] = wider;
            }
        }
        let ordered = order(&mut all, by);
        let mut settled = 0;
        for to in &all[..ordered] {
            copies.push(Copy { to: *to, by });
            settled += scene.settle(*to, &self.wrong_lines);
        }
        self.ahead |= settled < gain;
        self.found = all;
        ordered > 0
    }

    /// Notes for a run of units of one band which lines and columns differ from their source.
    fn compare(&mut self, scene: &Scene<'_>, band: usize, units: std::ops::Range<usize>, by: Vector) {
        let size = scene.frame.size;
        let lines = band as u32 * UNIT_HEIGHT..((band as u32 + 1) * UNIT_HEIGHT).min(size.height);
        let (columns, _) = scene.units.grid();
        let x = (units.start % columns) * UNIT_WIDTH as usize;
        let n = (x + units.len() * UNIT_WIDTH as usize).min(size.width as usize) - x;
        let words = &mut self.words[..units.len()];
        let wrong_lines = &mut self.wrong_lines[units.clone()];
        let wrong_columns = &mut self.wrong_columns[units];
        wrong_lines.fill(0);
        wrong_columns.fill(0);
        for (bit, y) in lines.enumerate() {
            let source = y as i32 + by.dy;
            if source < 0 || source >= size.height as i32 {
                wrong_lines.iter_mut().for_each(|l| *l |= 1 << bit);
                wrong_columns.fill(u64::MAX);
                continue;
            }
            let old = scene.shadow.row(source as u32, (x as i32 + by.dx) as u32, n as u32);
            scene.level.differ(scene.frame.row(y as usize, x, n), old, words);
            for ((word, lines), columns) in words.iter().zip(&mut *wrong_lines).zip(&mut *wrong_columns) {
                *lines |= u8::from(*word != 0) << bit;
                *columns |= word;
            }
        }
    }

    /// Widens a proven rectangle line by line and column by column within the units next to it, as far as all of them are
    /// right too.
    fn stretch(
        &self,
        area: Rect,
        (left, top, right, bottom): (usize, usize, usize, usize),
        columns: usize,
        size: Size,
    ) -> Rect {
        let across = (area.x / UNIT_WIDTH) as usize..area.right().div_ceil(UNIT_WIDTH) as usize;
        let down = (area.y / UNIT_HEIGHT) as usize..area.bottom().div_ceil(UNIT_HEIGHT) as usize;
        let lines =
            |band: usize| across.clone().fold(0, |wrong, column| wrong | self.wrong_lines[band * columns + column]);
        let sides =
            |column: usize| down.clone().fold(0, |wrong, band| wrong | self.wrong_columns[band * columns + column]);
        let mut r = area;
        if down.start > top {
            let clean = lines(down.start - 1).leading_zeros();
            r = Rect { y: r.y - clean, height: r.height + clean, ..r };
        }
        if down.end < bottom {
            let clean = lines(down.end).trailing_zeros();
            r.height = (r.height + clean).min(size.height - r.y);
        }
        if across.start > left {
            let clean = sides(across.start - 1).leading_zeros();
            r = Rect { x: r.x - clean, width: r.width + clean, ..r };
        }
        if across.end < right {
            let clean = sides(across.end).trailing_zeros();
            r.width = (r.width + clean).min(size.width - r.x);
        }
        // Corners were not looked at: widen in one direction only.
        if r.width > area.width && r.height > area.height {
            r = Rect { x: area.x, width: area.width, ..r };
        }
        r
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
                if self.wrong_lines[band * columns + column] != 0 {
                    column += 1;
                    continue;
                }
                let first = column;
                while column < right && self.wrong_lines[band * columns + column] == 0 {
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
    /// Where in it two pixels lie that are rare: they are looked for first.
    rare: usize,
}

/// Where in a piece two neighbours differ from each other and are least common in it.
fn rare_pair(pixels: &[Pixel; ANCHOR]) -> usize {
    let times = |of: Pixel| pixels.iter().filter(|p| **p == of).count();
    let pairs = (0..ANCHOR - 1).filter(|&i| pixels[i] != pixels[i + 1]);
    pairs.min_by_key(|&i| times(pixels[i]) + times(pixels[i + 1])).unwrap_or(0)
}

impl Scene<'_> {
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

    /// The most distinctive piece of a unit, if any is.
    fn anchor(&self, unit: Rect) -> Option<Anchor> {
        let mut best = (ANCHOR_EDGES, None);
        for y in unit.y..unit.bottom() {
            let row = self.frame.row(y as usize, unit.x as usize, unit.width as usize);
            for (half, piece) in row.as_chunks::<ANCHOR>().0.iter().enumerate() {
                let edges = piece.windows(2).fold(0, |n, p| n + u32::from(colour(p[0]) != colour(p[1])));
                if edges > best.0 {
                    let x = unit.x as usize + half * ANCHOR;
                    let pixels = piece.map(|p| [p[0], p[1], p[2], 255]);
                    best = (edges, Some(Anchor { x, y: y as usize, pixels, rare: 0 }));
                }
            }
        }
        best.1.map(|anchor| Anchor { rare: rare_pair(&anchor.pixels), ..anchor })
    }

    /// Calls `found` for each place in the shadow that looks like the anchor, unless there are too many.
    fn places(&self, anchor: &Anchor, (reach_x, reach_y): (i32, i32), mut found: impl FnMut(Vector)) {
        let size = self.frame.size;
        let (width, height) = (size.width as i32, size.height as i32);
        let (x, y) = (anchor.x as i32, anchor.y as i32);
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
            let (first, second) = (anchor.pixels[anchor.rare], anchor.pixels[anchor.rare + 1]);
            let (firsts, seconds) = (&pixels[anchor.rare..][..starts], &pixels[anchor.rare + 1..][..starts]);
            for (i, (firsts, seconds)) in firsts.chunks(16).zip(seconds.chunks(16)).enumerate() {
                let pairs = || firsts.iter().zip(seconds).map(|(a, b)| (*a == first) & (*b == second));
                if pairs().fold(false, |any, is| any | is) {
                    pairs().enumerate().filter(|(_, is)| *is).for_each(|(k, _)| hit(i * 16 + k));
                }
            }
        }
        if n <= MAX_PLACES {
            places[..n].iter().for_each(|v| found(*v));
        }
    }

    /// Brings the shadow to what the viewer holds after a copy, and the marks to what is still wrong. `wrong_lines` says which
    /// units were proven, and thereby taken over whole. How many marked units the copy made right.
    fn settle(&mut self, to: Rect, wrong_lines: &[u8]) -> usize {
        let (columns, _) = self.units.grid();
        let mut settled = 0;
        for band in to.y / UNIT_HEIGHT..to.bottom().div_ceil(UNIT_HEIGHT) {
            for column in to.x / UNIT_WIDTH..to.right().div_ceil(UNIT_WIDTH) {
                let (column, band) = (column as usize, band as usize);
                if !self.units.is_marked(column, band) {
                    continue;
                }
                let unit = unit_rect(column, band, self.frame.size);
                if to.contains(unit) {
                    self.units.unmark(column, band);
                    settled += 1;
                } else if wrong_lines[band * columns + column] != 0
                    && let Some(part) = unit.intersect(to)
                {
                    self.units.unmark(column, band);
                    self.shadow.take(self.frame, part);
                    self.units.mark(self.level, self.frame, self.shadow.all(), unit);
                }
                // Else the shadow holds all of a unit of which the viewer gets only a part: it keeps its mark.
            }
        }
        settled
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
