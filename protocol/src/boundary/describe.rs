//! The description of everything that can cross, made from the types. Owns its form as data and as Markdown; must never
//! say anything that is not derived from a type or a limit.

use super::{Channel, Described, Encoding, Field, Shape, Type, Variant};
use crate::{ToHost, ToViewer, limits};
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;
use serde::Serialize;

/// Everything that can cross the boundary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Boundary {
    /// The minor version it describes.
    pub minor: u16,
    /// Every message.
    pub messages: Vec<MessageLine>,
    /// Every type of a field, each once.
    pub types: Vec<TypeLine>,
    /// How often messages may come.
    pub rates: Vec<RateLine>,
    /// Every other limit.
    pub limits: Vec<LimitLine>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MessageLine {
    /// Its name.
    pub name: &'static str,
    /// Which way it goes.
    pub direction: &'static str,
    /// The channel it belongs to.
    pub channel: &'static str,
    /// Most bytes that it can have, header excluded.
    pub max_bytes: usize,
    /// What it means.
    pub doc: String,
    /// Its fields.
    pub fields: Vec<FieldLine>,
}

/// A field of a message or type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldLine {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    #[serde(rename = "type")]
    pub of: String,
    /// The values it can have.
    pub limit: String,
    /// What it means.
    pub doc: String,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TypeLine {
    /// Its name.
    pub name: &'static str,
    /// The values it can have.
    pub limit: String,
    /// What it means.
    pub doc: String,
    /// Its fields, if it has some.
    pub fields: Vec<FieldLine>,
    /// Its variants, if it has some.
    pub variants: Vec<VariantLine>,
}

/// A variant of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VariantLine {
    /// Its name.
    pub name: &'static str,
    /// Its number on the wire.
    pub number: u16,
    /// What it means.
    pub doc: String,
    /// Its fields.
    pub fields: Vec<FieldLine>,
}

/// How often something may come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RateLine {
    /// What.
    pub name: &'static str,
    /// How many a second.
    pub per_second: u32,
    /// How many at once.
    pub burst: u32,
    /// Why so many.
    pub reason: String,
}

/// A limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitLine {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: u64,
    /// What it is and why.
    pub reason: String,
}

/// Describes everything that can cross.
pub fn describe() -> Boundary {
    let mut messages = Vec::new();
    let mut types = Types::default();
    for (direction, of) in [("viewer to host", ToHost::TYPE), ("host to viewer", ToViewer::TYPE)] {
        let Shape::Enum(variants) = of.shape else {
            continue;
        };
        for (index, variant) in variants.iter().enumerate() {
            messages.push(MessageLine {
                name: variant.name,
                direction,
                channel: variant.channel.map_or("", Channel::name),
                max_bytes: varint_bytes(index as u128) + fields_bytes(variant.fields),
                doc: text(variant.doc),
                fields: fields(variant.fields),
            });
            types.add_fields(variant.fields);
        }
    }
    let rates = limits::RATES
        .iter()
        .map(|rate| RateLine {
            name: rate.name,
            per_second: rate.per_second,
            burst: rate.burst,
            reason: text(rate.reason),
        })
        .collect();
    let limits =
        limits::ALL.iter().map(|&(name, value, reason)| LimitLine { name, value, reason: text(reason) }).collect();
    Boundary { minor: limits::MINOR, messages, types: types.lines, rates, limits }
}

impl Boundary {
    /// The description as a page of Markdown.
    pub fn to_markdown(&self) -> String {
        let mut out = String::from("# What can cross the boundary\n\n");
        let _ = writeln!(out, "Minor version {}. Made from the types; nothing else can be sent.", self.minor);
        for direction in ["viewer to host", "host to viewer"] {
            let _ = writeln!(out, "\n## Messages, {direction}\n");
            for message in self.messages.iter().filter(|message| message.direction == direction) {
                let _ = writeln!(
                    out,
                    "- **{}** ({} channel, at most {} bytes): {}",
                    message.name, message.channel, message.max_bytes, message.doc
                );
                write_fields(&mut out, &message.fields);
            }
        }
        out.push_str("\n## Types\n\n");
        for line in &self.types {
            let _ = writeln!(out, "- **{}** ({}): {}", line.name, line.limit, line.doc);
            write_fields(&mut out, &line.fields);
            for variant in &line.variants {
                let _ = writeln!(out, "  - {} = {}: {}", variant.name, variant.number, variant.doc);
                for field in &variant.fields {
                    let _ = writeln!(out, "    - `{}`: {} ({}). {}", field.name, field.of, field.limit, field.doc);
                }
            }
        }
        out.push_str("\n## Rates\n\n| what | a second | at once | why |\n|---|---|---|---|\n");
        for rate in &self.rates {
            let _ = writeln!(out, "| {} | {} | {} | {} |", rate.name, rate.per_second, rate.burst, rate.reason);
        }
        out.push_str("\n## Limits\n\n| name | value | what and why |\n|---|---|---|\n");
        for limit in &self.limits {
            let _ = writeln!(out, "| {} | {} | {} |", limit.name, limit.value, limit.reason);
        }
        out
    }
}

