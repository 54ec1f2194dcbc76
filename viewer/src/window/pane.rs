//! One window: its surface, its frame, what lies over the canvas, and presenting only what changed.
//!
//! Owns the window and its buffer. Presents at once when asked, waits for no display clock, and copies only damaged
//! rows. It decides nothing about the session.

use std::{collections::VecDeque, num::NonZeroU32, sync::Arc};

use shoji_protocol::{CanvasId, InputSequence, UpdateId, Viewport, WindowState};
use softbuffer::{Context, Surface};
use winit::{
    dpi::{PhysicalPosition, PhysicalSize},
    event_loop::OwnedDisplayHandle,
    raw_window_handle::{HasDisplayHandle, RawDisplayHandle},
    window::Window,
};

use super::{
    compose::{Contents, Layer, Placement, Source, compose, merge},
    input::{Buttons, Fingers, Wheel},
};
use crate::{
    scene::{Scene, View},
    texts::{Language, Text},
    ui::{
        frame::{Bar, Frame},
        image::{Area, Image},
        state::Message,
        text::Painter,
    },
};

/// Buffers older than this are drawn anew; no window system here keeps more than three.
const MAX_AGE: usize = 4;

/// More damaged areas than this are drawn as one: each costs a request to the window system.
const MAX_AREAS: usize = 32;

/// What covers the canvas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Cover {
    /// Nothing.
    #[default]
    None,
    /// A page instead of it.
    Page(Message),
    /// A card over the dimmed picture.
    Card(Message),
}

/// What was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) canvas: CanvasId,
    pub(super) update: UpdateId,
    pub(super) input: InputSequence,
}

pub(super) struct Pane {
    pub(super) window: Arc<Window>,
    surface: Surface<OwnedDisplayHandle, Arc<Window>>,
    confirms: bool,
    pub(super) canvas: Option<CanvasId>,
    /// The window state that the browser wished for last.
    pub(super) wished: Option<WindowState>,
    /// Full screen by the person's own wish.
    pub(super) local_fullscreen: bool,
    /// The viewport that the host knows.
    pub(super) told: Option<Viewport>,
    pub(super) buttons: Buttons,
    pub(super) fingers: Fingers,
    pub(super) wheel: Wheel,
    pub(super) pointer_inside: bool,
    /// A hand that holds a button is outside of the window.
    pub(super) pointer_outside: bool,
    /// Whether the PC's input method may compose in this window.
    pub(super) ime_allowed: bool,
    /// The caret that the input method knows.
    pub(super) caret: Option<Area>,
    frame: Frame,
    scale: f64,
    fullscreen: bool,
    language: Language,
    bar: Bar,
    lit: bool,
    cover: Cover,
    cover_layer: Option<Layer>,
    /// By their numbers, the last above the others.
    overlays: [Option<Layer>; 4],
    dirty: Vec<Area>,
    presented: VecDeque<Vec<Area>>,
    placement: Option<Placement>,
}

/// Which of the small pictures over the canvas.
#[derive(Debug, Clone, Copy)]
pub(super) enum Overlay {
    /// Upper right corner.
    Details,
    /// Lower middle.
    Banner,
    /// The menu's button in full screen; its place is given with it.
    Tab,
    /// The menu or the help card; its place is given with it.
    Front,
}

impl Pane {
    pub(super) fn new(
        window: Window,
        context: &Context<OwnedDisplayHandle>,
        painter: &mut Painter,
        language: Language,
    ) -> Result<Self, softbuffer::SoftBufferError> {
        let window = Arc::new(window);
        let surface = Surface::new(context, window.clone())?;
        // On X11 requests lie in a queue until something waits for an answer.
        let confirms = matches!(
            window.display_handle().map(|handle| handle.as_raw()),
            Ok(RawDisplayHandle::Xlib(_) | RawDisplayHandle::Xcb(_))
        );
        let mut pane = Self {
            window,
            surface,
            confirms,
            canvas: None,
            wished: None,
            local_fullscreen: false,
            told: None,
            buttons: Buttons::default(),
            fingers: Fingers::default(),
            wheel: Wheel::default(),
            pointer_inside: false,
            pointer_outside: false,
            ime_allowed: false,
            caret: None,
            frame: Frame::new((1, 1), 1.0, false),
            scale: 1.0,
            fullscreen: false,
            language,
            bar: Bar { image: Image::new(1, 1, 0), button: Area::default() },
            lit: false,
            cover: Cover::None,
            cover_layer: None,
            overlays: [None, None, None, None],
            dirty: Vec::new(),
            presented: VecDeque::new(),
            placement: None,
        };
        pane.measure(pane.window.inner_size(), painter);
        Ok(pane)
    }

