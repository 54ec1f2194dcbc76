//! Every limit of the host program, each with its reason.
//!
//! Limits on what crosses the boundary (message sizes, input rates, canvas sizes) live in `shoji_protocol::limits`;
//! here are those on the host's own resources. Nothing in this crate may hold a queue, list or buffer that is
//! bounded by none of them.

use std::time::Duration;

/// Sessions on one host unless the configuration says otherwise. A Chromium with a few tabs takes about 0.5 GB,
/// so 64 sessions fill a 32 GB machine; two user ids each still end below the range systemd hands out dynamically.
pub const DEFAULT_SESSIONS: u32 = 64;

/// No configuration may ask for more sessions than this: file descriptors (about 8 per session in the supervisor)
/// and the table's linear searches were chosen for it.
pub const MAX_SESSIONS: u32 = 1_000;

/// Sessions of one device unless configured: the one in use, and one being left behind after a crash of the PC.
pub const DEFAULT_SESSIONS_PER_DEVICE: u32 = 2;

/// Connections beyond the session count: a reconnect overlaps the old connection until its idle timeout.
pub const SPARE_CONNECTIONS: u32 = 32;

/// TLS handshakes at the same time. One costs about a millisecond of CPU, so this many are done within a tenth of
/// a second, and more could only starve the sessions that are already running.
pub const MAX_HANDSHAKES: usize = 64;

/// Handshakes above which a new address has to prove itself by a QUIC retry first (no state is kept meanwhile).
pub const UNVALIDATED_HANDSHAKES: usize = 16;

/// A handshake over the slowest line worth using takes less.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections over TCP that are between their first packet and the end of their handshake. The oldest makes room for a new
/// one: whoever means it has said its first word a round trip later, so a flood of silent ones locks nobody out until 256
/// of them come within that time. Each costs a file descriptor and about 2 KiB.
pub const HALF_OPEN: usize = 256;

/// The while within which lines are counted that strangers can cause.
pub const SELDOM: Duration = Duration::from_secs(60);

/// Refusals of one kind that are logged within [`SELDOM`]: an administrator sees what happens, and a port scanner adds no more
/// than some megabytes a day.
pub const REFUSALS_TOLD: u32 = 20;

/// Characters of a reason that the other side gave for its end, in the log.
pub const REASON_LOGGED: usize = 200;

/// Tries to find a port number that is free for both UDP and TCP: even if half of them were taken for one kind, one of these fits.
pub const PORT_TRIES: u32 = 32;

/// Pause when no connection can be accepted, which is so when the process has no file descriptor left.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bytes that the kernel may hold of a TCP connection and has not sent: 3 ms of a 100 Mbit/s line. What lies there cannot be
/// overtaken by newer pixels; less would only cost wake-ups, since it has to bridge the time until the task runs again.
pub const TCP_UNSENT: u32 = 32 << 10;

/// Bytes of an update that lie encrypted in TLS's own buffer, for the same reason.
pub const TLS_UNSENT: usize = 32 << 10;

/// How long a viewer may take from the handshake to opening both its streams.
pub const STREAMS_TIMEOUT: Duration = Duration::from_secs(10);

/// Silence after which QUIC and TCP give a connection up, agreed between the crates: four lost keep-alives.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Silence after which QUIC and TCP ask, agreed between the crates.
pub const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Bytes in flight on the Updates stream: the largest update (16 MiB) must fit, because a first picture must never
/// wait for a window update of a lower layer.
pub const UPDATE_WINDOW: u64 = 20 << 20;

/// What a viewer may send ahead of our reading it, per stream. Input frames are about 20 bytes; 64 KiB are
/// several seconds of the fastest input that the protocol's rate limit lets through.
pub const INPUT_WINDOW: u32 = 64 << 10;

/// Bytes of control messages that may wait for a viewer that does not read: they are about ten bytes each and a few a second, so this
/// is more than any link's bad minute.
pub const CONTROL_BACKLOG: usize = 64 << 10;

