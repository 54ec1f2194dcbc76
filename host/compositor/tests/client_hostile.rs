//! Hostile clients: each is disconnected with a reason, and nobody else notices.

mod fixture;

use std::os::fd::AsFd;

use fixture::{Client, Fixture, Frame, viewport};
use shoji_compositor::{Event, Limit, Misbehaviour, limits};
use wayland_client::Proxy;
use wayland_client::protocol::{wl_compositor, wl_data_device_manager, wl_shm, wl_subcompositor, wl_surface};
use wayland_protocols::xdg::shell::client::xdg_positioner::ConstraintAdjustment as Adjust;
use wayland_protocols::xdg::shell::client::xdg_wm_base;

const RED: [u8; 4] = [0, 0, 200, 255];
const BLUE: [u8; 4] = [200, 0, 0, 255];
const XRGB: wl_shm::Format = wl_shm::Format::Xrgb8888;

/// Lets a second client do its worst beside a good one. Returns why it was disconnected.
fn attack(worst: impl FnOnce(&mut Fixture, &mut Client)) -> Misbehaviour {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut good = fixture.connect();
    let (window, canvas) = fixture.open(&mut good, (400, 300), RED);
    let mut bad = fixture.connect();
    worst(&mut fixture, &mut bad);
    let _ = fixture.try_trip(&mut bad);
    drop(bad);
    good.show(&window.surface, (400, 300), [200, 0, 0, 255]);
    fixture.trip(&mut good);
    assert_eq!(fixture.pixel(canvas, 399, 299), [0, 0, 200], "the good client goes on");
    let why: Vec<Misbehaviour> = fixture
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::ClientMisbehaved { why, remaining } => {
                assert_eq!(remaining, 1);
                Some(why)
            }
            _ => None,
        })
        .collect();
    assert_eq!(why.len(), 1, "{why:?}");
    why.into_iter().next().expect("there is exactly one")
}

fn protocol(interface: &str, code: u32) -> Misbehaviour {
    Misbehaviour::Protocol { interface: interface.to_owned(), code }
}

const INVALID_FORMAT: u32 = wl_shm::Error::InvalidFormat as u32;
const INVALID_STRIDE: u32 = wl_shm::Error::InvalidStride as u32;
const INVALID_FD: u32 = wl_shm::Error::InvalidFd as u32;

#[test]
fn a_buffer_that_is_empty_misaligned_or_outside_its_pool_is_a_protocol_error() {
    for (offset, width, height, stride) in [
        (0, 0, 10, 40),
        (0, 10, 0, 40),
        (0, -1, 10, 40),
        (0, 10, 10, 41),
        (0, 10, 10, 36),
        (0, 10, 10, -40),
        (4, 10, 10, 40),
        (-4, 10, 9, 40),
        (i32::MAX, 10, 10, 40),
        (0, 10, i32::MAX, 40),
        (0, i32::MAX, i32::MAX, i32::MAX - 3),
    ] {
        let why = attack(|_, client| {
            let (_file, pool) = client.pool(400);
            pool.create_buffer(offset, width, height, stride, XRGB, &client.handle, ());
        });
        assert_eq!(why, protocol("wl_shm_pool", INVALID_STRIDE), "{offset} {width} {height} {stride}");
    }
    let why = attack(|_, client| {
        let (_file, pool) = client.pool(400);
        pool.create_buffer(0, 10, 10, 40, wl_shm::Format::Rgb565, &client.handle, ());
    });
    assert_eq!(why, protocol("wl_shm_pool", INVALID_FORMAT));
}

#[test]
fn a_buffer_larger_than_any_window_is_over_the_limit() {
    let why = attack(|_, client| {
        let (_file, pool) = client.pool(8_193 * 4);
        pool.create_buffer(0, 1, 8_193, 4, XRGB, &client.handle, ());
    });
    assert_eq!(why, Misbehaviour::Limit(Limit::BufferSize));
}

