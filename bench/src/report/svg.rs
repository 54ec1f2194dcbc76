//! Owns drawing: a little SVG, as text. Must never know what is drawn.

use std::fmt::Write as _;

/// A drawing of a fixed size in user units; the page scales it.
pub(super) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// Where a text stands relative to its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

impl Svg {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        self.add(format_args!(
            r#"<line class="{class}" x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}"/>"#,
            from.0, from.1, to.0, to.1
        ));
    }

    pub(super) fn rect(&mut self, at: (f64, f64), size: (f64, f64), class: &str, title: &str) {
        let (width, height) = (size.0.max(0.0), size.1.max(0.0));
        self.add(format_args!(
            r#"<rect class="{class}" x="{:.1}" y="{:.1}" width="{width:.1}" height="{height:.1}"><title>{}</title></rect>"#,
            at.0,
            at.1,
            escape(title)
        ));
    }

    pub(super) fn dot(&mut self, at: (f64, f64), radius: f64, class: &str) {
        self.add(format_args!(r#"<circle class="{class}" cx="{:.1}" cy="{:.1}" r="{radius:.1}"/>"#, at.0, at.1));
    }

    pub(super) fn polyline(&mut self, points: impl Iterator<Item = (f64, f64)>, class: &str) {
        let mut list = String::new();
        for (x, y) in points {
            write!(list, "{x:.1},{y:.1} ").expect("text can be added to a string");
        }
        self.add(format_args!(r#"<polyline class="{class}" points="{}"/>"#, list.trim_end()));
    }

    pub(super) fn text(&mut self, at: (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let anchor = anchor.name();
        self.add(format_args!(
            r#"<text class="{class}" x="{:.1}" y="{:.1}" text-anchor="{anchor}">{}</text>"#,
            at.0,
            at.1,
            escape(text)
        ));
    }

    /// The drawing, with a label for those who cannot see it.
    pub(super) fn finish(self, label: &str) -> String {
        format!(
            r#"<svg viewBox="0 0 {:.0} {:.0}" role="img" aria-label="{}">{}</svg>"#,
            self.width,
            self.height,
            escape(label),
            self.body
        )
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        self.body.write_fmt(element).expect("text can be added to a string");
    }
}

/// Text made safe within HTML and SVG.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Places on an axis that begins at zero, at round numbers, five or so of them up to `largest`.
pub(super) fn ticks(largest: f64) -> Vec<f64> {
    if !largest.is_finite() || largest <= 0.0 {
        return vec![0.0];
    }
    let rough = largest / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|by| by * power).find(|step| *step >= rough).unwrap_or(rough);
    let mut ticks = vec![0.0];
    while ticks[ticks.len() - 1] + step <= largest * 1.0001 {
        ticks.push(ticks[ticks.len() - 1] + step);
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(23.0), [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(ticks(0.0), [0.0]);
        assert!(ticks(1e9).len() < 8);
    }

    #[test]
    fn text_cannot_leave_its_place() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text((0.0, 0.0), Anchor::Start, "a", "<script>\"&");
        assert!(svg.finish("x").contains("&lt;script&gt;&quot;&amp;"));
    }
}
