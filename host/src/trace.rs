//! Time stamps of single inputs and updates, for `shoji-bench`; off unless `serve --trace-dir` is given.
//!
//! Owns the files `supervisor.jsonl` and `worker-<session>.jsonl`. Lines hold numbers only: never text, keys or
//! pixels. Times are nanoseconds of `CLOCK_MONOTONIC`, the same in every process of the machine.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Mutex;

use serde::Serialize;

use crate::clock;

/// A file grows to at most this; a day of benchmarks stays below it, and a forgotten trace does not fill the disk.
const MAX_BYTES: u64 = 1 << 30;

/// One thing that happened.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "ev", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the trace format; the module says the units")]
pub enum Event {
    /// The supervisor read an input from the network.
    #[serde(rename = "input")]
    InputReceived { session: u64, seq: u64, t: u64 },
    /// The supervisor handed an update to the network.
    UpdateRelayed { session: u64, canvas: u32, update: u64, bytes: usize, t: u64 },
    /// The worker gave an input to the browser.
    #[serde(rename = "input")]
    InputGiven { seq: u64, t: u64 },
    /// The worker sent an update.
    Update {
        canvas: u32,
        update: u64,
        input: u64,
        bytes: usize,
        commit: u64,
        composed: u64,
        encoded: u64,
        written: u64,
    },
    /// The worker gave the browser leave to draw.
    Leave { canvas: u32, t: u64 },
    /// A canvas is exact at the viewer, and all of it was presented.
    Rest { canvas: u32, update: u64, digest: u64 },
}

/// Where events go: nowhere, unless asked for.
#[derive(Debug, Default)]
pub struct Trace {
    file: Option<Mutex<Output>>,
}

#[derive(Debug)]
struct Output {
    file: BufWriter<File>,
    written: u64,
}

impl Trace {
    /// Writes nothing.
    pub fn off() -> Self {
        Self::default()
    }

    /// Creates the file.
    pub fn to(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        Ok(Self::to_file(file))
    }

    /// Writes to a file that is open already.
    pub fn to_file(file: File) -> Self {
        let output = Output { file: BufWriter::new(file), written: 0 };
        Self { file: Some(Mutex::new(output)) }
    }

    /// The time now, if anybody wants to know.
    pub fn now(&self) -> u64 {
        if self.is_on() { clock::nanoseconds() } else { 0 }
    }

    /// Whether events are written.
    pub fn is_on(&self) -> bool {
        self.file.is_some()
    }

    /// Writes one event. A trace that cannot be written is dropped: it must not disturb a session.
    pub fn write(&self, event: &Event) {
        let Some(file) = &self.file else { return };
        let Ok(mut output) = file.lock() else { return };
        if output.written >= MAX_BYTES {
            return;
        }
        let Ok(mut line) = serde_json::to_vec(event) else {
            return;
        };
        line.push(b'\n');
        output.written += line.len() as u64;
        let _ = output.file.write_all(&line).and_then(|()| output.file.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_agreed_shape() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.jsonl");
        let trace = Trace::to(&path).unwrap();
        trace.write(&Event::InputReceived { session: 1, seq: 2, t: 3 });
        trace.write(&Event::UpdateRelayed { session: 1, canvas: 2, update: 3, bytes: 4, t: 5 });
        trace.write(&Event::InputGiven { seq: 2, t: 3 });
        trace.write(&Event::Rest { canvas: 1, update: 2, digest: 3 });
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(
            text,
            "{\"ev\":\"input\",\"session\":1,\"seq\":2,\"t\":3}\n\
             {\"ev\":\"update_relayed\",\"session\":1,\"canvas\":2,\"update\":3,\"bytes\":4,\"t\":5}\n\
             {\"ev\":\"input\",\"seq\":2,\"t\":3}\n\
             {\"ev\":\"rest\",\"canvas\":1,\"update\":2,\"digest\":3}\n"
        );
    }
}
