//! What facts mean.
//!
//! Owns every sentence of the host's report, in both languages, and the items of the guideline that each line is evidence for. It
//! is a pure function; a line about something that was not looked at, or not declared, is `NotChecked`.

use std::net::SocketAddr;

use shoji_evidence::network::Side;
use shoji_evidence::report::{Finding, Item, Status, Text};
use shoji_evidence::{calendar, lines};

use super::facts::Facts;
use crate::limits;

const DAY: u64 = 86_400;

/// The lines of the report: the wall between the networks first, then who may come in, then the machine.
pub fn all(facts: &Facts) -> Vec<Finding> {
    vec![
        lines::network(&facts.segments, Side::Host, &facts.contradictions),
        lines::forbidden(Side::Host, &facts.forbidden),
        egress(facts),
        boundary(facts),
        listeners(&facts.listeners, facts.listen),
        devices(facts),
        certificates(facts),
        sandbox(facts),
        walls(facts.walls),
        users(facts),
        groups(facts),
        browser(facts),
        clock(&facts.clock),
        logs(),
        open_files(facts.open_files),
    ]
}

fn egress(facts: &Facts) -> Finding {
    let title = Text::new("ブラウザーから到達できない範囲", "What browsers are refused");
    let items = [Item::Separation, Item::Routes];
    let line =
        |status, ja: String, en: String| Finding::new("egress", status, title.clone(), Text::new(ja, en), &items);
    if !facts.also_allow.is_empty() {
        let list = facts.also_allow.join(", ");
        return line(
            Status::Attention,
            format!("インターネットではない {list} に、例外として到達できます（[egress] also_allow）。"),
            format!("As an exception, browsers may reach {list}, which is not the internet ([egress] also_allow)."),
        )
        .and_then(
            "試験や実演でなければ、例外を取り除いてください",
            "Remove the exceptions, unless this is for tests or a demonstration",
        );
    }
    if facts.lgwan_refused == 0 {
        return line(
            Status::NotChecked,
            "プライベートアドレスなどは常に拒否しますが、LGWAN 接続系の範囲は宣言されていません。".into(),
            "Private addresses and the like are always refused; prefixes of the LGWAN segment are not declared.".into(),
        )
        .and_then("[segments] の lgwan に範囲を書いてください", "Write them in lgwan of [segments]");
    }
    let count = facts.lgwan_refused;
    line(
        Status::Fine,
        format!(
            "プライベートアドレスなどのほか、LGWAN 接続系の {count} 個の範囲を拒否します。例外はありません（設定の確認です）。"
        ),
        format!(
            "Besides private addresses and the like, {count} LGWAN prefixes are refused, without exceptions (as configured)."
        ),
    )
}

fn boundary(facts: &Facts) -> Finding {
    let count = facts.messages;
    Finding::new(
        "boundary",
        Status::Fine,
        Text::new("境界を越えるもの", "What can cross the boundary"),
        Text::new(
            format!(
                "このプログラムが境界でやり取りできるメッセージは {count} 種類です。一覧は shoji-host boundary で表示できます。ほかの経路は、ここからは確かめられません。"
            ),
            format!(
                "This program can exchange {count} kinds of messages across the boundary; `shoji-host boundary` lists them. Ways past this program cannot be seen from here."
            ),
        ),
        &[Item::ScreenTransfer, Item::Sanitized],
    )
}

pub(crate) fn listeners(found: &Result<Vec<String>, String>, listen: SocketAddr) -> Finding {
    let title = Text::new("このマシンのほかの待ち受け", "Other listeners of this machine");
    let items = [Item::Routes];
    match found {
        Err(why) => {
            let found = Text::new(format!("調べられません: {why}"), format!("Cannot be seen: {why}"));
            Finding::new("listeners", Status::NotChecked, title, found, &items)
        }
        Ok(listeners) if listeners.is_empty() => {
            let found = Text::new(
                format!("このプログラムの待ち受け（{listen}）のほかに、外から届く待ち受けはありません。"),
                format!("Beside this program's own ({listen}), nothing listens for other machines."),
            );
            Finding::new("listeners", Status::Fine, title, found, &items)
        }
        Ok(listeners) => {
            let list = listeners.join(", ");
            let found =
                Text::new(format!("外から届きうる待ち受け: {list}"), format!("Other machines may reach these: {list}"));
            Finding::new("listeners", Status::Attention, title, found, &items).and_then(
                "不要なものを止め、必要なもの（SSH など）は管理用ネットワークだけで待ち受けさせてください",
                "Stop what is not needed, and let the rest (such as SSH) listen in the management network only",
            )
        }
    }
}

