//! How fast a person's input may pass, so that input is no channel for carrying documents away.
//!
//! Four things are counted: keys, commits of an input method, the characters in them and in what is composed, and what pointers (and
//! windows) do. Each has a rate for a second and a budget for any minute. What is over either waits its turn, in order; that is
//! reported once; and if something would wait longer than [`Policy::patience`], or too much waits, the connection is cut. The
//! [`Budget`] belongs to the device and not to a connection: connecting again does not renew it.
//!
//! Pure: the time is an argument, nothing is read or sent here. It must never change what somebody typed, or its order; only movements
//! that follow one another become one, and sizes of the same window.

use std::collections::VecDeque;

use shoji_protocol::time::{Duration, Instant};
use shoji_protocol::{CanvasId, Input, InputSequence, Viewport};

use crate::limits;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Class {
    /// Keys, down and up: two events each.
    Keys,
    /// Finished texts of an input method.
    Commits,
    /// Characters that come new with a finished text or with what is composed.
    Characters,
    /// What pointer, wheel, fingers, focus and windows do.
    Pointer,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Keys, Self::Commits, Self::Characters, Self::Pointer];

    /// The word for logs and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Commits => "commits",
            Self::Characters => "characters",
            Self::Pointer => "pointer",
        }
    }
}

/// How many events of a class may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// In a second, in the long run; as many at once.
    pub per_second: u32,
    /// In any sixty seconds.
    pub per_minute: u32,
}

/// What may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// By class.
    pub limits: [Limit; 4],
    /// Whoever would have to wait longer is cut.
    pub patience: Duration,
}

impl Default for Policy {
    /// Above what people do, each with its reason in [`limits`].
    fn default() -> Self {
        Self {
            limits: limits::GATE_INPUT,
            patience: Duration::from_millis(limits::GATE_PATIENCE_SECONDS as u64 * 1_000),
        }
    }
}

/// What a viewer wants done, in the order in which it said so.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// A person did something.
    Input(InputSequence, Input),
    /// A window is shown in this.
    Resize(CanvasId, Viewport),
    /// A window is to be closed.
    CloseCanvas(CanvasId),
    /// A picture is to be sent anew.
    Repaint(CanvasId),
}

/// More than a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cut {
    /// Something would have to wait too long.
    #[error(
        "more {} than a person makes: what waits is over the limit for longer than the gate's patience; if a person did it, raise [input] in gate.toml",
        .0.word()
    )]
    Impatient(Class),
    /// Too much waits.
    #[error("more input waits at the gate than a person makes; if a person did it, raise [input] in gate.toml")]
    TooMuch,
}

const SECOND: u64 = 1_000_000;

/// Seconds that are counted: any sixty, wherever they begin within one, lie in them.
const SLOTS: usize = 61;

/// What passed of one class.
#[derive(Debug, Clone)]
struct Meter {
    /// Millionths of an event that may pass at once; below zero after one that cost much.
    level: i64,
    filled: Instant,
    slots: [u32; SLOTS],
    /// The second of the newest slot.
    second: u64,
}

impl Meter {
    fn new(limit: Limit, now: Instant) -> Self {
        let level = i64::from(limit.per_second) * SECOND as i64;
        Self { level, filled: now, slots: [0; SLOTS], second: now.as_micros() / SECOND }
    }

    fn advance(&mut self, limit: Limit, now: Instant) {
        let most = i64::from(limit.per_second) * SECOND as i64;
        let gained = now.since(self.filled).as_micros().saturating_mul(u64::from(limit.per_second));
        self.level = self.level.saturating_add(i64::try_from(gained).unwrap_or(i64::MAX)).min(most);
        self.filled = self.filled.max(now);
        let second = now.as_micros() / SECOND;
        let steps = second.saturating_sub(self.second).min(SLOTS as u64);
        for step in 0..steps {
            // All slots are cleared where more seconds passed than there are.
            let at = (second - step) % SLOTS as u64;
            self.slots[at as usize] = 0;
        }
        self.second = self.second.max(second);
    }

    /// When so much may pass; `None`: never.
    fn ready_at(&mut self, limit: Limit, cost: u32, now: Instant) -> Option<Instant> {
        if limit.per_minute < cost {
            return None;
        }
        self.advance(limit, now);
        let wanted = i64::from(cost.min(limit.per_second)) * SECOND as i64;
        let missing = u64::try_from(wanted - self.level).unwrap_or(0);
        let by_second = now + Duration::from_micros(missing.div_ceil(u64::from(limit.per_second.max(1))));
        let mut sum: u32 = self.slots.iter().sum();
        let mut by_minute = now;
        let oldest = (self.second + 1).saturating_sub(SLOTS as u64);
        for second in oldest..=self.second {
            if sum + cost <= limit.per_minute {
                break;
            }
            sum -= self.slots[(second % SLOTS as u64) as usize];
            // Its slot is free when the newest second is so many later.
            by_minute = Instant::from_micros((second + SLOTS as u64) * SECOND);
        }
        Some(by_second.max(by_minute))
    }

