//! A real Chromium on a real compositor in the test's own process, stepped by hand.
//!
//! Owns the browser's process, profile and socket, and ends all three when dropped. Tests wait for conditions with a
//! deadline and never sleep; pages answer by painting colours, and what they paint is found by its colour.

#![expect(dead_code, reason = "every test binary uses its own part of this module")]

use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::{ClockId, Timespec, clock_gettime};
use shoji_compositor::{
    Button, CanvasId, CanvasKind, Compositor, Config, Cursor, Event, Input, Key, KeyboardLayout, Position, Scale, Size,
    Time, Viewport, WindowState,
};

/// How long anything may take before the test fails: Chromium's cold start on a busy machine with two cores.
const PATIENCE: Duration = Duration::from_secs(40);

/// The user that Chromium runs as when the tests run as root; it has no entry in the user database.
const BROWSER_UID: u32 = 61_000;

/// Linux key codes.
pub(crate) mod keys {
    pub(crate) const ESC: u16 = 1;
    pub(crate) const W: u16 = 17;
    pub(crate) const ENTER: u16 = 28;
    pub(crate) const CTRL: u16 = 29;
    pub(crate) const A: u16 = 30;
    pub(crate) const B: u16 = 48;
    pub(crate) const L: u16 = 38;
    pub(crate) const TAB: u16 = 15;
    pub(crate) const F11: u16 = 87;
    pub(crate) const DOWN: u16 = 108;
    pub(crate) const SHIFT: u16 = 42;
    /// The keys of `~/page.html` on a US keyboard; the first one with Shift.
    pub(crate) const HOME_PAGE: [u16; 11] = [41, 53, 25, 30, 34, 18, 52, 35, 20, 50, 38];
}

/// What a canvas is known by.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    pub(crate) id: CanvasId,
    pub(crate) kind: CanvasKind,
    pub(crate) parent: Option<CanvasId>,
    pub(crate) size: Size,
    pub(crate) state: WindowState,
}

/// A compositor and the Chromium on it.
pub(crate) struct Session {
    pub(crate) compositor: Compositor,
    pub(crate) canvases: Vec<Canvas>,
    pub(crate) cursor: Cursor,
    pub(crate) locked: Option<CanvasId>,
    /// Every event since the last [`Session::forget`].
    pub(crate) events: Vec<Event>,
    /// Damaged pixels since the last [`Session::forget`], of all canvases.
    pub(crate) damaged: u64,
    pub(crate) updates: u32,
    times: Vec<f64>,
    browser: Child,
    home: tempfile::TempDir,
}

pub(crate) fn now() -> Time {
    let at = clock_gettime(ClockId::Monotonic);
    Time(at.tv_sec as u64 * 1_000_000 + at.tv_nsec as u64 / 1_000)
}

pub(crate) fn viewport(width: u32, height: u32, scale: u16) -> Viewport {
    Viewport { size: Size::new(width, height), scale: Scale::from_120ths(scale), refresh: 60_000 }
}

/// A page that shows this body and may use `paint(colour)` to answer with its whole background.
pub(crate) fn page(body: &str) -> String {
    format!(
        "<!doctype html><meta charset=utf-8><style>html,body{{margin:0;height:100%;background:#102030;\
         font:20px sans-serif}}*{{transition:none!important}}</style>\
         <script>function paint(c){{document.documentElement.style.background=c;document.body.style.background=c}}\
         </script><body>{body}</body>"
    )
}

impl Session {
    pub(crate) fn start(body: &str) -> Self {
        Self::start_at(body, viewport(1280, 800, 120))
    }

