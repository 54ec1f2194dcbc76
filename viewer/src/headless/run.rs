//! Plays a script on a viewer.
//!
//! Owns how a step becomes input: text as keys or commits, clicks with their motion. Steps run one after the other; the
//! first that fails ends the script, with its place.

use std::{fmt, path::PathBuf, time::Duration};

use shoji_protocol::{
    Button, CanvasId, Input, Key, KeyboardLayout, Position, Text, UpdateId, WheelDelta, WheelSource, limits,
};

use super::{Viewer, WaitError};
use crate::{
    keys,
    script::{self, Click, Line, Point, Step},
    texts::{self, Language},
};

/// Time between the steps of a drag: pages see a movement only if it has places in between.
const DRAG_STEP: Duration = Duration::from_millis(8);

/// Places of a drag.
const DRAG_STEPS: u32 = 8;

/// Keys sent without a pause; beyond it typing keeps to what the host takes in the long run.
const KEYS_AT_ONCE: u32 = limits::KEYS.burst / 2;

/// Why a script stopped.
#[derive(Debug)]
pub struct RunError {
    /// Line of the step, from 1.
    pub line: usize,
    /// Column of the step, from 1.
    pub column: usize,
    /// What happened.
    pub why: Why,
}

/// What stopped a step.
#[derive(Debug)]
pub enum Why {
    /// Something waited for did not come.
    Wait(WaitError),
    /// There is no session to send input to.
    NotSent,
    /// A file could not be written.
    Write(PathBuf, std::io::Error),
}

impl From<WaitError> for Why {
    fn from(error: WaitError) -> Self {
        Self::Wait(error)
    }
}

impl RunError {
    /// The sentences for the person, with the place and the next step; `host` is the one of the device file.
    #[must_use]
    pub fn in_language(&self, language: Language, host: &str) -> String {
        let what = match &self.why {
            Why::Wait(error) => error.in_language(language, host),
            Why::NotSent => texts::Text::ScriptNotSent.in_language(language).to_owned(),
            Why::Write(path, error) => texts::Text::CliCannotWrite
                .with(language, &[("path", &path.display().to_string()), ("why", &texts::cause(error, language))]),
        };
        script::at_place(self.line, self.column, &what, language)
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_language(Language::En, "the host"))
    }
}

impl std::error::Error for RunError {}

impl Viewer {
    /// Plays a checked script on the main window; each wait of it may take `timeout`.
    ///
    /// # Errors
    /// The first step that failed, with its place.
    pub fn play(&self, script: &[Line], layout: KeyboardLayout, timeout: Duration) -> Result<(), RunError> {
        let at = |line: &Line| {
            let (line, column) = (line.line, line.column);
            move |why: Why| RunError { line, column, why }
        };
        let Some(first) = script.first() else { return Ok(()) };
        let main = self.ready(timeout).map_err(|error| at(first)(error.into()))?;
        let mut player = Player { viewer: self, main, layout, timeout, seen: UpdateId(0), keys: 0 };
        for line in script {
            player.step(&line.step).map_err(at(line))?;
        }
        Ok(())
    }
}

struct Player<'a> {
    viewer: &'a Viewer,
    main: CanvasId,
    layout: KeyboardLayout,
    timeout: Duration,
    /// The main window's update before the last step that sent input.
    seen: UpdateId,
    keys: u32,
}

