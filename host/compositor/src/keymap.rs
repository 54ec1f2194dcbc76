//! Keyboard layouts: the names by which xkb-data knows them, and the keys that lock.
//!
//! Owns the table, and changing the session's layout and locks. Must never read what keys mean: that is the client's business.

use smithay::input::keyboard::{KeyboardTarget as _, XkbConfig};
use smithay::utils::SERIAL_COUNTER;

use crate::state::State;
use crate::types::{KeyboardLayout, Lock};

impl State {
    /// Changes the keyboard layout of the session.
    pub(crate) fn set_layout(&mut self, layout: KeyboardLayout) -> bool {
        if layout == self.hands.layout {
            return true;
        }
        let keyboard = self.keyboard.clone();
        let set = keyboard.set_xkb_config(self, xkb_config(layout)).is_ok();
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
