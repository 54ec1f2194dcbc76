//! Which pixels really changed: damage, pruned against what the viewer holds.
//!
//! Browsers over-report damage, so it only bounds the search. The canvas is cut into units of 64x8 pixels; a compare of
//! the damaged units with the shadow leaves, per unit, which pixel columns and which lines changed. Owns those marks and
//! the joining of marked units into rectangles.
//! It must never read a unit outside the damage, and never walk the whole grid: what it clears and scans is what was marked.

use crate::geometry::{Frame, Pixel, Rect, Size};
use crate::simd::Level;

/// Pixels across one unit: one bit each in a word.
pub(crate) const UNIT_WIDTH: u32 = 64;
/// Lines in one unit: one bit each in a byte.
pub(crate) const UNIT_HEIGHT: u32 = 8;

/// Most rectangles that one pass over the units gives; beyond it they are joined more freely, so that an update of a
/// scattered change stays small. A 1080p screen full of separate words has about 300.
const MAX_RECTS: usize = 512;

/// The marks of one canvas.
#[derive(Debug, Default)]
pub(crate) struct Units {
    size: Size,
    /// Units per row of units.
    columns: usize,
    /// Rows of units.
    bands: usize,
    /// Per unit: which of its 64 pixel columns hold a change.
    columns_changed: Vec<u64>,
    /// Per unit: which of its 8 lines hold a change.
    lines_changed: Vec<u8>,
    /// Per band: first and past-the-last unit column with a mark; empty if equal.
    spans: Vec<(u16, u16)>,
    /// First and past-the-last band with a mark.
    extent: (usize, usize),
    /// One row's difference bits.
    words: Vec<u64>,
    open: Vec<Group>,
}

/// Marked units that will become one rectangle, in unit coordinates.
#[derive(Clone, Copy, Debug)]
struct Group {
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
    marked: usize,
}

impl Units {
    /// Starts over for a canvas of this size, with nothing marked.
    pub(crate) fn reset(&mut self, size: Size) {
        self.size = size;
        self.columns = size.width.div_ceil(UNIT_WIDTH) as usize;
        self.bands = size.height.div_ceil(UNIT_HEIGHT) as usize;
        self.columns_changed.clear();
        self.columns_changed.resize(self.columns * self.bands, 0);
        self.lines_changed.clear();
        self.lines_changed.resize(self.columns * self.bands, 0);
        self.spans.clear();
        self.spans.resize(self.bands, (0, 0));
        self.words.clear();
        self.words.resize(self.columns, 0);
        self.extent = (0, 0);
        self.open.clear();
        self.open.reserve(2 * MAX_RECTS);
    }

    /// The canvas's size.
    pub(crate) fn size(&self) -> Size {
        self.size
    }

    /// Marks what differs between frame and shadow in the units that `rect` touches. Repeats are harmless.
    pub(crate) fn mark(&mut self, level: Level, frame: &Frame<'_>, shadow: &[Pixel], rect: Rect) {
        let Some(rect) = rect.intersect(self.size.rect()) else { return };
        let (left, right) = (rect.x / UNIT_WIDTH, rect.right().div_ceil(UNIT_WIDTH));
        let (top, bottom) = (rect.y / UNIT_HEIGHT, rect.bottom().div_ceil(UNIT_HEIGHT));
        let x = (left * UNIT_WIDTH) as usize;
        let n = (right * UNIT_WIDTH).min(self.size.width) as usize - x;
        let width = self.size.width as usize;
        for band in top..bottom {
            let first_unit = band as usize * self.columns + left as usize;
            let mut any = 0;
            let lines = (band * UNIT_HEIGHT)..((band + 1) * UNIT_HEIGHT).min(self.size.height);
            for (bit, y) in lines.enumerate() {
                let y = y as usize;
                let words = &mut self.words[..n.div_ceil(64)];
                level.differ(frame.row(y, x, n), &shadow[y * width + x..][..n], words);
                let columns = &mut self.columns_changed[first_unit..];
                let lines = &mut self.lines_changed[first_unit..];
                for ((word, columns), lines) in words.iter().zip(columns).zip(lines) {
                    *columns |= word;
                    *lines |= u8::from(*word != 0) << bit;
                    any |= word;
                }
            }
            if any != 0 {
                self.widen(band as usize, left as usize, right as usize);
            }
        }
    }

    /// Marks every pixel of the canvas as changed.
    pub(crate) fn mark_all(&mut self) {
        for band in 0..self.bands {
            for column in 0..self.columns {
                let unit = unit_rect(column, band, self.size);
                self.columns_changed[band * self.columns + column] = u64::MAX >> (UNIT_WIDTH - unit.width);
                self.lines_changed[band * self.columns + column] = u8::MAX >> (UNIT_HEIGHT - unit.height);
            }
            self.widen(band, 0, self.columns);
        }
    }

