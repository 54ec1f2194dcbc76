//! How often one address, and all of them together, may ask.
//!
//! Pure bookkeeping: time is an argument. Each address has a bucket that refills steadily; what is kept of it is one moment
//! ("the generic cell rate algorithm"). It must never hold more addresses than it has room for: those beyond share one
//! bucket.

use std::collections::BTreeMap;
use std::net::IpAddr;

use tokio::time::Instant;

use crate::limits::Rate;
use crate::source::Source;

/// The buckets of one kind of request.
#[derive(Debug)]
pub(super) struct Rates {
    of_source: Rate,
    of_all: Rate,
    room: usize,
    sources: BTreeMap<Source, Bucket>,
    strangers: Bucket,
    all: Bucket,
}

/// When the bucket is full again; `None`: it always was.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Bucket(Option<Instant>);

impl Bucket {
    fn is_full(&self, now: Instant) -> bool {
        self.0.is_none_or(|full| full <= now)
    }

    /// What the bucket is after one more; `None`: it is empty.
    pub(super) fn after(&self, rate: Rate, now: Instant) -> Option<Self> {
        let full = self.0.map_or(now, |full| full.max(now)) + rate.every;
        (full.duration_since(now) <= rate.every * rate.at_once).then_some(Self(Some(full)))
    }
}

impl Rates {
    pub(super) fn new(of_source: Rate, of_all: Rate, room: usize) -> Self {
        Self { of_source, of_all, room, sources: BTreeMap::new(), strangers: Bucket::default(), all: Bucket::default() }
    }

    /// Whether one more request is served now. What is refused costs its sender nothing further.
    pub(super) fn allow(&mut self, from: IpAddr, now: Instant) -> bool {
        let source = Source::from(from);
        if self.sources.len() >= self.room && !self.sources.contains_key(&source) {
            self.sources.retain(|_, bucket| !bucket.is_full(now));
        }
        let is_full = self.sources.len() >= self.room;
        let bucket = match self.sources.get(&source) {
            Some(bucket) => bucket,
            None if is_full => &self.strangers,
            None => &Bucket::default(),
        };
        let (Some(bucket), Some(all)) = (bucket.after(self.of_source, now), self.all.after(self.of_all, now)) else {
            return false;
        };
        self.all = all;
        match self.sources.get_mut(&source) {
            Some(known) => *known = bucket,
            None if is_full => self.strangers = bucket,
            None => {
                self.sources.insert(source, bucket);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    fn rates() -> Rates {
        let (each, all) = (Duration::from_secs(1), Duration::from_millis(200));
        Rates::new(Rate { at_once: 3, every: each }, Rate { at_once: 10, every: all }, 4)
    }

    #[test]
    fn an_address_has_its_burst_and_then_its_rate() {
        let (mut rates, now) = (rates(), Instant::now());
        let mut allowed = |now| (0..9).filter(|_| rates.allow(address(1), now)).count();
        assert_eq!(allowed(now), 3);
        assert_eq!(allowed(now + Duration::from_secs(1)), 1);
        assert_eq!(allowed(now + Duration::from_secs(60)), 3);
    }

    #[test]
    fn all_addresses_together_have_a_rate_too() {
        let (mut rates, now) = (Rates { room: 1_000, ..rates() }, Instant::now());
        assert_eq!((0..100).filter(|number| rates.allow(address(*number), now)).count(), 10);
        assert!(rates.allow(address(200), now + Duration::from_secs(1)));
    }

    #[test]
    fn addresses_beyond_the_room_share_one_bucket_and_quiet_ones_leave() {
        let (mut rates, now) =
            (Rates { of_all: Rate { at_once: 1_000, every: Duration::from_millis(1) }, ..rates() }, Instant::now());
        let allowed = (0..100).filter(|number| rates.allow(address(*number), now)).count();
        assert_eq!((allowed, rates.sources.len()), (4 + 3, 4));
        let later = now + Duration::from_secs(5);
        assert!(rates.allow(address(500), later));
        assert_eq!(rates.sources.len(), 1);
    }
}
