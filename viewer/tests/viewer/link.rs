//! The link with a good host: pictures, input, endings, coming back.

use std::{sync::Arc, time::Duration};

use shoji_protocol::{
    AttachHow, CanvasId, CanvasKind, CloseCode, CursorShape, Input, InputSequence, Key, Notice, Position, ResumeToken,
    ToHost, ToViewer,
};
use shoji_viewer::{
    bundle::Bundle,
    headless::{Viewer, WaitError},
    link::{Error, Link, Options},
    scene::{Pointer, Scene, State},
};

use crate::support::{Authority, Host, Oddities, PATIENCE, Peer, Picture};

fn options() -> Options {
    Options { attempts: 1, ..Options::default() }
}

/// A viewer with a session and one window that shows a pattern.
fn session(host: &Host) -> (Viewer, Peer, Picture) {
    let viewer = Viewer::start(host.bundle(), options(), Arc::new(())).expect("a thread");
    let mut peer = host.accept();
    assert_eq!(peer.attach(7, false), AttachHow::New);
    let picture = Picture::of(peer.viewport(), 1);
    peer.open(1, CanvasKind::Window, None, peer.viewport().size());
    peer.show(1, &picture, 0);
    viewer.ready(PATIENCE).expect("a picture");
    assert!(matches!(peer.message(), ToHost::Input { event: Input::Focus { canvas: Some(CanvasId(1)) }, .. }));
    (viewer, peer, picture)
}

fn key(code: u16, pressed: bool) -> Input {
    Input::Key { key: Key::new(code).expect("a key"), pressed }
}

fn end_of(viewer: &Viewer) -> Error {
    match viewer.wait_until("the end", PATIENCE, |_| None::<()>) {
        Err(WaitError::Ended(error)) => error,
        other => panic!("{other:?} instead of an end"),
    }
}

#[test]
fn the_viewers_canvas_is_the_hosts_picture() {
    let host = Host::start();
    let (viewer, mut peer, mut picture) = session(&host);
    assert_eq!(viewer.digest(CanvasId(1)), Some(picture.digest()));

    picture.fill(100, 100, 30, 40, [1, 2, 3]);
    let update = peer.show(1, &picture, 1);
    viewer
        .wait_until("the update", PATIENCE, |model| (model.view(CanvasId(1))?.update() == update).then_some(()))
        .expect("applied");
    assert_eq!(viewer.digest(CanvasId(1)), Some(picture.digest()));
    assert_eq!(viewer.lock().view(CanvasId(1)).expect("open").input(), InputSequence(1));
    while peer.presented() != (CanvasId(1), update) {}

    let png = viewer.png(CanvasId(1)).expect("a picture");
    let png = image::load_from_memory(&png).expect("a PNG").into_rgb8();
    assert_eq!(png.get_pixel(110, 110).0, [3, 2, 1]);
    assert!(viewer.stats().bytes_received > 0);
}

#[test]
fn a_picture_in_parts_is_acknowledged_and_current_only_when_it_is_whole() {
    let host = Host::start();
    let (viewer, mut peer, _) = session(&host);
    let picture = Picture::of(peer.viewport(), 9);
    let whole = [picture.frame().size.rect()];
    let (first, more) = peer.show_part(1, &picture, &whole, 1);
    assert!(more, "the picture is large enough for parts");
    let is_current = viewer
        .wait_until("the first part", PATIENCE, |model| {
            let view = model.view(CanvasId(1))?;
            (view.update() == first).then(|| view.is_current())
        })
        .expect("applied");
    assert!(!is_current);
    let last = loop {
        let (update, more) = peer.show_part(1, &picture, &[], 1);
        if !more {
            break update;
        }
    };
    loop {
        let (_, shown) = peer.presented();
        if shown == last {
            break;
        }
        assert!(shown < first, "{shown:?} is a part");
    }
    assert_eq!(viewer.digest(CanvasId(1)), Some(picture.digest()));
    assert!(viewer.lock().view(CanvasId(1)).expect("open").is_current());
}

