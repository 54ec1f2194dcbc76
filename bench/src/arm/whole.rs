//! Owns the whole: a real host with its worker and browser, a carrier on the loopback (QUIC unless another is asked for), and the
//! viewer's link in this process.
//!
//! The viewer here is the headless one, without its command line: its network task decodes into the canvas and calls the
//! [`Eyes`], which read the codes. Must never look at a canvas other than through the viewer.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use shoji_codec::digest;
use shoji_decoder::Decoders;
use shoji_decoder::process::Program;
use shoji_protocol::{
    Button, CanvasId, Input, InputSequence, Key, Position, PreeditCursor, Rate, Scale, Size, Text, TextOffset,
    UpdateId, Viewport,
};
use shoji_viewer::bundle::Bundle;
use shoji_viewer::clock::Stamp;
use shoji_viewer::link::{Choice, Link, Options};
use shoji_viewer::observe::{Decoded, Observer};
use shoji_viewer::scene::{Scene, State};
use tokio::runtime::Runtime;

use super::gate::Gate;
use super::host::{Host, Programs};
use super::watch::{Arrival, Watch};
use super::{Arm, Given, Processes, Resting, Typist};
use crate::ArmName;
use crate::arm::Between;
use crate::carrier::{Carrier, CarrierError};
use crate::clock::now;
use crate::code::{Picture, Strips};
use crate::meter::{Memory, descendants};
use crate::page::Answer;
use crate::record::Traffic;
use crate::relay::pair::Pair;
use crate::result::HostMemory;
use crate::trace::{Traces, digest_mark};

/// The link is one task; a second thread keeps timers and the carrier's own task from waiting for it.
const LINK_THREADS: usize = 2;

/// The whole, running. Dropping it ends the session and the host.
pub struct Whole {
    watch: Arc<Watch>,
    counted: Arc<Eyes>,
    link: Link,
    host: Host,
    // Dropped after the link's last handle: it runs the link's driver.
    runtime: Option<Runtime>,
    // Dropped last: the goodbye goes over it.
    relay: Option<Pair>,
    /// And this, if there is one.
    _gate: Option<Gate>,
    name: ArmName,
}

impl Whole {
    /// Starts a host and connects to it with a canvas of `width`×`height` pixels; its browser opens `url`.
    ///
    /// # Errors
    /// If the host or the link cannot be started. That there is no session shows when the page does not greet.
    pub fn start(
        programs: &Programs,
        url: &str,
        width: u16,
        height: u16,
        browser: Option<&Path>,
    ) -> anyhow::Result<Self> {
        Self::start_over(programs, url, (width, height), browser, None)
    }

    /// As [`start`](Self::start), through a gate; `pixels`: one that makes updates anew.
    ///
    /// # Errors
    /// As there, or if the gate cannot be started.
    pub fn start_through_gate(
        programs: &Programs,
        url: &str,
        (width, height): (u16, u16),
        browser: Option<&Path>,
        pixels: bool,
    ) -> anyhow::Result<Self> {
        let host = Host::start(programs, url, browser)?;
        let gate = host.gate(pixels)?;
        let bundle = host.device_through("bench", gate.address())?;
        let name = if pixels { ArmName::Pixels } else { ArmName::Gate };
        let mut whole = Self::connect(programs, (host, Some(gate), None), &bundle, Choice::Auto, (width, height))?;
        whole.name = name;
        Ok(whole)
    }

    /// As [`start`](Self::start), over a link of such conditions; without a carrier that was asked for by QUIC.
    ///
    /// # Errors
    /// As there, or if the relay cannot be started.
    pub fn start_over(
        programs: &Programs,
        url: &str,
        (width, height): (u16, u16),
        browser: Option<&Path>,
        between: Option<Between>,
    ) -> anyhow::Result<Self> {
        let host = Host::start(programs, url, browser)?;
        let relay = between.map(|of| Pair::start(host.address(), of.conditions, of.carrier)).transpose()?;
        let address = relay.as_ref().map_or(host.address(), Pair::address);
        let carrier = match between {
            None => Choice::Auto,
            Some(Between { carrier: Some(Carrier::Tls), .. }) => Choice::Tcp,
            Some(_) => Choice::Quic,
        };
        let bundle = host.device("bench", address)?;
        Self::connect(programs, (host, None, relay), &bundle, carrier, (width, height))
    }

