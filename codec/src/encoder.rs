//! The host's end: a canvas and its damage in, one update's payload out.
//!
//! Owns the shadow, which is what the viewer will hold, and the order of the steps: prune, copy, then what is near pointer and
//! caret, text, photographs, video, and at last refinement.
//! It must never queue: what is not sent stays visible as a difference between frame and shadow or as a lossy mark.

use crate::canvas::Canvas;
use crate::damage::{UNIT_HEIGHT, UNIT_WIDTH, Units, unit_rect};
use crate::error::EncodeError;
use crate::focus::Focus;
use crate::geometry::{Budget, Frame, Rect, Time};
use crate::motion::{Copy, Scene, Search};
use crate::refine::{self, Mask};
use crate::regions::{Change, Regions};
use crate::simd::Level;
use crate::tile::{Coder, Mode};
use crate::update::{self, kind};

/// How an encoder works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whether the viewer decodes H.264. If not, everything goes as exact tiles.
    pub h264: bool,
    /// Instruction set of the hot path; [`Level::detect`] unless something is measured.
    pub level: Level,
}

impl Default for Config {
    fn default() -> Self {
        Self { h264: true, level: Level::detect() }
    }
}

/// What one call of [`Encoder::encode`] made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Nothing changed: nothing was appended, nothing is to be sent.
    pub empty: bool,
    /// This was a part: call [`Encoder::encode`] again for the rest, with what was damaged meanwhile, if anything was.
    pub more: bool,
    /// All that is left is a film: what was sent is a picture of its own, and worth showing before the rest.
    pub film_left: bool,
    /// The viewer's canvas starts anew with this update.
    pub complete: bool,
    /// What the update consists of.
    pub stats: Stats,
}

/// Counts of one update, for traces and benchmarks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes appended.
    pub bytes: usize,
    /// Pixels moved by Copy operations.
    pub copied: u64,
    /// Pixels sent as exact tiles, refinement included.
    pub exact: u64,
    /// Pixels painted by video.
    pub video: u64,
    /// Pixels of the exact ones that replaced lossy ones.
    pub refined: u64,
}

/// Turns damage into updates. One per canvas; a pure state machine, time is an argument.
#[derive(Debug)]
pub struct Encoder {
    config: Config,
    /// What the viewer holds.
    shadow: Canvas,
    /// Where the viewer holds it only approximately.
    lossy: Mask,
    units: Units,
    search: Search,
    copies: Vec<Copy>,
    regions: Regions,
    focus: Focus,
    /// Since when video waits for text that goes first; `None`: none waits.
    video_since: Option<Time>,
    /// Some of what is marked could not be sent yet.
    waits: bool,
    refining: bool,
    /// Text goes alone where a film changed too.
    text_alone: bool,
    coder: Coder,
    rects: Vec<Rect>,
    needs_complete: bool,
}

impl Encoder {
    /// An encoder whose first update will be a complete one.
    ///
    /// # Errors
    /// If the compression library cannot be set up.
    pub fn new(config: Config) -> Result<Self, EncodeError> {
        Ok(Self {
            config,
            shadow: Canvas::default(),
            lossy: Mask::default(),
            units: Units::default(),
            search: Search::default(),
            copies: Vec::with_capacity(LISTED),
            regions: Regions::default(),
            focus: Focus::default(),
            video_since: None,
            waits: false,
            refining: true,
            text_alone: false,
            coder: Coder::new(config.level)?,
            rects: Vec::with_capacity(LISTED),
            needs_complete: true,
        })
    }

    /// The viewer lost its picture: the next update will be a complete one.
    pub fn repaint(&mut self) {
        self.needs_complete = true;
    }

    /// Where the user is likely to look, in canvas pixels: at the pointer and at the caret. Of a large change what is near
    /// goes first.
    pub fn look_at(&mut self, pointer: Option<Rect>, caret: Option<Rect>) {
        self.focus = Focus::around([pointer, caret]);
    }

    /// Whether updates may refine from now on, as they may at first. Not behind a first picture that has not arrived yet, for
    /// example: nobody waits for refinement, and everybody for what comes after it.
    pub fn set_refining(&mut self, refining: bool) {
        self.refining = refining;
    }

