//! What windows ask of their shell beside their place: whose the frame is, and which window gets the keyboard.

mod fixture;

use fixture::{Client, Fixture, viewport};
use shoji_compositor::{Input, Key};
use wayland_client::protocol::wl_seat;
use wayland_protocols::xdg::activation::v1::client::xdg_activation_v1;
use wayland_protocols::xdg::decoration::zv1::client::zxdg_decoration_manager_v1;
use wayland_protocols::xdg::decoration::zv1::client::zxdg_toplevel_decoration_v1::{
    Mode, ZxdgToplevelDecorationV1 as Decoration,
};

const RED: [u8; 4] = [0, 0, 200, 255];

/// A client that hears what the keyboard says.
fn typist(fixture: &mut Fixture) -> Client {
    let mut client = fixture.connect();
    client.bind::<wl_seat::WlSeat>(9).get_keyboard(&client.handle, ());
    fixture.trip(&mut client);
    client
}

#[test]
fn a_window_draws_no_frame_even_if_it_asks_to() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let mut client = fixture.connect();
    let window = client.window();
    let manager = client.bind::<zxdg_decoration_manager_v1::ZxdgDecorationManagerV1>(1);
    let decoration = manager.get_toplevel_decoration(&window.toplevel, &client.handle, ());
    window.surface.commit();
    fixture.trip(&mut client);
    insta::assert_snapshot!(client.heard(&["decoration"]), @"zxdg_toplevel_decoration_v1 Configure { mode: Value(ServerSide) }");
    // Each wish is answered, and the mode stays.
    for wish in [|of: &Decoration| of.set_mode(Mode::ClientSide), |of: &Decoration| of.unset_mode()] {
        wish(&decoration);
        fixture.trip(&mut client);
        let answer = client.heard(&["xdg_toplevel", "decoration"]);
        assert!(answer.contains("xdg_toplevel configure") && !answer.contains("ClientSide"), "{answer}");
    }
}

#[test]
fn an_activated_window_gets_the_keyboard() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let (mut first, mut second) = (typist(&mut fixture), typist(&mut fixture));
    let (window, canvas) = fixture.open(&mut first, (400, 300), RED);
    fixture.input(Input::Focus { canvas: Some(canvas) });
    fixture.open(&mut second, (400, 300), RED);
    fixture.trip(&mut first);
    assert!(first.heard(&["wl_keyboard"]).contains("leave"), "the newer window took the keyboard");
    let activation = first.bind::<xdg_activation_v1::XdgActivationV1>(1);
    activation.get_activation_token(&first.handle, ()).commit();
    fixture.trip(&mut first);
    let token = first.heard.token.take().expect("the token comes");
    activation.activate(token.clone(), &window.surface);
    fixture.trip(&mut first);
    fixture.trip(&mut second);
    fixture.input(Input::Key { key: Key(30), pressed: true });
    fixture.trip(&mut first);
    fixture.trip(&mut second);
    insta::assert_snapshot!(first.heard(&["wl_keyboard"]), @r"
    wl_keyboard enter
    wl_keyboard key 30 Ok(Pressed)
    ");
    assert!(second.heard(&["wl_keyboard"]).ends_with("wl_keyboard leave"));
}

#[test]
fn a_token_works_once_and_a_made_up_one_never() {
    let mut fixture = Fixture::new(viewport(400, 300, 120));
    let (mut first, mut second) = (typist(&mut fixture), typist(&mut fixture));
    let (window, canvas) = fixture.open(&mut first, (400, 300), RED);
    let activation = first.bind::<xdg_activation_v1::XdgActivationV1>(1);
    activation.get_activation_token(&first.handle, ()).commit();
    fixture.trip(&mut first);
    let token = first.heard.token.take().expect("the token comes");
    fixture.input(Input::Focus { canvas: Some(canvas) });
    activation.activate(token.clone(), &window.surface);
    fixture.trip(&mut first);
    let (_other, _) = fixture.open(&mut second, (400, 300), RED);
    fixture.trip(&mut first);
    first.heard(&[]);
    for token in [token, "made up".to_owned()] {
        activation.activate(token, &window.surface);
        fixture.trip(&mut first);
        assert_eq!(first.heard(&["wl_keyboard"]), "");
    }
}
