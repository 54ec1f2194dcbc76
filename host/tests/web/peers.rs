//! The session's WebRTC: who may offer one, and what becomes of those who do.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use quinn::Runtime as _;
use serde_json::Value;
use shoji_host::limits;
use shoji_host::web::SharedSocket;
use shoji_host::web::peers::Peers;
use shoji_protocol::reliable::End;
use shoji_protocol::{Channel, Side, time};
use str0m::change::SdpAnswer;
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

use super::fixture::{Answer, Browser, House, PATIENCE, until};

/// A house with a port for WebRTC, whose packets a task reads as QUIC would.
async fn house() -> (House, Arc<Peers>) {
    let peers = Arc::new(Peers::default());
    let house = House::with_peers(peers.clone()).await;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = quinn::TokioRuntime.wrap_udp_socket(socket).unwrap();
    let shared = SharedSocket::new(socket, peers.clone());
    tokio::spawn(async move {
        use quinn::AsyncUdpSocket as _;
        let mut bytes = vec![0; 1 << 16];
        loop {
            let mut buffers = [std::io::IoSliceMut::new(&mut bytes)];
            let mut metas = [quinn::udp::RecvMeta::default()];
            std::future::poll_fn(|context| shared.poll_recv(context, &mut buffers, &mut metas)).await.unwrap();
        }
    });
    (house, peers)
}

/// What a device gets for its signature: a ticket and a pass.
async fn signed_in(house: &House, device: &Browser) -> (Vec<u8>, String) {
    let challenge = house.challenge(device).await;
    let answer = house.try_ticket(device, &challenge, &device.sign(&house.origin(), &challenge)).await;
    let answer: Value = answer.json();
    let offer = &answer["carriers"][1];
    assert_eq!(offer["kind"], "webrtc");
    (super::fixture::bytes_of(answer["ticket"].as_str().unwrap()), offer["pass"].as_str().unwrap().to_owned())
}

async fn offers(house: &House, pass: &str, sdp: &str) -> Answer {
    let pass = format!("Bearer {pass}");
    let headers = [("content-type", "application/sdp"), ("authorization", &*pass)];
    house.post_with("/api/peer", &headers, sdp.to_owned()).await
}

/// A browser's end, made of the same library and the protocol's own.
struct Client {
    rtc: Rtc,
    socket: tokio::net::UdpSocket,
    local: SocketAddr,
    channel: ChannelId,
    reliable: End,
    began: Instant,
    is_open: bool,
    is_gone: bool,
    /// Datagrams.
    sent: usize,
    heard: usize,
    read: Vec<u8>,
}

impl Client {
    async fn offer() -> (Self, String, str0m::change::SdpPendingOffer) {
        Self::offer_from("127.0.0.1:0").await
    }

    async fn offer_from(address: &str) -> (Self, String, str0m::change::SdpPendingOffer) {
        let now = Instant::now();
        let socket = tokio::net::UdpSocket::bind(address).await.unwrap();
        let local = socket.local_addr().unwrap();
        let mut rtc = Rtc::new(now);
        rtc.add_local_candidate(Candidate::host(local, "udp").unwrap());
        let mut changes = rtc.sdp_api();
        let channel = changes.add_channel_with_config(ChannelConfig {
            label: "shoji".to_owned(),
            ordered: false,
            reliability: Reliability::MaxRetransmits { retransmits: 0 },
            negotiated: Some(0),
            protocol: String::new(),
        });
        let (offer, pending) = changes.apply().unwrap();
        let reliable = End::new(Side::Viewer, time::Instant::from_micros(0));
        let (began, read) = (now, Vec::new());
        let (is_open, is_gone, sent, heard) = (false, false, 0, 0);
        let client = Self { rtc, socket, local, channel, reliable, began, is_open, is_gone, sent, heard, read };
        (client, offer.to_sdp_string(), pending)
    }

    fn now(&self) -> time::Instant {
        time::Instant::from_micros(self.began.elapsed().as_micros() as u64)
    }

    /// Until something holds of it.
    async fn run(&mut self, mut holds: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut bytes = [0; 2_000];
        while !holds(self) {
            assert!(Instant::now() < end, "it does not come to that");
            let at = self.drain().await;
            let deadline = self.reliable.deadline().map(|at| self.began + Duration::from_micros(at.as_micros()));
            let at = deadline.filter(|_| self.is_open).map_or(at, |deadline| at.min(deadline));
            let wait = at.saturating_duration_since(Instant::now()).min(Duration::from_millis(50));
            let input = match tokio::time::timeout(wait, self.socket.recv_from(&mut bytes)).await {
                Ok(Ok((length, from))) => {
                    self.heard += 1;
                    let received = Receive::new(Protocol::Udp, from, self.local, &bytes[..length]).unwrap();
                    Input::Receive(Instant::now(), received)
                }
                _ => Input::Timeout(Instant::now()),
            };
            self.rtc.handle_input(input).unwrap();
            self.drain().await;
            let now = self.now();
            self.reliable.due(now);
            while let Some(packet) = self.is_open.then(|| self.reliable.packet(now)).flatten() {
                if let Some(mut channel) = self.rtc.channel(self.channel) {
                    let _ = channel.write(true, &packet).unwrap();
                }
                self.drain().await;
            }
            while let Some((_, bytes)) = self.reliable.read() {
                self.read.extend(bytes);
            }
        }
    }

