//! Owns the raw record of a run: samples and segments as they were measured, before any statistics.
//!
//! Must never hold a computed figure; those are in [`crate::result`].

use serde::{Deserialize, Serialize};

use crate::ArmName;
use crate::page::Mode;

/// One input and its picture, or one animation frame and its picture. Times are nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When it began: the input was given to the viewer (or, on the floor, to the compositor), or the page's frame callback ran.
    pub began: i64,
    /// The input's sequence number, where there is one.
    pub sequence: Option<u64>,
    /// When the page's handler ran, for inputs.
    pub handler: Option<i64>,
    /// The update that completed the picture.
    pub update: Option<u64>,
    /// When that update was received whole.
    pub received: Option<i64>,
    /// When it was decoded into the canvas.
    pub decoded: Option<i64>,
    /// When both codes were there.
    pub seen: i64,
}

impl Sample {
    /// Nanoseconds from the beginning to the picture.
    #[must_use]
    pub fn latency(&self) -> i64 {
        self.seen - self.began
    }
}

/// Bytes that crossed, and how many updates carried them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Updates received.
    pub updates: u64,
    /// Bytes of those updates, as the codec made them.
    pub update_bytes: u64,
    /// Bytes of UDP payload from the host: QUIC's own cost included.
    pub quic_received: u64,
    /// Bytes of UDP payload to the host.
    pub quic_sent: u64,
}

impl Traffic {
    /// What crossed since an earlier reading. A new connection counts its bytes from zero: then there is no figure.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            updates: self.updates.saturating_sub(earlier.updates),
            update_bytes: self.update_bytes.saturating_sub(earlier.update_bytes),
            quic_received: self.quic_received.saturating_sub(earlier.quic_received),
            quic_sent: self.quic_sent.saturating_sub(earlier.quic_sent),
        }
    }
}

/// CPU time in milliseconds, by who spent it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Cpu {
    /// The host's supervisor.
    pub supervisor: f64,
    /// The session's worker.
    pub worker: f64,
    /// The browser with all its processes.
    pub browser: f64,
    /// The bench: the floor's compositor, or the headless viewer; and the reading of codes.
    pub bench: f64,
}

impl Cpu {
    /// The host without the browser.
    #[must_use]
    pub fn host(&self) -> f64 {
        self.supervisor + self.worker
    }
}

/// One arm's measurement of one scene in one round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Segment {
    /// What the page did.
    pub scene: Mode,
    /// Which arm.
    pub arm: ArmName,
    /// Which round, from 1.
    pub round: u32,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Cores kept busy by other work meanwhile.
    pub foreign_cores: f64,
    /// Every input or frame whose picture was seen.
    pub samples: Vec<Sample>,
    /// Inputs given, or frames that the page drew.
    pub begun: u64,
    /// CPU time.
    pub cpu: Cpu,
    /// Bytes; nothing crosses on the floor.
    pub traffic: Traffic,
}

impl Segment {
    /// A round is marked when other work took more than half a core: its figures are not the product's alone.
    #[must_use]
    pub fn marked(&self) -> bool {
        self.foreign_cores > MOST_FOREIGN_CORES
    }
}

/// Other work that a segment may meet before it is marked: a quarter of the smallest machine that the bench is meant for.
pub const MOST_FOREIGN_CORES: f64 = 0.5;

/// Whether the two canvases were equal after everything rested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exactness {
    /// What rested.
    pub scene: Mode,
    /// Which round.
    pub round: u32,
    /// The newest update at the viewer.
    pub update: u64,
    /// The digest of the viewer's canvas.
    pub viewer: String,
    /// The digest that the host wrote for the same update; `None` if it wrote none.
    pub host: Option<String>,
}

impl Exactness {
    /// Equal, and said so by both sides.
    #[must_use]
    pub fn exact(&self) -> bool {
        self.host.as_deref() == Some(self.viewer.as_str())
    }
}
