//! Pictures: mapping, damage, frame callbacks, subsurfaces, popups, scale, crop and transforms.

mod fixture;

use fixture::{Fixture, Frame, viewport};
use shoji_compositor::{CanvasId, CanvasKind, Event, Size, WindowState};
use wayland_client::protocol::{wl_output, wl_subcompositor};
use wayland_protocols::wp::fractional_scale::v1::client::wp_fractional_scale_manager_v1;
use wayland_protocols::wp::presentation_time::client::wp_presentation;
use wayland_protocols::wp::single_pixel_buffer::v1::client::wp_single_pixel_buffer_manager_v1;
use wayland_protocols::wp::viewporter::client::wp_viewporter;
use wayland_protocols::xdg::shell::client::xdg_positioner::ConstraintAdjustment as Adjust;

const RED: [u8; 4] = [0, 0, 200, 255];
const BLUE: [u8; 4] = [200, 0, 0, 255];
/// Half white.
const VEIL: [u8; 4] = [128, 128, 128, 128];

#[test]
fn the_first_window_is_maximized_to_the_viewport_and_opens_with_its_first_picture() {
    let mut fixture = Fixture::new(viewport(641, 479, 120));
    let mut client = fixture.connect();
    let window = client.window();
    window.surface.commit();
    fixture.trip(&mut client);
    insta::assert_snapshot!(client.heard(&["xdg_toplevel"]), @r"
    xdg_toplevel bounds 641x479
    xdg_toplevel configure 641x479 [Activated Maximized]
    ");
    assert_eq!(fixture.events(), []);
    client.show(&window.surface, (641, 479), RED);
    fixture.trip(&mut client);
    let canvas = CanvasId(1);
    let size = Size::new(641, 479);
    assert_eq!(
        fixture.events(),
        [
            Event::CanvasOpened { canvas, kind: CanvasKind::Window, parent: None, size },
            Event::Window { canvas, state: WindowState::Maximized },
            Event::Damaged { canvas },
        ]
    );
    assert_eq!(fixture.damage(canvas), ["0,0 641x479"]);
    assert_eq!(fixture.pixel(canvas, 640, 478), [200, 0, 0]);
    window.toplevel.destroy();
    fixture.trip(&mut client);
    assert_eq!(fixture.events(), [Event::CanvasClosed { canvas }]);
    assert!(fixture.compositor.canvas(canvas).is_none());
}

#[test]
fn damage_is_exact_and_a_commit_without_change_is_no_event() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    let picture = client.picture((400, 300), RED);
    picture.fill((10, 20, 3, 4), BLUE);
    picture.fill((390, 290, 10, 10), BLUE);
    window.surface.attach(Some(&picture.buffer), 0, 0);
    window.surface.damage_buffer(10, 20, 3, 4);
    window.surface.damage(390, 290, i32::MAX, i32::MAX);
    window.surface.commit();
    fixture.trip(&mut client);
    assert_eq!(fixture.events(), [Event::Damaged { canvas }]);
    assert_eq!(fixture.damage(canvas), ["10,20 3x4", "390,290 10x10"]);
    assert_eq!(fixture.pixel(canvas, 12, 23), [0, 0, 200]);
    assert_eq!(fixture.pixel(canvas, 13, 23), [200, 0, 0]);

    window.surface.commit();
    window.surface.attach(Some(&picture.buffer), 0, 0);
    window.surface.commit();
    fixture.trip(&mut client);
    assert_eq!(fixture.events(), []);
    assert_eq!(fixture.damage(canvas), [] as [String; 0]);
}

