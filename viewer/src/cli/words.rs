//! What `--help` and a mistake on the command line say, in Japanese.
//!
//! Owns the Japanese texts of the command line, one table by command and argument. The English ones stand beside the
//! arguments themselves and are never changed here; a test finds whatever has no Japanese text.

use clap::error::{ContextKind, ErrorKind};
use clap::{ArgMatches, Command};

use crate::texts::Language;

/// The words of one command.
struct Words {
    /// Its name with those above it; the program itself has none.
    command: &'static str,
    about: &'static str,
    /// By the argument's id; what is not here is looked for in the program's own words.
    arguments: &'static [(&'static str, &'static str)],
    after: &'static str,
}

const EXAMPLES: &str = "\
例:
  shoji-viewer connect --bundle pc-012.shoji
      ウィンドウを開きます。Pause キーでメニュー、Ctrl+Alt+Shift+I で接続の詳細、
      Ctrl+Alt+Shift+F で全画面になります。F11 はページに届きます。
  shoji-viewer connect --bundle pc-012.shoji --screenshot page.png
      ディスプレイを使いません。ページの動きが止まったら画面を保存し、終了します。
  shoji-viewer connect --bundle pc-012.shoji --input 'key Ctrl+L; type \"example.jp\\n\"; wait quiet 1000' \\
      --screenshot page.png --stats figures.json
  shoji-viewer connect --bundle pc-012.shoji --headless --timeout 60 --stats figures.json
      1 分間接続して、計測値を保存します。

スクリプト（--input）の操作。改行か `;` で区切ります:
  type \"文字列\"          key Ctrl+L              click X Y [right|middle|double]
  move X Y               drag X1 Y1 X2 Y2        scroll X Y 目盛り
  wait quiet [ミリ秒]    wait change             resize 幅 高さ [倍率]
  screenshot ファイル    # 注釈";

const DOCTOR_EXAMPLES: &str = "\
例:
  shoji-viewer doctor
  shoji-viewer doctor --format html > report.html
  shoji-viewer doctor --bundle pc-012.shoji --forbidden 192.0.2.80:443

