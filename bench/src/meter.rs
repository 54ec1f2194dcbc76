//! Owns what the bench reads about processes and the machine's load: `/proc`, nothing else.
//!
//! CPU time comes from the scheduler's nanosecond counters per thread. Must never signal, trace or slow a process it reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Nanos, now};
use crate::stats::count;

/// The CPU time of some processes at one moment, by thread.
#[derive(Debug, Clone, Default)]
pub struct CpuReading(BTreeMap<(u32, u32), u64>);

impl CpuReading {
    /// Reads the CPU time of the processes themselves (not of their children). A process that is gone counts nothing.
    #[must_use]
    pub fn of(processes: impl IntoIterator<Item = u32>) -> Self {
        let mut threads = BTreeMap::new();
        for process in processes {
            let Ok(entries) = fs::read_dir(format!("/proc/{process}/task")) else { continue };
            for entry in entries.flatten() {
                let Some(thread) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
                let spent = fs::read_to_string(entry.path().join("schedstat"))
                    .ok()
                    .and_then(|text| text.split_whitespace().next()?.parse().ok());
                if let Some(spent) = spent {
                    threads.insert((process, thread), spent);
                }
            }
        }
        Self(threads)
    }

    /// CPU time spent since an earlier reading. Threads that ended in between are lost with what they spent since it.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Duration {
        let spent = self.0.iter().map(|(thread, now)| now.saturating_sub(earlier.0.get(thread).copied().unwrap_or(0)));
        Duration::from_nanos(spent.sum())
    }
}

/// The children, grandchildren and so on of a process, and itself.
#[must_use]
pub fn descendants(root: u32) -> BTreeSet<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    if let Ok(entries) = fs::read_dir("/proc") {
        for entry in entries.flatten() {
            let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            if let Some(parent) = parent(process) {
                children.entry(parent).or_default().push(process);
            }
        }
    }
    let mut found = BTreeSet::from([root]);
    let mut open = vec![root];
    while let Some(process) = open.pop() {
        for &child in children.get(&process).map_or(&[][..], Vec::as_slice) {
            if found.insert(child) {
                open.push(child);
            }
        }
    }
    found
}

fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may hold spaces; state and parent follow the last one.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Memory of one process, in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Everything resident, shared or not.
    pub resident: u64,
    /// Its own: neither files nor shared memory.
    pub private: u64,
    /// Mapped files: mostly the program itself and its libraries.
    pub files: u64,
    /// Shared memory: mostly the browser's own buffers, mapped a second time.
    pub shared: u64,
}

impl Memory {
    /// Reads the memory of a process; `None` if it is gone.
    #[must_use]
    pub fn of(process: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
                .unwrap_or(0)
        };
        Some(Self {
            resident: field("VmRSS:"),
            private: field("RssAnon:"),
            files: field("RssFile:"),
            shared: field("RssShmem:"),
        })
    }

    /// The sum with another process.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            resident: self.resident + other.resident,
            private: self.private + other.private,
            files: self.files + other.files,
            shared: self.shared + other.shared,
        }
    }
}

/// Measures how much of the machine's CPU time other work took, while own processes ran.
#[derive(Debug)]
pub struct LoadMeter {
    began: Nanos,
    machine: Duration,
    own: CpuReading,
}

impl LoadMeter {
    /// Begins; `own` are the processes that do not count as other work.
    #[must_use]
    pub fn begin(own: &BTreeSet<u32>) -> Self {
        Self { began: now(), machine: machine_busy(), own: CpuReading::of(own.iter().copied()) }
    }

    /// Cores that other work kept busy since the beginning. The kernel counts in ticks of 10 ms: trust it over a second or more.
    #[must_use]
    pub fn foreign_cores(&self, own: &BTreeSet<u32>) -> f64 {
        let passed = Duration::from_nanos(now().saturating_sub(self.began)).as_secs_f64();
        let machine = machine_busy().saturating_sub(self.machine);
        let own = CpuReading::of(own.iter().copied()).since(&self.own);
        if passed <= 0.0 { 0.0 } else { machine.saturating_sub(own).as_secs_f64() / passed }
    }
}

/// CPU time of the whole machine that was not idle; time stolen by a hypervisor counts, since it was not there for us.
fn machine_busy() -> Duration {
    let Ok(stat) = fs::read_to_string("/proc/stat") else { return Duration::ZERO };
    let Some(line) = stat.lines().next() else { return Duration::ZERO };
    let ticks: Vec<u64> = line.split_whitespace().skip(1).map(|field| field.parse().unwrap_or(0)).collect();
    // user nice system idle iowait irq softirq steal (guest times are within user)
    let busy: u64 =
        ticks.iter().take(8).enumerate().filter(|(field, _)| !matches!(field, 3 | 4)).map(|(_, ticks)| ticks).sum();
    Duration::from_secs_f64(count(usize::try_from(busy).unwrap_or(0)) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_process_has_spent_cpu_time_and_holds_memory() {
        let me = std::process::id();
        let before = CpuReading::of([me]);
        let mut sum = 0_u64;
        for n in 0..5_000_000_u64 {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(n));
        }
        assert!(CpuReading::of([me]).since(&before) > Duration::ZERO, "{sum}");
        let memory = Memory::of(me).expect("this process lives");
        assert!(memory.resident >= memory.private && memory.private > 0);
    }

    #[test]
    fn a_child_is_a_descendant_until_it_ends() {
        let mut child = std::process::Command::new("sleep").arg("30").spawn().expect("sleep starts");
        assert!(descendants(std::process::id()).contains(&child.id()));
        child.kill().expect("the child can be ended");
        child.wait().expect("the child ends");
        assert!(!descendants(std::process::id()).contains(&child.id()));
        assert_eq!(Memory::of(child.id()), None);
    }

    #[test]
    fn other_work_is_never_negative() {
        let own = descendants(std::process::id());
        let meter = LoadMeter::begin(&own);
        assert!(meter.foreign_cores(&own) >= 0.0);
    }
}
