//! The menu, its button and the help card: by keyboard and by mouse, and what of all that reaches the host.

use image::RgbImage;
use shoji_protocol::host::Event;
use shoji_protocol::{CanvasId, CloseCode, Input, Scale, ToHost, ToViewer, WindowState};

use crate::{
    display::{BAR, Display, EDGE, Program, Scene, Setup, scene, scene_of, shows},
    support::{Host, Picture},
};

/// Behind the menu's words, and behind the chosen row's.
const RAISED: [u8; 3] = [0xff, 0xfd, 0xf8];
const CHOSEN: [u8; 3] = [0xf4, 0xe4, 0xbf];

/// Where a window of 800x600 has the middle of the menu's button.
const BUTTON: (u32, u32) = (780, 11);

/// The right Ctrl key by its place; by its name the other one would be pressed too.
const CTRL_RIGHT: &str = "105";

/// The menu lies in the upper right corner: its padding is seen there, with its shadow around it.
fn has_menu(screen: &RgbImage) -> bool {
    let right = EDGE + 800 - 8;
    (20..100).all(|x| screen.get_pixel(right - x, BAR + 8 + 3).0 == RAISED)
}

/// The height of the middle of a menu's row below so many rules.
fn row(at: u32, rules: u32) -> u32 {
    BAR + 8 + 6 + at * 32 + rules * 9 + 16
}

fn is_chosen(screen: &RgbImage, y: u32) -> bool {
    screen.get_pixel(EDGE + 800 - 8 - 6 - 4, y).0 == CHOSEN
}

fn keys(inputs: &[Input]) -> Vec<(u16, bool)> {
    let key = |input: &Input| match input {
        Input::Key { key, pressed } => Some((key.get(), *pressed)),
        _ => None,
    };
    inputs.iter().filter_map(key).collect()
}

fn click(scene: &Scene, x: u32, y: u32) {
    scene.display.tool("xdotool", &["mousemove", &x.to_string(), &y.to_string(), "click", "1"]);
}

#[test]
fn the_menu_opens_by_its_key_and_no_key_reaches_the_page_until_it_closes() {
    let mut scene = scene(&["--lang", "ja"]);
    scene.focus();
    scene.display.tool("xdotool", &["keydown", "a"]);
    scene.keys(&["Pause"]);
    scene.display.see("menu by key", |screen| has_menu(screen) && is_chosen(screen, row(0, 0)));
    // What was held is lifted now, though the hand still holds it.
    let lifted = |input: &Input| matches!(input, Input::Key { key, pressed: false } if key.get() == 30);
    while !lifted(&scene.peer.input().1) {}
    scene.keys(&["b", "Down", "Down", "Up"]);
    scene.display.see("menu second row", |screen| is_chosen(screen, row(1, 0)));
    scene.keys(&["Escape"]);
    scene.display.see("menu closed by key", |screen| shows(screen, &scene.picture));
    scene.display.tool("xdotool", &["keyup", "a"]);
    assert_eq!(keys(&scene.inputs()), [], "it was lifted once, and nothing else came");

    // The same key closes it, and with another it is the page's.
    scene.keys(&["Pause"]);
    scene.display.see("menu again", has_menu);
    scene.keys(&["Pause", "ctrl+Pause"]);
    scene.display.see("menu closed by its key", |screen| shows(screen, &scene.picture));
    let inputs = scene.inputs();
    // The page gets both; whoever strikes them lifts them in any order.
    assert_eq!(keys(&inputs)[1..3], [(29, true), (119, true)], "after the end of z");
    assert_eq!(keys(&inputs).len(), 5);
}

#[test]
fn the_menu_opens_by_its_button_and_no_click_reaches_the_page_until_it_closes() {
    let mut scene = scene(&["--lang", "en"]);
    scene.focus();
    scene.display.tool("xdotool", &["mousemove", "300", "300"]);
    click(&scene, BUTTON.0, BUTTON.1);
    scene.display.see("menu by button", has_menu);
    // Over a row, the wheel, another button: all the menu's. Beside it: it closes.
    scene.display.tool("xdotool", &["mousemove", "700", &row(2, 0).to_string(), "click", "3", "click", "5"]);
    scene.display.see("menu row by wheel", |screen| has_menu(screen) && !is_chosen(screen, row(2, 0)));
    click(&scene, 200, 300);
    scene.display.see("menu closed by mouse", |screen| shows(screen, &scene.picture));
    let inputs = scene.inputs();
    let clicks = |input: &&Input| matches!(input, Input::PointerButton { .. } | Input::Wheel { .. });
    assert_eq!(inputs.iter().find(clicks), None, "{inputs:?}");
    assert!(inputs.contains(&Input::PointerLeave), "the page knows that the pointer is away: {inputs:?}");
    // After that the mouse is the page's again.
    click(&scene, 200, 300);
    assert_eq!(scene.inputs().iter().filter(clicks).count(), 2);
}

