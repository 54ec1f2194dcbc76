//! The host's end of a connection under a viewer, a worker and a caller that do anything in any order.

use shoji_protocol::boundary::Described;
use shoji_protocol::frame::{HEADER_BYTES, Header, Kind, encode_to_host};
use shoji_protocol::time::{Duration, Instant};
use shoji_protocol::{
    AttachHow, CanvasId, CanvasKind, Capabilities, Channel, CloseCode, Error, Input, InputSequence, Key,
    KeyboardLayout, Locale, Nonce, Notice, Pixels, Rate, ResumeToken, Scale, SessionId, Side, Size, ToHost, ToViewer,
    UpdateId, Viewport, Violation, host,
};

use crate::source::Source;

/// The oracle.
pub fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let mut world = World::new();
    while !source.is_empty() {
        world.step(&mut source);
        world.check();
    }
    world.connection.close(CloseCode::HostStopping);
    world.drain();
    assert_eq!((world.closes_sent <= 1, world.closes_told), (true, 1), "the end is told once");
}

struct World {
    connection: host::Connection,
    now: Instant,
    next_input: u64,
    canvases: u32,
    updates: u64,
    last_for_worker: u64,
    closes_sent: u32,
    closes_told: u32,
}

impl World {
    fn new() -> Self {
        let now = Instant::from_micros(7);
        let connection = host::Connection::new(host::Config::default(), now);
        Self {
            connection,
            now,
            next_input: 1,
            canvases: 0,
            updates: 0,
            last_for_worker: 0,
            closes_sent: 0,
            closes_told: 0,
        }
    }

    fn step(&mut self, source: &mut Source<'_>) {
        match source.below(18) {
            0 => {
                let channel = channel(source);
                let body = source.some(64);
                self.hear(channel, body);
            }
            1 => {
                let body = source.message(ToHost::TYPE);
                let channel = channel(source);
                self.hear(channel, &body);
            }
            2..=6 => {
                let message = self.plausible(source);
                let mut body = Vec::new();
                message.encode(&mut body);
                self.hear(message.channel(), &body);
            }
            7 => {
                let body = source.message(ToViewer::TYPE);
                self.forward(&body);
            }
            8..=10 => self.show(source),
            11 => self.now = self.now + Duration::from_millis(u64::from(source.byte()) * u64::from(source.byte())),
            12 => {
                let at = self.connection.deadline().unwrap_or(self.now);
                self.now = self.now.max(at);
                self.connection.handle_deadline(self.now);
                assert!(self.connection.deadline().is_none_or(|next| self.now < next), "a deadline that is never done");
            }
            13 => {
                let was_closed = self.connection.closed().is_some();
                let is_there = self.connection.attached(SessionId(1), ResumeToken(2), source.byte() == 1, self.now);
                assert!(!(was_closed && is_there));
            }
            14 => match source.below(8) {
                0 => self.connection.refuse(CloseCode::NoCapacity),
                1 => self.connection.close(CloseCode::Revoked),
                _ => self.connection.notice(Notice::SessionEndsSoon),
            },
            15 => {
                // Anything, or input as an honest viewer copies it: of late, now or too early.
                let mut bytes = source.some(40).to_vec();
                if source.below(4) != 0 {
                    bytes.clear();
                    let first = (self.last_for_worker + u64::from(source.below(4))).saturating_sub(1);
                    for sequence in first..first + u64::from(source.below(4)) {
                        let event = Input::Key { key: Key::clamped(source.byte().into()), pressed: true };
                        encode_to_host(&ToHost::Input { sequence: InputSequence(sequence), event }, &mut bytes);
                    }
                }
                self.hear_datagram(&bytes);
            }
            16 => {
                let mut bytes = Vec::new();
                encode_to_host(&self.plausible(source), &mut bytes);
                self.hear_datagram(&bytes);
            }
            _ => self.drain(),
        }
    }

