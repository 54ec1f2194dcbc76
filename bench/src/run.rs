//! Owns a run: starts the arms, lets them take turns, and leaves a report.
//!
//! Must never leave anything running or lying about: every arm ends with its value.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::ArmName;
use crate::arm::Arm;
use crate::arm::floor::Floor;
use crate::arm::host::Programs;
use crate::arm::web::Web;
use crate::arm::whole::Whole;
use crate::arm::window::Window;
use crate::cli::{Latency, Viewer};
use crate::drive::Driver;
use crate::machine::Machine;
use crate::page::{Mode, Pages};
use crate::record::{Exactness, Segment};
use crate::report;
use crate::result::{Document, FORMAT, HostMemory, Row, Settings, WebPage};
use crate::stats::milliseconds;
use crate::trace::Traces;
use crate::verdict;
use crate::words::{self, Language, Text};

/// How often the web viewer's page is opened anew: enough for a median, and some seconds in all.
const OPENED: u32 = 9;

/// Runs `latency` and writes its report.
///
/// # Errors
/// Names what is missing or broke, and what to do next.
pub fn latency(asked: &Latency) -> anyhow::Result<()> {
    let language = asked.lang.unwrap_or_else(Language::of_environment);
    let document = measure(asked, language)?;
    print!("{}", report::table::text(&document, language));
    let written = report::write(&document, &asked.out)?;
    println!();
    println!("{} {}", language.say(Text("報告書:", "report:")), written.html.display());
    println!("{} {}", language.say(Text("データ:", "data:  ")), written.json.display());
    Ok(())
}

