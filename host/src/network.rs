//! This machine's network, as the kernel tells it, and the refusal to start where it contradicts what is declared.
//!
//! Owns the gathering of interfaces and routes (netlink: all tables, and every way of a route with several). What they mean is
//! judged by [`shoji_evidence::network`], which knows no kernel. It must never change anything.

use std::io;
use std::net::{IpAddr, SocketAddr};

use if_addrs::IfAddr;
use ipnet::IpNet;
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType, RouteVia};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr as Netlink};
use shoji_evidence::network::{Contradictions, Interface, Network, Route, Side, compare};
use shoji_evidence::segments::Segments;

use crate::limits;

/// The machine's network is not what was declared, or cannot be seen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It contradicts the declaration.
    #[error(transparent)]
    Contradictions(#[from] Contradictions),
    /// The interfaces cannot be listed.
    #[error(
        "cannot list this machine's network interfaces: {0}: check what confines the host on this machine (containers, systemd)"
    )]
    Interfaces(io::Error),
    /// The routes cannot be listed.
    #[error(
        "cannot list this machine's routes: {0}: check what confines the host on this machine (systemd: RestrictAddressFamilies has to hold AF_NETLINK)"
    )]
    Routes(io::Error),
}

/// Refuses a machine whose network contradicts `segments`. What is not declared is not judged.
pub fn check(segments: &Segments, side: Side, listens: &[SocketAddr]) -> Result<(), Error> {
    if segments.are_unknown() {
        return Ok(());
    }
    Ok(compare(segments, side, &of_this_machine()?, listens)?)
}

/// Interfaces and routes of the network namespace that this program is in.
pub fn of_this_machine() -> Result<Network, Error> {
    let cards = if_addrs::get_if_addrs().map_err(Error::Interfaces)?;
    let interfaces: Vec<Interface> = cards
        .iter()
        .filter_map(|card| {
            let (address, length) = match &card.addr {
                IfAddr::V4(v4) => (IpAddr::V4(v4.ip), v4.prefixlen),
                IfAddr::V6(v6) => (IpAddr::V6(v6.ip), v6.prefixlen),
            };
            Some(Interface { name: card.name.clone(), address: IpNet::new(address, length).ok()? })
        })
        .collect();
    let name = |index: u32| {
        let card = cards.iter().find(|card| card.index == Some(index));
        // An interface without an address has a number only, and is told by it.
        card.map_or_else(|| format!("#{index}"), |card| card.name.clone())
    };
    let mut routes = Vec::new();
    for message in dump().map_err(Error::Routes)? {
        routes.extend(ways(&message, &name));
    }
    Ok(Network { interfaces, routes })
}

/// All routes that the kernel has.
fn dump() -> io::Result<Vec<RouteMessage>> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&Netlink::new(0, 0))?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let ask = RouteNetlinkMessage::GetRoute(RouteMessage::default());
    let mut ask = NetlinkMessage::new(header, NetlinkPayload::from(ask));
    ask.finalize();
    let mut bytes = vec![0; ask.buffer_len()];
    ask.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut routes = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        let mut rest = &datagram[..];
        while !rest.is_empty() {
            let message =
                NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest).map_err(|error| invalid(error.to_string()))?;
            match message.payload {
                NetlinkPayload::Done(done) if done.code == 0 => return Ok(routes),
                NetlinkPayload::Done(done) => return Err(io::Error::from_raw_os_error(-done.code)),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route)) => routes.push(route),
                _ => {}
            }
            if routes.len() > limits::ROUTES {
                return Err(invalid(format!("there are more than {} routes", limits::ROUTES)));
            }
            // Messages begin at multiples of four bytes.
            let length = (message.header.length as usize).next_multiple_of(4);
            rest = rest.get(length.max(1)..).unwrap_or_default();
        }
    }
}

/// A route once for each of its next routers; none, if it leads to this machine itself.
fn ways(message: &RouteMessage, name: &dyn Fn(u32) -> String) -> Vec<Route> {
    let Some(destination) = destination(message) else { return Vec::new() };
    let table = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    // The header has room for small numbers only.
    let table = table.unwrap_or(u32::from(message.header.table));
    match message.header.kind {
        RouteType::Unicast => {}
        RouteType::BlackHole | RouteType::Unreachable | RouteType::Prohibit => {
            return vec![Route { destination, gateway: None, interface: None, table }];
        }
        _ => return Vec::new(),
    }
    let way = |attributes: &[RouteAttribute], interface: u32| Route {
        destination,
        gateway: gateway(attributes),
        interface: Some(name(interface)),
        table,
    };
    let mut ways = Vec::new();
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(interface) => ways.push(way(&message.attributes, *interface)),
            RouteAttribute::MultiPath(hops) => {
                ways.extend(hops.iter().map(|hop| way(&hop.attributes, hop.interface_index)));
            }
            _ => {}
        }
    }
    ways
}

fn destination(message: &RouteMessage) -> Option<IpNet> {
    use netlink_packet_route::AddressFamily;
    let written = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(to) => address(to),
        _ => None,
    });
    // A default route says nothing.
    let to = written.or(match message.header.address_family {
        AddressFamily::Inet => Some(IpAddr::from([0; 4])),
        AddressFamily::Inet6 => Some(IpAddr::from([0; 16])),
        _ => None,
    })?;
    IpNet::new(to, message.header.destination_prefix_length).ok().map(|net| net.trunc())
}

fn gateway(attributes: &[RouteAttribute]) -> Option<IpAddr> {
    attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(gateway) => address(gateway),
        RouteAttribute::Via(RouteVia::Inet(v4)) => Some(IpAddr::V4(*v4)),
        RouteAttribute::Via(RouteVia::Inet6(v6)) => Some(IpAddr::V6(*v6)),
        _ => None,
    })
}

fn address(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some(IpAddr::V4(*v4)),
        RouteAddress::Inet6(v6) => Some(IpAddr::V6(*v6)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_loopback() {
        let network = of_this_machine().unwrap();
        assert!(network.interfaces.iter().any(|interface| interface.address.addr().is_loopback()), "{network:?}");
    }
}
