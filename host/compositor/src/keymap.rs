//! Keyboard layouts: the names by which xkb-data knows them.
//!
//! Owns the table, and changing the session's layout. Must never read what keys mean: that is the client's business.

use smithay::input::keyboard::XkbConfig;

use crate::state::State;
use crate::types::KeyboardLayout;

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
