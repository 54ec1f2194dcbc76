//! Text fields of the browser: `zwp_text_input_v3`, with the compositor itself as the input method.
//!
//! Owns the text input objects, which of them has the focus, the caret's rectangle, and what is being composed. Finished
//! text goes in by [`State::type_text`]; text that comes before its field is ready, as right after a click into it, waits
//! for it a moment, and the keys after it wait behind it. Composed text goes in by [`State::compose_text`]; if the keyboard
//! goes elsewhere meanwhile it stays in its field as finished text, as in a local browser, so that nothing typed is lost
//! and nothing comes twice. A field for secrets is no field here: no input method may see it. What the client tells about
//! the text around the caret is not kept, because nothing but pixels leaves the session.

use smithay::reexports::wayland_protocols::wp::text_input::zv3::server::zwp_text_input_manager_v3::{
    self, ZwpTextInputManagerV3,
};
use smithay::reexports::wayland_protocols::wp::text_input::zv3::server::zwp_text_input_v3::{
    self, ContentHint, ContentPurpose, ZwpTextInputV3,
};
use smithay::reexports::wayland_server::backend::ClientId;
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, WEnum, Weak,
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
    secret: bool,
    caret: Option<Caret>,
}

/// What is being composed, and where in it the person works. Not to be printed.
struct Composed {
    text: String,
    cursor: Option<(usize, usize)>,
    /// Whether the focused field shows it.
    shown: bool,
}

impl Composed {
    /// Tells a text field; counts with the next `done`.
    fn tell(&self, field: &ZwpTextInputV3) {
        let before = |at: usize| i32::try_from(self.text.floor_char_boundary(at)).unwrap_or(i32::MAX);
        // -1 hides the place.
        let (from, to) = self.cursor.map_or((-1, -1), |(from, to)| (before(from.min(to)), before(to)));
        field.preedit_string(Some(self.text.clone()), from, to);
    }
}

/// Where typed text goes, in surface coordinates.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Place {
    Nowhere,
    Secret,
    Field(WlSurface, u32, Option<Caret>),
}

#[derive(Debug)]
struct TextInput {
    object: ZwpTextInputV3,
    pending: Field,
    current: Field,
    /// How often the client committed: the serial of `done`.
    commits: u32,
    entered: bool,
    /// The client began a new field since its last `commit`.
    renewed: bool,
}

/// Every text input of every client. Not to be printed: it may hold what somebody types.
#[derive(Default)]
pub(crate) struct TextInputs {
    all: Vec<TextInput>,
    focus: Option<Weak<WlSurface>>,
    composed: Option<Composed>,
    /// How many fields were enabled.
    fields: u32,
    waiting: Waiting,
    /// Texts that no field got and that were not told of yet.
    lost: usize,
}

impl TextInputs {
    /// The keyboard went to `surface`: so do the text inputs of its client.
    pub(crate) fn set_focus(&mut self, surface: Option<&WlSurface>) {
        let old = self.focus.take().and_then(|surface| surface.upgrade().ok());
        if old.as_ref() != surface {
            self.settle();
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

    /// Types `text` into the focused text field, if there is one, in the place of what was composed.
    fn commit_text(&mut self, text: &str) {
        self.composed = None;
        if let Some(input) = self.enabled() {
            input.object.commit_string(Some(text.to_owned()));
            input.object.done(input.commits);
        }
    }

    /// What is composed becomes finished text where it is; if no field showed it, it is lost.
    fn settle(&mut self) {
        let Some(composed) = self.composed.take() else { return };
        if composed.shown && self.enabled().is_some() {
            self.commit_text(&composed.text);
        } else {
            self.lost += 1;
        }
    }

    /// Shows what is composed in the focused text field, if there is one.
    fn show_composed(&mut self) {
        let Some(input) = self.enabled() else { return };
        if let Some(composed) = &self.composed {
            composed.tell(&input.object);
        } else {
            input.object.preedit_string(None, 0, 0);
        }
        input.object.done(input.commits);
        if let Some(composed) = &mut self.composed {
            composed.shown = true;
        }
    }

    /// Until when something waits for a field.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.waiting.deadline()
    }

    /// Where typed text goes.
    pub(crate) fn place(&self) -> Place {
        let surface = self.focus.as_ref().and_then(|surface| surface.upgrade().ok());
        let input = self.all.iter().find(|input| input.entered && input.current.enabled);
        match (surface, input) {
            (Some(surface), Some(input)) if !input.current.secret => {
                Place::Field(surface, self.fields, input.current.caret)
            }
            (Some(_), Some(_)) => Place::Secret,
            _ => Place::Nowhere,
        }
    }

    /// The focused field, if an input method may write into it.
    fn enabled(&self) -> Option<&TextInput> {
        self.all.iter().find(|input| input.entered && input.current.enabled && !input.current.secret)
    }
}

impl State {
    /// Types text into the focused text field. Without one it waits for a moment: a page that is busy tells of the field that
    /// was clicked only after a while, and whoever types does not look first.
    pub(crate) fn type_text(&mut self, text: String) {
        if self.text_inputs.enabled().is_some() {
            self.text_inputs.commit_text(&text);
            return;
        }
        self.text_inputs.composed = None;
        if self.text_inputs.waiting.hold(Held::Text(text), self.now).is_err() {
            self.text_inputs.lost += 1;
            self.stop_waiting();
        }
    }

