//! The counting allocator. A test program of its own with one test, because it counts every thread of it.

use std::hint::black_box;

use shoji_bench::allocations::{Counting, made};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn made_by(work: impl FnOnce()) -> u64 {
    let before = made().expect("this program counts");
    work();
    made().expect("this program counts") - before
}

#[test]
fn allocations_and_growths_count_and_nothing_else_does() {
    assert_eq!(made_by(|| drop(black_box(Box::new(7u64)))), 1);
    assert_eq!(made_by(|| drop(black_box(vec![0u8; 4_096]))), 1, "zeroed memory");
    let mut bytes = Vec::<u8>::with_capacity(16);
    assert_eq!(made_by(|| bytes.resize(16, 1)), 0, "there is room");
    assert_eq!(made_by(|| bytes.resize(1 << 20, 1)), 1, "it grows");
    assert_eq!(bytes[..16], [1; 16], "and keeps what it held");
    assert_eq!(made_by(|| drop(bytes)), 0);
}
