//! What on the canvas is a moving picture, and which streams carry it.
//!
//! The canvas is cut into blocks of 64x64 pixels. A block that keeps changing, or whose exact pixels exceed the budget, and that looks
//! like a photograph (most pixels equal neither neighbour) becomes video and stays it until it rests. Streams cover
//! groups of such blocks and are sticky, because a new stream begins with a heavy picture.
//! What changes without rest, a fade or a zoom, becomes video whatever it looks like where exact pixels exceed the budget.
//! Owns the classification and the streams. It must never make something lossy because it waits or is heavy alone: what
//! neither looks like a photograph nor keeps changing is not video.

use crate::damage::{UNIT_HEIGHT, UNIT_WIDTH, Units, unit_rect};
use crate::geometry::{Frame, Rect, Size, Time};
use crate::rate::Control;
use crate::simd::Level;
use crate::update::{kind, rect as write_rect, varint};
use crate::video::{ALIGN, MAX_PAINTS, MAX_STREAMS, Sender};

/// Side of a block in pixels: one unit across, eight units down.
const BLOCK: u32 = 64;

/// Units down a block.
const BANDS: usize = (BLOCK / UNIT_HEIGHT) as usize;

/// A block counts as changed if this many of its units are.
const MIN_UNITS: u8 = 2;

/// Changes in a row (each within [`STILL_MICROS`] of the last) that make a photograph a film.
const HOT: u8 = 3;

/// Changes in a row that make anything a film where its exact pixels exceed the budget: nobody reads what keeps
/// changing.
const HOT_WHATEVER: u8 = 6;

/// So many quarters of a block's units change in a fade; a line of text has two or three of eight.
const RESTLESS_QUARTERS: u32 = 3;

/// A block that did not change for so long is no film any more. Longer than the pauses of an animation of 5 frames a second.
const STILL_MICROS: u64 = 250_000;

/// A stream without a change for so long is given up, with its memory.
const IDLE_MICROS: u64 = 2_000_000;

/// Films whose exact pixels weigh less than this per frame stay exact: a small spinner.
const SMALL_BYTES: usize = 6 << 10;

/// At least this share of a block's sampled pixels, in 256ths, equals neither neighbour in a photograph; text has 40 to 70, film above 180.
const PHOTO_SHARE: u32 = 115;

/// The same for a block in the midst of a film, where it is a dark or blurred part of that rather than text: as exact pixels
/// such blocks cost more than all of the film.
const PHOTO_SHARE_IN_FILM: u32 = 80;

/// Fewer changed units of a block that is in no film say nothing: two lines of bold text may look like a photograph.
const PHOTO_UNITS: u8 = 4;

/// The share of lone pixels that makes a block with few changed units the edge of the photograph beside it: more than the
/// boldest text has.
const EDGE_SHARE: u32 = 150;

/// Bytes of an exact pixel in a photograph, and of a lone pixel in text, in 16ths; measured on film and on text pages.
const PHOTO_PIXEL: usize = 24;
const TEXT_PIXEL: usize = 10;

#[derive(Clone, Copy, Debug, Default)]
struct Block {
    /// Units changed in this frame, how many of them did not only wait, and of how many sampled pixels how many were lone.
    units: u8,
    fresh: u8,
    /// One bit for each of its rows of units that changed.
    bands: u8,
    sampled: u16,
    lone: u16,
    /// Changes in a row.
    heat: u8,
    changed: Time,
    photo: bool,
    video: bool,
}

impl Block {
    /// Whether so many 256ths of its pixels equal neither neighbour.
    fn looks_photographic(&self, share: u32) -> bool {
        self.sampled > 0 && u32::from(self.lone) * 256 >= share * u32::from(self.sampled)
    }

    /// Whether nearly all of it keeps changing and it is no photograph: a fade, a zoom. Somebody who types changes less of it.
    fn is_restless(&self, place: Rect) -> bool {
        let most = u32::from(self.units) * 4 >= RESTLESS_QUARTERS * place.height.div_ceil(UNIT_HEIGHT);
        self.heat >= HOT_WHATEVER && most && !self.photo
    }

