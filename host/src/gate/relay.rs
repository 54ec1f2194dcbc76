//! One viewer's way through the gate, both ends of it: a host to the viewer, a viewer to the host.
//!
//! Owns the two state machines of the protocol and what stands between them: each message is decoded to its type, judged, and encoded
//! anew by the other machine; bytes that came never leave. Greetings, questions and answers end here. Input passes at the pace of a
//! person ([`super::pace`]); updates pass while the viewer takes them and the rate allows, else the host's updates are not read and its
//! own flow control makes it wait, so that the newest pixels win.
//!
//! Pure: bytes and the time go in, frames, words for the audit and the next deadline come out. It must never trust either side, and an
//! error of either ends this connection only.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use shoji_protocol::frame::{self, HEADER_BYTES, Kind};
use shoji_protocol::splice::Splicer;
use shoji_protocol::time::Instant;
use shoji_protocol::{
    AttachHow, CanvasId, Capabilities, Channel, CloseCode, InputSequence, KeyboardLayout, Locale, Rate, SessionId,
    Side, ToHost, ToViewer, Viewport, host, viewer,
};

use super::flow::Flow;
use super::pace::{self, Budget, Pace, Said};
use super::pixels::{self, Told};
use crate::limits;
use painted::Painted;

/// What the gate lets pass for one viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Of input.
    pub input: pace::Policy,
    /// Bytes of updates a second.
    pub update_bytes: u32,
    /// Updates a second.
    pub updates: u32,
    /// Most bytes of one update.
    pub largest_update: usize,
    /// What may be agreed on between viewer and host.
    pub capabilities: Capabilities,
    /// Updates are decoded here, and made anew.
    pub pixels: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            input: pace::Policy::default(),
            update_bytes: limits::GATE_UPDATE_BYTES,
            updates: limits::GATE_UPDATES,
            largest_update: shoji_protocol::limits::MAX_UPDATE,
            capabilities: Capabilities::ALL,
            pixels: false,
        }
    }
}

/// Why the gate itself ended a connection or held something back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// One side broke the protocol.
    #[error("{0}: look for its version in its log; if versions agree, treat that machine as taken over")]
    Protocol(#[from] shoji_protocol::Error),
    /// The viewer made more than a person does.
    #[error("the viewer sent {0}")]
    Input(#[from] pace::Cut),
    /// The host sent an update that is larger than allowed.
    #[error(
        "the host sent an update of {bytes} bytes where {limit} are allowed: see [updates] largest_kib in gate.toml"
    )]
    Update {
        /// Its bytes.
        bytes: usize,
        /// What is allowed.
        limit: usize,
    },
    /// The host's pictures cannot be decoded.
    #[error(transparent)]
    Pixels(#[from] pixels::Failed),
}

impl Refusal {
    /// What both sides are told.
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::Protocol(error) => error.close_code(),
            Self::Input(_) => CloseCode::TooFast,
            Self::Update { .. } => CloseCode::HostOversized,
            Self::Pixels(failed) if failed.is_hosts() => CloseCode::HostMalformed,
            Self::Pixels(_) => CloseCode::HostFailed,
        }
    }
}

/// Something for the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// The viewer has a session.
    Attached {
        /// Which one.
        session: SessionId,
        /// Whether it was there before.
        resumed: bool,
    },
    /// Input begins to wait for its turn.
    Delayed(pace::Class),
    /// A picture of the host's could not be decoded; the whole of it is asked for.
    Spoilt(CanvasId),
    /// The gate ends the connection.
    Refused(Refusal),
}

/// What passed, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Inputs that went to the host.
    pub inputs: u64,
    /// Updates that went to the viewer.
    pub updates: u64,
    /// Their bytes.
    pub update_bytes: u64,
    /// Times at which input had to wait.
    pub delays: u64,
}

/// What a viewer asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    how: AttachHow,
    viewport: Viewport,
    keyboard: KeyboardLayout,
    capabilities: Capabilities,
    locale: Locale,
}

