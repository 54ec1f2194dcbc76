//! How a menu looks: rows on a sheet, with its words for the keyboard at the foot.
//!
//! Owns measures and marks of the rows, and which of them are in sight where not all have room. What the rows are and
//! what choosing one does is decided elsewhere.

use super::{
    image::{Area, Image, opaque, translucent},
    palette::Contrast,
    state::{logical, px, raised},
    text::{Block, Painter, Style},
};

/// What stands before or behind a row's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mark {
    /// Nothing.
    #[default]
    None,
    /// This is how it is now.
    On,
    /// There is more behind it.
    More,
    /// The way back.
    Back,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// What it is.
    pub label: String,
    /// What is said beside it: keys, a value.
    pub hint: String,
    /// Its sign.
    pub mark: Mark,
    /// Whether it can be chosen.
    pub enabled: bool,
    /// Whether a rule parts it from the row before.
    pub ruled: bool,
}

/// Everything that a menu shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// A question above the rows; may be empty.
    pub question: String,
    /// What that means; may be empty.
    pub note: String,
    /// The rows.
    pub rows: Vec<Row>,
    /// The row that Enter chooses.
    pub chosen: usize,
    /// What the keyboard does, in a few words.
    pub foot: String,
}

/// A drawn menu.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// What it looks like.
    pub image: Image,
    /// The rows in sight and where they are in it.
    pub rows: Vec<(usize, Area)>,
    /// The first row in sight.
    pub first: usize,
}

/// The measures of a menu, in physical pixels.
struct Measures {
    scale: f64,
    /// Around the sheet, for its shadow.
    around: u32,
    pad: u32,
    row: u32,
    rule: u32,
    gutter: u32,
}

impl Measures {
    fn new(scale: f64) -> Self {
        Self {
            scale,
            around: px(8.0, scale),
            pad: px(6.0, scale),
            row: px(32.0, scale),
            rule: px(9.0, scale),
            gutter: px(30.0, scale),
        }
    }

    fn style(&self, size: f64, bold: bool, colour: u32) -> Style {
        Style { size: logical(size, self.scale), bold, colour }
    }
}

/// Draws a menu that has at most this much room; `first` is the row that was the first in sight until now. Where the room
/// is too narrow everything becomes smaller, where it is too low some rows are out of sight.
#[must_use]
pub fn draw(painter: &mut Painter, page: &Page, room: (u32, u32), first: usize, scale: f64) -> Sheet {
    let natural = width(painter, page, &Measures::new(scale));
    let scale = if natural <= room.0 { scale } else { (scale * f64::from(room.0) / f64::from(natural)).max(0.4) };
    sheet(painter, page, room, first, &Measures::new(scale))
}

/// How wide the menu wants to be, with its shadow.
fn width(painter: &mut Painter, page: &Page, measures: &Measures) -> u32 {
    let wide = 100_000.0;
    let style = measures.style(14.5, false, 0);
    let mut widest = px(250.0, measures.scale);
    for row in &page.rows {
        let hint = measures.style(12.5, false, 0);
        let label = painter.layout(&row.label, style, wide).width();
        let hint =
            if row.hint.is_empty() { 0 } else { painter.layout(&row.hint, hint, wide).width() + measures.gutter };
        widest = widest.max(measures.gutter + label + hint + measures.gutter);
    }
    for (text, style) in [
        (&page.foot, measures.style(12.0, false, 0)),
        (&page.question, measures.style(14.5, true, 0)),
        (&page.note, measures.style(13.0, false, 0)),
    ] {
        widest = widest.max(painter.layout(text, style, wide).width() + 2 * measures.gutter);
    }
    widest + 2 * (measures.pad + measures.around)
}

