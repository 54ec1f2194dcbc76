//! The host program as a stranger meets it: the real binary, real sockets, the real browser in its sandbox.
//!
//! One binary with a module per subject. Tests wait for conditions, with [`fixture::PATIENCE`] as the limit after which a
//! hang is a failure. They need Chromium and bubblewrap, like the product.

mod admission;
mod bad_input;
mod browser;
mod client;
mod command_line;
mod fixture;
mod gate;
mod half_open;
mod handshakes;
mod http3;
mod log;
mod memory;
mod rights;
mod sandbox;
mod segments;
mod session;
mod web;
mod wire;
