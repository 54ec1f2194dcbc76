//! The web service as a stranger meets it: real TLS, a real HTTP client, the service as the host runs it.
//!
//! One binary with a module per subject. Sessions are made up here ([`fixture`]); those with a real browser behind them are
//! among the tests of the host program.

mod access;
mod fixture;
#[path = "../host/http3.rs"]
mod http3;
mod peers;
mod requests;
mod sockets;
mod strain;
mod transports;
