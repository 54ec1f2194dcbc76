//! The host's configuration: the file as written, and what it resolves to.
//!
//! [`File`] is the shape of the TOML file: every key optional, unknown keys refused. [`Config`] is resolved once, at
//! start, from the command line over the file over the defaults; nothing else in the crate sees a file or an `Option`
//! that stands for "not said". Checks of identity, policy or limits can not be switched off here: there is no key for it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use shoji_evidence::segments::{self, Segment, Segments};

use crate::egress::policy::{Destination, Domain, Policy};
use crate::web::names::Names;
use crate::{limits, store};

/// An example of the file with every key at its default; a test parses it.
pub const EXAMPLE: &str = include_str!("../assets/host.toml");

/// The configuration file as written.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    listen: Option<SocketAddr>,
    public_address: Option<String>,
    start_url: Option<String>,
    runtime_directory: Option<PathBuf>,
    sessions: SessionsFile,
    browser: BrowserFile,
    web: WebFile,
    segments: segments::Written,
    egress: EgressFile,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WebFile {
    enabled: Option<bool>,
    names: Vec<String>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SessionsFile {
    at_once: Option<u32>,
    per_device: Option<u32>,
    detached_minutes: Option<u32>,
    idle_minutes: Option<u32>,
    longest_hours: Option<u32>,
    first_user_id: Option<u32>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BrowserFile {
    path: Option<PathBuf>,
    bubblewrap: Option<PathBuf>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EgressFile {
    ports: Option<Vec<u16>>,
    lgwan: Vec<String>,
    also_allow: Vec<String>,
    allow_domains: Vec<String>,
    block_domains: Vec<String>,
    contact: String,
    upstream: Option<String>,
    upstream_user: Option<String>,
    upstream_password_file: Option<PathBuf>,
}

/// What the command line says; it wins over the file.
#[derive(Debug, Default, Clone)]
pub struct Overrides {
    /// Address and port to listen on, by UDP and by TCP.
    pub listen: Option<SocketAddr>,
    /// The page that a new session opens.
    pub start_url: Option<String>,
    /// Prefixes that browsers may reach beside those of the file.
    pub also_allow: Vec<String>,
}

/// The resolved configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address and port to listen on, by UDP and by TCP.
    pub listen: SocketAddr,
    /// `host:port` written into device bundles; `None` = the address listened on.
    pub public_address: Option<String>,
    /// The page that a new session opens; `None` = the built-in welcome page.
    pub start_url: Option<String>,
    /// Where session directories live; `None` = chosen by [`crate::state::runtime_directory`].
    pub runtime_directory: Option<PathBuf>,
    /// Limits and lifetimes of sessions.
    pub sessions: Sessions,
    /// The browser's program and its sandbox's.
    pub browser: Browser,
    /// The web viewer's service.
    pub web: Web,
    /// Which addresses belong to which segment.
    pub segments: Segments,
    /// The browsers' way to the internet.
    pub egress: Egress,
}

/// The browsers' way to the internet.
#[derive(Debug, Clone)]
pub struct Egress {
    /// Where browsers may go.
    pub policy: Policy,
    /// Whom the block page names; may be empty.
    pub contact: String,
    /// The proxy behind the host's own.
    pub upstream: Option<Upstream>,
}

/// The proxy behind the host's own, as configured.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// `host:port`.
    pub address: String,
    /// The user, and the file with the password.
    pub credentials: Option<(String, PathBuf)>,
}

/// The web viewer's service.
#[derive(Debug, Clone)]
pub struct Web {
    /// Whether there is one.
    pub enabled: bool,
    /// What browsers call this host, besides its own name and the addresses that it listens on.
    pub names: Vec<String>,
}

/// Limits and lifetimes of sessions.
#[derive(Debug, Clone, Copy)]
pub struct Sessions {
    /// Sessions on this host at the same time.
    pub at_once: u32,
    /// Sessions of one device at the same time.
    pub per_device: u32,
    /// How long a session lives on without a viewer.
    pub detached: Duration,
    /// How long a session lives on without input.
    pub idle: Duration,
    /// How long a session lives at most.
    pub longest: Duration,
    /// The first of two user ids per session, when the host runs as root.
    pub first_user_id: u32,
}

/// The browser's program and its sandbox's.
#[derive(Debug, Clone, Default)]
pub struct Browser {
    /// The browser's program; `None` = the first known one that is installed.
    pub path: Option<PathBuf>,
    /// Bubblewrap's program; `None` = `/usr/bin/bwrap`.
    pub bubblewrap: Option<PathBuf>,
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
    /// A name of the web service is none.
    #[error("web.names has {0:?}, which is neither a host name nor an address: write it without https:// and port")]
    WebName(String),
    /// An entry of `[segments]` that cannot be one.
    #[error(transparent)]
    Segments(#[from] segments::Error),
    /// An entry of `[egress]` that cannot be one.
    #[error("egress.{key} has {value:?}: {want}")]
    Egress {
        /// The key.
        key: &'static str,
        /// What it has.
        value: String,
        /// What to write instead.
        want: &'static str,
    },
    /// A list that is too long to be searched for each connection.
    #[error("egress.{0} has too many entries: write at most {most}", most = limits::EGRESS_LIST)]
    EgressList(&'static str),
    /// Too many names.
    #[error("web.names has too many names: write at most {0}")]
    WebNames(usize),
    /// The start page is not a web address.
    #[error("the start URL has to begin with http:// or https:// and be printable, at most 2000 characters")]
    StartUrl,
}

impl File {
    /// Parses the text of a configuration file; `path` is for messages only.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        toml::from_str(text).map_err(|source| Error::Syntax { path: path.to_owned(), source: Box::new(source) })
    }
}

impl Config {
    /// Reads and resolves: `explicit` must exist, else `<state>/host.toml` is read if it is there.
    pub fn load(explicit: Option<&Path>, state: &Path, overrides: Overrides) -> Result<Self, Error> {
        let file = match explicit {
            Some(path) => {
                let text = store::read(path)?.ok_or_else(|| Error::Missing(path.to_owned()))?;
                File::parse(&text, path)?
            }
            None => {
                let path = state.join("host.toml");
                match store::read(&path)? {
                    Some(text) => File::parse(&text, &path)?,
                    None => File::default(),
                }
            }
        };
        Self::resolve(file, overrides)
    }

    /// Command line over file over defaults, every value checked.
    pub fn resolve(file: File, overrides: Overrides) -> Result<Self, Error> {
        let sessions = file.sessions;
        let minutes = |key, value: Option<u32>, default, high| {
            within(key, value.unwrap_or(default), 1, high).map(|minutes| Duration::from_secs(u64::from(minutes) * 60))
        };
        let start_url = overrides.start_url.or(file.start_url);
        if let Some(url) = &start_url {
            check_url(url)?;
        }
        let segments = Segments::read(&file.segments)?;
        Ok(Self {
            listen: overrides.listen.or(file.listen).unwrap_or((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT).into()),
            public_address: file.public_address,
            start_url,
            runtime_directory: file.runtime_directory,
            sessions: Sessions {
                at_once: within(
                    "sessions.at_once",
                    sessions.at_once.unwrap_or(limits::DEFAULT_SESSIONS),
                    1,
                    limits::MAX_SESSIONS,
                )?,
                per_device: within(
                    "sessions.per_device",
                    sessions.per_device.unwrap_or(limits::DEFAULT_SESSIONS_PER_DEVICE),
                    1,
                    16,
                )?,
                detached: minutes("sessions.detached_minutes", sessions.detached_minutes, 30, 1_440)?,
                idle: minutes("sessions.idle_minutes", sessions.idle_minutes, 120, 1_440)?,
                longest: minutes(
                    "sessions.longest_hours",
                    sessions.longest_hours.map(|hours| hours.saturating_mul(60)),
                    720,
                    10_080,
                )?,
                first_user_id: within(
                    "sessions.first_user_id",
                    sessions.first_user_id.unwrap_or(61_000),
                    1_000,
                    2_000_000_000,
                )?,
            },
            browser: Browser { path: file.browser.path, bubblewrap: file.browser.bubblewrap },
            web: Web { enabled: file.web.enabled.unwrap_or(true), names: web_names(file.web.names)? },
            egress: egress(file.egress, overrides.also_allow, segments.prefixes(Segment::Lgwan))?,
            segments,
        })
    }
}

/// What is left out silently would be missing in the certificate, and nobody would know why.
fn web_names(names: Vec<String>) -> Result<Vec<String>, Error> {
    if names.len() > limits::WEB_NAMES {
        return Err(Error::WebNames(limits::WEB_NAMES));
    }
    match names.iter().find(|name| Names::new([name]).iter().next().is_none()) {
        Some(wrong) => Err(Error::WebName(wrong.clone())),
        None => Ok(names),
    }
}

/// `lgwan` is what `[segments]` declares: refused without being written twice.
fn egress(mut file: EgressFile, also_allow: Vec<String>, lgwan: &[IpNet]) -> Result<Egress, Error> {
    file.also_allow.extend(also_allow);
    let lgwan = prefixes("lgwan", &file.lgwan)?.into_iter().chain(lgwan.iter().copied()).collect();
    let refuse = |key, value: &str, want| Err(Error::Egress { key, value: value.to_owned(), want });
    let ports = file.ports.unwrap_or_else(|| vec![80, 443]);
    if ports.is_empty() || ports.contains(&0) {
        return refuse("ports", &format!("{ports:?}"), "write the ports of the web, usually [80, 443]");
    }
    if file.contact.chars().count() > 200 || file.contact.chars().any(char::is_control) {
        return refuse("contact", &file.contact, "write one line of at most 200 characters");
    }
    let upstream = match (file.upstream, file.upstream_user, file.upstream_password_file) {
        (Some(address), user, password) => {
            let is_one = address.rsplit_once(':').is_some_and(|(host, port)| {
                port.parse().is_ok_and(|port: u16| port != 0 && Destination::new(host, port).is_some())
            });
            if !is_one {
                return refuse("upstream", &address, "write it like proxy.example.lg.jp:8080, without http://");
            }
            let credentials = match (user, password) {
                (Some(user), Some(file)) => Some((user, file)),
                (None, None) => None,
                _ => return refuse("upstream_user", "", "write upstream_user and upstream_password_file, or neither"),
            };
            Some(Upstream { address, credentials })
        }
        (None, None, None) => None,
        _ => return refuse("upstream", "", "there is a user or a password for it, so write where it is"),
    };
    Ok(Egress {
        policy: Policy {
            ports,
            lgwan,
            also_allow: prefixes("also_allow", &file.also_allow)?,
            own_pages: None,
            allow_domains: domains("allow_domains", &file.allow_domains)?,
            block_domains: domains("block_domains", &file.block_domains)?,
        },
        contact: file.contact,
        upstream,
    })
}

fn prefixes(key: &'static str, texts: &[String]) -> Result<Vec<IpNet>, Error> {
    list(key, texts, "write a prefix like 10.0.0.0/8 or 2001:db8::/32, or one address", |text| {
        text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
    })
}

fn domains(key: &'static str, texts: &[String]) -> Result<Vec<Domain>, Error> {
    let want = "write a domain like example.jp, without https://, port, path or *; Japanese names in their xn-- form";
    list(key, texts, want, |text| text.parse().ok())
}

fn list<T>(
    key: &'static str,
    texts: &[String],
    want: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Error> {
    if texts.len() > limits::EGRESS_LIST {
        return Err(Error::EgressList(key));
    }
    texts.iter().map(|text| read(text).ok_or_else(|| Error::Egress { key, value: text.clone(), want })).collect()
}

fn within(key: &'static str, value: u32, low: u32, high: u32) -> Result<u32, Error> {
    if (low..=high).contains(&value) { Ok(value) } else { Err(Error::Range { key, value, low, high }) }
}

/// The start page becomes an argument of the browser, so it must be a web address and nothing like an option.
fn check_url(url: &str) -> Result<(), Error> {
    let web = url.starts_with("http://") || url.starts_with("https://");
    let printable = url.chars().all(|c| !c.is_control() && c != ' ');
    if web && printable && url.len() <= 2_000 { Ok(()) } else { Err(Error::StartUrl) }
}

/// The UDP port unless configured.
pub const DEFAULT_PORT: u16 = 4433;

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<Config, Error> {
        Config::resolve(File::parse(text, Path::new("test"))?, Overrides::default())
    }

    #[test]
    fn the_example_parses_and_says_the_defaults() {
        let example = resolve(EXAMPLE).unwrap();
        let default = resolve("").unwrap();
        assert_eq!(format!("{example:?}"), format!("{default:?}"));
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = resolve("[sessions]\nat_onse = 3\n").unwrap_err();
        assert!(error.to_string().contains("at_onse"), "{error}");
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_its_range() {
        let error = resolve("[sessions]\nat_once = 0\n").unwrap_err();
        assert!(error.to_string().contains("1 to 1000"), "{error}");
    }

    #[test]
    fn the_web_service_is_on_unless_it_is_switched_off_and_its_names_are_checked() {
        assert!(resolve("").unwrap().web.enabled);
        assert!(!resolve("[web]\nenabled = false\n").unwrap().web.enabled);
        assert_eq!(resolve("[web]\nnames = [\"shoji.example\", \"192.0.2.1\"]\n").unwrap().web.names.len(), 2);
        let error = resolve("[web]\nnames = [\"https://shoji.example\"]\n").unwrap_err();
        assert!(error.to_string().contains("without https://"), "{error}");
        assert!(resolve("[web]\ncookies = true\n").is_err());
    }

    #[test]
    fn the_internet_alone_is_reached_by_default_and_exceptions_are_written_out() {
        let policy = resolve("").unwrap().egress.policy;
        assert_eq!((policy.ports, policy.also_allow.len()), (vec![80, 443], 0));
        let text = "[egress]\nlgwan = [\"10.0.0.0/8\", \"2001:db8::/32\"]\nalso_allow = [\"127.0.0.1\"]\nblock_domains = [\"example.jp\"]\n";
        let file = File::parse(text, Path::new("test")).unwrap();
        let overrides = Overrides { also_allow: vec!["192.0.2.0/24".to_owned()], ..Overrides::default() };
        let policy = Config::resolve(file, overrides).unwrap().egress.policy;
        assert_eq!((policy.lgwan.len(), policy.also_allow.len(), policy.block_domains.len()), (2, 2, 1));
        assert_eq!(policy.also_allow[0].to_string(), "127.0.0.1/32");
    }

    #[test]
    fn the_declared_lgwan_prefixes_are_refused_to_browsers_too() {
        let text =
            "[segments]\nlgwan = [\"61.1.0.0/16\"]\n[egress]\nlgwan = [\"10.0.0.0/8\"]\nalso_allow = [\"61.1.2.3\"]\n";
        let policy = resolve(text).unwrap().egress.policy;
        for address in ["61.1.2.3:443", "10.1.2.3:443"] {
            let refusal = policy.check_address(address.parse().unwrap(), &[]).unwrap_err();
            assert_eq!(refusal, crate::egress::policy::Refusal::Lgwan, "{address}");
        }
    }

    #[test]
    fn what_segments_cannot_be_is_refused_by_its_key() {
        for (text, key) in [
            ("lgwan = [\"10.0.0.0/33\"]", "segments.lgwan"),
            ("internet = [\"intra\"]", "segments.internet"),
            ("boundary = [\"192.0.2.0/24\"]", "segments.boundary"),
            ("lgwan = [\"10.0.0.0/8\"]\nmanagement = [\"10.9.0.0/16\"]", "segments.management"),
            ("wan = []", "wan"),
        ] {
            let error = resolve(&format!("[segments]\n{text}\n")).unwrap_err().to_string();
            assert!(error.contains(key), "{text}: {error}");
        }
    }

    #[test]
    fn what_egress_cannot_be_is_refused_by_its_key() {
        for (text, key) in [
            ("lgwan = [\"10.0.0.0/33\"]", "egress.lgwan"),
            ("also_allow = [\"intra\"]", "egress.also_allow"),
            ("block_domains = [\"*.example.jp\"]", "egress.block_domains"),
            ("allow_domains = [\"https://example.jp\"]", "egress.allow_domains"),
            ("ports = []", "egress.ports"),
            ("ports = [0]", "egress.ports"),
            ("contact = \"a\\nb\"", "egress.contact"),
            ("upstream = \"http://proxy:8080\"", "egress.upstream"),
            ("upstream = \"proxy\"", "egress.upstream"),
            ("upstream = \"proxy:8080\"\nupstream_user = \"shoji\"", "egress.upstream_user"),
            ("upstream_user = \"shoji\"", "egress.upstream"),
            ("allow_everything = true", "allow_everything"),
        ] {
            let error = resolve(&format!("[egress]\n{text}\n")).unwrap_err().to_string();
            assert!(error.contains(key), "{text}: {error}");
        }
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let file = File::parse("listen = \"127.0.0.1:1\"\n", Path::new("test")).unwrap();
        let listen = Some("127.0.0.1:2".parse().unwrap());
        let config = Config::resolve(file, Overrides { listen, ..Overrides::default() }).unwrap();
        assert_eq!(config.listen.port(), 2);
    }

    #[test]
    fn a_start_page_cannot_be_an_option_of_the_browser() {
        assert!(resolve("start_url = \"--no-sandbox\"").is_err());
        assert!(resolve("start_url = \"https://example.jp/\"").is_ok());
    }
}
