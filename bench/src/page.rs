//! Owns the bench's own web page: serves it on the loopback and talks with it through a held request per browser.
//!
//! Every byte comes from this program; the page needs no other server. While something is measured the bench sends the page
//! nothing and the page sends nothing. Must never listen anywhere but on 127.0.0.1.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use crate::ArmName;
use crate::clock::{ClockError, Exchange, Relation, now};
use crate::loopback::Server;

/// One command waits at most: the bench asks, waits for the answer, and only then asks again.
const COMMANDS_WAITING: usize = 1;
/// Answers waiting to be read: the page's greeting may come before the bench looks, and after a restart twice.
const ANSWERS_WAITING: usize = 4;
/// How long a page's question for a command is held before it is told to ask again. Longer than any measurement, so that a
/// measured page is never busy with it; shorter than a browser's own patience (300 s).
const HOLD: Duration = Duration::from_secs(200);
/// Clock exchanges per calibration: enough that some of them meet no other work.
const CLOCK_EXCHANGES: u32 = 60;
/// How long a page may take to draw a mode, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a page may take to paint and pack its film, also on a busy machine.
const FILM_PATIENCE: Duration = Duration::from_secs(120);

/// What a page shows and does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A page of text at rest.
    Still,
    /// A key changes the code and nothing else.
    Key,
    /// A textarea among Japanese text.
    Typing,
    /// A key turns the page.
    Page,
    /// Six pixels a frame through text.
    Scroll,
    /// Sixty discs on a canvas.
    Animation,
    /// The textarea with its blinking caret.
    Caret,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Command {
    number: u32,
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exchanges: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    film: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scroll: Option<bool>,
}

impl Command {
    /// A command without anything more to say.
    fn named(name: &'static str) -> Self {
        Self { number: 0, name, mode: None, exchanges: None, film: None, scroll: None }
    }
}

/// What moves beside the field that is typed into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Beside {
    /// Nothing.
    #[default]
    Nothing,
    /// A film.
    Film,
    /// A long column that scrolls by itself.
    Scroll,
}

/// Where a page's film or its scrolling column is, in CSS pixels of the page.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct MovingPlace {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// From left to right.
    pub width: f64,
    /// From top to bottom.
    pub height: f64,
}

/// What the page answers.
#[derive(Debug, Clone, Deserialize)]
pub struct Answer {
    number: u32,
    /// The code that the page shows.
    pub code: u16,
    /// The page's width in CSS pixels.
    pub width: u32,
    /// The page's height in CSS pixels.
    pub height: u32,
    /// Physical pixels per CSS pixel.
    pub ratio: f64,
    /// Whether the page's clock has its fine resolution (5 µs instead of 100 µs).
    pub isolated: bool,
    #[serde(default)]
    log: Vec<(u16, f64)>,
    #[serde(default)]
    samples: Vec<(f64, String, f64)>,
    /// Where the small code beside the field is, in CSS pixels of the page, if there is a field.
    #[serde(default)]
    pub near: Option<(f64, f64)>,
    /// Where the film plays or the column scrolls, if the page has one.
    #[serde(default)]
    pub moving: Option<MovingPlace>,
    /// Pictures of it that the browser has drawn so far.
    #[serde(default)]
    pub drawn: u64,
    /// What the field holds, as UTF-16 code units: a text that is cut within a character must be seen as it is.
    #[serde(default)]
    units: Vec<u16>,
}

/// Why the page could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The loopback could not be listened on.
    #[error("cannot serve the bench's page on 127.0.0.1: {0}; is the loopback interface up?")]
    Listen(#[from] std::io::Error),
    /// The page did not answer in time.
    #[error("the page of the arm '{arm}' did not answer within {seconds} s; did the browser start, and may it reach 127.0.0.1?", arm = .0.name(), seconds = .1.as_secs())]
    Silent(ArmName, Duration),
    /// The page's clock does not relate to ours.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The server has stopped.
    #[error("the bench's page server has stopped")]
    Stopped,
}

