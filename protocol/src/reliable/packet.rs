//! The bytes of a packet.
//!
//! Eight bytes of its number, then parts, each with a byte that says what it is; numbers are little endian.
//!
//! | first byte | part | what follows |
//! |---|---|---|
//! | 1 | what came | the highest number (8 bytes), how long ago that was in microseconds (4), how many ranges (1), and each range, highest first: how many numbers are left out above it (4) and how many it has (4) |
//! | 2 | bytes of a channel | the channel (1), their place in it (8), how many (2), the bytes |
//! | 3 | room in a channel | the channel (1), the place up to which bytes may be sent (8) |
//! | 4 | a question | nothing: it is answered by saying what came |
//! | 5 | the end | a code (2) |
//!
//! Owns this form. Must never take a part that is cut, nor more parts than a packet can need.

use super::ranges::Ranges;
use crate::time::Duration;
use crate::{Channel, DecodeError, Violation, limits};
use alloc::vec::Vec;

/// Bytes of a part with bytes of a channel, before those.
pub(super) const BYTES_HEAD: usize = 12;

/// Numbers and places end here, so that sums of them fit.
const HIGHEST: u64 = 1 << 62;

/// One part of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// What came.
    Came(Came),
    /// Bytes of a channel, from a place on.
    Bytes(Channel, u64, &'a [u8]),
    /// Room in a channel, up to a place.
    Room(Channel, u64),
    /// A question.
    Question,
    /// The end, with a code.
    End(u16),
}

/// Which packets came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Came {
    /// From when the highest came until this was said.
    pub(super) delay: Duration,
    /// The numbers as ranges (end not included), highest first; there is one at least.
    pub(super) ranges: Vec<(u64, u64)>,
}

const MALFORMED: Violation = Violation::Malformed(DecodeError::Value);

/// Reads numbers from the front of bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Violation> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(MALFORMED)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Violation> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(MALFORMED)?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn place(&mut self) -> Result<u64, Violation> {
        Some(u64::from_le_bytes(self.array()?)).filter(|place| *place < HIGHEST).ok_or(MALFORMED)
    }

    fn channel(&mut self) -> Result<Channel, Violation> {
        match self.array()? {
            [0] => Ok(Channel::Control),
            [1] => Ok(Channel::Input),
            [2] => Ok(Channel::Updates),
            _ => Err(MALFORMED),
        }
    }

    fn came(&mut self) -> Result<Came, Violation> {
        let highest = self.place()?;
        let delay = Duration::from_micros(u32::from_le_bytes(self.array()?).into());
        let [count] = self.array()?;
        if count == 0 || limits::RELIABLE_RANGES < usize::from(count) {
            return Err(MALFORMED);
        }
        let mut ranges = Vec::new();
        let mut end = highest + 1;
        for _ in 0..count {
            let out = u64::from(u32::from_le_bytes(self.array()?));
            let has = u64::from(u32::from_le_bytes(self.array()?));
            // The highest number is in the first range; between others something is left out.
            if has == 0 || ranges.is_empty() != (out == 0) {
                return Err(MALFORMED);
            }
            end = end.checked_sub(out).ok_or(MALFORMED)?;
            let start = end.checked_sub(has).ok_or(MALFORMED)?;
            ranges.push((start, end));
            end = start;
        }
        Ok(Came { delay, ranges })
    }
}

/// The number and the parts of a packet.
pub(super) fn parse(packet: &[u8]) -> Result<(u64, Vec<Part<'_>>), Violation> {
    if limits::RELIABLE_PACKET < packet.len() {
        let bytes = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        return Err(Violation::Oversized { bytes, limit: limits::RELIABLE_PACKET });
    }
    let mut reader = Reader(packet);
    let number = reader.place()?;
    let mut parts = Vec::new();
    while !reader.0.is_empty() {
        if limits::RELIABLE_PARTS <= parts.len() {
            return Err(Violation::TooFast("parts of a packet"));
        }
        parts.push(match reader.array()? {
            [1] => Part::Came(reader.came()?),
            [2] => {
                let (channel, place) = (reader.channel()?, reader.place()?);
                let count = u16::from_le_bytes(reader.array()?);
                if count == 0 {
                    return Err(MALFORMED);
                }
                Part::Bytes(channel, place, reader.bytes(count.into())?)
            }
            [3] => Part::Room(reader.channel()?, reader.place()?),
            [4] => Part::Question,
            [5] => Part::End(u16::from_le_bytes(reader.array()?)),
            _ => return Err(MALFORMED),
        });
    }
    if parts.is_empty() { Err(MALFORMED) } else { Ok((number, parts)) }
}

