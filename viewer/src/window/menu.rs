//! The menu as a machine: keys and clicks in, choices out.
//!
//! Owns which page is open, which row is chosen and what can be chosen at all, and which key opens the menu. Pure: it
//! draws nothing, sends nothing, and what it needs to know of the session comes in as [`Facts`].

use crate::{
    texts::{Language, Text},
    ui::menu as look,
};

/// The key that opens the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum MenuKey {
    /// Pause, which few pages know.
    #[default]
    Pause,
    /// Scroll Lock.
    ScrollLock,
    /// The right Ctrl key, pressed and let go by itself.
    RightCtrl,
    /// F8.
    F8,
    /// F9.
    F9,
    /// No key; the button stays.
    None,
}

impl MenuKey {
    fn code(self) -> Option<u16> {
        match self {
            Self::Pause => Some(119),
            Self::ScrollLock => Some(70),
            Self::RightCtrl => Some(RIGHT_CTRL),
            Self::F8 => Some(66),
            Self::F9 => Some(67),
            Self::None => None,
        }
    }

    /// What stands on the key.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Pause => Some("Pause"),
            Self::ScrollLock => Some("Scroll Lock"),
            Self::RightCtrl => Some("Ctrl (right)"),
            Self::F8 => Some("F8"),
            Self::F9 => Some("F9"),
            Self::None => None,
        }
    }
}

const RIGHT_CTRL: u16 = 97;

/// Ctrl, Shift, Alt and Super, left and right: with one of them another key is a shortcut of the page.
const MODIFIERS: [u16; 8] = [29, 97, 42, 54, 56, 100, 125, 126];

/// Watches for the key that opens the menu.
#[derive(Debug, Default)]
pub(crate) struct Opener {
    key: MenuKey,
    /// The right Ctrl key is down, and nothing happened since.
    alone: bool,
}

/// What a key means for the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opens {
    /// Nothing: it is the page's.
    No,
    /// The menu opens, and the page does not get the key.
    Now,
}

impl Opener {
    pub(crate) fn new(key: MenuKey) -> Self {
        Self { key, alone: false }
    }

    pub(crate) fn menu_key(&self) -> MenuKey {
        self.key
    }

    /// Whether this key is the menu's.
    pub(crate) fn is(&self, code: u16) -> bool {
        self.key.code() == Some(code)
    }

    /// A key went down or up while `down` are down at the host.
    pub(crate) fn key(&mut self, code: u16, pressed: bool, down: impl Fn(u16) -> bool) -> Opens {
        let was_alone = std::mem::take(&mut self.alone);
        if !self.is(code) {
            return Opens::No;
        }
        let with_others = MODIFIERS.iter().any(|&modifier| modifier != code && down(modifier));
        match (self.key, pressed) {
            (MenuKey::RightCtrl, true) => {
                // The page gets it: it may become part of a shortcut.
                self.alone = !with_others;
                Opens::No
            }
            (MenuKey::RightCtrl, false) if was_alone => Opens::Now,
            (MenuKey::RightCtrl, false) => Opens::No,
            (_, true) if !with_others => Opens::Now,
            _ => Opens::No,
        }
    }

    /// The mouse was used, or the keyboard went elsewhere.
    pub(crate) fn interrupt(&mut self) {
        self.alone = false;
    }
}

/// Keys that the PC or its window manager keeps for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Combination {
    CtrlAltDelete,
    AltTab,
    AltF4,
    Super,
    PrintScreen,
    F1,
    F10,
    F11,
    F12,
    /// The key that opens the menu here.
    Menu(MenuKey),
}

impl Combination {
    const ALL: [Self; 9] = [
        Self::CtrlAltDelete,
        Self::AltTab,
        Self::AltF4,
        Self::Super,
        Self::PrintScreen,
        Self::F1,
        Self::F10,
        Self::F11,
        Self::F12,
    ];

    /// The keys, in the order in which they go down; they come up the other way round.
    pub(crate) fn codes(self) -> Vec<u16> {
        match self {
            Self::CtrlAltDelete => vec![29, 56, 111],
            Self::AltTab => vec![56, 15],
            Self::AltF4 => vec![56, 62],
            Self::Super => vec![125],
            Self::PrintScreen => vec![99],
            Self::F1 => vec![59],
            Self::F10 => vec![68],
            Self::F11 => vec![87],
            Self::F12 => vec![88],
            Self::Menu(key) => key.code().into_iter().collect(),
        }
    }

