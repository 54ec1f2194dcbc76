//! Owns a gate for measuring: the shipped program between the viewer and a host, with its default policy. Dropping it ends it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

/// A running gate.
pub struct Gate {
    child: Child,
    address: SocketAddr,
}

impl Gate {
    /// Starts a gate with this identity, and waits until it listens; its log goes beside the identity.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(program: &Path, identity: &Path, pixels: bool) -> anyhow::Result<Self> {
        let log: PathBuf = identity.with_extension("log");
        let mut child = Command::new(program)
            .args(["gate", "--listen", "127.0.0.1:0", "--health", "", "--print-ready", "--identity"])
            .arg(identity)
            .args(pixels.then_some("--pixels"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).context("cannot write the gate's log")?)
            .spawn()
            .with_context(|| format!("cannot start {} gate", program.display()))?;
        let output = child.stdout.take().expect("the output was piped");
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut gate = Self { child, address: nowhere };
        let mut line = String::new();
        // Ends with the gate: its output closes then.
        BufReader::new(output).read_line(&mut line).context("cannot read what the gate says")?;
        let address = line.strip_prefix("ready ").and_then(|rest| rest.trim().parse().ok());
        gate.address = address.with_context(|| {
            format!("the gate did not begin to listen; it said: {}", std::fs::read_to_string(&log).unwrap_or_default())
        })?;
        Ok(gate)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(process) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // One that has ended already cannot be asked, and need not be.
            let _ = kill_process(process, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
