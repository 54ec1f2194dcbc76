//! Owns reading the host's traces and joining them with what the bench saw: one time line per picture.
//!
//! All times are nanoseconds of `CLOCK_MONOTONIC` on one machine. Must never guess a missing moment: a stage whose ends are not
//! both known has no figure.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::record::Sample;

/// The stages of a key's and a pixel's way, in order. Each begins where the one before ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Input given to the viewer → the host's supervisor has it.
    Supervisor,
    /// → the session's worker has it.
    Worker,
    /// → the browser committed the picture (for frames: from the page's callback).
    Browser,
    /// → it is in the canvas.
    Compose,
    /// → the update is encoded.
    Encode,
    /// → the supervisor has handed it to QUIC.
    Relay,
    /// → the viewer has received it whole.
    Network,
    /// → it is in the viewer's canvas.
    Decode,
    /// → both codes are seen.
    Present,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Self; 9] = [
        Self::Supervisor,
        Self::Worker,
        Self::Browser,
        Self::Compose,
        Self::Encode,
        Self::Relay,
        Self::Network,
        Self::Decode,
        Self::Present,
    ];
}

/// One line of a trace. Fields that other lines have and this bench does not need are ignored.
#[derive(Debug, Deserialize)]
#[serde(tag = "ev", rename_all = "snake_case")]
enum Line {
    Input {
        seq: u64,
        t: i64,
    },
    UpdateRelayed {
        canvas: u32,
        update: u64,
        t: i64,
    },
    Update {
        canvas: u32,
        update: u64,
        commit: i64,
        composed: i64,
        encoded: i64,
    },
    Rest {
        canvas: u32,
        update: u64,
        digest: u64,
    },
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Made {
    commit: i64,
    composed: i64,
    encoded: i64,
}

/// The host's traces of one run.
#[derive(Debug, Default)]
pub struct Traces {
    at_supervisor: HashMap<u64, i64>,
    at_worker: HashMap<u64, i64>,
    made: HashMap<(u32, u64), Made>,
    relayed: HashMap<(u32, u64), i64>,
    rests: Vec<(u32, u64, String)>,
    /// Lines that could not be read. More than the one that a killed worker may leave is a sign of two formats.
    pub unreadable: usize,
}

impl Traces {
    /// Reads `supervisor.jsonl` and every `worker-*.jsonl` of a folder. One session per folder: sequence numbers and updates of two
    /// sessions would mix.
    ///
    /// # Errors
    /// If the folder or a trace cannot be read.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut traces = Self::default();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if !name.ends_with(".jsonl") {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            let is_worker = name.starts_with("worker-");
            text.lines().for_each(|line| traces.take(line, is_worker));
        }
        Ok(traces)
    }

    fn take(&mut self, line: &str, is_worker: bool) {
        match serde_json::from_str(line) {
            Ok(Line::Input { seq, t }) => {
                let place = if is_worker { &mut self.at_worker } else { &mut self.at_supervisor };
                place.insert(seq, t);
            }
            Ok(Line::UpdateRelayed { canvas, update, t }) => {
                self.relayed.insert((canvas, update), t);
            }
            Ok(Line::Update { canvas, update, commit, composed, encoded }) => {
                self.made.insert((canvas, update), Made { commit, composed, encoded });
            }
            Ok(Line::Rest { canvas, update, digest }) => {
                self.rests.push((canvas, update, digest_mark(digest)));
            }
            Ok(Line::Other) => {}
            Err(_) => self.unreadable += 1,
        }
    }

    /// Whether the traces hold any update.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.made.is_empty()
    }

    /// The digest that the worker wrote when everything up to `update` rested.
    #[must_use]
    pub fn rest(&self, canvas: u32, update: u64) -> Option<&str> {
        self.rests.iter().rev().find(|rest| rest.0 == canvas && rest.1 == update).map(|rest| rest.2.as_str())
    }

    /// The digest of this canvas at some rest of it, if it was this one: for a viewer whose updates have other numbers.
    #[must_use]
    pub fn rested_as(&self, canvas: u32, digest: &str) -> Option<&str> {
        self.rests.iter().find(|rest| rest.0 == canvas && rest.2 == digest).map(|rest| rest.2.as_str())
    }

    /// How long each stage of one sample took, in nanoseconds. A stage that clocks of two processes make negative is below their
    /// resolution: it is kept as measured, so that the stages add up to the latency.
    #[must_use]
    pub fn stages(&self, sample: &Sample, canvas: u32) -> Vec<(Stage, i64)> {
        let mut moments: Vec<(Stage, Option<i64>)> = Vec::with_capacity(Stage::ALL.len());
        if let Some(sequence) = sample.sequence {
            moments.push((Stage::Supervisor, self.at_supervisor.get(&sequence).copied()));
            moments.push((Stage::Worker, self.at_worker.get(&sequence).copied()));
        }
        let key = sample.update.map(|update| (canvas, update));
        let made = key.and_then(|key| self.made.get(&key));
        moments.push((Stage::Browser, made.map(|made| made.commit)));
        moments.push((Stage::Compose, made.map(|made| made.composed)));
        moments.push((Stage::Encode, made.map(|made| made.encoded)));
        moments.push((Stage::Relay, key.and_then(|key| self.relayed.get(&key).copied())));
        moments.push((Stage::Network, sample.received));
        moments.push((Stage::Decode, sample.decoded));
        moments.push((Stage::Present, Some(sample.seen)));
        let mut stages = Vec::with_capacity(moments.len());
        let mut before = Some(sample.began);
        for (stage, moment) in moments {
            if let (Some(begin), Some(end)) = (before, moment) {
                stages.push((stage, end - begin));
            }
            before = moment;
        }
        stages
    }
}

