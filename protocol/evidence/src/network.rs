//! Whether a machine's network is what was declared.
//!
//! Owns the comparison of [`Segments`] with interfaces, routes and listeners as they were found. It must never take a lack of
//! declarations for agreement: what is not declared is not judged, and the caller says so.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::segments::{Segment, Segments, overlap};

/// On which side a program stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A host: in the internet segment.
    Host,
    /// A viewer: in the LGWAN segment.
    Viewer,
    /// A gate: between the two, with a leg in each.
    Gate,
}

impl Side {
    /// Where its addresses may be, beside the management network.
    fn home(self) -> &'static [Segment] {
        match self {
            Self::Host => &[Segment::Internet],
            Self::Viewer => &[Segment::Lgwan],
            Self::Gate => &[Segment::Lgwan, Segment::Internet],
        }
    }

    /// Where no address of its own may be.
    fn other(self) -> Option<Segment> {
        match self {
            Self::Host => Some(Segment::Lgwan),
            Self::Viewer => Some(Segment::Internet),
            Self::Gate => None,
        }
    }
}

/// An address of a network interface, with the length of its prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The interface's name.
    pub name: String,
    /// Its address.
    pub address: IpNet,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where it leads.
    pub destination: IpNet,
    /// The next router; `None` where the destination is on the wire.
    pub gateway: Option<IpAddr>,
    /// The interface that packets leave by; `None` where they go nowhere (unreachable, blackhole, prohibit).
    pub interface: Option<String>,
    /// The number of its table.
    pub table: u32,
}

/// A machine's network as it was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Interfaces, once for each of their addresses.
    pub interfaces: Vec<Interface>,
    /// Routes to other machines, of all tables.
    pub routes: Vec<Route>,
}

/// A fact that contradicts what is declared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// A leg in the other segment.
    #[error(
        "interface {interface} has the address {address} within {prefix}, which is declared as {segment}: this machine must \
         have no leg there, so unplug it or remove the address, or correct [segments]"
    )]
    Leg {
        /// The interface.
        interface: String,
        /// Its address.
        address: IpAddr,
        /// The declared prefix.
        prefix: IpNet,
        /// Its segment.
        segment: Segment,
    },
    /// A leg in a network that nobody declared.
    #[error(
        "interface {interface} has the address {address}, which is in no declared segment: add its prefix to [segments] \
         (management, if it is for administration), or remove the address"
    )]
    Undeclared {
        /// The interface.
        interface: String,
        /// Its address.
        address: IpAddr,
    },
    /// A listener where none may be.
    #[error(
        "the address to listen on, {0}, is outside of the declared segments of this machine: correct listen, or [segments]"
    )]
    Listener(SocketAddr),
    /// The other segment on the own wire.
    #[error(
        "the route to {destination} says that {prefix}, declared as {segment}, is on the wire of interface {interface}: the \
         segments have to be apart, so remove the route or reach it through the boundary's router"
    )]
    OnTheWire {
        /// Where the route leads.
        destination: IpNet,
        /// The declared prefix.
        prefix: IpNet,
        /// Its segment.
        segment: Segment,
        /// The interface.
        interface: String,
    },
    /// Out of a wrong interface.
    #[error(
        "packets to {prefix}, declared as {segment}, would leave by interface {interface}, which has no address of this \
         machine's own segment (route to {destination}): correct the route, or [segments]"
    )]
    WrongInterface {
        /// Where the route leads.
        destination: IpNet,
        /// The declared prefix.
        prefix: IpNet,
        /// Its segment.
        segment: Segment,
        /// The interface.
        interface: String,
    },
    /// Through a router that is not the boundary's.
    #[error(
        "packets to {prefix}, declared as {segment}, would go through {gateway}, which is not in segments.boundary (route to \
         {destination}): correct the route, or add the router"
    )]
    WrongRouter {
        /// Where the route leads.
        destination: IpNet,
        /// The declared prefix.
        prefix: IpNet,
        /// Its segment.
        segment: Segment,
        /// The router.
        gateway: IpAddr,
    },
}

