//! Owns measuring how soon a window that was dragged to another size shows the page exactly again: the real viewer with a real host
//! and browser, and beside it the same browser in a window of its own, dragged in turns to the same sizes.
//!
//! What counts as seen is what lies in the X server's picture. Must never look into the page or the viewer for it.

pub mod figures;
mod hand;
mod screen;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::response::Html;
use tempfile::TempDir;

use crate::arm::display::{Display, Ended, Screen};
use crate::arm::host::{Host, Programs};
use crate::arm::web::Chromium;
use crate::arm::{START_PATIENCE, folder};
use crate::cli::Resize;
use crate::clock::now;
use crate::loopback::Server;
use crate::machine::Machine;
use crate::meter::{LoadMeter, descendants};
use crate::random::Random;
use crate::report::resize as report;
use crate::run::browser_program;
use crate::stats::milliseconds;
use crate::words::{Language, Text};
use figures::{Arm, Document, FORMAT, Row, Settings, judge};
use hand::Hand;

/// From one size to the next: a display's rate.
const INTERVAL: Duration = Duration::from_micros(16_667);
/// How often the screen is looked at: the error of each time, besides what the thread wakes too late.
const LOOK: Duration = Duration::from_micros(500);
/// How long a picture may take to be exact.
const PATIENCE: Duration = Duration::from_secs(20);
/// The narrowest and lowest window, a part of the largest in percent.
const LEAST: u64 = 60;

/// Runs `resize` and writes its report.
///
/// # Errors
/// Names what is missing or broke, and what to do next.
pub fn resize(asked: &Resize) -> anyhow::Result<()> {
    let language = asked.lang.unwrap_or_else(Language::of_environment);
    let document = measure(asked, language)?;
    print!("{}", report::text(&document, language));
    let written = report::write(&document, &asked.out)?;
    println!();
    println!("{} {}", language.say(Text("報告書:", "report:")), written.html.display());
    println!("{} {}", language.say(Text("データ:", "data:  ")), written.json.display());
    Ok(())
}

fn measure(asked: &Resize, language: Language) -> anyhow::Result<Document> {
    let programs = Programs::find(asked.programs.as_deref())?;
    // Whatever is missing is said before anything is started.
    programs.path("shoji-host")?;
    programs.path("shoji-viewer")?;
    let program = browser_program(asked.browser.as_deref())?;
    let machine = Machine::here(&program);
    let page = axum::routing::get(|| async { Html(include_str!("page.html")) });
    let server = Server::start("pages", axum::Router::new().route("/", page))
        .context("cannot serve the page on 127.0.0.1; is the loopback interface up?")?;
    let url = format!("http://{}/", server.address());
    let largest = (u32::from(asked.size.width), u32::from(asked.size.height));
    let mut windows =
        [Window::local(&program, &url, largest)?, Window::viewer(&programs, &url, largest, asked.browser.as_deref())?];
    let mut random = Random::new(asked.seed);
    let mut rows = [Arm::Local, Arm::Viewer].map(|arm| Row { arm, times_ms: Vec::new() });
    let own = descendants(std::process::id());
    let load = LoadMeter::begin(&own);
    let mut from = largest;
    for drag in 1..=asked.drags {
        let to = another(from, largest, &mut random);
        eprint!("{drag}/{}  {}x{} → {}x{}", asked.drags, from.0, from.1, to.0, to.1);
        for (window, row) in windows.iter_mut().zip(&mut rows) {
            let time = window.drag(from, to, asked.steps).with_context(|| format!("drag {drag}"))?;
            eprint!("  {} {time:.0} ms", language.say(row.arm.text()));
            row.times_ms.push(time);
        }
        eprintln!();
        std::io::stderr().flush().context("cannot write to the terminal")?;
        from = to;
    }
    let foreign_cores = load.foreign_cores(&own);
    Ok(Document {
        format: FORMAT,
        machine,
        settings: Settings {
            drags: asked.drags,
            steps: asked.steps,
            interval_ms: INTERVAL.as_secs_f64() * 1e3,
            width: asked.size.width,
            height: asked.size.height,
            seed: asked.seed,
        },
        verdicts: judge(&rows),
        rows: rows.into(),
        foreign_cores,
    })
}

/// A size of another width and height, odd ones included.
fn another(from: (u32, u32), largest: (u32, u32), random: &mut Random) -> (u32, u32) {
    let mut side = |from: u32, largest: u32| {
        let least = u32::try_from(u64::from(largest) * LEAST / 100).unwrap_or(largest);
        let drawn = least + u32::try_from(random.below(u64::from(largest - least))).unwrap_or_default();
        if drawn == from { drawn + 1 } else { drawn }
    };
    (side(from.0, largest.0), side(from.1, largest.1))
}

