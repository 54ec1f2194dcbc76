//! From a byte budget to a quantization: pure arithmetic, no clock.
//!
//! Owns the control of one stream's QP. A picture that weighed too much makes the next one coarser at once; one that
//! weighed little makes it finer step by step. It must never stop a picture from being sent.

/// Finest quantization in use: 43 dB on film. Below it bytes and time double and nobody sees more while it moves; rest makes
/// it exact anyway.
const FINEST: f32 = 24.0;

/// Coarsest quantization in use: above it a film is no longer worth watching.
const COARSEST: f32 = 46.0;

/// Bytes per pixel of a first picture of film at QP 24, measured; six steps of QP halve it.
const FIRST_BYTES_PER_PIXEL: f32 = 0.10;

/// A picture's share of a budget is never less than this, so that one key frame cannot starve the control.
const LEAST_TARGET: f32 = 512.0;

/// The QP of one stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control {
    qp: f32,
}

impl Control {
    /// A guess for the first picture of `pixels` pixels with `target` bytes to spend.
    pub(crate) fn new(pixels: u64, target: usize) -> Self {
        let expected = pixels as f32 * FIRST_BYTES_PER_PIXEL;
        let over = expected / (target as f32).max(LEAST_TARGET);
        Self { qp: (24.0 + 6.0 * over.log2()).clamp(FINEST + 2.0, COARSEST) }
    }

    /// The QP for the next picture.
    pub(crate) fn qp(self) -> u8 {
        self.qp.round() as u8
    }

    /// Learns what the last picture weighed.
    pub(crate) fn weighed(&mut self, bytes: usize, target: usize) {
        let over = (bytes as f32 / (target as f32).max(LEAST_TARGET)).max(1e-3);
        let step = if over > 1.0 {
            (4.5 * over.log2()).clamp(0.5, 10.0)
        } else if over < 0.6 {
            -0.5
        } else {
            0.0
        };
        self.qp = (self.qp + step).clamp(FINEST, COARSEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A film whose picture weighs `at_24` bytes at QP 24.
    fn settle(control: &mut Control, at_24: f32, target: usize) -> usize {
        (0..60).fold(0, |_, _| {
            let bytes = (at_24 * 2f32.powf((24.0 - f32::from(control.qp())) / 6.0)) as usize;
            control.weighed(bytes, target);
            bytes
        })
    }

    #[test]
    fn the_control_comes_down_to_a_small_budget_and_up_to_a_large_one() {
        let mut control = Control::new(1280 * 720, 4_000);
        let bytes = settle(&mut control, 19_000.0, 4_000);
        assert!((1_500..=5_000).contains(&bytes), "{bytes}");
        settle(&mut control, 19_000.0, 400_000);
        assert_eq!(control.qp(), FINEST as u8);
    }

    #[test]
    fn no_budget_at_all_gives_the_coarsest_picture() {
        assert_eq!(Control::new(3840 * 2160, 0).qp(), COARSEST as u8);
    }
}