/// The code that the page shows for a text in its field: FNV-1a over its UTF-16 code units, folded to sixteen bits.
///
/// ```
/// use shoji_bench::page::code_of;
/// assert_ne!(code_of("写し"), code_of("写"));
/// ```
#[must_use]
pub fn code_of(text: &str) -> u16 {
    let hash = text.encode_utf16().fold(0x811c_9dc5_u32, |hash, unit| {
        let low = (hash ^ u32::from(unit & 0xff)).wrapping_mul(0x0100_0193);
        (low ^ u32::from(unit >> 8)).wrapping_mul(0x0100_0193)
    });
    u16::try_from((hash >> 16) ^ (hash & 0xffff)).unwrap_or(0)
}

/// The server of the page, one address per arm. Dropping it stops it.
pub struct Pages {
    server: Server,
    desks: Arc<[Desk]>,
}

/// Where the bench and one arm's page meet.
struct Desk {
    arm: ArmName,
    to_page: mpsc::Sender<Command>,
    commands: AsyncMutex<mpsc::Receiver<Command>>,
    from_page: SyncSender<Answer>,
    answers: Mutex<Option<Receiver<Answer>>>,
}

impl Desk {
    fn new(arm: ArmName) -> Self {
        let (to_page, commands) = mpsc::channel(COMMANDS_WAITING);
        let (from_page, answers) = sync_channel(ANSWERS_WAITING);
        Self { arm, to_page, commands: AsyncMutex::new(commands), from_page, answers: Mutex::new(Some(answers)) }
    }
}

impl Pages {
    /// Serves the page on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If the loopback cannot be listened on.
    pub fn serve() -> Result<Self, PageError> {
        let desks: Arc<[Desk]> = ArmName::ALL.into_iter().map(Desk::new).collect();
        let server = Server::start("page-server", router(Arc::clone(&desks)))?;
        Ok(Self { server, desks })
    }

    /// The address that an arm's browser opens.
    #[must_use]
    pub fn url(&self, arm: ArmName) -> String {
        format!("http://{}/?arm={}", self.server.address(), arm.name())
    }

    /// The page of one arm's browser. Each may be taken once.
    ///
    /// # Panics
    /// If it was taken before.
    #[must_use]
    pub fn page(&self, arm: ArmName) -> Page {
        let desk = self.desks.iter().find(|desk| desk.arm == arm).expect("every arm has a desk");
        let answers = desk.answers.lock().expect("no holder panics").take().expect("each page is taken once");
        Page { arm, to_page: desk.to_page.clone(), answers, number: 0, relation: None }
    }
}

/// One arm's page, as the bench speaks with it.
pub struct Page {
    arm: ArmName,
    to_page: mpsc::Sender<Command>,
    answers: Receiver<Answer>,
    number: u32,
    relation: Option<Relation>,
}

impl Page {
    /// Waits for the page's greeting: the browser has started and drawn it.
    ///
    /// # Errors
    /// If it does not come in time.
    pub fn greeted(&mut self, patience: Duration) -> Result<Answer, PageError> {
        self.answer(patience)
    }

    /// Lets the page show a mode and waits until it is drawn.
    ///
    /// # Errors
    /// If the page does not answer.
    pub fn show(&mut self, mode: Mode) -> Result<Answer, PageError> {
        self.ask(Command { mode: Some(mode), ..Command::named("mode") })
    }

    /// Begins the mode's animation frames.
    ///
    /// # Errors
    /// If the page does not answer.
    pub fn run(&mut self) -> Result<Answer, PageError> {
        self.ask(Command::named("run"))
    }

    /// Lets everything on the page rest.
    ///
    /// # Errors
    /// If the page does not answer.
    pub fn stop(&mut self) -> Result<Answer, PageError> {
        self.ask(Command::named("stop"))
    }

