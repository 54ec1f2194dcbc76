//! TLS, 1.3 only: for viewers mutual, with the registry asked at every handshake; for browsers by the host's certificate.
//!
//! Owns the rustls configurations. A viewer's certificate counts only if the local authority signed it for client use, it has not
//! ended, *and* the registry knows its fingerprint and has not revoked it. There is no way past these checks. Over TCP a viewer
//! without a certificate gets no connection; over QUIC, where browsers share its port, `newcomer` in `serve` sends it away.

use std::sync::{Arc, RwLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};

use crate::clock;
use crate::pki::Identity;
use crate::registry::{Fingerprint, Kind, Registry, Standing};
use crate::web::certificates::Certificates;

/// The protocol's name in the TLS handshake; carries the major version.
pub const ALPN: &[u8] = b"shoji/1";

/// The same protocol, spoken by a gate on behalf of a device that it names first ([`crate::gate`]).
pub const GATE: &[u8] = b"shoji-gate/1";

/// The registry as the running host sees it: replaced as a whole when it changes.
pub type SharedRegistry = Arc<RwLock<Registry>>;

/// The TLS configuration for viewers: a device's certificate, or nothing.
pub fn server_config(identity: &Identity, registry: SharedRegistry) -> Result<rustls::ServerConfig, rustls::Error> {
    let config = mutual(identity, registry, Demand::Required)?
        .with_single_cert(vec![identity.certificate.clone(), identity.authority.clone()], identity.key.clone_key())?;
    Ok(for_viewers(config, vec![ALPN.to_vec(), GATE.to_vec()]))
}

/// The TLS configuration of the QUIC endpoint, where browsers come too ([`HTTP_3`]). They have no certificate, so none is
/// demanded; one that is shown is checked as ever. Who may do what without one is decided after the handshake.
pub fn shared_config(
    identity: &Identity,
    registry: SharedRegistry,
    browsers: Arc<Certificates>,
) -> Result<rustls::ServerConfig, rustls::Error> {
    let chain = vec![identity.certificate.clone(), identity.authority.clone()];
    let host = Arc::new(CertifiedKey::from_der(chain, identity.key.clone_key(), &provider())?);
    let config =
        mutual(identity, registry, Demand::Optional)?.with_cert_resolver(Arc::new(ByProtocol { host, browsers }));
    Ok(for_viewers(config, vec![ALPN.to_vec(), GATE.to_vec(), HTTP_3.to_vec()]))
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn mutual(
    identity: &Identity,
    registry: SharedRegistry,
    demand: Demand,
) -> Result<rustls::ConfigBuilder<rustls::ServerConfig, rustls::server::WantsServerCert>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(identity.authority.clone())?;
    let chain = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    Ok(rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(DeviceVerifier { chain, registry, demand })))
}

pub(crate) fn for_viewers(mut config: rustls::ServerConfig, protocols: Vec<Vec<u8>>) -> rustls::ServerConfig {
    config.alpn_protocols = protocols;
    // No early data: it could be replayed. No resumption: a resumed handshake would not ask the registry again.
    config.max_early_data_size = 0;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config
}

/// The TLS configuration of the web service: the host's own certificate, and nobody is asked for another. Who a browser is
/// shows only in the service itself, by a ticket.
pub fn web_config(identity: &Identity) -> Result<rustls::ServerConfig, rustls::Error> {
    let mut config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone(), identity.authority.clone()], identity.key.clone_key())?;
    config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
    // No early data: it could be replayed. Resumption stays: nothing about a browser is decided in its handshake.
    config.max_early_data_size = 0;
    Ok(config)
}

/// HTTP/2 in the TLS handshake.
pub const HTTP_2: &[u8] = b"h2";

/// HTTP/1.1 in the TLS handshake.
pub const HTTP_1: &[u8] = b"http/1.1";

/// HTTP/3 in the TLS handshake, which is how WebTransport comes.
pub const HTTP_3: &[u8] = b"h3";

/// The certificate by the client's first message: the host's own for viewers, a short-lived one for browsers.
#[derive(Debug)]
struct ByProtocol {
    host: Arc<CertifiedKey>,
    browsers: Arc<Certificates>,
}

impl ResolvesServerCert for ByProtocol {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // As the protocol itself is chosen: the viewers' goes first.
        let is_viewer = || hello.alpn().is_some_and(|mut names| names.any(|name| name == ALPN));
        let is_browser = || hello.alpn().is_some_and(|mut names| names.any(|name| name == HTTP_3));
        if !is_viewer() && is_browser() {
            Some(self.browsers.on_duty(clock::unix_seconds()))
        } else {
            Some(self.host.clone())
        }
    }
}

/// Whether a client without a certificate gets through the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demand {
    Required,
    Optional,
}

/// The chain check of webpki, and then the registry.
#[derive(Debug)]
struct DeviceVerifier {
    chain: Arc<dyn ClientCertVerifier>,
    registry: SharedRegistry,
    demand: Demand,
}

impl ClientCertVerifier for DeviceVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.demand == Demand::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        let registry =
            self.registry.read().map_err(|_| rustls::Error::General("the registry is not available".to_owned()))?;
        let refused = match registry.standing(&Fingerprint::of(end_entity)) {
            Standing::Known { kind: Kind::Certificate | Kind::Gate, .. } => return Ok(verified),
            Standing::Revoked => CertificateError::Revoked,
            Standing::Known { kind: Kind::Web, .. } | Standing::Unknown => {
                CertificateError::ApplicationVerificationFailure
            }
        };
        Err(rustls::Error::InvalidCertificate(refused))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOffered))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
