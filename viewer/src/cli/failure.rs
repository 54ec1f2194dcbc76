//! Why the program ends without having done what it was asked, and how that is said.
//!
//! Owns the cases of the command line; the words themselves are in the catalogue. No sentence may hold the device's key
//! or what was typed.

use std::{io, path::PathBuf};

use crate::{
    headless::{RunError, WaitError},
    link, script,
    texts::{Language, Text, cause},
    window,
};

/// What went wrong.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody said which device file, and there is no folder to look in.
    NoFolder,
    /// A file could not be read.
    Read(PathBuf, io::Error),
    /// A file could not be written.
    Write(PathBuf, io::Error),
    /// The script cannot be played.
    Script(script::Error),
    /// A step of the script failed.
    Run(RunError),
    /// What was waited for did not come.
    Wait(WaitError),
    /// The window cannot be shown.
    Window(window::Error),
}

impl From<link::Error> for Failure {
    fn from(error: link::Error) -> Self {
        Self::Wait(WaitError::Ended(error))
    }
}

impl From<WaitError> for Failure {
    fn from(error: WaitError) -> Self {
        Self::Wait(error)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl Failure {
    /// The sentences for the person, with the next step; `host` is the one of the device file.
    pub(super) fn say(&self, language: Language, host: &str) -> String {
        let say = |text: Text, values: &[(&str, &str)]| format!("shoji-viewer: {}", text.with(language, values));
        let file = |text: Text, path: &PathBuf, error: &io::Error| {
            say(text, &[("path", &path.display().to_string()), ("why", &cause(error, language))])
        };
        match self {
            Self::NoFolder => say(Text::CliNoFolder, &[]),
            Self::Read(path, error) => file(Text::CliCannotRead, path, error),
            Self::Write(path, error) => file(Text::CliCannotWrite, path, error),
            Self::Script(error) => say(Text::CliMistake, &[("what", &error.in_language(language))]),
            Self::Run(error) => format!("shoji-viewer: {}", error.in_language(language, host)),
            Self::Wait(WaitError::Ended(error)) => {
                let message = error.message_without_window(language, host);
                format!("{}\n{}\n{}", message.title, message.body, message.next)
            }
            Self::Wait(error) => format!("shoji-viewer: {}", error.in_language(language, host)),
            Self::Window(window::Error::Display(why)) => say(Text::CliNoDisplay, &[("why", why)]),
            Self::Window(window::Error::Surface(why)) => say(Text::CliNoSurface, &[("why", why)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shoji_protocol::CanvasId;

    use super::*;
    use crate::{headless::Why, keys::Layout};

    fn every_failure() -> Vec<Failure> {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let run = |why| Failure::Run(RunError { line: 2, column: 3, why });
        let mistake = |script: &str| Failure::Script(script::parse(script, Layout::Jp).expect_err(script));
        let timeout = || WaitError::Timeout(Text::AwaitedChange.into(), Duration::from_millis(1_500));
        let mut all = vec![
            Failure::NoFolder,
            Failure::Read("in.txt".into(), denied()),
            Failure::Write("out.png".into(), denied()),
            run(Why::NotSent),
            run(Why::Write("out.png".into(), denied())),
            run(Why::Wait(timeout())),
            run(Why::Wait(WaitError::Ended(link::Error::Lost))),
            Failure::Wait(WaitError::Timeout("a miracle".into(), Duration::from_secs(1))),
            Failure::Wait(WaitError::NoPicture(CanvasId(7))),
            link::Error::Refused.into(),
            Failure::Window(window::Error::Display("x".to_owned())),
            Failure::Window(window::Error::Surface("x".to_owned())),
        ];
        let scripts =
            ["tpye", "type", "key Foo", "click a 1", "wait change now", "type \"", "type \"\\q\"", "key Ctrl+"];
        all.extend(scripts.map(mistake));
        all
    }

    #[test]
    fn every_failure_is_said_in_both_languages() {
        for failure in every_failure() {
            let japanese = failure.say(Language::Ja, "192.0.2.1:4433");
            assert!(japanese.chars().any(|c| ('ぁ'..='ん').contains(&c)), "{japanese}");
            let english = failure.say(Language::En, "192.0.2.1:4433");
            assert!(english.is_ascii(), "{english}");
            for said in [japanese, english] {
                // One sentence writes `\\u{...}`, which no value belongs in.
                assert!(!said.replace("{...}", "").contains('{'), "a value is missing: {said}");
            }
        }
    }

    #[test]
    fn a_step_that_failed_is_named_with_its_place_and_the_next_step() {
        let why = Why::Wait(WaitError::Timeout(Text::AwaitedChange.into(), Duration::from_millis(1_500)));
        let failure = Failure::Run(RunError { line: 2, column: 3, why });
        let japanese = failure.say(Language::Ja, "—");
        assert!(
            japanese.contains("2 行目") && japanese.contains("1.5 秒") && japanese.contains("--timeout"),
            "{japanese}"
        );
    }
}
