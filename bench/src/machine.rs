//! Owns the description of the machine and the programs that a run was made with. Must never name the machine itself, its users or its paths.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// What a reader of a report must know about where it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Vector instruction sets that matter to the codec.
    pub vector_sets: Vec<String>,
    /// Logical processors.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The operating system.
    pub system: String,
    /// The browser's version.
    pub browser: String,
    /// The commit of the project, with `+` if the tree held changes; empty outside a checkout.
    pub commit: String,
    /// `release` or `dev`.
    pub profile: String,
    /// The day of the run, UTC.
    pub date: String,
}

impl Machine {
    /// Describes this machine.
    #[must_use]
    pub fn here(browser: &Path) -> Self {
        Self { browser: said(Command::new(browser).arg("--version")), ..Self::here_without_browser() }
    }

    /// Describes this machine, for a run that starts no browser.
    #[must_use]
    pub fn here_without_browser() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            cpuinfo
                .lines()
                .find(|line| line.starts_with(name))
                .and_then(|line| line.split_once(':'))
                .map(|(_, value)| value.trim().to_owned())
        };
        let flags = field("flags").unwrap_or_default();
        let vector_sets = ["sse4_1", "avx2", "avx512bw", "avx512_vbmi"]
            .into_iter()
            .filter(|set| flags.split(' ').any(|flag| flag == *set))
            .map(str::to_owned)
            .collect();
        Self {
            cpu: field("model name").unwrap_or_default(),
            vector_sets,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: memory_mib(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            system: system(),
            browser: String::new(),
            commit: commit(),
            profile: if cfg!(debug_assertions) { "dev" } else { "release" }.to_owned(),
            date: said(Command::new("date").args(["-u", "+%Y-%m-%d"])),
        }
    }
}

fn memory_mib() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

fn system() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("Linux").trim_matches('"').to_owned()
}

/// The commit of the checkout this program was built from, if it is still there.
fn commit() -> String {
    let project = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let head = said(Command::new("git").args(["-C", project, "rev-parse", "--short=12", "HEAD"]));
    if head.is_empty() {
        return head;
    }
    let changes = said(Command::new("git").args(["-C", project, "status", "--porcelain", "--untracked-files=no"]));
    if changes.is_empty() { head } else { format!("{head}+") }
}

/// The first line that a program prints; empty if it cannot be run or fails.
fn said(command: &mut Command) -> String {
    command
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8_lossy(&output.stdout).lines().next().map(|line| line.trim().to_owned()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_cores_a_kernel_and_memory() {
        let machine = Machine::here(Path::new("/nowhere/no-browser"));
        assert!(machine.cores > 0 && machine.memory_mib > 0 && !machine.kernel.is_empty());
        assert!(machine.browser.is_empty());
    }
}
