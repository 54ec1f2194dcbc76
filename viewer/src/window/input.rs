//! What keyboard, mouse, wheel and fingers did, in the protocol's terms.
//!
//! Owns what is held down right now and the remainders of smooth scrolling. Pure: events in, protocol input out. It must
//! never leave a key down at the host that is up here.

use std::collections::BTreeSet;

use shoji_protocol::{Button, Finger, Input, Key, Lock, WheelDelta, WheelSource};
use winit::event::{MouseButton, MouseScrollDelta};
use winit::keyboard::{Key as Meant, NamedKey};

use crate::keys;

/// Fingers the protocol knows at once.
const FINGERS: usize = 10;

/// A local command by keys that no page uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shortcut {
    /// Shows or hides the details.
    Details,
    /// Full screen, on and off.
    Fullscreen,
}

/// The keys of a shortcut, for people.
pub(crate) fn keys_of(shortcut: Shortcut) -> &'static str {
    match shortcut {
        Shortcut::Details => "Ctrl+Alt+Shift+I",
        Shortcut::Fullscreen => "Ctrl+Alt+Shift+F",
    }
}

/// What a key event means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// To the host.
    Send(Input),
    /// A local command.
    Local(Shortcut),
    /// Nothing: a repeat, or the release of what was never sent.
    Nothing,
}

/// The keys that are down at the host.
#[derive(Debug, Default)]
pub(crate) struct Keyboard {
    down: BTreeSet<u16>,
    /// What the host knows of Caps Lock and Num Lock.
    locks: [Option<bool>; 2],
    /// Local commands by keys are the page's instead.
    passes: bool,
}

impl Keyboard {
    /// A keyboard whose local commands are kept for the viewer, or given to the page.
    pub(crate) fn new(shortcuts: bool) -> Self {
        Self { passes: !shortcuts, ..Self::default() }
    }

    /// Whether a key is down at the host.
    pub(crate) fn is_down(&self, code: u16) -> bool {
        self.down.contains(&code)
    }

    /// Whether a key that is down is the last of those by which every browser takes a text of its own: an address (Ctrl+L, Alt+D,
    /// Ctrl+K, Ctrl+E, and with a new tab or window), or what to look for in a page (Ctrl+F). None of them takes a secret.
    pub(crate) fn asks_for_field(&self, code: u16) -> bool {
        let any = |codes: [u16; 2]| codes.iter().any(|code| self.down.contains(code));
        let (ctrl, alt, shift, meta) = (any([29, 97]), any([56, 100]), any([42, 54]), any([125, 126]));
        match code {
            _ if shift || meta => false,
            // L, K, E, T, N, F
            38 | 37 | 18 | 20 | 49 | 33 => ctrl && !alt,
            // D
            32 => alt && !ctrl,
            _ => false,
        }
    }

    /// Lets go of all keys: their releases.
    pub(crate) fn lift(&mut self) -> Vec<Input> {
        let down = std::mem::take(&mut self.down);
        down.into_iter().filter_map(|code| Some(Input::Key { key: Key::new(code).ok()?, pressed: false })).collect()
    }

    /// A key went down or up.
    pub(crate) fn key(&mut self, code: u16, pressed: bool) -> Meaning {
        if pressed {
            if let Some(shortcut) = self.shortcut(code) {
                return Meaning::Local(shortcut);
            }
            if !self.down.insert(code) {
                return Meaning::Nothing;
            }
        } else if !self.down.remove(&code) {
            return Meaning::Nothing;
        }
        match Key::new(code) {
            Ok(key) => Meaning::Send(Input::Key { key, pressed }),
            Err(_) => Meaning::Nothing,
        }
    }

