//! Names to addresses.
//!
//! Owns the one place where the host asks for a page's name. The system's own resolver answers (through tokio): it follows the
//! machine's `resolv.conf`, `nsswitch.conf` and search order as the administrator set them and knows, and caches where the machine
//! does; a resolver of our own would be one more thing that speaks to strangers. It must never be asked for a name that policy
//! refuses: a question alone tells somebody something.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

/// The answer to come.
pub type Answer<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Something that knows names; tests have their own, which touches no system.
pub trait Resolve: Debug + Send + Sync {
    /// The addresses of a name, best first.
    fn resolve<'a>(&'a self, name: &'a str) -> Answer<'a>;
}

/// The system's.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Resolve for System {
    fn resolve<'a>(&'a self, name: &'a str) -> Answer<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) })
    }
}
