//! Owns the native window as an arm: the shipped viewer on an X server without a screen, keys by XTEST, moments by its own trace.
//!
//! Its pictures are not read: the viewer's trace says when the buffer of a picture was presented that was made after the browser
//! had the key. So only scenes in which nothing else changes can be measured. Must never use a display that it did not start.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Deserialize;

use super::display::{Display, Ended};
use super::host::{Host, Programs};
use super::watch::{Arrival, Sighting, Watch};
use super::{Arm, Given, Processes, Resting};
use crate::ArmName;
use crate::code::Strips;
use crate::meter::descendants;
use crate::page::Answer;
use crate::record::Traffic;
use crate::trace::Traces;

/// How often the trace is looked at. The moments are in it: looking late measures nothing wrong.
const LOOK: Duration = Duration::from_millis(2);
/// How long an event may take from XTEST to the viewer's trace.
const EVENT_PATIENCE: Duration = Duration::from_secs(5);
/// A part of the window's title, in every language.
const TITLE: &str = "Shoji";
/// Room around the picture for the window's own frame.
const FRAME: (u32, u32) = (64, 128);

/// The native window, running. Dropping it ends viewer, X server and host.
pub struct Window {
    viewer: Ended,
    display: Display,
    host: Host,
    trace: Tail,
    watch: Watch,
    canvas: Option<u32>,
    waiting: Option<u64>,
}

impl Window {
    /// Starts a host, an X server and the viewer with its window; the browser opens `url`.
    ///
    /// # Errors
    /// If one of them is missing or cannot be started.
    pub fn start(
        programs: &Programs,
        url: &str,
        width: u16,
        height: u16,
        browser: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let viewer = programs.path("shoji-viewer")?;
        let display = Display::start(u32::from(width) + FRAME.0, u32::from(height) + FRAME.1, None)
            .context("the native window needs an X server; or leave out --window")?;
        let host = Host::start(programs, url, browser)?;
        let bundle = host.device("window", host.address())?;
        let trace = host.traces().join("viewer.trace");
        let child = display
            .command(&viewer.display().to_string())
            .args(["connect", "--new-session", "--size", &format!("{width}x{height}"), "--bundle"])
            .arg(bundle)
            .arg("--trace")
            .arg(&trace)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", viewer.display()))?;
        let viewer = Ended(child);
        Ok(Self { viewer, display, host, trace: Tail::new(trace), watch: Watch::new(), canvas: None, waiting: None })
    }

    /// The id of the browser's main canvas, once a picture was presented.
    #[must_use]
    pub fn canvas(&self) -> Option<u32> {
        self.canvas
    }

    /// What the host of this arm has traced so far.
    ///
    /// # Errors
    /// If the traces cannot be read.
    pub fn traces(&self) -> anyhow::Result<Traces> {
        Traces::read(self.host.traces()).context("cannot read the host's traces")
    }

    fn hands(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let done = self
            .display
            .command("xdotool")
            .args(arguments)
            .output()
            .context("cannot start xdotool; install the package xdotool")?;
        anyhow::ensure!(
            done.status.success(),
            "xdotool {} failed: {}",
            arguments[0],
            String::from_utf8_lossy(&done.stderr).trim()
        );
        Ok(())
    }

