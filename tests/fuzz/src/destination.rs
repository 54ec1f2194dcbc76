//! Where a page asks the egress proxy to connect to: any text is a destination as the URL standard has it, or none, and whatever the
//! rules of a host without exceptions let through is a public address or a name that still has to be looked up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use shoji_host::egress::address::{plain, special};
use shoji_host::egress::policy::{Destination, Domain, Policy};

/// The oracle. The first byte says what the rest is: a destination with its port, an address of IPv6, or a line of a list of domains.
pub fn run(bytes: &[u8]) {
    let Some((&which, rest)) = bytes.split_first() else { return };
    let policy = Policy { ports: vec![80, 443], ..Policy::default() };
    match which % 3 {
        0 => {
            let Some((port, name)) = rest.split_first_chunk::<2>() else { return };
            let Ok(name) = std::str::from_utf8(name) else { return };
            let Some(to) = Destination::new(name, u16::from_be_bytes(*port)) else { return };
            // It stands in log lines and in requests to an upstream proxy.
            let said = to.to_string();
            assert!(said.is_ascii() && !said.chars().any(|c| c.is_control() || " /@?#%\\\"".contains(c)), "{said}");
            let (host, _) = said.rsplit_once(':').expect("a port");
            assert_eq!(Destination::new(host, to.port), Some(to.clone()), "said again it is the same");
            if policy.check(&to, &[]).is_ok() {
                assert!(policy.ports.contains(&to.port));
                if let Some(address) = to.address() {
                    is_public(address);
                }
            }
        }
        1 => {
            let Some((octets, _)) = rest.split_first_chunk::<16>() else { return };
            let address = IpAddr::V6(Ipv6Addr::from(*octets));
            assert_eq!(plain(plain(address)), plain(address));
            if policy.check_address(SocketAddr::new(address, 443), &[]).is_ok() {
                is_public(address);
            }
            // This host's own address stays its own, however it is written.
            assert!(policy.check_address(SocketAddr::new(address, 443), &[plain(address)]).is_err());
        }
        _ => {
            let Ok(line) = std::str::from_utf8(rest) else { return };
            let Ok(domain) = line.parse::<Domain>() else { return };
            let policy = Policy { block_domains: vec![domain], ..policy };
            let to = Destination::new(line, 443).expect("a domain is a destination");
            assert!(policy.check(&to, &[]).is_err(), "what is on the list is refused");
        }
    }
}

/// By the standard library's own knowledge, which is another than the proxy's.
fn is_public(address: IpAddr) {
    assert_eq!(special(address), None);
    let is_nobodys = |v4: Ipv4Addr| {
        !v4.is_private()
            && !v4.is_loopback()
            && !v4.is_link_local()
            && !v4.is_multicast()
            && !v4.is_unspecified()
            && !v4.is_broadcast()
            && !v4.is_documentation()
    };
    match plain(address) {
        IpAddr::V4(v4) => assert!(is_nobodys(v4), "{address}"),
        IpAddr::V6(v6) => {
            assert!(!v6.is_loopback() && !v6.is_multicast() && !v6.is_unspecified(), "{address}");
            assert!(!v6.is_unique_local() && !v6.is_unicast_link_local(), "{address}");
            assert!(v6.to_ipv4().is_none_or(is_nobodys), "{address}");
        }
    }
}

/// Names, addresses in all the ways in which they are written, and lines of lists.
pub fn seeds() -> Vec<Vec<u8>> {
    let names = [
        "www.example.jp",
        "example.jp.",
        "xn--wgv71a119e.jp",
        "localhost",
        "a.localhost",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::a00:1]",
        "[2002:a00:1::]",
        "[fd00::1]",
        "[2606:4700::1111]",
        "1.1.1.1",
        "EXAMPLE.com",
        "a..b",
        "user@host",
        "a_b.example",
        "1.2.3.4.",
        "0xffffffff",
        "4294967296",
    ];
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for name in names {
        seeds.push([&[0, 1, 187], name.as_bytes()].concat());
        seeds.push([&[2], name.as_bytes()].concat());
        if let Some(Ok(address)) =
            name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).map(str::parse::<Ipv6Addr>)
        {
            seeds.push([&[1], &address.octets()[..]].concat());
        }
    }
    seeds
}
