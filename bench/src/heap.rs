//! Owns the measurement of the web viewer's memory over a long session: whether it grows while somebody types and scrolls.
//!
//! The method is written in `bench/METHOD.md`. Must never count what only waits to be collected: each sample is taken after the
//! browser was made to collect.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::ArmName;
use crate::arm::Arm as _;
use crate::arm::host::Programs;
use crate::arm::web::Web;
use crate::cli::Heap;
use crate::drive::Driver;
use crate::machine::Machine;
use crate::meter::Memory;
use crate::page::{Mode, Pages};
use crate::report::heap as report;
use crate::result;
use crate::run::browser_program;
use crate::stats::count;
use crate::words::{Language, Text};

/// The version of what `heap.json` holds.
pub const FORMAT: u32 = 1;

/// What is done in turn, over and over: text that is typed, whole pages, scrolling, and what comes as video.
const SCENES: [Mode; 4] = [Mode::Typing, Mode::Page, Mode::Scroll, Mode::Animation];

/// How much of each in a turn: about half a minute for all, so that each minute has all of them.
const KEYS: u32 = 30;
const SECONDS: f64 = 5.0;

/// What a run leaves behind.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Document {
    /// [`FORMAT`].
    pub format: u32,
    /// Where it was made.
    pub machine: Machine,
    /// How it was asked for.
    pub settings: Settings,
    /// One at the beginning, and one a minute.
    pub samples: Vec<Sample>,
    /// What grew; `None`: the run was too short to say.
    pub growth: Option<Growth>,
}

/// How a run was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    /// How long it was worked with.
    pub minutes: u32,
    /// Canvas width in physical pixels.
    pub width: u16,
    /// Canvas height in physical pixels.
    pub height: u16,
    /// The seed of the pauses between keys.
    pub seed: u64,
}

/// What the web viewer held at a moment, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Since the first.
    pub minutes: f64,
    /// Keys that were given and pictures that the page behind drew until then.
    pub done: u64,
    /// The page.
    pub page: Held,
    /// Its worker, which has the network, the core and the pixels.
    pub worker: Held,
    /// Memory of the core: WebAssembly's only grows.
    pub core: u64,
    /// Of their own in all processes of the viewer's browser and its X server, resident.
    pub resident: u64,
}

/// What scripts hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Objects of JavaScript.
    pub objects: u64,
    /// Buffers beside them, WebAssembly's memory among them, and the browser's own objects that scripts refer to.
    pub beside: u64,
}

/// Bytes a minute by which something grew in the second half of a run, when everything has its working size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// JavaScript's objects in the page.
    pub page: f64,
    /// The same in its worker.
    pub worker: f64,
    /// Buffers and the like beside both.
    pub beside: f64,
    /// The core.
    pub core: f64,
    /// What is resident.
    pub resident: f64,
}

/// Runs `heap` and writes its report.
///
/// # Errors
/// Names what is missing or broke, and what to do next.
pub fn heap(asked: &Heap) -> anyhow::Result<()> {
    let language = asked.lang.unwrap_or_else(Language::of_environment);
    let document = measure(asked, language)?;
    print!("{}", report::text(&document, language));
    let written = report::write(&document, &asked.out)?;
    println!();
    println!("{} {}", language.say(Text("報告書:", "report:")), written.html.display());
    println!("{} {}", language.say(Text("データ:", "data:  ")), written.json.display());
    Ok(())
}

