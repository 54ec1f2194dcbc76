//! The coloured frame that says: what you see is the internet.
//!
//! Owns where the frame lies and how it looks. It never covers the page: the canvas gets what is left inside. Sizes are
//! physical pixels; the scale is that of the display.

use super::{
    image::{Area, Image, opaque},
    text::{Painter, Style},
};
use crate::texts::{Language, Text};

/// A calm amber, as of old paper lamps. No common desktop theme draws its windows in it.
pub const COLOUR: u32 = 0xd9_a441;

/// The words on it: dark brown, 8.4:1 against the amber.
const INK: u32 = 0x2a_1f00;

/// Width of the frame at the sides and the bottom, in logical pixels.
const EDGE: f64 = 4.0;

/// Height of the bar with the words, in logical pixels.
const BAR: f64 = 22.0;

/// Where frame and content lie in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The window's size.
    pub window: (u32, u32),
    /// Width of the edges left, right and below.
    pub edge: u32,
    /// Height of the bar above; in full screen as thin as the edges.
    pub bar: u32,
}

impl Frame {
    /// The frame of a window.
    #[must_use]
    pub fn new(window: (u32, u32), scale: f64, fullscreen: bool) -> Self {
        let edge = whole(EDGE * scale);
        Self { window, edge, bar: if fullscreen { edge } else { whole(BAR * scale) } }
    }

    /// The window's size for a content of this size.
    #[must_use]
    pub fn around(content: (u32, u32), scale: f64) -> (u32, u32) {
        let frame = Self::new((0, 0), scale, false);
        (content.0 + 2 * frame.edge, content.1 + frame.bar + frame.edge)
    }

    /// What is left for the canvas; at least one pixel.
    #[must_use]
    pub fn content(&self) -> Area {
        Area {
            x: self.edge,
            y: self.bar,
            width: self.window.0.saturating_sub(2 * self.edge).max(1),
            height: self.window.1.saturating_sub(self.bar + self.edge).max(1),
        }
    }

    /// The four parts of the frame.
    #[must_use]
    pub fn parts(&self) -> [Area; 4] {
        let (width, height) = self.window;
        let content = self.content();
        [
            Area::new(0, 0, width, self.bar.min(height)),
            Area::new(0, content.bottom(), width, height.saturating_sub(content.bottom())),
            Area::new(0, self.bar, self.edge.min(width), content.height),
            Area::new(content.right(), self.bar, width.saturating_sub(content.right()), content.height),
        ]
    }

    /// Draws the bar with its words.
    #[must_use]
    pub fn draw_bar(&self, painter: &mut Painter, language: Language) -> Image {
        let mut image = Image::new(self.window.0, self.bar, opaque(COLOUR));
        if self.bar > self.edge {
            #[expect(clippy::cast_precision_loss, reason = "a bar is some tens of pixels high")]
            let size = self.bar as f32 * 0.56;
            let style = Style { size, bold: true, colour: INK };
            #[expect(clippy::cast_precision_loss, reason = "window coordinates are far below 2^24")]
            let mut label = painter.layout(Text::Segment.in_language(language), style, self.window.0 as f32);
            let y = self.bar.saturating_sub(label.height()) / 2;
            painter.draw(&mut label, self.edge * 2, y, &mut image);
        }
        image
    }
}

fn whole(length: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "22 logical pixels times at most 10")]
    let whole = length.clamp(1.0, 220.0).round() as u32;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_and_content_cover_the_window_exactly_once() {
        for (size, scale, fullscreen) in
            [((800, 600), 1.0, false), ((1601, 901), 1.25, false), ((1920, 1080), 3.0, true)]
        {
            let frame = Frame::new(size, scale, fullscreen);
            let mut seen = vec![0_u8; (size.0 * size.1) as usize];
            for area in frame.parts().into_iter().chain([frame.content()]) {
                for y in area.y..area.bottom() {
                    for x in area.x..area.right() {
                        seen[(y * size.0 + x) as usize] += 1;
                    }
                }
            }
            assert!(seen.iter().all(|&count| count == 1), "{size:?} at {scale}");
        }
    }

    #[test]
    fn a_window_around_a_content_gives_that_content_its_room() {
        for scale in [1.0, 1.25, 2.5] {
            let window = Frame::around((640, 480), scale);
            let content = Frame::new(window, scale, false).content();
            assert_eq!((content.width, content.height), (640, 480));
        }
    }

    #[test]
    fn a_window_of_no_size_does_no_harm() {
        let frame = Frame::new((1, 1), 3.0, false);
        assert_eq!((frame.content().width, frame.content().height), (1, 1));
        let _ = frame.parts();
    }
}
