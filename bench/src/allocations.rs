//! Counts how often memory is allocated: an allocator for the program, and its counter.
//!
//! Owns the counter. Only a program installs it, as its global allocator; where none did, nothing is counted and nobody is told
//! a number. It sees what Rust allocates, not what C libraries do. Must never do anything but count and hand on.

#![expect(unsafe_code, reason = "an allocator is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

/// Allocations and growths of all threads since the program began.
static MADE: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, counted.
#[derive(Debug)]
pub struct Counting;

/// How many allocations were made so far, growths included; `None` if the program does not count them.
#[must_use]
pub fn made() -> Option<u64> {
    // No program gets as far as to ask without having allocated anything.
    Some(MADE.load(Ordering::Relaxed)).filter(|made| *made > 0)
}

fn count() {
    MADE.fetch_add(1, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged, which keeps the trait's promises; counting neither allocates nor
// unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.realloc(pointer, layout, bytes) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_the_allocator_is_told_no_number() {
        assert_eq!(made(), None);
    }
}