#[test]
fn a_picture_whose_packets_are_lost_comes_by_its_copy_and_is_shown_once() {
    let host = Host::start();
    let (viewer, mut peer, mut picture) = session(&host);
    let shows = |update| {
        let applied = |model: &shoji_viewer::scene::Model| (model.view(CanvasId(1))?.update() == update).then_some(());
        viewer.wait_until("the update", PATIENCE, applied).expect("applied");
    };
    peer.lose_updates();
    picture.fill(100, 100, 30, 40, [1, 2, 3]);
    shows(peer.show(1, &picture, 1));
    picture.fill(200, 100, 30, 40, [4, 5, 6]);
    shows(peer.show(1, &picture, 1));
    assert_eq!(viewer.digest(CanvasId(1)), Some(picture.digest()));
    let spliced = viewer.stats().bytes_spliced;
    assert!(spliced > 0);
    // The stream says all of it again, and goes on.
    peer.repeat_updates();
    picture.fill(300, 100, 30, 40, [7, 8, 9]);
    shows(peer.show(1, &picture, 1));
    assert_eq!(viewer.digest(CanvasId(1)), Some(picture.digest()));
    assert_eq!(viewer.stats().bytes_spliced, spliced);
}

#[test]
fn input_arrives_in_order_and_numbered_from_one() {
    let host = Host::start();
    let (viewer, mut peer, _) = session(&host);
    let at = Position::from_pixels(10.5, 20.0);
    let events = [
        Input::PointerMotion { canvas: CanvasId(1), position: at },
        key(30, true),
        key(30, false),
        Input::PointerLeave,
        Input::Focus { canvas: None },
    ];
    let numbers: Vec<_> = events.iter().map(|event| viewer.input(event.clone()).expect("sent").0).collect();
    assert_eq!(numbers, vec![2, 3, 4, 5, 6]);
    for (number, event) in (2..).zip(events) {
        assert_eq!(peer.input(), (InputSequence(number), event));
    }
}

#[test]
fn a_script_types_clicks_and_resizes() {
    let host = Host::start();
    let (viewer, mut peer, _) = session(&host);
    let layout = shoji_protocol::KeyboardLayout::Us;
    let script = shoji_viewer::script::parse("type \"A東京\"; click 5 6 right; resize 800 600 1.5", layout);
    let script = script.expect("a good script");
    let played = std::thread::spawn(move || {
        let result = viewer.play(&script, layout, PATIENCE).map_err(|error| error.to_string());
        (viewer, result)
    });
    assert!(matches!(peer.input().1, Input::Focus { canvas: Some(_) }));
    for event in [key(42, true), key(30, true), key(30, false), key(42, false)] {
        assert_eq!(peer.input().1, event);
    }
    assert!(matches!(peer.input().1, Input::Commit { text } if text.as_str() == "東京"));
    assert!(matches!(peer.input().1, Input::PointerMotion { .. }));
    assert!(matches!(peer.input().1, Input::PointerButton { pressed: true, .. }));
    assert!(matches!(peer.input().1, Input::PointerButton { pressed: false, .. }));
    let ToHost::Resize { viewport, .. } = peer.message() else { panic!("a new size") };
    assert_eq!((viewport.size().width(), viewport.scale().get()), (800, 180));
    peer.show(1, &Picture::of(viewport, 2), 0);
    let (viewer, result) = played.join().expect("no panic");
    assert_eq!(result, Ok(()));
    assert_eq!(viewer.stats().size, Some((800, 600)));
}

#[test]
fn a_failed_step_names_its_place() {
    let host = Host::start();
    let (viewer, _peer, _) = session(&host);
    let layout = shoji_protocol::KeyboardLayout::Us;
    let script = shoji_viewer::script::parse("key a\n  wait change", layout).expect("a good script");
    let error = viewer.play(&script, layout, Duration::from_millis(50)).expect_err("nothing changes");
    assert!(error.to_string().starts_with("line 2, column 3: the picture did not change"), "{error}");
}

#[test]
fn a_caret_is_quiet_at_once_and_a_video_after_a_while() {
    let host = Host::start();
    let (viewer, mut peer, mut picture) = session(&host);
    let settle = Duration::from_millis(300);
    let playing = std::thread::spawn(move || {
        let begun = std::time::Instant::now();
        viewer.wait_quiet(settle, PATIENCE).expect("quiet");
        (begun.elapsed(), viewer)
    });
    // A small video: every acknowledged picture is followed by another.
    let mut seed = 0_u8;
    while !playing.is_finished() {
        seed = seed.wrapping_add(1);
        picture.fill(0, 0, 200, 150, [seed, seed, 1]);
        let update = peer.show(1, &picture, 0);
        while peer.presented() != (CanvasId(1), update) {}
    }
    let (took, viewer) = playing.join().expect("no panic");
    assert!(took >= settle * shoji_viewer::headless::VIDEO, "{took:?}");
    picture.fill(0, 0, 3, 20, [1, 1, 1]);
    peer.show(1, &picture, 0);
    viewer.wait_quiet(settle, PATIENCE).expect("quiet");
}

