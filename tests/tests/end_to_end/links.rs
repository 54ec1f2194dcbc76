//! Links that break, stall and move, through a relay on loopback: the page stays, and nothing is typed twice or late.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shoji_bench::relay::{Conditions, Relay};
use shoji_protocol::{AttachHow, CloseCode, Input, Key, KeyboardLayout, TextPlace};
use shoji_viewer::bundle::Bundle;
use shoji_viewer::headless::Viewer;
use shoji_viewer::keys::Layout;
use shoji_viewer::link::{Error, Options};
use shoji_viewer::scene::{Model, State};
use shoji_viewer::script;

use crate::exactness::assert_equal_at_rest;
use crate::fixture::{Host, PATIENCE, Page, Site};

/// A text field; every change of its content is asked for as a path, and so is the page's coming.
const PAGE: &str = "<!doctype html><meta charset=utf-8><textarea id=a autofocus style='width:600px;height:200px'></textarea>\
    <script>fetch('/came');onkeydown=()=>{fetch('/hand');onkeydown=null};let last='',busy;\
    setInterval(()=>{let now='/v/'+a.value;if(now!=last&&!busy){busy=1;fetch(last=now).catch(()=>last='').finally(()=>busy=0)}},10);a.focus()</script>";

/// Keys that lie there on every keyboard.
const A: u16 = 30;
const B: u16 = 48;
const SHIFT: u16 = 42;

struct Desk {
    site: Site,
    host: Host,
    relay: Relay,
}

impl Desk {
    fn new() -> Self {
        Self::behind(Conditions { rtt: Duration::from_millis(20), ..Conditions::default() })
    }

    fn behind(conditions: Conditions) -> Self {
        let answer = |path| Page { path, head: "", body: "" };
        let site =
            Site::of(vec![answer("/v/"), answer("/came"), answer("/hand"), Page { path: "/", head: "", body: PAGE }]);
        let host = Host::showing(Some(&format!("http://{}/", site.address)));
        let relay = Relay::start(host.address(), conditions).expect("loopback carries a relay");
        Self { site, host, relay }
    }

    fn viewer(&self, device: &str, first: AttachHow) -> Viewer {
        let bundle = self.host.bundle_for(device, &self.relay.address().to_string());
        let bundle = Bundle::read(&bundle).expect("the bundle is readable");
        let viewer = Viewer::connect(bundle, Options { first, ..Options::default() }, Arc::new(()));
        let viewer = viewer.expect("the viewer connects");
        take_keyboard(&viewer);
        // Chromium drops the keys that come before a page's first picture: Shift is pressed until one arrives.
        let deadline = Instant::now() + PATIENCE;
        while !self.site.was_asked("/hand") {
            assert!(Instant::now() < deadline, "no key reaches the page");
            tap(&viewer, SHIFT);
            std::thread::sleep(Duration::from_millis(50));
        }
        viewer
    }

    fn holds(&self, text: &str) {
        self.site.wait_last("/v/", &format!("/v/{text}"));
    }

    /// How often the page was opened.
    fn opened(&self) -> usize {
        self.site.count("/came")
    }
}

/// As a window does that comes to the front, and waits until the page's field takes text.
fn take_keyboard(viewer: &Viewer) {
    let main = viewer.ready(PATIENCE).expect("the picture comes");
    viewer.input(Input::Focus { canvas: Some(main) });
    // While the browser starts, its address bar has the caret.
    let is_field = |place: TextPlace| match place {
        TextPlace::Field { caret: Some(caret), .. } => caret.y.get() > 80,
        _ => false,
    };
    viewer
        .wait_until("the field takes text", PATIENCE, |model| is_field(model.text_place).then_some(()))
        .expect("the field has the keyboard");
}

fn key(viewer: &Viewer, code: u16, pressed: bool) -> bool {
    let key = Key::new(code).expect("a key");
    viewer.input(Input::Key { key, pressed }).is_some()
}

fn tap(viewer: &Viewer, code: u16) -> bool {
    let pressed = key(viewer, code, true);
    key(viewer, code, false);
    pressed
}

