//! The browser's confinement, seen from outside.

use super::client::Client;
use super::fixture::{Host, command_line, descendants, status, until};

#[tokio::test]
async fn the_browser_runs_as_another_user_in_namespaces_of_its_own_with_its_own_sandbox() {
    let host = Host::start();
    let (_client, _) = Client::with_picture(&host.device("pc")).await;
    let session = host.sessions()[0].clone();
    let sandbox = session.browser.unwrap();
    let renderers = || -> Vec<u32> {
        descendants(sandbox).into_iter().filter(|pid| command_line(*pid).contains("--type=renderer")).collect()
    };
    until("a renderer confines itself", || {
        renderers().iter().any(|pid| status(*pid, "Seccomp").as_deref() == Some("2"))
    })
    .await;
    for pid in renderers() {
        assert_eq!(status(pid, "Seccomp").as_deref(), Some("2"), "renderer {pid}");
        assert_eq!(status(pid, "NoNewPrivs").as_deref(), Some("1"), "renderer {pid}");
    }
    let processes = descendants(sandbox);
    for pid in &processes {
        let line = command_line(*pid);
        assert!(!line.contains("no-sandbox") && !line.contains("disable-seccomp"), "{line}");
    }
    let namespace = |pid: u32, kind: &str| std::fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
    let browser = processes[2];
    for kind in ["pid", "ipc", "uts", "mnt", "user"] {
        assert_ne!(namespace(browser, kind), namespace(host.id(), kind), "{kind}");
    }
    if rustix::process::geteuid().is_root() {
        let user = |pid| status(pid, "Uid").unwrap().split_whitespace().next().unwrap().to_owned();
        let (of_worker, of_browser) = (user(session.worker), user(browser));
        assert!(of_worker != "0" && of_browser != "0" && of_worker != of_browser);
        let groups = status(session.worker, "Groups").unwrap();
        assert!(groups.is_empty(), "{groups}");
    }
    assert_eq!(status(session.worker, "NoNewPrivs").as_deref(), Some("1"));
}

#[tokio::test]
async fn the_policies_are_in_the_sandbox_and_cannot_be_written_there() {
    let host = Host::start();
    let (_client, _) = Client::with_picture(&host.device("pc")).await;
    let browser = descendants(host.sessions()[0].browser.unwrap())[2];
    for folder in ["chromium", "opt/chrome", "opt/edge"] {
        let inside = std::path::PathBuf::from(format!("/proc/{browser}/root"));
        let path = inside.join("etc").join(folder).join("policies/managed/shoji.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"DownloadRestrictions\": 3"), "{text}");
    }
    let mounts = std::fs::read_to_string(format!("/proc/{browser}/mountinfo")).unwrap();
    let policies: Vec<_> = mounts.lines().filter(|line| line.contains("/policies/managed/shoji.json")).collect();
    assert_eq!(policies.len(), 3);
    for line in mounts.lines() {
        let fields: Vec<_> = line.split(' ').collect();
        let (place, options) = (fields[4], fields[5]);
        let may_write = ["/home/shoji", "/tmp", "/dev", "/proc", "/run/shoji"].iter().any(|of| place.starts_with(of));
        assert!(may_write || options.starts_with("ro"), "{line}");
    }
}
