//! Viewers that break the protocol: each ends with the right code and a log line, and disturbs nobody.

use shoji_protocol::frame;
use shoji_protocol::{
    AttachHow, CanvasId, Capabilities, Channel, CloseCode, Input, InputSequence, Locale, Nonce, ToHost, UpdateId,
};
use tokio::sync::{mpsc, oneshot};

use super::client::{Client, Seen};
use super::wire::{Carrier, device, over_every_carrier};
use crate::fixture::{Host, until};

/// A viewer that behaves, in a task of its own, so that it goes on reading while another one is watched.
struct Good {
    questions: mpsc::Sender<oneshot::Sender<()>>,
}

impl Good {
    fn start(mut client: Client) -> Self {
        let (questions, mut asked) = mpsc::channel::<oneshot::Sender<()>>(1);
        tokio::spawn(async move {
            let mut waiting: Option<oneshot::Sender<()>> = None;
            let (mut ponged, mut painted) = (false, false);
            loop {
                tokio::select! {
                    seen = client.next() => match seen {
                        Seen::Close(code) => panic!("the good viewer was closed with {code:?}"),
                        Seen::Pong => ponged = true,
                        Seen::Update { complete: true, .. } => painted = true,
                        _ => {}
                    },
                    question = asked.recv() => match question {
                        Some(answer) => {
                            waiting = Some(answer);
                            (ponged, painted) = (false, false);
                            client.say(&ToHost::Ping { nonce: Nonce(7) }).await;
                            let canvas = *client.pictures.keys().next().expect("a session with a picture");
                            client.say(&ToHost::Repaint { canvas }).await;
                        }
                        None => break,
                    },
                }
                if ponged
                    && painted
                    && let Some(answer) = waiting.take()
                {
                    // Whoever asked may have failed meanwhile.
                    let _ = answer.send(());
                }
            }
        });
        Self { questions }
    }

    /// Its connection lives, its host answers, and its worker paints.
    async fn is_alive(&mut self) {
        let (answer, answered) = oneshot::channel();
        self.questions.send(answer).await.expect("the good viewer is gone");
        answered.await.expect("the good viewer is gone");
    }
}

/// A host with somebody who behaves, and somebody who will not.
async fn pair(carrier: Carrier) -> (Host, Good, Client) {
    let host = Host::start();
    let (good, _) = Client::with_picture(&host.device("good")).await;
    let bad = Client::open_over(carrier, &device(carrier, &host, "bad").await).await;
    (host, Good::start(good), bad)
}

/// The bad viewer is closed with `code`, the log says so, and the good one does not notice.
async fn ends_with(code: CloseCode, host: &Host, good: &mut Good, bad: &mut Client) {
    ends_again_with(code, 1, host, good, bad).await;
}

/// Like [`ends_with`], where this is the end of so many of its viewers.
async fn ends_again_with(code: CloseCode, times: usize, host: &Host, good: &mut Good, bad: &mut Client) {
    assert_eq!(bad.until_closed().await, code);
    let name = format!("code={code:?}");
    let ends = |line: &&str| line.contains("Viewer gone") && line.contains("device=bad") && line.contains(&name);
    until("the end is logged", || host.log().lines().filter(ends).count() == times).await;
    assert!(!host.log().contains("panicked"));
    good.is_alive().await;
}

