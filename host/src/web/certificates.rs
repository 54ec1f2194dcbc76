//! Short-lived certificates for WebTransport, which a page knows by their hash.
//!
//! A browser takes such a certificate without any authority, if it is on P-256, valid for fourteen days at most, and has the
//! hash that the page names; a page learns the hashes with its ticket, over the connection that it came by. Owns two of them,
//! the one that is shown and the next, in memory only. Time is an argument: whoever asks first after a span is over makes
//! the next one, so nothing waits for a timer, and a clock that was set makes both anew. It must never give a key to anybody
//! but TLS, or write one anywhere.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use tracing::warn;

use crate::seldom::Seldom;
use crate::{limits, pki};

const DAY: u64 = 86_400;

/// How long each is shown.
const DUTY: u64 = limits::SHORT_LIVED_DUTY_DAYS * DAY;

/// A certificate cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// By the certificate crate.
    #[error(transparent)]
    Make(#[from] pki::Error),
    /// TLS does not take it.
    #[error(
        "a short-lived certificate cannot be used: {0}: this is a fault of shoji-host, please report it with this line"
    )]
    Use(#[from] rustls::Error),
}

/// SHA-256 of a certificate.
pub type Hash = [u8; 32];

/// The certificate that is shown, and the next.
#[derive(Debug)]
pub struct Certificates {
    pair: Mutex<Pair>,
    /// That no other can be made.
    untold: Seldom,
}

#[derive(Debug)]
struct Pair {
    /// When the first one's duty began, seconds since 1970.
    since: u64,
    shown: Certificate,
    next: Certificate,
}

#[derive(Debug)]
struct Certificate {
    key: Arc<CertifiedKey>,
    hash: Hash,
}

impl Certificate {
    fn make(now: u64) -> Result<Self, Error> {
        let begin = now.saturating_sub(limits::SHORT_LIVED_SKEW_DAYS * DAY);
        let (certificate, key) = pki::self_signed(begin, now + limits::SHORT_LIVED_DAYS * DAY)?;
        let hash = Sha256::digest(&certificate).into();
        let provider = rustls::crypto::ring::default_provider();
        let (chain, key): (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) = (vec![certificate], key);
        Ok(Self { key: Arc::new(CertifiedKey::from_der(chain, key, &provider)?), hash })
    }
}

impl Pair {
    fn make(now: u64) -> Result<Self, Error> {
        Ok(Self { since: now, shown: Certificate::make(now)?, next: Certificate::make(now)? })
    }

    fn turn(&mut self, now: u64) -> Result<(), Error> {
        let expected = self.since..self.since + 2 * DUTY;
        // Within an hour a clock is corrected, not set.
        if !expected.contains(&now) && now.abs_diff(self.since) > 3_600 {
            *self = Self::make(now)?;
        } else if now >= self.since + DUTY {
            self.shown = std::mem::replace(&mut self.next, Certificate::make(now)?);
            // By the calendar, not by when somebody came: the next one's days are counted from its making.
            self.since += DUTY;
        }
        Ok(())
    }
}

impl Certificates {
    /// Makes the first two.
    pub fn new(now: u64) -> Result<Self, Error> {
        Ok(Self { pair: Mutex::new(Pair::make(now)?), untold: Seldom::new(1) })
    }

    /// What TLS shows to a browser now.
    pub fn on_duty(&self, now: u64) -> Arc<CertifiedKey> {
        self.at(now).shown.key.clone()
    }

    /// What a page has to know: one of these is shown to it, from now until a span later.
    pub fn hashes(&self, now: u64) -> [Hash; 2] {
        let pair = self.at(now);
        [pair.shown.hash, pair.next.hash]
    }

    fn at(&self, now: u64) -> MutexGuard<'_, Pair> {
        // Each change of it is one assignment.
        let mut pair = self.pair.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = pair.turn(now) {
            // The old ones may still do, and a browser that refuses them comes over TCP.
            self.untold.tell(|left_out| warn!(%error, left_out, "The certificates for WebTransport stay as they are"));
        }
        pair
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn shown(certificates: &Certificates, now: u64) -> Hash {
        Sha256::digest(&certificates.on_duty(now).cert[0]).into()
    }

    /// From when to when the one is valid that is shown.
    fn validity(certificates: &Certificates, now: u64) -> (u64, u64) {
        let key = certificates.on_duty(now);
        let (_, parsed) = x509_parser::parse_x509_certificate(&key.cert[0]).unwrap();
        let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap();
        (seconds(parsed.validity().not_before), seconds(parsed.validity().not_after))
    }

    #[test]
    fn a_page_that_knows_the_hashes_is_shown_one_of_them_for_a_whole_span() {
        let certificates = Certificates::new(NOW).unwrap();
        // At any moment, and whoever comes just before a change.
        for at in (0..30 * DAY).step_by(17_000).map(|later| NOW + later) {
            let known = certificates.hashes(at);
            assert!(known.contains(&shown(&certificates, at)));
            let later = Certificates { pair: Mutex::new(copy(&certificates)), untold: Seldom::new(1) };
            assert!(known.contains(&shown(&later, at + DUTY)), "{at}");
        }
    }

    fn copy(certificates: &Certificates) -> Pair {
        let pair = certificates.pair.lock().unwrap();
        let copy = |of: &Certificate| Certificate { key: of.key.clone(), hash: of.hash };
        Pair { since: pair.since, shown: copy(&pair.shown), next: copy(&pair.next) }
    }

    #[test]
    fn each_is_valid_while_it_is_shown_also_for_clocks_that_are_wrong_and_never_longer_than_browsers_allow() {
        let certificates = Certificates::new(NOW).unwrap();
        for at in (0..40 * DAY).step_by(50_000).map(|later| NOW + later) {
            let (begin, end) = validity(&certificates, at);
            assert!(begin + DAY <= at && at + 2 * DAY <= end, "{at}");
            assert!(end - begin < 14 * DAY);
        }
    }

    #[test]
    fn they_change_also_when_nobody_came_for_long_and_when_the_clock_was_set() {
        let certificates = Certificates::new(NOW).unwrap();
        let first = certificates.hashes(NOW);
        let quiet = NOW + DUTY * 2 - 1;
        assert_eq!(shown(&certificates, quiet), first[1]);
        let (_, end) = validity(&certificates, quiet + 1);
        assert!(quiet + 2 * DAY <= end);
        for set in [NOW + 400 * DAY, NOW - 400 * DAY] {
            let (begin, end) = validity(&certificates, set);
            assert!((begin..end).contains(&set), "{set}");
        }
    }

    #[test]
    fn a_clock_that_is_corrected_changes_nothing() {
        let certificates = Certificates::new(NOW).unwrap();
        assert_eq!(certificates.hashes(NOW - 60), certificates.hashes(NOW));
    }
}
