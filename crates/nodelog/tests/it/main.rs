//! The log from outside: what it promises on disks that fail, forget and rot.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;
mod node;
mod power_cut;
mod world;
