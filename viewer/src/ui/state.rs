//! Calm full-window pictures: what is going on, and what to do next.
//!
//! Owns their look. What they say comes from the catalogue; which one to show is decided elsewhere.

use super::{
    image::{Area, Image, opaque, translucent},
    palette::Contrast,
    text::{Block, Painter, Style},
};

/// The wood of the lattice.
const WOOD: u32 = 0x9a_7b52;
/// The strip that marks the next step.
const MARK: u32 = super::frame::COLOUR;

/// What a state picture says, already in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line.
    pub title: String,
    /// What happened.
    pub body: String,
    /// What to do next.
    pub next: String,
}

/// A message on paper that fills the whole area.
pub fn page(painter: &mut Painter, message: &Message, width: u32, height: u32, scale: f64) -> Image {
    let mut image = Image::new(width, height, opaque(painter.palette().paper));
    let sheet = Sheet::new(painter, message, width, scale);
    let x = width.saturating_sub(sheet.width) / 2;
    // A little above the middle looks like the middle.
    let y = height.saturating_sub(sheet.height) * 2 / 5;
    sheet.draw(painter, x, y, &mut image);
    image
}

/// A message on a card over a dimmed picture.
pub fn card(painter: &mut Painter, message: &Message, width: u32, height: u32, scale: f64) -> Image {
    let mut image = dimmed(painter, width, height);
    let pad = px(28.0, scale);
    let sheet = Sheet::new(painter, message, width.saturating_sub(2 * pad), scale);
    let (card_width, card_height) = (sheet.width + 2 * pad, sheet.height + 2 * pad);
    let x = width.saturating_sub(card_width) / 2;
    let y = height.saturating_sub(card_height) * 2 / 5;
    raised(painter, Area::new(x, y, card_width, card_height), painter.palette().paper, scale, &mut image);
    sheet.draw(painter, x + pad, y + pad, &mut image);
    image
}

/// What lies behind a card.
pub(super) fn dimmed(painter: &Painter, width: u32, height: u32) -> Image {
    Image::new(width, height, translucent(0x2b_2926, painter.palette().dim))
}

/// The dark ground of what lies over the picture for a while; with a border where contrast is high.
pub(super) fn veil(painter: &Painter, radius: f32, scale: f64, image: &mut Image) {
    let palette = painter.palette();
    match painter.contrast() {
        Contrast::Normal => image.fill_round(image.area(), radius, translucent(palette.veil, palette.veil_alpha)),
        Contrast::High => raised(painter, image.area(), palette.veil, scale, image),
    }
}

/// A sheet that lies on something: round corners, and a border where contrast is high.
pub(super) fn raised(painter: &Painter, area: Area, colour: u32, scale: f64, image: &mut Image) {
    let palette = painter.palette();
    let radius = logical(10.0, scale);
    let border = px(f64::from(palette.border) / 10.0, scale);
    image.fill_round(area, radius, opaque(palette.line));
    let inner = Area::new(
        area.x + border,
        area.y + border,
        area.width.saturating_sub(2 * border),
        area.height.saturating_sub(2 * border),
    );
    #[expect(clippy::cast_precision_loss, reason = "a border is some pixels wide")]
    image.fill_round(inner, radius - border as f32, opaque(colour));
}

/// A line on a dark pill, for notices; two about equally long ones where `width` is too narrow.
pub fn banner(painter: &mut Painter, text: &str, width: u32, scale: f64) -> Image {
    let (side, above) = (px(18.0, scale), px(7.0, scale));
    let style = Style { size: logical(14.0, scale), bold: false, colour: 0xff_ffff };
    #[expect(clippy::cast_precision_loss, reason = "window coordinates are far below 2^24")]
    let room = width.saturating_sub(2 * side) as f32;
    let mut line = painter.balance(text, style, room);
    let mut image = Image::new(line.width() + 2 * side, line.height() + 2 * above, 0);
    veil(painter, logical(18.0, scale), scale, &mut image);
    painter.draw(&mut line, side, above, &mut image);
    image
}

/// The lattice and the three texts, measured.
struct Sheet {
    title: Block,
    body: Block,
    next: Block,
    scale: f64,
    width: u32,
    height: u32,
}

impl Sheet {
    fn new(painter: &mut Painter, message: &Message, room: u32, scale: f64) -> Self {
        let width = px(520.0, scale).min(room.saturating_sub(px(32.0, scale))).max(px(120.0, scale));
        #[expect(clippy::cast_precision_loss, reason = "window coordinates are far below 2^24")]
        let wide = width as f32;
        let indent = logical(16.0, scale);
        let palette = painter.palette();
        let mut text = |text: &str, size, bold, colour, width| {
            painter.balance(text, Style { size: logical(size, scale), bold, colour }, width)
        };
        let title = text(&message.title, 22.0, true, palette.ink, wide);
        let body = text(&message.body, 15.0, false, palette.soft, wide);
        let next = text(&message.next, 15.0, false, palette.ink, wide - indent);
        let height = px(52.0, scale)
            + px(20.0, scale)
            + title.height()
            + px(8.0, scale)
            + body.height()
            + px(18.0, scale)
            + next.height();
        let widest = title.width().max(body.width()).max(next.width() + px(16.0, scale));
        // Short messages keep a little room, so that pages with different words do not jump about.
        let width = widest.max(px(320.0, scale)).min(width);
        Self { title, body, next, scale, width, height }
    }

