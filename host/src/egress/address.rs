//! Which addresses are the internet, and which are somebody's network.
//!
//! Owns the question "may a page of the internet be there?" for one address. It must never answer for a name: a name means what it
//! resolves to at that moment, so the address that is really connected to is what is asked about, each time.
//!
//! IPv6 is judged by what is known to be public (`2000::/3` without its special blocks), so that a kind nobody thought of is refused;
//! IPv4, all of which is given out, by its special blocks. An IPv6 address that carries an IPv4 address is as good as that one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Why an address is not the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No address of anything: `0.0.0.0`, `::`, and the rest of "this network".
    Unspecified,
    /// This machine.
    Loopback,
    /// Private networks, IPv6's unique local addresses among them.
    Private,
    /// The next cable only.
    LinkLocal,
    /// A provider's own network (carrier-grade NAT).
    Shared,
    /// Many receivers, or all.
    Multicast,
    /// What a cloud tells its machines about themselves, passwords included.
    Metadata,
    /// For examples and measurements.
    Documentation,
    /// Set aside, or a tunnel that leads who knows where.
    Reserved,
}

impl Kind {
    /// A word for logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Shared => "shared",
            Self::Multicast => "multicast",
            Self::Metadata => "metadata",
            Self::Documentation => "documentation",
            Self::Reserved => "reserved",
        }
    }
}

/// The special blocks of IPv4 (IANA's registry) and the places of clouds' metadata, the first that fits counts.
const V4: [(Ipv4Net, Kind); 19] = [
    (v4(169, 254, 169, 254, 32), Kind::Metadata),
    (v4(168, 63, 129, 16, 32), Kind::Metadata),
    (v4(100, 100, 100, 200, 32), Kind::Metadata),
    (v4(192, 0, 0, 192, 32), Kind::Metadata),
    (v4(0, 0, 0, 0, 8), Kind::Unspecified),
    (v4(10, 0, 0, 0, 8), Kind::Private),
    (v4(100, 64, 0, 0, 10), Kind::Shared),
    (v4(127, 0, 0, 0, 8), Kind::Loopback),
    (v4(169, 254, 0, 0, 16), Kind::LinkLocal),
    (v4(172, 16, 0, 0, 12), Kind::Private),
    (v4(192, 0, 0, 0, 24), Kind::Reserved),
    (v4(192, 0, 2, 0, 24), Kind::Documentation),
    (v4(192, 88, 99, 0, 24), Kind::Reserved),
    (v4(192, 168, 0, 0, 16), Kind::Private),
    (v4(198, 18, 0, 0, 15), Kind::Documentation),
    (v4(198, 51, 100, 0, 24), Kind::Documentation),
    (v4(203, 0, 113, 0, 24), Kind::Documentation),
    (v4(224, 0, 0, 0, 4), Kind::Multicast),
    // With the broadcast address.
    (v4(240, 0, 0, 0, 4), Kind::Reserved),
];

/// What of IPv6 is not the internet. What is in none of these and not in [`PUBLIC_V6`] is reserved.
const V6: [(Ipv6Net, Kind); 11] = [
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128), Kind::Metadata),
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), Kind::Metadata),
    (v6([0; 8], 128), Kind::Unspecified),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Kind::Loopback),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Kind::LinkLocal),
    // Site-local addresses, which are no longer given out and still used here and there.
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), Kind::Private),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Kind::Private),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Kind::Multicast),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), Kind::Documentation),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Kind::Documentation),
    // Teredo, benchmarks, overlay networks: none is a place of the web.
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), Kind::Reserved),
];

const PUBLIC_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// Addresses of 6to4: a tunnel to the IPv4 address in bits 16 to 47. Its relays are switched off; what is left leads home.
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);
/// How a network that has only IPv6 names an IPv4 address: its last 32 bits.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
/// How a socket for both names an IPv4 address.
const MAPPED: Ipv6Net = v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96);

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6(s: [u16; 8], bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]), bits)
}

/// Why this address is not the internet; `None`: it is.
pub fn special(address: IpAddr) -> Option<Kind> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<Kind> {
    V4.iter().find(|(net, _)| net.contains(&address)).map(|(_, kind)| *kind)
}

fn special_v6(address: Ipv6Addr) -> Option<Kind> {
    if MAPPED.contains(&address) || NAT64.contains(&address) {
        return special_v4(last_v4(address));
    }
    if let Some((_, kind)) = V6.iter().find(|(net, _)| net.contains(&address)) {
        return Some(*kind);
    }
    if !PUBLIC_V6.contains(&address) || SIX_TO_FOUR.contains(&address) {
        return Some(Kind::Reserved);
    }
    // A tunnel into a network whose inside has IPv4 addresses (ISATAP).
    let segments = address.segments();
    if segments[4] & !0x0200 == 0 && segments[5] == 0x5efe {
        return special_v4(last_v4(address));
    }
    None
}

