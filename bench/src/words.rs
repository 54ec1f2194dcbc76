//! Owns the bench's words in Japanese and English. Must never decide anything but words.

use crate::ArmName;
use crate::cli::Viewer;
use crate::page::Mode;
use crate::trace::Stage;
use crate::verdict::Outcome;

/// The same thing in Japanese and in English.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text(pub &'static str, pub &'static str);

/// The language of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Language {
    /// 日本語
    Ja,
    /// English
    #[default]
    En,
}

impl Language {
    /// The language of a locale such as `ja_JP.UTF-8`.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        if locale.starts_with("ja") { Self::Ja } else { Self::En }
    }

    /// The language that the environment asks for, by the usual order of variables.
    #[must_use]
    pub fn of_environment() -> Self {
        let first = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|value| !value.is_empty());
        first.map_or_else(Self::default, |locale| Self::of_locale(&locale))
    }

    /// A text in this language.
    #[must_use]
    pub fn say(self, text: Text) -> &'static str {
        match self {
            Self::Ja => text.0,
            Self::En => text.1,
        }
    }
}

/// What a scene is.
#[must_use]
pub fn scene(mode: Mode) -> Text {
    match mode {
        Mode::Still => Text("静止", "still"),
        Mode::Key => Text("キー", "key"),
        Mode::Typing => Text("文字入力", "typing"),
        Mode::Page => Text("ページ", "page"),
        Mode::Scroll => Text("スクロール", "scroll"),
        Mode::Animation => Text("アニメーション", "animation"),
        Mode::Caret => Text("カーソル点滅", "caret"),
    }
}

/// What an arm is.
#[must_use]
pub fn arm(arm: ArmName) -> Text {
    match arm {
        ArmName::Floor => Text("下限", "floor"),
        ArmName::Whole => Text("全体", "whole"),
        ArmName::Window => Text("ウィンドウ", "window"),
        ArmName::Web => Text("Web ビューアー", "web viewer"),
        ArmName::Gate => Text("ゲート (検査)", "gate, checks"),
        ArmName::Pixels => Text("ゲート (画素)", "gate, pixels"),
    }
}

/// What a viewer is.
#[must_use]
pub fn viewer(viewer: Viewer) -> Text {
    match viewer {
        Viewer::Native => Text("ネイティブ", "native"),
        Viewer::Web => Text("Web ビューアー (ブラウザ)", "web viewer (a browser)"),
    }
}

/// What a stage is.
#[must_use]
pub fn stage(stage: Stage) -> Text {
    match stage {
        Stage::Supervisor => Text("入力→監督", "input→supervisor"),
        Stage::Worker => Text("→ワーカー", "→worker"),
        Stage::Browser => Text("ブラウザ", "browser"),
        Stage::Compose => Text("合成", "compose"),
        Stage::Encode => Text("符号化", "encode"),
        Stage::Relay => Text("中継", "relay"),
        Stage::Network => Text("ネットワーク", "network"),
        Stage::Decode => Text("復号", "decode"),
        Stage::Present => Text("表示", "present"),
    }
}

/// How a figure stands.
#[must_use]
pub fn outcome(outcome: Outcome) -> Text {
    match outcome {
        Outcome::Stretch => Text("◎ 達成 (高い目標)", "met (stretch)"),
        Outcome::Reached => Text("○ 達成", "met"),
        Outcome::Missed => Text("× 未達", "missed"),
        Outcome::Disturbed => Text("！ 他の負荷で判定できません", "no verdict: other work"),
        Outcome::NotMeasured => Text("－ 未計測", "not measured"),
    }
}

/// How many columns of a terminal a text takes: Japanese characters take two.
#[must_use]
pub fn columns(text: &str) -> usize {
    text.chars().map(|character| if wide(character) { 2 } else { 1 }).sum()
}

fn wide(character: char) -> bool {
    matches!(u32::from(character), 0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe4f | 0xff00..=0xff60 | 0xffe0..=0xffe6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_japanese_locale_speaks_japanese_and_any_other_english() {
        assert_eq!(Language::of_locale("ja_JP.UTF-8"), Language::Ja);
        assert_eq!(Language::of_locale("C.utf8"), Language::En);
    }

    #[test]
    fn japanese_characters_take_two_columns() {
        assert_eq!(columns("キー key"), 8);
    }
}
