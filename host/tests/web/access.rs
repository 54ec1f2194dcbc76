//! From a key to a ticket, and every way in which somebody else gets none.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use hyper::Method;
use serde_json::json;
use shoji_host::enrolment::{Code, Label};
use shoji_host::registry::Fingerprint;
use shoji_host::web::bodies::text;
use shoji_host::{clock, limits};

use super::fixture::{Browser, House};

fn refused(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}

#[tokio::test]
async fn a_browser_asks_waits_and_is_a_device_once_it_is_approved() {
    let house = House::new().await;
    let browser = Browser::new();
    let body = json!({ "key": browser.key(), "name": "総務課 PC" });
    let answer = house.post("/api/enrol", &body).await;
    assert_eq!(answer.status, 201);
    let code = answer.json()["code"].as_str().unwrap().to_owned();
    assert_eq!(house.post("/api/enrol", &body).await.json(), json!({ "code": code }), "the same code again");
    let challenge = house.post("/api/challenge", &json!({ "key": browser.key() })).await;
    assert_eq!((challenge.status, challenge.json()), (403, json!({ "error": "waiting", "code": code })));
    let (user, now) = ("hanako".parse().unwrap(), shoji_host::clock::unix_seconds());
    house.desk.registry.write().unwrap().approve(code.parse().unwrap(), None, user, 1, now).unwrap();
    let answer = house.post("/api/enrol", &body).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "device": "総務課-PC" })));
    let ticket = house.ticket(&browser).await;
    assert_eq!(ticket.len(), 32);
}

#[tokio::test]
async fn a_ticket_names_the_ways_to_the_host() {
    let house = House::new().await;
    let browser = house.device("pc").await;
    let challenge = house.challenge(&browser).await;
    let answer = house.try_ticket(&browser, &challenge, &browser.sign(&house.origin(), &challenge)).await;
    let hashes = house.certificates.hashes(clock::unix_seconds()).map(|hash| text(&hash));
    let carriers = json!([{ "kind": "webtransport", "certificates": hashes }, { "kind": "websocket" }]);
    assert_eq!(answer.json()["carriers"], carriers);
}

#[tokio::test]
async fn a_post_from_another_page_or_from_none_is_refused() {
    let house = House::new().await;
    let body = json!({ "key": Browser::new().key(), "name": "pc" }).to_string();
    let wrong_port = format!("https://localhost:{}", house.address.port() ^ 1);
    for headers in [
        &[("origin", "")][..],
        &[("origin", "null")],
        &[("origin", "https://evil.example")],
        &[("origin", &wrong_port)],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
    ] {
        for path in ["/api/enrol", "/api/challenge", "/api/ticket"] {
            let answer = house.post_with(path, headers, body.clone()).await;
            assert_eq!(answer.refusal(), refused(403, "origin"), "{path} {headers:?}");
        }
    }
    assert!(house.desk.registry.read().unwrap().waiting.is_empty());
    assert_eq!(house.post_with("/api/enrol", &[("sec-fetch-site", "same-origin")], body).await.status, 201);
}

#[tokio::test]
async fn a_body_that_is_too_long_malformed_or_of_another_kind_is_refused() {
    let house = House::new().await;
    let good = json!({ "key": Browser::new().key(), "name": "pc" }).to_string();
    let long = format!("{good}{}", " ".repeat(limits::WEB_BODY));
    let answer = house.post_with("/api/enrol", &[], long).await;
    assert_eq!(answer.refusal(), refused(413, "body"));
    for malformed in ["", "{", "[]", "null", "{\"key\":1}", "\u{0}", &good.replace("name", "nome")] {
        let answer = house.post_with("/api/enrol", &[], malformed.to_owned()).await;
        assert_eq!(answer.refusal(), refused(400, "body"), "{malformed}");
    }
    let misleading = json!({ "key": Browser::new().key(), "name": "pc\" approved" });
    assert_eq!(house.post("/api/enrol", &misleading).await.refusal(), refused(400, "name"));
    for kind in ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=shift_jis"] {
        let answer = house.post_with("/api/enrol", &[("content-type", kind)], good.clone()).await;
        assert_eq!(answer.refusal(), refused(415, "body"), "{kind}");
    }
    assert!(house.desk.registry.read().unwrap().waiting.is_empty());
}

#[tokio::test]
async fn a_signature_by_another_key_or_over_something_else_is_refused() {
    let house = House::new().await;
    let browser = house.device("pc").await;
    let origin = house.origin();
    let challenge = house.challenge(&browser).await;
    let answer = house.try_ticket(&browser, &challenge, &Browser::new().sign(&origin, &challenge)).await;
    assert_eq!(answer.refusal(), refused(403, "signature"));
    // The challenge is used up.
    let answer = house.try_ticket(&browser, &challenge, &browser.sign(&origin, &challenge)).await;
    assert_eq!(answer.refusal(), refused(403, "challenge"));
    let challenge = house.challenge(&browser).await;
    let elsewhere = browser.sign("https://other.example", &challenge);
    assert_eq!(house.try_ticket(&browser, &challenge, &elsewhere).await.refusal(), refused(403, "signature"));
    let challenge = house.challenge(&browser).await;
    assert_eq!(house.try_ticket(&browser, &challenge, &text(&[0; 64])).await.refusal(), refused(403, "signature"));
}

