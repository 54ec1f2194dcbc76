//! A short run of the real thing: both arms, every scene, the report. Never asserts a time.

#[path = "common/programs.rs"]
mod programs;

use std::process::Command;

use programs::{processes_that_name, programs};
use shoji_bench::ArmName;
use shoji_bench::arm::folder;
use shoji_bench::carrier::Carrier;
use shoji_bench::page::Mode;
use shoji_bench::result::Document;
use shoji_bench::trace::Stage;
use shoji_bench::typing::figures as typing;

#[test]
fn a_short_run_fills_every_row_of_the_report_and_leaves_nothing_behind() {
    let room = folder::temporary().expect("a temporary folder");
    let out = room.path().join("report");
    let run = Command::new(env!("CARGO_BIN_EXE_shoji-bench"))
        .args(["latency", "--rounds", "1", "--keys", "4", "--seconds", "1", "--size", "1280x720", "--lang", "ja"])
        .arg("--programs")
        .arg(programs(env!("CARGO_BIN_EXE_shoji-bench")))
        .arg("--out")
        .arg(&out)
        .env("TMPDIR", room.path())
        .output()
        .expect("shoji-bench starts");
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}");
    assert!(said.contains("latency.html") && said.contains("目標との比較"), "{said}");

    let json = std::fs::read(out.join("latency.json")).expect("the data were written");
    let document: Document = serde_json::from_slice(&json).expect("the data are what this version writes");
    for scene in [Mode::Key, Mode::Typing, Mode::Page, Mode::Scroll, Mode::Animation] {
        for arm in [ArmName::Floor, ArmName::Whole] {
            let row = document.row(scene, arm).unwrap_or_else(|| panic!("no row for {scene:?} on {arm:?}"));
            assert!(row.seen > 0 && row.begun > 0, "no code was read: {row:?}");
            assert!(row.latency.is_some_and(|latency| latency.p50 > 0.0), "{row:?}");
            assert!(row.browser_cpu.per_event > 0.0, "{row:?}");
        }
        let whole = document.row(scene, ArmName::Whole).expect("seen above");
        assert!(whole.bytes_per_event > 0.0 && whole.host_cpu.per_event > 0.0, "{whole:?}");
        for stage in Stage::ALL {
            let frames = matches!(scene, Mode::Scroll | Mode::Animation);
            let is_input = matches!(stage, Stage::Supervisor | Stage::Worker);
            let is_there = whole.stages.iter().any(|of| of.stage == stage);
            assert_eq!(is_there, !(frames && is_input), "{stage:?} of {scene:?}: {:?}", whole.stages);
        }
    }
    for scene in [Mode::Caret, Mode::Still] {
        assert!(document.row(scene, ArmName::Whole).is_some(), "no row for {scene:?}");
    }
    assert!(document.memory.is_some_and(|memory| memory.mebibytes() > 0.0));
    assert!(document.verdicts.iter().all(|verdict| !verdict.target.is_of_web()), "the web viewer was not asked for");
    assert!(!document.exactness.is_empty());

    let html = std::fs::read_to_string(out.join("latency.html")).expect("the report was written");
    assert!(
        html.contains("<svg") && !html.contains("<script") && !html.contains("src="),
        "the page is not self-contained"
    );

    let left: Vec<_> =
        std::fs::read_dir(room.path()).expect("the folder is there").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["report"], "temporary files were left behind");
    assert_eq!(processes_that_name(room.path()), Vec::<String>::new(), "processes were left behind");
}

#[test]
fn what_is_typed_over_a_lossy_link_arrives_whole_in_order_and_once() {
    let room = folder::temporary().expect("a temporary folder");
    let out = room.path().join("report");
    let run = Command::new(env!("CARGO_BIN_EXE_shoji-bench"))
        .args(["typing", "--rtt", "50", "--loss", "3", "--characters", "30", "--size", "1280x720", "--lang", "ja"])
        .arg("--programs")
        .arg(programs(env!("CARGO_BIN_EXE_shoji-bench")))
        .arg("--out")
        .arg(&out)
        .env("TMPDIR", room.path())
        .output()
        .expect("shoji-bench starts");
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}");

    let json = std::fs::read(out.join("typing.json")).expect("the data were written");
    let document: typing::Document = serde_json::from_slice(&json).expect("the data are what this version writes");
    assert_eq!(document.runs.len(), 2, "the nearest link and the one asked for");
    for run in &document.runs {
        assert!(run.comparison.typed >= 30, "{run:?}");
        assert!(run.comparison.is_exact(), "{}: {:?}, {:?}", run.name(), run.comparison, run.text);
        assert!(run.row.seen > 0, "no text was seen: {said}");
        assert!(run.carried.to_host.delivered > 0 && run.carried.to_viewer.delivered > 0, "{said}");
    }
    assert!(document.runs[1].carried.to_viewer.lost > 0, "the link lost nothing: {said}");

    let html = std::fs::read_to_string(out.join("typing.html")).expect("the report was written");
    assert!(html.contains("文字の正確さ") && !html.contains("<script"), "the page is not self-contained");
    assert_eq!(processes_that_name(room.path()), Vec::<String>::new(), "processes were left behind");
}

#[test]
fn what_is_typed_over_tcp_that_loses_packets_arrives_whole_in_a_network_of_its_own() {
    let room = folder::temporary().expect("a temporary folder");
    let out = room.path().join("report");
    let run = Command::new(env!("CARGO_BIN_EXE_shoji-bench"))
        .args(["typing", "--carrier", "tls", "--rtt", "20", "--loss", "3", "--characters", "20", "--size", "1280x720"])
        .arg("--programs")
        .arg(programs(env!("CARGO_BIN_EXE_shoji-bench")))
        .arg("--out")
        .arg(&out)
        .env("TMPDIR", room.path())
        .output()
        .expect("shoji-bench starts");
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}");
    let json = std::fs::read(out.join("typing.json")).expect("the data were written");
    let document: typing::Document = serde_json::from_slice(&json).expect("the data are what this version writes");
    assert_eq!(document.runs.len(), 2, "the nearest link and the one asked for");
    for run in &document.runs {
        assert!(run.comparison.is_exact(), "{}: {:?}, {:?}", run.name(), run.comparison, run.text);
        assert_eq!(run.carrier, Some(Carrier::Tls), "{said}");
    }
    assert_eq!(processes_that_name(room.path()), Vec::<String>::new(), "processes were left behind");
}

#[test]
fn a_missing_host_is_named_with_what_to_do() {
    let room = folder::temporary().expect("a temporary folder");
    let run = Command::new(env!("CARGO_BIN_EXE_shoji-bench"))
        .args(["latency", "--programs"])
        .arg(room.path())
        .output()
        .expect("shoji-bench starts");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success());
    assert!(said.contains("shoji-host") && said.contains("--programs"), "{said}");
}
