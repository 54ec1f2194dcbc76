//! The panel with the connection's details, shown on a key.
//!
//! Owns its rows and look. Numbers come from [`crate::stats::Snapshot`]; it measures nothing.

use super::{
    image::Image,
    state,
    text::{Painter, Style},
};
use crate::{
    stats::Snapshot,
    texts::{Language, Text},
};

/// Draws the panel; `room` is the width it may take, in physical pixels.
pub fn panel(
    painter: &mut Painter,
    language: Language,
    snapshot: &Snapshot,
    host: &str,
    device: &str,
    room: u32,
    scale: f64,
) -> Image {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "lengths of some hundred pixels")]
    let px = |length: f64| (length * scale).round() as u32;
    #[expect(clippy::cast_possible_truncation, reason = "a letter's size")]
    let style = |size: f64, bold, colour| Style { size: (size * scale) as f32, bold, colour };
    let palette = painter.palette();
    let (label, value) = (style(13.0, false, palette.on_veil), style(13.0, false, 0xff_ffff));
    #[expect(clippy::cast_precision_loss, reason = "window coordinates are far below 2^24")]
    let room = room.max(px(200.0)) as f32;
    let mut title =
        painter.layout(Text::DetailsTitle.in_language(language), style(14.0, true, super::frame::COLOUR), room);
    let mut rows: Vec<_> = rows(language, snapshot, host, device)
        .into_iter()
        .map(|(name, text)| {
            (painter.layout(name.in_language(language), label, room), painter.layout(&text, value, room))
        })
        .collect();

    let (pad, gap) = (px(14.0), px(20.0));
    let names = rows.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    let values = rows.iter().map(|(_, value)| value.width()).max().unwrap_or(0);
    let width = (names + gap + values).max(title.width()) + 2 * pad;
    let height = title.height() + px(4.0) + rows.iter().map(|(name, _)| name.height()).sum::<u32>() + 2 * pad;
    let mut image = Image::new(width, height, 0);
    state::veil(painter, state::logical(8.0, scale), scale, &mut image);
    painter.draw(&mut title, pad, pad, &mut image);
    let mut y = pad + title.height() + px(4.0);
    for (name, value) in &mut rows {
        painter.draw(name, pad, y, &mut image);
        painter.draw(value, pad + names + gap, y, &mut image);
        y += name.height();
    }
    image
}

fn rows(language: Language, snapshot: &Snapshot, host: &str, device: &str) -> Vec<(Text, String)> {
    let none = || Text::DetailsNone.in_language(language).to_owned();
    let ms = |value: Option<f64>| value.map(|value| format!("{value:.1} ms"));
    let echo = match (snapshot.input_to_picture_p50_ms, snapshot.input_to_picture_p95_ms) {
        (Some(p50), Some(p95)) => format!("{p50:.1} / {p95:.1} ms"),
        _ => none(),
    };
    vec![
        (Text::DetailsRoundTrip, ms(snapshot.round_trip_ms).unwrap_or_else(none)),
        (Text::DetailsFrames, snapshot.frames_per_second.to_string()),
        (Text::DetailsBandwidth, rate(snapshot.bandwidth_bytes_per_second)),
        (Text::DetailsEcho, echo),
        (Text::DetailsCarrier, carrier(language, snapshot, host)),
        (Text::DetailsSize, snapshot.size.map_or_else(none, |(width, height)| format!("{width} × {height}"))),
        (Text::DetailsHost, host.to_owned()),
        (Text::DetailsDevice, device.to_owned()),
    ]
}

/// The carrier, and why it is none of the usual one.
fn carrier(language: Language, snapshot: &Snapshot, host: &str) -> String {
    let Some(way) = snapshot.carrier else { return Text::DetailsNone.in_language(language).to_owned() };
    let name = way.name();
    if !snapshot.udp_seems_closed {
        return name.to_owned();
    }
    let port = host.rsplit_once(':').map_or(host, |(_, port)| port);
    Text::DetailsUdpClosed.with(language, &[("carrier", name), ("port", port)])
}

/// A rate for people: bits, in steps of a thousand.
fn rate(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    let bits = bytes as f64 * 8.0;
    match bits {
        ..1e3 => format!("{bits:.0} bit/s"),
        ..1e6 => format!("{:.1} kbit/s", bits / 1e3),
        _ => format!("{:.1} Mbit/s", bits / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_udp_port_is_named_where_tcp_is_in_use_for_it() {
        let mut stats = crate::stats::Stats::new(crate::clock::Stamp(0));
        let shown = |stats: &crate::stats::Stats, language| {
            carrier(language, &stats.snapshot(crate::clock::Stamp(1)), "host.example:4433")
        };
        assert_eq!(shown(&stats, Language::En), "none yet");
        stats.carried_by(crate::link::Way::Quic, false);
        assert_eq!(shown(&stats, Language::Ja), "QUIC (UDP)");
        stats.carried_by(crate::link::Way::Tcp, false);
        assert_eq!(shown(&stats, Language::Ja), "TLS (TCP)");
        stats.carried_by(crate::link::Way::Tcp, true);
        for language in [Language::Ja, Language::En] {
            let text = shown(&stats, language);
            assert!(text.contains("TLS (TCP)") && text.contains("UDP") && text.contains("4433"), "{text}");
        }
    }

    #[test]
    fn rates_are_written_for_people() {
        assert_eq!(rate(0), "0 bit/s");
        assert_eq!(rate(1_000), "8.0 kbit/s");
        assert_eq!(rate(2_500_000), "20.0 Mbit/s");
    }
}
