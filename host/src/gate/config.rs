//! The gate's configuration: the file as written, and what it resolves to.
//!
//! Every key is optional but the identity, unknown keys are refused. There is no key that switches a check off; limits have ranges.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use shoji_evidence::segments::{self, Segments};
use shoji_protocol::limits::MAX_UPDATE;
use shoji_protocol::time::Duration;

use super::pace::{self, Limit};
use super::relay;
use crate::registry::Fingerprint;
use crate::{limits, store};

/// An example of the file with every key at its default; a test parses it.
pub const EXAMPLE: &str = include_str!("../../assets/gate.toml");

/// The configuration file as written.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    identity: Option<PathBuf>,
    listen: Option<SocketAddr>,
    host: Option<String>,
    carrier: Option<Carrier>,
    health: Option<String>,
    connections: Option<u32>,
    devices: Vec<Fingerprint>,
    input: InputFile,
    updates: UpdatesFile,
    segments: segments::Written,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct InputFile {
    keys_per_second: Option<u32>,
    keys_per_minute: Option<u32>,
    commits_per_second: Option<u32>,
    commits_per_minute: Option<u32>,
    characters_per_second: Option<u32>,
    characters_per_minute: Option<u32>,
    pointer_per_second: Option<u32>,
    pointer_per_minute: Option<u32>,
    patience_seconds: Option<u32>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct UpdatesFile {
    pixels: Option<bool>,
    largest_kib: Option<u32>,
    kib_per_second: Option<u32>,
    per_second: Option<u32>,
}

/// How the host is reached.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// QUIC, or TLS over TCP if nothing answers.
    #[default]
    Auto,
    /// QUIC alone.
    Quic,
    /// TLS over TCP alone.
    Tls,
}

/// What the command line says; it wins over the file.
#[derive(Debug, Default, Clone)]
pub struct Overrides {
    /// The identity's file.
    pub identity: Option<PathBuf>,
    /// Address and port to listen on.
    pub listen: Option<SocketAddr>,
    /// Where health and metrics are asked for.
    pub health: Option<String>,
    /// Updates are made anew, whatever the file says.
    pub pixels: bool,
}

/// The resolved configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The identity's file.
    pub identity: PathBuf,
    /// Address and port to listen on, by UDP and by TCP.
    pub listen: SocketAddr,
    /// Where the host is; `None`: where the identity says.
    pub host: Option<String>,
    /// How it is reached.
    pub carrier: Carrier,
    /// Where health and metrics are asked for.
    pub health: Option<SocketAddr>,
    /// Connections of viewers at the same time.
    pub connections: u32,
    /// The devices that may pass; empty: all.
    pub devices: Vec<Fingerprint>,
    /// What passes.
    pub policy: relay::Policy,
    /// What the networks around this machine are.
    pub segments: Segments,
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The file named on the command line is not there.
    #[error("there is no configuration file {}: check --config", .0.display())]
    Missing(PathBuf),
    /// The file is not TOML, or has a key or type that is not known.
    #[error("{} is not a valid configuration: correct this and start again: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: Box<toml::de::Error>,
    },
    /// A value is out of its range.
    #[error("{key} = {value} is out of range: write {low} to {high}")]
    Range {
        /// The key as written in the file.
        key: &'static str,
        /// Its value.
        value: u32,
        /// Smallest value allowed.
        low: u32,
        /// Largest value allowed.
        high: u32,
    },
    /// A minute with less than a second.
    #[error(
        "input.{0}_per_minute is less than input.{0}_per_second: write at least as many for a minute as for a second"
    )]
    Minute(&'static str),
    /// Nobody to be.
    #[error(
        "the gate has no identity: make one on the host with `shoji-host device add NAME --as-gate`, then name its file with --identity FILE or in gate.toml"
    )]
    NoIdentity,
    /// Not an address with a port.
    #[error("health = {0:?} is no address with a port: write it like 127.0.0.1:9433, or \"\" for none")]
    Health(String),
    /// An entry of `[segments]` that cannot be one.
    #[error(transparent)]
    Segments(#[from] segments::Error),
    /// Too many devices.
    #[error("devices has too many entries: write at most {most}", most = limits::MAX_DEVICES)]
    Devices,
}

impl File {
    /// Parses the text of a configuration file; `path` is for messages only.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        toml::from_str(text).map_err(|source| Error::Syntax { path: path.to_owned(), source: Box::new(source) })
    }
}

impl Config {
    /// Reads and resolves; a file that is named has to be there.
    pub fn load(path: Option<&Path>, overrides: Overrides) -> Result<Self, Error> {
        let file = match path {
            Some(path) => {
                let text = store::read(path)?.ok_or_else(|| Error::Missing(path.to_owned()))?;
                File::parse(&text, path)?
            }
            None => File::default(),
        };
        Self::resolve(file, overrides)
    }

