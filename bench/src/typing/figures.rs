//! Owns the figures of typing: the document, and which goals are met. Must never read a clock or a file.

use serde::{Deserialize, Serialize};

use super::compare::Comparison;
use crate::ArmName;
use crate::carrier::Carrier;
use crate::cli::Viewer;
use crate::codec::target::Verdict;
use crate::machine::Machine;
use crate::relay::ping::Pings;
use crate::relay::{Carried, Conditions};
use crate::result::Row;
use crate::stats::{Summary, count, median, milliseconds};
use crate::trace::Stage;
use crate::verdict::Outcome;

/// The version of the JSON document. Raised when a field changes its meaning.
pub const FORMAT: u32 = 1;

/// What the echo may take beyond the round trip while a film plays, in milliseconds.
const BEYOND_RTT_MS: f64 = 40.0;
/// The same in the web viewer, whose picture waits for the next one of another browser.
const BEYOND_RTT_WEB_MS: f64 = 60.0;
/// What it may take while the page scrolls, on every carrier.
const BEYOND_RTT_SCROLLING_MS: f64 = 60.0;

/// How a run was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What is typed into.
    #[serde(default)]
    pub viewer: Viewer,
    /// Keys of the person, each second.
    pub keys_per_second: f64,
    /// Keys in all.
    pub keys: usize,
    /// Canvas width in physical pixels.
    pub width: u16,
    /// Canvas height in physical pixels.
    pub height: u16,
    /// The seed of chance and of unevenness.
    pub seed: u64,
    /// What was typed.
    pub text: String,
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
    /// One for each link.
    pub runs: Vec<Run>,
    /// The figures against the goals.
    pub verdicts: Vec<Verdict>,
}

/// How a film or a column that scrolls went beside the typing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Moving {
    /// Pictures of it that the viewer showed, each second.
    pub shown_per_second: f64,
    /// Pictures of it that the browser drew, each second.
    pub drawn_per_second: f64,
}

/// One link.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// By what the viewer came, as the host said.
    #[serde(default)]
    pub carrier: Option<Carrier>,
    /// How often another carrier won before the one that was asked for.
    #[serde(default)]
    pub others: u32,
    /// How it was.
    pub conditions: Conditions,
    /// What it did to small datagrams alone, before the session.
    pub pings: Pings,
    /// What it did to the session's datagrams, from its beginning to its end. Of a carrier over TCP nothing is counted.
    pub carried: Carried,
    /// What was typed and what the page holds.
    pub comparison: Comparison,
    /// What the page holds, if that is not what was typed.
    pub text: Option<String>,
    /// Echo beside the text, stages, bytes and CPU.
    pub row: Row,
    /// Milliseconds until the picture is whole, to the top and the bottom of the page.
    pub whole: Option<Summary>,
    /// The film, if one played.
    pub film: Option<Moving>,
    /// The column that scrolled, if one did.
    #[serde(default)]
    pub scroll: Option<Moving>,
    /// Every echo beside the text in milliseconds, in the order of keys.
    pub echoes_ms: Vec<f64>,
    /// Of the echoes later than the round trip and 40 ms: how many each stage made late, by its largest excess over its own median.
    pub late: Vec<(Stage, usize)>,
}

/// Which stage made the late echoes late, the most frequent first. Each echo is given as its stages, in nanoseconds.
#[must_use]
pub fn late(echoes: &[Vec<(Stage, i64)>], rtt_ms: f64) -> Vec<(Stage, usize)> {
    let median = |stage: Stage| {
        let times = echoes.iter().flatten().filter(|of| of.0 == stage).map(|of| milliseconds(of.1));
        median(&times.collect::<Vec<_>>()).unwrap_or(0.0)
    };
    let medians: Vec<(Stage, f64)> = Stage::ALL.into_iter().map(|stage| (stage, median(stage))).collect();
    let excess = |(stage, time): &(Stage, i64)| {
        let usual = medians.iter().find(|of| of.0 == *stage).map_or(0.0, |of| of.1);
        milliseconds(*time) - usual
    };
    let mut counts: Vec<(Stage, usize)> = Stage::ALL.into_iter().map(|stage| (stage, 0)).collect();
    for echo in echoes {
        if milliseconds(echo.iter().map(|of| of.1).sum()) <= rtt_ms + BEYOND_RTT_MS {
            continue;
        }
        let worst = echo.iter().max_by(|a, b| excess(a).total_cmp(&excess(b))).map(|of| of.0);
        if let Some(count) = counts.iter_mut().find(|of| Some(of.0) == worst) {
            count.1 += 1;
        }
    }
    counts.retain(|of| of.1 > 0);
    counts.sort_by_key(|of| std::cmp::Reverse(of.1));
    counts
}

