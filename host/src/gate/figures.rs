//! What the gate knows of itself: metrics, and whether it is well, for a monitor on the same machine.
//!
//! Owns the counts and the small HTTP service that shows them. It must never say who is connected or what passes.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Router, middleware};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::relay::Counts;
use crate::limits;

macro_rules! figures {
    ($( $(#[doc = $doc:literal])* $name:ident: $kind:literal, $metric:literal; )*) => {
        /// Counts of the whole gate.
        #[derive(Debug, Default)]
        pub struct Figures {
            $( $(#[doc = $doc])* pub $name: AtomicU64, )*
        }

        impl Figures {
            /// As Prometheus reads it.
            pub fn text(&self) -> String {
                let mut text = String::new();
                $(
                    // Writing into a string cannot fail.
                    let _ = writeln!(text, concat!("# HELP ", $metric, $($doc,)* "\n# TYPE ", $metric, " ", $kind));
                    let _ = writeln!(text, concat!($metric, " {}"), self.$name.load(Ordering::Relaxed));
                )*
                text
            }
        }
    };
}

figures! {
    /// Connections of viewers now.
    connections: "gauge", "shoji_gate_connections";
    /// Of them, those with a session.
    attached: "gauge", "shoji_gate_attached";
    /// Connections of viewers that were let in.
    accepted: "counter", "shoji_gate_accepted_total";
    /// Newcomers that were not let in.
    refused: "counter", "shoji_gate_refused_total";
    /// Connections that the gate ended because one side broke a rule.
    cut: "counter", "shoji_gate_cut_total";
    /// Times at which input had to wait.
    delays: "counter", "shoji_gate_input_delays_total";
    /// Inputs that passed.
    inputs: "counter", "shoji_gate_inputs_total";
    /// Updates that passed.
    updates: "counter", "shoji_gate_updates_total";
    /// Their bytes.
    update_bytes: "counter", "shoji_gate_update_bytes_total";
    /// Tries to reach the host that failed.
    host_failures: "counter", "shoji_gate_host_failures_total";
    /// Whether the last try to reach the host failed.
    host_unreachable: "gauge", "shoji_gate_host_unreachable";
}

impl Figures {
    /// Adds what passed since the last time.
    pub(super) fn add(&self, before: Counts, now: Counts) {
        let add = |figure: &AtomicU64, before: u64, now: u64| figure.fetch_add(now - before, Ordering::Relaxed);
        add(&self.inputs, before.inputs, now.inputs);
        add(&self.updates, before.updates, now.updates);
        add(&self.update_bytes, before.update_bytes, now.update_bytes);
        add(&self.delays, before.delays, now.delays);
    }
}

/// Raises a gauge until it is dropped.
pub(super) struct Held<'a>(pub(super) &'a AtomicU64);

impl<'a> Held<'a> {
    pub(super) fn new(gauge: &'a AtomicU64) -> Self {
        gauge.fetch_add(1, Ordering::Relaxed);
        Self(gauge)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers monitors.
pub(super) async fn serve(listener: TcpListener, figures: Arc<Figures>) {
    let routes = Router::new().route("/healthz", get(health)).route("/metrics", get(metrics)).with_state(figures);
    let routes = routes.layer(middleware::map_response(plain));
    let room = Arc::new(Semaphore::new(limits::GATE_HEALTH_CONNECTIONS));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(limits::ACCEPT_PAUSE).await;
            continue;
        };
        let service = TowerToHyperService::new(routes.clone());
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).keep_alive(false).max_buf_size(limits::WEB_HEADERS);
            let serve = http.serve_connection(TokioIo::new(stream), service);
            // Whoever asks badly or slowly gets nothing.
            let _ = timeout(limits::GATE_HEALTH_TIMEOUT, serve).await;
            drop(permit);
        });
    }
}

async fn health(State(figures): State<Arc<Figures>>) -> Response {
    let unreachable = figures.host_unreachable.load(Ordering::Relaxed) != 0;
    match unreachable {
        false => (StatusCode::OK, "ok\n").into_response(),
        true => (StatusCode::SERVICE_UNAVAILABLE, "the host does not answer the gate\n").into_response(),
    }
}

async fn metrics(State(figures): State<Arc<Figures>>) -> Response {
    figures.text().into_response()
}

async fn plain(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, axum::http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    headers.insert(CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_lines_that_a_monitor_reads() {
        let figures = Figures::default();
        figures.add(Counts::default(), Counts { inputs: 7, ..Counts::default() });
        let text = figures.text();
        assert!(text.contains("# TYPE shoji_gate_inputs_total counter\nshoji_gate_inputs_total 7\n"), "{text}");
        assert!(text.contains("# HELP shoji_gate_connections Connections of viewers now.\n"), "{text}");
    }
}
