//! Owns the codec's targets and says which are met. Must never decide whether a program or a test succeeds: times depend on
//! the machine.

use serde::{Deserialize, Serialize};

use super::figures::{Clip, Document, OURS, REFERENCE};
use crate::stats::Summary;
use crate::verdict::Outcome;
use crate::words::Text;

/// One figure against its target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Verdict {
    /// What is compared, in Japanese and English.
    pub what: (String, String),
    /// The figure; `None` if the run did not measure it.
    pub figure: Option<f64>,
    /// What has to be reached.
    pub reach: f64,
    /// What would be better still.
    pub stretch: Option<f64>,
    /// Whether more is better.
    pub more_is_better: bool,
    /// The figure's unit.
    pub unit: String,
    /// How the figure stands.
    pub outcome: Outcome,
}

/// Which statistic of encoding is compared.
type Pick = fn(Summary) -> f64;

fn encode(clip: Option<&Clip>, pick: Pick) -> Option<f64> {
    let clip = clip?;
    Some(pick(clip.row(REFERENCE)?.encode()?) / pick(clip.row(OURS)?.encode()?))
}

fn decode(clip: Option<&Clip>) -> Option<f64> {
    let clip = clip?;
    Some(clip.row(REFERENCE)?.decode()?.p50 / clip.row(OURS)?.decode()?.p50)
}

fn bytes(clip: Option<&Clip>) -> Option<f64> {
    let clip = clip?;
    Some(clip.row(OURS)?.mean_bytes() / clip.row(REFERENCE)?.mean_bytes())
}

fn coder(clip: Option<&Clip>, peer: &str) -> (Option<f64>, Option<f64>) {
    let both = clip.and_then(|clip| Some((clip.coder(OURS)?, clip.coder(peer)?)));
    (both.map(|(own, peer)| peer.encode_ns / own.encode_ns), both.map(|(own, peer)| peer.bits / own.bits))
}

fn conversion(document: &Document, name: &str) -> Option<f64> {
    document.conversions.iter().find(|row| row.name == name).map(|row| row.us)
}

