//! What was sent and not heard of, when it counts as lost, and how much of it there may be.
//!
//! In the spirit of RFC 9002: packets are lost that lie three behind one that came, or so much older than it that they are late; if
//! nothing is heard at all, a probe asks. The round trip is measured as in RFC 6298. How much may be on its way grows and gives way
//! as in RFC 9002's own example, with the floor for which `host/src/serve/congestion.rs` gives the reasons: a session sends little,
//! and losses by chance must not leave it two packets.
//!
//! Owns packets by their numbers; what is in them it gives back to whoever sent them. Must never wait for SCTP's second.

use super::packet::Came;
use crate::time::{Duration, Instant};
use crate::{Channel, Violation, limits};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A packet that lies so many behind one that came is lost.
const REORDERED: u64 = 3;

/// The shortest time that anything is waited for: timers of a page are no more exact.
const GRANULE: Duration = Duration::from_millis(2);

/// The round trip as it is taken before one was measured.
const FIRST_ROUND_TRIP: Duration = Duration::from_millis(100);

/// A probe goes no sooner: below it lies what a busy page or host takes to answer.
const MIN_PROBE: Duration = Duration::from_millis(20);

/// Nor later: a link that is back is noticed within this time.
const MAX_PROBE: Duration = Duration::from_millis(1_000);

/// After so many probes without an answer the link brings nothing through.
const PERSISTENT: u32 = 3;

/// What was in a packet that asks for an answer.
#[derive(Debug, Default, Clone)]
pub(super) struct Contents {
    /// Bytes of channels, by place.
    pub(super) pieces: Vec<(Channel, u64, u64)>,
    /// Room was told of.
    pub(super) rooms: Vec<Channel>,
    /// The end was told.
    pub(super) ends: bool,
    /// What came was told, up to this number (not included).
    pub(super) told: Option<u64>,
}

#[derive(Debug)]
struct Sent {
    at: Instant,
    size: u64,
    contents: Contents,
}

/// What became of packets.
#[derive(Debug, Default)]
pub(super) struct Fate {
    pub(super) came: Vec<Contents>,
    pub(super) lost: Vec<Contents>,
}

#[derive(Debug)]
pub(super) struct Recovery {
    sent: BTreeMap<u64, Sent>,
    in_flight: u64,
    highest_came: Option<u64>,
    /// When the next packet is late.
    late_at: Option<Instant>,
    last_sent: Instant,
    probes: u32,
    smoothed: Option<Duration>,
    variation: Duration,
    shortest: Duration,
    latest: Duration,
    window: u64,
    threshold: u64,
    /// Packets sent before this have had their loss answered.
    recovered_at: Option<Instant>,
    /// Nothing came through for a while, and the window has not grown to the floor since.
    is_dead: bool,
}

