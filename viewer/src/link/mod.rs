//! The link to a host: one session over however many connections it takes.
//!
//! Owns connecting, reconnecting with backoff by the resume token, and giving every thread a way to send. [`Driver`] is
//! the one task that touches the network and the decoder: an update is decoded where it arrives, with no hop in
//! between. What carries the bytes is the business of [`carrier`] alone. Channels here are a mutex and a notification; what waits is bounded in [`wire`].
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use shoji_viewer::{bundle::Bundle, link::{Link, Options}};
//! let bundle = Bundle::read("pc-012.shoji".as_ref())?;
//! let link = Link::connect(bundle, Options::default()).await?;
//! println!("{:?}", link.scene().lock().state);
//! # Ok(())
//! # }
//! ```

mod carrier;
mod driver;
mod error;
mod live;
mod tls;
mod wire;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use shoji_decoder::Decoders;
use shoji_protocol::{
    AttachHow, CanvasId, Capabilities, Input, InputSequence, KeyboardLayout, Locale, Rate, ResumeToken, Scale, Size,
    UpdateId, Viewport,
};
use tokio::sync::Notify;

use self::{carrier::Meter, wire::Wire};
pub use self::{
    carrier::{Choice, Way},
    driver::Driver,
    error::{BundleProblem, Error},
};
use crate::{
    bundle::{self, Bundle},
    clock::{self, Stamp},
    observe::Observer,
    scene::{Scene, State},
    stats::Snapshot,
};

/// How to use a link.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the session is shown in at first.
    pub viewport: Viewport,
    /// The keyboard in front of the person.
    pub keyboard: KeyboardLayout,
    /// The language of the person.
    pub locale: Locale,
    /// What this viewer can do.
    pub capabilities: Capabilities,
    /// Whether an update counts as presented once it is decoded (headless), or when [`Link::presented`] says so.
    pub presents_on_decode: bool,
    /// Which session the first connection asks for: [`AttachHow::Own`] for a person, [`AttachHow::New`] for a program.
    pub first: AttachHow,
    /// How often the first connection is tried before giving up.
    pub attempts: u32,
    /// How long a lost connection is tried to be made again.
    pub patience: Duration,
    /// Which ways to the host are tried.
    pub carrier: Choice,
    /// Where updates are decoded.
    pub decoders: Decoders,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            viewport: Viewport::clamped(Size::clamped(1280, 800), Scale::ONE, Rate::HZ_60),
            keyboard: KeyboardLayout::Jp,
            locale: Locale::Ja,
            capabilities: Capabilities::ALL,
            presents_on_decode: true,
            first: AttachHow::New,
            attempts: 3,
            // The host keeps a session for minutes after its viewer is gone; a PC's sleep is longer and asks a person.
            patience: Duration::from_secs(300),
            carrier: Choice::Auto,
            // A program that uses this library is not one that can be started as a decoder.
            decoders: Decoders::InProcess,
        }
    }
}

/// What the person wants of the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// Try again now.
    Again,
    /// Leave the session; it may go on for a while.
    Leave,
    /// End the session.
    End,
}

struct Sending {
    wire: Option<Wire>,
    /// Of the connection that is up.
    meter: Option<Meter>,
    /// What carried the last connection.
    last_way: Option<Way>,
    wish: Option<Wish>,
    viewport: Viewport,
    token: Option<ResumeToken>,
}

struct Shared {
    state: Mutex<Sending>,
    kick: Notify,
    scene: Arc<Scene>,
    observer: Arc<dyn Observer>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Sending> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of UDP or TCP payload of one connection: pictures and input with everything that the carrier adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// From the host.
    pub received: u64,
    /// To the host.
    pub sent: u64,
}

/// A handle on a link. Clones are the same link; all methods return at once.
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
}

