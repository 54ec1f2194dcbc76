//! The host's end of one connection, as a state machine, and in [`flow`] the worker's decision when to send.
//!
//! The contract: after every call that takes `&mut self`, take everything from
//! [`poll_event`](Connection::poll_event) and [`poll_send`](Connection::poll_send), then call
//! [`handle_deadline`](Connection::handle_deadline) when [`deadline`](Connection::deadline) is reached. An error from
//! [`handle_frame`](Connection::handle_frame) or [`forward`](Connection::forward) has already closed the connection:
//! what is left to send is its close message.
//!
//! Datagrams of the carrier go to [`handle_datagram`](Connection::handle_datagram), whether they come early, late, twice or not at
//! all.
//!
//! Owns: what a viewer may say when and how often, and what a worker may show. Must never own a session, decide who may
//! have one, or touch a socket or a clock.
//!
//! ```
//! use shoji_protocol::{host, time::Instant};
//! let now = Instant::from_micros(0);
//! let mut connection = host::Connection::new(host::Config::default(), now);
//! assert!(connection.poll_event().is_none());
//! assert_eq!(connection.deadline(), Some(now + shoji_protocol::limits::HANDSHAKE));
//! ```

mod connection;
pub mod flow;

pub use connection::{Config, Connection, Event};
