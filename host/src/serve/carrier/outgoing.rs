//! Frames on their way into one ordered stream of bytes.
//!
//! Owns their order: what was begun is finished, then control, then updates. It must never put a byte inside another frame.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf as _, Bytes};
use shoji_protocol::Channel;

use super::Lost;
use crate::limits;

/// Frames that the transport has not taken.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// The rest of a frame whose beginning was taken.
    begun: Bytes,
    control: VecDeque<Bytes>,
    updates: VecDeque<Bytes>,
    /// Bytes in `control`.
    control_bytes: usize,
}

impl Outgoing {
    /// Adds a whole frame.
    pub(super) fn queue(&mut self, channel: Channel, frame: Bytes) {
        match channel {
            Channel::Updates => self.updates.push_back(frame),
            Channel::Control | Channel::Input => {
                self.control_bytes += frame.len();
                self.control.push_back(frame);
            }
        }
    }

    /// Whether the viewer lets too much wait.
    pub(super) fn check(&self) -> Result<(), Lost> {
        if self.control_bytes > limits::CONTROL_BACKLOG { Err(Lost::unread()) } else { Ok(()) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.begun.is_empty() && self.control.is_empty() && self.updates.is_empty()
    }

    /// Forgets updates that were not begun.
    pub(super) fn forget_updates(&mut self) {
        self.updates.clear();
    }

    /// The bytes that come next, as many pieces as there is room for; returns how many pieces.
    pub(super) fn slices<'a>(&'a self, room: &mut [IoSlice<'a>]) -> usize {
        let begun = (!self.begun.is_empty()).then_some(&self.begun);
        let frames = begun.into_iter().chain(&self.control).chain(&self.updates);
        let mut count = 0;
        for (slice, frame) in room.iter_mut().zip(frames) {
            *slice = IoSlice::new(frame);
            count += 1;
        }
        count
    }

    /// So many of the bytes that [`slices`](Self::slices) showed were taken.
    pub(super) fn took(&mut self, mut bytes: usize) {
        while bytes > 0 && self.begin() {
            let of_this = bytes.min(self.begun.len());
            self.begun.advance(of_this);
            bytes -= of_this;
        }
    }

    /// Takes the next bytes of one frame, `most` at most.
    pub(super) fn take(&mut self, most: usize) -> Option<Bytes> {
        if !self.begin() {
            return None;
        }
        Some(self.begun.split_to(most.min(self.begun.len())))
    }

    /// Makes sure that a frame is begun, if there is one.
    fn begin(&mut self) -> bool {
        if self.begun.is_empty() {
            let next = match self.control.pop_front() {
                Some(frame) => {
                    self.control_bytes -= frame.len();
                    Some(frame)
                }
                None => self.updates.pop_front(),
            };
            self.begun = next.unwrap_or_default();
        }
        !self.begun.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(byte: u8, length: usize) -> Bytes {
        vec![byte; length].into()
    }

    #[test]
    fn control_goes_before_updates_but_never_inside_one() {
        let mut outgoing = Outgoing::default();
        outgoing.queue(Channel::Updates, frame(b'u', 10));
        assert_eq!(outgoing.take(4).unwrap(), frame(b'u', 4));
        outgoing.queue(Channel::Updates, frame(b'v', 2));
        outgoing.queue(Channel::Control, frame(b'c', 3));
        let mut room = [IoSlice::new(&[]); 8];
        let count = outgoing.slices(&mut room);
        let shown: Vec<u8> = room[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
        assert_eq!(shown, b"uuuuuucccvv");
        // A piece that ends within the control frame.
        outgoing.took(8);
        outgoing.queue(Channel::Control, frame(b'd', 1));
        let rest: Vec<u8> = std::iter::from_fn(|| outgoing.take(2)).flatten().collect();
        assert_eq!(rest, b"cdvv");
        assert!(outgoing.is_empty());
    }

    #[test]
    fn more_control_than_may_wait_is_noticed_and_updates_do_not_count() {
        let mut outgoing = Outgoing::default();
        outgoing.queue(Channel::Updates, frame(0, limits::CONTROL_BACKLOG * 2));
        outgoing.queue(Channel::Control, frame(0, limits::CONTROL_BACKLOG));
        assert!(outgoing.check().is_ok());
        outgoing.queue(Channel::Control, frame(0, 1));
        assert!(outgoing.check().is_err());
        outgoing.took(1);
        assert!(outgoing.check().is_ok(), "what was begun waits no more");
    }
}