    pub(crate) fn start_at(body: &str, viewport: Viewport) -> Self {
        let home = tempfile::Builder::new().prefix("shoji-compositor-").tempdir().expect("a temporary directory");
        std::fs::write(home.path().join("page.html"), page(body)).expect("the page is written");
        let socket = home.path().join("wayland-0");
        let listener = UnixListener::bind(&socket).expect("the socket is bound");
        listener.set_nonblocking(true).expect("the socket is set up");
        let compositor = Compositor::new(Config { viewport, keyboard: KeyboardLayout::Us }, listener)
            .expect("the compositor starts");
        let browser = launch(home.path());
        let mut session = Self {
            compositor,
            canvases: Vec::new(),
            cursor: Cursor::Shape(Default::default()),
            locked: None,
            events: Vec::new(),
            damaged: 0,
            updates: 0,
            times: Vec::new(),
            browser,
            home,
        };
        session.wait("Chromium shows the page", |session| session.find([0x10, 0x20, 0x30]).is_some());
        session
    }

    /// The main window's canvas.
    pub(crate) fn main(&self) -> CanvasId {
        self.canvases.first().expect("the main window is open").id
    }

    pub(crate) fn forget(&mut self) {
        self.events.clear();
        self.damaged = 0;
        self.updates = 0;
    }

    /// Waits for requests, at most until `deadline`, and acts on them.
    pub(crate) fn step(&mut self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        let [listener, display] = self.compositor.fds();
        let mut fds = [PollFd::new(&listener, PollFlags::IN), PollFd::new(&display, PollFlags::IN)];
        poll(&mut fds, Some(&timeout)).expect("polling works");
        self.dispatch();
    }

    /// Seconds that each dispatch took that brought damage, shortest first.
    pub(crate) fn dispatch_times(&self) -> Vec<f64> {
        let mut times = self.times.clone();
        times.sort_by(f64::total_cmp);
        times
    }

    fn dispatch(&mut self) {
        let start = Instant::now();
        self.compositor.dispatch(now()).expect("the compositor works");
        let took = start.elapsed().as_secs_f64();
        let before = self.updates;
        self.act();
        if self.updates != before {
            self.times.push(took);
        }
    }

    fn act(&mut self) {
        let mut wanted = Vec::new();
        while let Some(event) = self.compositor.poll_event() {
            match &event {
                Event::CanvasOpened { canvas, kind, parent, size } => self.canvases.push(Canvas {
                    id: *canvas,
                    kind: *kind,
                    parent: *parent,
                    size: *size,
                    state: WindowState::Normal,
                }),
                Event::CanvasClosed { canvas } => self.canvases.retain(|known| known.id != *canvas),
                Event::CanvasResized { canvas, size } => {
                    let known = self.canvases.iter_mut().find(|known| known.id == *canvas);
                    known.expect("only open canvases are resized").size = *size;
                }
                Event::Damaged { canvas } => {
                    let damage = self.compositor.take_damage(*canvas);
                    assert!(!damage.is_empty(), "a damaged canvas has damage");
                    self.damaged += damage.pixels();
                    self.updates += 1;
                }
                Event::FrameWanted { canvas } => wanted.push(*canvas),
                Event::Window { canvas, state } => {
                    let known = self.canvases.iter_mut().find(|known| known.id == *canvas);
                    known.expect("only open canvases change their state").state = *state;
                }
                Event::Cursor(cursor) => self.cursor = cursor.clone(),
                Event::PointerLock { canvas, locked } => self.locked = locked.then_some(*canvas),
                Event::TextPlace | Event::TextLost { .. } | Event::StrangerRefused => {}
                Event::ClientGone { .. } | Event::ClientMisbehaved { .. } => {}
            }
            self.events.push(event);
        }
        for canvas in wanted {
            self.compositor.frame_done(canvas, now());
        }
    }

    pub(crate) fn wait(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        self.dispatch();
        while !condition(self) {
            if Instant::now() >= deadline {
                let shots = self.screenshots("failure");
                panic!(
                    "did not happen: {what}; last events: {:?}; pictures: {shots:?}",
                    self.events.iter().rev().take(8).collect::<Vec<_>>()
                );
            }
            self.step(deadline);
        }
    }

    /// Like [`Self::wait`], and does something again every now and then until it helps, as a hand would.
    pub(crate) fn wait_doing(
        &mut self,
        what: &str,
        mut action: impl FnMut(&mut Self, u32),
        condition: impl Fn(&Self) -> bool,
    ) {
        let deadline = Instant::now() + PATIENCE;
        for turn in 0.. {
            action(self, turn);
            let pause = Instant::now() + Duration::from_millis(30);
            while !condition(self) && Instant::now() < pause {
                self.step(pause);
            }
            if condition(self) {
                return;
            }
            if Instant::now() >= deadline {
                panic!("did not happen: {what}; pictures: {:?}", self.screenshots("failure"));
            }
        }
    }