    /// Estimated bytes of its exact pixels that changed.
    fn bytes(&self) -> usize {
        let pixel = if self.photo { PHOTO_PIXEL } else { TEXT_PIXEL };
        usize::from(self.lone) * 8 * pixel / 16
    }
}

#[derive(Debug)]
struct Stream {
    sender: Sender,
    control: Control,
    used: Time,
    /// The viewer knows it.
    begun: bool,
}

/// What [`Regions::classify`] looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    pub(crate) frame: &'a Frame<'a>,
    /// What of it the viewer does not hold.
    pub(crate) units: &'a Units,
    /// Some of that may be older and could not be sent yet.
    pub(crate) waiting: bool,
}

/// The blocks and streams of one canvas.
#[derive(Debug, Default)]
pub(crate) struct Regions {
    size: Size,
    columns: usize,
    rows: usize,
    blocks: Vec<Block>,
    touched: Vec<usize>,
    /// Per unit: the fingerprint of its sampled line when it was last marked.
    fingerprints: Vec<u32>,
    /// Blocks that looked like a photograph when they last changed.
    photos: usize,
    streams: [Option<Stream>; MAX_STREAMS],
    /// The library failed once: no more video on this canvas.
    broken: bool,
    groups: Vec<Rect>,
    paints: Vec<Rect>,
    unit: Vec<u8>,
}

impl Regions {
    /// Starts over for a canvas of this size. The viewer forgets its streams with its canvas.
    pub(crate) fn reset(&mut self, size: Size) {
        self.size = size;
        self.columns = size.width.div_ceil(BLOCK) as usize;
        self.rows = size.height.div_ceil(BLOCK) as usize;
        self.blocks.clear();
        self.blocks.resize(self.columns * self.rows, Block::default());
        self.fingerprints.clear();
        self.fingerprints
            .resize(size.width.div_ceil(UNIT_WIDTH) as usize * size.height.div_ceil(UNIT_HEIGHT) as usize, 0);
        self.touched.clear();
        self.touched.reserve(self.blocks.len());
        self.paints.reserve(self.blocks.len());
        self.groups.reserve(self.blocks.len());
        self.streams = Default::default();
        self.photos = 0;
    }

    /// Whether the block of this unit looks like a photograph.
    pub(crate) fn is_photo(&self, column: usize, band: usize) -> bool {
        self.blocks[band / BANDS * self.columns + column].photo
    }

    /// Whether any block may look like one.
    pub(crate) fn has_photos(&self) -> bool {
        self.photos > 0
    }

    /// Whether the block of this unit goes as video with what changed last.
    pub(crate) fn is_video(&self, column: usize, band: usize) -> bool {
        let block = &self.blocks[band / BANDS * self.columns + column];
        block.video && block.units > 0
    }

