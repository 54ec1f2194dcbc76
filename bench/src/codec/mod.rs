//! Owns the comparison of codecs on the corpus: every codec gets the same pictures, picture by picture, in turns.
//!
//! What is compared and how figures are defined is in `bench/METHOD.md`. Must never leave out a picture, a refinement or
//! a peer's best setting to look better.

pub mod contender;
pub mod figures;
pub mod full;
pub mod ours;
pub mod pieces;
pub mod quality;
pub mod target;
#[cfg(target_arch = "x86_64")]
pub mod vpx;
#[cfg(target_arch = "x86_64")]
pub mod x264;

use std::hint::black_box;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};
use shoji_codec::{Frame, Level, Rect, Size, Time};

use crate::allocations;
use crate::cli::Codec;
use crate::corpus::clip::Player;
use crate::machine::Machine;
use crate::report;
use crate::words::{Language, Text};
use contender::{Coded, Contender};
use figures::{Allocations, Clip, Document, FORMAT, OURS, Row};
use full::FullScreen;
use ours::Ours;
use pieces::Lossless;
use quality::Meter;

/// Every so many changed pictures the quality is measured; it takes longer than all codecs together.
const QUALITY_EVERY: usize = 8;

/// A peer that is run at these settings as well on clips where its bytes are compared at equal quality.
const QUANTIZERS: [u8; 4] = [12, 18, 28, 34];
/// x264 at 4 is as near as 4:2:0 in eight bits comes: finer settings take more bytes for the same picture.
const QUALITIES: [u8; 4] = [4, 8, 15, 29];

/// libvpx's quantizer (0 to 63): 45 dB of luma on the scroll and 46 on the animation, where openh264 at 24 has 47 and 46.
const VPX_QUANTIZER: u8 = 28;

/// How long the last picture rests, microseconds: more than any refinement.
const LAST_REST: u64 = 2_000_000;

/// Runs `codec` and writes its report.
///
/// # Errors
/// Names what is missing or broke, and what to do next.
pub fn codec(asked: &Codec) -> anyhow::Result<()> {
    let language = asked.lang.unwrap_or_else(Language::of_environment);
    let paths = clips(&asked.corpus, &asked.clips)?;
    let mut document = Document { format: FORMAT, machine: Machine::here_without_browser(), ..Document::default() };
    eprintln!("{}", language.say(Text("色の変換", "conversion of colours")));
    document.conversions = pieces::conversions()?;
    for path in &paths {
        document.clips.push(play(path, language)?);
    }
    document.verdicts = target::judge(&document);
    print!("{}", report::codec::text(&document, language));
    let written = report::codec::write(&document, &asked.out)?;
    println!();
    for (text, path) in [
        (Text("報告書:", "report:"), &written.html),
        (Text("データ:", "data:  "), &written.json),
        (Text("表:    ", "table: "), &written.csv),
    ] {
        println!("{} {}", language.say(text), path.display());
    }
    Ok(())
}

/// The clips of a folder, sorted; only those of these names, if there are any.
///
/// # Errors
/// If the folder cannot be read or holds none of them.
pub fn clips(corpus: &Path, names: &[String]) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(corpus)
        .with_context(|| format!("cannot read the corpus {}; name its folder with --corpus", corpus.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "clip"))
        .filter(|path| names.is_empty() || names.contains(&name_of(path)))
        .collect();
    paths.sort();
    anyhow::ensure!(
        !paths.is_empty(),
        "there are no such clips in {}; make some with `shoji-bench record`, or name another folder with --corpus",
        corpus.display()
    );
    Ok(paths)
}

