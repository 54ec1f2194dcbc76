//! The table of sessions: who has which, and who may have another.
//!
//! Pure bookkeeping under one short lock: no I/O, no waiting, no clock. It must never hold a link, a process or pixels.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use shoji_protocol::ResumeToken;
use tokio::sync::mpsc;

use super::session::Command;
use crate::registry::{Fingerprint, Name};

/// Who a connection belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// The user.
    pub(super) user: Name,
    /// The device.
    pub(super) device: Name,
    /// Its certificate.
    pub(super) fingerprint: Fingerprint,
}

/// What others may know of a running session.
#[derive(Debug)]
pub(super) struct Shared {
    /// Its number.
    pub(super) id: u64,
    /// Whose it is; the device is the one that made it.
    pub(super) identity: Identity,
    /// What a viewer shows to get it back.
    pub(super) token: ResumeToken,
    /// When it was created, microseconds of the monotonic clock.
    pub(super) created: u64,
    /// When the last input came, same clock.
    pub(super) last_input: AtomicU64,
    /// Whether a viewer is attached.
    pub(super) attached: AtomicBool,
    /// Process id of the worker.
    pub(super) worker: AtomicU32,
    /// Process id of the browser's sandbox; 0 = none.
    pub(super) browser: AtomicU32,
}

/// A session that can be spoken to.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    /// What is known of it.
    pub(super) shared: Arc<Shared>,
    /// To its task.
    pub(super) commands: mpsc::Sender<Command>,
}

/// The right to run one session; given back with [`Table::leave`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The session's number, not used again by this host.
    pub(super) id: u64,
    /// The session's slot: which pair of user ids it has.
    pub(super) slot: u32,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    /// The host runs as many sessions as it may.
    #[error(
        "the host runs as many sessions as it may: raise sessions.at_once in host.toml, or end some (see `shoji-host sessions`)"
    )]
    Host,
    /// The device has as many sessions as it may, all in use.
    #[error(
        "the device has as many sessions as it may, all in use: close one there, or raise sessions.per_device in host.toml"
    )]
    Device,
}

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Table {
    last_id: u64,
    slots: BTreeSet<u32>,
    places: BTreeMap<u64, (Place, Identity)>,
    running: BTreeMap<u64, Handle>,
}

impl Table {
    /// Takes a place for a new session. `Err` with a handle: that session, left without a viewer, can make room.
    pub(super) fn enter(
        &mut self,
        identity: &Identity,
        at_once: u32,
        per_device: u32,
    ) -> Result<Place, (Full, Option<Handle>)> {
        let of_device = self.places.values().filter(|(_, other)| other.device == identity.device).count();
        if of_device >= per_device as usize {
            return Err((Full::Device, self.left_by(&identity.device)));
        }
        if self.places.len() >= at_once as usize {
            return Err((Full::Host, None));
        }
        let slot = (0..at_once).find(|slot| !self.slots.contains(slot));
        let slot = slot.expect("there are as many slots as places");
        self.last_id += 1;
        let place = Place { id: self.last_id, slot };
        self.slots.insert(slot);
        self.places.insert(place.id, (place, identity.clone()));
        Ok(place)
    }

    /// The oldest session that this device left behind.
    fn left_by(&self, device: &Name) -> Option<Handle> {
        let left = |handle: &&Handle| {
            handle.shared.identity.device == *device && !handle.shared.attached.load(Ordering::Relaxed)
        };
        self.running.values().find(left).cloned()
    }

    /// Lists the session of a place.
    pub(super) fn run(&mut self, handle: Handle) {
        self.running.insert(handle.shared.id, handle);
    }

    /// Gives a place back.
    pub(super) fn leave(&mut self, place: Place) {
        self.running.remove(&place.id);
        self.places.remove(&place.id);
        self.slots.remove(&place.slot);
    }

    /// The session that this token is good for, if this user may have it.
    pub(super) fn resume(&self, token: ResumeToken, identity: &Identity) -> Option<Handle> {
        let mine = |handle: &&Handle| handle.shared.token == token && handle.shared.identity.user == identity.user;
        self.running.values().find(mine).cloned()
    }