#[test]
fn a_button_that_is_down_on_the_page_is_lifted_when_the_menu_opens() {
    let mut scene = scene(&[]);
    scene.focus();
    scene.display.tool("xdotool", &["mousemove", "200", "300", "mousedown", "1"]);
    scene.keys(&["Pause"]);
    scene.display.see("menu while dragging", has_menu);
    while !matches!(scene.peer.input().1, Input::PointerButton { pressed: false, .. }) {}
    scene.keys(&["Escape"]);
    scene.display.tool("xdotool", &["mouseup", "1"]);
    let inputs = scene.inputs();
    assert!(!inputs.iter().any(|input| matches!(input, Input::PointerButton { .. })), "lifted once: {inputs:?}");
}

#[test]
fn the_zoom_is_sent_as_the_scale_and_the_menu_stays_to_try_another() {
    let mut scene = scene(&[]);
    scene.focus();
    click(&scene, BUTTON.0, BUTTON.1);
    click(&scene, 700, row(1, 0));
    let scale_of = |scene: &mut Scene, at: u32| {
        click(scene, 700, row(at, 1));
        loop {
            if let ToHost::Resize { viewport, .. } = scene.peer.message() {
                return viewport;
            }
        }
    };
    for (at, wanted) in [(3, 180), (5, 240), (2, 150), (1, 120)] {
        let viewport = scale_of(&mut scene, at);
        assert_eq!(viewport.scale(), Scale::new(wanted).expect("a scale"));
        assert_eq!((viewport.size().width(), viewport.size().height()), (800, 600), "the size is the window's");
    }
    scene.display.see("zoom", has_menu);
    scene.keys(&["Escape", "Escape"]);
    scene.display.see("zoom chosen", |screen| shows(screen, &scene.picture));
}

#[test]
fn the_next_start_has_the_zoom_that_was_chosen() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("shoji")).expect("a folder");
    std::fs::write(folder.path().join("shoji/viewer-explained"), "").expect("a file");
    let setup = || Setup { state: Some(folder.path()), ..Setup::default() };
    let mut first = scene_of(setup());
    assert_eq!(first.peer.viewport().scale(), Scale::ONE);
    first.focus();
    click(&first, BUTTON.0, BUTTON.1);
    click(&first, 700, row(1, 0));
    click(&first, 700, row(3, 1));
    let kept = folder.path().join("shoji/viewer-zoom");
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while !std::fs::read_to_string(&kept).is_ok_and(|zoom| zoom == "150") {
        assert!(std::time::Instant::now() < deadline, "the zoom is not kept");
        std::thread::yield_now();
    }
    drop(first);
    let second = scene_of(setup());
    assert_eq!(second.peer.viewport().scale(), Scale::new(180).expect("a scale"));
}

#[test]
fn keys_that_the_pc_keeps_are_sent_from_the_menu() {
    let mut scene = scene(&[]);
    scene.focus();
    scene.keys(&["Pause", "Down", "Down", "Return"]);
    scene.display.see("keys", |screen| has_menu(screen) && is_chosen(screen, row(1, 1)));
    scene.keys(&["Return"]);
    let sent = [(29, true), (56, true), (111, true), (111, false), (56, false), (29, false)];
    assert_eq!(keys(&scene.inputs()), sent);
    // The menu's own key is the last of them.
    scene.keys(&["Pause", "Down", "Down", "Return", "End", "Return"]);
    assert_eq!(keys(&scene.inputs())[1..], [(119, true), (119, false)], "after the end of z");
}

#[test]
fn the_session_is_ended_from_the_menu_after_a_question() {
    let mut scene = scene(&["--lang", "ja"]);
    scene.focus();
    scene.keys(&["Pause", "Up", "Return"]);
    scene.display.see("end question", has_menu);
    // Enter alone keeps it.
    scene.keys(&["Return", "Escape"]);
    scene.display.see("session kept", |screen| shows(screen, &scene.picture));
    assert_eq!(keys(&scene.inputs()), []);
    scene.keys(&["Pause", "Up", "Return", "Down", "Return"]);
    while scene.peer.wish() != Event::EndRequested {}
    scene.peer.close(CloseCode::SessionEnded);
    scene.program.ended();
}

