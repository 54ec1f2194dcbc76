//! The viewer's windows on displays of several scales: a real Chromium, the real windows under a real Wayland compositor.
//!
//! Needs sway, grim and wtype; their lack fails a test, as a skip would be believed.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image::RgbImage;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use shoji_tests::program;

use crate::fixture::{Host, PATIENCE, Page, Site};

/// Stripes of one pixel, whatever the scale, and the page's size and scale told; a key opens another window.
const PAGE: &str = "<!doctype html><meta charset=utf-8><style>*{margin:0}body{height:100vh;overflow:hidden}</style><script>\
    let told='',busy=0;async function tell(){let p=1/devicePixelRatio;document.body.style.background='repeating-linear-gradient('+\
    '90deg,#fff 0 '+p+'px,#00f '+p+'px '+2*p+'px)';if(busy)return;busy=1;for(;;){let now='/size'+location.pathname+innerWidth+'x'+\
    innerHeight+'@'+devicePixelRatio;if(now==told)break;try{await fetch(now);told=now}catch{}}busy=0}onresize=tell;onload=tell;\
    onkeydown=e=>{if(e.key=='1')open('/other/','','width=500,height=300')}</script>";

/// Whose process the compositor is if the test is root: nobody else's.
const USER: u32 = 60_998;

/// Two displays, side by side, and the viewer on the first.
struct Displays {
    folder: tempfile::TempDir,
    site: Site,
    _host: Host,
    /// Ended last to first.
    children: Vec<Child>,
}

impl Displays {
    fn new(scales: [&str; 2]) -> Self {
        let silent = |path| Page { path, head: "", body: "" };
        let site = Site::of(vec![
            silent("/size/"),
            Page { path: "/other/", head: "", body: PAGE },
            Page { path: "/", head: "", body: PAGE },
        ]);
        let host = Host::showing(Some(&format!("http://{}/main/", site.address)));
        let folder = tempfile::tempdir().expect("a temporary directory");
        let configuration = folder.path().join("config");
        let [first, second] = scales;
        let text = format!(
            "xwayland disable\ndefault_border none\nfocus_follows_mouse no\n\
             output HEADLESS-1 resolution 1000x700 position 0 0 scale {first}\n\
             output HEADLESS-2 resolution 2000x1400 position 2000 0 scale {second}\n\
             workspace 1 output HEADLESS-1\nworkspace 2 output HEADLESS-2\n"
        );
        std::fs::write(&configuration, text).expect("a file");
        let mut displays = Self { folder, site, _host: host, children: Vec::new() };
        let mut compositor = displays.command("sway");
        compositor.arg("--config").arg(&configuration);
        compositor.envs([("WLR_BACKENDS", "headless"), ("WLR_HEADLESS_OUTPUTS", "2"), ("WLR_RENDERER", "pixman")]);
        if geteuid().is_root() {
            // It does not run as root.
            chown(displays.folder.path(), Some(USER), Some(USER)).expect("the folder is ours");
            compositor.uid(USER).gid(USER);
        }
        let compositor = compositor.env("WLR_LIBINPUT_NO_DEVICES", "1").spawn().expect("sway is installed");
        displays.children.push(compositor);
        displays.until("the compositor is there", |displays| displays.file(".sock"));
        displays.until("it takes windows", |displays| displays.file("wayland-1"));
        displays.say("workspace 1");
        let bundle = displays._host.bundle("pc");
        displays.view(&bundle);
        displays
    }

    fn view(&mut self, bundle: &Path) {
        let state = self.folder.path().join("state");
        std::fs::create_dir_all(state.join("shoji")).expect("a folder");
        std::fs::write(state.join("shoji/viewer-explained"), "").expect("a file");
        let mut viewer = self.command(&program("shoji-viewer").display().to_string());
        viewer.args(["connect", "--lang", "ja", "--keyboard", "us", "--bundle"]).arg(bundle);
        viewer.env("WAYLAND_DISPLAY", "wayland-1").env("XDG_STATE_HOME", state).env("LC_ALL", "C.UTF-8");
        self.children.push(viewer.spawn().expect("the viewer starts"));
    }

