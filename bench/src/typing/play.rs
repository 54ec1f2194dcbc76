//! Owns playing the corpus as a person with an input method does, and finding each key's echo. Must never wait for an echo before
//! the next key: a person does not either.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::corpus::{Action, Corpus, Step};
use super::figures::Moving;
use super::keyboard::{self, BACKSPACE, ENTER, SHIFT, Stroke};
use crate::arm::watch::{Area, Sighting};
use crate::arm::{Given, Typist};
use crate::code::Strips;
use crate::drive::Driver;
use crate::page::{Beside, Mode, MovingPlace, code_of};
use crate::random::Random;
use crate::record::{Sample, Segment};
use crate::stats::count;

/// How long a key stays down, unless keys come faster.
const HELD: Duration = Duration::from_millis(40);
/// Keys come up to this share of their distance too early or too late, so that nothing locks to a 60 Hz clock.
const UNEVEN: f64 = 0.2;
/// How long the last echo is waited for. What has not come by then counts as lost.
const LAST_ECHO: Duration = Duration::from_secs(10);
/// How often it is looked for: nothing is measured then.
const LOOK: Duration = Duration::from_millis(20);
/// After the last echo, so that something that comes twice is there before the text is asked for.
const AFTERWARDS: Duration = Duration::from_millis(500);
/// How long the film plays or the column scrolls before anything is typed: the first pictures are a change of the whole page.
const MOVING_BEGINS: Duration = Duration::from_secs(4);

/// What one run gave.
pub(super) struct Played {
    /// What was measured, with a sample for every echo beside the text.
    pub(super) segment: Segment,
    /// The echoes that include the top and the bottom of the page.
    pub(super) whole: Vec<Sample>,
    /// What the field holds.
    pub(super) text: String,
    /// How that went which moved beside it.
    pub(super) moving: Option<Moving>,
}

/// Plays the corpus into an empty field.
pub(super) fn play(
    driver: &mut Driver<impl Typist>,
    corpus: &Corpus,
    keys_per_second: f64,
    beside: Beside,
    random: &mut Random,
) -> anyhow::Result<Played> {
    let page = driver.compose(beside)?;
    let strips = driver.arm.watch().strips().context("the strips are known once the page is ready")?;
    driver.arm.watch().aim_near(near(page.near.context("the page with a field has a code beside it")?, strips));
    if let Some(place) = page.moving {
        driver.arm.watch().count(Some(area(place, strips)));
        sleep(MOVING_BEGINS);
        driver.arm.watch().take();
    }
    let (drawn, changes) = (driver.page.moving()?.drawn, driver.arm.watch().changes());
    let meter = driver.begin()?;
    let keys = match keys(driver, corpus, keys_per_second, random) {
        Ok(keys) => keys,
        Err(error) => return Err(driver.explain(error)),
    };
    let mut segment = meter.end(driver, Mode::Typing)?;
    let changes = driver.arm.watch().changes() - changes;
    let drawn = driver.page.moving()?.drawn.saturating_sub(drawn);
    let visible = keys.iter().filter(|key| key.is_visible).count();
    let patience = Instant::now() + LAST_ECHO;
    let last = keys.last().map(|key| key.code);
    while driver.arm.watch().latest() != last && Instant::now() < patience {
        sleep(LOOK);
    }
    sleep(AFTERWARDS);
    segment.round = 1;
    segment.begun = visible as u64;
    segment.samples = echoes(&keys, &driver.arm.watch().take_near());
    let whole = echoes(&keys, &driver.arm.watch().take());
    let moving = page.moving.map(|_| Moving {
        shown_per_second: count(usize::try_from(changes).unwrap_or(0)) / segment.seconds,
        drawn_per_second: count(usize::try_from(drawn).unwrap_or(0)) / segment.seconds,
    });
    Ok(Played { segment, whole, text: driver.page.text()?, moving })
}

/// A key that was given, and the code of what the field shows after it.
#[derive(Debug, Clone, Copy)]
struct Pressed {
    given: Given,
    code: u16,
    /// Whether it changes what the field shows: moving the caret within a composition does not.
    is_visible: bool,
}

fn keys(
    driver: &mut Driver<impl Typist>,
    corpus: &Corpus,
    keys_per_second: f64,
    random: &mut Random,
) -> anyhow::Result<Vec<Pressed>> {
    let slot = Duration::from_secs_f64(1.0 / keys_per_second);
    let held = HELD.min(slot / 2);
    let uneven = slot.mul_f64(UNEVEN);
    let began = Instant::now() + uneven;
    let mut pressed = Vec::with_capacity(corpus.steps.len());
    let mut before = "";
    for (step, n) in corpus.steps.iter().zip(0_u32..) {
        let late = random.pause(0, u64::try_from(2 * uneven.as_millis()).unwrap_or(0));
        let at = began + slot * n + late;
        sleep((at - uneven).saturating_duration_since(Instant::now()));
        let given = press(driver, step, held)?;
        pressed.push(Pressed { given, code: code_of(&step.shown), is_visible: step.shown != before });
        before = &step.shown;
    }
    Ok(pressed)
}

