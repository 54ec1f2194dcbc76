//! Composing text with a real Wayland client: what its text field is told, and what happens to it when things change.

mod fixture;

use fixture::{Client, Fixture, Window, viewport};
use shoji_compositor::{Button, CanvasId, Event, Input, Position, TextPlace};
use wayland_protocols::wp::text_input::zv3::client::zwp_text_input_manager_v3::ZwpTextInputManagerV3;
use wayland_protocols::wp::text_input::zv3::client::zwp_text_input_v3::{ContentHint, ContentPurpose, ZwpTextInputV3};

const BLUE: [u8; 4] = [200, 0, 0, 255];

/// A client with two windows; the text field of the first has the keyboard.
struct Desk {
    fixture: Fixture,
    client: Client,
    field: ZwpTextInputV3,
    first: CanvasId,
    second: CanvasId,
    _windows: [Window; 2],
}

impl Desk {
    fn new() -> Self {
        let mut fixture = Fixture::new(viewport(400, 300, 120));
        let mut client = fixture.connect();
        let seat = client.bind::<wayland_client::protocol::wl_seat::WlSeat>(7);
        let (one, first) = fixture.open(&mut client, (400, 300), BLUE);
        let (two, second) = fixture.open(&mut client, (400, 300), BLUE);
        let manager = client.bind::<ZwpTextInputManagerV3>(1);
        let field = manager.get_text_input(&seat, &client.handle, ());
        fixture.input(Input::Focus { canvas: Some(first) });
        fixture.trip(&mut client);
        let mut desk = Self { fixture, client, field, first, second, _windows: [one, two] };
        desk.enable();
        desk
    }

    fn enable(&mut self) {
        self.field.enable();
        self.field.commit();
        self.heard();
        self.fixture.events();
    }

    fn compose(&mut self, text: &str, cursor: Option<(usize, usize)>) {
        self.fixture.input(Input::Preedit { text: text.to_owned(), cursor });
    }

    fn commit(&mut self, text: &str) {
        self.fixture.input(Input::Commit { text: text.to_owned() });
    }

    fn heard(&mut self) -> String {
        self.fixture.trip(&mut self.client);
        self.client.heard(&["text_input"])
    }
}

