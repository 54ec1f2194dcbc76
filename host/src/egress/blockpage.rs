//! What a person sees instead of a page that the host does not fetch: why, and whom to ask. Japanese first.
//!
//! Owns the words. It must never show anything that a page chose but the host's name, and that only escaped.
//!
//! For plain HTTP the browser shows the page. For HTTPS the browser asked for a tunnel, and browsers show their own error page
//! whatever the answer's body says, because nothing vouches for it; the page is sent all the same, for other programs and logs.

use super::policy::Refusal;

/// In Japanese and English.
struct Words(&'static str, &'static str);

fn why(refusal: Refusal) -> Words {
    match refusal {
        Refusal::Malformed => Words("要求の形式が正しくありません。", "The request is not well formed."),
        Refusal::Port => {
            Words("許可されていないポート番号への接続です。", "It asks for a port that is not one of those allowed.")
        }
        Refusal::Blocked => Words(
            "管理者が閲覧を制限しているサイトです。",
            "The administrator has put this site on the list of those that are not shown.",
        ),
        Refusal::NotListed => Words(
            "管理者が閲覧を許可したサイトの一覧にありません。",
            "This site is not on the administrator's list of those that are shown.",
        ),
        Refusal::Lgwan => Words(
            "LGWAN接続系のアドレスです。このブラウザーからは接続できません。",
            "This address belongs to the LGWAN segment, which this browser never reaches.",
        ),
        Refusal::Address(_) | Refusal::OwnAddress => Words(
            "インターネット上のアドレスではありません(組織内や機器自身のアドレスなど)。",
            "This is no address of the internet, but one of a private network or of this machine.",
        ),
        Refusal::NoName => Words(
            "サイトの名前が見つかりません。アドレスをご確認ください。",
            "Nobody knows this name. Please check the address.",
        ),
        Refusal::Unreachable => Words(
            "サイトから応答がありません。しばらくしてからもう一度お試しください。",
            "The site does not answer. Please try again later.",
        ),
        Refusal::Upstream => Words(
            "上位のプロキシが接続を許可しないか、応答していません。",
            "The upstream proxy does not let it through, or does not answer.",
        ),
        // Nobody is there to read it.
        Refusal::GivenUp => Words("接続の前に中止されました。", "It was given up before there was a connection."),
        Refusal::Answer => {
            Words("サイトの応答を解釈できませんでした。", "What the site answered could not be understood.")
        }
    }
}

/// The page. `contact` is whom to ask, as configured.
pub(super) fn page(host: &str, refusal: Refusal, contact: &str) -> String {
    let Words(japanese, english) = why(refusal);
    let (title, heading) = if refusal.is_policy() {
        ("接続できないサイトです", "This page is not shown")
    } else {
        ("ページを表示できません", "This page cannot be shown")
    };
    let (host, contact) = (escaped(host), escaped(contact));
    let (ask, ask_in_english) = if contact.is_empty() {
        (
            "お困りのときは、情報システム担当へお問い合わせください。".to_owned(),
            "If you need it, ask your administrator.".to_owned(),
        )
    } else {
        (format!("お困りのときは、{contact} へお問い合わせください。"), format!("If you need it, ask: {contact}"))
    };
    let word = refusal.word();
    format!(
        "<!doctype html>\n<html lang=\"ja\"><meta charset=\"utf-8\"><title>{title}</title>\n<style>\
         body{{background:#f7f4ec;color:#2b2a27;font:17px/1.8 sans-serif;max-width:38em;margin:12vh auto;padding:0 1.5em}}\
         h1{{font-size:1.4em;font-weight:600}}code{{overflow-wrap:anywhere}}section{{color:#5b5953;font-size:.9em;margin-top:2.5em}}\
         </style>\n<h1>{title}</h1>\n<p><code>{host}</code></p>\n<p>{japanese}</p>\n<p>{ask}</p>\n\
         <section lang=\"en\"><p>{heading}. {english} {ask_in_english}</p><p><code>{word}</code></p></section>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_why_and_whom_to_ask_in_japanese_and_english() {
        let page = page("intra.example", Refusal::Lgwan, "情報システム課 (内線 1234)");
        for part in ["lang=\"ja\"", "intra.example", "LGWAN接続系", "LGWAN segment", "情報システム課 (内線 1234)"]
        {
            assert!(page.contains(part), "{part}");
        }
    }

    #[test]
    fn nothing_of_a_name_becomes_a_part_of_the_page() {
        let page = page("<script>\"'&\n", Refusal::Blocked, "<b>");
        assert!(page.contains("&lt;script&gt;&quot;&#39;&amp; ") && page.contains("&lt;b&gt;"));
        assert!(!page.contains("<script") && !page.contains("<b>"));
    }
}
