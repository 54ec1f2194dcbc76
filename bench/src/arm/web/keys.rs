//! Owns what a Japanese keyboard's keys are in a page: their places' names, and what they give. Must never know what a key does.

use crate::typing::keyboard::{BACKSPACE, ENTER, SHIFT, character};

/// Names of the keys by their Linux evdev codes, from the first of each row on; letters and digits are named by rule.
const NAMES: [(u16, &[&str]); 7] = [
    (12, &["Minus", "Equal", "Backspace"]),
    (26, &["BracketLeft", "BracketRight", "Enter"]),
    (39, &["Semicolon", "Quote", "Backquote", "ShiftLeft", "Backslash"]),
    (51, &["Comma", "Period", "Slash"]),
    (57, &["Space"]),
    (89, &["IntlRo"]),
    (124, &["IntlYen"]),
];
const LETTERS: [(u16, &str); 3] = [(16, "QWERTYUIOP"), (30, "ASDFGHJKL"), (44, "ZXCVBNM")];
const DIGITS: (u16, &str) = (2, "1234567890");

/// A key as a page is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageKey {
    /// `KeyboardEvent.code`.
    pub(super) code: String,
    /// `KeyboardEvent.key`.
    pub(super) key: String,
    /// `KeyboardEvent.keyCode`; 0: none that is the same on every system.
    pub(super) number: u32,
    /// What it would write if the page let it.
    pub(super) text: Option<char>,
}

/// The key with an evdev code; `None`: none that the bench presses.
pub(super) fn page_key(code: u16, shift: bool) -> Option<PageKey> {
    let at = |(first, names): (u16, &str)| names.chars().nth(usize::from(code.checked_sub(first)?));
    let letter = LETTERS.into_iter().find_map(at);
    let name = if let Some(letter) = letter {
        format!("Key{letter}")
    } else if let Some(digit) = at(DIGITS) {
        format!("Digit{digit}")
    } else {
        NAMES.iter().find_map(|(first, names)| names.get(usize::from(code.checked_sub(*first)?)))?.to_string()
    };
    let (key, number, text) = match code {
        SHIFT => ("Shift".to_owned(), 16, None),
        ENTER => ("Enter".to_owned(), 13, Some('\r')),
        BACKSPACE => ("Backspace".to_owned(), 8, None),
        _ => {
            let text = character(code, shift);
            let number = letter.or(at(DIGITS)).map_or(0, u32::from);
            (text.map_or_else(|| "Unidentified".to_owned(), String::from), number, text)
        }
    };
    Some(PageKey { code: name, key, number, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::typing::keyboard::stroke;

    #[test]
    fn every_key_that_gives_a_character_has_its_place_in_a_page() {
        for character in (' '..='~').filter(|character| !matches!(character, '\\' | '|')) {
            let stroke = stroke(character).expect("a Japanese keyboard has it");
            let key = page_key(stroke.key, stroke.shift).unwrap_or_else(|| panic!("no key for {character}"));
            assert_eq!(key.text, Some(character), "{key:?}");
        }
    }

    #[test]
    fn keys_are_named_by_their_places() {
        let code = |code| page_key(code, false).map(|key| key.code);
        let named = [(11, "Digit0"), (25, "KeyP"), (50, "KeyM"), (28, "Enter"), (43, "Backslash"), (89, "IntlRo")];
        for (number, name) in named {
            assert_eq!(code(number).as_deref(), Some(name));
        }
        assert_eq!(code(1), None);
    }
}
