//! One connection that is up: reads, decodes, writes.
//!
//! Owns the bytes between carrier and state machine, and how each canvas fares. It must never connect: its end is the
//! [`driver`](super::driver)'s to judge.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use shoji_codec::DecodeError;
use shoji_decoder::Failed;
use shoji_protocol::{CanvasId, Channel, CloseCode, Side, frame, splice::Splicer, viewer::Event};

use super::{
    Error, Options, Shared, Wish,
    carrier::{Carrier, Chunks, Told},
    driver::{End, HANDSHAKE},
    wire::{Outgoing, instant},
};
use crate::{
    clock::{self, Stamp},
    observe::Decoded,
    scene::{Pointer, PointerPicture, State, Update},
};

/// Time to tell the host goodbye.
const GOODBYE: Duration = Duration::from_millis(300);

/// How often the carrier's round trip is looked at: the details are refreshed twice a second.
const LOOK: Duration = Duration::from_millis(250);

/// Pictures that may be on their way when a repaint is asked for, twice what the protocol lets be in flight.
const MAX_USELESS: u32 = 2 * shoji_protocol::limits::MAX_IN_FLIGHT as u32;

/// Decoders that may be lost one after the other: whole pictures that each kill one are no accident any more.
const MAX_LOST: u32 = 3;

/// How a canvas's picture fares.
#[derive(Debug, Default)]
struct Picture {
    /// It could not be decoded once, and a whole one was asked for.
    repainted: bool,
    /// Updates that came before that whole one.
    useless: u32,
    /// Decoders that were lost since the last update that one of them applied.
    lost: u32,
}

/// One connection that is up.
pub(super) struct Live<'a> {
    shared: &'a Shared,
    options: &'a Options,
    pub(super) carrier: Carrier,
    outgoing: Outgoing,
    /// Of the control channel, or of all where they share a stream; and of updates.
    frames: [frame::Decoder; 2],
    /// Of updates too: puts in what came beside their stream.
    splicer: Splicer,
    pictures: BTreeMap<CanvasId, Picture>,
    looked: Stamp,
    /// Whether the scene says that the host does not answer.
    silent: bool,
    attached: &'a mut bool,
}

impl<'a> Live<'a> {
    pub(super) fn new(shared: &'a Shared, options: &'a Options, carrier: Carrier, attached: &'a mut bool) -> Self {
        let outgoing = Outgoing { is_shared: carrier.is_shared(), ..Outgoing::default() };
        Self {
            shared,
            options,
            carrier,
            outgoing,
            frames: [frame::Decoder::new(&[frame::Kind::ToViewer]), frame::Decoder::new(&[frame::Kind::ToViewer])],
            splicer: Splicer::default(),
            pictures: BTreeMap::new(),
            looked: Stamp(0),
            silent: false,
            attached,
        }
    }

    /// Runs until the connection ends. Never returns `Ok`.
    pub(super) async fn run(&mut self) -> Result<(), End> {
        let mut chunks: Chunks = std::array::from_fn(|_| Bytes::new());
        // Hello and the request for a session wait already.
        let mut deadline = self.settle()?;
        loop {
            let now = instant(clock::now());
            let pause = deadline.map_or(HANDSHAKE, |at| Duration::from_micros(at.since(now).as_micros()));
            let told = tokio::select! {
                biased;
                () = self.shared.kick.notified() => None,
                told = self.carrier.next(&mut self.outgoing, &mut chunks) => Some(told?),
                () = tokio::time::sleep(pause) => None,
            };
            match told {
                None | Some(Told::Wrote) => {}
                Some(Told::Channel(channel, count)) => self.take(Some(channel), &chunks[..count])?,
                Some(Told::Shared(count)) => self.take(None, &chunks[..count])?,
                Some(Told::Datagram(datagram)) => self.splice(&datagram)?,
                Some(Told::Finished) => {
                    let reason = tokio::time::timeout(HANDSHAKE, self.carrier.closed()).await;
                    return Err(reason.unwrap_or(Error::Lost).into());
                }
            }
            deadline = self.settle()?;
        }
    }

    /// Does what is due, fulfils wishes, and takes what is to be written. Gives the next deadline.
    fn settle(&mut self) -> Result<Option<shoji_protocol::time::Instant>, End> {
        let now = clock::now();
        let mut guard = self.shared.lock();
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
        let looks = now.since(self.looked) >= LOOK;
        let mut round_trip = None;
        if looks {
            self.looked = now;
            round_trip = self.carrier.round_trip();
            if let Some(known) = round_trip {
                wire.connection.path_takes(known.into());
            } else {
                // The carrier does not know: the protocol asks, once a second at most.
                wire.step(|connection| connection.ping(instant(now)));
                let asked = wire.connection.round_trip();
                round_trip = asked.map(|time| Duration::from_micros(time.as_micros()));
            }
        }
        wire.drain(&mut self.outgoing, now)?;
        if let Some(datagram) = wire.connection.poll_datagram() {
            self.carrier.send_datagram(datagram);
        }
        if let Some(code) = wire.connection.closed() {
            return Err(Error::Closed(code).into());
        }
        let (deadline, silent) = (wire.connection.deadline(), wire.connection.is_silent());
        drop(guard);
        if std::mem::replace(&mut self.silent, silent) != silent {
            tracing::info!(silent, "The host's answers");
            self.shared.scene.change(|model| match (&model.state, silent) {
                (State::Attached, true) => model.state = State::Silent,
                (State::Silent, false) => model.state = State::Attached,
                _ => {}
            });
        }
        if let Some(round_trip) = round_trip {
            self.shared.scene.lock().stats.round_trip(round_trip);
        }
        Ok(deadline)
    }

