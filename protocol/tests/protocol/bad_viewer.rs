//! A viewer that breaks the protocol: each way ends in an error, a close code and blame, and in nothing else.

use shoji_protocol::frame::{self, HEADER_BYTES, Header, Kind};
use shoji_protocol::time::Instant;
use shoji_protocol::{
    AttachHow, CanvasId, Capabilities, Channel, CloseCode, DecodeError, Error, Fault, Fixed, Input, InputSequence, Key,
    KeyboardLayout, Locale, Nonce, Position, ResumeToken, SessionId, Side, ToHost, ToViewer, UpdateId, Violation, host,
    limits,
};

use crate::pair::{body, ms, opened, update, viewer_body, viewport};

struct Host {
    connection: host::Connection,
    now: Instant,
}

impl Host {
    fn new() -> Self {
        let now = Instant::from_micros(1);
        Self { connection: host::Connection::new(host::Config::default(), now), now }
    }

    fn greeted(capabilities: Capabilities) -> Self {
        let mut host = Self::new();
        host.say(&ToHost::Hello { minor: 1, capabilities, locale: Locale::Ja }).unwrap();
        host
    }

    fn attached() -> Self {
        Self::attached_with(Capabilities::H264)
    }

    fn attached_with(capabilities: Capabilities) -> Self {
        let mut host = Self::greeted(capabilities);
        host.say(&ToHost::Attach { how: AttachHow::New, viewport: viewport(800, 600), keyboard: KeyboardLayout::Us })
            .unwrap();
        assert!(host.connection.attached(SessionId(1), ResumeToken(2), false, host.now));
        host.show(&opened(1));
        while host.connection.poll_event().is_some() {}
        while host.connection.poll_send().is_some() {}
        host
    }

    fn say(&mut self, message: &ToHost) -> Result<(), Error> {
        self.connection.handle_frame(message.channel(), &body(message), self.now)
    }

    fn show(&mut self, message: &ToViewer<'_>) {
        assert_eq!(self.connection.forward(&viewer_body(message), self.now), Ok(Some(message.channel())));
    }

    fn input(&mut self, sequence: u64, event: Input) -> Result<(), Error> {
        self.say(&ToHost::Input { sequence: InputSequence(sequence), event })
    }

    /// The message is an error with this code, and the connection is over.
    #[track_caller]
    fn ends(mut self, result: Result<(), Error>, code: CloseCode) -> Violation {
        let error = result.expect_err("it breaks the protocol");
        assert_eq!((error.side, error.fault(), error.close_code()), (Side::Viewer, Fault::Viewer, code));
        assert_eq!(self.connection.closed(), Some(code));
        let mut events = std::iter::from_fn(|| self.connection.poll_event());
        assert_eq!(events.find(|event| matches!(event, host::Event::Closed(_))), Some(host::Event::Closed(code)));
        assert_eq!(events.count(), 0);
        let mut last = None;
        while let Some((channel, bytes)) = self.connection.poll_send() {
            assert_eq!(channel, Channel::Control);
            last = Some(bytes);
        }
        let last = last.expect("the viewer is told why");
        assert_eq!(ToViewer::decode(&last[HEADER_BYTES..]), Ok(ToViewer::Close { code }));
        assert_eq!(self.connection.deadline(), None);
        error.violation
    }
}

fn key(pressed: bool) -> Input {
    Input::Key { key: Key::new(30).unwrap(), pressed }
}

#[test]
fn bytes_that_are_no_message() {
    let mut host = Host::attached();
    let result = host.connection.handle_frame(Channel::Control, &[0xff, 0xff, 1], host.now);
    assert_eq!(host.ends(result, CloseCode::Malformed), Violation::Malformed(DecodeError::Value));
}

#[test]
fn an_empty_frame() {
    let mut host = Host::attached();
    let result = host.connection.handle_frame(Channel::Input, &[], host.now);
    host.ends(result, CloseCode::Malformed);
}

#[test]
fn a_frame_that_is_too_long_or_of_a_wrong_kind_is_the_viewers_fault() {
    let error = Header::parse(&[0xff, 0xff, 0xff, 0xff, 1], &[Kind::ToHost]).unwrap_err().by(Side::Viewer);
    assert_eq!((error.close_code(), error.fault()), (CloseCode::Oversized, Fault::Viewer));
    let error = Header::parse(&[1, 0, 0, 0, 2], &[Kind::ToHost]).unwrap_err().by(Side::Viewer);
    assert_eq!((error.close_code(), error.fault()), (CloseCode::Malformed, Fault::Viewer));
}

