//! The carriers' configuration: TLS 1.3, both ends proven, one protocol name.
//!
//! Owns what is trusted: the bundle's authorities and nothing else, and the bundle's certificate as our own proof. It
//! must never offer a way around that.

use std::{io, sync::Arc, time::Duration};

use quinn::{ConnectionError, TransportErrorCode, VarInt, crypto::rustls::QuicClientConfig};
use rustls::{AlertDescription, RootCertStore};
use shoji_protocol::CloseCode;

use super::{BundleProblem, Error};
use crate::bundle::Bundle;

/// The protocol's name and major version.
pub(crate) const ALPN: &[u8] = b"shoji/1";

/// Silence after which the carrier itself asks.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Silence after which QUIC gives the connection up: four keep-alives, as in the protocol.
const IDLE: Duration = Duration::from_secs(20);

/// The round trip that is assumed before one is known: it decides when a lost first packet is sent again, at three times as
/// much and then ever later. Between a PC and a host of the same prefecture it is less.
const FIRST_GUESS: Duration = Duration::from_millis(100);

/// Room for one whole update of the largest size, so that flow control never waits inside one.
const WINDOW: u32 = 16 * 1024 * 1024;

/// Bytes of datagrams that may wait for the carrier: four of the largest. Beyond it the oldest is dropped, for a newer one holds
/// the same inputs.
const DATAGRAMS_WAITING: usize = 4 * 1024 + 512;

/// Bytes of copies that may wait until this thread has decoded what came before: twice what is spliced in at most. The oldest is dropped.
const COPIES_WAITING: usize = 2 * shoji_protocol::limits::MAX_SPLICE;

/// The same TLS for every carrier.
#[derive(Clone)]
pub(crate) struct Configuration {
    /// With QUIC's own settings.
    pub(crate) quic: quinn::ClientConfig,
    /// For a stream.
    pub(crate) stream: Arc<rustls::ClientConfig>,
}

