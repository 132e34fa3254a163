//! Durable writes with one log per process and with one per partition, side by side in one run.
//!
//!     cargo run --release -p storage --example logs -- [seconds per run] [rounds]
//!
//! Writers put values of 400 bytes under keys of their own, spread over all partitions, one at a time
//! each. Both logs are measured in turn, several times, so that whatever else the machine does hits
//! both; figures and ratios are those of the median round. At the end a store that was not closed is opened: how long does
//! it take to read the log?

#![allow(clippy::unwrap_used, reason = "a measurement ends with the first error")]
#![allow(dead_code, reason = "what other measurements share")]

mod support;

use std::time::{Duration, Instant};
use storage::LogKind;
use support::{VALUE_BYTES, measure, open, put, table};

/// Partitions and writers.
const SHAPES: [(usize, usize); 5] = [(1, 1), (1, 64), (16, 1), (16, 64), (100, 64)];
const REOPEN_PARTITIONS: usize = 100;
const REOPEN_BYTES: usize = 50 << 20;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|given| given.parse::<u64>().unwrap());
    let run = Duration::from_secs(arguments.next().unwrap_or(5));
    let rounds = arguments.next().unwrap_or(3);
    println!("partitions writers | log      puts/s   p50 ms   p99 ms  max ms | node : engine");
    for (partitions, writers) in SHAPES {
        let mut measured = Vec::new();
        for _ in 0..rounds {
            let engine = measure(LogKind::Engine, partitions, writers, run).await;
            let node = measure(LogKind::Node, partitions, writers, run).await;
            measured.push((node.per_second / engine.per_second, engine, node));
        }
        measured.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (least, most) = (measured[0].0, measured[measured.len() - 1].0);
        let (ratio, engine, node) = measured[measured.len() / 2];
        println!("{partitions:>10} {writers:>7} | engine {engine}");
        println!("{:>18} | node   {node} | {ratio:.1} ({least:.1} to {most:.1})", "");
    }
    reopen().await;
}

/// Opens a copy of a store that is open: what a crash leaves behind.
async fn reopen() {
    let root = tempfile::tempdir_in(".").unwrap();
    let storage = open(root.path(), LogKind::Node).await;
    let table = table(&storage, REOPEN_PARTITIONS).await;
    let writes = (REOPEN_BYTES / VALUE_BYTES) as u64;
    for chunk in 0..writes / 1_000 {
        let chunk = chunk * 1_000..(chunk + 1) * 1_000;
        futures::future::join_all(chunk.map(|n| put(&table, 0, n))).await;
    }
    let copy = tempfile::tempdir_in(".").unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(root.path().join("."))
        .arg(copy.path())
        .status();
    assert!(copied.unwrap().success());
    let begun = Instant::now();
    let again = open(copy.path(), LogKind::Node).await;
    let (took, megabytes) = (begun.elapsed(), REOPEN_BYTES >> 20);
    println!("{REOPEN_PARTITIONS} partitions with {megabytes} MB of log open in {took:.2?}");
    again.close().await.unwrap();
    storage.close().await.unwrap();
}