    /// Lays everything out anew for a size. That is the one of the event: a window manager may announce a size before the
    /// window has it, nothing more comes when it does, and whoever asks the window in between keeps the old one.
    pub(super) fn measure(&mut self, size: PhysicalSize<u32>, painter: &mut Painter) {
        self.scale = self.window.scale_factor();
        self.fullscreen = self.window.fullscreen().is_some();
        self.frame = Frame::new((size.width.max(1), size.height.max(1)), self.scale, self.fullscreen);
        self.bar = self.frame.draw_bar(painter, self.language, self.lit);
        let cover = std::mem::take(&mut self.cover);
        self.cover(cover, painter);
        for overlay in [Overlay::Details, Overlay::Banner] {
            let image = self.overlays[overlay as usize].take().map(|layer| layer.image);
            self.overlay(overlay, image);
        }
        self.damage_all();
    }

    /// Where the menu's button is in the window; empty in full screen.
    pub(super) fn button(&self) -> Area {
        self.bar.button
    }

    /// Lights the menu's button, or darkens it.
    pub(super) fn light_button(&mut self, lit: bool, painter: &mut Painter) {
        if self.lit != lit {
            self.lit = lit;
            self.bar = self.frame.draw_bar(painter, self.language, lit);
            self.dirty.push(self.bar.image.area());
        }
    }

    pub(super) fn content(&self) -> Area {
        self.frame.content()
    }

    pub(super) fn scale(&self) -> f64 {
        self.scale
    }

    /// Where a place in the window lies on the canvas, and whether that is inside.
    pub(super) fn to_canvas(&self, x: f64, y: f64) -> Option<((f64, f64), bool)> {
        let placement = self.placement?;
        let (cx, cy) = placement.to_canvas(x, y);
        let (width, height) = (f64::from(placement.canvas.0), f64::from(placement.canvas.1));
        let inside = cx >= 0.0 && cy >= 0.0 && cx < width && cy < height && self.cover == Cover::None;
        Some(((cx, cy), inside))
    }

    /// Whether a place is outside of the window, its frame included.
    pub(super) fn is_outside(&self, at: PhysicalPosition<f64>) -> bool {
        let (width, height) = (f64::from(self.frame.window.0), f64::from(self.frame.window.1));
        !(at.x >= 0.0 && at.y >= 0.0 && at.x < width && at.y < height)
    }

    /// Where a part of the canvas lies in the window.
    pub(super) fn place_of(&self, area: Area) -> Option<Area> {
        self.placement.map(|placement| placement.place_of(area))
    }

    /// Gives the window its title.
    pub(super) fn name(&self) {
        self.window.set_title(Text::WindowTitle.in_language(self.language));
    }

    /// Whether the window is one of X11's.
    pub(super) fn is_x11(&self) -> bool {
        self.confirms
    }

    /// Everything has to be drawn anew.
    pub(super) fn damage_all(&mut self) {
        self.dirty = vec![Area::new(0, 0, self.frame.window.0, self.frame.window.1)];
        self.presented.clear();
    }

    /// Changes what covers the canvas; says whether that changed anything.
    pub(super) fn cover(&mut self, cover: Cover, painter: &mut Painter) -> bool {
        let content = self.content();
        let fits = self.cover_layer.as_ref().is_none_or(|layer| layer.area() == content);
        if self.cover == cover && fits && (cover == Cover::None) == self.cover_layer.is_none() {
            return false;
        }
        let image = match &cover {
            Cover::None => None,
            Cover::Page(message) => {
                Some(crate::ui::state::page(painter, message, content.width, content.height, self.scale))
            }
            Cover::Card(message) => {
                Some(crate::ui::state::card(painter, message, content.width, content.height, self.scale))
            }
        };
        self.cover_layer = image.map(|image| Layer { x: content.x, y: content.y, image });
        self.cover = cover;
        self.dirty.push(content);
        true
    }

    pub(super) fn is_covered(&self) -> bool {
        self.cover != Cover::None
    }

