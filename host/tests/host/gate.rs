//! The gate as both sides meet it: the real program between the made viewer and a real host with its browser.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use shoji_host::pki::{Authority, Bundle};
use shoji_host::registry::Fingerprint;
use shoji_protocol::{AttachHow, CloseCode, Input, Key, Position, WheelDelta, WheelSource};

use super::client::{Client, Seen, identity, tls};
use super::fixture::{Host, descendants, program, read_bundle, status, until};
use super::wire::{Carrier, Wire, over_every_native_carrier, refused};

/// A running gate, ended and checked when it is dropped.
struct Gate {
    child: Child,
    address: SocketAddr,
    health: SocketAddr,
    log: PathBuf,
}

impl Gate {
    fn start(host: &Host) -> Self {
        Self::start_with(host, "127.0.0.1:0", "")
    }

    /// At this address, with this configuration.
    fn start_with(host: &Host, listen: &str, configuration: &str) -> Self {
        let folder = host.directory.path();
        let identity = folder.join("gate-1.shoji");
        if !identity.exists() {
            host.run(&["device", "add", "gate-1", "--as-gate", "--out", identity.to_str().unwrap()]);
        }
        let (file, log) = (folder.join("gate.toml"), folder.join("gate.log"));
        std::fs::write(&file, configuration).unwrap();
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let mut child = program()
            .args(["gate", "--print-ready", "--health", "127.0.0.1:0", "--listen", listen, "--identity"])
            .arg(&identity)
            .arg("--config")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(output)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = || format!("{line:?}\n{}", std::fs::read_to_string(&log).unwrap());
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["ready", address, "health", health] = words[..] else { panic!("{}", told()) };
        let (address, health) = (address.parse().unwrap(), health.parse().unwrap());
        Self { child, address, health, log }
    }

    /// A device that comes through this gate.
    fn device(&self, host: &Host, name: &str) -> Bundle {
        let path = host.directory.path().join(format!("{name}.shoji"));
        let address = self.address.to_string();
        host.run(&["device", "add", name, "--gate", &address, "--out", path.to_str().unwrap()]);
        read_bundle(&path)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn ask(&self, path: &str) -> String {
        let mut stream = std::net::TcpStream::connect(self.health).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: gate\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The processes that it started and that run.
    fn children(&self) -> Vec<u32> {
        descendants(self.child.id()).split_off(1)
    }

    fn stop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        }
        self.child.wait().unwrap();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!("--- the gate's log ---\n{}", self.log());
        }
    }
}

fn key(code: u16, pressed: bool) -> Input {
    Input::Key { key: Key::new(code).unwrap(), pressed }
}

/// As the gate names a device to the host.
fn fingerprint(bundle: &Bundle) -> Fingerprint {
    Fingerprint::of(&identity(bundle).0[0])
}

/// The host's address in a gate's identity.
fn gate_identity(host: &Host) -> Bundle {
    let path = host.directory.path().join("other-gate.shoji");
    host.run(&["device", "add", "other-gate", "--as-gate", "--out", path.to_str().unwrap()]);
    read_bundle(&path)
}

/// Speaks to the host as a gate does, for this device: what the host says first.
async fn speak_for(carrier: Carrier, gate: &Bundle, device: Fingerprint) -> Seen {
    let mut config = tls(gate, Some(identity(gate)));
    config.alpn_protocols = vec![b"shoji-gate/1".to_vec()];
    let mut wire = Wire::open_with(carrier, gate, config).await;
    let _ = wire.write(shoji_protocol::Channel::Control, device.bytes()).await;
    let mut client = Client::of(wire);
    // The host may have closed already.
    client.try_hello().await;
    client.next().await
}

