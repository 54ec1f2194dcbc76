//! The window loop: the session's canvases as windows, the person's hands as input.
//!
//! Owns which windows exist and what covers them. Every wake compares the scene with the windows and presents what is
//! fresh at once; there is no queue between network and screen. Decides nothing about the protocol.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use shoji_protocol::{CanvasId, CloseCode, Input, InputSequence, UpdateId, WindowState};
use softbuffer::Context;
use winit::{
    application::ApplicationHandler,
    dpi::PhysicalSize,
    event::{DeviceEvent, DeviceId, ElementState, WindowEvent},
    event_loop::{ActiveEventLoop, ControlFlow, OwnedDisplayHandle},
    window::{Fullscreen, Icon, WindowAttributes, WindowId},
};

use super::{
    departed::Departed,
    front::Front,
    hints::{Hint, Hints},
    ime::Composer,
    input::{Keyboard, Shortcut, code_of, is_late_press_taken, keys_of},
    messages::{cover, next_words},
    pane::{Overlay, Pane},
};
use crate::{
    clock,
    link::{self, Link},
    observe::Observer,
    scene::{Pointer, State},
    texts::{Language, Text},
    ui::{details, frame::Frame, icon, state, text::Painter},
};

/// How long a notice stays: two lines are read in six seconds.
const NOTICE: Duration = Duration::from_secs(6);

/// How long a notice stays for somebody who has gone to another program, and may see it only after coming back.
const AWAY: Duration = Duration::from_secs(60);

/// How often the open details are refreshed.
const REFRESH: Duration = Duration::from_millis(500);

/// The icon's size: the largest that usual desktops show beside a window's title or in their list of programs.
const ICON: u32 = 64;

/// Who closes a window again within this time does not want to be asked: the page may hang.
pub(super) const IMPATIENCE: Duration = Duration::from_secs(4);

/// Most windows; the protocol allows no more canvases either.
const MAX_PANES: usize = shoji_protocol::limits::MAX_CANVASES;

/// What the loop is woken for: look at the scene.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wake;

/// Why the window cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no display.
    #[error("no window can be opened: {0}")]
    Display(String),
    /// The window system refused to show pixels.
    #[error("the window system does not take pixels: {0}")]
    Surface(String),
}

impl Error {
    /// What the window system said. Its words begin with the place in its own source, which tells nobody anything.
    pub(super) fn display(said: &dyn std::fmt::Display) -> Self {
        let said = said.to_string();
        let why = said.split_once(".rs:").and_then(|(_, place)| place.split_once(": "));
        Self::Display(why.map_or(said.as_str(), |(_, why)| why).trim_end_matches('.').to_owned())
    }
}

impl From<softbuffer::SoftBufferError> for Error {
    fn from(error: softbuffer::SoftBufferError) -> Self {
        Self::Surface(error.to_string())
    }
}

/// Makes the connection once the window's size is known.
pub(super) type Connect = Box<dyn FnOnce(shoji_protocol::Viewport) -> Link>;

pub(super) struct App {
    context: Context<OwnedDisplayHandle>,
    pub(super) painter: Painter,
    pub(super) language: Language,
    host: String,
    device: String,
    size: Option<(u16, u16)>,
    pub(super) scale: Option<f64>,
    connect: Option<Connect>,
    pub(super) link: Option<Link>,
    observer: Arc<dyn Observer>,
    pub(super) panes: Vec<Pane>,
    pub(super) keyboard: Keyboard,
    pub(super) composer: Composer,
    pub(super) focused: Option<WindowId>,
    /// The canvas that the host was told has the keyboard, and in which attachment.
    pub(super) focus_told: Option<(u64, CanvasId)>,
    pub(super) details: Option<Instant>,
    banner_until: Option<Instant>,
    acknowledged: Vec<(CanvasId, UpdateId)>,
    pub(super) pointer: Option<Pointer>,
    pub(super) front: Front,
    pub(super) hints: Hints,
    pub(super) locked: Option<CanvasId>,
    /// When the person wished to close the last window or to end the session.
    pub(super) closing: Option<Instant>,
    /// The host was told that everything is lifted, because it does not answer.
    silent: bool,
    pub(super) departed: Departed,
    pending: Arc<AtomicBool>,
    pub(super) failure: Option<Error>,
}

