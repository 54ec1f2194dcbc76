//! What can be checked from where the viewer stands, as a report.
//!
//! Owns the facts of a PC ([`Facts`]) and what they mean ([`report`], a pure function). It must never change anything, connect to
//! anybody but the host and the addresses that it was told to try, or say of something that it is fine without having looked.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use if_addrs::IfAddr;
use shoji_evidence::lines::{self, Probe};
use shoji_evidence::network::{Contradiction, Interface, Network, Side, compare};
use shoji_evidence::report::{Finding, Item, Report, Status, Text};
use shoji_evidence::segments::Segments;

use crate::bundle::Bundle;

/// How long one address may be silent: whoever is reached answers within a round trip.
const PATIENCE: Duration = Duration::from_secs(2);

/// Days before the end of a device file at which it is spoken of.
const SOON: u64 = 30;

/// A file of segments that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

/// All facts. Those that could not be had are errors with the reason.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Seconds since 1970.
    pub now: u64,
    /// What is declared.
    pub segments: Result<Segments, Unusable>,
    /// How the addresses of this PC contradict that.
    pub contradictions: Result<Vec<Contradiction>, String>,
    /// Addresses that must not answer, and whether they did.
    pub forbidden: Vec<(SocketAddr, Probe)>,
    /// The device file: its device, its host, the end of its certificate.
    pub device: Result<Device, String>,
    /// What became of a TCP connection to the host; `None`: there is no device file to say where it is.
    pub host: Option<Result<(), String>>,
}

/// What a device file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The device's name.
    pub name: String,
    /// Where the host is.
    pub host: String,
    /// When its certificate ends, seconds since 1970.
    pub end: u64,
}

