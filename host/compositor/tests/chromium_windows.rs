//! Chromium's menus, drop-downs, tooltips, dialogs, file chooser, new windows, and drag and drop.

mod support;

use std::time::Duration;

use shoji_compositor::{Button, CanvasKind, Input, Key, Position};
use support::{Session, keys};

const GREEN: [u8; 3] = [0, 200, 0];
const BLUE: [u8; 3] = [0, 0, 200];
const RED: [u8; 3] = [200, 0, 0];
const PAGE: [u8; 3] = [0x10, 0x20, 0x30];

/// How many pixels of the page are covered by something else.
fn covered(session: &Session, of: u64) -> u64 {
    of - session.count(PAGE)
}

#[test]
fn a_context_menu_opens_inside_the_canvas_and_leaves_no_trace() {
    let mut session = Session::start("");
    let whole = session.count(PAGE);
    for corner in [Position::new(300.0, 300.0), Position::new(1275.0, 795.0), Position::new(1275.0, 100.0)] {
        session.point(corner);
        session.button(Button::Right, true);
        session.button(Button::Right, false);
        session.wait("the menu opens, all of it", |s| covered(s, whole) > 30_000);
        session.screenshots("menu");
        session.key(keys::ESC);
        session.wait("the page is whole again", |s| covered(s, whole) == 0);
    }
}

#[test]
fn a_context_menu_picks_by_keyboard_and_by_mouse() {
    // The first thing that this page's menu offers is to load it again; it counts how often it was loaded.
    let mut session = Session::start(
        "<script>name=+name+1;if(name==2)paint('rgb(0,200,0)');if(name==3)paint('rgb(0,0,200)')</script>",
    );
    let open_menu = |session: &mut Session, page: [u8; 3]| {
        let whole = session.count(page);
        session.point(Position::new(300.0, 300.0));
        session.button(Button::Right, true);
        session.button(Button::Right, false);
        session.wait("the menu opens", |s| s.count(page) + 30_000 < whole);
        session.settle(Duration::from_millis(300));
    };
    open_menu(&mut session, PAGE);
    session.key(keys::DOWN);
    session.key(keys::ENTER);
    session.wait("the page is loaded again by keyboard", |s| s.find(GREEN).is_some());
    open_menu(&mut session, GREEN);
    // Where the entry lies is known from its being marked.
    let before = session.pixels();
    session.key(keys::DOWN);
    session.wait("the entry is marked", |s| s.changed_since(&before).is_some());
    session.settle(Duration::from_millis(300));
    let entry = session.changed_since(&before).expect("it was just awaited");
    session.click(entry);
    session.wait("the page is loaded again by mouse", |s| s.find(BLUE).is_some());
}

#[test]
fn the_browsers_own_menu_opens_a_tab() {
    let mut session = Session::start("");
    let whole = session.count(PAGE);
    // The menu's button is the last one of the bar; its first entry is a new tab.
    session.click(Position::new(1257.0, 65.0));
    session.wait("the menu opens", |s| covered(s, whole) > 30_000);
    session.settle(Duration::from_millis(300));
    session.screenshots("main-menu");
    session.key(keys::DOWN);
    session.key(keys::ENTER);
    session.wait("another tab lies over the page", |s| s.count(PAGE) == 0);
    for (key, pressed) in [(keys::CTRL, true), (keys::W, true), (keys::W, false), (keys::CTRL, false)] {
        session.input(Input::Key { key: Key(key), pressed });
    }
    session.wait("the tab is closed", |s| covered(s, whole) == 0);
}

#[test]
fn a_drop_down_picks_by_keyboard_and_by_mouse() {
    let options = "<option>one<option value=2 style='background:rgb(200,0,0)'>two<option value=3>three";
    let mut session = Session::start(&format!(
        "<select id=s style='position:fixed;left:100px;top:100px;width:200px;height:60px;background:rgb(0,200,0);\
         appearance:none;border:0' onchange=\"paint(s.value==3?'rgb(0,0,200)':'rgb(200,200,0)')\">{options}</select>"
    ));
    let select = session.middle(GREEN);
    session.click(select);
    session.wait("the list opens", |s| s.find(RED).is_some());
    session.screenshots("select");
    session.key(keys::DOWN);
    session.key(keys::DOWN);
    session.key(keys::ENTER);
    session.wait("the third is picked by keyboard", |s| s.find(BLUE).is_some());
    session.wait("the list closes", |s| s.find(RED).is_none());
    session.click(select);
    session.wait("the list opens again", |s| s.find(RED).is_some());
    session.click(session.middle(RED));
    session.wait("the second is picked by mouse", |s| s.find([200, 200, 0]).is_some());
}

#[test]
fn a_tooltip_appears_over_the_page() {
    let mut session = Session::start(
        "<div title='a tooltip that says something' style='position:fixed;left:100px;top:100px;width:300px;\
         height:200px;background:rgb(0,200,0)'></div>",
    );
    let before = session.count(GREEN);
    let at = session.middle(GREEN);
    session.point(at);
    session.point(Position::new(at.x + 1.0, at.y));
    session.wait("the tooltip covers some of it", |s| s.count(GREEN) + 500 < before);
    session.screenshots("tooltip");
    session.point(Position::new(900.0, 700.0));
    session.wait("it goes", |s| s.count(GREEN) == before);
}