/// Everything an [`App`] is made of.
pub(super) struct Parts {
    pub(super) context: Context<OwnedDisplayHandle>,
    pub(super) language: Language,
    pub(super) host: String,
    pub(super) device: String,
    pub(super) size: Option<(u16, u16)>,
    pub(super) scale: Option<f64>,
    pub(super) connect: Connect,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) painter: Painter,
    pub(super) keyboard: Keyboard,
    pub(super) front: Front,
    pub(super) pending: Arc<AtomicBool>,
}

impl App {
    pub(super) fn new(parts: Parts) -> Self {
        let painter = parts.painter;
        let language = painter.language(parts.language);
        Self {
            context: parts.context,
            language,
            painter,
            host: parts.host,
            device: parts.device,
            size: parts.size,
            scale: parts.scale,
            connect: Some(parts.connect),
            link: None,
            observer: parts.observer,
            panes: Vec::new(),
            keyboard: parts.keyboard,
            composer: Composer::default(),
            focused: None,
            focus_told: None,
            details: None,
            banner_until: None,
            acknowledged: Vec::new(),
            pointer: None,
            front: parts.front,
            hints: Hints::default(),
            locked: None,
            closing: None,
            silent: false,
            departed: Departed::default(),
            pending: parts.pending,
            failure: None,
        }
    }

    /// The link, to take leave of.
    pub(super) fn into_link(self) -> Option<Link> {
        self.link
    }

    pub(super) fn pane(&mut self, id: WindowId) -> Option<&mut Pane> {
        self.panes.iter_mut().find(|pane| pane.window.id() == id)
    }

    pub(super) fn viewport(&self, pane: &Pane) -> shoji_protocol::Viewport {
        let content = pane.content();
        let refresh = pane.window.current_monitor().and_then(|monitor| monitor.refresh_rate_millihertz());
        super::viewport(
            (content.width, content.height),
            self.scale.unwrap_or(pane.scale()) * self.front.zoom(),
            refresh,
        )
    }

    fn open(&mut self, events: &ActiveEventLoop, content: Option<(u32, u32)>) -> Result<(), Error> {
        let attributes = WindowAttributes::default().with_title(Text::WindowTitle.in_language(self.language));
        // An icon that the window system cannot take is none.
        let attributes = named(attributes.with_window_icon(Icon::from_rgba(icon::rgba(ICON), ICON, ICON).ok()));
        let attributes = match content {
            Some(content) => {
                let display = || events.primary_monitor().or_else(|| events.available_monitors().next());
                let scale = self.panes.first().map(Pane::scale).or_else(|| Some(display()?.scale_factor()));
                let scale = scale.unwrap_or(1.0);
                let (width, height) = Frame::around(content, scale);
                attributes.with_inner_size(PhysicalSize::new(width, height))
            }
            None => attributes.with_inner_size(winit::dpi::LogicalSize::new(1288.0, 826.0)),
        };
        let window = events.create_window(attributes).map_err(|error| Error::display(&error))?;
        let pane = Pane::new(window, &self.context, &mut self.painter, self.language)?;
        self.panes.push(pane);
        Ok(())
    }

