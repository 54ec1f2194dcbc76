//! A host's configuration file: any text is a configuration within its limits, or an error that names the file and says something.

use std::path::Path;

use shoji_host::config::{Config, File, Overrides};
use shoji_host::limits;

/// The oracle.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match File::parse(text, Path::new("host.toml")) {
        Ok(file) => match Config::resolve(file, Overrides::default()) {
            Ok(config) => {
                assert!((1..=limits::MAX_SESSIONS).contains(&config.sessions.at_once));
                assert!(config.web.names.len() <= limits::WEB_NAMES);
                let is_web = |url: &String| url.starts_with("http://") || url.starts_with("https://");
                assert!(config.start_url.as_ref().is_none_or(is_web));
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        },
        Err(error) => assert!(error.to_string().contains("host.toml"), "{error}"),
    }
}

/// The shipped file as it is, and with every line that it explains made one that counts.
pub fn seeds() -> Vec<Vec<u8>> {
    let shipped = include_str!("../../../host/assets/host.toml");
    let counts: String = shipped
        .lines()
        .map(|line| {
            let setting = line.strip_prefix("# ").or_else(|| line.strip_prefix('#')).unwrap_or(line);
            if setting.contains(" = ") && !setting.contains(". ") {
                format!("{setting}\n")
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    let small = [
        "[sessions]\nat_once = 3\n",
        "listen = \"0.0.0.0:4433\"\n",
        "[egress]\nports = [80, 443]\n",
        "[web]\nnames = [\"a.example\"]\n",
    ];
    let mut seeds: Vec<Vec<u8>> = small.iter().map(|text| text.as_bytes().to_vec()).collect();
    seeds.extend([shipped.as_bytes().to_vec(), counts.into_bytes()]);
    seeds
}
