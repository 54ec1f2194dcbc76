//! Owns measuring how a person types Japanese over links that are far, lossy or slow: whether every character arrives, in order and
//! once, and how long its echo takes.
//!
//! One real host, sandboxed browser and viewer for each link, with a [relay](crate::relay) between them. The method is written in
//! `bench/METHOD.md`. Must never help a character to arrive: what is compared is what the page holds at the end.

pub mod compare;
pub mod corpus;
pub mod figures;
pub(crate) mod keyboard;
mod play;
mod romaji;

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;

use crate::ArmName;
use crate::arm::Typist;
use crate::arm::host::Programs;
use crate::arm::web::Web;
use crate::arm::whole::Whole;
use crate::cli::{Typing, Viewer};
use crate::drive::Driver;
use crate::machine::Machine;
use crate::page::{Mode, Page, Pages};
use crate::random::Random;
use crate::record::Sample;
use crate::relay::ping::{Pings, pings};
use crate::relay::{Carried, Conditions, Relay};
use crate::report::typing as report;
use crate::result::{self, Row};
use crate::run::browser_program;
use crate::stats::{Summary, milliseconds};
use crate::trace::Traces;
use crate::words::{Language, Text};
use compare::Comparison;
use corpus::Corpus;
use figures::{Document, FORMAT, Run, Settings, judge};

/// Pings that measure a link by itself: enough for a 95th percentile.
const PINGS: u32 = 40;

/// The links of a run without `--rtt` and `--loss`.
const FAR: ([u32; 3], [f64; 3]) = ([0, 50, 100], [0.0, 1.0, 3.0]);
/// The slow link of a run with `--video` and without those.
const SLOW: (u32, f64, u64) = (60, 1.0, 2_000_000);

/// Runs `typing` and writes its report.
///
/// # Errors
/// Names what is missing or broke, and what to do next.
pub fn typing(asked: &Typing) -> anyhow::Result<()> {
    let language = asked.lang.unwrap_or_else(Language::of_environment);
    let document = measure(asked, language)?;
    print!("{}", report::text(&document, language));
    let written = report::write(&document, &asked.out)?;
    println!();
    println!("{} {}", language.say(Text("報告書:", "report:")), written.html.display());
    println!("{} {}", language.say(Text("データ:", "data:  ")), written.json.display());
    Ok(())
}

fn measure(asked: &Typing, language: Language) -> anyhow::Result<Document> {
    let mut corpus = Corpus::municipal();
    if let Some(characters) = asked.characters {
        corpus = corpus.beginning(characters as usize);
    }
    let is_web = asked.viewer == Viewer::Web;
    anyhow::ensure!(
        !is_web || (asked.rate.is_none() && asked.loss.iter().all(|loss| *loss == 0.0)),
        "the web viewer goes over TCP, where the relay can delay but neither lose nor limit; leave out --loss and --rate"
    );
    let programs = Programs::find(asked.programs.as_deref())?;
    // Whatever is missing is said before anything is started.
    programs.path("shoji-host")?;
    let machine = Machine::here(&browser_program(asked.browser.as_deref())?);
    let links = links(asked);
    let mut runs: Vec<Run> = Vec::with_capacity(links.len());
    for (at, &(conditions, film)) in links.iter().enumerate() {
        let place = Place { at: at + 1, of: links.len(), language };
        runs.push(place.run(asked, &programs, &corpus, conditions, film)?);
    }
    Ok(Document {
        format: FORMAT,
        machine,
        settings: Settings {
            viewer: asked.viewer,
            keys_per_second: asked.keys_per_second,
            keys: corpus.steps.len(),
            width: asked.size.width,
            height: asked.size.height,
            seed: asked.seed,
            text: corpus.text,
        },
        verdicts: judge(&runs),
        runs,
    })
}

