//! Figures of a connection: round trip, frames, bytes, and how long input takes to show.
//!
//! Owns counting only; time is an argument. Memory is fixed: a second of rates in slots, the last samples in a ring.

use std::{collections::VecDeque, time::Duration};

use serde::Serialize;

use crate::{clock::Stamp, link::Way};

/// Rates are counted over one second, in slots of a twentieth.
const SLOTS: usize = 20;
/// Length of a slot in nanoseconds.
const SLOT: u64 = 1_000_000_000 / SLOTS as u64;

/// Samples kept for percentiles: a few minutes of typing.
const SAMPLES: usize = 2048;

/// Inputs waiting for their picture. At ten keys a second and two seconds of patience 20 wait; more are forgotten.
const WAITING: usize = 128;

/// An input whose picture comes later than this caused no picture.
const PATIENCE: Duration = Duration::from_secs(2);

/// Counts what happens on a connection.
#[derive(Debug)]
pub struct Stats {
    started: Stamp,
    updates: u64,
    bytes: u64,
    spliced: u64,
    inputs: u64,
    reconnections: u64,
    carrier: Option<Way>,
    udp_seems_closed: bool,
    round_trip: Option<Duration>,
    size: Option<(u32, u32)>,
    slots: [(u64, u64, u64); SLOTS],
    waiting: VecDeque<(u64, Stamp)>,
    samples: VecDeque<Duration>,
}

/// Figures at one moment, for people and for `--stats`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// Seconds since the start.
    pub seconds: f64,
    /// The carrier in use, or the last one.
    pub carrier: Option<Way>,
    /// It is in use because UDP brought no answer.
    pub udp_seems_closed: bool,
    /// Smoothed round trip of the carrier.
    pub round_trip_ms: Option<f64>,
    /// Size of the main canvas in pixels.
    pub size: Option<(u32, u32)>,
    /// Updates received.
    pub updates: u64,
    /// Bytes of pixel payloads received.
    pub bytes_received: u64,
    /// Bytes of this connection's updates that came by copies before their stream brought them.
    pub bytes_spliced: u64,
    /// Input events sent.
    pub inputs: u64,
    /// How often the connection was made again.
    pub reconnections: u64,
    /// Updates in the last second.
    pub frames_per_second: u64,
    /// Bytes of pixel payloads in the last second.
    pub bandwidth_bytes_per_second: u64,
    /// Median time from an input that shows (key, click, wheel) to the first picture made after it.
    pub input_to_picture_p50_ms: Option<f64>,
    /// The same, 95th percentile.
    pub input_to_picture_p95_ms: Option<f64>,
    /// How many such times the two percentiles are taken from.
    pub input_to_picture_samples: usize,
}

impl Stats {
    /// Starts counting.
    #[must_use]
    pub fn new(now: Stamp) -> Self {
        Self {
            started: now,
            updates: 0,
            bytes: 0,
            spliced: 0,
            inputs: 0,
            reconnections: 0,
            carrier: None,
            udp_seems_closed: false,
            round_trip: None,
            size: None,
            slots: [(0, 0, 0); SLOTS],
            waiting: VecDeque::with_capacity(WAITING),
            samples: VecDeque::with_capacity(SAMPLES),
        }
    }

    /// An input left; `shows` says whether a person expects to see something from it.
    pub fn input(&mut self, sequence: u64, shows: bool, now: Stamp) {
        self.inputs += 1;
        if shows {
            if self.waiting.len() == WAITING {
                self.waiting.pop_front();
            }
            self.waiting.push_back((sequence, now));
        }
    }

    /// An update came, carrying `bytes` of pixels.
    pub fn update(&mut self, bytes: usize, now: Stamp) {
        self.updates += 1;
        self.bytes += bytes as u64;
        let tick = now.0 / SLOT;
        let slot = &mut self.slots[usize::try_from(tick % SLOTS as u64).unwrap_or(0)];
        if slot.0 != tick {
            *slot = (tick, 0, 0);
        }
        slot.1 += 1;
        slot.2 += bytes as u64;
    }

    /// So many bytes of this connection's updates came by copies first.
    pub fn spliced(&mut self, bytes: u64) {
        self.spliced = bytes;
    }

