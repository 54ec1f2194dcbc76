//! Owns the measurement of what it costs to decode in a process of its own: each recorded picture goes to a decoder here and to
//! one behind the walls, in turns.
//!
//! Must never let a picture pass that the two show differently, nor give one of them warmer caches: who is first changes with
//! each picture.

use std::io::Write as _;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use shoji_codec::{Size, Time};
use shoji_decoder::process::Program;
use shoji_decoder::{Decode, Decoders};

use crate::arm::host::Programs;
use crate::cli::Decoder;
use crate::codec::contender::{Coded, Contender as _};
use crate::codec::ours::Ours;
use crate::codec::target::{Verdict, verdict};
use crate::codec::{clips, name_of};
use crate::corpus::clip::Player;
use crate::machine::Machine;
use crate::meter::{LoadMeter, descendants};
use crate::report::decoder as report;
use crate::stats::{Summary, median};
use crate::words::{Language, Text};

/// The document's format; a new number where an old reader would read it wrong.
pub const FORMAT: u32 = 1;

/// What the process may add to a picture, in the median.
const REACH_MS: f64 = 0.3;

/// How long the first picture rests, microseconds: more than any refinement.
const REST: u64 = 2_000_000;

/// One clip's pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    /// Its name.
    pub name: String,
    /// All parts of each picture decoded in this process, milliseconds, in order.
    pub here_ms: Vec<f64>,
    /// The same in the other process: until its pixels are in this process's canvas.
    pub process_ms: Vec<f64>,
}

impl Clip {
    /// What the process added to each picture, milliseconds.
    #[must_use]
    pub fn added(&self) -> Option<Summary> {
        Summary::of(&self.process_ms.iter().zip(&self.here_ms).map(|(there, here)| there - here).collect::<Vec<_>>())
    }
}

/// The document that a run writes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Document {
    /// [`FORMAT`].
    pub format: u32,
    /// Where it was made.
    pub machine: Machine,
    /// Milliseconds between two pictures.
    pub pause_ms: u64,
    /// Each clip.
    pub clips: Vec<Clip>,
    /// From asking for a process to the first picture of it, of a canvas of 64x64 pixels, milliseconds.
    pub starts_ms: Vec<f64>,
    /// Cores that other work kept busy meanwhile.
    pub foreign_cores: f64,
    /// The figures against the goal.
    pub verdicts: Vec<Verdict>,
}

/// How often a process is started.
const STARTS: usize = 40;

