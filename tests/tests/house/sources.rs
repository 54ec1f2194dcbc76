//! What the sources themselves must and must not hold.

use std::fs;

use shoji_tests::{files_below, project};

/// A file is one room. The house asks at 600 lines; here it stops (generated tables would be data files).
const LONGEST_FILE_LINES: usize = 1_000;

const FOLDERS: [&str; 6] = ["protocol", "codec", "host", "viewer", "bench", "tests"];

fn sources() -> impl Iterator<Item = (String, String)> {
    FOLDERS.into_iter().flat_map(|folder| files_below(folder, ".rs")).map(|path| {
        let text = fs::read_to_string(&path).expect("sources are UTF-8");
        let name = path.strip_prefix(project()).expect("sources lie in the project").to_string_lossy().into_owned();
        (name, text)
    })
}

/// Sources that are part of what we ship: no tests, no benches, no fuzz programs.
fn shipped() -> impl Iterator<Item = (String, String)> {
    sources().filter(|(name, _)| {
        name.contains("/src/")
            && !name.starts_with("tests/")
            && !name.ends_with("tests.rs")
            && !name.contains("/tests/")
    })
}

/// The part of a source before its test module.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

#[test]
fn every_module_opens_with_what_it_owns() {
    for (name, text) in sources().filter(|(name, _)| !name.contains("/compile_fail/")) {
        assert!(text.starts_with("//!"), "{name} does not open with module documentation");
    }
}

#[test]
fn no_file_is_two_rooms() {
    for (name, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE_LINES, "{name} has {lines} lines: there is a second room in there");
    }
}

#[test]
fn protocol_reads_no_clock_no_randomness_and_no_files() {
    for (name, text) in shipped().filter(|(name, _)| name.starts_with("protocol/")) {
        for word in [
            "std::time",
            "SystemTime",
            "std::net",
            "std::fs",
            "std::io",
            "std::env",
            "std::thread",
            "std::process",
            "getrandom",
            "rand::",
        ] {
            assert!(!without_tests(&text).contains(word), "{name} uses {word}");
        }
    }
}

#[test]
fn codec_knows_no_network_and_no_runtime() {
    for (name, text) in shipped().filter(|(name, _)| name.starts_with("codec/")) {
        for word in ["std::net", "std::fs", "SystemTime", "Instant::now", "tokio", "async fn"] {
            assert!(!without_tests(&text).contains(word), "{name} uses {word}");
        }
    }
}

#[test]
fn every_channel_is_bounded() {
    for (name, text) in shipped() {
        for word in ["unbounded_channel", "mpsc::channel()", "unbounded()", "mpsc::channel::<"] {
            let found = without_tests(&text).contains(word) && !without_tests(&text).contains("sync_channel");
            assert!(!found, "{name} makes a channel without a limit ({word})");
        }
    }
}

#[test]
fn openh264_is_named_in_one_module_only() {
    let named: Vec<String> = shipped()
        .filter(|(_, text)| {
            without_tests(text).lines().any(|line| !line.trim_start().starts_with("//") && line.contains("openh264"))
        })
        .map(|(name, _)| name)
        .collect();
    let rooms: Vec<&String> =
        named.iter().filter(|name| !name.starts_with("codec/src/video") && !name.starts_with("bench/")).collect();
    assert!(rooms.is_empty(), "openh264 is named outside codec/src/video: {rooms:?}");
}

#[test]
fn the_browser_is_never_started_without_its_sandbox() {
    // The flag may be spelled only where a test asserts that it is absent.
    for (name, text) in shipped() {
        let code = without_tests(&text)
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n");
        assert!(
            !code.contains("--no-sandbox") && !code.contains("disable-setuid-sandbox"),
            "{name} switches the browser's sandbox off"
        );
    }
}

#[test]
fn no_path_of_one_machine_is_written_into_the_project() {
    for ending in [".rs", ".toml", ".md", ".json", ".html", "shoji", "run"] {
        for path in files_below(".", ending).into_iter().filter(|path| path.is_file()) {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            for prefix in ["/work", "/root"] {
                let needle = format!("{prefix}/");
                assert!(!text.contains(&needle), "{} names {needle}", path.display());
            }
        }
    }
}

#[test]
fn every_path_that_the_architecture_names_exists() {
    let text = fs::read_to_string(project().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md exists");
    let mut seen = 0;
    for word in text.split('`').skip(1).step_by(2) {
        let looks_like_path = word.contains('/')
            && !word.contains(' ')
            && !word.contains("::")
            && !word.starts_with("./")
            && !word.contains('<');
        if looks_like_path && FOLDERS.iter().any(|folder| word.starts_with(&format!("{folder}/"))) {
            seen += 1;
            assert!(project().join(word).exists(), "ARCHITECTURE.md names {word}, which does not exist");
        }
    }
    assert!(seen > 10, "ARCHITECTURE.md names too few places to be a map ({seen})");
}
