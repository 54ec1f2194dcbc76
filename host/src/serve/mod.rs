//! The supervisor: owns sockets, TLS and admission, and relays frames between viewers and workers.
//!
//! One task per connection ([`connection`]) and one per session ([`session`]); an attached connection holds the session's
//! link, so the relay is one hop. It must never look at pixels, and never let one session's failure reach another.

pub(crate) mod accept;
pub(crate) mod carrier;
mod congestion;
mod connection;
mod deadlines;
mod endpoint;
mod group;
pub(crate) mod hub;
mod link;
mod newcomer;
mod process;
mod session;
mod table;
mod tcp;
mod watch;
mod web_admission;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, RwLock};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shoji_evidence::network::Side;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::browser::room::Owner;
use crate::browser::{self, Launcher};
use crate::cli::Serve;
use crate::config::{self, Config, Overrides};
use crate::control::{self, Control};
use crate::egress::policy::Policy;
use crate::egress::upstream::Upstream;
use crate::egress::{self, Egress};
use crate::pages::Pages;
use crate::pki::{self, Authority};
use crate::registry;
use crate::seldom::Seldom;
use crate::spawner::Spawner;
use crate::trace::Trace;
use crate::web::assets::Assets;
use crate::web::certificates::{self, Certificates};
use crate::worker::rights;
use crate::{addresses, clock, limits, network, state, store, tls, web};
use group::Groups;
use hub::Hub;

pub(crate) use endpoint::open as open_port;
pub use endpoint::{Error as EndpointError, transport};
pub(crate) use newcomer::certificate;
pub(crate) use tcp::{fingerprint, tune};

