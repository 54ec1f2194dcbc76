//! What JavaScript calls. Arguments and results are numbers; times are microseconds since the page began, as floats.
//!
//! Bytes for the core are written by JavaScript into the buffer that [`shoji_room`] gives, bytes from it are read where [`shoji_out_at`] and
//! [`shoji_words_at`] say, until the next call. Owns the one [`Core`] of a page's worker. The only unsafe thing here is that the names
//! of the functions are kept for the linker; they all begin alike, so that none takes the place of another library's.

#![expect(
    unsafe_code,
    reason = "names that are kept for JavaScript are unsafe to give twice; each is given once, here"
)]

use std::cell::RefCell;

use shoji_codec::{Layout, Rect};
use shoji_protocol::reliable::End;
use shoji_protocol::time::Instant;
use shoji_protocol::viewer::Config;
use shoji_protocol::{
    AttachHow, Button, CanvasId, Capabilities, Channel, CloseCode, Finger, Fixed, Input, Key, KeyboardLayout, Locale,
    Lock, Position, PreeditCursor, Rate, ResumeToken, Scale, Side, Size, Text, TextOffset, TouchPhase, UpdateId,
    Viewport, WheelDelta, WheelSource, limits,
};

use crate::core::Core;

/// Most bytes that JavaScript hands over at once: a decoded 4K picture.
const MAX_ROOM: usize = 3840 * 2160 * 3 / 2;

thread_local! {
    static PAGE: RefCell<Page> = RefCell::default();
}

#[derive(Default)]
struct Page {
    core: Core,
    /// What JavaScript wrote.
    room: Vec<u8>,
    /// The reliable channels of a carrier that has none.
    line: Option<End>,
}

impl Page {
    fn written(&self, n: u32) -> &[u8] {
        self.room.get(..n as usize).unwrap_or_default()
    }
}

fn page<T>(work: impl FnOnce(&mut Page) -> T) -> T {
    PAGE.with_borrow_mut(work)
}

fn instant(micros: f64) -> Instant {
    // A float that does not fit saturates, and NaN becomes 0.
    Instant::from_micros(micros as u64)
}

fn long(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn viewport(width: u32, height: u32, scale: u32, rate: u32) -> Viewport {
    let scale = Scale::clamped(u16::try_from(scale).unwrap_or(u16::MAX));
    Viewport::clamped(Size::clamped(width, height), scale, Rate::clamped(rate))
}

fn input(now: f64, event: Option<Input>) -> f64 {
    event.map_or(0.0, |event| page(|page| page.core.input(event, instant(now)) as f64))
}

/// Where JavaScript may write `n` bytes; 0: that is too many.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_room(n: u32) -> usize {
    page(|page| {
        if MAX_ROOM < n as usize {
            return 0;
        }
        if page.room.len() < n as usize {
            page.room.resize(n as usize, 0);
        }
        page.room.as_ptr().addr()
    })
}

/// Where the bytes lie that the last call left to be read.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_out_at() -> usize {
    page(|page| page.core.out.as_ptr().addr())
}

/// How many they are.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_out_length() -> usize {
    page(|page| page.core.out.len())
}

/// Where the words of the last event lie.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_words_at() -> usize {
    page(|page| page.core.words.all().as_ptr().addr())
}

/// How many they are.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_words_length() -> usize {
    page(|page| page.core.words.all().len())
}

/// Begins a connection. `how`: 0 a new session, 1 one's own, 2 the one whose token (16 bytes, lowest first) was written.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_connect(
    how: u32,
    capabilities: u32,
    locale: u32,
    keyboard: u32,
    width: u32,
    height: u32,
    scale: u32,
    rate: u32,
    now: f64,
) {
    page(|page| {
        let token = page.written(16).first_chunk::<16>().map(|bytes| ResumeToken(u128::from_le_bytes(*bytes)));
        let how = match (how, token) {
            (2, Some(token)) => AttachHow::Resume(token),
            (0, _) => AttachHow::New,
            _ => AttachHow::Own,
        };
        let config = Config {
            capabilities: Capabilities(capabilities) & Capabilities::ALL,
            locale: if locale == 0 { Locale::Ja } else { Locale::En },
            how,
            viewport: viewport(width, height, scale, rate),
            keyboard: if keyboard == 0 { KeyboardLayout::Jp } else { KeyboardLayout::Us },
        };
        page.core.connect(config, instant(now));
    });
}

