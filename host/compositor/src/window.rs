//! A window: a toplevel, its canvas and what the viewer wants of it.
//!
//! Owns the rules of size: the first window fills the viewport, others have their own size until a viewer resizes
//! them, and a canvas takes the viewport's size only when the client drew for it. It must never draw.

use smithay::reexports::wayland_protocols::xdg::shell::server::xdg_toplevel::State as XdgState;
use smithay::reexports::wayland_server::Resource;
use smithay::reexports::wayland_server::protocol::wl_callback::WlCallback;
use smithay::wayland::compositor::with_states;
use smithay::wayland::presentation::PresentationFeedbackCallback;
use smithay::wayland::shell::xdg::{SurfaceCachedState, ToplevelSurface};

use crate::canvas::{Contents, Picture};
use crate::region::Area;
use crate::types::{CanvasId, Scale, Viewport, WindowState};

/// Presentation feedbacks that wait for the next picture to leave.
pub(crate) type Feedbacks = Vec<PresentationFeedbackCallback>;

/// Who decides a window's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sizing {
    /// The client.
    Own,
    /// The viewport: maximized, full screen, or resized by the viewer.
    Viewport,
}

/// One window.
pub(crate) struct Window {
    pub(crate) id: CanvasId,
    pub(crate) toplevel: ToplevelSurface,
    pub(crate) picture: Picture,
    /// It has a buffer.
    pub(crate) mapped: bool,
    /// The caller knows of it.
    pub(crate) opened: bool,
    pub(crate) dirty: bool,
    /// It was closed before it showed anything, and never will.
    pub(crate) refused: bool,
    pub(crate) state: WindowState,
    /// The state to go back to after full screen.
    pub(crate) before_fullscreen: WindowState,
    pub(crate) sizing: Sizing,
    pub(crate) active: bool,
    /// What the viewer wants: the client has been or will be told.
    pub(crate) wanted: Viewport,
    /// The scale that the client has drawn the current picture for.
    pub(crate) scale: Scale,
    pub(crate) callbacks: Vec<WlCallback>,
    pub(crate) feedbacks: Feedbacks,
    pub(crate) told_damage: bool,
    pub(crate) told_wanted: bool,
}

impl Window {
    pub(crate) fn new(id: CanvasId, toplevel: ToplevelSurface, viewport: Viewport) -> Self {
        Self {
            id,
            toplevel,
            picture: Picture::default(),
            mapped: false,
            opened: false,
            dirty: false,
            refused: false,
            state: WindowState::Normal,
            before_fullscreen: WindowState::Normal,
            sizing: Sizing::Own,
            active: false,
            wanted: viewport,
            scale: viewport.scale,
            callbacks: Vec::new(),
            feedbacks: Vec::new(),
            told_damage: false,
            told_wanted: false,
        }
    }

    /// The viewport in logical pixels, by the rule of [`Scale::logical_ceil`].
    pub(crate) fn wanted_logical(&self) -> (i32, i32) {
        let Viewport { size, scale, .. } = self.wanted;
        (scale.logical_ceil(size.width), scale.logical_ceil(size.height))
    }

    /// `viewport`, drawn smaller if the client's window cannot be made small enough for it: a whole window that is
    /// small serves better than a window cut off.
    pub(crate) fn fitted(&self, viewport: Viewport) -> Viewport {
        let least = with_states(self.toplevel.wl_surface(), |states| {
            states.cached_state.get::<SurfaceCachedState>().current().min_size
        });
        let fit = |physical: u32, least: i32| match u32::try_from(least) {
            Ok(least) if least > 0 => Scale::fitting(physical, least),
            _ => viewport.scale,
        };
        let steps = [viewport.scale, fit(viewport.size.width, least.w), fit(viewport.size.height, least.h)];
        let scale = steps.into_iter().min_by_key(|scale| scale.in_120ths()).unwrap_or(viewport.scale);
        Viewport { scale, ..viewport }
    }

    /// Puts state and size into the toplevel's pending configure.
    pub(crate) fn prepare_configure(&self) {
        let bounds = self.wanted_logical();
        self.toplevel.with_pending_state(|pending| {
            let maximized = self.state == WindowState::Maximized;
            let fullscreen = self.state == WindowState::Fullscreen;
            for (state, on) in [
                (XdgState::Activated, self.active),
                (XdgState::Maximized, maximized),
                (XdgState::Fullscreen, fullscreen),
            ] {
                if on {
                    pending.states.set(state);
                } else {
                    pending.states.unset(state);
                }
            }
            pending.bounds = Some(bounds.into());
            pending.size = (self.sizing == Sizing::Viewport).then(|| bounds.into());
        });
    }

    /// Tells the client, if there is anything new to tell and it is ready to hear.
    pub(crate) fn configure(&self) {
        self.prepare_configure();
        if self.toplevel.is_initial_configure_sent() {
            self.toplevel.send_pending_configure();
        }
    }

    /// The window's visible part in surface coordinates; None while it shows nothing.
    pub(crate) fn geometry(&self, contents: &Contents) -> Option<Area> {
        let surface = self.toplevel.wl_surface();
        let (width, height) = contents.get(&surface.id())?.logical_size()?;
        let whole = Area::of_size(width, height);
        let set = with_states(surface, |states| states.cached_state.get::<SurfaceCachedState>().current().geometry);
        let Some(set) = set else { return Some(whole) };
        let set =
            Area::new(set.loc.x, set.loc.y, set.loc.x.saturating_add(set.size.w), set.loc.y.saturating_add(set.size.h))
                .intersect(whole);
        // A geometry outside the surface says nothing: show all of it.
        Some(if set.is_empty() { whole } else { set })
    }

    pub(crate) fn has_content(&self, contents: &Contents) -> bool {
        contents.get(&self.toplevel.wl_surface().id()).is_some_and(|content| content.size.is_some())
    }
}
