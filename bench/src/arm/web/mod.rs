//! Owns the web viewer as an arm: the page as the real host serves it, in Debian's Chromium, in a window on an X server without a
//! screen. Input goes in over the browser's debugging pipe; pictures are read from the X server's own picture.
//!
//! So what counts as seen is what a person would see of that window, and nothing is added to the page. Must never look into the
//! page for its picture.

mod chromium;
mod devtools;
mod keys;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;
use tempfile::TempDir;

use super::display::{Display, Screen};
use super::host::{Host, Programs};
use super::watch::{Sighting, Watch};
use super::{Arm, Between, Given, Processes, Resting, START_PATIENCE, Typist, folder};
use crate::ArmName;
use crate::carrier::{Carrier, CarrierError};
use crate::clock::now;
use crate::code::Strips;
use crate::heap::Held;
use crate::meter::descendants;
use crate::page::Answer;
use crate::record::Traffic;
use crate::relay::pair::Pair;
use crate::typing::keyboard::SHIFT;
pub(crate) use chromium::Chromium;
pub use chromium::Weight;

/// Room around the picture for the browser's own bars and the page's.
const FRAME: (u32, u32) = (64, 224);
/// How often the screen is looked at: the error of each moment, besides what the thread wakes too late.
const LOOK: Duration = Duration::from_micros(250);
/// How often while there is nothing to read yet.
const IDLE: Duration = Duration::from_millis(5);
/// The bit for Shift in a page's events.
const SHIFT_HELD: u32 = 8;
/// How the device is called; its user is `bench`.
const DEVICE: &str = "web";

/// The web viewer, running. Dropping it ends browser, X server and host.
pub struct Web {
    browser: Chromium,
    eyes: Eyes,
    screen: Screen,
    display: Display,
    // What goes over it has ended by now.
    relay: Option<Pair>,
    host: Host,
    address: String,
    watch: Arc<Watch>,
    weight: Weight,
    has_shift: bool,
    // The screen's picture is in it.
    _folder: TempDir,
}

impl Web {
    /// Starts a host, an X server and a browser that opens the host's page; enrols it as a person would and waits for its session,
    /// whose browser opens `url`. If something is to lie between the browser and the host, a relay stands there.
    ///
    /// # Errors
    /// If one of them is missing or cannot be started, or if the page does not come to its session.
    pub fn start(
        programs: &Programs,
        url: &str,
        (width, height): (u16, u16),
        browser: Option<&Path>,
        between: Option<Between>,
    ) -> anyhow::Result<Self> {
        let program = crate::run::browser_program(browser)?;
        let folder = folder::temporary().context("cannot make a temporary folder for the X server's picture")?;
        let size = (u32::from(width) + FRAME.0, u32::from(height) + FRAME.1);
        let display =
            Display::start(size.0, size.1, Some(folder.path())).context("the web viewer needs an X server")?;
        let path = Screen::path(folder.path());
        let screen = || Screen::open(&path).context("cannot read the X server's picture");
        let host = Host::start(programs, url, browser)?;
        let relay = between.map(|of| Pair::start(host.address(), of.conditions, of.carrier)).transpose()?;
        let address = format!("https://{}/", relay.as_ref().map_or(host.address(), Pair::address));
        let mut browser = Chromium::start(&program, &display, (u32::from(width), u32::from(height)), &host.key()?)?;
        let brought = weigh_and_enrol(&mut browser, &host, &address, (width, height));
        let weight = match brought {
            Ok(weight) => weight,
            Err(error) => {
                let said = format!("the host said: {}; the browser: {}", host.last_words(), browser.last_words());
                return Err(error.context(said));
            }
        };
        let watch = Arc::new(Watch::of_screen());
        let eyes = Eyes::open(screen()?, Arc::clone(&watch))?;
        Ok(Self {
            browser,
            eyes,
            screen: screen()?,
            display,
            relay,
            host,
            address,
            watch,
            weight,
            has_shift: false,
            _folder: folder,
        })
    }