#[test]
fn a_message_before_hello() {
    for message in [ToHost::Detach, ToHost::Ping { nonce: Nonce(1) }, ToHost::CloseCanvas { canvas: CanvasId(1) }] {
        let mut host = Host::new();
        let result = host.say(&message);
        host.ends(result, CloseCode::WrongState);
    }
}

#[test]
fn a_version_that_is_not_spoken() {
    let mut host = Host::new();
    let result = host.say(&ToHost::Hello { minor: 0, capabilities: Capabilities::NONE, locale: Locale::Ja });
    assert_eq!(host.ends(result, CloseCode::VersionMismatch), Violation::Version(0));
}

#[test]
fn hello_or_attach_twice() {
    let hello = ToHost::Hello { minor: 1, capabilities: Capabilities::NONE, locale: Locale::Ja };
    let attach = ToHost::Attach { how: AttachHow::New, viewport: viewport(800, 600), keyboard: KeyboardLayout::Us };
    for (mut host, message) in
        [(Host::greeted(Capabilities::ALL), &hello), (Host::attached(), &hello), (Host::attached(), &attach)]
    {
        let result = host.say(message);
        host.ends(result, CloseCode::WrongState);
    }
}

#[test]
fn input_before_there_is_a_session() {
    let mut host = Host::greeted(Capabilities::ALL);
    let result = host.input(1, key(true));
    host.ends(result, CloseCode::WrongState);
}

#[test]
fn a_message_on_the_wrong_channel() {
    let mut host = Host::attached();
    let message = body(&ToHost::Input { sequence: InputSequence(1), event: key(true) });
    let result = host.connection.handle_frame(Channel::Control, &message, host.now);
    host.ends(result, CloseCode::WrongChannel);
    let mut host = Host::attached();
    let result = host.connection.handle_frame(Channel::Input, &body(&ToHost::Detach), host.now);
    host.ends(result, CloseCode::WrongChannel);
    let mut host = Host::attached();
    let result = host.connection.handle_frame(Channel::Updates, &message, host.now);
    host.ends(result, CloseCode::WrongChannel);
}

#[test]
fn input_replayed_left_out_or_started_at_zero() {
    for number in [0, 2, u64::MAX] {
        let mut host = Host::attached();
        let result = host.input(number, key(true));
        assert_eq!(
            host.ends(result, CloseCode::OutOfOrder),
            Violation::OutOfOrder { message: "Input", number, last: 0 }
        );
    }
    let mut host = Host::attached();
    host.input(1, key(true)).unwrap();
    let result = host.input(1, key(true));
    assert_eq!(
        host.ends(result, CloseCode::OutOfOrder),
        Violation::OutOfOrder { message: "Input", number: 1, last: 1 }
    );
}

#[test]
fn acknowledging_what_was_never_sent_or_again() {
    let mut host = Host::attached();
    let result = host.say(&ToHost::Presented { canvas: CanvasId(1), update: UpdateId(1) });
    host.ends(result, CloseCode::OutOfOrder);
    let mut host = Host::attached();
    host.show(&update(1, 4, 0, &[]));
    host.say(&ToHost::Presented { canvas: CanvasId(1), update: UpdateId(4) }).unwrap();
    let result = host.say(&ToHost::Presented { canvas: CanvasId(1), update: UpdateId(4) });
    host.ends(result, CloseCode::OutOfOrder);
}

#[test]
fn naming_a_canvas_that_never_was() {
    let canvas = CanvasId(2);
    let position = Position { x: Fixed(0), y: Fixed(0) };
    for message in [
        ToHost::Presented { canvas, update: UpdateId(1) },
        ToHost::Resize { canvas, viewport: viewport(800, 600) },
        ToHost::CloseCanvas { canvas },
        ToHost::Repaint { canvas },
        ToHost::Input { sequence: InputSequence(1), event: Input::PointerMotion { canvas, position } },
        ToHost::Input { sequence: InputSequence(1), event: Input::Focus { canvas: Some(canvas) } },
    ] {
        let mut host = Host::attached();
        let result = host.say(&message);
        host.ends(result, CloseCode::WrongState);
    }
}

