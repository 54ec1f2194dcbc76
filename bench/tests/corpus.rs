//! A recording of a real page, and the comparison of codecs on clips. Never asserts a time.

use std::path::Path;
use std::process::{Command, Output};

use shoji_bench::arm::folder;
use shoji_bench::codec::figures::{Document, OURS, REFERENCE};
use shoji_bench::corpus::clip::{Player, Taken, write};
use shoji_codec::{Frame, Rect, Size};

fn bench(arguments: &[&str], room: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shoji-bench"))
        .args(arguments)
        .env("TMPDIR", room)
        .current_dir(room)
        .output()
        .expect("shoji-bench starts")
}

fn said(run: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr))
}

#[test]
fn a_page_is_recorded_whole_first_and_then_only_where_it_changes() {
    let room = folder::temporary().expect("a temporary folder");
    let page = room.path().join("note");
    std::fs::create_dir(&page).expect("a folder");
    std::fs::write(
        page.join("index.html"),
        "<!doctype html><meta charset=utf-8><title>覚え書き</title><textarea rows=9 cols=40 style='font-size:24px'></textarea>",
    )
    .expect("a file");
    std::fs::write(page.join("script"), "click 200 200; type \"ab市\"; wait quiet").expect("a file");
    let run = bench(&["record", "note/script", "--out", "clips", "--size", "1280x720", "--lang", "ja"], room.path());
    assert!(run.status.success(), "{}", said(&run));
    assert!(said(&run).contains("コマ"), "{}", said(&run));

    let mut player = Player::open(&room.path().join("clips/note.clip")).expect("a clip was written");
    let whole = Rect { x: 0, y: 0, width: 1280, height: 720 };
    assert!(player.step().expect("it is sound"));
    assert_eq!(player.damage(), [whole]);
    let (mut changes, mut before) = (0, player.frame().pixels.to_vec());
    while player.step().expect("it is sound") {
        let area: u64 = player.damage().iter().map(|rect| rect.area()).sum();
        assert!(area < whole.area() / 4, "typing damages a part only: {:?}", player.damage());
        changes += usize::from(player.frame().pixels != before);
        before = player.frame().pixels.to_vec();
    }
    assert!(changes >= 3, "three characters were typed: {changes}");
}

#[test]
fn a_script_that_cannot_be_recorded_is_refused_before_any_browser_starts() {
    let room = folder::temporary().expect("a temporary folder");
    std::fs::write(room.path().join("script"), "wait quiet\nresize 800 600").expect("a file");
    let run = bench(&["record", "script"], room.path());
    assert!(!run.status.success());
    assert!(said(&run).contains("line 2"), "{}", said(&run));
    let run = bench(&["record", "nowhere/script"], room.path());
    assert!(!run.status.success());
    assert!(said(&run).contains("nowhere/script"), "{}", said(&run));
}

/// A clip in which text scrolls beside a film.
fn clip(path: &Path) {
    let size = Size { width: 640, height: 480 };
    let draw = |time: u32| {
        let mut state = time | 1;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let mut pixels = Vec::new();
        for y in 0..size.height {
            for x in 0..size.width {
                let line = y + time * 7;
                let glyph = (line / 18 * 31 + x / 9 * 17) % 11 > 4 && (line % 18) > 4 && (x * line) % 5 > 1;
                let text = if glyph { [40, 30, 160, 255] } else { [250, 252, 253, 255] };
                let is_film = (320..600).contains(&x) && (100..300).contains(&y);
                pixels.extend_from_slice(&if is_film {
                    [noise(), noise() / 2, (x + time * 3) as u8, 255]
                } else {
                    text
                });
            }
        }
        pixels
    };
    let frames: Vec<Taken> = (0..12)
        .map(|time| {
            let pixels = draw(time);
            Taken::of(&Frame { size, stride: 640 * 4, pixels: &pixels }, vec![size.rect()], u64::from(time) * 33_000)
        })
        .collect();
    write(path, size, &frames).expect("it can be written");
}

#[test]
fn a_comparison_measures_every_codec_on_every_picture_and_ours_ends_exact() {
    let room = folder::temporary().expect("a temporary folder");
    std::fs::create_dir(room.path().join("clips")).expect("a folder");
    clip(&room.path().join("clips/mixed.clip"));
    let run = bench(&["codec", "--corpus", "clips", "--out", "report", "--lang", "ja"], room.path());
    assert!(run.status.success(), "{}", said(&run));
    assert!(said(&run).contains("目標との比較") && said(&run).contains("codec.html"), "{}", said(&run));

    let json = std::fs::read(room.path().join("report/codec.json")).expect("the data were written");
    let document: Document = serde_json::from_slice(&json).expect("the data are what this version writes");
    let clip = document.clip("mixed").expect("the clip was played");
    assert_eq!(clip.pictures, 11);
    for row in &clip.rows {
        assert_eq!((row.encode_us.len(), row.decode_us.len()), (11, 11), "{}", row.codec);
        assert!(row.bytes > 0, "{}", row.codec);
    }
    let (ours, peer) = (clip.row(OURS).expect("ours"), clip.row(REFERENCE).expect("the reference"));
    assert!(ours.exact_at_rest && ours.dropped == 0, "{ours:?}");
    assert!(!peer.exact_at_rest, "4:2:0 is never exact on coloured text");
    let bytes: Vec<u64> = clip.rows.iter().filter(|row| row.codec.starts_with(OURS)).map(|row| row.bytes).collect();
    assert!(bytes.iter().all(|bytes| *bytes == ours.bytes), "every level sends the same: {bytes:?}");
    assert_eq!(clip.lossless.len(), 4);
    let csv = std::fs::read_to_string(room.path().join("report/codec.csv")).expect("the table was written");
    assert_eq!(csv.lines().count(), 1 + clip.rows.len());
    let page = std::fs::read_to_string(room.path().join("report/codec.html")).expect("the page was written");
    assert!(page.contains("<svg") && !page.contains("http"), "one file, nothing from elsewhere");
}

#[test]
fn a_folder_without_clips_is_named_with_what_to_do() {
    let room = folder::temporary().expect("a temporary folder");
    let run = bench(&["codec", "--corpus", "nowhere"], room.path());
    assert!(!run.status.success());
    assert!(said(&run).contains("nowhere") && said(&run).contains("--corpus"), "{}", said(&run));
}
