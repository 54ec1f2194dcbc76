//! The system calls of a worker: seccomp.
//!
//! Owns the list of what composing and encoding call once they have begun, each with its reason. Whatever is not on it ends
//! the process at once: there is no honest caller. It must never name a call that makes a socket, a process, a namespace or
//! memory to be run, opens a path, or looks into another process.
//!
//! ```text
//! allowed    what is on the list, with the arguments that it says
//! refused    what libraries try and can do without: the call fails, and the worker goes on
//! all else   ends the process (SIGSYS), which ends its session and no other
//! ```

use std::collections::BTreeMap;

use rustix::io::Errno;
use seccompiler::{
    BackendError, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Op, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads,
};

use super::Error;

/// Whether this kernel can filter system calls.
pub(super) fn are_known() -> bool {
    rustix::thread::secure_computing_mode().is_ok()
}

/// From now on every thread of this process makes no other calls than those of the list.
pub(super) fn close() -> Result<(), Error> {
    if !are_known() {
        return Ok(());
    }
    // Of several filters the strictest answer counts, so the one that ends the process has to let the refused ones through. It
    // comes last, since it allows no further filter.
    let refused = all_of(&[REFUSED, REFUSED_HERE]);
    let mut known = allowed()?;
    known.extend(refused.clone());
    let known = filter(known, SeccompAction::KillProcess, SeccompAction::Allow)?;
    let refused = filter(refused, SeccompAction::Allow, SeccompAction::Errno(Errno::PERM.raw_os_error() as u32))?;
    apply_filter_all_threads(&refused)?;
    apply_filter_all_threads(&known)?;
    Ok(())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn filter(rules: Rules, other: SeccompAction, these: SeccompAction) -> Result<Vec<seccompiler::sock_filter>, Error> {
    let here = TargetArch::try_from(std::env::consts::ARCH)?;
    Ok(SeccompFilter::new(rules, other, these, here)?.try_into()?)
}

/// Calls that take no path, make nothing that outlives the process, and reach nobody whose socket is not held already.
const ALLOWED: &[i64] = &[
    // The sockets that it has, and buffers that came over them.
    libc::SYS_accept4,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_shutdown,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_getsockopt,
    // A memory file for the browser: the keyboard layout, the table of formats. It has no name that anybody could open.
    libc::SYS_memfd_create,
    libc::SYS_ftruncate,
    // Waiting.
    libc::SYS_ppoll,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_create1,
    libc::SYS_eventfd2,
    libc::SYS_futex,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    // Memory; mapping it has conditions, below.
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    // Clocks, where they are not read without a call, and the seeds of hash tables.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    // Itself: the handler for a buffer that its owner cut short, panics, and the end.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The older forms that the C library still uses on x86-64; other machines have the newer ones only.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[i64] = &[libc::SYS_poll, libc::SYS_epoll_wait];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[i64] = &[];

/// What libraries look up without needing it: the allocator the machine's memory policy, the C library the number of cores,
/// a panic the program's own file for its backtrace, the xkb library its folders. They go on without an answer; ending the
/// session for it would help nobody, and there is nothing to read behind Landlock either.
const REFUSED: &[i64] = &[
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
];

#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] = &[libc::SYS_open, libc::SYS_access, libc::SYS_stat, libc::SYS_lstat, libc::SYS_readlink];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[];

/// Argument `index`, of which the bits of `mask` have to be `value`.
fn bits(index: u8, mask: u64, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(index, Length::Dword, Op::MaskedEq(mask), value)?])
}

fn is(index: u8, length: Length, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, length, Op::Eq, value)
}

fn exactly(index: u8, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![is(index, Length::Dword, value)?])
}

fn all_of(calls: &[&[i64]]) -> Rules {
    calls.iter().flat_map(|calls| calls.iter()).map(|call| (*call, Vec::new())).collect()
}

fn allowed() -> Result<Rules, BackendError> {
    let mut rules = all_of(&[ALLOWED, ALLOWED_HERE]);
    let executable = libc::PROT_EXEC as u64;
    // Memory is data: nothing that a client sends may ever be run.
    rules.insert(libc::SYS_mmap, vec![bits(2, executable, 0)?]);
    rules.insert(libc::SYS_mprotect, vec![bits(2, executable, 0)?]);
    // Copies of descriptors, and seals. Not who gets the signals of a descriptor, which could be another process.
    let commands = [
        libc::F_DUPFD_CLOEXEC,
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_SETFL,
        libc::F_ADD_SEALS,
        libc::F_GET_SEALS,
    ];
    let commands = commands.into_iter().map(|command| exactly(1, command as u64));
    rules.insert(libc::SYS_fcntl, commands.collect::<Result<_, _>>()?);
    // The standard library's way to make a socket non-blocking.
    rules.insert(libc::SYS_ioctl, vec![exactly(1, libc::FIONBIO)?]);
    // Names of threads and of memory; nothing that would change a right.
    let options = [libc::PR_SET_NAME, libc::PR_SET_VMA].into_iter().map(|option| exactly(0, option as u64));
    rules.insert(libc::SYS_prctl, options.collect::<Result<_, _>>()?);
    // A panic that aborts, to itself and nobody else.
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![exactly(0, own)?]);
    // Reading its own limits: the new ones are a null pointer.
    let reads = SeccompRule::new(vec![is(0, Length::Dword, 0)?, is(2, Length::Qword, 0)?])?;
    rules.insert(libc::SYS_prlimit64, vec![reads]);
    Ok(rules)
}
