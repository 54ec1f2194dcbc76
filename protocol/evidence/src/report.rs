//! What a doctor found, and how it is printed: text, JSON, HTML, in Japanese and English.
//!
//! Owns the shape of a report and the items of the guideline that its lines are evidence for. It must never claim conformity:
//! a line says what was found, and what was not looked at is [`Status::NotChecked`], which is not the same as fine.

use core::fmt::{self, Write as _};

use serde::Serialize;

use crate::{calendar, html};

/// The guideline, as its publisher calls it.
pub(crate) const GUIDELINE: Words = Words {
    ja: "総務省「地方公共団体における情報セキュリティポリシーに関するガイドライン」",
    en: "the Guidelines for Information Security Policy in Local Governments (Ministry of Internal Affairs and Communications of Japan)",
};

/// What every report says about itself.
pub(crate) const CAVEAT: Words = Words {
    ja: "各行は、そのとき、このマシンから確かめられたことだけを示します。ガイドラインへの適合を証明するものではありません。「未確認」は、問題がないという意味ではありません。",
    en: "Each line says what could be seen from this machine at that time. It does not prove conformity with the guideline. \
         \"Not checked\" does not mean that there is no problem.",
};

/// A language that reports are printed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Japanese.
    Ja,
    /// English.
    En,
}

/// Fixed words in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) ja: &'static str,
    pub(crate) en: &'static str,
}

impl Words {
    pub(crate) fn of(self, language: Language) -> &'static str {
        match language {
            Language::Ja => self.ja,
            Language::En => self.en,
        }
    }
}

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Text {
    /// In Japanese.
    pub ja: String,
    /// In English.
    pub en: String,
}

impl Text {
    /// The same thing said twice.
    pub fn new(ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self { ja: ja.into(), en: en.into() }
    }

    pub(crate) fn of(&self, language: Language) -> &str {
        match language {
            Language::Ja => &self.ja,
            Language::En => &self.en,
        }
    }
}

/// What became of one check. In the order of urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is not as it has to be.
    Wrong,
    /// It works, and somebody should look at it.
    Attention,
    /// It could not be checked, or nobody asked for it.
    NotChecked,
    /// It was checked and is as it has to be.
    Fine,
}

impl Status {
    pub(crate) const ALL: [Self; 4] = [Self::Wrong, Self::Attention, Self::NotChecked, Self::Fine];

    pub(crate) fn words(self) -> Words {
        match self {
            Self::Wrong => Words { ja: "問題", en: "wrong" },
            Self::Attention => Words { ja: "注意", en: "attention" },
            Self::NotChecked => Words { ja: "未確認", en: "not checked" },
            Self::Fine => Words { ja: "良好", en: "fine" },
        }
    }
}

/// An item of the guideline that a line is evidence for. By name: the numbers differ between its editions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// The segments are apart.
    Separation,
    /// The picture alone crosses.
    ScreenTransfer,
    /// What crosses has been made harmless.
    Sanitized,
    /// Only approved devices connect.
    Devices,
    /// Logs are taken and can be relied upon.
    Logs,
    /// Routes and connections are controlled.
    Routes,
    /// Software is kept up to date, and faults in it are contained.
    Software,
}

impl Item {
    pub(crate) fn words(self) -> Words {
        match self {
            Self::Separation => Words {
                ja: "情報システム全体の強靭性の向上：LGWAN接続系とインターネット接続系の分割（三層の対策）",
                en: "resilience of the whole system: LGWAN and internet segments are apart (three-layer separation)",
            },
            Self::ScreenTransfer => Words {
                ja: "情報システム全体の強靭性の向上：画面転送",
                en: "resilience of the whole system: screen transfer",
            },
            Self::Sanitized => Words {
                ja: "情報システム全体の強靭性の向上：無害化通信",
                en: "resilience of the whole system: sanitized communication",
            },
            Self::Devices => Words {
                ja: "アクセス制御・端末の管理：許可された端末だけの接続（端末の承認）",
                en: "access control and devices: only approved devices connect",
            },
            Self::Logs => Words { ja: "ログの取得等", en: "logs" },
            Self::Routes => Words {
                ja: "ネットワークの接続制御、経路制御等",
                en: "control of network connections and routes",
            },
            Self::Software => Words {
                ja: "不正プログラム対策・セキュリティホールへの対応（ソフトウェアの更新）",
                en: "malware and security holes (software is kept up to date)",
            },
        }
    }
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A name that stays the same, for programs.
    pub id: &'static str,
    /// What became of it.
    pub status: Status,
    /// What was looked at.
    pub title: Text,
    /// What was found.
    pub found: Text,
    /// What to do next, where something is to be done.
    pub next: Option<Text>,
    /// What it is evidence for.
    pub evidence_for: Vec<Item>,
}

impl Finding {
    /// A line that needs nothing done.
    pub fn new(id: &'static str, status: Status, title: Text, found: Text, evidence_for: &[Item]) -> Self {
        Self { id, status, title, found, next: None, evidence_for: evidence_for.to_vec() }
    }

    /// With the next step.
    #[must_use]
    pub fn and_then(mut self, ja: impl Into<String>, en: impl Into<String>) -> Self {
        self.next = Some(Text::new(ja, en));
        self
    }
}

