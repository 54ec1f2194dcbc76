//! Chromium's first picture, typing, damage and cursor.

mod support;

use support::Session;

#[test]
fn the_first_picture_is_the_page_in_a_window_of_the_viewports_size() {
    let mut session = Session::start("");
    session.settle(std::time::Duration::from_millis(300));
    eprintln!("{:?} {:?}", session.caption(), session.screenshots("first"));
}
