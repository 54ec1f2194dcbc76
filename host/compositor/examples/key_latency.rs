//! Key press to committed pixels with a real Chromium and no transport: the floor under every end-to-end figure.
//!
//! `cargo run --release -p shoji-compositor --example key_latency -- [COUNT]` prints milliseconds from
//! `Compositor::input` until the page's answer is in the canvas, and what composition alone cost.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use shoji_compositor::{Input, Key};
use support::{Session, viewport};

fn main() {
    let count: usize = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(60);
    let body = "<script>let n=0;onkeydown=()=>{n++;b.style.background=n%2?'#fff':'#000'}</script>\
                <div id=b style='position:fixed;left:100px;top:100px;width:24px;height:24px;background:#000'></div>";
    let mut session = Session::start_at(body, viewport(1920, 1080, 120));
    session.settle(Duration::from_millis(500));
    let block = (110, 100 + 87 + 10);
    let mut times = Vec::new();
    for turn in 0..count {
        let colour = if turn % 2 == 0 { [255; 3] } else { [0; 3] };
        // An uneven pause, so that no clock falls in step with the keys.
        session.run_for(Duration::from_millis(120 + (turn as u64 * 37) % 97));
        let main = session.main();
        let start = Instant::now();
        session.input(Input::Key { key: Key(30), pressed: true });
        while session.pixel(main, block.0, block.1) != colour {
            session.step(Instant::now() + Duration::from_secs(5));
        }
        times.push(start.elapsed());
        session.input(Input::Key { key: Key(30), pressed: false });
    }
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1_000.0;
    println!("key to canvas over {count} keys: p50 {:.2} ms, p95 {:.2} ms, least {:.2} ms", at(50), at(95), at(0));
    let dispatches = session.dispatch_times();
    println!(
        "dispatches with damage: {} of which the longest took {:.3} ms, the median {:.3} ms",
        dispatches.len(),
        dispatches.last().copied().unwrap_or_default() * 1e3,
        dispatches.get(dispatches.len() / 2).copied().unwrap_or_default() * 1e3
    );
}