/// The host cannot run.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the error of the module it names, or says it in its message")]
pub enum Error {
    #[error(transparent)]
    State(#[from] state::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Config(#[from] config::Error),
    #[error(transparent)]
    Network(#[from] network::Error),
    #[error(transparent)]
    Browser(#[from] browser::Error),
    #[error(transparent)]
    Pki(#[from] pki::Error),
    #[error(transparent)]
    Certificates(#[from] certificates::Error),
    #[error(transparent)]
    Registry(#[from] registry::Error),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Control(#[from] control::Error),
    #[error(
        "the host's certificate cannot be used: {0}: remove server.pem and server.key from the pki folder of the state directory and start again, they are made anew"
    )]
    Tls(#[from] rustls::Error),
    #[error(
        "cannot start: {0}: check the machine's free memory and its limits (ulimit -u, ulimit -n), then start again"
    )]
    Start(#[from] io::Error),
    #[error(transparent)]
    Upstream(#[from] egress::upstream::Error),
    #[error("cannot write the trace: {0}: choose another directory with --trace-dir DIR, or leave it out")]
    Trace(io::Error),
}

/// Runs the host until it is told to stop (SIGTERM, SIGINT).
pub fn run(state: &Path, options: &Serve) -> Result<(), Error> {
    let overrides = Overrides {
        listen: options.listen,
        start_url: options.start_url.clone(),
        also_allow: options.also_allow.clone(),
    };
    let config = Config::load(options.config.as_deref(), state, overrides)?;
    check_network(&config)?;
    let _lock = state::lock(state)?;
    let launcher = Launcher::new(&config.browser)?;
    launcher.check_sandbox(browser_owner(config.sessions.first_user_id))?;
    tell_missing_walls();
    let groups = groups();
    // Started before the runtime's threads: see the spawner's own words.
    let spawner = Spawner::start()?;
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads()).enable_all().build()?;
    let result = runtime.block_on(serve(state, options, config, launcher, spawner, groups));
    runtime.shutdown_timeout(limits::FAREWELL);
    result
}

/// Before anything is opened: a host that stands between the segments would be a way from one to the other.
fn check_network(config: &Config) -> Result<(), network::Error> {
    network::check(&config.segments, Side::Host, &[config.listen])?;
    if config.segments.are_unknown() {
        info!(
            "No segments are declared, so this machine's network is compared with nothing: see [segments] in host.toml"
        );
    }
    Ok(())
}

/// The user of the first session's browser, for a trial of its sandbox.
pub(crate) fn browser_owner(first_user_id: u32) -> Owner {
    session::owners(first_user_id, 0).1
}

/// Says which of the worker's walls this kernel lacks. A wall that it has and that fails ends the worker instead.
fn tell_missing_walls() {
    let missing = rights::missing();
    if missing.landlock {
        warn!(
            "This kernel has no Landlock, or it is switched off: a session's worker that is taken over is held by its filter of system calls and its user alone"
        );
    }
    if missing.seccomp {
        warn!(
            "This kernel has no filters of system calls: a session's worker that is taken over can make any call of its user"
        );
    }
}

/// The groups of sessions, where the system lets the host have any.
fn groups() -> Option<Groups> {
    match Groups::of_this_process() {
        Ok(groups) => Some(groups),
        Err(why) => {
            info!(%why, "Sessions get no control group (cgroup v2): each process has its own limits only");
            None
        }
    }
}

/// Takes all the open files that the system grants: the usual first limit of 1,024 is less than the connections that may be
/// unfinished, idle and in use together, and a revocation needs one too. After the spawner, whose children keep the usual.
fn raise_open_files() {
    let files = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum }) {
        warn!(%error, "The limit of open files stays as it is: under a flood of connections sessions may fail to start");
    }
}

/// Threads that relay: one for eight cores, since a session's browser takes many times the CPU of its relay, and every
/// further thread is one more to be woken for a key.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(8))
}

/// The web service, and the line that says where it is.
fn web_service(hub: &Arc<Hub>, settings: web::Settings, listening: SocketAddr) -> web::Service {
    if settings.assets.are_missing() {
        warn!(address = %listening, "Built without the web viewer: browsers get a page that says how to build it");
    } else {
        let address = format!("https://{}/", hub.address);
        info!(%address, "Web viewer (browsers trust it with the certificate that `shoji-host ca` writes)");
    }
    web::Service::new(settings, hub.clone())
}

/// The browsers' only way out, started.
fn egress(config: &Config, own_pages: SocketAddr) -> Result<Egress, Error> {
    let config::Egress { policy, contact, upstream } = &config.egress;
    let policy = Policy { own_pages: Some(own_pages), ..policy.clone() };
    if !policy.also_allow.is_empty() {
        let also_allow = policy.also_allow.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        warn!(%also_allow, "Browsers may reach addresses that are not the internet, at every port: see [egress] also_allow in host.toml and --also-allow");
    }
    let upstream = match upstream {
        None => None,
        Some(config::Upstream { address, credentials: None }) => Some(Upstream::open(address.clone())),
        Some(config::Upstream { address, credentials: Some((user, file)) }) => {
            Some(Upstream::with_password_file(address.clone(), user, file)?)
        }
    };
    Ok(Egress::start(egress::Settings::new(policy, upstream, contact.clone()))?)
}

async fn serve(
    state: &Path,
    options: &Serve,
    config: Config,
    launcher: Launcher,
    spawner: Spawner,
    groups: Option<Groups>,
) -> Result<(), Error> {
    let now = clock::unix_seconds();
    let names = addresses::web_names(&config, config.listen, &addresses::of_cards());
    let identity = Authority::open(state, now)?.identity(now, &names)?;
    info!(%names, "The host's certificate is good for these names");
    let web_tls = tls::web_config(&identity)?;
    let store = registry::Store::new(state);
    let registry = Arc::new(RwLock::new(store.read()?));
    let tls = tls::server_config(&identity, registry.clone())?;
    let certificates = config.web.enabled.then(|| Certificates::new(now).map(Arc::new)).transpose()?;
    let quic_tls = match &certificates {
        Some(certificates) => tls::shared_config(&identity, registry.clone(), certificates.clone())?,
        None => tls.clone(),
    };
    let runtime = state::runtime_directory(state, config.runtime_directory.as_deref())?;
    let trace = match &options.trace_dir {
        Some(directory) => {
            store::directory(directory, 0o700)?;
            Trace::to(&directory.join("supervisor.jsonl")).map_err(Error::Trace)?
        }
        None => Trace::off(),
    };
    let pages = Pages::bind().await?;
    let start_url = config.start_url.clone().unwrap_or_else(|| pages.url());
    let egress = egress(&config, pages.address())?;
    let peers = Arc::new(web::peers::Peers::default());
    let (endpoint, tcp) = endpoint::open(config.listen, quic_tls, certificates.is_some().then(|| peers.clone()))?;
    tcp.set_nonblocking(true)?;
    let tcp = tokio::net::TcpListener::from_std(tcp)?;
    let listening = endpoint.local_addr()?;
    let hub = Arc::new(Hub {
        address: addresses::public(&config, listening),
        config,
        registry,
        store,
        launcher,
        egress,
        spawner,
        groups,
        runtime: runtime.clone(),
        start_url,
        trace,
        trace_dir: options.trace_dir.clone(),
        log_json: options.log_json,
        session_left: Default::default(),
        connection_left: Default::default(),
        table: Default::default(),
        connections: Default::default(),
        reloading: Default::default(),
        refusals: Seldom::new(limits::REFUSALS_TOLD),
        unwritten: Seldom::new(1),
    });
    let (assets, addresses) = (Assets::embedded(), addresses::heard_at(listening.ip(), &addresses::of_cards()));
    let web = certificates.map(|certificates| {
        Arc::new(web_service(&hub, web::Settings { assets, names, certificates, peers, addresses }, listening))
    });
    let control = Control::bind(&state::control_socket(state))?;
    let pages = tokio::spawn(pages.serve());
    let control = tokio::spawn(control.serve(hub.clone()));
    let accept = tokio::spawn(accept::run(hub.clone(), endpoint.clone(), web.clone()));
    let accept_tcp = tokio::spawn(tcp::run(
        hub.clone(),
        tcp,
        Arc::new(tls),
        web.clone().map(|service| tcp::Web { tls: Arc::new(web_tls), service }),
    ));
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    info!(address = %listening, browser = %hub.launcher.program().display(), "Listening");
    if options.print_ready {
        let mut out = io::stdout().lock();
        writeln!(out, "ready {listening}")?;
        out.flush()?;
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    info!("Stopping");
    accept.abort();
    accept_tcp.abort();
    if let Some(web) = &web {
        web.stop();
    }
    hub.stop().await;
    // Whoever has not understood the close message is told by the transport.
    endpoint.close(carrier::quic_code(shoji_protocol::CloseCode::HostStopping), b"");
    let farewells = async { tokio::join!(endpoint.wait_idle(), hub.connections_ended()) };
    let _ = tokio::time::timeout(limits::FAREWELL, farewells).await;
    control.abort();
    let _ = control.await;
    pages.abort();
    // Its sessions' rooms are gone already.
    let _ = std::fs::remove_dir_all(runtime);
    Ok(())
}
