//! One viewer's connection: its streams, its state machine and, once attached, its session's link.
//!
//! Owns the relay, in one task: network → [`host::Connection`] → worker, and worker → check → network, where a frame
//! leaves as the bytes that came. It must never trust either side: both are checked by the same state machine, and an
//! error of one closes this connection only.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use quinn::{RecvStream, SendStream, VarInt};
use shoji_protocol::frame::{self, HEADER_BYTES, Kind};
use shoji_protocol::host::{self, Event};
use shoji_protocol::time::Instant;
use shoji_protocol::{AttachHow, Channel, CloseCode, Notice, Side, ToHost, ToViewer};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{info, warn};

use super::hub::Hub;
use super::link::{FromWorker, LinkError};
use super::session::{self, AttachRequest, Command, Grant, Word};
use super::table::Identity;
use crate::trace;
use crate::{clock, limits};
use std::sync::Arc;

/// Read from a viewer's stream at once; input frames are about 20 bytes.
const READ: usize = 16 << 10;

/// The streams that a connection begins with; the viewer's input stream comes with its first input.
pub(super) struct Streams {
    pub(super) control_out: SendStream,
    pub(super) control_in: RecvStream,
    pub(super) updates: SendStream,
}

/// One viewer's connection.
pub(super) struct Connection {
    hub: Arc<Hub>,
    identity: Identity,
    carrier: quinn::Connection,
    machine: host::Connection,
    control: Inbound,
    input: Option<Inbound>,
    control_out: Outbound,
    updates: Outbound,
    session: Option<Attached>,
    /// The viewer asked for the session's end.
    end: bool,
    /// When the device's certificate ends.
    expires: tokio::time::Instant,
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

/// Bytes of one stream from the viewer.
struct Inbound {
    stream: RecvStream,
    decoder: frame::Decoder,
    open: bool,
}

/// Frames on their way into one stream to the viewer.
struct Outbound {
    stream: SendStream,
    waiting: Vec<Bytes>,
}

impl Inbound {
    fn new(stream: RecvStream) -> Self {
        Self { stream, decoder: frame::Decoder::new(&[Kind::ToHost]), open: true }
    }

    /// The next bytes; `None`: the viewer finished the stream. Safe to drop at any time.
    async fn read(&mut self) -> Result<Option<Bytes>, quinn::ReadError> {
        Ok(self.stream.read_chunk(READ, true).await?.map(|chunk| chunk.bytes))
    }
}

impl Outbound {
    fn new(stream: SendStream) -> Self {
        Self { stream, waiting: Vec::new() }
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Gives the transport what it takes now. Safe to drop at any time.
    async fn write(&mut self) -> Result<(), quinn::WriteError> {
        self.stream.write_chunks(&mut self.waiting).await?;
        // Chunks that were taken whole are empty now.
        self.waiting.retain(|chunk| !chunk.is_empty());
        Ok(())
    }
}

/// What woke the task.
enum Wake {
    Control(Result<Option<Bytes>, quinn::ReadError>),
    InputOpened(Result<RecvStream, quinn::ConnectionError>),
    Input(Result<Option<Bytes>, quinn::ReadError>),
    Datagram(Result<Bytes, quinn::ConnectionError>),
    Wrote(Result<(), quinn::WriteError>),
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
    Lost(String),
}

impl Connection {
    pub(super) fn new(
        hub: Arc<Hub>,
        identity: Identity,
        expires: tokio::time::Instant,
        carrier: quinn::Connection,
        streams: Streams,
    ) -> Self {
        Self {
            carrier,
            expires,
            hub,
            identity,
            machine: host::Connection::new(host::Config::default(), now()),
            control: Inbound::new(streams.control_in),
            input: None,
            control_out: Outbound::new(streams.control_out),
            updates: Outbound::new(streams.updates),
            session: None,
            end: false,
            scratch: Vec::new(),
            traced: Vec::new(),
        }
    }

    /// Runs until the connection is over; the close message is then on its way, and the session has its link back.
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
        self.farewell().await;
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
        let Self { carrier, expires, control, input, control_out, updates, session, .. } = self;
        let (link, words) = match session {
            Some(Attached { grant, broken: false }) => (Some(&mut grant.link), Some(&mut grant.words)),
            Some(Attached { grant, broken: true }) => (None, Some(&mut grant.words)),
            None => (None, None),
        };
        let may_take = updates.is_empty();
        let has_control = !control_out.is_empty();
        let from_link = async {
            match link {
                Some(link) if may_take => Wake::Worker(link.next().await),
                // The viewer takes no more at the moment; its input still goes to the worker.
                Some(link) if link.has_unsent() => Wake::LinkDrained(link.drain().await),
                _ => std::future::pending().await,
            }
        };
        let from_input = async {
            match input {
                None => Wake::InputOpened(carrier.accept_uni().await),
                Some(input) if input.open => Wake::Input(input.read().await),
                Some(_) => std::future::pending().await,
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
            code = told.recv() => Wake::Told(code),
            wake = from_input => wake,
            datagram = carrier.read_datagram() => Wake::Datagram(datagram),
            bytes = control.read(), if control.open => Wake::Control(bytes),
            wrote = control_out.write(), if has_control => Wake::Wrote(wrote),
            wrote = updates.write(), if !may_take => Wake::Wrote(wrote),
            word = word => Wake::Word(word),
            wake = from_link => wake,
            () = sleep => Wake::Deadline,
            () = tokio::time::sleep_until(*expires) => Wake::Told(Some(CloseCode::CertificateExpired)),
        }
    }

