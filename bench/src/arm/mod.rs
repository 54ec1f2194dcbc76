//! Owns what an arm is: something that takes input for a browser and sees its pictures.
//!
//! Must never let one arm do more before its clock starts, or less before its clock stops, than the other.

pub(crate) mod display;
pub mod floor;
pub mod folder;
pub mod gate;
pub mod host;
pub mod watch;
pub mod web;
pub mod whole;
pub mod window;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::ArmName;
use crate::carrier::{Carrier, CarrierError};
use crate::code::Strips;
use crate::page::Answer;
use crate::record::Traffic;
use crate::relay::Conditions;
use watch::{Sighting, Watch};

/// How long a browser may take to start and draw its first page, also on a busy machine.
pub const START_PATIENCE: Duration = Duration::from_secs(60);

/// An input that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// When, in nanoseconds of `CLOCK_MONOTONIC`.
    pub at: i64,
    /// Its sequence number on the way to the host, where there is one.
    pub sequence: Option<u64>,
}

/// What lies between a viewer and its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between {
    /// How the link is.
    pub conditions: Conditions,
    /// The only carrier that comes through, if one was asked for.
    pub carrier: Option<Carrier>,
}

/// Who works for an arm.
#[derive(Debug, Clone, Default)]
pub struct Processes {
    /// The host's supervisor.
    pub supervisor: Option<u32>,
    /// The session's worker.
    pub worker: Option<u32>,
    /// The browser with its sandbox and all its children.
    pub browser: BTreeSet<u32>,
    /// The viewer, where it is a process of its own.
    pub viewer: BTreeSet<u32>,
}

impl Processes {
    /// All of them and the bench itself.
    #[must_use]
    pub fn all(&self) -> BTreeSet<u32> {
        let mut all: BTreeSet<u32> = self.browser.union(&self.viewer).copied().collect();
        all.extend(self.supervisor.into_iter().chain(self.worker));
        all.insert(std::process::id());
        all
    }
}

/// The viewer's canvas at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resting {
    /// The newest update in it.
    pub update: u64,
    /// Its digest, as the trace writes it.
    pub digest: String,
}

/// Something that takes input and shows pictures.
pub trait Arm {
    /// Which arm it is.
    fn name(&self) -> ArmName;

    /// Where its pictures are read.
    fn watch(&self) -> &Watch;

    /// Presses or releases a key (Linux evdev code).
    ///
    /// # Errors
    /// If the arm has ended.
    fn key(&mut self, key: u16, pressed: bool) -> anyhow::Result<Given>;

    /// Clicks the left button at a place of the canvas, in physical pixels.
    ///
    /// # Errors
    /// If the arm has ended.
    fn click(&mut self, x: u32, y: u32) -> anyhow::Result<()>;

    /// Who works for it now.
    ///
    /// # Errors
    /// If that cannot be found out.
    fn processes(&mut self) -> anyhow::Result<Processes>;

    /// What crossed so far.
    fn traffic(&self) -> Traffic;

    /// Looks once for the strips of the page that `answer` describes.
    fn find(&mut self, answer: &Answer) -> Option<Strips>;

    /// Waits until the picture with a code is there.
    fn sighting(&mut self, code: u16, patience: Duration) -> Option<Sighting> {
        self.watch().wait_for(code, patience)
    }

    /// Waits until the newest picture shows a code; whether it does.
    fn shows(&mut self, code: u16, patience: Duration) -> bool {
        let watch = self.watch();
        watch.latest() == Some(code) || watch.wait_for(code, patience).is_some() || watch.latest() == Some(code)
    }

    /// The canvas that lies at the viewer, if there is one.
    fn resting(&self) -> Option<Resting>;

    /// Whether it has ended for good, so that waiting for it is of no use.
    fn has_ended(&mut self) -> bool;

    /// Says why nothing came, for an error: what the arm knows about its own health.
    fn complaint(&mut self) -> Option<String>;
}

/// An arm that takes what an input method does, as the PC that its viewer runs on would give it.
pub trait Typist: Arm {
    /// By what its viewer came to the host, as the host says. With a carrier that was asked for: the check that it was that one each
    /// time.
    ///
    /// # Errors
    /// If it was another.
    fn carrier(&self, asked: Option<Carrier>) -> Result<Option<Carrier>, CarrierError>;

    /// The input method shows this; empty: it shows nothing any more. The clause being converted is from byte to byte.
    ///
    /// # Errors
    /// If the arm has ended.
    fn compose(&mut self, text: &str, clause: (usize, usize)) -> anyhow::Result<Given>;

    /// The input method gives this, in the place of what it showed.
    ///
    /// # Errors
    /// If the arm has ended.
    fn commit(&mut self, text: &str) -> anyhow::Result<Given>;
}
