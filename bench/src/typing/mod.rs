//! Owns measuring how a person types Japanese over links that are far, lossy or slow: whether every character arrives, in order and
//! once, and how long its echo takes.
//!
//! One real host, sandboxed browser and viewer for each link and carrier, with a [relay](crate::relay) between them. The method is
//! written in `bench/METHOD.md`. Must never help a character to arrive: what is compared is what the page holds at the end.

pub mod compare;
pub mod corpus;
pub mod figures;
pub(crate) mod keyboard;
mod play;
mod romaji;

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;

use crate::ArmName;
use crate::arm::host::Programs;
use crate::arm::web::Web;
use crate::arm::whole::Whole;
use crate::arm::{Between, Typist};
use crate::carrier::{Carrier, CarrierError};
use crate::cli::{Typing, Viewer};
use crate::drive::Driver;
use crate::machine::Machine;
use crate::network;
use crate::page::{Beside, Mode, Page, Pages};
use crate::random::Random;
use crate::record::Sample;
use crate::relay::pair::Pair;
use crate::relay::ping::pings;
use crate::relay::{Carried, Conditions};
use crate::report::typing as report;
use crate::result::{self, Row};
use crate::run::browser_program;
use crate::stats::{Summary, milliseconds};
use crate::trace::Traces;
use crate::words::{Language, Text};
use compare::Comparison;
use corpus::Corpus;
use figures::{Document, FORMAT, Run, Settings, judge};

/// Pings that measure a link by itself: enough for a 95th percentile.
const PINGS: u32 = 40;

/// The links of a run without `--rtt` and `--loss`.
const FAR: ([u32; 3], [f64; 3]) = ([0, 50, 100], [0.0, 1.0, 3.0]);
/// The slow link of a run with `--video` and without those.
const SLOW: (u32, f64, u64) = (60, 1.0, 2_000_000);
/// The link of a run with `--scroll` and without those.
const SCROLLING: (u32, f64) = (20, 1.0);

/// Runs `typing` and writes its report.
///
/// # Errors
/// Names what is missing or broke, and what to do next.
pub fn typing(asked: &Typing) -> anyhow::Result<()> {
    let language = asked.lang.unwrap_or_else(Language::of_environment);
    let document = measure(asked, language)?;
    print!("{}", report::text(&document, language));
    let written = report::write(&document, &asked.out)?;
    println!();
    println!("{} {}", language.say(Text("報告書:", "report:")), written.html.display());
    println!("{} {}", language.say(Text("データ:", "data:  ")), written.json.display());
    Ok(())
}

fn measure(asked: &Typing, language: Language) -> anyhow::Result<Document> {
    let mut corpus = Corpus::municipal();
    if let Some(characters) = asked.characters {
        corpus = corpus.beginning(characters as usize);
    }
    possible(asked)?;
    let links = links(asked);
    if links.iter().any(Link::loses_of_a_stream) {
        network::enter()?;
    }
    let programs = Programs::find(asked.programs.as_deref())?;
    // Whatever is missing is said before anything is started.
    programs.path("shoji-host")?;
    let machine = Machine::here(&browser_program(asked.browser.as_deref())?);
    let mut runs: Vec<Run> = Vec::with_capacity(links.len());
    for (at, &link) in links.iter().enumerate() {
        let place = Place { at: at + 1, of: links.len(), language };
        runs.push(place.run(asked, &programs, &corpus, link)?);
    }
    Ok(Document {
        format: FORMAT,
        machine,
        settings: Settings {
            viewer: asked.viewer,
            keys_per_second: asked.keys_per_second,
            keys: corpus.steps.len(),
            width: asked.size.width,
            height: asked.size.height,
            seed: asked.seed,
            text: corpus.text,
        },
        verdicts: judge(&runs),
        runs,
    })
}

/// What cannot be measured.
#[derive(Debug, thiserror::Error)]
enum Impossible {
    #[error("{} is no carrier of this viewer; {}", .0.name(), match .0.viewer() {
        Viewer::Native => "leave out --viewer web, or choose webtransport, webrtc or websocket",
        Viewer::Web => "add --viewer web, or choose quic or tls",
    })]
    Carrier(Carrier),
    #[error(
        "the web viewer may come over TCP, where the relay can delay but neither lose nor limit; say by what it comes with --carrier, or leave out --loss and --rate"
    )]
    Choice,
    #[error("{} goes over TCP, which the relay cannot limit; leave out --rate, or the carrier", .0.name())]
    Rate(Carrier),
}

