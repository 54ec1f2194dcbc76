//! Keys by their place on the keyboard, with the layout that the viewer chose, in a page of a real Chromium.

use std::path::PathBuf;
use std::sync::Arc;

use shoji_protocol::{AttachHow, Input, Key, KeyboardLayout, Lock, TextPlace};
use shoji_viewer::bundle::Bundle;
use shoji_viewer::headless::Viewer;
use shoji_viewer::link::Options;

use crate::fixture::{Host, PATIENCE, Page, Site};

/// Tells each key that goes down, one after the other, and what stands in the field.
const PAGE: &str = "<!doctype html><meta charset=utf-8><textarea id=a autofocus style='width:600px;height:200px'></textarea>\
    <script>let queue=[],busy=0,n=0,last='';async function run(){if(busy)return;busy=1;while(queue.length){try{await \
    fetch(queue[0]);queue.shift()}catch{}}busy=0}\
    onkeydown=e=>{queue.push('/k/'+ ++n+'/'+encodeURIComponent(e.code+'='+e.key));if(hold)e.preventDefault();run()};\
    let hold=location.hash=='';a.oninput=()=>{queue.push('/v/'+encodeURIComponent(a.value));run()};a.focus()</script>";

const SHIFT: u16 = 42;
const ALT_GR: u16 = 100;
const F9: u16 = 67;

struct Desk {
    site: Site,
    viewer: Viewer,
    host: Host,
    keys: usize,
}

impl Desk {
    /// A page that only names its keys, or takes their text.
    fn new(layout: KeyboardLayout, takes_text: bool) -> Self {
        let answer = |path| Page { path, head: "", body: "" };
        let site = Site::of(vec![answer("/k/"), answer("/v/"), Page { path: "/", head: "", body: PAGE }]);
        let hash = if takes_text { "#text" } else { "" };
        let host = Host::showing(Some(&format!("http://{}/{hash}", site.address)));
        let bundle = host.bundle("pc");
        let viewer = view(bundle, layout);
        let mut desk = Self { site, viewer, host, keys: 0 };
        // Chromium drops the keys that come before a page's first picture.
        let deadline = std::time::Instant::now() + PATIENCE;
        while desk.site.last("/k/").is_none() {
            assert!(std::time::Instant::now() < deadline, "no key reaches the page");
            desk.tap(SHIFT);
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        // Those that were pressed last are still to come: behind them comes this one, whose number is known then.
        desk.tap(F9);
        desk.site.wait_for(|path| path.starts_with("/k/") && path.ends_with("/F9%3DF9"));
        let last = desk.site.last("/k/").expect("it came");
        desk.keys = last.split('/').nth(2).and_then(|number| number.parse().ok()).expect("a number");
        desk
    }

    /// Another PC of the same person takes the session over.
    fn take_over(&mut self, device: &str, layout: KeyboardLayout) {
        self.viewer = view(self.host.bundle(device), layout);
    }

    fn key(&self, code: u16, pressed: bool) {
        self.viewer.input(Input::Key { key: Key::new(code).expect("a key"), pressed });
    }

    fn tap(&self, code: u16) {
        self.key(code, true);
        self.key(code, false);
    }

    /// What the page calls a key.
    fn name_of(&mut self, code: u16) -> String {
        self.tap(code);
        self.keys += 1;
        let beginning = format!("/k/{}/", self.keys);
        self.site.wait_for(|path| path.starts_with(&beginning));
        let path = self.site.last(&beginning).expect("it came");
        percent_decoded(&path[beginning.len()..])
    }

    fn text_is(&self, text: &str) {
        self.site.wait_last("/v/", &format!("/v/{}", percent_encoded(text)));
    }
}

/// A viewer of the person's own session, when the page's field has the keyboard.
fn view(bundle: PathBuf, keyboard: KeyboardLayout) -> Viewer {
    let bundle = Bundle::read(&bundle).expect("the bundle is readable");
    let options = Options { keyboard, first: AttachHow::Own, ..Options::default() };
    let viewer = Viewer::connect(bundle, options, Arc::new(())).expect("the viewer connects");
    let main = viewer.ready(PATIENCE).expect("the picture comes");
    viewer.input(Input::Focus { canvas: Some(main) });
    // While the browser starts, its address bar has the caret.
    let in_page = |place: TextPlace| matches!(place, TextPlace::Field { caret: Some(caret), .. } if caret.y.get() > 80);
    viewer
        .wait_until("the field takes text", PATIENCE, |model| in_page(model.text_place).then_some(()))
        .expect("the field has the keyboard");
    viewer
}

/// As `encodeURIComponent` does.
fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits: String = rest.by_ref().take(2).map(char::from).collect();
            bytes.push(u8::from_str_radix(&digits, 16).expect("two digits"));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).expect("text")
}

#[test]
fn every_key_of_a_japanese_keyboard_is_itself_in_the_page() {
    let mut desk = Desk::new(KeyboardLayout::Jp, false);
    let got: Vec<String> = JAPANESE.iter().map(|&(code, _)| desk.name_of(code)).collect();
    let wanted: Vec<&str> = JAPANESE.iter().map(|&(_, name)| name).collect();
    assert_eq!(got, wanted);
}