impl Contradiction {
    /// The same sentence in Japanese.
    #[must_use]
    pub fn japanese(&self) -> String {
        match self {
            Self::Leg { interface, address, prefix, segment } => format!(
                "インターフェース {interface} のアドレス {address} は、{segment} と宣言された {prefix} の中にあります。このマシンはそこにつながってはいけません。接続を外すかアドレスを削除し、宣言の誤りなら [segments] を直してください"
            ),
            Self::Undeclared { interface, address } => format!(
                "インターフェース {interface} のアドレス {address} は、宣言されたどの区分にもありません。その範囲を [segments] に加える（管理用なら management）か、アドレスを削除してください"
            ),
            Self::Listener(address) => format!(
                "待ち受けアドレス {address} は、このマシンに宣言された区分の外にあります。listen か [segments] を直してください"
            ),
            Self::OnTheWire { destination, prefix, segment, interface } => format!(
                "{destination} への経路によると、{segment} と宣言された {prefix} はインターフェース {interface} に直結しています。区分は分かれていなければなりません。経路を削除するか、境界のルーターを通してください"
            ),
            Self::WrongInterface { destination, prefix, segment, interface } => format!(
                "{segment} と宣言された {prefix} へのパケットは、このマシンの区分のアドレスがないインターフェース {interface} から出ます（{destination} への経路）。経路か [segments] を直してください"
            ),
            Self::WrongRouter { destination, prefix, segment, gateway } => format!(
                "{segment} と宣言された {prefix} へのパケットは、segments.boundary にない {gateway} を通ります（{destination} への経路）。経路を直すか、そのルーターを加えてください"
            ),
        }
    }
}

/// Contradictions, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradictions(Vec<Contradiction>);

impl Contradictions {
    /// Each of them.
    #[must_use]
    pub fn all(&self) -> &[Contradiction] {
        &self.0
    }
}

impl std::error::Error for Contradictions {}

impl fmt::Display for Contradictions {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "this machine's network contradicts [segments]")?;
        self.0.iter().try_for_each(|contradiction| write!(to, "\n  - {contradiction}"))
    }
}

/// Compares what is declared with what was found. `listens` are the addresses that this program listens on.
///
/// # Errors
/// Everything that contradicts, so that it can be corrected at once.
pub fn compare(
    segments: &Segments,
    side: Side,
    network: &Network,
    listens: &[SocketAddr],
) -> Result<(), Contradictions> {
    let mut all = legs(segments, side, network);
    all.extend(
        listens
            .iter()
            .filter(|listens| !may_listen(segments, side, listens.ip()))
            .copied()
            .map(Contradiction::Listener),
    );
    if let Some(other) = side.other() {
        for prefix in segments.prefixes(other) {
            all.extend(ways(prefix, network).filter_map(|route| judge(segments, side, other, *prefix, route, network)));
        }
    }
    if all.is_empty() { Ok(()) } else { Err(Contradictions(all)) }
}

/// Whether the side's own segments are declared, without which an address cannot be found to be outside.
fn knows_home(segments: &Segments, side: Side) -> bool {
    side.home().iter().all(|segment| !segments.prefixes(*segment).is_empty())
}

fn is_home(segments: &Segments, side: Side, address: IpAddr) -> bool {
    side.home().iter().any(|segment| segments.prefix_of(*segment, address).is_some())
}

/// Loopback and the next cable only: in no segment.
fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local(),
    }
}

fn legs(segments: &Segments, side: Side, network: &Network) -> Vec<Contradiction> {
    let judge = |interface: &Interface| {
        let address = interface.address.addr();
        let name = || interface.name.clone();
        if let Some((segment, prefix)) =
            side.other().and_then(|other| Some((other, segments.prefix_of(other, address)?)))
        {
            return Some(Contradiction::Leg { interface: name(), address, prefix, segment });
        }
        let is_strange = knows_home(segments, side) && !is_local(address) && segments.of(address).is_none();
        is_strange.then(|| Contradiction::Undeclared { interface: name(), address })
    };
    network.interfaces.iter().filter_map(judge).collect()
}

fn may_listen(segments: &Segments, side: Side, address: IpAddr) -> bool {
    // Everywhere is where the interfaces are, and these are judged.
    if address.is_unspecified() || is_local(address) {
        return true;
    }
    let is_other = side.other().is_some_and(|other| segments.prefix_of(other, address).is_some());
    !is_other && (!knows_home(segments, side) || segments.of(address).is_some())
}

