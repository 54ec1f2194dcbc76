//! The program's window on a virtual display: what is on the screen, and what hands do to it.
//!
//! Needs Xvfb, xdotool, openbox, xprop and ImageMagick; their lack fails these tests, as a skip would be believed.

mod hints;
mod menu;

use image::RgbImage;
use shoji_protocol::host::Event;
use shoji_protocol::{
    AttachHow, Button, CanvasId, CanvasKind, CloseCode, Input, Notice, ToHost, ToViewer, WindowState,
};

use crate::{
    display::{AMBER, BAR, Display, EDGE, Program, Scene, scene, shows},
    support::{Authority, Host, Picture},
};

/// How many pixels of the bar are not the frame's colour: its words.
fn ink(screen: &RgbImage) -> usize {
    (0..BAR).flat_map(|y| (0..400).map(move |x| (x, y))).filter(|&(x, y)| screen.get_pixel(x, y).0 != AMBER).count()
}

/// The middle of the screen is paper, and something is written on it.
fn is_page(screen: &RgbImage) -> bool {
    let paper = [0xf7, 0xf3, 0xea];
    let content = || (60..580).flat_map(|y| (40..780).map(move |x| screen.get_pixel(x, y).0));
    screen.get_pixel(20, 590).0 == paper
        && content().filter(|&pixel| pixel == paper).count() > 300_000
        && content().filter(|&pixel| pixel != paper).count() > 2_000
}

#[test]
fn the_window_shows_the_picture_inside_an_amber_frame_with_its_words() {
    let Scene { display, mut peer, mut picture, program, .. } = scene(&["--lang", "ja"]);
    let screen = display.screenshot();
    for (x, y) in [(0, 0), (807, 0), (0, 625), (807, 625), (2, 300), (805, 300), (400, 624), (600, 10)] {
        assert_eq!(screen.get_pixel(x, y).0, AMBER, "{x},{y}");
    }
    let words = ink(&screen);
    assert!((200..3_000).contains(&words), "{words} pixels of words");

    // Only a small part changes; it comes at its place and nothing else moves.
    picture.fill(333, 444, 20, 10, [9, 99, 199]);
    let update = peer.show(1, &picture, 0);
    display.see("patch", |screen| shows(screen, &picture) && screen.get_pixel(EDGE + 340, BAR + 450).0 == [199, 99, 9]);
    while peer.presented() != (CanvasId(1), update) {}
    drop(program);
}

#[test]
fn keys_and_mouse_reach_the_host_and_are_released_when_the_focus_goes() {
    let Scene { display, mut peer, program: _program, .. } = scene(&[]);
    display.tool("xdotool", &["mousemove", "104", "72", "click", "1", "click", "4"]);
    let at = shoji_protocol::Position::from_pixels(100.0, 50.0);
    let mut seen = Vec::new();
    while seen.len() < 4 {
        match peer.input().1 {
            Input::Focus { .. } => {}
            input => seen.push(input),
        }
    }
    assert_eq!(seen[0], Input::PointerMotion { canvas: CanvasId(1), position: at });
    assert_eq!(seen[1], Input::PointerButton { button: Button::Left, pressed: true });
    assert_eq!(seen[2], Input::PointerButton { button: Button::Left, pressed: false });
    assert!(matches!(seen[3], Input::Wheel { vertical, .. } if vertical.get() == -120), "{:?}", seen[3]);

    let window = String::from_utf8(display.tool("xdotool", &["search", "--name", "Shoji"])).expect("numbers");
    let window = window.trim();
    display.tool("xdotool", &["windowfocus", "--sync", window]);
    while peer.input().1 != (Input::Focus { canvas: Some(CanvasId(1)) }) {}
    display.tool("xdotool", &["keydown", "a"]);
    let key = |input: &Input| matches!(input, Input::Key { key, pressed: true } if key.get() == 30);
    while !key(&peer.input().1) {}
    // Without the focus nothing is down any more.
    display.tool("xdotool", &["mousemove", "1300", "900"]);
    display.tool("xdotool", &["windowunmap", window]);
    while peer.input().1 != (Input::Focus { canvas: None }) {}
    display.tool("xdotool", &["keyup", "a"]);
}

