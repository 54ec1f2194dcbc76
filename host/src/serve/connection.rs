//! One viewer's connection: its carrier, its state machine and, once attached, its session's link.
//!
//! Owns the relay, in one task: [`Carrier`] → [`host::Connection`] → worker, and worker → check → carrier, where a frame
//! leaves as the bytes that came. It must never trust either side: both are checked by the same state machine, and an
//! error of one closes this connection only.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use shoji_protocol::frame::{self, HEADER_BYTES, Kind};
use shoji_protocol::host::{self, Event};
use shoji_protocol::time::Instant;
use shoji_protocol::{AttachHow, Capabilities, Channel, CloseCode, Notice, Side, ToHost, ToViewer};
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep_until};
use tracing::{info, warn};

use super::carrier::{Carrier, Lost, Told};
use super::hub::Hub;
use super::link::{FromWorker, LinkError};
use super::session::{self, AttachRequest, Command, Grant, Word};
use super::table::{Handle, Identity};
use crate::trace;
use crate::{clock, limits};
use std::sync::Arc;

/// One viewer's connection.
pub(super) struct Connection<C> {
    hub: Arc<Hub>,
    identity: Identity,
    carrier: C,
    machine: host::Connection,
    /// Of the control channel, or of all where they share one stream.
    control: frame::Decoder,
    input: frame::Decoder,
    session: Option<Attached>,
    /// The viewer asked for the session's end.
    end: bool,
    /// The end of the device's certificate. One timer for the whole connection, so that looking at it costs a message nothing.
    expiry: Pin<Box<Sleep>>,
    scratch: Vec<u8>,
    /// Inputs of one read that are still to be traced.
    traced: Vec<trace::Event>,
}

/// A session as an attached connection has it.
struct Attached {
    grant: Grant,
    /// The link failed: the worker is gone.
    broken: bool,
}

/// What woke the task.
enum Wake {
    Carrier(Result<Told, Lost>),
    Worker(Result<FromWorker, LinkError>),
    LinkDrained(Result<(), LinkError>),
    Word(Option<Word>),
    Told(Option<CloseCode>),
    Deadline,
}

/// How a connection ended, for the log.
pub(super) enum Outcome {
    /// By a close code of ours or the viewer's.
    Closed(CloseCode),
    /// The network or the viewer's program broke it.
    Lost(Lost),
}

impl Outcome {
    /// What the carrier is closed with.
    fn code(&self) -> CloseCode {
        match self {
            Self::Closed(code) => *code,
            Self::Lost(_) => CloseCode::KeepAliveLost,
        }
    }
}

impl<C: Carrier> Connection<C> {
    pub(super) fn new(hub: Arc<Hub>, identity: Identity, expires: tokio::time::Instant, carrier: C) -> Self {
        let mut config = host::Config::default();
        if !C::COPIES_UPDATES {
            config.capabilities = config.capabilities.without(Capabilities::UPDATE_COPIES);
        }
        if !C::HAS_DATAGRAMS {
            config.capabilities = config.capabilities.without(Capabilities::INPUT_COPIES);
        }
        Self {
            hub,
            identity,
            carrier,
            machine: host::Connection::new(config, now()),
            control: frame::Decoder::new(&[Kind::ToHost]),
            input: frame::Decoder::new(&[Kind::ToHost]),
            session: None,
            end: false,
            expiry: Box::pin(sleep_until(expires)),
            scratch: Vec::new(),
            traced: Vec::new(),
        }
    }

    /// Runs until the connection is over: the session has its link back, and the carrier is closed.
    pub(super) async fn run(&mut self, mut told: mpsc::Receiver<CloseCode>) -> Outcome {
        let outcome = loop {
            if let Some(code) = self.machine.closed() {
                break Outcome::Closed(code);
            }
            let wake = self.wake(&mut told).await;
            if let Err(lost) = self.handle_wake(wake).await {
                break Outcome::Lost(lost);
            }
        };
        self.leave().await;
        self.carrier.farewell(outcome.code()).await;
        outcome
    }

