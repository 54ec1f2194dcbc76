//! Copying, blending and scaling of BGRA pixels.
//!
//! Owns the inner loops. Pixels are four bytes, blue first, premultiplied by their alpha. It knows rectangles and
//! bytes, nothing of Wayland. Every function clips to the slices it was given, so no caller can make it read or
//! write outside.

use crate::region::Area;

/// Bytes per pixel.
pub(crate) const BPP: usize = 4;

/// A picture in memory of our own.
#[derive(Default)]
pub(crate) struct Image {
    pub(crate) width: i32,
    pub(crate) height: i32,
    /// Alpha is to be taken as 255 everywhere.
    pub(crate) opaque: bool,
    pub(crate) data: Vec<u8>,
}

impl Image {
    /// Makes the picture `width` by `height` and black and clear, keeping the memory if it fits.
    pub(crate) fn reset(&mut self, width: i32, height: i32) {
        if (width, height) != (self.width, self.height) {
            self.data.clear();
            self.data.resize(width as usize * height as usize * BPP, 0);
            self.width = width;
            self.height = height;
        }
    }

    pub(crate) fn area(&self) -> Area {
        Area::of_size(self.width, self.height)
    }

    pub(crate) fn stride(&self) -> usize {
        self.width as usize * BPP
    }
}

/// Where pixels are drawn to.
pub(crate) struct Target<'a> {
    pub(crate) width: i32,
    pub(crate) height: i32,
    pub(crate) data: &'a mut [u8],
}

impl Target<'_> {
    fn bounds(&self) -> Area {
        Area::of_size(self.width, self.height)
    }

    /// The bytes of row `y` from `x0` to `x1`.
    fn row(&mut self, y: i32, x0: i32, x1: i32) -> &mut [u8] {
        let start = (y as usize * self.width as usize + x0 as usize) * BPP;
        &mut self.data[start..start + (x1 - x0) as usize * BPP]
    }

    /// Makes `area` black.
    pub(crate) fn clear(&mut self, area: Area) {
        let area = area.intersect(self.bounds());
        for y in area.y0..area.y1 {
            self.row(y, area.x0, area.x1).fill(0);
        }
    }

    /// Draws `image` unscaled so that its pixel `src` lands on `(area.x0, area.y0)`, within `area`.
    pub(crate) fn draw(&mut self, image: &Image, area: Area, src: (i32, i32)) {
        let (dx, dy) = (area.x0 - src.0, area.y0 - src.1);
        let area = area.intersect(self.bounds()).intersect(image.area().moved(dx, dy));
        for y in area.y0..area.y1 {
            let start = ((y - dy) as usize * image.width as usize + (area.x0 - dx) as usize) * BPP;
            let from = &image.data[start..start + area.width() as usize * BPP];
            let to = self.row(y, area.x0, area.x1);
            if image.opaque {
                to.copy_from_slice(from);
            } else {
                blend_row(to, from);
            }
        }
    }

    /// Like [`Self::draw`], but replaces what is below, alpha included.
    pub(crate) fn copy(&mut self, image: &Image, area: Area, src: (i32, i32)) {
        let (dx, dy) = (area.x0 - src.0, area.y0 - src.1);
        let area = area.intersect(self.bounds()).intersect(image.area().moved(dx, dy));
        for y in area.y0..area.y1 {
            let start = ((y - dy) as usize * image.width as usize + (area.x0 - dx) as usize) * BPP;
            self.row(y, area.x0, area.x1).copy_from_slice(&image.data[start..start + area.width() as usize * BPP]);
        }
    }

    /// Draws `image` through `map`, which turns canvas pixels into image pixels, within `area`. Bilinear.
    pub(crate) fn draw_mapped(&mut self, image: &Image, area: Area, map: &Affine) {
        let area = area.intersect(self.bounds());
        if image.width < 1 || image.height < 1 {
            return;
        }
        if image.width == 1 && image.height == 1 {
            let mut pixel = [image.data[0], image.data[1], image.data[2], image.data[3]];
            if image.opaque {
                pixel[3] = 255;
            }
            for y in area.y0..area.y1 {
                for to in self.row(y, area.x0, area.x1).as_chunks_mut::<BPP>().0 {
                    *to = blend(*to, pixel);
                }
            }
            return;
        }
        for y in area.y0..area.y1 {
            let opaque = image.opaque;
            for (to, x) in self.row(y, area.x0, area.x1).as_chunks_mut::<BPP>().0.iter_mut().zip(area.x0..) {
                let (u, v) = map.apply(f64::from(x) + 0.5, f64::from(y) + 0.5);
                let mut pixel = sample(image, u, v);
                if opaque {
                    pixel[3] = 255;
                }
                *to = blend(*to, pixel);
            }
        }
    }
}

