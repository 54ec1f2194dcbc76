//! Writes every target's seeds into a folder of its name, for the fuzzing engine to begin with: `seeds FOLDER`.

use std::path::PathBuf;
use std::process::ExitCode;

use shoji_fuzz::TARGETS;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("say where the seeds go: seeds FOLDER");
        return ExitCode::FAILURE;
    };
    for target in TARGETS {
        let folder = folder.join(target.name);
        let written = std::fs::create_dir_all(&folder).and_then(|()| {
            (target.seeds)()
                .iter()
                .enumerate()
                .try_for_each(|(at, seed)| std::fs::write(folder.join(format!("seed-{at}")), seed))
        });
        if let Err(error) = written {
            eprintln!("cannot write to {}: {error}; choose another folder or free some space", folder.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