    /// Reads the trace until `wanted` says what it looked for.
    fn watch_trace<T>(&mut self, patience: Duration, mut wanted: impl FnMut(&Line) -> Option<T>) -> Option<T> {
        let until = Instant::now() + patience;
        loop {
            while let Some(line) = self.trace.next_line() {
                if let Line::Presented { canvas, .. } = line {
                    self.canvas.get_or_insert(canvas);
                }
                if let Some(found) = wanted(&line) {
                    return Some(found);
                }
            }
            if Instant::now() > until {
                return None;
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Arm for Window {
    fn name(&self) -> ArmName {
        ArmName::Window
    }

    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn key(&mut self, key: u16, pressed: bool) -> anyhow::Result<Given> {
        if pressed {
            // What is in the trace by now belongs to earlier events.
            while self.trace.next_line().is_some() {}
        }
        // An X server's key codes are those of evdev plus eight.
        self.hands(&[if pressed { "keydown" } else { "keyup" }, &(key + 8).to_string()])?;
        if !pressed {
            return Ok(Given { at: 0, sequence: None });
        }
        let given = self.watch_trace(EVENT_PATIENCE, |line| match *line {
            Line::Input { seq, t } => Some(Given { at: t, sequence: Some(seq) }),
            _ => None,
        });
        let given = given.context("the viewer's window did not get the key; has it the keyboard of its X server?")?;
        self.waiting = given.sequence;
        Ok(given)
    }

    fn click(&mut self, x: u32, y: u32) -> anyhow::Result<()> {
        // Without a window manager nobody else gives the window the keyboard.
        let (x, y) = (x.to_string(), y.to_string());
        self.hands(&["search", "--sync", "--name", TITLE, "windowfocus", "--sync", "mousemove", &x, &y, "click", "1"])
    }

    fn processes(&mut self) -> anyhow::Result<Processes> {
        let session = self.host.session()?;
        let mut viewer = descendants(self.viewer.0.id());
        viewer.insert(self.display.server());
        Ok(Processes {
            supervisor: Some(self.host.id()),
            worker: Some(session.worker),
            browser: session.browser.map(descendants).unwrap_or_default(),
            viewer,
        })
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    /// The page's picture is not read here: it is enough that pictures are presented.
    fn find(&mut self, _answer: &Answer) -> Option<Strips> {
        self.watch_trace(LOOK, |line| matches!(line, Line::Presented { .. }).then_some(())).map(|()| Strips {
            left: 0,
            upper: 0,
            lower: 0,
            ratio: 1.0,
        })
    }

    fn sighting(&mut self, code: u16, patience: Duration) -> Option<Sighting> {
        let sequence = self.waiting?;
        let (mut received, mut decoded) = (None, None);
        self.watch_trace(patience, |line| match *line {
            Line::Received { update, t } => {
                received = Some((update, t));
                None
            }
            Line::Decoded { update, t } => {
                decoded = Some((update, t));
                None
            }
            Line::Presented { update, input, t, .. } if input >= sequence => {
                let moment = |of: Option<(u64, i64)>| of.filter(|of| of.0 == update).map(|of| of.1);
                let arrival = moment(received).zip(moment(decoded)).map(|(received, decoded)| Arrival {
                    update,
                    received,
                    decoded,
                });
                Some(Sighting { code, at: t, arrival })
            }
            _ => None,
        })
    }

    fn shows(&mut self, _code: u16, _patience: Duration) -> bool {
        true
    }

    fn resting(&self) -> Option<Resting> {
        None
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.viewer.0.try_wait(), Ok(None))
    }

    fn complaint(&mut self) -> Option<String> {
        let ended = match self.viewer.0.try_wait() {
            Ok(Some(status)) => format!("the viewer has ended ({status})"),
            _ => "the viewer's window is open".to_owned(),
        };
        Some(format!("{ended}; the host said: {}", self.host.last_words()))
    }
}

#[derive(Debug, Deserialize)]
#[serde(tag = "ev", rename_all = "snake_case")]
enum Line {
    Input {
        seq: u64,
        t: i64,
    },
    Received {
        update: u64,
        t: i64,
    },
    Decoded {
        update: u64,
        t: i64,
    },
    Presented {
        canvas: u32,
        update: u64,
        input: u64,
        t: i64,
    },
    #[serde(other)]
    Other,
}

/// The end of a growing file, line by line.
struct Tail {
    path: PathBuf,
    file: Option<BufReader<File>>,
    partial: String,
}

impl Tail {
    fn new(path: PathBuf) -> Self {
        Self { path, file: None, partial: String::new() }
    }

    /// The next whole line, if there is one. Lines that cannot be read are passed over.
    fn next_line(&mut self) -> Option<Line> {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok().map(BufReader::new);
        }
        let file = self.file.as_mut()?;
        loop {
            // A line is far shorter than this; the bound keeps a broken file from filling the memory.
            let read = file.by_ref().take(4096).read_line(&mut self.partial).ok()?;
            if !self.partial.ends_with('\n') {
                if read == 0 || self.partial.len() < 4096 {
                    return None;
                }
                self.partial.clear();
                continue;
            }
            let line = serde_json::from_str(&self.partial).ok();
            self.partial.clear();
            if line.is_some() {
                return line;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_growing_trace_is_read_line_by_line() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("viewer.trace");
        let mut tail = Tail::new(path.clone());
        assert!(tail.next_line().is_none());
        let mut file = File::create(&path).expect("a new file");
        file.write_all(b"{\"ev\":\"input\",\"seq\":7,").expect("written");
        assert!(tail.next_line().is_none());
        file.write_all(b"\"t\":1}\nnonsense\n{\"ev\":\"resized\",\"t\":2}\n").expect("written");
        assert!(matches!(tail.next_line(), Some(Line::Input { seq: 7, t: 1 })));
        assert!(matches!(tail.next_line(), Some(Line::Other)));
        assert!(tail.next_line().is_none());
    }
}
