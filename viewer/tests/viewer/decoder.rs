//! The decoder in a process of its own: right, confined, and a nuisance to nobody when it fails.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use shoji_codec::{Budget, Config, Encoder, Frame, Rect, Size, Time, digest, leading_moves};
use shoji_decoder::process::{Process, Program};
use shoji_decoder::{Decode as _, Decoders, Failed, InProcess};
use shoji_protocol::{CanvasId, CanvasKind, CloseCode, Input, ToHost};
use shoji_viewer::headless::{Viewer, WaitError};
use shoji_viewer::link::{Error, Options};

use crate::support::{Host, PATIENCE, Peer, Picture};

const SIZE: Size = Size { width: 320, height: 200 };

fn program() -> Program {
    Program { path: env!("CARGO_BIN_EXE_shoji-viewer").into(), ..Program::itself() }
}

/// A program that speaks badly: a shell's script with the socket as its input and the memory file as its output.
fn impostor(script: &str) -> Program {
    let script = format!("exec 3>&0; {script}");
    Program {
        path: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".into(), script.into()],
        patience: Duration::from_millis(500),
    }
}

/// A host's canvas and its encoder.
struct Source {
    encoder: Encoder,
    pixels: Vec<u8>,
    now: u64,
}

impl Source {
    fn new() -> Self {
        let pixels = (0..SIZE.area()).flat_map(|at| [(at % 251) as u8, (at / 320) as u8, 7, 255]).collect();
        Self { encoder: Encoder::new(Config::default()).expect("an encoder"), pixels, now: 0 }
    }

    fn frame(&self) -> Frame<'_> {
        Frame { size: SIZE, stride: SIZE.width as usize * 4, pixels: &self.pixels }
    }

    fn update(&mut self, damage: &[Rect]) -> Vec<u8> {
        let mut payload = Vec::new();
        self.now += 1_000_000;
        let frame = Frame { size: SIZE, stride: SIZE.width as usize * 4, pixels: &self.pixels };
        self.encoder.encode(frame, damage, Budget { bytes: 1 << 24 }, Time(self.now), &mut payload).expect("encoded");
        payload
    }

    fn letter(&mut self) -> Vec<u8> {
        let rect = Rect { x: 40, y: 50, width: 9, height: 17 };
        for y in rect.y..rect.bottom() {
            let start = (y * SIZE.width + rect.x) as usize * 4;
            for pixel in self.pixels[start..start + rect.width as usize * 4].as_chunks_mut::<4>().0 {
                *pixel = [255 - pixel[0], pixel[1], 99, 255];
            }
        }
        self.update(&[rect])
    }
}

/// A whole picture, then letters.
fn begun() -> (Source, Process) {
    let (mut source, mut decoder) = (Source::new(), Process::new(program()));
    let whole = source.update(&[SIZE.rect()]);
    assert_eq!(decoder.apply(&whole, SIZE).expect("the first picture"), [SIZE.rect()]);
    (source, decoder)
}

#[test]
fn its_pictures_are_those_of_the_decoder_inside() {
    let (mut source, mut inside) = (Source::new(), InProcess::default());
    let mut outside = Process::new(program());
    let mut updates = vec![source.update(&[SIZE.rect()])];
    updates.extend((0..20).map(|_| source.letter()));
    for update in &updates {
        let changed = inside.apply(update, SIZE).expect("applied").to_vec();
        assert_eq!(outside.apply(update, SIZE).expect("applied"), changed);
        assert_eq!(outside.canvas().pixels(), inside.canvas().pixels());
    }
    assert_eq!(digest(&outside.canvas().frame()), digest(&source.frame()));
}

#[test]
fn what_scrolls_is_moved_here_and_only_what_is_new_comes_from_the_process() {
    let mut source = Source::new();
    // No two lines alike, so that a scroll can be found.
    source.pixels = (0..SIZE.area()).flat_map(|at| ((at * at) as u32 | 0xff00_0000).to_le_bytes()).collect();
    let (mut inside, mut outside) = (InProcess::default(), Process::new(program()));
    let whole = source.update(&[SIZE.rect()]);
    inside.apply(&whole, SIZE).expect("applied");
    outside.apply(&whole, SIZE).expect("applied");
    for line in 0..20 {
        let stride = SIZE.width as usize * 4;
        source.pixels.copy_within(5 * stride.., 0);
        let end = source.pixels.len() - 5 * stride;
        source.pixels[end..].fill(line);
        let scrolled = source.update(&[SIZE.rect()]);
        let mut moves = Vec::new();
        leading_moves(&scrolled, SIZE, &mut moves);
        assert!(!moves.is_empty(), "the encoder finds the scroll");
        inside.apply(&scrolled, SIZE).expect("applied");
        let changed: u64 = outside.apply(&scrolled, SIZE).expect("applied").iter().map(|rect| rect.area()).sum();
        let moved: u64 = moves.iter().map(|shift| shift.to.area()).sum();
        assert!(changed - moved <= SIZE.area() / 10, "{changed} pixels changed, {moved} of them moved");
        assert_eq!(outside.canvas().pixels(), inside.canvas().pixels());
    }
}