    /// Whether text that changed together with a film goes alone from now on, so that it waits neither for the film's encoding
    /// nor for its bytes. The film is the rest then, and goes before any text once it has waited for long.
    pub fn set_text_alone(&mut self, alone: bool) {
        self.text_alone = alone;
    }

    /// Whether the viewer's canvas, once every update is applied, equals the last frame bit for bit.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.needs_complete && self.units.is_untouched() && self.lossy.is_empty()
    }

    /// When [`Encoder::encode`] wants to be called again with empty damage to refine; `None` when all is exact.
    #[must_use]
    pub fn refine_at(&self) -> Option<Time> {
        self.lossy.due()
    }

    /// Whether the viewer holds this pixel exactly as the last frame has it, once every part is sent. For tests and
    /// measurements.
    #[must_use]
    pub fn is_pixel_exact(&self, x: u32, y: u32) -> bool {
        !self.lossy.touches(Rect { x, y, width: 1, height: 1 })
    }

    /// Appends one update's payload to `out`. `damage` may over-report but must hold every pixel that changed since the
    /// last call; parts outside the frame are ignored. A new size and [`Encoder::repaint`] make it a complete update,
    /// whatever the damage.
    ///
    /// A large change comes in parts ([`Outcome::more`]), so that it can be sent and decoded while the rest is encoded, and
    /// so that a key pressed meanwhile need not wait for all of it. The frame may be another one for the next part.
    ///
    /// # Errors
    /// If the frame is malformed; then nothing is appended and the encoder is as before.
    pub fn encode(
        &mut self,
        frame: Frame<'_>,
        damage: &[Rect],
        budget: Budget,
        now: Time,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, EncodeError> {
        if !frame.is_well_formed() {
            return Err(EncodeError::BadFrame);
        }
        let start = out.len();
        let mut stats = Stats::default();
        let complete = self.needs_complete || frame.size != self.shadow.size();
        update::header(out, complete, frame.size);
        if complete {
            self.begin(frame);
        } else if !damage.is_empty() {
            self.prune(&frame, damage, &mut stats, out);
        }
        // What waits as the rest of an earlier change was looked at then, and had its budget.
        let fresh = complete || !damage.is_empty();
        let mut may_refine = self.refining;
        let (mut more, mut film_left) = (false, false);
        if !self.units.is_untouched() {
            may_refine &= fresh;
            if fresh && self.units.count(CLASSIFY_FROM) >= CLASSIFY_FROM {
                let change = Change { frame: &frame, units: &self.units, waiting: self.waits };
                let moves = self.regions.classify(self.config.level, &change, budget.bytes, now, self.config.h264);
                self.video_since = moves.then(|| self.video_since.unwrap_or(now));
            }
            if self.video_since.is_some_and(|since| now.since(since) >= VIDEO_PATIENCE_MICROS) {
                self.video(&frame, budget, now, start, &mut stats, out);
            }
            more = self.exact(&frame, budget, now, start, &mut stats, out);
            if !more && self.video_since.is_some() {
                let full = self.text_alone || out.len() - start >= budget.bytes;
                more = stats.exact > 0 && full && self.units.count(1) > 0;
                film_left = more;
                if !more {
                    self.video(&frame, budget, now, start, &mut stats, out);
                    // What could not go as video.
                    more = self.exact(&frame, budget, now, start, &mut stats, out);
                }
            }
        }
        self.waits = more;
        if !more {
            self.units.clear();
            self.search.settled();
            if may_refine && !self.lossy.is_empty() {
                self.refine(&frame, budget, now, start, &mut stats, out);
            }
        }
        let empty = !complete && out.len() == start + update::HEADER_BYTES;
        if empty {
            out.truncate(start);
        } else {
            self.regions.retire(now, out);
        }
        stats.bytes = out.len() - start;
        Ok(Outcome { empty, more, film_left, complete, stats })
    }

    /// Starts over: the viewer's canvas will be new, and all of the frame is sent.
    fn begin(&mut self, frame: Frame<'_>) {
        if frame.size != self.shadow.size() {
            self.shadow.reset(frame.size);
            self.units.reset(frame.size);
            self.search.reset(frame.size);
        }
        self.lossy.reset(frame.size);
        self.regions.reset(frame.size);
        (self.video_since, self.waits) = (None, false);
        self.coder.reset();
        self.units.mark_all();
        // The viewer holds black where the shadow may hold an old picture, until every part is sent.
        self.search.hold();
        self.needs_complete = false;
    }

    /// Finds what really changed within the damage, and moves what only moved.
    fn prune(&mut self, frame: &Frame<'_>, damage: &[Rect], stats: &mut Stats, out: &mut Vec<u8>) {
        let scene = &mut Scene {
            level: self.config.level,
            frame,
            shadow: &mut self.shadow,
            units: &mut self.units,
            lossy: &self.lossy,
        };
        self.search.follow(scene, damage, &mut self.copies);
        for copy in &self.copies {
            out.push(kind::COPY);
            update::rect(out, copy.to);
            update::signed(out, copy.by.dx);
            update::signed(out, copy.by.dy);
            stats.copied += copy.to.area();
            // What the copy painted is exact now, because its source was.
            self.lossy.cover(copy.to);
        }
    }

    /// Sends moving pictures as video and takes their marks away.
    fn video(
        &mut self,
        frame: &Frame<'_>,
        budget: Budget,
        now: Time,
        start: usize,
        stats: &mut Stats,
        out: &mut Vec<u8>,
    ) {
        self.video_since = None;
        self.regions.forget_done(&self.units);
        // What the text of the same part left, but enough that something can be seen.
        let left = budget.bytes.saturating_sub(out.len() - start).max(budget.bytes / 4);
        let (shadow, lossy, units) = (&mut self.shadow, &mut self.lossy, &mut self.units);
        stats.video += self.regions.send(self.config.level, frame, left, now, out, |painted| {
            shadow.take(frame, painted);
            lossy.paint(painted, now);
            units.unmark_in(painted);
        });
    }

    /// Sends marked units exactly, as many as one part may have, and takes their marks away; not those that wait to go as
    /// video. Whether others are left.
    fn exact(
        &mut self,
        frame: &Frame<'_>,
        budget: Budget,
        now: Time,
        start: usize,
        stats: &mut Stats,
        out: &mut Vec<u8>,
    ) -> bool {
        let (photos, video) = (self.regions.has_photos(), self.video_since.is_some());
        let size = self.shadow.size();
        let near = self.focus.is_on(size) && self.units.count(ORDER_FROM) >= ORDER_FROM;
        let bytes = budget.bytes as u64;
        let (mut room, mut more) = (PART_PIXELS, false);
        'passes: for pass in [Pass::Near, Pass::Text, Pass::Photos] {
            let (regions, focus) = (&self.regions, &self.focus);
            let is_text = |c, b| !(photos && regions.is_photo(c, b) || video && regions.is_video(c, b));
            self.rects.clear();
            match pass {
                Pass::Near if !near => {}
                Pass::Near => {
                    self.units.rects(|c, b| focus.is_near(unit_rect(c, b, size)) && is_text(c, b), &mut self.rects)
                }
                Pass::Text => self.units.rects(is_text, &mut self.rects),
                Pass::Photos if !photos => {}
                Pass::Photos => self
                    .units
                    .rects(|c, b| !(video && regions.is_video(c, b)) && regions.is_photo(c, b), &mut self.rects),
            }
            let (mode, slice) = match pass {
                Pass::Near | Pass::Text => (Mode::Screen, bytes.saturating_mul(SLICE_PIXELS_PER_BYTE)),
                Pass::Photos => (Mode::Photo, bytes / 2),
            };
            for whole in &self.rects {
                let mut rest = *whole;
                let slice = slice.max(u64::from(rest.width * UNIT_HEIGHT));
                while !rest.is_empty() {
                    let first = room == PART_PIXELS;
                    let full = !first && out.len() - start + self.coder.pending() / 2 >= budget.bytes;
                    let rect = if full { Rect::default() } else { part(rest, room.min(slice), first) };
                    if rect.is_empty() {
                        more = true;
                        break 'passes;
                    }
                    self.coder.add(frame, &mut self.shadow, rect, mode, out);
                    self.units.unmark_in(rect);
                    room = room.saturating_sub(rect.area());
                    stats.exact += rect.area();
                    if !self.lossy.is_empty() {
                        self.lossy.cover(rect);
                        self.lossy.touch(rect, now);
                    }
                    rest = Rect::between(rest.x, rect.bottom(), rest.right(), rest.bottom());
                }
            }
        }
        self.coder.finish(out);
        // Rectangles may overlap: the last ones' marks may have gone with earlier ones.
        more && self.units.count(1) > 0
    }

    /// Makes rested lossy pixels exact, as far as the budget and one update's share of time go: near pointer and caret first,
    /// then text, then photographs.
    fn refine(
        &mut self,
        frame: &Frame<'_>,
        budget: Budget,
        now: Time,
        start: usize,
        stats: &mut Stats,
        out: &mut Vec<u8>,
    ) {
        let size = self.shadow.size();
        let (regions, focus) = (&self.regions, self.focus);
        let is_photo = |unit: (usize, usize)| regions.is_photo(unit.0, unit.1);
        // A run must not be much heavier than the budget, also if it is a photograph.
        let most = (budget.bytes / REFINED_UNIT_BYTES).max(1);
        'passes: for pass in [Pass::Near, Pass::Text, Pass::Photos] {
            let wanted = |unit: (usize, usize)| match pass {
                Pass::Near => focus.is_near(unit_rect(unit.0, unit.1, size)),
                Pass::Text => !is_photo(unit),
                Pass::Photos => true,
            };
            if pass == Pass::Near && !focus.is_on(size) {
                continue;
            }
            let mut at = 0;
            while let Some((rect, next)) = self.lossy.next_rested(at, most, now, wanted) {
                let weight = out.len() - start + self.coder.pending() / 2;
                if stats.refined > 0 && (weight >= budget.bytes || stats.refined >= refine::MAX_PIXELS) {
                    break 'passes;
                }
                if stats.refined == 0 && weight >= budget.bytes && stats.exact + stats.video > 0 {
                    break 'passes;
                }
                let photo = is_photo(((rect.x / UNIT_WIDTH) as usize, (rect.y / UNIT_HEIGHT) as usize));
                let mode = if photo { Mode::Photo } else { Mode::Screen };
                self.coder.add(frame, &mut self.shadow, rect, mode, out);
                self.lossy.cover(rect);
                stats.refined += rect.area();
                stats.exact += rect.area();
                at = next;
            }
        }
        self.coder.finish(out);
    }
}

