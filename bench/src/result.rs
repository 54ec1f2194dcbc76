//! Owns the figures: what the raw record of a run says, per scene and arm, and the document that is written as JSON.
//!
//! Must never read a clock or a file: the same record gives the same figures.

use serde::{Deserialize, Serialize};

use crate::ArmName;
use crate::machine::Machine;
use crate::meter::Memory;
use crate::page::Mode;
use crate::record::{Exactness, MOST_FOREIGN_CORES, Segment, Traffic};
use crate::stats::{Summary, count, milliseconds};
use crate::trace::{Stage, Traces};
use crate::verdict::Verdict;

/// The version of the JSON document. Raised when a field changes its meaning.
pub const FORMAT: u32 = 1;

/// How a run was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    /// Rounds in which the arms took turns.
    pub rounds: u32,
    /// Keys per round; typing and pages take half as many.
    pub keys: u32,
    /// Seconds of scroll, animation and idling per round.
    pub seconds: f64,
    /// Canvas width in physical pixels.
    pub width: u16,
    /// Canvas height in physical pixels.
    pub height: u16,
    /// The seed of the pauses between keys.
    pub seed: u64,
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
    /// How far the page's clock can be from what the ages assume, in milliseconds, by arm.
    pub clock_uncertainty_ms: Vec<(ArmName, f64)>,
    /// The figures, per scene and arm.
    pub rows: Vec<Row>,
    /// The host's memory at the end, without the browser.
    pub memory: Option<HostMemory>,
    /// What the web viewer's page weighs, and how fast it is there; `None`: it was not measured.
    #[serde(default)]
    pub web: Option<WebPage>,
    /// Canvases compared at rest.
    pub exactness: Vec<Exactness>,
    /// The figures against the targets.
    pub verdicts: Vec<Verdict>,
    /// The raw record.
    pub segments: Vec<Segment>,
}

/// The web viewer's page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebPage {
    /// Bytes on the wire at the first visit, compressed, headers included.
    pub bytes: u64,
    /// In so many files.
    pub files: u64,
    /// Milliseconds from opening its address again to the first picture, browser and session warm, for each time.
    pub opened_ms: Vec<f64>,
}

impl WebPage {
    /// The times of opening it again.
    #[must_use]
    pub fn opened(&self) -> Option<Summary> {
        Summary::of(&self.opened_ms)
    }
}

/// Memory outside the browser, per process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostMemory {
    /// The supervisor.
    pub supervisor: Memory,
    /// The session's worker.
    pub worker: Memory,
}

impl HostMemory {
    /// Both together in MiB, shared memory with the browser included.
    #[must_use]
    pub fn mebibytes(&self) -> f64 {
        count(usize::try_from(self.supervisor.with(self.worker).resident).unwrap_or(usize::MAX)) / 1024.0
    }
}

/// The figures of one scene on one arm, all rounds together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// What the page did.
    pub scene: Mode,
    /// Which arm.
    pub arm: ArmName,
    /// Rounds that count, and rounds left out because other work disturbed them.
    pub rounds: u32,
    /// Rounds left out. If all were disturbed, all count and this is the number of them.
    pub marked: u32,
    /// Other work during the rounds that count, in cores.
    pub foreign_cores: f64,
    /// Input to picture, or the picture's age, in milliseconds.
    pub latency: Option<Summary>,
    /// The median of each round, to see how repeatable it is.
    pub medians: Vec<f64>,
    /// Input to the page's handler, in milliseconds.
    pub handler: Option<Summary>,
    /// Inputs given or frames drawn by the page.
    pub begun: u64,
    /// Of those, how many were seen.
    pub seen: u64,
    /// Seen per second.
    pub seen_per_second: f64,
    /// Drawn per second.
    pub begun_per_second: f64,
    /// Milliseconds of each stage.
    pub stages: Vec<StageRow>,
    /// Seconds measured.
    pub seconds: f64,
    /// CPU of the host without the browser, ms per event, and as a share of one core.
    pub host_cpu: Spent,
    /// Of that, the supervisor's.
    pub supervisor_cpu: Spent,
    /// CPU of the browser.
    pub browser_cpu: Spent,
    /// CPU of the bench with its viewer (or, on the floor, its compositor).
    pub bench_cpu: Spent,
    /// Bytes and updates, all rounds together.
    pub traffic: Traffic,
    /// Update bytes per input or frame seen.
    pub bytes_per_event: f64,
    /// Update bytes per second.
    pub bytes_per_second: f64,
    /// Bytes from the host in UDP, per second.
    pub quic_per_second: f64,
}

