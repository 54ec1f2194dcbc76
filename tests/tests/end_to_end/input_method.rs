//! A real Japanese input method (mozc under fcitx) on a virtual display, in the real viewer's window, for a page in a real
//! Chromium: what a person composes is seen in the page while it is composed, and comes once.
//!
//! Needs what a desk needs, and xev, dbus, fcitx5 and fcitx5-mozc; their lack fails these tests, as a skip would be believed.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::desk::Desk;
use crate::fixture::{Host, Page, Site};

/// Two text fields and one for a password; every change of their contents is asked for as a path.
const PAGE: &str = "<!doctype html><meta charset=utf-8><style>*{margin:0}textarea,input{position:fixed;left:0;width:600px;\
    font-size:24px}</style><textarea id=a autofocus style='top:0;height:100px'></textarea>\
    <textarea id=b style='top:120px;height:100px'></textarea><input id=p type=password style='top:240px;height:60px'>\
    <script>let last='',busy;setInterval(()=>{let now='/v/'+[a,b,p].map(f=>encodeURIComponent(f.value)).join('/');\
    if(now!=last&&!busy){busy=1;fetch(last=now).catch(()=>last='').finally(()=>busy=0)}},20);a.focus();\
    onkeydown=e=>{if(e.key=='Shift'){fetch('/hand');onkeydown=null}}</script>";

/// An editable part of the page, a field of one line and a choice.
const OTHERS: &str = "<!doctype html><meta charset=utf-8><style>*{margin:0}#a,input,select{position:fixed;left:0;width:600px;\
    font-size:24px}</style><div id=a contenteditable style='top:0;height:100px;background:#eee'></div>\
    <input id=b style='top:120px;height:60px'><select id=p style='top:240px;height:60px'><option>-<option>apple<option>cherry\
    </select><script>let last='',busy;setInterval(()=>{let now='/v/'+[a.textContent,b.value,p.value].map(encodeURIComponent)\
    .join('/');if(now!=last&&!busy){busy=1;fetch(last=now).catch(()=>last='').finally(()=>busy=0)}},20);a.focus();\
    onkeydown=e=>{if(e.key=='Shift'){fetch('/hand');onkeydown=null}}</script>";

/// Somebody who may not do anything: mozc's server refuses to run as root.
const NOBODY: u32 = 65_534;

/// A person's pace: ten keys a second.
const KEY: &str = "100";

/// A desk with an input method, and the viewer of a page.
struct Writing {
    desk: Desk,
    site: Site,
    _host: Host,
}

impl Writing {
    /// At the page with these contents, which asks for `first` when it is there.
    fn of(body: &'static str, first: &str) -> Self {
        let site = Site::of(vec![
            Page { path: "/v/", head: "", body: "" },
            Page { path: "/hand", head: "", body: "" },
            Page { path: "/", head: "", body },
        ]);
        let host = Host::showing(Some(&format!("http://{}/w/", site.address)));
        let mut desk = Desk::new();
        let method = start_method(&desk.display, desk.home.path());
        desk.keep(method, true);
        // Xlib has no input method before it has this one.
        desk.until("the input method serves the display", |desk| {
            let said = desk.tool("xprop", &["-root", "XIM_SERVERS"]);
            said.contains("@server=fcitx").then_some(())
        });
        desk.view(&host.bundle("pc"), &["--size", "900x600"], &[("XMODIFIERS", "@im=fcitx")]);
        site.wait_last("/v/", first);
        // What is not shown yet takes no hands, nor does the page behind the card of a first start.
        desk.until("the page sees a key", |desk| {
            desk.press("Escape");
            desk.press("Shift_L");
            site.was_asked("/hand").then_some(())
        });
        Self { desk, site, _host: host }
    }

    /// Types as a person does.
    fn keys(&self, text: &str) {
        self.desk.tool("xdotool", &["type", "--delay", KEY, text]);
    }

    /// Waits until the fields hold this.
    fn fields(&self, [a, b, p]: [&str; 3]) {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let plain = |text: &str| if text.is_ascii() { text.to_owned() } else { encode(text) };
        self.site.wait_last("/v/", &format!("/v/{}/{}/{}", plain(a), plain(b), plain(p)));
    }
}

