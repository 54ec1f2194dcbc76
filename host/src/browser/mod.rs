//! The browser: found, checked, confined, launched and cleared away.
//!
//! Owns everything between "a session needs a browser" and a Chromium that connects to the session's Wayland socket:
//! which program, which packages it needs ([`packages`]), what it may do ([`policy`]), where it lives ([`room`]), how it
//! is confined ([`sandbox`]), how it reaches the egress proxy ([`entrance`]) and how often it may crash ([`restart`]). It must never weaken the browser's own sandbox:
//! there is no code path that adds such a flag, and a test looks for one.
//!
//! ```no_run
//! use shoji_host::browser::{Launcher, room::{Owner, Room}};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let launcher = Launcher::new(&Default::default())?;
//! let owner = Owner::of_this_process();
//! let (room, listener) = Room::create("/run/user/1000/shoji/one".as_ref(), owner)?;
//! // `listener` goes to a compositor.
//! let egress = Egress::start(Settings::new(Policy::default(), None, String::new()))?;
//! let mut browser = launcher.launch(&room, &egress.door(1), "https://example.jp/", Start::Fresh)?;
//! browser.end();
//! room.clear()?;
//! # Ok(())
//! # }
//! # use shoji_host::browser::Start;
//! # use shoji_host::egress::{Egress, Settings, policy::Policy};
//! ```

pub mod entrance;
pub mod packages;
pub mod policy;
pub mod restart;
pub mod room;
pub mod sandbox;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::egress::{Door, Passage};
use crate::{config, limits};
use room::{Owner, Room};

/// Bubblewrap, where Debian puts it.
const BUBBLEWRAP: &str = "/usr/bin/bwrap";

/// Why there is no browser.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something is not installed.
    #[error(transparent)]
    Missing(#[from] packages::Missing),
    /// The session's directory could not be made or cleared.
    #[error(transparent)]
    Room(#[from] room::Error),
    /// A program could not be started.
    #[error("cannot start {}: {source}: check that it may be executed (browser.bubblewrap in host.toml), and the machine's free memory and process limit", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The machine does not let the sandbox be made.
    #[error(
        "bubblewrap cannot make a sandbox here: {0}: allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0; in a container, allow nested namespaces)"
    )]
    NoNamespaces(String),
}

/// How a browser begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// A new profile and the start page.
    Fresh,
    /// The same profile after a crash: its pages come back.
    AfterCrash,
}

/// A browser that can be launched any number of times.
#[derive(Debug, Clone)]
pub struct Launcher {
    browser: PathBuf,
    bubblewrap: PathBuf,
}

impl Launcher {
    /// Finds the programs and checks that all a session needs is installed.
    pub fn new(config: &config::Browser) -> Result<Self, Error> {
        let bubblewrap = config.bubblewrap.clone().unwrap_or_else(|| PathBuf::from(BUBBLEWRAP));
        let browser = packages::check(config.path.as_deref(), &bubblewrap)?;
        Ok(Self { browser, bubblewrap })
    }

    /// The browser's program.
    pub fn program(&self) -> &Path {
        &self.browser
    }

    /// Tries the sandbox once with a program that does nothing.
    pub fn check_sandbox(&self, owner: Owner) -> Result<(), Error> {
        let mut command = Command::new(&self.bubblewrap);
        command.args(sandbox::trial_arguments()).env_clear();
        owner.apply(&mut command);
        let output =
            command.current_dir("/").stdin(Stdio::null()).output().map_err(|source| self.start_error(source))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Error::NoNamespaces(said.lines().next().unwrap_or("no reason given").to_owned()))
    }

    /// Launches a browser that will connect to the Wayland socket in `room` and reach the internet through `door` only.
    ///
    /// The calling program is run once more inside the sandbox, where [`entrance::if_asked`] has to be the first it does.
    /// The calling thread must live as long as the browser: the kernel ends the sandbox when that thread ends, so that
    /// nothing outlives the host. [`crate::spawner`] has such a thread.
    pub fn launch(&self, room: &Room, door: &Door, url: &str, start: Start) -> Result<Browser, Error> {
        if start == Start::AfterCrash {
            room.forget_profile_lock()?;
        }
        let (ours, theirs) = UnixStream::pair().map_err(|source| self.start_error(source))?;
        let this = File::open("/proc/self/exe").map_err(|source| self.start_error(source))?;
        let mut command = Command::new(&self.bubblewrap);
        command
            .args(sandbox::arguments(room, &self.browser))
            .args(["--", sandbox::ENTRANCE, entrance::WORD])
            .arg(&self.browser)
            .args(sandbox::browser_flags(start))
            .env_clear()
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            // As a file that is open already it can be run where its user may not go, and after an upgrade replaced it.
            .stdout(this)
            // What the browser prints can hold addresses and texts of pages; the entrance closes the other one.
            .stderr(Stdio::null());
        if start == Start::Fresh {
            command.arg(url);
        }
        room.owner().apply(&mut command);
        // A group of its own: a Ctrl-C at the host's terminal is the host's to handle.
        command.process_group(0);
        let child = command.spawn().map_err(|source| self.start_error(source))?;
        // With its ends of the sockets: when the sandbox ends, ours is told.
        drop(command);
        let passage = door.open(ours);
        let pid = Pid::from_child(&child);
        let watch = pidfd_open(pid, PidfdFlags::NONBLOCK).map_err(|error| self.start_error(error.into()))?;
        Ok(Browser { child, watch, _passage: passage })
    }

    fn start_error(&self, source: io::Error) -> Error {
        Error::Start { program: self.bubblewrap.clone(), source }
    }
}

/// A running browser in its sandbox. Dropping it ends it.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    watch: OwnedFd,
    _passage: Passage,
}

/// How a browser ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself: its last window was closed.
    Left,
    /// It crashed or was killed.
    Crashed,
}

impl Browser {
    /// The process id of the sandbox's outer process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ending(&mut self) -> Option<Ending> {
        let status: Option<ExitStatus> = self.child.try_wait().ok().flatten();
        status.map(|status| if status.success() { Ending::Left } else { Ending::Crashed })
    }

    /// Ends it and everything in its sandbox, and waits until the kernel has done so.
    pub fn end(&mut self) {
        // The first process inside: when it ends, the kernel ends all others of its pid namespace first. Its parent, the
        // sandbox's outer process, then collects it and leaves; killed itself, it would leave that to the machine.
        let inside: Vec<OwnedFd> =
            children(self.child.id()).filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()).collect();
        for process in &inside {
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
        if inside.is_empty() || !has_ended(&self.watch) {
            // An error means that it has ended already.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
        for process in &inside {
            has_ended(process);
        }
    }
}

/// Waits for the end of a killed process: milliseconds, or seconds where the machine is starved.
fn has_ended(process: &OwnedFd) -> bool {
    let mut readable = [PollFd::new(process, PollFlags::IN)];
    let seconds = i64::try_from(limits::KILL_TIMEOUT.as_secs()).unwrap_or(i64::MAX);
    let patience = Timespec { tv_sec: seconds, tv_nsec: 0 };
    matches!(poll(&mut readable, Some(&patience)), Ok(1))
}

impl AsFd for Browser {
    /// Becomes readable when the browser ends.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.end();
    }
}

/// The child processes of a process.
fn children(pid: u32) -> impl Iterator<Item = Pid> {
    std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        .unwrap_or_default()
        .split_ascii_whitespace()
        .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
        .collect::<Vec<_>>()
        .into_iter()
}