over_every_carrier! {
    async fn broken_frames_before_a_session(carrier: Carrier) {
        let (host, mut good, mut bad) = pair(carrier).await;
        let bundle = crate::fixture::read_bundle(&host.directory.path().join("bad.shoji"));

        // Garbage instead of a message.
        bad.write_control(&[3, 0, 0, 0, 1, 0xff, 0xff, 0xff]).await;
        ends_with(CloseCode::Malformed, &host, &mut good, &mut bad).await;

        // A kind that no viewer may send.
        let mut bad = Client::open_over(carrier, &bundle).await;
        bad.write_control(&[1, 0, 0, 0, 4, 0]).await;
        ends_again_with(CloseCode::Malformed, 2, &host, &mut good, &mut bad).await;

        // A frame of four gigabytes.
        let mut bad = Client::open_over(carrier, &bundle).await;
        bad.write_control(&[0xff, 0xff, 0xff, 0xff, 1]).await;
        ends_with(CloseCode::Oversized, &host, &mut good, &mut bad).await;

        // Bytes after a message.
        let mut bad = Client::open_over(carrier, &bundle).await;
        let mut bytes = Vec::new();
        frame::encode_to_host(&ToHost::Detach, &mut bytes);
        bytes[0] += 1;
        bytes.push(0);
        bad.write_control(&bytes).await;
        ends_again_with(CloseCode::Malformed, 3, &host, &mut good, &mut bad).await;

        // A version that is no longer spoken.
        let mut bad = Client::open_over(carrier, &bundle).await;
        bad.say(&ToHost::Hello { minor: 0, capabilities: Capabilities::ALL, locale: Locale::Ja }).await;
        ends_with(CloseCode::VersionMismatch, &host, &mut good, &mut bad).await;

        // Attaching before hello.
        let mut bad = Client::open_over(carrier, &bundle).await;
        bad.ask(AttachHow::New).await;
        ends_with(CloseCode::WrongState, &host, &mut good, &mut bad).await;

        // Input before a session.
        let mut bad = Client::open_over(carrier, &bundle).await;
        bad.hello().await;
        bad.input(Input::PointerLeave).await;
        ends_again_with(CloseCode::WrongState, 2, &host, &mut good, &mut bad).await;

        // A message on the wrong channel, where channels have streams of their own.
        if carrier.has_streams() {
            let mut bad = Client::open_over(carrier, &bundle).await;
            bad.hello().await;
            let mut bytes = Vec::new();
            frame::encode_to_host(&ToHost::Detach, &mut bytes);
            bad.wire.write(Channel::Input, &bytes).await;
            ends_with(CloseCode::WrongChannel, &host, &mut good, &mut bad).await;
        }

        // Saying nothing at all.
        let mut bad = Client::open_over(carrier, &bundle).await;
        bad.write_control(&[9]).await;
        ends_with(CloseCode::HandshakeTimeout, &host, &mut good, &mut bad).await;
    }
}

over_every_carrier! {
    async fn input_out_of_order(carrier: Carrier) {
        let (host, mut good, mut bad) = pair(carrier).await;
        bad.attach(AttachHow::New).await.unwrap();
        bad.input(Input::PointerLeave).await;
        bad.say(&ToHost::Input { sequence: InputSequence(3), event: Input::PointerLeave }).await;
        ends_with(CloseCode::OutOfOrder, &host, &mut good, &mut bad).await;
    }
}

over_every_carrier! {
    async fn input_that_is_replayed(carrier: Carrier) {
        let (host, mut good, mut bad) = pair(carrier).await;
        bad.attach(AttachHow::New).await.unwrap();
        for _ in 0..2 {
            bad.say(&ToHost::Input { sequence: InputSequence(1), event: Input::PointerLeave }).await;
        }
        ends_with(CloseCode::OutOfOrder, &host, &mut good, &mut bad).await;
    }
}

over_every_carrier! {
    async fn an_input_flood(carrier: Carrier) {
        let (host, mut good, mut bad) = pair(carrier).await;
        bad.attach(AttachHow::New).await.unwrap();
        let mut bytes = Vec::new();
        for sequence in 1..=20_000 {
            let event = Input::Focus { canvas: None };
            frame::encode_to_host(&ToHost::Input { sequence: InputSequence(sequence), event }, &mut bytes);
        }
        // The host may close while the flood is still being written.
        bad.wire.write(Channel::Input, &bytes).await;
        ends_with(CloseCode::TooFast, &host, &mut good, &mut bad).await;
    }
}

