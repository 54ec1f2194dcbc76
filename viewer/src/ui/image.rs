//! Small pictures with transparency, and how they are laid over a window's buffer.
//!
//! Pixels are premultiplied `0xAARRGGBB`. Owns arithmetic on pixels only; knows neither text nor window.

/// A rectangle in physical pixels of whatever it is drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Area {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width; 0 means empty.
    pub width: u32,
    /// Height; 0 means empty.
    pub height: u32,
}

impl Area {
    /// An area from its corner and extent.
    #[must_use]
    pub const fn new(x: u32, y: u32, width: u32, height: u32) -> Self {
        Self { x, y, width, height }
    }

    /// First column to the right of it.
    #[must_use]
    pub const fn right(self) -> u32 {
        self.x.saturating_add(self.width)
    }

    /// First row below it.
    #[must_use]
    pub const fn bottom(self) -> u32 {
        self.y.saturating_add(self.height)
    }

    /// Whether it holds no pixel.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// What both have in common.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let width = self.right().min(other.right()).saturating_sub(x);
        let height = self.bottom().min(other.bottom()).saturating_sub(y);
        if width == 0 || height == 0 { Self::default() } else { Self { x, y, width, height } }
    }

    /// The smallest area that holds both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Self { x, y, width: self.right().max(other.right()) - x, height: self.bottom().max(other.bottom()) - y }
    }

    /// Moved right and down.
    #[must_use]
    pub const fn shifted(self, x: u32, y: u32) -> Self {
        Self { x: self.x.saturating_add(x), y: self.y.saturating_add(y), ..self }
    }
}

/// A picture with transparency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    width: u32,
    height: u32,
    pixels: Vec<u32>,
}

/// An opaque colour from `0xRRGGBB`.
#[must_use]
pub const fn opaque(rgb: u32) -> u32 {
    0xff00_0000 | rgb
}

/// A see-through colour from `0xRRGGBB` and an alpha of 0 to 255.
#[must_use]
pub fn translucent(rgb: u32, alpha: u8) -> u32 {
    scale(opaque(rgb), alpha)
}

/// All four channels times `factor`/255, rounded.
fn scale(pixel: u32, factor: u8) -> u32 {
    let factor = u32::from(factor);
    let half = |part: u32| {
        let product = (part & 0x00ff_00ff) * factor + 0x0080_0080;
        ((product + ((product >> 8) & 0x00ff_00ff)) >> 8) & 0x00ff_00ff
    };
    half(pixel) | (half(pixel >> 8) << 8)
}

/// `over` laid on `under`; both premultiplied.
#[must_use]
pub fn blend(under: u32, over: u32) -> u32 {
    match over >> 24 {
        255 => over,
        0 => under,
        #[expect(clippy::cast_possible_truncation, reason = "255 minus at most 255")]
        alpha => over + scale(under, (255 - alpha) as u8),
    }
}

impl Image {
    /// A picture of one colour (premultiplied).
    #[must_use]
    pub fn new(width: u32, height: u32, colour: u32) -> Self {
        Self { width, height, pixels: vec![colour; width as usize * height as usize] }
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Its whole area.
    #[must_use]
    pub fn area(&self) -> Area {
        Area::new(0, 0, self.width, self.height)
    }

    /// One row.
    #[must_use]
    pub fn row(&self, y: u32) -> &[u32] {
        let start = y as usize * self.width as usize;
        &self.pixels[start..start + self.width as usize]
    }

    fn row_mut(&mut self, y: u32) -> &mut [u32] {
        let start = y as usize * self.width as usize;
        &mut self.pixels[start..start + self.width as usize]
    }

    /// Fills an area with a colour (premultiplied), blending.
    pub fn fill(&mut self, area: Area, colour: u32) {
        let area = area.intersect(self.area());
        for y in area.y..area.bottom() {
            for pixel in &mut self.row_mut(y)[area.x as usize..area.right() as usize] {
                *pixel = blend(*pixel, colour);
            }
        }
    }

    /// Fills an area with rounded corners, smooth at the edges.
    pub fn fill_round(&mut self, area: Area, radius: f32, colour: u32) {
        let clipped = area.intersect(self.area());
        #[expect(clippy::cast_precision_loss, reason = "window coordinates are far below 2^24")]
        let (left, top, right, bottom) = (area.x as f32, area.y as f32, area.right() as f32, area.bottom() as f32);
        let radius = radius.min((right - left) / 2.0).min((bottom - top) / 2.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a corner's radius is small")]
        let corner = (radius.max(0.0).ceil() as u32).min(area.width / 2).min(area.height / 2);
        // What is no corner is a cross of two plain areas.
        self.fill(Area { y: area.y + corner, height: area.height - 2 * corner, ..area }, colour);
        let between = Area { x: area.x + corner, width: area.width - 2 * corner, ..area };
        self.fill(Area { height: corner, ..between }, colour);
        self.fill(Area { y: area.bottom() - corner, height: corner, ..between }, colour);
        let inner = |at: u32, start: u32, end: u32| start + corner <= at && at < end - corner;
        for y in clipped.y..clipped.bottom() {
            if inner(y, area.y, area.bottom()) {
                continue;
            }
            for x in clipped.x..clipped.right() {
                if inner(x, area.x, area.right()) {
                    continue;
                }
                #[expect(clippy::cast_precision_loss, reason = "window coordinates are far below 2^24")]
                let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
                let dx = (left + radius - px).max(px - (right - radius)).max(0.0);
                let dy = (top + radius - py).max(py - (bottom - radius)).max(0.0);
                let coverage = if dx > 0.0 && dy > 0.0 { (radius - dx.hypot(dy) + 0.5).clamp(0.0, 1.0) } else { 1.0 };
                self.cover(x, y, colour, coverage);
            }
        }
    }

    /// Blends a colour over one pixel, weighed by `coverage` of 0 to 1. Outside the picture nothing happens.
    pub fn cover(&mut self, x: u32, y: u32, colour: u32, coverage: f32) {
        if x < self.width && y < self.height {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a product of 0 to 255")]
            let factor = (coverage.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
            let pixel = &mut self.row_mut(y)[x as usize];
            *pixel = blend(*pixel, scale(colour, factor));
        }
    }

    /// Draws a line with round ends, smooth at the edges.
    pub fn stroke(&mut self, from: (f32, f32), to: (f32, f32), thickness: f32, colour: u32) {
        let reach = thickness / 2.0 + 1.0;
        let bounds = |from: f32, to: f32, length: u32| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "negative becomes 0")]
            let (start, end) = ((from.min(to) - reach) as u32, (from.max(to) + reach + 1.0) as u32);
            start.min(length)..end.min(length)
        };
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = (dx * dx + dy * dy).max(f32::EPSILON);
        for y in bounds(from.1, to.1, self.height) {
            for x in bounds(from.0, to.0, self.width) {
                #[expect(clippy::cast_precision_loss, reason = "window coordinates are far below 2^24")]
                let (px, py) = (x as f32 + 0.5 - from.0, y as f32 + 0.5 - from.1);
                let along = ((px * dx + py * dy) / length).clamp(0.0, 1.0);
                let away = (px - along * dx).hypot(py - along * dy);
                self.cover(x, y, colour, (thickness / 2.0 - away + 0.5).clamp(0.0, 1.0));
            }
        }
    }

