//! A session inside its worker: the compositor, the canvases and what the attached viewer has of them.
//!
//! Owns the order of things: pixels are composed, then what the viewer says is done, then what changed is encoded and
//! sent, and the browser may draw again as soon as that will not make pictures wait. No timer stands between a change and
//! its update: timers exist only for leave to draw, for refinement, and for text that waits for its field.

use std::collections::BTreeMap;
use std::os::unix::net::UnixListener;

use shoji_codec::{Budget, Encoder, Frame, Time as CodecTime};
use shoji_compositor as compositor;
use shoji_compositor::{Compositor, Cursor, Event, Time};
use shoji_protocol::host::flow::{self, Flow};
use shoji_protocol::time::{Duration, Instant};
use shoji_protocol::worker::{Attachment, ToSupervisor, ToWorker};
use shoji_protocol::{
    CanvasId, Capabilities, InputSequence, KeyboardLayout, Notice, Pixels, Rate, TextPlace, ToHost, ToViewer, UpdateId,
    Viewport,
};
use tracing::{debug, info, warn};

use super::canvas::{Canvas, Picture};
use super::error::Error;
use super::link::{Link, Message};
use super::look::Look;
use super::refusals::Refusals;
use super::windowless::Windowless;
use super::{convert, rights, typed};
use crate::clock;
use crate::trace::{self, Trace};

/// The most often the browser draws: what nearly every screen shows. More would cost both ends CPU that nobody sees.
const MAX_RATE: u32 = 60_000;

/// The viewer that is attached.
struct Viewer {
    flow: Flow,
    capabilities: Capabilities,
    /// Microseconds between two leaves to draw.
    interval: u64,
}

/// A session inside its worker.
pub(super) struct Session {
    pub(super) link: Link,
    pub(super) compositor: Option<Compositor>,
    listener: Option<UnixListener>,
    canvases: BTreeMap<CanvasId, Canvas>,
    /// Canvases that are gone and that the viewer still has.
    gone: Vec<CanvasId>,
    windowless: Windowless,
    viewer: Option<Viewer>,
    viewport: Option<Viewport>,
    /// The last input given to the browser.
    input: InputSequence,
    /// The last input that the pixels now composed can have seen.
    seen: InputSequence,
    look: Look,
    refusals: Refusals,
    cursor: Cursor,
    cursor_changed: bool,
    pointer_lock: Option<(CanvasId, bool)>,
    pointer_lock_changed: bool,
    text_place: compositor::TextPlace,
    text_place_changed: bool,
    payload: Vec<u8>,
    trace: Trace,
}

impl Session {
    pub(super) fn new(link: Link, listener: UnixListener, trace: Trace) -> Self {
        Self {
            link,
            compositor: None,
            listener: Some(listener),
            canvases: BTreeMap::new(),
            gone: Vec::new(),
            windowless: Windowless::default(),
            viewer: None,
            viewport: None,
            input: InputSequence::NONE,
            seen: InputSequence::NONE,
            look: Look::default(),
            refusals: Refusals::default(),
            cursor: Cursor::Shape(compositor::CursorShape::Default),
            cursor_changed: false,
            pointer_lock: None,
            pointer_lock_changed: false,
            text_place: compositor::TextPlace::Nowhere,
            text_place_changed: false,
            payload: Vec::new(),
            trace,
        }
    }

    /// All input so far was given before the pixels that are composed next.
    pub(super) fn all_input_given(&mut self) {
        self.seen = self.input;
    }

    /// Lets the compositor read and compose, and notes what came of it. `woken` is when the pixels were noticed.
    pub(super) fn compose(&mut self, woken: u64) -> Result<(), Error> {
        let Some(compositor) = &mut self.compositor else { return Ok(()) };
        compositor.dispatch(Time(woken / 1_000))?;
        let composed = self.trace.now();
        while let Some(event) = self.compositor.as_mut().and_then(Compositor::poll_event) {
            self.composed(event, woken, composed)?;
        }
        Ok(())
    }

