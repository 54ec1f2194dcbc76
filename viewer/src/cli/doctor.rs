//! `shoji-viewer doctor` on the command line.
//!
//! Owns its arguments, its files and its exit code; what is looked at and what it means is [`crate::doctor`].

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use shoji_evidence::report::Language as Spoken;
use shoji_evidence::segments::{self, Segments, Written};

use crate::doctor::{self, Facts, Unusable};
use crate::texts::Language;

pub(super) const EXAMPLES: &str = "\
Examples:
  shoji-viewer doctor
  shoji-viewer doctor --format html > report.html
  shoji-viewer doctor --bundle pc-012.shoji --forbidden 192.0.2.80:443

An example of segments.toml:
  lgwan = [\"10.0.0.0/8\"]
  internet = [\"192.0.2.0/24\"]
  management = []
  boundary = []

Nothing is changed, and nobody is connected to but the host of the device file and the addresses of --forbidden.
The exit code is 0 if nothing is wrong, 1 if something is; points of attention and what was not checked do not count.";

/// Addresses that one run tries: each may take the whole time.
const MOST: usize = 32;

/// Much more than the declaration of a whole prefecture.
const MAX_FILE: u64 = 256 * 1024;

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// The device file from your administrator; otherwise device.shoji in this user's configuration folder.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// The declared segments; otherwise segments.toml in this user's configuration folder, if it is there.
    #[arg(long, value_name = "FILE")]
    segments: Option<PathBuf>,
    /// How to print the report.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// An address and TCP port that must not answer this PC, tried once (may be repeated, at most 32).
    #[arg(long, value_name = "ADDR:PORT")]
    forbidden: Vec<SocketAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal.
    Text,
    /// For programs, in both languages.
    Json,
    /// One page that needs nothing else.
    Html,
}

impl Doctor {
    pub(super) fn run(&self, language: Language) -> ExitCode {
        let spoken = match language {
            Language::Ja => Spoken::Ja,
            Language::En => Spoken::En,
        };
        let tried = self.forbidden.get(..MOST).unwrap_or(&self.forbidden);
        let facts = Facts::gather(self.bundle.clone().or_else(super::default_bundle), self.segments(), tried);
        let report = doctor::report(&facts);
        let text = match self.format {
            Format::Text => report.text(spoken),
            Format::Json => report.json(),
            Format::Html => report.html(spoken),
        };
        let mut out = std::io::stdout().lock();
        let is_printed = out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok();
        // Addresses that were left out must not look like addresses that stayed silent.
        let is_whole = tried.len() == self.forbidden.len();
        if is_printed && is_whole && !report.is_wrong() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn segments(&self) -> Result<Segments, Unusable> {
        let path = match &self.segments {
            Some(path) => path.clone(),
            None => match super::default_bundle().map(|bundle| bundle.with_file_name("segments.toml")) {
                Some(path) if path.exists() => path,
                _ => return Ok(Segments::default()),
            },
        };
        read(&path).map_err(|why| Unusable { path, why })
    }
}

fn read(path: &Path) -> Result<Segments, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > MAX_FILE {
        return Err(format!("{length} bytes are more than the {MAX_FILE} that such a file may have"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let written: Written = toml::from_str(&text).map_err(|error| error.to_string())?;
    Segments::read(&written).map_err(|error: segments::Error| error.to_string())
}
