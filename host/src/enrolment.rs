//! Browsers that ask to become devices: their codes, how long they wait, and what an administrator makes of them.
//!
//! Owns the waiting list within the registry, and every rule of it. Whoever reaches the web service can write here, so the
//! list is bounded, in total and by address, and what a stranger calls a browser is checked before anybody reads it. It
//! must never make a device by itself: that takes an administrator, who got the code from a person.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use crate::label::Label;
use crate::limits;
use crate::registry::{Device, Error, Fingerprint, Kind, Name, Registry, Standing};
use crate::source::Source;

/// The letters of a code: no vowels, so that no word comes up, and none that looks like a digit.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Letters in a code: 20⁸ are 25,600,000,000, so a wrong letter never names another one that waits.
const CODE_LETTERS: usize = 8;

/// What a person reads out to the administrator, as in `BCDF-GHJK`. It is no secret: it only says which of the browsers that
/// wait is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Code([u8; CODE_LETTERS]);

impl Code {
    /// From random bytes, each letter as likely as the others; `None`: too few of them are usable, draw again.
    fn of_random(bytes: &[u8; 32]) -> Option<Self> {
        // 240 is the largest multiple of 20 in a byte.
        let mut letters = bytes.iter().filter(|byte| **byte < 240).map(|byte| LETTERS[usize::from(byte % 20)]);
        let mut code = [0; CODE_LETTERS];
        for letter in &mut code {
            *letter = letters.next()?;
        }
        Some(Self(code))
    }

    /// A new code from the system's randomness; `None`: it has none at the moment.
    pub fn draw() -> Option<Self> {
        let mut bytes = [0; 32];
        for _ in 0..8 {
            getrandom::fill(&mut bytes).ok()?;
            if let Some(code) = Self::of_random(&bytes) {
                return Some(code);
            }
        }
        None
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, letter) in self.0.iter().enumerate() {
            let dash = if at == CODE_LETTERS / 2 { "-" } else { "" };
            write!(f, "{dash}{}", char::from(*letter))?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Code {
    type Err = Error;

    /// As people type it: small letters, and the dash left out or a space instead, are understood.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut code = [0; CODE_LETTERS];
        let mut letters =
            text.bytes().filter(|byte| !matches!(byte, b'-' | b' ')).map(|byte| byte.to_ascii_uppercase());
        for place in &mut code {
            *place = letters.next().filter(|letter| LETTERS.contains(letter)).ok_or(Error::BadCode)?;
        }
        if letters.next().is_some() { Err(Error::BadCode) } else { Ok(Self(code)) }
    }
}

impl TryFrom<String> for Code {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.to_string()
    }
}

/// A browser that waits to be approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// What its user calls it.
    pub label: Label,
    /// Of its public key.
    pub fingerprint: Fingerprint,
    /// Where the request came from.
    pub from: IpAddr,
    /// When it asked, seconds since 1970.
    pub since: u64,
}

impl Waiting {
    /// Whether it waits no longer.
    pub fn is_over(&self, now: u64) -> bool {
        self.since + limits::WEB_ENROLMENT_LIFE.as_secs() <= now
    }
}

/// What came of a request to become a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It waits, now or already, under this code.
    Waits(Code),
    /// It is one.
    IsDevice(Name),
    /// It was one, and must not become one again.
    Revoked,
    /// Too many wait, here or from this address.
    Busy,
}

/// Why a browser gets no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdmitted {
    /// Nobody knows it.
    Unknown,
    /// It waits to be approved, under this code.
    Waiting(Code),
    /// Its approval has ended.
    Expired,
    /// It was revoked.
    Revoked,
}

impl Registry {
    /// Whether a browser with this key may have a session.
    pub fn admits_browser(&self, fingerprint: &Fingerprint, now: u64) -> Result<(), NotAdmitted> {
        match self.standing(fingerprint) {
            Standing::Known { kind: Kind::Web, not_after, .. } if not_after > now => Ok(()),
            Standing::Revoked => Err(NotAdmitted::Revoked),
            standing => match (self.asked(fingerprint, now), standing) {
                (Some(Asked::Waits(code)), _) => Err(NotAdmitted::Waiting(code)),
                (_, Standing::Known { kind: Kind::Web, .. }) => Err(NotAdmitted::Expired),
                _ => Err(NotAdmitted::Unknown),
            },
        }
    }

    /// Who waits, without those whose time is over.
    pub fn waiting(&self, now: u64) -> impl Iterator<Item = (&Code, &Waiting)> {
        self.waiting.iter().filter(move |(_, waiting)| !waiting.is_over(now))
    }

