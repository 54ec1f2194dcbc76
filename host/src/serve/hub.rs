//! What all tasks of the supervisor share: configuration, registry, launcher, the table of sessions, and the list of
//! live connections, so that a revocation reaches them at once.
//!
//! One struct built in [`super::run`]; there is no global state. Its locks are held for bookkeeping only, never across a
//! wait.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shoji_protocol::CloseCode;
use tokio::sync::{Notify, mpsc};
use tracing::{info, warn};

use super::group::Groups;
use super::session::{self, Command};
use super::table::{Full, Handle, Identity, Place, Table};
use crate::browser::Launcher;
use crate::browser::room::Owner;
use crate::config::Config;
use crate::control::{Answer, Handler, Request, SessionLine};
use crate::egress::Egress;
use crate::registry::{self, Fingerprint, Kind, Registry, Standing, Store};
use crate::seldom::Seldom;
use crate::spawner::Spawner;
use crate::tls::SharedRegistry;
use crate::trace::Trace;
use crate::{clock, limits};

/// What all tasks share.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(super) config: Config,
    pub(super) registry: SharedRegistry,
    pub(super) store: Store,
    pub(super) launcher: Launcher,
    pub(super) egress: Egress,
    pub(super) spawner: Spawner,
    /// Where the system gives the host control groups.
    pub(super) groups: Option<Groups>,
    /// Where sessions have their rooms.
    pub(super) runtime: PathBuf,
    pub(super) start_url: String,
    /// `host:port` for bundles.
    pub(super) address: String,
    pub(super) trace: Trace,
    pub(super) trace_dir: Option<PathBuf>,
    pub(super) log_json: bool,
    /// Woken when a session gave its place back.
    pub(super) session_left: Notify,
    /// Woken when a connection is closed.
    pub(super) connection_left: Notify,
    pub(super) table: Mutex<Table>,
    pub(super) connections: Mutex<Connections>,
    /// Held while the registry is read again: of two readers the later one has the newer file.
    pub(super) reloading: Mutex<()>,
    /// Lines about authenticated viewers that are refused.
    pub(super) refusals: Seldom,
    /// Lines about browsers whose wish to become a device cannot be written down.
    pub(super) unwritten: Seldom,
}

/// Whose connection it is, and who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Speaker {
    /// The device that it is for.
    pub(super) device: Fingerprint,
    /// The gate that speaks on its behalf; `None`: the device itself.
    pub(super) gate: Option<Fingerprint>,
}

impl From<Fingerprint> for Speaker {
    fn from(device: Fingerprint) -> Self {
        Self { device, gate: None }
    }
}

/// The connections that passed the handshake.
#[derive(Debug, Default)]
pub(super) struct Connections {
    last: u64,
    live: BTreeMap<u64, (Speaker, mpsc::Sender<CloseCode>)>,
}

/// A connection's entry in the list; taken out when it is dropped.
#[derive(Debug)]
pub(super) struct Listed<'a> {
    hub: &'a Hub,
    number: u64,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.hub.connections().live.remove(&self.number);
        self.hub.connection_left.notify_waiters();
    }
}

impl Hub {
    /// The table of sessions.
    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        // A panic elsewhere leaves the table whole: each change of it is one call.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists a connection, so that it can be told to close; `None`: there are too many.
    pub(super) fn list(&self, speaker: Speaker) -> Option<(Listed<'_>, mpsc::Receiver<CloseCode>)> {
        let mut connections = self.connections();
        let room = self.config.sessions.at_once + limits::SPARE_CONNECTIONS;
        if connections.live.len() >= room as usize {
            return None;
        }
        let (close, closed) = mpsc::channel(1);
        connections.last += 1;
        let number = connections.last;
        connections.live.insert(number, (speaker, close));
        Some((Listed { hub: self, number }, closed))
    }

