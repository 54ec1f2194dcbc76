//! Helpers of the end-to-end tests: finding the project's programs and sources.
//!
//! Owns nothing at run time. Must never be a dependency of a shipped crate.

use std::path::{Path, PathBuf};

/// The project's top folder.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests' folder lies in the project").to_path_buf()
}

/// All files below `folder` (relative to the project) whose name ends in `ending`, build output left out, in a stable order.
pub fn files_below(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![project().join(folder)];
    while let Some(directory) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), "target" | ".git" | "node_modules") {
                    open.push(path);
                }
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A program of the project, as `cargo build --workspace` (which `./shoji test` runs first) leaves it beside the tests.
///
/// # Panics
/// If it has not been built.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let built = test.parent().and_then(Path::parent).expect("tests lie in `deps`, the programs above it");
    let path = built.join(name);
    assert!(path.is_file(), "{} is missing: run ./shoji test, or cargo build --workspace", path.display());
    path
}
