//! A browser's WebSocket as a carrier of messages.
//!
//! Owns nothing but the translation: what a browser may send is decided in [`crate::web`], how frames are cut in
//! [`super::messages`].

use std::task::{Context, Poll};

use bytes::Bytes;
use shoji_protocol::CloseCode;

use super::Lost;
use super::messages::Socket;
use crate::web;

impl Socket for web::Socket {
    const NAME: &'static str = "WebSocket";

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Lost>>> {
        self.poll_receive(context).map(|message| message.map(|message| message.map_err(Lost::because)))
    }

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        self.poll_ready(context).map_err(Lost::because)
    }

    fn send(&mut self, message: Bytes) -> Result<(), Lost> {
        self.send(message).map_err(Lost::because)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        self.poll_flush(context).map_err(Lost::because)
    }

    fn poll_close(&mut self, code: CloseCode, context: &mut Context<'_>) -> Poll<()> {
        self.poll_close(close_code(code), context)
    }
}

/// The close code of a browser's connection for a close code: on a WebSocket those from 4000 on are a program's own.
pub(super) fn close_code(code: CloseCode) -> u16 {
    4_000 + code.number()
}
