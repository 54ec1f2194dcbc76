//! One viewer's connection through the gate: two carriers and the [`Relay`] between them, in one task.
//!
//! Owns the order in which bytes move. Nothing waits but what the carriers hold: the host's updates are read only when the viewer's
//! carrier took the last one. It must never look into a frame.

use std::sync::Arc;
use std::time::Duration;

use shoji_protocol::CloseCode;
use shoji_protocol::time::Instant;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::audit::Event;
use super::door::Gate;
use super::figures::Held;
use super::pixels::{Failed, Painter, Room, Says};
use super::relay::{Counts, Relay, Word};
use super::upstream::{self, Upstream};
use crate::clock;
use crate::registry::Fingerprint;
use crate::serve::carrier::{Carrier, Lost, Told};

/// What woke the task.
enum Wake {
    Viewer(Result<Told, Lost>),
    Host(Result<upstream::Told, Lost>),
    /// There is room for what the painter has to know.
    Room,
    /// `None`: it is no more.
    Painter(Option<Says>),
    Stop,
    Deadline,
}

fn now() -> Instant {
    Instant::from_micros(clock::microseconds())
}

/// Relays until one side is gone.
pub(super) async fn run<C: Carrier>(
    gate: &Arc<Gate>,
    device: Fingerprint,
    mut carrier: C,
    mut stop: mpsc::Receiver<CloseCode>,
) {
    let _held = Held::new(&gate.figures.connections);
    let mut attached = None;
    let budget = gate.budget(device);
    let mut relay = Relay::new(gate.policy_for::<C>(), budget, now());
    let mut host: Option<Upstream> = None;
    let mut room: Option<Room> = None;
    let mut counted = Counts::default();
    let peer = carrier.peer();
    let code = loop {
        while let Some(word) = relay.poll_word() {
            match word {
                Word::Attached { session, resumed } => {
                    attached = Some(Held::new(&gate.figures.attached));
                    if relay.copies_updates() {
                        carrier.copy_updates();
                    }
                    let by = host.as_ref().map_or("", Upstream::name);
                    info!(session.id = session.0, carrier = C::NAME, host = by, resumed, "Viewer attached");
                    gate.audit.write(Event::Attached { device, peer, session, resumed });
                }
                Word::Spoilt(canvas) => gate.cuts.tell(|_| gate.audit.write(Event::Spoilt { device, canvas })),
                Word::Delayed(class) => gate.audit.write(Event::Delayed { device, class }),
                Word::Refused(refusal) => gate.cut(device, refusal.close_code(), &refusal),
            }
        }
        if let Some(wanted) = relay.poll_wanted() {
            match gate.connect(device).await {
                Ok(connection) => {
                    if gate.policy.pixels {
                        match Room::open(Painter::new(gate.decoders.clone(), wanted.takes_h264(), wanted.refresh())) {
                            Ok(opened) => room = Some(opened),
                            Err(error) => {
                                warn!(%error, "No thread for a painter: raise the limit of threads (ulimit -u)");
                                relay.host_lost(CloseCode::NoCapacity);
                                continue;
                            }
                        }
                    }
                    relay.connected(wanted, connection.carried(), now());
                    host = Some(connection);
                }
                Err(error) => relay.host_lost(error.close_code()),
            }
        }
        let counts = relay.counts();
        gate.figures.add(std::mem::replace(&mut counted, counts), counts);
        while let Some((channel, frame)) = relay.poll_viewer() {
            carrier.queue(channel, frame);
        }
        send_to_host(&mut relay, host.as_mut());
        tell_painter(&mut relay, room.as_ref());
        if let Some(code) = relay.closed() {
            break code;
        }
        match wake(&mut relay, &mut carrier, host.as_mut(), room.as_mut(), &mut stop).await {
            Wake::Viewer(Ok(Told::Channel(channel, bytes))) => relay.viewer_sent(Some(channel), &bytes, now()),
            Wake::Viewer(Ok(Told::Shared(bytes))) => relay.viewer_sent(None, &bytes, now()),
            Wake::Viewer(Ok(Told::Datagram(datagram))) => relay.viewer_sent_datagram(&datagram, now()),
            Wake::Viewer(Ok(Told::Wrote)) | Wake::Host(Ok(upstream::Told::Wrote)) => {}
            Wake::Viewer(Err(lost)) => {
                debug!(%lost, "Viewer lost");
                relay.close(CloseCode::KeepAliveLost);
            }
            Wake::Host(Ok(upstream::Told::Channel(channel, bytes))) => relay.host_sent(Some(channel), &bytes, now()),
            Wake::Host(Ok(upstream::Told::Shared(bytes))) => relay.host_sent(None, &bytes, now()),
            Wake::Host(Ok(upstream::Told::Datagram(datagram))) => relay.host_sent_datagram(&datagram, now()),
            Wake::Host(Err(lost)) => {
                // The code is in the carrier too, where the message did not come through.
                let code = host.as_ref().and_then(Upstream::closed).unwrap_or(CloseCode::KeepAliveLost);
                info!(%device, error = %lost, code = ?code, "Host lost");
                relay.host_lost(code);
            }
            Wake::Room => {}
            Wake::Painter(Some(says)) => relay.painter_says(says, now()),
            Wake::Painter(None) => relay.painter_failed(Failed::Gone),
            Wake::Stop => relay.close(CloseCode::HostStopping),
            Wake::Deadline => relay.handle_deadline(now()),
        }
    };
    drop(attached);
    let to_host = async {
        if let Some(host) = &mut host {
            host.farewell(CloseCode::Normal).await;
        }
    };
    tokio::join!(carrier.farewell(code), to_host);
    gate.audit.write(Event::Ended { device, code, counts: relay.counts() });
}

