//! The program.

use std::process::ExitCode;

use clap::Parser as _;
use shoji_bench::cli::{Cli, Command};
use shoji_bench::run;

fn main() -> ExitCode {
    let Cli { command: Command::Latency(latency) } = Cli::parse();
    match run::latency(&latency) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shoji-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
