//! How much may be in flight to a viewer: cubic (RFC 9438), but never less than an initial window.
//!
//! Cubic gives way at every lost packet and grows only while it is what holds the sender back. A session seldom is held back: it
//! sends a little now and then. So where packets are lost by chance, as by radio, cubic goes down to two packets and stays there, and
//! a picture of text needs two round trips. RFC 9002 lets a connection begin with ten packets (section 7.2), and this one may have them
//! in flight again later, which that RFC does not provide for. It is accepted because what a session sends on a full link is bounded by
//! its own flow besides (a picture at a time, of the size that the link showed to carry), and because persistent congestion still goes
//! down to cubic's own two packets (section 7.6.2).
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
        Box::new(Floored { cubic: Cubic::new(self.cubic.clone(), now, current_mtu), is_dead: false })
    }
}

/// Cubic with a floor.
#[derive(Debug, Clone)]
struct Floored {
    cubic: Cubic,
    /// Nothing came through for a while, and cubic has not grown above the floor since.
    is_dead: bool,
}

impl Controller for Floored {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.cubic.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        self.cubic.on_ack(now, sent, bytes, app_limited, rtt);
        self.is_dead &= self.cubic.window() < limits::MIN_CONGESTION_WINDOW;
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, largest: Option<u64>) {
        self.cubic.on_end_acks(now, in_flight, app_limited, largest);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, is_persistent: bool, lost_bytes: u64) {
        self.cubic.on_congestion_event(now, sent, is_persistent, lost_bytes);
        self.is_dead |= is_persistent;
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.cubic.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        let floor = if self.is_dead { 0 } else { limits::MIN_CONGESTION_WINDOW };
        self.cubic.window().max(floor)
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = self.cubic.metrics();
        metrics.congestion_window = self.window();
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.cubic.initial_window()
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

    #[test]
    fn a_link_that_brings_nothing_through_is_left_to_cubic() {
        let start = Instant::now();
        let mut controller = Arc::new(Config::default()).build(start, 1_200);
        controller.on_congestion_event(start, start, true, 50_000);
        assert_eq!(controller.window(), 2 * 1_200);
        // Cubic grows one packet at a time there; the copy of a controller is as dead.
        assert_eq!(controller.clone_box().window(), 2 * 1_200);
    }
}
