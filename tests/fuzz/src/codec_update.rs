//! The codec's decoder: any bytes as updates, one after the other.
//!
//! An input is a list of payloads, each after its length as two little-endian bytes; what is left over is one more payload.
//! Whatever they are, the decoder gives a picture within its limits or an error whose fault is the sender's, and after an error
//! it takes nothing but a complete update.

use shoji_codec::{Budget, Config, DecodeError, Decoder, Encoder, Fault, Frame, Limits, Rect, Size, Time};

/// What the decoder is told to accept; larger than the seeds' canvases, so that mutation can grow them.
const LIMITS: Limits = Limits { size: Size { width: 256, height: 192 }, h264: true };

/// The payloads of an input, in their order.
fn payloads(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (payload, rest) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
        bytes = rest;
        Some(payload)
    })
}

/// What must hold for any bytes.
pub fn run(bytes: &[u8]) {
    let mut decoder = Decoder::new(LIMITS);
    let mut whole = false;
    for payload in payloads(bytes) {
        let complete = payload.get(1).is_some_and(|flags| flags & 1 != 0);
        match decoder.apply(payload).map(<[Rect]>::to_vec) {
            Ok(changed) => {
                assert!(whole || complete, "an update without a canvas was accepted");
                whole = true;
                let canvas = decoder.canvas().size().rect();
                assert!(changed.iter().all(|rect| canvas.contains(*rect)), "a change outside the canvas");
            }
            Err(error) => {
                assert!(error.fault() == Fault::Sender, "{error}");
                assert!(whole || complete || error != DecodeError::SizeMismatch, "no canvas has no size");
                whole = false;
            }
        }
        let canvas = decoder.canvas();
        assert!(canvas.size().width <= LIMITS.size.width && canvas.size().height <= LIMITS.size.height);
        assert_eq!(canvas.pixels().len() as u64, canvas.size().area() * 4);
        assert!(canvas.pixels().iter().skip(3).step_by(4).all(|alpha| *alpha == 255), "a pixel is not opaque");
    }
}

/// Sessions of small canvases that use every operation.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![Vec::new()];
    for (width, height, kind) in [(80, 48, 0), (33, 17, 1), (64, 64, 2), (128, 96, 3), (7, 5, 2)] {
        let size = Size { width, height };
        let mut encoder = Encoder::new(Config::default()).expect("the library works on this machine");
        let mut input = Vec::new();
        for step in 0..6u32 {
            let pixels: Vec<u8> =
                (0..height * width).flat_map(|at| pixel(kind, at % width, at / width, step)).collect();
            let frame = Frame { size, stride: width as usize * 4, pixels: &pixels };
            let mut payload = Vec::new();
            let (budget, now) = (Budget { bytes: 300 }, Time(u64::from(step) * 150_000));
            encoder.encode(frame, &[size.rect()], budget, now, &mut payload).expect("the frame is well formed");
            if input.len() + payload.len() < 4_000 {
                input.extend_from_slice(&(payload.len() as u16).to_le_bytes());
                input.append(&mut payload);
            }
        }
        seeds.push(input);
    }
    seeds
}

/// Paper with strokes, stripes that scroll, noise that moves, and all of them side by side.
fn pixel(kind: u32, x: u32, y: u32, step: u32) -> [u8; 4] {
    match kind {
        0 => [if (x * 7 + y * step) % 11 < 2 { 40 } else { 255 }; 4],
        1 => [((y + step * 3) * 9) as u8, (x * 4) as u8 & 0xf0, 90, 0],
        2 => (x.wrapping_mul(2_654_435_761) ^ (y + step).wrapping_mul(2_246_822_519)).to_le_bytes(),
        _ => pixel(x / 43 % 3, x, y, step),
    }
}
