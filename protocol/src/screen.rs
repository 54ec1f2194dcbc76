//! What a host may show: the rules of the host→viewer messages about canvases, kept by both ends. The host's supervisor
//! judges its worker by them, the viewer judges its host.
//!
//! Owns: which canvases are there, which updates are on their way, how often the rest may come. Never looks into pixels.

use crate::rate::Bucket;
use crate::time::Instant;
use crate::{CanvasId, Capabilities, InputSequence, TextPlace, ToViewer, UpdateId, Violation, limits};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

#[derive(Debug)]
pub(crate) struct Screen {
    capabilities: Capabilities,
    highest: Option<CanvasId>,
    open: Vec<Canvas>,
    in_flight: VecDeque<InFlight>,
    bytes_in_flight: usize,
    messages: Bucket,
    notices: Bucket,
}

#[derive(Debug)]
struct Canvas {
    id: CanvasId,
    last: Option<UpdateId>,
    presented: Option<UpdateId>,
}

#[derive(Debug)]
struct InFlight {
    canvas: CanvasId,
    update: UpdateId,
    bytes: usize,
    since: Instant,
    /// Its last part has not come yet.
    more: bool,
}

/// Whether a canvas that a viewer names is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// It is.
    Open,
    /// It was when the viewer spoke.
    Closed,
}

impl Screen {
    pub(crate) fn new(capabilities: Capabilities, now: Instant) -> Self {
        Self {
            capabilities,
            highest: None,
            open: Vec::new(),
            in_flight: VecDeque::new(),
            bytes_in_flight: 0,
            messages: Bucket::new(limits::SCREEN, now),
            notices: Bucket::new(limits::NOTICES, now),
        }
    }

    /// Both ends agreed on less than was offered.
    pub(crate) fn agree(&mut self, capabilities: Capabilities) {
        self.capabilities = capabilities;
    }

    /// Takes a message of the host about what it shows; `last_input` is the newest input that the host can know of.
    pub(crate) fn show(
        &mut self,
        message: &ToViewer<'_>,
        last_input: InputSequence,
        now: Instant,
    ) -> Result<(), Violation> {
        let name = message.name();
        if let ToViewer::Update { canvas, update, input, more, pixels, .. } = *message {
            if last_input < input {
                return Err(Violation::OutOfOrder { message: "Update.input", number: input.0, last: last_input.0 });
            }
            return self.update(canvas, update, pixels.bytes().len(), more, now);
        }
        if let ToViewer::Notice { .. } = message {
            return self.notices.take(now);
        }
        self.messages.take(now)?;
        match *message {
            ToViewer::CanvasOpened { canvas, parent, .. } => self.open_canvas(canvas, parent),
            ToViewer::CanvasClosed { canvas } => self.close_canvas(canvas),
            ToViewer::Window { canvas, .. } => self.expect_open(name, canvas),
            ToViewer::PointerLock { canvas, .. } => {
                self.expect_agreed(name, Capabilities::POINTER_LOCK)?;
                self.expect_open(name, canvas)
            }
            ToViewer::TextPlace { place: TextPlace::Field { canvas, .. } } => self.expect_open(name, canvas),
            ToViewer::TextPlace { .. } | ToViewer::Cursor { .. } => Ok(()),
            ToViewer::CursorImage { size, hotspot, pixels } => {
                self.expect_agreed(name, Capabilities::CURSOR_IMAGE)?;
                if pixels.bytes().len() != size.bytes() || !hotspot.is_within(size) {
                    return Err(Violation::Malformed(crate::DecodeError::Value));
                }
                Ok(())
            }
            _ => Err(Violation::NotAgreed(name)),
        }
    }

    /// Takes a viewer's acknowledgement.
    pub(crate) fn presented(&mut self, canvas: CanvasId, update: UpdateId) -> Result<Named, Violation> {
        const NAME: &str = "Presented";
        if self.named(NAME, canvas)? == Named::Closed {
            return Ok(Named::Closed);
        }
        let Some(known) = self.open.iter_mut().find(|known| known.id == canvas) else { return Ok(Named::Closed) };
        let is_known = known.last.is_some_and(|last| update <= last);
        let is_new = known.presented.is_none_or(|presented| presented < update);
        if !is_known || !is_new {
            let last = known.presented.map_or(0, |presented| presented.0);
            return Err(Violation::OutOfOrder { message: NAME, number: update.0, last });
        }
        known.presented = Some(update);
        self.forget(|flying| flying.canvas == canvas && flying.update <= update);
        Ok(Named::Open)
    }

