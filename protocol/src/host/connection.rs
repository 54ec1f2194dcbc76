//! The phases of a connection seen from the host. See the [module above](super) for the contract.

use crate::frame::{Decoder, Kind};
use crate::link::{Outbox, Presence};
use crate::rate::Bucket;
use crate::screen::{Named, Screen};
use crate::time::Instant;
use crate::{
    AttachHow, Capabilities, Channel, CloseCode, DecodeError, Error, Input, InputSequence, KeepAlive, KeyboardLayout,
    Locale, Notice, ResumeToken, SessionId, Side, ToHost, ToViewer, Viewport, Violation, limits,
};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;

/// What the host offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// What it can do.
    pub capabilities: Capabilities,
    /// Silence after which either end asks whether the other is there.
    pub keep_alive: KeepAlive,
}

impl Default for Config {
    fn default() -> Self {
        Self { capabilities: Capabilities::ALL, keep_alive: KeepAlive::clamped(limits::KEEP_ALIVE_MILLIS) }
    }
}

/// What the host has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Give the viewer a session: then call [`Connection::attached`] or [`Connection::refuse`].
    AttachRequested {
        /// A new session, or one that was left.
        how: AttachHow,
        /// What the viewer shows it in.
        viewport: Viewport,
        /// The keyboard in front of the person.
        keyboard: KeyboardLayout,
        /// What both ends can do.
        capabilities: Capabilities,
        /// The language of the person.
        locale: Locale,
    },
    /// Give this message to the session's worker. Only `Resize`, `CloseCanvas`, `Repaint`, `Presented` and `Input`
    /// come; the canvas of an `Input` may have been closed a moment ago.
    ForWorker(ToHost),
    /// The viewer left its session, which goes on. [`Closed`](Self::Closed) follows.
    DetachRequested,
    /// End the session; then close with [`CloseCode::SessionEnded`].
    EndRequested,
    /// The connection is over; nothing follows. A close message may still have to be sent.
    Closed(CloseCode),
}

/// The host's end of one connection.
#[derive(Debug)]
pub struct Connection {
    config: Config,
    phase: Phase,
    presence: Presence,
    pings: Bucket,
    outbox: Outbox,
    events: VecDeque<Event>,
}

#[derive(Debug)]
enum Phase {
    /// Waits for `Hello`.
    Greeting { deadline: Instant },
    /// Waits for `Attach`.
    Greeted { deadline: Instant, hello: Hello },
    /// Waits for the host to give a session.
    Attaching { hello: Hello },
    /// The viewer has a session.
    Attached(Box<Attached>),
    /// The viewer asked to end the session, and what it sent before is still coming in.
    Ending,
    /// Over.
    Closed(CloseCode),
}

#[derive(Clone, Copy, Debug)]
struct Hello {
    capabilities: Capabilities,
    locale: Locale,
}

#[derive(Debug)]
struct Attached {
    capabilities: Capabilities,
    /// The last input that was taken, from the stream or from a copy.
    last_input: InputSequence,
    /// The last input that came on the stream. What comes there and is not newer than `last_input` was taken from a copy.
    last_on_stream: InputSequence,
    screen: Screen,
    keys: Bucket,
    buttons: Bucket,
    motions: Bucket,
    touches: Bucket,
    commits: Bucket,
    resizes: Bucket,
    repaints: Bucket,
    closes: Bucket,
    copies: Bucket,
}

impl Connection {
    /// A connection whose viewer has been authenticated by the carrier and has said nothing yet.
    pub fn new(config: Config, now: Instant) -> Self {
        Self {
            config,
            phase: Phase::Greeting { deadline: now + limits::HANDSHAKE },
            presence: Presence::new(config.keep_alive, now),
            pings: Bucket::new(limits::PINGS, now),
            outbox: Outbox::default(),
            events: VecDeque::new(),
        }
    }

    /// Takes the body of a frame that the viewer sent on a channel. Nothing comes of it once the connection is closed.
    pub fn handle_frame(&mut self, channel: Channel, body: &[u8], now: Instant) -> Result<(), Error> {
        if self.closed().is_some() {
            return Ok(());
        }
        self.try_frame(Some(channel), body, now).inspect_err(|error| self.close(error.close_code()))
    }

    /// Takes the body of a frame from a carrier with one stream for all channels: the frame's channel is its message's. Nothing comes
    /// of it once the connection is closed.
    pub fn handle_shared_frame(&mut self, body: &[u8], now: Instant) -> Result<(), Error> {
        if self.closed().is_some() {
            return Ok(());
        }
        self.try_frame(None, body, now).inspect_err(|error| self.close(error.close_code()))
    }