#[test]
fn doing_what_was_not_agreed_on() {
    let mut host = Host::attached();
    let result = host.input(1, Input::PointerRelative { dx: Fixed(1), dy: Fixed(1) });
    assert_eq!(host.ends(result, CloseCode::WrongState), Violation::NotAgreed("PointerRelative"));
}

#[test]
fn an_answer_without_a_question() {
    let mut host = Host::attached();
    let result = host.say(&ToHost::Pong { nonce: Nonce(1) });
    host.ends(result, CloseCode::OutOfOrder);
}

/// How many of these in a row, all at once, until it is too fast.
fn until_too_fast(mut message: impl FnMut(u64) -> ToHost) -> u64 {
    let mut host = Host::attached();
    for count in 1.. {
        while host.connection.poll_event().is_some() {}
        while host.connection.poll_send().is_some() {}
        if let Err(error) = host.say(&message(count)) {
            assert!(matches!(error.violation, Violation::TooFast(_)), "{error}");
            host.ends(Err(error), CloseCode::TooFast);
            return count - 1;
        }
    }
    unreachable!("the loop has no other end")
}

#[test]
fn faster_than_a_person() {
    let input = |sequence, event| ToHost::Input { sequence: InputSequence(sequence), event };
    let position = Position { x: Fixed(0), y: Fixed(0) };
    let canvas = CanvasId(1);
    let counts = [
        (until_too_fast(|n| input(n, key(true))), limits::KEYS),
        (until_too_fast(|n| input(n, Input::PointerMotion { canvas, position })), limits::MOTIONS),
        (
            until_too_fast(|n| input(n, Input::PointerButton { button: shoji_protocol::Button::Left, pressed: true })),
            limits::BUTTONS,
        ),
        (
            until_too_fast(|n| input(n, Input::Commit { text: shoji_protocol::Text::new("字").unwrap() })),
            limits::COMMITS,
        ),
        (until_too_fast(|_| ToHost::Resize { canvas, viewport: viewport(800, 600) }), limits::RESIZES),
        (until_too_fast(|_| ToHost::Repaint { canvas }), limits::REPAINTS),
        (until_too_fast(|_| ToHost::CloseCanvas { canvas }), limits::CLOSES),
        (until_too_fast(|_| ToHost::Ping { nonce: Nonce(1) }), limits::PINGS),
    ];
    for (count, limit) in counts {
        assert_eq!(count, u64::from(limit.burst), "{}", limit.name);
    }
}

#[test]
fn a_viewer_that_says_nothing_or_only_hello() {
    for mut host in [Host::new(), Host::greeted(Capabilities::ALL)] {
        let deadline = host.connection.deadline().unwrap();
        assert_eq!(deadline, host.now + limits::HANDSHAKE);
        host.connection.handle_deadline(deadline);
        assert_eq!(host.connection.closed(), Some(CloseCode::HandshakeTimeout));
    }
}

#[test]
fn a_viewer_that_never_acknowledges() {
    let mut host = Host::attached();
    host.show(&update(1, 1, 0, &[0; 100]));
    host.now = host.now + ms(9_000);
    host.show(&update(1, 2, 0, &[0; 100]));
    host.say(&ToHost::Ping { nonce: Nonce(1) }).unwrap();
    host.connection.handle_deadline(host.now);
    assert_eq!(host.connection.closed(), None);
    let stalled = host.connection.deadline().unwrap();
    assert_eq!(stalled, Instant::from_micros(1) + limits::PRESENT_WITHIN);
    host.connection.handle_deadline(stalled);
    assert_eq!(host.connection.closed(), Some(CloseCode::ViewerStalled));
    assert_eq!(CloseCode::ViewerStalled.fault(), Fault::Viewer);
}

#[test]
fn a_host_that_does_not_take_its_events_is_stopped_before_it_grows() {
    let mut host = Host::attached();
    let mut result = Ok(());
    for sequence in 1..=1 + limits::MAX_QUEUED as u64 {
        result = host.input(sequence, key(true));
        host.now = host.now + ms(20);
    }
    assert_eq!(result, Err(Error { side: Side::Host, violation: Violation::NotDrained }));
    assert_eq!(host.connection.closed(), Some(CloseCode::HostFailed));
}

