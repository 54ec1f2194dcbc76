//! The browser's managed policies: what a page or a user in a session cannot change.
//!
//! One table for Chromium, Chrome and Edge; each ignores what only another knows. The table becomes a read-only file
//! inside the sandbox's own `/etc`, so neither the session nor the machine's own browser is touched by it.

use serde_json::{Value, json};

use crate::egress::ADDRESS;

/// Where each browser reads managed policies, inside the sandbox.
pub const FOLDERS: [&str; 3] =
    ["/etc/chromium/policies/managed", "/etc/opt/chrome/policies/managed", "/etc/opt/edge/policies/managed"];

/// What goes past the proxy: nothing. Browsers leave loopback out by themselves, and this takes that back.
pub(super) const NO_BYPASS: &str = "<-loopback>";

/// The policies of every session.
pub fn managed() -> Value {
    let mut managed = pages();
    if let (Value::Object(managed), Value::Object(network)) = (&mut managed, network()) {
        managed.extend(network);
    }
    managed
}

fn network() -> Value {
    json!({
        // The egress proxy, and no way around it: there is none in the sandbox's network, and nothing should try.
        "ProxySettings": {
            "ProxyMode": "fixed_servers",
            "ProxyServer": format!("http://{ADDRESS}"),
            "ProxyBypassList": NO_BYPASS,
        },
        // Chromium's own limit of 32 is less than it takes to a web without a proxy; this is the most that it accepts.
        "MaxConnectionsPerProxy": 99,
        "WebRtcIPHandling": "disable_non_proxied_udp",
        "WebRtcLocalhostIpHandling": "DisableNonProxiedUdp",
        "QuicAllowed": false,
        "DnsOverHttpsMode": "off",
        "BuiltInDnsClientEnabled": false,
        "AdditionalDnsQueryTypesEnabled": false,
        "NetworkPredictionOptions": 2,
    })
}

fn pages() -> Value {
    json!({
        // Files do not cross, in any way.
        "DownloadRestrictions": 3,
        "PrintingEnabled": false,
        "URLBlocklist": ["file://*", "filesystem:*"],
        // Nothing of a session is kept or asked to be kept.
        "PasswordManagerEnabled": false,
        "AutofillAddressEnabled": false,
        "AutofillCreditCardEnabled": false,
        "BrowserSignin": 0,
        "SyncDisabled": true,
        "BrowserGuestModeEnabled": false,
        "BrowserAddPersonEnabled": false,
        "ImportOnEachLaunch": false,
        // Tools that reach behind the page.
        "DeveloperToolsAvailability": 2,
        "RemoteDebuggingAllowed": false,
        "ExtensionInstallBlocklist": ["*"],
        "BlockExternalExtensions": true,
        // Devices that a browser on a host does not have.
        "AudioCaptureAllowed": false,
        "VideoCaptureAllowed": false,
        "ScreenCaptureAllowed": false,
        "DefaultGeolocationSetting": 2,
        "DefaultNotificationsSetting": 2,
        "DefaultSensorsSetting": 2,
        "DefaultSerialGuardSetting": 2,
        "DefaultWebBluetoothGuardSetting": 2,
        "DefaultWebHidGuardSetting": 2,
        "DefaultWebUsbGuardSetting": 2,
        // A quiet first start, and no traffic that the user did not cause.
        "DefaultBrowserSettingEnabled": false,
        "PromotionsEnabled": false,
        "PromotionalTabsEnabled": false,
        "PrivacySandboxPromptEnabled": false,
        "HideFirstRunExperience": true,
        "MetricsReportingEnabled": false,
        "UserFeedbackAllowed": false,
        "ComponentUpdatesEnabled": false,
        "BackgroundModeEnabled": false,
        // Pages get Japanese where they have it.
        "ForcedLanguages": ["ja", "en-US"],
        "SpellcheckEnabled": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_product_promises_is_in_the_policies() {
        let managed = managed();
        for (key, value) in [
            ("DownloadRestrictions", json!(3)),
            ("PasswordManagerEnabled", json!(false)),
            ("DeveloperToolsAvailability", json!(2)),
            ("PrintingEnabled", json!(false)),
            ("ExtensionInstallBlocklist", json!(["*"])),
            ("HideFirstRunExperience", json!(true)),
            ("QuicAllowed", json!(false)),
            ("DnsOverHttpsMode", json!("off")),
            ("NetworkPredictionOptions", json!(2)),
            ("WebRtcIPHandling", json!("disable_non_proxied_udp")),
            (
                "ProxySettings",
                json!({
                    "ProxyMode": "fixed_servers",
                    "ProxyServer": "http://127.0.0.1:3128",
                    "ProxyBypassList": "<-loopback>",
                }),
            ),
        ] {
            assert_eq!(managed[key], value, "{key}");
        }
    }
}