/// Copies `area` of `from` to the same place of `to`; both have the same size.
pub(crate) fn copy_same(from: &[u8], to: &mut [u8], width: i32, height: i32, area: Area) {
    let area = area.intersect(Area::of_size(width, height));
    for y in area.y0..area.y1 {
        let start = (y as usize * width as usize + area.x0 as usize) * BPP;
        let end = start + area.width() as usize * BPP;
        to[start..end].copy_from_slice(&from[start..end]);
    }
}

/// A map between two pixel planes: `(ax * x + bx * y + cx, ay * x + by * y + cy)`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Affine {
    pub(crate) ax: f64,
    pub(crate) bx: f64,
    pub(crate) cx: f64,
    pub(crate) ay: f64,
    pub(crate) by: f64,
    pub(crate) cy: f64,
}

impl Affine {
    /// The map that takes `(0, 0)`, `(1, 0)` and `(0, 1)` to these points.
    pub(crate) fn through(origin: (f64, f64), right: (f64, f64), down: (f64, f64)) -> Self {
        Self {
            ax: right.0 - origin.0,
            bx: down.0 - origin.0,
            cx: origin.0,
            ay: right.1 - origin.1,
            by: down.1 - origin.1,
            cy: origin.1,
        }
    }

    pub(crate) fn apply(&self, x: f64, y: f64) -> (f64, f64) {
        (self.ax * x + self.bx * y + self.cx, self.ay * x + self.by * y + self.cy)
    }

    /// The way back; None if the map flattens the plane.
    pub(crate) fn inverse(&self) -> Option<Self> {
        let det = self.ax * self.by - self.bx * self.ay;
        if !det.is_normal() {
            return None;
        }
        let (ax, bx) = (self.by / det, -self.bx / det);
        let (ay, by) = (-self.ay / det, self.ax / det);
        Some(Self { ax, bx, cx: -(ax * self.cx + bx * self.cy), ay, by, cy: -(ay * self.cx + by * self.cy) })
    }

    /// The smallest area that holds the image of `area`, grown by `margin` pixels.
    pub(crate) fn bounds(&self, area: Area, margin: f64) -> Area {
        let corners = [
            self.apply(f64::from(area.x0), f64::from(area.y0)),
            self.apply(f64::from(area.x1), f64::from(area.y0)),
            self.apply(f64::from(area.x0), f64::from(area.y1)),
            self.apply(f64::from(area.x1), f64::from(area.y1)),
        ];
        let fold = |f: fn(f64, f64) -> f64, pick: fn(&(f64, f64)) -> f64| {
            corners.iter().map(pick).reduce(f).unwrap_or_default()
        };
        // A tenth of a thousandth of a pixel is rounding noise, not coverage.
        const NOISE: f64 = 1e-4;
        Area::new(
            (fold(f64::min, |c| c.0) - margin + NOISE).floor() as i32,
            (fold(f64::min, |c| c.1) - margin + NOISE).floor() as i32,
            (fold(f64::max, |c| c.0) + margin - NOISE).ceil() as i32,
            (fold(f64::max, |c| c.1) + margin - NOISE).ceil() as i32,
        )
    }
}

