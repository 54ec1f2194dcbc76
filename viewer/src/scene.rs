//! What the viewer knows of its session right now: connection state, canvases, pointer, notices, figures.
//!
//! Owns the one shared model between the network task, which alone changes canvases, and whoever looks at them (window,
//! headless viewer). Looking is bounded by design: there is no queue of changes, only the newest state and, per canvas,
//! the area that was not yet looked at. It must never block the network task for longer than a copy of pixels.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shoji_codec::Canvas;
use shoji_decoder::{Decode, Decoders, Failed};
use shoji_protocol::{
    CanvasId, CanvasKind, CursorShape, InputSequence, Notice, Size, TextPlace, UpdateId, WindowState,
};

use crate::{clock::Stamp, link::Error, stats::Stats, ui::image::Area};

/// Areas remembered per canvas until they are presented; more are merged into one that holds all.
const MAX_FRESH: usize = 64;

/// Notices remembered until they are shown. More than a person reads at once are dropped, oldest first.
const MAX_NOTICES: usize = 4;

/// Pixels that a blinking caret may have: three wide and 60 high at scale three, in whole blocks of a codec's tile.
const CARET: u64 = 4096;

/// A video in a page is smaller than this part of the picture, a page that changes is larger.
const GOOD_PART: u64 = 4;

/// Where the connection stands.
#[derive(Debug, Clone)]
pub enum State {
    /// The first connection is being made.
    Connecting {
        /// How many times it was tried, from 1.
        attempt: u32,
    },
    /// There is a session; pictures may come.
    Attached,
    /// There is a session, but the host does not answer; new input is not taken. The canvases hold the last pictures.
    Silent,
    /// The connection broke and is being made again; the canvases hold the last pictures.
    Reconnecting {
        /// How many times it was tried, from 1.
        attempt: u32,
    },
    /// Nothing more will happen unless the person asks.
    Ended(Error),
}

/// How the pointer looks.
#[derive(Debug, Clone, Default)]
pub enum Pointer {
    /// The usual arrow, before the host says anything.
    #[default]
    Arrow,
    /// A shape by name, or hidden.
    Shape(CursorShape),
    /// A picture.
    Picture(Arc<PointerPicture>),
}

/// A pointer's picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointerPicture {
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
    /// The pixel that points.
    pub hotspot: (u16, u16),
    /// Straight (not premultiplied) RGBA.
    pub rgba: Vec<u8>,
}

/// What is known of one canvas.
#[derive(Debug)]
pub struct View {
    decoder: Box<dyn Decode>,
    /// The picture from before a new attachment, until the new one has its first.
    before: Option<Box<dyn Decode>>,
    kind: CanvasKind,
    parent: Option<CanvasId>,
    size: Size,
    state: WindowState,
    update: UpdateId,
    input: InputSequence,
    updated: Stamp,
    disturbed: Stamp,
    remade: Stamp,
    fresh: Vec<Area>,
    stale: bool,
    partial: bool,
    /// It was whole once.
    whole: bool,
    /// Pixels that the parts of this picture changed so far.
    changed: u64,
}

impl View {
    /// What it shows.
    #[must_use]
    pub fn kind(&self) -> CanvasKind {
        self.kind
    }

    /// The canvas it belongs to.
    #[must_use]
    pub fn parent(&self) -> Option<CanvasId> {
        self.parent
    }

    /// The size the host announced last.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// How the browser wants the window.
    #[must_use]
    pub fn state(&self) -> WindowState {
        self.state
    }

    /// The last update applied; 0 before the first.
    #[must_use]
    pub fn update(&self) -> UpdateId {
        self.update
    }

    /// The last input the browser had when it made the picture.
    #[must_use]
    pub fn input(&self) -> InputSequence {
        self.input
    }

    /// When the last update was applied.
    #[must_use]
    pub fn updated(&self) -> Stamp {
        self.updated
    }

    /// When the last update was applied that was more than a blinking caret.
    #[must_use]
    pub fn disturbed(&self) -> Stamp {
        self.disturbed
    }

    /// When the last update was applied that changed a good part of the picture, not only a video in it.
    #[must_use]
    pub fn remade(&self) -> Stamp {
        self.remade
    }

    /// The picture, if there is one. While reconnecting it is the last one from before.
    #[must_use]
    pub fn canvas(&self) -> Option<&Canvas> {
        let canvas = self.before.as_ref().unwrap_or(&self.decoder).canvas();
        (canvas.size().width > 0).then_some(canvas)
    }

    /// Whether the picture is of this attachment.
    #[must_use]
    pub fn is_current(&self) -> bool {
        !self.stale && !self.partial && self.before.is_none() && self.decoder.canvas().size().width > 0
    }

    /// Whether the rest of the picture is on its way: what is there is not to be shown yet.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// Whether there is something to be looked at: this picture was whole once, or is one from before.
    #[must_use]
    pub fn can_be_shown(&self) -> bool {
        self.whole || self.before.is_some()
    }

