//! The command line.
//!
//! Owns the words of the command line and what they start. It must never print the device's key or what was typed.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use shoji_protocol::{KeyboardLayout, Locale};

use crate::{
    bundle::Bundle,
    headless::{Viewer, WaitError},
    link::{self, Options},
    observe::{Observer, Trace},
    script,
    texts::Language,
    window::{self, Settings},
};

const EXAMPLES: &str = "\
Examples:
  shoji-viewer connect --bundle pc-012.shoji
      Opens the session in a window. Ctrl+Alt+Shift+I shows the connection's details,
      Ctrl+Alt+Shift+F is full screen, F11 goes to the page.
  shoji-viewer connect --bundle pc-012.shoji --screenshot page.png
      Without a display: waits until the page is quiet, writes its picture, ends the session.
  shoji-viewer connect --bundle pc-012.shoji --input 'key Ctrl+L; type \"example.jp\\n\"; wait quiet 1000' \\
      --screenshot page.png --stats figures.json
  shoji-viewer connect --bundle pc-012.shoji --headless --timeout 60 --stats figures.json
      Stays for a minute and writes the figures.

Steps of a script (--input), separated by line breaks or `;`:
  type \"text\"            key Ctrl+L              click X Y [right|middle|double]
  move X Y               drag X1 Y1 X2 Y2        scroll X Y NOTCHES
  wait quiet [MS]        wait change             resize W H [SCALE]
  screenshot FILE        # a comment";

/// Shows a browser that runs in the internet segment.
#[derive(Debug, Parser)]
#[command(name = "shoji-viewer", version, about, after_long_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Language of the viewer's own texts; otherwise that of the system.
    #[arg(long, global = true, value_name = "ja|en")]
    lang: Option<Language>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Connects to the host of a device file and opens a session.
    #[command(after_long_help = EXAMPLES)]
    Connect(Connect),
}

#[derive(Debug, Args)]
struct Connect {
    /// The device file from your administrator; otherwise device.shoji in this user's configuration folder.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Works without a display.
    #[arg(long)]
    headless: bool,
    /// Waits until the page is quiet, or for --timeout, and writes its picture (implies --headless).
    #[arg(long, value_name = "FILE.png")]
    screenshot: Option<PathBuf>,
    /// Plays a script: a file, or the script itself (implies --headless).
    #[arg(long, value_name = "SCRIPT")]
    input: Option<String>,
    /// Writes the connection's figures at the end.
    #[arg(long, value_name = "FILE.json")]
    stats: Option<PathBuf>,
    /// Size of the picture in physical pixels.
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<(u16, u16)>,
    /// How large things are drawn, 1 to 3; otherwise as the display says.
    #[arg(long, value_name = "S", value_parser = scale)]
    scale: Option<f64>,
    /// How many seconds each wait may take without a display.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    timeout: Duration,
    /// How many milliseconds without a change are quiet, for --screenshot.
    #[arg(long, value_name = "MS", default_value = "1000")]
    settle: u64,
    /// The keyboard in front of you.
    #[arg(long, value_enum, default_value = "jp")]
    keyboard: Keyboard,
    /// Leaves the session running at the end instead of ending it (without a display).
    #[arg(long)]
    keep: bool,
    /// Writes the times of input and pictures as JSON lines, for measurements.
    #[arg(long, value_name = "FILE.jsonl")]
    trace: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Keyboard {
    /// Japanese, JIS.
    Jp,
    /// US.
    Us,
}

fn size(text: &str) -> Result<(u16, u16), String> {
    text.split_once('x')
        .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)))
        .filter(|(width, height)| (320..=3840).contains(width) && (240..=2160).contains(height))
        .ok_or_else(|| "expected WIDTHxHEIGHT between 320x240 and 3840x2160".to_owned())
}

fn scale(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|scale| (1.0..=3.0).contains(scale)).ok_or_else(|| "expected 1 to 3".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| (0.1..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "expected seconds, 0.1 to 86400".to_owned())
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("SHOJI_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let language = cli.lang.unwrap_or_else(system_language);
    let Command::Connect(connect) = cli.command;
    match run(&connect, language) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match error.downcast_ref::<link::Error>() {
                Some(error) => {
                    let message = error.message(language, &host_of(&connect));
                    eprintln!("{}\n{}\n{}", message.title, message.body, message.next);
                }
                None => eprintln!("shoji-viewer: {error:#}"),
            }
            ExitCode::FAILURE
        }
    }
}

fn host_of(connect: &Connect) -> String {
    let bundle = connect.bundle.clone().or_else(default_bundle).and_then(|path| Bundle::read(&path).ok());
    bundle.map_or_else(|| "—".to_owned(), |bundle| bundle.host().to_owned())
}