    /// Goes on for `quiet` after the last update.
    pub(crate) fn settle(&mut self, quiet: Duration) {
        let end = Instant::now() + PATIENCE;
        let mut calm = Instant::now() + quiet;
        while Instant::now() < calm.min(end) {
            let before = self.updates;
            self.step(calm.min(end));
            if self.updates != before {
                calm = Instant::now() + quiet;
            }
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.step(end);
        }
    }

    pub(crate) fn pixel(&self, canvas: CanvasId, x: u32, y: u32) -> [u8; 3] {
        let view = self.compositor.canvas(canvas).expect("the canvas is open");
        let at = y as usize * view.stride + x as usize * 4;
        [view.pixels[at + 2], view.pixels[at + 1], view.pixels[at]]
    }

    /// The bounding box (x0, y0, x1, y1) of a colour on the main canvas, if at least 100 of its pixels are there.
    pub(crate) fn find(&self, colour: [u8; 3]) -> Option<(u32, u32, u32, u32)> {
        let canvas = self.canvases.first()?.id;
        self.find_on(canvas, colour)
    }

    pub(crate) fn find_on(&self, canvas: CanvasId, [red, green, blue]: [u8; 3]) -> Option<(u32, u32, u32, u32)> {
        let view = self.compositor.canvas(canvas)?;
        let mut found = (u32::MAX, u32::MAX, 0, 0);
        let mut count = 0;
        for (y, row) in (0..).zip(view.pixels.chunks_exact(view.stride)) {
            for (x, pixel) in (0..).zip(row.as_chunks::<4>().0) {
                if pixel[..3] == [blue, green, red] {
                    found = (found.0.min(x), found.1.min(y), found.2.max(x + 1), found.3.max(y + 1));
                    count += 1;
                }
            }
        }
        (count >= 100).then_some(found)
    }

    /// All pixels of the main canvas, to compare with later.
    pub(crate) fn pixels(&self) -> Vec<u8> {
        self.compositor.canvas(self.main()).expect("the main canvas is open").pixels.to_vec()
    }

    /// The middle of what changed on the main canvas since these were its pixels, if anything did.
    pub(crate) fn changed_since(&self, before: &[u8]) -> Option<Position> {
        let view = self.compositor.canvas(self.main())?;
        let width = view.stride / 4;
        let pixels = view.pixels.as_chunks::<4>().0.iter().zip(before.as_chunks::<4>().0).enumerate();
        let changed = pixels.filter(|(_, (now, before))| now != before).map(|(at, _)| (at % width, at / width));
        let (x0, y0, x1, y1) = changed.fold((usize::MAX, usize::MAX, 0, 0), |(x0, y0, x1, y1), (x, y)| {
            (x0.min(x), y0.min(y), x1.max(x), y1.max(y))
        });
        (x0 <= x1).then(|| Position::new((x0 + x1) as f64 / 2.0, (y0 + y1) as f64 / 2.0))
    }

    /// How many pixels of the main canvas have this colour.
    pub(crate) fn count(&self, [red, green, blue]: [u8; 3]) -> u64 {
        let view = self.compositor.canvas(self.main()).expect("the main canvas is open");
        view.pixels.as_chunks::<4>().0.iter().filter(|pixel| pixel[..3] == [blue, green, red]).count() as u64
    }

    /// Whether the client holds a drag: its cursor says so, as every drag of Chromium's does.
    pub(crate) fn dragging(&self) -> bool {
        self.compositor.is_dragging()
    }

    /// The middle of a colour on the main canvas.
    pub(crate) fn middle(&self, colour: [u8; 3]) -> Position {
        let (x0, y0, x1, y1) = self.find(colour).expect("the colour is on the canvas");
        Position::new(f64::from(x0 + x1) / 2.0, f64::from(y0 + y1) / 2.0)
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.compositor.input(input, now());
        self.dispatch();
    }

