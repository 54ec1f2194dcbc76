//! A headless Wayland compositor: a browser's picture as damage, input back in.
//!
//! Owns one session's Wayland display. Clients connect to a listening socket that the caller bound; each of their
//! windows becomes a *canvas*, composed in software from shared memory, with exact damage; input goes back in by
//! [`Compositor::input`]. It knows no network, no protocol of Shoji's and no codec, starts no thread, reads no clock and
//! never blocks: the caller polls [`Compositor::fds`], calls [`Compositor::dispatch`] with the time, then drains
//! [`Compositor::poll_event`]. Two rules for callers: after every [`Event::FrameWanted`] call
//! [`Compositor::frame_done`] when the next picture may be drawn, or the client stops drawing; and call
//! [`Compositor::dispatch`] at [`Compositor::deadline`] too, or what was typed too early waits for ever.
//!
//! ```no_run
//! use shoji_compositor::{Compositor, Config, Event, KeyboardLayout, Scale, Size, Time, Viewport};
//!
//! # fn wait_until_readable(_: [std::os::fd::BorrowedFd<'_>; 2]) -> Time { Time(0) }
//! let listener = std::os::unix::net::UnixListener::bind("/run/session/wayland-0")?;
//! listener.set_nonblocking(true)?;
//! let viewport = Viewport { size: Size::new(1920, 1080), scale: Scale::ONE, refresh: 60_000 };
//! let mut compositor = Compositor::new(Config { viewport, keyboard: KeyboardLayout::Jp }, listener)?;
//! loop {
//!     let now = wait_until_readable(compositor.fds());
//!     compositor.dispatch(now)?;
//!     while let Some(event) = compositor.poll_event() {
//!         if let Event::Damaged { canvas } = event {
//!             let damage = compositor.take_damage(canvas);
//!             let picture = compositor.canvas(canvas).expect("a damaged canvas exists");
//!             println!("{} pixels of {} changed", damage.pixels(), picture.size);
//!             compositor.frame_done(canvas, now);
//!         }
//!     }
//! }
//! # #[expect(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod canvas;
mod clients;
mod content;
mod cursor;
mod drag;
mod foreign;
mod guard;
mod hold;
mod keymap;
mod layout;
pub mod limits;
mod pixels;
mod region;
mod seat;
mod shell;
mod shm;
mod state;
mod text_input;
mod types;
mod waiting;
mod window;

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use smithay::reexports::wayland_server::{Client, Display};

pub use crate::region::Damage;
pub use crate::types::{
    Button, CanvasId, CanvasKind, CanvasView, Config, Cursor, CursorShape, Error, Event, Input, Key, KeyboardLayout,
    Limit, Lock, Misbehaviour, Position, Rect, Scale, Size, TextPlace, Time, TouchPhase, Viewport, WheelSource,
    WindowState,
};

use crate::clients::{ClientState, Departures, blame};
use crate::state::State;

/// One session's compositor. See the crate's documentation for how to drive it.
pub struct Compositor {
    display: Display<State>,
    state: State,
    listener: UnixListener,
    clients: Vec<Client>,
    departures: Departures,
    dispatches: u64,
}

impl Compositor {
    /// Serves the clients of `listener`, which must be non-blocking.
    ///
    /// Reads the keyboard layouts' files (`/usr/share/X11/xkb`) here and in [`Self::set_keyboard`], and no other file; after
    /// [`Self::read_keyboards`] none at all.
    pub fn new(config: Config, listener: UnixListener) -> Result<Self, Error> {
        let display = Display::<State>::new().map_err(|error| Error::Display(error.to_string()))?;
        let state = State::new(&display.handle(), &config)?;
        Ok(Self { display, state, listener, clients: Vec::new(), departures: Departures::default(), dispatches: 0 })
    }

    /// What to poll for readability: new connections, and requests of clients.
    pub fn fds(&self) -> [BorrowedFd<'_>; 2] {
        [self.listener.as_fd(), self.display.as_fd()]
    }

