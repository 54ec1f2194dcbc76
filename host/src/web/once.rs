//! Secrets that are good once and for a short time: challenges and tickets.
//!
//! Pure bookkeeping: time and randomness are arguments. A secret is found by comparing it with every one there is, each in
//! constant time, so that no answer's time says how much of a guess was right. It must never hold more than it has room
//! for, nor give the same secret out twice.

use std::collections::VecDeque;
use std::time::Duration;

use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

/// Bytes of a secret: nobody guesses 256 bits.
pub const SECRET: usize = 32;

/// Secrets, each issued to somebody.
#[derive(Debug)]
pub(super) struct Once<T> {
    /// In the order of their issue, which is that of their end.
    issued: VecDeque<Issued<T>>,
    room: usize,
    of_one: usize,
    life: Duration,
}

struct Issued<T> {
    secret: [u8; SECRET],
    to: T,
    until: Instant,
}

impl<T> std::fmt::Debug for Issued<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Issued(..)")
    }
}

impl<T: Clone + PartialEq> Once<T> {
    /// `room` for all, `of_one` of them for one receiver, each for `life`.
    pub(super) fn new(room: usize, of_one: usize, life: Duration) -> Self {
        Self { issued: VecDeque::new(), room, of_one, life }
    }

    /// Issues a secret. A receiver's oldest one gives way to a new one; `false`: there is no room.
    pub(super) fn issue(&mut self, secret: [u8; SECRET], to: T, now: Instant) -> bool {
        self.expire(now);
        let same = |issued: &Issued<T>| issued.to == to;
        if self.issued.iter().filter(|issued| same(issued)).count() >= self.of_one
            && let Some(oldest) = self.issued.iter().position(same)
        {
            self.issued.remove(oldest);
        }
        if self.issued.len() >= self.room {
            return false;
        }
        self.issued.push_back(Issued { secret, to, until: now + self.life });
        true
    }

    /// To whom the secret was issued, if it is still good; from now on it is not.
    pub(super) fn redeem(&mut self, secret: &[u8; SECRET], now: Instant) -> Option<T> {
        self.expire(now);
        let mut found = None;
        for (at, issued) in self.issued.iter().enumerate() {
            if bool::from(issued.secret.ct_eq(secret)) {
                found = Some(at);
            }
        }
        self.issued.remove(found?).map(|issued| issued.to)
    }

    fn expire(&mut self, now: Instant) {
        while self.issued.front().is_some_and(|oldest| oldest.until <= now) {
            self.issued.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(30);

    fn secret(number: u8) -> [u8; SECRET] {
        [number; SECRET]
    }

    #[test]
    fn a_secret_is_good_once() {
        let (mut once, now) = (Once::new(4, 2, LIFE), Instant::now());
        assert!(once.issue(secret(1), "hanako", now) && once.issue(secret(2), "taro", now));
        assert_eq!(once.redeem(&secret(3), now), None);
        assert_eq!(once.redeem(&secret(1), now), Some("hanako"));
        assert_eq!(once.redeem(&secret(1), now), None);
        assert_eq!(once.redeem(&secret(2), now), Some("taro"));
    }

    #[test]
    fn a_secret_is_good_until_its_end() {
        let (mut once, now) = (Once::new(4, 4, LIFE), Instant::now());
        once.issue(secret(1), (), now);
        once.issue(secret(2), (), now);
        assert_eq!(once.redeem(&secret(1), now + LIFE - Duration::from_millis(1)), Some(()));
        assert_eq!(once.redeem(&secret(2), now + LIFE), None);
        assert!(once.issued.is_empty());
    }

    #[test]
    fn one_receiver_replaces_its_own_and_others_keep_their_room() {
        let (mut once, now) = (Once::new(3, 2, LIFE), Instant::now());
        for number in 1..=9 {
            assert!(once.issue(secret(number), "greedy", now));
        }
        assert_eq!(once.issued.len(), 2);
        assert!(once.issue(secret(10), "other", now));
        assert!(!once.issue(secret(11), "third", now), "there is no room");
        assert_eq!(once.redeem(&secret(8), now), Some("greedy"));
        assert_eq!(once.redeem(&secret(7), now), None);
        assert!(once.issue(secret(11), "third", now));
    }
}