/// A stage's times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StageRow {
    /// Which stage.
    pub stage: Stage,
    /// Milliseconds.
    pub time: Summary,
}

/// CPU time seen in two ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// Milliseconds per input or frame seen.
    pub per_event: f64,
    /// Share of one core, 0 to 1 and more.
    pub share: f64,
}

impl Row {
    /// The figures of the segments of one scene on one arm; `None` if there is none.
    #[must_use]
    pub fn of(scene: Mode, arm: ArmName, segments: &[Segment], traces: &Traces, canvas: u32) -> Option<Self> {
        let all: Vec<&Segment> =
            segments.iter().filter(|segment| segment.scene == scene && segment.arm == arm).collect();
        let marked = all.iter().filter(|segment| segment.marked()).count();
        // Disturbed rounds are left out; if all were, their figures are better than none, and the count says so.
        let counted: Vec<&Segment> =
            if marked < all.len() { all.into_iter().filter(|segment| !segment.marked()).collect() } else { all };
        if counted.is_empty() {
            return None;
        }
        let samples = || counted.iter().flat_map(|segment| &segment.samples);
        let latencies: Vec<f64> = samples().map(|sample| milliseconds(sample.latency())).collect();
        let handlers: Vec<f64> =
            samples().filter_map(|sample| Some(milliseconds(sample.handler? - sample.began))).collect();
        let seconds: f64 = counted.iter().map(|segment| segment.seconds).sum();
        let seen = count(latencies.len());
        let begun: u64 = counted.iter().map(|segment| segment.begun).sum();
        let spent = |milliseconds: &dyn Fn(&Segment) -> f64| {
            let sum: f64 = counted.iter().map(|segment| milliseconds(segment)).sum();
            Spent { per_event: ratio(sum, seen), share: ratio(sum, seconds * 1000.0) }
        };
        let mut traffic = Traffic::default();
        for segment in &counted {
            traffic.updates += segment.traffic.updates;
            traffic.update_bytes += segment.traffic.update_bytes;
            traffic.quic_received += segment.traffic.quic_received;
            traffic.quic_sent += segment.traffic.quic_sent;
        }
        let bytes = |bytes: u64| count(usize::try_from(bytes).unwrap_or(usize::MAX));
        Some(Self {
            scene,
            arm,
            rounds: u32::try_from(counted.len()).unwrap_or(u32::MAX),
            marked: u32::try_from(marked).unwrap_or(u32::MAX),
            foreign_cores: counted.iter().map(|segment| segment.foreign_cores).sum::<f64>() / count(counted.len()),
            latency: Summary::of(&latencies),
            medians: counted
                .iter()
                .filter_map(|segment| {
                    let own: Vec<f64> = segment.samples.iter().map(|sample| milliseconds(sample.latency())).collect();
                    crate::stats::median(&own)
                })
                .collect(),
            handler: Summary::of(&handlers),
            begun,
            seen: u64::try_from(latencies.len()).unwrap_or(u64::MAX),
            seen_per_second: ratio(seen, seconds),
            begun_per_second: ratio(bytes(begun), seconds),
            stages: stage_rows(samples().map(|sample| traces.stages(sample, canvas)).filter(|_| arm != ArmName::Floor)),
            seconds,
            host_cpu: spent(&|segment| segment.cpu.host()),
            supervisor_cpu: spent(&|segment| segment.cpu.supervisor),
            browser_cpu: spent(&|segment| segment.cpu.browser),
            bench_cpu: spent(&|segment| segment.cpu.bench),
            traffic,
            bytes_per_event: ratio(bytes(traffic.update_bytes), seen),
            bytes_per_second: ratio(bytes(traffic.update_bytes), seconds),
            quic_per_second: ratio(bytes(traffic.quic_received), seconds),
        })
    }
}

