//! Owns the report of typing: a table for the terminal, JSON and one self-contained page. Must never show an echo without saying
//! whether the text was right.

use std::fs;
use std::path::Path;

use super::codec::{verdict_rows, verdict_table};
use super::html::{STYLE, conditions_table, heading, note};
use super::section::both;
use super::svg::escape;
use super::table::aligned;
use super::{WriteError, Written, bytes, figure};
use crate::ArmName;
use crate::stats::count;
use crate::trace::Stage;
use crate::typing::figures::{Document, Run};
use crate::words::{self, Language, Text};

/// Writes `typing.html` and `typing.json` into a folder, made if it is missing.
///
/// # Errors
/// If the folder cannot be written to.
pub fn write(document: &Document, folder: &Path) -> Result<Written, WriteError> {
    let at = |path: &Path, why| WriteError::File(path.to_owned(), why);
    fs::create_dir_all(folder).map_err(|why| at(folder, why))?;
    let written = Written { html: folder.join("typing.html"), json: folder.join("typing.json") };
    fs::write(&written.json, serde_json::to_vec(document)?).map_err(|why| at(&written.json, why))?;
    fs::write(&written.html, page(document)).map_err(|why| at(&written.html, why))?;
    Ok(written)
}

/// A table: its title, what it means, its columns, and what it says of a run; `None`: the run is not in it.
struct Table {
    title: Text,
    note: Text,
    columns: &'static [Text],
    cells: fn(&Run) -> Option<Vec<String>>,
}

const TABLES: [Table; 5] = [
    Table {
        title: Text("文字の正確さ", "Accuracy"),
        note: Text(
            "入力した文字と、最後にページの入力欄にあった文字を、一字ずつ (Unicode のスカラー値ごとに) 比べたもの。",
            "What was typed against what the page's field holds at the end, by Unicode scalar value.",
        ),
        columns: &[
            Text("回線 (往復、損失)", "link (round trip, loss)"),
            Text("正確さ", "accuracy"),
            Text("入力", "typed"),
            Text("確定", "committed"),
            Text("抜け", "missing"),
            Text("重複", "doubled"),
            Text("順序違い", "out of order"),
            Text("余計", "foreign"),
        ],
        cells: accuracy,
    },
    Table {
        title: Text("打鍵から表示まで", "Echo of a key"),
        note: Text(
            "キーや変換途中の文字をビューアに渡してから、それを含む最初の画面が、入力欄のところでビューアに出るまで。「往復を除く」は 95 % の値から設定した往復時間を引いたもの。「全体」は、ページの上端と下端の符号もそろうまで。",
            "From giving a key or a composed text to the viewer until the first picture that shows it at the field. Beyond the RTT: the 95th percentile less the round trip that was set. Whole: until the codes at the page's top and bottom are there too.",
        ),
        columns: &[
            Text("回線 (往復、損失)", "link (round trip, loss)"),
            Text("中央値 ms", "p50 ms"),
            Text("95 %", "p95"),
            Text("99 %", "p99"),
            Text("往復を除く 95 %", "p95 beyond the RTT"),
            Text("全体 中央値", "whole p50"),
            Text("全体 95 %", "whole p95"),
            Text("表示/打鍵", "seen/given"),
            Text("ping 中央値 ms", "ping p50 ms"),
            Text("ping 95 %", "ping p95"),
            Text("他の負荷", "other work, cores"),
        ],
        cells: echo,
    },
    Table {
        title: Text("遅れた打鍵と、その段階", "Late echoes, and the stage that made them late"),
        note: Text(
            "往復時間に 40 ms を足したより遅かったものを、ふだん (中央値) より最も余計にかかった段階ごとに数えたもの。「入力→監督」と「ネットワーク」は、失われたデータグラムを送り直す時間を含む。",
            "Echoes later than the round trip and 40 ms, by the stage that exceeded its own median most. Input→supervisor and network include the time to send lost datagrams again.",
        ),
        columns: &[
            Text("回線 (往復、損失)", "link (round trip, loss)"),
            Text("遅れた打鍵", "late"),
            Text("割合 %", "share %"),
            Text("段階", "stages"),
        ],
        cells: late,
    },
    Table {
        title: Text("回線が運んだもの", "What the link carried"),
        note: Text(
            "「損失」は回線で失われた割合、「あふれ」は待ち行列に入れず捨てられた割合 (ホストへ / ビューアへ)。",
            "Lost: on the wire; dropped: no room in the queue (to the host / to the viewer).",
        ),
        columns: &[
            Text("回線 (往復、損失)", "link (round trip, loss)"),
            Text("データグラム", "datagrams"),
            Text("損失 %", "lost %"),
            Text("あふれ %", "dropped %"),
            Text("更新/秒", "updates/s"),
            Text("QUIC か TCP/秒", "QUIC or TCP/s"),
            Text("更新/打鍵", "update bytes/key"),
            Text("ホスト CPU ms/打鍵", "host CPU ms/key"),
        ],
        cells: carried,
    },
    Table {
        title: Text("映像、スクロール", "The film, the column that scrolls"),
        note: Text(
            "同じページで流れる 960×540、毎秒三十コマの映像か、ひとりでに進み続ける長い段。足りない帯域ではこれらが粗く、まばらになり、文字は待たない。",
            "960×540 at 30 frames a second in the same page, or a long column that scrolls by itself. Where bandwidth lacks they get softer and fewer, and text does not wait.",
        ),
        columns: &[
            Text("回線 (往復、損失)", "link (round trip, loss)"),
            Text("届いたコマ/秒", "shown/s"),
            Text("描いたコマ/秒", "drawn/s"),
            Text("更新/秒", "updates/s"),
            Text("QUIC か TCP/秒", "QUIC or TCP/s"),
        ],
        cells: moving,
    },
];