/// Makes the configuration from a bundle.
pub(crate) fn configuration(bundle: &Bundle) -> Result<Configuration, Error> {
    let unusable =
        |detail: String| Error::Bundle { problem: BundleProblem::Format, path: bundle.name().to_owned(), detail };
    let wrong = |error: rustls::Error| unusable(error.to_string());
    let mut roots = RootCertStore::empty();
    for authority in bundle.authorities() {
        roots.add(authority.clone()).map_err(wrong)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(wrong)?
        .with_root_certificates(roots)
        .with_client_auth_cert(bundle.chain().to_vec(), bundle.key())
        .map_err(wrong)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    // Replayable data is never sent: input typed once must arrive at most once.
    tls.enable_early_data = false;
    // The registry is asked at every handshake: there is nothing to resume.
    tls.resumption = rustls::client::Resumption::disabled();
    let stream = Arc::new(tls.clone());
    let crypto = QuicClientConfig::try_from(tls).map_err(|error| unusable(error.to_string()))?;
    let mut transport = quinn::TransportConfig::default();
    transport
        .max_idle_timeout(Some(IDLE.try_into().expect("20 s is below QUIC's limit of 2^62 ms")))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .initial_rtt(FIRST_GUESS)
        .stream_receive_window(VarInt::from_u32(WINDOW))
        .receive_window(VarInt::from_u32(2 * WINDOW))
        // One stream of updates; room for a second, nothing more.
        .max_concurrent_uni_streams(VarInt::from_u32(2))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        // Copies of input go in datagrams, the newest first of all; copies of updates come.
        .datagram_send_buffer_size(DATAGRAMS_WAITING)
        .datagram_receive_buffer_size(Some(COPIES_WAITING));
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    Ok(Configuration { quic: config, stream })
}

/// What a broken carrier means to the person. `answered` says whether the host was heard on this connection.
pub(crate) fn explain(error: &ConnectionError, host: &str, answered: bool) -> Error {
    let alert = |code: TransportErrorCode| {
        // Crypto errors are 0x100 plus the TLS alert.
        let code = u64::from(code);
        (0x100..0x200).contains(&code).then(|| AlertDescription::from(u8::try_from(code - 0x100).unwrap_or(0)))
    };
    match error {
        ConnectionError::VersionMismatch => Error::Version,
        // Found here: the host's proof did not hold, or it chose no protocol.
        ConnectionError::TransportError(error) => match alert(error.code) {
            Some(AlertDescription::NoApplicationProtocol) => Error::Version,
            Some(_) => Error::Impostor { host: host.to_owned() },
            None => Error::Lost,
        },
        // Found there: our proof did not hold, or we named no protocol the host has.
        ConnectionError::ConnectionClosed(close) => match alert(close.error_code) {
            Some(alert) => explain_alert(alert),
            None if u64::from(close.error_code) == u64::from(TransportErrorCode::CONNECTION_REFUSED) => Error::Busy,
            None => Error::Lost,
        },
        ConnectionError::ApplicationClosed(close) => {
            let code = u16::try_from(close.error_code.into_inner()).ok().and_then(CloseCode::from_number);
            code.map_or(Error::Lost, Error::Closed)
        }
        ConnectionError::TimedOut if !answered => Error::Unreachable { host: host.to_owned() },
        ConnectionError::Reset | ConnectionError::TimedOut => Error::Lost,
        ConnectionError::LocallyClosed => Error::EndedHere,
        ConnectionError::CidsExhausted => Error::Lost,
    }
}

/// What the host's refusal of our proof, or of our protocol, means to the person.
fn explain_alert(alert: AlertDescription) -> Error {
    match alert {
        AlertDescription::NoApplicationProtocol => Error::Version,
        AlertDescription::CertificateExpired => Error::Closed(CloseCode::CertificateExpired),
        AlertDescription::CertificateRevoked => Error::Closed(CloseCode::Revoked),
        _ => Error::Refused,
    }
}

/// What a broken stream means to the person. `answered` says whether the host was heard on this connection.
pub(crate) fn explain_stream(error: &io::Error, host: &str, answered: bool) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(alert)) => explain_alert(*alert),
        // Found here: the host's proof did not hold.
        Some(rustls::Error::InvalidCertificate(_)) => Error::Impostor { host: host.to_owned() },
        Some(_) if answered => Error::Lost,
        // What answers there speaks no TLS of ours: as good as nobody.
        Some(_) => Error::Unreachable { host: host.to_owned() },
        None if answered => Error::Lost,
        None => Error::Unreachable { host: host.to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_means_unreachable_only_before_the_first_answer() {
        let host = "10.0.0.1:1";
        assert_eq!(explain(&ConnectionError::TimedOut, host, false), Error::Unreachable { host: host.into() });
        assert_eq!(explain(&ConnectionError::TimedOut, host, true), Error::Lost);
    }

    #[test]
    fn the_hosts_code_is_taken_from_the_carrier_too() {
        let close = quinn::ApplicationClose { error_code: VarInt::from_u32(6), reason: Default::default() };
        assert_eq!(explain(&ConnectionError::ApplicationClosed(close), "h", true), Error::Closed(CloseCode::Revoked));
    }

    #[test]
    fn a_stream_tells_the_same_as_quic() {
        let error = |error| io::Error::new(io::ErrorKind::InvalidData, rustls::Error::AlertReceived(error));
        let told = |alert| explain_stream(&error(alert), "h", true);
        assert_eq!(told(AlertDescription::CertificateRevoked), Error::Closed(CloseCode::Revoked));
        assert_eq!(told(AlertDescription::CertificateExpired), Error::Closed(CloseCode::CertificateExpired));
        assert_eq!(told(AlertDescription::NoApplicationProtocol), Error::Version);
        assert_eq!(told(AlertDescription::UnknownCA), Error::Refused);
        let reset = io::ErrorKind::ConnectionReset.into();
        assert_eq!(explain_stream(&reset, "h", true), Error::Lost);
        assert_eq!(explain_stream(&reset, "h", false), Error::Unreachable { host: "h".into() });
    }
}