impl Row {
    /// Whether other work disturbed every round, so that disturbed rounds are all there is.
    #[must_use]
    pub fn all_disturbed(&self) -> bool {
        self.foreign_cores > MOST_FOREIGN_CORES
    }
}

impl Document {
    /// The figures of one scene on one arm.
    #[must_use]
    pub fn row(&self, scene: Mode, arm: ArmName) -> Option<&Row> {
        self.rows.iter().find(|row| row.scene == scene && row.arm == arm)
    }
}

fn stage_rows(samples: impl Iterator<Item = Vec<(Stage, i64)>>) -> Vec<StageRow> {
    let mut by_stage: Vec<(Stage, Vec<f64>)> = Stage::ALL.into_iter().map(|stage| (stage, Vec::new())).collect();
    for (stage, time) in samples.flatten() {
        if let Some((_, times)) = by_stage.iter_mut().find(|of| of.0 == stage) {
            times.push(milliseconds(time));
        }
    }
    by_stage.into_iter().filter_map(|(stage, times)| Some(StageRow { stage, time: Summary::of(&times)? })).collect()
}

/// A ratio; zero if there is nothing to divide by.
fn ratio(of: f64, by: f64) -> f64 {
    if by > 0.0 { of / by } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Cpu, Sample};

    fn segment(round: u32, foreign_cores: f64, latency_ms: i64) -> Segment {
        let sample = Sample {
            began: 0,
            sequence: None,
            handler: Some(1_000_000),
            update: None,
            received: None,
            decoded: None,
            seen: latency_ms * 1_000_000,
        };
        Segment {
            scene: Mode::Key,
            arm: ArmName::Whole,
            round,
            seconds: 2.0,
            foreign_cores,
            samples: vec![sample; 4],
            begun: 5,
            cpu: Cpu { supervisor: 1.0, worker: 3.0, browser: 20.0, bench: 2.0 },
            traffic: Traffic { updates: 4, update_bytes: 400, quic_received: 800, quic_sent: 100 },
        }
    }

    #[test]
    fn a_disturbed_round_is_left_out_and_counted() {
        let segments = [segment(1, 0.1, 5), segment(2, 0.9, 50)];
        let row = Row::of(Mode::Key, ArmName::Whole, &segments, &Traces::default(), 1).expect("there are segments");
        assert_eq!((row.rounds, row.marked, row.all_disturbed()), (1, 1, false));
        assert!((row.latency.expect("there are samples").p50 - 5.0).abs() < 1e-9);
        assert!((row.host_cpu.per_event - 1.0).abs() < 1e-9);
        assert!((row.bytes_per_event - 100.0).abs() < 1e-9);
        assert!((row.seen_per_second - 2.0).abs() < 1e-9);
    }

    #[test]
    fn if_every_round_was_disturbed_all_count() {
        let segments = [segment(1, 0.8, 5), segment(2, 0.9, 7)];
        let row = Row::of(Mode::Key, ArmName::Whole, &segments, &Traces::default(), 1).expect("there are segments");
        assert_eq!((row.rounds, row.marked, row.seen, row.all_disturbed()), (2, 2, 8, true));
    }

    #[test]
    fn a_scene_that_was_not_measured_has_no_row() {
        assert!(Row::of(Mode::Page, ArmName::Whole, &[segment(1, 0.0, 5)], &Traces::default(), 1).is_none());
    }
}
