//! Owns the command line: what can be asked, its limits and its defaults. Must never start anything.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::carrier::Carrier;
use crate::page::Mode;
use crate::words::Language;

/// Measures Shoji on this machine.
#[derive(Debug, Parser)]
#[command(name = "shoji-bench", version, arg_required_else_help = true)]
#[command(after_help = "Examples:
  shoji-bench latency                                     (how long from a key to its picture)
  shoji-bench typing                                      (whether all that is typed arrives, on bad links too)
  shoji-bench resize                                      (how soon a window of another size is crisp again)
  shoji-bench codec                                       (how fast, small and crisp the codec is)
  shoji-bench record bench/pages/corpus/map/script        (a new clip for the codec's measurements)

What is measured, and how: bench/METHOD.md")]
pub struct Cli {
    /// What to measure
    #[command(subcommand)]
    pub command: Command,
}

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Input to picture, end to end, beside the floor of the same run; with bytes, CPU, memory and exactness
    #[command(after_help = "Examples:
  shoji-bench latency
  shoji-bench latency --rounds 3 --keys 100 --out report
  shoji-bench latency --work key,scroll --size 1280x720
  shoji-bench latency --via-gate --work key,typing   (through gates too: what each adds)
  shoji-bench latency --window          (needs xvfb and xdotool)
  shoji-bench latency --viewer web      (the web viewer too, in a browser's window; needs xvfb)
  shoji-bench latency --viewer web --work key,typing,scroll --rounds 3 --keys 100

The report is latency.html (open it in any browser) and latency.json in the --out folder.
How it is measured: bench/METHOD.md")]
    Latency(Latency),
    /// Japanese typed over far, lossy and slow links: whether every character arrives, and how soon it shows
    #[command(after_help = "Examples:
  shoji-bench typing                                (0, 50 and 100 ms, 0, 1 and 3 % loss; a quarter of an hour)
  shoji-bench typing --rtt 100 --loss 3 --seed 7
  shoji-bench typing --video                        (2 Mbit/s, 60 ms, 1 %, with and without a film in the same page)
  shoji-bench typing --video --rate 1M --rtt 30 --loss 0
  shoji-bench typing --viewer web                   (the web viewer over 0, 50 and 100 ms; needs xvfb)
  shoji-bench typing --scroll --carrier quic,tls    (20 ms, 1 %, with and without a column that scrolls beside)
  shoji-bench typing --scroll --viewer web --carrier webtransport,webrtc,websocket

The first link of each carrier is always the nearest: 0 ms, 0 %. The relay between viewer and host is a part of this program.
Where a carrier over TCP (tls, websocket) is to lose packets, it needs root, and Debian's packages nftables and iproute2.
The report is typing.html (open it in any browser) and typing.json in the --out folder.
How it is measured: bench/METHOD.md")]
    Typing(Typing),
    /// How soon a window that was dragged to another size shows its page exactly again, beside a browser on this machine
    #[command(after_help = "Examples:
  shoji-bench resize                                (40 drags; needs xvfb)
  shoji-bench resize --drags 100 --size 1280x800 --out report

The report is resize.html (open it in any browser) and resize.json in the --out folder.
How it is measured: bench/METHOD.md")]
    Resize(Resize),
    /// Whether the web viewer's memory grows while somebody types and scrolls for long
    #[command(after_help = "Examples:
  shoji-bench heap                     (half an hour; needs xvfb)
  shoji-bench heap --minutes 480       (a working day)

One sample a minute, each after garbage collection.
The report is heap.html (open it in any browser) and heap.json in the --out folder.
How it is measured: bench/METHOD.md")]
    Heap(Heap),
    /// Our codec beside others on recorded clips: time, bytes, CPU and quality
    #[command(after_help = "Examples:
  shoji-bench codec
  shoji-bench codec --clips typing,scroll --out report
  shoji-bench codec --corpus clips

Peers: openh264 on the whole screen, as published and tuned; x264 and libvpx's VP9 if their libraries are installed
(Debian: libx264-164, libvpx7); png, qoi and zstd on the same rectangles.
The report is codec.html, codec.json and codec.csv in the --out folder.
How it is measured: bench/METHOD.md")]
    Codec(Codec),
    /// What it adds to a picture that the viewer decodes in a process without rights
    #[command(after_help = "Examples:
  shoji-bench decoder
  shoji-bench decoder --clips typing,scroll --pause 50 --out report

The report is decoder.html (open it in any browser) and decoder.json in the --out folder.
How it is measured: bench/METHOD.md")]
    Decoder(Decoder),
    /// Records clips of real pages for `codec`: every picture of a real Chromium, with the damage that it reported
    #[command(after_help = "Examples:
  shoji-bench record bench/pages/corpus/*/script
  shoji-bench record bench/pages/corpus/map/script --out clips --frames 60
  shoji-bench record my.script --url http://192.0.2.7/intranet/

A script lies beside the index.html that it is for; its steps are those of shoji-viewer --input.
What a clip is: bench/METHOD.md")]
    Record(Record),
}

/// What shows the session and takes the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Viewer {
    /// The native viewer's link
    #[default]
    Native,
    /// The page that the host serves, in a browser's window
    Web,
}

/// The arguments of `typing`.
#[derive(Debug, Clone, Args)]
pub struct Typing {
    /// Which viewer is typed into
    #[arg(long, value_enum, default_value_t)]
    pub viewer: Viewer,
    /// By what the viewer comes, separated by commas: quic,tls or webtransport,webrtc,websocket [default: quic; the web viewer's own choice]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME")]
    pub carrier: Vec<Carrier>,
    /// Round trips in milliseconds, separated by commas [default: 0,50,100; with --video 60, with --scroll 20]
    #[arg(long, value_delimiter = ',', value_name = "MS", value_parser = clap::value_parser!(u32).range(0..=2000))]
    pub rtt: Vec<u32>,
    /// Losses in percent, separated by commas [default: 0,1,3; with --video or --scroll 1]; the web viewer's need --carrier
    #[arg(long, value_delimiter = ',', value_name = "PERCENT", value_parser = percent)]
    pub loss: Vec<f64>,
    /// Keys a second (1 to 25)
    #[arg(long, default_value_t = 10.0, value_parser = keys_per_second)]
    pub keys_per_second: f64,
    /// Bits per second of the link, for example 2M or 500k [default: no limit; with --video 2M]
    #[arg(long, value_name = "BITS")]
    pub rate: Option<BitRate>,
    /// Measure each link also while a film plays in the same page
    #[arg(long)]
    pub video: bool,
    /// Measure each link also while a long column scrolls in the same page
    #[arg(long)]
    pub scroll: bool,
    /// Type only the beginning: about so many characters
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub characters: Option<u32>,
    /// Size of the canvas in physical pixels
    #[arg(long, default_value = "1920x1080", value_name = "WxH")]
    pub size: CanvasSize,
    /// Folder for the report; made if it is missing
    #[arg(long, default_value = "shoji-bench-report", value_name = "DIR")]
    pub out: PathBuf,
    /// The browser's program (default: as the host finds it)
    #[arg(long, value_name = "PATH")]
    pub browser: Option<PathBuf>,
    /// Folder of shoji-host (default: beside this program)
    #[arg(long, value_name = "DIR")]
    pub programs: Option<PathBuf>,
    /// Seed of the link's chance and of the typist's unevenness
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Language of what is printed (default: from the locale)
    #[arg(long)]
    pub lang: Option<Language>,
}

/// Bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitRate(pub u64);

impl FromStr for BitRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, times) = match text.strip_suffix(['k', 'K']) {
            Some(digits) => (digits, 1_000),
            None => text.strip_suffix(['m', 'M']).map_or((text, 1), |digits| (digits, 1_000_000)),
        };
        let rate = digits.trim().parse::<u64>().ok().and_then(|rate| rate.checked_mul(times));
        match rate {
            // Below that not even the handshake ends in time.
            Some(rate @ 64_000..=10_000_000_000) => Ok(Self(rate)),
            Some(_) => Err(format!("{text} is out of range: 64k to 10000M")),
            None => Err("write bits per second, for example 2M or 500k".to_owned()),
        }
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let percent: f64 = text.parse().map_err(|_| "write percent, for example 1 or 0.5".to_owned())?;
    if (0.0..=50.0).contains(&percent) { Ok(percent) } else { Err(format!("{text} is out of range: 0 to 50")) }
}

fn keys_per_second(text: &str) -> Result<f64, String> {
    let keys: f64 = text.parse().map_err(|_| "write keys a second, for example 10".to_owned())?;
    if (1.0..=25.0).contains(&keys) { Ok(keys) } else { Err(format!("{text} is out of range: 1 to 25")) }
}

/// The arguments of `resize`.
#[derive(Debug, Clone, Args)]
pub struct Resize {
    /// Drags of each window
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub drags: u32,
    /// Sizes that a drag goes through, one each sixtieth of a second
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub steps: u32,
    /// The largest window in physical pixels
    #[arg(long, default_value = "1920x1080", value_name = "WxH")]
    pub size: CanvasSize,
    /// Folder for the report; made if it is missing
    #[arg(long, default_value = "shoji-bench-report", value_name = "DIR")]
    pub out: PathBuf,
    /// The browser's program (default: as the host finds it)
    #[arg(long, value_name = "PATH")]
    pub browser: Option<PathBuf>,
    /// Folder of shoji-host and shoji-viewer (default: beside this program)
    #[arg(long, value_name = "DIR")]
    pub programs: Option<PathBuf>,
    /// Seed of the sizes
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Language of what is printed (default: from the locale)
    #[arg(long)]
    pub lang: Option<Language>,
}

/// The arguments of `heap`.
#[derive(Debug, Clone, Args)]
pub struct Heap {
    /// How long to type and scroll (0: one sample, at the beginning)
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(..=1440))]
    pub minutes: u32,
    /// Size of the canvas in physical pixels
    #[arg(long, default_value = "1280x720", value_name = "WxH")]
    pub size: CanvasSize,
    /// Folder for the report; made if it is missing
    #[arg(long, default_value = "shoji-bench-report", value_name = "DIR")]
    pub out: PathBuf,
    /// The browser's program (default: as the host finds it)
    #[arg(long, value_name = "PATH")]
    pub browser: Option<PathBuf>,
    /// Folder of shoji-host (default: beside this program)
    #[arg(long, value_name = "DIR")]
    pub programs: Option<PathBuf>,
    /// Seed of the pauses between keys
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Language of what is printed (default: from the locale)
    #[arg(long)]
    pub lang: Option<Language>,
}

/// The arguments of `codec`.
#[derive(Debug, Clone, Args)]
pub struct Codec {
    /// Folder of the clips
    #[arg(long, default_value = "bench/corpus", value_name = "DIR")]
    pub corpus: PathBuf,
    /// Only these clips, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub clips: Vec<String>,
    /// Folder for the report; made if it is missing
    #[arg(long, default_value = "shoji-bench-report", value_name = "DIR")]
    pub out: PathBuf,
    /// Language of what is printed (default: from the locale)
    #[arg(long)]
    pub lang: Option<Language>,
}

/// The arguments of `decoder`.
#[derive(Debug, Clone, Args)]
pub struct Decoder {
    /// Folder of the clips
    #[arg(long, default_value = "bench/corpus", value_name = "DIR")]
    pub corpus: PathBuf,
    /// Only these clips, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub clips: Vec<String>,
    /// Milliseconds between two pictures, in which both processes sleep
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(..=1000))]
    pub pause: u64,
    /// Folder for the report; made if it is missing
    #[arg(long, default_value = "shoji-bench-report", value_name = "DIR")]
    pub out: PathBuf,
    /// Folder of shoji-viewer (default: beside this program)
    #[arg(long, value_name = "DIR")]
    pub programs: Option<PathBuf>,
    /// Language of what is printed (default: from the locale)
    #[arg(long)]
    pub lang: Option<Language>,
}

/// The arguments of `record`.
#[derive(Debug, Clone, Args)]
pub struct Record {
    /// What a person does on the page; a clip is named after its script's folder
    #[arg(required = true, value_name = "SCRIPT")]
    pub scripts: Vec<PathBuf>,
    /// Folder for the clips; made if it is missing
    #[arg(long, default_value = "bench/corpus", value_name = "DIR")]
    pub out: PathBuf,
    /// The page to open (default: index.html beside the script)
    #[arg(long)]
    pub url: Option<String>,
    /// Most pictures to keep
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub frames: u32,
    /// Size of the canvas in physical pixels
    #[arg(long, default_value = "1920x1080", value_name = "WxH")]
    pub size: CanvasSize,
    /// The browser's program (default: as the host finds it)
    #[arg(long, value_name = "PATH")]
    pub browser: Option<PathBuf>,
    /// Language of what is printed (default: from the locale)
    #[arg(long)]
    pub lang: Option<Language>,
}

/// The arguments of `latency`.
#[derive(Debug, Clone, Args)]
pub struct Latency {
    /// Rounds in which floor and whole take turns
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub rounds: u32,
    /// Key presses per round; typing and pages take half as many
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub keys: u32,
    /// Seconds of scroll, of animation and of each idling per round (0.5 to 60)
    #[arg(long, default_value_t = 4.0, value_parser = seconds)]
    pub seconds: f64,
    /// Size of the canvas in physical pixels
    #[arg(long, default_value = "1920x1080", value_name = "WxH")]
    pub size: CanvasSize,
    /// Folder for the report; made if it is missing
    #[arg(long, default_value = "shoji-bench-report", value_name = "DIR")]
    pub out: PathBuf,
    /// What to measure, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = Work::ALL)]
    pub work: Vec<Work>,
    /// Measure through gates too (shoji-host gate): one that checks, one that makes pixels anew, and what each adds
    #[arg(long)]
    pub via_gate: bool,
    /// Measure the native window too, under Xvfb
    #[arg(long)]
    pub window: bool,
    /// Measure the web viewer too: it then takes turns with floor and native viewer
    #[arg(long, value_enum, default_value_t)]
    pub viewer: Viewer,
    /// The browser's program (default: as the host finds it)
    #[arg(long, value_name = "PATH")]
    pub browser: Option<PathBuf>,
    /// Folder of shoji-host and shoji-viewer (default: beside this program)
    #[arg(long, value_name = "DIR")]
    pub programs: Option<PathBuf>,
    /// Seed of the pauses between keys
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Language of what is printed (default: from the locale)
    #[arg(long)]
    pub lang: Option<Language>,
}

/// A kind of work to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Work {
    /// A key that changes a small patch
    Key,
    /// A character into a textarea
    Typing,
    /// A key that turns the whole page
    Page,
    /// Scrolling through text
    Scroll,
    /// A canvas animation
    Animation,
    /// A blinking caret, and nothing at all
    Idle,
}

impl Work {
    /// Every kind of work.
    pub const ALL: [Self; 6] = [Self::Key, Self::Typing, Self::Page, Self::Scroll, Self::Animation, Self::Idle];

    /// The scenes that the page shows for it.
    #[must_use]
    pub fn scenes(self) -> &'static [Mode] {
        match self {
            Self::Key => &[Mode::Key],
            Self::Typing => &[Mode::Typing],
            Self::Page => &[Mode::Page],
            Self::Scroll => &[Mode::Scroll],
            Self::Animation => &[Mode::Animation],
            Self::Idle => &[Mode::Caret, Mode::Still],
        }
    }
}

impl std::fmt::Display for Work {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value();
        formatter.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// A canvas size in physical pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CanvasSize {
    /// From left to right.
    pub width: u16,
    /// From top to bottom.
    pub height: u16,
}

/// The page needs this much: both strips, the form and the 720 lines of the animation's canvas below the browser's bars.
const SMALLEST: CanvasSize = CanvasSize { width: 1280, height: 720 };
/// The largest canvas of the protocol.
const LARGEST: CanvasSize = CanvasSize { width: 3840, height: 2160 };

impl FromStr for CanvasSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(['x', 'X', '×']).and_then(|(width, height)| {
            Some(Self { width: width.trim().parse().ok()?, height: height.trim().parse().ok()? })
        });
        let size = parsed.ok_or_else(|| "write width x height in pixels, for example 1920x1080".to_owned())?;
        let within = (SMALLEST.width..=LARGEST.width).contains(&size.width)
            && (SMALLEST.height..=LARGEST.height).contains(&size.height);
        if within { Ok(size) } else { Err(format!("{size} is out of range: from {SMALLEST} to {LARGEST}")) }
    }
}

impl std::fmt::Display for CanvasSize {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}x{}", self.width, self.height)
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "write a number of seconds, for example 4".to_owned())?;
    if (0.5..=60.0).contains(&seconds) { Ok(seconds) } else { Err(format!("{seconds} is out of range: 0.5 to 60")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(arguments: &[&str]) -> Result<Latency, clap::Error> {
        let all = ["shoji-bench", "latency"].iter().chain(arguments);
        Cli::try_parse_from(all).map(|cli| match cli.command {
            Command::Latency(latency) => latency,
            other => panic!("another command: {other:?}"),
        })
    }

    #[test]
    fn the_defaults_measure_everything_at_full_hd() {
        let latency = latency(&[]).expect("defaults are valid");
        assert_eq!(latency.work, Work::ALL);
        assert_eq!(latency.size, CanvasSize { width: 1920, height: 1080 });
    }

    #[test]
    fn work_is_a_list() {
        assert_eq!(latency(&["--work", "key,idle"]).expect("valid").work, [Work::Key, Work::Idle]);
    }

    #[test]
    fn a_rate_is_bits_with_a_unit_or_without() {
        let rate = |text: &str| text.parse().map(|BitRate(rate)| rate);
        assert_eq!([rate("2M"), rate("500k"), rate("64000")], [Ok(2_000_000), Ok(500_000), Ok(64_000)]);
        for wrong in ["2 Mbit", "-1", "1k", "99999999M", ""] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_out_of_range_are_refused_with_the_range() {
        for wrong in [["--rounds", "0"], ["--keys", "1"], ["--seconds", "0"], ["--size", "100x100"], ["--size", "wide"]]
        {
            let told = latency(&wrong).expect_err("it is out of range").to_string();
            assert!(told.contains(wrong[1]), "{told}");
        }
    }
}
