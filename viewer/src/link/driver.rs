//! The one task that talks to the network: connects, reads, decodes, writes, and connects again.
//!
//! Owns the order of those things and the backoff. A connection's life is one call of [`Driver::once`]; the loop around
//! it decides what its end means.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use quinn::{Connection as Carrier, Endpoint, ReadError, RecvStream, SendStream, VarInt, WriteError};
use shoji_codec::DecodeError;
use shoji_protocol::{
    AttachHow, CanvasId, Channel, CloseCode, Fault, Side, frame,
    viewer::{Config, Connection, Event},
};

use super::{
    Error, Options, Shared, Wish, tls,
    wire::{Outgoing, Wire, instant},
};
use crate::{
    bundle::Bundle,
    clock::{self, Stamp},
    observe::Decoded,
    scene::{Pointer, PointerPicture, State, Update},
};

/// A handshake that takes longer than this on a staff network will not come: QUIC has by then tried four times.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// The same for a host that answered a moment ago: a new try's first packet is sent sooner than an old one's next.
const HANDSHAKE_AGAIN: Duration = Duration::from_secs(3);

/// First pause before trying again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Longest pause: a person who plugs the cable in again waits no longer than this and one try.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Time to tell the host goodbye.
const GOODBYE: Duration = Duration::from_millis(300);

/// Chunks taken from the carrier at once: about 90 kB, so that a large update costs few turns of the loop.
const CHUNKS: usize = 64;

/// How often the carrier's round trip is looked at: the details are refreshed twice a second.
const LOOK: Duration = Duration::from_millis(250);

/// Receive buffer asked of the system: a whole page of text (half a megabyte) may arrive while this thread decodes.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// Pictures that may be on their way when a repaint is asked for, twice what the protocol lets be in flight.
const MAX_USELESS: u32 = 2 * shoji_protocol::limits::MAX_IN_FLIGHT as u32;

/// Runs a link. Made by [`super::Link::new`].
pub struct Driver {
    shared: Arc<Shared>,
    bundle: Result<Bundle, Error>,
    options: Options,
}