    fn composed(&mut self, event: Event, woken: u64, composed: u64) -> Result<(), Error> {
        let Some(compositor) = &mut self.compositor else { return Ok(()) };
        match event {
            Event::CanvasOpened { canvas, kind, parent, size } => {
                let encoder = self.encoder()?;
                let parent = parent.map(convert::canvas_out);
                let mut opened = Canvas::new(kind, parent, size, encoder);
                opened.input = self.seen;
                self.canvases.insert(convert::canvas_out(canvas), opened);
                self.windowless.opened();
            }
            Event::CanvasClosed { canvas } => self.canvas_closed(convert::canvas_out(canvas))?,
            Event::CanvasResized { canvas, size } => {
                if let Some(canvas) = self.canvases.get_mut(&convert::canvas_out(canvas)) {
                    canvas.size = size;
                    canvas.show_anew();
                }
            }
            Event::Damaged { canvas: id } => {
                let damage = compositor.take_damage(id);
                if let Some(canvas) = self.canvases.get_mut(&convert::canvas_out(id)) {
                    canvas.add_damage(&damage);
                    canvas.input = self.seen;
                    canvas.noticed = woken;
                    canvas.composed = composed;
                }
            }
            Event::FrameWanted { canvas } => {
                if let Some(canvas) = self.canvases.get_mut(&convert::canvas_out(canvas)) {
                    canvas.wants_frame = true;
                }
            }
            Event::Window { canvas, state } => {
                if let Some(canvas) = self.canvases.get_mut(&convert::canvas_out(canvas)) {
                    canvas.state = Some(state);
                    canvas.state_changed = true;
                }
            }
            Event::Cursor(cursor) => {
                self.cursor = cursor;
                self.cursor_changed = true;
            }
            Event::PointerLock { canvas, locked } => {
                self.pointer_lock = Some((convert::canvas_out(canvas), locked));
                self.pointer_lock_changed = true;
            }
            Event::TextPlace => {
                self.text_place = compositor.text_place();
                self.text_place_changed = true;
                self.look.set_caret(convert::caret(self.text_place));
            }
            Event::TextLost { texts } => warn!(
                texts,
                "text was typed and lost: no text field of the page was ready within two seconds; click the field, and let the page come to rest before typing"
            ),
            Event::StrangerRefused => {
                if let Some(notice) = self.refusals.dialog(clock::microseconds()) {
                    self.link.tell(&ToSupervisor::Notice { notice })?;
                }
            }
            Event::ClientGone { remaining } => {
                debug!(remaining, "Wayland client gone");
                self.client_gone(remaining);
            }
            Event::ClientMisbehaved { why, remaining } => {
                warn!(?why, remaining, "Wayland client misbehaved");
                self.client_gone(remaining);
                if remaining == 0 {
                    // It may live on without a display; the supervisor ends it, and the restart rule decides.
                    self.link.tell(&ToSupervisor::BrowserMisbehaved)?;
                }
                if why == compositor::Misbehaviour::Limit(compositor::Limit::Canvases) {
                    self.link.tell(&ToSupervisor::Notice { notice: Notice::TooManyWindows })?;
                }
            }
        }
        Ok(())
    }

    fn canvas_closed(&mut self, id: CanvasId) -> Result<(), Error> {
        let Some(canvas) = self.canvases.remove(&id) else { return Ok(()) };
        if canvas.is_told {
            self.gone.push(id);
        }
        if let Some(viewer) = &mut self.viewer {
            viewer.flow.forget(id);
        }
        if self.pointer_lock.is_some_and(|(canvas, _)| canvas == id) {
            self.pointer_lock = None;
            self.pointer_lock_changed = false;
        }
        if self.canvases.is_empty() {
            self.windowless.last_closed(clock::microseconds());
        }
        Ok(())
    }

    fn client_gone(&mut self, remaining: usize) {
        if remaining == 0 {
            self.windowless.lost(clock::microseconds());
        }
    }

    /// Tells the supervisor of a browser that closed its last window and stays, or that opens none.
    pub(super) fn check_windowless(&mut self) -> Result<(), Error> {
        match self.windowless.due(clock::microseconds()) {
            Some(message) => Ok(self.link.tell(&message)?),
            None => Ok(()),
        }
    }

