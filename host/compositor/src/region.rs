//! Sets of pixels as short lists of disjoint rectangles.
//!
//! Owns the rectangle arithmetic of damage. A [`Region`] never holds two overlapping rectangles and never more
//! than [`MAX_DAMAGE_RECTS`]; when it would, it grows to cover more, never less. It knows nothing of surfaces.

use crate::limits::MAX_DAMAGE_RECTS;
use crate::types::{Rect, Size};

/// A rectangle with signed corners, half open: `x0 <= x < x1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Area {
    pub(crate) x0: i32,
    pub(crate) y0: i32,
    pub(crate) x1: i32,
    pub(crate) y1: i32,
}

impl Area {
    pub(crate) const fn new(x0: i32, y0: i32, x1: i32, y1: i32) -> Self {
        Self { x0, y0, x1, y1 }
    }

    pub(crate) fn of_size(width: i32, height: i32) -> Self {
        Self::new(0, 0, width, height)
    }

    pub(crate) fn width(self) -> i32 {
        self.x1 - self.x0
    }

    pub(crate) fn height(self) -> i32 {
        self.y1 - self.y0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.x0 >= self.x1 || self.y0 >= self.y1
    }

    pub(crate) fn pixels(self) -> u64 {
        if self.is_empty() { 0 } else { self.width() as u64 * self.height() as u64 }
    }

    pub(crate) fn intersect(self, other: Self) -> Self {
        let area =
            Self::new(self.x0.max(other.x0), self.y0.max(other.y0), self.x1.min(other.x1), self.y1.min(other.y1));
        if area.is_empty() { Self::default() } else { area }
    }

    pub(crate) fn union(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        Self::new(self.x0.min(other.x0), self.y0.min(other.y0), self.x1.max(other.x1), self.y1.max(other.y1))
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        other.is_empty() || self.intersect(other) == other
    }

    pub(crate) fn has(self, x: i32, y: i32) -> bool {
        x >= self.x0 && x < self.x1 && y >= self.y0 && y < self.y1
    }

    pub(crate) fn moved(self, dx: i32, dy: i32) -> Self {
        Self::new(
            self.x0.saturating_add(dx),
            self.y0.saturating_add(dy),
            self.x1.saturating_add(dx),
            self.y1.saturating_add(dy),
        )
    }

    fn rect(self) -> Rect {
        Rect { x: self.x0 as u32, y: self.y0 as u32, width: self.width() as u32, height: self.height() as u32 }
    }

    /// Calls `keep` with the up to four parts of `self` outside `hole`.
    fn subtract(self, hole: Self, mut keep: impl FnMut(Self)) {
        let inside = self.intersect(hole);
        if inside.is_empty() {
            keep(self);
            return;
        }
        let parts = [
            Self::new(self.x0, self.y0, self.x1, inside.y0),
            Self::new(self.x0, inside.y0, inside.x0, inside.y1),
            Self::new(inside.x1, inside.y0, self.x1, inside.y1),
            Self::new(self.x0, inside.y1, self.x1, self.y1),
        ];
        for part in parts {
            if !part.is_empty() {
                keep(part);
            }
        }
    }
}

/// A set of pixels. INVARIANT: its areas are disjoint, not empty, and at most [`MAX_DAMAGE_RECTS`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Region {
    areas: Vec<Area>,
}

impl Region {
    pub(crate) fn is_empty(&self) -> bool {
        self.areas.is_empty()
    }

    pub(crate) fn pixels(&self) -> u64 {
        self.areas.iter().map(|area| area.pixels()).sum()
    }

    pub(crate) fn clear(&mut self) {
        self.areas.clear();
    }

    pub(crate) fn areas(&self) -> &[Area] {
        &self.areas
    }

    /// Adds every pixel of `area`.
    pub(crate) fn add(&mut self, area: Area) {
        if area.is_empty() || self.areas.iter().any(|held| held.contains(area)) {
            return;
        }
        self.areas.retain(|held| !area.contains(*held));
        if self.areas.iter().all(|held| held.intersect(area).is_empty()) {
            self.areas.push(area);
        } else {
            let mut parts = vec![area];
            let mut next = Vec::new();
            for held in &self.areas {
                for part in parts.drain(..) {
                    part.subtract(*held, |rest| next.push(rest));
                }
                std::mem::swap(&mut parts, &mut next);
            }
            self.areas.append(&mut parts);
        }
        self.bound();
    }

    pub(crate) fn add_region(&mut self, other: &Self) {
        for area in &other.areas {
            self.add(*area);
        }
    }

    /// Removes every pixel of `hole`.
    ///
    /// The result may hold more areas than the limit for a moment; use it for drawing, not as stored damage.
    pub(crate) fn subtract(&mut self, hole: Area) {
        if self.areas.iter().all(|held| held.intersect(hole).is_empty()) {
            return;
        }
        let mut left = Vec::with_capacity(self.areas.len() + 4);
        for held in &self.areas {
            held.subtract(hole, |rest| left.push(rest));
        }
        self.areas = left;
    }

