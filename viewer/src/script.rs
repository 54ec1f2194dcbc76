//! The small language of `--input`: what a person would do, one step after another.
//!
//! Owns the grammar and nothing else: a script is checked whole before its first step runs, and every mistake names its
//! line and column. Steps are separated by line breaks or `;`, and `#` begins a comment.
//!
//! | step | does |
//! |---|---|
//! | `type "text"` | types it: ASCII by physical keys, all else as committed text; `\n`, `\t`, `\"`, `\\`, `\u{65e5}` are known |
//! | `key Ctrl+L` | presses and releases a key, with others held |
//! | `click X Y [right\|middle\|double]` | moves there and clicks; pixels of the canvas |
//! | `move X Y` | moves the pointer |
//! | `drag X1 Y1 X2 Y2` | presses the left button, moves in steps, releases |
//! | `scroll X Y NOTCHES` | turns the wheel there; positive scrolls down; fractions are smooth |
//! | `wait quiet [MS]` | until the picture rested for MS milliseconds (400); a caret may blink, a video may play |
//! | `wait change` | until the picture changed after the last step that sent input |
//! | `resize W H [SCALE]` | gives the picture another size in pixels, and scale (1 to 3) |
//! | `screenshot FILE` | writes the main canvas as PNG |
//!
//! ```
//! use shoji_viewer::{keys::Layout, script::parse};
//! let script = parse("click 40 60; type \"東京\\n\"; wait quiet", Layout::Jp).unwrap();
//! assert_eq!(script.len(), 3);
//! assert_eq!(parse("key Hyper", Layout::Jp).unwrap_err().to_string(), "line 1, column 5: `Hyper` is no key; write it like Enter, F5 or Ctrl+L");
//! ```

use std::{fmt, path::PathBuf, time::Duration};

use crate::{
    keys::{self, Layout},
    texts::{Language, Text},
};

/// A script longer than this is not typed by a person, nor needed by a test.
pub const MAX_SCRIPT: usize = 256 * 1024;

/// The longest wait for quiet: longer than any page needs to rest, shorter than anybody's patience.
const MAX_QUIET: u64 = 60_000;

/// Beyond the largest canvas on either axis.
const MAX_PIXELS: f64 = 8192.0;

/// Pause that counts as quiet when the script names none: longer than the 120 ms of Chromium's usual animations and
/// than the codec's refinement, shorter than a caret's blink (500 ms).
const QUIET: Duration = Duration::from_millis(400);

/// How to click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Click {
    /// Left button, once.
    Left,
    /// Right button, once.
    Right,
    /// Middle button, once.
    Middle,
    /// Left button, twice.
    Double,
}

/// A place on the canvas, in physical pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// From the left edge.
    pub x: f64,
    /// From the top edge.
    pub y: f64,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Types text.
    Type(String),
    /// Presses the keys (evdev numbers) in order and releases them in the opposite order.
    Key(Vec<u16>),
    /// Clicks.
    Click(Point, Click),
    /// Moves the pointer.
    Move(Point),
    /// Drags with the left button.
    Drag(Point, Point),
    /// Turns the wheel by notches, positive down.
    Scroll(Point, f64),
    /// Waits until no update came for this long.
    WaitQuiet(Duration),
    /// Waits for a change of the picture.
    WaitChange,
    /// Asks for another picture size (physical pixels) and perhaps scale.
    Resize(u16, u16, Option<f64>),
    /// Writes the main canvas to a file.
    Screenshot(PathBuf),
}

/// A step and where it stands in the script.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What to do.
    pub step: Step,
    /// Line of its first character, from 1.
    pub line: usize,
    /// Column of its first character, from 1, counted in characters.
    pub column: usize,
}

/// A mistake in a script, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, counted in characters.
    pub column: usize,
    /// What is wrong.
    pub what: Mistake,
}

/// The kinds of mistakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// The first word of a step is unknown.
    Step(String),
    /// A step lacks an argument.
    Expected(Text),
    /// A key name is unknown.
    Key(String),
    /// A number is not one, or is out of range.
    Number(String, Text),
    /// More words than the step takes.
    TooMuch(String),
    /// A text without its closing quotation mark.
    OpenText,
    /// A backslash with something unknown after it.
    Escape,
    /// The whole is too long.
    TooLong,
}

impl Error {
    /// The sentence in a language.
    #[must_use]
    pub fn in_language(&self, language: Language) -> String {
        at_place(self.line, self.column, &self.what.in_language(language), language)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_language(Language::En))
    }
}

impl std::error::Error for Error {}

