//! A manager with real storage, on a clock that the test moves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod strategy;
mod support;
mod tuning;
