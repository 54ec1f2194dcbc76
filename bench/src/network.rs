//! Owns a network of the bench's own: a network namespace in which it runs itself again, so that packets of TCP can be lost there.
//!
//! Needs root and the programs unshare, ip and nft. Must never touch the machine's own network: rules are made only inside a
//! namespace that is another than the one that the bench was started in.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::geteuid;

/// Names the namespace outside to the run inside.
const OUTSIDE: &str = "SHOJI_BENCH_OUTSIDE";
/// The table of our rules.
const TABLE: &str = "inet shoji_bench";

/// Packets of TCP cannot be lost here.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// Only root may make a network.
    #[error(
        "losing packets of TCP takes a network namespace of the bench's own, which only root may make; run it with sudo, or leave out --loss"
    )]
    NotRoot,
    /// A program is missing or failed.
    #[error(
        "losing packets of TCP takes {program}, which failed: {why}; install Debian's packages util-linux, iproute2 and nftables, run where namespaces are allowed, or leave out --loss"
    )]
    Program {
        /// Its name.
        program: &'static str,
        /// What it said.
        why: String,
    },
    /// This is the network of the machine.
    #[error(
        "packets are lost only in a network of the bench's own, and this is the machine's; was {OUTSIDE} set by hand?"
    )]
    Outside,
    /// The namespace is not known.
    #[error("cannot read /proc/self/ns/net: {0}; is /proc mounted?")]
    Namespace(#[from] std::io::Error),
}

fn namespace() -> Result<OsString, NetworkError> {
    Ok(std::fs::read_link("/proc/self/ns/net").map(PathBuf::into_os_string)?)
}

fn is_inside() -> Result<bool, NetworkError> {
    let own = namespace()?;
    Ok(std::env::var_os(OUTSIDE).is_some_and(|outside| !outside.is_empty() && outside != own))
}

/// Goes on only inside a network of the bench's own: outside of one this process becomes a run of the same command line inside.
///
/// # Errors
/// If there can be none, with what to do.
pub fn enter() -> Result<(), NetworkError> {
    if is_inside()? {
        return run("ip", &["link", "set", "lo", "up"], "");
    }
    if !geteuid().is_root() {
        return Err(NetworkError::NotRoot);
    }
    // What is missing is said before anything is begun.
    run("ip", &["-V"], "")?;
    run("nft", &["--version"], "")?;
    run("unshare", &["--net", "--", "true"], "")?;
    let error = Command::new("unshare")
        .args(["--net", "--"])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(OUTSIDE, namespace()?)
        .exec();
    Err(NetworkError::Program { program: "unshare", why: error.to_string() })
}

/// Packets of a TCP port are lost as long as this lives.
#[derive(Debug)]
pub struct Losing(());

impl Losing {
    /// Loses so many of a million packets from and to a port, by the kernel's own chance.
    ///
    /// # Errors
    /// If this is not a network of the bench's own, or the rules are refused.
    pub fn start(port: u16, loss_ppm: u32) -> Result<Self, NetworkError> {
        if !is_inside()? {
            return Err(NetworkError::Outside);
        }
        run("nft", &["-f", "-"], &rules(port, loss_ppm))?;
        Ok(Self(()))
    }
}

impl Drop for Losing {
    fn drop(&mut self) {
        // If they cannot be taken away, they go with their network.
        let _ = run("nft", &["-f", "-"], &format!("delete table {TABLE}\n"));
    }
}

fn rules(port: u16, loss_ppm: u32) -> String {
    let rule = |end: &str| format!("tcp {end} {port} numgen random mod 1000000 < {loss_ppm} drop\n");
    let chain = format!("type filter hook input priority 0; policy accept;\n{}{}", rule("dport"), rule("sport"));
    // Made if it is missing, and begun anew.
    format!("add table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\nchain arriving {{\n{chain}}}\n}}\n")
}

fn run(program: &'static str, arguments: &[&str], input: &str) -> Result<(), NetworkError> {
    let failed = |why: String| NetworkError::Program { program, why };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    // A program that ends without reading says why by itself.
    let _ = child.stdin.take().map(|mut to| to.write_all(input.as_bytes()));
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_of_one_port_lose_and_nothing_else() {
        let rules = rules(4433, 10_000);
        for end in ["dport", "sport"] {
            assert!(rules.contains(&format!("tcp {end} 4433 numgen random mod 1000000 < 10000 drop")), "{rules}");
        }
        assert_eq!(rules.matches("drop").count(), 2);
    }

    #[test]
    fn the_machines_own_network_gets_no_rules() {
        assert!(matches!(Losing::start(4433, 10_000), Err(NetworkError::Outside)));
    }

    #[test]
    fn a_program_that_fails_is_named_with_what_it_said_and_what_to_do() {
        let error = run("sh", &["-c", "echo the reason >&2; false"], "").expect_err("it fails").to_string();
        assert!(error.contains("the reason") && error.contains("nftables") && error.contains("--loss"), "{error}");
    }
}
