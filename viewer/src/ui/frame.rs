//! The coloured frame that says: what you see is the internet.
//!
//! Owns where the frame lies and how it looks. It never covers the page: the canvas gets what is left inside. Sizes are
//! physical pixels; the scale is that of the display.

use super::{
    image::{Area, Image, opaque},
    palette::Contrast,
    text::{Block, Painter, Style},
};
use crate::texts::{Language, Text};

/// A calm amber, as of old paper lamps. No common desktop theme draws its windows in it.
pub const COLOUR: u32 = 0xd9_a441;

/// Width of the frame at the sides and the bottom, in logical pixels.
const EDGE: f64 = 4.0;

/// Height of the bar with the words, in logical pixels.
const BAR: f64 = 22.0;

/// Height of the tab that stands for the bar in full screen, in logical pixels.
const TAB: f64 = 30.0;

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

    /// Draws the bar with its words and the menu's button, which is `lit` under the pointer. In full screen it has neither.
    #[must_use]
    pub fn draw_bar(&self, painter: &mut Painter, language: Language, lit: bool) -> Bar {
        let mut image = Image::new(self.window.0, self.bar, opaque(COLOUR));
        if self.bar <= self.edge {
            return Bar { image, button: Area::default() };
        }
        let style = Style { size: letters(self.bar), bold: true, colour: painter.palette().on_frame };
        #[expect(clippy::cast_precision_loss, reason = "window coordinates are far below 2^24")]
        let mut label = painter.layout(Text::Segment.in_language(language), style, self.window.0 as f32);
        let y = self.bar.saturating_sub(label.height()) / 2;
        painter.draw(&mut label, self.edge * 2, y, &mut image);
        let mut name = button_name(painter, language, self.bar);
        let taken = self.edge * 2 + label.width() + self.bar;
        let mut width = button_width(self.bar, name.width());
        if self.window.0 < taken + width {
            // Too narrow for all words: the sign alone stays.
            (name, width) = (painter.layout("", style, 1.0), button_width(self.bar, 0));
        }
        let button = Area::new(self.window.0.saturating_sub(width), 0, width.min(self.window.0), self.bar);
        draw_button(painter, &mut name, button, lit, &mut image);
        if painter.contrast() == Contrast::High {
            let line = self.edge.div_ceil(2);
            image.fill(Area::new(0, self.bar - line, self.window.0, line), opaque(painter.palette().on_frame));
        }
        Bar { image, button }
    }
}

/// The bar above the content.
#[derive(Debug)]
pub struct Bar {
    /// What it looks like.
    pub image: Image,
    /// Where the menu's button is; empty if there is none.
    pub button: Area,
}

/// The menu's button by itself, to hang from the upper edge in full screen.
#[must_use]
pub fn tab(painter: &mut Painter, language: Language, scale: f64, lit: bool) -> Image {
    let height = whole(TAB * scale);
    let mut name = button_name(painter, language, height);
    let width = button_width(height, name.width());
    let mut image = Image::new(width, height, 0);
    #[expect(clippy::cast_possible_truncation, reason = "a corner's radius")]
    let radius = (8.0 * scale) as f32;
    let mut ground = |area: Area, colour: u32| {
        image.fill_round(area, radius, opaque(colour));
        image.fill(Area { height: area.height / 2, ..area }, opaque(colour));
    };
    let border = whole(1.5 * scale);
    ground(Area::new(0, 0, width, height), painter.palette().on_frame);
    ground(Area::new(border, 0, width - 2 * border, height - border), COLOUR);
    let inner = Area::new(2 * border, 0, width - 4 * border, height - 2 * border);
    draw_button(painter, &mut name, inner, lit, &mut image);
    image
}

fn letters(height: u32) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a bar is some tens of pixels high")]
    let size = height as f32 * 0.56;
    size
}

fn button_name(painter: &mut Painter, language: Language, height: u32) -> Block {
    let style = Style { size: letters(height) * 0.95, bold: false, colour: painter.palette().on_frame };
    #[expect(clippy::cast_precision_loss, reason = "a bar is some tens of pixels high")]
    let room = height as f32 * 20.0;
    painter.layout(Text::MenuTitle.in_language(language), style, room)
}

/// The sign is as wide as half the bar is high; what is around it, as much again.
fn button_width(height: u32, name: u32) -> u32 {
    let gap = if name > 0 { height / 4 } else { 0 };
    height / 2 + height / 2 + gap + name + height / 2
}

fn draw_button(painter: &mut Painter, name: &mut Block, area: Area, lit: bool, image: &mut Image) {
    let palette = painter.palette();
    if lit {
        let colour = if painter.contrast() == Contrast::High { palette.chosen } else { 0xee_c674 };
        image.fill(area, opaque(colour));
    }
    let (height, sign) = (area.height, area.height / 2);
    let thick = (height / 12).max(1);
    let x = area.x + height / 2;
    // Three rules, evenly apart and on whole pixels.
    let step = (sign / 3).max(thick + 1);
    let y = area.y + (height.saturating_sub(2 * step + thick)) / 2;
    for row in 0..3 {
        image.fill(Area::new(x, y + row * step, sign, thick), opaque(palette.on_frame));
    }
    let middle = area.y + area.height.saturating_sub(name.height()) / 2;
    painter.draw(name, x + sign + height / 4, middle, image);
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
    fn the_menu_has_its_button_in_every_window_and_none_in_full_screen() {
        let mut painter = Painter::new();
        for language in [Language::Ja, Language::En] {
            for (width, scale) in [(1280, 1.0), (320, 1.0), (200, 1.0), (1280, 2.0), (640, 3.0)] {
                let frame = Frame::new((width, 900), scale, false);
                let Bar { image, button } = frame.draw_bar(&mut painter, language, false);
                assert_eq!((image.height(), button.height, button.right()), (frame.bar, frame.bar, width));
                assert!(frame.bar <= button.width && button.width < width, "{button:?}");
                assert_ne!(image, frame.draw_bar(&mut painter, language, true).image, "lit");
            }
        }
        let frame = Frame::new((1280, 900), 1.0, true);
        assert!(frame.draw_bar(&mut painter, Language::Ja, false).button.is_empty());
    }

    #[test]
    fn a_window_of_no_size_does_no_harm() {
        let frame = Frame::new((1, 1), 3.0, false);
        assert_eq!((frame.content().width, frame.content().height), (1, 1));
        let _ = frame.parts();
    }
}
