//! `shoji-host gate doctor`: what can be checked from where a gate stands, as a report.
//!
//! Owns the gate's own facts and lines; those that a host's report has too are the host's. It must never change the machine, and never
//! say of something that it is fine without having looked.

use std::fs;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};

use rustix::process::{Resource, getrlimit};
use shoji_evidence::network::{Contradiction, Side};
use shoji_evidence::report::{Finding, Item, Report, Status, Text};
use shoji_evidence::segments::Segments;
use shoji_evidence::{calendar, lines};

use super::config::{Config, Overrides};
use super::{Error, Identity};
use crate::cli::GateDoctor;
use crate::doctor::{self, facts, findings};
use crate::worker::rights;
use crate::{clock, limits, network};

const DAY: u64 = 86_400;

/// All facts. Those that could not be had are errors with the reason.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Seconds since 1970.
    pub now: u64,
    /// The machine's name.
    pub machine: String,
    /// What is declared.
    pub segments: Segments,
    /// How the network contradicts that.
    pub contradictions: Result<Vec<Contradiction>, String>,
    /// Whether the kernel passes packets on from one interface to another.
    pub forwards: Result<bool, String>,
    /// Addresses that must not answer, and whether they did.
    pub forbidden: Vec<(SocketAddr, lines::Probe)>,
    /// Where this gate listens.
    pub listen: SocketAddr,
    /// Who else listens on this machine for others than itself.
    pub listeners: Result<Vec<String>, String>,
    /// When the identity's certificate ends.
    pub identity: Result<u64, String>,
    /// The host's address, and whether something takes connections there.
    pub host: Result<String, String>,
    /// Whether updates are made anew.
    pub pixels: bool,
    /// Devices that may pass; 0: all.
    pub devices: usize,
    /// Whether the kernel takes its clock to be synchronized.
    pub clock: Result<bool, String>,
    /// Whether the kernel has Landlock, and filters of system calls.
    pub walls: (bool, bool),
    /// The most open files, and what a full gate may need.
    pub open_files: (Option<u64>, u64),
}

/// Prints the report. True: something is wrong.
///
/// # Errors
/// The configuration cannot be used, or the report not be printed.
pub fn run(options: &GateDoctor) -> Result<bool, doctor::Error> {
    let report = &options.report;
    if report.forbidden.len() > limits::PROBES {
        return Err(doctor::Error::Probes(report.forbidden.len()));
    }
    // Without one, the line of the identity says so.
    let identity = Some(options.identity.clone().unwrap_or_default());
    let overrides = Overrides { identity: options.identity.clone(), ..Overrides::default() };
    let config = match Config::load(report.config.as_deref(), overrides.clone()) {
        Err(super::config::Error::NoIdentity) => {
            Config::load(report.config.as_deref(), Overrides { identity, ..overrides })
        }
        loaded => loaded,
    }?;
    let facts = Facts::gather(&config, &report.forbidden, clock::unix_seconds());
    doctor::print(&facts.report(), report.format, report.lang)
}

/// Whether this machine is a router too.
///
/// # Errors
/// It cannot be seen.
pub(super) fn forwards() -> Result<bool, String> {
    let is_on = |path: &str| match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim() != "0"),
        // Absent where there is no IPv6.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(format!("{path}: {error}")),
    };
    Ok(is_on("/proc/sys/net/ipv4/ip_forward")? | is_on("/proc/sys/net/ipv6/conf/all/forwarding")?)
}

impl Facts {
    /// Looks at this machine. Takes as long as the addresses that must not answer stay silent.
    pub fn gather(config: &Config, forbidden: &[SocketAddr], now: u64) -> Self {
        let missing = rights::missing();
        let identity = Identity::read(&config.identity).map_err(|error: Error| error.to_string());
        let host = config.host.clone().or_else(|| Some(identity.as_ref().ok()?.host.clone()));
        Self {
            now,
            machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            contradictions: match network::check(&config.segments, Side::Gate, &[config.listen]) {
                Ok(()) => Ok(Vec::new()),
                Err(network::Error::Contradictions(all)) => Ok(all.all().to_vec()),
                Err(error) => Err(error.to_string()),
            },
            segments: config.segments.clone(),
            forwards: forwards(),
            forbidden: facts::probes(forbidden),
            listen: config.listen,
            listeners: facts::listeners(config.listen.port()),
            identity: identity.map(|identity| identity.not_after),
            host: host.map_or_else(|| Err("its address is not known".to_owned()), reached),
            pixels: config.policy.pixels,
            devices: config.devices.len(),
            clock: facts::clock(),
            walls: (!missing.landlock, !missing.seccomp),
            // A connection of each side; a decoder's socket and memory for each of some canvases.
            open_files: (getrlimit(Resource::Nofile).maximum, u64::from(config.connections) * 16),
        }
    }

    /// The report of these facts.
    pub fn report(&self) -> Report {
        Report {
            program: "shoji-host gate",
            version: env!("CARGO_PKG_VERSION"),
            machine: self.machine.clone(),
            at: self.now,
            findings: self.findings(),
        }
    }

    fn findings(&self) -> Vec<Finding> {
        vec![
            lines::network(&self.segments, Side::Gate, &self.contradictions),
            self.forwarding(),
            lines::forbidden(Side::Gate, &self.forbidden),
            self.passes(),
            findings::listeners(&self.listeners, self.listen),
            self.certificate(),
            self.host(),
            findings::walls(self.walls),
            findings::clock(&self.clock),
            findings::logs(),
            findings::open_files(self.open_files),
        ]
    }

