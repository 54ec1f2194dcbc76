//! Two ends of the reliable channels over a bad link, on virtual time.

use std::collections::BTreeMap;

use proptest::prelude::*;
use shoji_protocol::reliable::End;
use shoji_protocol::time::{Duration, Instant};
use shoji_protocol::{Channel, Side, Violation, limits};

/// A link that loses, doubles and delays, by a seeded draw.
struct Link {
    now: Instant,
    host: End,
    viewer: End,
    /// On their way, by when they arrive and a number that tells those of one moment apart.
    to_host: BTreeMap<(Instant, u64), Vec<u8>>,
    to_viewer: BTreeMap<(Instant, u64), Vec<u8>>,
    sent: u64,
    state: u64,
    /// Of a thousand.
    loss: u64,
    doubling: u64,
    one_way: Duration,
    jitter: Duration,
    /// Packets to the viewer, by their place, that are lost whatever is drawn.
    doomed: Vec<u64>,
    told_viewer: u64,
    read: BTreeMap<u8, Vec<u8>>,
    most_in_flight: u64,
    /// Bytes of the viewer's last packets, newest last.
    answers: Vec<usize>,
}

impl Link {
    fn new(seed: u64, loss: u64, one_way: u64) -> Self {
        let now = Instant::from_micros(5_000_000);
        Self {
            now,
            host: End::new(Side::Host, now),
            viewer: End::new(Side::Viewer, now),
            to_host: BTreeMap::new(),
            to_viewer: BTreeMap::new(),
            sent: 0,
            state: seed,
            loss,
            doubling: 0,
            one_way: Duration::from_millis(one_way),
            jitter: Duration::ZERO,
            doomed: Vec::new(),
            told_viewer: 0,
            read: BTreeMap::new(),
            most_in_flight: 0,
            answers: Vec::new(),
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % below.max(1)
    }

    /// Sends what both ends have to send, and reads what came.
    fn pump(&mut self) {
        loop {
            let (packet, is_hosts) = match self.host.packet(self.now) {
                Some(packet) => (packet, true),
                None => match self.viewer.packet(self.now) {
                    Some(packet) => (packet, false),
                    None => break,
                },
            };
            assert!(packet.len() <= limits::RELIABLE_PACKET);
            if !is_hosts {
                self.answers.push(packet.len());
            }
            let is_doomed = is_hosts && {
                self.told_viewer += 1;
                self.doomed.contains(&(self.told_viewer - 1))
            };
            let copies = if is_doomed || self.draw(1_000) < self.loss {
                0
            } else if self.draw(1_000) < self.doubling {
                2
            } else {
                1
            };
            for _ in 0..copies {
                let later = self.draw(self.jitter.as_micros() + 1);
                let at = self.now + self.one_way + Duration::from_micros(later);
                self.sent += 1;
                let way = if is_hosts { &mut self.to_viewer } else { &mut self.to_host };
                way.insert((at, self.sent), packet.clone());
            }
            let (in_flight, window) = self.host.flight();
            // A probe may go beyond the window.
            assert!(in_flight <= window + 2 * limits::RELIABLE_PACKET as u64 || window < self.most_in_flight);
            self.most_in_flight = self.most_in_flight.max(in_flight);
            assert!(in_flight <= limits::RELIABLE_WINDOW + 64 * limits::RELIABLE_PACKET as u64);
        }
        while let Some((channel, bytes)) = self.viewer.read() {
            self.read.entry(channel as u8).or_default().extend(bytes);
        }
        while let Some((channel, bytes)) = self.host.read() {
            self.read.entry(10 + channel as u8).or_default().extend(bytes);
        }
    }

    /// Goes on to what happens next; `false`: nothing will.
    fn step(&mut self) -> bool {
        self.pump();
        let arrives = |way: &BTreeMap<(Instant, u64), Vec<u8>>| way.keys().next().map(|(at, _)| *at);
        let next = [arrives(&self.to_host), arrives(&self.to_viewer), self.host.deadline(), self.viewer.deadline()];
        let Some(next) = next.into_iter().flatten().min() else { return false };
        self.now = self.now.max(next);
        while let Some(first) = self.to_host.first_entry().filter(|first| first.key().0 <= self.now) {
            self.host.receive(&first.remove(), self.now).unwrap();
        }
        while let Some(first) = self.to_viewer.first_entry().filter(|first| first.key().0 <= self.now) {
            self.viewer.receive(&first.remove(), self.now).unwrap();
        }
        if self.host.deadline().is_some_and(|at| at <= self.now) {
            self.host.due(self.now);
        }
        if self.viewer.deadline().is_some_and(|at| at <= self.now) {
            self.viewer.due(self.now);
        }
        self.pump();
        true
    }

    fn read_of(&self, channel: Channel, is_hosts: bool) -> &[u8] {
        self.read.get(&(channel as u8 + if is_hosts { 0 } else { 10 })).map_or(&[], Vec::as_slice)
    }

    /// Gives the host all of it as it takes it, until the viewer has it or the time is over.
    fn bring(&mut self, channel: Channel, bytes: &[u8], within: Duration) -> Duration {
        let (began, before) = (self.now, self.read_of(channel, true).len());
        let mut given = 0;
        while self.read_of(channel, true).len() < before + bytes.len() {
            given += self.host.write(channel, &bytes[given..]);
            assert!(self.step(), "nothing will ever happen");
            assert!(self.now.since(began) < within, "it takes longer than {within:?}");
        }
        assert_eq!(&self.read_of(channel, true)[before..], bytes);
        self.now.since(began)
    }

    /// Until everything was told.
    fn rest(&mut self) {
        while self.step() {}
    }
}

fn noise(length: usize, salt: u64) -> Vec<u8> {
    (0..length as u64).map(|at| ((at + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn everything_arrives_in_order_and_once_however_bad_the_link_is(
        seed in any::<u64>(), loss in 0u64..300, doubling in 0u64..300, jitter in 0u64..30_000, one_way in 0u64..60,
        lengths in prop::collection::vec((0u8..4, 1usize..40_000), 1..12),
    ) {
        let mut link = Link::new(seed, loss, one_way);
        (link.doubling, link.jitter) = (doubling, Duration::from_micros(jitter));
        let mut wanted: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
        let mut waiting: Vec<(bool, Channel, Vec<u8>)> = Vec::new();
        for (at, (way, length)) in lengths.into_iter().enumerate() {
            let bytes = noise(length, at as u64);
            let (is_hosts, channel) = match way {
                0 => (true, Channel::Control),
                1 => (true, Channel::Updates),
                2 => (false, Channel::Control),
                _ => (false, Channel::Input),
            };
            wanted.entry(channel as u8 + if is_hosts { 0 } else { 10 }).or_default().extend(&bytes);
            waiting.push((is_hosts, channel, bytes));
        }
        let end = link.now + Duration::from_millis(300_000);
        while link.read != wanted {
            for (is_hosts, channel, bytes) in &mut waiting {
                let side = if *is_hosts { &mut link.host } else { &mut link.viewer };
                let taken = side.write(*channel, bytes);
                bytes.drain(..taken);
            }
            // What is left of a channel goes before what comes after it.
            waiting.retain(|(_, _, bytes)| !bytes.is_empty());
            prop_assert!(link.step(), "nothing will ever happen");
            prop_assert!(link.now < end, "it takes forever");
        }
        link.rest();
        prop_assert_eq!(&link.read, &wanted);
        prop_assert!(link.host.has_arrived(Channel::Updates) && link.viewer.has_arrived(Channel::Input));
        prop_assert_eq!((link.host.flight().0, link.host.kept(), link.viewer.kept()), (0, 0, 0));
    }

    #[test]
    fn any_bytes_are_taken_or_refused_and_nothing_grows(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..60),
        heads in prop::collection::vec((0u8..6, 0u8..3, 0u64..700_000, 0u16..40), 0..200),
    ) {
        let mut end = End::new(Side::Host, Instant::from_micros(1));
        let made = heads.into_iter().enumerate().map(|(number, (kind, channel, place, length))| {
            let mut packet = (number as u64 * 3).to_le_bytes().to_vec();
            packet.extend([kind, channel]);
            packet.extend(place.to_le_bytes());
            packet.extend(length.to_le_bytes());
            packet.extend(vec![7; length.into()]);
            packet
        });
        for (at, packet) in packets.into_iter().chain(made).enumerate() {
            let now = Instant::from_micros(at as u64 * 1_000);
            let _ = end.receive(&packet, now);
            while end.packet(now).is_some() {}
            prop_assert!(end.kept() as u64 <= limits::RELIABLE_CONTROL_ROOM + limits::RELIABLE_INPUT_ROOM);
        }
    }
}

#[test]
fn a_lost_packet_costs_about_a_round_trip_and_not_a_second() {
    for lost in 0..10 {
        let mut link = Link::new(1, 0, 10);
        link.bring(Channel::Updates, &noise(20_000, 1), Duration::from_millis(1_000));
        link.rest();
        link.doomed = vec![link.told_viewer + lost];
        let took = link.bring(Channel::Updates, &noise(11_000, 2), Duration::from_millis(1_000));
        assert!(took <= Duration::from_millis(75), "packet {lost} of them: {took:?}");
    }
}

#[test]
fn a_lost_last_packet_is_asked_for_after_two_round_trips() {
    let mut link = Link::new(1, 0, 10);
    link.bring(Channel::Updates, &noise(20_000, 1), Duration::from_millis(1_000));
    link.rest();
    link.doomed = vec![link.told_viewer];
    let took = link.bring(Channel::Control, b"alone", Duration::from_millis(1_000));
    assert!(took <= Duration::from_millis(75), "{took:?}");
}

#[test]
fn one_or_five_lost_in_a_hundred_leave_pictures_quick() {
    for (loss, median, worst) in [(10, 40, 250), (50, 120, 700)] {
        let mut link = Link::new(9, loss, 10);
        let mut times: Vec<_> =
            (0..200).map(|at| link.bring(Channel::Updates, &noise(8_000, at), Duration::from_millis(5_000))).collect();
        times.sort();
        assert!(times[100] <= Duration::from_millis(median), "{loss}: half take {:?}", times[100]);
        assert!(times[199] <= Duration::from_millis(worst), "{loss}: the slowest takes {:?}", times[199]);
    }
}

#[test]
fn a_large_update_comes_whole_and_fills_no_more_than_the_window() {
    let mut link = Link::new(3, 10, 10);
    link.bring(Channel::Updates, &noise(3_000_000, 3), Duration::from_millis(60_000));
    assert!(link.most_in_flight <= limits::RELIABLE_WINDOW + 2 * limits::RELIABLE_PACKET as u64);
}

#[test]
fn a_viewer_that_reads_nothing_bounds_what_is_sent_to_it() {
    let now = Instant::from_micros(1);
    let (mut host, mut viewer) = (End::new(Side::Host, now), End::new(Side::Viewer, now));
    let mut given = 0;
    for _ in 0..10_000 {
        given += host.write(Channel::Updates, &noise(limits::RELIABLE_PACKET, given as u64));
        while let Some(packet) = host.packet(now) {
            viewer.receive(&packet, now).unwrap();
        }
        while let Some(packet) = viewer.packet(now) {
            host.receive(&packet, now).unwrap();
        }
    }
    assert_eq!(viewer.kept() as u64, limits::RELIABLE_UPDATES_ROOM);
    // The last packets are not told of yet: the clock stands still.
    let most = limits::RELIABLE_UPDATES_ROOM as usize + limits::RELIABLE_WAITING;
    assert!((most - 4 * limits::RELIABLE_PACKET..=most).contains(&given), "{given}");
    // It reads on, and the rest comes.
    while let Some((_, bytes)) = viewer.read() {
        assert!(!bytes.is_empty());
    }
    let packet = viewer.packet(now).expect("it tells of its room");
    host.receive(&packet, now).unwrap();
    assert!(host.packet(now).is_some());
}

#[test]
fn a_link_that_stood_still_goes_on_within_a_second() {
    let mut link = Link::new(1, 0, 10);
    link.bring(Channel::Control, b"before", Duration::from_millis(100));
    link.rest();
    link.loss = 1_000;
    link.host.write(Channel::Control, b"during");
    let end = link.now + Duration::from_millis(15_000);
    while link.now < end {
        assert!(link.step());
    }
    let packets = link.sent;
    assert!(packets < 60, "a dead link is not flooded");
    link.loss = 0;
    let back = link.now;
    while link.read_of(Channel::Control, true).len() < 12 {
        assert!(link.step());
    }
    assert!(link.now.since(back) <= Duration::from_millis(1_100), "{:?}", link.now.since(back));
}

#[test]
fn what_the_other_end_knows_to_have_come_is_not_told_for_ever() {
    // Nothing but pictures, of which one packet in twenty is lost: the viewer only answers.
    let mut link = Link::new(3, 50, 10);
    for round in 0..200 {
        link.bring(Channel::Updates, &noise(4_000, round), Duration::from_millis(3_000));
    }
    let last = &link.answers[link.answers.len() / 2..];
    let mean = last.iter().sum::<usize>() / last.len();
    // Number, what came, and six ranges.
    assert!(mean <= 8 + 14 + 6 * 8, "an answer has {mean} bytes");
}

#[test]
fn as_many_lost_packets_as_are_remembered_do_not_end_the_conversation() {
    let mut link = Link::new(1, 0, 10);
    // Opens the window, so that it is the number of packets that counts.
    link.bring(Channel::Updates, &noise(400_000, 1), Duration::from_millis(10_000));
    link.rest();
    link.loss = 1_000;
    let mut written = Vec::new();
    for at in 0..limits::RELIABLE_SENT + 10 {
        let byte = [at as u8];
        assert_eq!(link.host.write(Channel::Updates, &byte), 1);
        written.extend(byte);
        link.pump();
    }
    for _ in 0..3 {
        link.step();
    }
    link.loss = 0;
    let before = link.read_of(Channel::Updates, true).len();
    let end = link.now + Duration::from_millis(5_000);
    while link.read_of(Channel::Updates, true).len() < before + written.len() && link.now < end {
        assert!(link.step(), "nothing will ever happen");
    }
    assert_eq!(&link.read_of(Channel::Updates, true)[before..], written);
}

#[test]
fn the_end_arrives_even_if_its_packet_is_lost() {
    let mut link = Link::new(1, 0, 10);
    link.doomed = vec![1];
    link.host.write(Channel::Control, b"why");
    link.pump();
    link.host.end(4_007);
    while !link.host.is_known_to_end() {
        assert!(link.step());
    }
    assert_eq!((link.viewer.ended(), link.read_of(Channel::Control, true)), (Some(4_007), &b"why"[..]));
}

fn packet(number: u64, parts: &[u8]) -> Vec<u8> {
    [&number.to_le_bytes()[..], parts].concat()
}

#[test]
fn bytes_on_a_channel_of_the_other_direction_are_refused() {
    let now = Instant::from_micros(1);
    let mut bytes = vec![2, 2];
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend([1, 0, 9]);
    let wrong = Violation::WrongChannel { message: "bytes", channel: Channel::Updates };
    assert_eq!(End::new(Side::Host, now).receive(&packet(0, &bytes), now), Err(wrong));
    assert_eq!(End::new(Side::Viewer, now).receive(&packet(0, &bytes), now), Ok(()));
    let mut room = vec![3, 1];
    room.extend(9_u64.to_le_bytes());
    assert!(matches!(End::new(Side::Host, now).receive(&packet(0, &room), now), Err(Violation::WrongChannel { .. })));
}

#[test]
fn bytes_beyond_the_room_are_refused() {
    let now = Instant::from_micros(1);
    let mut bytes = vec![2, 1];
    bytes.extend(limits::RELIABLE_INPUT_ROOM.to_le_bytes());
    bytes.extend([1, 0, 9]);
    let refused = End::new(Side::Host, now).receive(&packet(0, &bytes), now);
    assert_eq!(refused, Err(Violation::TooFast("bytes of a channel")));
}

#[test]
fn to_have_what_was_never_sent_is_refused() {
    let now = Instant::from_micros(1);
    let mut came = vec![1];
    came.extend(5_u64.to_le_bytes());
    came.extend([0; 4]);
    came.push(1);
    came.extend([0, 0, 0, 0, 1, 0, 0, 0]);
    let refused = End::new(Side::Host, now).receive(&packet(0, &came), now);
    assert!(matches!(refused, Err(Violation::OutOfOrder { number: 5, last: 0, .. })));
}

#[test]
fn more_gaps_than_are_kept_make_packets_come_again_and_nothing_is_lost() {
    let now = Instant::from_micros(1);
    let mut host = End::new(Side::Host, now);
    let piece = |number: u64, place: u64| {
        let mut bytes = vec![2, 1];
        bytes.extend(place.to_le_bytes());
        bytes.extend([1, 0, 9]);
        packet(number, &bytes)
    };
    for at in 0..2_000 {
        host.receive(&piece(at, 1 + at * 2), now).unwrap();
    }
    assert!(host.kept() <= 2 * limits::RELIABLE_GAPS);
    // Those that were passed over were not said to have come: they come again, and are taken once there is room.
    for at in 0..2_000 {
        host.receive(&piece(10_000 + at, at), now).unwrap();
    }
    let read: usize = std::iter::from_fn(|| host.read()).map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(read, 2_000);
}