impl Wanted {
    /// Whether the viewer decodes H.264.
    pub(super) fn takes_h264(&self) -> bool {
        self.capabilities.contains(Capabilities::H264)
    }

    /// How often its screen shows a new picture.
    pub(super) fn refresh(&self) -> Rate {
        self.viewport.refresh()
    }
}

/// One viewer's way.
#[derive(Debug)]
pub struct Relay {
    policy: Policy,
    /// Speaks with the viewer.
    viewer: host::Connection,
    /// Speaks with the host, once there is something to ask it.
    host: Option<viewer::Connection>,
    wanted: Option<Wanted>,
    budget: Arc<Mutex<Budget>>,
    pace: Pace,
    flow: Flow,
    numbers: Numbers,
    /// Of the viewer's control channel, or of all; of its input.
    from_viewer: [frame::Decoder; 2],
    /// Of the host's control channel, or of all; of its updates.
    from_host: [frame::Decoder; 2],
    splicer: Splicer,
    to_viewer: VecDeque<(Channel, Bytes)>,
    words: VecDeque<Word>,
    counts: Counts,
    attached: bool,
    painted: Painted,
}

impl Relay {
    /// For a viewer whose device has been authenticated, with what that device has left.
    pub fn new(policy: Policy, budget: Arc<Mutex<Budget>>, now: Instant) -> Self {
        let config = host::Config { capabilities: policy.capabilities, ..host::Config::default() };
        let decoders = |kinds| [frame::Decoder::new(kinds), frame::Decoder::new(kinds)];
        Self {
            policy,
            viewer: host::Connection::new(config, now),
            host: None,
            wanted: None,
            budget,
            pace: Pace::new(policy.input),
            flow: Flow::new(policy.update_bytes, policy.updates, now),
            numbers: Numbers::new(),
            from_viewer: decoders(&[Kind::ToHost]),
            from_host: decoders(&[Kind::ToViewer]),
            splicer: Splicer::default(),
            to_viewer: VecDeque::new(),
            words: VecDeque::new(),
            counts: Counts::default(),
            attached: false,
            painted: Painted::new(policy.pixels),
        }
    }

