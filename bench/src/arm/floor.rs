//! Owns the floor: the same browser with the same flags in the same sandbox, directly on the compositor.
//!
//! One thread does what a session's worker does, without the codec and without a socket: it gives input, dispatches, looks at
//! the canvas and lets the browser draw on. Its clock starts right before the compositor gets the input and stops when the
//! codes are read from the compositor's canvas. Must never wait for anything but the compositor, a command or the next frame.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use shoji_compositor::{
    Button, CanvasId, CanvasKind, Compositor, Config, Event, Input, Key, KeyboardLayout, Position, Scale, Size, Time,
    Viewport,
};
use shoji_host::browser::room::{Owner, Room};
use shoji_host::browser::{Browser, Launcher, Start};

use super::watch::Watch;
use super::{Arm, Given, Processes, Resting, START_PATIENCE, folder};
use crate::ArmName;
use crate::clock::now;
use crate::code::{Picture, Strips};
use crate::egress;
use crate::meter::descendants;
use crate::page::Answer;
use crate::record::Traffic;

/// Commands waiting for the thread: the bench gives one and waits for its answer.
const COMMANDS_WAITING: usize = 4;
/// The shortest time between two frames, as at the session's refresh rate of 60 Hz.
const FRAME: Duration = Duration::from_nanos(16_666_667);
/// How long the thread may take to answer: it is never busy for more than a composition.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

enum Command {
    Give(Vec<Gesture>, SyncSender<i64>),
    Find(Answer, SyncSender<Option<Strips>>),
    Stop,
}

/// An input whose canvas the thread fills in.
enum Gesture {
    Key(u16, bool),
    Point(u32, u32),
    Press(bool),
}

/// The floor, running. Dropping it ends the browser.
pub struct Floor {
    watch: Arc<Watch>,
    commands: SyncSender<Command>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
    browser: u32,
    failure: Arc<Mutex<Option<String>>>,
    _folder: tempfile::TempDir,
}

