//! Owns a link between a viewer and a host on one machine: a UDP relay on 127.0.0.1 that delays, loses and limits as told.
//! Its sister for TCP is in [`bytes`]; both on one port number are a [`pair::Pair`].
//!
//! What happens to a datagram is decided by [`way::Way`], once for each direction; the thread here only moves bytes at the times that it
//! gives, and sleeps in between. Like the router that it stands for it gives every viewer address a port of its own towards the host,
//! and it can give them another ([`Relay::rebind`]) or carry nothing for a while ([`Relay::cut`]). Dropping it ends it. Must never
//! listen or send anywhere but on 127.0.0.1, and never look into a datagram further than [`Passes`] asks.
//!
//! ```no_run
//! # fn main() -> std::io::Result<()> {
//! use std::time::Duration;
//! use shoji_bench::relay::{Conditions, Relay};
//! let host = "127.0.0.1:4433".parse().unwrap();
//! let relay = Relay::start(host, Conditions { rtt: Duration::from_millis(60), loss_ppm: 10_000, ..Conditions::default() })?;
//! println!("let the viewer connect to {}", relay.address());
//! relay.rebind()?; // the host sees a new source address
//! relay.cut(); // silence …
//! relay.mend(); // … and again as before
//! # Ok(())
//! # }
//! ```

pub mod bytes;
pub mod pair;
pub mod ping;
pub mod way;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};
use serde::{Deserialize, Serialize};

use crate::clock::{Nanos, now};
use way::{Counts, Shape, Way};

/// Viewer addresses carried at once: a viewer that connects again has a new one while the old one's last words are on their way.
/// The one that was heard first gives up its place. A browser that looks for a way speaks from a port of each network card.
const MOST_VIEWERS: usize = 8;
/// Orders waiting for the thread: each is waited for by whoever gave it, or changes a flag only.
const ORDERS_WAITING: usize = 4;
/// Datagrams read from one socket before those that are due leave: some milliseconds of a fast link.
const TURN: usize = 64;
/// The largest datagram that UDP carries.
const LARGEST: usize = 65_507;
/// Socket buffers: a first picture of half a megabyte may come at once while the thread waits for a core.
const SOCKET_BUFFER: usize = 4 << 20;
/// What a queue before a limited wire holds beyond one round trip's worth of bytes: the 100 ms that a small router keeps at least.
const QUEUE_BEYOND: Duration = Duration::from_millis(100);

/// How a link is, the same in both directions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// There and back; each direction takes half.
    pub rtt: Duration,
    /// How many of a million datagrams are lost, in each direction.
    pub loss_ppm: u32,
    /// Bits per second in each direction, IP and UDP headers included; `None`: no limit.
    pub rate: Option<u64>,
    /// The seed of chance.
    pub seed: u64,
}

impl Conditions {
    /// Bytes that may wait before the wire: the rate times the round trip, which one sender needs to keep the wire busy, and 100 ms
    /// more. What comes beyond is dropped, the newest first.
    #[must_use]
    pub fn queue(&self) -> usize {
        let bits = u128::from(self.rate.unwrap_or(0)) * (self.rtt + QUEUE_BEYOND).as_micros() / 1_000_000;
        usize::try_from(bits / 8).unwrap_or(usize::MAX)
    }

    fn shape(&self) -> Shape {
        Shape {
            delay_ns: u64::try_from(self.rtt.as_nanos() / 2).unwrap_or(u64::MAX),
            loss_ppm: self.loss_ppm,
            rate: self.rate,
            queue: self.queue(),
        }
    }
}

/// Which datagrams are carried at all; the others are swallowed, as by a firewall that drops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Passes {
    /// All.
    #[default]
    All,
    /// All but those of QUIC, as by a firewall that knows it: they have a bit that WebRTC's never have.
    AllButQuic,
    /// None.
    Nothing,
}

impl Passes {
    /// The bit that is set in the first byte of each packet of QUIC (RFC 9000, 17.2 and 17.3); STUN and DTLS never set it (RFC 7983).
    const OF_QUIC: u8 = 0x40;

    fn let_through(self, datagram: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::AllButQuic => datagram.first().is_some_and(|first| first & Self::OF_QUIC == 0),
            Self::Nothing => false,
        }
    }
}

