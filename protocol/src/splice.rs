//! Copies of the updates' bytes that go beside their stream, so that a lost packet delays no picture until the carrier notices the
//! loss.
//!
//! A datagram is the place of its first byte in the stream (eight bytes, little endian) and a piece of the stream. It goes a little
//! after the bytes themselves: in the same packet it would be lost with them. Both ends count the stream's bytes, so nothing else has
//! to be said. The viewer splices in what its stream still lacks, and passes over what the stream brings later of it.
//!
//! Owns places and pieces. Must never look into a frame, change what the stream says or its order, or hold more than
//! [`limits::MAX_SPLICE`] bytes at either end.

use crate::frame::Decoder;
use crate::time::{Duration, Instant};
use crate::{DecodeError, Violation, limits};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;

/// From bytes to their copy: after the packets around them, for packets are often lost together, and before anybody feels it.
const AFTER: Duration = Duration::from_millis(8);

/// What a key causes comes within this time and shares a datagram.
const TOGETHER: Duration = Duration::from_millis(2);

/// Bytes of a datagram before its piece.
const PLACE_BYTES: usize = 8;

/// The host's end: makes the copies.
#[derive(Debug, Default)]
pub struct Copier {
    /// Bytes that the stream was given.
    given: u64,
    copies: VecDeque<Copy>,
    /// In `copies`.
    bytes: usize,
}

struct Copy {
    due: Instant,
    /// Where its piece ends in the stream.
    end: u64,
    datagram: Vec<u8>,
}

/// Without the picture.
impl fmt::Debug for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copy").field("due", &self.due).field("end", &self.end).finish_non_exhaustive()
    }
}

impl Copier {
    /// The stream was given these bytes. `copied`: they are worth a copy, unless they are more than [`limits::MAX_SPLICE`].
    pub fn sent(&mut self, bytes: &[u8], copied: bool, now: Instant) {
        let mut place = self.given;
        self.given += bytes.len() as u64;
        if !copied || limits::MAX_SPLICE < self.bytes + bytes.len() {
            return;
        }
        self.bytes += bytes.len();
        let mut rest = bytes;
        while !rest.is_empty() {
            // What comes later has its own time: with less, its copy would be lost with it.
            let joins = |last: &&mut Copy| last.end == place && now + AFTER <= last.due + TOGETHER;
            let last = self.copies.back_mut().filter(joins);
            let last = match last.filter(|last| last.datagram.len() < limits::MAX_DATAGRAM) {
                Some(last) => last,
                None => {
                    let datagram = place.to_le_bytes().to_vec();
                    self.copies.push_back(Copy { due: now + AFTER, end: place, datagram });
                    let Some(last) = self.copies.back_mut() else { return };
                    last
                }
            };
            let (piece, after) = rest.split_at(rest.len().min(limits::MAX_DATAGRAM - last.datagram.len()));
            last.datagram.extend_from_slice(piece);
            place += piece.len() as u64;
            last.end = place;
            rest = after;
        }
    }

    /// When the next copy is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.copies.front().map(|copy| copy.due)
    }

    /// The next datagram that is due. It may be dropped: the stream has its bytes.
    pub fn take_due(&mut self, now: Instant) -> Option<Vec<u8>> {
        let copy = self.copies.pop_front_if(|copy| copy.due <= now)?;
        self.bytes -= copy.datagram.len() - PLACE_BYTES;
        Some(copy.datagram)
    }
}

/// The viewer's end: puts the stream together from itself and from copies.
#[derive(Default)]
pub struct Splicer {
    /// Bytes that the stream brought.
    brought: u64,
    /// Bytes that were passed on, by whichever way they came.
    passed: u64,
    /// Pieces beyond what was passed on, by place.
    ahead: BTreeMap<u64, Vec<u8>>,
    /// In `ahead`.
    bytes: usize,
    /// Bytes that came by copies before the stream brought them.
    spliced: u64,
}