/// Bytes of one message to a viewer on a carrier of messages, agreed with the web viewer: a few milliseconds of the slowest line worth using, so that a
/// key's echo does not wait long behind a picture, and large enough that a message's own cost does not count.
pub const MESSAGE: usize = 64 << 10;

/// Bytes of datagrams that may wait for a connection's task: sixteen of the largest, which are half a second of the fastest
/// typing. QUIC drops the oldest of more.
pub const DATAGRAMS_WAITING: usize = 16 << 10;

/// Bytes of copies of updates that may wait in the carrier: all that can be due at once, each datagram with what QUIC adds in memory.
pub const COPIES_WAITING: usize = 18 << 10;

/// Most bytes of a frame of updates that is copied: a picture of text or of a small film.
pub const COPIED_FRAME: usize = 6 << 10;

/// Bytes by which updates may be ahead of what gets copies, so that a page of megabytes is forgotten some seconds after it.
pub const COPIES_DEBT: i64 = 1 << 20;

/// How long after a lost packet updates are copied: a link that loses one in a hundred loses one in ten seconds of typing.
pub const LOSSY_FOR: Duration = Duration::from_secs(60);

/// How often the carrier is asked for its losses and its round trip.
pub const LOOK_AT_LINK: Duration = Duration::from_millis(50);

/// The first congestion window: on a LAN a whole page (about 0.4 MB) should leave in one flight. Congestion control
/// still halves it on the first loss.
pub const INITIAL_CONGESTION_WINDOW: u64 = 512 << 10;

/// The least that may be in flight unless the link is dead: what every connection may begin with (RFC 9002, section 7.2), about ten
/// packets. A picture of text or of a small film then takes one round trip; at 2 Mbit/s it is 60 ms.
pub const MIN_CONGESTION_WINDOW: u64 = 14_720;

/// Socket buffers of the worker's Unix socket: a worst-case lossless 1080p update is about 4 MB and must be handed over
/// without the worker waiting for the supervisor.
pub const WORKER_SOCKET_BUFFER: usize = 4 << 20;

/// UDP socket buffers: 2 ms of a 10 Gbit/s line.
pub const UDP_SOCKET_BUFFER: usize = 4 << 20;

/// Bytes read from a worker at once. Larger frames take several reads; small ones share one.
pub const WORKER_READ: usize = 256 << 10;

/// Bytes for a worker that it has not read yet. A worker that stops reading this much input has hung.
pub const WORKER_BACKLOG: usize = 256 << 10;

/// Commands waiting for a session's task. Each connection, the control socket and the browser's watcher have at most a
/// few under way; the senders wait when it is full.
pub const SESSION_COMMANDS: usize = 16;

/// How long a worker may take to answer that it is ready (it makes no picture for that).
pub const WORKER_READY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection that was told to let a session go may take.
pub const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the browser may take to leave after its last window closed before it is ended.
pub const BROWSER_LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the browser may take to open its first window, also on a busy machine, or to end after it lost its display.
pub const BROWSER_WINDOW_TIMEOUT: Duration = Duration::from_secs(120);

/// Restarts of a crashed browser within [`BROWSER_RESTART_SPAN`]; one more and the session ends.
pub const BROWSER_RESTARTS: usize = 3;

/// The span over which [`BROWSER_RESTARTS`] counts: a page that kills the browser does it again within seconds, a rare
/// fault does not come back three times in five minutes.
pub const BROWSER_RESTART_SPAN: Duration = Duration::from_secs(300);

/// How long a `Close` frame may take to reach the viewer before the connection is dropped anyway.
pub const FAREWELL: Duration = Duration::from_millis(500);

/// How long the kernel may take to end a killed browser: its memory is freed first, which a starved machine does slowly.
pub const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long before its end a session's viewer is told: time to finish a form and to save what the page keeps.
pub const END_NOTICE: Duration = Duration::from_secs(300);

/// A refusal is not told again sooner: a key held down or a dialog asked for by a page again and again is one occasion, and
/// what was told before has just been read.
pub const REFUSAL_PAUSE: Duration = Duration::from_secs(5);

