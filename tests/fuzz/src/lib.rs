//! Fuzz targets: for each, the seeds it starts from and the oracle that says what must hold for any bytes.
//!
//! The oracles are plain functions. The programs in `src/bin` give them what a fuzzing engine invents, without end; the
//! tests give them a fixed number of seeded inventions and every file under `regressions/<target>/`.
//!
//! To add a target: a module with `run` and `seeds`, a line in [`TARGETS`], a program in `src/bin` and its `[[bin]]`.
//! Must never be a dependency of anything that is shipped.

pub mod codec_update;
pub mod configuration;
pub mod destination;
pub mod frames;
pub mod gate;
pub mod host;
pub mod mutate;
pub mod pair;
pub mod peer;
pub mod source;
pub mod to_host;
pub mod to_viewer;
pub mod viewer;
pub mod wayland;
pub mod web;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of its program (`fuzz_<name>`) and its folder of regressions.
    pub name: &'static str,
    /// The oracle; panics if what must hold does not.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How many seeded executions the tests do: about a second each on a small machine.
    pub executions: u32,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "codec_update", run: codec_update::run, seeds: codec_update::seeds, executions: 10_000 },
    Target { name: "to_host", run: to_host::run, seeds: to_host::seeds, executions: 200_000 },
    Target { name: "to_viewer", run: to_viewer::run, seeds: to_viewer::seeds, executions: 200_000 },
    Target { name: "frames", run: frames::run, seeds: frames::seeds, executions: 50_000 },
    Target { name: "host", run: host::run, seeds: source::seeds, executions: 20_000 },
    Target { name: "viewer", run: viewer::run, seeds: source::seeds, executions: 20_000 },
    Target { name: "pair", run: pair::run, seeds: source::seeds, executions: 5_000 },
    Target { name: "web", run: web::run, seeds: web::seeds, executions: 100_000 },
    Target { name: "peer", run: peer::run, seeds: peer::seeds, executions: 50_000 },
    Target { name: "destination", run: destination::run, seeds: destination::seeds, executions: 200_000 },
    Target { name: "configuration", run: configuration::run, seeds: configuration::seeds, executions: 20_000 },
    Target { name: "wayland", run: wayland::run, seeds: wayland::seeds, executions: 5_000 },
    Target { name: "gate", run: gate::run, seeds: gate::seeds, executions: 5_000 },
];
