//! Shared memory of clients: `wl_shm`, its pools and buffers.
//!
//! Owns the only unsafe code of the crate. A pool is a file that a stranger gave us and may change or truncate at
//! any moment, so it is mapped read-only, read only through [`read`], only inside the checked bounds of a buffer,
//! and never as a Rust slice. A truncated file raises SIGBUS: the handler here puts zero pages in its place, and the
//! client is disconnected after the read. A SIGBUS from anywhere else ends the process as it would have.
//! It must never keep a pool's file descriptor or write to a pool.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, Once, PoisonError};

use rustix::mm::{MapFlags, MremapFlags, ProtFlags, mmap, mmap_anonymous, mremap, munmap};
use smithay::reexports::wayland_server::protocol::wl_buffer::{self, WlBuffer};
use smithay::reexports::wayland_server::protocol::wl_shm::{self, WlShm};
use smithay::reexports::wayland_server::protocol::wl_shm_pool::{self, WlShmPool};
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, WEnum,
};

use crate::clients::{ClientState, Ticket, blame};
use crate::limits::{MAX_BUFFER_SIDE, MAX_BUFFERS, MAX_POOL_BYTES, MAX_POOLS};
use crate::pixels::BPP;
use crate::region::Area;
use crate::state::State;
use crate::types::Limit;

/// A buffer's pixels while they may be read.
pub(crate) struct Source {
    start: *const u8,
    stride: usize,
    width: i32,
    height: i32,
}

impl Source {
    /// Copies `area` (clipped to the buffer) to `to`, whose rows are `to_stride` bytes and where the area's top left
    /// pixel lands at byte `to_start`.
    pub(crate) fn copy(&self, area: Area, to: &mut [u8], to_stride: usize, to_start: usize) {
        let clipped = area.intersect(Area::of_size(self.width, self.height));
        if clipped.is_empty() {
            return;
        }
        let skipped = (clipped.y0 - area.y0) as usize * to_stride + (clipped.x0 - area.x0) as usize * BPP;
        let to = &mut to[to_start + skipped..];
        let row = clipped.width() as usize * BPP;
        let rows = clipped.height() as usize;
        assert!((rows - 1) * to_stride + row <= to.len(), "the target holds the area");
        let from = clipped.y0 as usize * self.stride + clipped.x0 as usize * BPP;
        let (count, length) = if row == self.stride && row == to_stride { (1, row * rows) } else { (rows, row) };
        for y in 0..count {
            // SAFETY: `clipped` lies inside the buffer, whose rows lie inside the mapped pool (checked by `read`),
            // the assertion above bounds the target, and the two do not overlap because the pool is not ours.
            #[expect(unsafe_code, reason = "shared memory has no safe reader")]
            unsafe {
                let from = self.start.add(from + y * self.stride);
                std::ptr::copy_nonoverlapping(from, to.as_mut_ptr().add(y * to_stride), length);
            }
        }
    }
}

/// Rows that changed, as ranges from the first to the one past the last.
type Rows = std::ops::Range<i32>;

impl Source {
    /// As [`Self::copy`], row by row through `line`, and only where the target differs; gives the parts of `area` that did.
    /// Browsers report one rectangle around all that changed, which may be a hundred times as large. Rows less than
    /// [`NEAR`] apart are one part; if the parts are not much smaller than `area`, it is the only one.
    pub(crate) fn copy_changed(
        &self,
        area: Area,
        to: &mut [u8],
        to_stride: usize,
        to_start: usize,
        line: &mut Vec<u8>,
    ) -> impl Iterator<Item = Area> + use<> {
        let mut parts: [Rows; MOST_PARTS] = std::array::from_fn(|_| 0..0);
        let mut count = 0;
        let clipped = area.intersect(Area::of_size(self.width, self.height));
        let length = clipped.width() as usize * BPP;
        line.resize(length, 0);
        for y in clipped.y0..clipped.y1 {
            self.copy(Area { y0: y, y1: y + 1, ..clipped }, line, length, 0);
            let at = to_start + (y - area.y0) as usize * to_stride + (clipped.x0 - area.x0) as usize * BPP;
            let old = &mut to[at..at + length];
            if *old == **line {
                continue;
            }
            old.copy_from_slice(line);
            match &mut parts[..count] {
                [.., last] if y < last.end + NEAR || count == MOST_PARTS => last.end = y + 1,
                _ => {
                    parts[count] = y..y + 1;
                    count += 1;
                }
            }
        }
        let rows: i32 = parts[..count].iter().map(|rows| rows.end - rows.start).sum();
        if rows * 2 > area.height() {
            (parts[0], count) = (area.y0..area.y1, 1);
        }
        parts.into_iter().take(count).map(move |rows| Area { y0: rows.start, y1: rows.end, ..area })
    }
}

/// Changed rows with fewer unchanged ones between them are one part: lines of one text.
const NEAR: i32 = 32;

/// Most parts of one rectangle: far apart things that change in one frame are few.
const MOST_PARTS: usize = 4;

/// Why a buffer cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is not a shared memory buffer.
    Foreign,
    /// Its pool's file is shorter than it said. The client is being disconnected.
    Truncated,
}

