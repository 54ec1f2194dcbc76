//! Owns the place where pictures are read: whoever has a new picture shows it here, and the bench waits for its code.
//!
//! The moment of a sighting is taken where the picture is, before the waiting thread wakes. Must never keep a picture.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::clock::now;
use crate::code::{Picture, Strips};

/// Sightings kept until they are taken: a minute of scrolling on the fastest browser.
const KEPT: usize = 8192;

/// Points of a counted part that are looked at, in each direction: 144 pixels cost about a microsecond.
const GRID: u32 = 12;

/// One code, the first time it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The code in both strips.
    pub code: u16,
    /// When it was read.
    pub at: i64,
    /// The update that brought it.
    pub arrival: Option<Arrival>,
}

/// How the update of a picture arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Its id.
    pub update: u64,
    /// When it was received whole.
    pub received: i64,
    /// When it was decoded.
    pub decoded: i64,
}

/// Where pictures are read.
#[derive(Debug, Default)]
pub struct Watch {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    /// What is looked at is being painted meanwhile.
    is_live: bool,
    strips: Option<Strips>,
    latest: Option<u16>,
    sightings: VecDeque<Sighting>,
    patch: Option<Patch>,
    near: Option<Near>,
}

/// A code of its own beside what changes, wherever the page has put it.
#[derive(Debug)]
struct Near {
    strips: Strips,
    latest: Option<u16>,
    sightings: VecDeque<Sighting>,
}

impl Near {
    fn look(&mut self, picture: &Picture<'_>, arrival: Option<Arrival>) {
        let Some(code) = self.strips.read(picture).filter(|code| self.latest != Some(*code)) else { return };
        self.latest = Some(code);
        if self.sightings.len() == KEPT {
            self.sightings.pop_front();
        }
        self.sightings.push_back(Sighting { code, at: now().cast_signed(), arrival });
    }
}

/// A part of the canvas, physical pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

impl Area {
    /// One of the rows that are looked at.
    fn row(&self, row: u32) -> u32 {
        self.y + self.height * (2 * row + 1) / (2 * GRID)
    }
}

/// A part of the canvas whose changes are counted.
#[derive(Debug)]
struct Patch {
    area: Area,
    digest: u64,
    /// Seen once in what is being painted: it may be half a picture.
    unsure: Option<u64>,
    changes: u64,
}

impl Patch {
    /// Looks at points spread over the area: a film changes some of them with every picture.
    fn look(&mut self, picture: &Picture<'_>, is_live: bool) {
        let Area { x, width, .. } = self.area;
        let mut digest = 0_u64;
        for row in 0..GRID {
            for column in 0..GRID {
                let (x, y) = (x + width * (2 * column + 1) / (2 * GRID), self.area.row(row));
                let at = y as usize * picture.stride + x as usize * 4;
                let pixel = picture.pixels.get(at..at + 3).unwrap_or(&[0; 3]);
                for &channel in pixel {
                    digest = (digest.rotate_left(5) ^ u64::from(channel)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                }
            }
        }
        let is_sure = !is_live || self.unsure == Some(digest);
        self.unsure = Some(digest);
        if is_sure && digest != self.digest {
            self.digest = digest;
            self.changes += 1;
        }
    }
}

impl Watch {
    /// A watch that does not know yet where to look.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A watch that is shown a screen again and again while it is being painted.
    #[must_use]
    pub fn of_screen() -> Self {
        let watch = Self::default();
        watch.lock().is_live = true;
        watch
    }

    /// From now on codes are read here.
    pub fn aim(&self, strips: Strips) {
        let mut inner = self.lock();
        inner.strips = Some(strips);
        inner.latest = None;
    }

    /// From now on the code in this one place is read too, both of whose strips may be the same.
    pub fn aim_near(&self, strips: Strips) {
        self.lock().near = Some(Near { strips, latest: None, sightings: VecDeque::new() });
    }

    /// Takes every sighting in that place since the last ones were taken.
    pub fn take_near(&self) -> Vec<Sighting> {
        self.lock().near.as_mut().map_or_else(Vec::new, |near| near.sightings.drain(..).collect())
    }

    /// From now on the changes of this part are counted too, or no part's.
    pub fn count(&self, area: Option<Area>) {
        self.lock().patch = area.map(|area| Patch { area, digest: 0, unsure: None, changes: 0 });
    }

    /// How many pictures changed the part that is counted.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.lock().patch.as_ref().map_or(0, |patch| patch.changes)
    }

    /// Where the strips are, once they are known.
    #[must_use]
    pub fn strips(&self) -> Option<Strips> {
        self.lock().strips
    }

    /// The rows of a picture that [`look`](Self::look) reads: for whoever has to fetch them first.
    #[must_use]
    pub fn rows(&self) -> Vec<u32> {
        let inner = self.lock();
        let codes = inner.strips.iter().chain(inner.near.as_ref().map(|near| &near.strips)).flat_map(Strips::rows);
        let patch = inner.patch.iter().flat_map(|patch| (0..GRID).map(|row| patch.area.row(row)));
        codes.chain(patch).collect()
    }