#[test]
fn pointer_windows_lock_and_notices_reach_the_scene() {
    let host = Host::start();
    let (viewer, mut peer, _) = session(&host);
    let size = shoji_protocol::Size::new(300, 200).expect("a size");
    peer.open(2, CanvasKind::Dialog, Some(1), size);
    peer.show(2, &Picture::pattern(300, 200, 3), 0);
    peer.say(&ToViewer::Cursor { shape: CursorShape::Text });
    peer.say(&ToViewer::PointerLock { canvas: CanvasId(1), locked: true });
    viewer.wait_until("the lock", PATIENCE, |model| (model.lock == Some(CanvasId(1))).then_some(())).expect("locked");
    {
        let model = viewer.lock();
        assert!(matches!(model.pointer, Pointer::Shape(CursorShape::Text)));
        let dialog = model.view(CanvasId(2)).expect("open");
        assert_eq!((dialog.kind(), dialog.parent()), (CanvasKind::Dialog, Some(CanvasId(1))));
        assert_eq!(model.main().map(|(id, _)| id), Some(CanvasId(1)));
    }
    peer.say(&ToViewer::CanvasClosed { canvas: CanvasId(2) });
    peer.say(&ToViewer::CanvasClosed { canvas: CanvasId(1) });
    viewer
        .wait_until("the end of the windows", PATIENCE, |model| {
            (model.views().count() == 0 && model.lock.is_none()).then_some(())
        })
        .expect("closed");
}

#[test]
fn a_notice_is_kept_for_whoever_shows_it() {
    let host = Host::start();
    let (viewer, mut peer, _) = session(&host);
    peer.notice(Notice::PolicyRefusedPrint);
    viewer
        .wait_until("the notice", PATIENCE, |model| model.notices.contains(&Notice::PolicyRefusedPrint).then_some(()))
        .expect("told");
}

#[test]
fn a_stopped_host_is_come_back_to_with_the_resume_token() {
    let host = Host::start();
    let (viewer, peer, picture) = session(&host);
    peer.close(CloseCode::HostStopping);
    viewer
        .wait_until("the loss", PATIENCE, |model| matches!(model.state, State::Reconnecting { .. }).then_some(()))
        .expect("noticed");
    assert_eq!(viewer.digest(CanvasId(1)), Some(picture.digest()), "the last picture stays to be looked at");
    assert_eq!(viewer.input(key(30, true)), None, "keys of now must not be sent later");

    let mut peer = host.accept();
    assert_eq!(peer.attach(8, true), AttachHow::Resume(ResumeToken(7)));
    let picture = Picture::of(peer.viewport(), 5);
    peer.open(1, CanvasKind::Window, None, peer.viewport().size());
    peer.show(1, &picture, 0);
    viewer
        .wait_until("the new picture", PATIENCE, |model| {
            (matches!(model.state, State::Attached) && model.view(CanvasId(1))?.is_current()).then_some(())
        })
        .expect("attached again");
    assert_eq!(viewer.digest(CanvasId(1)), Some(picture.digest()));
    assert_eq!(viewer.input(key(31, true)), Some(InputSequence(1)));
    assert_eq!(peer.input(), (InputSequence(1), key(31, true)));
    assert_eq!(viewer.stats().reconnections, 1);
}

#[test]
fn a_host_that_turns_handshakes_away_while_it_stops_is_asked_again() {
    let host = Host::start();
    let (_viewer, peer, _) = session(&host);
    peer.close(CloseCode::HostStopping);
    host.turn_away();
    let mut peer = host.accept();
    assert_eq!(peer.attach(8, true), AttachHow::Resume(ResumeToken(7)));
}

#[test]
fn a_host_that_takes_nobody_is_busy() {
    let host = Host::start();
    let viewer = Viewer::start(host.bundle(), options(), Arc::new(())).expect("a thread");
    host.turn_away();
    assert_eq!(end_of(&viewer), Error::Busy);
}

#[test]
fn every_close_of_the_host_is_typed_and_final_ones_are_not_tried_again() {
    for code in [
        CloseCode::SessionEnded,
        CloseCode::Replaced,
        CloseCode::Revoked,
        CloseCode::WorkerDied,
        CloseCode::EndedByAdministrator,
    ] {
        let host = Host::start();
        let (viewer, peer, _) = session(&host);
        peer.close(code);
        assert_eq!(end_of(&viewer), Error::Closed(code));
    }
}

