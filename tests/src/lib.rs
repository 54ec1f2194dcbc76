//! End-to-end tests: real Chromium, real sockets, and the guards of the architecture.