#[test]
fn damage_that_says_too_much_is_trimmed_to_the_rows_that_changed() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    let picture = client.picture((400, 300), RED);
    let mut damage_after = |changes: &[(i32, i32, i32, i32)], colour| {
        changes.iter().for_each(|change| picture.fill(*change, colour));
        window.surface.attach(Some(&picture.buffer), 0, 0);
        window.surface.damage_buffer(0, 10, 400, 290);
        window.surface.commit();
        fixture.trip(&mut client);
        let had_event = fixture.events() == [Event::Damaged { canvas }];
        let damage = fixture.damage(canvas);
        assert_eq!(had_event, !damage.is_empty());
        for (x, y, ..) in changes {
            assert_eq!(fixture.pixel(canvas, *x as u32, *y as u32), [colour[2], colour[1], colour[0]]);
        }
        damage
    };
    assert_eq!(damage_after(&[], BLUE), [] as [String; 0]);
    // One bounding rectangle around two far things is two; lines of one text are one.
    assert_eq!(damage_after(&[(5, 12, 3, 4), (390, 280, 2, 20)], BLUE), ["0,12 400x4", "0,280 400x20"]);
    assert_eq!(damage_after(&[(5, 100, 3, 4), (30, 120, 2, 8)], BLUE), ["0,100 400x28"]);
    // Far things beyond the limit share the last part, and a change of most is a change of all.
    let far = [10, 60, 110, 160, 210, 260].map(|y| (7, y, 1, 1));
    assert_eq!(
        damage_after(&far, BLUE),
        ["0,10 400x1", "0,110 400x1", "0,160 400x101", "0,60 400x1"].map(str::to_owned)
    );
    assert_eq!(damage_after(&[(0, 20, 400, 200)], BLUE), ["0,10 400x290"]);
}

#[test]
fn many_commits_before_one_look_become_one_damage_of_the_newest_picture() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    for step in 0..200 {
        let picture = client.picture((400, 300), BLUE);
        window.surface.attach(Some(&picture.buffer), 0, 0);
        window.surface.damage_buffer(step % 20 * 20, step / 20 * 20, 10, 10);
        window.surface.commit();
        if step % 50 == 0 {
            fixture.trip(&mut client);
        }
    }
    fixture.trip(&mut client);
    assert_eq!(fixture.events(), [Event::Damaged { canvas }]);
    let damage = fixture.compositor.take_damage(canvas);
    assert!(damage.rects().len() <= shoji_compositor::limits::MAX_DAMAGE_RECTS);
    assert!(damage.pixels() >= 200 * 100);
    for step in 0..200 {
        assert_eq!(fixture.pixel(canvas, step % 20 * 20, step / 20 * 20), [0, 0, 200]);
    }
}

#[test]
fn buffers_come_back_at_once_and_frame_callbacks_only_after_frame_done() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    let presentation = client.bind::<wp_presentation::WpPresentation>(1);
    window.surface.frame(&client.handle, Frame);
    presentation.feedback(&window.surface, &client.handle, ());
    client.show(&window.surface, (400, 300), BLUE);
    fixture.trip(&mut client);
    assert_eq!(fixture.events(), [Event::Damaged { canvas }, Event::FrameWanted { canvas }]);
    insta::assert_snapshot!(client.heard(&["frame", "wl_buffer", "presentation"]), @"wl_buffer Release");
    // Without damage the client waits just the same, and the caller hears of it.
    fixture.compositor.frame_done(canvas, fixture.now);
    fixture.trip(&mut client);
    insta::assert_snapshot!(client.heard(&["frame done", "feedback"]), @r"
    frame done
    wp_presentation_feedback Presented { tv_sec_hi: 0, tv_sec_lo: 1, tv_nsec: 0, refresh: 16666666, seq_hi: 0, seq_lo: 2, flags: Value(Kind(0x0)) }
    ");
    window.surface.frame(&client.handle, Frame);
    window.surface.commit();
    fixture.trip(&mut client);
    assert_eq!(fixture.events(), [Event::FrameWanted { canvas }]);
    fixture.compositor.frame_done(canvas, fixture.now);
    fixture.trip(&mut client);
    assert_eq!(client.heard(&["frame done"]), "frame done");
}

#[test]
fn a_surface_on_no_canvas_is_never_kept_waiting() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let surface = client.surface();
    surface.frame(&client.handle, Frame);
    client.show(&surface, (10, 10), RED);
    fixture.trip(&mut client);
    assert_eq!(client.heard(&["frame", "buffer"]), "wl_buffer Release\nframe done");
}

