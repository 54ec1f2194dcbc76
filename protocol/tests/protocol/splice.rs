//! Copies of updates beside their stream: whatever is lost, doubled or late, the viewer reads each frame once and in order.

use proptest::prelude::*;
use shoji_protocol::frame::{Decoder, Kind};
use shoji_protocol::splice::{Copier, Splicer};
use shoji_protocol::{Capabilities, Channel, CloseCode, ToViewer, Violation, limits, viewer};

use crate::pair::{Pair, ms, update, viewport};

/// What may happen next.
#[derive(Clone, Debug)]
enum Step {
    /// The host sends an update of so many bytes, with a copy or without.
    Sends(usize, bool),
    Waits(u64),
    /// The stream brings so many bytes.
    Brings(usize),
    /// One of all datagrams arrives, perhaps again.
    Arrives(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_usize..5_000, any::<bool>()).prop_map(|(bytes, copied)| Step::Sends(bytes, copied)),
        (0_u64..20).prop_map(Step::Waits),
        (0_usize..8_000).prop_map(Step::Brings),
        any::<prop::sample::Index>().prop_map(Step::Arrives),
        any::<prop::sample::Index>().prop_map(Step::Arrives),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn every_frame_is_read_once_and_in_order_whichever_way_it_came(steps in steps()) {
        let (mut copier, mut splicer) = (Copier::default(), Splicer::default());
        let mut frames = Decoder::new(&[Kind::ToViewer]);
        let (mut stream, mut brought) = (Vec::new(), 0);
        let (mut datagrams, mut read) = (Vec::<Vec<u8>>::new(), Vec::new());
        let mut now = shoji_protocol::time::Instant::from_micros(1_000_000);
        let mut number = 0_u64;
        for step in steps.into_iter().chain([Step::Brings(usize::MAX)]) {
            match step {
                Step::Sends(bytes, copied) => {
                    number += 1;
                    let start = stream.len();
                    let pixels = vec![number as u8; bytes];
                    shoji_protocol::frame::encode_to_viewer(&update(1, number, 0, &pixels), &mut stream);
                    copier.sent(&stream[start..], copied, now);
                }
                Step::Waits(millis) => {
                    now = now + ms(millis);
                    while let Some(datagram) = copier.take_due(now) {
                        prop_assert!(datagram.len() <= limits::MAX_DATAGRAM);
                        datagrams.push(datagram);
                    }
                    prop_assert!(copier.deadline().is_none_or(|at| now < at));
                }
                Step::Brings(bytes) => {
                    let end = stream.len().min(brought + bytes.min(1 << 30));
                    splicer.stream(&stream[brought..end], &mut frames);
                    brought = end;
                }
                Step::Arrives(which) if !datagrams.is_empty() => {
                    splicer.datagram(which.get::<Vec<u8>>(&datagrams), &mut frames).expect("an honest host is not blamed");
                }
                Step::Arrives(_) => {}
            }
            while let Some(frame) = frames.next_frame().expect("the host's own frames") {
                let ToViewer::Update { update, .. } = ToViewer::decode(frame.body).expect("an update") else {
                    panic!("something else")
                };
                read.push(update.0);
            }
        }
        prop_assert_eq!(read, (1..=number).collect::<Vec<_>>());
        prop_assert_eq!(frames.buffered(), 0);
    }

    #[test]
    fn no_datagram_panics_or_fills_the_memory(datagrams in prop::collection::vec((any::<bool>(), 0_u64..40_000, prop::collection::vec(any::<u8>(), 0..1_100)), 0..60)) {
        let (mut splicer, mut frames) = (Splicer::default(), Decoder::new(&[Kind::ToViewer]));
        for (is_stream, place, bytes) in datagrams {
            if is_stream {
                splicer.stream(&bytes, &mut frames);
            } else {
                let _ = splicer.datagram(&[&place.to_le_bytes()[..], &bytes].concat(), &mut frames);
            }
            prop_assert!(splicer.waiting() <= limits::MAX_SPLICE);
        }
    }
}

fn splice(pair: &mut Pair, datagram: &[u8]) -> Result<(), shoji_protocol::Error> {
    let (mut splicer, mut frames) = (Splicer::default(), Decoder::new(&[Kind::ToViewer]));
    pair.viewer.handle_datagram(datagram, &mut splicer, &mut frames, pair.now)
}

#[test]
fn a_copy_that_is_ahead_of_the_welcome_is_no_fault() {
    let mut pair = Pair::new();
    assert_eq!(splice(&mut pair, &[0; 9]), Ok(()));
    assert_eq!(pair.viewer.closed(), None);
}

#[test]
fn a_copy_that_was_not_agreed_on_ends_the_connection() {
    let mut config = viewer::Config::new(viewport(1280, 800));
    config.capabilities = Capabilities::ALL.without(Capabilities::UPDATE_COPIES);
    let mut pair = Pair::with(config);
    pair.run(ms(100));
    assert!(pair.viewer.is_attached() && !pair.host.copies_updates());
    assert_eq!(splice(&mut pair, &[0; 9]).unwrap_err().violation, Violation::NotAgreed("a datagram"));
    assert_eq!(pair.viewer.closed(), Some(CloseCode::HostWrongState));
}

#[test]
fn a_copy_that_is_none_ends_the_connection() {
    for datagram in [&[0; 8][..], b"short", &[0; limits::MAX_DATAGRAM + 1]] {
        let mut pair = Pair::attached();
        assert!(pair.host.copies_updates());
        assert!(splice(&mut pair, datagram).is_err());
        assert!(pair.viewer.closed().is_some());
    }
}

#[test]
fn copies_without_end_are_too_fast() {
    let mut pair = Pair::attached();
    let burst = limits::UPDATE_COPIES.burst;
    let too_fast = (0..=burst).find_map(|_| splice(&mut pair, &[0; 9]).err());
    assert_eq!(too_fast.map(|error| error.violation), Some(Violation::TooFast(limits::UPDATE_COPIES.name)));
}

#[test]
fn a_spliced_frame_is_taken_like_any_other() {
    let mut pair = Pair::attached();
    let mut bytes = Vec::new();
    shoji_protocol::frame::encode_to_viewer(&update(1, 1, 0, b"pixels"), &mut bytes);
    let (mut splicer, mut frames) = (Splicer::default(), Decoder::new(&[Kind::ToViewer]));
    let datagram = [&0_u64.to_le_bytes()[..], &bytes].concat();
    pair.viewer.handle_datagram(&datagram, &mut splicer, &mut frames, pair.now).unwrap();
    let frame = frames.next_frame().unwrap().expect("whole");
    let event = pair.viewer.handle_frame(Channel::Updates, frame.body, pair.now).unwrap();
    assert!(matches!(event, Some(viewer::Event::Update { .. })));
}
