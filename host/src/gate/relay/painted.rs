//! The relay's side of pixels mode: what the painter is told, and what becomes of what it says.
//!
//! Owns the order of what is told, and which canvases the viewer knows. What waits here holds the host's updates back, so that it is never
//! more than one reading of the carrier brought.

use std::collections::{BTreeSet, VecDeque};

use shoji_protocol::time::Instant;
use shoji_protocol::{CanvasId, CloseCode, Pixels, ToViewer};

use super::{Refusal, Relay, Word};
use crate::gate::pixels::{Failed, Says, Told, Update};

/// What waits for the painter.
#[derive(Debug)]
pub(super) struct Painted {
    is_on: bool,
    told: VecDeque<Told>,
    /// Canvases of which the viewer knows. What a painter still says of others is late.
    open: BTreeSet<CanvasId>,
}

impl Painted {
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, told: VecDeque::new(), open: BTreeSet::new() }
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    pub(super) fn tell(&mut self, told: Told) {
        if self.is_on {
            self.told.push_back(told);
        }
    }

    pub(super) fn opened(&mut self, canvas: CanvasId) {
        self.open.insert(canvas);
    }

    pub(super) fn closed(&mut self, canvas: CanvasId) {
        self.open.remove(&canvas);
        self.tell(Told::Closed(canvas));
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.told.is_empty()
    }
}

impl Relay {
    /// Whether there is something for the painter.
    pub(in crate::gate) fn has_told(&self) -> bool {
        self.painted.has_waiting()
    }

    /// The next thing that the painter has to know.
    pub(in crate::gate) fn poll_told(&mut self) -> Option<Told> {
        self.painted.told.pop_front()
    }

    /// Takes what the painter says.
    pub(in crate::gate) fn painter_says(&mut self, says: Says, now: Instant) {
        match says {
            Says::Update(update) => self.paint(&update, now),
            Says::Presented(canvas, update) => self.with_host(|host| host.presented(canvas, update)),
            Says::Repaint(canvas) => {
                self.words.push_back(Word::Spoilt(canvas));
                self.with_host(|host| host.repaint(canvas, now));
            }
            Says::Failed(failed) => self.painter_failed(failed),
        }
    }

    /// The painter is no more.
    pub(in crate::gate) fn painter_failed(&mut self, failed: Failed) {
        if self.closed().is_none() {
            self.refuse(failed.into());
        }
    }

    fn paint(&mut self, update: &Update, now: Instant) {
        let Update { canvas, update, size, input, more, pixels } = update;
        if !self.painted.open.contains(canvas) {
            return;
        }
        let Ok(pixels) = Pixels::new(pixels) else {
            // Pictures are cut far below that size.
            self.words.push_back(Word::Refused(Refusal::Pixels(Failed::Gone)));
            return self.close(CloseCode::HostFailed);
        };
        let (canvas, update, size, input, more) = (*canvas, *update, *size, *input, *more);
        self.show(&ToViewer::Update { canvas, update, size, input, more, pixels }, now);
    }
}
