//! Why there is no connection, and what the person can do about it.
//!
//! Owns the cases and which texts explain them. Every case has a title, a sentence and a next step in the catalogue.

use shoji_codec::DecodeError;
use shoji_protocol::{CloseCode, Fault};

use crate::{
    bundle,
    texts::{Language, Text},
    ui::state::Message,
};

/// Why a connection was not made or ended.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The device file cannot be used.
    #[error("{detail}")]
    Bundle {
        /// In which way.
        problem: BundleProblem,
        /// The file, as far as it is known.
        path: String,
        /// For the log.
        detail: String,
    },
    /// The device's certificate is past its end; found here, before anything was sent.
    #[error("this device's certificate expired on {day}")]
    Expired {
        /// Its last day.
        day: String,
    },
    /// The host's name has no address.
    #[error("no address is known for {host}")]
    Address {
        /// The host as in the bundle.
        host: String,
    },
    /// Nothing answered.
    #[error("{host} does not answer")]
    Unreachable {
        /// The host as in the bundle.
        host: String,
    },
    /// What answered is not the host of the bundle.
    #[error("{host} could not prove to be the host of the device file")]
    Impostor {
        /// The host as in the bundle.
        host: String,
    },
    /// The host did not accept the device's certificate.
    #[error("the host did not accept this device's certificate")]
    Refused,
    /// The host speaks no protocol that this viewer speaks.
    #[error("the host speaks another version of the protocol")]
    Version,
    /// The host turned the handshake away: it has too many of them at this moment, or is about to stop. QUIC says no more
    /// than that (RFC 9000, section 20.1, `CONNECTION_REFUSED`).
    #[error("the host takes no new connection at this moment")]
    Busy,
    /// The network broke, or answers stopped.
    #[error("the network connection was lost")]
    Lost,
    /// The host closed the connection and said why.
    #[error("the host closed the connection: {0:?}")]
    Closed(CloseCode),
    /// The host broke the protocol.
    #[error("{0}")]
    Protocol(shoji_protocol::Error),
    /// The host sent pixels that cannot be decoded, again after a repaint.
    #[error("the host sent pixels that cannot be decoded: {0}")]
    Pixels(DecodeError),
    /// The host does not take what it is sent.
    #[error("the host stopped reading")]
    HostStalled,
    /// This PC could not do its part.
    #[error("this PC could not open a network connection: {0}")]
    Local(String),
    /// The person ended it.
    #[error("the session was ended here")]
    EndedHere,
}

/// In which way a device file cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleProblem {
    /// It cannot be opened.
    Unreadable,
    /// Others can read it.
    NotPrivate,
    /// It is no device file, or holds no usable certificate.
    Format,
}

impl From<bundle::Error> for Error {
    fn from(error: bundle::Error) -> Self {
        let detail = error.to_string();
        let (problem, path) = match error {
            bundle::Error::Read { path, .. } => (BundleProblem::Unreadable, Some(path)),
            bundle::Error::ReadableByOthers { path, .. } => (BundleProblem::NotPrivate, Some(path)),
            bundle::Error::In { path, .. } => (BundleProblem::Format, Some(path)),
            _ => (BundleProblem::Format, None),
        };
        let path = path.map_or_else(|| "—".to_owned(), |path| path.display().to_string());
        Self::Bundle { problem, path, detail }
    }
}