#[test]
fn a_pool_that_is_empty_unmappable_or_shrinks_is_a_protocol_error() {
    let create = |size: i32| {
        attack(move |_, client| {
            let (file, _pool) = client.pool(400);
            client.bind::<wl_shm::WlShm>(1).create_pool(file.as_fd(), size, &client.handle, ());
        })
    };
    assert_eq!(create(0), protocol("wl_shm", INVALID_STRIDE));
    assert_eq!(create(-1), protocol("wl_shm", INVALID_STRIDE));
    assert_eq!(create(i32::MAX), Misbehaviour::Limit(Limit::Pools));
    let why = attack(|_, client| {
        let (read, _write) = std::io::pipe().expect("a pipe");
        client.bind::<wl_shm::WlShm>(1).create_pool(read.as_fd(), 400, &client.handle, ());
        client.connection.flush().expect("it is sent");
    });
    assert_eq!(why, protocol("wl_shm", INVALID_FD));
    for size in [0, -5, 399] {
        let why = attack(|_, client| client.pool(400).1.resize(size));
        assert_eq!(why, protocol("wl_shm_pool", INVALID_FD), "{size}");
    }
    assert_eq!(attack(|_, client| client.pool(400).1.resize(i32::MAX)), Misbehaviour::Limit(Limit::Pools));
}

#[test]
fn a_file_that_shrinks_under_its_buffer_ends_its_client_only() {
    for whole in [false, true] {
        let why = attack(|fixture, client| {
            let (window, _) = fixture.open(client, (400, 300), RED);
            let picture = client.picture((400, 300), RED);
            picture.file.set_len(if whole { 0 } else { 100_000 }).expect("the file is truncated");
            window.surface.attach(Some(&picture.buffer), 0, 0);
            window.surface.damage_buffer(0, 0, 400, 300);
            window.surface.commit();
        });
        assert_eq!(why, protocol("wl_buffer", INVALID_FD));
    }
}

#[test]
fn a_grown_pool_is_read_where_it_is_now() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    let size = 400 * 300 * 4;
    let (file, pool) = client.pool(4_096);
    file.set_len(2 * size as u64).expect("the file grows");
    // Step by step, as libwayland-cursor does: a mapping that grows in place must stay whole.
    for pages in [2, 3, 5, 8, 13, 100] {
        pool.resize(pages * 4_096);
    }
    pool.resize(2 * size);
    let buffer = pool.create_buffer(size, 400, 300, 1_600, XRGB, &client.handle, ());
    use std::os::unix::fs::FileExt;
    file.write_all_at(&[0, 200, 0, 0].repeat(400 * 300), size as u64).expect("the file is written");
    window.surface.attach(Some(&buffer), 0, 0);
    window.surface.damage_buffer(0, 0, 400, 300);
    window.surface.commit();
    // The objects go before the picture is composed; the picture is still that of the commit.
    buffer.destroy();
    pool.destroy();
    fixture.trip(&mut client);
    assert_eq!(fixture.pixel(canvas, 399, 299), [0, 200, 0]);
}

#[test]
fn too_many_of_anything_is_over_its_limit() {
    let why = attack(|_, client| {
        let compositor = client.bind::<wl_compositor::WlCompositor>(6);
        for _ in 0..=limits::MAX_SURFACES {
            compositor.create_surface(&client.handle, ());
        }
    });
    assert_eq!(why, Misbehaviour::Limit(Limit::Surfaces));

    let why = attack(|_, client| {
        for _ in 0..=limits::MAX_POOLS {
            client.pool(4);
        }
    });
    assert_eq!(why, Misbehaviour::Limit(Limit::Pools));

    let why = attack(|_, client| {
        let (_file, pool) = client.pool(4);
        for _ in 0..=limits::MAX_BUFFERS {
            pool.create_buffer(0, 1, 1, 4, XRGB, &client.handle, ());
        }
    });
    assert_eq!(why, Misbehaviour::Limit(Limit::Buffers));

    let why = attack(|_, client| {
        let surface = client.surface();
        for _ in 0..=limits::MAX_FRAME_CALLBACKS {
            surface.frame(&client.handle, Frame);
        }
    });
    assert_eq!(why, Misbehaviour::Limit(Limit::FrameCallbacks));

    let why = attack(|_, client| {
        let region = client.bind::<wl_compositor::WlCompositor>(6).create_region(&client.handle, ());
        for _ in 0..=limits::MAX_REGION_RECTS {
            region.add(0, 0, 1, 1);
        }
    });
    assert_eq!(why, Misbehaviour::Limit(Limit::Regions));

    let why = attack(|_, client| {
        let manager = client.bind::<wl_data_device_manager::WlDataDeviceManager>(3);
        let source = manager.create_data_source(&client.handle, ());
        for _ in 0..=limits::MAX_OFFERED_TYPES {
            source.offer("text/plain".to_owned());
        }
    });
    assert_eq!(why, Misbehaviour::Limit(Limit::OfferedTypes));
}