/// Gives the host's carrier all that the relay has for it.
fn send_to_host(relay: &mut Relay, host: Option<&mut Upstream>) {
    let Some(host) = host else { return };
    while let Some((channel, frame)) = relay.poll_host() {
        if let Err(lost) = host.queue(channel, &frame) {
            info!(error = %lost, "Host lost");
            return relay.host_lost(CloseCode::HostFailed);
        }
    }
    if let Some(datagram) = relay.poll_host_datagram() {
        host.send_datagram(datagram);
    }
}

/// Tells the painter what there is to tell, as far as it has room.
fn tell_painter(relay: &mut Relay, room: Option<&Room>) {
    let Some(room) = room else { return };
    while relay.has_told() {
        let Ok(place) = room.told.try_reserve() else { return };
        if let Some(told) = relay.poll_told() {
            place.send(told);
        }
    }
}

async fn wake<C: Carrier>(
    relay: &mut Relay,
    carrier: &mut C,
    host: Option<&mut Upstream>,
    room: Option<&mut Room>,
    stop: &mut mpsc::Receiver<CloseCode>,
) -> Wake {
    let now = now();
    let may_pass = relay.takes_updates(now) && carrier.is_drained();
    // Before the viewer is attached, a shared stream holds what says so.
    let reads = match &host {
        Some(Upstream::Tcp(_)) => may_pass || !relay.is_attached(),
        _ => may_pass,
    };
    let pause = relay.deadline().map(|at| Duration::from(at.since(now)));
    let from_host = async {
        match host {
            Some(host) => host.next(reads).await,
            None => std::future::pending().await,
        }
    };
    let (has_told, may_show) = (relay.has_told(), carrier.is_drained());
    let painter = async {
        let Some(Room { told, says }) = room else { return std::future::pending().await };
        tokio::select! {
            place = told.reserve(), if has_told => match place {
                Ok(_) => Wake::Room,
                Err(_) => Wake::Painter(None),
            },
            says = says.recv(), if may_show => Wake::Painter(says),
            else => std::future::pending().await,
        }
    };
    let sleep = async {
        match pause {
            Some(pause) => sleep(pause).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        _ = stop.recv() => Wake::Stop,
        told = carrier.next() => Wake::Viewer(told),
        wake = painter => wake,
        told = from_host => Wake::Host(told),
        () = sleep => Wake::Deadline,
    }
}
