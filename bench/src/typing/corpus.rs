//! Owns what is typed: reads the corpus and derives every step of every composition. Must never play anything.
//!
//! The text's own head says how it is written. Each step is one key of a person; what the field must show after it is known.

use super::keyboard;
use super::romaji::Reading;

/// The corpus that is part of the program.
const MUNICIPAL: &str = include_str!("../../typing/municipal.txt");

/// The most that one composition or commit may hold: what the protocol lets through.
const MOST_BYTES: usize = 768;

/// What one key of a person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The input method shows this; empty: it shows nothing any more. The places are bytes.
    Compose {
        /// What is composed.
        text: String,
        /// The clause that is being converted; both the same: the caret.
        clause: (usize, usize),
    },
    /// The input method gives this, in the place of what it showed.
    Commit(String),
    /// A key without an input method.
    Key(char),
    /// The Enter key.
    Enter,
    /// The Backspace key.
    Backspace,
}

/// One key, and what the field holds after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// Everything committed so far.
    pub committed: usize,
    /// Everything that the field shows: what is committed and what is composed.
    pub shown: String,
}

/// Everything that is typed, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Corpus {
    /// The keys.
    pub steps: Vec<Step>,
    /// What must be in the field at the end.
    pub text: String,
}

/// A line that is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the corpus: {what}")]
pub struct Mistake {
    line: usize,
    what: String,
}

impl Corpus {
    /// The corpus that is part of the program.
    ///
    /// # Panics
    /// Never: a test reads it.
    #[must_use]
    pub fn municipal() -> Self {
        Self::parse(MUNICIPAL).expect("the program's own corpus is sound")
    }

    /// Reads a corpus.
    ///
    /// # Errors
    /// Names the first line that is none, and why.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let mut corpus = Self::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            corpus.line(line).map_err(|what| Mistake { line: at + 1, what })?;
        }
        Ok(corpus)
    }

    /// The beginning: whole lines of the corpus, until at least so many characters are committed.
    #[must_use]
    pub fn beginning(mut self, characters: usize) -> Self {
        let is_rest = |step: &Step| step.shown.len() == step.committed;
        let enough = |step: &Step| is_rest(step) && step.shown.chars().count() >= characters;
        if let Some(last) = self.steps.iter().position(enough) {
            self.steps.truncate(last + 1);
            self.text = self.steps[last].shown.clone();
        }
        self
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "write" => {
                let (keys, kana, candidates) = composition(rest)?;
                let (kana, _) = self.compose(keys, kana)?;
                let mut last = kana;
                for candidate in candidates {
                    let (text, clause) = clause(candidate)?;
                    self.shows(&text, clause)?;
                    last = text;
                }
                self.commit(&last)
            }
            "drop" => {
                let (keys, kana, candidates) = composition(rest)?;
                if !candidates.is_empty() {
                    return Err("what is given up has no candidates".to_owned());
                }
                self.compose(keys, kana)?;
                self.shows("", (0, 0))
            }
            "put" if !rest.is_empty() => self.commit(rest),
            "keys" if !rest.is_empty() => rest.chars().try_for_each(|key| {
                if keyboard::stroke(key).is_none() {
                    return Err(format!("a Japanese keyboard has no key for '{key}'"));
                }
                self.text.push(key);
                self.step(Action::Key(key), "");
                Ok(())
            }),
            "enter" if rest.is_empty() => {
                self.text.push('\n');
                self.step(Action::Enter, "");
                Ok(())
            }
            "back" => {
                let times: usize = rest.parse().map_err(|_| "write how often, for example `back 2`".to_owned())?;
                (0..times).try_for_each(|_| self.backspace())
            }
            other => Err(format!("'{other}' is none of write, drop, put, keys, enter and back, or lacks its text")),
        }
    }

    /// The steps of typing a reading. Gives the kana.
    fn compose(&mut self, keys: &str, kana: &str) -> Result<(String, usize), String> {
        let mut reading = Reading::default();
        for key in keys.chars() {
            if !reading.key(key) {
                return Err(format!("an input method has no use for the key '{key}'"));
            }
            let (text, caret) = reading.shown();
            self.shows(&text, (caret, caret))?;
        }
        let made = reading.finished();
        if made == kana {
            Ok((made, keys.len()))
        } else {
            Err(format!("the keys '{keys}' make '{made}', not '{kana}'"))
        }
    }

    fn shows(&mut self, text: &str, clause: (usize, usize)) -> Result<(), String> {
        bounded(text)?;
        self.step(Action::Compose { text: text.to_owned(), clause }, text);
        Ok(())
    }

    fn commit(&mut self, text: &str) -> Result<(), String> {
        bounded(text)?;
        self.text.push_str(text);
        self.step(Action::Commit(text.to_owned()), "");
        Ok(())
    }

    fn backspace(&mut self) -> Result<(), String> {
        // What a browser takes away at once of signs that are joined is its own affair.
        match self.text.chars().next_back() {
            Some(last) if last.is_ascii_graphic() || ('ぁ'..='龠').contains(&last) => {
                self.text.pop();
                self.step(Action::Backspace, "");
                Ok(())
            }
            _ => Err("only ASCII, kana and kanji may be taken back".to_owned()),
        }
    }

    fn step(&mut self, action: Action, composed: &str) {
        self.steps.push(Step { action, committed: self.text.len(), shown: format!("{}{composed}", self.text) });
    }
}

