//! Who is connected, what each may still use, and why one left.
//!
//! Owns the per-client counters behind the limits and the record of departures. A client that breaks a limit is
//! blamed here, once, and disconnected; nothing here may end the session of another client.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use smithay::reexports::wayland_server::backend::protocol::ProtocolError;
use smithay::reexports::wayland_server::backend::{ClientData, ClientId, DisconnectReason};
use smithay::reexports::wayland_server::{Client, DisplayHandle};
use smithay::wayland::compositor::CompositorClientState;

use crate::types::{Limit, Misbehaviour};

/// Counts things that a client owns. A [`Ticket`] is one of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter(Arc<AtomicUsize>);

impl Counter {
    /// One more, unless that is more than `limit`.
    pub(crate) fn take(&self, limit: usize) -> Option<Ticket> {
        if self.0.fetch_add(1, Ordering::Relaxed) < limit {
            Some(Ticket(Arc::clone(&self.0)))
        } else {
            self.0.fetch_sub(1, Ordering::Relaxed);
            None
        }
    }
}

/// One counted thing; dropping it gives the count back.
#[derive(Debug)]
pub(crate) struct Ticket(Arc<AtomicUsize>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a client left. None: it closed its connection.
pub(crate) type Departure = Option<Misbehaviour>;

/// The departures since they were last looked at. Shared with the display, which reports them without our state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Departures(Arc<Mutex<Vec<Departure>>>);

impl Departures {
    pub(crate) fn take(&self) -> Vec<Departure> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is kept for each client.
#[derive(Debug, Default)]
pub(crate) struct ClientState {
    pub(crate) compositor: CompositorClientState,
    pub(crate) surfaces: Counter,
    pub(crate) pools: Counter,
    pub(crate) buffers: Counter,
    pub(crate) text_inputs: Counter,
    departures: Departures,
    blame: Mutex<Option<Limit>>,
    gone: AtomicBool,
}

impl ClientState {
    pub(crate) fn new(departures: Departures) -> Self {
        Self { departures, ..Self::default() }
    }

    pub(crate) fn of(client: &Client) -> &Self {
        client.get_data::<Self>().expect("every client is inserted with a ClientState")
    }
}

impl ClientState {
    /// Whether the client was disconnected.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

impl ClientData for ClientState {
    fn disconnected(&self, _client: ClientId, reason: DisconnectReason) {
        self.gone.store(true, Ordering::Relaxed);
        let limit = self.blame.lock().unwrap_or_else(PoisonError::into_inner).take();
        let departure = match (limit, reason) {
            (Some(limit), _) => Some(Misbehaviour::Limit(limit)),
            (None, DisconnectReason::ConnectionClosed) => None,
            (None, DisconnectReason::ProtocolError(error)) => {
                Some(Misbehaviour::Protocol { interface: error.object_interface, code: error.code })
            }
        };
        self.departures.0.lock().unwrap_or_else(PoisonError::into_inner).push(departure);
    }
}

/// Disconnects `client` for going over `limit`.
pub(crate) fn blame(client: &Client, display: &DisplayHandle, limit: Limit) {
    *ClientState::of(client).blame.lock().unwrap_or_else(PoisonError::into_inner) = Some(limit);
    client.kill(
        display,
        ProtocolError {
            code: WL_DISPLAY_ERROR_IMPLEMENTATION,
            object_id: 1,
            object_interface: "wl_display".to_owned(),
            message: format!("over the limit of {limit:?}"),
        },
    );
}

/// `wl_display.error.implementation`.
const WL_DISPLAY_ERROR_IMPLEMENTATION: u32 = 3;