/// How long before a device's certificate ends its user is told, at the beginning of each session: an administrator who
/// comes by every other week can still renew it.
pub const CERTIFICATE_NOTICE: Duration = Duration::from_secs(14 * 86_400);

/// How long `serve` waits for its sessions to end when it is told to stop. Longer than
/// [`KILL_TIMEOUT`], so that nothing is left behind.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// One line on the control socket, either way. The longest request names a device (64 bytes).
pub const CONTROL_REQUEST: usize = 4 << 10;

/// The longest answer on the control socket: a line of 200 bytes for each of [`MAX_SESSIONS`] sessions.
pub const CONTROL_ANSWER: usize = 512 << 10;

/// Administrators' programs on the control socket at the same time.
pub const CONTROL_CONNECTIONS: usize = 8;

/// How long a program on the control socket may take for its request.
pub const CONTROL_TIMEOUT: Duration = Duration::from_secs(5);

/// Devices in the registry: larger than any municipality; keeps the file (about 300 bytes each) below 10 MB.
pub const MAX_DEVICES: usize = 20_000;

/// How long a device stays in the registry at least when its certificate has ended: as long as the longest session that
/// the configuration allows, which its user may still take up from another device.
pub const KEEP_ENDED_DEVICES: Duration = Duration::from_secs(7 * 86_400);

/// Users in the registry.
pub const MAX_USERS: usize = 20_000;

/// Bytes of any file that the host reads whole (configuration, registry, keys).
pub const MAX_FILE: u64 = 16 << 20;

/// Longest name of a user or device.
pub const MAX_NAME: usize = 64;

/// Days a device certificate is valid unless the administrator says otherwise: a year, as PCs are counted yearly.
pub const DEFAULT_DEVICE_DAYS: u32 = 365;

/// The longest validity of a device certificate, three years: a lost PC must not stay valid for ever.
pub const MAX_DEVICE_DAYS: u32 = 1_096;

/// Days the host's own certificate is valid; it is renewed on start when less than a third is left.
pub const SERVER_DAYS: u32 = 398;

/// Days the local certificate authority is valid.
pub const AUTHORITY_DAYS: u32 = 3_650;

/// Connections to the built-in pages at the same time. Chromium opens six per site; sessions share the listener.
pub const PAGE_CONNECTIONS: usize = 256;

/// Bytes of a form sent to the built-in pages.
pub const PAGE_FORM: usize = 16 << 10;

/// File descriptors of a worker: its sockets, one per Wayland client, one per shared buffer (Chromium holds about 4
/// per window).
pub const WORKER_FILES: u64 = 1_024;

/// Bytes of private memory of a worker: 16 canvases of 3840x2160 and what the encoder keeps of each (four times 33 MB), twice.
/// More is a fault or an attack; the worker then ends, and with it one session, before the machine runs out.
pub const WORKER_MEMORY: u64 = 4 << 30;

/// Bytes of a session, worker and browser together, where the system has groups for it: the worker's own limit, and as much again
/// for a browser with dozens of tabs. Beyond it the kernel ends the largest process, most often a single page's.
pub const SESSION_MEMORY: u64 = 8 << 30;

/// Processes and threads of a session. Chromium has about 20 for each page and 100 of its own; this is room for 150 pages.
pub const SESSION_TASKS: u64 = 4_096;

/// Browsers that wait to become devices. An administrator approves a few at a time; each is 250 bytes in the registry.
pub const WEB_ENROLMENTS: usize = 256;

/// Of them, from one address, or one network of IPv6: a classroom behind one address translator. Eight fill the list, one can not.
pub const WEB_ENROLMENTS_OF_ADDRESS: usize = 32;

/// How long a browser waits: an administrator who comes by once a day sees it.
pub const WEB_ENROLMENT_LIFE: Duration = Duration::from_secs(86_400);

/// Characters of what a person calls a browser: agreed with the web viewer.
pub const WEB_LABEL: usize = 32;

/// How often something may happen: so many at once, and from then on one every so often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// A burst after a pause.
    pub at_once: u32,
    /// How long it takes until one more may.
    pub every: Duration,
}