    /// The relay that it goes over, if there is one.
    #[must_use]
    pub fn relay(&self) -> Option<&Pair> {
        self.relay.as_ref()
    }

    /// What the page weighs on the wire.
    #[must_use]
    pub fn weight(&self) -> &Weight {
        &self.weight
    }

    /// Opens the page anew, from its address to its first picture, which must show `code`. The session and the browser are warm.
    /// Gives the time in nanoseconds.
    ///
    /// # Errors
    /// If the picture does not come.
    pub fn open_again(&mut self, code: u16) -> anyhow::Result<i64> {
        let strips = self.watch.strips().context("the strips are known once the page is ready")?;
        self.browser.open("about:blank")?;
        let until = Instant::now() + START_PATIENCE;
        while self.shown(strips)?.is_some() {
            anyhow::ensure!(Instant::now() < until, "the picture of the page before does not go away");
            sleep(IDLE);
        }
        // From here on the first picture is a new one.
        self.watch.aim(strips);
        let began = now().cast_signed();
        self.browser.open(&self.address)?;
        let seen = self.watch.wait_for(code, START_PATIENCE);
        let Some(Sighting { at, .. }) = seen else {
            let state = self.browser.state()?;
            anyhow::bail!("the page was opened anew, and its picture did not come; the web viewer stands at '{state}'");
        };
        self.browser.stands("attached")?;
        Ok(at - began)
    }

    /// Lets [`memory`](Self::memory) be asked for from now on.
    ///
    /// # Errors
    /// If the page's worker is not found.
    pub fn watch_memory(&mut self) -> anyhow::Result<()> {
        self.browser.attach_worker()
    }

    /// What page and worker hold, and the bytes of the core's memory, after everything was collected that can be.
    ///
    /// # Errors
    /// If the browser cannot be asked.
    pub fn memory(&mut self) -> anyhow::Result<(Held, Held, u64)> {
        self.browser.memory()
    }

    fn shown(&mut self, strips: Strips) -> anyhow::Result<Option<u16>> {
        self.screen.read(strips.rows()).context("cannot read the X server's picture")?;
        Ok(strips.read(&self.screen.picture()))
    }

    fn given(&mut self, method: &str, params: serde_json::Value) -> anyhow::Result<Given> {
        let at = now().cast_signed();
        self.browser.call(method, params)?;
        Ok(Given { at, sequence: None })
    }
}

/// The way of a new device: the page is opened, says a name, shows a code, and an administrator approves it.
fn weigh_and_enrol(
    browser: &mut Chromium,
    host: &Host,
    address: &str,
    (width, height): (u16, u16),
) -> anyhow::Result<Weight> {
    let weight = browser.weigh(address, "enrol")?;
    browser.fit(width, height)?;
    browser.evaluate("document.querySelector('input#name').focus()")?;
    browser.call("Input.insertText", json!({ "text": DEVICE }))?;
    for kind in ["keyDown", "keyUp"] {
        let enter = json!({ "type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r" });
        browser.call("Input.dispatchKeyEvent", enter)?;
    }
    browser.stands("waiting")?;
    let code = browser.evaluate("document.querySelector('.code').textContent")?;
    host.approve(code.as_str().context("the page shows a code to be approved")?)?;
    browser.stands("attached")?;
    Ok(weight)
}

impl Arm for Web {
    fn name(&self) -> ArmName {
        ArmName::Web
    }

    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn key(&mut self, key: u16, pressed: bool) -> anyhow::Result<Given> {
        if key == SHIFT {
            self.has_shift = pressed;
        }
        let of =
            keys::page_key(key, self.has_shift).with_context(|| format!("the bench has no key {key} for a page"))?;
        let mut event = json!({
            // With its text: if the page let its browser write it too, it would come twice, and that would be seen.
            "type": match (pressed, of.text) { (true, Some(_)) => "keyDown", (true, None) => "rawKeyDown", _ => "keyUp" },
            "code": of.code,
            "key": of.key,
            "windowsVirtualKeyCode": of.number,
            "modifiers": if self.has_shift { SHIFT_HELD } else { 0 },
        });
        if let Some(text) = of.text.filter(|_| pressed) {
            event["text"] = json!(text);
        }
        self.given("Input.dispatchKeyEvent", event)
    }