fn sheet(painter: &mut Painter, page: &Page, room: (u32, u32), first: usize, measures: &Measures) -> Sheet {
    let palette = painter.palette();
    let width = width(painter, page, measures).min(room.0.max(1));
    let inside = Area::new(measures.around, measures.around, width.saturating_sub(2 * measures.around).max(1), 0);
    #[expect(clippy::cast_precision_loss, reason = "window coordinates are far below 2^24")]
    let wide = inside.width.saturating_sub(2 * measures.gutter) as f32;

    let mut heads = Vec::new();
    for (text, style) in [
        (&page.question, measures.style(14.5, true, palette.ink)),
        (&page.note, measures.style(13.0, false, palette.soft)),
    ] {
        if !text.is_empty() {
            heads.push(painter.balance(text, style, wide));
        }
    }
    let mut foot = painter.layout(&page.foot, measures.style(12.0, false, palette.soft), wide + 40.0);
    let above =
        heads.iter().map(Block::height).sum::<u32>() + if heads.is_empty() { 0 } else { px(16.0, measures.scale) };
    let below = foot.height() + measures.rule + px(4.0, measures.scale);
    let fixed = 2 * (measures.around + measures.pad) + above + below;

    let seen = in_sight(page, first, room.1.saturating_sub(fixed), measures);
    let rows_height: u32 = seen.clone().map(|at| height(page, at, seen.start, measures)).sum();
    let mut image = Image::new(width, fixed + rows_height, 0);
    let inside = Area { height: image.height() - 2 * measures.around, ..inside };
    shadow(painter, inside, measures, &mut image);
    raised(painter, inside, palette.raised, measures.scale, &mut image);

    let mut y = inside.y + measures.pad;
    let mut head_y = y + px(6.0, measures.scale);
    for head in &mut heads {
        painter.draw(head, inside.x + measures.gutter, head_y, &mut image);
        head_y += head.height();
    }
    y += above;
    let mut rows = Vec::new();
    for at in seen.clone() {
        if height(page, at, seen.start, measures) > measures.row {
            rule(painter, inside, y + measures.rule / 2, measures, &mut image);
            y += measures.rule;
        }
        let area = Area::new(inside.x + measures.pad, y, inside.width.saturating_sub(2 * measures.pad), measures.row);
        draw_row(painter, &page.rows[at], at == page.chosen, area, measures, &mut image);
        rows.push((at, area));
        y += measures.row;
    }
    if seen.len() < page.rows.len() {
        let track = Area { y: y - rows_height, height: rows_height, ..inside };
        scroll_bar(painter, track, &seen, page.rows.len(), measures, &mut image);
    }
    rule(painter, inside, y + measures.rule / 2, measures, &mut image);
    painter.draw(&mut foot, inside.x + measures.gutter, y + measures.rule + px(2.0, measures.scale), &mut image);
    Sheet { image, rows, first: seen.start }
}

/// A row's height with the rule before it; the first in sight needs none.
fn height(page: &Page, at: usize, first: usize, measures: &Measures) -> u32 {
    measures.row + if page.rows[at].ruled && at > first { measures.rule } else { 0 }
}

/// The rows in sight: from `first` on if the chosen one is among them, and at least one.
fn in_sight(page: &Page, first: usize, room: u32, measures: &Measures) -> std::ops::Range<usize> {
    let end_from = |first: usize| {
        let mut used = 0;
        (first..page.rows.len())
            .find(|&at| {
                used += height(page, at, first, measures);
                used > room
            })
            .unwrap_or(page.rows.len())
            .max((first + 1).min(page.rows.len()))
    };
    let mut first = first.min(page.chosen).min(page.rows.len().saturating_sub(1));
    while page.chosen >= end_from(first) && first < page.chosen {
        first += 1;
    }
    // No empty place at the end while rows are hidden above.
    while first > 0 && end_from(first - 1) == page.rows.len() && end_from(first) == page.rows.len() {
        first -= 1;
    }
    first..end_from(first)
}

fn draw_row(painter: &mut Painter, row: &Row, chosen: bool, area: Area, measures: &Measures, image: &mut Image) {
    let palette = painter.palette();
    let (ink, soft) = match (chosen, row.enabled) {
        (true, true) => (palette.on_chosen, palette.on_chosen),
        (false, true) => (palette.ink, palette.soft),
        (_, false) => (palette.faint, palette.faint),
    };
    if chosen {
        let radius = logical(6.0, measures.scale);
        if row.enabled {
            image.fill_round(area, radius, opaque(palette.chosen));
        } else {
            // One is here, but nothing can be chosen.
            image.fill_round(area, radius, opaque(palette.line));
            let inset = px(1.5, measures.scale);
            let (width, height) = (area.width.saturating_sub(2 * inset), area.height.saturating_sub(2 * inset));
            let inner = Area::new(area.x + inset, area.y + inset, width, height);
            image.fill_round(inner, radius - logical(1.5, measures.scale), opaque(palette.raised));
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "window coordinates are far below 2^24")]
    let wide = area.width.saturating_sub(measures.gutter) as f32;
    let bold = row.mark == Mark::Back;
    let mut label = painter.layout(&row.label, measures.style(14.5, bold, ink), wide);
    let mut hint = painter.layout(&row.hint, measures.style(12.5, false, soft), wide);
    let middle = |block: &Block| area.y + area.height.saturating_sub(block.height()) / 2;
    let (label_y, hint_y) = (middle(&label), middle(&hint));
    let text = area.x + measures.gutter - measures.pad;
    painter.draw(&mut label, text, label_y, image);
    let more = if row.mark == Mark::More { px(16.0, measures.scale) } else { 0 };
    let end = area.right().saturating_sub(px(10.0, measures.scale) + more + hint.width());
    painter.draw(&mut hint, end, hint_y, image);
    draw_mark(row.mark, ink, area, measures, image);
}

