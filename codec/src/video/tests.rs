//! Colours through H.264 and back, by our own decoder and by an independent one.

use super::{Decode as _, Encode as _, Planes, openh264};
use crate::geometry::{Frame, Pixel, Rect, Size};
use crate::simd::Level;
use std::io::Write as _;
use std::process::{Command, Stdio};

const SIZE: Size = Size { width: 256, height: 192 };
/// The finest quantization that the library has, so that only colour conversion can be wrong.
const FINEST: u8 = 0;
/// Patches of 32x32 pixels: chroma is flat within each.
const PATCH: u32 = 32;

/// Greys, primaries, and pairs of them: corners of the colour cube and points between.
fn chart() -> Vec<Pixel> {
    let levels = [0, 64, 128, 255];
    let mut pixels = Vec::new();
    for y in 0..SIZE.height {
        for x in 0..SIZE.width {
            let patch = (y / PATCH * (SIZE.width / PATCH) + x / PATCH) as usize;
            let grey = (patch * 17) as u8;
            pixels.push(match patch {
                0..16 => [grey, grey, grey, 0],
                _ => [levels[patch % 4], levels[patch / 4 % 4], levels[(patch / 16 + patch / 5) % 4], 0],
            });
        }
    }
    pixels
}

/// The access units of a still chart at the finest quantization: the second picture repeats the first.
fn encoded(pixels: &[Pixel]) -> Vec<Vec<u8>> {
    let frame = Frame { size: SIZE, stride: SIZE.width as usize * 4, pixels: pixels.as_flattened() };
    let mut planes = Planes::new(SIZE.width, SIZE.height);
    planes.take(Level::detect(), &frame, SIZE.rect()).unwrap();
    let mut encoder = openh264::Encoder::new(SIZE.width, SIZE.height, FINEST).unwrap();
    (0..2)
        .map(|_| {
            let mut unit = Vec::new();
            encoder.encode(&planes, FINEST, false, &mut unit).unwrap();
            unit
        })
        .collect()
}

/// The largest difference of any channel: of a patch's median, and of any single pixel. Away from the edges of patches, where
/// chroma is not flat.
fn errors(a: &[Pixel], b: &[Pixel]) -> (u8, u8) {
    let (mut patch_error, mut pixel_error) = (0, 0);
    for top in (0..SIZE.height).step_by(PATCH as usize) {
        for left in (0..SIZE.width).step_by(PATCH as usize) {
            for channel in 0..3 {
                let inner = |from: u32| from + 4..from + PATCH - 4;
                let places = inner(top).flat_map(|y| inner(left).map(move |x| (y * SIZE.width + x) as usize));
                let mut seen: Vec<u8> = places.clone().map(|at| b[at][channel]).collect();
                let wanted = a[(top * SIZE.width + left) as usize][channel];
                pixel_error = seen.iter().map(|v| v.abs_diff(wanted)).max().unwrap().max(pixel_error);
                seen.sort_unstable();
                patch_error = seen[seen.len() / 2].abs_diff(wanted).max(patch_error);
            }
        }
    }
    (patch_error, pixel_error)
}

/// A patch is right within 2 steps. Single pixels may be one step further away: even at its finest the library rounds a few chroma
/// samples by one, and one step of chroma is 1.86 steps of blue.
fn assert_same_colours(a: &[Pixel], b: &[Pixel]) {
    let (patch, pixel) = errors(a, b);
    assert!(patch <= 2 && pixel <= 3, "patches {patch}, pixels {pixel}");
}

#[test]
fn a_colour_chart_comes_back_within_two_steps() {
    let pixels = chart();
    let mut planes = Planes::new(SIZE.width, SIZE.height);
    let mut decoder = openh264::Decoder::new().unwrap();
    for unit in encoded(&pixels) {
        decoder.decode(&unit, &mut planes).unwrap();
    }
    let mut out = vec![[0; 4]; pixels.len()];
    planes.give(SIZE.rect(), &mut out, SIZE.width as usize).unwrap();
    assert_same_colours(&pixels, &out);
    assert!(out.iter().all(|p| p[3] == 255));
}

