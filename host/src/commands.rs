//! The commands that need no running host, and those that ask a running one.
//!
//! Owns what they print. Standard output is for results, standard error for what went wrong.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::cli::{Device, Format, Session, User};
use crate::config::{self, Config};
use crate::control::{self, Answer, Request};
use crate::pki::Authority;
use crate::registry::{self, Kind, Name};
use crate::web::names::Names;
use crate::{clock, pki, state, store};

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
        Device::Add { name, user, days, out, host } => {
            let host = match host {
                Some(host) => host,
                None => host_address(state)?,
            };
            let out = out.unwrap_or_else(|| PathBuf::from(format!("{name}.shoji")));
            add_device(state, &store, &name, user, days, &host, &out)?;
            print(&format!(
                "added device {name}; its bundle is {} (it holds the private key: give it to this device only)\n",
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
                let browser = if device.kind == Kind::Web { "\tbrowser" } else { "" };
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

fn add_device(
    state: &Path,
    store: &registry::Store,
    name: &Name,
    user: Option<Name>,
    days: u32,
    host: &str,
    out: &Path,
) -> Result<(), Error> {
    let now = clock::unix_seconds();
    let authority = Authority::open(state, now)?;
    store.change(|registry| {
        let user = registry.which_user(user)?;
        registry.free_for_device(name, now)?;
        let (bundle, device) = authority.issue(name, &user, host.to_owned(), days, now)?;
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
    Ok(public_address(&config, config.listen))
}

/// What bundles say, for a host that listens on `listening`.
pub fn public_address(config: &Config, listening: SocketAddr) -> String {
    if let Some(address) = &config.public_address {
        return address.clone();
    }
    let address = match listening.ip() {
        ip if ip.is_unspecified() => outward_address().unwrap_or(Ipv4Addr::LOCALHOST.into()),
        ip => ip,
    };
    SocketAddr::new(address, listening.port()).to_string()
}

/// What browsers may call a host that listens on `listening`: this machine's name and addresses, and what is configured.
pub fn web_names(config: &Config, listening: SocketAddr) -> Names {
    let mut names = vec!["localhost".to_owned(), pki::SERVER_NAME.to_owned()];
    let machine = rustix::system::uname();
    names.extend(machine.nodename().to_str().ok().map(str::to_owned));
    let addresses = match listening.ip() {
        ip if ip.is_unspecified() => {
            let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            loopback.into_iter().chain(outward_address()).chain(outward_address_6()).collect()
        }
        ip => vec![ip],
    };
    names.extend(addresses.iter().map(ToString::to_string));
    if let Some(public) = &config.public_address {
        let host = public.rsplit_once(':').map_or(public.as_str(), |(host, _)| host);
        names.push(host.trim_start_matches('[').trim_end_matches(']').to_owned());
    }
    Names::new(names.iter().chain(&config.web.names))
}

/// The address this machine would send from; nothing is sent.
fn outward_address() -> Option<IpAddr> {
    // An address reserved for documentation: only the route is looked up.
    address_towards((Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::new(192, 0, 2, 1), 9).into())
}

/// The same in the other family.
fn outward_address_6() -> Option<IpAddr> {
    let documentation = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    address_towards((Ipv6Addr::UNSPECIFIED, 0).into(), (documentation, 9).into())
}

fn address_towards(from: SocketAddr, to: SocketAddr) -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind(from).ok()?;
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{File, Overrides};

    #[test]
    fn browsers_may_call_the_host_by_its_addresses_its_public_name_and_what_is_configured() {
        let text = "public_address = \"shoji.example.lg.jp:443\"\n[web]\nnames = [\"alias.example\", \"192.0.2.9\"]\n";
        let config = Config::resolve(File::parse(text, Path::new("test")).unwrap(), Overrides::default()).unwrap();
        let names = web_names(&config, "127.0.0.1:4433".parse().unwrap());
        let names: Vec<_> = names.iter().collect();
        for name in ["localhost", "shoji-host", "127.0.0.1", "shoji.example.lg.jp", "alias.example", "192.0.2.9"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        let everywhere = web_names(&config, "0.0.0.0:4433".parse().unwrap());
        assert!(everywhere.iter().any(|name| name == "::1") && everywhere.iter().any(|name| name == "127.0.0.1"));
    }
}
