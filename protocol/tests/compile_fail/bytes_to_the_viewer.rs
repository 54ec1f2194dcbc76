shoji_protocol::wire! { messages to_viewer
    /// A host→viewer message with a field of free bytes.
    pub enum Extended {
        /// Bytes.
        #[on(Updates)]
        File {
            /// Any bytes.
            bytes: Vec<u8>,
        },
    }
}

fn main() {}
