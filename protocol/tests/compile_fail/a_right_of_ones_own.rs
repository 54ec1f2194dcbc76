struct Anything;

impl shoji_protocol::boundary::sealed::ToViewer for Anything {}

fn main() {}
