//! Owns a recording: a real Chromium in its sandbox on the bare compositor, given a script's input, its pictures kept.
//!
//! The compositor is the session's own, with the session's rules for when the browser may draw, so that the damage is what
//! the codec meets at work. Must never change a picture, and never compress while it records: that would slow the browser.

use std::collections::VecDeque;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use shoji_codec::{Frame, Rect};
use shoji_compositor::{
    CanvasId, CanvasKind, Compositor, Config, Event, Input, KeyboardLayout, Scale, Size, Time, Viewport,
};
use shoji_host::browser::room::{Owner, Room};
use shoji_host::browser::{Browser, Launcher, Start};

use super::actions::{Action, What};
use super::clip::Taken;
use crate::arm::folder;
use crate::clock::now;
use crate::egress;

/// The shortest time between two frames, as at the session's refresh rate of 60 Hz, microseconds.
const FRAME: u64 = 16_667;
/// A page has loaded when it has rested for so long, microseconds.
const LOADED: u64 = 1_500_000;
/// No page takes longer to come to rest between two steps, microseconds; then the script goes on. Loading may take twice as long.
const PATIENCE: u64 = 30_000_000;
/// After the last action the clip goes on until the picture rests for so long, microseconds.
const END_REST: u64 = 400_000;
/// A change of fewer pixels than this is no unrest: a caret.
const SMALL_CHANGE: u64 = 2_048;

/// What to record.
pub struct Order {
    /// The page's address.
    pub url: String,
    /// Size of the canvas.
    pub width: u16,
    /// Size of the canvas.
    pub height: u16,
    /// What a person does on it.
    pub actions: Vec<Action>,
    /// Most frames to keep.
    pub frames: usize,
    /// The browser's program, if not the usual one.
    pub browser: Option<PathBuf>,
}

/// Records one clip. Calls `progress` with the number of frames now and then.
///
/// # Errors
/// If something is not installed, or the browser ends or shows nothing.
pub fn record(order: Order, progress: impl FnMut(usize)) -> anyhow::Result<Vec<Taken>> {
    let launcher = Launcher::new(&shoji_host::config::Browser { path: order.browser.clone(), bubblewrap: None })?;
    let folder = folder::temporary().context("cannot make a temporary folder for the browser")?;
    let (room, listener) = Room::create(&folder.path().join("session"), Owner::of_this_process())?;
    let mut stage = Stage::new(&order, listener)?;
    let mut browser = launcher.launch(&room, &egress::door()?, &order.url, Start::Fresh)?;
    let recorded = stage.run(&mut browser, progress);
    browser.end();
    room.clear()?;
    recorded?;
    anyhow::ensure!(
        !stage.taken.is_empty(),
        "the page did not load and come to rest within a minute in a window of {}x{} pixels; does it open in a browser?",
        order.width,
        order.height
    );
    Ok(stage.taken)
}

struct Stage {
    compositor: Compositor,
    size: Size,
    main: Option<CanvasId>,
    wanted: Option<CanvasId>,
    last_frame: u64,
    actions: VecDeque<Action>,
    frames: usize,
    /// When the action before was done; when the picture last changed by more than a caret.
    acted: u64,
    changed: u64,
    /// When the first frame was kept, microseconds; `None` while the page loads.
    began: Option<u64>,
    taken: Vec<Taken>,
}

fn time() -> u64 {
    now() / 1_000
}

impl Stage {
    fn new(order: &Order, listener: UnixListener) -> anyhow::Result<Self> {
        listener.set_nonblocking(true)?;
        let size = Size::new(order.width.into(), order.height.into());
        let viewport = Viewport { size, scale: Scale::ONE, refresh: 60_000 };
        let compositor = Compositor::new(Config { viewport, keyboard: KeyboardLayout::Jp }, listener)?;
        Ok(Self {
            compositor,
            size,
            main: None,
            wanted: None,
            last_frame: 0,
            actions: order.actions.iter().cloned().collect(),
            frames: order.frames,
            acted: time(),
            changed: time(),
            began: None,
            taken: Vec::new(),
        })
    }

    fn run(&mut self, browser: &mut Browser, mut progress: impl FnMut(usize)) -> anyhow::Result<()> {
        loop {
            self.wait()?;
            self.compositor.dispatch(Time(time()))?;
            self.take_events(&mut progress);
            self.allow_frame();
            if self.advance() {
                return Ok(());
            }
            if let Some(ending) = browser.ending() {
                anyhow::bail!(
                    "the browser has ended ({ending:?}); does it run on this machine with `shoji-host serve`?"
                );
            }
        }
    }

