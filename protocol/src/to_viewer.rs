//! What a host may say to a viewer: [`ToViewer`]. Pixels, a few numbers and closed sets of words; this module must never
//! hold text or bytes other than [`Pixels`].
//!
//! ```
//! use shoji_protocol::{Channel, CursorShape, ToViewer};
//! assert_eq!(ToViewer::Cursor { shape: CursorShape::Text }.channel(), Channel::Updates);
//! ```

use crate::{
    CanvasId, Capabilities, CaretArea, CloseCode, CursorSize, Hotspot, InputSequence, KeepAlive, Nonce, Pixels,
    ResumeToken, SessionId, Size, TextField, UpdateId, limits, wire,
};

wire! { messages to_viewer
    /// A message from host to viewer.
    pub enum ToViewer<'a> {
        /// The answer to `Hello`.
        #[on(Control)]
        Welcome {
            /// The minor version both ends speak.
            minor: u16,
            /// What both ends can do.
            capabilities: Capabilities,
            /// Silence after which either end asks whether the other is there.
            keep_alive: KeepAlive,
        },
        /// The viewer has a session.
        #[on(Control)]
        Attached {
            /// Which one.
            session: SessionId,
            /// What to show to get it back on another connection.
            token: ResumeToken,
            /// Whether it was there before.
            resumed: bool,
        },
        /// A canvas is there from now on; all black until its first update.
        #[on(Updates)]
        CanvasOpened {
            /// Its id, higher than all before.
            canvas: CanvasId,
            /// What it shows.
            kind: CanvasKind,
            /// The open canvas it belongs to.
            parent: Option<CanvasId>,
            /// Its size.
            size: Size,
        },
        /// A canvas is gone.
        #[on(Updates)]
        CanvasClosed {
            /// Which one.
            canvas: CanvasId,
        },
        /// The browser wants a window in another state.
        #[on(Updates)]
        Window {
            /// The window's canvas.
            canvas: CanvasId,
            /// The state.
            state: WindowState,
        },
        /// What changed on a canvas.
        #[on(Updates)]
        Update {
            /// The canvas.
            canvas: CanvasId,
            /// The update's id, higher than that of the canvas's last.
            update: UpdateId,
            /// The canvas's size from now on.
            size: Size,
            /// The last input given to the browser before it made this picture.
            input: InputSequence,
            /// A part: the rest of the same picture follows at once in the canvas's next update. Presented with the last part.
            more: bool,
            /// The operations that make the change.
            #[serde(borrow)]
            pixels: Pixels<'a>,
        },
        /// The pointer looks like this from now on.
        #[on(Updates)]
        Cursor {
            /// One of the system's shapes.
            shape: CursorShape,
        },
        /// The pointer looks like this picture from now on.
        #[on(Updates)]
        CursorImage {
            /// The picture's size.
            size: CursorSize,
            /// The pixel that points.
            hotspot: Hotspot,
            /// Four bytes a pixel: blue, green, red, alpha; colours multiplied by alpha.
            #[serde(borrow)]
            pixels: Pixels<'a, { limits::MAX_CURSOR_BYTES }>,
        },
        /// A page locked the pointer, or let it go.
        #[on(Updates)]
        PointerLock {
            /// The canvas it is locked to.
            canvas: CanvasId,
            /// Locked or free.
            locked: bool,
        },
        /// Something that the viewer tells the person in its own words.
        #[on(Control)]
        Notice {
            /// What.
            notice: Notice,
        },
        /// Asks whether the viewer is there.
        #[on(Control)]
        Ping {
            /// What the answer has to carry.
            nonce: Nonce,
        },
        /// The host is there.
        #[on(Control)]
        Pong {
            /// What the question carried.
            nonce: Nonce,
        },
        /// The last message: the host ends the connection.
        #[on(Control)]
        Close {
            /// Why.
            code: CloseCode,
        },
        /// Where typed text goes from now on; `Nowhere` until told otherwise.
        #[on(Updates)]
        TextPlace {
            /// The field and its caret.
            place: TextPlace,
        },
    }
}

