//! Who gets as far as a session: certificates, revocation, ALPN.

use quinn::ConnectionError;
use shoji_host::pki::Authority;
use shoji_host::registry;
use shoji_protocol::{AttachHow, CloseCode};

use super::client::{Client, connect, identity, refused, tls};
use super::fixture::{Host, read_bundle, until};

/// TLS alerts, as QUIC carries them (0x100 and the alert's number).
const ALERT: u64 = 0x100;
const BAD_CERTIFICATE_REVOKED: u64 = ALERT + 44;
const CERTIFICATE_EXPIRED: u64 = ALERT + 45;
const UNKNOWN_CA: u64 = ALERT + 48;
const CERTIFICATE_REQUIRED: u64 = ALERT + 116;
const NO_APPLICATION_PROTOCOL: u64 = ALERT + 120;

fn alert(error: ConnectionError) -> u64 {
    match error {
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
        ConnectionError::TransportError(error) => u64::from(error.code),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn without_a_certificate_there_is_no_connection() {
    let host = Host::start();
    let bundle = host.device("pc");
    assert_eq!(alert(refused(&bundle, tls(&bundle, None)).await), CERTIFICATE_REQUIRED);
    refusal_is_logged(&host).await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let host = Host::start();
    let other = tempfile::tempdir().unwrap();
    let bundle = host.device("pc");
    let name = "pc".parse().unwrap();
    let authority = Authority::open(other.path(), 1_800_000_000).unwrap();
    let (foreign, _) = authority.issue(&name, &name, bundle.host.clone(), 300, unix_now()).unwrap();
    let error = refused(&bundle, tls(&bundle, Some(identity(&foreign)))).await;
    assert_eq!(alert(error), UNKNOWN_CA);
    refusal_is_logged(&host).await;
}

fn unix_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let host = Host::start();
    let (name, user) = ("old".parse().unwrap(), "hanako".parse().unwrap());
    let long_ago = unix_now() - 10 * 86_400;
    let authority = Authority::open(&host.state(), unix_now()).unwrap();
    let (bundle, device) = authority.issue(&name, &user, host.address.to_string(), 1, long_ago).unwrap();
    let store = registry::Store::new(&host.state());
    store.change(|registry| registry.add_device(name.clone(), device, unix_now())).unwrap();
    host.run(&["user", "add", "makes-the-host-read-the-registry"]);
    assert_eq!(alert(refused(&bundle, tls(&bundle, Some(identity(&bundle)))).await), CERTIFICATE_EXPIRED);
    refusal_is_logged(&host).await;
}

#[tokio::test]
async fn a_device_that_made_room_in_the_registry_is_refused_like_before() {
    let host = Host::start();
    let (name, user) = ("old".parse().unwrap(), "hanako".parse().unwrap());
    let long_ago = unix_now() - 10 * 86_400;
    let authority = Authority::open(&host.state(), unix_now()).unwrap();
    // Its certificate ended nine days ago, and the registry has no record of it any more.
    let (bundle, _) = authority.issue(&name, &user, host.address.to_string(), 1, long_ago).unwrap();
    assert_eq!(alert(refused(&bundle, tls(&bundle, Some(identity(&bundle)))).await), CERTIFICATE_EXPIRED);
    refusal_is_logged(&host).await;
}

/// The log says that somebody was refused, and whose fault it is.
async fn refusal_is_logged(host: &Host) {
    let is_told = |line: &str| line.contains("Viewer refused") && line.contains("fault=Viewer");
    until("the refusal is logged", || host.log().lines().any(is_told)).await;
}

#[tokio::test]
async fn a_certificate_that_expires_ends_its_live_session() {
    let host = Host::start();
    let (name, user) = ("soon".parse().unwrap(), "hanako".parse().unwrap());
    // Issued a day less some seconds ago, for a day.
    let issued = unix_now() - 86_400 + 15;
    let authority = Authority::open(&host.state(), unix_now()).unwrap();
    let (bundle, device) = authority.issue(&name, &user, host.address.to_string(), 1, issued).unwrap();
    let store = registry::Store::new(&host.state());
    store.change(|registry| registry.add_device(name.clone(), device, unix_now())).unwrap();
    host.run(&["user", "add", "makes-the-host-read-the-registry"]);
    let (mut client, _) = Client::with_picture(&bundle).await;
    assert_eq!(client.until_closed().await, CloseCode::CertificateExpired);
    until("the end is logged", || host.log().contains("CertificateExpired")).await;
}

#[tokio::test]
async fn a_certificate_that_the_registry_does_not_know_is_refused() {
    let host = Host::start();
    let (name, user) = ("ghost".parse().unwrap(), "hanako".parse().unwrap());
    let authority = Authority::open(&host.state(), unix_now()).unwrap();
    let (bundle, _) = authority.issue(&name, &user, host.address.to_string(), 1, unix_now()).unwrap();
    let error = refused(&bundle, tls(&bundle, Some(identity(&bundle)))).await;
    assert!((ALERT..ALERT + 0x100).contains(&alert(error)));
    refusal_is_logged(&host).await;
}

#[tokio::test]
async fn another_alpn_is_refused() {
    let host = Host::start();
    let bundle = host.device("pc");
    let mut config = tls(&bundle, Some(identity(&bundle)));
    config.alpn_protocols = vec![b"shoji/999".to_vec()];
    assert_eq!(alert(connect(&bundle, config).await.unwrap_err()), NO_APPLICATION_PROTOCOL);
    refusal_is_logged(&host).await;
}

#[tokio::test]
async fn a_revoked_device_is_thrown_out_at_once_and_stays_out() {
    let host = Host::start();
    let bundle = host.device("pc");
    let (mut client, _) = Client::with_picture(&bundle).await;
    let (mut other, _) = Client::with_picture(&host.device("other")).await;
    let said = host.run(&["device", "revoke", "pc"]);
    assert!(said.contains("ended 2"), "{said}");
    assert_eq!(client.until_closed().await, CloseCode::Revoked);
    assert_eq!(alert(refused(&bundle, tls(&bundle, Some(identity(&bundle)))).await), BAD_CERTIFICATE_REVOKED);
    until("only the other session is left", || host.sessions().len() == 1).await;
    other.is_alive().await;
}

#[tokio::test]
async fn a_session_of_a_revoked_device_ends_without_its_viewer_too() {
    let host = Host::start();
    let bundle = host.device("pc");
    let (client, _) = Client::with_picture(&bundle).await;
    client.connection.close(0_u32.into(), b"");
    until("the session is detached", || host.sessions().iter().all(|session| !session.attached)).await;
    host.run(&["device", "revoke", "pc"]);
    until("the session is gone", || host.sessions().is_empty()).await;
}

#[tokio::test]
async fn a_full_host_says_so() {
    let host = Host::start_with(&[], "[sessions]\nat_once = 1\n");
    let (mut one, _) = Client::with_picture(&host.device("pc1")).await;
    let mut other = Client::open(&host.device("pc2")).await;
    assert_eq!(other.attach(AttachHow::New).await, Err(CloseCode::NoCapacity));
    one.is_alive().await;
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
