//! Bytes of one message and back. Owns the rule that a value has exactly one encoding: what decodes and does not encode
//! to the same bytes again is refused, as are bytes after the message's end.

use crate::DecodeError;
use alloc::vec::Vec;
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

/// Appends the message's bytes.
pub(crate) fn append<T: Serialize>(message: &T, out: &mut Vec<u8>) {
    postcard::serialize_with_flavor(message, Append { out, leave_out: None })
        .expect("messages hold no sequence of unknown length, and a vector takes all bytes");
}

/// Appends the message's bytes but for the payload, which is its last field and is written by the caller.
pub(crate) fn append_without<T: Serialize>(message: &T, payload: &[u8], out: &mut Vec<u8>) {
    postcard::serialize_with_flavor(message, Append { out, leave_out: Some(payload) })
        .expect("messages hold no sequence of unknown length, and a vector takes all bytes");
}

/// The message whose bytes these are, all of them.
pub(crate) fn decode<'a, T: Serialize + Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let (message, rest) = postcard::take_from_bytes::<T>(bytes).map_err(|_| DecodeError::Value)?;
    if !rest.is_empty() {
        return Err(DecodeError::TrailingBytes);
    }
    let left =
        postcard::serialize_with_flavor(&message, Compare { rest: bytes }).map_err(|_| DecodeError::NotCanonical)?;
    if left != 0 {
        return Err(DecodeError::NotCanonical);
    }
    Ok(message)
}

struct Append<'a> {
    out: &'a mut Vec<u8>,
    leave_out: Option<&'a [u8]>,
}

impl Flavor for Append<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.out.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if self.leave_out.is_none_or(|payload| !is_same(payload, bytes)) {
            self.out.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Compares what would be written with what was read, and returns how much of that was not written.
struct Compare<'a> {
    rest: &'a [u8],
}

impl Flavor for Compare<'_> {
    type Output = usize;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        let (head, rest) = self.rest.split_at_checked(bytes.len()).ok_or(postcard::Error::SerializeBufferFull)?;
        // Borrowed pixels are the very bytes that were read: half a megabyte need not be compared with itself.
        if !is_same(head, bytes) && head != bytes {
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.rest = rest;
        Ok(())
    }

    fn finalize(self) -> postcard::Result<usize> {
        Ok(self.rest.len())
    }
}

/// Whether both are the same place in memory.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    core::ptr::eq(one, other)
}
