//! When the browser is let draw.

use std::time::Instant;

use shoji_protocol::CanvasId;

use crate::fixture::{Host, PATIENCE, serve};

/// Leaves to draw, and how many of them were given after new pixels were composed and before they were encoded.
fn leaves(trace: &[serde_json::Value], canvas: CanvasId) -> (usize, usize) {
    let of = |name: &'static str| trace.iter().filter(move |line| line["ev"] == name && line["canvas"] == canvas.0);
    let number = |line: &serde_json::Value, key: &str| line[key].as_u64().unwrap_or_default();
    let mut encodings: Vec<(u64, u64)> =
        of("update").map(|line| (number(line, "composed"), number(line, "encoded"))).collect();
    // Later parts and refinement are of pixels that were composed before.
    encodings.dedup_by_key(|(composed, _)| *composed);
    let while_encoding = |t: u64| encodings.iter().any(|(composed, encoded)| *composed <= t && t < *encoded);
    let given: Vec<u64> = of("leave").map(|line| number(line, "t")).collect();
    (given.len(), given.iter().filter(|t| while_encoding(**t)).count())
}

#[test]
fn a_near_viewers_browser_may_draw_the_next_picture_while_the_last_one_is_encoded() {
    let url = format!("http://{}/", serve(include_str!("pages/turning.html")));
    let host = Host::showing(Some(&url));
    let (viewer, main) = host.view(1280, 800);
    let deadline = Instant::now() + PATIENCE;
    let mut update = 0;
    loop {
        let ahead = leaves(&host.trace(), main);
        if ahead.1 >= 10 {
            break;
        }
        // A machine that is busy with other things may need some time for a short round trip.
        assert!(Instant::now() < deadline, "of {} leaves {} came before the encoding", ahead.0, ahead.1);
        update += 60;
        viewer
            .wait_until("pictures", PATIENCE, |model| {
                model.view(main).filter(|view| view.update().0 >= update).map(|_| ())
            })
            .expect("the page goes on");
    }
}
