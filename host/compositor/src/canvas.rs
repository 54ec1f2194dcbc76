//! One canvas: the composed picture of a window with its subsurfaces and popups.
//!
//! Owns the canvas's pixels, its layers from bottom to top and its damage. In the usual case (an unscaled root surface
//! that fills the canvas) the canvas *is* the root's memory: a commit is copied from the client's buffer straight into
//! it, and only what lies under other layers is kept aside in `under`. Each changed pixel is written once per
//! composition. It must never look at time, input or the protocol.

use std::collections::HashMap;

use smithay::reexports::wayland_server::backend::ObjectId;
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;

use crate::content::{Content, Pixels};
use crate::pixels::{Affine, BPP, Image, Target, copy_same};
use crate::region::{Area, Region};
use crate::shm;
use crate::types::Size;

/// Every surface's content, by its object id.
pub(crate) type Contents = HashMap<ObjectId, Content>;

/// How a layer's pixels come to the canvas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Draw {
    /// Pixel for pixel; this pixel of the picture is the layer's top left one.
    Copy(i32, i32),
    /// Through this map from canvas pixels to picture pixels.
    Mapped(Affine),
}

/// A surface in its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    pub(crate) surface: WlSurface,
    pub(crate) id: ObjectId,
    /// Where it lies, in canvas pixels; it may reach over the canvas.
    pub(crate) area: Area,
    pub(crate) draw: Draw,
    /// The surface's size in surface coordinates.
    pub(crate) logical: (i32, i32),
}

impl Layer {
    /// Places `content` with its top left corner at the logical point `origin`.
    pub(crate) fn place(
        surface: &WlSurface,
        id: ObjectId,
        content: &Content,
        origin: (f64, f64),
        scale: f64,
    ) -> Option<Self> {
        let (width, height) = content.size?;
        let (lw, lh) = content.view.size(width, height);
        let (x0, y0) = ((origin.0 * scale).round() as i32, (origin.1 * scale).round() as i32);
        let near = |pixels: f64, logical: i32| (pixels - f64::from(logical) * scale).abs() < 1.0;
        let unscaled = content.view.crop_in_buffer(width, height).filter(|(x, y, w, h)| {
            let whole = [x, y, w, h].iter().all(|v| v.fract() == 0.0);
            whole && near(*w, lw) && near(*h, lh)
        });
        let (area, draw) = if let Some((x, y, w, h)) = unscaled {
            (Area::new(x0, y0, x0 + w as i32, y0 + h as i32), Draw::Copy(x as i32, y as i32))
        } else {
            let x1 = ((origin.0 + f64::from(lw)) * scale).round() as i32;
            let y1 = ((origin.1 + f64::from(lh)) * scale).round() as i32;
            let area = Area::new(x0, y0, x1.max(x0 + 1), y1.max(y0 + 1));
            let to_buffer = content.view.to_buffer(width, height);
            let at = |x: i32, y: i32| {
                to_buffer.apply(
                    f64::from(x - area.x0) * f64::from(lw) / f64::from(area.width()),
                    f64::from(y - area.y0) * f64::from(lh) / f64::from(area.height()),
                )
            };
            (area, Draw::Mapped(Affine::through(at(0, 0), at(1, 0), at(0, 1))))
        };
        Some(Self { surface: surface.clone(), id, area, draw, logical: (lw, lh) })
    }

    /// The surface coordinates of a place on the canvas.
    pub(crate) fn local(&self, x: f64, y: f64) -> (f64, f64) {
        (
            (x - f64::from(self.area.x0)) * f64::from(self.logical.0) / f64::from(self.area.width()),
            (y - f64::from(self.area.y0)) * f64::from(self.logical.1) / f64::from(self.area.height()),
        )
    }

    /// The canvas pixels that these surface coordinates cover.
    pub(crate) fn on_canvas(&self, x: i32, y: i32, width: i32, height: i32) -> Area {
        let sx = f64::from(self.area.width()) / f64::from(self.logical.0);
        let sy = f64::from(self.area.height()) / f64::from(self.logical.1);
        let origin = (f64::from(self.area.x0), f64::from(self.area.y0));
        Affine::through(origin, (origin.0 + sx, origin.1), (origin.0, origin.1 + sy))
            .bounds(Area::new(x, y, x.saturating_add(width), y.saturating_add(height)), 0.0)
    }

    /// The canvas pixels that show these picture pixels.
    fn shown(&self, picture: Area) -> Area {
        match self.draw {
            Draw::Copy(x, y) => picture.moved(self.area.x0 - x, self.area.y0 - y),
            // Bilinear sampling reaches one picture pixel further.
            Draw::Mapped(map) => match map.inverse() {
                Some(inverse) => {
                    let grown = Area::new(picture.x0 - 1, picture.y0 - 1, picture.x1 + 1, picture.y1 + 1);
                    inverse.bounds(grown, 0.0)
                }
                None => self.area,
            },
        }
        .intersect(self.area)
    }
}