fn draw_mark(mark: Mark, colour: u32, area: Area, measures: &Measures, image: &mut Image) {
    let unit = logical(1.0, measures.scale);
    #[expect(clippy::cast_precision_loss, reason = "window coordinates are far below 2^24")]
    let (left, right, middle) =
        (area.x as f32 + 12.0 * unit, area.right() as f32 - 13.0 * unit, area.y as f32 + area.height as f32 / 2.0);
    let mut lines = |points: [(f32, f32); 3]| {
        for pair in points.windows(2) {
            image.stroke(pair[0], pair[1], 1.6 * unit, opaque(colour));
        }
    };
    let (a, b) = (4.0 * unit, 3.5 * unit);
    match mark {
        Mark::None => {}
        Mark::On => {
            lines([(left - a, middle), (left - unit, middle + b), (left + 1.3 * a, middle - 1.2 * b)]);
        }
        Mark::More => lines([(right - b / 2.0, middle - a), (right + b / 2.0, middle), (right - b / 2.0, middle + a)]),
        Mark::Back => lines([(left + b / 2.0, middle - a), (left - b / 2.0, middle), (left + b / 2.0, middle + a)]),
    }
}

fn rule(painter: &Painter, inside: Area, y: u32, measures: &Measures, image: &mut Image) {
    let inset = px(12.0, measures.scale);
    let line = Area::new(inside.x + inset, y, inside.width.saturating_sub(2 * inset), px(1.0, measures.scale));
    image.fill(line, opaque(painter.palette().line));
}

fn scroll_bar(
    painter: &Painter,
    track: Area,
    seen: &std::ops::Range<usize>,
    rows: usize,
    measures: &Measures,
    image: &mut Image,
) {
    let part = |count: usize| {
        u32::try_from(u64::from(track.height) * count as u64 / rows.max(1) as u64).unwrap_or(track.height)
    };
    let border = f64::from(painter.palette().border) / 10.0;
    let (width, inset) = (px(2.0, measures.scale), px(border + 1.0, measures.scale));
    let thumb = Area::new(track.right() - width - inset, track.y + part(seen.start), width, part(seen.len()));
    image.fill_round(thumb, logical(1.0, measures.scale), opaque(painter.palette().soft));
}

/// A soft shadow; where contrast is high the border does its work.
fn shadow(painter: &Painter, inside: Area, measures: &Measures, image: &mut Image) {
    if painter.contrast() == Contrast::High {
        return;
    }
    // A layer for every logical pixel, whatever the scale.
    for step in (1..=8).map(|layer| (measures.around * layer).div_ceil(8)).rev() {
        let area = Area::new(
            inside.x - step.min(inside.x),
            inside.y - step.min(inside.y),
            inside.width + 2 * step,
            inside.height + 2 * step,
        );
        #[expect(clippy::cast_precision_loss, reason = "a shadow is some pixels wide")]
        let radius = logical(10.0, measures.scale) + step as f32;
        image.fill_round(area, radius, translucent(0x1f_1d1a, 6));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(rows: usize, chosen: usize) -> Page {
        let row = |at| Row { label: format!("項目 {at}"), enabled: true, ruled: at == 3, ..Row::default() };
        Page { rows: (0..rows).map(row).collect(), chosen, foot: "Esc 閉じる".to_owned(), ..Page::default() }
    }

    #[test]
    fn every_row_is_in_sight_where_there_is_room_and_none_lies_on_another() {
        let mut painter = Painter::new();
        for scale in [1.0, 1.25, 2.0, 3.0] {
            let sheet = draw(&mut painter, &page(8, 2), (4000, 4000), 0, scale);
            assert_eq!(sheet.rows.iter().map(|(at, _)| *at).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
            for pair in sheet.rows.windows(2) {
                assert!(pair[0].1.bottom() <= pair[1].1.y && pair[1].1.bottom() < sheet.image.height());
            }
        }
    }

    #[test]
    fn in_a_low_window_the_chosen_row_is_always_in_sight_and_the_menu_fits() {
        let mut painter = Painter::new();
        let room = (1200, 500);
        let mut first = 0;
        for chosen in (0..20).chain((0..20).rev()) {
            let sheet = draw(&mut painter, &page(20, chosen), room, first, 2.0);
            assert!(sheet.rows.iter().any(|(at, _)| *at == chosen), "{chosen}");
            assert!(sheet.image.height() <= room.1 && sheet.image.width() <= room.0);
            let moved = sheet.first.abs_diff(first);
            assert!(moved <= 1, "the rows do not jump: {first} to {}", sheet.first);
            first = sheet.first;
        }
    }

    #[test]
    fn in_a_narrow_window_the_menu_becomes_smaller() {
        let mut painter = Painter::new();
        let sheet = draw(&mut painter, &page(5, 0), (300, 600), 0, 3.0);
        assert!(sheet.image.width() <= 300);
        let _ = draw(&mut painter, &page(5, 0), (1, 1), 9, 1.0);
    }

    #[test]
    fn the_chosen_row_looks_different_and_so_does_every_mark() {
        let mut painter = Painter::new();
        let of = |painter: &mut Painter, page: &Page| draw(painter, page, (600, 600), 0, 1.0).image;
        let one = of(&mut painter, &page(3, 0));
        assert_ne!(one, of(&mut painter, &page(3, 1)));
        for mark in [Mark::On, Mark::More, Mark::Back] {
            let mut marked = page(3, 0);
            marked.rows[1].mark = mark;
            assert_ne!(one, of(&mut painter, &marked), "{mark:?}");
        }
    }
}
