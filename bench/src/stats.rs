//! Owns the statistics: quantiles over raw samples, kept whole. Must never round, bin or drop a sample.

use serde::{Deserialize, Serialize};

/// What a set of samples looks like. All figures are in the unit of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many samples there are.
    pub n: usize,
    /// The smallest.
    pub min: f64,
    /// The median.
    pub p50: f64,
    /// 95 % of the samples lie below or at this.
    pub p95: f64,
    /// 99 % of the samples lie below or at this; below 100 samples, read it as the worst seen.
    pub p99: f64,
    /// The largest.
    pub max: f64,
    /// The arithmetic mean.
    pub mean: f64,
}

impl Summary {
    /// Summarizes samples; `None` if there are none.
    #[must_use]
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        Some(Self {
            n: sorted.len(),
            min,
            p50: quantile(&sorted, 0.50),
            p95: quantile(&sorted, 0.95),
            p99: quantile(&sorted, 0.99),
            max,
            mean: sorted.iter().sum::<f64>() / count(sorted.len()),
        })
    }
}

/// A quantile of sorted samples, with linear interpolation between neighbours (the usual definition of spreadsheets, R's type 7).
///
/// # Panics
/// If there is no sample.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a position within the samples")]
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    assert!(!sorted.is_empty(), "a quantile needs a sample");
    let position = q.clamp(0.0, 1.0) * count(sorted.len() - 1);
    let below = position.floor() as usize;
    let above = position.ceil() as usize;
    sorted[below] + (sorted[above] - sorted[below]) * (position - position.floor())
}

/// The median of unsorted samples; `None` if there are none.
#[must_use]
pub fn median(samples: &[f64]) -> Option<f64> {
    Summary::of(samples).map(|summary| summary.p50)
}

/// A count as a float. Counts here are far below 2^52.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of samples, bytes and nanoseconds of one run are below 2^52")]
pub fn count(n: usize) -> f64 {
    n as f64
}

/// Nanoseconds as milliseconds.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "times of one run are below 2^52 nanoseconds, or are differences")]
pub fn milliseconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_between_neighbours() {
        let samples = [4.0, 1.0, 3.0, 2.0];
        let summary = Summary::of(&samples).expect("there are samples");
        assert_eq!((summary.n, summary.min, summary.max), (4, 1.0, 4.0));
        assert!((summary.p50 - 2.5).abs() < 1e-12);
        assert!((summary.p95 - 3.85).abs() < 1e-12);
        assert!((summary.mean - 2.5).abs() < 1e-12);
    }

    #[test]
    fn one_sample_is_every_quantile() {
        let summary = Summary::of(&[7.0]).expect("there is a sample");
        assert_eq!((summary.p50, summary.p95, summary.p99), (7.0, 7.0, 7.0));
    }

    #[test]
    fn nothing_has_no_summary() {
        assert!(Summary::of(&[]).is_none());
    }
}