#[test]
fn a_new_size_is_asked_for_and_the_old_picture_is_scaled_until_it_comes() {
    let Scene { display, mut peer, program: _program, .. } = scene(&[]);
    let window = String::from_utf8(display.tool("xdotool", &["search", "--name", "Shoji"])).expect("numbers");
    display.tool("xdotool", &["windowsize", window.trim(), "1008", "726"]);
    let viewport = loop {
        if let ToHost::Resize { viewport, .. } = peer.message()
            && viewport.size().width() == 1000
        {
            break viewport;
        }
    };
    assert_eq!((viewport.size().width(), viewport.size().height()), (1000, 700));
    display.see("resizing", |screen| screen.get_pixel(1006, 400).0 == AMBER && screen.get_pixel(500, 300).0 != [0; 3]);
    let picture = Picture::of(viewport, 4);
    peer.show(1, &picture, 0);
    display.see("resized", |screen| shows(screen, &picture));
}

#[test]
fn full_screen_follows_the_browser_and_comes_back() {
    let (display, host) = (Display::start(), Host::start());
    let _manager = display.manage();
    let _program = Program::start(&display, &host.bundle_text(), &[]);
    let mut peer = host.accept();
    assert_eq!(peer.attach(7, false), AttachHow::Own);
    let own = peer.viewport().size();
    let picture = Picture::of(peer.viewport(), 1);
    peer.open(1, CanvasKind::Window, None, own);
    let update = peer.show(1, &picture, 0);
    while peer.presented() != (CanvasId(1), update) {}
    peer.say(&ToViewer::Window { canvas: CanvasId(1), state: WindowState::Fullscreen });
    // All of the screen but the frame, which stays: nobody shall take the internet for the PC's own screen.
    let full = shoji_protocol::Size::new(1400 - 2 * EDGE as u16, 1000 - 2 * EDGE as u16).expect("a size");
    peer.resized(|size| size == full);
    let picture = Picture::of(peer.viewport(), 6);
    peer.show(1, &picture, 0);
    display.see("fullscreen", |screen| {
        let at = |x, y| screen.get_pixel(x, y).0;
        let edges = [(1, 500), (1398, 500), (700, 1), (700, 998)];
        edges.iter().all(|&(x, y)| at(x, y) == AMBER) && at(EDGE + 100, EDGE + 900) == picture.rgb(100, 900)
    });
    peer.say(&ToViewer::Window { canvas: CanvasId(1), state: WindowState::Normal });
    peer.resized(|size| size == own);
}

#[test]
fn a_window_that_is_taken_away_ends_the_program() {
    let Scene { display, mut peer, program, .. } = scene(&[]);
    let window = String::from_utf8(display.tool("xdotool", &["search", "--name", "Shoji"])).expect("numbers");
    display.tool("xdotool", &["windowclose", window.trim()]);
    while peer.wish() != Event::DetachRequested {}
    program.ended();
}

