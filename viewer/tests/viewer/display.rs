//! A virtual display for tests, the program on it, and hands.

use std::{
    io::{BufRead, BufReader, Read},
    os::fd::OwnedFd,
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use image::RgbImage;
use shoji_protocol::{AttachHow, CanvasId, CanvasKind, Input};

use x11rb::{
    connection::Connection as _,
    protocol::{
        Event,
        xproto::{
            ClientMessageEvent, ConnectionExt as _, EventMask, InputFocus, MapState, PropMode, SELECTION_NOTIFY_EVENT,
            SelectionNotifyEvent, WindowClass,
        },
    },
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

use crate::support::{Host, PATIENCE, Peer, Picture};

/// The frame's colour, as in the viewer.
pub(crate) const AMBER: [u8; 3] = [0xd9, 0xa4, 0x41];
pub(crate) const EDGE: u32 = 4;
pub(crate) const BAR: u32 = 22;

/// A display of its own for each test.
pub(crate) struct Display {
    server: Child,
    name: String,
}

impl Display {
    pub(crate) fn start() -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is installed");
        let mut line = String::new();
        let stdout: OwnedFd = server.stdout.take().expect("piped").into();
        BufReader::new(std::fs::File::from(stdout)).read_line(&mut line).expect("Xvfb names its display");
        Self { server, name: format!(":{}", line.trim()) }
    }

    pub(crate) fn tool(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new(program)
            .args(arguments)
            .env("DISPLAY", &self.name)
            .output()
            .unwrap_or_else(|_| panic!("{program} is installed"));
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Starts a window manager, and waits until it manages.
    pub(crate) fn manage(&self) -> Manager {
        let child = Command::new("openbox")
            .args(["--config-file", "/dev/null"])
            .env("DISPLAY", &self.name)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openbox is installed");
        let manager = Manager(child);
        let deadline = Instant::now() + PATIENCE;
        let managed = || {
            let mut xprop = Command::new("xprop");
            let output = xprop.args(["-root", "_NET_SUPPORTING_WM_CHECK"]).env("DISPLAY", &self.name).output();
            output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("window id"))
        };
        while !managed() {
            assert!(Instant::now() < deadline, "the window manager does not start");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        manager
    }

    /// Asks a window to close, as a window manager does.
    pub(crate) fn ask_to_close(&self, window: u32) {
        let (display, _) = x11rb::connect(Some(&self.name)).expect("a display");
        let atom = |name: &str| {
            let cookie = display.intern_atom(false, name.as_bytes()).expect("sent");
            cookie.reply().expect("answered").atom
        };
        let (protocols, delete) = (atom("WM_PROTOCOLS"), atom("WM_DELETE_WINDOW"));
        let event = ClientMessageEvent::new(32, window, protocols, [delete, 0, 0, 0, 0]);
        // A display may drop what a program said just before it went; so its answer is waited for.
        display.send_event(false, window, EventMask::NO_EVENT, event).expect("sent").check().expect("taken");
    }

    /// Another program with a window that takes the keyboard, until this is dropped.
    pub(crate) fn other(&self) -> impl Drop + use<> {
        let other = Stranger::new(&self.name);
        let display = &other.display;
        display.map_window(other.window).expect("sent");
        while display.get_window_attributes(other.window).expect("sent").reply().expect("answered").map_state
            != MapState::VIEWABLE
        {}
        let focus = display.set_input_focus(InputFocus::POINTER_ROOT, other.window, x11rb::CURRENT_TIME);
        focus.expect("sent").check().expect("taken");
        other
    }

    /// Drags a file of another program over a window and drops it there.
    pub(crate) fn drop_file(&self, target: u32, file: &Path) {
        let source = Stranger::new(&self.name);
        let display = &source.display;
        let atom = |name: &str| {
            let cookie = display.intern_atom(false, name.as_bytes()).expect("sent");
            cookie.reply().expect("answered").atom
        };
        let list = atom("text/uri-list");
        let taken = display.set_selection_owner(source.window, atom("XdndSelection"), x11rb::CURRENT_TIME);
        taken.expect("sent").check().expect("taken");
        let say = |name: &str, data: [u32; 5]| {
            let event = ClientMessageEvent::new(32, target, atom(name), data);
            display.send_event(false, target, EventMask::NO_EVENT, event).expect("sent").check().expect("taken");
        };
        say("XdndEnter", [source.window, 5 << 24, list, 0, 0]);
        say("XdndPosition", [source.window, 0, 300 << 16 | 300, 0, atom("XdndActionCopy")]);
        let (status, finished) = (atom("XdndStatus"), atom("XdndFinished"));
        let (mut accepted, mut read) = (false, false);
        loop {
            match display.wait_for_event().expect("a display") {
                Event::SelectionRequest(asked) => {
                    let text = format!("file://{}\r\n", file.display());
                    let mode = PropMode::REPLACE;
                    display
                        .change_property8(mode, asked.requestor, asked.property, list, text.as_bytes())
                        .expect("sent");
                    let event = SelectionNotifyEvent {
                        response_type: SELECTION_NOTIFY_EVENT,
                        sequence: 0,
                        time: asked.time,
                        requestor: asked.requestor,
                        selection: asked.selection,
                        target: asked.target,
                        property: asked.property,
                    };
                    display.send_event(false, asked.requestor, EventMask::NO_EVENT, event).expect("sent");
                    display.flush().expect("sent");
                    read = true;
                }
                Event::ClientMessage(answer) if answer.type_ == status => accepted = true,
                Event::ClientMessage(answer) if answer.type_ == finished => return,
                _ => continue,
            }
            if accepted && read {
                say("XdndDrop", [source.window, 0, 0, 0, 0]);
                accepted = false;
            }
        }
    }

    pub(crate) fn screenshot(&self) -> RgbImage {
        let png = self.tool("import", &["-window", "root", "png:-"]);
        image::load_from_memory(&png).expect("a PNG").into_rgb8()
    }

    /// Takes screenshots until one satisfies `look`; keeps it under `name` if previews are wanted.
    pub(crate) fn see(&self, name: &str, mut look: impl FnMut(&RgbImage) -> bool) -> RgbImage {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let picture = self.screenshot();
            let good = look(&picture);
            if good || Instant::now() > deadline {
                if let Some(folder) = std::env::var_os("SHOJI_PREVIEWS") {
                    picture.save(Path::new(&folder).join(format!("{name}.png"))).expect("a writable folder");
                }
                assert!(good, "{name} never came on the screen");
                return picture;
            }
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Another program on the display, with a small window in a corner that is not mapped yet.
struct Stranger {
    display: RustConnection,
    window: u32,
}

impl Stranger {
    fn new(name: &str) -> Self {
        let (display, _) = x11rb::connect(Some(name)).expect("a display");
        let window = display.generate_id().expect("a free id");
        let root = display.setup().roots[0].root;
        let (class, copied) = (WindowClass::COPY_FROM_PARENT, x11rb::COPY_FROM_PARENT);
        let made = display.create_window(0, window, root, 1350, 950, 30, 30, 0, class, copied, &Default::default());
        made.expect("sent").check().expect("made");
        Self { display, window }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.display.destroy_window(self.window).map(|sent| sent.check());
    }
}

/// A window manager, ended with the test.
pub(crate) struct Manager(Child);

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How the program is started.
#[derive(Clone, Copy)]
pub(crate) struct Setup<'a> {
    pub(crate) arguments: &'a [&'a str],
    /// The picture's size.
    pub(crate) size: (u32, u32),
    /// The display's scale.
    pub(crate) scale: &'a str,
    /// The folder of what the program remembers; otherwise one in which it has explained itself.
    pub(crate) state: Option<&'a Path>,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { arguments: &[], size: (800, 600), scale: "1", state: None }
    }
}

/// The program, ended with the test.
pub(crate) struct Program {
    child: Child,
    _directory: tempfile::TempDir,
}

impl Program {
    pub(crate) fn start(display: &Display, bundle: &str, arguments: &[&str]) -> Self {
        Self::set_up(display, bundle, Setup { arguments, ..Setup::default() })
    }

    pub(crate) fn set_up(display: &Display, bundle: &str, setup: Setup<'_>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("device.shoji");
        std::fs::write(&path, bundle).expect("a file");
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("own file");
        let own = directory.path().join("state");
        std::fs::create_dir_all(own.join("shoji")).expect("a folder");
        std::fs::write(own.join("shoji/viewer-explained"), "").expect("a file");
        let (width, height) = setup.size;
        let child = Command::new(env!("CARGO_BIN_EXE_shoji-viewer"))
            .args(["connect", "--size", &format!("{width}x{height}"), "--bundle"])
            .arg(&path)
            .args(setup.arguments)
            .env("DISPLAY", &display.name)
            .env_remove("WAYLAND_DISPLAY")
            .env("WINIT_X11_SCALE_FACTOR", setup.scale)
            .env("XDG_STATE_HOME", setup.state.unwrap_or(&own))
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        Self { child, _directory: directory }
    }

    /// Waits for the program to end by itself.
    pub(crate) fn ended(mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().expect("own child").is_none() {
            assert!(Instant::now() < deadline, "the program goes on");
            std::thread::yield_now();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let mut words = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            let _ = stderr.read_to_string(&mut words);
        }
        assert!(!words.contains("panicked"), "{words}");
    }
}

pub(crate) struct Scene {
    pub(crate) display: Display,
    pub(crate) host: Host,
    pub(crate) program: Program,
    pub(crate) peer: Peer,
    pub(crate) picture: Picture,
}

/// A window that shows a picture.
pub(crate) fn scene(arguments: &[&str]) -> Scene {
    let scene = scene_of(Setup { arguments, ..Setup::default() });
    scene.display.see("session", |screen| shows(screen, &scene.picture));
    scene
}

/// A window whose picture has been presented.
pub(crate) fn scene_of(setup: Setup<'_>) -> Scene {
    let display = Display::start();
    let host = Host::start();
    let program = Program::set_up(&display, &host.bundle_text(), setup);
    let mut peer = host.accept();
    assert_eq!(peer.attach(7, false), AttachHow::Own);
    let size = peer.viewport().size();
    assert_eq!((u32::from(size.width()), u32::from(size.height())), setup.size);
    let picture = Picture::of(peer.viewport(), 1);
    peer.open(1, CanvasKind::Window, None, size);
    let update = peer.show(1, &picture, 0);
    while peer.presented() != (CanvasId(1), update) {}
    Scene { display, host, program, peer, picture }
}

impl Scene {
    /// Gives the window the keyboard.
    pub(crate) fn focus(&mut self) {
        let window = String::from_utf8(self.display.tool("xdotool", &["search", "--name", "Shoji"])).expect("numbers");
        self.display.tool("xdotool", &["windowfocus", "--sync", window.trim()]);
        while self.peer.input().1 != (Input::Focus { canvas: Some(CanvasId(1)) }) {}
    }

    /// Strikes keys, one after the other.
    pub(crate) fn keys(&self, keys: &[&str]) {
        let arguments: Vec<_> = std::iter::once("key").chain(keys.iter().copied()).collect();
        self.display.tool("xdotool", &arguments);
    }

    /// What reaches the host until a key that is struck now.
    pub(crate) fn inputs(&mut self) -> Vec<Input> {
        self.keys(&["z"]);
        let mut inputs = Vec::new();
        loop {
            match self.peer.input().1 {
                Input::Key { key, pressed: true } if key.get() == 44 => return inputs,
                input => inputs.push(input),
            }
        }
    }
}

/// Whether the screen's upper left window shows this picture inside its frame.
pub(crate) fn shows(screen: &RgbImage, picture: &Picture) -> bool {
    (0..picture.height)
        .step_by(7)
        .all(|y| (0..picture.width).step_by(5).all(|x| screen.get_pixel(EDGE + x, BAR + y).0 == picture.rgb(x, y)))
}
