//! The wire format, pinned: the bytes of one frame of each message lie in files, and code and files have to agree.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use shoji_protocol::boundary::{self};
use shoji_protocol::frame::{self, HEADER_BYTES, Header, Kind};
use shoji_protocol::{CloseCode, Fault, ToHost, ToViewer};

use crate::examples;

fn file(direction: &str, name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(direction).join(name).with_extension("hex")
}

fn pinned(direction: &str, name: &str, now: &[u8]) -> Vec<u8> {
    let hex: String = now.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = file(direction, name);
    let text = fs::read_to_string(&path)
        .unwrap_or_else(|_| panic!("vectors/{direction}/{name}.hex is missing; it would hold {hex}"));
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn body(frame: &[u8], kind: Kind) -> &[u8] {
    let header = Header::parse(frame.first_chunk::<HEADER_BYTES>().unwrap(), &[kind]).unwrap();
    assert_eq!(header.len, frame.len() - HEADER_BYTES);
    &frame[HEADER_BYTES..]
}

#[test]
fn every_viewer_message_has_its_pinned_bytes_in_both_directions() {
    for (name, message) in examples::to_host() {
        let mut bytes = Vec::new();
        frame::encode_to_host(&message, &mut bytes);
        let pinned = pinned("to_host", name, &bytes);
        assert_eq!(bytes, pinned, "{name} is encoded in another way than pinned");
        assert_eq!(
            ToHost::decode(body(&pinned, Kind::ToHost)),
            Ok(message),
            "{name} is decoded in another way than pinned"
        );
    }
}

#[test]
fn every_host_message_has_its_pinned_bytes_in_both_directions() {
    for (name, message) in examples::to_viewer() {
        let mut bytes = Vec::new();
        frame::encode_to_viewer(&message, &mut bytes);
        let pinned = pinned("to_viewer", name, &bytes);
        assert_eq!(bytes, pinned, "{name} is encoded in another way than pinned");
        assert_eq!(
            ToViewer::decode(body(&pinned, Kind::ToViewer)),
            Ok(message),
            "{name} is decoded in another way than pinned"
        );
    }
}

#[test]
fn there_is_a_vector_for_every_message_and_a_message_for_every_vector() {
    let described: BTreeSet<&str> = boundary::describe().messages.iter().map(|message| message.name).collect();
    let shown: BTreeSet<&str> = examples::to_host()
        .iter()
        .map(|(_, message)| message.name())
        .chain(examples::to_viewer().iter().map(|(_, message)| message.name()))
        .collect();
    assert_eq!(shown, described);
    let named: BTreeSet<String> = (examples::to_host().iter().map(|(name, _)| format!("to_host/{name}.hex")))
        .chain(examples::to_viewer().iter().map(|(name, _)| format!("to_viewer/{name}.hex")))
        .collect();
    let mut there = BTreeSet::new();
    for direction in ["to_host", "to_viewer"] {
        for entry in fs::read_dir(file(direction, "any").parent().unwrap()).unwrap() {
            there.insert(format!("{direction}/{}", entry.unwrap().file_name().to_string_lossy()));
        }
    }
    assert_eq!(there, named);
}

#[test]
fn a_frame_without_its_pixels_and_then_the_pixels_is_the_same_frame() {
    for (name, message) in examples::to_viewer() {
        let (mut whole, mut parts) = (vec![9], vec![9]);
        frame::encode_to_viewer(&message, &mut whole);
        let pixels = frame::encode_to_viewer_without_pixels(&message, &mut parts);
        parts.extend_from_slice(pixels);
        assert_eq!(whole, parts, "{name}");
    }
}

#[test]
fn close_codes_keep_their_numbers_and_blame() {
    let pinned = [
        (0, "Normal", Fault::Nobody),
        (1, "SessionEnded", Fault::Nobody),
        (2, "Replaced", Fault::Nobody),
        (3, "BrowserGone", Fault::Host),
        (4, "WorkerDied", Fault::Host),
        (5, "HostStopping", Fault::Nobody),
        (6, "Revoked", Fault::Nobody),
        (7, "EndedByAdministrator", Fault::Nobody),
        (20, "Malformed", Fault::Viewer),
        (21, "Oversized", Fault::Viewer),
        (22, "OutOfOrder", Fault::Viewer),
        (23, "TooFast", Fault::Viewer),
        (24, "WrongState", Fault::Viewer),
        (25, "VersionMismatch", Fault::Viewer),
        (26, "WrongChannel", Fault::Viewer),
        (27, "HandshakeTimeout", Fault::Viewer),
        (30, "HostMalformed", Fault::Host),
        (31, "HostOversized", Fault::Host),
        (32, "HostOutOfOrder", Fault::Host),
        (33, "HostTooFast", Fault::Host),
        (34, "HostWrongState", Fault::Host),
        (35, "HostVersionMismatch", Fault::Host),
        (36, "HostWrongChannel", Fault::Host),
        (37, "HostHandshakeTimeout", Fault::Host),
        (39, "HostFailed", Fault::Host),
        (40, "ViewerStalled", Fault::Viewer),
        (41, "KeepAliveLost", Fault::Network),
        (42, "NoCapacity", Fault::Host),
        (43, "UnknownResume", Fault::Viewer),
        (44, "CertificateExpired", Fault::Viewer),
        (45, "DeviceUnknown", Fault::Viewer),
        (46, "BrowserNotStarted", Fault::Host),
    ];
    let now: Vec<_> = CloseCode::ALL.iter().map(|code| (code.number(), format!("{code:?}"), code.fault())).collect();
    let pinned: Vec<_> = pinned.map(|(number, name, fault)| (number, name.to_owned(), fault)).into();
    assert_eq!(now, pinned);
    for code in CloseCode::ALL {
        assert_eq!(CloseCode::from_number(code.number()), Some(*code));
    }
    assert_eq!(CloseCode::from_number(19), None);
}
