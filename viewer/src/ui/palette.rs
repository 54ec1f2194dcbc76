//! The colours of the viewer's own pictures, as they usually are and with high contrast.
//!
//! Owns which colour has which duty. The amber of the segment's frame is the same in both: it is a sign, no decoration.

/// How strongly the viewer's own pictures stand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Contrast {
    /// Ink on paper.
    #[default]
    Normal,
    /// White on black with strong borders.
    High,
}

/// A colour, `0xRRGGBB`, for every duty.
#[derive(Debug, PartialEq, Eq)]
pub struct Palette {
    /// Behind a page's words.
    pub paper: u32,
    /// Behind a menu's or a card's words.
    pub raised: u32,
    /// Titles and what is to be read first.
    pub ink: u32,
    /// Explanations, at least 7:1 on paper and raised.
    pub soft: u32,
    /// What cannot be chosen now.
    pub faint: u32,
    /// Borders and rules.
    pub line: u32,
    /// Width of a border in tenths of a logical pixel.
    pub border: u32,
    /// Behind the chosen row.
    pub chosen: u32,
    /// On the chosen row.
    pub on_chosen: u32,
    /// On the amber bar.
    pub on_frame: u32,
    /// Behind what lies over the picture for a while: banner and details.
    pub veil: u32,
    /// How much of the picture that hides, of 255.
    pub veil_alpha: u8,
    /// The names of values on the veil; the values are white.
    pub on_veil: u32,
    /// How much a card dims what is behind it, of 255.
    pub dim: u8,
}

/// Ink on old paper.
const NORMAL: Palette = Palette {
    paper: 0xf7_f3ea,
    raised: 0xff_fdf8,
    ink: 0x2b_2926,
    soft: 0x56_5149,
    faint: 0x8b_857a,
    line: 0xd9_d1c2,
    border: 10,
    chosen: 0xf4_e4bf,
    on_chosen: 0x2b_2926,
    on_frame: 0x2a_1f00,
    veil: 0x1f_1d1a,
    veil_alpha: 230,
    on_veil: 0xc9_c2b4,
    dim: 140,
};

/// White on black.
const HIGH: Palette = Palette {
    paper: 0x00_0000,
    raised: 0x00_0000,
    ink: 0xff_ffff,
    soft: 0xff_ffff,
    faint: 0xb4_b4b4,
    line: 0xff_ffff,
    border: 20,
    chosen: 0xff_d54a,
    on_chosen: 0x00_0000,
    on_frame: 0x00_0000,
    veil: 0x00_0000,
    veil_alpha: 255,
    on_veil: 0xff_ffff,
    dim: 200,
};

impl Contrast {
    /// Its colours.
    #[must_use]
    pub const fn palette(self) -> &'static Palette {
        match self {
            Self::Normal => &NORMAL,
            Self::High => &HIGH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of two colours as WCAG counts it, 1 to 21.
    fn contrast(one: u32, other: u32) -> f64 {
        let luminance = |rgb: u32| {
            let part = |shift: u32| {
                let part = f64::from((rgb >> shift) & 0xff) / 255.0;
                if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
        };
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        one.max(other) / one.min(other)
    }

    #[test]
    fn everything_that_is_to_be_read_can_be_read() {
        for look in [Contrast::Normal, Contrast::High] {
            let palette = look.palette();
            let amber = crate::ui::frame::COLOUR;
            for (name, on, under, least) in [
                ("ink", palette.ink, palette.paper, 7.0),
                ("ink, raised", palette.ink, palette.raised, 7.0),
                ("soft", palette.soft, palette.paper, 7.0),
                ("soft, raised", palette.soft, palette.raised, 7.0),
                ("chosen", palette.on_chosen, palette.chosen, 7.0),
                ("frame", palette.on_frame, amber, 7.0),
                ("veil", palette.on_veil, palette.veil, 7.0),
                ("faint", palette.faint, palette.raised, 3.0),
            ] {
                let ratio = contrast(on, under);
                assert!(least <= ratio, "{look:?} {name}: {ratio:.1}");
            }
        }
        let high = Contrast::High.palette();
        assert!(15.0 <= contrast(high.ink, high.paper) && 7.0 <= contrast(high.line, high.raised));
        assert!(7.0 <= contrast(high.chosen, high.raised), "the chosen row stands out");
    }
}