    /// Looks at what changed and decides which blocks are video. Whether any is.
    pub(crate) fn classify(&mut self, level: Level, change: &Change<'_>, budget: usize, now: Time, h264: bool) -> bool {
        let Change { frame, units, waiting } = *change;
        for at in self.touched.drain(..) {
            let block = &mut self.blocks[at];
            (block.units, block.fresh, block.bands) = (0, 0, 0);
            (block.sampled, block.lone) = (0, 0);
        }
        let (blocks, touched, columns, size) = (&mut self.blocks, &mut self.touched, self.columns, self.size);
        let fingerprints = &mut self.fingerprints;
        units.for_each_marked(|column, band| {
            let at = band / BANDS * columns + column;
            let block = &mut blocks[at];
            if block.units == 0 {
                touched.push(at);
            }
            block.units += 1;
            block.bands |= 1 << (band % BANDS);
            let (sampled, lone, fingerprint) = sample(level, frame, unit_rect(column, band, size));
            let seen = std::mem::replace(&mut fingerprints[band * columns + column], fingerprint);
            // What only waits does not move.
            block.fresh += u8::from(!waiting || seen != fingerprint);
            block.sampled += sampled;
            block.lone += lone;
        });
        let (mut estimate, mut candidates, mut restless) = (0, 0, 0);
        let films: [Rect; MAX_STREAMS] = std::array::from_fn(|i| {
            let plays = self.streams[i].as_ref().filter(|s| now.since(s.used) <= STILL_MICROS);
            plays.map_or(Rect::default(), |s| s.sender.area())
        });
        for &at in &self.touched {
            let place = self.block_rect(at);
            let block = &mut self.blocks[at];
            if now.since(block.changed) > STILL_MICROS {
                (block.heat, block.video) = (0, false);
            }
            // It has to change as the film does: text that comes over a film is text.
            let in_film = block.heat >= HOT && films.iter().any(|film| film.contains(place));
            let share = if in_film { PHOTO_SHARE_IN_FILM } else { PHOTO_SHARE };
            let photo = (block.units >= PHOTO_UNITS || block.video || in_film) && block.looks_photographic(share);
            self.photos = self.photos + usize::from(photo) - usize::from(block.photo);
            block.photo = photo;
            if block.fresh >= MIN_UNITS {
                block.heat = block.heat.saturating_add(1);
                block.changed = now;
            }
            estimate += block.bytes();
            if block.video || (block.photo && block.heat >= HOT) {
                candidates += block.bytes();
            }
            if block.is_restless(place) {
                restless += block.bytes();
            }
        }
        estimate += self.frame_photographs();
        if !h264 || self.broken {
            return false;
        }
        let heavy = estimate > budget;
        let moving = candidates >= SMALL_BYTES || candidates > budget / 2;
        let mut any = false;
        for &at in &self.touched {
            let place = self.block_rect(at);
            let block = &mut self.blocks[at];
            block.video |= block.photo && (heavy || (moving && block.heat >= HOT));
            block.video |= restless > budget && block.is_restless(place);
            any |= block.video;
        }
        any
    }

    /// Makes blocks photographs too of which a photograph beside them covers only some lines. Gives the bytes that this adds to
    /// the estimate.
    fn frame_photographs(&mut self) -> usize {
        let (columns, mut added) = (self.columns, 0);
        for i in 0..self.touched.len() {
            let at = self.touched[i];
            let block = &self.blocks[at];
            if block.photo || block.units >= PHOTO_UNITS || !block.looks_photographic(EDGE_SHARE) {
                continue;
            }
            let is_core = |at: usize| {
                let other = self.blocks.get(at);
                other.is_some_and(|other| other.photo && other.units >= PHOTO_UNITS)
            };
            let column = at % columns;
            let beside = (column > 0 && is_core(at - 1)) || (column + 1 < columns && is_core(at + 1));
            if beside || (at >= columns && is_core(at - columns)) || is_core(at + columns) {
                let before = block.bytes();
                self.blocks[at].photo = true;
                self.photos += 1;
                added += self.blocks[at].bytes() - before;
            }
        }
        added
    }

    /// Forgets what changed in blocks of which nothing is marked any more: it went another way.
    pub(crate) fn forget_done(&mut self, units: &Units) {
        for i in 0..self.touched.len() {
            let at = self.touched[i];
            if self.blocks[at].units > 0 && units.count_in(self.block_rect(at), 1) == 0 {
                self.blocks[at].units = 0;
            }
        }
    }

    /// Sends the video blocks that changed, with about `budget` bytes. Calls `painted` for each rectangle that the viewer paints with it; gives the
    /// number of pixels painted. Blocks that could not be sent are no video any more.
    pub(crate) fn send(
        &mut self,
        level: Level,
        frame: &Frame<'_>,
        budget: usize,
        now: Time,
        out: &mut Vec<u8>,
        mut painted: impl FnMut(Rect),
    ) -> u64 {
        if !self.is_carried() {
            self.arrange(budget, now, out);
        }
        let mut pixels = 0;
        let active = self.streams.iter().flatten().count().max(1);
        for index in 0..MAX_STREAMS {
            let Some(stream) = &self.streams[index] else { continue };
            let area = stream.sender.area();
            self.collect_paints(area);
            if self.paints.is_empty() {
                continue;
            }
            let Some(stream) = &mut self.streams[index] else { continue };
            let target = budget / active;
            self.unit.clear();
            if stream.sender.send(level, frame, stream.control.qp(), &mut self.unit).is_err() {
                self.give_up();
                return pixels;
            }
            stream.control.weighed(self.unit.len(), target);
            stream.used = now;
            out.extend_from_slice(&[kind::VIDEO, index as u8, u8::from(!stream.begun)]);
            if !stream.begun {
                write_rect(out, area);
                stream.begun = true;
            }
            varint(out, self.paints.len() as u32);
            for paint in &self.paints {
                write_rect(out, *paint);
                painted(*paint);
                pixels += paint.area();
            }
            varint(out, self.unit.len() as u32);
            out.extend_from_slice(&self.unit);
        }
        pixels
    }

