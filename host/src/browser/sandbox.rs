//! The sandbox around the browser: bubblewrap's arguments and the browser's flags.
//!
//! Owns what the browser sees: the system's programs and fonts read-only, an `/etc` of its own, an empty `/tmp`, its home
//! and one socket. Own network, pid, ipc, uts, mount and user namespaces; of the network there is only a loopback of its own, with the
//! egress proxy behind one port of it. The browser's own sandbox works inside (nested user namespaces stay allowed for it), so nothing here may say otherwise.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::Start;
use super::policy;
use super::room::Room;
use crate::egress::ADDRESS;

/// The user's home inside the sandbox.
const HOME: &str = "/home/shoji";
/// The runtime directory inside the sandbox.
const RUNTIME: &str = "/run/shoji";
/// The Wayland socket's name inside the sandbox.
const WAYLAND: &str = "wayland-0";

/// What of the machine's `/etc` a browser needs: fonts, certificates, time, the linker. Not how names are found: the egress proxy
/// does that, and what this machine's network is called is nobody's business in there.
const ETC: [&str; 12] = [
    "fonts",
    "ssl",
    "pki",
    "ca-certificates",
    "alternatives",
    "nsswitch.conf",
    "localtime",
    "timezone",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "mime.types",
];

/// This program, as bubblewrap inherits it: its standard output ([`super::Launcher::launch`]).
pub(super) const ENTRANCE: &str = "/proc/self/fd/1";

/// Namespaces and rules that every sandbox has.
const CONFINEMENT: [&str; 11] = [
    "--unshare-user",
    // With its own loopback up and nothing else; abstract sockets of the machine are out of reach too.
    "--unshare-net",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--new-session",
    "--hostname",
    "shoji",
    "--clearenv",
];

