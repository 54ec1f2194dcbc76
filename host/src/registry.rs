//! Users and devices: who may have a session.
//!
//! Owns `registry.json` in the state directory. A device belongs to a user and is known by the SHA-256 fingerprint of
//! its certificate, or of its public key where it is a browser ([`Kind::Web`]); a fingerprint that is not here has no
//! session, whoever signed it. A device stays listed, revoked or not, until its certificate or approval has ended and its
//! place is needed: by then nobody comes in with it any more. Browsers that ask to become devices wait in the same file
//! ([`crate::enrolment`]). Writers take the file's lock, so that the running host and the command line never lose each
//! other's work. This module never holds a private key.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::enrolment::{Code, Waiting};
use crate::{limits, store};

/// SHA-256 of a certificate's DER, or of a web device's public point as 65 bytes. The two can not be mistaken for each
/// other: what begins like a point is no certificate; and a device's [`Kind`] says which it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// How many bytes it has.
    pub const BYTES: usize = 32;

    /// The one that these bytes are.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Of a certificate's DER bytes, or of a public point's.
    pub fn of(identity: &[u8]) -> Self {
        Self(Sha256::digest(identity).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("a fingerprint is 64 hexadecimal digits");
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

/// The name of a user or a device: 1 to 64 letters, digits, `.`, `_`, `-`, `@`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
        let well_formed = !text.is_empty()
            && text.len() <= limits::MAX_NAME
            && text.chars().all(allowed)
            && !text.starts_with(['-', '.']);
        if well_formed { Ok(Self(text)) } else { Err(Error::BadName) }
    }
}

impl std::str::FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::try_from(text.to_owned())
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// A person who may use sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// When the user was added, seconds since 1970.
    pub added: u64,
}

/// How a device proves that it is itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// By a certificate that this host issued, in the TLS handshake.
    #[default]
    Certificate,
    /// By a key that a browser made and keeps, for a ticket of the web service.
    Web,
    /// By a certificate too, but it has no sessions of its own: it is a gate, which may speak on behalf of devices.
    Gate,
}

impl Kind {
    fn is_certificate(&self) -> bool {
        *self == Self::Certificate
    }
}

/// A PC that may connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Whose device it is.
    pub user: Name,
    /// How it proves that it is itself. Absent in files of hosts that knew no browsers.
    #[serde(default, skip_serializing_if = "Kind::is_certificate")]
    pub kind: Kind,
    /// Of its certificate or key.
    pub fingerprint: Fingerprint,
    /// When the certificate was issued or the key approved, seconds since 1970.
    pub issued: u64,
    /// When the certificate or the approval ends, seconds since 1970.
    pub not_after: u64,
    /// When it was revoked, seconds since 1970.
    pub revoked: Option<u64>,
}

/// Users and devices, as stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// By name.
    pub users: BTreeMap<Name, User>,
    /// By name. A name can be used again only after its device was revoked; the old record is then replaced.
    pub devices: BTreeMap<Name, Device>,
    /// Certificates of revoked devices whose name was given to a new one.
    pub revoked: Vec<Revoked>,
    /// Browsers that wait to be approved. Absent in files of hosts that knew no browsers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waiting: BTreeMap<Code, Waiting>,
}

/// What is left of a revoked device whose name was given to a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// Of its certificate.
    pub fingerprint: Fingerprint,
    /// When the certificate ends, seconds since 1970.
    pub not_after: u64,
}

/// Who is asking, according to the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// A known device of a known user.
    Known {
        /// The device.
        device: &'a Name,
        /// Its user.
        user: &'a Name,
        /// How it has to prove itself.
        kind: Kind,
        /// When its certificate or approval ends, seconds since 1970.
        not_after: u64,
    },
    /// The device was revoked.
    Revoked,
    /// Nobody issued this certificate, or approved this key, from this registry.
    Unknown,
}

