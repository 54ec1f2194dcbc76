//! Keyboard layouts: the names by which xkb-data knows them, and the keys that lock.
//!
//! Owns the table, and changing the session's layout and locks. Must never read what keys mean: that is the client's business.

use smithay::input::keyboard::{KeyboardTarget as _, XkbConfig, xkb};
use smithay::utils::SERIAL_COUNTER;

use crate::state::State;
use crate::types::{Error, KeyboardLayout, Lock};

impl State {
    /// Changes the keyboard layout of the session.
    pub(crate) fn set_layout(&mut self, layout: KeyboardLayout) -> bool {
        if layout == self.hands.layout {
            return true;
        }
        let keyboard = self.keyboard.clone();
        let set = match self.keymaps.text(layout) {
            Some(text) => keyboard.set_keymap_from_string(self, text.to_owned()).is_ok(),
            None => keyboard.set_xkb_config(self, xkb_config(layout)).is_ok(),
        };
        if set {
            self.hands.layout = layout;
        }
        set
    }
}

impl State {
    /// Switches a lock of the session's keyboard, without a key that the client would hear.
    pub(crate) fn set_lock(&mut self, lock: Lock, on: bool) {
        let keyboard = self.keyboard.clone();
        let mut modifiers = keyboard.modifier_state();
        match lock {
            Lock::Caps => modifiers.caps_lock = on,
            Lock::Num => modifiers.num_lock = on,
        }
        if keyboard.set_modifier_state(modifiers) == 0 {
            return;
        }
        // The client hears of modifiers with the next key that changes them; these are changed by none.
        if let Some(focus) = keyboard.current_focus() {
            let seat = self.seat.clone();
            focus.modifiers(&seat, self, keyboard.modifier_state(), SERIAL_COUNTER.next_serial());
        }
    }
}

/// Every layout as a text, so that none has to be read from a file any more. Some 60 kB each.
#[derive(Debug, Default)]
pub(crate) struct Keymaps {
    texts: Vec<(KeyboardLayout, String)>,
}

impl Keymaps {
    /// Reads them all.
    pub(crate) fn read() -> Result<Self, Error> {
        let context = xkb::Context::new(xkb::CONTEXT_NO_FLAGS);
        let text = |layout: KeyboardLayout| {
            let XkbConfig { rules, model, layout: name, variant, options } = xkb_config(layout);
            let flags = xkb::KEYMAP_COMPILE_NO_FLAGS;
            let keymap = xkb::Keymap::new_from_names(&context, rules, model, name, variant, options, flags)
                .ok_or(Error::Keymap(layout))?;
            Ok((layout, keymap.get_as_string(xkb::KEYMAP_FORMAT_TEXT_V1)))
        };
        Ok(Self { texts: KeyboardLayout::ALL.into_iter().map(text).collect::<Result<_, _>>()? })
    }

    fn text(&self, layout: KeyboardLayout) -> Option<&str> {
        self.texts.iter().find_map(|(of, text)| (*of == layout).then_some(text.as_str()))
    }
}

/// The names by which xkb-data knows a layout.
pub(crate) fn xkb_config(layout: KeyboardLayout) -> XkbConfig<'static> {
    let (model, layout, variant) = match layout {
        KeyboardLayout::Jp => ("jp106", "jp", ""),
        KeyboardLayout::Us => ("pc105", "us", ""),
        KeyboardLayout::UsInternational => ("pc105", "us", "intl"),
        KeyboardLayout::Gb => ("pc105", "gb", ""),
        KeyboardLayout::De => ("pc105", "de", ""),
        KeyboardLayout::Fr => ("pc105", "fr", ""),
        KeyboardLayout::Es => ("pc105", "es", ""),
        KeyboardLayout::It => ("pc105", "it", ""),
        KeyboardLayout::Pt => ("pc105", "pt", ""),
        KeyboardLayout::Br => ("abnt2", "br", ""),
        KeyboardLayout::Kr => ("pc106", "kr", ""),
    };
    XkbConfig { rules: "evdev", model, layout, variant, options: Some(String::new()) }
}