#[test]
fn a_subsurface_is_drawn_over_its_parent_moves_with_exact_damage_and_leaves_no_trace() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    let child = client.surface();
    let role =
        client.bind::<wl_subcompositor::WlSubcompositor>(1).get_subsurface(&child, &window.surface, &client.handle, ());
    role.set_desync();
    role.set_position(20, 30);
    client.show(&child, (50, 40), VEIL);
    window.surface.commit();
    fixture.trip(&mut client);
    assert_eq!(fixture.damage(canvas), ["20,30 50x40"]);
    assert_eq!(fixture.pixel(canvas, 20, 30), [228, 128, 128]);

    // The parent changes below: the change shows through.
    let picture = client.picture((400, 300), BLUE);
    window.surface.attach(Some(&picture.buffer), 0, 0);
    window.surface.damage_buffer(0, 0, 30, 40);
    window.surface.commit();
    fixture.trip(&mut client);
    assert_eq!(fixture.pixel(canvas, 0, 0), [0, 0, 200]);
    assert_eq!(fixture.pixel(canvas, 20, 30), [128, 128, 228]);
    assert_eq!(fixture.pixel(canvas, 40, 50), [228, 128, 128]);
    assert_eq!(fixture.compositor.take_damage(canvas).pixels(), 30 * 40);

    role.set_position(200, 30);
    window.surface.commit();
    fixture.trip(&mut client);
    assert_eq!(fixture.damage(canvas), ["20,30 50x40", "200,30 50x40"]);
    assert_eq!(fixture.pixel(canvas, 20, 30), [0, 0, 200]);
    assert_eq!(fixture.pixel(canvas, 40, 50), [200, 0, 0]);

    child.destroy();
    fixture.trip(&mut client);
    assert_eq!(fixture.damage(canvas), ["200,30 50x40"]);
    assert_eq!(fixture.pixel(canvas, 200, 30), [200, 0, 0]);
}

#[test]
fn a_popup_is_kept_inside_the_canvas() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    let places = [
        ((380, 290), Adjust::SlideX | Adjust::SlideY, (300, 250, 100, 50)),
        ((380, 290), Adjust::FlipX | Adjust::FlipY, (281, 241, 100, 50)),
        ((350, 10), Adjust::ResizeX, (350, 10, 50, 50)),
        // A client that allows nothing loses nothing either.
        ((380, 290), Adjust::empty(), (300, 250, 100, 50)),
        ((-500, -500), Adjust::empty(), (0, 0, 100, 50)),
    ];
    for (at, adjust, expected) in places {
        let popup = client.popup(&window.xdg, at, (100, 50), adjust);
        fixture.trip(&mut client);
        assert_eq!(client.heard.popup, Some(expected), "{at:?} {adjust:?}");
        client.show(&popup.surface, (expected.2, expected.3), BLUE);
        fixture.trip(&mut client);
        let (x, y, width, height) = expected;
        assert_eq!(fixture.damage(canvas), [format!("{x},{y} {width}x{height}")]);
        assert_eq!(fixture.pixel(canvas, x as u32, y as u32), [0, 0, 200]);
        popup.popup.destroy();
        fixture.trip(&mut client);
        assert_eq!(fixture.damage(canvas), [format!("{x},{y} {width}x{height}")]);
        assert_eq!(fixture.pixel(canvas, x as u32, y as u32), [200, 0, 0]);
    }
}

#[test]
fn a_popup_that_no_longer_fits_a_smaller_canvas_is_dismissed() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    let popup = client.popup(&window.xdg, (250, 100), (100, 50), Adjust::SlideX);
    fixture.trip(&mut client);
    client.show(&popup.surface, (100, 50), BLUE);
    fixture.trip(&mut client);
    fixture.compositor.resize(canvas, viewport(321, 299, 120));
    fixture.trip(&mut client);
    assert_eq!(client.heard.configured, Some((321, 299)));
    client.show(&window.surface, (321, 299), RED);
    fixture.trip(&mut client);
    assert_eq!(client.heard(&["xdg_popup"]), "xdg_popup done");
}

