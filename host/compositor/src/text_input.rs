//! Text fields of the browser: `zwp_text_input_v3`, with the compositor itself as the input method.
//!
//! Owns the text input objects, which of them has the focus, and the caret's rectangle. Text goes in by
//! [`State::type_text`]; text that comes before its field is ready, as right after a click into it, waits for it a moment,
//! and the keys after it wait behind it. What the client tells about the text around the caret is not kept, because
//! nothing but pixels leaves the session.

use smithay::reexports::wayland_protocols::wp::text_input::zv3::server::zwp_text_input_manager_v3::{
    self, ZwpTextInputManagerV3,
};
use smithay::reexports::wayland_protocols::wp::text_input::zv3::server::zwp_text_input_v3::{self, ZwpTextInputV3};
use smithay::reexports::wayland_server::backend::ClientId;
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, Weak,
};

use crate::clients::{ClientState, Ticket, blame};
use crate::limits::MAX_TEXT_INPUTS;
use crate::state::State;
use crate::types::{Event, Key, Limit, Time};
use crate::waiting::{Held, Waiting};

/// A rectangle in surface coordinates.
pub(crate) type Caret = (i32, i32, i32, i32);

/// What a client said about one of its text inputs, before and after its `commit`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Field {
    enabled: bool,
    caret: Option<Caret>,
}

#[derive(Debug)]
struct TextInput {
    object: ZwpTextInputV3,
    pending: Field,
    current: Field,
    /// How often the client committed: the serial of `done`.
    commits: u32,
    entered: bool,
}

/// Every text input of every client. Not to be printed: it may hold what somebody types.
#[derive(Default)]
pub(crate) struct TextInputs {
    all: Vec<TextInput>,
    focus: Option<Weak<WlSurface>>,
    waiting: Waiting,
    /// Texts that no field got and that were not told of yet.
    lost: usize,
}

impl TextInputs {
    /// The keyboard went to `surface`: so do the text inputs of its client.
    pub(crate) fn set_focus(&mut self, surface: Option<&WlSurface>) {
        let old = self.focus.take().and_then(|surface| surface.upgrade().ok());
        if old.as_ref() != surface {
            // What was typed for one window is not for another; but a key that was let go must not stay down.
            self.lost += self.waiting.keep_releases();
            for input in &mut self.all {
                // The old surface may be gone already; then there is nothing to leave, and the next is entered all the same.
                let entered = std::mem::take(&mut input.entered);
                if let (Some(old), true) = (&old, entered && input.object.is_alive()) {
                    input.object.leave(old);
                }
                input.pending = Field::default();
                input.current = Field::default();
            }
        }
        if let Some(surface) = surface {
            self.focus = Some(surface.downgrade());
            for input in &mut self.all {
                input.enter(surface);
            }
        }
    }

    /// Types `text` into the focused text field, if there is one.
    fn commit_text(&self, text: &str) {
        if let Some(input) = self.enabled() {
            input.object.commit_string(Some(text.to_owned()));
            input.object.done(input.commits);
        }
    }

    /// Until when something waits for a field.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.waiting.deadline()
    }

    /// The focused text field's surface and caret, in surface coordinates.
    pub(crate) fn caret(&self) -> Option<(WlSurface, Caret)> {
        let surface = self.focus.as_ref()?.upgrade().ok()?;
        let caret = self.enabled()?.current.caret?;
        Some((surface, caret))
    }

    fn enabled(&self) -> Option<&TextInput> {
        self.all.iter().find(|input| input.entered && input.current.enabled)
    }
}

impl State {
    /// Types text into the focused text field. Without one it waits for a moment: a page that is busy tells of the field that
    /// was clicked only after a while, and whoever types does not look first.
    pub(crate) fn type_text(&mut self, text: String) {
        if self.text_inputs.enabled().is_some() {
            self.text_inputs.commit_text(&text);
        } else if self.text_inputs.waiting.hold(Held::Text(text), self.now).is_err() {
            self.text_inputs.lost += 1;
            self.stop_waiting();
        }
    }

    /// Presses or releases a key, behind text that waits.
    pub(crate) fn type_key(&mut self, key: Key, pressed: bool) {
        if self.text_inputs.deadline().is_some() {
            if self.text_inputs.waiting.hold(Held::Key(key, pressed), self.now).is_ok() {
                return;
            }
            self.stop_waiting();
        }
        self.key(key, pressed);
    }