/// The colour of `image` around the point `(u, v)`; beyond the edge the edge repeats.
fn sample(image: &Image, u: f64, v: f64) -> [u8; BPP] {
    let clamp = |value: f64, end: i32| -> (usize, usize, u32) {
        let value = (value - 0.5).clamp(0.0, f64::from(end - 1));
        let low = value as usize;
        let high = (low + 1).min(end as usize - 1);
        (low, high, ((value - low as f64) * 256.0) as u32)
    };
    let (x0, x1, fx) = clamp(u, image.width);
    let (y0, y1, fy) = clamp(v, image.height);
    let at = |x: usize, y: usize| (y * image.width as usize + x) * BPP;
    let (a, b, c, d) = (at(x0, y0), at(x1, y0), at(x0, y1), at(x1, y1));
    let data = &image.data;
    std::array::from_fn(|i| {
        let top = u32::from(data[a + i]) * (256 - fx) + u32::from(data[b + i]) * fx;
        let bottom = u32::from(data[c + i]) * (256 - fx) + u32::from(data[d + i]) * fx;
        ((top * (256 - fy) + bottom * fy + (1 << 15)) >> 16) as u8
    })
}

/// Premultiplied `over`, exact to the nearest 1/255.
fn blend(below: [u8; BPP], above: [u8; BPP]) -> [u8; BPP] {
    match above[3] {
        255 => above,
        0 if above == [0; BPP] => below,
        alpha => {
            let rest = 255 - u32::from(alpha);
            std::array::from_fn(|i| {
                let scaled = u32::from(below[i]) * rest + 128;
                (u32::from(above[i]) + ((scaled + (scaled >> 8)) >> 8)).min(255) as u8
            })
        }
    }
}

fn blend_row(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.as_chunks_mut::<BPP>().0.iter_mut().zip(from.as_chunks::<BPP>().0) {
        *to = blend(*to, *from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(width: i32, height: i32, opaque: bool, pixels: &[[u8; 4]]) -> Image {
        Image { width, height, opaque, data: pixels.concat() }
    }

    #[test]
    fn half_transparent_white_over_black_is_grey_and_the_edge_is_clipped() {
        let mut data = vec![0; 2 * 2 * BPP];
        let mut target = Target { width: 2, height: 2, data: &mut data };
        let white = image(2, 2, false, &[[128; 4]; 4]);
        target.draw(&white, Area::new(1, 1, 3, 3), (0, 0));
        assert_eq!(data[..12], [0; 12]);
        assert_eq!(data[12..15], [128; 3]);
    }

    #[test]
    fn an_opaque_picture_ignores_its_alpha() {
        let mut data = vec![9; BPP];
        let mut target = Target { width: 1, height: 1, data: &mut data };
        target.draw(&image(1, 1, true, &[[1, 2, 3, 0]]), Area::of_size(1, 1), (0, 0));
        assert_eq!(data[..3], [1, 2, 3]);
    }

    #[test]
    fn scaling_twice_as_large_keeps_flat_colours_and_mixes_between() {
        let mut data = vec![0; 4 * 2 * BPP];
        let mut target = Target { width: 4, height: 2, data: &mut data };
        let map = Affine::through((0.0, 0.0), (0.5, 0.0), (0.0, 0.5));
        target.draw_mapped(&image(2, 1, true, &[[0; 4], [200; 4]]), Area::of_size(4, 2), &map);
        let reds: Vec<u8> = data.chunks(4).map(|p| p[2]).collect();
        assert_eq!(reds, [0, 50, 150, 200, 0, 50, 150, 200]);
    }

    #[test]
    fn an_affine_map_and_its_inverse_cancel() {
        let map = Affine::through((3.0, 4.0), (3.0, 6.0), (1.5, 4.0));
        let inverse = map.inverse().expect("the map is not flat");
        let (x, y) = map.apply(7.0, 9.0);
        let (u, v) = inverse.apply(x, y);
        assert!((u - 7.0).abs() < 1e-9 && (v - 9.0).abs() < 1e-9);
        let there_and_back = inverse.bounds(map.bounds(Area::new(1, 1, 3, 3), 0.0), 0.0);
        assert!(there_and_back.contains(Area::new(1, 1, 3, 3)) && there_and_back.width() <= 4);
    }
}