    /// What a browser has asked for already; `None`: nothing that counts now.
    pub fn asked(&self, fingerprint: &Fingerprint, now: u64) -> Option<Asked> {
        match self.standing(fingerprint) {
            Standing::Revoked => Some(Asked::Revoked),
            Standing::Known { device, kind: Kind::Web, not_after, .. } if not_after > now => {
                Some(Asked::IsDevice(device.clone()))
            }
            // An approval that has ended can be given again.
            Standing::Known { .. } | Standing::Unknown => {
                let mut waiting = self.waiting(now);
                waiting.find(|(_, waiting)| waiting.fingerprint == *fingerprint).map(|(code, _)| Asked::Waits(*code))
            }
        }
    }

    /// What a browser's request comes to without anything being written; `None`: it has to be put on the list with
    /// [`Self::ask`].
    pub fn foresee(&self, fingerprint: &Fingerprint, from: IpAddr, now: u64) -> Option<Asked> {
        let asked = self.asked(fingerprint, now);
        if asked.is_some() {
            return asked;
        }
        let of_address = self.waiting(now).filter(|(_, waiting)| Source::from(waiting.from) == from.into()).count();
        let is_full =
            self.waiting(now).count() >= limits::WEB_ENROLMENTS || of_address >= limits::WEB_ENROLMENTS_OF_ADDRESS;
        is_full.then_some(Asked::Busy)
    }

    /// Puts a browser on the waiting list. `code` is what it gets if it is new there.
    pub fn ask(&mut self, code: Code, label: Label, fingerprint: Fingerprint, from: IpAddr, now: u64) -> Asked {
        if let Some(asked) = self.foresee(&fingerprint, from, now) {
            return asked;
        }
        self.waiting.retain(|_, waiting| !waiting.is_over(now));
        // The same code twice comes once in the life of a hundred thousand hosts; asking again helps.
        if self.waiting.contains_key(&code) {
            return Asked::Busy;
        }
        self.waiting.insert(code, Waiting { label, fingerprint, from, since: now });
        Asked::Waits(code)
    }

    /// Makes a device of a browser that waits. Without a name it gets the one that its user gave it. A device whose approval
    /// has ended keeps its name, and goes on under its new user and end.
    pub fn approve(
        &mut self,
        code: Code,
        name: Option<Name>,
        user: Name,
        days: u32,
        now: u64,
    ) -> Result<(Name, Waiting), Error> {
        if !(1..=limits::MAX_DEVICE_DAYS).contains(&days) {
            return Err(Error::Days { days, high: limits::MAX_DEVICE_DAYS });
        }
        let waiting = self.waiting(now).find(|(other, _)| **other == code).map(|(_, waiting)| waiting.clone());
        let waiting = waiting.ok_or(Error::NoCode(code))?;
        // Revoked since it asked.
        if self.standing(&waiting.fingerprint) == Standing::Revoked {
            return Err(Error::KeyRevoked);
        }
        let device = Device {
            user,
            kind: Kind::Web,
            fingerprint: waiting.fingerprint,
            issued: now,
            not_after: now + u64::from(days) * 86_400,
            revoked: None,
        };
        let known = self.device_of(&waiting.fingerprint).cloned();
        let name = match (known, name) {
            (Some(known), asked) if asked.as_ref().is_none_or(|asked| *asked == known) => {
                self.devices.insert(known.clone(), device);
                known
            }
            // Under a new name the old record would let nobody in, but keep the name.
            (Some(known), Some(name)) => {
                self.free_for_device(&name, now)?;
                self.devices.remove(&known);
                self.add_device(name.clone(), device, now)?;
                name
            }
            (_, asked) => {
                let name = match asked {
                    Some(name) => name,
                    None => waiting
                        .label
                        .as_str()
                        .replace(' ', "-")
                        .parse()
                        .map_err(|_| Error::ChooseName(waiting.label.to_string()))?,
                };
                self.add_device(name.clone(), device, now)?;
                name
            }
        };
        self.waiting.remove(&code);
        Ok((name, waiting))
    }