    /// Who a connection is for, and until when, seconds since 1970; `None`: nobody who may have one. A gate is nobody by itself, and
    /// only a gate speaks for others: for devices with a certificate, which it has seen, and never for another gate.
    pub(super) fn identify(&self, speaker: impl Into<Speaker>) -> Option<(Identity, u64)> {
        let Speaker { device: fingerprint, gate } = speaker.into();
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        let gate_ends = match gate {
            None => u64::MAX,
            Some(gate) => match registry.standing(&gate) {
                Standing::Known { kind: Kind::Gate, not_after, .. } => not_after,
                _ => return None,
            },
        };
        match registry.standing(&fingerprint) {
            Standing::Known { kind: Kind::Gate, .. } => None,
            Standing::Known { kind: Kind::Web, .. } if gate.is_some() => None,
            // The gate has looked at the certificate's end too; the registry's word counts.
            Standing::Known { not_after, .. } if gate.is_some() && not_after <= clock::unix_seconds() => None,
            Standing::Known { device, user, not_after, .. } => {
                Some((Identity { user: user.clone(), device: device.clone(), fingerprint }, not_after.min(gate_ends)))
            }
            Standing::Revoked | Standing::Unknown => None,
        }
    }

    /// The name of a gate; `None`: this is none.
    pub(super) fn gate(&self, fingerprint: Fingerprint) -> Option<registry::Name> {
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        match registry.standing(&fingerprint) {
            Standing::Known { kind: Kind::Gate, device, .. } => Some(device.clone()),
            _ => None,
        }
    }

    /// A place for a new session of this device. A session that the device left behind makes room.
    pub(super) async fn place(&self, identity: &Identity) -> Result<Place, Full> {
        let sessions = self.config.sessions;
        let mut ended = None;
        loop {
            let left = self.session_left.notified();
            tokio::pin!(left);
            // Registered before the look at the table, so that no departure between the two is missed.
            left.as_mut().enable();
            let full = match self.table().enter(identity, sessions.at_once, sessions.per_device) {
                Ok(place) => return Ok(place),
                Err(full) => full,
            };
            match full {
                (_, Some(handle)) if ended.is_none() => {
                    info!(session.id = handle.shared.id, "Session makes room for a new one of its device");
                    let _ = handle.commands.send(Command::End(CloseCode::SessionEnded)).await;
                    ended = Some(());
                }
                (full, _) if ended.is_none() => return Err(full),
                (full, _) => {
                    if tokio::time::timeout(limits::STOP_TIMEOUT, left).await.is_err() {
                        return Err(full);
                    }
                }
            }
        }
    }

    /// The users of a slot's worker and browser.
    pub(super) fn owners(&self, slot: u32) -> (Owner, Owner) {
        session::owners(self.config.sessions.first_user_id, slot)
    }

    /// The file for a worker's time stamps.
    pub(super) fn worker_trace(&self, session: u64, owner: Owner) -> Option<File> {
        let path = self.trace_dir.as_ref()?.join(format!("worker-{session}.jsonl"));
        let made = File::create(&path).and_then(|file| {
            if crate::state::is_root() {
                let (uid, gid) = (owner.uid(), owner.uid());
                let (uid, gid) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
                rustix::fs::fchown(file.as_fd(), Some(uid), Some(gid))?;
            }
            Ok(file)
        });
        made.inspect_err(|error| warn!(%error, "Trace cannot be written")).ok()
    }

    /// Reads the registry again and ends every session and connection of devices that it no longer allows; returns how many.
    ///
    /// Waits for the disk.
    pub(super) fn reload(&self) -> Result<usize, registry::Error> {
        let _turn = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(self.registry_changed(self.store.read()?))
    }

    fn registry_changed(&self, registry: Registry) -> usize {
        *self.registry.write().unwrap_or_else(PoisonError::into_inner) = registry;
        let allowed = |fingerprint: &Fingerprint| self.identify(*fingerprint).is_some();
        let mut ended = 0;
        for handle in self.table().all() {
            if !allowed(&handle.shared.identity.fingerprint) {
                // Full only if the session is ending or about to read: the connection's end below reaches it too.
                let _ = handle.commands.try_send(Command::End(CloseCode::Revoked));
                ended += 1;
            }
        }
        let refused: Vec<_> = self
            .connections()
            .live
            .values()
            .filter(|(speaker, _)| self.identify(*speaker).is_none())
            .map(|(_, close)| close.clone())
            .collect();
        for close in refused {
            let _ = close.try_send(CloseCode::Revoked);
            ended += 1;
        }
        ended
    }

