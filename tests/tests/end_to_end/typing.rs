//! What is typed is what the page gets: every character, in order, once.

use shoji_codec::Canvas;
use shoji_protocol::KeyboardLayout;
use shoji_viewer::headless::Viewer;
use shoji_viewer::keys::Layout;
use shoji_viewer::script;

use crate::fixture::{Host, PATIENCE, is_colour, serve};

/// FNV-1a over UTF-8, as the page computes it.
fn checksum(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The checksum that the page shows in 32 blocks of 20 pixels in the lower left corner; `None` while it is not painted.
fn shown(picture: &Canvas) -> Option<u32> {
    let y = picture.size().height - 10;
    (0..32).try_fold(0, |sum, bit| {
        let x = bit * 20 + 10;
        let one = is_colour(picture, x, y, [0, 0, 0]);
        (one || is_colour(picture, x, y, [255, 204, 0])).then_some(sum << 1 | u32::from(one))
    })
}

fn play(viewer: &Viewer, steps: &str) {
    let script = script::parse(steps, Layout::Jp).expect("the test's script is one");
    viewer.play(&script, KeyboardLayout::Jp, PATIENCE).expect("the script plays");
}

fn type_and_compare(texts: &[&str]) {
    let url = format!("http://{}/", serve(include_str!("pages/typing.html")));
    let host = Host::showing(Some(&url));
    let (viewer, main) = host.view(1280, 800);
    viewer
        .wait_canvas(main, PATIENCE, |picture| (shown(picture)? == checksum("")).then_some(()))
        .expect("the page shows");
    play(&viewer, "click 400 300");
    let mut all = String::new();
    for text in texts {
        play(&viewer, &format!("type {}", serde_json::to_string(text).expect("a string has a JSON form")));
        all.push_str(text);
        let sum = checksum(&all);
        viewer
            .wait_canvas(main, PATIENCE, |picture| (shown(picture)? == sum).then_some(()))
            .unwrap_or_else(|error| panic!("{all:?} did not arrive whole: {error}"));
    }
    // What a person types is in no log and no trace.
    let written = host.written();
    assert!(written.contains("Viewer attached"), "the log was found");
    for text in texts {
        assert!(!written.contains(text), "{text:?} is in a log or trace");
    }
}

#[test]
fn latin_text_arrives_by_keys() {
    type_and_compare(&[
        "The quick brown fox, 0123456789; ",
        "(jumps) over [the] lazy dog? \\ ^ @ : * + ~ ` ' \" _ = | { }",
    ]);
}

#[test]
fn japanese_text_arrives_as_committed() {
    type_and_compare(&[
        "吾輩は猫である。",
        "名前はまだ無い。髙橋・渡邉・𠮷田",
        "ﾊﾝｶｸとＺｅｎ",
        "👨\u{200d}👩\u{200d}👧と か\u{3099}",
    ]);
}