    /// The areas that changed since they were last taken.
    #[must_use]
    pub fn fresh(&self) -> &[Area] {
        &self.fresh
    }

    /// Takes the areas that changed since the last call; they may overlap.
    pub fn take_fresh(&mut self) -> Vec<Area> {
        std::mem::take(&mut self.fresh)
    }

    fn add_fresh(&mut self, areas: impl Iterator<Item = Area>) {
        for area in areas {
            if self.fresh.len() < MAX_FRESH {
                self.fresh.push(area);
            } else {
                let all = self.fresh.drain(..).fold(area, Area::union);
                self.fresh.push(all);
            }
        }
    }
}

/// The newest state of everything.
#[derive(Debug)]
pub struct Model {
    /// Where the connection stands.
    pub state: State,
    /// How the pointer looks.
    pub pointer: Pointer,
    /// The canvas to which the pointer is locked.
    pub lock: Option<CanvasId>,
    /// Where typed text goes.
    pub text_place: TextPlace,
    /// What the host wants the person to know, oldest first; whoever shows one removes it.
    pub notices: VecDeque<Notice>,
    /// The connection was lost just after the person did something, which may not have arrived; whoever tells them puts it back.
    pub may_lack_input: bool,
    /// Figures.
    pub stats: Stats,
    /// How canvases get their decoders.
    pub(crate) decoders: Decoders,
    views: BTreeMap<CanvasId, View>,
    changes: u64,
    attachment: u64,
}

impl Model {
    fn new(now: Stamp) -> Self {
        Self {
            state: State::Connecting { attempt: 1 },
            pointer: Pointer::Arrow,
            lock: None,
            text_place: TextPlace::Nowhere,
            notices: VecDeque::new(),
            may_lack_input: false,
            stats: Stats::new(now),
            decoders: Decoders::InProcess,
            views: BTreeMap::new(),
            changes: 0,
            attachment: 0,
        }
    }

    /// All canvases, oldest first.
    pub fn views(&self) -> impl Iterator<Item = (CanvasId, &View)> {
        self.views.iter().map(|(id, view)| (*id, view))
    }

    /// One canvas.
    #[must_use]
    pub fn view(&self, canvas: CanvasId) -> Option<&View> {
        self.views.get(&canvas)
    }

    /// One canvas, to take its fresh areas.
    pub fn view_mut(&mut self, canvas: CanvasId) -> Option<&mut View> {
        self.views.get_mut(&canvas)
    }

    /// The main window: the oldest canvas of kind window.
    #[must_use]
    pub fn main(&self) -> Option<(CanvasId, &View)> {
        self.views().find(|(_, view)| view.kind == CanvasKind::Window)
    }

    /// Rises with every change.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Rises with every connection: what the host was told before, it does not know any more.
    #[must_use]
    pub fn attachment(&self) -> u64 {
        self.attachment
    }

    /// A new attachment begins: what is there stays to be looked at, but is of the past.
    pub(crate) fn begin(&mut self) {
        self.attachment += 1;
        self.pointer = Pointer::Arrow;
        self.lock = None;
        self.text_place = TextPlace::Nowhere;
        for view in self.views.values_mut() {
            (view.stale, view.partial) = (true, false);
        }
    }

    pub(crate) fn open(&mut self, canvas: CanvasId, kind: CanvasKind, parent: Option<CanvasId>, size: Size) {
        let before = self.views.remove(&canvas).map(|old| old.before.unwrap_or(old.decoder));
        let view = View {
            decoder: self.decoders.make(),
            before: before.filter(|decoder| decoder.canvas().size().width > 0),
            kind,
            parent,
            size,
            state: WindowState::Normal,
            update: UpdateId(0),
            input: InputSequence::NONE,
            updated: Stamp::default(),
            disturbed: Stamp::default(),
            remade: Stamp::default(),
            fresh: Vec::new(),
            stale: false,
            partial: false,
            whole: false,
            changed: 0,
        };
        self.views.insert(canvas, view);
    }

    pub(crate) fn close(&mut self, canvas: CanvasId) {
        self.views.remove(&canvas);
        if self.lock == Some(canvas) {
            self.lock = None;
        }
    }

    pub(crate) fn window(&mut self, canvas: CanvasId, state: WindowState) {
        if let Some(view) = self.views.get_mut(&canvas) {
            view.state = state;
        }
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        if self.notices.len() == MAX_NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
    }

