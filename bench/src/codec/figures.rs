//! Owns the document of a comparison: what was measured, and the figures that are read from it. Must never round.

use serde::{Deserialize, Serialize};

use super::pieces::{Coder, Conversion};
use super::quality::Quality;
use super::target::Verdict;
use crate::machine::Machine;
use crate::stats::Summary;

/// The version of the document.
pub const FORMAT: u32 = 1;

/// What our row is called.
pub const OURS: &str = "shoji";
/// The peer that ratios refer to.
pub const REFERENCE: &str = "openh264 QP24";

/// A whole run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Document {
    /// The version of this document.
    pub format: u32,
    /// Where it was made.
    pub machine: Machine,
    /// Conversion of colours.
    pub conversions: Vec<Conversion>,
    /// Every clip.
    pub clips: Vec<Clip>,
    /// How the figures stand against the targets.
    pub verdicts: Vec<Verdict>,
}

/// One clip.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Clip {
    /// Its name.
    pub name: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Pictures that really changed, without the first.
    pub pictures: usize,
    /// What damage without a change cost us, microseconds each.
    pub unchanged_us: Vec<f64>,
    /// Every codec.
    pub rows: Vec<Row>,
    /// Lossless coders on the changed rectangles.
    pub lossless: Vec<Coder>,
}

/// One codec on one clip.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Row {
    /// The codec's name.
    pub codec: String,
    /// Wall time of encoding each picture, conversion of colours included, microseconds.
    pub encode_us: Vec<f64>,
    /// Wall time of decoding each picture down to pixels that can be shown, microseconds.
    pub decode_us: Vec<f64>,
    /// CPU time of all encoding, refinement included, microseconds.
    pub cpu_us: f64,
    /// Bytes of all pictures.
    pub bytes: u64,
    /// Bytes that made rested pictures exact, on top of that.
    pub refined: u64,
    /// Pictures that changed and for which nothing was sent.
    pub dropped: u32,
    /// How near the other end's pictures were, right after decoding.
    pub quality: Option<Quality>,
    /// Whether the last picture, after its rest, was exact.
    pub exact_at_rest: bool,
    /// How long after the last picture that was so, milliseconds; `None` if at once or never.
    pub exact_after_ms: Option<f64>,
    /// For each picture how often memory was allocated by encoding and by decoding it, refinement until the next one included.
    /// Only of our codec, and only if the program counts.
    #[serde(default)]
    pub allocations: Vec<Allocations>,
}

/// How often memory was allocated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocations {
    /// By the encoder.
    pub encode: u64,
    /// By the decoder.
    pub decode: u64,
}

impl Row {
    /// Encoding, microseconds.
    #[must_use]
    pub fn encode(&self) -> Option<Summary> {
        Summary::of(&self.encode_us)
    }

    /// Decoding, microseconds.
    #[must_use]
    pub fn decode(&self) -> Option<Summary> {
        Summary::of(&self.decode_us)
    }

    /// Allocations per picture: the median, and the most in the second half of the clip, when buffers should have their working
    /// size. `None` if they were not counted.
    #[must_use]
    pub fn allocations(&self) -> Option<(Allocations, Allocations)> {
        let each = |pick: fn(&Allocations) -> u64| {
            let mut all: Vec<u64> = self.allocations.iter().map(pick).collect();
            let most = all[all.len() / 2..].iter().copied().max()?;
            all.sort_unstable();
            Some((*all.get(all.len() / 2)?, most))
        };
        let (encode, decode) = (each(|picture| picture.encode)?, each(|picture| picture.decode)?);
        Some((Allocations { encode: encode.0, decode: decode.0 }, Allocations { encode: encode.1, decode: decode.1 }))
    }

    /// Bytes per changed picture, refinement included.
    #[must_use]
    pub fn mean_bytes(&self) -> f64 {
        (self.bytes + self.refined) as f64 / self.encode_us.len().max(1) as f64
    }
}

impl Clip {
    /// A codec's row.
    #[must_use]
    pub fn row(&self, codec: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.codec == codec)
    }

    /// A lossless coder's figures.
    #[must_use]
    pub fn coder(&self, name: &str) -> Option<&Coder> {
        self.lossless.iter().find(|coder| coder.name == name)
    }

    /// What a family of rows (one codec at several settings) would need at a given luma PSNR, by interpolation between its
    /// neighbours in quality: mean bytes, in the logarithm, and median encoding time. `None` outside the family's range.
    #[must_use]
    pub fn at_quality(&self, family: &str, luma: f64) -> Option<(f64, f64)> {
        let mut points: Vec<(f64, f64, f64)> = self
            .rows
            .iter()
            .filter(|row| row.codec.starts_with(family))
            .filter_map(|row| Some((row.quality?.luma?, row.mean_bytes(), row.encode()?.p50)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let pair = points.windows(2).find(|pair| (pair[0].0..=pair[1].0).contains(&luma))?;
        let part = (luma - pair[0].0) / (pair[1].0 - pair[0].0).max(f64::MIN_POSITIVE);
        let between = |a: f64, b: f64| a + (b - a) * part;
        Some((between(pair[0].1.ln(), pair[1].1.ln()).exp(), between(pair[0].2, pair[1].2)))
    }
}

impl Document {
    /// A clip by its name.
    #[must_use]
    pub fn clip(&self, name: &str) -> Option<&Clip> {
        self.clips.iter().find(|clip| clip.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(codec: &str, luma: f64, bytes: u64) -> Row {
        let quality = Some(Quality { luma: Some(luma), ..Quality::default() });
        Row { codec: codec.to_owned(), encode_us: vec![luma], bytes, quality, ..Row::default() }
    }

    #[test]
    fn allocations_of_the_first_half_count_only_in_the_median() {
        let allocations = [(90, 9), (0, 0), (3, 0), (0, 0)].map(|(encode, decode)| Allocations { encode, decode });
        let row = Row { allocations: allocations.to_vec(), ..Row::default() };
        let (median, most) = row.allocations().expect("they were counted");
        assert_eq!((median, most), (Allocations { encode: 3, decode: 0 }, Allocations { encode: 3, decode: 0 }));
        assert_eq!(Row::default().allocations(), None);
    }

    #[test]
    fn a_peer_is_compared_at_equal_quality() {
        let rows = vec![row("x 30", 30.0, 100), row("x 20", 40.0, 10_000), row("y", 35.0, 1)];
        let clip = Clip { rows, ..Clip::default() };
        let (bytes, time) = clip.at_quality("x ", 35.0).expect("it lies between");
        assert!((bytes - 1_000.0).abs() < 1e-6 && (time - 35.0).abs() < 1e-9);
        assert_eq!(clip.at_quality("x ", 45.0), None);
    }
}
