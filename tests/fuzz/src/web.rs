//! What strangers send to the web service: any bytes are a body in its one form, or refused; a label that is read can be
//! shown in a terminal without changing anything in it; and a request over HTTP/3 is small and names one place.

use shoji_host::enrolment::{Code, Label};
use shoji_host::limits;
use shoji_host::web::bodies::{Challenge, Enrol, Key, Ticket, first_message, text};
use shoji_host::web::read_request;

/// HTTP/3 counts a field as its bytes and so many.
const FIELD: usize = 32;

/// The oracle. The first byte says which request the rest is the body of.
pub fn run(bytes: &[u8]) {
    let Some((&which, body)) = bytes.split_first() else { return };
    match which % 6 {
        0 => {
            if let Ok(Enrol { key, label }) = Enrol::parse(body) {
                check(&label);
                let again = format!(r#"{{"key":"{}","name":{}}}"#, written(&key), json(label.as_str()));
                assert_eq!(Enrol::parse(again.as_bytes()), Ok(Enrol { key, label }));
            }
        }
        1 => {
            if let Ok(challenge) = Challenge::parse(body) {
                let again = format!(r#"{{"key":"{}"}}"#, written(&challenge.key));
                assert_eq!(Challenge::parse(again.as_bytes()), Ok(challenge));
            }
        }
        2 => {
            if let Ok(ticket) = Ticket::parse(body) {
                let (key, challenge, signature) =
                    (written(&ticket.key), text(&ticket.challenge), text(&ticket.signature));
                let again = format!(r#"{{"key":"{key}","challenge":"{challenge}","signature":"{signature}"}}"#);
                assert_eq!(Ticket::parse(again.as_bytes()), Ok(ticket));
            }
        }
        3 => assert_eq!(first_message(body).is_ok(), body.len() == 32),
        5 => {
            if let Some(parts) = read_request(body) {
                assert!(parts.uri.scheme_str() == Some("https") && parts.uri.authority().is_some(), "{parts:?}");
                assert!(parts.uri.path().starts_with('/'), "{parts:?}");
                let fields = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD);
                assert!(fields.sum::<usize>() <= limits::WEB_HEADERS);
            }
        }
        _ => {
            let Ok(typed) = std::str::from_utf8(body) else { return };
            if let Ok(code) = typed.parse::<Code>() {
                assert_eq!(code.to_string().parse::<Code>().ok(), Some(code));
            }
            if let Ok(label) = Label::try_from(typed.to_owned()) {
                check(&label);
            }
        }
    }
}

fn check(label: &Label) {
    let length = label.as_str().chars().count();
    assert!((1..=limits::WEB_LABEL).contains(&length));
    // Nothing that a terminal acts on, that turns the direction of what follows, that ends what stands between quotes, or that
    // shows nothing.
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
            || matches!(c, '"' | '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
            || matches!(c, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3000}' | '\u{3164}' | '\u{ffa0}')
    };
    assert!(!label.as_str().chars().any(acts), "{label:?}");
}

fn written(key: &Key) -> String {
    assert_eq!((key.point().len(), key.point()[0]), (Key::BYTES, 4));
    text(key.point())
}

fn json(text: &str) -> String {
    // What a label may hold needs no escape but these.
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A body of each kind, and what people type.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut point = [7; Key::BYTES];
    point[0] = 4;
    let (key, challenge, signature) = (text(&point), text(&[1; 32]), text(&[2; 64]));
    let body = |which: u8, body: String| [&[which], body.as_bytes()].concat();
    vec![
        body(0, format!(r#"{{"key":"{key}","name":"総務課 PC（２階）"}}"#)),
        body(0, format!(r#"{{"name":"\u202e\"\\x","key":"{key}"}}"#)),
        body(1, format!(r#"{{"key":"{key}"}}"#)),
        body(2, format!(r#"{{"key":"{key}","challenge":"{challenge}","signature":"{signature}"}}"#)),
        [&[3][..], &[9; 32]].concat(),
        body(4, "BCDF-GHJK".to_owned()),
        body(4, "bcdf ghjk".to_owned()),
        body(4, "居間の PC・１".to_owned()),
        [&[5][..], &request()].concat(),
    ]
}

/// A page's request for its session: a frame of fields, each with its name and value in plain letters.
fn request() -> Vec<u8> {
    let mut fields = vec![0, 0];
    for (name, value) in [
        (":method", "CONNECT"),
        (":scheme", "https"),
        (":authority", "localhost:4433"),
        (":path", "/session"),
        (":protocol", "webtransport"),
        ("origin", "https://localhost:4433"),
    ] {
        // Three bits of the first byte are a length, and a longer one goes on in the next.
        let short = u8::try_from(name.len()).expect("names are short");
        if short < 7 {
            fields.push(0x20 | short);
        } else {
            fields.extend([0x27, short - 7]);
        }
        fields.extend(name.as_bytes());
        fields.push(u8::try_from(value.len()).expect("values are short"));
        fields.extend(value.as_bytes());
    }
    let length = u16::try_from(fields.len()).expect("a request is short") | 0x4000;
    [&[1][..], &length.to_be_bytes(), &fields].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_among_the_seeds_is_one() {
        let parts = read_request(&request()).expect("it is a request");
        assert_eq!(parts.uri, "https://localhost:4433/session");
        assert_eq!(parts.headers["origin"], "https://localhost:4433");
    }
}