segments.toml の例:
  lgwan = [\"10.0.0.0/8\"]
  internet = [\"192.0.2.0/24\"]
  management = []
  boundary = []";

const WORDS: &[Words] = &[
    Words {
        command: "",
        about: "インターネット側で動くブラウザーの画面を表示します。",
        arguments: &[
            ("lang", "ビューアー自身の言葉（ja、en）。省くとシステムの設定に従います"),
            ("help", "このヘルプを表示します（--help は例も表示します）"),
            ("version", "版を表示します"),
        ],
        after: EXAMPLES,
    },
    Words {
        command: "doctor",
        about: "この PC を調べ、報告を表示します（ネットワーク、端末ファイル、ホストへの経路）。\n問題がなければ終了コード 0、あれば 1 です。注意と未確認は数えません。何も変更しません。",
        arguments: &[
            ("bundle", "管理者から受け取った端末ファイル。省くと設定フォルダーの device.shoji を使います"),
            ("segments", "宣言された区分のファイル。省くと設定フォルダーの segments.toml があればそれを使います"),
            ("format", "表示の形。text は端末用、json はプログラム用（両方の言葉）、html は一つで完結するページです"),
            (
                "forbidden",
                "この PC から届いてはならないアドレスと TCP ポート。一度だけ接続を試します（繰り返し指定でき、32 個までです）",
            ),
        ],
        after: DOCTOR_EXAMPLES,
    },
    Words {
        command: "connect",
        about: "端末ファイルに書かれたホストに接続し、画面を開きます。",
        arguments: &[
            ("bundle", "管理者から受け取った端末ファイル。省くと設定フォルダーの device.shoji を使います"),
            ("headless", "ディスプレイを使わずに動かします"),
            ("screenshot", "動きが止まるか --timeout を過ぎたら、画面を保存します（--headless を兼ねます）"),
            ("input", "スクリプトを実行します。ファイル名かスクリプトそのもの（--headless を兼ねます）"),
            ("stats", "終わりに接続の計測値を保存します"),
            ("size", "画面の大きさ（320x240～3840x2160 の物理ピクセル）"),
            ("scale", "表示の倍率（1～3）。省くとディスプレイに合わせます"),
            ("timeout", "ディスプレイを使わないとき、それぞれ何秒まで待つか（0.1～86400）"),
            ("settle", "--screenshot で、何ミリ秒変わらなければ止まったとみなすか"),
            ("keyboard", "お使いのキーボード。jp は日本語 JIS 配列、us は US 配列です。ほかの言語の配列も選べます"),
            (
                "menu_key",
                "メニューを開くキー（pause、scroll-lock、right-ctrl は単独で、f8、f9、none）。Ctrl などと一緒に押すとページに届きます",
            ),
            (
                "shortcuts",
                "Ctrl+Alt+Shift+I、Ctrl+Alt+Shift+F、メニューのキーを、ビューアーで使う（local）かページに渡す（page）か",
            ),
            (
                "carrier",
                "ホストへの経路（回線の確認用）。quic は UDP、tcp は TCP だけを使い、auto はつながるほうを使います",
            ),
            ("contrast", "ビューアー自身の表示のコントラスト。normal か high（黒地に白）"),
            (
                "new_session",
                "この端末やほかの端末に残っているセッションを使わず、新しく始めます（ディスプレイを使わないときは常に）",
            ),
            ("keep", "終わるときにブラウザーを終了せず残します（ディスプレイを使わないとき）"),
            ("trace", "入力と画面の時刻を JSON の行で保存します（計測用）"),
        ],
        after: EXAMPLES,
    },
    Words { command: "help", about: "ヘルプを表示します。", arguments: &[], after: "" },
];

const TEMPLATE: &str = "{before-help}{about-with-newline}\n使い方: {usage}\n\n{all-args}{after-help}";

/// The command line with its help in a language.
pub(super) fn command(mut command: Command, language: Language) -> Command {
    match language {
        Language::En => command,
        Language::Ja => {
            // What the crate adds by itself, such as --help, is there only now.
            command.build();
            translate(command, "")
        }
    }
}

/// What the command line says. Help and mistakes are answered here, and end the program.
pub(super) fn matches(command: Command, language: Language) -> ArgMatches {
    self::command(command, language).try_get_matches().unwrap_or_else(|error| match (language, mistake(&error)) {
        (Language::Ja, Some(text)) => {
            eprintln!("shoji-viewer: {text}");
            std::process::exit(error.exit_code())
        }
        _ => error.exit(),
    })
}

/// A mistake on the command line in Japanese; `None`: it is none (help was asked for), or one that hardly anybody makes.
fn mistake(error: &clap::Error) -> Option<String> {
    let of = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let (argument, value) = (of(ContextKind::InvalidArg), of(ContextKind::InvalidValue));
    let what = match error.kind() {
        ErrorKind::UnknownArgument => format!("{argument} という指定はありません"),
        ErrorKind::InvalidSubcommand => format!("{} というコマンドはありません", of(ContextKind::InvalidSubcommand)),
        ErrorKind::InvalidValue if value.is_empty() => format!("{argument} に値がありません"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => format!("{argument} に {value} は使えません"),
        ErrorKind::MissingRequiredArgument => format!("{argument} が必要です"),
        // No two arguments exclude each other, but none may be given twice.
        ErrorKind::ArgumentConflict => format!("{argument} は一度だけ指定できます"),
        _ => return None,
    };
    Some(format!("{what}。使い方は --help で表示します。"))
}

fn words(path: &str) -> Option<&'static Words> {
    WORDS.iter().find(|words| words.command == path)
}

fn argument(path: &str, id: &str) -> Option<&'static str> {
    let of = |words: &'static Words| words.arguments.iter().find(|(name, _)| *name == id).map(|(_, text)| *text);
    words(path).and_then(of).or_else(|| words("").and_then(of))
}

fn translate(command: Command, path: &str) -> Command {
    // The commands below `help` repeat the others and are not shown.
    let Some(words) = words(path) else { return command };
    let command = if words.after.is_empty() { command } else { command.after_long_help(words.after) };
    command
        .about(words.about)
        .long_about(None)
        .help_template(TEMPLATE)
        .subcommand_help_heading("コマンド")
        .mut_args(|arg| {
            let Some(text) = argument(path, arg.get_id().as_str()) else { return arg };
            let values = if arg.get_action().takes_values() { arg.get_default_values() } else { &[] };
            let default: Vec<_> = values.iter().map(|value| value.to_string_lossy()).collect();
            let text = if default.is_empty() {
                text.to_owned()
            } else {
                format!("{text}（既定値：{}）", default.join("、"))
            };
            let heading = if arg.is_positional() { "引数" } else { "オプション" };
            arg.help(text).long_help(None).help_heading(heading).hide_default_value(true).hide_possible_values(true)
        })
        .mut_subcommands(|sub| {
            let path = format!("{path} {}", sub.get_name());
            translate(sub, path.trim_start())
        })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    fn is_japanese(text: &str) -> bool {
        text.chars().any(|c| c as u32 > 0x3000)
    }

    /// Calls `look` with every command that is shown, and its path.
    fn walk(command: &Command, path: &str, look: &mut impl FnMut(&Command, &str)) {
        look(command, path);
        for sub in command.get_subcommands().filter(|sub| path != "help" && !sub.is_hide_set()) {
            walk(sub, format!("{path} {}", sub.get_name()).trim_start(), look);
        }
    }

    #[test]
    fn every_command_and_argument_has_a_japanese_text() {
        let japanese = command(Cli::command(), Language::Ja);
        let mut known = Vec::new();
        walk(&japanese, "", &mut |command, path| {
            known.push(path.to_owned());
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(is_japanese(&about), "`{path}`: {about}");
            for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(is_japanese(&help), "`{path}` {}: {help}", arg.get_id());
            }
        });
        for words in WORDS {
            assert!(known.iter().any(|path| path == words.command), "there is no command `{}`", words.command);
        }
    }

    #[test]
    fn no_japanese_text_is_for_an_argument_that_is_not_there() {
        let japanese = command(Cli::command(), Language::Ja);
        walk(&japanese, "", &mut |command, path| {
            for (id, _) in words(path).map_or(&[][..], |words| words.arguments) {
                assert!(command.get_arguments().any(|arg| arg.get_id() == id), "`{path}` has no {id}");
            }
        });
    }

    #[test]
    fn the_english_help_stays_as_the_arguments_say_it() {
        let (mut plain, mut english) = (Cli::command(), command(Cli::command(), Language::En));
        let text = english.render_long_help().to_string();
        assert_eq!(text, plain.render_long_help().to_string());
        assert!(text.is_ascii(), "{text}");
    }

    #[test]
    fn both_languages_show_the_same_examples() {
        let lines = |text: &str| -> Vec<String> {
            text.lines().filter(|line| line.contains("shoji-viewer ")).map(str::to_owned).collect()
        };
        assert_eq!(lines(EXAMPLES), lines(crate::cli::EXAMPLES));
        assert_eq!(lines(DOCTOR_EXAMPLES), lines(crate::cli::doctor::EXAMPLES));
    }

    #[test]
    fn the_japanese_command_line_understands_the_same() {
        let matches = command(Cli::command(), Language::Ja).try_get_matches_from([
            "shoji-viewer",
            "connect",
            "--keyboard",
            "us",
            "--lang",
            "ja",
            "--size",
            "800x600",
        ]);
        let matches = matches.expect("it is understood");
        let connect = matches.subcommand_matches("connect").expect("a command");
        assert_eq!(connect.get_one("size"), Some(&(800_u16, 600_u16)));
        assert_eq!(matches.get_one("lang"), Some(&Language::Ja));
    }

    #[test]
    fn a_mistake_on_the_command_line_is_told_in_japanese_and_help_is_none() {
        let said = |line: &str| {
            let arguments = ["shoji-viewer"].into_iter().chain(line.split(' '));
            mistake(&command(Cli::command(), Language::Ja).try_get_matches_from(arguments).expect_err(line))
        };
        for line in [
            "conect",
            "connect --bundel x",
            "connect --size 1x1",
            "connect --timeout",
            "connect --keyboard xx",
            "connect --headless --headless",
        ] {
            let said = said(line).expect(line);
            assert!(is_japanese(&said) && said.contains("--help") && !said.starts_with(' '), "{line}: {said}");
        }
        assert_eq!(said("--help"), None);
        assert_eq!(said("--version"), None);
    }
}