    /// Takes a datagram that the viewer sent: copies of its last inputs, of which those are taken that come next. Nothing comes of
    /// it once the connection is closed.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Instant) -> Result<(), Error> {
        if self.closed().is_some() {
            return Ok(());
        }
        self.try_datagram(datagram, now).inspect_err(|error| self.close(error.close_code()))
    }

    /// The next thing the host has to do.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The viewer has a session from now on; `true` if it is still there to have it, else leave the session again.
    #[must_use]
    pub fn attached(&mut self, session: SessionId, token: ResumeToken, resumed: bool, now: Instant) -> bool {
        let Phase::Attaching { hello } = self.phase else { return false };
        self.phase = Phase::Attached(Box::new(Attached::new(hello.capabilities, now)));
        self.outbox.send_to_viewer(&ToViewer::Attached { session, token, resumed });
        true
    }

    /// The viewer gets no session.
    pub fn refuse(&mut self, code: CloseCode) {
        self.close(code);
    }

    /// Tells the viewer something, if it has a session.
    pub fn notice(&mut self, notice: Notice) {
        if let Phase::Attached(_) = self.phase {
            self.outbox.send_to_viewer(&ToViewer::Notice { notice });
        }
    }

    /// Checks the body of a frame that the session's worker wants to send to the viewer. Send the same frame on the
    /// returned channel; `None`: the viewer has no session any more, drop the frame.
    ///
    /// Pixels are neither copied nor looked at. What a worker sent before it knew of this attachment must not come here
    /// (see [`worker`](crate::worker)).
    pub fn forward(&mut self, body: &[u8], now: Instant) -> Result<Option<Channel>, Error> {
        let Phase::Attached(attached) = &mut self.phase else { return Ok(None) };
        let shown = ToViewer::decode(body).map_err(Violation::Malformed).and_then(|message| {
            attached.screen.show(&message, attached.last_input, now)?;
            Ok(message.channel())
        });
        match shown {
            Ok(channel) => Ok(Some(channel)),
            Err(violation) => {
                let error = violation.by(Side::Host);
                self.close(error.close_code());
                Err(error)
            }
        }
    }

    /// The next whole frame to send, and its channel.
    pub fn poll_send(&mut self) -> Option<(Channel, Vec<u8>)> {
        self.outbox.take()
    }

    /// When to call [`handle_deadline`](Self::handle_deadline) if nothing happens before; `None`: never.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadlines().into_iter().flatten().map(|(at, _)| at).min()
    }

    /// Does what is due.
    pub fn handle_deadline(&mut self, now: Instant) {
        for (at, due) in self.deadlines().into_iter().flatten() {
            if now < at || self.closed().is_some() {
                continue;
            }
            match due {
                Due::Handshake => self.close(CloseCode::HandshakeTimeout),
                Due::Lost => self.close(CloseCode::KeepAliveLost),
                Due::Stalled => self.close(CloseCode::ViewerStalled),
                Due::Ask => {
                    let nonce = self.presence.ask(now);
                    self.outbox.send_to_viewer(&ToViewer::Ping { nonce });
                }
            }
        }
    }

    /// Ends the connection and tells the viewer why. The first reason stands.
    pub fn close(&mut self, code: CloseCode) {
        if self.closed().is_some() {
            return;
        }
        self.outbox.send_to_viewer(&ToViewer::Close { code });
        self.over(code);
    }

    /// Why the connection is over, if it is.
    pub fn closed(&self) -> Option<CloseCode> {
        match self.phase {
            Phase::Closed(code) => Some(code),
            _ => None,
        }
    }

    /// Whether the viewer has a session and takes copies of updates.
    pub fn copies_updates(&self) -> bool {
        matches!(&self.phase, Phase::Attached(attached) if attached.capabilities.contains(Capabilities::UPDATE_COPIES))
    }

    /// The time that the last question and its answer took.
    pub fn round_trip(&self) -> Option<crate::time::Duration> {
        self.presence.round_trip()
    }

    fn over(&mut self, code: CloseCode) {
        self.phase = Phase::Closed(code);
        self.events.push_back(Event::Closed(code));
    }

    fn deadlines(&self) -> [Option<(Instant, Due)>; 3] {
        let present = Some((self.presence.lost_at(), Due::Lost));
        let ask = Some((self.presence.ask_at(), Due::Ask));
        match &self.phase {
            Phase::Greeting { deadline } | Phase::Greeted { deadline, .. } => {
                [Some((*deadline, Due::Handshake)), None, None]
            }
            Phase::Attaching { .. } | Phase::Ending => [present, ask, None],
            Phase::Attached(attached) => {
                let stalled = attached.screen.oldest_in_flight().map(|since| since + limits::PRESENT_WITHIN);
                [present, ask, stalled.map(|at| (at, Due::Stalled))]
            }
            Phase::Closed(_) => [None; 3],
        }
    }

    fn try_frame(&mut self, channel: Option<Channel>, body: &[u8], now: Instant) -> Result<(), Error> {
        self.outbox.check(Side::Host)?;
        if limits::MAX_QUEUED <= self.events.len() {
            return Err(Violation::NotDrained.by(Side::Host));
        }
        self.presence.heard(now);
        let message = ToHost::decode(body).map_err(|error| Violation::Malformed(error).by(Side::Viewer))?;
        if let Some(channel) = channel.filter(|channel| *channel != message.channel()) {
            return Err(Violation::WrongChannel { message: message.name(), channel }.by(Side::Viewer));
        }
        self.step(message, now).map_err(|violation| violation.by(Side::Viewer))
    }

    fn try_datagram(&mut self, datagram: &[u8], now: Instant) -> Result<(), Error> {
        self.outbox.check(Side::Host)?;
        if limits::MAX_QUEUED <= self.events.len() {
            return Err(Violation::NotDrained.by(Side::Host));
        }
        let by_viewer = |violation: Violation| violation.by(Side::Viewer);
        if limits::MAX_DATAGRAM < datagram.len() {
            let bytes = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
            return Err(by_viewer(Violation::Oversized { bytes, limit: limits::MAX_DATAGRAM }));
        }
        self.presence.heard(now);
        let attached = match &mut self.phase {
            Phase::Attached(attached) => attached,
            // Datagrams keep no order with `End`: what was on its way is no fault.
            Phase::Ending => return Ok(()),
            phase => return Err(by_viewer(Violation::WrongState { message: "a datagram", phase: name(phase) })),
        };
        attached.expect_agreed("a datagram", Capabilities::INPUT_COPIES).map_err(by_viewer)?;
        attached.copies.take(now).map_err(by_viewer)?;
        let mut decoder = Decoder::new(&[Kind::ToHost]);
        decoder.push(datagram);
        while let Some(frame) = decoder.next_frame().map_err(|error| error.by(Side::Viewer))? {
            let message = ToHost::decode(frame.body).map_err(|error| by_viewer(Violation::Malformed(error)))?;
            if let Some(message) = attached.take_copy(message, now).map_err(by_viewer)? {
                self.events.push_back(Event::ForWorker(message));
            }
        }
        if decoder.buffered() == 0 { Ok(()) } else { Err(by_viewer(Violation::Malformed(DecodeError::Value))) }
    }

    fn step(&mut self, message: ToHost, now: Instant) -> Result<(), Violation> {
        // The phase is taken out, so that an error cannot leave a half-changed one behind: the caller closes.
        let phase = mem::replace(&mut self.phase, Phase::Ending);
        self.phase = match (phase, message) {
            (_, ToHost::Close { code }) => {
                self.outbox.clear();
                self.over(code);
                return Ok(());
            }
            (Phase::Greeting { .. }, ToHost::Hello { minor, capabilities, locale }) => {
                self.greet(minor, capabilities, locale, now)?
            }
            (phase @ Phase::Greeting { .. }, message) => return Err(wrong(&message, &phase)),
            (phase, ToHost::Ping { nonce }) => {
                self.pings.take(now)?;
                self.outbox.send_to_viewer(&ToViewer::Pong { nonce });
                phase
            }
            (phase, ToHost::Pong { nonce }) => {
                self.presence.answered(nonce, now)?;
                phase
            }
            (Phase::Greeted { hello, .. }, ToHost::Attach { how, viewport, keyboard }) => {
                let Hello { capabilities, locale } = hello;
                self.events.push_back(Event::AttachRequested { how, viewport, keyboard, capabilities, locale });
                Phase::Attaching { hello }
            }
            (Phase::Attached(_), ToHost::Detach) => {
                self.events.push_back(Event::DetachRequested);
                self.close(CloseCode::Normal);
                return Ok(());
            }
            (Phase::Attached(_), ToHost::End) => {
                self.events.push_back(Event::EndRequested);
                Phase::Ending
            }
            (Phase::Attached(mut attached), message) => {
                if let Some(message) = attached.take(message, now)? {
                    self.events.push_back(Event::ForWorker(message));
                }
                Phase::Attached(attached)
            }
            // The input channel keeps no order with `End`: what was on its way is no fault.
            (Phase::Ending, message) if message.channel() == Channel::Input => Phase::Ending,
            (phase, message) => return Err(wrong(&message, &phase)),
        };
        Ok(())
    }

    fn greet(
        &mut self,
        minor: u16,
        capabilities: Capabilities,
        locale: Locale,
        now: Instant,
    ) -> Result<Phase, Violation> {
        if minor < limits::OLDEST_MINOR {
            return Err(Violation::Version(minor));
        }
        let minor = minor.min(limits::MINOR);
        let capabilities = capabilities & self.config.capabilities;
        self.outbox.send_to_viewer(&ToViewer::Welcome { minor, capabilities, keep_alive: self.config.keep_alive });
        Ok(Phase::Greeted { deadline: now + limits::HANDSHAKE, hello: Hello { capabilities, locale } })
    }
}

