//! The proof: where a vector holds, to the pixel column, and the copies that follow from it.
//!
//! An area is compared with its source band by band (bands are the eight lines of a unit); columns that are right in all lines
//! of a band form runs, and runs that continue from band to band form blocks, narrowed to what is right in all their bands. A
//! block becomes one copy, so the edge of a fixed panel or of what is newly exposed is found exactly.
//! Owns the bits of what is wrong, and the columns of which the shadow is ahead of the viewer. What is right is taken over
//! into the shadow while it is still in the nearest cache, before it is known which copy will bring it to the viewer; what
//! none brings keeps its mark, goes as a tile, and is no source until then. It must never copy a pixel that would be wrong.

use std::ops::Range;

use super::{Copy, Scene, Vector, order, shifted};
use crate::damage::{UNIT_HEIGHT, UNIT_WIDTH, Units, unit_rect};
use crate::geometry::{Rect, Size};

/// A vector must save at least this many changed pixels (eight units), or its copies cost more than the pixels.
const MIN_GAIN: usize = 8 << 9;

/// A copy must save at least this many (a unit).
const MIN_COPY: usize = 1 << 9;

/// Columns that are right side by side by accident, as between two glyphs, are narrower than this.
const MIN_RUN: usize = 16;

/// Pixels that a block may lose by going on into a narrower band: about what a copy of its own costs.
const MAX_LOSS: usize = 1 << 8;

/// Most copies of one vector; beyond it the smallest are left to the tiles.
const MAX_COPIES: usize = 64;

const COLUMNS: usize = UNIT_WIDTH as usize;

/// A part of the canvas in units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
}

/// Columns of one band that are right, from their first to past their last; `need` holds those of them that changed.
#[derive(Clone, Debug)]
struct Run {
    right: Range<usize>,
    need: Range<usize>,
    gain: usize,
    /// The most of what it needs that lies in one block that may go on into it, and the most gain of such a block so far.
    claimed: usize,
    gain_before: usize,
}

impl Run {
    /// Whether the blocks that may go on into it are slivers: they began between two glyphs of a band of which a part is
    /// newly seen, and the band after it is whole. A narrow block beside a great one is none: the great one has gained more.
    fn outgrows_its_blocks(&self) -> bool {
        self.gain > self.gain_before && self.need.len() > 2 * self.claimed
    }
}

/// Runs of neighbouring bands that become one copy.
#[derive(Clone, Debug)]
struct Block {
    right: Range<usize>,
    need: Range<usize>,
    /// Bands, with and without those at the ends in which nothing had to change.
    bands: Range<usize>,
    needed: Range<usize>,
    gain: usize,
}

/// The proof's memory, kept so that nothing is allocated per frame.
#[derive(Debug, Default)]
pub(super) struct Proof {
    /// Units per band.
    columns: usize,
    /// Per line and unit: which pixels are not what the vector says.
    wrong: Vec<u64>,
    /// Per unit: the same for all of its lines together.
    wrong_columns: Vec<u64>,
    /// Per unit: columns that the shadow took over and no copy brought to the viewer; and whether there may be any.
    ahead: Vec<u64>,
    is_ahead: bool,
    words: Vec<u64>,
    runs: Vec<Run>,
    open: Vec<Block>,
    closed: Vec<Block>,
    found: Vec<Rect>,
}

impl Proof {
    pub(super) fn reset(&mut self, size: Size) {
        let bands = size.height.div_ceil(UNIT_HEIGHT) as usize;
        self.columns = size.width.div_ceil(UNIT_WIDTH) as usize;
        let zeros = |words: &mut Vec<u64>, n: usize| {
            words.clear();
            words.resize(n, 0);
        };
        zeros(&mut self.wrong, self.columns * size.height as usize);
        zeros(&mut self.wrong_columns, self.columns * bands);
        zeros(&mut self.ahead, self.columns * bands);
        zeros(&mut self.words, self.columns);
        self.is_ahead = false;
        // A band has at most so many runs; a block ends at the latest with each.
        let most = size.width as usize / MIN_RUN + 1;
        self.runs.reserve(most);
        self.open.reserve(2 * most);
        self.closed.reserve(self.columns * bands);
        self.found.reserve(self.columns * bands);
    }