    /// Gives up streams that were not used for long. Their end goes with the next update, so this appends only if `out` is one already.
    pub(crate) fn retire(&mut self, now: Time, out: &mut Vec<u8>) {
        for (index, slot) in self.streams.iter_mut().enumerate() {
            if slot.as_ref().is_some_and(|s| now.since(s.used) > IDLE_MICROS) {
                end(index, slot, out);
            }
        }
    }

    /// Whether every changed video block lies in a stream's region.
    fn is_carried(&self) -> bool {
        self.touched.iter().filter(|at| self.blocks[**at].video).all(|at| {
            let block = self.block_rect(*at);
            self.streams.iter().flatten().any(|s| s.sender.area().contains(block))
        })
    }

    /// Chooses regions anew around all blocks that are video now, and begins and ends streams to match.
    fn arrange(&mut self, budget: usize, now: Time, out: &mut Vec<u8>) {
        self.groups.clear();
        for at in 0..self.blocks.len() {
            let block = &self.blocks[at];
            // What waits for the link may have changed long ago.
            if block.video && (block.units > 0 || now.since(block.changed) <= STILL_MICROS) {
                let block = self.block_rect(at);
                join(&mut self.groups, block);
            }
        }
        while self.groups.len() > MAX_STREAMS {
            merge_closest(&mut self.groups);
        }
        let canvas = Rect {
            width: self.size.width.next_multiple_of(ALIGN),
            height: self.size.height.next_multiple_of(ALIGN),
            ..Rect::default()
        };
        // A stream stays if it carries a group and is not much larger.
        let mut kept = [false; MAX_STREAMS];
        self.groups.retain(|group| {
            let fits = |s: &Stream| s.sender.area().contains(*group) && s.sender.area().area() <= 3 * group.area();
            match self.streams.iter().position(|s| s.as_ref().is_some_and(fits)) {
                Some(index) => {
                    kept[index] = true;
                    false
                }
                None => true,
            }
        });
        for (index, slot) in self.streams.iter_mut().enumerate() {
            if kept[index] {
                continue;
            }
            end(index, slot, out);
            let Some(group) = self.groups.pop() else { continue };
            let right = group.right().next_multiple_of(ALIGN).min(canvas.right());
            let bottom = group.bottom().next_multiple_of(ALIGN).min(canvas.bottom());
            let area = Rect::between(group.x, group.y, right, bottom);
            let control = Control::new(area.area(), budget);
            match Sender::new(area, control.qp()) {
                Ok(sender) => *slot = Some(Stream { sender, control, used: now, begun: false }),
                Err(_) => {
                    self.broken = true;
                    break;
                }
            }
        }
        if self.broken {
            self.give_up();
        }
    }

    /// Rectangles of the changed video blocks within a region, as few as rows of blocks allow. What lies above and below a
    /// block's changes stays exact: a title right under a film.
    fn collect_paints(&mut self, area: Rect) {
        self.paints.clear();
        for row in 0..self.rows {
            let mut run: Option<Rect> = None;
            for column in 0..self.columns {
                let at = row * self.columns + column;
                let block = self.block_rect(at);
                let Block { video, units, bands, .. } = self.blocks[at];
                if !(video && units > 0 && area.contains(block)) {
                    run.take().into_iter().for_each(|done| push_paint(&mut self.paints, done));
                    continue;
                }
                let top = block.y + bands.trailing_zeros() * UNIT_HEIGHT;
                let bottom = block.y + (u8::BITS - bands.leading_zeros()) * UNIT_HEIGHT;
                let part = Rect::between(block.x, top, block.right(), bottom.min(block.bottom()));
                run = match run {
                    Some(run) if (run.y, run.height) == (part.y, part.height) => Some(run.union(part)),
                    Some(done) => {
                        push_paint(&mut self.paints, done);
                        Some(part)
                    }
                    None => Some(part),
                };
            }
            if let Some(done) = run {
                push_paint(&mut self.paints, done);
            }
        }
    }

