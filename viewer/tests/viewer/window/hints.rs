//! What does not cross is said when somebody tries it, once.

use shoji_protocol::{CanvasId, CursorShape, Input, ToViewer};

use crate::display::{BAR, EDGE, Scene, scene, shows};

/// Where a banner lies, in the middle near the lower edge.
const BANNER: (u32, u32) = (EDGE + 400, BAR + 600 - 42);

fn window(scene: &Scene) -> String {
    let found = String::from_utf8(scene.display.tool("xdotool", &["search", "--name", "Shoji"])).expect("numbers");
    found.trim().to_owned()
}

fn sees_banner(scene: &Scene, name: &str) {
    let (x, y) = BANNER;
    let dark = |pixel: [u8; 3]| pixel.iter().all(|&colour| colour < 90);
    // Left of the words, inside the pill; words are light on it.
    scene.display.see(name, |screen| (x - 150..x + 150).filter(|&x| dark(screen.get_pixel(x, y - 10).0)).count() > 200);
}

#[test]
fn pasting_from_the_pc_is_said_and_copying_inside_is_not() {
    let mut scene = scene(&["--lang", "ja"]);
    scene.focus();
    let key = |input: &Input| matches!(input, Input::Key { key, pressed: false } if key.get() == 46 || key.get() == 47);
    scene.display.tool("xdotool", &["key", "ctrl+c"]);
    while !key(&scene.peer.input().1) {}
    scene.display.tool("xdotool", &["key", "ctrl+v"]);
    while !key(&scene.peer.input().1) {}
    scene.display.see("pasted inside", |screen| shows(screen, &scene.picture));
    // The keyboard goes to another program right after copying.
    scene.display.tool("xdotool", &["key", "ctrl+c"]);
    while !key(&scene.peer.input().1) {}
    let other = scene.display.other();
    while scene.peer.input().1 != (Input::Focus { canvas: None }) {}
    sees_banner(&scene, "copied to leave");
    drop(other);
    scene.focus();
    let Scene { display, peer, picture, .. } = &mut scene;
    display.see("after coming back", |screen| {
        peer.answer();
        shows(screen, picture)
    });
    scene.display.tool("xdotool", &["key", "ctrl+v"]);
    sees_banner(&scene, "pasted from the PC");
}

#[test]
fn a_file_that_is_dropped_on_the_window_is_said_not_to_come_in() {
    let scene = scene(&["--lang", "ja"]);
    let window = window(&scene).parse().expect("a number");
    let file = tempfile::NamedTempFile::new().expect("a file");
    scene.display.drop_file(window, file.path());
    sees_banner(&scene, "dropped file");
}

#[test]
fn what_is_dragged_out_of_the_window_is_said_not_to_come_out() {
    let mut scene = scene(&["--lang", "ja"]);
    let window = window(&scene);
    let mouse = |arguments: &[&str]| drop(scene.display.tool("xdotool", arguments));
    mouse(&["mousemove", "--window", &window, "300", "300", "mousedown", "1"]);
    while scene.peer.input().1 != (Input::PointerButton { button: shoji_protocol::Button::Left, pressed: true }) {}
    scene.peer.say(&ToViewer::Cursor { shape: CursorShape::Alias });
    let update = scene.peer.show(1, &scene.picture, 0);
    while scene.peer.presented() != (CanvasId(1), update) {}
    mouse(&["mousemove", "--window", &window, "320", "320"]);
    mouse(&["mousemove", "1350", "950"]);
    mouse(&["mouseup", "1"]);
    sees_banner(&scene, "dragged out");
}
