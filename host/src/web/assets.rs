//! The web viewer's files, embedded in the program when it is built.
//!
//! Owns what is served at which path, its type, and how long a browser may keep it. Paths are compared with a closed list:
//! no path ever reaches the file system. A host that was built before the web viewer was answers with a page that says so.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::names::only;

/// One file, as the build put it in.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Where it is served, from `/` on.
    pub path: &'static str,
    /// Its media type.
    pub kind: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
    /// The same compressed with Brotli, where that is smaller.
    pub brotli: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/web_assets.rs"));

/// What is served.
#[derive(Debug)]
pub struct Assets(BTreeMap<&'static str, (Asset, String)>);

/// What a browser gets from a host that was built without the web viewer.
const MISSING: &str = include_str!("../../assets/no_web_viewer.html");

impl Assets {
    /// The files that were there when the host was built.
    pub fn embedded() -> Self {
        Self::new(EMBEDDED)
    }

    /// These files.
    pub fn new(assets: &[Asset]) -> Self {
        let tag = |asset: &Asset| Sha256::digest(asset.bytes)[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        Self(assets.iter().map(|asset| (asset.path, (*asset, tag(asset)))).collect())
    }

    /// Whether there is no web viewer.
    pub fn are_missing(&self) -> bool {
        !self.0.contains_key("/index.html")
    }

    /// Answers a request for a path.
    pub(super) fn answer(&self, path: &str, headers: &HeaderMap) -> Response {
        let is_page = path == "/";
        let Some((asset, tag)) = self.0.get(if is_page { "/index.html" } else { path }) else {
            return if is_page {
                let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
                (StatusCode::SERVICE_UNAVAILABLE, kind, MISSING).into_response()
            } else {
                StatusCode::NOT_FOUND.into_response()
            };
        };
        let brotli = asset.brotli.filter(|_| takes_brotli(headers));
        let tag = format!("\"{tag}{}\"", if brotli.is_some() { "-br" } else { "" });
        // The build names these after their content.
        let keep = if path.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
        let same = only(headers, &header::IF_NONE_MATCH).ok().flatten() == Some(tag.as_str());
        let mut response = if same {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Response::new(Body::from(Bytes::from_static(brotli.unwrap_or(asset.bytes))))
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(header::ETAG, HeaderValue::try_from(tag).expect("hexadecimal digits are a header's value"));
        if brotli.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
        }
        response
    }
}

/// Browsers take it over TLS; whoever says `br;q=0` does not.
fn takes_brotli(headers: &HeaderMap) -> bool {
    let Ok(Some(accepted)) = only(headers, &header::ACCEPT_ENCODING) else { return false };
    accepted.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("br") && weight.is_none_or(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Asset = Asset { path: "/index.html", kind: "text/html", bytes: b"page", brotli: Some(b"p") };
    const SCRIPT: Asset = Asset { path: "/assets/a-1.js", kind: "text/javascript", bytes: b"script", brotli: None };

    fn asking(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn files_named_after_their_content_are_kept_and_the_page_is_asked_for_again() {
        let assets = Assets::new(&[PAGE, SCRIPT]);
        assert!(!assets.are_missing());
        let kept = |path: &str| {
            let response = assets.answer(path, &HeaderMap::new());
            (response.status(), response.headers()[header::CACHE_CONTROL].to_str().unwrap().to_owned())
        };
        assert_eq!(kept("/"), (StatusCode::OK, "no-cache".to_owned()));
        assert_eq!(kept("/assets/a-1.js"), (StatusCode::OK, "public, max-age=31536000, immutable".to_owned()));
    }

    #[test]
    fn a_browser_that_has_the_file_is_told_so() {
        let assets = Assets::new(&[PAGE]);
        let tag = assets.answer("/", &HeaderMap::new()).headers()[header::ETAG].to_str().unwrap().to_owned();
        let again = assets.answer("/", &asking(header::IF_NONE_MATCH, &tag));
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn compressed_files_go_to_whoever_takes_them() {
        let assets = Assets::new(&[PAGE, SCRIPT]);
        let coding = |path: &str, accepted: &str| {
            let response = assets.answer(path, &asking(header::ACCEPT_ENCODING, accepted));
            response.headers().get(header::CONTENT_ENCODING).is_some()
        };
        assert!(coding("/", "gzip, deflate, br, zstd") && coding("/", "br;q=0.5"));
        assert!(!coding("/", "gzip") && !coding("/", "br;q=0") && !coding("/assets/a-1.js", "br"));
    }

    #[test]
    fn nothing_but_the_list_is_served() {
        let assets = Assets::new(&[PAGE]);
        for path in ["/index.htm", "/../etc/passwd", "/assets/", "/assets/../index.html", "//", "/%2e%2e/"] {
            assert_eq!(assets.answer(path, &HeaderMap::new()).status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn a_host_without_the_web_viewer_says_how_to_build_it() {
        let assets = Assets::new(&[]);
        assert!(assets.are_missing());
        assert_eq!(assets.answer("/", &HeaderMap::new()).status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            MISSING.contains("npm run build") && MISSING.contains("lang=\"ja\"") && MISSING.contains("lang=\"en\"")
        );
    }

    #[test]
    fn what_the_build_embedded_has_types_and_paths() {
        for asset in EMBEDDED {
            assert!(asset.path.starts_with('/') && asset.kind.contains('/'), "{}", asset.path);
            assert!(asset.brotli.is_none_or(|brotli| brotli.len() < asset.bytes.len()), "{}", asset.path);
        }
    }
}
