//! A running host with its own state directory, ended and checked when it is dropped.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use shoji_host::control::SessionLine;
use shoji_host::pki::Bundle;

/// After this, a wait is a failure. A browser starts within seconds even on two busy cores.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Host {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) directory: tempfile::TempDir,
}

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shoji-host"));
    command.env_remove("SHOJI_STATE").env_remove("RUST_LOG").env("LC_ALL", "C.UTF-8");
    command
}

impl Host {
    pub(crate) fn start() -> Self {
        Self::start_with(&[], "")
    }

    pub(crate) fn start_with(arguments: &[&str], configuration: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        std::fs::create_dir(&state).unwrap();
        std::fs::write(state.join("host.toml"), configuration).unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        let mut child = program()
            .arg("--state")
            .arg(&state)
            .args(["serve", "--listen", "127.0.0.1:0", "--print-ready"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let log = || std::fs::read_to_string(directory.path().join("log")).unwrap();
        let address = line.strip_prefix("ready ").unwrap_or_else(|| panic!("{line:?}\n{}", log()));
        let address = address.trim().parse().unwrap();
        let host = Self { child, address, directory };
        host.run(&["user", "add", "hanako"]);
        host
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn try_run(&self, arguments: &[&str]) -> Output {
        program().arg("--state").arg(self.state()).args(arguments).output().unwrap()
    }

    /// Runs a command of the same program against this host.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Adds a device and returns its bundle.
    pub(crate) fn device(&self, name: &str) -> Bundle {
        let path = self.directory.path().join(format!("{name}.shoji"));
        self.run(&["device", "add", name, "--out", path.to_str().unwrap()]);
        read_bundle(&path)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    pub(crate) fn sessions(&self) -> Vec<SessionLine> {
        serde_json::from_str(&self.run(&["sessions", "--json"])).unwrap()
    }

    /// Tells the host to stop and waits until it has.
    pub(crate) fn stop(&mut self) {
        let pid = Pid::from_child(&self.child);
        if self.child.try_wait().unwrap().is_none() {
            kill_process(pid, Signal::TERM).unwrap();
        }
        self.child.wait().unwrap();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!("--- the host's log ---\n{}", self.log());
        }
    }
}

pub(crate) fn read_bundle(path: &Path) -> Bundle {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Waits for something that only polling can see.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every process below this one, with itself.
pub(crate) fn descendants(of: u32) -> Vec<u32> {
    let mut found = vec![of];
    let mut at = 0;
    while let Some(&pid) = found.get(at) {
        at += 1;
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for task in tasks.flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(children.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
    }
    found
}

/// One line of `/proc/PID/status`.
pub(crate) fn status(pid: u32, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// The command line of a process.
pub(crate) fn command_line(pid: u32) -> String {
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "))
        .unwrap_or_default()
}
