//! Turns the damage of a canvas into updates and back, exactly and cheaply.