impl Mistake {
    fn in_language(&self, language: Language) -> String {
        let say = |text: Text, values: &[(&str, &str)]| text.with(language, values);
        match self {
            Self::Step(word) => say(Text::ScriptStep, &[("word", word)]),
            Self::Expected(what) => say(Text::ScriptExpected, &[("what", what.in_language(language))]),
            Self::Key(word) => say(Text::ScriptKey, &[("word", word)]),
            Self::Number(word, what) => {
                say(Text::ScriptNumber, &[("word", word), ("what", what.in_language(language))])
            }
            Self::TooMuch(word) => say(Text::ScriptTooMuch, &[("word", word)]),
            Self::OpenText => say(Text::ScriptOpenText, &[]),
            Self::Escape => say(Text::ScriptEscape, &[]),
            Self::TooLong => say(Text::ScriptTooLong, &[("bytes", &MAX_SCRIPT.to_string())]),
        }
    }
}

/// What happened at a place of a script.
pub(crate) fn at_place(line: usize, column: usize, what: &str, language: Language) -> String {
    let (line, column) = (line.to_string(), column.to_string());
    Text::ScriptPlace.with(language, &[("line", &line), ("column", &column), ("what", what)])
}

#[derive(Debug)]
struct Word {
    text: String,
    quoted: bool,
    line: usize,
    column: usize,
}

/// Checks and parses a whole script.
///
/// # Errors
/// The first mistake, with its place.
pub fn parse(script: &str, layout: Layout) -> Result<Vec<Line>, Error> {
    if script.len() > MAX_SCRIPT {
        return Err(Error { line: 1, column: 1, what: Mistake::TooLong });
    }
    split(script)?.iter().map(|words| step(words, layout)).collect()
}

/// Cuts the script into steps and these into words.
fn split(script: &str) -> Result<Vec<Vec<Word>>, Error> {
    let mut steps: Vec<Vec<Word>> = vec![Vec::new()];
    let (mut line, mut column) = (1, 0);
    let mut chars = script.chars().peekable();
    let mut glued = false;
    while let Some(char) = chars.next() {
        column += 1;
        match char {
            '\n' | ';' => {
                steps.push(Vec::new());
                glued = false;
                if char == '\n' {
                    (line, column) = (line + 1, 0);
                }
            }
            '#' if !glued => {
                while chars.next_if(|&next| next != '\n').is_some() {
                    column += 1;
                }
            }
            '"' if !glued => {
                let (start, at) = (line, column);
                let mut text = String::new();
                loop {
                    let Some(next) = chars.next() else {
                        return Err(Error { line: start, column: at, what: Mistake::OpenText });
                    };
                    column += 1;
                    match next {
                        '"' => break,
                        '\n' => {
                            (line, column) = (line + 1, 0);
                            text.push('\n');
                        }
                        '\\' => {
                            let escape = Error { line, column, what: Mistake::Escape };
                            let next = chars.next().ok_or(escape.clone())?;
                            column += 1;
                            match next {
                                'n' => text.push('\n'),
                                't' => text.push('\t'),
                                '"' | '\\' => text.push(next),
                                'u' => {
                                    let mut digits = String::new();
                                    if chars.next_if_eq(&'{').is_none() {
                                        return Err(escape);
                                    }
                                    while let Some(digit) = chars.next_if(char::is_ascii_hexdigit) {
                                        digits.push(digit);
                                    }
                                    let value = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                                    match (chars.next_if_eq(&'}'), value) {
                                        (Some(_), Some(value)) => text.push(value),
                                        _ => return Err(escape),
                                    }
                                    column += digits.len() + 2;
                                }
                                _ => return Err(escape),
                            }
                        }
                        _ => text.push(next),
                    }
                }
                push(&mut steps, Word { text, quoted: true, line: start, column: at });
            }
            _ if char.is_whitespace() => glued = false,
            _ if glued => {
                if let Some(word) = steps.last_mut().and_then(|step| step.last_mut()) {
                    word.text.push(char);
                }
            }
            _ => {
                glued = true;
                push(&mut steps, Word { text: char.to_string(), quoted: false, line, column });
            }
        }
    }
    steps.retain(|step| !step.is_empty());
    Ok(steps)
}

fn push(steps: &mut [Vec<Word>], word: Word) {
    steps.last_mut().expect("the list begins with one step and only grows").push(word);
}

/// The words of one step that are not yet used.
struct Rest<'a> {
    words: std::slice::Iter<'a, Word>,
    last: &'a Word,
}

