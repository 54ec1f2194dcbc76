//! The same things over every carrier of the native viewer: one table, in which a carrier is one line. The web viewer's half of it is
//! `viewer/web/test/real.test.ts`; the whole is `tests/CARRIERS.md`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shoji_bench::relay::bytes::ByteRelay;
use shoji_bench::relay::{Conditions, Relay};
use shoji_protocol::{
    AttachHow, CanvasId, Input, KeyboardLayout, PreeditCursor, Rate, Scale, Size, Text, TextOffset, Viewport,
};
use shoji_viewer::bundle::Bundle;
use shoji_viewer::headless::Viewer;
use shoji_viewer::keys::Layout;
use shoji_viewer::link::{Choice, Options, Way};
use shoji_viewer::scene::State;
use shoji_viewer::script;

use crate::exactness::assert_equal_at_rest;
use crate::fixture::{Host, PATIENCE, Page, Site};
use crate::namespace::{filter, in_own_network};

/// The round trip of a far link.
const FAR: Duration = Duration::from_millis(20);

/// A carrier: how the viewer is told to use it, and what it then says that it uses.
#[derive(Clone, Copy)]
struct Carrier {
    choice: Choice,
    way: Way,
}

/// Every test over every carrier. A test is its name and its body's; a carrier is one line below.
macro_rules! table {
    ($( $test:ident; )*) => { $( mod $test { table!(@carriers $test
        over_quic: Carrier { choice: Choice::Quic, way: Way::Quic },
        over_tls_tcp: Carrier { choice: Choice::Tcp, way: Way::Tcp },
    ); } )* };
    (@carriers $test:ident $( $name:ident: $carrier:expr, )*) => { $(
        #[test]
        fn $name() {
            use super::*;
            let name = concat!("carriers::", stringify!($test), "::", stringify!($name));
            bodies::$test(name, $carrier);
        }
    )* };
}

table! {
    a_click_and_typed_text_reach_the_page_and_its_picture_comes_back_exact;
    what_is_composed_and_committed_arrives_once;
    another_size_is_followed;
    after_a_cut_the_same_page_is_back;
    a_far_link_with_one_per_cent_of_loss_carries_the_same;
}

/// A text field, and a button that answers; every change of either is asked for as a path.
const PAGE: &str = "<!doctype html><meta charset=utf-8><style>*{margin:0}textarea,button{position:fixed;left:0;width:600px;height:100px}\
    </style><textarea id=a style='top:0'></textarea><button id=b style='top:200px'>0</button>\
    <script>fetch('/came');let clicks=0,last='',busy;b.onclick=()=>b.textContent=++clicks;\
    setInterval(()=>{let now='/v/'+clicks+'/'+encodeURIComponent(a.value);\
    if(now!=last&&!busy){busy=1;fetch(last=now).catch(()=>last='').finally(()=>busy=0)}},10)</script>";

/// Where Chromium's own bars end and the page begins.
const TOP: u32 = 88;

/// What lies between viewer and host.
enum Between {
    Nothing(SocketAddr),
    Datagrams(Relay),
    Bytes(ByteRelay),
}

impl Between {
    fn relay(host: SocketAddr, carrier: Carrier, conditions: Conditions) -> Self {
        match carrier.way {
            Way::Quic => Self::Datagrams(Relay::start(host, conditions).expect("loopback carries a relay")),
            Way::Tcp => Self::Bytes(ByteRelay::start(host, conditions.rtt).expect("loopback carries a relay")),
        }
    }

    fn address(&self) -> SocketAddr {
        match self {
            Self::Nothing(host) => *host,
            Self::Datagrams(relay) => relay.address(),
            Self::Bytes(relay) => relay.address(),
        }
    }

    fn cut(&self) {
        match self {
            Self::Nothing(_) => unreachable!("there is nothing to cut"),
            Self::Datagrams(relay) => relay.cut(),
            Self::Bytes(relay) => relay.cut(),
        }
    }

