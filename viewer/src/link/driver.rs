//! The one task that talks to the network: connects, serves the connection while it is up ([`Live`]), and connects again.
//!
//! Owns the order of those things and the backoff. A connection's life is one call of [`Driver::once`]; the loop around
//! it decides what its end means.

use std::{sync::Arc, time::Duration};

use shoji_protocol::{
    AttachHow, CloseCode, Fault,
    viewer::{Config, Connection},
};

use super::{
    Error, Options, Shared, Wish,
    carrier::{Race, Won},
    live::Live,
    tls::{self, Configuration},
    wire::{Wire, instant},
};
use crate::{
    bundle::Bundle,
    clock::{self, Stamp},
    scene::State,
};

/// A handshake that takes longer than this on a staff network will not come: QUIC has by then tried four times.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(5);

/// The same for a host that answered a moment ago: a new try's first packet is sent sooner than an old one's next.
const HANDSHAKE_AGAIN: Duration = Duration::from_secs(3);

/// First pause before trying again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Longest pause: a person who plugs the cable in again waits no longer than this and one try.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Runs a link. Made by [`super::Link::new`].
pub struct Driver {
    shared: Arc<Shared>,
    bundle: Result<Bundle, Error>,
    options: Options,
}

/// What a connection's end means.
pub(super) enum End {
    /// For this reason.
    Because(Error),
    /// The person wished it.
    Wished(Wish),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Because(error)
    }
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, bundle: Result<Bundle, Error>, options: Options) -> Self {
        Self { shared, bundle, options }
    }

    /// Reports that there is nothing to run this driver on.
    pub fn fail(self, error: Error) {
        self.shared.scene.change(|model| model.state = State::Ended(error));
    }

    /// Runs until the person leaves, or the connection has ended for good and nobody asks for another.
    pub async fn run(self) {
        loop {
            let error = match self.session().await {
                End::Because(error) => error,
                End::Wished(_) => {
                    self.set(State::Ended(Error::EndedHere));
                    return;
                }
            };
            match error.fault() {
                Fault::Nobody => tracing::info!(%error, "Connection ended"),
                fault => tracing::warn!(fault = fault.name(), %error, "Connection ended"),
            }
            if !error.leaves_session() {
                self.shared.lock().token = None;
            }
            self.set(State::Ended(error));
            loop {
                self.shared.kick.notified().await;
                match self.shared.lock().wish.take() {
                    Some(Wish::Again) => break,
                    Some(Wish::Leave | Wish::End) => {
                        self.set(State::Ended(Error::EndedHere));
                        return;
                    }
                    None => {}
                }
            }
        }
    }

    fn set(&self, state: State) {
        self.shared.scene.change(|model| model.state = state);
    }

    /// Connects until there is a session, and again when it is lost, as long as that makes sense.
    async fn session(&self) -> End {
        let bundle = match &self.bundle {
            Ok(bundle) => bundle,
            Err(error) => return End::Because(error.clone()),
        };
        let tls = match tls::configuration(bundle) {
            Ok(tls) => tls,
            Err(error) => return End::Because(error),
        };
        let (mut attempt, mut pause, mut lost) = (0, FIRST_PAUSE, None::<Stamp>);
        loop {
            attempt += 1;
            self.set(match lost {
                None => State::Connecting { attempt },
                Some(_) => State::Reconnecting { attempt },
            });
            let mut attached = false;
            let end = self.once(bundle, &tls, &mut attached).await;
            let Err(End::Because(error)) = end else { return end.err().unwrap_or(End::Wished(Wish::Leave)) };
            if attached {
                (attempt, pause, lost) = (0, FIRST_PAUSE, Some(clock::now()));
                self.shared.scene.change(|model| model.stats.reconnected());
            }
            let give_up = match lost {
                None => attempt >= self.options.attempts,
                Some(since) => clock::now().since(since) > self.options.patience,
            };
            if !error.passes() || give_up {
                return End::Because(error);
            }
            tracing::warn!(fault = error.fault().name(), %error, attempt, "Will connect again");
            if attached {
                // The first try after a loss is immediate: a changed address or a restarted host answers at once.
                continue;
            }
            let wished = tokio::time::timeout(pause, self.wished()).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            match wished {
                Ok(Wish::Again) | Err(_) => {}
                Ok(wish) => return End::Wished(wish),
            }
        }
    }

    /// The person's next wish.
    async fn wished(&self) -> Wish {
        loop {
            if let Some(wish) = self.shared.lock().wish.take() {
                return wish;
            }
            self.shared.kick.notified().await;
        }
    }

    /// One connection, from looking the host up to its end. Never returns `Ok`.
    async fn once(&self, bundle: &Bundle, tls: &Configuration, attached: &mut bool) -> Result<(), End> {
        let (patience, last) = {
            let sending = self.shared.lock();
            (if sending.token.is_some() { HANDSHAKE_AGAIN } else { HANDSHAKE }, sending.last_way)
        };
        let (quic, tcp, choice) = (tls.quic.clone(), tls.stream.clone(), self.options.carrier);
        let race = Race { bundle, quic, tcp, choice, last, patience };
        let Won { carrier, udp_seems_closed } = tokio::select! {
            won = race.run() => won?,
            wish = self.leave_wish() => return Err(End::Wished(wish)),
        };
        let way = carrier.way();
        tracing::info!(carrier = way.name(), udp_seems_closed, "Connected");

        let now = clock::now();
        let how = {
            let mut sending = self.shared.lock();
            let how = sending.token.map_or(self.options.first, AttachHow::Resume);
            let mut config = Config::new(sending.viewport);
            config.capabilities = self.options.capabilities;
            config.locale = self.options.locale;
            config.keyboard = self.options.keyboard;
            config.how = how;
            sending.last_way = Some(way);
            sending.meter = Some(carrier.meter());
            sending.wire = Some(Wire::new(Connection::new(config, instant(now))));
            how
        };
        self.shared.scene.change(|model| {
            model.begin();
            model.stats.carried_by(way, udp_seems_closed);
        });
        let mut live = Live::new(&self.shared, &self.options, carrier, attached);
        let mut end = live.run().await.err().unwrap_or(End::Because(Error::Lost));
        if let End::Because(error) = &mut end {
            // The carrier may know better than the stream that broke first.
            if *error == Error::Lost
                && let Some(reason) = live.carrier.reason()
            {
                *error = reason;
            }
            let unknown = matches!(error, Error::Closed(CloseCode::UnknownResume));
            if unknown && !matches!(how, AttachHow::Resume(_)) {
                *error = Error::Closed(CloseCode::HostFailed);
            }
        }
        live.goodbye(&end).await;
        let wire = {
            let mut sending = self.shared.lock();
            sending.meter = None;
            sending.wire.take()
        };
        if wire.is_some_and(|wire| wire.connection.is_input_unconfirmed()) {
            self.shared.scene.change(|model| model.may_lack_input = true);
        }
        Err(end)
    }

    /// A wish to leave, while connecting. A wish to try again is what is being done already.
    async fn leave_wish(&self) -> Wish {
        loop {
            match self.wished().await {
                Wish::Again => {}
                wish => return wish,
            }
        }
    }
}
