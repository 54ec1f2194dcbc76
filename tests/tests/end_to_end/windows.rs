//! The viewer's window is the browser's window: a real Chromium, the real window on a virtual display.

use std::time::{Duration, Instant};

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ClientMessageEvent, ConfigureWindowAux, ConnectionExt as _, EventMask, ImageFormat,
};
use x11rb::rust_connection::RustConnection;

use crate::desk::{BAR, Desk, EDGE};
use crate::fixture::{Host, Page, Site};

/// Upright stripes of one pixel, which a scaled picture blurs, between two dark marks that follow the window's width.
/// It tells its size and scale, one after the other, for requests may overtake each other, and opens another window; typed
/// into, it asks before it closes.
const PAGE: &str = "<!doctype html><meta charset=utf-8><style>*{margin:0}body{height:100vh;overflow:hidden;background:\
    repeating-linear-gradient(90deg,#fff 0 1px,#00f 1px 2px)}i{position:fixed;right:0;top:0;width:8px;height:100vh;\
    background:#080}b{position:fixed;left:100px;top:150px;width:100px;height:200px}</style><i></i>\
    <b draggable=true></b><script>\
    let told='',busy=0;async function tell(){if(busy)return;busy=1;for(;;){let now='/size/'+innerWidth+'x'+innerHeight+'@'+\
    devicePixelRatio;if(now==told)break;try{await fetch(now);told=now}catch{}}busy=0}onresize=tell;onload=tell;\
    let keys=0,asks=0;onkeydown=e=>{fetch('/key/'+ ++keys);if(e.code=='Numpad1')fetch('/numpad/'+e.key);\
    if(e.key=='o')open('/popup','','width=640,height=300');if(e.key=='a')asks=1;\
    if(e.key=='c')document.body.style.background='#c00'};\
    onbeforeunload=e=>{if(asks){fetch('/asked',{keepalive:true});e.preventDefault()}};\
    onmousemove=()=>{fetch('/hand');onmousemove=null}</script>";

const POPUP: &str = "<!doctype html><style>*{margin:0}body{background:#06c}</style><script>\
    onload=()=>fetch('/popped/'+innerWidth+'x'+innerHeight);onkeydown=()=>close()</script>";

struct Session {
    desk: Desk,
    site: Site,
    host: Host,
}

impl Session {
    fn new(arguments: &[&str]) -> Self {
        Self::at("1", arguments)
    }

    /// On a display of another scale.
    fn at(scale: &str, arguments: &[&str]) -> Self {
        let silent = |path| Page { path, head: "", body: "" };
        let site = Site::of(vec![
            silent("/size/"),
            silent("/key/"),
            silent("/numpad/"),
            silent("/asked"),
            silent("/hand"),
            silent("/popped/"),
            Page { path: "/popup", head: "", body: POPUP },
            Page { path: "/", head: "", body: PAGE },
        ]);
        let host = Host::showing(Some(&format!("http://{}/", site.address)));
        let mut desk = Desk::new();
        desk.view(&host.bundle("pc"), arguments, &[("WINIT_X11_SCALE_FACTOR", scale)]);
        let session = Self { desk, site, host };
        let mut x = 0;
        session.desk.until("the page sees the hand", |desk| {
            x = (x + 7) % 100;
            desk.point(300 + x, 400);
            session.site.was_asked("/hand").then_some(())
        });
        session.desk.click(300, 400);
        session
    }

    /// Waits until the newest size that the page told is this.
    fn said(&self, is: impl Fn(&str) -> bool) {
        self.desk.until("the size", |_| self.site.last("/size/").filter(|last| is(last)));
    }

    fn key(&self, key: &str, count: u32) {
        self.desk.press(key);
        self.site.wait_asked(&format!("/key/{count}"));
    }