/// What makes the window's picture; in the order in which it ends.
enum Maker {
    Browser { _browser: Chromium },
    Viewer { _viewer: Ended, _host: Host },
}

/// A window on a display of its own.
struct Window {
    hand: Hand,
    screen: Screen,
    /// Pixels between the page and the window's own edge.
    frame: Option<u32>,
    _maker: Maker,
    _display: Display,
    // The screen's picture is in it.
    _folder: TempDir,
}

impl Window {
    /// Chromium by itself.
    fn local(program: &Path, url: &str, largest: (u32, u32)) -> anyhow::Result<Self> {
        let (display, folder) = display(largest)?;
        // It meets no host, so there is no key to trust.
        let mut browser = Chromium::start(program, &display, largest, "")?;
        browser.open(url)?;
        Self::ready(Maker::Browser { _browser: browser }, display, folder, largest)
    }

    /// The viewer, with a host and its browser.
    fn viewer(programs: &Programs, url: &str, largest: (u32, u32), browser: Option<&Path>) -> anyhow::Result<Self> {
        let (display, folder) = display(largest)?;
        let host = Host::start(programs, url, browser)?;
        let bundle = host.device("resize", host.address())?;
        let program = programs.path("shoji-viewer")?;
        // It has explained itself before.
        let state = folder.path().join("state");
        let explained = state.join("shoji");
        std::fs::create_dir_all(&explained)
            .and_then(|()| std::fs::write(explained.join("viewer-explained"), ""))
            .context("cannot write to the temporary folder")?;
        let viewer = display
            .command(&program.display().to_string())
            .args(["connect", "--new-session", "--size", "800x600", "--bundle"])
            .arg(bundle)
            .env("XDG_STATE_HOME", state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Self::ready(Maker::Viewer { _viewer: Ended(viewer), _host: host }, display, folder, largest)
    }

    fn ready(maker: Maker, display: Display, folder: TempDir, largest: (u32, u32)) -> anyhow::Result<Self> {
        let hand = Hand::take(display.name(), 300)?;
        let path: PathBuf = Screen::path(folder.path());
        let screen = Screen::open(&path).context("cannot read the X server's picture")?;
        let mut window = Self { hand, screen, frame: None, _maker: maker, _display: display, _folder: folder };
        window.hand.size(largest)?;
        window.exact(largest, START_PATIENCE).context("the page's first picture does not come")?;
        // The first picture stays: from now on the frame is known, and a picture of nearly the same size is told apart.
        window.frame = screen::exact(&window.screen.picture(), largest.0, largest.1);
        Ok(window)
    }

    /// Drags its corner and gives the milliseconds from the rest to the exact picture.
    fn drag(&mut self, from: (u32, u32), to: (u32, u32), steps: u32) -> anyhow::Result<f64> {
        // The other window's drag is over; what follows it in the browsers is not measured.
        sleep(Duration::from_millis(700));
        let rested = self.hand.drag(from, to, steps, INTERVAL)?;
        let seen = self.exact(to, PATIENCE)?;
        Ok(milliseconds(seen.saturating_sub(rested).cast_signed()))
    }

    /// Waits for the exact picture and says when it was there.
    fn exact(&mut self, (width, height): (u32, u32), patience: Duration) -> anyhow::Result<u64> {
        let until = Instant::now() + patience;
        loop {
            self.screen.read(screen::rows(height)).context("cannot read the X server's picture")?;
            let at = now();
            let frame = screen::exact(&self.screen.picture(), width, height);
            if frame.is_some_and(|frame| self.frame.is_none_or(|known| known == frame)) {
                return Ok(at);
            }
            anyhow::ensure!(Instant::now() < until, "a window of {width}x{height} never showed the page exactly");
            sleep(LOOK);
        }
    }
}

/// A display on which the largest window has room, and the folder of its picture.
fn display((width, height): (u32, u32)) -> anyhow::Result<(Display, TempDir)> {
    let folder = folder::temporary().context("cannot make a temporary folder for the X server's picture")?;
    let display = Display::start(width, height, Some(folder.path())).context("resize needs an X server")?;
    Ok((display, folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_lie_within_the_largest_and_always_change() {
        let (largest, mut random) = ((1920, 1080), Random::new(1));
        let mut from = largest;
        for _ in 0..1_000 {
            let to = another(from, largest, &mut random);
            assert!((1152..=1920).contains(&to.0) && (648..=1080).contains(&to.1), "{to:?}");
            assert!(to.0 != from.0 && to.1 != from.1);
            from = to;
        }
    }
}
