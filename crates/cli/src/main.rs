//! The binary `foreshard`.
fn main() {}
