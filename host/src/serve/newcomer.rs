//! Who is at the other end of a QUIC connection whose handshake is done.
//!
//! Browsers share the port of viewers and have no certificate, so TLS lets both through; here is decided who may do what, in
//! one place that nobody gets around: only [`Newcomer::of`] makes a [`Device`], and a QUIC connection can serve a viewer
//! only as one. It must never open or read a stream.

use std::net::SocketAddr;

use quinn::VarInt;
use quinn::crypto::rustls::HandshakeData;
use rustls_pki_types::CertificateDer;

use crate::registry::Fingerprint;
use crate::{limits, tls, web};

/// A connection, by what the handshake found out.
pub(super) enum Newcomer {
    /// A viewer.
    Device(Device),
    /// A gate, or whoever says so: the registry decides.
    Gate(Device),
    /// A browser, which has to show a ticket.
    Stranger(web::Stranger),
    /// Neither: nothing is opened for it.
    Nobody(quinn::Connection),
}

/// A connection on which a device showed a certificate that the authority signed and the registry knows.
pub(super) struct Device {
    connection: quinn::Connection,
    fingerprint: Fingerprint,
}

/// What a client's first message asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Viewer,
    Gate,
    Browser,
}

/// What somebody is, without the connection.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Device(Fingerprint),
    Gate(Fingerprint),
    Stranger,
    Nobody,
}

/// The one rule. A certificate that TLS found good is a device's; a browser is a stranger even with one, because what counts there is its ticket.
fn kind(protocol: Option<Protocol>, certificate: Option<Fingerprint>) -> Kind {
    match (protocol, certificate) {
        (Some(Protocol::Viewer), Some(fingerprint)) => Kind::Device(fingerprint),
        (Some(Protocol::Gate), Some(fingerprint)) => Kind::Gate(fingerprint),
        (Some(Protocol::Browser), _) => Kind::Stranger,
        (Some(Protocol::Viewer | Protocol::Gate), None) | (None, _) => Kind::Nobody,
    }
}

impl Newcomer {
    /// Of a connection whose handshake is done.
    pub(super) fn of(connection: quinn::Connection) -> Self {
        let device = |connection: quinn::Connection, fingerprint| {
            connection.set_max_concurrent_uni_streams(VarInt::from_u32(limits::VIEWER_UNI_STREAMS));
            Device { connection, fingerprint }
        };
        match kind(protocol(&connection), certificate(&connection)) {
            Kind::Device(fingerprint) => Self::Device(device(connection, fingerprint)),
            Kind::Gate(fingerprint) => Self::Gate(device(connection, fingerprint)),
            Kind::Stranger => Self::Stranger(web::Stranger::new(connection)),
            Kind::Nobody => Self::Nobody(connection),
        }
    }
}

impl Device {
    /// Its connection.
    pub(super) fn connection(&self) -> &quinn::Connection {
        &self.connection
    }

    /// What the registry knows it by.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Where it is.
    pub(super) fn peer(&self) -> SocketAddr {
        self.connection.remote_address()
    }
}

fn protocol(connection: &quinn::Connection) -> Option<Protocol> {
    let data = connection.handshake_data()?.downcast::<HandshakeData>().ok()?;
    match data.protocol?.as_slice() {
        tls::ALPN => Some(Protocol::Viewer),
        tls::GATE => Some(Protocol::Gate),
        tls::HTTP_3 => Some(Protocol::Browser),
        _ => None,
    }
}

/// What the other end of a connection showed, if anything: TLS found it good.
pub(crate) fn certificate(connection: &quinn::Connection) -> Option<Fingerprint> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    Some(Fingerprint::of(chain.first()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_viewers_protocol_with_a_certificate_is_a_device() {
        let shown = Fingerprint::of(b"certificate");
        assert_eq!(kind(Some(Protocol::Viewer), Some(shown)), Kind::Device(shown));
        assert_eq!(kind(Some(Protocol::Viewer), None), Kind::Nobody);
        assert_eq!(kind(Some(Protocol::Gate), Some(shown)), Kind::Gate(shown));
        assert_eq!(kind(Some(Protocol::Gate), None), Kind::Nobody);
        assert_eq!(kind(Some(Protocol::Browser), None), Kind::Stranger);
        assert_eq!(kind(Some(Protocol::Browser), Some(shown)), Kind::Stranger);
        assert_eq!(kind(None, Some(shown)), Kind::Nobody);
        assert_eq!(kind(None, None), Kind::Nobody);
    }
}