/// All that was found by one program on one machine at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The program that looked, such as `shoji-host`.
    pub program: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The machine's name.
    pub machine: String,
    /// When, seconds since 1970.
    pub at: u64,
    /// Lines, in the order in which they are best read.
    pub findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Json<'a> {
    /// Of this format.
    format: u32,
    guideline: &'static str,
    caveat: &'static str,
    is_wrong: bool,
    #[serde(flatten)]
    report: &'a Report,
    items: Vec<JsonItem>,
}

#[derive(Serialize)]
struct JsonItem {
    id: Item,
    ja: &'static str,
    en: &'static str,
}

impl Report {
    /// Whether anything is wrong: what the program's exit code says.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        self.count(Status::Wrong) > 0
    }

    /// How many lines have this status.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.findings.iter().filter(|finding| finding.status == status).count()
    }

    /// For programs: both languages, one object.
    #[must_use]
    pub fn json(&self) -> String {
        let mut items: Vec<JsonItem> = Vec::new();
        for id in self.findings.iter().flat_map(|finding| &finding.evidence_for) {
            if items.iter().all(|item| item.id != *id) {
                let Words { ja, en } = id.words();
                items.push(JsonItem { id: *id, ja, en });
            }
        }
        let json = Json {
            format: 1,
            guideline: GUIDELINE.ja,
            caveat: CAVEAT.en,
            is_wrong: self.is_wrong(),
            report: self,
            items,
        };
        let mut text = serde_json::to_string_pretty(&json).expect("words and numbers are valid JSON");
        text.push('\n');
        text
    }

    /// A page that needs nothing else, for people and for files of an audit.
    #[must_use]
    pub fn html(&self, language: Language) -> String {
        html::page(self, language)
    }

    /// For a terminal.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let mut text = String::new();
        self.write_text(&mut text, language).expect("a string takes everything");
        text
    }

    fn write_text(&self, to: &mut String, language: Language) -> fmt::Result {
        let words = |ja, en| Words { ja, en }.of(language);
        writeln!(
            to,
            "{}: {} {}, {}, {}",
            words("診断", "Report"),
            self.program,
            self.version,
            self.machine,
            calendar::minute(self.at)
        )?;
        writeln!(to, "{}\n", self.summary(language))?;
        for finding in &self.findings {
            writeln!(to, "[{}] {}", finding.status.words().of(language), finding.title.of(language))?;
            write_indented(to, finding.found.of(language))?;
            if let Some(next) = &finding.next {
                write_indented(to, &format!("{}: {}", words("次にすること", "Next step"), next.of(language)))?;
            }
            for item in &finding.evidence_for {
                write_indented(
                    to,
                    &format!("{}: {}", words("関連する項目", "Evidence for"), item.words().of(language)),
                )?;
            }
            writeln!(to)?;
        }
        writeln!(to, "{}: {}", words("項目の出典", "Items of"), GUIDELINE.of(language))?;
        writeln!(to, "{}", CAVEAT.of(language))
    }

    /// `問題 1、注意 0、未確認 2、良好 9`.
    pub(crate) fn summary(&self, language: Language) -> String {
        let count = |status: Status| format!("{} {}", status.words().of(language), self.count(status));
        Status::ALL.map(count).join(if language == Language::Ja { "、" } else { ", " })
    }
}

fn write_indented(to: &mut String, text: &str) -> fmt::Result {
    text.lines().try_for_each(|line| writeln!(to, "    {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            program: "shoji-host",
            version: "1.2.3",
            machine: "host-1".into(),
            at: 1_795_000_000,
            findings: vec![
                Finding::new(
                    "network",
                    Status::Wrong,
                    Text::new("ネットワークと宣言の一致", "The network is what was declared"),
                    Text::new("eth1 に <10.1.2.3> があります", "eth1 has <10.1.2.3>\nand more"),
                    &[Item::Separation, Item::Routes],
                )
                .and_then("接続を外してください", "Unplug it"),
                Finding::new(
                    "probes",
                    Status::NotChecked,
                    Text::new("到達してはならないアドレス", "Addresses that must not answer"),
                    Text::new("指定がありません", "None were named"),
                    &[Item::Separation],
                ),
                Finding::new(
                    "fonts",
                    Status::Fine,
                    Text::new("日本語フォント", "Japanese fonts"),
                    Text::new("あります", "There are some"),
                    &[],
                ),
            ],
        }
    }

    #[test]
    fn the_text_says_it_in_each_language() {
        insta::assert_snapshot!("text_ja", report().text(Language::Ja));
        insta::assert_snapshot!("text_en", report().text(Language::En));
    }

    #[test]
    fn the_json_holds_both_languages() {
        insta::assert_snapshot!("json", report().json());
    }

    #[test]
    fn the_page_says_it_in_each_language_and_needs_nothing_from_elsewhere() {
        for (name, language) in [("html_ja", Language::Ja), ("html_en", Language::En)] {
            let page = report().html(language);
            assert!(page.contains("&lt;10.1.2.3&gt;") && !page.contains("<10.1.2.3>"), "what was found is no markup");
            assert!(!page.contains("src=") && !page.contains("http") && !page.contains("<script"));
            insta::assert_snapshot!(name, page);
        }
    }

    #[test]
    fn what_was_not_checked_is_neither_wrong_nor_fine() {
        let mut report = report();
        report.findings.remove(0);
        assert!(!report.is_wrong());
        assert_eq!((report.count(Status::NotChecked), report.count(Status::Fine)), (1, 1));
    }
}
