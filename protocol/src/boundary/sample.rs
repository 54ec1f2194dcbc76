//! Valid encodings made from a description alone. Owns the proof that the description is true: what it says is what the
//! decoders take. Chooses nothing itself; the caller supplies the choices.

use super::{Encoding, Field, Shape, Type};
use alloc::vec::Vec;

/// Appends one valid encoding of the type. `choose(n)` has to return a number below `n` or, for `n` = 0, any number.
///
/// Text and pixels get at most `max_payload` bytes, or fewer if their type allows fewer.
pub fn sample(of: &Type, max_payload: usize, choose: &mut dyn FnMut(u128) -> u128, out: &mut Vec<u8>) {
    match of.shape {
        Shape::Flag => out.push(u8::from(choose(2) == 1)),
        Shape::Number { min, max, encoding, .. } => number(min, max, encoding, choose, out),
        Shape::Struct(fields) => sample_fields(fields, max_payload, choose, out),
        Shape::Enum(variants) => {
            let index = pick(variants.len(), choose);
            varint(index as u128, out);
            sample_fields(variants[index].fields, max_payload, choose, out);
        }
        Shape::Code(codes) => varint(u128::from(codes[pick(codes.len(), choose)].0), out),
        Shape::Optional(of) => {
            let is_there = choose(2) == 1;
            out.push(u8::from(is_there));
            if is_there {
                sample(of, max_payload, choose, out);
            }
        }
        Shape::Text { max_bytes } => {
            // One letter of each length in UTF-8.
            const LETTERS: [char; 4] = ['a', 'é', '語', '𠮷'];
            let letters = pick(max_bytes.min(max_payload) / 4 + 1, choose);
            let mut text = alloc::string::String::new();
            for _ in 0..letters {
                text.push(LETTERS[pick(LETTERS.len(), choose)]);
            }
            varint(text.len() as u128, out);
            out.extend_from_slice(text.as_bytes());
        }
        Shape::Pixels { max_bytes } => {
            let len = pick(max_bytes.min(max_payload) + 1, choose);
            varint(len as u128, out);
            out.extend((0..len).map(|place| (place as u8) ^ 0x5a));
        }
    }
}

fn sample_fields(fields: &[Field], max_payload: usize, choose: &mut dyn FnMut(u128) -> u128, out: &mut Vec<u8>) {
    for field in fields {
        sample(field.of, max_payload, choose, out);
    }
}

fn number(min: i128, max: u128, encoding: Encoding, choose: &mut dyn FnMut(u128) -> u128, out: &mut Vec<u8>) {
    // A range over all of u128 has no size in u128: then every number will do.
    let values = max.wrapping_sub(min as u128).wrapping_add(1);
    let value = match choose(4) {
        0 => min as u128,
        1 => max,
        _ => (min as u128).wrapping_add(choose(values)),
    };
    match encoding {
        Encoding::Byte => out.push(value as u8),
        Encoding::Unsigned => varint(value, out),
        Encoding::Signed => {
            let value = value as i128;
            varint(((value << 1) ^ (value >> 127)) as u128, out);
        }
    }
}

fn pick(count: usize, choose: &mut dyn FnMut(u128) -> u128) -> usize {
    usize::try_from(choose(count as u128)).unwrap_or(0).min(count.saturating_sub(1))
}

fn varint(mut value: u128, out: &mut Vec<u8>) {
    while 0x80 <= value {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
