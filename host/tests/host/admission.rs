//! Who gets as far as a session: certificates, revocation, ALPN.

use quinn::ConnectionError;
use rustls::AlertDescription;
use shoji_host::pki::Authority;
use shoji_host::registry;
use shoji_protocol::{AttachHow, CloseCode};

use super::client::{Client, Seen, identity, tls};
use super::fixture::{Host, read_bundle, until};
use super::wire::{Carrier, connect_quic, device, over_every_carrier, over_every_native_carrier, refused};

#[tokio::test]
async fn without_a_certificate_there_is_no_connection_over_tcp() {
    let host = Host::start();
    let bundle = host.device("pc");
    let alert = refused(Carrier::TlsTcp, &bundle, tls(&bundle, None)).await;
    assert_eq!(alert, AlertDescription::CertificateRequired);
    refusal_is_logged(&host).await;
}

#[tokio::test]
async fn without_a_certificate_a_viewer_over_quic_is_closed_before_anything_is_opened() {
    let host = Host::start();
    let bundle = host.device("pc");
    let (_endpoint, connection) = connect_quic(&bundle, tls(&bundle, None)).await.unwrap();
    // As a viewer that goes on at once.
    let opened = async {
        let (mut control, mut answers) = connection.open_bi().await.ok()?;
        control.write_all(b"hello").await.ok()?;
        answers.read_chunk(1, true).await.ok()?
    };
    let (answer, stream, closed) = tokio::join!(opened, connection.accept_uni(), connection.closed());
    assert!(answer.is_none() && stream.is_err(), "the host opens and answers nothing");
    let ConnectionError::ApplicationClosed(close) = closed else { panic!("{closed}") };
    assert_eq!(close.error_code.into_inner(), u64::from(CloseCode::Revoked.number()));
    refusal_is_logged(&host).await;
    assert!(host.sessions().is_empty());
}

#[tokio::test]
async fn without_the_web_service_tls_itself_refuses_whoever_has_no_certificate() {
    let host = Host::start_with(&[], "[web]\nenabled = false\n");
    let bundle = host.device("pc");
    let alert = refused(Carrier::Quic, &bundle, tls(&bundle, None)).await;
    assert_eq!(alert, AlertDescription::CertificateRequired);
    let mut browser = tls(&bundle, None);
    browser.alpn_protocols = vec![b"h3".to_vec()];
    assert_eq!(refused(Carrier::Quic, &bundle, browser).await, AlertDescription::NoApplicationProtocol);
}

over_every_native_carrier! {
    async fn a_certificate_of_another_authority_is_refused(carrier: Carrier) {
        let host = Host::start();
        let other = tempfile::tempdir().unwrap();
        let bundle = host.device("pc");
        let name = "pc".parse().unwrap();
        let authority = Authority::open(other.path(), 1_800_000_000).unwrap();
        let (foreign, _) = authority.issue(&name, &name, bundle.host.clone(), 300, unix_now()).unwrap();
        let alert = refused(carrier, &bundle, tls(&bundle, Some(identity(&foreign)))).await;
        assert_eq!(alert, AlertDescription::UnknownCA);
        refusal_is_logged(&host).await;
    }
}

fn unix_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

over_every_native_carrier! {
    async fn an_expired_certificate_is_refused(carrier: Carrier) {
        let host = Host::start();
        let (name, user) = ("old".parse().unwrap(), "hanako".parse().unwrap());
        let long_ago = unix_now() - 10 * 86_400;
        let authority = Authority::open(&host.state(), unix_now()).unwrap();
        let (bundle, device) = authority.issue(&name, &user, host.address.to_string(), 1, long_ago).unwrap();
        let store = registry::Store::new(&host.state());
        store.change(|registry| registry.add_device(name.clone(), device, unix_now())).unwrap();
        host.run(&["user", "add", "makes-the-host-read-the-registry"]);
        assert_eq!(refused(carrier, &bundle, tls(&bundle, Some(identity(&bundle)))).await, AlertDescription::CertificateExpired);
        refusal_is_logged(&host).await;
    }
}

