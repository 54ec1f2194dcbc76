//! A virtual display with a window manager and the real viewer in a window, and hands on it.
//!
//! Needs Xvfb, xdotool, openbox, xprop and ImageMagick; their lack fails a test, as a skip would be believed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image::RgbImage;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use shoji_tests::program;

use crate::fixture::PATIENCE;

/// The amber frame around the canvas: left, right and below, and above.
pub(crate) const EDGE: u32 = 4;
pub(crate) const BAR: u32 = 22;

/// The display and what runs on it.
pub(crate) struct Desk {
    pub(crate) display: String,
    /// The viewer's first window.
    pub(crate) window: String,
    pub(crate) home: tempfile::TempDir,
    server: Child,
    /// Ended last to first; some with all that they started.
    children: Vec<(Child, bool)>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1200x900x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is installed");
        let mut line = String::new();
        let output = server.stdout.take().expect("standard output is piped");
        BufReader::new(output).read_line(&mut line).expect("Xvfb names its display");
        let display = format!(":{}", line.trim());
        let home = tempfile::tempdir().expect("a temporary directory");
        let mut desk = Self { display, window: String::new(), home, server, children: Vec::new() };
        let manager = desk.quiet("openbox").args(["--config-file", "/dev/null"]).spawn().expect("openbox starts");
        desk.keep(manager, false);
        desk.until("the window manager manages", |desk| {
            desk.tool("xprop", &["-root", "_NET_SUPPORTING_WM_CHECK"]).contains("window id").then_some(())
        });
        desk
    }

    /// Ends a program with the desk, before what was kept earlier; `group` with all that it started.
    pub(crate) fn keep(&mut self, child: Child, group: bool) {
        self.children.push((child, group));
    }

    /// Opens the viewer. It has explained itself before.
    pub(crate) fn view(&mut self, bundle: &Path, arguments: &[&str], environment: &[(&str, &str)]) {
        let state = self.home.path().join("state");
        std::fs::create_dir_all(state.join("shoji")).expect("a folder");
        std::fs::write(state.join("shoji/viewer-explained"), "").expect("a file");
        let mut viewer = Command::new(program("shoji-viewer"));
        viewer.args(["connect", "--lang", "ja", "--keyboard", "us", "--bundle"]).arg(bundle).args(arguments);
        viewer.env("DISPLAY", &self.display).env("LC_ALL", "C.UTF-8").env("HOME", self.home.path());
        viewer.env_remove("XDG_CONFIG_HOME").env("XDG_STATE_HOME", state).env_remove("WAYLAND_DISPLAY");
        viewer.envs(environment.iter().copied());
        self.keep(viewer.spawn().expect("the viewer starts"), false);
        self.window = self.until("the viewer's window", |desk| desk.windows().pop());
    }

    /// Whether what was kept last has ended.
    pub(crate) fn last_has_ended(&mut self) -> bool {
        let (child, _) = self.children.last_mut().expect("something was kept");
        child.try_wait().expect("an own child").is_some()
    }

    /// Stops the program that was kept last, as a PC that sleeps does, or lets it go on.
    pub(crate) fn sleeps(&self, sleeps: bool) {
        let (child, _) = self.children.last().expect("something was kept");
        let signal = if sleeps { Signal::STOP } else { Signal::CONT };
        kill_process(Pid::from_child(child), signal).expect("an own child");
    }

    pub(crate) fn quiet(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.display).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    pub(crate) fn tool(&self, name: &str, arguments: &[&str]) -> String {
        let output = Command::new(name).args(arguments).env("DISPLAY", &self.display).output();
        let output = output.unwrap_or_else(|_| panic!("{name} is installed"));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The viewer's windows that can be seen.
    pub(crate) fn windows(&self) -> Vec<String> {
        let found = self.tool("xdotool", &["search", "--onlyvisible", "--name", "Shoji"]);
        found.lines().map(str::to_owned).collect()
    }

    pub(crate) fn until<T>(&self, what: &str, mut condition: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = condition(self) {
                return found;
            }
            assert!(Instant::now() < deadline, "never: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What a window shows; it must not be covered.
    pub(crate) fn picture(&self, window: &str) -> Option<RgbImage> {
        let output = Command::new("import").args(["-window", window, "png:-"]).env("DISPLAY", &self.display).output();
        let output = output.expect("import (imagemagick) is installed");
        Some(image::load_from_memory(&output.stdout).ok()?.into_rgb8())
    }

    /// Moves the pointer to a place of the first window.
    pub(crate) fn point(&self, x: u32, y: u32) {
        self.tool("xdotool", &["mousemove", "--window", &self.window, &x.to_string(), &y.to_string()]);
    }

    pub(crate) fn click(&self, x: u32, y: u32) {
        self.point(x, y);
        self.tool("xdotool", &["click", "1"]);
    }

    pub(crate) fn press(&self, key: &str) {
        self.tool("xdotool", &["key", key]);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        for (child, group) in self.children.iter_mut().rev() {
            let pid = Pid::from_child(child);
            let _ = if *group { kill_process_group(pid, Signal::TERM) } else { kill_process(pid, Signal::TERM) };
            let _ = child.wait();
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
