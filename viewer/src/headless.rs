//! A viewer without a display: for tests, measurements and administrators.
//!
//! Owns a network thread and blocking ways to act and to wait. Every wait is woken by the update itself; nothing polls.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::{sync::Arc, time::Duration};
//! use shoji_viewer::{bundle::Bundle, headless::Viewer, link::Options};
//! let bundle = Bundle::read("pc-012.shoji".as_ref())?;
//! let viewer = Viewer::connect(bundle, Options::default(), Arc::new(()))?;
//! let main = viewer.ready(Duration::from_secs(20))?;
//! viewer.wait_quiet(Duration::from_millis(400), Duration::from_secs(20))?;
//! std::fs::write("page.png", viewer.png(main)?)?;
//! # Ok(())
//! # }
//! ```

mod run;

use std::{
    fmt,
    sync::{Arc, MutexGuard},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use shoji_codec::Canvas;
use shoji_protocol::{CanvasId, Input, InputSequence};

pub use self::run::{RunError, Why};
use crate::{
    bundle::Bundle,
    clock,
    link::{self, Link, Options},
    observe::Observer,
    scene::{Model, Scene, State},
    stats::Snapshot,
    texts::{Language, Text},
    ui::state::Message,
};

/// However small and regular the updates: within this after the last one nothing counts as quiet.
const BREATH: Duration = Duration::from_millis(200);

/// How many times the settling time a wait for quiet goes on before a video counts as quiet.
pub const VIDEO: u32 = 3;

/// Time for the host to close after being told to end a session.
const GOODBYE: Duration = Duration::from_secs(2);

/// Why a wait ended without what was waited for.
#[derive(Debug, Clone, PartialEq)]
pub enum WaitError {
    /// The connection ended.
    Ended(link::Error),
    /// It took too long.
    Timeout(Awaited, Duration),
    /// There is no such canvas, or it has no picture.
    NoPicture(CanvasId),
}

/// What somebody waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// A sentence of the catalogue that says what did not happen.
    Said(Text),
    /// A name, from whoever calls [`Viewer::wait_until`].
    Named(&'static str),
}

impl From<Text> for Awaited {
    fn from(text: Text) -> Self {
        Self::Said(text)
    }
}

impl From<&'static str> for Awaited {
    fn from(name: &'static str) -> Self {
        Self::Named(name)
    }
}

impl WaitError {
    /// The sentences for the person, with the next step; `host` is the one of the device file.
    #[must_use]
    pub fn in_language(&self, language: Language, host: &str) -> String {
        let say = |text: Text, values: &[(&str, &str)]| text.with(language, values);
        match self {
            Self::Ended(error) => {
                let Message { title, body, next } = error.message_without_window(language, host);
                say(Text::WaitEnded, &[("title", &title), ("body", &body), ("next", &next)])
            }
            Self::Timeout(what, length) => {
                let what = match what {
                    Awaited::Said(text) => text.in_language(language).to_owned(),
                    Awaited::Named(name) => say(Text::AwaitedOther, &[("name", name)]),
                };
                say(Text::WaitTooLong, &[("what", &what), ("seconds", &length.as_secs_f64().to_string())])
            }
            Self::NoPicture(canvas) => say(Text::WaitNoPicture, &[("canvas", &canvas.0.to_string())]),
        }
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(error) => error.fmt(f),
            other => f.write_str(&other.in_language(Language::En, "")),
        }
    }
}

impl std::error::Error for WaitError {}

impl From<link::Error> for WaitError {
    fn from(error: link::Error) -> Self {
        Self::Ended(error)
    }
}

/// A viewer without a window. Dropping it leaves the session.
#[derive(Debug)]
pub struct Viewer {
    link: Link,
    thread: Option<JoinHandle<()>>,
}

impl Viewer {
    /// Connects on a network thread of its own and waits until there is a session.
    ///
    /// # Errors
    /// Why there is none.
    pub fn connect(bundle: Bundle, options: Options, observer: Arc<dyn Observer>) -> Result<Self, link::Error> {
        let viewer = Self::start(bundle, options, observer)?;
        // The link's own attempts end this wait.
        match viewer.wait_until(Text::AwaitedSession, Duration::from_secs(600), |model| {
            matches!(model.state, State::Attached).then_some(())
        }) {
            Ok(()) => Ok(viewer),
            Err(WaitError::Ended(error)) => Err(error),
            Err(_) => Err(link::Error::Lost),
        }
    }

    /// As [`connect`](Self::connect), without waiting.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(bundle: Bundle, options: Options, observer: Arc<dyn Observer>) -> Result<Self, link::Error> {
        let scene = Scene::new(clock::now(), || {});
        let (link, driver) = Link::new(Ok(bundle), options, scene, observer);
        let local = |error: std::io::Error| link::Error::Local(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(local)?;
        let thread = std::thread::Builder::new()
            .name("network".into())
            .spawn(move || runtime.block_on(driver.run()))
            .map_err(local)?;
        Ok(Self { link, thread: Some(thread) })
    }

    /// The link, for everything not offered here.
    #[must_use]
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The newest state; let go of it at once, the network task waits meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, Model> {
        self.link.scene().lock()
    }

