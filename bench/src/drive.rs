//! Owns the measuring itself: presses keys on an arm, watches its pictures and gives back the raw record.
//!
//! The same code drives every arm. Must never wait for a fixed time where a picture can be waited for, except where the
//! waiting is what is measured.

use std::collections::HashMap;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context as _;

use crate::arm::watch::Sighting;
use crate::arm::{Arm, Given, Processes, Resting, START_PATIENCE};
use crate::clock::now;
use crate::meter::{CpuReading, LoadMeter};
use crate::page::{Answer, Beside, Mode, Page, PageError};
use crate::random::Random;
use crate::record::{Cpu, Sample, Segment};
use crate::result::Settings;

/// A key whose picture has not come by then is counted as lost.
const LOST_AFTER: Duration = Duration::from_secs(2);
/// A key is held until its picture comes, but no longer than this: the browser would repeat it, and count ahead of the bench.
const HELD_AT_MOST: Duration = Duration::from_millis(150);
/// Pauses between keys, in milliseconds: those of a quick typist, random so that nothing locks to a browser's clock.
const PAUSE_MS: (u64, u64) = (120, 280);
/// What a scene needs to come to rest before it is measured: refinement and the browser's own late work.
const SETTLE: Duration = Duration::from_millis(700);
/// The first moments of an animation: the browser's pipeline fills.
const WARM_UP: Duration = Duration::from_millis(400);
/// The rest after which both canvases have to be equal.
const REST: Duration = Duration::from_millis(500);
/// The worker traces a rest when it has lasted 600 ms.
const UNTIL_TRACED: Duration = Duration::from_millis(300);
/// How often a starting arm is asked whether it has ended.
const LOOK: Duration = Duration::from_millis(500);
/// Inputs that warm an arm up before its first round: the browser compiles its code.
const WARM_UP_KEYS: u32 = 5;

/// evdev codes of the keys Q to P, A to L, Z to M: letters on every layout.
const LETTERS: [u16; 26] =
    [16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 30, 31, 32, 33, 34, 35, 36, 37, 38, 44, 45, 46, 47, 48, 49, 50];

/// An arm with its page.
pub struct Driver<A> {
    /// What takes the input.
    pub arm: A,
    /// What answers it.
    pub page: Page,
    random: Random,
}

impl<A: Arm> Driver<A> {
    /// Waits for the page, finds its strips in the canvas, gives it the keyboard and relates its clock.
    ///
    /// # Errors
    /// If the page does not come or its strips are not found.
    pub fn ready(arm: A, page: Page, settings: &Settings) -> anyhow::Result<Self> {
        let random = Random::new(settings.seed);
        let mut driver = Self { arm, page, random };
        let greeting = match driver.greeting() {
            Ok(greeting) => greeting,
            Err(error) => return Err(driver.explain(error.into())),
        };
        anyhow::ensure!(
            greeting.isolated,
            "the browser gave the page a coarse clock (not cross-origin isolated); measure with a Chromium of version 92 or newer"
        );
        driver.aim(&greeting)?;
        // A click gives the page the keyboard. It must land where no control is.
        driver.arm.click(u32::from(WARM_PLACE.0), u32::from(WARM_PLACE.1))?;
        driver.page.calibrate()?;
        driver.warm_up()?;
        Ok(driver)
    }

    fn greeting(&mut self) -> Result<Answer, PageError> {
        let until = std::time::Instant::now() + START_PATIENCE;
        loop {
            let greeting = self.page.greeted(LOOK);
            let is_hopeless = self.arm.has_ended() || std::time::Instant::now() > until;
            if greeting.is_ok() || is_hopeless {
                return greeting;
            }
        }
    }

    fn aim(&mut self, answer: &Answer) -> anyhow::Result<()> {
        // The page has drawn, but its picture may still be on its way.
        let until = std::time::Instant::now() + START_PATIENCE;
        loop {
            if let Some(strips) = self.arm.find(answer) {
                self.arm.watch().aim(strips);
                return Ok(());
            }
            if std::time::Instant::now() > until {
                let error = anyhow::anyhow!(
                    "the page shows code {} in {}x{} pixels, but no such strips are in the canvas of the arm '{}'; is another window in front of it?",
                    answer.code,
                    answer.width,
                    answer.height,
                    self.arm.name().name()
                );
                return Err(self.explain(error));
            }
            sleep(Duration::from_millis(20));
        }
    }

    fn warm_up(&mut self) -> anyhow::Result<()> {
        // A slow link needs seconds for its first pages; nothing is measured yet.
        let mut code = self.settled(Mode::Key)?;
        for _ in 0..WARM_UP_KEYS {
            code = code.wrapping_add(1);
            let (_, seen) = self.press(LETTERS[0], code)?;
            if seen.is_none() && !self.arm.shows(code, START_PATIENCE) {
                let error = anyhow::anyhow!(
                    "a key was given to the arm '{}' but its page did not change; does the page have the keyboard?",
                    self.arm.name().name()
                );
                return Err(self.explain(error));
            }
        }
        Ok(())
    }

