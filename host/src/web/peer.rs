//! The session's WebRTC: the offer of a page and its answer, and one data channel from then on.
//!
//! Owns what a browser may send there: packets of the reliable channels ([`shoji_protocol::reliable`]) on one data channel that
//! repairs nothing itself, and first on the control channel a ticket of the device that the offer was from. The browser's
//! certificate is the one whose fingerprint its offer had, which came over HTTPS from a device that had just signed in, and so it is
//! the other way round. It must never ask a server outside for addresses, take sound or pictures, or keep a peer that does not connect.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use shoji_protocol::reliable::End;
use shoji_protocol::{Channel, Side, Violation, time};
use str0m::change::SdpOffer;
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig};
use tokio::time::{sleep_until, timeout};

use super::api::Shared;
use super::once::SECRET;
use super::peers::{Arrived, Peers, Place};
use crate::limits;
use crate::registry::Fingerprint;

/// The data channel's number: agreed with the web viewer.
const CHANNEL: u16 = 0;

/// The offer cannot be answered. Nothing of it is told: strangers' words stay out of answers and logs.
#[derive(Debug, thiserror::Error)]
pub enum Unanswerable {
    /// It is too long, or no session description.
    #[error("the offer is no session description")]
    Form,
    /// It has more than one data channel's worth, or lacks something.
    #[error("the offer is not for a data channel and nothing else")]
    Contents,
    /// No address to be found at.
    #[error("this host has no address at which a browser could find it by WebRTC")]
    Address,
}

/// Why a browser's WebRTC is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It closed.
    #[error("the viewer closed the connection")]
    Closed,
    /// It is not heard any more.
    #[error("the browser is not heard any more")]
    Silent,
    /// Text, or bytes on a channel that is not agreed on.
    #[error(
        "the browser sent what is no packet of the agreed channel: its page may be another version's, then reloading it helps"
    )]
    Foreign,
    /// It broke the rules of the reliable channels.
    #[error("the browser {0}")]
    Violation(#[from] Violation),
    /// WebRTC itself. Its words are the library's own.
    #[error("WebRTC failed: {0}")]
    Rtc(#[from] str0m::RtcError),
}

/// What came.
#[derive(Debug)]
pub enum Came {
    /// Bytes of a channel.
    Bytes(Channel, Bytes),
    /// Nothing to read, but there may be room to write.
    Nothing,
}

/// A peer's connection.
pub struct Peer {
    rtc: Rtc,
    channel: ChannelId,
    place: Place,
    reliable: End,
    is_open: bool,
    /// Whether SCTP holds all that it may: what is due then waits until the browser lets it go on.
    is_full: bool,
    /// When the clock of the reliable channels began.
    began: Instant,
    wake: Instant,
    /// One address of each kind: where packets are taken to have come to.
    locals: Vec<SocketAddr>,
    /// Where its offer came from.
    remote: SocketAddr,
    /// Where its packets came from so far.
    sources: Vec<SocketAddr>,
    /// Bytes of the control channel that came with the ticket.
    early: Bytes,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer").field("remote", &self.remote).field("is_open", &self.is_open).finish_non_exhaustive()
    }
}

/// An offer without its candidates: the browser finds us, we never look for it, and their names would have to be looked up.
/// `None`: it is for more than one data channel. Pure, so that a fuzz program can sit in the browser's place.
pub fn read_offer(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let lines = || text.lines().map(str::trim_end);
    let kinds = lines().filter_map(|line| line.strip_prefix("m="));
    let is_ours = kinds.clone().count() == 1 && kinds.clone().all(|kind| kind.starts_with("application "));
    let mut kept = String::new();
    for line in lines().filter(|line| !line.starts_with("a=candidate") && !line.is_empty()) {
        kept.push_str(line);
        kept.push_str("\r\n");
    }
    is_ours.then_some(kept)
}

