//! Which crate may know which, and what a shipped build may switch.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use shoji_tests::project;

/// The only edges between our crates (DESIGN: `protocol` and `codec` know nobody, the compositor knows neither).
const ALLOWED_EDGES: [(&str, &[&str]); 12] = [
    ("shoji-protocol", &[]),
    ("shoji-codec", &[]),
    ("shoji-evidence", &[]),
    ("shoji-compositor", &[]),
    ("shoji-walls", &[]),
    ("shoji-decoder", &["shoji-protocol", "shoji-codec", "shoji-walls"]),
    (
        "shoji-host",
        &["shoji-protocol", "shoji-codec", "shoji-evidence", "shoji-compositor", "shoji-walls", "shoji-decoder"],
    ),
    ("shoji-viewer", &["shoji-protocol", "shoji-codec", "shoji-evidence", "shoji-walls", "shoji-decoder"]),
    ("shoji-web", &["shoji-protocol", "shoji-codec"]),
    (
        "shoji-bench",
        &["shoji-protocol", "shoji-codec", "shoji-decoder", "shoji-compositor", "shoji-host", "shoji-viewer"],
    ),
    ("shoji-fuzz", &["shoji-protocol", "shoji-codec", "shoji-compositor", "shoji-host", "shoji-viewer"]),
    (
        "shoji-tests",
        &[
            "shoji-protocol",
            "shoji-codec",
            "shoji-decoder",
            "shoji-compositor",
            "shoji-host",
            "shoji-viewer",
            "shoji-bench",
            "shoji-fuzz",
        ],
    ),
];

/// What `protocol` may be built from: a serializer and an error macro. Nothing with sockets, clocks or randomness.
const PROTOCOL_DEPENDENCIES: [&str; 3] = ["postcard", "serde", "thiserror"];

/// What segments and reports may be built from: prefixes, a serializer and an error macro. Nothing that gathers facts.
const EVIDENCE_DEPENDENCIES: [&str; 4] = ["ipnet", "serde", "serde_json", "thiserror"];

/// What `codec` may be built from: codecs and colour conversion. No network, no session, no runtime.
const CODEC_DEPENDENCIES: [&str; 6] = ["openh264", "openh264-sys2", "ruzstd", "thiserror", "yuv", "zstd"];

/// What runs in the page may be built from: protocol, codec and nothing that reaches outside.
const WEB_DEPENDENCIES: [&str; 2] = ["shoji-codec", "shoji-protocol"];

/// Every feature that our crates may have, each with the reason why it weakens nothing.
const ALLOWED_FEATURES: [(&str, &str, &str); 1] =
    [("shoji-fuzz", "libfuzzer", "links the fuzzing engine into the fuzz programs, which are never shipped")];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(project().join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--locked".into()])
        .exec()
        .expect("cargo metadata reads the workspace")
}

fn normal_dependencies(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    metadata
        .packages
        .iter()
        .map(|package| {
            let dependencies = package
                .dependencies
                .iter()
                .filter(|dependency| dependency.kind != DependencyKind::Development)
                .map(|dependency| dependency.name.clone())
                .collect();
            (package.name.to_string(), dependencies)
        })
        .collect()
}

#[test]
fn our_crates_know_only_whom_they_may_know() {
    let metadata = metadata();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED_EDGES.into_iter().collect();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let may = allowed.get(name).unwrap_or_else(|| panic!("the crate {name} is not on the map of allowed edges"));
        // Development dependencies count too: a test that needs the other crate is a sign that the wall is in the wrong place.
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            assert!(
                may.contains(&dependency.name.as_str()) || dependency.name == name,
                "{name} must not depend on {}",
                dependency.name
            );
        }
    }
}

#[test]
fn protocol_is_built_from_a_serializer_and_nothing_that_reaches_outside() {
    let dependencies = &normal_dependencies(&metadata())["shoji-protocol"];
    let allowed: BTreeSet<String> = PROTOCOL_DEPENDENCIES.into_iter().map(str::to_owned).collect();
    assert!(
        dependencies.is_subset(&allowed),
        "shoji-protocol has dependencies that are not agreed: {:?}",
        dependencies - &allowed
    );
}

#[test]
fn evidence_is_built_from_nothing_that_gathers_facts() {
    let dependencies = &normal_dependencies(&metadata())["shoji-evidence"];
    let allowed: BTreeSet<String> = EVIDENCE_DEPENDENCIES.into_iter().map(str::to_owned).collect();
    assert!(
        dependencies.is_subset(&allowed),
        "shoji-evidence has dependencies that are not agreed: {:?}",
        dependencies - &allowed
    );
}

#[test]
fn codec_is_built_from_codecs_only() {
    let dependencies = &normal_dependencies(&metadata())["shoji-codec"];
    let allowed: BTreeSet<String> = CODEC_DEPENDENCIES.into_iter().map(str::to_owned).collect();
    assert!(
        dependencies.is_subset(&allowed),
        "shoji-codec has dependencies that are not agreed: {:?}",
        dependencies - &allowed
    );
}

#[test]
fn the_core_of_the_web_viewer_is_built_from_protocol_and_codec_only() {
    let dependencies = &normal_dependencies(&metadata())["shoji-web"];
    let allowed: BTreeSet<String> = WEB_DEPENDENCIES.into_iter().map(str::to_owned).collect();
    assert!(
        dependencies.is_subset(&allowed),
        "shoji-web has dependencies that are not agreed: {:?}",
        dependencies - &allowed
    );
}

#[test]
fn no_feature_of_a_shipped_crate_can_switch_a_check_off() {
    let allowed: BTreeSet<(&str, &str)> =
        ALLOWED_FEATURES.into_iter().map(|(package, feature, _reason)| (package, feature)).collect();
    for package in &metadata().packages {
        for feature in package.features.keys().filter(|feature| *feature != "default") {
            assert!(
                allowed.contains(&(package.name.as_str(), feature.as_str())),
                "{} has the feature {feature}, which nobody has shown to weaken nothing",
                package.name
            );
        }
    }
}

#[test]
fn every_crate_lies_in_one_of_the_seven_folders_and_takes_the_lints_of_the_workspace() {
    let root = project();
    for package in &metadata().packages {
        let manifest = package.manifest_path.strip_prefix(&root).expect("each member lies in the project");
        let top = manifest.components().next().expect("a manifest lies in a folder").to_string();
        assert!(
            ["protocol", "codec", "host", "viewer", "bench", "tests"].contains(&top.as_str()),
            "{manifest} lies outside the house"
        );
        let text = std::fs::read_to_string(&package.manifest_path).expect("the manifest is readable");
        assert!(text.contains("[lints]\nworkspace = true"), "{manifest} does not take the workspace's lints");
    }
}

#[test]
fn every_dependency_comes_from_the_registry_at_the_version_in_the_lock_file() {
    let lock = std::fs::read_to_string(project().join("Cargo.lock")).expect("Cargo.lock is committed");
    for line in lock.lines().filter(|line| line.starts_with("source = ")) {
        assert!(line.starts_with("source = \"registry+"), "a dependency comes from elsewhere: {line}");
    }
}
