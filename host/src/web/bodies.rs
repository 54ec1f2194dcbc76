//! The bodies that browsers send, and the one text that they sign.
//!
//! Pure: bytes in, types out, so that a fuzz program can sit in the sender's place. Everything is of one exact form; what
//! is not that form is refused whole, and no part of it is kept, echoed or logged.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::once::SECRET;
use crate::enrolment::Label;
use crate::limits;
use crate::registry::Fingerprint;

/// A device's public key: a P-256 point, uncompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key([u8; Key::BYTES]);

impl Key {
    /// A form byte and two coordinates.
    pub const BYTES: usize = 65;

    /// The point as it is signed with.
    pub fn point(&self) -> &[u8] {
        &self.0
    }

    /// What the registry knows the device by.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }
}

/// `POST /api/enrol`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrol {
    /// The key that the browser made.
    pub key: Key,
    /// What its user calls it.
    pub label: Label,
}

/// `POST /api/challenge`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge {
    /// The device's key.
    pub key: Key,
}

/// `POST /api/ticket`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The device's key.
    pub key: Key,
    /// What it was given to sign.
    pub challenge: [u8; SECRET],
    /// The signature: two numbers of 32 bytes.
    pub signature: [u8; 64],
}

/// The body cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is not of the form that was asked for.
    #[error("the body is not of the form that this request has")]
    Form,
    /// What a person calls the browser is no label, which the person can mend.
    #[error("the browser's name is none that an administrator could read off")]
    Name,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnrolBody {
    key: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChallengeBody {
    key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TicketBody {
    key: String,
    challenge: String,
    signature: String,
}

impl Enrol {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let EnrolBody { key, name } = json(body)?;
        Ok(Self { key: self::key(&key)?, label: Label::try_from(name).map_err(|_| Malformed::Name)? })
    }
}

impl Challenge {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let ChallengeBody { key } = json(body)?;
        Ok(Self { key: self::key(&key)? })
    }
}

impl Ticket {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let TicketBody { key, challenge, signature } = json(body)?;
        Ok(Self { key: self::key(&key)?, challenge: bytes(&challenge)?, signature: bytes(&signature)? })
    }
}

/// The first message on a session's WebSocket: a ticket, and nothing else.
pub fn first_message(message: &[u8]) -> Result<[u8; SECRET], Malformed> {
    message.try_into().map_err(|_| Malformed::Form)
}

/// A secret as it is written in a header.
pub fn secret(text: &str) -> Option<[u8; SECRET]> {
    bytes(text).ok()
}

/// What a device signs to get a ticket. It names the origin, so that a signature made for one host is of no use at another.
pub fn signed_text(origin: &str, challenge: &[u8; SECRET]) -> String {
    format!("shoji ticket 1\n{origin}\n{}", text(challenge))
}

/// Bytes as they are written in bodies.
pub fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A way to the host that a browser may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Offer {
    /// A session over HTTP/3 at `/session`, on the port of this page.
    WebTransport {
        /// Hashes of certificates, one of which the host will show.
        certificates: Vec<String>,
    },
    /// `POST /api/peer` with an offer, on the UDP port of this page.
    WebRtc {
        /// Shown with the offer; good once.
        pass: String,
    },
    /// `GET /session`, upgraded.
    WebSocket,
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Malformed> {
    if body.len() > limits::WEB_BODY {
        return Err(Malformed::Form);
    }
    serde_json::from_slice(body).map_err(|_| Malformed::Form)
}

fn key(text: &str) -> Result<Key, Malformed> {
    let point: [u8; Key::BYTES] = bytes(text)?;
    // 4: uncompressed. Whether it is on the curve is found out when a signature is checked.
    if point[0] == 4 { Ok(Key(point)) } else { Err(Malformed::Form) }
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], Malformed> {
    // The crate refuses padding, other alphabets and bits that are not used: one value has one form.
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Malformed::Form)?.try_into().map_err(|_| Malformed::Form)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn point() -> [u8; Key::BYTES] {
        let mut point = [7; Key::BYTES];
        point[0] = 4;
        point
    }

    fn body(value: &serde_json::Value) -> Vec<u8> {
        serde_json::to_vec(value).unwrap()
    }

    #[test]
    fn a_body_of_the_agreed_form_is_read() {
        let key = text(&point());
        let enrol = Enrol::parse(&body(&json!({ "key": key, "name": "総務課 PC" }))).unwrap();
        assert_eq!((enrol.key.point(), enrol.label.as_str()), (&point()[..], "総務課 PC"));
        assert_eq!(Challenge::parse(&body(&json!({ "key": key }))).unwrap().key, enrol.key);
        let ticket =
            Ticket::parse(&body(&json!({ "key": key, "challenge": text(&[1; 32]), "signature": text(&[2; 64]) })));
        assert_eq!(ticket.unwrap(), Ticket { key: enrol.key, challenge: [1; 32], signature: [2; 64] });
    }

    #[test]
    fn a_body_of_another_form_is_refused_whole() {
        let key = text(&point());
        let compressed = text(&[2; 33]);
        let mut wrong_form = point();
        wrong_form[0] = 6;
        for wrong in [
            json!({}),
            json!([]),
            json!({ "key": key, "extra": 1 }),
            json!({ "key": format!("{key}=") }),
            json!({ "key": &key[..86] }),
            json!({ "key": compressed }),
            json!({ "key": text(&wrong_form) }),
            json!({ "key": key.replace('H', "+") }),
            json!({ "key": 4 }),
        ] {
            assert_eq!(Challenge::parse(&body(&wrong)), Err(Malformed::Form), "{wrong}");
        }
        assert_eq!(Enrol::parse(&body(&json!({ "key": key, "name": "a\u{7}" }))), Err(Malformed::Name));
        let mut long = body(&json!({ "key": key }));
        long.extend(vec![b' '; limits::WEB_BODY]);
        assert_eq!(Challenge::parse(&long), Err(Malformed::Form));
        let twice = format!(r#"{{"key":"{key}","key":"{key}"}}"#);
        assert_eq!(Challenge::parse(twice.as_bytes()), Err(Malformed::Form));
    }

    #[test]
    fn what_is_signed_names_the_origin_and_the_challenge() {
        let text = signed_text("https://host.example:4433", &[0; 32]);
        assert_eq!(text, format!("shoji ticket 1\nhttps://host.example:4433\n{}", "A".repeat(43)));
    }

    #[test]
    fn a_ticket_is_32_bytes() {
        assert_eq!(first_message(&[5; 32]), Ok([5; 32]));
        for length in [0, 31, 33, 16 << 10] {
            assert_eq!(first_message(&vec![5; length]), Err(Malformed::Form));
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_refused_and_never_panic(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Enrol::parse(&noise).is_err());
            prop_assert!(Challenge::parse(&noise).is_err());
            prop_assert!(Ticket::parse(&noise).is_err());
            prop_assert_eq!(first_message(&noise).is_ok(), noise.len() == 32);
        }

        #[test]
        fn whatever_is_read_has_one_form(at in 0..100_usize, with in any::<u8>()) {
            let honest = body(&json!({ "key": text(&point()) }));
            let mut changed = honest.clone();
            if let Some(byte) = changed.get_mut(at) {
                *byte = with;
            }
            if let Ok(challenge) = Challenge::parse(&changed) {
                let again = body(&json!({ "key": text(challenge.key.point()) }));
                prop_assert_eq!(again, changed);
            }
        }
    }
}
