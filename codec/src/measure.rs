//! A way in for benches to parts that no caller uses alone; outside the API, and it may change at any time.
//!
//! Owns nothing. It must never do anything that the codec itself does not do in the same way.

use crate::canvas::Canvas;
use crate::damage::Units;
use crate::error::EncodeError;
use crate::geometry::{Frame, Pixel, Rect, Size, Time};
use crate::motion::{Copy, Scene, Search};
use crate::rate::Control;
use crate::refine::Mask;
use crate::simd::Level;
use crate::tile::{Coder, Mode};
use crate::update;
use crate::video::{Planes, Receiver, Sender};

/// The exact coder on its own, without looking for what changed or moved.
#[derive(Debug)]
pub struct Exact {
    coder: Coder,
    canvas: Canvas,
}

impl Exact {
    /// A coder without anything in its memory.
    ///
    /// # Errors
    /// If the compression library cannot be set up.
    pub fn new(level: Level) -> Result<Self, EncodeError> {
        Ok(Self { coder: Coder::new(level)?, canvas: Canvas::default() })
    }

    /// Appends a payload that paints a rectangle of the frame on a new canvas of its size.
    pub fn encode(&mut self, frame: &Frame<'_>, rect: Rect, out: &mut Vec<u8>) {
        if frame.size != self.canvas.size() {
            self.canvas.reset(frame.size);
        }
        self.coder.reset();
        update::header(out, true, frame.size);
        self.coder.add(frame, &mut self.canvas, rect, Mode::Screen, out);
        self.coder.finish(out);
    }
}

/// The picture that a frame becomes on its way to the video encoder.
#[derive(Debug)]
pub struct Picture(Planes);

impl Picture {
    /// A black picture; the sides must be multiples of 16.
    #[must_use]
    pub fn new(size: Size) -> Self {
        Self(Planes::new(size.width, size.height))
    }

    /// Takes `area` of the frame in, which must have the picture's size. Whether that was possible.
    #[must_use]
    pub fn take(&mut self, level: Level, frame: &Frame<'_>, area: Rect) -> bool {
        self.0.take(level, frame, area).is_ok()
    }

    /// Writes all of it as rows of blue, green, red and 255 without gaps. Whether that was possible.
    #[must_use]
    pub fn give(&self, out: &mut [Pixel]) -> bool {
        let size = Size { width: self.0.width, height: self.0.height };
        self.0.give(size.rect(), out, size.width as usize).is_ok()
    }

    /// Luma and the two planes of chroma.
    #[must_use]
    pub fn planes(&self) -> [&[u8]; 3] {
        [&self.0.y, &self.0.u, &self.0.v]
    }
}

/// What changed on a canvas and what of it only moved, as an encoder finds it.
#[derive(Debug)]
pub struct Changes {
    level: Level,
    shadow: Canvas,
    units: Units,
    lossy: Mask,
    search: Search,
    copies: Vec<Copy>,
    rects: Vec<Rect>,
}

impl Changes {
    /// The other end holds this frame.
    #[must_use]
    pub fn since(level: Level, frame: &Frame<'_>) -> Self {
        let (mut shadow, mut units) = (Canvas::default(), Units::default());
        let (mut lossy, mut search) = (Mask::default(), Search::default());
        shadow.reset(frame.size);
        shadow.take(frame, frame.size.rect());
        units.reset(frame.size);
        lossy.reset(frame.size);
        search.reset(frame.size);
        Self { level, shadow, units, lossy, search, copies: Vec::new(), rects: Vec::new() }
    }

    /// Compares within the damage and marks what changed. Gives the number of marked units.
    pub fn mark(&mut self, frame: &Frame<'_>, damage: &[Rect]) -> usize {
        self.units.clear();
        for rect in damage {
            self.units.mark(self.level, frame, self.shadow.all(), *rect);
        }
        self.units.count(usize::MAX)
    }

