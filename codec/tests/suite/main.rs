//! The codec's tests from outside: everything here uses only the public API.

mod behaviour;
mod common;
mod elsewhere;
mod hostile;
mod moves;
mod order;
mod roundtrip;
mod vectors;