/// Without the pictures.
impl fmt::Debug for Splicer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { brought, passed, bytes, spliced, .. } = self;
        let mut splicer = f.debug_struct("Splicer");
        splicer.field("brought", brought).field("passed", passed).field("waiting", bytes).field("spliced", spliced);
        splicer.finish_non_exhaustive()
    }
}

impl Splicer {
    /// The stream brought bytes: gives `frames` those it has not got yet. Take all whole frames after it.
    pub fn stream(&mut self, bytes: &[u8], frames: &mut Decoder) {
        let known = usize::try_from(self.passed - self.brought).unwrap_or(usize::MAX);
        self.brought += bytes.len() as u64;
        if let Some(new) = bytes.get(known..) {
            frames.push(new);
            self.passed = self.brought;
        }
        self.follow(frames);
    }

    /// A datagram came: gives `frames` the bytes that come next, or keeps them until they do. Take all whole frames after it.
    /// What is known already, or too far ahead, is dropped.
    pub fn datagram(&mut self, datagram: &[u8], frames: &mut Decoder) -> Result<(), Violation> {
        let malformed = Violation::Malformed(DecodeError::Value);
        if limits::MAX_DATAGRAM < datagram.len() {
            let bytes = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
            return Err(Violation::Oversized { bytes, limit: limits::MAX_DATAGRAM });
        }
        let Some((place, piece)) = datagram.split_first_chunk::<PLACE_BYTES>() else { return Err(malformed) };
        let place = u64::from_le_bytes(*place);
        let Some(end) = place.checked_add(piece.len() as u64).filter(|end| place < *end) else { return Err(malformed) };
        let is_near = end <= self.passed.saturating_add(limits::MAX_SPLICE as u64);
        let has_room = self.ahead.len() < limits::MAX_SPLICE_PIECES && self.bytes + piece.len() <= limits::MAX_SPLICE;
        if self.passed < end && is_near && has_room && !self.ahead.contains_key(&place) {
            self.bytes += piece.len();
            self.ahead.insert(place, piece.to_vec());
            self.follow(frames);
        }
        Ok(())
    }

    /// Bytes that copies brought before the stream.
    pub fn spliced(&self) -> u64 {
        self.spliced
    }

    /// Bytes that wait for what comes before them.
    pub fn waiting(&self) -> usize {
        self.bytes
    }

    /// Passes on what was ahead and comes next now.
    fn follow(&mut self, frames: &mut Decoder) {
        while let Some(first) = self.ahead.first_entry() {
            if self.passed < *first.key() {
                return;
            }
            let (place, piece) = first.remove_entry();
            self.bytes -= piece.len();
            let known = usize::try_from(self.passed - place).unwrap_or(usize::MAX);
            if let Some(new) = piece.get(known..).filter(|new| !new.is_empty()) {
                frames.push(new);
                self.passed += new.len() as u64;
                self.spliced += new.len() as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CursorShape, ToViewer, frame};
    use alloc::vec;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(1_000_000 + millis * 1_000)
    }

    fn frame_of(shape: CursorShape) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame::encode_to_viewer(&ToViewer::Cursor { shape }, &mut bytes);
        bytes
    }

    fn decoder() -> Decoder {
        Decoder::new(&[frame::Kind::ToViewer])
    }

    fn read(frames: &mut Decoder) -> Option<Vec<u8>> {
        frames.next_frame().unwrap().map(|frame| frame.bytes.to_vec())
    }

    fn all(copier: &mut Copier) -> Vec<Vec<u8>> {
        core::iter::from_fn(|| copier.take_due(at(1_000))).collect()
    }

    #[test]
    fn a_copy_leaves_eight_milliseconds_after_its_bytes_and_once() {
        let mut copier = Copier::default();
        copier.sent(b"abc", true, at(0));
        assert_eq!((copier.deadline(), copier.take_due(at(7))), (Some(at(8)), None));
        let datagram = [&0_u64.to_le_bytes()[..], b"abc"].concat();
        assert_eq!((copier.take_due(at(8)), copier.deadline(), copier.bytes), (Some(datagram), None, 0));
    }

