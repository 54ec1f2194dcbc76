//! Pixels mode (`--pixels`): what the host paints is decoded to canvases, and what goes to the viewer is encoded from those.
//!
//! ```text
//!  host's update ─► a process without rights ─► pixels ─► canvas ─► the gate's own encoder ─► update of the gate's making
//! ```
//!
//! Not a byte of a payload that the host made goes further than a decoder's process, which has a socket and a memory file and nothing
//! else (`shoji_decoder`). Whoever takes that over can paint the canvas that he could paint anyway. [`painter`] has the canvases and says
//! what goes next; [`room`] is the thread in which one viewer's painter works, so that input never waits behind a picture.
//!
//! **Who acknowledges.** The host is told that its picture was presented when the viewer presented what shows it, as if there
//! were no gate: its window measures the whole way. What comes faster than the viewer takes it is merged in the canvas.
//!
//! It must never hand a payload of the host's to anything but a decoder's process.

mod painter;
mod room;

use shoji_protocol::{CanvasId, InputSequence, Rate, Size, UpdateId};

pub(super) use painter::Painter;
pub(super) use room::Room;

/// What a painter is told, in order.
#[derive(Debug)]
pub(super) enum Told {
    /// The host painted.
    Update(Update),
    /// The host closed a canvas.
    Closed(CanvasId),
    /// The viewer presented what the painter made, and all before it of its canvas.
    Presented(CanvasId, UpdateId),
    /// The viewer lost its picture.
    Repaint(CanvasId),
    /// How often the viewer's screen shows a new picture.
    Refresh(Rate),
}

/// What a painter has to say, in order.
#[derive(Debug)]
pub(super) enum Says {
    /// For the viewer: an update of the gate's making.
    Update(Update),
    /// For the host: what it painted was presented.
    Presented(CanvasId, UpdateId),
    /// For the host: paint all of it again.
    Repaint(CanvasId),
    /// It goes no further with this host.
    Failed(Failed),
}

/// An update, the host's or the gate's: as in [`shoji_protocol::ToViewer::Update`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Update {
    pub(super) canvas: CanvasId,
    pub(super) update: UpdateId,
    pub(super) size: Size,
    /// By the viewer's numbers.
    pub(super) input: InputSequence,
    pub(super) more: bool,
    pub(super) pixels: Vec<u8>,
}

/// A painter cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// Asked for the whole picture, the host sent another one that is none.
    #[error("the host's picture cannot be decoded, nor can the whole one that was asked for: {0}")]
    Picture(shoji_codec::DecodeError),
    /// Whole pictures that each end a decoder are no accident.
    #[error("the host's whole pictures ended {0} decoders, one after the other")]
    Decoders(u32),
    /// The gate's own encoder.
    #[error("the gate cannot encode: {0}")]
    Encoder(#[from] shoji_codec::EncodeError),
    /// The thread is gone.
    #[error("the gate's painter ended: look for a panic in its log, and report it")]
    Gone,
}

impl Failed {
    /// Whether it is the host that made it fail.
    pub(super) fn is_hosts(&self) -> bool {
        matches!(self, Self::Picture(_) | Self::Decoders(_))
    }
}
