//! The binary as its user meets it: started, talked to over HTTP, stopped, killed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backtest;
mod backup;
mod bench;
mod check;
mod export;
mod forced;
mod http;
mod kill;
mod lifecycle;
mod process;
mod simulate;
mod tune;
