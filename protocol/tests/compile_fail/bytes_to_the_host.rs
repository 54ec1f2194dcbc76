shoji_protocol::wire! { messages to_host
    /// A viewer→host message with a field of pixels, which are free bytes that way round.
    pub enum Extended<'a> {
        /// Bytes.
        #[on(Input)]
        Upload {
            /// Any bytes.
            #[serde(borrow)]
            bytes: shoji_protocol::Pixels<'a>,
        },
    }
}

fn main() {}
