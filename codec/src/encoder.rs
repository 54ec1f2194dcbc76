//! The host's end: a canvas and its damage in, one update's payload out.
//!
//! Owns the shadow, which is what the viewer will hold, and the order of the steps: prune, copy, video, tiles, refine.
//! It must never queue: what is not sent stays visible as a difference between frame and shadow or as a lossy mark.

use crate::canvas::Canvas;
use crate::damage::Units;
use crate::error::EncodeError;
use crate::geometry::{Budget, Frame, Rect, Time};
use crate::simd::Level;
use crate::tile::{Coder, Mode};
use crate::update;

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
    units: Units,
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
            units: Units::default(),
            coder: Coder::new(config.level)?,
            rects: Vec::new(),
            needs_complete: true,
        })
    }

    /// The viewer lost its picture: the next update will be a complete one.
    pub fn repaint(&mut self) {
        self.needs_complete = true;
    }

    /// Whether the viewer's canvas, once every update is applied, equals the last frame bit for bit.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.needs_complete
    }

    /// When [`Encoder::encode`] wants to be called again with empty damage to refine; `None` when all is exact.
    #[must_use]
    pub fn refine_at(&self) -> Option<Time> {
        None
    }

    /// Appends one update's payload to `out`. `damage` may over-report but must hold every pixel that changed since the
    /// last call; parts outside the frame are ignored. A new size and [`Encoder::repaint`] make it a complete update,
    /// whatever the damage.
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
        let _ = (budget, now);
        let start = out.len();
        let mut stats = Stats::default();
        let complete = self.needs_complete || frame.size != self.shadow.size();
        update::header(out, complete, frame.size);
        self.units.clear();
        if complete {
            self.begin(frame);
            self.units.mark(self.config.level, &frame, self.shadow.all(), frame.size.rect());
        } else {
            for rect in damage {
                self.units.mark(self.config.level, &frame, self.shadow.all(), *rect);
            }
        }
        if !self.units.is_untouched() {
            self.rects.clear();
            self.units.rects(|_, _| true, &mut self.rects);
            for rect in &self.rects {
                self.shadow.take(&frame, *rect);
                self.coder.add(&self.shadow, *rect, Mode::Screen, out);
                stats.exact += rect.area();
            }
            self.coder.finish(out);
        }
        let empty = !complete && out.len() == start + update::HEADER_BYTES;
        if empty {
            out.truncate(start);
        }
        stats.bytes = out.len() - start;
        Ok(Outcome { empty, stats })
    }

    /// Starts over with a black canvas of the frame's size.
    fn begin(&mut self, frame: Frame<'_>) {
        self.shadow.reset(frame.size);
        self.units.reset(frame.size);
        self.needs_complete = false;
    }
}