/// Requests of one address to the web service. A page is about ten, signing in two, and a whole town hall may stand behind
/// one address translator when it opens at half past eight.
pub const WEB_REQUESTS_OF_ADDRESS: Rate = Rate { at_once: 1_000, every: Duration::from_millis(10) };

/// Requests of all addresses: an answer takes well below a tenth of a millisecond, so this is a tenth of one core.
pub const WEB_REQUESTS: Rate = Rate { at_once: 4_000, every: Duration::from_millis(1) };

/// Challenges and tickets of one address, two for each connection: 200 people behind one translator at once.
pub const WEB_SIGN_INS_OF_ADDRESS: Rate = Rate { at_once: 400, every: Duration::from_millis(50) };

/// Challenges and tickets of all addresses: checking a signature takes a fifth of a millisecond, so this is 4 % of one core.
pub const WEB_SIGN_INS: Rate = Rate { at_once: 1_000, every: Duration::from_millis(5) };

/// Enrolments of one address: people type, and a page asks again every few seconds whether it was approved.
pub const WEB_ASKS_OF_ADDRESS: Rate = Rate { at_once: 60, every: Duration::from_millis(200) };

/// Enrolments of all addresses, most of which only ask again and are answered from memory.
pub const WEB_ASKS: Rate = Rate { at_once: 300, every: Duration::from_millis(20) };

/// Enrolments of one address that are written to the registry: half of what may wait from there at once, the other half within
/// a minute, and a quarter of what is left to all.
pub const WEB_ENROLMENT_WRITES_OF_ADDRESS: Rate = Rate { at_once: 16, every: Duration::from_secs(4) };

/// Enrolments of all addresses that are written to the registry: each rewrites the file, several megabytes on the largest host.
pub const WEB_ENROLMENT_WRITES: Rate = Rate { at_once: 64, every: Duration::from_secs(1) };

/// Addresses whose rates are known one by one; those beyond share one bucket. Sixteen bytes each.
pub const WEB_ADDRESSES: usize = 4_096;

/// Bytes of a request's body: agreed with the web viewer, whose largest JSON has 300, and whose offer of WebRTC has 600.
pub const WEB_BODY: usize = 4 << 10;

/// Bytes of a request's headers. Browsers send about 1 KiB, and no cookie is ever set.
pub const WEB_HEADERS: usize = 16 << 10;

/// Headers of a request; browsers send about twenty.
pub const WEB_HEADER_COUNT: usize = 64;

/// How long the headers of a request may take, and a kept connection may be without one over HTTP/1.1.
pub const WEB_HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request may take from its headers to the headers of its answer: 4 KiB over the slowest line worth using.
pub const WEB_ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// How long one connection of the web service is kept at most, without what became a session: a page of 300 kB over
/// 64 kbit/s takes 40 s. Then it is asked to finish, within [`WEB_FINISH`].
pub const WEB_CONNECTION_LIFE: Duration = Duration::from_secs(120);

/// How long a connection that was asked to finish may take.
pub const WEB_FINISH: Duration = Duration::from_secs(5);

/// KiB of memory that one connection of the web service takes at most, as a test measures it: over HTTP/2, with [`WEB_STREAMS`]
/// requests that wait for the rest of their bodies. Twelve for each of them, and a hundred for TLS and for what was read and not
/// understood yet. Heads count only while they are read.
pub const WEB_CONNECTION_KIB: usize = 300;

/// Connections of the web service at the same time, sessions not counted. With [`WEB_CONNECTION_KIB`] each, this many take 300 MB
/// at worst, and 20 MB as a rule.
pub const WEB_CONNECTIONS: usize = 1_024;

/// Of them, from one address, or one network of IPv6: a browser opens one (HTTP/2) or six (HTTP/1.1). Half is left for others.
pub const WEB_CONNECTIONS_OF_ADDRESS: usize = 512;

/// Browsers at the same time that came over QUIC and have shown no ticket, each for [`WEB_TICKET_TIMEOUT`] at most. They have places of
/// their own, so that a flood over UDP leaves TCP to browsers.
pub const WEB_STRANGERS: usize = 512;

