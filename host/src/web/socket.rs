//! The session's WebSocket: the upgrade, the ticket, and messages of bytes from then on.
//!
//! Owns what a browser may send there: binary messages of bounded length, the first of which is a ticket. It must never
//! compress (what crosses is compressed already, and lengths would tell of it), take text, or hold more than one message that
//! the network has not taken.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::{Sink as _, SinkExt as _, Stream as _};
use tokio::time::{Instant, timeout};
use tracing::info;

use super::api::{Asker, Refusal, Shared};
use super::counted::Count;
use super::rates::Bucket;
use super::server::Place;
use super::{Way, bodies, names};
use crate::limits;
use crate::registry::Fingerprint;

/// The WebSocket's protocol; carries the same major version as the native viewer's ALPN.
const PROTOCOL: &str = "shoji.1";

/// The close code of a ticket that is none, on a WebSocket and over WebTransport.
pub(super) const NO_TICKET: u16 = 4401;

/// Answers the upgrade; what follows runs in a task of its own.
pub(super) async fn session(
    State(shared): State<Arc<Shared>>,
    parts: Parts,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let asker = parts.extensions.get::<Asker>().cloned().ok_or(Refusal::Host)?;
    names::own_origin(&parts, &asker.authority)?;
    let place = parts.extensions.get::<Arc<Place>>().cloned();
    let came = parts.extensions.get::<Count>().cloned().unwrap_or_default();
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return Ok(rejection.into_response()),
    };
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(limits::WEB_MESSAGE)
        .max_message_size(limits::WEB_MESSAGE)
        .max_frame_size(limits::WEB_MESSAGE)
        // Given to the network at once; room for one message of ours and the answers to pings.
        .write_buffer_size(0)
        .max_write_buffer_size(limits::MESSAGE * 2);
    if upgrade.selected_protocol().is_none() {
        return Err(Refusal::Body);
    }
    Ok(upgrade.on_upgrade(move |socket| async move {
        let heard = came.bytes();
        let mut socket =
            Socket { socket, peer: asker.peer, came, heard, pings: Bucket::default(), closing: Closing::No };
        match timeout(limits::WEB_TICKET_TIMEOUT, ticket(&shared, &mut socket)).await {
            Ok(Some(fingerprint)) => {
                // From here on the list of viewers' connections counts it.
                drop(place);
                shared.admission.clone().session(fingerprint, Way::Socket(socket)).await;
            }
            _ => {
                shared.lines.no_ticket.tell(|left_out| {
                    info!(peer = %asker.peer, left_out, "Browser's WebSocket refused: it has no ticket");
                });
                socket.close(NO_TICKET).await;
            }
        }
    }))
}

/// Reads the first message: to whom its ticket was given.
async fn ticket(shared: &Shared, socket: &mut Socket) -> Option<Fingerprint> {
    let message = std::future::poll_fn(|context| socket.poll_receive(context)).await?.ok()?;
    shared.redeem(&bodies::first_message(&message).ok()?)
}

/// A browser's WebSocket.
#[derive(Debug)]
pub struct Socket {
    socket: WebSocket,
    peer: SocketAddr,
    came: Count,
    /// Bytes that had come when there was a message last.
    heard: u64,
    pings: Bucket,
    closing: Closing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    Said,
    Sent,
}

/// Why a browser's WebSocket is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// Text.
    #[error("the browser sent text")]
    Text,
    /// A message without bytes, which only costs.
    #[error("the browser sent an empty message")]
    Empty,
    /// Pieces of a message, which cost and bring nothing.
    #[error("the browser sends pieces that make no message")]
    Pieces,
    /// More pings than anybody needs.
    #[error("the browser sends too many pings")]
    Pings,
    /// A message too long, no frame, or the connection broke.
    #[error("{0}")]
    Socket(#[from] axum::Error),
}

impl Socket {
    /// Where the browser is.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The next message, of [`limits::WEB_MESSAGE`] bytes at most; `None`: the browser closed. Pings are answered here.
    pub fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        loop {
            let Poll::Ready(message) = Pin::new(&mut self.socket).poll_next(context) else {
                // A piece may be empty, so the longest message there is does not bound them.
                let has_enough = self.came.bytes() - self.heard > limits::WEB_UNFINISHED;
                return if has_enough { Poll::Ready(Some(Err(Broken::Pieces))) } else { Poll::Pending };
            };
            self.heard = self.came.bytes();
            let broken = match message {
                Some(Ok(Message::Binary(bytes))) if !bytes.is_empty() => return Poll::Ready(Some(Ok(bytes))),
                None | Some(Ok(Message::Close(_))) => return Poll::Ready(None),
                Some(Ok(Message::Binary(_))) => Broken::Empty,
                Some(Ok(Message::Text(_))) => Broken::Text,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                    match self.pings.after(limits::WEB_PINGS, Instant::now()) {
                        Some(pings) => {
                            self.pings = pings;
                            continue;
                        }
                        None => Broken::Pings,
                    }
                }
                Some(Err(error)) => error.into(),
            };
            return Poll::Ready(Some(Err(broken)));
        }
    }

    /// Ready when a message can be given.
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Pin::new(&mut self.socket).poll_ready(context).map_err(Broken::from)
    }

    /// Gives a message, of [`limits::MESSAGE`] bytes at most.
    pub fn send(&mut self, message: Bytes) -> Result<(), Broken> {
        Ok(Pin::new(&mut self.socket).start_send(Message::Binary(message))?)
    }

    /// Ready when the network took every message.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Pin::new(&mut self.socket).poll_flush(context).map_err(Broken::from)
    }

    /// Says goodbye with a code; ready when the browser has too, or the connection is broken.
    pub fn poll_close(&mut self, code: u16, context: &mut Context<'_>) -> Poll<()> {
        if self.closing == Closing::No {
            if ready!(self.poll_ready(context)).is_err() {
                return Poll::Ready(());
            }
            let frame = CloseFrame { code, reason: Utf8Bytes::from_static("") };
            if Pin::new(&mut self.socket).start_send(Message::Close(Some(frame))).is_err() {
                return Poll::Ready(());
            }
            self.closing = Closing::Said;
        }
        if self.closing == Closing::Said {
            if ready!(self.poll_flush(context)).is_err() {
                return Poll::Ready(());
            }
            self.closing = Closing::Sent;
        }
        // What it sent before is of no interest any more.
        while let Some(Ok(_)) = ready!(self.poll_receive(context)) {}
        Poll::Ready(())
    }

    async fn close(&mut self, code: u16) {
        let close = std::future::poll_fn(|context| self.poll_close(code, context));
        let _ = timeout(limits::FAREWELL, close).await;
        let _ = timeout(limits::FAREWELL, self.socket.close()).await;
    }
}