    /// Takes the marks of the units that a rectangle touches away.
    pub(crate) fn unmark_in(&mut self, rect: Rect) {
        for band in rect.y / UNIT_HEIGHT..rect.bottom().div_ceil(UNIT_HEIGHT) {
            for column in rect.x / UNIT_WIDTH..rect.right().div_ceil(UNIT_WIDTH) {
                self.unmark(column as usize, band as usize);
            }
        }
    }

    fn widen(&mut self, band: usize, left: usize, right: usize) {
        let span = &mut self.spans[band];
        *span = if span.0 == span.1 {
            (left as u16, right as u16)
        } else {
            (span.0.min(left as u16), span.1.max(right as u16))
        };
        self.extent = if self.extent.0 == self.extent.1 {
            (band, band + 1)
        } else {
            (self.extent.0.min(band), self.extent.1.max(band + 1))
        };
    }

    /// Whether this unit is marked.
    pub(crate) fn is_marked(&self, column: usize, band: usize) -> bool {
        self.lines_changed[band * self.columns + column] != 0
    }

    /// Per unit of a band: which of its pixel columns hold a change.
    pub(crate) fn changed_columns(&self, band: usize) -> &[u64] {
        &self.columns_changed[band * self.columns..][..self.columns]
    }

    /// Takes the marks of some pixel columns of a unit away.
    pub(crate) fn unmark_columns(&mut self, column: usize, band: usize, columns: u64) {
        let unit = band * self.columns + column;
        self.columns_changed[unit] &= !columns;
        if self.columns_changed[unit] == 0 {
            self.lines_changed[unit] = 0;
        }
    }

    /// Takes the mark of one unit away.
    pub(crate) fn unmark(&mut self, column: usize, band: usize) {
        self.columns_changed[band * self.columns + column] = 0;
        self.lines_changed[band * self.columns + column] = 0;
    }

    /// Whether nothing was marked since the last clear. (Unmarking does not bring it back.)
    pub(crate) fn is_untouched(&self) -> bool {
        self.extent.0 == self.extent.1
    }

    /// Number of marked units, counted no further than `enough`.
    pub(crate) fn count(&self, enough: usize) -> usize {
        let mut n = 0;
        for band in self.extent.0..self.extent.1 {
            let units = band * self.columns + usize::from(self.spans[band].0)
                ..band * self.columns + usize::from(self.spans[band].1);
            n += self.lines_changed[units].iter().filter(|lines| **lines != 0).count();
            if n >= enough {
                break;
            }
        }
        n
    }

    /// Number of marked units that a rectangle touches, counted no further than `enough`.
    pub(crate) fn count_in(&self, rect: Rect, enough: usize) -> usize {
        let mut n = 0;
        for band in rect.y / UNIT_HEIGHT..rect.bottom().div_ceil(UNIT_HEIGHT) {
            for column in rect.x / UNIT_WIDTH..rect.right().div_ceil(UNIT_WIDTH) {
                n += usize::from(self.is_marked(column as usize, band as usize));
                if n >= enough {
                    return n;
                }
            }
        }
        n
    }

    /// Bands and unit columns outside which nothing is marked: `(left, top, right, bottom)` in units.
    pub(crate) fn extent(&self) -> (usize, usize, usize, usize) {
        let spans = &self.spans[self.extent.0..self.extent.1];
        let spans = spans.iter().filter(|s| s.0 != s.1);
        let left = spans.clone().map(|s| s.0).min().unwrap_or(0);
        let right = spans.map(|s| s.1).max().unwrap_or(0);
        (usize::from(left), self.extent.0, usize::from(right), self.extent.1)
    }

    /// Calls `f(column, band)` for every marked unit, line by line.
    pub(crate) fn for_each_marked(&self, mut f: impl FnMut(usize, usize)) {
        for band in self.extent.0..self.extent.1 {
            let (left, right) = self.spans[band];
            for column in usize::from(left)..usize::from(right) {
                if self.is_marked(column, band) {
                    f(column, band);
                }
            }
        }
    }

    /// Forgets all marks; touches only what was marked.
    pub(crate) fn clear(&mut self) {
        for band in self.extent.0..self.extent.1 {
            let (left, right) = self.spans[band];
            let units = band * self.columns + usize::from(left)..band * self.columns + usize::from(right);
            self.columns_changed[units.clone()].fill(0);
            self.lines_changed[units].fill(0);
            self.spans[band] = (0, 0);
        }
        self.extent = (0, 0);
    }

