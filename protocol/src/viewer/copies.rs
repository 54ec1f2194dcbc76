//! Copies of input that go beside the ordered stream, so that a lost packet delays no key until the carrier notices the loss.
//!
//! A datagram carries the last inputs, as the frames they had on the stream, without a gap. It goes a little after an input that
//! begins or ends something, twice, or at once with the next such input: in the packet of the input itself it would be lost
//! with it. The host takes from it what it lacks.
//!
//! Owns the last few inputs. Must never hold back an input, and must stay silent where copies were not agreed on.

use crate::time::{Duration, Instant};
use crate::{Input, InputSequence, TouchPhase, limits};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

/// From an input to its copies. The first comes before anybody feels that the input is late, and after the packets around it, for
/// packets are often lost together; the second in case that one is lost as well.
const AFTER: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(25)];

/// An input older than this has been repeated by the stream itself on any link on which working is bearable.
const OLD: Duration = Duration::from_millis(300);

/// Inputs in one datagram: half a second of fast typing, 200 bytes.
const MOST: usize = 16;

#[derive(Default)]
pub(crate) struct Copies {
    is_agreed: bool,
    recent: VecDeque<Recent>,
    bytes: usize,
    /// When the newest input was sent that is to be copied, and how many of its copies were.
    last: Option<(Instant, usize)>,
    datagram: Option<Vec<u8>>,
}

struct Recent {
    sequence: InputSequence,
    at: Instant,
    frame: Vec<u8>,
}

/// Without what was typed.
impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").field("sequence", &self.sequence).field("at", &self.at).finish_non_exhaustive()
    }
}

/// Without what was typed.
impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_agreed, recent, last, .. } = self;
        let mut copies = f.debug_struct("Copies");
        copies.field("is_agreed", is_agreed).field("recent", recent).field("last", last).finish_non_exhaustive()
    }
}

impl Copies {
    /// Both ends want copies from now on.
    pub(crate) fn agree(&mut self, is_agreed: bool) {
        self.is_agreed = is_agreed;
    }

    /// An input left in this frame.
    pub(crate) fn sent(&mut self, sequence: InputSequence, event: &Input, frame: &[u8], now: Instant) {
        if !self.is_agreed {
            return;
        }
        self.forget_old(now);
        self.bytes += frame.len();
        self.recent.push_back(Recent { sequence, at: now, frame: frame.to_vec() });
        while MOST < self.recent.len() || limits::MAX_DATAGRAM < self.bytes {
            self.drop_oldest();
        }
        if is_copied(event) {
            if self.last.is_some() {
                self.make();
            }
            self.last = Some((now, 0));
        }
    }

    /// The host showed what came of this input and all before it.
    pub(crate) fn confirmed(&mut self, input: InputSequence) {
        while self.recent.front().is_some_and(|oldest| oldest.sequence <= input) {
            self.drop_oldest();
        }
        if self.recent.is_empty() {
            self.last = None;
        }
    }

    /// When the next copy is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.last.and_then(|(at, done)| AFTER.get(done).map(|&after| at + after))
    }

    /// Makes the copy that is due.
    pub(crate) fn flush_due(&mut self, now: Instant) {
        while let (Some(at), Some((_, done))) = (self.deadline(), &mut self.last) {
            if now < at {
                return;
            }
            *done += 1;
            if *done == AFTER.len() {
                self.last = None;
            }
            self.forget_old(now);
            self.make();
        }
    }

    /// The datagram to send now.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        self.datagram.take()
    }

    /// A newer datagram has all that one holds which was not taken yet.
    fn make(&mut self) {
        if !self.recent.is_empty() {
            self.datagram = Some(self.recent.iter().flat_map(|recent| recent.frame.iter().copied()).collect());
        }
    }

    fn forget_old(&mut self, now: Instant) {
        while self.recent.front().is_some_and(|oldest| oldest.at + OLD < now) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.recent.pop_front() {
            self.bytes -= oldest.frame.len();
        }
    }
}

