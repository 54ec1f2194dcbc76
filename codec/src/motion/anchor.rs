//! The guess: small distinctive pieces of the new picture (anchors) are looked for in the old one, and vote for a vector.
//!
//! Owns what makes a piece distinctive and where it is looked for. It must never decide: a vote is proven pixel by pixel.

use super::{Scene, Search, Vector, colour};
use crate::damage::unit_rect;
use crate::geometry::{Pixel, Rect};

/// Pixels of an anchor. Long enough that 32 equal pixels in a row of text are no accident.
const ANCHOR: usize = 32;

/// An anchor must change colour at least this often, so that blank paper and rulers do not vote.
const ANCHOR_EDGES: u32 = 8;

/// Anchors per search. Half of them may be lost to what is newly exposed or does not move.
pub(super) const ANCHORS: usize = 16;

/// How far anchors are sought, in pixels across and down, one after the other: a wheel or finger; a page down at 4K; a
/// horizontal scroll; a fast hand on a map.
const REACHES: [(i32, i32); 4] = [(0, 128), (0, 2_160), (2_160, 0), (192, 96)];

/// Most places at which one anchor may match; one that matches more often (a table's rule) says nothing.
pub(super) const MAX_PLACES: usize = 8;

/// So many anchors in agreement end a search.
const ENOUGH_VOTES: u32 = 4;

/// If the first so many anchors, which lie all over the change, match nowhere in a reach, the rest are not asked. With a
/// quarter of the change moved, nine searches of ten still find it.
const PATIENCE: usize = 8;

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

impl Search {
    /// The vector that most anchors agree on, other than those tried already.
    pub(super) fn guess(&mut self, scene: &Scene<'_>, tried: &[Option<Vector>]) -> Option<Vector> {
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
}

impl Scene<'_> {
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
}