/// Of them, from one address: a town hall behind one address translator, all at once.
pub const WEB_STRANGERS_OF_ADDRESS: usize = 256;

/// Requests at the same time on one HTTP/2 connection: twice as many as the page has files.
pub const WEB_STREAMS: u32 = 16;

/// Bytes that HTTP/2 may buffer for each answer that its reader does not take.
pub const WEB_SEND_BUFFER: usize = 32 << 10;

/// How long a challenge and a ticket are good: agreed with the web viewer.
pub const WEB_SECRET_LIFE: Duration = Duration::from_secs(30);

/// Challenges at the same time. Only known devices get one, so there are as many as PCs that connect within half a minute.
pub const WEB_CHALLENGES: usize = 2_048;

/// Tickets at the same time, as for challenges.
pub const WEB_TICKETS: usize = 2_048;

/// Challenges, and tickets, of one device: two windows that connect at once, each twice.
pub const WEB_SECRETS_OF_DEVICE: usize = 4;

/// How long a WebSocket may take to show its ticket, and WebTransport from the end of its handshake on: a page has it before it
/// connects.
pub const WEB_TICKET_TIMEOUT: Duration = Duration::from_secs(5);

/// Packets of one peer by WebRTC that wait to be read: two windows of what a browser sends, which are tens of bytes as a rule.
pub const PEER_PACKETS: usize = 256;

/// Addresses that one peer is known by at the same time: a PC with two network cards, each by both kinds of address, and one that moves.
pub const PEER_ADDRESSES: usize = 8;

/// Addresses of this machine that a browser is told beside the first: each costs it a question.
pub const PEER_CANDIDATES: usize = 8;

/// Ports and addresses from which one peer's packets are taken while it lives: browsers try one or two for each network card, and
/// an address translator may change them some times in a day.
pub const PEER_SOURCES: usize = 32;

/// Packets of one peer, whoever writes its name or address on them: answers to the largest window come two hundred and fifty a second,
/// input a thousand. Each beyond costs the host a deciphering; it is lost, which WebRTC and what stands above it can bear.
pub const PEER_PACKETS_RATE: Rate = Rate { every: Duration::from_micros(250), at_once: 1_000 };

/// Bytes that SCTP holds for a peer: more would only wait there, behind which a key's answer waits too.
pub const PEER_BUFFER: usize = 128 << 10;

/// How long a peer may take from its offer to its ticket: ICE, DTLS and SCTP take seven round trips, and a page has its ticket
/// before it offers. A peer that never comes is gone then.
pub const PEER_TIMEOUT: Duration = Duration::from_secs(8);

/// Peers at the same time that made an offer and have shown no ticket: only registered devices make offers. Each takes
/// 50 kB, and up to 1 MiB if it sends SCTP the beginnings of messages that never end.
pub const PEERS_UNADMITTED: usize = 256;

/// Of them, from one address: a town hall behind one address translator, all at once.
pub const PEERS_UNADMITTED_OF_ADDRESS: usize = 128;

/// Bytes of a WebSocket message from a viewer: agreed with the web viewer. Input frames are about 20 bytes.
pub const WEB_MESSAGE: usize = 16 << 10;

/// Bytes on a WebSocket that make no message: the longest message with all that is around it, and what was read ahead with the
/// message before. Browsers send messages in one piece; empty pieces without end would else cost for ever and never count.
pub const WEB_UNFINISHED: u64 = 2 * WEB_MESSAGE as u64 + 1_024;

/// Pings on a WebSocket: browsers send none, something in between may send one now and then.
pub const WEB_PINGS: Rate = Rate { at_once: 20, every: Duration::from_millis(500) };

/// Names of the web service in the configuration, and as many addresses that the host finds by itself: each stands in the
/// certificate, which every handshake carries.
pub const WEB_NAMES: usize = 32;

