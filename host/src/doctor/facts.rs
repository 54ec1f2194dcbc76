//! What is so on this machine.
//!
//! Owns the looking: kernel, files, programs. Each fact that cannot be had is kept with the reason, so that nothing is taken for
//! granted. It must never judge, and never write.

use std::fs::{self, File};
use std::io::BufReader;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use procfs_core::net::{TcpNetEntries, TcpState, UdpNetEntries, UdpState};
use procfs_core::{ExplicitSystemInfo, FromBufReadSI as _};
use rustix::process::{Resource, getrlimit};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use shoji_evidence::lines::Probe;
use shoji_evidence::network::{Contradiction, Side};
use shoji_evidence::segments::Segments;

use crate::browser::Launcher;
use crate::browser::room::Owner;
use crate::config::Config;
use crate::registry::Store;
use crate::worker::rights;
use crate::{limits, network, pki, serve, state};

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
    /// LGWAN prefixes that browsers are refused.
    pub lgwan_refused: usize,
    /// Exceptions for browsers.
    pub also_allow: Vec<String>,
    /// Addresses that must not answer, and whether they did.
    pub forbidden: Vec<(SocketAddr, Probe)>,
    /// Where this host listens.
    pub listen: SocketAddr,
    /// Who else listens on this machine for others than itself: `tcp 0.0.0.0:22`.
    pub listeners: Result<Vec<String>, String>,
    /// Messages that can cross the boundary: to the host, to the viewer.
    pub messages: usize,
    /// Certificates by file name: when they end; `None`: not made yet.
    pub certificates: Vec<(&'static str, Result<Option<u64>, String>)>,
    /// Devices: in use, over and not revoked, waiting to be approved.
    pub devices: Result<(usize, usize, usize), String>,
    /// Whether the kernel takes its clock to be synchronized.
    pub clock: Result<bool, String>,
    /// Whether the host has users of its own for sessions.
    pub is_root: bool,
    /// Whether everything for the browser is installed and its sandbox can be made.
    pub sandbox: Result<(), String>,
    /// Whether the kernel has Landlock, and filters of system calls.
    pub walls: (bool, bool),
    /// The controllers of cgroup v2.
    pub controllers: Result<Vec<String>, String>,
    /// What the browser says of itself, and when its program was made.
    pub browser: Result<(String, u64), String>,
    /// The most open files that the host can have, and what it may need.
    pub open_files: (Option<u64>, u64),
}

impl Facts {
    /// Looks at this machine. Takes as long as the addresses that must not answer stay silent.
    pub fn gather(state: &Path, config: &Config, forbidden: &[SocketAddr], now: u64) -> Self {
        let launcher = Launcher::new(&config.browser);
        let owner = serve::browser_owner(config.sessions.first_user_id);
        let missing = rights::missing();
        Self {
            now,
            machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            contradictions: contradictions(config),
            segments: config.segments.clone(),
            lgwan_refused: config.egress.policy.lgwan.len(),
            also_allow: config.egress.policy.also_allow.iter().map(ToString::to_string).collect(),
            forbidden: probes(forbidden),
            listen: config.listen,
            listeners: listeners(config.listen.port()),
            messages: shoji_protocol::boundary::describe().messages.len(),
            certificates: ["ca.pem", "server.pem"].map(|name| (name, end_of(&state.join("pki").join(name)))).into(),
            devices: devices(state, now),
            clock: clock(),
            is_root: state::is_root(),
            sandbox: launcher
                .as_ref()
                .map_err(ToString::to_string)
                .and_then(|launcher| launcher.check_sandbox(owner).map_err(|error| error.to_string())),
            walls: (!missing.landlock, !missing.seccomp),
            controllers: fs::read_to_string("/sys/fs/cgroup/cgroup.controllers")
                .map(|names| names.split_ascii_whitespace().map(str::to_owned).collect())
                .map_err(|error| error.to_string()),
            browser: launcher
                .map_err(|error| error.to_string())
                .and_then(|launcher| browser(launcher.program(), owner)),
            open_files: (
                getrlimit(Resource::Nofile).maximum,
                u64::from(config.sessions.at_once) * limits::OPEN_FILES_PER_SESSION,
            ),
        }
    }
}

fn contradictions(config: &Config) -> Result<Vec<Contradiction>, String> {
    match network::check(&config.segments, Side::Host, &[config.listen]) {
        Ok(()) => Ok(Vec::new()),
        Err(network::Error::Contradictions(all)) => Ok(all.all().to_vec()),
        Err(error) => Err(error.to_string()),
    }
}

