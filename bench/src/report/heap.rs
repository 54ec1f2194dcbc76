//! Owns the report of the web viewer's memory: a table for the terminal, JSON and one self-contained page.

use std::fs;
use std::path::Path;

use super::html::{STYLE, conditions_table, heading, note};
use super::section::both;
use super::svg::{Anchor, Svg, escape, ticks};
use super::table::aligned;
use super::{WriteError, Written, bytes, count_of, figure};
use crate::heap::{Document, Sample};
use crate::words::{Language, Text};

const TITLE: Text = Text("Web ビューアーのメモリ", "The web viewer's memory");

/// A column: its name, its line's colour in the drawing, and its bytes.
struct Column {
    name: Text,
    colour: &'static str,
    of: fn(&Sample) -> u64,
}

const COLUMNS: [Column; 5] = [
    Column { name: Text("ページの JS", "page, JS"), colour: "web", of: |sample| sample.page.objects },
    Column { name: Text("ワーカーの JS", "worker, JS"), colour: "whole", of: |sample| sample.worker.objects },
    Column {
        name: Text("JS の外", "beside JS"),
        colour: "web",
        of: |sample| sample.page.beside + sample.worker.beside,
    },
    Column { name: Text("コア (WASM)", "core (WASM)"), colour: "floor", of: |sample| sample.core },
    Column {
        name: Text("常駐 (全プロセス)", "resident, all processes"),
        colour: "whole",
        of: |sample| sample.resident,
    },
];

/// Writes `heap.html` and `heap.json` into a folder, made if it is missing.
///
/// # Errors
/// If the folder cannot be written to.
pub fn write(document: &Document, folder: &Path) -> Result<Written, WriteError> {
    let at = |path: &Path, why| WriteError::File(path.to_owned(), why);
    fs::create_dir_all(folder).map_err(|why| at(folder, why))?;
    let written = Written { html: folder.join("heap.html"), json: folder.join("heap.json") };
    fs::write(&written.json, serde_json::to_vec(document)?).map_err(|why| at(&written.json, why))?;
    fs::write(&written.html, page(document)).map_err(|why| at(&written.html, why))?;
    Ok(written)
}

/// One sample in a line, while it is measured.
#[must_use]
pub fn line(sample: &Sample) -> String {
    let cells = COLUMNS.iter().map(|column| format!("{} {}", column.name.1, bytes(count_of((column.of)(sample)))));
    format!("{:>5.1} min  {}", sample.minutes, cells.collect::<Vec<_>>().join("  "))
}

fn rows(document: &Document) -> Vec<Vec<String>> {
    let cells = |sample: &Sample| {
        let held = COLUMNS.iter().map(|column| bytes(count_of((column.of)(sample))));
        [figure(sample.minutes), sample.done.to_string()].into_iter().chain(held).collect()
    };
    document.samples.iter().map(cells).collect()
}

fn head() -> impl Iterator<Item = Text> {
    [Text("分", "minutes"), Text("操作とコマ", "keys and frames")]
        .into_iter()
        .chain(COLUMNS.iter().map(|column| column.name))
}

/// Growth of each column, in its order; empty: the run was too short.
fn growth(document: &Document) -> Vec<String> {
    let per_minute = |value: f64| format!("{}{}/min", if value < 0.0 { "-" } else { "+" }, bytes(value.abs()));
    let of = |growth: &crate::heap::Growth| {
        [growth.page, growth.worker, growth.beside, growth.core, growth.resident].map(per_minute).to_vec()
    };
    document.growth.as_ref().map(of).unwrap_or_default()
}

const GROWTH: Text = Text("後半の増え方", "growth in the second half");

/// The table for a terminal.
#[must_use]
pub fn text(document: &Document, language: Language) -> String {
    let mut all = vec![head().map(|text| language.say(text).to_owned()).collect::<Vec<_>>()];
    all.extend(rows(document));
    let grown = growth(document);
    if !grown.is_empty() {
        all.push([language.say(GROWTH).to_owned(), String::new()].into_iter().chain(grown).collect());
    }
    format!("\n{}\n{}", language.say(TITLE), aligned(&all))
}

fn table(document: &Document) -> String {
    let head: String = head().map(|text| format!("<th>{}</th>", both(text))).collect();
    let cells = |cells: &[String]| cells.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect::<String>();
    let mut body: String = rows(document).iter().map(|row| format!("<tr>{}</tr>", cells(row))).collect();
    let grown = growth(document);
    if !grown.is_empty() {
        body += &format!("<tr><th colspan=\"2\">{}</th>{}</tr>", both(GROWTH), cells(&grown));
    }
    format!("<div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")
}

/// One column over time, from zero.
fn plot(column: &Column, samples: &[Sample]) -> String {
    let of = |sample: &Sample| count_of((column.of)(sample));
    let (left, right, top, bottom, width) = (110.0, 930.0, 12.0, 150.0, 960.0);
    let last = samples.last().map_or(1.0, |sample| sample.minutes.max(1.0));
    let largest = samples.iter().map(of).fold(1.0, f64::max) * 1.15;
    let x = |minutes: f64| left + minutes / last * (right - left);
    let y = |bytes: f64| bottom - bytes / largest * (bottom - top);
    let mut svg = Svg::new(width, bottom + 26.0);
    for tick in ticks(largest) {
        svg.line((left, y(tick)), (right, y(tick)), "grid");
        svg.text((left - 8.0, y(tick) + 4.0), Anchor::End, "tick", &bytes(tick));
    }
    for tick in ticks(last) {
        svg.text((x(tick), bottom + 16.0), Anchor::Middle, "tick", &format!("{} min", figure(tick)));
    }
    svg.polyline(samples.iter().map(|sample| (x(sample.minutes), y(of(sample)))), &format!("line {}", column.colour));
    format!("<figure><figcaption>{}</figcaption>{}</figure>", both(column.name), svg.finish(column.name.0))
}

fn page(document: &Document) -> String {
    let (machine, settings) = (&document.machine, &document.settings);
    let mut body = format!("<header><h1>{}</h1><p>{}</p></header>", both(TITLE), escape(&machine.date));
    body += &note(Text(
        "文字入力、ページ送り、スクロール、アニメーションを続けながら、一分ごとに、ごみ集めのあとで量ったもの。「増え方」は後半の、一分あたりの中央値。",
        "Typing, turning pages, scrolling and animation in turn; taken once a minute after garbage collection. Growth is the median slope of the second half.",
    ));
    body += &table(document);
    body += &COLUMNS.iter().map(|column| plot(column, &document.samples)).collect::<String>();
    body += &heading(Text("条件", "Conditions"));
    let of_run = format!("{} min, {}x{}, seed {}", settings.minutes, settings.width, settings.height, settings.seed);
    body += &conditions_table(machine, &[(Text("設定", "settings"), of_run)]);
    format!(
        "<!doctype html>\n<html lang=\"ja\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>障子 Web ビューアーのメモリ</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )
}