fn name(run: &Run) -> String {
    let moving = match (run.film, run.scroll) {
        (Some(_), _) => " + 映像 film",
        (None, Some(_)) => " + スクロール scroll",
        (None, None) => "",
    };
    format!("{}{moving}", run.name())
}

fn accuracy(run: &Run) -> Option<Vec<String>> {
    let of = run.comparison;
    let mut cells = vec![name(run), format!("{:.2} %", of.accuracy() * 100.0)];
    cells.extend(
        [of.typed, of.committed, of.missing, of.doubled, of.out_of_order, of.foreign].map(|number| number.to_string()),
    );
    Some(cells)
}

fn echo(run: &Run) -> Option<Vec<String>> {
    let dash = || "–".to_owned();
    let mut cells = vec![name(run)];
    match run.row.latency {
        Some(echo) => cells.extend([echo.p50, echo.p95, echo.p99, echo.p95 - run.rtt_ms()].map(figure)),
        None => cells.extend(std::iter::repeat_n(dash(), 4)),
    }
    match run.whole {
        Some(whole) => cells.extend([whole.p50, whole.p95].map(figure)),
        None => cells.extend([dash(), dash()]),
    }
    cells.push(format!("{}/{}", run.row.seen, run.row.begun));
    let ping = run.ping();
    cells.push(ping.map_or_else(dash, |ping| figure(ping.p50)));
    cells.push(ping.map_or_else(dash, |ping| figure(ping.p95)));
    let mark = if run.row.all_disturbed() { " !" } else { "" };
    cells.push(format!("{}{mark}", figure(run.row.foreign_cores)));
    Some(cells)
}

fn late(run: &Run) -> Option<Vec<String>> {
    if run.row.stages.is_empty() {
        return None;
    }
    let all: usize = run.late.iter().map(|of| of.1).sum();
    let stage = |(stage, times): &(Stage, usize)| {
        let Text(japanese, english) = words::stage(*stage);
        if japanese == english { format!("{japanese} {times}") } else { format!("{japanese} {english} {times}") }
    };
    let stages: Vec<String> = run.late.iter().map(stage).collect();
    let share = 100.0 * count(all) / number(run.row.seen.max(1));
    Some(vec![name(run), all.to_string(), figure(share), stages.join(", ")])
}

fn carried(run: &Run) -> Option<Vec<String>> {
    let ways = [run.carried.to_host, run.carried.to_viewer];
    let is_counted = ways.iter().any(|way| way.offered > 0);
    let is_web = run.row.arm == ArmName::Web;
    if is_web && !is_counted {
        return None;
    }
    let dash = || "–".to_owned();
    let share = |part: u64, whole: u64| figure(100.0 * number(part) / number(whole.max(1)));
    // Of TCP the relay counts nothing.
    let both = |texts: [String; 2]| if is_counted { texts.join(" / ") } else { dash() };
    let metered = |of: f64| if is_web { dash() } else { bytes(of) };
    Some(vec![
        name(run),
        both(ways.map(|way| way.offered.to_string())),
        both(ways.map(|way| share(way.lost, way.offered))),
        both(ways.map(|way| share(way.dropped, way.offered))),
        metered(run.row.bytes_per_second),
        metered(run.row.quic_per_second),
        metered(run.row.bytes_per_event),
        figure(run.row.host_cpu.per_event),
    ])
}

fn moving(run: &Run) -> Option<Vec<String>> {
    let moving = run.film.or(run.scroll)?;
    let metered = |of: f64| if run.row.arm == ArmName::Web { "–".to_owned() } else { bytes(of) };
    Some(vec![
        name(run),
        figure(moving.shown_per_second),
        figure(moving.drawn_per_second),
        metered(run.row.bytes_per_second),
        metered(run.row.quic_per_second),
    ])
}

fn number(number: u64) -> f64 {
    count(usize::try_from(number).unwrap_or(usize::MAX))
}

