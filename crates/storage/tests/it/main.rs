//! The storage crate from outside: what it promises, on a real directory.

mod basics;
mod concurrency;
mod crash;
mod faults;
mod housekeeping;
mod model;
mod reslice;
mod support;