impl Recovery {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            sent: BTreeMap::new(),
            in_flight: 0,
            highest_came: None,
            late_at: None,
            last_sent: now,
            probes: 0,
            smoothed: None,
            variation: Duration::from_micros(FIRST_ROUND_TRIP.as_micros() / 2),
            shortest: Duration::from_micros(u64::MAX),
            latest: FIRST_ROUND_TRIP,
            window: limits::RELIABLE_FIRST_WINDOW,
            threshold: u64::MAX,
            recovered_at: None,
            is_dead: false,
        }
    }

    /// Whether one more packet with bytes may go.
    pub(super) fn has_room(&self) -> bool {
        self.in_flight + limits::RELIABLE_PACKET as u64 <= self.window && self.may_count()
    }

    /// Whether one more packet may be remembered at all.
    pub(super) fn may_count(&self) -> bool {
        self.sent.len() < limits::RELIABLE_SENT
    }

    /// The round trip, once it was measured.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.smoothed
    }

    /// Bytes that may be on their way.
    pub(super) fn window(&self) -> u64 {
        self.window
    }

    /// Bytes that are on their way.
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// A packet that asks for an answer was sent.
    pub(super) fn sent(&mut self, number: u64, size: usize, contents: Contents, now: Instant) {
        self.in_flight += size as u64;
        self.last_sent = now;
        self.sent.insert(number, Sent { at: now, size: size as u64, contents });
    }

    /// The other end says what came. `next`: the number that has not been given yet.
    pub(super) fn came(&mut self, came: &Came, next: u64, now: Instant) -> Result<Fate, Violation> {
        let Some((_, end)) = came.ranges.first() else { return Ok(Fate::default()) };
        let highest = end - 1;
        if next <= highest {
            return Err(Violation::OutOfOrder { message: "what came", number: highest, last: next });
        }
        let mut fate = Fate::default();
        let is_full = self.window < self.in_flight + 3 * limits::RELIABLE_PACKET as u64;
        if let Some(sent) = self.sent.get(&highest) {
            self.measure(now.since(sent.at), came.delay);
        }
        let mut newest = None;
        for (start, end) in &came.ranges {
            while let Some((&number, _)) = self.sent.range(*start..*end).next() {
                let Some(sent) = self.sent.remove(&number) else { break };
                self.in_flight -= sent.size;
                newest = newest.max(Some(sent.at));
                if is_full && self.recovered_at.is_none_or(|at| at < sent.at) {
                    self.grow(sent.size);
                }
                fate.came.push(sent.contents);
            }
        }
        if newest.is_some() {
            self.probes = 0;
            self.highest_came = self.highest_came.max(Some(highest));
        }
        fate.lost = self.lose(now);
        Ok(fate)
    }

    fn measure(&mut self, whole: Duration, delay: Duration) {
        self.latest = whole;
        self.shortest = self.shortest.min(whole);
        let delay = delay.min(limits::RELIABLE_DELAY_BELIEVED);
        let whole = if self.shortest + delay <= whole { whole - delay } else { whole };
        let Some(smoothed) = self.smoothed else {
            (self.smoothed, self.variation) = (Some(whole), Duration::from_micros(whole.as_micros() / 2));
            return;
        };
        let differs = (whole - smoothed).max(smoothed - whole);
        self.variation = Duration::from_micros((3 * self.variation.as_micros() + differs.as_micros()) / 4);
        self.smoothed = Some(Duration::from_micros((7 * smoothed.as_micros() + whole.as_micros()) / 8));
    }

    fn grow(&mut self, size: u64) {
        let packet = limits::RELIABLE_PACKET as u64;
        self.window += if self.window < self.threshold { size } else { packet * size / self.window.max(1) };
        self.window = self.window.min(limits::RELIABLE_WINDOW);
        self.is_dead &= self.window < limits::RELIABLE_FIRST_WINDOW;
    }

    fn late_after(&self) -> Duration {
        let longer = self.smoothed.unwrap_or(FIRST_ROUND_TRIP).max(self.latest);
        Duration::from_micros(longer.as_micros() / 8 * 9).max(GRANULE)
    }

    /// Finds what is lost by now.
    fn lose(&mut self, now: Instant) -> Vec<Contents> {
        self.late_at = None;
        let Some(highest) = self.highest_came else { return Vec::new() };
        let late_after = self.late_after();
        let mut lost = Vec::new();
        let mut newest: Option<Instant> = None;
        let mut numbers = Vec::new();
        for (&number, sent) in self.sent.range(..highest) {
            if number + REORDERED <= highest || sent.at + late_after <= now {
                numbers.push(number);
                newest = newest.max(Some(sent.at));
            } else {
                let late = sent.at + late_after;
                self.late_at = Some(self.late_at.map_or(late, |at| at.min(late)));
            }
        }
        for number in numbers {
            if let Some(sent) = self.sent.remove(&number) {
                self.in_flight -= sent.size;
                lost.push(sent.contents);
            }
        }
        if let Some(newest) = newest
            && self.recovered_at.is_none_or(|at| at < newest)
        {
            self.recovered_at = Some(now);
            self.window = self.window / 10 * 7;
            let floor = if self.is_dead { 2 * limits::RELIABLE_PACKET as u64 } else { limits::RELIABLE_FIRST_WINDOW };
            self.window = self.window.max(floor);
            self.threshold = self.window;
        }
        lost
    }

    fn probe_at(&self) -> Option<Instant> {
        if self.sent.is_empty() {
            return None;
        }
        let smoothed = self.smoothed.unwrap_or(FIRST_ROUND_TRIP);
        let spread = Duration::from_micros(4 * self.variation.as_micros()).max(GRANULE);
        let once = (smoothed + spread + limits::RELIABLE_DELAY).max(MIN_PROBE);
        let longer = once.as_micros().saturating_mul(1 << self.probes.min(8));
        Some(self.last_sent + Duration::from_micros(longer).min(MAX_PROBE.max(once)))
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.late_at.or_else(|| self.probe_at())
    }

    /// Does what is due. `Some`: a probe is to be sent, with what the oldest packet had; gives what is lost too.
    pub(super) fn due(&mut self, now: Instant) -> (Vec<Contents>, Option<Contents>) {
        if let Some(late) = self.late_at {
            return (if late <= now { self.lose(now) } else { Vec::new() }, None);
        }
        if self.probe_at().is_none_or(|at| now < at) {
            return (Vec::new(), None);
        }
        self.probes += 1;
        // So that the next one is later even if this one cannot be sent.
        self.last_sent = now;
        if self.probes == PERSISTENT {
            self.is_dead = true;
            self.threshold = (self.window / 2).max(2 * limits::RELIABLE_PACKET as u64);
            self.window = 2 * limits::RELIABLE_PACKET as u64;
        }
        let oldest = self.sent.first_key_value().map(|(_, sent)| sent.contents.clone());
        if self.may_count() {
            return (Vec::new(), oldest);
        }
        // A probe has to be remembered too, else it could not be sent, and both ends would wait for ever.
        if let Some((_, sent)) = self.sent.pop_first() {
            self.in_flight -= sent.size;
        }
        (Vec::new(), oldest)
    }
}