    fn name(self, language: Language) -> &'static str {
        match self {
            Self::CtrlAltDelete => "Ctrl+Alt+Del",
            Self::AltTab => "Alt+Tab",
            Self::AltF4 => "Alt+F4",
            Self::Super => Text::MenuKeySuper.in_language(language),
            Self::PrintScreen => "PrintScreen",
            Self::F1 => "F1",
            Self::F10 => "F10",
            Self::F11 => "F11",
            Self::F12 => "F12",
            Self::Menu(key) => key.name().unwrap_or_default(),
        }
    }
}

/// How large the session is drawn, in hundredths of what the display says.
pub(crate) const ZOOMS: [u16; 5] = [100, 125, 150, 175, 200];

/// A page of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Main,
    Zoom,
    Keys,
    End,
}

/// What a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    Fullscreen,
    Page(Page),
    Details,
    Sound,
    Help,
    Back,
    Zoom(u16),
    Send(Combination),
    End,
}

/// What the menu has to know.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Facts {
    /// The window fills the screen.
    pub(crate) fullscreen: bool,
    /// The details are shown.
    pub(crate) details: bool,
    /// There is a session.
    pub(crate) attached: bool,
    /// How large it is drawn now, in hundredths.
    pub(crate) zoom: u16,
    /// How large it could be drawn, in hundredths.
    pub(crate) largest: u16,
    /// The key that opens the menu.
    pub(crate) key: MenuKey,
    /// The keys for full screen and for the details; none where shortcuts go to the page.
    pub(crate) shortcuts: Option<[&'static str; 2]>,
}

/// What came of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing.
    Nothing,
    /// It looks different now.
    Changed,
    /// It is closed.
    Closed,
    /// It is closed, and this is to be done.
    Do(Choice),
    /// This is to be done, and the menu stays to try another.
    Try(Choice),
}

/// An open menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Menu {
    page: Page,
    chosen: usize,
    /// The row on which the mouse button went down.
    pressed: Option<usize>,
}

impl Menu {
    /// The menu as it opens.
    pub(crate) fn new() -> Self {
        Self { page: Page::Main, chosen: 0, pressed: None }
    }

    fn choices(&self, facts: &Facts) -> Vec<Choice> {
        match self.page {
            Page::Main => vec![
                Choice::Fullscreen,
                Choice::Page(Page::Zoom),
                Choice::Page(Page::Keys),
                Choice::Details,
                Choice::Sound,
                Choice::Help,
                Choice::Page(Page::End),
            ],
            Page::Zoom => std::iter::once(Choice::Back).chain(ZOOMS.map(Choice::Zoom)).collect(),
            Page::Keys => {
                let own = facts.key.code().map(|_| Combination::Menu(facts.key));
                let keys = Combination::ALL.into_iter().chain(own).map(Choice::Send);
                std::iter::once(Choice::Back).chain(keys).collect()
            }
            Page::End => vec![Choice::Back, Choice::End],
        }
    }

    fn can(choice: Choice, facts: &Facts) -> bool {
        match choice {
            Choice::Sound => false,
            Choice::Page(Page::Keys | Page::End) | Choice::Send(_) | Choice::End => facts.attached,
            Choice::Zoom(zoom) => zoom <= facts.largest,
            _ => true,
        }
    }

    /// A key went down. Arrows may repeat, others count once.
    pub(crate) fn key(&mut self, code: u16, repeat: bool, facts: &Facts) -> Outcome {
        match code {
            103 => self.step(facts, -1),
            108 => self.step(facts, 1),
            _ if repeat => Outcome::Nothing,
            // Tab goes on, as in a dialog.
            15 => self.step(facts, 1),
            102 | 104 => self.step(facts, isize::MIN),
            107 | 109 => self.step(facts, isize::MAX),
            28 | 57 | 96 => self.choose(self.chosen, facts),
            106 if matches!(self.choices(facts).get(self.chosen), Some(Choice::Page(_))) => {
                self.choose(self.chosen, facts)
            }
            105 if self.page != Page::Main => self.back(),
            1 if self.page == Page::Main => Outcome::Closed,
            1 => self.back(),
            _ => Outcome::Nothing,
        }
    }