/// All at once: each of them may be silent for the whole time. Their number is bounded by the caller.
pub(crate) fn probes(addresses: &[SocketAddr]) -> Vec<(SocketAddr, Probe)> {
    thread::scope(|scope| {
        let tries: Vec<_> = addresses.iter().map(|address| (*address, scope.spawn(move || probe(address)))).collect();
        tries.into_iter().map(|(address, tried)| (address, tried.join().unwrap_or(Probe::NoWay))).collect()
    })
}

fn probe(address: &SocketAddr) -> Probe {
    use std::io::ErrorKind;
    match TcpStream::connect_timeout(address, limits::PROBE) {
        Ok(_) => Probe::Connected,
        Err(error) => match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Probe::Refused,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Probe::Silent,
            _ => Probe::NoWay,
        },
    }
}

/// Who listens for others than this machine itself, but for the host's own port.
pub(crate) fn listeners(own: u16) -> Result<Vec<String>, String> {
    // Addresses are printed in the machine's own order of bytes; the rest is not asked for here.
    let machine = ExplicitSystemInfo {
        boot_time_secs: 0,
        ticks_per_second: 0,
        page_size: 0,
        is_little_endian: cfg!(target_endian = "little"),
    };
    let said = |error: procfs_core::ProcError| error.to_string();
    let open = |name: &str| File::open(format!("/proc/net/{name}")).map(BufReader::new);
    let mut all = Vec::new();
    for name in ["tcp", "tcp6"] {
        // Absent where there is no IPv6.
        let Ok(file) = open(name) else { continue };
        let entries = TcpNetEntries::from_buf_read(file, &machine).map_err(said)?.0;
        let listens = entries.into_iter().filter(|entry| entry.state == TcpState::Listen);
        all.extend(listens.map(|entry| ("tcp", entry.local_address)));
    }
    for name in ["udp", "udp6"] {
        let Ok(file) = open(name) else { continue };
        let entries = UdpNetEntries::from_buf_read(file, &machine).map_err(said)?.0;
        // A connected one hears its peer only.
        let listens = entries.into_iter().filter(|entry| entry.state == UdpState::Close);
        all.extend(listens.map(|entry| ("udp", entry.local_address)));
    }
    let mut all: Vec<String> = all
        .into_iter()
        .filter(|(_, address)| !address.ip().to_canonical().is_loopback() && address.port() != own)
        .map(|(kind, address)| format!("{kind} {address}"))
        .collect();
    all.sort();
    all.dedup();
    Ok(all)
}

fn end_of(path: &Path) -> Result<Option<u64>, String> {
    if !path.exists() {
        return Ok(None);
    }
    let certificate = CertificateDer::from_pem_file(path).map_err(|error| error.to_string())?;
    pki::not_after(&certificate).map(Some).ok_or_else(|| format!("{} is no certificate", path.display()))
}

fn devices(state: &Path, now: u64) -> Result<(usize, usize, usize), String> {
    let registry = Store::new(state).read().map_err(|error| error.to_string())?;
    let held = || registry.devices.values().filter(|device| device.revoked.is_none());
    let over = held().filter(|device| device.not_after <= now).count();
    Ok((held().count() - over, over, registry.waiting(now).count()))
}

/// Whether the kernel takes its clock to be synchronized.
#[expect(unsafe_code, reason = "the kernel's word for it has no safe wrapper here; see SAFETY")]
pub(crate) fn clock() -> Result<bool, String> {
    // SAFETY: the structure is plain numbers, for which zeroes are valid values, and zero modes ask without setting anything. The
    // pointer is to a structure of this function and not kept.
    let (answer, status) = unsafe {
        let mut asked: libc::timex = std::mem::zeroed();
        let answer = libc::adjtimex(&raw mut asked);
        (answer, asked.status)
    };
    if answer < 0 {
        return Err(std::io::Error::last_os_error().to_string());
    }
    Ok(answer != libc::TIME_ERROR && status & libc::STA_UNSYNC == 0)
}

/// Asked as the user that browsers have: it is a large program, and root's rights are not for it.
fn browser(program: &Path, owner: Owner) -> Result<(String, u64), String> {
    let said = |error: std::io::Error| format!("{}: {error}", program.display());
    let made = fs::metadata(program).and_then(|metadata| metadata.modified()).map_err(said)?;
    let made = made.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut command = Command::new(program);
    command.arg("--version").env_clear().current_dir("/");
    owner.apply(&mut command);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(said)?;
    let deadline = Instant::now() + limits::BROWSER_VERSION;
    // One line is less than a pipe holds, so it ends without being read.
    while child.try_wait().map_err(said)?.is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("{} --version does not answer", program.display()));
        }
        thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().map_err(said)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line: String = text.lines().next().unwrap_or_default().trim().chars().take(100).collect();
    if line.is_empty() { Err(format!("{} --version says nothing", program.display())) } else { Ok((line, made)) }
}
