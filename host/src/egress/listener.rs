//! A session's door: the listener that its sandbox handed over, and who comes through it.
//!
//! Owns the hand-over and the connections of one session; all of them end with it. It must never take anything else from a sandbox than
//! one listener at the agreed address, and never more than one message.

use std::io;
use std::mem::MaybeUninit;
use std::net::TcpListener as StdListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::sync::Arc;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg, sockopt};
use tokio::io::Interest;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::{ADDRESS, proxy};
use crate::limits;

/// A sandbox did not hand over what was agreed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("nothing came within {} seconds: see why the sandbox does not start", limits::EGRESS_HAND_OVER.as_secs())]
    Late,
    #[error("the sandbox ended before it had one: see its browser's end in the log")]
    Ended,
    #[error("what came is no listener at {ADDRESS}: the sandbox or the program in it was changed")]
    Stranger,
    #[error("the system refuses: {0}: check the limit of open files (ulimit -n)")]
    System(#[from] io::Error),
}

/// Serves a session until its task is aborted.
pub(super) async fn serve(session: proxy::Session, from_sandbox: StdStream, all: Arc<Semaphore>) {
    let listener = match timeout(limits::EGRESS_HAND_OVER, take(from_sandbox)).await {
        Ok(Ok(listener)) => listener,
        Ok(Err(error)) => return warn!(session.id = session.id, %error, "No way out for the browser"),
        Err(_) => return warn!(session.id = session.id, error = %Error::Late, "No way out for the browser"),
    };
    accept(session, listener, all).await;
}

pub(super) async fn accept(session: proxy::Session, listener: TcpListener, all: Arc<Semaphore>) {
    let of_session = Arc::new(Semaphore::new(limits::EGRESS_CONNECTIONS_OF_SESSION));
    // Aborted with this task.
    let mut connections = JoinSet::new();
    loop {
        // Whoever comes now waits in the kernel's short queue, which belongs to this session alone.
        let Ok(of_session) = of_session.clone().acquire_owned().await else { return };
        session.pace.turn().await;
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                sleep(limits::ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(of_all) = all.clone().try_acquire_owned() else {
            warn!(session.id = session.id, "All connections of the egress proxy are in use, one more is closed");
            continue;
        };
        let _ = stream.set_nodelay(true);
        while connections.try_join_next().is_some() {}
        let session = session.clone();
        connections.spawn(async move {
            proxy::serve(session, stream).await;
            drop((of_session, of_all));
        });
    }
}

async fn take(from_sandbox: StdStream) -> Result<TcpListener, Error> {
    from_sandbox.set_nonblocking(true)?;
    let socket = UnixStream::from_std(from_sandbox)?;
    let received = loop {
        socket.readable().await?;
        match socket.try_io(Interest::READABLE, || receive(&socket)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            received => break received?,
        }
    };
    let listener = StdListener::from(received.ok_or(Error::Ended)?);
    let listens = sockopt::socket_acceptconn(&listener).unwrap_or(false);
    if !listens || listener.local_addr().ok() != Some(ADDRESS) {
        return Err(Error::Stranger);
    }
    listener.set_nonblocking(true)?;
    Ok(TcpListener::from_std(listener)?)
}

/// One message with one file descriptor; whatever else comes with it is closed.
fn receive(socket: &impl AsFd) -> io::Result<Option<OwnedFd>> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(socket, &mut [io::IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut received = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            received = descriptors.into_iter().next();
        }
    }
    Ok(received)
}

#[cfg(test)]
mod tests {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

    use super::*;

    fn hand_over(socket: &StdStream, what: &impl AsFd) {
        let what = [what.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&what)));
        sendmsg(socket, &[io::IoSlice::new(b"l")], &mut control, SendFlags::empty()).unwrap();
    }

    #[tokio::test]
    async fn a_sandbox_that_ends_or_hands_over_something_else_is_noticed() {
        let (ours, theirs) = StdStream::pair().unwrap();
        drop(theirs);
        assert!(matches!(take(ours).await, Err(Error::Ended)));
        let (ours, theirs) = StdStream::pair().unwrap();
        hand_over(&theirs, &StdListener::bind("127.0.0.1:0").unwrap());
        assert!(matches!(take(ours).await, Err(Error::Stranger)));
        let (ours, theirs) = StdStream::pair().unwrap();
        hand_over(&theirs, &std::fs::File::open("/dev/null").unwrap());
        assert!(matches!(take(ours).await, Err(Error::Stranger)));
    }
}
