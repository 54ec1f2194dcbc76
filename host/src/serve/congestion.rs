//! How much may be in flight to a viewer: cubic (RFC 9438), but never less than an initial window.
//!
//! Cubic gives way at every lost packet and grows only while it is what holds the sender back. A session seldom is held back: it
//! sends a little now and then. So where packets are lost by chance, as by radio, cubic goes down to two packets and stays there, and
//! a picture of text needs two round trips. The window that every connection may begin with (RFC 9002, section 7.2) is no harm to a
//! network; what a session sends on a full link is bounded by its own flow besides.
//!
//! Must never let more into flight than cubic does above that window.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics, Cubic, CubicConfig};
use quinn_proto::RttEstimator;

use crate::limits;

/// Makes the controller of each connection.
#[derive(Debug)]
pub(super) struct Config {
    cubic: Arc<CubicConfig>,
}

impl Default for Config {
    fn default() -> Self {
        let mut cubic = CubicConfig::default();
        cubic.initial_window(limits::INITIAL_CONGESTION_WINDOW);
        Self { cubic: Arc::new(cubic) }
    }
}

impl ControllerFactory for Config {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Floored(Cubic::new(self.cubic.clone(), now, current_mtu)))
    }
}

/// Cubic with a floor.
#[derive(Debug, Clone)]
struct Floored(Cubic);

impl Controller for Floored {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.0.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        self.0.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, largest: Option<u64>) {
        self.0.on_end_acks(now, in_flight, app_limited, largest);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, is_persistent: bool, lost_bytes: u64) {
        self.0.on_congestion_event(now, sent, is_persistent, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.0.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.0.window().max(limits::MIN_CONGESTION_WINDOW)
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = self.0.metrics();
        metrics.congestion_window = self.window();
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.0.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn losses_by_chance_leave_an_initial_window_and_no_more() {
        let start = Instant::now();
        let config = Arc::new(Config::default());
        let mut controller = config.build(start, 1_200);
        assert_eq!(controller.window(), limits::INITIAL_CONGESTION_WINDOW);
        let mut before = controller.window();
        for second in 1..60 {
            let now = start + Duration::from_secs(second);
            controller.on_congestion_event(now, now, false, 1_200);
            assert!(controller.window() <= before);
            before = controller.window();
        }
        assert_eq!(controller.window(), limits::MIN_CONGESTION_WINDOW);
    }
}