    fn session_lines(&self) -> Vec<SessionLine> {
        let now = clock::microseconds();
        let line = |handle: Handle| {
            let shared = handle.shared;
            let browser = shared.browser.load(Ordering::Relaxed);
            SessionLine {
                id: shared.id,
                user: shared.identity.user.to_string(),
                device: shared.identity.device.to_string(),
                attached: shared.attached.load(Ordering::Relaxed),
                age: now.saturating_sub(shared.created) / 1_000_000,
                worker: shared.worker.load(Ordering::Relaxed),
                browser: (browser != 0).then_some(browser),
            }
        };
        self.table().all().into_iter().map(line).collect()
    }

    /// Waits until no connection is left.
    pub(super) async fn connections_ended(&self) {
        loop {
            let left = self.connection_left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self.connections().live.is_empty() {
                return;
            }
            left.await;
        }
    }

    /// Ends all sessions and closes all connections, and waits until the last session is gone.
    pub(super) async fn stop(&self) {
        let deadline = tokio::time::Instant::now() + limits::STOP_TIMEOUT;
        for handle in self.table().all() {
            let _ = handle.commands.try_send(Command::End(CloseCode::HostStopping));
        }
        let closers: Vec<_> = self.connections().live.values().map(|(_, close)| close.clone()).collect();
        for close in closers {
            let _ = close.try_send(CloseCode::HostStopping);
        }
        loop {
            let left = self.session_left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self.table().is_empty() {
                return;
            }
            if tokio::time::timeout_at(deadline, left).await.is_err() {
                warn!("Some sessions did not end in time");
                return;
            }
        }
    }
}

impl Handler for Hub {
    async fn handle(&self, request: Request) -> Answer {
        match request {
            Request::Status => Answer::Status { address: self.address.clone() },
            Request::Sessions => Answer::Sessions { sessions: self.session_lines() },
            Request::EndSession { id } => {
                let found = self.table().find(id);
                match found {
                    None => Answer::NoSuchSession,
                    Some(handle) => {
                        let _ = handle.commands.send(Command::End(CloseCode::EndedByAdministrator)).await;
                        Answer::Done { ended: 1 }
                    }
                }
            }
            Request::RegistryChanged => match self.reload() {
                Ok(ended) => Answer::Done { ended },
                Err(error) => Answer::Refused { why: error.to_string() },
            },
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, RwLock};

    use super::*;
    use crate::config::{File, Overrides};
    use crate::egress::Settings;
    use crate::egress::policy::Policy;
    use crate::registry::{Device, Name};

    /// A hub without sockets and sessions, and its state directory.
    pub(in crate::serve) fn hub() -> (Arc<Hub>, tempfile::TempDir) {
        let state = tempfile::tempdir().unwrap();
        let config = Config::resolve(File::default(), Overrides::default()).unwrap();
        let hub = Hub {
            launcher: Launcher::new(&config.browser).unwrap(),
            egress: Egress::start(Settings::new(Policy::default(), None, String::new())).unwrap(),
            config,
            registry: Arc::new(RwLock::new(Registry::default())),
            store: Store::new(state.path()),
            spawner: Spawner::start().unwrap(),
            groups: None,
            runtime: state.path().to_owned(),
            start_url: String::new(),
            address: String::new(),
            trace: Trace::off(),
            trace_dir: None,
            log_json: false,
            session_left: Notify::default(),
            connection_left: Notify::default(),
            table: Mutex::default(),
            connections: Mutex::default(),
            reloading: Mutex::default(),
            refusals: Seldom::new(1),
            unwritten: Seldom::new(1),
        };
        (Arc::new(hub), state)
    }

    /// A device that may connect.
    pub(in crate::serve) fn device(hub: &Hub, name: &str) -> Identity {
        let (user, device): (Name, Name) = ("hanako".parse().unwrap(), name.parse().unwrap());
        let fingerprint = Fingerprint::of(name.as_bytes());
        let (kind, not_after) = (Kind::Certificate, u64::MAX);
        let record = Device { user: user.clone(), kind, fingerprint, issued: 0, not_after, revoked: None };
        let mut registry = hub.registry.write().unwrap();
        registry.add_user(user.clone(), 0).unwrap();
        registry.devices.insert(device.clone(), record);
        Identity { user, device, fingerprint }
    }

    pub(in crate::serve) fn revoke(hub: &Hub, name: &str) {
        hub.registry.write().unwrap().revoke(&name.parse().unwrap(), 1).unwrap();
    }
}
