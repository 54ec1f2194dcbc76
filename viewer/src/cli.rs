//! The command line.
//!
//! Owns what can be asked on the command line and what that starts. It must never print the device's key or what was
//! typed. The Japanese words of `--help` are in [`words`], what goes wrong is said by [`failure`].

mod doctor;
mod failure;
mod words;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use shoji_decoder::Decoders;
use shoji_protocol::{AttachHow, KeyboardLayout, Locale};

use self::failure::Failure;
use crate::{
    bundle::Bundle,
    headless::{Viewer, WaitError},
    link::{self, Options},
    memory::Memory,
    observe::{Observer, Trace},
    script,
    texts::{Language, Text},
    ui::palette::Contrast,
    window::{self, MenuKey, Settings, Shortcuts},
};

const EXAMPLES: &str = "\
Examples:
  shoji-viewer connect --bundle pc-012.shoji
      Opens the session in a window. The Pause key opens the menu, Ctrl+Alt+Shift+I shows
      the connection's details, Ctrl+Alt+Shift+F is full screen, F11 goes to the page.
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
    /// Looks at this PC and prints a report: network, device file, way to the host.
    #[command(after_long_help = doctor::EXAMPLES)]
    Doctor(doctor::Doctor),
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
    /// The key that opens the menu; Ctrl with it and the like go to the page.
    #[arg(long, value_enum, default_value = "pause")]
    menu_key: MenuKey,
    /// Whether Ctrl+Alt+Shift+I, Ctrl+Alt+Shift+F and the menu's key are the viewer's (local) or the page's.
    #[arg(long, value_enum, default_value = "local")]
    shortcuts: Shortcuts,
    /// How strongly the viewer's own words and pictures stand out.
    #[arg(long, value_enum, default_value = "normal")]
    contrast: Contrast,
    /// How to reach the host, for tests of the network: by QUIC over UDP, by TLS over TCP, or whichever works (auto).
    #[arg(long, value_enum, default_value = "auto")]
    carrier: link::Choice,
    /// Begins a new session, although you may have one, here or on another PC (without a display: always).
    #[arg(long)]
    new_session: bool,
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
    /// US with dead keys for accents.
    UsInternational,
    /// UK.
    Gb,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
    /// Italian.
    It,
    /// Portuguese.
    Pt,
    /// Brazilian.
    Br,
    /// Korean.
    Kr,
}

