//! The phases of a connection seen from the viewer. See the [module above](super) for the contract.

use super::copies::Copies;
use super::held::Held;
use super::pace::Pace;
use crate::frame::Decoder;
use crate::link::{Outbox, Presence};
use crate::rate::Bucket;
use crate::screen::Screen;
use crate::splice::Splicer;
use crate::time::{Duration, Instant};
use crate::{
    AttachHow, CanvasId, CanvasKind, Capabilities, Channel, CloseCode, CursorShape, CursorSize, Error, Hotspot, Input,
    InputSequence, KeepAlive, KeyboardLayout, Locale, Notice, Pixels, ResumeToken, SessionId, Side, Size, TextPlace,
    ToHost, ToViewer, TouchPhase, UpdateId, Viewport, Violation, WindowState, limits,
};
use alloc::vec::Vec;

/// What the viewer is and wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// What it can do.
    pub capabilities: Capabilities,
    /// The language of the person.
    pub locale: Locale,
    /// Which session it wants.
    pub how: AttachHow,
    /// What it shows the session in.
    pub viewport: Viewport,
    /// The keyboard in front of the person.
    pub keyboard: KeyboardLayout,
}

impl Config {
    /// A Japanese viewer that can do everything and wants a new session.
    pub const fn new(viewport: Viewport) -> Self {
        Self {
            capabilities: Capabilities::ALL,
            locale: Locale::Ja,
            how: AttachHow::New,
            viewport,
            keyboard: KeyboardLayout::Jp,
        }
    }
}

/// What the host says. Canvases and updates have a channel of their own and may come before [`Attached`](Self::Attached).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The viewer has a session; input is taken from now on.
    Attached {
        /// Which one.
        session: SessionId,
        /// What gets it back on another connection; keep it.
        token: ResumeToken,
        /// Whether it was there before.
        resumed: bool,
        /// What both ends can do.
        capabilities: Capabilities,
    },
    /// A canvas is there from now on; all black until its first update.
    CanvasOpened {
        /// Its id.
        canvas: CanvasId,
        /// What it shows.
        kind: CanvasKind,
        /// The open canvas it belongs to.
        parent: Option<CanvasId>,
        /// Its size.
        size: Size,
    },
    /// A canvas is gone.
    CanvasClosed {
        /// Which one.
        canvas: CanvasId,
    },
    /// The browser wants a window in another state.
    Window {
        /// The window's canvas.
        canvas: CanvasId,
        /// The state.
        state: WindowState,
    },
    /// What changed on a canvas. Call [`Connection::presented`] when it is shown, or would be if it were in sight; for a
    /// picture that comes in parts, with the last one.
    Update {
        /// The canvas.
        canvas: CanvasId,
        /// The update.
        update: UpdateId,
        /// The canvas's size from now on.
        size: Size,
        /// The last input given to the browser before it made this picture.
        input: InputSequence,
        /// The rest of the picture follows at once in the canvas's next update.
        more: bool,
        /// The operations that make the change.
        pixels: Pixels<'a>,
    },
    /// The pointer looks like this from now on.
    Cursor {
        /// One of the system's shapes.
        shape: CursorShape,
    },
    /// The pointer looks like this picture from now on.
    CursorImage {
        /// The picture's size.
        size: CursorSize,
        /// The pixel that points.
        hotspot: Hotspot,
        /// Four bytes a pixel: blue, green, red, alpha; colours multiplied by alpha. Exactly as many as the size says.
        pixels: Pixels<'a, { limits::MAX_CURSOR_BYTES }>,
    },
    /// A page locked the pointer, or let it go.
    PointerLock {
        /// The canvas it is locked to.
        canvas: CanvasId,
        /// Locked or free.
        locked: bool,
    },
    /// Where typed text goes from now on.
    TextPlace {
        /// The field and its caret.
        place: TextPlace,
    },
    /// Something to tell the person.
    Notice {
        /// What.
        notice: Notice,
    },
    /// The host ended the connection; nothing follows.
    Closed {
        /// Why.
        code: CloseCode,
    },
}

