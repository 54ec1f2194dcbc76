//! `shoji-host doctor`: what can be checked from where the host stands, as a report.
//!
//! Owns the order of a report's lines. [`facts`] gathers, [`findings`] judges: the first knows no sentences, the second no machine.
//! It must never change the machine, and never say of something that it is fine without having looked.

pub mod facts;
pub mod findings;

use std::io::{self, Write as _};
use std::path::Path;

use shoji_evidence::report::{Language, Report};
use shoji_protocol::Locale;

use crate::cli::{Doctor, ReportFormat, ReportLanguage, words};
use crate::config::{self, Config, Overrides};
use crate::{clock, gate, limits};
use facts::Facts;

/// There is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be used, so nothing can be compared with it.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// A gate's cannot be used.
    #[error(transparent)]
    Gate(#[from] gate::config::Error),
    /// More addresses than one run may try.
    #[error("--forbidden was given {0} times: name at most {most} addresses in one run", most = limits::PROBES)]
    Probes(usize),
    /// Standard output is closed or full.
    #[error("cannot print the report: {0}: check the pipe or file that it goes to")]
    Print(#[from] io::Error),
}

/// Prints the report. True: something is wrong.
pub fn run(state: &Path, options: &Doctor) -> Result<bool, Error> {
    if options.forbidden.len() > limits::PROBES {
        return Err(Error::Probes(options.forbidden.len()));
    }
    let config = Config::load(options.config.as_deref(), state, Overrides::default())?;
    let facts = Facts::gather(state, &config, &options.forbidden, clock::unix_seconds());
    print(&report(&facts), options.format, options.lang)
}

/// Prints a report. True: something is wrong.
pub(crate) fn print(report: &Report, format: ReportFormat, language: Option<ReportLanguage>) -> Result<bool, Error> {
    let language = match language {
        Some(ReportLanguage::Ja) => Language::Ja,
        Some(ReportLanguage::En) => Language::En,
        None if words::of_environment() == Locale::Ja => Language::Ja,
        None => Language::En,
    };
    let text = match format {
        ReportFormat::Text => report.text(language),
        ReportFormat::Json => report.json(),
        ReportFormat::Html => report.html(language),
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(report.is_wrong())
}

/// The report of these facts.
pub fn report(facts: &Facts) -> Report {
    Report {
        program: "shoji-host",
        version: env!("CARGO_PKG_VERSION"),
        machine: facts.machine.clone(),
        at: facts.now,
        findings: findings::all(facts),
    }
}