impl Error {
    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Bundle { .. } | Self::Expired { .. } | Self::Refused | Self::Version | Self::Local(_) => {
                Fault::Viewer
            }
            Self::Address { .. } | Self::Unreachable { .. } | Self::Lost => Fault::Network,
            Self::Impostor { .. } | Self::Busy | Self::Pixels(_) | Self::HostStalled => Fault::Host,
            Self::Closed(code) => code.fault(),
            Self::Protocol(error) => error.fault(),
            Self::EndedHere => Fault::Nobody,
        }
    }

    /// Whether trying again by itself may help, with nobody having to do anything.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Busy | Self::Lost | Self::Unreachable { .. } | Self::Address { .. } | Self::HostStalled => true,
            Self::Closed(code) => {
                matches!(code, CloseCode::KeepAliveLost | CloseCode::HostStopping | CloseCode::ViewerStalled)
            }
            _ => false,
        }
    }

    /// Whether the session may still be there to be taken up again.
    #[must_use]
    pub fn leaves_session(&self) -> bool {
        self.passes() || matches!(self, Self::Closed(CloseCode::Replaced) | Self::Protocol(_) | Self::Pixels(_))
    }

    /// The code to tell the host when this ends a connection.
    #[must_use]
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::Protocol(error) => error.close_code(),
            Self::Pixels(_) => CloseCode::HostMalformed,
            Self::HostStalled => CloseCode::KeepAliveLost,
            _ => CloseCode::Normal,
        }
    }

    /// The message for the person.
    #[must_use]
    pub fn message(&self, language: Language, host: &str) -> Message {
        let (title, body, next) = self.texts();
        let code = match self {
            Self::Closed(code) => *code,
            other => other.close_code(),
        };
        let code = code.number().to_string();
        let day = match self {
            Self::Expired { day } => day,
            _ => "—",
        };
        let path = match self {
            Self::Bundle { path, .. } => path,
            _ => "—",
        };
        let say = |text: Text| text.with(language, &[("host", host), ("code", &code), ("day", day), ("path", path)]);
        Message { title: say(title), body: say(body), next: say(next) }
    }

    /// As [`message`](Self::message), for somebody who has no window in which to press a key.
    #[must_use]
    pub fn message_without_window(&self, language: Language, host: &str) -> Message {
        let message = self.message(language, host);
        if !message.next.contains("Enter") {
            return message;
        }
        Message { next: Text::WaitNext.in_language(language).to_owned(), ..message }
    }

    fn texts(&self) -> (Text, Text, Text) {
        use Text as T;
        match self {
            Self::Bundle { problem, .. } => match problem {
                BundleProblem::Unreadable => (T::BundleTitle, T::BundleReadBody, T::BundleNext),
                BundleProblem::NotPrivate => (T::BundleTitle, T::BundlePrivateBody, T::BundlePrivateNext),
                BundleProblem::Format => (T::BundleTitle, T::BundleFormatBody, T::BundleNext),
            },
            Self::Expired { .. } => (T::ExpiredTitle, T::ExpiredBody, T::ExpiredNext),
            Self::Address { .. } => (T::AddressTitle, T::AddressBody, T::AddressNext),
            Self::Unreachable { .. } => (T::UnreachableTitle, T::UnreachableBody, T::UnreachableNext),
            Self::Impostor { .. } => (T::ImpostorTitle, T::ImpostorBody, T::ImpostorNext),
            Self::Refused => (T::RefusedTitle, T::RefusedBody, T::RefusedNext),
            Self::Version => (T::VersionTitle, T::VersionBody, T::VersionNext),
            Self::Busy => (T::BusyTitle, T::BusyBody, T::BusyNext),
            Self::Lost => (T::NetworkTitle, T::NetworkBody, T::NetworkNext),
            Self::Protocol(_) | Self::Pixels(_) | Self::HostStalled => {
                (T::HostFaultTitle, T::HostFaultBody, T::HostFaultNext)
            }
            Self::Local(_) => (T::LocalTitle, T::LocalBody, T::LocalNext),
            Self::EndedHere => (T::EndedTitle, T::EndedBody, T::EndedNext),
            Self::Closed(code) => match code {
                CloseCode::Normal | CloseCode::SessionEnded | CloseCode::EndedByAdministrator => {
                    (T::EndedTitle, T::EndedBody, T::EndedNext)
                }
                CloseCode::Replaced => (T::ReplacedTitle, T::ReplacedBody, T::ReplacedNext),
                CloseCode::BrowserGone | CloseCode::WorkerDied | CloseCode::BrowserNotStarted => {
                    (T::BrowserGoneTitle, T::BrowserGoneBody, T::BrowserGoneNext)
                }
                CloseCode::HostStopping => (T::StoppingTitle, T::StoppingBody, T::StoppingNext),
                CloseCode::Revoked => (T::RevokedTitle, T::RevokedBody, T::RevokedNext),
                CloseCode::DeviceUnknown => (T::RefusedTitle, T::RefusedBody, T::RefusedNext),
                CloseCode::CertificateExpired => (T::ExpiredTitle, T::RefusedBody, T::ExpiredNext),
                CloseCode::NoCapacity => (T::FullTitle, T::FullBody, T::FullNext),
                CloseCode::UnknownResume => (T::UnknownResumeTitle, T::UnknownResumeBody, T::UnknownResumeNext),
                CloseCode::VersionMismatch | CloseCode::HostVersionMismatch => {
                    (T::VersionTitle, T::VersionBody, T::VersionNext)
                }
                CloseCode::KeepAliveLost => (T::NetworkTitle, T::NetworkBody, T::NetworkNext),
                code if code.fault() == Fault::Host => (T::HostFaultTitle, T::HostFaultBody, T::HostFaultNext),
                _ => (T::ViewerFaultTitle, T::ViewerFaultBody, T::ViewerFaultNext),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_error() -> Vec<Error> {
        let host = || "10.0.0.1:4433".to_owned();
        let mut all = vec![
            bundle::Error::Version(2).into(),
            bundle::Error::ReadableByOthers { path: "x".into(), mode: 0o644 }.into(),
            bundle::Error::Read { path: "x".into(), source: std::io::ErrorKind::NotFound.into() }.into(),
            Error::Expired { day: "2026-01-31".into() },
            Error::Address { host: host() },
            Error::Unreachable { host: host() },
            Error::Impostor { host: host() },
            Error::Refused,
            Error::Version,
            Error::Busy,
            Error::Lost,
            Error::Pixels(DecodeError::Truncated),
            Error::HostStalled,
            Error::Local("x".into()),
            Error::EndedHere,
        ];
        all.extend(CloseCode::ALL.iter().map(|&code| Error::Closed(code)));
        all
    }

    #[test]
    fn every_error_is_explained_in_both_languages_with_a_next_step() {
        for error in every_error() {
            for language in [Language::Ja, Language::En] {
                let message = error.message(language, "10.0.0.1:4433");
                for text in [&message.title, &message.body, &message.next] {
                    assert!(!text.is_empty() && !text.contains('{'), "{error:?}: {text}");
                }
            }
        }
    }

    #[test]
    fn nobody_without_a_window_is_asked_to_press_a_key() {
        for error in every_error() {
            for language in [Language::Ja, Language::En] {
                let message = error.message_without_window(language, "10.0.0.1:4433");
                assert!(!message.next.is_empty() && !message.next.contains("Enter"), "{error:?}: {}", message.next);
            }
        }
    }

    #[test]
    fn what_needs_a_person_is_not_tried_again_by_itself() {
        for error in [
            Error::Refused,
            Error::Version,
            Error::Closed(CloseCode::Revoked),
            Error::Closed(CloseCode::Replaced),
            Error::Closed(CloseCode::SessionEnded),
            Error::Closed(CloseCode::WorkerDied),
            Error::Closed(CloseCode::TooFast),
        ] {
            assert!(!error.passes(), "{error:?}");
        }
        for error in [Error::Lost, Error::Busy, Error::Closed(CloseCode::HostStopping)] {
            assert!(error.passes(), "{error:?}");
        }
    }
}
