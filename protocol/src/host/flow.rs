//! When a worker may send the next update, and how large it should be.
//!
//! One [`Flow`] serves a session, whose canvases share one link. It measures the link by the viewer's acknowledgements of
//! what it has *presented*: no buffer below can hide a queue from it. It keeps on the way what the link carries in one
//! round trip and a little more, so that a full link holds no queue: what changes meanwhile is merged, and the next update
//! has the newest pixels.
//!
//! Owns: the estimate of rate and round trip, and the window. Must never delay an update on an idle link, or set a timer:
//! the answer of [`may_send`](Flow::may_send) changes only by [`presented`](Flow::presented), [`sent`](Flow::sent) and
//! [`forget`](Flow::forget).
//!
//! ```
//! use shoji_protocol::{CanvasId, Rate, UpdateId, host::flow::{Config, Flow}, time::Instant};
//! let mut flow = Flow::new(Config { refresh: Rate::HZ_60 });
//! let (sent, shown) = (Instant::from_micros(0), Instant::from_micros(4_000));
//! assert!(flow.may_send(sent));
//! flow.sent(CanvasId(1), UpdateId(1), 20_000, sent)?;
//! flow.presented(CanvasId(1), UpdateId(1), shown)?;
//! assert_eq!(flow.round_trip(), Some(shown.since(sent)));
//! # Ok::<(), shoji_protocol::host::flow::FlowError>(())
//! ```

use crate::time::{Duration, Instant};
use crate::{CanvasId, Rate, UpdateId, limits};
use alloc::collections::VecDeque;

/// What the flow is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How often the viewer's screen shows a new picture.
    pub refresh: Rate,
}

/// How large the next update should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// A soft target in bytes.
    pub bytes: usize,
}

/// What a caller told the flow and cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// An update was sent although the window was full.
    #[error("more updates sent than the window allows")]
    WindowFull,
    /// The viewer presented an update that is not on its way.
    #[error("update {} of canvas {} is not on its way", update.0, canvas.0)]
    NotInFlight {
        /// The canvas.
        canvas: CanvasId,
        /// The update.
        update: UpdateId,
    },
}

/// The window of a session's updates.
#[derive(Debug)]
pub struct Flow {
    config: Config,
    in_flight: VecDeque<Sent>,
    bytes_in_flight: usize,
    delivered: u64,
    delivered_at: Instant,
    /// The shortest round trip without the bytes' own time, in this and the previous window of time.
    shortest: Option<Duration>,
    previous_shortest: Option<Duration>,
    shortest_since: Instant,
    smoothed: Option<Duration>,
    /// Of the last update that was presented.
    last_bytes: usize,
    rate: Samples,
    /// What the last update showed, if it took far longer than the estimate says.
    refuted: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    canvas: CanvasId,
    /// Its last part's, as far as it has left.
    update: UpdateId,
    /// Another part follows.
    more: bool,
    /// Of all its parts.
    bytes: usize,
    /// When its first part left.
    at: Instant,
    /// Bytes on their way as this update left, its own included.
    path_bytes: usize,
    /// What had been delivered, and when the last of it was, as this update left.
    delivered: u64,
    delivered_at: Instant,
}

/// The first update's budget: half a second on a poor link of 2 Mbit/s, and enough for a page of text.
const FIRST_BUDGET: usize = 128 * 1024;
/// The budget while a near link has shown no limit: a whole page of text and pictures, exact.
const NEAR_BUDGET: usize = 1024 * 1024;
/// A round trip, presentation on a 60 Hz screen included, that only a near link has.
const NEAR: Duration = Duration::from_millis(20);
/// The smallest budget: a line of text, exact.
const MIN_BUDGET: usize = 3 * 1024;
/// What a full link may hold beyond one round trip: one picture at 60 Hz and the jitter of the viewer's screen.
const HEADROOM: Duration = Duration::from_millis(20);
/// A second update may follow a large first one only if the link carries the first within this time: a queue that can
/// just be felt.
const LONGEST_TAIL: Duration = Duration::from_millis(60);
/// A measured rate is refuted by an update that took twice as long as it says and this much more: the viewer's scheduler
/// and screen seldom add as much.
const REFUTED_BY: Duration = Duration::from_millis(40);
/// Fewer bytes than this say nothing about a link's rate: their time is all round trip and jitter.
const TELLING_BYTES: u64 = 8 * 1024;
/// A first picture that takes this long, viewer and screen included, comes over a slow link: what it shows is believed.
const SLOW_FIRST: Duration = Duration::from_millis(150);
/// No time is measured more finely than this: a scheduler's turn.
const LEAST_TIME: Duration = Duration::from_micros(200);
/// The shortest round trip is kept for one to two of these times: routes change, and screens.
const SHORTEST_WINDOW: Duration = Duration::from_millis(4_000);

