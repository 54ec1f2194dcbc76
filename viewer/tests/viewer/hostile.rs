//! The link with bad hosts: each ends in a typed error that names the host, and never in a panic.

use std::sync::Arc;

use shoji_codec::DecodeError;
use shoji_protocol::{
    CanvasId, CanvasKind, Channel, CloseCode, CursorShape, Fault, Input, InputSequence, Key, Pixels, Size, ToHost,
    ToViewer, UpdateId, Violation,
};
use shoji_viewer::{
    headless::{Viewer, WaitError},
    link::{Error, Options},
};

use crate::support::{Host, Oddities, PATIENCE, Peer, Picture};

fn attached(host: &Host) -> (Viewer, Peer) {
    let options = Options { attempts: 1, ..Options::default() };
    let viewer = Viewer::start(host.bundle(), options, Arc::new(())).expect("a thread");
    let mut peer = host.accept();
    peer.attach(7, false);
    (viewer, peer)
}

fn end_of(viewer: &Viewer) -> Error {
    match viewer.wait_until("the end", PATIENCE, |_| None::<()>) {
        Err(WaitError::Ended(error)) => error,
        other => panic!("{other:?} instead of an end"),
    }
}

/// What the viewer makes of bytes that a host sends.
fn verdict(channel: Channel, bytes: &[u8]) -> (Error, CloseCode) {
    let host = Host::start();
    let (viewer, mut peer) = attached(&host);
    peer.raw(channel, bytes);
    let error = end_of(&viewer);
    assert_eq!(error.fault(), Fault::Host, "{error:?}");
    (error, peer.closed_by_viewer())
}

fn violation(error: &Error) -> Violation {
    match error {
        Error::Protocol(error) => error.violation,
        other => panic!("{other:?} is no violation"),
    }
}

#[test]
fn garbage_is_malformed() {
    for channel in [Channel::Control, Channel::Updates] {
        let (error, code) = verdict(channel, &[4, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff]);
        assert!(matches!(violation(&error), Violation::Malformed(_)), "{error:?}");
        assert_eq!(code, CloseCode::HostMalformed);
    }
}

#[test]
fn a_frame_of_another_kind_is_refused() {
    let (error, code) = verdict(Channel::Updates, &[1, 0, 0, 0, 1, 0]);
    assert_eq!(violation(&error), Violation::WrongKind(1));
    assert_eq!(code, CloseCode::HostMalformed);
}

#[test]
fn an_oversized_frame_is_refused_by_its_header() {
    let (error, code) = verdict(Channel::Updates, &[0xff, 0xff, 0xff, 0x7f, 2]);
    assert!(matches!(violation(&error), Violation::Oversized { .. }), "{error:?}");
    assert_eq!(code, CloseCode::HostOversized);
}

#[test]
fn an_update_for_an_unknown_canvas_is_refused() {
    let host = Host::start();
    let (viewer, mut peer) = attached(&host);
    let pixels = Pixels::new(&[1, 2, 3]).expect("short");
    let size = Size::new(10, 10).expect("a size");
    let (canvas, update, input) = (CanvasId(9), UpdateId(1), InputSequence::NONE);
    peer.blurt(Channel::Updates, &ToViewer::Update { canvas, update, size, input, more: false, pixels });
    let error = end_of(&viewer);
    assert!(matches!(violation(&error), Violation::UnknownCanvas { canvas: CanvasId(9), .. }), "{error:?}");
    assert_eq!(peer.closed_by_viewer(), CloseCode::HostWrongState);
}

#[test]
fn a_message_on_the_wrong_channel_is_refused() {
    let host = Host::start();
    let (viewer, mut peer) = attached(&host);
    peer.blurt(Channel::Control, &ToViewer::Cursor { shape: CursorShape::Text });
    assert!(matches!(violation(&end_of(&viewer)), Violation::WrongChannel { .. }));
}

/// An update whose payload is these bytes.
fn bad_update(peer: &mut Peer, number: u64, payload: &[u8]) {
    let size = peer.viewport().size();
    let pixels = Pixels::new(payload).expect("short");
    peer.say(&ToViewer::Update {
        canvas: CanvasId(1),
        update: UpdateId(number),
        size,
        input: InputSequence::NONE,
        more: false,
        pixels,
    });
}

#[test]
fn a_picture_that_cannot_be_decoded_is_asked_for_once_and_then_ends_the_connection() {
    let host = Host::start();
    let (viewer, mut peer) = attached(&host);
    let size = peer.viewport().size();
    peer.open(1, CanvasKind::Window, None, size);
    bad_update(&mut peer, 1, &[0xee; 40]);
    assert_eq!(peer.message(), ToHost::Repaint { canvas: CanvasId(1) });
    bad_update(&mut peer, 2, &[0xee; 40]);
    assert!(matches!(end_of(&viewer), Error::Pixels(DecodeError::BadVersion(_))));
    assert_eq!(peer.closed_by_viewer(), CloseCode::HostMalformed);
}

