//! The port on which viewers find the host: a UDP socket with the QUIC endpoint, and a TCP socket with the same number.
//!
//! Owns the sockets and the values that decide latency below the protocol (windows, buffers, congestion control). Who may connect is not
//! decided here: the TLS configuration, which only [`crate::tls`] makes, and `newcomer` do that.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, IdleTimeout, Runtime as _, ServerConfig, TokioRuntime, TransportConfig, VarInt};
use rustix::net::sockopt;

use super::congestion;
use crate::{limits, web};

/// The endpoint could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken.
    #[error("{0} port {1} is in use: stop the other program, or choose another with --listen ADDR:PORT")]
    PortInUse(&'static str, SocketAddr),
    /// A port below 1024, or no right.
    #[error("no permission to listen on {0}: run as root, or choose a port above 1023 with --listen ADDR:PORT")]
    Permission(SocketAddr),
    /// Not an address of this machine.
    #[error("{0} is no address of this machine: choose one with --listen ADDR:PORT (0.0.0.0 is all)")]
    Address(SocketAddr),
    /// Something else.
    #[error("cannot listen on {address}: {source}: choose another address with --listen ADDR:PORT")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The TLS configuration is not one for QUIC.
    #[error(
        "the TLS configuration cannot be used for QUIC: {0}: this is a fault of shoji-host, please report it with this line"
    )]
    Tls(String),
}

/// Opens both sockets, at the same address and port number.
pub(crate) fn open(
    address: SocketAddr,
    tls: rustls::ServerConfig,
    peers: Option<Arc<web::peers::Peers>>,
) -> Result<(Endpoint, TcpListener), Error> {
    let (udp, tcp) = bind(address)?;
    Ok((endpoint(address, udp, tls, peers)?, tcp))
}

/// If any port will do, one that both kinds have free.
fn bind(address: SocketAddr) -> Result<(UdpSocket, TcpListener), Error> {
    let failed = |what: &'static str, address: SocketAddr| {
        move |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => Error::PortInUse(what, address),
            io::ErrorKind::PermissionDenied => Error::Permission(address),
            io::ErrorKind::AddrNotAvailable => Error::Address(address),
            _ => Error::Listen { address, source },
        }
    };
    let mut tries = if address.port() == 0 { limits::PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        let udp = UdpSocket::bind(address).map_err(failed("UDP", address))?;
        let local = udp.local_addr().map_err(failed("UDP", address))?;
        match TcpListener::bind(local).map_err(failed("TCP", local)) {
            Ok(tcp) => return Ok((udp, tcp)),
            // Somebody has this number for TCP; the next free one is another.
            Err(Error::PortInUse(..)) if tries > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

/// `peers`: who speaks WebRTC on the same socket.
fn endpoint(
    address: SocketAddr,
    socket: UdpSocket,
    tls: rustls::ServerConfig,
    peers: Option<Arc<web::peers::Peers>>,
) -> Result<Endpoint, Error> {
    // Root gets what it asks for, others what the kernel allows.
    let size = limits::UDP_SOCKET_BUFFER;
    if sockopt::set_socket_send_buffer_size_force(&socket, size).is_err() {
        let _ = sockopt::set_socket_send_buffer_size(&socket, size);
        let _ = sockopt::set_socket_recv_buffer_size(&socket, size);
    } else {
        let _ = sockopt::set_socket_recv_buffer_size_force(&socket, size);
    }
    let crypto = QuicServerConfig::try_from(tls).map_err(|error| Error::Tls(error.to_string()))?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(transport())).max_incoming(limits::MAX_HANDSHAKES);
    let mut how = EndpointConfig::default();
    // The bit by which QUIC's packets are told from WebRTC's.
    how.grease_quic_bit(false);
    let runtime = Arc::new(TokioRuntime);
    let open = || {
        let mut socket = runtime.wrap_udp_socket(socket)?;
        if let Some(peers) = peers {
            socket = Arc::new(web::SharedSocket::new(socket, peers));
        }
        Endpoint::new_with_abstract_socket(how, Some(config), socket, runtime)
    };
    open().map_err(|source| Error::Listen { address, source })
}

/// How QUIC is spoken with everybody.
pub fn transport() -> TransportConfig {
    let idle = IdleTimeout::try_from(limits::IDLE_TIMEOUT).expect("the idle timeout fits");
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(limits::KEEP_ALIVE))
        // Until it is known who it is. A viewer opens one stream of each kind and no more, a browser begins with one request.
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(limits::UNI_STREAMS))
        // The viewer's copies of input come in datagrams, of which the oldest are of no use; copies of updates go.
        .datagram_receive_buffer_size(Some(limits::DATAGRAMS_WAITING))
        .datagram_send_buffer_size(limits::COPIES_WAITING)
        .stream_receive_window(VarInt::from_u32(limits::INPUT_WINDOW))
        .receive_window(VarInt::from_u32(limits::INPUT_WINDOW * 2))
        .send_window(limits::UPDATE_WINDOW)
        .congestion_controller_factory(Arc::new(congestion::Config::default()));
    transport
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sockets_have_the_same_number_whether_it_was_asked_for_or_not() {
        let (udp, tcp) = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = udp.local_addr().unwrap();
        assert_eq!(tcp.local_addr().unwrap(), address);
        drop((udp, tcp));
        let (udp, tcp) = bind(address).unwrap();
        assert_eq!((udp.local_addr().unwrap(), tcp.local_addr().unwrap()), (address, address));
    }

    #[test]
    fn a_port_that_is_taken_for_tcp_alone_is_named_so() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = bind(taken.local_addr().unwrap()).unwrap_err();
        assert!(error.to_string().contains("TCP port 127.0.0.1"), "{error}");
    }
}