fn devices(facts: &Facts) -> Finding {
    let title = Text::new("承認された端末", "Approved devices");
    let items = [Item::Devices];
    let (valid, over, waiting) = match &facts.devices {
        Ok(devices) => *devices,
        Err(why) => {
            let found =
                Text::new(format!("端末の台帳を読めません: {why}"), format!("The registry cannot be read: {why}"));
            return Finding::new("devices", Status::Wrong, title, found, &items);
        }
    };
    let found = Text::new(
        format!(
            "有効な端末 {valid} 台、期限の過ぎた端末 {over} 台、承認待ち {waiting} 件。承認のない端末は接続できません。"
        ),
        format!("{valid} in use, {over} past their end, {waiting} waiting for approval. Others cannot connect."),
    );
    if over + waiting > 0 {
        Finding::new("devices", Status::Attention, title, found, &items).and_then(
            "shoji-host device list で確かめ、不要な端末は revoke、申し込みは approve か refuse してください",
            "See shoji-host device list; revoke what is not needed, approve or refuse what waits",
        )
    } else {
        Finding::new("devices", Status::Fine, title, found, &items)
    }
}

fn certificates(facts: &Facts) -> Finding {
    let title = Text::new("証明書の期限", "Dates of the certificates");
    let (mut status, mut ja, mut en) = (Status::Fine, Vec::new(), Vec::new());
    for (name, end) in &facts.certificates {
        let (of_this, said_ja, said_en) = match end {
            Err(why) => (Status::Wrong, format!("読めません: {why}"), format!("cannot be read: {why}")),
            Ok(None) => (
                Status::NotChecked,
                "まだありません（最初の開始で作られます）".into(),
                "not made yet (the first start makes it)".into(),
            ),
            Ok(Some(end)) => {
                let day = calendar::day(*end);
                match end.checked_sub(facts.now) {
                    None | Some(0) => (Status::Wrong, format!("{day} に切れました"), format!("ended on {day}")),
                    Some(left) => {
                        let days = left / DAY;
                        let soon = days < limits::ENDS_SOON_DAYS;
                        let status = if soon { Status::Attention } else { Status::Fine };
                        (status, format!("{day} まで（残り {days} 日）"), format!("until {day} ({days} days left)"))
                    }
                }
            }
        };
        status = status.min(of_this);
        ja.push(format!("{name}: {said_ja}"));
        en.push(format!("{name}: {said_en}"));
    }
    let line = Finding::new("certificates", status, title, Text::new(ja.join("\n"), en.join("\n")), &[Item::Devices]);
    match status {
        Status::Wrong | Status::Attention => line.and_then(
            "server.pem は host の再起動で作り直されます。ca.pem が終わると端末の承認がすべてやり直しになるため、早めに計画してください",
            "A restart of the host makes server.pem anew; with ca.pem every device has to be approved again, so plan for it",
        ),
        _ => line,
    }
}

fn sandbox(facts: &Facts) -> Finding {
    let title = Text::new(
        "ブラウザー、日本語フォント、サンドボックス（名前空間）",
        "Browser, Japanese fonts and sandbox (namespaces)",
    );
    match &facts.sandbox {
        Ok(()) => {
            let found = Text::new(
                "必要なものはすべて入っており、サンドボックスを実際に作れました。",
                "All that is needed is installed, and a sandbox could be made.",
            );
            Finding::new("sandbox", Status::Fine, title, found, &[Item::Software])
        }
        Err(why) => Finding::new("sandbox", Status::Wrong, title, Text::new(why, why), &[Item::Software]).and_then(
            "表示された原因を直してください。それまで、shoji-host serve は開始できません",
            "Correct what is named; until then, shoji-host serve cannot start",
        ),
    }
}

pub(crate) fn walls((landlock, seccomp): (bool, bool)) -> Finding {
    let word = |has| if has { ("あり", "there") } else { ("なし", "missing") };
    let found = Text::new(
        format!("Landlock: {}、seccomp: {}", word(landlock).0, word(seccomp).0),
        format!("Landlock: {}, seccomp: {}", word(landlock).1, word(seccomp).1),
    );
    let title = Text::new(
        "危険なデータを扱うプロセスを閉じ込めるカーネルの機能",
        "What the kernel has to confine processes that read hostile bytes",
    );
    let has_all = landlock && seccomp;
    let line =
        Finding::new("walls", if has_all { Status::Fine } else { Status::Attention }, title, found, &[Item::Software]);
    if has_all {
        line
    } else {
        line.and_then(
            "Linux 5.13 以降で、起動オプション lsm= に landlock を加えてください",
            "Use Linux 5.13 or later, with landlock in the boot option lsm=",
        )
    }
}

fn users(facts: &Facts) -> Finding {
    let title = Text::new("セッションごとの利用者", "Users of each session's own");
    if facts.is_root {
        let found = Text::new(
            "root で実行されているため、セッションごとに別の利用者を使えます（host も同じ利用者で動く場合）。",
            "Run as root, so every session can have users of its own (if the host runs as the same user).",
        );
        return Finding::new("users", Status::Fine, title, found, &[Item::Software]);
    }
    let found = Text::new(
        "root ではないため、セッションは host と同じ利用者で動きます（host も同じ利用者で動く場合）。",
        "Not run as root: sessions have the host's own user (if the host runs as the same user).",
    );
    Finding::new("users", Status::Attention, title, found, &[Item::Software])
        .and_then("host を root のサービスとして動かしてください", "Run the host as a service of root")
}