#[test]
fn details_and_help_are_in_the_menu() {
    let mut scene = scene(&[]);
    scene.focus();
    let corner = |screen: &RgbImage| screen.get_pixel(EDGE + 800 - 20, BAR + 60).0;
    let plain = scene.picture.rgb(780, 60);
    scene.keys(&["Pause", "Down", "Down", "Down", "Return"]);
    scene.display.see("details by menu", |screen| !has_menu(screen) && corner(screen) != plain);
    scene.keys(&["Pause", "Down", "Down", "Down", "Return"]);
    scene.display.see("no details by menu", |screen| shows(screen, &scene.picture));
    scene.keys(&["Pause", "Up", "Up", "Return"]);
    scene
        .display
        .see("help by menu", |screen| !has_menu(screen) && screen.get_pixel(400, 60).0 != scene.picture.rgb(396, 38));
    click(&scene, 300, 300);
    scene.display.see("help closed", |screen| shows(screen, &scene.picture));
    let inputs = scene.inputs();
    assert_eq!(keys(&inputs), []);
    assert!(!inputs.iter().any(|input| matches!(input, Input::PointerButton { .. })), "{inputs:?}");
}

#[test]
fn the_first_start_explains_itself_once_and_its_key_is_not_the_pages() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = Some(folder.path());
    let card = |screen: &RgbImage, picture: &Picture| {
        let dimmed = screen.get_pixel(EDGE + 3, BAR + 590).0 != picture.rgb(3, 590);
        dimmed && screen.get_pixel(EDGE + 400, BAR + 590).0 != picture.rgb(400, 590)
    };
    {
        let mut scene = scene_of(Setup { state, ..Setup::default() });
        scene.display.see("first start", |screen| card(screen, &scene.picture));
        scene.focus();
        scene.keys(&["x"]);
        scene.display.see("explained", |screen| shows(screen, &scene.picture));
        assert_eq!(keys(&scene.inputs()), []);
    }
    let second = scene_of(Setup { state, ..Setup::default() });
    second.display.see("second start", |screen| shows(screen, &second.picture));
    // Where nothing can be noted it is explained again, and nobody is bothered otherwise.
    let file = folder.path().join("no folder");
    std::fs::write(&file, "").expect("a file");
    let mut scene = scene_of(Setup { state: Some(&file), ..Setup::default() });
    scene.display.see("cannot be noted", |screen| card(screen, &scene.picture));
    scene.focus();
    scene.keys(&["x"]);
    scene.display.see("not noted", |screen| shows(screen, &scene.picture));
}

#[test]
fn shortcuts_that_are_the_pages_reach_it_and_the_button_stays() {
    let mut scene = scene(&["--shortcuts", "page"]);
    scene.focus();
    scene.keys(&["Pause", "ctrl+alt+shift+i"]);
    let inputs = keys(&scene.inputs());
    for code in [119, 23] {
        assert!(inputs.contains(&(code, true)) && inputs.contains(&(code, false)), "{inputs:?}");
    }
    scene.display.see("shortcuts to the page", |screen| shows(screen, &scene.picture));
    click(&scene, BUTTON.0, BUTTON.1);
    scene.display.see("menu without shortcuts", has_menu);
}

#[test]
fn another_key_may_open_the_menu() {
    let mut scene = scene(&["--menu-key", "right-ctrl"]);
    scene.focus();
    scene.display.tool("xdotool", &["key", "Pause", "keydown", CTRL_RIGHT, "key", "c", "keyup", CTRL_RIGHT]);
    let inputs = keys(&scene.inputs());
    let page = [(119, true), (119, false), (97, true), (46, true), (46, false), (97, false)];
    assert_eq!(inputs, page);
    scene.keys(&[CTRL_RIGHT]);
    scene.display.see("menu by right ctrl", has_menu);
    scene.keys(&["Escape"]);
    assert_eq!(keys(&scene.inputs())[1..], [(97, true), (97, false)], "after the end of z");
}

