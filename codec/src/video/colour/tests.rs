//! Every level against the specification, and the specification against plain arithmetic and an independent converter.

use super::*;
use crate::geometry::Size;
use proptest::prelude::*;
use yuv::{BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, bgra_to_yuv420};

/// Bytes that look random; the same for a seed on every machine.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Often the ends of the range, where sums are largest.
        match state >> 60 {
            0..3 => 0,
            3..6 => 255,
            _ => (state >> 40) as u8,
        }
    };
    (0..len).map(|_| next()).collect()
}

/// The exact value of a colour, in order luma, blue and red.
fn exact([b, g, r]: [f64; 3]) -> [f64; 3] {
    let y = 0.0722 * b + 0.7152 * g + 0.2126 * r;
    [y, (b - y) / 1.8556 + 128.0, (r - y) / 1.5748 + 128.0]
}

proptest! {
    #[test]
    fn every_level_gives_what_is_specified(
        seed in any::<u64>(),
        (width, height) in (1..300u32, 1..40u32),
        (x, y) in (0..40u32, 0..20u32),
        (beyond_x, beyond_y) in (0..3u32, 0..3u32),
        gap in 0..70usize,
    ) {
        let size = Size { width: x + width, height: y + height };
        let stride = size.width as usize * 4 + gap;
        let pixels = noise(seed, stride * size.height as usize);
        let frame = Frame { size, stride, pixels: &pixels };
        // Regions begin anywhere and end on the canvas or beyond it.
        let cover = |length: u32, beyond: u32| match beyond {
            0 => length.next_multiple_of(16).max(32) - 16,
            _ => (length + 16 * (beyond - 1)).next_multiple_of(16),
        };
        let area = Rect { x, y, width: cover(width, beyond_x), height: cover(height, beyond_y) };
        let mut wanted = Planes::new(area.width, area.height);
        wanted.take(Level::SCALAR, &frame, area).unwrap();
        for level in Level::all() {
            let mut planes = Planes::new(area.width, area.height);
            planes.take(level, &frame, area).unwrap();
            prop_assert!(planes.y == wanted.y && planes.u == wanted.u && planes.v == wanted.v, "{}", level.name());
        }
        // What is specified, said again from the planes' side: every sample has its pixels, those beyond the edges repeated.
        let at = |x: u32, y: u32| {
            let (x, y) = (x.min(size.width - 1) as usize, y.min(size.height - 1) as usize);
            u32::from_le_bytes(frame.row(y, x, 1)[0])
        };
        for line in 0..area.height {
            for column in 0..area.width {
                let (x, y) = (area.x + column, area.y + line);
                prop_assert_eq!(wanted.y[(line * area.width + column) as usize], LUMA.of(at(x, y)), "{}, {}", x, y);
                // Squares beyond the edges repeat the last one that was seen, not the last pixel.
                let inside = |from: u32, end: u32, at: u32| at.min((end - from - 1) & !1) + from;
                let (x, y) = (inside(area.x, size.width, column & !1), inside(area.y, size.height, line & !1));
                let colour = mean(mean(at(x, y), at(x, y + 1)), mean(at(x + 1, y), at(x + 1, y + 1)));
                let place = (line / 2 * (area.width / 2) + column / 2) as usize;
                prop_assert_eq!((wanted.u[place], wanted.v[place]), (BLUE.of(colour), RED.of(colour)), "{}, {}", x, y);
            }
        }
    }
}

/// Every corner of the colour cube beside every other, and noise: 2x2 squares, each in its own place.
fn squares() -> (Size, Vec<u8>) {
    let mut pixels = Vec::new();
    let corner = |i: u32| [i & 1, i >> 1 & 1, i >> 2 & 1].map(|bit| bit as u8 * 255);
    let size = Size { width: 512, height: 256 };
    for y in 0..128 {
        for x in 0..512 {
            let which = x / 2 + y / 2 * 256;
            let [b, g, r] = corner(which >> (3 * (x % 2 + 2 * (y % 2))));
            pixels.extend([b, g, r, 77]);
        }
    }
    pixels.extend(noise(1, 512 * 128 * 4));
    (size, pixels)
}

/// Whole steps between a picture's samples and others of it, as most of luma, blue and red.
fn most(planes: &Planes, others: [&[u8]; 3]) -> [u8; 3] {
    let ours = [&planes.y, &planes.u, &planes.v];
    std::array::from_fn(|i| ours[i].iter().zip(others[i]).map(|(a, b)| a.abs_diff(*b)).max().unwrap())
}

#[test]
fn every_colour_alone_is_within_a_step_of_the_exact_one() {
    let mut most = [0.0f64; 3];
    for colour in 0..1u32 << 24 {
        let [b, g, r, _] = colour.to_le_bytes();
        let got = [LUMA, BLUE, RED].map(|weights| weights.of(colour));
        let exact = exact([b, g, r].map(f64::from));
        for ((most, got), exact) in most.iter_mut().zip(got).zip(exact) {
            *most = most.max((f64::from(got) - exact.min(255.0)).abs());
        }
        if b == g && g == r {
            assert_eq!(got, [b, 128, 128], "greys are exact");
        }
    }
    // Half a step is what rounding takes.
    assert!(most.iter().all(|most| *most < 0.7), "{most:?}");
}

#[test]
fn a_picture_is_within_a_step_of_plain_arithmetic_and_of_another_converter() {
    let (size, pixels) = squares();
    let frame = Frame { size, stride: size.width as usize * 4, pixels: &pixels };
    let mut planes = Planes::new(size.width, size.height);
    planes.take(Level::detect(), &frame, size.rect()).unwrap();

    let mut plain = planes.clone();
    let (width, half) = (size.width as usize, size.width as usize / 2);
    for y in 0..size.height as usize {
        for (x, pixel) in frame.row(y, 0, width).iter().enumerate() {
            plain.y[y * width + x] = exact([pixel[0], pixel[1], pixel[2]].map(f64::from))[0].round() as u8;
        }
    }
    for y in 0..size.height as usize / 2 {
        for x in 0..half {
            let (above, below) = (frame.row(2 * y, 2 * x, 2), frame.row(2 * y + 1, 2 * x, 2));
            let sum = |c: usize| above.iter().chain(below).map(|pixel| f64::from(pixel[c])).sum::<f64>();
            let [_, u, v] = exact([sum(0), sum(1), sum(2)].map(|sum| sum / 4.0));
            (plain.u[y * half + x], plain.v[y * half + x]) = (u.round() as u8, v.round() as u8);
        }
    }
    assert_eq!(most(&planes, [&plain.y, &plain.u, &plain.v]), [1; 3]);

    let mut other = planes.clone();
    let mut image = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(&mut other.y),
        y_stride: size.width,
        u_plane: BufferStoreMut::Borrowed(&mut other.u),
        u_stride: size.width / 2,
        v_plane: BufferStoreMut::Borrowed(&mut other.v),
        v_stride: size.width / 2,
        width: size.width,
        height: size.height,
    };
    let (range, matrix) = (YuvRange::Full, YuvStandardMatrix::Bt709);
    bgra_to_yuv420(&mut image, &pixels, size.width * 4, range, matrix, YuvConversionMode::Balanced).unwrap();
    assert_eq!(most(&planes, [&other.y, &other.u, &other.v]), [1; 3]);
}

#[test]
fn a_frame_that_is_too_short_is_refused() {
    let frame = Frame { size: Size { width: 16, height: 16 }, stride: 64, pixels: &[0; 64 * 15] };
    assert_eq!(Planes::new(16, 16).take(Level::SCALAR, &frame, frame.size.rect()), Err(Failed));
}
