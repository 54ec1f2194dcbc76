//! The words of this crate: sizes, positions, input, events and errors.
//!
//! Owns every type that crosses the crate's border. It mirrors what the host needs and nothing of the wire:
//! no type here is serialised, and none may carry page text towards the caller.

use std::fmt;

/// Names one canvas for the life of the compositor. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CanvasId(pub u32);

/// A moment on `CLOCK_MONOTONIC`, in microseconds. The compositor reads no clock: every moment is given to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time(pub u64);

impl Time {
    /// The same moment in the 32-bit milliseconds of `wl_pointer` and its kin (wraps, as the protocol says).
    pub(crate) fn millis(self) -> u32 {
        (self.0 / 1_000) as u32
    }
}

/// A size in physical pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl Size {
    /// A size of `width` by `height` physical pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// A rectangle of canvas pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

/// Physical pixels per logical pixel, in 1/120 steps: the unit of `wp_fractional_scale_v1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scale(u16);

impl Scale {
    /// One physical pixel per logical pixel.
    pub const ONE: Self = Self(120);

    /// A scale of `steps`/120, kept within 1 to 3 (120 to 360 steps).
    pub const fn from_120ths(steps: u16) -> Self {
        if steps < 120 {
            Self(120)
        } else if steps > 360 {
            Self(360)
        } else {
            Self(steps)
        }
    }

    /// The largest scale, in 1/120 steps, at which `logical` pixels take no more than `physical` ones. May be below
    /// one; see `Window::fitted`.
    pub(crate) fn fitting(physical: u32, logical: u32) -> Self {
        let steps = u64::from(physical) * 120 / u64::from(logical.max(1));
        Self(u16::try_from(steps.clamp(u64::from(SMALLEST), 360)).unwrap_or(SMALLEST))
    }

    /// The scale in 1/120 steps.
    pub const fn in_120ths(self) -> u16 {
        self.0
    }

    /// The scale as a factor.
    pub fn factor(self) -> f64 {
        f64::from(self.0) / 120.0
    }

    /// The smallest logical length whose physical length is at least `physical` pixels.
    ///
    /// Rounding rule: a window is configured to `ceil(physical / scale)` logical pixels. The client's buffer is
    /// then `round(logical * scale)` pixels, never smaller than asked and at most `ceil(scale)` pixels larger;
    /// what is over is cropped at the right and the bottom. So a canvas has exactly the size that was asked for
    /// and its pixels are the client's own, never resampled.
    pub(crate) fn logical_ceil(self, physical: u32) -> i32 {
        let logical = (u64::from(physical) * 120).div_ceil(u64::from(self.0));
        i32::try_from(logical).unwrap_or(i32::MAX)
    }
}

/// One half, in 1/120 steps. Chromium's windows are 500 logical pixels wide or wider, so the smallest viewport of 320
/// pixels needs 0.64; a page drawn smaller than half its size helps nobody.
const SMALLEST: u16 = 60;

impl Default for Scale {
    fn default() -> Self {
        Self::ONE
    }
}

/// What a viewer shows a window on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Viewport {
    /// Physical pixels.
    pub size: Size,
    /// Physical pixels per logical pixel.
    pub scale: Scale,
    /// Refresh rate in millihertz, told to the client so that it paces animations.
    pub refresh: u32,
}

/// A keyboard layout. The keymap turns physical keys into symbols inside the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyboardLayout {
    /// Japanese (JIS, 106/109 keys).
    #[default]
    Jp,
    /// United States.
    Us,
    /// United States, with dead keys for accents.
    UsInternational,
    /// United Kingdom.
    Gb,
    /// Germany.
    De,
    /// France.
    Fr,
    /// Spain.
    Es,
    /// Italy.
    It,
    /// Portugal.
    Pt,
    /// Brazil.
    Br,
    /// Korea.
    Kr,
}

impl KeyboardLayout {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Jp,
        Self::Us,
        Self::UsInternational,
        Self::Gb,
        Self::De,
        Self::Fr,
        Self::Es,
        Self::It,
        Self::Pt,
        Self::Br,
        Self::Kr,
    ];
}

/// A key that locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Capitals without Shift.
    Caps,
    /// Digits on the keypad.
    Num,
}

/// A physical key: its Linux evdev code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(pub u16);

/// A pointer button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Button {
    /// The left button.
    Left,
    /// The wheel, pressed.
    Middle,
    /// The right button.
    Right,
    /// The thumb button that goes back.
    Back,
    /// The thumb button that goes forward.
    Forward,
}

/// A place on a canvas, in physical pixels from its top left corner.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Position {
    /// To the right.
    pub x: f64,
    /// Down.
    pub y: f64,
}

impl Position {
    /// The place `x` pixels right of and `y` pixels below the canvas's top left corner.
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }
}

/// What turned the wheel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WheelSource {
    /// A wheel: values are 1/120 of a notch.
    Wheel,
    /// Fingers on a touch pad: values are 1/256 of a physical pixel; both zero ends the gesture.
    Finger,
}

