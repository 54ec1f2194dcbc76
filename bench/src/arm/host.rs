//! Owns a host for measuring: its program, its state in a temporary folder, one device and the traces.
//!
//! The host is the shipped program, started as an administrator would. Dropping it ends it with everything it started.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest as _, Sha256};
use shoji_host::control::{self, Answer, Request, SessionLine};
use shoji_host::state::control_socket;

use super::folder;
use super::gate::Gate;
use crate::carrier::{self, Carrier, CarrierError};

/// How long a host may take to listen: making its first keys takes a moment on a busy machine.
const READY_PATIENCE: Duration = Duration::from_secs(30);
/// How long a host may take to end its sessions when asked to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// The programs of the product.
#[derive(Debug, Clone)]
pub struct Programs(PathBuf);

impl Programs {
    /// The programs in a folder, or beside this program.
    ///
    /// # Errors
    /// If this program does not know where it is.
    pub fn find(folder: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(folder) = folder {
            return Ok(Self(folder.to_owned()));
        }
        let this =
            std::env::current_exe().context("cannot find this program's own folder; give one with --programs")?;
        Ok(Self(this.parent().map(Path::to_owned).unwrap_or_default()))
    }

    /// The path of one program.
    ///
    /// # Errors
    /// If it is not there.
    pub fn path(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.0.join(name);
        anyhow::ensure!(
            path.is_file(),
            "there is no {name} in {}; build it with `cargo build --release`, or say where it is with --programs",
            self.0.display()
        );
        Ok(path)
    }
}