    /// Reads what the supervisor sent and does it.
    pub(super) fn listen(&mut self) -> Result<(), Error> {
        self.link.receive()?;
        while let Some(message) = self.link.next()? {
            match message {
                Message::Supervisor(ToWorker::Attached { attachment, viewport, keyboard, capabilities, locale: _ }) => {
                    self.attach(attachment, viewport, keyboard, capabilities)?;
                }
                Message::Supervisor(ToWorker::Detached) => self.detach(),
                Message::Supervisor(ToWorker::Stop) => return Err(Error::Stopped),
                Message::Viewer(message) => self.viewer_said(message)?,
            }
        }
        Ok(())
    }

    fn attach(
        &mut self,
        attachment: Attachment,
        viewport: Viewport,
        keyboard: KeyboardLayout,
        capabilities: Capabilities,
    ) -> Result<(), Error> {
        self.detach();
        self.start_compositor(viewport, keyboard)?;
        let flow = Flow::new(flow::Config { refresh: viewport.refresh() });
        self.viewer = Some(Viewer { flow, capabilities, interval: interval(viewport.refresh()) });
        self.input = InputSequence::NONE;
        self.seen = InputSequence::NONE;
        self.gone.clear();
        self.cursor_changed = true;
        self.pointer_lock_changed = self.pointer_lock.is_some_and(|(_, locked)| locked);
        self.text_place_changed = true;
        let mut encoders = Vec::with_capacity(self.canvases.len());
        for _ in 0..self.canvases.len() {
            encoders.push(self.encoder()?);
        }
        for (canvas, encoder) in self.canvases.values_mut().zip(encoders) {
            canvas.start_over(encoder);
        }
        info!(attachment = attachment.0, "Viewer attached");
        Ok(self.link.tell(&ToSupervisor::Attached { attachment })?)
    }

    /// Starts the compositor for the first viewer; tells it about a later one.
    fn start_compositor(&mut self, viewport: Viewport, keyboard: KeyboardLayout) -> Result<(), Error> {
        let changed = self.viewport.replace(viewport) != Some(viewport);
        let (viewport, keyboard) = (convert::viewport(viewport), convert::keyboard(keyboard));
        if let Some(listener) = self.listener.take() {
            let mut compositor = Compositor::new(compositor::Config { viewport, keyboard }, listener)?;
            // The browser's file dialogs; its other dialogs are its own windows.
            compositor.refuse_strangers();
            compositor.read_keyboards()?;
            self.compositor = Some(compositor);
            self.windowless.lost(clock::microseconds());
            rights::drop_all()?;
            return Ok(self.link.tell(&ToSupervisor::Ready)?);
        }
        let Some(compositor) = &mut self.compositor else { return Ok(()) };
        compositor.set_keyboard(keyboard)?;
        if changed {
            compositor.set_viewport(viewport);
            for (id, canvas) in &self.canvases {
                if canvas.kind == compositor::CanvasKind::Window {
                    compositor.resize(convert::canvas_in(*id), viewport);
                }
            }
        }
        Ok(())
    }

    /// Nobody looks: keys and buttons are let go, and the browser gets no leave to draw.
    fn detach(&mut self) {
        if self.viewer.take().is_none() {
            return;
        }
        if let Some(compositor) = &mut self.compositor {
            compositor.input(compositor::Input::Focus { canvas: None }, Time(clock::microseconds()));
        }
    }