    /// What a key that goes down tells of the PC's locks by what it means there, if the host does not know that yet: to be sent
    /// before the key. The window system does not say which locks are on.
    pub(crate) fn lock(&mut self, code: u16, meaning: &Meant) -> Option<Input> {
        let down = |codes: [u16; 2]| codes.iter().any(|code| self.down.contains(code));
        let shift = down([42, 54]);
        let (lock, on) = match (code, meaning) {
            // The host's follows by itself, and which way is told by the next key that it concerns.
            (58, _) => {
                self.locks[0] = None;
                return None;
            }
            (69, _) => {
                self.locks[1] = None;
                return None;
            }
            (71..=73 | 75..=77 | 79..=83, Meant::Character(_)) if !shift => (Lock::Num, true),
            (71..=73 | 75..=77 | 79..=83, Meant::Named(_)) if !shift => (Lock::Num, false),
            (16..=50, Meant::Character(text)) if !down([29, 97]) && !down([56, 100]) => match text.as_bytes() {
                [letter] if letter.is_ascii_alphabetic() => (Lock::Caps, letter.is_ascii_uppercase() != shift),
                _ => return None,
            },
            _ => return None,
        };
        let known = &mut self.locks[usize::from(lock == Lock::Num)];
        (known.replace(on) != Some(on)).then_some(Input::Lock { lock, on })
    }

    /// The keyboard went elsewhere: the host lifts all keys by itself, and the locks may change.
    pub(crate) fn forget(&mut self) {
        self.down.clear();
        self.forget_locks();
    }

    /// What the host knows of the locks is not known any more.
    pub(crate) fn forget_locks(&mut self) {
        self.locks = [None; 2];
    }

    fn shortcut(&self, code: u16) -> Option<Shortcut> {
        let any = |codes: [u16; 2]| codes.iter().any(|code| self.down.contains(code));
        let held = any([29, 97]) && any([56, 100]) && any([42, 54]);
        match code {
            _ if self.passes => None,
            23 if held => Some(Shortcut::Details),
            33 if held => Some(Shortcut::Fullscreen),
            _ => None,
        }
    }
}

/// The mouse buttons that are down at the host.
#[derive(Debug, Default)]
pub(crate) struct Buttons {
    down: Vec<Button>,
}

impl Buttons {
    /// A button went down (over the canvas or not) or up.
    pub(crate) fn button(&mut self, button: MouseButton, pressed: bool, over_canvas: bool) -> Option<Input> {
        let button = match button {
            MouseButton::Left => Button::Left,
            MouseButton::Middle => Button::Middle,
            MouseButton::Right => Button::Right,
            MouseButton::Back => Button::Back,
            MouseButton::Forward => Button::Forward,
            MouseButton::Other(_) => return None,
        };
        let held = self.down.iter().position(|held| *held == button);
        match (pressed, held) {
            (true, None) if over_canvas => self.down.push(button),
            (false, Some(at)) => {
                self.down.swap_remove(at);
            }
            _ => return None,
        }
        Some(Input::PointerButton { button, pressed })
    }

    /// Lets go of all buttons: their releases.
    pub(crate) fn lift(&mut self) -> Vec<Input> {
        self.down.drain(..).map(|button| Input::PointerButton { button, pressed: false }).collect()
    }

    /// Whether any is down: then motion goes on outside the canvas.
    pub(crate) fn any(&self) -> bool {
        !self.down.is_empty()
    }

    /// The keyboard went elsewhere: the host lifts all buttons by itself.
    pub(crate) fn forget(&mut self) {
        self.down.clear();
    }
}

/// Turns wheel movements into whole units without losing the rest.
#[derive(Debug, Default)]
pub(crate) struct Wheel {
    rest: (f64, f64),
    finger: bool,
}

