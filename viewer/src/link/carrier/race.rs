//! Which way works: QUIC begins, TLS over TCP follows a moment later, and whoever is through first carries the connection.
//!
//! Owns the order and the waiting. A blocked UDP port costs no more than the head start; nobody has to set anything. The way that
//! lost is given up, and tried again with the next connection.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use super::{Carrier, Choice, Quic, Tcp, Way};
use crate::{bundle::Bundle, link::Error};

/// How long QUIC is alone: its handshake takes one round trip, on a link on which working is bearable less than this. Longer would
/// be felt at every start where UDP is closed; shorter would open a TCP connection for nothing on a far link.
const HEAD_START: Duration = Duration::from_millis(200);

/// Addresses of one name that are tried.
const ADDRESSES: usize = 4;

/// What is needed to try.
pub(in crate::link) struct Race<'a> {
    pub(in crate::link) bundle: &'a Bundle,
    pub(in crate::link) quic: quinn::ClientConfig,
    pub(in crate::link) tcp: Arc<rustls::ClientConfig>,
    pub(in crate::link) choice: Choice,
    /// The way that carried the connection before this one.
    pub(in crate::link) last: Option<Way>,
    /// For one handshake.
    pub(in crate::link) patience: Duration,
}

/// What came of it.
pub(in crate::link) struct Won {
    pub(in crate::link) carrier: Carrier,
    /// QUIC was tried, and was not through when TCP was.
    pub(in crate::link) udp_seems_closed: bool,
}

impl Race<'_> {
    pub(in crate::link) async fn run(&self) -> Result<Won, Error> {
        let unknown = || Error::Address { host: self.bundle.host().to_owned() };
        let addresses = tokio::net::lookup_host(self.bundle.host()).await.map_err(|_| unknown())?;
        let addresses: Vec<SocketAddr> = addresses.take(ADDRESSES).collect();
        if addresses.is_empty() {
            return Err(unknown());
        }
        let quic = self.each(&addresses, |address| async move {
            let quic = Quic::connect(address, self.bundle, self.quic.clone()).await?;
            Ok(Carrier::Quic(Box::new(quic)))
        });
        let tcp = self.each(&addresses, |address| async move {
            let tcp = Tcp::connect(address, self.bundle, self.tcp.clone()).await?;
            Ok(Carrier::Tcp(Box::new(tcp)))
        });
        let carrier = match self.choice {
            Choice::Quic => quic.await?,
            Choice::Tcp => tcp.await?,
            Choice::Auto => {
                let head_start = if self.last == Some(Way::Tcp) { Duration::ZERO } else { HEAD_START };
                first(quic, tcp, head_start).await?
            }
        };
        let udp_seems_closed = self.choice == Choice::Auto && carrier.way() == Way::Tcp;
        Ok(Won { carrier, udp_seems_closed })
    }

    /// Tries one address after the other.
    async fn each<F>(&self, addresses: &[SocketAddr], connect: impl Fn(SocketAddr) -> F) -> Result<Carrier, Error>
    where
        F: Future<Output = Result<Carrier, Error>>,
    {
        let mut failed = None;
        for &address in addresses {
            let error = match tokio::time::timeout(self.patience, connect(address)).await {
                Ok(Ok(carrier)) => return Ok(carrier),
                Ok(Err(error)) => error,
                Err(_) => Error::Unreachable { host: self.bundle.host().to_owned() },
            };
            failed = Some(match failed {
                Some(before) => telling(before, error),
                None => error,
            });
        }
        Err(failed.unwrap_or_else(|| Error::Address { host: self.bundle.host().to_owned() }))
    }
}

/// The first that succeeds; the second begins after the head start, or when the first has failed. If both fail, what tells more.
async fn first<T>(
    one: impl Future<Output = Result<T, Error>>,
    other: impl Future<Output = Result<T, Error>>,
    head_start: Duration,
) -> Result<T, Error> {
    tokio::pin!(one, other);
    let mut failed = match tokio::time::timeout(head_start, &mut one).await {
        Ok(Ok(won)) => return Ok(won),
        Ok(Err(error)) => Some(error),
        Err(_) => None,
    };
    if let Some(before) = failed.take() {
        return other.await.map_err(|error| telling(before, error));
    }
    tokio::select! {
        biased;
        result = &mut one => match result {
            Ok(won) => Ok(won),
            Err(before) => other.await.map_err(|error| telling(before, error)),
        },
        result = &mut other => match result {
            Ok(won) => Ok(won),
            Err(error) => one.await.map_err(|before| telling(before, error)),
        },
    }
}

/// Of two errors the one that tells more: that nobody answers is known of every closed port. Of equals the first.
fn telling(one: Error, other: Error) -> Error {
    if one.passes() && !other.passes() { other } else { one }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use shoji_protocol::CloseCode;

    const HOST: &str = "10.0.0.1:1";

    fn unreachable() -> Error {
        Error::Unreachable { host: HOST.into() }
    }

    /// Longer than any test.
    const NEVER: Duration = Duration::from_secs(3_600);

    /// This, but not at once.
    async fn late<T>(result: T) -> T {
        for _ in 0..9 {
            tokio::task::yield_now().await;
        }
        result
    }

    #[tokio::test]
    async fn the_second_wins_where_the_first_is_silent() {
        assert_eq!(first(pending(), late(Ok(2)), Duration::from_millis(1)).await, Ok(2));
    }

    #[tokio::test]
    async fn the_second_is_not_begun_where_the_first_is_through_in_time() {
        let second = async { panic!("it was begun") };
        assert_eq!(first(late(Ok(1)), second, NEVER).await, Ok(1));
    }

    #[tokio::test]
    async fn the_second_begins_at_once_where_the_first_fails_outright() {
        assert_eq!(first(late(Err(unreachable())), ready(Ok(2)), NEVER).await, Ok(2));
    }

    #[tokio::test]
    async fn the_first_may_still_win_after_the_head_start() {
        assert_eq!(first(late(Ok(1)), pending(), Duration::ZERO).await, Ok(1));
    }

    #[tokio::test]
    async fn a_failure_of_one_leaves_the_other_its_time() {
        assert_eq!(first(late(Ok(1)), ready(Err(Error::Refused)), Duration::ZERO).await, Ok(1));
        assert_eq!(first(ready(Err(Error::Refused)), late(Ok(2)), NEVER).await, Ok(2));
    }

    #[tokio::test]
    async fn if_both_fail_the_one_that_tells_more_is_told() {
        let revoked = || Error::Closed(CloseCode::Revoked);
        let both = |one: Error, other: Error| first(late(Err::<(), _>(one)), ready(Err(other)), Duration::ZERO);
        assert_eq!(both(unreachable(), revoked()).await, Err(revoked()));
        assert_eq!(both(revoked(), unreachable()).await, Err(revoked()));
        assert_eq!(both(unreachable(), Error::Lost).await, Err(unreachable()));
    }
}