    /// When [`Self::dispatch`] is to be called although nothing is readable.
    pub fn deadline(&self) -> Option<Time> {
        // While text waits for its field no key goes down again: its deadline comes first.
        self.state.text_inputs.deadline().or(self.state.holds.deadline())
    }

    /// Accepts clients, acts on their requests, composes what changed and sends what is to be sent. Never blocks.
    ///
    /// Call it when a file descriptor is readable, and after input before waiting again.
    pub fn dispatch(&mut self, now: Time) -> Result<(), Error> {
        self.state.now = self.state.now.max(now);
        self.accept()?;
        self.display.dispatch_clients(&mut self.state).map_err(Error::Dispatch)?;
        // After the clients: a field that is told of just now still gets its text.
        self.state.give_up_late();
        self.count_objects();
        self.state.finish();
        self.tell_departures();
        // A client that cannot be written to is disconnected by the display; the others are not at fault.
        let _ = self.display.flush_clients();
        Ok(())
    }

    /// The oldest event not yet seen.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.state.poll_event()
    }

    /// The pixels of a canvas as of the last dispatch.
    pub fn canvas(&self, canvas: CanvasId) -> Option<CanvasView<'_>> {
        let picture = &self.state.window(canvas)?.picture;
        let size = picture.size();
        Some(CanvasView { size, stride: size.width as usize * pixels::BPP, pixels: picture.data() })
    }

    /// How many pixels were copied or drawn to keep a canvas up to date since it opened, each time counted: the work of
    /// composing, for tests and measurements. 0 for an unknown canvas.
    pub fn drawn(&self, canvas: CanvasId) -> u64 {
        self.state.window(canvas).map_or(0, |window| window.picture.drawn())
    }

    /// What changed in a canvas since the last call: never less than what changed, and empty for an unknown canvas.
    pub fn take_damage(&mut self, canvas: CanvasId) -> Damage {
        let Some(window) = self.state.window_mut(canvas) else { return Damage::default() };
        window.told_damage = false;
        let region = window.picture.take_damage();
        Damage::from_region(&region, window.picture.size())
    }

    /// Lets the clients of a canvas draw the next picture: call it when the update with the last one left or is about to, and
    /// as often as [`Event::FrameWanted`] asks. `now` is told as the time at which the picture was shown.
    pub fn frame_done(&mut self, canvas: CanvasId, now: Time) {
        self.state.frame_done(canvas, now);
        let _ = self.display.flush_clients();
    }

    /// Acts on one input event, and sends it at once, unless it is typed while text waits for its field.
    pub fn input(&mut self, event: Input, now: Time) {
        self.state.now = self.state.now.max(now);
        self.state.input(event);
        let _ = self.display.flush_clients();
    }

    /// A viewer shows this canvas at another size or scale. The canvas follows when the client has drawn for it.
    pub fn resize(&mut self, canvas: CanvasId, viewport: Viewport) {
        self.state.resize(canvas, viewport);
        let _ = self.display.flush_clients();
    }

    /// The viewport of windows to come, and of the output that clients see.
    pub fn set_viewport(&mut self, viewport: Viewport) {
        self.state.set_viewport(viewport);
        let _ = self.display.flush_clients();
    }

    /// Changes the keyboard layout.
    pub fn set_keyboard(&mut self, layout: KeyboardLayout) -> Result<(), Error> {
        let set = self.state.set_layout(layout);
        let _ = self.display.flush_clients();
        if set { Ok(()) } else { Err(Error::Keymap(layout)) }
    }

    /// Reads every keyboard layout now, for a process that may read no file later.
    pub fn read_keyboards(&mut self) -> Result<(), Error> {
        self.state.keymaps = keymap::Keymaps::read()?;
        Ok(())
    }

    /// Asks the client to close a window. It may ask the user first, or refuse.
    pub fn close(&mut self, canvas: CanvasId) {
        if let Some(window) = self.state.window(canvas) {
            window.toplevel.send_close();
        }
        let _ = self.display.flush_clients();
    }

    /// From now on a window of a connection without any, beside a window of another, is closed before it shows anything:
    /// its program takes that for its user's answer. In a browser that is every dialog of GTK's, which choose files.
    pub fn refuse_strangers(&mut self) {
        self.state.refuses_strangers = true;
    }

    /// Where typed text goes now.
    pub fn text_place(&self) -> TextPlace {
        let (surface, field, caret) = match self.state.text_inputs.place() {
            text_input::Place::Nowhere => return TextPlace::Nowhere,
            text_input::Place::Secret => return TextPlace::Secret,
            text_input::Place::Field(surface, field, caret) => (surface, field, caret),
        };
        let window = self.state.window_of(&surface).map(|index| &self.state.windows[index]);
        let Some(window) = window.filter(|window| window.opened) else { return TextPlace::Nowhere };
        let caret = caret.and_then(|(x, y, width, height)| {
            let layer = window.picture.layers().iter().find(|layer| layer.surface == surface)?;
            let size = window.picture.size();
            let area = layer.on_canvas(x, y, width.max(1), height.max(1));
            let area = area.intersect(region::Area::of_size(size.width as i32, size.height as i32));
            Some(Rect {
                x: area.x0 as u32,
                y: area.y0 as u32,
                width: area.width() as u32,
                height: area.height() as u32,
            })
        });
        TextPlace::Field { canvas: window.id, field, caret }
    }

    /// The canvas and canvas pixels of the text caret, while a text field that tells it has the focus.
    pub fn caret(&self) -> Option<(CanvasId, Rect)> {
        match self.text_place() {
            TextPlace::Field { canvas, caret, .. } => Some((canvas, caret?)),
            TextPlace::Nowhere | TextPlace::Secret => None,
        }
    }

    /// Whether a client's drag and drop is going on.
    pub fn is_dragging(&self) -> bool {
        self.state.drag.is_on
    }

    fn accept(&mut self) -> Result<(), Error> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let data = Arc::new(ClientState::new(self.departures.clone()));
                    let mut handle = self.display.handle();
                    let client = handle.insert_client(stream, data).map_err(Error::Listener)?;
                    self.clients.retain(|client| !ClientState::of(client).is_gone());
                    if self.clients.len() >= limits::MAX_CLIENTS {
                        blame(&client, &handle, Limit::Clients);
                    } else {
                        self.clients.push(client);
                    }
                }
                Err(error) => match error.kind() {
                    std::io::ErrorKind::WouldBlock => return Ok(()),
                    // The client gave up before it was accepted.
                    std::io::ErrorKind::ConnectionAborted | std::io::ErrorKind::Interrupted => {}
                    _ => return Err(Error::Listener(error)),
                },
            }
        }
    }

    /// Disconnects clients that hold more objects than any browser does.
    fn count_objects(&mut self) {
        self.dispatches += 1;
        if !self.dispatches.is_multiple_of(limits::OBJECT_CHECK_INTERVAL) {
            return;
        }
        let handle = self.display.handle();
        for client in &self.clients {
            let mut objects = 0;
            let _ = handle.backend_handle().with_all_objects_for(client.id(), |_| objects += 1);
            if objects > limits::MAX_OBJECTS {
                blame(client, &handle, Limit::Objects);
            }
        }
    }

    fn tell_departures(&mut self) {
        let departures = self.departures.take();
        if departures.is_empty() {
            return;
        }
        self.clients.retain(|client| !ClientState::of(client).is_gone());
        let remaining = self.clients.len();
        for departure in departures {
            self.state.event(match departure {
                None => Event::ClientGone { remaining },
                Some(why) => Event::ClientMisbehaved { why, remaining },
            });
        }
    }
}

impl std::fmt::Debug for Compositor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compositor").field("clients", &self.clients.len()).finish_non_exhaustive()
    }
}
