//! What both ends of a connection share: frames that wait to be sent, and knowing whether the other end is there.
//! Owns no rule about messages.

use crate::time::{Duration, Instant};
use crate::{Channel, KeepAlive, Nonce, Side, ToHost, ToViewer, Violation, frame, limits};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Frames that wait for the caller to send them.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: VecDeque<(Channel, Vec<u8>)>,
}

impl Outbox {
    /// Returns the message's frame.
    pub(crate) fn send_to_host(&mut self, message: &ToHost) -> &[u8] {
        let mut bytes = Vec::new();
        frame::encode_to_host(message, &mut bytes);
        self.frames.push_back((message.channel(), bytes));
        self.frames.back().map_or(&[], |(_, bytes)| bytes)
    }

    pub(crate) fn send_to_viewer(&mut self, message: &ToViewer<'_>) {
        let mut bytes = Vec::new();
        frame::encode_to_viewer(message, &mut bytes);
        self.frames.push_back((message.channel(), bytes));
    }

    pub(crate) fn take(&mut self) -> Option<(Channel, Vec<u8>)> {
        self.frames.pop_front()
    }

    pub(crate) fn clear(&mut self) {
        self.frames.clear();
    }

    /// Whether the caller leaves more lying than a state machine may hold.
    pub(crate) fn check(&self, caller: Side) -> Result<(), crate::Error> {
        if limits::MAX_QUEUED <= self.frames.len() {
            return Err(Violation::NotDrained.by(caller));
        }
        Ok(())
    }
}

/// Whether the other end is there: what was heard of it, what was asked and what was answered.
#[derive(Debug)]
pub(crate) struct Presence {
    interval: Duration,
    heard: Instant,
    asked: Instant,
    asked_nonce: u32,
    answered_nonce: u32,
    round_trip: Option<Duration>,
    /// Since when an answer to what was said is due, nothing having been heard since.
    wanted: Option<Instant>,
    /// When the first question was asked since something was heard.
    unanswered: Option<Instant>,
    /// That question is unanswered for long.
    silent: bool,
    /// When something was said last of which the other end has not shown that it heard it.
    unconfirmed: Option<Instant>,
    /// There and back, as the carrier knows it, or as the first answer took.
    path: Duration,
}

impl Presence {
    pub(crate) fn new(keep_alive: KeepAlive, now: Instant) -> Self {
        let mut presence = Self {
            interval: Duration::ZERO,
            heard: now,
            asked: now,
            asked_nonce: 0,
            answered_nonce: 0,
            round_trip: None,
            wanted: None,
            unanswered: None,
            silent: false,
            unconfirmed: None,
            path: Duration::ZERO,
        };
        presence.agree(keep_alive);
        presence
    }

    pub(crate) fn agree(&mut self, keep_alive: KeepAlive) {
        self.interval = Duration::from_millis(u64::from(keep_alive.get()));
    }

    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = self.heard.max(now);
        (self.wanted, self.unanswered, self.silent) = (None, None, false);
        // What comes sooner was on its way already.
        let there_and_back = self.path.max(self.round_trip.unwrap_or(Duration::ZERO));
        if self.unconfirmed.is_some_and(|said| said + there_and_back <= now) {
            self.unconfirmed = None;
        }
    }

    /// The other end answered what was said first, when the connection began: nothing was asked meanwhile.
    pub(crate) fn greeted(&mut self, now: Instant) {
        self.path = self.path.max(now.since(self.asked));
    }

    /// What the carrier knows of the way.
    pub(crate) fn path_takes(&mut self, there_and_back: Duration) {
        self.path = there_and_back;
    }

    /// The other end has shown that it heard all that was said.
    pub(crate) fn confirmed(&mut self) {
        self.unconfirmed = None;
    }

    /// Whether something was said of which nobody knows whether it arrived.
    pub(crate) fn is_unconfirmed(&self) -> bool {
        self.unconfirmed.is_some()
    }

    /// Something was said that the other end answers as a rule: if it does not, it is asked sooner.
    pub(crate) fn want_answer(&mut self, now: Instant) {
        self.unconfirmed = Some(now);
        if self.unanswered.is_none() {
            self.wanted.get_or_insert(now);
        }
    }

    /// When the other end counts as silent; `None`: it does already, or was not asked.
    pub(crate) fn silent_at(&self) -> Option<Instant> {
        self.unanswered.filter(|_| !self.silent).map(|asked| asked + limits::SILENT)
    }

    /// The time of [`silent_at`](Self::silent_at) has come.
    pub(crate) fn fall_silent(&mut self) {
        self.silent = true;
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.silent
    }

    /// When to ask next.
    pub(crate) fn ask_at(&self) -> Instant {
        let regular = self.heard.max(self.asked) + self.interval;
        self.wanted.map_or(regular, |wanted| regular.min(wanted + limits::ANSWER_WITHIN))
    }

    /// When the other end counts as lost.
    pub(crate) fn lost_at(&self) -> Instant {
        self.heard + limits::KEEP_ALIVE_LOST
    }

    /// When an end that has somebody waiting gives the other up.
    pub(crate) fn given_up_at(&self) -> Instant {
        let lost = self.lost_at();
        self.unanswered.map_or(lost, |asked| lost.min(asked + limits::GIVE_UP))
    }

    /// Whether another question tells more than the last.
    pub(crate) fn may_ask(&self, now: Instant) -> bool {
        self.asked + limits::PING_INTERVAL <= now
    }

    /// The question to ask now.
    pub(crate) fn ask(&mut self, now: Instant) -> Nonce {
        self.asked = self.asked.max(now);
        self.wanted = None;
        self.unanswered.get_or_insert(now);
        self.asked_nonce = self.asked_nonce.wrapping_add(1);
        Nonce(self.asked_nonce)
    }

    /// Takes an answer; each question has at most one, and they come in order.
    pub(crate) fn answered(&mut self, nonce: Nonce, now: Instant) -> Result<(), Violation> {
        if nonce.0 <= self.answered_nonce || self.asked_nonce < nonce.0 {
            let (number, last) = (u64::from(nonce.0), u64::from(self.answered_nonce));
            return Err(Violation::OutOfOrder { message: "Pong", number, last });
        }
        self.answered_nonce = nonce.0;
        if nonce.0 == self.asked_nonce {
            self.round_trip = Some(now.since(self.asked));
        }
        Ok(())
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }
}