/// What a finger did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TouchPhase {
    /// It touched.
    Down,
    /// It moved.
    Motion,
    /// It left.
    Up,
    /// The viewer took the whole touch away.
    Cancel,
}

/// One input event of a viewer.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A key went down or up. Repeats are made by the client.
    Key {
        /// Which key.
        key: Key,
        /// Down (true) or up.
        pressed: bool,
    },
    /// The pointer is at a place of a canvas.
    PointerMotion {
        /// The canvas under the pointer.
        canvas: CanvasId,
        /// Where on it.
        position: Position,
    },
    /// The pointer moved by so many physical pixels while it is locked.
    PointerRelative {
        /// To the right.
        dx: f64,
        /// Down.
        dy: f64,
    },
    /// A button went down or up where the pointer is.
    PointerButton {
        /// Which button.
        button: Button,
        /// Down (true) or up.
        pressed: bool,
    },
    /// The pointer left every canvas.
    PointerLeave,
    /// The wheel turned, right and down positive.
    Wheel {
        /// Horizontal amount, see [`WheelSource`].
        horizontal: i32,
        /// Vertical amount, see [`WheelSource`].
        vertical: i32,
        /// What turned it.
        source: WheelSource,
    },
    /// A finger on a touch screen.
    Touch {
        /// Which finger.
        finger: u8,
        /// What it did.
        phase: TouchPhase,
        /// On which canvas.
        canvas: CanvasId,
        /// Where on it.
        position: Position,
    },
    /// The viewer's keyboard is in this canvas, or in none of them.
    /// None releases every key and button and ends a pointer lock.
    Focus {
        /// The canvas that has the keyboard.
        canvas: Option<CanvasId>,
    },
    /// All keys that are down are still held by a hand: those that repeat may go on.
    StillHeld,
    /// Whether a key that locks is on where the viewer's keyboard is.
    Lock {
        /// Which.
        lock: Lock,
        /// On or off.
        on: bool,
    },
    /// What the viewer's own input method is composing, to be shown in the focused text field.
    Preedit {
        /// The text, at most [`crate::limits::MAX_COMMIT_TEXT`] bytes; more is refused. Empty: nothing any more.
        text: String,
        /// Bytes of the text between which the person works; None: not shown. What lies between characters or outside of
        /// the text is moved to the nearest place before.
        cursor: Option<(usize, usize)>,
    },
    /// Text from the viewer's own input method, to be typed into the focused text field in the place of what was composed.
    Commit {
        /// At most [`crate::limits::MAX_COMMIT_TEXT`] bytes; more is refused.
        text: String,
    },
}

/// What a canvas is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CanvasKind {
    /// A browser window.
    Window,
    /// A dialog of another canvas: file chooser, alert.
    Dialog,
}

/// The state a window asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowState {
    /// It has a size of its own.
    Normal,
    /// It fills the viewport.
    Maximized,
    /// A page or the user asked for full screen.
    Fullscreen,
    /// The user pressed the window's minimise button. The window stays mapped and drawn.
    Minimized,
}

/// The cursor shapes of `wp_cursor_shape_device_v1`, by the names of CSS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(missing_docs, reason = "the names are those of CSS `cursor`; there is nothing to add to them")]
pub enum CursorShape {
    #[default]
    Default,
    ContextMenu,
    Help,
    Pointer,
    Progress,
    Wait,
    Cell,
    Crosshair,
    Text,
    VerticalText,
    Alias,
    Copy,
    Move,
    NoDrop,
    NotAllowed,
    Grab,
    Grabbing,
    EResize,
    NResize,
    NeResize,
    NwResize,
    SResize,
    SeResize,
    SwResize,
    WResize,
    EwResize,
    NsResize,
    NeswResize,
    NwseResize,
    ColResize,
    RowResize,
    AllScroll,
    ZoomIn,
    ZoomOut,
    DndAsk,
    AllResize,
}

/// What the pointer looks like.
#[derive(Clone, PartialEq, Eq)]
pub enum Cursor {
    /// A shape that the viewer's system draws.
    Shape(CursorShape),
    /// No cursor.
    Hidden,
    /// A picture of the page's own, in physical pixels.
    Image {
        /// At most [`crate::limits::MAX_CURSOR_SIZE`] each way.
        size: Size,
        /// The pixel that points, inside the picture.
        hotspot: (u32, u32),
        /// BGRA, premultiplied, rows without padding.
        pixels: Vec<u8>,
    },
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(shape) => write!(f, "Shape({shape:?})"),
            Self::Hidden => write!(f, "Hidden"),
            Self::Image { size, hotspot, .. } => write!(f, "Image({size}, hotspot {hotspot:?})"),
        }
    }
}

/// Where typed text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextPlace {
    /// No field takes text.
    Nowhere,
    /// The field of a secret: keys only.
    Secret,
    /// A field that takes text.
    Field {
        /// The canvas it is on.
        canvas: CanvasId,
        /// Another number is another field, or the same begun anew: what was composed in the one before is over.
        field: u32,
        /// Its caret in canvas pixels, if the client told it.
        caret: Option<Rect>,
    },
}

