//! Where the browser may go.
//!
//! Owns the decision in its two halves: about what was asked for ([`Policy::check`], before a name is looked up), and about the
//! address that would be connected to ([`Policy::check_address`], after). Nothing may be connected to that did not pass both; the
//! caller connects to the very address that was judged, so a name that means something else a moment later changes nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use url::Host;

use super::address::{self, Kind};

/// A place that was asked for: its name or address as the URL standard understands it, and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The name (lower case, without a last dot) or the address.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl Destination {
    /// Understands a host as a browser would: `0x7f.1` and `2130706433` are addresses. Names come as browsers send them, in ASCII
    /// (`xn--…` for 日本語.jp).
    pub fn new(host: &str, port: u16) -> Option<Self> {
        if let Some(inside) = host.strip_prefix('[') {
            let address = inside.strip_suffix(']')?.parse().ok()?;
            return Some(Self { host: Host::Ipv6(address), port });
        }
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        // 253: the longest name of DNS.
        if name.is_empty() || name.len() > 253 || name.split('.').any(str::is_empty) || !name.chars().all(is_fit) {
            return None;
        }
        // Always this machine, and no resolver or upstream proxy is to be asked what it takes it for.
        if name == "localhost" || name.ends_with(".localhost") {
            return Some(Self { host: Host::Ipv4(Ipv4Addr::LOCALHOST), port });
        }
        let last = name.rsplit('.').next().unwrap_or_default();
        if last.starts_with(|c: char| c.is_ascii_digit()) {
            // Whatever ends like a number is an address or nothing, says the URL standard, and so does its parser. Encoded names,
            // which it would decode, do not end so.
            return match (!name.contains("xn--")).then(|| Host::parse(&name)) {
                Some(Ok(Host::Ipv4(address))) => Some(Self { host: Host::Ipv4(address), port }),
                _ => None,
            };
        }
        Some(Self { host: Host::Domain(name), port })
    }

    /// Its address, if it was asked for by one.
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}:{}", self.host, self.port)
    }
}

/// A domain with everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain(String);

impl Domain {
    fn holds(&self, name: &str) -> bool {
        name.strip_suffix(self.0.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

/// Not a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not a domain: write it like example.jp, without https://, port, path or *, and Japanese names in their xn-- form"
)]
pub struct NoDomain;

impl FromStr for Domain {
    type Err = NoDomain;

    fn from_str(text: &str) -> Result<Self, NoDomain> {
        match Destination::new(text, 0).map(|destination| destination.host) {
            Some(Host::Domain(name)) if !text.starts_with('.') => Ok(Self(name)),
            _ => Err(NoDomain),
        }
    }
}

/// Why a connection was refused or failed: what the log, the audit and the block page say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Not a request that a proxy understands.
    #[error("the request is none that a proxy serves")]
    Malformed,
    /// Not a port of the web.
    #[error("the port is not one of those allowed")]
    Port,
    /// The administrator's list of domains that are refused has it.
    #[error("the domain is on the list of those refused")]
    Blocked,
    /// The administrator's list of domains that are allowed does not have it.
    #[error("the domain is not on the list of those allowed")]
    NotListed,
    /// The address is not the internet's.
    #[error("the address is not the internet's ({})", .0.word())]
    Address(Kind),
    /// The address belongs to the LGWAN segment.
    #[error("the address belongs to the LGWAN segment")]
    Lgwan,
    /// The address is one of this host's own.
    #[error("the address is this host's own")]
    OwnAddress,
    /// Nobody knows the name.
    #[error("the name has no address")]
    NoName,
    /// Nobody answers there.
    #[error("nobody answers there")]
    Unreachable,
    /// The upstream proxy does not let it through, or does not answer.
    #[error("the upstream proxy refuses it or does not answer")]
    Upstream,
    /// What answers there speaks no HTTP, or is silent for too long.
    #[error("what answers there speaks no HTTP")]
    Answer,
    /// The browser went away, or its session ended, before there was a connection.
    #[error("the browser gave up before there was a connection")]
    GivenUp,
}

impl Refusal {
    /// A word for logs and for the header that says why.
    pub fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Port => "port",
            Self::Blocked => "blocked",
            Self::NotListed => "not-listed",
            Self::Address(kind) => kind.word(),
            Self::Lgwan => "lgwan",
            Self::OwnAddress => "own-address",
            Self::NoName => "no-name",
            Self::Unreachable => "unreachable",
            Self::Upstream => "upstream",
            Self::Answer => "answer",
            Self::GivenUp => "given-up",
        }
    }

    /// Whether policy refused it; else it was tried and failed.
    pub fn is_policy(self) -> bool {
        !matches!(self, Self::NoName | Self::Unreachable | Self::Upstream | Self::Answer | Self::GivenUp)
    }
}

