//! The first program inside a sandbox: it opens the door to the egress proxy and then becomes the browser.
//!
//! It is this program itself, run by bubblewrap in the browser's place: it listens at the agreed address of the sandbox's own
//! loopback, hands the listener to the host through the socket that is its standard input, and executes the browser. So the
//! listener is made by nobody but the namespace's own inhabitant, with no rights at all, and works the same for a host that is
//! root and one that is not. It must never leave anything open that the browser could use: after it there is only what
//! bubblewrap gave.
//!
//! It also takes every kind of socket away that a network namespace does not hold, such as the one to the machine's hypervisor. With
//! them goes netlink, the kernel's way to tell of network cards: there are none to tell of, and a Chromium that is told so says
//! `navigator.onLine` is false to every page. One that cannot ask takes it that there is a network.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use seccompiler::{
    BackendError, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use crate::egress;

/// The first argument of a program that is to be the entrance.
pub(super) const WORD: &str = "browser-entrance";

/// Every program that launches browsers calls this first: in a sandbox it becomes the browser and does not return.
pub fn if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != WORD {
        return None;
    }
    let error = enter(arguments);
    // Nobody reads it in a sandbox, whose standard error leads nowhere; somebody who tries it by hand does.
    eprintln!("shoji-host: cannot become the browser: {error}: only the sandbox of a session is a place for this");
    Some(ExitCode::FAILURE)
}

fn enter(mut program: impl Iterator<Item = OsString>) -> io::Error {
    let Some(browser) = program.next() else { return io::ErrorKind::InvalidInput.into() };
    match hand_over().and_then(|()| without_other_networks().map_err(io::Error::other)) {
        Ok(()) => Command::new(browser).args(program).exec(),
        Err(error) => error,
    }
}

fn hand_over() -> io::Result<()> {
    let listener = TcpListener::bind(egress::ADDRESS)?;
    let descriptors = [listener.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(io::stdin(), &[IoSlice::new(b"l")], &mut control, SendFlags::NOSIGNAL)?;
    // The socket, and this program's own file.
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(())
}

/// From now on, for this program and whatever it becomes or starts, there are sockets of the web's two kinds and of its own only, and
/// none of the ways around that. A kernel without such filters has none of the worker's either, of which the host tells.
fn without_other_networks() -> Result<(), seccompiler::Error> {
    if rustix::thread::secure_computing_mode().is_err() {
        return Ok(());
    }
    for (rules, answer) in [(other_families()?, Errno::AFNOSUPPORT), (ways_around(), Errno::NOSYS)] {
        let answer = SeccompAction::Errno(answer.raw_os_error() as u32);
        let here = TargetArch::try_from(std::env::consts::ARCH)?;
        let filter: seccompiler::BpfProgram =
            SeccompFilter::new(rules, SeccompAction::Allow, answer, here)?.try_into()?;
        seccompiler::apply_filter(&filter)?;
    }
    Ok(())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Numbers of calls in the form of x86-64 with short pointers begin here, on kernels that have it: the same calls again.
#[cfg(target_arch = "x86_64")]
const AGAIN: &[i64] = &[0, 0x4000_0000];
#[cfg(not(target_arch = "x86_64"))]
const AGAIN: &[i64] = &[0];

/// Sockets of all families but three. A network namespace holds those of the internet; the machine's hypervisor (vsock) and some
/// others lie outside of it.
fn other_families() -> Result<Rules, BackendError> {
    let others = [AddressFamily::UNIX, AddressFamily::INET, AddressFamily::INET6]
        .into_iter()
        .map(|family| SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family.as_raw().into()))
        .collect::<Result<Vec<_>, _>>()?;
    let rule = SeccompRule::new(others)?;
    Ok(AGAIN.iter().map(|from| (from + libc::SYS_socket, vec![rule.clone()])).collect())
}

/// Calls that make sockets past any filter, and keys of the kernel's, which namespaces do not part.
fn ways_around() -> Rules {
    let calls = [
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
    ];
    AGAIN.iter().flat_map(|from| calls.map(|call| (from + call, Vec::new()))).collect()
}
