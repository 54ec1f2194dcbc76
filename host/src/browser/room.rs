//! A session's private directory: its Wayland socket, its profile and the files that its sandbox sees.
//!
//! Owns the directory from creation until nothing of it is left. The directory itself belongs to the host, so that the
//! browser can not put anything in the way of the host's own file operations; only `home` belongs to the browser.

use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::{AtFlags, Mode, OFlags, open, openat, unlinkat};

use super::policy;
use crate::{state, store};

/// A session's directory could not be made or cleared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory could not be made.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Something in it could not be given to its user, bound or removed.
    #[error("cannot {what} {}: {source}: check the disk there, or choose another one with runtime_directory in host.toml", path.display())]
    Room {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// Whose processes the browser's are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    uid: u32,
    gid: u32,
}

impl Owner {
    /// A user id that is nobody else's; its group has the same number. Only root can become it.
    pub fn user(id: u32) -> Self {
        Self { uid: id, gid: id }
    }

    /// The user of this process. As root, that is no user for a browser: then it is [`Owner::user`] 61000.
    pub fn of_this_process() -> Self {
        if state::is_root() {
            return Self::user(61_000);
        }
        Self { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
    }

    /// The user id.
    pub fn uid(self) -> u32 {
        self.uid
    }

    /// Makes a command run as this user, without supplementary groups.
    pub fn apply(self, command: &mut Command) {
        if state::is_root() {
            // The standard library clears the supplementary groups when root sets a user id.
            command.uid(self.uid).gid(self.gid);
        }
    }

    fn take(self, path: &Path) -> Result<(), Error> {
        if !state::is_root() {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid)).map_err(|source| Error::Room {
            what: "give away",
            path: path.to_owned(),
            source,
        })
    }
}

/// A session's private directory.
#[derive(Debug)]
pub struct Room {
    path: PathBuf,
    owner: Owner,
}

impl Room {
    /// Makes the directory `path` and the Wayland socket in it, on which the compositor then accepts the browser.
    pub fn create(path: &Path, owner: Owner) -> Result<(Self, UnixListener), Error> {
        let room = Self { path: path.to_owned(), owner };
        store::directory(path, 0o711)?;
        store::directory(&room.etc(), 0o755)?;
        store::directory(&room.home(), 0o700)?;
        owner.take(&room.home())?;
        let text = serde_json::to_vec_pretty(&policy::managed()).expect("policies are valid JSON");
        store::write_passing(&room.policies(), &text, store::READABLE)?;
        let uid = owner.uid;
        let gid = owner.gid;
        let passwd = format!("shoji:x:{uid}:{gid}:shoji:/home/shoji:/usr/sbin/nologin\n");
        store::write_passing(&room.etc().join("passwd"), passwd.as_bytes(), store::READABLE)?;
        let group = format!("shoji:x:{gid}:\n");
        store::write_passing(&room.etc().join("group"), group.as_bytes(), store::READABLE)?;
        let listener = room.listen()?;
        Ok((room, listener))
    }

    fn listen(&self) -> Result<UnixListener, Error> {
        let path = self.wayland();
        let fail = |source| Error::Room { what: "listen on", path: path.clone(), source };
        let listener = UnixListener::bind(&path).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(fail)?;
        self.owner.take(&path)?;
        Ok(listener)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose browser lives here.
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// The browser's home and profile, outside the sandbox.
    pub fn home(&self) -> PathBuf {
        self.path.join("home")
    }

    /// The Wayland socket.
    pub fn wayland(&self) -> PathBuf {
        self.path.join("wayland")
    }

    /// Files for the sandbox's `/etc`.
    pub fn etc(&self) -> PathBuf {
        self.path.join("etc")
    }

    /// The policy file.
    pub fn policies(&self) -> PathBuf {
        self.etc().join("policies.json")
    }

    /// Removes the mark of a browser that crashed; it would keep the next one from using the profile.
    pub(super) fn forget_profile_lock(&self) -> Result<(), Error> {
        // The browser owns these folders and could have put links there: none is followed.
        let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let profile =
            open(self.home(), folder, Mode::empty()).and_then(|home| openat(home, "profile", folder, Mode::empty()));
        let Ok(profile) = profile else {
            return Ok(());
        };
        for name in ["SingletonLock", "SingletonSocket", "SingletonCookie"] {
            match unlinkat(&profile, name, AtFlags::empty()) {
                Ok(()) | Err(rustix::io::Errno::NOENT) => {}
                Err(error) => {
                    return Err(Error::Room { what: "unlock the profile in", path: self.home(), source: error.into() });
                }
            }
        }
        Ok(())
    }

    /// Removes everything. The browser must have been ended.
    pub fn clear(self) -> Result<(), Error> {
        // The last processes of a pid namespace can still be closing files when its first process has been reaped.
        const ATTEMPTS: u32 = 50;
        let mut attempt = 0;
        loop {
            attempt += 1;
            match std::fs::remove_dir_all(&self.path) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(_) if attempt < ATTEMPTS => std::thread::sleep(Duration::from_millis(20)),
                Err(source) => {
                    return Err(Error::Room { what: "remove", path: self.path, source });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cleared_room_leaves_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("one");
        let (room, listener) = Room::create(&path, Owner::of_this_process()).unwrap();
        std::fs::create_dir(room.home().join("profile")).unwrap();
        let lock = room.home().join("profile/SingletonLock");
        std::os::unix::fs::symlink("shoji-3", &lock).unwrap();
        room.forget_profile_lock().unwrap();
        assert!(lock.symlink_metadata().is_err());
        drop(listener);
        room.clear().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_link_in_the_profiles_place_is_not_followed() {
        let parent = tempfile::tempdir().unwrap();
        let elsewhere = parent.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::write(elsewhere.join("SingletonLock"), b"").unwrap();
        let path = parent.path().join("one");
        let (room, _listener) = Room::create(&path, Owner::of_this_process()).unwrap();
        std::os::unix::fs::symlink(&elsewhere, room.home().join("profile")).unwrap();
        room.forget_profile_lock().unwrap();
        assert!(elsewhere.join("SingletonLock").exists());
    }
}