/// The stages of each link, as rows of stages and columns of links.
fn stages(document: &Document) -> Vec<Vec<String>> {
    Stage::ALL
        .into_iter()
        .map(|stage| {
            let of = |run: &Run| {
                let time = run.row.stages.iter().find(|of| of.stage == stage).map(|of| of.time);
                time.map_or_else(|| "–".to_owned(), |time| format!("{} / {}", figure(time.p50), figure(time.p95)))
            };
            document.runs.iter().map(of).collect()
        })
        .collect()
}

/// The web viewer's keys have no number that the host's traces could be joined by.
fn has_stages(document: &Document) -> bool {
    document.runs.iter().any(|run| !run.row.stages.is_empty())
}

const VIEWER: Text = Text("ビューアー", "viewer");
const STAGES: Text = Text("段階ごとの時間 (中央値 / 95 %, ms)", "Time of each stage (p50 / p95, ms)");

/// The tables for a terminal.
#[must_use]
pub fn text(document: &Document, language: Language) -> String {
    let mut out = format!("\n{}: {}\n", language.say(VIEWER), language.say(words::viewer(document.settings.viewer)));
    for table in &TABLES {
        let rows: Vec<Vec<String>> = document.runs.iter().filter_map(table.cells).collect();
        if rows.is_empty() {
            continue;
        }
        let head: Vec<String> = table.columns.iter().map(|text| language.say(*text).to_owned()).collect();
        out += &format!("\n{}\n", language.say(table.title));
        out += &aligned(&[vec![head], rows].concat());
    }
    if has_stages(document) {
        out += &format!("\n{}\n", language.say(STAGES));
        let mut rows = vec![std::iter::once(String::new()).chain(document.runs.iter().map(name)).collect::<Vec<_>>()];
        for (stage, cells) in Stage::ALL.into_iter().zip(stages(document)) {
            rows.push(std::iter::once(language.say(words::stage(stage)).to_owned()).chain(cells).collect());
        }
        out += &aligned(&rows);
    }
    out += &format!("\n{}\n", language.say(Text("目標との比較", "Against the targets")));
    out + &aligned(&verdict_rows(&document.verdicts, language))
}

fn row(cells: &[String]) -> String {
    let rest: String = cells[1..].iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
    format!("<tr><th>{}</th>{rest}</tr>", escape(&cells[0]))
}

fn table(head: &str, rows: &str) -> String {
    format!("<div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>")
}

fn page(document: &Document) -> String {
    let (machine, settings) = (&document.machine, &document.settings);
    let mut body = format!(
        r#"<header><h1>障子 日本語入力の計測 <small lang="en">Shoji typing report</small></h1><p>{} ・ {}×{} ・ {} ・ {}</p></header>"#,
        escape(&machine.date),
        settings.width,
        settings.height,
        escape(&machine.browser),
        escape(&machine.commit),
    );
    body += &heading(Text("目標との比較", "Against the targets"));
    body += &verdict_table(&document.verdicts);
    for of in &TABLES {
        let rows: Vec<Vec<String>> = document.runs.iter().filter_map(of.cells).collect();
        if rows.is_empty() {
            continue;
        }
        body += &heading(of.title);
        body += &note(of.note);
        let head: String = of.columns.iter().map(|text| format!("<th>{}</th>", both(*text))).collect();
        body += &table(&head, &rows.iter().map(|cells| row(cells)).collect::<String>());
    }
    if has_stages(document) {
        body += &heading(STAGES);
        let head: String = document.runs.iter().map(|run| format!("<th>{}</th>", escape(&name(run)))).collect();
        let rows = Stage::ALL.into_iter().zip(stages(document)).map(|(stage, cells)| {
            let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
            format!(r#"<tr><th><i class="key s{}"></i>{}</th>{cells}</tr>"#, stage as u8, both(words::stage(stage)))
        });
        body += &table(&format!("<th></th>{head}"), &rows.collect::<String>());
    }
    body += &texts(document);
    body += &heading(Text("条件", "Conditions"));
    body += &conditions_table(
        machine,
        &[
            (VIEWER, words::viewer(settings.viewer).0.to_owned()),
            (
                Text("設定", "settings"),
                format!("{} keys, {} a second, seed {}", settings.keys, settings.keys_per_second, settings.seed),
            ),
        ],
    );
    format!(
        "<!doctype html>\n<html lang=\"ja\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>障子 日本語入力の計測</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )
}

/// What was typed, and every text that is not that.
fn texts(document: &Document) -> String {
    let shown = |text: &str| escape(text).replace('\n', "<br>");
    let mut out = heading(Text("入力した文字", "What was typed"));
    out += &format!("<p class=\"note\">{}</p>", shown(&document.settings.text));
    for run in &document.runs {
        if let Some(text) = &run.text {
            out += &format!("<h2>{}</h2><p class=\"note\">{}</p>", escape(&name(run)), shown(text));
        }
    }
    out
}
