//! The storage crate from outside: what it promises, on a real directory.

mod basics;
mod housekeeping;
mod reslice;
mod scratch;
mod support;
