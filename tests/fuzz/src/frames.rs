//! The decoder of frames: however a stream is cut into pieces, the same frames come out of it, up to the same error, and
//! no more is kept than one frame may have.

use shoji_protocol::frame::{Decoder, Frame, HEADER_BYTES, Kind};
use shoji_protocol::limits;

use crate::to_host;

const EXPECTED: &[Kind] = &[Kind::ToHost, Kind::ToWorker];

/// The oracle. The first byte says how the rest is cut.
pub fn run(bytes: &[u8]) {
    let Some((&cut, stream)) = bytes.split_first() else { return };
    let whole = frames(stream, stream.len().max(1));
    let pieces = frames(stream, usize::from(cut).max(1));
    assert_eq!(whole, pieces);
}

fn frames(stream: &[u8], cut: usize) -> (Vec<(Kind, Vec<u8>)>, bool) {
    let mut decoder = Decoder::new(EXPECTED);
    let mut found = Vec::new();
    for piece in stream.chunks(cut) {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(Frame { kind, body, bytes })) => {
                    assert_eq!(&bytes[HEADER_BYTES..], body);
                    assert!(body.len() <= kind.max_body());
                    found.push((kind, body.to_vec()));
                }
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
        assert!(decoder.buffered() < HEADER_BYTES + limits::MAX_TO_HOST);
    }
    (found, false)
}

/// A stream of valid frames, and a broken one.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut stream = vec![3];
    for body in to_host::seeds().iter().take(20) {
        stream.extend_from_slice(&(body.len() as u32).to_le_bytes());
        stream.push(1);
        stream.extend_from_slice(body);
    }
    vec![stream, vec![1, 0xff, 0xff, 0xff, 0xff, 1], vec![5, 0, 0, 0, 0, 4]]
}