/// What happened, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A window appeared and has its first picture.
    CanvasOpened {
        /// Its id from now on.
        canvas: CanvasId,
        /// What it is for.
        kind: CanvasKind,
        /// The canvas it belongs to.
        parent: Option<CanvasId>,
        /// Its size.
        size: Size,
    },
    /// A window is gone. Its id is dead.
    CanvasClosed {
        /// Which one.
        canvas: CanvasId,
    },
    /// A canvas has a new size and a whole new picture.
    CanvasResized {
        /// Which one.
        canvas: CanvasId,
        /// Its new size.
        size: Size,
    },
    /// A canvas has damage to take. Sent once until [`crate::Compositor::take_damage`].
    Damaged {
        /// Which one.
        canvas: CanvasId,
    },
    /// A client waits for [`crate::Compositor::frame_done`] on this canvas, with or without damage.
    /// Sent once until it is called.
    FrameWanted {
        /// Which one.
        canvas: CanvasId,
    },
    /// A window changed its state.
    Window {
        /// Which one.
        canvas: CanvasId,
        /// The state it has now.
        state: WindowState,
    },
    /// The pointer looks different.
    Cursor(Cursor),
    /// The page locked the pointer (it wants relative motion) or let it go.
    PointerLock {
        /// The canvas of the page.
        canvas: CanvasId,
        /// Locked or let go.
        locked: bool,
    },
    /// Typed text goes elsewhere, or the caret moved (see [`crate::Compositor::text_place`]).
    TextPlace,
    /// Text was typed that no text field wanted in time: it is lost. The keys typed with it were given to the window.
    TextLost {
        /// How many texts.
        texts: usize,
    },
    /// A window of another program than the browser's was closed before it showed anything: see
    /// [`crate::Compositor::refuse_strangers`].
    StrangerRefused,
    /// A client closed its connection.
    ClientGone {
        /// How many clients are still connected.
        remaining: usize,
    },
    /// A client broke the rules and was disconnected. The session's other clients live on.
    ClientMisbehaved {
        /// What it did.
        why: Misbehaviour,
        /// How many clients are still connected.
        remaining: usize,
    },
}

/// How a client broke the rules. Holds no text of the client's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misbehaviour {
    /// It broke the protocol of an interface.
    Protocol {
        /// The interface, such as `wl_shm_pool`.
        interface: String,
        /// The error code of that interface.
        code: u32,
    },
    /// It went over a limit of [`crate::limits`].
    Limit(Limit),
}

/// Which limit a client went over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// [`crate::limits::MAX_SURFACES`]
    Surfaces,
    /// [`crate::limits::MAX_CANVASES`]
    Canvases,
    /// [`crate::limits::MAX_POPUP_DEPTH`]
    PopupDepth,
    /// [`crate::limits::MAX_POOLS`] or [`crate::limits::MAX_POOL_BYTES`]
    Pools,
    /// [`crate::limits::MAX_BUFFERS`]
    Buffers,
    /// [`crate::limits::MAX_BUFFER_SIDE`]
    BufferSize,
    /// [`crate::limits::MAX_FRAME_CALLBACKS`]
    FrameCallbacks,
    /// [`crate::limits::MAX_REGION_RECTS`]
    Regions,
    /// [`crate::limits::MAX_OFFERED_TYPES`]
    OfferedTypes,
    /// [`crate::limits::MAX_OBJECTS`]
    Objects,
    /// [`crate::limits::MAX_CLIENTS`]
    Clients,
    /// [`crate::limits::MAX_CONFIGURES`]
    Configures,
}

/// Why the compositor cannot work. Never a client's fault: those are events.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Wayland display could not be made.
    #[error("cannot make the Wayland display: {0}; check free memory and the limit of open files")]
    Display(String),
    /// The keymap could not be compiled: the package with `/usr/share/X11/xkb` (xkb-data) is missing.
    #[error("cannot compile the keyboard layout {0:?}; install the package xkb-data")]
    Keymap(KeyboardLayout),
    /// The listening socket failed.
    #[error("the Wayland listening socket failed: {0}; check the limit of open files")]
    Listener(std::io::Error),
    /// Reading from the clients failed for a reason that no client is to blame for.
    #[error("dispatching Wayland clients failed: {0}; check free memory and the limit of open files")]
    Dispatch(std::io::Error),
}

/// How a compositor starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The viewport of the main window and the default of later ones.
    pub viewport: Viewport,
    /// The keyboard layout to begin with.
    pub keyboard: KeyboardLayout,
}

/// A canvas's pixels, borrowed.
#[derive(Clone, Copy)]
pub struct CanvasView<'a> {
    /// Physical pixels.
    pub size: Size,
    /// Bytes from one row to the next: always four times the width.
    pub stride: usize,
    /// BGRX: blue, green, red, and one byte without meaning.
    pub pixels: &'a [u8],
}

impl fmt::Debug for CanvasView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CanvasView({})", self.size)
    }
}