fn bounded(text: &str) -> Result<(), String> {
    if text.len() <= MOST_BYTES { Ok(()) } else { Err(format!("more than {MOST_BYTES} bytes at once")) }
}

/// `KEYS = KANA > CANDIDATE > …`
fn composition(rest: &str) -> Result<(&str, &str, Vec<&str>), String> {
    let form = || "write KEYS = KANA, and candidates after `>`".to_owned();
    let (keys, rest) = rest.split_once(" = ").ok_or_else(form)?;
    let mut parts = rest.split(" > ");
    let kana = parts.next().ok_or_else(form)?;
    let candidates: Vec<&str> = parts.collect();
    let is_whole = !keys.is_empty() && !kana.is_empty() && candidates.iter().all(|candidate| !candidate.is_empty());
    if is_whole { Ok((keys, kana, candidates)) } else { Err(form()) }
}

/// A candidate without its brackets, and the bytes of the clause between them; without brackets, the whole.
fn clause(candidate: &str) -> Result<(String, (usize, usize)), String> {
    const BRACKET: usize = '【'.len_utf8();
    let text: String = candidate.chars().filter(|sign| !matches!(sign, '【' | '】')).collect();
    let marks = (candidate.matches('【').count(), candidate.matches('】').count());
    match (marks, candidate.find('【'), candidate.find('】')) {
        ((0, 0), ..) => {
            let whole = (0, text.len());
            Ok((text, whole))
        }
        ((1, 1), Some(from), Some(to)) if from + BRACKET < to => Ok((text, (from, to - BRACKET))),
        _ => Err(format!("'{candidate}' marks no clause: one 【 before and one 】 after some text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> String {
        Corpus::parse(text).expect_err("it is none").to_string()
    }

    #[test]
    fn every_composition_ends_as_its_commit_or_as_nothing() {
        let corpus = Corpus::municipal();
        let mut composed = String::new();
        for step in &corpus.steps {
            match &step.action {
                Action::Compose { text, clause } => {
                    composed.clone_from(text);
                    assert!(text.is_char_boundary(clause.0) && text.is_char_boundary(clause.1), "{step:?}");
                }
                Action::Commit(text) => {
                    assert!(composed.is_empty() || composed == *text || is_reading_of(&composed, text), "{step:?}");
                    composed.clear();
                }
                _ => assert!(composed.is_empty(), "a key while something is composed: {step:?}"),
            }
        }
        assert_eq!(composed, "");
        assert_eq!(corpus.steps.last().map(|step| step.shown.as_str()), Some(corpus.text.as_str()));
    }

    /// A waiting `ｎ` is ん once it is committed.
    fn is_reading_of(composed: &str, committed: &str) -> bool {
        composed.strip_suffix('ｎ').is_some_and(|head| format!("{head}ん") == *committed)
    }

    #[test]
    fn the_corpus_has_every_kind_of_hard_character() {
        let corpus = Corpus::municipal();
        for hard in [
            "𠮷野家",
            "👨\u{200d}👩\u{200d}👧\u{200d}👦",
            "🏴\u{e0067}",
            "か\u{309a}",
            "ﾊﾝｶｸ",
            "葛\u{e0100}",
            "e\u{301}",
            "𩸽",
            "住民票",
            "\n",
            "10%",
        ] {
            assert!(corpus.text.contains(hard), "{hard}");
        }
        let is_given_up = |step: &Step| matches!(&step.action, Action::Compose { text, .. } if text.is_empty());
        assert!(corpus.steps.iter().any(is_given_up));
        assert!(corpus.steps.iter().any(|step| step.action == Action::Backspace));
        assert!(corpus.text.chars().count() > 200, "{}", corpus.text.chars().count());
    }

    #[test]
    fn steps_show_what_is_committed_and_what_is_composed() {
        let corpus = Corpus::parse("keys a\nwrite ki = き > 木\nback 1").expect("it is sound");
        let shown: Vec<&str> = corpus.steps.iter().map(|step| step.shown.as_str()).collect();
        assert_eq!(shown, ["a", "aｋ", "aき", "a木", "a木", "a"]);
        assert_eq!(corpus.text, "a");
    }

    #[test]
    fn the_clause_being_converted_is_found_between_the_brackets() {
        assert_eq!(clause("住民票の【写し】を"), Ok(("住民票の写しを".to_owned(), (12, 18))));
        assert!(clause("】写し【").is_err() && clause("【【写し】").is_err() && clause("【】").is_err());
    }

    #[test]
    fn the_beginning_ends_with_a_commit() {
        let corpus = Corpus::municipal().beginning(30);
        let last = corpus.steps.last().expect("there are steps");
        assert_eq!((last.committed, &last.shown), (corpus.text.len(), &corpus.text));
        assert!((30..50).contains(&corpus.text.chars().count()), "{}", corpus.text);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        assert_eq!(mistake("# note\nwrite ki = く"), "line 2 of the corpus: the keys 'ki' make 'き', not 'く'");
        assert!(mistake("say hello").contains("'say' is none of write"));
        assert!(mistake("write ki").contains("KEYS = KANA"));
        assert!(mistake("write K = か").contains("no use for the key 'K'"));
        assert!(mistake("keys あ").contains("no key for 'あ'"));
        assert!(mistake("back x").contains("how often"));
        assert!(mistake("put 👨\u{200d}👩\nback 1").starts_with("line 2"));
        assert!(mistake(&format!("put {}", "字".repeat(300))).contains("768 bytes"));
    }
}