/// Written bytes came from the host, on the stream of a channel (0 control, 1 input, 2 updates), on the one of all (3), or as a
/// datagram (4).
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_receive(stream: u32, n: u32, now: f64) {
    page(|page| {
        let bytes = page.room.get(..n as usize).unwrap_or_default();
        page.core.receive(stream as usize, bytes, instant(now));
    });
}

/// Takes the next frame: see [`crate::Next`].
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_step(now: f64) -> u32 {
    page(|page| page.core.step(instant(now)) as u32)
}

/// The picture that was asked for was written: as I420 (0) or NV12 (1); or could not be decoded (anything else).
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_picture(layout: u32, n: u32, now: f64) -> u32 {
    page(|page| {
        let layout = match layout {
            0 => Some(Layout::I420),
            1 => Some(Layout::Nv12),
            _ => None,
        };
        let bytes = page.room.get(..n as usize).unwrap_or_default();
        page.core.picture(layout.map(|layout| (layout, bytes)), instant(now)) as u32
    })
}

/// Leaves an area of a canvas to be read as RGBA; gives the number of bytes.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_paint(canvas: u32, x: u32, y: u32, width: u32, height: u32) -> usize {
    page(|page| page.core.paint(CanvasId(canvas), Rect { x, y, width, height }))
}

/// The lower (0) or upper (1) half of a canvas's digest.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_digest(canvas: u32, half: u32) -> u32 {
    page(|page| (page.core.digest(CanvasId(canvas)) >> (32 * (half & 1))) as u32)
}

/// Leaves the next frame to be sent; gives one more than its channel, or 0 if there is none.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_send() -> u32 {
    page(|page| page.core.send().map_or(0, |channel| channel as u32 + 1))
}

/// Leaves the next datagram to be sent; 0 if there is none.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_datagram() -> u32 {
    page(|page| page.core.datagram().into())
}

/// A key went down or up, by its evdev number.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_key(code: u32, pressed: u32, now: f64) -> f64 {
    let key = u16::try_from(code).ok().and_then(|code| Key::new(code).ok());
    input(now, key.map(|key| Input::Key { key, pressed: pressed != 0 }))
}

/// The pointer is at a place of a canvas, in physical pixels.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_motion(canvas: u32, x: f64, y: f64, now: f64) -> f64 {
    input(now, Some(Input::PointerMotion { canvas: CanvasId(canvas), position: Position::from_pixels(x, y) }))
}

/// The locked pointer moved, in physical pixels.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_relative(dx: f64, dy: f64, now: f64) -> f64 {
    input(now, Some(Input::PointerRelative { dx: Fixed::from_pixels(dx), dy: Fixed::from_pixels(dy) }))
}

/// A button went down or up: 0 left, 1 middle, 2 right, 3 back, 4 forward, as browsers count.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_button(button: u32, pressed: u32, now: f64) -> f64 {
    let all = [Button::Left, Button::Middle, Button::Right, Button::Back, Button::Forward];
    let button = all.get(button as usize).copied();
    input(now, button.map(|button| Input::PointerButton { button, pressed: pressed != 0 }))
}

/// A key that locks is on or off at the PC: 0 Caps Lock, 1 Num Lock.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_lock(lock: u32, on: u32, now: f64) -> f64 {
    let lock = [Lock::Caps, Lock::Num].get(lock as usize).copied();
    input(now, lock.map(|lock| Input::Lock { lock, on: on != 0 }))
}

