//! The files of the state directory: atomic, private, bounded.
//!
//! Owns how a file of the host is written (temporary file, sync, rename, sync of the directory) and read (bounded).
//! It must never leave a half-written file under its final name, nor make a private file readable for others.
//!
//! ```no_run
//! # use std::path::Path;
//! shoji_host::store::write(Path::new("/var/lib/shoji/registry.json"), b"{}", shoji_host::store::PRIVATE)?;
//! # Ok::<(), shoji_host::store::Error>(())
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::limits;

/// Mode of a file that only the host may read.
pub const PRIVATE: u32 = 0o600;
/// Mode of a file that everybody on the machine may read.
pub const READABLE: u32 = 0o644;

/// A file operation failed; says which, on what, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}: {source}{}", path.display(), advice(source))]
pub struct Error {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl Error {
    pub(crate) fn new(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self { what, path: path.to_owned(), source }
    }

    /// The kind of the operating system's error.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

/// The next step: exact for the causes that an administrator meets, general for the rest.
pub(crate) fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => " (run as root, or give a directory of your own with --state DIR)",
        io::ErrorKind::StorageFull => " (the disk is full: free some space and try again)",
        io::ErrorKind::ReadOnlyFilesystem => " (the file system is read-only: give another directory with --state DIR)",
        io::ErrorKind::QuotaExceeded => " (the disk quota is used up: free some space)",
        io::ErrorKind::NotFound => " (a folder on the way is missing: make it, or give another path)",
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            " (something else is in its place: move that away, or give another path)"
        }
        _ => " (check the path and its disk, then try again)",
    }
}

/// Writes a file so that a reader sees either the old or the new content, also after a power cut.
pub fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    // A bare file name has an empty parent, which is no directory that can be opened.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = directory.join(name);
    let written = write_new(&temporary, content, mode)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| File::open(directory)?.sync_all());
    written.map_err(|source| {
        // The temporary file is useless now; failing to remove it must not hide the cause.
        let _ = fs::remove_file(&temporary);
        Error::new("write", path, source)
    })
}

/// Writes a file that need not outlive the machine's next start, such as a running session's: nobody waits for a disk.
pub fn write_passing(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let write = || OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(content);
    write().map_err(|source| Error::new("write", path, source))
}

fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    // Left behind by a host that was killed here; process ids come back.
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Reads a whole file of at most [`limits::MAX_FILE`] bytes; `None` if there is none.
pub fn read(path: &Path) -> Result<Option<String>, Error> {
    let fail = |source| Error::new("read", path, source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    let mut text = String::new();
    let read = file.take(limits::MAX_FILE + 1).read_to_string(&mut text).map_err(fail)?;
    if read as u64 > limits::MAX_FILE {
        return Err(fail(io::Error::other("the file is too large")));
    }
    Ok(Some(text))
}

/// Makes a directory and its parents; the directory itself gets `mode` if it is new.
pub fn directory(path: &Path, mode: u32) -> Result<(), Error> {
    let fail = |source| Error::new("make the directory", path, source);
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o755).create(parent).map_err(fail)?;
    }
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map_err(fail),
    }
}

/// An exclusive lock on a file, held until it is dropped (or the process ends, however it ends).
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock.
    pub fn wait(path: &Path) -> Result<Self, Error> {
        let file = Self::open(path)?;
        file.lock().map_err(|source| Error::new("lock", path, source))?;
        Ok(Self { _file: file })
    }

    /// Takes the lock if nobody has it.
    pub fn take(path: &Path) -> Result<Option<Self>, Error> {
        let file = Self::open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(source)) => Err(Error::new("lock", path, source)),
        }
    }

    fn open(path: &Path) -> Result<File, Error> {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(PRIVATE)
            .open(path)
            .map_err(|source| Error::new("open", path, source))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_written_file_is_private_and_leaves_no_other_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry.json");
        write(&path, b"one", PRIVATE).unwrap();
        write(&path, b"two", PRIVATE).unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("two"));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, PRIVATE);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_full_disk_is_named_with_the_next_step() {
        let error = Error::new("write", Path::new("x"), io::Error::from(io::ErrorKind::StorageFull));
        assert!(error.to_string().contains("free some space"), "{error}");
    }

    #[test]
    fn a_lock_is_held_by_one_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let first = Lock::take(&path).unwrap();
        assert!(first.is_some());
        assert!(Lock::take(&path).unwrap().is_none());
        drop(first);
        assert!(Lock::take(&path).unwrap().is_some());
    }
}