#[test]
fn a_canvas_follows_every_size_once_the_client_has_drawn_it() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    for (width, height) in [(321, 241), (3840, 2160), (323, 1001)] {
        fixture.compositor.resize(canvas, viewport(width, height, 120));
        fixture.trip(&mut client);
        assert_eq!(client.heard.configured, Some((width as i32, height as i32)));
        fixture.events();
        fixture.compositor.take_damage(canvas);
        client.show(&window.surface, (width as i32, height as i32), BLUE);
        fixture.trip(&mut client);
        let size = Size::new(width, height);
        assert_eq!(fixture.events(), [Event::CanvasResized { canvas, size }, Event::Damaged { canvas }]);
        assert_eq!(fixture.damage(canvas), [format!("0,0 {width}x{height}")]);
        assert_eq!(fixture.pixel(canvas, width - 1, height - 1), [0, 0, 200]);
    }
}

#[test]
fn a_fractional_scale_gives_the_clients_own_pixels_at_exactly_the_asked_size() {
    let mut fixture = Fixture::new(viewport(641, 479, 180));
    let mut client = fixture.connect();
    let window = client.window();
    client.bind::<wp_fractional_scale_manager_v1::WpFractionalScaleManagerV1>(1).get_fractional_scale(
        &window.surface,
        &client.handle,
        (),
    );
    let view = client.bind::<wp_viewporter::WpViewporter>(1).get_viewport(&window.surface, &client.handle, ());
    window.surface.commit();
    fixture.trip(&mut client);
    insta::assert_snapshot!(client.heard(&["scale", "configure"]), @r"
    wp_fractional_scale_v1 PreferredScale { scale: 180 }
    xdg_toplevel configure 428x320 [Activated Maximized]
    ");
    // 428 x 1.5 = 642 and 320 x 1.5 = 480: one pixel more each way, which is cropped.
    view.set_destination(428, 320);
    let picture = client.picture((642, 480), RED);
    picture.fill((640, 478, 1, 1), BLUE);
    window.surface.attach(Some(&picture.buffer), 0, 0);
    window.surface.commit();
    fixture.trip(&mut client);
    let canvas = CanvasId(1);
    let view = fixture.compositor.canvas(canvas).expect("it opened");
    assert_eq!(view.size, Size::new(641, 479));
    assert_eq!(fixture.pixel(canvas, 640, 478), [0, 0, 200]);
    assert_eq!(fixture.pixel(canvas, 639, 478), [200, 0, 0]);
    // Damage in surface coordinates grows to whole pixels: (1,1)-(2,2) covers 1.5 to 3.
    fixture.compositor.take_damage(canvas);
    picture.fill((1, 1, 2, 2), BLUE);
    window.surface.attach(Some(&picture.buffer), 0, 0);
    window.surface.damage(1, 1, 1, 1);
    window.surface.commit();
    fixture.trip(&mut client);
    assert_eq!(fixture.damage(canvas), ["1,1 2x2"]);
}

#[test]
fn crop_stretch_scale_and_transform_are_obeyed() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    let child = client.surface();
    let subcompositor = client.bind::<wl_subcompositor::WlSubcompositor>(1);
    subcompositor.get_subsurface(&child, &window.surface, &client.handle, ()).set_desync();
    let view = client.bind::<wp_viewporter::WpViewporter>(1).get_viewport(&child, &client.handle, ());
    // The right half of a picture, stretched to 40x40.
    let picture = client.picture((20, 10), BLUE);
    picture.fill((10, 0, 10, 10), [0, 200, 0, 255]);
    view.set_source(10.0, 0.0, 10.0, 10.0);
    view.set_destination(40, 40);
    child.attach(Some(&picture.buffer), 0, 0);
    child.commit();
    window.surface.commit();
    fixture.trip(&mut client);
    assert_eq!(fixture.damage(canvas), ["0,0 40x40"]);
    assert_eq!((fixture.pixel(canvas, 5, 5), fixture.pixel(canvas, 39, 39)), ([0, 200, 0], [0, 200, 0]));
    // The same picture with no new buffer, now its left half.
    view.set_source(0.0, 0.0, 10.0, 10.0);
    child.commit();
    fixture.trip(&mut client);
    assert_eq!((fixture.pixel(canvas, 0, 0), fixture.pixel(canvas, 20, 39)), ([0, 0, 200], [0, 0, 200]));
    // Whole, turned by 90 degrees: 10x20 with the green half where `wl_output.transform` says.
    view.set_source(-1.0, -1.0, -1.0, -1.0);
    view.set_destination(-1, -1);
    child.set_buffer_transform(wl_output::Transform::_90);
    child.attach(Some(&picture.buffer), 0, 0);
    child.commit();
    fixture.trip(&mut client);
    let column: Vec<[u8; 3]> = [2, 17, 22].iter().map(|y| fixture.pixel(canvas, 5, *y)).collect();
    assert_eq!(column, [[0, 0, 200], [0, 200, 0], [200, 0, 0]]);
    // Twice the resolution: 10x5 on the canvas.
    child.set_buffer_transform(wl_output::Transform::Normal);
    child.set_buffer_scale(2);
    child.attach(Some(&picture.buffer), 0, 0);
    child.commit();
    fixture.trip(&mut client);
    assert_eq!((fixture.pixel(canvas, 2, 2), fixture.pixel(canvas, 7, 2)), ([0, 0, 200], [0, 200, 0]));
    assert_eq!(fixture.pixel(canvas, 2, 8), [200, 0, 0]);
}

