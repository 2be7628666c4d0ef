//! The sureline binary.
fn main() {}
