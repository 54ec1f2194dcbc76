//! What may cross the boundary between two segments, and the state machines of both ends.