    /// Shows what an input method composes in the focused text field. Without a field it is remembered for the next.
    pub(crate) fn compose_text(&mut self, text: String, cursor: Option<(usize, usize)>) {
        if text.is_empty() {
            if self.text_inputs.composed.take().is_some_and(|composed| composed.shown) {
                self.text_inputs.show_composed();
            }
            return;
        }
        self.text_inputs.composed = Some(Composed { text, cursor, shown: false });
        if self.text_inputs.deadline().is_none() {
            self.text_inputs.show_composed();
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

    /// Another place was clicked: what is composed is finished, what waits is for nobody, and what comes is for that place.
    pub(crate) fn leave_field(&mut self) {
        self.text_inputs.settle();
        self.stop_waiting();
        self.text_inputs.waiting.forget_excess();
    }

    /// Lets go what has waited long enough.
    pub(crate) fn give_up_late(&mut self) {
        self.lift_unconfirmed();
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
        let composed = self.text_inputs.composed.take_if(|composed| !composed.shown);
        for held in self.text_inputs.waiting.take() {
            match held {
                Held::Text(text) => self.text_inputs.commit_text(&text),
                Held::Key(key, pressed) => self.key(key, pressed),
            }
        }
        // What is being composed came after all of that.
        if composed.is_some() {
            self.text_inputs.composed = composed;
            self.text_inputs.show_composed();
        }
    }

    /// The keyboard went to `surface`: so does typed text.
    pub(crate) fn move_text_focus(&mut self, surface: Option<&WlSurface>) {
        let before = self.text_inputs.place();
        self.text_inputs.set_focus(surface);
        self.tell_place(&before);
    }

    /// Another place may be meant from now on: of `before` and now.
    fn tell_place(&mut self, before: &Place) {
        if self.text_inputs.place() != *before {
            self.event(Event::TextPlace);
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

/// Whether what is typed may not be seen, by an input method least of all.
fn is_secret(hint: WEnum<ContentHint>, purpose: WEnum<ContentPurpose>) -> bool {
    let hides = |hint: ContentHint| hint.intersects(ContentHint::HiddenText | ContentHint::SensitiveData);
    matches!(purpose, WEnum::Value(ContentPurpose::Password | ContentPurpose::Pin))
        || matches!(hint, WEnum::Value(hint) if hides(hint))
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
        let mut input = TextInput {
            object,
            pending: Field::default(),
            current: Field::default(),
            commits: 0,
            entered: false,
            renewed: false,
        };
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
        let before = state.text_inputs.place();
        let Some(input) = state.text_inputs.all.iter_mut().find(|input| input.object == *object) else { return };
        match request {
            zwp_text_input_v3::Request::Enable => {
                input.pending = Field { enabled: true, ..Field::default() };
                input.renewed = true;
            }
            zwp_text_input_v3::Request::Disable => input.pending = Field::default(),
            zwp_text_input_v3::Request::SetCursorRectangle { x, y, width, height } => {
                input.pending.caret = Some((x, y, width, height));
            }
            zwp_text_input_v3::Request::SetContentType { hint, purpose } => {
                input.pending.secret = is_secret(hint, purpose);
            }
            zwp_text_input_v3::Request::Commit => {
                input.commits = input.commits.wrapping_add(1);
                input.current = if input.entered { input.pending } else { Field::default() };
                let renewed = std::mem::take(&mut input.renewed);
                let other = renewed || !input.current.enabled;
                let serial = input.commits;
                state.text_inputs.fields = state.text_inputs.fields.wrapping_add(renewed.into());
                let composed = &mut state.text_inputs.composed;
                if other {
                    // The client itself ended what was composed in the field that it left.
                    composed.take_if(|composed| composed.shown);
                } else if let Some(composed) = composed.as_ref().filter(|composed| composed.shown) {
                    // `done` alone would take away what is composed.
                    composed.tell(object);
                }
                // Chromium tells nothing new until what it told has been answered.
                object.done(serial);
                if state.text_inputs.enabled().is_some() {
                    state.field_is_ready();
                }
            }
            _ => {}
        }
        state.tell_place(&before);
    }

    fn destroyed(state: &mut Self, _: ClientId, object: &ZwpTextInputV3, _: &Ticket) {
        let before = state.text_inputs.place();
        state.text_inputs.all.retain(|input| input.object != *object);
        state.tell_place(&before);
    }
}
