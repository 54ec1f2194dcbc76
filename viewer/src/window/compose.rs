//! Puts canvas, frame and the viewer's own pictures together in a window's buffer, only where something changed.
//!
//! Owns the copying of pixels and where the canvas lies in the window. Knows neither window system nor network. A canvas
//! at its own size is copied row by row as it is; only one whose host has not followed a resize yet is scaled.

use crate::ui::{
    frame::{COLOUR, Frame},
    image::{Area, Image, opaque},
};

/// Behind and beside a canvas that does not fill the content.
pub(crate) const BACKGROUND: u32 = 0xfff7_f3ea;

/// A picture of the viewer's own, laid over the window at a place.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) image: Image,
}

impl Layer {
    pub(crate) fn area(&self) -> Area {
        self.image.area().shifted(self.x, self.y)
    }
}

/// The session's picture: rows of BGRX without gaps.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) pixels: &'a [u8],
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Everything that a window shows.
pub(crate) struct Contents<'a> {
    pub(crate) frame: Frame,
    pub(crate) bar: &'a Image,
    pub(crate) canvas: Option<Source<'a>>,
    pub(crate) layers: &'a [&'a Layer],
}

/// Where a canvas lies in a window: at its own size if that fits exactly, else as large as fits, in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placement {
    /// Where in the window.
    pub(crate) area: Area,
    /// The canvas's own size.
    pub(crate) canvas: (u32, u32),
}

impl Placement {
    pub(crate) fn new(content: Area, canvas: (u32, u32)) -> Self {
        let (width, height) = (canvas.0.max(1), canvas.1.max(1));
        if (content.width, content.height) == (width, height) {
            return Self { area: content, canvas };
        }
        let (w, h, cw, ch) = (u64::from(width), u64::from(height), u64::from(content.width), u64::from(content.height));
        let fit = |length: u64| u32::try_from(length).unwrap_or(1).max(1);
        let (wide, high) =
            if cw * h <= ch * w { (content.width, fit(h * cw / w)) } else { (fit(w * ch / h), content.height) };
        let area = Area {
            x: content.x + (content.width - wide.min(content.width)) / 2,
            y: content.y + (content.height - high.min(content.height)) / 2,
            width: wide,
            height: high,
        };
        Self { area, canvas }
    }

    fn is_exact(&self) -> bool {
        (self.area.width, self.area.height) == self.canvas
    }

    /// Where a changed area of the canvas lies in the window.
    pub(crate) fn to_window(self, changed: Area) -> Area {
        if self.is_exact() {
            changed.shifted(self.area.x, self.area.y).intersect(self.area)
        } else {
            // Neighbours mix when scaled; while that lasts the whole picture is drawn.
            self.area
        }
    }

    /// Where a part of the canvas lies in the window.
    pub(crate) fn place_of(self, part: Area) -> Area {
        let axis = |at: u32, start: u32, length: u32, own: u32| {
            let scaled = u64::from(at) * u64::from(length) / u64::from(own.max(1));
            start.saturating_add(u32::try_from(scaled).unwrap_or(u32::MAX))
        };
        let (x, right) = (part.x, part.x.saturating_add(part.width));
        let (y, bottom) = (part.y, part.y.saturating_add(part.height));
        let across = |at| axis(at, self.area.x, self.area.width, self.canvas.0);
        let down = |at| axis(at, self.area.y, self.area.height, self.canvas.1);
        Area { x: across(x), y: down(y), width: across(right) - across(x), height: down(bottom) - down(y) }
    }

    /// Where a place in the window lies on the canvas; may be outside it.
    pub(crate) fn to_canvas(self, x: f64, y: f64) -> (f64, f64) {
        let axis = |at: f64, start: u32, length: u32, own: u32| {
            (at - f64::from(start)) * f64::from(own) / f64::from(length.max(1))
        };
        (axis(x, self.area.x, self.area.width, self.canvas.0), axis(y, self.area.y, self.area.height, self.canvas.1))
    }
}