over_every_native_carrier! {
    async fn a_viewer_sees_the_browser_through_the_gate_and_the_browser_its_wheel(carrier: Carrier) {
        let host = Host::start();
        let gate = Gate::start(&host);
        let bundle = gate.device(&host, "pc");
        let (mut client, _) = Client::with_picture_over(carrier, &bundle).await;
        client.until_quiet(std::time::Duration::from_secs(1)).await;
        let canvas = *client.pictures.keys().next().unwrap();
        client.input(Input::Focus { canvas: Some(canvas) }).await;
        client.input(Input::PointerMotion { canvas, position: Position::from_pixels(640.0, 500.0) }).await;
        let (none, down) = (WheelDelta::new(0).unwrap(), WheelDelta::new(120).unwrap());
        client.input(Input::Wheel { horizontal: none, vertical: down, source: WheelSource::Wheel }).await;
        client.until("a picture after the wheel", |seen| matches!(seen, Seen::Update { input, .. } if input.0 == 3)).await;
        client.is_alive().await;
        assert_eq!(host.sessions().len(), 1);
        until("it is written down", || gate.log().contains("verdict=\"attached\"")).await;
        assert!(host.log().contains("Viewer comes through a gate") && host.log().contains("gate=gate-1"), "{}", host.log());
        let metrics = gate.ask("/metrics");
        assert!(metrics.contains("shoji_gate_attached 1\n") && metrics.contains("shoji_gate_inputs_total 3\n"), "{metrics}");
        assert!(gate.ask("/healthz").starts_with("HTTP/1.1 200"));
    }
}

over_every_native_carrier! {
    async fn a_gate_makes_pixels_anew_and_decodes_them_where_nothing_can_be_reached(carrier: Carrier) {
        let host = Host::start();
        let gate = Gate::start_with(&host, "127.0.0.1:0", "[updates]\npixels = true\n");
        let bundle = gate.device(&host, "pc");
        let (mut client, _) = Client::with_picture_over(carrier, &bundle).await;
        client.until_quiet(std::time::Duration::from_secs(1)).await;
        let canvas = *client.pictures.keys().next().unwrap();
        let decoders = gate.children();
        assert_eq!(decoders.len(), client.pictures.len(), "one for each canvas");
        for decoder in &decoders {
            assert_eq!(status(*decoder, "Seccomp").as_deref(), Some("2"));
            assert_eq!(status(*decoder, "NoNewPrivs").as_deref(), Some("1"));
            let open = std::fs::read_dir(format!("/proc/{decoder}/fd")).unwrap().count();
            assert!(open <= 5, "a decoder has {open} descriptors");
        }
        let (none, down) = (WheelDelta::new(0).unwrap(), WheelDelta::new(120).unwrap());
        client.input(Input::Focus { canvas: Some(canvas) }).await;
        client.input(Input::PointerMotion { canvas, position: Position::from_pixels(640.0, 500.0) }).await;
        client.input(Input::Wheel { horizontal: none, vertical: down, source: WheelSource::Wheel }).await;
        client.until("a picture after the wheel", |seen| matches!(seen, Seen::Update { input, .. } if input.0 == 3)).await;
        client.until_quiet(std::time::Duration::from_secs(1)).await;
        // One that dies costs a whole picture, and nobody the connection.
        for decoder in decoders {
            kill_process(Pid::from_raw(i32::try_from(decoder).unwrap()).unwrap(), Signal::KILL).unwrap();
        }
        client.input(Input::Wheel { horizontal: none, vertical: WheelDelta::new(-120).unwrap(), source: WheelSource::Wheel }).await;
        client.until("a picture of the next decoder", |seen| matches!(seen, Seen::Update { input, .. } if input.0 == 4)).await;
        client.is_alive().await;
        until("it is written down", || gate.log().contains("verdict=\"spoilt\"")).await;
        assert_eq!(host.sessions().len(), 1);
    }
}

over_every_native_carrier! {
    async fn a_gate_that_is_started_again_costs_no_session(carrier: Carrier) {
        let host = Host::start();
        let mut gate = Gate::start(&host);
        let bundle = gate.device(&host, "pc");
        let (mut client, token) = Client::with_picture_over(carrier, &bundle).await;
        let session = host.sessions()[0].id;
        let address = gate.address.to_string();
        gate.stop();
        assert_eq!(client.until_closed().await, CloseCode::HostStopping);
        let gate = Gate::start_with(&host, &address, "");
        assert_eq!(gate.address.to_string(), address);
        let mut client = Client::open_over(carrier, &bundle).await;
        client.attach(AttachHow::Resume(token)).await.unwrap();
        client.until_update().await;
        client.is_alive().await;
        let sessions = host.sessions();
        assert_eq!((sessions.len(), sessions[0].id, sessions[0].attached), (1, session, true));
    }
}

