//! The canvases of one viewer, painted by the host and encoded anew: what goes next, and what the host is told of it.
//!
//! Owns decoders, encoders and the viewer's window ([`Flow`]). A picture is encoded when all its parts are here, so that a viewer never
//! shows half of one. Pure but for the decoders; the time is an argument. It must never queue pictures: what the viewer has not room
//! for stays a difference between the canvas and what was sent.

use std::collections::{BTreeMap, VecDeque};

use shoji_codec::{Budget, Config, DecodeError, Encoder, Rect, Time};
use shoji_decoder::{Decode, Decoders, Failed as NotDecoded};
use shoji_protocol::host::flow::{self, Flow};
use shoji_protocol::time::Instant;
use shoji_protocol::{CanvasId, InputSequence, Rate, Size, UpdateId, limits as wire};

use super::{Failed, Says, Told, Update};
use crate::worker::Picture;

/// Pictures that may be on their way when a whole one is asked for, twice what the protocol lets be in flight.
const MAX_USELESS: u32 = 2 * wire::MAX_IN_FLIGHT as u32;

/// Decoders that may be lost one after the other.
const MAX_LOST: u32 = 3;

/// Rectangles of damage that wait for the viewer. More are merged into the box around them: the encoder compares pixels anyway.
const MAX_DAMAGE: usize = 256;

/// Paints for one viewer.
#[derive(Debug)]
pub(in crate::gate) struct Painter {
    decoders: Decoders,
    config: Config,
    flow: Flow,
    canvases: BTreeMap<CanvasId, Canvas>,
    says: VecDeque<Says>,
    /// It said that it goes no further.
    is_over: bool,
}

#[derive(Debug)]
struct Canvas {
    decoder: Box<dyn Decode>,
    encoder: Encoder,
    fares: Fares,
    size: Size,
    /// Where the canvas changed since the encoder last looked.
    damage: Vec<Rect>,
    /// The last part of the host's picture is not here yet.
    is_partial: bool,
    is_changed: bool,
    /// The encoder holds the rest of a large change back.
    has_more: bool,
    /// A picture of the gate's of which parts were sent and the last was not.
    picture: Option<Picture>,
    input: InputSequence,
    /// The newest of the gate's updates.
    last: UpdateId,
    /// The newest of the host's that is all on the canvas, until it is bound to one of the gate's.
    painted: Option<UpdateId>,
    /// Which of the gate's updates shows which of the host's, oldest first.
    shows: VecDeque<(UpdateId, UpdateId)>,
}

/// How decoding fares.
#[derive(Debug, Default)]
struct Fares {
    /// It failed once, and a whole picture was asked for.
    is_repainted: bool,
    /// Updates that came before that whole one.
    useless: u32,
    /// Decoders that were lost since the last update that one of them applied.
    lost: u32,
}

impl Painter {
    /// For a viewer that decodes H.264 or does not, with a screen of this rate.
    pub(in crate::gate) fn new(decoders: Decoders, h264: bool, refresh: Rate) -> Self {
        Self {
            decoders,
            config: Config { h264, ..Config::default() },
            flow: Flow::new(flow::Config { refresh }),
            canvases: BTreeMap::new(),
            says: VecDeque::new(),
            is_over: false,
        }
    }

    /// Takes what it is told.
    pub(super) fn take(&mut self, told: Told, now: Instant) {
        if self.is_over {
            return;
        }
        match told {
            Told::Update(update) => {
                if let Err(failed) = self.paint(update) {
                    self.fail(failed);
                }
            }
            Told::Closed(canvas) => {
                self.canvases.remove(&canvas);
                self.flow.forget(canvas);
            }
            Told::Presented(canvas, update) => self.presented(canvas, update, now),
            Told::Repaint(id) => {
                if let Some(canvas) = self.canvases.get_mut(&id) {
                    canvas.encoder.repaint();
                    canvas.is_changed = true;
                }
            }
            Told::Refresh(refresh) => self.flow.set_refresh(refresh),
        }
    }

    /// The next thing that it has to say.
    pub(super) fn poll(&mut self) -> Option<Says> {
        self.says.pop_front()
    }

    /// Whether a picture was begun that goes on before anything else is taken.
    pub(super) fn has_begun(&self) -> bool {
        !self.is_over && self.canvases.values().any(|canvas| canvas.picture.is_some())
    }