    /// Makes windows and scene agree, and presents what is fresh.
    pub(super) fn reconcile(&mut self, events: &ActiveEventLoop) {
        let Some(link) = self.link.clone() else { return };
        if events.exiting() {
            // What was still on its way may not open a window again.
            return;
        }
        let scene = link.scene().clone();
        let now = Instant::now();
        let (state, wanted, words, lock, pointer) = {
            let mut model = scene.lock();
            let wanted: Vec<_> = model
                .views()
                .take(MAX_PANES)
                .map(|(id, view)| Wanted {
                    id,
                    size: (view.size().width().into(), view.size().height().into()),
                    state: view.state(),
                    has_picture: view.can_be_shown(),
                    has_begun: view.update() > UpdateId(0),
                })
                .collect();
            let words = if self.banner_until.is_none() { next_words(&mut model) } else { None };
            let pointer = self.new_pointer(&model);
            (model.state.clone(), wanted, words, model.lock, pointer)
        };
        if let State::Ended(error) = &state
            && (*error == link::Error::EndedHere
                || (self.wished_to_close() && *error == link::Error::Closed(CloseCode::SessionEnded)))
        {
            events.exit();
            return;
        }
        if let Err(error) = self.match_windows(events, &wanted) {
            self.failure = Some(error);
            events.exit();
            return;
        }
        let mut entered = false;
        for pane in &mut self.panes {
            let known = wanted.iter().find(|wanted| Some(wanted.id) == pane.canvas);
            let cover = cover(&state, known.is_some_and(|known| known.has_picture), self.language, &self.host);
            pane.cover(cover, &mut self.painter);
            // A canvas begins as a normal window, and its state follows before its first update: only then is it known.
            if let Some(known) = known.filter(|known| known.has_begun) {
                entered |= follow_state(pane, known.state);
            }
        }
        if entered {
            self.fullscreen_hint("F11 / Esc", now);
        }
        if let Some(words) = words {
            self.banner(words.in_language(self.language), now);
        }
        if let Some(pointer) = pointer {
            self.show_pointer(events, pointer);
        }
        self.follow_lock(lock.filter(|_| !self.front.is_open()));
        self.follow_silence(&state);
        self.tell_focus();
        self.follow_text_place(now);
        self.present_all(events);
    }

    /// One window for every canvas, and never none.
    fn match_windows(&mut self, events: &ActiveEventLoop, wanted: &[Wanted]) -> Result<(), Error> {
        self.departed.keep(|canvas| wanted.iter().any(|wanted| wanted.id == canvas));
        let mut forgotten = 0;
        for pane in &mut self.panes {
            if pane.canvas.is_some_and(|canvas| !wanted.iter().any(|wanted| wanted.id == canvas)) {
                pane.canvas = None;
                pane.wished = None;
                pane.damage_all();
                forgotten += 1;
            }
        }
        for new in wanted {
            if self.departed.has(new.id) || self.panes.iter().any(|pane| pane.canvas == Some(new.id)) {
                continue;
            }
            if !self.panes.iter().any(|pane| pane.canvas.is_none()) {
                self.open(events, Some(new.size))?;
            }
            let viewport = self.panes.iter().find(|pane| pane.canvas.is_none()).map(|pane| self.viewport(pane));
            if let Some((pane, viewport)) = self.panes.iter_mut().find(|pane| pane.canvas.is_none()).zip(viewport) {
                pane.canvas = Some(new.id);
                // The host gives new windows their size; only where this PC gave another is it told.
                let own = viewport.size();
                let same = (u32::from(own.width()), u32::from(own.height())) == new.size;
                pane.told = same.then_some(viewport);
                if let (false, Some(link)) = (same, &self.link) {
                    pane.told = Some(viewport);
                    link.resize(new.id, viewport);
                }
            }
        }
        if forgotten > 0 {
            let keep = self.panes.iter().position(|pane| pane.canvas.is_some()).unwrap_or(0);
            let mut at = 0;
            self.panes.retain(|pane| {
                at += 1;
                pane.canvas.is_some() || at - 1 == keep
            });
            self.acknowledged.retain(|(canvas, _)| wanted.iter().any(|wanted| wanted.id == *canvas));
        }
        Ok(())
    }