    fn mend(&self) {
        match self {
            Self::Nothing(_) => unreachable!("there is nothing to mend"),
            Self::Datagrams(relay) => relay.mend(),
            Self::Bytes(relay) => relay.mend(),
        }
    }
}

/// A page in a host, and a viewer of it over one carrier.
struct Session {
    site: Site,
    host: Host,
    between: Between,
    viewer: Viewer,
    main: CanvasId,
}

fn site() -> Site {
    let answer = |path| Page { path, head: "", body: "" };
    Site::of(vec![answer("/v/"), answer("/came"), Page { path: "/", head: "", body: PAGE }])
}

fn connect(host: &Host, address: SocketAddr, choice: Choice) -> Viewer {
    let bundle = Bundle::read(&host.bundle_for("pc", &address.to_string())).expect("the bundle is readable");
    let options = Options { first: AttachHow::New, carrier: choice, ..Options::default() };
    Viewer::connect(bundle, options, Arc::new(())).expect("the viewer connects")
}

impl Session {
    fn new(carrier: Carrier, between: impl FnOnce(SocketAddr) -> Between) -> Self {
        let site = site();
        let host = Host::showing(Some(&format!("http://{}/", site.address)));
        let between = between(host.address());
        let viewer = connect(&host, between.address(), carrier.choice);
        assert_eq!(viewer.stats().carrier, Some(carrier.way));
        let main = viewer.ready(PATIENCE).expect("the picture comes");
        site.wait_last("/v/", "/v/0/");
        let session = Self { site, host, between, viewer, main };
        session.play("wait quiet");
        session
    }

    fn play(&self, steps: &str) {
        let script = script::parse(steps, Layout::Us).expect("the test's script is one");
        self.viewer.play(&script, KeyboardLayout::Us, PATIENCE).expect("the script plays");
    }

    /// Clicks the button and types into the field.
    fn work(&self, clicks: u32, text: &str, all: &str) {
        self.play(&format!("click 300 {}", TOP + 250));
        self.site.wait_for(|path| path.starts_with(&format!("/v/{clicks}/")));
        self.play(&format!("click 300 {}; type {text:?}", TOP + 50));
        self.site.wait_last("/v/", &format!("/v/{clicks}/{all}"));
    }

    fn until(&self, what: &'static str, is: impl Fn(&State) -> bool) {
        let waited = self.viewer.wait_until(what, PATIENCE, |model| is(&model.state).then_some(()));
        waited.unwrap_or_else(|error| panic!("{error}"));
    }
}

mod bodies {
    use super::*;

