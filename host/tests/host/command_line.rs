//! The command line, without a viewer.

use super::fixture::{Host, program};

fn fails(arguments: &[&str], state: &std::path::Path) -> String {
    let output = program().arg("--state").arg(state).args(arguments).output().unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn every_error_names_the_next_step() {
    let state = tempfile::tempdir().unwrap();
    let fails = |arguments: &[&str]| fails(arguments, state.path());
    assert!(fails(&["sessions"]).contains("shoji-host serve"));
    assert!(fails(&["device", "add", "pc"]).contains("--user"));
    assert!(fails(&["device", "add", "pc", "--user", "nobody"]).contains("user add nobody"));
    assert!(fails(&["device", "revoke", "pc"]).contains("device list"));
    assert!(fails(&["serve", "--config", "/none.toml"]).contains("--config"));
    assert!(fails(&["serve", "--listen", "192.0.2.1:4433"]).contains("no address of this machine"));
    std::fs::write(state.path().join("host.toml"), "[browser]\npath = \"/none\"\n").unwrap();
    assert!(fails(&["serve"]).contains("browser.path"));
    std::fs::write(state.path().join("host.toml"), "colour = \"red\"\n").unwrap();
    assert!(fails(&["serve"]).contains("colour"));
}

#[test]
fn the_authoritys_certificate_is_read_and_never_made_by_asking_for_it() {
    let state = tempfile::tempdir().unwrap();
    assert!(fails(&["ca"], state.path()).contains("--state"));
    assert!(!state.path().join("pki").exists());
}

#[test]
fn the_help_speaks_the_language_of_the_environment() {
    let help = |locale: &str| {
        let output = program().env("LC_ALL", locale).args(["device", "add", "--help"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (japanese, english) = (help("ja_JP.UTF-8"), help("C.UTF-8"));
    assert!(japanese.contains("端末ファイル") && japanese.contains("使い方: shoji-host device add"), "{japanese}");
    assert!(english.contains("write its bundle") && english.is_ascii(), "{english}");
}

#[test]
fn a_port_in_use_and_a_state_directory_in_use_are_named() {
    let host = Host::start();
    let other = tempfile::tempdir().unwrap();
    let text = fails(&["serve", "--listen", &host.address.to_string()], other.path());
    assert!(text.contains("in use") && text.contains("--listen"), "{text}");
    let text = fails(&["serve", "--listen", "127.0.0.1:0"], &host.state());
    assert!(text.contains("another shoji-host is running"), "{text}");
}

#[test]
fn the_boundary_is_printed_in_both_formats() {
    let markdown = program().args(["boundary", "--format", "md"]).output().unwrap().stdout;
    assert!(String::from_utf8(markdown).unwrap().contains("# What can cross the boundary"));
    let json = program().args(["boundary", "--format", "json"]).output().unwrap().stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert!(json["messages"].as_array().unwrap().len() > 10);
}

#[test]
fn devices_and_users_are_listed() {
    let host = Host::start();
    host.device("pc-101");
    assert_eq!(host.run(&["user", "list"]), "hanako\n");
    assert!(host.run(&["device", "list"]).starts_with("pc-101\thanako\t36"));
    host.run(&["device", "revoke", "pc-101"]);
    assert!(host.run(&["device", "list"]).contains("revoked"));
    assert_eq!(host.run(&["sessions", "--json"]), "[]\n");
}

#[test]
fn a_bundle_is_written_beside_the_caller_when_its_file_has_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["user", "add", "hanako"][..],
        &["device", "add", "pc", "--host", "127.0.0.1:4433", "--out", "pc.shoji"],
        &["device", "add", "pc-2", "--host", "127.0.0.1:4433"],
    ] {
        let output = program().args(["--state", "state"]).args(arguments).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(folder.path().join("pc.shoji").is_file() && folder.path().join("pc-2.shoji").is_file());
}
