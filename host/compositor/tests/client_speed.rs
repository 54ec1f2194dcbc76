//! What a commit costs, as a bound loose enough for a busy machine and a figure to read (`--nocapture`).

mod fixture;

use std::time::{Duration, Instant};

use fixture::{Fixture, viewport};

const RED: [u8; 4] = [0, 0, 200, 255];

#[test]
fn a_full_hd_commit_and_a_caret_cost_little() {
    let mut fixture = Fixture::new(viewport(1920, 1080, 120));
    let mut client = fixture.connect();
    let (window, canvas) = fixture.open(&mut client, (1920, 1080), RED);
    let picture = client.picture((1920, 1080), RED);
    let mut measure = |width: i32, height: i32| {
        let mut times: Vec<Duration> = (0..60)
            .map(|_| {
                window.surface.attach(Some(&picture.buffer), 0, 0);
                window.surface.damage_buffer(100.min(1920 - width), 100.min(1080 - height), width, height);
                window.surface.commit();
                client.connection.flush().expect("the commit is sent");
                let start = Instant::now();
                fixture.dispatch();
                let time = start.elapsed();
                fixture.compositor.take_damage(canvas);
                fixture.events();
                time
            })
            .collect();
        times.sort();
        (times[0], times[times.len() / 2])
    };
    let (whole, caret) = (measure(1920, 1080), measure(1, 33));
    eprintln!("a dispatch with one commit, (least, median): 1920x1080 {whole:?}, 1x33 {caret:?}");
    // The least of many: other work on the machine only ever adds. One plain copy of 8 MB is about a millisecond.
    assert!(whole.0 < Duration::from_millis(10) && caret.0 < Duration::from_millis(1), "{whole:?} {caret:?}");
}
