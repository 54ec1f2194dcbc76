//! Owns the report of decoding in a process: a table for the terminal, JSON and one self-contained page.

use std::fs;
use std::path::Path;

use super::codec::{title, verdict_rows, verdict_table};
use super::html::{STYLE, conditions_table, heading, note};
use super::section::both;
use super::svg::escape;
use super::table::aligned;
use super::{WriteError, Written, figure};
use crate::decoder::{Clip, Document};
use crate::stats::Summary;
use crate::words::{Language, Text};

const TITLE: Text = Text("権限のないプロセスで復号する時間", "What it costs to decode in a process without rights");
const NOTE: Text = Text(
    "記録した素材の一コマずつを、同じプロセスの復号器と、権限のない別プロセスの復号器に交互に渡し、こちらの画面に画素が入るまで。コマごとの差を見ます。",
    "Each recorded picture goes to a decoder in this process and to one in a process without rights, in turns, until the pixels are in this process's canvas. What counts is the difference, picture by picture.",
);
const COLUMNS: [Text; 8] = [
    Text("素材", "clip"),
    Text("コマ数", "pictures"),
    Text("同じプロセス 中央値 ms", "here p50 ms"),
    Text("99 %", "p99"),
    Text("別プロセス 中央値 ms", "process p50 ms"),
    Text("99 %", "p99"),
    Text("差 中央値 ms", "added p50 ms"),
    Text("99 %", "p99"),
];

/// Writes `decoder.html` and `decoder.json` into a folder, made if it is missing.
///
/// # Errors
/// If the folder cannot be written to.
pub fn write(document: &Document, folder: &Path) -> Result<Written, WriteError> {
    let at = |path: &Path, why| WriteError::File(path.to_owned(), why);
    fs::create_dir_all(folder).map_err(|why| at(folder, why))?;
    let written = Written { html: folder.join("decoder.html"), json: folder.join("decoder.json") };
    fs::write(&written.json, serde_json::to_vec(document)?).map_err(|why| at(&written.json, why))?;
    fs::write(&written.html, page(document)).map_err(|why| at(&written.html, why))?;
    Ok(written)
}

fn cells(clip: &Clip) -> Vec<String> {
    let summaries = [Summary::of(&clip.here_ms), Summary::of(&clip.process_ms), clip.added()];
    let times = summaries.iter().flat_map(|summary| match summary {
        Some(summary) => [figure(summary.p50), figure(summary.p99)],
        None => ["–".to_owned(), "–".to_owned()],
    });
    std::iter::once(clip.here_ms.len().to_string()).chain(times).collect()
}

fn starts(document: &Document) -> String {
    Summary::of(&document.starts_ms)
        .map_or_else(String::new, |starts| format!("p50 {} ms, p99 {} ms", figure(starts.p50), figure(starts.p99)))
}

/// The tables for a terminal.
#[must_use]
pub fn text(document: &Document, language: Language) -> String {
    let head: Vec<String> = COLUMNS.iter().map(|text| language.say(*text).to_owned()).collect();
    let rows = document.clips.iter().map(|clip| [vec![clip.name.clone()], cells(clip)].concat());
    let mut out = format!("\n{}\n", language.say(TITLE));
    out += &aligned(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
    out += &format!("\n{} {}\n", language.say(Text("プロセスの起動:", "Starting a process:")), starts(document));
    out += &format!("\n{}\n", language.say(Text("目標との比較", "Against the targets")));
    out + &aligned(&verdict_rows(&document.verdicts, language))
}

fn page(document: &Document) -> String {
    let machine = &document.machine;
    let mut body = format!(
        r#"<header><h1>障子 復号プロセスの計測 <small lang="en">Shoji decoder report</small></h1><p>{} ・ {}</p></header>"#,
        escape(&machine.date),
        escape(&machine.commit),
    );
    body += &heading(Text("目標との比較", "Against the targets"));
    body += &verdict_table(&document.verdicts);
    body += &heading(TITLE);
    body += &note(NOTE);
    let head: String = COLUMNS.iter().map(|text| format!("<th>{}</th>", both(*text))).collect();
    let rows: String = document
        .clips
        .iter()
        .map(|clip| {
            let cells: String = cells(clip).iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
            let (japanese, english) = title(&clip.name);
            format!("<tr><th>{} <small>{}</small></th>{cells}</tr>", escape(japanese), escape(english))
        })
        .collect();
    body += &format!("<div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>");
    body += &heading(Text("条件", "Conditions"));
    let made = format!("{} ms", document.pause_ms);
    let load = format!("{} cores", figure(document.foreign_cores));
    body += &conditions_table(
        machine,
        &[
            (Text("コマの間隔", "between pictures"), made),
            (Text("プロセスの起動", "starting a process"), starts(document)),
            (Text("他の負荷", "other work"), load),
        ],
    );
    format!(
        "<!doctype html>\n<html lang=\"ja\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>障子 復号プロセスの計測</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )
}
