//! What holds for all bytes: decoders do not panic, and a value has one encoding.

use proptest::prelude::*;
use shoji_protocol::frame::{Decoder, FrameError, HEADER_BYTES, Header, Kind};
use shoji_protocol::worker::{ToSupervisor, ToWorker};
use shoji_protocol::{CursorShape, DecodeError, Nonce, Text, ToHost, ToViewer, frame, limits};

use crate::examples;
use crate::pair::{body, viewer_body};

proptest! {
    #[test]
    fn any_bytes_are_a_message_in_its_one_form_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(message) = ToHost::decode(&bytes) {
            prop_assert_eq!(&body(&message), &bytes);
        }
        if let Ok(message) = ToViewer::decode(&bytes) {
            prop_assert_eq!(&viewer_body(&message), &bytes);
        }
        let _ = ToSupervisor::decode(&bytes);
        let _ = ToWorker::decode(&bytes);
    }

    #[test]
    fn a_changed_byte_gives_another_message_or_an_error(which in 0usize..22, at in any::<prop::sample::Index>(), flip in 1u8..) {
        let (_, message) = examples::to_host().swap_remove(which);
        let mut bytes = body(&message);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert_ne!(ToHost::decode(&bytes), Ok(message));
    }

    #[test]
    fn frames_come_out_whole_however_the_bytes_are_cut(cuts in prop::collection::vec(1usize..40, 1..60)) {
        let mut stream = Vec::new();
        let messages = examples::to_viewer();
        for (_, message) in &messages {
            frame::encode_to_viewer(message, &mut stream);
        }
        let mut decoder = Decoder::new(&[Kind::ToViewer]);
        let mut found = 0;
        let mut rest = stream.as_slice();
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            decoder.push(piece);
            while let Some(frame) = decoder.next_frame().unwrap() {
                prop_assert_eq!(ToViewer::decode(frame.body).unwrap(), messages[found].1.clone());
                found += 1;
            }
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(found, messages.len());
        prop_assert_eq!(decoder.buffered(), 0);
    }
}

#[test]
fn a_number_in_a_longer_form_is_refused() {
    let short = body(&ToHost::Ping { nonce: Nonce(1) });
    let mut long = short.clone();
    assert_eq!(long.pop(), Some(1));
    long.extend([0x81, 0x00]);
    assert_eq!(ToHost::decode(&short), Ok(ToHost::Ping { nonce: Nonce(1) }));
    assert_eq!(ToHost::decode(&long), Err(DecodeError::NotCanonical));
}

#[test]
fn a_longer_form_of_the_message_number_or_a_length_is_refused_too() {
    let short = viewer_body(&ToViewer::Cursor { shape: CursorShape::Hidden });
    let mut long = vec![short[0] | 0x80, 0];
    long.extend_from_slice(&short[1..]);
    assert_eq!(ToViewer::decode(&long), Err(DecodeError::NotCanonical));
}

#[test]
fn bytes_after_a_message_are_refused() {
    for (name, message) in examples::to_host() {
        let mut bytes = body(&message);
        bytes.push(0);
        assert!(ToHost::decode(&bytes).is_err(), "{name}");
    }
    let mut bytes = body(&ToHost::Detach);
    bytes.push(0);
    assert_eq!(ToHost::decode(&bytes), Err(DecodeError::TrailingBytes));
}

#[test]
fn a_cut_message_is_refused_at_every_length() {
    for (name, message) in examples::to_viewer() {
        let bytes = viewer_body(&message);
        for len in 0..bytes.len() {
            assert!(ToViewer::decode(&bytes[..len]).is_err(), "{name} cut to {len}");
        }
    }
}

#[test]
fn text_longer_than_its_limit_is_neither_made_nor_decoded() {
    let longest = "a".repeat(limits::MAX_TEXT);
    let text = Text::<{ limits::MAX_TEXT }>::new(&longest).unwrap();
    let message =
        ToHost::Input { sequence: shoji_protocol::InputSequence(1), event: shoji_protocol::Input::Commit { text } };
    let mut bytes = body(&message);
    assert!(bytes.len() <= limits::MAX_TO_HOST);
    assert_eq!(ToHost::decode(&bytes), Ok(message));
    // One letter more: the length is in the two bytes before the text.
    let at = bytes.len() - limits::MAX_TEXT - 2;
    bytes[at] += 1;
    bytes.push(b'a');
    assert_eq!(ToHost::decode(&bytes), Err(DecodeError::Value));
    assert!(Text::<{ limits::MAX_TEXT }>::new(&format!("{longest}a")).is_err());
}

#[test]
fn pixels_are_borrowed_from_the_bytes_they_came_in() {
    let payload = vec![7; 500_000];
    let bytes = viewer_body(&crate::pair::update(1, 1, 0, &payload));
    let Ok(ToViewer::Update { pixels, .. }) = ToViewer::decode(&bytes) else { panic!("it is an update") };
    assert!(bytes.as_ptr_range().contains(&pixels.bytes().as_ptr()));
}

#[test]
fn a_frame_that_is_too_long_or_of_another_kind_is_refused_at_its_header() {
    let header = |len: u32, kind: u8| {
        let [a, b, c, d] = len.to_le_bytes();
        [a, b, c, d, kind]
    };
    assert_eq!(Header::parse(&header(0, 1), &[Kind::ToHost]), Ok(Header { kind: Kind::ToHost, len: 0 }));
    for (kind, number) in [(Kind::ToHost, 1), (Kind::ToViewer, 2), (Kind::ToSupervisor, 3), (Kind::ToWorker, 4)] {
        let limit = kind.max_body();
        let bytes = u32::try_from(limit).unwrap() + 1;
        assert_eq!(Header::parse(&header(bytes - 1, number), &[kind]), Ok(Header { kind, len: limit }));
        assert_eq!(Header::parse(&header(bytes, number), &[kind]), Err(FrameError::Oversized { bytes, limit }));
        assert_eq!(
            Header::parse(&header(u32::MAX, number), &[kind]),
            Err(FrameError::Oversized { bytes: u32::MAX, limit })
        );
    }
    assert_eq!(Header::parse(&header(1, 2), &[Kind::ToHost]), Err(FrameError::WrongKind(2)));
    assert_eq!(Header::parse(&header(1, 9), &[Kind::ToHost, Kind::ToWorker]), Err(FrameError::WrongKind(9)));
    assert_eq!(HEADER_BYTES, 5);
}
