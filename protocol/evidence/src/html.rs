//! A report as one page: for a browser without a network, a printer, or the files of an audit.
//!
//! Owns markup and style. Everything that was found is text and goes through [`escape`]; the page has no script and loads nothing.

use crate::calendar;
use crate::report::{CAVEAT, GUIDELINE, Language, Report, Status, Words};

const STYLE: &str = include_str!("report.css");

pub(crate) fn page(report: &Report, language: Language) -> String {
    let words = |ja, en| Words { ja, en }.of(language);
    let code = words("ja", "en");
    let title = format!("{} {}", words("Shoji 診断", "Shoji report:"), report.machine);
    let counts: String = Status::ALL
        .map(|status| {
            let word = status.words().of(language);
            format!("<li class=\"{}\"><b>{}</b> {word}</li>\n", class(status), report.count(status))
        })
        .concat();
    let mut lines = String::new();
    for finding in &report.findings {
        let status = finding.status;
        let next = finding.next.as_ref().map_or_else(String::new, |next| {
            let head = words("次にすること", "Next step");
            format!("<p class=\"next\"><b>{head}</b> {}</p>\n", escape(next.of(language)))
        });
        let items: String =
            finding.evidence_for.iter().map(|item| format!("<li>{}</li>", escape(item.words().of(language)))).collect();
        let items = if items.is_empty() {
            String::new()
        } else {
            format!("<ul class=\"items\" aria-label=\"{}\">{items}</ul>\n", words("関連する項目", "Evidence for"))
        };
        lines.push_str(&format!(
            "<section class=\"{}\" id=\"{}\">\n<p class=\"status\">{}</p>\n<div>\n<h2>{}</h2>\n<p>{}</p>\n{next}{items}</div>\n</section>\n",
            class(status),
            finding.id,
            status.words().of(language),
            escape(finding.title.of(language)),
            escape(finding.found.of(language)),
        ));
    }
    format!(
        "<!doctype html>\n<html lang=\"{code}\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n<header>\n<h1>{}</h1>\n<p>{} {} · {}</p>\n<ul class=\"counts\">\n{counts}</ul>\n</header>\n\
         <main>\n{lines}</main>\n<footer>\n<p>{}: {}</p>\n<p>{}</p>\n</footer>\n</html>\n",
        escape(&title),
        escape(&title),
        report.program,
        report.version,
        calendar::minute(report.at),
        words("項目の出典", "Items of"),
        escape(GUIDELINE.of(language)),
        escape(CAVEAT.of(language)),
    )
}

fn class(status: Status) -> &'static str {
    match status {
        Status::Wrong => "wrong",
        Status::Attention => "attention",
        Status::NotChecked => "unknown",
        Status::Fine => "fine",
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("<br>"),
            c => escaped.push(c),
        }
    }
    escaped
}
