//! Owns where the programs are that a test runs, and whether they left anything running.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the product's programs. A test run of this package alone has not built the host: then it is built now.
pub(crate) fn programs(bench: &str) -> PathBuf {
    let folder = Path::new(bench).parent().expect("a program lies in a folder").to_owned();
    if !folder.join("shoji-host").is_file() {
        let target = folder.parent().expect("the folder is a profile of a target directory");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--locked", "-p", "shoji-host", "--bin", "shoji-host", "--target-dir"])
            .arg(target)
            .status()
            .expect("cargo starts");
        assert!(built.success(), "the host could not be built");
    }
    folder
}

/// Processes whose command line or environment names `path`.
pub(crate) fn processes_that_name(path: &Path) -> Vec<String> {
    let path = path.display().to_string();
    let processes = std::fs::read_dir("/proc").expect("the system has processes");
    let named = |file: PathBuf| {
        let text = std::fs::read(file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).replace('\0', " ");
        text.contains(&path).then_some(text)
    };
    let own = std::process::id().to_string();
    processes
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy() != own)
        .filter_map(|entry| named(entry.path().join("cmdline")))
        .collect()
}
