//! From what was asked for to a connection.
//!
//! Owns the order: policy, name, policy for each address, connection to that address. It must never connect to an address that it did
//! not judge, nor look a name up a second time between judging and connecting.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use url::Host;

use super::policy::{Destination, Policy, Refusal};
use super::resolve::Resolve;
use super::upstream::Upstream;
use crate::limits;

/// What connections are made by.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) policy: Policy,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) upstream: Option<Upstream>,
    /// This host's addresses, asked for each time: network cards come and go.
    pub(super) own: fn() -> Vec<IpAddr>,
}

/// A connection.
#[derive(Debug)]
pub(super) enum Dialed {
    /// To the place itself.
    Direct(TcpStream),
    /// To the upstream proxy, which has not been told where to yet.
    Upstream(TcpStream),
}

impl Dialer {
    /// Connects, if policy lets it.
    pub(super) async fn dial(&self, to: &Destination, lookups: &Arc<Semaphore>) -> Result<Dialed, Refusal> {
        let own = (self.own)();
        self.policy.check(to, &own)?;
        let excepted = |address| self.policy.is_excepted(SocketAddr::new(address, to.port));
        match (&self.upstream, to.address(), &to.host) {
            (Some(upstream), address, _) if !address.is_some_and(excepted) => {
                // What a list of exceptions makes of a name's addresses is not known here, so its ports count for nothing.
                if address.is_none() && !self.policy.ports.contains(&to.port) {
                    return Err(Refusal::Port);
                }
                let connected = timeout(limits::EGRESS_CONNECT_TIMEOUT, upstream.connect()).await;
                Ok(Dialed::Upstream(connected.map_err(|_| Refusal::Upstream)??))
            }
            (_, Some(address), _) => self.connect(&[address], to.port, &own).await,
            (_, None, Host::Domain(name)) => {
                let addresses = self.look_up(name.clone(), lookups.clone()).await?;
                self.connect(&addresses, to.port, &own).await
            }
            (_, None, _) => Err(Refusal::Malformed),
        }
    }

    /// A lookup keeps its place until it is over, also when nobody waits for it any more: the system's resolver cannot be stopped.
    async fn look_up(&self, name: String, lookups: Arc<Semaphore>) -> Result<Vec<IpAddr>, Refusal> {
        let resolver = self.resolver.clone();
        let answer = timeout(limits::EGRESS_NAME_TIMEOUT, async move {
            let place = lookups.acquire_owned().await.ok()?;
            let lookup = tokio::spawn(async move {
                let answer = resolver.resolve(&name).await;
                drop(place);
                answer
            });
            lookup.await.ok()?.ok()
        });
        answer.await.ok().flatten().ok_or(Refusal::NoName)
    }

    /// To the first address that may be reached and answers. That some other address of a name is refused is no reason to refuse
    /// this one: it is the address that is judged, and it is this one that is connected to.
    async fn connect(&self, addresses: &[IpAddr], port: u16, own: &[IpAddr]) -> Result<Dialed, Refusal> {
        let mut refusal = Refusal::NoName;
        for address in addresses.iter().take(limits::EGRESS_ADDRESSES) {
            let to = SocketAddr::new(*address, port);
            if let Err(refused) = self.policy.check_address(to, own) {
                refusal = refused;
                continue;
            }
            match timeout(limits::EGRESS_CONNECT_TIMEOUT, TcpStream::connect(to)).await {
                Ok(Ok(stream)) => return Ok(Dialed::Direct(stream)),
                _ => refusal = Refusal::Unreachable,
            }
        }
        Err(refusal)
    }
}
