//! Owns which key of a Japanese (JIS) keyboard gives which character without an input method. Must never know what a key does in a page.

/// A key (Linux evdev code), and whether Shift is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stroke {
    pub(crate) key: u16,
    pub(crate) shift: bool,
}

/// The left Shift key.
pub(crate) const SHIFT: u16 = 42;
/// The Enter key.
pub(crate) const ENTER: u16 = 28;
/// The Backspace key.
pub(crate) const BACKSPACE: u16 = 14;

/// Rows of keys from their first code on: without and with Shift. A space stands for a key that gives nothing here.
const ROWS: [(u16, &str, &str); 5] = [
    (2, "1234567890-^", "!\"#$%&'() =~"),
    (16, "qwertyuiop@[", "QWERTYUIOP`{"),
    (30, "asdfghjkl;:", "ASDFGHJKL+*"),
    (44, "zxcvbnm,./", "ZXCVBNM<>?"),
    // The key left of the right Shift.
    (89, " ", "_"),
];
const SPACE: u16 = 57;
/// The key left of Enter, between the rows' codes.
const BRACKET: u16 = 43;

/// The stroke that gives an ASCII character.
pub(crate) fn stroke(character: char) -> Option<Stroke> {
    match character {
        ' ' => return Some(Stroke { key: SPACE, shift: false }),
        ']' => return Some(Stroke { key: BRACKET, shift: false }),
        '}' => return Some(Stroke { key: BRACKET, shift: true }),
        _ => {}
    }
    ROWS.iter().find_map(|&(first, plain, shifted)| {
        let at = |row: &str, shift| {
            let place = u16::try_from(row.find(character)?).ok()?;
            Some(Stroke { key: first + place, shift })
        };
        at(plain, false).or_else(|| at(shifted, true))
    })
}

/// The character that a stroke gives.
pub(crate) fn character(key: u16, shift: bool) -> Option<char> {
    (' '..='~').find(|character| stroke(*character) == Some(Stroke { key, shift }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_printable_character_but_the_yen_keys_backslash_and_bar_has_its_own_stroke() {
        let strokes: Vec<(u16, bool)> = (' '..='~')
            .filter(|character| !matches!(character, '\\' | '|'))
            .map(|character| stroke(character).unwrap_or_else(|| panic!("no stroke for {character}")))
            .map(|stroke| (stroke.key, stroke.shift))
            .collect();
        let different: std::collections::BTreeSet<_> = strokes.iter().collect();
        assert_eq!(different.len(), strokes.len());
        assert_eq!(stroke('あ'), None);
    }

    #[test]
    fn the_keys_are_those_of_a_japanese_keyboard() {
        assert_eq!(stroke('@'), Some(Stroke { key: 26, shift: false }));
        assert_eq!(stroke('('), Some(Stroke { key: 9, shift: true }));
        assert_eq!(stroke('_'), Some(Stroke { key: 89, shift: true }));
    }
}