    /// Takes the page's record: each code, and when its handler or frame began, in nanoseconds of the bench's clock.
    ///
    /// # Errors
    /// If the page does not answer or its clock was never calibrated.
    pub fn take_log(&mut self) -> Result<Vec<(u16, i64)>, PageError> {
        let relation = self.relation.ok_or(ClockError::NoExchange)?;
        let answer = self.ask(Command::named("log"))?;
        Ok(answer.log.into_iter().map(|(code, at)| (code, relation.to_monotonic(at))).collect())
    }

    /// Relates the page's clock to the bench's, or narrows what is known of it.
    ///
    /// # Errors
    /// If the page does not answer or the clocks contradict each other.
    pub fn calibrate(&mut self) -> Result<Relation, PageError> {
        let answer = self.ask(Command { exchanges: Some(CLOCK_EXCHANGES), ..Command::named("clock") })?;
        let exchanges: Vec<Exchange> = answer
            .samples
            .iter()
            .filter_map(|(asked_ms, answered, received_ms)| {
                Some(Exchange { asked_ms: *asked_ms, answered_ns: answered.parse().ok()?, received_ms: *received_ms })
            })
            .collect();
        let mut relation = Relation::from_exchanges(&exchanges)?;
        if let Some(known) = self.relation {
            relation = known.narrowed(relation)?;
        }
        self.relation = Some(relation);
        Ok(relation)
    }

    /// Shows an empty field to type into, and beside it what moves on and on. From now on the code is that of the field's
    /// text: [`code_of`].
    ///
    /// # Errors
    /// If the page does not answer: making the film takes it some seconds.
    pub fn compose(&mut self, beside: Beside) -> Result<Answer, PageError> {
        let (film, scroll) = (Some(beside == Beside::Film), Some(beside == Beside::Scroll));
        self.ask_patiently(Command { film, scroll, ..Command::named("compose") }, FILM_PATIENCE)
    }

    /// What the field holds.
    ///
    /// # Errors
    /// If the page does not answer.
    pub fn text(&mut self) -> Result<String, PageError> {
        let answer = self.ask(Command::named("text"))?;
        Ok(String::from_utf16_lossy(&answer.units))
    }

    /// How the film plays or the column scrolls.
    ///
    /// # Errors
    /// If the page does not answer.
    pub fn moving(&mut self) -> Result<Answer, PageError> {
        self.ask(Command::named("moving"))
    }

    fn ask(&mut self, command: Command) -> Result<Answer, PageError> {
        self.ask_patiently(command, PATIENCE)
    }

    fn ask_patiently(&mut self, command: Command, patience: Duration) -> Result<Answer, PageError> {
        self.number += 1;
        let command = Command { number: self.number, ..command };
        self.to_page.try_send(command).map_err(|_| PageError::Silent(self.arm, patience))?;
        loop {
            let answer = self.answer(patience)?;
            if answer.number == self.number {
                return Ok(answer);
            }
        }
    }

    fn answer(&self, patience: Duration) -> Result<Answer, PageError> {
        self.answers.recv_timeout(patience).map_err(|error| match error {
            RecvTimeoutError::Timeout => PageError::Silent(self.arm, patience),
            RecvTimeoutError::Disconnected => PageError::Stopped,
        })
    }
}

fn router(desks: Arc<[Desk]>) -> Router {
    Router::new()
        .route("/", get(|| file("text/html", include_bytes!("../pages/latency/index.html"))))
        .route("/page.css", get(|| file("text/css", include_bytes!("../pages/latency/page.css"))))
        .route("/page.js", get(|| file("text/javascript", include_bytes!("../pages/latency/page.js"))))
        .route("/content.js", get(|| file("text/javascript", include_bytes!("../pages/latency/content.js"))))
        .route("/sentences.js", get(|| file("text/javascript", include_bytes!("../pages/latency/sentences.js"))))
        .route("/compose.js", get(|| file("text/javascript", include_bytes!("../pages/latency/compose.js"))))
        .route("/film/random.js", get(|| file("text/javascript", include_bytes!("../pages/corpus/common/random.js"))))
        .route("/film/photo.js", get(|| file("text/javascript", include_bytes!("../pages/corpus/common/photo.js"))))
        .route("/film/webm.js", get(|| file("text/javascript", include_bytes!("../pages/corpus/video/webm.js"))))
        .route("/film/film.js", get(|| file("text/javascript", include_bytes!("../pages/corpus/video/film.js"))))
        .route("/clock", get(async || now().to_string()))
        .route("/command", get(command))
        .route("/answer", post(answer))
        .with_state(desks)
}