    /// The library does not work: everything is exact from now on.
    fn give_up(&mut self) {
        self.broken = true;
        self.blocks.iter_mut().for_each(|b| b.video = false);
    }

    /// The pixels of a block, cut at the canvas's edge.
    fn block_rect(&self, at: usize) -> Rect {
        let (x, y) = ((at % self.columns) as u32 * BLOCK, (at / self.columns) as u32 * BLOCK);
        Rect::between(x, y, (x + BLOCK).min(self.size.width), (y + BLOCK).min(self.size.height))
    }
}

fn end(index: usize, slot: &mut Option<Stream>, out: &mut Vec<u8>) {
    if slot.take().is_some_and(|s| s.begun) {
        out.extend_from_slice(&[kind::VIDEO_END, index as u8]);
    }
}

/// Adds a run of blocks; one that continues the run above becomes one rectangle with it.
fn push_paint(paints: &mut Vec<Rect>, run: Rect) {
    let above = paints.iter().rposition(|r| r.x == run.x && r.width == run.width && r.bottom() == run.y);
    match above {
        Some(above) => paints[above].height += run.height,
        None if paints.len() < MAX_PAINTS as usize => paints.push(run),
        None => {
            if let Some(last) = paints.last_mut() {
                *last = last.union(run);
            }
        }
    }
}

/// Adds a block to the group that it touches, or as a new group; groups that touch become one.
fn join(groups: &mut Vec<Rect>, block: Rect) {
    let near = |a: Rect, b: Rect| a.x <= b.right() && b.x <= a.right() && a.y <= b.bottom() && b.y <= a.bottom();
    let mut all = block;
    while let Some(i) = groups.iter().position(|g| near(*g, all)) {
        all = all.union(groups.swap_remove(i));
    }
    groups.push(all);
}

/// Joins the two groups whose common rectangle wastes least.
fn merge_closest(groups: &mut Vec<Rect>) {
    let mut best = (u64::MAX, 0, 1);
    for i in 0..groups.len() {
        for j in i + 1..groups.len() {
            let waste = groups[i].union(groups[j]).area().saturating_sub(groups[i].area() + groups[j].area());
            if waste < best.0 {
                best = (waste, i, j);
            }
        }
    }
    let other = groups.swap_remove(best.2);
    let merged = groups[best.1].union(other);
    groups.swap_remove(best.1);
    join(groups, merged);
}

/// How many pixels of one line of a unit were looked at, how many of them equal neither the left nor the upper pixel, and a
/// fingerprint of the line: different ones differ, equal ones are almost surely the same line.
fn sample(level: Level, frame: &Frame<'_>, unit: Rect) -> (u16, u16, u32) {
    if unit.width < 2 || unit.height < 2 {
        return (0, 0, 0);
    }
    let (x, n) = (unit.x as usize, unit.width as usize);
    let line = (unit.y + unit.height / 2) as usize;
    let row = frame.row(line, x, n);
    let (mut left, mut above) = ([0], [0]);
    level.differ(&row[1..], &row[..n - 1], &mut left);
    level.differ(&row[1..], &frame.row(line - 1, x, n)[1..], &mut above);
    // Two pixels at a time; the fourth byte of a pixel means nothing.
    let folded = row.as_chunks::<2>().0.iter().fold(0u64, |folded, [a, b]| {
        let (a, b) = (u64::from(u32::from_le_bytes(*a) & 0xff_ffff), u64::from(u32::from_le_bytes(*b) & 0xff_ffff));
        (folded ^ (a | b << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    });
    (n as u16, (left[0] & above[0]).count_ones() as u16, (folded >> 32) as u32 ^ folded as u32)
}