    /// A picture is there. Costs some microseconds; the moment is taken after reading, so that it is never too early.
    pub fn look(&self, picture: &Picture<'_>, arrival: Option<Arrival>) {
        let mut inner = self.lock();
        let is_live = inner.is_live;
        if let Some(patch) = &mut inner.patch {
            patch.look(picture, is_live);
        }
        if let Some(near) = &mut inner.near {
            near.look(picture, arrival);
        }
        let Some(code) = inner.strips.and_then(|strips| strips.read(picture)) else { return };
        if inner.latest == Some(code) {
            return;
        }
        inner.latest = Some(code);
        if inner.sightings.len() == KEPT {
            inner.sightings.pop_front();
        }
        inner.sightings.push_back(Sighting { code, at: now().cast_signed(), arrival });
        drop(inner);
        self.changed.notify_all();
    }

    /// Waits until a code is seen; earlier sightings are forgotten.
    pub fn wait_for(&self, code: u16, patience: Duration) -> Option<Sighting> {
        let until = Instant::now() + patience;
        let mut inner = self.lock();
        loop {
            while let Some(sighting) = inner.sightings.pop_front() {
                if sighting.code == code {
                    return Some(sighting);
                }
            }
            let left = until.checked_duration_since(Instant::now())?;
            inner = self.changed.wait_timeout(inner, left).expect("no watcher panics").0;
        }
    }

    /// The code that the newest picture showed.
    #[must_use]
    pub fn latest(&self) -> Option<u16> {
        self.lock().latest
    }

    /// Takes every sighting since the last one taken or waited for.
    pub fn take(&self) -> Vec<Sighting> {
        self.lock().sightings.drain(..).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no watcher panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRIPS: Strips = Strips { left: 0, upper: 0, lower: 48, ratio: 1.0 };

    fn picture(code: u16) -> Vec<u8> {
        let mut pixels = vec![0xff_u8; 384 * 96 * 4];
        for (at, pixel) in pixels.chunks_exact_mut(4).enumerate() {
            let (x, y) = (at % 384, at / 384 % 48);
            if (code >> (15 - x / 24) & 1 == 1) != (y >= 24) {
                pixel.fill(0);
            }
        }
        pixels
    }

    fn show(watch: &Watch, code: u16) {
        let pixels = picture(code);
        watch.look(&Picture { width: 384, height: 96, stride: 384 * 4, pixels: &pixels }, None);
    }

    #[test]
    fn a_code_is_sighted_once() {
        let watch = Watch::new();
        watch.aim(STRIPS);
        for code in [7, 7, 8, 8, 8] {
            show(&watch, code);
        }
        assert_eq!(watch.take().iter().map(|sighting| sighting.code).collect::<Vec<_>>(), [7, 8]);
    }

    #[test]
    fn a_waiting_thread_wakes_when_the_code_comes() {
        let watch = Watch::new();
        watch.aim(STRIPS);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                show(&watch, 3);
                show(&watch, 4);
            });
            assert!(watch.wait_for(4, Duration::from_secs(20)).is_some());
        });
        assert!(watch.wait_for(5, Duration::ZERO).is_none());
    }

    #[test]
    fn a_code_in_a_place_of_its_own_is_sighted_apart() {
        let watch = Watch::new();
        watch.aim_near(Strips { lower: 0, ..STRIPS });
        for code in [7, 7, 8] {
            show(&watch, code);
        }
        assert_eq!(watch.take_near().iter().map(|sighting| sighting.code).collect::<Vec<_>>(), [7, 8]);
        assert!(watch.take_near().is_empty() && watch.take().is_empty());
    }

    #[test]
    fn pictures_that_change_a_part_are_counted_and_others_are_not() {
        let watch = Watch::new();
        let area = Area { x: 0, y: 0, width: 384, height: 48 };
        show(&watch, 1);
        watch.count(Some(area));
        for code in [1, 1, 2, 3, 3] {
            show(&watch, code);
        }
        assert_eq!(watch.changes(), 3);
        // A part that the canvas does not have never changes.
        watch.count(Some(Area { y: 4000, ..area }));
        show(&watch, 4);
        show(&watch, 5);
        assert_eq!(watch.changes(), 0);
    }

    #[test]
    fn half_a_picture_on_a_screen_is_no_change() {
        let watch = Watch::of_screen();
        watch.count(Some(Area { x: 0, y: 0, width: 384, height: 48 }));
        for code in [1, 1, 2, 3, 3, 3, 4, 4] {
            show(&watch, code);
        }
        assert_eq!(watch.changes(), 3);
    }

    #[test]
    fn nothing_is_read_before_the_strips_are_found() {
        let watch = Watch::new();
        show(&watch, 3);
        assert!(watch.take().is_empty());
    }
}