impl Peer {
    /// Answers an offer, which came from `remote` by HTTPS; the host is to be found at `addresses`.
    pub(super) fn answer(
        peers: &Arc<Peers>,
        body: &[u8],
        addresses: &[SocketAddr],
        remote: SocketAddr,
    ) -> Result<(Self, String), Unanswerable> {
        let offer = read_offer(body).ok_or(Unanswerable::Contents)?;
        let offer = SdpOffer::from_sdp_string(&offer).map_err(|_| Unanswerable::Form)?;
        let candidates: Vec<_> = addresses
            .iter()
            .filter_map(|at| Candidate::host(*at, "udp").ok().map(|candidate| (*at, candidate)))
            .collect();
        if candidates.is_empty() {
            return Err(Unanswerable::Address);
        }
        let now = Instant::now();
        let mut rtc = RtcConfig::new()
            .clear_codecs()
            .set_ice_lite(true)
            .set_sctp_max_buffered_amount(limits::PEER_BUFFER)
            .build(now);
        let mut locals: Vec<SocketAddr> = Vec::new();
        let mut others = Vec::new();
        for (at, candidate) in candidates {
            if locals.iter().any(|local| local.is_ipv4() == at.is_ipv4()) {
                others.push(candidate);
            } else {
                locals.push(at);
                rtc.add_local_candidate(candidate);
            }
        }
        let config = ChannelConfig {
            label: "shoji".to_owned(),
            ordered: false,
            reliability: Reliability::MaxRetransmits { retransmits: 0 },
            negotiated: Some(CHANNEL),
            protocol: String::new(),
        };
        let channel = rtc.direct_api().create_data_channel(config);
        let answer = rtc.sdp_api().accept_offer(offer).map_err(|_| Unanswerable::Contents)?;
        let name = rtc.direct_api().local_ice_credentials().ufrag;
        let mut text = answer.to_sdp_string();
        for other in others.iter().take(limits::PEER_CANDIDATES) {
            text.push_str(&format!("a={}\r\n", other.to_sdp_string()));
        }
        let place = peers.enter(name);
        let end = End::new(Side::Host, time::Instant::from_micros(0));
        let early = Bytes::new();
        let (began, wake) = (now, now);
        let (is_open, is_full) = (false, false);
        let peer = Self {
            rtc,
            channel,
            place,
            reliable: end,
            is_open,
            is_full,
            began,
            wake,
            locals,
            remote,
            sources: Vec::new(),
            early,
        };
        Ok((peer, text))
    }

    /// Waits for the ticket: whether it is one of this device.
    pub(super) async fn admit(&mut self, shared: &Shared, device: &Fingerprint) -> Result<bool, Broken> {
        let mut came = BytesMut::new();
        while came.len() < SECRET {
            match self.next().await? {
                Came::Bytes(Channel::Control, bytes) => came.extend_from_slice(&bytes),
                Came::Bytes(..) => return Err(Broken::Foreign),
                Came::Nothing => {}
            }
        }
        let ticket = came.split_to(SECRET);
        self.early = came.freeze();
        let ticket = ticket.as_ref().try_into().map_err(|_| Broken::Foreign)?;
        Ok(shared.redeem(&ticket).as_ref() == Some(device))
    }

    /// Where the browser's page is.
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Gives as many bytes of a channel to the network as it takes, and says how many.
    pub fn write(&mut self, channel: Channel, bytes: &[u8]) -> usize {
        self.reliable.write(channel, bytes)
    }

    /// Sends what there is to send, as far as it may go now.
    pub fn flush(&mut self) -> Result<(), Broken> {
        let now = Instant::now();
        self.drain(now)?;
        while self.is_open {
            let Some(mut channel) = self.rtc.channel(self.channel) else { return Err(Broken::Closed) };
            self.is_full =
                channel.buffered_amount() > limits::PEER_BUFFER - 2 * shoji_protocol::limits::RELIABLE_PACKET;
            if self.is_full {
                break;
            }
            let Some(packet) = self.reliable.packet(micros(now, self.began)) else { break };
            // One that is not taken is lost, and comes again.
            let _ = channel.write(true, &packet)?;
            self.drain(now)?;
        }
        Ok(())
    }