/// Draws the part of the window inside `clip`.
pub(crate) fn compose(buffer: &mut [u32], stride: u32, clip: Area, contents: &Contents<'_>) {
    let frame = &contents.frame;
    let clip = clip.intersect(Area::new(0, 0, frame.window.0, frame.window.1));
    if clip.is_empty() {
        return;
    }
    for part in frame.parts() {
        fill(buffer, stride, part.intersect(clip), opaque(COLOUR));
    }
    contents.bar.lay(0, 0, buffer, stride, clip);
    let content = frame.content();
    match contents.canvas {
        Some(canvas) => {
            let placement = Placement::new(content, (canvas.width, canvas.height));
            if placement.area != content {
                fill(buffer, stride, content.intersect(clip), BACKGROUND);
            }
            if placement.is_exact() {
                copy(buffer, stride, clip, canvas, placement.area);
            } else {
                scale(buffer, stride, clip, canvas, placement.area);
            }
        }
        None => fill(buffer, stride, content.intersect(clip), BACKGROUND),
    }
    for layer in contents.layers {
        layer.image.lay(layer.x, layer.y, buffer, stride, clip);
    }
}

fn fill(buffer: &mut [u32], stride: u32, area: Area, colour: u32) {
    for y in area.y..area.bottom() {
        let start = y as usize * stride as usize;
        buffer[start + area.x as usize..start + area.right() as usize].fill(colour);
    }
}

fn copy(buffer: &mut [u32], stride: u32, clip: Area, canvas: Source<'_>, at: Area) {
    let area = at.intersect(clip);
    for y in area.y..area.bottom() {
        let from = ((y - at.y) as usize * canvas.width as usize + (area.x - at.x) as usize) * 4;
        let source = &canvas.pixels[from..from + area.width as usize * 4];
        let to = y as usize * stride as usize + area.x as usize;
        let target = &mut buffer[to..to + area.width as usize];
        if cfg!(target_endian = "little") {
            // B, G, R, X in memory is 0xXXRRGGBB in a register.
            bytemuck::cast_slice_mut::<u32, u8>(target).copy_from_slice(source);
        } else {
            for (target, source) in target.iter_mut().zip(source.as_chunks::<4>().0) {
                *target = u32::from_le_bytes(*source);
            }
        }
    }
}

/// Bilinear, in steps of 1/256.
fn scale(buffer: &mut [u32], stride: u32, clip: Area, canvas: Source<'_>, at: Area) {
    let area = at.intersect(clip);
    let rows = canvas.pixels.as_chunks::<4>().0;
    let (width, height) = (canvas.width as usize, canvas.height as usize);
    // The place of a target pixel's middle among the source's middles: index, next index, weight of the next.
    let place = |step: u32, length: u32, own: usize| {
        let at = ((2 * u64::from(step) + 1) * own as u64 * 128 / u64::from(length.max(1))).saturating_sub(128);
        let index = usize::try_from(at / 256).unwrap_or(0).min(own - 1);
        (index, (index + 1).min(own - 1), u32::try_from(at % 256).unwrap_or(0))
    };
    let columns: Vec<_> = (area.x..area.right()).map(|x| place(x - at.x, at.width, width)).collect();
    for y in area.y..area.bottom() {
        let (above, below, down) = place(y - at.y, at.height, height);
        let (above, below) = (&rows[above * width..][..width], &rows[below * width..][..width]);
        let start = y as usize * stride as usize;
        let target = &mut buffer[start + area.x as usize..start + area.right() as usize];
        for (pixel, &(left, right, across)) in target.iter_mut().zip(&columns) {
            let mix = |a: u32, b: u32, weight: u32| {
                let half = |a: u32, b: u32| {
                    (((a & 0x00ff_00ff) * (256 - weight) + (b & 0x00ff_00ff) * weight) >> 8) & 0x00ff_00ff
                };
                half(a, b) | (half(a >> 8, b >> 8) << 8)
            };
            let at = |row: &[[u8; 4]], column: usize| u32::from_le_bytes(row[column]);
            let top = mix(at(above, left), at(above, right), across);
            let bottom = mix(at(below, left), at(below, right), across);
            *pixel = mix(top, bottom, down);
        }
    }
}

