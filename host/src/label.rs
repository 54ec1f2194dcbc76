//! What a person calls a browser that wants to become a device.
//!
//! Owns which characters a stranger may put before an administrator's eyes. It must never let one in that could change what is
//! read: what is right is listed, and everything else is refused.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::registry::Error;

/// 1 to 32 characters that any terminal shows, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Label(String);

impl Label {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Label {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        // An input method types the wide space where a person means any.
        let text = text.replace('\u{3000}', " ");
        let trimmed = text.trim();
        let well_formed = (1..=limits::WEB_LABEL).contains(&trimmed.chars().count()) && trimmed.chars().all(is_plain);
        if well_formed { Ok(Self(trimmed.to_owned())) } else { Err(Error::BadLabel) }
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0
    }
}

impl<'de> Deserialize<'de> for Label {
    /// As a host stored it. An older one took more characters; what is none any more is read as `_`.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let text: String = text.chars().map(|character| if is_plain(character) { character } else { '_' }).collect();
        Self::try_from(text).map_err(serde::de::Error::custom)
    }
}

/// Whether a character is one that an office in Japan writes and an administrator can read off: kana, kanji, Latin letters,
/// digits, and some punctuation. Left out are, among all others, quotes, which end a label where it goes on; letters that are
/// written to the left; letters that show nothing; and marks that change the letter before them.
fn is_plain(character: char) -> bool {
    match character {
        ' ' | '-' | '_' | '.' | ',' | '(' | ')' | '/' | '#' | '&' | '+' | ':' | '@' | '\'' => true,
        '、' | '。' | '・' | '「' | '」' | '『' | '』' | '【' | '】' | '〔' | '〕' | '〜' | '～' | '’' => {
            true
        }
        '－' | '＿' | '．' | '，' | '（' | '）' | '／' | '＃' | '＆' | '＋' | '：' | '＠' => true,
        'A'..='Z' | 'a'..='z' | '0'..='9' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '０'..='９' | '①'..='⑳' => true,
        // With accents, and long ones as in Ōsaka; two signs lie among them.
        'À'..='ž' => !matches!(character, '×' | '÷'),
        // Hiragana and katakana of both widths; in the gaps there is nothing, or a mark.
        'ぁ'..='ゖ' | 'ゝ'..='ゟ' | 'ァ'..='ヺ' | 'ー'..='ヿ' | 'ㇰ'..='ㇿ' | '｡'..='ﾟ' => true,
        '々' | '〆' | '〇' => true,
        // Kanji; a number that no letter has yet is none.
        '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}' => {
            character.is_alphanumeric()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn label(text: &str) -> Result<Label, Error> {
        Label::try_from(text.to_owned())
    }

    #[test]
    fn what_a_japanese_office_writes_is_a_label() {
        for good in [
            "pc-102",
            "総務課の PC（２階）",
            "Hanako's tablet",
            "ﾏﾄﾞｸﾞﾁ #3",
            "第①会議室・ノート",
            "𠮷野家 髙橋﨑 々〆",
            "Ōsaka & Café",
            "ヴィラ〜ゝ",
        ] {
            assert_eq!(label(good).unwrap().as_str(), good);
        }
        assert_eq!(label("  pc  ").unwrap().as_str(), "pc");
        assert_eq!(label("\u{3000}税務課\u{3000}窓口").unwrap().as_str(), "税務課 窓口");
    }

    #[test]
    fn a_label_has_a_length_and_one_line() {
        assert!(label(&"字".repeat(limits::WEB_LABEL)).is_ok());
        for bad in ["", "  ", "\u{3000}", "a\nb", "a\tb", "\u{1b}[2J", &"字".repeat(limits::WEB_LABEL + 1)] {
            assert!(label(bad).is_err(), "{bad:?}");
        }
    }

    /// Whether a character could mislead whoever reads a line with it; from the standard's blocks, not from our list.
    fn misleads(character: char) -> bool {
        let quotes =
            matches!(character, '"' | '`' | '\\' | '´' | '“'..='‟' | '″'..='‷' | '〝'..='〟' | '＂' | '｀' | '＼');
        let to_the_left = matches!(character,
            '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}');
        let shows_nothing = matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{2800}' | '\u{3000}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}');
        let joins = matches!(character,
            '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
            | '\u{302a}'..='\u{302f}' | '\u{3099}'..='\u{309a}' | '\u{fe20}'..='\u{fe2f}');
        let space = character.is_whitespace() && character != ' ';
        quotes || to_the_left || shows_nothing || joins || space || character.is_control()
    }

    #[test]
    fn no_character_that_misleads_is_in_a_label() {
        let wrong: Vec<_> =
            ('\0'..=char::MAX).filter(|character| is_plain(*character) && misleads(*character)).collect();
        assert_eq!(wrong, []);
    }

    #[test]
    fn a_label_that_an_older_host_took_is_still_read() {
        let stored = |text: &str| serde_json::from_str::<Label>(text).unwrap();
        assert_eq!(stored(r#""a\"b?\u05d0""#).as_str(), "a_b__");
        assert_eq!(stored(r#""総務課 PC""#).as_str(), "総務課 PC");
    }

    proptest! {
        #[test]
        fn whatever_is_a_label_stays_between_its_quotes_and_is_the_same_when_it_is_read_again(
            before in "[ -~ぁ-ヿ一-龠]{0,12}", odd in any::<char>(), after in "[ -~ぁ-ヿ一-龠]{0,12}"
        ) {
            if let Ok(label) = Label::try_from(format!("{before}{odd}{after}")) {
                prop_assert!(!label.as_str().chars().any(misleads), "{label:?}");
                prop_assert!((1..=limits::WEB_LABEL).contains(&label.as_str().chars().count()));
                prop_assert_eq!(Label::try_from(label.to_string()).unwrap(), label.clone());
                let stored = serde_json::to_string(&label).unwrap();
                prop_assert_eq!(serde_json::from_str::<Label>(&stored).unwrap(), label);
            }
        }
    }
}