/// A change of the registry was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The file is damaged.
    #[error("{} is damaged: {source}: restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Not a possible name.
    #[error("a name has 1 to 64 bytes of letters, digits and . _ - @, and begins with a letter or digit")]
    BadName,
    /// Not a possible label.
    #[error("a browser's name has 1 to 32 kana, kanji, Latin letters, digits and plain punctuation, without quotes")]
    BadLabel,
    /// Nobody of this name.
    #[error("there is no user {0}: add one with `shoji-host user add {0}`")]
    NoUser(Name),
    /// `--user` is needed.
    #[error("{count} users are registered: say whose device it is with --user NAME")]
    WhichUser {
        /// How many.
        count: usize,
    },
    /// No device of this name.
    #[error("there is no device {0}: see `shoji-host device list`")]
    NoDevice(Name),
    /// The name is taken.
    #[error("{0} exists already: choose another name{1}")]
    Exists(Name, &'static str),
    /// Nobody waits with this code.
    #[error(
        "no browser waits with the code {0}: see `shoji-host device list`; a code is good for 24 hours, then ask for a new one in the browser"
    )]
    NoCode(Code),
    /// The browser's key belongs to a device that was revoked.
    #[error(
        "this browser was revoked as a device: clear the page's data in it, so that it makes a new key, and ask for a new code"
    )]
    KeyRevoked,
    /// Not a possible code.
    #[error("a code has eight letters, as in BCDF-GHJK: type it as the browser shows it")]
    BadCode,
    /// What the browser calls itself cannot be a device's name.
    #[error("{0} can not be the name of a device: choose one with --name NAME")]
    ChooseName(String),
    /// An approval for longer than allowed.
    #[error("a device can not be approved for {days} days: choose 1 to {high} with --days")]
    Days {
        /// What was asked.
        days: u32,
        /// The most.
        high: u32,
    },
    /// There is no room for another user.
    #[error("{0} users are registered, which is the most: register this one on another host")]
    FullOfUsers(usize),
    /// There is no room for another device.
    #[error(
        "{0} devices are registered, which is the most: register this one on another host, or when the certificates of others have ended"
    )]
    FullOfDevices(usize),
}

impl Registry {
    /// Who this certificate or key belongs to.
    pub fn standing(&self, fingerprint: &Fingerprint) -> Standing<'_> {
        if self.revoked.iter().any(|revoked| revoked.fingerprint == *fingerprint) {
            return Standing::Revoked;
        }
        let found = self.devices.iter().find(|(_, device)| device.fingerprint == *fingerprint);
        match found {
            Some((_, device)) if device.revoked.is_some() => Standing::Revoked,
            Some((name, device)) if self.users.contains_key(&device.user) => {
                Standing::Known { device: name, user: &device.user, kind: device.kind, not_after: device.not_after }
            }
            _ => Standing::Unknown,
        }
    }

    /// Adds a user.
    pub fn add_user(&mut self, name: Name, now: u64) -> Result<(), Error> {
        if self.users.contains_key(&name) {
            return Err(Error::Exists(name, ""));
        }
        if self.users.len() >= limits::MAX_USERS {
            return Err(Error::FullOfUsers(limits::MAX_USERS));
        }
        self.users.insert(name, User { added: now });
        Ok(())
    }

    /// The user that `--user` names, or the only one there is.
    pub fn which_user(&self, asked: Option<Name>) -> Result<Name, Error> {
        match asked {
            Some(name) if self.users.contains_key(&name) => Ok(name),
            Some(name) => Err(Error::NoUser(name)),
            None => match self.users.len() {
                1 => Ok(self.users.keys().next().expect("one user is there").clone()),
                count => Err(Error::WhichUser { count }),
            },
        }
    }

    /// Adds a device; its user has to exist. If its place is needed, what is of no use any more is dropped.
    pub fn add_device(&mut self, name: Name, device: Device, now: u64) -> Result<(), Error> {
        self.free_for_device(&name, now)?;
        if self.devices.len() + self.revoked.len() >= limits::MAX_DEVICES {
            // A dropped certificate stays out for two reasons: TLS refuses it because it has ended, and whatever the
            // clock says then, the registry does not know it.
            self.devices.retain(|_, device| !is_spent(device.not_after, now));
            self.revoked.retain(|revoked| !is_spent(revoked.not_after, now));
        }
        if let Some(old) = self.devices.insert(name, device) {
            self.revoked.push(Revoked { fingerprint: old.fingerprint, not_after: old.not_after });
        }
        Ok(())
    }

    /// The device that this fingerprint belongs to, revoked or not.
    pub fn device_of(&self, fingerprint: &Fingerprint) -> Option<&Name> {
        self.devices.iter().find(|(_, device)| device.fingerprint == *fingerprint).map(|(name, _)| name)
    }

    /// Whether a device of this name can be added.
    pub fn free_for_device(&self, name: &Name, now: u64) -> Result<(), Error> {
        let devices = self.devices.values().map(|device| device.not_after);
        let ends = devices.chain(self.revoked.iter().map(|revoked| revoked.not_after));
        if ends.filter(|&not_after| !is_spent(not_after, now)).count() >= limits::MAX_DEVICES {
            return Err(Error::FullOfDevices(limits::MAX_DEVICES));
        }
        match self.devices.get(name) {
            Some(device) if device.revoked.is_none() => {
                Err(Error::Exists(name.clone(), ", or revoke the old device first"))
            }
            _ => Ok(()),
        }
    }

    /// Revokes a device; revoking twice changes nothing.
    pub fn revoke(&mut self, name: &Name, now: u64) -> Result<(), Error> {
        let device = self.devices.get_mut(name).ok_or_else(|| Error::NoDevice(name.clone()))?;
        device.revoked.get_or_insert(now);
        Ok(())
    }
}

