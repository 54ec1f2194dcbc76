//! A session as it should go.

use shoji_protocol::time::Instant;
use shoji_protocol::{
    AttachHow, Button, CanvasId, Capabilities, CloseCode, Finger, Fixed, Input, InputSequence, Key, Notice, Position,
    ResumeToken, SessionId, ToHost, ToViewer, TouchPhase, UpdateId, WheelDelta, WheelSource, host, limits, viewer,
};

use crate::pair::{Pair, Seen, ms, opened, update, viewer_body, viewport};

fn motion(x: i32) -> Input {
    Input::PointerMotion { canvas: CanvasId(1), position: Position { x: Fixed(x), y: Fixed(0) } }
}

fn key(code: u16, pressed: bool) -> Input {
    Input::Key { key: Key::new(code).unwrap(), pressed }
}

#[test]
fn a_viewer_has_its_session_after_one_round_trip() {
    let mut pair = Pair::new();
    let start = pair.now;
    pair.settle();
    assert_eq!(pair.now.since(start), pair.latency + pair.latency);
    assert_eq!(pair.seen, [Seen::Attached { session: SessionId(7), token: ResumeToken(0x5eed), resumed: false }]);
    let asked = &pair.host_events[0];
    assert!(
        matches!(asked, host::Event::AttachRequested { how: AttachHow::New, capabilities: Capabilities::ALL, .. }),
        "{asked:?}"
    );
}

#[test]
fn a_viewer_takes_up_its_session_with_its_token() {
    let token = ResumeToken(0x5eed);
    let mut pair =
        Pair::with(viewer::Config { how: AttachHow::Resume(token), ..viewer::Config::new(viewport(800, 600)) });
    pair.settle();
    assert!(
        matches!(pair.host_events[0], host::Event::AttachRequested { how: AttachHow::Resume(given), .. } if given == token)
    );
    assert_eq!(pair.seen, [Seen::Attached { session: SessionId(7), token, resumed: true }]);
}

#[test]
fn both_ends_do_what_both_can() {
    let mut pair =
        Pair::with(viewer::Config { capabilities: Capabilities::H264, ..viewer::Config::new(viewport(800, 600)) });
    pair.settle();
    assert!(matches!(pair.host_events[0], host::Event::AttachRequested { capabilities: Capabilities::H264, .. }));
    let touch = Input::Touch {
        finger: Finger::MIN,
        phase: TouchPhase::Down,
        canvas: CanvasId(1),
        position: Position::from_pixels(1.0, 1.0),
    };
    pair.show(&opened(1));
    pair.settle();
    assert_eq!(pair.viewer.input(touch, pair.now), None);
    assert_eq!(pair.viewer.input(Input::PointerRelative { dx: Fixed(1), dy: Fixed(1) }, pair.now), None);
}

#[test]
fn a_refused_viewer_learns_why() {
    let mut pair = Pair::new();
    pair.gives_session = false;
    pair.settle();
    pair.host.refuse(CloseCode::NoCapacity);
    pair.settle();
    assert_eq!(pair.seen, [Seen::Closed(CloseCode::NoCapacity)]);
    assert_eq!(pair.host_events.last(), Some(&host::Event::Closed(CloseCode::NoCapacity)));
}

#[test]
fn a_session_for_a_viewer_that_has_gone_is_given_back() {
    let mut pair = Pair::new();
    pair.gives_session = false;
    pair.settle();
    pair.viewer.close(CloseCode::Normal);
    pair.settle();
    assert!(!pair.host.attached(SessionId(1), ResumeToken(1), false, pair.now));
    assert_eq!(pair.host_events.last(), Some(&host::Event::Closed(CloseCode::Normal)));
}

#[test]
fn input_reaches_the_worker_in_order_and_numbered_from_one() {
    let mut pair = Pair::attached();
    pair.host_events.clear();
    let events = [
        Input::Focus { canvas: Some(CanvasId(1)) },
        key(30, true),
        motion(256),
        Input::PointerButton { button: Button::Left, pressed: true },
        key(30, false),
    ];
    for (event, place) in events.iter().zip(1..) {
        assert_eq!(pair.viewer.input(event.clone(), pair.now), Some(InputSequence(place)));
    }
    pair.run(ms(50));
    let given: Vec<_> = events
        .iter()
        .zip(1..)
        .map(|(event, place)| ToHost::Input { sequence: InputSequence(place), event: event.clone() })
        .collect();
    assert_eq!(pair.take_for_worker(), given);
}