/// The viewer's end of one connection.
#[derive(Debug)]
pub struct Connection {
    config: Config,
    phase: Phase,
    capabilities: Capabilities,
    presence: Presence,
    pings: Bucket,
    update_copies: Bucket,
    screen: Screen,
    last_input: InputSequence,
    /// The newest of them that a person expects to see something of.
    last_begun: InputSequence,
    pace: Pace,
    held: Held,
    copies: Copies,
    resizes: Vec<(CanvasId, Viewport)>,
    resize_at: Instant,
    repaints: Vec<CanvasId>,
    repaint_at: Instant,
    outbox: Outbox,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Said hello and asked for a session; waits for the answer to the first.
    Greeting { deadline: Instant },
    /// Waits for a session.
    Attaching { deadline: Instant },
    /// Has a session.
    Attached,
    /// Asked to leave or to end the session; waits for the host to close.
    Leaving { deadline: Instant },
    /// Over.
    Closed(CloseCode),
}

impl Connection {
    /// A connection that the carrier has just made. What it has to say first waits in
    /// [`poll_send`](Self::poll_send): hello and attach at once, without waiting for an answer between them.
    pub fn new(config: Config, now: Instant) -> Self {
        let mut outbox = Outbox::default();
        let Config { capabilities, locale, how, viewport, keyboard } = config;
        outbox.send_to_host(&ToHost::Hello { minor: limits::MINOR, capabilities, locale });
        outbox.send_to_host(&ToHost::Attach { how, viewport, keyboard });
        Self {
            config,
            phase: Phase::Greeting { deadline: now + limits::HANDSHAKE },
            capabilities,
            presence: Presence::new(KeepAlive::clamped(limits::KEEP_ALIVE_MILLIS), now),
            pings: Bucket::new(limits::PINGS, now),
            update_copies: Bucket::new(limits::UPDATE_COPIES, now),
            screen: Screen::new(capabilities, now),
            last_input: InputSequence::NONE,
            last_begun: InputSequence::NONE,
            pace: Pace::new(now),
            held: Held::new(now),
            copies: Copies::default(),
            resizes: Vec::new(),
            resize_at: now,
            repaints: Vec::new(),
            repaint_at: now,
            outbox,
        }
    }