/// Judges a run.
#[must_use]
pub fn judge(document: &Document) -> Vec<Verdict> {
    let clip = |name| document.clip(name);
    let [typing, scroll, map, news, video, animation] =
        ["typing", "scroll", "map", "news", "video", "animation"].map(clip);
    let (png_speed, png_size) = coder(scroll, "png (fdeflate)");
    let (qoi_speed, qoi_size) = coder(map, "qoi");
    let fastest = document.conversions.iter().filter(|row| row.name.starts_with("shoji ")).map(|row| row.us);
    let fastest = fastest.min_by(f64::total_cmp);
    let over = |of: Option<f64>| Some(of? / fastest?);
    let luma = |clip: Option<&Clip>| clip?.row(OURS)?.quality?.luma;
    let video_speed = video
        .zip(luma(video))
        .and_then(|(clip, luma)| Some(clip.at_quality("openh264 QP", luma)?.1 / clip.row(OURS)?.encode()?.p50));
    let animation_bytes = animation.zip(luma(animation)).and_then(|(clip, luma)| {
        let ours = clip.row(OURS)?;
        Some(ours.mean_bytes() / clip.at_quality("x264 ultrafast", luma)?.0)
    });
    let unchanged: Vec<f64> = document.clips.iter().flat_map(|clip| clip.unchanged_us.iter().copied()).collect();
    let dropped: Option<f64> = document.clips.iter().map(|c| c.row(OURS).map(|row| f64::from(row.dropped))).sum();
    let not_exact = document.clips.iter().filter(|c| c.row(OURS).is_some_and(|row| !row.exact_at_rest)).count();
    // Only a run in which every clip ended exact says how long the longest took.
    let rests = document.clips.iter().map(|c| c.row(OURS).filter(|row| row.exact_at_rest));
    let rests: Option<Vec<f64>> = rests.map(|row| row.map(|row| row.exact_after_ms.unwrap_or(0.0))).collect();
    let rest = rests.and_then(|rests| rests.into_iter().max_by(f64::total_cmp));
    // Only a run in which they were counted on every clip has a most.
    let most = document.clips.iter().map(|c| c.row(OURS)?.allocations().map(|(_, most)| most.encode.max(most.decode)));
    let allocations = most.collect::<Option<Vec<u64>>>().and_then(|all| all.into_iter().max());
    let more = |what, figure, reach, stretch| verdict(what, figure, reach, stretch, true, "×");
    let less = |what, figure, reach, stretch| verdict(what, figure, reach, stretch, false, "×");
    let (p50, p99, mean): (Pick, Pick, Pick) = (|s| s.p50, |s| s.p99, |s| s.mean);
    vec![
        more(Text("文字入力 符号化 中央値", "typing, encode, median"), encode(typing, p50), 300.0, Some(800.0)),
        less(Text("文字入力 バイト (可逆)", "typing, bytes, lossless"), bytes(typing), 0.8, Some(0.6)),
        more(Text("スクロール 符号化 中央値", "scroll, encode, median"), encode(scroll, p50), 20.0, Some(30.0)),
        more(Text("スクロール 符号化 99 %", "scroll, encode, p99"), encode(scroll, p99), 12.0, None),
        less(Text("スクロール バイト (可逆)", "scroll, bytes, lossless"), bytes(scroll), 0.15, Some(0.12)),
        more(Text("地図 符号化 中央値", "map pan, encode, median"), encode(map, p50), 20.0, Some(25.0)),
        less(Text("地図 バイト (可逆)", "map pan, bytes, lossless"), bytes(map), 0.45, Some(0.3)),
        more(Text("ページ読み込み 符号化 平均", "page load, encode, mean"), encode(news, mean), 8.0, Some(12.0)),
        more(Text("ページ読み込み 符号化 99 %", "page load, encode, p99"), encode(news, p99), 6.0, None),
        more(
            Text("可逆 スクロール png より速い", "lossless coder, scroll: faster than png"),
            png_speed,
            3.0,
            Some(5.0),
        ),
        more(
            Text("可逆 スクロール png より小さい", "lossless coder, scroll: smaller than png"),
            png_size,
            4.0,
            Some(4.5),
        ),
        more(Text("可逆 地図 QOI より速い", "lossless coder, map: faster than QOI"), qoi_speed, 2.0, Some(3.0)),
        more(Text("可逆 地図 QOI より小さい", "lossless coder, map: smaller than QOI"), qoi_size, 1.6, None),
        more(
            Text("色の変換 yuv 比", "BGRA→I420: faster than yuv balanced"),
            over(conversion(document, "yuv balanced")),
            2.5,
            None,
        ),
        less(
            Text("色の変換 メモリを一度読む時間比", "BGRA→I420, × of reading the memory"),
            over(conversion(document, "read the memory once")).map(|ratio| 1.0 / ratio),
            1.2,
            None,
        ),
        more(Text("映像 符号化 (同じ輝度 PSNR)", "video, encode at equal luma PSNR"), video_speed, 2.3, Some(2.6)),
        less(
            Text(
                "アニメーション バイト (同じ輝度 PSNR の x264 ultrafast)",
                "animation, bytes of x264 ultrafast's at equal luma PSNR",
            ),
            animation_bytes,
            1.2,
            Some(1.0),
        ),
        verdict(
            Text("変化なし 中央値", "damage without change, median"),
            Summary::of(&unchanged).map(|s| s.p50),
            1.0,
            None,
            false,
            "µs",
        ),
        more(Text("文字入力 復号", "typing, decode"), decode(typing), 500.0, None),
        more(Text("スクロール 復号", "scroll, decode"), decode(scroll), 15.0, None),
        verdict(Text("静止して正確になるまで 最大", "exact at rest, the latest"), rest, 200.0, None, false, "ms"),
        verdict(
            Text("静止しても正確でないクリップ", "clips not exact at rest"),
            Some(not_exact as f64),
            0.0,
            None,
            false,
            "",
        ),
        verdict(
            Text(
                "一コマのメモリ確保の回数 (各クリップの後半で最大)",
                "allocations per picture, the most in a clip's second half",
            ),
            allocations.map(|most| most as f64),
            0.0,
            None,
            false,
            "",
        ),
        verdict(Text("落とした画面", "pictures dropped"), dropped, 0.0, None, false, ""),
    ]
}

pub(crate) fn verdict(
    what: Text,
    figure: Option<f64>,
    reach: f64,
    stretch: Option<f64>,
    more_is_better: bool,
    unit: &str,
) -> Verdict {
    let meets =
        |target: f64| figure.is_some_and(|figure| if more_is_better { figure >= target } else { figure <= target });
    let outcome = match figure {
        None => Outcome::NotMeasured,
        Some(_) if stretch.is_some_and(meets) => Outcome::Stretch,
        Some(_) if meets(reach) => Outcome::Reached,
        Some(_) => Outcome::Missed,
    };
    let what = (what.0.to_owned(), what.1.to_owned());
    Verdict { what, figure, reach, stretch, more_is_better, unit: unit.to_owned(), outcome }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_and_less_are_told_apart() {
        let what = Text("", "");
        assert_eq!(verdict(what, Some(3.0), 2.0, Some(4.0), true, "").outcome, Outcome::Reached);
        assert_eq!(verdict(what, Some(3.0), 2.0, Some(1.0), false, "").outcome, Outcome::Missed);
        assert_eq!(verdict(what, Some(1.0), 2.0, Some(1.0), false, "").outcome, Outcome::Stretch);
        assert_eq!(verdict(what, None, 2.0, None, true, "").outcome, Outcome::NotMeasured);
    }

    #[test]
    fn nothing_measured_is_no_target_met_but_those_that_count_failures() {
        let verdicts = judge(&Document::default());
        assert!(verdicts.iter().filter(|v| !v.unit.is_empty()).all(|v| v.outcome == Outcome::NotMeasured));
    }
}
