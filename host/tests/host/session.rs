//! A session from its first picture to its end.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use shoji_protocol::{
    AttachHow, CloseCode, Input, InputSequence, Notice, Position, ToHost, WheelDelta, WheelSource, frame,
};

use super::client::{Client, Seen, viewport};
use super::wire::{Carrier, device, over_every_carrier};
use crate::fixture::{Host, descendants, read_bundle, until};

over_every_carrier! {
    async fn a_viewer_sees_the_browser_and_the_browser_sees_its_input(carrier: Carrier) {
        let host = Host::start();
        let (mut client, _) = Client::with_picture_over(carrier, &device(carrier, &host, "pc").await).await;
        client.until_quiet(Duration::from_secs(2)).await;
        let canvas = *client.pictures.keys().next().unwrap();
        let size = client.pictures[&canvas].canvas().size();
        assert_eq!((size.width, size.height), (1280, 800));
        if let Some(path) = std::env::var_os("SHOJI_TEST_PICTURE") {
            let picture = client.pictures[&canvas].canvas();
            std::fs::write(path, picture.pixels()).unwrap();
        }
        client.input(Input::Focus { canvas: Some(canvas) }).await;
        client.input(Input::PointerMotion { canvas, position: Position::from_pixels(640.0, 500.0) }).await;
        let (none, down) = (WheelDelta::new(0).unwrap(), WheelDelta::new(120).unwrap());
        client.input(Input::Wheel { horizontal: none, vertical: down, source: WheelSource::Wheel }).await;
        let sequence = client.sequence;
        client
            .until(
                "a picture made after the input",
                |seen| matches!(seen, Seen::Update { input, .. } if input.0 == sequence),
            )
            .await;
    }
}

/// Inputs come by their copies first, and later on their stream.
async fn come_by_their_copies(carrier: Carrier) {
    let host = Host::start();
    let (mut client, _) = Client::with_picture_over(carrier, &device(carrier, &host, "pc").await).await;
    client.until_quiet(Duration::from_secs(2)).await;
    let canvas = *client.pictures.keys().next().unwrap();
    let (none, down) = (WheelDelta::new(0).unwrap(), WheelDelta::new(120).unwrap());
    let events = [
        Input::Focus { canvas: Some(canvas) },
        Input::PointerMotion { canvas, position: Position::from_pixels(640.0, 500.0) },
        Input::Wheel { horizontal: none, vertical: down, source: WheelSource::Wheel },
    ];
    let mut copies = Vec::new();
    for (event, sequence) in events.iter().zip(1..) {
        let message = ToHost::Input { sequence: InputSequence(sequence), event: event.clone() };
        frame::encode_to_host(&message, &mut copies);
    }
    client.wire.send_datagram(&copies);
    let seen = |seen: &Seen| matches!(seen, Seen::Update { input, .. } if input.0 == 3);
    client.until("a picture made after the copies", seen).await;
    for event in events {
        client.input(event).await;
    }
    client.input(Input::PointerLeave).await;
    client.is_alive().await;
}

#[tokio::test]
async fn inputs_that_are_late_on_their_stream_come_by_their_copies_over_quic() {
    come_by_their_copies(Carrier::Quic).await;
}

#[tokio::test]
async fn inputs_that_are_late_on_their_stream_come_by_their_copies_over_webtransport() {
    come_by_their_copies(Carrier::WebTransport).await;
}

#[tokio::test]
async fn a_resized_window_is_drawn_at_its_new_size() {
    let host = Host::start();
    let (mut client, _) = Client::with_picture(&host.device("pc")).await;
    let canvas = *client.pictures.keys().next().unwrap();
    client.say(&ToHost::Resize { canvas, viewport: viewport(1013, 707) }).await;
    loop {
        client.until_update().await;
        let size = client.pictures[&canvas].canvas().size();
        if (size.width, size.height) == (1013, 707) {
            break;
        }
    }
}

over_every_carrier! {
    async fn a_session_survives_its_viewer_and_is_painted_again_at_once(carrier: Carrier) {
        let host = Host::start();
        let bundle = device(carrier, &host, "pc").await;
        let (mut client, token) = Client::with_picture_over(carrier, &bundle).await;
        client.until_quiet(Duration::from_secs(1)).await;
        let before: Vec<_> = client.pictures.keys().copied().collect();
        client.wire.leave().await;
        until("the session is detached", || host.sessions().iter().all(|session| !session.attached)).await;
        let mut again = Client::open_over(carrier, &bundle).await;
        assert_eq!(again.attach(AttachHow::Resume(token)).await, Ok(token));
        let canvas = again.until_update().await;
        assert!(before.contains(&canvas));
        assert_eq!(host.sessions().len(), 1);
    }
}

