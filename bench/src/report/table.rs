//! Owns the table that a run prints. Aligned by columns of a terminal, in which Japanese characters take two.

use std::fmt::Write as _;

use super::{bytes, figure};
use crate::ArmName;
use crate::page::Mode;
use crate::result::{Document, Row};
use crate::words::{self, Language, Text, columns};

/// The whole table.
#[must_use]
pub fn text(document: &Document, language: Language) -> String {
    let say = |text: Text| language.say(text).to_owned();
    let mut out = String::new();
    let mut part = |title: Text, rows: Vec<Vec<String>>| {
        if rows.len() > 1 {
            writeln!(out, "\n{}", language.say(title)).expect("text can be added to a string");
            out.push_str(&aligned(&rows));
        }
    };
    let head = |texts: &[Text]| texts.iter().map(|text| say(*text)).collect::<Vec<_>>();

    let mut rows = vec![head(&[
        Text("操作", "work"),
        Text("経路", "arm"),
        Text("中央値 ms", "p50 ms"),
        Text("95 %", "p95"),
        Text("99 %", "p99"),
        Text("下限比", "x floor"),
        Text("ホスト CPU ms", "host CPU ms"),
        Text("バイト", "bytes"),
        Text("回数", "seen/given"),
        Text("他の負荷", "other work"),
    ])];
    for row in of(document, &[Mode::Key, Mode::Typing, Mode::Page]) {
        let mut cells = begin(document, row, language);
        cells.push(unless_floor(row, figure(row.host_cpu.per_event)));
        cells.push(where_metered(row, bytes(row.bytes_per_event)));
        cells.push(format!("{}/{}", row.seen, row.begun));
        cells.push(disturbed(row));
        rows.push(cells);
    }
    part(Text("入力から画面まで", "From input to picture"), rows);

    let mut rows = vec![head(&[
        Text("動き", "work"),
        Text("経路", "arm"),
        Text("古さ ms", "age p50 ms"),
        Text("95 %", "p95"),
        Text("99 %", "p99"),
        Text("下限比", "x floor"),
        Text("コマ/秒", "seen/s"),
        Text("描画/秒", "drawn/s"),
        Text("ホスト %", "host %"),
        Text("更新/秒", "updates/s"),
        Text("他の負荷", "other work"),
    ])];
    for row in of(document, &[Mode::Scroll, Mode::Animation]) {
        let mut cells = begin(document, row, language);
        cells.push(figure(row.seen_per_second));
        cells.push(figure(row.begun_per_second));
        cells.push(unless_floor(row, figure(row.host_cpu.share * 100.0)));
        cells.push(where_metered(row, bytes(row.bytes_per_second)));
        cells.push(disturbed(row));
        rows.push(cells);
    }
    part(Text("スクロールとアニメーション", "Scroll and animation"), rows);
    part(
        Text("段階ごとの時間 (中央値 / 95 % / 99 %, ms)", "Time of each stage (p50 / p95 / p99, ms)"),
        stages(document, language),
    );
    part(Text("何もしていないとき", "Idle"), idling(document, language));
    part(Text("Web ビューアーのページ", "The web viewer's page"), web_page(document, language));
    part(Text("目標との比較", "Against the targets"), verdicts(document, language));
    out
}

fn of<'a>(document: &'a Document, scenes: &'a [Mode]) -> impl Iterator<Item = &'a Row> {
    document.rows.iter().filter(move |row| scenes.contains(&row.scene))
}

fn begin(document: &Document, row: &Row, language: Language) -> Vec<String> {
    let mut cells =
        vec![language.say(words::scene(row.scene)).to_owned(), language.say(words::arm(row.arm)).to_owned()];
    match row.latency {
        Some(latency) => cells.extend([latency.p50, latency.p95, latency.p99].map(figure)),
        None => cells.extend(["–", "–", "–"].map(str::to_owned)),
    }
    let floor = document.row(row.scene, ArmName::Floor).and_then(|floor| floor.latency);
    let ratio = row.latency.zip(floor).map_or_else(|| "–".to_owned(), |(own, floor)| figure(own.p50 / floor.p50));
    cells.push(unless_floor(row, ratio));
    cells
}

fn unless_floor(row: &Row, text: String) -> String {
    if row.arm == ArmName::Floor { "–".to_owned() } else { text }
}

