//! Owns what every codec in the comparison can be asked, and the conversion that those without our colours need.

use shoji_codec::{Frame, Rect, Size, Time};
use yuv::{
    YuvChromaSubsampling, YuvConversionMode, YuvPlanarImage, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
    bgra_to_yuv420, yuv420_to_bgra,
};

/// Bytes of one picture, and how they lie.
#[derive(Debug, Default)]
pub struct Coded {
    /// All of them.
    pub bytes: Vec<u8>,
    /// Where each separately decodable part ends.
    pub ends: Vec<usize>,
}

impl Coded {
    /// With room for more than any picture of the corpus needs, so that nothing is allocated for it while codecs run.
    #[must_use]
    pub fn with_room() -> Self {
        Self { bytes: Vec::with_capacity(16 << 20), ends: Vec::with_capacity(256) }
    }

    /// Nothing yet.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Notes that a part ends here.
    pub fn end_part(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// The parts, in order.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.ends.iter().scan(0, |from, &end| {
            let part = &self.bytes[*from..end];
            *from = end;
            Some(part)
        })
    }
}

/// A codec with both its ends.
pub trait Contender {
    /// What its rows are called.
    fn name(&self) -> &str;

    /// Encodes the next picture; conversion of colours is part of it.
    ///
    /// # Errors
    /// If the library fails.
    fn encode(&mut self, frame: &Frame<'_>, damage: &[Rect], at: Time, out: &mut Coded) -> anyhow::Result<()>;

    /// Decodes it, down to pixels that can be shown.
    ///
    /// # Errors
    /// If the library fails.
    fn decode(&mut self, coded: &Coded) -> anyhow::Result<()>;

    /// What the other end shows: blue, green, red and a byte that does not matter.
    fn picture(&self) -> &[u8];

    /// Makes the picture better while it rests, with everything that is due until then. When it became exact, if it does.
    ///
    /// # Errors
    /// If the library fails.
    fn rest(&mut self, _: &Frame<'_>, _: Time, _: &mut Coded) -> anyhow::Result<Option<Time>> {
        Ok(None)
    }
}

/// A picture in 4:2:0, BT.709, full range: what video encoders take.
pub struct Planes(pub YuvPlanarImageMut<'static, u8>);

impl Planes {
    /// A picture of an even size.
    #[must_use]
    pub fn new(size: Size) -> Self {
        Self(YuvPlanarImageMut::alloc(size.width, size.height, YuvChromaSubsampling::Yuv420))
    }

    /// Converts a frame of the same size.
    ///
    /// # Errors
    /// If the sizes do not fit.
    pub fn take(&mut self, frame: &Frame<'_>) -> anyhow::Result<()> {
        let (range, matrix) = (YuvRange::Full, YuvStandardMatrix::Bt709);
        let stride = u32::try_from(frame.stride)?;
        Ok(bgra_to_yuv420(&mut self.0, frame.pixels, stride, range, matrix, YuvConversionMode::Balanced)?)
    }
}

/// Converts a decoded picture to pixels that can be shown.
///
/// # Errors
/// If the sizes do not fit.
pub fn show(
    (y, u, v): (&[u8], &[u8], &[u8]),
    strides: (usize, usize, usize),
    size: Size,
    out: &mut [u8],
) -> anyhow::Result<()> {
    let image = YuvPlanarImage {
        y_plane: y,
        y_stride: u32::try_from(strides.0)?,
        u_plane: u,
        u_stride: u32::try_from(strides.1)?,
        v_plane: v,
        v_stride: u32::try_from(strides.2)?,
        width: size.width,
        height: size.height,
    };
    Ok(yuv420_to_bgra(&image, out, size.width * 4, YuvRange::Full, YuvStandardMatrix::Bt709)?)
}
