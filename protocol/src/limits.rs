//! Every limit of the protocol, each with its reason. Nothing else in the crate holds a limit of its own.

use crate::time::Duration;

/// The minor version spoken here; the major version is in the carrier's name for the protocol (`shoji/1`).
pub const MINOR: u16 = 1;

/// The oldest minor version still understood. Minor versions begin at 1; 0 is never spoken.
pub const OLDEST_MINOR: u16 = 1;

/// A list of limits that is also a list one can print.
macro_rules! limits {
    ($( $(#[doc = $doc:literal])* $name:ident: $of:ty = $value:expr; )*) => {
        $( $(#[doc = $doc])* pub const $name: $of = $value; )*

        /// Every limit: name, value, reason.
        pub(crate) const ALL: &[(&str, u64, &str)] = &[
            $( (stringify!($name), $value as u64, concat!($($doc, "\n"),*)), )*
        ];
    };
}

limits! {
    /// Narrowest window, in physical pixels: the browser's own tool bar does not fit into less.
    MIN_WINDOW_WIDTH: u16 = 320;
    /// Lowest window, in physical pixels: the browser's tool bar and a little of a page.
    MIN_WINDOW_HEIGHT: u16 = 240;
    /// Widest canvas, in physical pixels: a 4K screen, so that one picture is at most 33 MB in memory.
    MAX_WIDTH: u16 = 3840;
    /// Highest canvas, in physical pixels: a 4K screen; a portrait full HD screen fits too.
    MAX_HEIGHT: u16 = 2160;
    /// Largest side of a cursor picture: twice the 64 pixels that systems draw, for scale factors up to 2.
    MAX_CURSOR: u8 = 128;
    /// Most bytes of a cursor picture: four for each of its pixels.
    MAX_CURSOR_BYTES: usize = MAX_CURSOR as usize * MAX_CURSOR as usize * 4;
    /// Most canvases open at once: more browser windows than a person can use, and a bound on a page that opens windows.
    MAX_CANVASES: usize = 32;
    /// Most bytes in one update's payload: half of a raw 4K picture; an encoder that needs more has failed to encode.
    MAX_UPDATE: usize = 16 * 1024 * 1024;
    /// Most bytes of text in one commit: the longest conversion of a Japanese input method is 255 characters of three
    /// bytes, and a person does not make more at once; larger would only serve to carry documents.
    MAX_TEXT: usize = 768;
    /// Most bytes of a viewer→host message: the text of one commit and its few numbers.
    MAX_TO_HOST: usize = MAX_TEXT + 32;
    /// Most bytes of a datagram with copies of input or of updates: the longest input in its frame and some short ones, and less
    /// than the smallest packet that QUIC may use.
    MAX_DATAGRAM: usize = 1_024;
    /// Most bytes of the updates' stream that wait to be copied, or that came by copies ahead of it: a picture of text or of a small
    /// film, as are sent while somebody types. Larger ones are rare and wait for what was lost.
    MAX_SPLICE: usize = 16 * 1024;
    /// Most pieces that came by copies ahead of the updates' stream: what a fast hand causes in a round trip of a second, so that many
    /// small ones cost no more memory than a few large ones.
    MAX_SPLICE_PIECES: usize = 64;
    /// Most bytes of a host→viewer message: one update and its few numbers.
    MAX_TO_VIEWER: usize = MAX_UPDATE + 64;
    /// Most bytes of a message between supervisor and worker about the session itself: a few numbers.
    MAX_WORKER: usize = 128;
    /// Most updates of a session that were sent and not yet presented: 60 a second over a round trip of a quarter of a
    /// second, the slowest link on which working is bearable. Beyond it damage waits and merges.
    MAX_IN_FLIGHT: usize = 16;
    /// Most bytes of a session's updates that were sent and not yet presented: two of the largest.
    MAX_BYTES_IN_FLIGHT: usize = 2 * MAX_UPDATE;
    /// Most keys that are down and repeat: a person has ten fingers.
    MAX_HELD_KEYS: usize = 16;
    /// Most bytes of a packet of the reliable channels: SCTP takes 1,062 of the host's library and more of a browser's before it cuts them
    /// in two, and with what it, DTLS and UDP add, every network carries that whole; so a lost one loses one.
    RELIABLE_PACKET: usize = 1_060;
    /// Most parts of such a packet: one of each kind, and the pieces between losses that fit.
    RELIABLE_PARTS: usize = 32;
    /// Most ranges of packets that an end says to have, and remembers: more gaps than a bad link makes in a round trip.
    RELIABLE_RANGES: usize = 32;
    /// Ranges beyond which an end that only answers asks to be heard, so that it can forget those that the other end knows: a gap
    /// or two are always there on a link that loses.
    RELIABLE_RANGES_TOLD: usize = 4;
    /// Packets that are told of together, if they come in order: each telling costs a packet.
    RELIABLE_TOLD_EVERY: u32 = 4;
    /// Bytes that may be on their way at first and at least, unless nothing comes through at all: ten packets, as RFC 9002 begins with.
    RELIABLE_FIRST_WINDOW: u64 = 10 * RELIABLE_PACKET as u64;
    /// Most bytes on their way: no more than data channels carry well. What SCTP holds for a peer is less, and counts too.
    RELIABLE_WINDOW: u64 = 256 * 1024;
    /// Most packets on their way: those of the largest window, and as many small ones.
    RELIABLE_SENT: usize = 1_024;
    /// Most bytes of a channel that wait at the end that sends them: the largest window, so that the network never waits.
    RELIABLE_WAITING: usize = 256 * 1024;
    /// Most bytes of the control channel that are kept by the end that they come to; its messages are tens of bytes.
    RELIABLE_CONTROL_ROOM: u64 = 16 * 1024;
    /// Most bytes of input that the host keeps: some hundred events, as come at once after a link stood still.
    RELIABLE_INPUT_ROOM: u64 = 64 * 1024;
    /// Most bytes of updates that the viewer keeps because something before them is lost: two of the largest window.
    RELIABLE_UPDATES_ROOM: u64 = 512 * 1024;
    /// Most gaps between bytes that came of a channel: each costs memory, and one packet of two lost in the largest window makes fewer.
    RELIABLE_GAPS: usize = 256;
    /// Most frames or events that wait inside a state machine for its caller to take them. A caller that empties it
    /// after every call sees a dozen at most; this many are seconds of a person's fastest input on a carrier that takes
    /// nothing.
    MAX_QUEUED: usize = 1_024;
}

/// A key that is down for this long is held on purpose: of typed keys, one in a hundred is down longer. The host repeats it
/// only if it hears so.
pub const HELD_FIRST: Duration = Duration::from_millis(350);

/// How often the viewer says that keys are still held: three times within the time that the host believes it.
pub const HELD_AGAIN: Duration = Duration::from_millis(80);

/// The viewer has to say hello, and then to attach, within this time of being able to: a connection without a purpose
/// must not hold a place. Five seconds is ten slow round trips.
pub const HANDSHAKE: Duration = Duration::from_millis(5_000);

/// A viewer waits this long for a session: a browser that starts on a busy machine with a cold disk takes ten seconds.
pub const ATTACH_WITHIN: Duration = Duration::from_millis(60_000);

/// Silence after which an end asks whether the other is there. Long enough to cost nothing (a few bytes a second for
/// a thousand sessions), short enough that [`KEEP_ALIVE_LOST`] holds several tries.
pub const KEEP_ALIVE_MILLIS: u16 = 5_000;

/// Silence after which the other end counts as lost: four keep-alives. Wireless links come back within ten seconds or
/// not at all, and a session survives its viewer anyway.
pub const KEEP_ALIVE_LOST: Duration = Duration::from_millis(20_000);

/// A viewer asks when nothing came for this long after a key: a page that shows nothing for a key is common, a second of
/// nothing is not.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(1_000);

/// A host that does not answer a question for this long is silent: the person is told, and new keys are not taken, because
/// they would arrive later by surprise. Two seconds are eight slow round trips.
pub const SILENT: Duration = Duration::from_millis(2_000);

/// A viewer whose question is unanswered for this long makes another connection: a carrier that lost everything for seconds
/// tries again ever more seldom, a new one at once.
pub const GIVE_UP: Duration = Duration::from_millis(6_000);

/// Shortest time between two questions that only measure the round trip: a person reads no faster.
pub const PING_INTERVAL: Duration = Duration::from_millis(1_000);

/// The longest time in which a viewer must acknowledge an update. A viewer acknowledges hidden windows too, so only one
/// that hangs or stopped reading takes longer; an update of [`MAX_UPDATE`] takes this long at 13 Mbit/s.
pub const PRESENT_WITHIN: Duration = Duration::from_millis(10_000);

/// Shortest time between two motions of one kind that the viewer sends: a mouse reports up to 1000 times a second, and a
/// screen shows no more than 240 of them.
pub const MOTION_INTERVAL: Duration = Duration::from_micros(4_000);

/// Shortest time between two touch motions of a finger that the viewer sends: ten fingers are ten messages.
pub const TOUCH_INTERVAL: Duration = Duration::from_micros(16_000);

/// Shortest time between two sizes that the viewer sends while a window is dragged: each makes the browser lay out
/// its page anew, which takes about this long.
pub const RESIZE_INTERVAL: Duration = Duration::from_micros(33_000);

/// Shortest time between two requests for a whole picture: each costs up to a megabyte, and a viewer that needs one
/// every half second has a defect that repainting does not cure.
pub const REPAINT_INTERVAL: Duration = Duration::from_millis(500);

/// The longest time until an end of the reliable channels says that packets came, if they came in order.
pub const RELIABLE_DELAY: Duration = Duration::from_millis(4);

/// The most of that time that the other end believes: a page that is busy may take longer, and nobody makes round trips shorter by
/// saying so.
pub const RELIABLE_DELAY_BELIEVED: Duration = Duration::from_millis(25);

/// How often something may come: a bucket that holds `burst` and gains `per_second`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// What is counted; also the word in errors.
    pub name: &'static str,
    /// How many a second in the long run.
    pub per_second: u32,
    /// How many at once. A link that stalls delivers everything late and at once, so the bursts of input hold ten
    /// seconds of it, half of [`KEEP_ALIVE_LOST`].
    pub burst: u32,
    /// Why so many.
    pub reason: &'static str,
}

macro_rules! rates {
    ($( $name:ident = $word:literal, $per_second:literal, $burst:literal, $reason:literal; )*) => {
        $(
            #[doc = $reason]
            pub const $name: RateLimit =
                RateLimit { name: $word, per_second: $per_second, burst: $burst, reason: $reason };
        )*

        /// Every rate limit.
        pub const RATES: &[RateLimit] = &[$( $name, )*];
    };
}

rates! {
    KEYS = "keys", 150, 1_500,
        "A fast typist makes 20 keys a second and a rolling hand 60; each is two events, or one of an input method that composes; some more are focus changes.";
    BUTTONS = "buttons", 60, 600,
        "The fastest double clicking is 15 presses a second, each two events, with two hands.";
    MOTIONS = "motions", 500, 5_000,
        "The viewer merges a 1000 Hz mouse to 250 motions a second; wheel and touch pad are as many again at most.";
    TOUCHES = "touches", 800, 8_000,
        "Ten fingers at 62.5 motions a second each, and their downs and ups.";
    COMMITS = "commits", 20, 200,
        "A person confirms a few conversions of an input method a second; an input method may confirm letter by letter.";
    RESIZES = "resizes", 40, 400,
        "The viewer merges sizes to 30 a second while a window is dragged.";
    REPAINTS = "repaints", 2, 40,
        "A viewer that loses its picture asks once for each canvas; each costs up to a megabyte.";
    COPIES = "copies of input", 1_000, 10_000,
        "Each key, button or text of an input method is followed by two datagrams of copies at most, and goes with one more.";
    UPDATE_COPIES = "copies of updates", 4_000, 20_000,
        "Sixty pictures a second, each in seven datagrams, of four windows at once, twice over.";
    CLOSES = "closes", 10, 64,
        "A person closes windows one by one; the burst is twice all canvases.";
    PINGS = "pings", 2, 40,
        "One keep-alive in five seconds and, while the person looks at the latency, one a second.";
    SCREEN = "screen messages", 1_000, 10_000,
        "Cursor, window and canvas changes follow the pointer: at most one or two for each motion of the mouse.";
    NOTICES = "notices", 2, 20,
        "A person can read no more.";
}
