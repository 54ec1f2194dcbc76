//! Input: keyboard, pointer, touch, grabs, cursor, lock, selection, drag and drop, text.

mod fixture;

use std::io::{Read, Write};
use std::os::fd::AsFd;

use fixture::{Client, Fixture, viewport};
use shoji_compositor::{
    Button, CanvasId, CanvasKind, Cursor, CursorShape, Event, Input, Key, KeyboardLayout, Lock, Position, Rect, Size,
    Time, TouchPhase, Viewport, WheelSource, WindowState,
};
use wayland_client::protocol::{
    wl_data_device, wl_data_device_manager, wl_data_source, wl_keyboard, wl_pointer, wl_seat,
};
use wayland_protocols::wp::cursor_shape::v1::client::{wp_cursor_shape_device_v1, wp_cursor_shape_manager_v1};
use wayland_protocols::wp::pointer_constraints::zv1::client::zwp_pointer_constraints_v1;
use wayland_protocols::wp::relative_pointer::zv1::client::zwp_relative_pointer_manager_v1;
use wayland_protocols::wp::text_input::zv3::client::{zwp_text_input_manager_v3, zwp_text_input_v3};
use wayland_protocols::xdg::shell::client::xdg_positioner::ConstraintAdjustment as Adjust;

const RED: [u8; 4] = [0, 0, 200, 255];
const BLUE: [u8; 4] = [200, 0, 0, 255];

struct Hands {
    seat: wl_seat::WlSeat,
    pointer: wl_pointer::WlPointer,
    _keyboard: wl_keyboard::WlKeyboard,
    device: wl_data_device::WlDataDevice,
    manager: wl_data_device_manager::WlDataDeviceManager,
}

fn hands(fixture: &mut Fixture, client: &mut Client) -> Hands {
    let seat = client.bind::<wl_seat::WlSeat>(9);
    let pointer = seat.get_pointer(&client.handle, ());
    let keyboard = seat.get_keyboard(&client.handle, ());
    seat.get_touch(&client.handle, ());
    let manager = client.bind::<wl_data_device_manager::WlDataDeviceManager>(3);
    let device = manager.get_data_device(&seat, &client.handle, ());
    fixture.trip(client);
    Hands { seat, pointer, _keyboard: keyboard, device, manager }
}

fn at(canvas: CanvasId, x: f64, y: f64) -> Input {
    Input::PointerMotion { canvas, position: Position::new(x, y) }
}

fn button(pressed: bool) -> Input {
    Input::PointerButton { button: Button::Left, pressed }
}

#[test]
fn keys_go_to_the_focused_window_and_are_let_go_without_focus() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    hands(&mut fixture, &mut client);
    insta::assert_snapshot!(client.heard(&["wl_keyboard"]), @r"
    wl_keyboard keymap true
    wl_keyboard repeat 30/s after 600 ms
    ");
    let (_window, canvas) = fixture.open(&mut client, (400, 300), RED);
    fixture.input(Input::Focus { canvas: Some(canvas) });
    fixture.input(Input::Key { key: Key(30), pressed: true });
    fixture.input(Input::Key { key: Key(30), pressed: true });
    fixture.input(Input::Focus { canvas: None });
    fixture.input(Input::Key { key: Key(31), pressed: true });
    fixture.input(Input::Key { key: Key(31), pressed: false });
    fixture.input(Input::Focus { canvas: Some(canvas) });
    fixture.trip(&mut client);
    insta::assert_snapshot!(client.heard(&["wl_keyboard"]), @r"
    wl_keyboard key 30 Ok(Pressed)
    wl_keyboard key 30 Ok(Released)
    wl_keyboard leave
    wl_keyboard enter
    ");
    fixture.compositor.set_keyboard(KeyboardLayout::Jp).expect("the layout is installed");
    fixture.trip(&mut client);
    assert_eq!(client.heard(&["keymap"]), "wl_keyboard keymap true");
}

#[test]
fn layouts_that_were_read_before_can_all_be_chosen() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    hands(&mut fixture, &mut client);
    fixture.compositor.read_keyboards().expect("the layouts are installed");
    fixture.trip(&mut client);
    client.heard(&["keymap"]);
    // The session begins with the American one.
    let others = KeyboardLayout::ALL.into_iter().filter(|layout| *layout != KeyboardLayout::Us);
    for layout in others.chain([KeyboardLayout::Us]) {
        fixture.compositor.set_keyboard(layout).expect("the layout was read");
        fixture.trip(&mut client);
        assert_eq!(client.heard(&["keymap"]), "wl_keyboard keymap true", "{layout:?}");
    }
}

