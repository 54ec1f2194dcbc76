//! Owns the carriers that can be asked for, and the check that a session came by the one that was. Must never take the viewer's word
//! for it: the host says by what its viewers came.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::cli::Viewer;

/// What carries a session between viewer and host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// QUIC, of the native viewer
    Quic,
    /// TLS over TCP, of the native viewer
    Tls,
    /// HTTP/3 over QUIC, of the web viewer
    #[value(name = "webtransport")]
    WebTransport,
    /// A data channel over UDP, of the web viewer
    #[value(name = "webrtc")]
    WebRtc,
    /// TLS over TCP, of the web viewer
    #[value(name = "websocket")]
    WebSocket,
}

impl Carrier {
    /// Every carrier.
    pub const ALL: [Self; 5] = [Self::Quic, Self::Tls, Self::WebTransport, Self::WebRtc, Self::WebSocket];

    /// Its name, as the host's log has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Quic => "QUIC",
            Self::Tls => "TLS/TCP",
            Self::WebTransport => "WebTransport",
            Self::WebRtc => "WebRTC",
            Self::WebSocket => "WebSocket",
        }
    }

    /// The viewer that has it.
    #[must_use]
    pub fn viewer(self) -> Viewer {
        match self {
            Self::Quic | Self::Tls => Viewer::Native,
            Self::WebTransport | Self::WebRtc | Self::WebSocket => Viewer::Web,
        }
    }

    /// Whether it goes over TCP: then a relay sees a stream, of which it can delay but not lose a part.
    #[must_use]
    pub fn is_stream(self) -> bool {
        matches!(self, Self::Tls | Self::WebSocket)
    }

    /// The carriers of all connections in a host's log, in order; one that is not known here as its name.
    fn all_in(log: &str) -> Vec<Result<Self, String>> {
        let attached = log.lines().filter(|line| line.contains("Viewer attached"));
        let names = attached.filter_map(|line| line.split_once("carrier=\"")?.1.split_once('"').map(|of| of.0));
        let known = |name: &str| Self::ALL.into_iter().find(|carrier| carrier.name() == name);
        names.map(|name| known(name).ok_or_else(|| name.to_owned())).collect()
    }
}

/// A session did not come by the carrier that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CarrierError {
    /// It came by another.
    #[error(
        "{asked} was asked for, but a session came by {found}; is the host built with {asked}, and are its UDP and TCP ports both open?",
        asked = .asked.name()
    )]
    Another {
        /// The one that was asked for.
        asked: Carrier,
        /// The name of the other.
        found: String,
    },
    /// The host's log does not say.
    #[error(
        "{} was asked for, but the host's log does not say by what its viewer came; unset RUST_LOG, or let it hold 'info'",
        .0.name()
    )]
    Unknown(Carrier),
}

/// The carrier of the newest connection in a host's log, after the check that all came by the one that was asked for.
///
/// # Errors
/// If one came by another, or if one was asked for and the log names none.
pub fn in_use(log: &str, asked: Option<Carrier>) -> Result<Option<Carrier>, CarrierError> {
    let all = Carrier::all_in(log);
    let Some(asked) = asked else { return Ok(all.last().and_then(|last| last.clone().ok())) };
    if let Some(other) = all.iter().find(|of| **of != Ok(asked)) {
        let found = other.clone().map_or_else(|name| name, |carrier| carrier.name().to_owned());
        return Err(CarrierError::Another { asked, found });
    }
    if all.is_empty() { Err(CarrierError::Unknown(asked)) } else { Ok(Some(asked)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(carrier: &str) -> String {
        format!(
            "2026-11-23T09:00:00Z  INFO shoji_host: Viewer attached session.id=1 device=web carrier=\"{carrier}\" resumed=false\n"
        )
    }

    #[test]
    fn the_hosts_log_says_by_what_its_viewers_came() {
        let log = format!("Viewer gone carrier=\"QUIC\"\n{}{}", line("WebSocket"), line("TLS/TCP"));
        assert_eq!(Carrier::all_in(&log), [Ok(Carrier::WebSocket), Ok(Carrier::Tls)]);
        assert_eq!(in_use(&log, None), Ok(Some(Carrier::Tls)));
        assert_eq!(in_use("", None), Ok(None));
    }

    #[test]
    fn a_session_that_came_by_another_carrier_is_an_error_also_if_only_once() {
        let log = format!("{}{}", line("WebTransport"), line("WebSocket"));
        let another = in_use(&log, Some(Carrier::WebTransport)).expect_err("one came by another").to_string();
        assert!(another.contains("WebTransport was asked for") && another.contains("came by WebSocket"), "{another}");
        assert!(in_use(&line("SCTP"), Some(Carrier::WebRtc)).expect_err("an unknown one").to_string().contains("SCTP"));
        assert_eq!(in_use("", Some(Carrier::Quic)), Err(CarrierError::Unknown(Carrier::Quic)));
    }
}