    fn click(&mut self, x: u32, y: u32) -> anyhow::Result<()> {
        const CANVAS: &str = "(() => { const at = document.querySelector('main.stage canvas:not([hidden])')\
             ?.getBoundingClientRect(); return at && [at.x, at.y]; })()";
        let at = self.browser.evaluate(CANVAS)?;
        let side = |n: usize, own: u32| Some(at[n].as_f64()? + f64::from(own));
        let (x, y) = side(0, x).zip(side(1, y)).context("the web viewer shows no picture")?;
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let is_motion = kind == "mouseMoved";
            let (button, clicks) = if is_motion { ("none", 0) } else { ("left", 1) };
            let event = json!({ "type": kind, "x": x, "y": y, "button": button, "clickCount": clicks });
            self.browser.call("Input.dispatchMouseEvent", event)?;
        }
        Ok(())
    }

    fn processes(&mut self) -> anyhow::Result<Processes> {
        let session = self.host.session()?;
        let mut viewer = self.browser.processes();
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

    fn find(&mut self, answer: &Answer) -> Option<Strips> {
        self.screen.read_all().ok()?;
        Strips::find(&self.screen.picture(), answer.width, answer.height, answer.ratio, answer.code)
    }

    fn resting(&self) -> Option<Resting> {
        None
    }

    fn has_ended(&mut self) -> bool {
        self.browser.has_ended()
    }

    fn complaint(&mut self) -> Option<String> {
        let state =
            self.browser.state().map_or_else(|error| error.to_string(), |state| format!("it stands at '{state}'"));
        let eyes = if self.eyes.are_open() { "" } else { "; the X server's picture can no longer be read" };
        let (browser, host) = (self.browser.last_words(), self.host.last_words());
        Some(format!("the web viewer: {state}{eyes}; its browser said: {browser}; the host said: {host}"))
    }
}

impl Typist for Web {
    fn carrier(&self, asked: Option<Carrier>) -> Result<Option<Carrier>, CarrierError> {
        self.host.carrier(asked)
    }

    fn compose(&mut self, text: &str, (from, to): (usize, usize)) -> anyhow::Result<Given> {
        let units = |end: usize| text.get(..end).map_or(0, |before| before.encode_utf16().count());
        let params = json!({ "text": text, "selectionStart": units(from), "selectionEnd": units(to) });
        self.given("Input.imeSetComposition", params)
    }

    fn commit(&mut self, text: &str) -> anyhow::Result<Given> {
        self.given("Input.insertText", json!({ "text": text }))
    }
}

/// Looks at the screen all the time and shows the watch what it sees. Ends with its value.
struct Eyes {
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Eyes {
    fn open(mut screen: Screen, watch: Arc<Watch>) -> anyhow::Result<Self> {
        let closed = Arc::new(AtomicBool::new(false));
        let of_thread = Arc::clone(&closed);
        let look = move || {
            while !of_thread.load(Ordering::Relaxed) {
                let rows = watch.rows();
                if screen.read(rows.iter().copied()).is_err() {
                    return;
                }
                if !rows.is_empty() {
                    watch.look(&screen.picture(), None);
                }
                sleep(if rows.is_empty() { IDLE } else { LOOK });
            }
        };
        let thread = std::thread::Builder::new().name("eyes".into()).spawn(look).context("cannot start a thread")?;
        Ok(Self { closed, thread: Some(thread) })
    }

    fn are_open(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Eyes {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It does not panic.
            let _ = thread.join();
        }
    }
}