    /// Takes bytes of a channel of the viewer, or of all in one stream.
    pub fn viewer_sent(&mut self, channel: Option<Channel>, bytes: &[u8], now: Instant) {
        let at = usize::from(channel == Some(Channel::Input));
        self.from_viewer[at].push(bytes);
        while self.closed().is_none() {
            let handled = match self.from_viewer[at].next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => match channel {
                    Some(channel) => self.viewer.handle_frame(channel, frame.body, now),
                    None => self.viewer.handle_shared_frame(frame.body, now),
                },
                Err(error) => Err(error.by(Side::Viewer)),
            };
            self.judged(handled);
            self.viewer_events(now);
        }
    }

    /// Takes a datagram of the viewer.
    pub fn viewer_sent_datagram(&mut self, datagram: &[u8], now: Instant) {
        let handled = self.viewer.handle_datagram(datagram, now);
        self.judged(handled);
        self.viewer_events(now);
    }

    /// What the viewer wants, once: the caller connects to the host and calls [`connected`](Self::connected).
    pub fn poll_wanted(&mut self) -> Option<Wanted> {
        self.wanted.take()
    }

    /// There is a connection to the host, on which nothing was said yet. `carried`: what its carrier can do.
    pub fn connected(&mut self, wanted: Wanted, carried: Capabilities, now: Instant) {
        let Wanted { how, viewport, keyboard, capabilities, locale } = wanted;
        // Copies beside the streams are each side's own business.
        let of_carriers = Capabilities::INPUT_COPIES | Capabilities::UPDATE_COPIES;
        let capabilities = capabilities.without(of_carriers) | (carried & of_carriers & self.policy.capabilities);
        let config = viewer::Config { capabilities, locale, how, viewport, keyboard };
        self.host = Some(viewer::Connection::new(config, now));
    }

    /// Takes bytes of a channel of the host, or of all in one stream.
    pub fn host_sent(&mut self, channel: Option<Channel>, bytes: &[u8], now: Instant) {
        let Some(host) = &mut self.host else { return };
        host.heard(now);
        let at = usize::from(channel == Some(Channel::Updates));
        let mut frames = self.lend_frames(at);
        if at == 1 {
            self.splicer.stream(bytes, &mut frames);
        } else {
            frames.push(bytes);
        }
        self.host_frames(channel, &mut frames, now);
        self.from_host[at] = frames;
    }

    /// Takes a datagram of the host.
    pub fn host_sent_datagram(&mut self, datagram: &[u8], now: Instant) {
        let mut frames = self.lend_frames(1);
        if let Some(host) = &mut self.host {
            let handled = host.handle_datagram(datagram, &mut self.splicer, &mut frames, now);
            self.judged(handled);
        }
        self.host_frames(Some(Channel::Updates), &mut frames, now);
        self.from_host[1] = frames;
    }

    /// The connection to the host is over, or could not be made.
    pub fn host_lost(&mut self, code: CloseCode) {
        self.close(code);
    }

    /// The next frame for the viewer. While the host does not answer, the viewer gets no answers either, so that it knows.
    pub fn poll_viewer(&mut self) -> Option<(Channel, Bytes)> {
        let is_silent = self.host.as_ref().is_some_and(viewer::Connection::is_silent) && self.closed().is_none();
        if !is_silent && let Some((channel, frame)) = self.viewer.poll_send() {
            return Some((channel, frame.into()));
        }
        self.to_viewer.pop_front()
    }

    /// The next frame for the host.
    pub fn poll_host(&mut self) -> Option<(Channel, Vec<u8>)> {
        self.host.as_mut()?.poll_send()
    }

    /// The next datagram for the host.
    pub fn poll_host_datagram(&mut self) -> Option<Vec<u8>> {
        self.host.as_mut()?.poll_datagram()
    }

    /// The next word for the audit.
    pub fn poll_word(&mut self) -> Option<Word> {
        self.words.pop_front()
    }

    /// Whether the host's updates may be read now, as far as the rate goes. Not before the viewer knows that it has a session: updates
    /// keep no order with that.
    pub fn takes_updates(&mut self, now: Instant) -> bool {
        self.attached && !self.painted.has_waiting() && self.flow.may_pass(now)
    }

    /// Whether the viewer has a session.
    pub fn is_attached(&self) -> bool {
        self.attached
    }

    /// Whether the viewer takes copies of updates.
    pub fn copies_updates(&self) -> bool {
        self.viewer.copies_updates()
    }

    /// What passed.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// When to call [`handle_deadline`](Self::handle_deadline) if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        let host = self.host.as_ref().and_then(viewer::Connection::deadline);
        let flow = self.flow.deadline().filter(|_| self.attached);
        [self.viewer.deadline(), host, self.pace.deadline(), flow].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn handle_deadline(&mut self, now: Instant) {
        self.viewer.handle_deadline(now);
        self.viewer_events(now);
        if let Some(host) = &mut self.host {
            host.handle_deadline(now);
        }
        self.pass_input(now);
        self.follow_host();
    }

    /// Ends both connections.
    pub fn close(&mut self, code: CloseCode) {
        self.viewer.close(code);
        if let Some(host) = &mut self.host {
            // The session goes on; what the viewer is told is not the host's business unless the host did it.
            let is_hosts = code.fault() == shoji_protocol::Fault::Host;
            host.close(if is_hosts { code } else { CloseCode::Normal });
        }
    }

    /// Why both are over, if they are.
    pub fn closed(&self) -> Option<CloseCode> {
        self.viewer.closed()
    }

    fn judged(&mut self, handled: Result<(), shoji_protocol::Error>) {
        if let Err(error) = handled {
            self.refuse(error.into());
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.words.push_back(Word::Refused(refusal));
        self.viewer.close(refusal.close_code());
        self.close(refusal.close_code());
    }

    fn viewer_events(&mut self, now: Instant) {
        while let Some(event) = self.viewer.poll_event() {
            match event {
                host::Event::AttachRequested { how, viewport, keyboard, capabilities, locale } => {
                    self.wanted = Some(Wanted { how, viewport, keyboard, capabilities, locale });
                }
                host::Event::ForWorker(message) => self.for_host(message, now),
                host::Event::DetachRequested => self.with_host(|host| host.detach(now)),
                host::Event::EndRequested => self.with_host(|host| host.end(now)),
                host::Event::Closed(_) => self.with_host(|host| host.close(CloseCode::Normal)),
            }
        }
        self.pass_input(now);
    }

    fn with_host(&mut self, tell: impl FnOnce(&mut viewer::Connection)) {
        if let Some(host) = &mut self.host {
            tell(host);
        }
    }

    fn for_host(&mut self, message: ToHost, now: Instant) {
        let said = match message {
            ToHost::Presented { canvas, update } if self.painted.is_on() => {
                return self.painted.tell(Told::Presented(canvas, update));
            }
            ToHost::Presented { canvas, update } => return self.with_host(|host| host.presented(canvas, update)),
            ToHost::Input { sequence, event } => Said::Input(sequence, event),
            ToHost::Resize { canvas, viewport } => Said::Resize(canvas, viewport),
            ToHost::CloseCanvas { canvas } => Said::CloseCanvas(canvas),
            ToHost::Repaint { canvas } => Said::Repaint(canvas),
            // Nothing else is for a worker.
            _ => return,
        };
        if let Err(cut) = self.pace.take(said, now) {
            self.refuse(cut.into());
        }
    }

    fn pass_input(&mut self, now: Instant) {
        while self.closed().is_none() {
            // Each change of it is whole.
            let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
            let next = self.pace.next(&mut budget, now);
            drop(budget);
            let said = match next {
                Ok(Some(said)) => said,
                Ok(None) => break,
                Err(cut) => return self.refuse(cut.into()),
            };
            let Some(host) = &mut self.host else { continue };
            match said {
                Said::Input(sequence, event) => {
                    if let Some(place) = host.pass_on(event, now) {
                        self.counts.inputs += 1;
                        self.numbers.passed(place, sequence);
                    }
                }
                Said::Resize(canvas, viewport) => {
                    host.resize(canvas, viewport, now);
                    self.painted.tell(Told::Refresh(viewport.refresh()));
                }
                Said::CloseCanvas(canvas) => host.close_canvas(canvas, now),
                // The gate has the picture itself.
                Said::Repaint(canvas) if self.painted.is_on() => self.painted.tell(Told::Repaint(canvas)),
                Said::Repaint(canvas) => host.repaint(canvas, now),
            }
        }
        if let Some(class) = self.pace.poll_report() {
            self.counts.delays += 1;
            self.words.push_back(Word::Delayed(class));
        }
    }

    fn lend_frames(&mut self, at: usize) -> frame::Decoder {
        std::mem::replace(&mut self.from_host[at], frame::Decoder::new(&[Kind::ToViewer]))
    }

    fn host_frames(&mut self, channel: Option<Channel>, frames: &mut frame::Decoder, now: Instant) {
        while self.closed().is_none() {
            match frames.next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => self.host_frame(channel, frame.body, now),
                Err(error) => self.judged(Err(error.by(Side::Host))),
            }
        }
        self.follow_host();
    }

    fn host_frame(&mut self, channel: Option<Channel>, body: &[u8], now: Instant) {
        let Some(host) = &mut self.host else { return };
        let event = match channel {
            Some(channel) => host.handle_frame(channel, body, now),
            None => host.handle_shared_frame(body, now),
        };
        match event {
            Err(error) => self.refuse(error.into()),
            Ok(None) => {}
            Ok(Some(viewer::Event::Attached { session, token, resumed, .. })) => {
                if self.viewer.attached(session, token, resumed, now) {
                    self.attached = true;
                    self.words.push_back(Word::Attached { session, resumed });
                }
            }
            Ok(Some(viewer::Event::Notice { notice })) => self.viewer.notice(notice),
            Ok(Some(viewer::Event::Closed { code })) => self.close(code),
            Ok(Some(event)) => self.for_viewer(event, now),
        }
    }

    /// Says anew what the host said.
    fn for_viewer(&mut self, event: viewer::Event<'_>, now: Instant) {
        let message = match event {
            viewer::Event::CanvasOpened { canvas, kind, parent, size } => {
                self.painted.opened(canvas);
                ToViewer::CanvasOpened { canvas, kind, parent, size }
            }
            viewer::Event::CanvasClosed { canvas } => {
                self.painted.closed(canvas);
                ToViewer::CanvasClosed { canvas }
            }
            viewer::Event::Window { canvas, state } => ToViewer::Window { canvas, state },
            viewer::Event::Update { canvas, update, size, input, more, pixels } => {
                let bytes = pixels.bytes().len();
                if self.policy.largest_update < bytes {
                    return self.refuse(Refusal::Update { bytes, limit: self.policy.largest_update });
                }
                self.flow.passed(bytes, now);
                let input = self.numbers.of_viewer(input);
                if self.painted.is_on() {
                    let pixels = pixels.bytes().to_vec();
                    let update = pixels::Update { canvas, update, size, input, more, pixels };
                    return self.painted.tell(Told::Update(update));
                }
                ToViewer::Update { canvas, update, size, input, more, pixels }
            }
            viewer::Event::Cursor { shape } => ToViewer::Cursor { shape },
            viewer::Event::CursorImage { size, hotspot, pixels } => ToViewer::CursorImage { size, hotspot, pixels },
            viewer::Event::PointerLock { canvas, locked } => ToViewer::PointerLock { canvas, locked },
            viewer::Event::TextPlace { place } => ToViewer::TextPlace { place },
            viewer::Event::Attached { .. } | viewer::Event::Notice { .. } | viewer::Event::Closed { .. } => return,
        };
        self.show(&message, now);
    }

    /// Queues a message for the viewer, if the protocol allows it.
    fn show(&mut self, message: &ToViewer<'_>, now: Instant) {
        let mut bytes = Vec::new();
        let pixels = frame::encode_to_viewer_without_pixels(message, &mut bytes);
        bytes.extend_from_slice(pixels);
        match self.viewer.forward(&bytes[HEADER_BYTES..], now) {
            Ok(Some(channel)) => {
                if let ToViewer::Update { pixels, .. } = message {
                    self.counts.updates += 1;
                    self.counts.update_bytes += pixels.bytes().len() as u64;
                }
                self.to_viewer.push_back((channel, bytes.into()));
            }
            Ok(None) => {}
            Err(error) => self.refuse(error.into()),
        }
    }

    /// The host's machine may have ended by itself: its deadlines.
    fn follow_host(&mut self) {
        if let Some(code) = self.host.as_ref().and_then(viewer::Connection::closed)
            && self.closed().is_none()
        {
            self.viewer.close(code);
        }
    }
}

/// Which of the viewer's inputs are which of the host's: they differ where something was left out or became one.
#[derive(Debug)]
struct Numbers {
    pairs: VecDeque<(InputSequence, InputSequence)>,
    /// The viewer's newest that is in a picture.
    shown: InputSequence,
}

impl Numbers {
    const fn new() -> Self {
        Self { pairs: VecDeque::new(), shown: InputSequence::NONE }
    }

    fn passed(&mut self, to_host: InputSequence, of_viewer: InputSequence) {
        if limits::GATE_NUMBERS <= self.pairs.len() {
            // Too old for a picture that says so to be of use.
            self.pairs.pop_front();
        }
        self.pairs.push_back((to_host, of_viewer));
    }

    /// The viewer's number for one that the host shows.
    fn of_viewer(&mut self, shown: InputSequence) -> InputSequence {
        while let Some(&(to_host, of_viewer)) = self.pairs.front() {
            if shown < to_host {
                break;
            }
            self.shown = of_viewer;
            self.pairs.pop_front();
        }
        self.shown
    }
}

mod painted;
#[cfg(test)]
mod tests;
