//! The way out for browsers that the bench launches itself.
//!
//! Owns its policy: whoever measures names the page, so every address may be reached, this machine's loopback too. Must never be used by the host.

use anyhow::Context as _;
use shoji_host::egress::policy::Policy;
use shoji_host::egress::{Door, Egress, Settings};

/// A door to everywhere.
///
/// # Errors
/// If the system has no thread left.
pub(crate) fn door() -> anyhow::Result<Door> {
    let everywhere =
        ["0.0.0.0/0", "::/0", "127.0.0.1/32", "::1/128"].iter().filter_map(|net| net.parse().ok()).collect();
    let policy = Policy { ports: vec![80, 443], also_allow: everywhere, ..Policy::default() };
    let egress = Egress::start(Settings::new(policy, None, String::new())).context("cannot start the egress proxy")?;
    Ok(egress.door(0))
}
