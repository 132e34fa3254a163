//! The binary as its user meets it: started, talked to over HTTP, stopped, killed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backtest;
mod backup;
mod bench;
mod check;
mod config;
mod deploy;
mod export;
mod forced;
mod http;
mod kill;
mod kill_rekey;
mod lifecycle;
mod logs;
mod process;
mod reload;
mod s3;
mod simulate;
mod tls;
mod top;
mod tune;
