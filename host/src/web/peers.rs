//! WebRTC's packets on the one UDP port: to whom each belongs.
//!
//! QUIC's packets and those of WebRTC differ in their first byte (RFC 9443), so that both share a port. Of WebRTC's, a STUN request
//! names the peer that it is for; everything else is told by the address that it comes from, which counts only once a STUN request
//! from there was found good, and is nobody else's until that peer is gone: nobody takes another's place by writing its address on a
//! packet, not even one that has a session.
//!
//! Owns the book of peers and the queues of their packets. Must never answer a packet by itself, nor hold more than
//! [`limits::PEER_PACKETS`] of one peer: what is too many is lost, which WebRTC and what stands above it can bear.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use quinn::AsyncUdpSocket;
use quinn::udp::Transmit;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::rates::Bucket;
use crate::limits;

/// Whether a packet is WebRTC's (STUN or DTLS) and not QUIC's, whose packets have the second highest bit here because the host
/// does not offer to do without it.
pub fn is_peers(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| matches!(first, 0..=3 | 20..=63))
}

/// The name of the peer that a STUN request is for.
pub fn named(packet: &[u8]) -> Option<&str> {
    const REQUEST: [u8; 2] = [0, 1];
    const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
    const USERNAME: u16 = 6;
    let (head, mut attributes) = packet.split_first_chunk::<20>()?;
    if head[..2] != REQUEST || head[4..8] != COOKIE {
        return None;
    }
    loop {
        let (head, rest) = attributes.split_first_chunk::<4>()?;
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if kind == USERNAME {
            // Ours, a colon, the browser's.
            return std::str::from_utf8(rest.get(..length)?).ok()?.split_once(':').map(|(ours, _)| ours);
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
}

/// All peers of the port.
#[derive(Debug, Default)]
pub struct Peers {
    book: Mutex<Book>,
    socket: OnceLock<Arc<dyn AsyncUdpSocket>>,
}

#[derive(Debug, Default)]
struct Book {
    names: BTreeMap<String, Entry>,
    addresses: BTreeMap<SocketAddr, String>,
}

/// A peer, as its packets find it.
#[derive(Debug)]
struct Entry {
    queue: mpsc::Sender<Arrived>,
    bucket: Bucket,
}

/// A packet.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) from: SocketAddr,
    /// To which of this machine's addresses; not every system says so.
    pub(super) to: Option<IpAddr>,
    pub(super) bytes: Bytes,
}

/// One peer's place in the book; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    peers: Arc<Peers>,
    name: String,
    addresses: Vec<SocketAddr>,
    /// Where the last packet came from, and to: browsers take no answer from an address that they did not ask.
    last: Option<(SocketAddr, IpAddr)>,
    pub(super) packets: mpsc::Receiver<Arrived>,
}

impl Peers {
    fn book(&self) -> MutexGuard<'_, Book> {
        // A panic elsewhere leaves the book whole: each change is one call.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is sent goes through this socket.
    pub fn send_through(&self, socket: Arc<dyn AsyncUdpSocket>) {
        let _ = self.socket.set(socket);
    }

    /// The port; `None`: no socket was given yet.
    pub(super) fn port(&self) -> Option<u16> {
        self.socket.get()?.local_addr().ok().map(|address| address.port())
    }

    /// How many peers there are.
    pub fn count(&self) -> usize {
        self.book().names.len()
    }

    /// A packet came that is WebRTC's.
    pub fn deliver(&self, from: SocketAddr, to: Option<IpAddr>, packet: &[u8]) {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let mut book = self.book();
        let Book { names, addresses } = &mut *book;
        let entry = match named(packet) {
            Some(name) => names.get_mut(name),
            None => addresses.get(&from).and_then(|name| names.get_mut(name)),
        };
        let Some(entry) = entry else { return };
        let Some(bucket) = entry.bucket.after(limits::PEER_PACKETS_RATE, Instant::now()) else { return };
        entry.bucket = bucket;
        let _ = entry.queue.try_send(Arrived { from, to, bytes: Bytes::copy_from_slice(packet) });
    }

    /// A place for a peer of this name.
    pub(super) fn enter(self: &Arc<Self>, name: String) -> Place {
        let (queue, packets) = mpsc::channel(limits::PEER_PACKETS);
        self.book().names.insert(name.clone(), Entry { queue, bucket: Bucket::default() });
        Place { peers: self.clone(), name, addresses: Vec::new(), last: None, packets }
    }
}

impl Place {
    /// What goes to an address comes from the one that its packets come to.
    pub(super) fn answer_from(&mut self, address: SocketAddr, own: Option<IpAddr>) {
        self.last = own.map(|own| (address, own)).or(self.last);
    }