over_every_native_carrier! {
    async fn a_host_takes_no_devices_word_for_another_device(carrier: Carrier) {
        let host = Host::start();
        let (pc, other) = (host.device("pc"), host.device("other"));
        assert_eq!(speak_for(carrier, &pc, fingerprint(&other)).await, Seen::Close(CloseCode::DeviceUnknown));
        until("it is told", || host.log().contains("it speaks for others and is no gate")).await;
        assert!(host.sessions().is_empty());
    }
}

#[tokio::test]
async fn a_gate_speaks_for_known_devices_only_and_never_for_a_gate() {
    let host = Host::start();
    let gate = gate_identity(&host);
    let unknown = Fingerprint::of(b"nobody");
    assert_eq!(speak_for(Carrier::Quic, &gate, unknown).await, Seen::Close(CloseCode::DeviceUnknown));
    assert_eq!(speak_for(Carrier::Quic, &gate, fingerprint(&gate)).await, Seen::Close(CloseCode::DeviceUnknown));
    let revoked = host.device("lost");
    host.run(&["device", "revoke", "lost"]);
    assert_eq!(speak_for(Carrier::Quic, &gate, fingerprint(&revoked)).await, Seen::Close(CloseCode::DeviceUnknown));
    let known = host.device("pc");
    assert_eq!(speak_for(Carrier::Quic, &gate, fingerprint(&known)).await, Seen::Welcome);
}

over_every_native_carrier! {
    async fn a_gate_has_no_session_of_its_own(carrier: Carrier) {
        let host = Host::start();
        let gate = gate_identity(&host);
        let mut client = Client::open_over(carrier, &gate).await;
        client.try_hello().await;
        assert_eq!(client.next().await, Seen::Close(CloseCode::DeviceUnknown));
    }
}

#[tokio::test]
async fn a_revoked_device_loses_its_session_through_the_gate_at_once_and_so_does_a_revoked_gate() {
    let host = Host::start();
    let gate = Gate::start(&host);
    let (first, second) = (gate.device(&host, "first"), gate.device(&host, "second"));
    let (mut one, _) = Client::with_picture(&first).await;
    let (mut two, _) = Client::with_picture(&second).await;
    host.run(&["device", "revoke", "first"]);
    assert_eq!(one.until_closed().await, CloseCode::Revoked);
    two.is_alive().await;
    host.run(&["device", "revoke", "gate-1"]);
    assert_eq!(two.until_closed().await, CloseCode::Revoked);
}

over_every_native_carrier! {
    async fn without_a_certificate_of_the_hosts_authority_nobody_passes_the_gate(carrier: Carrier) {
        let host = Host::start();
        let gate = Gate::start(&host);
        let bundle = gate.device(&host, "pc");
        let elsewhere = tempfile::tempdir().unwrap();
        let (name, now) = ("pc".parse().unwrap(), std::time::SystemTime::now());
        let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let authority = Authority::open(elsewhere.path(), now).unwrap();
        let (foreign, _) = authority.issue(&name, &name, bundle.host.clone(), 30, now).unwrap();
        refused(carrier, &bundle, tls(&bundle, None)).await;
        refused(carrier, &bundle, tls(&bundle, Some(identity(&foreign)))).await;
        until("it is written down", || gate.log().matches("verdict=\"refused\"").count() >= 2).await;
        assert!(host.log().lines().all(|line| !line.contains("through a gate")), "the host hears nothing of it");
    }
}

#[tokio::test]
async fn a_device_that_the_gate_does_not_list_does_not_pass() {
    let host = Host::start();
    let listed = Fingerprint::of(b"another");
    let gate = Gate::start_with(&host, "127.0.0.1:0", &format!("devices = [\"{listed}\"]\n"));
    let bundle = gate.device(&host, "pc");
    let mut client = Client::open(&bundle).await;
    client.try_hello().await;
    assert_eq!(client.next().await, Seen::Close(CloseCode::DeviceUnknown));
    until("it is written down", || gate.log().contains("not in `devices`")).await;
}

