//! One message of each kind, with values that show every byte.

use shoji_protocol::{
    AttachHow, Button, CanvasId, CanvasKind, Capabilities, CaretArea, CaretPlace, CloseCode, CursorShape, CursorSize,
    Finger, Fixed, Hotspot, Input, InputSequence, KeepAlive, Key, KeyboardLayout, Locale, Lock, Nonce, Notice, Pixels,
    Position, PreeditCursor, Rate, ResumeToken, Scale, SessionId, Size, Text, TextField, TextOffset, TextPlace, ToHost,
    ToViewer, TouchPhase, UpdateId, Viewport, WheelDelta, WheelSource, WindowState,
};

const CANVAS: CanvasId = CanvasId(300);

fn viewport() -> Viewport {
    Viewport::new(Size::new(1920, 1080).unwrap(), Scale::new(180).unwrap(), Rate::new(59_940).unwrap()).unwrap()
}

fn position() -> Position {
    Position { x: Fixed(25_601), y: Fixed(-1) }
}

/// Name of the file, and the message in it.
pub(crate) fn to_host() -> Vec<(&'static str, ToHost)> {
    let input = |event| ToHost::Input { sequence: InputSequence(200), event };
    vec![
        ("Hello", ToHost::Hello { minor: 1, capabilities: Capabilities::ALL, locale: Locale::En }),
        ("Attach-new", ToHost::Attach { how: AttachHow::New, viewport: viewport(), keyboard: KeyboardLayout::Jp }),
        (
            "Attach-resume",
            ToHost::Attach {
                how: AttachHow::Resume(ResumeToken(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef)),
                viewport: viewport(),
                keyboard: KeyboardLayout::Us,
            },
        ),
        ("Attach-own", ToHost::Attach { how: AttachHow::Own, viewport: viewport(), keyboard: KeyboardLayout::Kr }),
        ("Detach", ToHost::Detach),
        ("End", ToHost::End),
        ("Resize", ToHost::Resize { canvas: CANVAS, viewport: viewport() }),
        ("CloseCanvas", ToHost::CloseCanvas { canvas: CANVAS }),
        ("Repaint", ToHost::Repaint { canvas: CANVAS }),
        ("Presented", ToHost::Presented { canvas: CANVAS, update: UpdateId(70_000) }),
        ("Input-Key", input(Input::Key { key: Key::new(0x23a).unwrap(), pressed: true })),
        ("Input-PointerMotion", input(Input::PointerMotion { canvas: CANVAS, position: position() })),
        ("Input-PointerRelative", input(Input::PointerRelative { dx: Fixed(-256), dy: Fixed(512) })),
        ("Input-PointerButton", input(Input::PointerButton { button: Button::Right, pressed: false })),
        ("Input-PointerLeave", input(Input::PointerLeave)),
        (
            "Input-Wheel",
            input(Input::Wheel {
                horizontal: WheelDelta::new(-120).unwrap(),
                vertical: WheelDelta::new(240).unwrap(),
                source: WheelSource::Finger,
            }),
        ),
        (
            "Input-Touch",
            input(Input::Touch {
                finger: Finger::new(9).unwrap(),
                phase: TouchPhase::Up,
                canvas: CANVAS,
                position: position(),
            }),
        ),
        ("Input-Focus", input(Input::Focus { canvas: Some(CANVAS) })),
        ("Input-Focus-nowhere", input(Input::Focus { canvas: None })),
        ("Input-Commit", input(Input::Commit { text: Text::new("障子 é").unwrap() })),
        (
            "Input-Preedit",
            input(Input::Preedit {
                text: Text::new("しょうじ").unwrap(),
                cursor: Some(PreeditCursor { from: TextOffset::new(3).unwrap(), to: TextOffset::new(12).unwrap() }),
            }),
        ),
        ("Input-Preedit-none", input(Input::Preedit { text: Text::new("").unwrap(), cursor: None })),
        ("Input-StillHeld", input(Input::StillHeld)),
        ("Input-Lock", input(Input::Lock { lock: Lock::Num, on: true })),
        ("Ping", ToHost::Ping { nonce: Nonce(0x1234_5678) }),
        ("Pong", ToHost::Pong { nonce: Nonce(1) }),
        ("Close", ToHost::Close { code: CloseCode::HostMalformed }),
    ]
}

/// Name of the file, and the message in it.
pub(crate) fn to_viewer() -> Vec<(&'static str, ToViewer<'static>)> {
    let size = Size::new(3840, 2160).unwrap();
    vec![
        (
            "Welcome",
            ToViewer::Welcome {
                minor: 1,
                capabilities: Capabilities::H264 | Capabilities::TOUCH,
                keep_alive: KeepAlive::new(5_000).unwrap(),
            },
        ),
        ("Attached", ToViewer::Attached { session: SessionId(5), token: ResumeToken(u128::MAX), resumed: true }),
        (
            "CanvasOpened",
            ToViewer::CanvasOpened { canvas: CANVAS, kind: CanvasKind::Dialog, parent: Some(CanvasId(299)), size },
        ),
        ("CanvasClosed", ToViewer::CanvasClosed { canvas: CANVAS }),
        ("Window", ToViewer::Window { canvas: CANVAS, state: WindowState::Fullscreen }),
        (
            "Update",
            ToViewer::Update {
                canvas: CANVAS,
                update: UpdateId(70_000),
                size,
                input: InputSequence(200),
                more: true,
                pixels: Pixels::new(&[0xde, 0xad, 0xbe, 0xef]).unwrap(),
            },
        ),
        ("Cursor", ToViewer::Cursor { shape: CursorShape::AllResize }),
        (
            "CursorImage",
            ToViewer::CursorImage {
                size: CursorSize::new(2, 1).unwrap(),
                hotspot: Hotspot::new(1, 0).unwrap(),
                pixels: Pixels::new(&[1, 2, 3, 4, 5, 6, 7, 8]).unwrap(),
            },
        ),
        ("PointerLock", ToViewer::PointerLock { canvas: CANVAS, locked: true }),
        (
            "TextPlace",
            ToViewer::TextPlace {
                place: TextPlace::Field {
                    canvas: CANVAS,
                    field: TextField(130),
                    caret: Some(CaretArea {
                        x: CaretPlace::new(1).unwrap(),
                        y: CaretPlace::new(3840).unwrap(),
                        width: CaretPlace::new(0).unwrap(),
                        height: CaretPlace::new(18).unwrap(),
                    }),
                },
            },
        ),
        ("TextPlace-secret", ToViewer::TextPlace { place: TextPlace::Secret }),
        ("TextPlace-nowhere", ToViewer::TextPlace { place: TextPlace::Nowhere }),
        ("Notice", ToViewer::Notice { notice: Notice::PolicyRefusedPrint }),
        ("Ping", ToViewer::Ping { nonce: Nonce(7) }),
        ("Pong", ToViewer::Pong { nonce: Nonce(0x1234_5678) }),
        ("Close", ToViewer::Close { code: CloseCode::ViewerStalled }),
    ]
}
