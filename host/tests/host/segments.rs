//! A host in a network that is not what was declared, in namespaces of the tests' own (needs root, unshare and ip).

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use shoji_host::pki::Authority;

use super::fixture::program;

const DECLARED: &str = "[segments]\nlgwan = [\"10.0.0.0/8\"]\ninternet = [\"192.0.2.0/24\"]\n\
                        management = [\"198.51.100.0/24\"]\nboundary = [\"192.0.2.1\"]\n";

/// A machine in the internet segment, as declared, and then these commands.
fn machine(state: &Path, commands: &str, arguments: &[&str]) -> Command {
    std::fs::write(state.join("host.toml"), DECLARED).unwrap();
    let script = format!(
        "set -e\nip link set lo up\nip link add eth0 type veth peer name far0\nip link add eth1 type veth peer name far1\n\
         ip address add 192.0.2.7/24 dev eth0\nfor one in eth0 far0 eth1 far1; do ip link set $one up; done\n\
         ip route add default via 192.0.2.1\n{commands}\nexec \"$@\"\n"
    );
    let host = program();
    let mut command = Command::new("unshare");
    command.args(["--net", "--", "sh", "-c", &script, "sh"]).arg(host.get_program());
    command.arg("--state").arg(state).args(arguments).env_remove("SHOJI_STATE").env_remove("RUST_LOG");
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

fn run(commands: &str, arguments: &[&str]) -> Output {
    let state = tempfile::tempdir().unwrap();
    machine(state.path(), commands, arguments).output().unwrap()
}

/// What a host says that refuses to start there.
fn refusal(commands: &str, listen: &str) -> String {
    let output = run(commands, &["serve", "--listen", listen]);
    assert!(!output.status.success(), "{commands}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_host_refuses_to_start_with_a_leg_in_the_lgwan_segment() {
    let said = refusal("ip address add 10.1.2.3/16 dev eth1", "192.0.2.7:4433");
    assert!(said.contains("eth1") && said.contains("10.1.2.3") && said.contains("unplug"), "{said}");
}

#[test]
fn a_host_refuses_to_start_with_a_leg_that_nobody_declared() {
    let said = refusal("ip address add 203.0.113.9/24 dev eth1", "192.0.2.7:4433");
    assert!(said.contains("203.0.113.9") && said.contains("in no declared segment"), "{said}");
}

#[test]
fn a_host_refuses_to_listen_outside_of_its_segments() {
    let said = refusal("", "203.0.113.9:4433");
    assert!(said.contains("203.0.113.9:4433") && said.contains("correct listen"), "{said}");
}

#[test]
fn a_host_refuses_to_start_with_a_route_that_does_not_lead_through_the_boundary() {
    for (command, word) in [
        ("ip route add 10.5.0.0/16 dev eth1", "on the wire"),
        ("ip route add 10.5.0.0/16 via 192.0.2.9", "192.0.2.9"),
        // A table of its own, which no line of /proc shows.
        ("ip route add 10.5.0.0/16 via 192.0.2.9 table 77", "192.0.2.9"),
        ("ip route add 10.5.0.0/16 nexthop via 192.0.2.1 nexthop via 192.0.2.9", "192.0.2.9"),
        (
            "ip address add 198.51.100.7/24 dev eth1; ip route add 10.5.0.0/16 via 192.0.2.1 dev eth1 onlink",
            "interface eth1",
        ),
    ] {
        let said = refusal(command, "192.0.2.7:4433");
        assert!(said.contains(word) && said.contains("10.5.0.0/16"), "{command}: {said}");
    }
}

#[test]
fn a_host_starts_where_it_was_declared_to_be() {
    let state = tempfile::tempdir().unwrap();
    let commands = "ip address add 198.51.100.7/24 dev eth1; ip route add 10.0.0.0/8 via 192.0.2.1; ip route add unreachable 10.9.0.0/16";
    let mut child = machine(state.path(), commands, &["serve", "--listen", "192.0.2.7:4433", "--print-ready"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(line, "ready 192.0.2.7:4433\n");
}

fn doctor(commands: &str, arguments: &[&str]) -> (Option<i32>, serde_json::Value) {
    let arguments: Vec<_> = ["doctor", "--format", "json"].iter().chain(arguments).copied().collect();
    let output = run(commands, &arguments);
    let report = serde_json::from_slice(&output.stdout);
    (output.status.code(), report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))))
}

fn status<'a>(report: &'a serde_json::Value, id: &str) -> &'a str {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["id"] == id).unwrap()["status"].as_str().unwrap()
}