    /// The wheel turned by so many rows.
    pub(crate) fn turn(&mut self, rows: isize, facts: &Facts) -> Outcome {
        if rows == 0 { Outcome::Nothing } else { self.step(facts, rows.signum()) }
    }

    /// The pointer is over a row, or over none.
    pub(crate) fn over(&mut self, row: Option<usize>) -> Outcome {
        match row {
            Some(row) if row != self.chosen => {
                self.chosen = row;
                Outcome::Changed
            }
            _ => Outcome::Nothing,
        }
    }

    /// The mouse button or a finger went down: on a row, beside the rows (`Some(None)`), or outside the menu.
    pub(crate) fn press(&mut self, at: Option<Option<usize>>) -> Outcome {
        let Some(row) = at else { return Outcome::Closed };
        self.pressed = row;
        self.over(row)
    }

    /// The mouse button or the finger was lifted. It chooses the row on which it went down, so a slip can be taken back.
    pub(crate) fn release(&mut self, row: Option<usize>, facts: &Facts) -> Outcome {
        match (self.pressed.take(), row) {
            (Some(pressed), Some(row)) if pressed == row => self.choose(row, facts),
            _ => Outcome::Nothing,
        }
    }

    fn step(&mut self, facts: &Facts, by: isize) -> Outcome {
        let last = self.choices(facts).len() - 1;
        let next = match by {
            isize::MIN => 0,
            isize::MAX => last,
            // Round at the ends: the last row is one key away.
            _ if by < 0 => self.chosen.checked_sub(1).unwrap_or(last),
            _ => {
                if self.chosen < last {
                    self.chosen + 1
                } else {
                    0
                }
            }
        };
        self.over(Some(next))
    }

    fn choose(&mut self, row: usize, facts: &Facts) -> Outcome {
        match self.choices(facts).get(row) {
            Some(&choice) if Self::can(choice, facts) => match choice {
                Choice::Page(page) => {
                    let chosen = match page {
                        // What is now; and where nothing is lost.
                        Page::Zoom => ZOOMS.iter().position(|&zoom| zoom == facts.zoom).map_or(0, |at| at + 1),
                        Page::Keys => 1,
                        Page::Main | Page::End => 0,
                    };
                    *self = Self { page, chosen, pressed: None };
                    Outcome::Changed
                }
                Choice::Back => self.back(),
                Choice::Zoom(_) => {
                    self.chosen = row;
                    Outcome::Try(choice)
                }
                choice => Outcome::Do(choice),
            },
            _ => Outcome::Nothing,
        }
    }

    fn back(&mut self) -> Outcome {
        let came_from = self.page;
        *self = Self::new();
        self.chosen = match came_from {
            Page::Main => 0,
            Page::Zoom => 1,
            Page::Keys => 2,
            Page::End => 6,
        };
        Outcome::Changed
    }

    /// How it looks.
    pub(crate) fn page(&self, facts: &Facts, language: Language) -> look::Page {
        let say = |text: Text| text.in_language(language).to_owned();
        let rows = self.choices(facts).into_iter().map(|choice| self.row(choice, facts, language)).collect();
        let (question, note) = match self.page {
            Page::End => (say(Text::MenuEndQuestion), say(Text::MenuEndNote)),
            _ => (String::new(), String::new()),
        };
        look::Page { question, note, rows, chosen: self.chosen, foot: say(Text::MenuFoot) }
    }