    /// Connects the viewer to what its bundle names.
    fn connect(
        programs: &Programs,
        (host, gate, relay): (Host, Option<Gate>, Option<Pair>),
        bundle: &Path,
        carrier: Choice,
        (width, height): (u16, u16),
    ) -> anyhow::Result<Self> {
        let bundle = Bundle::read(bundle)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(LINK_THREADS)
            .thread_name("viewer")
            .enable_all()
            .build()
            .context("cannot start the viewer's threads")?;
        let watch = Arc::new(Watch::new());
        let counted = Arc::new(Eyes { watch: Arc::clone(&watch), ..Eyes::default() });
        let size = Size::clamped(width.into(), height.into());
        let viewport = Viewport::clamped(size, Scale::ONE, Rate::HZ_60);
        // As the viewer's own program does it.
        let program = Program { path: programs.path("shoji-viewer")?, ..Program::itself() };
        let options = Options { viewport, carrier, decoders: Decoders::Process(program), ..Options::default() };
        let scene = Scene::new(shoji_viewer::clock::now(), || {});
        let (link, driver) = Link::new(Ok(bundle), options, scene, Arc::<Eyes>::clone(&counted));
        runtime.spawn(driver.run());
        Ok(Self { watch, counted, link, host, runtime: Some(runtime), relay, _gate: gate, name: ArmName::Whole })
    }

    /// The id of the browser's main canvas.
    #[must_use]
    pub fn canvas(&self) -> Option<u32> {
        self.link.scene().lock().main().map(|(canvas, _)| canvas.0)
    }

    /// The host's memory now, without the browser.
    #[must_use]
    pub fn memory(&self) -> Option<HostMemory> {
        let session = self.host.session().ok()?;
        Some(HostMemory { supervisor: Memory::of(self.host.id())?, worker: Memory::of(session.worker)? })
    }

    /// What the host has traced so far.
    ///
    /// # Errors
    /// If the traces cannot be read.
    pub fn traces(&self) -> anyhow::Result<Traces> {
        Traces::read(self.host.traces()).context("cannot read the host's traces")
    }

    /// The relay that it goes over, if there is one.
    #[must_use]
    pub fn relay(&self) -> Option<&Pair> {
        self.relay.as_ref()
    }

    /// Gives any input.
    ///
    /// # Errors
    /// If the viewer has no session.
    pub fn give(&self, input: Input) -> anyhow::Result<Given> {
        let given = self.input(input);
        anyhow::ensure!(given.sequence.is_some(), "the viewer has no session any more");
        Ok(given)
    }

    fn input(&self, input: Input) -> Given {
        let at = now().cast_signed();
        let sequence = self.link.input(input).map(|sequence| sequence.0);
        Given { at, sequence }
    }