#[test]
fn the_doctor_sees_the_network_that_it_is_in_and_says_so_with_its_exit_code() {
    let (code, report) = doctor("ip address add 10.1.2.3/16 dev eth1", &[]);
    assert_eq!((code, status(&report, "network")), (Some(1), "wrong"));
    assert_eq!(status(&report, "forbidden"), "not_checked");
    let (code, report) = doctor("", &[]);
    assert_eq!((status(&report, "network"), status(&report, "egress")), ("fine", "fine"));
    assert_eq!(code, Some(i32::from(report["is_wrong"] == true)));
}

#[test]
fn the_doctor_tries_the_forbidden_addresses_and_only_these() {
    // Nobody listens there, and the loopback answers so.
    let (code, report) = doctor("", &["--forbidden", "127.0.0.9:445"]);
    assert_eq!((code, status(&report, "forbidden")), (Some(1), "wrong"));
    let (_, report) = doctor("ip route add unreachable 10.0.0.0/8", &["--forbidden", "10.1.2.3:445"]);
    assert_eq!(status(&report, "forbidden"), "fine");
}

/// A gate's identity and configuration in a folder: their names.
fn gate(folder: &Path) -> [String; 2] {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let (name, authority) = ("gate-1".parse().unwrap(), Authority::open(folder, now).unwrap());
    let (bundle, _) = authority.issue_gate(&name, &name, "192.0.2.7:4433".to_owned(), 30, now).unwrap();
    let files = ["gate-1.shoji", "gate.toml"].map(|name| folder.join(name));
    bundle.write(&files[0]).unwrap();
    std::fs::write(&files[1], DECLARED).unwrap();
    files.map(|file| file.display().to_string())
}

#[test]
fn a_gate_refuses_to_start_in_a_network_that_nobody_declared() {
    for (commands, listen, word) in [
        ("ip address add 203.0.113.9/24 dev eth1", "192.0.2.7:4433", "203.0.113.9"),
        ("", "203.0.113.9:4433", "203.0.113.9:4433"),
    ] {
        let state = tempfile::tempdir().unwrap();
        let [identity, config] = gate(state.path());
        let arguments = ["gate", "--identity", &identity, "--config", &config, "--listen", listen];
        let output = machine(state.path(), commands, &arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(word) && said.contains("[segments]"), "{said}");
    }
}

#[test]
fn the_gates_doctor_sees_a_machine_that_is_a_router_too_and_a_host_that_is_away() {
    let doctor = |commands: &str| {
        let state = tempfile::tempdir().unwrap();
        let [identity, config] = gate(state.path());
        let arguments = ["gate", "doctor", "--identity", &identity, "--config", &config, "--format", "json"];
        let output = machine(state.path(), commands, &arguments).output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(output.status.code(), Some(i32::from(report["is_wrong"] == true)));
        report
    };
    // Both legs of a gate are where they may be.
    let report = doctor("ip address add 10.1.2.3/16 dev eth1; sysctl -qw net.ipv4.ip_forward=1");
    assert_eq!((status(&report, "network"), status(&report, "forwarding")), ("fine", "wrong"));
    assert_eq!((status(&report, "certificate"), status(&report, "host")), ("fine", "wrong"));
    let report = doctor("sysctl -qw net.ipv4.ip_forward=0");
    assert_eq!(status(&report, "forwarding"), "fine");
}

#[test]
fn the_gates_doctor_finds_out_that_it_has_no_identity() {
    let output = program().args(["gate", "doctor", "--format", "json"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), status(&report, "certificate")), (Some(1), "wrong"));
}
