//! One control group for each session: its worker and its browser share one limit of memory and of processes, and the CPU is
//! shared between sessions and not between their processes.
//!
//! Owns the groups below the host's own, where the system gave the host a group of cgroup v2 to itself (systemd:
//! `Delegate=yes`). Where it did not, there are none, the host says so, and only each process's own limits stand. It must never
//! touch a group that holds anybody else.
//!
//! ```text
//! <the host's group>/supervisor     the host itself: a group with groups below it may hold no process
//! <the host's group>/session-7      worker and browser of session 7
//! ```

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, process, thread};

use crate::limits;

/// Where the host itself goes.
const SUPERVISOR: &str = "supervisor";

/// Tries to remove a group whose last processes are just being taken down by the kernel, and the pause between two.
const REMOVALS: (u32, Duration) = (50, Duration::from_millis(10));

/// Why sessions get no groups.
#[derive(Debug, thiserror::Error)]
pub(super) enum Missing {
    #[error("the system has no cgroup v2 for the host: boot with the unified hierarchy")]
    NoHierarchy,
    #[error("the host's group has no controller for {0}: give it one (systemd: Delegate=yes)")]
    NoController(&'static str),
    #[error("the host's group holds other processes too: start the host as a service with Delegate=yes")]
    Shared,
    #[error("the host's group cannot be divided: {0}: start the host as a service with Delegate=yes")]
    Refused(#[source] io::Error),
}

/// A session's group could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}: {source}: was the host's control group changed while it ran? restart the host", path.display())]
pub(super) struct Error {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// The host's own group, divided.
#[derive(Debug)]
pub(super) struct Groups {
    base: PathBuf,
}

impl Groups {
    /// Divides the group in which the host was started. Nothing is changed where that is not possible.
    pub(super) fn of_this_process() -> Result<Self, Missing> {
        let read = |path: &str| fs::read_to_string(path).map_err(|_| Missing::NoHierarchy);
        let base = base(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?).ok_or(Missing::NoHierarchy)?;
        Self::divide(base, process::id())
    }

    fn divide(base: PathBuf, host: u32) -> Result<Self, Missing> {
        let controllers = fs::read_to_string(base.join("cgroup.controllers")).map_err(|_| Missing::NoHierarchy)?;
        let has = |wanted: &str| controllers.split_ascii_whitespace().any(|name| name == wanted);
        for needed in ["memory", "pids"] {
            if !has(needed) {
                return Err(Missing::NoController(needed));
            }
        }
        let inside = fs::read_to_string(base.join("cgroup.procs")).map_err(Missing::Refused)?;
        if inside.split_ascii_whitespace().any(|id| id != host.to_string()) {
            return Err(Missing::Shared);
        }
        let own = base.join(SUPERVISOR);
        make(&own).map_err(Missing::Refused)?;
        fs::write(own.join("cgroup.procs"), host.to_string()).map_err(Missing::Refused)?;
        // Equal shares of the CPU need no number: every group has the same weight.
        let wanted = if has("cpu") { "+memory +pids +cpu" } else { "+memory +pids" };
        if let Err(error) = fs::write(base.join("cgroup.subtree_control"), wanted) {
            let _ = fs::write(base.join("cgroup.procs"), host.to_string());
            let _ = fs::remove_dir(&own);
            return Err(Missing::Refused(error));
        }
        Ok(Self { base })
    }

    /// Makes the group of a session, with its limits.
    pub(super) fn session(&self, session: u64) -> Result<Group, Error> {
        let group = Group { path: self.base.join(format!("session-{session}")) };
        make(&group.path).map_err(|source| group.error("make", source))?;
        group.set("memory.max", limits::SESSION_MEMORY)?;
        group.set("pids.max", limits::SESSION_TASKS)?;
        Ok(group)
    }
}

/// A session's group. Dropping it ends whatever is left in it, and removes it.
#[derive(Debug)]
pub(super) struct Group {
    path: PathBuf,
}

impl Group {
    /// Puts a process that was just started into the group, and what it has started since.
    pub(super) fn put(&self, process: u32) -> Result<(), Error> {
        let mut moved = BTreeSet::new();
        let mut waiting = vec![process];
        while let Some(id) = waiting.pop() {
            if !moved.insert(id) {
                continue;
            }
            match fs::write(self.path.join("cgroup.procs"), id.to_string()) {
                // It ended meanwhile; its children went to somebody else and are found there.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                result => result.map_err(|source| self.error("put a process into", source))?,
            }
            // What it starts from now on is in the group by birth.
            waiting.extend(children(id));
        }
        Ok(())
    }

    fn set(&self, limit: &str, value: u64) -> Result<(), Error> {
        fs::write(self.path.join(limit), value.to_string()).map_err(|source| self.error("set the limits of", source))
    }

    fn error(&self, what: &'static str, source: io::Error) -> Error {
        Error { what, path: self.path.clone(), source }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Since Linux 5.14; before, the processes' own ends have to do.
        let _ = fs::write(self.path.join("cgroup.kill"), "1");
        let (tries, pause) = REMOVALS;
        for _ in 0..tries {
            match fs::remove_dir(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => thread::sleep(pause),
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return tracing::warn!(%error, group = %self.path.display(), "A session's control group is left behind");
                }
                _ => return,
            }
        }
        tracing::warn!(group = %self.path.display(), "A session's control group is left behind: a process in it does not end");
    }
}

/// The host's group as a directory: the mount of the unified hierarchy, and the path of this process in it.
fn base(mounts: &str, groups: &str) -> Option<PathBuf> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut fields = place.split(' ').skip(3);
        let (root, mount) = (fields.next()?, fields.next()?);
        // Of a mount that shows a part of the hierarchy, only what it shows can be named.
        let below = Path::new(own).strip_prefix(root).ok()?;
        kind.starts_with("cgroup2 ").then(|| Path::new(mount).join(below))
    })
}