#[tokio::test]
async fn a_second_viewer_takes_over_and_the_first_is_told() {
    let host = Host::start();
    let (mut first, token) = Client::with_picture(&host.device("pc1")).await;
    let mut second = Client::open(&host.device("pc2")).await;
    assert!(second.attach(AttachHow::Resume(token)).await.is_ok());
    assert_eq!(first.until_closed().await, CloseCode::Replaced);
    second.until_update().await;
}

#[tokio::test]
async fn a_token_that_is_nobodys_gets_no_session() {
    let host = Host::start();
    let mut client = Client::open(&host.device("pc")).await;
    let how = AttachHow::Resume(shoji_protocol::ResumeToken(1));
    assert_eq!(client.attach(how).await, Err(CloseCode::UnknownResume));
    assert!(host.sessions().is_empty());
}

#[tokio::test]
async fn a_killed_worker_ends_its_own_session_only() {
    let host = Host::start();
    let (mut one, _) = Client::with_picture(&host.device("pc1")).await;
    let (mut other, _) = Client::with_picture(&host.device("pc2")).await;
    let sessions = host.sessions();
    let victim = sessions.iter().find(|session| session.device == "pc1").unwrap();
    kill_process(Pid::from_raw(victim.worker as i32).unwrap(), Signal::KILL).unwrap();
    assert_eq!(one.until_closed().await, CloseCode::WorkerDied);
    other.is_alive().await;
    until("one session is left", || host.sessions().len() == 1).await;
}

#[tokio::test]
async fn a_crashed_browser_comes_back_three_times_and_then_no_more() {
    let host = Host::start();
    let (mut client, _) = Client::with_picture(&host.device("pc")).await;
    for _ in 0..3 {
        crash_browser(&host).await;
        client.until("the notice", |seen| *seen == Seen::Notice(Notice::BrowserCrashedRestarting)).await;
        client.until_update().await;
    }
    crash_browser(&host).await;
    client.until("the notice", |seen| *seen == Seen::Notice(Notice::BrowserKeepsCrashing)).await;
    assert_eq!(client.until_closed().await, CloseCode::BrowserGone);
}

#[tokio::test]
async fn a_viewer_is_told_before_its_session_ends_without_input() {
    let host = Host::start_with(&[], "[sessions]\nidle_minutes = 1\n");
    let (mut client, _) = Client::with_picture(&host.device("pc")).await;
    client.until("the notice", |seen| *seen == Seen::Notice(Notice::SessionEndsSoon)).await;
    client.is_alive().await;
}

#[tokio::test]
async fn a_viewer_is_told_that_its_certificate_ends_within_days_once_per_session() {
    let host = Host::start();
    let path = host.directory.path().join("old.shoji");
    host.run(&["device", "add", "old", "--days", "13", "--out", path.to_str().unwrap()]);
    let bundle = read_bundle(&path);
    let mut client = Client::open(&bundle).await;
    let token = client.attach(AttachHow::New).await.unwrap();
    assert!(is_told_of_its_certificate(&mut client).await);
    let mut again = Client::open(&bundle).await;
    assert_eq!(again.attach(AttachHow::Resume(token)).await, Ok(token));
    assert!(!is_told_of_its_certificate(&mut again).await);
    let mut long = Client::open(&host.device("pc")).await;
    long.attach(AttachHow::New).await.unwrap();
    assert!(!is_told_of_its_certificate(&mut long).await);
}

/// Whether the notice comes before the answer to a ping: both have the same stream.
async fn is_told_of_its_certificate(client: &mut Client) -> bool {
    client.say(&ToHost::Ping { nonce: shoji_protocol::Nonce(1) }).await;
    let mut told = false;
    let answered = |seen: &Seen| {
        told |= *seen == Seen::Notice(Notice::CertificateExpiresSoon);
        *seen == Seen::Pong
    };
    client.until("the answer", answered).await;
    told
}

/// Kills the browser itself, inside its sandbox.
async fn crash_browser(host: &Host) {
    let find = || {
        let sandbox = host.sessions().first()?.browser?;
        // The outer process, the first inside, the browser.
        descendants(sandbox).get(2).copied()
    };
    until("the browser runs", || find().is_some()).await;
    kill_process(Pid::from_raw(find().unwrap() as i32).unwrap(), Signal::SEGV).unwrap();
}