#[test]
fn it_is_confined_and_has_no_descriptor_but_its_own() {
    let (_source, decoder) = begun();
    let id = decoder.id().expect("it runs");
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    for line in ["Seccomp:\t2", "NoNewPrivs:\t1", "Threads:\t1"] {
        assert!(status.lines().any(|of| of == line), "{line}: {status}");
    }
    let files: Vec<String> = std::fs::read_dir(format!("/proc/{id}/fd"))
        .expect("it runs")
        .map(|file| std::fs::read_link(file.expect("a descriptor").path()).expect("a link").display().to_string())
        .collect();
    let is_own =
        |file: &String| file.starts_with("socket:") || file.starts_with("/memfd:shoji-pixels") || file == "/dev/null";
    assert!(files.iter().all(is_own), "{files:?}");
    // The socket and the memory file, each also as standard input and output.
    assert_eq!(files.len(), 5, "{files:?}");
}

#[test]
fn one_that_is_killed_costs_a_whole_picture_and_no_more() {
    let (mut source, mut decoder) = begun();
    let id = decoder.id().expect("it runs");
    kill_process(Pid::from_raw(id as i32).expect("a process"), Signal::KILL).expect("killed");
    let letter = source.letter();
    assert_eq!(decoder.apply(&letter, SIZE), Err(Failed::Lost));
    let letter = source.letter();
    assert_eq!(decoder.apply(&letter, SIZE), Err(shoji_codec::DecodeError::NeedsComplete.into()));
    source.encoder.repaint();
    let whole = source.update(&[SIZE.rect()]);
    decoder.apply(&whole, SIZE).expect("the whole picture");
    assert_eq!(digest(&decoder.canvas().frame()), digest(&source.frame()));
    assert_ne!(decoder.id(), Some(id));
}

#[test]
fn one_that_hangs_is_ended() {
    let (mut source, mut decoder) = (Source::new(), Process::new(impostor("exec sleep 600")));
    let whole = source.update(&[SIZE.rect()]);
    assert_eq!(decoder.apply(&whole, SIZE), Err(Failed::Lost));
    assert_eq!(decoder.id(), None);
}

#[test]
fn one_that_cannot_be_started_is_lost_like_any_other() {
    let mut decoder = Process::new(Program { path: "/nowhere/decoder".into(), ..Program::itself() });
    assert_eq!(decoder.apply(&[0; 16], SIZE), Err(Failed::Lost));
}

#[test]
fn answers_that_make_no_sense_end_it_and_paint_nothing() {
    let word = |number: u32| number.to_le_bytes().iter().map(|byte| format!("\\{byte:03o}")).collect::<String>();
    let rects = |count: u32, numbers: &[u32]| {
        let numbers: String = numbers.iter().map(|number| word(*number)).collect();
        word(0) + &word(0) + &word(count) + &numbers
    };
    let moves = |count: u32, numbers: &[u32]| {
        let numbers: String = numbers.iter().map(|number| word(*number)).collect();
        word(count) + &numbers + &word(0) + &word(1) + &word(0) + &word(0) + &word(320) + &word(200)
    };
    let answers = [
        ("an unknown word", word(0) + &word(77) + &word(0)),
        ("an error with rectangles", word(0) + &word(1) + &word(1)),
        ("too many moves", moves(257, &[])),
        ("an empty move", moves(1, &[0, 0, 0, 200, 0, 0])),
        ("a move to the outside", moves(1, &[1, 0, 320, 200, 0, 0])),
        ("a move from the outside", moves(1, &[0, 0, 320, 200, 0, 1])),
        ("a move from before the beginning", moves(1, &[0, 0, 320, 200, u32::MAX, 0])),
        ("a move that overflows", moves(1, &[u32::MAX, 0, 2, 200, 1 << 31, 0])),
        ("more moves than an update may have", moves(6, &[0, 0, 320, 200, 0, 0].repeat(6))),
        ("too many rectangles", rects(257, &[])),
        ("as many as a number can say", rects(u32::MAX, &[])),
        ("an empty rectangle", rects(1, &[0, 0, 0, 200])),
        ("one that reaches outside", rects(1, &[1, 0, 320, 200])),
        ("one that overflows", rects(1, &[u32::MAX, 0, 2, 200])),
        ("more pixels than there are", rects(2, &[0, 0, 320, 200, 0, 0, 320, 200])),
        ("a new canvas of which only a part changed", rects(1, &[0, 0, 10, 10])),
        ("moves alone", word(0)),
        ("half an answer", word(0) + &word(0)),
        ("none", String::new()),
    ];
    let answering = |answer: &str| {
        let mut decoder =
            Process::new(impostor(&format!("head -c 12 <&3 >/dev/null; printf '{answer}' >&3; exec sleep 600")));
        let result = decoder.apply(&Source::new().update(&[SIZE.rect()]), SIZE).map(<[Rect]>::to_vec);
        (result, decoder)
    };
    // An answer in order is taken, so that it is the sense that the others lack.
    let (result, decoder) = answering(&rects(1, &[0, 0, 320, 200]));
    assert_eq!(result, Ok(vec![SIZE.rect()]));
    assert!(decoder.canvas().pixels().as_chunks::<4>().0.iter().all(|pixel| *pixel == [0, 0, 0, 255]));
    let (result, _) = answering(&moves(1, &[0, 0, 320, 199, 0, 1]));
    assert_eq!(result, Ok(vec![SIZE.rect()]));
    for (what, answer) in answers {
        let (result, decoder) = answering(&answer);
        assert_eq!(result, Err(Failed::Lost), "{what}");
        assert_eq!(decoder.canvas().size(), Size::default(), "{what}");
    }
}