    /// A program that finds this compositor and no other.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("SWAYSOCK");
        command.env("XDG_RUNTIME_DIR", self.folder.path()).env("HOME", self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// What lies in the compositor's folder with that end of its name.
    fn file(&self, end: &str) -> Option<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder is there");
        entries.flatten().map(|entry| entry.path()).find(|path| path.to_string_lossy().ends_with(end))
    }

    /// Gives the compositor a command, as a person's keys would.
    fn say(&self, words: &str) -> String {
        let socket = self.file(".sock").expect("the compositor is there");
        let mut command = self.command("swaymsg");
        let output =
            command.arg("--socket").arg(socket).args(["--raw", "--"]).arg(words).stdout(Stdio::piped()).output();
        let output = output.expect("swaymsg is installed");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{words}: {said}");
        said
    }

    /// Two keys of a keyboard that is there for so long only: whatever they are called, the first two of any keyboard, Escape and 1.
    fn tap(&self) {
        let mut command = self.command("wtype");
        let done = command.env("WAYLAND_DISPLAY", "wayland-1").args(["-s", "300", "ab", "-s", "300"]).status();
        assert!(done.expect("wtype is installed").success());
    }

    fn until<T>(&self, what: &str, mut condition: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = condition(self) {
                return found;
            }
            assert!(Instant::now() < deadline, "never: {what}; the sizes: {:?}", self.site.last("/size/"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the newest size that this page told is of that scale.
    fn has_scale(&self, page: &str, scale: &str) {
        self.until(&format!("{page} at scale {scale}"), |displays| {
            let last = displays.site.last(&format!("/size{page}"))?;
            last.ends_with(&format!("@{scale}")).then_some(())
        });
    }

    /// What a display shows.
    fn picture(&self, display: &str) -> Option<RgbImage> {
        let mut command = self.command("grim");
        command.env("WAYLAND_DISPLAY", "wayland-1").args(["-o", display, "-t", "png", "-"]);
        let output = command.stdout(Stdio::piped()).output().expect("grim is installed");
        Some(image::load_from_memory(&output.stdout).ok()?.into_rgb8())
    }

    /// Waits until the lower part of a display shows stripes of one of its own pixels, which no scaled picture does.
    fn is_crisp(&self, display: &str) {
        self.until(&format!("{display} is crisp"), |displays| {
            let picture = displays.picture(display)?;
            let y = picture.height() - 60;
            let row: Vec<_> = (200..400).map(|x| picture.get_pixel(x, y).0).collect();
            let (white, blue) = ([0xff; 3], [0, 0, 0xff]);
            let alternate = row.windows(2).all(|two| [[white, blue], [blue, white]].contains(&[two[0], two[1]]));
            alternate.then_some(())
        });
    }
}

impl Drop for Displays {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = kill_process(Pid::from_child(child), Signal::TERM);
            let _ = child.wait();
        }
    }
}

#[test]
fn a_window_is_crisp_at_the_scale_of_the_display_that_it_is_moved_to() {
    let displays = Displays::new(["1", "2"]);
    displays.has_scale("/main/", "1");
    displays.is_crisp("HEADLESS-1");
    displays.say("[title=\"Shoji\"] move container to output HEADLESS-2");
    displays.has_scale("/main/", "2");
    displays.is_crisp("HEADLESS-2");
    // The person chooses another scale for that display.
    displays.say("output HEADLESS-2 scale 3");
    displays.has_scale("/main/", "3");
    displays.is_crisp("HEADLESS-2");
    displays.say("[title=\"Shoji\"] move container to output HEADLESS-1");
    displays.has_scale("/main/", "1");
    displays.is_crisp("HEADLESS-1");
}

#[test]
fn two_windows_of_one_session_are_crisp_on_displays_of_different_scale() {
    let displays = Displays::new(["1", "2"]);
    displays.is_crisp("HEADLESS-1");
    displays.until("the page opens another window", |displays| {
        displays.tap();
        displays.site.last("/size/other/")
    });
    // The newest window has the keyboard.
    displays.say("move container to output HEADLESS-2");
    displays.has_scale("/other/", "2");
    displays.has_scale("/main/", "1");
    displays.is_crisp("HEADLESS-2");
    displays.is_crisp("HEADLESS-1");
}