#[test]
fn a_mouse_of_a_thousand_hertz_is_merged_and_never_too_fast() {
    let mut pair = Pair::attached();
    pair.host_events.clear();
    for x in 0..10_000 {
        pair.viewer.input(motion(x), pair.now);
        pair.run(ms(1));
    }
    pair.run(ms(50));
    let given = pair.take_for_worker();
    assert!((2_400..=2_501).contains(&given.len()), "{} motions in ten seconds", given.len());
    let last = given.last().cloned();
    assert!(matches!(last, Some(ToHost::Input { event, .. }) if event == motion(9_999)));
    assert_eq!(pair.host_error, None);
}

#[test]
fn motion_that_was_held_up_by_a_stalled_link_is_not_too_fast() {
    let mut pair = Pair::attached();
    pair.latency = ms(8_000);
    for x in 0..8_000 {
        pair.viewer.input(motion(x), pair.now);
        pair.run(ms(1));
        pair.latency = ms(8_000 - x as u64);
    }
    pair.latency = ms(5);
    pair.run(ms(5_000));
    assert_eq!(pair.host_error, None);
    assert_eq!(pair.host.closed(), None);
}

#[test]
fn sixty_keys_a_second_for_a_minute_are_not_too_fast() {
    let mut pair = Pair::attached();
    for round in 0..3_600 {
        assert!(pair.viewer.input(key(30 + round % 10, true), pair.now).is_some());
        pair.run(ms(8));
        assert!(pair.viewer.input(key(30 + round % 10, false), pair.now).is_some());
        pair.run(ms(8));
        pair.host_events.clear();
    }
    assert_eq!(pair.host_error, None);
}

#[test]
fn ten_fingers_a_mouse_and_its_wheel_at_full_speed_are_not_too_fast() {
    let mut pair = Pair::attached();
    let wheel = Input::Wheel {
        horizontal: WheelDelta::clamped(0),
        vertical: WheelDelta::clamped(1),
        source: WheelSource::Wheel,
    };
    for x in 0..15_000 {
        for finger in 0..10 {
            let (finger, position) = (Finger::clamped(finger), Position { x: Fixed(x), y: Fixed(0) });
            pair.viewer
                .input(Input::Touch { finger, phase: TouchPhase::Motion, canvas: CanvasId(1), position }, pair.now);
        }
        pair.viewer.input(motion(x), pair.now);
        pair.viewer.input(wheel.clone(), pair.now);
        pair.run(ms(1));
        pair.host_events.clear();
    }
    assert_eq!(pair.host_error, None);
}

