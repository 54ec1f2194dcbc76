//! The egress proxy: the only way from a session's browser to the internet.
//!
//! A browser lives in a network namespace that has nothing but its own loopback. A listener in there, made before the browser starts and
//! handed over by the sandbox ([`listener`]), leads here: HTTP's CONNECT and plain HTTP ([`proxy`]), names looked up here
//! ([`resolve`]), every address judged before it is connected to ([`address`], [`policy`], [`dial`]), one audit event for each
//! connection ([`audit`]). It has a thread and a runtime of its own, so that a download never stands in the way of a key. It
//! must never connect anywhere for the host itself.
//!
//! Reading order: [`policy`], [`address`], [`dial`], [`proxy`].

pub mod address;
pub mod audit;
mod blockpage;
mod dial;
mod listener;
mod pace;
pub mod policy;
mod proxy;
pub mod resolve;
mod stream;
pub mod upstream;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::AbortHandle;

use crate::{addresses, limits};
use audit::{Audit, Log};
use pace::Pace;
use policy::Policy;
use resolve::{Resolve, System};
use upstream::Upstream;

/// Where a browser finds the proxy. The namespace is its own, so it can be the same in each.
pub const ADDRESS: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 3_128));

/// How the proxy works.
#[derive(Debug)]
pub struct Settings {
    /// Where browsers may go.
    pub policy: Policy,
    /// The proxy behind this one.
    pub upstream: Option<Upstream>,
    /// Whom the block page names; may be empty.
    pub contact: String,
    /// Who knows names.
    pub resolver: Arc<dyn Resolve>,
    /// Where events go.
    pub audit: Arc<dyn Audit>,
    /// This host's own addresses.
    pub own: fn() -> Vec<IpAddr>,
}

impl Settings {
    /// With the system's names, and events in the log.
    pub fn new(policy: Policy, upstream: Option<Upstream>, contact: String) -> Self {
        let own = addresses::of_cards;
        Self { policy, upstream, contact, resolver: Arc::new(System), audit: Arc::new(Log), own }
    }
}

/// The running proxy. It ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Egress(Arc<Running>);

#[derive(Debug)]
struct Running {
    shared: Arc<proxy::Shared>,
    all: Arc<Semaphore>,
    runtime: Handle,
    /// Dropping it ends the thread.
    _stop: oneshot::Sender<()>,
}

impl Egress {
    /// Starts its thread.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let Settings { policy, upstream, contact, resolver, audit, own } = settings;
        let dialer = dial::Dialer { policy, resolver, upstream, own };
        let shared = Arc::new(proxy::Shared { dialer, audit, contact });
        let runtime =
            Builder::new_current_thread().enable_all().max_blocking_threads(limits::EGRESS_LOOKUPS).build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        thread::Builder::new().name("egress".to_owned()).spawn(move || {
            let _ = runtime.block_on(stopped);
            // Not waiting for names that are still being looked up.
            runtime.shutdown_background();
        })?;
        let all = Arc::new(Semaphore::new(limits::EGRESS_CONNECTIONS));
        Ok(Self(Arc::new(Running { shared, all, runtime: handle, _stop: stop })))
    }

    /// A session's door.
    pub fn door(&self, session: u64) -> Door {
        Door { egress: self.clone(), session }
    }
}

/// One session's door to the proxy, through which any number of browsers, one after the other, are let.
#[derive(Debug, Clone)]
pub struct Door {
    egress: Egress,
    session: u64,
}

impl Door {
    /// Lets a browser through, whose sandbox hands its listener over on the other end of `from_sandbox`.
    pub fn open(&self, from_sandbox: UnixStream) -> Passage {
        let running = &self.egress.0;
        let task = listener::serve(self.session(), from_sandbox, running.all.clone());
        Passage { task: running.runtime.spawn(task).abort_handle(), _egress: self.egress.clone() }
    }

    /// Lets through whoever comes to a listener that is there already: for tests, whose clients are in no sandbox.
    pub fn serve(&self, listener: std::net::TcpListener) -> io::Result<Passage> {
        let running = &self.egress.0;
        listener.set_nonblocking(true)?;
        let _entered = running.runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let task = listener::accept(self.session(), listener, running.all.clone());
        Ok(Passage { task: running.runtime.spawn(task).abort_handle(), _egress: self.egress.clone() })
    }

    fn session(&self) -> proxy::Session {
        let shared = self.egress.0.shared.clone();
        let lookups = Arc::new(Semaphore::new(limits::EGRESS_LOOKUPS_OF_SESSION));
        proxy::Session { shared, id: self.session, pace: Arc::new(Pace::new()), lookups }
    }
}

/// One browser's way through. Dropping it ends all its connections.
#[derive(Debug)]
pub struct Passage {
    task: AbortHandle,
    /// There is no way out without the proxy.
    _egress: Egress,
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.task.abort();
    }
}
