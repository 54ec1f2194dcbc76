//! Ordered, reliable channels over packets that may be lost, doubled and reordered: for a carrier whose own repair is too slow.
//!
//! WebRTC's data channels repair a loss after a second (SCTP's shortest timer), so there they are used without repair and without
//! order, and this is what stands above them, at both ends. Every packet has a number; the other end says which came; what was in a
//! lost one goes again in another, about a round trip later. The form of a packet is in `reliable/packet.rs`.
//!
//! An [`End`] owns what is on its way from and to one end of a connection. Time is an argument; packets go in by
//! [`End::receive`] and out by [`End::packet`]. It must never know what the bytes mean, keep more than the limits in
//! [`limits`] whose names begin with `RELIABLE` say, or lose or repeat a byte. Who the other end is, is the carrier's
//! matter: the packets have no secret of their own.

mod channels;
mod packet;
mod ranges;
mod recovery;

use crate::time::{Duration, Instant};
use crate::{Channel, Side, Violation, limits};
use alloc::vec::Vec;
use channels::{Coming, Going};
use packet::Part;
use ranges::Ranges;
use recovery::{Contents, Fate, Recovery};

/// One end of a connection.
#[derive(Debug)]
pub struct End {
    /// Most urgent first.
    going: [Going; 2],
    coming: [Coming; 2],
    recovery: Recovery,
    next_number: u64,
    /// Numbers of packets that came.
    came: Ranges,
    highest_came_at: Instant,
    /// A packet is on its way whose arrival will show that the other end knows what came.
    asks_for_telling: bool,
    /// Packets that came since the other end was told, and ask for an answer.
    untold: u32,
    tell_at: Option<Instant>,
    probe_due: bool,
    code: Option<u16>,
    code_due: bool,
    code_came: bool,
    ended: Option<u16>,
}

impl End {
    /// The end of this side, on a carrier that is open.
    pub fn new(side: Side, now: Instant) -> Self {
        let (ours, theirs) = ([Channel::Control, Channel::Updates], [Channel::Input, Channel::Control]);
        let (going, coming) = if side == Side::Host { (ours, theirs) } else { (theirs, ours) };
        Self {
            going: going.map(Going::new),
            coming: coming.map(Coming::new),
            recovery: Recovery::new(now),
            next_number: 0,
            came: Ranges::default(),
            highest_came_at: now,
            asks_for_telling: false,
            untold: 0,
            tell_at: None,
            probe_due: false,
            code: None,
            code_due: false,
            code_came: false,
            ended: None,
        }
    }

    /// Takes as many bytes of a channel as there is space for, and says how many. None, if this end does not send there.
    pub fn write(&mut self, channel: Channel, bytes: &[u8]) -> usize {
        self.going(channel).map_or(0, |going| going.write(bytes))
    }

    /// The next bytes of any channel.
    pub fn read(&mut self) -> Option<(Channel, Vec<u8>)> {
        self.coming.iter_mut().find_map(|coming| coming.read().map(|bytes| (coming.channel, bytes)))
    }

    /// Whether the other end has every byte of a channel.
    pub fn has_arrived(&self, channel: Channel) -> bool {
        self.going.iter().all(|going| going.channel != channel || going.is_empty())
    }

    /// Whether everything of a channel was sent once at least, or waits for nothing but the network.
    pub fn space(&self, channel: Channel) -> usize {
        self.going.iter().find(|going| going.channel == channel).map_or(0, Going::space)
    }

    /// Tells the other end that this is the end, with a code.
    pub fn end(&mut self, code: u16) {
        (self.code, self.code_due) = (Some(code), true);
    }

    /// Whether the other end knows that this is the end.
    pub fn is_known_to_end(&self) -> bool {
        self.code_came
    }

    /// The code with which the other end ended it. Read what came before it first.
    pub fn ended(&self) -> Option<u16> {
        self.ended
    }

    /// The round trip, once it was measured.
    pub fn round_trip(&self) -> Option<Duration> {
        self.recovery.round_trip()
    }

    /// Bytes on their way, and how many there may be.
    pub fn flight(&self) -> (u64, u64) {
        (self.recovery.in_flight(), self.recovery.window())
    }

    /// Bytes that came and wait for others before them, or to be read.
    pub fn kept(&self) -> usize {
        self.coming.iter().map(Coming::kept).sum()
    }

    /// A packet came. Read and send afterwards.
    pub fn receive(&mut self, packet: &[u8], now: Instant) -> Result<(), Violation> {
        let (number, parts) = packet::parse(packet)?;
        for part in &parts {
            match part {
                Part::Bytes(channel, place, bytes) => {
                    let coming = self.coming.iter().find(|coming| coming.channel == *channel);
                    let wrong = Violation::WrongChannel { message: "bytes", channel: *channel };
                    if !coming.ok_or(wrong)?.has_room(*place, bytes)? {
                        // As if it were lost: it comes again when the gaps are filled.
                        return Ok(());
                    }
                }
                Part::Room(channel, _) if self.going.iter().all(|going| going.channel != *channel) => {
                    return Err(Violation::WrongChannel { message: "room", channel: *channel });
                }
                _ => {}
            }
        }
        let asks = parts.iter().any(|part| !matches!(part, Part::Came(_)));
        self.count(number, asks, now);
        for part in parts {
            match part {
                Part::Came(came) => {
                    let Fate { came, lost } = self.recovery.came(&came, self.next_number, now)?;
                    came.into_iter().for_each(|contents| self.arrived(contents));
                    lost.into_iter().for_each(|contents| self.again(contents));
                }
                Part::Bytes(channel, place, bytes) => {
                    if let Some(coming) = self.coming.iter_mut().find(|coming| coming.channel == channel) {
                        coming.take(place, bytes);
                    }
                }
                Part::Room(channel, up_to) => {
                    if let Some(going) = self.going(channel) {
                        going.room(up_to);
                    }
                }
                Part::Question => {}
                Part::End(code) => self.ended = self.ended.or(Some(code)),
            }
        }
        Ok(())
    }