impl Floor {
    /// Starts the browser on a compositor of `width`×`height` pixels and lets it open `url`.
    ///
    /// # Errors
    /// If something is not installed or cannot be started.
    pub fn start(url: &str, width: u16, height: u16, browser: Option<PathBuf>) -> anyhow::Result<Self> {
        let launcher = Launcher::new(&shoji_host::config::Browser { path: browser, bubblewrap: None })?;
        let folder = folder::temporary().context("cannot make a temporary folder for the floor's browser")?;
        let (room, listener) = Room::create(&folder.path().join("session"), Owner::of_this_process())?;
        let door = egress::door()?;
        let watch = Arc::new(Watch::new());
        let wake =
            Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).context("cannot make an eventfd")?);
        let (commands, received) = sync_channel(COMMANDS_WAITING);
        let (started, has_started) = sync_channel(1);
        let failure = Arc::new(Mutex::new(None));
        let size = Size::new(width.into(), height.into());
        let thread = {
            let (watch, wake, failure, url) =
                (Arc::clone(&watch), Arc::clone(&wake), Arc::clone(&failure), url.to_owned());
            std::thread::Builder::new().name("floor".into()).spawn(move || {
                // The browser lives as long as the thread that launched it: this one.
                let ended = Stage::new(size, listener, watch, wake, received).and_then(|mut stage| {
                    let browser = launcher.launch(&room, &door, &url, Start::Fresh)?;
                    // The bench may have given up; then the first look at the commands says so.
                    let _ = started.send(browser.id());
                    let ended = stage.run(browser);
                    room.clear()?;
                    ended
                });
                if let Err(error) = ended {
                    *failure.lock().expect("no holder panics") = Some(format!("{error:#}"));
                }
            })?
        };
        let mut floor = Self { watch, commands, wake, thread: Some(thread), browser: 0, failure, _folder: folder };
        match has_started.recv_timeout(START_PATIENCE) {
            Ok(browser) => floor.browser = browser,
            Err(_) => {
                let why = floor.complaint().unwrap_or_else(|| "it did not start in time".to_owned());
                anyhow::bail!("cannot start the floor's browser: {why}");
            }
        }
        Ok(floor)
    }

    fn give(&self, gestures: Vec<Gesture>) -> anyhow::Result<Given> {
        let (answer, answered) = sync_channel(1);
        self.send(Command::Give(gestures, answer))?;
        let at = answered.recv_timeout(ANSWER_PATIENCE).context("the floor's compositor does not answer")?;
        Ok(Given { at, sequence: None })
    }

    fn send(&self, command: Command) -> anyhow::Result<()> {
        self.commands.try_send(command).context("the floor's compositor has ended")?;
        rustix::io::write(&self.wake, &1_u64.to_ne_bytes()).context("cannot wake the floor's compositor")?;
        Ok(())
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // If the thread has ended already there is nobody to tell.
        let _ = self.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Arm for Floor {
    fn name(&self) -> ArmName {
        ArmName::Floor
    }

    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn key(&mut self, key: u16, pressed: bool) -> anyhow::Result<Given> {
        self.give(vec![Gesture::Key(key, pressed)])
    }

    fn click(&mut self, x: u32, y: u32) -> anyhow::Result<()> {
        self.give(vec![Gesture::Point(x, y), Gesture::Press(true), Gesture::Press(false)])?;
        Ok(())
    }

    fn processes(&mut self) -> anyhow::Result<Processes> {
        Ok(Processes { browser: descendants(self.browser), ..Processes::default() })
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    fn find(&mut self, answer: &Answer) -> Option<Strips> {
        let (reply, replied) = sync_channel(1);
        self.send(Command::Find(answer.clone(), reply)).ok()?;
        replied.recv_timeout(ANSWER_PATIENCE).ok()?
    }

    fn resting(&self) -> Option<Resting> {
        None
    }

    fn has_ended(&mut self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn complaint(&mut self) -> Option<String> {
        self.failure.lock().expect("no holder panics").clone()
    }
}

/// The thread's own things.
struct Stage {
    compositor: Compositor,
    watch: Arc<Watch>,
    wake: Arc<OwnedFd>,
    commands: Receiver<Command>,
    main: Option<CanvasId>,
    /// When the browser may draw again, if it waits for that.
    wanted: Option<CanvasId>,
    last_frame: u64,
}

impl Stage {
    fn new(
        size: Size,
        listener: UnixListener,
        watch: Arc<Watch>,
        wake: Arc<OwnedFd>,
        commands: Receiver<Command>,
    ) -> anyhow::Result<Self> {
        listener.set_nonblocking(true)?;
        let viewport = Viewport { size, scale: Scale::ONE, refresh: 60_000 };
        let compositor = Compositor::new(Config { viewport, keyboard: KeyboardLayout::Jp }, listener)?;
        Ok(Self { compositor, watch, wake, commands, main: None, wanted: None, last_frame: 0 })
    }

    fn run(&mut self, mut browser: Browser) -> anyhow::Result<()> {
        loop {
            self.wait()?;
            self.compositor.dispatch(time())?;
            self.take_events();
            self.allow_frame();
            if !self.obey() {
                browser.end();
                return Ok(());
            }
            if let Some(ending) = browser.ending() {
                anyhow::bail!(
                    "the floor's browser has ended ({ending:?}); does it run on this machine with `shoji-host serve`?"
                );
            }
        }
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        let until_frame = self.wanted.map(|_| self.next_frame().saturating_sub(now()));
        let timeout = until_frame.map(|nanoseconds| Timespec {
            tv_sec: i64::try_from(nanoseconds / 1_000_000_000).unwrap_or(0),
            tv_nsec: (nanoseconds % 1_000_000_000).cast_signed(),
        });
        let [listener, display] = self.compositor.fds();
        let mut fds = [
            PollFd::from_borrowed_fd(listener, PollFlags::IN),
            PollFd::from_borrowed_fd(display, PollFlags::IN),
            PollFd::from_borrowed_fd(self.wake.as_fd(), PollFlags::IN),
        ];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("cannot wait for the floor's browser"),
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.compositor.poll_event() {
            match event {
                Event::CanvasOpened { canvas, kind: CanvasKind::Window, .. } if self.main.is_none() => {
                    self.main = Some(canvas);
                    self.compositor.input(Input::Focus { canvas: Some(canvas) }, time());
                }
                Event::Damaged { canvas } => {
                    self.compositor.take_damage(canvas);
                    if self.main == Some(canvas) {
                        self.look();
                    }
                }
                Event::FrameWanted { canvas } => self.wanted = Some(canvas),
                _ => {}
            }
        }
    }

    fn look(&self) {
        if let Some(picture) = self.picture() {
            self.watch.look(&picture, None);
        }
    }

    fn picture(&self) -> Option<Picture<'_>> {
        let view = self.compositor.canvas(self.main?)?;
        Some(Picture { width: view.size.width, height: view.size.height, stride: view.stride, pixels: view.pixels })
    }

    fn next_frame(&self) -> u64 {
        self.last_frame + u64::try_from(FRAME.as_nanos()).unwrap_or(0)
    }

    /// A lone change may draw on at once; a stream of them at the refresh rate, as in a session.
    fn allow_frame(&mut self) {
        let Some(canvas) = self.wanted else { return };
        let (at, due) = (now(), self.next_frame());
        if at < due {
            return;
        }
        self.wanted = None;
        // The worker's rule: being woken a little late does not shift the rhythm.
        self.last_frame = if u128::from(at - due) < FRAME.as_nanos() / 4 { due } else { at };
        self.compositor.frame_done(canvas, time());
    }

    /// Does what the bench asks; `false` when it wants the end.
    fn obey(&mut self) -> bool {
        let mut drained = [0; 8];
        // Nothing to read means nobody woke us.
        let _ = rustix::io::read(&self.wake, &mut drained);
        loop {
            match self.commands.try_recv() {
                Ok(Command::Give(gestures, answer)) => {
                    let at = now();
                    for gesture in gestures {
                        self.give(&gesture);
                    }
                    // Whoever asked may have given up waiting.
                    let _ = answer.try_send(at.cast_signed());
                }
                Ok(Command::Find(page, answer)) => {
                    let found = self
                        .picture()
                        .and_then(|picture| Strips::find(&picture, page.width, page.height, page.ratio, page.code));
                    // Whoever asked may have given up waiting.
                    let _ = answer.try_send(found);
                }
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn give(&mut self, gesture: &Gesture) {
        let input = match *gesture {
            Gesture::Key(key, pressed) => Input::Key { key: Key(key), pressed },
            Gesture::Press(pressed) => Input::PointerButton { button: Button::Left, pressed },
            Gesture::Point(x, y) => {
                let Some(canvas) = self.main else { return };
                Input::PointerMotion { canvas, position: Position::new(f64::from(x), f64::from(y)) }
            }
        };
        self.compositor.input(input, time());
    }
}

fn time() -> Time {
    Time(now() / 1000)
}
