//! The architecture's guards: each invariant that a machine can check is checked here, from the first day.
//!
//! Must never start a browser or a socket: these tests only read the project.

mod carriers;
mod crates;
mod sources;
