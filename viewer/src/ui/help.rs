//! The card that explains the program in one picture: this PC, the paper screen, and the internet segment behind it.
//!
//! Owns the picture and the order of its words; the words themselves come from the catalogue.

use super::{
    frame,
    image::{Area, Image, opaque},
    palette::Contrast,
    state::{dimmed, lattice, logical, px, raised},
    text::{Block, Painter, Style},
};
use crate::texts::{Language, Text};

/// What the card says, already in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// What this is.
    pub title: String,
    /// Under the picture of this PC.
    pub here: String,
    /// Under the picture of the browser.
    pub there: String,
    /// On the arrow from there to here.
    pub pixels: String,
    /// On the arrow from here to there.
    pub input: String,
    /// What to know, a line each.
    pub points: Vec<String>,
    /// How the card goes away.
    pub foot: String,
}

impl Words {
    /// What the card says; `key` opens the menu, where one does.
    #[must_use]
    pub fn new(language: Language, key: Option<&str>) -> Self {
        let say = |text: Text| text.in_language(language).to_owned();
        let menu =
            key.map_or_else(|| say(Text::HelpMenuButton), |key| Text::HelpMenuKey.with(language, &[("key", key)]));
        Self {
            title: say(Text::HelpTitle),
            here: say(Text::HelpHere),
            there: say(Text::HelpThere),
            pixels: say(Text::HelpPixels),
            input: say(Text::HelpInput),
            points: vec![say(Text::HelpType), say(Text::HelpCopy), menu, say(Text::HelpEnd)],
            foot: say(Text::HelpFoot),
        }
    }
}

/// How the card is made smaller until it fits: with the picture or without, and at which part of the scale.
const ATTEMPTS: &[(bool, f64)] =
    &[(true, 1.0), (true, 0.92), (true, 0.85), (false, 1.0), (false, 0.85), (false, 0.7), (false, 0.55), (false, 0.4)];

/// The card over a dimmed picture of this size.
#[must_use]
pub fn card(painter: &mut Painter, words: &Words, width: u32, height: u32, scale: f64) -> Image {
    let mut image = dimmed(painter, width, height);
    let card = ATTEMPTS
        .iter()
        .map(|&(drawn, part)| Card::new(painter, words, width, drawn, scale * part))
        .find(|card| card.width <= width && card.height <= height);
    // In a window of some pixels there is nothing to read.
    if let Some(card) = card {
        let (x, y) = ((width - card.width) / 2, (height - card.height) * 2 / 5);
        card.draw(painter, words, x, y, &mut image);
    }
    image
}

/// The card's words, measured.
struct Card {
    title: Block,
    points: Vec<Block>,
    foot: Block,
    drawn: bool,
    scale: f64,
    width: u32,
    height: u32,
}

/// Height of the picture, in logical pixels.
const PICTURE: f64 = 96.0;

impl Card {
    fn new(painter: &mut Painter, words: &Words, room: u32, drawn: bool, scale: f64) -> Self {
        let palette = painter.palette();
        let pad = px(24.0, scale);
        let inside = px(560.0, scale).min(room.saturating_sub(2 * pad + px(12.0, scale)).max(1));
        #[expect(clippy::cast_precision_loss, reason = "window coordinates are far below 2^24")]
        let wide = inside as f32;
        let style = |size: f64, bold, colour| Style { size: logical(size, scale), bold, colour };
        let title = painter.balance(&words.title, style(19.0, true, palette.ink), wide);
        let indent = logical(16.0, scale);
        let point = style(14.0, false, palette.ink);
        let points: Vec<_> = words.points.iter().map(|text| painter.layout(text, point, wide - indent)).collect();
        let foot = painter.layout(&words.foot, style(12.5, false, palette.soft), wide);
        let picture = if drawn { px(PICTURE + 30.0, scale) } else { 0 };
        let height = title.height()
            + picture
            + px(10.0, scale)
            + points.iter().map(Block::height).sum::<u32>()
            + px(2.0, scale) * u32::try_from(points.len()).unwrap_or(0)
            + px(10.0, scale)
            + foot.height()
            + 2 * px(18.0, scale);
        let too_wide = points.iter().chain([&title, &foot]).any(|block| block.width() > inside);
        let width = if too_wide { u32::MAX } else { inside + 2 * pad };
        Self { title, points, foot, drawn, scale, width, height }
    }