#[test]
fn a_lock_is_told_to_the_client_once_and_no_key_with_it() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    hands(&mut fixture, &mut client);
    let (_window, canvas) = fixture.open(&mut client, (400, 300), RED);
    fixture.input(Input::Focus { canvas: Some(canvas) });
    fixture.trip(&mut client);
    client.heard(&["wl_keyboard"]);
    for on in [true, true, false] {
        fixture.input(Input::Lock { lock: Lock::Num, on });
        fixture.trip(&mut client);
    }
    // Num Lock is the fifth modifier of every keymap.
    insta::assert_snapshot!(client.heard(&["wl_keyboard"]), @r"
    wl_keyboard locks 0x10
    wl_keyboard locks 0x0
    ");
}

#[test]
fn the_pointer_speaks_in_the_surfaces_own_coordinates() {
    let mut fixture = Fixture::new(viewport(600, 450, 180));
    let mut client = fixture.connect();
    hands(&mut fixture, &mut client);
    // A client without fractional scale draws for scale 1: its picture is stretched by 1.5.
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    fixture.input(at(canvas, 300.0, 150.0));
    fixture.input(button(true));
    fixture.input(button(true));
    fixture.input(button(false));
    fixture.input(Input::Wheel { horizontal: 0, vertical: -120, source: WheelSource::Wheel });
    let popup = client.popup(&window.xdg, (40, 60), (100, 50), Adjust::empty());
    fixture.trip(&mut client);
    client.show(&popup.surface, (100, 50), BLUE);
    fixture.trip(&mut client);
    fixture.input(at(canvas, 66.0, 93.0));
    fixture.input(Input::PointerLeave);
    fixture.trip(&mut client);
    insta::assert_snapshot!(client.heard(&["wl_pointer"]), @r"
    wl_pointer enter 200,100
    wl_pointer button 0x110 Ok(Pressed)
    wl_pointer button 0x110 Ok(Released)
    wl_pointer wheel Ok(VerticalScroll) -120
    wl_pointer leave
    wl_pointer enter 4,2
    wl_pointer leave
    ");
}

#[test]
fn a_pointer_that_rests_is_over_whatever_comes_and_goes_under_it() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    hands(&mut fixture, &mut client);
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    fixture.input(at(canvas, 50.0, 60.0));
    let popup = client.popup(&window.xdg, (40, 40), (100, 50), Adjust::empty());
    fixture.trip(&mut client);
    client.show(&popup.surface, (100, 50), BLUE);
    fixture.trip(&mut client);
    fixture.trip(&mut client);
    popup.popup.destroy();
    fixture.trip(&mut client);
    fixture.input(button(true));
    fixture.input(button(false));
    fixture.trip(&mut client);
    insta::assert_snapshot!(client.heard(&["wl_pointer"]), @r"
    wl_pointer enter 50,60
    wl_pointer leave
    wl_pointer enter 10,20
    wl_pointer leave
    wl_pointer enter 50,60
    wl_pointer button 0x110 Ok(Pressed)
    wl_pointer button 0x110 Ok(Released)
    ");
}

#[test]
fn a_touch_goes_down_moves_and_is_cancelled_without_focus() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    hands(&mut fixture, &mut client);
    let (_window, canvas) = fixture.open(&mut client, (400, 300), RED);
    for (phase, x) in [(TouchPhase::Up, 1.0), (TouchPhase::Down, 5.0), (TouchPhase::Motion, 6.0)] {
        fixture.input(Input::Touch { finger: 3, phase, canvas, position: Position::new(x, 7.0) });
    }
    fixture.input(Input::Focus { canvas: None });
    fixture.trip(&mut client);
    let heard = client.heard(&["wl_touch"]);
    let kinds: Vec<&str> = heard.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(kinds, ["Down", "Frame", "Motion", "Frame", "Motion", "Cancel"], "{heard}");
}