impl Run {
    /// The link in a few words.
    #[must_use]
    pub fn name(&self) -> String {
        let Conditions { rtt, loss_ppm, rate, .. } = self.conditions;
        let rate = rate.map_or_else(String::new, |rate| format!(", {} Mbit/s", f64_of(rate) / 1e6));
        let carrier = self.carrier.map_or_else(String::new, |carrier| format!("{}, ", carrier.name()));
        format!("{carrier}RTT {} ms, {} %{rate}", rtt.as_millis(), f64::from(loss_ppm) / 1e4)
    }

    /// The round trip that was asked for, in milliseconds.
    #[must_use]
    pub fn rtt_ms(&self) -> f64 {
        self.conditions.rtt.as_secs_f64() * 1e3
    }

    /// What pings took.
    #[must_use]
    pub fn ping(&self) -> Option<Summary> {
        Summary::of(&self.pings.round_trips_ms)
    }
}

fn f64_of(number: u64) -> f64 {
    count(usize::try_from(number).unwrap_or(usize::MAX))
}

/// Judges the runs.
#[must_use]
pub fn judge(runs: &[Run]) -> Vec<Verdict> {
    let accuracies = runs.iter().map(|run| run.comparison.accuracy() * 100.0);
    let worst = accuracies.min_by(f64::total_cmp);
    let is_exact = runs.iter().all(|run| run.comparison.is_exact());
    let mut verdicts = vec![Verdict {
        what: (
            "入力した文字が、順に、一度ずつ届いた割合 (最も悪い回線)".to_owned(),
            "characters typed that arrived, in order and once (worst link)".to_owned(),
        ),
        figure: worst,
        reach: 100.0,
        stretch: None,
        more_is_better: true,
        unit: "%".to_owned(),
        outcome: match worst {
            None => Outcome::NotMeasured,
            Some(_) if is_exact => Outcome::Reached,
            Some(_) => Outcome::Missed,
        },
    }];
    for run in runs {
        let beyond = match (run.film, run.scroll) {
            (Some(_), _) if run.row.arm == ArmName::Web => BEYOND_RTT_WEB_MS,
            (Some(_), _) => BEYOND_RTT_MS,
            (None, Some(_)) => BEYOND_RTT_SCROLLING_MS,
            (None, None) => continue,
        };
        let (japanese, english) = match run.film {
            Some(_) => ("映像の横で入力", "typing beside a film"),
            None => ("スクロールの横で入力", "typing beside a column that scrolls"),
        };
        let figure = run.row.latency.map(|latency| latency.p95);
        let reach = run.rtt_ms() + beyond;
        let is_reached = figure.is_some_and(|figure| figure <= reach);
        verdicts.push(Verdict {
            what: (
                format!("{japanese}、表示まで 95 % ({})", run.name()),
                format!("{english}, echo p95 ({})", run.name()),
            ),
            figure,
            reach,
            stretch: None,
            more_is_better: false,
            unit: "ms".to_owned(),
            outcome: match figure {
                None => Outcome::NotMeasured,
                Some(_) if is_reached => Outcome::Reached,
                Some(_) if run.row.all_disturbed() => Outcome::Disturbed,
                Some(_) => Outcome::Missed,
            },
        });
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::page::Mode;
    use crate::record::{Cpu, Sample, Segment, Traffic};
    use crate::trace::Traces;

    fn run(there: &str, echo_ms: i64, film: bool) -> Run {
        run_of(ArmName::Whole, there, echo_ms, film)
    }

    fn run_of(arm: ArmName, there: &str, echo_ms: i64, film: bool) -> Run {
        let sample = Sample {
            began: 0,
            sequence: None,
            handler: None,
            update: None,
            received: None,
            decoded: None,
            seen: echo_ms * 1_000_000,
        };
        let segment = Segment {
            scene: Mode::Typing,
            arm,
            round: 1,
            seconds: 2.0,
            foreign_cores: 0.0,
            samples: vec![sample; 4],
            begun: 4,
            cpu: Cpu::default(),
            traffic: Traffic::default(),
        };
        Run {
            carrier: None,
            others: 0,
            conditions: Conditions { rtt: Duration::from_millis(60), loss_ppm: 10_000, rate: Some(2_000_000), seed: 1 },
            pings: Pings::default(),
            carried: Carried::default(),
            comparison: Comparison::of("写し", there),
            text: None,
            row: Row::of(Mode::Typing, arm, &[segment], &Traces::default(), 1).expect("a segment"),
            whole: None,
            film: film.then_some(Moving { shown_per_second: 10.0, drawn_per_second: 30.0 }),
            scroll: None,
            echoes_ms: vec![],
            late: vec![],
        }
    }

    fn outcomes(runs: &[Run]) -> Vec<Outcome> {
        judge(runs).iter().map(|verdict| verdict.outcome).collect()
    }

    #[test]
    fn one_character_at_fault_on_one_link_misses_the_goal() {
        assert_eq!(outcomes(&[run("写し", 70, false)]), [Outcome::Reached]);
        assert_eq!(outcomes(&[run("写し", 70, false), run("写", 70, false)]), [Outcome::Missed]);
        assert_eq!(outcomes(&[run("し写", 70, false)]), [Outcome::Missed]);
    }

    #[test]
    fn beside_a_film_the_echo_may_take_forty_milliseconds_more_than_the_round_trip() {
        assert_eq!(outcomes(&[run("写し", 100, true)]), [Outcome::Reached, Outcome::Reached]);
        assert_eq!(outcomes(&[run("写し", 101, true)]), [Outcome::Reached, Outcome::Missed]);
    }

    #[test]
    fn in_the_web_viewer_it_may_take_sixty() {
        let outcome = |echo_ms| outcomes(&[run_of(ArmName::Web, "写し", echo_ms, true)])[1];
        assert_eq!([outcome(120), outcome(121)], [Outcome::Reached, Outcome::Missed]);
    }

    #[test]
    fn while_the_page_scrolls_it_may_take_sixty_in_every_viewer() {
        let scrolling = |arm, echo_ms| {
            let mut run = run_of(arm, "写し", echo_ms, true);
            run.scroll = run.film.take();
            outcomes(&[run])[1]
        };
        for arm in [ArmName::Whole, ArmName::Web] {
            assert_eq!([scrolling(arm, 120), scrolling(arm, 121)], [Outcome::Reached, Outcome::Missed]);
        }
    }

    #[test]
    fn a_late_echo_is_laid_to_the_stage_that_took_more_than_it_usually_does() {
        let echo = |supervisor: i64, network: i64| {
            vec![(Stage::Supervisor, supervisor * 1_000_000), (Stage::Network, network * 1_000_000)]
        };
        let usual = std::iter::repeat_n(echo(30, 35), 10);
        let echoes: Vec<_> = usual.chain([echo(160, 35), echo(150, 36), echo(30, 90)]).collect();
        assert_eq!(late(&echoes, 60.0), [(Stage::Supervisor, 2), (Stage::Network, 1)]);
        assert_eq!(late(&echoes[..10], 60.0), []);
    }

    #[test]
    fn a_link_is_named_by_what_it_is() {
        let mut run = run("写し", 1, true);
        assert_eq!(run.name(), "RTT 60 ms, 1 %, 2 Mbit/s");
        run.carrier = Some(Carrier::WebRtc);
        assert_eq!(run.name(), "WebRTC, RTT 60 ms, 1 %, 2 Mbit/s");
    }
}