/// Whether a certificate ended so long ago that its record may go.
fn is_spent(not_after: u64, now: u64) -> bool {
    not_after + limits::KEEP_ENDED_DEVICES.as_secs() < now
}

/// The registry's file.
#[derive(Debug, Clone)]
pub struct Store {
    path: PathBuf,
}

impl Store {
    /// In this state directory.
    pub fn new(state: &Path) -> Self {
        Self { path: state.join("registry.json") }
    }

    /// Reads the registry; an absent file is an empty registry.
    pub fn read(&self) -> Result<Registry, Error> {
        match store::read(&self.path)? {
            None => Ok(Registry::default()),
            Some(text) => {
                serde_json::from_str(&text).map_err(|source| Error::Damaged { path: self.path.clone(), source })
            }
        }
    }

    /// Reads, changes and writes it under the lock; nothing is written if `change` refuses or changes nothing.
    pub fn change<T, E: From<Error>>(&self, change: impl FnOnce(&mut Registry) -> Result<T, E>) -> Result<T, E> {
        let lock = store::Lock::wait(&self.path.with_extension("lock")).map_err(Error::from)?;
        let before = self.read()?;
        let mut registry = before.clone();
        let result = change(&mut registry)?;
        // The disk is asked for nothing where nothing is to be kept: whoever is refused must not cost that.
        if registry != before {
            let text = serde_json::to_vec_pretty(&registry).expect("a registry is valid JSON");
            store::write(&self.path, &text, store::PRIVATE).map_err(Error::from)?;
        }
        drop(lock);
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn device(certificate: &[u8]) -> Device {
        Device {
            user: name("hanako"),
            kind: Kind::Certificate,
            fingerprint: Fingerprint::of(certificate),
            issued: 1,
            not_after: 2,
            revoked: None,
        }
    }

    #[test]
    fn a_revoked_device_stays_revoked_after_its_name_is_used_again() {
        let mut registry = Registry::default();
        registry.add_user(name("hanako"), 1).unwrap();
        registry.add_device(name("pc"), device(b"old"), 1).unwrap();
        assert!(registry.add_device(name("pc"), device(b"new"), 1).is_err());
        registry.revoke(&name("pc"), 1).unwrap();
        registry.add_device(name("pc"), device(b"new"), 1).unwrap();
        let standing = |certificate| registry.standing(&Fingerprint::of(certificate));
        assert_eq!(standing(b"old"), Standing::Revoked);
        assert!(matches!(standing(b"new"), Standing::Known { .. }));
        assert_eq!(standing(b"foreign"), Standing::Unknown);
    }

    /// A registry with a revoked device `pc`, a revoked one before it, and no room for more.
    fn full() -> Registry {
        let mut registry = Registry::default();
        registry.add_user(name("hanako"), 1).unwrap();
        for certificate in [b"older", b"newer"] {
            registry.add_device(name("pc"), device(certificate), 1).unwrap();
            registry.revoke(&name("pc"), 1).unwrap();
        }
        for number in 2..limits::MAX_DEVICES as u64 {
            let valid = Device { not_after: u64::MAX / 2, ..device(&number.to_le_bytes()) };
            registry.add_device(name(&format!("pc-{number}")), valid, 1).unwrap();
        }
        registry
    }

    #[test]
    fn devices_whose_certificate_ended_make_room_and_stay_out() {
        let mut registry = full();
        let later = 3 + limits::KEEP_ENDED_DEVICES.as_secs();
        registry.add_device(name("one-more"), device(b"one-more"), later).unwrap();
        assert!(!registry.devices.contains_key(&name("pc")) && registry.revoked.is_empty());
        assert_eq!(registry.devices.len(), limits::MAX_DEVICES - 1);
        for certificate in [b"older", b"newer"] {
            assert_eq!(registry.standing(&Fingerprint::of(certificate)), Standing::Unknown);
        }
    }

    #[test]
    fn revoked_devices_are_remembered_while_their_certificate_could_still_be_used() {
        let mut registry = full();
        let refused = registry.add_device(name("one-more"), device(b"one-more"), 2);
        assert!(matches!(refused, Err(Error::FullOfDevices(limits::MAX_DEVICES))));
        for certificate in [b"older", b"newer"] {
            assert_eq!(registry.standing(&Fingerprint::of(certificate)), Standing::Revoked);
        }
    }

    #[test]
    fn a_registry_survives_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path());
        store.change(|registry| registry.add_user(name("職員"), 1)).unwrap();
        let user = store.read().unwrap().which_user(None).unwrap();
        assert_eq!(user.as_str(), "職員");
    }

    #[test]
    fn a_file_of_a_host_that_knew_no_browsers_is_read_and_written_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry.json");
        let digits = "0".repeat(64);
        let old = format!(
            r#"{{"users":{{"hanako":{{"added":1}}}},"devices":{{"pc":{{"user":"hanako","fingerprint":"{digits}","issued":1,"not_after":2,"revoked":null}}}},"revoked":[]}}"#
        );
        std::fs::write(&path, &old).unwrap();
        let store = Store::new(directory.path());
        assert_eq!(store.read().unwrap().devices[&name("pc")].kind, Kind::Certificate);
        store.change(|registry| registry.add_user(name("taro"), 3)).unwrap();
        let written: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(&old).unwrap();
        expected["users"]["taro"] = serde_json::json!({ "added": 3 });
        assert_eq!(written, expected);
    }

    #[test]
    fn the_file_is_not_written_again_where_nothing_changed() {
        use std::os::unix::fs::MetadataExt as _;
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path());
        let file = || std::fs::metadata(directory.path().join("registry.json")).map(|file| file.ino()).ok();
        store.change(|_| Ok::<(), Error>(())).unwrap();
        assert_eq!(file(), None);
        store.change(|registry| registry.add_user(name("hanako"), 1)).unwrap();
        let before = file();
        assert!(before.is_some());
        store.change(|_| Ok::<(), Error>(())).unwrap();
        assert_eq!(file(), before);
    }

    #[test]
    fn a_name_cannot_be_an_option_or_a_path() {
        for bad in ["", "-rf", "../x", "a b", "a/b", &"x".repeat(65)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }
}