#[test]
fn a_menu_takes_the_keyboard_and_is_dismissed_by_another_canvas() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let hands = hands(&mut fixture, &mut client);
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    fixture.input(Input::Focus { canvas: Some(canvas) });
    let second = client.window();
    second.toplevel.set_parent(Some(&window.toplevel));
    second.surface.commit();
    fixture.trip(&mut client);
    client.show(&second.surface, (100, 80), BLUE);
    fixture.trip(&mut client);
    let dialog = CanvasId(2);
    let size = Size::new(100, 80);
    let opened = Event::CanvasOpened { canvas: dialog, kind: CanvasKind::Dialog, parent: Some(canvas), size };
    assert_eq!(fixture.events()[0], opened);
    fixture.input(Input::Focus { canvas: Some(canvas) });
    fixture.input(at(canvas, 50.0, 50.0));
    fixture.input(button(true));
    fixture.trip(&mut client);
    client.heard.lines.clear();

    let popup = client.unborn_popup(&window.xdg, (50, 50), (100, 50), Adjust::empty());
    popup.popup.grab(&hands.seat, client.heard.button_serial);
    popup.surface.commit();
    fixture.trip(&mut client);
    client.show(&popup.surface, (100, 50), BLUE);
    fixture.trip(&mut client);
    fixture.input(button(false));
    fixture.input(Input::Key { key: Key(108), pressed: true });
    fixture.input(Input::Key { key: Key(108), pressed: false });
    fixture.trip(&mut client);
    insta::assert_snapshot!(client.heard(&["wl_keyboard", "xdg_popup"]), @r"
    wl_keyboard leave
    wl_keyboard enter
    wl_keyboard key 108 Ok(Pressed)
    wl_keyboard key 108 Ok(Released)
    ");
    fixture.input(at(dialog, 5.0, 5.0));
    fixture.input(button(true));
    fixture.input(button(false));
    fixture.trip(&mut client);
    insta::assert_snapshot!(client.heard(&["wl_keyboard", "xdg_popup"]), @r"
    xdg_popup done
    wl_keyboard leave
    wl_keyboard enter
    wl_keyboard leave
    wl_keyboard enter
    ");
}

#[test]
fn the_cursor_is_told_by_shape_by_picture_and_as_hidden() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let hands = hands(&mut fixture, &mut client);
    let (_window, canvas) = fixture.open(&mut client, (400, 300), RED);
    let shapes = client.bind::<wp_cursor_shape_manager_v1::WpCursorShapeManagerV1>(1);
    let device = shapes.get_pointer(&hands.pointer, &client.handle, ());
    fixture.input(at(canvas, 50.0, 50.0));
    fixture.trip(&mut client);
    device.set_shape(client.heard.enter_serial, wp_cursor_shape_device_v1::Shape::ColResize);
    fixture.trip(&mut client);
    assert_eq!(fixture.events(), [Event::Cursor(Cursor::Shape(CursorShape::ColResize))]);
    hands.pointer.set_cursor(client.heard.enter_serial, None, 0, 0);
    fixture.trip(&mut client);
    assert_eq!(fixture.events(), [Event::Cursor(Cursor::Hidden)]);
    let surface = client.surface();
    hands.pointer.set_cursor(client.heard.enter_serial, Some(&surface), 3, 300);
    client.show(&surface, (200, 2), [1, 2, 3, 4]);
    fixture.trip(&mut client);
    let events = fixture.events();
    let Some(Event::Cursor(Cursor::Image { size, hotspot, pixels })) = events.last() else { panic!("{events:?}") };
    assert_eq!((*size, *hotspot), (Size::new(128, 2), (3, 1)));
    assert_eq!(pixels[..4], [1, 2, 3, 4]);
    surface.destroy();
    fixture.trip(&mut client);
    assert_eq!(fixture.events().last(), Some(&Event::Cursor(Cursor::Shape(CursorShape::Default))));
}

