//! What one surface shows: its newest pixels and how they map to surface coordinates.
//!
//! Owns the hand-over from a client's buffer to our memory. A committed buffer waits here until the end of the
//! dispatch (a newer one replaces it, so nothing is copied twice), is copied once where it changed, and is released
//! at once. It never keeps a buffer longer, so a client needs no second one.

use smithay::reexports::wayland_server::protocol::wl_buffer::WlBuffer;
use smithay::utils::{Buffer, Logical, Rectangle, Size as Extent, Transform};
use smithay::wayland::compositor::{BufferAssignment, Damage as SurfaceDamage, SurfaceAttributes, SurfaceData};
use smithay::wayland::single_pixel_buffer::get_single_pixel_buffer;
use smithay::wayland::viewporter::{ViewportCachedState, ensure_viewport_valid};

use crate::clients::Ticket;
use crate::pixels::{Affine, Image};
use crate::region::{Area, Region};
use crate::shm;

/// How a surface's buffer becomes its picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct View {
    pub(crate) scale: i32,
    pub(crate) transform: Transform,
    pub(crate) crop: Option<Rectangle<f64, Logical>>,
    pub(crate) stretch: Option<Extent<i32, Logical>>,
}

impl Default for View {
    fn default() -> Self {
        Self { scale: 1, transform: Transform::Normal, crop: None, stretch: None }
    }
}

impl View {
    /// The buffer's size in surface coordinates before crop and stretch.
    fn whole(&self, width: i32, height: i32) -> Extent<f64, Logical> {
        let turned = self.transform.transform_size(Extent::<i32, Buffer>::from((width, height)));
        (f64::from(turned.w) / f64::from(self.scale), f64::from(turned.h) / f64::from(self.scale)).into()
    }

    /// The surface's size, given its buffer's.
    pub(crate) fn size(&self, width: i32, height: i32) -> (i32, i32) {
        if let Some(stretch) = self.stretch {
            return (stretch.w, stretch.h);
        }
        let size = self.crop.map_or_else(|| self.whole(width, height), |crop| crop.size);
        ((size.w as i32).max(1), (size.h as i32).max(1))
    }

    /// The crop in buffer pixels, if the buffer is neither turned nor mirrored.
    pub(crate) fn crop_in_buffer(&self, width: i32, height: i32) -> Option<(f64, f64, f64, f64)> {
        (self.transform == Transform::Normal).then(|| {
            let scale = f64::from(self.scale);
            self.crop.map_or((0.0, 0.0, f64::from(width), f64::from(height)), |crop| {
                (crop.loc.x * scale, crop.loc.y * scale, crop.size.w * scale, crop.size.h * scale)
            })
        })
    }

    /// The map from surface coordinates to buffer pixels.
    pub(crate) fn to_buffer(self, width: i32, height: i32) -> Affine {
        let whole = self.whole(width, height);
        let size = self.size(width, height);
        let crop = self.crop.unwrap_or_else(|| Rectangle::from_size(whole));
        let at = |x: f64, y: f64| {
            let (x, y) =
                (crop.loc.x + x * crop.size.w / f64::from(size.0), crop.loc.y + y * crop.size.h / f64::from(size.1));
            let (x, y) = match self.transform {
                Transform::Normal => (x, y),
                Transform::_90 => (y, whole.w - x),
                Transform::_180 => (whole.w - x, whole.h - y),
                Transform::_270 => (whole.h - y, x),
                Transform::Flipped => (whole.w - x, y),
                Transform::Flipped90 => (y, x),
                Transform::Flipped180 => (x, whole.h - y),
                Transform::Flipped270 => (whole.h - y, whole.w - x),
            };
            (x * f64::from(self.scale), y * f64::from(self.scale))
        };
        Affine::through(at(0.0, 0.0), at(1.0, 0.0), at(0.0, 1.0))
    }
}

/// Where a surface's pixels are.
pub(crate) enum Pixels {
    /// It shows nothing.
    None,
    /// In memory of the surface's own, in buffer pixels.
    Stored(Image),
    /// In the canvas, whose root the surface is: nothing is stored twice.
    InCanvas,
}

/// A surface's picture and what of it waits to be copied.
pub(crate) struct Content {
    pub(crate) pixels: Pixels,
    /// The newest buffer's size, format and view; None: nothing attached.
    pub(crate) size: Option<(i32, i32)>,
    pub(crate) opaque: bool,
    pub(crate) view: View,
    /// The newest committed buffer, not yet copied.
    pub(crate) waiting: Option<WlBuffer>,
    /// What changed in it, in buffer pixels.
    pub(crate) changed: Region,
    pub(crate) _ticket: Ticket,
}

impl Content {
    pub(crate) fn new(ticket: Ticket) -> Self {
        Self {
            pixels: Pixels::None,
            size: None,
            opaque: false,
            view: View::default(),
            waiting: None,
            changed: Region::default(),
            _ticket: ticket,
        }
    }

