//! Every word a person reads in the viewer, in Japanese and English, side by side.
//!
//! Owns wording only: no layout, no drawing, no decision. No other module may hold a sentence for people, so that
//! nothing is said in one language alone; only the words of `--help` have a room of their own, `cli/words.rs`.
//! Placeholders are written `{name}` and filled by [`fill`].
//!
//! ```
//! use shoji_viewer::texts::{Language, Text, fill};
//! let line = fill(Text::ConnectingBody.in_language(Language::En), &[("host", "10.1.2.3:4433")]);
//! assert_eq!(line, "Calling the host 10.1.2.3:4433 in the internet segment.");
//! ```

/// The language of the viewer's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// Japanese.
    #[default]
    Ja,
    /// English.
    En,
}

impl Language {
    /// The language named by a locale such as `ja_JP.UTF-8`, `en-GB` or `C`. What is not Japanese reads English.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        if locale.to_ascii_lowercase().starts_with("ja") { Self::Ja } else { Self::En }
    }
}

impl std::str::FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ja" => Ok(Self::Ja),
            "en" => Ok(Self::En),
            _ => Err("expected `ja` or `en`".to_owned()),
        }
    }
}

/// Puts values in the place of `{name}`. Values are not searched for placeholders again.
#[must_use]
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        match values.iter().find(|(key, _)| *key == name) {
            Some((_, value)) => out.push_str(value),
            None => {
                out.push('{');
                out.push_str(name);
                out.push('}');
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// What the system said about a file, in a language; causes that are rare are left in the system's own words.
#[must_use]
pub fn cause(error: &std::io::Error, language: Language) -> String {
    use std::io::ErrorKind as Kind;
    let text = match error.kind() {
        Kind::NotFound => Text::CauseMissing,
        Kind::PermissionDenied => Text::CauseDenied,
        Kind::StorageFull | Kind::QuotaExceeded => Text::CauseFull,
        Kind::IsADirectory => Text::CauseFolder,
        Kind::InvalidData => Text::CauseNoText,
        _ => return error.to_string(),
    };
    text.in_language(language).to_owned()
}

macro_rules! catalogue {
    ($($(#[$doc:meta])* $name:ident { $ja:literal, $en:literal })*) => {
        /// One thing the viewer can say.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Text { $(#[doc = $en] $name,)* }

        impl Text {
            /// All of them, for tests.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The words in one language.
            #[must_use]
            pub const fn in_language(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$name, Language::Ja) => $ja,
                      (Self::$name, Language::En) => $en,)*
                }
            }
        }
    };
}

catalogue! {
    // The frame.
    Segment { "インターネット画面", "インターネット画面 · Internet screen" }
    WindowTitle { "インターネット画面 — Shoji", "Internet screen — Shoji" }
    FullscreenHint { "インターネット画面（全画面表示）　戻るには {keys}", "Internet screen, full screen. To leave: {keys}" }

    // States.
    ConnectingTitle { "接続しています", "Connecting" }
    ConnectingBody { "インターネット側のホスト {host} に接続しています。", "Calling the host {host} in the internet segment." }
    ConnectingNext { "しばらくお待ちください。", "This takes a moment." }
    PreparingTitle { "ブラウザーを準備しています", "Preparing your browser" }
    PreparingBody { "ホストにつながりました。まもなく画面が表示されます。", "The host has answered. Your screen will appear shortly." }
    PreparingNext { "しばらくお待ちください。", "This takes a moment." }
    ReconnectingTitle { "接続が切れました。つなぎ直しています", "The connection was lost. Reconnecting" }
    ReconnectingBody { "表示しているのは切れる前の画面です。この間に打った文字は送られません。", "You see the picture from before. Keys typed meanwhile are not sent." }
    ReconnectingNext { "そのままお待ちください（{attempt} 回目）。LAN ケーブルや Wi-Fi もお確かめください。", "Please wait (attempt {attempt}). Check the network cable or Wi-Fi." }
    UnreachableTitle { "ホストにつながりません", "The host cannot be reached" }
    UnreachableBody { "{host} から応答がありません。", "{host} does not answer." }
    UnreachableNext { "ネットワークをお確かめください。Enter キーでもう一度接続します。続くときは管理者に連絡してください。", "Check the network, then press Enter to try again. If it goes on, tell your administrator." }
    AddressTitle { "ホストの名前が見つかりません", "The host's name cannot be found" }
    AddressBody { "端末ファイルにあるホスト {host} の住所を調べられませんでした。", "The address of {host}, named in the device file, could not be looked up." }
    AddressNext { "ネットワークと端末ファイルをお確かめください。Enter キーでもう一度接続します。", "Check the network and the device file, then press Enter to try again." }
    RefusedTitle { "この端末はまだ許可されていません", "This PC is not admitted" }
    RefusedBody { "ホストがこの端末の証明書を受け付けませんでした。", "The host did not accept this PC's certificate." }
    RefusedNext { "管理者に端末の登録（端末ファイルの発行）を依頼してください。", "Ask your administrator to enrol this PC and give you a device file." }
    ExpiredTitle { "端末の証明書の期限が切れています", "This PC's certificate has expired" }
    ExpiredBody { "この端末ファイルは {day} まで有効でした。", "The device file was valid until {day}." }
    ExpiredNext { "管理者に新しい端末ファイルの発行を依頼してください。PC の日付もお確かめください。", "Ask your administrator for a new device file. Check this PC's date, too." }
    RevokedTitle { "この端末の許可は取り消されました", "This PC's admission was withdrawn" }
    RevokedBody { "管理者がこの端末の利用を止めました。", "Your administrator has stopped the use of this PC." }
    RevokedNext { "心当たりがないときは管理者に連絡してください。", "If you did not expect this, tell your administrator." }
    ReplacedTitle { "別の端末で開かれました", "Opened on another PC" }
    ReplacedBody { "同じ利用者が別の端末で接続したので、こちらの画面を閉じました。", "The same user connected from another PC, so the screen here was closed." }
    ReplacedNext { "この端末に戻すときは Enter キーを押してください。", "Press Enter to bring it back here." }
    EndedTitle { "終了しました", "The session has ended" }
    EndedBody { "ブラウザーは終了し、履歴や入力は消去されました。", "The browser was closed; its history and entries were erased." }
    EndedNext { "Enter キーで新しく始めます。このウィンドウは閉じてもかまいません。", "Press Enter to begin anew, or close this window." }
    BrowserGoneTitle { "ブラウザーが止まりました", "The browser stopped" }
    BrowserGoneBody { "ブラウザーが動かなくなったため、画面を閉じました。ほかの利用者に影響はありません。", "The browser stopped working, so the screen was closed. Nobody else is affected." }
    BrowserGoneNext { "Enter キーで新しく始めます。続くときは管理者に連絡してください。", "Press Enter to begin anew. If it goes on, tell your administrator." }
    StoppingTitle { "ホストが停止しました", "The host has stopped" }
    StoppingBody { "保守などのため、{host} が停止しました。", "{host} has stopped, perhaps for maintenance." }
    StoppingNext { "しばらくしてから Enter キーで接続してください。", "Press Enter to connect again after a while." }
    FullTitle { "ただいま満員です", "The host is full" }
    FullBody { "ホストで開ける画面の数が上限に達しています。", "The host has as many sessions as it can hold." }
    FullNext { "少し待ってから Enter キーで接続してください。", "Wait a little, then press Enter to try again." }
    UnknownResumeTitle { "前の画面は残っていませんでした", "The earlier session is gone" }
    UnknownResumeBody { "切れている間に、ホストで画面が終了しました。", "It ended on the host while you were disconnected." }
    UnknownResumeNext { "Enter キーで新しく始めます。", "Press Enter to begin anew." }
    VersionTitle { "ビューアーの版がホストと合いません", "This viewer does not fit the host" }
    VersionBody { "ビューアーとホストの話す約束の版が異なります。", "The viewer and the host speak different versions of the protocol." }
    VersionNext { "管理者に、この PC のビューアーの更新を依頼してください。", "Ask your administrator to update the viewer on this PC." }
    ImpostorTitle { "ホストを確認できません", "The host cannot be verified" }
    ImpostorBody { "{host} は、端末ファイルにあるホストであることを証明できませんでした。何も送っていません。", "{host} could not prove to be the host of the device file. Nothing was sent." }
    ImpostorNext { "管理者に連絡してください。ホストを入れ替えたときは新しい端末ファイルが必要です。", "Tell your administrator. If the host was replaced, a new device file is needed." }
    HostFaultTitle { "ホストから正しくないデータが届きました", "The host sent something wrong" }
    HostFaultBody { "安全のため接続を切りました（番号 {code}）。", "The connection was closed to be safe (code {code})." }
    HostFaultNext { "Enter キーでもう一度接続します。続くときは管理者に連絡してください。", "Press Enter to try again. If it goes on, tell your administrator." }
    ViewerFaultTitle { "ビューアーに問題が起きました", "The viewer had a problem" }
    ViewerFaultBody { "接続を続けられませんでした（番号 {code}）。", "The connection could not go on (code {code})." }
    ViewerFaultNext { "Enter キーでもう一度接続します。続くときは管理者に連絡してください。", "Press Enter to try again. If it goes on, tell your administrator." }
    LocalTitle { "ネットワークを使えません", "The network cannot be used" }
    LocalBody { "この PC で通信を始められませんでした。", "This PC could not begin to communicate." }
    LocalNext { "ネットワークの設定とセキュリティソフトをお確かめください。Enter キーでもう一度接続します。", "Check the network settings and security software, then press Enter to try again." }
    NetworkTitle { "接続が切れました", "The connection was lost" }
    NetworkBody { "ネットワークが途中で切れたか、応答がなくなりました。", "The network broke off, or answers stopped coming." }
    NetworkNext { "ネットワークをお確かめください。Enter キーでもう一度接続します。", "Check the network, then press Enter to try again." }
    BundleTitle { "端末ファイルを読めません", "The device file cannot be read" }
    BundleReadBody { "端末ファイル {path} を開けませんでした。", "The device file {path} could not be opened." }
    BundlePrivateBody { "端末ファイルをこの PC のほかの利用者も読める状態です。鍵を守るため使いません。", "Other users of this PC can read the device file. To protect its key it is not used." }
    BundlePrivateNext { "ほかの人が読めないようにしてください：chmod 600 {path}", "Make it private: chmod 600 {path}" }
    BundleFormatBody { "{path} は、このビューアーで使える端末ファイルではありません。", "{path} is no device file that this viewer can use." }
    BundleNext { "管理者から受け取った端末ファイル（.shoji）をお確かめください。", "Check the device file (.shoji) that your administrator gave you." }

    // Notices from the host.
    NoticeCrashed { "ブラウザーが止まったので、開き直しました", "The browser stopped and was opened again" }
    NoticeKeepsCrashing { "ブラウザーが続けて止まっています。管理者に連絡してください", "The browser keeps stopping. Please tell your administrator" }
    NoticeDownload { "ファイルのダウンロードは許可されていません", "Downloading files is not allowed here" }
    NoticeUpload { "ファイルの送信は許可されていません", "Sending files is not allowed here" }
    NoticePrint { "印刷は許可されていません", "Printing is not allowed here" }
    NoticeSite { "このサイトを開くことは許可されていません", "Opening this site is not allowed here" }
    NoticePermission { "ページが求めた機能の利用は許可されていません", "What the page asked for is not allowed here" }
    NoticeWindows { "これ以上ウィンドウを開けません。使わないものを閉じてください", "No more windows can be opened. Please close some" }
    NoticeEndsSoon { "まもなくこの画面は終了します。作業を保存してください", "This session ends in a few minutes. Please save your work" }
    NoticeExpiresSoon { "端末の証明書の期限が近づいています。管理者に更新を依頼してください", "This PC's certificate expires soon. Ask your administrator to renew it" }
    NoFont { "日本語の文字が見つかりません", "No Japanese font was found. Install the package fonts-noto-cjk (Debian) or a Japanese language pack (Windows)" }

    // Scripts.
    ScriptPlace { "{line} 行目 {column} 文字目：{what}", "line {line}, column {column}: {what}" }
    ScriptStep { "`{word}` という操作はありません。使えるのは type、key、click、move、drag、scroll、wait、resize、screenshot です", "`{word}` is no step; known are type, key, click, move, drag, scroll, wait, resize and screenshot" }
    ScriptExpected { "{what}が必要です", "expected {what}" }
    ScriptKey { "`{word}` というキーはありません。Enter、F5、Ctrl+L のように書いてください", "`{word}` is no key; write it like Enter, F5 or Ctrl+L" }
    ScriptNumber { "`{word}` は使えません。{what}を書いてください", "`{word}` is not {what}" }
    ScriptTooMuch { "`{word}` は余分です。次の操作は改行か `;` のあとに書いてください", "`{word}` is too much here; begin the next step on a new line or after `;`" }
    ScriptOpenText { "文字列が終わっていません。引用符 \" で閉じてください", "the text does not end: a quotation mark is missing" }
    ScriptEscape { "文字列に使えない \\ の書き方があります。使えるのは \\n、\\t、\\\"、\\\\、\\u{...} です", "unknown escape in the text; known are \\n, \\t, \\\", \\\\ and \\u{...}" }
    ScriptTooLong { "スクリプトが {bytes} バイトを超えています。いくつかに分けてください", "the script is longer than {bytes} bytes; split it into several" }
    ScriptNotSent { "セッションがないため入力を送れませんでした。スクリプトをもう一度実行してください", "the input could not be sent, because there is no session; play the script again" }
    WantsText { "引用符で囲んだ文字列", "a text in quotation marks" }
    WantsKey { "キー（Enter や Ctrl+L など）", "a key, such as Enter or Ctrl+L" }
    WantsMoreKey { "`+` に続くキー", "a key after `+`" }
    WantsPlace { "位置（ピクセル、X と Y）", "a place in pixels, X and Y" }
    WantsButton { "ボタン", "a button" }
    WantsNotches { "ホイールの目盛りの数", "a number of notches" }
    WantsQuietOrChange { "quiet か change のどちらか", "quiet or change" }
    WantsMilliseconds { "ミリ秒（1～60000）", "milliseconds (1 to 60000)" }
    WantsWidth { "幅（ピクセル）", "a width in pixels" }
    WantsHeight { "高さ（ピクセル）", "a height in pixels" }
    WantsScale { "倍率（1～3）", "a scale from 1 to 3" }
    WantsFile { "ファイル名", "a file name" }

    // Waits without a display.
    WaitEnded { "{title}。{body}{next}", "{title}. {body} {next}" }
    WaitNext { "しばらくしてからもう一度実行してください。続くときは管理者に連絡してください。", "Run it again after a while; if it goes on, tell your administrator." }
    WaitTooLong { "{seconds} 秒待ちましたが、{what}。もっと待つには --timeout を使ってください", "{what} within {seconds} s; allow more time with --timeout" }
    WaitNoPicture { "ウィンドウ {canvas} にはまだ画面がありません。先に `wait quiet` で待ってください", "window {canvas} has no picture yet; wait for one with `wait quiet`" }
    AwaitedSession { "セッションが始まりませんでした", "no session began" }
    AwaitedFirst { "最初の画面が届きませんでした", "the first picture did not come" }
    AwaitedPicture { "画面が届きませんでした", "the picture did not come" }
    AwaitedQuiet { "画面の動きが止まりませんでした", "the picture did not come to rest" }
    AwaitedChange { "画面が変わりませんでした", "the picture did not change" }
    AwaitedSize { "新しい大きさの画面が届きませんでした", "no picture of the new size came" }
    AwaitedEnd { "終了しませんでした", "the end did not come" }
    AwaitedOther { "待っていたこと（{name}）が起きませんでした", "{name} did not happen" }

    // The command line.
    CliNoFolder { "この利用者には設定フォルダーがありません。--bundle で端末ファイルを指定してください", "this user has no configuration folder; name the device file with --bundle FILE" }
    CliCannotRead { "{path} を読めません（{why}）。ファイル名をお確かめください", "cannot read {path} ({why}); check the file's name" }
    CliCannotWrite { "{path} に書き込めません（{why}）。保存先をお確かめください", "cannot write {path} ({why}); check where it goes" }
    CliMistake { "スクリプトに誤りがあります。{what}", "the script has a mistake: {what}" }
    CliNotAtRest { "{seconds} 秒待ちましたが、ページの動きが止まりません。今の画面を保存します", "the page did not come to rest within {seconds} s; taking it as it is" }
    CliNoDisplay { "ここではウィンドウを開けません（{why}）。--headless か --screenshot を使ってください", "no window can be opened here ({why}); use --headless or --screenshot FILE.png" }
    CliNoSurface { "ウィンドウに画面を表示できません（{why}）。ビューアーを開き直し、続くときは管理者に連絡してください", "the window cannot show pixels ({why}); open the viewer again, and if it goes on, tell your administrator" }
    CauseMissing { "ファイルまたはフォルダーがありません", "there is no such file or folder" }
    CauseDenied { "権限がありません", "permission denied" }
    CauseFull { "空き容量がありません", "no space is left" }
    CauseFolder { "フォルダーです", "it is a folder" }
    CauseNoText { "UTF-8 の文字ではありません", "it is not UTF-8 text" }

    // Details.
    DetailsTitle { "接続の詳細", "Connection" }
    DetailsRoundTrip { "往復時間", "Round trip" }
    DetailsFrames { "毎秒の画面数", "Frames per second" }
    DetailsBandwidth { "帯域", "Bandwidth" }
    DetailsEcho { "入力から表示まで p50 / p95", "Input to picture p50 / p95" }
    DetailsCarrier { "経路", "Carrier" }
    DetailsSize { "画面の大きさ", "Picture size" }
    DetailsHost { "ホスト", "Host" }
    DetailsDevice { "端末", "Device" }
    DetailsNone { "まだありません", "none yet" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders(text: &str) -> Vec<&str> {
        let mut found: Vec<_> =
            text.split('{').skip(1).filter_map(|part| part.split_once('}').map(|(name, _)| name)).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn no_text_is_missing_in_a_language() {
        for text in Text::ALL {
            let (ja, en) = (text.in_language(Language::Ja), text.in_language(Language::En));
            assert!(!ja.trim().is_empty() && !en.trim().is_empty(), "{text:?}");
            assert_eq!(placeholders(ja), placeholders(en), "{text:?}: both languages say the same values");
            // The segment's name stands beside its translation: nobody may mistake it.
            let own = en.replace("インターネット画面 · ", "");
            assert!(own.is_ascii() || own.contains('—'), "{text:?}: {en}");
            let japanese = ja.chars().any(|c| c as u32 > 0x3000);
            assert!(japanese || ja == en, "{text:?} is not Japanese: {ja}");
        }
    }

    #[test]
    fn values_are_filled_in_once_and_unknown_names_stay() {
        assert_eq!(fill("{a} and {b} and {", &[("a", "{b}"), ("b", "2")]), "{b} and 2 and {");
        assert_eq!(fill("{x}", &[]), "{x}");
    }

    #[test]
    fn a_locale_chooses_the_language() {
        assert_eq!(Language::of_locale("ja_JP.UTF-8"), Language::Ja);
        assert_eq!(Language::of_locale("JA"), Language::Ja);
        assert_eq!(Language::of_locale("C.UTF-8"), Language::En);
    }
}