fn measure(asked: &Latency, language: Language) -> anyhow::Result<Document> {
    let settings = Settings {
        rounds: asked.rounds,
        keys: asked.keys,
        seconds: asked.seconds,
        width: asked.size.width,
        height: asked.size.height,
        seed: asked.seed,
    };
    let step = |text: Text| {
        eprintln!("{}", language.say(text));
    };
    let programs = Programs::find(asked.programs.as_deref())?;
    // Whatever is missing is said before anything is started.
    programs.path("shoji-host")?;
    let browser = asked.browser.clone();
    let machine = Machine::here(&browser_program(asked.browser.as_deref())?);
    let pages = Pages::serve()?;
    let mut record = Recorder { language, settings: &settings, segments: Vec::new() };

    step(Text("下限を起動しています", "starting the floor"));
    let floor = Floor::start(&pages.url(ArmName::Floor), settings.width, settings.height, browser.clone())?;
    let mut floor = Driver::ready(floor, pages.page(ArmName::Floor), &settings)?;
    step(Text("ホストとビューアを起動しています", "starting host and viewer"));
    let url = pages.url(ArmName::Whole);
    let whole = Whole::start(&programs, &url, settings.width, settings.height, browser.as_deref())?;
    let mut whole = Driver::ready(whole, pages.page(ArmName::Whole), &settings)?;
    let mut gates = Vec::new();
    for name in [ArmName::Gate, ArmName::Pixels].into_iter().filter(|_| asked.via_gate) {
        step(Text("ゲートを通るビューアを起動しています", "starting a viewer behind a gate"));
        let size = (settings.width, settings.height);
        let pixels = name == ArmName::Pixels;
        let arm = Whole::start_through_gate(&programs, &pages.url(name), size, browser.as_deref(), pixels)?;
        gates.push(Driver::ready(arm, pages.page(name), &settings)?);
    }
    let mut window = None;
    if asked.window {
        step(Text("ウィンドウを起動しています", "starting the native window"));
        let url = pages.url(ArmName::Window);
        let arm = Window::start(&programs, &url, settings.width, settings.height, browser.as_deref())?;
        window = Some(Driver::ready(arm, pages.page(ArmName::Window), &settings)?);
    }

    let mut web = None;
    if asked.viewer == Viewer::Web {
        step(Text("Web ビューアーを起動しています", "starting the web viewer"));
        let url = pages.url(ArmName::Web);
        let size = (settings.width, settings.height);
        let arm = Web::start(&programs, &url, size, browser.as_deref(), None)?;
        web = Some(Driver::ready(arm, pages.page(ArmName::Web), &settings)?);
    }

    let scenes: Vec<Mode> = asked.work.iter().flat_map(|work| work.scenes()).copied().collect();
    let (mut rests, mut behind) = (Vec::new(), Vec::new());
    for round in 1..=settings.rounds {
        for &scene in &scenes {
            // Turns change with the rounds, so that neither arm is always the first after a change of load.
            let floor_first = round % 2 == 1;
            if floor_first {
                record.take(&mut floor, scene, round)?;
            }
            record.take(&mut whole, scene, round)?;
            if !floor_first {
                record.take(&mut floor, scene, round)?;
            }
            // At rest its host tells nothing that the whole's does not.
            let web = web.as_mut().filter(|_| !matches!(scene, Mode::Caret | Mode::Still));
            if let Some(web) = web {
                record.take(web, scene, round)?;
                web.rest()?;
            }
            // At rest their hosts tell nothing that the whole's does not.
            for gate in gates.iter_mut().filter(|_| !matches!(scene, Mode::Caret | Mode::Still)) {
                record.take(gate, scene, round)?;
                if let Some(rest) = gate.rest()? {
                    behind.push((scene, round, gate.arm.name(), rest));
                }
            }
            if let Some(rest) = whole.rest()? {
                rests.push((scene, round, rest));
            }
            floor.rest()?;
            if let (Mode::Key, Some(window)) = (scene, &mut window) {
                record.take(window, scene, round)?;
                window.rest()?;
            }
        }
    }
    let mut clock_uncertainty_ms =
        vec![(ArmName::Floor, uncertainty(&mut floor)?), (ArmName::Whole, uncertainty(&mut whole)?)];
    let mut page = None;
    if let Some(web) = &mut web {
        clock_uncertainty_ms.push((ArmName::Web, uncertainty(web)?));
        step(Text("Web ビューアーを開き直しています", "opening the web viewer anew"));
        page = Some(opened(web)?);
    }
    let memory = whole.arm.memory();
    let of_whole = HostTraces { traces: whole.arm.traces()?, canvas: whole.arm.canvas().unwrap_or_default() };
    let of_window = match &window {
        Some(window) => HostTraces { traces: window.arm.traces()?, canvas: window.arm.canvas().unwrap_or_default() },
        None => HostTraces::default(),
    };
    let mut exactness = Vec::new();
    for gate in &gates {
        let (traces, canvas) = (gate.arm.traces()?, gate.arm.canvas().unwrap_or_default());
        for (scene, round, name, rest) in &behind {
            if *name == gate.arm.name() {
                // A gate that makes pixels anew numbers its own updates.
                let host = traces.rested_as(canvas, &rest.digest).map(str::to_owned);
                let (update, viewer) = (rest.update, rest.digest.clone());
                exactness.push(Exactness { scene: *scene, round: *round, update, host, viewer });
            }
        }
    }
    drop((floor, whole, gates, window, web));

    exactness.extend(rests.into_iter().map(|(scene, round, rest)| Exactness {
        scene,
        round,
        update: rest.update,
        host: of_whole.traces.rest(of_whole.canvas, rest.update).map(str::to_owned),
        viewer: rest.digest,
    }));
    let measured = Measured { memory, web: page, exactness, clock_uncertainty_ms };
    // The web viewer's keys have no number that its host's traces could be joined by.
    // Nor have those behind a gate.
    let of_others = HostTraces::default();
    let traces = |arm| match arm {
        ArmName::Floor | ArmName::Whole => &of_whole,
        ArmName::Window => &of_window,
        ArmName::Web | ArmName::Gate | ArmName::Pixels => &of_others,
    };
    Ok(document(machine, record, traces, measured))
}