    /// Whether the viewer may present this update now: it came, and nothing newer was presented.
    pub(crate) fn is_presentable(&self, canvas: CanvasId, update: UpdateId) -> bool {
        self.open.iter().any(|known| {
            known.id == canvas
                && known.last.is_some_and(|last| update <= last)
                && known.presented.is_none_or(|presented| presented < update)
        })
    }

    /// Whether the canvas that a viewer names is there, or was.
    pub(crate) fn named(&self, message: &'static str, canvas: CanvasId) -> Result<Named, Violation> {
        if self.is_open(canvas) {
            return Ok(Named::Open);
        }
        if self.highest.is_none_or(|highest| highest < canvas) {
            return Err(Violation::UnknownCanvas { message, canvas });
        }
        Ok(Named::Closed)
    }

    pub(crate) fn is_open(&self, canvas: CanvasId) -> bool {
        self.open.iter().any(|known| known.id == canvas)
    }

    /// Since when the oldest update waits for its acknowledgement.
    pub(crate) fn oldest_in_flight(&self) -> Option<Instant> {
        self.in_flight.front().map(|flying| flying.since)
    }

    fn open_canvas(&mut self, canvas: CanvasId, parent: Option<CanvasId>) -> Result<(), Violation> {
        const NAME: &str = "CanvasOpened";
        if let Some(highest) = self.highest.filter(|&highest| canvas <= highest) {
            let (number, last) = (u64::from(canvas.0), u64::from(highest.0));
            return Err(Violation::OutOfOrder { message: NAME, number, last });
        }
        if let Some(parent) = parent {
            self.expect_open(NAME, parent)?;
        }
        if limits::MAX_CANVASES <= self.open.len() {
            return Err(Violation::TooFast("canvases"));
        }
        self.highest = Some(canvas);
        self.open.push(Canvas { id: canvas, last: None, presented: None });
        Ok(())
    }

    fn close_canvas(&mut self, canvas: CanvasId) -> Result<(), Violation> {
        self.expect_open("CanvasClosed", canvas)?;
        self.open.retain(|known| known.id != canvas);
        self.forget(|flying| flying.canvas == canvas);
        Ok(())
    }

    fn update(
        &mut self,
        canvas: CanvasId,
        update: UpdateId,
        bytes: usize,
        more: bool,
        now: Instant,
    ) -> Result<(), Violation> {
        const NAME: &str = "Update";
        let Some(known) = self.open.iter_mut().find(|known| known.id == canvas) else {
            return Err(Violation::UnknownCanvas { message: NAME, canvas });
        };
        if let Some(last) = known.last.filter(|&last| update <= last) {
            return Err(Violation::OutOfOrder { message: NAME, number: update.0, last: last.0 });
        }
        // Parts of one picture are presented together, and count as one.
        let is_full = limits::MAX_IN_FLIGHT <= self.in_flight.len();
        let begun = self.in_flight.iter_mut().find(|flying| flying.canvas == canvas && flying.more);
        let is_crowded = is_full && begun.is_none();
        if is_crowded || limits::MAX_BYTES_IN_FLIGHT < self.bytes_in_flight + bytes {
            return Err(Violation::TooFast("updates"));
        }
        known.last = Some(update);
        match begun {
            Some(flying) => {
                (flying.update, flying.more) = (update, more);
                flying.bytes += bytes;
            }
            None => self.in_flight.push_back(InFlight { canvas, update, bytes, since: now, more }),
        }
        self.bytes_in_flight += bytes;
        Ok(())
    }

    fn forget(&mut self, is_over: impl Fn(&InFlight) -> bool) {
        self.in_flight.retain(|flying| !is_over(flying));
        self.bytes_in_flight = self.in_flight.iter().map(|flying| flying.bytes).sum();
    }

    fn expect_open(&self, message: &'static str, canvas: CanvasId) -> Result<(), Violation> {
        if self.is_open(canvas) { Ok(()) } else { Err(Violation::UnknownCanvas { message, canvas }) }
    }

    fn expect_agreed(&self, message: &'static str, capability: Capabilities) -> Result<(), Violation> {
        if self.capabilities.contains(capability) { Ok(()) } else { Err(Violation::NotAgreed(message)) }
    }
}