    /// What comes next. Safe to drop at any time.
    pub async fn next(&mut self) -> Result<Came, Broken> {
        if !self.early.is_empty() {
            return Ok(Came::Bytes(Channel::Control, std::mem::take(&mut self.early)));
        }
        self.flush()?;
        if let Some((channel, bytes)) = self.reliable.read() {
            return Ok(Came::Bytes(channel, bytes.into()));
        }
        if self.reliable.ended().is_some() {
            return Err(Broken::Closed);
        }
        let due = self
            .reliable
            .deadline()
            .filter(|_| self.is_open && !self.is_full)
            .map(|at| self.began + std::time::Duration::from_micros(at.as_micros()));
        let wake = due.map_or(self.wake, |due| due.min(self.wake));
        let arrived = tokio::select! {
            biased;
            arrived = self.place.packets.recv() => arrived,
            () = sleep_until(wake.into()) => None,
        };
        let now = Instant::now();
        match arrived {
            Some(packet) => self.take(&packet, now)?,
            None => {
                self.rtc.handle_input(Input::Timeout(now))?;
                self.drain(now)?;
                self.reliable.due(micros(now, self.began));
            }
        }
        Ok(Came::Nothing)
    }

    fn take(&mut self, arrived: &Arrived, now: Instant) -> Result<(), Broken> {
        let source = arrived.from;
        // A packet's source can be forged, and pictures go where it says: to nobody but the machine that made the offer.
        if source.ip().to_canonical() != self.remote.ip().to_canonical() {
            return Ok(());
        }
        self.place.answer_from(source, arrived.to);
        let Some(local) = self.locals.iter().find(|local| local.is_ipv4() == source.is_ipv4()) else { return Ok(()) };
        let Ok(received) = Receive::new(Protocol::Udp, source, *local, &arrived.bytes) else { return Ok(()) };
        let input = Input::Receive(now, received);
        if self.rtc.accepts(&input) {
            // ICE keeps each of them for as long as the peer lives.
            if !self.sources.contains(&source) {
                if self.sources.len() == limits::PEER_SOURCES {
                    return Ok(());
                }
                self.sources.push(source);
            }
            self.rtc.handle_input(input)?;
            self.drain(now)?;
        }
        Ok(())
    }

    /// Takes everything that WebRTC gives out.
    fn drain(&mut self, now: Instant) -> Result<(), Broken> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.wake = at;
                    return Ok(());
                }
                Output::Transmit(packet) => self.place.send(packet.destination, &packet.contents),
                Output::Event(Event::ChannelOpen(id, _)) if id == self.channel => self.is_open = true,
                Output::Event(Event::ChannelData(data)) => {
                    if data.id != self.channel || !data.binary {
                        return Err(Broken::Foreign);
                    }
                    self.reliable.receive(&data.data, micros(now, self.began))?;
                }
                Output::Event(Event::ChannelOpen(..)) => return Err(Broken::Foreign),
                Output::Event(Event::ChannelClose(_)) => return Err(Broken::Closed),
                Output::Event(Event::IceConnectionStateChange(IceConnectionState::Disconnected)) => {
                    return Err(Broken::Silent);
                }
                Output::Event(_) => {}
            }
        }
    }

    /// Waits until the browser has what was written to a channel, says the end with a code, and waits until it has that too.
    pub async fn end(&mut self, code: u16) {
        let say = async {
            while !self.reliable.has_arrived(Channel::Control) {
                self.next().await?;
            }
            self.reliable.end(code);
            while !self.reliable.is_known_to_end() {
                self.next().await?;
            }
            Ok::<(), Broken>(())
        };
        let _ = timeout(limits::FAREWELL, say).await;
        self.rtc.disconnect();
        let _ = self.drain(Instant::now());
    }
}

fn micros(now: Instant, began: Instant) -> time::Instant {
    time::Instant::from_micros(u64::try_from(now.duration_since(began).as_micros()).unwrap_or(u64::MAX))
}