    pub(crate) fn subtract_region(&mut self, other: &Self) {
        for hole in &other.areas {
            self.subtract(*hole);
        }
    }

    /// Keeps only the pixels inside `bounds`.
    pub(crate) fn clip(&mut self, bounds: Area) {
        for area in &mut self.areas {
            *area = area.intersect(bounds);
        }
        self.areas.retain(|area| !area.is_empty());
    }

    /// The pixels that are in both.
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let mut both = Self::default();
        for a in &self.areas {
            for b in &other.areas {
                let area = a.intersect(*b);
                if !area.is_empty() {
                    // Disjoint by construction: parts of disjoint areas.
                    both.areas.push(area);
                }
            }
        }
        both
    }

    /// Merges the pair whose bounding box wastes least until the list is short enough.
    fn bound(&mut self) {
        while self.areas.len() > MAX_DAMAGE_RECTS {
            let mut best = (u64::MAX, 0, 1);
            for i in 0..self.areas.len() {
                for j in i + 1..self.areas.len() {
                    let (a, b) = (self.areas[i], self.areas[j]);
                    let waste = a.union(b).pixels() - a.pixels() - b.pixels();
                    if waste < best.0 {
                        best = (waste, i, j);
                    }
                }
            }
            let second = self.areas.swap_remove(best.2);
            let first = self.areas.swap_remove(best.1);
            let mut merged = first.union(second);
            // The box may touch others: swallow those until it is disjoint again.
            loop {
                let mut grown = merged;
                self.areas.retain(|held| {
                    let apart = held.intersect(merged).is_empty();
                    if !apart {
                        grown = grown.union(*held);
                    }
                    apart
                });
                if grown == merged {
                    break;
                }
                merged = grown;
            }
            self.areas.push(merged);
        }
    }
}

/// What changed in a canvas since the last time: disjoint rectangles inside the canvas, at most
/// [`MAX_DAMAGE_RECTS`] of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damage {
    rects: Vec<Rect>,
}

impl Damage {
    pub(crate) fn from_region(region: &Region, size: Size) -> Self {
        let bounds = Area::of_size(size.width as i32, size.height as i32);
        let rects = region
            .areas()
            .iter()
            .map(|area| area.intersect(bounds))
            .filter(|area| !area.is_empty())
            .map(Area::rect)
            .collect();
        Self { rects }
    }

    /// The rectangles, in no particular order.
    pub fn rects(&self) -> &[Rect] {
        &self.rects
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.rects.is_empty()
    }

    /// How many pixels changed.
    pub fn pixels(&self) -> u64 {
        self.rects.iter().map(|r| u64::from(r.width) * u64::from(r.height)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn area() -> impl Strategy<Value = Area> {
        (0..40i32, 0..40i32, 0..20i32, 0..20i32).prop_map(|(x, y, w, h)| Area::new(x, y, x + w, y + h))
    }

    fn disjoint(region: &Region) -> bool {
        let areas = region.areas();
        (0..areas.len())
            .all(|i| !areas[i].is_empty() && (i + 1..areas.len()).all(|j| areas[i].intersect(areas[j]).is_empty()))
    }

    proptest! {
        #[test]
        fn a_region_covers_what_was_added_stays_disjoint_and_short(list in prop::collection::vec(area(), 0..120)) {
            let mut region = Region::default();
            for a in &list {
                region.add(*a);
                prop_assert!(disjoint(&region));
                prop_assert!(region.areas().len() <= MAX_DAMAGE_RECTS);
            }
            for a in &list {
                for (x, y) in [(a.x0, a.y0), (a.x1 - 1, a.y1 - 1)] {
                    if !a.is_empty() {
                        prop_assert!(region.areas().iter().any(|held| held.has(x, y)));
                    }
                }
            }
        }

        #[test]
        fn a_short_region_holds_exactly_its_pixels(list in prop::collection::vec(area(), 0..6), hole in area()) {
            let mut region = Region::default();
            for a in &list {
                region.add(*a);
            }
            let other = Region { areas: region.areas().iter().map(|a| a.moved(3, 2)).collect() };
            let both = region.intersection(&other);
            let mut cut = region.clone();
            cut.subtract(hole);
            prop_assert!(disjoint(&cut) && disjoint(&both));
            for y in 0..64 {
                for x in 0..64 {
                    let added = list.iter().any(|a| a.has(x, y));
                    let held = |r: &Region| r.areas().iter().any(|a| a.has(x, y));
                    prop_assert_eq!(held(&region), added);
                    prop_assert_eq!(held(&cut), added && !hole.has(x, y));
                    prop_assert_eq!(held(&both), held(&region) && held(&other));
                }
            }
        }
    }
}
