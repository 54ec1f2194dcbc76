//! The relay between a real viewer's and a real host's state machine, without a network: what passes, and what does not.

use proptest::prelude::*;
use shoji_protocol::{
    CanvasId, CanvasKind, Input, Key, Notice, Pixels, Rate, ResumeToken, Scale, Size, Text, UpdateId, limits as wire,
};

use super::*;

const UPDATES: Option<Channel> = Some(Channel::Updates);
const CANVAS: CanvasId = CanvasId(1);

/// A viewer, the relay and a host; the tests carry the bytes.
struct Line {
    viewer: viewer::Connection,
    relay: Relay,
    host: host::Connection,
    now: Instant,
    /// What the viewer was shown: the newest input of each update, with its bytes.
    shown: Vec<(InputSequence, usize)>,
    /// What the host's worker was given.
    given: Vec<ToHost>,
    words: Vec<Word>,
}

fn viewport() -> Viewport {
    Viewport::new(Size::new(800, 600).unwrap(), Scale::ONE, Rate::HZ_60).unwrap()
}

fn key(pressed: bool) -> Input {
    Input::Key { key: Key::new(30).unwrap(), pressed }
}

fn update(number: u64, input: u64, bytes: &[u8]) -> Vec<u8> {
    let message = ToViewer::Update {
        canvas: CANVAS,
        update: UpdateId(number),
        size: Size::new(800, 600).unwrap(),
        input: InputSequence(input),
        more: false,
        pixels: Pixels::new(bytes).unwrap(),
    };
    let mut frame = Vec::new();
    frame::encode_to_viewer(&message, &mut frame);
    frame
}

fn opened() -> Vec<u8> {
    let size = Size::new(800, 600).unwrap();
    let message = ToViewer::CanvasOpened { canvas: CANVAS, kind: CanvasKind::Window, parent: None, size };
    let mut frame = Vec::new();
    frame::encode_to_viewer(&message, &mut frame);
    frame
}

impl Line {
    fn new(policy: Policy) -> Self {
        let now = Instant::from_micros(1_000_000);
        let budget = Arc::new(Mutex::new(Budget::new(&policy.input, now)));
        Self {
            viewer: viewer::Connection::new(viewer::Config::new(viewport()), now),
            relay: Relay::new(policy, budget, now),
            host: host::Connection::new(host::Config::default(), now),
            now,
            shown: Vec::new(),
            given: Vec::new(),
            words: Vec::new(),
        }
    }

    fn attached() -> Self {
        Self::attached_with(Policy::default())
    }

    fn attached_with(policy: Policy) -> Self {
        let mut line = Self::new(policy);
        line.carry();
        assert!(line.viewer.is_attached());
        line.host_shows(&opened());
        line
    }

    fn wait(&mut self, millis: u64) {
        self.now = self.now + shoji_protocol::time::Duration::from_millis(millis);
    }

    /// Carries frames until nobody says anything more.
    fn carry(&mut self) {
        loop {
            let mut quiet = true;
            while let Some((channel, frame)) = self.viewer.poll_send() {
                quiet = false;
                self.relay.viewer_sent(Some(channel), &frame, self.now);
            }
            if let Some(wanted) = self.relay.poll_wanted() {
                self.relay.connected(wanted, Capabilities::ALL, self.now);
            }
            while let Some((channel, frame)) = self.relay.poll_host() {
                quiet = false;
                // A host that is over takes nothing; that is no fault of the gate.
                self.host.handle_frame(channel, &frame[HEADER_BYTES..], self.now).unwrap();
            }
            while let Some(event) = self.host.poll_event() {
                match event {
                    host::Event::AttachRequested { .. } => {
                        assert!(self.host.attached(SessionId(4), ResumeToken(7), true, self.now));
                    }
                    host::Event::ForWorker(message) => self.given.push(message),
                    _ => {}
                }
            }
            while let Some((channel, frame)) = self.host.poll_send() {
                quiet = false;
                self.relay.host_sent(Some(channel), &frame, self.now);
            }
            while let Some((channel, frame)) = self.relay.poll_viewer() {
                quiet = false;
                let event = self.viewer.handle_frame(channel, &frame[HEADER_BYTES..], self.now).unwrap();
                if let Some(viewer::Event::Update { canvas, update, input, pixels, .. }) = event {
                    self.shown.push((input, pixels.bytes().len()));
                    self.viewer.presented(canvas, update);
                }
            }
            while let Some(word) = self.relay.poll_word() {
                self.words.push(word);
            }
            if quiet {
                return;
            }
        }
    }