    /// Applies an update to its canvas. An unknown canvas is `Ok(false)`; the protocol's state machine refuses those
    /// before they come here.
    pub(crate) fn apply(&mut self, update: &Update<'_>, now: Stamp) -> Result<bool, Failed> {
        let Some(view) = self.views.get_mut(&update.canvas) else { return Ok(false) };
        let size = shoji_codec::Size { width: update.size.width().into(), height: update.size.height().into() };
        let areas: Vec<Area> = view
            .decoder
            .apply(update.payload, size)?
            .iter()
            .map(|rect| Area::new(rect.x, rect.y, rect.width, rect.height))
            .collect();
        view.changed += areas.iter().map(|area| u64::from(area.width) * u64::from(area.height)).sum::<u64>();
        let changed = view.changed;
        view.partial = update.more;
        if !update.more {
            (view.whole, view.changed) = (true, 0);
        }
        match &view.before {
            None => view.add_fresh(areas.into_iter()),
            // The old picture stays until the new one is whole.
            Some(_) if update.more => {}
            Some(_) => {
                view.before = None;
                view.fresh.clear();
                view.add_fresh(std::iter::once(Area::new(0, 0, size.width, size.height)));
            }
        }
        view.size = update.size;
        view.update = update.update;
        view.input = update.input;
        view.updated = now;
        if changed > CARET {
            view.disturbed = now;
        }
        if changed > u64::from(size.width) * u64::from(size.height) / GOOD_PART {
            view.remade = now;
        }
        self.views.retain(|_, view| !view.stale);
        if self.main().is_some_and(|(main, _)| main == update.canvas) {
            self.stats.size(size.width, size.height);
        }
        Ok(true)
    }
}

/// One update as it came, its payload borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    /// Whose.
    pub canvas: CanvasId,
    /// Its number.
    pub update: UpdateId,
    /// The canvas's size from now on.
    pub size: Size,
    /// The last input the browser had.
    pub input: InputSequence,
    /// The rest of the picture follows at once.
    pub more: bool,
    /// What the codec made.
    pub payload: &'a [u8],
}

/// The shared model. Cheap to share by [`Arc`].
pub struct Scene {
    model: Mutex<Model>,
    changed: Condvar,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Scene {
    /// An empty scene; `wake` is called, on the network task, after every change.
    pub fn new(now: Stamp, wake: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { model: Mutex::new(Model::new(now)), changed: Condvar::new(), wake: Box::new(wake) })
    }

    /// The model, to be looked at and let go of at once.
    pub fn lock(&self) -> MutexGuard<'_, Model> {
        // A panic elsewhere leaves plain data behind: at worst a half painted canvas, which is better than no window.
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the model, then wakes whoever looks.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Model) -> T) -> T {
        let mut model = self.lock();
        let result = change(&mut model);
        model.changes += 1;
        drop(model);
        self.changed.notify_all();
        (self.wake)();
        result
    }

    /// Waits until the model changes, at most `timeout`; gives it back either way.
    pub fn wait<'a>(&self, model: MutexGuard<'a, Model>, timeout: Duration) -> MutexGuard<'a, Model> {
        self.changed.wait_timeout(model, timeout).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl std::fmt::Debug for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scene").finish_non_exhaustive()
    }
}

/// Premultiplied BGRA as it crosses the boundary into the straight RGBA that window systems take.
pub(crate) fn straight_rgba(premultiplied: &[u8]) -> Vec<u8> {
    premultiplied
        .as_chunks::<4>()
        .0
        .iter()
        .flat_map(|&[blue, green, red, alpha]| {
            let part = |part: u8| match alpha {
                0 => 0,
                _ => u8::try_from(u16::from(part) * 255 / u16::from(alpha)).unwrap_or(u8::MAX),
            };
            [part(red), part(green), part(blue), alpha]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_areas_are_merged_and_never_lost() {
        let mut model = Model::new(Stamp(0));
        model.open(CanvasId(1), CanvasKind::Window, None, Size::clamped(100, 100));
        let view = model.view_mut(CanvasId(1)).expect("just opened");
        view.add_fresh((0..1000).map(|at| Area::new(at, at, 1, 1)));
        let fresh = view.take_fresh();
        assert!(fresh.len() <= MAX_FRESH);
        assert_eq!(fresh.into_iter().fold(Area::default(), Area::union), Area::new(0, 0, 1000, 1000));
        assert!(view.take_fresh().is_empty());
    }

    #[test]
    fn only_the_newest_notices_wait() {
        let mut model = Model::new(Stamp(0));
        for _ in 0..100 {
            model.notice(Notice::PolicyRefusedPrint);
        }
        assert_eq!(model.notices.len(), MAX_NOTICES);
    }

    #[test]
    fn colours_come_back_out_of_their_alpha() {
        assert_eq!(straight_rgba(&[0, 64, 128, 128]), vec![255, 127, 0, 128]);
        assert_eq!(straight_rgba(&[9, 9, 9, 0]), vec![0, 0, 0, 0]);
        // A host that lies about premultiplication does no harm.
        assert_eq!(straight_rgba(&[255, 255, 255, 1]), vec![255, 255, 255, 1]);
    }
}
