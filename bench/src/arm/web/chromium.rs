//! Owns the browser that the web viewer runs in: its clean profile, its trust in one host's key, and its one page.
//!
//! It is Debian's Chromium in its own window. Nothing is added to the page: it is asked for what it shows and given a person's
//! input. Must never weaken that browser's checks for any host but the one that is measured.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shoji_host::browser::room::Owner;
use tempfile::TempDir;

use super::devtools::{Devtools, Error};
use crate::arm::display::{Display, Ended};
use crate::arm::{START_PATIENCE, folder};
use crate::heap::Held;
use crate::meter::descendants;

/// Whose processes the browser's are if the bench is root: the number before those of the host's own browsers.
const USER: u32 = 60_999;
/// How often a page is asked whether it is where it is waited for. Nothing is measured then.
const LOOK: Duration = Duration::from_millis(20);
/// How long a browser may take to end by itself.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// Flags, each with its reason.
const FLAGS: [&str; 15] = [
    // File descriptors 3 and 4: nobody else can reach it.
    "--remote-debugging-pipe",
    // A clean profile must ask nothing and load nothing that is not the page.
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    // No keyring of a desktop.
    "--password-store=basic",
    // No bar that says which flags are set: it comes late and would change the page's size.
    "--test-type",
    // Where there is no GPU it would be looked for first.
    "--disable-gpu",
    // The page is in the person's language: a Japanese keyboard.
    "--lang=ja",
    "--accept-lang=ja-JP,ja",
    "--window-position=0,0",
    // The host is on this machine, where a browser offers nobody WebRTC by itself.
    "--allow-loopback-in-peer-connection",
];

/// What a page or a worker has loaded, and how many bytes crossed for each.
const FILES: &str = "['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))\
     .map(({ name, transferSize }) => [name, transferSize])";

/// What a page weighs on the wire, from its address to the end of its last file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weight {
    /// Bytes as they came, compressed, headers included.
    pub bytes: u64,
    /// Files.
    pub files: u64,
}

/// The browser with its page. Dropping it ends the browser.
pub(crate) struct Chromium {
    devtools: Devtools,
    session: String,
    /// The conversation with the page's worker, once somebody asked for it.
    worker: Option<String>,
    target: String,
    child: Ended,
    log: PathBuf,
    // Removed last.
    _folder: TempDir,
}