    /// An error with what the arm knows about its own health.
    pub(crate) fn explain(&mut self, error: anyhow::Error) -> anyhow::Error {
        match self.arm.complaint() {
            Some(complaint) => error.context(complaint),
            None => error,
        }
    }

    /// Measures one scene once.
    ///
    /// # Errors
    /// If the arm or its page has ended.
    pub fn measure(&mut self, scene: Mode, round: u32, settings: &Settings) -> anyhow::Result<Segment> {
        let measured = match scene {
            Mode::Key => self.inputs(scene, settings.keys),
            Mode::Typing | Mode::Page => self.inputs(scene, (settings.keys / 2).max(1)),
            Mode::Scroll | Mode::Animation => self.frames(scene, Duration::from_secs_f64(settings.seconds)),
            Mode::Caret | Mode::Still => self.idle(scene, Duration::from_secs_f64(settings.seconds)),
        };
        let what = || format!("measuring '{scene:?}' on the arm '{}'", self.arm.name().name());
        let mut segment = match measured {
            Ok(segment) => segment,
            Err(error) => {
                let what = what();
                return Err(self.explain(error)).context(what);
            }
        };
        segment.round = round;
        Ok(segment)
    }

    /// Shows an empty field to type into, with or without something that moves beside it, and waits until it is in the canvas and rests.
    ///
    /// # Errors
    /// If the page does not answer or its picture does not come.
    pub fn compose(&mut self, beside: Beside) -> anyhow::Result<Answer> {
        let answer = match self.page.compose(beside) {
            Ok(answer) => answer,
            Err(error) => return Err(self.explain(error.into())),
        };
        self.arrived(answer.code)?;
        Ok(answer)
    }

    /// Shows the quietest scene that has a code, waits until it is in the canvas and rests, and gives the code.
    ///
    /// # Errors
    /// If the page does not answer or its picture does not come.
    pub fn shown(&mut self) -> anyhow::Result<u16> {
        self.settled(Mode::Key)
    }

    /// Lets the page rest and gives what then lies in the viewer's canvas.
    ///
    /// # Errors
    /// If the page does not answer.
    pub fn rest(&mut self) -> anyhow::Result<Option<Resting>> {
        self.page.stop()?;
        sleep(REST);
        let resting = self.arm.resting();
        // Nothing may change until the host has written its own digest.
        sleep(UNTIL_TRACED);
        Ok(resting)
    }

    /// Keys, one at a time, each waited for.
    fn inputs(&mut self, scene: Mode, keys: u32) -> anyhow::Result<Segment> {
        let mut code = self.settled(scene)?;
        let mut samples: Vec<(u16, Sample)> = Vec::with_capacity(keys as usize);
        let meter = self.begin()?;
        for _ in 0..keys {
            let letter = LETTERS[usize::try_from(self.random.below(26)).unwrap_or(0)];
            // Whatever the page counted meanwhile (a lost key's late picture) is no answer to the next key.
            self.arm.watch().take();
            code = self.arm.watch().latest().unwrap_or(code).wrapping_add(1);
            let (given, sighting) = self.press(letter, code)?;
            match sighting {
                Some(sighting) if sighting.at >= given.at => samples.push((
                    code,
                    Sample {
                        began: given.at,
                        sequence: given.sequence,
                        handler: None,
                        update: sighting.arrival.map(|arrival| arrival.update),
                        received: sighting.arrival.map(|arrival| arrival.received),
                        decoded: sighting.arrival.map(|arrival| arrival.decoded),
                        seen: sighting.at,
                    },
                )),
                // Lost, or the picture was there before the key: the next key goes on from what the canvas shows then.
                _ => {}
            }
            sleep(self.random.pause(PAUSE_MS.0, PAUSE_MS.1));
        }
        let mut segment = meter.end(self, scene)?;
        let handlers: HashMap<u16, i64> = self.page.take_log()?.into_iter().collect();
        segment.begun = u64::from(keys);
        segment.samples = samples
            .into_iter()
            .map(|(code, sample)| Sample { handler: handlers.get(&code).copied(), ..sample })
            .collect();
        Ok(segment)
    }

    /// Presses a key, waits for its picture and lets the key go.
    fn press(&mut self, letter: u16, code: u16) -> anyhow::Result<(Given, Option<Sighting>)> {
        let given = self.arm.key(letter, true)?;
        let mut sighting = self.arm.sighting(code, HELD_AT_MOST);
        self.arm.key(letter, false)?;
        if sighting.is_none() {
            sighting = self.arm.sighting(code, LOST_AFTER - HELD_AT_MOST);
        }
        Ok((given, sighting))
    }

