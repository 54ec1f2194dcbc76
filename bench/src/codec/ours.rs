//! Owns our codec in the comparison, with the rules that a session's worker follows.

use shoji_codec::{Budget, Config, Decoder, Encoder, Frame, Level, Limits, Rect, Time};

use super::contender::{Coded, Contender};

/// Bytes that one picture may have: what the flow grants on a near link.
const BUDGET: Budget = Budget { bytes: 512 << 10 };

/// Our encoder and decoder.
pub struct Ours {
    name: String,
    encoder: Encoder,
    decoder: Decoder,
}

impl Ours {
    /// With the instruction set given.
    ///
    /// # Errors
    /// If a library cannot be set up.
    pub fn new(level: Level) -> anyhow::Result<Self> {
        let name = if level == Level::detect() { "shoji".to_owned() } else { format!("shoji {}", level.name()) };
        let encoder = Encoder::new(Config { h264: true, level })?;
        Ok(Self { name, encoder, decoder: Decoder::new(Limits::default()) })
    }
}

impl Contender for Ours {
    fn name(&self) -> &str {
        &self.name
    }

    fn encode(&mut self, frame: &Frame<'_>, damage: &[Rect], at: Time, out: &mut Coded) -> anyhow::Result<()> {
        let (mut damage, mut more) = (damage, true);
        while more {
            more = self.encoder.encode(*frame, damage, BUDGET, at, &mut out.bytes)?.more;
            damage = &[];
            out.end_part();
        }
        Ok(())
    }

    fn decode(&mut self, coded: &Coded) -> anyhow::Result<()> {
        for part in coded.parts().filter(|part| !part.is_empty()) {
            self.decoder.apply(part)?;
        }
        Ok(())
    }

    fn picture(&self) -> &[u8] {
        self.decoder.canvas().pixels()
    }

    fn rest(&mut self, frame: &Frame<'_>, until: Time, out: &mut Coded) -> anyhow::Result<Option<Time>> {
        let mut exact = None;
        while let Some(due) = self.encoder.refine_at().filter(|due| *due <= until) {
            self.encode(frame, &[], due, out)?;
            exact = self.encoder.is_exact().then_some(due);
        }
        Ok(exact)
    }
}