    fn present_all(&mut self, events: &ActiveEventLoop) {
        for at in 0..self.panes.len() {
            if let Err(error) = self.present(at) {
                self.failure = Some(error.into());
                events.exit();
                return;
            }
        }
        self.acknowledge_unseen();
    }

    /// What nobody will see must not hold up what is seen: the session's canvases share one link.
    fn acknowledge_unseen(&mut self) {
        let Some(link) = self.link.clone() else { return };
        for canvas in self.departed.canvases() {
            let view = link.scene().lock().view(canvas).map(|view| (view.is_partial(), view.update(), view.input()));
            if let Some((false, update, input)) = view {
                self.acknowledge(&link, canvas, update, input);
            }
        }
    }

    fn present(&mut self, at: usize) -> Result<(), softbuffer::SoftBufferError> {
        let Some(link) = self.link.clone() else { return Ok(()) };
        if let Some(shown) = self.panes[at].present(link.scene())? {
            self.acknowledge(&link, shown.canvas, shown.update, shown.input);
        }
        Ok(())
    }

    /// Tells the host, once for each update.
    fn acknowledge(&mut self, link: &Link, canvas: CanvasId, update: UpdateId, input: InputSequence) {
        let known = self.acknowledged.iter_mut().find(|(known, _)| *known == canvas);
        match known {
            Some((_, known)) if *known == update => return,
            Some((_, known)) => *known = update,
            None => self.acknowledged.push((canvas, update)),
        }
        let now = clock::now();
        link.presented(canvas, update, input, now);
        self.observer.presented(canvas, update, input, now);
    }

    /// Says that something was tried that does not cross. Only in front of a page: where there is none, nothing was tried.
    pub(super) fn hint(&mut self, hint: Option<Hint>, now: Instant) {
        let Some(hint) = hint.filter(|_| !self.panes.iter().all(Pane::is_covered)) else { return };
        self.banner(hint.text().in_language(self.language), now);
        if hint == Hint::Copy {
            self.banner_until = Some(now + AWAY);
        }
    }

    /// Whoever comes back reads what was said meanwhile, and has the usual time for it.
    pub(super) fn hurry_banner(&mut self, now: Instant) {
        self.banner_until = self.banner_until.map(|until| until.min(now + NOTICE));
    }

    fn banner(&mut self, text: &str, now: Instant) {
        for pane in &mut self.panes {
            let room = pane.content().width;
            let image = state::banner(&mut self.painter, text, room, pane.scale());
            pane.overlay(Overlay::Banner, Some(image));
        }
        self.banner_until = Some(now + NOTICE);
    }

    /// In full screen the frame has no words; so they are said once, with the way out.
    fn fullscreen_hint(&mut self, keys: &str, now: Instant) {
        let text = Text::FullscreenHint.with(self.language, &[("keys", keys)]);
        self.banner(&text, now);
    }

    /// A host that does not answer gets everything lifted, for when it hears again: nothing may stay down or repeat meanwhile.
    fn follow_silence(&mut self, state: &State) {
        let is_silent = matches!(state, State::Silent);
        if std::mem::replace(&mut self.silent, is_silent) == is_silent || !is_silent {
            return;
        }
        self.keyboard.forget();
        self.panes.iter_mut().for_each(|pane| pane.buttons.forget());
        self.focus_told = None;
        if let Some(link) = &self.link {
            link.input(Input::Focus { canvas: None });
        }
    }

    /// Tells the host which canvas has the keyboard, once in every attachment.
    pub(super) fn tell_focus(&mut self) {
        let (Some(focused), Some(link), false) = (self.focused, &self.link, self.silent) else { return };
        let pane = self.panes.iter().find(|pane| pane.window.id() == focused);
        let Some(canvas) = pane.and_then(|pane| pane.canvas) else { return };
        let attachment = link.scene().lock().attachment();
        if self.focus_told != Some((attachment, canvas)) && link.input(Input::Focus { canvas: Some(canvas) }).is_some()
        {
            self.focus_told = Some((attachment, canvas));
        }
    }