/// Runs `decoder` and writes its report.
///
/// # Errors
/// Names what is missing or broke, and what to do next.
pub fn decoder(asked: &Decoder) -> anyhow::Result<()> {
    let language = asked.lang.unwrap_or_else(Language::of_environment);
    let programs = Programs::find(asked.programs.as_deref())?;
    let program = Program { path: programs.path("shoji-viewer")?, ..Program::itself() };
    let decoders = [Decoders::InProcess, Decoders::Process(program)];
    let own = descendants(std::process::id());
    let load = LoadMeter::begin(&own);
    let clips = clips(&asked.corpus, &asked.clips)?
        .iter()
        .map(|path| play(path, &decoders, Duration::from_millis(asked.pause)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let starts_ms = starts(&decoders[1])?;
    let document = Document {
        format: FORMAT,
        machine: Machine::here_without_browser(),
        pause_ms: asked.pause,
        verdicts: judge(&clips),
        clips,
        starts_ms,
        foreign_cores: load.foreign_cores(&own),
    };
    print!("{}", report::text(&document, language));
    let written = report::write(&document, &asked.out)?;
    println!();
    println!("{} {}", language.say(Text("報告書:", "report:")), written.html.display());
    println!("{} {}", language.say(Text("データ:", "data:  ")), written.json.display());
    Ok(())
}

fn play(path: &Path, decoders: &[Decoders; 2], pause: Duration) -> anyhow::Result<Clip> {
    let mut clip = Clip { name: name_of(path), here_ms: Vec::new(), process_ms: Vec::new() };
    let mut player = Player::open(path)?;
    let mut ours = Ours::new(shoji_codec::Level::detect())?;
    let mut coded = Coded::with_room();
    let mut pair = [decoders[0].make(), decoders[1].make()];
    let mut pictures = 0;
    while player.step()? {
        coded.clear();
        let at = if pictures == 0 { 0 } else { REST + player.at() };
        ours.encode(&player.frame(), player.damage(), Time(at), &mut coded)?;
        if coded.bytes.is_empty() {
            continue;
        }
        let mut times = [0.0; 2];
        for turn in 0..2 {
            let lane = (turn + pictures) % 2;
            // Both processes sleep between pictures, as they do at work.
            sleep(pause);
            times[lane] = apply(pair[lane].as_mut(), &coded, player.frame().size)?;
        }
        anyhow::ensure!(
            pair[0].canvas().pixels() == pair[1].canvas().pixels(),
            "picture {pictures} of {} differs between the two decoders: please report this line",
            clip.name
        );
        // The first picture has a process to start and all pages to touch; starts are measured by themselves.
        if pictures > 0 {
            clip.here_ms.push(times[0]);
            clip.process_ms.push(times[1]);
        }
        pictures += 1;
        eprint!("\r{}: {pictures}   ", clip.name);
        // Progress that cannot be shown is no reason to stop.
        let _ = std::io::stderr().flush();
    }
    eprintln!();
    Ok(clip)
}

/// Applies all parts of a picture; gives the milliseconds that it took.
fn apply(decoder: &mut dyn Decode, coded: &Coded, size: Size) -> anyhow::Result<f64> {
    let began = Instant::now();
    for part in coded.parts().filter(|part| !part.is_empty()) {
        decoder.apply(part, size)?;
    }
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

fn starts(decoders: &Decoders) -> anyhow::Result<Vec<f64>> {
    let size = Size { width: 64, height: 64 };
    let pixels = vec![0x80; 64 * 64 * 4];
    let frame = shoji_codec::Frame { size, stride: 64 * 4, pixels: &pixels };
    let mut coded = Coded::with_room();
    Ours::new(shoji_codec::Level::detect())?.encode(&frame, &[], Time(0), &mut coded)?;
    let one = |_| {
        let began = Instant::now();
        apply(decoders.make().as_mut(), &coded, size).context("a decoder's process did not start")?;
        Ok(began.elapsed().as_secs_f64() * 1e3)
    };
    (0..STARTS).map(one).collect()
}

/// Judges the clips; where there is no typing, nothing is judged.
#[must_use]
pub fn judge(clips: &[Clip]) -> Vec<Verdict> {
    let added = |name: &str| clips.iter().find(|clip| clip.name == name).and_then(Clip::added);
    let all: Vec<f64> = clips.iter().filter_map(|clip| Some(clip.added()?.p50)).collect();
    let judged = |what, figure| verdict(what, figure, REACH_MS, None, false, "ms");
    vec![
        judged(
            Text("別プロセスの復号、文字入力、中央値", "decoding in a process, typing, added p50"),
            added("typing").map(|added| added.p50),
        ),
        judged(Text("同、スクロール、中央値", "the same, scroll, added p50"), added("scroll").map(|added| added.p50)),
        judged(Text("同、各素材の中央値の中央値", "the same, median of all clips' p50"), median(&all)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Outcome;

    #[test]
    fn what_is_judged_is_what_the_process_adds_to_each_picture() {
        let clip = |added: f64| Clip {
            name: "typing".to_owned(),
            here_ms: vec![1.0, 5.0, 9.0],
            process_ms: vec![1.0 + added, 5.0 + added, 9.0 + added],
        };
        let outcomes = |added| judge(&[clip(added)]).iter().map(|verdict| verdict.outcome).collect::<Vec<_>>();
        assert_eq!(outcomes(0.2), [Outcome::Reached, Outcome::NotMeasured, Outcome::Reached]);
        assert_eq!(outcomes(0.4), [Outcome::Missed, Outcome::NotMeasured, Outcome::Missed]);
    }
}
