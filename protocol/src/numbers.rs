//! The numbers of the protocol, each a type of its own so that none is taken for another. A number with limits cannot
//! be made outside them, neither by a caller nor by a decoder.
//!
//! ```
//! use shoji_protocol::Scale;
//! assert_eq!(Scale::new(180).map(Scale::get), Ok(180)); // one and a half
//! assert!(Scale::new(100).is_err());
//! ```

use crate::wire;
use core::ops::{BitAnd, BitOr};

wire! { both
    /// A canvas of a session. Ids rise in the order of opening and are not used again within an attachment.
    pub number CanvasId(u32), "id";
}
wire! { both
    /// An update of a canvas; rises by at least one from update to update of the same canvas.
    pub number UpdateId(u64), "id";
}
wire! { both
    /// The place of an input event in its attachment: 1 for the first, then one more each. 0 says "none yet".
    pub number InputSequence(u64), "place";
}
wire! { to_viewer
    /// A session, for display and for the administrator; no right comes with knowing it.
    pub number SessionId(u64), "id";
}
wire! { both
    /// Proof that a viewer had this session before; random, made by the host, good for the same device only.
    pub number ResumeToken(u128), "secret";
}
wire! { both
    /// A number that a ping carries and its pong returns.
    pub number Nonce(u32), "1";
}
wire! { to_host
    /// A position or distance.
    pub number Fixed(i32), "1/256 physical pixel";
}
wire! { to_host
    /// How many physical pixels a page's pixel has.
    pub number Scale(u16) in (120, 360), "1/120";
}
wire! { to_host
    /// How often the viewer's screen shows a new picture.
    pub number Rate(u32) in (1_000, 240_000), "mHz";
}
wire! { to_host
    /// A physical key by its Linux evdev code, whatever is printed on it.
    pub number Key(u16) in (1, 0x2ff), "evdev code";
}
wire! { to_host
    /// A finger on a touch screen.
    pub number Finger(u8) in (0, 9), "finger";
}
wire! { to_host
    /// How far a wheel or a scrolling finger moved: right and down are positive.
    pub number WheelDelta(i32) in (-1_048_576, 1_048_576), "1/120 notch, or 1/256 physical pixel for a finger";
}
wire! { to_viewer
    /// Silence after which an end asks whether the other is still there.
    pub number KeepAlive(u16) in (1_000, 60_000), "ms";
}
wire! { to_viewer
    /// Which of the browser's text fields has the caret.
    pub number TextField(u32), "number";
}
wire! { both
    /// What an end can do, one bit each; both ends do what both can. Unknown bits are nobody's capability.
    pub number Capabilities(u32), "bit set";
}

impl InputSequence {
    /// No input yet.
    pub const NONE: Self = Self(0);

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl Fixed {
    /// The nearest position to a number of physical pixels; what is not a number becomes 0.
    pub fn from_pixels(pixels: f64) -> Self {
        // A float that does not fit saturates, and NaN becomes 0: both are what is wanted here.
        Self((pixels * 256.0) as i32)
    }

    /// The position in physical pixels.
    pub fn to_pixels(self) -> f64 {
        f64::from(self.0) / 256.0
    }
}

impl Scale {
    /// One physical pixel for a page's pixel.
    pub const ONE: Self = Self::MIN;

    /// The factor as a number.
    pub fn to_factor(self) -> f64 {
        f64::from(self.get()) / 120.0
    }
}

impl Rate {
    /// 60 pictures a second.
    pub const HZ_60: Self = match Self::new(60_000) {
        Ok(rate) => rate,
        Err(_) => Self::MIN,
    };

    /// The time from one picture to the next.
    pub const fn interval(self) -> crate::time::Duration {
        crate::time::Duration::from_micros(1_000_000_000 / self.get() as u64)
    }
}

impl Key {
    /// Whether it is one that other keys are held with, or a lock: it does not repeat. Numbers of Linux's key codes.
    pub const fn is_modifier(self) -> bool {
        matches!(self.get(), 29 | 42 | 54 | 56 | 58 | 69 | 70 | 97 | 100 | 125 | 126)
    }
}

impl Capabilities {
    /// No capability.
    pub const NONE: Self = Self(0);
    /// The viewer decodes H.264.
    pub const H264: Self = Self(1);
    /// The viewer can lock the pointer and send relative motion.
    pub const POINTER_LOCK: Self = Self(2);
    /// The viewer sends touch.
    pub const TOUCH: Self = Self(4);
    /// The viewer shows cursor pictures.
    pub const CURSOR_IMAGE: Self = Self(8);
    /// The viewer sends copies of its input in datagrams beside the stream, and the host takes from them what it lacks.
    pub const INPUT_COPIES: Self = Self(16);
    /// The host may send copies of the updates' bytes in datagrams beside their stream ([`splice`](crate::splice)).
    pub const UPDATE_COPIES: Self = Self(32);
    /// Everything this version knows.
    pub const ALL: Self = Self(63);

    /// Whether all of `wanted` is in the set.
    pub const fn contains(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    /// The set without these.
    #[must_use]
    pub const fn without(self, unwanted: Self) -> Self {
        Self(self.0 & !unwanted.0)
    }
}

impl BitOr for Capabilities {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Capabilities {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}