impl Attached {
    fn new(capabilities: Capabilities, now: Instant) -> Self {
        Self {
            capabilities,
            last_input: InputSequence::NONE,
            last_on_stream: InputSequence::NONE,
            screen: Screen::new(capabilities, now),
            keys: Bucket::new(limits::KEYS, now),
            buttons: Bucket::new(limits::BUTTONS, now),
            motions: Bucket::new(limits::MOTIONS, now),
            touches: Bucket::new(limits::TOUCHES, now),
            commits: Bucket::new(limits::COMMITS, now),
            resizes: Bucket::new(limits::RESIZES, now),
            repaints: Bucket::new(limits::REPAINTS, now),
            closes: Bucket::new(limits::CLOSES, now),
            copies: Bucket::new(limits::COPIES, now),
        }
    }

    /// Checks a message on the input channel; returns it if the worker has to have it.
    fn take(&mut self, message: ToHost, now: Instant) -> Result<Option<ToHost>, Violation> {
        let name = message.name();
        let named = match &message {
            ToHost::Presented { canvas, update } => self.screen.presented(*canvas, *update)?,
            ToHost::Resize { canvas, .. } => {
                self.resizes.take(now)?;
                self.screen.named(name, *canvas)?
            }
            ToHost::CloseCanvas { canvas } => {
                self.closes.take(now)?;
                self.screen.named(name, *canvas)?
            }
            ToHost::Repaint { canvas } => {
                self.repaints.take(now)?;
                self.screen.named(name, *canvas)?
            }
            ToHost::Input { sequence, event } => {
                if *sequence != self.last_on_stream.next() {
                    let (number, last) = (sequence.0, self.last_on_stream.0);
                    return Err(Violation::OutOfOrder { message: "Input", number, last });
                }
                self.last_on_stream = *sequence;
                if *sequence <= self.last_input {
                    // A copy was here first.
                    return Ok(None);
                }
                self.input(*sequence, event, now)?;
                Named::Open
            }
            _ => return Err(Violation::WrongState { message: name, phase: "attached" }),
        };
        Ok(Some(message).filter(|_| named == Named::Open))
    }

