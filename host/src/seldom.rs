//! What is told so often in a while and no more: whoever floods the port must not flood the log too.

use tokio::time::Instant;

use crate::limits;

/// Counts what was told.
#[derive(Debug)]
pub(crate) struct Seldom {
    most: u32,
    told: u32,
    since: Option<Instant>,
}

impl Seldom {
    /// At most so often within [`limits::HANDSHAKE_TIMEOUT`].
    pub(crate) fn new(most: u32) -> Self {
        Self { most, told: 0, since: None }
    }

    /// Whether it is told once more.
    pub(crate) fn is_due(&mut self) -> bool {
        if self.since.is_none_or(|at| at.elapsed() > limits::HANDSHAKE_TIMEOUT) {
            (self.since, self.told) = (Some(Instant::now()), 0);
        }
        self.told = self.told.saturating_add(1);
        self.told <= self.most
    }
}