    /// A worker's frame takes its way through the host.
    fn host_shows(&mut self, frame: &[u8]) {
        let channel = self.host.forward(&frame[HEADER_BYTES..], self.now).unwrap().expect("it has a viewer");
        self.relay.host_sent(Some(channel), frame, self.now);
        self.carry();
    }

    /// The host breaks rules: bytes that no host sends.
    fn host_raves(&mut self, channel: Option<Channel>, bytes: &[u8]) {
        self.relay.host_sent(channel, bytes, self.now);
        while let Some(word) = self.relay.poll_word() {
            self.words.push(word);
        }
    }

    fn types(&mut self, event: Input) {
        self.viewer.input(event, self.now).expect("there is a session");
        self.carry();
    }

    fn refusal(&self) -> Option<Refusal> {
        self.words.iter().find_map(|word| match word {
            Word::Refused(refusal) => Some(*refusal),
            _ => None,
        })
    }
}

#[test]
fn a_viewer_gets_its_session_with_its_token_and_its_keys_arrive() {
    let mut line = Line::attached();
    line.types(key(true));
    line.types(key(false));
    let keys = [(1, true), (2, false)]
        .map(|(sequence, pressed)| ToHost::Input { sequence: InputSequence(sequence), event: key(pressed) });
    assert_eq!(line.given, keys);
    line.host_shows(&update(1, 2, b"pixels"));
    assert_eq!(line.shown, [(InputSequence(2), 6)]);
    assert_eq!(line.given[2], ToHost::Presented { canvas: CANVAS, update: UpdateId(1) });
    assert_eq!(line.words, [Word::Attached { session: SessionId(4), resumed: true }]);
    assert_eq!((line.relay.counts().inputs, line.relay.counts().updates), (2, 1));
}

#[test]
fn greetings_questions_and_answers_end_at_the_gate() {
    let mut line = Line::attached();
    line.wait(1_500);
    line.viewer.ping(line.now);
    let (channel, question) = line.viewer.poll_send().unwrap();
    line.relay.viewer_sent(Some(channel), &question, line.now);
    assert!(line.relay.poll_host().is_none(), "the host is not asked");
    let (_, answer) = line.relay.poll_viewer().unwrap();
    assert!(matches!(ToViewer::decode(&answer[HEADER_BYTES..]), Ok(ToViewer::Pong { .. })));
}

#[test]
fn a_host_that_does_not_answer_leaves_the_viewer_without_answers_too() {
    let mut line = Line::attached();
    line.types(key(true));
    // The host is silent from now on; the gate asks, and gives it time.
    for _ in 0..60 {
        line.wait(100);
        line.relay.handle_deadline(line.now);
        while line.relay.poll_host().is_some() {}
    }
    line.viewer.ping(line.now);
    while let Some((channel, frame)) = line.viewer.poll_send() {
        line.relay.viewer_sent(Some(channel), &frame, line.now);
    }
    assert!(line.relay.poll_viewer().is_none(), "it would take the host to be there");
}

#[test]
fn an_input_that_is_left_out_does_not_move_the_numbers_of_those_after_it() {
    let mut line = Line::attached();
    line.types(key(true));
    // The canvas goes while a movement on it is on its way.
    let movement = Input::PointerMotion { canvas: CANVAS, position: shoji_protocol::Position::from_pixels(1.0, 1.0) };
    line.viewer.input(movement, line.now).unwrap();
    line.viewer.input(key(false), line.now).unwrap();
    let mut closed = Vec::new();
    frame::encode_to_viewer(&ToViewer::CanvasClosed { canvas: CANVAS }, &mut closed);
    line.host.forward(&closed[HEADER_BYTES..], line.now).unwrap();
    line.relay.host_sent(UPDATES, &closed, line.now);
    let mut reopened = Vec::new();
    let size = Size::new(800, 600).unwrap();
    let message = ToViewer::CanvasOpened { canvas: CanvasId(2), kind: CanvasKind::Window, parent: None, size };
    frame::encode_to_viewer(&message, &mut reopened);
    line.carry();
    line.host_shows(&reopened);
    assert_eq!(line.relay.counts().inputs, 2, "key down and key up");
    let message = ToViewer::Update {
        canvas: CanvasId(2),
        update: UpdateId(1),
        size,
        input: InputSequence(2),
        more: false,
        pixels: Pixels::new(b"x").unwrap(),
    };
    let mut frame = Vec::new();
    frame::encode_to_viewer(&message, &mut frame);
    line.host_shows(&frame);
    assert_eq!(line.shown, [(InputSequence(3), 1)], "the viewer's third is the host's second");
}

