//! What a worker may do, made less in two steps.
//!
//! Owns the order: [`prepare`] before anything is read, [`drop_all`] before the first Wayland client is accepted. After
//! that the worker parses hostile bytes, so nothing may be given back.

use std::io;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};
use rustix::thread::set_no_new_privs;

use crate::limits;

/// Ends with the supervisor, gains no rights, leaves no memory image, and opens few files.
pub(super) fn prepare() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_no_new_privs(true)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    let files = getrlimit(Resource::Nofile);
    let most = files.maximum.map_or(limits::WORKER_FILES, |most| most.min(limits::WORKER_FILES));
    setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: Some(most) })?;
    Ok(())
}

/// Gives up every right that composing and encoding do not need. Everything that reads files (keymaps) has to be done
/// before. The isolation work fills this in (Landlock, seccomp); its place in the order is fixed here.
pub(super) fn drop_all() {}