#[test]
fn in_full_screen_the_button_comes_where_the_pointer_rests_at_the_upper_edge() {
    let (display, host) = (Display::start(), Host::start());
    let _manager = display.manage();
    let _program = Program::start(&display, &host.bundle_text(), &["--lang", "ja"]);
    let mut peer = host.accept();
    peer.attach(7, false);
    let own = peer.viewport().size();
    peer.open(1, shoji_protocol::CanvasKind::Window, None, own);
    peer.show(1, &Picture::of(peer.viewport(), 1), 0);
    peer.say(&ToViewer::Window { canvas: CanvasId(1), state: WindowState::Fullscreen });
    let full = peer.resized(|size| size.width() > 1300);
    let picture = Picture::of(peer.viewport(), 6);
    let update = peer.show(1, &picture, 0);
    while peer.presented() != (CanvasId(1), update) {}
    let at = |screen: &RgbImage, x: u32, y: u32| screen.get_pixel(x, y).0;
    let is_plain = |screen: &RgbImage| at(screen, 700, 20) == picture.rgb(700 - EDGE, 20 - EDGE);
    display.tool("xdotool", &["mousemove", "700", "500"]);
    display.see("full screen without button", is_plain);
    display.tool("xdotool", &["mousemove", "650", "0"]);
    display.see("full screen button", |screen| !is_plain(screen));
    // Away from it, it goes; on it, it opens the menu below itself.
    display.tool("xdotool", &["mousemove", "300", "500"]);
    display.see("full screen button gone", is_plain);
    display.tool("xdotool", &["mousemove", "650", "0"]);
    display.see("full screen button again", |screen| !is_plain(screen));
    display.tool("xdotool", &["mousemove", "700", "12", "click", "1"]);
    display.see("full screen menu", |screen| at(screen, 700, EDGE + 8 + 3) == RAISED);
    // The browser asked for full screen, so its own key leaves it.
    display.tool("xdotool", &["key", "Return"]);
    let mut seen = Vec::new();
    while seen.len() < 2 {
        if let Input::Key { key, pressed } = peer.input().1 {
            seen.push((key.get(), pressed));
        }
    }
    assert_eq!(seen, [(87, true), (87, false)]);
    assert!(full.height() > 900);
}

#[test]
fn menu_and_card_fit_a_usual_window_at_both_scales_contrasts_and_languages() {
    for (scale, size) in [("1", (1272, 774)), ("2", (1264, 748))] {
        for contrast in ["normal", "high"] {
            for language in ["ja", "en"] {
                let arguments = ["--lang", language, "--contrast", contrast];
                let mut scene = scene_of(Setup { arguments: &arguments, size, scale, state: None });
                scene.focus();
                let factor: u32 = scale.parse().expect("a number");
                let (edge, bar) = (EDGE * factor, BAR * factor);
                let picture = &scene.picture;
                // All that a menu covers is inside the content: below and left of it the picture stays.
                let fits = |screen: &RgbImage| {
                    let open = screen.get_pixel(edge + size.0 - 60 * factor, bar + 11 * factor).0
                        != picture.rgb(size.0 - 60 * factor, 11 * factor);
                    let below = screen.get_pixel(edge + size.0 - 60 * factor, bar + size.1 - 2).0
                        == picture.rgb(size.0 - 60 * factor, size.1 - 2);
                    let left = screen.get_pixel(edge + 5, bar + 50).0 == picture.rgb(5, 50);
                    open && below && left
                };
                let name = |what: &str| format!("{what} {scale} {contrast} {language}");
                // A key at a time: each changes what is seen.
                let mut seen = scene.display.screenshot();
                let mut strike = |what: &str, keys: &[&str]| {
                    for key in keys {
                        scene.keys(&[key]);
                        seen = scene.display.see(&name(what), |screen| *screen != seen && fits(screen));
                    }
                };
                strike("menu", &["Pause"]);
                strike("zoom", &["Down", "Right"]);
                strike("keys", &["Left", "Down", "Right", "End"]);
                strike("end", &["Left", "End", "Return"]);
                strike("menu again", &["Escape", "Up"]);
                scene.keys(&["Return"]);
                // The picture is dimmed up to its edges, and the card leaves them free.
                scene.display.see(&name("help"), |screen| {
                    let corners = [(4, 4), (size.0 - 5, size.1 - 5)];
                    corners.iter().all(|&(x, y)| screen.get_pixel(edge + x, bar + y).0 != picture.rgb(x, y))
                });
            }
        }
    }
}
