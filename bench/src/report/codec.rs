//! Owns the report of a comparison of codecs: a table for the terminal, JSON, CSV and one self-contained page.
//!
//! Must never show time without the bytes and the quality beside it.

use std::fs;
use std::path::{Path, PathBuf};

use super::section::both;
use super::svg::{Anchor, Svg, escape};
use super::table::aligned;
use super::{WriteError, figure};
use crate::codec::figures::{Clip, Document, OURS, REFERENCE, Row};
use crate::codec::target::Verdict;
use crate::verdict::Outcome;
use crate::words::{self, Language, Text};

/// The report's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub html: PathBuf,
    /// The document.
    pub json: PathBuf,
    /// Every row, for spreadsheets.
    pub csv: PathBuf,
}

/// Writes `codec.html`, `codec.json` and `codec.csv` into a folder, made if it is missing.
///
/// # Errors
/// If the folder cannot be written to.
pub fn write(document: &Document, folder: &Path) -> Result<Written, WriteError> {
    let at = |path: &Path, why| WriteError::File(path.to_owned(), why);
    fs::create_dir_all(folder).map_err(|why| at(folder, why))?;
    let file = |name: &str| folder.join(name);
    let written = Written { html: file("codec.html"), json: file("codec.json"), csv: file("codec.csv") };
    fs::write(&written.json, serde_json::to_vec(document)?).map_err(|why| at(&written.json, why))?;
    fs::write(&written.csv, csv(document)).map_err(|why| at(&written.csv, why))?;
    fs::write(&written.html, page(document)).map_err(|why| at(&written.html, why))?;
    Ok(written)
}

const COLUMNS: [Text; 15] = [
    Text("符号化", "codec"),
    Text("符号化 中央値 ms", "encode p50 ms"),
    Text("平均", "mean"),
    Text("99 %", "p99"),
    Text("基準比", "× reference"),
    Text("復号 中央値 ms", "decode p50 ms"),
    Text("99 %", "p99"),
    Text("CPU ms", "CPU ms"),
    Text("kB/コマ", "kB/picture"),
    Text("輝度 dB", "luma dB"),
    Text("RGB dB", "RGB dB"),
    Text("色の縁 dB", "colour edge dB"),
    Text("SSIM", "SSIM"),
    Text("正確になるまで", "exact after"),
    Text("メモリ確保 符号化/復号 (最大)", "allocations encode/decode (most)"),
];

fn cells(clip: &Clip, row: &Row) -> Vec<String> {
    let dash = || "–".to_owned();
    let ms = |us: Option<f64>| us.map_or_else(dash, |us| figure(us / 1e3));
    let (encode, decode) = (row.encode(), row.decode());
    let reference = clip.row(REFERENCE).and_then(Row::encode);
    let ratio = reference.zip(encode).map_or_else(dash, |(reference, own)| figure(reference.p50 / own.p50));
    let decibels = |pick: fn(crate::codec::quality::Quality) -> Option<f64>| {
        row.quality.map_or_else(dash, |quality| pick(quality).map_or_else(|| "=".to_owned(), |db| format!("{db:.1}")))
    };
    let exact = match (row.exact_at_rest, row.exact_after_ms) {
        (true, Some(after)) => format!("{after:.0} ms"),
        (true, None) => "0".to_owned(),
        (false, _) => dash(),
    };
    let allocations = row.allocations().map_or_else(dash, |(median, most)| {
        format!("{}/{} ({}/{})", median.encode, median.decode, most.encode, most.decode)
    });
    vec![
        if row.dropped > 0 { format!("{} (−{})", row.codec, row.dropped) } else { row.codec.clone() },
        ms(encode.map(|s| s.p50)),
        ms(encode.map(|s| s.mean)),
        ms(encode.map(|s| s.p99)),
        ratio,
        ms(decode.map(|s| s.p50)),
        ms(decode.map(|s| s.p99)),
        figure(row.cpu_us / 1e3 / row.encode_us.len().max(1) as f64),
        figure(row.mean_bytes() / 1e3),
        decibels(|quality| quality.luma),
        decibels(|quality| quality.rgb),
        decibels(|quality| quality.colour_edge),
        row.quality.map_or_else(dash, |quality| format!("{:.4}", quality.ssim)),
        exact,
        allocations,
    ]
}

