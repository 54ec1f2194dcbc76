//! The program's icon: a paper screen in an amber frame, as the window system shows it beside the title.
//!
//! Drawn for each size in whole pixels, so that it is crisp where it is small.

use super::{
    frame,
    image::{Area, Image, opaque},
};

const PAPER: u32 = 0xf7_f3ea;
const WOOD: u32 = 0x8a_6a42;

/// The icon's pixels, `size` wide and high, as straight RGBA.
#[must_use]
pub fn rgba(size: u32) -> Vec<u8> {
    let image = draw(size);
    let rows = (0..size).flat_map(|y| image.row(y).iter().copied());
    rows.flat_map(|pixel| {
        let [alpha, red, green, blue] = pixel.to_be_bytes();
        // The picture's colours are multiplied by alpha; a window system wants them plain.
        let plain = |colour: u8| (u32::from(colour) * 255).checked_div(alpha.into()).unwrap_or(0).min(255) as u8;
        [plain(red), plain(green), plain(blue), alpha]
    })
    .collect()
}

fn draw(size: u32) -> Image {
    let mut image = Image::new(size, size, 0);
    let edge = (size / 8).max(1);
    let bar = (size / 24).max(1);
    #[expect(clippy::cast_precision_loss, reason = "an icon has some hundred pixels at most")]
    let radius = size as f32 / 7.0;
    image.fill_round(image.area(), radius, opaque(frame::COLOUR));
    let inner = size.saturating_sub(2 * edge);
    image.fill(Area::new(edge, edge, inner, inner), opaque(PAPER));
    // One upright in the middle, two bars across.
    image.fill(Area::new(edge + inner.saturating_sub(bar) / 2, edge, bar, inner), opaque(WOOD));
    for third in [1, 2] {
        image.fill(Area::new(edge, edge + inner * third / 3 - bar / 2, inner, bar), opaque(WOOD));
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_icon_is_paper_in_an_amber_frame_with_round_corners_at_every_size() {
        for size in [16, 24, 32, 48, 64, 128, 256] {
            let pixels = rgba(size);
            let at = |x: u32, y: u32| &pixels[((y * size + x) * 4) as usize..][..4];
            assert_eq!(pixels.len(), (size * size * 4) as usize);
            assert!(at(0, 0)[3] < 128, "{size}: the corner is round");
            assert_eq!(at(size / 2, 0), [0xd9, 0xa4, 0x41, 255], "{size}: the frame");
            assert_eq!(at(size / 4, size / 4), [0xf7, 0xf3, 0xea, 255], "{size}: the paper");
        }
    }
}