    async fn drain(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => return at,
                Output::Transmit(packet) => {
                    self.sent += 1;
                    let _ = self.socket.send_to(&packet.contents, packet.destination).await;
                }
                Output::Event(Event::ChannelOpen(..)) => self.is_open = true,
                Output::Event(Event::ChannelClose(_)) => self.is_gone = true,
                Output::Event(Event::ChannelData(data)) => {
                    let now = self.now();
                    self.reliable.receive(&data.data, now).unwrap();
                }
                Output::Event(_) => {}
            }
        }
    }

    /// With an open channel.
    async fn open(house: &House, pass: &str) -> Self {
        let mut client = Self::answered(house, pass, Self::offer().await).await;
        client.run(|client| client.is_open).await;
        client
    }

    /// That the host has answered.
    async fn answered(house: &House, pass: &str, offer: (Self, String, str0m::change::SdpPendingOffer)) -> Self {
        let (mut client, offer, pending) = offer;
        let answer = offers(house, pass, &offer).await;
        assert_eq!(answer.status, 201, "{}", answer.word());
        let answer = SdpAnswer::from_sdp_string(&answer.text()).unwrap();
        client.rtc.sdp_api().accept_answer(pending, answer).unwrap();
        client
    }
}

#[tokio::test]
async fn a_ticket_opens_a_session_on_the_shared_port() {
    let (house, peers) = house().await;
    let (ticket, pass) = signed_in(&house, &house.device("pc").await).await;
    let mut client = Client::open(&house, &pass).await;
    assert_eq!(client.reliable.write(Channel::Control, &ticket), ticket.len());
    assert_eq!(client.reliable.write(Channel::Control, b"hello"), 5);
    client.run(|client| client.read == b"hello").await;
    client.reliable.write(Channel::Input, &vec![7; 50_000]);
    client.run(|client| client.read.len() == 50_005).await;
    assert_eq!((house.desk.sessions.load(Ordering::Relaxed), peers.count()), (1, 1));
    assert_eq!(house.service.connections(), 0, "a session is not counted here");
}

#[tokio::test]
async fn a_full_packet_is_one_datagram_both_ways() {
    let (house, _) = house().await;
    let (ticket, pass) = signed_in(&house, &house.device("pc").await).await;
    let mut client = Client::open(&house, &pass).await;
    client.reliable.write(Channel::Control, &ticket);
    client.reliable.write(Channel::Control, b"hello");
    client.run(|client| client.read == b"hello").await;
    let (sent, heard) = (client.sent, client.heard);
    let packets = 100;
    let bytes = packets * shoji_protocol::limits::RELIABLE_PACKET;
    let mut written = 0;
    while client.read.len() < 5 + bytes {
        written += client.reliable.write(Channel::Input, &vec![7; bytes - written]);
        let came = client.read.len();
        client.run(|client| came < client.read.len()).await;
    }
    // Both directions also carry acknowledgements: ours and those of SCTP. Cut in two they would be 200 and more besides.
    assert!(client.sent - sent < 3 * packets, "{} sent", client.sent - sent);
    assert!(client.heard - heard < 3 * packets, "{} heard", client.heard - heard);
}

#[tokio::test]
async fn packets_of_another_machine_than_the_offers_are_not_answered() {
    let (house, peers) = house().await;
    let (_, pass) = signed_in(&house, &house.device("pc").await).await;
    let mut client = Client::answered(&house, &pass, Client::offer_from("127.0.0.2:0").await).await;
    client.run(|client| 3 <= client.sent).await;
    assert_eq!((client.heard, client.is_open, peers.count()), (0, false, 1));
}

