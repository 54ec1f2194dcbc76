//! The one macro that declares wire types. It owns the tie between a type and its description and must never let
//! a field in without asking for its right to cross.

/// Declares a wire type together with its description.
///
/// The first word says which way the type may cross: `both`, `to_host` or `to_viewer`. Only this crate can use those
/// forms. The form `messages` declares the closed set of messages of one direction and demands of every field the
/// right to cross that way; it grants no rights itself.
#[doc(hidden)]
#[macro_export]
macro_rules! wire {
    // The right to cross, granted only inside this crate: `sealed` is private.
    (@crosses both $name:ident $(<$lt:lifetime>)?) => {
        $crate::wire!(@crosses to_host $name $(<$lt>)?);
        $crate::wire!(@crosses to_viewer $name $(<$lt>)?);
    };
    (@crosses to_host $name:ident $(<$lt:lifetime>)?) => {
        impl $(<$lt>)? $crate::boundary::sealed::ToHost for $name $(<$lt>)? {}
        #[diagnostic::do_not_recommend]
        impl $(<$lt>)? $crate::boundary::CrossesToHost for $name $(<$lt>)? {}
    };
    (@crosses to_viewer $name:ident $(<$lt:lifetime>)?) => {
        impl $(<$lt>)? $crate::boundary::sealed::ToViewer for $name $(<$lt>)? {}
        #[diagnostic::do_not_recommend]
        impl $(<$lt>)? $crate::boundary::CrossesToViewer for $name $(<$lt>)? {}
    };

    (@encoding u8) => { $crate::boundary::Encoding::Byte };
    (@encoding u16) => { $crate::boundary::Encoding::Unsigned };
    (@encoding u32) => { $crate::boundary::Encoding::Unsigned };
    (@encoding u64) => { $crate::boundary::Encoding::Unsigned };
    (@encoding u128) => { $crate::boundary::Encoding::Unsigned };
    (@encoding i32) => { $crate::boundary::Encoding::Signed };

    // A number of which every value is legal.
    (
        $direction:ident
        $(#[doc = $doc:literal])*
        pub number $name:ident($inner:ident), $unit:literal;
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        pub struct $name(
            /// The number itself.
            pub $inner,
        );

        impl $crate::boundary::Described for $name {
            const TYPE: &'static $crate::boundary::Type = &$crate::boundary::Type {
                name: stringify!($name),
                doc: concat!($($doc, "\n"),*),
                shape: $crate::boundary::Shape::Number {
                    min: $inner::MIN as i128,
                    max: $inner::MAX as u128,
                    encoding: $crate::wire!(@encoding $inner),
                    unit: $unit,
                },
            };
        }

        $crate::wire!(@crosses $direction $name);
    };

    // A number within limits.
    (
        $direction:ident
        $(#[doc = $doc:literal])*
        pub number $name:ident($inner:ident) in ($min:expr, $max:expr), $unit:literal;
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize)]
        pub struct $name($inner);

        impl $name {
            /// The smallest value.
            pub const MIN: Self = Self($min);
            /// The largest value.
            pub const MAX: Self = Self($max);

            /// The value, if it is within the limits.
            pub const fn new(value: $inner) -> Result<Self, $crate::OutOfRange> {
                if (value as i128) < ($min as i128) || ($max as i128) < (value as i128) {
                    return Err($crate::OutOfRange(stringify!($name)));
                }
                Ok(Self(value))
            }

            /// The nearest value within the limits.
            pub const fn clamped(value: $inner) -> Self {
                if (value as i128) < ($min as i128) {
                    return Self::MIN;
                }
                if ($max as i128) < (value as i128) {
                    return Self::MAX;
                }
                Self(value)
            }

            /// The number itself.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <$inner as ::serde::Deserialize>::deserialize(deserializer)?;
                Self::new(value).map_err(::serde::de::Error::custom)
            }
        }

        impl $crate::boundary::Described for $name {
            const TYPE: &'static $crate::boundary::Type = &$crate::boundary::Type {
                name: stringify!($name),
                doc: concat!($($doc, "\n"),*),
                shape: $crate::boundary::Shape::Number {
                    min: $min as i128,
                    max: $max as u128,
                    encoding: $crate::wire!(@encoding $inner),
                    unit: $unit,
                },
            };
        }

        $crate::wire!(@crosses $direction $name);
    };

    // Fields that travel together.
    (
        $direction:ident
        $(#[doc = $doc:literal])*
        pub struct $name:ident {
            $( $(#[doc = $fdoc:literal])* $fvis:vis $field:ident: $fty:ty ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ::serde::Serialize, ::serde::Deserialize)]
        pub struct $name {
            $( $(#[doc = $fdoc])* $fvis $field: $fty, )*
        }

        impl $crate::boundary::Described for $name {
            const TYPE: &'static $crate::boundary::Type = &$crate::boundary::Type {
                name: stringify!($name),
                doc: concat!($($doc, "\n"),*),
                shape: $crate::boundary::Shape::Struct(&[
                    $( $crate::boundary::Field {
                        name: stringify!($field),
                        doc: concat!($($fdoc, "\n"),*),
                        of: $crate::boundary::$direction::<$fty>(),
                    }, )*
                ]),
            };
        }

        $crate::wire!(@crosses $direction $name);
    };

    // A closed set of numbered codes, written on the wire as their numbers.
    (
        $direction:ident
        $(#[doc = $doc:literal])*
        pub codes $name:ident {
            $( $(#[doc = $vdoc:literal])* $variant:ident = $number:literal, )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum $name {
            $( $(#[doc = $vdoc])* $variant = $number, )*
        }

        impl $name {
            /// Every code, in the order of declaration.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The number on the wire.
            pub const fn number(self) -> u16 {
                self as u16
            }

            /// The code with this number, if there is one.
            pub const fn from_number(number: u16) -> Option<Self> {
                match number {
                    $( $number => Some(Self::$variant), )*
                    _ => None,
                }
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u16(self.number())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = <u16 as ::serde::Deserialize>::deserialize(deserializer)?;
                Self::from_number(number)
                    .ok_or_else(|| ::serde::de::Error::custom($crate::OutOfRange(stringify!($name))))
            }
        }

        impl $crate::boundary::Described for $name {
            const TYPE: &'static $crate::boundary::Type = &$crate::boundary::Type {
                name: stringify!($name),
                doc: concat!($($doc, "\n"),*),
                shape: $crate::boundary::Shape::Code(&[
                    $( ($number, stringify!($variant), concat!($($vdoc, "\n"),*)), )*
                ]),
            };
        }

        $crate::wire!(@crosses $direction $name);
    };

    // The messages of one direction, each on its channel. Grants no right to cross, so it may be tried from outside.
    (
        messages $direction:ident
        $(#[doc = $doc:literal])*
        pub enum $name:ident $(<$lt:lifetime>)? {
            $(
                $(#[doc = $vdoc:literal])*
                $(#[on($channel:ident)])?
                $variant:ident $({
                    $( $(#[doc = $fdoc:literal])* $(#[serde($fserde:ident)])? $field:ident: $fty:ty ),* $(,)?
                })?
            ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $name $(<$lt>)? {
            $(
                $(#[doc = $vdoc])*
                $variant $({
                    $( $(#[doc = $fdoc])* $(#[serde($fserde)])? $field: $fty, )*
                })?,
            )*
        }

        impl $(<$lt>)? $name $(<$lt>)? {
            /// The message's name, for errors and logs.
            pub const fn name(&self) -> &'static str {
                match self {
                    $( Self::$variant { .. } => stringify!($variant), )*
                }
            }

            $crate::wire!(@channels $( $variant $($channel)? ),*);
        }

        impl $(<$lt>)? $crate::boundary::Described for $name $(<$lt>)? {
            const TYPE: &'static $crate::boundary::Type = &$crate::boundary::Type {
                name: stringify!($name),
                doc: concat!($($doc, "\n"),*),
                shape: $crate::boundary::Shape::Enum(&[
                    $( $crate::boundary::Variant {
                        name: stringify!($variant),
                        doc: concat!($($vdoc, "\n"),*),
                        fields: &[$($( $crate::boundary::Field {
                            name: stringify!($field),
                            doc: concat!($($fdoc, "\n"),*),
                            of: $crate::boundary::$direction::<$fty>(),
                        }, )*)?],
                        channel: $crate::wire!(@channel $($channel)?),
                    }, )*
                ]),
            };
        }
    };
    // Messages that cross have a channel each; those that stay inside the host have none.
    (@channels $( $variant:ident $channel:ident ),*) => {
        /// The channel the message belongs to.
        pub const fn channel(&self) -> $crate::boundary::Channel {
            match self {
                $( Self::$variant { .. } => $crate::boundary::Channel::$channel, )*
            }
        }
    };
    (@channels $( $variant:ident ),*) => {};
    (@channel $channel:ident) => { Some($crate::boundary::Channel::$channel) };
    (@channel) => { None };

    // One of several variants.
    (
        $direction:ident
        $(#[doc = $doc:literal])*
        $(#[derive($($derive:ident),*)])?
        pub enum $name:ident {
            $(
                $(#[doc = $vdoc:literal])*
                $variant:ident
                $({ $( $(#[doc = $fdoc:literal])* $field:ident: $fty:ty ),* $(,)? })?
                $(( $tty:ty ))?
            ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        $(#[derive($($derive),*)])?
        pub enum $name {
            $(
                $(#[doc = $vdoc])*
                $variant $({ $( $(#[doc = $fdoc])* $field: $fty, )* })? $(( $tty ))?,
            )*
        }

        impl $crate::boundary::Described for $name {
            const TYPE: &'static $crate::boundary::Type = &$crate::boundary::Type {
                name: stringify!($name),
                doc: concat!($($doc, "\n"),*),
                shape: $crate::boundary::Shape::Enum(&[
                    $( $crate::boundary::Variant {
                        name: stringify!($variant),
                        doc: concat!($($vdoc, "\n"),*),
                        fields: &[
                            $($( $crate::boundary::Field {
                                name: stringify!($field),
                                doc: concat!($($fdoc, "\n"),*),
                                of: $crate::boundary::$direction::<$fty>(),
                            }, )*)?
                            $( $crate::boundary::Field {
                                name: "value",
                                doc: "",
                                of: $crate::boundary::$direction::<$tty>(),
                            }, )?
                        ],
                        channel: None,
                    }, )*
                ]),
            };
        }

        $crate::wire!(@crosses $direction $name);
    };
}