    /// The viewer holds what the shadow holds.
    pub(super) fn settled(&mut self) {
        if std::mem::take(&mut self.is_ahead) {
            self.ahead.fill(0);
        }
    }

    /// Compares an area with its source and appends the copies that bring it to the viewer; the area's marks are made on the
    /// way if it has none yet. Whether any copy came of it: if not, the marks stay, so that nothing is lost.
    pub(super) fn run(
        &mut self,
        scene: &mut Scene<'_>,
        by: Vector,
        area: Area,
        is_marked: bool,
        copies: &mut Vec<Copy>,
    ) -> bool {
        let size = scene.frame.size;
        let mut gain = 0;
        // What this proof itself takes over is never a source of a later band.
        let was_ahead = self.is_ahead;
        self.open.clear();
        self.closed.clear();
        for i in 0..area.bottom - area.top {
            // In the direction of the move, so that no band overwrites what a later one is compared with.
            let band = if by.dy >= 0 { area.top + i } else { area.bottom - 1 - i };
            self.compare(scene, band, area.left..area.right, by);
            if was_ahead || !scene.lossy.is_empty() {
                self.refuse_unsure(scene, band, area.left..area.right, by);
            }
            if !is_marked {
                let whole = unit_rect(area.left, band, size).union(unit_rect(area.right - 1, band, size));
                scene.units.mark(scene.level, scene.frame, scene.shadow.all(), whole);
            }
            self.find_runs(scene.units, band, area.left..area.right);
            gain += self.runs.iter().map(|run| run.gain).sum::<usize>();
            self.continue_blocks(scene, band);
        }
        self.closed.append(&mut self.open);
        if gain < MIN_GAIN {
            return false;
        }
        self.found.clear();
        for block in self.closed.iter().filter(|block| block.gain >= MIN_COPY) {
            let (left, right) = (block.need.start as u32, block.need.end as u32);
            let (top, bottom) = (block.needed.start as u32 * UNIT_HEIGHT, block.needed.end as u32 * UNIT_HEIGHT);
            self.found.push(Rect::between(left, top, right, bottom.min(size.height)));
        }
        let mut all = std::mem::take(&mut self.found);
        if all.len() > MAX_COPIES {
            all.sort_unstable_by_key(|r| std::cmp::Reverse(r.area()));
            all.truncate(MAX_COPIES);
        }
        for i in 0..all.len() {
            let taller = self.stretch(all[i], area, size);
            let alone = all.iter().enumerate().all(|(j, other)| j == i || other.intersect(taller).is_none());
            if alone && shifted(taller, by, size).is_some() {
                all[i] = taller;
            }
        }
        let ordered = order(&mut all, by);
        copies.extend(all[..ordered].iter().map(|to| Copy { to: *to, by }));
        // Whole bands first: what they settle lets the lines above and below be compared again.
        for whole in [true, false] {
            for to in &all[..ordered] {
                self.settle(scene, *to, whole);
            }
        }
        self.found = all;
        ordered > 0
    }

    /// Notes which pixels of a band's units differ from their source; what has no source is wrong.
    fn compare(&mut self, scene: &Scene<'_>, band: usize, units: Range<usize>, by: Vector) {
        let size = scene.frame.size;
        let width = size.width as i32;
        let start = (units.start * COLUMNS) as i32;
        let from = start.max(-by.dx);
        let to = ((units.end * COLUMNS) as i32).min(width).min(width - by.dx);
        let together = &mut self.wrong_columns[band * self.columns..][units.clone()];
        together.fill(0);
        let top = band as u32 * UNIT_HEIGHT;
        for y in top..(top + UNIT_HEIGHT).min(size.height) {
            let line = &mut self.wrong[y as usize * self.columns..][units.clone()];
            line.fill(u64::MAX);
            let source = y as i32 + by.dy;
            if (0..size.height as i32).contains(&source) && from < to {
                let n = (to - from) as usize;
                let words = &mut self.words[..n.div_ceil(COLUMNS)];
                let old = scene.shadow.row(source as u32, (from + by.dx) as u32, n as u32);
                scene.level.differ(scene.frame.row(y as usize, from as usize, n), old, words);
                place(words, n, (from - start) as usize, line);
            }
            for (all, line) in together.iter_mut().zip(line) {
                *all |= *line;
            }
        }
    }