    /// The session of this user that a person means who says nothing: one that this device left, else the newest.
    pub(super) fn of_user(&self, identity: &Identity) -> Option<Handle> {
        let mine = |handle: &&Handle| handle.shared.identity.user == identity.user;
        self.left_by(&identity.device)
            .filter(|handle| mine(&handle))
            .or_else(|| self.running.values().rev().find(mine).cloned())
    }

    /// A session by number.
    pub(super) fn find(&self, id: u64) -> Option<Handle> {
        self.running.get(&id).cloned()
    }

    /// All sessions.
    pub(super) fn all(&self) -> Vec<Handle> {
        self.running.values().cloned().collect()
    }

    /// Whether no session holds a place.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn identity(user: &str, device: &str) -> Identity {
        Identity {
            user: user.parse().unwrap(),
            device: device.parse().unwrap(),
            fingerprint: Fingerprint::of(device.as_bytes()),
        }
    }

    fn handle(place: Place, identity: &Identity, attached: bool) -> (Handle, mpsc::Receiver<Command>) {
        let (handle, received) = handle_of(place.id, identity);
        handle.shared.attached.store(attached, Ordering::Relaxed);
        (handle, received)
    }

    /// A session without processes, which is told what it is told.
    pub(in crate::serve) fn handle_of(id: u64, identity: &Identity) -> (Handle, mpsc::Receiver<Command>) {
        let (commands, received) = mpsc::channel(1);
        let shared = Shared {
            id,
            identity: identity.clone(),
            token: ResumeToken(u128::from(id) << 100),
            created: 0,
            last_input: AtomicU64::new(0),
            attached: AtomicBool::new(false),
            worker: AtomicU32::new(0),
            browser: AtomicU32::new(0),
        };
        (Handle { shared: Arc::new(shared), commands }, received)
    }

    #[test]
    fn slots_are_used_again_and_numbers_are_not() {
        let mut table = Table::default();
        let one = table.enter(&identity("a", "pc1"), 2, 2).unwrap();
        let two = table.enter(&identity("b", "pc2"), 2, 2).unwrap();
        assert_eq!(table.enter(&identity("c", "pc3"), 2, 2).unwrap_err().0, Full::Host);
        table.leave(one);
        let three = table.enter(&identity("c", "pc3"), 2, 2).unwrap();
        assert_eq!(three.slot, one.slot);
        assert!(three.id > two.id);
    }

    #[test]
    fn a_device_at_its_limit_can_only_replace_a_session_it_left() {
        let mut table = Table::default();
        let who = identity("a", "pc");
        let place = table.enter(&who, 9, 1).unwrap();
        let (attached, _commands) = handle(place, &who, true);
        table.run(attached.clone());
        let (full, left) = table.enter(&who, 9, 1).unwrap_err();
        assert!(full == Full::Device && left.is_none());
        attached.shared.attached.store(false, Ordering::Relaxed);
        let (_, left) = table.enter(&who, 9, 1).unwrap_err();
        assert_eq!(left.unwrap().shared.id, place.id);
    }

    #[test]
    fn a_user_gets_the_own_session_back_and_rather_the_one_that_this_pc_left() {
        let mut table = Table::default();
        let (here, there) = (identity("a", "pc1"), identity("a", "pc2"));
        assert!(table.of_user(&here).is_none());
        let first = table.enter(&here, 9, 9).unwrap();
        let second = table.enter(&there, 9, 9).unwrap();
        let (left, _commands) = handle(first, &here, false);
        let (used, _commands) = handle(second, &there, true);
        table.run(used);
        assert_eq!(table.of_user(&here).unwrap().shared.id, second.id, "the newest");
        table.run(left);
        assert_eq!(table.of_user(&here).unwrap().shared.id, first.id, "the one left here");
        assert_eq!(table.of_user(&there).unwrap().shared.id, second.id);
        assert!(table.of_user(&identity("b", "pc1")).is_none());
    }

    #[test]
    fn a_token_is_good_for_its_user_only() {
        let mut table = Table::default();
        let who = identity("a", "pc");
        let place = table.enter(&who, 9, 1).unwrap();
        let (mine, _commands) = handle(place, &who, false);
        let token = mine.shared.token;
        table.run(mine);
        assert!(table.resume(token, &identity("a", "other-pc")).is_some());
        assert!(table.resume(token, &identity("b", "pc")).is_none());
        assert!(table.resume(ResumeToken(7), &who).is_none());
    }
}
