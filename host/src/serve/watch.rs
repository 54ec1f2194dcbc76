//! Waiting for the end of a process.
//!
//! Owns the one unsafe call of this crate. It must never be given anything but a process descriptor that it owns itself.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use tokio::io::unix::AsyncFd;

/// A process that is watched.
#[derive(Debug)]
pub(super) struct Watch(AsyncFd<OwnedFd>);

impl Watch {
    /// Watches the process of this descriptor (a pidfd).
    #[expect(unsafe_code, reason = "tokio cannot know by itself that a descriptor stays the same; see SAFETY")]
    pub(super) fn new(process: BorrowedFd<'_>) -> io::Result<Self> {
        let own = process.try_clone_to_owned()?;
        // SAFETY: the caller of `register` must guarantee that `as_raw_fd` returns the same open descriptor for as long as
        // the `AsyncFd` lives. An `OwnedFd` does: it holds one descriptor, which nothing else can close, until it is dropped.
        let registered = unsafe { AsyncFd::register(own) };
        Ok(Self(registered.map_err(io::Error::from)?))
    }

    /// Returns when the process has ended. Safe to drop at any time.
    pub(super) async fn ended(&self) {
        // An error means that the runtime stops; then nothing is waited for any more.
        let _ = self.0.readable().await;
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;
    use std::process::Command;

    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    use super::*;

    #[tokio::test]
    async fn the_end_of_a_process_is_noticed_and_its_life_is_not() {
        let mut child = Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let descriptor = pidfd_open(Pid::from_child(&child), PidfdFlags::NONBLOCK).unwrap();
        let watch = Watch::new(descriptor.as_fd()).unwrap();
        drop(descriptor);
        tokio::select! {
            biased;
            () = watch.ended() => panic!("it lives"),
            () = tokio::task::yield_now() => {}
        }
        drop(child.stdin.take());
        watch.ended().await;
        assert!(child.wait().unwrap().success());
    }
}
