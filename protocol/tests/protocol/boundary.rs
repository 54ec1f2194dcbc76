//! The description of the boundary, and its truth.

use proptest::prelude::*;
use shoji_protocol::boundary::{self, Described, Shape, Type};
use shoji_protocol::{ToHost, ToViewer, limits};

fn shapes(of: &'static Type, found: &mut Vec<&'static Type>) {
    if found.iter().any(|known| std::ptr::eq(*known, of)) {
        return;
    }
    found.push(of);
    match of.shape {
        Shape::Struct(fields) => fields.iter().for_each(|field| shapes(field.of, found)),
        Shape::Enum(variants) => {
            variants.iter().flat_map(|variant| variant.fields).for_each(|field| shapes(field.of, found))
        }
        Shape::Optional(inner) => shapes(inner, found),
        _ => {}
    }
}

#[test]
fn only_pixels_carry_bytes_to_the_viewer_and_no_text_goes_there() {
    let mut found = Vec::new();
    shapes(ToViewer::TYPE, &mut found);
    assert!(found.iter().all(|of| !matches!(of.shape, Shape::Text { .. })));
    let pixels: Vec<_> = found
        .iter()
        .filter_map(|of| match of.shape {
            Shape::Pixels { max_bytes } => Some((of.name, max_bytes)),
            _ => None,
        })
        .collect();
    assert_eq!(pixels, [("Pixels", limits::MAX_UPDATE), ("Pixels", limits::MAX_CURSOR_BYTES)]);
}

#[test]
fn only_one_bounded_text_and_no_bytes_go_to_the_host() {
    let mut found = Vec::new();
    shapes(ToHost::TYPE, &mut found);
    assert!(found.iter().all(|of| !matches!(of.shape, Shape::Pixels { .. })));
    let text: Vec<_> = found.iter().filter(|of| matches!(of.shape, Shape::Text { .. })).map(|of| of.name).collect();
    assert_eq!(text, ["Text"]);
}

#[test]
fn everything_described_says_what_it_is_for() {
    let boundary = boundary::describe();
    for message in &boundary.messages {
        assert!(!message.doc.is_empty() && !message.channel.is_empty(), "{}", message.name);
        assert!(
            message.fields.iter().all(|field| !field.doc.is_empty() && !field.limit.is_empty()),
            "{}",
            message.name
        );
    }
    assert!(boundary.types.iter().all(|line| !line.doc.is_empty()));
    assert!(boundary.rates.iter().all(|line| !line.reason.is_empty()));
    assert!(boundary.limits.iter().all(|line| !line.reason.is_empty()));
}

#[test]
fn the_description_is_the_committed_one() {
    insta::assert_snapshot!("boundary", boundary::describe().to_markdown());
}

#[test]
fn no_message_is_larger_than_its_frame_may_be() {
    for message in boundary::describe().messages {
        let limit = match message.direction {
            "viewer to host" => limits::MAX_TO_HOST,
            _ => limits::MAX_TO_VIEWER,
        };
        assert!(message.max_bytes <= limit, "{} may have {} bytes", message.name, message.max_bytes);
    }
}

fn sampled(of: &Type, choices: &[u128]) -> Vec<u8> {
    let mut next = 0;
    let mut out = Vec::new();
    boundary::sample(
        of,
        1_000,
        &mut |below| {
            let choice = choices[next % choices.len()];
            next += 1;
            if below == 0 { choice } else { choice % below }
        },
        &mut out,
    );
    out
}

proptest! {
    #[test]
    fn what_the_description_allows_is_what_the_host_decodes(choices in prop::collection::vec(any::<u128>(), 1..40)) {
        let bytes = sampled(ToHost::TYPE, &choices);
        let message = ToHost::decode(&bytes);
        prop_assert!(message.is_ok(), "{bytes:02x?}");
        let mut again = Vec::new();
        message.unwrap().encode(&mut again);
        prop_assert_eq!(bytes, again);
    }

    #[test]
    fn what_the_description_allows_is_what_the_viewer_decodes(choices in prop::collection::vec(any::<u128>(), 1..40)) {
        let bytes = sampled(ToViewer::TYPE, &choices);
        let message = ToViewer::decode(&bytes);
        prop_assert!(message.is_ok(), "{bytes:02x?}");
        let mut again = Vec::new();
        message.unwrap().encode(&mut again);
        prop_assert_eq!(bytes, again);
    }
}
