//! The viewer's end of a connection under a host and a person that do anything in any order.

use shoji_protocol::boundary::Described;
use shoji_protocol::frame::{self, HEADER_BYTES};
use shoji_protocol::splice::Splicer;
use shoji_protocol::time::{Duration, Instant};
use shoji_protocol::{
    CanvasId, CanvasKind, Capabilities, Channel, CloseCode, Input, InputSequence, KeepAlive, Pixels, ResumeToken,
    SessionId, Side, ToHost, ToViewer, UpdateId, Violation, limits, viewer,
};

use crate::host::{channel, viewport};
use crate::source::Source;

/// The oracle.
pub fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let mut world = World::new();
    while !source.is_empty() {
        world.step(&mut source);
        assert_eq!(world.connection.closed().is_some(), world.connection.deadline().is_none());
    }
    world.connection.close(CloseCode::Normal);
    world.drain();
    assert!(world.closes_sent <= 1);
}

struct World {
    connection: viewer::Connection,
    splicer: Splicer,
    frames: frame::Decoder,
    /// The stream of updates, and how much of it came.
    stream: Vec<u8>,
    brought: usize,
    now: Instant,
    canvases: u32,
    updates: u64,
    last_input: u64,
    closes_sent: u32,
}

impl World {
    fn new() -> Self {
        let now = Instant::from_micros(7);
        let connection = viewer::Connection::new(viewer::Config::new(viewport()), now);
        let frames = frame::Decoder::new(&[frame::Kind::ToViewer]);
        Self {
            connection,
            splicer: Splicer::default(),
            stream: Vec::new(),
            brought: 0,
            frames,
            now,
            canvases: 0,
            updates: 0,
            last_input: 0,
            closes_sent: 0,
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
                let body = source.message(ToViewer::TYPE);
                let channel = channel(source);
                self.hear(channel, &body);
            }
            2..=6 => self.honest(source),
            7..=10 => {
                let bytes = source.message(ToHost::TYPE);
                self.act(ToHost::decode(&bytes).expect("samples are valid"), source);
            }
            11 => {
                self.now = self.now + Duration::from_micros(u64::from(source.byte()) * 500 * u64::from(source.byte()))
            }
            12 => {
                let at = self.connection.deadline().unwrap_or(self.now);
                self.now = self.now.max(at);
                self.connection.handle_deadline(self.now);
                assert!(self.connection.deadline().is_none_or(|next| self.now < next), "a deadline that is never done");
            }
            13 => {
                let place = u64::from(source.byte()) * u64::from(source.byte());
                let datagram = [&place.to_le_bytes()[..], source.some(64)].concat();
                let cut = datagram.len() - usize::from(source.below(20) == 0);
                self.splice(&datagram[..cut]);
            }
            14 => self.copy(source),
            15 => {
                let end = self.stream.len().min(self.brought + usize::from(source.byte()));
                let Self { splicer, frames, stream, brought, .. } = self;
                splicer.stream(&stream[*brought..end], frames);
                *brought = end;
                self.spliced();
            }
            _ => self.drain(),
        }
    }

    /// A piece of what the stream of updates holds, or will, comes beside it.
    fn copy(&mut self, source: &mut Source<'_>) {
        let place = self.stream.len().saturating_sub(usize::from(source.byte()));
        let end = self.stream.len().min(place + usize::from(source.byte()));
        let datagram = [&(place as u64).to_le_bytes()[..], &self.stream[place..end]].concat();
        if place < end {
            self.splice(&datagram);
        }
    }

    /// A copy comes beside the stream of updates.
    fn splice(&mut self, datagram: &[u8]) {
        let Self { connection, splicer, frames, now, .. } = self;
        let heard = connection.handle_datagram(datagram, splicer, frames, *now);
        assert!(heard.is_ok() || connection.closed().is_some(), "an error ends the connection");
        assert!(splicer.waiting() <= limits::MAX_SPLICE);
        self.spliced();
    }

    /// What is whole is heard; what is no frame ends the connection, as its caller has to.
    fn spliced(&mut self) {
        loop {
            match self.frames.next_frame() {
                Ok(Some(frame)) => {
                    let body = frame.body.to_owned();
                    self.hear(Channel::Updates, &body);
                }
                Ok(None) => return,
                Err(_) => {
                    self.connection.close(CloseCode::HostMalformed);
                    self.frames = frame::Decoder::new(&[frame::Kind::ToViewer]);
                    return;
                }
            }
        }
    }

    fn honest(&mut self, source: &mut Source<'_>) {
        let canvas = CanvasId(u32::from(source.byte()).min(self.canvases));
        let size = viewport().size();
        let message = match source.below(8) {
            0 => ToViewer::Welcome { minor: 1, capabilities: Capabilities::ALL, keep_alive: KeepAlive::MIN },
            1 => ToViewer::Attached { session: SessionId(1), token: ResumeToken(1), resumed: false },
            2 => {
                self.canvases += 1;
                ToViewer::CanvasOpened { canvas: CanvasId(self.canvases), kind: CanvasKind::Window, parent: None, size }
            }
            3 => ToViewer::CanvasClosed { canvas },
            _ => {
                self.updates += 1;
                let pixels = Pixels::new(source.some(20)).expect("twenty bytes are few");
                let (update, input) = (UpdateId(self.updates), InputSequence(0));
                ToViewer::Update { canvas, update, size, input, more: source.below(4) == 0, pixels }
            }
        };
        let mut body = Vec::new();
        message.encode(&mut body);
        if message.channel() == Channel::Updates && source.below(2) == 0 {
            frame::encode_to_viewer(&message, &mut self.stream);
        } else {
            self.hear(message.channel(), &body);
        }
    }

    /// A person, and a caller, do something; where the message is no act of theirs, they leave or ask.
    fn act(&mut self, message: ToHost, source: &mut Source<'_>) {
        let now = self.now;
        let known = CanvasId(u32::from(source.byte()).min(self.canvases));
        match message {
            ToHost::Input { event, .. } => {
                let before = self.connection.last_input();
                let place = self.connection.input(on(event, known), now);
                assert!(place.is_none_or(|place| before < place), "a place is given twice");
            }
            ToHost::Resize { viewport, .. } => self.connection.resize(known, viewport, now),
            ToHost::CloseCanvas { .. } => self.connection.close_canvas(known, now),
            ToHost::Repaint { .. } => self.connection.repaint(known, now),
            ToHost::Presented { .. } => self.connection.presented(known, UpdateId(self.updates)),
            ToHost::Detach if source.below(16) == 0 => self.connection.detach(now),
            ToHost::End if source.below(16) == 0 => self.connection.end(now),
            _ => self.connection.ping(now),
        }
    }

    fn hear(&mut self, channel: Channel, body: &[u8]) {
        let was_closed = self.connection.closed();
        match self.connection.handle_frame(channel, body, self.now) {
            Ok(Some(viewer::Event::Closed { code })) => assert_eq!(self.connection.closed(), Some(code)),
            Ok(event) => assert!(was_closed.is_none() || event.is_none(), "an event after the end"),
            Err(error) => {
                assert_eq!((was_closed, self.connection.closed()), (None, Some(error.close_code())));
                assert!(error.side == Side::Host || error.violation == Violation::NotDrained, "{error}");
            }
        }
    }

    fn drain(&mut self) {
        while let Some((channel, frame)) = self.connection.poll_send() {
            assert_eq!(self.closes_sent, 0, "a frame after the close message");
            let message = ToHost::decode(&frame[HEADER_BYTES..]).expect("the message is valid");
            assert_eq!(message.channel(), channel);
            match message {
                ToHost::Input { sequence, .. } => {
                    assert_eq!(sequence.0, self.last_input + 1, "input leaves in order, all of it and once");
                    self.last_input = sequence.0;
                }
                ToHost::Close { .. } => self.closes_sent += 1,
                _ => {}
            }
        }
    }
}

/// The event on a canvas that is known, so that it goes further than the first check.
pub(crate) fn on(event: Input, known: CanvasId) -> Input {
    match event {
        Input::PointerMotion { position, .. } => Input::PointerMotion { canvas: known, position },
        Input::Touch { finger, phase, position, .. } => Input::Touch { finger, phase, canvas: known, position },
        Input::Focus { .. } => Input::Focus { canvas: Some(known) },
        other => other,
    }
}