impl Wheel {
    /// The wheel or a finger on a touch pad moved; `lifted` ends a finger's movement.
    pub(crate) fn turn(&mut self, delta: MouseScrollDelta, lifted: bool) -> Option<Input> {
        let (source, x, y) = match delta {
            MouseScrollDelta::LineDelta(x, y) => (WheelSource::Wheel, f64::from(x) * 120.0, f64::from(y) * 120.0),
            MouseScrollDelta::PixelDelta(by) => (WheelSource::Finger, by.x * 256.0, by.y * 256.0),
        };
        let finger = source == WheelSource::Finger;
        if finger != self.finger {
            (self.finger, self.rest) = (finger, (0.0, 0.0));
        }
        // winit counts where the content goes; the protocol, where the view goes.
        let (horizontal, rest_x) = whole(self.rest.0 - x);
        let (vertical, rest_y) = whole(self.rest.1 - y);
        self.rest = (rest_x, rest_y);
        let ends = finger && lifted;
        if horizontal == 0 && vertical == 0 && !ends {
            return None;
        }
        Some(Input::Wheel {
            horizontal: WheelDelta::clamped(horizontal),
            vertical: WheelDelta::clamped(vertical),
            source,
        })
    }
}

fn whole(units: f64) -> (i32, f64) {
    let units = if units.is_finite() { units.clamp(-1e6, 1e6) } else { 0.0 };
    let whole = units.trunc();
    #[expect(clippy::cast_possible_truncation, reason = "within a million by the clamp above")]
    let number = whole as i32;
    (number, units - whole)
}

/// Which finger of the protocol a touch of the window system is.
#[derive(Debug, Default)]
pub(crate) struct Fingers {
    touching: [Option<u64>; FINGERS],
}

impl Fingers {
    /// The finger of a touch; a new one if `down`. `None` if it is unknown or one too many.
    pub(crate) fn of(&mut self, id: u64, down: bool) -> Option<Finger> {
        let known = self.touching.iter().position(|touch| *touch == Some(id));
        let at = match (known, down) {
            (Some(at), _) => at,
            (None, true) => self.touching.iter().position(Option::is_none)?,
            (None, false) => return None,
        };
        self.touching[at] = Some(id);
        Finger::new(u8::try_from(at).ok()?).ok()
    }

    /// All fingers are gone.
    pub(crate) fn lift_all(&mut self) -> Vec<Finger> {
        let touching = std::mem::take(&mut self.touching);
        let numbers = touching.iter().enumerate().filter(|(_, touch)| touch.is_some());
        numbers.filter_map(|(at, _)| Finger::new(u8::try_from(at).ok()?).ok()).collect()
    }

    /// The finger is gone.
    pub(crate) fn lift(&mut self, finger: Finger) {
        self.touching[usize::from(finger.get())] = None;
    }
}

/// The evdev number of a key event that is to be looked at.
pub(crate) fn code_of(event: &winit::event::KeyEvent) -> Option<u16> {
    let is_taken = event.repeat || is_of_method(&event.logical_key);
    if is_taken { None } else { keys::of_window(event.physical_key) }
}

/// Whether the PC's input method has taken a key's press: Windows tells of it all the same, and what comes of it as composition.
fn is_of_method(meant: &Meant) -> bool {
    matches!(meant, Meant::Named(NamedKey::Process))
}

/// Whether a press that the window system only tells of later, since the key was down when the window came to the front, is taken: Ctrl or
/// Shift with which somebody clicks. Alt is not: it is what changed the windows.
pub(crate) fn is_late_press_taken(code: u16) -> bool {
    matches!(code, 29 | 97 | 42 | 54)
}

#[cfg(test)]
mod tests {
    use winit::dpi::PhysicalPosition;

    use super::*;

    #[test]
    fn a_key_is_sent_once_down_and_once_up() {
        let mut keyboard = Keyboard::default();
        assert!(matches!(keyboard.key(30, true), Meaning::Send(Input::Key { pressed: true, .. })));
        assert_eq!(keyboard.key(30, true), Meaning::Nothing);
        assert!(matches!(keyboard.key(30, false), Meaning::Send(Input::Key { pressed: false, .. })));
        assert_eq!(keyboard.key(30, false), Meaning::Nothing);
    }

