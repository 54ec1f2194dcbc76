//! The viewer against a host in the same process: good ones, bad ones, and a window on a virtual display.

#[cfg(target_os = "linux")]
mod decoder;
mod display;
mod hostile;
mod link;
mod support;
mod window;
