//! The whole, end to end: a real Chromium in a real host, over real QUIC and TCP, in the real viewer without a window.
//!
//! Pages are served from loopback by the test itself and answer in colours: what a test knows, it knows from pixels.

mod carriers;
mod command_line;
mod desk;
mod displays;
mod exactness;
mod fixture;
mod input_method;
mod keyboards;
mod links;
mod namespace;
mod pacing;
mod policies;
mod quiet;
mod refusals;
mod typing;
mod windows;