fn until(viewer: &Viewer, what: &'static str, is: impl Fn(&State) -> bool) {
    viewer.wait_until(what, PATIENCE, |model| is(&model.state).then_some(())).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_tap_whose_release_is_held_up_types_one_letter() {
    let desk = Desk::new();
    let viewer = desk.viewer("pc", AttachHow::New);
    assert!(tap(&viewer, A));
    desk.holds("a");
    assert!(key(&viewer, B, true));
    // The press arrived; its release does not for longer than a key takes to repeat.
    desk.holds("ab");
    desk.relay.cut();
    key(&viewer, B, false);
    std::thread::sleep(Duration::from_millis(1_500));
    desk.relay.mend();
    until(&viewer, "the host answers", |state| matches!(state, State::Attached));
    tap(&viewer, A);
    desk.holds("aba");
}

#[test]
fn a_key_that_is_held_repeats() {
    let desk = Desk::new();
    let viewer = desk.viewer("pc", AttachHow::New);
    tap(&viewer, A);
    desk.holds("a");
    key(&viewer, B, true);
    desk.site.wait_for(|path| path.starts_with("/v/abbbbbbbbbbbbbbbbbbbb"));
    key(&viewer, B, false);
}

#[test]
fn where_packets_are_lost_pictures_come_by_their_copies_and_are_right() {
    let lossy = Conditions { rtt: Duration::from_millis(40), loss_ppm: 50_000, ..Conditions::default() };
    let desk = Desk::behind(lossy);
    let viewer = desk.viewer("pc", AttachHow::New);
    let deadline = Instant::now() + PATIENCE;
    let mut typed = String::new();
    while viewer.stats().bytes_spliced == 0 {
        assert!(Instant::now() < deadline, "no copy was needed in {} letters", typed.len());
        assert!(tap(&viewer, A));
        typed.push('a');
        desk.holds(&typed);
    }
    assert_eq!(viewer.stats().reconnections, 0);
    let main = viewer.ready(PATIENCE).expect("the picture stays");
    // A caret that blinks is no rest.
    let beside = script::parse("click 700 600", Layout::Us).expect("the test's script is one");
    viewer.play(&beside, KeyboardLayout::Us, PATIENCE).expect("the script plays");
    assert_equal_at_rest(&desk.host, &viewer, main);
}

#[test]
fn another_address_of_the_pc_keeps_the_connection() {
    let desk = Desk::new();
    let viewer = desk.viewer("pc", AttachHow::New);
    tap(&viewer, A);
    desk.holds("a");
    desk.relay.rebind().expect("there is another port");
    tap(&viewer, B);
    desk.holds("ab");
    let model = viewer.lock();
    assert!(matches!(model.state, State::Attached));
    assert_eq!(model.attachment(), 1, "no new connection was needed");
}

#[test]
fn after_a_cut_the_same_page_is_back_and_nothing_typed_meanwhile_comes_later() {
    let desk = Desk::new();
    let viewer = desk.viewer("pc", AttachHow::New);
    tap(&viewer, A);
    desk.holds("a");
    desk.relay.cut();
    tap(&viewer, B);
    until(&viewer, "the person is told", |state| matches!(state, State::Silent));
    assert!(!tap(&viewer, B), "it is not taken");
    until(&viewer, "another connection is tried", |state| matches!(state, State::Reconnecting { .. }));
    assert!(!tap(&viewer, B), "it is not taken");
    desk.relay.mend();
    until(&viewer, "the session is back", |state| matches!(state, State::Attached));
    assert!(viewer.lock().may_lack_input, "the letter of the first moment is lost, which is said");
    take_keyboard(&viewer);
    assert!(tap(&viewer, A));
    desk.holds("aa");
    assert_eq!(desk.opened(), 1, "it is the same page");
}

#[test]
fn a_cut_after_which_nothing_can_be_missing_says_nothing_of_that() {
    let desk = Desk::new();
    let viewer = desk.viewer("pc", AttachHow::New);
    tap(&viewer, A);
    desk.holds("a");
    // The caret blinks: what comes twice after the letter's echo was sent after the letter came.
    let seen = |model: &Model| model.views().map(|(_, view)| view.update().0).sum::<u64>();
    let before = seen(&viewer.lock());
    viewer
        .wait_until("the caret blinks twice", PATIENCE, |model| (before + 3 <= seen(model)).then_some(()))
        .unwrap_or_else(|error| panic!("{error}"));
    desk.relay.cut();
    until(&viewer, "another connection is tried", |state| matches!(state, State::Reconnecting { .. }));
    desk.relay.mend();
    until(&viewer, "the session is back", |state| matches!(state, State::Attached));
    assert!(!viewer.lock().may_lack_input);
}

#[test]
fn a_host_that_was_restarted_says_that_the_page_is_gone_and_begins_anew_when_asked() {
    let mut desk = Desk::new();
    let viewer = desk.viewer("pc", AttachHow::Own);
    tap(&viewer, A);
    desk.holds("a");
    desk.host.restart();
    let gone = |state: &State| matches!(state, State::Ended(Error::Closed(CloseCode::UnknownResume)));
    until(&viewer, "the person is told", gone);
    viewer.link().again();
    desk.site.wait_count("/came", 2);
}

#[test]
fn a_viewer_that_was_restarted_and_one_on_another_pc_take_the_session_over_and_the_first_is_told() {
    let desk = Desk::new();
    let first = desk.viewer("pc", AttachHow::Own);
    tap(&first, A);
    desk.holds("a");
    let second = desk.viewer("other-pc", AttachHow::Own);
    until(&first, "the first is told", |state| matches!(state, State::Ended(Error::Closed(CloseCode::Replaced))));
    tap(&second, B);
    desk.holds("ab");
    // As if it had crashed: it says nothing.
    drop(second);
    let third = desk.viewer("other-pc", AttachHow::Own);
    tap(&third, A);
    desk.holds("aba");
    assert_eq!(desk.opened(), 1, "it was the same page all the time");
}