    fn draw(mut self, painter: &mut Painter, words: &Words, x: u32, y: u32, image: &mut Image) {
        let (palette, scale) = (painter.palette(), self.scale);
        raised(painter, Area::new(x, y, self.width, self.height), palette.raised, scale, image);
        let left = x + px(24.0, scale);
        let mut y = y + px(18.0, scale);
        painter.draw(&mut self.title, left, y, image);
        y += self.title.height();
        if self.drawn {
            let area = Area::new(left, y + px(14.0, scale), self.width - 2 * px(24.0, scale), px(PICTURE, scale));
            picture(painter, words, area, scale, image);
            y += px(PICTURE + 30.0, scale);
        }
        y += px(10.0, scale);
        for point in &mut self.points {
            let dot = px(6.0, scale);
            let middle = y + px(14.0 * 0.8, scale) - dot / 2;
            let colour = if painter.contrast() == Contrast::High { palette.chosen } else { frame::COLOUR };
            image.fill_round(Area::new(left + px(1.0, scale), middle, dot, dot), logical(3.0, scale), opaque(colour));
            painter.draw(point, left + px(16.0, scale), y, image);
            y += point.height() + px(2.0, scale);
        }
        y += px(10.0, scale);
        let end = self.width.saturating_sub(2 * px(24.0, scale) + self.foot.width());
        painter.draw(&mut self.foot, left + end, y, image);
    }
}

/// This PC at the left, the paper screen in the middle, the browser at the right; between them the only two things that
/// cross.
fn picture(painter: &mut Painter, words: &Words, area: Area, scale: f64, image: &mut Image) {
    let unit = |length: f64| px(length, scale);
    let third = area.width / 3;
    let screen = Area::new(area.x + (third - unit(96.0).min(third)) / 2, area.y, unit(96.0), unit(58.0));
    let right = Area { x: area.right() - third + (third - unit(96.0).min(third)) / 2, ..screen };
    let middle = area.x + area.width / 2;

    monitor(painter, screen, scale, image);
    browser(painter, right, scale, image);
    lattice(image, middle - unit(22.0), area.y + unit(3.0), scale);

    let ink = painter.palette().soft;
    let bold = painter.palette().ink;
    let mut centred = |text: &str, colour, x: u32, y: u32, size: f64, room: u32, image: &mut Image| {
        #[expect(clippy::cast_precision_loss, reason = "window coordinates are far below 2^24")]
        let mut block = painter.layout(text, Style { size: logical(size, scale), bold: false, colour }, room as f32);
        let x = x.saturating_sub(block.width() / 2);
        painter.draw(&mut block, x, y, image);
    };
    let below = area.y + unit(76.0);
    centred(&words.here, bold, screen.x + screen.width / 2, below, 13.0, third, image);
    centred(&words.there, bold, right.x + right.width / 2, below, 13.0, third, image);

    // The arrows pass the paper screen.
    let (from, to) = (screen.right() + unit(12.0), right.x - unit(12.0));
    let gap = unit(30.0);
    let (upper, lower) = (area.y + unit(22.0), area.y + unit(40.0));
    for (y, leftwards) in [(upper, true), (lower, false)] {
        arrow(image, (from, middle - gap), y, leftwards, leftwards, scale, ink);
        arrow(image, (middle + gap, to), y, leftwards, !leftwards, scale, ink);
    }
    // Each word stands by the head of its arrow.
    centred(&words.pixels, bold, (from + middle - gap) / 2, upper - unit(22.0).min(upper), 12.5, third, image);
    centred(&words.input, bold, (middle + gap + to) / 2, lower + unit(2.0), 12.5, third, image);
    centred("Shoji", ink, middle, below, 12.5, third, image);
}

/// A level line with a head where `headed`.
fn arrow(image: &mut Image, ends: (u32, u32), y: u32, leftwards: bool, headed: bool, scale: f64, colour: u32) {
    if ends.1 <= ends.0 {
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "window coordinates are far below 2^24")]
    let (left, right, y) = (ends.0 as f32, ends.1 as f32, y as f32 + 0.5);
    let (thick, head) = (logical(1.6, scale), logical(5.0, scale));
    image.stroke((left, y), (right, y), thick, opaque(colour));
    if headed {
        let (tip, back) = if leftwards { (left, left + head) } else { (right, right - head) };
        image.stroke((tip, y), (back, y - head), thick, opaque(colour));
        image.stroke((tip, y), (back, y + head), thick, opaque(colour));
    }
}