    /// What an honest viewer might say now.
    fn plausible(&mut self, source: &mut Source<'_>) -> ToHost {
        let canvas = CanvasId(u32::from(source.byte()).min(self.canvases));
        match source.below(12) {
            0 => ToHost::Hello { minor: 1, capabilities: Capabilities::ALL, locale: Locale::Ja },
            1 => ToHost::Attach { how: AttachHow::New, viewport: viewport(), keyboard: KeyboardLayout::Jp },
            2..=6 => {
                let sequence = InputSequence(self.next_input);
                self.next_input += 1;
                let event = match source.below(3) {
                    0 => Input::Key { key: Key::clamped(source.byte().into()), pressed: true },
                    1 => Input::Focus { canvas: Some(canvas) },
                    _ => Input::PointerLeave,
                };
                ToHost::Input { sequence, event }
            }
            7 => ToHost::Presented { canvas, update: UpdateId(self.updates) },
            8 => ToHost::Resize { canvas, viewport: viewport() },
            9 => ToHost::Ping { nonce: Nonce(source.byte().into()) },
            10 => ToHost::Pong { nonce: Nonce(1) },
            _ => match source.below(8) {
                0 => ToHost::Detach,
                1 => ToHost::End,
                2 => ToHost::Close { code: CloseCode::Normal },
                _ => ToHost::Repaint { canvas },
            },
        }
    }

    /// What an honest worker might show now.
    fn show(&mut self, source: &mut Source<'_>) {
        let canvas = CanvasId(u32::from(source.byte()).min(self.canvases));
        let message = match source.below(6) {
            0 => {
                self.canvases += 1;
                ToViewer::CanvasOpened {
                    canvas: CanvasId(self.canvases),
                    kind: CanvasKind::Window,
                    parent: None,
                    size: viewport().size(),
                }
            }
            1 => ToViewer::CanvasClosed { canvas },
            _ => {
                self.updates += 1;
                let pixels = Pixels::new(source.some(20)).expect("twenty bytes are few");
                let (update, input) = (UpdateId(self.updates), InputSequence(self.last_for_worker));
                ToViewer::Update { canvas, update, size: viewport().size(), input, more: source.below(4) == 0, pixels }
            }
        };
        let mut body = Vec::new();
        message.encode(&mut body);
        self.forward(&body);
    }

    fn hear(&mut self, channel: Channel, body: &[u8]) {
        let was_closed = self.connection.closed();
        let result = self.connection.handle_frame(channel, body, self.now);
        self.heard(result, was_closed);
    }

    fn hear_datagram(&mut self, bytes: &[u8]) {
        let was_closed = self.connection.closed();
        let result = self.connection.handle_datagram(bytes, self.now);
        self.heard(result, was_closed);
    }

    fn heard(&self, result: Result<(), Error>, was_closed: Option<CloseCode>) {
        match result {
            Ok(()) => {}
            Err(error) => {
                assert_eq!(was_closed, None, "an error after the end");
                assert_eq!(self.connection.closed(), Some(error.close_code()));
                assert!(error.side == Side::Viewer || error.violation == Violation::NotDrained, "{error}");
            }
        }
    }

    fn forward(&mut self, body: &[u8]) {
        let was_closed = self.connection.closed();
        match self.connection.forward(body, self.now) {
            Ok(Some(channel)) => {
                assert_eq!(was_closed, None);
                assert_eq!(ToViewer::decode(body).map(|message| message.channel()), Ok(channel));
            }
            Ok(None) => {}
            Err(error) => {
                assert_eq!(was_closed, None, "an error after the end");
                assert_eq!((error.side, self.connection.closed()), (Side::Host, Some(error.close_code())));
            }
        }
    }

    fn drain(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            assert_eq!(self.closes_told, 0, "an event after the end");
            match event {
                host::Event::ForWorker(ToHost::Input { sequence, .. }) => {
                    assert_eq!(sequence.0, self.last_for_worker + 1, "input is given in order, all of it and once");
                    self.last_for_worker = sequence.0;
                }
                host::Event::ForWorker(message) => assert_eq!(message.channel(), Channel::Input),
                host::Event::Closed(_) => self.closes_told += 1,
                _ => {}
            }
        }
        while let Some((channel, frame)) = self.connection.poll_send() {
            assert_eq!(self.closes_sent, 0, "a frame after the close message");
            let header = frame.first_chunk().expect("a frame has a header");
            Header::parse(header, &[Kind::ToViewer]).expect("the header is valid");
            let message = ToViewer::decode(&frame[HEADER_BYTES..]).expect("the message is valid");
            assert_eq!(message.channel(), channel);
            self.closes_sent += u32::from(matches!(message, ToViewer::Close { .. }));
        }
    }

    fn check(&self) {
        assert_eq!(self.connection.closed().is_some(), self.connection.deadline().is_none());
    }
}

/// A channel.
pub(crate) fn channel(source: &mut Source<'_>) -> Channel {
    [Channel::Control, Channel::Input, Channel::Updates][usize::from(source.below(3))]
}

/// A viewport.
pub(crate) fn viewport() -> Viewport {
    Viewport::clamped(Size::clamped(800, 600), Scale::ONE, Rate::HZ_60)
}