#[test]
fn after_an_end_the_person_can_connect_again() {
    let host = Host::start();
    let (viewer, peer, _) = session(&host);
    peer.close(CloseCode::SessionEnded);
    assert_eq!(end_of(&viewer), Error::Closed(CloseCode::SessionEnded));
    viewer.link().again();
    let mut peer = host.accept();
    assert_eq!(peer.attach(9, false), AttachHow::New, "an ended session is not asked for");
}

#[test]
fn ending_a_session_tells_the_host() {
    let host = Host::start();
    let (viewer, mut peer, _) = session(&host);
    let ending = std::thread::spawn(move || viewer.end());
    assert_eq!(peer.wish(), shoji_protocol::host::Event::EndRequested);
    peer.close(CloseCode::SessionEnded);
    ending.join().expect("no panic");
}

#[test]
fn leaving_tells_the_host_that_the_session_goes_on() {
    let host = Host::start();
    let (viewer, mut peer, _) = session(&host);
    let leaving = std::thread::spawn(move || drop(viewer));
    assert_eq!(peer.wish(), shoji_protocol::host::Event::DetachRequested);
    leaving.join().expect("no panic");
}

#[test]
fn an_expired_bundle_is_found_before_anything_is_sent() {
    let authority = Authority::new();
    // Nobody listens there; it does not matter.
    let text = authority.bundle("127.0.0.1:9".parse().expect("an address"), &authority, 1_000_000_000);
    let bundle = Bundle::parse(text.as_bytes()).expect("well formed");
    let error = Viewer::connect(bundle, options(), Arc::new(())).expect_err("expired");
    assert_eq!(error, Error::Expired { day: "2001-09-09".into() });
}

#[test]
fn a_device_of_another_authority_is_refused() {
    let host = Host::start();
    let stranger = Authority::new().bundle(host.address, &host.authority, u64::from(u32::MAX));
    let bundle = Bundle::parse(stranger.as_bytes()).expect("well formed");
    let viewer = Viewer::start(bundle, options(), Arc::new(())).expect("a thread");
    host.accept_badly();
    assert_eq!(end_of(&viewer), Error::Refused);
}

#[test]
fn a_host_that_the_bundle_does_not_know_is_an_impostor() {
    let host = Host::start();
    let text = host.authority.bundle(host.address, &Authority::new(), u64::from(u32::MAX));
    let bundle = Bundle::parse(text.as_bytes()).expect("well formed");
    let viewer = Viewer::start(bundle, options(), Arc::new(())).expect("a thread");
    host.accept_badly();
    assert_eq!(end_of(&viewer), Error::Impostor { host: host.address.to_string() });
}

#[test]
fn a_host_with_another_protocol_is_of_another_version() {
    let host = Host::odd(&Oddities { alpn: b"shoji/9", ..Oddities::default() });
    let viewer = Viewer::start(host.bundle(), options(), Arc::new(())).expect("a thread");
    host.accept_badly();
    assert_eq!(end_of(&viewer), Error::Version);
}

#[test]
fn a_silent_address_is_unreachable() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port that answers nothing");
    let address = socket.local_addr().expect("bound");
    let authority = Authority::new();
    let text = authority.bundle(address, &authority, u64::from(u32::MAX));
    let bundle = Bundle::parse(text.as_bytes()).expect("well formed");
    let error = Viewer::connect(bundle, options(), Arc::new(())).expect_err("nobody there");
    assert_eq!(error, Error::Unreachable { host: address.to_string() });
}

#[test]
fn leaving_while_connecting_does_not_wait() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port that answers nothing");
    let authority = Authority::new();
    let text = authority.bundle(socket.local_addr().expect("bound"), &authority, u64::from(u32::MAX));
    let bundle = Bundle::parse(text.as_bytes()).expect("well formed");
    let viewer = Viewer::start(bundle, options(), Arc::new(())).expect("a thread");
    let begun = std::time::Instant::now();
    drop(viewer);
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_link_runs_on_the_callers_runtime_too() {
    let host = Host::start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let bundle = host.bundle();
    let connecting = runtime.spawn(async move { Link::connect(bundle, options()).await });
    let mut peer = host.accept();
    peer.attach(1, false);
    let link = runtime.block_on(connecting).expect("no panic").expect("attached");
    let scene: &Arc<Scene> = link.scene();
    assert!(matches!(scene.lock().state, State::Attached));
}