impl<'a> Rest<'a> {
    fn take(&mut self, expected: Text) -> Result<&'a Word, Error> {
        let word = self.words.next().ok_or_else(|| {
            let last = self.last;
            let width = last.text.chars().count() + 1;
            Error { line: last.line, column: last.column + width, what: Mistake::Expected(expected) }
        })?;
        self.last = word;
        Ok(word)
    }

    fn number(&mut self, expected: Text, range: std::ops::RangeInclusive<f64>) -> Result<f64, Error> {
        let word = self.take(expected)?;
        match word.text.parse::<f64>() {
            Ok(number) if !word.quoted && range.contains(&number) => Ok(number),
            _ => Err(word.wrong(Mistake::Number(word.text.clone(), expected))),
        }
    }

    fn point(&mut self) -> Result<Point, Error> {
        let range = 0.0..=MAX_PIXELS;
        Ok(Point { x: self.number(Text::WantsPlace, range.clone())?, y: self.number(Text::WantsPlace, range)? })
    }

    /// Whole pixels within the protocol's widest range; the host's minimum is applied when the step runs.
    fn pixels(&mut self, expected: Text) -> Result<u16, Error> {
        let number = self.number(expected, 1.0..=MAX_PIXELS)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within 1 to 8192 by the check above"
        )]
        let whole = number.round() as u16;
        Ok(whole)
    }

    fn peek(&self) -> Option<&'a Word> {
        self.words.as_slice().first()
    }
}

impl Word {
    fn wrong(&self, what: Mistake) -> Error {
        Error { line: self.line, column: self.column, what }
    }
}

fn step(words: &[Word], layout: Layout) -> Result<Line, Error> {
    let first = words.first().expect("empty steps were left out");
    let mut rest = Rest { words: words[1..].iter(), last: first };
    let unknown = || first.wrong(Mistake::Step(first.text.clone()));
    if first.quoted {
        return Err(unknown());
    }
    let step = match first.text.as_str() {
        "type" => {
            let word = rest.take(Text::WantsText)?;
            if !word.quoted {
                return Err(word.wrong(Mistake::Expected(Text::WantsText)));
            }
            Step::Type(word.text.clone())
        }
        "key" => Step::Key(chord(rest.take(Text::WantsKey)?, layout)?),
        "click" => {
            let point = rest.point()?;
            let click = match rest.peek().map(|word| word.text.as_str()) {
                Some("right") => Click::Right,
                Some("middle") => Click::Middle,
                Some("double") => Click::Double,
                _ => Click::Left,
            };
            if click != Click::Left {
                rest.take(Text::WantsButton)?;
            }
            Step::Click(point, click)
        }
        "move" => Step::Move(rest.point()?),
        "drag" => Step::Drag(rest.point()?, rest.point()?),
        "scroll" => Step::Scroll(rest.point()?, rest.number(Text::WantsNotches, -1000.0..=1000.0)?),
        "wait" => {
            let word = rest.take(Text::WantsQuietOrChange)?;
            match word.text.as_str() {
                "change" => Step::WaitChange,
                "quiet" if rest.peek().is_some() => {
                    #[expect(clippy::cast_precision_loss, reason = "60,000 is exact")]
                    let most = MAX_QUIET as f64;
                    let ms = rest.number(Text::WantsMilliseconds, 1.0..=most)?;
                    Step::WaitQuiet(Duration::from_secs_f64(ms / 1000.0))
                }
                "quiet" => Step::WaitQuiet(QUIET),
                _ => return Err(word.wrong(Mistake::Expected(Text::WantsQuietOrChange))),
            }
        }
        "resize" => {
            let (width, height) = (rest.pixels(Text::WantsWidth)?, rest.pixels(Text::WantsHeight)?);
            let scale = match rest.peek() {
                Some(_) => Some(rest.number(Text::WantsScale, 1.0..=3.0)?),
                None => None,
            };
            Step::Resize(width, height, scale)
        }
        "screenshot" => Step::Screenshot(PathBuf::from(&rest.take(Text::WantsFile)?.text)),
        _ => return Err(unknown()),
    };
    match rest.peek() {
        Some(word) => Err(word.wrong(Mistake::TooMuch(word.text.clone()))),
        None => Ok(Line { step, line: first.line, column: first.column }),
    }
}

