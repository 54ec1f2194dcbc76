//! A fixed number of seeded executions of every target, and every input that once failed.

use std::fs;
use std::path::Path;

use shoji_fuzz::mutate::{Random, mutate};
use shoji_fuzz::{TARGETS, Target};

/// Runs the target on seeds as they are, changed, and on noise; an input that fails is printed so that it can be kept.
fn execute(target: &Target) {
    let seeds = (target.seeds)();
    let mut random = Random::new(0x0005_10f1);
    for execution in 0..target.executions {
        let mut input = match execution % 8 {
            0 => (0..random.below(64)).map(|_| random.byte()).collect(),
            1 => (0..random.below(1_500)).map(|_| random.byte()).collect(),
            _ => seeds[random.below(seeds.len())].clone(),
        };
        if 2 < execution % 8 {
            mutate(&mut input, &seeds, &mut random);
        }
        if std::panic::catch_unwind(|| (target.run)(&input)).is_err() {
            let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
            panic!("target {} fails at execution {execution} on {hex}", target.name);
        }
    }
}

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("the target is in the list")
}

#[test]
fn what_viewers_send_is_decoded_or_refused() {
    execute(target("to_host"));
}

#[test]
fn what_hosts_send_is_decoded_or_refused() {
    execute(target("to_viewer"));
}

#[test]
fn updates_give_a_picture_or_an_error() {
    execute(target("codec_update"));
}

#[test]
fn frames_do_not_depend_on_how_they_are_cut() {
    execute(target("frames"));
}

#[test]
fn the_hosts_end_bears_any_order_of_calls() {
    execute(target("host"));
}

#[test]
fn the_viewers_end_bears_any_order_of_calls() {
    execute(target("viewer"));
}

#[test]
fn two_honest_ends_never_blame_each_other() {
    execute(target("pair"));
}

#[test]
fn what_browsers_post_is_read_or_refused() {
    execute(target("web"));
}

#[test]
fn what_browsers_send_by_webrtc_is_taken_or_refused() {
    execute(target("peer"));
}

#[test]
fn what_pages_ask_the_proxy_for_is_public_or_refused() {
    execute(target("destination"));
}

#[test]
fn a_configuration_is_within_its_limits_or_refused_with_a_reason() {
    execute(target("configuration"));
}

#[test]
fn a_browser_that_was_taken_over_troubles_nobody_but_itself() {
    execute(target("wayland"));
}

#[test]
fn a_gate_lets_nothing_through_but_what_both_sides_may_say() {
    execute(target("gate"));
}

#[test]
fn every_input_that_once_failed_still_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut replayed = 0;
    for entry in fs::read_dir(&folder).expect("the folder is part of the project") {
        let path = entry.expect("the folder is readable").path();
        if !path.is_dir() {
            continue;
        }
        let name = path.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        for file in fs::read_dir(&path).expect("the folder is readable") {
            let file = file.expect("the folder is readable").path();
            (target(&name).run)(&fs::read(&file).expect("the file is readable"));
            replayed += 1;
        }
    }
    assert!(0 < replayed, "there is at least one input to replay for each target");
}

#[test]
fn every_target_has_its_program_and_its_folder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("the manifest is readable");
    for Target { name, .. } in TARGETS {
        assert!(manifest.contains(&format!("\"fuzz_{name}\"")), "{name} has no program");
        assert!(root.join("src/bin").join(name).with_extension("rs").exists(), "{name} has no program");
        assert!(root.join("regressions").join(name).is_dir(), "{name} has no folder of regressions");
    }
}