/// Begins a packet.
pub(super) fn begin(number: u64) -> Vec<u8> {
    let mut packet = Vec::with_capacity(limits::RELIABLE_PACKET);
    packet.extend_from_slice(&number.to_le_bytes());
    packet
}

/// Adds which packets came, of `numbers` the highest ranges.
pub(super) fn put_came(packet: &mut Vec<u8>, numbers: &Ranges, delay: Duration) {
    let Some((_, highest)) = numbers.down().next() else { return };
    let delay = u32::try_from(delay.as_micros()).unwrap_or(u32::MAX);
    packet.push(1);
    packet.extend_from_slice(&(highest - 1).to_le_bytes());
    packet.extend_from_slice(&delay.to_le_bytes());
    let count_at = packet.len();
    packet.push(0);
    let (mut count, mut above) = (0, highest);
    for (start, end) in numbers.down().take(limits::RELIABLE_RANGES) {
        let (Ok(out), Ok(has)) = (u32::try_from(above - end), u32::try_from(end - start)) else { break };
        packet.extend_from_slice(&out.to_le_bytes());
        packet.extend_from_slice(&has.to_le_bytes());
        (count, above) = (count + 1, start);
    }
    if let Some(byte) = packet.get_mut(count_at) {
        *byte = count;
    }
}

/// Adds bytes of a channel.
pub(super) fn put_bytes(packet: &mut Vec<u8>, channel: Channel, place: u64, bytes: impl ExactSizeIterator<Item = u8>) {
    packet.extend_from_slice(&[2, channel as u8]);
    packet.extend_from_slice(&place.to_le_bytes());
    packet.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
    packet.extend(bytes);
}

/// Adds room in a channel.
pub(super) fn put_room(packet: &mut Vec<u8>, channel: Channel, up_to: u64) {
    packet.extend_from_slice(&[3, channel as u8]);
    packet.extend_from_slice(&up_to.to_le_bytes());
}

/// Adds a question.
pub(super) fn put_question(packet: &mut Vec<u8>) {
    packet.push(4);
}

/// Adds the end.
pub(super) fn put_end(packet: &mut Vec<u8>, code: u16) {
    packet.push(5);
    packet.extend_from_slice(&code.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_read_as_it_was_written() {
        let mut numbers = Ranges::default();
        numbers.insert(3, 5);
        numbers.insert(7, 8);
        let mut packet = begin(9);
        put_came(&mut packet, &numbers, Duration::from_millis(2));
        put_room(&mut packet, Channel::Updates, 70_000);
        put_question(&mut packet);
        put_end(&mut packet, 4_401);
        put_bytes(&mut packet, Channel::Input, 12, b"key".iter().copied());
        let came = Came { delay: Duration::from_millis(2), ranges: alloc::vec![(7, 8), (3, 5)] };
        let parts = alloc::vec![
            Part::Came(came),
            Part::Room(Channel::Updates, 70_000),
            Part::Question,
            Part::End(4_401),
            Part::Bytes(Channel::Input, 12, b"key"),
        ];
        assert_eq!(parse(&packet), Ok((9, parts)));
        for length in 0..packet.len() - 1 {
            // Cut between two parts it is a shorter packet.
            let _ = parse(&packet[..length]);
        }
        assert!(parse(&packet[..packet.len() - 1]).is_err());
    }

    #[test]
    fn what_no_end_writes_is_no_packet() {
        let number = 1_u64.to_le_bytes();
        let with = |parts: &[&[u8]]| {
            let packet = [&number[..], &parts.concat()].concat();
            parse(&packet).map(|_| ())
        };
        let zeros = [0; 8];
        let malformed = Err(MALFORMED);
        assert_eq!(with(&[]), malformed, "nothing");
        assert_eq!(with(&[&[0]]), malformed, "an unknown part");
        assert_eq!(with(&[&[2, 0], &zeros, &[0, 0]]), malformed, "no bytes");
        assert_eq!(with(&[&[2, 3], &zeros, &[1, 0, 9]]), malformed, "no channel");
        assert_eq!(with(&[&[3, 0], &[255; 8]]), malformed, "a place beyond all");
        assert_eq!(with(&[&[1], &zeros, &[0; 4], &[0]]), malformed, "no range");
        assert_eq!(with(&[&[1], &zeros, &[0; 4], &[1], &[0; 4], &[2, 0, 0, 0]]), malformed, "below 0");
        assert_eq!(with(&[&[1], &zeros, &[0; 4], &[1], &[0; 4], &[1, 0, 0, 0]]), Ok(()));
        assert!(matches!(with(&[&[4; limits::RELIABLE_PARTS + 1]]), Err(Violation::TooFast(_))));
        assert!(matches!(with(&[&[4; limits::RELIABLE_PACKET]]), Err(Violation::Oversized { .. })));
    }
}