    /// Takes bytes of a channel, or of all in one stream, and does what the frames in them say.
    fn take(&mut self, channel: Option<Channel>, chunks: &[Bytes]) -> Result<(), End> {
        if let Some(wire) = &mut self.shared.lock().wire {
            wire.connection.heard(instant(clock::now()));
        }
        let spliced = self.splicer.spliced();
        let mut frames = self.lend_frames(channel);
        for chunk in chunks {
            if channel == Some(Channel::Updates) {
                self.splicer.stream(chunk, &mut frames);
            } else {
                frames.push(chunk);
            }
            self.all(channel, &mut frames)?;
        }
        self.frames[of(channel)] = frames;
        self.tell_spliced(spliced);
        Ok(())
    }

    /// Takes a datagram, and does what the frames say that it completes.
    fn splice(&mut self, datagram: &[u8]) -> Result<(), End> {
        let channel = Some(Channel::Updates);
        let spliced = self.splicer.spliced();
        let mut frames = self.lend_frames(channel);
        let shared = self.shared;
        if let Some(wire) = &mut shared.lock().wire {
            let splicer = &mut self.splicer;
            wire.step(|connection| connection.handle_datagram(datagram, splicer, &mut frames, instant(clock::now())))
                .map_err(Error::Protocol)?;
        }
        self.all(channel, &mut frames)?;
        self.frames[of(channel)] = frames;
        self.tell_spliced(spliced);
        Ok(())
    }

    /// Counts what came by copies since there were so many bytes of them.
    fn tell_spliced(&self, before: u64) {
        if self.splicer.spliced() != before {
            self.shared.scene.lock().stats.spliced(self.splicer.spliced());
        }
    }

    /// A channel's frames, to be given back when all of them were done.
    fn lend_frames(&mut self, channel: Option<Channel>) -> frame::Decoder {
        std::mem::replace(&mut self.frames[of(channel)], frame::Decoder::new(&[frame::Kind::ToViewer]))
    }

    /// Does what all whole frames say.
    fn all(&mut self, channel: Option<Channel>, frames: &mut frame::Decoder) -> Result<(), End> {
        let by_host = |error: frame::FrameError| Error::Protocol(error.by(Side::Host));
        while let Some(frame) = frames.next_frame().map_err(by_host)? {
            self.frame(channel, frame.body)?;
        }
        Ok(())
    }

    fn frame(&mut self, channel: Option<Channel>, body: &[u8]) -> Result<(), End> {
        let now = clock::now();
        let shared = self.shared;
        let event = {
            let mut sending = shared.lock();
            let Some(wire) = &mut sending.wire else { return Err(Error::Lost.into()) };
            let event = wire.step(|connection| match channel {
                Some(channel) => connection.handle_frame(channel, body, instant(now)),
                None => connection.handle_shared_frame(body, instant(now)),
            });
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
        let shared = self.shared;
        let &Update { canvas, update: id, input, more, payload, .. } = update;
        shared.observer.update_received(canvas, id, payload.len(), received);
        // A picture in parts is presented whole.
        let presents = self.options.presents_on_decode && !more;
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
                (picture.useless, picture.lost) = (0, 0);
                if presents {
                    shared.observer.presented(canvas, id, input, now);
                    wire.presented(canvas, id);
                }
            }
            // Not the host's fault as far as anybody knows: its whole picture goes to another decoder.
            Err(Failed::Lost) if picture.lost < MAX_LOST => {
                picture.lost += 1;
                (picture.repainted, picture.useless) = (true, 0);
                if !more {
                    wire.presented(canvas, id);
                }
                wire.step(|connection| connection.repaint(canvas, instant(now)));
            }
            Err(Failed::Lost) => return Err(Error::Pixels(DecodeError::NeedsComplete).into()),
            Err(Failed::Update(DecodeError::NeedsComplete)) if picture.repainted && picture.useless < MAX_USELESS => {
                // On its way before the host knew; the whole picture follows.
                if !more {
                    picture.useless += 1;
                    wire.presented(canvas, id);
                }
            }
            Err(Failed::Update(error)) if picture.repainted => return Err(Error::Pixels(error).into()),
            Err(Failed::Update(error)) => {
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
    pub(super) async fn goodbye(&mut self, end: &End) {
        let code = match end {
            End::Because(error) => error.close_code(),
            End::Wished(_) => CloseCode::Normal,
        };
        {
            let mut sending = self.shared.lock();
            if let Some(wire) = &mut sending.wire {
                wire.step(|connection| match end {
                    End::Wished(Wish::Leave) => connection.detach(instant(clock::now())),
                    _ => connection.close(code),
                });
                let _ = wire.drain(&mut self.outgoing, clock::now());
            }
        }
        self.carrier.farewell(&mut self.outgoing, GOODBYE, code).await;
    }
}

/// Which of the two decoders has a channel's frames.
fn of(channel: Option<Channel>) -> usize {
    usize::from(channel == Some(Channel::Updates))
}
