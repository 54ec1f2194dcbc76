//! A viewer and a host in one process, with virtual time and a link between them whose channels each keep their order.
//!
//! Owns time: [`Pair::step`] goes to the earliest of what is to come. A pair that does not come to rest within
//! [`MAX_STEPS`] fails.

use shoji_protocol::time::{Duration, Instant};
use shoji_protocol::{
    CanvasId, CanvasKind, Channel, CloseCode, Error, InputSequence, Pixels, Rate, ResumeToken, Scale, SessionId, Size,
    ToHost, ToViewer, UpdateId, Viewport, frame, host, viewer,
};

/// More steps than any test needs; a livelock ends here.
pub(crate) const MAX_STEPS: usize = 20_000;

/// What the viewer was told, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Attached { session: SessionId, token: ResumeToken, resumed: bool },
    Update { canvas: CanvasId, update: UpdateId, bytes: usize },
    Closed(CloseCode),
    Other(&'static str),
}

struct Flying {
    at: Instant,
    channel: Channel,
    body: Vec<u8>,
    to_host: bool,
}

pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) host: host::Connection,
    pub(crate) viewer: viewer::Connection,
    /// One way, for control and input.
    pub(crate) latency: Duration,
    /// One way, for updates.
    pub(crate) updates_latency: Duration,
    /// Whether all channels share one stream, so that nobody says which one a frame came on.
    pub(crate) is_shared: bool,
    /// Whether the host gives a session to who asks.
    pub(crate) gives_session: bool,
    /// Whether the viewer acknowledges what it gets.
    pub(crate) presents: bool,
    /// Whether anything gets through at all.
    pub(crate) is_cut: bool,
    pub(crate) host_events: Vec<host::Event>,
    pub(crate) host_error: Option<Error>,
    pub(crate) viewer_error: Option<Error>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) frames_to_host: usize,
    pub(crate) frames_to_viewer: usize,
    flying: Vec<Flying>,
}

pub(crate) fn viewport(width: u16, height: u16) -> Viewport {
    Viewport::new(Size::new(width, height).unwrap(), Scale::ONE, Rate::HZ_60).unwrap()
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn body(message: &ToHost) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

pub(crate) fn viewer_body(message: &ToViewer<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

pub(crate) fn opened(canvas: u32) -> ToViewer<'static> {
    let size = Size::new(1280, 800).unwrap();
    ToViewer::CanvasOpened { canvas: CanvasId(canvas), kind: CanvasKind::Window, parent: None, size }
}

pub(crate) fn update(canvas: u32, update: u64, input: u64, pixels: &[u8]) -> ToViewer<'_> {
    ToViewer::Update {
        canvas: CanvasId(canvas),
        update: UpdateId(update),
        size: Size::new(1280, 800).unwrap(),
        input: InputSequence(input),
        more: false,
        pixels: Pixels::new(pixels).unwrap(),
    }
}