/// A digest as it is printed and compared.
#[must_use]
pub fn digest_mark(digest: u64) -> String {
    format!("{digest:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces() -> Traces {
        let mut traces = Traces::default();
        for line in [
            r#"{"ev":"input","session":1,"seq":7,"t":1100}"#,
            r#"{"ev":"update_relayed","session":1,"canvas":1,"update":3,"bytes":90,"t":1900}"#,
        ] {
            traces.take(line, false);
        }
        for line in [
            r#"{"ev":"input","seq":7,"t":1250}"#,
            r#"{"ev":"update","canvas":1,"update":3,"input":7,"bytes":90,"commit":1500,"composed":1600,"encoded":1700,"written":1750}"#,
            r#"{"ev":"rest","canvas":1,"update":3,"digest":255}"#,
            r#"{"ev":"something_newer","x":1}"#,
            r#"{"ev":"upd"#,
        ] {
            traces.take(line, true);
        }
        traces
    }

    fn sample() -> Sample {
        Sample {
            began: 1000,
            sequence: Some(7),
            handler: Some(1400),
            update: Some(3),
            received: Some(2000),
            decoded: Some(2200),
            seen: 2210,
        }
    }

    #[test]
    fn the_stages_of_a_key_add_up_to_its_latency() {
        let stages = traces().stages(&sample(), 1);
        assert_eq!(stages.len(), Stage::ALL.len());
        assert_eq!(stages.iter().map(|stage| stage.1).sum::<i64>(), sample().latency());
        assert_eq!(stages[2], (Stage::Browser, 250));
    }

    #[test]
    fn a_frame_begins_with_the_browser() {
        let frame = Sample { sequence: None, handler: None, began: 1300, ..sample() };
        assert_eq!(traces().stages(&frame, 1)[0], (Stage::Browser, 200));
    }

    #[test]
    fn a_moment_that_nobody_wrote_leaves_its_stages_out() {
        let mut traces = traces();
        traces.relayed.clear();
        let stages = traces.stages(&sample(), 1);
        assert!(stages.iter().all(|stage| stage.0 != Stage::Relay && stage.0 != Stage::Network));
        assert_eq!(stages.len(), Stage::ALL.len() - 2);
    }

    #[test]
    fn a_rest_is_found_by_its_update_and_a_cut_line_is_counted() {
        let traces = traces();
        assert_eq!(traces.rest(1, 3), Some("00000000000000ff"));
        assert_eq!(traces.rest(1, 4), None);
        assert_eq!(traces.unreadable, 1);
    }
}
