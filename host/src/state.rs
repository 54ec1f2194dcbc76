//! Where the host keeps things: the state directory, the runtime directory and their locks.
//!
//! Owns the decision which paths are used, and that one `serve` at a time uses them. It must never place a socket or a
//! profile where another user of the machine could reach it.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::store;

/// There is no usable directory.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A directory could not be made or locked.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// No home directory.
    #[error("this user has no home directory: give a directory with --state DIR")]
    NoHome,
    /// Another host uses it.
    #[error("another shoji-host is running with {}: stop it, or give another directory with --state DIR", .0.display())]
    InUse(PathBuf),
}

/// Whether this program runs as root, so that every session can get users of its own.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The state directory: as asked, `/var/lib/shoji` for root, the user's own state directory otherwise. Made if missing.
pub fn directory(asked: Option<PathBuf>) -> Result<PathBuf, Error> {
    let path = match asked {
        Some(path) => path,
        None if is_root() => PathBuf::from("/var/lib/shoji"),
        None => directories::ProjectDirs::from("", "", "shoji")
            .and_then(|project| project.state_dir().map(Path::to_owned))
            .ok_or(Error::NoHome)?,
    };
    store::directory(&path, 0o700)?;
    std::path::absolute(&path).map_err(|source| store::Error::new("find", &path, source).into())
}

/// Where the running host keeps its sessions' sockets and profiles; emptied, because what is there belonged to a host
/// that is gone. Other users may pass through it (each session's own directory is closed to them), so it is not in the
/// state directory when the host runs as root.
pub fn runtime_directory(state: &Path, configured: Option<&Path>) -> Result<PathBuf, Error> {
    // Several hosts may run on one machine; the name says whose directory it is.
    let digest = Sha256::digest(state.as_os_str().as_bytes());
    let name = format!("host-{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
    let parent = match configured {
        Some(path) => path.to_owned(),
        None if is_root() => PathBuf::from("/run/shoji"),
        None => match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
            Some(runtime) if runtime.is_dir() => runtime.join("shoji"),
            _ => state.join("run"),
        },
    };
    let mode = if is_root() { 0o711 } else { 0o700 };
    store::directory(&parent, mode)?;
    let path = parent.join(name);
    match std::fs::remove_dir_all(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(store::Error::new("empty", &path, error).into());
        }
        _ => {}
    }
    store::directory(&path, mode)?;
    Ok(path)
}

/// The lock that one running host holds on a state directory.
pub fn lock(state: &Path) -> Result<store::Lock, Error> {
    store::Lock::take(&state.join("serve.lock"))?.ok_or_else(|| Error::InUse(state.to_owned()))
}

/// The control socket of the host that runs with this state directory.
pub fn control_socket(state: &Path) -> PathBuf {
    state.join("control.sock")
}
