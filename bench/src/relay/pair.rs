//! Owns a link for both kinds of packets on one port number, as a host listens: the [relay](Relay) for UDP beside the one for TCP.
//!
//! By what it swallows it decides which carrier a viewer can come by. Must never change what a viewer tries.

use std::io;
use std::net::SocketAddr;

use super::bytes::ByteRelay;
use super::{Carried, Conditions, Manner, Passes, Relay};
use crate::carrier::Carrier;
use crate::network::{Losing, NetworkError};

/// Where a datagram of its handshake is lost, another carrier wins the race, and rightly. So these are spared where one was asked for:
/// handshake and ticket take less than half of them.
const SPARED: u32 = 40;
/// How often a number that is free for TCP may be taken for UDP.
const ATTEMPTS: u32 = 100;

/// A link could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The loopback cannot be used.
    #[error("cannot start the relay on 127.0.0.1: {0}; is the loopback interface up?")]
    Loopback(#[from] io::Error),
    /// Packets of TCP cannot be lost.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// A running relay for both.
#[derive(Debug)]
pub struct Pair {
    datagrams: Relay,
    _bytes: ByteRelay,
    _losing: Option<Losing>,
}

impl Pair {
    /// Starts one to a host on this machine. With a carrier the others are kept away: a viewer comes by that one, unless it cannot.
    ///
    /// # Errors
    /// If the loopback cannot be listened on, or if a carrier over TCP is to lose outside a network of the bench's own.
    pub fn start(host: SocketAddr, conditions: Conditions, carrier: Option<Carrier>) -> Result<Self, PairError> {
        let manner = manner(carrier);
        let mut attempt = 1;
        let (bytes, datagrams) = loop {
            let bytes = ByteRelay::start(host, conditions.rtt)?;
            match Relay::start_with(host, conditions, Manner { port: bytes.address().port(), ..manner }) {
                Ok(datagrams) => break (bytes, datagrams),
                // Somebody has this number for UDP; another is free for both.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error.into()),
            }
        };
        let loses = conditions.loss_ppm > 0 && carrier.is_some_and(Carrier::is_stream);
        let losing = loses.then(|| Losing::start(bytes.address().port(), conditions.loss_ppm)).transpose()?;
        Ok(Self { datagrams, _bytes: bytes, _losing: losing })
    }

    /// Where viewers connect to, by UDP and by TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.datagrams.address()
    }

    /// What became of all datagrams so far. Of TCP nothing is counted.
    #[must_use]
    pub fn carried(&self) -> Carried {
        self.datagrams.carried()
    }
}

fn manner(carrier: Option<Carrier>) -> Manner {
    let passes = match carrier {
        // WebTransport is the first that a web viewer tries.
        None | Some(Carrier::Quic | Carrier::WebTransport) => Passes::All,
        Some(Carrier::WebRtc) => Passes::AllButQuic,
        Some(Carrier::Tls | Carrier::WebSocket) => Passes::Nothing,
    };
    Manner { passes, spared: if carrier.is_some() { SPARED } else { 0 }, port: 0 }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::time::Duration;

    use super::*;

    /// How long something that must come is waited for, and something that must not.
    const COMES: Duration = Duration::from_secs(20);
    const STAYS_AWAY: Duration = Duration::from_millis(100);

    /// A host that listens on one number for both.
    fn host() -> (TcpListener, UdpSocket) {
        loop {
            let stream = TcpListener::bind("127.0.0.1:0").expect("the loopback has ports");
            if let Ok(datagrams) = UdpSocket::bind(stream.local_addr().expect("it is bound")) {
                return (stream, datagrams);
            }
        }
    }

    #[test]
    fn udp_and_tcp_pass_on_one_port_number() {
        let (stream, datagrams) = host();
        let at = stream.local_addr().expect("it is bound");
        let pair = Pair::start(at, Conditions::default(), None).expect("it starts");
        let viewer = UdpSocket::bind("127.0.0.1:0").expect("the loopback has ports");
        viewer.send_to(b"a datagram", pair.address()).expect("it is sent");
        datagrams.set_read_timeout(Some(COMES)).expect("a timeout");
        let mut buffer = [0; 64];
        let (size, _) = datagrams.recv_from(&mut buffer).expect("it comes");
        assert_eq!(&buffer[..size], b"a datagram");
        let mut viewer = TcpStream::connect(pair.address()).expect("it accepts");
        viewer.write_all(b"bytes").expect("they are sent");
        let (mut from, _) = stream.accept().expect("it connects");
        from.set_read_timeout(Some(COMES)).expect("a timeout");
        from.read_exact(&mut buffer[..5]).expect("they come");
        assert_eq!(&buffer[..5], b"bytes");
        assert_eq!(pair.carried().to_host.offered, 1);
    }

    #[test]
    fn where_a_carrier_over_tcp_was_asked_for_udp_is_swallowed() {
        let (stream, datagrams) = host();
        let at = stream.local_addr().expect("it is bound");
        let pair = Pair::start(at, Conditions::default(), Some(Carrier::WebSocket)).expect("it starts");
        let viewer = UdpSocket::bind("127.0.0.1:0").expect("the loopback has ports");
        viewer.send_to(b"a datagram", pair.address()).expect("it is sent");
        datagrams.set_read_timeout(Some(STAYS_AWAY)).expect("a timeout");
        assert!(datagrams.recv_from(&mut [0; 64]).is_err(), "it came through");
        TcpStream::connect(pair.address()).expect("it accepts");
    }

    #[test]
    fn only_webrtc_passes_where_it_was_asked_for_and_handshakes_are_spared_only_then() {
        assert_eq!(manner(Some(Carrier::WebRtc)).passes, Passes::AllButQuic);
        assert_eq!(manner(Some(Carrier::WebTransport)), Manner { spared: SPARED, ..Manner::default() });
        assert_eq!(manner(None), Manner::default());
    }

    #[test]
    fn tcp_that_is_to_lose_takes_a_network_of_the_benchs_own() {
        let lossy = Conditions { loss_ppm: 10_000, ..Conditions::default() };
        let (stream, _datagrams) = host();
        let at = stream.local_addr().expect("it is bound");
        let refused = Pair::start(at, lossy, Some(Carrier::Tls)).expect_err("this network is the machine's");
        assert!(matches!(refused, PairError::Network(NetworkError::Outside)), "{refused}");
        Pair::start(at, lossy, Some(Carrier::Quic)).expect("UDP needs none");
    }
}