    /// Puts a small picture at its usual place over the canvas, or takes it away.
    pub(super) fn overlay(&mut self, overlay: Overlay, image: Option<Image>) {
        let content = self.content();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "12 logical pixels times at most 10"
        )]
        let margin = (12.0 * self.scale) as u32;
        let placed = image.map(|image| {
            let (width, height) = (image.width(), image.height());
            let (x, y) = match overlay {
                Overlay::Banner => (
                    content.x + content.width.saturating_sub(width) / 2,
                    content.bottom().saturating_sub(height + 2 * margin),
                ),
                _ => (content.right().saturating_sub(width + margin), content.y + margin),
            };
            (x.max(content.x), y.max(content.y), image)
        });
        self.place(overlay, placed);
    }

    /// Where a small picture is in the window.
    pub(super) fn overlay_area(&self, overlay: Overlay) -> Option<Area> {
        self.overlays[overlay as usize].as_ref().map(Layer::area)
    }

    /// Puts a small picture at a place in the window, or takes it away.
    pub(super) fn place(&mut self, overlay: Overlay, placed: Option<(u32, u32, Image)>) {
        let layer = placed.map(|(x, y, image)| Layer { x, y, image });
        let slot = &mut self.overlays[overlay as usize];
        let areas = [slot.as_ref().map(Layer::area), layer.as_ref().map(Layer::area)];
        *slot = layer;
        self.dirty.extend(areas.into_iter().flatten());
    }

    /// Draws what changed and gives it to the window system; `None` if there was nothing to do.
    pub(super) fn present(&mut self, scene: &Scene) -> Result<Option<Shown>, softbuffer::SoftBufferError> {
        let (width, height) = self.frame.window;
        let (Some(wide), Some(high)) = (NonZeroU32::new(width), NonZeroU32::new(height)) else { return Ok(None) };
        if !self.is_covered() && self.is_partial(scene) {
            // The rest of the picture follows at once; until then what the window shows stays.
            return Ok(None);
        }
        let shown = self.take_changes(scene);
        if self.dirty.is_empty() {
            return Ok(shown);
        }

        self.surface.resize(wide, high)?;
        // May wait for the window system; the network task must not wait with it, so the scene is not held.
        let mut buffer = self.surface.buffer_mut()?;
        let age = usize::from(buffer.age());
        if age == 0 || age > self.presented.len() + 1 {
            self.dirty = vec![Area::new(0, 0, width, height)];
        }
        let mut redraw = self.dirty.clone();
        redraw.extend(self.presented.iter().take(age.saturating_sub(1)).flatten());
        tidy(&mut redraw);
        tidy(&mut self.dirty);
        {
            let model = scene.lock();
            let view = self.canvas.and_then(|canvas| model.view(canvas));
            let picture = view.and_then(|view| view.canvas());
            let layers: Vec<&Layer> = self.cover_layer.iter().chain(self.overlays.iter().flatten()).collect();
            let contents = Contents {
                frame: self.frame,
                bar: &self.bar.image,
                canvas: picture.map(|canvas| Source {
                    pixels: canvas.pixels(),
                    width: canvas.size().width,
                    height: canvas.size().height,
                }),
                layers: &layers,
            };
            for &area in &redraw {
                compose(&mut buffer, width, area, &contents);
            }
        }
        let damage: Vec<_> = self
            .dirty
            .iter()
            .filter_map(|area| {
                let (width, height) = (NonZeroU32::new(area.width)?, NonZeroU32::new(area.height)?);
                Some(softbuffer::Rect { x: area.x, y: area.y, width, height })
            })
            .collect();
        self.window.pre_present_notify();
        buffer.present_with_damage(&damage)?;
        if self.confirms {
            let _ready = self.surface.buffer_mut()?;
        }
        self.presented.push_front(std::mem::take(&mut self.dirty));
        self.presented.truncate(MAX_AGE);
        Ok(shown)
    }
}

impl Pane {
    fn is_partial(&self, scene: &Scene) -> bool {
        let model = scene.lock();
        self.canvas.and_then(|canvas| model.view(canvas)).is_some_and(View::is_partial)
    }

    /// Notes what changed on the canvas since the last time, and which update that is.
    fn take_changes(&mut self, scene: &Scene) -> Option<Shown> {
        let content = self.frame.content();
        let mut model = scene.lock();
        let canvas = self.canvas?;
        let view = model.view_mut(canvas)?;
        let size = view.canvas()?.size();
        let placement = Placement::new(content, (size.width, size.height));
        if self.placement != Some(placement) {
            self.placement = Some(placement);
            self.dirty.push(content);
        }
        self.dirty.extend(view.take_fresh().into_iter().map(|area| placement.to_window(area)));
        view.is_current().then(|| Shown { canvas, update: view.update(), input: view.input() })
    }
}

fn tidy(areas: &mut Vec<Area>) {
    if areas.len() > MAX_AREAS {
        let all = areas.drain(..).fold(Area::default(), Area::union);
        areas.push(all);
    }
    merge(areas);
}
