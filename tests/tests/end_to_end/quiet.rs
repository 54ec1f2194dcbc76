//! Nothing changes, nothing is sent; a blinking caret costs next to nothing.

use std::time::{Duration, Instant};

use crate::fixture::{Host, PATIENCE, serve};

#[test]
fn a_blinking_caret_costs_next_to_nothing() {
    let url = format!("http://{}/", serve(include_str!("pages/typing.html")));
    let host = Host::showing(Some(&url));
    let (viewer, main) = host.view(1280, 800);
    viewer.wait_quiet(Duration::from_secs(1), PATIENCE).expect("the page comes to rest");
    // Ten blinks are what is waited for, not a time: each is one update of the caret.
    let before = viewer.stats();
    let update = |viewer: &shoji_viewer::headless::Viewer| viewer.lock().view(main).map_or(0, |view| view.update().0);
    let first = update(&viewer);
    let started = Instant::now();
    viewer
        .wait_until("ten blinks", PATIENCE, |model| {
            model.view(main).filter(|view| view.update().0 >= first + 10).map(|_| ())
        })
        .expect("the caret blinks");
    let spent = viewer.stats().bytes_received - before.bytes_received;
    let seconds = started.elapsed().as_secs_f64();
    // A caret blinks twice a second: at most 1 kB/s, however slow the machine is.
    assert!((spent as f64) < 1000.0 * seconds.max(5.0), "{spent} bytes in {seconds:.1} s for ten blinks");
}

#[test]
fn where_nothing_changes_nothing_is_sent() {
    let url = format!("http://{}/", serve(include_str!("pages/text.html")));
    let host = Host::showing(Some(&url));
    let (viewer, main) = host.view(1280, 800);
    viewer.wait_quiet(Duration::from_secs(1), PATIENCE).expect("the page comes to rest");
    let first = viewer.lock().view(main).map_or(0, |view| view.update().0);
    // That nothing comes can only be waited for in vain.
    let vain = viewer.wait_until("an update", Duration::from_secs(3), |model| {
        model.view(main).filter(|view| view.update().0 > first).map(|_| ())
    });
    assert!(vain.is_err(), "an update of a page at rest");
}
