shoji_protocol::wire! { messages to_viewer
    /// A host→viewer message with the text that only viewers may send.
    pub enum Extended {
        /// Text.
        #[on(Control)]
        Clipboard {
            /// Bounded text.
            text: Option<shoji_protocol::Text<64>>,
        },
    }
}

fn main() {}