/// `Ctrl+Shift+T`; a lone `+` is the plus key, and so is the last one of `Ctrl++`.
fn chord(word: &Word, layout: Layout) -> Result<Vec<u16>, Error> {
    let mut codes = Vec::new();
    let mut rest = word.text.as_str();
    let mut column = word.column;
    loop {
        let end = rest.char_indices().skip(1).find(|&(_, char)| char == '+').map_or(rest.len(), |(at, _)| at);
        let name = &rest[..end];
        let wrong = || Error { line: word.line, column, what: Mistake::Key(name.to_owned()) };
        codes.push(keys::by_name(name, layout).ok_or_else(wrong)?);
        if end == rest.len() {
            return Ok(codes);
        }
        column += name.chars().count() + 1;
        rest = &rest[end + 1..];
        if rest.is_empty() {
            return Err(Error { line: word.line, column, what: Mistake::Expected(Text::WantsMoreKey) });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn steps(script: &str) -> Vec<Step> {
        parse(script, Layout::Us).expect(script).into_iter().map(|line| line.step).collect()
    }

    fn mistake(script: &str) -> String {
        parse(script, Layout::Us).expect_err(script).to_string()
    }

    #[test]
    fn every_step_of_the_table_is_understood() {
        let at = |x, y| Point { x, y };
        assert_eq!(
            steps(
                "# greets\ntype \"a\\\"日\\u{672c}\\n\"\nkey Ctrl+Shift+T; key Enter # and on\n\nclick 1 2\n\
                 click 1 2 right\nclick 1 2.5 double\nmove 3 4\ndrag 1 2 3 4\nscroll 5 6 -1.5\nwait quiet\n\
                 wait quiet 50\nwait change\nresize 800 600 1.5\nresize 800 600\nscreenshot \"my file.png\"\nkey Ctrl++"
            ),
            vec![
                Step::Type("a\"日本\n".into()),
                Step::Key(vec![29, 42, 20]),
                Step::Key(vec![28]),
                Step::Click(at(1.0, 2.0), Click::Left),
                Step::Click(at(1.0, 2.0), Click::Right),
                Step::Click(at(1.0, 2.5), Click::Double),
                Step::Move(at(3.0, 4.0)),
                Step::Drag(at(1.0, 2.0), at(3.0, 4.0)),
                Step::Scroll(at(5.0, 6.0), -1.5),
                Step::WaitQuiet(QUIET),
                Step::WaitQuiet(Duration::from_millis(50)),
                Step::WaitChange,
                Step::Resize(800, 600, Some(1.5)),
                Step::Resize(800, 600, None),
                Step::Screenshot("my file.png".into()),
                Step::Key(vec![29, 13]),
            ]
        );
    }

    #[test]
    fn mistakes_name_their_line_and_column() {
        assert!(mistake("key Enter\n  tpye \"x\"").starts_with("line 2, column 3: `tpye` is no step"));
        assert_eq!(mistake("key Ctrl+Foo"), "line 1, column 10: `Foo` is no key; write it like Enter, F5 or Ctrl+L");
        assert_eq!(mistake("key Ctrl+"), "line 1, column 10: expected a key after `+`");
        assert_eq!(mistake("click 1"), "line 1, column 9: expected a place in pixels, X and Y");
        assert_eq!(mistake("click 1 nan"), "line 1, column 9: `nan` is not a place in pixels, X and Y");
        assert_eq!(mistake("move 1 -2"), "line 1, column 8: `-2` is not a place in pixels, X and Y");
        assert_eq!(mistake("type x"), "line 1, column 6: expected a text in quotation marks");
        assert_eq!(mistake("\ntype \"日\n本"), "line 2, column 6: the text does not end: a quotation mark is missing");
        assert!(mistake("type \"日本\\q\"").starts_with("line 1, column 9: unknown escape"));
        assert!(mistake("wait change now").starts_with("line 1, column 13: `now` is too much here; begin"));
        assert_eq!(mistake("resize 800 600 9"), "line 1, column 16: `9` is not a scale from 1 to 3");
        assert!(mistake(&"#".repeat(MAX_SCRIPT + 1)).contains("longer"));
    }

    proptest! {
        #[test]
        fn any_text_can_be_typed_when_quoted(text in any::<String>()) {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(steps(&format!("type \"{quoted}\"")), vec![Step::Type(text)]);
        }

        #[test]
        fn no_script_makes_the_parser_panic_and_every_mistake_lies_inside(script in "[a-z\"\\\\#; \n0-9+日{}.-]{0,80}") {
            if let Err(error) = parse(&script, Layout::Jp) {
                prop_assert!(error.line >= 1 && error.line <= script.lines().count().max(1) + 1);
                prop_assert!(error.column >= 1);
            }
        }

        #[test]
        fn real_steps_with_random_arguments_never_panic(
            word in "type|key|click|move|drag|scroll|wait|resize|screenshot",
            arguments in proptest::collection::vec("[0-9]{1,4}|Ctrl|\\+|Enter|quiet|change|\"x\"|right|-1|1e9", 0..6),
        ) {
            let _ = parse(&format!("{word} {}", arguments.join(" ")), Layout::Us);
        }
    }
}