    /// Joins what is marked into rectangles. Gives how many.
    pub fn join(&mut self) -> usize {
        self.rects.clear();
        self.units.rects(|_, _| true, &mut self.rects);
        self.rects.len()
    }

    /// Compares, and moves what only moved. Gives the number of pixels that did; the rest stays marked.
    pub fn follow(&mut self, frame: &Frame<'_>, damage: &[Rect]) -> u64 {
        let Self { level, shadow, units, lossy, search, copies, .. } = self;
        let scene = &mut Scene { level: *level, frame, shadow, units, lossy };
        search.follow(scene, damage, copies);
        copies.iter().map(|copy| copy.to.area()).sum()
    }

    /// Takes what is still marked over, as if it had been sent.
    pub fn settle(&mut self, frame: &Frame<'_>) {
        self.join();
        for rect in &self.rects {
            self.shadow.take(frame, *rect);
        }
        self.units.clear();
        self.search.settled();
    }
}

/// Both ends of one stream of video.
#[derive(Debug)]
pub struct Film {
    level: Level,
    sender: Sender,
    receiver: Receiver,
    canvas: Canvas,
}

impl Film {
    /// A stream for a region whose corner and size are multiples of 16, on a canvas of this size.
    ///
    /// # Errors
    /// If the library cannot be set up.
    pub fn new(level: Level, size: Size, area: Rect, qp: u8) -> Result<Self, EncodeError> {
        let sender = Sender::new(area, qp).map_err(|_| EncodeError::Library)?;
        let receiver = Receiver::new(area);
        let mut canvas = Canvas::default();
        canvas.reset(size);
        Ok(Self { level, sender, receiver, canvas })
    }

    /// Appends the access unit of the frame's pixels in the region. Whether that was possible.
    #[must_use]
    pub fn send(&mut self, frame: &Frame<'_>, qp: u8, out: &mut Vec<u8>) -> bool {
        self.sender.send(self.level, frame, qp, out).is_ok()
    }

    /// Decodes an access unit. Whether that was possible.
    #[must_use]
    pub fn receive(&mut self, unit: &[u8]) -> bool {
        self.receiver.check(unit).and_then(|_| self.receiver.decode(unit)).is_ok()
    }

    /// Paints all of the region, which must lie on the canvas, from the last unit. Whether that was possible.
    #[must_use]
    pub fn paint(&mut self) -> bool {
        self.receiver.paint(self.receiver.area(), &mut self.canvas).is_ok()
    }
}

/// Which pixels are only approximately at the other end.
#[derive(Debug, Default)]
pub struct Approximate(Mask);

impl Approximate {
    /// Nothing on a canvas of this size.
    #[must_use]
    pub fn new(size: Size) -> Self {
        let mut mask = Mask::default();
        mask.reset(size);
        Self(mask)
    }

    /// Marks a rectangle as painted by video.
    pub fn paint(&mut self, rect: Rect, now: Time) {
        self.0.paint(rect, now);
    }

    /// When the first of it will have rested.
    #[must_use]
    pub fn due(&self) -> Option<Time> {
        self.0.due()
    }

    /// Goes through everything that has rested and makes it exact. Gives the number of rectangles.
    pub fn refine(&mut self, now: Time) -> usize {
        let (mut at, mut rects) = (0, 0);
        while let Some((rect, next)) = self.0.next_rested(at, usize::MAX, now, |_| true) {
            self.0.cover(rect);
            (at, rects) = (next, rects + 1);
        }
        rects
    }
}

/// The control of one stream's quantization.
#[derive(Debug, Clone, Copy)]
pub struct Rate(Control);

impl Rate {
    /// A guess for the first picture of `pixels` pixels with `target` bytes to spend.
    #[must_use]
    pub fn new(pixels: u64, target: usize) -> Self {
        Self(Control::new(pixels, target))
    }

    /// Learns what the last picture weighed. Gives the QP for the next one.
    pub fn weighed(&mut self, bytes: usize, target: usize) -> u8 {
        self.0.weighed(bytes, target);
        self.0.qp()
    }
}
