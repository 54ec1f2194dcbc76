//! A decoder in a process of its own, as who shows its pictures sees it.
//!
//! Owns the child, its socket, its memory file and the canvas that is shown. It must never believe the child: sizes are the
//! parent's, waiting has a deadline, and whatever makes no sense ends the child.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IoSliceMut, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::preadv;
use shoji_codec::{Canvas, Move, Rect, Size};
use shoji_protocol::limits;

use crate::{Decode, Failed, words};

/// How long an update may take. A whole picture of 3840x2160 takes some 100 ms on a slow PC; a busy one may let it wait.
const PATIENCE: Duration = Duration::from_secs(2);

/// What this program is called with as a decoder. Not a command for people: it reads an internal protocol.
pub const WORD: &str = "decoder";

/// Bytes of the memory file: the largest canvas. Pages that are never written cost nothing.
const MEMORY: u64 = limits::MAX_WIDTH as u64 * limits::MAX_HEIGHT as u64 * 4;

/// What is started as a decoder.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program.
    pub path: PathBuf,
    /// What it is called with.
    pub arguments: Vec<OsString>,
    /// How long it may take for an update.
    pub patience: Duration,
}

impl Program {
    /// This program itself, also after an upgrade replaced its file.
    #[must_use]
    pub fn itself() -> Self {
        Self { path: "/proc/self/exe".into(), arguments: vec![WORD.into()], patience: PATIENCE }
    }
}

/// A decoder and its process.
#[derive(Debug)]
pub struct Process {
    program: Program,
    running: Option<Running>,
    canvas: Canvas,
    moves: Vec<Move>,
    changed: Vec<Rect>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    socket: UnixStream,
    memory: File,
}

impl Process {
    /// A decoder without a canvas.
    #[must_use]
    pub fn new(program: Program) -> Self {
        let (canvas, moves, changed, bytes) = (Canvas::default(), Vec::new(), Vec::new(), Vec::new());
        // It gets ready while the host makes the first picture. Whatever is wrong is told by the first update.
        let running = Running::start(&program).ok();
        Self { program, running, canvas, moves, changed, bytes }
    }

    /// The process's number, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.child.id())
    }

    fn exchange(&mut self, payload: &[u8], size: Size) -> io::Result<Result<(), shoji_codec::DecodeError>> {
        let running = match &mut self.running {
            Some(running) => running,
            none => none.insert(Running::start(&self.program)?),
        };
        self.bytes.clear();
        words::request(payload, size, &mut self.bytes);
        (&running.socket).write_all(&self.bytes)?;
        let anew = self.canvas.size() != size;
        let until = running.socket.until(self.program.patience);
        words::read_moves(&until, size, &mut self.moves)?;
        if anew {
            // There is nothing yet that could be moved.
            self.moves.clear();
        }
        for shift in &self.moves {
            self.canvas.shift(*shift);
        }
        if let Err(error) = words::read_answer(&until, size, anew, &mut self.changed)? {
            return Ok(Err(error));
        }
        if anew {
            self.canvas = Canvas::blank(size);
        }
        let mut at = 0;
        for rect in &self.changed {
            at = get(&mut self.canvas, *rect, &running.memory, at)?;
        }
        self.changed.extend(self.moves.iter().map(|shift| shift.to));
        self.bytes.shrink_to(1 << 20);
        Ok(Ok(()))
    }
}

/// Rows that come from the memory file with one call.
const ROWS: usize = 64;

/// Reads a rectangle's pixels from the memory file from byte `at` on; gives the end.
fn get(canvas: &mut Canvas, rect: Rect, memory: &File, mut at: u64) -> io::Result<u64> {
    let mut rows = canvas.rows_mut(rect);
    loop {
        let mut some = std::array::from_fn::<_, ROWS, _>(|_| IoSliceMut::new(&mut []));
        let (mut count, mut bytes) = (0, 0);
        for (slot, row) in some.iter_mut().zip(&mut rows) {
            (count, bytes) = (count + 1, bytes + row.len());
            *slot = IoSliceMut::new(row);
        }
        if count == 0 {
            break;
        }
        if preadv(memory, &mut some[..count], at)? != bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        at += bytes as u64;
    }
    drop(rows);
    canvas.make_opaque(rect);
    Ok(at)
}

impl Decode for Process {
    fn apply(&mut self, payload: &[u8], size: Size) -> Result<&[Rect], Failed> {
        match self.exchange(payload, size) {
            Ok(Ok(())) => Ok(&self.changed),
            Ok(Err(error)) => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "The decoder's process is ended, and another one started");
                self.running = None;
                Err(Failed::Lost)
            }
        }
    }

    fn canvas(&self) -> &Canvas {
        &self.canvas
    }
}

impl Running {
    fn start(program: &Program) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let memory = memfd_create("shoji-pixels", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&memory, MEMORY)?;
        fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let memory = File::from(memory);
        ours.set_write_timeout(Some(program.patience))?;
        let child = Command::new(&program.path)
            .args(&program.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(OwnedFd::from(memory.try_clone()?))
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child, socket: ours, memory })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads with one deadline for all of it: a child that sends a byte now and then is late too.
struct Until<'a> {
    socket: &'a UnixStream,
    at: std::time::Instant,
}

trait UntilLate {
    fn until(&self, patience: Duration) -> Until<'_>;
}

impl UntilLate for UnixStream {
    fn until(&self, patience: Duration) -> Until<'_> {
        Until { socket: self, at: std::time::Instant::now() + patience }
    }
}

impl io::Read for &Until<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.at.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(Some(left))?;
        (&mut &*self.socket).read(buffer)
    }
}
