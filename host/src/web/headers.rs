//! What every answer of the web service tells the browser to refuse.
//!
//! Owns the headers. They are added in one place, around everything that answers, so that none leaves without them.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Nothing but our own files, no frame around us, no form, no inline script, and no text that becomes markup. Agreed with
/// the web viewer.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types shoji";

/// What the page may use of the PC: the full screen, its keys and pointer, and nothing else.
pub const PERMISSIONS_POLICY: &str = "accelerometer=(), autoplay=(), bluetooth=(), browsing-topics=(), camera=(), \
    clipboard-read=(), clipboard-write=(), compute-pressure=(), display-capture=(), encrypted-media=(), \
    fullscreen=(self), gamepad=(), geolocation=(), gyroscope=(), hid=(), identity-credentials-get=(), \
    idle-detection=(), keyboard-map=(self), local-fonts=(), magnetometer=(), microphone=(), midi=(), \
    otp-credentials=(), payment=(), picture-in-picture=(), publickey-credentials-create=(), \
    publickey-credentials-get=(), screen-wake-lock=(), serial=(), storage-access=(), usb=(), web-share=(), \
    window-management=(), xr-spatial-tracking=()";

/// Every header, in the form of the list above. No `Strict-Transport-Security`: closed networks use authorities of their
/// own, and a browser that has not got one yet must be able to show its warning and the way past it.
pub const ALL: [(&str, &str); 8] = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", PERMISSIONS_POLICY),
    ("x-frame-options", "DENY"),
];

/// Adds what is not there, and `no-store` to whatever says nothing about being kept.
pub(super) fn add(headers: &mut HeaderMap) {
    for (name, value) in ALL {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_is_one_line_of_single_spaces() {
        let mut headers = HeaderMap::new();
        add(&mut headers);
        assert_eq!(headers.len(), ALL.len() + 1);
        for (name, value) in ALL {
            assert!(!value.contains("  ") && !value.contains('\n'), "{name}: {value}");
        }
    }

    #[test]
    fn the_policy_allows_no_inline_script_no_other_origin_and_no_frame() {
        assert!(CONTENT_SECURITY_POLICY.starts_with("default-src 'none';"));
        for forbidden in ["unsafe-inline", "'unsafe-eval'", "http:", "https:", "*"] {
            assert!(!CONTENT_SECURITY_POLICY.contains(forbidden), "{forbidden}");
        }
        assert!(CONTENT_SECURITY_POLICY.contains("frame-ancestors 'none'"));
    }
}
