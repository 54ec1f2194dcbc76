//! A browser's WebRTC: the reliable channels over one data channel.
//!
//! Owns frames that the network has not taken. What a browser may send is decided in [`crate::web`].

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::{Buf as _, Bytes};
use shoji_protocol::{Channel, CloseCode};

use super::websocket::close_code;
use super::{Carrier, Lost, Told};
use crate::{limits, web};

/// A session's WebRTC.
pub(in crate::serve) struct WebRtc {
    peer: Box<web::Peer>,
    control: VecDeque<Bytes>,
    updates: VecDeque<Bytes>,
}

impl WebRtc {
    /// Of a browser whose ticket was good.
    pub(in crate::serve) fn new(peer: Box<web::Peer>) -> Self {
        Self { peer, control: VecDeque::new(), updates: VecDeque::new() }
    }

    /// Gives the network what it takes now; whether it took anything.
    fn write(&mut self) -> bool {
        let Self { peer, control, updates } = self;
        let mut took = false;
        for (channel, frames) in [(Channel::Control, control), (Channel::Updates, updates)] {
            while let Some(frame) = frames.front_mut() {
                let count = peer.write(channel, frame);
                took |= 0 < count;
                frame.advance(count);
                if !frame.is_empty() {
                    break;
                }
                frames.pop_front();
            }
        }
        took
    }
}

impl Carrier for WebRtc {
    const NAME: &'static str = "WebRTC";
    // A lost packet costs a round trip here, and copies would share the way of what they copy.
    const HAS_DATAGRAMS: bool = false;

    fn peer(&self) -> SocketAddr {
        self.peer.remote()
    }

    fn queue(&mut self, channel: Channel, frame: Bytes) {
        match channel {
            Channel::Updates => self.updates.push_back(frame),
            Channel::Control | Channel::Input => self.control.push_back(frame),
        }
    }

    fn is_drained(&self) -> bool {
        self.updates.is_empty()
    }

    async fn next(&mut self) -> Result<Told, Lost> {
        loop {
            if self.control.iter().map(Bytes::len).sum::<usize>() > limits::CONTROL_BACKLOG {
                return Err(Lost::unread());
            }
            if self.write() {
                self.peer.flush().map_err(Lost::because)?;
                return Ok(Told::Wrote);
            }
            if let web::Came::Bytes(channel, bytes) = self.peer.next().await.map_err(Lost::because)? {
                return Ok(Told::Channel(channel, bytes));
            }
        }
    }

    async fn farewell(&mut self, code: CloseCode) {
        self.updates.clear();
        self.write();
        // The same as a WebSocket's, so that a page reads all alike.
        self.peer.end(close_code(code)).await;
    }
}
