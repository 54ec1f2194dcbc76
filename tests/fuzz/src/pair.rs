//! Two honest ends with a link of any delays between them: neither ever blames the other, and input arrives whole.

use std::collections::VecDeque;

use shoji_protocol::frame::HEADER_BYTES;
use shoji_protocol::host::flow::{Config, Flow};
use shoji_protocol::time::{Duration, Instant};
use shoji_protocol::{
    CanvasId, CanvasKind, Channel, InputSequence, Pixels, Rate, ResumeToken, SessionId, ToHost, ToViewer, UpdateId,
    host, limits, viewer,
};

use crate::host::viewport;
use crate::source::{Source, event};
use crate::viewer::on;

/// The oracle.
pub fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let mut world = World::new();
    while !source.is_empty() {
        world.step(&mut source);
    }
    for channel in [0, 1, 2, 3] {
        world.deliver(channel, usize::MAX);
    }
    assert_eq!(world.viewer.last_input().0, world.given, "all input that left has arrived");
}

/// The streams: control and input to the host, control and updates to the viewer.
const STREAMS: usize = 4;

struct World {
    host: host::Connection,
    viewer: viewer::Connection,
    flow: Flow,
    now: Instant,
    streams: [VecDeque<Vec<u8>>; STREAMS],
    /// Datagrams of copies that may still come, in any order and more than once.
    datagrams: VecDeque<Vec<u8>>,
    is_attached: bool,
    open: Vec<CanvasId>,
    canvases: u32,
    updates: u64,
    given: u64,
    /// What the viewer has yet to present.
    shown: Vec<(CanvasId, UpdateId)>,
}

impl World {
    fn new() -> Self {
        let now = Instant::from_micros(1);
        Self {
            host: host::Connection::new(host::Config::default(), now),
            viewer: viewer::Connection::new(viewer::Config::new(viewport()), now),
            flow: Flow::new(Config { refresh: Rate::HZ_60 }),
            now,
            streams: Default::default(),
            datagrams: VecDeque::new(),
            is_attached: false,
            open: Vec::new(),
            canvases: 0,
            updates: 0,
            given: 0,
            shown: Vec::new(),
        }
    }

    fn step(&mut self, source: &mut Source<'_>) {
        match source.below(9) {
            8 => {
                let which = usize::from(source.byte()) % self.datagrams.len().max(1);
                if let Some(datagram) = self.datagrams.get(which) {
                    self.host.handle_datagram(datagram, self.now).expect("an honest viewer is not blamed");
                }
            }
            0..=2 => {
                let (stream, count) = (usize::from(source.below(4)), usize::from(source.byte()));
                self.deliver(stream, count);
            }
            3 => self.work(source),
            4 | 5 => self.act(source),
            6 => {
                for (canvas, update) in std::mem::take(&mut self.shown) {
                    self.viewer.presented(canvas, update);
                }
            }
            _ => {
                // A second at most, so that nobody is lost; what is on its way arrives before it is late.
                self.now = self.now + Duration::from_millis(u64::from(source.byte()) * 4);
                for stream in 0..STREAMS {
                    self.deliver(stream, usize::MAX);
                }
                for (canvas, update) in std::mem::take(&mut self.shown) {
                    self.viewer.presented(canvas, update);
                }
                self.host.handle_deadline(self.now);
                self.viewer.handle_deadline(self.now);
            }
        }
        self.collect();
    }

    fn act(&mut self, source: &mut Source<'_>) {
        let known = CanvasId(u32::from(source.byte()) % (self.canvases + 1));
        match source.below(8) {
            0 => self.viewer.resize(known, viewport(), self.now),
            1 => self.viewer.repaint(known, self.now),
            2 => self.viewer.ping(self.now),
            _ => {
                self.viewer.input(on(event(source), known), self.now);
                // In the long run a person is not faster than this.
                self.now = self.now + Duration::from_millis(60);
            }
        }
    }

    /// An honest worker: keeps to the flow, names only what is there.
    fn work(&mut self, source: &mut Source<'_>) {
        if !self.is_attached {
            return;
        }
        let chosen = self.open.get(usize::from(source.byte()) % self.open.len().max(1)).copied();
        let size = viewport().size();
        let message = match (source.below(8), chosen) {
            (0, _) if self.open.len() < limits::MAX_CANVASES => {
                self.canvases += 1;
                self.open.push(CanvasId(self.canvases));
                ToViewer::CanvasOpened {
                    canvas: CanvasId(self.canvases),
                    kind: CanvasKind::Window,
                    parent: chosen,
                    size,
                }
            }
            (1, Some(canvas)) => {
                self.open.retain(|&open| open != canvas);
                self.flow.forget(canvas);
                ToViewer::CanvasClosed { canvas }
            }
            (_, Some(canvas)) if self.flow.may_send(self.now) => {
                self.updates += 1;
                let pixels = source.some(30);
                self.flow.sent(canvas, UpdateId(self.updates), pixels.len(), self.now).expect("the flow allowed it");
                let pixels = Pixels::new(pixels).expect("thirty bytes are few");
                ToViewer::Update {
                    canvas,
                    update: UpdateId(self.updates),
                    size,
                    input: InputSequence(self.given),
                    more: false,
                    pixels,
                }
            }
            _ => return,
        };
        let mut body = Vec::new();
        message.encode(&mut body);
        let channel = self.host.forward(&body, self.now).expect("an honest worker is not blamed");
        assert_eq!(channel, Some(Channel::Updates));
        self.streams[3].push_back(body);
    }

    fn deliver(&mut self, stream: usize, count: usize) {
        for _ in 0..count {
            let Some(body) = self.streams[stream].pop_front() else { break };
            match stream {
                0 => self.host.handle_frame(Channel::Control, &body, self.now).expect("an honest viewer is not blamed"),
                1 => self.host.handle_frame(Channel::Input, &body, self.now).expect("an honest viewer is not blamed"),
                _ => {
                    let channel = if stream == 2 { Channel::Control } else { Channel::Updates };
                    let event =
                        self.viewer.handle_frame(channel, &body, self.now).expect("an honest host is not blamed");
                    if let Some(viewer::Event::Update { canvas, update, .. }) = event {
                        self.shown.push((canvas, update));
                    }
                }
            }
            self.collect();
        }
    }

    fn collect(&mut self) {
        while let Some(event) = self.host.poll_event() {
            match event {
                host::Event::AttachRequested { .. } => {
                    self.is_attached = self.host.attached(SessionId(1), ResumeToken(1), false, self.now);
                }
                host::Event::ForWorker(ToHost::Input { sequence, .. }) => {
                    assert_eq!(sequence.0, self.given + 1);
                    self.given = sequence.0;
                }
                host::Event::ForWorker(ToHost::Presented { canvas, update }) => {
                    self.flow.presented(canvas, update, self.now).expect("it is on its way");
                }
                host::Event::ForWorker(_) => {}
                other => panic!("nobody wanted {other:?}"),
            }
        }
        while let Some((_, frame)) = self.host.poll_send() {
            self.streams[2].push_back(frame[HEADER_BYTES..].to_vec());
        }
        if let Some(datagram) = self.viewer.poll_datagram() {
            self.datagrams.push_back(datagram);
            if self.datagrams.len() > 20 {
                self.datagrams.pop_front();
            }
        }
        while let Some((channel, frame)) = self.viewer.poll_send() {
            let stream = if channel == Channel::Control { 0 } else { 1 };
            self.streams[stream].push_back(frame[HEADER_BYTES..].to_vec());
        }
    }
}
