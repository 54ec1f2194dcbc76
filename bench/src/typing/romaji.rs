//! Owns turning keys into kana, as an input method shows them while a person types. Must never guess: letters that make no kana stay letters.

/// What is composed, before any conversion: kana, letters that make none yet, and the caret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reading {
    before: String,
    pending: String,
    after: String,
}

impl Reading {
    /// One key: a letter, a mark, `<` for Backspace, `{` and `}` for the caret keys. `false` if an input method has no use for it.
    pub(super) fn key(&mut self, key: char) -> bool {
        match key {
            '<' => {
                if self.pending.pop().is_none() {
                    self.before.pop();
                }
            }
            '{' => {
                self.finish();
                if let Some(passed) = self.before.pop() {
                    self.after.insert(0, passed);
                }
            }
            '}' => {
                self.finish();
                if !self.after.is_empty() {
                    self.before.push(self.after.remove(0));
                }
            }
            '-' => self.mark('ー'),
            ',' => self.mark('、'),
            '.' => self.mark('。'),
            'a'..='z' => self.letter(key),
            _ => return false,
        }
        true
    }

    /// What a person sees, and the byte at which the caret stands.
    pub(super) fn shown(&self) -> (String, usize) {
        let wide = |letter: char| u32::from(letter).checked_add(0xfee0).and_then(char::from_u32).unwrap_or(letter);
        let pending: String = self.pending.chars().map(wide).collect();
        let caret = self.before.len() + pending.len();
        (format!("{}{pending}{}", self.before, self.after), caret)
    }

    /// The kana when the person asks for a conversion: an `n` that waits is ん.
    pub(super) fn finished(mut self) -> String {
        self.finish();
        self.shown().0
    }

    fn finish(&mut self) {
        if self.pending == "n" {
            self.pending.clear();
            self.before.push('ん');
        }
    }

    fn mark(&mut self, mark: char) {
        self.finish();
        self.before.push_str(&std::mem::take(&mut self.pending));
        self.before.push(mark);
    }

    fn letter(&mut self, letter: char) {
        let is_vowel = matches!(letter, 'a' | 'i' | 'u' | 'e' | 'o');
        if self.pending == "n" && !is_vowel && letter != 'y' {
            self.pending.clear();
            self.before.push('ん');
            if letter == 'n' {
                return;
            }
        } else if !is_vowel && self.pending == letter.to_string() {
            self.before.push('っ');
            return;
        }
        self.pending.push(letter);
        if is_vowel && let Some(kana) = kana(&self.pending) {
            self.pending.clear();
            self.before.push_str(&kana);
        }
    }
}

/// The kana of a syllable.
fn kana(syllable: &str) -> Option<String> {
    const VOWELS: &str = "aiueo";
    match syllable {
        "fu" => return Some("ふ".to_owned()),
        "tsu" => return Some("つ".to_owned()),
        _ => {}
    }
    const ROWS: [(&str, &str); 15] = [
        ("", "あいうえお"),
        ("k", "かきくけこ"),
        ("s", "さしすせそ"),
        ("t", "たちつてと"),
        ("n", "なにぬねの"),
        ("h", "はひふへほ"),
        ("m", "まみむめも"),
        ("y", "や　ゆ　よ"),
        ("r", "らりるれろ"),
        ("w", "わ　　　を"),
        ("g", "がぎぐげご"),
        ("z", "ざじずぜぞ"),
        ("d", "だぢづでど"),
        ("b", "ばびぶべぼ"),
        ("p", "ぱぴぷぺぽ"),
    ];
    // These begin with the kana of their first letter's `i` and end with a small one.
    const GLIDES: [(&str, char); 4] = [("j", 'じ'), ("jy", 'じ'), ("sh", 'し'), ("ch", 'ち')];
    let (head, vowel) = syllable.split_at(syllable.len().checked_sub(1)?);
    let column = VOWELS.find(vowel)?;
    let one = |row: &str, column: usize| row.chars().nth(column).filter(|kana| *kana != '　');
    if let Some((_, row)) = ROWS.iter().find(|(of, _)| *of == head) {
        return one(row, column).map(String::from);
    }
    let small = one("ゃ　ゅ　ょ", column);
    if let Some((_, first)) = GLIDES.iter().find(|(of, _)| *of == head) {
        return match (small, column) {
            (Some(small), _) => Some([*first, small].iter().collect()),
            (None, 1) => Some((*first).to_string()),
            _ => Some([*first, 'ぇ'].iter().collect()),
        };
    }
    let row = head.strip_suffix('y').and_then(|of| ROWS.iter().find(|(name, _)| *name == of && !name.is_empty()))?.1;
    Some([one(row, 1)?, small?].iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &str) -> Reading {
        let mut reading = Reading::default();
        for key in keys.chars() {
            assert!(reading.key(key), "{key}");
        }
        reading
    }

    #[test]
    fn keys_become_kana() {
        for (keys, kana) in [
            ("juuminhyou", "じゅうみんひょう"),
            ("kinnyuu", "きんゆう"),
            ("hannkaku", "はんかく"),
            ("gakkou", "がっこう"),
            ("shinsei", "しんせい"),
            ("ra-men", "らーめん"),
            ("wo,", "を、"),
            ("kun", "くん"),
            ("koufutsuuchi", "こうふつうち"),
        ] {
            assert_eq!(typed(keys).finished(), kana, "{keys}");
        }
    }

    #[test]
    fn a_waiting_letter_is_shown_wide_and_taken_back_first() {
        assert_eq!(typed("kk").shown(), ("っｋ".to_owned(), 6));
        assert_eq!(typed("tok<").shown().0, "と");
        assert_eq!(typed("tok<<").shown().0, "");
    }

    #[test]
    fn the_caret_moves_within_and_keys_go_where_it_is() {
        assert_eq!(typed("asa{").shown(), ("あさ".to_owned(), 3));
        assert_eq!(typed("asa{ki}ki").finished(), "あきさき");
    }
}
