//! The viewer's program without a display, as an administrator or a script uses it.

use std::process::{Command, Output};

use shoji_tests::program;

use crate::fixture::{Host, serve};

fn connect(host: &Host, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("shoji-viewer"));
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env("LANG", "C.UTF-8");
    command.args(["connect", "--timeout", "60", "--size", "1000x700", "--bundle"]).arg(host.bundle("pc"));
    command.args(arguments).output().expect("the viewer's program runs")
}

#[test]
fn a_script_is_played_and_its_picture_and_figures_are_written() {
    let url = format!("http://{}/", serve(include_str!("pages/typing.html")));
    let host = Host::showing(Some(&url));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = |name: &str| directory.path().join(name).to_str().expect("temporary paths are UTF-8").to_owned();
    let (picture, figures) = (file("out.png"), file("out.json"));
    let script = "click 400 300; wait quiet 300; type \"shoji\"; wait quiet 300";
    let output = connect(&host, &["--input", script, "--screenshot", &picture, "--stats", &figures]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let picture = image::open(&picture).expect("the picture is a PNG").into_rgb8();
    assert_eq!(picture.dimensions(), (1000, 700));
    // The page's checksum of what was typed: its bits are painted yellow and black, so both are there.
    let count = |colour: [u8; 3]| picture.pixels().filter(|pixel| pixel.0 == colour).count();
    assert!(count([255, 204, 0]) > 1_000 && count([0, 0, 0]) > 1_000);
    let figures = std::fs::read_to_string(&figures).expect("the figures are written");
    let figures: serde_json::Value = serde_json::from_str(&figures).expect("they are JSON");
    assert_eq!(figures["size"], serde_json::json!([1000, 700]));
    assert!(figures["inputs"].as_u64().is_some_and(|inputs| inputs >= 5), "{figures}");
    assert!(figures["bytes_received"].as_u64().is_some_and(|bytes| bytes > 1_000), "{figures}");
}

#[test]
fn a_script_with_a_mistake_is_refused_with_its_place_before_anything_is_done() {
    let host = Host::showing(None);
    let output = connect(&host, &["--input", "wait quiet; tpye \"abc\""]);
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("tpye"), "{error}");
}
