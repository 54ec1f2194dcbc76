struct Anything;

impl shoji_protocol::boundary::CrossesToViewer for Anything {}

fn main() {}
