//! A host, or a worker behind it, that breaks the protocol. The same rules judge a worker in the supervisor and a host
//! in the viewer, so each case is tried in both places.

use shoji_protocol::time::Instant;
use shoji_protocol::{
    CanvasId, CanvasKind, Capabilities, Channel, CloseCode, CursorShape, CursorSize, DecodeError, Error, Fault,
    Hotspot, KeepAlive, Nonce, Notice, Pixels, ResumeToken, SessionId, Side, Size, ToViewer, Violation, limits, viewer,
};

use crate::pair::{Pair, opened, part, update, viewer_body, viewport};

/// Shows the messages to a supervisor's check and to a viewer; all but the last have to be legal. Returns the error of both.
#[track_caller]
fn refused(messages: &[ToViewer<'_>]) -> Violation {
    let (last, before) = messages.split_last().unwrap();
    let mut pair = Pair::new();
    pair.settle();
    for message in before {
        assert_eq!(pair.host.forward(&viewer_body(message), pair.now), Ok(Some(message.channel())));
        pair.viewer.handle_frame(message.channel(), &viewer_body(message), pair.now).unwrap();
    }
    let by_host = pair.host.forward(&viewer_body(last), pair.now).expect_err("the supervisor refuses it");
    let by_viewer =
        pair.viewer.handle_frame(last.channel(), &viewer_body(last), pair.now).expect_err("the viewer refuses it");
    assert_eq!(by_host, by_viewer);
    assert_eq!((by_host.side, by_host.fault()), (Side::Host, Fault::Host));
    assert_eq!(pair.host.closed(), Some(by_host.close_code()));
    assert_eq!(pair.viewer.closed(), Some(by_host.close_code()));
    by_host.violation
}

/// Shows messages that are all legal.
#[track_caller]
fn accepted(messages: &[ToViewer<'_>]) {
    let mut pair = Pair::new();
    pair.settle();
    for message in messages {
        assert_eq!(pair.host.forward(&viewer_body(message), pair.now), Ok(Some(message.channel())));
        pair.viewer.handle_frame(message.channel(), &viewer_body(message), pair.now).unwrap();
    }
}

#[test]
fn canvases_that_come_again_or_backwards() {
    assert!(matches!(refused(&[opened(1), opened(1)]), Violation::OutOfOrder { .. }));
    assert!(matches!(refused(&[opened(5), opened(4)]), Violation::OutOfOrder { .. }));
    assert!(matches!(
        refused(&[opened(5), ToViewer::CanvasClosed { canvas: CanvasId(5) }, opened(5)]),
        Violation::OutOfOrder { .. }
    ));
}

#[test]
fn anything_of_a_canvas_that_is_not_there() {
    let canvas = CanvasId(9);
    let size = Size::new(10, 10).unwrap();
    for message in [
        update(9, 1, 0, &[]),
        ToViewer::CanvasClosed { canvas },
        ToViewer::Window { canvas, state: shoji_protocol::WindowState::Normal },
        ToViewer::PointerLock { canvas, locked: true },
        ToViewer::CanvasOpened { canvas: CanvasId(10), kind: CanvasKind::Dialog, parent: Some(canvas), size },
    ] {
        assert!(matches!(refused(&[opened(1), message]), Violation::UnknownCanvas { .. }));
    }
}

#[test]
fn updates_that_come_again_or_backwards() {
    assert!(matches!(refused(&[opened(1), update(1, 2, 0, &[]), update(1, 2, 0, &[])]), Violation::OutOfOrder { .. }));
    assert!(matches!(refused(&[opened(1), update(1, 2, 0, &[]), update(1, 1, 0, &[])]), Violation::OutOfOrder { .. }));
}

#[test]
fn a_picture_of_input_that_was_never_given() {
    assert!(matches!(
        refused(&[opened(1), update(1, 1, 1, &[])]),
        Violation::OutOfOrder { message: "Update.input", .. }
    ));
}

#[test]
fn more_updates_than_may_be_on_their_way() {
    let mut messages = vec![opened(1)];
    for id in 0..=limits::MAX_IN_FLIGHT as u64 {
        messages.push(update(1, id, 0, &[]));
    }
    assert_eq!(refused(&messages), Violation::TooFast("updates"));
}

#[test]
fn parts_of_one_picture_count_as_one_but_their_bytes_as_theirs() {
    let mut messages = vec![opened(1)];
    for id in 0..=limits::MAX_IN_FLIGHT as u64 {
        messages.push(part(update(1, id, 0, &[])));
    }
    let next = limits::MAX_IN_FLIGHT as u64 + 1;
    messages.extend((next..next + limits::MAX_IN_FLIGHT as u64).map(|id| update(1, id, 0, &[])));
    accepted(&messages);
    messages.push(update(1, next * 2, 0, &[]));
    assert_eq!(refused(&messages), Violation::TooFast("updates"));

    let pixels = vec![0; limits::MAX_UPDATE];
    let messages = [opened(1), part(update(1, 1, 0, &pixels)), part(update(1, 2, 0, &pixels)), update(1, 3, 0, &[0])];
    assert_eq!(refused(&messages), Violation::TooFast("updates"));
}

#[test]
fn more_bytes_than_may_be_on_their_way() {
    let pixels = vec![0; limits::MAX_UPDATE];
    let messages = [opened(1), update(1, 1, 0, &pixels), update(1, 2, 0, &pixels), update(1, 3, 0, &[0])];
    assert_eq!(refused(&messages), Violation::TooFast("updates"));
}

#[test]
fn more_canvases_than_may_be_open() {
    let messages: Vec<_> = (0..=limits::MAX_CANVASES as u32).map(opened).collect();
    assert_eq!(refused(&messages), Violation::TooFast("canvases"));
}

#[test]
fn a_storm_of_cursors() {
    let messages = vec![ToViewer::Cursor { shape: CursorShape::Wait }; limits::SCREEN.burst as usize + 1];
    assert_eq!(refused(&messages), Violation::TooFast("screen messages"));
}

#[test]
fn a_storm_of_notices() {
    let messages = vec![ToViewer::Notice { notice: Notice::TooManyWindows }; limits::NOTICES.burst as usize + 1];
    assert_eq!(refused(&messages), Violation::TooFast("notices"));
}

#[test]
fn a_cursor_picture_that_is_not_as_large_as_it_says_or_points_outside() {
    let size = CursorSize::new(2, 2).unwrap();
    let picture = |bytes: &'static [u8], x| ToViewer::CursorImage {
        size,
        hotspot: Hotspot::new(x, 0).unwrap(),
        pixels: Pixels::new(bytes).unwrap(),
    };
    assert_eq!(refused(&[picture(&[0; 15], 0)]), Violation::Malformed(DecodeError::Value));
    assert_eq!(refused(&[picture(&[0; 16], 2)]), Violation::Malformed(DecodeError::Value));
}

#[test]
fn a_worker_that_speaks_for_the_supervisor() {
    for message in [
        ToViewer::Close { code: CloseCode::Normal },
        ToViewer::Ping { nonce: Nonce(1) },
        ToViewer::Attached { session: SessionId(1), token: ResumeToken(1), resumed: true },
    ] {
        let mut pair = Pair::attached();
        let error = pair.host.forward(&viewer_body(&message), pair.now).unwrap_err();
        assert_eq!(error, Error { side: Side::Host, violation: Violation::NotAgreed(message.name()) });
        assert_eq!(pair.host.closed(), Some(CloseCode::HostWrongState));
    }
}

#[test]
fn a_worker_that_sends_no_message_at_all() {
    let mut pair = Pair::attached();
    let error = pair.host.forward(&[0xff, 0xff, 0xff], pair.now).unwrap_err();
    assert_eq!(error.close_code(), CloseCode::HostMalformed);
}

fn viewer() -> (viewer::Connection, Instant) {
    let now = Instant::from_micros(1);
    let mut config = viewer::Config::new(viewport(800, 600));
    config.capabilities = Capabilities::H264;
    (viewer::Connection::new(config, now), now)
}

#[track_caller]
fn viewer_ends(messages: &[(Channel, ToViewer<'_>)], code: CloseCode) {
    let (mut viewer, now) = viewer();
    let ((channel, last), before) = messages.split_last().unwrap();
    for (channel, message) in before {
        viewer.handle_frame(*channel, &viewer_body(message), now).unwrap();
    }
    let error = viewer.handle_frame(*channel, &viewer_body(last), now).unwrap_err();
    assert_eq!((error.close_code(), error.fault()), (code, Fault::Host));
    assert_eq!(viewer.closed(), Some(code));
    assert_eq!(viewer.deadline(), None);
    assert_eq!(viewer.handle_frame(*channel, &[0xff], now), Ok(None));
}

#[test]
fn a_host_in_the_wrong_order_version_or_channel() {
    let welcome = |minor, capabilities| ToViewer::Welcome { minor, capabilities, keep_alive: KeepAlive::MIN };
    let attached = ToViewer::Attached { session: SessionId(1), token: ResumeToken(1), resumed: false };
    let control = Channel::Control;
    viewer_ends(&[(control, attached.clone())], CloseCode::HostWrongState);
    viewer_ends(&[(control, welcome(2, Capabilities::NONE))], CloseCode::HostVersionMismatch);
    viewer_ends(&[(control, welcome(0, Capabilities::NONE))], CloseCode::HostVersionMismatch);
    viewer_ends(&[(control, welcome(1, Capabilities::TOUCH))], CloseCode::HostWrongState);
    let hello = (control, welcome(1, Capabilities::H264));
    viewer_ends(&[hello.clone(), hello.clone()], CloseCode::HostWrongState);
    viewer_ends(&[hello.clone(), (control, attached.clone()), (control, attached)], CloseCode::HostWrongState);
    viewer_ends(&[hello.clone(), (control, opened(1))], CloseCode::HostWrongChannel);
    viewer_ends(&[hello.clone(), (control, ToViewer::Pong { nonce: Nonce(1) })], CloseCode::HostOutOfOrder);
    viewer_ends(
        &[hello, (Channel::Updates, ToViewer::Notice { notice: Notice::TooManyWindows })],
        CloseCode::HostWrongChannel,
    );
}

#[test]
fn a_host_that_sends_what_was_not_agreed_on() {
    let (mut viewer, now) = viewer();
    viewer.handle_frame(Channel::Updates, &viewer_body(&opened(1)), now).unwrap();
    let lock = ToViewer::PointerLock { canvas: CanvasId(1), locked: true };
    let error = viewer.handle_frame(Channel::Updates, &viewer_body(&lock), now).unwrap_err();
    assert_eq!(error.violation, Violation::NotAgreed("PointerLock"));
}

#[test]
fn a_host_that_says_nothing() {
    let (mut viewer, now) = viewer();
    assert_eq!(viewer.deadline(), Some(now + limits::HANDSHAKE));
    viewer.handle_deadline(now + limits::HANDSHAKE);
    assert_eq!(viewer.closed(), Some(CloseCode::HostHandshakeTimeout));
}

#[test]
fn a_host_that_gives_no_session() {
    let mut pair = Pair::new();
    pair.gives_session = false;
    pair.run(limits::ATTACH_WITHIN + limits::HANDSHAKE);
    assert_eq!(pair.viewer.closed(), Some(CloseCode::HostHandshakeTimeout));
}
