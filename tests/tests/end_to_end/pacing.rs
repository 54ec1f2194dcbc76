//! When the browser is let draw.

use std::time::Instant;

use crate::fixture::{Host, PATIENCE, serve};

/// Leaves to draw, and how many of them were given after a picture was composed and before it was encoded.
fn leaves(trace: &[serde_json::Value]) -> (usize, usize) {
    let of = |name: &'static str| trace.iter().filter(move |line| line["ev"] == name);
    let number = |line: &serde_json::Value, key: &str| line[key].as_u64().unwrap_or_default();
    let while_encoding =
        |t: u64| of("update").any(|update| number(update, "composed") <= t && t < number(update, "encoded"));
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
        let ahead = leaves(&host.trace());
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