/// The rules.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Ports that may be reached.
    pub ports: Vec<u16>,
    /// Prefixes of the LGWAN segment: refused whatever else is said.
    pub lgwan: Vec<IpNet>,
    /// Prefixes that may be reached, at every port, although they are not the internet.
    pub also_allow: Vec<IpNet>,
    /// The host's own built-in pages.
    pub own_pages: Option<SocketAddr>,
    /// If there are any, only these domains.
    pub allow_domains: Vec<Domain>,
    /// None of these domains.
    pub block_domains: Vec<Domain>,
}

impl Policy {
    /// Whether this may be asked for at all. What is asked for by address is judged whole.
    pub fn check(&self, destination: &Destination, own: &[IpAddr]) -> Result<(), Refusal> {
        if let Some(address) = destination.address() {
            let to = SocketAddr::new(address, destination.port);
            self.check_address(to, own)?;
            // A list of domains would mean little if each could be asked for by its address.
            let is_listed = self.allow_domains.is_empty() || self.is_excepted(to);
            return if is_listed { Ok(()) } else { Err(Refusal::NotListed) };
        }
        let Host::Domain(name) = &destination.host else { return Err(Refusal::Malformed) };
        if self.block_domains.iter().any(|domain| domain.holds(name)) {
            return Err(Refusal::Blocked);
        }
        if !self.allow_domains.is_empty() && !self.allow_domains.iter().any(|domain| domain.holds(name)) {
            return Err(Refusal::NotListed);
        }
        // A name is not looked up for a port that no address of it could be reached at.
        if !self.ports.contains(&destination.port) && self.also_allow.is_empty() {
            return Err(Refusal::Port);
        }
        Ok(())
    }

    /// Whether this address may be connected to. `own` are this host's.
    pub fn check_address(&self, to: SocketAddr, own: &[IpAddr]) -> Result<(), Refusal> {
        if is_in(&self.lgwan, to.ip()) {
            return Err(Refusal::Lgwan);
        }
        if self.is_named(to) {
            return Ok(());
        }
        let is_excepted = self.is_excepted(to);
        match address::special(to.ip()) {
            Some(kind) if !is_excepted || kind == Kind::Metadata => return Err(Refusal::Address(kind)),
            _ => {}
        }
        if own.iter().any(|own| address::plain(*own) == address::plain(to.ip())) {
            return Err(Refusal::OwnAddress);
        }
        if is_excepted {
            return Ok(());
        }
        if self.ports.contains(&to.port()) { Ok(()) } else { Err(Refusal::Port) }
    }

    /// Whether it may be reached by an exception for this one address. One for a whole network opens neither this host nor a cloud's
    /// metadata, which may lie in it.
    fn is_named(&self, to: SocketAddr) -> bool {
        let is_one = |net: &IpNet| net.prefix_len() == net.max_prefix_len();
        let named = self.also_allow.iter().copied().filter(is_one).collect::<Vec<_>>();
        self.own_pages == Some(to) || is_in(&named, to.ip())
    }

    /// Whether it is no place of the internet and may be reached all the same.
    pub fn is_excepted(&self, to: SocketAddr) -> bool {
        !is_in(&self.lgwan, to.ip()) && (self.own_pages == Some(to) || is_in(&self.also_allow, to.ip()))
    }
}

