//! Owns the report of resizing: a table for the terminal, JSON and one self-contained page.

use std::fs;
use std::path::Path;

use super::codec::{verdict_rows, verdict_table};
use super::html::{STYLE, conditions_table, heading, note};
use super::section::both;
use super::svg::escape;
use super::table::aligned;
use super::{WriteError, Written, figure};
use crate::resize::figures::{Arm, Document, Row};
use crate::words::{Language, Text};

const TITLE: Text = Text("手を止めてから、元のとおりの画面まで", "From the drag's rest to the exact picture");
const NOTE: Text = Text(
    "窓の角を画面の速さで引き、手を止めた (最後の大きさを与えた) ときから、その大きさのページが一画素も違わず窓に出るまで。手元のブラウザと交互に、同じ大きさへ。",
    "A corner is dragged at a display's rate; from giving the last size until the window shows the page of that size pixel by pixel. In turns with a browser on the same machine, to the same sizes.",
);
const COLUMNS: [Text; 7] = [
    Text("窓", "window"),
    Text("中央値 ms", "p50 ms"),
    Text("95 %", "p95"),
    Text("99 %", "p99"),
    Text("最大", "max"),
    Text("手元比", "x local"),
    Text("回数", "drags"),
];

/// Writes `resize.html` and `resize.json` into a folder, made if it is missing.
///
/// # Errors
/// If the folder cannot be written to.
pub fn write(document: &Document, folder: &Path) -> Result<Written, WriteError> {
    let at = |path: &Path, why| WriteError::File(path.to_owned(), why);
    fs::create_dir_all(folder).map_err(|why| at(folder, why))?;
    let written = Written { html: folder.join("resize.html"), json: folder.join("resize.json") };
    fs::write(&written.json, serde_json::to_vec(document)?).map_err(|why| at(&written.json, why))?;
    fs::write(&written.html, page(document)).map_err(|why| at(&written.html, why))?;
    Ok(written)
}

fn cells(document: &Document, row: &Row) -> Vec<String> {
    let local = document.rows.iter().find(|row| row.arm == Arm::Local).and_then(Row::times);
    let ratio = row.times().zip(local).filter(|_| row.arm != Arm::Local);
    let ratio = ratio.map_or_else(|| "–".to_owned(), |(own, local)| figure(own.p50 / local.p50));
    let figures = match row.times() {
        Some(times) => [times.p50, times.p95, times.p99, times.max].map(figure),
        None => ["–", "–", "–", "–"].map(str::to_owned),
    };
    figures.into_iter().chain([ratio, row.times_ms.len().to_string()]).collect()
}

/// The tables for a terminal.
#[must_use]
pub fn text(document: &Document, language: Language) -> String {
    let head: Vec<String> = COLUMNS.iter().map(|text| language.say(*text).to_owned()).collect();
    let rows =
        document.rows.iter().map(|row| [vec![language.say(row.arm.text()).to_owned()], cells(document, row)].concat());
    let mut out = format!("\n{}\n", language.say(TITLE));
    out += &aligned(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
    out += &format!("\n{}\n", language.say(Text("目標との比較", "Against the targets")));
    out + &aligned(&verdict_rows(&document.verdicts, language))
}

fn page(document: &Document) -> String {
    let (machine, settings) = (&document.machine, &document.settings);
    let mut body = format!(
        r#"<header><h1>障子 窓の大きさの計測 <small lang="en">Shoji resize report</small></h1><p>{} ・ {}×{} ・ {} ・ {}</p></header>"#,
        escape(&machine.date),
        settings.width,
        settings.height,
        escape(&machine.browser),
        escape(&machine.commit),
    );
    body += &heading(Text("目標との比較", "Against the targets"));
    body += &verdict_table(&document.verdicts);
    body += &heading(TITLE);
    body += &note(NOTE);
    let head: String = COLUMNS.iter().map(|text| format!("<th>{}</th>", both(*text))).collect();
    let rows: String = document
        .rows
        .iter()
        .map(|row| {
            let cells: String = cells(document, row).iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
            format!("<tr><th>{}</th>{cells}</tr>", both(row.arm.text()))
        })
        .collect();
    body += &format!("<div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>");
    body += &heading(Text("条件", "Conditions"));
    let made = format!(
        "{} drags, {} steps of {} ms, seed {}",
        settings.drags,
        settings.steps,
        figure(settings.interval_ms),
        settings.seed
    );
    let load = format!("{} cores", figure(document.foreign_cores));
    body += &conditions_table(machine, &[(Text("設定", "settings"), made), (Text("他の負荷", "other work"), load)]);
    format!(
        "<!doctype html>\n<html lang=\"ja\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>障子 窓の大きさの計測</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )
}
