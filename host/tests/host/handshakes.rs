//! What a handshake over QUIC comes to: by the protocols that a client names, in any order, and by the certificate that it shows.
//!
//! One port serves viewers and browsers, so who is who is decided by both together. Every case is a row of [`TABLE`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quinn::ConnectionError;
use quinn::crypto::rustls::HandshakeData;
use rustls::AlertDescription;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, NamedGroup, SignatureScheme};
use sha2::{Digest as _, Sha256};
use shoji_host::clock;
use shoji_host::pki::{Authority, Bundle};
use shoji_protocol::{Capabilities, Channel, CloseCode, Locale, ToHost, frame, limits};
use tokio::time::timeout;

use super::browser;
use super::client::{identity, tls};
use super::fixture::{Host, PATIENCE};
use super::wire::{Carrier, Wire, connect_quic, over_every_native_carrier, refused};

/// The certificate that a client shows.
#[derive(Debug, Clone, Copy)]
enum Shows {
    Nothing,
    /// A device's.
    Known,
    Revoked,
    /// One that our authority signed and the registry does not have.
    Unlisted,
    /// One of another authority.
    Foreign,
}

const SHOWS: [Shows; 5] = [Shows::Nothing, Shows::Known, Shows::Revoked, Shows::Unlisted, Shows::Foreign];

/// What it comes to.
#[derive(Debug, PartialEq, Eq)]
enum Comes {
    /// Served as the device, by the host's own certificate.
    Device,
    /// Asked for a ticket, by a certificate that lives for days.
    Stranger,
    /// Closed, and nothing opened.
    Nobody,
    /// Ended by TLS.
    Alert(AlertDescription),
}

const VIEWER: &[u8] = b"shoji/1";
const BROWSER: &[u8] = b"h3";
const OTHER: &[u8] = b"shoji/999";

const REVOKED: Comes = Comes::Alert(AlertDescription::CertificateRevoked);
const UNLISTED: Comes = Comes::Alert(AlertDescription::AccessDenied);
const FOREIGN: Comes = Comes::Alert(AlertDescription::UnknownCA);
const NO_PROTOCOL: Comes = Comes::Alert(AlertDescription::NoApplicationProtocol);

/// The protocols that a client names, and what comes of it with each of [`SHOWS`].
const TABLE: [(&[&[u8]], [Comes; 5]); 8] = [
    (&[VIEWER], [Comes::Nobody, Comes::Device, REVOKED, UNLISTED, FOREIGN]),
    (&[BROWSER], [Comes::Stranger, Comes::Stranger, REVOKED, UNLISTED, FOREIGN]),
    // Whoever names both is a viewer, whichever comes first.
    (&[VIEWER, BROWSER], [Comes::Nobody, Comes::Device, REVOKED, UNLISTED, FOREIGN]),
    (&[BROWSER, VIEWER], [Comes::Nobody, Comes::Device, REVOKED, UNLISTED, FOREIGN]),
    // What we do not know is passed over.
    (&[OTHER, BROWSER], [Comes::Stranger, Comes::Stranger, REVOKED, UNLISTED, FOREIGN]),
    (&[OTHER, VIEWER], [Comes::Nobody, Comes::Device, REVOKED, UNLISTED, FOREIGN]),
    (&[OTHER], [NO_PROTOCOL, NO_PROTOCOL, NO_PROTOCOL, NO_PROTOCOL, NO_PROTOCOL]),
    (&[], [NO_PROTOCOL, NO_PROTOCOL, NO_PROTOCOL, NO_PROTOCOL, NO_PROTOCOL]),
];

/// Takes any certificate: which one the host shows is part of what is asked.
#[derive(Debug)]
struct Any;

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        unreachable!("QUIC is TLS 1.3")
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

type Shown = Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>;

/// A client that names these protocols and shows this.
fn client(bundle: &Bundle, protocols: &[&[u8]], shown: Shown) -> rustls::ClientConfig {
    let mut config = tls(bundle, shown);
    config.dangerous().set_certificate_verifier(Arc::new(Any));
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    config
}

/// Connects, and finds out what came of it.
async fn comes(bundle: &Bundle, config: rustls::ClientConfig, hashes: &[[u8; 32]]) -> Comes {
    let (_endpoint, connection) = match connect_quic(bundle, config).await {
        Ok(connected) => connected,
        Err(error) => return Comes::Alert(alert(&error)),
    };
    let data = connection.handshake_data().unwrap().downcast::<HandshakeData>().unwrap();
    let chain = connection.peer_identity().unwrap().downcast::<Vec<CertificateDer<'static>>>().unwrap();
    let is_browsers = hashes.contains(&Sha256::digest(&chain[0]).into());
    assert_eq!(data.protocol.as_deref(), Some(if is_browsers { BROWSER } else { VIEWER }), "of one certificate each");
    if is_browsers {
        // A stranger is told which HTTP/3 is spoken.
        return tokio::select! {
            Ok(mut settings) = connection.accept_uni() => {
                let mut kind = [0xff];
                settings.read_exact(&mut kind).await.unwrap();
                assert_eq!(kind, [0], "HTTP/3's control stream");
                Comes::Stranger
            }
            error = connection.closed() => ended(&error),
        };
    }
    // A device gets an answer to what it says; whoever is nobody does not.
    let asks = async {
        let (mut control, mut answers) = connection.open_bi().await.ok()?;
        control.write_all(&hello()).await.ok()?;
        answers.read_chunk(1, true).await.ok()?
    };
    match timeout(PATIENCE, asks).await.expect("the host answers or closes") {
        Some(_) => Comes::Device,
        None => ended(&connection.closed().await),
    }
}

