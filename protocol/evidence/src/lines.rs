//! Lines that the report of every program has: the network, and the addresses that must not answer.
//!
//! Owns their sentences. It must never try an address itself: what became of it is an argument.

use core::net::SocketAddr;

use crate::network::{Contradiction, Side};
use crate::report::{Finding, Item, Status, Text};
use crate::segments::{Segment, Segments};

/// What became of an address that must not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// It took the connection.
    Connected,
    /// It, or something in between, said no: packets come through.
    Refused,
    /// Nothing came back.
    Silent,
    /// This machine has no way there, or its network said so.
    NoWay,
}

impl Probe {
    fn is_reached(self) -> bool {
        matches!(self, Self::Connected | Self::Refused)
    }

    fn said(self) -> (&'static str, &'static str) {
        match self {
            Self::Connected => ("接続できました", "took the connection"),
            Self::Refused => ("拒否の応答がありました（パケットは届いています）", "refused, so packets come through"),
            Self::Silent => ("応答がありません", "no answer"),
            Self::NoWay => ("届きません", "no way there"),
        }
    }
}

/// The network against what is declared.
#[must_use]
pub fn network(segments: &Segments, side: Side, found: &Result<Vec<Contradiction>, String>) -> Finding {
    let line = |status, ja: String, en: String| {
        let title = match side {
            Side::Viewer => Text::new(
                "ネットワークのアドレスと、宣言された区分",
                "Addresses of network interfaces against the declared segments",
            ),
            Side::Host | Side::Gate => Text::new(
                "インターフェース・経路・待ち受けと、宣言された区分",
                "Interfaces, routes and listener against the declared segments",
            ),
        };
        Finding::new("network", status, title, Text::new(ja, en), &[Item::Separation, Item::Routes])
    };
    if segments.are_unknown() {
        return line(
            Status::NotChecked,
            "区分が宣言されていないため、何とも比べていません。".into(),
            "No segments are declared, so nothing was compared.".into(),
        )
        .and_then(
            "設定に lgwan、internet、management の範囲を書いてください",
            "Declare the prefixes of lgwan, internet and management in the configuration",
        );
    }
    let contradictions = match found {
        Ok(contradictions) => contradictions,
        Err(why) => {
            let (ja, en) =
                (format!("ネットワークを調べられません: {why}"), format!("The network cannot be seen: {why}"));
            return line(Status::Wrong, ja, en).and_then("表示された原因を直してください", "Correct what is named");
        }
    };
    if !contradictions.is_empty() {
        let ja: Vec<_> = contradictions.iter().map(Contradiction::japanese).collect();
        let en: Vec<_> = contradictions.iter().map(ToString::to_string).collect();
        let line = line(Status::Wrong, ja.join("\n"), en.join("\n"));
        return match side {
            Side::Viewer => line.and_then("管理者に知らせてください", "Tell your administrator"),
            Side::Host | Side::Gate => line.and_then(
                "直るまで、このマシンでは開始を拒みます",
                "Until this is corrected, it refuses to start on this machine",
            ),
        };
    }
    let is_missing = |segment: &Segment| segments.prefixes(*segment).is_empty();
    let missing: Vec<_> =
        [Segment::Lgwan, Segment::Internet].into_iter().filter(is_missing).map(Segment::word).collect();
    if missing.is_empty() {
        return line(
            Status::Fine,
            format!("宣言（{segments}）と矛盾するものはありません。"),
            format!("Nothing contradicts the declaration ({segments})."),
        );
    }
    let missing = missing.join(", ");
    line(
        Status::Attention,
        format!("宣言（{segments}）と矛盾するものはありませんが、{missing} は宣言されていないため比べていません。"),
        format!(
            "Nothing contradicts the declaration ({segments}), but {missing} is not declared and was not compared."
        ),
    )
    .and_then("残りの範囲も宣言してください", "Declare the other prefixes too")
}

/// Addresses of the other segment, each tried once.
#[must_use]
pub fn forbidden(side: Side, tried: &[(SocketAddr, Probe)]) -> Finding {
    let line = |status, ja: String, en: String| {
        let title = Text::new("到達してはならないアドレス", "Addresses that must not answer this machine");
        Finding::new("forbidden", status, title, Text::new(ja, en), &[Item::Separation, Item::Routes])
    };
    if tried.is_empty() {
        let line = line(
            Status::NotChecked,
            "試すアドレスが指定されていません。".into(),
            "No address to try was named.".into(),
        );
        return match side {
            Side::Viewer => line.and_then(
                "インターネット接続系やインターネットの機器を --forbidden アドレス:ポート で指定してください",
                "Name machines of the internet segment, or of the internet, with --forbidden ADDR:PORT",
            ),
            Side::Host | Side::Gate => line.and_then(
                "LGWAN 接続系の機器を --forbidden アドレス:ポート で指定してください（例: ファイルサーバーの 445 番）",
                "Name machines of the LGWAN segment with --forbidden ADDR:PORT (for example port 445 of a file server)",
            ),
        };
    }
    let list = |said: fn(Probe) -> &'static str| {
        tried.iter().map(|(to, probe)| format!("{to}: {}", said(*probe))).collect::<Vec<_>>().join("\n")
    };
    let (ja, en) = (list(|probe| probe.said().0), list(|probe| probe.said().1));
    if tried.iter().any(|(_, probe)| probe.is_reached()) {
        return line(Status::Wrong, ja, en).and_then(
            "境界のファイアウォールで、このマシンから始まるこの通信を止めてください",
            "Let the firewall in the boundary stop what begins at this machine and goes there",
        );
    }
    line(Status::Fine, ja, en)
}
