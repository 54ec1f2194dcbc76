//! Text: finds a font that has Japanese, lays text out and draws it.
//!
//! Owns the fonts and the glyph cache. Text is always the viewer's own (the catalogue, a host name, a number).

use cosmic_text::{Attrs, Buffer, Color, Family, FontSystem, Metrics, Shaping, SwashCache, Weight};

use super::{
    image::{Image, opaque},
    palette::{Contrast, Palette},
};
use crate::texts::Language;

/// Families known to have Japanese, best first: clear screen faces of Debian, Windows and macOS, then older ones, then
/// faces that are no pleasure on a screen but can be read. One that is in none of these is found by its letters.
const JAPANESE: &[&str] = &[
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "BIZ UDPGothic",
    "BIZ UDGothic",
    "Yu Gothic UI",
    "Yu Gothic",
    "Meiryo UI",
    "Meiryo",
    "Hiragino Sans",
    "IPAexGothic",
    "IPAPGothic",
    "IPAGothic",
    "TakaoPGothic",
    "TakaoExGothic",
    "TakaoGothic",
    "VL PGothic",
    "VL Gothic",
    "MS UI Gothic",
    "MS PGothic",
    "MS Gothic",
    "Noto Sans Mono CJK JP",
    "Droid Sans Fallback",
    "Noto Serif CJK JP",
    "IPAexMincho",
    "IPAMincho",
    "Yu Mincho",
    "MS PMincho",
    "MS Mincho",
];

/// What a Japanese text is written with: both kana and a common character.
const LETTERS: [char; 3] = ['あ', 'ア', '語'];

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
    family: Option<String>,
    contrast: Contrast,
}

impl Painter {
    /// Reads the system's fonts.
    #[must_use]
    pub fn new() -> Self {
        let mut fonts = FontSystem::new();
        let families = fonts.db().faces().flat_map(|face| face.families.iter().map(|(name, _)| name.as_str()));
        let family = preferred(families).map(str::to_owned).or_else(|| with_letters(&mut fonts));
        Self { fonts, cache: SwashCache::new(), family, contrast: Contrast::default() }
    }

    /// The same with other colours.
    #[must_use]
    pub fn with_contrast(self, contrast: Contrast) -> Self {
        Self { contrast, ..self }
    }

    /// The colours to draw in.
    #[must_use]
    pub fn palette(&self) -> &'static Palette {
        self.contrast.palette()
    }

    /// Whether borders have to be strong.
    #[must_use]
    pub fn contrast(&self) -> Contrast {
        self.contrast
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
        let family = self.family.as_deref().map_or(Family::SansSerif, Family::Name);
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

/// The best of the families that are installed.
fn preferred<'a>(installed: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    installed
        .filter_map(|name| JAPANESE.iter().position(|known| known.eq_ignore_ascii_case(name)))
        .min()
        .map(|at| JAPANESE[at])
}

/// Any family with Japanese letters. It opens every font, so it is asked only where no known one is.
fn with_letters(fonts: &mut FontSystem) -> Option<String> {
    let faces: Vec<_> = fonts.db().faces().map(|face| (face.id, face.weight)).collect();
    let has_letters = |fonts: &mut FontSystem, (id, weight)| {
        fonts.get_font(id, weight).is_some_and(|font| {
            let letters = font.as_swash().charmap();
            LETTERS.iter().all(|&letter| letters.map(letter) != 0)
        })
    };
    let (id, _) = faces.into_iter().find(|&face| has_letters(fonts, face))?;
    fonts.db().face(id)?.families.first().map(|(name, _)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_installation_has_a_font_and_the_clearest_is_taken() {
        for (installed, taken) in [
            // Debian with Noto, as the package advice says; its face for Japanese, not that for Chinese.
            (&["DejaVu Sans", "Noto Serif CJK JP", "Noto Sans CJK SC", "Noto Sans CJK JP"][..], "Noto Sans CJK JP"),
            (&["DejaVu Sans", "IPAMincho", "IPAGothic", "IPAPGothic"], "IPAPGothic"),
            (&["VL Gothic", "VL PGothic"], "VL PGothic"),
            (&["VL Gothic"], "VL Gothic"),
            (&["TakaoGothic", "TakaoMincho"], "TakaoGothic"),
            (&["Droid Sans Fallback"], "Droid Sans Fallback"),
            // Windows 10 and 11; with the Japanese extra fonts; older ones.
            (&["Segoe UI", "Yu Gothic", "MS Gothic", "MS UI Gothic", "Yu Gothic UI"], "Yu Gothic UI"),
            (&["Meiryo", "MS Gothic", "BIZ UDGothic", "Yu Gothic UI", "BIZ UDPGothic"], "BIZ UDPGothic"),
            (&["Segoe UI", "MS Gothic", "MS PGothic", "meiryo"], "Meiryo"),
            (&["Arial", "MS Mincho", "MS Gothic"], "MS Gothic"),
        ] {
            assert_eq!(preferred(installed.iter().copied()), Some(taken), "{installed:?}");
        }
        assert_eq!(preferred(["DejaVu Sans", "Noto Sans CJK SC"].into_iter()), None);
    }

    #[test]
    fn a_font_that_nobody_knows_by_name_is_found_by_its_letters() {
        let mut painter = Painter::new();
        assert!(painter.has_japanese(), "this machine has a Japanese font");
        let known: Vec<_> = {
            let faces = painter.fonts.db().faces();
            let is_known = |name: &str| JAPANESE.iter().any(|known| known.eq_ignore_ascii_case(name));
            faces.filter(|face| face.families.iter().any(|(name, _)| is_known(name))).map(|face| face.id).collect()
        };
        for id in known {
            painter.fonts.db_mut().remove_face(id);
        }
        // The other faces of the same collection, for Chinese and Korean, have kana too.
        let found = with_letters(&mut painter.fonts);
        assert!(found.as_deref().is_some_and(|name| !JAPANESE.contains(&name)), "{found:?}");
    }
}
