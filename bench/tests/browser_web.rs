//! The web viewer measured for real, in a very short run: its page in a browser's window, enrolled and typed into. Never asserts a
//! time.

#[path = "common/programs.rs"]
mod programs;

use std::path::Path;
use std::process::Command;

use programs::{processes_that_name, programs};
use shoji_bench::ArmName;
use shoji_bench::arm::folder;
use shoji_bench::carrier::Carrier;
use shoji_bench::cli::Viewer;
use shoji_bench::heap;
use shoji_bench::page::Mode;
use shoji_bench::result::Document;
use shoji_bench::typing::figures as typing;
use shoji_bench::verdict::Target;

/// Runs the bench in a room of its own and gives what it said.
fn bench(room: &Path, arguments: &[&str]) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_shoji-bench"))
        .args(arguments)
        .args(["--size", "1280x720", "--lang", "ja", "--programs"])
        .arg(programs(env!("CARGO_BIN_EXE_shoji-bench")))
        .arg("--out")
        .arg(room.join("report"))
        .env("TMPDIR", room)
        .output()
        .expect("shoji-bench starts");
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}");
    said
}

fn nothing_is_left(room: &Path) {
    let left = std::fs::read_dir(room).expect("the folder is there").flatten().map(|entry| entry.file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["report"], "temporary files were left behind");
    assert_eq!(processes_that_name(room), Vec::<String>::new(), "processes were left behind");
}

#[test]
fn what_is_typed_into_the_web_viewer_arrives_whole_in_order_and_once() {
    let room = folder::temporary().expect("a temporary folder");
    let said = bench(
        room.path(),
        &["typing", "--viewer", "web", "--carrier", "websocket", "--rtt", "20", "--loss", "0", "--characters", "30"],
    );
    let json = std::fs::read(room.path().join("report/typing.json")).expect("the data were written");
    let document: typing::Document = serde_json::from_slice(&json).expect("the data are what this version writes");
    assert_eq!(document.settings.viewer, Viewer::Web);
    assert_eq!(document.runs.len(), 2, "the nearest link and the one asked for");
    for run in &document.runs {
        assert!(run.comparison.typed >= 30, "{run:?}");
        assert!(run.comparison.is_exact(), "{}: {:?}, {:?}", run.name(), run.comparison, run.text);
        assert!(run.row.seen > 0, "no text was seen: {said}");
        assert!(run.row.bench_cpu.per_event > 0.0, "the viewer's browser works for it: {said}");
        assert_eq!(run.carrier, Some(Carrier::WebSocket), "{said}");
    }
    nothing_is_left(room.path());
}

#[test]
fn what_is_typed_while_the_page_scrolls_arrives_over_webtransport_that_loses() {
    let room = folder::temporary().expect("a temporary folder");
    let said = bench(
        room.path(),
        &["typing", "--viewer", "web", "--carrier", "webtransport", "--scroll", "--characters", "20"],
    );
    let json = std::fs::read(room.path().join("report/typing.json")).expect("the data were written");
    let document: typing::Document = serde_json::from_slice(&json).expect("the data are what this version writes");
    let [nearest, far, scrolling] = &document.runs[..] else { panic!("three runs: {said}") };
    assert!(nearest.scroll.is_none() && far.scroll.is_none(), "{said}");
    let scroll = scrolling.scroll.expect("the column scrolled");
    assert!(scroll.shown_per_second > 0.0 && scroll.drawn_per_second > 0.0, "{scroll:?}");
    assert!(scrolling.carried.to_viewer.lost > 0, "the link lost nothing: {said}");
    for run in &document.runs {
        assert!(run.comparison.is_exact(), "{}: {:?}, {:?}", run.name(), run.comparison, run.text);
        assert_eq!(run.carrier, Some(Carrier::WebTransport), "{said}");
    }
    nothing_is_left(room.path());
}

#[test]
fn the_web_viewers_memory_is_found_in_its_page_in_its_worker_and_in_its_core() {
    let room = folder::temporary().expect("a temporary folder");
    let said = bench(room.path(), &["heap", "--minutes", "0"]);
    let json = std::fs::read(room.path().join("report/heap.json")).expect("the data were written");
    let document: heap::Document = serde_json::from_slice(&json).expect("the data are what this version writes");
    let [sample] = document.samples[..] else { panic!("one sample: {said}") };
    assert!(sample.done > 0, "it was worked with: {said}");
    // The decoder's canvas, at least.
    assert!(1280 * 720 * 4 < sample.core, "{sample:?}");
    assert!(100_000 < sample.page.objects && 100_000 < sample.worker.objects, "{sample:?}");
    assert!(sample.core < sample.resident, "{sample:?}");
    assert_eq!(document.growth, None, "one sample says nothing of growth");
    nothing_is_left(room.path());
}

#[test]
fn a_short_run_fills_every_row_of_the_web_viewer() {
    let room = folder::temporary().expect("a temporary folder");
    let work = [
        "latency",
        "--viewer",
        "web",
        "--rounds",
        "1",
        "--keys",
        "4",
        "--seconds",
        "1",
        "--work",
        "key,typing,page,scroll",
    ];
    let said = bench(room.path(), &work);
    assert!(said.contains("Web ビューアー"), "{said}");
    let json = std::fs::read(room.path().join("report/latency.json")).expect("the data were written");
    let document: Document = serde_json::from_slice(&json).expect("the data are what this version writes");
    for scene in [Mode::Key, Mode::Typing, Mode::Page, Mode::Scroll] {
        for arm in [ArmName::Floor, ArmName::Whole, ArmName::Web] {
            let row = document.row(scene, arm).unwrap_or_else(|| panic!("no row for {scene:?} on {arm:?}"));
            assert!(row.seen > 0 && row.begun > 0, "no code was read: {row:?}");
        }
    }
    let page = document.web.as_ref().expect("the page was opened");
    assert!(page.bytes > 10_000 && page.files >= 4, "a page, its style, its scripts and its core: {page:?}");
    assert!(page.opened().is_some_and(|opened| opened.min > 0.0), "{page:?}");
    let of_web = document.verdicts.iter().filter(|verdict| verdict.target.is_of_web());
    let measured: Vec<Target> = of_web.filter(|of| of.figure.is_some()).map(|of| of.target).collect();
    assert_eq!(measured.len(), 6, "{measured:?}");
    nothing_is_left(room.path());
}

#[test]
fn a_loss_that_the_relay_cannot_make_for_tcp_is_refused_with_the_reason() {
    let run = Command::new(env!("CARGO_BIN_EXE_shoji-bench"))
        .args(["typing", "--viewer", "web", "--loss", "1"])
        .output()
        .expect("shoji-bench starts");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success() && said.contains("TCP") && said.contains("--loss"), "{said}");
}
