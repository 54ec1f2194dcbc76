//! What does not cross says so, in the real Chromium: files, downloads, print. What stays inside works: copy and paste.

use shoji_protocol::{CanvasId, KeyboardLayout, Notice};
use shoji_viewer::headless::Viewer;
use shoji_viewer::keys::Layout;
use shoji_viewer::script;

use crate::fixture::{Host, PATIENCE, Page, Site};

/// A field with words, an empty one, a chooser of files and a download; every change is asked for as a path.
const PAGE: &str = "<!doctype html><meta charset=utf-8><title>t</title>\
    <style>*{margin:0}body{background:#0a0}body>*{position:fixed;left:0;width:400px;height:80px}</style>\
    <textarea id=a style='top:0'>inside</textarea><textarea id=b style='top:100px'></textarea>\
    <input type=file id=f style='top:200px;background:#ccc' onchange='tell()' oncancel=\"fetch('/cancelled')\">\
    <a href=/file style='top:300px;background:#00c'></a>\
    <script>function tell(){fetch('/v/'+[a.value,b.value,f.files.length].join('/'))}\
    oninput=tell;onclick=()=>fetch('/click');onload=tell;onbeforeprint=()=>fetch('/printed')</script>";

/// Where Chromium's own bars end and the page begins.
const TOP: u32 = 88;

struct Session {
    site: Site,
    _host: Host,
    viewer: Viewer,
    main: CanvasId,
}

impl Session {
    fn new() -> Self {
        let site = Site::of(vec![
            Page { path: "/file", head: "Content-Disposition: attachment; filename=secret.bin\r\n", body: "secret" },
            Page { path: "/v/", head: "", body: "" },
            Page { path: "/click", head: "", body: "" },
            Page { path: "/cancelled", head: "", body: "" },
            Page { path: "/printed", head: "", body: "" },
            Page { path: "/", head: "", body: PAGE },
        ]);
        let host = Host::showing(Some(&format!("http://{}/", site.address)));
        let (viewer, main) = host.view(1280, 800);
        site.wait_last("/v/", "/v/inside//0");
        let session = Self { site, _host: host, viewer, main };
        session.play("wait quiet");
        session
    }

    fn play(&self, steps: &str) {
        let script = script::parse(steps, Layout::Us).expect("the test's script is one");
        self.viewer.play(&script, KeyboardLayout::Us, PATIENCE).expect("the script plays");
    }

    /// Waits for the next notice and takes it.
    fn notice(&self) -> Notice {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            if let Some(notice) = self.viewer.lock().notices.pop_front() {
                return notice;
            }
            assert!(std::time::Instant::now() < deadline, "nothing is said");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

#[test]
fn what_is_copied_in_the_session_is_pasted_in_it_by_keys_and_by_the_menu() {
    let session = Session::new();
    session.play(&format!("click 200 {}; key Ctrl+A; key Ctrl+C; click 200 {}; key Ctrl+V", TOP + 40, TOP + 140));
    session.site.wait_last("/v/", "/v/inside/inside/0");
    session.play(&format!("click 200 {} right; wait quiet; key P", TOP + 140));
    session.site.wait_last("/v/", "/v/inside/insideinside/0");
    assert!(session.viewer.lock().notices.is_empty());
}

#[test]
fn a_page_that_asks_for_a_file_gets_none_and_the_viewer_says_so() {
    let session = Session::new();
    session.play(&format!("click 60 {}", TOP + 215));
    session.site.wait_asked("/cancelled");
    assert_eq!(session.notice(), Notice::PolicyRefusedUpload);
    // The browser works on, and no list of files was ever there: a window of its own would have another number.
    session.play("click 700 600");
    session.site.wait_asked("/click");
    assert_eq!(session.viewer.lock().views().count(), 1);
    session.play(&format!("click 200 {}; type \"x\"", TOP + 140));
    session.site.wait_last("/v/", "/v/inside/x/0");
}

#[test]
fn printing_by_keys_is_said_once_and_prints_nothing() {
    let session = Session::new();
    session.play("click 700 600; key Ctrl+P; key Ctrl+P");
    assert_eq!(session.notice(), Notice::PolicyRefusedPrint);
    session.play("wait quiet 1000");
    assert!(session.viewer.lock().notices.is_empty());
    assert!(!session.site.was_asked("/printed"));
}

#[test]
fn a_download_is_refused_in_the_browsers_own_red_words() {
    let session = Session::new();
    session.play(&format!("click 200 {}", TOP + 340));
    session.site.wait_asked("/file");
    // The bubble hangs from the right end of the bar, over the page.
    let red = |pixel: &[u8]| pixel[2] > 150 && pixel[1] < 80 && pixel[0] < 80;
    let seen = session.viewer.wait_canvas(session.main, PATIENCE, |picture| {
        let width = picture.size().width as usize;
        let rows = picture.pixels().chunks_exact(width * 4).skip(TOP as usize).take(90);
        (rows.flat_map(|row| row[900 * 4..].chunks_exact(4)).filter(|pixel| red(pixel)).count() > 60).then_some(())
    });
    assert!(seen.is_ok(), "nothing is said");
}
