//! Owns the hand that drags a window's corner on an X server without a screen: the sizes, at a display's rate.
//!
//! Must never touch a display that the bench did not start.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{ConfigureWindowAux, ConnectionExt as _, MapState, Window};
use x11rb::rust_connection::RustConnection;

use crate::arm::START_PATIENCE;
use crate::clock::{Nanos, now};

/// How often the display is asked for its windows.
const LOOK: Duration = Duration::from_millis(50);

/// A hand on one window.
pub(super) struct Hand {
    display: RustConnection,
    window: Window,
}

impl Hand {
    /// Takes the largest window of a display, waiting until there is one of at least `least` pixels a side.
    ///
    /// # Errors
    /// If the display cannot be reached, or shows no such window.
    pub(super) fn take(display: &str, least: u16) -> anyhow::Result<Self> {
        let (connection, screen) = x11rb::connect(Some(display)).context("cannot reach the X server")?;
        let root = connection.setup().roots[screen].root;
        let until = Instant::now() + START_PATIENCE;
        loop {
            let mut largest = None;
            for window in connection.query_tree(root)?.reply()?.children {
                // A window may go between the two questions.
                let Ok(shown) = connection.get_window_attributes(window)?.reply() else { continue };
                let Ok(at) = connection.get_geometry(window)?.reply() else { continue };
                if shown.map_state == MapState::VIEWABLE && at.width.min(at.height) >= least {
                    largest = largest.max(Some((u32::from(at.width) * u32::from(at.height), window)));
                }
            }
            if let Some((_, window)) = largest {
                return Ok(Self { display: connection, window });
            }
            anyhow::ensure!(Instant::now() < until, "no window came up; is the memory full?");
            std::thread::sleep(LOOK);
        }
    }

    /// Gives the window a size, in the display's upper left corner. Says when.
    ///
    /// # Errors
    /// If the display or the window has gone.
    pub(super) fn size(&self, (width, height): (u32, u32)) -> anyhow::Result<Nanos> {
        let size = ConfigureWindowAux::new().x(0).y(0).width(width).height(height);
        let at = now();
        self.display.configure_window(self.window, &size)?;
        self.display.flush()?;
        Ok(at)
    }

    /// Drags the corner in so many steps, one each `interval`, and rests. Says when the last was given.
    ///
    /// # Errors
    /// As [`size`](Self::size).
    pub(super) fn drag(
        &self,
        from: (u32, u32),
        to: (u32, u32),
        steps: u32,
        interval: Duration,
    ) -> anyhow::Result<Nanos> {
        let between = |from: u32, to: u32, step: u32| (from * (steps - step) + to * step) / steps;
        for step in 1..steps {
            let began = Instant::now();
            self.size((between(from.0, to.0, step), between(from.1, to.1, step)))?;
            std::thread::sleep(interval.saturating_sub(began.elapsed()));
        }
        self.size(to)
    }
}