    fn draw_details(&mut self) {
        let Some(link) = &self.link else { return };
        let snapshot = link.snapshot();
        for pane in &mut self.panes {
            let room = pane.content().width / 2;
            let image = details::panel(
                &mut self.painter,
                self.language,
                &snapshot,
                &self.host,
                &self.device,
                room,
                pane.scale(),
            );
            pane.overlay(Overlay::Details, Some(image));
        }
    }

    /// Whatever is due by the clock: details, banner, sizes. Gives the next moment to look again.
    fn tick(&mut self, events: &ActiveEventLoop) -> Option<Instant> {
        let now = Instant::now();
        let mut next: Option<Instant> = None;
        let mut at = |when: Instant| next = Some(next.map_or(when, |next| next.min(when)));
        if self.details.is_some_and(|due| due <= now) {
            self.draw_details();
            self.details = Some(now + REFRESH);
        }
        self.details.into_iter().for_each(&mut at);
        if self.banner_until.is_some_and(|until| until <= now) {
            self.banner_until = None;
            for pane in &mut self.panes {
                pane.overlay(Overlay::Banner, None);
            }
            // The next notice may be waiting.
            self.reconcile(events);
        }
        self.banner_until.into_iter().for_each(&mut at);
        if self.departed.expire(now) {
            self.reconcile(events);
        }
        self.departed.next().into_iter().for_each(&mut at);
        if self.composer.next().is_some_and(|due| due <= now) {
            self.follow_text_place(now);
        }
        self.composer.next().into_iter().for_each(&mut at);
        let hint = self.hints.due(now);
        self.hint(hint, now);
        self.hints.next().into_iter().for_each(&mut at);
        self.front_tick(now).into_iter().for_each(&mut at);
        next
    }

    /// A local command by keys.
    pub(super) fn shortcut(&mut self, shortcut: Shortcut, id: WindowId) {
        match shortcut {
            Shortcut::Details if self.details.is_some() => {
                self.details = None;
                for pane in &mut self.panes {
                    pane.overlay(Overlay::Details, None);
                }
            }
            Shortcut::Details => self.details = Some(Instant::now()),
            Shortcut::Fullscreen => {
                if let Some(pane) = self.pane(id) {
                    pane.local_fullscreen = !pane.local_fullscreen;
                    set_fullscreen(pane);
                    if pane.local_fullscreen {
                        self.fullscreen_hint(keys_of(Shortcut::Fullscreen), Instant::now());
                    }
                }
            }
        }
    }
}

/// The name by which desktops group a program's windows and find its entry in their menus.
#[cfg(target_os = "linux")]
fn named(attributes: WindowAttributes) -> WindowAttributes {
    use winit::platform::{wayland, x11};
    const NAME: &str = "shoji-viewer";
    let attributes = x11::WindowAttributesExtX11::with_name(attributes, NAME, NAME);
    wayland::WindowAttributesExtWayland::with_name(attributes, NAME, NAME)
}

#[cfg(not(target_os = "linux"))]
fn named(attributes: WindowAttributes) -> WindowAttributes {
    attributes
}

struct Wanted {
    id: CanvasId,
    size: (u32, u32),
    state: WindowState,
    has_picture: bool,
    /// Its first update came.
    has_begun: bool,
}

fn set_fullscreen(pane: &Pane) {
    let full = pane.local_fullscreen || pane.wished == Some(WindowState::Fullscreen);
    if full != pane.window.fullscreen().is_some() {
        pane.window.set_fullscreen(full.then_some(Fullscreen::Borderless(None)));
    }
}

