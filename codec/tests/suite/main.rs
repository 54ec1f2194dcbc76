//! The codec's tests from outside: everything here uses only the public API.

mod common;
mod roundtrip;
