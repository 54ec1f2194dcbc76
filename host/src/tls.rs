//! TLS, 1.3 only: for viewers mutual, with the registry asked at every handshake; for browsers by the host's certificate.
//!
//! Owns the rustls configurations. A viewer's certificate counts only if the local authority signed it for client use, it has not
//! ended, *and* the registry knows its fingerprint and has not revoked it. There is no way past these checks.

use std::sync::{Arc, RwLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};

use crate::pki::Identity;
use crate::registry::{Fingerprint, Kind, Registry, Standing};

/// The protocol's name in the TLS handshake; carries the major version.
pub const ALPN: &[u8] = b"shoji/1";

/// The registry as the running host sees it: replaced as a whole when it changes.
pub type SharedRegistry = Arc<RwLock<Registry>>;

/// The TLS configuration of the endpoint for viewers.
pub fn server_config(identity: Identity, registry: SharedRegistry) -> Result<rustls::ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(identity.authority.clone())?;
    let chain = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(DeviceVerifier { chain, registry }))
        .with_single_cert(vec![identity.certificate, identity.authority], identity.key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // No early data: it could be replayed. No resumption: a resumed handshake would not ask the registry again.
    config.max_early_data_size = 0;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(config)
}

/// The TLS configuration of the web service: the host's own certificate, and nobody is asked for another. Who a browser is
/// shows only in the service itself, by a ticket.
pub fn web_config(identity: &Identity) -> Result<rustls::ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
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

/// The chain check of webpki, and then the registry.
#[derive(Debug)]
struct DeviceVerifier {
    chain: Arc<dyn ClientCertVerifier>,
    registry: SharedRegistry,
}

impl ClientCertVerifier for DeviceVerifier {
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
            Standing::Known { kind: Kind::Certificate, .. } => return Ok(verified),
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