    pub(super) fn a_click_and_typed_text_reach_the_page_and_its_picture_comes_back_exact(_: &str, carrier: Carrier) {
        let session = Session::new(carrier, Between::Nothing);
        session.work(1, "hello, host", "hello%2C%20host");
        // A caret that blinks is no rest.
        session.play("click 900 600");
        assert_equal_at_rest(&session.host, &session.viewer, session.main);
        assert!(!session.viewer.stats().udp_seems_closed);
        // A carrier that does not know it asks by the protocol, once a second.
        let deadline = Instant::now() + PATIENCE;
        while session.viewer.stats().round_trip_ms.is_none() {
            assert!(Instant::now() < deadline, "nobody measured the round trip: {:?}", session.viewer.stats());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn what_is_composed_and_committed_arrives_once(_: &str, carrier: Carrier) {
        let session = Session::new(carrier, Between::Nothing);
        session.work(1, "a", "a");
        let text = |text: &str| Text::new(text).expect("it is short");
        let end = TextOffset::clamped(9);
        let cursor = Some(PreeditCursor { from: end, to: end });
        session.viewer.input(Input::Preedit { text: text("にほん"), cursor });
        session.viewer.input(Input::Commit { text: text("日本") });
        session.site.wait_last("/v/", "/v/1/a%E6%97%A5%E6%9C%AC");
    }

    pub(super) fn another_size_is_followed(_: &str, carrier: Carrier) {
        let session = Session::new(carrier, Between::Nothing);
        let size = Size::new(1000, 640).expect("a size");
        let viewport = Viewport::new(size, Scale::ONE, Rate::HZ_60).expect("it is within the limits");
        session.viewer.link().resize(session.main, viewport);
        let follows = |picture: &shoji_codec::Canvas| {
            let is = picture.size();
            (is.width == 1000 && is.height == 640).then_some(())
        };
        session.viewer.wait_canvas(session.main, PATIENCE, follows).expect("the picture has the new size");
        assert_equal_at_rest(&session.host, &session.viewer, session.main);
    }

    pub(super) fn after_a_cut_the_same_page_is_back(_: &str, carrier: Carrier) {
        let conditions = Conditions { rtt: FAR, ..Conditions::default() };
        let session = Session::new(carrier, |host| Between::relay(host, carrier, conditions));
        session.work(1, "before", "before");
        session.between.cut();
        session.play("click 300 400");
        session.until("another connection is tried", |state| matches!(state, State::Reconnecting { .. }));
        session.between.mend();
        session.until("the session is back", |state| matches!(state, State::Attached));
        session.viewer.ready(PATIENCE).expect("the picture is back");
        session.work(2, " after", "before%20after");
        assert_eq!(session.site.count("/came"), 1, "it is the same page");
        assert_eq!(session.viewer.stats().carrier, Some(carrier.way));
    }

    pub(super) fn a_far_link_with_one_per_cent_of_loss_carries_the_same(name: &str, carrier: Carrier) {
        in_own_network(name, || {
            let conditions = Conditions { rtt: FAR, loss_ppm: 10_000, seed: 7, ..Conditions::default() };
            let session = Session::new(carrier, |host| {
                let between = Between::relay(host, carrier, conditions);
                if let Between::Bytes(relay) = &between {
                    // Both directions of the connection between viewer and relay. UDP loses in its relay.
                    let port = relay.address().port();
                    filter(&format!(
                        "tcp dport {port} numgen random mod 100 < 1 drop\ntcp sport {port} numgen random mod 100 < 1 drop"
                    ));
                }
                between
            });
            session.work(1, "far and lossy", "far%20and%20lossy");
            session.play("click 900 600");
            assert_equal_at_rest(&session.host, &session.viewer, session.main);
        });
    }
}

/// From the first packet to an attached session, the browser not counted.
fn time_to_attach(host: &Host, choice: Choice) -> (Viewer, Duration) {
    let begun = Instant::now();
    let viewer = connect(host, host.address(), choice);
    (viewer, begun.elapsed())
}

#[test]
fn where_udp_is_dropped_the_viewer_comes_through_tcp_and_says_so() {
    in_own_network("carriers::where_udp_is_dropped_the_viewer_comes_through_tcp_and_says_so", || {
        let site = site();
        let host = Host::showing(Some(&format!("http://{}/", site.address)));
        let port = host.address().port();
        let (open, with_udp) = time_to_attach(&host, Choice::Auto);
        assert_eq!((open.stats().carrier, open.stats().udp_seems_closed), (Some(Way::Quic), false));
        open.end();
        filter(&format!("udp dport {port} drop\nudp sport {port} drop"));
        let (alone, tcp_alone) = time_to_attach(&host, Choice::Tcp);
        alone.end();
        let (viewer, raced) = time_to_attach(&host, Choice::Auto);
        assert_eq!((viewer.stats().carrier, viewer.stats().udp_seems_closed), (Some(Way::Tcp), true));
        viewer.ready(PATIENCE).expect("the picture comes");
        eprintln!(
            "attached after {with_udp:?} by QUIC; UDP dropped: {tcp_alone:?} by TCP alone, {raced:?} by the race"
        );
    });
}
