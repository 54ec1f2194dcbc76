//! Keys: from the window system's physical keys, from names and from characters to the protocol's key codes.
//!
//! A key is the *place* on the keyboard, by the number that Linux gives it (evdev); the layout is applied at the host.
//! Owns the tables only. It must never look at what a key means in the PC's own layout.

use winit::keyboard::{KeyCode, NativeKeyCode, PhysicalKey};

/// Number of the left shift key, needed to type capitals.
pub const SHIFT: u16 = 42;

/// Highest number the protocol carries (`KEY_MAX` of evdev).
const LAST: u16 = shoji_protocol::Key::MAX.get();

/// Where a character lies on a keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stroke {
    /// The key's evdev number.
    pub code: u16,
    /// Whether shift is held.
    pub shift: bool,
}

/// The keyboards whose characters this module knows.
pub use shoji_protocol::KeyboardLayout as Layout;

/// One row: winit's name, evdev's number, the name in scripts.
macro_rules! table {
    ($($code:ident $number:literal $name:literal,)*) => {
        /// Every key that winit names and evdev numbers.
        const TABLE: &[(KeyCode, u16, &str)] = &[$((KeyCode::$code, $number, $name),)*];

        const fn number(code: KeyCode) -> Option<u16> {
            match code { $(KeyCode::$code => Some($number),)* _ => None }
        }
    };
}

table! {
    Escape 1 "Escape", Digit1 2 "1", Digit2 3 "2", Digit3 4 "3", Digit4 5 "4", Digit5 6 "5", Digit6 7 "6",
    Digit7 8 "7", Digit8 9 "8", Digit9 10 "9", Digit0 11 "0", Minus 12 "Minus", Equal 13 "Equal",
    Backspace 14 "Backspace", Tab 15 "Tab",
    KeyQ 16 "Q", KeyW 17 "W", KeyE 18 "E", KeyR 19 "R", KeyT 20 "T", KeyY 21 "Y", KeyU 22 "U", KeyI 23 "I",
    KeyO 24 "O", KeyP 25 "P", BracketLeft 26 "BracketLeft", BracketRight 27 "BracketRight", Enter 28 "Enter",
    ControlLeft 29 "Ctrl", KeyA 30 "A", KeyS 31 "S", KeyD 32 "D", KeyF 33 "F", KeyG 34 "G", KeyH 35 "H",
    KeyJ 36 "J", KeyK 37 "K", KeyL 38 "L", Semicolon 39 "Semicolon", Quote 40 "Quote", Backquote 41 "Backquote",
    ShiftLeft 42 "Shift", Backslash 43 "Backslash", KeyZ 44 "Z", KeyX 45 "X", KeyC 46 "C", KeyV 47 "V", KeyB 48 "B",
    KeyN 49 "N", KeyM 50 "M", Comma 51 "Comma", Period 52 "Period", Slash 53 "Slash", ShiftRight 54 "ShiftRight",
    NumpadMultiply 55 "NumpadMultiply", AltLeft 56 "Alt", Space 57 "Space", CapsLock 58 "CapsLock",
    F1 59 "F1", F2 60 "F2", F3 61 "F3", F4 62 "F4", F5 63 "F5", F6 64 "F6", F7 65 "F7", F8 66 "F8", F9 67 "F9",
    F10 68 "F10", NumLock 69 "NumLock", ScrollLock 70 "ScrollLock",
    Numpad7 71 "Numpad7", Numpad8 72 "Numpad8", Numpad9 73 "Numpad9", NumpadSubtract 74 "NumpadSubtract",
    Numpad4 75 "Numpad4", Numpad5 76 "Numpad5", Numpad6 77 "Numpad6", NumpadAdd 78 "NumpadAdd",
    Numpad1 79 "Numpad1", Numpad2 80 "Numpad2", Numpad3 81 "Numpad3", Numpad0 82 "Numpad0",
    NumpadDecimal 83 "NumpadDecimal", Lang5 85 "ZenkakuHankaku", IntlBackslash 86 "IntlBackslash", F11 87 "F11",
    F12 88 "F12", IntlRo 89 "Ro", Lang3 90 "Katakana", Lang4 91 "Hiragana", Convert 92 "Convert",
    KanaMode 93 "KanaMode", NonConvert 94 "NonConvert", NumpadEnter 96 "NumpadEnter", ControlRight 97 "CtrlRight",
    NumpadDivide 98 "NumpadDivide", PrintScreen 99 "PrintScreen", AltRight 100 "AltRight", Home 102 "Home",
    ArrowUp 103 "Up", PageUp 104 "PageUp", ArrowLeft 105 "Left", ArrowRight 106 "Right", End 107 "End",
    ArrowDown 108 "Down", PageDown 109 "PageDown", Insert 110 "Insert", Delete 111 "Delete",
    AudioVolumeMute 113 "VolumeMute", AudioVolumeDown 114 "VolumeDown", AudioVolumeUp 115 "VolumeUp",
    NumpadEqual 117 "NumpadEqual", Pause 119 "Pause", NumpadComma 121 "NumpadComma", Lang1 122 "Lang1",
    Lang2 123 "Lang2", IntlYen 124 "Yen", SuperLeft 125 "Super", SuperRight 126 "SuperRight",
    ContextMenu 127 "ContextMenu", BrowserBack 158 "Back", BrowserForward 159 "Forward",
    MediaTrackNext 163 "MediaNext", MediaPlayPause 164 "MediaPlayPause", MediaTrackPrevious 165 "MediaPrevious",
    MediaStop 166 "MediaStop", BrowserHome 172 "BrowserHome", BrowserRefresh 173 "Refresh",
    F13 183 "F13", F14 184 "F14", F15 185 "F15", F16 186 "F16", F17 187 "F17", F18 188 "F18", F19 189 "F19",
    F20 190 "F20", F21 191 "F21", F22 192 "F22", F23 193 "F23", F24 194 "F24", BrowserSearch 217 "Search",
}

