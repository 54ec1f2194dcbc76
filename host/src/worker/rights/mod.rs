//! What a worker may do, made less in two steps.
//!
//! Owns the order: [`prepare`] before anything is read, [`drop_all`] before the first Wayland client is accepted. After
//! that the worker parses hostile bytes, so nothing may be given back. What a worker needs later it holds by then: its
//! sockets, and the keyboard layouts in memory.
//!
//! Two walls, each of the kernel's own, one behind the other. Landlock ([`files`]) takes every file, TCP port, abstract socket
//! and foreign process away, by what they are. Seccomp ([`calls`]) leaves a short list of system calls and ends the process
//! at any other. A wall that cannot be put up ends the worker, unless this kernel has no such wall at all: then the host says
//! so when it starts ([`missing`]) and the other wall stands alone.

mod calls;
mod files;

use std::io;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};
use rustix::thread::set_no_new_privs;

use crate::limits;

/// A wall that this kernel has could not be put up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Landlock holds for the thread that asks for it, so there must be no other.
    #[error("{0} threads run where only one may: please report this line")]
    Threads(usize),
    /// The threads could not be counted.
    #[error("cannot count the worker's threads: {0}: is /proc mounted?")]
    Count(#[source] io::Error),
    /// Landlock refused.
    #[error("Landlock refused: {0}: check what else confines the host on this machine (containers, systemd)")]
    Files(#[from] landlock::RulesetError),
    /// Landlock is there and holds nothing.
    #[error("Landlock is there and was not enforced: check what else confines the host on this machine")]
    FilesOpen,
    /// The filter of system calls was refused.
    #[error("seccomp refused: {0}: check what else confines the host on this machine (containers, systemd)")]
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

/// What the kernel lacks, for the host to say once.
pub fn missing() -> Missing {
    Missing { landlock: !files::are_known(), seccomp: !calls::are_known() }
}

/// Ends with the supervisor, gains no rights, leaves no memory image, and opens few files.
pub(super) fn prepare() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_no_new_privs(true)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    lower(Resource::Nofile, limits::WORKER_FILES)?;
    lower(Resource::Data, limits::WORKER_MEMORY)
}

fn lower(resource: Resource, to: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.map_or(to, |most| most.min(to));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

/// Gives up every right that composing and encoding do not need, for good. Everything that reads files (keymaps) has to be
/// done before; the process must have one thread, and can make no other afterwards.
pub fn drop_all() -> Result<(), Error> {
    let threads = std::fs::read_dir("/proc/self/task").map_err(Error::Count)?.count();
    if threads != 1 {
        return Err(Error::Threads(threads));
    }
    files::close()?;
    calls::close()
}