    /// Takes the body of a frame that the host sent on a channel. Pixels are borrowed from it. Nothing comes of it once
    /// the connection is closed.
    pub fn handle_frame<'a>(
        &mut self,
        channel: Channel,
        body: &'a [u8],
        now: Instant,
    ) -> Result<Option<Event<'a>>, Error> {
        if self.closed().is_some() {
            return Ok(None);
        }
        self.try_frame(Some(channel), body, now).inspect_err(|error| self.close(error.close_code()))
    }

    /// Takes the body of a frame from a carrier with one stream for all channels: the frame's channel is its message's. Nothing comes
    /// of it once the connection is closed.
    pub fn handle_shared_frame<'a>(&mut self, body: &'a [u8], now: Instant) -> Result<Option<Event<'a>>, Error> {
        if self.closed().is_some() {
            return Ok(None);
        }
        self.try_frame(None, body, now).inspect_err(|error| self.close(error.close_code()))
    }

    /// Takes a datagram of the carrier: `splicer` gives `frames` what the updates' stream lacks. Take all whole frames after it.
    pub fn handle_datagram(
        &mut self,
        datagram: &[u8],
        splicer: &mut Splicer,
        frames: &mut Decoder,
        now: Instant,
    ) -> Result<(), Error> {
        if self.closed().is_some() {
            return Ok(());
        }
        self.presence.heard(now);
        let spliced = match self.phase {
            // Datagrams keep no order with the welcome; what this one holds comes by the stream too.
            Phase::Greeting { .. } => self.update_copies.take(now),
            _ if !self.capabilities.contains(Capabilities::UPDATE_COPIES) => Err(Violation::NotAgreed("a datagram")),
            _ => self.update_copies.take(now).and_then(|()| splicer.datagram(datagram, frames)),
        };
        spliced.map_err(|violation| {
            let error = violation.by(Side::Host);
            self.close(error.close_code());
            error
        })
    }

    /// A person did something. Returns the event's place in the attachment, or `None` if there is no session to do it in.
    /// A motion may share its place with motions that follow it, and leave a little later.
    pub fn input(&mut self, event: Input, now: Instant) -> Option<InputSequence> {
        let is_begun = self.takes(&event, now)?;
        self.held.take(&event, now);
        let Self { pace, last_input, outbox, copies, .. } = self;
        let before = last_input.0;
        let place = pace.take(event, now, |event| send_input(event, now, last_input, outbox, copies));
        let place = InputSequence(before + place as u64);
        if is_begun {
            self.last_begun = place;
        }
        Some(place)
    }

    /// An input of another viewer, whose own connection has paced it: what relays it sends it on at once. Whether keys are held is that
    /// viewer's word alone.
    pub fn pass_on(&mut self, event: Input, now: Instant) -> Option<InputSequence> {
        let is_begun = self.takes(&event, now)?;
        let Self { last_input, outbox, copies, .. } = self;
        send_input(event, now, last_input, outbox, copies);
        if is_begun {
            self.last_begun = self.last_input;
        }
        Some(self.last_input)
    }

    /// Whether an input may be sent at all, and then whether it begins something.
    fn takes(&mut self, event: &Input, now: Instant) -> Option<bool> {
        let Phase::Attached = self.phase else { return None };
        // What is no longer there, or was never agreed on, would be a fault at the host.
        let is_possible = match event {
            Input::PointerMotion { canvas, .. } | Input::Focus { canvas: Some(canvas) } => self.screen.is_open(*canvas),
            Input::Touch { canvas, .. } => {
                self.screen.is_open(*canvas) && self.capabilities.contains(Capabilities::TOUCH)
            }
            Input::PointerRelative { .. } => self.capabilities.contains(Capabilities::POINTER_LOCK),
            _ => true,
        };
        // Nobody knows when it would arrive. What lifts and leaves goes on: it must never stay down.
        let is_late = self.presence.is_silent() && begins(event);
        if !is_possible || is_late || self.is_full() {
            return None;
        }
        let is_begun = begins(event);
        if is_begun {
            self.presence.want_answer(now);
        }
        Some(is_begun)
    }

    /// Bytes of the host came, although perhaps no whole frame yet.
    pub fn heard(&mut self, now: Instant) {
        self.presence.heard(now);
    }

    /// Whether the host does not answer for [`limits::SILENT`]: then no input is taken that begins something.
    pub fn is_silent(&self) -> bool {
        self.presence.is_silent()
    }

    /// What the carrier knows of the time there and back, where it knows it; else it counts what the host's welcome took.
    pub fn path_takes(&mut self, there_and_back: Duration) {
        self.presence.path_takes(there_and_back);
    }

    /// Whether a person did something of which nobody knows whether it arrived: no picture was made after it, and nothing else that
    /// could answer it was heard since. Ask when the connection is over: then it may be lost.
    pub fn is_input_unconfirmed(&self) -> bool {
        self.presence.is_unconfirmed()
    }

    /// The update is shown, and with it all before it of its canvas. Late and repeated calls do nothing.
    pub fn presented(&mut self, canvas: CanvasId, update: UpdateId) {
        if self.closed().is_some() || !self.screen.is_presentable(canvas, update) || self.is_full() {
            return;
        }
        if self.screen.presented(canvas, update).is_ok() {
            self.outbox.send_to_host(&ToHost::Presented { canvas, update });
        }
    }

    /// A window is shown in this from now on. While a window is dragged only the newest size leaves, every
    /// [`limits::RESIZE_INTERVAL`].
    pub fn resize(&mut self, canvas: CanvasId, viewport: Viewport, now: Instant) {
        if !self.is_attached() || !self.screen.is_open(canvas) {
            return;
        }
        match self.resizes.iter_mut().find(|(waiting, _)| *waiting == canvas) {
            Some((_, waiting)) => *waiting = viewport,
            None => self.resizes.push((canvas, viewport)),
        }
        self.flush_due(now);
    }

    /// Asks the browser to close a window.
    pub fn close_canvas(&mut self, canvas: CanvasId, now: Instant) {
        if let Phase::Attached = self.phase
            && self.screen.is_open(canvas)
            && !self.is_full()
        {
            self.flush_input(now);
            self.outbox.send_to_host(&ToHost::CloseCanvas { canvas });
        }
    }

    /// The canvas's picture is lost: asks for the whole, at once or after [`limits::REPAINT_INTERVAL`].
    pub fn repaint(&mut self, canvas: CanvasId, now: Instant) {
        if self.screen.is_open(canvas) && !self.repaints.contains(&canvas) {
            self.repaints.push(canvas);
        }
        self.flush_due(now);
    }

    /// Asks the host for an answer, to measure the round trip. Does nothing within [`limits::PING_INTERVAL`] of the last.
    pub fn ping(&mut self, now: Instant) {
        if self.is_attached() && self.presence.may_ask(now) && !self.is_full() {
            self.ask(now);
        }
    }

    /// Leaves the session, which goes on; the host closes the connection.
    pub fn detach(&mut self, now: Instant) {
        self.leave(&ToHost::Detach, now);
    }

    /// Ends the session; the host closes the connection when the browser is gone.
    pub fn end(&mut self, now: Instant) {
        self.leave(&ToHost::End, now);
    }

    /// Ends the connection and tells the host why. The first reason stands.
    pub fn close(&mut self, code: CloseCode) {
        if self.closed().is_some() {
            return;
        }
        self.outbox.send_to_host(&ToHost::Close { code });
        self.phase = Phase::Closed(code);
    }

    /// The next whole frame to send, and its channel.
    pub fn poll_send(&mut self) -> Option<(Channel, Vec<u8>)> {
        self.outbox.take()
    }

    /// A datagram to send now, if the carrier has any: it may be lost, doubled or late. One that is not fetched gives way to the
    /// next.
    pub fn poll_datagram(&mut self) -> Option<Vec<u8>> {
        self.copies.take()
    }

    /// When to call [`handle_deadline`](Self::handle_deadline) if nothing happens before; `None`: never.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadlines().into_iter().flatten().map(|(at, _)| at).min()
    }

    /// Does what is due. Look at [`closed`](Self::closed) after it.
    pub fn handle_deadline(&mut self, now: Instant) {
        for (at, due) in self.deadlines().into_iter().flatten() {
            if now < at || self.closed().is_some() {
                continue;
            }
            match due {
                Due::Handshake => self.close(CloseCode::HostHandshakeTimeout),
                Due::Lost => self.close(CloseCode::KeepAliveLost),
                Due::Silent => self.presence.fall_silent(),
                Due::StillHeld => {
                    self.held.told(now);
                    self.input(Input::StillHeld, now);
                }
                Due::Ask => self.ask(now),
                Due::Flush => self.flush_due(now),
            }
        }
    }

    /// Why the connection is over, if it is.
    pub fn closed(&self) -> Option<CloseCode> {
        match self.phase {
            Phase::Closed(code) => Some(code),
            _ => None,
        }
    }

    /// Whether the viewer has a session.
    pub fn is_attached(&self) -> bool {
        matches!(self.phase, Phase::Attached)
    }

    /// The newest input that has left.
    pub fn last_input(&self) -> InputSequence {
        self.last_input
    }

    /// The time that the last question and its answer took.
    pub fn round_trip(&self) -> Option<Duration> {
        self.presence.round_trip()
    }

    fn deadlines(&self) -> [Option<(Instant, Due)>; 9] {
        let mut all = [None; 9];
        all[0] = match self.phase {
            Phase::Closed(_) => return all,
            Phase::Greeting { deadline } | Phase::Attaching { deadline } | Phase::Leaving { deadline } => {
                Some((deadline, Due::Handshake))
            }
            Phase::Attached => None,
        };
        all[1] = Some((self.presence.given_up_at(), Due::Lost));
        all[6] = self.presence.silent_at().map(|at| (at, Due::Silent));
        if !matches!(self.phase, Phase::Greeting { .. }) {
            all[2] = Some((self.presence.ask_at(), Due::Ask));
        }
        if self.is_attached() {
            // Words of a hand that come late would be wrong; a host that is silent gets none.
            all[7] = self.held.deadline().filter(|_| !self.is_silent()).map(|at| (at, Due::StillHeld));
            all[8] = self.copies.deadline().map(|at| (at, Due::Flush));
            all[3] = self.pace.deadline().map(|at| (at, Due::Flush));
            all[4] = self.resizes.first().map(|_| (self.resize_at, Due::Flush));
            all[5] = self.repaints.first().map(|_| (self.repaint_at, Due::Flush));
        }
        all
    }

    fn try_frame<'a>(
        &mut self,
        channel: Option<Channel>,
        body: &'a [u8],
        now: Instant,
    ) -> Result<Option<Event<'a>>, Error> {
        self.outbox.check(Side::Viewer)?;
        self.presence.heard(now);
        let message = ToViewer::decode(body).map_err(|error| Violation::Malformed(error).by(Side::Host))?;
        if let Some(channel) = channel.filter(|channel| *channel != message.channel()) {
            return Err(Violation::WrongChannel { message: message.name(), channel }.by(Side::Host));
        }
        self.step(message, now).map_err(|violation| violation.by(Side::Host))
    }

    fn step<'a>(&mut self, message: ToViewer<'a>, now: Instant) -> Result<Option<Event<'a>>, Violation> {
        match (self.phase, message) {
            (_, ToViewer::Close { code }) => {
                self.outbox.clear();
                self.phase = Phase::Closed(code);
                Ok(Some(Event::Closed { code }))
            }
            (Phase::Greeting { .. }, ToViewer::Welcome { minor, capabilities, keep_alive }) => {
                if minor < limits::OLDEST_MINOR || limits::MINOR < minor {
                    return Err(Violation::Version(minor));
                }
                if !self.config.capabilities.contains(capabilities) {
                    return Err(Violation::NotAgreed("Welcome.capabilities"));
                }
                self.capabilities = capabilities;
                self.screen.agree(capabilities);
                self.copies.agree(capabilities.contains(Capabilities::INPUT_COPIES));
                self.presence.agree(keep_alive);
                self.presence.greeted(now);
                self.phase = Phase::Attaching { deadline: now + limits::ATTACH_WITHIN };
                Ok(None)
            }
            (Phase::Attaching { .. }, ToViewer::Attached { session, token, resumed }) => {
                self.phase = Phase::Attached;
                let capabilities = self.capabilities;
                Ok(Some(Event::Attached { session, token, resumed, capabilities }))
            }
            (Phase::Attaching { .. } | Phase::Attached | Phase::Leaving { .. }, ToViewer::Ping { nonce }) => {
                self.pings.take(now)?;
                self.outbox.send_to_host(&ToHost::Pong { nonce });
                Ok(None)
            }
            (Phase::Attaching { .. } | Phase::Attached | Phase::Leaving { .. }, ToViewer::Pong { nonce }) => {
                self.presence.answered(nonce, now)?;
                Ok(None)
            }
            (Phase::Attached | Phase::Leaving { .. }, message @ ToViewer::Notice { notice }) => {
                self.screen.show(&message, self.last_input, now)?;
                Ok(Some(Event::Notice { notice }))
            }
            // The updates channel keeps no order with the control channel: it may be ahead of `Attached`.
            (_, message) if message.channel() == Channel::Updates => {
                self.screen.show(&message, self.last_input, now)?;
                if let ToViewer::Update { input, .. } = message {
                    self.copies.confirmed(input);
                    if self.last_begun <= input {
                        self.presence.confirmed();
                    }
                }
                if let ToViewer::CanvasClosed { canvas } = message {
                    self.repaints.retain(|&waiting| waiting != canvas);
                    self.resizes.retain(|&(waiting, _)| waiting != canvas);
                }
                Ok(shown(message))
            }
            (phase, message) => {
                let phase = match phase {
                    Phase::Greeting { .. } => "greeting",
                    Phase::Attaching { .. } => "attaching",
                    Phase::Attached => "attached",
                    Phase::Leaving { .. } => "leaving",
                    Phase::Closed(_) => "closed",
                };
                Err(Violation::WrongState { message: message.name(), phase })
            }
        }
    }

    fn leave(&mut self, message: &ToHost, now: Instant) {
        match self.phase {
            Phase::Attached => {
                self.flush_input(now);
                self.outbox.send_to_host(message);
                self.phase = Phase::Leaving { deadline: now + limits::ATTACH_WITHIN };
            }
            Phase::Greeting { .. } | Phase::Attaching { .. } => self.close(CloseCode::Normal),
            Phase::Leaving { .. } | Phase::Closed(_) => {}
        }
    }

    fn ask(&mut self, now: Instant) {
        let nonce = self.presence.ask(now);
        self.outbox.send_to_host(&ToHost::Ping { nonce });
    }

    /// Whether the caller leaves too much lying; then the connection is over: to lose input silently would be worse.
    fn is_full(&mut self) -> bool {
        self.outbox.check(Side::Viewer).inspect_err(|error| self.close(error.close_code())).is_err()
    }

    fn flush_due(&mut self, now: Instant) {
        if !self.is_attached() || self.is_full() {
            return;
        }
        let Self { pace, last_input, outbox, copies, .. } = self;
        pace.flush_due(now, |event| send_input(event, now, last_input, outbox, copies));
        copies.flush_due(now);
        if self.resize_at <= now && !self.resizes.is_empty() {
            let (canvas, viewport) = self.resizes.remove(0);
            self.outbox.send_to_host(&ToHost::Resize { canvas, viewport });
            self.resize_at = now + limits::RESIZE_INTERVAL;
        }
        if self.repaint_at <= now && !self.repaints.is_empty() {
            let canvas = self.repaints.remove(0);
            self.outbox.send_to_host(&ToHost::Repaint { canvas });
            self.repaint_at = now + limits::REPAINT_INTERVAL;
        }
    }

    fn flush_input(&mut self, now: Instant) {
        let Self { pace, last_input, outbox, copies, .. } = self;
        pace.flush(now, &mut |event| send_input(event, now, last_input, outbox, copies));
    }
}