/// The routes by which packets to this prefix leave: those into it, and the closest around it. Of each table, for which of them is
/// asked depends on rules, marks and whoever sends.
fn ways<'a>(prefix: &'a IpNet, network: &'a Network) -> impl Iterator<Item = &'a Route> {
    network.routes.iter().filter(move |route| {
        let of_table = network.routes.iter().filter(|other| other.table == route.table);
        let around = of_table.filter(|other| other.destination.contains(prefix));
        let closest = around.map(|other| other.destination.prefix_len()).max();
        let length = route.destination.prefix_len();
        overlap(&route.destination, prefix) && (length > prefix.prefix_len() || Some(length) == closest)
    })
}

fn judge(
    segments: &Segments,
    side: Side,
    segment: Segment,
    prefix: IpNet,
    route: &Route,
    network: &Network,
) -> Option<Contradiction> {
    let destination = route.destination;
    let interface = route.interface.clone()?;
    match route.gateway {
        // A default route without a router is a line to one provider (PPP), not a wire with everybody on it.
        None if destination.prefix_len() > 0 => {
            return Some(Contradiction::OnTheWire { destination, prefix, segment, interface });
        }
        Some(gateway) if !segments.boundary().is_empty() && !segments.boundary().contains(&gateway.to_canonical()) => {
            return Some(Contradiction::WrongRouter { destination, prefix, segment, gateway });
        }
        _ => {}
    }
    let mut of_interface = network.interfaces.iter().filter(|of| of.name == interface);
    let is_expected = !knows_home(segments, side) || of_interface.any(|of| is_home(segments, side, of.address.addr()));
    (!is_expected).then_some(Contradiction::WrongInterface { destination, prefix, segment, interface })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::Written;

    fn segments() -> Segments {
        Segments::read(&Written {
            lgwan: vec!["10.0.0.0/8".into()],
            internet: vec!["192.0.2.0/24".into()],
            management: vec!["198.51.100.0/24".into()],
            boundary: vec!["192.0.2.1".into()],
        })
        .unwrap()
    }

    fn leg(name: &str, address: &str) -> Interface {
        Interface { name: name.into(), address: address.parse().unwrap() }
    }

    fn route(destination: &str, gateway: Option<&str>, interface: &str) -> Route {
        let gateway = gateway.map(|gateway| gateway.parse().unwrap());
        Route { destination: destination.parse().unwrap(), gateway, interface: Some(interface.into()), table: 254 }
    }

    fn network() -> Network {
        Network {
            interfaces: vec![
                leg("lo", "127.0.0.1/8"),
                leg("eth0", "192.0.2.7/24"),
                leg("eth0", "fe80::1/64"),
                leg("eth1", "198.51.100.7/24"),
            ],
            routes: vec![
                route("192.0.2.0/24", None, "eth0"),
                route("198.51.100.0/24", None, "eth1"),
                route("0.0.0.0/0", Some("192.0.2.1"), "eth0"),
            ],
        }
    }

    fn found(network: &Network, listens: &str) -> Vec<Contradiction> {
        match compare(&segments(), Side::Host, network, &[listens.parse().unwrap()]) {
            Ok(()) => Vec::new(),
            Err(contradictions) => contradictions.0,
        }
    }

    #[test]
    fn a_host_where_it_was_declared_is_no_contradiction() {
        assert_eq!(found(&network(), "192.0.2.7:4433"), []);
        assert_eq!(found(&network(), "0.0.0.0:4433"), []);
    }

    #[test]
    fn a_leg_in_the_lgwan_segment_is_found_in_whatever_form() {
        for address in ["10.1.2.3/16", "::ffff:10.1.2.3/112"] {
            let mut network = network();
            network.interfaces.push(leg("eth2", address));
            let all = found(&network, "0.0.0.0:4433");
            assert!(matches!(&all[..], [Contradiction::Leg { interface, .. }] if interface == "eth2"), "{all:?}");
        }
    }

    #[test]
    fn a_leg_that_nobody_declared_is_found() {
        let mut network = network();
        network.interfaces.push(leg("docker0", "172.17.0.1/16"));
        assert!(matches!(&found(&network, "0.0.0.0:1")[..], [Contradiction::Undeclared { .. }]));
    }

    #[test]
    fn a_listener_outside_of_the_segments_is_found() {
        for address in ["10.1.2.3:4433", "203.0.113.5:4433"] {
            assert!(matches!(&found(&network(), address)[..], [Contradiction::Listener(_)]), "{address}");
        }
        assert_eq!(found(&network(), "127.0.0.1:4433"), []);
    }

    #[test]
    fn a_route_to_the_lgwan_segment_leads_through_the_boundary_or_is_found() {
        type Is = fn(&Contradiction) -> bool;
        let cases: [(Route, Is); 5] = [
            (route("10.5.0.0/16", None, "eth0"), |c| matches!(c, Contradiction::OnTheWire { .. })),
            (route("10.0.0.0/8", None, "eth1"), |c| matches!(c, Contradiction::OnTheWire { .. })),
            (route("10.5.0.0/16", Some("192.0.2.9"), "eth0"), |c| matches!(c, Contradiction::WrongRouter { .. })),
            (route("8.0.0.0/5", Some("198.51.100.1"), "eth1"), |c| matches!(c, Contradiction::WrongRouter { .. })),
            (route("10.5.0.0/16", Some("192.0.2.1"), "eth1"), |c| matches!(c, Contradiction::WrongInterface { .. })),
        ];
        for (route, is) in cases {
            let mut network = network();
            network.routes.push(route);
            let all = found(&network, "0.0.0.0:4433");
            assert!(matches!(&all[..], [one] if is(one)), "{all:?}");
        }
    }

    #[test]
    fn a_default_route_that_a_closer_one_overrides_is_not_judged() {
        let mut network = network();
        network.routes.retain(|route| route.destination.prefix_len() > 0);
        network.routes.push(route("0.0.0.0/0", Some("198.51.100.1"), "eth1"));
        assert!(matches!(&found(&network, "0.0.0.0:1")[..], [Contradiction::WrongRouter { .. }]));
        network.routes.push(route("10.0.0.0/8", Some("192.0.2.1"), "eth0"));
        assert_eq!(found(&network, "0.0.0.0:1"), []);
    }

    #[test]
    fn a_route_that_leads_nowhere_is_a_way_to_nowhere_in_its_own_table() {
        let mut network = network();
        network.routes.retain(|route| route.destination.prefix_len() > 0);
        network.routes.push(route("0.0.0.0/0", Some("198.51.100.1"), "eth1"));
        let nowhere = Route { interface: None, ..route("10.0.0.0/8", None, "eth0") };
        network.routes.push(Route { table: 77, ..nowhere.clone() });
        assert!(matches!(&found(&network, "0.0.0.0:1")[..], [Contradiction::WrongRouter { .. }]));
        network.routes.push(nowhere);
        assert_eq!(found(&network, "0.0.0.0:1"), []);
    }

    #[test]
    fn what_is_not_declared_is_not_judged() {
        let mut network = network();
        network.interfaces.push(leg("eth2", "10.1.2.3/16"));
        assert!(compare(&Segments::default(), Side::Host, &network, &["10.1.2.3:1".parse().unwrap()]).is_ok());
    }

    #[test]
    fn a_viewer_has_no_leg_in_the_internet_segment_and_a_gate_has_both() {
        let network = Network { interfaces: vec![leg("a", "10.1.2.3/16"), leg("b", "192.0.2.7/24")], routes: vec![] };
        assert!(compare(&segments(), Side::Gate, &network, &[]).is_ok());
        let Err(all) = compare(&segments(), Side::Viewer, &network, &[]) else { panic!("it has a leg there") };
        assert!(matches!(all.all(), [Contradiction::Leg { segment: Segment::Internet, .. }]));
    }

    #[test]
    fn each_contradiction_names_cause_and_next_step_in_both_languages() {
        let mut network = network();
        network.interfaces.push(leg("eth2", "10.1.2.3/16"));
        network.routes.push(route("10.0.0.0/8", None, "eth2"));
        for contradiction in found(&network, "203.0.113.5:1") {
            assert!(contradiction.to_string().contains("[segments]") || contradiction.to_string().contains("remove"));
            assert!(contradiction.japanese().contains("ください"), "{}", contradiction.japanese());
        }
    }
}