#[tokio::test]
async fn a_challenge_is_good_once_for_its_device_and_for_half_a_minute() {
    let house = House::new().await;
    let (browser, other) = (house.device("pc").await, house.device("other").await);
    let origin = house.origin();
    let challenge = house.challenge(&browser).await;
    let signature = browser.sign(&origin, &challenge);
    assert_eq!(house.try_ticket(&browser, &challenge, &signature).await.status, 200);
    assert_eq!(house.try_ticket(&browser, &challenge, &signature).await.refusal(), refused(403, "challenge"));
    let challenge = house.challenge(&browser).await;
    let answer = house.try_ticket(&other, &challenge, &other.sign(&origin, &challenge)).await;
    assert_eq!(answer.refusal(), refused(403, "challenge"), "it was given to another device");
    let challenge = house.challenge(&browser).await;
    house.let_pass(limits::WEB_SECRET_LIFE).await;
    let answer = house.try_ticket(&browser, &challenge, &browser.sign(&origin, &challenge)).await;
    assert_eq!(answer.refusal(), refused(403, "challenge"));
}

#[tokio::test]
async fn a_device_that_is_unknown_revoked_or_expired_gets_no_challenge() {
    let house = House::new().await;
    let ask = async |browser: &Browser| house.post("/api/challenge", &json!({ "key": browser.key() })).await.refusal();
    assert_eq!(ask(&Browser::new()).await, refused(403, "unknown"));
    let (lost, old) = (house.device("lost").await, house.device("old").await);
    house.revoke("lost");
    assert_eq!(ask(&lost).await, refused(403, "revoked"));
    let body = json!({ "key": lost.key(), "name": "lost" });
    assert_eq!(house.post("/api/enrol", &body).await.refusal(), refused(403, "revoked"));
    let name = "old".parse().unwrap();
    house.desk.registry.write().unwrap().devices.get_mut(&name).unwrap().not_after = 1;
    assert_eq!(ask(&old).await, refused(403, "expired"));
}

#[tokio::test]
async fn a_device_that_is_revoked_after_its_challenge_gets_no_ticket() {
    let house = House::new().await;
    let browser = house.device("pc").await;
    let challenge = house.challenge(&browser).await;
    house.revoke("pc");
    let answer = house.try_ticket(&browser, &challenge, &browser.sign(&house.origin(), &challenge)).await;
    assert_eq!(answer.refusal(), refused(403, "revoked"));
}

#[tokio::test]
async fn enrolments_are_limited_and_whoever_is_refused_is_told_when_to_come_back() {
    let house = House::new().await;
    let mut refusals = 0;
    for _ in 0..limits::WEB_ENROLMENTS_OF_ADDRESS + 10 {
        let answer = house.post("/api/enrol", &json!({ "key": Browser::new().key(), "name": "x" })).await;
        if answer.status == 429 {
            assert_eq!((answer.word().as_str(), &answer.headers["retry-after"]), ("busy", &"5".parse().unwrap()));
            refusals += 1;
        }
    }
    assert!(refusals >= 10, "{refusals}");
    assert!(house.desk.registry.read().unwrap().waiting.len() <= limits::WEB_ENROLMENTS_OF_ADDRESS);
}

#[tokio::test]
async fn a_browser_that_was_refused_learns_it_and_waits_again_only_when_it_asks_again() {
    let house = House::new().await;
    let browser = Browser::new();
    let body = json!({ "key": browser.key(), "name": "pc" });
    let code = house.post("/api/enrol", &body).await.json()["code"].as_str().unwrap().parse().unwrap();
    house.desk.registry.write().unwrap().refuse(code).unwrap();
    for _ in 0..2 {
        let stands = house.post("/api/challenge", &json!({ "key": browser.key() })).await;
        assert_eq!(stands.refusal(), refused(403, "unknown"));
    }
    assert!(house.desk.registry.read().unwrap().waiting.is_empty());
    assert_eq!(house.post("/api/enrol", &body).await.status, 201);
}

/// A new browser asks: the status that it gets.
async fn enrol(house: &House) -> u16 {
    house.post("/api/enrol", &json!({ "key": Browser::new().key(), "name": "x" })).await.status
}

#[tokio::test]
async fn an_address_that_asks_without_end_leaves_others_their_turn() {
    let mut house = House::new().await;
    for _ in 0..limits::WEB_ASKS_OF_ADDRESS.at_once {
        enrol(&house).await;
    }
    house.from = [127, 0, 0, 2].into();
    assert_eq!(enrol(&house).await, 201);
}

#[tokio::test]
async fn a_browser_for_which_there_is_no_room_costs_no_write() {
    let house = House::new().await;
    let now = shoji_host::clock::unix_seconds();
    for number in 0..limits::WEB_ENROLMENTS_OF_ADDRESS as u32 {
        let label = Label::try_from("x".to_owned()).unwrap();
        let key = Fingerprint::of(&number.to_le_bytes());
        house.desk.registry.write().unwrap().ask(Code::draw().unwrap(), label, key, house.from, now);
    }
    assert_eq!(enrol(&house).await, 429);
    assert_eq!(house.desk.writes.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn nothing_ambient_counts_and_nothing_is_remembered_in_the_browser() {
    let house = House::new().await;
    let browser = house.device("pc").await;
    let ticket = text(&house.ticket(&browser).await);
    // A ticket in a cookie, a header or an address opens nothing.
    for (path, header) in
        [("/session", ("cookie", format!("ticket={ticket}"))), ("/session", ("authorization", ticket.clone()))]
    {
        let request = house.request(Method::GET, path, &[(header.0, &header.1)], Bytes::new());
        assert_eq!(house.ask(request).await.status, 400);
    }
    assert_eq!(house.desk.sessions.load(Ordering::Relaxed), 0);
}
