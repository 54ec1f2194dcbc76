//! The protocol as its users see it: both ends in one process on virtual time, and the bytes they exchange.
//!
//! Must never read a clock or open a socket.

mod bad_host;
mod bad_viewer;
mod boundary;
mod copies;
mod examples;
mod flow;
mod pair;
mod properties;
mod reliable;
mod session;
mod shared;
mod splice;
mod vectors;

#[test]
fn what_may_not_cross_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