/// A session whose viewer decodes in processes of this program, and that shows a picture of this size.
fn session(host: &Host, program: Program, width: u32, height: u32) -> (Viewer, Peer, Picture) {
    let options = Options { attempts: 1, decoders: Decoders::Process(program), ..Options::default() };
    let viewer = Viewer::start(host.bundle(), options, Arc::new(())).expect("a thread");
    let mut peer = host.accept();
    peer.attach(7, false);
    let picture = Picture::pattern(width, height, 1);
    peer.open(1, CanvasKind::Window, None, shoji_protocol::Size::clamped(width, height));
    peer.show(1, &picture, 0);
    (viewer, peer, picture)
}

/// The processes that this test started: it has a process of its own.
fn children() -> Vec<Pid> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("this process");
    let texts = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    texts
        .flat_map(|text| text.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect::<Vec<_>>())
        .collect()
}

#[test]
fn a_decoder_that_dies_in_mid_session_costs_one_repaint() {
    let host = Host::start();
    let (viewer, mut peer, mut picture) = session(&host, program(), 1280, 800);
    viewer.ready(PATIENCE).expect("a picture");
    assert!(matches!(peer.message(), ToHost::Input { event: Input::Focus { .. }, .. }));
    for round in 0..5 {
        let [decoder] = children()[..] else { panic!("one decoder runs: {:?}", children()) };
        kill_process(decoder, Signal::KILL).expect("killed");
        picture.fill(100, 100, 30, 40, [round, 2, 3]);
        peer.show(1, &picture, 0);
        assert_eq!(peer.message(), ToHost::Repaint { canvas: CanvasId(1) });
        peer.repaint(1);
        let update = peer.show(1, &picture, 0);
        let applied = |model: &shoji_viewer::scene::Model| (model.view(CanvasId(1))?.update() == update).then_some(());
        viewer.wait_until("the whole picture", PATIENCE, applied).expect("applied");
        assert_eq!(viewer.digest(CanvasId(1)), Some(picture.digest()));
    }
}

#[test]
fn decoders_that_all_die_of_a_hosts_pictures_end_the_connection() {
    let host = Host::start();
    // So small that it goes in one part: each picture costs one decoder.
    let (viewer, mut peer, picture) = session(&host, impostor("exit"), 40, 30);
    for _ in 0..3 {
        assert_eq!(peer.message(), ToHost::Repaint { canvas: CanvasId(1) });
        peer.repaint(1);
        peer.show(1, &picture, 0);
    }
    match viewer.wait_until("the end", PATIENCE, |_| None::<()>) {
        Err(WaitError::Ended(error)) => assert!(matches!(error, Error::Pixels(_)), "{error:?}"),
        other => panic!("{other:?} instead of an end"),
    }
    assert_eq!(peer.closed_by_viewer(), CloseCode::HostMalformed);
    assert!(children().is_empty());
}

/// Prints how long an update takes both ways; asserts no time.
#[test]
fn a_letter_comes_through_the_process_as_through_the_decoder_inside() {
    let (mut source, mut inside, mut outside) = (Source::new(), InProcess::default(), Process::new(program()));
    let whole = source.update(&[SIZE.rect()]);
    inside.apply(&whole, SIZE).expect("applied");
    outside.apply(&whole, SIZE).expect("applied");
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..500 {
        let letter = source.letter();
        for (decoder, times) in
            [&mut inside as &mut dyn shoji_decoder::Decode, &mut outside].into_iter().zip(&mut times)
        {
            let begun = std::time::Instant::now();
            decoder.apply(&letter, SIZE).expect("applied");
            times.push(begun.elapsed());
        }
    }
    for (where_to, times) in ["inside", "process"].iter().zip(&mut times) {
        times.sort();
        eprintln!("{where_to}: p50 {:?}, p95 {:?}, p99 {:?}", times[250], times[475], times[495]);
    }
    assert_eq!(outside.canvas().pixels(), inside.canvas().pixels());
}

#[test]
fn its_program_is_no_way_to_anything_without_a_viewer() {
    let status = Command::new(env!("CARGO_BIN_EXE_shoji-viewer"))
        .arg("decoder")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .status()
        .expect("it starts");
    assert!(!status.success());
}