    #[test]
    fn what_follows_at_once_shares_a_datagram_and_what_is_not_copied_moves_the_place() {
        let mut copier = Copier::default();
        copier.sent(b"ab", true, at(0));
        copier.sent(b"cd", true, at(1));
        copier.sent(&[0; 100], false, at(1));
        copier.sent(b"ef", true, at(2));
        copier.sent(b"gh", true, at(7));
        let datagram = |place: u64, piece: &[u8]| [&place.to_le_bytes()[..], piece].concat();
        assert_eq!(copier.take_due(at(9)), Some(datagram(0, b"abcd")));
        assert_eq!((copier.take_due(at(10)), copier.take_due(at(14))), (Some(datagram(104, b"ef")), None));
        assert_eq!(copier.take_due(at(15)), Some(datagram(106, b"gh")));
    }

    #[test]
    fn long_bytes_are_cut_and_longer_ones_have_no_copy() {
        let mut copier = Copier::default();
        copier.sent(&vec![1; limits::MAX_SPLICE], true, at(0));
        copier.sent(b"more", true, at(0));
        let datagrams = all(&mut copier);
        assert!(datagrams.iter().all(|datagram| datagram.len() <= limits::MAX_DATAGRAM));
        let pieces: usize = datagrams.iter().map(|datagram| datagram.len() - PLACE_BYTES).sum();
        assert_eq!((pieces, copier.bytes), (limits::MAX_SPLICE, 0));
        copier.sent(&vec![1; limits::MAX_SPLICE + 1], true, at(0));
        assert_eq!(copier.deadline(), None);
    }

    #[test]
    fn a_copy_fills_the_gap_and_the_stream_says_nothing_twice() {
        let (one, other) = (frame_of(CursorShape::Wait), frame_of(CursorShape::Default));
        let mut copier = Copier::default();
        copier.sent(&one, true, at(0));
        copier.sent(&other, true, at(20));
        let datagrams = all(&mut copier);
        let (mut splicer, mut frames) = (Splicer::default(), decoder());
        // The second comes first.
        for datagram in datagrams.iter().rev() {
            assert_eq!(read(&mut frames), None);
            splicer.datagram(datagram, &mut frames).unwrap();
        }
        assert_eq!((read(&mut frames), read(&mut frames)), (Some(one.clone()), Some(other.clone())));
        assert_eq!(splicer.spliced(), (one.len() + other.len()) as u64);
        // What was lost is sent again, with a third frame.
        splicer.stream(&[one.clone(), other, one.clone()].concat(), &mut frames);
        assert_eq!((read(&mut frames), read(&mut frames)), (Some(one), None));
        assert_eq!((splicer.ahead.len(), splicer.bytes), (0, 0));
    }

    #[test]
    fn no_datagram_is_kept_that_is_known_far_ahead_or_too_much() {
        let (mut splicer, mut frames) = (Splicer::default(), decoder());
        let mut send = |place: u64, length: usize| {
            let datagram = [&place.to_le_bytes()[..], &vec![0; length]].concat();
            splicer.datagram(&datagram, &mut frames).map(|()| splicer.bytes)
        };
        assert_eq!(send(limits::MAX_SPLICE as u64, 1), Ok(0));
        assert_eq!(send(u64::MAX - 5, 5), Ok(0));
        let mut kept = 0;
        for place in 1..2_000 {
            kept = send(place, 1_000).unwrap();
        }
        assert!(kept <= limits::MAX_SPLICE, "{kept}");
        for place in 1..2_000 {
            send(place, 1).unwrap();
        }
        for malformed in [send(u64::MAX, 1), send(0, 0), send(0, limits::MAX_DATAGRAM)] {
            assert!(malformed.is_err());
        }
        assert!(splicer.datagram(b"short", &mut frames).is_err());
        assert!(splicer.ahead.len() <= limits::MAX_SPLICE_PIECES);
    }
}