over_every_native_carrier! {
    async fn a_device_that_made_room_in_the_registry_is_refused_like_before(carrier: Carrier) {
        let host = Host::start();
        let (name, user) = ("old".parse().unwrap(), "hanako".parse().unwrap());
        let long_ago = unix_now() - 10 * 86_400;
        let authority = Authority::open(&host.state(), unix_now()).unwrap();
        // Its certificate ended nine days ago, and the registry has no record of it any more.
        let (bundle, _) = authority.issue(&name, &user, host.address.to_string(), 1, long_ago).unwrap();
        assert_eq!(refused(carrier, &bundle, tls(&bundle, Some(identity(&bundle)))).await, AlertDescription::CertificateExpired);
        refusal_is_logged(&host).await;
    }
}

/// The log says that somebody was refused, and whose fault it is.
async fn refusal_is_logged(host: &Host) {
    let is_told = |line: &str| line.contains("Viewer refused") && line.contains("fault=Viewer");
    until("the refusal is logged", || host.log().lines().any(is_told)).await;
}

over_every_native_carrier! {
    async fn a_certificate_that_expires_ends_its_live_session(carrier: Carrier) {
        let host = Host::start();
        let (name, user) = ("soon".parse().unwrap(), "hanako".parse().unwrap());
        // Issued a day less some seconds ago, for a day.
        let issued = unix_now() - 86_400 + 15;
        let authority = Authority::open(&host.state(), unix_now()).unwrap();
        let (bundle, device) = authority.issue(&name, &user, host.address.to_string(), 1, issued).unwrap();
        let store = registry::Store::new(&host.state());
        store.change(|registry| registry.add_device(name.clone(), device, unix_now())).unwrap();
        host.run(&["user", "add", "makes-the-host-read-the-registry"]);
        let (mut client, _) = Client::with_picture_over(carrier, &bundle).await;
        assert_eq!(client.until_closed().await, CloseCode::CertificateExpired);
        until("the end is logged", || host.log().contains("CertificateExpired")).await;
    }
}

over_every_native_carrier! {
    async fn a_certificate_that_the_registry_does_not_know_is_refused(carrier: Carrier) {
        let host = Host::start();
        let (name, user) = ("ghost".parse().unwrap(), "hanako".parse().unwrap());
        let authority = Authority::open(&host.state(), unix_now()).unwrap();
        let (bundle, _) = authority.issue(&name, &user, host.address.to_string(), 1, unix_now()).unwrap();
        // Any alert: what the registry thinks of it is nobody's business who is not in it.
        refused(carrier, &bundle, tls(&bundle, Some(identity(&bundle)))).await;
        refusal_is_logged(&host).await;
    }
}

over_every_native_carrier! {
    async fn another_alpn_is_refused(carrier: Carrier) {
        let host = Host::start();
        let bundle = host.device("pc");
        let mut config = tls(&bundle, Some(identity(&bundle)));
        config.alpn_protocols = vec![b"shoji/999".to_vec()];
        assert_eq!(refused(carrier, &bundle, config).await, AlertDescription::NoApplicationProtocol);
        refusal_is_logged(&host).await;
    }
}

