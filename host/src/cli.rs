//! The command line: what can be asked of the program.
//!
//! Every command's `--help` has an example, in English here and in Japanese in [`words`]; every error says the cause and
//! the next step. The work is done elsewhere: [`crate::commands`] for what needs no running host, [`crate::serve`] and [`crate::worker`] for the rest.

pub mod words;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::enrolment::Code;
use crate::limits;
use crate::registry::Name;

/// The host program of Shoji: runs browsers and shows their picture to viewers.
#[derive(Debug, Parser)]
#[command(name = "shoji-host", version, max_term_width = 110)]
#[command(after_help = "Example, a first session on this machine:\n  \
    shoji-host user add hanako\n  \
    shoji-host device add pc-101 --out pc-101.shoji\n  \
    shoji-host serve")]
pub struct Cli {
    /// Where certificates, users and devices are kept [default: /var/lib/shoji as root, else the user's state directory].
    #[arg(long, global = true, value_name = "DIR", env = "SHOJI_STATE")]
    pub state: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// What this program was asked on its command line. Help and mistakes are answered here, and end the program.
    pub fn of_arguments() -> Self {
        let matches = words::matches(Self::command(), words::of_environment());
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the host: accept viewers and run their sessions.
    #[command(after_help = "Examples:\n  shoji-host serve\n  \
        shoji-host serve --listen 127.0.0.1:0 --start-url https://www.example.jp/\n  \
        shoji-host serve --start-url http://127.0.0.1:8080/ --also-allow 127.0.0.1/32")]
    Serve(Serve),
    /// One session's worker; started by `serve` only.
    #[command(hide = true)]
    Worker(Worker),
    /// Make the certificate authority and the state directory (other commands do so when needed).
    #[command(after_help = "Example:\n  shoji-host init --state /srv/shoji")]
    Init,
    /// Users: who may have sessions.
    #[command(subcommand)]
    User(User),
    /// Devices: the PCs that may connect.
    #[command(subcommand)]
    Device(Device),
    /// List the running host's sessions.
    #[command(after_help = "Example:\n  shoji-host sessions --json")]
    Sessions {
        /// As JSON, one line.
        #[arg(long)]
        json: bool,
    },
    /// Act on one session.
    #[command(subcommand)]
    Session(Session),
    /// Write the certificate of this host's authority: browsers that trust it show the web viewer without a warning.
    #[command(after_help = "Example:\n  shoji-host ca --out shoji-ca.crt")]
    Ca {
        /// The certificate's file (PEM), to be installed in browsers; without it, the certificate is printed.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Look at this machine and print a report: network, certificates, sandbox, browser, clock.
    #[command(after_help = "Examples:\n  shoji-host doctor\n  \
        shoji-host doctor --lang ja --format html > report.html\n  \
        shoji-host doctor --forbidden 10.1.2.3:445 --forbidden 10.1.2.3:3389")]
    Doctor(Doctor),
    /// Print everything that can cross the boundary: every message, field, type and limit.
    #[command(after_help = "Example:\n  shoji-host boundary --format md > boundary.md")]
    Boundary {
        /// How to print it.
        #[arg(long, value_enum, default_value = "md")]
        format: Format,
    },
    /// Run a gate: a relay in the boundary that ends both connections, checks every message and says it anew.
    #[command(after_help = "Examples:\n  \
        shoji-host device add gate-1 --as-gate --out gate-1.shoji\n  \
        shoji-host device add pc-101 --gate 192.0.2.20:4433 --out pc-101.shoji\n  \
        shoji-host gate --identity gate-1.shoji\n  \
        shoji-host gate --identity gate-1.shoji --pixels\n  \
        shoji-host gate --config gate.toml --print-boundary\n  \
        shoji-host gate doctor --config gate.toml --forbidden 10.1.2.3:445")]
    Gate(Gate),
}

/// `gate`.
#[derive(Debug, Clone, Default, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Gate {
    /// Something else than running it.
    #[command(subcommand)]
    pub command: Option<GateCommand>,
    /// The configuration file [default: none, every key at its default].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The gate's own identity, as `device add --as-gate` wrote it.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Address and port where viewers connect, by UDP and by TCP; port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Where monitors ask for /healthz and /metrics [default: 127.0.0.1:9433]; "" for nowhere.
    #[arg(long, value_name = "ADDR:PORT")]
    pub health: Option<String>,
    /// Decode the host's pictures, in processes without rights, and make updates anew from their pixels: not a byte of an update passes.
    #[arg(long)]
    pub pixels: bool,
    /// Print everything that passes this gate, and its limits, and end.
    #[arg(long)]
    pub print_boundary: bool,
    /// Print `ready ADDR:PORT` on standard output once listening (and `health ADDR:PORT`), and nothing else there.
    #[arg(long)]
    pub print_ready: bool,
    /// Logs as JSON lines.
    #[arg(long)]
    pub log_json: bool,
}

/// `gate …`.
#[derive(Debug, Clone, Subcommand)]
pub enum GateCommand {
    /// Look at the machine of a gate and print a report; it ends with 1 if something is wrong.
    #[command(after_help = "Examples:\n  \
        shoji-host gate doctor --identity gate-1.shoji\n  \
        shoji-host gate doctor --config gate.toml --forbidden 10.1.2.3:445 --format html > report.html")]
    Doctor(GateDoctor),
}

/// `gate doctor`.
#[derive(Debug, Clone, Args)]
pub struct GateDoctor {
    /// The gate's own identity, as `device add --as-gate` wrote it.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// How to look and to print.
    #[command(flatten)]
    pub report: Doctor,
}

/// `serve`.
#[derive(Debug, Clone, Default, Args)]
pub struct Serve {
    /// The configuration file [default: host.toml in the state directory, if it is there].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port to listen on, by UDP and by TCP; port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// The page that a new session opens [default: the built-in welcome page].
    #[arg(long, value_name = "URL")]
    pub start_url: Option<String>,
    /// Let browsers also reach this address or prefix, at every port, although it is not the internet (tests, demonstrations; may
    /// be repeated; adds to also_allow in host.toml).
    #[arg(long, value_name = "PREFIX")]
    pub also_allow: Vec<String>,
    /// Write time stamps of inputs and updates there, for shoji-bench (numbers only).
    #[arg(long, value_name = "DIR")]
    pub trace_dir: Option<PathBuf>,
    /// Print `ready ADDR:PORT` on standard output once listening, and nothing else there.
    #[arg(long)]
    pub print_ready: bool,
    /// Logs as JSON lines.
    #[arg(long)]
    pub log_json: bool,
}

/// `worker`: its sockets are its standard input (supervisor) and output (Wayland).
#[derive(Debug, Clone, Args)]
pub struct Worker {
    /// The session's number, for logs.
    #[arg(long)]
    pub session: u64,
    /// The inherited file descriptor for the trace.
    #[arg(long, value_name = "FD")]
    pub trace: Option<i32>,
    /// Logs as JSON lines.
    #[arg(long)]
    pub log_json: bool,
}

/// `user`.
#[derive(Debug, Subcommand)]
pub enum User {
    /// Add a user.
    #[command(after_help = "Example:\n  shoji-host user add hanako")]
    Add {
        /// The user's name.
        name: Name,
    },
    /// List the users.
    #[command(after_help = "Example:\n  shoji-host user list")]
    List,
}

/// `device`.
#[derive(Debug, Subcommand)]
pub enum Device {
    /// Add a device and write its bundle: the one file that a viewer needs.
    #[command(after_help = "Example:\n  shoji-host device add pc-101 --user hanako --days 365 --out pc-101.shoji")]
    Add {
        /// The device's name.
        name: Name,
        /// Whose device it is [default: the only user].
        #[arg(long, value_name = "NAME")]
        user: Option<Name>,
        /// Days until its certificate ends.
        #[arg(long, default_value_t = limits::DEFAULT_DEVICE_DAYS)]
        days: u32,
        /// The bundle's file [default: NAME.shoji].
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Where the viewer finds the host [default: what the running host or the configuration says].
        #[arg(long, value_name = "HOST:PORT")]
        host: Option<String>,
        /// The viewer connects through the gate that is there, and expects a gate.
        #[arg(long, value_name = "HOST:PORT", conflicts_with = "host")]
        gate: Option<String>,
        /// The device is a gate: it may speak on behalf of other devices, and has no sessions of its own.
        #[arg(long, conflicts_with = "gate")]
        as_gate: bool,
    },
    /// List the devices, and the browsers that wait to become one.
    #[command(after_help = "Example:\n  shoji-host device list")]
    List,
    /// Approve a browser that waits to become a device, by the code that it shows.
    #[command(after_help = "Example:\n  shoji-host device approve BCDF-GHJK --user hanako --name pc-102 --days 365")]
    Approve {
        /// The code that the browser shows.
        code: Code,
        /// Whose device it is [default: the only user].
        #[arg(long, value_name = "NAME")]
        user: Option<Name>,
        /// The device's name [default: what its user calls it].
        #[arg(long, value_name = "NAME")]
        name: Option<Name>,
        /// Days until the approval ends.
        #[arg(long, default_value_t = limits::DEFAULT_DEVICE_DAYS)]
        days: u32,
    },
    /// Refuse a browser that waits: it is no longer listed, and may ask again.
    #[command(after_help = "Example:\n  shoji-host device refuse BCDF-GHJK")]
    Refuse {
        /// The code that the browser shows.
        code: Code,
    },
    /// Revoke a device: its sessions end at once and it can not connect again.
    #[command(after_help = "Example:\n  shoji-host device revoke pc-101")]
    Revoke {
        /// The device's name.
        name: Name,
    },
}

/// `session`.
#[derive(Debug, Subcommand)]
pub enum Session {
    /// End a session and its browser.
    #[command(after_help = "Example:\n  shoji-host session end 3")]
    End {
        /// Its number, from `shoji-host sessions`.
        id: u64,
    },
}

/// `doctor`.
#[derive(Debug, Clone, Args)]
#[command(long_about = "Look at this machine and print a report: network, certificates, sandbox, browser, clock.\n\n\
    Each line says what was found, what to do next, and which item of the guideline for local governments it is evidence for; \
    what was not checked is said to be so. Nothing is changed, and nobody is connected to but the addresses of --forbidden. \
    The exit code is 0 if nothing is wrong, 1 if something is; points of attention and what was not checked do not count.")]
pub struct Doctor {
    /// The configuration file [default: host.toml in the state directory, if it is there].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    pub format: ReportFormat,
    /// The report's language [default: that of the environment].
    #[arg(long, value_enum)]
    pub lang: Option<ReportLanguage>,
    /// An address and TCP port that must not answer this machine, for example of the LGWAN segment; it is tried once (may be
    /// repeated, at most 32).
    #[arg(long, value_name = "ADDR:PORT")]
    pub forbidden: Vec<SocketAddr>,
}

/// How `doctor` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For a terminal.
    Text,
    /// For programs, in both languages.
    Json,
    /// One page that needs nothing else.
    Html,
}

/// The language of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportLanguage {
    /// Japanese.
    Ja,
    /// English.
    En,
}

/// How `boundary` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For programs.
    Json,
    /// For people: Markdown.
    Md,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_example_in_the_help_is_understood() {
        fn check(command: &clap::Command, seen: &mut usize) {
            let help = command.get_after_help().map(ToString::to_string);
            let parent = command.has_subcommands();
            assert!(parent || help.is_some() || command.is_hide_set(), "{} has no example", command.get_name());
            for line in help.iter().flat_map(|help| help.lines()) {
                let line = line.split(" > ").next().unwrap_or_default().trim();
                if line.starts_with("shoji-host ") {
                    *seen += 1;
                    Cli::try_parse_from(line.split(' ')).unwrap();
                }
            }
            command.get_subcommands().for_each(|sub| check(sub, seen));
        }
        let mut seen = 0;
        check(&Cli::command(), &mut seen);
        assert!(seen >= 10, "{seen}");
    }
}
