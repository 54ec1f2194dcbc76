//! What a browser sends for WebRTC: any packet of the reliable channels is taken or refused, and neither end keeps or sends more for
//! it than the limits allow; an offer is read without its addresses; and any packet on the port names a peer or nobody.

use shoji_host::web::peers::named;
use shoji_host::web::read_offer;
use shoji_protocol::reliable::End;
use shoji_protocol::time::{Duration, Instant};
use shoji_protocol::{Channel, Side, limits};

/// The oracle. The first byte says what the rest is.
pub fn run(bytes: &[u8]) {
    let Some((&which, rest)) = bytes.split_first() else { return };
    match which % 4 {
        0 => {
            if let Some(name) = named(rest) {
                assert!(name.len() < rest.len() && !name.contains(':'));
            }
        }
        1 => {
            if let Some(offer) = read_offer(rest) {
                assert!(!offer.contains("\na=candidate") && !offer.starts_with("a=candidate"));
                assert_eq!(offer.lines().filter(|line| line.starts_with("m=")).count(), 1);
                assert_eq!(read_offer(offer.as_bytes()), Some(offer));
            }
        }
        2 => talk(Side::Host, rest),
        _ => talk(Side::Viewer, rest),
    }
}

/// One end hears what the bytes say, each with a byte before it for its kind and one for its length.
fn talk(side: Side, mut bytes: &[u8]) {
    let mut now = Instant::from_micros(1);
    let mut end = End::new(side, now);
    let most = [limits::RELIABLE_CONTROL_ROOM, limits::RELIABLE_INPUT_ROOM.max(limits::RELIABLE_UPDATES_ROOM)];
    let (own, mut told) = (if side == Side::Host { Channel::Updates } else { Channel::Input }, 0_u64);
    while let [kind, length, rest @ ..] = bytes {
        let (piece, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        bytes = rest;
        match kind % 8 {
            // Somebody who counts as an end does.
            0..=3 => {
                let packet = [&told.to_le_bytes()[..], piece].concat();
                told += 1;
                if end.receive(&packet, now).is_err() {
                    return;
                }
            }
            4 => {
                if end.receive(piece, now).is_err() {
                    return;
                }
            }
            5 => _ = end.write(own, &vec![7; usize::from(*length) * 64]),
            6 => {
                now = now + Duration::from_millis(u64::from(*length));
                end.due(now);
            }
            _ => while end.read().is_some() {},
        }
        let mut sent = 0;
        while let Some(packet) = end.packet(now) {
            assert!(packet.len() <= limits::RELIABLE_PACKET);
            sent += 1;
            assert!(sent <= 2 * limits::RELIABLE_SENT, "it never comes to an end");
        }
        assert!(end.kept() as u64 <= most.iter().sum());
        assert!(end.flight().0 <= limits::RELIABLE_WINDOW + (limits::RELIABLE_SENT * limits::RELIABLE_PACKET) as u64);
        assert!(end.space(own) <= limits::RELIABLE_WAITING);
        // Whoever waits for what is due waits for something: it is over when it was done.
        end.due(now);
        while end.packet(now).is_some() {}
        assert!(end.deadline().is_none_or(|at| now < at), "what is due stays due");
    }
}

/// One of each.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut request = vec![0, 0, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42];
    request.extend([7; 12]);
    request.extend([0, 6, 0, 11]);
    request.extend(b"ours:theirs\0");
    let offer = "\x01v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
                 a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=ice-ufrag:abcd\r\na=setup:actpass\r\na=mid:0\r\n";
    let piece =
        |channel: u8, place: u64| [&[0, 15, 2, channel][..], &place.to_le_bytes(), &[3, 0, b'k', b'e', b'y']].concat();
    let came = |highest: u64, has: u32| {
        let head = [&[0, 22, 1][..], &highest.to_le_bytes(), &[0; 4], &[1], &[0; 4], &has.to_le_bytes()].concat();
        [&head[..]].concat()
    };
    let room = |channel: u8| [&[0, 10, 3, channel][..], &9_000_000_u64.to_le_bytes()].concat();
    let (pass, write, read) = ([6, 30], [5, 255], [7, 0]);
    let talks = |side: u8, input: u8, own: u8| {
        [
            &[side][..],
            &piece(input, 0),
            &piece(input, 6),
            &read,
            &piece(input, 3),
            &read,
            &write,
            &pass,
            &came(0, 1),
            &write,
            &came(6, 2),
            &pass,
            &room(own),
            &[0, 1, 4, 0, 3, 5, 49, 17],
            &pass,
        ]
        .concat()
    };
    vec![request, offer.as_bytes().to_vec(), talks(2, 1, 2), talks(3, 2, 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_what_they_are_meant_to_be() {
        let seeds = seeds();
        assert_eq!(named(&seeds[0][1..]), Some("ours"));
        assert!(read_offer(&seeds[1][1..]).is_some_and(|offer| offer.contains("ice-ufrag")));
        seeds.iter().for_each(|seed| run(seed));
    }
}
