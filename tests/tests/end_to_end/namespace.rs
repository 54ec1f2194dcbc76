//! A network of a test's own: a namespace with a loopback and packet filter rules, which end with the test.
//!
//! A test runs itself again inside, for a namespace is a thread's and every thread and process of the test has to be in it. Needs
//! root, unshare, ip and nft; their lack fails the test, as a skip would be believed. Must never touch the machine's own network.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Tells the inner run that it is inside.
const INSIDE: &str = "SHOJI_TEST_NAMESPACE";

/// Runs the test of this name (with its modules) in a network namespace of its own.
pub(crate) fn in_own_network(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == test) {
        run("ip", &["link", "set", "lo", "up"], "");
        body();
        return;
    }
    let program = std::env::current_exe().expect("a test is a program");
    let status = Command::new("unshare")
        .args(["--net", "--"])
        .arg(program)
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, test)
        .status()
        .expect("unshare (util-linux) is there");
    assert!(status.success(), "the test failed inside its network, or may not have one (it needs root)");
}

/// Adds these rules to what arrives on the loopback.
pub(crate) fn filter(rules: &str) {
    let table = format!(
        "table inet shoji {{\nchain arriving {{\ntype filter hook input priority 0; policy accept;\n{rules}\n}}\n}}\n"
    );
    run("nft", &["-f", "-"], &table);
}

fn run(program: &str, arguments: &[&str], input: &str) {
    let child = Command::new(program).args(arguments).stdin(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
    child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
    let status = child.wait().expect("it ends");
    assert!(status.success(), "{program} {arguments:?} failed:\n{input}");
}
