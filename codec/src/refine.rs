//! Which pixels the viewer has only approximately, and when they may become exact.
//!
//! Lossy video leaves marks, one per unit, with the time of the last paint. A unit that has rested is refined: sent again
//! as exact tiles. Owns the marks; of what the encoder wants next they give the uppermost.
//! It must never delay fresh damage: the encoder asks it only for what is left of a budget.

use crate::damage::{UNIT_HEIGHT, UNIT_WIDTH, unit_rect};
use crate::geometry::{Rect, Size, Time};

/// How long a lossy unit must be unchanged before it is refined. Longer than the pause between two frames of a slow film
/// (12 per second), short enough that the picture is exact within 200 ms of its rest.
pub(crate) const REST_MICROS: u64 = 100_000;

/// Most pixels that one update refines, so that a key pressed meanwhile waits at most about two milliseconds.
pub(crate) const MAX_PIXELS: u64 = 1 << 18;

/// The lossy units of a canvas.
#[derive(Debug, Default)]
pub(crate) struct Mask {
    size: Size,
    columns: usize,
    /// Per unit: when it was last painted lossily, or `None` if the viewer has it exactly.
    painted: Vec<Option<Time>>,
    marked: usize,
}

impl Mask {
    /// Nothing lossy on a canvas of this size.
    pub(crate) fn reset(&mut self, size: Size) {
        self.size = size;
        self.columns = size.width.div_ceil(UNIT_WIDTH) as usize;
        self.painted.clear();
        self.painted.resize(self.columns * size.height.div_ceil(UNIT_HEIGHT) as usize, None);
        self.marked = 0;
    }

    /// Whether every pixel is exact.
    pub(crate) fn is_empty(&self) -> bool {
        self.marked == 0
    }

    /// Whether a rectangle inside the canvas touches a lossy unit.
    pub(crate) fn touches(&self, rect: Rect) -> bool {
        self.units(rect).any(|unit| self.painted[unit].is_some())
    }

    /// Marks every unit that a rectangle touches.
    pub(crate) fn paint(&mut self, rect: Rect, now: Time) {
        for unit in self.units(rect) {
            self.marked += usize::from(self.painted[unit].replace(now).is_none());
        }
    }

    /// Notes that lossy units changed: they have to rest anew. Exact ones stay exact.
    pub(crate) fn touch(&mut self, rect: Rect, now: Time) {
        for unit in self.units(rect) {
            if let Some(time) = &mut self.painted[unit] {
                *time = now;
            }
        }
    }

    /// Takes the marks of the units that a rectangle covers whole.
    pub(crate) fn cover(&mut self, rect: Rect) {
        for unit in self.units(rect) {
            let (column, band) = (unit % self.columns, unit / self.columns);
            if self.painted[unit].is_some() && rect.contains(unit_rect(column, band, self.size)) {
                self.painted[unit] = None;
                self.marked -= 1;
            }
        }
    }

    /// When the first lossy unit will have rested.
    pub(crate) fn due(&self) -> Option<Time> {
        if self.is_empty() {
            return None;
        }
        self.painted.iter().flatten().min().map(|t| t.plus(REST_MICROS))
    }

    /// The next run of rested and wanted units (column, band) in a band from `from` on, at most `most` of them: its rectangle
    /// and where to go on.
    pub(crate) fn next_rested(
        &self,
        from: usize,
        most: usize,
        now: Time,
        wanted: impl Fn((usize, usize)) -> bool,
    ) -> Option<(Rect, usize)> {
        let rested = |unit: usize| {
            self.painted[unit].is_some_and(|t| now >= t.plus(REST_MICROS))
                && wanted((unit % self.columns, unit / self.columns))
        };
        let first = (from..self.painted.len()).find(|unit| rested(*unit))?;
        let end = ((first / self.columns + 1) * self.columns).min(first + most);
        let past = (first..end).find(|unit| !rested(*unit)).unwrap_or(end);
        let (band, left, right) = (first / self.columns, first % self.columns, (past - 1) % self.columns);
        Some((unit_rect(left, band, self.size).union(unit_rect(right, band, self.size)), past))
    }

    /// Indices of the units that a rectangle touches; the rectangle must be inside the canvas.
    fn units(&self, rect: Rect) -> impl Iterator<Item = usize> + use<> {
        let columns = self.columns;
        let across = (rect.x / UNIT_WIDTH) as usize..rect.right().div_ceil(UNIT_WIDTH) as usize;
        let down = (rect.y / UNIT_HEIGHT) as usize..rect.bottom().div_ceil(UNIT_HEIGHT) as usize;
        down.flat_map(move |band| across.clone().map(move |column| band * columns + column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_refined_only_after_it_rested() {
        let mut mask = Mask::default();
        mask.reset(Size { width: 200, height: 20 });
        mask.paint(Rect { x: 70, y: 9, width: 1, height: 1 }, Time(1_000));
        assert_eq!(mask.due(), Some(Time(101_000)));
        let next = |mask: &Mask, now| mask.next_rested(0, 9, Time(now), |_| true).map(|n| n.0);
        assert_eq!(next(&mask, 100_999), None);
        let unit = Rect { x: 64, y: 8, width: 64, height: 8 };
        assert_eq!(next(&mask, 101_000), Some(unit));
        mask.cover(Rect { x: 64, y: 8, width: 63, height: 8 });
        assert!(!mask.is_empty());
        mask.cover(unit);
        assert!(mask.is_empty());
        assert_eq!(mask.due(), None);
    }
}