impl Chromium {
    /// Starts it on a display with a window of about this size, and gives it an empty page.
    ///
    /// `trusted` is the SHA-256 of the host's public key in base64.
    ///
    /// # Errors
    /// If it cannot be started or does not answer.
    pub(crate) fn start(
        program: &Path,
        display: &Display,
        (width, height): (u32, u32),
        trusted: &str,
    ) -> anyhow::Result<Self> {
        let folder = folder::temporary().context("cannot make a temporary folder for the web viewer's browser")?;
        let log = folder.path().join("browser.log");
        // The shell gives the pipe its two numbers, and becomes the browser.
        let mut command = display.command("sh");
        command.args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#]).arg(program).args(FLAGS);
        // Everything that it writes lies here; short names, because sockets are among it.
        let home = folder.path().join("home");
        std::fs::create_dir(&home).context("cannot make a folder for the web viewer's browser")?;
        if geteuid().is_root() {
            // As root it would not have its sandbox, and its user must be none of the host's.
            Owner::user(USER).apply(&mut command);
            chown(&home, Some(USER), Some(USER)).context("cannot give the web viewer's browser its folder")?;
        }
        let mut child = command
            .env("HOME", &home)
            .env("TMPDIR", &home)
            .arg(format!("--user-data-dir={}", home.join("profile").display()))
            .arg(format!("--ignore-certificate-errors-spki-list={trusted}"))
            .arg(format!("--window-size={width},{height}"))
            .arg("about:blank")
            .env("LANGUAGE", "ja")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).context("cannot write the browser's log")?)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let child = Ended(child);
        let devtools = Devtools::new(input, output)?;
        let nothing = String::new;
        let mut browser =
            Self { devtools, session: nothing(), worker: None, target: nothing(), child, log, _folder: folder };
        match browser.take_page() {
            Ok(()) => Ok(browser),
            Err(error) => {
                let said = browser.last_words();
                Err(error.context(format!("the web viewer's browser said: {said}")))
            }
        }
    }

    fn take_page(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + START_PATIENCE;
        self.target = loop {
            let targets = self.devtools.call(None, "Target.getTargets", json!({}))?;
            let page = targets["targetInfos"].as_array().into_iter().flatten().find(|target| target["type"] == "page");
            if let Some(target) = page.and_then(|page| page["targetId"].as_str()) {
                break target.to_owned();
            }
            anyhow::ensure!(Instant::now() < until, "the web viewer's browser shows no page; is the display there?");
            sleep(LOOK);
        };
        let attach = json!({ "targetId": self.target, "flatten": true });
        let attached = self.devtools.call(None, "Target.attachToTarget", attach)?;
        attached["sessionId"]
            .as_str()
            .context("a page that is attached to has a session")?
            .clone_into(&mut self.session);
        self.call("Page.enable", json!({}))?;
        // There is no window manager that would give the window the keyboard.
        self.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }))?;
        Ok(())
    }

    /// Gives a command to the page.
    ///
    /// # Errors
    /// If it refuses, is silent or has ended.
    pub(super) fn call(&mut self, method: &str, params: Value) -> Result<Value, Error> {
        self.devtools.call(Some(&self.session), method, params)
    }

    /// What an expression gives in the page.
    ///
    /// # Errors
    /// If the page cannot be asked.
    pub(super) fn evaluate(&mut self, expression: &str) -> Result<Value, Error> {
        let params = json!({ "expression": expression, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", params)?;
        Ok(answer["result"]["value"].take())
    }

    /// Opens an address.
    ///
    /// # Errors
    /// If it cannot be opened; a certificate that is not trusted is such a case.
    pub(crate) fn open(&mut self, url: &str) -> anyhow::Result<()> {
        let opened = self.call("Page.navigate", json!({ "url": url }))?;
        let why = opened["errorText"].as_str().unwrap_or_default();
        anyhow::ensure!(why.is_empty(), "the web viewer's browser could not open {url}: {why}");
        // The keyboard's place is forgotten with each page.
        self.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }))?;
        Ok(())
    }

    /// Opens an address for the first time, waits until the page is in that state, and weighs what came.
    ///
    /// # Errors
    /// As [`open`](Self::open), or if the state does not come.
    pub(super) fn weigh(&mut self, url: &str, state: &str) -> anyhow::Result<Weight> {
        // The largest file is loaded by the page's worker, which is a target of its own.
        let attach = |on: bool| json!({ "autoAttach": on, "waitForDebuggerOnStart": false, "flatten": true });
        self.call("Target.setAutoAttach", attach(true))?;
        self.open(url)?;
        self.stands(state)?;
        let attached = self.devtools.events().into_iter().filter(|event| event.method == "Target.attachedToTarget");
        let workers: Vec<String> =
            attached.filter_map(|event| event.params["sessionId"].as_str().map(str::to_owned)).collect();
        let mut files = BTreeMap::new();
        for session in std::iter::once(&self.session).chain(&workers) {
            let params = json!({ "expression": FILES, "returnByValue": true });
            let answer = self.devtools.call(Some(session), "Runtime.evaluate", params)?;
            let loaded = answer["result"]["value"].as_array().into_iter().flatten();
            files.extend(loaded.filter_map(|file| Some((file[0].as_str()?.to_owned(), file[1].as_u64()?))));
        }
        self.call("Target.setAutoAttach", attach(false))?;
        anyhow::ensure!(
            !workers.is_empty() && files.len() > 1,
            "the page at {url} loaded nothing; is it the web viewer?"
        );
        Ok(Weight { bytes: files.values().sum(), files: files.len() as u64 })
    }

    /// Begins a conversation with the page's worker, which lasts as long as the page.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn attach_worker(&mut self) -> anyhow::Result<()> {
        let attach = json!({ "autoAttach": true, "waitForDebuggerOnStart": false, "flatten": true });
        self.call("Target.setAutoAttach", attach)?;
        let is_worker = |event: &super::devtools::Event| {
            event.method == "Target.attachedToTarget" && event.params["targetInfo"]["type"] == "worker"
        };
        let attached = self
            .devtools
            .events()
            .into_iter()
            .find(is_worker)
            .context("the page has no worker; is it the web viewer?")?;
        self.worker = attached.params["sessionId"].as_str().map(str::to_owned);
        Ok(())
    }

    /// What page and worker hold, and the bytes of WebAssembly's memories, after a collection of garbage.
    ///
    /// # Errors
    /// If one of them cannot be asked.
    pub(super) fn memory(&mut self) -> anyhow::Result<(Held, Held, u64)> {
        let worker = self.worker.clone().context("the page's worker is to be attached first")?;
        let page = self.session.clone();
        // The core's memory is no global of its worker, but it can be found by what it is.
        let made_by = self.ask(&worker, "Runtime.evaluate", json!({ "expression": "WebAssembly.Memory.prototype" }))?;
        let prototype = json!({ "prototypeObjectId": made_by["result"]["objectId"] });
        let found = self.ask(&worker, "Runtime.queryObjects", prototype)?;
        let sum = "function () { return this.reduce((sum, { buffer }) => sum + buffer.byteLength, 0); }";
        let params =
            json!({ "functionDeclaration": sum, "objectId": found["objects"]["objectId"], "returnByValue": true });
        let core = self.ask(&worker, "Runtime.callFunctionOn", params)?;
        let core =
            core["result"]["value"].as_u64().filter(|bytes| 0 < *bytes).context("the core's memory was not found")?;
        for object in [&made_by["result"]["objectId"], &found["objects"]["objectId"]] {
            self.ask(&worker, "Runtime.releaseObject", json!({ "objectId": object }))?;
        }
        let mut held = [Held::default(); 2];
        for (of, session) in held.iter_mut().zip([&page, &worker]) {
            self.ask(session, "HeapProfiler.collectGarbage", json!({}))?;
            let used = self.ask(session, "Runtime.getHeapUsage", json!({}))?;
            let bytes = |name: &str| used[name].as_f64().map_or(0, |bytes| whole(bytes).unsigned_abs());
            of.objects = bytes("usedSize");
            of.beside = bytes("embedderHeapUsedSize") + bytes("backingStorageSize");
        }
        Ok((held[0], held[1], core))
    }

    fn ask(&mut self, session: &str, method: &str, params: Value) -> Result<Value, Error> {
        self.devtools.call(Some(session), method, params)
    }

    /// Where the web viewer stands; empty: it is not there.
    ///
    /// # Errors
    /// If the page cannot be asked.
    pub(super) fn state(&mut self) -> Result<String, Error> {
        let state = self.evaluate("document.documentElement?.dataset.state ?? ''")?;
        Ok(state.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the web viewer stands there.
    ///
    /// # Errors
    /// If it does not in time; where it stands then is part of the error.
    pub(super) fn stands(&mut self, wanted: &str) -> anyhow::Result<()> {
        let until = Instant::now() + START_PATIENCE;
        loop {
            let state = self.state()?;
            if state == wanted {
                return Ok(());
            }
            if Instant::now() > until {
                let shown = self.evaluate("document.body?.innerText ?? ''")?;
                let shown = shown.as_str().unwrap_or_default().replace('\n', " ");
                anyhow::bail!("the web viewer stands at '{state}' and not at '{wanted}'; it shows: {shown}");
            }
            sleep(LOOK);
        }
    }

    /// Makes the window so large that the web viewer's picture has this size.
    ///
    /// # Errors
    /// If it does not become so large: then the display is too small.
    pub(super) fn fit(&mut self, width: u16, height: u16) -> anyhow::Result<()> {
        const STAGE: &str = "(() => { const at = document.querySelector('main.stage'); \
             return [at.clientWidth * devicePixelRatio, at.clientHeight * devicePixelRatio]; })()";
        let wanted = [i64::from(width), i64::from(height)];
        let of = json!({ "targetId": self.target });
        let window = self.devtools.call(None, "Browser.getWindowForTarget", of)?;
        let until = Instant::now() + START_PATIENCE;
        loop {
            let stage = self.evaluate(STAGE)?;
            let stage = [0, 1].map(|at: usize| stage[at].as_f64().map_or(0, whole));
            if stage == wanted {
                return Ok(());
            }
            anyhow::ensure!(
                Instant::now() < until,
                "the web viewer's picture is {}x{} pixels large and not {width}x{height}; choose another --size",
                stage[0],
                stage[1]
            );
            let id = &window["windowId"];
            let now = self.devtools.call(None, "Browser.getWindowBounds", json!({ "windowId": id }))?;
            let side = |name: &str| now["bounds"][name].as_i64().unwrap_or(0);
            let bounds = json!({
                "width": side("width") + wanted[0] - stage[0],
                "height": side("height") + wanted[1] - stage[1],
            });
            self.devtools.call(None, "Browser.setWindowBounds", json!({ "windowId": id, "bounds": bounds }))?;
            // The page hears of its new size a little later; asked again too early, it would be corrected twice.
            let settled = Instant::now() + Duration::from_millis(500);
            while self.evaluate(STAGE)?[0].as_f64().map_or(0, whole) == stage[0] && Instant::now() < settled {
                sleep(LOOK);
            }
            sleep(Duration::from_millis(200));
        }
    }

    /// Its processes.
    pub(super) fn processes(&self) -> BTreeSet<u32> {
        descendants(self.child.0.id())
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.0.try_wait(), Ok(None))
    }

    /// The last lines that it wrote.
    pub(super) fn last_words(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        if lines.is_empty() { "(nothing)".to_owned() } else { lines[lines.len().saturating_sub(4)..].join("\n  ") }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Its profile goes with it, so it is asked first; one that does not end is killed with its value.
        let _ = self.devtools.call(None, "Browser.close", json!({}));
        let until = Instant::now() + END_PATIENCE;
        while !self.has_ended() && Instant::now() < until {
            sleep(LOOK);
        }
    }
}

fn whole(number: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a size within a display, or bytes of a memory")]
    {
        number.round() as i64
    }
}