impl From<Keyboard> for KeyboardLayout {
    fn from(keyboard: Keyboard) -> Self {
        match keyboard {
            Keyboard::Jp => Self::Jp,
            Keyboard::Us => Self::Us,
            Keyboard::UsInternational => Self::UsInternational,
            Keyboard::Gb => Self::Gb,
            Keyboard::De => Self::De,
            Keyboard::Fr => Self::Fr,
            Keyboard::Es => Self::Es,
            Keyboard::It => Self::It,
            Keyboard::Pt => Self::Pt,
            Keyboard::Br => Self::Br,
            Keyboard::Kr => Self::Kr,
        }
    }
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

/// Where this program decodes: in processes of its own, where it knows how to confine one.
fn decoders() -> Decoders {
    #[cfg(target_os = "linux")]
    return Decoders::Process(shoji_decoder::process::Program::itself());
    #[cfg(not(target_os = "linux"))]
    Decoders::InProcess
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    // Before anything else: a decoder needs no languages, no log, and one thread.
    #[cfg(target_os = "linux")]
    if std::env::args_os().nth(1).is_some_and(|word| word == shoji_decoder::process::WORD) {
        return shoji_decoder::run().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let asked = asked_language(std::env::args_os());
    let matches = words::matches(Cli::command(), asked.unwrap_or_else(system_language));
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let filter = tracing_subscriber::EnvFilter::try_from_env("SHOJI_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let language = cli.lang.unwrap_or_else(system_language);
    let connect = match cli.command {
        Command::Connect(connect) => connect,
        Command::Doctor(doctor) => return doctor.run(language),
    };
    match run(&connect, language) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", error.say(language, &host_of(&connect)));
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

/// The language that the arguments ask for, found before they are understood: their help has one already.
fn asked_language(arguments: impl Iterator<Item = OsString>) -> Option<Language> {
    let mut arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    loop {
        let argument = arguments.next()?;
        let value = match argument.strip_prefix("--lang") {
            Some("") => arguments.next()?,
            Some(value) => value.strip_prefix('=').unwrap_or_default().to_owned(),
            None => continue,
        };
        // What is no language is told by the command line.
        return value.parse().ok();
    }
}

fn system_language() -> Language {
    ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .map_or(Language::Ja, |locale| Language::of_locale(&locale))
}

fn run(connect: &Connect, language: Language) -> Result<(), Failure> {
    let path = connect.bundle.clone().or_else(default_bundle).ok_or(Failure::NoFolder)?;
    let keyboard = connect.keyboard.into();
    let locale = match language {
        Language::Ja => Locale::Ja,
        Language::En => Locale::En,
    };
    let mut options =
        Options { keyboard, locale, carrier: connect.carrier, decoders: decoders(), ..Options::default() };
    let observer: Arc<dyn Observer> = match &connect.trace {
        Some(path) => Arc::new(Trace::create(path).map_err(|error| Failure::Write(path.clone(), error))?),
        None => Arc::new(()),
    };
    let bundle = Bundle::read(&path);
    if connect.headless || connect.screenshot.is_some() || connect.input.is_some() {
        let size = connect.size.unwrap_or((1920, 1080));
        options.viewport = window::viewport((size.0.into(), size.1.into()), connect.scale.unwrap_or(1.0), None);
        let bundle = bundle.map_err(link::Error::from)?;
        return headless(connect, bundle, options, observer, language);
    }
    options.presents_on_decode = false;
    if !connect.new_session {
        options.first = AttachHow::Own;
    }
    let settings = Settings {
        language,
        size: connect.size,
        scale: connect.scale,
        contrast: connect.contrast,
        menu_key: connect.menu_key,
        shortcuts: connect.shortcuts,
        // A measurement is no start of a person.
        memory: if connect.trace.is_some() { None } else { Memory::of_user() },
    };
    let stats = window::run(bundle, options, settings, observer).map_err(Failure::Window)?;
    match (&connect.stats, stats) {
        (Some(path), Some(stats)) => write_stats(path, &stats),
        _ => Ok(()),
    }
}

fn headless(
    connect: &Connect,
    bundle: Bundle,
    options: Options,
    observer: Arc<dyn Observer>,
    language: Language,
) -> Result<(), Failure> {
    let layout = options.keyboard;
    // The script is checked before anything is opened.
    let script = match &connect.input {
        Some(input) => {
            let path = Path::new(input);
            let text = if path.is_file() {
                std::fs::read_to_string(path).map_err(|error| Failure::Read(path.to_owned(), error))?
            } else {
                input.clone()
            };
            script::parse(&text, layout).map_err(Failure::Script)?
        }
        None => Vec::new(),
    };
    let viewer = Viewer::connect(bundle, options, observer)?;
    let result = play(connect, &viewer, &script, layout, language);
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

fn play(
    connect: &Connect,
    viewer: &Viewer,
    script: &[script::Line],
    layout: KeyboardLayout,
    language: Language,
) -> Result<(), Failure> {
    viewer.play(script, layout, connect.timeout)?;
    if let Some(path) = &connect.screenshot {
        let main = viewer.ready(connect.timeout)?;
        match viewer.wait_quiet(Duration::from_millis(connect.settle), connect.timeout) {
            Ok(()) => {}
            // A video never rests; its picture of now is still what was asked for.
            Err(WaitError::Timeout(..)) => {
                let seconds = connect.timeout.as_secs_f64().to_string();
                let text = Text::CliNotAtRest.with(language, &[("seconds", &seconds)]);
                eprintln!("shoji-viewer: {text}");
            }
            Err(error) => return Err(error.into()),
        }
        let png = viewer.png(main)?;
        std::fs::write(path, png).map_err(|error| Failure::Write(path.clone(), error))?;
    } else if connect.input.is_none()
        && let Err(WaitError::Ended(error)) = viewer.wait_until(Text::AwaitedEnd, connect.timeout, |_| None::<()>)
    {
        return Err(error.into());
    }
    Ok(())
}

fn write_stats(path: &Path, stats: &crate::stats::Snapshot) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(stats).expect("figures are valid JSON");
    text.push('\n');
    std::fs::write(path, text).map_err(|error| Failure::Write(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_language_asked_for_is_known_before_the_rest_is_understood() {
        let asked = |line: &str| asked_language(line.split(' ').map(OsString::from));
        assert_eq!(asked("shoji-viewer --lang ja --help"), Some(Language::Ja));
        assert_eq!(asked("shoji-viewer connect --lang=en --help"), Some(Language::En));
        assert_eq!(asked("shoji-viewer connect --lang"), None);
        assert_eq!(asked("shoji-viewer --lang fr"), None);
        assert_eq!(asked("shoji-viewer --language ja"), None);
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