/// What a relay does beside its link's conditions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// The port of 127.0.0.1 that it listens on; 0: any.
    pub port: u16,
    /// What it carries.
    pub passes: Passes,
    /// So many datagrams of each flow, of both directions together, are not lost by chance.
    pub spared: u32,
}

/// What became of datagrams, by direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// From viewer to host.
    pub to_host: Counts,
    /// From host to viewer.
    pub to_viewer: Counts,
}

enum Order {
    Rebind(SyncSender<io::Result<()>>),
    Stop,
}

/// A running relay.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    orders: SyncSender<Order>,
    wake: Arc<OwnedFd>,
    silent: Arc<AtomicBool>,
    carried: Arc<Mutex<Carried>>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts a relay to a host on this machine.
    ///
    /// # Errors
    /// If the loopback cannot be listened on or no thread can be started.
    pub fn start(host: SocketAddr, conditions: Conditions) -> io::Result<Self> {
        Self::start_with(host, conditions, Manner::default())
    }

    /// Starts a relay with a manner of its own.
    ///
    /// # Errors
    /// As [`start`](Self::start), and if the port is taken.
    pub fn start_with(host: SocketAddr, conditions: Conditions, manner: Manner) -> io::Result<Self> {
        let front = socket(manner.port)?;
        let address = front.local_addr()?;
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (orders, received) = sync_channel(ORDERS_WAITING);
        let silent = Arc::new(AtomicBool::new(false));
        let carried = Arc::new(Mutex::new(Carried::default()));
        let mover = Mover {
            host,
            manner,
            front,
            flows: Vec::with_capacity(MOST_VIEWERS),
            heard: 0,
            to_host: Way::new(conditions.shape(), conditions.seed),
            // The other direction has its own chance.
            to_viewer: Way::new(conditions.shape(), !conditions.seed),
            orders: received,
            wake: Arc::clone(&wake),
            silent: Arc::clone(&silent),
            carried: Arc::clone(&carried),
            buffer: vec![0; LARGEST],
        };
        let thread = std::thread::Builder::new().name("relay".into()).spawn(move || mover.run())?;
        Ok(Self { address, orders, wake, silent, carried, thread: Some(thread) })
    }

    /// Where viewers connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives every viewer another port towards the host, as a router that forgot it does: the host sees a new source address, and
    /// what it still sends to the old one is lost. Returns when it is done.
    ///
    /// # Errors
    /// If there is no other port.
    pub fn rebind(&self) -> io::Result<()> {
        let (answer, answered) = sync_channel(1);
        self.order(Order::Rebind(answer));
        answered.recv().map_err(io::Error::other)?
    }

    /// Carries nothing from now on, in either direction; what is on its way is lost.
    pub fn cut(&self) {
        self.silence(true);
    }

    /// Carries again.
    pub fn mend(&self) {
        self.silence(false);
    }

    /// What became of everything so far.
    ///
    /// # Panics
    /// Never: whoever holds it does not panic.
    #[must_use]
    pub fn carried(&self) -> Carried {
        *self.carried.lock().expect("no holder panics")
    }

    fn silence(&self, silent: bool) {
        self.silent.store(silent, Ordering::Release);
        self.wake();
    }

    fn order(&self, order: Order) {
        // A relay whose thread has ended obeys nobody; whoever waits for an answer learns it from the closed channel.
        let _ = self.orders.send(order);
        self.wake();
    }

    fn wake(&self) {
        // Fails only when the thread has more wake-ups waiting than it can count.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn socket(port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    socket.set_nonblocking(true)?;
    // The system may grant less.
    let _ = set_socket_recv_buffer_size(&socket, SOCKET_BUFFER);
    let _ = set_socket_send_buffer_size(&socket, SOCKET_BUFFER);
    Ok(socket)
}

/// A viewer address and its own port towards the host.
struct Flow {
    number: u64,
    viewer: SocketAddr,
    back: UdpSocket,
    /// Datagrams that are still to be spared.
    spared: u32,
}

/// A datagram and the viewer whose it is.
struct Datagram {
    flow: u64,
    bytes: Box<[u8]>,
}

