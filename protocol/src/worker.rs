//! What supervisor and worker of one session say to each other besides the viewer's own messages. Never crosses the
//! boundary; the same socket carries [`ToHost`](crate::ToHost) frames to the worker and
//! [`ToViewer`](crate::ToViewer) frames from it.
//!
//! Attachments are numbered, because the socket is a queue: after [`ToWorker::Attached`] there may still be updates in
//! it that were meant for the viewer before. The worker answers with [`ToSupervisor::Attached`] of the same number
//! and starts anew (canvases opened again, whole pictures, input from 1); the supervisor drops every `ToViewer` frame
//! that comes before that answer.
//!
//! ```
//! use shoji_protocol::worker::{Attachment, ToSupervisor};
//! assert_eq!(ToSupervisor::Attached { attachment: Attachment(3) }.name(), "Attached");
//! ```

use crate::{Capabilities, KeyboardLayout, Locale, Notice, Viewport, wire};

wire! { both
    /// The number of an attachment within a session: 1 for the first, then one more each.
    pub number Attachment(u32), "place";
}

wire! { messages to_host
    /// A message from supervisor to worker.
    pub enum ToWorker {
        /// A viewer has the session from now on, and nothing of it yet.
        Attached {
            /// Which attachment.
            attachment: Attachment,
            /// What the viewer shows the session in.
            viewport: Viewport,
            /// The keyboard in front of the person.
            keyboard: KeyboardLayout,
            /// What both ends can do.
            capabilities: Capabilities,
            /// The language of the person.
            locale: Locale,
        },
        /// No viewer has the session: release all keys and buttons, send nothing.
        Detached,
        /// End the session.
        Stop,
    }
}

wire! { messages to_viewer
    /// A message from worker to supervisor.
    pub enum ToSupervisor {
        /// The compositor listens; the browser may be started.
        Ready,
        /// All frames after this one are for this attachment.
        Attached {
            /// Which attachment.
            attachment: Attachment,
        },
        /// The browser closed its last window.
        LastCanvasClosed,
        /// The browser broke the Wayland protocol or a limit and was disconnected, or it opens no window: it has to end.
        BrowserMisbehaved,
        /// Something to tell the person.
        Notice {
            /// What.
            notice: Notice,
        },
        /// The worker cannot go on and stops.
        Failed {
            /// Why.
            why: Failure,
        },
    }
}

wire! { to_viewer
    /// Why a worker cannot go on.
    #[derive(Copy, Hash)]
    pub enum Failure {
        /// The compositor could not be started.
        Compositor,
        /// The encoder failed.
        Encoder,
        /// The supervisor sent what it must not.
        Supervisor,
        /// The worker could not give its rights up.
        Rights,
    }
}