    /// Waits until the window shows the page pixel by pixel: stripes, and the mark at its right edge.
    fn exact(&self, what: &str) {
        self.desk.until(what, |desk| {
            let picture = desk.picture(&desk.window)?;
            is_exact(picture.width(), picture.height(), |x, y| picture.get_pixel(x, y).0).then_some(())
        });
    }

    fn close(&self) {
        let (display, _) = x11rb::connect(Some(&self.desk.display)).expect("a display");
        let atom = |name: &str| {
            let cookie = display.intern_atom(false, name.as_bytes()).expect("sent");
            cookie.reply().expect("answered").atom
        };
        let window = self.desk.window.parse().expect("a number");
        let data = [atom("WM_DELETE_WINDOW"), 0, 0, 0, 0];
        let event = ClientMessageEvent::new(32, window, atom("WM_PROTOCOLS"), data);
        display.send_event(false, window, EventMask::NO_EVENT, event).expect("sent").check().expect("taken");
    }
}

/// Whether the lower part of a window shows stripes of one pixel and then eight pixels of the mark.
fn is_exact(width: u32, height: u32, at: impl Fn(u32, u32) -> [u8; 3]) -> bool {
    let y = height - EDGE - 20;
    let right = width - EDGE;
    (right - 8..right).all(|x| at(x, y) == [0, 0x88, 0])
        && (right - 108..right - 8).all(|x| {
            let stripe = if (x - EDGE).is_multiple_of(2) { [0xff, 0xff, 0xff] } else { [0, 0, 0xff] };
            at(x, y) == stripe
        })
}

#[test]
fn after_a_long_sleep_of_the_pc_the_same_page_is_there() {
    let session = Session::new(&["--size", "900x600"]);
    session.key("b", 1);
    session.desk.sleeps(true);
    session.desk.until("the host gives the viewer up", |_| (!session.host.is_attached()).then_some(()));
    session.desk.sleeps(false);
    session.desk.until("the viewer is back", |_| session.host.is_attached().then_some(()));
    session.exact("the page");
    // The page counts its keys: it is the same one.
    session.key("b", 2);
}