/// What goes in turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Text near pointer and caret.
    Near,
    Text,
    Photos,
}

/// Rectangles and copies that the lists have room for from the beginning.
const LISTED: usize = 1024;

/// Fewer changed units than this are never looked at as a film: a block of video has eight.
const CLASSIFY_FROM: usize = 8;

/// About how many exact pixels one part of a large change has: a key pressed meanwhile waits two or three milliseconds, and
/// a whole 1080p page has eight parts, each of which is decoded while the next is encoded.
const PART_PIXELS: u64 = 1 << 18;

/// Of fewer changed units than this all goes together anyway.
const ORDER_FROM: usize = 256;

/// Text goes in slices of so many pixels per byte of the budget, so that a part does not outweigh a small one: text takes an
/// eighth of a byte per pixel, crowded text a quarter, and photographs more than one.
const SLICE_PIXELS_PER_BYTE: u64 = 4;

/// About what a refined unit of a photograph takes.
const REFINED_UNIT_BYTES: usize = 768;

/// Video that has waited for text for so long goes first: on a slow link text may come without end.
const VIDEO_PATIENCE_MICROS: u64 = 150_000;

/// The upper part of a rectangle with at most `room` pixels, cut between units; the first part of an update is never empty.
fn part(whole: Rect, room: u64, first: bool) -> Rect {
    if whole.area() <= room {
        return whole;
    }
    let lines = (room / u64::from(whole.width.max(1))) as u32;
    let cut = (whole.y + lines) / UNIT_HEIGHT * UNIT_HEIGHT;
    let least = if first { (whole.y / UNIT_HEIGHT + 1) * UNIT_HEIGHT } else { whole.y };
    Rect { height: cut.max(least).min(whole.bottom()) - whole.y, ..whole }
}