    /// The surface's size in surface coordinates; None while it shows nothing.
    pub(crate) fn logical_size(&self) -> Option<(i32, i32)> {
        self.size.map(|(width, height)| self.view.size(width, height))
    }

    /// Takes over what was committed.
    pub(crate) fn commit(&mut self, states: &SurfaceData) {
        let mut guard = states.cached_state.get::<SurfaceAttributes>();
        let attributes = guard.current();
        self.view.scale = attributes.buffer_scale.max(1);
        self.view.transform = attributes.buffer_transform.into();
        let assignment = attributes.buffer.take();
        let mut damage = std::mem::take(&mut attributes.damage);
        drop(guard);
        {
            let mut guard = states.cached_state.get::<ViewportCachedState>();
            let viewport = guard.current();
            self.view.crop = viewport.src;
            self.view.stretch = viewport.dst;
        }
        match assignment {
            Some(BufferAssignment::NewBuffer(buffer)) => self.attach(buffer, &damage),
            Some(BufferAssignment::Removed) => self.detach(),
            None => {}
        }
        damage.clear();
        if let Some((width, height)) = self.size {
            let whole = self.view.whole(width, height);
            // A view outside the buffer has been answered with a protocol error: show nothing of it.
            if !ensure_viewport_valid(states, (whole.w as i32, whole.h as i32).into()) {
                self.view.crop = None;
            }
        }
    }

    fn attach(&mut self, buffer: WlBuffer, damage: &[SurfaceDamage]) {
        let Some((width, height, opaque)) = dimensions(&buffer) else {
            return;
        };
        let whole = Area::of_size(width, height);
        let same = self.size == Some((width, height)) && self.opaque == opaque;
        self.size = Some((width, height));
        self.opaque = opaque;
        if same {
            let map = self.view.to_buffer(width, height);
            for part in damage {
                let area = match part {
                    SurfaceDamage::Buffer(r) => area_of(r.loc.x, r.loc.y, r.size.w, r.size.h),
                    SurfaceDamage::Surface(r) => {
                        // A surface's own size bounds it first: clients send i32::MAX for "all of it".
                        let (w, h) = self.view.size(width, height);
                        let part = area_of(r.loc.x, r.loc.y, r.size.w, r.size.h).intersect(Area::of_size(w, h));
                        if part.is_empty() { continue } else { map.bounds(part, 0.0) }
                    }
                };
                self.changed.add(area.intersect(whole));
            }
        } else {
            self.changed.clear();
            self.changed.add(whole);
        }
        if let Some(older) = self.waiting.replace(buffer)
            && Some(&older) != self.waiting.as_ref()
        {
            older.release();
        }
        if self.changed.is_empty()
            && let Some(buffer) = self.waiting.take()
        {
            buffer.release();
        }
    }

    fn detach(&mut self) {
        if let Some(buffer) = self.waiting.take() {
            buffer.release();
        }
        self.changed.clear();
        self.size = None;
        self.pixels = Pixels::None;
    }

    /// Whether the waiting buffer changes every pixel.
    pub(crate) fn changes_all(&self) -> bool {
        match (self.size, self.waiting.is_some()) {
            (Some((width, height)), true) => self.changed.areas() == [Area::of_size(width, height)],
            _ => false,
        }
    }

    /// Copies what changed of the waiting buffer into the surface's own memory and releases the buffer.
    pub(crate) fn store(&mut self) {
        let (Some((width, height)), Some(buffer)) = (self.size, self.waiting.take()) else {
            self.changed.clear();
            return;
        };
        if !matches!(self.pixels, Pixels::Stored(_)) {
            self.pixels = Pixels::Stored(Image::default());
        }
        let Pixels::Stored(image) = &mut self.pixels else {
            return;
        };
        image.reset(width, height);
        image.opaque = self.opaque;
        if let Ok(pixel) = get_single_pixel_buffer(&buffer) {
            let [r, g, b, a] = pixel.rgba8888();
            image.data.copy_from_slice(&[b, g, r, a]);
        } else {
            let stride = image.stride();
            // A truncated pool reads as zeros and ends its client: there is nothing to add here.
            let _ = shm::read(&buffer, |source| {
                for area in self.changed.areas() {
                    let start = area.y0 as usize * stride + area.x0 as usize * crate::pixels::BPP;
                    source.copy(*area, &mut image.data, stride, start);
                }
            });
        }
        self.changed.clear();
        buffer.release();
    }
}

/// Size and opacity of a buffer of any kind that we offer.
fn dimensions(buffer: &WlBuffer) -> Option<(i32, i32, bool)> {
    shm::size_of(buffer).or_else(|| {
        let pixel = get_single_pixel_buffer(buffer).ok()?;
        Some((1, 1, !pixel.has_alpha()))
    })
}

fn area_of(x: i32, y: i32, width: i32, height: i32) -> Area {
    Area::new(x, y, x.saturating_add(width), y.saturating_add(height))
}
