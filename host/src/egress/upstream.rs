//! The proxy behind ours, where an organisation has one (自治体情報セキュリティクラウド).
//!
//! Owns its address, its credentials and how a tunnel through it is asked for. It must never print or pass on the password: the
//! header is marked as sensitive and nothing here shows it.
//!
//! Names are left to the upstream proxy, which is often the only one on the network that knows those of the internet. What was
//! asked for by address is judged here as always, and so are domains and ports.

use std::fmt;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tracing::warn;

use super::policy::{Destination, Refusal};
use crate::limits;

/// An upstream proxy.
#[derive(Clone)]
pub struct Upstream {
    /// Where it is, `host:port`; the administrator's word, so no rule is applied to it.
    address: String,
    authorization: Option<HeaderValue>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authorization = self.authorization.as_ref().map(|_| "(hidden)");
        to.debug_struct("Upstream").field("address", &self.address).field("authorization", &authorization).finish()
    }
}

/// The upstream proxy cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No password.
    #[error("cannot read the upstream proxy's password from {}: {source}: check egress.upstream_password_file in host.toml", path.display())]
    Password {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody could send this.
    #[error(
        "the upstream proxy's user or password cannot be sent: the user has no colon, the password is one line of at most 512 bytes"
    )]
    Credentials,
}

impl Upstream {
    /// One that asks for nothing.
    pub fn open(address: String) -> Self {
        Self { address, authorization: None }
    }

    /// One that asks who we are. The password is the first line of a file.
    pub fn with_password_file(address: String, user: &str, path: &Path) -> Result<Self, Error> {
        let password =
            std::fs::read_to_string(path).map_err(|source| Error::Password { path: path.to_owned(), source })?;
        Self::with_password(address, user, password.trim_end_matches(['\r', '\n']))
    }

    /// One that asks who we are.
    pub fn with_password(address: String, user: &str, password: &str) -> Result<Self, Error> {
        let is_fit = |text: &str| text.len() <= 512 && !text.chars().any(char::is_control);
        if user.contains(':') || !is_fit(user) || !is_fit(password) {
            return Err(Error::Credentials);
        }
        let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let mut authorization = HeaderValue::from_str(&basic).map_err(|_| Error::Credentials)?;
        authorization.set_sensitive(true);
        Ok(Self { address, authorization: Some(authorization) })
    }

    /// What its requests carry.
    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// A connection to it.
    pub(super) async fn connect(&self) -> Result<TcpStream, Refusal> {
        TcpStream::connect(&self.address).await.map_err(|error| {
            warn!(%error, "The upstream proxy cannot be reached: check egress.upstream in host.toml and the proxy itself");
            Refusal::Upstream
        })
    }

    /// A tunnel through it, over `stream`.
    pub(super) async fn tunnel<S>(&self, stream: S, to: &Destination) -> Result<TokioIo<Upgraded>, Refusal>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = http1::Builder::new();
        builder
            .max_headers(limits::EGRESS_HEADERS)
            .max_header_size(limits::EGRESS_HEADER_BYTES)
            .max_buf_size(limits::EGRESS_HEADER_BYTES);
        let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|_| Refusal::Upstream)?;
        // Ends by itself: with the answer when it refuses, with the upgrade when it agrees, with the sender when we give up.
        tokio::spawn(connection.with_upgrades());
        let place = to.to_string();
        let mut request = Request::builder().method(Method::CONNECT).uri(&place).header(HOST, &place);
        if let Some(authorization) = &self.authorization {
            request = request.header(PROXY_AUTHORIZATION, authorization);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|_| Refusal::Malformed)?;
        let answer = sender.send_request(request).await.map_err(|_| Refusal::Upstream)?;
        if answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            warn!(
                "The upstream proxy does not take our user and password: check egress.upstream_user and upstream_password_file in host.toml"
            );
        }
        if !answer.status().is_success() {
            return Err(Refusal::Upstream);
        }
        let upgraded = hyper::upgrade::on(answer).await.map_err(|_| Refusal::Upstream)?;
        Ok(TokioIo::new(upgraded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_nowhere_in_what_is_printed() {
        let upstream = Upstream::with_password("proxy:8080".to_owned(), "shoji", "秘密").unwrap();
        let printed = format!("{upstream:?} {:?}", upstream.authorization());
        assert!(printed.contains("proxy:8080") && !printed.contains("Basic"), "{printed}");
    }

    #[test]
    fn a_password_file_may_end_its_line_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let read = || Upstream::with_password_file("proxy:8080".to_owned(), "shoji", &path);
        assert!(matches!(read(), Err(Error::Password { .. })));
        std::fs::write(&path, "secret\r\n").unwrap();
        assert_eq!(read().unwrap().authorization().unwrap(), "Basic c2hvamk6c2VjcmV0");
        std::fs::write(&path, "sec\nret\n").unwrap();
        assert!(matches!(read(), Err(Error::Credentials)));
        assert!(Upstream::with_password("proxy:8080".to_owned(), "a:b", "c").is_err());
    }
}