/// Streams of one direction that whoever finishes a QUIC handshake may have open, before it is known who it is: HTTP/3 demands
/// three. A native viewer uses one and gets no more from then on; what it sends on the others is never read, and the connection's window
/// bounds it.
pub const UNI_STREAMS: u32 = 3;

/// Of them for a native viewer: its input.
pub const VIEWER_UNI_STREAMS: u32 = 1;

/// Of them over WebTransport once the page's request was taken: HTTP/3's three, the page's input, and one for what browsers
/// open to keep hosts from being picky, which is given up at once.
pub const WEB_TRANSPORT_UNI_STREAMS: u32 = 5;

/// Streams of both directions over WebTransport: the request, and the control stream.
pub const WEB_TRANSPORT_BIDI_STREAMS: u32 = 2;

/// Bytes that a browser may send on the stream of its request after the request: the end of a session says at most one kilobyte.
pub const WEB_TRANSPORT_REQUEST_REST: usize = 4 << 10;

/// Days that one certificate for WebTransport is shown, and before them as many that it is the next one: a page learns of both with
/// its ticket, so that neither a change nor a page that is slow gets between them.
pub const SHORT_LIVED_DUTY_DAYS: u64 = 5;

/// Days that such a certificate is valid after it was made: both spans above, and two for PCs whose clock is ahead.
pub const SHORT_LIVED_DAYS: u64 = 12;

/// Days before it was made from which it is valid, for PCs whose clock is behind. With the days above at most the fourteen
/// that browsers accept of a certificate that they know by its hash.
pub const SHORT_LIVED_SKEW_DAYS: u64 = 1;

/// Connections of one session's browser to the egress proxy. Chromium holds at most 99 to a proxy for pages (as our policy
/// says) and 255 for WebSockets; the next one waits until one of its own ends.
pub const EGRESS_CONNECTIONS_OF_SESSION: usize = 384;

/// Connections of all browsers to the egress proxy: two file descriptors each. A thousand staff with 16 each.
pub const EGRESS_CONNECTIONS: usize = 16_384;

/// New connections and requests of one session: a heavy page makes a few hundred at once. It also bounds the audit's lines.
pub const EGRESS_AT_ONCE: u32 = 400;

/// Then one each of these: 50 a second.
pub const EGRESS_EVERY: Duration = Duration::from_millis(20);

/// Headers of a request or of an answer; browsers send about 20, sites answer with up to 60.
pub const EGRESS_HEADERS: usize = 128;

/// Bytes of a request's or an answer's head, and what is read ahead of a body: cookies of one site take up to 16 kB and more.
pub const EGRESS_HEADER_BYTES: usize = 64 << 10;

/// How long the browser may take for a request's head, and how long an unused connection to the proxy stays.
pub const EGRESS_HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a name may take: the system's resolver asks two servers twice within this.
pub const EGRESS_NAME_TIMEOUT: Duration = Duration::from_secs(12);

/// How long one address may take to answer: two lost packets are made good within this.
pub const EGRESS_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an upstream proxy may take to open a tunnel: it looks names up and connects, too.
pub const EGRESS_UPSTREAM_TIMEOUT: Duration = Duration::from_secs(30);

/// Addresses of one name that are tried.
pub const EGRESS_ADDRESSES: usize = 6;

/// Silence after which a connection to the outside ends: pages that wait for news (WebSockets, long polls) say something
/// every few minutes at most, since address translators forget them otherwise.
pub const EGRESS_IDLE: Duration = Duration::from_secs(15 * 60);

/// Bytes that a tunnel reads at once, each way.
pub const EGRESS_BUFFER: usize = 16 << 10;

/// Names of one session that are looked up at the same time. Each holds a thread of the system's resolver until that gives up, even
/// when nobody waits any more, so no session may hold them all.
pub const EGRESS_LOOKUPS_OF_SESSION: usize = 8;

/// Threads for names: as many sessions as the default allows, each at its limit. They come when needed and go again.
pub const EGRESS_LOOKUPS: usize = 512;

/// Until then the sandbox has handed its listener over. A starved machine takes a second.
pub const EGRESS_HAND_OVER: Duration = Duration::from_secs(60);

