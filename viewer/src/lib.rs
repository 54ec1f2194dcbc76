//! The native viewer: the session's canvas in a window on the staff member's PC.

pub mod bundle;
pub mod clock;
pub mod keys;
pub mod script;
pub mod stats;
pub mod texts;
pub mod ui;