#[test]
fn callbacks_piled_up_over_many_commits_are_over_the_limit() {
    let why = attack(|fixture, client| {
        let (window, _) = fixture.open(client, (10, 10), RED);
        for _ in 0..=limits::MAX_FRAME_CALLBACKS {
            window.surface.frame(&client.handle, Frame);
            window.surface.commit();
        }
    });
    assert_eq!(why, Misbehaviour::Limit(Limit::FrameCallbacks));
}

#[test]
fn damage_without_end_is_merged() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let (window, canvas) = fixture.open(&mut client, (400, 300), RED);
    let picture = client.picture((400, 300), RED);
    picture.fill((0, 0, 400, 13), BLUE);
    window.surface.attach(Some(&picture.buffer), 0, 0);
    for step in 0..5_000 {
        if step % 100 == 0 {
            fixture.trip(&mut client);
        }
        window.surface.damage_buffer(step % 400, step / 400, 1, 1);
        window.surface.damage(i32::MIN, i32::MIN, 1, 1);
        window.surface.damage_buffer(i32::MAX, i32::MAX, i32::MAX, i32::MAX);
    }
    window.surface.commit();
    fixture.trip(&mut client);
    let damage = fixture.compositor.take_damage(canvas);
    assert!(damage.pixels() >= 5_000 && damage.rects().len() <= limits::MAX_DAMAGE_RECTS);
}

#[test]
fn towers_of_popups_and_subsurfaces_fall() {
    let why = attack(|fixture, client| {
        let (window, _) = fixture.open(client, (100, 100), RED);
        let mut parent = window.xdg;
        for _ in 0..=limits::MAX_POPUP_DEPTH {
            parent = client.popup(&parent, (1, 1), (10, 10), Adjust::empty()).xdg;
        }
    });
    assert_eq!(why, Misbehaviour::Limit(Limit::PopupDepth));

    let tower = |client: &Client, top: &wl_surface::WlSurface, height: usize| {
        let subcompositor = client.bind::<wl_subcompositor::WlSubcompositor>(1);
        let mut parent = top.clone();
        for _ in 0..height {
            let child = client.surface();
            subcompositor.get_subsurface(&child, &parent, &client.handle, ());
            parent = child;
        }
        parent
    };
    let why = attack(|_, client| {
        tower(client, &client.surface(), limits::MAX_SUBSURFACE_DEPTH + 1);
    });
    assert!(matches!(&why, Misbehaviour::Protocol { interface, .. } if interface == "wl_surface"), "{why:?}");
    // Two low towers, one put on the other.
    let why = attack(|_, client| {
        let half = limits::MAX_SUBSURFACE_DEPTH / 2 + 1;
        let (low, high) = (client.surface(), client.surface());
        let top = tower(client, &low, half);
        tower(client, &high, half);
        client.bind::<wl_subcompositor::WlSubcompositor>(1).get_subsurface(&high, &top, &client.handle, ());
    });
    assert!(matches!(&why, Misbehaviour::Protocol { interface, .. } if interface == "wl_surface"), "{why:?}");
}

#[test]
fn a_subsurface_of_itself_is_a_protocol_error() {
    let why = attack(|_, client| {
        let surface = client.surface();
        client.bind::<wl_subcompositor::WlSubcompositor>(1).get_subsurface(&surface, &surface, &client.handle, ());
    });
    assert!(matches!(why, Misbehaviour::Protocol { .. }), "{why:?}");
}

