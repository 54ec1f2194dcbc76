//! Carriers with one stream for all channels, and without datagrams.

use shoji_protocol::{Capabilities, CloseCode, Input, Key, Nonce, Side, ToHost, ToViewer, Violation, host};

use crate::pair::{Pair, Seen, body, ms, opened, update, viewer_body};

/// A pair on such a carrier, with a session.
fn attached() -> Pair {
    let mut pair = Pair::new();
    let capabilities = Capabilities::ALL.without(Capabilities::INPUT_COPIES);
    pair.host = host::Connection::new(host::Config { capabilities, ..host::Config::default() }, pair.now);
    pair.is_shared = true;
    pair.settle();
    pair.show(&opened(1));
    pair.settle();
    pair
}

#[test]
fn frames_of_all_channels_in_one_stream_make_a_session() {
    let mut pair = attached();
    pair.viewer.input(Input::PointerLeave, pair.now).expect("there is a session");
    pair.settle();
    pair.show(&update(1, 1, 1, b"x"));
    pair.settle();
    assert!(matches!(pair.take_for_worker()[..], [ToHost::Input { .. }, ToHost::Presented { .. }]));
    assert!(matches!(pair.seen.last(), Some(Seen::Update { .. })));
    assert_eq!((&pair.host_error, &pair.viewer_error), (&None, &None));
}

#[test]
fn phases_are_checked_as_on_any_carrier() {
    let mut pair = attached();
    let hello = ToViewer::Pong { nonce: Nonce(9) };
    let error = pair.viewer.handle_shared_frame(&viewer_body(&hello), pair.now).unwrap_err();
    assert!(error.side == Side::Host && matches!(error.violation, Violation::OutOfOrder { .. }), "{error}");
    let mut pair = Pair::new();
    let error = pair.host.handle_shared_frame(&body(&ToHost::Detach), pair.now).unwrap_err();
    assert_eq!(error.close_code(), CloseCode::WrongState);
}

#[test]
fn no_copies_are_made_where_the_host_takes_none() {
    let mut pair = attached();
    pair.viewer.input(Input::Key { key: Key::clamped(30), pressed: true }, pair.now).expect("there is a session");
    pair.run(ms(100));
    assert_eq!(pair.viewer.poll_datagram(), None);
}