    /// Command line over file over defaults, every value checked.
    pub fn resolve(file: File, overrides: Overrides) -> Result<Self, Error> {
        if file.devices.len() > limits::MAX_DEVICES {
            return Err(Error::Devices);
        }
        let health = overrides.health.or(file.health).unwrap_or_else(|| "127.0.0.1:9433".to_owned());
        let health = match health.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|_| Error::Health(health.clone()))?),
        };
        let UpdatesFile { pixels, largest_kib, kib_per_second, per_second } = file.updates;
        let largest = within("updates.largest_kib", largest_kib, MAX_UPDATE as u32 >> 10, 64, MAX_UPDATE as u32 >> 10)?;
        let bytes = within("updates.kib_per_second", kib_per_second, limits::GATE_UPDATE_BYTES >> 10, 64, 1 << 21)?;
        let policy = relay::Policy {
            input: input(file.input)?,
            update_bytes: bytes.saturating_mul(1 << 10),
            updates: within("updates.per_second", per_second, limits::GATE_UPDATES, 10, 100_000)?,
            largest_update: largest as usize * (1 << 10),
            pixels: overrides.pixels || pixels.unwrap_or(false),
            ..relay::Policy::default()
        };
        Ok(Self {
            identity: overrides.identity.or(file.identity).ok_or(Error::NoIdentity)?,
            listen: overrides.listen.or(file.listen).unwrap_or((Ipv4Addr::UNSPECIFIED, 4433).into()),
            host: file.host,
            carrier: file.carrier.unwrap_or_default(),
            health,
            connections: within("connections", file.connections, limits::GATE_CONNECTIONS, 1, 4_096)?,
            devices: file.devices,
            policy,
            segments: Segments::read(&file.segments)?,
        })
    }
}

fn input(file: InputFile) -> Result<pace::Policy, Error> {
    let [keys, commits, characters, pointer] = limits::GATE_INPUT;
    let limit = |word, default: Limit, keys: [&'static str; 2], second, minute, low| {
        let per_second = within(keys[0], second, default.per_second, low, 10_000)?;
        let per_minute = within(keys[1], minute, default.per_minute, low, 100_000)?;
        if per_minute < per_second { Err(Error::Minute(word)) } else { Ok(Limit { per_second, per_minute }) }
    };
    let patience = within("input.patience_seconds", file.patience_seconds, limits::GATE_PATIENCE_SECONDS, 1, 60)?;
    Ok(pace::Policy {
        limits: [
            limit(
                "keys",
                keys,
                ["input.keys_per_second", "input.keys_per_minute"],
                file.keys_per_second,
                file.keys_per_minute,
                2,
            )?,
            limit(
                "commits",
                commits,
                ["input.commits_per_second", "input.commits_per_minute"],
                file.commits_per_second,
                file.commits_per_minute,
                1,
            )?,
            // A text of the largest size has to pass at some time.
            limit(
                "characters",
                characters,
                ["input.characters_per_second", "input.characters_per_minute"],
                file.characters_per_second,
                file.characters_per_minute.map(|minute| minute.max(1)),
                1,
            )
            .and_then(|limit| {
                within("input.characters_per_minute", Some(limit.per_minute), 0, LONGEST_TEXT, 100_000).map(|_| limit)
            })?,
            limit(
                "pointer",
                pointer,
                ["input.pointer_per_second", "input.pointer_per_minute"],
                file.pointer_per_second,
                file.pointer_per_minute,
                30,
            )?,
        ],
        patience: Duration::from_millis(u64::from(patience) * 1_000),
    })
}

/// Characters that one text may have: one byte each.
const LONGEST_TEXT: u32 = shoji_protocol::limits::MAX_TEXT as u32;

fn within(key: &'static str, value: Option<u32>, default: u32, low: u32, high: u32) -> Result<u32, Error> {
    let value = value.unwrap_or(default);
    if (low..=high).contains(&value) { Ok(value) } else { Err(Error::Range { key, value, low, high }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<Config, Error> {
        let file = File::parse(text, Path::new("gate.toml"))?;
        Config::resolve(file, Overrides { identity: Some("gate.shoji".into()), ..Overrides::default() })
    }

    #[test]
    fn the_example_is_the_default() {
        let (example, default) = (resolve(EXAMPLE).unwrap(), resolve("").unwrap());
        assert_eq!(example.policy.input, default.policy.input);
        assert_eq!(example.policy, relay::Policy { update_bytes: example.policy.update_bytes, ..default.policy });
        assert_eq!(format!("{example:?}"), format!("{default:?}"));
    }

    #[test]
    fn unknown_keys_and_values_out_of_range_are_refused_and_say_which() {
        for (text, said) in [
            ("pixel = true", "pixel"),
            ("[input]\nkeys = 1", "keys"),
            ("[input]\nkeys_per_minute = 1000000", "input.keys_per_minute"),
            ("[input]\ncharacters_per_minute = 100\ncharacters_per_second = 50", "input.characters_per_minute"),
            ("[input]\nkeys_per_minute = 10", "keys_per_second"),
            ("[updates]\nlargest_kib = 1000000", "updates.largest_kib"),
            ("health = \"here\"", "127.0.0.1:9433"),
            ("devices = [\"abc\"]", "64 hexadecimal digits"),
            ("carrier = \"pigeon\"", "pigeon"),
        ] {
            let error = resolve(text).expect_err(text).to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn a_gate_without_an_identity_is_told_how_to_get_one() {
        let error = Config::resolve(File::default(), Overrides::default()).unwrap_err();
        assert!(error.to_string().contains("--as-gate"), "{error}");
    }
}