/// The pixels of one canvas.
#[derive(Default)]
pub(crate) struct Picture {
    size: Size,
    data: Vec<u8>,
    layers: Vec<Layer>,
    /// The root's pixels live in `data` (and in `under` where `covered`), not in its own memory.
    direct: bool,
    /// Where `under` instead of `data` holds the root's pixels.
    covered: Region,
    under: Vec<u8>,
    damage: Region,
    /// Pixels that were copied or drawn so far, each time counted.
    drawn: u64,
    /// One row on its way from a client's buffer.
    line: Vec<u8>,
}

impl Picture {
    pub(crate) fn size(&self) -> Size {
        self.size
    }

    pub(crate) fn data(&self) -> &[u8] {
        &self.data
    }

    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    pub(crate) fn has_damage(&self) -> bool {
        !self.damage.is_empty()
    }

    /// How many pixels were copied or drawn so far, each time counted.
    pub(crate) fn drawn(&self) -> u64 {
        self.drawn
    }

    pub(crate) fn take_damage(&mut self) -> Region {
        std::mem::take(&mut self.damage)
    }

    fn bounds(&self) -> Area {
        Area::of_size(self.size.width as i32, self.size.height as i32)
    }

    /// Brings the picture up to date with `layers` (bottom first; `root` is the window's own surface) and their
    /// contents. `layers` gets the old list back, for its memory.
    pub(crate) fn compose(&mut self, size: Size, root: &ObjectId, layers: &mut Vec<Layer>, contents: &mut Contents) {
        let direct = self.can_be_direct(size, root, layers);
        let resized = size != self.size;
        if self.direct && (!direct || resized) {
            self.store_root(contents);
        }
        let mut redraw = if resized || direct != self.direct {
            self.resize(size);
            Region::default()
        } else {
            changes(&self.layers, layers)
        };
        redraw.clip(self.bounds());
        std::mem::swap(&mut self.layers, layers);
        if direct {
            self.adopt_root(contents);
            self.cover();
            self.copy_root(contents, &mut redraw);
        } else if resized || self.direct {
            redraw.clear();
            redraw.add(self.bounds());
        }
        if resized || direct != self.direct {
            self.damage.clear();
            self.damage.add(self.bounds());
            redraw.clear();
            redraw.add(self.bounds());
        }
        self.direct = direct;
        for layer in self.layers.iter().skip(usize::from(direct)) {
            let Some(content) = contents.get_mut(&layer.id) else { continue };
            for area in content.changed.areas() {
                redraw.add(layer.shown(*area).intersect(self.size_area()));
            }
            self.drawn += content.waiting.as_ref().map_or(0, |_| content.changed.pixels());
            content.store();
        }
        self.redraw(&redraw, contents);
        self.damage.add_region(&redraw);
    }

    fn size_area(&self) -> Area {
        self.bounds()
    }

    /// Whether the root can live in the canvas: it is the lowest layer, unscaled, and fills the canvas without
    /// reaching further over it than rounding explains.
    fn can_be_direct(&self, size: Size, root: &ObjectId, layers: &[Layer]) -> bool {
        const ROUNDING: i32 = 4;
        layers.first().is_some_and(|layer| {
            let (over_x, over_y) = (layer.area.x1 - size.width as i32, layer.area.y1 - size.height as i32);
            layer.id == *root
                && layer.draw == Draw::Copy(0, 0)
                && (layer.area.x0, layer.area.y0) == (0, 0)
                && (0..=ROUNDING).contains(&over_x)
                && (0..=ROUNDING).contains(&over_y)
        })
    }

    /// Moves the root's pixels out of the canvas into its own memory.
    fn store_root(&mut self, contents: &mut Contents) {
        let Some(content) = self.layers.first().and_then(|root| contents.get_mut(&root.id)) else {
            return;
        };
        if !matches!(content.pixels, Pixels::InCanvas) {
            return;
        }
        // The whole of it is about to be replaced: there is nothing to keep.
        if content.changes_all() {
            content.pixels = Pixels::None;
            return;
        }
        let area = self.layers[0].area;
        self.drawn += self.bounds().pixels() + self.covered.pixels();
        let mut image = Image { opaque: content.opaque, ..Image::default() };
        image.reset(area.width(), area.height());
        let (from, to) = (self.size.width as usize * BPP, image.stride());
        let under_root = |data: &[u8], image: &mut Image, area: Area| {
            for y in area.y0 as usize..area.y1 as usize {
                let (x, length) = (area.x0 as usize * BPP, area.width() as usize * BPP);
                image.data[y * to + x..][..length].copy_from_slice(&data[y * from + x..][..length]);
            }
        };
        under_root(&self.data, &mut image, self.bounds());
        for area in self.covered.areas() {
            under_root(&self.under, &mut image, *area);
        }
        content.pixels = Pixels::Stored(image);
    }

    fn resize(&mut self, size: Size) {
        self.covered.clear();
        if size != self.size {
            self.size = size;
            self.under = Vec::new();
            let length = size.width as usize * size.height as usize * BPP;
            self.data.clear();
            self.data.resize(length, 0);
        }
    }

