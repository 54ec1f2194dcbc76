//! A session's processes: the worker and, through [`crate::browser`], the browser.
//!
//! Owns how a worker is started (its sockets as standard input and output, an empty environment, a user of its own) and
//! that it is gone when the session is. It must never start anything outside the spawner's thread.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::sockopt;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::browser::room::Owner;
use crate::limits;

/// A running worker. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    watch: OwnedFd,
}

/// What a worker is started with.
#[derive(Debug)]
pub(super) struct WorkerStart {
    /// The session's number.
    pub(super) session: u64,
    /// The user it runs as, when the host is root.
    pub(super) owner: Owner,
    /// Where it accepts the browser.
    pub(super) wayland: UnixListener,
    /// Where it writes time stamps.
    pub(super) trace: Option<File>,
    /// Whether it logs JSON.
    pub(super) log_json: bool,
}

impl WorkerStart {
    /// Starts the worker; returns it and the supervisor's end of its socket. Must run on the spawner's thread.
    pub(super) fn start(self) -> io::Result<(Worker, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        for socket in [&ours, &theirs] {
            // Root gets what it asks for, others what the kernel allows; less costs a wake-up more for a large update.
            if sockopt::set_socket_send_buffer_size_force(socket, limits::WORKER_SOCKET_BUFFER).is_err() {
                let _ = sockopt::set_socket_send_buffer_size(socket, limits::WORKER_SOCKET_BUFFER);
            }
        }
        // This program itself, also where the worker's user may not go, and also after an upgrade replaced the file.
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("shoji-host")
            .args(["worker", "--session", &self.session.to_string()])
            .env_clear()
            .envs(std::env::var("RUST_LOG").map(|filter| ("RUST_LOG", filter)))
            .current_dir("/")
            .process_group(0)
            .stdin(OwnedFd::from(theirs))
            .stdout(OwnedFd::from(self.wayland))
            .stderr(Stdio::inherit());
        self.owner.apply(&mut command);
        if self.log_json {
            command.arg("--log-json");
        }
        if let Some(file) = &self.trace {
            // All processes are started by this thread, so no other one can inherit it.
            fcntl_setfd(file, FdFlags::empty())?;
            command.args(["--trace", &file.as_raw_fd().to_string()]);
        }
        let child = command.spawn()?;
        let watch = pidfd_open(Pid::from_child(&child), PidfdFlags::NONBLOCK)?;
        Ok((Worker { child, watch }, ours))
    }
}

impl Worker {
    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl AsFd for Worker {
    /// Becomes readable when the worker ends.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It holds nothing that would need a gentle end: its files are sockets, its picture is the viewer's.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