/// Merges areas that lie on each other, so that nothing is drawn twice where it matters.
pub(crate) fn merge(areas: &mut Vec<Area>) {
    areas.retain(|area| !area.is_empty());
    let mut at = 0;
    while at < areas.len() {
        match (at + 1..areas.len()).find(|&other| !areas[at].intersect(areas[other]).is_empty()) {
            Some(other) => {
                let swallowed = areas.swap_remove(other);
                areas[at] = areas[at].union(swallowed);
                at = 0;
            }
            None => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(canvas: (u32, u32), window: (u32, u32), clip: Option<Area>) -> Vec<u32> {
        let pixels: Vec<u8> = (0..canvas.0 * canvas.1).flat_map(|at| [at as u8, (at >> 8) as u8, 7, 255]).collect();
        let frame = Frame::new(window, 1.0, false);
        let bar = Image::new(window.0, frame.bar, opaque(COLOUR));
        let contents = Contents {
            frame,
            bar: &bar,
            canvas: Some(Source { pixels: &pixels, width: canvas.0, height: canvas.1 }),
            layers: &[],
        };
        let mut buffer = vec![0; (window.0 * window.1) as usize];
        compose(&mut buffer, window.0, clip.unwrap_or(Area::new(0, 0, window.0, window.1)), &contents);
        buffer
    }

    #[test]
    fn a_canvas_of_the_right_size_is_copied_exactly() {
        let size = Frame::around((40, 30), 1.0);
        let buffer = window((40, 30), size, None);
        let content = Frame::new(size, 1.0, false).content();
        for y in 0..30 {
            for x in 0..40 {
                let at = y * 40 + x;
                let pixel = buffer[((content.y + y) * size.0 + content.x + x) as usize];
                assert_eq!(pixel, 0xff07_0000 | at);
            }
        }
        assert_eq!(buffer[0], opaque(COLOUR));
        assert_eq!(buffer.last(), Some(&opaque(COLOUR)));
    }

    #[test]
    fn nothing_outside_the_clip_is_touched() {
        let clip = Area::new(10, 30, 5, 5);
        let buffer = window((40, 30), (60, 60), Some(clip));
        for (at, pixel) in buffer.iter().enumerate() {
            let (x, y) = (at as u32 % 60, at as u32 / 60);
            let inside = !clip.intersect(Area::new(x, y, 1, 1)).is_empty();
            assert_eq!(*pixel != 0, inside, "{x},{y}");
        }
    }

    #[test]
    fn a_canvas_of_another_size_is_scaled_into_the_middle() {
        let content = Area::new(4, 22, 400, 200);
        let placement = Placement::new(content, (100, 100));
        assert_eq!(placement.area, Area::new(104, 22, 200, 200));
        assert_eq!(placement.to_canvas(104.0, 22.0), (0.0, 0.0));
        assert_eq!(placement.to_canvas(304.0, 222.0), (100.0, 100.0));
        assert_eq!(placement.place_of(Area::new(10, 20, 1, 15)), Area::new(124, 62, 2, 30));
        assert_eq!(placement.to_window(Area::new(1, 1, 1, 1)), placement.area);
        for canvas in [(1, 1), (3840, 1), (1, 2160), (37, 91)] {
            let _ = window(canvas, (50, 50), None);
        }
    }

    #[test]
    fn overlapping_areas_become_one_and_separate_ones_stay() {
        let mut areas = vec![
            Area::new(0, 0, 4, 4),
            Area::new(100, 0, 4, 4),
            Area::default(),
            Area::new(5, 5, 4, 4),
            Area::new(3, 3, 3, 3),
        ];
        merge(&mut areas);
        areas.sort_by_key(|area| area.x);
        assert_eq!(areas, vec![Area::new(0, 0, 9, 9), Area::new(100, 0, 4, 4)]);
    }
}