    /// Makes the canvas the root's memory, if it is not yet.
    fn adopt_root(&mut self, contents: &mut Contents) {
        let bounds = self.bounds();
        let Some(content) = contents.get_mut(&self.layers[0].id) else { return };
        if let Pixels::Stored(_) = content.pixels {
            self.drawn += content.waiting.as_ref().map_or(0, |_| content.changed.pixels()) + bounds.pixels();
            content.store();
            if let Pixels::Stored(image) = &mut content.pixels {
                image.opaque = true;
                let (width, height) = (bounds.width(), bounds.height());
                Target { width, height, data: &mut self.data }.draw(image, bounds, (0, 0));
            }
        }
        content.pixels = Pixels::InCanvas;
    }

    /// Keeps aside the root's pixels that other layers cover now, and brings back those that they no longer cover.
    fn cover(&mut self) {
        let bounds = self.bounds();
        let mut covered = Region::default();
        for layer in &self.layers[1..] {
            covered.add(layer.area.intersect(bounds));
        }
        if covered == self.covered {
            return;
        }
        if self.under.is_empty() {
            self.under.resize(self.data.len(), 0);
        }
        let (width, height) = (bounds.width(), bounds.height());
        let mut newly = covered.clone();
        newly.subtract_region(&self.covered);
        self.drawn += newly.pixels();
        for area in newly.areas() {
            copy_same(&self.data, &mut self.under, width, height, *area);
        }
        let mut vacated = std::mem::replace(&mut self.covered, covered);
        vacated.subtract_region(&self.covered);
        self.drawn += vacated.pixels();
        for area in vacated.areas() {
            copy_same(&self.under, &mut self.data, width, height, *area);
            self.damage.add(*area);
        }
        if self.covered.is_empty() {
            self.under = Vec::new();
        }
    }

    /// Copies what changed of the root from its buffer into the canvas, or under what covers it (which then is to
    /// be redrawn).
    fn copy_root(&mut self, contents: &mut Contents, redraw: &mut Region) {
        let bounds = self.bounds();
        let Some(content) = contents.get_mut(&self.layers[0].id) else { return };
        let Some(buffer) = content.waiting.take() else {
            content.changed.clear();
            return;
        };
        let mut changed = std::mem::take(&mut content.changed);
        changed.clip(bounds);
        let hidden = changed.intersection(&self.covered);
        let stride = self.size.width as usize * BPP;
        let start = |area: &Area| area.y0 as usize * stride + area.x0 as usize * BPP;
        let mut open = changed;
        open.subtract_region(&self.covered);
        self.drawn += hidden.pixels() + open.pixels();
        let (data, line, damage) = (&mut self.data, &mut self.line, &mut self.damage);
        let copied = shm::read(&buffer, |source| {
            for area in hidden.areas() {
                source.copy(*area, &mut self.under, stride, start(area));
            }
            for area in open.areas() {
                for part in source.copy_changed(*area, data, stride, start(area), line) {
                    damage.add(part);
                }
            }
        });
        if copied == Err(shm::Unreadable::Foreign) {
            // A single pixel stretched to nothing but itself: a canvas of one pixel. Black will do.
            self.data.fill(0);
            self.damage.add(bounds);
        }
        self.damage.add_region(&hidden);
        redraw.add_region(&hidden);
        // The copy is done: the client may draw into the buffer again.
        buffer.release();
    }

    /// Draws the layers anew inside `redraw`.
    fn redraw(&mut self, redraw: &Region, contents: &Contents) {
        let (width, height) = (self.size.width as i32, self.size.height as i32);
        let areas;
        let areas = if self.direct {
            areas = redraw.intersection(&self.covered);
            areas.areas()
        } else {
            redraw.areas()
        };
        for area in areas {
            if self.direct {
                self.drawn += area.pixels();
                copy_same(&self.under, &mut self.data, width, height, *area);
            }
            let mut target = Target { width, height, data: &mut self.data };
            if !self.direct {
                self.drawn += area.pixels();
                target.clear(*area);
            }
            for layer in self.layers.iter().skip(usize::from(self.direct)) {
                let part = layer.area.intersect(*area);
                let Some(Pixels::Stored(image)) = contents.get(&layer.id).map(|content| &content.pixels) else {
                    continue;
                };
                if part.is_empty() {
                    continue;
                }
                self.drawn += part.pixels();
                match &layer.draw {
                    Draw::Copy(x, y) => {
                        let src = (x + part.x0 - layer.area.x0, y + part.y0 - layer.area.y0);
                        target.draw(image, part, src);
                    }
                    Draw::Mapped(map) => target.draw_mapped(image, part, map),
                }
            }
        }
    }
}

/// What must be drawn anew because layers came, went, moved or changed places.
fn changes(old: &[Layer], new: &[Layer]) -> Region {
    let mut redraw = Region::default();
    let same = |pair: &(&Layer, &Layer)| pair.0 == pair.1;
    let before = old.iter().zip(new).take_while(same).count();
    let (old, new) = (&old[before..], &new[before..]);
    let after = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
    for layer in old[..old.len() - after].iter().chain(&new[..new.len() - after]) {
        redraw.add(layer.area);
    }
    redraw
}
