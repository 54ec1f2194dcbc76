//! One channel's bytes at the end that sends them, and at the one that they come to.
//!
//! Owns places: what was sent, what came, what is lost, and how far the other end has room. Must never hold more than the room
//! of the channel, in either direction.

use super::ranges::Ranges;
use crate::{Channel, Violation, limits};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Most bytes of a channel that are on their way: those that came but wait for others, at the end that they come to.
pub(super) const fn room(channel: Channel) -> u64 {
    match channel {
        Channel::Control => limits::RELIABLE_CONTROL_ROOM,
        Channel::Input => limits::RELIABLE_INPUT_ROOM,
        Channel::Updates => limits::RELIABLE_UPDATES_ROOM,
    }
}

/// Bytes of a channel that go.
#[derive(Debug)]
pub(super) struct Going {
    pub(super) channel: Channel,
    /// Those that the other end has not said to have.
    bytes: VecDeque<u8>,
    /// The place of the first of them.
    first: u64,
    /// The place from which on nothing was sent.
    fresh: u64,
    /// The place up to which the other end has room.
    up_to: u64,
    /// What the other end has beyond `first`.
    known: Ranges,
    /// What is to be sent again.
    lost: Ranges,
}

impl Going {
    pub(super) fn new(channel: Channel) -> Self {
        let (bytes, known, lost) = (VecDeque::new(), Ranges::default(), Ranges::default());
        Self { channel, bytes, first: 0, fresh: 0, up_to: room(channel), known, lost }
    }

    /// How many bytes may be given now.
    pub(super) fn space(&self) -> usize {
        limits::RELIABLE_WAITING.saturating_sub(self.bytes.len())
    }

    /// Takes as many of the bytes as there is space for, and says how many.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.get(..self.space()).unwrap_or(bytes);
        self.bytes.extend(taken);
        taken.len()
    }

    /// Whether the other end has everything.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn end(&self) -> u64 {
        self.first + self.bytes.len() as u64
    }

    /// Whether something is to be sent, and there is room for it at the other end.
    pub(super) fn has_more(&self) -> bool {
        self.lost.first().is_some() || self.fresh < self.end().min(self.up_to)
    }

    /// What comes next, of `most` bytes at most; from now on it is sent.
    pub(super) fn next(&mut self, most: usize) -> Option<(u64, u64)> {
        let most = most as u64;
        if let Some((start, end)) = self.lost.first() {
            let end = end.min(start + most);
            self.lost.remove(start, end);
            return Some((start, end));
        }
        let end = self.end().min(self.up_to).min(self.fresh + most);
        let start = self.fresh;
        self.fresh = start.max(end);
        (start < end).then_some((start, end))
    }

    /// The bytes at places that [`next`](Self::next) gave.
    pub(super) fn at(&self, start: u64, end: u64) -> impl ExactSizeIterator<Item = u8> {
        // What the other end has is gone; a piece of it is not asked for.
        let from = usize::try_from(start.saturating_sub(self.first)).unwrap_or(usize::MAX).min(self.bytes.len());
        let to = usize::try_from(end.saturating_sub(self.first)).unwrap_or(usize::MAX).clamp(from, self.bytes.len());
        self.bytes.range(from..to).copied()
    }

    /// The other end has these.
    pub(super) fn came(&mut self, start: u64, end: u64) {
        self.known.insert(start.max(self.first), end);
        self.lost.remove(start, end);
        if let Some((first, last)) = self.known.first().filter(|(first, _)| *first <= self.first) {
            self.known.remove(first, last);
            let gone = usize::try_from(last.saturating_sub(self.first)).unwrap_or(usize::MAX).min(self.bytes.len());
            self.bytes.drain(..gone);
            self.first = self.first.max(last);
            if self.bytes.is_empty() {
                // What a large update took is given back.
                self.bytes.shrink_to(limits::RELIABLE_PACKET);
            }
        }
    }

    /// These are sent again, as far as the other end has not got them.
    pub(super) fn lose(&mut self, start: u64, end: u64) {
        let start = start.max(self.first);
        self.lost.insert(start, end);
        let known: Vec<_> = self.known.down().filter(|(first, last)| *first < end && start < *last).collect();
        known.into_iter().for_each(|(first, last)| self.lost.remove(first, last));
    }

    /// The other end has room up to a place. Room that was given is not taken back.
    pub(super) fn room(&mut self, up_to: u64) {
        self.up_to = self.up_to.max(up_to);
    }
}

/// Bytes of a channel that come.
#[derive(Debug)]
pub(super) struct Coming {
    pub(super) channel: Channel,
    /// From `next` on, with gaps.
    bytes: VecDeque<u8>,
    /// The place of the byte that is to be read next.
    next: u64,
    /// What is here of `bytes`.
    here: Ranges,
    /// The place up to which the other end may send.
    up_to: u64,
    /// Whether the other end is to hear of more room.
    pub(super) tells_room: bool,
}

impl Coming {
    pub(super) fn new(channel: Channel) -> Self {
        let here = Ranges::default();
        Self { channel, bytes: VecDeque::new(), next: 0, here, up_to: room(channel), tells_room: false }
    }

    /// Whether these bytes can be taken; `false`: there are too many gaps, and they have to come again.
    pub(super) fn has_room(&self, place: u64, bytes: &[u8]) -> Result<bool, Violation> {
        let end = place + bytes.len() as u64;
        if self.up_to < end {
            return Err(Violation::TooFast("bytes of a channel"));
        }
        // What comes next closes the first gap, and is always taken.
        Ok(self.here.count() < limits::RELIABLE_GAPS || place <= self.next || self.here.touches(place, end))
    }

    /// Takes bytes that have room.
    pub(super) fn take(&mut self, place: u64, bytes: &[u8]) {
        let end = place + bytes.len() as u64;
        let start = place.max(self.next);
        let Some(new) = bytes.get((start - place) as usize..).filter(|new| !new.is_empty()) else { return };
        let (from, to) = ((start - self.next) as usize, (end - self.next) as usize);
        if self.bytes.len() < to {
            self.bytes.resize(to, 0);
        }
        for (kept, byte) in self.bytes.range_mut(from..to).zip(new) {
            *kept = *byte;
        }
        self.here.insert(start, end);
    }

    /// The bytes that come next, if they are here. The other end has that much more room.
    pub(super) fn read(&mut self) -> Option<Vec<u8>> {
        let (start, end) = self.here.first().filter(|(start, _)| *start <= self.next)?;
        self.here.remove(start, end);
        let read: Vec<u8> = self.bytes.drain(..(end - self.next) as usize).collect();
        if self.bytes.is_empty() {
            self.bytes.shrink_to(limits::RELIABLE_PACKET);
        }
        self.next = end;
        let room = room(self.channel);
        if self.up_to - self.next < room / 2 {
            self.up_to = self.next + room;
            self.tells_room = true;
        }
        Some(read)
    }

    /// The place up to which the other end may send.
    pub(super) fn up_to(&self) -> u64 {
        self.up_to
    }

    /// Bytes that are kept.
    pub(super) fn kept(&self) -> usize {
        self.bytes.len()
    }
}