    /// Sends an input; `None` if there is no session or no such canvas.
    pub fn input(&self, event: Input) -> Option<InputSequence> {
        self.link.input(event)
    }

    /// Waits until `look` gives something; it is asked at once and after every change, on this thread.
    ///
    /// # Errors
    /// If the connection ends for good, or after `timeout`.
    pub fn wait_until<T>(
        &self,
        what: impl Into<Awaited>,
        timeout: Duration,
        mut look: impl FnMut(&Model) -> Option<T>,
    ) -> Result<T, WaitError> {
        let deadline = Instant::now() + timeout;
        let scene = self.link.scene();
        let mut model = scene.lock();
        loop {
            if let Some(found) = look(&model) {
                return Ok(found);
            }
            if let State::Ended(error) = &model.state {
                return Err(error.clone().into());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(WaitError::Timeout(what.into(), timeout));
            }
            model = scene.wait(model, left);
        }
    }

    /// As [`wait_until`](Self::wait_until), on the picture of one canvas.
    ///
    /// # Errors
    /// As there.
    pub fn wait_canvas<T>(
        &self,
        canvas: CanvasId,
        timeout: Duration,
        mut look: impl FnMut(&Canvas) -> Option<T>,
    ) -> Result<T, WaitError> {
        self.wait_until(Text::AwaitedPicture, timeout, |model| model.view(canvas)?.canvas().and_then(&mut look))
    }

    /// Waits for the first picture of the main window, gives it the keyboard, and returns its id.
    ///
    /// # Errors
    /// As [`wait_until`](Self::wait_until).
    pub fn ready(&self, timeout: Duration) -> Result<CanvasId, WaitError> {
        let main = self.wait_until(Text::AwaitedFirst, timeout, |model| {
            model.main().filter(|(_, view)| view.is_current()).map(|(id, _)| id)
        })?;
        self.input(Input::Focus { canvas: Some(main) });
        Ok(main)
    }

    /// Waits until no picture changed for `settle`. A blinking caret is quiet; and after [`VIDEO`] times that long, so is
    /// a video that leaves most of its page alone.
    ///
    /// # Errors
    /// As [`wait_until`](Self::wait_until).
    pub fn wait_quiet(&self, settle: Duration, timeout: Duration) -> Result<(), WaitError> {
        let begun = Instant::now();
        let scene = self.link.scene();
        let mut model = scene.lock();
        loop {
            if let State::Ended(error) = &model.state {
                return Err(error.clone().into());
            }
            let now = clock::now();
            let waited = begun.elapsed();
            let mut left = settle.saturating_sub(waited);
            for (_, view) in model.views() {
                if view.is_partial() {
                    left = left.max(BREATH);
                    continue;
                }
                let still = settle
                    .saturating_sub(now.since(view.disturbed()))
                    .max(BREATH.min(settle).saturating_sub(now.since(view.updated())));
                let playing =
                    settle.saturating_sub(now.since(view.remade())).max((settle * VIDEO).saturating_sub(waited));
                left = left.max(still.min(playing));
            }
            if left.is_zero() {
                return Ok(());
            }
            let allowed = timeout.saturating_sub(begun.elapsed());
            if allowed.is_zero() {
                return Err(WaitError::Timeout(Text::AwaitedQuiet.into(), timeout));
            }
            model = scene.wait(model, left.min(allowed));
        }
    }

    /// The picture of a canvas as a PNG file.
    ///
    /// # Errors
    /// If there is no picture.
    pub fn png(&self, canvas: CanvasId) -> Result<Vec<u8>, WaitError> {
        let none = || WaitError::NoPicture(canvas);
        let (size, rgb) = {
            let model = self.lock();
            let picture = model.view(canvas).and_then(|view| view.canvas()).ok_or_else(none)?;
            let rgb: Vec<u8> = picture.pixels().as_chunks::<4>().0.iter().flat_map(|&[b, g, r, _]| [r, g, b]).collect();
            (picture.size(), rgb)
        };
        let mut png = Vec::new();
        PngEncoder::new(&mut png)
            .write_image(&rgb, size.width, size.height, ExtendedColorType::Rgb8)
            .map_err(|_| none())?;
        Ok(png)
    }

    /// A digest of a canvas, to be compared with the host's.
    #[must_use]
    pub fn digest(&self, canvas: CanvasId) -> Option<u64> {
        let model = self.lock();
        shoji_codec::digest(&model.view(canvas)?.canvas()?.frame())
    }

    /// The figures now.
    #[must_use]
    pub fn stats(&self) -> Snapshot {
        self.link.snapshot()
    }

    /// Ends the session and its browser, and waits a moment for the host to say so.
    pub fn end(mut self) {
        self.link.end();
        let _ = self.wait_until(Text::AwaitedEnd, GOODBYE, |_| None::<()>);
        self.join();
    }

    fn join(&mut self) {
        self.link.leave();
        if let Some(thread) = self.thread.take() {
            // The driver ends within its own goodbye once told to leave; a panic in it was reported by its thread.
            let _ = thread.join();
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.join();
    }
}
