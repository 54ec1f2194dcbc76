//! What the tests share: painting pages, and a host and a viewer joined at their payloads.

use shoji_codec::{Budget, Config, Decoder, Encoder, Frame, Limits, Outcome, Rect, Size, Time};

/// A deterministic source of noise.
pub(crate) struct Noise(pub(crate) u32);

impl Noise {
    pub(crate) fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }
}

/// A picture that a test paints.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) size: Size,
    pub(crate) pixels: Vec<u8>,
}

impl Page {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        Self { size: Size { width, height }, pixels: vec![255; (width * height * 4) as usize] }
    }

    pub(crate) fn frame(&self) -> Frame<'_> {
        Frame { size: self.size, stride: self.size.width as usize * 4, pixels: &self.pixels }
    }

    pub(crate) fn set(&mut self, x: u32, y: u32, bgr: [u8; 3]) {
        if x < self.size.width && y < self.size.height {
            let at = (y * self.size.width + x) as usize * 4;
            self.pixels[at..at + 3].copy_from_slice(&bgr);
            self.pixels[at + 3] = (x ^ y) as u8;
        }
    }

    pub(crate) fn fill(&mut self, area: Rect, mut colour: impl FnMut(u32, u32) -> [u8; 3]) {
        for y in area.y..area.bottom().min(self.size.height) {
            for x in area.x..area.right().min(self.size.width) {
                let bgr = colour(x, y);
                self.set(x, y, bgr);
            }
        }
    }

    /// Lines of made-up glyphs with soft edges; `scroll` moves them up.
    pub(crate) fn text(&mut self, area: Rect, scroll: u32) {
        self.fill(area, |x, y| {
            let (line, column) = ((y + scroll) / 20, x / 10);
            let (gx, gy) = (x % 10, (y + scroll) % 20);
            let mut noise = Noise((line * 7919 + column * 104_729 + 17) | 1);
            let glyph = (noise.next() >> 3) % 61;
            if glyph < 6 || gx > 7 || !(3..16).contains(&gy) || column > 40 + line * 13 % 60 {
                return [255; 3];
            }
            let mut stroke = Noise((glyph * 977 + gx * 31 + gy / 2 * 7) | 1);
            for _ in 0..4 {
                stroke.next();
            }
            let ink = [0, 40, 110, 180, 255, 255, 255][(stroke.next() >> 5) as usize % 7];
            if line % 9 == 4 { [ink, ink, 200] } else { [ink; 3] }
        });
    }

    /// A moving, noisy picture.
    pub(crate) fn film(&mut self, area: Rect, time: u32) {
        let mut noise = Noise(time.wrapping_mul(2_654_435_761) | 1);
        self.fill(area, |x, y| {
            let wave = ((x + time * 3) as f32 / 23.0).sin() * 60.0 + ((y + time * 2) as f32 / 17.0).cos() * 50.0;
            let grain = (noise.next() >> 28) as f32;
            [(120.0 + wave + grain) as u8, (110.0 + wave * 0.7 + grain) as u8, (130.0 - wave + grain) as u8]
        });
    }

    pub(crate) fn equals(&self, decoder: &Decoder) -> bool {
        let canvas = decoder.canvas();
        canvas.size() == self.size
            && canvas.pixels().chunks(4).zip(self.pixels.chunks(4)).all(|(a, b)| a[..3] == b[..3] && a[3] == 255)
    }
}

/// A host and a viewer.
pub(crate) struct Pair {
    pub(crate) encoder: Encoder,
    pub(crate) decoder: Decoder,
    pub(crate) payload: Vec<u8>,
    pub(crate) now: Time,
    pub(crate) budget: Budget,
}

impl Pair {
    pub(crate) fn new(h264: bool) -> Self {
        Self {
            encoder: Encoder::new(Config { h264, ..Config::default() }).unwrap(),
            decoder: Decoder::new(Limits::default()),
            payload: Vec::new(),
            now: Time(1_000_000),
            budget: Budget { bytes: 1 << 20 },
        }
    }

    /// Sends one frame, in as many parts as it takes, and checks the invariant: what the encoder calls exact is exact.
    pub(crate) fn send(&mut self, page: &Page, damage: &[Rect]) -> Outcome {
        let mut all = self.send_part(page, damage);
        let mut more = all.more;
        while more {
            let part = self.send_part(page, &[]);
            assert!(!part.empty, "there was more");
            let (sum, add) = (&mut all.stats, part.stats);
            sum.bytes += add.bytes;
            sum.copied += add.copied;
            sum.exact += add.exact;
            sum.video += add.video;
            sum.refined += add.refined;
            more = part.more;
        }
        all.more = false;
        self.check(page);
        all
    }

    /// Sends one part of what there is to send; `payload` holds it.
    pub(crate) fn send_part(&mut self, page: &Page, damage: &[Rect]) -> Outcome {
        self.payload.clear();
        let outcome = self.encoder.encode(page.frame(), damage, self.budget, self.now, &mut self.payload).unwrap();
        assert_eq!(outcome.empty, self.payload.is_empty());
        assert_eq!(outcome.stats.bytes, self.payload.len());
        assert!(!(outcome.more && self.encoder.is_exact()));
        if !outcome.empty {
            self.decoder.apply(&self.payload).unwrap();
        }
        outcome
    }

    pub(crate) fn check(&self, page: &Page) {
        if self.encoder.is_exact() {
            assert!(page.equals(&self.decoder), "exact, they say");
            return;
        }
        let (canvas, width) = (self.decoder.canvas(), page.size.width);
        assert_eq!(canvas.size(), page.size);
        for (i, (a, b)) in canvas.pixels().chunks(4).zip(page.pixels.chunks(4)).enumerate() {
            let (x, y) = (i as u32 % width, i as u32 / width);
            assert!(a[..3] == b[..3] || !self.encoder.is_pixel_exact(x, y), "pixel {x},{y}: {a:?} for {b:?}");
            assert_eq!(a[3], 255);
        }
    }

    /// Lets virtual time pass until all is exact; gives how long that took in microseconds.
    pub(crate) fn rest(&mut self, page: &Page) -> u64 {
        let began = self.now;
        for _ in 0..10_000 {
            let Some(at) = self.encoder.refine_at() else {
                assert!(self.encoder.is_exact() && page.equals(&self.decoder));
                return self.now.since(began);
            };
            // A link that takes an update every 2 ms.
            self.now = Time(at.0.max(self.now.0 + 2_000));
            self.send(page, &[]);
        }
        panic!("refinement does not end");
    }
}