#[test]
fn every_key_of_a_us_keyboard_is_itself_in_the_page() {
    let mut desk = Desk::new(KeyboardLayout::Us, false);
    let got: Vec<String> = US.iter().map(|&(code, _)| desk.name_of(code)).collect();
    let wanted: Vec<&str> = US.iter().map(|&(_, name)| name).collect();
    assert_eq!(got, wanted);
}

#[test]
fn the_keypad_writes_digits_where_num_lock_is_on_at_the_pc() {
    let mut desk = Desk::new(KeyboardLayout::Jp, false);
    assert_eq!(desk.name_of(71), "Numpad7=Home");
    desk.viewer.input(Input::Lock { lock: Lock::Num, on: true });
    assert_eq!(desk.name_of(71), "Numpad7=7");
    assert_eq!(desk.name_of(83), "NumpadDecimal=.");
    desk.viewer.input(Input::Lock { lock: Lock::Num, on: false });
    assert_eq!(desk.name_of(71), "Numpad7=Home");
    desk.viewer.input(Input::Lock { lock: Lock::Caps, on: true });
    assert_eq!(desk.name_of(30), "KeyA=A");
    desk.viewer.input(Input::Lock { lock: Lock::Caps, on: false });
    assert_eq!(desk.name_of(30), "KeyA=a");
}

#[test]
fn alt_gr_and_dead_keys_of_a_german_keyboard_write_what_is_printed_on_them() {
    let desk = Desk::new(KeyboardLayout::De, true);
    desk.key(ALT_GR, true);
    desk.tap(18);
    desk.tap(16);
    desk.key(ALT_GR, false);
    desk.text_is("€@");
    // An acute accent waits for its letter; a space makes it stand alone.
    desk.tap(13);
    desk.tap(18);
    desk.text_is("€@é");
    desk.tap(26);
    desk.key(SHIFT, true);
    desk.tap(12);
    desk.key(SHIFT, false);
    desk.text_is("€@éü?");
}

#[test]
fn each_layout_writes_its_own_letters() {
    let mut desk = Desk::new(KeyboardLayout::Us, true);
    let mut written = String::new();
    // By the key right of L and the one right of P or the next, whichever has no dead key.
    for (device, layout, next, text) in [
        ("jp", KeyboardLayout::Jp, 26, ";@"),
        ("us", KeyboardLayout::Us, 26, ";["),
        ("intl", KeyboardLayout::UsInternational, 26, ";["),
        ("gb", KeyboardLayout::Gb, 26, ";["),
        ("de", KeyboardLayout::De, 26, "öü"),
        ("fr", KeyboardLayout::Fr, 27, "m$"),
        ("es", KeyboardLayout::Es, 27, "ñ+"),
        ("it", KeyboardLayout::It, 26, "òè"),
        ("pt", KeyboardLayout::Pt, 26, "ç+"),
        ("br", KeyboardLayout::Br, 27, "ç["),
        ("kr", KeyboardLayout::Kr, 26, ";["),
    ] {
        desk.take_over(device, layout);
        desk.tap(39);
        desk.tap(next);
        written.push_str(text);
        desk.text_is(&written);
    }
}

/// The number of each key's place, and what a page calls it: its place, and what is printed on it.
const JAPANESE: &[(u16, &str)] = &[
    (41, "Backquote=ZenkakuHankaku"),
    (2, "Digit1=1"),
    (11, "Digit0=0"),
    (12, "Minus=-"),
    (13, "Equal=^"),
    (124, "IntlYen=\\"),
    (14, "Backspace=Backspace"),
    (15, "Tab=Tab"),
    (16, "KeyQ=q"),
    (26, "BracketLeft=@"),
    (27, "BracketRight=["),
    (28, "Enter=Enter"),
    (30, "KeyA=a"),
    (39, "Semicolon=;"),
    (40, "Quote=:"),
    (43, "Backslash=]"),
    (44, "KeyZ=z"),
    (51, "Comma=,"),
    (52, "Period=."),
    (53, "Slash=/"),
    (89, "IntlRo=\\"),
    (94, "NonConvert=NonConvert"),
    (57, "Space= "),
    (92, "Convert=Convert"),
    (93, "KanaMode=HiraganaKatakana"),
    (1, "Escape=Escape"),
];

/// The same for a US keyboard.
const US: &[(u16, &str)] = &[
    (41, "Backquote=`"),
    (13, "Equal=="),
    (26, "BracketLeft=["),
    (27, "BracketRight=]"),
    (43, "Backslash=\\"),
    (39, "Semicolon=;"),
    (40, "Quote='"),
    (110, "Insert=Insert"),
    (111, "Delete=Delete"),
    (102, "Home=Home"),
    (107, "End=End"),
    (104, "PageUp=PageUp"),
    (109, "PageDown=PageDown"),
    (103, "ArrowUp=ArrowUp"),
    (105, "ArrowLeft=ArrowLeft"),
    (108, "ArrowDown=ArrowDown"),
    (106, "ArrowRight=ArrowRight"),
    (98, "NumpadDivide=/"),
    (55, "NumpadMultiply=*"),
    (74, "NumpadSubtract=-"),
    (78, "NumpadAdd=+"),
    (96, "NumpadEnter=Enter"),
    (60, "F2=F2"),
    (54, "ShiftRight=Shift"),
    (97, "ControlRight=Control"),
    (100, "AltRight=Alt"),
];
