//! What the host promises of its browser holds in the real one: no file, no print, no tool behind the page, Japanese.

use std::time::Duration;

use shoji_codec::Canvas;
use shoji_protocol::{CanvasId, KeyboardLayout};
use shoji_viewer::headless::Viewer;
use shoji_viewer::keys::Layout;
use shoji_viewer::script;

use crate::fixture::{Host, PATIENCE, Page, Site, is_colour};

/// What the page of `policies.html` says of its browser, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    asks_for_japanese: bool,
    is_japanese: bool,
    has_japanese_fonts: bool,
    refuses_notifications: bool,
    was_resized: bool,
    was_printed: bool,
    /// Toggles with each X that the page gets.
    key: bool,
}

/// The facts as the page shows them in blocks of 20 pixels in the lower left corner; `None` while it does not.
fn shown(picture: &Canvas) -> Option<Facts> {
    let y = picture.size().height - 10;
    let block = |at: u32| {
        let yes = is_colour(picture, at * 20 + 10, y, [0, 0, 0]);
        (yes || is_colour(picture, at * 20 + 10, y, [255, 204, 0])).then_some(yes)
    };
    Some(Facts {
        asks_for_japanese: block(0)?,
        is_japanese: block(1)?,
        has_japanese_fonts: block(2)?,
        refuses_notifications: block(3)?,
        was_resized: block(4)?,
        was_printed: block(5)?,
        key: block(6)?,
    })
}

/// How the page looks in a browser as promised.
const PROMISED: Facts = Facts {
    asks_for_japanese: true,
    is_japanese: true,
    has_japanese_fonts: true,
    refuses_notifications: true,
    was_resized: false,
    was_printed: false,
    key: false,
};

const SECRET: &str = "この文は職員の端末にもホストにも残らない";

fn site() -> Site {
    Site::of(vec![
        Page { path: "/file", head: "Content-Disposition: attachment\r\n", body: SECRET },
        Page { path: "/done", head: "", body: include_str!("pages/done.html") },
        Page { path: "/login", head: "", body: include_str!("pages/password.html") },
        Page { path: "/", head: "", body: include_str!("pages/policies.html") },
    ])
}

fn play(viewer: &Viewer, steps: &str) {
    let script = script::parse(steps, Layout::Jp).expect("the test's script is one");
    viewer.play(&script, KeyboardLayout::Jp, PATIENCE).expect("the script plays");
}

fn wait_for(viewer: &Viewer, canvas: CanvasId, facts: Facts) {
    let mut last = None;
    let waited = viewer.wait_canvas(canvas, PATIENCE, |picture| {
        last = shown(picture);
        (last == Some(facts)).then_some(())
    });
    assert!(waited.is_ok(), "the page shows {last:?}, not {facts:?}");
}

/// A viewer of the page. A window may get its size after its page: that is no sign of a tool.
fn show(host: &Host) -> (Viewer, CanvasId) {
    let (viewer, main) = host.view(1280, 800);
    viewer.wait_canvas(main, PATIENCE, |picture| shown(picture).map(|_| ())).expect("the page shows");
    play(&viewer, "wait quiet; click 700 300; key R");
    wait_for(&viewer, main, PROMISED);
    (viewer, main)
}

#[test]
fn pages_find_a_japanese_browser_that_has_japanese_fonts() {
    let site = site();
    let host = Host::showing(Some(&format!("http://{}/", site.address)));
    show(&host);
}

#[test]
fn developer_tools_page_source_and_printing_do_not_open() {
    let site = site();
    let host = Host::showing(Some(&format!("http://{}/", site.address)));
    let (viewer, main) = show(&host);
    let mut key = false;
    for keys in ["F12", "Ctrl+Shift+I", "Ctrl+Shift+J", "Ctrl+U", "Ctrl+P"] {
        // The browser may say that its tools are not allowed; Escape closes that.
        play(&viewer, &format!("key {keys}; wait quiet 1000; key Escape; wait quiet 1000; click 700 300; key X"));
        // The page is still there, as large as before, was never printed, and gets the next key.
        key = !key;
        wait_for(&viewer, main, Facts { key, ..PROMISED });
        assert_eq!(viewer.lock().views().count(), 1, "{keys} opened a window");
    }
}

#[test]
fn a_download_leaves_no_file() {
    let site = site();
    let host = Host::showing(Some(&format!("http://{}/", site.address)));
    let (viewer, _) = show(&host);
    play(&viewer, "click 100 200");
    site.wait_asked("/file");
    viewer.wait_quiet(Duration::from_secs(2), PATIENCE).expect("the browser comes to rest");
    let files = host.files_of_browser();
    assert!(files.len() > 10, "the browser's profile was found");
    for (path, content) in files {
        let holds = content.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
        assert!(!holds && path.file_name().is_none_or(|name| name != "secret.bin"), "{}", path.display());
    }
}

#[test]
fn a_password_is_not_offered_to_be_saved() {
    let site = site();
    let host = Host::showing(Some(&format!("http://{}/login", site.address)));
    let (viewer, main) = host.view(1280, 800);
    viewer
        .wait_canvas(main, PATIENCE, |picture| is_colour(picture, 640, 600, [0, 0xaa, 0]).then_some(()))
        .expect("the form shows");
    play(&viewer, "type \"hanako\\t\"; type \"correct horse\\n\"");
    viewer
        .wait_canvas(main, PATIENCE, |picture| is_colour(picture, 640, 600, [0, 0, 0xcc]).then_some(()))
        .expect("the form is sent");
    viewer.wait_quiet(Duration::from_secs(2), PATIENCE).expect("the browser comes to rest");
    // The browser offers it by a key beside the star at the right end of the address bar.
    let is_plain = |from: u32, to: u32| {
        viewer
            .wait_canvas(main, PATIENCE, |picture| {
                let row = picture.size().width;
                let at = |x: u32, y: u32| picture.pixels().get(((y * row + x) * 4) as usize..)?.get(..3);
                // The bar's colour may vary by a shade.
                let is_near = |one: &[u8], other: &[u8]| one.iter().zip(other).all(|(a, b)| a.abs_diff(*b) < 8);
                let bar = at(from, 54)?;
                Some((54..76).all(|y| (from..to).all(|x| at(x, y).is_some_and(|pixel| is_near(pixel, bar)))))
            })
            .expect("there is a picture")
    };
    assert!(!is_plain(1160, 1182), "the star is not where it was");
    assert!(is_plain(1120, 1155), "something is offered");
    assert_eq!(viewer.lock().views().count(), 1);
}
