//! How long a store takes to open that was not closed: the log is read, and every partition replays its part.
//!
//!     cargo run --release -p storage --example reopen -- [partitions] [megabytes of log] [times]
//!
//! Opened is a copy of a store that is still open, which is what a crash leaves behind; a new copy each
//! time. Printed are the median and the longest.

#![allow(clippy::unwrap_used, reason = "a measurement ends with the first error")]
#![allow(dead_code, reason = "what other measurements share")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};
use storage::LogKind;
use support::{VALUE_BYTES, open, put, table};

/// Puts at the same time while the log is filled.
const PUTS_AT_ONCE: u64 = 1_000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|given| given.parse::<usize>().unwrap());
    let partitions = arguments.next().unwrap_or(100);
    let megabytes = arguments.next().unwrap_or(50);
    let times = arguments.next().unwrap_or(5);
    let root = tempfile::tempdir_in(".").unwrap();
    let storage = open(root.path(), LogKind::Node).await;
    let table = table(&storage, partitions).await;
    let writes = ((megabytes << 20) / VALUE_BYTES) as u64;
    for first in (0..writes).step_by(PUTS_AT_ONCE as usize) {
        let puts = (first..(first + PUTS_AT_ONCE).min(writes)).map(|n| put(&table, 0, n));
        futures::future::join_all(puts).await;
    }
    let mut took = Vec::new();
    for _ in 0..times {
        took.push(reopen(root.path()).await);
    }
    took.sort_unstable();
    let (median, longest) = (took[took.len() / 2], took[took.len() - 1]);
    println!(
        "{partitions} partitions with {megabytes} MB of log open in {median:.2?}, {longest:.2?} at the most"
    );
    storage.close().await.unwrap();
}

/// Opens a copy.
async fn reopen(root: &Path) -> Duration {
    let copy = tempfile::tempdir_in(".").unwrap();
    let copied =
        std::process::Command::new("cp").arg("-r").arg(root.join(".")).arg(copy.path()).status();
    assert!(copied.unwrap().success());
    let begun = Instant::now();
    let again = open(copy.path(), LogKind::Node).await;
    let took = begun.elapsed();
    again.close().await.unwrap();
    took
}
