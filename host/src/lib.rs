//! The host program: sockets, admission, sessions and their browsers.
