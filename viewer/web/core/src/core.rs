//! One viewer: a connection at a time, its canvases, and what waits to be read by JavaScript.
//!
//! Owns the order of things: frames are taken one after the other, and while a picture is decoded elsewhere nothing is taken. It
//! must never present a picture that is not whole; JavaScript says when it is shown.

use std::collections::BTreeMap;

use shoji_codec::{DecodeError, Decoder, Layout, Limits, Picture, Progress, Rect};
use shoji_protocol::splice::Splicer;
use shoji_protocol::time::Instant;
use shoji_protocol::viewer::{Config, Connection, Event};
use shoji_protocol::{CanvasId, Channel, CloseCode, Input, InputSequence, Side, Size, UpdateId, frame, limits};

use crate::words::Words;

/// Areas remembered of the parts of a picture until it is whole; further ones widen the last.
const MAX_FRESH: usize = 256;

/// Pictures that may be on their way when a repaint is asked for, twice what the protocol lets be in flight.
const MAX_USELESS: u32 = 2 * limits::MAX_IN_FLIGHT as u32;

/// Streams that bytes of the host come on: one for each channel, and one on which they all come.
const STREAMS: usize = 4;

/// The stream of updates among them.
const UPDATES: usize = Channel::Updates as usize;

/// What comes beside the streams, as a datagram, counts as one more.
const DATAGRAM: usize = STREAMS;

/// What taking the next frame led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// There is no whole frame.
    Nothing = 0,
    /// Something happened: its words wait to be read.
    Event = 1,
    /// A frame was taken, of which the page need not know.
    Taken = 2,
    /// Nothing is taken until the picture that was asked for is there.
    Waiting = 3,
}

/// One viewer.
#[derive(Debug, Default)]
pub struct Core {
    connection: Option<Connection>,
    streams: Vec<frame::Decoder>,
    /// Of updates too: puts in what came beside their stream.
    splicer: Splicer,
    canvases: BTreeMap<CanvasId, Canvas>,
    paused: Option<Paused>,
    /// The connection's end was told.
    told: bool,
    pub(crate) words: Words,
    /// Bytes for JavaScript: a frame to send, an access unit, pixels to paint.
    pub(crate) out: Vec<u8>,
}

#[derive(Debug)]
struct Canvas {
    decoder: Decoder,
    /// What changed since the picture was whole.
    fresh: Vec<Rect>,
    /// Bytes of its parts.
    bytes: u32,
    /// It could not be decoded once, and a whole one was asked for.
    repainted: bool,
    /// Updates that came before that whole one.
    useless: u32,
}

/// What the host said of an update.
#[derive(Clone, Copy, Debug)]
struct About {
    canvas: CanvasId,
    update: UpdateId,
    size: Size,
    input: InputSequence,
    more: bool,
}

/// An update that waits for a picture.
#[derive(Debug)]
struct Paused {
    about: About,
    payload: Vec<u8>,
}

impl Core {
    /// Begins a connection that a carrier has just made; all of the last is forgotten.
    pub fn connect(&mut self, config: Config, now: Instant) {
        *self = Self {
            connection: Some(Connection::new(config, now)),
            streams: (0..STREAMS).map(|_| frame::Decoder::new(&[frame::Kind::ToViewer])).collect(),
            out: std::mem::take(&mut self.out),
            ..Self::default()
        };
    }

    /// Bytes of the host came: on the stream of a channel, on the one of all (3), or beside them as a datagram (4).
    pub fn receive(&mut self, stream: usize, bytes: &[u8], now: Instant) {
        let Self { connection: Some(connection), streams, splicer, .. } = self else { return };
        match stream {
            UPDATES => {
                connection.heard(now);
                splicer.stream(bytes, &mut streams[UPDATES]);
            }
            // An error has closed the connection, which is told as its end.
            DATAGRAM => drop(connection.handle_datagram(bytes, splicer, &mut streams[UPDATES], now)),
            other => {
                let Some(stream) = streams.get_mut(other) else { return };
                connection.heard(now);
                stream.push(bytes);
            }
        }
    }

    /// Bytes of updates that came by copies before their stream brought them.
    #[must_use]
    pub fn spliced(&self) -> u64 {
        self.splicer.spliced()
    }