    fn viewer_said(&mut self, message: ToHost) -> Result<(), Error> {
        let (Some(compositor), Some(viewer)) = (&mut self.compositor, &mut self.viewer) else { return Ok(()) };
        match message {
            ToHost::Input { sequence, event } => {
                let now = clock::microseconds();
                self.look.take_input(&event);
                if typed::is_typed(&event)
                    && let Some(canvas) = self.look.typed_on().and_then(|id| self.canvases.get_mut(&id))
                {
                    canvas.typed.earn(now);
                }
                let notice = self.refusals.input(&event, now);
                compositor.input(convert::input(event), Time(now));
                self.input = sequence;
                if self.trace.is_on() {
                    self.trace.write(&trace::Event::InputGiven { seq: sequence.0, t: self.trace.now() });
                }
                if let Some(notice) = notice {
                    self.link.tell(&ToSupervisor::Notice { notice })?;
                }
            }
            ToHost::Presented { canvas, update } => {
                let now = Instant::from_micros(clock::microseconds());
                if let Err(error) = viewer.flow.presented(canvas, update, now) {
                    // The canvas was closed while the acknowledgement was on its way.
                    debug!(%error, "Late acknowledgement");
                }
                if let Some(canvas) = self.canvases.get_mut(&canvas) {
                    canvas.presented = update.0;
                }
            }
            ToHost::Resize { canvas, viewport } => {
                viewer.flow.set_refresh(viewport.refresh());
                viewer.interval = interval(viewport.refresh());
                let is_window = |canvas: &Canvas| canvas.kind == compositor::CanvasKind::Window;
                let of_window = self.canvases.get(&canvas).is_some_and(is_window);
                let size = convert::viewport(viewport);
                if of_window {
                    // New windows open at the size of the last one that was resized.
                    self.viewport = Some(viewport);
                    compositor.set_viewport(size);
                }
                let viewport = size;
                compositor.resize(convert::canvas_in(canvas), viewport);
            }
            ToHost::CloseCanvas { canvas } => compositor.close(convert::canvas_in(canvas)),
            ToHost::Repaint { canvas } => {
                if let Some(canvas) = self.canvases.get_mut(&canvas) {
                    canvas.encoder.repaint();
                    canvas.show_anew();
                }
            }
            // The supervisor passes on nothing else.
            _ => debug!("Message without meaning for a worker"),
        }
        Ok(())
    }

    /// Sends what the viewer has not seen, as far as it keeps up, and lets the browser draw again.
    pub(super) fn send(&mut self) -> Result<(), Error> {
        self.link.push()?;
        if self.viewer.is_none() || self.link.has_unsent() {
            return Ok(());
        }
        self.tell_changes()?;
        let ids: Vec<CanvasId> = self.canvases.keys().copied().collect();
        for id in &ids {
            if self.link.has_unsent() {
                break;
            }
            self.update(*id)?;
        }
        self.let_draw();
        if self.trace.is_on() {
            self.trace_rest();
        }
        Ok(())
    }

    /// Canvases, window states, the pointer: only the newest state is told.
    fn tell_changes(&mut self) -> Result<(), Error> {
        let Some(viewer) = &self.viewer else { return Ok(()) };
        for canvas in std::mem::take(&mut self.gone) {
            self.link.show(&ToViewer::CanvasClosed { canvas })?;
        }
        let open: Vec<CanvasId> = self.canvases.keys().copied().collect();
        for (id, canvas) in &mut self.canvases {
            if !canvas.is_told {
                canvas.is_told = true;
                let parent = canvas.parent.filter(|parent| open.contains(parent));
                let (kind, size) = (convert::kind(canvas.kind), convert::size(canvas.size));
                self.link.show(&ToViewer::CanvasOpened { canvas: *id, kind, parent, size })?;
            }
            if let (true, Some(state)) = (std::mem::take(&mut canvas.state_changed), canvas.state) {
                let state = convert::window_state(state);
                self.link.show(&ToViewer::Window { canvas: *id, state })?;
            }
        }
        if std::mem::take(&mut self.cursor_changed) {
            let pictures = viewer.capabilities.contains(Capabilities::CURSOR_IMAGE);
            self.link.show(&convert::cursor(&self.cursor, pictures))?;
        }
        let locks = viewer.capabilities.contains(Capabilities::POINTER_LOCK);
        if let (true, Some((canvas, locked))) = (std::mem::take(&mut self.pointer_lock_changed), self.pointer_lock)
            && locks
            && self.canvases.contains_key(&canvas)
        {
            self.link.show(&ToViewer::PointerLock { canvas, locked })?;
        }
        if std::mem::take(&mut self.text_place_changed) {
            let place = match convert::text_place(self.text_place) {
                TextPlace::Field { canvas, .. } if !self.canvases.contains_key(&canvas) => TextPlace::Nowhere,
                place => place,
            };
            self.link.show(&ToViewer::TextPlace { place })?;
        }
        Ok(())
    }