fn write_fields(out: &mut String, fields: &[FieldLine]) {
    for field in fields {
        let _ = writeln!(out, "  - `{}`: {} ({}). {}", field.name, field.of, field.limit, field.doc);
    }
}

fn fields(fields: &[Field]) -> Vec<FieldLine> {
    fields
        .iter()
        .map(|field| FieldLine {
            name: field.name,
            of: match field.of.shape {
                Shape::Optional(of) => format!("optional {}", of.name),
                _ => field.of.name.to_string(),
            },
            limit: limit(field.of),
            doc: text(field.doc),
        })
        .collect()
}

fn limit(of: &Type) -> String {
    match of.shape {
        Shape::Flag => "true or false".to_string(),
        Shape::Number { min, max, unit, .. } => format!("{min} to {max}, {unit}"),
        Shape::Struct(fields) => format!("{} fields", fields.len()),
        Shape::Enum(variants) => format!("one of {}", variants.len()),
        Shape::Code(codes) => format!("one of {}", codes.len()),
        Shape::Optional(of) => limit(of),
        Shape::Text { max_bytes } => format!("at most {max_bytes} bytes of UTF-8"),
        Shape::Pixels { max_bytes } => format!("at most {max_bytes} bytes of encoded pixels"),
    }
}

/// Most bytes of a value.
fn max_bytes(of: &Type) -> usize {
    match of.shape {
        Shape::Flag => 1,
        Shape::Number { min, max, encoding, .. } => match encoding {
            Encoding::Byte => 1,
            Encoding::Unsigned => varint_bytes(max),
            // Zigzag doubles a number.
            Encoding::Signed => varint_bytes(max.max(min.unsigned_abs()) * 2),
        },
        Shape::Struct(fields) => fields_bytes(fields),
        Shape::Enum(variants) => (variants.iter().enumerate())
            .map(|(index, variant)| varint_bytes(index as u128) + fields_bytes(variant.fields))
            .max()
            .unwrap_or(0),
        Shape::Code(codes) => codes.iter().map(|&(number, ..)| varint_bytes(number.into())).max().unwrap_or(0),
        Shape::Optional(of) => 1 + max_bytes(of),
        Shape::Text { max_bytes } | Shape::Pixels { max_bytes } => varint_bytes(max_bytes as u128) + max_bytes,
    }
}

fn fields_bytes(fields: &[Field]) -> usize {
    fields.iter().map(|field| max_bytes(field.of)).sum()
}

/// Bytes of a number in seven bits to a byte.
fn varint_bytes(value: u128) -> usize {
    (128 - value.leading_zeros() as usize).div_ceil(7).max(1)
}

/// A documentation comment as one line.
fn text(doc: &str) -> String {
    let mut out = String::new();
    for word in doc.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[derive(Default)]
struct Types {
    seen: BTreeSet<(&'static str, String)>,
    lines: Vec<TypeLine>,
}

impl Types {
    fn add_fields(&mut self, fields: &'static [Field]) {
        for field in fields {
            self.add(field.of);
        }
    }

    fn add(&mut self, of: &'static Type) {
        if let Shape::Optional(inner) = of.shape {
            return self.add(inner);
        }
        if !self.seen.insert((of.name, limit(of))) {
            return;
        }
        let mut line =
            TypeLine { name: of.name, limit: limit(of), doc: text(of.doc), fields: Vec::new(), variants: Vec::new() };
        match of.shape {
            Shape::Struct(inner) => line.fields = fields(inner),
            Shape::Enum(variants) => line.variants = variants.iter().zip(0..).map(variant_line).collect(),
            Shape::Code(codes) => {
                line.variants = codes
                    .iter()
                    .map(|&(number, name, doc)| VariantLine { name, number, doc: text(doc), fields: Vec::new() })
                    .collect();
            }
            _ => {}
        }
        self.lines.push(line);
        match of.shape {
            Shape::Struct(inner) => self.add_fields(inner),
            Shape::Enum(variants) => variants.iter().for_each(|variant| self.add_fields(variant.fields)),
            _ => {}
        }
    }
}

fn variant_line((variant, number): (&Variant, u16)) -> VariantLine {
    VariantLine { name: variant.name, number, doc: text(variant.doc), fields: fields(variant.fields) }
}
