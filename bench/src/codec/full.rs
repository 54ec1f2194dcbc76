//! Owns what most screen streamers do: the whole screen through openh264, by the published crate's own interface.

use openh264::OpenH264API;
use openh264::decoder::Decoder;
use openh264::encoder::{BitRate, Complexity, Encoder, EncoderConfig, QpRange, RateControlMode, UsageType, VuiConfig};
use openh264::formats::{YUVSlices, YUVSource as _};
use shoji_codec::{Frame, Rect, Size, Time};
use yuv::{YuvConversionMode, YuvRange, YuvStandardMatrix};

use super::contender::{Coded, Contender, Planes, show};

/// A rate that never holds the encoder back, so that its quantizer is the one it was given.
const NO_LIMIT: u32 = 250_000_000;

/// The whole screen as H.264.
pub struct FullScreen {
    name: String,
    size: Size,
    planes: Planes,
    encoder: Encoder,
    decoder: Decoder,
    picture: Vec<u8>,
}

impl FullScreen {
    /// As the crate comes.
    ///
    /// # Errors
    /// If the library cannot be set up.
    pub fn published(size: Size) -> anyhow::Result<Self> {
        Self::new("openh264 published", size, EncoderConfig::new())
    }

    /// As one would set it for a screen: one quantizer, no picture skipped, no analysis that screens do not need.
    ///
    /// # Errors
    /// If the library cannot be set up.
    pub fn tuned(size: Size, quantizer: u8) -> anyhow::Result<Self> {
        let config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .rate_control_mode(RateControlMode::Quality)
            .bitrate(BitRate::from_bps(NO_LIMIT))
            .qp(QpRange::new(quantizer, quantizer))
            .complexity(Complexity::Low)
            .skip_frames(false)
            .scene_change_detect(false)
            .background_detection(false)
            .adaptive_quantization(false)
            .num_threads(1)
            .vui(VuiConfig::bt709_full());
        Self::new(&format!("openh264 QP{quantizer}"), size, config)
    }

    fn new(name: &str, size: Size, config: EncoderConfig) -> anyhow::Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            size,
            planes: Planes::new(size),
            encoder: Encoder::with_api_config(OpenH264API::from_source(), config)?,
            decoder: Decoder::new()?,
            picture: vec![0; size.area() as usize * 4],
        })
    }
}

impl Contender for FullScreen {
    fn name(&self) -> &str {
        &self.name
    }

    fn encode(&mut self, frame: &Frame<'_>, _: &[Rect], _: Time, out: &mut Coded) -> anyhow::Result<()> {
        self.planes.take(frame)?;
        let image = &self.planes.0;
        let planes = (image.y_plane.borrow(), image.u_plane.borrow(), image.v_plane.borrow());
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let source = YUVSlices::new(planes, (width, height), (width, width / 2, width / 2));
        self.encoder.encode(&source)?.write_vec(&mut out.bytes);
        out.end_part();
        Ok(())
    }

    fn decode(&mut self, coded: &Coded) -> anyhow::Result<()> {
        for part in coded.parts().filter(|part| !part.is_empty()) {
            if let Some(picture) = self.decoder.decode(part)? {
                show((picture.y(), picture.u(), picture.v()), picture.strides(), self.size, &mut self.picture)?;
            }
        }
        Ok(())
    }

    fn picture(&self) -> &[u8] {
        &self.picture
    }
}

/// The crate `yuv` as the comparison uses it, for the row of colour conversion.
pub const CONVERSION: (YuvRange, YuvStandardMatrix, YuvConversionMode) =
    (YuvRange::Full, YuvStandardMatrix::Bt709, YuvConversionMode::Balanced);