    /// Whether a key waits behind text: what else the hands do must not overtake it.
    pub(crate) fn keys_wait(&self) -> bool {
        self.text_inputs.waiting.holds_keys()
    }

    /// Another place was clicked: what waits is for nobody, and what comes is for that place.
    pub(crate) fn leave_field(&mut self) {
        self.stop_waiting();
        self.text_inputs.waiting.forget_excess();
    }

    /// Lets go what has waited long enough.
    pub(crate) fn give_up_late(&mut self) {
        if self.text_inputs.deadline().is_some_and(|at| at <= self.now) {
            self.stop_waiting();
        }
        self.tell_lost();
    }

    /// No field came: the text is for nobody, and the keys behind it are let through.
    pub(crate) fn stop_waiting(&mut self) {
        for held in self.text_inputs.waiting.take() {
            match held {
                Held::Text(_) => self.text_inputs.lost += 1,
                Held::Key(key, pressed) => self.key(key, pressed),
            }
        }
        self.tell_lost();
    }

    fn tell_lost(&mut self) {
        let texts = std::mem::take(&mut self.text_inputs.lost);
        if texts > 0 {
            self.event(Event::TextLost { texts });
        }
    }

    /// A field is enabled: it gets what was typed for it.
    fn field_is_ready(&mut self) {
        for held in self.text_inputs.waiting.take() {
            match held {
                Held::Text(text) => self.text_inputs.commit_text(&text),
                Held::Key(key, pressed) => self.key(key, pressed),
            }
        }
    }
}

impl TextInput {
    fn enter(&mut self, surface: &WlSurface) {
        if !self.entered && self.object.is_alive() && self.object.id().same_client_as(&surface.id()) {
            self.entered = true;
            self.object.enter(surface);
        }
    }
}

/// Offers the protocol.
pub(crate) fn create_global(display: &DisplayHandle) {
    display.create_global::<State, ZwpTextInputManagerV3, ()>(1, ());
}

impl GlobalDispatch<ZwpTextInputManagerV3, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<ZwpTextInputManagerV3>,
        (): &(),
        init: &mut DataInit<'_, Self>,
    ) {
        init.init(resource, ());
    }
}

impl Dispatch<ZwpTextInputManagerV3, ()> for State {
    fn request(
        state: &mut Self,
        client: &Client,
        _: &ZwpTextInputManagerV3,
        request: zwp_text_input_manager_v3::Request,
        (): &(),
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let zwp_text_input_manager_v3::Request::GetTextInput { id, .. } = request else { return };
        let Some(ticket) = ClientState::of(client).text_inputs.take(MAX_TEXT_INPUTS) else {
            blame(client, display, Limit::Objects);
            return;
        };
        let object = init.init(id, ticket);
        let mut input =
            TextInput { object, pending: Field::default(), current: Field::default(), commits: 0, entered: false };
        if let Some(surface) = state.text_inputs.focus.as_ref().and_then(|surface| surface.upgrade().ok()) {
            input.enter(&surface);
        }
        state.text_inputs.all.push(input);
    }
}

impl Dispatch<ZwpTextInputV3, Ticket> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        object: &ZwpTextInputV3,
        request: zwp_text_input_v3::Request,
        _: &Ticket,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        let before = state.text_inputs.caret();
        let Some(input) = state.text_inputs.all.iter_mut().find(|input| input.object == *object) else { return };
        match request {
            zwp_text_input_v3::Request::Enable => input.pending = Field { enabled: true, caret: None },
            zwp_text_input_v3::Request::Disable => input.pending = Field::default(),
            zwp_text_input_v3::Request::SetCursorRectangle { x, y, width, height } => {
                input.pending.caret = Some((x, y, width, height));
            }
            zwp_text_input_v3::Request::Commit => {
                input.commits = input.commits.wrapping_add(1);
                input.current = if input.entered { input.pending } else { Field::default() };
                // Chromium tells nothing new until what it told has been answered.
                object.done(input.commits);
                if input.current.enabled {
                    state.field_is_ready();
                }
            }
            _ => {}
        }
        if state.text_inputs.caret() != before {
            state.event(Event::Caret);
        }
    }

    fn destroyed(state: &mut Self, _: ClientId, object: &ZwpTextInputV3, _: &Ticket) {
        state.text_inputs.all.retain(|input| input.object != *object);
    }
}
