//! The storage crate from outside: what it promises, on a real directory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod basics;
mod bucket;
mod check;
mod clock;
mod concurrency;
mod crash;
mod engine_facts;
mod faults;
mod hot_rows;
mod housekeeping;
mod layout;
mod linearizable;
mod model;
mod node_log;
mod outages;
mod power_cut;
mod rekey;
mod reslice;
mod revival;
mod space;
mod support;