/// Lets `look` read the pixels of `buffer`.
pub(crate) fn read<R>(buffer: &WlBuffer, look: impl FnOnce(&Source) -> R) -> Result<R, Unreadable> {
    let data = buffer.data::<BufferData>().ok_or(Unreadable::Foreign)?;
    let map = data.pool.map.lock().unwrap_or_else(PoisonError::into_inner);
    let end = data.offset + data.stride * data.height as usize;
    if end > map.length {
        return Err(Unreadable::Truncated);
    }
    let source = Source {
        start: map.start.wrapping_byte_add(data.offset).cast(),
        stride: data.stride,
        width: data.width,
        height: data.height,
    };
    let guard = Guard::enter(&map);
    let result = look(&source);
    if guard.leave() {
        buffer.post_error(wl_shm::Error::InvalidFd, "the pool's file is too short");
        return Err(Unreadable::Truncated);
    }
    Ok(result)
}

/// The size of `buffer` and whether its format has no alpha. None if it is not a shared memory buffer.
pub(crate) fn size_of(buffer: &WlBuffer) -> Option<(i32, i32, bool)> {
    buffer.data::<BufferData>().map(|data| (data.width, data.height, data.opaque))
}

/// What a `wl_shm_pool` is to us.
pub(crate) struct PoolData {
    map: Mutex<Map>,
    _ticket: Ticket,
}

/// What a `wl_buffer` of a pool is to us. It keeps the pool mapped.
pub(crate) struct BufferData {
    pool: Arc<PoolData>,
    offset: usize,
    stride: usize,
    width: i32,
    height: i32,
    opaque: bool,
    _ticket: Ticket,
}

/// A mapped file. INVARIANT: `length` bytes at `start` are mapped readable until it is dropped.
struct Map {
    start: *mut std::ffi::c_void,
    length: usize,
}

// SAFETY: the mapping is owned by this value alone; a pointer to shared memory is as good on any thread.
#[expect(unsafe_code, reason = "a raw pointer is not Send by itself")]
unsafe impl Send for Map {}

impl Map {
    fn new(fd: &OwnedFd, length: usize) -> Option<Self> {
        // SAFETY: a fresh mapping at an address of the kernel's choice overlaps nothing of ours.
        #[expect(unsafe_code, reason = "mapping memory")]
        let start = unsafe { mmap(std::ptr::null_mut(), length, ProtFlags::READ, MapFlags::SHARED, fd, 0) };
        Some(Self { start: start.ok()?, length })
    }

    fn grow(&mut self, length: usize) -> bool {
        // SAFETY: the old mapping is ours, and no pointer into it outlives `read`, which holds the lock.
        #[expect(unsafe_code, reason = "remapping memory")]
        let start = unsafe { mremap(self.start, self.length, length, MremapFlags::MAYMOVE) };
        match start {
            Ok(start) => {
                // Field by field: dropping the old value would unmap what it no longer owns.
                self.start = start;
                self.length = length;
                true
            }
            Err(_) => false,
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing points into it any more.
        #[expect(unsafe_code, reason = "unmapping memory")]
        let result = unsafe { munmap(self.start, self.length) };
        debug_assert!(result.is_ok());
    }
}

thread_local! {
    /// The mapping that this thread is reading: start, length, and whether it raised SIGBUS.
    static READING: Cell<(usize, usize, bool)> = const { Cell::new((0, 0, false)) };
}

/// While it lives, a SIGBUS inside the map is survived.
struct Guard;

impl Guard {
    fn enter(map: &Map) -> Self {
        static INSTALL: Once = Once::new();
        INSTALL.call_once(install_handler);
        READING.set((map.start as usize, map.length, false));
        Self
    }

    /// Whether the file was too short.
    fn leave(self) -> bool {
        READING.get().2
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        READING.set((0, 0, false));
    }
}

fn install_handler() {
    // SAFETY: the handler is async-signal-safe: it reads a constant-initialised thread local and makes raw system
    // calls. The zeroed action is a valid one whose handler and flags are then set.
    #[expect(unsafe_code, reason = "installing a signal handler")]
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_sigbus as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut());
    }
}

extern "C" fn on_sigbus(_signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo to an SA_SIGINFO handler, and SIGBUS sets its address.
    #[expect(unsafe_code, reason = "reading the kernel's signal information")]
    let address = unsafe { (*info).si_addr() } as usize;
    let (start, length, _) = READING.get();
    if address >= start && address - start < length {
        // SAFETY: the range is exactly one mapping of ours; only bytes are read from it, and zeros are bytes.
        #[expect(unsafe_code, reason = "replacing the mapping by zero pages")]
        let replaced =
            unsafe { mmap_anonymous(start as *mut _, length, ProtFlags::READ, MapFlags::PRIVATE | MapFlags::FIXED) };
        if replaced.is_ok() {
            READING.set((start, length, true));
            return;
        }
    }
    // Not ours: the default action, which the repeated fault then takes.
    // SAFETY: resetting a signal to its default is async-signal-safe.
    #[expect(unsafe_code, reason = "giving the signal back")]
    unsafe {
        libc::signal(libc::SIGBUS, libc::SIG_DFL);
    }
}