/// What a connection's end means.
enum End {
    /// For this reason.
    Because(Error),
    /// The person wished it.
    Wished(Wish),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Because(error)
    }
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, bundle: Result<Bundle, Error>, options: Options) -> Self {
        Self { shared, bundle, options }
    }

    /// Reports that there is nothing to run this driver on.
    pub fn fail(self, error: Error) {
        self.shared.scene.change(|model| model.state = State::Ended(error));
    }

    /// Runs until the person leaves, or the connection has ended for good and nobody asks for another.
    pub async fn run(self) {
        loop {
            let error = match self.session().await {
                End::Because(error) => error,
                End::Wished(_) => {
                    self.set(State::Ended(Error::EndedHere));
                    return;
                }
            };
            match error.fault() {
                Fault::Nobody => tracing::info!(%error, "Connection ended"),
                fault => tracing::warn!(fault = fault.name(), %error, "Connection ended"),
            }
            if !error.leaves_session() {
                self.shared.lock().token = None;
            }
            self.set(State::Ended(error));
            loop {
                self.shared.kick.notified().await;
                match self.shared.lock().wish.take() {
                    Some(Wish::Again) => break,
                    Some(Wish::Leave | Wish::End) => {
                        self.set(State::Ended(Error::EndedHere));
                        return;
                    }
                    None => {}
                }
            }
        }
    }

    fn set(&self, state: State) {
        self.shared.scene.change(|model| model.state = state);
    }

    /// Connects until there is a session, and again when it is lost, as long as that makes sense.
    async fn session(&self) -> End {
        let bundle = match &self.bundle {
            Ok(bundle) => bundle,
            Err(error) => return End::Because(error.clone()),
        };
        let config = match tls::configuration(bundle) {
            Ok(config) => config,
            Err(error) => return End::Because(error),
        };
        let (mut attempt, mut pause, mut lost) = (0, FIRST_PAUSE, None::<Stamp>);
        loop {
            attempt += 1;
            self.set(match lost {
                None => State::Connecting { attempt },
                Some(_) => State::Reconnecting { attempt },
            });
            let mut attached = false;
            let end = self.once(bundle, config.clone(), &mut attached).await;
            let Err(End::Because(error)) = end else { return end.err().unwrap_or(End::Wished(Wish::Leave)) };
            if attached {
                (attempt, pause, lost) = (0, FIRST_PAUSE, Some(clock::now()));
                self.shared.scene.change(|model| model.stats.reconnected());
            }
            let give_up = match lost {
                None => attempt >= self.options.attempts,
                Some(since) => clock::now().since(since) > self.options.patience,
            };
            if !error.passes() || give_up {
                return End::Because(error);
            }
            tracing::warn!(fault = error.fault().name(), %error, attempt, "Will connect again");
            if attached {
                // The first try after a loss is immediate: a changed address or a restarted host answers at once.
                continue;
            }
            let wished = tokio::time::timeout(pause, self.wished()).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            match wished {
                Ok(Wish::Again) | Err(_) => {}
                Ok(wish) => return End::Wished(wish),
            }
        }
    }

    /// The person's next wish.
    async fn wished(&self) -> Wish {
        loop {
            if let Some(wish) = self.shared.lock().wish.take() {
                return wish;
            }
            self.shared.kick.notified().await;
        }
    }

    /// One connection, from looking the host up to its end. Never returns `Ok`.
    async fn once(&self, bundle: &Bundle, config: quinn::ClientConfig, attached: &mut bool) -> Result<(), End> {
        let patience = if self.shared.lock().token.is_some() { HANDSHAKE_AGAIN } else { HANDSHAKE };
        let connecting = async {
            let host = || bundle.host().to_owned();
            let addresses =
                tokio::net::lookup_host(bundle.host()).await.map_err(|_| Error::Address { host: host() })?;
            let mut error = Error::Address { host: host() };
            for address in addresses.take(4) {
                match connect(address, bundle, config.clone(), patience).await {
                    Ok(carrier) => return Ok(carrier),
                    Err(why) => error = why,
                }
            }
            Err(error)
        };
        let (endpoint, carrier) = tokio::select! {
            connected = connecting => connected?,
            wish = self.leave_wish() => return Err(End::Wished(wish)),
        };
        let explain = |error| tls::explain(&error, bundle.host(), true);
        let (control_out, control_in) = carrier.open_bi().await.map_err(explain)?;
        let input_out = carrier.open_uni().await.map_err(explain)?;
        // What a person does goes before everything else.
        let _ = input_out.set_priority(1);

        let now = clock::now();
        let how = {
            let mut sending = self.shared.lock();
            let how = sending.token.map_or(self.options.first, AttachHow::Resume);
            let mut config = Config::new(sending.viewport);
            config.capabilities = self.options.capabilities;
            config.locale = self.options.locale;
            config.keyboard = self.options.keyboard;
            config.how = how;
            sending.carrier = Some(carrier.clone());
            sending.wire = Some(Wire::new(Connection::new(config, instant(now))));
            how
        };
        self.shared.scene.change(crate::scene::Model::begin);
        let mut live = Live {
            driver: self,
            carrier: &carrier,
            control: Half { send: control_out, outgoing: Outgoing::default(), receive: control_in },
            input: (input_out, Outgoing::default()),
            updates: None,
            frames: [frame::Decoder::new(&[frame::Kind::ToViewer]), frame::Decoder::new(&[frame::Kind::ToViewer])],
            pictures: BTreeMap::new(),
            looked: Stamp(0),
            silent: false,
            attached,
        };
        let mut end = live.run().await.err().unwrap_or(End::Because(Error::Lost));
        if let End::Because(error) = &mut end {
            // The carrier may know better than the stream that broke first.
            if *error == Error::Lost
                && let Some(reason) = carrier.close_reason()
            {
                *error = explain(reason);
            }
            let unknown = matches!(error, Error::Closed(CloseCode::UnknownResume));
            if unknown && !matches!(how, AttachHow::Resume(_)) {
                *error = Error::Closed(CloseCode::HostFailed);
            }
        }
        live.goodbye(&end).await;
        {
            let mut sending = self.shared.lock();
            (sending.wire, sending.carrier) = (None, None);
        }
        drop(endpoint);
        Err(end)
    }

    /// A wish to leave, while connecting. A wish to try again is what is being done already.
    async fn leave_wish(&self) -> Wish {
        loop {
            match self.wished().await {
                Wish::Again => {}
                wish => return wish,
            }
        }
    }
}

