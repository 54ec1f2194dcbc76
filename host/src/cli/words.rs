//! What `--help` and a mistake on the command line say, in Japanese.
//!
//! Owns the Japanese texts of the command line, one table by command and argument, and which language is spoken. The
//! English texts stand beside the arguments themselves and are never changed here; a test finds whatever has no Japanese
//! text.

use clap::error::{ContextKind, ErrorKind};
use clap::{ArgMatches, Command};
use shoji_protocol::Locale;

/// The words of one command.
struct Words {
    /// Its name with those above it; the program itself has none.
    command: &'static str,
    about: &'static str,
    /// By the argument's id; what is not here is looked for in the program's own words.
    arguments: &'static [(&'static str, &'static str)],
}

/// Of a new user or device.
const NAME: &str = "名前。文字、数字、. _ - @ で 64 バイトまで、先頭は文字か数字です";

const WORDS: &[Words] = &[
    Words {
        command: "",
        about: "Shoji のホスト。ブラウザーを動かし、その画面をビューアーに届けます。",
        arguments: &[
            (
                "state",
                "証明書、利用者、端末を保管する場所。省くと root は /var/lib/shoji、\nほかの利用者は自分の状態フォルダーです（環境変数 SHOJI_STATE でも指定できます）",
            ),
            ("help", "ヘルプを表示します"),
            ("version", "版を表示します"),
        ],
    },
    Words {
        command: "serve",
        about: "ホストを動かします。ビューアーを受け付け、セッションを開きます。",
        arguments: &[
            ("config", "設定ファイル。省くと、保管場所に host.toml があればそれを使います"),
            ("listen", "待ち受けるアドレスとポート（UDP と TCP の両方）。ポート 0 は空いているものを使います"),
            ("start_url", "新しいセッションが最初に開くページ。省くと内蔵の案内ページです"),
            (
                "also_allow",
                "インターネットではないこのアドレス（または範囲）にも、すべてのポートで接続を許します\n（試験や実演のため。繰り返し指定でき、host.toml の also_allow に加わります）",
            ),
            ("trace_dir", "shoji-bench のために、入力と更新の時刻をここに保存します（数値だけです）"),
            ("print_ready", "待ち受けを始めたら標準出力に `ready アドレス:ポート` だけを書きます"),
            ("log_json", "ログを JSON の行で書きます"),
        ],
    },
    Words {
        command: "init",
        about: "認証局と保管場所を作ります（ほかのコマンドも必要なときに作ります）。",
        arguments: &[],
    },
    Words { command: "user", about: "利用者：セッションを持てる人。", arguments: &[] },
    Words { command: "user add", about: "利用者を加えます。", arguments: &[("name", NAME)] },
    Words { command: "user list", about: "利用者の一覧を表示します。", arguments: &[] },
    Words { command: "device", about: "端末：接続できる PC。", arguments: &[] },
    Words {
        command: "device add",
        about: "端末を加え、端末ファイルを書き出します。ビューアーに必要なのはこのファイルだけです。",
        arguments: &[
            ("name", NAME),
            ("user", "だれの端末か。利用者が一人だけなら省けます"),
            ("days", "証明書が有効な日数"),
            ("out", "端末ファイルの保存先。省くと 名前.shoji です"),
            ("host", "ビューアーから見たホストの場所。省くと、動いているホストか設定に従います"),
            ("gate", "ビューアーは、ここにある中継（ゲート）を通って接続します"),
            (
                "as_gate",
                "端末ではなく中継（ゲート）を加えます。ほかの端末の代わりに話せますが、自分のセッションは持てません",
            ),
        ],
    },
    Words {
        command: "device list", about: "端末と、許可を待っているブラウザーの一覧を表示します。", arguments: &[]
    },
    Words {
        command: "device approve",
        about: "許可を待っているブラウザーを、表示されているコードで選び、端末として許可します。",
        arguments: &[
            ("code", "ブラウザーに表示されているコード"),
            ("user", "だれの端末か。利用者が一人だけなら省けます"),
            ("name", "端末の名前。省くと、利用者がブラウザーで付けた名前です"),
            ("days", "許可が有効な日数"),
        ],
    },
    Words {
        command: "device refuse",
        about: "許可を待っているブラウザーを断ります。一覧から消え、もう一度申し込むことはできます。",
        arguments: &[("code", "ブラウザーに表示されているコード")],
    },
    Words {
        command: "device revoke",
        about: "端末の許可を取り消します。そのセッションはすぐに終わり、もう接続できません。",
        arguments: &[("name", "端末の名前（`shoji-host device list` で調べます）")],
    },
    Words {
        command: "sessions",
        about: "動いているホストのセッションの一覧を表示します。",
        arguments: &[("json", "一行の JSON で表示します")],
    },
    Words { command: "session", about: "一つのセッションを操作します。", arguments: &[] },
    Words {
        command: "session end",
        about: "セッションとそのブラウザーを終了します。",
        arguments: &[("id", "番号（`shoji-host sessions` で調べます）")],
    },
    Words {
        command: "ca",
        about: "このホストの認証局の証明書を書き出します。ブラウザーに入れると、ウェブビューアーが警告なしで開きます。",
        arguments: &[(
            "out",
            "証明書（PEM）の保存先。ブラウザーに入れるのはこのファイルです。省くと標準出力に表示します",
        )],
    },
    Words {
        command: "doctor",
        about: "このマシンを調べ、報告を表示します（ネットワーク、証明書、サンドボックス、ブラウザー、時刻）。\n問題がなければ終了コード 0、あれば 1 です。注意と未確認は数えません。何も変更せず、--forbidden のほかには接続しません。",
        arguments: &[
            ("config", "設定ファイル。省くと、保管場所に host.toml があればそれを使います"),
            ("format", "表示の形。text は端末用、json はプログラム用（両方の言葉）、html は一つで完結するページです"),
            ("lang", "報告の言葉（ja、en）。省くと環境の設定に従います"),
            (
                "forbidden",
                "このマシンから届いてはならないアドレスと TCP ポート（LGWAN 接続系のものなど）。一度だけ接続を試します\n（繰り返し指定でき、32 個までです）",
            ),
        ],
    },
    Words {
        command: "boundary",
        about: "境界を越えうるもの（メッセージ、項目、型、上限）をすべて表示します。",
        arguments: &[("format", "表示の形。md は人が読む Markdown、json はプログラム用です")],
    },
    Words {
        command: "gate",
        about: "中継（ゲート）を動かします。境界で両側の接続を終端し、メッセージを一つずつ確かめて作り直します。",
        arguments: &[
            ("config", "設定ファイル。省くと、すべて既定値です"),
            ("identity", "ゲート自身の証明書のファイル（`device add --as-gate` が書き出します）"),
            (
                "listen",
                "ビューアーを待ち受けるアドレスとポート（UDP と TCP の両方）。ポート 0 は空いているものを使います",
            ),
            (
                "health",
                "監視が /healthz と /metrics を尋ねるアドレスとポート。省くと 127.0.0.1:9433、\"\" なら設けません",
            ),
            (
                "pixels",
                "ホストの画面を権限のないプロセスで画素に戻し、画素から更新を作り直します。\nホストの作った更新は 1 バイトも通りません",
            ),
            ("print_boundary", "このゲートを通るものとその上限をすべて表示して終わります"),
            (
                "print_ready",
                "待ち受けを始めたら標準出力に `ready アドレス:ポート`（と `health アドレス:ポート`）だけを書きます",
            ),
            ("log_json", "ログを JSON の行で書きます"),
        ],
    },
    Words {
        command: "gate doctor",
        about: "ゲートのマシンを調べ、報告を表示します（ネットワーク、転送、証明書、ホスト、時刻）。\n問題がなければ終了コード 0、あれば 1 です。",
        arguments: &[
            ("identity", "ゲート自身の証明書のファイル（`device add --as-gate` が書き出します）"),
            ("config", "設定ファイル。省くと、すべて既定値です"),
            ("format", "表示の形。text は端末用、json はプログラム用（両方の言葉）、html は一つで完結するページです"),
            ("lang", "報告の言葉（ja、en）。省くと環境の設定に従います"),
            (
                "forbidden",
                "このマシンから届いてはならないアドレスと TCP ポート（LGWAN 接続系のものなど）。一度だけ接続を試します\n（繰り返し指定でき、32 個までです）",
            ),
        ],
    },
    Words { command: "help", about: "ヘルプを表示します。", arguments: &[] },
];