#[test]
fn a_pointer_lock_is_told_and_ends_when_the_viewer_leaves() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let hands = hands(&mut fixture, &mut client);
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    client.bind::<zwp_relative_pointer_manager_v1::ZwpRelativePointerManagerV1>(1).get_relative_pointer(
        &hands.pointer,
        &client.handle,
        (),
    );
    fixture.input(at(canvas, 50.0, 50.0));
    fixture.trip(&mut client);
    client.heard.lines.clear();
    fixture.events();
    let lock = client.bind::<zwp_pointer_constraints_v1::ZwpPointerConstraintsV1>(1).lock_pointer(
        &window.surface,
        &hands.pointer,
        None,
        zwp_pointer_constraints_v1::Lifetime::Persistent,
        &client.handle,
        (),
    );
    fixture.trip(&mut client);
    assert_eq!(fixture.events(), [Event::PointerLock { canvas, locked: true }]);
    fixture.input(at(canvas, 90.0, 90.0));
    fixture.input(Input::PointerRelative { dx: 5.0, dy: -2.5 });
    fixture.trip(&mut client);
    insta::assert_snapshot!(client.heard(&["lock", "motion", "relative"]), @r"
    zwp_locked_pointer_v1 Locked
    zwp_relative_pointer_v1 RelativeMotion { utime_hi: 0, utime_lo: 1003000, dx: 5.0, dy: -2.5, dx_unaccel: 5.0, dy_unaccel: -2.5 }
    ");
    fixture.input(Input::Focus { canvas: None });
    fixture.trip(&mut client);
    assert_eq!(fixture.events(), [Event::PointerLock { canvas, locked: false }]);
    assert_eq!(client.heard(&["lock"]), "zwp_locked_pointer_v1 Unlocked");
    lock.destroy();
    fixture.trip(&mut client);
    assert_eq!(fixture.events(), []);
}

#[test]
fn copying_and_pasting_works_between_clients_of_the_session() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut from = fixture.connect();
    let mut to = fixture.connect();
    let giving = hands(&mut fixture, &mut from);
    hands(&mut fixture, &mut to);
    let (_a, first) = fixture.open(&mut from, (400, 300), RED);
    fixture.input(Input::Focus { canvas: Some(first) });
    fixture.input(at(first, 5.0, 5.0));
    fixture.input(button(true));
    fixture.input(button(false));
    fixture.trip(&mut from);
    let source = giving.manager.create_data_source(&from.handle, ());
    source.offer("text/plain".to_owned());
    giving.device.set_selection(Some(&source), from.heard.button_serial);
    fixture.trip(&mut from);
    let (_b, second) = fixture.open(&mut to, (100, 100), BLUE);
    fixture.input(Input::Focus { canvas: Some(second) });
    fixture.trip(&mut to);
    let offer = to.heard.offer.take().expect("the selection is offered to the focused client");
    let (mut read, write) = std::io::pipe().expect("a pipe");
    offer.receive("text/plain".to_owned(), write.as_fd());
    drop(write);
    fixture.trip(&mut to);
    fixture.trip(&mut from);
    let sent = from.heard.sent.take().expect("the source is asked");
    std::fs::File::from(sent).write_all("障子".as_bytes()).expect("the pipe is open");
    let mut pasted = String::new();
    read.read_to_string(&mut pasted).expect("the pipe is read");
    assert_eq!(pasted, "障子");
}

/// The last look of the pointer that was told since it was asked.
fn newest_cursor(fixture: &mut Fixture) -> Option<Cursor> {
    let cursor = |event| if let Event::Cursor(cursor) = event { Some(cursor) } else { None };
    fixture.events().into_iter().rev().find_map(cursor)
}

#[test]
fn a_drag_shows_its_icon_and_drops_what_it_carries() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let hands = hands(&mut fixture, &mut client);
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    fixture.input(at(canvas, 50.0, 50.0));
    fixture.input(button(true));
    fixture.trip(&mut client);
    let source = hands.manager.create_data_source(&client.handle, ());
    source.offer("text/plain".to_owned());
    source.set_actions(wl_data_device_manager::DndAction::Copy);
    let icon = client.surface();
    hands.device.start_drag(Some(&source), &window.surface, Some(&icon), client.heard.button_serial);
    client.show(&icon, (20, 10), BLUE);
    fixture.trip(&mut client);
    assert!(fixture.compositor.is_dragging());
    assert_eq!(fixture.damage(canvas), ["50,50 20x10"]);
    assert_eq!(newest_cursor(&mut fixture), Some(Cursor::Shape(CursorShape::NoDrop)), "nobody takes it yet");
    fixture.input(at(canvas, 200.0, 100.0));
    fixture.trip(&mut client);
    assert_eq!(fixture.damage(canvas), ["200,100 20x10", "50,50 20x10"]);
    assert_eq!(fixture.pixel(canvas, 219, 109), [0, 0, 200]);
    let offer = client.heard.offer.take().expect("the drag is offered");
    offer.accept(client.heard.enter_serial, Some("text/plain".to_owned()));
    let copy = wl_data_device_manager::DndAction::Copy;
    offer.set_actions(copy, copy);
    fixture.trip(&mut client);
    assert_eq!(newest_cursor(&mut fixture), Some(Cursor::Shape(CursorShape::Copy)));
    fixture.input(button(false));
    fixture.trip(&mut client);
    insta::assert_snapshot!(client.heard(&["wl_data"]), @r"
    wl_data_device enter 200,100
    wl_data_device drop
    wl_data_source dropped
    wl_data_device leave
    ");
    assert!(!fixture.compositor.is_dragging());
    assert_eq!(newest_cursor(&mut fixture), Some(Cursor::Shape(CursorShape::Default)), "nobody has said another");
    assert_eq!(fixture.damage(canvas), ["200,100 20x10"]);
    assert_eq!(fixture.pixel(canvas, 219, 109), [200, 0, 0]);
    source.destroy();
}

