//! Owns telling from a display's picture whether a window shows the page pixel by pixel: stripes of one pixel, which a scaled picture
//! blurs, and marks at the page's right and lower edges.

use crate::code::Picture;

/// Blue, green, red.
type Pixel = [u8; 3];
const WHITE: Pixel = [0xff, 0xff, 0xff];
const BLUE: Pixel = [0xff, 0, 0];
const GREEN: Pixel = [0, 0x88, 0];
const RED: Pixel = [0, 0, 0xcc];

/// Pixels of each mark.
const MARK: usize = 8;
/// Stripes that are looked at before the mark on the right.
const STRIPES: usize = 100;
/// Pixels that a window may have between the page and its own edges: a viewer draws its frame there.
const FRAME: u32 = 8;

/// The rows that have to be read of a window of that height.
pub(super) fn rows(height: u32) -> impl Iterator<Item = u32> {
    upper(height).into_iter().chain(height.saturating_sub(FRAME + MARK as u32 + 1)..height)
}

fn upper(height: u32) -> [u32; 2] {
    [height / 2, height * 3 / 4]
}

/// If a window in the picture's upper left corner, of that size, shows the page exactly: the pixels of its frame.
pub(super) fn exact(picture: &Picture<'_>, width: u32, height: u32) -> Option<u32> {
    (0..=FRAME).find(|&frame| {
        let at = |x: u32, y: u32| pixel(picture, x, y);
        let right = width.saturating_sub(frame);
        let is_row = |y: u32| is_row((0..right).rev().map_while(|x| at(x, y)));
        let mut column = (0..height.saturating_sub(frame)).rev().map_while(|y| at(width / 2, y));
        let is_low = column.by_ref().take(MARK).filter(|&pixel| pixel == RED).count() == MARK;
        is_low && column.next().is_some_and(|pixel| pixel != RED) && upper(height).into_iter().all(is_row)
    })
}

/// Whether a row, read from the page's right edge, has the mark and the stripes.
fn is_row(mut pixels: impl Iterator<Item = Pixel>) -> bool {
    let is_marked = pixels.by_ref().take(MARK).filter(|&pixel| pixel == GREEN).count() == MARK;
    let stripes: Vec<Pixel> = pixels.take(STRIPES).collect();
    let alternate = stripes.windows(2).all(|two| matches!(two, [WHITE, BLUE] | [BLUE, WHITE]));
    is_marked && alternate && stripes.len() == STRIPES
}

fn pixel(picture: &Picture<'_>, x: u32, y: u32) -> Option<Pixel> {
    let at = y as usize * picture.stride + 4 * x as usize;
    (x < picture.width && y < picture.height).then(|| picture.pixels.get(at..at + 3)?.try_into().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A display of 300x100 with the page in a window of that size and frame.
    fn shown(width: u32, height: u32, frame: u32) -> Vec<u8> {
        let pixel = |x: u32, y: u32| {
            let (right, low) = (width - frame, height - frame);
            match () {
                () if x >= right || y >= low => [9; 3],
                () if x + 8 >= right => GREEN,
                () if y + 8 >= low => RED,
                () if x.is_multiple_of(2) => WHITE,
                () => BLUE,
            }
        };
        (0..100)
            .flat_map(|y| (0..300).map(move |x| (x, y)))
            .flat_map(|(x, y)| [pixel(x, y).as_slice(), &[0]].concat())
            .collect()
    }

    fn exact_in(pixels: &[u8], width: u32, height: u32) -> Option<u32> {
        exact(&Picture { width: 300, height: 100, stride: 1_200, pixels }, width, height)
    }

    #[test]
    fn stripes_and_marks_at_the_windows_edges_are_the_page_within_its_frame() {
        for (width, height, frame) in [(300, 100, 0), (251, 77, 0), (252, 78, 4)] {
            assert_eq!(exact_in(&shown(width, height, frame), width, height), Some(frame));
        }
    }

    #[test]
    fn a_picture_of_another_width_or_height_is_not_the_pages_or_has_another_frame() {
        let pixels = shown(250, 80, 4);
        assert_eq!(exact_in(&pixels, 250, 82), None);
        assert_eq!(exact_in(&pixels, 240, 80), None);
        assert_eq!(exact_in(&pixels, 252, 82), Some(6));
    }

    #[test]
    fn a_blurred_picture_is_not_exact() {
        let mut pixels = shown(300, 100, 0);
        pixels[50 * 1_200 + 4 * 260] = 0x80;
        pixels[50 * 1_200 + 4 * 260 + 1] = 0x80;
        assert_eq!(exact_in(&pixels, 300, 100), None);
    }
}