    fn draw(mut self, painter: &mut Painter, x: u32, y: u32, image: &mut Image) {
        let scale = self.scale;
        lattice(image, x, y, scale);
        let mut y = y + px(52.0, scale) + px(20.0, scale);
        painter.draw(&mut self.title, x, y, image);
        y += self.title.height() + px(8.0, scale);
        painter.draw(&mut self.body, x, y, image);
        y += self.body.height() + px(18.0, scale);
        let inset = px(3.0, scale);
        let strip = Area::new(x, y + inset, px(4.0, scale), self.next.height().saturating_sub(2 * inset));
        image.fill_round(strip, logical(2.0, scale), opaque(MARK));
        painter.draw(&mut self.next, x + px(16.0, scale), y, image);
    }
}

/// A small paper screen: the program's mark.
pub(super) fn lattice(image: &mut Image, x: u32, y: u32, scale: f64) {
    let (width, height, bar, thin) = (px(44.0, scale), px(52.0, scale), px(3.0, scale), px(1.5, scale));
    image.fill(Area::new(x, y, width, height), opaque(0xff_fdf8));
    let wood = opaque(WOOD);
    for (dx, dy, w, h) in
        [(0, 0, width, bar), (0, height - bar, width, bar), (0, 0, bar, height), (width - bar, 0, bar, height)]
    {
        image.fill(Area::new(x + dx, y + dy, w, h), wood);
    }
    let middle = Area::new(x + (width - bar) / 2, y, bar, height);
    image.fill(middle, wood);
    for row in 1..4 {
        image.fill(Area::new(x, y + height * row / 4, width, thin), wood);
    }
    for quarter in [1, 3] {
        image.fill(Area::new(x + width * quarter / 4, y, thin, height), wood);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "lengths of some hundred pixels")]
pub(super) fn logical(length: f64, scale: f64) -> f32 {
    (length * scale) as f32
}

pub(super) fn px(length: f64, scale: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "lengths of some hundred pixels")]
    let whole = (length * scale).round().clamp(1.0, 8192.0) as u32;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::{Language, Text};

    /// Every message that the catalogue can make: a title with its body and its next step.
    fn messages(language: Language) -> Vec<Message> {
        let find = |name: String| Text::ALL.iter().find(|text| format!("{text:?}") == name);
        let values =
            [("host", "host-of-the-internet-segment.city.example.jp:4433"), ("attempt", "99"), ("code", "65535")];
        let say = |text: &Text| text.with(language, &values);
        let titles = Text::ALL.iter().filter_map(|title| {
            let name = format!("{title:?}");
            let stem = name.strip_suffix("Title")?;
            let (body, next) = (find(format!("{stem}Body"))?, find(format!("{stem}Next"))?);
            Some(Message { title: say(title), body: say(body), next: say(next) })
        });
        titles.collect()
    }

    #[test]
    fn every_message_fits_a_usual_window_on_a_display_of_twice_the_scale() {
        let mut painter = Painter::new();
        let (width, height, scale) = (1264, 748, 2.0);
        for language in [Language::Ja, Language::En] {
            let messages = messages(language);
            assert!(messages.len() > 15, "{}", messages.len());
            for message in messages {
                let pad = 2 * px(28.0, scale);
                let sheet = Sheet::new(&mut painter, &message, width - pad, scale);
                assert!(sheet.width + pad <= width && sheet.height + pad <= height, "{}", message.title);
            }
        }
    }

    #[test]
    fn high_contrast_has_strong_borders_and_no_paper() {
        let message = Message { title: "題".into(), body: "文".into(), next: "次".into() };
        let of = |contrast| {
            let mut painter = Painter::new().with_contrast(contrast);
            let card = card(&mut painter, &message, 700, 500, 1.0);
            (0..500).flat_map(|y| card.row(y).to_vec()).collect::<Vec<_>>()
        };
        let (normal, high) = (of(Contrast::Normal), of(Contrast::High));
        let count = |pixels: &[u32], rgb| pixels.iter().filter(|&&pixel| pixel == opaque(rgb)).count();
        assert!(count(&normal, 0xf7_f3ea) > 50_000 && count(&high, 0xf7_f3ea) == 0);
        // Two pixels around a card of several hundred.
        assert!(count(&high, 0xff_ffff) > 1_500 && count(&high, 0) > 50_000);
    }
}
