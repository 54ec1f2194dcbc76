//! Text: finds a font that has Japanese, lays text out and draws it.
//!
//! Owns the fonts and the glyph cache. Text is always the viewer's own (the catalogue, a host name, a number).

use cosmic_text::{Attrs, Buffer, Color, Family, FontSystem, Metrics, Shaping, SwashCache, Weight};

use super::image::{Image, opaque};
use crate::texts::Language;

/// Families known to have Japanese in a clear screen face, best first: Debian's, Windows', macOS', older Debian's.
const JAPANESE: &[&str] = &[
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "Yu Gothic UI",
    "Yu Gothic",
    "Meiryo UI",
    "Meiryo",
    "Hiragino Sans",
    "IPAexGothic",
    "IPAPGothic",
    "IPAGothic",
    "TakaoPGothic",
    "VL PGothic",
    "MS PGothic",
    "MS Gothic",
];

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    /// Height of the letters' em in physical pixels.
    pub size: f32,
    /// Whether the strokes are strong.
    pub bold: bool,
    /// `0xRRGGBB`.
    pub colour: u32,
}

/// Text laid out in lines, ready to be drawn.
#[derive(Debug)]
pub struct Block {
    buffer: Buffer,
    colour: u32,
    width: u32,
    height: u32,
}

impl Block {
    /// Width of the longest line in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height of all lines in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }
}

/// Lays out and draws text. Making one reads all fonts of the system, so there is one per program.
#[derive(Debug)]
pub struct Painter {
    fonts: FontSystem,
    cache: SwashCache,
    family: Option<&'static str>,
}

impl Painter {
    /// Reads the system's fonts.
    #[must_use]
    pub fn new() -> Self {
        let fonts = FontSystem::new();
        let known = |family: &&&str| {
            fonts.db().faces().any(|face| face.families.iter().any(|(name, _)| name.eq_ignore_ascii_case(family)))
        };
        let family = JAPANESE.iter().find(known).copied();
        Self { fonts, cache: SwashCache::new(), family }
    }

    /// Whether Japanese can be shown.
    #[must_use]
    pub fn has_japanese(&self) -> bool {
        self.family.is_some()
    }

    /// The language to use where `wanted` is wished for: English if no font has Japanese.
    #[must_use]
    pub fn language(&self, wanted: Language) -> Language {
        if self.has_japanese() { wanted } else { Language::En }
    }

    /// Lays text out, broken at `width` pixels.
    pub fn layout(&mut self, text: &str, style: Style, width: f32) -> Block {
        let size = style.size.max(1.0);
        let line = (size * 1.6).round();
        let mut buffer = Buffer::new(&mut self.fonts, Metrics::new(size, line));
        let family = self.family.map_or(Family::SansSerif, Family::Name);
        let weight = if style.bold { Weight::BOLD } else { Weight::NORMAL };
        buffer.set_size(Some(width.max(size)), None);
        buffer.set_text(text, &Attrs::new().family(family).weight(weight), Shaping::Advanced, None);
        buffer.shape_until_scroll(&mut self.fonts, false);
        let (mut widest, mut lines) = (0.0_f32, 0.0_f32);
        for run in buffer.layout_runs() {
            widest = widest.max(run.line_w);
            lines = lines.max(run.line_top + run.line_height);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, at most a screen's size"
        )]
        let (width, height) = (widest.ceil() as u32, lines.ceil() as u32);
        Block { buffer, colour: style.colour, width, height }
    }

    /// Lays text out in as few lines as `width` allows, and these about equally long: no last line of one letter.
    pub fn balance(&mut self, text: &str, style: Style, width: f32) -> Block {
        let mut best = self.layout(text, style, width);
        let (mut low, mut high) = (width / 2.0, width);
        // Seven halvings leave less than a letter.
        for _ in 0..7 {
            let middle = (low + high) / 2.0;
            let narrower = self.layout(text, style, middle);
            if narrower.height <= best.height {
                (best, high) = (narrower, middle);
            } else {
                low = middle;
            }
        }
        best
    }

    /// Draws laid out text with its upper left corner at (`x`, `y`).
    pub fn draw(&mut self, block: &mut Block, x: u32, y: u32, image: &mut Image) {
        let (red, green, blue) = (block.colour >> 16, block.colour >> 8, block.colour);
        #[expect(clippy::cast_possible_truncation, reason = "one byte of the colour each")]
        let colour = Color::rgb(red as u8, green as u8, blue as u8);
        block.buffer.draw(&mut self.fonts, &mut self.cache, colour, |dx, dy, width, height, colour| {
            let rgb = (u32::from(colour.r()) << 16) | (u32::from(colour.g()) << 8) | u32::from(colour.b());
            for row in 0..height {
                for column in 0..width {
                    let place = |origin: u32, offset: i32, step: u32| {
                        origin.checked_add_signed(offset).and_then(|at| at.checked_add(step))
                    };
                    if let (Some(x), Some(y)) = (place(x, dx, column), place(y, dy, row)) {
                        image.cover(x, y, opaque(rgb), f32::from(colour.a()) / 255.0);
                    }
                }
            }
        });
    }
}

impl Default for Painter {
    fn default() -> Self {
        Self::new()
    }
}