    /// Checks a message in a datagram; returns it if it is the input that comes next.
    fn take_copy(&mut self, message: ToHost, now: Instant) -> Result<Option<ToHost>, Violation> {
        let ToHost::Input { sequence, event } = &message else {
            return Err(Violation::WrongState { message: message.name(), phase: "in a datagram" });
        };
        if *sequence != self.last_input.next() {
            return Ok(None);
        }
        self.input(*sequence, event, now)?;
        Ok(Some(message))
    }

    /// Takes an input that comes next.
    fn input(&mut self, sequence: InputSequence, event: &Input, now: Instant) -> Result<(), Violation> {
        match event {
            Input::Key { .. } | Input::Focus { .. } | Input::Preedit { .. } | Input::StillHeld | Input::Lock { .. } => {
                self.keys.take(now)?
            }
            Input::PointerButton { .. } => self.buttons.take(now)?,
            Input::PointerMotion { .. } | Input::PointerLeave | Input::Wheel { .. } => self.motions.take(now)?,
            Input::PointerRelative { .. } => {
                self.expect_agreed("PointerRelative", Capabilities::POINTER_LOCK)?;
                self.motions.take(now)?;
            }
            Input::Touch { .. } => {
                self.expect_agreed("Touch", Capabilities::TOUCH)?;
                self.touches.take(now)?;
            }
            Input::Commit { .. } => self.commits.take(now)?,
        }
        match event {
            Input::PointerMotion { canvas, .. }
            | Input::Touch { canvas, .. }
            | Input::Focus { canvas: Some(canvas) } => {
                self.screen.named("Input", *canvas)?;
            }
            _ => {}
        }
        self.last_input = sequence;
        Ok(())
    }

    fn expect_agreed(&self, what: &'static str, capability: Capabilities) -> Result<(), Violation> {
        if self.capabilities.contains(capability) { Ok(()) } else { Err(Violation::NotAgreed(what)) }
    }
}

#[derive(Clone, Copy, Debug)]
enum Due {
    Handshake,
    Ask,
    Lost,
    Stalled,
}

fn wrong(message: &ToHost, phase: &Phase) -> Violation {
    Violation::WrongState { message: message.name(), phase: name(phase) }
}

fn name(phase: &Phase) -> &'static str {
    match phase {
        Phase::Greeting { .. } => "greeting",
        Phase::Greeted { .. } => "greeted",
        Phase::Attaching { .. } => "attaching",
        Phase::Attached(_) => "attached",
        Phase::Ending => "ending",
        Phase::Closed(_) => "closed",
    }
}
