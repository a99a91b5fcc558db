//! The agent. All of it is in the library: [`hsflow::agent`].
fn main() {}
