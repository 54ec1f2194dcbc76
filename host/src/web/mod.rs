//! The web service: the web viewer's files, how a browser becomes a device and proves to be one, and the WebSocket or
//! WebTransport that carries its session.
//!
//! Owns everything between a TLS connection of a browser and a session's carrier. Strangers reach it, so every answer has a
//! limit before it: connections ([`server`]), rates ([`rates`]), sizes and times ([`crate::limits`]). There are no cookies:
//! nothing that a browser sends by itself counts, only what the page's own script signs. It must never make a device, know a
//! private key, take a secret from an address, or answer a request that is not meant for this host ([`names`]).
//!
//! Reading order: [`server`] (connections), [`api`] (requests), [`socket`] and [`transport`] (what carries the
//! session).

pub mod assets;
pub mod bodies;
pub mod certificates;
pub mod headers;
pub mod names;
pub mod once;

mod api;
mod counted;
mod peer;
pub mod peers;
mod rates;
mod server;
mod shared_socket;
mod socket;
mod transport;

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use crate::enrolment::{Asked, Label, NotAdmitted};
use crate::registry::Fingerprint;
use assets::Assets;
use certificates::Certificates;
use names::Names;

pub use peer::{Broken as PeerBroken, Came, Peer, Unanswerable, read_offer};
pub use server::Service;
pub use shared_socket::SharedSocket;
pub use socket::Socket;
pub use transport::{Arrival, Broken, Line, Stranger, Transport, read_request, stream_code};

/// What the web service asks of the host it belongs to.
pub trait Admission: fmt::Debug + Send + Sync + 'static {
    /// Whether a browser may have a session now.
    fn admits(&self, fingerprint: &Fingerprint) -> Result<(), NotAdmitted>;

    /// What a request to become a device comes to without writing anything; `None`: it has to be written down.
    fn foresee(&self, fingerprint: &Fingerprint, from: IpAddr) -> Option<Asked>;

    /// Writes the request down; `None`: it cannot be written, and the log says why. Waits for the disk.
    fn ask(&self, label: Label, fingerprint: Fingerprint, from: IpAddr) -> Option<Asked>;

    /// Runs the session of a browser that showed a ticket, until it is over.
    fn session(self: Arc<Self>, fingerprint: Fingerprint, way: Way) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The way by which a browser that showed a ticket came.
#[derive(Debug)]
pub enum Way {
    /// Over TCP.
    Socket(Socket),
    /// Over QUIC.
    Transport(Transport),
    /// Over WebRTC.
    Peer(Box<Peer>),
}

/// What the web service is made with.
#[derive(Debug)]
pub struct Settings {
    /// The web viewer's files.
    pub assets: Assets,
    /// What the host is called.
    pub names: Names,
    /// What browsers are shown over QUIC.
    pub certificates: Arc<Certificates>,
    /// Who speaks WebRTC on the UDP port.
    pub peers: Arc<peers::Peers>,
    /// The machine's addresses at which the UDP port is heard, for pages that know the host by a name.
    pub addresses: Vec<IpAddr>,
}