fn coder_cells(clip: &Clip) -> Vec<Vec<String>> {
    clip.lossless
        .iter()
        .map(|coder| vec![coder.name.clone(), figure(coder.encode_ns), figure(coder.decode_ns), figure(coder.bits)])
        .collect()
}

const CODER_COLUMNS: [Text; 4] = [
    Text("可逆", "lossless, changed rectangles"),
    Text("符号化 ns/px", "encode ns/px"),
    Text("復号 ns/px", "decode ns/px"),
    Text("bit/px", "bits/px"),
];

fn verdict_cells(verdict: &Verdict) -> [String; 4] {
    let unit = |value: f64| format!("{} {}", figure(value), verdict.unit).trim_end().to_owned();
    let sign = if verdict.more_is_better { "≥ " } else { "≤ " };
    [
        verdict.figure.map_or_else(|| "–".to_owned(), unit),
        format!("{sign}{}", unit(verdict.reach)),
        verdict.stretch.map_or_else(|| "–".to_owned(), unit),
        String::new(),
    ]
}

/// The tables for a terminal.
#[must_use]
pub fn text(document: &Document, language: Language) -> String {
    let head = |columns: &[Text]| columns.iter().map(|text| language.say(*text).to_owned()).collect::<Vec<_>>();
    let mut out = String::new();
    for clip in &document.clips {
        out += &format!("\n{} ({} {})\n", clip.name, clip.pictures, language.say(Text("コマ", "pictures")));
        let mut rows = vec![head(&COLUMNS)];
        rows.extend(clip.rows.iter().map(|row| cells(clip, row)));
        out += &aligned(&rows);
        let mut rows = vec![head(&CODER_COLUMNS)];
        rows.extend(coder_cells(clip));
        out += &aligned(&rows);
    }
    out += &format!("\n{}\n", language.say(Text("色の変換 1920×1072, µs", "Conversion of colours, 1920×1072, µs")));
    out += &aligned(&document.conversions.iter().map(|row| vec![row.name.clone(), figure(row.us)]).collect::<Vec<_>>());
    out += &format!("\n{}\n", language.say(Text("目標との比較", "Against the targets")));
    out + &aligned(&verdict_rows(&document.verdicts, language))
}

/// Each target with its figure, for a terminal.
pub(super) fn verdict_rows(verdicts: &[Verdict], language: Language) -> Vec<Vec<String>> {
    let row = |verdict: &Verdict| {
        let what = if language == Language::Ja { &verdict.what.0 } else { &verdict.what.1 };
        let [figure, reach, stretch, _] = verdict_cells(verdict);
        vec![what.clone(), figure, reach, stretch, language.say(words::outcome(verdict.outcome)).to_owned()]
    };
    verdicts.iter().map(row).collect()
}