/// The thread's own things.
struct Mover {
    host: SocketAddr,
    manner: Manner,
    front: UdpSocket,
    flows: Vec<Flow>,
    heard: u64,
    to_host: Way<Datagram>,
    to_viewer: Way<Datagram>,
    orders: Receiver<Order>,
    wake: Arc<OwnedFd>,
    silent: Arc<AtomicBool>,
    carried: Arc<Mutex<Carried>>,
    buffer: Vec<u8>,
}

impl Mover {
    fn run(mut self) {
        while self.obey() {
            self.read();
            self.deliver();
            *self.carried.lock().expect("no holder panics") =
                Carried { to_host: self.to_host.counts(), to_viewer: self.to_viewer.counts() };
            if self.wait().is_err() {
                return;
            }
        }
    }

    /// Sleeps until something comes, something is due, or an order is given.
    fn wait(&self) -> rustix::io::Result<()> {
        let due = self.to_host.due().into_iter().chain(self.to_viewer.due()).min();
        let timeout = due.map(|due| timespec(due.saturating_sub(now())));
        let fds = std::iter::once(self.wake.as_fd())
            .chain(std::iter::once(self.front.as_fd()))
            .chain(self.flows.iter().map(|flow| flow.back.as_fd()));
        let mut fds: Vec<PollFd<'_>> = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Does what was ordered; `false` when that is to end.
    fn obey(&mut self) -> bool {
        let mut drained = [0; 8];
        // Nothing to read means nobody woke us.
        let _ = rustix::io::read(&self.wake, &mut drained);
        if self.silent.load(Ordering::Acquire) {
            self.to_host.clear();
            self.to_viewer.clear();
        }
        loop {
            match self.orders.try_recv() {
                Ok(Order::Rebind(answer)) => {
                    // Whoever asked may have given up waiting.
                    let _ = answer.try_send(self.rebind());
                }
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn rebind(&mut self) -> io::Result<()> {
        for flow in &mut self.flows {
            // The old port stays taken until the new one is found, so that they differ.
            flow.back = towards(self.host)?;
        }
        Ok(())
    }

    fn read(&mut self) {
        let silent = self.silent.load(Ordering::Acquire);
        for _ in 0..TURN {
            // An error means that nothing is there, or that an earlier datagram found nobody: the link does not care.
            let Ok((size, viewer)) = self.front.recv_from(&mut self.buffer) else { break };
            if silent || !self.manner.passes.let_through(&self.buffer[..size]) {
                continue;
            }
            let Some(at) = self.flow(viewer) else { continue };
            let flow = &mut self.flows[at];
            let datagram = Datagram { flow: flow.number, bytes: self.buffer[..size].into() };
            offer(&mut self.to_host, &mut flow.spared, size, datagram);
        }
        for flow in &mut self.flows {
            for _ in 0..TURN {
                match flow.back.recv(&mut self.buffer) {
                    Ok(size) if !silent => {
                        let datagram = Datagram { flow: flow.number, bytes: self.buffer[..size].into() };
                        offer(&mut self.to_viewer, &mut flow.spared, size, datagram);
                    }
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
        }
    }

    /// Where the flow of a viewer address is, made if it is new; `None` if there is no port for it.
    fn flow(&mut self, viewer: SocketAddr) -> Option<usize> {
        if let Some(at) = self.flows.iter().position(|flow| flow.viewer == viewer) {
            return Some(at);
        }
        let back = towards(self.host).ok()?;
        if self.flows.len() == MOST_VIEWERS {
            self.flows.remove(0);
        }
        self.heard += 1;
        self.flows.push(Flow { number: self.heard, viewer, back, spared: self.manner.spared });
        Some(self.flows.len() - 1)
    }

    fn deliver(&mut self) {
        let now: Nanos = now();
        while let Some(datagram) = self.to_host.take(now) {
            if let Some(flow) = self.flows.iter().find(|flow| flow.number == datagram.flow) {
                // A host that is gone or a buffer that is full loses it, as a network does.
                let _ = flow.back.send(&datagram.bytes);
            }
        }
        while let Some(datagram) = self.to_viewer.take(now) {
            if let Some(flow) = self.flows.iter().find(|flow| flow.number == datagram.flow) {
                // As above.
                let _ = self.front.send_to(&datagram.bytes, flow.viewer);
            }
        }
    }
}

fn offer(way: &mut Way<Datagram>, spared: &mut u32, size: usize, datagram: Datagram) {
    if *spared == 0 {
        way.offer(now(), size, datagram);
    } else {
        *spared -= 1;
        way.spare(now(), size, datagram);
    }
}

fn towards(host: SocketAddr) -> io::Result<UdpSocket> {
    let back = socket(0)?;
    back.connect(host)?;
    Ok(back)
}

fn timespec(nanoseconds: u64) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(nanoseconds / 1_000_000_000).unwrap_or(i64::MAX),
        tv_nsec: (nanoseconds % 1_000_000_000).cast_signed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long a datagram that must come is waited for, and one that must not.
    const COMES: Duration = Duration::from_secs(20);
    const STAYS_AWAY: Duration = Duration::from_millis(100);

    struct Ends {
        relay: Relay,
        host: UdpSocket,
        viewer: UdpSocket,
    }

    fn ends(conditions: Conditions) -> Ends {
        ends_with(conditions, Manner::default())
    }

    fn ends_with(conditions: Conditions, manner: Manner) -> Ends {
        let local = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback has ports");
        let (host, viewer) = (local(), local());
        let relay =
            Relay::start_with(host.local_addr().expect("it is bound"), conditions, manner).expect("a relay starts");
        viewer.connect(relay.address()).expect("an address of the loopback");
        Ends { relay, host, viewer }
    }

    impl Ends {
        /// What the host gets, and from where.
        fn host_gets(&self, patience: Duration) -> Option<(Vec<u8>, SocketAddr)> {
            let mut buffer = [0; 2048];
            self.host.set_read_timeout(Some(patience)).expect("a timeout");
            let (size, from) = self.host.recv_from(&mut buffer).ok()?;
            Some((buffer[..size].to_vec(), from))
        }

        fn viewer_gets(&self, patience: Duration) -> Option<Vec<u8>> {
            let mut buffer = [0; 2048];
            self.viewer.set_read_timeout(Some(patience)).expect("a timeout");
            let size = self.viewer.recv(&mut buffer).ok()?;
            Some(buffer[..size].to_vec())
        }
    }

    #[test]
    fn the_first_datagrams_of_each_flow_are_spared_from_chance() {
        let all_lost = Conditions { loss_ppm: 1_000_000, ..Conditions::default() };
        let ends = ends_with(all_lost, Manner { spared: 3, ..Manner::default() });
        ends.viewer.send(b"first").expect("it is sent");
        let (_, from) = ends.host_gets(COMES).expect("it is spared");
        ends.host.send_to(b"second", from).expect("it is sent");
        assert_eq!(ends.viewer_gets(COMES).as_deref(), Some(&b"second"[..]));
        ends.viewer.send(b"third").expect("it is sent");
        assert!(ends.host_gets(COMES).is_some());
        ends.viewer.send(b"fourth").expect("it is sent");
        assert_eq!(ends.host_gets(STAYS_AWAY), None);
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback has ports");
        other.send_to(b"of another", ends.relay.address()).expect("it is sent");
        assert!(ends.host_gets(COMES).is_some(), "each flow has its own");
    }

    #[test]
    fn what_a_firewall_would_drop_is_swallowed() {
        let passing = |passes| ends_with(Conditions::default(), Manner { passes, ..Manner::default() });
        let nothing = passing(Passes::Nothing);
        nothing.viewer.send(&[0, 1]).expect("it is sent");
        assert_eq!(nothing.host_gets(STAYS_AWAY), None);
        let knows_quic = passing(Passes::AllButQuic);
        // A long and a short header of QUIC, then a request of STUN and a record of DTLS.
        for first in [0xc3, 0x41, 0, 22] {
            knows_quic.viewer.send(&[first, 1]).expect("it is sent");
        }
        let came: Vec<u8> = (0..2).map(|_| knows_quic.host_gets(COMES).expect("it comes").0[0]).collect();
        assert_eq!(came, [0, 22]);
        assert_eq!(knows_quic.host_gets(STAYS_AWAY), None);
    }

    #[test]
    fn datagrams_go_there_and_back_unchanged() {
        let ends = ends(Conditions { rtt: Duration::from_millis(4), ..Conditions::default() });
        for n in 0..20_u8 {
            ends.viewer.send(&[n; 1200]).expect("it is sent");
            let (bytes, from) = ends.host_gets(COMES).expect("it comes");
            assert_eq!(bytes, [n; 1200]);
            ends.host.send_to(&bytes, from).expect("it is sent");
            assert_eq!(ends.viewer_gets(COMES), Some(bytes));
        }
    }

    #[test]
    fn after_a_rebinding_the_host_sees_another_port_and_answers_still_arrive() {
        let ends = ends(Conditions::default());
        ends.viewer.send(b"one").expect("it is sent");
        let (_, before) = ends.host_gets(COMES).expect("it comes");
        ends.relay.rebind().expect("there are ports");
        ends.viewer.send(b"two").expect("it is sent");
        let (bytes, after) = ends.host_gets(COMES).expect("it comes");
        assert_eq!(bytes, b"two");
        assert_ne!(before, after);
        ends.host.send_to(b"to the old port", before).expect("it is sent");
        ends.host.send_to(b"to the new port", after).expect("it is sent");
        assert_eq!(ends.viewer_gets(COMES).as_deref(), Some(&b"to the new port"[..]));
    }

    #[test]
    fn a_cut_link_is_silent_until_it_is_mended() {
        let ends = ends(Conditions::default());
        ends.viewer.send(b"one").expect("it is sent");
        let (_, viewer) = ends.host_gets(COMES).expect("it comes");
        ends.relay.cut();
        ends.viewer.send(b"lost").expect("it is sent");
        ends.host.send_to(b"lost", viewer).expect("it is sent");
        assert_eq!((ends.host_gets(STAYS_AWAY), ends.viewer_gets(STAYS_AWAY)), (None, None));
        ends.relay.mend();
        ends.viewer.send(b"two").expect("it is sent");
        assert_eq!(ends.host_gets(COMES).map(|got| got.0).as_deref(), Some(&b"two"[..]));
    }

    #[test]
    fn every_viewer_address_has_a_port_of_its_own_and_the_first_gives_up_its_place() {
        let ends = ends(Conditions::default());
        let mut ports = std::collections::BTreeSet::new();
        for n in 0..=MOST_VIEWERS {
            let viewer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback has ports");
            viewer.send_to(b"hello", ends.relay.address()).expect("it is sent");
            let (_, from) = ends.host_gets(COMES).expect("it comes");
            assert!(ports.insert(from.port()) || n == MOST_VIEWERS, "two viewers share a port");
        }
        // A new one: its number is not known any more.
        ends.viewer.send(b"again").expect("it is sent");
        assert!(ends.host_gets(COMES).is_some());
    }

    #[test]
    fn a_dropped_relay_no_longer_listens() {
        let ends = ends(Conditions::default());
        let address = ends.relay.address();
        drop(ends.relay);
        UdpSocket::bind(address).expect("its port is free");
    }

    #[test]
    fn the_queue_is_a_round_trip_and_a_tenth_of_a_second_of_the_rate() {
        let conditions = Conditions { rtt: Duration::from_millis(60), rate: Some(2_000_000), ..Conditions::default() };
        assert_eq!(conditions.queue(), 40_000);
    }

    #[test]
    fn pings_take_the_round_trip_and_the_lost_ones_are_counted() {
        let conditions = Conditions { rtt: Duration::from_millis(10), ..Conditions::default() };
        let pings = ping::pings(conditions, 5).expect("the loopback works");
        assert_eq!((pings.sent, pings.round_trips_ms.len()), (5, 5));
        assert!(pings.round_trips_ms.iter().all(|trip| *trip >= 10.0), "{pings:?}");
        let lossy = Conditions { loss_ppm: 1_000_000, ..conditions };
        let pings = ping::pings(lossy, 2).expect("the loopback works");
        assert_eq!((pings.sent, pings.round_trips_ms.len()), (2, 0));
    }
}