    fn forwarding(&self) -> Finding {
        let title =
            Text::new("パケットの転送（ルーターとしての動作）", "Forwarding of packets (whether it is a router)");
        let line = |status, ja: String, en: String| {
            Finding::new("forwarding", status, title.clone(), Text::new(ja, en), &[Item::Separation, Item::Routes])
        };
        match &self.forwards {
            Ok(false) => line(
                Status::Fine,
                "カーネルはパケットを転送しません。このマシンを通る道は、ゲートのプログラムだけです（プロキシーなどほかのプログラムは確かめていません）。".into(),
                "The kernel forwards no packets: the way through this machine is the gate's program (other programs, such as proxies, were not looked at).".into(),
            ),
            Ok(true) => line(
                Status::Wrong,
                "カーネルがパケットを転送します。ゲートを通らない道になりえます。".into(),
                "The kernel forwards packets: that may be a way past the gate.".into(),
            )
            .and_then(
                "sysctl で net.ipv4.ip_forward と net.ipv6.conf.all.forwarding を 0 にしてください",
                "Set net.ipv4.ip_forward and net.ipv6.conf.all.forwarding to 0 (sysctl)",
            ),
            Err(why) => line(Status::NotChecked, format!("調べられません: {why}"), format!("Cannot be seen: {why}")),
        }
    }

    fn passes(&self) -> Finding {
        let title = Text::new("ゲートを通るもの", "What passes the gate");
        let items = [Item::ScreenTransfer, Item::Sanitized, Item::Devices];
        let (ja, en) = match self.devices {
            0 => {
                ("認証局が署名した端末すべて".to_owned(), "Every device that the authority signed may pass".to_owned())
            }
            count => {
                (format!("設定に書かれた {count} 台の端末だけ"), format!("Only the {count} listed devices may pass"))
            }
        };
        let (pixels_ja, pixels_en) = if self.pixels {
            ("画面は画素に戻してから作り直します", "pictures are made anew from their pixels")
        } else {
            (
                "画面のデータは大きさと量を確かめ、そのまま通します",
                "pictures pass as they are, within their size and rate",
            )
        };
        let found = Text::new(
            format!(
                "通れるのは{ja}で、入力は人の速さまでです。{pixels_ja}（設定の確認です。一覧は shoji-host gate --print-boundary）。"
            ),
            format!(
                "{en}, and input at a person's pace; {pixels_en} (as configured; `shoji-host gate --print-boundary` lists all)."
            ),
        );
        let line =
            Finding::new("passes", if self.pixels { Status::Fine } else { Status::Attention }, title, found, &items);
        if self.pixels {
            line
        } else {
            line.and_then(
                "インターネット側で作られたデータをビューアに解析させない場合は、--pixels を使ってください",
                "Use --pixels where viewers should parse nothing that was made in the internet segment",
            )
        }
    }

    fn certificate(&self) -> Finding {
        let title = Text::new("ゲートの証明書", "The gate's certificate");
        let line = |status, ja: String, en: String| {
            Finding::new("certificate", status, title.clone(), Text::new(ja, en), &[Item::Devices])
        };
        let again = (
            "ホストで shoji-host device add --as-gate により作り直し、--identity で指定してください",
            "Make one on the host with shoji-host device add --as-gate, and name it with --identity",
        );
        match &self.identity {
            Err(why) => line(Status::Wrong, why.clone(), why.clone()).and_then(again.0, again.1),
            Ok(end) if *end <= self.now => {
                let day = calendar::day(*end);
                line(Status::Wrong, format!("{day} に切れました"), format!("It ended on {day}"))
                    .and_then(again.0, again.1)
            }
            Ok(end) => {
                let (day, days) = (calendar::day(*end), (end - self.now) / DAY);
                let (ja, en) = (format!("{day} まで（残り {days} 日）"), format!("Until {day} ({days} days left)"));
                if days < limits::ENDS_SOON_DAYS {
                    line(Status::Attention, ja, en).and_then(again.0, again.1)
                } else {
                    line(Status::Fine, ja, en)
                }
            }
        }
    }

    fn host(&self) -> Finding {
        let title = Text::new("ホスト", "The host");
        let line = |status, ja: String, en: String| {
            Finding::new("host", status, title.clone(), Text::new(ja, en), &[Item::Routes])
        };
        match &self.host {
            Ok(address) => line(
                Status::Fine,
                format!("{address} は TCP の接続を受け付けます（UDP と、それがホストかどうかは確かめていません）。"),
                format!("{address} takes connections by TCP (UDP, and whether it is the host, were not tried)."),
            ),
            Err(why) => line(Status::Wrong, why.clone(), why.clone()).and_then(
                "ホストが動いているか、境界のファイアウォールがその UDP と TCP のポートを通すかを確かめてください",
                "Check that the host runs, and that the boundary's firewall lets its port through, for UDP and TCP",
            ),
        }
    }
}

/// Tries the host's address once.
fn reached(host: String) -> Result<String, String> {
    let addresses = host.to_socket_addrs().map_err(|error| format!("{host}: {error}"))?;
    let mut why = format!("{host} has no address");
    for address in addresses.take(limits::PROBES) {
        match TcpStream::connect_timeout(&address, limits::PROBE) {
            Ok(_) => return Ok(host),
            Err(error) => why = format!("{host}: {error}"),
        }
    }
    Err(why)
}

#[cfg(test)]
mod tests;
