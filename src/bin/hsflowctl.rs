//! The operator's tool. All of it is in the library: [`hsflow::ctl`].
fn main() {}