#[test]
fn more_than_a_person_makes_is_delayed_told_and_at_last_cut_and_the_session_goes_on() {
    let mut line = Line::attached();
    let mut typed = 0;
    while line.relay.closed().is_none() {
        // A hundred a second: within the protocol's limits.
        line.wait(10);
        if line.viewer.input(key(typed % 2 == 0), line.now).is_some() {
            typed += 1;
        }
        line.relay.handle_deadline(line.now);
        line.carry();
        assert!(typed < 20_000, "it is never cut");
        if line.viewer.closed().is_some() {
            break;
        }
    }
    assert_eq!(line.relay.closed(), Some(CloseCode::TooFast));
    assert!(line.words.iter().any(|word| matches!(word, Word::Delayed(pace::Class::Keys))), "{:?}", line.words);
    assert!(matches!(line.refusal(), Some(Refusal::Input(_))), "{:?}", line.words);
    assert_eq!(line.host.closed(), Some(CloseCode::Normal), "for the host it is a viewer that left");
}

#[test]
fn a_text_carried_out_by_an_input_method_is_held_to_the_characters_of_a_minute() {
    let mut line = Line::attached();
    let text = Text::new(&"秘".repeat(255)).unwrap();
    let began = line.now;
    while line.relay.closed().is_none() && line.now.since(began).as_millis() < 60_000 {
        line.wait(500);
        line.viewer.input(Input::Commit { text: text.clone() }, line.now);
        line.relay.handle_deadline(line.now);
        line.carry();
    }
    let commits = line.given.iter().filter(|message| matches!(message, ToHost::Input { .. })).count();
    assert!(commits * 255 <= 2_400, "{commits} of 255 characters");
}

#[test]
fn an_update_larger_than_allowed_ends_the_connection_and_is_the_hosts_fault() {
    let mut line = Line::attached_with(Policy { largest_update: 100, ..Policy::default() });
    line.host_shows(&update(1, 0, &[1; 100]));
    let frame = update(2, 0, &[1; 101]);
    line.host_raves(UPDATES, &frame);
    assert_eq!(line.refusal(), Some(Refusal::Update { bytes: 101, limit: 100 }));
    assert_eq!(line.relay.closed(), Some(CloseCode::HostOversized));
    assert_eq!(line.shown.len(), 1);
}

#[test]
fn updates_over_their_rate_are_not_read_until_it_allows() {
    let mut line = Line::attached_with(Policy { update_bytes: 1_000, ..Policy::default() });
    assert!(line.relay.takes_updates(line.now));
    line.host_shows(&update(1, 0, &[1; 3_000]));
    assert!(!line.relay.takes_updates(line.now));
    assert!(line.relay.deadline().unwrap() <= line.now + shoji_protocol::time::Duration::from_millis(2_100));
    line.wait(2_100);
    assert!(line.relay.takes_updates(line.now));
}

#[test]
fn updates_are_not_read_before_the_viewer_has_its_session() {
    let mut line = Line::new(Policy::default());
    assert!(!line.relay.takes_updates(line.now));
    line.carry();
    assert!(line.relay.takes_updates(line.now));
}