/// Bytes are metered in the viewer's link of the whole.
fn where_metered(row: &Row, text: String) -> String {
    if row.arm == ArmName::Whole { text } else { "–".to_owned() }
}

fn disturbed(row: &Row) -> String {
    let load = figure(row.foreign_cores);
    if row.marked > 0 { format!("{load} ({} !)", row.marked) } else { load }
}

fn web_page(document: &Document, language: Language) -> Vec<Vec<String>> {
    let Some(web) = &document.web else { return Vec::new() };
    let weight = [
        Text("圧縮後の大きさ", "weight, compressed"),
        Text("ファイル", "files"),
        Text("開いてから最初の画面まで、中央値 ms", "opened to first picture, p50 ms"),
        Text("最大", "max"),
        Text("回数", "times"),
    ];
    let mut cells = vec![bytes(super::count_of(web.bytes)), web.files.to_string()];
    match web.opened() {
        Some(opened) => cells.extend([figure(opened.p50), figure(opened.max), opened.n.to_string()]),
        None => cells.extend(["–", "–", "0"].map(str::to_owned)),
    }
    vec![weight.map(|text| language.say(text).to_owned()).to_vec(), cells]
}

fn stages(document: &Document, language: Language) -> Vec<Vec<String>> {
    let with: Vec<&Row> = document.rows.iter().filter(|row| !row.stages.is_empty()).collect();
    let mut head = vec![String::new()];
    head.extend(with.iter().map(|row| {
        let scene = language.say(words::scene(row.scene));
        if row.arm != ArmName::Whole { format!("{scene}+{}", row.arm.name()) } else { scene.to_owned() }
    }));
    let mut rows = vec![head];
    if with.is_empty() {
        return rows;
    }
    for stage in crate::trace::Stage::ALL {
        let mut cells = vec![language.say(words::stage(stage)).to_owned()];
        cells.extend(with.iter().map(|row| {
            row.stages.iter().find(|of| of.stage == stage).map_or_else(
                || "–".to_owned(),
                |of| format!("{}/{}/{}", figure(of.time.p50), figure(of.time.p95), figure(of.time.p99)),
            )
        }));
        rows.push(cells);
    }
    rows
}

fn idling(document: &Document, language: Language) -> Vec<Vec<String>> {
    let head =
        [Text("状態", "state"), Text("更新", "updates"), Text("QUIC 全体", "QUIC"), Text("ホスト CPU", "host CPU")];
    let mut rows = vec![head.iter().map(|text| language.say(*text).to_owned()).collect::<Vec<_>>()];
    for row in of(document, &[Mode::Caret, Mode::Still]).filter(|row| row.arm == ArmName::Whole) {
        rows.push(vec![
            language.say(words::scene(row.scene)).to_owned(),
            format!("{}/s", bytes(row.bytes_per_second)),
            format!("{}/s", bytes(row.quic_per_second)),
            format!("{} %", figure(row.host_cpu.share * 100.0)),
        ]);
    }
    rows
}

fn verdicts(document: &Document, language: Language) -> Vec<Vec<String>> {
    let head = [
        Text("項目", "what"),
        Text("結果", "figure"),
        Text("目標", "reach"),
        Text("高い目標", "stretch"),
        Text("判定", "verdict"),
    ];
    let mut rows = vec![head.iter().map(|text| language.say(*text).to_owned()).collect::<Vec<_>>()];
    for verdict in &document.verdicts {
        let (.., unit) = verdict.target.bounds();
        let with_unit = |value: f64| format!("{} {}", figure(value), unit.sign()).trim_end().to_owned();
        rows.push(vec![
            language.say(verdict.target.text()).to_owned(),
            verdict.figure.map_or_else(|| "–".to_owned(), with_unit),
            with_unit(verdict.reach),
            verdict.stretch.map_or_else(|| "–".to_owned(), with_unit),
            language.say(words::outcome(verdict.outcome)).to_owned(),
        ]);
    }
    rows
}

/// Rows as lines; the first column to the left, the others to the right, the last of a verdict as it comes.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let widest =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| columns(cell)).max().unwrap_or(0);
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(widest).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::from(" ");
        for (column, cell) in row.iter().enumerate() {
            let gap = " ".repeat(widths[column] - columns(cell));
            line += &if column == 0 { format!(" {cell}{gap}") } else { format!("  {gap}{cell}") };
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_the_language() {
        let rows = [["キー", "1"], ["key x", "10"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows), "  キー    1\n  key x  10\n");
    }
}
