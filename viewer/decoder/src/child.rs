//! The decoder's process: one loop, no rights.
//!
//! Owns its end of the socket (standard input) and the memory file (standard output). It must never have another descriptor
//! but the one for complaints, which leads nowhere, and never read an update before it gave its rights up.

use std::fs::File;
use std::io::{self, IoSlice, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::io::pwritev;
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use shoji_codec::{Canvas, DecodeError, Decoder, Rect, leading_moves};
use shoji_walls::calls::{List, When};

use crate::{accepted, words};

/// Bytes of memory: a canvas of 33 MB, its copy to be handed over, H.264 of the same size with its references, and an update;
/// four times that.
const MEMORY: u64 = 1 << 30;

/// The process could not be what it has to be, or its viewer is gone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call failed.
    #[error("the decoder cannot run: {0}")]
    System(#[from] io::Error),
    /// It could not confine itself.
    #[error("the decoder cannot confine itself, and does not start without: {0}")]
    Walls(#[from] shoji_walls::Error),
}

/// Decodes until the viewer is gone.
///
/// # Errors
/// It cannot confine itself, or the viewer says what it never says.
pub fn run() -> Result<(), Error> {
    close_the_rest()?;
    // With the thread that started it; the end of the socket would do too, but not for one that hangs.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from)?;
    rustix::thread::set_no_new_privs(true).map_err(io::Error::from)?;
    for (resource, most) in [(Resource::Core, 0), (Resource::Data, MEMORY), (Resource::Nofile, 8)] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).map_err(io::Error::from)?;
    }
    let socket: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    let memory: OwnedFd = io::stdout().as_fd().try_clone_to_owned()?;
    give_rights_up()?;
    Ok(serve(&socket.into(), &memory.into())?)
}

/// Closes what was left open towards programs that are started, by libraries or by whoever started the viewer.
fn close_the_rest() -> io::Result<()> {
    #[expect(unsafe_code, reason = "closing descriptors that no value stands for")]
    // SAFETY: this is the first thing that the process does, so that no value in it owns a descriptor; the standard three stay.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn serve(mut socket: &UnixStream, memory: &File) -> io::Result<()> {
    let mut decoder = Decoder::new(accepted());
    let (mut payload, mut shifts, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let mut head = [0; words::HEAD];
        match socket.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            result => result?,
        }
        let (length, size) = words::request_head(head)?;
        payload.resize(length, 0);
        socket.read_exact(&mut payload)?;
        let before = decoder.canvas().size();
        // The viewer holds the same canvas, and moves while this one is decoding.
        leading_moves(&payload, size, &mut shifts);
        if before != size || decoder.needs_complete() {
            shifts.clear();
        }
        words::moves(&shifts, &mut bytes, socket)?;
        let result = decoder.apply(&payload).map(drop);
        let fits = decoder.canvas().size() == size;
        let result = result.and(if fits { Ok(()) } else { Err(DecodeError::SizeMismatch) });
        // They may overlap; packed, they have to fit into the canvas's area.
        let area: u64 = decoder.painted().iter().map(|rect| rect.area()).sum();
        let whole = [size.rect()];
        let rects = if before != size || area > size.area() { &whole } else { decoder.painted() };
        if result.is_ok() {
            let mut at = 0;
            for rect in rects {
                at = put(decoder.canvas(), *rect, memory, at)?;
            }
        }
        words::answer(result.map(|()| rects), &mut bytes, socket)?;
        // One large update must not keep its memory for the session's life.
        payload.shrink_to(1 << 20);
    }
}

/// Rows that go into the memory file with one call.
const ROWS: usize = 64;

/// Writes a rectangle's pixels into the memory file from byte `at` on; gives the end.
fn put(canvas: &Canvas, rect: Rect, memory: &File, mut at: u64) -> io::Result<u64> {
    let mut rows = canvas.rows(rect);
    loop {
        let mut some = [IoSlice::new(&[]); ROWS];
        let (mut count, mut bytes) = (0, 0);
        for (slot, row) in some.iter_mut().zip(&mut rows) {
            (count, bytes) = (count + 1, bytes + row.len());
            *slot = IoSlice::new(row);
        }
        if count == 0 {
            return Ok(at);
        }
        if pwritev(memory, &some[..count], at)? != bytes {
            return Err(io::ErrorKind::WriteZero.into());
        }
        at += bytes as u64;
    }
}

/// Leaves what decoding needs: its two descriptors, memory that is not run, and the end.
fn give_rights_up() -> Result<(), shoji_walls::Error> {
    let executable = libc::PROT_EXEC as u32;
    shoji_walls::close(&List {
        allowed: &[
            // The socket and the memory file.
            libc::SYS_read,
            libc::SYS_recvfrom,
            libc::SYS_write,
            libc::SYS_sendto,
            libc::SYS_pwritev,
            libc::SYS_close,
            // Memory; mapping it has conditions, below.
            libc::SYS_munmap,
            libc::SYS_mremap,
            libc::SYS_madvise,
            libc::SYS_brk,
            // Locks of libraries, seeds of hash tables, clocks where they need a call.
            libc::SYS_futex,
            libc::SYS_getrandom,
            libc::SYS_clock_gettime,
            libc::SYS_gettimeofday,
            // A panic, and the end.
            libc::SYS_rt_sigaction,
            libc::SYS_rt_sigprocmask,
            libc::SYS_rt_sigreturn,
            libc::SYS_sigaltstack,
            libc::SYS_getpid,
            libc::SYS_gettid,
            libc::SYS_sched_yield,
            libc::SYS_sched_getaffinity,
            libc::SYS_exit,
            libc::SYS_exit_group,
        ],
        conditional: &[
            When::lacks(libc::SYS_mmap, 2, executable),
            When::lacks(libc::SYS_mprotect, 2, executable),
            When::is(libc::SYS_tgkill, 0, std::process::id()),
        ],
        // What libraries look up without needing it: the number of cores, the memory policy, a panic its program's file.
        refused: &[libc::SYS_openat, libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_readlinkat, libc::SYS_prlimit64],
    })
}