fn possible(asked: &Typing) -> Result<(), Impossible> {
    if let Some(other) = asked.carrier.iter().find(|carrier| carrier.viewer() != asked.viewer) {
        return Err(Impossible::Carrier(*other));
    }
    let loses = asked.loss.iter().any(|loss| *loss > 0.0);
    if asked.viewer == Viewer::Web && asked.carrier.is_empty() && (loses || asked.rate.is_some()) {
        return Err(Impossible::Choice);
    }
    match asked.carrier.iter().find(|carrier| carrier.is_stream()) {
        Some(stream) if asked.rate.is_some() => Err(Impossible::Rate(*stream)),
        _ => Ok(()),
    }
}

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link {
    between: Between,
    beside: Beside,
}

impl Link {
    fn loses_of_a_stream(&self) -> bool {
        self.between.conditions.loss_ppm > 0 && self.between.carrier.is_some_and(Carrier::is_stream)
    }
}

/// The links to measure. The first of each carrier is always the nearest: what the machine does without any link.
fn links(asked: &Typing) -> Vec<Link> {
    let rtts = match (&asked.rtt[..], asked.video, asked.scroll) {
        ([], true, _) => vec![SLOW.0],
        ([], false, true) => vec![SCROLLING.0],
        ([], false, false) => FAR.0.to_vec(),
        (rtts, ..) => rtts.to_vec(),
    };
    let is_web = asked.viewer == Viewer::Web;
    let losses = match (&asked.loss[..], asked.video, asked.scroll) {
        _ if is_web && asked.carrier.is_empty() => vec![0.0],
        ([], true, _) => vec![SLOW.1],
        ([], false, true) => vec![SCROLLING.1],
        ([], false, false) => FAR.1.to_vec(),
        (losses, ..) => losses.to_vec(),
    };
    let may_limit = !is_web && !asked.carrier.iter().any(|carrier| carrier.is_stream());
    let rate = asked.rate.map(|rate| rate.0).or((asked.video && may_limit).then_some(SLOW.2));
    let nearest = Conditions { seed: asked.seed, ..Conditions::default() };
    let carriers: Vec<Option<Carrier>> = match &asked.carrier[..] {
        [] => vec![None],
        carriers => carriers.iter().copied().map(Some).collect(),
    };
    let besides = [(true, Beside::Nothing), (asked.video, Beside::Film), (asked.scroll, Beside::Scroll)];
    let mut links = Vec::new();
    for carrier in carriers {
        let link = |conditions, beside| Link { between: Between { conditions, carrier }, beside };
        links.push(link(nearest, Beside::Nothing));
        for &rtt in &rtts {
            for &loss in &losses {
                let conditions = Conditions {
                    rtt: Duration::from_millis(rtt.into()),
                    loss_ppm: parts_per_million(loss),
                    rate,
                    seed: asked.seed,
                };
                let asked_for = besides.iter().filter(|of| of.0).map(|of| link(conditions, of.1));
                links.extend(asked_for.filter(|of| *of != link(nearest, Beside::Nothing)));
            }
        }
    }
    links
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage between 0 and 100")]
fn parts_per_million(percent: f64) -> u32 {
    (percent * 1e4).round() as u32
}

/// Where a run is among all.
struct Place {
    at: usize,
    of: usize,
    language: Language,
}

impl Place {
    /// One link. A browser that has just started is slow, and another carrier may win its race: then the run begins anew with
    /// another browser, and says how often.
    fn run(&self, asked: &Typing, programs: &Programs, corpus: &Corpus, link: Link) -> anyhow::Result<Run> {
        for others in 0..MOST_OTHERS {
            match self.once(asked, programs, corpus, link, others) {
                Err(error) if error.is::<OtherWon>() => eprintln!("{}/{}  {error}", self.at, self.of),
                result => return result,
            }
        }
        self.once(asked, programs, corpus, link, MOST_OTHERS)
    }

    fn once(
        &self,
        asked: &Typing,
        programs: &Programs,
        corpus: &Corpus,
        link: Link,
        others: u32,
    ) -> anyhow::Result<Run> {
        let pages = Pages::serve()?;
        let size = (asked.size.width, asked.size.height);
        let browser = asked.browser.as_deref();
        let Link { between, beside } = link;
        let conditions = between.conditions;
        // Of TCP there are no pings.
        let count = if between.carrier.is_some_and(Carrier::is_stream) { 0 } else { PINGS };
        let pings = pings(conditions, count).context("cannot measure the relay on 127.0.0.1")?;
        let carried = |relay: Option<&Pair>| relay.map(Pair::carried).unwrap_or_default();
        let (typed, arm, evidence) = match asked.viewer {
            Viewer::Native => {
                let url = pages.url(ArmName::Whole);
                let whole = Whole::start_over(programs, &url, size, browser, Some(between))?;
                let (whole, typed) = type_into(whole, pages.page(ArmName::Whole), asked, corpus, link)?;
                let canvas = whole.canvas().unwrap_or_default();
                let carried = carried(whole.relay());
                (typed, ArmName::Whole, Evidence { carried, traces: whole.traces()?, canvas })
            }
            Viewer::Web => {
                let web = Web::start(programs, &pages.url(ArmName::Web), size, browser, Some(between))?;
                let (web, typed) = type_into(web, pages.page(ArmName::Web), asked, corpus, link)?;
                (typed, ArmName::Web, Evidence { carried: carried(web.relay()), ..Evidence::default() })
            }
        };
        let (played, carrier) = typed;
        let Evidence { carried, traces, canvas } = evidence;
        let comparison = Comparison::of(&corpus.text, &played.text);
        let latencies =
            |samples: &[Sample]| -> Vec<f64> { samples.iter().map(|sample| milliseconds(sample.latency())).collect() };
        let echoes_ms = latencies(&played.segment.samples);
        let whole = Summary::of(&latencies(&played.whole));
        let stages: Vec<_> = played.segment.samples.iter().map(|sample| traces.stages(sample, canvas)).collect();
        let late = figures::late(&stages, conditions.rtt.as_secs_f64() * 1e3);
        let row = Row::of(Mode::Typing, arm, &[played.segment], &traces, canvas).context("a segment gives a row")?;
        let text = (!comparison.is_exact()).then_some(played.text);
        let moving = |of: Beside| played.moving.filter(|_| beside == of);
        let (film, scroll) = (moving(Beside::Film), moving(Beside::Scroll));
        let run = Run {
            carrier,
            others,
            conditions,
            pings,
            carried,
            comparison,
            text,
            row,
            whole,
            film,
            scroll,
            echoes_ms,
            late,
        };
        self.tell(&run)?;
        Ok(run)
    }

    fn tell(&self, run: &Run) -> anyhow::Result<()> {
        let echo = run.row.latency.map_or_else(String::new, |echo| format!("{:.1} / {:.1} ms", echo.p50, echo.p95));
        let moving = match (run.film, run.scroll) {
            (Some(_), _) => self.language.say(Text(" 映像", " film")),
            (None, Some(_)) => self.language.say(Text(" スクロール", " scroll")),
            (None, None) => "",
        };
        let Comparison { typed, committed, .. } = run.comparison;
        let accuracy = run.comparison.accuracy() * 100.0;
        eprintln!("{}/{}  {}{moving}  {committed}/{typed}  {accuracy:.2} %  {echo}", self.at, self.of, run.name());
        std::io::stderr().flush().context("cannot write to the terminal")
    }
}

/// What relay and host can tell beside what is seen. Of the web viewer's host there is nothing.
#[derive(Default)]
struct Evidence {
    carried: Carried,
    traces: Traces,
    canvas: u32,
}

/// How often another carrier may win before that is an error.
const MOST_OTHERS: u32 = 3;

/// Another carrier won the race when the session began.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct OtherWon(CarrierError);

/// What a run gave, and by what the viewer came.
type Typed = (play::Played, Option<Carrier>);

/// Types the corpus into an arm's page, if its viewer came by the carrier that was asked for.
fn type_into<A: Typist>(arm: A, page: Page, asked: &Typing, corpus: &Corpus, link: Link) -> anyhow::Result<(A, Typed)> {
    let settings = result::Settings {
        rounds: 1,
        keys: 1,
        seconds: 1.0,
        width: asked.size.width,
        height: asked.size.height,
        seed: asked.seed,
    };
    let mut driver = Driver::ready(arm, page, &settings)?;
    // Before the minutes that typing takes, and afterwards: a connection that was lost may have come back by another.
    match driver.arm.carrier(link.between.carrier) {
        Err(error @ CarrierError::Another { .. }) => return Err(OtherWon(error).into()),
        result => result?,
    };
    let mut random = Random::new(asked.seed);
    let played = play::play(&mut driver, corpus, asked.keys_per_second, link.beside, &mut random)?;
    let carrier = driver.arm.carrier(link.between.carrier)?;
    Ok((driver.arm, (played, carrier)))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    type Named = (u128, u32, Option<u64>, Beside);

    fn asked(arguments: &[&str]) -> Typing {
        let all = ["shoji-bench", "typing"].iter().chain(arguments);
        let Command::Typing(typing) = Cli::try_parse_from(all).expect("valid").command else { panic!("another") };
        typing
    }

    fn named(arguments: &[&str]) -> Vec<Named> {
        let name = |link: Link| {
            let Conditions { rtt, loss_ppm, rate, .. } = link.between.conditions;
            (rtt.as_millis(), loss_ppm, rate, link.beside)
        };
        links(&asked(arguments)).into_iter().map(name).collect()
    }

    const NEAREST: Named = (0, 0, None, Beside::Nothing);

    #[test]
    fn every_round_trip_meets_every_loss_and_the_nearest_comes_first() {
        let links = named(&[]);
        assert_eq!((links.len(), links[0]), (9, NEAREST));
        assert_eq!(links[8], (100, 30_000, None, Beside::Nothing));
        assert_eq!(named(&["--rtt", "50", "--loss", "3"]), [NEAREST, (50, 30_000, None, Beside::Nothing)]);
    }

    #[test]
    fn the_web_viewers_links_are_far_but_lose_nothing_unless_its_carrier_is_known() {
        let far = |rtt, beside| (rtt, 0, None, beside);
        assert_eq!(named(&["--viewer", "web"]), [NEAREST, far(50, Beside::Nothing), far(100, Beside::Nothing)]);
        assert_eq!(named(&["--viewer", "web", "--video"])[1..], [far(60, Beside::Nothing), far(60, Beside::Film)]);
        let lossy = named(&["--viewer", "web", "--carrier", "webrtc", "--rtt", "50", "--loss", "1"]);
        assert_eq!(lossy[1..], [(50, 10_000, None, Beside::Nothing)]);
    }

    #[test]
    fn a_film_plays_on_the_slow_link_beside_the_same_link_without() {
        let slow = |rate, beside| (60, 10_000, Some(rate), beside);
        let both = [slow(2_000_000, Beside::Nothing), slow(2_000_000, Beside::Film)];
        assert_eq!(named(&["--video"])[1..], both);
        assert_eq!(named(&["--video", "--rate", "500k"])[2], slow(500_000, Beside::Film));
    }

    #[test]
    fn each_carrier_has_its_nearest_link_and_the_one_on_which_the_page_scrolls() {
        let links = links(&asked(&["--scroll", "--carrier", "quic,tls"]));
        let carriers: Vec<_> = links.iter().map(|link| link.between.carrier).collect();
        assert_eq!(carriers, [[Some(Carrier::Quic); 3], [Some(Carrier::Tls); 3]].concat());
        let far = |beside| (20, 10_000, None, beside);
        let each = [NEAREST, far(Beside::Nothing), far(Beside::Scroll)];
        assert_eq!(named(&["--scroll", "--carrier", "quic,tls"]), [each, each].concat());
        assert_eq!(named(&["--scroll", "--carrier", "quic", "--carrier", "tls"]), [each, each].concat());
        let network: Vec<bool> = links.iter().map(Link::loses_of_a_stream).collect();
        assert_eq!(network, [false, false, false, false, true, true]);
    }

    #[test]
    fn what_the_relay_cannot_do_is_refused_with_what_to_do() {
        let refused = |arguments: &[&str]| possible(&asked(arguments)).expect_err("impossible").to_string();
        assert!(refused(&["--carrier", "webrtc"]).contains("--viewer web"));
        assert!(refused(&["--viewer", "web", "--carrier", "quic"]).contains("webtransport"));
        assert!(refused(&["--viewer", "web", "--loss", "1"]).contains("--carrier"));
        assert!(refused(&["--carrier", "quic,tls", "--rate", "2M"]).contains("--rate"));
        for fine in [&["--carrier", "tls", "--loss", "1"][..], &["--viewer", "web", "--loss", "0"], &["--rate", "2M"]] {
            possible(&asked(fine)).expect("possible");
        }
    }
}