    fn take(&mut self, cost: u32) {
        self.level -= i64::from(cost) * SECOND as i64;
        self.slots[(self.second % SLOTS as u64) as usize] += cost;
    }
}

/// What a device has left.
#[derive(Debug, Clone)]
pub struct Budget {
    meters: [Meter; 4],
}

impl Budget {
    /// A whole one.
    pub fn new(policy: &Policy, now: Instant) -> Self {
        Self { meters: policy.limits.map(|limit| Meter::new(limit, now)) }
    }
}

/// Events by class.
type Cost = [u32; 4];

/// The input of one connection on its way.
#[derive(Debug)]
pub struct Pace {
    policy: Policy,
    waiting: VecDeque<(Instant, Said)>,
    /// What the input method was composing last, of what has passed.
    composed: String,
    ready: Option<Instant>,
    /// The class for which something waits.
    delayed: Option<Class>,
    reports: Option<Class>,
}

impl Pace {
    /// With nothing on its way.
    pub fn new(policy: Policy) -> Self {
        Self { policy, waiting: VecDeque::new(), composed: String::new(), ready: None, delayed: None, reports: None }
    }

    /// Takes something; [`next`](Self::next) gives it back when it may pass.
    pub fn take(&mut self, said: Said, now: Instant) -> Result<(), Cut> {
        if let Some((_, last)) = self.waiting.back_mut()
            && let Some(one) = merged(last, &said)
        {
            *last = one;
            return Ok(());
        }
        if limits::GATE_WAITING <= self.waiting.len() {
            return Err(Cut::TooMuch);
        }
        self.waiting.push_back((now, said));
        Ok(())
    }

    /// The next thing that may pass now.
    pub fn next(&mut self, budget: &mut Budget, now: Instant) -> Result<Option<Said>, Cut> {
        self.ready = None;
        let Some((since, said)) = self.waiting.front() else {
            self.delayed = None;
            return Ok(None);
        };
        let cost = self.cost(said);
        let (mut ready, mut by) = (now, None);
        for class in Class::ALL {
            let (at, cost) = (class as usize, cost[class as usize]);
            if cost == 0 {
                continue;
            }
            let limit = self.policy.limits[at];
            let at = budget.meters[at].ready_at(limit, cost, now).ok_or(Cut::Impatient(class))?;
            if ready < at {
                (ready, by) = (at, Some(class));
            }
        }
        if let Some(class) = by {
            if self.policy.patience < ready.since(*since) {
                return Err(Cut::Impatient(class));
            }
            if self.delayed.is_none() {
                (self.delayed, self.reports) = (Some(class), Some(class));
            }
            self.ready = Some(ready);
            return Ok(None);
        }
        for (meter, cost) in budget.meters.iter_mut().zip(cost) {
            if cost > 0 {
                meter.take(cost);
            }
        }
        let said = self.waiting.pop_front().map(|(_, said)| said);
        match &said {
            Some(Said::Input(_, Input::Preedit { text, .. })) => self.composed = text.as_str().to_owned(),
            Some(Said::Input(_, Input::Commit { .. })) => self.composed.clear(),
            _ => {}
        }
        Ok(said)
    }

    /// When to call [`next`](Self::next) again if nothing is taken before.
    pub fn deadline(&self) -> Option<Instant> {
        self.ready
    }

    /// The class for which something began to wait, once for each time.
    pub fn poll_report(&mut self) -> Option<Class> {
        self.reports.take()
    }

    /// How much waits.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn cost(&self, said: &Said) -> Cost {
        let (mut keys, mut commits, mut characters, mut pointer) = (0, 0, 0, 0);
        match said {
            Said::Input(_, Input::Key { .. }) => keys = 1,
            Said::Input(_, Input::Commit { text }) => {
                commits = 1;
                characters = new_characters(&self.composed, text.as_str());
            }
            Said::Input(_, Input::Preedit { text, .. }) => {
                characters = new_characters(&self.composed, text.as_str());
            }
            _ => pointer = 1,
        }
        [keys, commits, characters, pointer]
    }
}

