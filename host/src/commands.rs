//! The commands that need no running host, and those that ask a running one.
//!
//! Owns what they print. Standard output is for results, standard error for what went wrong.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::cli::{self, Device, Format, Session, User};
use crate::config::{self, Config};
use crate::control::{self, Answer, Request};
use crate::pki::Authority;
use crate::registry::{self, Kind, Name};
use crate::web::names::Names;
use crate::{addresses, clock, gate, pki, state, store};

/// A command failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the error of the module it names")]
pub enum Error {
    #[error(transparent)]
    State(#[from] state::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Registry(#[from] registry::Error),
    #[error(transparent)]
    Pki(#[from] pki::Error),
    #[error(transparent)]
    Config(#[from] config::Error),
    #[error(transparent)]
    Control(#[from] control::Error),
    #[error(transparent)]
    Gate(#[from] gate::config::Error),
    /// No host was ever started or set up with this state directory.
    #[error(
        "there is no certificate authority in {}: run this as the host's user (root), or name its state directory with --state DIR",
        .0.display()
    )]
    NoAuthority(std::path::PathBuf),
    /// The running host refused.
    #[error("the running host refused: {0}: see its log, and start it again if it is of another version")]
    Refused(String),
    /// No such session.
    #[error("there is no session {0}: see `shoji-host sessions`")]
    NoSession(u64),
    /// Standard output is closed or full.
    #[error("cannot print the result: {0}: check the pipe or file that it goes to; what was asked is done")]
    Print(#[from] std::io::Error),
}

/// `init`.
pub fn init(state: &Path) -> Result<(), Error> {
    let now = clock::unix_seconds();
    Authority::open(state, now)?.identity(now, &Names::default())?;
    print(&format!("initialized {}\n", state.display()))
}

/// `user ...`.
pub fn user(state: &Path, command: User) -> Result<(), Error> {
    let store = registry::Store::new(state);
    match command {
        User::Add { name } => {
            store.change(|registry| registry.add_user(name.clone(), clock::unix_seconds()))?;
            registry_changed(state)?;
            print(&format!("added user {name}\n"))
        }
        User::List => {
            let names = store.read()?.users.into_keys();
            print(&names.map(|name| format!("{name}\n")).collect::<String>())
        }
    }
}

/// `device ...`.
pub fn device(state: &Path, command: Device) -> Result<(), Error> {
    let store = registry::Store::new(state);
    match command {
        Device::Add { name, user, days, out, host, gate, as_gate } => {
            let (host, through) = match (host, gate) {
                (Some(host), _) => (host, Through::Nothing),
                (None, Some(gate)) => (gate, Through::Gate),
                (None, None) => (host_address(state)?, Through::Nothing),
            };
            let out = out.unwrap_or_else(|| PathBuf::from(format!("{name}.shoji")));
            let what = if as_gate { New::Gate } else { New::Device(through) };
            add_device(state, &store, &name, user, days, (&host, what), &out)?;
            let what = if as_gate { "gate" } else { "device" };
            print(&format!(
                "added {what} {name}; its bundle is {} (it holds the private key: give it to this {what} only)\n",
                out.display()
            ))
        }
        Device::List => {
            let now = clock::unix_seconds();
            let mut text = String::new();
            let registry = store.read()?;
            for (name, device) in &registry.devices {
                let standing = match device.revoked {
                    Some(_) => "revoked".to_owned(),
                    None if device.not_after <= now => "expired".to_owned(),
                    None => format!("{} days left", (device.not_after - now) / 86_400),
                };
                let browser = match device.kind {
                    Kind::Certificate => "",
                    Kind::Web => "\tbrowser",
                    Kind::Gate => "\tgate",
                };
                text.push_str(&format!("{name}\t{}\t{standing}{browser}\n", device.user));
            }
            for (code, waiting) in registry.waiting(now) {
                let hours = (now.saturating_sub(waiting.since)) / 3_600;
                let (label, from) = (&waiting.label, waiting.from);
                text.push_str(&format!(
                    "{code}\t\"{label}\"\twaits for `device approve` since {hours} h, from {from}\n"
                ));
            }
            print(&text)
        }
        Device::Approve { code, user, name, days } => {
            let now = clock::unix_seconds();
            let (name, user, waiting) = store.change(|registry| {
                let user = registry.which_user(user)?;
                let (name, waiting) = registry.approve(code, name, user.clone(), days, now)?;
                Ok::<_, registry::Error>((name, user, waiting))
            })?;
            registry_changed(state)?;
            print(&format!(
                "approved the browser \"{}\" (asked from {}) as device {name} of {user} for {days} days\n",
                waiting.label, waiting.from
            ))
        }
        Device::Refuse { code } => {
            let waiting = store.change(|registry| registry.refuse(code))?;
            registry_changed(state)?;
            print(&format!(
                "refused the browser \"{}\" (asked from {}); it may ask again\n",
                waiting.label, waiting.from
            ))
        }
        Device::Revoke { name } => {
            store.change(|registry| registry.revoke(&name, clock::unix_seconds()))?;
            let ended = registry_changed(state)?;
            print(&format!("revoked device {name}; ended {ended} of its connections and sessions\n"))
        }
    }
}

/// What is added.
#[derive(Clone, Copy)]
enum New {
    Device(Through),
    Gate,
}

/// How a device comes.
#[derive(Clone, Copy)]
enum Through {
    Nothing,
    Gate,
}

fn add_device(
    state: &Path,
    store: &registry::Store,
    name: &Name,
    user: Option<Name>,
    days: u32,
    (host, what): (&str, New),
    out: &Path,
) -> Result<(), Error> {
    let now = clock::unix_seconds();
    let authority = Authority::open(state, now)?;
    store.change(|registry| {
        let user = registry.which_user(user)?;
        registry.free_for_device(name, now)?;
        let (bundle, device) = match what {
            New::Gate => authority.issue_gate(name, &user, host.to_owned(), days, now)?,
            New::Device(through) => {
                let (mut bundle, device) = authority.issue(name, &user, host.to_owned(), days, now)?;
                if let Through::Gate = through {
                    bundle.server_name = pki::GATE_NAME.to_owned();
                }
                (bundle, device)
            }
        };
        // The bundle first: a device that is registered without one could never connect and would hold its name.
        bundle.write(out)?;
        registry.add_device(name.clone(), device, now)?;
        Ok::<(), Error>(())
    })?;
    registry_changed(state)?;
    Ok(())
}

/// `sessions`.
pub fn sessions(state: &Path, json: bool) -> Result<(), Error> {
    let answer = control::ask(&state::control_socket(state), &Request::Sessions)?;
    let Answer::Sessions { sessions } = answer else {
        return Err(unexpected(answer));
    };
    if json {
        let text = serde_json::to_string(&sessions).expect("sessions are valid JSON");
        return print(&format!("{text}\n"));
    }
    let mut text = String::from("ID\tUSER\tDEVICE\tVIEWER\tAGE\n");
    for session in sessions {
        let viewer = if session.attached { "attached" } else { "detached" };
        text.push_str(&format!("{}\t{}\t{}\t{viewer}\t{}s\n", session.id, session.user, session.device, session.age));
    }
    print(&text)
}

/// `session ...`.
pub fn session(state: &Path, command: &Session) -> Result<(), Error> {
    let Session::End { id } = *command;
    let request = Request::EndSession { id };
    match control::ask(&state::control_socket(state), &request)? {
        Answer::Done { .. } => print(&format!("ended session {id}\n")),
        Answer::NoSuchSession => Err(Error::NoSession(id)),
        other => Err(unexpected(other)),
    }
}

/// `ca`.
pub fn authority(state: &Path, out: Option<&Path>) -> Result<(), Error> {
    // Only the host's own: one made here would be trusted by PCs and used by nobody.
    if !Authority::is_there(state) {
        return Err(Error::NoAuthority(state.to_path_buf()));
    }
    let authority = Authority::open(state, clock::unix_seconds())?;
    let Some(out) = out else { return print(authority.certificate()) };
    store::write(out, authority.certificate().as_bytes(), store::READABLE)?;
    print(&format!(
        "wrote the authority's certificate to {}; its SHA-256 fingerprint is {}; how to install it: host/WEB.md\n",
        out.display(),
        authority.fingerprint()?
    ))
}

/// `boundary`.
pub fn boundary(format: Format) -> Result<(), Error> {
    let boundary = shoji_protocol::boundary::describe();
    match format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&boundary).expect("the description is valid JSON");
            print(&format!("{text}\n"))
        }
        Format::Md => print(&boundary.to_markdown()),
    }
}

/// `gate --print-boundary`: nothing is opened for it, so the identity need not be there.
pub fn gate_boundary(options: &cli::Gate) -> Result<(), Error> {
    let identity = Some(options.identity.clone().unwrap_or_default());
    let overrides = gate::config::Overrides {
        identity,
        listen: options.listen,
        health: options.health.clone(),
        pixels: options.pixels,
    };
    let config = gate::config::Config::load(options.config.as_deref(), overrides)?;
    let list = shoji_protocol::boundary::describe().to_markdown();
    print(&format!("{}\n{list}", gate::boundary::policy(&config.policy)))
}

/// Tells the running host, if there is one, and returns how many connections and sessions it ended.
fn registry_changed(state: &Path) -> Result<usize, Error> {
    match control::ask(&state::control_socket(state), &Request::RegistryChanged) {
        Ok(Answer::Done { ended }) => Ok(ended),
        Ok(other) => Err(unexpected(other)),
        // It reads the registry when it starts.
        Err(control::Error::NotRunning) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Where viewers find the host: as the running host says, else as its configuration says.
fn host_address(state: &Path) -> Result<String, Error> {
    match control::ask(&state::control_socket(state), &Request::Status) {
        Ok(Answer::Status { address }) => return Ok(address),
        Ok(other) => return Err(unexpected(other)),
        Err(control::Error::NotRunning) => {}
        Err(error) => return Err(error.into()),
    }
    let config = Config::load(None, state, config::Overrides::default())?;
    Ok(addresses::public(&config, config.listen))
}

fn unexpected(answer: Answer) -> Error {
    match answer {
        Answer::Refused { why } => Error::Refused(why),
        _ => control::Error::Answer.into(),
    }
}

fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
