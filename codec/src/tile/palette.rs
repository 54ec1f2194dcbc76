//! The 256 colours that were last written out, in a ring.
//!
//! Owns the rule that both ends follow: a literal pixel takes the next place in the ring. It must never do more than that
//! on the decoder's side, so that a decoder needs only an array and a counter.

use crate::geometry::{BLACK, Pixel};

/// What both ends hold.
#[derive(Debug, Clone)]
pub(crate) struct Ring {
    colours: [Pixel; 256],
    next: u8,
}

impl Ring {
    pub(crate) fn new() -> Self {
        Self { colours: [BLACK; 256], next: 0 }
    }

    /// All places black, the first one next.
    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }

    #[inline(always)]
    pub(crate) fn at(&self, place: u8) -> Pixel {
        self.colours[usize::from(place)]
    }

    /// Gives a literal pixel its place and returns that.
    #[inline(always)]
    pub(crate) fn push(&mut self, colour: Pixel) -> u8 {
        let place = self.next;
        self.colours[usize::from(place)] = colour;
        self.next = place.wrapping_add(1);
        place
    }
}

/// Slots of the encoder's index; a power of two, well above 256 so that few colours share a slot.
const SLOTS: usize = 2_048;

/// The ring with an index from colour to place, for the encoder.
#[derive(Debug)]
pub(crate) struct Index {
    ring: Ring,
    slots: Box<[u8; SLOTS]>,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self { ring: Ring::new(), slots: Box::new([0; SLOTS]) }
    }

    /// Back to an all-black ring. Slots are cleared too, so that equal pictures of a new canvas always make equal bytes.
    pub(crate) fn reset(&mut self) {
        self.ring.reset();
        self.slots.fill(0);
    }

    #[inline(always)]
    fn slot(colour: Pixel) -> usize {
        (u32::from_le_bytes(colour) << 8).wrapping_mul(0x9e37_79b1) as usize >> 21
    }

    /// The place of a colour, if the index knows one.
    #[inline(always)]
    pub(crate) fn find(&self, colour: Pixel) -> Option<u8> {
        let place = self.slots[Self::slot(colour)];
        (self.ring.at(place) == colour).then_some(place)
    }

    /// Takes a literal in.
    #[inline(always)]
    pub(crate) fn push(&mut self, colour: Pixel) {
        self.slots[Self::slot(colour)] = self.ring.push(colour);
    }
}
