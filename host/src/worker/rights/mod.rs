//! What a worker may do, made less in two steps.
//!
//! Owns the order: [`prepare`] before anything is read, [`drop_all`] before the first Wayland client is accepted. After
//! that the worker parses hostile bytes, so nothing may be given back. What a worker needs later it holds by then: its
//! sockets, and the keyboard layouts in memory.
//!
//! Two walls, each of the kernel's own, one behind the other. Landlock takes every file, TCP port, abstract socket
//! and foreign process away, by what they are. Seccomp leaves a short list of system calls and ends the process
//! at any other. A wall that cannot be put up ends the worker, unless this kernel has no such wall at all: then the host says
//! so when it starts ([`missing`]) and the other wall stands alone.

mod calls;

use std::io;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};
use rustix::thread::set_no_new_privs;

use crate::limits;

pub use shoji_walls::{Error, Missing, missing};

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
    calls::keep_only_these()
}
