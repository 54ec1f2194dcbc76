//! The `shoji-host` program: reads the command line and calls the library.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use shoji_host::browser::entrance;
use shoji_host::cli::{self, Cli, Command};
use shoji_host::{commands, doctor, gate, serve, state, worker};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    if let Some(failed) = entrance::if_asked() {
        return failed;
    }
    // Before anything else: a decoder needs no log, and one thread.
    if std::env::args_os().nth(1).is_some_and(|word| word == shoji_decoder::process::WORD) {
        return shoji_decoder::run().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let cli = Cli::of_arguments();
    let json = match &cli.command {
        Command::Serve(serve) => serve.log_json,
        Command::Worker(worker) => worker.log_json,
        Command::Gate(gate) => gate.log_json,
        _ => false,
    };
    log_to_standard_error(json);
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("shoji-host: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let state = || state::directory(cli.state.clone());
    match cli.command {
        Command::Serve(options) => serve::run(&state()?, &options)?,
        Command::Worker(options) => worker::run(&options)?,
        Command::Init => commands::init(&state()?)?,
        Command::User(command) => commands::user(&state()?, command)?,
        Command::Device(command) => commands::device(&state()?, command)?,
        Command::Sessions { json } => commands::sessions(&state()?, json)?,
        Command::Session(command) => commands::session(&state()?, &command)?,
        Command::Ca { out } => commands::authority(&state()?, out.as_deref())?,
        Command::Doctor(options) => {
            let is_wrong = doctor::run(&state()?, &options)?;
            return Ok(if is_wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
        Command::Boundary { format } => commands::boundary(format)?,
        Command::Gate(cli::Gate { command: Some(cli::GateCommand::Doctor(options)), .. }) => {
            let is_wrong = gate::doctor::run(&options)?;
            return Ok(if is_wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
        Command::Gate(options) if options.print_boundary => commands::gate_boundary(&options)?,
        Command::Gate(options) => gate::run(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What is logged unless `RUST_LOG` says otherwise. The libraries' warnings are about what strangers send, as often as they
/// send it; whoever is refused for it has a line of ours, of which there are so many and no more. The compositor's keyboard
/// warns of each client that asks for its first versions, which take the layout from a file with a name: the toolkit behind
/// the browser's file chooser is one, whose windows never open, and a worker can make no such file.
const LOGGED: &str = "info,smithay=warn,smithay::wayland::seat::keyboard=error,quinn=error,rustls=error,h2=error,hyper=error,tungstenite=error,\
                      str0m=off,str0m_proto=off,is=off,sctp_proto=off,dimpl=off";

/// Logs hold no page text, no keys typed and no tokens; `info` is for what happens a few times per session.
fn log_to_standard_error(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json {
        logs.json().init();
    } else {
        logs.with_ansi(std::io::stderr().is_terminal()).init();
    }
}