/// The links to measure, and whether a film plays. The first is always the nearest: what the machine does without any link.
fn links(asked: &Typing) -> Vec<(Conditions, bool)> {
    let rtts = match (&asked.rtt[..], asked.video) {
        ([], true) => vec![SLOW.0],
        ([], false) => FAR.0.to_vec(),
        (rtts, _) => rtts.to_vec(),
    };
    let is_web = asked.viewer == Viewer::Web;
    let losses = match (&asked.loss[..], asked.video) {
        _ if is_web => vec![0.0],
        ([], true) => vec![SLOW.1],
        ([], false) => FAR.1.to_vec(),
        (losses, _) => losses.to_vec(),
    };
    let rate = asked.rate.map(|rate| rate.0).or((asked.video && !is_web).then_some(SLOW.2));
    let nearest = Conditions { seed: asked.seed, ..Conditions::default() };
    let mut links = vec![(nearest, false)];
    for rtt in rtts {
        for &loss in &losses {
            let conditions = Conditions {
                rtt: Duration::from_millis(rtt.into()),
                loss_ppm: parts_per_million(loss),
                rate,
                seed: asked.seed,
            };
            if conditions != nearest {
                links.push((conditions, false));
            }
            if asked.video {
                links.push((conditions, true));
            }
        }
    }
    links
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage between 0 and 100")]
fn parts_per_million(percent: f64) -> u32 {
    (percent * 1e4).round() as u32
}

/// Where a run is among all.
struct Place {
    at: usize,
    of: usize,
    language: Language,
}

impl Place {
    fn run(
        &self,
        asked: &Typing,
        programs: &Programs,
        corpus: &Corpus,
        conditions: Conditions,
        film: bool,
    ) -> anyhow::Result<Run> {
        let pages = Pages::serve()?;
        let size = (asked.size.width, asked.size.height);
        let browser = asked.browser.as_deref();
        let (played, arm, evidence) = match asked.viewer {
            Viewer::Native => {
                let pings = pings(conditions, PINGS).context("cannot measure the relay on 127.0.0.1")?;
                let url = pages.url(ArmName::Whole);
                let whole = Whole::start_over(programs, &url, size, browser, Some(conditions))?;
                let (whole, played) = type_into(whole, pages.page(ArmName::Whole), asked, corpus, film)?;
                let canvas = whole.canvas().unwrap_or_default();
                let carried = whole.relay().map(Relay::carried).unwrap_or_default();
                (played, ArmName::Whole, Evidence { pings, carried, traces: whole.traces()?, canvas })
            }
            Viewer::Web => {
                let rtt = (!conditions.rtt.is_zero()).then_some(conditions.rtt);
                let web = Web::start(programs, &pages.url(ArmName::Web), size, browser, rtt)?;
                let (_, played) = type_into(web, pages.page(ArmName::Web), asked, corpus, film)?;
                (played, ArmName::Web, Evidence::default())
            }
        };
        let Evidence { pings, carried, traces, canvas } = evidence;
        let comparison = Comparison::of(&corpus.text, &played.text);
        let latencies =
            |samples: &[Sample]| -> Vec<f64> { samples.iter().map(|sample| milliseconds(sample.latency())).collect() };
        let echoes_ms = latencies(&played.segment.samples);
        let whole = Summary::of(&latencies(&played.whole));
        let stages: Vec<_> = played.segment.samples.iter().map(|sample| traces.stages(sample, canvas)).collect();
        let late = figures::late(&stages, conditions.rtt.as_secs_f64() * 1e3);
        let row = Row::of(Mode::Typing, arm, &[played.segment], &traces, canvas).context("a segment gives a row")?;
        let text = (!comparison.is_exact()).then_some(played.text);
        let run = Run { conditions, pings, carried, comparison, text, row, whole, film: played.film, echoes_ms, late };
        self.tell(&run)?;
        Ok(run)
    }

    fn tell(&self, run: &Run) -> anyhow::Result<()> {
        let echo = run.row.latency.map_or_else(String::new, |echo| format!("{:.1} / {:.1} ms", echo.p50, echo.p95));
        let film = if run.film.is_some() { self.language.say(Text(" 映像", " film")) } else { "" };
        let Comparison { typed, committed, .. } = run.comparison;
        let accuracy = run.comparison.accuracy() * 100.0;
        eprintln!("{}/{}  {}{film}  {committed}/{typed}  {accuracy:.2} %  {echo}", self.at, self.of, run.name());
        std::io::stderr().flush().context("cannot write to the terminal")
    }
}

/// What the native viewer's relay and host can tell beside what is seen. Of the web viewer's there is none.
#[derive(Default)]
struct Evidence {
    pings: Pings,
    carried: Carried,
    traces: Traces,
    canvas: u32,
}

/// Types the corpus into an arm's page.
fn type_into<A: Typist>(
    arm: A,
    page: Page,
    asked: &Typing,
    corpus: &Corpus,
    film: bool,
) -> anyhow::Result<(A, play::Played)> {
    let settings = result::Settings {
        rounds: 1,
        keys: 1,
        seconds: 1.0,
        width: asked.size.width,
        height: asked.size.height,
        seed: asked.seed,
    };
    let mut driver = Driver::ready(arm, page, &settings)?;
    let mut random = Random::new(asked.seed);
    let played = play::play(&mut driver, corpus, asked.keys_per_second, film, &mut random)?;
    Ok((driver.arm, played))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn named(arguments: &[&str]) -> Vec<(u128, u32, Option<u64>, bool)> {
        let all = ["shoji-bench", "typing"].iter().chain(arguments);
        let Command::Typing(typing) = Cli::try_parse_from(all).expect("valid").command else { panic!("another") };
        let links = links(&typing).into_iter();
        links.map(|(of, film)| (of.rtt.as_millis(), of.loss_ppm, of.rate, film)).collect()
    }

    #[test]
    fn every_round_trip_meets_every_loss_and_the_nearest_comes_first() {
        let links = named(&[]);
        assert_eq!((links.len(), links[0]), (9, (0, 0, None, false)));
        assert_eq!(links[8], (100, 30_000, None, false));
        assert_eq!(named(&["--rtt", "50", "--loss", "3"]), [(0, 0, None, false), (50, 30_000, None, false)]);
    }

    #[test]
    fn the_web_viewers_links_are_far_but_lose_nothing() {
        assert_eq!(named(&["--viewer", "web"]), [(0, 0, None, false), (50, 0, None, false), (100, 0, None, false)]);
        assert_eq!(named(&["--viewer", "web", "--video"])[1..], [(60, 0, None, false), (60, 0, None, true)]);
    }

    #[test]
    fn a_film_plays_on_the_slow_link_beside_the_same_link_without() {
        let slow = (60, 10_000, Some(2_000_000));
        assert_eq!(
            named(&["--video"]),
            [(0, 0, None, false), (slow.0, slow.1, slow.2, false), (60, 10_000, slow.2, true)]
        );
        assert_eq!(named(&["--video", "--rate", "500k"])[2].2, Some(500_000));
    }
}