/// The same, to be followed by the rest of its picture.
pub(crate) fn part(message: ToViewer<'_>) -> ToViewer<'_> {
    match message {
        ToViewer::Update { canvas, update, size, input, more: _, pixels } => {
            ToViewer::Update { canvas, update, size, input, more: true, pixels }
        }
        other => other,
    }
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(viewer::Config::new(viewport(1280, 800)))
    }

    pub(crate) fn with(config: viewer::Config) -> Self {
        let now = Instant::from_micros(1_000_000);
        Self {
            now,
            host: host::Connection::new(host::Config::default(), now),
            viewer: viewer::Connection::new(config, now),
            latency: ms(5),
            updates_latency: ms(5),
            is_shared: false,
            gives_session: true,
            presents: true,
            is_cut: false,
            host_events: Vec::new(),
            host_error: None,
            viewer_error: None,
            seen: Vec::new(),
            frames_to_host: 0,
            frames_to_viewer: 0,
            flying: Vec::new(),
        }
    }

    /// A pair whose viewer has a session with one open canvas, number 1.
    pub(crate) fn attached() -> Self {
        let mut pair = Self::new();
        pair.settle();
        pair.show(&opened(1));
        pair.settle();
        assert!(pair.viewer.is_attached());
        pair
    }

    /// The worker shows something; what comes of it is on its way.
    pub(crate) fn show(&mut self, message: &ToViewer<'_>) {
        let body = viewer_body(message);
        let channel = self.host.forward(&body, self.now).unwrap().expect("the viewer has a session");
        self.fly(channel, body, false);
    }

    /// Runs until nothing is on its way.
    pub(crate) fn settle(&mut self) {
        self.collect();
        for _ in 0..MAX_STEPS {
            let Some(at) = self.flying.iter().map(|flying| flying.at).min() else { return };
            self.step_to(at);
        }
        panic!("the pair does not come to rest");
    }

    /// Runs for a time, deadlines included.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.collect();
        for _ in 0..MAX_STEPS {
            let flying = self.flying.iter().map(|flying| flying.at).min();
            let next = [flying, self.host.deadline(), self.viewer.deadline()].into_iter().flatten().min();
            match next {
                Some(at) if at <= end => self.step_to(at),
                _ => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("the pair does not come to rest");
    }

    fn step_to(&mut self, at: Instant) {
        self.now = self.now.max(at);
        let now = self.now;
        let (mut due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.flying).into_iter().partition(|flying| flying.at <= now);
        self.flying = later;
        due.sort_by_key(|flying| flying.at);
        for Flying { channel, body, to_host, .. } in due {
            if to_host {
                let result = match self.is_shared {
                    true => self.host.handle_shared_frame(&body, now),
                    false => self.host.handle_frame(channel, &body, now),
                };
                if let Err(error) = result {
                    self.host_error.get_or_insert(error);
                }
            } else {
                self.view(channel, &body);
            }
            self.collect();
        }
        if self.host.deadline().is_some_and(|at| at <= now) {
            self.host.handle_deadline(now);
        }
        if self.viewer.deadline().is_some_and(|at| at <= now) {
            self.viewer.handle_deadline(now);
        }
        self.collect();
    }

    fn view(&mut self, channel: Channel, body: &[u8]) {
        let result = match self.is_shared {
            true => self.viewer.handle_shared_frame(body, self.now),
            false => self.viewer.handle_frame(channel, body, self.now),
        };
        let event = match result {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(error) => {
                self.viewer_error.get_or_insert(error);
                return;
            }
        };
        let is_whole = !matches!(event, viewer::Event::Update { more: true, .. });
        let seen = match event {
            viewer::Event::Attached { session, token, resumed, .. } => Seen::Attached { session, token, resumed },
            viewer::Event::Update { canvas, update, pixels, .. } => {
                Seen::Update { canvas, update, bytes: pixels.bytes().len() }
            }
            viewer::Event::Closed { code } => Seen::Closed(code),
            viewer::Event::CanvasOpened { .. } => Seen::Other("CanvasOpened"),
            viewer::Event::CanvasClosed { .. } => Seen::Other("CanvasClosed"),
            _ => Seen::Other("other"),
        };
        if let (Seen::Update { canvas, update, .. }, true) = (&seen, self.presents && is_whole) {
            self.viewer.presented(*canvas, *update);
        }
        self.seen.push(seen);
    }

    /// Takes what both ends want to send and do.
    pub(crate) fn collect(&mut self) {
        while let Some(event) = self.host.poll_event() {
            if let host::Event::AttachRequested { how, .. } = &event
                && self.gives_session
            {
                let resumed = matches!(how, shoji_protocol::AttachHow::Resume(_));
                assert!(self.host.attached(SessionId(7), ResumeToken(0x5eed), resumed, self.now));
            }
            self.host_events.push(event);
        }
        while let Some((channel, frame)) = self.host.poll_send() {
            self.frames_to_viewer += 1;
            self.fly(channel, frame[frame::HEADER_BYTES..].to_vec(), false);
        }
        while let Some((channel, frame)) = self.viewer.poll_send() {
            self.frames_to_host += 1;
            self.fly(channel, frame[frame::HEADER_BYTES..].to_vec(), true);
        }
    }

    fn fly(&mut self, channel: Channel, body: Vec<u8>, to_host: bool) {
        if self.is_cut {
            return;
        }
        let latency = if channel == Channel::Updates { self.updates_latency } else { self.latency };
        self.flying.push(Flying { at: self.now + latency, channel, body, to_host });
    }

    /// What the host was told to give to the worker since the last call.
    pub(crate) fn take_for_worker(&mut self) -> Vec<ToHost> {
        let events = std::mem::take(&mut self.host_events);
        events
            .into_iter()
            .filter_map(|event| match event {
                host::Event::ForWorker(message) => Some(message),
                _ => None,
            })
            .collect()
    }
}
