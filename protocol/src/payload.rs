//! The two payloads of the protocol: pixels to the viewer and text to the host, both bounded when they are made.
//!
//! This module must never give pixels the right to cross to the host, or text the right to cross to the viewer.
//!
//! ```
//! use shoji_protocol::{Text, limits};
//! assert!(Text::<{ limits::MAX_TEXT }>::new("日本語").is_ok());
//! assert!(Text::<2>::new("日本語").is_err());
//! ```

use crate::boundary::{CrossesToHost, CrossesToViewer, Described, Shape, Type, sealed};
use crate::{OutOfRange, limits};
use alloc::boxed::Box;
use core::fmt;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::ser::{Serialize, Serializer};

/// Encoded pixels on their way to the viewer, at most `MAX` bytes, borrowed from the bytes they came in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pixels<'a, const MAX: usize = { limits::MAX_UPDATE }>(&'a [u8]);

impl<'a, const MAX: usize> Pixels<'a, MAX> {
    /// The bytes as pixels, if an update can hold them.
    pub const fn new(bytes: &'a [u8]) -> Result<Self, OutOfRange> {
        if MAX < bytes.len() {
            return Err(OutOfRange("Pixels"));
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<const MAX: usize> fmt::Debug for Pixels<'_, MAX> {
    // Never the content: what a page shows does not belong into a log.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Pixels({} bytes)", self.0.len())
    }
}

impl<const MAX: usize> Serialize for Pixels<'_, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a, const MAX: usize> Deserialize<'de> for Pixels<'a, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&'de [u8]>::deserialize(deserializer)?;
        Self::new(bytes).map_err(D::Error::custom)
    }
}

impl<const MAX: usize> Described for Pixels<'_, MAX> {
    const TYPE: &'static Type = &Type {
        name: "Pixels",
        doc: "Encoded pixels: the only bytes that cross to the viewer.",
        shape: Shape::Pixels { max_bytes: MAX },
    };
}
impl<const MAX: usize> sealed::ToViewer for Pixels<'_, MAX> {}
#[diagnostic::do_not_recommend]
impl<const MAX: usize> CrossesToViewer for Pixels<'_, MAX> {}

/// Text that a person typed, at most `MAX` bytes of UTF-8.
#[derive(Clone, PartialEq, Eq)]
pub struct Text<const MAX: usize>(Box<str>);

impl<const MAX: usize> Text<MAX> {
    /// The text, if it is short enough.
    pub fn new(text: &str) -> Result<Self, OutOfRange> {
        if MAX < text.len() {
            return Err(OutOfRange("Text"));
        }
        Ok(Self(text.into()))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    // Never the content: what a person types does not belong into a log.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Text({} bytes)", self.0.len())
    }
}

impl<const MAX: usize> Serialize for Text<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded<const MAX: usize>;
        impl<const MAX: usize> Visitor<'_> for Bounded<MAX> {
            type Value = Text<MAX>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "text of at most {MAX} bytes")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Text::new(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Bounded)
    }
}

impl<const MAX: usize> Described for Text<MAX> {
    const TYPE: &'static Type = &Type {
        name: "Text",
        doc: "Text that a person typed: the only text that crosses to the host.",
        shape: Shape::Text { max_bytes: MAX },
    };
}
impl<const MAX: usize> sealed::ToHost for Text<MAX> {}
#[diagnostic::do_not_recommend]
impl<const MAX: usize> CrossesToHost for Text<MAX> {}
