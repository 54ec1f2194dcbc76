//! Two walls of the kernel's around a process that parses hostile bytes: the host's worker, the viewer's decoder.
//!
//! Owns how the walls are put up, for good and in one order ([`close`]); who stands behind them brings its own list of
//! [`calls`]. Landlock ([`files`]) takes every file, TCP port, abstract socket and foreign process away, by what they are.
//! Seccomp ([`calls`]) leaves a list of system calls and ends the process at any other. A wall that the kernel has and that
//! cannot be put up is an error; one that it lacks is [`missing`]. It must know none of our other crates.

#![cfg(target_os = "linux")]

pub mod calls;
mod files;

use std::io;

/// A wall that this kernel has could not be put up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Landlock holds for the thread that asks for it, so there must be no other.
    #[error("{0} threads run where only one may: please report this line")]
    Threads(usize),
    /// The threads could not be counted.
    #[error("cannot count the process's threads: {0}: is /proc mounted?")]
    Count(#[source] io::Error),
    /// Landlock refused.
    #[error("Landlock refused: {0}: check what else confines the program on this machine (containers, systemd)")]
    Files(#[from] landlock::RulesetError),
    /// Landlock is there and holds nothing.
    #[error("Landlock is there and was not enforced: check what else confines the program on this machine")]
    FilesOpen,
    /// The filter of system calls was refused.
    #[error("seccomp refused: {0}: check what else confines the program on this machine (containers, systemd)")]
    Calls(#[from] seccompiler::Error),
    /// The filter could not be made.
    #[error("cannot make the filter of system calls: {0}: please report this line")]
    Filter(#[from] seccompiler::BackendError),
}

/// What the kernel of this machine lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// No Landlock: since Linux 5.13, and switched on where the kernel starts.
    pub landlock: bool,
    /// No filters of system calls.
    pub seccomp: bool,
}

/// What the kernel lacks, for a program to say once.
pub fn missing() -> Missing {
    Missing { landlock: !files::are_known(), seccomp: !calls::are_known() }
}

/// Leaves the process what it holds open and the calls of the list, for good. It must have one thread, and can make no other
/// afterwards unless the list says so.
pub fn close(list: &calls::List) -> Result<(), Error> {
    let threads = std::fs::read_dir("/proc/self/task").map_err(Error::Count)?.count();
    if threads != 1 {
        return Err(Error::Threads(threads));
    }
    files::close()?;
    calls::close(list)
}