impl Player<'_> {
    fn step(&mut self, step: &Step) -> Result<(), Why> {
        if !matches!(step, Step::WaitQuiet(_) | Step::WaitChange | Step::Screenshot(_)) {
            self.seen = self.viewer.lock().view(self.main).map_or(UpdateId(0), |view| view.update());
        }
        match step {
            Step::Type(text) => self.text(text),
            Step::Key(codes) => self.chord(codes),
            Step::Click(point, click) => {
                self.motion(*point)?;
                let button = match click {
                    Click::Left | Click::Double => Button::Left,
                    Click::Right => Button::Right,
                    Click::Middle => Button::Middle,
                };
                for _ in 0..if *click == Click::Double { 2 } else { 1 } {
                    self.button(button, true)?;
                    self.button(button, false)?;
                }
                Ok(())
            }
            Step::Move(point) => self.motion(*point),
            Step::Drag(from, to) => {
                self.motion(*from)?;
                self.button(Button::Left, true)?;
                for step in 1..=DRAG_STEPS {
                    std::thread::sleep(DRAG_STEP);
                    let part = f64::from(step) / f64::from(DRAG_STEPS);
                    let between = |from: f64, to: f64| from + (to - from) * part;
                    self.motion(Point { x: between(from.x, to.x), y: between(from.y, to.y) })?;
                }
                self.button(Button::Left, false)
            }
            Step::Scroll(point, notches) => {
                self.motion(*point)?;
                #[expect(clippy::cast_possible_truncation, reason = "at most 1,000 notches of 120")]
                let vertical = WheelDelta::clamped((notches * 120.0).round() as i32);
                self.send(Input::Wheel { horizontal: WheelDelta::clamped(0), vertical, source: WheelSource::Wheel })
            }
            Step::WaitQuiet(settle) => Ok(self.viewer.wait_quiet(*settle, self.timeout)?),
            Step::WaitChange => {
                let (main, seen) = (self.main, self.seen);
                Ok(self.viewer.wait_until(texts::Text::AwaitedChange, self.timeout, |model| {
                    model.view(main).filter(|view| view.update() > seen).map(|_| ())
                })?)
            }
            Step::Resize(width, height, scale) => self.resize(*width, *height, *scale),
            Step::Screenshot(path) => {
                let png = self.viewer.png(self.main)?;
                std::fs::write(path, png).map_err(|error| Why::Write(path.clone(), error))
            }
        }
    }

    fn send(&self, event: Input) -> Result<(), Why> {
        self.viewer.input(event).map(|_| ()).ok_or(Why::NotSent)
    }

    fn key(&mut self, code: u16, pressed: bool) -> Result<(), Why> {
        self.keys += 1;
        if self.keys > KEYS_AT_ONCE {
            std::thread::sleep(Duration::from_secs(1) / limits::KEYS.per_second);
        }
        let key = Key::new(code).map_err(|_| Why::NotSent)?;
        self.send(Input::Key { key, pressed })
    }

    fn chord(&mut self, codes: &[u16]) -> Result<(), Why> {
        codes.iter().try_for_each(|&code| self.key(code, true))?;
        codes.iter().rev().try_for_each(|&code| self.key(code, false))
    }

    fn text(&mut self, text: &str) -> Result<(), Why> {
        let mut commit = String::new();
        for char in text.chars() {
            match keys::of_char(char, self.layout) {
                Some(stroke) => {
                    self.commit(&mut commit)?;
                    let both = [keys::SHIFT, stroke.code];
                    self.chord(if stroke.shift { &both } else { &both[1..] })?;
                }
                None => {
                    if commit.len() + char.len_utf8() > limits::MAX_TEXT {
                        self.commit(&mut commit)?;
                    }
                    commit.push(char);
                }
            }
        }
        self.commit(&mut commit)
    }

    fn commit(&mut self, text: &mut String) -> Result<(), Why> {
        if text.is_empty() {
            return Ok(());
        }
        let text = Text::new(&std::mem::take(text)).map_err(|_| Why::NotSent)?;
        self.send(Input::Commit { text })
    }

    fn motion(&self, point: Point) -> Result<(), Why> {
        self.send(Input::PointerMotion { canvas: self.main, position: Position::from_pixels(point.x, point.y) })
    }

    fn button(&self, button: Button, pressed: bool) -> Result<(), Why> {
        self.send(Input::PointerButton { button, pressed })
    }

    fn resize(&self, width: u16, height: u16, scale: Option<f64>) -> Result<(), Why> {
        let old = self.viewer.link().viewport();
        let scale = scale.unwrap_or(old.scale().to_factor());
        let content = (u32::from(width), u32::from(height));
        let viewport = crate::window::viewport(content, scale, Some(old.refresh().get()));
        self.viewer.link().next_viewport(viewport);
        self.viewer.link().resize(self.main, viewport);
        let (main, size) = (self.main, viewport.size());
        Ok(self.viewer.wait_until(texts::Text::AwaitedSize, self.timeout, |model| {
            model.view(main).filter(|view| view.size() == size && view.is_current()).map(|_| ())
        })?)
    }
}
