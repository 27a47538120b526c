//! Parses arguments, builds the runtime, returns an exit code.
fn main() {}