    fn row(&self, choice: Choice, facts: &Facts, language: Language) -> look::Row {
        use look::Mark;
        let say = |text: Text| text.in_language(language).to_owned();
        let [fullscreen, details] = facts.shortcuts.unwrap_or_default().map(str::to_owned);
        let on = |is: bool| if is { Mark::On } else { Mark::None };
        let (label, hint, mark, ruled) = match choice {
            Choice::Fullscreen if facts.fullscreen => (say(Text::MenuLeaveFullscreen), fullscreen, Mark::None, false),
            Choice::Fullscreen => (say(Text::MenuFullscreen), fullscreen, Mark::None, false),
            Choice::Page(Page::Zoom) => (say(Text::MenuZoom), percent(facts.zoom), Mark::More, false),
            Choice::Page(Page::Keys) => (say(Text::MenuKeys), String::new(), Mark::More, false),
            Choice::Details => (say(Text::MenuDetails), details, on(facts.details), true),
            Choice::Sound => (say(Text::MenuSound), say(Text::MenuLater), Mark::None, false),
            Choice::Help => (say(Text::MenuHelp), String::new(), Mark::None, false),
            Choice::Page(Page::End | Page::Main) => (say(Text::MenuEnd), String::new(), Mark::More, true),
            Choice::Back => match self.page {
                Page::Zoom => (say(Text::MenuZoom), String::new(), Mark::Back, false),
                Page::Keys => (say(Text::MenuKeys), String::new(), Mark::Back, false),
                Page::End | Page::Main => (say(Text::MenuEndNo), String::new(), Mark::None, false),
            },
            Choice::Zoom(zoom) => (percent(zoom), String::new(), on(zoom == facts.zoom), zoom == ZOOMS[0]),
            Choice::Send(keys) => {
                let ruled = matches!(keys, Combination::CtrlAltDelete | Combination::F1 | Combination::Menu(_));
                (keys.name(language).to_owned(), String::new(), Mark::None, ruled)
            }
            Choice::End => (say(Text::MenuEndYes), String::new(), Mark::None, false),
        };
        look::Row { label, hint, mark, enabled: Self::can(choice, facts), ruled }
    }
}

