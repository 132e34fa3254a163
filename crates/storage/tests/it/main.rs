//! The storage crate from outside: what it promises, on a real directory.

mod basics;
mod crash;
mod housekeeping;
mod reslice;
mod support;