impl Link {
    /// A link and its driver, which the caller has to run. A bundle that could not be read or has expired is not sent
    /// anywhere: the driver only reports it.
    #[must_use]
    pub fn new(
        bundle: Result<Bundle, bundle::Error>,
        options: Options,
        scene: Arc<Scene>,
        observer: Arc<dyn Observer>,
    ) -> (Self, Driver) {
        scene.lock().decoders = options.decoders.clone();
        let state =
            Sending { wire: None, meter: None, last_way: None, wish: None, viewport: options.viewport, token: None };
        let shared = Arc::new(Shared { state: Mutex::new(state), kick: Notify::new(), scene, observer });
        let bundle = bundle.map_err(Error::from).and_then(|bundle| {
            if bundle.expired(SystemTime::now()) { Err(Error::Expired { day: bundle.last_day() }) } else { Ok(bundle) }
        });
        (Self { shared: shared.clone() }, Driver::new(shared, bundle, options))
    }

    /// Connects, runs the driver on the current runtime, and waits until there is a session.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn connect(bundle: Bundle, options: Options) -> Result<Self, Error> {
        let attached = Arc::new(Notify::new());
        let scene = {
            let attached = attached.clone();
            Scene::new(clock::now(), move || attached.notify_one())
        };
        let (link, driver) = Self::new(Ok(bundle), options, scene, Arc::new(()));
        tokio::spawn(driver.run());
        loop {
            let state = link.scene().lock().state.clone();
            match state {
                State::Attached | State::Silent => return Ok(link),
                State::Ended(error) => return Err(error),
                State::Connecting { .. } | State::Reconnecting { .. } => attached.notified().await,
            }
        }
    }

    /// The session's newest state.
    #[must_use]
    pub fn scene(&self) -> &Arc<Scene> {
        &self.shared.scene
    }

    /// Sends an input. Gives its number, or `None` if it was not sent (no session) or not yet (a motion that is merged
    /// with the next). Nothing is kept for a later connection.
    pub fn input(&self, event: Input) -> Option<InputSequence> {
        let now = clock::now();
        let shows = matches!(
            event,
            Input::Key { pressed: true, .. }
                | Input::PointerButton { pressed: true, .. }
                | Input::Wheel { .. }
                | Input::Commit { .. }
                | Input::Preedit { .. }
        );
        let sequence = self.shared.lock().wire.as_mut()?.input(event, now);
        self.shared.kick.notify_one();
        if let Some(sequence) = sequence {
            self.shared.observer.input_sent(sequence, now);
            self.shared.scene.lock().stats.input(sequence.0, shows, now);
        }
        sequence
    }

    /// Tells the host that an update and all before it are on the screen.
    pub fn presented(&self, canvas: CanvasId, update: UpdateId, input: InputSequence, now: Stamp) {
        if let Some(wire) = &mut self.shared.lock().wire {
            wire.presented(canvas, update);
        }
        self.shared.kick.notify_one();
        self.shared.scene.lock().stats.shown(input.0, now);
    }

    /// Tells the host a window's new size.
    pub fn resize(&self, canvas: CanvasId, viewport: Viewport) {
        if let Some(wire) = &mut self.shared.lock().wire {
            wire.resize(canvas, viewport, clock::now());
        }
        self.shared.kick.notify_one();
    }

    /// What the next attachment is shown in, as far as it is known.
    #[must_use]
    pub fn viewport(&self) -> Viewport {
        self.shared.lock().viewport
    }

    /// What the next attachment is shown in.
    pub fn next_viewport(&self, viewport: Viewport) {
        self.shared.lock().viewport = viewport;
    }

    /// Asks the browser to close a window; the page may ask back.
    pub fn close_canvas(&self, canvas: CanvasId) {
        if let Some(wire) = &mut self.shared.lock().wire {
            wire.close_canvas(canvas, clock::now());
        }
        self.shared.kick.notify_one();
    }

    /// Connects again now, after an end or while waiting.
    pub fn again(&self) {
        self.wish(Wish::Again);
    }

    /// Leaves; the session goes on for a while and can be taken up again.
    pub fn leave(&self) {
        self.wish(Wish::Leave);
    }

    /// Ends the session and its browser.
    pub fn end(&self) {
        self.wish(Wish::End);
    }

    fn wish(&self, wish: Wish) {
        self.shared.lock().wish = Some(wish);
        self.shared.kick.notify_one();
    }

    /// What the current connection has carried; `None` while there is none.
    #[must_use]
    pub fn carried(&self) -> Option<Carried> {
        let meter = self.shared.lock().meter.clone()?;
        Some(meter.carried())
    }

    /// The figures now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.shared.scene.lock().stats.snapshot(clock::now())
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}
