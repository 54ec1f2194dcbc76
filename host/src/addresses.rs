//! Where this host can be reached: the addresses of its network cards, and what browsers may call it.
//!
//! Owns which of them count. It must never let in a name that a browser could not reach the host by: each stands in the
//! certificate, and the web service answers to no other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tracing::warn;

use crate::config::Config;
use crate::web::names::Names;
use crate::{limits, pki};

/// `host:port` for bundles, of a host that listens on `listening`.
pub fn public(config: &Config, listening: SocketAddr) -> String {
    if let Some(address) = &config.public_address {
        return address.clone();
    }
    let address = match listening.ip() {
        ip if ip.is_unspecified() => outward().unwrap_or(Ipv4Addr::LOCALHOST.into()),
        ip => ip,
    };
    SocketAddr::new(address, listening.port()).to_string()
}

/// What browsers may call a host that listens on `listening`, on a machine whose network cards have these addresses: the
/// machine's name, the addresses that it listens on, and what is configured.
pub fn web_names(config: &Config, listening: SocketAddr, of_cards: &[IpAddr]) -> Names {
    let mut names = vec!["localhost".to_owned(), pki::SERVER_NAME.to_owned()];
    let machine = rustix::system::uname();
    names.extend(machine.nodename().to_str().ok().map(str::to_owned));
    let listening = listening.ip().to_canonical();
    let listens = |address: &&IpAddr| listens_on(listening, **address);
    if !listening.is_unspecified() {
        names.push(listening.to_string());
    }
    names.extend(of_cards.iter().filter(listens).take(limits::WEB_NAMES).map(ToString::to_string));
    let left_out: Vec<_> = of_cards.iter().filter(listens).skip(limits::WEB_NAMES).collect();
    if !left_out.is_empty() {
        warn!(
            ?left_out,
            "This machine has too many addresses for one certificate: name those that browsers use in host.toml, [web] names"
        );
    }
    if let Some(public) = &config.public_address {
        let host = public.rsplit_once(':').map_or(public.as_str(), |(host, _)| host);
        names.push(host.trim_start_matches('[').trim_end_matches(']').to_owned());
    }
    Names::new(names.iter().chain(&config.web.names))
}

/// The addresses of this machine at which a socket at `listening` is heard.
pub fn heard_at(listening: IpAddr, of_cards: &[IpAddr]) -> Vec<IpAddr> {
    let listening = listening.to_canonical();
    if !listening.is_unspecified() {
        return vec![listening];
    }
    // Whoever is on this machine itself comes by its address.
    let heard = of_cards.iter().filter(|card| listens_on(listening, **card) && !card.is_loopback());
    heard.take(limits::PEER_CANDIDATES).copied().collect()
}

/// Whether a socket at `listening` hears what is sent to this machine's `address` by somebody who can name it.
fn listens_on(listening: IpAddr, address: IpAddr) -> bool {
    let is_heard = match (listening, address) {
        (IpAddr::V4(all), IpAddr::V4(_)) => all.is_unspecified(),
        // Linux hears both kinds there.
        (IpAddr::V6(all), _) => all.is_unspecified(),
        (IpAddr::V4(_), IpAddr::V6(_)) => false,
    };
    // Only with the name of the asker's own network card, which no browser takes.
    let has_zone = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
    is_heard && !has_zone
}

/// The addresses of this machine's network cards, also of those that are not connected at the moment.
pub fn of_cards() -> Vec<IpAddr> {
    match if_addrs::get_if_addrs() {
        Ok(cards) => cards.into_iter().map(|card| card.ip()).collect(),
        Err(error) => {
            warn!(%error, "This machine's addresses cannot be found: name those that browsers use in host.toml, [web] names");
            [Some(Ipv4Addr::LOCALHOST.into()), outward()].into_iter().flatten().collect()
        }
    }
}

/// The address this machine would send from; nothing is sent.
fn outward() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address reserved for documentation: only the route is looked up.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{File, Overrides};

    const CARDS: [&str; 6] = ["127.0.0.1", "::1", "192.0.2.7", "198.51.100.7", "2001:db8::7", "fe80::7"];

    fn names(text: &str, listening: &str, cards: &[IpAddr]) -> Names {
        let config = Config::resolve(File::parse(text, Path::new("test")).unwrap(), Overrides::default()).unwrap();
        web_names(&config, listening.parse().unwrap(), cards)
    }

    /// The addresses among the names of a host that listens there.
    fn addresses(listening: &str) -> Vec<String> {
        let names = names("", listening, &CARDS.map(|card| card.parse().unwrap()));
        names.iter().filter(|name| name.parse::<IpAddr>().is_ok()).map(str::to_owned).collect()
    }

    #[test]
    fn browsers_may_call_the_host_by_its_public_name_and_what_is_configured() {
        let text = "public_address = \"shoji.example.lg.jp:443\"\n[web]\nnames = [\"alias.example\", \"192.0.2.9\"]\n";
        let names = names(text, "127.0.0.1:4433", &[]);
        let names: Vec<_> = names.iter().collect();
        for name in ["localhost", "shoji-host", "127.0.0.1", "shoji.example.lg.jp", "alias.example", "192.0.2.9"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
    }

    #[test]
    fn a_host_that_listens_everywhere_goes_by_the_address_of_each_of_its_network_cards() {
        assert_eq!(addresses("0.0.0.0:4433"), ["127.0.0.1", "192.0.2.7", "198.51.100.7"]);
        assert_eq!(addresses("[::]:4433"), ["127.0.0.1", "192.0.2.7", "198.51.100.7", "2001:db8::7", "::1"]);
    }

    #[test]
    fn a_host_that_listens_at_one_address_goes_by_that_alone() {
        assert_eq!(addresses("198.51.100.7:4433"), ["198.51.100.7"]);
        assert_eq!(addresses("[::1]:4433"), ["::1"]);
    }

    #[test]
    fn a_certificate_holds_no_more_addresses_than_every_handshake_can_carry() {
        let cards: Vec<_> = (0..100).map(|last| IpAddr::from([10, 0, 0, last])).collect();
        let names = names("", "0.0.0.0:4433", &cards);
        assert_eq!(names.iter().filter(|name| name.starts_with("10.")).count(), limits::WEB_NAMES);
    }

    #[test]
    fn this_machine_has_the_loopback_address() {
        assert!(of_cards().contains(&Ipv4Addr::LOCALHOST.into()));
    }
}