over_every_carrier! {
    async fn an_acknowledgement_of_what_was_never_sent(carrier: Carrier) {
        let (host, mut good, mut bad) = pair(carrier).await;
        bad.acknowledges = false;
        bad.attach(AttachHow::New).await.unwrap();
        let canvas = bad.until_update().await;
        bad.say(&ToHost::Presented { canvas, update: UpdateId(1_000_000) }).await;
        ends_with(CloseCode::OutOfOrder, &host, &mut good, &mut bad).await;
    }
}

over_every_carrier! {
    async fn a_canvas_that_is_not_there(carrier: Carrier) {
        let (host, mut good, mut bad) = pair(carrier).await;
        bad.attach(AttachHow::New).await.unwrap();
        bad.until_update().await;
        bad.say(&ToHost::Repaint { canvas: CanvasId(4_000) }).await;
        ends_with(CloseCode::WrongState, &host, &mut good, &mut bad).await;
    }
}

over_every_carrier! {
    async fn a_viewer_that_never_acknowledges(carrier: Carrier) {
        let (host, mut good, mut bad) = pair(carrier).await;
        bad.acknowledges = false;
        bad.attach(AttachHow::New).await.unwrap();
        ends_with(CloseCode::ViewerStalled, &host, &mut good, &mut bad).await;
        // Its session goes on without it.
        assert!(host.sessions().iter().any(|session| session.device == "bad" && !session.attached));
    }
}