async fn connect(
    address: SocketAddr,
    bundle: &Bundle,
    config: quinn::ClientConfig,
    patience: Duration,
) -> Result<(Endpoint, Carrier), Error> {
    let local = |error: std::io::Error| Error::Local(error.kind().to_string());
    let any: SocketAddr =
        if address.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = std::net::UdpSocket::bind(any).map_err(local)?;
    // The system may grant less; then a burst costs a retransmission, nothing more.
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
    let runtime = quinn::default_runtime().ok_or_else(|| Error::Local("no runtime".into()))?;
    let mut endpoint = Endpoint::new(quinn::EndpointConfig::default(), None, socket, runtime).map_err(local)?;
    endpoint.set_default_client_config(config);
    let unreachable = || Error::Unreachable { host: bundle.host().to_owned() };
    let connecting = endpoint.connect(address, bundle.server_name()).map_err(|_| unreachable())?;
    match tokio::time::timeout(patience, connecting).await {
        Ok(Ok(carrier)) => Ok((endpoint, carrier)),
        Ok(Err(error)) => Err(tls::explain(&error, bundle.host(), false)),
        Err(_) => Err(unreachable()),
    }
}

struct Half {
    send: SendStream,
    outgoing: Outgoing,
    receive: RecvStream,
}

/// How a canvas's picture fares.
#[derive(Debug, Default)]
struct Picture {
    /// It could not be decoded once, and a whole one was asked for.
    repainted: bool,
    /// Updates that came before that whole one.
    useless: u32,
}

/// One connection that is up.
struct Live<'a> {
    driver: &'a Driver,
    carrier: &'a Carrier,
    control: Half,
    input: (SendStream, Outgoing),
    updates: Option<RecvStream>,
    frames: [frame::Decoder; 2],
    pictures: BTreeMap<CanvasId, Picture>,
    looked: Stamp,
    /// Whether the scene says that the host does not answer.
    silent: bool,
    attached: &'a mut bool,
}

/// What made the loop turn.
enum Turn {
    Kicked,
    Wrote,
    Control(Option<usize>),
    Updates(Option<usize>),
    UpdatesOpened(RecvStream),
    Deadline,
}