#[test]
fn composed_text_is_shown_with_the_place_where_the_person_works_and_then_replaced() {
    let mut desk = Desk::new();
    desk.compose("しょう", Some((9, 9)));
    desk.compose("障子", Some((0, 6)));
    desk.compose("障子", None);
    desk.commit("障子");
    insta::assert_snapshot!(desk.heard(), @r"
    text_input preedit しょう 9..9
    text_input done 1
    text_input preedit 障子 0..6
    text_input done 1
    text_input preedit 障子 -1..-1
    text_input done 1
    text_input commit 障子
    text_input done 1
    ");
}

#[test]
fn a_place_within_a_character_or_behind_the_text_is_moved_before_it() {
    let mut desk = Desk::new();
    desk.compose("あい", Some((4, 999)));
    desk.compose("あい", Some((999, 1)));
    insta::assert_snapshot!(desk.heard(), @r"
    text_input preedit あい 3..6
    text_input done 1
    text_input preedit あい 0..0
    text_input done 1
    ");
}

#[test]
fn a_field_that_tells_of_its_caret_keeps_what_is_composed() {
    let mut desk = Desk::new();
    desk.compose("障子", Some((0, 3)));
    desk.heard();
    desk.field.set_cursor_rectangle(1, 2, 3, 4);
    desk.field.commit();
    assert_eq!(desk.heard(), "text_input preedit 障子 0..3\ntext_input done 2");
}

#[test]
fn composing_that_is_given_up_leaves_nothing() {
    let mut desk = Desk::new();
    desk.compose("しょ", None);
    desk.compose("", None);
    desk.compose("", None);
    insta::assert_snapshot!(desk.heard(), @r"
    text_input preedit しょ -1..-1
    text_input done 1
    text_input preedit  0..0
    text_input done 1
    ");
}

#[test]
fn what_is_composed_stays_as_finished_text_when_the_keyboard_goes_to_another_window_or_away() {
    for canvas in [true, false] {
        let mut desk = Desk::new();
        desk.compose("しょうじ", None);
        // The client tells that its caret moved.
        desk.field.commit();
        desk.heard();
        let canvas = canvas.then_some(desk.second);
        desk.fixture.input(Input::Focus { canvas });
        let heard = desk.heard();
        assert!(heard.starts_with("text_input commit しょうじ\ntext_input done 2\ntext_input leave"), "{heard}");
        assert!(!desk.fixture.events().iter().any(|event| matches!(event, Event::TextLost { .. })));
    }
}

#[test]
fn a_press_elsewhere_finishes_what_is_composed_before_it() {
    let mut desk = Desk::new();
    desk.fixture.input(Input::PointerMotion { canvas: desk.first, position: Position::new(9.0, 9.0) });
    desk.compose("しょうじ", None);
    desk.heard();
    desk.fixture.input(Input::PointerButton { button: Button::Left, pressed: true });
    desk.fixture.input(Input::PointerButton { button: Button::Left, pressed: false });
    assert_eq!(desk.heard(), "text_input commit しょうじ\ntext_input done 1");
}

#[test]
fn what_no_field_showed_is_told_as_lost_when_the_keyboard_goes() {
    let mut desk = Desk::new();
    desk.field.disable();
    desk.field.commit();
    desk.heard();
    desk.compose("しょうじ", None);
    assert_eq!(desk.heard(), "");
    desk.fixture.input(Input::Focus { canvas: None });
    desk.fixture.dispatch();
    assert!(desk.fixture.events().contains(&Event::TextLost { texts: 1 }));
}

#[test]
fn text_composed_before_its_field_is_ready_is_shown_there_behind_what_was_finished() {
    let mut desk = Desk::new();
    desk.field.disable();
    desk.field.commit();
    desk.heard();
    desk.commit("今日は");
    desk.compose("いい", None);
    assert_eq!(desk.heard(), "");
    desk.field.enable();
    desk.field.commit();
    insta::assert_snapshot!(desk.heard(), @r"
    text_input done 3
    text_input commit 今日は
    text_input done 3
    text_input preedit いい -1..-1
    text_input done 3
    ");
}

#[test]
fn a_field_that_the_client_left_by_itself_gets_no_composed_text_of_the_one_before() {
    let mut desk = Desk::new();
    desk.compose("しょうじ", None);
    desk.heard();
    desk.field.enable();
    desk.field.commit();
    assert_eq!(desk.heard(), "text_input done 2");
    assert!(desk.fixture.events().contains(&Event::TextPlace), "the viewer has to end what it composes");
    desk.fixture.input(Input::Focus { canvas: None });
    assert!(!desk.heard().contains("commit"));
}

#[test]
fn the_field_of_a_secret_sees_no_input_method() {
    for (hint, purpose) in [
        (ContentHint::None, ContentPurpose::Password),
        (ContentHint::None, ContentPurpose::Pin),
        (ContentHint::SensitiveData, ContentPurpose::Normal),
        (ContentHint::HiddenText, ContentPurpose::Normal),
    ] {
        let mut desk = Desk::new();
        desk.field.enable();
        desk.field.set_content_type(hint, purpose);
        desk.field.commit();
        desk.heard();
        assert_eq!(desk.fixture.compositor.text_place(), TextPlace::Secret);
        desk.compose("しょ", None);
        desk.commit("書");
        assert_eq!(desk.heard(), "", "{hint:?} {purpose:?}");
        desk.field.enable();
        desk.field.commit();
        desk.heard();
        let place = desk.fixture.compositor.text_place();
        assert_eq!(place, TextPlace::Field { canvas: desk.first, field: 3, caret: None });
    }
}

#[test]
fn more_than_a_person_composes_is_refused() {
    let mut desk = Desk::new();
    desk.compose(&"x".repeat(5_000), None);
    assert_eq!(desk.heard(), "");
}

#[test]
fn the_place_of_text_is_told_when_it_comes_changes_and_goes() {
    let mut desk = Desk::new();
    desk.field.set_cursor_rectangle(10, 20, 0, 16);
    desk.field.commit();
    desk.heard();
    assert_eq!(desk.fixture.events(), [Event::TextPlace]);
    desk.fixture.input(Input::Focus { canvas: Some(desk.second) });
    desk.fixture.dispatch();
    assert!(desk.fixture.events().contains(&Event::TextPlace));
    assert_eq!(desk.fixture.compositor.text_place(), TextPlace::Nowhere);
}
