//! A headless Wayland compositor: a browser's picture as damage, input back in.