#[test]
fn merged_motion_keeps_its_place_before_a_button() {
    let mut pair = Pair::attached();
    pair.host_events.clear();
    assert_eq!(pair.viewer.input(motion(1), pair.now), Some(InputSequence(1)));
    assert_eq!(pair.viewer.input(motion(2), pair.now), Some(InputSequence(2)));
    assert_eq!(pair.viewer.input(motion(3), pair.now), Some(InputSequence(2)));
    let press = Input::PointerButton { button: Button::Left, pressed: true };
    assert_eq!(pair.viewer.input(press.clone(), pair.now), Some(InputSequence(3)));
    pair.run(ms(50));
    let events: Vec<_> = pair
        .take_for_worker()
        .into_iter()
        .map(|message| match message {
            ToHost::Input { event, .. } => event,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(events, [motion(1), motion(3), press]);
}

#[test]
fn wheel_steps_are_added_and_a_lifted_finger_is_not_swallowed() {
    let mut pair = Pair::attached();
    pair.host_events.clear();
    let wheel = |vertical| Input::Wheel {
        horizontal: WheelDelta::clamped(0),
        vertical: WheelDelta::clamped(vertical),
        source: WheelSource::Finger,
    };
    for step in [10, 20, 30, 0] {
        pair.viewer.input(wheel(step), pair.now);
    }
    pair.run(ms(50));
    let events: Vec<_> = pair
        .take_for_worker()
        .into_iter()
        .map(|message| match message {
            ToHost::Input { event, .. } => event,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(events, [wheel(10), wheel(50), wheel(0)]);
}

#[test]
fn a_dragged_window_sends_its_newest_size_and_the_last() {
    let mut pair = Pair::attached();
    pair.host_events.clear();
    for width in 0..1_000 {
        pair.viewer.resize(CanvasId(1), viewport(1_000 + width, 800), pair.now);
        pair.run(ms(4));
    }
    pair.run(ms(100));
    let sizes = pair.take_for_worker();
    assert!((100..=130).contains(&sizes.len()), "{} sizes in four seconds", sizes.len());
    assert_eq!(sizes.last(), Some(&ToHost::Resize { canvas: CanvasId(1), viewport: viewport(1_999, 800) }));
    assert_eq!(pair.host_error, None);
}

#[test]
fn updates_may_overtake_the_word_that_the_session_is_there() {
    let mut pair = Pair::new();
    pair.latency = ms(50);
    pair.updates_latency = ms(1);
    pair.gives_session = false;
    pair.settle();
    assert!(pair.host.attached(SessionId(1), ResumeToken(1), false, pair.now));
    pair.show(&opened(1));
    pair.show(&update(1, 1, 0, &[1, 2, 3]));
    pair.host_events.clear();
    pair.settle();
    let attached = Seen::Attached { session: SessionId(1), token: ResumeToken(1), resumed: false };
    let shown = Seen::Update { canvas: CanvasId(1), update: UpdateId(1), bytes: 3 };
    assert_eq!(pair.seen, [Seen::Other("CanvasOpened"), shown, attached]);
    assert_eq!(pair.take_for_worker(), [ToHost::Presented { canvas: CanvasId(1), update: UpdateId(1) }]);
}

#[test]
fn an_acknowledgement_of_the_newest_update_acknowledges_all_before() {
    let mut pair = Pair::attached();
    pair.presents = false;
    pair.host_events.clear();
    for id in 1..=5 {
        pair.show(&update(1, id, 0, &[0; 10]));
    }
    pair.settle();
    pair.viewer.presented(CanvasId(1), UpdateId(5));
    pair.viewer.presented(CanvasId(1), UpdateId(3));
    pair.viewer.presented(CanvasId(1), UpdateId(5));
    pair.settle();
    assert_eq!(pair.take_for_worker(), [ToHost::Presented { canvas: CanvasId(1), update: UpdateId(5) }]);
    // All places are free again.
    for id in 6..6 + limits::MAX_IN_FLIGHT as u64 {
        pair.show(&update(1, id, 0, &[0; 10]));
    }
}

#[test]
fn what_a_viewer_says_of_a_canvas_that_has_just_closed_is_late_and_no_fault() {
    let mut pair = Pair::attached();
    pair.show(&opened(2));
    pair.show(&update(2, 1, 0, &[1]));
    pair.settle();
    pair.presents = false;
    pair.show(&update(2, 2, 0, &[1]));
    pair.settle();
    pair.host_events.clear();
    let now = pair.now;
    pair.viewer.presented(CanvasId(2), UpdateId(2));
    pair.viewer.repaint(CanvasId(2), now);
    pair.viewer.close_canvas(CanvasId(2), now);
    pair.viewer.resize(CanvasId(2), viewport(800, 600), now);
    pair.viewer.input(Input::Focus { canvas: Some(CanvasId(2)) }, now);
    pair.show(&ToViewer::CanvasClosed { canvas: CanvasId(2) });
    pair.run(ms(1_000));
    assert_eq!(pair.host_error, None);
    // Input goes on, so that the numbers stay whole; the rest has no meaning any more.
    let given = pair.take_for_worker();
    assert_eq!(
        given,
        [ToHost::Input { sequence: InputSequence(1), event: Input::Focus { canvas: Some(CanvasId(2)) } }]
    );
}

#[test]
fn an_idle_connection_says_one_word_in_five_seconds_and_stays() {
    let mut pair = Pair::attached();
    let before = pair.frames_to_host + pair.frames_to_viewer;
    pair.run(ms(100_000));
    let words = pair.frames_to_host + pair.frames_to_viewer - before;
    assert!((20..=80).contains(&words), "{words} frames in 100 s");
    assert_eq!((pair.host.closed(), pair.viewer.closed()), (None, None));
}

#[test]
fn the_round_trip_is_measured() {
    let mut pair = Pair::attached();
    pair.latency = ms(30);
    pair.run(ms(1_500));
    pair.viewer.ping(pair.now);
    pair.run(ms(100));
    assert_eq!(pair.viewer.round_trip(), Some(ms(60)));
}

#[test]
fn both_ends_notice_a_cut_link() {
    let mut pair = Pair::attached();
    pair.is_cut = true;
    pair.run(ms(30_000));
    assert_eq!(pair.host.closed(), Some(CloseCode::KeepAliveLost));
    assert_eq!(pair.viewer.closed(), Some(CloseCode::KeepAliveLost));
    assert_eq!((pair.host.deadline(), pair.viewer.deadline()), (None, None));
}

#[test]
fn a_key_that_is_held_is_said_to_be_until_it_is_let_go_and_a_modifier_is_not() {
    let mut pair = Pair::attached();
    pair.host_events.clear();
    let held = |pair: &Pair| {
        let is_word = |event: &&host::Event| {
            matches!(event, host::Event::ForWorker(ToHost::Input { event: Input::StillHeld, .. }))
        };
        pair.host_events.iter().filter(is_word).count()
    };
    pair.viewer.input(key(42, true), pair.now);
    pair.run(ms(2_000));
    assert_eq!(held(&pair), 0, "shift alone");
    pair.viewer.input(key(30, true), pair.now);
    pair.run(ms(300));
    assert_eq!(held(&pair), 0, "it may be a tap");
    pair.run(ms(1_000));
    assert!((10..=13).contains(&held(&pair)), "{}", held(&pair));
    pair.viewer.input(key(30, false), pair.now);
    pair.settle();
    pair.host_events.clear();
    pair.run(ms(1_000));
    assert_eq!(held(&pair), 0);
    assert_eq!(pair.host_error, None);
}

#[test]
fn a_host_that_answers_no_key_is_asked_and_told_as_silent_and_gets_no_new_keys() {
    let mut pair = Pair::attached();
    pair.is_cut = true;
    assert!(pair.viewer.input(key(30, true), pair.now).is_some());
    pair.run(ms(2_900));
    assert!(!pair.viewer.is_silent() && pair.viewer.input(key(31, true), pair.now).is_some());
    pair.run(ms(200));
    assert!(pair.viewer.is_silent());
    assert_eq!(pair.viewer.input(key(32, true), pair.now), None);
    assert!(pair.viewer.input(key(31, false), pair.now).is_some(), "what is down is let go");
    assert!(pair.viewer.input(Input::Focus { canvas: None }, pair.now).is_some());
    pair.run(ms(3_700));
    assert_eq!(pair.viewer.closed(), None);
    pair.run(ms(300));
    assert_eq!(pair.viewer.closed(), Some(CloseCode::KeepAliveLost));
    assert_eq!(pair.host.closed(), None, "the host is more patient");
}

#[test]
fn a_host_that_is_heard_again_gets_keys_again() {
    let mut pair = Pair::attached();
    pair.is_cut = true;
    pair.viewer.input(key(30, true), pair.now);
    pair.run(ms(3_500));
    assert!(pair.viewer.is_silent());
    pair.viewer.heard(pair.now);
    assert!(!pair.viewer.is_silent() && pair.viewer.input(key(30, false), pair.now).is_some());
}

#[test]
fn what_was_done_since_the_host_can_have_answered_counts_as_unconfirmed() {
    let mut pair = Pair::attached();
    pair.viewer.path_takes(ms(40));
    pair.is_cut = true;
    assert!(!pair.viewer.is_input_unconfirmed());
    pair.viewer.input(key(30, true), pair.now);
    pair.run(ms(30));
    pair.viewer.heard(pair.now);
    assert!(pair.viewer.is_input_unconfirmed(), "that was on its way before");
    pair.run(ms(10));
    pair.viewer.heard(pair.now);
    assert!(!pair.viewer.is_input_unconfirmed());
    pair.viewer.input(Input::PointerLeave, pair.now);
    assert!(!pair.viewer.is_input_unconfirmed(), "nobody did anything");
}

#[test]
fn a_picture_made_after_what_was_done_confirms_it_and_one_made_before_does_not() {
    let mut pair = Pair::attached();
    let first = pair.viewer.input(key(30, true), pair.now).unwrap();
    let last = pair.viewer.input(Input::PointerButton { button: Button::Left, pressed: true }, pair.now).unwrap();
    pair.run(ms(3));
    // As if the way back took no time: what counts is which input the picture knows of.
    pair.updates_latency = ms(0);
    pair.run(ms(2));
    let shown = |pair: &mut Pair, number, input: InputSequence| {
        pair.show(&update(1, number, input.0, b"x"));
        pair.run(ms(0));
    };
    shown(&mut pair, 1, first);
    assert!(pair.viewer.is_input_unconfirmed(), "the click may be lost");
    shown(&mut pair, 2, last);
    assert!(!pair.viewer.is_input_unconfirmed());
    pair.viewer.input(key(30, false), pair.now);
    pair.viewer.input(motion(256), pair.now);
    assert!(!pair.viewer.is_input_unconfirmed(), "nobody expects to see anything of these");
}

#[test]
fn where_the_carrier_does_not_know_the_way_the_first_answer_tells_how_long_it_is() {
    let mut pair = Pair::new();
    (pair.latency, pair.updates_latency) = (ms(30), ms(30));
    pair.settle();
    pair.show(&opened(1));
    pair.settle();
    pair.is_cut = true;
    pair.viewer.input(key(30, true), pair.now);
    pair.run(ms(59));
    pair.viewer.heard(pair.now);
    assert!(pair.viewer.is_input_unconfirmed(), "that was on its way before");
    pair.run(ms(1));
    pair.viewer.heard(pair.now);
    assert!(!pair.viewer.is_input_unconfirmed());
}

#[test]
fn a_host_that_answers_is_not_asked_for_every_key() {
    let mut pair = Pair::attached();
    let before = pair.frames_to_host;
    for turn in 0..50_u16 {
        pair.viewer.input(key(30, turn % 2 == 0), pair.now);
        pair.run(ms(200));
    }
    let asked = pair.frames_to_host - before - 50;
    assert!(asked <= 10, "{asked} questions in ten seconds");
}

#[test]
fn a_viewer_that_leaves_keeps_its_session() {
    let mut pair = Pair::attached();
    pair.host_events.clear();
    pair.viewer.input(key(30, true), pair.now);
    pair.viewer.detach(pair.now);
    pair.settle();
    let input = host::Event::ForWorker(ToHost::Input { sequence: InputSequence(1), event: key(30, true) });
    assert_eq!(pair.host_events, [input, host::Event::DetachRequested, host::Event::Closed(CloseCode::Normal)]);
    assert_eq!(pair.viewer.closed(), Some(CloseCode::Normal));
}

#[test]
fn a_viewer_that_ends_its_session_waits_for_the_browser_and_late_input_is_no_fault() {
    let mut pair = Pair::attached();
    pair.host_events.clear();
    pair.latency = ms(1);
    pair.viewer.end(pair.now);
    pair.settle();
    assert_eq!(pair.host_events, [host::Event::EndRequested]);
    let late = ToHost::Input { sequence: InputSequence(9), event: key(30, true) };
    pair.host.handle_frame(shoji_protocol::Channel::Input, &crate::pair::body(&late), pair.now).unwrap();
    assert_eq!(pair.host.forward(&viewer_body(&update(1, 1, 0, &[])), pair.now), Ok(None));
    pair.host.close(CloseCode::SessionEnded);
    pair.settle();
    assert_eq!(pair.seen.last(), Some(&Seen::Closed(CloseCode::SessionEnded)));
}

#[test]
fn a_notice_reaches_the_person() {
    let mut pair = Pair::attached();
    pair.host.notice(Notice::BrowserCrashedRestarting);
    pair.settle();
    assert_eq!(pair.seen.last(), Some(&Seen::Other("other")));
}

#[test]
fn the_first_reason_to_close_stands_and_nothing_comes_after_it() {
    let mut pair = Pair::attached();
    pair.host.close(CloseCode::Revoked);
    pair.host.close(CloseCode::HostStopping);
    pair.settle();
    assert_eq!(pair.seen.last(), Some(&Seen::Closed(CloseCode::Revoked)));
    assert_eq!(pair.viewer.input(key(30, true), pair.now), None);
    pair.viewer.ping(pair.now);
    pair.viewer.presented(CanvasId(1), UpdateId(1));
    assert!(pair.viewer.poll_send().is_none());
    assert!(pair.host.poll_send().is_none());
}

#[test]
fn lost_pictures_are_asked_for_once_each_and_not_too_fast() {
    let mut pair = Pair::attached();
    for canvas in 2..=20 {
        pair.show(&opened(canvas));
    }
    pair.settle();
    pair.host_events.clear();
    for canvas in 1..=20 {
        pair.viewer.repaint(CanvasId(canvas), pair.now);
        pair.viewer.repaint(CanvasId(canvas), pair.now);
    }
    pair.run(ms(20_000));
    let asked = pair.take_for_worker();
    // The first left at once, so it was asked for again.
    assert_eq!(asked.len(), 21, "{asked:?}");
    assert_eq!(pair.host_error, None);
}

#[test]
fn time_that_stands_still_or_goes_back_breaks_nothing() {
    let mut pair = Pair::attached();
    pair.now = Instant::from_micros(0);
    for x in 0..100 {
        pair.viewer.input(motion(x), pair.now);
        pair.viewer.handle_deadline(pair.now);
        pair.host.handle_deadline(pair.now);
    }
    pair.settle();
    assert_eq!((pair.host_error, pair.viewer_error), (None, None));
}