/// How the examples are introduced. The examples themselves are commands, the same in every language.
const EXAMPLES: [(&str, &str); 3] = [
    ("Example, a first session on this machine:", "例（このマシンで初めてのセッションを開く）:"),
    ("Examples:", "例:"),
    ("Example:", "例:"),
];

const TEMPLATE: &str = "{before-help}{about-with-newline}\n使い方: {usage}\n\n{all-args}{after-help}";

/// The language that the environment asks for, by the usual order of variables. What is not Japanese reads English, and
/// so does a service without a language.
pub fn of_environment() -> Locale {
    let first = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty());
    first.map_or(Locale::En, |locale| of_locale(&locale))
}

/// The language of a locale such as `ja_JP.UTF-8`.
fn of_locale(locale: &str) -> Locale {
    if locale.to_ascii_lowercase().starts_with("ja") { Locale::Ja } else { Locale::En }
}

/// The command line with its help in a language.
pub fn command(mut command: Command, language: Locale) -> Command {
    match language {
        Locale::En => command,
        Locale::Ja => {
            // What the crate adds by itself, such as --help, is there only now.
            command.build();
            translate(command, "")
        }
    }
}

/// What the command line says. Help and mistakes are answered here, and end the program.
pub fn matches(command: Command, language: Locale) -> ArgMatches {
    self::command(command, language).try_get_matches().unwrap_or_else(|error| match (language, mistake(&error)) {
        (Locale::Ja, Some(text)) => {
            eprintln!("shoji-host: {text}");
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
    // Every group of commands has a help of its own.
    let path = if path.ends_with(" help") { "help" } else { path };
    WORDS.iter().find(|words| words.command == path)
}

fn argument(path: &str, id: &str) -> Option<&'static str> {
    let of = |words: &'static Words| words.arguments.iter().find(|(name, _)| *name == id).map(|(_, text)| *text);
    words(path).and_then(of).or_else(|| words("").and_then(of))
}

fn translate(command: Command, path: &str) -> Command {
    // The commands below `help` repeat the others and are not shown.
    let Some(words) = words(path) else { return command };
    let after = command.get_after_help().map(|after| {
        let after = after.to_string();
        let known = EXAMPLES.iter().find_map(|(en, ja)| Some(format!("{ja}{}", after.strip_prefix(en)?)));
        known.unwrap_or(after)
    });
    let command = match after {
        Some(after) => command.after_help(after),
        None => command,
    };
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
            arg.help(text)
                .long_help(None)
                .help_heading(heading)
                .hide_default_value(true)
                .hide_possible_values(true)
                .hide_env(true)
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
        for sub in command.get_subcommands().filter(|sub| !path.ends_with("help") && !sub.is_hide_set()) {
            walk(sub, format!("{path} {}", sub.get_name()).trim_start(), look);
        }
    }

    #[test]
    fn every_command_and_argument_has_a_japanese_text() {
        let japanese = command(Cli::command(), Locale::Ja);
        walk(&japanese, "", &mut |command, path| {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(is_japanese(&about), "`{path}`: {about}");
            for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(is_japanese(&help), "`{path}` {}: {help}", arg.get_id());
            }
            let after = command.get_after_help().map(ToString::to_string);
            assert!(after.is_none_or(|after| is_japanese(&after)), "`{path}`: its examples are introduced");
        });
    }

    #[test]
    fn no_japanese_text_is_for_something_that_is_not_there() {
        let japanese = command(Cli::command(), Locale::Ja);
        let mut known = Vec::new();
        walk(&japanese, "", &mut |command, path| {
            known.push(path.to_owned());
            for (id, _) in words(path).map_or(&[][..], |words| words.arguments) {
                assert!(command.get_arguments().any(|arg| arg.get_id() == id), "`{path}` has no {id}");
            }
        });
        for words in WORDS {
            assert!(known.iter().any(|path| path == words.command), "there is no command `{}`", words.command);
        }
    }

    #[test]
    fn the_english_help_stays_as_the_arguments_say_it() {
        let (plain, english) = (Cli::command(), command(Cli::command(), Locale::En));
        walk(&plain, "", &mut |plain, path| {
            let same = path
                .split(' ')
                .filter(|name| !name.is_empty())
                .try_fold(&english, |command, name| command.find_subcommand(name));
            let text = same.expect("the same commands").clone().render_long_help().to_string();
            assert_eq!(text, plain.clone().render_long_help().to_string());
            assert!(text.is_ascii(), "{text}");
        });
    }

    #[test]
    fn both_languages_show_the_same_examples_and_understand_them() {
        let (english, japanese) = (Cli::command(), command(Cli::command(), Locale::Ja));
        let examples = |command: &Command| -> Vec<String> {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            after.lines().skip(1).map(|line| line.trim().to_owned()).collect()
        };
        assert_eq!(examples(&english), examples(&japanese));
        for line in examples(&japanese) {
            assert!(japanese.clone().try_get_matches_from(line.split(' ')).is_ok(), "{line}");
        }
    }

    #[test]
    fn a_locale_chooses_the_language() {
        assert_eq!(of_locale("ja_JP.UTF-8"), Locale::Ja);
        assert_eq!(of_locale("C.UTF-8"), Locale::En);
    }

    #[test]
    fn a_mistake_on_the_command_line_is_told_in_japanese_and_help_is_none() {
        let said = |line: &str| {
            let arguments = ["shoji-host"].into_iter().chain(line.split(' '));
            mistake(&command(Cli::command(), Locale::Ja).try_get_matches_from(arguments).expect_err(line))
        };
        for line in [
            "serv",
            "serve --lisen x",
            "serve --listen x",
            "serve --listen",
            "device add",
            "device add a/b",
            "boundary --format xml",
            "serve --log-json --log-json",
        ] {
            let said = said(line).expect(line);
            assert!(is_japanese(&said) && said.contains("--help") && !said.starts_with(' '), "{line}: {said}");
        }
        assert_eq!(said("--help"), None);
        assert_eq!(said("--version"), None);
    }
}
