//! Segments as they are declared, and the report of what was found about them.
//!
//! Hosts, viewers and gates share these words: [`segments`] is what an administrator declares, [`network`] compares it with the
//! facts of a machine, [`report`] is what a doctor prints. All of it is pure: facts in, findings out. It must never open a file
//! or a socket or read a clock; each program gathers its own facts, and time is an argument.

pub mod calendar;
mod html;
pub mod lines;
pub mod network;
pub mod report;
pub mod segments;
