//! At rest the viewer's canvas equals the host's, bit for bit: on text, on photos, on film.

use std::time::{Duration, Instant};

use shoji_protocol::CanvasId;
use shoji_viewer::headless::Viewer;

use crate::fixture::{Host, PATIENCE, is_colour, serve};

/// Waits until the host says that it rests at the update that the viewer has, and compares the digests.
pub(crate) fn assert_equal_at_rest(host: &Host, viewer: &Viewer, canvas: CanvasId) {
    let started = Instant::now();
    loop {
        viewer.wait_quiet(Duration::from_millis(300), PATIENCE).expect("the page comes to rest");
        let mine = {
            let model = viewer.lock();
            let view = model.view(canvas).expect("the canvas is open");
            (view.update().0, view.canvas().and_then(|picture| shoji_codec::digest(&picture.frame())))
        };
        let rest = host.trace().into_iter().rev().find(|line| line["ev"] == "rest" && line["canvas"] == canvas.0);
        if let Some(rest) = rest
            && rest["update"] == mine.0
        {
            assert_eq!(rest["digest"].as_u64(), mine.1, "the canvases differ at rest");
            return;
        }
        assert!(started.elapsed() < PATIENCE, "the host never rested at the viewer's update {}", mine.0);
    }
}

/// The page's marker, painted when all of it is there: one pure colour in the lower left corner of the window.
fn wait_for_marker(viewer: &Viewer, canvas: CanvasId) {
    viewer
        .wait_canvas(canvas, PATIENCE, |picture| {
            is_colour(picture, 8, picture.size().height - 8, [1, 128, 254]).then_some(())
        })
        .expect("the page paints its marker");
}

#[test]
fn a_page_of_text_is_equal_at_rest() {
    let url = format!("http://{}/", serve(include_str!("pages/text.html")));
    let host = Host::showing(Some(&url));
    let (viewer, main) = host.view(1280, 800);
    wait_for_marker(&viewer, main);
    assert_equal_at_rest(&host, &viewer, main);
}

#[test]
fn a_page_of_photos_is_equal_at_rest() {
    let url = format!("http://{}/", serve(include_str!("pages/photo.html")));
    let host = Host::showing(Some(&url));
    let (viewer, main) = host.view(1281, 801);
    wait_for_marker(&viewer, main);
    assert_equal_at_rest(&host, &viewer, main);
}

#[test]
fn a_film_that_stopped_is_equal_at_rest_after_it_came_as_video() {
    let url = format!("http://{}/", serve(include_str!("pages/film.html")));
    let host = Host::showing(Some(&url));
    let (viewer, main) = host.view(1280, 800);
    wait_for_marker(&viewer, main);
    assert_equal_at_rest(&host, &viewer, main);
    // 120 pictures of 960x600 noisy pixels are 270 MB: only video brings them in this few bytes.
    assert!(viewer.stats().bytes_received < 40_000_000, "{} bytes: was that video?", viewer.stats().bytes_received);
}

#[test]
fn the_welcome_page_is_equal_at_rest() {
    let host = Host::showing(None);
    let (viewer, main) = host.view(1920, 1080);
    viewer.wait_quiet(Duration::from_millis(500), PATIENCE).expect("the page comes to rest");
    assert_equal_at_rest(&host, &viewer, main);
}
