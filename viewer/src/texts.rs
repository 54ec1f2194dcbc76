//! Every word a person reads in the viewer: the list of what can be said, and the catalogue that says it.
//!
//! Owns the list of ids, [`Text`], and the choice of the language; the wording is in `viewer/texts/ja.ftl` and `en.ftl`,
//! in Project Fluent's format. No layout, no drawing, no decision. No other module may hold a sentence for people, so
//! that nothing is said in one language alone; only the words of `--help` have a room of their own, `cli/words.rs`.
//!
//! ```
//! use shoji_viewer::texts::{Language, Text};
//! let line = Text::ConnectingBody.with(Language::En, &[("host", "10.1.2.3:4433")]);
//! assert_eq!(line, "Calling the host 10.1.2.3:4433 in the internet segment.");
//! ```

use std::sync::LazyLock;

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};

/// The language of the viewer's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// Japanese.
    #[default]
    Ja,
    /// English.
    En,
}

impl Language {
    /// The language named by a locale such as `ja_JP.UTF-8`, `en-GB` or `C`. What is not Japanese reads English.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        if locale.to_ascii_lowercase().starts_with("ja") { Self::Ja } else { Self::En }
    }
}

impl std::str::FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ja" => Ok(Self::Ja),
            "en" => Ok(Self::En),
            _ => Err("expected `ja` or `en`".to_owned()),
        }
    }
}

/// What the system said about a file, in a language; causes that are rare are left in the system's own words.
#[must_use]
pub fn cause(error: &std::io::Error, language: Language) -> String {
    use std::io::ErrorKind as Kind;
    let text = match error.kind() {
        Kind::NotFound => Text::CauseMissing,
        Kind::PermissionDenied => Text::CauseDenied,
        Kind::StorageFull | Kind::QuotaExceeded => Text::CauseFull,
        Kind::IsADirectory => Text::CauseFolder,
        Kind::InvalidData => Text::CauseNoText,
        _ => return error.to_string(),
    };
    text.in_language(language).to_owned()
}