/// The evdev number of a key that the window system reports, or `None` for a key the protocol cannot carry.
#[must_use]
pub fn of_window(key: PhysicalKey) -> Option<u16> {
    match key {
        PhysicalKey::Code(code) => number(code),
        // Keys without a name in winit; on X11 and Wayland the raw number is evdev's already.
        PhysicalKey::Unidentified(NativeKeyCode::Xkb(raw)) => {
            u16::try_from(raw).ok().filter(|&raw| raw > 0 && raw <= LAST && raw != 240)
        }
        PhysicalKey::Unidentified(_) => None,
    }
}

/// The evdev number of a key by its name in scripts: `Enter`, `a`, `F5`, `Ctrl`, `Convert`, `;`.
#[must_use]
pub fn by_name(name: &str, layout: Layout) -> Option<u16> {
    let alias = match name.to_ascii_lowercase().as_str() {
        "esc" => "Escape",
        "return" => "Enter",
        "control" => "Ctrl",
        "meta" | "win" => "Super",
        "del" => "Delete",
        "menu" => "ContextMenu",
        "arrowup" => "Up",
        "arrowdown" => "Down",
        "arrowleft" => "Left",
        "arrowright" => "Right",
        "plus" => return of_char('+', layout).map(|stroke| stroke.code),
        _ => name,
    };
    if let Some((_, number, _)) = TABLE.iter().find(|(_, _, known)| known.eq_ignore_ascii_case(alias)) {
        return Some(*number);
    }
    let mut chars = name.chars();
    match (chars.next(), chars.next()) {
        (Some(one), None) => of_char(one, layout).map(|stroke| stroke.code),
        _ => None,
    }
}

