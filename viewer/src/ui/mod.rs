//! The viewer's own pictures: frame, menu, states, help, banner and details, drawn as pixels in memory.
//!
//! Owns everything a person sees that is not the session's canvas. Knows no window system and no network, so every
//! picture can be made and looked at in a test. It must never show text that came from the host.

pub mod details;
pub mod frame;
pub mod help;
pub mod icon;
pub mod image;
pub mod menu;
pub mod palette;
pub mod state;
pub mod text;
