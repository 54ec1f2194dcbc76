//! What may cross the boundary, said once: every wire type is declared through `wire!`, which makes both the type
//! and its description. `shoji-host boundary` prints the description, so the list cannot differ from the code.
//!
//! This module owns the right to cross. A field of a host→viewer message has to implement [`CrossesToViewer`], a
//! field of a viewer→host message [`CrossesToHost`]. Both traits are sealed and neither is implemented for `String`,
//! `&str`, `Vec<u8>`, `&[u8]` or arrays: bytes reach the viewer only as [`Pixels`](crate::Pixels), text reaches the
//! host only as the bounded [`Text`](crate::Text).
//!
//! It must never offer a way round that: no free bytes, no free text, no "any value".
//!
//! ```
//! let boundary = shoji_protocol::boundary::describe();
//! assert!(boundary.messages.iter().any(|message| message.name == "Update"));
//! ```

mod describe;
mod macros;
mod sample;

pub use describe::{Boundary, FieldLine, LimitLine, MessageLine, RateLine, TypeLine, VariantLine, describe};
pub use sample::sample;

/// One of the ordered byte streams between viewer and host. What is on one channel arrives in order; two channels
/// keep no order between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Both ways: hello, attach, keep-alive, close.
    Control,
    /// Viewer to host: input and what must stay in order with it. Copies of input may come beside it, in datagrams.
    Input,
    /// Host to viewer: canvases, updates, cursor. Copies of its bytes may come beside it, in datagrams.
    Updates,
}

impl Channel {
    /// The channel's name as the description prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "Control",
            Self::Input => "Input",
            Self::Updates => "Updates",
        }
    }
}

/// A wire type: its name, what it means, and every value it can have.
#[derive(Debug)]
pub struct Type {
    /// Name of the Rust type.
    pub name: &'static str,
    /// Its documentation comment.
    pub doc: &'static str,
    /// The values it can have.
    pub shape: Shape,
}

/// The values a wire type can have.
#[derive(Debug)]
pub enum Shape {
    /// One byte, 0 or 1.
    Flag,
    /// A number within limits, both included.
    Number {
        /// Smallest value.
        min: i128,
        /// Largest value.
        max: u128,
        /// How it is written on the wire.
        encoding: Encoding,
        /// What one step of the number is.
        unit: &'static str,
    },
    /// All fields, one after the other.
    Struct(&'static [Field]),
    /// One of the variants.
    Enum(&'static [Variant]),
    /// One of the listed numbers, each with its name and documentation.
    Code(&'static [(u16, &'static str, &'static str)]),
    /// Nothing, or a value of the type.
    Optional(&'static Type),
    /// UTF-8 text of at most this many bytes.
    Text {
        /// Most bytes.
        max_bytes: usize,
    },
    /// Encoded pixels of at most this many bytes.
    Pixels {
        /// Most bytes.
        max_bytes: usize,
    },
}

/// How a number is written on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// One byte as it is.
    Byte,
    /// Unsigned, seven bits to a byte, shortest form.
    Unsigned,
    /// Signed (zigzag), seven bits to a byte, shortest form.
    Signed,
}

/// A field of a message or type.
#[derive(Debug)]
pub struct Field {
    /// Name of the field.
    pub name: &'static str,
    /// Its documentation comment.
    pub doc: &'static str,
    /// Its type.
    pub of: &'static Type,
}

/// A variant of an enum; for the message enums, a message.
#[derive(Debug)]
pub struct Variant {
    /// Name of the variant.
    pub name: &'static str,
    /// Its documentation comment.
    pub doc: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
    /// The channel it belongs to, if it is a message that crosses.
    pub channel: Option<Channel>,
}

/// A type whose values are described.
pub trait Described {
    /// The description.
    const TYPE: &'static Type;
}

/// A type that may be a field of a viewer→host message. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may not cross to the host",
    label = "not allowed in a viewer→host message"
)]
pub trait CrossesToHost: Described + sealed::ToHost {}

/// A type that may be a field of a host→viewer message. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may not cross to the viewer",
    label = "not allowed in a host→viewer message"
)]
pub trait CrossesToViewer: Described + sealed::ToViewer {}

pub(crate) mod sealed {
    pub trait ToHost {}
    pub trait ToViewer {}
}

/// The description of a field of a viewer→host message: there is none for a type that may not cross.
#[doc(hidden)]
pub const fn to_host<T: CrossesToHost>() -> &'static Type {
    T::TYPE
}

/// The description of a field of a host→viewer message: there is none for a type that may not cross.
#[doc(hidden)]
pub const fn to_viewer<T: CrossesToViewer>() -> &'static Type {
    T::TYPE
}

/// The description of a field of a type that crosses both ways.
#[doc(hidden)]
pub const fn both<T: CrossesToHost + CrossesToViewer>() -> &'static Type {
    T::TYPE
}

crate::wire!(@crosses both bool);
crate::wire!(@crosses both u16);

impl Described for bool {
    const TYPE: &'static Type = &Type { name: "bool", doc: "True or false.", shape: Shape::Flag };
}

impl Described for u16 {
    const TYPE: &'static Type = &Type {
        name: "u16",
        doc: "A small number.",
        shape: Shape::Number { min: 0, max: u16::MAX as u128, encoding: Encoding::Unsigned, unit: "1" },
    };
}

impl<T: Described> Described for Option<T> {
    const TYPE: &'static Type = &Type { name: "Option", doc: "A value, or nothing.", shape: Shape::Optional(T::TYPE) };
}

impl<T: CrossesToHost> sealed::ToHost for Option<T> {}
#[diagnostic::do_not_recommend]
impl<T: CrossesToHost> CrossesToHost for Option<T> {}
impl<T: CrossesToViewer> sealed::ToViewer for Option<T> {}
#[diagnostic::do_not_recommend]
impl<T: CrossesToViewer> CrossesToViewer for Option<T> {}