    /// Lays this picture, placed at (`x`, `y`) of a buffer, over the part of the buffer inside `clip`.
    pub fn lay(&self, x: u32, y: u32, buffer: &mut [u32], stride: u32, clip: Area) {
        let area = self.area().shifted(x, y).intersect(clip);
        for row in area.y..area.bottom() {
            let source = &self.row(row - y)[(area.x - x) as usize..(area.right() - x) as usize];
            let start = row as usize * stride as usize;
            let target = &mut buffer[start + area.x as usize..start + area.right() as usize];
            for (under, &over) in target.iter_mut().zip(source) {
                *under = blend(*under, over);
            }
        }
    }

    /// As RGBA bytes, straight alpha ignored: for tests and previews of opaque pictures.
    #[must_use]
    pub fn to_rgb(&self) -> Vec<u8> {
        self.pixels
            .iter()
            .flat_map(|pixel| {
                let [b, g, r, _] = pixel.to_le_bytes();
                [r, g, b]
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blending_is_exact_at_both_ends_and_never_overflows() {
        assert_eq!(blend(opaque(0x12_3456), opaque(0xab_cdef)), opaque(0xab_cdef));
        assert_eq!(blend(opaque(0x12_3456), 0), opaque(0x12_3456));
        for alpha in 0..=255 {
            assert_eq!(blend(opaque(0xff_ffff), translucent(0xff_ffff, alpha)), opaque(0xff_ffff), "{alpha}");
            assert_eq!(blend(opaque(0), translucent(0, alpha)), opaque(0), "{alpha}");
        }
    }

    #[test]
    fn round_corners_are_filled_once_everywhere_and_alike_on_all_sides() {
        for (width, height, radius) in [(30, 20, 6.0), (31, 9, 20.0), (8, 8, 4.0), (5, 3, 0.4), (1, 1, 9.0)] {
            let mut image = Image::new(width + 4, height + 4, 0);
            image.fill_round(Area::new(2, 2, width, height), radius, translucent(0xff_ffff, 128));
            let middle = image.row(2 + height / 2)[2 + width as usize / 2];
            assert!(height < 8 || middle == translucent(0xff_ffff, 128), "{width} {height}");
            for y in 0..height + 4 {
                assert!(image.row(y).iter().all(|pixel| pixel >> 24 <= 128), "nothing is filled twice");
                assert_eq!(image.row(y), image.row(height + 3 - y), "upper and lower");
                let back: Vec<_> = image.row(y).iter().rev().copied().collect();
                assert_eq!(image.row(y), back, "left and right");
                assert!(y >= 2 && y < height + 2 || image.row(y).iter().all(|&pixel| pixel == 0));
            }
        }
    }

    #[test]
    fn a_line_is_as_thick_as_asked_and_may_leave_the_picture() {
        let mut image = Image::new(20, 9, 0);
        image.stroke((-5.0, 4.5), (30.0, 4.5), 3.0, opaque(0xff));
        for y in 0..9 {
            let wanted = if (3..6).contains(&y) { opaque(0xff) } else { 0 };
            assert!(image.row(y).iter().all(|&pixel| pixel == wanted), "{y}");
        }
    }

    #[test]
    fn laying_is_clipped_to_the_area_given() {
        let image = Image::new(4, 4, opaque(0xff));
        let mut buffer = vec![0; 64];
        image.lay(6, 6, &mut buffer, 8, Area::new(0, 0, 8, 7));
        assert_eq!(buffer.iter().filter(|&&pixel| pixel != 0).count(), 2);
        assert_eq!(buffer[6 * 8 + 6], opaque(0xff));
    }

    #[test]
    fn areas_meet_and_join() {
        let (a, b) = (Area::new(0, 0, 4, 4), Area::new(2, 3, 10, 10));
        assert_eq!(a.intersect(b), Area::new(2, 3, 2, 1));
        assert_eq!(a.union(b), Area::new(0, 0, 12, 13));
        assert_eq!(a.intersect(Area::new(4, 0, 1, 1)), Area::default());
        assert_eq!(Area::default().union(b), b);
    }
}
