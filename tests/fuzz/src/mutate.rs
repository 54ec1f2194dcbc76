//! Seeded random changes to bytes: the same seed makes the same inputs on every machine, so a failure can be repeated.

/// A small generator of numbers that look random (splitmix64). Not for secrets.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that gives the same numbers for the same seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        self.number() as u8
    }

    /// A number below `below`; 0 if that is 0.
    pub fn below(&mut self, below: usize) -> usize {
        self.number().checked_rem(below as u64).unwrap_or(0) as usize
    }
}

/// The longest input that mutation makes.
const LONGEST: usize = 4_096;

/// Bytes that often lie next to a mistake.
const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0x81, 0xfe, 0xff, 0x40];

/// Changes the bytes in one to six places; now and then mixes in another seed.
pub fn mutate(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(16)).min(bytes.len());
        match random.below(9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.byte(),
            2 if at < bytes.len() => bytes[at] = EDGES[random.below(EDGES.len())],
            3 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(1),
            4 => {
                bytes.drain(at..end);
            }
            5 => bytes.truncate(at),
            6 => bytes.insert(at, EDGES[random.below(EDGES.len())]),
            7 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            8 if !seeds.is_empty() => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                bytes.splice(at..end, other[from..].iter().copied());
            }
            _ => bytes.extend((0..random.below(32)).map(|_| random.byte())),
        }
    }
    bytes.truncate(LONGEST);
}