#[test]
fn an_independent_decoder_reads_the_same_colours_from_the_stream_alone() {
    let pixels = chart();
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "h264", "-i", "-", "-sws_flags", "neighbor+accurate_rnd+full_chroma_int"])
        .args(["-pix_fmt", "bgra", "-f", "rawvideo", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg is installed: apt-get install ffmpeg");
    // The stream is smaller than a pipe's buffer or ffmpeg reads it all before it writes: it wants the end first.
    let mut input = ffmpeg.stdin.take().unwrap();
    let units = encoded(&pixels).concat();
    let writer = std::thread::spawn(move || input.write_all(&units));
    let output = ffmpeg.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let frames = output.stdout.as_chunks::<4>().0;
    assert_eq!(frames.len(), 2 * pixels.len(), "two pictures");
    let last = &frames[pixels.len()..];
    assert_same_colours(&pixels, last);
}

#[test]
fn a_region_beyond_the_canvas_is_padded_and_cut_again() {
    for (width, height) in [(33, 17), (50, 31), (1, 1), (47, 48)] {
        let size = Size { width, height };
        let pixels: Vec<Pixel> = (0..size.area()).map(|i| [(i % 7) as u8 * 30, 90, 120, 3]).collect();
        let frame = Frame { size, stride: width as usize * 4, pixels: pixels.as_flattened() };
        let area = Rect { x: 0, y: 0, width: width.next_multiple_of(16), height: height.next_multiple_of(16) };
        let mut planes = Planes::new(area.width, area.height);
        planes.y.fill(1);
        planes.take(Level::detect(), &frame, area).unwrap();
        let last = (height as usize - 1) * area.width as usize;
        assert_eq!(planes.y[planes.y.len() - 1], planes.y[last + width as usize - 1], "{width}x{height}");
        assert_eq!(planes.y[area.width as usize - 1], planes.y[width as usize - 1]);
        let mut encoder = openh264::Encoder::new(area.width, area.height, 24).unwrap();
        let mut unit = Vec::new();
        encoder.encode(&planes, 24, true, &mut unit).unwrap();
        assert!(!unit.is_empty());
    }
}

#[test]
fn a_change_of_quantization_does_not_start_the_stream_anew() {
    let planes = Planes::new(64, 64);
    let mut encoder = openh264::Encoder::new(64, 64, 24).unwrap();
    let mut keys = Vec::new();
    for qp in [24, 30, 20, 20, 44] {
        let mut unit = Vec::new();
        encoder.encode(&planes, qp, false, &mut unit).unwrap();
        keys.push(super::parameters::check(&unit, 64, 64).unwrap().key);
    }
    assert_eq!(keys, [true, false, false, false, false]);
}

#[test]
fn no_picture_is_ever_skipped() {
    // Noise at the coarsest setting: with the library's own rate control most of these would be dropped.
    let mut planes = Planes::new(320, 240);
    let mut encoder = openh264::Encoder::new(320, 240, 44).unwrap();
    let mut state = 1u32;
    for _ in 0..60 {
        for y in &mut planes.y {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *y = (state >> 24) as u8;
        }
        let mut unit = Vec::new();
        encoder.encode(&planes, 44, false, &mut unit).unwrap();
        assert!(unit.len() > 100);
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn the_library_was_built_with_its_assembler_routines_and_with_avx2() {
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let has = |name: &[u8]| program.windows(name.len()).any(|w| w == name);
    // These names are in the symbol table only if nasm assembled them; the C++ sources have none of them otherwise.
    // They are put together here, so that this test's own text does not answer for the library.
    for (routine, set) in [("WelsSampleSatd16x16_", "sse41"), ("WelsSampleSatd16x16_", "avx2"), ("WelsDctT4_", "avx2")]
    {
        let name = [b"\0", routine.as_bytes(), set.as_bytes(), b"\0"].concat();
        assert!(has(&name), "{routine}{set}: is nasm installed, and NASMENV and CXXFLAGS as in .cargo/config.toml?");
    }
}

/// What an independent parser reads of a stream: size, range and matrix.
fn probed(unit: &[u8]) -> String {
    let mut ffprobe = Command::new("ffprobe")
        .args(["-v", "quiet", "-f", "h264", "-i", "-", "-of", "csv=p=0"])
        .args(["-show_entries", "stream=width,height,color_range,color_space"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffprobe is installed: apt-get install ffmpeg");
    // It may have seen enough before the end.
    let _ = ffprobe.stdin.take().unwrap().write_all(unit);
    String::from_utf8(ffprobe.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

#[test]
fn a_flipped_bit_of_the_parameters_is_refused_or_changes_neither_size_nor_colours() {
    let mut unit = Vec::new();
    openh264::Encoder::new(64, 48, 24).unwrap().encode(&Planes::new(64, 48), 24, false, &mut unit).unwrap();
    assert_eq!(probed(&unit), "64,48,pc,bt709");
    // The sequence parameters come first, between two start codes.
    let start = 5;
    let length = unit[start..].windows(4).position(|w| w == [0, 0, 0, 1]).expect("picture parameters follow");
    let (mut accepted, mut refused) = (0, 0);
    for bit in 0..8 * length {
        let mut other = unit.clone();
        other[start + bit / 8] ^= 0x80 >> (bit % 8);
        if super::parameters::check(&other, 64, 48).is_err() {
            refused += 1;
            continue;
        }
        accepted += 1;
        // A stream that the other one cannot read at all is no danger: our decoder refuses it too, or shows the same size.
        let seen = probed(&other);
        assert!(["64,48,pc,bt709", ""].contains(&seen.as_str()), "bit {bit} makes it {seen}");
    }
    assert!(accepted > 0 && refused > accepted, "{accepted} accepted, {refused} refused");
}