    /// Encodes and sends one update of a canvas, if there is something to send and the viewer keeps up.
    fn update(&mut self, id: CanvasId) -> Result<(), Error> {
        let (Some(compositor), Some(viewer)) = (&mut self.compositor, &mut self.viewer) else { return Ok(()) };
        let Some(canvas) = self.canvases.get_mut(&id) else { return Ok(()) };
        let micros = clock::microseconds();
        let now = Instant::from_micros(micros);
        let rested = canvas.encoder.refine_at().is_some_and(|at| at.0 <= micros);
        let refines = rested && viewer.flow.may_refine();
        // A picture that was begun is let through as one.
        let begun = canvas.picture.is_some();
        let is_room = begun || viewer.flow.may_send(now);
        let beyond = !is_room && viewer.flow.may_add_little() && canvas.may_go_beyond(micros);
        if !(canvas.is_changed || canvas.has_more || refines) || !(is_room || beyond) {
            return Ok(());
        }
        // A browser that takes most of an interval to draw would else lose the time of encoding with each picture.
        let interval = viewer.interval;
        if canvas.may_draw_ahead(micros, interval) && viewer.flow.may_draw_ahead(Duration::from_micros(interval)) {
            give_leave(compositor, id, canvas, (micros, interval), &self.trace);
        }
        let Some(view) = compositor.canvas(convert::canvas_in(id)) else {
            // Its closing is about to be told.
            (canvas.has_more, canvas.picture) = (false, None);
            return Ok(());
        };
        let size = shoji_codec::Size { width: view.size.width, height: view.size.height };
        let frame = Frame { size, stride: view.stride, pixels: view.pixels };
        let mut picture = match canvas.picture.take() {
            Some(begun) => begun,
            None if beyond => Picture::beyond_the_window(),
            None => Picture::new(viewer.flow.budget(now).bytes),
        };
        let budget = Budget { bytes: picture.budget };
        let damage = canvas.take_damage();
        self.payload.clear();
        let (pointer, caret) = self.look.on(id);
        canvas.encoder.look_at(pointer, caret);
        canvas.encoder.set_refining(viewer.flow.may_refine());
        // Nothing is owed before a canvas that starts anew was shown whole.
        let alone = canvas.typed.owes_update(micros);
        canvas.encoder.set_text_alone(alone);
        let outcome = canvas.encoder.encode(frame, &damage, budget, CodecTime(micros), &mut self.payload)?;
        canvas.recycle(damage);
        canvas.has_more = outcome.more;
        if outcome.empty {
            debug_assert!(!begun, "the encoder said that there was more");
            return Ok(());
        }
        let encoded = self.trace.now();
        canvas.last_update += 1;
        canvas.updated = micros;
        let bytes = self.payload.len();
        let pixels = Pixels::new(&self.payload).map_err(|_| Error::TooLarge(bytes))?;
        let update = UpdateId(canvas.last_update);
        let (size, input) = (convert::size(view.size), canvas.input);
        // What was typed is shown before the film beside it has come.
        let more = picture.add(bytes, outcome.complete) && outcome.more && !(alone && outcome.film_left);
        self.link.show(&ToViewer::Update { canvas: id, update, size, input, more, pixels })?;
        let written = self.trace.now();
        let left = Instant::from_micros(clock::microseconds());
        canvas.goes_in_parts = begun || more;
        // There is room: `may_send` or `may_add_little` said so, now or when the picture was begun.
        let _ = if more {
            canvas.picture = Some(picture);
            viewer.flow.part(id, update, bytes, left)
        } else {
            canvas.picture_left(&picture);
            viewer.flow.sent(id, update, bytes, left)
        };
        if self.trace.is_on() {
            self.trace.write(&trace::Event::Update {
                canvas: id.0,
                update: update.0,
                input: input.0,
                bytes,
                commit: canvas.noticed,
                composed: canvas.composed,
                encoded,
                written,
            });
        }
        // One large update must not keep its memory for the session's life.
        self.payload.shrink_to(MAX_SPARE);
        Ok(())
    }