over_every_native_carrier! {
    async fn faster_than_a_person_is_delayed_then_cut_and_the_session_goes_on(carrier: Carrier) {
        let host = Host::start();
        let slow = "[input]\nkeys_per_second = 4\nkeys_per_minute = 20\npatience_seconds = 2\n";
        let gate = Gate::start_with(&host, "127.0.0.1:0", slow);
        let bundle = gate.device(&host, "pc");
        let (mut client, token) = Client::with_picture_over(carrier, &bundle).await;
        for number in 0..40 {
            client.input(key(30, number % 2 == 0)).await;
        }
        assert_eq!(client.until_closed().await, CloseCode::TooFast);
        until("both are written down", || {
            let log = gate.log();
            log.contains("verdict=\"delayed\"") && log.contains("verdict=\"cut\"") && log.contains("keys")
        })
        .await;
        // Connecting again does not renew the budget, and the session is where it was.
        let mut again = Client::open_over(carrier, &bundle).await;
        again.attach(AttachHow::Resume(token)).await.unwrap();
        again.until_update().await;
        assert_eq!(host.sessions().len(), 1);
        assert!(gate.ask("/metrics").contains("shoji_gate_cut_total 1\n"));
    }
}

over_every_native_carrier! {
    async fn a_viewer_that_sends_rubbish_ends_its_own_connection_only(carrier: Carrier) {
        let host = Host::start();
        let gate = Gate::start(&host);
        let (bad, good) = (gate.device(&host, "bad"), gate.device(&host, "good"));
        let (mut other, _) = Client::with_picture_over(carrier, &good).await;
        for rubbish in [&[0xff_u8; 64][..], &[3, 0, 0, 0, 1, 0xff, 0xff, 0xff], &[0, 0, 0, 1, 1]] {
            let mut client = Client::open_over(carrier, &bad).await;
            client.write_control(rubbish).await;
            let code = client.until_closed().await;
            assert!(matches!(code, CloseCode::Malformed | CloseCode::Oversized), "{code:?}");
        }
        other.is_alive().await;
        until("it is written down", || gate.log().matches("verdict=\"cut\"").count() == 3).await;
    }
}

#[tokio::test]
async fn thousands_of_silent_connections_keep_nobody_from_the_gate() {
    let host = Host::start();
    let gate = Gate::start_with(&host, "127.0.0.1:0", "connections = 4\n");
    let bundle = gate.device(&host, "pc");
    let mut silent = Vec::new();
    for _ in 0..1_200 {
        silent.push(tokio::net::TcpStream::connect(gate.address).await.unwrap());
    }
    let (mut client, _) = Client::with_picture_over(Carrier::TlsTcp, &bundle).await;
    client.is_alive().await;
    until("it is written down", || gate.log().contains("do not finish their handshake")).await;
    drop(silent);
}

#[tokio::test]
async fn a_host_that_is_away_is_told_to_the_viewer_and_to_the_monitor() {
    let mut host = Host::start();
    let gate = Gate::start(&host);
    let bundle = gate.device(&host, "pc");
    host.stop();
    let mut client = Client::open(&bundle).await;
    assert_eq!(client.attach(AttachHow::New).await.unwrap_err(), CloseCode::KeepAliveLost);
    assert!(gate.ask("/healthz").starts_with("HTTP/1.1 503"));
    until("it is logged", || gate.log().contains("The host cannot be reached")).await;
}

#[test]
fn a_gate_without_its_identity_says_what_to_do() {
    let run = |arguments: &[&str]| {
        let output = program().arg("gate").args(arguments).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(run(&[]).contains("--as-gate"));
    assert!(run(&["--identity", "nowhere.shoji"]).contains("no such file"));
}

#[test]
fn a_gate_prints_what_passes_it() {
    let output = program().args(["gate", "--print-boundary"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("| keys | 80 | 1800 |") && text.contains("Preedit"), "{text}");
}