/// Where a printable ASCII character, a tab or a line break lies on a keyboard; `None` for all else, and for characters of
/// keyboards that are neither Japanese nor US.
#[must_use]
pub fn of_char(char: char, layout: Layout) -> Option<Stroke> {
    let plain = |code| Some(Stroke { code, shift: false });
    let shifted = |code| Some(Stroke { code, shift: true });
    match char {
        ' ' => return plain(57),
        '\t' => return plain(15),
        '\n' => return plain(28),
        _ if !matches!(layout, Layout::Jp | Layout::Us) => return None,
        'a'..='z' => return plain(letter(char)),
        'A'..='Z' => return shifted(letter(char.to_ascii_lowercase())),
        '1'..='9' => return plain(char as u16 - '1' as u16 + 2),
        '0' => return plain(11),
        '-' => return plain(12),
        ',' => return plain(51),
        '.' => return plain(52),
        '/' => return plain(53),
        ';' => return plain(39),
        '!' => return shifted(2),
        '#' => return shifted(4),
        '$' => return shifted(5),
        '%' => return shifted(6),
        '<' => return shifted(51),
        '>' => return shifted(52),
        '?' => return shifted(53),
        _ => {}
    }
    match layout {
        Layout::Us => match char {
            '=' => plain(13),
            '[' => plain(26),
            ']' => plain(27),
            '\'' => plain(40),
            '`' => plain(41),
            '\\' => plain(43),
            '@' => shifted(3),
            '^' => shifted(7),
            '&' => shifted(8),
            '*' => shifted(9),
            '(' => shifted(10),
            ')' => shifted(11),
            '_' => shifted(12),
            '+' => shifted(13),
            '{' => shifted(26),
            '}' => shifted(27),
            ':' => shifted(39),
            '"' => shifted(40),
            '~' => shifted(41),
            '|' => shifted(43),
            _ => None,
        },
        Layout::Jp => match char {
            '^' => plain(13),
            '@' => plain(26),
            '[' => plain(27),
            ':' => plain(40),
            ']' => plain(43),
            '\\' => plain(89),
            '"' => shifted(3),
            '&' => shifted(7),
            '\'' => shifted(8),
            '(' => shifted(9),
            ')' => shifted(10),
            '=' => shifted(12),
            '~' => shifted(13),
            '`' => shifted(26),
            '{' => shifted(27),
            '+' => shifted(39),
            '*' => shifted(40),
            '}' => shifted(43),
            '_' => shifted(89),
            '|' => shifted(124),
            _ => None,
        },
        _ => None,
    }
}

fn letter(char: char) -> u16 {
    const ROWS: [(u16, &str); 3] = [(16, "qwertyuiop"), (30, "asdfghjkl"), (44, "zxcvbnm")];
    ROWS.iter()
        .find_map(|(first, row)| row.find(char).map(|at| first + u16::try_from(at).unwrap_or(0)))
        .expect("the three rows hold all 26 letters, and the caller passes only letters")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_number_or_name_is_given_twice() {
        let mut seen = HashSet::new();
        let mut names = HashSet::new();
        for (_, number, name) in TABLE {
            assert!(seen.insert(number), "{number} twice");
            assert!(names.insert(name.to_ascii_lowercase()), "{name} twice");
            assert!(*number <= LAST);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_table_agrees_with_the_window_librarys_own_numbers() {
        use winit::platform::scancode::PhysicalKeyExtScancode;
        for scancode in 1..=LAST {
            let key = PhysicalKey::from_scancode(u32::from(scancode));
            if let PhysicalKey::Code(code) = key {
                assert_eq!(number(code), Some(scancode), "{code:?}");
            }
        }
    }

    #[test]
    fn japanese_keys_have_their_places() {
        for (code, number) in [
            (KeyCode::Lang5, 85),
            (KeyCode::Convert, 92),
            (KeyCode::NonConvert, 94),
            (KeyCode::KanaMode, 93),
            (KeyCode::IntlYen, 124),
            (KeyCode::IntlRo, 89),
        ] {
            assert_eq!(of_window(PhysicalKey::Code(code)), Some(number));
        }
    }

    #[test]
    fn keys_without_a_name_pass_by_number_within_the_limit() {
        let raw = |number| of_window(PhysicalKey::Unidentified(NativeKeyCode::Xkb(number)));
        assert_eq!(raw(0x2ff), Some(0x2ff));
        assert_eq!(raw(0x300), None);
        assert_eq!(raw(0), None);
        assert_eq!(raw(u32::MAX), None);
        assert_eq!(of_window(PhysicalKey::Unidentified(NativeKeyCode::Windows(3))), None);
    }

    #[test]
    fn every_printable_ascii_character_has_one_place_on_each_keyboard() {
        for layout in [Layout::Us, Layout::Jp] {
            let mut places = HashSet::new();
            for char in ' '..='~' {
                let stroke = of_char(char, layout).unwrap_or_else(|| panic!("{char:?} on {layout:?}"));
                assert!(places.insert((stroke.code, stroke.shift)), "{char:?} on {layout:?} shares a place");
            }
            assert_eq!(of_char('あ', layout), None);
        }
    }

    #[test]
    fn keys_have_names_for_people() {
        assert_eq!(by_name("enter", Layout::Us), Some(28));
        assert_eq!(by_name("Esc", Layout::Us), Some(1));
        assert_eq!(by_name("l", Layout::Us), Some(38));
        assert_eq!(by_name(":", Layout::Jp), Some(40));
        assert_eq!(by_name("Hyper", Layout::Jp), None);
    }
}