#[test]
fn what_comes_after_the_end_changes_nothing() {
    let mut host = Host::attached();
    host.say(&ToHost::Close { code: CloseCode::Normal }).unwrap();
    assert_eq!(host.connection.poll_event(), Some(host::Event::Closed(CloseCode::Normal)));
    assert_eq!(host.connection.handle_frame(Channel::Control, &[0xff], host.now), Ok(()));
    assert_eq!(host.connection.forward(&[0xff], host.now), Ok(None));
    host.connection.handle_deadline(host.now + ms(1_000_000));
    assert_eq!(host.connection.poll_event(), None);
    assert!(host.connection.poll_send().is_none());
}

fn framed(message: &ToHost) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::encode_to_host(message, &mut bytes);
    bytes
}

fn copy(sequence: u64) -> Vec<u8> {
    framed(&ToHost::Input { sequence: InputSequence(sequence), event: key(true) })
}

#[test]
fn a_datagram_without_agreement_or_without_a_session() {
    let mut host = Host::attached();
    let result = host.connection.handle_datagram(&copy(1), host.now);
    assert_eq!(host.ends(result, CloseCode::WrongState), Violation::NotAgreed("a datagram"));
    for mut host in [Host::new(), Host::greeted(Capabilities::ALL)] {
        let result = host.connection.handle_datagram(&copy(1), host.now);
        host.ends(result, CloseCode::WrongState);
    }
}

#[test]
fn a_datagram_that_holds_anything_but_input() {
    for message in [ToHost::Ping { nonce: Nonce(1) }, ToHost::End, ToHost::CloseCanvas { canvas: CanvasId(1) }] {
        let mut host = Host::attached_with(Capabilities::INPUT_COPIES);
        let bytes = [copy(1), framed(&message)].concat();
        let result = host.connection.handle_datagram(&bytes, host.now);
        host.ends(result, CloseCode::WrongState);
    }
}

#[test]
fn a_datagram_that_is_cut_or_no_message_or_too_long() {
    let cut = copy(1)[..8].to_vec();
    for (bytes, code) in [
        (cut, CloseCode::Malformed),
        (vec![2, 0, 0, 0, 1, 0xff, 0xff], CloseCode::Malformed),
        (vec![0, 0, 0, 0, 2], CloseCode::Malformed),
        (vec![0xff, 0xff, 0, 0, 1], CloseCode::Oversized),
        (vec![0; limits::MAX_DATAGRAM + 1], CloseCode::Oversized),
    ] {
        let mut host = Host::attached_with(Capabilities::INPUT_COPIES);
        let result = host.connection.handle_datagram(&bytes, host.now);
        host.ends(result, code);
    }
}

#[test]
fn more_copies_than_a_person_causes() {
    let mut host = Host::attached_with(Capabilities::INPUT_COPIES);
    for _ in 0..limits::COPIES.burst {
        host.connection.handle_datagram(&copy(9), host.now).unwrap();
    }
    let result = host.connection.handle_datagram(&copy(9), host.now);
    assert_eq!(host.ends(result, CloseCode::TooFast), Violation::TooFast("copies of input"));
}

#[test]
fn input_that_came_on_the_stream_already_although_a_copy_was_taken_too() {
    let mut host = Host::attached_with(Capabilities::INPUT_COPIES);
    host.connection.handle_datagram(&copy(1), host.now).unwrap();
    host.input(1, key(true)).unwrap();
    let result = host.input(1, key(true));
    assert_eq!(
        host.ends(result, CloseCode::OutOfOrder),
        Violation::OutOfOrder { message: "Input", number: 1, last: 1 }
    );
    let mut host = Host::attached_with(Capabilities::INPUT_COPIES);
    host.connection.handle_datagram(&copy(1), host.now).unwrap();
    let result = host.input(2, key(true));
    host.ends(result, CloseCode::OutOfOrder);
}

#[test]
fn keys_faster_than_a_person_are_counted_once_however_they_come() {
    let mut host = Host::attached_with(Capabilities::INPUT_COPIES);
    for sequence in 1..=u64::from(limits::KEYS.burst) {
        host.connection.handle_datagram(&copy(sequence), host.now).unwrap();
        host.input(sequence, key(true)).unwrap();
        assert!(host.connection.poll_event().is_some() && host.connection.poll_event().is_none());
    }
    let result = host.connection.handle_datagram(&copy(u64::from(limits::KEYS.burst) + 1), host.now);
    assert_eq!(host.ends(result, CloseCode::TooFast), Violation::TooFast("keys"));
}
