//! A browser's WebTransport: a stream for each channel, and datagrams for copies of input and of updates.
//!
//! Owns nothing but the translation: what a browser may send is decided in [`crate::web`], how frames go on streams in
//! [`super::streams`].

use std::net::SocketAddr;

use bytes::Bytes;
use shoji_protocol::{Channel, CloseCode};
use tokio::time::timeout;

use super::copies::Copies;
use super::streams::{Beside, Streams};
use super::websocket::close_code;
use super::{Carrier, Lost, Told};
use crate::{limits, web};

/// A session's WebTransport.
pub(in crate::serve) struct WebTransport {
    line: web::Line,
    streams: Streams,
    copies: Copies,
}

impl WebTransport {
    /// Of a browser whose ticket was good.
    pub(in crate::serve) fn new(transport: web::Transport) -> Self {
        let web::Transport { line, control_in, control_out, updates } = transport;
        Self { line, streams: Streams::new(control_in, control_out, updates), copies: Copies::new() }
    }
}

impl Carrier for WebTransport {
    const NAME: &'static str = "WebTransport";
    const HAS_DATAGRAMS: bool = true;
    const COPIES_UPDATES: bool = true;

    fn peer(&self) -> SocketAddr {
        self.line.peer()
    }

    fn queue(&mut self, channel: Channel, frame: Bytes) {
        if channel == Channel::Updates {
            self.copies.sent(&frame, || self.line.path());
        }
        self.streams.queue(channel, frame);
    }

    fn copy_updates(&mut self) {
        self.copies.want();
    }

    fn is_drained(&self) -> bool {
        self.streams.is_drained()
    }

    async fn next(&mut self) -> Result<Told, Lost> {
        loop {
            let Self { line, streams, copies } = self;
            copies.send_due(|copy| line.send_copy(&copy));
            let beside = async {
                tokio::select! {
                    biased;
                    arrival = line.next() => match arrival.map_err(Lost::because)? {
                        web::Arrival::Input(stream) => Ok(Beside::Input(stream)),
                        web::Arrival::Datagram(datagram) => Ok(Beside::Datagram(datagram)),
                    },
                    () = copies.wait() => Ok(Beside::CopyDue),
                }
            };
            if let Some(told) = streams.next(beside).await? {
                return Ok(told);
            }
        }
    }

    async fn farewell(&mut self, code: CloseCode) {
        let Self { line, streams, .. } = self;
        if !line.is_over() {
            // No stream may be half open when the session ends: Chromium 156 then crashes at times, and the page with it.
            streams.give_up_updates(web::stream_code(0));
            let say = async {
                // First, so that the message is there before the browser gives up the session's streams.
                let _ = streams.farewell().await;
                // The same as a WebSocket's, so that a page reads both alike.
                line.end(close_code(code)).await
            };
            let _ = timeout(limits::FAREWELL, say).await;
        }
        line.close();
    }
}