#[test]
fn an_alert_shows_and_is_answered_by_keyboard() {
    let mut session = Session::start("<script>onclick=()=>{alert('hello');paint('rgb(0,200,0)')}</script>");
    let whole = session.count(PAGE);
    session.click(Position::new(600.0, 500.0));
    session.wait("the dialog opens", |s| covered(s, whole) > 10_000 || s.canvases.len() > 1);
    session.screenshots("alert");
    session.key(keys::ENTER);
    session.wait("the dialog is answered", |s| s.find(GREEN).is_some());
}

#[test]
fn a_file_chooser_is_a_canvas_of_its_own_and_closes_by_escape() {
    let mut session = Session::start(
        "<input type=file id=f style='position:fixed;left:100px;top:100px'>\
         <script>onclick=e=>{if(e.target!=f)f.click()};f.oncancel=()=>paint('rgb(0,200,0)')</script>",
    );
    session.click(Position::new(600.0, 500.0));
    session.wait("the chooser opens", |s| s.canvases.len() == 2);
    session.settle(Duration::from_millis(500));
    session.screenshots("chooser");
    let chooser = session.canvases[1].clone();
    assert_eq!((chooser.kind, chooser.parent), (CanvasKind::Dialog, Some(session.main())));
    session.key(keys::ESC);
    session.wait("it closes", |s| s.canvases.len() == 1);
    session.wait("the page knows", |s| s.find(GREEN).is_some());
}

#[test]
fn a_file_is_chosen_by_its_typed_name_and_a_click() {
    let mut session = Session::start(
        "<input type=file id=f style='position:fixed;left:100px;top:100px'>\
         <script>onclick=e=>{if(e.target!=f)f.click()};\
         f.onchange=()=>{if(f.files[0].name=='page.html')paint('rgb(0,200,0)')}</script>",
    );
    session.click(Position::new(600.0, 500.0));
    session.wait("the chooser opens", |s| s.canvases.len() == 2);
    session.settle(Duration::from_millis(500));
    session.input(Input::Key { key: Key(keys::SHIFT), pressed: true });
    session.key(keys::HOME_PAGE[0]);
    session.input(Input::Key { key: Key(keys::SHIFT), pressed: false });
    for key in &keys::HOME_PAGE[1..] {
        session.key(*key);
    }
    session.settle(Duration::from_millis(500));
    session.screenshots("chosen");
    // "Open" is the right end of the chooser's bar; Enter would cancel, by Chromium's own wish.
    let chooser = session.canvases[1].clone();
    session.click_on(chooser.id, Position::new(f64::from(chooser.size.width) - 62.0, 23.0));
    session.wait("it closes", |s| s.canvases.len() == 1);
    session.wait("the page has the file", |s| s.find(GREEN).is_some());
}

#[test]
fn a_new_window_is_a_new_canvas_with_its_own_input() {
    let mut session = Session::start(
        "<script>onclick=()=>{let w=open('about:blank','','width=500,height=400');\
         w.document.write('<body style=background:rgb(0,0,200)><script>onclick=()=>{opener.paint(\"rgb(0,200,0)\");\
         close()}</scr'+'ipt>')}</script>",
    );
    session.click(Position::new(600.0, 500.0));
    session.wait("the window opens", |s| s.canvases.len() == 2 && s.find_on(s.canvases[1].id, BLUE).is_some());
    session.screenshots("window");
    let window = session.canvases[1].clone();
    assert_eq!(window.kind, CanvasKind::Window);
    let (x0, y0, x1, y1) = session.find_on(window.id, BLUE).expect("it was just awaited");
    session.click_on(window.id, Position::new(f64::from(x0 + x1) / 2.0, f64::from(y0 + y1) / 2.0));
    session.wait("it closes", |s| s.canvases.len() == 1);
    session.wait("its opener heard of it", |s| s.find(GREEN).is_some());
    session.input(Input::Focus { canvas: Some(session.main()) });
}

#[test]
fn html_drag_and_drop_works_by_pointer() {
    let mut session = Session::start(
        "<div draggable=true id=a style='position:fixed;left:100px;top:100px;width:100px;height:100px;\
         background:rgb(0,200,0)'></div><div id=b style='position:fixed;left:600px;top:300px;width:200px;height:200px;\
         background:rgb(0,0,200)'></div><script>a.ondragstart=e=>e.dataTransfer.setData('text/plain','carried');\
         let n=0;b.ondragover=e=>{e.preventDefault();if(++n==4)b.style.background='rgb(200,0,0)'};\
         b.ondrop=e=>{e.preventDefault();if(e.dataTransfer.getData('text/plain')=='carried')paint('rgb(200,200,0)')}\
         </script>",
    );
    let (from, to) = (session.middle(GREEN), session.middle(BLUE));
    session.point(from);
    session.button(Button::Left, true);
    session.point(Position::new(from.x + 10.0, from.y + 10.0));
    session.point(Position::new(from.x + 40.0, from.y + 40.0));
    session.wait("the drag begins", |s| s.dragging());
    let wiggle = |s: &mut Session, turn: u32| s.point(Position::new(to.x + f64::from(turn % 2), to.y));
    session.wait_doing("the target sees it coming", wiggle, |s| s.find(RED).is_some());
    session.screenshots("drag");
    session.button(Button::Left, false);
    session.wait("the target gets what was carried", |s| s.find([200, 200, 0]).is_some());
}
