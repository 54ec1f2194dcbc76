//! What strangers send to the web service: any bytes are a body in its one form, or refused; and a label that is read can be
//! shown in a terminal without changing anything in it.

use shoji_host::enrolment::{Code, Label};
use shoji_host::limits;
use shoji_host::web::bodies::{Challenge, Enrol, Key, Ticket, first_message, text};

/// The oracle. The first byte says which request the rest is the body of.
pub fn run(bytes: &[u8]) {
    let Some((&which, body)) = bytes.split_first() else { return };
    match which % 5 {
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
    ]
}