    pub(crate) fn point(&mut self, position: Position) {
        let canvas = self.main();
        self.point_on(canvas, position);
    }

    pub(crate) fn point_on(&mut self, canvas: CanvasId, position: Position) {
        self.input(Input::PointerMotion { canvas, position });
    }

    pub(crate) fn button(&mut self, button: Button, pressed: bool) {
        self.input(Input::PointerButton { button, pressed });
    }

    pub(crate) fn click(&mut self, position: Position) {
        self.point(position);
        self.button(Button::Left, true);
        self.button(Button::Left, false);
    }

    pub(crate) fn click_on(&mut self, canvas: CanvasId, position: Position) {
        self.point_on(canvas, position);
        self.button(Button::Left, true);
        self.button(Button::Left, false);
    }

    pub(crate) fn key(&mut self, code: u16) {
        self.input(Input::Key { key: Key(code), pressed: true });
        self.input(Input::Key { key: Key(code), pressed: false });
    }

    /// Presses a key while another is held.
    pub(crate) fn chord(&mut self, held: u16, code: u16) {
        self.input(Input::Key { key: Key(held), pressed: true });
        self.key(code);
        self.input(Input::Key { key: Key(held), pressed: false });
    }

    pub(crate) fn caption(&self) -> Vec<(CanvasId, Size)> {
        self.canvases.iter().map(|canvas| (canvas.id, canvas.size)).collect()
    }

    /// Writes every canvas as a PNG picture for a person to look at; returns where.
    pub(crate) fn screenshots(&self, name: &str) -> Vec<std::path::PathBuf> {
        let folder = std::env::var_os("SHOJI_SCREENSHOTS").map_or_else(std::env::temp_dir, Into::into);
        let shot = |canvas: &Canvas| {
            let view = self.compositor.canvas(canvas.id)?;
            let rgb: Vec<u8> = view.pixels.as_chunks::<4>().0.iter().flat_map(|p| [p[2], p[1], p[0]]).collect();
            let path = folder.join(format!("shoji-{name}-{}.png", canvas.id.0));
            let picture = image::RgbImage::from_raw(view.size.width, view.size.height, rgb)?;
            picture.save(&path).ok().map(|()| path)
        };
        self.canvases.iter().filter_map(shot).collect()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The browser's whole pid namespace goes with the process that made it.
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}

fn launch(home: &Path) -> Child {
    let root = rustix::process::geteuid().is_root();
    if root {
        for entry in [home.to_path_buf(), home.join("wayland-0"), home.join("page.html")] {
            std::os::unix::fs::chown(entry, Some(BROWSER_UID), Some(BROWSER_UID)).expect("root may give files away");
        }
    }
    let mut command = Command::new("bwrap");
    if root {
        command.uid(BROWSER_UID).gid(BROWSER_UID);
    }
    let page = format!("file://{}/page.html", home.display());
    command
        .args(["--unshare-pid", "--unshare-ipc", "--unshare-net", "--die-with-parent", "--new-session"])
        .args(["--dev-bind", "/", "/", "--proc", "/proc", "--"])
        .arg("chromium")
        .args(["--ozone-platform=wayland", "--disable-gpu"])
        .args(["--enable-wayland-ime", "--wayland-text-input-version=3"])
        .args(["--no-first-run", "--no-default-browser-check", "--password-store=basic"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"])
        .arg(format!("--user-data-dir={}/profile", home.display()))
        .arg(page)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("WAYLAND_DISPLAY", home.join("wayland-0"))
        .env("LANG", "C.UTF-8")
        .env("NO_AT_BRIDGE", "1")
        .current_dir(home)
        .stdin(Stdio::null());
    if std::env::var_os("SHOJI_BROWSER_LOG").is_none() {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    } else if let Some(debug) = std::env::var_os("WAYLAND_DEBUG") {
        command.env("WAYLAND_DEBUG", debug);
    }
    command.spawn().expect("bwrap (Debian's bubblewrap) starts")
}