    fn looking<T>(&self, look: impl FnOnce(CanvasId, UpdateId, &shoji_codec::Canvas) -> T) -> Option<T> {
        let model = self.link.scene().lock();
        let (canvas, view) = model.main()?;
        Some(look(canvas, view.update(), view.canvas()?))
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.link.end();
        self.host.stop();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Arm for Whole {
    fn name(&self) -> ArmName {
        self.name
    }

    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn key(&mut self, key: u16, pressed: bool) -> anyhow::Result<Given> {
        self.give(Input::Key { key: Key::clamped(key), pressed })
    }

    fn click(&mut self, x: u32, y: u32) -> anyhow::Result<()> {
        let canvas = self.looking(|canvas, _, _| canvas).context("the viewer has no canvas")?;
        self.input(Input::PointerMotion { canvas, position: Position::from_pixels(f64::from(x), f64::from(y)) });
        self.input(Input::PointerButton { button: Button::Left, pressed: true });
        self.input(Input::PointerButton { button: Button::Left, pressed: false });
        Ok(())
    }

    fn processes(&mut self) -> anyhow::Result<Processes> {
        let session = self.host.session()?;
        Ok(Processes {
            supervisor: Some(self.host.id()),
            worker: Some(session.worker),
            browser: session.browser.map(descendants).unwrap_or_default(),
            ..Processes::default()
        })
    }

    fn traffic(&self) -> Traffic {
        let carried = self.link.carried();
        Traffic {
            updates: self.counted.updates.load(Ordering::Relaxed),
            update_bytes: self.counted.bytes.load(Ordering::Relaxed),
            quic_received: carried.map_or(0, |carried| carried.received),
            quic_sent: carried.map_or(0, |carried| carried.sent),
        }
    }

    fn find(&mut self, answer: &Answer) -> Option<Strips> {
        self.looking(|_, _, canvas| {
            Strips::find(&picture(canvas), answer.width, answer.height, answer.ratio, answer.code)
        })?
    }

    fn resting(&self) -> Option<Resting> {
        self.looking(|_, update, canvas| {
            let digest = digest(&canvas.frame())?;
            Some(Resting { update: update.0, digest: digest_mark(digest) })
        })?
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.link.scene().lock().state, State::Ended(_))
    }

    fn complaint(&mut self) -> Option<String> {
        let state = self.link.scene().lock().state.clone();
        let viewer = match state {
            State::Attached => "the viewer is attached".to_owned(),
            State::Silent => "the host does not answer".to_owned(),
            State::Connecting { attempt } => format!("the viewer is connecting (attempt {attempt})"),
            State::Reconnecting { attempt } => {
                format!("the viewer lost its host and is connecting again (attempt {attempt})")
            }
            State::Ended(error) => format!("the viewer's session has ended: {error}"),
        };
        Some(format!("{viewer}; the host said: {}", self.host.last_words()))
    }
}

impl Typist for Whole {
    fn carrier(&self, asked: Option<Carrier>) -> Result<Option<Carrier>, CarrierError> {
        self.host.carrier(asked)
    }

    fn compose(&mut self, text: &str, clause: (usize, usize)) -> anyhow::Result<Given> {
        let place = |at: usize| u16::try_from(at).ok().and_then(|at| TextOffset::new(at).ok()).context(TOO_LONG);
        let cursor = PreeditCursor { from: place(clause.0)?, to: place(clause.1)? };
        let cursor = (!text.is_empty()).then_some(cursor);
        self.give(Input::Preedit { text: Text::new(text).context(TOO_LONG)?, cursor })
    }

    fn commit(&mut self, text: &str) -> anyhow::Result<Given> {
        self.give(Input::Commit { text: Text::new(text).context(TOO_LONG)? })
    }
}

/// What the corpus's own limit makes impossible.
const TOO_LONG: &str = "the text is longer than the protocol carries at once";

fn picture(canvas: &shoji_codec::Canvas) -> Picture<'_> {
    let size = canvas.size();
    Picture { width: size.width, height: size.height, stride: canvas.stride(), pixels: canvas.pixels() }
}

/// Sees every update in the viewer's own task: counts it and reads its codes.
#[derive(Default)]
struct Eyes {
    watch: Arc<Watch>,
    updates: AtomicU64,
    bytes: AtomicU64,
    received: Mutex<Option<(UpdateId, Stamp)>>,
}

impl Observer for Eyes {
    fn input_sent(&self, _sequence: InputSequence, _now: Stamp) {}

    fn update_received(&self, _canvas: CanvasId, update: UpdateId, bytes: usize, now: Stamp) {
        self.updates.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        *self.received.lock().expect("no holder panics") = Some((update, now));
    }

    fn decoded(&self, moment: &Decoded<'_>) {
        let received = *self.received.lock().expect("no holder panics");
        let received = received.filter(|of| of.0 == moment.update).map_or(moment.now, |of| of.1);
        let arrival = Arrival {
            update: moment.update.0,
            received: received.0.cast_signed(),
            decoded: moment.now.0.cast_signed(),
        };
        self.watch.look(&picture(moment.picture), Some(arrival));
    }
}
