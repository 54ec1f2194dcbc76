//! Chromium's picture, keys, text, pointer, cursor, pointer lock and full screen.

mod support;

use std::time::Duration;

use shoji_compositor::{
    Button, Cursor, CursorShape, Event, Input, Position, Size, TouchPhase, WheelSource, WindowState,
};
use support::{Session, keys};

const GREEN: [u8; 3] = [0, 200, 0];
const BLUE: [u8; 3] = [0, 0, 200];
const RED: [u8; 3] = [200, 0, 0];

#[test]
fn the_first_picture_is_the_page_in_a_window_of_the_viewports_size() {
    let session = Session::start("");
    assert_eq!(session.canvases.len(), 1);
    assert_eq!(session.canvases[0].size, Size::new(1280, 800));
    assert_eq!(session.canvases[0].state, WindowState::Maximized);
    let page = session.find([0x10, 0x20, 0x30]).expect("the page is shown");
    assert_eq!((page.0, page.2, page.3), (0, 1280, 800));
    assert!(page.1 > 40 && page.1 < 140, "tabs and address bar are above the page: {page:?}");
}

#[test]
fn typed_keys_and_committed_text_arrive_in_a_text_field() {
    let mut session = Session::start(
        "<textarea id=t autofocus style='width:400px;height:200px' oninput=\"\
         if(t.value=='ab')paint('rgb(0,200,0)');if(t.value=='ab日本語')paint('rgb(0,0,200)')\"></textarea>",
    );
    session.wait("the text field has the caret", |s| s.compositor.caret().is_some());
    let before = session.compositor.caret();
    session.key(keys::A);
    session.key(keys::B);
    session.wait("the keys arrive", |s| s.find(GREEN).is_some());
    session.wait("the caret moves", |s| s.compositor.caret() != before);
    let (canvas, caret) = session.compositor.caret().expect("the field has a caret");
    assert_eq!(canvas, session.main());
    assert!(caret.width <= 4 && (10..40).contains(&caret.height), "{caret:?}");
    session.input(Input::Commit { text: "日本語".to_owned() });
    session.wait("the text arrives", |s| s.find(BLUE).is_some());
}

#[test]
fn text_committed_right_after_a_click_arrives() {
    // Two fields: each click moves the caret to the other one.
    let mut session = Session::start(
        "<textarea id=s style='position:fixed;left:100px;top:100px;width:200px;height:200px'></textarea>\
         <textarea id=t style='position:fixed;left:500px;top:100px;width:200px;height:200px'></textarea>\
         <script>onmousedown=()=>{let u=performance.now()+30;while(performance.now()<u);};\
         oninput=()=>{let l=s.value.length,r=t.value.length;\
         paint(l==r+1?'rgb(0,200,0)':l==r?'rgb(0,0,200)':'rgb(200,0,0)')}</script>",
    );
    for turn in 0..10 {
        let x = if turn % 2 == 0 { 200.0 } else { 600.0 };
        session.click(Position::new(x, 250.0));
        session.input(Input::Commit { text: "日".to_owned() });
        let colour = if turn % 2 == 0 { GREEN } else { BLUE };
        session.wait("the text arrives", |s| s.find(colour).is_some());
    }
}

#[test]
fn a_blinking_caret_damages_only_itself() {
    let mut session = Session::start("<textarea autofocus style='width:400px;height:200px'></textarea>");
    session.wait("the text field has the caret", |s| s.compositor.caret().is_some());
    session.settle(Duration::from_millis(400));
    session.forget();
    session.wait("the caret blinks twice", |s| s.updates >= 2);
    assert!(session.damaged <= u64::from(session.updates) * 100, "{} in {}", session.damaged, session.updates);
}

#[test]
fn the_cursor_follows_what_is_under_it() {
    let mut session = Session::start(
        "<a href='#' style='position:fixed;left:0;top:0;width:200px;height:200px;background:rgb(0,200,0)'></a>\
         <div style='position:fixed;left:200px;top:0;width:200px;height:200px;background:rgb(0,0,200);cursor:none'></div>\
         <canvas id=c width=32 height=32 hidden></canvas>\
         <div id=d style='position:fixed;left:400px;top:0;width:200px;height:200px;background:rgb(200,0,0)'></div>\
         <script>let x=c.getContext('2d');x.fillStyle='#ffff00';x.fillRect(0,0,32,32);\
         d.style.cursor='url('+c.toDataURL()+') 5 7,auto'</script>",
    );
    session.point(session.middle(GREEN));
    session.wait("a hand over the link", |s| s.cursor == Cursor::Shape(CursorShape::Pointer));
    session.point(session.middle(BLUE));
    session.wait("no cursor", |s| s.cursor == Cursor::Hidden);
    session.point(session.middle(RED));
    session.wait("the page's own cursor", |s| matches!(s.cursor, Cursor::Image { .. }));
    let Cursor::Image { size, hotspot, pixels } = &session.cursor else { unreachable!("it was just awaited") };
    assert_eq!((*size, *hotspot), (Size::new(32, 32), (5, 7)));
    assert_eq!(pixels[..4], [0, 255, 255, 255]);
}