    /// Joins the marked units for which `wanted(column, band)` holds into rectangles, tight around the changed pixels, and
    /// appends them to `out`. Other pixels inside are allowed, and small overlaps too, where that saves rectangles.
    pub(crate) fn rects(&mut self, wanted: impl Fn(usize, usize) -> bool, out: &mut Vec<Rect>) {
        let mut open = std::mem::take(&mut self.open);
        let start = out.len();
        for band in self.extent.0..self.extent.1 {
            let (left, right) = (usize::from(self.spans[band].0), usize::from(self.spans[band].1));
            // With too many rectangles already, bridge any gap and accept any waste.
            let crowded = out.len() - start + open.len() > MAX_RECTS;
            let gap = if crowded { usize::MAX } else { 1 };
            self.retire(&mut open, out, |g| g.bottom + 1 < band);
            let mut column = left;
            while column < right {
                if !(self.is_marked(column, band) && wanted(column, band)) {
                    column += 1;
                    continue;
                }
                let (first, mut past, mut marked) = (column, column + 1, 1);
                column += 1;
                while column < right && column - past <= gap {
                    if self.is_marked(column, band) {
                        if !wanted(column, band) {
                            break;
                        }
                        past = column + 1;
                        marked += 1;
                    }
                    column += 1;
                }
                column = past;
                let run = Group { left: first, right: past, top: band, bottom: band + 1, marked };
                // What goes in another way must not go in this one too.
                let is_free = |column, band| !self.is_marked(column, band) || wanted(column, band);
                add(&mut open, run, crowded, is_free);
            }
        }
        self.retire(&mut open, out, |_| true);
        self.open = open;
    }

    /// Moves groups that cannot grow any more to the list of rectangles.
    fn retire(&self, open: &mut Vec<Group>, out: &mut Vec<Rect>, done: impl Fn(&Group) -> bool) {
        open.retain(|group| {
            if done(group) {
                out.push(self.tighten(*group));
            }
            !done(group)
        });
    }

    /// The changed pixels' bounding rectangle inside a group of units.
    fn tighten(&self, g: Group) -> Rect {
        let mut bounds = Rect::default();
        let mut take = |column: usize, band: usize| {
            let unit = band * self.columns + column;
            let (columns, lines) = (self.columns_changed[unit], self.lines_changed[unit]);
            if lines != 0 {
                let (x, y) = (column as u32 * UNIT_WIDTH, band as u32 * UNIT_HEIGHT);
                bounds = bounds.union(Rect::between(
                    x + columns.trailing_zeros(),
                    y + lines.trailing_zeros(),
                    x + 64 - columns.leading_zeros(),
                    y + 8 - lines.leading_zeros(),
                ));
            }
        };
        for band in g.top..g.bottom {
            for column in g.left..g.right {
                take(column, band);
            }
        }
        bounds
    }
}

/// The pixels of a unit, cut at the canvas's edge.
pub(crate) fn unit_rect(column: usize, band: usize, size: Size) -> Rect {
    let (x, y) = (column as u32 * UNIT_WIDTH, band as u32 * UNIT_HEIGHT);
    Rect::between(x, y, (x + UNIT_WIDTH).min(size.width), (y + UNIT_HEIGHT).min(size.height))
}

/// Puts a run of units into a group that it continues, if the rectangle around both wastes little and holds only free units;
/// else opens a group.
fn add(open: &mut Vec<Group>, run: Group, crowded: bool, is_free: impl Fn(usize, usize) -> bool) {
    let joined = |g: &Group| Group {
        left: g.left.min(run.left),
        right: g.right.max(run.right),
        top: g.top.min(run.top),
        bottom: g.bottom.max(run.bottom),
        marked: g.marked + run.marked,
    };
    let area = |g: &Group| (g.right - g.left) * (g.bottom - g.top);
    // Both are free themselves; looks at the rest of the rectangle around them.
    let adds_only_free = |g: &Group, both: &Group| {
        (both.top..both.bottom).all(|band| {
            let (left, right) = if band < g.bottom {
                (g.left, g.right)
            } else if band < run.top {
                (both.right, both.right)
            } else {
                (run.left, run.right)
            };
            (both.left..left).chain(right..both.right).all(|column| is_free(column, band))
        })
    };
    let found = open.iter().position(|g| {
        let both = joined(g);
        let touches = run.left <= g.right && g.left <= run.right;
        touches && (crowded || (area(&both) <= both.marked + both.marked / 4 + 2 && adds_only_free(g, &both)))
    });
    match found {
        Some(i) => open[i] = joined(&open[i]),
        None => open.push(run),
    }
}
