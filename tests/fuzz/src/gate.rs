//! The gate between an honest end and one that says anything: what it passes on, the honest end never has to refuse.
//!
//! The first byte says which side is hostile. Sessions begin honestly, so that most of an input is about what follows; then the
//! hostile side's own words are put in between. What comes out at the honest side is judged by that side's own state machine, and
//! input by the gate's budget.

use std::sync::{Arc, Mutex};

use shoji_host::gate::pace::Budget;
use shoji_host::gate::relay::{Policy, Relay};
use shoji_host::limits::GATE_INPUT;
use shoji_protocol::boundary::Described;
use shoji_protocol::frame::{self, HEADER_BYTES, Kind};
use shoji_protocol::time::{Duration, Instant};
use shoji_protocol::{
    CanvasId, CanvasKind, Capabilities, Channel, Input, InputSequence, Nonce, Pixels, Rate, ResumeToken, Scale,
    SessionId, Size, ToHost, ToViewer, UpdateId, Viewport, host, viewer,
};

use crate::source::{self, Source};

/// The oracle.
pub fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let mut world = World::new(source.byte().is_multiple_of(2));
    world.carry();
    if world.viewer.is_attached() {
        world.show(&ToViewer::CanvasOpened {
            canvas: CanvasId(1),
            kind: CanvasKind::Window,
            parent: None,
            size: size(),
        });
    }
    while !source.is_empty() {
        world.step(&mut source);
        world.carry();
    }
    world.check();
}

fn size() -> Size {
    Size::clamped(800, 600)
}

struct World {
    hostile_viewer: bool,
    viewer: viewer::Connection,
    relay: Relay,
    host: host::Connection,
    began: Instant,
    now: Instant,
    next_input: u64,
    updates: u64,
    /// Key events that the honest host's worker was given.
    keys: u64,
}

impl World {
    fn new(hostile_viewer: bool) -> Self {
        let now = Instant::from_micros(1_000_000);
        let policy = Policy::default();
        let budget = Arc::new(Mutex::new(Budget::new(&policy.input, now)));
        let viewport = Viewport::clamped(size(), Scale::ONE, Rate::HZ_60);
        Self {
            hostile_viewer,
            viewer: viewer::Connection::new(viewer::Config::new(viewport), now),
            relay: Relay::new(policy, budget, now),
            host: host::Connection::new(host::Config::default(), now),
            began: now,
            now,
            next_input: 1,
            updates: 0,
            keys: 0,
        }
    }

    fn step(&mut self, source: &mut Source<'_>) {
        match source.below(16) {
            0 => self.now = self.now + Duration::from_millis(u64::from(source.byte()) * 8),
            1 => {
                self.now = self.now.max(self.relay.deadline().unwrap_or(self.now));
                self.relay.handle_deadline(self.now);
            }
            2 | 3 => self.honest(source),
            _ if self.hostile_viewer => self.viewer_says(source),
            _ => self.host_says(source),
        }
    }

    /// The honest side goes on.
    fn honest(&mut self, source: &mut Source<'_>) {
        if self.hostile_viewer {
            let canvas = CanvasId(1 + u32::from(source.below(4)));
            self.updates += 1;
            let (update, input) = (UpdateId(self.updates), InputSequence(0));
            let pixels = Pixels::new(source.some(64)).expect("they are few");
            match source.below(4) {
                0 => {
                    self.show(&ToViewer::CanvasOpened { canvas, kind: CanvasKind::Window, parent: None, size: size() })
                }
                1 => self.show(&ToViewer::CanvasClosed { canvas }),
                _ => self.show(&ToViewer::Update {
                    canvas,
                    update,
                    size: size(),
                    input,
                    more: source.byte() < 64,
                    pixels,
                }),
            }
        } else {
            let event = source::event(source);
            self.viewer.input(event, self.now);
        }
    }

    /// A worker's message takes its way through the honest host, which refuses what it must not show.
    fn show(&mut self, message: &ToViewer<'_>) {
        let mut frame = Vec::new();
        frame::encode_to_viewer(message, &mut frame);
        let mut probe = frame.clone();
        if self.host.closed().is_none()
            && let Ok(Some(channel)) = self.host.forward(&probe.split_off(HEADER_BYTES), self.now)
        {
            self.relay.host_sent(Some(channel), &frame, self.now);
        }
    }

    fn viewer_says(&mut self, source: &mut Source<'_>) {
        let channel = [Some(Channel::Control), Some(Channel::Input), None][usize::from(source.below(3))];
        let mut body = Vec::new();
        match source.below(8) {
            0 => body.extend_from_slice(source.some(64)),
            1 => body = source.message(ToHost::TYPE),
            2 => {
                let datagram = source.some(64);
                return self.relay.viewer_sent_datagram(datagram, self.now);
            }
            3 => {
                let canvas = CanvasId(u32::from(source.below(4)));
                let viewport = Viewport::clamped(size(), Scale::ONE, Rate::HZ_60);
                let message = match source.below(4) {
                    0 => ToHost::Presented { canvas, update: UpdateId(source.byte().into()) },
                    1 => ToHost::Repaint { canvas },
                    2 => ToHost::CloseCanvas { canvas },
                    _ => ToHost::Resize { canvas, viewport },
                };
                message.encode(&mut body);
            }
            _ => {
                let (sequence, event) = (InputSequence(self.next_input), source::event(source));
                self.next_input += u64::from(source.byte() < 250);
                let message = ToHost::Input { sequence, event };
                message.encode(&mut body);
                let frame = framed(Kind::ToHost, &body);
                return self.relay.viewer_sent(Some(message.channel()), &frame, self.now);
            }
        }
        self.relay.viewer_sent(channel, &framed(Kind::ToHost, &body), self.now);
    }

