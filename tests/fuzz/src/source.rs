//! Choices made from the fuzzer's bytes. When the bytes are used up every choice is 0, so every input ends.

use shoji_protocol::boundary::{self, Described, Type};
use shoji_protocol::{Input, InputSequence, ToHost};

use crate::mutate::Random;

/// The bytes, and how far they are used.
#[derive(Debug)]
pub struct Source<'a> {
    rest: &'a [u8],
}

impl<'a> Source<'a> {
    /// All choices still to be made.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether no byte is left.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((&first, rest)) => {
                self.rest = rest;
                first
            }
            None => 0,
        }
    }

    /// A number below `below`, from one byte; `below` is at least 1.
    pub fn below(&mut self, below: u8) -> u8 {
        self.byte() % below
    }

    /// The next bytes, at most `most`, as many as the next byte says.
    pub fn some(&mut self, most: usize) -> &'a [u8] {
        let len = usize::from(self.byte()).min(most).min(self.rest.len());
        let (some, rest) = self.rest.split_at(len);
        self.rest = rest;
        some
    }

    /// The valid bytes of some message of the type.
    pub fn message(&mut self, of: &Type) -> Vec<u8> {
        let mut out = Vec::new();
        boundary::sample(
            of,
            200,
            &mut |below| {
                let wide = u128::from(self.byte()) | u128::from(self.byte()) << 8;
                // Now and then a large number: the high byte repeated.
                let choice = if wide & 0xf00 == 0xf00 { wide << 112 | wide << 56 | wide } else { wide };
                if below == 0 { choice } else { choice % below }
            },
            &mut out,
        );
        out
    }
}

/// What a person might do: any event.
pub fn event(source: &mut Source<'_>) -> Input {
    // The bytes of a message with an event are those of its number and then the event's.
    let mut bytes = Vec::new();
    ToHost::Input { sequence: InputSequence(1), event: Input::PointerLeave }.encode(&mut bytes);
    bytes.pop();
    bytes.extend(source.message(Input::TYPE));
    match ToHost::decode(&bytes) {
        Ok(ToHost::Input { event, .. }) => event,
        other => panic!("the description is not true: {other:?}"),
    }
}

/// Seeds for targets that read choices: random bytes of a few lengths.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut random = Random::new(0x5eed);
    [0, 10, 100, 400, 4_000].iter().map(|&len| (0..len).map(|_| random.byte()).collect()).collect()
}