fn groups(facts: &Facts) -> Finding {
    let title = Text::new("セッションごとの上限（cgroup v2）", "Limits for each session (cgroup v2)");
    let needed = |names: &[String]| ["memory", "pids"].iter().all(|wanted| names.iter().any(|name| name == wanted));
    match &facts.controllers {
        Ok(names) if needed(names) => {
            let found = Text::new(
                "カーネルに memory と pids があります。host 自身のグループは、ここからは見えません（host が開始時に記録します）。",
                "The kernel has memory and pids. The host's own group cannot be seen from here (the host says at its start).",
            );
            Finding::new("groups", Status::NotChecked, title, found, &[Item::Software]).and_then(
                "サービスに Delegate=yes があることと、開始時の記録を確かめてください",
                "Check that the service has Delegate=yes, and the lines of its start",
            )
        }
        _ => {
            let found = Text::new(
                "cgroup v2 の memory と pids がないため、一つのセッションがほかを遅くすることがあります。",
                "There is no memory and pids of cgroup v2: one session can slow the others down.",
            );
            Finding::new("groups", Status::Attention, title, found, &[Item::Software])
                .and_then("統合された階層（cgroup v2）で起動してください", "Boot with the unified hierarchy")
        }
    }
}

fn browser(facts: &Facts) -> Finding {
    let title = Text::new("ブラウザーの版と古さ", "Version and age of the browser");
    let items = [Item::Software];
    let (version, made) = match &facts.browser {
        Ok(browser) => browser,
        Err(why) => {
            let found = Text::new(format!("調べられません: {why}"), format!("Cannot be seen: {why}"));
            return Finding::new("browser", Status::NotChecked, title, found, &items);
        }
    };
    let days = facts.now.saturating_sub(*made) / DAY;
    let day = calendar::day(*made);
    let (old, too_old) = limits::BROWSER_DAYS;
    let found = Text::new(
        format!("{version}（プログラムの日付 {day}、{days} 日前）。最新かどうかは、ここからは確かめられません。"),
        format!(
            "{version} (its program is of {day}, {days} days ago). Whether it is the newest cannot be seen from here."
        ),
    );
    let status = match days {
        _ if days > too_old => Status::Wrong,
        _ if days > old => Status::Attention,
        _ => Status::Fine,
    };
    let line = Finding::new("browser", status, title, found, &items);
    if status == Status::Fine {
        line
    } else {
        line.and_then(
            "ブラウザーを更新してください（apt-get update && apt-get upgrade）",
            "Update the browser (apt-get update && apt-get upgrade)",
        )
    }
}

pub(crate) fn clock(synchronized: &Result<bool, String>) -> Finding {
    let title = Text::new("時刻の同期", "Synchronization of the clock");
    let items = [Item::Logs];
    match synchronized {
        Ok(true) => {
            let found = Text::new(
                "カーネルは、時刻が同期されているとしています。",
                "The kernel takes its clock to be synchronized.",
            );
            Finding::new("clock", Status::Fine, title, found, &items)
        }
        Ok(false) => {
            let found = Text::new(
                "カーネルは、時刻が同期されていないとしています（仮想マシンでは、外側が合わせていることもあります）。",
                "The kernel takes its clock not to be synchronized (a virtual machine's may be kept right from outside).",
            );
            Finding::new("clock", Status::Attention, title, found, &items)
                .and_then("chrony か systemd-timesyncd を動かしてください", "Run chrony or systemd-timesyncd")
        }
        Err(why) => {
            let found = Text::new(format!("調べられません: {why}"), format!("Cannot be seen: {why}"));
            Finding::new("clock", Status::NotChecked, title, found, &items)
        }
    }
}

pub(crate) fn logs() -> Finding {
    Finding::new(
        "logs",
        Status::NotChecked,
        Text::new("ログの保管", "Keeping of logs"),
        Text::new(
            "ログは標準エラー出力に書かれます。保管先、期間、改ざんの防止は、ここからは確かめられません。",
            "The log goes to standard error. Where and for how long it is kept, and safe from changes, cannot be seen from here.",
        ),
        &[Item::Logs],
    )
    .and_then(
        "サービス管理（journald など）の保管期間と、転送先を確かめてください",
        "Check how long the service manager (journald) keeps it, and where it is sent",
    )
}

pub(crate) fn open_files((limit, needed): (Option<u64>, u64)) -> Finding {
    let title = Text::new("開けるファイルの上限", "Limit of open files");
    let said = limit.map_or_else(|| "∞".to_owned(), |limit| limit.to_string());
    let found = Text::new(
        format!("上限 {said}、満員のときの目安 {needed}（ここで実行した場合の上限です）。"),
        format!("The limit is {said}, when full it may need {needed} (as it is where this was run)."),
    );
    if limit.is_none_or(|limit| limit >= needed) {
        return Finding::new("open_files", Status::Fine, title, found, &[]);
    }
    Finding::new("open_files", Status::Attention, title, found, &[]).and_then(
        "サービスの LimitNOFILE を上げるか、同時接続の数を下げてください",
        "Raise LimitNOFILE of the service, or lower how many may be there at once",
    )
}

#[cfg(test)]
mod tests;