fn make(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

/// The processes that a process started, and that are its own still.
fn children(of: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{of}/task")) else { return Vec::new() };
    let texts = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    texts.flat_map(|text| text.split_ascii_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "30 1 0:26 / /sys rw - sysfs sysfs rw\n\
        41 31 0:38 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw\n";

    /// A folder with the files of a group; writing to them does nothing.
    fn folder(controllers: &str, processes: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cgroup.controllers"), controllers).unwrap();
        fs::write(folder.path().join("cgroup.procs"), processes).unwrap();
        folder
    }

    #[test]
    fn the_hosts_group_is_found_below_the_mount_that_shows_it() {
        let own = "4:memory:/elsewhere\n0::/system.slice/shoji.service\n";
        assert_eq!(base(MOUNTS, own), Some("/sys/fs/cgroup/system.slice/shoji.service".into()));
        let part = MOUNTS.replace("0:38 / ", "0:38 /system.slice ");
        assert_eq!(base(&part, own), Some("/sys/fs/cgroup/shoji.service".into()));
        assert_eq!(base(&part, "0::/user.slice\n"), None);
        assert_eq!(base(MOUNTS, "4:memory:/elsewhere\n"), None);
        assert_eq!(base("", own), None);
    }

    #[test]
    fn a_group_without_the_controllers_is_left_as_it_is() {
        let folder = folder("cpu io", "7\n");
        let missing = Groups::divide(folder.path().to_owned(), 7).unwrap_err();
        assert!(matches!(missing, Missing::NoController("memory")), "{missing}");
        assert!(!folder.path().join(SUPERVISOR).exists());
    }

    #[test]
    fn a_group_with_others_in_it_is_left_as_it_is() {
        let folder = folder("cpu memory pids", "7\n8\n");
        let missing = Groups::divide(folder.path().to_owned(), 7).unwrap_err();
        assert!(matches!(missing, Missing::Shared), "{missing}");
        assert!(!folder.path().join(SUPERVISOR).exists());
    }

    #[test]
    fn a_session_gets_a_group_with_limits_and_its_processes() {
        let folder = folder("cpuset cpu memory pids", "7\n");
        let groups = Groups::divide(folder.path().to_owned(), 7).unwrap();
        let read = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
        assert_eq!(read("supervisor/cgroup.procs"), "7");
        assert_eq!(read("cgroup.subtree_control"), "+memory +pids +cpu");
        let group = groups.session(3).unwrap();
        assert_eq!(read("session-3/memory.max"), limits::SESSION_MEMORY.to_string());
        assert_eq!(read("session-3/pids.max"), limits::SESSION_TASKS.to_string());
        group.put(u32::MAX).unwrap();
        assert_eq!(read("session-3/cgroup.procs"), u32::MAX.to_string());
    }

    /// On the machine's own hierarchy, without controllers: where this process may make a group at all.
    #[test]
    fn a_process_and_its_children_are_moved_and_ended_together() {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let base = base(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
        let path = base.unwrap_or_default().join(format!("shoji-test-{}", process::id()));
        if let Err(error) = fs::create_dir(&path) {
            return eprintln!("not tried: this process may make no control group: {error}");
        }
        let group = Group { path: path.clone() };
        // The shell tells when its child runs.
        let mut shell = process::Command::new("/bin/sh")
            .args(["-c", "sleep 600 & echo; wait"])
            .stdout(process::Stdio::piped())
            .spawn()
            .unwrap();
        io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let child = children(shell.id())[0];
        group.put(shell.id()).unwrap();
        for id in [shell.id(), child] {
            let name = format!("/shoji-test-{}\n", process::id());
            assert!(read(&format!("/proc/{id}/cgroup")).ends_with(&name));
        }
        drop(group);
        assert!(!shell.wait().unwrap().success());
        assert!(!path.exists());
    }
}
