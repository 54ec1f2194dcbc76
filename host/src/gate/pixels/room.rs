//! The thread in which one viewer's painter works.
//!
//! Owns the thread and its two ends. Pictures take milliseconds, and input must not wait behind one: the connection's task speaks to
//! the thread through channels that hold little. The thread ends with the room.

use std::io;

use shoji_protocol::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Painter, Says, Told};
use crate::clock;

/// What may wait for the painter beside what waits in the relay: it wakes once for all of it.
const TOLD: usize = 8;

/// What may wait for the connection: one goes, one is ready.
const SAYS: usize = 2;

/// A painter at work.
#[derive(Debug)]
pub(in crate::gate) struct Room {
    pub(in crate::gate) told: mpsc::Sender<Told>,
    pub(in crate::gate) says: mpsc::Receiver<Says>,
}

impl Room {
    /// Starts the thread; call it within the runtime whose clock it may use.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(in crate::gate) fn open(painter: Painter) -> io::Result<Self> {
        let (told, listens) = mpsc::channel(TOLD);
        let (tells, says) = mpsc::channel(SAYS);
        let runtime = Handle::current();
        std::thread::Builder::new().name("painter".into()).spawn(move || work(painter, listens, &tells, &runtime))?;
        Ok(Self { told, says })
    }
}

fn now() -> Instant {
    Instant::from_micros(clock::microseconds())
}

/// Works until nobody speaks to it or listens.
fn work(mut painter: Painter, mut listens: mpsc::Receiver<Told>, tells: &mpsc::Sender<Says>, runtime: &Handle) {
    loop {
        while let Some(says) = painter.poll() {
            if tells.blocking_send(says).is_err() {
                return;
            }
        }
        if !painter.has_begun() {
            let first = match painter.deadline(now()) {
                None => listens.blocking_recv(),
                Some(at) => {
                    let wait = at.since(now());
                    match runtime.block_on(async { timeout(wait.into(), listens.recv()).await }) {
                        Ok(told) => told,
                        Err(_) => {
                            painter.send(now());
                            continue;
                        }
                    }
                }
            };
            let Some(first) = first else { return };
            painter.take(first, now());
            while let Ok(told) = listens.try_recv() {
                painter.take(told, now());
            }
        }
        painter.send(now());
    }
}