/// A clip's name: its file's, without the ending.
#[must_use]
pub fn name_of(path: &Path) -> String {
    path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whoever is compared on a clip of this name and size.
fn contenders(name: &str, size: Size) -> anyhow::Result<Vec<Box<dyn Contender>>> {
    let mut all: Vec<Box<dyn Contender>> = Vec::new();
    for level in Level::all() {
        all.push(Box::new(Ours::new(level)?));
    }
    // The fastest level first: its row is the product's.
    all.reverse();
    all.push(Box::new(FullScreen::published(size)?));
    all.push(Box::new(FullScreen::tuned(size, 24)?));
    if name == "video" {
        for quantizer in QUANTIZERS {
            all.push(Box::new(FullScreen::tuned(size, quantizer)?));
        }
    }
    #[cfg(target_arch = "x86_64")]
    {
        let more = if matches!(name, "animation" | "video") { &QUALITIES[..] } else { &[] };
        for quality in std::iter::once(&23).chain(more) {
            if let Some(x264) = x264::X264::new(size, *quality)? {
                all.push(Box::new(x264));
            }
        }
        if let Some(vpx) = vpx::Vpx::new(size, VPX_QUANTIZER)? {
            all.push(Box::new(vpx));
        }
    }
    Ok(all)
}

/// One contender's measurement so far.
struct Lane {
    codec: Box<dyn Contender>,
    coded: Coded,
    row: Row,
    meter: Meter,
    exact: Option<Time>,
}

/// CPU time of this process in nanoseconds.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

impl Lane {
    fn new(codec: Box<dyn Contender>) -> Self {
        let row = Row { codec: codec.name().to_owned(), ..Row::default() };
        Self { codec, coded: Coded::with_room(), row, meter: Meter::default(), exact: None }
    }

    /// Encodes and decodes a picture; `counts` if it is more than the clip's first one.
    fn take(&mut self, player: &Player, at: Time, counts: bool) -> anyhow::Result<()> {
        self.coded.clear();
        // At work the compositor has just painted these pixels, so that they are as near as the caches allow.
        touch(&player.frame(), player.damage());
        let (before, began, busy) = (allocations::made(), Instant::now(), cpu());
        self.codec.encode(&player.frame(), player.damage(), at, &mut self.coded)?;
        let (encoded, used, between) = (began.elapsed(), cpu() - busy, allocations::made());
        let began = Instant::now();
        self.codec.decode(&self.coded)?;
        let (decoded, after) = (began.elapsed(), allocations::made());
        self.exact = None;
        if counts {
            self.row.encode_us.push(encoded.as_nanos() as f64 / 1e3);
            self.row.decode_us.push(decoded.as_nanos() as f64 / 1e3);
            self.row.cpu_us += used / 1e3;
            self.row.bytes += self.coded.bytes.len() as u64;
            self.row.dropped += u32::from(self.coded.bytes.is_empty());
            self.row.allocations.extend(self.allocated(before, between, after));
        }
        Ok(())
    }

    /// What encoding and decoding allocated between three moments; `None` of peers, whose own libraries are not counted.
    fn allocated(&self, before: Option<u64>, between: Option<u64>, after: Option<u64>) -> Option<Allocations> {
        let is_ours = self.row.codec.split(' ').next() == Some(OURS);
        is_ours.then_some(Allocations { encode: between? - before?, decode: after? - between? })
    }

    /// Lets it refine until then.
    fn rest(&mut self, player: &Player, until: Time) -> anyhow::Result<()> {
        self.coded.clear();
        let (before, busy) = (allocations::made(), cpu());
        if let Some(exact) = self.codec.rest(&player.frame(), until, &mut self.coded)? {
            self.exact = Some(exact);
        }
        self.row.cpu_us += (cpu() - busy) / 1e3;
        self.row.refined += self.coded.bytes.len() as u64;
        let between = allocations::made();
        self.codec.decode(&self.coded)?;
        let made = self.allocated(before, between, allocations::made());
        if let (Some(picture), Some(made)) = (self.row.allocations.last_mut(), made) {
            picture.encode += made.encode;
            picture.decode += made.decode;
        }
        Ok(())
    }
}

/// Reads the damaged pixels once.
fn touch(frame: &Frame<'_>, damage: &[Rect]) {
    for rect in damage {
        for y in rect.y..rect.bottom() {
            let start = y as usize * frame.stride + rect.x as usize * 4;
            let row = &frame.pixels[start..start + rect.width as usize * 4];
            black_box(
                row.as_chunks::<8>().0.iter().fold(0, |sum: u64, bytes| sum.wrapping_add(u64::from_le_bytes(*bytes))),
            );
        }
    }
}

/// The smallest rectangle around all pixels that differ; `None` if none does.
fn changed(before: &[u8], after: &[u8], size: Size) -> Option<Rect> {
    let stride = size.width as usize * 4;
    let mut around: Option<Rect> = None;
    for (y, (old, new)) in before.chunks_exact(stride).zip(after.chunks_exact(stride)).enumerate() {
        if old == new {
            continue;
        }
        let (old, new) = (old.as_chunks::<4>().0, new.as_chunks::<4>().0);
        let differs = |x: &usize| old[*x] != new[*x];
        let (Some(left), Some(right)) = ((0..old.len()).find(differs), (0..old.len()).rfind(differs)) else { continue };
        let line = Rect { x: left as u32, y: y as u32, width: (right - left + 1) as u32, height: 1 };
        around = Some(around.map_or(line, |all| {
            let (x, right) = (all.x.min(line.x), all.right().max(line.right()));
            Rect { x, y: all.y, width: right - x, height: line.bottom() - all.y }
        }));
    }
    around
}

fn play(path: &Path, language: Language) -> anyhow::Result<Clip> {
    let name = name_of(path);
    let mut player = Player::open(path)?;
    anyhow::ensure!(player.step()?, "{} holds no picture; record it again", path.display());
    let size = player.frame().size;
    let mut lanes: Vec<Lane> = contenders(&name, size)?.into_iter().map(Lane::new).collect();
    let mut lossless = Lossless::new()?;
    for lane in &mut lanes {
        lane.take(&player, Time(0), false)?;
        lane.rest(&player, Time(LAST_REST))?;
        lane.row.refined = 0;
        lane.row.cpu_us = 0.0;
    }
    let mut before = player.frame().pixels.to_vec();
    let (mut pictures, mut unchanged, mut at, mut changed_at) = (0, Vec::new(), LAST_REST, LAST_REST);
    while let Some(next) = player.upcoming()? {
        at = LAST_REST + next;
        for lane in &mut lanes {
            lane.rest(&player, Time(at))?;
        }
        player.step()?;
        let Some(area) = changed(&before, player.frame().pixels, size) else {
            // Damage without a change: ours must find out, a peer that is told so need not.
            touch(&player.frame(), player.damage());
            let began = Instant::now();
            let ours = &mut lanes[0];
            ours.coded.clear();
            ours.codec.encode(&player.frame(), player.damage(), Time(at), &mut ours.coded)?;
            unchanged.push(began.elapsed().as_nanos() as f64 / 1e3);
            anyhow::ensure!(ours.coded.bytes.is_empty(), "bytes were sent for a picture in which nothing changed");
            continue;
        };
        pictures += 1;
        changed_at = at;
        let n = lanes.len();
        for i in 0..n {
            // Another one is first each time, and pays for cold caches.
            lanes[(i + pictures) % n].take(&player, Time(at), true)?;
        }
        if pictures % QUALITY_EVERY == 1 {
            for lane in &mut lanes {
                // Our levels give the same bytes.
                if !lane.row.codec.starts_with("shoji ") {
                    lane.meter.add(&player.frame(), lane.codec.picture());
                }
            }
        }
        lossless.add(&player.frame(), area)?;
        before.copy_from_slice(player.frame().pixels);
        eprint!("\r{name}: {pictures} {}   ", language.say(Text("コマ", "pictures")));
        // Progress that cannot be shown is no reason to stop.
        let _ = std::io::stderr().flush();
    }
    for lane in &mut lanes {
        lane.rest(&player, Time(at + LAST_REST))?;
        lane.row.quality = lane.meter.quality();
        lane.row.exact_after_ms = lane.exact.map(|exact| exact.0.saturating_sub(changed_at) as f64 / 1e3);
        let is_exact = player.frame().pixels.as_chunks::<4>().0.iter().zip(lane.codec.picture().as_chunks::<4>().0);
        lane.row.exact_at_rest = is_exact.clone().all(|(a, b)| a[..3] == b[..3]);
    }
    eprintln!();
    let rows = lanes.into_iter().map(|lane| lane.row).collect();
    Ok(Clip {
        name,
        width: size.width,
        height: size.height,
        pictures,
        unchanged_us: unchanged,
        rows,
        lossless: lossless.figures(),
    })
}