#[test]
fn a_page_whose_window_is_taken_away_is_asked_to_close_and_is_seen_again_if_it_stays() {
    let Scene { display, mut peer, program: _program, picture, .. } = scene(&[]);
    let windows = || {
        let text = String::from_utf8(display.tool("xdotool", &["search", "--name", "Shoji"])).expect("numbers");
        text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let before = windows();
    let size = shoji_protocol::Size::new(300, 200).expect("a size");
    peer.open(2, CanvasKind::Dialog, Some(1), size);
    let dialog = Picture::pattern(300, 200, 5);
    let update = peer.show(2, &dialog, 0);
    while peer.presented() != (CanvasId(2), update) {}
    let new = windows().into_iter().find(|window| !before.contains(window)).expect("a window for the dialog");
    display.tool("xdotool", &["windowclose", &new]);
    while peer.wish() != Event::ForWorker(ToHost::CloseCanvas { canvas: CanvasId(2) }) {}
    // What the page paints meanwhile is acknowledged and opens no window.
    let update = peer.show(2, &Picture::pattern(300, 200, 6), 0);
    while peer.presented() != (CanvasId(2), update) {}
    assert_eq!(windows(), before);
    // It stays: its window comes back with the picture, above the other.
    display.see("dialog again", |screen| shows(screen, &Picture::pattern(300, 200, 6)));
    peer.say(&ToViewer::CanvasClosed { canvas: CanvasId(2) });
    display.see("dialog closed at last", |screen| shows(screen, &picture));
}

#[test]
fn a_dialog_gets_a_window_of_its_own() {
    let Scene { display, mut peer, program: _program, picture, .. } = scene(&[]);
    let size = shoji_protocol::Size::new(300, 200).expect("a size");
    peer.open(2, CanvasKind::Dialog, Some(1), size);
    let dialog = Picture::pattern(300, 200, 5);
    let update = peer.show(2, &dialog, 0);
    while peer.presented() != (CanvasId(2), update) {}
    display.see("dialog", |screen| shows(screen, &dialog));
    peer.say(&ToViewer::CanvasClosed { canvas: CanvasId(2) });
    display.see("dialog closed", |screen| shows(screen, &picture));
}

#[test]
fn a_lost_connection_dims_the_last_picture_and_the_session_comes_back() {
    for language in ["ja", "en"] {
        let Scene { display, host, mut peer, program: _program, picture } = scene(&["--lang", language]);
        let window = String::from_utf8(display.tool("xdotool", &["search", "--name", "Shoji"])).expect("numbers");
        display.tool("xdotool", &["windowfocus", "--sync", window.trim()]);
        while peer.input().1 != (Input::Focus { canvas: Some(CanvasId(1)) }) {}
        peer.close(CloseCode::HostStopping);
        let corner = |screen: &RgbImage| screen.get_pixel(EDGE + 10, BAR + 590).0;
        let bright = picture.rgb(10, 590);
        display.see(&format!("reconnecting {language}"), |screen| {
            corner(screen) != bright && screen.get_pixel(2, 300).0 == AMBER
        });
        let mut peer = host.accept();
        assert!(matches!(peer.attach(8, true), AttachHow::Resume(_)));
        peer.open(1, CanvasKind::Window, None, peer.viewport().size());
        peer.show(1, &picture, 0);
        display.see(&format!("back {language}"), |screen| shows(screen, &picture));
        assert_eq!(peer.input().1, Input::Focus { canvas: Some(CanvasId(1)) }, "the keyboard is given again");
    }
}

#[test]
fn what_may_not_have_arrived_before_a_loss_is_said_when_the_session_is_back() {
    for language in ["ja", "en"] {
        let Scene { display, host, mut peer, program: _program, picture } = scene(&["--lang", language]);
        let window = String::from_utf8(display.tool("xdotool", &["search", "--name", "Shoji"])).expect("numbers");
        display.tool("xdotool", &["windowfocus", "--sync", window.trim()]);
        while peer.input().1 != (Input::Focus { canvas: Some(CanvasId(1)) }) {}
        display.tool("xdotool", &["key", "a"]);
        while !matches!(peer.input().1, Input::Key { pressed: true, .. }) {}
        // Nothing more is heard of the host.
        peer.carrier.close(u32::from(CloseCode::HostStopping.number()).into(), b"");
        let mut peer = host.accept();
        peer.attach(8, true);
        peer.open(1, CanvasKind::Window, None, peer.viewport().size());
        peer.show(1, &picture, 0);
        let below = picture.rgb(400, 572);
        display.see(&format!("may lack input {language}"), |screen| {
            screen.get_pixel(EDGE + 10, BAR + 300).0 == picture.rgb(10, 300)
                && screen.get_pixel(EDGE + 400, BAR + 600 - 28).0 != below
        });
        display.see(&format!("said {language}"), |screen| {
            peer.answer();
            shows(screen, &picture)
        });
    }
}

#[test]
fn of_several_windows_one_can_be_closed_while_the_host_is_away() {
    let Scene { display, host, mut peer, program: _program, picture } = scene(&[]);
    let windows = || -> Vec<u32> {
        let found = String::from_utf8(display.tool("xdotool", &["search", "--name", "Shoji"])).expect("numbers");
        found.split_whitespace().map(|window| window.parse().expect("a number")).collect()
    };
    let first = windows();
    let size = shoji_protocol::Size::new(300, 200).expect("a size");
    peer.open(2, CanvasKind::Window, None, size);
    let second = Picture::pattern(300, 200, 5);
    let update = peer.show(2, &second, 0);
    while peer.presented() != (CanvasId(2), update) {}
    let popup = windows().into_iter().find(|window| !first.contains(window)).expect("a window of its own");
    peer.close(CloseCode::HostStopping);
    let mut peer = host.accept();
    display.ask_to_close(popup);
    display.see("one window left", |_| windows() == first);
    assert!(matches!(peer.attach(8, true), AttachHow::Resume(_)));
    peer.open(1, CanvasKind::Window, None, peer.viewport().size());
    peer.show(1, &picture, 0);
    display.see("the other goes on", |screen| shows(screen, &picture));
}

#[test]
fn what_closes_a_tab_in_every_browser_goes_to_the_page() {
    let Scene { display, mut peer, program: _program, .. } = scene(&[]);
    let window = String::from_utf8(display.tool("xdotool", &["search", "--name", "Shoji"])).expect("numbers");
    display.tool("xdotool", &["windowfocus", "--sync", window.trim()]);
    while peer.input().1 != (Input::Focus { canvas: Some(CanvasId(1)) }) {}
    for (keys, code) in [("ctrl+w", 17), ("ctrl+t", 20), ("F5", 63)] {
        display.tool("xdotool", &["key", keys]);
        let key = |input: &Input| matches!(input, Input::Key { key, pressed: true } if key.get() == code);
        while !key(&peer.input().1) {}
    }
}

#[test]
fn every_end_is_a_calm_page_with_the_next_step() {
    for language in ["ja", "en"] {
        for code in [CloseCode::Replaced, CloseCode::SessionEnded, CloseCode::Revoked, CloseCode::WorkerDied] {
            let Scene { display, peer, program: _program, .. } = scene(&["--lang", language]);
            peer.close(code);
            let name = format!("{code:?} {language}");
            // A session that may still be there keeps its picture, dimmed.
            if code == CloseCode::Replaced {
                display.see(&name, |screen| screen.get_pixel(400, 300).0 == [0xf7, 0xf3, 0xea]);
            } else {
                display.see(&name, is_page);
            }
        }
    }
}

#[test]
fn what_keeps_a_connection_from_being_made_is_a_page_too() {
    let authority = Authority::new();
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port that answers nothing");
    let silent = silent.local_addr().expect("bound");
    for language in ["ja", "en"] {
        let display = Display::start();
        let expired = authority.bundle(silent, &authority, 1_000_000_000);
        let program = Program::start(&display, &expired, &["--lang", language]);
        display.see(&format!("expired {language}"), is_page);
        drop(program);

        let program = Program::start(&display, "{}", &["--lang", language]);
        display.see(&format!("bundle {language}"), is_page);
        drop(program);

        let connecting = authority.bundle(silent, &authority, u64::from(u32::MAX));
        let program = Program::start(&display, &connecting, &["--lang", language]);
        display.see(&format!("connecting {language}"), is_page);
        drop(program);

        let host = Host::start();
        let stranger = Authority::new().bundle(host.address, &host.authority, u64::from(u32::MAX));
        let program = Program::start(&display, &stranger, &["--lang", language]);
        host.accept_badly();
        display.see(&format!("refused {language}"), is_page);
        drop(program);
    }
}

#[test]
fn details_and_notices_lie_over_the_picture_and_go_again() {
    for language in ["ja", "en"] {
        let Scene { display, mut peer, program: _program, picture, .. } = scene(&["--lang", language]);
        let window = String::from_utf8(display.tool("xdotool", &["search", "--name", "Shoji"])).expect("numbers");
        display.tool("xdotool", &["windowfocus", "--sync", window.trim()]);
        display.tool("xdotool", &["mousemove", "300", "300"]);
        while peer.input().1 != (Input::Focus { canvas: Some(CanvasId(1)) }) {}
        display.tool("xdotool", &["key", "ctrl+alt+shift+i"]);
        peer.notice(Notice::PolicyRefusedDownload);
        display.see(&format!("details {language}"), |screen| {
            let corner = screen.get_pixel(EDGE + 800 - 20, BAR + 60).0;
            let below = screen.get_pixel(EDGE + 400, BAR + 600 - 28).0;
            corner != picture.rgb(780, 60) && below != picture.rgb(400, 572)
        });
        display.tool("xdotool", &["key", "ctrl+alt+shift+i"]);
        display.see(&format!("no details {language}"), |screen| {
            peer.answer();
            shows(screen, &picture)
        });
    }
}

#[test]
fn closing_the_window_asks_the_page_and_the_program_ends_with_the_session() {
    let Scene { display, mut peer, program, .. } = scene(&[]);
    let window = String::from_utf8(display.tool("xdotool", &["search", "--name", "Shoji"])).expect("numbers");
    display.ask_to_close(window.trim().parse().expect("a number"));
    while peer.message() != (ToHost::CloseCanvas { canvas: CanvasId(1) }) {}
    peer.close(CloseCode::SessionEnded);
    program.ended();
}

#[test]
fn every_small_change_is_presented_once_and_in_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let trace = directory.path().join("trace.jsonl");
    let trace_argument = trace.to_str().expect("a plain path").to_owned();
    let Scene { display: _display, mut peer, mut picture, program, .. } = scene(&["--trace", &trace_argument]);
    let mut updates = Vec::new();
    for number in 0..100_u32 {
        picture.fill(100, 100, 24, 24, [number as u8, 3, 4]);
        let update = peer.show(1, &picture, 0);
        while peer.presented() != (CanvasId(1), update) {}
        updates.push(update.0);
    }
    drop(program);
    let text = std::fs::read_to_string(&trace).expect("a trace");
    let events = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let presented = events.filter(|event| event["ev"] == "presented").filter_map(|event| event["update"].as_u64());
    let presented: Vec<u64> = presented.filter(|update| updates.contains(update)).collect();
    // The last line may not have been written when the program was ended.
    assert!(presented.len() + 1 >= updates.len() && updates.starts_with(&presented), "{presented:?}");
}