#[test]
fn a_drag_whose_source_vanishes_ends_quietly() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let hands = hands(&mut fixture, &mut client);
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    fixture.input(at(canvas, 50.0, 50.0));
    fixture.input(button(true));
    fixture.trip(&mut client);
    let source: wl_data_source::WlDataSource = hands.manager.create_data_source(&client.handle, ());
    hands.device.start_drag(Some(&source), &window.surface, None, client.heard.button_serial);
    source.destroy();
    fixture.trip(&mut client);
    fixture.input(at(canvas, 60.0, 60.0));
    fixture.trip(&mut client);
    fixture.input(button(false));
    fixture.trip(&mut client);
    assert!(!fixture.compositor.is_dragging());
}

#[test]
fn text_reaches_the_enabled_field_and_its_caret_is_known() {
    let Form { mut fixture, mut client, field, canvas } = form_in(viewport(600, 450, 180));
    field.enable();
    field.set_cursor_rectangle(10, 20, 0, 16);
    field.commit();
    fixture.trip(&mut client);
    assert_eq!(fixture.events(), [Event::TextPlace]);
    let caret = Rect { x: 15, y: 30, width: 2, height: 24 };
    assert_eq!(fixture.compositor.caret(), Some((canvas, caret)));
    fixture.input(Input::Commit { text: "日本語".to_owned() });
    fixture.input(Input::Commit { text: "x".repeat(5_000) });
    fixture.trip(&mut client);
    insta::assert_snapshot!(client.heard(&["text_input"]), @r"
    text_input done 1
    text_input commit 日本語
    text_input done 1
    ");
    field.disable();
    field.commit();
    fixture.trip(&mut client);
    assert_eq!(fixture.compositor.caret(), None);
}

/// A client with one window and a text field that is not enabled.
struct Form {
    fixture: Fixture,
    client: Client,
    field: zwp_text_input_v3::ZwpTextInputV3,
    canvas: CanvasId,
}

fn form() -> Form {
    form_in(viewport(400, 300, 120))
}

fn form_in(viewport: Viewport) -> Form {
    let mut fixture = Fixture::new(viewport);
    let mut client = fixture.connect();
    let hands = hands(&mut fixture, &mut client);
    let (_window, canvas) = fixture.open(&mut client, (400, 300), RED);
    let manager = client.bind::<zwp_text_input_manager_v3::ZwpTextInputManagerV3>(1);
    let field = manager.get_text_input(&hands.seat, &client.handle, ());
    fixture.trip(&mut client);
    assert_eq!(client.heard(&["text_input"]), "text_input enter");
    Form { fixture, client, field, canvas }
}

impl Form {
    fn text(&mut self, text: &str) {
        self.fixture.input(Input::Commit { text: text.to_owned() });
    }

    fn key(&mut self, key: u16) {
        self.fixture.input(Input::Key { key: Key(key), pressed: true });
        self.fixture.input(Input::Key { key: Key(key), pressed: false });
    }

    /// What the client hears of keys and text.
    fn heard(&mut self) -> String {
        self.fixture.trip(&mut self.client);
        self.client.heard(&["text_input commit", "wl_keyboard key"])
    }

    fn enable(&mut self) -> String {
        self.field.enable();
        self.field.commit();
        self.heard()
    }
}

#[test]
fn a_key_whose_release_is_late_is_let_go_before_it_repeats_unless_it_is_said_to_be_held() {
    let mut form = form();
    form.fixture.input(Input::Key { key: Key(30), pressed: true });
    form.heard();
    let lifted_at = form.fixture.compositor.deadline().expect("it is not believed for ever");
    assert!(lifted_at.0 - form.fixture.now.0 < 600_000, "before clients repeat");
    form.fixture.now = lifted_at;
    assert_eq!(form.heard(), "wl_keyboard key 30 Ok(Released)");
    form.fixture.input(Input::Key { key: Key(30), pressed: false });
    assert_eq!(form.heard(), "", "its own release comes too late to matter");
    form.fixture.input(Input::Key { key: Key(30), pressed: true });
    for _ in 0..20 {
        form.fixture.now = Time(form.fixture.now.0 + 80_000);
        form.fixture.input(Input::StillHeld);
    }
    assert_eq!(form.heard(), "wl_keyboard key 30 Ok(Pressed)", "a hand holds it");
    form.fixture.now = Time(form.fixture.now.0 + 1_000_000);
    assert_eq!(form.heard(), "wl_keyboard key 30 Ok(Released)");
    form.fixture.input(Input::StillHeld);
    assert_eq!(form.heard(), "", "its release may follow at once");
    form.fixture.now = form.fixture.compositor.deadline().expect("it comes back");
    assert_eq!(form.heard(), "wl_keyboard key 30 Ok(Pressed)", "the word was late, the hand still holds");
}

#[test]
fn text_that_comes_before_its_field_waits_for_it_and_keys_behind_it_too() {
    let mut form = form();
    form.key(30);
    assert!(form.heard().ends_with("wl_keyboard key 30 Ok(Released)"), "a key alone does not wait");
    form.text("日本");
    form.key(28);
    form.text("語");
    assert_eq!(form.heard(), "");
    insta::assert_snapshot!(form.enable(), @r"
    text_input commit 日本
    wl_keyboard key 28 Ok(Pressed)
    wl_keyboard key 28 Ok(Released)
    text_input commit 語
    ");
    assert_eq!(form.enable(), "", "once");
}

#[test]
fn text_without_a_field_is_given_up_after_a_while_and_the_keys_behind_it_are_let_through() {
    let mut form = form();
    form.text("late");
    form.key(28);
    let until = form.fixture.compositor.deadline().expect("something waits");
    form.text("later still");
    assert_eq!(form.fixture.compositor.deadline(), Some(until), "more text does not make it wait longer");
    form.fixture.now = until;
    form.fixture.dispatch();
    assert_eq!(form.fixture.compositor.deadline(), None);
    assert_eq!(form.heard(), "wl_keyboard key 28 Ok(Pressed)\nwl_keyboard key 28 Ok(Released)");
    assert_eq!(form.enable(), "");
}

#[test]
fn text_that_waits_is_not_for_another_place_or_window() {
    let mut form = form();
    let canvas = form.canvas;
    form.text("here");
    form.fixture.input(at(canvas, 10.0, 10.0));
    form.fixture.input(button(true));
    form.fixture.input(button(false));
    assert_eq!(form.enable(), "");
    form.field.disable();
    form.field.commit();
    form.heard();
    form.text("here");
    let (_other, second) = form.fixture.open(&mut form.client, (400, 300), BLUE);
    form.fixture.input(Input::Focus { canvas: Some(second) });
    assert_eq!(form.enable(), "");
}

#[test]
fn of_what_waits_for_a_window_another_gets_only_the_keys_that_were_let_go() {
    let mut form = form();
    let first = form.canvas;
    let (_other, second) = form.fixture.open(&mut form.client, (400, 300), BLUE);
    form.fixture.input(Input::Focus { canvas: Some(first) });
    let shift = |pressed| Input::Key { key: Key(42), pressed };
    form.fixture.input(shift(true));
    form.heard();
    form.text("here");
    form.fixture.input(shift(false));
    form.key(28);
    form.fixture.input(Input::Focus { canvas: Some(second) });
    form.fixture.input(Input::Commit { text: "there".to_owned() });
    form.fixture.dispatch();
    let heard = form.heard();
    assert!(heard.ends_with("wl_keyboard key 42 Ok(Released)") && !heard.contains("key 28"), "{heard}");
    // What was typed for the second window waits for its field, although a release waited before it.
    assert_eq!(form.enable(), "text_input commit there");
    form.fixture.input(shift(true));
    assert_eq!(form.heard(), "wl_keyboard key 42 Ok(Pressed)", "it is up: pressing it again is told");
}

#[test]
fn nothing_waits_for_a_viewer_that_went_away() {
    let mut form = form();
    let canvas = form.canvas;
    form.text("here");
    form.fixture.input(Input::Key { key: Key(56), pressed: true });
    form.fixture.input(Input::Focus { canvas: None });
    assert_eq!(form.fixture.compositor.deadline(), None);
    assert!(form.fixture.events().contains(&Event::TextLost { texts: 1 }));
    form.fixture.input(Input::Focus { canvas: Some(canvas) });
    form.heard();
    assert_eq!(form.enable(), "");
    form.fixture.input(Input::Key { key: Key(56), pressed: true });
    assert_eq!(form.heard(), "wl_keyboard key 56 Ok(Pressed)", "it did not stay down");
}

#[test]
fn a_wheel_does_not_overtake_the_key_that_changes_its_meaning() {
    let mut form = form();
    form.text("here");
    form.fixture.input(at(form.canvas, 10.0, 10.0));
    assert!(form.fixture.compositor.deadline().is_some(), "moving is no other place");
    form.fixture.input(Input::Key { key: Key(29), pressed: true });
    form.fixture.input(Input::Wheel { horizontal: 0, vertical: 120, source: WheelSource::Wheel });
    form.fixture.trip(&mut form.client);
    let heard = form.client.heard(&["wl_keyboard key", "wl_pointer wheel"]);
    let (key, wheel) = (heard.find("key 29").expect("it is pressed"), heard.find("wheel").expect("it turned"));
    assert!(key < wheel, "{heard}");
}

#[test]
fn a_button_that_is_let_go_is_no_other_place() {
    let mut form = form();
    form.fixture.input(at(form.canvas, 10.0, 10.0));
    form.fixture.input(button(true));
    form.text("here");
    form.fixture.input(button(false));
    assert_eq!(form.enable(), "text_input commit here");
}

#[test]
fn a_field_that_is_told_of_at_the_last_moment_gets_its_text() {
    let mut form = form();
    form.text("late");
    form.field.enable();
    form.field.commit();
    form.client.connection.flush().expect("it can be written to");
    form.fixture.now = form.fixture.compositor.deadline().expect("something waits");
    form.fixture.dispatch();
    assert_eq!(form.heard(), "text_input commit late");
}

#[test]
fn a_field_gets_all_of_a_long_text_or_nothing_of_it() {
    let mut form = form();
    for _ in 0..3 {
        form.text(&"x".repeat(2_000));
    }
    for _ in 0..100 {
        form.key(28);
    }
    let heard = form.enable();
    assert_eq!(heard.matches("text_input commit").count(), 3);
    assert_eq!(heard.matches("wl_keyboard key").count(), 200, "no key is lost");
    form.field.disable();
    form.field.commit();
    form.heard();
    for _ in 0..100 {
        form.text(&"x".repeat(4_000));
    }
    assert!(form.fixture.events().iter().any(|event| matches!(event, Event::TextLost { .. })));
    assert_eq!(form.enable(), "", "no tail without its head");
}

#[test]
fn a_window_asks_for_its_states_and_the_viewer_closes_it() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    window.toplevel.set_fullscreen(None);
    fixture.trip(&mut client);
    window.toplevel.unset_fullscreen();
    fixture.trip(&mut client);
    window.toplevel.set_minimized();
    fixture.trip(&mut client);
    let states = [WindowState::Fullscreen, WindowState::Maximized, WindowState::Minimized];
    assert_eq!(fixture.events(), states.map(|state| Event::Window { canvas, state }));
    fixture.compositor.close(canvas);
    fixture.trip(&mut client);
    insta::assert_snapshot!(client.heard(&["xdg_toplevel"]), @r"
    xdg_toplevel configure 400x300 [Activated Fullscreen]
    xdg_toplevel configure 400x300 [Activated Maximized]
    xdg_toplevel close
    ");
    drop(client);
    fixture.dispatch();
    fixture.dispatch();
    let events = fixture.events();
    assert_eq!(events, [Event::CanvasClosed { canvas }, Event::ClientGone { remaining: 0 }]);
}