    /// Makes units wrong whose source the viewer has only approximately, or not yet.
    fn refuse_unsure(&mut self, scene: &Scene<'_>, band: usize, units: Range<usize>, by: Vector) {
        let size = scene.frame.size;
        for unit in units {
            // Also where every column is wrong in some line: other lines of it may be right.
            let at = band * self.columns + unit;
            let own = unit_rect(unit, band, size);
            // A source that is partly outside is unsure only where it is inside.
            let x = i64::from(own.x) + i64::from(by.dx);
            let y = i64::from(own.y) + i64::from(by.dy);
            let inside = |v: i64, most: u32| v.clamp(0, i64::from(most)) as u32;
            let source = Rect::between(
                inside(x, size.width),
                inside(y, size.height),
                inside(x + i64::from(own.width), size.width),
                inside(y + i64::from(own.height), size.height),
            );
            if source.is_empty() || (!scene.lossy.touches(source) && !self.is_ahead_in(source)) {
                continue;
            }
            self.wrong_columns[at] = u64::MAX;
            for y in own.y..own.bottom() {
                self.wrong[y as usize * self.columns + unit] = u64::MAX;
            }
        }
    }

    fn is_ahead_in(&self, rect: Rect) -> bool {
        let across = (rect.x / UNIT_WIDTH) as usize..rect.right().div_ceil(UNIT_WIDTH) as usize;
        self.is_ahead
            && (rect.y / UNIT_HEIGHT..rect.bottom().div_ceil(UNIT_HEIGHT))
                .any(|band| self.ahead[band as usize * self.columns..][across.clone()].iter().any(|bits| *bits != 0))
    }

    /// The runs of a band, from left to right.
    fn find_runs(&mut self, units: &Units, band: usize, across: Range<usize>) {
        self.runs.clear();
        let wrong = &self.wrong_columns[band * self.columns..][..self.columns];
        let changed = units.changed_columns(band);
        let end = across.end * COLUMNS;
        let mut at = across.start * COLUMNS;
        while at < end {
            let from = next(wrong, at, end, false);
            at = next(wrong, from, end, true);
            if at - from < MIN_RUN {
                continue;
            }
            let first = next(changed, from, at, true);
            let need = if first == at { from..from } else { first..last(changed, first, at) + 1 };
            let gain = ones(changed, &need) * UNIT_HEIGHT as usize;
            let mut run = Run { right: from..at, need, gain, claimed: 0, gain_before: 0 };
            for block in self.open.iter().filter(|block| !meet(&block.right, &run.right).is_empty()) {
                run.claimed = run.claimed.max(meet(&run.need, &block.right).len());
                run.gain_before = run.gain_before.max(block.gain);
            }
            self.runs.push(run);
        }
    }