impl Live<'_> {
    async fn run(&mut self) -> Result<(), End> {
        let mut chunks: [Bytes; CHUNKS] = std::array::from_fn(|_| Bytes::new());
        // Hello and the request for a session wait already.
        let mut deadline = self.settle()?;
        loop {
            let turn = self.turn(&mut chunks, deadline).await?;
            match turn {
                Turn::Wrote | Turn::Kicked | Turn::Deadline => {}
                Turn::UpdatesOpened(stream) => self.updates = Some(stream),
                Turn::Control(Some(count)) => self.take(Channel::Control, &chunks[..count])?,
                Turn::Updates(Some(count)) => self.take(Channel::Updates, &chunks[..count])?,
                // A stream ends only with the connection; the reason is on its way.
                Turn::Control(None) | Turn::Updates(None) => {
                    let reason = tokio::time::timeout(HANDSHAKE, self.carrier.closed()).await;
                    return Err(match reason {
                        Ok(reason) => tls::explain(&reason, "", true).into(),
                        Err(_) => Error::Lost.into(),
                    });
                }
            }
            deadline = self.settle()?;
        }
    }

    /// Waits for whatever happens first. Every arm may be dropped and asked again.
    async fn turn(
        &mut self,
        chunks: &mut [Bytes; CHUNKS],
        deadline: Option<shoji_protocol::time::Instant>,
    ) -> Result<Turn, End> {
        let Half { send, outgoing, receive } = &mut self.control;
        let (input, input_outgoing) = &mut self.input;
        let wrote = |result: Result<usize, WriteError>, outgoing: &mut Outgoing| match result {
            Ok(count) => {
                outgoing.took(count);
                Ok(Turn::Wrote)
            }
            Err(WriteError::Stopped(_)) => Err(Error::HostStalled.into()),
            Err(_) => Err(End::Because(Error::Lost)),
        };
        let read = |result: Result<Option<usize>, ReadError>| result.map_err(|_| End::Because(Error::Lost));
        let now = instant(clock::now());
        let pause = deadline.map_or(HANDSHAKE, |at| Duration::from_micros(at.since(now).as_micros()));
        let (writes_input, writes_control) = (!input_outgoing.rest().is_empty(), !outgoing.rest().is_empty());
        let updates = &mut self.updates;
        let (has_updates, carrier) = (updates.is_some(), self.carrier);
        let mut other: [Bytes; CHUNKS] = std::array::from_fn(|_| Bytes::new());
        tokio::select! {
            biased;
            result = input.write(input_outgoing.rest()), if writes_input => wrote(result, input_outgoing),
            result = send.write(outgoing.rest()), if writes_control => wrote(result, outgoing),
            () = self.driver.shared.kick.notified() => Ok(Turn::Kicked),
            result = receive.read_chunks(&mut other) => {
                let count = read(result)?;
                *chunks = other;
                Ok(Turn::Control(count))
            }
            result = async {
                match updates {
                    Some(stream) => stream.read_chunks(chunks).await,
                    None => std::future::pending().await,
                }
            } => Ok(Turn::Updates(read(result)?)),
            result = carrier.accept_uni(), if !has_updates => {
                result.map(Turn::UpdatesOpened).map_err(|_| End::Because(Error::Lost))
            }
            () = tokio::time::sleep(pause) => Ok(Turn::Deadline),
        }
    }

    /// Does what is due, fulfils wishes, and takes what is to be written. Gives the next deadline.
    fn settle(&mut self) -> Result<Option<shoji_protocol::time::Instant>, End> {
        let now = clock::now();
        let mut guard = self.driver.shared.lock();
        let sending = &mut *guard;
        let Some(wire) = &mut sending.wire else { return Err(Error::Lost.into()) };
        match sending.wish.take() {
            Some(Wish::Leave) => return Err(End::Wished(Wish::Leave)),
            Some(Wish::End) => wire.step(|connection| connection.end(instant(now))),
            Some(Wish::Again) | None => {}
        }
        wire.step(|connection| {
            if connection.deadline().is_some_and(|at| at <= instant(now)) {
                connection.handle_deadline(instant(now));
            }
        });
        wire.drain(&mut self.control.outgoing, &mut self.input.1, now)?;
        if let Some(datagram) = wire.connection.poll_datagram() {
            // A carrier that takes none leaves it to the stream.
            let _ = self.carrier.send_datagram(datagram.into());
        }
        if let Some(code) = wire.connection.closed() {
            return Err(Error::Closed(code).into());
        }
        let (deadline, silent) = (wire.connection.deadline(), wire.connection.is_silent());
        drop(guard);
        if std::mem::replace(&mut self.silent, silent) != silent {
            tracing::info!(silent, "The host's answers");
            self.driver.shared.scene.change(|model| match (&model.state, silent) {
                (State::Attached, true) => model.state = State::Silent,
                (State::Silent, false) => model.state = State::Attached,
                _ => {}
            });
        }
        if now.since(self.looked) >= LOOK {
            self.looked = now;
            let round_trip = self.carrier.rtt();
            self.driver.shared.scene.lock().stats.round_trip(round_trip);
        }
        Ok(deadline)
    }

    /// Takes bytes of a channel and does what the frames in them say.
    fn take(&mut self, channel: Channel, chunks: &[Bytes]) -> Result<(), End> {
        if let Some(wire) = &mut self.driver.shared.lock().wire {
            wire.connection.heard(instant(clock::now()));
        }
        let mut frames = std::mem::replace(
            &mut self.frames[usize::from(channel == Channel::Updates)],
            frame::Decoder::new(&[frame::Kind::ToViewer]),
        );
        for chunk in chunks {
            frames.push(chunk);
            loop {
                let by_host = |error: frame::FrameError| Error::Protocol(error.by(Side::Host));
                let Some(frame) = frames.next_frame().map_err(by_host)? else { break };
                self.frame(channel, frame.body)?;
            }
        }
        self.frames[usize::from(channel == Channel::Updates)] = frames;
        Ok(())
    }

    fn frame(&mut self, channel: Channel, body: &[u8]) -> Result<(), End> {
        let now = clock::now();
        let shared = &self.driver.shared;
        let event = {
            let mut sending = shared.lock();
            let Some(wire) = &mut sending.wire else { return Err(Error::Lost.into()) };
            let event = wire.step(|connection| connection.handle_frame(channel, body, instant(now)));
            event.map_err(Error::Protocol)?
        };
        let scene = &shared.scene;
        match event {
            None => {}
            Some(Event::Attached { token, session, resumed, .. }) => {
                tracing::info!(session.id = session.0, resumed, "Attached");
                shared.lock().token = Some(token);
                *self.attached = true;
                scene.change(|model| model.state = State::Attached);
            }
            Some(Event::CanvasOpened { canvas, kind, parent, size }) => {
                self.pictures.insert(canvas, Picture::default());
                scene.change(|model| model.open(canvas, kind, parent, size));
            }
            Some(Event::CanvasClosed { canvas }) => {
                self.pictures.remove(&canvas);
                scene.change(|model| model.close(canvas));
            }
            Some(Event::Window { canvas, state }) => scene.change(|model| model.window(canvas, state)),
            Some(Event::Update { canvas, update, size, input, more, pixels }) => {
                self.update(&Update { canvas, update, size, input, more, payload: pixels.bytes() }, now)?;
            }
            Some(Event::Cursor { shape }) => scene.change(|model| model.pointer = Pointer::Shape(shape)),
            Some(Event::CursorImage { size, hotspot, pixels }) => {
                let picture = PointerPicture {
                    width: size.width().into(),
                    height: size.height().into(),
                    hotspot: (hotspot.x().into(), hotspot.y().into()),
                    rgba: crate::scene::straight_rgba(pixels.bytes()),
                };
                scene.change(|model| model.pointer = Pointer::Picture(Arc::new(picture)));
            }
            Some(Event::PointerLock { canvas, locked }) => {
                scene.change(|model| model.lock = locked.then_some(canvas));
            }
            Some(Event::TextPlace { place }) => scene.change(|model| model.text_place = place),
            Some(Event::Notice { notice }) => scene.change(|model| model.notice(notice)),
            Some(Event::Closed { code }) => return Err(Error::Closed(code).into()),
        }
        Ok(())
    }

    /// Decodes an update into its canvas, wakes whoever looks, and only then does the rest.
    fn update(&mut self, update: &Update<'_>, received: Stamp) -> Result<(), End> {
        let shared = &self.driver.shared;
        let &Update { canvas, update: id, input, more, payload, .. } = update;
        shared.observer.update_received(canvas, id, payload.len(), received);
        // A picture in parts is presented whole.
        let presents = self.driver.options.presents_on_decode && !more;
        let (result, now) = shared.scene.change(|model| {
            let result = model.apply(update, received);
            let now = clock::now();
            model.stats.update(payload.len(), now);
            if result.is_ok() {
                if let Some((view, picture)) = model.view(canvas).and_then(|view| Some((view, view.canvas()?))) {
                    let changed = view.fresh();
                    shared.observer.decoded(&Decoded { canvas, update: id, input, picture, changed, now });
                }
                if presents {
                    model.stats.shown(input.0, now);
                }
            }
            (result, now)
        });
        let picture = self.pictures.entry(canvas).or_default();
        let mut sending = shared.lock();
        let Some(wire) = &mut sending.wire else { return Err(Error::Lost.into()) };
        match result {
            Ok(_) => {
                picture.useless = 0;
                if presents {
                    shared.observer.presented(canvas, id, input, now);
                    wire.presented(canvas, id);
                }
            }
            Err(DecodeError::NeedsComplete) if picture.repainted && picture.useless < MAX_USELESS => {
                // On its way before the host knew; the whole picture follows.
                if !more {
                    picture.useless += 1;
                    wire.presented(canvas, id);
                }
            }
            Err(error) if picture.repainted => return Err(Error::Pixels(error).into()),
            Err(error) => {
                tracing::warn!(canvas.id = canvas.0, %error, "The picture is lost and asked for anew");
                picture.repainted = true;
                if !more {
                    wire.presented(canvas, id);
                }
                wire.step(|connection| connection.repaint(canvas, instant(now)));
            }
        }
        Ok(())
    }

    /// Tells the host why the connection ends, as far as it still listens.
    async fn goodbye(&mut self, end: &End) {
        let code = match end {
            End::Because(error) => error.close_code(),
            End::Wished(_) => CloseCode::Normal,
        };
        {
            let mut sending = self.driver.shared.lock();
            if let Some(wire) = &mut sending.wire {
                wire.step(|connection| match end {
                    End::Wished(Wish::Leave) => connection.detach(instant(clock::now())),
                    _ => connection.close(code),
                });
                let _ = wire.drain(&mut self.control.outgoing, &mut self.input.1, clock::now());
            }
        }
        let Half { send, outgoing, .. } = &mut self.control;
        if self.carrier.close_reason().is_none() {
            let saying = async {
                let _ = send.write_all(outgoing.rest()).await;
                let _ = send.finish();
                let _ = send.stopped().await;
            };
            let _ = tokio::time::timeout(GOODBYE, saying).await;
        }
        self.carrier.close(VarInt::from_u32(code.number().into()), b"");
    }
}
