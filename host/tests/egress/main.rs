//! The egress proxy with real connections on loopback, which only an exception in its policy lets it make.

mod fixture;
mod refusals;
mod relaying;
mod upstream;