fn default_bundle() -> Option<PathBuf> {
    let directories = directories::ProjectDirs::from("", "", "shoji")?;
    Some(directories.config_dir().join("device.shoji"))
}

fn system_language() -> Language {
    ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .map_or(Language::Ja, |locale| Language::of_locale(&locale))
}

fn run(connect: &Connect, language: Language) -> anyhow::Result<()> {
    let path = connect
        .bundle
        .clone()
        .or_else(default_bundle)
        .context("this user has no configuration folder; use --bundle FILE")?;
    let keyboard = match connect.keyboard {
        Keyboard::Jp => KeyboardLayout::Jp,
        Keyboard::Us => KeyboardLayout::Us,
    };
    let locale = match language {
        Language::Ja => Locale::Ja,
        Language::En => Locale::En,
    };
    let mut options = Options { keyboard, locale, ..Options::default() };
    let observer: Arc<dyn Observer> = match &connect.trace {
        Some(path) => Arc::new(Trace::create(path).with_context(|| format!("cannot write {}", path.display()))?),
        None => Arc::new(()),
    };
    let bundle = Bundle::read(&path);
    if connect.headless || connect.screenshot.is_some() || connect.input.is_some() {
        let size = connect.size.unwrap_or((1920, 1080));
        options.viewport = window::viewport((size.0.into(), size.1.into()), connect.scale.unwrap_or(1.0), None);
        let bundle = bundle.map_err(link::Error::from)?;
        return headless(connect, bundle, options, observer);
    }
    options.presents_on_decode = false;
    let settings = Settings { language, size: connect.size, scale: connect.scale };
    let stats = window::run(bundle, options, settings, observer).map_err(|error| match error {
        window::Error::Display(_) => {
            anyhow::Error::new(error).context("no display here; use --headless or --screenshot FILE.png")
        }
        window::Error::Surface(_) => anyhow::Error::new(error),
    })?;
    match (&connect.stats, stats) {
        (Some(path), Some(stats)) => write_stats(path, &stats),
        _ => Ok(()),
    }
}

fn headless(connect: &Connect, bundle: Bundle, options: Options, observer: Arc<dyn Observer>) -> anyhow::Result<()> {
    let layout = options.keyboard;
    // The script is checked before anything is opened.
    let script = match &connect.input {
        Some(input) => {
            let path = Path::new(input);
            let text = if path.is_file() {
                std::fs::read_to_string(path).with_context(|| format!("cannot read {input}"))?
            } else {
                input.clone()
            };
            script::parse(&text, layout).with_context(|| "the script has a mistake".to_owned())?
        }
        None => Vec::new(),
    };
    let viewer = Viewer::connect(bundle, options, observer)?;
    let result = play(connect, &viewer, &script, layout);
    if let Some(path) = &connect.stats {
        write_stats(path, &viewer.stats())?;
    }
    if connect.keep {
        drop(viewer);
    } else {
        viewer.end();
    }
    result
}

fn play(connect: &Connect, viewer: &Viewer, script: &[script::Line], layout: KeyboardLayout) -> anyhow::Result<()> {
    viewer.play(script, layout, connect.timeout)?;
    if let Some(path) = &connect.screenshot {
        let main = viewer.ready(connect.timeout).map_err(flat)?;
        match viewer.wait_quiet(Duration::from_millis(connect.settle), connect.timeout) {
            Ok(()) => {}
            // A video never rests; its picture of now is still what was asked for.
            Err(WaitError::Timeout(..)) => {
                eprintln!(
                    "shoji-viewer: the page did not come to rest within {:?}; taking it as it is",
                    connect.timeout
                );
            }
            Err(error) => return Err(flat(error)),
        }
        let png = viewer.png(main)?;
        std::fs::write(path, png).with_context(|| format!("cannot write {}", path.display()))?;
    } else if connect.input.is_none()
        && let Err(WaitError::Ended(error)) = viewer.wait_until("the end", connect.timeout, |_| None::<()>)
    {
        return Err(error.into());
    }
    Ok(())
}

/// A lost connection is explained like one that was never made.
fn flat(error: WaitError) -> anyhow::Error {
    match error {
        WaitError::Ended(error) => error.into(),
        other => other.into(),
    }
}

fn write_stats(path: &Path, stats: &crate::stats::Snapshot) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(stats)?;
    text.push('\n');
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_and_scales_outside_the_protocols_limits_are_refused() {
        assert_eq!(size("1920x1080"), Ok((1920, 1080)));
        for wrong in ["", "1920", "319x240", "3841x2160", "99999x99999", "axb"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert!(scale("0.9").is_err() && scale("nan").is_err() && scale("1.25").is_ok());
        assert!(seconds("nan").is_err() && seconds("-1").is_err());
    }
}