    /// Waits for the browser, the next frame or the next action. Actions are due to the millisecond.
    fn wait(&mut self) -> anyhow::Result<()> {
        let mut due = time() + 5_000;
        if self.wanted.is_some() {
            due = due.min(self.last_frame + FRAME);
        }
        if let Some(action) = self.actions.front() {
            due = due.min(self.acted + action.after);
        }
        let left = Duration::from_micros(due.saturating_sub(time()));
        let timeout = Timespec { tv_sec: 0, tv_nsec: left.as_nanos().try_into().unwrap_or(0) };
        let [listener, display] = self.compositor.fds();
        let mut fds =
            [PollFd::from_borrowed_fd(listener, PollFlags::IN), PollFd::from_borrowed_fd(display, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("cannot wait for the browser"),
        }
    }

    fn take_events(&mut self, progress: &mut impl FnMut(usize)) {
        while let Some(event) = self.compositor.poll_event() {
            match event {
                Event::CanvasOpened { canvas, kind: CanvasKind::Window, .. } if self.main.is_none() => {
                    self.main = Some(canvas);
                    self.compositor.input(Input::Focus { canvas: Some(canvas) }, Time(time()));
                }
                Event::Damaged { canvas } => {
                    let damage = self.compositor.take_damage(canvas);
                    if self.main == Some(canvas) && !damage.is_empty() {
                        if damage.pixels() >= SMALL_CHANGE {
                            self.changed = time();
                        }
                        let rects = damage.rects();
                        let rects = rects.iter().map(|r| Rect { x: r.x, y: r.y, width: r.width, height: r.height });
                        self.keep(rects.collect());
                        progress(self.taken.len());
                    }
                }
                Event::FrameWanted { canvas } => self.wanted = Some(canvas),
                _ => {}
            }
        }
    }

    /// Keeps what was damaged, once the recording has begun.
    fn keep(&mut self, rects: Vec<Rect>) {
        let (Some(began), Some(view)) = (self.began, self.main.and_then(|main| self.compositor.canvas(main))) else {
            return;
        };
        let size = shoji_codec::Size { width: view.size.width, height: view.size.height };
        let frame = Frame { size, stride: view.stride, pixels: view.pixels };
        self.taken.push(Taken::of(&frame, rects, time() - began));
    }

    fn allow_frame(&mut self) {
        let Some(canvas) = self.wanted else { return };
        let (at, due) = (time(), self.last_frame + FRAME);
        if at < due {
            return;
        }
        self.wanted = None;
        // The worker's rule: being woken a little late does not shift the rhythm.
        self.last_frame = if at - due < FRAME / 4 { due } else { at };
        self.compositor.frame_done(canvas, Time(at));
    }

    /// Begins the recording when the page has loaded, does what is due, and says when all is done.
    fn advance(&mut self) -> bool {
        let at = time();
        if self.began.is_none() {
            let shown =
                self.main.and_then(|main| self.compositor.canvas(main)).is_some_and(|view| view.size == self.size);
            if shown && self.rests(LOADED) {
                self.began = Some(at);
                self.keep(vec![Rect { x: 0, y: 0, width: self.size.width, height: self.size.height }]);
                self.acted = at;
            }
            return self.began.is_none() && at > self.acted + 2 * PATIENCE;
        }
        if self.taken.len() >= self.frames {
            return true;
        }
        while let Some(action) = self.actions.front() {
            if at < self.acted + action.after {
                return false;
            }
            let done = match action.what {
                What::Quiet(settle) => self.rests(settle) || at > self.acted + settle + PATIENCE,
                What::Change => self.changed > self.acted || at > self.acted + PATIENCE,
                _ => true,
            };
            if !done {
                return false;
            }
            let Some(action) = self.actions.pop_front() else { return false };
            self.act(action.what);
            self.acted = at;
        }
        self.rests(END_REST)
    }

    /// Whether nothing but a caret changed for so long, since the last action too.
    fn rests(&self, settle: u64) -> bool {
        time() > self.changed.max(self.acted) + settle
    }

    fn act(&mut self, what: What) {
        let Some(canvas) = self.main else { return };
        let input = match what {
            What::Key(key, pressed) => Input::Key { key, pressed },
            What::Commit(text) => Input::Commit { text },
            What::Move(position) => Input::PointerMotion { canvas, position },
            What::Button(button, pressed) => Input::PointerButton { button, pressed },
            What::Wheel(vertical, source) => Input::Wheel { horizontal: 0, vertical, source },
            What::Quiet(_) | What::Change => return,
        };
        self.compositor.input(input, Time(time()));
    }
}