#[test]
fn every_rule_that_a_host_breaks_ends_its_own_connection_and_is_told() {
    type Rave = (&'static str, Option<Channel>, Vec<u8>, CloseCode);
    let framed = |message: &ToViewer<'_>| {
        let mut frame = Vec::new();
        frame::encode_to_viewer(message, &mut frame);
        frame
    };
    let control = Some(Channel::Control);
    let raves: Vec<Rave> = vec![
        ("no message", control, vec![3, 0, 0, 0, 2, 0xff, 0xff, 0xff], CloseCode::HostMalformed),
        ("a viewer's message", control, vec![1, 0, 0, 0, 1, 2], CloseCode::HostMalformed),
        ("a header of four gigabytes", UPDATES, vec![0xff, 0xff, 0xff, 0xff, 2], CloseCode::HostOversized),
        (
            "an update of no canvas",
            UPDATES,
            {
                let mut frame = update(1, 0, b"x");
                frame[6] = 9;
                frame
            },
            CloseCode::HostWrongState,
        ),
        ("an input nobody made", UPDATES, update(1, 1_000, b"x"), CloseCode::HostOutOfOrder),
        ("an update on the control channel", control, update(1, 0, b"x"), CloseCode::HostWrongChannel),
        (
            "a second session",
            control,
            framed(&ToViewer::Attached { session: SessionId(9), token: ResumeToken(0), resumed: false }),
            CloseCode::HostWrongState,
        ),
    ];
    for (what, channel, bytes, code) in raves {
        let mut line = Line::attached();
        line.host_raves(channel, &bytes);
        assert_eq!(line.relay.closed().map(CloseCode::fault), Some(code.fault()), "{what}");
        assert!(matches!(line.refusal(), Some(Refusal::Protocol(error)) if error.side == Side::Host), "{what}");
        // And nothing that comes after it does anything.
        line.host_raves(UPDATES, &update(1, 0, b"x"));
        assert!(line.shown.is_empty(), "{what}");
    }
}

#[test]
fn a_host_that_floods_the_viewer_with_notices_is_ended() {
    let mut line = Line::attached();
    let mut frame = Vec::new();
    frame::encode_to_viewer(&ToViewer::Notice { notice: Notice::TooManyWindows }, &mut frame);
    for _ in 0..100 {
        line.host_raves(Some(Channel::Control), &frame);
    }
    assert_eq!(line.relay.closed(), Some(CloseCode::HostTooFast));
}

#[test]
fn every_rule_that_a_viewer_breaks_ends_its_own_connection_and_its_session_goes_on() {
    let framed = |message: &ToHost| {
        let mut frame = Vec::new();
        frame::encode_to_host(message, &mut frame);
        frame
    };
    let control = Some(Channel::Control);
    for (what, channel, bytes) in [
        ("no message", control, vec![3, 0, 0, 0, 1, 0xff, 0xff, 0xff]),
        ("a host's message", control, vec![1, 0, 0, 0, 2, 3]),
        ("a header of four gigabytes", Some(Channel::Input), vec![0xff, 0xff, 0xff, 0xff, 1]),
        (
            "an input out of order",
            Some(Channel::Input),
            framed(&ToHost::Input { sequence: InputSequence(7), event: key(true) }),
        ),
        (
            "a second greeting",
            control,
            framed(&ToHost::Hello { minor: wire::MINOR, capabilities: Capabilities::ALL, locale: Locale::Ja }),
        ),
    ] {
        let mut line = Line::attached();
        line.relay.viewer_sent(channel, &bytes, line.now);
        line.carry();
        assert!(matches!(line.refusal(), Some(Refusal::Protocol(error)) if error.side == Side::Viewer), "{what}");
        assert_eq!(line.host.closed(), Some(CloseCode::Normal), "{what}");
    }
}

#[test]
fn the_viewers_reason_to_leave_is_not_told_to_the_host() {
    let mut line = Line::attached();
    line.viewer.close(CloseCode::HostMalformed);
    line.carry();
    assert_eq!(line.host.closed(), Some(CloseCode::Normal));
}

#[test]
fn what_ends_the_session_at_the_host_is_told_to_the_viewer() {
    let mut line = Line::attached();
    line.host.close(CloseCode::EndedByAdministrator);
    line.carry();
    assert_eq!(line.viewer.closed(), Some(CloseCode::EndedByAdministrator));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn bytes_of_either_side_never_bring_the_relay_down(
        from_host in any::<bool>(),
        channel in prop::option::of(prop_oneof![Just(Channel::Control), Just(Channel::Input), Just(Channel::Updates)]),
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..20),
        datagram in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut line = Line::attached();
        for piece in pieces {
            // With a header that holds, so that bodies are looked at.
            let mut frame = u32::try_from(piece.len()).unwrap().to_le_bytes().to_vec();
            frame.push(if from_host { 2 } else { 1 });
            frame.extend_from_slice(&piece);
            match from_host {
                true => line.relay.host_sent(channel, &frame, line.now),
                false => line.relay.viewer_sent(channel, &frame, line.now),
            }
        }
        match from_host {
            true => line.relay.host_sent_datagram(&datagram, line.now),
            false => line.relay.viewer_sent_datagram(&datagram, line.now),
        }
        line.wait(100);
        line.relay.handle_deadline(line.now);
    }
}
