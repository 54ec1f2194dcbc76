//! The program.

use std::process::ExitCode;

use clap::Parser as _;
use shoji_bench::allocations::Counting;
use shoji_bench::cli::{Cli, Command};
use shoji_bench::{codec, corpus, decoder, heap, resize, run, typing};

/// Counts, so that `codec` can tell how often our codec allocates. It costs one addition each time.
#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    // In the sandbox of a browser that the bench launches itself.
    if let Some(failed) = shoji_host::browser::entrance::if_asked() {
        return failed;
    }
    let done = match Cli::parse().command {
        Command::Latency(latency) => run::latency(&latency),
        Command::Typing(asked) => typing::typing(&asked),
        Command::Resize(asked) => resize::resize(&asked),
        Command::Heap(asked) => heap::heap(&asked),
        Command::Codec(codec) => codec::codec(&codec),
        Command::Decoder(asked) => decoder::decoder(&asked),
        Command::Record(record) => corpus::record(&record),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shoji-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
