//! The program `shoji-viewer`.

// On Windows a double click must not open a console beside the window.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    shoji_viewer::cli::main()
}
