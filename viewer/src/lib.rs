//! The native viewer: the session's canvas in a window on the staff member's PC.
//!
//! Three layers, each usable without those after it. [`link`] is the session: QUIC, the protocol's state machine, the
//! decoder, reconnection; its newest state is a [`scene`]. [`headless`] drives a session without a display, for tests,
//! measurements and administrators. [`window`] shows it and passes on what hands do. [`ui`] draws the viewer's own
//! pictures, with words from [`texts`] only.
//!
//! The viewer holds no policy and trusts nothing but its device [`bundle`]. It must never write to disk what came from
//! the host unless told to on its command line, and it has no Unix-only code outside marked places.

pub mod bundle;
pub mod cli;
pub mod clock;
pub mod doctor;
pub mod headless;
pub mod keys;
pub mod link;
pub mod memory;
pub mod observe;
pub mod scene;
pub mod script;
pub mod stats;
pub mod texts;
pub mod ui;
pub mod window;