/// What is measured once, at the end.
struct Measured {
    memory: Option<HostMemory>,
    web: Option<WebPage>,
    exactness: Vec<Exactness>,
    clock_uncertainty_ms: Vec<(ArmName, f64)>,
}

/// What a host wrote about one session, and the canvas it was about.
#[derive(Default)]
struct HostTraces {
    traces: Traces,
    canvas: u32,
}

fn document<'a>(
    machine: Machine,
    record: Recorder<'_>,
    traces: impl Fn(ArmName) -> &'a HostTraces,
    measured: Measured,
) -> Document {
    let segments = record.segments;
    let mut scenes: Vec<Mode> = Vec::new();
    for segment in &segments {
        if !scenes.contains(&segment.scene) {
            scenes.push(segment.scene);
        }
    }
    let rows = scenes
        .iter()
        .flat_map(|&scene| ArmName::ALL.into_iter().map(move |arm| (scene, arm)))
        .filter_map(|(scene, arm)| Row::of(scene, arm, &segments, &traces(arm).traces, traces(arm).canvas))
        .collect();
    let mut document = Document {
        format: FORMAT,
        machine,
        settings: record.settings.clone(),
        clock_uncertainty_ms: measured.clock_uncertainty_ms,
        rows,
        memory: measured.memory,
        web: measured.web,
        exactness: measured.exactness,
        verdicts: Vec::new(),
        segments,
    };
    document.verdicts = verdict::judge(&document);
    document
}

/// Narrows the clocks' relation once more at the end, which also shows that they kept one pace all along.
fn uncertainty<A: Arm>(driver: &mut Driver<A>) -> anyhow::Result<f64> {
    let relation = driver.page.calibrate()?;
    Ok(milliseconds(relation.uncertainty_ns().cast_signed()))
}

/// Opens the web viewer's page some times anew.
fn opened(web: &mut Driver<Web>) -> anyhow::Result<WebPage> {
    let weight = web.arm.weight().clone();
    let mut opened_ms = Vec::new();
    for _ in 0..OPENED {
        let code = web.shown()?;
        match web.arm.open_again(code) {
            Ok(time) => opened_ms.push(milliseconds(time)),
            Err(error) => return Err(web.explain(error)),
        }
    }
    Ok(WebPage { bytes: weight.bytes, files: weight.files, opened_ms })
}

/// The browser's program: the one asked for, or as the host finds it.
///
/// # Errors
/// If it is not installed.
pub(crate) fn browser_program(asked: Option<&Path>) -> anyhow::Result<PathBuf> {
    let config = shoji_host::config::Browser { path: asked.map(Path::to_owned), bubblewrap: None };
    Ok(shoji_host::browser::Launcher::new(&config)?.program().to_owned())
}

/// Collects segments and says what it does.
struct Recorder<'a> {
    language: Language,
    settings: &'a Settings,
    segments: Vec<Segment>,
}

impl Recorder<'_> {
    fn take<A: Arm>(&mut self, driver: &mut Driver<A>, scene: Mode, round: u32) -> anyhow::Result<()> {
        let say = |text| self.language.say(text);
        eprint!(
            "{} {round}/{}  {}  {} … ",
            say(Text("回", "round")),
            self.settings.rounds,
            say(words::scene(scene)),
            say(words::arm(driver.arm.name()))
        );
        std::io::stderr().flush().context("cannot write to the terminal")?;
        let segment = driver.measure(scene, round, self.settings)?;
        let latencies: Vec<f64> = segment.samples.iter().map(|sample| milliseconds(sample.latency())).collect();
        match crate::stats::median(&latencies) {
            Some(median) => eprint!("{median:.2} ms"),
            None => eprint!("{:.1} s", segment.seconds),
        }
        let disturbed = if segment.marked() {
            format!("  {} {:.2}", say(Text("! 他の負荷", "! other work, cores:")), segment.foreign_cores)
        } else {
            String::new()
        };
        eprintln!("{disturbed}");
        self.segments.push(segment);
        Ok(())
    }
}