    fn host_says(&mut self, source: &mut Source<'_>) {
        let channel = [Some(Channel::Control), Some(Channel::Updates), None][usize::from(source.below(3))];
        let mut body = Vec::new();
        let canvas = CanvasId(1 + u32::from(source.below(6)));
        match source.below(8) {
            0 => body.extend_from_slice(source.some(64)),
            1 => body = source.message(ToViewer::TYPE),
            2 => {
                let datagram = source.some(64);
                return self.relay.host_sent_datagram(datagram, self.now);
            }
            3 => {
                let parent = (source.byte() < 64).then(|| CanvasId(1 + u32::from(source.below(6))));
                let message = match source.below(3) {
                    0 => ToViewer::CanvasClosed { canvas },
                    _ => ToViewer::CanvasOpened { canvas, kind: CanvasKind::Window, parent, size: size() },
                };
                message.encode(&mut body);
            }
            _ => {
                self.updates += u64::from(source.byte() < 250);
                let (update, input) = (UpdateId(self.updates), InputSequence(source.byte().into()));
                let pixels = Pixels::new(source.some(64)).expect("they are few");
                let message =
                    ToViewer::Update { canvas, update, size: size(), input, more: source.byte() < 64, pixels };
                message.encode(&mut body);
            }
        }
        self.relay.host_sent(channel, &framed(Kind::ToViewer, &body), self.now);
    }

    /// Carries frames until nobody says anything more.
    fn carry(&mut self) {
        loop {
            let mut is_quiet = true;
            while let Some((channel, frame)) = self.viewer.poll_send() {
                is_quiet = false;
                self.relay.viewer_sent(Some(channel), &frame, self.now);
            }
            if let Some(wanted) = self.relay.poll_wanted() {
                self.relay.connected(wanted, Capabilities::ALL, self.now);
            }
            while let Some((channel, frame)) = self.relay.poll_host() {
                is_quiet = false;
                if self.host.closed().is_none() {
                    let heard = self.host.handle_frame(channel, &frame[HEADER_BYTES..], self.now);
                    // A host that was put words into its mouth does not know what it showed.
                    let is_right = !self.hostile_viewer || heard.is_ok();
                    assert!(is_right, "the gate passed on to the host what it has to refuse: {heard:?}");
                }
            }
            while let Some(event) = self.host.poll_event() {
                match event {
                    host::Event::AttachRequested { .. } => {
                        let _ = self.host.attached(SessionId(4), ResumeToken(7), true, self.now);
                    }
                    host::Event::ForWorker(ToHost::Input { event: Input::Key { .. }, .. }) => self.keys += 1,
                    _ => {}
                }
            }
            while let Some((channel, frame)) = self.host.poll_send() {
                is_quiet = false;
                self.relay.host_sent(Some(channel), &frame, self.now);
            }
            while let Some((channel, frame)) = self.relay.poll_viewer() {
                is_quiet = false;
                if self.viewer.closed().is_some() {
                    continue;
                }
                let heard = self.viewer.handle_frame(channel, &frame[HEADER_BYTES..], self.now);
                // A viewer that was put words into its mouth does not know its own input.
                assert!(
                    self.hostile_viewer || heard.is_ok(),
                    "the gate passed on to the viewer what it has to refuse: {:?}",
                    heard.err()
                );
                if let Ok(Some(viewer::Event::Update { canvas, update, .. })) = heard {
                    self.viewer.presented(canvas, update);
                }
            }
            while self.relay.poll_word().is_some() {}
            if is_quiet {
                break;
            }
        }
    }

    fn check(&self) {
        let minutes = self.now.since(self.began).as_micros() / 60_000_000 + 1;
        let [keys, ..] = GATE_INPUT;
        let most = u64::from(keys.per_minute) * minutes;
        assert!(self.keys <= most, "{} keys passed in {minutes} minutes, at most {most} may", self.keys);
    }
}

/// A frame with this body.
fn framed(kind: Kind, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    // The length and the kind are all that a header has.
    match kind {
        Kind::ToHost => frame::encode_to_host(&ToHost::Pong { nonce: Nonce(0) }, &mut frame),
        _ => frame::encode_to_viewer(&ToViewer::Pong { nonce: Nonce(0) }, &mut frame),
    }
    frame.truncate(HEADER_BYTES);
    frame[..4].copy_from_slice(&(body.len() as u32).to_le_bytes());
    frame.extend_from_slice(body);
    frame
}

pub use crate::source::seeds;
