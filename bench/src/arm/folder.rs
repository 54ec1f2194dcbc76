//! Owns a folder of the bench's own for sockets, profiles and traces; dropping it removes it. Must never be used for results.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

/// A new folder that other users may pass through: as root, the browser runs as another user and has to reach its own place in it.
///
/// # Errors
/// If the temporary folder cannot be written to.
pub fn temporary() -> std::io::Result<TempDir> {
    tempfile::Builder::new().prefix("shoji-bench-").permissions(Permissions::from_mode(0o711)).tempdir()
}