#[test]
fn a_repainted_picture_is_good_again() {
    let host = Host::start();
    let (viewer, mut peer) = attached(&host);
    let viewport = peer.viewport();
    peer.open(1, CanvasKind::Window, None, viewport.size());
    bad_update(&mut peer, 1, &[]);
    assert_eq!(peer.message(), ToHost::Repaint { canvas: CanvasId(1) });
    let picture = Picture::of(viewport, 2);
    peer.skip_updates(1);
    peer.show(1, &picture, 0);
    viewer.ready(PATIENCE).expect("a picture");
    assert_eq!(viewer.digest(CanvasId(1)), Some(picture.digest()));
}

#[test]
fn a_payload_of_another_size_than_announced_is_no_picture() {
    let host = Host::start();
    let (_viewer, mut peer) = attached(&host);
    let size = peer.viewport().size();
    peer.open(1, CanvasKind::Window, None, size);
    let payload = peer.encode(&Picture::pattern(40, 30, 1));
    bad_update(&mut peer, 1, &payload);
    assert_eq!(peer.message(), ToHost::Repaint { canvas: CanvasId(1) });
}

#[test]
fn a_host_that_stops_reading_is_stalled() {
    let host = Host::odd(&Oddities { receive_window: 1024, ..Oddities::default() });
    let (viewer, mut peer) = attached(&host);
    let size = peer.viewport().size();
    peer.open(1, CanvasKind::Window, None, size);
    peer.show(1, &Picture::of(peer.viewport(), 1), 0);
    viewer.ready(PATIENCE).expect("a picture");
    let text = shoji_protocol::Text::new(&"x".repeat(700)).expect("short enough");
    // The host does not read; at the bound the connection ends instead of growing.
    let mut sent = 0_u32;
    while viewer.input(Input::Commit { text: text.clone() }).is_some() {
        sent += 1;
        assert!(sent < 2_000, "{sent} commits are waiting");
    }
    assert_eq!(peer.closed_by_viewer(), CloseCode::KeepAliveLost);
    // It may have been the network: the viewer tries again.
    viewer
        .wait_until("another attempt", PATIENCE, |model| {
            matches!(model.state, shoji_viewer::scene::State::Reconnecting { .. }).then_some(())
        })
        .expect("the session is not given up");
}

#[test]
fn motions_on_a_stalled_link_are_merged_and_do_not_end_it() {
    let host = Host::odd(&Oddities { receive_window: 1024, ..Oddities::default() });
    let (viewer, mut peer) = attached(&host);
    let size = peer.viewport().size();
    peer.open(1, CanvasKind::Window, None, size);
    peer.show(1, &Picture::of(peer.viewport(), 1), 0);
    viewer.ready(PATIENCE).expect("a picture");
    let text = shoji_protocol::Text::new(&"x".repeat(700)).expect("short enough");
    for _ in 0..20 {
        viewer.input(Input::Commit { text: text.clone() }).expect("sent");
    }
    for x in 0..100_000 {
        let position = shoji_protocol::Position::from_pixels(f64::from(x % 1000), 1.0);
        viewer.input(Input::PointerMotion { canvas: CanvasId(1), position });
    }
    let key = Key::new(30).expect("a key");
    viewer.input(Input::Key { key, pressed: true }).expect("there is still a session");
    let mut motions = Vec::new();
    loop {
        match peer.input().1 {
            Input::PointerMotion { position, .. } => motions.push(position),
            Input::Key { .. } => break,
            _ => {}
        }
    }
    assert!(motions.len() < 1_000, "{} motions", motions.len());
    let last = shoji_protocol::Position::from_pixels(999.0, 1.0);
    assert_eq!(motions.last(), Some(&last), "the newest place comes before the key");
}

#[test]
fn random_bytes_from_a_host_never_make_the_viewer_panic() {
    // A small generator with a fixed seed: the same bytes in every run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let host = Host::start();
    for _ in 0..20 {
        let (viewer, mut peer) = attached(&host);
        let size = peer.viewport().size();
        peer.open(1, CanvasKind::Window, None, size);
        let length = u8::try_from(random() % 60).expect("below 60");
        let mut frame = vec![length, 0, 0, 0, 2];
        frame.extend((0..length).map(|_| random().to_le_bytes()[0]));
        // Ends it whatever the first frame was.
        frame.extend([1, 0, 0, 0, 9]);
        peer.raw(Channel::Updates, &frame);
        let error = end_of(&viewer);
        assert_eq!(error.fault(), Fault::Host, "{error:?}");
    }
}