/// The pointer left the canvases.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_leave(now: f64) -> f64 {
    input(now, Some(Input::PointerLeave))
}

/// A wheel (in 1/120 notch) or a finger on a touch pad (1, in 1/256 physical pixel) scrolled.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_wheel(horizontal: i32, vertical: i32, finger: u32, now: f64) -> f64 {
    let source = if finger == 0 { WheelSource::Wheel } else { WheelSource::Finger };
    let (horizontal, vertical) = (WheelDelta::clamped(horizontal), WheelDelta::clamped(vertical));
    input(now, Some(Input::Wheel { horizontal, vertical, source }))
}

/// A finger touched (0), moved (1), was lifted (2) or taken away (3).
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_touch(finger: u32, phase: u32, canvas: u32, x: f64, y: f64, now: f64) -> f64 {
    let finger = u8::try_from(finger).ok().and_then(|finger| Finger::new(finger).ok());
    let phases = [TouchPhase::Down, TouchPhase::Motion, TouchPhase::Up, TouchPhase::Cancel];
    let phase = phases.get(phase as usize).copied();
    let (canvas, position) = (CanvasId(canvas), Position::from_pixels(x, y));
    let event = finger.zip(phase).map(|(finger, phase)| Input::Touch { finger, phase, canvas, position });
    input(now, event)
}

/// The keyboard went to a canvas (one more than its number), or away (0).
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_focus(canvas: u32, now: f64) -> f64 {
    input(now, Some(Input::Focus { canvas: canvas.checked_sub(1).map(CanvasId) }))
}

fn written_text(n: u32) -> Option<Text<{ limits::MAX_TEXT }>> {
    page(|page| Text::new(std::str::from_utf8(page.written(n)).ok()?).ok())
}

/// The text that was written was committed by an input method.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_commit(n: u32, now: f64) -> f64 {
    input(now, written_text(n).map(|text| Input::Commit { text }))
}

/// The text that was written is being composed; the part that is converted lies between two of its bytes (-1: not shown).
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_preedit(n: u32, from: i32, to: i32, now: f64) -> f64 {
    let offset = |at: i32| u16::try_from(at).ok().map(TextOffset::clamped);
    let cursor = offset(from).zip(offset(to)).map(|(from, to)| PreeditCursor { from, to });
    input(now, written_text(n).map(|text| Input::Preedit { text, cursor }))
}

/// A canvas is shown in this size, scale (1/120) and rate (mHz) from now on.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_resize(canvas: u32, width: u32, height: u32, scale: u32, rate: u32, now: f64) {
    page(|page| {
        if let Some(connection) = page.core.connection() {
            connection.resize(CanvasId(canvas), viewport(width, height, scale, rate), instant(now));
        }
    });
}

/// The browser is to close a window.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_close_canvas(canvas: u32, now: f64) {
    page(|page| {
        if let Some(connection) = page.core.connection() {
            connection.close_canvas(CanvasId(canvas), instant(now));
        }
    });
}

/// An update is shown, and all before it.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_presented(canvas: u32, low: u32, high: u32) {
    page(|page| {
        if let Some(connection) = page.core.connection() {
            connection.presented(CanvasId(canvas), UpdateId(long(low, high)));
        }
    });
}

/// Measures the round trip.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_ping(now: f64) {
    page(|page| {
        if let Some(connection) = page.core.connection() {
            connection.ping(instant(now));
        }
    });
}

/// Leaves the session, which goes on (0), or ends it (1).
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_depart(ends: u32, now: f64) {
    page(|page| {
        if let Some(connection) = page.core.connection() {
            if ends == 0 { connection.detach(instant(now)) } else { connection.end(instant(now)) }
        }
    });
}