    /// `Err`: the connection is lost, for this reason.
    async fn handle_wake(&mut self, wake: Wake) -> Result<(), String> {
        match wake {
            Wake::InputOpened(Ok(stream)) => {
                self.input = Some(Inbound::new(stream));
                Ok(())
            }
            Wake::InputOpened(Err(error)) => Err(error.to_string()),
            Wake::Input(bytes) => self.received(Channel::Input, bytes).await,
            Wake::Control(bytes) => self.received(Channel::Control, bytes).await,
            Wake::Datagram(Ok(datagram)) => {
                let handled = self.machine.handle_datagram(&datagram, now());
                self.handled(handled).await;
                self.push_link();
                self.collect();
                Ok(())
            }
            Wake::Datagram(Err(error)) => Err(error.to_string()),
            Wake::Wrote(Ok(())) => Ok(()),
            Wake::Wrote(Err(error)) => Err(error.to_string()),
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

    async fn received(
        &mut self,
        channel: Channel,
        bytes: Result<Option<Bytes>, quinn::ReadError>,
    ) -> Result<(), String> {
        let Self { control, input, .. } = self;
        let inbound = inbound(control, input, channel);
        let Some(bytes) = bytes.map_err(|error| error.to_string())? else {
            // Nothing more comes on this stream; the keep-alive decides about the rest.
            inbound.open = false;
            return Ok(());
        };
        let now = now();
        inbound.decoder.push(&bytes);
        loop {
            let Self { control, input, .. } = self;
            let handled = match self::inbound(control, input, channel).decoder.next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => self.machine.handle_frame(channel, frame.body, now),
                Err(error) => Err(error.by(Side::Viewer)),
            };
            self.handled(handled).await;
            if self.machine.closed().is_some() {
                break;
            }
        }
        self.push_link();
        self.collect();
        Ok(())
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
                    let granted = self
                        .ask_for_session(how, |reply| AttachRequest { viewport, keyboard, capabilities, locale, reply })
                        .await;
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

    async fn ask_for_session(
        &self,
        how: AttachHow,
        request: impl FnOnce(tokio::sync::oneshot::Sender<Result<Grant, CloseCode>>) -> AttachRequest,
    ) -> Result<Grant, CloseCode> {
        let known = match how {
            AttachHow::Resume(token) => {
                let found = self.hub.table().resume(token, &self.identity);
                Some(found.ok_or(CloseCode::UnknownResume)?)
            }
            AttachHow::Own => self.hub.table().of_user(&self.identity),
            AttachHow::New => None,
        };
        let handle = match known {
            Some(handle) => handle,
            None => {
                let place = self.hub.place(&self.identity).await.map_err(|full| {
                    warn!(device = %self.identity.device, %full, "Session refused");
                    CloseCode::NoCapacity
                })?;
                let created = session::create(self.hub.clone(), place, self.identity.clone()).await;
                created.map_err(|error| {
                    warn!(device = %self.identity.device, %error, "Session cannot be created");
                    CloseCode::BrowserNotStarted
                })?
            }
        };
        session::attach(&handle, request).await
    }

    fn attached(&mut self, grant: Grant) {
        let (session, token, resumed) = (grant.session, grant.handle.shared.token, grant.resumed);
        info!(session.id = session.0, device = %self.identity.device, resumed, "Viewer attached");
        self.session = Some(Attached { grant, broken: false });
        // If the viewer closed meanwhile, the loop ends and gives the session back.
        let _ = self.machine.attached(session, token, resumed, now());
        let left = self.expires.saturating_duration_since(tokio::time::Instant::now());
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
                match channel {
                    Channel::Updates => self.updates.waiting.push(frame),
                    _ => self.control_out.waiting.push(frame),
                }
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
            match channel {
                Channel::Updates => self.updates.waiting.push(frame.into()),
                _ => self.control_out.waiting.push(frame.into()),
            }
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

    /// Sends what is left on the control stream, above all the close message, and waits until the viewer has it.
    async fn farewell(&mut self) {
        let send = async {
            while !self.control_out.is_empty() {
                self.control_out.write().await.ok()?;
            }
            self.control_out.stream.finish().ok()?;
            self.control_out.stream.stopped().await.ok()
        };
        let _ = timeout(limits::FAREWELL, send).await;
    }
}

/// The stream of a channel that bytes came on.
fn inbound<'a>(control: &'a mut Inbound, input: &'a mut Option<Inbound>, channel: Channel) -> &'a mut Inbound {
    match (channel, input) {
        (Channel::Input, Some(input)) => input,
        _ => control,
    }
}

/// The QUIC close code of a close code.
pub(super) fn quic_code(code: CloseCode) -> VarInt {
    VarInt::from_u32(u32::from(code.number()))
}

fn now() -> Instant {
    Instant::from_micros(clock::microseconds())
}
