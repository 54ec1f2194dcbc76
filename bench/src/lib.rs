//! Measures latency, bytes and CPU of the whole and of its parts.
//!
//! `shoji-bench latency` drives a real Chromium with its own page and reads the page's answers from pixels: on the bare
//! compositor (the floor) and through a real host, QUIC and viewer (the whole), in turns within one run. The method is
//! written in `bench/METHOD.md`.
//!
//! Owns nothing of the product: it must never change how the product behaves while it is measured.

pub mod allocations;
pub mod arm;
pub mod carrier;
pub mod cli;
pub mod clock;
pub mod code;
pub mod codec;
pub mod corpus;
pub mod decoder;
pub mod drive;
pub(crate) mod egress;
pub mod heap;
pub mod loopback;
pub mod machine;
pub mod meter;
pub mod network;
pub mod page;
pub mod random;
pub mod record;
pub mod relay;
pub mod report;
pub mod resize;
pub mod result;
pub mod run;
pub mod stats;
pub mod trace;
pub mod typing;
pub mod verdict;
pub mod words;

use serde::{Deserialize, Serialize};

/// What is measured, by how much of the product lies between the input and the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArmName {
    /// The browser on the compositor in the bench's own process: no codec, no network, no viewer.
    Floor,
    /// Host, worker, QUIC and the headless viewer.
    Whole,
    /// Host, worker, QUIC and the native window.
    Window,
    /// Host, worker and the web viewer in a browser's window.
    Web,
    /// As the whole, through a gate that checks.
    Gate,
    /// As the whole, through a gate that makes pixels anew.
    Pixels,
}

impl ArmName {
    /// All arms, in the order in which they are measured and shown.
    pub const ALL: [Self; 6] = [Self::Floor, Self::Whole, Self::Window, Self::Web, Self::Gate, Self::Pixels];

    /// The arm's name in addresses, files and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Whole => "whole",
            Self::Window => "window",
            Self::Web => "web",
            Self::Gate => "gate",
            Self::Pixels => "pixels",
        }
    }
}
