//! The gate: a relay in the boundary that ends the connections of both sides and says everything anew (`shoji-host gate`).
//!
//! **Who is who.** A viewer proves itself to the gate as it does to a host: mutual TLS 1.3 with its device's certificate, which the host's
//! authority signed; its bundle (`device add --gate ADDRESS`) expects the name `shoji-gate`. The gate proves itself to the host with a
//! certificate of its own (`device add --as-gate`), which the registry lists as a gate's. It speaks the protocol under another
//! name there (`shoji-gate/1`) and says first, in 32 bytes, for which device's certificate it speaks. The host takes that from a gate that
//! is listed and not revoked, and from nobody else; a gate has no sessions of its own; the device has to be known and not revoked as if
//! it had come by itself. Revoking either ends the connection at once. So the gate holds no list of devices and no state: sessions live
//! at the host, viewers keep their resume token, and come back through a gate that was started again.
//!
//! **What passes.** [`relay`]: the host's end of the protocol's state machine for the viewer, and the viewer's end for the host.
//! Messages are decoded to types and encoded again; greetings, questions and answers end at the gate. [`pace`] holds input to what a
//! person does; `flow` holds updates to their size and rate; [`pixels`] makes updates anew, where that is wanted. One connection to the host for each viewer: nobody waits for another.
//!
//! **Back pressure.** Input waits in `pace`, which is bounded, in order. The host's updates are not read while the viewer's carrier is
//! not drained or their rate is used up: the transport's window fills, the host merges damage, and the newest pixels win.
//!
//! It must never write to disk, pass on bytes that it has not decoded, or let anybody through who is not authenticated on both sides.

pub mod audit;
pub mod boundary;
pub mod config;
mod connection;
pub mod doctor;
mod door;
pub mod figures;
mod flow;
pub mod pace;
pub mod pixels;
pub mod relay;
mod upstream;

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{IdleTimeout, TransportConfig, VarInt};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use shoji_decoder::Decoders;
use shoji_evidence::network::Side;
use shoji_protocol::CloseCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc, watch};
use tracing::{info, warn};

use crate::cli;
use crate::pki::{Bundle, SERVER_NAME};
use crate::seldom::Seldom;
use crate::serve::carrier::quic_code;
use crate::{clock, limits, network, serve, store, tls};
use config::{Config, Overrides};
use door::Gate;
use figures::Figures;

/// The gate cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// A file cannot be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The identity is no gate's.
    #[error("{path} is no gate's identity: {why}: make one on the host with `shoji-host device add NAME --as-gate`")]
    Identity {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The port cannot be opened.
    #[error(transparent)]
    Endpoint(#[from] serve::EndpointError),
    /// The network is not what was declared.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// Nobody can ask how it is.
    #[error("cannot listen for monitors on {0}: {1}: choose another address with --health ADDR:PORT, or \"\" for none")]
    Health(std::net::SocketAddr, io::Error),
    /// The machine gives too little.
    #[error(
        "cannot start: {0}: check the machine's free memory and its limits (ulimit -u, ulimit -n), then start again"
    )]
    Start(#[from] io::Error),
}