#[tokio::test]
async fn a_ticket_that_is_none_and_one_of_another_device_are_refused() {
    let (house, peers) = house().await;
    let (_, pass) = signed_in(&house, &house.device("pc").await).await;
    let (other, _) = signed_in(&house, &house.device("other").await).await;
    let mut client = Client::open(&house, &pass).await;
    client.reliable.write(Channel::Control, &other);
    client.run(|client| client.reliable.ended() == Some(4401)).await;
    until("the peer is gone", || peers.count() == 0).await;
    assert_eq!(house.desk.sessions.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_offer_without_a_pass_or_with_one_that_was_used_is_refused() {
    let (house, peers) = house().await;
    let (_, offer, _) = Client::offer().await;
    let nobodys = "A".repeat(43);
    for pass in ["", "short", &nobodys] {
        assert_eq!(offers(&house, pass, &offer).await.refusal(), (403, "pass".to_owned()));
    }
    let (_, pass) = signed_in(&house, &house.device("pc").await).await;
    assert_eq!(offers(&house, &pass, &offer).await.status, 201);
    assert_eq!(offers(&house, &pass, &offer).await.refusal(), (403, "pass".to_owned()));
    assert_eq!(peers.count(), 1);
}

#[tokio::test]
async fn an_offer_of_another_page_of_another_kind_or_too_long_is_refused() {
    let (house, _) = house().await;
    let (_, pass) = signed_in(&house, &house.device("pc").await).await;
    let bearer = format!("Bearer {pass}");
    let with = async |headers: &[(&str, &str)], body: String| {
        let headers = [&[("authorization", &*bearer), ("content-type", "application/sdp")][..], headers].concat();
        house.post_with("/api/peer", &headers, body).await.refusal().0
    };
    assert_eq!(with(&[("origin", "https://evil.example")], String::new()).await, 403);
    assert_eq!(with(&[("content-type", "text/plain")], String::new()).await, 415);
    assert_eq!(with(&[], "v".repeat(limits::WEB_BODY + 1)).await, 413);
}

#[tokio::test]
async fn what_is_no_offer_of_a_data_channel_is_refused() {
    let (house, peers) = house().await;
    let device = house.device("pc").await;
    let (_, offer, _) = Client::offer().await;
    let without = |prefix: &str| -> String {
        offer.lines().filter(|line| !line.starts_with(prefix)).map(|line| format!("{line}\r\n")).collect()
    };
    let mut bad =
        vec![String::new(), "v=0".to_owned(), "\u{0}\u{1}".to_owned(), without("m="), without("a=fingerprint")];
    bad.extend([
        format!("{offer}m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"),
        without("v="),
        offer.replace("application", "video"),
    ]);
    bad.push(offer[..offer.len() / 2].to_owned());
    for sdp in bad {
        let (_, pass) = signed_in(&house, &device).await;
        assert_eq!(offers(&house, &pass, &sdp).await.refusal(), (400, "offer".to_owned()), "{sdp}");
    }
    assert_eq!(peers.count(), 0);
}

#[tokio::test]
async fn a_peer_that_never_comes_is_gone_after_a_while() {
    let (house, peers) = house().await;
    let (_, pass) = signed_in(&house, &house.device("pc").await).await;
    let (_, offer, _) = Client::offer().await;
    assert_eq!(offers(&house, &pass, &offer).await.status, 201);
    assert_eq!(peers.count(), 1);
    until("the request's connection is over", || house.service.connections() == 1).await;
    house.let_pass(limits::PEER_TIMEOUT).await;
    until("the peer is gone", || peers.count() == 0 && house.service.connections() == 0).await;
}

#[tokio::test]
async fn what_breaks_the_channels_rules_ends_the_peer() {
    let (house, peers) = house().await;
    let device = house.device("pc").await;
    for (is_binary, packet) in [(false, &b"text"[..]), (true, &[9; 2_000]), (true, &[0; 9])] {
        let (ticket, pass) = signed_in(&house, &device).await;
        let mut client = Client::open(&house, &pass).await;
        // One that is admitted is not given up for being late.
        client.reliable.write(Channel::Control, &ticket);
        client.reliable.write(Channel::Control, b"hello");
        client.run(|client| client.read == b"hello").await;
        let _ = client.rtc.channel(client.channel).unwrap().write(is_binary, packet).unwrap();
        client.run(|_| peers.count() == 0).await;
    }
}

#[tokio::test]
async fn one_address_has_no_more_peers_without_a_ticket_than_it_may() {
    let (house, peers) = house().await;
    let (_, offer, _) = Client::offer().await;
    let device = house.device("pc").await;
    for _ in 0..limits::PEERS_UNADMITTED_OF_ADDRESS {
        let (_, pass) = signed_in(&house, &device).await;
        assert_eq!(offers(&house, &pass, &offer).await.status, 201);
    }
    let (_, pass) = signed_in(&house, &device).await;
    assert_eq!(offers(&house, &pass, &offer).await.refusal(), (429, "busy".to_owned()));
    assert_eq!(peers.count(), limits::PEERS_UNADMITTED_OF_ADDRESS);
}