    /// When to call [`send`](Self::send) if nothing is told before.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        if self.is_over || !self.flow.may_send(now) {
            // An acknowledgement is waited for.
            return None;
        }
        let may_refine = self.flow.may_refine();
        let of = |canvas: &Canvas| match canvas {
            canvas if canvas.is_partial => None,
            canvas if canvas.is_changed || canvas.has_more => Some(now),
            canvas => canvas.encoder.refine_at().filter(|_| may_refine).map(|at| Instant::from_micros(at.0)),
        };
        self.canvases.values().filter_map(of).min()
    }

    /// Encodes what the viewer has not seen, as far as it keeps up: for each canvas one update, or a part of one.
    pub(super) fn send(&mut self, now: Instant) {
        let ids: Vec<CanvasId> = self.canvases.keys().copied().collect();
        for id in ids {
            if self.is_over {
                return;
            }
            if let Err(failed) = self.encode(id, now) {
                self.fail(failed);
            }
        }
    }

    fn fail(&mut self, failed: Failed) {
        self.is_over = true;
        // Decoders and canvases are not kept for the goodbye.
        self.canvases.clear();
        self.says.push_back(Says::Failed(failed));
    }

    fn paint(&mut self, update: Update) -> Result<(), Failed> {
        let Update { canvas: id, update, size, input, more, pixels } = update;
        let canvas = match self.canvases.entry(id) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(Canvas::new(self.decoders.make(), Encoder::new(self.config)?, size))
            }
        };
        let codec_size = shoji_codec::Size { width: size.width().into(), height: size.height().into() };
        let fares = &mut canvas.fares;
        match canvas.decoder.apply(&pixels, codec_size) {
            Ok(changed) => {
                (fares.useless, fares.lost) = (0, 0);
                canvas.size = size;
                canvas.damage.extend_from_slice(changed);
                merge(&mut canvas.damage);
                (canvas.is_partial, canvas.input) = (more, input);
                if !more {
                    canvas.is_changed = true;
                    canvas.painted = Some(update);
                }
                return Ok(());
            }
            // Not the host's fault as far as anybody knows: its whole picture goes to another decoder.
            Err(NotDecoded::Lost) if fares.lost < MAX_LOST => {
                fares.lost += 1;
                (fares.is_repainted, fares.useless) = (true, 0);
                self.says.push_back(Says::Repaint(id));
            }
            Err(NotDecoded::Lost) => return Err(Failed::Decoders(MAX_LOST + 1)),
            // On its way before the host knew; the whole picture follows.
            Err(NotDecoded::Update(DecodeError::NeedsComplete))
                if fares.is_repainted && fares.useless < MAX_USELESS =>
            {
                fares.useless += u32::from(!more);
            }
            Err(NotDecoded::Update(error)) if fares.is_repainted => return Err(Failed::Picture(error)),
            Err(NotDecoded::Update(_)) => {
                fares.is_repainted = true;
                self.says.push_back(Says::Repaint(id));
            }
        }
        // What is on the canvas may be half of a picture: it waits for the whole one.
        canvas.is_partial = true;
        if !more {
            canvas.painted = None;
            canvas.shows.clear();
            self.says.push_back(Says::Presented(id, update));
        }
        Ok(())
    }

    fn presented(&mut self, id: CanvasId, update: UpdateId, now: Instant) {
        // The canvas may be closed by now.
        let _ = self.flow.presented(id, update, now);
        let Some(canvas) = self.canvases.get_mut(&id) else { return };
        let mut shown = None;
        while let Some(&(_, of_host)) = canvas.shows.front().filter(|(of_gate, _)| *of_gate <= update) {
            shown = Some(of_host);
            canvas.shows.pop_front();
        }
        if let Some(shown) = shown {
            self.says.push_back(Says::Presented(id, shown));
        }
    }

    fn encode(&mut self, id: CanvasId, now: Instant) -> Result<(), Failed> {
        let Some(canvas) = self.canvases.get_mut(&id) else { return Ok(()) };
        let micros = now.as_micros();
        let has_begun = canvas.picture.is_some();
        let rested = canvas.encoder.refine_at().is_some_and(|at| at.0 <= micros) && self.flow.may_refine();
        let has_some = canvas.is_changed || canvas.has_more || rested;
        if !has_some || !(has_begun || !canvas.is_partial && self.flow.may_send(now)) {
            return Ok(());
        }
        let mut picture = canvas.picture.take().unwrap_or_else(|| Picture::new(self.flow.budget(now).bytes));
        let budget = Budget { bytes: picture.budget };
        let damage = std::mem::take(&mut canvas.damage);
        canvas.is_changed = false;
        canvas.encoder.set_refining(self.flow.may_refine());
        let mut pixels = Vec::new();
        let frame = canvas.decoder.canvas().frame();
        let outcome = canvas.encoder.encode(frame, &damage, budget, Time(micros), &mut pixels)?;
        canvas.damage = damage;
        canvas.damage.clear();
        canvas.has_more = outcome.more;
        if outcome.empty {
            // It looks as before. The viewer shows it with what is on its way, or does already.
            if let Some(painted) = canvas.painted.take() {
                match canvas.shows.back_mut() {
                    Some((_, of_host)) => *of_host = painted,
                    None => self.says.push_back(Says::Presented(id, painted)),
                }
            }
            return Ok(());
        }
        canvas.last = UpdateId(canvas.last.0 + 1);
        let (update, bytes) = (canvas.last, pixels.len());
        let more = picture.add(bytes, outcome.complete) && outcome.more;
        // There is room: `may_send` said so, now or when the picture was begun.
        let _ = if more {
            canvas.picture = Some(picture);
            self.flow.part(id, update, bytes, now)
        } else {
            if let Some(painted) = canvas.painted.take() {
                canvas.shows.push_back((update, painted));
            }
            self.flow.sent(id, update, bytes, now)
        };
        let (size, input) = (canvas.size, canvas.input);
        self.says.push_back(Says::Update(Update { canvas: id, update, size, input, more, pixels }));
        Ok(())
    }
}

impl Canvas {
    fn new(decoder: Box<dyn Decode>, encoder: Encoder, size: Size) -> Self {
        Self {
            decoder,
            encoder,
            fares: Fares::default(),
            size,
            damage: Vec::new(),
            is_partial: true,
            is_changed: false,
            has_more: false,
            picture: None,
            input: InputSequence::NONE,
            last: UpdateId(0),
            painted: None,
            shows: VecDeque::new(),
        }
    }
}

/// Keeps the list short.
fn merge(damage: &mut Vec<Rect>) {
    if damage.len() <= MAX_DAMAGE {
        return;
    }
    if let Some(around) = damage.iter().copied().reduce(union) {
        damage.clear();
        damage.push(around);
    }
}

fn union(one: Rect, other: Rect) -> Rect {
    let (x, y) = (one.x.min(other.x), one.y.min(other.y));
    let right = (one.x + one.width).max(other.x + other.width);
    let bottom = (one.y + one.height).max(other.y + other.height);
    Rect { x, y, width: right - x, height: bottom - y }
}

#[cfg(test)]
#[path = "painter/tests.rs"]
mod tests;