#[derive(Clone, Copy, Debug)]
enum Due {
    Handshake,
    Ask,
    Silent,
    StillHeld,
    Lost,
    Flush,
}

/// Whether an event does something that a person expects to see, and not only ends it.
fn begins(event: &Input) -> bool {
    match event {
        Input::Key { pressed, .. } | Input::PointerButton { pressed, .. } => *pressed,
        Input::Touch { phase, .. } => *phase == TouchPhase::Down,
        Input::Wheel { .. } | Input::Commit { .. } | Input::Preedit { .. } | Input::StillHeld => true,
        Input::PointerMotion { .. }
        | Input::PointerRelative { .. }
        | Input::PointerLeave
        | Input::Focus { .. }
        | Input::Lock { .. } => false,
    }
}

fn send_input(event: Input, now: Instant, last: &mut InputSequence, outbox: &mut Outbox, copies: &mut Copies) {
    *last = last.next();
    let message = ToHost::Input { sequence: *last, event };
    let frame = outbox.send_to_host(&message);
    if let ToHost::Input { sequence, event } = &message {
        copies.sent(*sequence, event, frame, now);
    }
}

/// The event of a message about what the host shows.
fn shown(message: ToViewer<'_>) -> Option<Event<'_>> {
    match message {
        ToViewer::CanvasOpened { canvas, kind, parent, size } => {
            Some(Event::CanvasOpened { canvas, kind, parent, size })
        }
        ToViewer::CanvasClosed { canvas } => Some(Event::CanvasClosed { canvas }),
        ToViewer::Window { canvas, state } => Some(Event::Window { canvas, state }),
        ToViewer::Update { canvas, update, size, input, more, pixels } => {
            Some(Event::Update { canvas, update, size, input, more, pixels })
        }
        ToViewer::Cursor { shape } => Some(Event::Cursor { shape }),
        ToViewer::CursorImage { size, hotspot, pixels } => Some(Event::CursorImage { size, hotspot, pixels }),
        ToViewer::PointerLock { canvas, locked } => Some(Event::PointerLock { canvas, locked }),
        ToViewer::TextPlace { place } => Some(Event::TextPlace { place }),
        _ => None,
    }
}
