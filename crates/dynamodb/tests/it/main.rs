//! The public API of the crate, from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod corpora;
mod targets;
