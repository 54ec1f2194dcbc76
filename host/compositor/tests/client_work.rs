//! Nothing is drawn twice: what a commit costs, counted in pixels.

mod fixture;

use fixture::{Client, Fixture, Window, viewport};
use shoji_compositor::CanvasId;
use wayland_client::protocol::wl_subcompositor;

const RED: [u8; 4] = [0, 0, 200, 255];
const BLUE: [u8; 4] = [200, 0, 0, 255];
const HALF: [u8; 4] = [100, 0, 0, 128];

/// How many pixels it takes to bring a commit to the canvas.
fn drawn_by(fixture: &mut Fixture, client: &mut Client, canvas: CanvasId, commit: impl FnOnce(&Client)) -> u64 {
    let before = fixture.compositor.drawn(canvas);
    commit(client);
    fixture.trip(client);
    fixture.compositor.drawn(canvas) - before
}

fn window(size: (u32, u32)) -> (Fixture, Client, Window, CanvasId) {
    let mut fixture = Fixture::new(viewport(size.0, size.1, 120));
    let mut client = fixture.connect();
    let (window, canvas) = fixture.open(&mut client, (size.0 as i32, size.1 as i32), RED);
    (fixture, client, window, canvas)
}

#[test]
fn a_commit_costs_its_damage_and_a_commit_without_damage_nothing() {
    let (mut fixture, mut client, window, canvas) = window((1920, 1080));
    let picture = client.picture((1920, 1080), BLUE);
    for (x, y, width, height) in [(0, 0, 1920, 1080), (100, 100, 1, 33), (0, 56, 1920, 1024)] {
        let drawn = drawn_by(&mut fixture, &mut client, canvas, |_| {
            window.surface.attach(Some(&picture.buffer), 0, 0);
            window.surface.damage_buffer(x, y, width, height);
            window.surface.commit();
        });
        assert_eq!(drawn, (width * height) as u64, "{width}x{height}");
    }
    let drawn = drawn_by(&mut fixture, &mut client, canvas, |_| {
        window.surface.attach(Some(&picture.buffer), 0, 0);
        window.surface.commit();
    });
    assert_eq!(drawn, 0);
}

#[test]
fn of_two_commits_in_one_dispatch_only_the_newer_is_drawn() {
    let (mut fixture, mut client, window, canvas) = window((400, 300));
    let drawn = drawn_by(&mut fixture, &mut client, canvas, |client| {
        client.show(&window.surface, (400, 300), [0, 200, 0, 255]);
        client.show(&window.surface, (400, 300), BLUE);
    });
    assert_eq!(drawn, 400 * 300);
    assert_eq!(fixture.pixel(canvas, 200, 150), [0, 0, 200]);
}

#[test]
fn overlapping_damage_is_drawn_once() {
    let (mut fixture, mut client, window, canvas) = window((400, 300));
    let picture = client.picture((400, 300), BLUE);
    let drawn = drawn_by(&mut fixture, &mut client, canvas, |_| {
        window.surface.attach(Some(&picture.buffer), 0, 0);
        window.surface.damage_buffer(0, 0, 100, 100);
        window.surface.damage_buffer(50, 50, 100, 100);
        window.surface.damage_buffer(0, 0, 100, 100);
        window.surface.commit();
    });
    assert_eq!(drawn, 100 * 100 * 2 - 50 * 50);
}

#[test]
fn under_a_subsurface_only_what_shows_through_is_drawn_again() {
    let (mut fixture, mut client, window, canvas) = window((400, 300));
    let child = client.surface();
    let subcompositor = client.bind::<wl_subcompositor::WlSubcompositor>(1);
    subcompositor.get_subsurface(&child, &window.surface, &client.handle, ()).set_desync();
    client.show(&child, (40, 20), HALF);
    window.surface.commit();
    fixture.trip(&mut client);
    // The child alone changes: its pixels are taken over, the window's under it restored, the child's drawn over them.
    let drawn = drawn_by(&mut fixture, &mut client, canvas, |client| {
        client.show(&child, (40, 20), HALF);
    });
    assert_eq!(drawn, 3 * 40 * 20);
    // The window changes beside the child: the child is not drawn.
    let picture = client.picture((400, 300), BLUE);
    let drawn = drawn_by(&mut fixture, &mut client, canvas, |_| {
        window.surface.attach(Some(&picture.buffer), 0, 0);
        window.surface.damage_buffer(100, 100, 50, 50);
        window.surface.commit();
    });
    assert_eq!(drawn, 50 * 50);
    // Under the child: the window's pixels are taken over, restored, and the child's drawn over them.
    let drawn = drawn_by(&mut fixture, &mut client, canvas, |_| {
        window.surface.attach(Some(&picture.buffer), 0, 0);
        window.surface.damage_buffer(0, 0, 10, 10);
        window.surface.commit();
    });
    assert_eq!(drawn, 3 * 10 * 10);
}