#[test]
fn a_single_pixel_stretches_to_a_colour() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    let child = client.surface();
    let subcompositor = client.bind::<wl_subcompositor::WlSubcompositor>(1);
    subcompositor.get_subsurface(&child, &window.surface, &client.handle, ()).set_desync();
    let view = client.bind::<wp_viewporter::WpViewporter>(1).get_viewport(&child, &client.handle, ());
    let manager = client.bind::<wp_single_pixel_buffer_manager_v1::WpSinglePixelBufferManagerV1>(1);
    let half = u32::MAX / 2;
    let buffer = manager.create_u32_rgba_buffer(half, half, half, half, &client.handle, ());
    view.set_destination(100, 100);
    child.attach(Some(&buffer), 0, 0);
    child.commit();
    window.surface.commit();
    fixture.trip(&mut client);
    assert_eq!(fixture.damage(canvas), ["0,0 100x100"]);
    let [red, green, blue] = fixture.pixel(canvas, 99, 99);
    assert!(red.abs_diff(227) <= 1 && green.abs_diff(127) <= 1 && blue.abs_diff(127) <= 1, "{red} {green} {blue}");
    assert_eq!(fixture.pixel(canvas, 100, 99), [200, 0, 0]);
}

#[test]
fn a_window_with_a_shadow_shows_only_its_geometry() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    fixture.open(&mut client, (400, 300), RED);
    let dialog = client.window();
    dialog.xdg.set_window_geometry(10, 10, 80, 60);
    dialog.surface.commit();
    fixture.trip(&mut client);
    assert_eq!(client.heard.configured, Some((0, 0)));
    let picture = client.picture((100, 80), [0, 0, 0, 40]);
    picture.fill((10, 10, 80, 60), BLUE);
    dialog.surface.attach(Some(&picture.buffer), 0, 0);
    dialog.surface.commit();
    fixture.trip(&mut client);
    let opened = fixture.events();
    let Event::CanvasOpened { canvas, size, .. } = opened[0] else { panic!("{opened:?}") };
    assert_eq!(size, Size::new(80, 60));
    assert_eq!((fixture.pixel(canvas, 0, 0), fixture.pixel(canvas, 79, 59)), ([0, 0, 200], [0, 0, 200]));
}