over_every_carrier! {
    async fn a_viewer_that_stops_reading(carrier: Carrier) {
        let (host, mut good, mut bad) = pair(carrier).await;
        bad.attach(AttachHow::New).await.unwrap();
        // It still speaks, so it is not taken for lost.
        let mut ping = Vec::new();
        frame::encode_to_host(&ToHost::Ping { nonce: Nonce(1) }, &mut ping);
        let speaks = async {
            // Until the host has closed, which is told below.
            while bad.wire.write(Channel::Control, &ping).await {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
            std::future::pending().await
        };
        tokio::select! {
            () = until("the host notices that nobody reads", || host.log().contains("ViewerStalled")) => {}
            () = speaks => {}
        }
        assert_eq!(bad.until_closed().await, CloseCode::ViewerStalled);
        good.is_alive().await;
    }
}

over_every_carrier! {
    async fn a_viewer_that_vanishes_without_a_word_leaves_its_session(carrier: Carrier) {
        let (host, mut good, mut bad) = pair(carrier).await;
        bad.attach(AttachHow::New).await.unwrap();
        bad.until("a canvas", |seen| matches!(seen, Seen::Opened(..))).await;
        // The streams are dropped, the connection is closed by the transport's own default code.
        drop(bad);
        until("the session is detached", || {
            host.sessions().iter().any(|session| session.device == "bad" && !session.attached)
        })
        .await;
        good.is_alive().await;
    }
}

/// What a process holds: open files, threads, and memory in KiB.
fn holdings(pid: u32) -> (usize, usize, u64) {
    let count = |of: &str| std::fs::read_dir(format!("/proc/{pid}/{of}")).unwrap().count();
    let memory = crate::fixture::status(pid, "VmRSS").unwrap();
    (count("fd"), count("task"), memory.trim_end_matches(" kB").trim().parse().unwrap())
}

/// Viewers that end badly, one after another, before a session and with one.
async fn bad_wave(carrier: Carrier, bundle: &shoji_host::pki::Bundle) {
    for turn in 0..60 {
        let mut bad = Client::open_over(carrier, bundle).await;
        match turn % 3 {
            0 => bad.write_control(&[3, 0, 0, 0, 1, 0xff, 0xff, 0xff]).await,
            // Most of the longest message there is, and then nothing more.
            1 => {
                let mut bytes = (shoji_protocol::limits::MAX_TO_HOST as u32).to_le_bytes().to_vec();
                bytes.push(1);
                bytes.resize(shoji_protocol::limits::MAX_TO_HOST, 0);
                bad.write_control(&bytes).await;
                // The host has it all before its viewer goes.
                bad.wire.leave_when_read().await;
                continue;
            }
            _ => bad.ask(AttachHow::New).await,
        }
        bad.until_closed().await;
    }
    let mut bad = Client::open_over(carrier, bundle).await;
    bad.attach(AttachHow::New).await.unwrap();
    bad.until_update().await;
    bad.say(&ToHost::Input { sequence: InputSequence(9), event: Input::PointerLeave }).await;
    bad.until_closed().await;
}

over_every_carrier! {
    async fn what_bad_viewers_held_is_given_back(carrier: Carrier) {
        let host = Host::start_with(&[], "[sessions]\nper_device = 1\n");
        let (good, _) = Client::with_picture(&host.device("good")).await;
        let mut good = Good::start(good);
        let bundle = device(carrier, &host, "bad").await;
        // The first ones fill caches and pools.
        bad_wave(carrier, &bundle).await;
        good.is_alive().await;
        let (files, threads, memory) = holdings(host.id());
        for _ in 0..3 {
            bad_wave(carrier, &bundle).await;
        }
        good.is_alive().await;
        // A few more or fewer are a session that is just being cleared, or the pool for blocking work; 183 would be a leak.
        until("files and threads are given back", || {
            let (now_files, now_threads, _) = holdings(host.id());
            now_files <= files + 8 && now_threads <= threads + 8
        })
        .await;
        // 183 viewers, each with a connection of tens of kilobytes: the allocator may keep some pages, nobody a connection.
        until("memory is given back", || holdings(host.id()).2.saturating_sub(memory) < 183 * 8).await;
        // The good one's, and the one that the bad device left last.
        assert_eq!(host.sessions().len(), 2);
    }
}

/// A browser program that is Chromium until a file named `attack` lies beside it, and from then on makes the same object
/// twice, and stays.
const TURNCOAT: &str = r#"#!/usr/bin/perl
use IO::Socket::UNIX;
my $attack = $0 =~ s{[^/]*$}{attack}r;
exec "/usr/lib/chromium/chromium", @ARGV unless -e $attack;
my $socket = IO::Socket::UNIX->new("$ENV{XDG_RUNTIME_DIR}/$ENV{WAYLAND_DISPLAY}") or die "no display";
# wl_display.get_registry, twice with the same new object.
syswrite $socket, pack("VVV", 1, 12 << 16 | 1, 2) x 2;
sleep 600;
"#;

#[tokio::test]
async fn a_browser_that_breaks_the_wayland_protocol_ends_its_own_session_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let open = std::fs::Permissions::from_mode(0o755);
    // Not below /tmp, where the sandbox has its own.
    let folder = tempfile::Builder::new().permissions(open.clone()).tempdir_in("/var/tmp").unwrap();
    let browser = folder.path().join("browser");
    std::fs::write(&browser, TURNCOAT).unwrap();
    std::fs::set_permissions(&browser, open).unwrap();
    // What the host looks for beside a browser.
    std::fs::create_dir(folder.path().join("locales")).unwrap();
    std::fs::write(folder.path().join("locales/ja.pak"), "").unwrap();
    let host = Host::start_with(&[], &format!("[browser]\npath = {:?}\n", browser.to_str().unwrap()));

    let (good, _) = Client::with_picture(&host.device("good")).await;
    let mut good = Good::start(good);
    std::fs::write(folder.path().join("attack"), "").unwrap();
    let mut bad = Client::open(&host.device("bad")).await;
    bad.attach(AttachHow::New).await.unwrap();
    // The restart rule lets it try a few times.
    ends_with(CloseCode::BrowserGone, &host, &mut good, &mut bad).await;
    let log = host.log();
    let blamed = |line: &str| line.contains("Browser broke the Wayland protocol") && line.contains("fault=Host");
    assert!(log.lines().any(blamed), "{log}");
    assert!(log.contains("Wayland client misbehaved"), "{log}");
    until("only the good session is left", || host.sessions().len() == 1).await;
}