    /// Takes a browser off the waiting list without making it a device; it may ask again.
    pub fn refuse(&mut self, code: Code) -> Result<Waiting, Error> {
        self.waiting.remove(&code).ok_or(Error::NoCode(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn label(text: &str) -> Label {
        Label::try_from(text.to_owned()).unwrap()
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// A code for each number.
    fn code(number: u32) -> Code {
        let letter = |place: u32| LETTERS[(number / 20_u32.pow(place) % 20) as usize];
        Code([0, 1, 2, 3, 4, 5, 6, 6].map(letter))
    }

    fn with_hanako() -> Registry {
        let mut registry = Registry::default();
        registry.add_user("hanako".parse().unwrap(), 1).unwrap();
        registry
    }

    fn ask(registry: &mut Registry, number: u32, key: &[u8], now: u64) -> Asked {
        registry.ask(code(number), label("居間 PC"), Fingerprint::of(key), address((number % 200) as u8), now)
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = Code(*b"BCDFGHJK");
        assert_eq!(code.to_string(), "BCDF-GHJK");
        for typed in ["BCDF-GHJK", "bcdfghjk", "bcdf ghjk"] {
            assert_eq!(typed.parse::<Code>().unwrap(), code, "{typed}");
        }
        for wrong in ["", "BCDF-GHJ", "BCDF-GHJKL", "ACDF-GHJK", "BCDF-GHJ0", "ＢＣＤＦＧＨＪＫ"] {
            assert!(wrong.parse::<Code>().is_err(), "{wrong}");
        }
        assert_ne!(Code::draw().unwrap(), Code::draw().unwrap());
        assert_eq!(Code::of_random(&[255; 32]), None);
    }

    #[test]
    fn a_browser_waits_under_one_code_however_often_it_asks() {
        let mut registry = with_hanako();
        assert_eq!(ask(&mut registry, 1, b"key", 10), Asked::Waits(code(1)));
        assert_eq!(ask(&mut registry, 2, b"key", 11), Asked::Waits(code(1)));
        assert_eq!(registry.waiting.len(), 1);
    }

    #[test]
    fn a_browser_waits_for_24_hours() {
        let mut registry = with_hanako();
        ask(&mut registry, 1, b"key", 10);
        let user = || "hanako".parse::<Name>().unwrap();
        assert_eq!(registry.waiting(10 + DAY).count(), 0);
        assert!(matches!(registry.approve(code(1), None, user(), 1, 10 + DAY), Err(Error::NoCode(_))));
        assert_eq!(ask(&mut registry, 2, b"key", 10 + DAY), Asked::Waits(code(2)));
        assert_eq!(registry.waiting.len(), 1);
    }

    #[test]
    fn no_more_wait_than_there_is_room_for_and_one_address_cannot_take_it_all() {
        let mut registry = with_hanako();
        for number in 0..limits::WEB_ENROLMENTS_OF_ADDRESS as u32 {
            let asked = registry.ask(code(number), label("x"), Fingerprint::of(&number.to_le_bytes()), address(9), 10);
            assert_eq!(asked, Asked::Waits(code(number)));
        }
        assert_eq!(registry.ask(code(500), label("x"), Fingerprint::of(b"x"), address(9), 10), Asked::Busy);
        assert_eq!(
            registry.ask(code(500), label("x"), Fingerprint::of(b"x"), address(10), 10),
            Asked::Waits(code(500))
        );
        for number in 1_000..2_000_u32 {
            let from = IpAddr::from(number.to_be_bytes());
            registry.ask(code(number), label("x"), Fingerprint::of(&number.to_le_bytes()), from, 10);
        }
        assert_eq!(registry.waiting.len(), limits::WEB_ENROLMENTS);
        // A day later there is room again.
        assert_eq!(ask(&mut registry, 1, b"later", 10 + DAY), Asked::Waits(code(1)));
    }

    #[test]
    fn all_addresses_of_one_ipv6_network_share_their_room() {
        let mut registry = with_hanako();
        let mut ask = |number: u32, network: u16| {
            let from = IpAddr::from([0x2001, 0xdb8, 0, network, 0, 0, 0, number as u16]);
            registry.ask(code(number), label("x"), Fingerprint::of(&number.to_le_bytes()), from, 10)
        };
        let most = limits::WEB_ENROLMENTS_OF_ADDRESS as u32;
        assert!((0..most).all(|number| ask(number, 1) == Asked::Waits(code(number))));
        assert_eq!(ask(most, 1), Asked::Busy);
        assert_eq!(ask(most, 2), Asked::Waits(code(most)));
    }

    #[test]
    fn an_approved_browser_is_a_device_of_its_user_until_its_end() {
        let mut registry = with_hanako();
        ask(&mut registry, 1, b"key", 10);
        let (name, waiting) = registry.approve(code(1), None, "hanako".parse().unwrap(), 30, 20).unwrap();
        assert_eq!((name.as_str(), waiting.label.as_str()), ("居間-PC", "居間 PC"));
        let device = &registry.devices[&name];
        assert_eq!((device.kind, device.not_after), (Kind::Web, 20 + 30 * DAY));
        assert!(registry.waiting.is_empty());
        assert_eq!(ask(&mut registry, 2, b"key", 30), Asked::IsDevice(name.clone()));
        registry.revoke(&name, 40).unwrap();
        assert_eq!(ask(&mut registry, 3, b"key", 50), Asked::Revoked);
    }

    #[test]
    fn only_a_browser_that_is_approved_now_is_admitted() {
        let mut registry = with_hanako();
        let browser = Fingerprint::of(b"key");
        assert_eq!(registry.admits_browser(&browser, 10), Err(NotAdmitted::Unknown));
        ask(&mut registry, 1, b"key", 10);
        assert_eq!(registry.admits_browser(&browser, 11), Err(NotAdmitted::Waiting(code(1))));
        let (name, _) = registry.approve(code(1), None, "hanako".parse().unwrap(), 1, 12).unwrap();
        assert_eq!(registry.admits_browser(&browser, 13), Ok(()));
        assert_eq!(registry.admits_browser(&browser, 12 + DAY), Err(NotAdmitted::Expired));
        registry.revoke(&name, 14).unwrap();
        assert_eq!(registry.admits_browser(&browser, 15), Err(NotAdmitted::Revoked));
        // A device with a certificate has another way to prove itself.
        let mut pc = registry.devices[&name].clone();
        (pc.kind, pc.revoked, pc.fingerprint) = (Kind::Certificate, None, Fingerprint::of(b"certificate"));
        registry.add_device("pc".parse().unwrap(), pc, 15).unwrap();
        assert_eq!(registry.admits_browser(&Fingerprint::of(b"certificate"), 15), Err(NotAdmitted::Unknown));
    }

    #[test]
    fn an_ended_approval_can_be_given_again_and_is_no_second_device() {
        let mut registry = with_hanako();
        ask(&mut registry, 1, b"key", 10);
        let user = || "hanako".parse::<Name>().unwrap();
        let (name, _) = registry.approve(code(1), Some("pc".parse().unwrap()), user(), 1, 10).unwrap();
        let later = 10 + 2 * DAY;
        assert_eq!(ask(&mut registry, 2, b"key", later), Asked::Waits(code(2)));
        let (again, _) = registry.approve(code(2), None, user(), 1, later).unwrap();
        assert_eq!((again, registry.devices.len()), (name, 1));
        let later = later + 2 * DAY;
        ask(&mut registry, 3, b"key", later);
        registry.approve(code(3), Some("pc-2".parse().unwrap()), user(), 1, later).unwrap();
        assert_eq!(registry.devices.keys().map(Name::as_str).collect::<Vec<_>>(), ["pc-2"]);
        assert!(registry.revoked.is_empty(), "the same key is not among the revoked ones");
    }

    #[test]
    fn a_browser_that_was_revoked_while_it_waited_is_not_approved() {
        let mut registry = with_hanako();
        let user = || "hanako".parse::<Name>().unwrap();
        ask(&mut registry, 1, b"key", 10);
        let (name, _) = registry.approve(code(1), None, user(), 1, 10).unwrap();
        let later = 10 + 2 * DAY;
        ask(&mut registry, 2, b"key", later);
        registry.revoke(&name, later).unwrap();
        assert!(matches!(registry.approve(code(2), None, user(), 1, later), Err(Error::KeyRevoked)));
        assert_eq!(registry.admits_browser(&Fingerprint::of(b"key"), later), Err(NotAdmitted::Revoked));
    }

    #[test]
    fn an_approval_names_what_is_wrong_with_it() {
        let mut registry = with_hanako();
        let user = || "hanako".parse::<Name>().unwrap();
        assert!(matches!(registry.approve(code(1), None, user(), 1, 10), Err(Error::NoCode(_))));
        registry.ask(code(1), label("(1)"), Fingerprint::of(b"key"), address(1), 10);
        assert!(matches!(registry.approve(code(1), None, user(), 1, 10), Err(Error::ChooseName(_))));
        assert!(matches!(registry.approve(code(1), None, user(), 0, 10), Err(Error::Days { .. })));
        assert!(registry.approve(code(1), Some("pc".parse().unwrap()), user(), 1, 10).is_ok());
        registry.ask(code(2), label("pc"), Fingerprint::of(b"other"), address(1), 10);
        assert!(matches!(registry.approve(code(2), None, user(), 1, 10), Err(Error::Exists(..))));
        assert_eq!(registry.refuse(code(2)).unwrap().label, label("pc"));
        assert!(matches!(registry.refuse(code(2)), Err(Error::NoCode(_))));
    }

    #[test]
    fn the_list_survives_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let store = crate::registry::Store::new(directory.path());
        store.change(|registry| Ok::<_, Error>(ask(registry, 1, b"key", 10))).unwrap();
        let read = store.read().unwrap();
        assert_eq!(read.waiting[&code(1)].fingerprint, Fingerprint::of(b"key"));
    }
}