/// Gives one key of the person and lets it go.
fn press(driver: &mut Driver<impl Typist>, step: &Step, held: Duration) -> anyhow::Result<Given> {
    let arm = &mut driver.arm;
    let stroke = match &step.action {
        Action::Compose { text, clause } => return arm.compose(text, *clause),
        Action::Commit(text) => return arm.commit(text),
        Action::Key(character) => keyboard::stroke(*character).context("the corpus has only keys that exist")?,
        Action::Enter => Stroke { key: ENTER, shift: false },
        Action::Backspace => Stroke { key: BACKSPACE, shift: false },
    };
    if stroke.shift {
        arm.key(SHIFT, true)?;
    }
    let given = arm.key(stroke.key, true)?;
    sleep(held);
    arm.key(stroke.key, false)?;
    if stroke.shift {
        arm.key(SHIFT, false)?;
    }
    Ok(given)
}

/// For every visible key the first picture that shows it: the text right after it, or one that later keys made of it.
fn echoes(keys: &[Pressed], sightings: &[Sighting]) -> Vec<Sample> {
    let mut samples = Vec::with_capacity(keys.len());
    let mut seen = 0;
    for sighting in sightings {
        let given = keys[seen..].partition_point(|key| key.given.at <= sighting.at);
        let Some(found) = keys[seen..seen + given].iter().position(|key| key.code == sighting.code) else { continue };
        for key in keys[seen..=seen + found].iter().filter(|key| key.is_visible) {
            samples.push(Sample {
                began: key.given.at,
                sequence: key.given.sequence,
                handler: None,
                update: sighting.arrival.map(|arrival| arrival.update),
                received: sighting.arrival.map(|arrival| arrival.received),
                decoded: sighting.arrival.map(|arrival| arrival.decoded),
                seen: sighting.at,
            });
        }
        seen += found + 1;
    }
    samples
}

/// Where the small code is in the canvas: blocks of half the size, and the same place twice.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions within a canvas of at most 3840 pixels"
)]
fn near((x, y): (f64, f64), strips: Strips) -> Strips {
    let pixels = |css: f64| (css * strips.ratio).max(0.0).round() as u32;
    let (left, upper) = (strips.left + pixels(x), strips.upper + pixels(y));
    Strips { left, upper, lower: upper, ratio: strips.ratio / 2.0 }
}

/// Where the film or the column is in the canvas.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions within a canvas of at most 3840 pixels"
)]
fn area(place: MovingPlace, strips: Strips) -> Area {
    let pixels = |css: f64| (css * strips.ratio).max(0.0) as u32;
    Area {
        x: strips.left + pixels(place.x),
        y: strips.upper + pixels(place.y),
        width: pixels(place.width),
        height: pixels(place.height),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(at: i64, code: u16, is_visible: bool) -> Pressed {
        Pressed { given: Given { at, sequence: Some(at.cast_unsigned()) }, code, is_visible }
    }

    fn sighting(at: i64, code: u16) -> Sighting {
        Sighting { code, at, arrival: None }
    }

    fn latencies(keys: &[Pressed], sightings: &[Sighting]) -> Vec<i64> {
        echoes(keys, sightings).iter().map(Sample::latency).collect()
    }

    #[test]
    fn each_key_has_the_first_picture_that_shows_its_text() {
        let keys = [pressed(0, 1, true), pressed(100, 2, true), pressed(200, 3, true)];
        let seen = [sighting(60, 1), sighting(160, 2), sighting(270, 3)];
        assert_eq!(latencies(&keys, &seen), [60, 60, 70]);
    }

    #[test]
    fn a_picture_that_shows_two_keys_is_the_echo_of_both() {
        let keys = [pressed(0, 1, true), pressed(100, 2, true)];
        assert_eq!(latencies(&keys, &[sighting(130, 2)]), [130, 30]);
    }

    #[test]
    fn a_key_that_shows_nothing_new_has_no_echo() {
        let keys = [pressed(0, 1, true), pressed(100, 1, false), pressed(200, 2, true)];
        assert_eq!(latencies(&keys, &[sighting(50, 1), sighting(250, 2)]), [50, 50]);
    }

    #[test]
    fn a_text_that_was_not_typed_and_one_before_its_key_are_no_echo() {
        let keys = [pressed(0, 1, true), pressed(100, 2, true)];
        assert_eq!(latencies(&keys, &[sighting(50, 9), sighting(60, 2), sighting(70, 1)]), [70]);
    }

    #[test]
    fn a_text_that_comes_back_is_found_at_its_next_key() {
        // A composition that is given up shows what was there before it.
        let keys = [pressed(0, 1, true), pressed(100, 2, true), pressed(200, 1, true)];
        let seen = [sighting(40, 1), sighting(140, 2), sighting(240, 1)];
        assert_eq!(latencies(&keys, &seen), [40, 40, 40]);
    }
}