    #[test]
    fn the_keys_for_an_address_ask_for_a_field_and_the_same_letters_alone_do_not() {
        let (ctrl, alt, shift, l, d, tab) = (29, 56, 42, 38, 32, 15);
        let asks = |held: &[u16], code| {
            let mut keyboard = Keyboard::default();
            for key in held.iter().chain([&code]) {
                keyboard.key(*key, true);
            }
            keyboard.asks_for_field(code)
        };
        assert!(asks(&[ctrl], l) && asks(&[97], l) && asks(&[alt], d));
        assert!(!asks(&[], l) && !asks(&[alt], l) && !asks(&[ctrl], d) && !asks(&[ctrl, alt], l));
        assert!(!asks(&[ctrl, shift], l) && !asks(&[], tab) && !asks(&[ctrl], tab), "these lead anywhere");
    }

    #[test]
    fn a_key_that_the_input_method_took_is_none_for_the_page() {
        assert!(is_of_method(&Meant::Named(NamedKey::Process)));
        assert!(!is_of_method(&Meant::Named(NamedKey::Enter)) && !is_of_method(&Meant::Character("k".into())));
    }

    #[test]
    fn of_the_keys_that_are_down_when_the_window_comes_only_those_of_a_click_count() {
        let (ctrl, shift, alt, tab, meta) = (29, 42, 56, 15, 125);
        assert!(is_late_press_taken(ctrl) && is_late_press_taken(shift));
        assert!([alt, tab, meta].iter().all(|code| !is_late_press_taken(*code)));
    }

    #[test]
    fn a_release_after_the_keyboard_went_elsewhere_is_not_sent() {
        let mut keyboard = Keyboard::default();
        keyboard.key(29, true);
        keyboard.forget();
        assert_eq!(keyboard.key(29, false), Meaning::Nothing);
        assert!(matches!(keyboard.key(29, true), Meaning::Send(_)));
    }

    #[test]
    fn the_locks_of_the_pc_are_told_when_a_key_shows_another_than_the_host_knows() {
        let character = |text: &str| Meant::Character(text.into());
        let lock = |lock, on| Some(Input::Lock { lock, on });
        let mut keyboard = Keyboard::default();
        assert_eq!(keyboard.lock(71, &character("7")), lock(Lock::Num, true));
        assert_eq!(keyboard.lock(79, &character("1")), None, "it is known");
        assert_eq!(keyboard.lock(71, &Meant::Named(NamedKey::Home)), lock(Lock::Num, false));
        assert_eq!(keyboard.lock(30, &character("a")), lock(Lock::Caps, false));
        assert_eq!(keyboard.lock(30, &character("A")), lock(Lock::Caps, true));
        // The host hears the key itself.
        assert_eq!(keyboard.lock(58, &Meant::Named(NamedKey::CapsLock)), None);
        assert_eq!(keyboard.lock(30, &character("a")), lock(Lock::Caps, false));
        keyboard.forget();
        assert_eq!(keyboard.lock(30, &character("a")), lock(Lock::Caps, false), "it may have changed elsewhere");
    }

    #[test]
    fn a_key_whose_meaning_has_another_reason_tells_nothing_of_locks() {
        let character = |text: &str| Meant::Character(text.into());
        let mut keyboard = Keyboard::default();
        assert_eq!(keyboard.lock(74, &character("-")), None, "no digit");
        assert_eq!(keyboard.lock(30, &character("あ")), None);
        assert_eq!(keyboard.lock(28, &Meant::Named(NamedKey::Enter)), None);
        keyboard.key(42, true);
        assert_eq!(keyboard.lock(71, &Meant::Named(NamedKey::Home)), None, "Shift turns it round, on some systems");
        assert_eq!(keyboard.lock(30, &character("A")), Some(Input::Lock { lock: Lock::Caps, on: false }));
        keyboard.key(29, true);
        assert_eq!(keyboard.lock(30, &character("a")), None, "with Ctrl a letter is no letter");
    }

