//! How fast input leaves. A motion that follows another of its kind too soon waits and takes in those that follow it;
//! anything that is no motion sends what waits first, so that the order is kept.
//!
//! Owns the motions that wait: one of each kind at most. Must never hold back a key, a button or a touch that begins or
//! ends.

use crate::time::{Duration, Instant};
use crate::{Finger, Fixed, Input, TouchPhase, WheelDelta, limits};
use alloc::vec::Vec;

#[derive(Debug)]
pub(crate) struct Pace {
    /// In the order of their first part.
    waiting: Vec<Input>,
    /// When the next of each kind may leave.
    free_at: [Instant; KINDS],
}

/// Motion, relative motion, wheel, and the motion of each finger.
const KINDS: usize = 3 + Finger::MAX.get() as usize + 1;

impl Pace {
    /// A pace at which the first motion leaves at once.
    pub(crate) fn new(now: Instant) -> Self {
        Self { waiting: Vec::with_capacity(KINDS), free_at: [now; KINDS] }
    }

    /// When what waits has to leave: together, so that it keeps its order, when the last of it may.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting.iter().filter_map(kind).map(|kind| self.free_at[kind]).max()
    }

    /// Takes an event; `send` gets what has to leave now, in order. Returns how many events will have left when this one
    /// has.
    pub(crate) fn take(&mut self, event: Input, now: Instant, mut send: impl FnMut(Input)) -> usize {
        let Some(of) = kind(&event) else {
            let before = self.waiting.len();
            self.flush(now, &mut send);
            send(event);
            return before + 1;
        };
        let place = match self.waiting.iter_mut().position(|waiting| merge(waiting, &event)) {
            Some(place) => place + 1,
            None if self.waiting.iter().any(|waiting| kind(waiting) == Some(of)) => {
                // Of one kind, and yet not to be merged: another canvas, or another source.
                let before = self.waiting.len();
                self.flush(now, &mut send);
                self.waiting.push(event);
                return before + 1;
            }
            None => {
                self.waiting.push(event);
                self.waiting.len()
            }
        };
        self.flush_due(now, send);
        place
    }

    /// Sends what waits, if its time has come.
    pub(crate) fn flush_due(&mut self, now: Instant, mut send: impl FnMut(Input)) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.flush(now, &mut send);
        }
    }

    /// Sends what waits.
    pub(crate) fn flush(&mut self, now: Instant, send: &mut impl FnMut(Input)) {
        for event in self.waiting.drain(..) {
            if let Some(kind) = kind(&event) {
                self.free_at[kind] = now + interval(&event);
            }
            send(event);
        }
    }
}

/// Which kind of motion the event is; `None`: it is none and may not wait.
fn kind(event: &Input) -> Option<usize> {
    match event {
        Input::PointerMotion { .. } => Some(0),
        Input::PointerRelative { .. } => Some(1),
        // A finger that is lifted from a touch pad says so with two zeros: that must not drown.
        Input::Wheel { horizontal, vertical, .. } if horizontal.get() != 0 || vertical.get() != 0 => Some(2),
        Input::Touch { finger, phase: TouchPhase::Motion, .. } => Some(3 + usize::from(finger.get())),
        _ => None,
    }
}

fn interval(event: &Input) -> Duration {
    match event {
        Input::Touch { .. } => limits::TOUCH_INTERVAL,
        _ => limits::MOTION_INTERVAL,
    }
}

/// Puts the event into one that waits, if that is possible without changing what they say together.
fn merge(waiting: &mut Input, event: &Input) -> bool {
    match (waiting, event) {
        (Input::PointerMotion { canvas: on, position: at }, Input::PointerMotion { canvas, position })
            if on == canvas =>
        {
            *at = *position;
        }
        (Input::PointerRelative { dx: x, dy: y }, Input::PointerRelative { dx, dy }) => {
            *x = Fixed(x.0.saturating_add(dx.0));
            *y = Fixed(y.0.saturating_add(dy.0));
        }
        (Input::Wheel { horizontal: x, vertical: y, source: of }, Input::Wheel { horizontal, vertical, source })
            if of == source =>
        {
            *x = WheelDelta::clamped(x.get().saturating_add(horizontal.get()));
            *y = WheelDelta::clamped(y.get().saturating_add(vertical.get()));
        }
        (
            Input::Touch { finger: of, phase: TouchPhase::Motion, canvas: on, position: at },
            Input::Touch { finger, phase: TouchPhase::Motion, canvas, position },
        ) if of == finger && on == canvas => *at = *position,
        _ => return false,
    }
    true
}