/// The arguments of a sandbox that does nothing, to see whether one can be made.
pub(super) fn trial_arguments() -> Vec<&'static str> {
    let mut arguments = CONFINEMENT.to_vec();
    arguments.extend(["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]);
    arguments.extend(["--", "/bin/true"]);
    arguments
}

/// Bubblewrap's arguments for a browser in `room`.
pub(super) fn arguments(room: &Room, browser: &Path) -> Vec<OsString> {
    let mut list = List(CONFINEMENT.iter().map(OsString::from).collect());
    system(&mut list, browser);
    etc(&mut list, room);
    list.add(["--proc", "/proc", "--dev", "/dev"]);
    list.add(["--tmpfs", "/tmp", "--dir", "/var/tmp", "--perms", "0700", "--dir", RUNTIME]);
    list.bind("--bind", room.wayland(), format!("{RUNTIME}/{WAYLAND}"));
    list.bind("--bind", room.home(), HOME);
    list.add(["--remount-ro", "/", "--chdir", HOME]);
    for (name, value) in [
        ("HOME", HOME),
        ("USER", "shoji"),
        ("PATH", "/usr/bin:/bin"),
        ("LANG", "ja_JP.UTF-8"),
        ("LANGUAGE", "ja"),
        ("XDG_RUNTIME_DIR", RUNTIME),
        ("WAYLAND_DISPLAY", WAYLAND),
        ("XDG_SESSION_TYPE", "wayland"),
        // No message bus: looking for one costs start-up time and log lines.
        ("DBUS_SESSION_BUS_ADDRESS", "disabled:"),
        ("DBUS_SYSTEM_BUS_ADDRESS", "disabled:"),
    ] {
        list.add(["--setenv", name, value]);
    }
    if let Ok(zone) = std::env::var("TZ") {
        list.add(["--setenv", "TZ", &zone]);
    }
    list.0
}

fn system(list: &mut List, browser: &Path) {
    list.bind("--ro-bind", "/usr", "/usr");
    for folder in ["/bin", "/sbin", "/lib", "/lib32", "/lib64"] {
        match std::fs::read_link(folder) {
            Ok(target) => list.bind("--symlink", target, folder),
            Err(_) => list.bind("--ro-bind-try", folder, folder),
        }
    }
    // Chrome and Edge live in /opt.
    if let Some(folder) = browser.parent()
        && !folder.starts_with("/usr")
    {
        list.bind("--ro-bind", folder, folder);
    }
}

fn etc(list: &mut List, room: &Room) {
    for name in ETC {
        let path = format!("/etc/{name}");
        list.bind("--ro-bind-try", &path, &path);
    }
    for name in ["passwd", "group"] {
        list.bind("--ro-bind", room.etc().join(name), format!("/etc/{name}"));
    }
    for folder in policy::FOLDERS {
        list.bind("--ro-bind", room.policies(), format!("{folder}/shoji.json"));
    }
}

/// The browser's own flags.
pub(super) fn browser_flags(start: Start) -> Vec<String> {
    let mut flags: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
    flags.push(format!("--user-data-dir={HOME}/profile"));
    // The managed policies say the same, and nobody inside can change those.
    flags.push(format!("--proxy-server=http://{ADDRESS}"));
    flags.push(format!("--proxy-bypass-list={}", policy::NO_BYPASS));
    if start == Start::AfterCrash {
        flags.push("--restore-last-session".to_owned());
    }
    flags
}

/// Flags of every session.
const FLAGS: [&str; 19] = [
    "--ozone-platform=wayland",
    // There is no GPU; software drawing goes straight to shared memory with exact damage.
    "--disable-gpu",
    "--lang=ja",
    "--enable-wayland-ime",
    "--wayland-text-input-version=3",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-crash-restore-bubble",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-domain-reliability",
    "--metrics-recording-only",
    "--password-store=basic",
    // The profile lives in memory-backed storage where there is one; a browser's cache is not worth more of it.
    "--disk-cache-size=67108864",
    "--media-cache-size=33554432",
];

struct List(Vec<OsString>);

impl List {
    fn add<const N: usize>(&mut self, arguments: [&str; N]) {
        self.0.extend(arguments.map(OsString::from));
    }

    fn bind(&mut self, how: &str, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) {
        self.0.extend([OsStr::new(how), from.as_ref(), to.as_ref()].map(OsStr::to_owned));
    }
}

#[cfg(test)]
mod tests {
    use super::super::room::Owner;
    use super::*;

    #[test]
    fn no_flag_weakens_the_browsers_own_sandbox() {
        for start in [Start::Fresh, Start::AfterCrash] {
            for flag in browser_flags(start) {
                for word in [
                    "no-sandbox",
                    "disable-setuid",
                    "disable-seccomp",
                    "disable-web-security",
                    "single-process",
                    "no-zygote",
                ] {
                    assert!(!flag.contains(word), "{flag}");
                }
            }
        }
    }

    #[test]
    fn every_browser_is_told_of_the_proxy_and_of_no_way_around_it() {
        for start in [Start::Fresh, Start::AfterCrash] {
            let flags = browser_flags(start);
            for flag in ["--proxy-server=http://127.0.0.1:3128", "--proxy-bypass-list=<-loopback>", "--disable-quic"] {
                assert!(flags.iter().any(|of| of == flag), "{flag}");
            }
        }
    }

    #[test]
    fn the_browser_gets_namespaces_and_a_policy_of_its_own() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("one");
        let (room, _listener) = Room::create(&path, Owner::of_this_process()).unwrap();
        let arguments = arguments(&room, Path::new("/opt/google/chrome/chrome"));
        let has = |argument: &str| arguments.iter().any(|a| a == argument);
        for argument in [
            "--unshare-user",
            "--unshare-net",
            "--unshare-pid",
            "--unshare-ipc",
            "--unshare-uts",
            "--die-with-parent",
            "/etc/chromium/policies/managed/shoji.json",
            "/etc/opt/chrome/policies/managed/shoji.json",
            "/etc/opt/edge/policies/managed/shoji.json",
            "/opt/google/chrome",
        ] {
            assert!(has(argument), "{argument}");
        }
        assert!(!has("--disable-userns"), "the browser's own sandbox needs user namespaces");
        assert!(!has("--share-net"), "the browser's network is its own");
        assert!(!has("/home") && !has("/var") && !has("/root"));
    }
}