    async fn wake(&mut self, told: &mut mpsc::Receiver<CloseCode>) -> Wake {
        let deadline = self.machine.deadline().map(|at| Duration::from(at.since(now())));
        let sleep = async {
            match deadline {
                Some(length) => tokio::time::sleep(length).await,
                None => std::future::pending().await,
            }
        };
        let Self { carrier, expiry, session, .. } = self;
        let (link, words) = match session {
            Some(Attached { grant, broken: false }) => (Some(&mut grant.link), Some(&mut grant.words)),
            Some(Attached { grant, broken: true }) => (None, Some(&mut grant.words)),
            None => (None, None),
        };
        let may_take = carrier.is_drained();
        let from_link = async {
            match link {
                Some(link) if may_take => Wake::Worker(link.next().await),
                // The viewer takes no more at the moment; its input still goes to the worker.
                Some(link) if link.has_unsent() => Wake::LinkDrained(link.drain().await),
                _ => std::future::pending().await,
            }
        };
        let word = async {
            match words {
                Some(words) => words.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            // What ends the connection comes before what a flood could put it off by.
            code = told.recv() => Wake::Told(code),
            () = expiry => Wake::Told(Some(CloseCode::CertificateExpired)),
            told = carrier.next() => Wake::Carrier(told),
            word = word => Wake::Word(word),
            wake = from_link => wake,
            () = sleep => Wake::Deadline,
        }
    }

    /// `Err`: the connection is lost, for this reason.
    async fn handle_wake(&mut self, wake: Wake) -> Result<(), Lost> {
        match wake {
            Wake::Carrier(told) => {
                match told? {
                    Told::Channel(channel, bytes) => self.received(Some(channel), &bytes).await,
                    Told::Shared(bytes) => self.received(None, &bytes).await,
                    Told::Datagram(datagram) => {
                        let handled = self.machine.handle_datagram(&datagram, now());
                        self.handled(handled).await;
                        self.push_link();
                        self.collect();
                    }
                    Told::Wrote => {}
                }
                Ok(())
            }
            Wake::Worker(Ok(FromWorker::ForViewer(frame))) => {
                self.relay(frame);
                Ok(())
            }
            Wake::Worker(Ok(FromWorker::ForSupervisor(message))) => {
                if let Some(attached) = &self.session {
                    let _ = attached.grant.handle.commands.send(Command::Worker(message)).await;
                }
                Ok(())
            }
            Wake::Worker(Err(error)) | Wake::LinkDrained(Err(error)) => {
                self.link_broke(&error);
                Ok(())
            }
            Wake::LinkDrained(Ok(())) => Ok(()),
            Wake::Word(Some(Word::Notice(notice))) => {
                self.machine.notice(notice);
                self.collect();
                Ok(())
            }
            Wake::Word(Some(Word::LetGo(code) | Word::Ended(code))) => {
                self.close(code);
                Ok(())
            }
            // The session's task is gone without a word: it can only have been dropped.
            Wake::Word(None) => {
                self.close(CloseCode::SessionEnded);
                Ok(())
            }
            Wake::Told(code) => {
                self.close(code.unwrap_or(CloseCode::HostStopping));
                Ok(())
            }
            Wake::Deadline => {
                self.machine.handle_deadline(now());
                self.collect();
                Ok(())
            }
        }
    }

    /// Takes bytes of a channel's frames; without one, of the frames of all channels.
    async fn received(&mut self, channel: Option<Channel>, bytes: &[u8]) {
        let now = now();
        decoder(&mut self.control, &mut self.input, channel).push(bytes);
        loop {
            let Self { control, input, machine, .. } = self;
            let handled = match decoder(control, input, channel).next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => match channel {
                    Some(channel) => machine.handle_frame(channel, frame.body, now),
                    None => machine.handle_shared_frame(frame.body, now),
                },
                Err(error) => Err(error.by(Side::Viewer)),
            };
            self.handled(handled).await;
            if self.machine.closed().is_some() {
                break;
            }
        }
        self.push_link();
        self.collect();
    }

    /// What came of something that the viewer sent.
    async fn handled(&mut self, result: Result<(), shoji_protocol::Error>) {
        if let Err(error) = result {
            warn!(device = %self.identity.device, %error, code = ?error.close_code(), "Viewer broke the protocol");
            self.machine.close(error.close_code());
        }
        self.events().await;
    }

    async fn events(&mut self) {
        while let Some(event) = self.machine.poll_event() {
            match event {
                Event::AttachRequested { how, viewport, keyboard, capabilities, locale } => {
                    let request = |reply| AttachRequest { viewport, keyboard, capabilities, locale, reply };
                    let granted = ask_for_session(&self.hub, &self.identity, how, request).await;
                    match granted {
                        Ok(grant) => self.attached(grant),
                        Err(code) => self.machine.refuse(code),
                    }
                }
                Event::ForWorker(message) => self.give_to_worker(&message),
                Event::EndRequested => {
                    self.end = true;
                    self.machine.close(CloseCode::SessionEnded);
                }
                Event::DetachRequested | Event::Closed(_) => {}
            }
        }
    }

