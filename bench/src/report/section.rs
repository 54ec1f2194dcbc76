//! Owns the report's tables as HTML: targets, latencies, stages, frames, idling, memory, rounds. Japanese first, English beside it.

use super::svg::escape;
use super::{bytes, figure};
use crate::ArmName;
use crate::page::Mode;
use crate::result::{Document, Row, WebPage};
use crate::stats::Summary;
use crate::trace::Stage;
use crate::verdict::{Outcome, Verdict};
use crate::words::{self, Text};

/// A text in both languages.
pub(super) fn both(text: Text) -> String {
    format!(r#"{} <small lang="en">{}</small>"#, escape(text.0), escape(text.1))
}

fn table(head: &[Text], rows: impl Iterator<Item = Vec<String>>) -> String {
    let head: String = head.iter().map(|text| format!("<th>{}</th>", both(*text))).collect();
    let body: String = rows.map(|cells| format!("<tr>{}</tr>", cells.concat())).collect();
    format!("<div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")
}

fn name(text: Text) -> String {
    format!("<th>{}</th>", both(text))
}

fn number(text: impl AsRef<str>) -> String {
    format!("<td>{}</td>", text.as_ref())
}

fn or_dash(value: Option<String>) -> String {
    number(value.as_deref().unwrap_or("–"))
}

fn three(latency: Option<Summary>) -> Vec<String> {
    match latency {
        Some(latency) => {
            vec![
                format!("<td><b>{}</b></td>", figure(latency.p50)),
                number(figure(latency.p95)),
                number(figure(latency.p99)),
            ]
        }
        None => vec![number("–"); 3],
    }
}

/// Each target with its figure.
pub(super) fn verdicts(document: &Document) -> String {
    let table = table(
        &[
            Text("項目", "what"),
            Text("結果", "figure"),
            Text("目標", "reach"),
            Text("高い目標", "stretch"),
            Text("判定", "verdict"),
        ],
        document.verdicts.iter().map(verdict),
    );
    format!(r#"<div class="targets">{table}</div>"#)
}

fn verdict(verdict: &Verdict) -> Vec<String> {
    let (.., unit) = verdict.target.bounds();
    let with_unit = |value: f64| format!("{} {}", figure(value), unit.sign());
    let class = match verdict.outcome {
        Outcome::Stretch => "stretch",
        Outcome::Reached => "reached",
        Outcome::Missed => "missed",
        Outcome::Disturbed => "disturbed",
        Outcome::NotMeasured => "unmeasured",
    };
    let sign = if unit.more_is_better() { "≥" } else { "≤" };
    vec![
        name(verdict.target.text()),
        format!("<td><b>{}</b></td>", verdict.figure.map_or_else(|| "–".to_owned(), with_unit)),
        number(format!("{sign} {}", with_unit(verdict.reach))),
        or_dash(verdict.stretch.map(|stretch| format!("{sign} {}", with_unit(stretch)))),
        format!(r#"<td class="verdict {class}">{}</td>"#, both(words::outcome(verdict.outcome))),
    ]
}

/// Input to picture, per scene and arm.
pub(super) fn latencies(document: &Document) -> String {
    let rows = document.rows.iter().filter(|row| matches!(row.scene, Mode::Key | Mode::Typing | Mode::Page));
    table(
        &[
            Text("操作", "work"),
            Text("経路", "arm"),
            Text("中央値", "p50 ms"),
            Text("95 %", "p95"),
            Text("99 %", "p99"),
            Text("下限比", "× floor"),
            Text("ページの処理まで", "to handler p50"),
            Text("回数", "seen / given"),
            Text("ホスト CPU", "host CPU ms"),
            Text("ブラウザ CPU", "browser CPU ms"),
            Text("更新のバイト数", "bytes / event"),
        ],
        rows.map(|row| {
            let mut cells = vec![name(words::scene(row.scene)), name(words::arm(row.arm))];
            cells.extend(three(row.latency));
            cells.push(or_dash(times_floor(document, row)));
            cells.push(or_dash(row.handler.map(|handler| figure(handler.p50))));
            cells.push(number(format!("{} / {}", row.seen, row.begun)));
            cells.push(host_only(row, figure(row.host_cpu.per_event)));
            cells.push(number(figure(row.browser_cpu.per_event)));
            cells.push(where_metered(row, bytes(row.bytes_per_event)));
            cells
        }),
    )
}

fn host_only(row: &Row, text: String) -> String {
    number(if row.arm == ArmName::Floor { "–".to_owned() } else { text })
}

/// Bytes are metered in the viewer's link of the whole.
fn where_metered(row: &Row, text: String) -> String {
    number(if row.arm == ArmName::Whole { text } else { "–".to_owned() })
}

/// What the web viewer's page weighs, and how fast it is there.
pub(super) fn web_page(web: &WebPage) -> String {
    let opened = web.opened();
    let cells = std::iter::once(number(bytes(super::count_of(web.bytes))))
        .chain([number(web.files.to_string())])
        .chain(three(opened))
        .chain([or_dash(opened.map(|opened| opened.n.to_string()))])
        .collect();
    table(
        &[
            Text("圧縮後の大きさ", "weight, compressed"),
            Text("ファイル", "files"),
            Text("開いてから最初の画面まで、中央値", "opened to first picture, p50 ms"),
            Text("95 %", "p95"),
            Text("99 %", "p99"),
            Text("回数", "times"),
        ],
        std::iter::once(cells),
    )
}

fn times_floor(document: &Document, row: &Row) -> Option<String> {
    let floor = document.row(row.scene, ArmName::Floor)?.latency?.p50;
    (row.arm != ArmName::Floor).then_some(())?;
    Some(format!("{} ×", figure(row.latency?.p50 / floor)))
}

/// Milliseconds of every stage.
pub(super) fn stages(document: &Document) -> String {
    let rows: Vec<&Row> = document.rows.iter().filter(|row| !row.stages.is_empty()).collect();
    let head: Vec<Text> = std::iter::once(Text("段階 (中央値 / 95 % / 99 %)", "stage, ms"))
        .chain(
            rows.iter()
                .map(|row| if row.arm != ArmName::Whole { words::arm(row.arm) } else { words::scene(row.scene) }),
        )
        .collect();
    table(
        &head,
        Stage::ALL.into_iter().map(|stage| {
            let key = format!(r#"<th><i class="key s{}"></i>{}</th>"#, stage as u8, both(words::stage(stage)));
            let cells =
                rows.iter().map(|row| {
                    let time = row.stages.iter().find(|of| of.stage == stage).map(|of| of.time);
                    or_dash(time.map(|time| {
                        format!("<b>{}</b> / {} / {}", figure(time.p50), figure(time.p95), figure(time.p99))
                    }))
                });
            std::iter::once(key).chain(cells).collect()
        }),
    )
}

/// Frames seen, their age and what they cost.
pub(super) fn frames(document: &Document) -> String {
    let rows = document.rows.iter().filter(|row| matches!(row.scene, Mode::Scroll | Mode::Animation));
    table(
        &[
            Text("動き", "work"),
            Text("経路", "arm"),
            Text("届いたコマ", "seen / s"),
            Text("描いたコマ", "drawn / s"),
            Text("古さ 中央値", "age p50 ms"),
            Text("95 %", "p95"),
            Text("99 %", "p99"),
            Text("下限比", "× floor"),
            Text("ホスト CPU", "host % of a core"),
            Text("ブラウザ CPU", "browser %"),
            Text("ビューア", "viewer %"),
            Text("更新", "updates / s"),
        ],
        rows.map(|row| {
            let mut cells = vec![
                name(words::scene(row.scene)),
                name(words::arm(row.arm)),
                number(figure(row.seen_per_second)),
                number(figure(row.begun_per_second)),
            ];
            cells.extend(three(row.latency));
            cells.push(or_dash(times_floor(document, row)));
            cells.push(host_only(row, figure(row.host_cpu.share * 100.0)));
            cells.push(number(figure(row.browser_cpu.share * 100.0)));
            cells.push(host_only(row, figure(row.bench_cpu.share * 100.0)));
            cells.push(where_metered(row, format!("{}/s", bytes(row.bytes_per_second))));
            cells
        }),
    )
}

/// What idling costs.
pub(super) fn idling(document: &Document) -> String {
    let rows =
        document.rows.iter().filter(|row| matches!(row.scene, Mode::Caret | Mode::Still) && row.arm == ArmName::Whole);
    table(
        &[
            Text("状態", "state"),
            Text("更新", "update bytes / s"),
            Text("QUIC 全体", "QUIC from host / s"),
            Text("ホスト CPU", "host % of a core"),
            Text("ブラウザ CPU", "browser %"),
            Text("秒", "seconds"),
        ],
        rows.map(|row| {
            vec![
                name(words::scene(row.scene)),
                number(bytes(row.bytes_per_second)),
                number(bytes(row.quic_per_second)),
                number(figure(row.host_cpu.share * 100.0)),
                number(figure(row.browser_cpu.share * 100.0)),
                number(figure(row.seconds)),
            ]
        }),
    )
}

/// Memory outside the browser.
pub(super) fn memory(document: &Document) -> String {
    let Some(memory) = document.memory else { return String::new() };
    let both_processes = memory.supervisor.with(memory.worker);
    let mebibytes = |kibibytes: u64| number(format!("{}", kibibytes.div_ceil(1024)));
    table(
        &[
            Text("プロセス", "process"),
            Text("合計", "resident MiB"),
            Text("専用", "private"),
            Text("ファイル", "files"),
            Text("ブラウザとの共有", "shared with the browser"),
        ],
        [
            (Text("監督", "supervisor"), memory.supervisor),
            (Text("ワーカー", "worker"), memory.worker),
            (Text("合計", "both"), both_processes),
        ]
        .into_iter()
        .map(|(text, of)| {
            vec![name(text), mebibytes(of.resident), mebibytes(of.private), mebibytes(of.files), mebibytes(of.shared)]
        }),
    )
}

/// The canvases compared at rest.
pub(super) fn exactness(document: &Document) -> String {
    table(
        &[
            Text("静止した画面", "scene at rest"),
            Text("回", "round"),
            Text("更新番号", "update"),
            Text("ビューア", "viewer's digest"),
            Text("ホスト", "host's digest"),
            Text("一致", "equal"),
        ],
        document.exactness.iter().map(|rest| {
            vec![
                name(words::scene(rest.scene)),
                number(rest.round.to_string()),
                number(rest.update.to_string()),
                number(format!("<code>{}</code>", escape(&rest.viewer))),
                number(
                    rest.host
                        .as_deref()
                        .map_or_else(|| "–".to_owned(), |host| format!("<code>{}</code>", escape(host))),
                ),
                if rest.exact() {
                    r#"<td class="verdict reached">○</td>"#.to_owned()
                } else {
                    r#"<td class="verdict missed">×</td>"#.to_owned()
                },
            ]
        }),
    )
}

/// Each round's median and what disturbed it.
pub(super) fn rounds(document: &Document) -> String {
    table(
        &[
            Text("操作", "work"),
            Text("経路", "arm"),
            Text("回", "round"),
            Text("中央値", "p50 ms"),
            Text("ほかの負荷", "other work, cores"),
            Text("備考", "note"),
        ],
        document.segments.iter().map(|segment| {
            let own: Vec<f64> =
                segment.samples.iter().map(|sample| crate::stats::milliseconds(sample.latency())).collect();
            vec![
                name(words::scene(segment.scene)),
                name(words::arm(segment.arm)),
                number(segment.round.to_string()),
                or_dash(crate::stats::median(&own).map(figure)),
                number(figure(segment.foreign_cores)),
                number(if segment.marked() {
                    both(Text("他の負荷が大きい", "disturbed"))
                } else {
                    String::new()
                }),
            ]
        }),
    )
}
