//! Owns the report's plots: samples as dots, stages as stacked bars, ages over time. Draws only what is in the document.

use super::figure;
use super::svg::{Anchor, Svg, ticks};
use crate::ArmName;
use crate::page::Mode;
use crate::result::{Document, Row};
use crate::stats::{count, milliseconds};
use crate::words::{self, Language};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 40.0;

/// A number on the page as a place in the drawing.
struct Axis {
    largest: f64,
}

impl Axis {
    fn x(&self, value: f64) -> f64 {
        LEFT + (value / self.largest).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn draw(&self, svg: &mut Svg, top: f64, bottom: f64, unit: &str) {
        for tick in ticks(self.largest) {
            svg.line((self.x(tick), top), (self.x(tick), bottom), "grid");
            svg.text((self.x(tick), bottom + 16.0), Anchor::Middle, "tick", &tick_label(tick));
        }
        svg.text((WIDTH - RIGHT + 6.0, bottom + 16.0), Anchor::Start, "tick", unit);
    }
}

/// Every sample of one scene as a dot, one row per arm, with the median and the 95th percentile.
pub(super) fn samples(document: &Document, scene: Mode) -> Option<String> {
    let rows: Vec<&Row> = document.rows.iter().filter(|row| row.scene == scene && row.latency.is_some()).collect();
    // The axis ends a little after the worst 95th percentile; what lies beyond is drawn at the end, and said in the table.
    let largest = rows.iter().filter_map(|row| Some(row.latency?.p99)).fold(0.0, f64::max) * 1.05;
    if rows.is_empty() || largest <= 0.0 {
        return None;
    }
    let height = 20.0 + 56.0 * count(rows.len());
    let mut svg = Svg::new(WIDTH, height + 24.0);
    let axis = Axis { largest };
    axis.draw(&mut svg, 10.0, height, "ms");
    for (place, row) in rows.iter().enumerate() {
        let middle = 38.0 + 56.0 * count(place);
        let class = row.arm.name();
        label(&mut svg, row.arm, middle);
        let of_row = document.segments.iter().filter(|segment| segment.scene == scene && segment.arm == row.arm);
        for (n, sample) in of_row.flat_map(|segment| &segment.samples).enumerate() {
            // Spread the dots by the golden ratio: the same run draws the same picture.
            let spread = (count(n) * 0.618_034).fract() - 0.5;
            svg.dot((axis.x(milliseconds(sample.latency())), middle + spread * 30.0), 2.6, &format!("dot {class}"));
        }
        if let Some(latency) = row.latency {
            let x = axis.x(latency.p50);
            svg.line((x, middle - 21.0), (x, middle + 21.0), &format!("median {class}"));
            let tail = axis.x(latency.p95);
            svg.line((tail, middle - 14.0), (tail, middle + 14.0), &format!("tail {class}"));
        }
    }
    Some(svg.finish(&format!("{} (ms)", words::scene(scene).0)))
}

/// The stages' medians of every scene, stacked, each on a scale of its own beside its floor.
pub(super) fn stages(document: &Document) -> Option<String> {
    let rows: Vec<&Row> = document.rows.iter().filter(|row| !row.stages.is_empty()).collect();
    if rows.is_empty() {
        return None;
    }
    let height = 12.0 + 48.0 * count(rows.len());
    let mut svg = Svg::new(WIDTH, height);
    for (place, row) in rows.iter().enumerate() {
        let top = 16.0 + 48.0 * count(place);
        let name = if row.arm != ArmName::Whole {
            format!("{}・{}", words::scene(row.scene).0, words::arm(row.arm).0)
        } else {
            words::scene(row.scene).0.to_owned()
        };
        svg.text((LEFT - 12.0, top + 18.0), Anchor::End, "name", &name);
        let sum: f64 = row.stages.iter().map(|stage| stage.time.p50.max(0.0)).sum();
        let floor = document.row(row.scene, ArmName::Floor).and_then(|floor| floor.latency).map(|latency| latency.p50);
        // Room at the right for the sum.
        let axis = Axis { largest: sum.max(floor.unwrap_or(0.0)).max(f64::MIN_POSITIVE) * 1.12 };
        let mut at = 0.0;
        for stage in &row.stages {
            let time = stage.time.p50.max(0.0);
            let (begin, end) = (axis.x(at), axis.x(at + time));
            let title = format!("{} {} ms", words::stage(stage.stage).0, figure(time));
            svg.rect((begin, top), (end - begin, 26.0), &format!("stage s{}", stage.stage as u8), &title);
            at += time;
        }
        svg.text(
            (axis.x(at.max(floor.unwrap_or(0.0))) + 8.0, top + 18.0),
            Anchor::Start,
            "tick",
            &format!("{} ms", figure(sum)),
        );
        if let Some(floor) = floor {
            svg.line((axis.x(floor), top - 5.0), (axis.x(floor), top + 31.0), "median floor");
        }
    }
    Some(svg.finish("段階ごとの時間の中央値 (ms)"))
}

/// Ages of the pictures over the first round that counts, floor and whole.
pub(super) fn ages(document: &Document, scene: Mode) -> Option<String> {
    let arms = [ArmName::Floor, ArmName::Whole, ArmName::Web];
    let of = |arm| {
        let mut segments = document
            .segments
            .iter()
            .filter(move |segment| segment.scene == scene && segment.arm == arm && !segment.samples.is_empty());
        let first = segments.clone().find(|segment| !segment.marked());
        first.or_else(|| segments.next())
    };
    let largest =
        arms.iter().filter_map(|arm| Some(document.row(scene, *arm)?.latency?.p99)).fold(0.0, f64::max) * 1.15;
    let seconds = arms.iter().filter_map(|arm| Some(of(*arm)?.seconds)).fold(0.0, f64::max);
    if largest <= 0.0 || seconds <= 0.0 {
        return None;
    }
    let (top, bottom) = (12.0, 190.0);
    let mut svg = Svg::new(WIDTH, bottom + 26.0);
    let across = Axis { largest: seconds };
    across.draw(&mut svg, top, bottom, "s");
    let y = |age: f64| bottom - (age / largest).clamp(0.0, 1.0) * (bottom - top);
    for tick in ticks(largest) {
        svg.line((LEFT, y(tick)), (WIDTH - RIGHT, y(tick)), "grid");
        svg.text((LEFT - 8.0, y(tick) + 4.0), Anchor::End, "tick", &format!("{} ms", tick_label(tick)));
    }
    for arm in arms {
        let Some(segment) = of(arm) else { continue };
        let Some(first) = segment.samples.iter().map(|sample| sample.seen).min() else { continue };
        let points = segment
            .samples
            .iter()
            .map(|sample| (across.x(milliseconds(sample.seen - first) / 1e3), y(milliseconds(sample.latency()))));
        svg.polyline(points, &format!("line {}", arm.name()));
    }
    Some(svg.finish(&format!("{} 画面の古さ (ms)", words::scene(scene).0)))
}

fn label(svg: &mut Svg, arm: ArmName, middle: f64) {
    svg.text((LEFT - 12.0, middle), Anchor::End, "name", Language::Ja.say(words::arm(arm)));
    svg.text((LEFT - 12.0, middle + 15.0), Anchor::End, "tick", Language::En.say(words::arm(arm)));
}

/// A round number without idle zeros.
fn tick_label(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