    fn attached(&mut self, grant: Grant) {
        let (session, token, resumed) = (grant.session, grant.handle.shared.token, grant.resumed);
        info!(session.id = session.0, device = %self.identity.device, carrier = C::NAME, resumed, "Viewer attached");
        self.session = Some(Attached { grant, broken: false });
        // If the viewer closed meanwhile, the loop ends and gives the session back.
        let _ = self.machine.attached(session, token, resumed, now());
        if self.machine.copies_updates() {
            self.carrier.copy_updates();
        }
        let left = self.expiry.deadline().saturating_duration_since(tokio::time::Instant::now());
        // Once per session: whoever comes back to one has read it.
        if !resumed && left < limits::CERTIFICATE_NOTICE {
            self.machine.notice(Notice::CertificateExpiresSoon);
        }
    }

    fn give_to_worker(&mut self, message: &ToHost) {
        let Some(Attached { grant, broken: false }) = &mut self.session else { return };
        grant.link.queue(message, &mut self.scratch);
        if let ToHost::Input { sequence, .. } = message {
            grant.handle.shared.last_input.store(clock::microseconds(), Ordering::Relaxed);
            if self.hub.trace.is_on() {
                let (session, t) = (grant.session.0, self.hub.trace.now());
                self.traced.push(trace::Event::InputReceived { session, seq: sequence.0, t });
            }
        }
    }

    /// Sends on what was queued; traces only then, so that tracing does not delay it.
    fn push_link(&mut self) {
        if let Some(Attached { grant, broken: false }) = &mut self.session
            && let Err(error) = grant.link.push()
        {
            self.link_broke(&error);
        }
        for event in self.traced.drain(..) {
            self.hub.trace.write(&event);
        }
    }

    /// Checks a worker's frame like a stranger's and sends the same bytes on.
    fn relay(&mut self, frame: Bytes) {
        match self.machine.forward(&frame[HEADER_BYTES..], now()) {
            Ok(Some(channel)) => {
                self.trace_update(&frame);
                self.carrier.queue(channel, frame);
            }
            Ok(None) => {}
            Err(error) => {
                warn!(device = %self.identity.device, %error, "Worker broke the protocol");
                if let Some(attached) = &mut self.session {
                    attached.broken = true;
                }
            }
        }
        self.collect();
    }

    fn trace_update(&self, frame: &Bytes) {
        if !self.hub.trace.is_on() {
            return;
        }
        let message = ToViewer::decode(&frame[HEADER_BYTES..]);
        if let (Ok(ToViewer::Update { canvas, update, .. }), Some(attached)) = (message, &self.session) {
            self.hub.trace.write(&trace::Event::UpdateRelayed {
                session: attached.grant.session.0,
                canvas: canvas.0,
                update: update.0,
                bytes: frame.len(),
                t: self.hub.trace.now(),
            });
        }
    }

    /// The worker is gone or makes no sense. Only the session's task knows why its worker ended (perhaps it ended the
    /// session itself a moment ago), so it says the reason, and it comes as a [`Word`].
    fn link_broke(&mut self, error: &LinkError) {
        let Some(attached) = &mut self.session else { return };
        attached.broken = true;
        info!(session.id = attached.grant.session.0, %error, "Worker's link ended");
        match attached.grant.handle.commands.try_send(Command::End(CloseCode::WorkerDied)) {
            // A session that is over has left its word already.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
            Err(mpsc::error::TrySendError::Full(_)) => self.close(CloseCode::WorkerDied),
        }
    }

    fn close(&mut self, code: CloseCode) {
        self.machine.close(code);
        self.collect();
    }

    /// Takes the state machine's frames.
    fn collect(&mut self) {
        while let Some((channel, frame)) = self.machine.poll_send() {
            self.carrier.queue(channel, frame.into());
        }
    }

    /// Gives the session back.
    async fn leave(&mut self) {
        self.collect();
        let Some(Attached { grant, broken }) = self.session.take() else { return };
        let link = (!broken).then_some(grant.link);
        let back = Command::Return { attachment: grant.attachment, link, end: self.end };
        // The session may have ended first; then nobody needs the link.
        let _ = grant.handle.commands.send(back).await;
    }
}