fn hello() -> Vec<u8> {
    let hello = ToHost::Hello { minor: limits::MINOR, capabilities: Capabilities::ALL, locale: Locale::Ja };
    let mut bytes = Vec::new();
    frame::encode_to_host(&hello, &mut bytes);
    bytes
}

fn ended(error: &ConnectionError) -> Comes {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            assert_eq!(u64::from(close.error_code), u64::from(CloseCode::Revoked.number()));
            Comes::Nobody
        }
        other => Comes::Alert(alert(other)),
    }
}

/// QUIC carries an alert as 0x100 and its number.
fn alert(error: &ConnectionError) -> AlertDescription {
    let code = match error {
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
        ConnectionError::TransportError(error) => u64::from(error.code),
        other => panic!("{other}"),
    };
    AlertDescription::from(u8::try_from(code - 0x100).unwrap())
}

/// A certificate of an authority for this host that no registry has.
fn issued(authority: &Authority, host: &Host) -> Bundle {
    let name = "ghost".parse().unwrap();
    authority.issue(&name, &name, host.address.to_string(), 1, clock::unix_seconds()).unwrap().0
}

#[tokio::test]
async fn who_somebody_is_follows_from_the_protocols_it_names_and_the_certificate_it_shows() {
    let host = Host::start();
    let (known, revoked) = (host.device("pc"), host.device("gone"));
    host.run(&["device", "revoke", "gone"]);
    let (_, hashes) = browser::ticket_and_hashes(&browser::device(&host, "tablet").await).await.unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let unlisted = issued(&Authority::open(&host.state(), clock::unix_seconds()).unwrap(), &host);
    let foreign = issued(&Authority::open(elsewhere.path(), clock::unix_seconds()).unwrap(), &host);
    for (protocols, row) in TABLE {
        for (shows, expected) in SHOWS.into_iter().zip(row) {
            let shown = match shows {
                Shows::Nothing => None,
                Shows::Known => Some(identity(&known)),
                Shows::Revoked => Some(identity(&revoked)),
                Shows::Unlisted => Some(identity(&unlisted)),
                Shows::Foreign => Some(identity(&foreign)),
            };
            let names: Vec<_> = protocols.iter().map(|name| String::from_utf8_lossy(name)).collect();
            let came = timeout(PATIENCE, comes(&known, client(&known, protocols, shown), &hashes)).await.unwrap();
            assert_eq!(came, expected, "{names:?}, showing {shows:?}");
        }
    }
    assert!(host.sessions().is_empty());
}

/// A client's memory of sessions, as every TLS client has one, that counts what it is given.
#[derive(Debug, Default)]
struct Memory {
    tickets: AtomicUsize,
}

impl ClientSessionStore for Memory {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {
        self.tickets.fetch_add(1, Ordering::Relaxed);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

#[tokio::test]
async fn no_handshake_over_quic_can_be_resumed_so_each_is_checked_anew() {
    let host = Host::start();
    let known = host.device("pc");
    let (_, hashes) = browser::ticket_and_hashes(&browser::device(&host, "tablet").await).await.unwrap();
    for (protocol, shown, expected) in
        [(VIEWER, Some(identity(&known)), Comes::Device), (BROWSER, None, Comes::Stranger)]
    {
        let memory = Arc::new(Memory::default());
        let mut config = client(&known, &[protocol], shown);
        config.resumption = Resumption::store(memory.clone());
        // What it comes to is said after the handshake: a ticket would have come before.
        assert_eq!(comes(&known, config, &hashes).await, expected);
        assert_eq!(memory.tickets.load(Ordering::Relaxed), 0, "{expected:?}");
    }
}

over_every_native_carrier! {
    async fn a_client_that_remembers_its_session_is_refused_as_soon_as_its_device_is_revoked(carrier: Carrier) {
        let host = Host::start();
        let bundle = host.device("pc");
        // One configuration for both connections: it is the clients' memory that is shared.
        let config = tls(&bundle, Some(identity(&bundle)));
        let mut wire = Wire::open_with(carrier, &bundle, config.clone()).await;
        assert!(wire.write(Channel::Control, &hello()).await);
        assert!(timeout(PATIENCE, wire.frame()).await.unwrap().is_ok(), "it is served");
        wire.leave().await;
        host.run(&["device", "revoke", "pc"]);
        assert_eq!(refused(carrier, &bundle, config).await, AlertDescription::CertificateRevoked);
    }
}
