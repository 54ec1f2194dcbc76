//! Measures latency, bytes and CPU of the whole and of its parts.