    /// The next packet that is to be sent now; call it until there is none, after everything else that was called.
    pub fn packet(&mut self, now: Instant) -> Option<Vec<u8>> {
        let tells = limits::RELIABLE_TOLD_EVERY <= self.untold || self.tell_at.is_some_and(|at| at <= now);
        let probes = core::mem::take(&mut self.probe_due);
        let may_count = self.recovery.may_count();
        let has_bytes = self.going.iter().any(Going::has_more) && (self.recovery.has_room() || probes) && may_count;
        let has_rooms = self.coming.iter().any(|coming| coming.tells_room);
        // Whoever only tells is never told that it was heard, and would tell of each gap for ever.
        let wonders = tells && limits::RELIABLE_RANGES_TOLD < self.came.count() && !self.asks_for_telling;
        let asks = has_bytes || ((has_rooms || self.code_due || probes || wonders) && may_count);
        if !tells && !asks {
            return None;
        }
        let number = self.next_number;
        self.next_number += 1;
        let mut packet = packet::begin(number);
        let tells_now = 0 < self.untold;
        if tells_now {
            packet::put_came(&mut packet, &self.came, now.since(self.highest_came_at));
            (self.untold, self.tell_at) = (0, None);
        }
        if !asks {
            return Some(packet);
        }
        let told = if tells_now { self.came.down().next().map(|(_, end)| end) } else { None };
        self.asks_for_telling |= told.is_some();
        let mut contents = Contents { told, ..Contents::default() };
        for coming in self.coming.iter_mut().filter(|coming| coming.tells_room) {
            coming.tells_room = false;
            packet::put_room(&mut packet, coming.channel, coming.up_to());
            contents.rooms.push(coming.channel);
        }
        if let Some(code) = self.code.filter(|_| self.code_due) {
            self.code_due = false;
            packet::put_end(&mut packet, code);
            contents.ends = true;
        }
        for going in self.going.iter_mut().filter(|_| has_bytes) {
            // A few bytes more would cost as many for the part.
            while packet.len() + 2 * packet::BYTES_HEAD < limits::RELIABLE_PACKET
                && contents.pieces.len() + 5 < limits::RELIABLE_PARTS
            {
                let most = limits::RELIABLE_PACKET - packet.len() - packet::BYTES_HEAD;
                let Some((start, end)) = going.next(most) else { break };
                packet::put_bytes(&mut packet, going.channel, start, going.at(start, end));
                contents.pieces.push((going.channel, start, end));
            }
        }
        if contents.pieces.is_empty() && contents.rooms.is_empty() && !contents.ends {
            packet::put_question(&mut packet);
        }
        self.recovery.sent(number, packet.len(), contents, now);
        Some(packet)
    }

    /// When [`due`](Self::due) is to be called; `None`: not before something else is.
    pub fn deadline(&self) -> Option<Instant> {
        [self.tell_at, self.recovery.deadline()].into_iter().flatten().min()
    }

    /// Does what is due. Send afterwards.
    pub fn due(&mut self, now: Instant) {
        let (lost, probe) = self.recovery.due(now);
        lost.into_iter().for_each(|contents| self.again(contents));
        if let Some(contents) = probe {
            self.again(contents);
            self.probe_due = true;
        }
    }

    fn going(&mut self, channel: Channel) -> Option<&mut Going> {
        self.going.iter_mut().find(|going| going.channel == channel)
    }

    /// A packet's number is remembered, to be told.
    fn count(&mut self, number: u64, asks: bool, now: Instant) {
        let highest = self.came.down().next().map_or(0, |(_, end)| end);
        let follows = number == highest;
        if highest <= number {
            self.highest_came_at = now;
        }
        self.came.insert(number, number + 1);
        while limits::RELIABLE_RANGES < self.came.count() {
            self.came.forget_first();
        }
        if asks {
            self.untold += 1;
            // What is lost is told at once: the sooner it comes again.
            let at = if follows { now + limits::RELIABLE_DELAY } else { now };
            self.tell_at = Some(self.tell_at.map_or(at, |other| other.min(at)));
        }
    }

    fn arrived(&mut self, contents: Contents) {
        for (channel, start, end) in contents.pieces {
            if let Some(going) = self.going(channel) {
                going.came(start, end);
            }
        }
        self.code_came |= contents.ends;
        if let Some(told) = contents.told {
            // The other end knows of all below; the highest stays, so that what is told next has a beginning.
            self.came.remove(0, told - 1);
            self.asks_for_telling = false;
        }
    }

    fn again(&mut self, contents: Contents) {
        for (channel, start, end) in contents.pieces {
            if let Some(going) = self.going(channel) {
                going.lose(start, end);
            }
        }
        for coming in &mut self.coming {
            coming.tells_room |= contents.rooms.contains(&coming.channel);
        }
        self.code_due |= contents.ends && !self.code_came;
        self.asks_for_telling &= contents.told.is_none();
    }
}
