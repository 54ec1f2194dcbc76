//! Owns a run.

use crate::cli::Latency;
/// Runs.
///
/// # Errors
/// Not yet.
pub fn latency(_: &Latency) -> anyhow::Result<()> {
    Ok(())
}