    /// Sends a packet. What the network does not take at once is lost. To answer an address means that it was found good.
    pub(super) fn send(&mut self, to: SocketAddr, packet: &[u8]) {
        self.bind(to);
        let Some(socket) = self.peers.socket.get() else { return };
        // A socket of IPv6 knows addresses of IPv4 by a form of its own.
        let destination = match (socket.local_addr(), to) {
            (Ok(SocketAddr::V6(_)), SocketAddr::V4(to)) => SocketAddr::new(to.ip().to_ipv6_mapped().into(), to.port()),
            _ => to,
        };
        let src_ip = self.last.filter(|(address, _)| *address == to).map(|(_, own)| own);
        let transmit = Transmit { destination, ecn: None, contents: packet, segment_size: None, src_ip };
        let _ = socket.try_send(&transmit);
    }

    fn bind(&mut self, address: SocketAddr) {
        if self.addresses.contains(&address) {
            return;
        }
        let mut book = self.peers.book();
        if book.addresses.contains_key(&address) {
            return;
        }
        if self.addresses.len() >= limits::PEER_ADDRESSES {
            book.addresses.remove(&self.addresses.remove(0));
        }
        book.addresses.insert(address, self.name.clone());
        self.addresses.push(address);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut book = self.peers.book();
        book.names.remove(&self.name);
        for address in &self.addresses {
            book.addresses.remove(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &str) -> Vec<u8> {
        let mut packet = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        packet.extend([7; 12]);
        packet.extend([0x80, 0x2a, 0, 3, 1, 2, 3, 0]);
        packet.extend([0, 6]);
        packet.extend((name.len() as u16).to_be_bytes());
        packet.extend(name.as_bytes());
        packet
    }

    fn address(last: u8) -> SocketAddr {
        ([192, 0, 2, last], 5_000).into()
    }

    #[test]
    fn a_request_is_told_by_its_name_and_other_packets_by_an_address_that_was_answered() {
        let peers = Arc::new(Peers::default());
        let mut place = peers.enter("ours".to_owned());
        let dtls = [22, 254, 253];
        peers.deliver(address(1), None, &dtls);
        assert!(place.packets.try_recv().is_err(), "nobody was answered there");
        peers.deliver(address(1), None, &request("ours:theirs"));
        assert_eq!(place.packets.try_recv().unwrap().from, address(1));
        peers.deliver(address(1), None, &request("others:theirs"));
        assert!(place.packets.try_recv().is_err());
        place.bind(address(1));
        peers.deliver(address(1), None, &dtls);
        assert_eq!(&place.packets.try_recv().unwrap().bytes[..], dtls);
        drop(place);
        assert_eq!((peers.count(), peers.book().addresses.len()), (0, 0));
    }

    #[test]
    fn an_address_stays_with_its_peer_until_that_is_gone() {
        let peers = Arc::new(Peers::default());
        let (mut first, mut second) = (peers.enter("first".to_owned()), peers.enter("second".to_owned()));
        first.bind(address(1));
        second.bind(address(1));
        peers.deliver(address(1), None, &[22]);
        assert!(first.packets.try_recv().is_ok() && second.packets.try_recv().is_err());
        drop(first);
        second.bind(address(1));
        peers.deliver(address(1), None, &[22]);
        assert!(second.packets.try_recv().is_ok());
    }

    #[test]
    fn a_flood_and_a_roaming_peer_take_no_more_than_their_places() {
        let peers = Arc::new(Peers::default());
        let mut place = peers.enter("ours".to_owned());
        for _ in 0..limits::PEER_PACKETS * 2 {
            peers.deliver(address(1), None, &request("ours:theirs"));
        }
        assert_eq!(std::iter::from_fn(|| place.packets.try_recv().ok()).count(), limits::PEER_PACKETS);
        (0..200).for_each(|last| place.bind(address(last)));
        assert_eq!(peers.book().addresses.len(), limits::PEER_ADDRESSES);
    }

    #[tokio::test(start_paused = true)]
    async fn more_packets_than_a_peer_can_need_are_lost_before_they_cost_anything() {
        let peers = Arc::new(Peers::default());
        let mut place = peers.enter("ours".to_owned());
        let mut taken = 0;
        for _ in 0..100 {
            for _ in 0..100 {
                peers.deliver(address(1), None, &request("ours:theirs"));
                taken += usize::from(place.packets.try_recv().is_ok());
            }
            tokio::time::advance(std::time::Duration::from_millis(1)).await;
        }
        let rate = limits::PEER_PACKETS_RATE;
        let most = rate.at_once as usize + 100 * 1_000 / rate.every.as_micros() as usize;
        assert!((most - 10..=most + 1).contains(&taken), "{taken} of at most {most}");
    }

    #[test]
    fn cut_packets_name_nobody() {
        let packet = request("ours:theirs");
        assert_eq!(named(&packet), Some("ours"));
        for length in 0..packet.len() {
            assert_eq!(named(&packet[..length]), None);
        }
    }

    #[test]
    fn what_begins_as_quic_does_is_no_peers() {
        assert!([0x40, 0xc0, 0x7f, 0xff].iter().all(|first| !is_peers(&[*first])));
        assert!([0, 1, 20, 22, 63].iter().all(|first| is_peers(&[*first])) && !is_peers(&[]));
    }
}