    /// Takes the next frame. Call it until there is nothing, after bytes came and after a picture was supplied.
    pub fn step(&mut self, now: Instant) -> Next {
        self.words.clear();
        if let Some(code) = self.end() {
            return code;
        }
        if self.paused.is_some() {
            return Next::Waiting;
        }
        for index in 0..self.streams.len() {
            if let Some(next) = self.take(index, now) {
                // What closed the connection without a word of its own is told now.
                return if next == Next::Taken { self.end().unwrap_or(next) } else { next };
            }
        }
        Next::Nothing
    }

    /// The end of the connection, once, when the words do not tell it already.
    fn end(&mut self) -> Option<Next> {
        let code = self.connection.as_ref()?.closed()?;
        if self.told {
            return Some(Next::Nothing);
        }
        self.told = true;
        self.words.closed(code);
        Some(Next::Event)
    }

    fn take(&mut self, index: usize, now: Instant) -> Option<Next> {
        let Self { connection, streams, canvases, paused, words, out, .. } = self;
        let (connection, stream) = (connection.as_mut()?, streams.get_mut(index)?);
        let body = match stream.next_frame() {
            Ok(frame) => frame?.body,
            Err(error) => {
                connection.close(error.by(Side::Host).close_code());
                return Some(Next::Taken);
            }
        };
        let event = match [Channel::Control, Channel::Input, Channel::Updates].get(index) {
            Some(channel) => connection.handle_frame(*channel, body, now),
            None => connection.handle_shared_frame(body, now),
        };
        // An error has closed the connection, which is told as its end.
        let Ok(Some(event)) = event else { return Some(Next::Taken) };
        match event {
            Event::Update { canvas, update, size, input, more, pixels } => {
                let about = About { canvas, update, size, input, more };
                let Some(view) = canvases.get_mut(&canvas) else { return Some(Next::Taken) };
                view.bytes = view.bytes.saturating_add(pixels.bytes().len() as u32);
                let progress = view.decoder.start(pixels.bytes());
                return Some(if let Ok(Progress::Picture(wanted)) = progress {
                    words.picture(canvas, &wanted);
                    out.clear();
                    out.extend_from_slice(&pixels.bytes()[wanted.unit]);
                    *paused = Some(Paused { about, payload: pixels.bytes().to_vec() });
                    Next::Event
                } else {
                    finish(connection, view, about, progress, words, now)
                });
            }
            Event::CanvasOpened { canvas, .. } => {
                canvases.insert(canvas, Canvas::new());
            }
            Event::CanvasClosed { canvas } => {
                canvases.remove(&canvas);
            }
            Event::CursorImage { pixels, .. } => straighten(pixels.bytes(), out),
            _ => {}
        }
        self.told |= matches!(event, Event::Closed { .. });
        words.tell(&event);
        Some(Next::Event)
    }

    /// The picture that was asked for; `None`: it could not be decoded.
    pub fn picture(&mut self, picture: Option<(Layout, &[u8])>, now: Instant) -> Next {
        self.words.clear();
        let Self { connection: Some(connection), canvases, words, out, .. } = self else { return Next::Nothing };
        let Some(Paused { about, payload }) = self.paused.take() else { return Next::Nothing };
        let Some(view) = canvases.get_mut(&about.canvas) else { return Next::Taken };
        let progress = match picture {
            Some((layout, bytes)) => view.decoder.supply(&payload, Picture { layout, bytes }),
            None => Err(DecodeError::BadVideo),
        };
        if let Ok(Progress::Picture(wanted)) = progress {
            words.picture(about.canvas, &wanted);
            out.clear();
            out.extend_from_slice(&payload[wanted.unit]);
            self.paused = Some(Paused { about, payload });
            return Next::Event;
        }
        finish(connection, view, about, progress, words, now)
    }

    /// Fills the outgoing buffer with an area of a canvas, cut at its edges, as opaque RGBA rows without gaps. Gives the number
    /// of bytes.
    pub fn paint(&mut self, canvas: CanvasId, area: Rect) -> usize {
        self.out.clear();
        let Some(view) = self.canvases.get(&canvas) else { return 0 };
        let canvas = view.decoder.canvas();
        let Some(area) = canvas.size().rect().intersect(area) else { return 0 };
        let (stride, width) = (canvas.stride(), area.width as usize * 4);
        self.out.reserve(width * area.height as usize);
        for y in area.y..area.bottom() {
            let at = y as usize * stride + area.x as usize * 4;
            let row = canvas.pixels()[at..at + width].as_chunks::<4>().0;
            // As one number, so that it becomes one wide operation for many pixels.
            self.out.extend(row.iter().flat_map(|bgrx| {
                let [blue, green, red, _] = *bgrx;
                [red, green, blue, 255]
            }));
        }
        self.out.len()
    }