/// fcitx with mozc, composing in the window's own text, on from the beginning; with a bus and a home of its own.
fn start_method(display: &str, home: &Path) -> Child {
    let config = home.join(".config/fcitx5");
    std::fs::create_dir_all(config.join("conf")).expect("a folder");
    std::fs::create_dir_all(home.join("run")).expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(config.join(name), text).expect("a writable folder");
    write(
        "profile",
        "[Groups/0]\nName=Default\nDefault Layout=us\nDefaultIM=mozc\n[Groups/0/Items/0]\nName=mozc\nLayout=\n[GroupOrder]\n0=Default\n",
    );
    write("config", "[Behavior]\nActiveByDefault=True\nShareInputState=All\n");
    write("conf/xim.conf", "UseOnTheSpot=True\n");
    std::fs::set_permissions(home.join("run"), PermissionsExt::from_mode(0o700)).expect("our own folder");
    let mut command = Command::new("dbus-run-session");
    command.args(["--", "fcitx5", "--disable=wayland,waylandim,notificationitem,kimpanel"]);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8").env("DISPLAY", display);
    command.env("HOME", home).env("XDG_RUNTIME_DIR", home.join("run")).current_dir("/").process_group(0);
    if rustix::process::geteuid().is_root() {
        std::fs::set_permissions(home, PermissionsExt::from_mode(0o711)).expect("our own folder");
        let mut folders = vec![home.to_path_buf()];
        while let Some(folder) = folders.pop() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).expect("root may give files away");
            if folder.is_dir() {
                folders.extend(std::fs::read_dir(&folder).expect("readable").flatten().map(|entry| entry.path()));
            }
        }
        command.uid(NOBODY).gid(NOBODY);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("dbus-run-session and fcitx5 are installed")
}

#[test]
fn a_japanese_input_method_composes_in_the_page_and_everything_comes_once() {
    let writing = Writing::of(PAGE, "/v///");
    let desk = &writing.desk;
    desk.click(200, 150);
    writing.keys("nihonn");
    writing.fields(["にほん", "", ""]);
    desk.press("space");
    writing.fields(["日本", "", ""]);
    desk.press("Return");
    writing.keys("go");
    writing.fields(["日本ご", "", ""]);
    // A click into another field finishes what is composed where it is.
    desk.click(200, 270);
    writing.keys("kanji");
    writing.fields(["日本ご", "かんじ", ""]);
    // A password is typed as it is, whatever the input method is set to.
    desk.click(200, 390);
    writing.keys("abc");
    writing.fields(["日本ご", "かんじ", "abc"]);
    // Back in a field the first key is composed already, and what is given up leaves nothing.
    desk.click(200, 270);
    desk.press("End");
    writing.keys("wo");
    writing.fields(["日本ご", "かんじを", "abc"]);
    desk.press("Escape");
    desk.press("Escape");
    writing.fields(["日本ご", "かんじ", "abc"]);
    // The keyboard goes to another window while something is composed: it stays, once.
    writing.keys("ha");
    writing.fields(["日本ご", "かんじは", "abc"]);
    let other = Other(desk.quiet("xev").spawn().expect("xev (x11-utils) is installed"));
    desk.until("another window with the keyboard", |desk| {
        let focus = desk.tool("xdotool", &["getwindowfocus"]);
        (focus.trim() != desk.window && !focus.trim().is_empty()).then_some(())
    });
    drop(other);
    desk.tool("xdotool", &["windowactivate", "--sync", &desk.window]);
    writing.keys("yomu");
    writing.fields(["日本ご", "かんじはよむ", "abc"]);
    desk.press("Return");
    desk.press("BackSpace");
    writing.fields(["日本ご", "かんじはよ", "abc"]);
}

#[test]
fn a_japanese_input_method_writes_in_every_kind_of_field_and_in_the_address_bar() {
    let writing = Writing::of(OTHERS, "/v///-");
    let desk = &writing.desk;
    desk.click(200, 150);
    writing.keys("nihonn");
    writing.fields(["にほん", "", "-"]);
    desk.press("space");
    desk.press("Return");
    writing.fields(["日本", "", "-"]);
    desk.click(200, 270);
    writing.keys("kanji");
    writing.fields(["日本", "かんじ", "-"]);
    desk.press("Return");
    // A choice takes letters as they are, as in a browser on this PC.
    desk.press("Tab");
    desk.until("the choice has the keyboard, and takes a letter", |desk| {
        desk.press("c");
        writing.site.was_asked("/v/%E6%97%A5%E6%9C%AC/%E3%81%8B%E3%82%93%E3%81%98/cherry").then_some(())
    });
    // The address bar, from the first key on; what it holds is the page's own address.
    desk.press("ctrl+l");
    desk.press("End");
    writing.keys("ai");
    desk.press("Return");
    desk.press("Return");
    writing.site.wait_count("/w/%E3%81%82%E3%81%84", 1);
}

/// A program that ends with its scope.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