over_every_carrier! {
    async fn a_revoked_device_is_thrown_out_at_once_and_stays_out(carrier: Carrier) {
        let host = Host::start();
        let bundle = device(carrier, &host, "pc").await;
        let (mut client, _) = Client::with_picture_over(carrier, &bundle).await;
        let second = device(carrier, &host, "other").await;
        // The first goes on reading meanwhile: on a busy machine it would else count as stalled.
        let reads = async {
            loop {
                client.next().await;
            }
        };
        let mut other = tokio::select! {
            (other, _) = Client::with_picture_over(carrier, &second) => other,
            () = reads => unreachable!("it reads for ever"),
        };
        let said = host.run(&["device", "revoke", "pc"]);
        assert!(said.contains("ended 2"), "{said}");
        assert_eq!(client.until_closed().await, CloseCode::Revoked);
        if carrier.is_browsers() {
            assert_eq!(crate::browser::ticket(&bundle).await, Err("revoked".to_owned()));
        } else {
            let alert = refused(carrier, &bundle, tls(&bundle, Some(identity(&bundle)))).await;
            assert_eq!(alert, AlertDescription::CertificateRevoked);
        }
        until("only the other session is left", || host.sessions().len() == 1).await;
        other.is_alive().await;
    }
}

#[tokio::test]
async fn a_session_of_a_revoked_device_ends_without_its_viewer_too() {
    let host = Host::start();
    let bundle = host.device("pc");
    let (client, _) = Client::with_picture(&bundle).await;
    client.wire.leave().await;
    until("the session is detached", || host.sessions().iter().all(|session| !session.attached)).await;
    host.run(&["device", "revoke", "pc"]);
    until("the session is gone", || host.sessions().is_empty()).await;
}

/// Whether everything that was sent over TCP at this port was read.
fn all_is_read(port: u16) -> bool {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{port:04X}");
    table.lines().skip(1).all(|line| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let is_ours = columns[1].ends_with(&port) || columns[2].ends_with(&port);
        !is_ours || columns[4] == "00000000:00000000"
    })
}

#[tokio::test]
async fn a_device_that_is_revoked_while_its_session_is_made_leaves_none() {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    // The first session waits while it is made: for somebody who reads what its worker traces.
    let traces = tempfile::tempdir().unwrap();
    let pipe = traces.path().join("worker-1.jsonl");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let host = Host::start_with(&["--trace-dir", traces.path().to_str().unwrap()], "");
    let mut client = Client::open_over(Carrier::TlsTcp, &host.device("pc")).await;
    client.hello().await;
    client.until("the welcome", |seen| *seen == Seen::Welcome).await;
    client.ask(AttachHow::New).await;
    until("the host has read the wish", || all_is_read(host.address.port())).await;
    let name = "pc".parse().unwrap();
    registry::Store::new(&host.state()).change(|registry| registry.revoke(&name, unix_now())).unwrap();
    let mut control = UnixStream::connect(shoji_host::state::control_socket(&host.state())).unwrap();
    let request = serde_json::to_string(&shoji_host::control::Request::RegistryChanged).unwrap();
    control.write_all(format!("{request}\n").as_bytes()).unwrap();
    std::thread::spawn(move || {
        let mut trace = std::fs::File::open(pipe).unwrap();
        let mut room = [0; 1 << 12];
        while trace.read(&mut room).is_ok_and(|count| count > 0) {}
    });
    assert_eq!(client.until_closed().await, CloseCode::Revoked);
    until("the session was made and is gone", || host.log().contains("Session ended") && host.sessions().is_empty())
        .await;
}

over_every_carrier! {
    async fn a_full_host_says_so(carrier: Carrier) {
        let host = Host::start_with(&[], "[sessions]\nat_once = 1\n");
        let (mut one, _) = Client::with_picture(&host.device("pc1")).await;
        let mut other = Client::open_over(carrier, &device(carrier, &host, "pc2").await).await;
        assert_eq!(other.attach(AttachHow::New).await, Err(CloseCode::NoCapacity));
        one.is_alive().await;
    }
}

#[test]
fn a_bundle_is_private_and_complete() {
    use std::os::unix::fs::PermissionsExt as _;
    let host = Host::start();
    let written = host.device("pc");
    let path = host.directory.path().join("pc.shoji");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(written.version, 1);
    assert_eq!(written.host, host.address.to_string());
    assert_eq!(read_bundle(&path).server_name, "shoji-host");
}