    /// Lets blocks go on into a band, begins new ones with what is left of its runs, and takes both over.
    fn continue_blocks(&mut self, scene: &mut Scene<'_>, band: usize) {
        let Self { runs, open, closed, .. } = self;
        open.retain_mut(|block| {
            let overlap = |run: &Run| meet(&run.right, &block.right).len();
            let Some(run) = runs.iter().max_by_key(|run| overlap(run)).filter(|run| overlap(run) > 0) else {
                closed.push(block.clone());
                return false;
            };
            let right = meet(&run.right, &block.right);
            let kept = meet(&block.need, &right).len();
            let loss = (block.need.len() - kept) * block.bands.len() * UNIT_HEIGHT as usize;
            if kept == 0 || loss > MAX_LOSS || run.outgrows_its_blocks() {
                closed.push(block.clone());
                return false;
            }
            let need = meet(&run.need, &right);
            block.gain = (block.gain - loss.min(block.gain)) + run.gain * need.len() / run.need.len().max(1);
            block.need = around(&meet(&block.need, &right), &need);
            block.right = right;
            block.bands = block.bands.start.min(band)..block.bands.end.max(band + 1);
            if !need.is_empty() {
                block.needed = block.needed.start.min(band)..block.needed.end.max(band + 1);
            }
            true
        });
        // Blocks lie apart from each other: what is left of a run lies between those that went on in it.
        let went_on = open.len();
        for run in runs.iter().filter(|run| !run.need.is_empty()) {
            let mut from = run.right.start;
            loop {
                let before = open[..went_on].iter().filter(|b| b.right.start >= from && b.right.start < run.right.end);
                let block = before.min_by_key(|b| b.right.start).map(|b| b.right.clone());
                let piece = from..block.as_ref().map_or(run.right.end, |b| b.start);
                let need = meet(&run.need, &piece);
                if piece.len() >= MIN_RUN && !need.is_empty() {
                    let gain = run.gain * need.len() / run.need.len();
                    open.push(Block { right: piece, need, bands: band..band + 1, needed: band..band + 1, gain });
                }
                match block {
                    Some(block) => from = block.end.max(from + 1),
                    None => break,
                }
            }
        }
        let size = scene.frame.size;
        let top = band as u32 * UNIT_HEIGHT;
        let bottom = (top + UNIT_HEIGHT).min(size.height);
        for block in &self.open {
            for run in &self.runs {
                let taken = meet(&run.need, &block.right);
                if taken.is_empty() {
                    continue;
                }
                scene.shadow.take(scene.frame, Rect::between(taken.start as u32, top, taken.end as u32, bottom));
                self.is_ahead = true;
                for unit in taken.start / COLUMNS..taken.end.div_ceil(COLUMNS) {
                    let bits = mask(unit, &taken) & scene.units.changed_columns(band)[unit];
                    self.ahead[band * self.columns + unit] |= bits;
                }
            }
        }
    }

    /// Makes a block taller line by line within the bands above and below, as far as all of a line is right.
    fn stretch(&self, rect: Rect, area: Area, size: Size) -> Rect {
        let across = rect.x as usize..rect.right() as usize;
        let is_right = |y: u32| {
            let line = &self.wrong[y as usize * self.columns..][..self.columns];
            next(line, across.start, across.end, true) == across.end
        };
        let highest = (area.top as u32 * UNIT_HEIGHT).max(rect.y.saturating_sub(UNIT_HEIGHT - 1));
        let lowest = (area.bottom as u32 * UNIT_HEIGHT).min(size.height).min(rect.bottom() + UNIT_HEIGHT - 1);
        let mut top = rect.y;
        while top > highest && is_right(top - 1) {
            top -= 1;
        }
        let mut bottom = rect.bottom();
        while bottom < lowest && is_right(bottom) {
            bottom += 1;
        }
        Rect { y: top, height: bottom - top, ..rect }
    }

    /// Brings shadow and marks to what the viewer holds after a copy: in the bands that it covers, or in those that it only touches.
    fn settle(&mut self, scene: &mut Scene<'_>, to: Rect, whole: bool) {
        let size = scene.frame.size;
        let across = to.x as usize..to.right() as usize;
        for band in to.y / UNIT_HEIGHT..to.bottom().div_ceil(UNIT_HEIGHT) {
            let lines =
                Rect::between(to.x, band * UNIT_HEIGHT, to.right(), ((band + 1) * UNIT_HEIGHT).min(size.height));
            let Some(part) = lines.intersect(to) else { continue };
            if (part == lines) != whole {
                continue;
            }
            // A last band that the canvas cuts may be covered by lines that no run took over.
            if !whole || part.height < UNIT_HEIGHT {
                scene.shadow.take(scene.frame, part);
            }
            for unit in across.start / COLUMNS..across.end.div_ceil(COLUMNS) {
                let at = band as usize * self.columns + unit;
                if whole {
                    scene.units.unmark_columns(unit, band as usize, mask(unit, &across));
                    self.ahead[at] &= !mask(unit, &across);
                } else if self.ahead[at] == 0 && scene.units.is_marked(unit, band as usize) {
                    scene.units.unmark(unit, band as usize);
                    let unit = unit_rect(unit, band as usize, size);
                    scene.units.mark(scene.level, scene.frame, scene.shadow.all(), unit);
                }
            }
        }
    }
}

