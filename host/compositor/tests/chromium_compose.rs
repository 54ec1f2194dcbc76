//! Composing Japanese in Chromium: every kind of field, and what happens when the person goes elsewhere meanwhile.

mod support;

use shoji_compositor::{Input, Position, TextPlace};
use support::{Session, keys};

const GREEN: [u8; 3] = [0, 200, 0];
const BLUE: [u8; 3] = [0, 0, 200];

/// A page whose field `f` is watched: `check` says the page's colour after every change.
fn page(field: &str, check: &str) -> String {
    format!(
        "{field}<script>let n=0,m='';addEventListener('compositionupdate',e=>m=e.data);setInterval(()=>{{{check}}},30)</script>"
    )
}

fn compose(session: &mut Session, text: &str) {
    session.input(Input::Preedit { text: text.to_owned(), cursor: Some((text.len(), text.len())) });
}

fn in_field(session: &Session) -> bool {
    matches!(session.compositor.text_place(), TextPlace::Field { .. })
}

#[test]
fn composed_text_shows_in_every_kind_of_field_and_is_replaced_by_what_is_committed() {
    let at = "style='position:fixed;left:100px;top:100px;width:400px;height:100px'";
    for (field, value) in [
        (format!("<textarea id=f {at} autofocus></textarea>"), "f.value"),
        (format!("<input id=f {at} autofocus>"), "f.value"),
        (format!("<div id=f contenteditable {at}></div><script>f.focus()</script>"), "f.textContent"),
        // An editor that draws by itself and takes its text from a hidden field.
        (
            format!(
                "<div {at} onmousedown='f.focus();event.preventDefault()'></div>\
                 <textarea id=f autofocus style='position:fixed;left:110px;top:110px;width:1px;height:20px;opacity:0'></textarea>"
            ),
            "f.value",
        ),
    ] {
        let check = format!(
            "let v={value};paint(v=='障子を'?'rgb(0,0,200)':v=='しょうじ'&&m==v?'rgb(0,200,0)':'rgb(16,32,48)')"
        );
        let mut session = Session::start(&page(&field, &check));
        session.wait("the field has the caret", in_field);
        compose(&mut session, "しょうｊ");
        compose(&mut session, "しょうじ");
        session.wait("what is composed shows", |s| s.find(GREEN).is_some());
        session.input(Input::Commit { text: "障子".to_owned() });
        compose(&mut session, "を");
        session.input(Input::Commit { text: "を".to_owned() });
        session.wait("what was committed stays", |s| s.find(BLUE).is_some());
    }
}

#[test]
fn what_is_composed_stays_when_the_keyboard_goes_away_and_comes_only_once() {
    let field = "<textarea id=f autofocus style='width:400px;height:200px'></textarea>";
    let check = "paint(f.value=='しょうじ障子'?'rgb(0,0,200)':f.value=='しょうじ'?'rgb(0,200,0)':'rgb(16,32,48)')";
    let mut session = Session::start(&page(field, check));
    session.wait("the field has the caret", in_field);
    compose(&mut session, "しょうじ");
    session.wait("what is composed shows", |s| s.find(GREEN).is_some());
    session.input(Input::Focus { canvas: None });
    session.wait("nothing takes text", |s| s.compositor.text_place() == TextPlace::Nowhere);
    let main = session.main();
    session.input(Input::Focus { canvas: Some(main) });
    session.wait("the field has the caret again", in_field);
    compose(&mut session, "しょ");
    session.input(Input::Commit { text: "障子".to_owned() });
    session.wait("the first text is there once, the second follows", |s| s.find(BLUE).is_some());
}

#[test]
fn a_click_into_another_field_finishes_what_is_composed_and_loses_and_doubles_nothing() {
    let field = "<textarea id=f autofocus style='position:fixed;left:100px;top:100px;width:200px;height:200px'></textarea>\
                 <textarea id=g style='position:fixed;left:500px;top:100px;width:200px;height:200px'></textarea>";
    let check = "paint(f.value=='しょう'&&g.value=='じ'?'rgb(0,0,200)':'rgb(16,32,48)')";
    let mut session = Session::start(&page(field, check));
    session.wait("the field has the caret", in_field);
    compose(&mut session, "しょう");
    session.click(Position::new(600.0, 300.0));
    session.input(Input::Commit { text: "じ".to_owned() });
    session.wait("each field has its text", |s| s.find(BLUE).is_some());
}

#[test]
fn a_password_field_sees_no_input_method_and_a_button_none_either() {
    let field = "<input id=f type=password autofocus><input id=g><button id=b>x</button>";
    let check = "paint(document.activeElement==b?'rgb(0,0,200)':'rgb(16,32,48)')";
    let mut session = Session::start(&page(field, check));
    session.wait("the password field is told as a secret", |s| s.compositor.text_place() == TextPlace::Secret);
    session.key(keys::TAB);
    session.wait("an ordinary field follows", in_field);
    session.key(keys::TAB);
    session.wait("a button takes no text", |s| s.compositor.text_place() == TextPlace::Nowhere);
}

#[test]
fn the_address_bar_takes_composed_text() {
    let mut session = Session::start("<p>text</p>");
    session.wait("the page is there", |s| s.canvases.len() == 1);
    session.chord(keys::CTRL, keys::L);
    session.wait("the address bar has the caret", |s| s.compositor.caret().is_some());
    let (_, caret) = session.compositor.caret().expect("it is known");
    assert!(caret.y < 100, "{caret:?}");
    compose(&mut session, "しょうじ");
    session.input(Input::Commit { text: "about:blank#障子".to_owned() });
    session.key(keys::ENTER);
    session.wait("the page is left", |s| s.find([0x10, 0x20, 0x30]).is_none());
}
