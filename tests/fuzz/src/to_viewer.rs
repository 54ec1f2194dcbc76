//! The decoder of what hosts send: any bytes are a message in its one form, or an error, and pixels are borrowed.

use shoji_protocol::ToViewer;
use shoji_protocol::boundary::Described;

use crate::mutate::Random;
use crate::source::Source;

/// The oracle.
pub fn run(bytes: &[u8]) {
    let Ok(message) = ToViewer::decode(bytes) else { return };
    let mut again = Vec::new();
    message.encode(&mut again);
    assert_eq!(again, bytes, "{message:?} has two encodings");
    if let ToViewer::Update { pixels, .. } = message
        && !pixels.bytes().is_empty()
    {
        assert!(bytes.as_ptr_range().contains(&pixels.bytes().as_ptr()), "pixels were copied");
    }
}

/// Valid messages.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut random = Random::new(2);
    (0..200)
        .map(|_| {
            let choices: Vec<u8> = (0..600).map(|_| random.byte()).collect();
            Source::new(&choices).message(ToViewer::TYPE)
        })
        .collect()
}