#[test]
fn a_locked_pointer_is_told_and_moves_relatively_until_it_is_let_go() {
    let mut session = Session::start(
        "<script>onclick=()=>document.body.requestPointerLock();\
         onmousemove=e=>{if(document.pointerLockElement&&e.movementX==30)paint('rgb(0,200,0)')};\
         onkeydown=()=>document.exitPointerLock()</script>",
    );
    session.click(Position::new(600.0, 400.0));
    let main = session.main();
    session.wait("the lock is told", |s| s.locked == Some(main));
    session.wait_doing(
        "the page sees the movement",
        |s, _| s.input(Input::PointerRelative { dx: 30.0, dy: 4.0 }),
        |s| s.find(GREEN).is_some(),
    );
    session.key(keys::A);
    session.wait("the end of the lock is told", |s| s.locked.is_none());
    session.click(Position::new(600.0, 400.0));
    session.wait("it is locked again", |s| s.locked == Some(main));
    session.input(Input::Focus { canvas: None });
    session.wait("a viewer that leaves ends the lock", |s| s.locked.is_none());
}

#[test]
fn the_wheel_scrolls_and_a_finger_taps() {
    let mut session = Session::start(
        "<div style='height:5000px'></div><script>\
         onscroll=()=>{if(scrollY>=100)paint('rgb(0,200,0)')};onpointerdown=e=>{if(e.pointerType=='touch')paint('rgb(0,0,200)')}</script>",
    );
    let (canvas, position) = (session.main(), Position::new(600.0, 400.0));
    session.point(position);
    session.input(Input::Wheel { horizontal: 0, vertical: 360, source: WheelSource::Wheel });
    session.wait("three notches scroll", |s| s.find(GREEN).is_some());
    session.wait_doing(
        "the touch arrives",
        |s, turn| {
            let phase = if turn % 2 == 0 { TouchPhase::Down } else { TouchPhase::Up };
            s.input(Input::Touch { finger: 0, phase, canvas, position });
        },
        |s| s.find(BLUE).is_some(),
    );
}

#[test]
fn full_screen_comes_and_goes_by_key_and_by_page() {
    let mut session = Session::start("<script>onclick=()=>document.body.requestFullscreen()</script>");
    session.key(keys::F11);
    session.wait("F11 asks for full screen", |s| s.canvases[0].state == WindowState::Fullscreen);
    session.wait("the page fills the canvas", |s| s.find([0x10, 0x20, 0x30]) == Some((0, 0, 1280, 800)));
    session.key(keys::F11);
    session.wait("F11 ends it", |s| s.canvases[0].state == WindowState::Maximized);
    session.wait("the tabs are back", |s| s.find([0x10, 0x20, 0x30]).is_some_and(|page| page.1 > 40));
    session.click(Position::new(600.0, 400.0));
    session.wait("the page asks for full screen", |s| s.canvases[0].state == WindowState::Fullscreen);
    session.key(keys::ESC);
    session.wait("Escape ends it", |s| s.canvases[0].state == WindowState::Maximized);
}

#[test]
fn held_keys_and_buttons_are_let_go_when_the_viewer_leaves() {
    let mut session = Session::start(
        "<script>onkeydown=()=>paint('rgb(0,200,0)');onkeyup=()=>{paint('rgb(0,0,200)')};\
         onmousedown=()=>paint('rgb(200,0,0)');onmouseup=()=>paint('rgb(0,200,0)')</script>",
    );
    session.input(Input::Key { key: shoji_compositor::Key(keys::A), pressed: true });
    session.wait("the key is down", |s| s.find(GREEN).is_some());
    session.input(Input::Focus { canvas: None });
    session.wait("the key is up", |s| s.find(BLUE).is_some());
    session.input(Input::Focus { canvas: Some(session.main()) });
    session.point(Position::new(600.0, 400.0));
    session.button(Button::Left, true);
    session.wait("the button is down", |s| s.find(RED).is_some());
    session.input(Input::Focus { canvas: None });
    session.wait("the button is up", |s| s.find(GREEN).is_some());
}

#[test]
fn closing_the_window_ends_the_canvas_and_the_browser() {
    let mut session = Session::start("");
    session.compositor.close(session.main());
    session.wait("the canvas is closed", |s| s.canvases.is_empty());
    session.wait("the browser is gone", |s| s.events.contains(&Event::ClientGone { remaining: 0 }));
}
