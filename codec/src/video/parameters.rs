//! What an access unit may contain: checked before any library sees it.
//!
//! Owns the reading of H.264's unit headers and sequence parameter sets. Allowed are exactly the streams that the sender of
//! this crate makes: Constrained Baseline, one fixed size, BT.709 full range. It must never let a size through that the
//! stream did not announce, because memory is reserved by it.

/// Most bytes of one access unit. A 4K picture at the finest quantization that the rate control uses stays below half of it.
pub(crate) const MAX_UNIT: usize = 12 << 20;

/// Most parts (slices and parameter sets) of one access unit.
const MAX_PARTS: usize = 64;

/// Most reference pictures that a stream may keep: ours keep one, the library may announce a few more.
const MAX_REFERENCES: u32 = 4;

/// Profile number of Baseline.
const BASELINE: u32 = 66;

/// Kinds of unit.
const SLICE: u8 = 1;
const SLICE_IDR: u8 = 5;
const SEQUENCE: u8 = 7;
const PICTURE: u8 = 8;

/// What an access unit was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// It can be decoded without any before it, and brings its own parameter sets.
    pub(crate) key: bool,
}

/// Why an access unit is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// Checks an access unit for a stream of `width` x `height` luma samples.
pub(crate) fn check(unit: &[u8], width: u32, height: u32) -> Result<Unit, Refused> {
    if unit.len() > MAX_UNIT || !(unit.starts_with(&[0, 0, 1]) || unit.starts_with(&[0, 0, 0, 1])) {
        return Err(Refused);
    }
    let (mut sequence, mut picture, mut slices, mut intra) = (false, false, 0, 0);
    let mut parts = 0;
    for part in (Parts { rest: unit }) {
        parts += 1;
        let header = *part.first().ok_or(Refused)?;
        if parts > MAX_PARTS || header & 0x80 != 0 {
            return Err(Refused);
        }
        match header & 0x1f {
            SEQUENCE => {
                sequence_parameters(&part[1..], width, height)?;
                sequence = true;
            }
            PICTURE => picture = true,
            SLICE => slices += 1,
            SLICE_IDR => (slices, intra) = (slices + 1, intra + 1),
            _ => return Err(Refused),
        }
    }
    let key = intra > 0;
    // Parameter sets come with an intra picture and only with one; a picture is of one kind.
    if slices == 0 || (key && intra != slices) || sequence != key || picture != key {
        return Err(Refused);
    }
    Ok(Unit { key })
}

/// The parts between start codes.
struct Parts<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = find_start(self.rest)? + 3;
        let body = &self.rest[start..];
        let end = find_start(body).unwrap_or(body.len());
        self.rest = &body[end..];
        // A fourth zero belongs to the next start code.
        let zeros = body[..end].iter().rev().take_while(|b| **b == 0).count();
        Some(&body[..end - zeros])
    }
}

fn find_start(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at + 2 < bytes.len() {
        match bytes[at + 2] {
            0 => at += 1,
            1 if bytes[at] == 0 && bytes[at + 1] == 0 => return Some(at),
            _ => at += 3,
        }
    }
    None
}

/// Bits of a parameter set without the emulation prevention bytes.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    zeros: u32,
    bit: u32,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, zeros: 0, bit: 0 }
    }

    fn one(&mut self) -> Result<u32, Refused> {
        if self.bit == 0 && self.zeros >= 2 && self.bytes.get(self.at) == Some(&3) {
            self.at += 1;
            self.zeros = 0;
        }
        let byte = *self.bytes.get(self.at).ok_or(Refused)?;
        let value = u32::from(byte >> (7 - self.bit)) & 1;
        self.bit += 1;
        if self.bit == 8 {
            self.bit = 0;
            self.at += 1;
            self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
        }
        Ok(value)
    }

    fn take(&mut self, n: u32) -> Result<u32, Refused> {
        (0..n).try_fold(0, |value, _| Ok(value << 1 | self.one()?))
    }

    /// An unsigned Exp-Golomb number of at most 16 bits beyond its length.
    fn golomb(&mut self) -> Result<u32, Refused> {
        let mut length = 0;
        while self.one()? == 0 {
            length += 1;
            if length > 16 {
                return Err(Refused);
            }
        }
        Ok((1 << length | self.take(length)?) - 1)
    }
}

fn require(condition: bool) -> Result<(), Refused> {
    if condition { Ok(()) } else { Err(Refused) }
}

fn sequence_parameters(bytes: &[u8], width: u32, height: u32) -> Result<(), Refused> {
    let mut bits = Bits::new(bytes);
    require(bits.take(8)? == BASELINE)?;
    let constraints = bits.take(8)?;
    // Constrained Baseline: no flexible macroblock order, no redundant slices.
    require(constraints & 0x40 != 0)?;
    require(bits.take(8)? <= 52)?;
    require(bits.golomb()? == 0)?; // seq_parameter_set_id
    require(bits.golomb()? <= 12)?; // log2_max_frame_num_minus4
    match bits.golomb()? {
        0 => require(bits.golomb()? <= 12)?, // log2_max_pic_order_cnt_lsb_minus4
        2 => {}
        _ => return Err(Refused),
    }
    require(bits.golomb()? <= MAX_REFERENCES)?;
    require(bits.one()? == 0)?; // gaps_in_frame_num_value_allowed_flag
    require((bits.golomb()? + 1) * 16 == width)?;
    require((bits.golomb()? + 1) * 16 == height)?;
    require(bits.one()? == 1)?; // frame_mbs_only_flag
    bits.one()?; // direct_8x8_inference_flag
    if bits.one()? == 1 {
        // A crop of nothing.
        for _ in 0..4 {
            require(bits.golomb()? == 0)?;
        }
    }
    require(bits.one()? == 1)?; // vui_parameters_present_flag
    if bits.one()? == 1 && bits.take(8)? == 255 {
        bits.take(32)?; // a sample aspect ratio
    }
    require(bits.one()? == 0)?; // overscan_info_present_flag
    require(bits.one()? == 1)?; // video_signal_type_present_flag
    bits.take(3)?; // video_format
    require(bits.one()? == 1)?; // video_full_range_flag
    require(bits.one()? == 1)?; // colour_description_present_flag
    require(bits.take(8)? == 1)?; // primaries: BT.709
    require(matches!(bits.take(8)?, 1 | 13))?; // transfer: BT.709 or sRGB
    require(bits.take(8)? == 1) // matrix: BT.709
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::{Encode as _, Planes, openh264};

    fn sample(width: u32, height: u32) -> Vec<u8> {
        let mut unit = Vec::new();
        let mut encoder = openh264::Encoder::new(width, height, 24).unwrap();
        encoder.encode(&Planes::new(width, height), 24, false, &mut unit).unwrap();
        unit
    }

    #[test]
    fn our_own_stream_is_accepted_in_its_size_and_in_no_other() {
        for (width, height) in [(16, 16), (64, 48), (1920, 1088), (3840, 2160)] {
            let unit = sample(width, height);
            assert_eq!(check(&unit, width, height), Ok(Unit { key: true }), "{width}x{height}");
            assert_eq!(check(&unit, width + 16, height), Err(Refused));
            assert_eq!(check(&unit, width, height + 16), Err(Refused));
        }
    }

    #[test]
    fn cut_units_are_refused_without_panic() {
        let unit = sample(64, 64);
        for n in 0..30.min(unit.len()) {
            let _ = check(&unit[..n], 64, 64);
        }
        assert_eq!(check(&[], 64, 64), Err(Refused));
        assert_eq!(check(&[0, 0, 1], 64, 64), Err(Refused));
    }
}