/// Puts `n` bits of `words` into `line`, which is all ones, from bit `at` on.
fn place(words: &[u64], n: usize, at: usize, line: &mut [u64]) {
    let (first, shift) = (at / COLUMNS, at % COLUMNS);
    for (k, bits) in words.iter().enumerate() {
        let valid = u64::MAX >> (COLUMNS - (n - k * COLUMNS).min(COLUMNS));
        let low = &mut line[first + k];
        *low = *low & !(valid << shift) | bits << shift;
        if shift > 0 && valid >> (COLUMNS - shift) != 0 {
            let high = &mut line[first + k + 1];
            *high = *high & !(valid >> (COLUMNS - shift)) | bits >> (COLUMNS - shift);
        }
    }
}

/// The next bit from `from` on that is `wanted`, or `end`.
fn next(words: &[u64], from: usize, end: usize, wanted: bool) -> usize {
    let mut at = from;
    while at < end {
        let word = if wanted { words[at / COLUMNS] } else { !words[at / COLUMNS] } >> (at % COLUMNS);
        if word != 0 {
            return (at + word.trailing_zeros() as usize).min(end);
        }
        at = (at / COLUMNS + 1) * COLUMNS;
    }
    end
}

/// The last bit that is set before `end`; there is one from `from` on.
fn last(words: &[u64], from: usize, end: usize) -> usize {
    let mut unit = (end - 1) / COLUMNS;
    let mut word = words[unit] & u64::MAX >> (COLUMNS - 1 - (end - 1) % COLUMNS);
    while word == 0 && unit > from / COLUMNS {
        unit -= 1;
        word = words[unit];
    }
    (unit * COLUMNS + COLUMNS - 1).saturating_sub(word.leading_zeros() as usize)
}

/// Number of bits that are set in a range.
fn ones(words: &[u64], range: &Range<usize>) -> usize {
    let units = range.start / COLUMNS..range.end.div_ceil(COLUMNS);
    units.map(|unit| (words[unit] & mask(unit, range)).count_ones() as usize).sum()
}

/// The bits of a unit's columns that lie in a range which touches it.
fn mask(unit: usize, range: &Range<usize>) -> u64 {
    let start = unit * COLUMNS;
    let from = range.start.saturating_sub(start);
    let to = (range.end - start).min(COLUMNS);
    u64::MAX << from & u64::MAX >> (COLUMNS - to)
}

/// What both ranges have; empty, and inside the first, if nothing.
fn meet(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let start = a.start.max(b.start).min(a.end);
    start..a.end.min(b.end).max(start)
}

/// The smallest range that holds both; an empty one counts for nothing.
fn around(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b.clone(),
        (_, true) => a.clone(),
        _ => a.start.min(b.start)..a.end.max(b.end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_are_placed_where_they_belong_and_nowhere_else(
            bits in proptest::collection::vec(any::<bool>(), 1..300),
            at in 0usize..200,
        ) {
            let mut words = vec![0u64; bits.len().div_ceil(64)];
            for (i, bit) in bits.iter().enumerate() {
                words[i / 64] |= u64::from(*bit) << (i % 64);
            }
            let mut line = vec![u64::MAX; (at + bits.len()).div_ceil(64) + 1];
            place(&words, bits.len(), at, &mut line);
            for i in 0..line.len() * 64 {
                let got = line[i / 64] >> (i % 64) & 1 == 1;
                let expected = i < at || i >= at + bits.len() || bits[i - at];
                prop_assert_eq!(got, expected, "{}", i);
            }
        }

        #[test]
        fn runs_of_bits_are_found_from_both_ends(
            words in proptest::collection::vec(prop_oneof![Just(0u64), Just(u64::MAX), any::<u64>()], 1..5),
            a in 0usize..256, b in 0usize..256,
        ) {
            let most = words.len() * 64;
            let (from, end) = (a.min(b).min(most), a.max(b).min(most));
            let bit = |i: &usize| words[i / 64] >> (i % 64) & 1 == 1;
            prop_assert_eq!(next(&words, from, end, true), (from..end).find(bit).unwrap_or(end));
            prop_assert_eq!(next(&words, from, end, false), (from..end).find(|i| !bit(i)).unwrap_or(end));
            if let Some(expected) = (from..end).rfind(bit) {
                prop_assert_eq!(last(&words, from, end), expected);
            }
            prop_assert_eq!(ones(&words, &(from..end)), (from..end).filter(bit).count());
        }
    }
}