fn last_v4(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

/// The address that a connection to this one would reach: IPv4 where IPv6 only carries it. Prefixes are compared with this, so that
/// they need to be written once.
pub fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if MAPPED.contains(&v6) || NAT64.contains(&v6) => IpAddr::V4(last_v4(v6)),
        IpAddr::V6(v6) if SIX_TO_FOUR.contains(&v6) => {
            let [_, _, a, b, c, d, ..] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(address: &str) -> Option<Kind> {
        special(address.parse().unwrap())
    }

    #[test]
    fn every_special_block_of_ipv4_is_refused_from_its_first_address_to_its_last() {
        for (net, kind) in V4 {
            for address in [net.network(), net.broadcast()] {
                assert!(special(address.into()).is_some(), "{address} of {net} ({kind:?})");
            }
        }
    }

    #[test]
    fn each_kind_is_named() {
        for (address, expected) in [
            ("0.0.0.0", Kind::Unspecified),
            ("0.1.2.3", Kind::Unspecified),
            ("127.0.0.1", Kind::Loopback),
            ("127.255.255.254", Kind::Loopback),
            ("10.0.0.1", Kind::Private),
            ("172.16.0.1", Kind::Private),
            ("172.31.255.255", Kind::Private),
            ("192.168.1.1", Kind::Private),
            ("169.254.1.1", Kind::LinkLocal),
            ("169.254.169.254", Kind::Metadata),
            ("168.63.129.16", Kind::Metadata),
            ("100.64.0.1", Kind::Shared),
            ("100.127.255.255", Kind::Shared),
            ("192.0.2.7", Kind::Documentation),
            ("198.51.100.7", Kind::Documentation),
            ("203.0.113.7", Kind::Documentation),
            ("198.19.0.1", Kind::Documentation),
            ("224.0.0.251", Kind::Multicast),
            ("240.0.0.1", Kind::Reserved),
            ("255.255.255.255", Kind::Reserved),
            ("192.88.99.1", Kind::Reserved),
            ("::", Kind::Unspecified),
            ("::1", Kind::Loopback),
            ("fe80::1", Kind::LinkLocal),
            ("fd12:3456::1", Kind::Private),
            ("fc00::1", Kind::Private),
            ("fec0::1", Kind::Private),
            ("fd00:ec2::254", Kind::Metadata),
            ("ff02::1", Kind::Multicast),
            ("2001:db8::1", Kind::Documentation),
            ("3fff::1", Kind::Documentation),
            ("2001::1", Kind::Reserved),
            ("2001:20::1", Kind::Reserved),
            ("2002:a00:1::1", Kind::Reserved),
            ("2002:808:808::1", Kind::Reserved),
            ("64:ff9b:1::a00:1", Kind::Reserved),
            ("100::1", Kind::Reserved),
            ("4000::1", Kind::Reserved),
            ("::7f00:1", Kind::Reserved),
            ("::ffff:0:7f00:1", Kind::Reserved),
        ] {
            assert_eq!(kind(address), Some(expected), "{address}");
        }
    }

    #[test]
    fn the_internet_is_let_through() {
        for address in [
            "8.8.8.8",
            "1.1.1.1",
            "172.15.255.255",
            "172.32.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "198.17.255.255",
            "192.0.1.1",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2400:cb00::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2400:cb00::5efe:808:808",
        ] {
            assert_eq!(kind(address), None, "{address}");
        }
    }

    #[test]
    fn a_tunnel_into_a_private_network_is_refused() {
        for address in ["2400:cb00::5efe:a00:1", "2400:cb00::200:5efe:c0a8:1", "64:ff9b::7f00:1"] {
            assert!(kind(address).is_some(), "{address}");
        }
    }

    proptest! {
        #[test]
        fn an_address_that_carries_a_special_ipv4_address_is_as_special(bits: u32, net in 0..V4.len()) {
            // Half of them from a special block, so that each is met often.
            let (net, _) = V4[net];
            let inside = u32::from(net.network()) | (bits & u32::from(net.hostmask()));
            for v4 in [Ipv4Addr::from(inside), Ipv4Addr::from(bits)] {
                let [a, b, c, d] = v4.octets().map(u16::from);
                let (high, low) = (a << 8 | b, c << 8 | d);
                let mapped = v4.to_ipv6_mapped();
                let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low);
                prop_assert_eq!(special(mapped.into()), special(v4.into()));
                prop_assert_eq!(special(nat64.into()), special(v4.into()));
                prop_assert_eq!(plain(mapped.into()), IpAddr::V4(v4));
                prop_assert_eq!(plain(nat64.into()), IpAddr::V4(v4));
                for tunnel in [
                    Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                    Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, !high, !low),
                    Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
                ] {
                    prop_assert!(special(tunnel.into()).is_some());
                }
            }
        }

        #[test]
        fn what_is_outside_of_the_public_part_of_ipv6_is_never_let_through(bits: u128) {
            let address = Ipv6Addr::from(bits);
            if special(address.into()).is_none() {
                prop_assert!(PUBLIC_V6.contains(&address) || MAPPED.contains(&address) || NAT64.contains(&address));
            }
        }
    }
}