/// Whether the input begins or ends something. What moves is followed by more that moves.
fn is_copied(event: &Input) -> bool {
    match event {
        Input::Key { .. } | Input::PointerButton { .. } | Input::Preedit { .. } | Input::Commit { .. } => true,
        Input::Touch { phase, .. } => *phase != TouchPhase::Motion,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Key, ToHost, frame};

    fn key() -> Input {
        Input::Key { key: Key::clamped(30), pressed: true }
    }

    fn at(millis: u64) -> Instant {
        Instant::from_micros(1_000_000 + millis * 1_000)
    }

    struct Typist {
        copies: Copies,
        last: InputSequence,
    }

    impl Typist {
        fn new() -> Self {
            let mut copies = Copies::default();
            copies.agree(true);
            Self { copies, last: InputSequence::NONE }
        }

        fn sends(&mut self, event: &Input, millis: u64) {
            self.last = self.last.next();
            let mut bytes = Vec::new();
            frame::encode_to_host(&ToHost::Input { sequence: self.last, event: event.clone() }, &mut bytes);
            self.copies.sent(self.last, event, &bytes, at(millis));
        }

        fn takes(&mut self) -> Option<Vec<u64>> {
            let datagram = self.copies.take()?;
            assert!(datagram.len() <= limits::MAX_DATAGRAM);
            let mut decoder = frame::Decoder::new(&[frame::Kind::ToHost]);
            decoder.push(&datagram);
            let mut numbers = Vec::new();
            while let Some(frame) = decoder.next_frame().unwrap() {
                let Ok(ToHost::Input { sequence, .. }) = ToHost::decode(frame.body) else { panic!("no input") };
                numbers.push(sequence.0);
            }
            Some(numbers)
        }
    }

    #[test]
    fn a_key_goes_twice_more_and_then_no_more() {
        let mut typist = Typist::new();
        typist.sends(&key(), 0);
        assert_eq!((typist.takes(), typist.copies.deadline()), (None, Some(at(10))));
        typist.copies.flush_due(at(9));
        assert_eq!(typist.takes(), None);
        typist.copies.flush_due(at(10));
        assert_eq!((typist.takes(), typist.copies.deadline()), (Some(alloc::vec![1]), Some(at(25))));
        typist.copies.flush_due(at(25));
        assert_eq!((typist.takes(), typist.copies.deadline()), (Some(alloc::vec![1]), None));
    }

    #[test]
    fn the_next_key_takes_the_one_before_along_at_once() {
        let mut typist = Typist::new();
        typist.sends(&key(), 0);
        typist.sends(&Input::PointerLeave, 2);
        typist.sends(&key(), 4);
        assert_eq!((typist.takes(), typist.copies.deadline()), (Some(alloc::vec![1, 2, 3]), Some(at(14))));
    }

    #[test]
    fn what_was_shown_and_what_is_old_is_not_copied() {
        let mut typist = Typist::new();
        typist.sends(&key(), 0);
        typist.sends(&key(), 4);
        typist.copies.confirmed(InputSequence(1));
        typist.copies.flush_due(at(14));
        assert_eq!(typist.takes(), Some(alloc::vec![2]));
        typist.copies.confirmed(InputSequence(2));
        assert_eq!((typist.takes(), typist.copies.deadline()), (None, None));
        typist.sends(&key(), 1_000);
        typist.sends(&key(), 2_000);
        typist.copies.flush_due(at(2_010));
        assert_eq!(typist.takes(), Some(alloc::vec![4]));
    }

    #[test]
    fn a_datagram_is_bounded_and_motions_alone_make_none() {
        let mut typist = Typist::new();
        for _ in 0..100 {
            typist.sends(&Input::PointerLeave, 0);
        }
        assert_eq!((typist.takes(), typist.copies.deadline()), (None, None));
        typist.sends(&key(), 1);
        typist.copies.flush_due(at(11));
        assert_eq!(typist.takes(), Some((86..=101).collect()));
        let long = crate::Text::new(&"あ".repeat(limits::MAX_TEXT / 3)).unwrap();
        typist.sends(&Input::Commit { text: long.clone() }, 12);
        typist.sends(&Input::Commit { text: long }, 13);
        assert_eq!(typist.takes(), Some(alloc::vec![103]));
    }

    #[test]
    fn what_was_typed_is_not_in_what_is_printed_for_developers() {
        let mut typist = Typist::new();
        typist.sends(&Input::Commit { text: crate::Text::new("himitsu").unwrap() }, 0);
        typist.copies.flush_due(at(10));
        let printed = alloc::format!("{:?}", typist.copies);
        assert!(printed.contains("Recent") && !printed.contains("104, 105, 109"), "{printed}");
    }

    #[test]
    fn nothing_is_kept_where_copies_were_not_agreed_on() {
        let mut typist = Typist::new();
        typist.copies.agree(false);
        typist.sends(&key(), 0);
        typist.copies.flush_due(at(100));
        assert_eq!((typist.takes(), typist.copies.deadline(), typist.copies.bytes), (None, None, 0));
    }
}