#[test]
fn a_buffer_before_the_first_configure_is_a_protocol_error() {
    let why = attack(|fixture, client| {
        let window = client.window();
        window.surface.commit();
        let _ = client.connection.flush();
        fixture.dispatch();
        client.show(&window.surface, (10, 10), RED);
        let _ = client.connection.flush();
    });
    assert!(matches!(&why, Misbehaviour::Protocol { interface, .. } if interface == "xdg_surface"), "{why:?}");
}

#[test]
fn windows_over_the_limit_are_closed_without_blame() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let windows: Vec<_> = (0..=limits::MAX_CANVASES).map(|_| client.window()).collect();
    fixture.trip(&mut client);
    assert_eq!(client.heard(&["close"]), "xdg_toplevel close");
    windows[0].toplevel.destroy();
    fixture.trip(&mut client);
}

#[test]
fn clients_over_the_limit_are_refused() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut clients: Vec<Client> = (0..limits::MAX_CLIENTS).map(|_| fixture.connect()).collect();
    assert!(fixture.try_connect().is_none());
    for client in &mut clients {
        fixture.trip(client);
    }
    let remaining = limits::MAX_CLIENTS;
    let why = Misbehaviour::Limit(Limit::Clients);
    assert_eq!(fixture.events(), [Event::ClientMisbehaved { why, remaining }]);
}

#[test]
fn garbage_on_the_socket_ends_its_client_only() {
    let word = |values: &[u32]| values.iter().flat_map(|value| value.to_ne_bytes()).collect::<Vec<u8>>();
    for (garbage, name) in [
        (vec![0xff; 200_000], "a message that is longer than any"),
        (word(&[1, 4 << 16]), "a message shorter than its own head"),
        (word(&[0, 8 << 16]), "a message to no object"),
        (word(&[4_000, 8 << 16]), "a message to an object that was never made"),
        (word(&[1, 8 << 16 | 77]), "a request that the display does not have"),
        (word(&[1, 12 << 16 | 1, 0]), "a new object of number zero"),
        (word(&[1, 12 << 16 | 1, 0xff00_0001]), "a new object of the server's numbers"),
    ] {
        let mut fixture = Fixture::new(viewport(400, 300, 120));
        let mut good = fixture.connect();
        let (window, canvas) = fixture.open(&mut good, (400, 300), RED);
        let mut bad = fixture.raw();
        bad.set_nonblocking(true).expect("a socket");
        let mut left = &garbage[..];
        // The compositor may have hung up before all is written.
        for _ in 0..1_000 {
            match std::io::Write::write(&mut bad, left) {
                Ok(written) => left = &left[written..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
            fixture.dispatch();
            if left.is_empty() {
                break;
            }
        }
        fixture.dispatch();
        let told: Vec<Event> = fixture.events();
        let ended = |event: &Event| {
            matches!(event, Event::ClientMisbehaved { remaining: 1, .. } | Event::ClientGone { remaining: 1 })
        };
        assert_eq!(told.iter().filter(|event| ended(event)).count(), 1, "{name}: {told:?}");
        good.show(&window.surface, (400, 300), BLUE);
        fixture.trip(&mut good);
        assert_eq!(fixture.pixel(canvas, 399, 299), [0, 0, 200], "{name}: the good client goes on");
    }
}

#[test]
fn a_second_role_is_a_protocol_error() {
    let why = attack(|_, client| {
        let base = client.bind::<xdg_wm_base::XdgWmBase>(6);
        let surface = client.surface();
        base.get_xdg_surface(&surface, &client.handle, ()).get_toplevel(&client.handle, ());
        client.bind::<wl_subcompositor::WlSubcompositor>(1).get_subsurface(
            &surface,
            &client.surface(),
            &client.handle,
            (),
        );
        assert!(surface.is_alive());
    });
    assert!(matches!(why, Misbehaviour::Protocol { .. }), "{why:?}");
}

#[test]
fn a_window_that_asks_for_states_and_reads_no_answer_is_disconnected() {
    let why = attack(|_, bad| {
        let window = bad.window();
        window.surface.commit();
        bad.connection.flush().expect("it can be written to");
        for _ in 0..=limits::MAX_CONFIGURES {
            window.toplevel.set_maximized();
        }
    });
    assert_eq!(why, Misbehaviour::Limit(Limit::Configures));
}
