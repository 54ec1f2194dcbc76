//! The viewer's end of one connection, as a state machine.
//!
//! The contract: after every call that takes `&mut self`, send everything from [`poll_send`](Connection::poll_send) and, if the carrier has datagrams,
//! [`poll_datagram`](Connection::poll_datagram), then call [`handle_deadline`](Connection::handle_deadline) when [`deadline`](Connection::deadline) is reached. An error from
//! [`handle_frame`](Connection::handle_frame) has already closed the connection: what is left to send is its close
//! message. The resume token that comes with [`Event::Attached`] is the caller's to keep for the next connection.
//!
//! Owns: what a host may say when and how often, and how fast input leaves: motions are merged (see
//! [`limits::MOTION_INTERVAL`](crate::limits::MOTION_INTERVAL)), everything else leaves at once and in order. Must never
//! look into pixels, or touch a window, a socket or a clock.
//!
//! ```
//! use shoji_protocol::{Channel, Rate, Scale, Size, Viewport, time::Instant, viewer};
//! let viewport = Viewport::new(Size::new(1280, 800)?, Scale::ONE, Rate::HZ_60)?;
//! let mut connection = viewer::Connection::new(viewer::Config::new(viewport), Instant::from_micros(0));
//! let (channel, _hello) = connection.poll_send().expect("a viewer speaks first");
//! assert_eq!(channel, Channel::Control);
//! # Ok::<(), shoji_protocol::OutOfRange>(())
//! ```

mod connection;
mod copies;
mod held;
mod pace;

pub use connection::{Config, Connection, Event};