    #[test]
    fn local_shortcuts_never_reach_the_host() {
        let mut keyboard = Keyboard::default();
        for code in [97, 56, 42] {
            assert!(matches!(keyboard.key(code, true), Meaning::Send(_)));
        }
        assert_eq!(keyboard.key(23, true), Meaning::Local(Shortcut::Details));
        assert_eq!(keyboard.key(23, false), Meaning::Nothing);
        assert_eq!(keyboard.key(33, true), Meaning::Local(Shortcut::Fullscreen));
        keyboard.key(56, false);
        assert!(matches!(keyboard.key(23, true), Meaning::Send(_)));
    }

    #[test]
    fn what_is_lifted_is_released_once_and_its_own_release_is_nothing() {
        let mut keyboard = Keyboard::default();
        keyboard.key(29, true);
        keyboard.key(30, true);
        let released = keyboard.lift();
        assert!(released.iter().all(|input| matches!(input, Input::Key { pressed: false, .. })) && released.len() == 2);
        assert_eq!((keyboard.key(29, false), keyboard.key(30, false)), (Meaning::Nothing, Meaning::Nothing));
        assert!(keyboard.lift().is_empty());

        let mut buttons = Buttons::default();
        buttons.button(MouseButton::Left, true, true);
        assert_eq!(buttons.lift(), [Input::PointerButton { button: Button::Left, pressed: false }]);
        assert_eq!(buttons.button(MouseButton::Left, false, true), None);

        let mut fingers = Fingers::default();
        let finger = fingers.of(7, true).expect("free");
        assert_eq!(fingers.lift_all(), [finger]);
        assert_eq!(fingers.of(7, false), None);
    }

    #[test]
    fn shortcuts_that_are_the_pages_reach_the_host() {
        let mut keyboard = Keyboard::new(false);
        for code in [97, 56, 42, 23, 33] {
            assert!(matches!(keyboard.key(code, true), Meaning::Send(_)), "{code}");
        }
    }

    #[test]
    fn a_button_pressed_on_the_frame_does_not_exist_for_the_host() {
        let mut buttons = Buttons::default();
        assert_eq!(buttons.button(MouseButton::Left, true, false), None);
        assert_eq!(buttons.button(MouseButton::Left, false, true), None);
        assert!(buttons.button(MouseButton::Left, true, true).is_some() && buttons.any());
        assert!(buttons.button(MouseButton::Left, false, false).is_some() && !buttons.any());
    }

    #[test]
    fn smooth_scrolling_loses_nothing() {
        let mut wheel = Wheel::default();
        let mut total = 0;
        for _ in 0..1000 {
            let step = MouseScrollDelta::PixelDelta(PhysicalPosition::new(0.0, -0.001));
            if let Some(Input::Wheel { vertical, .. }) = wheel.turn(step, false) {
                total += vertical.get();
            }
        }
        assert!((254..=256).contains(&total), "{total}");
        let notch = wheel.turn(MouseScrollDelta::LineDelta(0.0, 1.0), false);
        assert!(
            matches!(notch, Some(Input::Wheel { vertical, source: WheelSource::Wheel, .. }) if vertical.get() == -120)
        );
        let nonsense = MouseScrollDelta::PixelDelta(PhysicalPosition::new(f64::NAN, f64::INFINITY));
        assert_eq!(wheel.turn(nonsense, false), None);
    }

    #[test]
    fn fingers_get_places_and_give_them_back() {
        let mut fingers = Fingers::default();
        let first = fingers.of(7, true).expect("free");
        for id in 100..109 {
            assert!(fingers.of(id, true).is_some());
        }
        assert_eq!(fingers.of(200, true), None, "an eleventh finger");
        assert_eq!(fingers.of(7, false), Some(first));
        fingers.lift(first);
        assert_eq!(fingers.of(7, false), None);
        assert_eq!(fingers.of(200, true), Some(first));
    }
}