/// `shoji-host gate`: runs until it is told to stop.
pub fn run(options: &cli::Gate) -> Result<(), Error> {
    let overrides = Overrides {
        identity: options.identity.clone(),
        listen: options.listen,
        health: options.health.clone(),
        pixels: options.pixels,
    };
    let config = Config::load(options.config.as_deref(), overrides)?;
    // Before anything is opened.
    network::check(&config.segments, Side::Gate, &[config.listen])?;
    if doctor::forwards() == Ok(true) {
        warn!(
            "This machine forwards packets, so it may be a way past the gate: set net.ipv4.ip_forward and net.ipv6.conf.all.forwarding to 0"
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(serve::threads()).enable_all().build()?;
    let result = runtime.block_on(serve_all(config, options.print_ready));
    runtime.shutdown_timeout(limits::FAREWELL);
    result
}

async fn serve_all(config: Config, print_ready: bool) -> Result<(), Error> {
    let identity = Identity::read(&config.identity)?;
    if identity.not_after <= clock::unix_seconds() {
        return Err(identity.unusable("its certificate has ended"));
    }
    let server = identity.server()?;
    let (endpoint, tcp) = serve::open_port(config.listen, server.clone(), None)?;
    tcp.set_nonblocking(true)?;
    let tcp = tokio::net::TcpListener::from_std(tcp)?;
    let listening = endpoint.local_addr()?;
    let figures = Arc::new(Figures::default());
    let health = match config.health {
        None => None,
        Some(address) => {
            let failed = |error| Error::Health(address, error);
            Some(tokio::net::TcpListener::bind(address).await.map_err(failed)?)
        }
    };
    let (stop, stopping) = watch::channel(false);
    let (alive, mut gone) = mpsc::channel(1);
    let gate = Arc::new(Gate {
        policy: config.policy,
        connections: Arc::new(Semaphore::new(config.connections as usize)),
        most: config.connections as usize,
        devices: config.devices,
        target: identity.target(config.host, config.carrier)?,
        decoders: Decoders::Process(shoji_decoder::process::Program::itself()),
        audit: Arc::new(audit::Log),
        figures: figures.clone(),
        budgets: Default::default(),
        refusals: Seldom::new(limits::REFUSALS_TOLD),
        cuts: Seldom::new(limits::REFUSALS_TOLD),
        unreachable: Default::default(),
        stopping,
        alive,
    });
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut accepting = vec![
        tokio::spawn(door::quic(gate.clone(), endpoint.clone())),
        tokio::spawn(door::tcp(gate.clone(), tcp, Arc::new(server))),
    ];
    let monitored = health.as_ref().and_then(|health| health.local_addr().ok());
    if let Some(health) = health {
        accepting.push(tokio::spawn(figures::serve(health, figures)));
    }
    info!(address = %listening, host = %gate.target.address, "The gate is open");
    if print_ready {
        let mut out = io::stdout().lock();
        let health = monitored.map(|health| format!(" health {health}")).unwrap_or_default();
        writeln!(out, "ready {listening}{health}")?;
        out.flush()?;
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    info!("Stopping");
    accepting.iter().for_each(tokio::task::JoinHandle::abort);
    let _ = stop.send(true);
    drop(gate);
    // Each viewer is told, and comes back to the next gate with its token.
    let _ = tokio::time::timeout(limits::STOP_TIMEOUT, gone.recv()).await;
    endpoint.close(quic_code(CloseCode::HostStopping), b"");
    let _ = tokio::time::timeout(limits::FAREWELL, endpoint.wait_idle()).await;
    Ok(())
}

/// What the gate shows to both sides.
struct Identity {
    not_after: u64,
    path: String,
    host: String,
    authority: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    fn read(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let wrong = |why: &dyn std::fmt::Display| Error::Identity { path: name.clone(), why: why.to_string() };
        let text = store::read(path)?.ok_or_else(|| wrong(&"there is no such file"))?;
        let bundle: Bundle = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| wrong(&error));
        Ok(Self {
            not_after: bundle.not_after,
            host: bundle.host,
            authority: certificate(&bundle.ca)?,
            certificate: certificate(&bundle.certificate)?,
            key: PrivateKeyDer::from_pem_slice(bundle.key.as_bytes()).map_err(|error| wrong(&error))?,
            path: name,
        })
    }

    fn unusable(&self, why: impl std::fmt::Display) -> Error {
        Error::Identity { path: self.path.clone(), why: why.to_string() }
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).map_err(|error| self.unusable(error))?;
        Ok(Arc::new(roots))
    }

    /// Towards viewers: whoever has no certificate of the authority gets no connection.
    fn server(&self) -> Result<rustls::ServerConfig, Error> {
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots()?, tls::provider())
            .build()
            .map_err(|error| self.unusable(error))?;
        let config = rustls::ServerConfig::builder_with_provider(tls::provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| self.unusable(error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![self.certificate.clone(), self.authority.clone()], self.key.clone_key())
            .map_err(|error| self.unusable(error))?;
        Ok(tls::for_viewers(config, vec![tls::ALPN.to_vec()]))
    }

    /// Towards the host.
    fn target(&self, host: Option<String>, choice: config::Carrier) -> Result<upstream::Target, Error> {
        let mut config = rustls::ClientConfig::builder_with_provider(tls::provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| self.unusable(error))?
            .with_root_certificates(self.roots()?)
            .with_client_auth_cert(vec![self.certificate.clone()], self.key.clone_key())
            .map_err(|error| self.unusable(error))?;
        config.alpn_protocols = vec![tls::GATE.to_vec()];
        config.enable_early_data = false;
        // The registry is asked at every handshake: there is nothing to resume.
        config.resumption = rustls::client::Resumption::disabled();
        let crypto = QuicClientConfig::try_from(config.clone()).map_err(|error| self.unusable(error))?;
        let mut quic = quinn::ClientConfig::new(Arc::new(crypto));
        quic.transport_config(Arc::new(transport()));
        Ok(upstream::Target {
            address: host.unwrap_or_else(|| self.host.clone()),
            name: ServerName::try_from(SERVER_NAME).map_err(|error| self.unusable(error))?,
            choice,
            tls: Arc::new(config),
            quic,
            endpoints: upstream::endpoints()?,
        })
    }
}

/// How QUIC is spoken with the host: as a viewer speaks it.
fn transport() -> TransportConfig {
    let idle = IdleTimeout::try_from(limits::IDLE_TIMEOUT).expect("the idle timeout fits");
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(limits::KEEP_ALIVE))
        .stream_receive_window(VarInt::from_u32(limits::GATE_WINDOW))
        .receive_window(VarInt::from_u32(2 * limits::GATE_WINDOW))
        // One stream of updates; room for a second, nothing more.
        .max_concurrent_uni_streams(VarInt::from_u32(2))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .datagram_send_buffer_size(limits::DATAGRAMS_WAITING)
        .datagram_receive_buffer_size(Some(limits::COPIES_WAITING));
    transport
}
