//! A painter between a host's encoder and a viewer's decoder, without a network or a process.

use shoji_codec::{Decoder, Frame, Limits};

use super::*;

const CANVAS: CanvasId = CanvasId(3);
const SIZE: shoji_codec::Size = shoji_codec::Size { width: 640, height: 400 };

/// A host's canvas, the painter, and a viewer's decoder.
struct Line {
    encoder: Encoder,
    pixels: Vec<u8>,
    sent: u64,
    painter: Painter,
    viewer: Decoder,
    now: Instant,
    /// The gate's updates that the viewer has not presented.
    unpresented: Vec<UpdateId>,
    /// What the host was told.
    told: Vec<Says>,
    /// Payloads of the host's, and of the gate's.
    payloads: [Vec<Vec<u8>>; 2],
}

impl Line {
    fn new() -> Self {
        // Lines of a page: exact at once, with no film to refine.
        let pixels =
            (0..SIZE.area()).flat_map(|at| if at / 640 % 20 < 3 { [60, 40, 30, 255] } else { [255; 4] }).collect();
        Self {
            encoder: Encoder::new(Config::default()).unwrap(),
            pixels,
            sent: 0,
            painter: Painter::new(Decoders::InProcess, true, Rate::HZ_60),
            viewer: Decoder::new(Limits::default()),
            now: Instant::from_micros(5_000_000),
            unpresented: Vec::new(),
            told: Vec::new(),
            payloads: [Vec::new(), Vec::new()],
        }
    }

    /// With a first picture that is shown.
    fn shown() -> Self {
        let mut line = Self::new();
        line.paints(&[], 1 << 22);
        line.carry();
        line.presents();
        assert_eq!(line.presented(), [1]);
        line.told.clear();
        line
    }

    fn letter(&mut self, x: u32, shade: u8) -> Rect {
        let rect = Rect { x, y: 50, width: 9, height: 17 };
        for y in rect.y..rect.y + rect.height {
            let at = ((y * SIZE.width + rect.x) * 4) as usize;
            self.pixels[at..at + rect.width as usize * 4].as_chunks_mut().0.fill([shade, shade, shade, 255]);
        }
        rect
    }

    /// The host paints, in parts if the budget is small; gives the parts.
    fn parts(&mut self, damage: &[Rect], budget: usize) -> Vec<Update> {
        let mut parts = Vec::new();
        loop {
            let mut pixels = Vec::new();
            let frame = Frame { size: SIZE, stride: SIZE.width as usize * 4, pixels: &self.pixels };
            let time = Time(self.now.as_micros());
            let damage = if parts.is_empty() { damage } else { &[] };
            let outcome = self.encoder.encode(frame, damage, Budget { bytes: budget }, time, &mut pixels).unwrap();
            self.sent += 1;
            self.payloads[0].push(pixels.clone());
            parts.push(Update {
                canvas: CANVAS,
                update: UpdateId(self.sent),
                size: Size::new(640, 400).unwrap(),
                input: InputSequence(self.sent),
                more: outcome.more,
                pixels,
            });
            if !outcome.more {
                return parts;
            }
        }
    }

    fn paints(&mut self, damage: &[Rect], budget: usize) {
        for part in self.parts(damage, budget) {
            self.painter.take(Told::Update(part), self.now);
        }
    }

    /// The painter works until it has nothing more to say; what the viewer gets is decoded.
    fn carry(&mut self) {
        loop {
            self.painter.send(self.now);
            let mut is_quiet = true;
            while let Some(says) = self.painter.poll() {
                is_quiet = false;
                match says {
                    Says::Update(Update { update, more, pixels, .. }) => {
                        self.viewer.apply(&pixels).unwrap();
                        if !more {
                            self.unpresented.push(update);
                        }
                        self.payloads[1].push(pixels);
                    }
                    says => self.told.push(says),
                }
            }
            if is_quiet {
                return;
            }
        }
    }

    fn presents(&mut self) {
        for update in std::mem::take(&mut self.unpresented) {
            self.painter.take(Told::Presented(CANVAS, update), self.now);
        }
        self.carry();
    }

    fn is_exact(&self) -> bool {
        self.viewer.canvas().pixels() == self.pixels
    }

    /// Which updates the host was told to be presented.
    fn presented(&self) -> Vec<u64> {
        let of = |says: &Says| match says {
            Says::Presented(CANVAS, update) => Some(update.0),
            _ => None,
        };
        self.told.iter().filter_map(of).collect()
    }
}

#[test]
fn what_the_host_painted_arrives_exactly_in_payloads_that_the_gate_made() {
    let mut line = Line::shown();
    let damage = [line.letter(40, 9), line.letter(90, 200)];
    // The host sends each letter by itself; the gate makes one update of both.
    line.paints(&damage[..1], 1 << 22);
    line.paints(&damage[1..], 1 << 22);
    line.carry();
    line.presents();
    assert!(line.is_exact());
    assert_eq!(line.payloads[1].len(), 2);
    assert!(!line.payloads[0].contains(&line.payloads[1][1]), "the payload is the host's own");
}

