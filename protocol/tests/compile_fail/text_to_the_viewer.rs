shoji_protocol::wire! { messages to_viewer
    /// A host→viewer message with a field of text.
    pub enum Extended {
        /// Text.
        #[on(Control)]
        Says {
            /// Any text.
            text: String,
        },
    }
}

fn main() {}
