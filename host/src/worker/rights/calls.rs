//! The system calls of a worker.
//!
//! Owns the list of what composing and encoding call once they have begun, each with its reason. Whatever is not on it ends
//! the process at once: there is no honest caller. It must never name a call that makes a socket, a process, a namespace or
//! memory to be run, opens a path, or looks into another process.

use shoji_walls::calls::{List, When};
use shoji_walls::{Error, close};

/// From now on the worker makes no other calls than those of the list, and reaches no file.
pub(super) fn keep_only_these() -> Result<(), Error> {
    let executable = libc::PROT_EXEC as u32;
    let command = |command: i32| When::is(libc::SYS_fcntl, 1, command as u32);
    let option = |option: i32| When::is(libc::SYS_prctl, 0, option as u32);
    close(&List {
        allowed: &[ALLOWED, ALLOWED_HERE].concat(),
        conditional: &[
            // Memory is data: nothing that a client sends may ever be run.
            When::lacks(libc::SYS_mmap, 2, executable),
            When::lacks(libc::SYS_mprotect, 2, executable),
            // Copies of descriptors, and seals. Not who gets the signals of a descriptor, which could be another process.
            command(libc::F_DUPFD_CLOEXEC),
            command(libc::F_GETFD),
            command(libc::F_SETFD),
            command(libc::F_GETFL),
            command(libc::F_SETFL),
            command(libc::F_ADD_SEALS),
            command(libc::F_GET_SEALS),
            // The standard library's way to make a socket non-blocking.
            When::is(libc::SYS_ioctl, 1, libc::FIONBIO as u32),
            // Names of threads and of memory; nothing that would change a right.
            option(libc::PR_SET_NAME),
            option(libc::PR_SET_VMA),
            // A panic that aborts, to itself and nobody else.
            When::is(libc::SYS_tgkill, 0, std::process::id()),
        ],
        refused: &[REFUSED, REFUSED_HERE].concat(),
    })
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
    libc::SYS_prlimit64,
];

#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] = &[libc::SYS_open, libc::SYS_access, libc::SYS_stat, libc::SYS_lstat, libc::SYS_readlink];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[];