/// A screen on its foot that shows the amber window.
fn monitor(painter: &Painter, area: Area, scale: f64, image: &mut Image) {
    let unit = |length: f64| px(length, scale);
    let palette = painter.palette();
    let ink = opaque(palette.ink);
    let foot = Area::new(area.x + area.width / 2 - unit(7.0), area.bottom(), unit(14.0), unit(8.0));
    image.fill(foot, ink);
    image.fill_round(
        Area::new(area.x + area.width / 2 - unit(18.0), foot.bottom(), unit(36.0), unit(3.0)),
        logical(1.5, scale),
        ink,
    );
    image.fill_round(area, logical(5.0, scale), ink);
    let inner = shrunk(area, unit(3.0));
    image.fill_round(inner, logical(3.0, scale), opaque(0xe9_ecef));
    let window =
        Area::new(inner.x + unit(12.0), inner.y + unit(6.0), inner.width - unit(24.0), inner.height - unit(14.0));
    image.fill(window, opaque(frame::COLOUR));
    let page = Area::new(
        window.x + unit(2.0),
        window.y + unit(5.0),
        window.width - unit(4.0),
        window.height.saturating_sub(unit(7.0)),
    );
    image.fill(page, opaque(0xff_ffff));
    lines(page, scale, image);
}

/// A browser's window.
fn browser(painter: &Painter, area: Area, scale: f64, image: &mut Image) {
    let unit = |length: f64| px(length, scale);
    let palette = painter.palette();
    let area = Area { height: area.height + unit(6.0), ..area };
    image.fill_round(area, logical(5.0, scale), opaque(palette.ink));
    let inner = shrunk(area, unit(2.0));
    image.fill_round(inner, logical(3.5, scale), opaque(0xff_ffff));
    let bar = Area { height: unit(12.0), ..inner };
    image.fill_round(bar, logical(3.5, scale), opaque(0xd5_dce4));
    for dot in 0..3 {
        let place = Area::new(inner.x + unit(4.0) + dot * unit(7.0), inner.y + unit(4.0), unit(4.0), unit(4.0));
        image.fill_round(place, logical(2.0, scale), opaque(0x6f_7b88));
    }
    lines(Area { y: inner.y + unit(14.0), height: inner.height - unit(14.0), ..inner }, scale, image);
}

/// Lines of text, too small to be any.
fn lines(page: Area, scale: f64, image: &mut Image) {
    let unit = |length: f64| px(length, scale);
    let (step, inset) = (unit(7.0), unit(5.0));
    for (line, part) in [9_u32, 7, 8, 5].into_iter().enumerate() {
        let y = page.y + inset + u32::try_from(line).unwrap_or(0) * step;
        let width = page.width.saturating_sub(2 * inset) * part / 10;
        if y + unit(3.0) < page.bottom() {
            image.fill(Area::new(page.x + inset, y, width, unit(2.5)), opaque(0xa9_b4c0));
        }
    }
}

fn shrunk(area: Area, by: u32) -> Area {
    Area::new(area.x + by, area.y + by, area.width.saturating_sub(2 * by), area.height.saturating_sub(2 * by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_card_fits_every_window_with_its_picture_where_a_window_is_usual() {
        let mut painter = Painter::new();
        for language in [Language::Ja, Language::En] {
            let words = Words::new(language, Some("Pause"));
            for (width, height, scale) in [(1272, 748, 2.0), (1272, 774, 1.0), (1912, 1050, 2.5), (800, 600, 1.0)] {
                let fits = |painter: &mut Painter, &(drawn, part): &(bool, f64)| {
                    let card = Card::new(painter, &words, width, drawn, scale * part);
                    card.width <= width && card.height <= height
                };
                let taken = ATTEMPTS.iter().find(|attempt| fits(&mut painter, attempt));
                assert!(taken.is_some_and(|(drawn, part)| *drawn && 0.8 < *part), "{language:?} {width}: {taken:?}");
            }
            for (width, height) in [(320, 240), (200, 900), (1, 1)] {
                let _ = card(&mut painter, &words, width, height, 3.0);
            }
        }
    }
}
