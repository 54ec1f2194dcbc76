//! The sending half that every thread may use: gives input its number at once and keeps order.
//!
//! Owns the protocol's state machine while a connection lives, and the bytes that wait for the carrier. It must never
//! wait: what the carrier does not take is bounded here, and beyond the bound the host counts as stalled.

use shoji_protocol::{
    CanvasId, Channel, Fixed, Input, InputSequence, UpdateId, Viewport, time::Instant, viewer::Connection,
};

use super::Error;
use crate::clock::Stamp;

/// Bytes that may wait for the carrier: minutes of typing, or 300 of the longest commits. A host that has not taken
/// those is not there.
const MAX_WAITING: usize = 256 * 1024;

/// When this much waits, a link lags, and of pointer motions only the newest is kept until it has caught up.
const MERGE_ABOVE: usize = 2 * 1024;

/// The protocol's clock.
pub(super) fn instant(now: Stamp) -> Instant {
    Instant::from_micros(now.0 / 1_000)
}

/// Bytes on their way into the carrier.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// All channels share one stream: whole frames of input follow those of control there.
    pub(super) is_shared: bool,
    /// For the control stream, or for the one that is shared.
    pub(super) control: Waiting,
    /// For the input stream, if there is one.
    pub(super) input: Waiting,
}

impl Outgoing {
    fn len(&self) -> usize {
        self.control.rest().len() + self.input.rest().len()
    }
}

/// Bytes on their way into one of the carrier's streams.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    bytes: Vec<u8>,
    taken: usize,
}

impl Waiting {
    /// What is to be written next.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// The carrier took so many.
    pub(super) fn took(&mut self, count: usize) {
        self.taken += count;
        if self.taken >= self.bytes.len() {
            self.bytes.clear();
            self.taken = 0;
        }
    }
}

/// One connection's sending half.
pub(super) struct Wire {
    pub(super) connection: Connection,
    held: Option<Input>,
    control: Vec<u8>,
    input: Vec<u8>,
    /// What the driver took and the carrier did not yet.
    in_driver: usize,
    stalled: bool,
}

impl Wire {
    pub(super) fn new(connection: Connection) -> Self {
        let mut wire =
            Self { connection, held: None, control: Vec::new(), input: Vec::new(), in_driver: 0, stalled: false };
        wire.collect();
        wire
    }

    /// Sends an input; gives its number, if it has one already.
    pub(super) fn input(&mut self, event: Input, now: Stamp) -> Option<InputSequence> {
        if self.stalled {
            return None;
        }
        let lags = self.waiting() > MERGE_ABOVE;
        if lags && merge(&mut self.held, &event) {
            return None;
        }
        self.release(now);
        let sequence = self.connection.input(event, instant(now));
        self.collect();
        sequence
    }

    /// Sends the motion that was kept while the link lagged.
    fn release(&mut self, now: Stamp) {
        if let Some(held) = self.held.take() {
            self.connection.input(held, instant(now));
            self.collect();
        }
    }

    pub(super) fn presented(&mut self, canvas: CanvasId, update: UpdateId) {
        self.connection.presented(canvas, update);
        self.collect();
    }

    pub(super) fn resize(&mut self, canvas: CanvasId, viewport: Viewport, now: Stamp) {
        self.connection.resize(canvas, viewport, instant(now));
        self.collect();
    }

    pub(super) fn close_canvas(&mut self, canvas: CanvasId, now: Stamp) {
        self.connection.close_canvas(canvas, instant(now));
        self.collect();
    }

    /// Anything else that the state machine does; its frames are collected after it.
    pub(super) fn step<T>(&mut self, step: impl FnOnce(&mut Connection) -> T) -> T {
        let result = step(&mut self.connection);
        self.collect();
        result
    }

    fn waiting(&self) -> usize {
        self.control.len() + self.input.len() + self.in_driver
    }

    fn collect(&mut self) {
        while let Some((channel, frame)) = self.connection.poll_send() {
            if self.waiting() + frame.len() > MAX_WAITING {
                self.stalled = true;
                continue;
            }
            match channel {
                Channel::Input => self.input.extend_from_slice(&frame),
                // The viewer sends nothing on the host's channel of updates.
                Channel::Control | Channel::Updates => self.control.extend_from_slice(&frame),
            }
        }
    }

    /// Moves what waits into the driver's hands.
    pub(super) fn drain(&mut self, outgoing: &mut Outgoing, now: Stamp) -> Result<(), Error> {
        self.in_driver = outgoing.len();
        if self.in_driver == 0 {
            self.release(now);
        }
        // The request for a session goes before the first input.
        outgoing.control.bytes.append(&mut self.control);
        let for_input = if outgoing.is_shared { &mut outgoing.control } else { &mut outgoing.input };
        for_input.bytes.append(&mut self.input);
        self.in_driver = outgoing.len();
        if self.stalled { Err(Error::HostStalled) } else { Ok(()) }
    }
}

/// Puts a motion into the one kept; `false` if the event is none, or one that must not be merged with it.
fn merge(held: &mut Option<Input>, event: &Input) -> bool {
    match (&mut *held, event) {
        (None, Input::PointerMotion { .. } | Input::PointerRelative { .. }) => *held = Some(event.clone()),
        (Some(Input::PointerMotion { canvas, position }), Input::PointerMotion { canvas: new, position: to })
            if canvas == new =>
        {
            *position = *to;
        }
        (Some(Input::PointerRelative { dx, dy }), Input::PointerRelative { dx: x, dy: y }) => {
            *dx = Fixed(dx.0.saturating_add(x.0));
            *dy = Fixed(dy.0.saturating_add(y.0));
        }
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use shoji_protocol::Position;

    use super::*;

    fn motion(x: i32) -> Input {
        Input::PointerMotion { canvas: CanvasId(1), position: Position { x: Fixed(x), y: Fixed(0) } }
    }

    #[test]
    fn of_motions_on_a_lagging_link_only_the_newest_is_kept() {
        let mut held = None;
        assert!(merge(&mut held, &motion(1)) && merge(&mut held, &motion(2)));
        assert_eq!(held, Some(motion(2)));
        assert!(!merge(&mut held, &Input::PointerLeave));
        let other = Input::PointerMotion { canvas: CanvasId(2), position: Position { x: Fixed(0), y: Fixed(0) } };
        assert!(!merge(&mut held, &other));
    }

    #[test]
    fn relative_motions_add_up() {
        let mut held = None;
        let step = Input::PointerRelative { dx: Fixed(i32::MAX), dy: Fixed(-3) };
        assert!(merge(&mut held, &step) && merge(&mut held, &step));
        assert_eq!(held, Some(Input::PointerRelative { dx: Fixed(i32::MAX), dy: Fixed(-6) }));
    }
}