#[test]
fn closing_asks_a_page_that_asks_and_the_program_ends_when_it_agrees() {
    let mut session = Session::new(&["--size", "900x600"]);
    session.key("a", 1);
    session.close();
    session.site.wait_asked("/asked");
    // The question lies over the page; the page stays and takes keys again.
    session.desk.until("the question", |desk| {
        let picture = desk.picture(&desk.window)?;
        let white = (0..picture.width()).filter(|&x| picture.get_pixel(x, BAR + 130).0 == [0xff; 3]).count();
        (white > 200).then_some(())
    });
    session.desk.press("Escape");
    session.exact("the page without the question");
    session.key("b", 2);
    assert!(!session.desk.last_has_ended());
    // Much later it is asked again.
    std::thread::sleep(Duration::from_secs(5));
    session.close();
    session.desk.until("the question again", |desk| {
        let picture = desk.picture(&desk.window)?;
        (!is_exact(picture.width(), picture.height(), |x, _| picture.get_pixel(x, BAR + 150).0)).then_some(())
    });
    std::thread::sleep(Duration::from_secs(1));
    assert!(!session.desk.last_has_ended(), "the page is asked, and not left");
    session.desk.press("Return");
    let deadline = Instant::now() + crate::fixture::PATIENCE;
    while !session.desk.last_has_ended() {
        assert!(Instant::now() < deadline, "the program stays");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_pages_new_window_is_a_window_of_its_own_size_until_the_page_closes_it() {
    let session = Session::new(&["--size", "900x600"]);
    session.key("o", 1);
    let size = session.desk.until("the popup's size", |_| session.site.last("/popped/"));
    // The browser may take a pixel for its own edge.
    assert!(["/popped/640x300", "/popped/640x299"].contains(&size.as_str()), "{size}");
    let popup =
        session.desk.until("a second window", |desk| desk.windows().into_iter().find(|window| *window != desk.window));
    // The popup's page is all there, below the browser's own bar.
    session.desk.until("the popup's picture", |desk| {
        let picture = desk.picture(&popup)?;
        let blue = |x: u32, y: u32| picture.get_pixel(x, y).0 == [0, 0x66, 0xcc];
        let low = picture.height().checked_sub(EDGE + 299)?;
        (picture.width() == 640 + 2 * EDGE && blue(EDGE, low + 20) && blue(EDGE + 639, low + 298)).then_some(())
    });
    session.desk.tool("xdotool", &["windowfocus", "--sync", &popup]);
    session.desk.press("x");
    session.desk.until("one window", |desk| (desk.windows() == [desk.window.clone()]).then_some(()));
    session.desk.tool("xdotool", &["windowfocus", "--sync", &session.desk.window]);
    session.key("x", 2);
}

#[test]
fn a_resized_window_is_followed_by_the_page_and_exact_again() {
    let session = Session::new(&["--size", "900x600"]);
    session.exact("the first picture");
    let (display, _) = x11rb::connect(Some(&session.desk.display)).expect("a display");
    let window: u32 = session.desk.window.parse().expect("a number");
    let watch = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
    display.change_window_attributes(window, &watch).expect("sent").check().expect("taken");
    let mut times = Vec::new();
    for (from, to) in [(700_u32, 1000_u32), (1000, 760), (760, 1100)] {
        // A hand drags the corner at the display's rate, then rests.
        for step in 1..=20 {
            let width = (from * (20 - step) + to * step) / 20;
            let size = ConfigureWindowAux::new().width(width).height(width * 2 / 3);
            display.configure_window(window, &size).expect("sent");
            display.flush().expect("sent");
            std::thread::sleep(Duration::from_millis(16));
        }
        times.push(rested(&display, window, to));
        session.exact("the whole picture");
        session.said(|size| size.starts_with(&format!("/size/{}x", to - 2 * EDGE)));
    }
    eprintln!("from the last ConfigureNotify to the first exact picture: {times:?}");
}

/// How long after the window had its width its lower right corner was exact.
fn rested(display: &RustConnection, window: u32, width: u32) -> Duration {
    let height = width * 2 / 3;
    let deadline = Instant::now() + crate::fixture::PATIENCE;
    let mut since = None;
    loop {
        assert!(Instant::now() < deadline, "the picture never follows");
        while let Some(event) = display.poll_for_event().expect("a display") {
            if let Event::ConfigureNotify(event) = event
                && u32::from(event.width) == width
            {
                since.get_or_insert_with(Instant::now);
            }
        }
        let (Some(since), y) = (since, height - EDGE - 20) else {
            display.get_input_focus().expect("sent").reply().expect("answered");
            continue;
        };
        // INVARIANT: a screen is far smaller than an i16 can count.
        let (left, top, wide) = (0, i16::try_from(y).expect("small"), u16::try_from(width).expect("small"));
        let row = display.get_image(ImageFormat::Z_PIXMAP, window, left, top, wide, 1, !0).expect("sent").reply();
        let Ok(row) = row else { continue };
        let at = |x: u32, _| {
            let pixel = &row.data[x as usize * 4..][..3];
            [pixel[2], pixel[1], pixel[0]]
        };
        if is_exact(width, height, at) {
            return since.elapsed();
        }
    }
}

#[test]
fn the_window_has_the_programs_icon_and_name() {
    let session = Session::new(&["--size", "900x600"]);
    let window = &session.desk.window;
    let class = session.desk.tool("xprop", &["-id", window, "WM_CLASS"]);
    assert!(class.contains("\"shoji-viewer\", \"shoji-viewer\""), "{class}");
    let icon = session.desk.tool("xprop", &["-id", window, "-notype", "32c", "_NET_WM_ICON"]);
    assert!(icon.contains("64 x 64") || icon.contains("= 64, 64"), "{}", &icon[..icon.len().min(200)]);
    // The size that was asked for, whatever the browser says of its own window.
    let picture = session.desk.picture(window).expect("a picture");
    assert_eq!(picture.dimensions(), (900 + 2 * EDGE, 600 + BAR + EDGE));
}

#[test]
fn a_minimised_window_comes_back_with_what_the_page_shows_now() {
    let session = Session::new(&["--size", "900x600"]);
    session.exact("the first picture");
    session.desk.tool("xdotool", &["windowminimize", &session.desk.window]);
    session.desk.until("no window", |desk| desk.windows().is_empty().then_some(()));
    session.desk.tool("xdotool", &["windowactivate", "--sync", &session.desk.window]);
    session.exact("the page again");
    session.key("c", 1);
    session.desk.until("the page red all over", |desk| {
        let picture = desk.picture(&desk.window)?;
        let red = (BAR + 100..BAR + 600).all(|y| (EDGE..EDGE + 892).all(|x| picture.get_pixel(x, y).0 == [0xcc, 0, 0]));
        red.then_some(())
    });
}

#[test]
fn the_page_has_the_scale_of_the_command_line() {
    let session = Session::new(&["--size", "1160x700", "--scale", "2"]);
    session.said(|size| size.starts_with("/size/580x") && size.ends_with("@2"));
    // A window too narrow for the browser is drawn smaller, and whole.
    let session = Session::new(&["--size", "800x700", "--scale", "2"]);
    session.desk.until("the mark at the right edge", |desk| {
        let picture = desk.picture(&desk.window)?;
        let (right, y) = (picture.width() - EDGE, picture.height() - EDGE - 20);
        (right - 4..right).all(|x| picture.get_pixel(x, y).0 == [0, 0x88, 0]).then_some(())
    });
}

#[test]
fn the_page_has_the_scale_of_the_display() {
    let session = Session::at("2", &["--size", "1160x700"]);
    session.said(|size| size.starts_with("/size/580x") && size.ends_with("@2"));
}

#[test]
fn the_keypad_follows_num_lock_as_it_is_at_the_pc() {
    let session = Session::new(&["--size", "900x600"]);
    // The X server's code of the keypad's 1.
    let keypad = || session.desk.tool("xdotool", &["key", "87"]);
    for (press, meant) in [(None, "End"), (Some("Num_Lock"), "1"), (Some("Num_Lock"), "End")] {
        if let Some(press) = press {
            session.desk.press(press);
        }
        keypad();
        session.desk.until(&format!("the keypad means {meant}"), |_| {
            (session.site.last("/numpad/")? == format!("/numpad/{meant}")).then_some(())
        });
    }
}

#[test]
fn what_is_dragged_out_of_a_page_is_said_not_to_come_out() {
    let session = Session::new(&["--size", "900x600"]);
    session.exact("the page");
    let dark = |pixel: [u8; 3]| pixel.iter().all(|&colour| colour < 90);
    // Nothing in the page is dark. Above it are the browser's own words.
    let is_said = |desk: &Desk| {
        let picture = desk.picture(&desk.window)?;
        let page = (200..picture.height() - EDGE).flat_map(|y| (EDGE..picture.width() - EDGE).map(move |x| (x, y)));
        (page.filter(|&(x, y)| dark(picture.get_pixel(x, y).0)).count() > 1_000).then_some(())
    };
    assert!(is_said(&session.desk).is_none());
    session.desk.until("the notice", |desk| {
        desk.point(150, 360);
        desk.tool("xdotool", &["mousedown", "1"]);
        // The browser begins a drag after a few pixels, and shows it by the pointer's shape.
        for x in [153, 160, 180, 200, 220, 240] {
            desk.point(x, 370);
            std::thread::sleep(Duration::from_millis(30));
        }
        std::thread::sleep(Duration::from_millis(200));
        desk.point(230, 380);
        desk.tool("xdotool", &["mousemove", "1190", "890", "mouseup", "1"]);
        std::thread::sleep(Duration::from_millis(300));
        is_said(desk)
    });
}