impl GlobalDispatch<WlShm, ()> for State {
    fn bind(_: &mut Self, _: &DisplayHandle, _: &Client, resource: New<WlShm>, (): &(), init: &mut DataInit<'_, Self>) {
        let shm = init.init(resource, ());
        shm.format(wl_shm::Format::Argb8888);
        shm.format(wl_shm::Format::Xrgb8888);
    }
}

impl Dispatch<WlShm, ()> for State {
    fn request(
        _: &mut Self,
        client: &Client,
        shm: &WlShm,
        request: wl_shm::Request,
        (): &(),
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let wl_shm::Request::CreatePool { id, fd, size } = request else { return };
        let Some(length) = usize::try_from(size).ok().filter(|length| *length > 0) else {
            shm.post_error(wl_shm::Error::InvalidStride, "a pool has at least one byte");
            return;
        };
        let ticket = ClientState::of(client).pools.take(MAX_POOLS);
        let (Some(ticket), true) = (ticket, length <= MAX_POOL_BYTES) else {
            blame(client, display, Limit::Pools);
            return;
        };
        match Map::new(&fd, length) {
            Some(map) => {
                init.init(id, Arc::new(PoolData { map: Mutex::new(map), _ticket: ticket }));
            }
            None => shm.post_error(wl_shm::Error::InvalidFd, "the file cannot be mapped"),
        }
    }
}

impl Dispatch<WlShmPool, Arc<PoolData>> for State {
    fn request(
        _: &mut Self,
        client: &Client,
        pool: &WlShmPool,
        request: wl_shm_pool::Request,
        data: &Arc<PoolData>,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        match request {
            wl_shm_pool::Request::CreateBuffer { id, offset, width, height, stride, format } => {
                let opaque = match format {
                    WEnum::Value(wl_shm::Format::Argb8888) => false,
                    WEnum::Value(wl_shm::Format::Xrgb8888) => true,
                    _ => {
                        pool.post_error(wl_shm::Error::InvalidFormat, "the format was not offered");
                        return;
                    }
                };
                let length = data.map.lock().unwrap_or_else(PoisonError::into_inner).length;
                let Some((offset, stride)) = checked(offset, width, height, stride, length) else {
                    pool.post_error(wl_shm::Error::InvalidStride, "the buffer does not lie inside its pool");
                    return;
                };
                if width > MAX_BUFFER_SIDE || height > MAX_BUFFER_SIDE {
                    blame(client, display, Limit::BufferSize);
                    return;
                }
                let Some(ticket) = ClientState::of(client).buffers.take(MAX_BUFFERS) else {
                    blame(client, display, Limit::Buffers);
                    return;
                };
                let pool = Arc::clone(data);
                init.init(id, BufferData { pool, offset, stride, width, height, opaque, _ticket: ticket });
            }
            wl_shm_pool::Request::Resize { size } => {
                let mut map = data.map.lock().unwrap_or_else(PoisonError::into_inner);
                match usize::try_from(size) {
                    Ok(length) if length > MAX_POOL_BYTES => blame(client, display, Limit::Pools),
                    Ok(length) if length >= map.length && map.grow(length) => {}
                    _ => pool.post_error(wl_shm::Error::InvalidFd, "a pool can only grow"),
                }
            }
            _ => {}
        }
    }
}

impl Dispatch<WlBuffer, BufferData> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &WlBuffer,
        _: wl_buffer::Request,
        _: &BufferData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        // The only request is destroy; the data lives until the last reading of the buffer is done.
    }
}

/// Offset and stride in bytes, if `height` rows of `width` pixels lie inside a pool of `length` bytes.
fn checked(offset: i32, width: i32, height: i32, stride: i32, length: usize) -> Option<(usize, usize)> {
    let (offset, stride) = (usize::try_from(offset).ok()?, usize::try_from(stride).ok()?);
    let (width, height) = (usize::try_from(width).ok()?, usize::try_from(height).ok()?);
    let end = stride.checked_mul(height)?.checked_add(offset)?;
    let fits = width > 0 && height > 0 && stride.is_multiple_of(BPP) && stride / BPP >= width && end <= length;
    fits.then_some((offset, stride))
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn a_buffer_must_lie_inside_its_pool() {
        assert_eq!(checked(16, 2, 2, 8, 32), Some((16, 8)));
        for (offset, width, height, stride) in [
            (17, 2, 2, 8),
            (-4, 2, 2, 8),
            (0, 0, 2, 8),
            (0, 2, 0, 8),
            (0, 2, -1, 8),
            (0, 3, 2, 8),
            (0, 2, 2, 9),
            (0, 2, 2, -8),
            (0, 2, 5, 8),
            (0, i32::MAX, 2, 8),
            (i32::MAX, 2, i32::MAX, i32::MAX),
        ] {
            assert_eq!(checked(offset, width, height, stride, 32), None, "{offset} {width} {height} {stride}");
        }
    }
}