fn measure(asked: &Heap, language: Language) -> anyhow::Result<Document> {
    let (width, height, seed) = (asked.size.width, asked.size.height, asked.seed);
    let programs = Programs::find(asked.programs.as_deref())?;
    // Whatever is missing is said before anything is started.
    programs.path("shoji-host")?;
    let browser = asked.browser.as_deref();
    let machine = Machine::here(&browser_program(browser)?);
    let pages = Pages::serve()?;
    let turn = result::Settings { rounds: 1, keys: KEYS, seconds: SECONDS, width, height, seed };
    eprintln!("{}", language.say(Text("Web ビューアーを起動しています", "starting the web viewer")));
    let web = Web::start(&programs, &pages.url(ArmName::Web), (width, height), browser, None)?;
    let mut driver = Driver::ready(web, pages.page(ArmName::Web), &turn)?;
    driver.arm.watch_memory()?;
    // Once through everything: what is made once is no growth.
    let mut done = work(&mut driver, &turn)?;
    let began = Instant::now();
    let mut samples: Vec<Sample> = Vec::new();
    for minute in 0..=asked.minutes {
        while began.elapsed() < Duration::from_secs(60) * minute {
            done += work(&mut driver, &turn)?;
        }
        let sample = sample(&mut driver, began, done)?;
        eprintln!("{}", report::line(&sample));
        std::io::stderr().flush().context("cannot write to the terminal")?;
        samples.push(sample);
    }
    let growth = Growth::of(&samples);
    let settings = Settings { minutes: asked.minutes, width, height, seed };
    Ok(Document { format: FORMAT, machine, settings, samples, growth })
}

/// One turn of everything; gives how many keys and pictures that were.
fn work(driver: &mut Driver<Web>, turn: &result::Settings) -> anyhow::Result<u64> {
    SCENES.iter().try_fold(0, |done, scene| Ok(done + driver.measure(*scene, 1, turn)?.begun))
}

fn sample(driver: &mut Driver<Web>, began: Instant, done: u64) -> anyhow::Result<Sample> {
    // At rest, so that nothing is on its way.
    driver.rest()?;
    let (page, worker, core) = driver.arm.memory()?;
    let viewer = driver.arm.processes()?.viewer;
    let resident = viewer.into_iter().filter_map(Memory::of).map(|memory| memory.private * 1024).sum();
    Ok(Sample { minutes: began.elapsed().as_secs_f64() / 60.0, done, page, worker, core, resident })
}

impl Growth {
    /// Of the second half of some samples.
    fn of(samples: &[Sample]) -> Option<Self> {
        let late = samples.get(samples.len() / 2..).filter(|late| 3 <= late.len())?;
        let of = |bytes: fn(&Sample) -> u64| slope(late.iter().map(|sample| (sample.minutes, number(bytes(sample)))));
        Some(Self {
            page: of(|sample| sample.page.objects)?,
            worker: of(|sample| sample.worker.objects)?,
            beside: of(|sample| sample.page.beside + sample.worker.beside)?,
            core: of(|sample| sample.core)?,
            resident: of(|sample| sample.resident)?,
        })
    }
}

fn number(bytes: u64) -> f64 {
    count(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// How steeply points rise: the median of all pairs, so that one that lies apart changes nothing.
fn slope(points: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let points: Vec<_> = points.collect();
    let pairs = points.iter().enumerate().flat_map(|(at, one)| points[at + 1..].iter().map(move |other| (one, other)));
    let mut slopes: Vec<f64> = pairs
        .filter(|(one, other)| one.0 < other.0)
        .map(|(one, other)| (other.1 - one.1) / (other.0 - one.0))
        .collect();
    slopes.sort_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_what_most_points_say() {
        let rising = [(0.0, 5.0), (1.0, 7.0), (2.0, 900.0), (3.0, 11.0), (4.0, 13.0)];
        assert_eq!(slope(rising.into_iter()), Some(2.0));
        assert_eq!(slope([(0.0, 5.0)].into_iter()), None);
    }

    #[test]
    fn only_the_second_half_counts_as_growth() {
        let held = |bytes| Held { objects: bytes, beside: 0 };
        let sample = |minutes: u32, bytes| Sample {
            minutes: minutes.into(),
            done: 0,
            page: held(bytes),
            worker: held(0),
            core: 0,
            resident: 0,
        };
        let samples: Vec<_> =
            [1, 4_000, 9_000, 9_000, 9_000, 9_000].into_iter().zip(0..).map(|(b, m)| sample(m, b)).collect();
        assert_eq!(Growth::of(&samples).expect("there are enough").page, 0.0);
        assert_eq!(Growth::of(&samples[..3]), None);
    }
}