#[test]
fn a_picture_in_parts_is_encoded_when_it_is_whole() {
    let mut line = Line::new();
    let noise = (0..line.pixels.len()).map(|at| if at % 4 == 3 { 255 } else { ((at * 7919) >> 3) as u8 });
    line.pixels = noise.collect();
    // Tiles take more bytes than a film would.
    line.encoder = Encoder::new(Config { h264: false, ..Config::default() }).unwrap();
    let mut parts = line.parts(&[], 8 << 10);
    assert!(1 < parts.len(), "the picture should come in parts");
    let last = parts.pop().unwrap();
    for part in parts {
        line.painter.take(Told::Update(part), line.now);
        line.carry();
    }
    assert!(line.payloads[1].is_empty() && line.painter.deadline(line.now).is_none());
    line.painter.take(Told::Update(last), line.now);
    line.carry();
    assert!(!line.payloads[1].is_empty());
}

#[test]
fn the_host_is_told_when_the_viewer_presented_and_not_before() {
    let mut line = Line::shown();
    let damage = line.letter(40, 9);
    line.paints(&[damage], 1 << 22);
    line.carry();
    assert!(line.presented().is_empty());
    line.presents();
    assert_eq!(line.presented(), [2]);
}

#[test]
fn a_picture_that_changes_nothing_is_presented_at_once() {
    let mut line = Line::shown();
    let damage = line.letter(40, 9);
    let update = line.parts(&[damage], 1 << 22).remove(0);
    line.painter.take(Told::Update(update.clone()), line.now);
    line.carry();
    line.presents();
    line.told.clear();
    // The same once more.
    line.painter.take(Told::Update(Update { update: UpdateId(9), ..update }), line.now);
    line.carry();
    assert_eq!(line.presented(), [9]);
    assert!(line.unpresented.is_empty());
}

#[test]
fn what_a_slow_viewer_does_not_take_is_merged_and_the_newest_wins() {
    let mut line = Line::shown();
    for step in 0..40 {
        let damage = line.letter(40 + step, step as u8 * 5);
        line.paints(&[damage], 1 << 22);
        line.carry();
    }
    let made = line.payloads[1].len();
    assert!(made < 20, "{made} of 40 pictures went to a viewer that presents nothing");
    for _ in 0..40 {
        line.presents();
    }
    assert!(line.is_exact());
    assert_eq!(line.presented().last(), Some(&41));
}

#[test]
fn a_picture_that_cannot_be_decoded_is_asked_for_anew_and_a_second_one_is_the_end() {
    let mut line = Line::shown();
    let garbage = |number| {
        let (update, size) = (UpdateId(number), Size::new(640, 400).unwrap());
        let (input, pixels) = (InputSequence::NONE, vec![0xff; 64]);
        Told::Update(Update { canvas: CANVAS, update, size, input, more: false, pixels })
    };
    line.painter.take(garbage(5), line.now);
    line.carry();
    assert!(matches!(line.told[..], [Says::Repaint(CANVAS), Says::Presented(CANVAS, UpdateId(5))]), "{:?}", line.told);
    line.painter.take(garbage(6), line.now);
    line.carry();
    assert!(matches!(line.told.last(), Some(Says::Failed(Failed::Picture(_)))), "{:?}", line.told);
    let is_silent = line.painter.deadline(line.now).is_none() && !line.painter.has_begun();
    assert!(is_silent, "it goes on after the end");
}

#[test]
fn after_a_picture_that_cannot_be_decoded_the_whole_one_is_shown() {
    let mut line = Line::shown();
    let rect = line.letter(40, 9);
    let mut update = line.parts(&[rect], 1 << 22).remove(0);
    update.pixels.truncate(update.pixels.len() - 3);
    line.painter.take(Told::Update(update), line.now);
    line.carry();
    line.encoder.repaint();
    line.paints(&[], 1 << 22);
    line.carry();
    line.presents();
    assert!(line.is_exact());
}

#[test]
fn a_viewer_that_lost_its_picture_gets_it_from_the_gate() {
    let mut line = Line::shown();
    line.viewer = Decoder::new(Limits::default());
    line.painter.take(Told::Repaint(CANVAS), line.now);
    line.carry();
    assert!(line.is_exact());
    line.presents();
    assert!(line.told.is_empty(), "the host was told {:?}", line.told);
}

#[test]
fn a_closed_canvas_takes_its_place_in_the_window_with_it() {
    let mut line = Line::shown();
    for step in 0..40 {
        let damage = line.letter(40 + step, step as u8 * 5);
        line.paints(&[damage], 1 << 22);
        line.carry();
    }
    line.painter.take(Told::Closed(CANVAS), line.now);
    line.encoder.repaint();
    let mut parts = line.parts(&[], 1 << 22);
    parts.iter_mut().for_each(|part| part.canvas = CanvasId(4));
    line.viewer = Decoder::new(Limits::default());
    parts.into_iter().for_each(|part| line.painter.take(Told::Update(part), line.now));
    line.carry();
    assert!(line.is_exact());
}
