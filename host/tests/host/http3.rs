//! HTTP/3 and WebTransport as a browser speaks them, by hand, so that a test can also break them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, ConnectionError, Endpoint, RecvStream, SendStream};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use sha2::{Digest as _, Sha256};
use web_transport_proto::http::{HeaderName, HeaderValue};
use web_transport_proto::{
    Capsule, ConnectError, ConnectRequest, ConnectResponse, Frame, Http3CapsuleReader, Settings, StreamUni, VarInt,
};

/// Takes a certificate that has one of these hashes, as browsers do.
#[derive(Debug)]
struct ByHash {
    hashes: Vec<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ByHash {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.hashes.contains(&Sha256::digest(end_entity).into()) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
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
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A client's TLS that speaks this protocol and knows the host by hashes.
fn tls(hashes: Vec<[u8; 32]>, protocol: &[u8]) -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ByHash { hashes, provider }))
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    config
}

/// A browser's QUIC connection.
pub(crate) struct Browser {
    pub(crate) connection: quinn::Connection,
    /// HTTP/3's own streams, which have to stay open.
    own: Vec<SendStream>,
    _endpoint: Endpoint,
}

impl Browser {
    /// Connects to a host that it knows by these hashes.
    pub(crate) async fn connect(host: SocketAddr, hashes: Vec<[u8; 32]>) -> Result<Self, ConnectionError> {
        Self::connect_for(host, hashes, shoji_host::tls::HTTP_3).await
    }

    /// The same for another protocol.
    pub(crate) async fn connect_for(
        host: SocketAddr,
        hashes: Vec<[u8; 32]>,
        protocol: &[u8],
    ) -> Result<Self, ConnectionError> {
        let mut endpoint = Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
        let config = QuicClientConfig::try_from(tls(hashes, protocol)).unwrap();
        let mut config = ClientConfig::new(Arc::new(config));
        let mut transport = quinn::TransportConfig::default();
        transport.stream_receive_window((16_u32 << 20).into());
        config.transport_config(Arc::new(transport));
        endpoint.set_default_client_config(config);
        let connection = endpoint.connect(host, "localhost").unwrap().await?;
        Ok(Self { connection, own: Vec::new(), _endpoint: endpoint })
    }

    /// Opens HTTP/3's own streams.
    pub(crate) async fn greet(&mut self) {
        let mut settings = Settings::default();
        settings.enable_webtransport(1);
        let mut control = Vec::new();
        settings.encode(&mut control);
        let mut heads = vec![control];
        for kind in [StreamUni::QPACK_ENCODER, StreamUni::QPACK_DECODER] {
            let mut head = Vec::new();
            kind.encode(&mut head);
            heads.push(head);
        }
        for head in heads {
            let mut stream = self.connection.open_uni().await.unwrap();
            stream.write_all(&head).await.unwrap();
            self.own.push(stream);
        }
    }

    /// Asks for a session; `Err`: the status that it was refused with.
    pub(crate) async fn ask(&self, url: &str, headers: &[(&str, &str)]) -> Result<Session, u16> {
        let mut request = ConnectRequest::new(url.parse::<url::Url>().unwrap());
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            request = request.with_header(name, HeaderValue::try_from(*value).unwrap());
        }
        let (mut request_out, mut request_in) = self.connection.open_bi().await.unwrap();
        request.write(&mut request_out).await.unwrap();
        match ConnectResponse::read(&mut request_in).await {
            Ok(response) => {
                assert_eq!(response.status.as_u16(), 200);
                let id = VarInt::try_from(u64::from(quinn::VarInt::from(request_out.id()))).unwrap();
                let connection = self.connection.clone();
                let capsules = Http3CapsuleReader::new(request_in);
                Ok(Session { connection, id, request_out, capsules, kept: Mutex::default() })
            }
            Err(ConnectError::WrongStatus(Some(status))) => Err(status.as_u16()),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A WebTransport session.
pub(crate) struct Session {
    connection: quinn::Connection,
    id: VarInt,
    pub(crate) request_out: SendStream,
    capsules: Http3CapsuleReader<RecvStream>,
    kept: Mutex<Vec<RecvStream>>,
}

impl Session {
    fn head(&self, kind: VarInt) -> Vec<u8> {
        let mut head = Vec::new();
        kind.encode(&mut head);
        self.id.encode(&mut head);
        head
    }

    pub(crate) async fn open_bi(&self) -> (SendStream, RecvStream) {
        let (mut send, receive) = self.connection.open_bi().await.unwrap();
        send.write_all(&self.head(Frame::WEBTRANSPORT.0)).await.unwrap();
        (send, receive)
    }

    pub(crate) async fn open_uni(&self) -> SendStream {
        let mut send = self.connection.open_uni().await.unwrap();
        send.write_all(&self.head(StreamUni::WEBTRANSPORT.0)).await.unwrap();
        send
    }

    /// The next stream of the host's that belongs to the session. Not safe to drop.
    pub(crate) async fn accept_uni(&self) -> Result<RecvStream, ConnectionError> {
        loop {
            let mut stream = self.connection.accept_uni().await?;
            let kind = VarInt::read(&mut stream).await.unwrap();
            if kind == StreamUni::WEBTRANSPORT.0 {
                assert_eq!(VarInt::read(&mut stream).await.unwrap(), self.id);
                return Ok(stream);
            }
            assert_eq!(kind, StreamUni::CONTROL.0, "the host opens nothing else");
            // Its settings: HTTP/3 wants the stream to be kept.
            self.kept.lock().unwrap().push(stream);
        }
    }

    pub(crate) fn send_datagram(&self, contents: &[u8]) {
        let mut datagram = Vec::new();
        VarInt::try_from(self.id.into_inner() / 4).unwrap().encode(&mut datagram);
        datagram.extend(contents);
        self.connection.send_datagram(datagram.into()).unwrap();
    }

    /// The code that the host ends the session with; `None`: it ends without one.
    pub(crate) async fn closed(&mut self) -> Option<u32> {
        loop {
            match self.capsules.read().await {
                Ok(Some(Capsule::CloseWebTransportSession { code, .. })) => return Some(code),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }
}