/// Follows what the browser wishes; the first state of a window is only noted, unless it is full screen. Says whether
/// full screen began.
fn follow_state(pane: &mut Pane, state: WindowState) -> bool {
    let before = pane.wished.replace(state);
    if before == Some(state) || (before.is_none() && state != WindowState::Fullscreen) {
        return false;
    }
    set_fullscreen(pane);
    match state {
        WindowState::Minimized => pane.window.set_minimized(true),
        WindowState::Maximized if before == Some(WindowState::Normal) => pane.window.set_maximized(true),
        WindowState::Normal if before == Some(WindowState::Maximized) => pane.window.set_maximized(false),
        WindowState::Normal | WindowState::Maximized | WindowState::Fullscreen => {}
    }
    state == WindowState::Fullscreen
}

impl ApplicationHandler<Wake> for App {
    fn resumed(&mut self, events: &ActiveEventLoop) {
        if !self.panes.is_empty() {
            return;
        }
        let content = self.size.map(|(width, height)| (u32::from(width), u32::from(height)));
        if let Err(error) = self.open(events, content) {
            self.failure = Some(error);
            events.exit();
            return;
        }
        let viewport = self.viewport(&self.panes[0]);
        self.panes[0].told = Some(viewport);
        if let Some(connect) = self.connect.take() {
            self.link = Some(connect(viewport));
        }
        if !self.painter.has_japanese() {
            self.banner(Text::NoFont.in_language(Language::En), Instant::now());
        }
        self.welcome();
        self.reconcile(events);
    }

    fn user_event(&mut self, events: &ActiveEventLoop, Wake: Wake) {
        // Cleared before looking: a change after this wakes the loop again.
        self.pending.store(false, Ordering::Release);
        self.reconcile(events);
    }

    fn about_to_wait(&mut self, events: &ActiveEventLoop) {
        let next = self.tick(events);
        self.present_all(events);
        events.set_control_flow(next.map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
    }

    fn device_event(&mut self, _: &ActiveEventLoop, _: DeviceId, event: DeviceEvent) {
        if let DeviceEvent::MouseMotion { delta } = event {
            self.pointer_pushed(delta);
        }
    }

    fn window_event(&mut self, events: &ActiveEventLoop, id: WindowId, event: WindowEvent) {
        if self.front_takes(events, id, &event) {
            return;
        }
        match event {
            WindowEvent::CloseRequested => self.close(events, id),
            WindowEvent::Destroyed => self.gone(events, id),
            WindowEvent::Resized(size) => self.resized(id, size),
            WindowEvent::ScaleFactorChanged { .. } => {
                if let Some(size) = self.pane(id).map(|pane| pane.window.inner_size()) {
                    self.resized(id, size);
                }
            }
            WindowEvent::RedrawRequested => {
                if let Some(pane) = self.pane(id) {
                    pane.damage_all();
                }
            }
            WindowEvent::Focused(focused) => self.focus(id, focused),
            WindowEvent::KeyboardInput { event, is_synthetic, .. } => {
                // Keys that were down when the window came to the front were not pressed in it.
                let is_late = is_synthetic && event.state == ElementState::Pressed;
                if !is_late || code_of(&event).is_some_and(is_late_press_taken) {
                    self.key(id, &event);
                }
            }
            WindowEvent::Ime(event) => self.ime(id, &event),
            WindowEvent::CursorMoved { position, .. } => self.pointer_moved(id, position),
            WindowEvent::CursorLeft { .. } => self.pointer_left(id),
            WindowEvent::MouseInput { state, button, .. } => self.button(id, button, state.is_pressed()),
            WindowEvent::MouseWheel { delta, phase, .. } => self.wheel(id, delta, phase),
            WindowEvent::Touch(touch) => self.touch(id, touch),
            WindowEvent::HoveredFile(_) | WindowEvent::DroppedFile(_) => {
                let hint = self.hints.file(Instant::now());
                self.hint(hint, Instant::now());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_system_is_quoted_without_the_place_in_its_source() {
        let why = |said: &str| match Error::display(&said) {
            Error::Display(why) => why,
            other => panic!("{other}"),
        };
        assert_eq!(why("os error at /x/mod.rs:765: no display is set."), "no display is set");
        assert_eq!(why("not supported"), "not supported");
    }
}