/// A file of the page. The two last headers give the page's clock its fine resolution.
async fn file(kind: &'static str, body: &'static [u8]) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE.as_str(), format!("{kind}; charset=utf-8")),
        (header::CACHE_CONTROL.as_str(), "no-store".to_owned()),
        ("cross-origin-opener-policy", "same-origin".to_owned()),
        ("cross-origin-embedder-policy", "require-corp".to_owned()),
    ];
    (headers, body)
}

fn desk<'a>(desks: &'a [Desk], uri: &Uri) -> Option<&'a Desk> {
    let arm = uri.query()?.strip_prefix("arm=")?;
    desks.iter().find(|desk| desk.arm.name() == arm)
}

async fn command(State(desks): State<Arc<[Desk]>>, uri: Uri) -> Response {
    let Some(desk) = desk(&desks, &uri) else { return StatusCode::NOT_FOUND.into_response() };
    let mut commands = desk.commands.lock().await;
    match tokio::time::timeout(HOLD, commands.recv()).await {
        Ok(Some(command)) => json(&command),
        Ok(None) => StatusCode::GONE.into_response(),
        Err(_held_long_enough) => json(&Command::named("wait")),
    }
}

fn json(command: &Command) -> Response {
    match serde_json::to_vec(command) {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn answer(State(desks): State<Arc<[Desk]>>, uri: Uri, body: Bytes) -> StatusCode {
    let (Some(desk), Ok(answer)) = (desk(&desks, &uri), serde_json::from_slice::<Answer>(&body)) else {
        return StatusCode::BAD_REQUEST;
    };
    match desk.from_page.try_send(answer) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_nobody_listens) => StatusCode::TOO_MANY_REQUESTS,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};

    use super::*;

    fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).expect("the server listens");
        stream.write_all(request.as_bytes()).expect("the request is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the answer is text");
        answer
    }

    fn say(address: SocketAddr, body: &str) -> String {
        let length = body.len();
        let head = format!(
            "POST /answer?arm=floor HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        exchange(address, &(head + body))
    }

    const GREETING: &str = r#"{"number":0,"code":1,"width":1920,"height":993,"ratio":1,"isolated":true,"agent":"x"}"#;

    #[test]
    fn a_page_greets_takes_a_command_and_answers_it() {
        let pages = Pages::serve().expect("the loopback can be listened on");
        let address = pages.server.address();
        let mut page = pages.page(ArmName::Floor);
        assert!(say(address, GREETING).starts_with("HTTP/1.1 204"));
        assert_eq!(page.greeted(PATIENCE).expect("the page greeted").height, 993);
        let browser = std::thread::spawn(move || {
            let command = exchange(address, "GET /command?arm=floor HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            assert!(command.ends_with(r#"{"number":1,"name":"mode","mode":"typing"}"#), "{command}");
            say(address, &GREETING.replace(r#""number":0,"code":1"#, r#""number":1,"code":2"#));
        });
        assert_eq!(page.show(Mode::Typing).expect("the page answers").code, 2);
        browser.join().expect("the browser's part succeeds");
    }

    #[test]
    fn the_page_is_served_with_the_headers_that_refine_its_clock() {
        let pages = Pages::serve().expect("the loopback can be listened on");
        let page = exchange(pages.server.address(), "GET /?arm=floor HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        assert!(page.contains("cross-origin-opener-policy: same-origin") && page.contains("計測ページ"), "{page}");
    }

    #[test]
    fn an_answer_that_is_no_answer_is_refused() {
        let pages = Pages::serve().expect("the loopback can be listened on");
        assert!(say(pages.server.address(), "{}").starts_with("HTTP/1.1 400"));
    }
}