    /// Gives the browser leave to draw where the last picture left and the viewer keeps up, now and then where a slow link
    /// still carries the rest of one, and for what was typed.
    fn let_draw(&mut self) {
        let (Some(compositor), Some(viewer)) = (&mut self.compositor, &self.viewer) else { return };
        let now = clock::microseconds();
        let keeps_up = viewer.flow.may_send(Instant::from_micros(now));
        for (id, canvas) in &mut self.canvases {
            let meanwhile = canvas.meanwhile_at().is_some_and(|at| at <= now);
            let typed = canvas.typed_at(now, viewer.interval).is_some_and(|at| at <= now);
            if meanwhile || typed || (keeps_up && canvas.may_draw(now, viewer.interval)) {
                give_leave(compositor, *id, canvas, (now, viewer.interval), &self.trace);
            }
        }
    }

    fn trace_rest(&mut self) {
        let Some(compositor) = &self.compositor else { return };
        let now = clock::microseconds();
        for (id, canvas) in &mut self.canvases {
            if !canvas.comes_to_rest(now) {
                continue;
            }
            let Some(view) = compositor.canvas(convert::canvas_in(*id)) else { continue };
            let size = shoji_codec::Size { width: view.size.width, height: view.size.height };
            let frame = Frame { size, stride: view.stride, pixels: view.pixels };
            let Some(digest) = shoji_codec::digest(&frame) else { continue };
            self.trace.write(&trace::Event::Rest { canvas: id.0, update: canvas.last_update, digest });
        }
    }

    /// When the next turn is due if nothing happens before, microseconds.
    pub(super) fn deadline(&self) -> Option<u64> {
        [self.windowless.deadline(), self.compositor_at(), self.send_at()].into_iter().flatten().min()
    }

    fn compositor_at(&self) -> Option<u64> {
        self.compositor.as_ref().and_then(Compositor::deadline).map(|at| at.0)
    }

    /// Whether the compositor is to be called although nobody said anything.
    pub(super) fn compositor_is_due(&self) -> bool {
        self.compositor_at().is_some_and(|at| at <= clock::microseconds())
    }

    fn send_at(&self) -> Option<u64> {
        let viewer = self.viewer.as_ref()?;
        if !self.link.has_unsent() && self.canvases.values().any(|canvas| canvas.picture.is_some()) {
            return Some(0);
        }
        if self.link.has_unsent() {
            // The supervisor's reading wakes it.
            return None;
        }
        let now = clock::microseconds();
        if !viewer.flow.may_send(Instant::from_micros(now)) {
            // An acknowledgement wakes it to send.
            let of = |canvas: &Canvas| [canvas.meanwhile_at(), canvas.typed_at(now, viewer.interval)];
            return self.canvases.values().flat_map(of).flatten().min();
        }
        let of = |canvas: &Canvas| {
            if canvas.has_more {
                return Some(0);
            }
            let refine = canvas.encoder.refine_at().map(|at| at.0).filter(|_| viewer.flow.may_refine());
            let frame = canvas.frame_at(viewer.interval);
            let rest = if self.trace.is_on() { canvas.rests_at() } else { None };
            [refine, frame, rest].into_iter().flatten().min()
        };
        self.canvases.values().filter_map(of).min()
    }

    fn encoder(&self) -> Result<Encoder, Error> {
        let h264 = self.viewer.as_ref().is_none_or(|viewer| viewer.capabilities.contains(Capabilities::H264));
        Ok(Encoder::new(shoji_codec::Config { h264, ..Default::default() })?)
    }
}

/// Gives the browser leave to draw the next picture of a canvas; `now` and interval in microseconds.
fn give_leave(
    compositor: &mut Compositor,
    id: CanvasId,
    canvas: &mut Canvas,
    (now, interval): (u64, u64),
    trace: &Trace,
) {
    canvas.frame_done(now, interval);
    compositor.frame_done(convert::canvas_in(id), Time(now));
    if trace.is_on() {
        trace.write(&trace::Event::Leave { canvas: id.0, t: trace.now() });
    }
}

/// Spare memory that the payload buffer may keep: most updates are far smaller.
const MAX_SPARE: usize = 512 << 10;

fn interval(refresh: Rate) -> u64 {
    Rate::clamped(refresh.get().min(MAX_RATE)).interval().as_micros()
}