    /// A number for the picture of a canvas, equal on both ends when both are; 0 if there is none.
    #[must_use]
    pub fn digest(&self, canvas: CanvasId) -> u64 {
        self.canvases.get(&canvas).and_then(|view| shoji_codec::digest(&view.decoder.canvas().frame())).unwrap_or(0)
    }

    /// A person did something. Gives its place in the attachment; 0: it was not taken.
    pub fn input(&mut self, event: Input, now: Instant) -> u64 {
        self.connection.as_mut().and_then(|connection| connection.input(event, now)).map_or(0, |place| place.0)
    }

    /// Fills the outgoing buffer with the next frame to send, and gives its channel.
    pub fn send(&mut self) -> Option<Channel> {
        let (channel, bytes) = self.connection.as_mut()?.poll_send()?;
        self.out = bytes;
        Some(channel)
    }

    /// Fills the outgoing buffer with the next datagram, if there is one.
    pub fn datagram(&mut self) -> bool {
        match self.connection.as_mut().and_then(Connection::poll_datagram) {
            Some(bytes) => self.out = bytes,
            None => return false,
        }
        true
    }

    /// The connection, for what needs no translation.
    pub fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut()
    }

    /// Ends the connection for a reason of ours.
    pub fn close(&mut self, code: CloseCode) {
        if let Some(connection) = &mut self.connection {
            connection.close(code);
        }
    }
}

impl Canvas {
    fn new() -> Self {
        let decoder = Decoder::new(Limits::default());
        Self { decoder, fresh: Vec::new(), bytes: 0, repainted: false, useless: 0 }
    }
}

/// An update is applied, or could not be.
fn finish(
    connection: &mut Connection,
    view: &mut Canvas,
    about: About,
    progress: Result<Progress, DecodeError>,
    words: &mut Words,
    now: Instant,
) -> Next {
    let About { canvas, update, size, input, more } = about;
    let is = view.decoder.canvas().size();
    let result = progress.and_then(|_| {
        let announced = (u32::from(size.width()), u32::from(size.height()));
        if (is.width, is.height) == announced { Ok(()) } else { Err(DecodeError::SizeMismatch) }
    });
    match result {
        Ok(()) => {
            view.useless = 0;
            for area in view.decoder.changed() {
                if view.fresh.first().is_some_and(|first| first.contains(*area)) {
                    continue;
                }
                let is_full = MAX_FRESH <= view.fresh.len();
                match view.fresh.last_mut() {
                    Some(last) if is_full => *last = last.union(*area),
                    _ => view.fresh.push(*area),
                }
            }
            if more {
                return Next::Taken;
            }
            words.updated((canvas, update), (is.width, is.height), (input.0, view.bytes), &view.fresh);
            view.fresh.clear();
            view.bytes = 0;
            Next::Event
        }
        // On its way before the host knew; the whole picture follows.
        Err(DecodeError::NeedsComplete) if view.repainted && view.useless < MAX_USELESS => {
            if !more {
                view.useless += 1;
                connection.presented(canvas, update);
            }
            Next::Taken
        }
        Err(_) if view.repainted => {
            connection.close(CloseCode::HostMalformed);
            Next::Taken
        }
        Err(_) => {
            view.repainted = true;
            view.fresh.clear();
            if !more {
                connection.presented(canvas, update);
            }
            connection.repaint(canvas, now);
            Next::Taken
        }
    }
}

/// Premultiplied BGRA as straight RGBA.
fn straighten(pixels: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend(pixels.as_chunks::<4>().0.iter().flat_map(|bgra| {
        let [blue, green, red, alpha] = *bgra;
        let straight = |part: u8| match alpha {
            0 => 0,
            alpha => (u32::from(part) * 255 / u32::from(alpha)).min(255) as u8,
        };
        [straight(red), straight(green), straight(blue), alpha]
    }));
}