/// In one of these, itself or as the IPv4 address that it carries.
fn is_in(nets: &[IpNet], address: IpAddr) -> bool {
    let plain = address::plain(address);
    nets.iter().any(|net| net.contains(&plain) || net.contains(&address))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy() -> Policy {
        Policy { ports: vec![80, 443], ..Policy::default() }
    }

    fn check(policy: &Policy, host: &str, port: u16) -> Result<(), Refusal> {
        policy.check(&Destination::new(host, port).unwrap(), &[])
    }

    #[test]
    fn an_address_is_one_however_it_is_written() {
        for text in
            ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.0.0.1.", "LocalHost", "a.localhost."]
        {
            let destination = Destination::new(text, 80).unwrap();
            assert_eq!(destination.address(), Some(Ipv4Addr::LOCALHOST.into()), "{text}");
        }
        assert_eq!(check(&policy(), "[::ffff:127.0.0.1]", 80), Err(Refusal::Address(Kind::Loopback)));
        assert_eq!(check(&policy(), "[::ffff:a9fe:a9fe]", 80), Err(Refusal::Address(Kind::Metadata)));
    }

    #[test]
    fn what_is_no_host_is_none() {
        let long = "a".repeat(256);
        for text in
            ["", ".", "a..b", "a b", "a/b", "user@host", "[::1", "1.2.3.4.5", "a\0b", "%2e", "a%00b", long.as_str()]
        {
            assert_eq!(Destination::new(text, 80), None, "{text:?}");
        }
    }

    #[test]
    fn a_domain_is_itself_and_what_is_below_it() {
        let policy = Policy { block_domains: vec!["Example.JP".parse().unwrap()], ..policy() };
        for (host, refused) in [
            ("example.jp", true),
            ("www.example.jp.", true),
            ("WWW.EXAMPLE.JP", true),
            ("notexample.jp", false),
            ("example.jp.evil.test", false),
        ] {
            assert_eq!(check(&policy, host, 443).is_err(), refused, "{host}");
        }
        for wrong in ["https://example.jp", "*.example.jp", ".example.jp", "10.0.0.1", "example.jp:80", ""] {
            assert_eq!(wrong.parse::<Domain>(), Err(NoDomain), "{wrong}");
        }
        assert_eq!("xn--wgv71a.JP".parse(), Ok(Domain("xn--wgv71a.jp".to_owned())));
        assert_eq!("日本.jp".parse::<Domain>(), Err(NoDomain));
    }

    #[test]
    fn a_list_of_allowed_domains_leaves_nothing_else_not_even_by_address() {
        let policy = Policy {
            allow_domains: vec!["example.jp".parse().unwrap()],
            block_domains: vec!["bad.example.jp".parse().unwrap()],
            ..policy()
        };
        assert_eq!(check(&policy, "www.example.jp", 443), Ok(()));
        assert_eq!(check(&policy, "bad.example.jp", 443), Err(Refusal::Blocked));
        assert_eq!(check(&policy, "example.com", 443), Err(Refusal::NotListed));
        assert_eq!(check(&policy, "8.8.8.8", 443), Err(Refusal::NotListed));
    }

    #[test]
    fn other_ports_are_refused_before_a_name_is_looked_up() {
        assert_eq!(check(&policy(), "example.jp", 22), Err(Refusal::Port));
        assert_eq!(check(&policy(), "8.8.8.8", 53), Err(Refusal::Port));
        assert_eq!(check(&policy(), "8.8.8.8", 443), Ok(()));
    }

    #[test]
    fn the_lgwan_segment_is_refused_whatever_is_excepted() {
        let policy = Policy {
            lgwan: vec!["10.128.0.0/9".parse().unwrap(), "61.1.0.0/16".parse().unwrap()],
            also_allow: vec!["10.0.0.0/8".parse().unwrap()],
            ..policy()
        };
        assert_eq!(check(&policy, "10.1.0.1", 8080), Ok(()));
        for host in ["10.200.0.1", "61.1.2.3", "[::ffff:10.200.0.1]", "[64:ff9b::3d01:203]", "[2002:3d01:203::1]"] {
            assert_eq!(check(&policy, host, 443), Err(Refusal::Lgwan), "{host}");
        }
    }

    #[test]
    fn the_hosts_own_addresses_and_pages() {
        let own: Vec<IpAddr> = vec!["8.8.4.4".parse().unwrap()];
        let pages = SocketAddr::from((Ipv4Addr::LOCALHOST, 4_711));
        let policy = Policy { own_pages: Some(pages), ..policy() };
        let at = |text: &str| policy.check_address(text.parse().unwrap(), &own);
        assert_eq!(at("8.8.4.4:443"), Err(Refusal::OwnAddress));
        assert_eq!(at("127.0.0.1:4711"), Ok(()));
        assert_eq!(at("127.0.0.1:4712"), Err(Refusal::Address(Kind::Loopback)));
        assert_eq!(at("127.0.0.2:4711"), Err(Refusal::Address(Kind::Loopback)));
    }

    #[test]
    fn an_exception_for_a_network_opens_neither_this_host_nor_a_clouds_metadata_in_it() {
        let own: Vec<IpAddr> = vec!["10.0.0.5".parse().unwrap()];
        let excepting = |texts: &[&str]| Policy {
            also_allow: texts.iter().map(|text| text.parse().unwrap()).collect(),
            ..policy()
        };
        let whole = excepting(&["10.0.0.0/8", "169.254.0.0/16"]);
        let at = |policy: &Policy, text: &str| policy.check_address(text.parse().unwrap(), &own);
        assert_eq!(at(&whole, "10.0.0.6:22"), Ok(()));
        assert_eq!(at(&whole, "10.0.0.5:443"), Err(Refusal::OwnAddress));
        assert_eq!(at(&whole, "[::ffff:10.0.0.5]:22"), Err(Refusal::OwnAddress));
        assert_eq!(at(&whole, "169.254.169.254:80"), Err(Refusal::Address(Kind::Metadata)));
        assert_eq!(at(&excepting(&["10.0.0.5/32"]), "10.0.0.5:22"), Ok(()));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_what_is_understood_stays_so(text in "\\PC{0,40}") {
            if let Some(destination) = Destination::new(&text, 80) {
                let again = Destination::new(&destination.host.to_string(), 80);
                prop_assert_eq!(again, Some(destination));
            }
        }
    }
}
