//! Owns how near a decoded picture is to its source. Definitions are in `bench/METHOD.md`. Must never sample or skip a pixel.

use serde::{Deserialize, Serialize};
use shoji_codec::{Frame, Pixel};

/// A pixel is coloured if its largest and smallest channel lie further apart than this.
const COLOURED: u8 = 64;
/// It lies on an edge if a channel of its right or lower neighbour is further away than this.
const EDGE: u8 = 48;
/// Side of the blocks that structural similarity is taken over.
const BLOCK: usize = 8;

/// How near one picture is, or some pictures are on average. PSNR in dB; `None`: not one pixel differs (or none counts).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Luma, BT.709.
    pub luma: Option<f64>,
    /// Blue, green and red together.
    pub rgb: Option<f64>,
    /// The same, but only over coloured pixels on an edge: red text, links, icons.
    pub colour_edge: Option<f64>,
    /// Structural similarity of luma over blocks of 8x8; 1 is equal.
    pub ssim: f64,
}

/// Sums over pictures.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    luma: (f64, u64),
    rgb: (f64, u64),
    edge: (f64, u64),
    ssim: (f64, u64),
}

fn luma(p: Pixel) -> f64 {
    0.0722 * f64::from(p[0]) + 0.7152 * f64::from(p[1]) + 0.2126 * f64::from(p[2])
}

fn psnr((sum, n): (f64, u64)) -> Option<f64> {
    (n > 0 && sum > 0.0).then(|| 10.0 * (255.0 * 255.0 * n as f64 / sum).log10())
}

impl Meter {
    /// Takes a picture in; both have the frame's size, `shown` without gaps.
    pub fn add(&mut self, source: &Frame<'_>, shown: &[u8]) {
        let (width, height) = (source.size.width as usize, source.size.height as usize);
        let row = |y: usize| source.pixels[y * source.stride..][..width * 4].as_chunks::<4>().0;
        let shown = shown.as_chunks::<4>().0;
        for y in 0..height {
            let (own, below) = (row(y), row((y + 1).min(height - 1)));
            for x in 0..width {
                let (a, b) = (own[x], shown[y * width + x]);
                let error: f64 = (0..3).map(|i| f64::from(a[i].abs_diff(b[i])).powi(2)).sum();
                self.rgb.0 += error;
                self.luma.0 += (luma(a) - luma(b)).powi(2);
                let far = |other: Pixel| (0..3).any(|i| a[i].abs_diff(other[i]) > EDGE);
                let (most, least) = (a[0].max(a[1]).max(a[2]), a[0].min(a[1]).min(a[2]));
                if most - least > COLOURED && (far(own[(x + 1).min(width - 1)]) || far(below[x])) {
                    self.edge.0 += error;
                    self.edge.1 += 3;
                }
            }
        }
        self.luma.1 += (width * height) as u64;
        self.rgb.1 += (width * height * 3) as u64;
        for y in (0..height / BLOCK * BLOCK).step_by(BLOCK) {
            for x in (0..width / BLOCK * BLOCK).step_by(BLOCK) {
                let (mut sums, mut squares, mut product) = ([0.0; 2], [0.0; 2], 0.0);
                for line in y..y + BLOCK {
                    for column in x..x + BLOCK {
                        let (a, b) = (luma(row(line)[column]), luma(shown[line * width + column]));
                        sums = [sums[0] + a, sums[1] + b];
                        squares = [squares[0] + a * a, squares[1] + b * b];
                        product += a * b;
                    }
                }
                let n = (BLOCK * BLOCK) as f64;
                let means = sums.map(|sum| sum / n);
                let variances = [squares[0] / n - means[0] * means[0], squares[1] / n - means[1] * means[1]];
                let covariance = product / n - means[0] * means[1];
                let (c1, c2) = ((0.01f64 * 255.0).powi(2), (0.03f64 * 255.0).powi(2));
                self.ssim.0 += (2.0 * means[0] * means[1] + c1) * (2.0 * covariance + c2)
                    / ((means[0].powi(2) + means[1].powi(2) + c1) * (variances[0] + variances[1] + c2));
                self.ssim.1 += 1;
            }
        }
    }

    /// The quality of all pictures together; `None` if there was none.
    #[must_use]
    pub fn quality(&self) -> Option<Quality> {
        (self.luma.1 > 0).then(|| Quality {
            luma: psnr(self.luma),
            rgb: psnr(self.rgb),
            colour_edge: psnr(self.edge),
            ssim: self.ssim.0 / self.ssim.1.max(1) as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shoji_codec::Size;

    const SIZE: Size = Size { width: 16, height: 8 };

    fn measure(shown: &[u8], source: &[u8]) -> Quality {
        let mut meter = Meter::default();
        meter.add(&Frame { size: SIZE, stride: 64, pixels: source }, shown);
        meter.quality().expect("there is a picture")
    }

    #[test]
    fn an_equal_picture_has_no_noise() {
        let source: Vec<u8> = (0..512).map(|i| (i * 7) as u8).collect();
        let quality = measure(&source, &source);
        assert_eq!((quality.luma, quality.rgb, quality.colour_edge), (None, None, None));
        assert!((quality.ssim - 1.0).abs() < 1e-12);
    }

    #[test]
    fn an_error_of_one_everywhere_is_48_decibels() {
        let (source, shown) = (vec![100; 512], vec![101; 512]);
        let quality = measure(&shown, &source);
        let expected = 20.0 * 255f64.log10();
        assert!((quality.rgb.expect("it differs") - expected).abs() < 1e-9, "{quality:?}");
        assert!((quality.luma.expect("it differs") - expected).abs() < 1e-9);
        assert_eq!(quality.colour_edge, None, "grey has no coloured edge");
    }

    #[test]
    fn only_coloured_edges_count_as_such() {
        let mut source = vec![255; 512];
        // One red pixel on white, off by ten; a grey error elsewhere must not count.
        source[4 * 20..4 * 20 + 4].copy_from_slice(&[0, 0, 255, 255]);
        let mut shown = source.clone();
        shown[4 * 20] = 10;
        shown[4 * 50] = 0;
        let edge = measure(&shown, &source).colour_edge.expect("there is one");
        assert!((edge - 10.0 * (255.0f64 * 255.0 * 3.0 / 100.0).log10()).abs() < 1e-9, "{edge}");
    }
}
