//! Owns the report's page: its order, its words and its look. One file, no script, nothing from elsewhere.

use super::section::{self, both};
use super::svg::escape;
use super::{figure, plot};
use crate::machine::Machine;
use crate::page::Mode;
use crate::result::Document;
use crate::words::{self, Text};

pub(super) const STYLE: &str = include_str!("report.css");

/// The whole page.
pub(super) fn page(document: &Document) -> String {
    let mut body = String::new();
    let mut add = |text: String| body.push_str(&text);
    add(header(document));

    add(heading(Text("目標との比較", "Against the targets")));
    add(section::verdicts(document));

    add(heading(Text("入力から画面まで", "From input to picture")));
    add(note(Text(
        "キーを渡してから、上下二つの符号がビューアの画面で読めるまでの時間。点は一回ごと、太い線は中央値、細い線は 95 %。「下限」は同じブラウザを転送なしで動かしたもの。",
        "From giving a key to reading both codes in the viewer's canvas. A dot is one event, the thick line the median, the thin one the 95th percentile. The floor is the same browser without any transfer.",
    )));
    add(section::latencies(document));
    for scene in [Mode::Key, Mode::Typing, Mode::Page] {
        add(plotted(words::scene(scene), plot::samples(document, scene)));
    }

    if let Some(stages) = plot::stages(document) {
        add(heading(Text("どこで時間がかかるか", "Where the time goes")));
        add(note(Text(
            "段階ごとの中央値を積み上げたもの。横の縮尺は行ごとに違う。縦線は下限の中央値。スクロールとアニメーションはページの描画開始から数える。",
            "The medians of the stages, stacked, each row on a scale of its own; the vertical line is the floor's median. Scroll and animation count from the page's frame callback.",
        )));
        add(format!("<figure>{stages}</figure>"));
        add(section::stages(document));
    }

    if document.rows.iter().any(|row| matches!(row.scene, Mode::Scroll | Mode::Animation)) {
        add(heading(Text("スクロールとアニメーション", "Scroll and animation")));
        add(note(Text(
            "「古さ」は、ページがそのコマを描き始めてから、ビューアの画面に全部そろうまでの時間。",
            "The age is the time from the page's frame callback until that frame is whole in the viewer's canvas.",
        )));
        add(section::frames(document));
        for scene in [Mode::Scroll, Mode::Animation] {
            add(plotted(words::scene(scene), plot::ages(document, scene)));
        }
    }

    if document.rows.iter().any(|row| matches!(row.scene, Mode::Caret | Mode::Still)) {
        add(heading(Text("何もしていないとき", "Idle")));
        add(section::idling(document));
    }
    if let Some(web) = &document.web {
        add(heading(Text("Web ビューアーのページ", "The web viewer's page")));
        add(note(Text(
            "大きさは、初めて開いたときに回線を通ったバイト数。時間は、開いたことのあるブラウザーで、動いているセッションへつなぎ直すまで。",
            "The weight is what crossed the wire at the first visit. The time is that of a browser that was here before, to a session that runs.",
        )));
        add(section::web_page(web));
    }
    if document.memory.is_some() {
        add(heading(Text("メモリ", "Memory outside the browser")));
        add(section::memory(document));
    }
    if !document.exactness.is_empty() {
        add(heading(Text("静止したときの一致", "Exact at rest")));
        add(section::exactness(document));
    }
    add(heading(Text("条件", "Conditions")));
    add(conditions(document));
    add(section::rounds(document));

    format!(
        "<!doctype html>\n<html lang=\"ja\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>障子 遅延の計測</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )
}

fn header(document: &Document) -> String {
    let machine = &document.machine;
    format!(
        r#"<header><h1>障子 遅延の計測 <small lang="en">Shoji latency report</small></h1><p>{} ・ {}×{} ・ {} ・ {}</p></header>"#,
        escape(&machine.date),
        document.settings.width,
        document.settings.height,
        escape(&machine.browser),
        escape(&machine.commit),
    )
}

/// A heading in both languages.
pub(super) fn heading(text: Text) -> String {
    format!("<h2>{}</h2>", both(text))
}

/// A note in both languages.
pub(super) fn note(text: Text) -> String {
    format!(r#"<p class="note">{}<br><small lang="en">{}</small></p>"#, escape(text.0), escape(text.1))
}

fn plotted(caption: Text, plot: Option<String>) -> String {
    plot.map(|plot| format!("<figure><figcaption>{}</figcaption>{plot}</figure>", both(caption))).unwrap_or_default()
}

fn conditions(document: &Document) -> String {
    let settings = &document.settings;
    let uncertainty: Vec<String> = document
        .clock_uncertainty_ms
        .iter()
        .map(|(arm, bound)| format!("{} ±{} ms", words::arm(*arm).0, figure(*bound)))
        .collect();
    let lines = [
        (
            Text("設定", "settings"),
            format!(
                "rounds {}, keys {}, seconds {}, seed {}",
                settings.rounds, settings.keys, settings.seconds, settings.seed
            ),
        ),
        (Text("ページの時計の誤差", "page clock uncertainty"), uncertainty.join(", ")),
    ];
    conditions_table(&document.machine, &lines)
}

/// The machine, some lines of the run's own, and where the method is written.
pub(super) fn conditions_table(machine: &Machine, own: &[(Text, String)]) -> String {
    let of_machine = [
        (Text("CPU", "processor"), format!("{} × {} ({})", machine.cores, machine.cpu, machine.vector_sets.join(", "))),
        (Text("メモリ", "memory"), format!("{} MiB", machine.memory_mib)),
        (Text("システム", "system"), format!("{}, Linux {}", machine.system, machine.kernel)),
        (Text("ブラウザ", "browser"), machine.browser.clone()),
        (Text("ビルド", "build"), format!("{} {}", machine.commit, machine.profile)),
    ];
    let method = [(Text("方法", "method"), "bench/METHOD.md".to_owned())];
    let rows: String = of_machine
        .iter()
        .chain(own)
        .chain(&method)
        .map(|(text, value)| format!("<tr><th>{}</th><td class=\"left\">{}</td></tr>", both(*text), escape(value)))
        .collect();
    format!("<table class=\"conditions\"><tbody>{rows}</tbody></table>")
}
