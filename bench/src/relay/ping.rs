//! Owns measuring a link by itself: small datagrams through a relay of its own to an echo and back, with nothing else on it.
//!
//! Shows what the machine adds to the delay that was asked for. Must never use the relay of a session: it would be in its way.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Conditions, Relay};
use crate::clock::now;
use crate::stats::milliseconds;

/// A ping's size: that of a QUIC packet with one input.
const SIZE: usize = 64;
/// What a ping may take beyond the round trip before it counts as lost.
const PATIENCE: Duration = Duration::from_millis(250);
/// How often the echo looks whether it is over.
const LOOK: Duration = Duration::from_millis(20);

/// What pings showed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pings {
    /// How many were sent.
    pub sent: u32,
    /// The round trips of those that came back, in milliseconds.
    pub round_trips_ms: Vec<f64>,
}

/// Sends pings one after the other over a link of such conditions.
///
/// # Errors
/// If the loopback cannot be used.
pub fn pings(conditions: Conditions, count: u32) -> io::Result<Pings> {
    let local = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    let (echo, pinger) = (local()?, local()?);
    echo.set_read_timeout(Some(LOOK))?;
    pinger.set_read_timeout(Some(conditions.rtt + PATIENCE))?;
    let relay = Relay::start(echo.local_addr()?, conditions)?;
    pinger.connect(relay.address())?;
    let over = AtomicBool::new(false);
    let mut pings = Pings { sent: count, round_trips_ms: Vec::with_capacity(count as usize) };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = [0; SIZE];
            while !over.load(Ordering::Relaxed) {
                if let Ok((size, from)) = echo.recv_from(&mut buffer) {
                    // A lost answer is a lost ping.
                    let _ = echo.send_to(&buffer[..size], from);
                }
            }
        });
        for number in 0..count {
            if let Some(took) = ping(&pinger, number) {
                pings.round_trips_ms.push(milliseconds(took));
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    Ok(pings)
}

/// The nanoseconds until one ping came back; late answers to earlier ones do not count.
fn ping(pinger: &UdpSocket, number: u32) -> Option<i64> {
    let mut payload = [0; SIZE];
    payload[..4].copy_from_slice(&number.to_ne_bytes());
    let sent = now();
    pinger.send(&payload).ok()?;
    let mut answer = [0; SIZE];
    loop {
        let size = pinger.recv(&mut answer).ok()?;
        if answer[..size] == payload {
            return Some((now() - sent).cast_signed());
        }
    }
}