impl Flow {
    /// A flow that knows nothing of its link yet.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            in_flight: VecDeque::with_capacity(limits::MAX_IN_FLIGHT),
            bytes_in_flight: 0,
            delivered: 0,
            delivered_at: Instant::default(),
            shortest: None,
            previous_shortest: None,
            shortest_since: Instant::default(),
            smoothed: None,
            last_bytes: 0,
            rate: Samples::default(),
            refuted: None,
        }
    }

    /// The viewer's screen has another rate from now on.
    pub fn set_refresh(&mut self, refresh: Rate) {
        self.config.refresh = refresh;
    }

    /// Whether an update may be sent now.
    pub fn may_send(&self, _now: Instant) -> bool {
        let count = self.in_flight.len();
        // One more of the largest updates has to fit.
        let is_room = self.bytes_in_flight + limits::MAX_UPDATE <= limits::MAX_BYTES_IN_FLIGHT;
        match count {
            0 => true,
            1 => is_room && self.rate().is_none_or(|rate| self.bytes_in_flight <= carried(rate, LONGEST_TAIL)),
            _ => is_room && count < self.window_updates() && self.bytes_in_flight < self.window_bytes(),
        }
    }

    /// Whether a small update may be sent although the window is full: the protocol's own limits leave room for it. The caller
    /// bounds how often.
    pub fn may_add_little(&self) -> bool {
        self.in_flight.len() < limits::MAX_IN_FLIGHT
            && self.bytes_in_flight + limits::MAX_UPDATE <= limits::MAX_BYTES_IN_FLIGHT
    }

    /// Whether an update like the last one, sent now, will have been presented before the browser's next picture is due, an
    /// interval later. Then the browser may draw that one while this one is encoded; elsewhere what it draws ahead would only
    /// grow old while it waits. A lone large update after small ones is not foreseen: then one picture waits.
    pub fn may_draw_ahead(&self, interval: Duration) -> bool {
        self.in_flight.is_empty()
            && self.smoothed.is_some_and(|usual| usual <= interval)
            && self.rate().is_none_or(|rate| self.last_bytes <= carried(rate, interval))
    }

    /// How large an update that is sent now should be.
    pub fn budget(&self, _now: Instant) -> Budget {
        let Some(rate) = self.rate() else { return Budget { bytes: self.unknown_budget() } };
        // Twice what the link carries from one picture to the next, if the window has room: half the pictures at full
        // quality are better than all at half, and a lone change is not cut for pictures that do not come.
        let interval = self.config.refresh.interval();
        let room = self.window_bytes().saturating_sub(self.bytes_in_flight);
        let bytes = carried(rate, interval + interval).min(room.max(carried(rate, interval)));
        Budget { bytes: bytes.clamp(MIN_BUDGET, limits::MAX_UPDATE / 2) }
    }

    /// Whether an update may be sent now that only makes exact what is shown already. Nobody waits for it, so on a link of which
    /// nothing is known it must not fill the way behind the first picture.
    pub fn may_refine(&self) -> bool {
        self.in_flight.is_empty() || self.smoothed.is_some()
    }

    /// A part of a picture left, and another follows: together they are one update, which [`sent`](Self::sent) ends. A
    /// begun one is on its way like any other; its parts do not ask [`may_send`](Self::may_send) again.
    pub fn part(&mut self, canvas: CanvasId, update: UpdateId, bytes: usize, now: Instant) -> Result<(), FlowError> {
        self.left(canvas, update, bytes, true, now)
    }

    /// An update left, or the last part of one.
    pub fn sent(&mut self, canvas: CanvasId, update: UpdateId, bytes: usize, now: Instant) -> Result<(), FlowError> {
        self.left(canvas, update, bytes, false, now)
    }

    fn left(
        &mut self,
        canvas: CanvasId,
        update: UpdateId,
        bytes: usize,
        more: bool,
        now: Instant,
    ) -> Result<(), FlowError> {
        if let Some(begun) = self.in_flight.iter_mut().find(|sent| sent.canvas == canvas && sent.more) {
            self.bytes_in_flight += bytes;
            begun.bytes += bytes;
            (begun.update, begun.more, begun.path_bytes) = (update, more, self.bytes_in_flight);
            return Ok(());
        }
        if limits::MAX_IN_FLIGHT <= self.in_flight.len() {
            return Err(FlowError::WindowFull);
        }
        if self.in_flight.is_empty() {
            // The link was idle: what comes back is measured from now.
            self.delivered_at = now;
        }
        self.bytes_in_flight += bytes;
        self.in_flight.push_back(Sent {
            canvas,
            update,
            more,
            bytes,
            at: now,
            path_bytes: self.bytes_in_flight,
            delivered: self.delivered,
            delivered_at: self.delivered_at,
        });
        Ok(())
    }

    /// The viewer presented this update and all before it of its canvas. Do not call it for a canvas that was forgotten:
    /// such an acknowledgement is late, not wrong.
    pub fn presented(&mut self, canvas: CanvasId, update: UpdateId, now: Instant) -> Result<(), FlowError> {
        let newest = self.in_flight.iter().rev().find(|sent| sent.canvas == canvas && sent.update == update);
        let Some(&newest) = newest else { return Err(FlowError::NotInFlight { canvas, update }) };
        let was_full = self.window_bytes() <= self.bytes_in_flight;
        let before = self.bytes_in_flight;
        self.take(|sent| sent.canvas == canvas && sent.update <= update);
        self.delivered += (before - self.bytes_in_flight) as u64;
        self.delivered_at = now;
        self.last_bytes = newest.bytes;
        self.measure(newest, was_full, now);
        Ok(())
    }

    /// The canvas was closed: nothing of it comes back.
    pub fn forget(&mut self, canvas: CanvasId) {
        self.take(|sent| sent.canvas == canvas);
    }

    /// Updates on their way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Bytes of updates on their way.
    pub fn bytes_in_flight(&self) -> usize {
        self.bytes_in_flight
    }

    /// The smoothed time from sending an update to its acknowledgement, presentation included.
    pub fn round_trip(&self) -> Option<Duration> {
        self.smoothed
    }

    /// The shortest of those times of late, without the updates' own length where the rate is known.
    pub fn shortest_round_trip(&self) -> Option<Duration> {
        match (self.shortest, self.previous_shortest) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Bytes a second that the link carries, once it has shown a limit.
    pub fn rate(&self) -> Option<u64> {
        self.rate.best()
    }

    fn unknown_budget(&self) -> usize {
        match self.shortest_round_trip() {
            Some(round_trip) if round_trip <= NEAR => NEAR_BUDGET,
            _ => FIRST_BUDGET,
        }
    }

    /// Updates that may be on their way: as many as the screen shows in a round trip, never fewer than two.
    fn window_updates(&self) -> usize {
        let Some(base) = self.shortest_round_trip() else { return 2 };
        let interval = self.config.refresh.interval().as_micros().max(1);
        let shown = (base + self.headroom()).as_micros().div_ceil(interval);
        usize::try_from(shown).unwrap_or(usize::MAX).saturating_add(1).clamp(2, limits::MAX_IN_FLIGHT)
    }

    /// Bytes that may be on their way.
    fn window_bytes(&self) -> usize {
        match self.rate() {
            Some(rate) => {
                carried(rate, self.shortest_round_trip().unwrap_or_default() + self.headroom()).max(MIN_BUDGET)
            }
            None => 2 * self.unknown_budget(),
        }
    }

    fn measure(&mut self, newest: Sent, was_full: bool, now: Instant) {
        let round_trip = now.since(newest.at);
        let expected = self.shortest_round_trip().map(|base| base + self.path_time(newest.path_bytes));
        let is_refuted = expected.is_some_and(|expected| expected + expected + REFUTED_BY < round_trip);

        let sample = self.sample(newest, round_trip, now);
        let is_telling = TELLING_BYTES <= self.delivered - newest.delivered;
        let was_refuted = self.refuted.take();
        match (self.rate(), was_refuted) {
            // More than the estimate is always true.
            (Some(rate), _) if rate <= sample => self.rate.add(sample),
            // One late update may be the viewer's hiccup; two are the link.
            (_, Some(before)) if is_refuted && is_telling => self.restart(sample.max(before)),
            (_, None) if is_refuted && is_telling => self.refuted = Some(sample),
            // Less than the estimate is only true of a link that had as much to carry as it may.
            (Some(_), _) if was_full => self.rate.add(sample),
            (None, _) if self.smoothed.is_none() && SLOW_FIRST <= round_trip => self.restart(sample),
            _ => {}
        }

        self.smoothed = Some(self.smoothed.map_or(round_trip, |smoothed| {
            Duration::from_micros((smoothed.as_micros() * 7 + round_trip.as_micros()) / 8)
        }));
        if SHORTEST_WINDOW < now.since(self.shortest_since) {
            self.previous_shortest = self.shortest.take();
            self.shortest_since = now;
        }
        // The time that the bytes themselves took is no distance. Where it is most of the time, the rest is a guess.
        let path_time = self.path_time(newest.path_bytes);
        if path_time + path_time <= round_trip {
            let distance = round_trip - path_time;
            self.shortest = Some(self.shortest.map_or(distance, |shortest| shortest.min(distance)));
        }
    }

    /// Believes this rate and no other.
    fn restart(&mut self, rate: u64) {
        if self.rate().is_none() {
            // Until now the bytes' own time counted as distance.
            (self.shortest, self.previous_shortest) = (None, None);
        }
        self.rate.restart(rate);
    }

    /// The rate that this acknowledgement shows, in bytes a second.
    fn sample(&self, newest: Sent, round_trip: Duration, now: Instant) -> u64 {
        // What was delivered since the last acknowledgement before this update left: neither a burst of acknowledgements
        // nor a burst of updates makes the link seem faster than it is.
        let bytes = self.delivered - newest.delivered;
        let delivered = per_second(bytes, now.since(newest.delivered_at));
        // An update that was alone on the link took the distance and its own length: the length is known more exactly.
        let is_alone = newest.path_bytes == newest.bytes && MIN_BUDGET <= newest.bytes;
        match self.shortest_round_trip() {
            Some(distance) if is_alone => delivered.max(per_second(bytes, (round_trip - distance).max(LEAST_TIME))),
            _ => delivered,
        }
    }

    /// What may be on the way beyond the round trip: the link is asked for more than it is known to carry, or it would
    /// never show it.
    fn headroom(&self) -> Duration {
        let base = self.shortest_round_trip().unwrap_or_default();
        HEADROOM.max(Duration::from_micros(base.as_micros() / 4))
    }

    /// The time in which the link carries these bytes, as far as it is known.
    fn path_time(&self, bytes: usize) -> Duration {
        match self.rate() {
            Some(rate) if 0 < rate => Duration::from_micros(bytes as u64 * 1_000_000 / rate),
            _ => Duration::ZERO,
        }
    }

    fn take(&mut self, is_over: impl Fn(&Sent) -> bool) {
        self.in_flight.retain(|sent| !is_over(sent));
        self.bytes_in_flight = self.in_flight.iter().map(|sent| sent.bytes).sum();
    }
}

/// Bytes a second, if so many took this time.
fn per_second(bytes: u64, time: Duration) -> u64 {
    let rate = u128::from(bytes) * 1_000_000 / u128::from(time.as_micros().max(1));
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// Bytes that a link of this rate carries in this time.
fn carried(rate: u64, time: Duration) -> usize {
    let bytes = u128::from(rate) * u128::from(time.as_micros()) / 1_000_000;
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// The newest measured rates; the best of them counts.
#[derive(Debug, Default)]
struct Samples {
    newest: [u64; Self::KEPT],
    next: usize,
}

impl Samples {
    /// A rate that no sample confirms any more is believed for this many samples: a quarter of a second of a busy link.
    const KEPT: usize = 16;

    fn best(&self) -> Option<u64> {
        self.newest.iter().copied().max().filter(|&rate| 0 < rate)
    }

    fn add(&mut self, sample: u64) {
        self.newest[self.next] = sample;
        self.next = (self.next + 1) % Self::KEPT;
    }

    fn restart(&mut self, sample: u64) {
        self.newest = [0; Self::KEPT];
        self.add(sample);
    }
}
