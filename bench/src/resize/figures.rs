//! Owns what a run of `resize` says: its document, and its judgement against the goal.

use serde::{Deserialize, Serialize};

use crate::codec::target::{Verdict, verdict};
use crate::machine::Machine;
use crate::stats::Summary;
use crate::words::Text;

/// The document's format; a new number where an old reader would read it wrong.
pub const FORMAT: u32 = 1;

/// From the drag's rest to the exact picture.
const REACH_MS: f64 = 100.0;

/// How a run was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Drags of each window.
    pub drags: u32,
    /// Sizes that a drag goes through.
    pub steps: u32,
    /// Milliseconds from one size to the next.
    pub interval_ms: f64,
    /// The largest window, physical pixels.
    pub width: u16,
    /// The largest window, physical pixels.
    pub height: u16,
    /// Seed of the sizes.
    pub seed: u64,
}

/// Whose window is dragged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// Chromium's own, on the same machine: what a person has without any transfer.
    Local,
    /// The viewer's.
    Viewer,
}

impl Arm {
    /// What it is called.
    #[must_use]
    pub fn text(self) -> Text {
        match self {
            Self::Local => Text("手元のブラウザ", "browser on this machine"),
            Self::Viewer => Text("ビューアー", "viewer"),
        }
    }
}

/// One window's drags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Whose it is.
    pub arm: Arm,
    /// From the last size given to the first exact picture of that size, milliseconds, in order.
    pub times_ms: Vec<f64>,
}

impl Row {
    /// The times in figures.
    #[must_use]
    pub fn times(&self) -> Option<Summary> {
        Summary::of(&self.times_ms)
    }
}

/// The document that a run writes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Document {
    /// [`FORMAT`].
    pub format: u32,
    /// Where it was made.
    pub machine: Machine,
    /// How.
    pub settings: Settings,
    /// Each window.
    pub rows: Vec<Row>,
    /// Cores that other work kept busy meanwhile.
    pub foreign_cores: f64,
    /// The figures against the goal.
    pub verdicts: Vec<Verdict>,
}

/// Judges the rows.
#[must_use]
pub fn judge(rows: &[Row]) -> Vec<Verdict> {
    let viewer = rows.iter().find(|row| row.arm == Arm::Viewer).and_then(Row::times);
    vec![
        verdict(
            Text("手を止めてから、元のとおりの画面まで、中央値", "from the drag's rest to the exact picture, p50"),
            viewer.map(|times| times.p50),
            REACH_MS,
            None,
            false,
            "ms",
        ),
        verdict(Text("同、95 %", "the same, p95"), viewer.map(|times| times.p95), REACH_MS, None, false, "ms"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Outcome;

    #[test]
    fn a_window_that_follows_in_time_and_one_that_does_not_are_told_apart() {
        let rows = |viewer: f64| {
            [(Arm::Local, 50.0), (Arm::Viewer, viewer)].map(|(arm, ms)| Row { arm, times_ms: vec![ms; 3] })
        };
        let outcomes = |viewer| judge(&rows(viewer)).iter().map(|verdict| verdict.outcome).collect::<Vec<_>>();
        assert_eq!(outcomes(90.0), [Outcome::Reached; 2]);
        assert_eq!(outcomes(101.0), [Outcome::Missed; 2]);
        assert!(judge(&[]).iter().all(|verdict| verdict.outcome == Outcome::NotMeasured));
    }
}