    /// A picture that was made after input `sequence` is on screen (headless: in the canvas).
    pub fn shown(&mut self, sequence: u64, now: Stamp) {
        while let Some(&(waiting, sent)) = self.waiting.front() {
            if waiting > sequence {
                break;
            }
            self.waiting.pop_front();
            let took = now.since(sent);
            if took <= PATIENCE {
                if self.samples.len() == SAMPLES {
                    self.samples.pop_front();
                }
                self.samples.push_back(took);
            }
        }
    }

    /// Sequences begin again with each attachment.
    pub fn reconnected(&mut self) {
        self.reconnections += 1;
        self.waiting.clear();
    }

    /// A connection was made, in this way.
    pub fn carried_by(&mut self, way: Way, udp_seems_closed: bool) {
        (self.carrier, self.udp_seems_closed) = (Some(way), udp_seems_closed);
        self.spliced = 0;
        // The round trip of another way says nothing of this one.
        self.round_trip = None;
    }

    /// The carrier's estimate.
    pub fn round_trip(&mut self, round_trip: Duration) {
        self.round_trip = Some(round_trip);
    }

    /// The main canvas has this size.
    pub fn size(&mut self, width: u32, height: u32) {
        self.size = Some((width, height));
    }

    /// The figures now.
    #[must_use]
    pub fn snapshot(&self, now: Stamp) -> Snapshot {
        let tick = now.0 / SLOT;
        let recent = || self.slots.iter().filter(|slot| slot.0 + (SLOTS as u64) > tick && slot.0 <= tick);
        let mut sorted: Vec<_> = self.samples.iter().copied().collect();
        sorted.sort_unstable();
        let percentile = |per_cent: usize| {
            let rank = (sorted.len() * per_cent).div_ceil(100).saturating_sub(1);
            sorted.get(rank).map(|&took| milliseconds(took))
        };
        Snapshot {
            seconds: now.since(self.started).as_secs_f64(),
            carrier: self.carrier,
            udp_seems_closed: self.udp_seems_closed,
            round_trip_ms: self.round_trip.map(milliseconds),
            size: self.size,
            updates: self.updates,
            bytes_received: self.bytes,
            bytes_spliced: self.spliced,
            inputs: self.inputs,
            reconnections: self.reconnections,
            frames_per_second: recent().map(|slot| slot.1).sum(),
            bandwidth_bytes_per_second: recent().map(|slot| slot.2).sum(),
            input_to_picture_p50_ms: percentile(50),
            input_to_picture_p95_ms: percentile(95),
            input_to_picture_samples: sorted.len(),
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn an_input_is_timed_to_the_first_picture_made_after_it() {
        let mut stats = Stats::new(Stamp(0));
        stats.input(1, true, Stamp(0));
        stats.input(2, false, Stamp(MS));
        stats.input(3, true, Stamp(2 * MS));
        stats.shown(2, Stamp(5 * MS));
        stats.shown(2, Stamp(50 * MS));
        stats.shown(3, Stamp(12 * MS));
        let snapshot = stats.snapshot(Stamp(20 * MS));
        assert_eq!(snapshot.input_to_picture_samples, 2);
        assert_eq!(snapshot.input_to_picture_p50_ms, Some(5.0));
        assert_eq!(snapshot.input_to_picture_p95_ms, Some(10.0));
    }

    #[test]
    fn an_input_that_shows_nothing_is_no_sample() {
        let mut stats = Stats::new(Stamp(0));
        stats.input(1, true, Stamp(0));
        stats.shown(1, Stamp(3_000 * MS));
        assert_eq!(stats.snapshot(Stamp(3_000 * MS)).input_to_picture_samples, 0);
    }

    #[test]
    fn rates_cover_the_last_second_only() {
        let mut stats = Stats::new(Stamp(0));
        for at in 0..120 {
            stats.update(10, Stamp(at * 1_000 * MS / 60));
        }
        let snapshot = stats.snapshot(Stamp(2_000 * MS - 1));
        assert_eq!((snapshot.frames_per_second, snapshot.bandwidth_bytes_per_second), (60, 600));
        assert_eq!(stats.snapshot(Stamp(9_000 * MS)).frames_per_second, 0);
        assert_eq!(snapshot.bytes_received, 1_200);
    }

    #[test]
    fn memory_stays_bounded() {
        let mut stats = Stats::new(Stamp(0));
        for sequence in 0..100_000 {
            stats.input(sequence, true, Stamp(sequence));
            if sequence % 2 == 0 {
                stats.shown(sequence, Stamp(sequence));
            }
        }
        assert!(stats.samples.len() <= SAMPLES && stats.waiting.len() <= WAITING);
    }
}
