//! One session's worker: the compositor and the codec in a process of their own.
//!
//! A single thread that waits for three things: the browser (Wayland), the supervisor (one Unix socket) and the next
//! deadline. It has its sockets from birth and opens none; before the browser may connect it gives up every right but those
//! that this needs ([`rights`]). It must never see the network or another session.

mod canvas;
mod convert;
mod error;
mod link;
mod look;
mod refusals;
pub mod rights;
mod session;
mod typed;
mod windowless;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use shoji_protocol::worker::ToSupervisor;
use tracing::{info, info_span};

use crate::cli;
use crate::clock;
use crate::trace::Trace;
use link::{Link, LinkError};
use session::Session;

pub(crate) use canvas::Picture;
pub use error::Error;

/// Runs the worker until its session ends. Its standard input is the socket to the supervisor, its standard output the
/// Wayland listening socket.
pub fn run(options: &cli::Worker) -> Result<(), Error> {
    rights::prepare()?;
    let span = info_span!("worker", session.id = options.session);
    let _entered = span.enter();
    let (supervisor, listener) = sockets()?;
    let trace = match options.trace {
        Some(number) => Trace::to_file(inherited(number)?),
        None => Trace::off(),
    };
    listener.set_nonblocking(true)?;
    let mut session = Session::new(Link::new(supervisor)?, listener, trace);
    match turn_until_end(&mut session) {
        Error::Stopped | Error::Link(LinkError::Gone) => {
            info!("Worker ends");
            Ok(())
        }
        error => {
            if let Some(why) = error.failure() {
                let _ = session.link.tell(&ToSupervisor::Failed { why });
            }
            Err(error)
        }
    }
}

fn turn_until_end(session: &mut Session) -> Error {
    loop {
        if let Err(error) = turn(session) {
            return error;
        }
    }
}

/// Waits for something to happen, and does all that follows from it.
fn turn(session: &mut Session) -> Result<(), Error> {
    let ready = wait(session)?;
    let woken = clock::nanoseconds();
    session.all_input_given();
    if ready.browser || session.compositor_is_due() {
        session.compose(woken)?;
    }
    if ready.supervisor {
        session.listen()?;
        // What input changes without the browser: the pointer's shape, a picture that is dragged. The browser may have drawn
        // meanwhile too; that is noticed now, after the input.
        session.compose(clock::nanoseconds())?;
    }
    session.check_windowless()?;
    session.send()
}

/// What there is to do.
#[derive(Debug, Clone, Copy, Default)]
struct Ready {
    supervisor: bool,
    browser: bool,
}

fn wait(session: &mut Session) -> Result<Ready, Error> {
    let timeout = session.deadline().map(|at| {
        let left = at.saturating_sub(clock::microseconds());
        let (seconds, micros) = (left / 1_000_000, left % 1_000_000);
        Timespec { tv_sec: seconds.try_into().unwrap_or(i64::MAX), tv_nsec: (micros * 1_000) as i64 }
    });
    let of_link = if session.link.has_unsent() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
    let Session { link, compositor, .. } = session;
    let mut fds = Vec::with_capacity(3);
    fds.push(PollFd::from_borrowed_fd(link.fd(), of_link));
    if let Some(compositor) = compositor {
        fds.extend(compositor.fds().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
    }
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(Ready::default()),
        Err(error) => return Err(Error::System(error.into())),
    }
    let any = |fd: &PollFd<'_>| !fd.revents().is_empty();
    Ok(Ready {
        // Room to write alone needs no reading; `send` pushes.
        supervisor: fds[0].revents().intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR),
        browser: fds[1..].iter().any(any),
    })
}

/// Takes the sockets out of standard input and output and puts nothing in their place.
fn sockets() -> io::Result<(UnixStream, UnixListener)> {
    let supervisor: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    let listener: OwnedFd = io::stdout().as_fd().try_clone_to_owned()?;
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok((supervisor.into(), listener.into()))
}

/// The file behind an inherited descriptor.
fn inherited(number: i32) -> io::Result<File> {
    OpenOptions::new().append(true).open(format!("/proc/self/fd/{number}"))
}
