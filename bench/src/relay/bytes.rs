//! Owns a link for TCP between a viewer and a host on one machine: a relay on 127.0.0.1 that delays, and can carry nothing for a while.
//!
//! A stream loses nothing that a relay could leave out, and keeps its order, so there is no chance here: loss below TCP is the
//! kernel's to make (packet filter rules in a network namespace: [`network`](crate::network)). What is on its way is bounded; beyond it the sender waits, as with
//! TCP itself. Dropping it ends it. Must never listen or connect anywhere but on 127.0.0.1, and never look into what it carries.
//!
//! ```no_run
//! # fn main() -> std::io::Result<()> {
//! use std::time::Duration;
//! use shoji_bench::relay::bytes::ByteRelay;
//! let relay = ByteRelay::start("127.0.0.1:4433".parse().unwrap(), Duration::from_millis(20))?;
//! println!("let the viewer connect to {}", relay.address());
//! relay.cut(); // silence …
//! relay.mend(); // … and what was held goes on
//! # Ok(())
//! # }
//! ```

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Read at once.
const CHUNK: usize = 16 << 10;
/// Chunks on their way in one direction: 4 MiB, 1.6 Gbit/s over 20 ms.
const CHUNKS: usize = 256;
/// Connections at once. A viewer that connects again has a new one while the old one's last words are on their way; more are a test's
/// mistake, and the oldest ends.
const MOST_CONNECTIONS: usize = 8;

/// A running relay.
#[derive(Debug)]
pub struct ByteRelay {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    silent: bool,
    over: bool,
    /// Both sockets of each connection, to end them.
    open: Vec<[TcpStream; 2]>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something may be carried; `false`: never again.
    fn may_carry(&self) -> bool {
        let state = self.lock();
        let state = self.changed.wait_while(state, |state| state.silent && !state.over);
        !state.unwrap_or_else(PoisonError::into_inner).over
    }
}

impl ByteRelay {
    /// Starts a relay to a host on this machine; each direction takes half of the round trip.
    ///
    /// # Errors
    /// If the loopback cannot be listened on or no thread can be started.
    pub fn start(host: SocketAddr, rtt: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let of_thread = Arc::clone(&shared);
        let run = move || accept(&listener, host, rtt / 2, &of_thread);
        let thread = std::thread::Builder::new().name("byte relay".into()).spawn(run)?;
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// Where viewers connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Carries nothing from now on, in either direction; it is held, as TCP would send it again.
    pub fn cut(&self) {
        self.silence(true);
    }

    /// Carries again.
    pub fn mend(&self) {
        self.silence(false);
    }

    /// Breaks every connection, as a firewall does that forgot them.
    pub fn reset(&self) {
        end(&mut self.shared.lock().open);
    }

    fn silence(&self, silent: bool) {
        self.shared.lock().silent = silent;
        self.shared.changed.notify_all();
    }
}

impl Drop for ByteRelay {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.over = true;
            end(&mut state.open);
        }
        self.shared.changed.notify_all();
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn end(open: &mut Vec<[TcpStream; 2]>) {
    for stream in open.drain(..).flatten() {
        // Gone already is ended too.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

fn accept(listener: &TcpListener, host: SocketAddr, delay: Duration, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    for viewer in listener.incoming() {
        if shared.lock().over {
            break;
        }
        // A viewer that left at once, or a host that is not there, is the viewer's to notice.
        let Ok(viewer) = viewer else { continue };
        if let Ok(of_this) = connect(viewer, host, delay, shared) {
            threads.extend(of_this);
        }
    }
    for thread in threads {
        drop(thread.join());
    }
}

fn connect(
    viewer: TcpStream,
    host: SocketAddr,
    delay: Duration,
    shared: &Arc<Shared>,
) -> io::Result<Vec<JoinHandle<()>>> {
    // Held until the connection can be ended, so that none is forgotten.
    let mut state = shared.lock();
    if state.over {
        return Ok(Vec::new());
    }
    let host = TcpStream::connect(host)?;
    for stream in [&viewer, &host] {
        stream.set_nodelay(true)?;
    }
    let mut threads = carry(viewer.try_clone()?, host.try_clone()?, delay, shared);
    threads.extend(carry(host.try_clone()?, viewer.try_clone()?, delay, shared));
    if state.open.len() == MOST_CONNECTIONS {
        let mut oldest = vec![state.open.remove(0)];
        end(&mut oldest);
    }
    state.open.push([viewer, host]);
    Ok(threads)
}

/// One direction: one thread reads and notes the time, the other writes when it is due.
fn carry(mut from: TcpStream, to: TcpStream, delay: Duration, shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
    let (send, due) = sync_channel::<(Instant, Vec<u8>)>(CHUNKS);
    let reader = std::thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        while let Ok(count) = from.read(&mut buffer) {
            // An end is carried like bytes.
            if send.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() || count == 0 {
                break;
            }
        }
    });
    let shared = Arc::clone(shared);
    vec![reader, std::thread::spawn(move || deliver(to, &due, &shared))]
}

fn deliver(mut to: TcpStream, due: &Receiver<(Instant, Vec<u8>)>, shared: &Shared) {
    while let Ok((at, bytes)) = due.recv() {
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        if !shared.may_carry() || bytes.is_empty() || to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ends {
        relay: ByteRelay,
        viewer: TcpStream,
        host: TcpStream,
    }

    fn ends(rtt: Duration) -> Ends {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has ports");
        let relay = ByteRelay::start(listener.local_addr().expect("it is bound"), rtt).expect("a relay starts");
        let viewer = TcpStream::connect(relay.address()).expect("it accepts");
        let (host, _) = listener.accept().expect("it connects");
        for stream in [&viewer, &host] {
            stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        }
        Ends { relay, viewer, host }
    }

    #[test]
    fn bytes_go_there_and_back_in_order_and_take_the_round_trip() {
        let mut ends = ends(Duration::from_millis(20));
        let begun = Instant::now();
        let sent: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        ends.viewer.write_all(&sent).expect("it is sent");
        let mut got = vec![0; sent.len()];
        ends.host.read_exact(&mut got).expect("it comes");
        assert_eq!(got, sent);
        ends.host.write_all(b"back").expect("it is sent");
        ends.viewer.read_exact(&mut [0; 4]).expect("it comes");
        assert!(begun.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn a_cut_link_holds_what_is_sent_until_it_is_mended() {
        let mut ends = ends(Duration::ZERO);
        ends.relay.cut();
        ends.viewer.write_all(b"held").expect("it is sent");
        ends.host.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        assert!(ends.host.read(&mut [0; 4]).is_err(), "it came through");
        ends.relay.mend();
        ends.host.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        ends.host.read_exact(&mut [0; 4]).expect("it comes");
    }

    #[test]
    fn an_end_a_reset_and_a_dropped_relay_end_both_sides() {
        let mut one = ends(Duration::ZERO);
        one.viewer.shutdown(Shutdown::Write).expect("it is open");
        assert_eq!(one.host.read(&mut [0]).expect("it ends"), 0);
        let mut other = ends(Duration::ZERO);
        other.relay.reset();
        assert!(matches!(other.viewer.read(&mut [0]), Ok(0) | Err(_)));
        let mut third = ends(Duration::ZERO);
        drop(third.relay);
        assert!(matches!(third.host.read(&mut [0]), Ok(0) | Err(_)));
    }
}
