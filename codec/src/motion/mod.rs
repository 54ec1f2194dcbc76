//! Which changed pixels only moved: scrolls and pans, vertical, horizontal or both at once.
//!
//! A vector says where the new picture's pixels lay in the old one. Candidates are the vectors that worked last, then
//! those on which small distinctive pieces of the new picture agree (`anchor`). A vector is only a guess: it is proven
//! pixel by pixel (`prove`), so that a fixed header or sidebar stays put by itself.
//! Owns which vectors are tried and the copies' order. It must never try so many that the search costs more than the pixels.

mod anchor;
mod prove;

use crate::canvas::Canvas;
use crate::damage::{UNIT_HEIGHT, UNIT_WIDTH, Units, unit_rect};
use crate::geometry::{Frame, Pixel, Rect, Size};
use crate::refine::Mask;
use crate::simd::Level;
use anchor::{ANCHORS, MAX_PLACES};
use prove::{Area, Proof};

/// Fewer changed units than this are cheaper to send than to search for: 24 units are 12 kpx, about a line of text.
const MIN_UNITS: usize = 24;

/// A damaged rectangle of so many units (128 kpx) is worth sampling before it is compared.
const LARGE_UNITS: usize = 256;

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
    proof: Proof,
    samples: Vec<(u16, u16)>,
    /// Changed units of this update in whose damage no vector was found: there is no need to look again.
    hopeless: usize,
    /// No vector was found in the rectangle that was looked at last.
    is_hopeless: bool,
    /// The viewer holds black where the shadow may hold an old picture: no copies until every mark is sent.
    is_held: bool,
}

/// Pixels of a whole unit.
const UNIT_AREA: u64 = (UNIT_WIDTH * UNIT_HEIGHT) as u64;

impl Search {
    /// Forgets what worked on another canvas.
    pub(crate) fn reset(&mut self, size: Size) {
        self.recent.clear();
        self.recent.reserve(REMEMBERED + 1);
        self.votes.reserve(ANCHORS * MAX_PLACES);
        self.proof.reset(size);
        self.samples.reserve(SAMPLES * 2);
    }

    /// Marks what changed within the damage, and finds and applies in the shadow what of it only moved: `copies` says how.
    pub(crate) fn follow(&mut self, scene: &mut Scene<'_>, damage: &[Rect], copies: &mut Vec<Copy>) {
        copies.clear();
        self.hopeless = 0;
        for rect in damage {
            if !self.run_unmarked(scene, *rect, copies) {
                scene.units.mark(scene.level, scene.frame, scene.shadow.all(), *rect);
                self.note_hopeless(scene.units, *rect);
            }
        }
        let moved: u64 = copies.iter().map(|copy| copy.to.area()).sum();
        let began = scene.units.count(usize::MAX) + (moved / UNIT_AREA) as usize;
        self.run(scene, began, copies);
    }

    /// A rectangle that [`Self::run_unmarked`] left is marked now; if no vector was found in it, none will be.
    fn note_hopeless(&mut self, units: &Units, damage: Rect) {
        if std::mem::take(&mut self.is_hopeless)
            && let Some(damage) = damage.intersect(units.size().rect())
        {
            self.hopeless += units.count_in(damage, usize::MAX);
        }
    }

    /// Everything that was marked was sent: the viewer holds what the shadow holds.
    pub(crate) fn settled(&mut self) {
        self.is_held = false;
        self.proof.settled();
    }

    /// The viewer's canvas starts anew, and everything is marked: no copies until it is settled.
    pub(crate) fn hold(&mut self) {
        self.is_held = true;
    }

    /// For a large damaged rectangle that is not compared yet: if a few samples say that it moved, compares, moves and marks it
    /// in one pass over memory. Whether it did; if not, nothing has changed.
    fn run_unmarked(&mut self, scene: &mut Scene<'_>, damage: Rect, copies: &mut Vec<Copy>) -> bool {
        let size = scene.frame.size;
        let Some(damage) = damage.intersect(size.rect()) else { return false };
        let (left, right) = ((damage.x / UNIT_WIDTH) as usize, damage.right().div_ceil(UNIT_WIDTH) as usize);
        let (top, bottom) = ((damage.y / UNIT_HEIGHT) as usize, damage.bottom().div_ceil(UNIT_HEIGHT) as usize);
        let all = (right - left) * (bottom - top);
        if all < LARGE_UNITS || self.is_held {
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
        self.proof.run(scene, vector, Area { left, top, right, bottom }, false, copies);
        self.remember(vector);
        true
    }

    /// Finds moves that make marked units right, carries them out on the shadow, takes the marks of what is right now
    /// away, and appends the copies in the order in which they have to be made. `began` units had changed before any move.
    fn run(&mut self, scene: &mut Scene<'_>, began: usize, copies: &mut Vec<Copy>) {
        let mut tried = [None; MAX_VECTORS];
        for round in 0..MAX_VECTORS {
            // What is left after the first move is mostly what it uncovered.
            let moved = usize::from(round > 0 || !copies.is_empty());
            let left = scene.units.count(usize::MAX);
            if self.is_held || left < MIN_UNITS.max(began / WORTH_SHARE * moved) + self.hopeless {
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
            let (left, top, right, bottom) = scene.units.extent();
            if self.proof.run(scene, vector, Area { left, top, right, bottom }, true, copies) {
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
}

/// What a search works on.
pub(crate) struct Scene<'a> {
    pub(crate) level: Level,
    pub(crate) frame: &'a Frame<'a>,
    pub(crate) shadow: &'a mut Canvas,
    pub(crate) units: &'a mut Units,
    pub(crate) lossy: &'a Mask,
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
