//! Copies of input in datagrams beside the ordered stream: whatever is lost, doubled or late, the worker gets each input once and in
//! order.

use proptest::prelude::*;
use shoji_protocol::frame::{self, HEADER_BYTES};
use shoji_protocol::{Capabilities, Channel, Input, InputSequence, Key, Text, ToHost, viewer};

use crate::pair::{Pair, body, ms, opened, update, viewport};

fn key(pressed: bool) -> Input {
    Input::Key { key: Key::new(30).unwrap(), pressed }
}

/// A pair of which the test carries the input itself.
struct Carried {
    pair: Pair,
    /// Frames on the stream that the host has not seen, in order.
    stream: Vec<Vec<u8>>,
    /// Every datagram that ever left.
    datagrams: Vec<Vec<u8>>,
    given: Vec<Input>,
    taken: Vec<(InputSequence, Input)>,
}

impl Carried {
    fn new() -> Self {
        Self { pair: Pair::attached(), stream: vec![], datagrams: vec![], given: vec![], taken: vec![] }
    }

    fn types(&mut self, event: &Input) {
        assert!(self.pair.viewer.input(event.clone(), self.pair.now).is_some());
        self.given.push(event.clone());
        self.collect();
    }

    fn waits(&mut self, millis: u64) {
        self.pair.now = self.pair.now + ms(millis);
        self.pair.viewer.handle_deadline(self.pair.now);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some((channel, frame)) = self.pair.viewer.poll_send() {
            if channel == Channel::Input {
                self.stream.push(frame[HEADER_BYTES..].to_vec());
            }
        }
        self.datagrams.extend(self.pair.viewer.poll_datagram());
        while let Some(event) = self.pair.host.poll_event() {
            if let shoji_protocol::host::Event::ForWorker(ToHost::Input { sequence, event }) = event {
                self.taken.push((sequence, event));
            }
        }
    }

    fn delivers(&mut self, count: usize) {
        for body in self.stream.drain(..count.min(self.stream.len())) {
            self.pair.host.handle_frame(Channel::Input, &body, self.pair.now).expect("an honest viewer is not blamed");
        }
        self.collect();
    }

    fn delivers_datagram(&mut self, which: usize) {
        if let Some(datagram) = self.datagrams.get(which) {
            self.pair.host.handle_datagram(datagram, self.pair.now).expect("an honest viewer is not blamed");
            self.collect();
        }
    }

    /// What the worker has is the beginning of what was typed.
    fn check(&self) {
        for (place, (sequence, event)) in self.taken.iter().enumerate() {
            assert_eq!((sequence.0, event), (place as u64 + 1, &self.given[place]));
        }
    }
}

#[test]
fn a_key_whose_packet_is_lost_comes_ten_milliseconds_later_and_not_once_more() {
    let mut carried = Carried::new();
    carried.types(&key(true));
    carried.waits(10);
    assert_eq!((carried.datagrams.len(), carried.taken.len()), (1, 0));
    carried.delivers_datagram(0);
    assert_eq!(carried.taken.len(), 1);
    carried.types(&key(false));
    carried.waits(10);
    carried.delivers_datagram(1);
    assert_eq!(carried.taken.len(), 2, "nor does it block the next");
    carried.delivers(1);
    carried.delivers_datagram(0);
    carried.delivers(1);
    assert_eq!(carried.taken.len(), 2);
    carried.check();
}

#[test]
fn an_input_after_a_gap_is_left_to_the_stream() {
    let mut carried = Carried::new();
    for _ in 0..30 {
        carried.types(&key(true));
    }
    carried.waits(10);
    carried.delivers_datagram(carried.datagrams.len() - 1);
    assert!(carried.taken.is_empty());
    carried.delivers(usize::MAX);
    assert_eq!(carried.taken.len(), 30);
    carried.check();
}

#[test]
fn what_the_host_has_shown_is_not_copied_again() {
    let mut carried = Carried::new();
    carried.types(&key(true));
    carried.delivers(1);
    carried.pair.show(&update(1, 1, 1, &[1]));
    carried.pair.settle();
    carried.waits(100);
    assert!(carried.datagrams.is_empty());
}

#[test]
fn copies_go_only_where_both_ends_want_them() {
    let mut config = viewer::Config::new(viewport(1280, 800));
    config.capabilities = Capabilities::H264;
    let mut pair = Pair::with(config);
    pair.settle();
    pair.show(&opened(1));
    pair.settle();
    assert!(pair.viewer.input(key(true), pair.now).is_some());
    pair.run(ms(100));
    assert_eq!(pair.viewer.poll_datagram(), None);
}

#[derive(Clone, Debug)]
enum Happens {
    Typed(Input),
    Waited(u64),
    Stream(usize),
    Datagram(prop::sample::Index),
}

fn happens() -> impl Strategy<Value = Happens> {
    let texts = || "[あ-ん]{0,200}".prop_map(|text| Text::new(&text).unwrap());
    prop_oneof![
        any::<bool>().prop_map(|pressed| Happens::Typed(key(pressed))),
        Just(Happens::Typed(Input::PointerLeave)),
        texts().prop_map(|text| Happens::Typed(Input::Commit { text })),
        (0u64..40).prop_map(Happens::Waited),
        (0usize..4).prop_map(Happens::Stream),
        any::<prop::sample::Index>().prop_map(Happens::Datagram),
        any::<prop::sample::Index>().prop_map(Happens::Datagram),
    ]
}

proptest! {
    #[test]
    fn each_input_comes_once_and_in_order(all in prop::collection::vec(happens(), 1..80)) {
        let mut carried = Carried::new();
        for one in all {
            match one {
                Happens::Typed(event) => carried.types(&event),
                Happens::Waited(millis) => carried.waits(millis),
                Happens::Stream(count) => carried.delivers(count),
                Happens::Datagram(which) => carried.delivers_datagram(which.index(carried.datagrams.len().max(1))),
            }
            carried.check();
        }
        carried.delivers(usize::MAX);
        carried.check();
        prop_assert_eq!(carried.taken.len(), carried.given.len());
    }
}

#[test]
fn a_datagram_is_frames_as_they_are_on_the_stream() {
    let mut carried = Carried::new();
    carried.types(&key(true));
    carried.types(&key(false));
    carried.waits(10);
    let mut bytes = Vec::new();
    for (sequence, pressed) in [(1, true), (2, false)] {
        frame::encode_to_host(&ToHost::Input { sequence: InputSequence(sequence), event: key(pressed) }, &mut bytes);
    }
    assert_eq!(carried.datagrams.last(), Some(&bytes));
    assert_eq!(carried.stream[0], body(&ToHost::Input { sequence: InputSequence(1), event: key(true) }));
}
