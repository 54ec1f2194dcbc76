//! The names that the web service goes by, and whether a request comes from its own page.
//!
//! Owns the check of `Host`, `Origin` and `Sec-Fetch-Site`. A request for another name is answered with nothing (another
//! site that points its name at this host gets no page from here), and what acts needs an origin equal to the name that it
//! was sent to. It must never take a name from a request into an answer.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, header};

/// Names and addresses, as they stand in a host's certificate and in browsers' address bars.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// Of names and addresses in any form; what can be neither is left out.
    pub fn new<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Self {
        Self(names.into_iter().filter_map(|name| normal(name.as_ref())).collect())
    }

    /// All of them, addresses without brackets.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether a request for this host is meant for us.
    fn know(&self, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        normal(bare).is_some_and(|name| self.0.contains(&name))
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().enumerate().try_for_each(|(at, name)| write!(f, "{}{name}", if at == 0 { "" } else { " " }))
    }
}

/// A name as it is compared: in small letters, of letters that a certificate can hold; an address in its one form.
fn normal(name: &str) -> Option<String> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let labels = name.split('.').all(|label| {
        let letters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        (1..=63).contains(&label.len()) && letters && !label.starts_with('-') && !label.ends_with('-')
    });
    (labels && name.len() <= 253).then(|| name.to_ascii_lowercase())
}

/// The request is not for us, or not from our own page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// It names a host that we are not.
    Host,
    /// It comes from another page, or does not say from which.
    Origin,
}

/// What the host is called in this request, with its port: the one authority that it names, which has to be ours.
pub(super) fn authority(parts: &Parts, names: &Names) -> Result<Authority, Foreign> {
    let named = match only(&parts.headers, &header::HOST) {
        Ok(Some(host)) => Some(host.parse::<Authority>().map_err(|_| Foreign::Host)?),
        Ok(None) => None,
        Err(Twice) => return Err(Foreign::Host),
    };
    let authority = match (parts.uri.authority(), named) {
        (Some(uri), Some(host)) if *uri != host => return Err(Foreign::Host),
        (Some(uri), _) => uri.clone(),
        (None, Some(host)) => host,
        (None, None) => return Err(Foreign::Host),
    };
    // `user@host` never comes from a browser.
    if authority.as_str().contains('@') || !names.know(authority.host()) {
        return Err(Foreign::Host);
    }
    // A copy: what came is a piece of the whole head, which would stay in memory as long as this.
    Authority::try_from(authority.as_str()).map_err(|_| Foreign::Host)
}

/// The origin of a request that acts: it must be there, once (as far as its kind of HTTP shows), and be that of our own page.
pub(super) fn own_origin(parts: &Parts, authority: &Authority) -> Result<String, Foreign> {
    let own = format!("https://{authority}");
    let is_ours = only(&parts.headers, &header::ORIGIN) == Ok(Some(own.as_str()));
    let site = only(&parts.headers, &HeaderName::from_static("sec-fetch-site"));
    if is_ours && matches!(site, Ok(None | Some("same-origin"))) { Ok(own) } else { Err(Foreign::Origin) }
}

/// A header was there twice, or is not text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Twice;

/// A header that may be there once. Over HTTP/3 it always seems to be: see `check` in `transport`.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Twice> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Twice),
        _ => Err(Twice),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn names() -> Names {
        Names::new(["localhost", "127.0.0.1", "::1", "Shoji.Example.lg.jp", "not a name", "", "*.example"])
    }

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let request =
            headers.iter().fold(Request::builder().uri(uri), |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn check(uri: &str, headers: &[(&str, &str)]) -> Result<String, Foreign> {
        let parts = parts(uri, headers);
        let authority = authority(&parts, &names())?;
        own_origin(&parts, &authority)
    }

    #[test]
    fn only_names_that_a_certificate_can_hold_are_kept() {
        let names = names();
        assert_eq!(names.iter().collect::<Vec<_>>(), ["127.0.0.1", "::1", "localhost", "shoji.example.lg.jp"]);
        assert_eq!(names.to_string(), "127.0.0.1 ::1 localhost shoji.example.lg.jp");
    }

    #[test]
    fn a_request_for_one_of_our_names_from_our_own_page_passes() {
        for (uri, host, origin) in [
            ("/", "localhost:4433", "https://localhost:4433"),
            ("/", "127.0.0.1", "https://127.0.0.1"),
            ("/", "[::1]:4433", "https://[::1]:4433"),
            ("https://localhost:4433/", "localhost:4433", "https://localhost:4433"),
        ] {
            assert_eq!(check(uri, &[("host", host), ("origin", origin)]), Ok(origin.to_owned()));
        }
        let http2 = "https://shoji.example.lg.jp:8443/";
        assert!(check(http2, &[("origin", "https://shoji.example.lg.jp:8443")]).is_ok());
    }

    #[test]
    fn a_request_for_another_name_is_foreign() {
        for (uri, headers) in [
            ("/", &[][..]),
            ("/", &[("host", "evil.example")]),
            ("/", &[("host", "localhost.evil.example")]),
            ("/", &[("host", "user@localhost")]),
            ("/", &[("host", "")]),
            ("/", &[("host", "localhost"), ("host", "localhost")]),
            ("https://localhost/", &[("host", "localhost:1")]),
            ("https://evil.example/", &[("host", "localhost")]),
        ] {
            assert_eq!(check(uri, headers), Err(Foreign::Host), "{uri} {headers:?}");
        }
    }

    #[test]
    fn a_request_from_another_page_is_foreign() {
        let own = ("origin", "https://localhost:4433");
        for headers in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "http://localhost:4433")],
            &[("origin", "https://localhost")],
            &[("origin", "https://localhost:4434")],
            &[("origin", "https://127.0.0.1:4433")],
            &[own, own],
            &[own, ("sec-fetch-site", "cross-site")],
            &[own, ("sec-fetch-site", "same-site")],
            &[own, ("sec-fetch-site", "none")],
        ] {
            let headers: Vec<_> = headers.iter().copied().chain([("host", "localhost:4433")]).collect();
            assert_eq!(check("/", &headers), Err(Foreign::Origin), "{headers:?}");
        }
        assert!(check("/", &[("host", "localhost:4433"), own, ("sec-fetch-site", "same-origin")]).is_ok());
    }
}