/// A running host.
pub struct Host {
    child: Child,
    state: PathBuf,
    traces: PathBuf,
    log: PathBuf,
    program: PathBuf,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Host {
    /// Starts a host whose sessions open `url`, and waits until it listens.
    ///
    /// # Errors
    /// If it cannot be started; what it printed is part of the error.
    pub fn start(programs: &Programs, url: &str, browser: Option<&Path>) -> anyhow::Result<Self> {
        let program = programs.path("shoji-host")?;
        let folder = folder::temporary().context("cannot make a temporary folder for the host")?;
        let (state, traces, log) =
            (folder.path().join("state"), folder.path().join("traces"), folder.path().join("host.log"));
        std::fs::create_dir(&traces).context("cannot make the folder for the host's traces")?;
        run(&program, &state, &["user", "add", "bench"])?;
        if let Some(browser) = browser {
            let text = format!("[browser]\npath = {:?}\n", browser.display().to_string());
            std::fs::write(state.join("host.toml"), text).context("cannot write the host's configuration")?;
        }
        let mut child = Command::new(&program)
            .arg("--state")
            .arg(&state)
            .args(["serve", "--listen", "127.0.0.1:0", "--print-ready", "--start-url", url])
            // The page is served on this machine.
            .args(["--also-allow", "127.0.0.1/32", "--trace-dir"])
            .arg(&traces)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).context("cannot write the host's log")?)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let output = child.stdout.take().expect("the output was piped");
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let mut host = Self { child, state, traces, log, program, address: nowhere, _folder: folder };
        let (told, tells) = sync_channel(1);
        // Ends with the host: its output closes then.
        std::thread::Builder::new().name("host-output".into()).spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(output).read_line(&mut line);
            // The bench may have stopped waiting.
            let _ = told.send(read.map(|_| line));
        })?;
        let told = tells.recv_timeout(READY_PATIENCE);
        let address = told.ok().and_then(Result::ok).and_then(|line| line.strip_prefix("ready ")?.trim().parse().ok());
        host.address =
            address.with_context(|| format!("the host did not begin to listen; it said: {}", host.last_words()))?;
        Ok(host)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Issues a device bundle and gives its path. The viewer will look for the host at `address`.
    ///
    /// # Errors
    /// If the host's program refuses.
    pub fn device(&self, name: &str, address: SocketAddr) -> anyhow::Result<PathBuf> {
        let bundle = self.state.join(format!("{name}.shoji"));
        let (out, address) = (bundle.display().to_string(), address.to_string());
        run(&self.program, &self.state, &["device", "add", name, "--host", &address, "--out", &out])?;
        Ok(bundle)
    }

    /// Starts a gate before this host, which ends with its value; `pixels`: one that makes updates anew.
    ///
    /// # Errors
    /// If the host's program refuses.
    pub fn gate(&self, pixels: bool) -> anyhow::Result<Gate> {
        let identity = self.state.join("gate.shoji");
        run(
            &self.program,
            &self.state,
            &["device", "add", "gate", "--as-gate", "--out", &identity.display().to_string()],
        )?;
        Gate::start(&self.program, &identity, pixels)
    }

    /// As [`device`](Self::device), for a viewer that comes through the gate at `address`.
    ///
    /// # Errors
    /// If the host's program refuses.
    pub fn device_through(&self, name: &str, address: SocketAddr) -> anyhow::Result<PathBuf> {
        let bundle = self.state.join(format!("{name}.shoji"));
        let (out, address) = (bundle.display().to_string(), address.to_string());
        run(&self.program, &self.state, &["device", "add", name, "--gate", &address, "--out", &out])?;
        Ok(bundle)
    }

    /// SHA-256 of the host's public key in base64, as a browser is told to trust it.
    ///
    /// # Errors
    /// If the host's certificate cannot be read.
    pub fn key(&self) -> anyhow::Result<String> {
        let path = self.state.join("pki").join("server.pem");
        let what = || format!("cannot read the host's certificate {}", path.display());
        let pem = std::fs::read(&path).with_context(what)?;
        let (_, pem) = x509_parser::pem::parse_x509_pem(&pem).with_context(what)?;
        let certificate = pem.parse_x509().with_context(what)?;
        Ok(BASE64_STANDARD.encode(Sha256::digest(certificate.public_key().raw)))
    }

    /// Approves the browser that shows this code, for a day.
    ///
    /// # Errors
    /// If the host's program refuses.
    pub fn approve(&self, code: &str) -> anyhow::Result<()> {
        run(&self.program, &self.state, &["device", "approve", code, "--user", "bench", "--days", "1"])
    }

    /// The folder of the traces.
    #[must_use]
    pub fn traces(&self) -> &Path {
        &self.traces
    }

    /// The supervisor's process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first session that the host has.
    ///
    /// # Errors
    /// If the host does not answer or has no session.
    pub fn session(&self) -> anyhow::Result<SessionLine> {
        match control::ask(&control_socket(&self.state), &Request::Sessions)? {
            Answer::Sessions { sessions } => sessions
                .into_iter()
                .next()
                .with_context(|| format!("the host has no session; it said: {}", self.last_words())),
            other => anyhow::bail!("the host did not list its sessions but answered {other:?}"),
        }
    }

    /// By what its viewers came, as [`carrier::in_use`] says.
    ///
    /// # Errors
    /// As there.
    pub fn carrier(&self, asked: Option<Carrier>) -> Result<Option<Carrier>, CarrierError> {
        carrier::in_use(&std::fs::read_to_string(&self.log).unwrap_or_default(), asked)
    }

    /// The last lines of the host's log.
    #[must_use]
    pub fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(6)..].join("\n  ");
        if last.is_empty() { "(nothing)".to_owned() } else { format!("\n  {last}") }
    }

    /// Asks the host to stop and waits until it has; a host that does not is killed.
    pub fn stop(&mut self) {
        if let Some(process) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // A host that has ended already cannot be asked, and need not be.
            let _ = kill_process(process, Signal::TERM);
        }
        let until = Instant::now() + STOP_PATIENCE;
        while Instant::now() < until {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // It did not stop: its sessions' sandboxes die with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(program: &Path, state: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(program)
        .arg("--state")
        .arg(state)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    anyhow::ensure!(
        output.status.success(),
        "`{} {}` failed: {}",
        program.display(),
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