/// Characters that a text has and the one before it had not at either end: what a person added or converted. At least one, for the
/// event itself.
fn new_characters(before: &str, text: &str) -> u32 {
    let at_front = before.chars().zip(text.chars()).take_while(|(a, b)| a == b).count();
    let (rest_before, rest) = (before.chars().skip(at_front).count(), text.chars().skip(at_front).count());
    let at_back = before.chars().rev().zip(text.chars().rev()).take_while(|(a, b)| a == b).count();
    let new = rest - at_back.min(rest_before).min(rest);
    u32::try_from(new).unwrap_or(u32::MAX).max(1)
}

/// Two things that wait one after the other as one, where the later makes the earlier one needless.
fn merged(last: &Said, next: &Said) -> Option<Said> {
    let is_one = match (last, next) {
        (
            Said::Input(_, Input::PointerMotion { canvas: before, .. }),
            Said::Input(_, Input::PointerMotion { canvas, .. }),
        ) => before == canvas,
        (Said::Input(_, Input::StillHeld), Said::Input(_, Input::StillHeld)) => true,
        (Said::Resize(before, _), Said::Resize(canvas, _)) | (Said::Repaint(before), Said::Repaint(canvas)) => {
            before == canvas
        }
        _ => false,
    };
    is_one.then(|| next.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shoji_protocol::{Key, Position, Text};

    use super::*;

    const START: u64 = 7_300_000;

    fn at(micros: u64) -> Instant {
        Instant::from_micros(START + micros)
    }

    fn key(number: u64) -> Said {
        let key = Key::new(30).unwrap();
        Said::Input(InputSequence(number), Input::Key { key, pressed: number % 2 == 1 })
    }

    fn commit(text: &str) -> Said {
        Said::Input(InputSequence(1), Input::Commit { text: Text::new(text).unwrap() })
    }

    fn preedit(text: &str) -> Said {
        Said::Input(InputSequence(1), Input::Preedit { text: Text::new(text).unwrap(), cursor: None })
    }

    fn motion(canvas: u32) -> Said {
        let position = Position::from_pixels(1.0, 1.0);
        Said::Input(InputSequence(1), Input::PointerMotion { canvas: CanvasId(canvas), position })
    }

    fn small() -> Policy {
        let limit = Limit { per_second: 5, per_minute: 20 };
        Policy { limits: [limit; 4], patience: Duration::from_millis(90_000) }
    }

    /// Passes all that may pass by then, and when.
    fn run(pace: &mut Pace, budget: &mut Budget, until: Instant) -> Result<Vec<(Instant, Said)>, Cut> {
        let (mut now, mut passed) = (at(0), Vec::new());
        loop {
            while let Some(said) = pace.next(budget, now)? {
                passed.push((now, said));
            }
            match pace.deadline() {
                Some(next) if next <= until => {
                    assert!(now < next, "its deadline is in the future");
                    now = next;
                }
                _ => return Ok(passed),
            }
        }
    }

    #[test]
    fn what_a_fast_typist_makes_is_never_delayed() {
        let policy = Policy::default();
        let (mut pace, mut budget) = (Pace::new(policy), Budget::new(&policy, at(0)));
        // Twelve strokes a second for five minutes, each down and up.
        for number in 0..12 * 2 * 300 {
            let now = at(number * 1_000_000 / 24);
            pace.take(key(number + 1), now).unwrap();
            assert!(pace.next(&mut budget, now).unwrap().is_some(), "event {number}");
        }
        assert_eq!(pace.poll_report(), None);
    }

    #[test]
    fn what_a_fast_writer_of_japanese_makes_is_never_delayed() {
        let policy = Policy::default();
        let (mut pace, mut budget) = (Pace::new(policy), Budget::new(&policy, at(0)));
        let steps = ["ん", "んｎ", "んに", "んにｈ", "んにほ", "んにほｎ", "んにほん", "日本"];
        // Nearly two words a second for three minutes.
        for word in 0..300_u64 {
            for (step, text) in steps.iter().enumerate() {
                let now = at(word * 600_000 + step as u64 * 70_000);
                pace.take(preedit(text), now).unwrap();
                assert!(pace.next(&mut budget, now).unwrap().is_some(), "word {word}, {text}");
            }
            let now = at(word * 600_000 + 570_000);
            pace.take(commit("日本"), now).unwrap();
            assert!(pace.next(&mut budget, now).unwrap().is_some(), "word {word}");
        }
    }

    #[test]
    fn what_is_over_the_rate_is_delayed_in_order_and_reported_once() {
        let (mut pace, mut budget) = (Pace::new(small()), Budget::new(&small(), at(0)));
        for number in 1..=12 {
            pace.take(key(number), at(0)).unwrap();
        }
        let passed = run(&mut pace, &mut budget, at(10_000_000)).unwrap();
        let said: Vec<_> = passed.iter().map(|(_, said)| said.clone()).collect();
        assert_eq!(said, (1..=12).map(key).collect::<Vec<_>>());
        assert_eq!(passed.iter().filter(|(when, _)| *when == at(0)).count(), 5, "a second's worth at once");
        assert_eq!(passed.last().unwrap().0, at(1_400_000));
        assert_eq!((pace.poll_report(), pace.poll_report()), (Some(Class::Keys), None));
    }

    #[test]
    fn what_would_wait_longer_than_the_patience_is_cut() {
        let policy = Policy { patience: Duration::from_millis(2_000), ..small() };
        let (mut pace, mut budget) = (Pace::new(policy), Budget::new(&policy, at(0)));
        for number in 1..=40 {
            pace.take(key(number), at(0)).unwrap();
        }
        assert_eq!(run(&mut pace, &mut budget, at(60_000_000)).unwrap_err(), Cut::Impatient(Class::Keys));
    }

    #[test]
    fn more_than_may_wait_is_cut() {
        let mut pace = Pace::new(small());
        let cut = (1..).find_map(|number| pace.take(key(number), at(0)).err());
        assert_eq!((cut, pace.waiting()), (Some(Cut::TooMuch), limits::GATE_WAITING));
    }

    #[test]
    fn a_new_connection_does_not_renew_the_budget() {
        let mut budget = Budget::new(&small(), at(0));
        let mut pace = Pace::new(small());
        (1..=20).for_each(|number| pace.take(key(number), at(0)).unwrap());
        assert_eq!(run(&mut pace, &mut budget, at(20_000_000)).unwrap().len(), 20);
        let mut again = Pace::new(small());
        again.take(key(1), at(20_000_000)).unwrap();
        assert_eq!(again.next(&mut budget, at(20_000_000)), Ok(None));
        assert!(at(53_000_000) < again.deadline().unwrap(), "the minute is full");
    }

    #[test]
    fn movements_and_sizes_that_wait_become_one_and_keys_never_do() {
        let (mut pace, mut budget) = (Pace::new(small()), Budget::new(&small(), at(0)));
        for _ in 0..10_000 {
            pace.take(motion(1), at(0)).unwrap();
        }
        assert_eq!(pace.waiting(), 1);
        pace.take(motion(2), at(0)).unwrap();
        pace.take(key(1), at(0)).unwrap();
        pace.take(motion(2), at(0)).unwrap();
        assert_eq!(run(&mut pace, &mut budget, at(0)).unwrap().len(), 4);
    }

    #[test]
    fn of_a_composed_text_what_is_new_counts_and_of_a_pasted_one_all() {
        assert_eq!(new_characters("に", "にほ"), 1);
        assert_eq!(new_characters("にほん", "日本"), 2);
        assert_eq!(new_characters("日本", "日本"), 1);
        assert_eq!(new_characters("", &"字".repeat(255)), 255);
        assert_eq!(new_characters("あいう", "あう"), 1);
        assert_eq!(new_characters("aa", "aaa"), 1);
    }

    proptest! {
        #[test]
        fn in_no_minute_more_passes_than_the_budget_and_nothing_changes_its_order(
            gaps in prop::collection::vec(0_u64..400_000, 1..400),
        ) {
            let policy = Policy { patience: Duration::from_millis(3_600_000), ..small() };
            let (mut pace, mut budget) = (Pace::new(policy), Budget::new(&policy, at(0)));
            let (mut now, mut passed) = (at(0), Vec::new());
            let mut taken = 0;
            for gap in gaps {
                let next = now + Duration::from_micros(gap);
                // What is due before.
                while let Some(due) = pace.deadline().filter(|due| *due <= next) {
                    now = due;
                    while let Some(said) = pace.next(&mut budget, now).unwrap() {
                        passed.push((now, said));
                    }
                }
                now = next;
                taken += 1;
                pace.take(key(taken), now).unwrap();
                while let Some(said) = pace.next(&mut budget, now).unwrap() {
                    passed.push((now, said));
                }
            }
            while let Some(due) = pace.deadline() {
                prop_assert!(now < due);
                now = due;
                while let Some(said) = pace.next(&mut budget, now).unwrap() {
                    passed.push((now, said));
                }
            }
            let said: Vec<_> = passed.iter().map(|(_, said)| said.clone()).collect();
            prop_assert_eq!(said, (1..=taken).map(key).collect::<Vec<_>>());
            let times: Vec<u64> = passed.iter().map(|(when, _)| when.as_micros()).collect();
            for (at, begin) in times.iter().enumerate() {
                let within = |length| times[at..].iter().take_while(|time| **time < begin + length).count();
                prop_assert!(within(60_000_000) <= 20, "a minute");
                prop_assert!(within(1_000_000) <= 10, "a second: what was saved up and what was gained");
            }
        }
    }
}