/// The session that a viewer means, or a new one. Not a method: a carrier need not be one that several threads may look at.
async fn ask_for_session(
    hub: &Arc<Hub>,
    identity: &Identity,
    how: AttachHow,
    request: impl FnOnce(tokio::sync::oneshot::Sender<Result<Grant, CloseCode>>) -> AttachRequest,
) -> Result<Grant, CloseCode> {
    let known = match how {
        AttachHow::Resume(token) => {
            let found = hub.table().resume(token, identity);
            Some(found.ok_or(CloseCode::UnknownResume)?)
        }
        AttachHow::Own => hub.table().of_user(identity),
        AttachHow::New => None,
    };
    let handle = match known {
        Some(handle) => handle,
        None => {
            let place = hub.place(identity).await.map_err(|full| {
                warn!(device = %identity.device, %full, "Session refused");
                CloseCode::NoCapacity
            })?;
            let created = session::create(hub.clone(), place, identity.clone()).await.map_err(|error| {
                warn!(device = %identity.device, %error, "Session cannot be created");
                CloseCode::BrowserNotStarted
            })?;
            keep(hub, identity, created).await?
        }
    };
    session::attach(&handle, request).await
}

/// A session that was just created, if its device may have it still. A revocation from now on finds it in the table; one that
/// came while it was made did not.
async fn keep(hub: &Hub, identity: &Identity, created: Handle) -> Result<Handle, CloseCode> {
    if hub.identify(identity.fingerprint).is_some() {
        return Ok(created);
    }
    let _ = created.commands.send(Command::End(CloseCode::Revoked)).await;
    Err(CloseCode::Revoked)
}

/// The decoder of the frames of a channel.
fn decoder<'a>(
    control: &'a mut frame::Decoder,
    input: &'a mut frame::Decoder,
    channel: Option<Channel>,
) -> &'a mut frame::Decoder {
    match channel {
        Some(Channel::Input) => input,
        _ => control,
    }
}

fn now() -> Instant {
    Instant::from_micros(clock::microseconds())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::{hub, table};
    use super::*;

    /// A carrier that has something to tell at once, always.
    #[derive(Default)]
    struct Flood {
        told: u32,
        farewell: Option<CloseCode>,
    }

    impl Carrier for Flood {
        const NAME: &'static str = "made for a test";
        const HAS_DATAGRAMS: bool = false;

        fn peer(&self) -> SocketAddr {
            ([127, 0, 0, 1], 1).into()
        }

        fn queue(&mut self, _channel: Channel, _frame: Bytes) {}

        fn is_drained(&self) -> bool {
            true
        }

        async fn next(&mut self) -> Result<Told, Lost> {
            self.told += 1;
            assert!(self.told < 1_000, "the flood goes before everything else");
            Ok(Told::Wrote)
        }

        async fn farewell(&mut self, code: CloseCode) {
            self.farewell = Some(code);
        }
    }

    #[tokio::test]
    async fn a_flood_does_not_put_off_the_end_of_a_certificate() {
        let (hub, _state) = hub::tests::hub();
        let identity = hub::tests::device(&hub, "pc");
        let ended = tokio::time::Instant::now() - Duration::from_secs(1);
        let mut connection = Connection::new(hub, identity, ended, Flood::default());
        let (_close, told) = mpsc::channel(1);
        assert!(matches!(connection.run(told).await, Outcome::Closed(CloseCode::CertificateExpired)));
        assert_eq!(connection.carrier.farewell, Some(CloseCode::CertificateExpired));
    }

    #[tokio::test]
    async fn a_session_whose_device_was_revoked_while_it_was_made_ends_at_once() {
        let (hub, _state) = hub::tests::hub();
        let identity = hub::tests::device(&hub, "pc");
        let (handle, mut commands) = table::tests::handle_of(1, &identity);
        assert!(keep(&hub, &identity, handle.clone()).await.is_ok());
        assert!(commands.try_recv().is_err(), "it goes on");
        hub::tests::revoke(&hub, "pc");
        assert_eq!(keep(&hub, &identity, handle).await.unwrap_err(), CloseCode::Revoked);
        assert!(matches!(commands.try_recv(), Ok(Command::End(CloseCode::Revoked))));
    }
}