macro_rules! catalogue {
    ($($name:ident,)*) => {
        /// One thing the viewer can say. Its name is its id in the catalogue.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Text { $(#[doc = concat!("`", stringify!($name), "`.")] $name,)* }

        impl Text {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            const fn id(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

catalogue! {
    // The frame.
    Segment, WindowTitle, FullscreenHint,

    // States.
    ConnectingTitle, ConnectingBody, ConnectingNext, PreparingTitle, PreparingBody, PreparingNext, ReconnectingTitle,
    ReconnectingBody, ReconnectingNext, SilentTitle, SilentBody, SilentNext, UnreachableTitle, UnreachableBody, UnreachableNext, AddressTitle, AddressBody,
    AddressNext, RefusedTitle, RefusedBody, RefusedNext, ExpiredTitle, ExpiredBody, ExpiredNext, RevokedTitle,
    RevokedBody, RevokedNext, ReplacedTitle, ReplacedBody, ReplacedNext, EndedTitle, EndedBody, EndedNext,
    BrowserGoneTitle, BrowserGoneBody, BrowserGoneNext, StoppingTitle, StoppingBody, StoppingNext, BusyTitle,
    BusyBody, BusyNext, FullTitle,
    FullBody, FullNext, UnknownResumeTitle, UnknownResumeBody, UnknownResumeNext, VersionTitle, VersionBody,
    VersionNext, ImpostorTitle, ImpostorBody, ImpostorNext, HostFaultTitle, HostFaultBody, HostFaultNext,
    ViewerFaultTitle, ViewerFaultBody, ViewerFaultNext, LocalTitle, LocalBody, LocalNext, NetworkTitle, NetworkBody,
    NetworkNext, BundleTitle, BundleReadBody, BundlePrivateBody, BundlePrivateNext, BundleFormatBody, BundleNext,

    // Notices from the host.
    NoticeCrashed, NoticeKeepsCrashing, NoticeDownload, NoticeUpload, NoticePrint, NoticeSite, NoticePermission,
    NoticeWindows, NoticeEndsSoon, NoticeExpiresSoon, MayLackInput, NoFont,

    // What does not cross.
    HintPaste, HintCopy, HintFile, HintDrag,

    // Scripts.
    ScriptPlace, ScriptStep, ScriptExpected, ScriptKey, ScriptNumber, ScriptTooMuch, ScriptOpenText, ScriptEscape,
    ScriptTooLong, ScriptNotSent, WantsText, WantsKey, WantsMoreKey, WantsPlace, WantsButton, WantsNotches,
    WantsQuietOrChange, WantsMilliseconds, WantsWidth, WantsHeight, WantsScale, WantsFile,

    // Waits without a display.
    WaitEnded, WaitNext, WaitTooLong, WaitNoPicture, AwaitedSession, AwaitedFirst, AwaitedPicture, AwaitedQuiet,
    AwaitedChange, AwaitedSize, AwaitedEnd, AwaitedOther,

    // The command line.
    CliNoFolder, CliCannotRead, CliCannotWrite, CliMistake, CliNotAtRest, CliNoDisplay, CliNoSurface, CauseMissing,
    CauseDenied, CauseFull, CauseFolder, CauseNoText,

    // Details.
    DetailsTitle, DetailsRoundTrip, DetailsFrames, DetailsBandwidth, DetailsEcho, DetailsCarrier, DetailsSize,
    DetailsHost, DetailsDevice, DetailsNone, DetailsUdpClosed,

    // The menu.
    MenuTitle, MenuFullscreen, MenuLeaveFullscreen, MenuZoom, MenuKeys, MenuKeySuper, MenuDetails, MenuSound,
    MenuLater, MenuHelp, MenuEnd, MenuEndQuestion, MenuEndNote, MenuEndYes, MenuEndNo, MenuFoot,

    // Help.
    HelpTitle, HelpHere, HelpThere, HelpPixels, HelpInput, HelpType, HelpCopy, HelpMenuKey, HelpMenuButton, HelpEnd,
    HelpFoot,
}

/// The wording in one language.
struct Catalogue {
    bundle: FluentBundle<FluentResource>,
    /// By the text's number, without values.
    plain: Vec<String>,
}

impl Catalogue {
    /// INVARIANT: both files are well formed and have every id; a test reads them as this does.
    fn new(language: &str, source: &str) -> Self {
        let resource = FluentResource::try_new(source.to_owned()).expect("the embedded catalogue is well formed");
        let mut bundle = FluentBundle::new_concurrent(vec![language.parse().expect("`ja` and `en` are languages")]);
        // The marks would be drawn as boxes, and both languages run from left to right.
        bundle.set_use_isolating(false);
        bundle.add_resource(resource).expect("no id is there twice");
        let plain = Text::ALL.iter().map(|text| say(&bundle, *text, None)).collect();
        Self { bundle, plain }
    }
}

fn say(bundle: &FluentBundle<FluentResource>, text: Text, values: Option<&FluentArgs<'_>>) -> String {
    let pattern = bundle.get_message(text.id()).and_then(|message| message.value());
    // A value that was not given stays as its name; that is told here, and tests find it.
    let mut missing = Vec::new();
    bundle.format_pattern(pattern.expect("every id is in the catalogue"), values, &mut missing).into_owned()
}

/// Reads a catalogue when something is first said in its language.
fn catalogue(language: Language) -> &'static Catalogue {
    static JA: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::new("ja", include_str!("../texts/ja.ftl")));
    static EN: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::new("en", include_str!("../texts/en.ftl")));
    match language {
        Language::Ja => &JA,
        Language::En => &EN,
    }
}

impl Text {
    /// The words in one language. Those with places for values need [`with`](Self::with).
    #[must_use]
    pub fn in_language(self, language: Language) -> &'static str {
        &catalogue(language).plain[self as usize]
    }

    /// The words in one language, with values in their places.
    #[must_use]
    pub fn with(self, language: Language, values: &[(&str, &str)]) -> String {
        say(&catalogue(language).bundle, self, Some(&values.iter().copied().collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    const SOURCES: [(Language, &str); 2] =
        [(Language::Ja, include_str!("../texts/ja.ftl")), (Language::En, include_str!("../texts/en.ftl"))];

    /// The ids of a file and the names of their values, read line by line.
    fn entries(source: &'static str) -> Vec<(&'static str, BTreeSet<&'static str>)> {
        let values = |text: &'static str| {
            text.split("{ $").skip(1).filter_map(|part| part.split_once(" }").map(|(name, _)| name)).collect()
        };
        let lines = source.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.map(|line| line.split_once(" = ").expect(line)).map(|(id, text)| (id, values(text))).collect()
    }

    #[test]
    fn every_id_is_in_both_files_once_in_order_and_nothing_else_is() {
        let ids: Vec<_> = Text::ALL.iter().map(|text| text.id()).collect();
        for (language, source) in SOURCES {
            let found: Vec<_> = entries(source).into_iter().map(|(id, _)| id).collect();
            assert_eq!(found, ids, "{language:?}");
        }
    }

    #[test]
    fn both_languages_say_the_same_values_and_every_value_is_said() {
        let [(_, ja), (_, en)] = SOURCES;
        for (ja, en) in entries(ja).into_iter().zip(entries(en)) {
            assert_eq!(ja, en, "both languages say the same values");
            let text = *Text::ALL.iter().find(|text| text.id() == ja.0).expect("an id");
            let values: Vec<_> = ja.1.iter().map(|&name| (name, "<value>")).collect();
            for (language, _) in SOURCES {
                let said = text.with(language, &values);
                assert!(said.matches("<value>").count() >= values.len(), "{text:?}: {said}");
                let odd = |c: char| c == '$' || ('\u{2066}'..='\u{2069}').contains(&c);
                assert!(!said.contains(odd), "{text:?}: {said:?}");
            }
        }
    }

    #[test]
    fn every_text_is_in_its_language() {
        for text in Text::ALL {
            let (ja, en) = (text.in_language(Language::Ja), text.in_language(Language::En));
            assert!(!ja.trim().is_empty() && !en.trim().is_empty(), "{text:?}");
            // The segment's name stands beside its translation: nobody may mistake it.
            let own = en.replace("インターネット画面 · ", "");
            assert!(own.is_ascii() || own.contains('—'), "{text:?}: {en}");
            let japanese = ja.chars().any(|c| c as u32 > 0x3000);
            assert!(japanese || ja == en, "{text:?} is not Japanese: {ja}");
        }
    }

    #[test]
    fn nothing_is_in_the_catalogue_that_nobody_says() {
        fn read(folder: &Path, all: &mut String) {
            for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    read(&path, all);
                } else if !path.ends_with("src/texts.rs") {
                    all.push_str(&std::fs::read_to_string(path).expect("a source"));
                }
            }
        }
        let mut sources = String::new();
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
        let words: BTreeSet<_> = sources.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        for text in Text::ALL {
            assert!(words.contains(text.id()) || cause_says(*text), "{text:?} is said nowhere");
        }
    }

    /// What this module says itself.
    fn cause_says(text: Text) -> bool {
        text.id().starts_with("Cause")
    }

    #[test]
    fn a_value_is_said_as_it_is() {
        let said = Text::CliCannotRead.with(Language::En, &[("path", "{ $why }"), ("why", "{\"x\"}")]);
        assert!(said.contains("{ $why } ({\"x\"})"), "{said}");
        assert!(Text::ScriptEscape.in_language(Language::Ja).contains("\\u{...}"));
    }

    #[test]
    fn a_locale_chooses_the_language() {
        assert_eq!(Language::of_locale("ja_JP.UTF-8"), Language::Ja);
        assert_eq!(Language::of_locale("JA"), Language::Ja);
        assert_eq!(Language::of_locale("C.UTF-8"), Language::En);
    }
}
