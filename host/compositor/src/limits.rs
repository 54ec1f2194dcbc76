//! Every limit of the compositor, each with its reason.
//!
//! A browser is trusted with its own picture and with nothing else: a client that goes over a limit is
//! disconnected (see [`crate::Misbehaviour::Limit`]) unless the constant says otherwise. The figures were set
//! against Chromium 156 and GTK 3, which stay below a tenth of each of them.

/// Connections at once. Chromium uses one, GTK (its file chooser) another, and each may probe once more.
pub const MAX_CLIENTS: usize = 8;

/// Canvases at once: windows and dialogs. Each may cost 33 MB at 3840x2160, so this bounds the worker's memory.
/// A window over the limit is closed at once, without blame: users do open many windows.
pub const MAX_CANVASES: usize = 16;

/// Largest canvas side in pixels; 4K is the largest viewport, and it may be turned upright.
pub const MAX_CANVAS_SIDE: u32 = 3840;

/// Surfaces of one client. Chromium uses about four per window and one per menu level.
pub const MAX_SURFACES: usize = 512;

/// Popups on popups. Menus nest three or four deep; the traversal of popups is recursive, so this bounds the stack.
pub const MAX_POPUP_DEPTH: usize = 16;

/// Subsurfaces on subsurfaces, for the same reason as the popup depth. Deeper ones are not drawn.
pub const MAX_SUBSURFACE_DEPTH: usize = 16;

/// Layers drawn in one canvas: its surface, subsurfaces, popups and the drag icon. More are not drawn.
pub const MAX_LAYERS: usize = 64;

/// Shared memory pools of one client. Chromium makes one per buffer, so two or three per surface.
pub const MAX_POOLS: usize = 256;

/// Bytes of one shared memory pool: eight pictures of 3840x2160. GTK puts several buffers into one pool.
pub const MAX_POOL_BYTES: usize = 8 * 3840 * 2160 * 4;

/// Buffers of one client, several per pool.
pub const MAX_BUFFERS: usize = 1_024;

/// Longest buffer side in pixels: a 4K canvas with generous window shadows. Twice the canvas and more.
pub const MAX_BUFFER_SIDE: i32 = 8_192;

/// Frame callbacks (and presentation feedbacks) waiting on one canvas. A client has one or two per surface.
pub const MAX_FRAME_CALLBACKS: usize = 1_024;

/// Rectangles of one `wl_region`. Chromium sets one or two.
pub const MAX_REGION_RECTS: usize = 1_024;

/// Types that one clipboard or drag source may offer. Chromium offers about ten.
pub const MAX_OFFERED_TYPES: usize = 256;

/// Damage rectangles that a client may pile up before one commit; more are merged into their bounding box.
pub const MAX_PENDING_DAMAGE: usize = 256;

/// Protocol objects of one client. Chromium with ten windows has under a thousand.
pub const MAX_OBJECTS: usize = 16_384;

/// Dispatches between two counts of the clients' objects; counting walks them all.
pub const OBJECT_CHECK_INTERVAL: u64 = 256;

/// Rectangles of a canvas's damage. An encoder looks at each; beyond this the two cheapest neighbours are merged,
/// which over-reports and never under-reports. Chromium sends one rectangle per frame, so 64 is room for
/// everything that menus, tooltips and drag icons add between two updates.
pub const MAX_DAMAGE_RECTS: usize = 64;

/// Longest cursor picture side in pixels, the largest that common viewers' systems take.
pub const MAX_CURSOR_SIZE: u32 = 128;

/// Bytes of one committed text: `zwp_text_input_v3` events must fit a 4096-byte Wayland message.
pub const MAX_COMMIT_TEXT: usize = 4_000;

/// Texts and keys that wait for a field: more than a script sends at once before it has to keep to a person's pace.
pub const MAX_WAITING_INPUT: usize = 2_048;

/// Bytes of all text that waits for a field: some pages, pasted piece by piece.
pub const MAX_WAITING_TEXT: usize = 256 * 1024;

/// States told to one window that it has not acknowledged. Chromium acknowledges each; a client that asks for states and
/// never does would fill our memory with them.
pub const MAX_CONFIGURES: usize = 256;

/// Text input objects of one client. Chromium makes one.
pub const MAX_TEXT_INPUTS: usize = 16;

/// Activation tokens alive at once; the oldest are forgotten. A token serves one click.
pub const MAX_ACTIVATION_TOKENS: usize = 64;

/// Events waiting for the caller. Every kind is either edge-triggered or bounded by the limits above, so this is
/// reached only if the caller stops polling; then the oldest cursor pictures are dropped.
pub const MAX_EVENTS: usize = 1_024;

/// Keys or buttons held at once; a keyboard cannot report more, and the list is sent on every focus change.
pub const MAX_HELD: usize = 64;