fn percent(hundredths: u16) -> String {
    format!("{hundredths} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts = Facts {
        fullscreen: false,
        details: false,
        attached: true,
        zoom: 100,
        largest: 200,
        key: MenuKey::Pause,
        shortcuts: Some(["a", "b"]),
    };

    const UP: u16 = 103;
    const DOWN: u16 = 108;
    const LEFT: u16 = 105;
    const RIGHT: u16 = 106;
    const ENTER: u16 = 28;
    const ESCAPE: u16 = 1;

    fn keys(menu: &mut Menu, codes: &[u16]) -> Outcome {
        codes.iter().map(|&code| menu.key(code, false, &FACTS)).last().expect("a key")
    }

    #[test]
    fn everything_can_be_reached_by_keys_alone() {
        let by = |codes: &[u16]| keys(&mut Menu::new(), codes);
        assert_eq!(by(&[ENTER]), Outcome::Do(Choice::Fullscreen));
        assert_eq!(by(&[DOWN, ENTER, DOWN, DOWN, ENTER]), Outcome::Try(Choice::Zoom(150)));
        assert_eq!(by(&[DOWN, RIGHT, UP, ENTER]), Outcome::Changed, "the first row leads back");
        assert_eq!(by(&[DOWN, DOWN, ENTER, ENTER]), Outcome::Do(Choice::Send(Combination::CtrlAltDelete)));
        assert_eq!(by(&[DOWN, DOWN, ENTER, 107, ENTER]), Outcome::Do(Choice::Send(Combination::Menu(MenuKey::Pause))));
        assert_eq!(by(&[DOWN, DOWN, DOWN, ENTER]), Outcome::Do(Choice::Details));
        assert_eq!(by(&[UP, UP, ENTER]), Outcome::Do(Choice::Help));
        assert_eq!(by(&[UP, ENTER, DOWN, ENTER]), Outcome::Do(Choice::End));
    }

    #[test]
    fn the_end_is_asked_for_and_enter_alone_keeps_the_session() {
        let mut menu = Menu::new();
        assert_eq!(keys(&mut menu, &[UP, ENTER]), Outcome::Changed);
        assert_eq!(keys(&mut menu, &[ENTER]), Outcome::Changed, "back in the menu");
        assert_eq!(keys(&mut menu, &[ESCAPE]), Outcome::Closed);
    }

    #[test]
    fn escape_goes_back_a_page_and_then_closes() {
        let mut menu = Menu::new();
        keys(&mut menu, &[DOWN, ENTER]);
        assert_eq!(keys(&mut menu, &[ESCAPE]), Outcome::Changed);
        assert_eq!(menu, Menu { page: Page::Main, chosen: 1, pressed: None }, "where it was left");
        assert_eq!(keys(&mut menu, &[RIGHT, LEFT, ESCAPE]), Outcome::Closed);
    }

    #[test]
    fn what_cannot_be_done_is_not_done() {
        let mut menu = Menu::new();
        assert_eq!(keys(&mut menu, &[DOWN, DOWN, DOWN, DOWN, ENTER]), Outcome::Nothing, "sound comes later");
        let away = Facts { attached: false, ..FACTS };
        for row in [2, 6] {
            assert_eq!(menu.choose(row, &away), Outcome::Nothing, "without a session: {row}");
        }
        let small = Facts { largest: 150, ..FACTS };
        menu.choose(1, &small);
        assert_eq!(menu.choose(4, &small), Outcome::Nothing, "175 % is more than the protocol allows");
        assert_eq!(menu.choose(3, &small), Outcome::Try(Choice::Zoom(150)));
    }

    #[test]
    fn only_arrows_repeat() {
        let mut menu = Menu::new();
        assert_eq!(menu.key(DOWN, true, &FACTS), Outcome::Changed);
        for code in [ENTER, ESCAPE, 57, 119] {
            assert_eq!(menu.key(code, true, &FACTS), Outcome::Nothing, "{code}");
        }
        assert_eq!(menu.key(30, false, &FACTS), Outcome::Nothing, "a letter");
    }

    #[test]
    fn a_click_chooses_where_it_began_and_a_press_outside_closes() {
        let mut menu = Menu::new();
        menu.press(Some(Some(3)));
        assert_eq!(menu.release(Some(4), &FACTS), Outcome::Nothing, "slipped off");
        menu.press(Some(Some(3)));
        assert_eq!(menu.release(Some(3), &FACTS), Outcome::Do(Choice::Details));
        assert_eq!(menu.release(Some(3), &FACTS), Outcome::Nothing, "the button that opened the menu comes up");
        assert_eq!(menu.press(Some(None)), Outcome::Nothing, "between the rows");
        assert_eq!(menu.press(None), Outcome::Closed);
    }

    #[test]
    fn the_menu_key_opens_only_by_itself() {
        let mut opener = Opener::new(MenuKey::Pause);
        assert_eq!(opener.key(119, true, |_| false), Opens::Now);
        assert_eq!(opener.key(119, true, |code| code == 29), Opens::No, "Ctrl+Pause is Break");
        assert_eq!(opener.key(119, false, |_| false), Opens::No);
        assert_eq!(Opener::new(MenuKey::None).key(119, true, |_| false), Opens::No);
    }

    #[test]
    fn the_right_ctrl_key_opens_when_it_is_let_go_and_nothing_came_between() {
        let nothing = |_| false;
        let mut opener = Opener::new(MenuKey::RightCtrl);
        assert_eq!(opener.key(97, true, nothing), Opens::No, "the page may need it");
        assert_eq!(opener.key(97, false, nothing), Opens::Now);
        opener.key(97, true, nothing);
        opener.key(46, true, nothing);
        opener.key(46, false, nothing);
        assert_eq!(opener.key(97, false, nothing), Opens::No, "it was Ctrl+C");
        opener.key(97, true, nothing);
        opener.interrupt();
        assert_eq!(opener.key(97, false, nothing), Opens::No, "it was Ctrl and a click");
        opener.key(97, true, |code| code == 56);
        assert_eq!(opener.key(97, false, nothing), Opens::No, "Alt was down");
    }

    #[test]
    fn every_row_has_words_in_both_languages_and_one_choice() {
        for language in [Language::Ja, Language::En] {
            for page in [Page::Main, Page::Zoom, Page::Keys, Page::End] {
                let menu = Menu { page, ..Menu::new() };
                let looks = menu.page(&FACTS, language);
                assert_eq!(looks.rows.len(), menu.choices(&FACTS).len());
                let labels: std::collections::BTreeSet<_> = looks.rows.iter().map(|row| &row.label).collect();
                assert_eq!(labels.len(), looks.rows.len(), "{page:?}: no two rows say the same");
                assert!(labels.iter().all(|label| !label.is_empty()));
            }
        }
    }

    #[test]
    fn combinations_are_keys_that_the_protocol_carries_each_once() {
        for keys in Combination::ALL.into_iter().chain([Combination::Menu(MenuKey::F9)]) {
            let codes = keys.codes();
            assert!(!codes.is_empty() && codes.iter().all(|&code| shoji_protocol::Key::new(code).is_ok()));
        }
    }
}