wire! { to_viewer
    /// Where typed text goes: whether an input method may compose, and where its candidates belong.
    #[derive(Copy)]
    pub enum TextPlace {
        /// No field takes text: keys are keys.
        Nowhere,
        /// A field whose content is secret, as a password: keys are keys, and no input method may see them.
        Secret,
        /// A field that takes text.
        Field {
            /// The canvas it is on.
            canvas: CanvasId,
            /// Which one: another number is another field, or the same one begun anew. What was composed in the one before is
            /// over.
            field: TextField,
            /// The caret, if it is known.
            caret: Option<CaretArea>,
        },
    }
}

wire! { to_viewer
    /// What a canvas shows.
    #[derive(Copy, Hash)]
    pub enum CanvasKind {
        /// A browser window.
        Window,
        /// A dialog of a window.
        Dialog,
    }
}

wire! { to_viewer
    /// How a window is shown.
    #[derive(Copy, Hash)]
    pub enum WindowState {
        /// At its own size.
        Normal,
        /// As large as the screen allows.
        Maximized,
        /// Covering the screen.
        Fullscreen,
        /// Out of sight.
        Minimized,
    }
}

wire! { to_viewer
    /// Something to tell the person; the viewer has the words.
    #[derive(Copy, Hash)]
    pub enum Notice {
        /// The browser crashed and starts again.
        BrowserCrashedRestarting,
        /// The browser crashed too often and is not started again.
        BrowserKeepsCrashing,
        /// Policy does not allow downloads.
        PolicyRefusedDownload,
        /// Policy does not allow uploads.
        PolicyRefusedUpload,
        /// Policy does not allow printing.
        PolicyRefusedPrint,
        /// Policy does not allow this site.
        PolicyRefusedSite,
        /// Policy does not allow what the page asked for.
        PolicyRefusedPermission,
        /// No more windows can be opened.
        TooManyWindows,
        /// The session ends in a few minutes.
        SessionEndsSoon,
        /// The device's certificate expires within days.
        CertificateExpiresSoon,
    }
}

wire! { to_viewer
    /// The shape of the pointer: the set that Wayland's and CSS's cursor names share.
    #[derive(Copy, Hash)]
    pub enum CursorShape {
        /// Not shown.
        Hidden,
        /// The usual arrow.
        Default,
        /// A context menu is there.
        ContextMenu,
        /// Help is there.
        Help,
        /// A link or button.
        Pointer,
        /// Busy, but usable.
        Progress,
        /// Busy.
        Wait,
        /// A table's cell.
        Cell,
        /// A cross.
        Crosshair,
        /// Text.
        Text,
        /// Vertical text.
        VerticalText,
        /// A link will be made.
        Alias,
        /// A copy will be made.
        Copy,
        /// Something will be moved.
        Move,
        /// Nothing can be dropped here.
        NoDrop,
        /// Not possible.
        NotAllowed,
        /// Can be grabbed.
        Grab,
        /// Is grabbed.
        Grabbing,
        /// East edge.
        EResize,
        /// North edge.
        NResize,
        /// North-east corner.
        NeResize,
        /// North-west corner.
        NwResize,
        /// South edge.
        SResize,
        /// South-east corner.
        SeResize,
        /// South-west corner.
        SwResize,
        /// West edge.
        WResize,
        /// East and west.
        EwResize,
        /// North and south.
        NsResize,
        /// North-east and south-west.
        NeswResize,
        /// North-west and south-east.
        NwseResize,
        /// A column's edge.
        ColResize,
        /// A row's edge.
        RowResize,
        /// Scrolls in every direction.
        AllScroll,
        /// Larger.
        ZoomIn,
        /// Smaller.
        ZoomOut,
        /// A drop asks what to do.
        DndAsk,
        /// Every direction.
        AllResize,
    }
}
