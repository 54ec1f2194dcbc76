//! What turns updates into pictures, where a fault in it does the least harm.
//!
//! Updates come from the other network, and whoever took the host over writes them. [`Decode`] is all that viewer and gate
//! know of it. [`InProcess`] is the codec's decoder itself. [`process`] (Linux) has it in a process of its own, without
//! network, files or windows: what takes that process over can paint the canvas that it was to paint anyway, and nothing else.
//! Another system's way of confining a process goes behind the same trait.
//!
//! ```text
//!            request: size, payload (one socket)
//!  parent ───────────────────────────────────────► child: decodes into its own canvas
//!         ◄───────────────────────────────────────
//!            what moves, before it decodes
//!         ◄───────────────────────────────────────
//!            what else changed                          └─► changed pixels, packed, in a memory file
//!  moves, then reads them from the memory file into its canvas
//! ```
//!
//! - The parent makes the memory file, at the size of the largest canvas, and seals that size: the child cannot cut it short.
//! - The parent says the canvas's size with every request, from the message that the protocol checked; rectangles outside it,
//!   empty ones, too many, or more pixels than the canvas has are garbage.
//! - What only moves is moved on both sides at the same time: a scroll sends the pixels that are new, as the host did.
//! - The parent copies with `preadv`, so that it maps no memory that a stranger writes: nothing changes under its eyes, no signal
//!   can hit it, and there is no unsafe code in it. What is copied is what changed, once.
//! - The request is one write, the answer two, and all are read where they are waited for.
//! - An answer that is late, broken or garbage ends the child. The next update starts another, and the host is asked for a
//!   whole picture.

#[cfg(target_os = "linux")]
mod child;
#[cfg(target_os = "linux")]
pub mod process;
#[cfg(target_os = "linux")]
mod words;

use shoji_codec::{Canvas, DecodeError, Decoder, Limits, Rect, Size};
use shoji_protocol::limits;

#[cfg(target_os = "linux")]
pub use child::run;

/// An update made no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// The update is at fault, or the one before it.
    #[error(transparent)]
    Update(#[from] DecodeError),
    /// The decoder itself was lost; another starts with the next update, which has to be a whole picture.
    #[error("the decoder was lost and is started anew")]
    Lost,
}

/// Applies updates to one canvas.
pub trait Decode: Send + std::fmt::Debug {
    /// Applies an update for a canvas that has this size afterwards. Gives what may have changed.
    ///
    /// # Errors
    /// After any, only a complete update is accepted.
    fn apply(&mut self, payload: &[u8], size: Size) -> Result<&[Rect], Failed>;

    /// The picture; 0x0 before the first.
    fn canvas(&self) -> &Canvas;
}

/// Makes a decoder for each canvas.
#[derive(Debug, Clone, Default)]
pub enum Decoders {
    /// In this process.
    #[default]
    InProcess,
    /// Each in a process of its own, which this program starts when it is called as [`process::Program`] says.
    #[cfg(target_os = "linux")]
    Process(process::Program),
}

impl Decoders {
    /// A decoder without a canvas.
    #[must_use]
    pub fn make(&self) -> Box<dyn Decode> {
        match self {
            Self::InProcess => Box::new(InProcess::default()),
            #[cfg(target_os = "linux")]
            Self::Process(program) => Box::new(process::Process::new(program.clone())),
        }
    }
}

/// What any decoder accepts.
fn accepted() -> Limits {
    Limits { size: Size { width: limits::MAX_WIDTH.into(), height: limits::MAX_HEIGHT.into() }, h264: true }
}

/// The codec's decoder in this process.
#[derive(Debug)]
pub struct InProcess(Decoder);

impl Default for InProcess {
    fn default() -> Self {
        Self(Decoder::new(accepted()))
    }
}

impl Decode for InProcess {
    fn apply(&mut self, payload: &[u8], size: Size) -> Result<&[Rect], Failed> {
        self.0.apply(payload)?;
        if self.0.canvas().size() != size {
            return Err(DecodeError::SizeMismatch.into());
        }
        Ok(self.0.changed())
    }

    fn canvas(&self) -> &Canvas {
        self.0.canvas()
    }
}