/// Entries of one list in `[egress]`: they are searched one by one for each connection.
pub const EGRESS_LIST: usize = 10_000;

/// Input that a gate lets pass, by [`crate::gate::pace::Class`]. A person types 12 keys a second for long (each two events) and rolls 40;
/// confirms 3 conversions a second; composes 15 characters a second, of which conversion changes each once more; and a viewer sends
/// 250 motions a second while the pointer moves, which a hand does half of the time. A key carries 7 bits: with these, a device that
/// is taken over carries out about 40 kilobytes a minute at most, all classes together.
pub const GATE_INPUT: [crate::gate::pace::Limit; 4] = [
    crate::gate::pace::Limit { per_second: 80, per_minute: 1_800 },
    crate::gate::pace::Limit { per_second: 10, per_minute: 240 },
    crate::gate::pace::Limit { per_second: 300, per_minute: 2_400 },
    crate::gate::pace::Limit { per_second: 300, per_minute: 9_000 },
];

/// Seconds that input waits at a gate for its turn, before its connection is cut: a person has noticed by then.
pub const GATE_PATIENCE_SECONDS: u32 = 15;

/// Input of one connection that waits at a gate: what a link that stood still for seconds brings at once.
pub const GATE_WAITING: usize = 512;

/// Connections of viewers through one gate, unless its configuration says otherwise.
pub const GATE_CONNECTIONS: u32 = 256;

/// Devices whose budget of input a gate remembers: all that can have one.
pub const GATE_BUDGETS: usize = MAX_DEVICES;

/// How long a gate remembers what a device has typed after it left: then its budget is whole again.
pub const GATE_BUDGET_KEPT: Duration = Duration::from_secs(70);

/// How long a gate tries QUIC towards its host before it tries TCP.
pub const GATE_QUIC_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a gate tries one way towards its host: as a viewer.
pub const GATE_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Inputs whose numbers a gate remembers until a picture follows them: a minute of the fastest pointer.
pub const GATE_NUMBERS: usize = 4_096;

/// Bytes of input that wait at a gate because the host takes none: more is a host that hangs.
pub const GATE_BACKLOG: usize = 64 << 10;

/// Room for one whole update of the largest size, from the host.
pub const GATE_WINDOW: u32 = 16 << 20;

/// Connections to a gate's health endpoint at once: a monitor or two.
pub const GATE_HEALTH_CONNECTIONS: usize = 8;

/// How long a monitor may take to ask and to read the answer.
pub const GATE_HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of updates a second that a gate passes on for one viewer, unless its configuration says otherwise: 400 Mbit/s.
pub const GATE_UPDATE_BYTES: u32 = 50_000_000;

/// Updates a second that a gate passes on for one viewer, unless its configuration says otherwise: sixty pictures of four windows, in
/// three parts each.
pub const GATE_UPDATES: u32 = 720;

/// Routes that are compared with the declared segments. A machine that takes part in its organisation's routing has some thousands;
/// one with the routes of the whole internet is a router and no host.
pub const ROUTES: usize = 100_000;

/// How long the doctor waits for an address that must not answer. A firewall that drops packets says nothing at all, and one that is
/// reached answers within a round trip.
pub const PROBE: Duration = Duration::from_secs(2);
/// Addresses that one run of the doctor tries: each may take the whole time.
pub const PROBES: usize = 32;
/// How long a browser may take to say its version: it loads 200 MB from a cold disk first.
pub const BROWSER_VERSION: Duration = Duration::from_secs(20);
/// Open files that a full host needs: about eight for each of its sessions (sockets, pidfd, shared memory), as many for connections
/// that are not sessions yet, and those of the browsers' connections through the egress proxy.
pub const OPEN_FILES_PER_SESSION: u64 = 128;
/// Days before the end of a certificate at which the doctor speaks of it.
pub const ENDS_SOON_DAYS: u64 = 30;
/// Days after which a browser's program is old, and too old: Chromium has a new version with security fixes every two to four weeks.
pub const BROWSER_DAYS: (u64, u64) = (35, 90);
