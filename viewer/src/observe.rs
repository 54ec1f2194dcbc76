//! Hooks at the moments that matter for latency, and the trace file made of them.
//!
//! Owns the [`Observer`] trait and `--trace`. Callbacks run where the moment happens (network task or window loop), so
//! they must return at once. A trace holds numbers and times only, never what was typed or seen.
//!
//! A trace is JSON lines; `t` is in nanoseconds of [`crate::clock`], on Linux `CLOCK_MONOTONIC`:
//!
//! ```text
//! {"ev":"input","seq":7,"t":…}
//! {"ev":"received","canvas":1,"update":42,"bytes":180,"t":…}
//! {"ev":"decoded","canvas":1,"update":42,"input":7,"t":…}
//! {"ev":"presented","canvas":1,"update":42,"input":7,"t":…}
//! ```

use std::{
    fs::File,
    io::{LineWriter, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;
use shoji_codec::Canvas;
use shoji_protocol::{CanvasId, InputSequence, UpdateId};

use crate::{clock::Stamp, ui::image::Area};

/// Is told of moments. All methods do nothing unless overridden.
pub trait Observer: Send + Sync {
    /// An input event got its number and was given to the carrier.
    fn input_sent(&self, sequence: InputSequence, now: Stamp) {
        let _ = (sequence, now);
    }

    /// An update arrived whole; `bytes` of payload.
    fn update_received(&self, canvas: CanvasId, update: UpdateId, bytes: usize, now: Stamp) {
        let _ = (canvas, update, bytes, now);
    }

    /// An update is in the canvas.
    fn decoded(&self, moment: &Decoded<'_>) {
        let _ = moment;
    }

    /// An update is on the screen (headless: in the canvas).
    fn presented(&self, canvas: CanvasId, update: UpdateId, input: InputSequence, now: Stamp) {
        let _ = (canvas, update, input, now);
    }
}

/// What is known when an update was applied.
#[derive(Debug, Clone, Copy)]
pub struct Decoded<'a> {
    /// Whose update.
    pub canvas: CanvasId,
    /// Which update.
    pub update: UpdateId,
    /// The last input the browser had before it made the picture.
    pub input: InputSequence,
    /// The picture now.
    pub picture: &'a Canvas,
    /// Areas not yet presented, this update's among them.
    pub changed: &'a [Area],
    /// When.
    pub now: Stamp,
}

/// Observes nothing.
impl Observer for () {}

/// Tells each in turn.
impl Observer for Vec<Arc<dyn Observer>> {
    fn input_sent(&self, sequence: InputSequence, now: Stamp) {
        self.iter().for_each(|each| each.input_sent(sequence, now));
    }

    fn update_received(&self, canvas: CanvasId, update: UpdateId, bytes: usize, now: Stamp) {
        self.iter().for_each(|each| each.update_received(canvas, update, bytes, now));
    }

    fn decoded(&self, moment: &Decoded<'_>) {
        self.iter().for_each(|each| each.decoded(moment));
    }

    fn presented(&self, canvas: CanvasId, update: UpdateId, input: InputSequence, now: Stamp) {
        self.iter().for_each(|each| each.presented(canvas, update, input, now));
    }
}

/// Writes the moments to a file.
#[derive(Debug)]
pub struct Trace {
    file: Mutex<LineWriter<File>>,
}

#[derive(Serialize)]
#[serde(tag = "ev", rename_all = "lowercase")]
enum Event {
    Input { seq: u64, t: u64 },
    Received { canvas: u32, update: u64, bytes: usize, t: u64 },
    Decoded { canvas: u32, update: u64, input: u64, t: u64 },
    Presented { canvas: u32, update: u64, input: u64, t: u64 },
}

impl Trace {
    /// Starts a trace file, replacing an older one.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Self { file: Mutex::new(LineWriter::new(File::create(path)?)) })
    }

    fn write(&self, event: &Event) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk must not end a session; the reader of the trace sees that it is cut.
        let _ = serde_json::to_writer(&mut *file, event).map(|()| file.write_all(b"\n"));
    }
}

impl Observer for Trace {
    fn input_sent(&self, sequence: InputSequence, now: Stamp) {
        self.write(&Event::Input { seq: sequence.0, t: now.0 });
    }

    fn update_received(&self, canvas: CanvasId, update: UpdateId, bytes: usize, now: Stamp) {
        self.write(&Event::Received { canvas: canvas.0, update: update.0, bytes, t: now.0 });
    }

    fn decoded(&self, moment: &Decoded<'_>) {
        self.write(&Event::Decoded {
            canvas: moment.canvas.0,
            update: moment.update.0,
            input: moment.input.0,
            t: moment.now.0,
        });
    }

    fn presented(&self, canvas: CanvasId, update: UpdateId, input: InputSequence, now: Stamp) {
        self.write(&Event::Presented { canvas: canvas.0, update: update.0, input: input.0, t: now.0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_lines_of_numbers() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("trace.jsonl");
        let trace = Trace::create(&path).expect("a new file");
        trace.input_sent(InputSequence(7), Stamp(1));
        trace.presented(CanvasId(1), UpdateId(2), InputSequence(7), Stamp(3));
        let text = std::fs::read_to_string(&path).expect("just written");
        assert_eq!(
            text,
            "{\"ev\":\"input\",\"seq\":7,\"t\":1}\n{\"ev\":\"presented\",\"canvas\":1,\"update\":2,\"input\":7,\"t\":3}\n"
        );
    }
}