/// Ends the connection with a code; one that is unknown says that the viewer left.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_close(code: u32) {
    let code = u16::try_from(code).ok().and_then(CloseCode::from_number).unwrap_or(CloseCode::Normal);
    page(|page| page.core.close(code));
}

/// When to call [`shoji_due`]; below 0: never.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_deadline() -> f64 {
    page(|page| page.core.connection().and_then(|c| c.deadline()).map_or(-1.0, |at| at.as_micros() as f64))
}

/// Does what is due. What has to be sent, or that it is all over, is seen as after every other call.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_due(now: f64) {
    page(|page| {
        if let Some(connection) = page.core.connection() {
            connection.handle_deadline(instant(now));
        }
    });
}

/// Bytes of updates that came by copies before their stream brought them.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_spliced() -> f64 {
    page(|page| page.core.spliced() as f64)
}

/// Whether the host does not answer.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_is_silent() -> u32 {
    page(|page| page.core.connection().is_some_and(|connection| connection.is_silent()).into())
}

/// Whether a person did something of which nobody knows whether it arrived. Asked when the connection is over.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_is_input_unconfirmed() -> u32 {
    page(|page| page.core.connection().is_some_and(|connection| connection.is_input_unconfirmed()).into())
}

/// The last round trip in microseconds; below 0: none was measured.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_round_trip() -> f64 {
    page(|page| page.core.connection().and_then(|c| c.round_trip()).map_or(-1.0, |time| time.as_micros() as f64))
}

/// Begins the reliable channels of a carrier that has none; those of the last are forgotten.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_line_begin(now: f64) {
    page(|page| page.line = Some(End::new(Side::Viewer, instant(now))));
}

/// Takes as many of the written bytes of a channel as there is space for, and gives how many.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_line_write(channel: u32, n: u32) -> usize {
    page(|page| {
        let Page { line: Some(line), room, .. } = page else { return 0 };
        let channel = if channel == Channel::Input as u32 { Channel::Input } else { Channel::Control };
        line.write(channel, room.get(..n as usize).unwrap_or_default())
    })
}

/// Bytes of input that the host does not have.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_line_waiting() -> usize {
    let waiting = |line: &End| limits::RELIABLE_WAITING - line.space(Channel::Input);
    page(|page| page.line.as_ref().map_or(0, waiting))
}

/// A packet came and was written; 0: it is none.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_line_receive(n: u32, now: f64) -> u32 {
    page(|page| {
        let Page { line: Some(line), room, .. } = page else { return 0 };
        line.receive(room.get(..n as usize).unwrap_or_default(), instant(now)).is_ok().into()
    })
}

/// Leaves the next bytes of a channel; gives one more than the channel, or 0 if there are none.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_line_read() -> u32 {
    page(|page| {
        let Some((channel, bytes)) = page.line.as_mut().and_then(End::read) else { return 0 };
        page.core.out = bytes;
        channel as u32 + 1
    })
}

/// Leaves the next packet that is to be sent; 0 if there is none.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_line_packet(now: f64) -> u32 {
    page(|page| {
        let Some(packet) = page.line.as_mut().and_then(|line| line.packet(instant(now))) else { return 0 };
        page.core.out = packet;
        1
    })
}

/// When to call [`shoji_line_due`]; below 0: never.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_line_deadline() -> f64 {
    page(|page| page.line.as_ref().and_then(End::deadline).map_or(-1.0, |at| at.as_micros() as f64))
}

/// Does what is due.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_line_due(now: f64) {
    page(|page| {
        if let Some(line) = &mut page.line {
            line.due(instant(now));
        }
    });
}

/// Tells the host that this is the end.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_line_end(code: u32) {
    page(|page| {
        if let Some(line) = &mut page.line {
            line.end(u16::try_from(code).unwrap_or_default());
        }
    });
}

/// The code with which the host ended it; below 0: it did not.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn shoji_line_ended() -> i32 {
    page(|page| page.line.as_ref().and_then(End::ended).map_or(-1, i32::from))
}
