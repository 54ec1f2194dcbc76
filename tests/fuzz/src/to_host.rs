//! The decoder of what viewers send: any bytes are a message in its one form, or an error.

use shoji_protocol::ToHost;
use shoji_protocol::boundary::Described;
use shoji_protocol::worker::{ToSupervisor, ToWorker};

use crate::mutate::Random;
use crate::source::Source;

/// The oracle.
pub fn run(bytes: &[u8]) {
    // The worker's messages are made by the same macro and read by the same decoder.
    let _ = ToWorker::decode(bytes);
    let _ = ToSupervisor::decode(bytes);
    let Ok(message) = ToHost::decode(bytes) else { return };
    let mut again = Vec::new();
    message.encode(&mut again);
    assert_eq!(again, bytes, "{message:?} has two encodings");
    assert!(bytes.len() <= shoji_protocol::limits::MAX_TO_HOST, "{message:?} is longer than allowed");
}

/// Valid messages.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut random = Random::new(1);
    (0..200)
        .map(|_| {
            let choices: Vec<u8> = (0..600).map(|_| random.byte()).collect();
            Source::new(&choices).message(ToHost::TYPE)
        })
        .collect()
}
