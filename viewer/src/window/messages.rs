//! What the viewer says over a canvas, and when.
//!
//! Owns the choice of the texts for a state and for a notice; how they look is the business of the pane.

use shoji_protocol::Notice;

use super::pane::Cover;
use crate::{
    scene::{Model, State},
    texts::{Language, Text},
    ui::state::Message,
};

/// What has to lie over a canvas in a state of the connection.
pub(super) fn cover(state: &State, has_picture: bool, language: Language, host: &str) -> Cover {
    let message = |title: Text, body: Text, next: Text, attempt: u32| {
        let attempt = attempt.to_string();
        let say = |text: Text| text.with(language, &[("host", host), ("attempt", &attempt)]);
        Message { title: say(title), body: say(body), next: say(next) }
    };
    let connecting = || message(Text::ConnectingTitle, Text::ConnectingBody, Text::ConnectingNext, 1);
    match state {
        State::Connecting { .. } => Cover::Page(connecting()),
        State::Attached if has_picture => Cover::None,
        State::Attached => Cover::Page(message(Text::PreparingTitle, Text::PreparingBody, Text::PreparingNext, 1)),
        State::Silent => {
            let message = message(Text::SilentTitle, Text::SilentBody, Text::SilentNext, 1);
            if has_picture { Cover::Card(message) } else { Cover::Page(message) }
        }
        State::Reconnecting { attempt } => {
            let message = message(Text::ReconnectingTitle, Text::ReconnectingBody, Text::ReconnectingNext, *attempt);
            if has_picture { Cover::Card(message) } else { Cover::Page(message) }
        }
        State::Ended(error) => {
            let message = error.message(language, host);
            if has_picture && error.leaves_session() { Cover::Card(message) } else { Cover::Page(message) }
        }
    }
}

/// What the person is to read next, which then counts as read.
pub(super) fn next_words(model: &mut Model) -> Option<Text> {
    // Once the picture is there in which they can look whether it is.
    if matches!(model.state, State::Attached) && std::mem::take(&mut model.may_lack_input) {
        return Some(Text::MayLackInput);
    }
    model.notices.pop_front().map(notice_text)
}

/// The words of a notice.
fn notice_text(notice: Notice) -> Text {
    use Notice as N;
    match notice {
        N::BrowserCrashedRestarting => Text::NoticeCrashed,
        N::BrowserKeepsCrashing => Text::NoticeKeepsCrashing,
        N::PolicyRefusedDownload => Text::NoticeDownload,
        N::PolicyRefusedUpload => Text::NoticeUpload,
        N::PolicyRefusedPrint => Text::NoticePrint,
        N::PolicyRefusedSite => Text::NoticeSite,
        N::PolicyRefusedPermission => Text::NoticePermission,
        N::TooManyWindows => Text::NoticeWindows,
        N::SessionEndsSoon => Text::NoticeEndsSoon,
        N::CertificateExpiresSoon => Text::NoticeExpiresSoon,
    }
}