#[tokio::test]
async fn closing_the_last_window_ends_the_session() {
    let host = Host::start();
    let (mut client, _) = Client::with_picture(&host.device("pc")).await;
    let canvas = *client.pictures.keys().next().unwrap();
    client.say(&ToHost::CloseCanvas { canvas }).await;
    assert_eq!(client.until_closed().await, CloseCode::SessionEnded);
}

#[tokio::test]
async fn nothing_is_left_of_an_ended_session() {
    let mut host = Host::start();
    let (mut client, _) = Client::with_picture(&host.device("pc")).await;
    let session = &host.sessions()[0];
    let mut processes = descendants(session.worker);
    processes.extend(descendants(session.browser.unwrap()));
    assert!(processes.len() > 4, "{processes:?}");
    let rooms = rooms_of(processes[0], session.browser.unwrap());
    assert!(rooms.exists());
    client.say(&ToHost::End).await;
    assert_eq!(client.until_closed().await, CloseCode::SessionEnded);
    until("the session is gone", || host.sessions().is_empty()).await;
    for pid in processes {
        let [name, state, parent] = ["Name", "State", "PPid"].map(|key| crate::fixture::status(pid, key));
        // A dead process whose parent died first is the machine's to collect; it runs no more and holds nothing.
        let is_dead = state.as_ref().is_none_or(|state| state.starts_with('Z') && parent.as_deref() == Some("1"));
        assert!(is_dead, "{pid} is left: {name:?}, {state:?}, child of {parent:?}");
    }
    assert!(!rooms.exists(), "{} is left", rooms.display());
    assert!(!host.log().contains("left something behind"));
    let directory = rooms.parent().unwrap().to_owned();
    host.stop();
    assert!(!directory.exists(), "{} is left", directory.display());
}

/// The session's directory, from the browser's mounts.
fn rooms_of(_worker: u32, sandbox: u32) -> std::path::PathBuf {
    let line = crate::fixture::command_line(sandbox);
    let home = line.split(' ').find(|word| word.ends_with("/home")).expect("the home is bound");
    std::path::Path::new(home).parent().unwrap().to_owned()
}

over_every_carrier! {
    async fn a_host_that_stops_tells_its_viewers_and_leaves_nothing(carrier: Carrier) {
        let mut host = Host::start();
        let (mut client, _) = Client::with_picture_over(carrier, &device(carrier, &host, "pc").await).await;
        let processes = descendants(host.id());
        let stopping = tokio::task::spawn_blocking(move || {
            host.stop();
            host
        });
        assert_eq!(client.until_closed().await, CloseCode::HostStopping);
        stopping.await.unwrap();
        for pid in processes {
            let state = crate::fixture::status(pid, "State");
            assert!(state.as_ref().is_none_or(|state| state.starts_with('Z')), "{pid} is left: {state:?}");
        }
    }
}

#[tokio::test]
async fn a_host_that_is_killed_leaves_no_process() {
    let mut host = Host::start();
    let (_client, _) = Client::with_picture(&host.device("pc")).await;
    let processes = descendants(host.id());
    assert!(processes.len() > 5, "{processes:?}");
    kill_process(Pid::from_raw(host.id() as i32).unwrap(), Signal::KILL).unwrap();
    host.stop();
    let lives = |pid: &u32| crate::fixture::status(*pid, "State").is_some_and(|state| !state.starts_with('Z'));
    until("all processes are gone", || !processes.iter().any(lives)).await;
    // Its files are the next host's to remove, before it does anything else.
    let directory = shoji_host::state::runtime_directory(&host.state(), None).unwrap();
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
    std::fs::remove_dir(directory).unwrap();
}

#[tokio::test]
async fn an_administrator_ends_a_session() {
    let host = Host::start();
    let (mut client, _) = Client::with_picture(&host.device("pc")).await;
    let id = host.sessions()[0].id.to_string();
    host.run(&["session", "end", &id]);
    assert_eq!(client.until_closed().await, CloseCode::EndedByAdministrator);
    let output = host.try_run(&["session", "end", "99"]);
    assert!(!output.status.success());
}

#[tokio::test]
async fn a_device_at_its_limit_replaces_the_session_it_left() {
    let host = Host::start_with(&[], "[sessions]\nper_device = 1\n");
    let bundle = host.device("pc");
    let (client, _) = Client::with_picture(&bundle).await;
    let mut second = Client::open(&bundle).await;
    assert_eq!(second.attach(AttachHow::New).await, Err(CloseCode::NoCapacity));
    let first = host.sessions()[0].id;
    client.wire.leave().await;
    until("the session is detached", || host.sessions().iter().all(|session| !session.attached)).await;
    Client::with_picture(&bundle).await;
    let sessions = host.sessions();
    assert!(sessions.len() == 1 && sessions[0].id != first);
}