    /// Animation frames for a while; each that is seen is a sample.
    fn frames(&mut self, scene: Mode, time: Duration) -> anyhow::Result<Segment> {
        self.settled(scene)?;
        self.page.run()?;
        sleep(WARM_UP);
        self.arm.watch().take();
        let meter = self.begin()?;
        let began = meter.began.cast_signed();
        sleep(time);
        let ended = now().cast_signed();
        let mut segment = meter.end(self, scene)?;
        let sightings = self.arm.watch().take();
        self.page.stop()?;
        let log = self.page.take_log()?;
        segment.begun = log.iter().filter(|(_, at)| (began..ended).contains(at)).count() as u64;
        let drawn: HashMap<u16, i64> = log.into_iter().collect();
        segment.samples = sightings
            .into_iter()
            .filter(|sighting| (began..ended).contains(&sighting.at))
            .filter_map(|sighting| {
                Some(Sample {
                    began: *drawn.get(&sighting.code)?,
                    sequence: None,
                    handler: None,
                    update: sighting.arrival.map(|arrival| arrival.update),
                    received: sighting.arrival.map(|arrival| arrival.received),
                    decoded: sighting.arrival.map(|arrival| arrival.decoded),
                    seen: sighting.at,
                })
            })
            .collect();
        Ok(segment)
    }

    /// Nothing is asked of the page for a while.
    fn idle(&mut self, scene: Mode, time: Duration) -> anyhow::Result<Segment> {
        self.settled(scene)?;
        let meter = self.begin()?;
        sleep(time);
        meter.end(self, scene)
    }

    /// Shows a scene, waits until its code is in the canvas and everything rests.
    fn settled(&mut self, scene: Mode) -> anyhow::Result<u16> {
        let code = self.page.show(scene)?.code;
        self.arrived(code)?;
        Ok(code)
    }

    fn arrived(&mut self, code: u16) -> anyhow::Result<()> {
        if !self.arm.shows(code, START_PATIENCE) {
            anyhow::bail!(
                "the picture of the scene never came (code {code}, last seen {:?})",
                self.arm.watch().latest()
            );
        }
        sleep(SETTLE);
        self.arm.watch().take();
        Ok(())
    }

    /// Begins to meter what everybody spends.
    ///
    /// # Errors
    /// If it cannot be found out who works for the arm.
    pub(crate) fn begin(&mut self) -> anyhow::Result<Meter> {
        let processes = self.arm.processes()?;
        Ok(Meter {
            load: LoadMeter::begin(&processes.all()),
            spent: Spent::of(&processes),
            traffic: self.arm.traffic(),
            began: now(),
        })
    }
}

/// Where the pointer clicks once and then stays: within the page's left margin, below the strips and beside every text.
const WARM_PLACE: (u16, u16) = (14, 420);

struct Spent {
    supervisor: CpuReading,
    worker: CpuReading,
    browser: CpuReading,
    bench: CpuReading,
}

impl Spent {
    fn of(processes: &Processes) -> Self {
        Self {
            supervisor: CpuReading::of(processes.supervisor),
            worker: CpuReading::of(processes.worker),
            browser: CpuReading::of(processes.browser.iter().copied()),
            bench: CpuReading::of(processes.viewer.iter().copied().chain([std::process::id()])),
        }
    }
}

/// What was spent when a measurement began.
pub(crate) struct Meter {
    load: LoadMeter,
    spent: Spent,
    traffic: crate::record::Traffic,
    began: u64,
}

impl Meter {
    /// The measurement until now, without samples.
    pub(crate) fn end<A: Arm>(self, driver: &mut Driver<A>, scene: Mode) -> anyhow::Result<Segment> {
        let ended = now();
        let traffic = driver.arm.traffic().since(self.traffic);
        let processes = driver.arm.processes()?;
        let spent = Spent::of(&processes);
        let foreign_cores = self.load.foreign_cores(&processes.all());
        let milliseconds = |later: &CpuReading, earlier: &CpuReading| later.since(earlier).as_secs_f64() * 1e3;
        Ok(Segment {
            scene,
            arm: driver.arm.name(),
            round: 0,
            seconds: Duration::from_nanos(ended - self.began).as_secs_f64(),
            foreign_cores,
            samples: Vec::new(),
            begun: 0,
            cpu: Cpu {
                supervisor: milliseconds(&spent.supervisor, &self.spent.supervisor),
                worker: milliseconds(&spent.worker, &self.spent.worker),
                browser: milliseconds(&spent.browser, &self.spent.browser),
                bench: milliseconds(&spent.bench, &self.spent.bench),
            },
            traffic,
        })
    }
}