/// Each target with its figure, as HTML.
pub(super) fn verdict_table(verdicts: &[Verdict]) -> String {
    let rows: String = verdicts
        .iter()
        .map(|verdict| {
            let [figure, reach, stretch, _] = verdict_cells(verdict);
            let class = match verdict.outcome {
                Outcome::Stretch => "stretch",
                Outcome::Reached => "reached",
                Outcome::Missed => "missed",
                Outcome::Disturbed | Outcome::NotMeasured => "unmeasured",
            };
            format!(
                "<tr><th>{} <small lang=\"en\">{}</small></th><td><b>{figure}</b></td><td>{reach}</td><td>{stretch}</td><td class=\"verdict {class}\">{}</td></tr>",
                escape(&verdict.what.0),
                escape(&verdict.what.1),
                both(words::outcome(verdict.outcome))
            )
        })
        .collect();
    let head = [
        Text("項目", "what"),
        Text("結果", "figure"),
        Text("目標", "reach"),
        Text("高い目標", "stretch"),
        Text("判定", "verdict"),
    ];
    let head: String = head.iter().map(|text| format!("<th>{}</th>", both(*text))).collect();
    format!(
        "<div class=\"scroll\"><table class=\"targets\"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

fn csv(document: &Document) -> String {
    let mut out = String::from(
        "clip,codec,pictures,encode_p50_us,encode_mean_us,encode_p99_us,decode_p50_us,decode_p99_us,cpu_us_per_picture,bytes_per_picture,refined_bytes,luma_db,rgb_db,colour_edge_db,ssim,exact_at_rest,exact_after_ms,dropped,allocations_encode_p50,allocations_decode_p50,allocations_encode_most,allocations_decode_most\n",
    );
    for clip in &document.clips {
        for row in &clip.rows {
            let (Some(encode), Some(decode)) = (row.encode(), row.decode()) else { continue };
            let quality = row.quality.unwrap_or_default();
            let decibels = |value: Option<f64>| value.map_or_else(String::new, |db| format!("{db:.3}"));
            let numbers = [
                encode.p50,
                encode.mean,
                encode.p99,
                decode.p50,
                decode.p99,
                row.cpu_us / encode.n as f64,
                row.mean_bytes(),
            ];
            let allocations = row.allocations().map_or_else(
                || ",,,".to_owned(),
                |(median, most)| format!("{},{},{},{}", median.encode, median.decode, most.encode, most.decode),
            );
            let numbers = numbers.map(|number| format!("{number:.1}")).join(",");
            out += &format!(
                "{},{},{},{numbers},{},{},{},{},{:.5},{},{},{},{allocations}\n",
                clip.name,
                row.codec,
                encode.n,
                row.refined,
                decibels(quality.luma),
                decibels(quality.rgb),
                decibels(quality.colour_edge),
                quality.ssim,
                row.exact_at_rest,
                row.exact_after_ms.map_or_else(String::new, |ms| format!("{ms:.1}")),
                row.dropped
            );
        }
    }
    out
}

fn table(head: &[Text], rows: impl Iterator<Item = Vec<String>>) -> String {
    let head: String = head.iter().map(|text| format!("<th>{}</th>", both(*text))).collect();
    let body: String = rows
        .map(|cells| {
            let first = format!("<th>{}</th>", escape(&cells[0]));
            let rest: String = cells[1..].iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
            format!("<tr>{first}{rest}</tr>")
        })
        .collect();
    format!("<div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")
}

/// Median encoding time and mean bytes of each codec as bars on logarithmic scales.
fn bars(clip: &Clip) -> String {
    const LINE: f64 = 24.0;
    const NAME: f64 = 210.0;
    const HALF: f64 = 440.0;
    let rows: Vec<(&Row, f64, f64)> =
        clip.rows.iter().filter_map(|row| Some((row, row.encode()?.p50.max(0.1), row.mean_bytes().max(1.0)))).collect();
    let height = LINE * rows.len() as f64 + 34.0;
    let mut svg = Svg::new(NAME + 2.0 * HALF + 60.0, height);
    let halves = [(NAME, 1.0, 1e5, "µs"), (NAME + HALF + 50.0, 10.0, 1e6, "B")];
    for (left, least, most, unit) in halves {
        let decades: f64 = f64::log10(most / least);
        for decade in 0..=decades.round() as i32 {
            let x = left + (HALF - 60.0) * f64::from(decade) / decades;
            svg.line((x, 20.0), (x, height), "grid");
            let value = least * 10f64.powi(decade);
            let label = if value >= 1e3 { format!("{:.0}k {unit}", value / 1e3) } else { format!("{value:.0} {unit}") };
            svg.text((x, 14.0), Anchor::Middle, "tick", &label);
        }
    }
    for (i, (row, time, bytes)) in rows.iter().enumerate() {
        let y = 26.0 + LINE * i as f64;
        let class = if row.codec.starts_with(OURS) { "bar ours" } else { "bar peer" };
        svg.text((NAME - 10.0, y + 14.0), Anchor::End, "", &row.codec);
        for ((left, least, most, unit), value) in halves.into_iter().zip([*time, *bytes]) {
            let share = (value.clamp(least, most) / least).log10() / (most / least).log10();
            svg.rect((left, y + 2.0), ((HALF - 60.0) * share, LINE - 8.0), class, &format!("{} {unit}", figure(value)));
        }
    }
    svg.finish(&format!("{}: encode time and bytes", clip.name))
}

fn page(document: &Document) -> String {
    let machine = &document.machine;
    let mut body = format!(
        r#"<header><h1>障子 符号化の比較 <small lang="en">Shoji codec report</small></h1><p>{} ・ {} × {} ({}) ・ {} {}</p></header>"#,
        escape(&machine.date),
        machine.cores,
        escape(&machine.cpu),
        escape(&machine.vector_sets.join(", ")),
        escape(&machine.commit),
        escape(&machine.profile)
    );
    body += &format!("<h2>{}</h2>", both(Text("目標との比較", "Against the targets")));
    body += r#"<p class="note">時間と大きさは、断りのないかぎり、画面全体を openh264 (QP24) で送る場合に対する比。同じ実行の中で一コマずつ交互に測った。<br><small lang="en">Unless said otherwise, times and bytes are ratios to the whole screen by openh264 at QP 24, measured picture by picture in turns in the same run.</small></p>"#;
    body += &verdict_table(&document.verdicts);
    for clip in &document.clips {
        body += &format!("<h2>{} <small>{}</small></h2>", escape(title(&clip.name).0), escape(title(&clip.name).1));
        body += &format!(
            "<figure><figcaption>{}</figcaption>{}</figure>",
            both(Text(
                "一コマの符号化時間 (中央値) と大きさ (平均)、対数",
                "Encoding time (median) and bytes (mean) per picture, logarithmic"
            )),
            bars(clip)
        );
        body += &table(&COLUMNS, clip.rows.iter().map(|row| cells(clip, row)));
        if !clip.lossless.is_empty() {
            body += &table(&CODER_COLUMNS, coder_cells(clip).into_iter());
        }
    }
    body += &format!("<h2>{}</h2>", both(Text("色の変換 1920×1072", "Conversion of colours")));
    let columns = [Text("方法", "how"), Text("中央値 µs", "median µs")];
    body += &table(&columns, document.conversions.iter().map(|row| vec![row.name.clone(), figure(row.us)]));
    format!(
        "<!doctype html>\n<html lang=\"ja\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>障子 符号化の比較</title><style>{}</style></head><body><main>{body}</main></body></html>\n",
        super::html::STYLE
    )
}

/// What a clip of the corpus shows.
/// What a clip is called, in Japanese and English.
pub(super) fn title(name: &str) -> (&str, &str) {
    match name {
        "typing" => ("文字入力", "typing"),
        "form" => ("申請書", "form"),
        "scroll" => ("文書のスクロール", "scroll"),
        "news" => ("写真のある記事の読み込み", "news, page loads with photographs"),
        "map" => ("地図の移動", "map pan"),
        "video" => ("映像", "video"),
        "animation" => ("アニメーション", "animation"),
        "grid" => ("表計算のような表", "grid"),
        "ink" => ("朱書き", "ink, red on white"),
        "paper" => ("PDF のような紙面", "paper"),
        "caret" => ("カーソル点滅", "caret"),
        other => (other, ""),
    }
}
