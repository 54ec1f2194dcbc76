//! What a viewer may say to a host: [`ToHost`]. This module must never name a command, a path or a host setting.
//!
//! ```
//! use shoji_protocol::{Channel, ToHost};
//! assert_eq!(ToHost::Detach.channel(), Channel::Control);
//! ```

use crate::{
    CanvasId, Capabilities, CloseCode, Finger, Fixed, InputSequence, Key, Nonce, Position, ResumeToken, Text, UpdateId,
    Viewport, WheelDelta, limits, wire,
};

wire! { messages to_host
    /// A message from viewer to host.
    pub enum ToHost {
        /// The first message of a connection.
        #[on(Control)]
        Hello {
            /// Newest minor version the viewer speaks.
            minor: u16,
            /// What the viewer can do.
            capabilities: Capabilities,
            /// The language of the person at the viewer.
            locale: Locale,
        },
        /// Asks for a session, once per connection.
        #[on(Control)]
        Attach {
            /// A new session, or one that was left.
            how: AttachHow,
            /// What the viewer shows it in.
            viewport: Viewport,
            /// The keyboard in front of the person.
            keyboard: KeyboardLayout,
        },
        /// Leaves the session; it goes on without a viewer for a time.
        #[on(Control)]
        Detach,
        /// Ends the session and its browser.
        #[on(Control)]
        End,
        /// A window got another size.
        #[on(Input)]
        Resize {
            /// The window's canvas.
            canvas: CanvasId,
            /// What it is shown in from now on.
            viewport: Viewport,
        },
        /// Asks the browser to close a window.
        #[on(Input)]
        CloseCanvas {
            /// The window's canvas.
            canvas: CanvasId,
        },
        /// The viewer lost a canvas's picture and needs the whole.
        #[on(Input)]
        Repaint {
            /// The canvas.
            canvas: CanvasId,
        },
        /// The viewer shows this update and all before it of the same canvas.
        #[on(Input)]
        Presented {
            /// The canvas.
            canvas: CanvasId,
            /// Its newest update that is shown.
            update: UpdateId,
        },
        /// A person did something.
        #[on(Input)]
        Input {
            /// 1 for the first event of an attachment, then one more each.
            sequence: InputSequence,
            /// What it was.
            event: Input,
        },
        /// Asks whether the host is there.
        #[on(Control)]
        Ping {
            /// What the answer has to carry.
            nonce: Nonce,
        },
        /// The viewer is there.
        #[on(Control)]
        Pong {
            /// What the question carried.
            nonce: Nonce,
        },
        /// The last message: the viewer leaves.
        #[on(Control)]
        Close {
            /// Why.
            code: CloseCode,
        },
    }
}

wire! { to_host
    /// Something that a person did.
    pub enum Input {
        /// A key went down or up. Held keys are not repeated here; the host repeats them.
        Key {
            /// Which key.
            key: Key,
            /// Down or up.
            pressed: bool,
        },
        /// The pointer moved over a canvas.
        PointerMotion {
            /// The canvas.
            canvas: CanvasId,
            /// Where it is now.
            position: Position,
        },
        /// The pointer moved while it is locked.
        PointerRelative {
            /// To the right.
            dx: Fixed,
            /// Down.
            dy: Fixed,
        },
        /// A button went down or up, where the pointer is.
        PointerButton {
            /// Which button.
            button: Button,
            /// Down or up.
            pressed: bool,
        },
        /// The pointer left the canvases.
        PointerLeave,
        /// A wheel or a scrolling finger moved.
        Wheel {
            /// To the right.
            horizontal: WheelDelta,
            /// Down.
            vertical: WheelDelta,
            /// What moved.
            source: WheelSource,
        },
        /// A finger touches the screen.
        Touch {
            /// Which finger.
            finger: Finger,
            /// What it did.
            phase: TouchPhase,
            /// On which canvas.
            canvas: CanvasId,
            /// Where.
            position: Position,
        },
        /// The keyboard went to a canvas, or away: then all keys and buttons are up.
        Focus {
            /// The canvas, or nothing.
            canvas: Option<CanvasId>,
        },
        /// An input method gave finished text, which takes the place of what it was composing.
        Commit {
            /// The text.
            text: Text<{ limits::MAX_TEXT }>,
        },
        /// What an input method is composing now; empty: nothing any more.
        Preedit {
            /// The text.
            text: Text<{ limits::MAX_TEXT }>,
            /// Where in it the person works, or nothing if that is not shown.
            cursor: Option<PreeditCursor>,
        },
        /// All keys that are down are still held by a hand. Without this word the host lifts what would repeat.
        StillHeld,
        /// Whether a key that locks is on at the PC, where its light is: the host's follows.
        Lock {
            /// Which.
            lock: Lock,
            /// On or off.
            on: bool,
        },
    }
}

wire! { to_host
    /// A key that locks.
    #[derive(Copy, Hash)]
    pub enum Lock {
        /// Capitals without Shift.
        Caps,
        /// Digits on the keypad.
        Num,
    }
}

wire! { to_host
    /// A place between bytes of a composed text.
    pub number TextOffset(u16) in (0, limits::MAX_TEXT as u16), "byte of UTF-8";
}

wire! { to_host
    /// The part of a composed text that is being converted; from = to: the place where it goes on. Places that are not
    /// between characters or not in the text are moved to the nearest one before.
    pub struct PreeditCursor {
        /// Where it begins.
        pub from: TextOffset,
        /// Where it ends.
        pub to: TextOffset,
    }
}

wire! { to_host
    /// Which session a viewer wants.
    #[derive(Copy)]
    pub enum AttachHow {
        /// A new one.
        New,
        /// The one it had before.
        Resume(ResumeToken),
        /// The one that its user has, wherever it is shown now, or else a new one: a viewer that was restarted, or another PC.
        Own,
    }
}

wire! { to_host
    /// What is printed on the keys.
    #[derive(Copy, Hash)]
    pub enum KeyboardLayout {
        /// Japanese (JIS, 109 keys).
        Jp,
        /// English (US, 104 keys).
        Us,
        /// English (US), with dead keys for accents.
        UsInternational,
        /// English (UK).
        Gb,
        /// German.
        De,
        /// French.
        Fr,
        /// Spanish.
        Es,
        /// Italian.
        It,
        /// Portuguese.
        Pt,
        /// Portuguese (Brazil).
        Br,
        /// Korean.
        Kr,
    }
}

wire! { to_host
    /// A language of texts that people read.
    #[derive(Copy, Hash)]
    pub enum Locale {
        /// Japanese.
        Ja,
        /// English.
        En,
    }
}

wire! { to_host
    /// A button of a pointing device.
    #[derive(Copy, Hash)]
    pub enum Button {
        /// The first button.
        Left,
        /// The wheel as a button.
        Middle,
        /// The second button.
        Right,
        /// One page back.
        Back,
        /// One page forward.
        Forward,
    }
}

wire! { to_host
    /// What scrolls.
    #[derive(Copy, Hash)]
    pub enum WheelSource {
        /// A wheel; its distances are 1/120 of a notch.
        Wheel,
        /// A finger on a touch pad; its distances are 1/256 of a physical pixel. Both distances 0: it was lifted.
        Finger,
    }
}

wire! { to_host
    /// What a touching finger does.
    #[derive(Copy, Hash)]
    pub enum TouchPhase {
        /// It touches.
        Down,
        /// It moves.
        Motion,
        /// It is lifted.
        Up,
        /// The system took the touch for itself.
        Cancel,
    }
}