impl Facts {
    /// Looks at this PC. Takes as long as addresses stay silent.
    #[must_use]
    pub fn gather(bundle: Option<PathBuf>, segments: Result<Segments, Unusable>, forbidden: &[SocketAddr]) -> Self {
        let device = match bundle {
            None => Err("there is no configuration folder".to_owned()),
            Some(path) => Bundle::read(&path).map_err(|error| error.to_string()).map(|bundle| Device {
                name: bundle.name().to_owned(),
                host: bundle.host().to_owned(),
                end: seconds(bundle.not_after()),
            }),
        };
        Self {
            now: seconds(SystemTime::now()),
            contradictions: segments.as_ref().map_or(Ok(Vec::new()), contradictions),
            forbidden: thread::scope(|scope| {
                // All at once, for each may be silent for the whole time; the command line bounds them.
                let tries: Vec<_> = forbidden.iter().map(|to| (*to, scope.spawn(move || probe(to)))).collect();
                tries.into_iter().map(|(to, tried)| (to, tried.join().unwrap_or(Probe::NoWay))).collect()
            }),
            host: device.as_ref().ok().map(|device| reach(&device.host)),
            device,
            segments,
        }
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn contradictions(segments: &Segments) -> Result<Vec<Contradiction>, String> {
    let cards = if_addrs::get_if_addrs().map_err(|error| error.to_string())?;
    let interface = |card: if_addrs::Interface| {
        let (address, length) = match card.addr {
            IfAddr::V4(v4) => (IpAddr::V4(v4.ip), v4.prefixlen),
            IfAddr::V6(v6) => (IpAddr::V6(v6.ip), v6.prefixlen),
        };
        // Written and read again: the kinds of prefix are the other crate's.
        Some(Interface { name: card.name, address: format!("{address}/{length}").parse().ok()? })
    };
    let network = Network { interfaces: cards.into_iter().filter_map(interface).collect(), routes: Vec::new() };
    Ok(match compare(segments, Side::Viewer, &network, &[]) {
        Ok(()) => Vec::new(),
        Err(all) => all.all().to_vec(),
    })
}

fn probe(to: &SocketAddr) -> Probe {
    match TcpStream::connect_timeout(to, PATIENCE) {
        Ok(_) => Probe::Connected,
        Err(error) => match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Probe::Refused,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Probe::Silent,
            _ => Probe::NoWay,
        },
    }
}

fn reach(host: &str) -> Result<(), String> {
    let mut why = "no address".to_owned();
    for address in host.to_socket_addrs().map_err(|error| error.to_string())? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => return Ok(()),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

/// What these facts mean.
#[must_use]
pub fn report(facts: &Facts) -> Report {
    let machine = facts.device.as_ref().map_or_else(|_| "PC".to_owned(), |device| device.name.clone());
    Report {
        program: "shoji-viewer",
        version: env!("CARGO_PKG_VERSION"),
        machine,
        at: facts.now,
        findings: vec![
            network(facts),
            lines::forbidden(Side::Viewer, &facts.forbidden),
            boundary(),
            device(facts),
            host(facts),
            routes(),
        ],
    }
}

fn network(facts: &Facts) -> Finding {
    match &facts.segments {
        Ok(segments) => lines::network(segments, Side::Viewer, &facts.contradictions),
        Err(Unusable { path, why }) => {
            let path = path.display();
            Finding::new(
                "network",
                Status::Wrong,
                Text::new("宣言された区分", "The declared segments"),
                Text::new(format!("{path} を使えません: {why}"), format!("{path} cannot be used: {why}")),
                &[Item::Separation, Item::Routes],
            )
            .and_then("ファイルを直してください", "Correct the file")
        }
    }
}

fn boundary() -> Finding {
    Finding::new(
        "boundary",
        Status::Fine,
        Text::new("境界を越えるもの", "What can cross the boundary"),
        Text::new(
            "このビューアーが送るのは入力、受け取るのは画面だけです。ファイルやコマンドのためのメッセージはありません（一覧は shoji-host boundary）。ほかのプログラムの通信は、ここからは確かめられません。",
            "This viewer sends input and receives pictures; it has no message for files or commands (`shoji-host boundary` lists all). What other programs send cannot be seen from here.",
        ),
        &[Item::ScreenTransfer, Item::Sanitized],
    )
}

fn device(facts: &Facts) -> Finding {
    let line = |status, ja: String, en: String| {
        let title =
            Text::new("端末ファイル（承認された端末の証明書）", "The device file (certificate of an approved device)");
        Finding::new("device", status, title, Text::new(ja, en), &[Item::Devices])
    };
    let device = match &facts.device {
        Ok(device) => device,
        Err(why) => {
            return line(Status::Wrong, format!("使えません: {why}"), format!("It cannot be used: {why}"))
                .and_then("管理者から端末ファイルを受け取ってください", "Get a device file from your administrator");
        }
    };
    let day = shoji_evidence::calendar::day(device.end);
    let step = |line: Finding| {
        line.and_then(
            "PC の時計を確かめ、管理者に新しい端末ファイルを頼んでください",
            "Check the clock of this PC, and ask your administrator for a new device file",
        )
    };
    match device.end.checked_sub(facts.now) {
        None | Some(0) => step(line(Status::Wrong, format!("{day} に切れました。"), format!("It ended on {day}."))),
        Some(left) => {
            let days = left / 86_400;
            let (ja, en) = (
                format!("{day} まで有効です（残り {days} 日）。"),
                format!("It is good until {day} ({days} days left)."),
            );
            if days < SOON { step(line(Status::Attention, ja, en)) } else { line(Status::Fine, ja, en) }
        }
    }
}

fn host(facts: &Facts) -> Finding {
    let line = |status, ja: String, en: String| {
        let title = Text::new("ホストへの経路（TCP）", "The way to the host (TCP)");
        Finding::new("host", status, title, Text::new(ja, en), &[Item::Routes])
    };
    let name = facts.device.as_ref().map_or("", |device| device.host.as_str());
    match &facts.host {
        None => line(
            Status::NotChecked,
            "端末ファイルがないため、ホストの場所がわかりません。".into(),
            "Without a device file, nobody knows where the host is.".into(),
        ),
        Some(Ok(())) => line(
            Status::Fine,
            format!("{name} に接続できました（相手の証明書は確かめていません）。"),
            format!("{name} took a connection (its certificate was not looked at)."),
        ),
        Some(Err(why)) => {
            line(Status::Wrong, format!("{name} に接続できません: {why}"), format!("No connection to {name}: {why}"))
                .and_then(
                    "ホストが動いているか、境界でこのポートの UDP と TCP が許可されているかを確かめてください",
                    "Check that the host runs, and that the boundary lets UDP and TCP of this port through",
                )
        }
    }
}

fn routes() -> Finding {
    Finding::new(
        "routes",
        Status::NotChecked,
        Text::new("この PC の経路", "Routes of this PC"),
        Text::new(
            "経路表は読んでいません。届いてはならない相手は --forbidden で試せます。",
            "The routing table was not read. Whoever must not be reached can be tried with --forbidden.",
        ),
        &[Item::Separation, Item::Routes],
    )
}

#[cfg(test)]
mod tests {
    use shoji_evidence::segments::Written;

    use super::*;

    const NOW: u64 = 1_795_000_000;

    fn well() -> Facts {
        let written =
            Written { lgwan: vec!["10.0.0.0/8".into()], internet: vec!["192.0.2.0/24".into()], ..Written::default() };
        Facts {
            now: NOW,
            segments: Ok(Segments::read(&written).unwrap()),
            contradictions: Ok(Vec::new()),
            forbidden: vec![("192.0.2.80:443".parse().unwrap(), Probe::Silent)],
            device: Ok(Device { name: "pc-012".into(), host: "192.0.2.7:4433".into(), end: NOW + 100 * 86_400 }),
            host: Some(Ok(())),
        }
    }

    fn status(facts: &Facts, id: &str) -> Status {
        report(facts).findings.into_iter().find(|finding| finding.id == id).unwrap().status
    }

    #[test]
    fn a_pc_where_all_is_well_has_nothing_wrong_and_says_what_was_not_checked() {
        let report = report(&well());
        assert!(!report.is_wrong());
        assert_eq!((report.count(Status::Attention), report.count(Status::NotChecked)), (0, 1));
    }

    #[test]
    fn each_thing_that_is_wrong_makes_the_report_wrong() {
        let ended = Device { end: NOW, ..well().device.unwrap() };
        let reached = vec![("192.0.2.80:443".parse().unwrap(), Probe::Connected)];
        for (id, facts) in [
            ("device", Facts { device: Ok(ended), ..well() }),
            ("device", Facts { device: Err("no file".into()), host: None, ..well() }),
            ("host", Facts { host: Some(Err("timed out".into())), ..well() }),
            ("forbidden", Facts { forbidden: reached, ..well() }),
            ("network", Facts { segments: Err(Unusable { path: "s.toml".into(), why: "no".into() }), ..well() }),
        ] {
            assert_eq!(status(&facts, id), Status::Wrong, "{id}");
            assert!(report(&facts).is_wrong());
        }
    }

    #[test]
    fn what_is_not_declared_or_named_was_not_checked() {
        let facts = Facts { segments: Ok(Segments::default()), forbidden: Vec::new(), ..well() };
        assert_eq!((status(&facts, "network"), status(&facts, "forbidden")), (Status::NotChecked, Status::NotChecked));
    }
}
